from functools import cache

import numpy as np
import pytest
from compact_face import flipped
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.face import LANDMARKS
from mien.core.points import EYE_LEFT, EYE_RIGHT, FACE_OVAL, INNER_LIPS, LID_FOLDS, LOWER_LIDS, UPPER_LIDS
from mien.imaging.flow import Flow
from mien.imaging.sheets import FaceSheet
from mien.rig.compact import MOVED, compact_model

quiet = settings(derandomize=True, deadline=None, max_examples=15)
SEEDS = st.integers(0, 2**32 - 1)
MIDDLE = np.array([256.0, 256.0, 0.0])
SKIN = np.setdiff1d(np.arange(468), [*EYE_LEFT, *EYE_RIGHT, *INNER_LIPS, *FACE_OVAL])
"""Points that lie on skin and are not its border."""


@cache
def sheet() -> FaceSheet:
    return FaceSheet.of(compact_model().mean, compact_model().triangles)


def face(scale: float = 1500.0) -> Array:
    return np.asarray(scale * compact_model().mean.astype(np.float64) + MIDDLE)


def motion(seed: int, most: float = 2.0) -> Array:
    """[478, 2] smooth, pixels: a sum of waves over the face."""
    random = np.random.default_rng(seed)
    x, y = (compact_model().mean[:, :2].astype(np.float64) / 0.1).T
    waves = [np.sin(a * x + b * y + c) for a, b, c in random.uniform(-3, 3, (4, 3))]
    return np.asarray(np.stack(waves, 1) @ random.uniform(-most, most, (4, 2)))


def channel(column: str) -> Array:
    """[478, 2] what the rig moves for half a weight, pixels."""
    return np.asarray(750.0 * compact_model().expressions[MOVED.index(column), :, :2], np.float64)


def asked(flow: Flow, places: Array) -> Array:
    """[N, 2] the motion that a flow has at places [N, 2]."""
    at = (places - [flow.left, flow.top]) / flow.cell
    low = np.clip(np.floor(at).astype(int), 0, [flow.columns - 1, flow.rows - 1])
    (u, v), (j, i) = (at - low).T[..., None], low.T
    a, b, c, d = (flow.backward[i + p, j + q] for p in (0, 1) for q in (0, 1))
    return np.asarray((1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d))


# --- triangles --------------------------------------------------------------------------------------------------------


def test_the_sheet_is_whole_and_seen_from_its_front_everywhere() -> None:
    """Every edge joins two triangles, the other way round in each, but for those of the last ring, and at the corners
    of the eyes, where the lashes end on an edge."""
    triangles = sheet().triangles
    edges = [(int(t[k]), int(t[(k + 1) % 3])) for t in triangles for k in range(3)]
    assert len(set(edges)) == len(edges)
    alone = np.array([edge for edge in edges if edge[::-1] not in set(edges)])
    first, last = LANDMARKS + 3 * len(FACE_OVAL), LANDMARKS + 4 * len(FACE_OVAL)
    ring = ((alone >= first) & (alone < last)).all(1)
    assert ring.sum() == len(FACE_OVAL)
    corners = [line[k] for line in (*UPPER_LIDS, *LID_FOLDS) for k in (0, -1)]
    assert (np.isin(alone[~ring], corners) | (alone[~ring] >= last)).all()
    assert all(len(set(corners)) == 3 for corners in triangles.tolist())


def test_openings_are_the_eyes_and_the_mouth() -> None:
    first, last = sheet().openings
    assert set(sheet().triangles[first:last].ravel().tolist()) == {*EYE_LEFT, *EYE_RIGHT, *INNER_LIPS}
    skin = sheet().triangles[:first]
    assert not np.isin(skin, range(468, 478)).any(), "irises are no skin"
    for lid, fold, lower in zip(UPPER_LIDS, LID_FOLDS, LOWER_LIDS, strict=True):
        assert np.isin(lid, skin).all()
        assert np.isin(fold, skin).all()
        assert np.isin(lower, skin).all()


# --- motion -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [200.0, 1500.0, 9000.0])
def test_a_face_that_does_not_move_has_no_motion(scale: float) -> None:
    points = face(scale)
    flows = sheet().flows(points, points[:, :2])
    for flow in (flows.whole, flows.upper, flows.lower):
        assert not flow.backward.any()
        assert not flow.moving().any()
        np.testing.assert_allclose(flow.turns(), 1)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    nodes = flows.whole.nodes()
    assert (nodes[0, 0] < low).all()
    assert (nodes[-1, -1] > high).all()
    assert 100 <= max(flows.whole.rows, flows.whole.columns) <= 140 or flows.whole.cell == 1
    assert 0 < (~flows.skin).mean() < 0.1


@quiet
@given(SEEDS)
def test_what_is_seen_at_a_target_is_the_point_itself(seed: int) -> None:
    points = face()
    target = points[:, :2] + motion(seed)
    flow = sheet().flows(points, target).whole
    back = target[SKIN] + asked(flow, target[SKIN])
    away = np.linalg.norm(back - points[SKIN, :2], axis=1)
    assert away.max() < 0.4 * flow.cell
    assert away.mean() < 0.05 * flow.cell


@pytest.mark.parametrize("column", [each for each in MOVED if "Look" not in each and each != "mouthClose"])
def test_a_channel_takes_skin_to_where_it_is_asked(column: str) -> None:
    """But for mouthClose, which alone would take one lip through the other."""
    points = face()
    target = points[:, :2] + channel(column)
    flow = sheet().flows(points, target).whole
    away = np.linalg.norm(target[SKIN] + asked(flow, target[SKIN]) - points[SKIN, :2], axis=1)
    assert np.quantile(away, 0.98) < 0.4 * flow.cell
    assert away.mean() < 0.05 * flow.cell


@quiet
@given(st.floats(-8, 8), st.floats(-8, 8))
def test_a_whole_face_that_shifts_takes_all_of_it_along(dx: float, dy: float) -> None:
    points, shift = face(), np.array([dx, dy])
    flows = sheet().flows(points, points[:, :2] + shift)
    for flow in (flows.whole, flows.upper, flows.lower):
        inside = points[SKIN, :2] + shift
        np.testing.assert_allclose(asked(flow, inside), np.broadcast_to(-shift, inside.shape), atol=0.02)
        assert flow.turns().min() > 0


@quiet
@given(SEEDS)
def test_beyond_the_last_ring_nothing_moves(seed: int) -> None:
    points = face()
    flows = sheet().flows(points, points[:, :2] + motion(seed, most=6.0))
    border = points[list(FACE_OVAL), :2]
    middle = border.mean(0)
    outermost = middle + 1.45 * (border - middle)
    for flow in (flows.whole, flows.upper, flows.lower):
        nodes = flow.nodes()
        assert not flow.backward[outside(nodes, outermost, 1e-6)].any()
        ends = flow.backward[0], flow.backward[-1], flow.backward[:, 0], flow.backward[:, -1]
        assert not any(end.any() for end in ends)


def outside(places: Array, ring: Array, slack: float) -> Array:
    """[...] bool, places [..., 2] that lie beyond a ring [N, 2] that is seen whole from its middle."""
    middle = ring.mean(0)
    around = np.arctan2(*(ring - middle).T[::-1])
    order = np.argsort(around)
    a, b = ring[order], np.roll(ring[order], -1, axis=0)
    angle = np.arctan2(places[..., 1] - middle[1], places[..., 0] - middle[0])
    k = np.searchsorted(around[order], angle) - 1
    edge = (b - a)[k]
    arm = places - a[k]
    return np.asarray(edge[..., 0] * arm[..., 1] - edge[..., 1] * arm[..., 0] < -slack)


@quiet
@given(SEEDS)
def test_a_mirrored_face_moves_like_its_mirror_image(seed: int) -> None:
    """Compared where points are, for the two grids lie elsewhere."""
    points, moved = face(), motion(seed)
    twin = flipped(points) + 2 * MIDDLE * [1, 0, 0]
    twin_moved = flipped(np.column_stack([moved, np.zeros(LANDMARKS)]))[:, :2]
    np.testing.assert_allclose(twin, points, atol=1e-3)
    one, other = sheet().flows(points, points[:, :2] + moved), sheet().flows(twin, twin[:, :2] + twin_moved)
    places = (points[:, :2] + moved)[SKIN]
    image = places * [-1, 1] + [2 * MIDDLE[0], 0]
    away = np.abs(asked(one.whole, places) * [-1, 1] - asked(other.whole, image))
    assert away.max() < 0.4 * one.whole.cell
    assert away.mean() < 0.05 * one.whole.cell


@quiet
@given(SEEDS)
def test_the_sides_of_an_opening_move_with_their_own_border(seed: int) -> None:
    """Just within an eye that closes, one flow goes with the upper lid, and one with the lower."""
    points = face()
    target = points[:, :2].copy()
    way = np.random.default_rng(seed).uniform(1, 4)
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        target[list(upper[2:-2]), 1] += way
        target[list(lower[2:-2]), 1] -= way / 2
    flows = sheet().flows(points, target)
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        above, below = (target[line[4]] + [0, side] for line, side in ((upper, 1.0), (lower, -1.0)))
        np.testing.assert_allclose(asked(flows.upper, above[None])[0], [0, -way], atol=0.3 * way)
        np.testing.assert_allclose(asked(flows.lower, below[None])[0], [0, way / 2], atol=0.3 * way)
    assert flows.band > flows.whole.cell


def test_a_face_at_the_edge_or_upside_down_has_a_flow() -> None:
    points = face() - 400
    assert sheet().flows(points, points[:, :2] + 2).whole.left < 0
    turned = points * [-1, -1, 1]
    flows = sheet().flows(turned, turned[:, :2] + motion(0))
    assert flows.whole.moving().any()


@quiet
@given(SEEDS)
def test_the_sheet_alone_is_the_whole_of_all_flows(seed: int) -> None:
    points = face()
    target = points[:, :2] + motion(seed)
    alone, whole = sheet().stretched(points, target), sheet().flows(points, target).whole
    assert (alone.left, alone.top, alone.cell) == (whole.left, whole.top, whole.cell)
    np.testing.assert_array_equal(alone.backward, whole.backward)
