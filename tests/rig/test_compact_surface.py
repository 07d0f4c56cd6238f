"""The compact rig's surface: where it is closed, which way it faces, what it is painted."""

import numpy as np
import pytest
from compact_face import SKIN, one, rest, rig, state
from portraits import mirror

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS, Expression, Identity
from mien.core.looks import gaze_from_looks
from mien.core.points import EYE_LEFT, EYE_RIGHT, INNER_LIPS, OUTER_LIPS
from mien.rig.compact import compact_model


def turns(vertices: Array, triangles: Array) -> Array:
    """[M] twice the area of each triangle in the front view; below 0 where it faces the viewer."""
    a, b, c = (vertices[triangles[:, k], :2] for k in range(3))
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


def directed_edges(triangles: Array) -> list[tuple[int, int]]:
    corners = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).tolist()
    return [(a, b) for a, b in corners]


def borders(triangles: Array) -> list[set[int]]:
    """The rings of vertices at which a surface ends."""
    edges = set(directed_edges(triangles))
    onward = {a: b for a, b in edges if (b, a) not in edges}
    rings: list[set[int]] = []
    while onward:
        start, at = onward.popitem()
        ring = {start}
        while at != start:
            ring.add(at)
            at = onward.pop(at)
        rings.append(ring)
    return rings


def test_the_skin_faces_the_viewer_and_names_no_iris() -> None:
    skin = compact_model().triangles
    assert (turns(compact_model().mean, skin) < 0).all()
    assert (skin < 468).all()
    assert set(skin.ravel().tolist()) == set(range(468))


def test_no_edge_is_used_twice_the_same_way() -> None:
    edges = directed_edges(rest().triangles)
    assert len(set(edges)) == len(edges)


def test_the_surface_ends_at_the_border_of_the_face_and_of_the_irises_alone() -> None:
    """So there is no hole between lids and whites, nor between lips and mouth."""
    rings = sorted(borders(rest().triangles), key=len)
    assert [len(ring) for ring in rings] == [16, 16, 36]
    assert {10, 152, 234, 454} <= rings[2] <= set(range(468))
    colours = rest().colours
    assert colours is not None
    for ring in rings[:2]:
        assert min(ring) >= LANDMARKS
        assert len(np.unique(colours[list(ring)], axis=0)) == 1


@pytest.mark.parametrize("ring", [EYE_LEFT, EYE_RIGHT, INNER_LIPS], ids=["left eye", "right eye", "mouth"])
def test_skin_and_backing_share_the_edges_of_the_openings(ring: tuple[int, ...]) -> None:
    skin, backing = (set(directed_edges(part)) for part in (rest().triangles[:SKIN], rest().triangles[SKIN:]))
    for a, b in zip(ring, (*ring[1:], ring[0]), strict=True):
        assert ((a, b) in skin and (b, a) in backing) or ((b, a) in skin and (a, b) in backing), (a, b)


def test_whites_and_irises_face_the_viewer_and_so_does_an_opened_mouth() -> None:
    opened = rig().vertices(Identity(), state(0.6 * one("jawOpen")))
    assert (turns(opened, rest().triangles[SKIN:]) < 1e-9).all()


@pytest.mark.parametrize("column", ["", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeLookDownLeft"])
def test_irises_lie_before_the_whites(column: str) -> None:
    weights = 0.7 * one(column) if column else np.zeros(52)
    face = rig().vertices(Identity(), state(weights, gaze_from_looks(Expression(weights, ARKIT))))
    colours = rest().colours
    assert colours is not None
    bright = (colours[LANDMARKS:].min(1) > 0.9).nonzero()[0] + LANDMARKS
    middles = [k for k in bright if not np.isclose(np.abs(face[k, 0] - face[:468, 0]), 0, atol=1e-9).any()]
    assert len(middles) == 2
    for iris in (IRIS_LEFT, IRIS_RIGHT):
        white = min(middles, key=lambda k: abs(float(face[k, 0] - face[iris, 0])))
        assert face[iris, 2] < face[white, 2]


def test_the_texture_is_the_front_view() -> None:
    uv = rest().uv
    assert uv is not None
    assert uv.min() > 0
    assert uv.max() < 1
    np.testing.assert_allclose(uv[:LANDMARKS][mirror()], uv[:LANDMARKS] * [-1, 1] + [1, 0], atol=1e-6)
    assert uv[10, 1] > uv[152, 1], "v goes upwards"
    assert uv[454, 0] > uv[234, 0]


def test_lips_are_coloured_and_the_rest_is_skin() -> None:
    colours = rest().colours
    assert colours is not None
    skin, lips = colours[10], colours[0]
    assert (colours[list(OUTER_LIPS[1:10])] == lips).all() or (colours[[17, 84, 314]] == lips).mean() > 0.5
    assert (colours[[14, 13]] == lips).all()
    assert (colours[[1, 152, 234, 454, 50, 280]] == skin).all()
    assert not np.allclose(lips, skin)


def test_normals_are_units_and_look_out_of_the_face() -> None:
    normals = rest().normals
    assert normals is not None
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-9)
    assert normals[4, 2] < -0.9
