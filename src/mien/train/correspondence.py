"""Where the 478 points lie on the ICT rig: a first guess from 68 shared points, then what a network reads off renders.

The rig names the vertices of 68 points. Bending the mean face onto those puts every other point within a few
millimetres; the rest is learned by showing the landmark network neutral faces of many identities in real people's
skins, and asking of each point it reads on which triangle it fell.
"""

import numpy as np
from scipy.spatial import Delaunay

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import fit_similarity
from mien.core.image import Frame
from mien.core.points import INNER_LIPS, IRISES_LEFT, IRISES_RIGHT, OUTER_LIPS, SPARSE_68
from mien.data.packs import FacesPack
from mien.data.renders import CALM, Renderer
from mien.detect.landmarks import SIDE, LandmarkReader
from mien.imaging.raster import rasterise
from mien.imaging.warp import face_square
from mien.rig.ict import IctRig
from mien.rig.model import vertex_normals
from mien.rig.places import Places
from mien.rig.surfaces import Surface

PEOPLE = 96
"""Neutral faces that are read; each point's place is the median over those that show it."""

_LEAST = PEOPLE // 3
_OPEN = 0.008, 0.016
"""Metres that jawOpen moves what belongs to the upper lip at most, and to the lower lip at least."""


def find_places(rig: IctRig, mean: Array, packs: list[FacesPack], reader: LandmarkReader) -> Places:
    """The places of the landmarks on `rig`.

    Args:
        rig: the ICT rig.
        mean: [478, 3] the mean face, metres.
        packs: photos that lend their skin.
        reader: reads landmarks off pictures.
    """
    surface = _Skin(rig)
    first = surface.places(_bent(mean, rig, surface), mean)
    renderer = Renderer(rig, first, packs, "train", CALM)
    rng = np.random.default_rng(3)
    read = []
    for _ in range(PEOPLE):
        face = renderer.draw(rng, renderer.person(rng, "calm"), np.zeros(len(ARKIT), np.float32))
        square = face_square(face.points, SIDE)
        points = reader.read(Frame(face.pixels), square).landmarks.points
        read.append(surface.under(points, face.placed))
    found = np.array(read)
    shown = np.isfinite(found[..., 0]).sum(0) > _LEAST
    places = first.on(surface.vertices)
    places[shown] = np.nanmedian(found[:, shown], axis=0)
    mirrored = (places * [-1, 1, 1])[packs[0].mirror]
    return surface.places((places + mirrored) / 2, mean)


class _Skin:
    """The face of the rig at rest, as a surface to look points up on."""

    def __init__(self, rig: IctRig) -> None:
        rest = rig.rest()
        regions = {region.name: region for region in rig.model.regions}
        face = regions["face"]
        inside = ((rest.triangles >= face.start) & (rest.triangles < face.stop)).all(1)
        self.vertices, self.triangles = rest.vertices, rest.triangles[inside]
        self._rest, self._eyeballs = rest, (regions["eyeball_left"], regions["eyeball_right"])
        assert rest.morph_targets is not None
        opened = np.linalg.norm(rest.morph_targets[rest.morph_names.index("jawOpen")], axis=1)
        self._opened = opened[self.triangles].mean(1)
        self.landmarks68 = rest.vertices[rig.landmarks68]

    def under(self, points: Array, placed: Array) -> Array:
        """[478, 3] where on the resting face pixels `points` fell that were read off vertices `placed` [V, 3].

        NaN for points beside the face.
        """
        side = int(np.ceil(points[:, :2].max() + 1))
        seen = rasterise(placed, self.triangles, side, side)
        number = np.full(side * side, -1)
        number[seen.pixel] = np.arange(len(seen.pixel))
        column, row = np.floor(points[:, :2]).astype(int).T
        inside = (column >= 0) & (row >= 0)
        hit = np.where(inside, number[np.where(inside, row * side + column, 0)], -1)
        found = np.full((len(points), 3), np.nan)
        met = hit >= 0
        corners = self.triangles[seen.triangle[hit[met]]]
        found[met] = np.einsum("pk,pkc->pc", seen.barycentric(hit[met]), self.vertices[corners])
        return found

    def places(self, points: Array, mean: Array) -> Places:
        """The closest places to points [478, 3]; lips keep to their own side of the mouth, irises to the eyeballs.

        Args:
            points: near the resting face, metres.
            mean: [478, 3] the mean face, which says how the borders of the irises lie round their centres.
        """
        everything = np.ones(len(self.triangles), bool)
        sides = ((_LOWER, self._opened > _OPEN[1]), (_UPPER, self._opened < _OPEN[0]))
        corners, shares = self._closest(points, everything)
        for ring, allowed in sides:
            corners[ring], shares[ring] = self._closest(points[ring], allowed)
        for region, iris in zip(self._eyeballs, (IRISES_LEFT, IRISES_RIGHT), strict=True):
            triangles = self._rest.triangles
            ball = triangles[((triangles >= region.start) & (triangles < region.stop)).all(1)]
            middle = self.vertices[region.start : region.stop]
            centre = (middle.min(0) + middle.max(0))[:2] / 2
            for point in iris:
                at = centre + (mean[point] - mean[iris[0]])[:2]
                corners[point], shares[point] = _in_front(self.vertices, ball, at)
        return Places(corners, shares)

    def _closest(self, points: Array, allowed: Array) -> tuple[Array, Array]:
        triangles = self.triangles[allowed]
        web = Delaunay(points[:, :2]).simplices.astype(np.int32) if len(points) > 3 else np.zeros((0, 3), np.int32)
        a, b, c = (points[web[:, k]] for k in range(3))
        web = np.where((np.cross(b - a, c - a)[:, 2] < 0)[:, None], web, web[:, [0, 2, 1]])
        contact = Surface(self.vertices, triangles).closest(points, vertex_normals(points, web))
        return np.array(contact.corners), np.array(contact.shares)


def _half(ring: tuple[int, ...]) -> tuple[int, ...]:
    """The lower half of a ring of lips, from corner to corner without them."""
    return ring[1 : len(ring) // 2]


_LOWER = np.array([*_half(INNER_LIPS), *_half(OUTER_LIPS)])
_UPPER = np.array([*INNER_LIPS[len(INNER_LIPS) // 2 + 1 :], *OUTER_LIPS[len(OUTER_LIPS) // 2 + 1 :]])


def _bent(mean: Array, rig: IctRig, skin: _Skin) -> Array:
    """[478, 3] the mean face bent so that its 68 points meet the rig's (a biharmonic spline, F. Bookstein 1989)."""
    shared = list(SPARSE_68)
    laid = fit_similarity(mean[shared], skin.landmarks68)
    points = laid.scale * mean @ laid.rotation.T + laid.translation
    source, count = points[shared], len(shared)
    plane = np.column_stack([source, np.ones(count)])
    distances = np.linalg.norm(source[:, None] - source[None], axis=2) + 1e-4 * np.eye(count)
    system = np.block([[distances, plane], [plane.T, np.zeros((4, 4))]])
    bend = np.linalg.solve(system, np.concatenate([skin.landmarks68 - source, np.zeros((4, 3))]))
    away = np.linalg.norm(points[:, None] - source[None], axis=2)
    return np.asarray(points + away @ bend[:count] + np.column_stack([points, np.ones(len(points))]) @ bend[count:])


def _in_front(vertices: Array, triangles: Array, at: Array) -> tuple[Array, Array]:
    """Corners and shares of the foremost triangle in the front view at x and y."""
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    area = np.where(area == 0, np.inf, area)
    one = ((at[0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (at[1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    other = ((b[:, 0] - a[:, 0]) * (at[1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (at[0] - a[:, 0])) / area
    shares = np.column_stack([1 - one - other, one, other])
    depth = np.where(shares.min(1) >= -1e-9, shares[:, 0] * a[:, 2] + one * b[:, 2] + other * c[:, 2], np.inf)
    best = int(np.argmin(depth))
    return triangles[best], shares[best]
