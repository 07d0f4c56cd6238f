"""How the picture of a summary is drawn: its sheet, colours and letters. matplotlib is loaded with the first one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from mien.core.arrays import Array
from mien.core.errors import printable
from mien.core.points import EYE_LEFT, EYE_RIGHT, FACE_OVAL, INNER_LIPS, OUTER_LIPS
from mien.digest.record import Moment
from mien.formats.files import replacing

LEFT, RIGHT, MIDDLE, BLINK, GAP = "#2563eb", "#c2570c", "#0f766e", "#7c3aed", "#e2e6ec"
INK, DIM, LINE, GROUND = "#111827", "#566072", "#d4d9e1", "#ffffff"
TURNS = ("#b91c1c", "#15803d", "#1d4ed8")
"""Pitch, yaw, roll."""

LARGE, USUAL, SMALL = 14.0, 9.5, 8.5
"""Points of letters, at `DOTS` dots an inch."""

DOTS = 100
WIDE = 14.0
"""Inches across."""


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle on the sheet, inches from its upper left corner."""

    left: float
    top: float
    width: float
    height: float


class Sheet:
    """A white sheet of a height in inches."""

    def __init__(self, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._height = height
        self._figure = Figure(figsize=(WIDE, height), dpi=DOTS, facecolor=GROUND)
        FigureCanvasAgg(self._figure)

    def text(self, left: float, top: float, words: str, size: float = USUAL, colour: str = INK, **how: Any) -> Self:
        """Words that begin `left` inches from the left, their middle `top` inches from the top."""
        self._figure.text(
            left / WIDE, 1 - top / self._height, drawable(words), fontsize=size, color=colour, va="center",
            parse_math=False, **how,
        )  # fmt: skip
        return self

    def axes(self, place: Place) -> Any:
        """matplotlib's axes at a place, without a frame."""
        box = (
            place.left / WIDE,
            1 - (place.top + place.height) / self._height,
            place.width / WIDE,
            place.height / self._height,
        )
        axes = self._figure.add_axes(box)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=SMALL, labelcolor=DIM)
        return axes

    def face(self, place: Place, moment: Moment) -> Self:
        """The picture of a moment, with the contours of its points."""
        axes = self.axes(place)
        side = moment.picture.shape[0]
        axes.imshow(moment.picture, extent=(0, side, side, 0), interpolation="lanczos", aspect="auto")
        for ring in (EYE_RIGHT, EYE_LEFT, OUTER_LIPS, INNER_LIPS, FACE_OVAL):
            line: Array = moment.points[[*ring, ring[0]]]
            axes.plot(*line.T, color="#40ceff", linewidth=0.3 + 0.2 * place.width, alpha=0.9)
        axes.set(xlim=(0, side), ylim=(side, 0), xticks=[], yticks=[])
        return self

    def save(self, path: Path, overwrite: bool) -> None:
        """Writes the PNG, whole or not at all. Raises `OutputError`: E_EXISTS, or the disk refuses."""
        with replacing(path, overwrite) as part:
            self._figure.savefig(part, format="png", metadata={"Software": None})


def drawable(words: str) -> str:
    """`words` with a box for every letter that the font of the sheet lacks."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    return "".join(c if font.get_char_index(ord(c)) else "\N{REPLACEMENT CHARACTER}" for c in printable(words))


def shortened(words: str, most: int) -> str:
    """`words` with their beginning left out where they are longer than `most` letters: the end of a path tells most."""
    return words if len(words) <= most else "…" + words[len(words) - most + 1 :]


def banded(
    axes: Any, times: Array, low: Array, mean: Array, high: Array, base: float, scale: float, colour: str
) -> None:
    """A curve of means with the band of what lies between least and greatest; NaN leaves a gap."""
    if not np.array_equal(low, high, equal_nan=True):
        axes.fill_between(times, base + scale * low, base + scale * high, color=colour, alpha=0.28, linewidth=0)
    axes.plot(times, base + scale * mean, color=colour, linewidth=1.25, solid_joinstyle="round")
