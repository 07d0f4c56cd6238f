"""Rendered faces say the truth about themselves: their points lie where they are drawn, their weights made them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_packs import TRAIN, VAL, faces_columns, make_packs, mirror, save_pack
from made_renders import (
    BARE,
    IDENTITIES,
    NOTHING,
    Shown,
    drawn,
    face_in_photo,
    made_rig,
    photo_pack,
    plain,
    plain_photo,
    sheet_places,
)

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.looks import looks_from_gaze
from mien.core.points import STEADY
from mien.data.packs import FacesPack, read_faces, read_folder
from mien.data.renders import (
    HELD_OUT,
    NEUTRAL,
    SIDE,
    Person,
    Rendered,
    Renderer,
    Studio,
    write_pack,
)
from mien.rig.compact import compact_model
from mien.rig.ict import IctRig

ICT = Path(__file__).parents[3] / "shared" / "data" / "rigs" / "ict-facekit.npz"
SEEN = (152, 61, 334, 50)
"""Landmarks spread over the face."""
OPPOSITES = (
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
    ("eyeLookInLeft", "eyeLookOutLeft"),
    ("eyeLookUpRight", "eyeLookDownRight"),
    ("eyeBlinkLeft", "eyeWideLeft"),
    ("browDownRight", "browOuterUpRight"),
)


class Sitters(Renderer):
    """Remembers whom it drew."""

    sat: list[Person]

    def draw(self, rng: np.random.Generator, person: Person, weights: Array) -> Rendered:
        self.sat.append(person)
        return super().draw(rng, person, weights)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[FacesPack]:
    return read_folder(make_packs(tmp_path_factory.mktemp("photos")))[0]


@pytest.fixture(scope="module")
def renderer(photos: list[FacesPack]) -> Renderer:
    return Renderer(made_rig(), sheet_places(), photos, "train")


def same(one: Rendered, other: Rendered) -> bool:
    return all((getattr(one, name) == getattr(other, name)).all() for name in ("pixels", "points", "weights", "placed"))


# --- faces ------------------------------------------------------------------------------------------------------------


def test_the_seed_decides(renderer: Renderer) -> None:
    one, again, other = (list(renderer.stream(3, seed)) for seed in (5, 5, 6))
    assert all(same(a, b) for a, b in zip(one, again, strict=True))
    assert not any(same(a, b) for a, b in zip(one, other, strict=True))
    assert not same(one[0], one[1])
    assert same(next(renderer.stream(1, 5)), one[0])


def test_one_person_keeps_still_where_that_is_asked(renderer: Renderer) -> None:
    """What expression moves aside, the four faces of a person have one scene; the next person has another."""
    one, *others, next_person = renderer.stream(5, 5, still=True)
    held = list(STEADY)
    for other in others:
        np.testing.assert_array_equal(other.pixels[:3], one.pixels[:3])
        assert np.abs(other.points[held] - one.points[held]).mean() < 3
        assert (other.weights != one.weights).any()
    assert (next_person.pixels[:3] != one.pixels[:3]).any()
    assert np.abs(next_person.points[held] - one.points[held]).mean() > 3
    assert all(same(a, b) for a, b in zip(renderer.stream(5, 5, still=True), [one, *others, next_person], strict=True))


def test_a_face_is_a_picture_with_points_weights_and_vertices(renderer: Renderer) -> None:
    for face in renderer.stream(4, 1):
        assert face.pixels.shape == (SIDE, SIDE, 3)
        assert face.pixels.dtype == np.uint8
        assert face.points.shape == (478, 3)
        assert face.weights.shape == (52,)
        assert face.placed.shape[1] == 3
        assert np.isfinite(face.points).all()
        assert face.pixels.std() > 5
        assert (face.placed[:, 2] > 0.3).all(), "metres before the camera"


def test_points_are_read_off_the_placed_vertices_and_depth_is_in_their_scale(renderer: Renderer) -> None:
    for face in renderer.stream(4, 2):
        np.testing.assert_allclose(face.points[:, :2], sheet_places().on(face.placed)[:, :2], atol=1e-9)
        nearer = face.points[:, 2] - face.points[:, 2].mean()
        depth = sheet_places().on(face.placed)[:, 2]
        slope, _ = np.polyfit(depth - depth.mean(), nearer, 1)
        width = np.ptp(face.points[:, 0]) / np.ptp(sheet_places().on(made_rig().rest().vertices)[:, 0])
        assert slope == pytest.approx(width, rel=0.4), "pixels a metre, in depth as across"
        assert np.abs(nearer - slope * (depth - depth.mean())).max() < 1e-6


@pytest.mark.parametrize("point", SEEN)
def test_points_lie_where_their_place_is_drawn(point: int) -> None:
    """A red spot on the photo at a landmark shows on the render at that landmark, whatever the light."""
    photo = plain_photo((110, 110, 110))
    rows, columns = np.mgrid[: len(photo), : len(photo)] + 0.5
    centre = face_in_photo()[point]
    photo[np.hypot(columns - centre[0], rows - centre[1]) < 6] = (230, 50, 50)
    spotted = Renderer(made_rig(), sheet_places(), [photo_pack([photo])], "train", BARE)
    for seed in range(3):
        without, marked = drawn(plain(colour=(110, 110, 110)), seed), drawn(spotted, seed)
        np.testing.assert_array_equal(without.points, marked.points)
        redness = [face.pixels[..., 0] / np.maximum(face.pixels.sum(2), 1.0) for face in (without, marked)]
        change = redness[1] - redness[0]
        assert change.max() > 0.05
        ys, xs = np.nonzero(change > change.max() / 2)
        unit = np.linalg.norm(marked.points[IRIS_RIGHT, :2] - marked.points[IRIS_LEFT, :2])
        middle = np.array([xs.mean() + 0.5, ys.mean() + 0.5])
        assert np.linalg.norm(middle - marked.points[point, :2]) < 0.1 * unit
        assert max(np.ptp(xs), np.ptp(ys)) < 0.5 * unit


# --- weights ----------------------------------------------------------------------------------------------------------


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 100_000))
def test_weights_are_possible(seed: int) -> None:
    weights = taught().weights(np.random.default_rng(seed))
    assert weights.shape == (52,)
    assert weights.dtype == np.float32
    assert ((weights >= 0) & (weights <= 1)).all()
    assert weights[ARKIT.index("tongueOut")] == 0
    assert weights[ARKIT.index("jawOpen")] >= weights[ARKIT.index("mouthClose")], "lips close over an open jaw"
    for one, other in OPPOSITES:
        assert min(weights[ARKIT.index(one)], weights[ARKIT.index(other)]) == 0, (one, other)


@cache
def taught(performed: tuple[tuple[float, ...], ...] | None = None) -> Renderer:
    """Photos that show much."""
    weights = faces_columns("wild", 3)["blendshapes"].astype(np.float32)
    pack = photo_pack([plain_photo((150, 120, 100))] * len(weights), weights=weights)
    rows = None if performed is None else np.array(performed)
    return Renderer(made_rig(), sheet_places(), [pack], "train", performed=rows)


@cache
def many_weights() -> Array:
    """[3000, 52]"""
    rng = np.random.default_rng(0)
    return np.array([taught().weights(rng) for _ in range(3000)])


def test_weights_are_of_every_kind() -> None:
    weights = many_weights()
    used = (weights > 0).mean(0)
    moved = [k for k, column in enumerate(ARKIT.columns) if column != "tongueOut"]
    assert used[moved].min() > 0.02, "each channel is learned"
    assert weights[:, moved].max(0).min() > 0.6, "and its strong side, too"
    counts = (weights > 0).sum(1)
    assert ((counts == 1) | (counts == 2)).mean() > 0.1, "some have one channel, with its partner"
    assert (counts > 10).mean() > 0.1, "some have what a photo shows"
    expressive = weights[counts > 0]
    alike = (expressive == expressive[:, ARKIT.mirror]).all(1).mean()
    assert 0.2 < alike < 0.8


def test_a_share_of_the_faces_shows_nothing() -> None:
    nothing = (many_weights() == 0).all(1).mean()
    assert nothing == pytest.approx(NEUTRAL, abs=0.02)


def test_no_side_is_drawn_more_often_than_the_other() -> None:
    weights = many_weights()
    few = weights[(weights > 0).sum(1) <= 10]  # the others show what the photos show
    used = (few > 0).sum(0)
    for column, other in enumerate(ARKIT.mirror):
        if column < other:
            ratio = used[column] / used[other]
            assert 0.7 < ratio < 1.4, (ARKIT.columns[column], ARKIT.columns[other])


def test_performances_are_shown_beside_what_photos_show() -> None:
    pattern = NOTHING.copy()
    pattern[ARKIT.indices(["cheekPuff", "mouthFunnel", "noseSneerLeft", "browInnerUp", "mouthShrugUpper"])] = 1.0
    maker, rng = taught((tuple(pattern.tolist()),) * 88), np.random.default_rng(0)
    shown, shares = 0, []
    for _ in range(600):
        weights = maker.weights(rng)
        channels = weights[pattern > 0]
        if (channels > 0).all() and np.sum(np.isclose(channels, np.median(channels))) >= 3:
            shown += 1
            shares.append(np.median(channels))
    # 100 rows, 12 of which are photos': a face in three shows one of them.
    assert 0.2 < shown / 600 < 0.42
    assert min(shares) >= 0.3 - 1e-6
    assert max(shares) > 0.9
    assert max(shares) <= 1


def test_what_was_drawn_is_what_the_labels_say(photos: list[FacesPack]) -> None:
    rig = made_rig()
    faces = list(Renderer(rig, sheet_places(), photos, "train").stream(5, 3))
    assert len(rig.states) == 5
    for face, state in zip(faces, rig.states, strict=True):
        np.testing.assert_array_equal(state.expression.weights, face.weights)
        looks = ARKIT.indices([column for column in ARKIT.columns if column.startswith("eyeLook")])
        np.testing.assert_allclose(looks_from_gaze(state.gaze)[looks], face.weights[looks], atol=1e-5)


# --- who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", [2, 4])
def test_faces_of_one_person_follow_each_other_and_share_shape_and_skin(each: int, photos: list[FacesPack]) -> None:
    rig = made_rig()
    maker = Sitters(rig, sheet_places(), photos, "train", Studio(each=each))
    maker.sat = []
    faces = list(maker.stream(2 * each + 1, 7))
    assert [face.person for face in faces] == ["0"] * each + ["1"] * each + ["2"]
    shapes = np.array([person.shape for person in rig.people])
    people = [maker.sat[k] for k in range(0, len(faces), each)]
    for number, (sitter, shape) in enumerate(zip(maker.sat, shapes, strict=True)):
        assert sitter is people[number // each]
        np.testing.assert_allclose(shape, sitter.shape)
    for one, other in ((0, 1), (1, 2)):
        assert not np.allclose(people[one].shape, people[other].shape)
        assert not np.array_equal(people[one].colours, people[other].colours)
    assert len({face.pixels.tobytes() for face in faces}) == len(faces)


def test_nobody_of_validation_was_trained_on(photos: list[FacesPack]) -> None:
    used = {}
    for split in ("train", "val"):
        rig = made_rig()
        maker, rng = Renderer(rig, sheet_places(), photos, split), np.random.default_rng(1)
        for _ in maker.stream(1, 1):
            pass
        shapes = np.array([*(person.shape for person in rig.people), *(maker.person(rng, "").shape for _ in range(9))])
        used[split] = set(np.flatnonzero(np.abs(shapes).max(0) > 0).tolist())
        assert np.abs(shapes).max() <= 1.4 + 1e-6
    assert used["val"] == set(range(IDENTITIES - HELD_OUT, IDENTITIES))
    assert used["train"] == set(range(IDENTITIES - HELD_OUT))


@pytest.mark.parametrize(("split", "numbers"), [("train", range(TRAIN)), ("val", range(TRAIN, TRAIN + VAL))])
def test_skins_come_from_the_photos_of_the_split(split: str, numbers: range) -> None:
    count = TRAIN + VAL
    pictures = [plain_photo((100 + 10 * k, 110, 100)) for k in range(count)]
    pack = photo_pack(pictures, split=["train"] * TRAIN + ["val"] * VAL)
    maker, rng = Renderer(made_rig(), sheet_places(), [pack], split), np.random.default_rng(0)
    for _ in range(60):
        maker.person(rng, "somebody")
    assert isinstance(pack.pictures, Shown)
    assert set(pack.pictures.asked) == set(numbers), "all of them, and no other"


def test_expressions_come_from_the_photos_of_the_split() -> None:
    weights = np.zeros((2, 52), np.float32)
    train, val = ARKIT.indices(["mouthFunnel", "mouthPucker"])
    weights[0, train] = weights[1, val] = 1.0
    pack = photo_pack([plain_photo((150, 120, 100))] * 2, weights=weights, split=["train", "val"])
    for split, own, other in (("train", train, val), ("val", val, train)):
        maker, rng = Renderer(made_rig(), sheet_places(), [pack], split), np.random.default_rng(0)
        shown = np.array([maker.weights(rng) for _ in range(400)]) > 0
        assert shown[:, own].mean() > 0.3
        assert shown[:, other].mean() < 0.15


def test_a_split_without_photos_is_said() -> None:
    pack = photo_pack([plain_photo((9, 9, 9))])
    with pytest.raises(InputError, match=r"^faces-made: E_FORMAT: no photo of split val"):
        Renderer(made_rig(), sheet_places(), [pack], "val")


# --- a pack -----------------------------------------------------------------------------------------------------------


def test_a_pack_of_renders_reads_back(photos: list[FacesPack], renderer: Renderer, tmp_path: Path) -> None:
    train, val = (list(renderer.stream(count, seed)) for count, seed in ((3, 1), (2, 9)))
    file = tmp_path / "faces-renders.npz"
    parts: dict[str, Iterator[Rendered]] = {"train": iter(train), "val": iter(val)}
    write_pack(file, parts, mirror())
    pack = read_faces(file)
    assert pack.rendered
    assert not any(photo.rendered for photo in photos)
    assert pack.split.tolist() == ["train"] * 3 + ["val"] * 2
    assert pack.identity.tolist() == ["train-0"] * 3 + ["val-0"] * 2, "a person of training is nobody of validation"
    assert (pack.label == "").all()
    assert pack.named.all()
    assert not pack.spread.any()
    np.testing.assert_array_equal(pack.mirror, mirror())
    for index, face in enumerate(train + val):
        np.testing.assert_allclose(pack.landmarks[index], face.points, atol=1 / 32 + 1e-6)
        np.testing.assert_allclose(pack.weights[index], face.weights, atol=5e-4)
        picture = pack.pictures.rgb(index)
        assert picture.shape == (SIDE, SIDE, 3)
        assert np.abs(picture.astype(int) - face.pixels).mean() < 12, "compression alone"


def test_a_pack_of_one_split_and_points_far_outside(renderer: Renderer, tmp_path: Path) -> None:
    face = next(renderer.stream(1, 4))
    far = replace(face, points=face.points + np.array([1e5, -1e5, 0]))
    write_pack(tmp_path / "faces-far.npz", {"train": iter([far])}, mirror())
    pack = read_faces(tmp_path / "faces-far.npz")
    assert len(pack.indices("val")) == 0
    assert pack.landmarks[0, :, 0].max() == 32767 / 16, "kept at the border of what a pack can say"


def test_the_same_faces_make_the_same_file(renderer: Renderer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_pack(tmp_path / f"faces-{name}.npz", {"train": renderer.stream(2, 3)}, mirror())
    assert (tmp_path / "faces-one.npz").read_bytes() == (tmp_path / "faces-two.npz").read_bytes()


def test_a_pack_that_says_it_is_photos_is_photos(tmp_path: Path) -> None:
    for name, rendered in (("yes", True), ("no", False)):
        columns = {**faces_columns("wild", 1), "rendered": np.array(rendered)}
        assert read_faces(save_pack(tmp_path / f"faces-{name}.npz", columns)).rendered is rendered


# --- the real rig -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not ICT.exists(), reason="the ICT rig lies in ../shared, which is not here")
def test_the_real_rig_is_drawn_with_the_shipped_places(photos: list[FacesPack]) -> None:
    rig, rng = IctRig.load(ICT), np.random.default_rng(0)
    renderer = Renderer(rig, compact_model().ict, photos, "val", BARE)
    person = renderer.person(rng, "somebody")
    calm = renderer.draw(np.random.default_rng(1), person, NOTHING)
    for face in (calm, *renderer.stream(1, 0)):
        unit = np.linalg.norm(face.points[IRIS_RIGHT, :2] - face.points[IRIS_LEFT, :2])
        assert 30 < unit < 140
        assert (np.abs(face.points[:, :2] - SIDE / 2) < SIDE).all()
        assert face.points[IRIS_RIGHT, 0] < face.points[IRIS_LEFT, 0]
        assert face.points[10, 1] < face.points[4, 1] < face.points[152, 1]
        assert face.points[4, 2] < face.points[[234, 454], 2].min(), "the nose is nearest"
    # Behind closed lips nobody's exposure is that of the teeth.
    colours = person.colours.copy()
    for region in rig.model.regions:
        if region.name in ("teeth", "gums_tongue"):
            colours[region.start : region.stop] = 0
    toothless = renderer.draw(np.random.default_rng(1), replace(person, colours=colours), NOTHING)
    rows, columns = np.nonzero((calm.pixels != toothless.pixels).any(2))
    away = np.column_stack([columns, rows]) + 0.5 - calm.points[[13, 14], :2].mean(0)
    unit = np.linalg.norm(calm.points[IRIS_RIGHT, :2] - calm.points[IRIS_LEFT, :2])
    assert np.linalg.norm(away, axis=1).max(initial=0) < 0.5 * unit, "nothing but what shows between the lips"
