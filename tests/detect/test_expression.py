"""The shipped expression network on a real portrait, and through the mirror."""

import numpy as np
from portraits import astronaut, finder, reader

from mien.core.basis import ARKIT
from mien.core.face import Expression
from mien.core.image import Frame
from mien.detect.expression import ExpressionReader
from mien.detect.follow import Follower
from mien.detect.landmarks import Sight
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card


def head() -> ExpressionReader:
    return ExpressionReader(OnnxSession(card("lgml")))


def sight(mirrored: bool = False) -> Sight:
    """As capture sees her."""
    pixels = np.ascontiguousarray(astronaut()[:, ::-1] if mirrored else astronaut())
    return max(
        (one.sight for one in Follower(finder(), reader(), 5, None).see(Frame(pixels))),
        key=lambda seen: float(np.ptp(seen.landmarks.points[:, 0])),
    )


def test_she_smiles_and_does_nothing_of_the_kind_that_would_not_go_with_it() -> None:
    expression = head().read(sight())
    assert expression.basis == ARKIT
    weights = dict(zip(ARKIT.columns, expression.weights.tolist(), strict=True))
    assert min(weights["mouthSmileLeft"], weights["mouthSmileRight"]) > 0.4
    for name in ("mouthFrownLeft", "cheekPuff", "jawLeft", "jawRight", "mouthFunnel", "eyeBlinkLeft"):
        assert weights[name] < 0.3, name
    assert weights["tongueOut"] == 0


def test_weights_lie_between_nothing_and_everything() -> None:
    weights = head().read(sight()).weights
    assert weights.shape == (52,)
    assert ((weights >= 0) & (weights <= 1)).all()


def test_her_mirror_image_reads_mirrored() -> None:
    """Exactly so for the network; what is left is that the points are found once more."""
    one, other = head().read(sight()), head().read(sight(mirrored=True))
    assert float(np.abs(one.weights - other.weights[ARKIT.mirror]).mean()) < 0.02


def test_the_reading_is_a_record_that_nothing_can_change() -> None:
    expression: Expression = head().read(sight())
    assert not expression.weights.flags.writeable
