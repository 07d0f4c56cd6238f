"""One face of a photo: the face itself with its contours, and its strongest weights as bars."""

from mien.core.basis import ARKIT, action_name
from mien.digest.ink import DIM, GAP, LEFT, MIDDLE, RIGHT, SMALL, USUAL, WIDE, Place, Sheet
from mien.digest.ranks import Action, channel
from mien.digest.record import POSE, FaceDigest

_SIDE, _ROW, _HEAD = 2.9, 0.34, 0.75
_NAMES, _VALUES = 5.6, 1.75
"""Inches: from the left edge to the bars, and from the bars to the right edge."""


def photo_panel_height(rows: list[Action]) -> float:
    """Inches that the panel of a face takes."""
    return max(_SIDE, _HEAD + _ROW * max(len(rows), 1))


def photo_panel(sheet: Sheet, face: FaceDigest, rows: list[Action], top: float, left: float) -> None:
    """Draws a face `top` inches from the top and `left` inches from the left."""
    sheet.face(Place(left, top, _SIDE, _SIDE), face.portrait)
    words = left + _SIDE + 0.25
    sheet.text(words, top + 0.17, f"Face {face.face}", 12.0, weight="bold")
    turns = [float(face.mean[0, channel(name)]) for name in POSE]
    said = "   ".join(f"{name} {turn:+.0f}°" for name, turn in zip(POSE, turns, strict=True))
    sheet.text(words, top + 0.44, f"{said}   ·   quality {face.quality:.2f}", USUAL, DIM)
    if not rows:
        sheet.text(words, top + _HEAD + 0.15, "at rest", USUAL, DIM)
        return
    high = _ROW * len(rows)
    axes = sheet.axes(Place(_NAMES, top + _HEAD, WIDE - _NAMES - _VALUES, high))
    axes.set(xlim=(0, 1), ylim=(len(rows), 0), yticks=[], xticks=[])
    for place, row in enumerate(rows):
        middle = top + _HEAD + _ROW * (place + 0.5)
        sheet.text(_NAMES - 0.15, middle, action_name(row), USUAL, ha="right")
        sides = ((LEFT, "L "), (RIGHT, "R ")) if len(row) == 2 else ((MIDDLE, ""),)
        thick = 0.32 if len(row) == 2 else 0.44
        for k, (column, (colour, letter)) in enumerate(zip(row, sides, strict=True)):
            weight = float(face.statistics.most[ARKIT.index(column)])
            at = place + 0.5 + (k - (len(row) - 1) / 2) * 0.36
            axes.barh(at, 1, thick, color=GAP)
            axes.barh(at, min(max(weight, 0), 1), thick, color=colour)
            right = WIDE - _VALUES + 0.75 + 0.68 * k
            sheet.text(right, middle, f"{letter}{weight:.2f}", SMALL, colour, ha="right")
