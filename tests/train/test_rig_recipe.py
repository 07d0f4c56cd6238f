"""What known directions made is learned again; what nobody teaches stays as the ICT rig has it."""

from dataclasses import replace

import numpy as np
import pytest
from made_packs import mirror
from made_places import head, labelled, on_sheet

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import rotation_from_angles
from mien.core.points import IRISES_LEFT, IRISES_RIGHT
from mien.data.packs import FacesPack
from mien.detect.shape import mean_face
from mien.rig.compact import MOVED, CompactModel, compact_model, turn_features
from mien.train.rig import DEAD, IDENTITIES, carried_directions, gather, laid_over, learn_rig, resting

ALIVE = [k for k, column in enumerate(MOVED) if column not in DEAD]
TWINS = [MOVED.index(ARKIT.columns[ARKIT.mirror[ARKIT.index(column)]]) for column in MOVED]


def flipped(points: Array) -> Array:
    return np.asarray((points * [-1, 1, 1])[..., mirror(), :])


def truth() -> Array:
    """[51, 478, 3] directions, those of the dead channels nought: nobody could learn them."""
    directions = np.array(compact_model().expressions, np.float64)
    directions[[k for k in range(len(MOVED)) if k not in ALIVE]] = 0
    return directions


@pytest.fixture(scope="module")
def carried() -> Array:
    return carried_directions(head(), on_sheet(mean_face().points), mean_face(), mirror())


@pytest.fixture(scope="module")
def packs() -> list[FacesPack]:
    alive = [MOVED[k] for k in ALIVE]
    return [labelled(truth(), 500, 1, moving=alive), labelled(truth(), 200, 2, "faces-people", alive, people=40)]


@pytest.fixture(scope="module")
def learned(packs: list[FacesPack]) -> CompactModel:
    return learn_rig(packs, mean_face(), head(), on_sheet(mean_face().points))


def cosine(one: Array, other: Array) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


def test_known_directions_are_recovered(learned: CompactModel) -> None:
    """As they are once the head is laid over its steady points, which a brow or a cheek moves a little."""
    expected = laid_over(mean_face().points + truth()[ALIVE], mean_face().points)[0] - mean_face().points
    for place, k in enumerate(ALIVE):
        found = learned.expressions[k]
        assert cosine(found, expected[place]) > 0.9, MOVED[k]
        assert np.linalg.norm(found) / np.linalg.norm(expected[place]) == pytest.approx(1, abs=0.3), MOVED[k]
    assert np.mean([cosine(learned.expressions[k], expected[p]) for p, k in enumerate(ALIVE)]) > 0.97


def test_dead_channels_stay_those_that_were_carried(learned: CompactModel, carried: Array) -> None:
    assert len(DEAD) == 9
    for name in DEAD:
        k = MOVED.index(name)
        np.testing.assert_allclose(learned.expressions[k], carried[k], atol=1e-7)


def test_what_no_photo_shows_stays_near_what_was_carried(carried: Array) -> None:
    """A channel that is taught but never moves follows its prior."""
    unseen = ("mouthFunnel", "mouthPucker")
    pack = labelled(truth(), 300, 3, moving=[MOVED[k] for k in ALIVE if MOVED[k] not in unseen])
    model = learn_rig([pack], mean_face(), head(), on_sheet(mean_face().points))
    for name in unseen:
        k = MOVED.index(name)
        assert cosine(model.expressions[k], carried[k]) > 0.99
        assert np.linalg.norm(model.expressions[k]) > 0.2 * np.linalg.norm(carried[k])


def test_everything_learned_is_its_own_mirror_image(learned: CompactModel) -> None:
    np.testing.assert_allclose(flipped(learned.mean), learned.mean, atol=1e-7)
    np.testing.assert_allclose(flipped(learned.expressions), learned.expressions[TWINS], atol=1e-6)
    signs = np.array([-1, 1, 1, 1, -1])[:, None, None]
    np.testing.assert_allclose(flipped(learned.turns) * signs, learned.turns, atol=1e-6)


def test_the_mean_is_a_resting_face(learned: CompactModel) -> None:
    assert 0 < learned.mean[14, 1] - learned.mean[13, 1] < 1.2e-3
    assert np.linalg.norm(learned.mean - mean_face().points, axis=1).mean() < 2e-3
    np.testing.assert_array_equal(learned.triangles, mean_face().triangles)


def test_identities_are_the_directions_in_which_people_differ(learned: CompactModel, packs: list[FacesPack]) -> None:
    assert learned.identities.shape == (IDENTITIES, 478, 3)
    sizes = np.linalg.norm(learned.identities.reshape(IDENTITIES, -1), axis=1)
    assert (np.diff(sizes) < 1e-7).all()
    assert sizes[2] > 3 * sizes[6], "people were made of three numbers each"
    again = learn_rig(packs, mean_face(), head(), on_sheet(mean_face().points))
    np.testing.assert_array_equal(again.identities, learned.identities)
    along = np.arange(478 * 3)
    assert (learned.identities.reshape(IDENTITIES, -1).astype(np.float64) @ along > -1e-6).all(), "signs are settled"


def test_what_turning_does_to_landmarks_is_kept_apart() -> None:
    """A reader that draws the nose along with the head's turn teaches the turns, and no expression."""
    pack = labelled(truth(), 400, 4, moving=[MOVED[k] for k in ALIVE])
    rotations = laid_over(pack.landmarks.astype(np.float64), mean_face().points)[1]
    fault = np.zeros((5, 478, 3))
    fault[0, [44, 274, 19], 0] = 0.02
    scale = np.linalg.norm(pack.landmarks[:, IRIS_LEFT] - pack.landmarks[:, IRIS_RIGHT], axis=1) / 0.063
    shifts = np.einsum("nf,fpc,ndc->npd", turn_features(rotations), fault, rotations) * scale[:, None, None]
    spoiled = replace(pack, landmarks=(pack.landmarks + shifts).astype(np.float32))
    places = on_sheet(mean_face().points)
    clean, faulty = (learn_rig([each], mean_face(), head(), places) for each in (pack, spoiled))
    change = faulty.turns - clean.turns
    np.testing.assert_allclose(change[0, [44, 274, 19], 0], 0.02, atol=4e-3)
    others = np.setdiff1d(np.arange(478), [44, 274, 19])
    assert np.abs(change[0, others]).max() < 1e-4
    assert np.abs(faulty.expressions - clean.expressions).max() < 1e-3


def test_generated_faces_count_less() -> None:
    """Their strange smile hardly bends the one that photos teach."""
    smile = MOVED.index("mouthSmileLeft"), MOVED.index("mouthSmileRight")
    strange = truth()
    strange[list(smile)] *= 3
    alive = [MOVED[k] for k in ALIVE]
    photos = labelled(truth(), 300, 5, moving=alive)
    sizes = []
    for name in ("faces-synthetic", "faces-wild"):
        other = labelled(strange, 300, 6, name, alive)
        model = learn_rig([photos, other], mean_face(), head(), on_sheet(mean_face().points))
        sizes.append(np.linalg.norm(model.expressions[smile[0]]))
    assert sizes[0] < 0.85 * sizes[1]


def test_only_faces_to_train_on_that_look_ahead_are_gathered() -> None:
    pack = labelled(truth(), 50, 7)
    turned = pack.landmarks @ rotation_from_angles(0, 1.2, 0).T
    landmarks = np.where((np.arange(50) % 2 == 0)[:, None, None], pack.landmarks, turned)
    faces = gather([replace(pack, landmarks=landmarks.astype(np.float32))], mean_face())
    straight = [k for k in pack.indices("train") if k % 2 == 0]
    assert len(faces.points) == 2 * len(straight), "each again in the mirror"
    half = len(straight)
    np.testing.assert_allclose(faces.points[half:], flipped(faces.points[:half]), atol=1e-9)
    np.testing.assert_allclose(faces.weights[half:], faces.weights[:half, TWINS], atol=1e-7)
    assert not set(faces.person[:half].tolist()) & set(faces.person[half:].tolist())
    assert len(gather([pack], mean_face(), "val").points) == 2 * len(pack.indices("val"))


def test_a_mouth_rests_when_it_is_closed_and_its_weights_are_low() -> None:
    faces = gather([labelled(truth(), 60, 8, moving=[MOVED[k] for k in ALIVE])], mean_face())
    calm = resting(faces)
    mouth = [k for k, column in enumerate(MOVED) if column.startswith(("mouth", "jaw"))]
    assert 0 < calm.sum() < len(calm)
    assert faces.weights[calm][:, mouth].max() < 0.2
    gaping = faces.points.copy()
    gaping[:, 14, 1] += 0.01
    assert not resting(replace(faces, points=gaping)).any()


def test_without_a_resting_face_there_is_no_rig() -> None:
    pack = labelled(truth(), 40, 9)
    weights = pack.weights.copy()
    weights[:, ARKIT.index("mouthPucker")] = 0.9
    with pytest.raises(ValueError, match="none of the training faces rests its mouth"):
        learn_rig([replace(pack, weights=weights)], mean_face(), head(), on_sheet(mean_face().points))


# --- what is carried --------------------------------------------------------------------------------------------------


def test_carried_directions_are_symmetric_and_in_metres(carried: Array) -> None:
    assert carried.shape == (51, 478, 3)
    np.testing.assert_allclose(flipped(carried), carried[TWINS], atol=1e-6)
    jaw = carried[MOVED.index("jawOpen")]
    assert 0.02 < jaw[152, 1] < 0.04
    assert np.abs(jaw[[10, 105, 334]]).max() < 2e-3


def test_carried_irises_turn_about_their_eyes(carried: Array) -> None:
    looking = MOVED.index("eyeLookOutLeft"), MOVED.index("eyeLookOutRight"), MOVED.index("eyeLookUpLeft")
    assert carried[looking[0], IRISES_LEFT[0], 0] > 4e-3
    assert carried[looking[1], IRISES_RIGHT[0], 0] < -4e-3
    assert carried[looking[2], IRISES_LEFT[0], 1] < -4e-3
    assert np.abs(carried[looking[0]][list(IRISES_RIGHT)]).max() < 1e-3


def test_laid_over_takes_pose_and_size_away() -> None:
    faces = np.array(
        [
            mean_face().points * scale @ rotation_from_angles(*angles).T + 100
            for scale, angles in ((900.0, (0.1, 0.4, -0.2)), (2.0, (0, 0, 3.0)))
        ]
    )
    laid, rotations = laid_over(faces, mean_face().points)
    np.testing.assert_allclose(laid, np.broadcast_to(mean_face().points, laid.shape), atol=1e-9)
    np.testing.assert_allclose(rotations[0], rotation_from_angles(0.1, 0.4, -0.2), atol=1e-9)
