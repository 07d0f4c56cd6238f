"""A mouth to learn from: cut out, and what surrounds it changed as a warp, a light or a lipstick would change it."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import compose_affine, invert_affine
from mien.core.image import LUMINANCE
from mien.data.mouths import Mouths
from mien.imaging.bite import parting
from mien.imaging.jaw_seam import opened
from mien.imaging.mouth_patch import (
    GROW,
    HEIGHT,
    LIP_EDGE,
    MAPS,
    WIDTH,
    MouthPatch,
    filled,
    lip_heights,
    placement,
    sharpness,
)

NARROW = 48, 96
"""Height and width of the window of a patch that an ordinary mouth is learned in: half of the time goes further."""

_ROOM = 7.0
"""Pixels that a window keeps beyond the lips' edge on every side."""

_GROW = 0.5, 4.0
"""Pixels by which holes are larger than the opening."""

_BLURRED, _SHARPENED = 0.12, 0.08
"""Shares of the mouths. What sharpening draws between teeth is learned, too: it is seldom and slight."""

_GREY, _COLOURED = 0.06, 6.0
"""Share of the mouths that are in black and white; the difference of colours, grey levels, of pictures that are not."""

_TREMBLE = 0.45
"""Deviation of the lips' points, pixels."""

_OPENED, _FURTHER, _WIDEST = 0.75, (1.3, 3.0), 42.0
"""Share of the mouths that part somewhere which are opened further where there is room, by which factors, how far."""

_KEPT, _ROWS = 0.5, 0.8
"""Share of the mouths of which a part stays: an edit opens mouths further that were open already; and of these, where
it is what was seen before, if they were opened further."""


class Damaged(NamedTuple):
    """A batch of mouths that were cut out.

    Args:
        picture: [B, 3, h, w] of 0 to 255, as a warp leaves it.
        maps: [B, 7, h, w] what lies where, see `MAPS`.
        weights: [B, 52].
        sharpness: [B, 1].
        target: [B, 3, h, w] what was there.
        face: [B, 1, 128, 128] luminance of the whole face as a reader of expressions cuts it, unchanged.
        place: [B, 2, 3] from this to the window, both in pixels.
    """

    picture: Tensor
    maps: Tensor
    weights: Tensor
    sharpness: Tensor
    target: Tensor
    face: Tensor
    place: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """One mouth, arrays of the whole patch, planes last."""

    picture: Array
    target: Array
    maps: Array
    weights: Array
    sharpness: float
    patch: MouthPatch


def fits_narrow(mouths: Mouths) -> Array:
    """[N] bool, which mouths fit a `NARROW` window with their surroundings."""
    sizes = np.array([np.ptp(MouthPatch.of(points).inner, axis=0) for points in mouths.points])
    return np.asarray((sizes[:, ::-1] + 2 * _ROOM <= NARROW).all(1))


def has_seam(mouths: Mouths) -> Array:
    """[N] bool, which mouths can be opened further: see `mien.imaging.bite`."""
    found = []
    for picture, points in zip(mouths.pictures, mouths.points, strict=True):
        patch = MouthPatch.of(points)
        found.append(parting(patch.cut(picture), patch) is not None)
    return np.array(found)


def plain(mouths: Mouths, which: Array) -> Damaged:
    """The whole patches of some mouths, cut out as at run time, and nothing else changed."""
    views = []
    for k in which:
        patch = MouthPatch.of(mouths.points[k])
        cut = patch.cut(mouths.pictures[k])
        target = cut.astype(np.float32)
        views.append(_View(target, target, patch.maps(GROW), mouths.weights[k], sharpness(cut, patch.inner), patch))
    return _stacked(mouths, which, views, [(0, 0)] * len(views), (HEIGHT, WIDTH))


def varied(mouths: Mouths, which: Array, rng: np.random.Generator, window: tuple[int, int]) -> Damaged:
    """Some mouths in windows of a height and a width, each changed at random.

    In windows of the whole patch many of those that show the dark behind their teeth, or where their rows meet, are
    opened further.
    """
    roomy = window == (HEIGHT, WIDTH)
    views = [_varied(mouths.pictures[k], mouths.points[k], mouths.weights[k], rng, roomy) for k in which]
    return _stacked(mouths, which, views, [_corner(view.patch.inner, window, rng) for view in views], window)


def _corner(inner: Array, window: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """The top left corner, row and column, of a window that shows the lips' opening with room round it if it can."""
    corner = []
    for axis, whole in ((1, HEIGHT), (0, WIDTH)):
        size = window[1 - axis]
        low, high = float(inner[:, axis].min()) - _ROOM, float(inner[:, axis].max()) + _ROOM
        first, last = sorted((high - size, low))
        place = rng.uniform(first, last)
        corner.append(int(np.clip(round(place), 0, whole - size)))
    return corner[0], corner[1]


def _stacked(
    mouths: Mouths, which: Array, views: list[_View], corners: list[tuple[int, int]], window: tuple[int, int]
) -> Damaged:
    rows, columns = window

    def planes(name: str) -> Tensor:
        """A picture of each view, cut to the window, channels first."""
        parts = [
            getattr(view, name)[y : y + rows, x : x + columns].transpose(2, 0, 1)
            for view, (y, x) in zip(views, corners, strict=True)
        ]
        return torch.from_numpy(np.ascontiguousarray(np.stack(parts)))

    maps = [view.maps[:, y : y + rows, x : x + columns] for view, (y, x) in zip(views, corners, strict=True)]
    places = []
    for k, view, (y, x) in zip(which, views, corners, strict=True):
        way = compose_affine(invert_affine(view.patch.to_frame), mouths.squares[k])
        places.append(way - np.array([[0, 0, x], [0, 0, y]]))
    return Damaged(
        planes("picture"),
        torch.from_numpy(np.stack(maps)),
        torch.from_numpy(np.stack([view.weights for view in views]).astype(np.float32)),
        torch.tensor([[view.sharpness] for view in views], dtype=torch.float32),
        planes("target"),
        torch.from_numpy(mouths.faces[which].astype(np.float32))[:, None],
        torch.from_numpy(np.stack(places).astype(np.float32)),
    )


def _varied(pixels: Array, points: Array, weights: Array, rng: np.random.Generator, roomy: bool) -> _View:
    way = compose_affine(placement(points.astype(np.float64)), _wander(rng))
    patch = MouthPatch.at(points.astype(np.float64), way)
    if rng.random() < 0.5:
        patch, weights = patch.mirrored(), weights[ARKIT.mirror]
    cut = patch.cut(pixels)
    cut = _focused(cut, rng)
    seen, gap, rows = sharpness(cut, patch.inner), patch.gap, None
    if roomy:
        cut, patch, rows = _opened(cut, patch, rng)
        jaw = np.arange(len(ARKIT)) == ARKIT.index("jawOpen")
        weights = np.where(jaw, np.minimum(weights * patch.gap / gap, 1), weights)
    trembling = replace(patch, inner=patch.inner + rng.normal(0, _TREMBLE, patch.inner.shape))
    maps = trembling.maps(float(rng.uniform(*_GROW)))
    target = _coloured(_relit(cut.astype(np.float32), rng), patch, maps[MAPS.index("opening")], rng)
    if rng.random() < 0.3:
        target += rng.normal(0, rng.uniform(0, 3), target.shape).astype(np.float32)
    np.clip(target, 0, 255, out=target)
    heard = weights + rng.normal(0, 0.04, weights.shape)
    picture = _seamed(target, trembling, maps, rng)
    if rng.random() < _KEPT:
        stays = _kept(trembling, rng) if rows is None or rng.random() > _ROWS else rows
        maps[MAPS.index("hole")] *= 1 - stays
    return _View(picture, target, maps, heard, seen, patch)


def _opened(cut: Array, patch: MouthPatch, rng: np.random.Generator) -> tuple[Array, MouthPatch, Array | None]:
    """Often a mouth that was opened further where it parts, and the cover of both rows that it showed before."""
    more = min(patch.gap * float(rng.uniform(*_FURTHER)), _WIDEST) - patch.gap
    if rng.random() >= _OPENED or more <= 0 or (seam := parting(cut, patch)) is None:
        return cut, patch, None
    wide, lips = opened(cut, patch, seam, more)
    return wide, lips, _rows(patch, lips, seam)


def _rows(before: MouthPatch, after: MouthPatch, seam: Array) -> Array:
    """[96, 128] cover of what lay above and below a seam, where it is after the jaw went down."""
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, None] + 0.5
    (upper, were), (_, lower) = lip_heights(before.inner, x), lip_heights(after.inner, x)
    edge = upper + seam * (were - upper)
    above = np.minimum(y - upper - LIP_EDGE, edge - y)
    below = np.minimum(y - edge - (lower - were), lower - LIP_EDGE - y)
    return np.asarray(np.clip(np.maximum(above, below) + 0.5, 0, 1), np.float32)


def _kept(patch: MouthPatch, rng: np.random.Generator) -> Array:
    """[96, 128] cover of what a mouth less open showed already, in shape: upper teeth, or teeth from lip to lip.

    Its edge is where the lips' edges were, which may be lower and narrower than they are now.
    """
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, None] + 0.5
    upper, lower = lip_heights(patch.inner, x)
    right, left = float(patch.inner[:, 0].min()), float(patch.inner[:, 0].max())
    middle, half = rng.normal((right + left) / 2, 0.08 * (left - right)), rng.uniform(0.3, 1.1) * (left - right) / 2
    lens = np.clip(1 - ((x - middle) / half) ** 2, 0, 1) ** rng.uniform(0.5, 1)
    first = upper + (rng.uniform(0, 2) if rng.random() < 0.7 else rng.uniform(0, 6))
    if rng.random() < 0.3:
        last = np.where(lens > rng.uniform(0.05, 0.4), lower - rng.uniform(0, 2), first)
    else:
        last = np.minimum(first + lens * rng.uniform(0.4, 1) * min(patch.gap, rng.uniform(6, 18)), lower)
    return np.asarray(np.clip(np.minimum(y - first, last - y) + 0.5, 0, 1), np.float32)


def _focused(cut: Array, rng: np.random.Generator) -> Array:
    """Some blurred and some sharpened: what sharpness is must be learned from one mouth, and wide ones are all soft."""
    kind = rng.random()
    if kind < _BLURRED:
        focus: ImageFilter.Filter = ImageFilter.GaussianBlur(float(rng.uniform(0.5, 1.2)))
    elif kind < _BLURRED + _SHARPENED:
        focus = ImageFilter.UnsharpMask(float(rng.uniform(0.8, 1.6)), int(rng.integers(30, 80)), 0)
    else:
        return cut
    return np.asarray(Image.fromarray(cut).filter(focus))


def _wander(rng: np.random.Generator) -> Array:
    """[2, 3] a small turn, scale and shift about the middle of the patch."""
    angle, scale = rng.normal(0, np.radians(2)), np.exp(rng.normal(0, 0.04))
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    return np.concatenate([linear, (middle + rng.normal(0, 1.5, 2) - linear @ middle)[:, None]], axis=1)


def _relit(target: Array, rng: np.random.Generator) -> Array:
    """Under another light: exposure, its colour, contrast in the darks; paler or richer, or in black and white."""
    colour = 0.0 if rng.random() < _GREY else float(np.exp(rng.normal(0, 0.12)))
    grey = target @ LUMINANCE
    target = grey[..., None] + colour * (target - grey[..., None])
    light = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.04, 3))
    light = light if colour else light.mean()
    gamma = np.exp(rng.normal(0, 0.1))
    return np.asarray((np.clip(target / 255, 1e-3, 1) ** gamma * light * 255).astype(np.float32))


def _coloured(target: Array, patch: MouthPatch, opening: Array, rng: np.random.Generator) -> Array:
    """Skin and lips darker or lighter while the teeth nearly stay, and lips of another colour."""
    inside = _soft(opening, 1.0)[..., None]
    if rng.random() < 0.5:
        exposure = rng.uniform(-0.45, 0.3)
        target = target * np.exp(exposure * (1 - 0.75 * inside)).astype(np.float32)
    if rng.random() < 0.5 and np.ptp(target, axis=2).max() > _COLOURED:
        lips = _soft(filled(patch.outer, 0.0, WIDTH, HEIGHT), 1.5)[..., None] * (1 - inside)
        tint = np.array([rng.uniform(-0.15, 0.2), rng.uniform(-0.45, 0.15), rng.uniform(-0.4, 0.2)])
        target = target * np.exp(tint * lips).astype(np.float32)
    return np.asarray(target, np.float32)


def _seamed(target: Array, patch: MouthPatch, maps: Array, rng: np.random.Generator) -> Array:
    """The edge of the lips as a warp leaves it: often darkened by the seam of the closed mouth, more on one lip."""
    if rng.random() < 0.5:
        return target
    hole = maps[MAPS.index("hole")]
    ring = filled(patch.inner, float(rng.uniform(3.5, 6)), WIDTH, HEIGHT) * (1 - hole)
    above = maps[MAPS.index("below_upper")] < maps[MAPS.index("above_lower")]
    dark = _soft(ring * np.where(above, *rng.uniform(0, 0.55, 2)), 0.8)[..., None]
    return np.asarray(target * (1 - dark), np.float32)


def _soft(cover: Array, radius: float) -> Array:
    """A cover [H, W] of 0 to 1 with its edge blurred."""
    grey = Image.fromarray((cover * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(grey, np.float32) / 255
