"""A surface as a picture: soft light, smooth normals, clean edges; no graphics card.

Light adds up in linear values: colours are taken out of sRGB first, and the samples of a pixel are averaged before
they go back. The lamps hang on the camera, so a head that turns turns in the light.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.geometry import Camera, Mesh
from mien.imaging.raster import Seen, rasterise

CLAY = (0.80, 0.66, 0.58)
"""What a surface without colours looks like, sRGB of 0 to 1."""

_SAMPLES = 2
"""Samples along a pixel's side."""

_ALIKE = 0.016
"""Brightness as eyes judge it, of 0 to 1: a pixel whose samples meet triangles this close is shaded once."""


_LAMPS = np.array(
    [(-0.55, -0.65, -0.8), (0.9, -0.15, -0.55), (0.55, -0.55, 0.75), (0, 0, -1), (-0.26, -0.3, -0.92)], np.float32
)
_LAMPS /= np.linalg.norm(_LAMPS, axis=1, keepdims=True)
"""Where light comes from, in the camera's axes: key, fill, rim, the viewer, and halfway between key and viewer."""

_KEY_LIGHT, _FILL_LIGHT, _RIM_LIGHT = (0.86, 0.80, 0.74), (0.20, 0.24, 0.30), (0.20, 0.22, 0.26)
_SKY, _GROUND = (0.21, 0.225, 0.25), (0.12, 0.10, 0.09)
_WRAP = (0.32, 0.18, 0.13)
"""How far the key light reaches round a surface, by colour: red travels farthest under skin."""

_DEEP = (0.33, 0.27, 0.25)
"""How much light reaches a place without openness, by colour: an open mouth is no black hole, and what lights it up
came through flesh."""

_SHEEN, _SHEEN_POWER = 0.06, 18
_GLOSS, _GLOSS_POWER = 0.85, 160


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """What a surface is made of, beyond the colours of its mesh.

    Args:
        texture: [h, w, 3] uint8 sRGB, laid on by the mesh's uv in the place of its colours, or None.
        gloss: [V] of 0 (skin) to 1 (wet, as an eye) at every vertex, or None for skin all over.
        openness: [V] of 0 (deep in a fold) to 1 at every vertex, or None for an open surface.
    """

    texture: Array | None = None
    gloss: Array | None = None
    openness: Array | None = None

    def __post_init__(self) -> None:
        if self.texture is not None:
            object.__setattr__(self, "texture", frozen_array(self.texture, "texture", (None, None, 3), np.uint8))
            if not self.texture.size:
                raise ValueError("texture must have pixels")
        for name in ("gloss", "openness"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, frozen_array(value, name, (None,), np.float32))


PLAIN = Paint()
"""Skin all over, in the colours of the mesh."""


def render(
    mesh: Mesh,
    camera: Camera,
    width: int,
    height: int,
    background: tuple[int, int, int] = (40, 44, 52),
    paint: Paint = PLAIN,
) -> Array:
    """The picture of a surface before the camera, as [height, width, 3] uint8 RGB.

    Args:
        mesh: its vertices in the camera's axes; with normals; without colours it is `CLAY`.
        camera: of a picture of this size.
        width: pixels.
        height: likewise.
        background: 0 to 255 sRGB.
        paint: texture, gloss and openness.

    Raises:
        ValueError: a mesh without normals, a texture without uv, gloss or openness for another number of vertices, or
            what `rasterise` raises.
    """
    surface = _surface(mesh, paint)
    vertices = mesh.vertices
    ahead = np.where(vertices[:, 2:] > 0, vertices, [0.0, 0.0, 1.0])  # what lies behind is left out by its depth
    placed = np.column_stack([camera.project(ahead) * _SAMPLES, vertices[:, 2]])
    seen = rasterise(placed, mesh.triangles, width * _SAMPLES, height * _SAMPLES)
    ground = _linear_levels()[np.array(background)]
    flat, mixed, samples = _choose(seen, surface, width, height)
    light = np.empty((len(samples), 3), np.float32)
    light[...] = ground
    there = samples >= 0
    light[there] = surface.lit(seen, samples[there])
    picture = np.empty((height * width, 3), np.float32)
    picture[...] = ground
    count = int(flat.sum())
    picture[flat] = light[:count]
    picture[mixed] = light[count:].reshape(-1, _SAMPLES**2, 3).mean(1)
    return _encoded(picture).reshape(height, width, 3)


def _choose(seen: Seen, surface: "_Surface", width: int, height: int) -> tuple[Array, Array, Array]:
    """Which pixels [H * W] are shaded once and which sample by sample; and the places in `seen` that are, -1 for none.

    Small triangles on a smooth cheek differ hardly: most pixels of a face are shaded once.
    """
    place = seen.spread(np.arange(len(seen.pixel), dtype=np.int32), -1)
    blocks = place.reshape(height, _SAMPLES, width, _SAMPLES).transpose(1, 3, 0, 2).reshape(_SAMPLES**2, -1)
    empty = blocks < 0
    bright = np.append(surface.brightness()[seen.triangle], np.float32(0))[blocks]
    flat = ~empty.any(0) & (bright.max(0) - bright.min(0) < _ALIKE)
    mixed = ~empty.all(0) & ~flat
    return flat, mixed, np.concatenate([blocks[0, flat], blocks[:, mixed].T.ravel()])


@dataclass(frozen=True, slots=True, eq=False)
class _Surface:
    """Normals, linear colours, gloss and openness of the vertices, one table [V, 8] float32; how triangles use it."""

    table: Array
    triangles: Array
    uv: Array | None = None
    uv_triangles: Array | None = None
    texture: Array | None = None

    def lit(self, seen: Seen, which: Array) -> Array:
        """Linear light [P, 3] float32 from some places of what is seen."""
        triangle, shares = seen.triangle[which], seen.barycentric(which)
        table = _blend(self.table, self.triangles[triangle], shares)
        normals = table[:, :3]
        normals /= np.sqrt(np.maximum(np.einsum("ij,ij->i", normals, normals), 1e-12))[:, None]
        colours = table[:, 3:6]
        if self.texture is not None and self.uv is not None and self.uv_triangles is not None:
            colours = _sampled(self.texture, _blend(self.uv, self.uv_triangles[triangle], shares))
        return _light(normals, colours, table[:, 6], table[:, 7])

    def brightness(self) -> Array:
        """[M] float32 how bright every triangle looks; with a texture, no two are alike."""
        if self.texture is not None:
            return np.arange(len(self.triangles), dtype=np.float32)
        light = _light(self.table[:, :3], self.table[:, 3:6], self.table[:, 6], self.table[:, 7])
        corners = np.sqrt(np.maximum(light.mean(1), 0))
        a, b, c = (corners[self.triangles[:, k]] for k in range(3))
        return np.asarray((a + b + c) / 3)


def _surface(mesh: Mesh, paint: Paint) -> _Surface:
    if mesh.normals is None:
        raise ValueError("a mesh is shaded by its normals: it has none")
    if paint.texture is not None and mesh.uv is None:
        raise ValueError("a texture needs a mesh with uv")
    count = len(mesh.vertices)
    colours = np.broadcast_to(CLAY, (count, 3)) if mesh.colours is None else mesh.colours
    extras = []
    for name, value, default in (("gloss", paint.gloss, 0.0), ("openness", paint.openness, 1.0)):
        extra = np.full(count, default, np.float32) if value is None else value
        if len(extra) != count:
            raise ValueError(f"{name} must have shape [{count}], got {list(extra.shape)}")
        extras.append(extra)
    table = np.column_stack([mesh.normals, _linear(colours), *extras]).astype(np.float32)
    if paint.texture is None or mesh.uv is None:
        return _Surface(table, mesh.triangles)
    corners = mesh.triangles if mesh.uv_triangles is None else mesh.uv_triangles
    return _Surface(table, mesh.triangles, mesh.uv.astype(np.float32), corners, paint.texture)


def _blend(table: Array, corners: Array, shares: Array) -> Array:
    """Rows [P, C] of a table of vertices, blended by the shares [P, 3] of corners [P, 3]."""
    blended = table[corners[:, 0]] * shares[:, :1]
    for k in (1, 2):
        blended += table[corners[:, k]] * shares[:, k : k + 1]
    return np.asarray(blended)


def _sampled(texture: Array, uv: Array) -> Array:
    """Linear colours [P, 3] of a texture at uv [P, 2], blended from four texels; it repeats beyond its borders."""
    high, wide = texture.shape[:2]
    x, y = uv[:, 0] * wide - 0.5, (1 - uv[:, 1]) * high - 0.5
    left, top = np.floor(x), np.floor(y)
    colours = np.zeros((len(uv), 3), np.float32)
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - right - (x - left)) * np.abs(1 - down - (y - top))
            texel = texture[(top.astype(np.intp) + down) % high, (left.astype(np.intp) + right) % wide]
            colours += share[:, None].astype(np.float32) * _linear_levels()[texel]
    return colours


def _light(normals: Array, colours: Array, gloss: Array, openness: Array) -> Array:
    """Linear light [P, 3] that leaves points with unit normals, linear colours, gloss and openness to the viewer."""
    # Not a matrix product: one this thin gains nothing from threads, and waits for them where cores are busy.
    key, fill, rim, facing, half = (sum(normals[:, k] * lamp[k] for k in range(3)) for lamp in _LAMPS)
    fill, half = np.maximum(fill, 0), np.maximum(half, 0)
    above = 0.5 - 0.5 * normals[:, 1]  # y points down
    edge = openness * (1 - np.clip(facing, 0, 1)) ** 3 * np.maximum(rim, 0)
    sheen = _SHEEN * openness * (1 - gloss) * half**_SHEEN_POWER
    wet = np.flatnonzero(gloss > 0.01)
    sheen[wet] += _GLOSS * gloss[wet] * half[wet] ** _GLOSS_POWER
    light = np.empty((len(normals), 3), np.float32)
    for k in range(3):
        wrapped = np.maximum((key + _WRAP[k]) / (1 + _WRAP[k]), 0)
        soft = _KEY_LIGHT[k] * wrapped + _FILL_LIGHT[k] * fill + (_SKY[k] - _GROUND[k]) * above + _GROUND[k]
        soft *= _DEEP[k] + (1 - _DEEP[k]) * openness
        light[:, k] = soft * colours[:, k] + _RIM_LIGHT[k] * edge + sheen
    return light


def _linear(colours: Array) -> Array:
    """sRGB of 0 to 1 as linear values."""
    return np.where(colours <= 0.04045, colours / 12.92, ((np.maximum(colours, 0) + 0.055) / 1.055) ** 2.4)


@cache
def _linear_levels() -> Array:
    """[256] float32 linear values of the levels of sRGB."""
    return _linear(np.arange(256) / 255).astype(np.float32)


_LEVELS = 1 << 14


@cache
def _levels() -> Array:
    """[_LEVELS + 1] uint8 sRGB levels of evenly spaced linear values."""
    linear = np.linspace(0, 1, _LEVELS + 1)
    return np.round(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)).astype(
        np.uint8
    )


def _encoded(linear: Array) -> Array:
    """uint8 sRGB of linear values; brighter than white is white."""
    return np.asarray(_levels()[(np.clip(linear, 0, 1) * _LEVELS + 0.5).astype(np.uint16)])
