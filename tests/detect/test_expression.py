"""The shipped expression network on a real portrait, and through the mirror."""

from dataclasses import replace

import numpy as np
from portraits import astronaut, finder, reader

from mien.core.basis import ARKIT
from mien.core.face import Expression
from mien.core.geometry import apply_affine
from mien.core.image import Frame
from mien.detect.expression import ExpressionReader
from mien.detect.follow import Follower
from mien.detect.landmarks import AT_ONCE, PointRefiner, Sight
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card


def head() -> ExpressionReader:
    return ExpressionReader.shipped()


def sight(mirrored: bool = False) -> Sight:
    """As capture sees her."""
    pixels = np.ascontiguousarray(astronaut()[:, ::-1] if mirrored else astronaut())
    followed = Follower(finder(), reader(), 5, None).see(Frame(pixels))
    return max(
        (one.sight for one in followed if isinstance(one.sight, Sight)),
        key=lambda seen: float(np.ptp(seen.landmarks.points[:, 0])),
    )


def test_she_smiles_and_does_nothing_of_the_kind_that_would_not_go_with_it() -> None:
    expression, _ = head().read(sight())
    assert expression.basis == ARKIT
    weights = dict(zip(ARKIT.columns, expression.weights.tolist(), strict=True))
    assert min(weights["mouthSmileLeft"], weights["mouthSmileRight"]) > 0.4
    for name in ("mouthFrownLeft", "cheekPuff", "jawLeft", "jawRight", "mouthFunnel", "eyeBlinkLeft"):
        assert weights[name] < 0.3, name
    assert weights["tongueOut"] == 0


def test_several_faces_are_read_together_as_each_by_itself() -> None:
    """More than one call of the networks takes; to the last digits, for several are summed in another order."""
    plain = sight()
    faces = [plain if k % 3 else replace(plain, cut=np.roll(plain.cut, k, axis=-1)) for k in range(AT_ONCE + 3)]
    using = ExpressionReader(OnnxSession(card("lgml")), PointRefiner(OnnxSession(card("refiner"))))
    together = using.read_all(faces)
    assert len(together) == len(faces)
    for face, (expression, seen) in zip(faces, together, strict=True):
        alone, where = using.read(face)
        np.testing.assert_allclose(expression.weights, alone.weights, rtol=0, atol=1e-5)
        np.testing.assert_allclose(seen.cut_points, where.cut_points, rtol=0, atol=1e-3)
    assert np.ptp([expression["mouthSmileLeft"] for expression, _ in together]) > 1e-3, "they are told apart"
    assert list(using.read_all([])) == []


def test_weights_lie_between_nothing_and_everything() -> None:
    weights = head().read(sight())[0].weights
    assert weights.shape == (52,)
    assert ((weights >= 0) & (weights <= 1)).all()


def test_her_mirror_image_reads_mirrored() -> None:
    """Exactly so for the network; what is left is that the points are found once more."""
    (one, _), (other, _) = head().read(sight()), head().read(sight(mirrored=True))
    assert float(np.abs(one.weights - other.weights[ARKIT.mirror]).mean()) < 0.02


def test_the_reading_is_a_record_that_nothing_can_change() -> None:
    expression: Expression = head().read(sight())[0]
    assert not expression.weights.flags.writeable


def test_points_move_a_little_and_lie_in_the_frame_where_they_lie_in_the_cut() -> None:
    before = sight()
    _, after = head().read(before)
    away = np.linalg.norm((after.cut_points - before.cut_points)[:, :2], axis=1)
    assert 0 < away.mean() < 2
    np.testing.assert_allclose(after.landmarks.points, apply_affine(before.to_frame, after.cut_points), atol=1e-3)
    assert after.landmarks.score == before.landmarks.score
    np.testing.assert_array_equal(after.cut, before.cut)
