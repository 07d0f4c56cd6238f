"""Rendered faces say the truth about themselves: their points lie where they are drawn, their weights made them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_ict import made_ict
from made_packs import TRAIN, VAL, faces_columns, make_packs, mirror, save_pack
from made_places import on_sheet

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import FaceState, Identity
from mien.core.looks import looks_from_gaze
from mien.data.packs import FacesPack, Pictures, read_faces, read_folder
from mien.data.renders import HELD_OUT, SIDE, Rendered, Renderer, write_pack
from mien.detect.shape import mean_face
from mien.rig.compact import compact_model
from mien.rig.ict import IctRig
from mien.rig.places import Places

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


class Watched(IctRig):
    """Remembers who was drawn, and what they did."""

    people: list[Identity]
    states: list[FaceState]

    def vertices(self, identity: Identity, state: FaceState) -> Array:
        self.people.append(identity)
        self.states.append(state)
        return super().vertices(identity, state)


def made_rig() -> Watched:
    """One that has seen nobody yet."""
    rig = _rig()
    rig.people, rig.states = [], []
    return rig


@cache
def _rig() -> Watched:
    """A sheet with eyes, and 20 identity directions that widen it here and there."""
    model = made_ict(61)
    rng = np.random.default_rng(0)
    waves = np.sin(model.neutral[None] * rng.uniform(0.1, 0.5, (20, 1, 1)) + rng.uniform(0, 6, (20, 1, 1)))
    return Watched(replace(model, identities=(0.05 * waves).astype(np.float16)))


@cache
def places() -> Places:
    """Where the mean face's points fall on the sheet."""
    return on_sheet(mean_face().points)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[FacesPack]:
    return read_folder(make_packs(tmp_path_factory.mktemp("photos")))[0]


@pytest.fixture(scope="module")
def renderer(photos: list[FacesPack]) -> Renderer:
    return Renderer(made_rig(), places(), photos, "train")


def same(one: Rendered, other: Rendered) -> bool:
    return all((getattr(one, name) == getattr(other, name)).all() for name in ("pixels", "points", "weights", "placed"))


# --- faces ------------------------------------------------------------------------------------------------------------


def test_the_seed_decides(renderer: Renderer) -> None:
    one, again, other = (list(renderer.stream(3, seed)) for seed in (5, 5, 6))
    assert all(same(a, b) for a, b in zip(one, again, strict=True))
    assert not any(same(a, b) for a, b in zip(one, other, strict=True))
    assert not same(one[0], one[1])
    assert same(next(renderer.stream(1, 5)), one[0])


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
        np.testing.assert_allclose(face.points[:, :2], places().on(face.placed)[:, :2], atol=1e-9)
        nearer = face.points[:, 2] - face.points[:, 2].mean()
        depth = places().on(face.placed)[:, 2]
        slope, _ = np.polyfit(depth - depth.mean(), nearer, 1)
        width = np.ptp(face.points[:, 0]) / np.ptp(places().on(made_rig().rest().vertices)[:, 0])
        assert slope == pytest.approx(width, rel=0.4), "pixels a metre, in depth as across"
        assert np.abs(nearer - slope * (depth - depth.mean())).max() < 1e-6


def spotted(pack: FacesPack, point: int | None) -> FacesPack:
    """Dark photos, with a bright spot where one landmark is."""
    rows, columns = np.mgrid[:250, :250] + 0.5
    pictures = []
    for landmarks in pack.landmarks:
        photo = np.full((250, 250, 3), 40, np.uint8)
        if point is not None:
            away = np.hypot(columns - landmarks[point, 0], rows - landmarks[point, 1])
            photo[away < 6] = 250
        pictures.append(photo)

    class Drawn(Pictures):
        def __init__(self) -> None:
            pass

        def rgb(self, index: int) -> Array:
            return pictures[index]

    return replace(pack, pictures=Drawn())


@pytest.mark.parametrize("point", SEEN)
def test_points_lie_where_their_place_is_drawn(point: int, photos: list[FacesPack]) -> None:
    """A spot on the photo at a landmark shows on the render at that landmark."""
    plain, marked = (
        next(Renderer(made_rig(), places(), [spotted(photos[0], which)], "train").stream(1, 1))
        for which in (None, point)
    )
    np.testing.assert_array_equal(plain.points, marked.points)
    change = np.abs(marked.pixels.astype(int) - plain.pixels).sum(2)
    assert change.max() > 60
    rows, columns = np.nonzero(change > change.max() / 2)
    middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    unit = np.linalg.norm(marked.points[468, :2] - marked.points[473, :2])
    assert np.linalg.norm(middle - marked.points[point, :2]) < 0.1 * unit
    assert max(np.ptp(columns), np.ptp(rows)) < 0.5 * unit


def test_calm_faces_look_into_the_camera(photos: list[FacesPack]) -> None:
    angles = []
    for is_calm in (True, False):
        rig, rng = made_rig(), np.random.default_rng(0)
        maker = Renderer(rig, places(), photos, "train")
        for _ in range(6):
            maker.draw(rng, np.zeros(52, np.float32), is_calm)
        angles.append(np.mean([1 - np.trace(state.pose.rotation) / 3 for state in rig.states]))
    assert angles[0] < 0.3 * angles[1]


# --- weights ----------------------------------------------------------------------------------------------------------


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 100_000))
def test_weights_are_possible(seed: int) -> None:
    weights = plain().weights(np.random.default_rng(seed))
    assert weights.shape == (52,)
    assert weights.dtype == np.float32
    assert ((weights >= 0) & (weights <= 1)).all()
    assert weights[ARKIT.index("tongueOut")] == 0
    for one, other in OPPOSITES:
        assert min(weights[ARKIT.index(one)], weights[ARKIT.index(other)]) == 0, (one, other)


@cache
def plain() -> Renderer:
    columns = faces_columns("wild", 3)
    pictures = Pictures(columns["webp"], columns["offsets"])
    landmarks, weights = columns["landmarks"] / 16, columns["blendshapes"].astype(np.float32)
    about = (columns["spread"], columns["identity"], columns["split"], columns["mirror"])
    pack = FacesPack("wild", pictures, landmarks, weights, *about)
    return Renderer(made_rig(), places(), [pack], "train")


def test_weights_are_of_every_kind() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([plain().weights(rng) for _ in range(600)])
    used = (drawn > 0).mean(0)
    moved = [k for k, column in enumerate(ARKIT.columns) if column != "tongueOut"]
    assert used[moved].min() > 0.02, "each channel is learned"
    assert drawn[:, moved].max(0).min() > 0.6, "and its strong side, too"
    counts = (drawn > 0).sum(1)
    assert (counts <= 2).mean() > 0.1, "some have one channel, with its partner"
    assert (counts > 10).mean() > 0.1, "some have what a photo shows"
    alike = (drawn == drawn[:, ARKIT.mirror]).all(1).mean()
    assert 0.2 < alike < 0.8


def test_what_was_drawn_is_what_the_labels_say(photos: list[FacesPack]) -> None:
    rig = made_rig()
    faces = list(Renderer(rig, places(), photos, "train").stream(5, 3))
    assert len(rig.states) == 5
    for face, state in zip(faces, rig.states, strict=True):
        np.testing.assert_array_equal(state.expression.weights, face.weights)
        looks = ARKIT.indices([column for column in ARKIT.columns if column.startswith("eyeLook")])
        np.testing.assert_allclose(looks_from_gaze(state.gaze)[looks], face.weights[looks], atol=1e-5)


# --- who --------------------------------------------------------------------------------------------------------------


def test_nobody_of_validation_was_trained_on(photos: list[FacesPack]) -> None:
    used = {}
    for split in ("train", "val"):
        rig = made_rig()
        for _ in Renderer(rig, places(), photos, split).stream(4, 1):
            pass
        shapes = np.array([person.shape for person in rig.people])
        used[split] = set(np.flatnonzero(np.abs(shapes).max(0) > 0).tolist())
        assert np.abs(shapes).max() <= 1.4 + 1e-6
    assert used["val"] == set(range(20 - HELD_OUT, 20))
    assert used["train"] == set(range(20 - HELD_OUT))


@pytest.mark.parametrize(("split", "numbers"), [("train", range(TRAIN)), ("val", range(TRAIN, TRAIN + VAL))])
def test_skins_come_from_the_photos_of_the_split(split: str, numbers: range, photos: list[FacesPack]) -> None:
    asked: list[int] = []

    class Asked(Pictures):
        def __init__(self, inner: Pictures) -> None:
            self._inner = inner

        def rgb(self, index: int) -> Array:
            asked.append(index)
            return self._inner.rgb(index)

    watched = [replace(pack, pictures=Asked(pack.pictures)) for pack in photos]
    for _ in Renderer(made_rig(), places(), watched, split).stream(8, 2):
        pass
    assert len(asked) == 8
    assert set(asked) <= set(numbers)
    assert len(set(asked)) > 1


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
    assert len(set(pack.identity.tolist())) == 5
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


def test_the_real_rig_is_drawn_with_the_shipped_places(photos: list[FacesPack]) -> None:
    if not ICT.exists():
        pytest.skip("the ICT rig lies in ../shared, which is not here")
    renderer = Renderer(IctRig.load(ICT), compact_model().ict, photos, "val")
    rng = np.random.default_rng(0)
    for face in (renderer.draw(rng, np.zeros(52, np.float32), calm=True), *renderer.stream(1, 0)):
        unit = np.linalg.norm(face.points[468, :2] - face.points[473, :2])
        assert 30 < unit < 140
        assert (np.abs(face.points[:, :2] - SIDE / 2) < SIDE).all()
        assert face.points[468, 0] < face.points[473, 0]
        assert face.points[10, 1] < face.points[4, 1] < face.points[152, 1]
        assert face.points[4, 2] < face.points[[234, 454], 2].min(), "the nose is nearest"
