"""Edited photos say what was asked of them, and of some nothing was asked that their labels tell of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_packs import TRAIN, VAL, faces_columns, save_pack

from mien.compose.edited_faces import TOLD, drawn, edited_faces
from mien.core.arrays import Array
from mien.core.basis import ARKIT, action_name
from mien.data.pack_writer import LabelledFace
from mien.data.packs import FacesPack, read_faces
from mien.pipelines.edit import Editor

PLACES = ARKIT.indices(TOLD)


@pytest.fixture(scope="module")
def editor() -> Editor:
    """Motion alone, which is quick."""
    return Editor(paint=False, shade=False, mend=False)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> FacesPack:
    """Faces of which a teacher says that they show nothing."""
    columns = faces_columns("plain", 3, tuple(range(TRAIN + VAL)))
    return read_faces(save_pack(tmp_path_factory.mktemp("packs") / "faces-plain.npz", columns))


def made(
    packs: list[FacesPack], editor: Editor, split: str = "train", count: int = 99, seed: int = 1
) -> list[LabelledFace]:
    return list(edited_faces(packs, split, count, editor, seed))


def source(face: LabelledFace, pack: FacesPack) -> int:
    """Number of the picture that was edited."""
    return [f"{pack.name} {name}" for name in pack.identity.tolist()].index(face.person)


# --- what is asked ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
def test_what_is_asked_is_an_expression_of_few_channels(seed: int) -> None:
    weights = drawn(np.random.default_rng(seed))
    asked = {action_name(action) for action in ARKIT.actions if weights[ARKIT.indices(action)].any()}
    assert 1 <= len(asked) <= 3
    assert ((weights == 0) | ((weights >= 0.15) & (weights <= 1))).all()
    assert weights[ARKIT.index("tongueOut")] == 0
    for one, other in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
        assert not (weights[ARKIT.index(one)] and weights[ARKIT.index(other)])


def test_every_channel_is_asked_for_and_of_many_faces_none_that_is_told() -> None:
    rng = np.random.default_rng(1)
    weights = np.array([drawn(rng) for _ in range(2000)])
    asked = (weights > 0).sum(0)
    assert asked[[k for k, name in enumerate(ARKIT.columns) if name != "tongueOut"]].min() > 0
    assert asked[PLACES].min() > 80
    otherwise = ~weights[:, PLACES].any(1)
    assert 0.25 < otherwise.mean() < 0.35
    assert weights[otherwise].any(1).all(), "having been edited tells nothing"
    left, right = (weights[:, ARKIT.index(f"mouthDimple{side}")] > 0 for side in ("Left", "Right"))
    assert 0.5 < (left & right).sum() / (left | right).sum() < 0.7


# --- what comes of it -------------------------------------------------------------------------------------------------


def test_each_photo_of_a_split_is_edited_once(calm: FacesPack, editor: Editor) -> None:
    for split, count in (("train", TRAIN), ("val", VAL)):
        faces = made([calm], editor, split)
        assert sorted(source(face, calm) for face in faces) == calm.indices(split).tolist()
        assert len(faces) == count
        assert {face.split for face in faces} == {split}
    assert len(made([calm], editor, count=4)) == 4


def test_the_seed_decides(calm: FacesPack, editor: Editor) -> None:
    one, again, other = (made([calm], editor, seed=seed) for seed in (1, 1, 2))
    assert all((a.pixels == b.pixels).all() and (a.weights == b.weights).all() for a, b in zip(one, again, strict=True))
    assert any((a.weights != b.weights).any() for a, b in zip(one, other, strict=True))


def test_pixels_and_points_move_as_the_labels_say(calm: FacesPack, editor: Editor) -> None:
    """A jaw goes to its own side, and only there where something was asked does anything move."""
    ways: dict[str, list[float]] = {}
    for seed in range(12):
        for face in made([calm], editor, seed=seed):
            index = source(face, calm)
            before = calm.landmarks[index]
            moved = np.linalg.norm((face.points - before)[:, :2], axis=1)
            assert (face.pixels != calm.pictures.rgb(index)).any()
            assert moved.max() > 0.3
            assert moved.max() < 60
            np.testing.assert_allclose(face.points[:, 2], before[:, 2])
            np.testing.assert_allclose(face.spread, calm.spread[index])
            for name in ("jawLeft", "jawRight"):
                if face.weights[ARKIT.index(name)] > 0.3 and not mouth_aside(face.weights):
                    ways.setdefault(name, []).append(float((face.points - before)[152, 0]))
    assert min(ways["jawLeft"]) > 0 > max(ways["jawRight"]), "the subject's left is on the right of a picture"


def mouth_aside(weights: Array) -> bool:
    return bool(weights[ARKIT.indices(["mouthLeft", "mouthRight"])].any())


def test_a_photo_whose_teacher_sees_such_a_channel_move_is_left_out(calm: FacesPack, editor: Editor) -> None:
    weights = np.array(calm.weights)
    weights[0, ARKIT.index("mouthFrownLeft")] = 0.2
    weights[1, ARKIT.index("mouthSmileLeft")] = 0.9
    seen = FacesPack(**{name: getattr(calm, name) for name in FacesPack.__annotations__} | {"weights": weights})
    faces = {source(face, seen): face for face in made([seen], editor)}
    assert 0 not in faces
    assert faces[1].weights[ARKIT.index("mouthSmileLeft")] >= 0.9, "what a face shows stays"


def test_what_cannot_be_edited_is_passed_over(calm: FacesPack, editor: Editor) -> None:
    landmarks = np.array(calm.landmarks)
    landmarks[0] = landmarks[0].mean(0) + (landmarks[0] - landmarks[0].mean(0)) * 0.4  # too small
    landmarks[1] = np.random.default_rng(1).uniform(60, 190, (478, 3))  # no face
    pack = FacesPack(**{name: getattr(calm, name) for name in FacesPack.__annotations__} | {"landmarks": landmarks})
    assert {source(face, pack) for face in made([pack], editor)} == set(range(2, TRAIN))
