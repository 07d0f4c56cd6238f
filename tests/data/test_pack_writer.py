"""What is written into a faces pack is what `mien.data.packs` reads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_packs import made_landmarks, made_weights, mirror, textured

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.data.pack_writer import LabelledFace, PackWriter, mirror_map, split_of
from mien.data.packs import read_faces
from mien.detect.shape import mean_face
from mien.formats.npz import read_members


def made_face(
    seed: int, split: str = "train", person: str = "anna", label: str = "", spread: float = 0.0
) -> LabelledFace:
    """A blotchy picture of some size, with points and weights."""
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(80, 120, 2))
    weights = made_weights(rng)
    points = made_landmarks(rng, weights, 70, (width / 2, height / 2))
    return LabelledFace(np.asarray(textured(rng, width, height)), points, weights, person, split, label, spread)


def written(tmp_path: Path, faces: list[LabelledFace], writer: PackWriter | None = None) -> Path:
    writer = writer or PackWriter(mirror())
    for face in faces:
        writer.add(face)
    writer.write(tmp_path / "faces-made.npz")
    return tmp_path / "faces-made.npz"


def members(file: Path) -> dict[str, Array]:
    return read_members(file.read_bytes(), 1 << 24)


def test_faces_come_back(tmp_path: Path) -> None:
    faces = [
        made_face(1, person="anna", label="neutral", spread=0.7),
        made_face(2, "val", "Bört", "", 1.25),
        made_face(3, person="anna", label="surprise"),
    ]
    pack = read_faces(written(tmp_path, faces))
    assert len(pack.pictures) == 3
    assert pack.identity.tolist() == ["anna", "Bört", "anna"]
    assert pack.split.tolist() == ["train", "val", "train"]
    assert pack.label.tolist() == ["neutral", "", "surprise"]
    np.testing.assert_allclose(pack.spread, [0.7, 1.25, 0])
    np.testing.assert_array_equal(pack.mirror, mirror())
    for index, face in enumerate(faces):
        np.testing.assert_allclose(pack.landmarks[index], face.points, atol=1 / 32 + 1e-6)
        np.testing.assert_allclose(pack.weights[index], face.weights, atol=5e-4)
        picture = pack.pictures.rgb(index)
        assert picture.shape == face.pixels.shape
        assert np.abs(picture.astype(int) - face.pixels).mean() < 12, "compression alone"


@pytest.mark.parametrize("said", [(), ("rendered",), ("by_hand",), ("edited",)])
def test_where_the_labels_come_from_is_said(said: tuple[str, ...], tmp_path: Path) -> None:
    writer = PackWriter(mirror(), rendered="rendered" in said, by_hand="by_hand" in said, edited="edited" in said)
    pack = read_faces(written(tmp_path, [made_face(1)], writer))
    assert tuple(name for name in ("rendered", "by_hand", "edited") if getattr(pack, name)) == said
    assert pack.named.all()


def test_only_what_is_named_is_written(tmp_path: Path) -> None:
    named = ("jawOpen", "eyeBlinkLeft")
    face = made_face(5)
    file = written(tmp_path, [face], PackWriter(mirror(), named))
    assert members(file)["blendshape_names"].tolist() == list(named)
    assert members(file)["blendshapes"].shape == (1, 2)
    pack = read_faces(file)
    assert [column for column, there in zip(ARKIT.columns, pack.named, strict=True) if there] == [
        "eyeBlinkLeft",
        "jawOpen",
    ]
    np.testing.assert_allclose(pack.weights[0, pack.named], face.weights[pack.named], atol=5e-4)
    assert not pack.weights[0, ~pack.named].any()


def test_a_name_that_is_no_channel_is_refused() -> None:
    with pytest.raises(KeyError, match="no column jawOpn"):
        PackWriter(mirror(), ("jawOpn",))


def test_the_same_faces_make_the_same_file(tmp_path: Path) -> None:
    first = written(tmp_path, [made_face(1), made_face(2)]).read_bytes()
    assert written(tmp_path, [made_face(1), made_face(2)]).read_bytes() == first
    assert written(tmp_path, [made_face(2), made_face(1)]).read_bytes() != first


def test_points_far_outside_stay_at_the_border(tmp_path: Path) -> None:
    face = made_face(1)
    far = replace(face, points=face.points + np.array([1e5, -1e5, 0]))
    pack = read_faces(written(tmp_path, [far]))
    assert pack.landmarks[0, :, 0].max() == 32767 / 16
    assert pack.landmarks[0, :, 1].min() == -2048


def test_a_pack_without_faces_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one face or more"):
        PackWriter(mirror()).write(tmp_path / "faces-none.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"points": np.zeros((468, 3))}, r"points must have shape \[478, 3\]"),
        ({"points": np.full((478, 3), np.nan)}, "points holds numbers that are not finite"),
        ({"weights": np.zeros(51)}, r"weights must have shape \[52\]"),
        ({"pixels": np.zeros((4, 4), np.uint8)}, "pixels must be uint8"),
        ({"split": "test"}, "split must be one of train, val"),
        ({"spread": -1.0}, "spread must be 0 or more"),
        ({"spread": float("nan")}, "spread must be 0 or more"),
    ],
)
def test_a_face_checks_itself(change: dict[str, object], cause: str) -> None:
    face = made_face(1)
    about = {name: getattr(face, name) for name in ("pixels", "points", "weights", "person", "split")}
    with pytest.raises(ValueError, match=cause):
        LabelledFace(**{**about, **change})


# --- splits and mirrors -----------------------------------------------------------------------------------------------


@settings(derandomize=True, deadline=None)
@given(st.text())
def test_a_name_alone_decides_the_split(name: str) -> None:
    assert split_of(name) in {"train", "val"}
    assert split_of(name) == split_of(name)


def test_about_every_tenth_person_validates() -> None:
    share = np.mean([split_of(f"person {k}") == "val" for k in range(4000)])
    assert 0.08 < share < 0.12
    # Written down, for a pack made later must put the same person on the same side.
    assert [name for name in map(str, range(40)) if split_of(name) == "val"] == ["0", "7", "9", "10", "33"]


def test_the_mirror_of_the_mean_face() -> None:
    found = mirror_map(mean_face().points)
    np.testing.assert_array_equal(found, mirror())
    np.testing.assert_array_equal(found[found], np.arange(478))
    assert found[468] == 473
    assert found[33] == 263


def test_a_crooked_face_has_no_mirror() -> None:
    with pytest.raises(ValueError, match="not symmetrical"):
        mirror_map(mean_face().points + np.random.default_rng(0).normal(0, 0.02, (478, 3)))
