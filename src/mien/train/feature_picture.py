"""The feature space as a picture: faces on the principal plane of their features, two states in two colours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.imaging.board import Tile, board
from mien.train.figures import Group

SIZE = (560, 440)
"""Width and height of a panel, pixels."""

COLOURS = ((86, 180, 233), (230, 159, 0))
"""Absent and appearing: blue and orange of Okabe and Ito's set, apart for every kind of colour vision and in grey."""

_GROUND, _INK, _FRAME = (26, 30, 38), (205, 210, 220), (70, 78, 92)
_LEAST = 3
"""Faces that span a plane."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 14, 44, 36
_RADIUS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """The faces of one panel.

    Args:
        label: what the panel shows.
        note: which network's features they are.
        words: what a face of each state is called, absent and appearing.
        features: [N, D].
        appears: [N] bool.
    """

    label: str
    note: str
    words: tuple[str, str]
    features: Array
    appears: Array


def principal_plane(features: Array, appears: Array) -> tuple[Array, Array]:
    """Where unit features lie along the two directions in which they differ most, by singular values.

    Directions have no sign of their own: they point to where a state appears, as seen from where it does not.

    Args:
        features: [N, D], N of 3 or more, D of 2 or more.
        appears: [N] bool.

    Returns:
        [N, 2] places, and [2] the share of the variance along each.
    """
    unit = np.asarray(features, np.float64)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    unit = unit - unit.mean(0)
    _, lengths, directions = np.linalg.svd(unit, full_matrices=False)
    places = unit @ directions[:2].T
    if appears.any() and not appears.all():
        places *= np.where(places[appears].mean(0) < places[~appears].mean(0), -1, 1)
    variance = lengths**2
    return places, variance[:2] / max(variance.sum(), 1e-12)


def clouds(group: Group, note: str, channel: str | None = None) -> tuple[Cloud, ...]:
    """The panels of a group: its global features, and the local ones of `channel` where that is known.

    Faces that are neither count for nothing.
    """
    decided = group.shows != 0
    found = [
        Cloud(group.name, note, ("neutral", "expressive"), group.whole[decided], group.shows[decided] > 0),
    ]
    if channel is not None:
        k = ARKIT.index(channel)
        decided = group.state[:, k] != 0
        words = (f"no {channel}", channel)
        found.append(Cloud(group.name, note, words, group.local[decided, k], group.state[decided, k] > 0))
    return tuple(found)


def feature_picture(rows: Sequence[Sequence[Cloud]]) -> Array:
    """Clouds as scatter plots, [H, W, 3] uint8; each row as long as the first."""
    tiles = [Tile(cloud.label, _panel(cloud), cloud.note) for row in rows for cloud in row]
    return board(tiles, len(rows[0]), "Feature space", SIZE)


def _panel(cloud: Cloud) -> Array:
    """[440, 560, 3] one scatter plot with axes and legend."""
    twice = Image.new("RGB", (2 * SIZE[0], 2 * SIZE[1]), _GROUND)
    enough = len(cloud.features) >= _LEAST
    share = np.zeros(2)
    if enough:
        places, share = principal_plane(cloud.features, cloud.appears)
        _scatter(twice, places, cloud.appears)
    panel = twice.reduce(2)
    pen, ink = ImageDraw.Draw(panel), ImageFont.load_default(14)
    right, bottom = SIZE[0] - _RIGHT, SIZE[1] - _BOTTOM
    pen.rectangle((_LEFT, _TOP, right, bottom), outline=_FRAME)
    if not enough:
        middle = ((_LEFT + right) / 2, (_TOP + bottom) / 2)
        pen.text(middle, "too few faces for a plane", _INK, ink, anchor="mm")
    place: float = _LEFT
    counts = (int((~cloud.appears).sum()), int(cloud.appears.sum()))
    for k, (word, count) in enumerate(zip(cloud.words, counts, strict=True)):
        _mark(pen, place + 7, _TOP / 2, 5.0, bool(k))
        text = f"{word}: {count}"
        pen.text((place + 18, _TOP / 2), text, _INK, ink, anchor="lm")
        place += 18 + ink.getlength(text) + 28
    pen.text(((_LEFT + right) / 2, bottom + 18), _axis("first", share[0], enough), _INK, ink, anchor="mm")
    upright = Image.new("RGB", (bottom - _TOP, 24), _GROUND)
    second = _axis("second", share[1], enough)
    ImageDraw.Draw(upright).text((upright.width / 2, 12), second, _INK, ink, anchor="mm")
    panel.paste(upright.transpose(Image.Transpose.ROTATE_90), (6, _TOP))
    return np.array(panel)


def _axis(which: str, share: float, known: bool) -> str:
    name = f"{which} principal axis"
    return f"{name}, {share:.0%} of the variance" if known else name


def _scatter(twice: Image.Image, places: Array, appears: Array) -> None:
    """Marks on a picture of twice the size, both axes in one scale; neither state always lies on top."""
    low, high = places.min(0), places.max(0)
    room = np.array([SIZE[0] - _LEFT - _RIGHT, SIZE[1] - _TOP - _BOTTOM]) - 4 * _RADIUS
    scale = float((room / np.maximum(high - low, 1e-12)).min())
    middle = np.array([(_LEFT + SIZE[0] - _RIGHT) / 2, (_TOP + SIZE[1] - _BOTTOM) / 2])
    spots = middle + (places - (low + high) / 2) * [scale, -scale]
    pen = ImageDraw.Draw(twice)
    for n in np.random.default_rng(0).permutation(len(spots)).tolist():
        _mark(pen, 2 * float(spots[n, 0]), 2 * float(spots[n, 1]), 2 * _RADIUS, bool(appears[n]))


def _mark(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, appears: bool) -> None:
    """A ring where a state is absent, a full disc where it appears."""
    box = (x - radius, y - radius, x + radius, y + radius)
    if appears:
        pen.ellipse(box, COLOURS[1])
    else:
        pen.ellipse(box, outline=COLOURS[0], width=max(round(radius / 2), 2))
