"""The ball of an eye whose lids open wider: it lies behind them, and does not stretch with them.

What the lids lay over comes to light. The iris is alike all round: what of it was hidden is as its sides are, as far
from its middle. White is white: above the iris it goes on from both sides. And the upper lid throws its shade on what
is under it now. Our own.
"""

from dataclasses import dataclass

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.image import LUMINANCE, Frame
from mien.imaging.flow import shown_at
from mien.imaging.openings import Region, smooth

_IRIS, _SOFT, _LIMBUS = 1.1, 0.16, 1.42
"""Radii of the iris: what goes for it, over how much of one it gives way to white, and what is white for certain."""

_LASHES, _CLEAR = 0.1, 0.28
"""Shares of the eye's height below the upper lid: up to the first lashes hide the ball, from the second on nothing."""

_RIM = 0.1
"""Share of the eye's height above the lower lid in which the ball gives way to it."""

_CORNER, _HASTE = 0.2, 0.2
"""Share of the eye's length at either end where white is not pure, and over what part of the iris's width it gives way
to the white of the other side where all there is of it lies there."""

_LEAST, _MOST = 0.12, 0.4
"""Radius of an iris, lengths of its eye: beyond these it was not found, and stretches as before."""

_WIDER = 0.1
"""Share by which an eye must be higher for the ball to be seen as said: below it comes in by degrees."""

_LEVELS, _SHADE = 24, 0.45
"""Heights at which the lid's shade on the white is looked up, and the least light that it leaves."""

_DEEPER, _DEEP = 0.25, 0.06
"""How much darker it is under a lid that opened wide than under one that did not; lengths of the eye over which that
fades."""


@dataclass(frozen=True, slots=True, eq=False)
class Widened:
    """An eye that opens wider, in pixels of the picture; lids run from the outer corner to the inner.

    Args:
        iris: [5, 2] its middle and border, where they were.
        shift: [2] how far it goes.
        before: [2, 9, 2] the upper lid and the lower one, where they were.
        after: [2, 9, 2] likewise, where they are put.
    """

    iris: Array
    shift: Array
    before: Array
    after: Array

    def __post_init__(self) -> None:
        for name, shape in (("iris", (5, 2)), ("shift", (2,)), ("before", (2, None, 2)), ("after", (2, None, 2))):
            object.__setattr__(self, name, frozen_array(getattr(self, name), name, shape, np.float64))


class _Lids:
    """Two lids as heights over the length of an eye.

    Args:
        lids: [2, 9, 2] pixels.
        middle: [2] pixels, where both are 0.
        axes: [2, 2] along the eye, and down.
    """

    def __init__(self, lids: Array, middle: Array, axes: Array) -> None:
        lines = [(smooth(lid) - middle) @ axes.T for lid in lids]
        self._along = [np.maximum.accumulate(line[:, 0]) for line in lines]
        self._down = [line[:, 1] for line in lines]
        self.start, self.end = float(self._along[0][0]), float(self._along[0][-1])

    @property
    def length(self) -> float:
        """Pixels from corner to corner."""
        return self.end - self.start

    def upper(self, along: Array) -> Array:
        """How far down the upper lid is."""
        return np.asarray(np.interp(along, self._along[0], self._down[0]))

    def lower(self, along: Array) -> Array:
        """How far down the lower lid is."""
        return np.asarray(np.interp(along, self._along[1], self._down[1]))

    def at(self, along: Array, level: Array) -> Array:
        """How far down it is at a level: 0 is the lower lid, 1 the upper one."""
        lower = self.lower(along)
        return np.asarray(lower + level * (self.upper(along) - lower))

    def height(self) -> float:
        """Pixels between the lids where they are farthest apart."""
        along = np.linspace(self.start, self.end, _LEVELS)
        return float((self.lower(along) - self.upper(along)).max())


def bared(patch: Array, frame: Frame, left: int, top: int, eye: Widened) -> Array:
    """Part of a result with what is seen between the lids of an eye that opens wider.

    Args:
        patch: [h, w, 3] uint8, in which the eye was stretched with its lids.
        frame: the picture.
        left: pixel column of the patch's left border in the picture.
        top: likewise, its row.
        eye: the eye.

    Returns:
        [h, w, 3] uint8, a new array, or `patch` where the eye is no wider or lies elsewhere.
    """
    across = eye.before[0][-1] - eye.before[0][0]
    across = across / max(float(np.linalg.norm(across)), 1e-6)
    down = np.array([-across[1], across[0]])
    down = down if down @ (eye.before[1] - eye.before[0]).sum(0) >= 0 else -down
    view = _View(frame, eye, np.stack([across, down]))
    region = Region.between(*eye.after)
    low = np.floor(region.outline.min(0)).astype(int) - 1 - [left, top]
    high = np.ceil(region.outline.max(0)).astype(int) + 1 - [left, top]
    (x0, y0), (x1, y1) = np.maximum(low, 0).tolist(), np.minimum(high, patch.shape[1::-1]).tolist()
    if not view.holds or x1 - x0 < 1 or y1 - y0 < 1:
        return patch
    share = region.share(left + x0, top + y0, x1 - x0, y1 - y0) * np.float32(view.amount)
    rows, columns = np.nonzero(share)
    if not len(rows):
        return patch
    ball = view.ball(np.column_stack([left + x0 + columns, top + y0 + rows]) + 0.5)
    shown = patch.copy()
    near = shown[y0:y1, x0:x1]
    before = near[rows, columns].astype(np.float32)
    near[rows, columns] = np.clip(np.rint(before + share[rows, columns, None] * (ball - before)), 0, 255)
    return shown


class _View:
    """The ball, as the picture shows it and goes on.

    Args:
        frame: the picture.
        eye: the eye.
        axes: [2, 2] along the eye from its outer corner to the inner, and down.
    """

    def __init__(self, frame: Frame, eye: Widened, axes: Array) -> None:
        self._frame, self._axes, self._middle = frame, axes, eye.iris[0]
        self._before, self._after = (_Lids(lids, self._middle, axes) for lids in (eye.before, eye.after))
        self._shift = axes @ eye.shift
        self._radius = float(np.linalg.norm(eye.iris[1:] - eye.iris[0], axis=1).mean())
        self._high = self._before.height()
        # Where the sides of the iris are seen best: at its middle, or in the middle of what is bare of it.
        clear = float(self._before.upper(np.zeros(1))[0]) + _CLEAR * self._high
        self._level = min(max(0.0, clear), float(self._before.lower(np.zeros(1))[0]) - _LASHES * self._high)
        wider = self._after.height() / max(self._high, 1e-6) - 1
        self.amount = float(np.clip(wider / _WIDER, 0, 1))
        self.holds = (
            self.amount > 0 and self._high >= 1 and _LEAST <= self._radius / max(self._before.length, 1e-6) <= _MOST
        )

    def ball(self, places: Array) -> Array:
        """[P, 3] float32 colours of the ball at places [P, 2] of the result, pixels."""
        along, down = ((places - self._middle) @ self._axes.T).T
        lower, upper = self._after.lower(along), self._after.upper(along)
        level = np.clip((lower - down) / np.maximum(lower - upper, 1e-6), 0, 1)
        into = self._before.length / max(self._after.length, 1e-6)
        white = self._white(self._before.start + (along - self._after.start) * into, level)
        seen = along - self._shift[0], down - self._shift[1]
        away = np.hypot(*seen) / self._radius
        share = np.clip((_IRIS - away) / _SOFT + 0.5, 0, 1)[:, None]
        iris = self._iris(*seen) * self._shade(level)[:, None]
        deep = np.exp(-np.maximum(down - upper, 0) / max(_DEEP * self._after.length, 1e-6))
        light = 1 - _DEEPER * self.amount * deep[:, None]
        return np.asarray((white + share * (iris - white)) * light, np.float32)

    def _white(self, along: Array, level: Array) -> Array:
        """[P, 3] the white at a length of the eye as it was, and a level between its lids: no iris is on it."""
        half = self._reach(level)
        behind = np.abs(along) < half
        seen = self._shown(along, self._before.at(along, level))
        if not behind.any():
            return seen
        there, level, half = (each[behind] for each in (along, level, half))
        left, right = (np.clip(side, self._before.start, self._before.end) for side in (-half, half))
        sides = [self._shown(side, self._before.at(side, level)) for side in (left, right)]
        pure = [
            _HASTE + (1 - _HASTE) * np.clip(room / (_CORNER * self._before.length), 0, 1)
            for room in (left - self._before.start, self._before.end - right)
        ]
        part = np.clip((there + half) / np.maximum(2 * half, 1e-6), 0, 1)
        part = np.minimum(part / pure[0], 1) + np.maximum(1 - (1 - part) / pure[1], 0) - part
        part = np.clip(part, 0, 1)
        part = (part * part * (3 - 2 * part))[:, None]
        seen[behind] = sides[0] + part * (sides[1] - sides[0])
        return seen

    def _reach(self, level: Array) -> Array:
        """[P] how far to either side of its middle the iris may lie at a level."""
        down = self._before.at(np.zeros_like(level), level)
        return np.asarray(np.sqrt(np.maximum((_LIMBUS * self._radius) ** 2 - down * down, 0)))

    def _iris(self, along: Array, down: Array) -> Array:
        """[P, 3] the iris at places beside its middle: as it was seen, or as its sides were."""
        bare = (down - self._before.upper(along)) / self._high
        seen = np.clip((bare - _LASHES) / (_CLEAR - _LASHES), 0, 1)
        seen = np.minimum(seen, np.clip((self._before.lower(along) - down) / (_RIM * self._high), 0, 1))
        seen = (seen * seen * (3 - 2 * seen))[:, None]
        away = np.hypot(along, down)
        sides = [self._shown(side, np.full_like(side, self._level)) for side in (-away, away)]
        part = (0.5 + 0.5 * along / np.maximum(away, 1e-6))[:, None]
        other = sides[0] + part * (sides[1] - sides[0])
        return np.asarray(other + seen * (self._shown(along, down) - other))

    def _shade(self, level: Array) -> Array:
        """[P] what the upper lid leaves of the light, by what it leaves on the white beside the iris."""
        levels = np.linspace(0, 1, _LEVELS)
        half = self._reach(levels)
        half = np.maximum(half, half.max() * 0.8)
        sides = [np.clip(side, self._before.start, self._before.end) for side in (-half, half)]
        light = np.mean([self._shown(side, self._before.at(side, levels)) @ LUMINANCE for side in sides], axis=0)
        usual = float(np.median(light[(levels > 0.3) & (levels < 0.7)]))
        shade = np.where(levels > 0.5, light / max(usual, 1.0), 1.0)
        return np.asarray(np.interp(level, levels, np.clip(shade, _SHADE, 1.0)))

    def _shown(self, along: Array, down: Array) -> Array:
        """[P, 3] float32 what the picture shows."""
        return shown_at(self._frame, self._middle + np.column_stack([along, down]) @ self._axes).astype(np.float32)
