"""What the channels of a rig do, as pictures: one at rest, driven and measured, or all of them on one sheet."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, Basis
from mien.core.errors import UsageError
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import Mesh, rotation_from_angles
from mien.core.looks import gaze_from_looks
from mien.imaging.board import Tile, board, heat
from mien.imaging.portrait import FACE, Portrait
from mien.imaging.shade import Paint
from mien.pipelines.animate import paint_of
from mien.rig.model import Rig, vertex_normals

MOST_WEIGHT = 10.0
"""The largest weight that a channel is shown at."""

_NO_ACTION_OF_TWO_SIDES = {"jaw", "mouth", "eyeLookIn", "eyeLookOut"}
"""Names without Left and Right that mean two actions, not one on two sides."""

_SIDES = (("Left", "Right"), ("L", "R"))
_SHOWN_SIDE, _SHEET_SIDE, _SHEET_COLUMNS = 480, 200, 8
_TURN = rotation_from_angles(0.0, np.deg2rad(-22.0), 0.0)
"""From where displacement is shown: a little from the side, so that what moves to the front is seen."""


def channels(rig: Rig, name: str) -> tuple[str, ...]:
    """The columns of a rig's basis that a name stands for: one, or the Left and Right of a both-sides name.

    Raises:
        UsageError: E_USAGE: no such column, or the rig does not move it.
    """
    both = _both_sides(rig.basis)
    columns = (name,) if name in rig.basis.columns else both.get(name)
    if columns is None:
        lower = {known.lower(): known for known in (*both, *rig.basis.columns)}
        near = [lower[word] for word in difflib.get_close_matches(name.lower(), lower, 3, 0.6)]
        remedy = f"did you mean {' or '.join(near)}?" if near else f"for example {rig.basis.columns[0]}"
        raise UsageError(name, "E_USAGE", f"the {rig.name} rig has no channel of this name", remedy)
    still = [column for column in columns if column in rig.absent]
    if still:
        raise UsageError(name, "E_USAGE", f"the {rig.name} rig does not move it", "mien rigs sheet shows what it moves")
    return columns


def _both_sides(basis: Basis) -> dict[str, tuple[str, str]]:
    names = {}
    for left, right in basis.mirror_names or ():
        for one, other in _SIDES:
            stem = left.removesuffix(one)
            if left == stem + one and right == stem + other and stem not in _NO_ACTION_OF_TWO_SIDES:
                names[stem] = (left, right)
    return names


@dataclass(frozen=True, slots=True, eq=False)
class _Sitter:
    """A rig at rest, and how it is set before the camera."""

    rig: Rig
    rest: Mesh
    still: Array
    paint: Paint
    portrait: Portrait

    def driven(self, columns: tuple[str, ...], weight: float) -> Array:
        """Vertices [V, 3] with these columns at `weight`; eyeLook columns turn the eyes, too.

        mouthClose is shown over a jaw that is as far open: it closes the lips of an open mouth, and is nothing alone.
        """
        basis = self.rig.basis
        weights = np.zeros(len(basis))
        weights[basis.indices(columns)] = weight
        if "mouthClose" in columns and basis == ARKIT and "jawOpen" not in self.rig.absent:
            weights[basis.index("jawOpen")] = weight
        return np.asarray(self.rig.vertices(Identity(), _state(Expression(weights, basis))))

    def picture(self, vertices: Array, turn: Array, colours: Array | None = None) -> Array:
        """Of a moved face; `colours` [V, 3] in the place of its own."""
        moved = replace(self.rest, vertices=vertices, normals=vertex_normals(vertices, self.rest.triangles))
        if colours is None:
            return self.portrait.picture(moved, turn, self.paint)
        return self.portrait.picture(replace(moved, colours=colours), turn, Paint(openness=self.paint.openness))


def _sitter(rig: Rig, side: int) -> _Sitter:
    rest = replace(rig.rest(), morph_targets=None, morph_names=())
    still = rig.vertices(Identity(), _state(Expression(np.zeros(len(rig.basis)), rig.basis)))
    sitter = _Sitter(rig, rest, still, paint_of(rig), Portrait.of(still, side, side, window=FACE))
    if "jawOpen" in rig.basis.columns and "jawOpen" not in rig.absent:
        room = np.concatenate([still, sitter.driven(("jawOpen",), 1.0)])
        return replace(sitter, portrait=Portrait.of(room, side, side, window=FACE))
    return sitter


def _state(expression: Expression) -> FaceState:
    ahead = Gaze(np.stack([np.eye(3), np.eye(3)]))
    gaze = gaze_from_looks(expression) if expression.basis == ARKIT else ahead
    return FaceState(expression, Pose(np.eye(3), np.zeros(3)), gaze)


def _millimetres(sitter: _Sitter, vertices: Array) -> Array:
    """[V] how far each vertex is from where it rests; 0 for those that no triangle shows."""
    moved = np.linalg.norm(vertices - sitter.still, axis=1) * 1000
    shown = np.zeros(len(moved), bool)
    shown[sitter.rest.triangles] = True
    return np.where(shown, moved, 0.0)


def channel_picture(rig: Rig, name: str, weight: float = 1.0) -> Array:
    """One channel of a rig: at rest, driven, and how far each place moves. [H, W, 3] uint8.

    Args:
        rig: any.
        name: a column of its basis, or a both-sides name.
        weight: what the channel is driven to.

    Raises:
        UsageError: E_USAGE: the rig has no such channel, or the weight is not within -10 to 10.
    """
    columns = channels(rig, name)
    if not abs(weight) <= MOST_WEIGHT:
        allowed = f"allowed: -{MOST_WEIGHT:g} to {MOST_WEIGHT:g}"
        raise UsageError("--weight", "E_USAGE", f"{weight:g} is out of range", allowed)
    sitter = _sitter(rig, _SHOWN_SIDE)
    driven = sitter.driven(columns, weight)
    moved = _millimetres(sitter, driven)
    most = float(moved.max(initial=0))
    colours = heat(moved / max(most, 1e-9))
    ahead = np.eye(3)
    tiles = (
        Tile("at rest", sitter.picture(sitter.still, ahead)),
        Tile(f"{name} {weight:g}", sitter.picture(driven, ahead)),
        Tile("displacement", sitter.picture(driven, _TURN, colours), f"at most {most:.1f} mm"),
    )
    title = f"{rig.name} rig   {'  '.join(columns)}"
    return board(tiles, len(tiles), title, (_SHOWN_SIDE, _SHOWN_SIDE), most)


def sheet_picture(rig: Rig, watch: Callable[[int, int], None] = lambda done, total: None) -> Array:
    """Every channel of a rig at 1 on one sheet, with how far it moves. [H, W, 3] uint8.

    Args:
        rig: any.
        watch: called with how many channels are done, and of how many.
    """
    sitter = _sitter(rig, _SHEET_SIDE)
    ahead, columns = np.eye(3), rig.basis.columns
    tiles = [Tile("at rest", sitter.picture(sitter.still, ahead))]
    for done, column in enumerate(columns, 1):
        if column in rig.absent:
            tiles.append(Tile(column, None, "absent"))
        else:
            driven = sitter.driven((column,), 1.0)
            note = f"{_millimetres(sitter, driven).max():.1f} mm"
            label = f"{column}, jaw open" if column == "mouthClose" else column
            tiles.append(Tile(label, sitter.picture(driven, ahead), note))
        watch(done, len(columns))
    title = f"{rig.name} rig   {len(columns) - len(rig.absent)} of {len(columns)} channels of {rig.basis.name} at 1"
    return board(tiles, _SHEET_COLUMNS, title, (_SHEET_SIDE, _SHEET_SIDE))
