"""Named places among the points: they are distinct, and lie on the mean face where their names say."""

import numpy as np
from portraits import mirror

from mien.core.points import (
    BETWEEN_EYES,
    CHIN,
    EYE_LEFT,
    EYE_RIGHT,
    FACE_OVAL,
    INNER_LIPS,
    IRISES_LEFT,
    LID_FOLDS,
    LOWER_INNER_LIP,
    LOWER_LIDS,
    OUTER_LIPS,
    SPARSE_68,
    STEADY,
    UPPER_INNER_LIP,
    UPPER_LIDS,
)
from mien.detect.shape import mean_face


def test_names_stand_for_distinct_points() -> None:
    for places in (EYE_LEFT, EYE_RIGHT, INNER_LIPS, OUTER_LIPS, SPARSE_68, STEADY, FACE_OVAL):
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


def test_upper_and_lower_lines_lie_above_each_other_point_by_point() -> None:
    points = mean_face().points[:, :2]
    lines = (UPPER_INNER_LIP, *UPPER_LIDS), (LOWER_INNER_LIP, *LOWER_LIDS)
    for upper, lower, ring in zip(*lines, (INNER_LIPS, EYE_LEFT, EYE_RIGHT), strict=True):
        assert (upper[0], upper[-1]) == (lower[0], lower[-1])
        assert {*upper, *lower} == {*ring}
        assert len(upper) + len(lower) == len(ring) + 2
        apart = points[list(lower)] - points[list(upper)]
        assert (apart[1:-1, 1] > 0).all()
        assert (np.abs(apart[:, 0]) < 0.1 * np.ptp(points[list(upper), 0])).all()
    for fold, lid in zip(LID_FOLDS, UPPER_LIDS, strict=True):
        assert not {*fold} & {*lid}
        assert (points[list(lid)] - points[list(fold)])[1:-1, 1].min() > 0
    assert points[list(UPPER_LIDS[0]), 0].min() > 0  # the left one, at the picture's right
    assert abs(points[BETWEEN_EYES, 0]) < 0.002
    assert points[CHIN, 1] > points[:, 1].max() - 0.002


def test_the_lines_of_one_side_are_those_of_the_other_in_a_mirror() -> None:
    for left, right in (UPPER_LIDS, LOWER_LIDS, LID_FOLDS):
        assert mirror()[list(left)].tolist() == list(right)
    for lip in (UPPER_INNER_LIP, LOWER_INNER_LIP):
        assert mirror()[list(lip)].tolist() == list(lip[::-1])
    assert mirror()[list(FACE_OVAL)].tolist() == [FACE_OVAL[0], *FACE_OVAL[:0:-1]]


def test_the_oval_goes_round_everything_else() -> None:
    points = mean_face().points[:, :2]
    ring = points[list(FACE_OVAL)]
    arms = ring - points[[k for k in range(len(points)) if k not in FACE_OVAL], None]
    after = np.roll(arms, -1, axis=1)
    angles = np.arctan2(arms[..., 0] * after[..., 1] - arms[..., 1] * after[..., 0], (arms * after).sum(2))
    assert (np.abs(np.abs(angles.sum(1)) - 2 * np.pi) < 1e-6).mean() > 0.98
