"""Tiles hold the face upright in their middle, its points lie on what was drawn, and no border is learned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_packs import CAPTION, EACH, TRAIN, VAL, WEDGE, make_people, people_columns, save_pack

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import affine_scale, apply_affine, bounds
from mien.data.packs import FacesPack, ScenesPack, read_faces, read_folder
from mien.data.tiles import (
    EXPRESSIVE,
    FACE,
    TILE,
    Tiles,
    cut_tiles,
    faceless_tiles,
    faceless_window,
    outside,
    tile_square,
)
from mien.imaging.warp import MARGIN, face_square

CHECKED = settings(derandomize=True, deadline=None, max_examples=60)
CHEEKS = (50, 280)
Packs = tuple[list[FacesPack], ScenesPack]


@pytest.fixture(scope="module")
def tiles(packs: Packs) -> Tiles:
    return cut_tiles(packs[0], "train")


def seen_at(tile: Array, points: Array) -> Array:
    x, y = np.floor(points[:, :2]).astype(int).T
    return np.asarray(tile[y, x])


def places_of_pixels(to_picture: Array) -> Array:
    """[256, 256, 2] where the centre of each pixel of a tile lies in the picture."""
    x, y = np.meshgrid(np.arange(TILE) + 0.5, np.arange(TILE) + 0.5)
    return apply_affine(to_picture, np.stack([x, y], -1))


class TestTiles:
    def test_there_is_one_tile_a_face_of_the_split(self, packs: Packs, tiles: Tiles) -> None:
        assert tiles.pixels.shape == (2 * TRAIN, TILE, TILE)
        assert tiles.pixels.dtype == np.uint8
        assert tiles.pack.tolist() == [0] * TRAIN + [1] * TRAIN
        assert len(cut_tiles(packs[0], "val").pixels) == 2 * VAL
        for name in ("weights", "spread"):
            wanted = np.concatenate([getattr(pack, name)[pack.indices("train")] for pack in packs[0]])
            np.testing.assert_array_equal(getattr(tiles, name), wanted)

    def test_the_square_of_the_face_lies_in_the_middle(self, packs: Packs) -> None:
        for points in packs[0][0].landmarks[:4]:
            square, tile = face_square(points, FACE), tile_square(points)
            inner = (TILE - FACE) / 2 + np.array([[0.0, 0], [FACE, 0], [FACE, FACE], [0, FACE]])
            np.testing.assert_allclose(apply_affine(tile, inner), apply_affine(square, inner - inner[0]), atol=1e-9)
            assert affine_scale(tile) == pytest.approx(affine_scale(square))

    def test_points_are_upright_centred_and_of_one_size(self, tiles: Tiles) -> None:
        for points in tiles.points:
            box = bounds(points)
            np.testing.assert_allclose((box[:2] + box[2:]) / 2, TILE / 2, atol=1e-3)
            assert (box[2:] - box[:2]).max() == pytest.approx(FACE / MARGIN, rel=1e-5)
            assert points[10, 1] < points[152, 1], "the forehead is above the chin"
            assert points[IRIS_RIGHT, 0] < points[IRIS_LEFT, 0]

    def test_points_lie_on_what_was_drawn(self, tiles: Tiles) -> None:
        for tile, points in zip(tiles.pixels, tiles.points, strict=True):
            assert seen_at(tile, points[[IRIS_RIGHT, IRIS_LEFT]]).max() < 70
            assert seen_at(tile, points[list(CHEEKS)]).min() > 150

    def test_depth_has_the_scale_of_the_tile(self, packs: Packs, tiles: Tiles) -> None:
        given_points = packs[0][0].landmarks[0]
        np.testing.assert_allclose(
            tiles.points[0, :, 2], given_points[:, 2] / affine_scale(tile_square(given_points)), rtol=1e-4, atol=1e-4
        )

    @pytest.mark.parametrize("which", [0, 1])
    def test_nothing_but_photograph_is_kept(self, which: int, packs: Packs, tiles: Tiles) -> None:
        pack = packs[0][which]
        for k, index in enumerate(pack.indices("train")):
            places = places_of_pixels(tile_square(pack.landmarks[index]))
            side = pack.pictures.rgb(index).shape[0]
            edge = np.minimum(places, side - places).min(-1)  # how far inside the picture
            border = places[..., 1] - CAPTION if which == 0 else (places.sum(-1) - WEDGE) / np.sqrt(2)
            within = np.minimum(edge, border)
            tile = tiles.pixels[which * TRAIN + k]
            assert (tile[within < -2] == 0).all()
            assert (tile[within > 5] >= 1).all()
            assert (tile[within > 5] > 10).mean() > 0.99


class TestPeople:
    def test_pictures_of_one_person_have_one_number_and_others_another(self, tmp_path: Path) -> None:
        packs, _ = read_folder(make_people(tmp_path))
        found = cut_tiles(packs, "train")
        assert found.person.reshape(-1, EACH).std(1).max() == 0
        each = found.person[::EACH]
        assert len(set(each.tolist())) == len(each) == 3 * TRAIN // EACH, "a name in two packs is two people"

    def test_numbers_follow_names_not_order(self, tmp_path: Path) -> None:
        columns = people_columns("wild", 1)
        columns["identity"] = np.array(["b", "a", "c"] * (TRAIN // 3) + ["d"] * VAL)
        pack = read_faces(save_pack(tmp_path / "faces-wild.npz", columns))
        person = cut_tiles([pack], "train").person
        assert len(set(person.tolist())) == 3
        for k in range(3):
            assert len(set(person[k::3].tolist())) == 1

    def test_neutral_is_whom_a_person_called_so_and_the_render_that_shows_nothing(self, tmp_path: Path) -> None:
        packs, _ = read_folder(make_people(tmp_path))
        found = cut_tiles(packs, "train")
        first = np.arange(TRAIN) % EACH == 0
        for k, pack in enumerate(packs):
            wanted = np.zeros(TRAIN, bool) if pack.by_hand else first
            np.testing.assert_array_equal(found.neutral[found.pack == k], wanted, err_msg=pack.name)

    def test_without_a_word_no_photo_is_neutral(self, packs: Packs, tiles: Tiles) -> None:
        assert tiles.neutral.shape == (2 * TRAIN,)
        assert not tiles.neutral.any()
        silent = replace(packs[0][0], weights=np.zeros_like(packs[0][0].weights))
        assert not cut_tiles([silent], "train").neutral.any(), "a teacher's nothing is no word"

    @pytest.mark.parametrize(
        ("channel", "weight", "neutral"),
        [
            ("jawOpen", 0.04, True),
            ("jawOpen", 0.06, False),
            ("noseSneerLeft", 0.5, False),
            ("eyeBlinkLeft", 1.0, True),
            ("eyeLookUpRight", 1.0, True),
            ("eyeSquintRight", 0.2, False),
        ],
    )
    def test_a_render_that_looks_about_or_blinks_is_neutral(
        self, channel: str, weight: float, neutral: bool, packs: Packs
    ) -> None:
        pack = packs[0][0]
        weights = np.zeros_like(pack.weights)
        weights[0, ARKIT.index(channel)] = weight
        found = cut_tiles([replace(pack, weights=weights, rendered=True)], "train").neutral
        assert found.tolist() == [neutral] + [True] * (TRAIN - 1)

    def test_ten_channels_make_no_expression(self) -> None:
        others = {ARKIT.columns[k] for k in set(range(len(ARKIT))) - set(EXPRESSIVE)}
        ways = [f"eyeLook{way}" for way in ("Up", "Down", "In", "Out")]
        assert others == {f"{name}{side}" for name in (*ways, "eyeBlink") for side in ("Left", "Right")}


class TestOutside:
    def test_only_black_that_reaches_the_border_is_outside(self) -> None:
        rgb = np.full((60, 80, 3), 90, np.uint8)
        rgb[:10, :10] = 0
        rgb[30:40, 30:40] = 3
        hidden = outside(rgb, "faces-wild")
        assert hidden[:10, :10].all()
        assert not hidden[13:, :].any()
        assert not hidden[30:40, 30:40].any(), "dark hair inside the picture"

    def test_a_dark_but_coloured_border_is_photograph(self) -> None:
        assert not outside(np.full((20, 20, 3), [0, 0, 60], np.uint8), "faces-wild").any()

    def test_a_caption_is_outside(self) -> None:
        hidden = outside(np.zeros((60, 80, 3), np.uint8), "faces-synthetic")
        assert hidden[:CAPTION].all()
        assert not hidden[CAPTION:].any()


class TestFaceless:
    def test_the_generator_alone_decides(self, packs: Packs) -> None:
        one, same, other = (faceless_tiles(packs[1], "train", np.random.default_rng(k), 6) for k in (1, 1, 2))
        assert one.shape == (6, TILE, TILE)
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()
        assert one.min() >= 1

    def test_a_split_without_pictures_is_named(self, packs: Packs) -> None:
        with pytest.raises(InputError, match="has no picture without faces of split test"):
            faceless_tiles(packs[1], "test", np.random.default_rng(0), 3)

    @CHECKED
    @given(st.integers(0, 2**32 - 1), st.integers(40, 160), st.integers(40, 160))
    def test_windows_show_no_face_but_its_rim(self, seed: int, width: int, height: int) -> None:
        rng = np.random.default_rng(seed)
        grey, boxes = np.full((height, width), 9, np.uint8), np.zeros((2, 4))
        for k in range(2):
            wide, high = 10 * rng.integers(1, 4, 2)
            x, y = rng.integers(-10, width), rng.integers(-10, height)
            boxes[k] = x, y, x + wide, y + high
            rim = wide // 10
            grey[max(y + rim, 0) : max(y + high - rim, 0), max(x + rim, 0) : max(x + wide - rim, 0)] = 255
        for _ in range(5):
            window = faceless_window(grey, boxes, rng)
            if window is not None:
                assert window.width == window.height >= 24 - 1
                assert np.asarray(window).max(initial=0) == 9

    def test_a_face_that_fills_the_picture_leaves_no_window(self) -> None:
        rng = np.random.default_rng(0)
        grey = np.full((50, 50), 9, np.uint8)
        assert faceless_window(grey, np.array([[-5.0, -5, 55, 55]]), rng) is None
        assert faceless_window(grey, np.zeros((0, 4)), rng) is not None
