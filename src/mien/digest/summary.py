"""One picture of what was read: a video's strongest channels over time, or a photo's as bars; a panel for each face."""

from pathlib import Path
from typing import Any

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, action_name
from mien.digest.curves import ticks_of
from mien.digest.ink import (
    BLINK,
    DIM,
    GAP,
    INK,
    LARGE,
    LEFT,
    LINE,
    MIDDLE,
    RIGHT,
    SMALL,
    TURNS,
    USUAL,
    WIDE,
    Place,
    Sheet,
    banded,
    shortened,
)
from mien.digest.photo_summary import photo_panel, photo_panel_height
from mien.digest.ranks import (
    Action,
    blinks_text,
    channel,
    clock,
    counted,
    more_faces,
    shown_faces,
    sides_text,
    spans,
    strongest,
)
from mien.digest.record import POSE, FaceDigest, SourceDigest

_MARGIN, _NAMES, _PEAKS = 0.35, 2.35, 1.65
"""Inches: round the sheet; from its left edge to the curves; from the curves to its right edge."""

_TITLE, _HEADER, _ROW, _POSE, _QUALITY, _AXIS, _APART, _FOOT = 0.85, 0.95, 0.46, 0.8, 0.36, 0.42, 0.25, 0.4

_MOST_ROWS = {1: 12, 2: 8, 3: 6}
_FEWEST_ROWS, _PHOTO_ROWS = 5, 6

_TICKS = 12

_FEW_BLINKS = 60
"""Up to which each has a line across the curves."""


def write_summary(digest: SourceDigest, path: Path, overwrite: bool = False) -> None:
    """Draws the summary of a source as a PNG of 1400 pixels across.

    Args:
        digest: what was read.
        path: the file.
        overwrite: whether a file that is there may be replaced.

    Raises:
        OutputError: E_EXISTS, or the disk refuses.
    """
    faces = shown_faces(digest)
    most = _MOST_ROWS.get(len(faces), _FEWEST_ROWS if digest.is_video else _PHOTO_ROWS)
    rows = {face.face: strongest(face, most) for face in faces}
    if digest.is_video:
        heights = [_HEADER + _ROW * max(len(rows[f.face]), 1) + _POSE + _QUALITY + _AXIS + 0.25 for f in faces]
    else:
        heights = [photo_panel_height(rows[face.face]) for face in faces]
    inner = sum(heights) + _APART * max(len(faces) - 1, 0) if faces else 0.6
    sheet = Sheet(_TITLE + inner + _FOOT + 0.2)
    _title(sheet, digest)
    top = _TITLE
    for face, height in zip(faces, heights, strict=True):
        if digest.is_video:
            _panel(sheet, digest, face, rows[face.face], top)
        else:
            photo_panel(sheet, face, rows[face.face], top, _MARGIN)
        top += height + _APART
    if not faces:
        sheet.text(_MARGIN, _TITLE + 0.25, "No face was found.", LARGE)
    _foot(sheet, digest, _TITLE + inner + _FOOT / 2 + 0.1)
    sheet.save(path, overwrite)


def _title(sheet: Sheet, digest: SourceDigest) -> None:
    sheet.text(_MARGIN, 0.3, shortened(digest.name, 100), LARGE, weight="bold")
    said = [sides_text(digest)]
    if digest.is_video:
        said.append(f"{clock(digest.end - digest.start)}, {counted(digest.frames, 'frame')}")
        if digest.frame_rate:
            said.append(f"{digest.frame_rate:.3g} frames per second")
        if digest.faces:
            said.append(f"{counted(digest.without_face, 'frame')} without a face")
    sheet.text(_MARGIN, 0.57, "   ·   ".join(said), USUAL, DIM)


def _foot(sheet: Sheet, digest: SourceDigest, middle: float) -> None:
    left = _MARGIN
    keys = [("left", LEFT), ("right", RIGHT), ("both or middle", MIDDLE)]
    if digest.is_video:
        keys += [("blink", BLINK), ("no face", "#aab3c0")]
    for words, colour in keys if digest.faces else []:
        sheet.text(left, middle, "■", USUAL, colour).text(left + 0.17, middle, words, SMALL, DIM)
        left += 0.42 + 0.082 * len(words)
    said = ["sides are the subject's"]
    if digest.shortened > 1:
        said.append(f"line: mean of {digest.shortened} frames, band: least to greatest")
    if more := more_faces(digest):
        said.insert(0, more)
    sheet.text(WIDE - _MARGIN, middle, "   ·   ".join(said), SMALL, DIM, ha="right")


def _panel(sheet: Sheet, digest: SourceDigest, face: FaceDigest, rows: list[Action], top: float) -> None:
    """One face over time: header, channels, head, quality, and the axis of time."""
    side = _HEADER - 0.13
    sheet.face(Place(_MARGIN, top, side, side), face.portrait)
    left = _MARGIN + side + 0.2
    sheet.text(left, top + 0.22, f"Face {face.face}", 12.0, weight="bold")
    sheet.text(left, top + 0.45, f"seen in {face.frames:,} of {counted(digest.frames, 'frame')}", USUAL, DIM)
    sheet.text(left, top + 0.66, f"{blinks_text(face)}   ·   mean quality {face.quality:.2f}", USUAL, DIM)
    wide = WIDE - _NAMES - _PEAKS
    sheet.text(WIDE - _MARGIN, top + 0.66, "peak", SMALL, DIM, ha="right")
    high = _ROW * max(len(rows), 1)
    curves = sheet.axes(Place(_NAMES, top + _HEADER, wide, high))
    head = sheet.axes(Place(_NAMES, top + _HEADER + high + 0.12, wide, _POSE))
    trust = sheet.axes(Place(_NAMES, top + _HEADER + high + _POSE + 0.24, wide, _QUALITY))
    times = _middles(digest)
    for axes in (curves, head, trust):
        axes.set_xlim(digest.start, max(digest.end, digest.start + 1e-3))
        for start, end in spans(face.seen == 0, digest.starts, digest.ends):
            axes.axvspan(start, end, color=GAP, linewidth=0, zorder=0)
            if axes is curves and end - start > 0.08 * (digest.end - digest.start):
                axes.text((start + end) / 2, max(len(rows), 1) / 2, "no face", color=DIM, ha="center", va="center")
    _draw_channels(sheet, curves, face, rows, times, top + _HEADER)
    _draw_head(sheet, head, face, times, top + _HEADER + high + 0.12)
    _draw_quality(sheet, trust, digest, face, times, top + _HEADER + high + _POSE + 0.24)


def _middles(digest: SourceDigest) -> Array:
    """[B] where a bin is drawn: a single frame at its own time, more of them at their middle."""
    return digest.starts if digest.shortened == 1 else (digest.starts + digest.ends) / 2


def _values(face: FaceDigest, name: str) -> tuple[Array, Array, Array]:
    """Least, mean and greatest value of a channel in each bin, NaN where the face was not seen."""
    there, k = face.seen > 0, channel(name)
    low, mean, high = (np.where(there, values[:, k], np.nan) for values in (face.low, face.mean, face.high))
    return low, mean, high


def _draw_channels(sheet: Sheet, axes: Any, face: FaceDigest, rows: list[Action], times: Array, top: float) -> None:
    count = max(len(rows), 1)
    axes.set(ylim=(0, count), yticks=[], xticks=[])
    if not rows:
        axes.text(0.5, 0.5, "at rest", transform=axes.transAxes, color=DIM, ha="center", va="center")
    for place, row in enumerate(rows):
        base, middle = count - 1 - place + 0.1, top + _ROW * (place + 0.5)
        axes.axhline(base, color=LINE, linewidth=0.8, zorder=1)
        sheet.text(_NAMES - 0.15, middle, action_name(row), USUAL, INK, ha="right")
        peaks = [float(face.statistics.most[ARKIT.index(column)]) for column in row]
        colours = (LEFT, RIGHT) if len(row) == 2 else (MIDDLE,)
        letters = ("L ", "R ") if len(row) == 2 else ("",)
        for k, (column, colour, letter, peak) in enumerate(zip(row, colours, letters, peaks, strict=True)):
            low, mean, high = (np.clip(values, 0, 1.1) for values in _values(face, column))
            banded(axes, times, low, mean, high, base, 0.8, colour)
            right = WIDE - _MARGIN - 0.68 * (len(row) - 1 - k)
            sheet.text(right, middle, f"{letter}{peak:.2f}", USUAL, colour, ha="right")
    blinks = [blink.time for blink in face.blinks or ()]
    few = len(blinks) <= _FEW_BLINKS
    axes.plot(
        blinks, np.full(len(blinks), count), "v", color=BLINK, markersize=5 if few else 2.5, clip_on=False, zorder=5
    )
    for time in blinks if few else []:
        axes.axvline(time, color=BLINK, linewidth=0.7, alpha=0.35, zorder=1)


def _draw_head(sheet: Sheet, axes: Any, face: FaceDigest, times: Array, top: float) -> None:
    sheet.text(_NAMES - 0.15, top + 0.18, "head, degrees", USUAL, INK, ha="right")
    turns = [_values(face, name) for name in POSE]
    reach = max(15.0, *(float(np.nanmax(np.abs(values))) for each in turns for values in each))
    reach = 5 * np.ceil(reach / 5)
    axes.axhline(0, color=LINE, linewidth=0.8)
    for name, colour, (low, mean, high), line in zip(POSE, TURNS, turns, range(3), strict=True):
        banded(axes, times, low, mean, high, 0, 1, colour)
        words = f"{name} {np.nanmin(low):+.0f} to {np.nanmax(high):+.0f}°"
        sheet.text(WIDE - _MARGIN, top + 0.14 + 0.26 * line, words, SMALL, colour, ha="right")
    axes.set(ylim=(-reach, reach), xticks=[], yticks=[-reach, 0, reach])
    axes.set_yticklabels([f"{-reach:g}", "0", f"+{reach:g}"])


def _draw_quality(sheet: Sheet, axes: Any, digest: SourceDigest, face: FaceDigest, times: Array, top: float) -> None:
    sheet.text(_NAMES - 0.15, top + _QUALITY / 2, "quality, 0 to 1", USUAL, INK, ha="right")
    low, mean, high = _values(face, "quality")
    axes.fill_between(times, 0, mean, color="#0ea5e9", alpha=0.16, linewidth=0)
    banded(axes, times, low, mean, high, 0, 1, "#0369a1")
    axes.set(ylim=(0, 1), yticks=[])
    axes.axhline(0, color=LINE, linewidth=0.8)
    sheet.text(WIDE - _MARGIN, top + _QUALITY / 2, f"mean {face.quality:.2f}", SMALL, DIM, ha="right")
    ticks = ticks_of(digest, _TICKS)
    places = [digest.start + tick.place / 100 * (digest.end - digest.start) for tick in ticks]
    axes.set_xticks(places, [tick.text for tick in ticks])
    axes.tick_params(axis="x", length=3, color=LINE)
