"""Named places among the points: they are distinct, and lie on the mean face where their names say."""

import numpy as np

from mien.core.points import EYE_LEFT, EYE_RIGHT, INNER_LIPS, IRISES_LEFT, OUTER_LIPS, SPARSE_68, STEADY
from mien.detect.shape import mean_face


def test_names_stand_for_distinct_points() -> None:
    for places in (EYE_LEFT, EYE_RIGHT, INNER_LIPS, OUTER_LIPS, SPARSE_68, STEADY):
        assert len(set(places)) == len(places)
    assert len(SPARSE_68) == 68


def test_the_68_lie_where_their_mark_up_says() -> None:
    x, y, _ = mean_face().points[list(SPARSE_68)].T
    assert (np.diff(y[:9]) > 0).all()  # the jaw, from the right temple down to the chin
    assert (np.diff(x[1:16]) > 0).all()
    assert (np.diff(x[17:27]) > 0).all()  # the brows likewise
    assert (np.diff(y[27:31]) > 0).all()  # the bridge of the nose, downwards
    assert y[8] == y.max()  # the chin
    assert x[36:42].max() < 0  # the right eye, at the picture's left
    assert x[42:48].min() > 0
    for lips in (slice(48, 60), slice(60, 68)):
        assert abs(x[lips].mean()) < 0.002


def test_rings_go_round() -> None:
    """Successive points of a ring lie closer than its width: none jumps across."""
    points = mean_face().points[:, :2]
    for ring in (EYE_LEFT, EYE_RIGHT, INNER_LIPS, OUTER_LIPS):
        loop = points[list(ring)]
        steps = np.linalg.norm(loop - np.roll(loop, 1, 0), axis=1)
        assert steps.max() < 0.35 * np.ptp(loop[:, 0])
    eye = points[list(EYE_LEFT)]
    assert (eye.min(0) < points[IRISES_LEFT[0]]).all()
    assert (points[IRISES_LEFT[0]] < eye.max(0)).all()
