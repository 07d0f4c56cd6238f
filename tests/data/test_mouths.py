"""Mouths to learn from are open, sharp and large enough; each pack gives its share; a view agrees with its maps."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_mouths import face_points, opened_points, toothy
from made_packs import faces_columns, make_packs, mirror, save_pack
from PIL import Image

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.geometry import invert_affine
from mien.core.image import LUMINANCE
from mien.data.mouth_views import NARROW, Damaged, fits_narrow, has_seam, plain, varied
from mien.data.mouths import OPEN, SMALL, Mouths, read_mouths
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH, MouthPatch, resampled, sharpness
from mien.imaging.warp import face_square, sample_affine
from mien.nets.landmarks import SIDE
from mien.train.frozen_reader import seen_through

SHARED = Path(__file__).parents[3] / "shared" / "data"
HOLE, OPENING, ALONG = (MAPS.index(name) for name in ("hole", "opening", "along"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_packs(tmp_path_factory.mktemp("mouths"))


@pytest.fixture(scope="module")
def mouths(folder: Path) -> Mouths:
    return read_mouths(folder, "train")


def changed(folder: Path, **columns: Array) -> Path:
    """A folder of one pack with some columns replaced."""
    folder.mkdir()
    save_pack(folder / "faces-made.npz", faces_columns("made", 3) | columns)
    return folder


def _biting(count: int) -> Mouths:
    """Mouths whose rows of teeth meet in a line."""
    pictures, points = [], []
    for k in range(count):
        face = opened_points(face_points(210.0, (150.0, 150.0)), 13.0 + k % 3)
        patch = MouthPatch.of(face)
        pictures.append(resampled(toothy(patch, 120, (0.6, 0.7)), invert_affine(patch.to_frame), 300, 300))
        points.append(face)
    share, weights = np.full(count, 1 / count), np.zeros((count, len(ARKIT)), np.float32)
    gap = np.array([MouthPatch.of(face).gap for face in points])
    squares = np.array([face_square(face, SIDE) for face in points])
    faces = np.array([_reading(one, square) for one, square in zip(pictures, squares, strict=True)])
    own = tuple(pictures), np.array(points), weights, gap, share, np.full(count, "made")
    return Mouths(*own, faces, squares, mirror())


def _reading(picture: Array, square: Array) -> Array:
    """[128, 128] what a reader sees of a face."""
    return sample_affine(picture @ LUMINANCE, square, SIDE).round().astype(np.uint8)


class TestRead:
    def test_every_mouth_is_open_and_lies_where_it_lay(self, mouths: Mouths) -> None:
        assert len(mouths) == len(mouths.points) == len(mouths.weights) == len(mouths.share) == len(mouths.pack)
        assert (mouths.gap >= OPEN).all()
        for picture, points, gap in zip(mouths.pictures, mouths.points, mouths.gap, strict=True):
            patch = MouthPatch.of(points)
            assert patch.gap == pytest.approx(gap, rel=1e-3)
            assert patch.scale > SMALL
            x, y = points[13]
            assert 0 < x < picture.shape[1]
            assert 0 < y < picture.shape[0]
            assert picture.shape[1] < 250

    def test_a_cut_out_holds_what_its_patch_shows(self, folder: Path, mouths: Mouths) -> None:
        from_picture = mouths.pictures[0]
        cut = MouthPatch.of(mouths.points[0]).cut(from_picture)
        assert cut[2:-2, 2:-2].std() > 5

    def test_whole_faces_lie_round_their_mouths(self, mouths: Mouths) -> None:
        """Where a picture reaches, its face shows the same."""
        assert mouths.faces.shape == (len(mouths), SIDE, SIDE)
        assert mouths.faces.dtype == np.uint8
        for picture, face, square in zip(mouths.pictures, mouths.faces, mouths.squares, strict=True):
            inside = sample_affine(np.ones(picture.shape[:2], np.float32), square, SIDE) == 1
            assert 0.1 < inside.mean() < 0.9
            away = np.abs(_reading(picture, square).astype(int) - face)[inside]
            assert away.max() <= 1
            assert face[~inside].std() > 5

    def test_shares_are_the_packs_and_sum_to_one(self, mouths: Mouths) -> None:
        assert mouths.share.sum() == pytest.approx(1)
        of = {name: mouths.share[mouths.pack == name].sum() for name in np.unique(mouths.pack)}
        assert of["faces-synthetic"] / of["faces-wild"] == pytest.approx(0.22 / 0.15)

    def test_wide_mouths_are_drawn_more_often(self, mouths: Mouths) -> None:
        for name in np.unique(mouths.pack):
            of_it = mouths.pack == name
            assert np.corrcoef(mouths.gap[of_it], mouths.share[of_it])[0, 1] > 0.8

    def test_validation_mouths_are_others(self, folder: Path, mouths: Mouths) -> None:
        val = read_mouths(folder, "val")
        assert 0 < len(val) < len(mouths)
        assert not {p.tobytes() for p in val.pictures} & {p.tobytes() for p in mouths.pictures}

    def test_one_person_of_many_pictures_does_not_take_over(self, tmp_path: Path) -> None:
        columns = faces_columns("made", 3)
        who = np.array(["often"] * 8 + [f"once {k}" for k in range(4)])
        mouths = read_mouths(changed(tmp_path / "one", identity=who, split=np.full(12, "train")), "train")
        shares = mouths.share / np.clip(mouths.gap, 4, 40)
        assert len(mouths) == len(columns["split"])
        assert shares[:8].sum() < shares[8:].sum()

    @pytest.mark.parametrize("reason", ["unsure", "blurred", "small"])
    def test_what_teaches_nothing_is_left_out(self, reason: str, tmp_path: Path) -> None:
        columns = faces_columns("made", 3)
        if reason == "unsure":
            columns["spread"] = np.full(12, 4, np.float16)
        elif reason == "blurred":
            grey = faces_columns("made", 3)
            columns["webp"], columns["offsets"] = _flat(len(grey["split"]))
        else:
            columns["landmarks"] = (columns["landmarks"] * 0.5).astype(np.int16)
        with pytest.raises(InputError, match="E_NOTHING: holds no open, sharp mouth to learn from"):
            read_mouths(changed(tmp_path / reason, **columns), "train")

    def test_a_face_without_points_is_passed_over(self, tmp_path: Path) -> None:
        columns = faces_columns("made", 3)
        columns["landmarks"] = columns["landmarks"].copy()
        columns["landmarks"][0] = 0
        whole = read_mouths(changed(tmp_path / "whole"), "train")
        assert len(read_mouths(changed(tmp_path / "one", **columns), "train")) == len(whole) - 1

    @pytest.mark.skipif(not (SHARED / "faces-official.npz").is_file(), reason="the packs lie in ../shared, not here")
    def test_portraits_of_officials_give_some_hundred(self, tmp_path: Path) -> None:
        (tmp_path / "faces-official.npz").symlink_to(SHARED / "faces-official.npz")
        found = read_mouths(tmp_path, "val")
        assert 25 < len(found) < 55


def _flat(count: int) -> tuple[Array, Array]:
    """The stream and offsets of pictures of a slope of light, in which nothing is sharp."""
    slope = np.tile(np.linspace(60, 190, 250).astype(np.uint8), (250, 1))
    buffer = io.BytesIO()
    Image.fromarray(np.repeat(slope[..., None], 3, 2)).save(buffer, "WEBP", lossless=True, quality=0, method=0)
    part = np.frombuffer(buffer.getvalue(), np.uint8)
    return np.tile(part, count), np.arange(count + 1) * len(part)


def one(mouths: Mouths, seed: int, window: tuple[int, int] = (HEIGHT, WIDTH), count: int = 6) -> Damaged:
    return varied(mouths, np.arange(count) % len(mouths), np.random.default_rng(seed), window)


def _parts(mouths: Mouths) -> tuple[object, ...]:
    own = mouths.pictures, mouths.points, mouths.weights.copy(), mouths.gap, mouths.share, mouths.pack
    return *own, mouths.faces, mouths.squares


def _some(part: object, which: Array) -> Any:
    """The chosen ones of a column of mouths."""
    if isinstance(part, tuple):
        return tuple(one for one, chosen in zip(part, which, strict=True) if chosen)
    return np.asarray(part)[which]


class TestViews:
    def test_the_seed_alone_decides(self, mouths: Mouths) -> None:
        first, same, other = one(mouths, 1), one(mouths, 1), one(mouths, 2)
        assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
        assert not torch.equal(first.target, other.target)

    @pytest.mark.parametrize("window", [NARROW, (HEIGHT, WIDTH)])
    def test_shapes_and_ranges(self, mouths: Mouths, window: tuple[int, int]) -> None:
        sample = one(mouths, 3, window)
        assert sample.picture.shape == sample.target.shape == (6, 3, *window)
        assert sample.maps.shape == (6, len(MAPS), *window)
        assert sample.weights.shape == (6, len(ARKIT))
        assert sample.sharpness.shape == (6, 1)
        assert sample.face.shape == (6, 1, SIDE, SIDE)
        assert sample.place.shape == (6, 2, 3)
        for part in sample:
            assert part.dtype == torch.float32
            assert part.isfinite().all()
        assert 0 <= float(sample.target.min()) <= float(sample.target.max()) <= 255

    @pytest.mark.parametrize("window", [NARROW, (HEIGHT, WIDTH)])
    def test_windows_lie_in_their_faces_mirrored_or_not(self, mouths: Mouths, window: tuple[int, int]) -> None:
        """What a window shows goes with what its face shows there, and its mirror image does not."""
        sample = one(mouths, 4, window, 24)
        height, width = window
        flip = torch.tensor([[-1.0, 0, width], [0, 1, 0]])
        whole = torch.cat([sample.place, torch.tensor([[[0.0, 0, 1]]]).expand(24, -1, -1)], 1)
        grey, inside = sample.target.mean(1, keepdim=True), torch.ones((24, 1, height, width))
        alike = []
        for place in (sample.place, flip @ whole):
            shown, cover = seen_through(grey, place), seen_through(inside, place) > 0.99
            alike.append(
                [float(np.corrcoef(a[c], b[c])[0, 1]) for a, b, c in zip(shown, sample.face, cover, strict=True)]
            )
        straight, turned = np.array(alike)
        assert np.median(straight) > 0.7
        assert (straight > turned).mean() > 0.9

    def test_a_narrow_window_shows_the_whole_hole_of_a_mouth_that_fits(self, mouths: Mouths) -> None:
        fits = np.flatnonzero(fits_narrow(mouths))
        assert len(fits) > 0
        for seed in range(4):
            sample = varied(mouths, fits, np.random.default_rng(seed), NARROW)
            hole = sample.maps[:, HOLE]
            assert (hole.sum((1, 2)) > 100).all()
            edge = torch.cat([hole[:, 0], hole[:, -1], hole[:, :, 0], hole[:, :, -1]], 1)
            assert float(edge.max()) == 0

    def test_the_hole_lies_on_the_mouth_mirrored_or_not(self, mouths: Mouths) -> None:
        """A drawn mouth is dark red: it must lie where the maps say, in either hand."""
        sample = one(mouths, 5, count=24)
        for target, maps in zip(sample.target, sample.maps, strict=True):
            red_over_green = target[0] - target[1]
            opening = maps[OPENING] == 1
            assert target.mean(0)[opening].mean() < target.mean(0)[maps[HOLE] == 0].mean()
            assert red_over_green[opening].mean() > 0 or red_over_green.abs().max() < 1e-3  # or in black and white
        assert (sample.maps[:, ALONG].diff(dim=2).mean((1, 2)) > 0).all()

    def test_only_the_rim_of_the_hole_is_damaged_and_only_darker(self, mouths: Mouths) -> None:
        sample = one(mouths, 6, count=24)
        away = sample.target - sample.picture
        assert float(away.min()) >= 0
        assert float(away.max()) > 10
        assert 0 < int((away.amax((1, 2, 3)) > 3).sum()) < 24
        for change, maps in zip(away, sample.maps, strict=True):
            touched = change.amax(0) > 2
            if touched.any():
                near = torch.nn.functional.max_pool2d(maps[None, :1], 15, 1, 7)[0, 0] > 0
                assert near[touched].all()

    def test_weights_are_swapped_in_a_mirror(self, mouths: Mouths) -> None:
        left, right = (ARKIT.index("mouthSmile" + side) for side in ("Left", "Right"))
        weights = np.zeros_like(mouths.weights)
        weights[:, left] = 1
        lopsided = replace(mouths, weights=weights)
        told = one(lopsided, 7, count=24).weights
        turned = told[:, right] > 0.5
        assert 0 < int(turned.sum()) < 24
        assert (told[turned, left] < 0.5).all()
        assert (told[~turned, left] > 0.5).all()

    def test_mouths_with_dark_in_them_are_opened_further_where_there_is_room(self, mouths: Mouths) -> None:
        """Drawn mouths hold nothing but the dark."""
        dark = has_seam(mouths)
        assert dark.dtype == bool
        assert dark.sum() > 3
        some = Mouths(*[_some(part, dark) for part in _parts(mouths)] + [mouths.mirror])
        jaw = ARKIT.index("jawOpen")
        some.weights[:, jaw] = 0.3
        narrow, roomy = (one(some, 8, window, 40) for window in (NARROW, (HEIGHT, WIDTH)))
        sizes = [sample.maps[:, OPENING].sum((1, 2)).mean() for sample in (narrow, roomy)]
        assert sizes[1] > 1.3 * sizes[0]
        assert narrow.weights[:, jaw].max() < 0.5 < roomy.weights[:, jaw].max() < 1.3

    def test_rows_of_teeth_that_met_part_and_mostly_stay(self) -> None:
        biting = _biting(24)
        assert has_seam(biting).all()
        shut, roomy = (one(biting, 3, window, 24) for window in (NARROW, (HEIGHT, WIDTH)))
        sizes = [sample.maps[:, OPENING].sum((1, 2)).mean() for sample in (shut, roomy)]
        assert sizes[1] > 1.2 * sizes[0]
        # Where both rows stay, what is to be painted is the dark between them and the rims along the lips.
        left = (roomy.maps[:, HOLE] * roomy.maps[:, OPENING]).sum((1, 2)) / roomy.maps[:, OPENING].sum((1, 2))
        some = left < 0.8
        assert 4 <= int(some.sum()) <= 20
        dark = roomy.target.mean(1)
        inside = (roomy.maps[:, HOLE] * roomy.maps[:, OPENING] > 0.9)[some]
        kept = (((1 - roomy.maps[:, HOLE]) * roomy.maps[:, OPENING]) > 0.9)[some]
        assert float(dark[some][inside].median()) < 0.5 * float(dark[some][kept].median())

    def test_of_half_of_the_mouths_a_part_stays(self, mouths: Mouths) -> None:
        sample = one(mouths, 9, count=60)
        missing = (sample.maps[:, OPENING] - sample.maps[:, HOLE]).clamp(min=0).sum((1, 2))
        stays = missing > 3
        assert 15 < int(stays.sum()) < 45
        assert (sample.maps[:, HOLE].sum((1, 2)) > 0).all()

    def test_plain_ones_are_what_the_painter_will_see(self, mouths: Mouths) -> None:
        sample = plain(mouths, np.array([1]))
        patch = MouthPatch.of(mouths.points[1])
        cut = patch.cut(mouths.pictures[1])
        np.testing.assert_array_equal(sample.picture[0].permute(1, 2, 0).numpy(), cut)
        assert torch.equal(sample.picture, sample.target)
        np.testing.assert_array_equal(sample.maps[0].numpy(), patch.maps())
        assert float(sample.sharpness) == pytest.approx(sharpness(cut, patch.inner))
