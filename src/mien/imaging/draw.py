"""The picture people look at: mesh, contours, axes and gaze on the face, its weights as bars beside it.

Lines are drawn as masks at twice the size, over the face's own region only, and laid on in one colour each: smooth
edges at the cost of the face, not of the picture.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Self

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core.actions import ActionRow, action_rows
from mien.core.arrays import Array, frozen_array
from mien.core.basis import action_name
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS, Expression, FaceReading
from mien.core.geometry import Camera, angles_from_rotation
from mien.core.image import Frame
from mien.core.points import EYE_LEFT, EYE_RIGHT, INNER_LIPS, OUTER_LIPS

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Rows = Sequence[ActionRow]

ACCENTS: tuple[Colour, ...] = ((64, 206, 255), (255, 138, 176), (142, 232, 122), (190, 150, 255), (255, 190, 84))
"""The colour of a face is `ACCENTS[number % 5]`."""

PANEL: Colour = (17, 20, 27)
"""The panel's ground."""

_INK, _DIM, _TRACK, _SHADOW = (236, 239, 244), (139, 148, 164), (43, 49, 61), (8, 10, 16)
_AXES: tuple[Colour, ...] = ((255, 77, 94), (74, 222, 128), (64, 132, 255))
_GAZE: Colour = (255, 214, 82)

CLOSED_LINES = (EYE_RIGHT, EYE_LEFT, OUTER_LIPS, INNER_LIPS)
BROW_LINES = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
"""The contours of a face, right before left: rings of points that close, and brows that do not."""

_AXIS_LENGTH, _GAZE_LENGTH, _FADES = 0.06, 0.09, 10
_LEAST_WEIGHT, _ROWS, _BLOCKS = 0.05, 10, 4
_LEAST_TEXT, _PANEL_EMS = 11.0, 16.6
_MARGIN_EMS, _HEADER_EMS, _ROW_EMS = 1.2, 3.2, 2.3


def draw_overlay(
    frame: Frame,
    readings: Sequence[FaceReading],
    triangles: Array,
    camera: Camera,
    columns: Sequence[str] | None = None,
) -> Array:
    """The frame with its readings on it and their strongest weights beside it.

    Args:
        frame: [H, W] the upright picture; its pixels stay as they are.
        readings: its faces, in any order; the panel names at most four of them, the largest.
        triangles: [M, 3] places of the 478 points: the mesh whose edges are drawn.
        camera: the one the poses were fitted with.
        columns: the weights shown, in this order, as for a video, whose bars should not change places; None shows
            the strongest of this picture. A left and a right column of one action share a row.

    Returns:
        [H', W', 3] uint8. Both sides are even, as video encoders ask, and depend on the frame's size only.

    Raises:
        ValueError: `triangles` has another shape, or names points that are not there.
        KeyError: a face's basis lacks one of `columns`.
    """
    edges = mesh_edges(triangles)
    # Text size the panel is laid out for: legible beside a thumbnail, in proportion elsewhere.
    em = max(_LEAST_TEXT, min(frame.height, 1.2 * frame.width) / 28)
    faces = sorted(readings, key=lambda reading: reading.face)
    picture = Image.fromarray(frame.pixels)
    for reading in faces:
        _draw_face(picture, reading, edges, camera)
    if len(faces) > 1:
        for reading in faces:
            _draw_number(picture, reading)
    if not faces:
        _draw_caption(picture, "no face found", em)
    width, height = round(_PANEL_EMS * em), frame.height + frame.height % 2
    blocks = int(np.clip(height / (_LEAST_TEXT * (_MARGIN_EMS + _HEADER_EMS + _ROW_EMS)), 1, _BLOCKS))
    # The largest are named: size changes less from frame to frame than quality does.
    named = sorted(sorted(faces, key=_face_size)[-blocks:], key=lambda reading: reading.face)
    footer = 1.6 * em if len(faces) > len(named) else 0.0
    panel = _draw_panel(named, (width + (width + frame.width) % 2, height), height - footer, em, columns)
    if footer:
        more = f"and {len(faces) - len(named)} more"
        place = (panel.width - 1.3 * em, height - 0.4 * em)
        ImageDraw.Draw(panel).text(place, more, _DIM, _font(round(0.8 * em)), anchor="rb")
    canvas = Image.new("RGB", (frame.width + panel.width, height))
    canvas.paste(picture)
    canvas.paste(panel, (frame.width, 0))
    overlay = np.array(canvas)
    overlay[frame.height :] = overlay[frame.height - 1]
    return overlay


def _face_size(reading: FaceReading) -> float:
    """Side in pixels of a square as large as the face's box."""
    x0, y0, x1, y1 = np.clip(reading.box, -1e6, 1e6).tolist()
    return float(np.sqrt((x1 - x0) * (y1 - y0)))


def mesh_edges(triangles: Array) -> Array:
    """[E, 2] the edges of triangles [M, 3], each once."""
    corners = frozen_array(triangles, "triangles", (None, 3), np.int64)
    if corners.size and not (corners.min() >= 0 and corners.max() < LANDMARKS):
        raise ValueError(f"triangles name points outside 0..{LANDMARKS - 1}")
    pairs = np.sort(corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    codes = np.unique(pairs[:, 0] * LANDMARKS + pairs[:, 1])
    return np.stack([codes // LANDMARKS, codes % LANDMARKS], axis=1)


def _box(points: Array, pad: float, size: tuple[int, int]) -> Box:
    """The part of a picture of `size` round points [N, 2]; at least one pixel, and inside."""
    limit = np.array(size)
    least = np.clip(np.floor(points.min(0) - pad), 0, limit - 1)
    left, top, right, bottom = np.concatenate([least, np.clip(np.ceil(points.max(0) + pad), least + 1, limit)]).tolist()
    return int(left), int(top), int(right), int(bottom)


class _Stencil:
    """A mask at twice the size over a box of the picture, and the way to lay it on in one colour."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self._origin = np.array(box[:2], np.float64)
        self._mask = Image.new("L", (2 * (box[2] - box[0]), 2 * (box[3] - box[1])))
        self._pen = ImageDraw.Draw(self._mask)

    def _own(self, points: Array) -> Array:
        # Pillow's coordinates name pixels, whose centres lie at .5 here.
        return 2 * (points - self._origin) - 0.5

    def segments(self, ends: Array, width: float, opacity: float) -> Self:
        """Separate lines [E, 2, 2]; those that cannot reach the box are left out."""
        own = self._own(ends)
        least, most = own.min(1), own.max(1)
        near = (most >= -8).all(1) & (least <= np.array(self._mask.size) + 8).all(1)
        thick, level = max(1, round(2 * width)), round(255 * opacity)
        for line in own[near].reshape(-1, 4).tolist():
            self._pen.line(line, level, thick)
        return self

    def path(self, points: Array, width: float, opacity: float = 1.0, closed: bool = False) -> Self:
        """A line through points [N, 2] with round joints and ends."""
        own = self._own(points)
        line = np.concatenate([own, own[:2]]) if closed else own
        thick, level = max(1, round(2 * width)), round(255 * opacity)
        self._pen.line(line.ravel().tolist(), level, thick, joint="curve")
        if not closed and thick > 2:
            for x, y in (line[0], line[-1]):
                self._pen.circle((float(x), float(y)), thick / 2 - 0.5, level)
        return self

    def bar(self, x0: float, y0: float, x1: float, y1: float) -> Self:
        """A filled rectangle with round ends, left out when it is too short to see."""
        (left, top), (right, bottom) = (2 * (np.array([[x0, y0], [x1, y1]]) - self._origin)).tolist()
        if right - left >= 1:
            radius = min(bottom - top, right - left) / 2
            self._pen.rounded_rectangle((left, top, right - 1, bottom - 1), radius, 255)
        return self

    def lay(self, picture: Image.Image, colour: Colour) -> None:
        """Blend the colour into the picture where the mask says."""
        mask = self._mask.reduce(2)
        if (inked := mask.getbbox()) is not None:
            picture.paste(colour, (self.box[0] + inked[0], self.box[1] + inked[1]), mask.crop(inked))


def rays(reading: FaceReading, points: Array, camera: Camera) -> tuple[Array, Array]:
    """In the picture: axes [3, 2, 2] from the head's middle, gaze [2, F, 2] from the irises.

    Both are empty for a head that is not before the camera.
    """
    pose = reading.state.pose
    origin = np.clip(pose.translation, -1e4, 1e4)
    if origin[2] < 1.5 * _GAZE_LENGTH:
        return np.empty((0, 2, 2)), np.empty((0, 2, 2))
    tips = origin + _AXIS_LENGTH * pose.rotation.T * np.array([[1.0], [1.0], [-1.0]])
    axes = np.stack([np.broadcast_to(camera.project(origin), (3, 2)), camera.project(tips)], axis=1)
    # The irises' depth is not measured; the head's is close enough to give their rays a perspective.
    eyes = (points[[IRIS_LEFT, IRIS_RIGHT]] - camera.centre) / camera.focal_length
    starts = origin[2] * np.column_stack([eyes, np.ones(2)])
    ways = -(pose.rotation @ reading.state.gaze.rotation)[..., 2]
    steps = np.linspace(0, _GAZE_LENGTH, _FADES + 1)
    return axes, camera.project(starts[:, None] + steps[:, None] * ways[:, None])


def _draw_face(picture: Image.Image, reading: FaceReading, edges: Array, camera: Camera) -> None:
    """Mesh, contours, axes and gaze, from the faintest to the strongest."""
    reach = 8.0 * max(picture.size)
    points = np.clip(reading.landmarks.points[:, :2], -reach, reach)
    size = min(_face_size(reading), reach)
    axes, gaze = (np.clip(lines, -reach, reach) for lines in rays(reading, points, camera))
    box = _box(points, 0.02 * size + 2, picture.size)
    accent = ACCENTS[reading.face % len(ACCENTS)]
    # The mesh of a small face would hide it.
    mesh = 0.65 * float(np.clip((size - 60) / 150, 0, 1))
    if mesh > 0:
        _Stencil(box).segments(points[edges], max(0.5, 0.0021 * size), mesh).lay(picture, accent)
    contours = _Stencil(box)
    thick = max(0.8, 0.0065 * size)
    for chain in CLOSED_LINES:
        contours.path(points[list(chain)], thick, 0.95, closed=True)
    for brow, iris in zip(BROW_LINES, (IRIS_RIGHT, IRIS_LEFT), strict=True):
        contours.path(points[list(brow)], thick, 0.95)
        contours.path(_ellipse(points[iris + 1 : iris + 5]), thick, 0.95, closed=True)
    contours.lay(picture, accent)
    if len(axes):
        _draw_rays(picture, axes, gaze, max(0.75, 0.009 * size))


def _ellipse(ring: Array) -> Array:
    """[24, 2] the ellipse through points [4, 2] that lie a quarter turn apart."""
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    across, along = (ring[0] - ring[2]) / 2, (ring[1] - ring[3]) / 2
    return np.asarray(ring.mean(0) + np.cos(turns) * across + np.sin(turns) * along)


def _draw_rays(picture: Image.Image, axes: Array, gaze: Array, thick: float) -> None:
    """Axes and gaze over one soft shadow, which keeps them apart from light skin."""
    box = _box(np.concatenate([*axes, *gaze]), 2 * thick + 1, picture.size)
    shadow, looks = _Stencil(box), _Stencil(box)
    for ray in gaze:
        # From the far end, for the nearer and stronger part covers the joint.
        for step in reversed(range(_FADES)):
            strength = 1 - step / _FADES
            shadow.path(ray[step : step + 2], 2 * thick, 0.3 * strength)
            looks.path(ray[step : step + 2], thick, strength)
        looks.path(ray[[0, 0]], 2.5 * thick)
    for axis in axes:
        shadow.path(axis, 2 * thick, 0.3)
    shadow.lay(picture, _SHADOW)
    for axis, colour in zip(axes, _AXES, strict=True):
        _Stencil(_box(axis, thick + 1, picture.size)).path(axis, thick).lay(picture, colour)
    looks.lay(picture, _GAZE)


@lru_cache(maxsize=32)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _draw_number(picture: Image.Image, reading: FaceReading) -> None:
    """The face's number on a tab at the upper left of its box, inside the picture where the face is."""
    size = float(np.clip(0.09 * _face_size(reading), _LEAST_TEXT, max(_LEAST_TEXT, 0.05 * max(picture.size))))
    x0, y0, x1, y1 = np.clip(reading.box, -1e6, 1e6).tolist()
    if x1 < 0 or y1 < 0 or x0 > picture.width or y0 > picture.height:
        return
    text, font = str(reading.face), _font(round(size))
    high = 1.3 * size
    wide = max(high, font.getlength(text) + 0.7 * size)
    left = min(max(x0, 0.0), max(0.0, picture.width - wide))
    top = min(max(y0 - high, 0.0), max(0.0, picture.height - high))
    _tab(picture, (left, top, left + wide, top + high), text, font, ACCENTS[reading.face % len(ACCENTS)], PANEL)


def _draw_caption(picture: Image.Image, text: str, em: float) -> None:
    """A line on a dark tab at the lower left."""
    em = max(1.0, min(em, picture.width / 9))
    font = _font(round(em))
    wide, high = font.getlength(text) + 1.2 * em, 1.8 * em
    bottom = picture.height - 0.7 * em
    _tab(picture, (0.7 * em, bottom - high, 0.7 * em + wide, bottom), text, font, PANEL, _INK)


def _tab(picture: Image.Image, box: Sequence[float], text: str, font: Font, ground: Colour, ink: Colour) -> None:
    x0, y0, x1, y1 = (round(value) for value in box)
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((x0, y0, x1 - 1, y1 - 1), 0.2 * (y1 - y0), ground)
    pen.text(((x0 + x1) / 2, (y0 + y1) / 2), text, ink, font, anchor="mm")


def _draw_panel(
    faces: Sequence[FaceReading], size: tuple[int, int], room: float, em: float, columns: Sequence[str] | None
) -> Image.Image:
    """Blocks of equal height in the upper `room`, one a face; text shrinks, and then rows go, when a block is low."""
    panel = Image.new("RGB", size, PANEL)
    for place, reading in enumerate(faces):
        top, high = room * place / len(faces), room / len(faces)
        rows = _rows(reading.state.expression, columns)
        wanted = _MARGIN_EMS + _HEADER_EMS + _ROW_EMS * (_ROWS if columns is None else len(rows))
        own = float(np.clip(high / wanted, max(_LEAST_TEXT, 0.62 * em), em))
        fitting = max(1, int((high / own - _MARGIN_EMS - _HEADER_EMS) / _ROW_EMS + 0.3))
        _draw_block(panel, reading, rows[:fitting], top, own)
    return panel


def _draw_block(panel: Image.Image, reading: FaceReading, rows: Rows, top: float, em: float) -> None:
    """One face: its number, quality and pose, then a row for each weight or pair."""
    pen, ink, small = ImageDraw.Draw(panel), _font(round(em)), _font(round(0.8 * em))
    left, right = 1.3 * em, panel.width - 1.3 * em
    y = top + _MARGIN_EMS * em
    tracks, bars = (_Stencil((0, 0, *panel.size)) for _ in range(2))
    bars.path(np.array([[left + 0.35 * em, y + 0.5 * em]] * 2), 0.7 * em)
    pen.text((left + 1.2 * em, y + 0.5 * em), f"face {reading.face}", _INK, ink, anchor="lm")
    pen.text((right, y + 0.5 * em), f"quality {reading.quality:.2f}", _DIM, small, anchor="rm")
    turns = np.rad2deg(angles_from_rotation(reading.state.pose.facing())).round().astype(int).tolist()
    angles = "   ".join(f"{name} {turn}°" for name, turn in zip(("pitch", "yaw", "roll"), turns, strict=True))
    pen.text((left, y + 1.8 * em), angles, _DIM, small, anchor="lm")
    y += _HEADER_EMS * em
    expression, basis = reading.state.expression, reading.state.expression.basis
    if not rows and not (abs(expression.weights) > _LEAST_WEIGHT).any():
        pen.text((left, y + 0.5 * em), "at rest", _DIM, ink, anchor="lm")
    for row in rows:
        weights = [float(expression[column]) for column in row]
        numbers = [f"{round(weight, 2) + 0:.2f}" if abs(weight) < 100 else f"{weight:.0e}" for weight in weights]
        values = numbers[0] if len(row) == 1 else f"L {numbers[0]}  R {numbers[1]}"
        pen.text((right, y + 0.5 * em), values, _DIM, small, anchor="rm")
        name = _shortened(action_name(row), ink, right - left - small.getlength(values) - 0.5 * em)
        pen.text((left, y + 0.5 * em), name, _INK, ink, anchor="lm")
        thick = (0.26 if len(row) == 1 else 0.2) * em
        for place, weight in enumerate(weights):
            bar = y + (1.42 if len(row) == 1 else 1.3) * em + place * 0.3 * em
            tracks.bar(left, bar, right, bar + thick)
            ends = (np.array([0.0, weight]) - basis.low) / (basis.high - basis.low)
            start, end = (left + (right - left) * np.sort(np.clip(ends, 0, 1))).tolist()
            bars.bar(start, bar, end, bar + thick)
        y += _ROW_EMS * em
    tracks.lay(panel, _TRACK)
    bars.lay(panel, ACCENTS[reading.face % len(ACCENTS)])


def _shortened(text: str, font: Font, width: float) -> str:
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-2] + "…"
    return text


def _rows(expression: Expression, columns: Sequence[str] | None) -> Rows:
    """The rows of a block; without `columns` the strongest that one can see."""
    rows = action_rows(expression.basis, columns)
    if columns is not None:
        return rows
    strengths = {row: max(abs(float(expression[column])) for column in row) for row in rows}
    return sorted((row for row in rows if strengths[row] > _LEAST_WEIGHT), key=lambda row: -strengths[row])[:_ROWS]
