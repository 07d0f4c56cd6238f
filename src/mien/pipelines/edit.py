"""A face of a picture with another expression: motion first, then what no motion can make.

Source: after S. Athar, Z. Shu and D. Samaras, "Self-supervised Deformation Modeling for Facial Expression Editing",
2019, whose two steps these are. That geometry gives the motion and the picture's own pixels the skin is our reading.
"""

from dataclasses import dataclass, replace

import numpy as np

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.errors import InputError, UsageError
from mien.core.face import Expression, FaceReading, Gaze, Take
from mien.core.image import Frame
from mien.core.looks import gaze_from_looks
from mien.core.points import (
    IRISES_LEFT,
    IRISES_RIGHT,
    LID_FOLDS,
    LOWER_INNER_LIP,
    LOWER_LIDS,
    UPPER_INNER_LIP,
    UPPER_LIDS,
    downwards,
)
from mien.detect.shape import mean_face
from mien.imaging.eyeball import Widened, bared
from mien.imaging.flow import Flow
from mien.imaging.lids import Lid, hidden, unfolded
from mien.imaging.mouth_patch import MouthPatch
from mien.imaging.openings import Region, darkened, lay_over, looking
from mien.imaging.sheets import LASHES, FaceFlows, FaceSheet
from mien.metrics import inter_ocular_distance
from mien.paint.corners import sealed_corners, unfolded_corners
from mien.paint.crease import CreasePainter
from mien.paint.motion import MotionMender
from mien.paint.mouth import MouthPainter, grown
from mien.paint.own_teeth import kept, laid
from mien.paint.parting import Parting
from mien.rig.compact import compact_model
from mien.rig.fit import Fitter
from mien.rig.lid_room import with_room
from mien.rig.motion import FaceMotion, face_motion
from mien.rig.wishes import Wish

LEAST_EYES = 12.0
"""Pixels between the irises of the smallest face that is edited."""

MOST_TURNED = 40.0
"""Degrees from the viewer beyond which half of a face is hidden, and no rig knows how it moves."""

MOST_UNEXPLAINED = 6.0
"""Residual of the fit, % of the inter-ocular distance, beyond which the points are no face's that the rig knows."""


_SHUT = 0.12
"""Share of an eye's opening: one that keeps less is shut, and nothing is seen through it."""


_OPENED = 1.02
"""Times that an eye's opening must grow for more of its ball to come to light: one that grows less stretches."""

_BACK = 0.02
"""Inter-ocular distances by which a lip must go back from an open mouth for what is seen in it to go along."""

_DROOPING, _LASHES, _LASH_SHADE = 0.5, 0.02, 0.55
"""How far a lid must come down before its lashes, seen from the front now, draw a line; how thick that is, in
inter-ocular distances; and how much darker than the lid."""

_FURTHER = 0.04
"""Inter-ocular distances: lips that part by less show what was between them, stretched; by more, it is painted."""


@dataclass(frozen=True, slots=True, eq=False)
class EditedFace:
    """What became of one face of a picture.

    Args:
        pixels: [H, W, 3] uint8 RGB, the whole picture.
        mask: [H, W] bool, where it may have changed; everywhere else it is the picture's own, to the bit.
        now: [52] ARKit's weights as they were read.
        asked: [52] as they were asked for.
        target: [478, 2] where the points of the face were put, pixels.
        folded: share of the moved skin that is folded over, 0 to 1.
        painted: whether a network made up pixels.
    """

    pixels: Array
    mask: Array
    now: Array
    asked: Array
    target: Array
    folded: float
    painted: bool = False

    def __post_init__(self) -> None:
        shape = self.pixels.shape[:2]
        object.__setattr__(self, "mask", frozen_array(self.mask, "mask", shape, np.bool_))
        object.__setattr__(self, "target", frozen_array(self.target, "target", (None, 2), np.float64))


class Editor:
    """Edits faces that were read. Loaded once; has no memory of any picture.

    Args:
        paint: whether what opens is painted.
        shade: whether skin is shaded anew; without both, the motion step is all.
        mend: whether a network adds to the motion what the rig misses.

    Raises:
        ModelError: a weight file is missing or was changed.
    """

    def __init__(self, paint: bool = True, shade: bool = True, mend: bool = True) -> None:
        self._model = compact_model()
        self._fitter = Fitter(self._model, mean_face().steadiness)
        self._sheet = FaceSheet.of(self._model.mean, self._model.triangles)
        self._mender = MotionMender.shipped() if mend else None
        self._creases = CreasePainter.shipped() if shade else None
        self._painter = MouthPainter.shipped() if paint else None

    def edit(
        self,
        frame: Frame,
        reading: FaceReading,
        asked: Array,
        source: object = "picture",
        parts: Parting | None = None,
    ) -> EditedFace:
        """The picture with one face's weights as asked.

        Args:
            frame: the picture.
            reading: the face in it.
            asked: [52] ARKit's weights, 0 to 1.
            source: what to call the picture in a message.
            parts: how the mouth parts, if frames before had their say in that; None to decide by this picture alone.

        Raises:
            InputError: E_SMALL, E_PROFILE or E_POSE for a face that cannot be edited.
        """
        now = reading.state.expression.weights
        still = np.zeros(frame.pixels.shape[:2], bool)
        if np.array_equal(now, asked):
            return EditedFace(frame.pixels, still, now, asked, reading.landmarks.points[:, :2], 0.0)
        points = reading.landmarks.points.astype(np.float64)
        fit = self._fitter.fit(points, expected=now)
        _check(points, fit.head.rotation, fit.residual, source)
        motion = face_motion(self._model, points, fit.head, now, asked)
        if self._mender is not None:
            motion = self._mender.mend(motion, points, fit.head, now, asked)
        motion = with_room(motion)
        flows = self._sheet.flows(motion.points, motion.target)
        patch, flow = _layered(frame, flows, motion), flows.whole
        if self._creases is not None:
            moved = motion.points, motion.target, asked - now
            patch = self._creases.paint(frame, *moved, patch, flow.left, flow.top)
        painted = self._painter is not None and motion.parted[1] > motion.parted[0] + _FURTHER
        if self._painter is not None:
            patch = self._mouthed(frame, points, patch, flow, motion, asked if painted else None, parts)
        moving = flow.moving()
        skin = moving & flows.skin
        folded = float((flow.turns()[skin] <= 0).mean()) if skin.any() else 0.0
        pixels, mask = _pasted(frame, flow, patch, flow.enlarged(moving))
        return EditedFace(pixels, mask, now, asked, motion.target, folded, painted)

    def _mouthed(
        self,
        frame: Frame,
        points: Array,
        patch: Array,
        flow: Flow,
        motion: FaceMotion,
        painted: Array | None,
        parts: Parting | None,
    ) -> Array:
        """[h, w, 3] uint8: part of a result with its mouth made good, and painted where weights [52] are given.

        Of the face's `points` [478, 3] as they were read lips are apart that count as shut in its motion.
        """
        now = MouthPatch.of(motion.target)
        before = MouthPatch.at(motion.points[:, :2], now.to_frame)
        moved = motion.target - [flow.left, flow.top]
        here = MouthPatch.of(moved)
        if painted is None or self._painter is None:
            return sealed_corners(patch, here, before)
        own = kept(frame, motion.points, now, parts)
        patch = unfolded_corners(laid(patch, frame, flow, now, own), here, before)
        grow = grown(MouthPatch.at(points[:, :2], now.to_frame).gap)
        return self._painter.paint(patch, moved, painted, tuple(part.outline for part in own), grow)


def _drawn_back(motion: FaceMotion) -> float:
    """Inter-ocular distances by which a lip goes farther from where the mouth was open, in the middle of its border."""
    away = (motion.target - motion.points[:, :2]) @ downwards(motion.target)
    farthest = max(np.median(away[list(LOWER_INNER_LIP)]), np.median(-away[list(UPPER_INNER_LIP)]))
    return float(farthest) / float(inter_ocular_distance(motion.points))


def _check(points: Array, rotation: Array, residual: float, source: object) -> None:
    """Refuses a face that no rig can explain well enough to move it."""
    turned = float(np.rad2deg(np.arccos(np.clip(rotation[2, 2], -1, 1))))
    size = float(inter_ocular_distance(points))
    if turned > MOST_TURNED:
        cause = f"the face is turned away by {turned:.0f} degrees, the limit is {MOST_TURNED:.0f}"
        raise InputError(source, "E_PROFILE", cause, "use a picture that shows both halves of the face")
    if size < LEAST_EYES:
        cause = f"{size:.0f} px between the irises, the limit is {LEAST_EYES:.0f}"
        raise InputError(source, "E_SMALL", cause, "use a larger picture of the face")
    if residual > MOST_UNEXPLAINED:
        cause = f"the rig explains this face to {residual:.1f} % of the eyes' distance only"
        raise InputError(source, "E_POSE", cause, "use a clearer picture of the face")


def _layered(frame: Frame, flows: FaceFlows, motion: FaceMotion) -> Array:
    """[h, w, 3] uint8: the moved skin, what is seen through its openings, and their borders."""
    flow, target = flows.whole, motion.target
    patch = flow.sample(frame)
    down = flows.band * downwards(target)

    def bordered(patch: Array, upper: Region, lower: Array) -> Array:
        """With the borders of an opening cut along its lines."""
        patch = lay_over(patch, frame, flow, Region.along(lower, down), flows.lower)
        return lay_over(patch, frame, flow, upper, flows.upper)

    for side, iris in enumerate((IRISES_LEFT, IRISES_RIGHT)):
        upper, lower = list(UPPER_LIDS[side]), list(LOWER_LIDS[side])
        before, after = (_apart(points, upper, lower) for points in (motion.points[:, :2], target))
        shift = motion.looks[side]
        ball = motion.points[list(iris), :2]
        wider = after > _OPENED * before
        if after >= before and not wider and not shift.any():
            continue
        if after > _SHUT * before and (after < before or shift.any()):
            content = looking(flow, ball, shift)
            patch = lay_over(patch, frame, flow, Region.between(target[upper], target[lower]), content)
        shut = 1 - after / max(before, 1e-6)
        drooping = float(np.clip((shut - _DROOPING) / (1 - _DROOPING), 0, 1))
        if wider:
            lids = [points[[upper, lower]] for points in (motion.points[:, :2], target)]
            patch = bared(patch, frame, flow.left, flow.top, Widened(ball, shift, *lids))
        if after < before:
            # Above its lashes a lid that comes down is new: the skin that lay there stays where the fold is.
            lid = _lid(motion, side, drooping)
            patch = bordered(patch, Region.between(lid.lashes, target[upper]), target[lower])
            patch = unfolded(patch, flow.left, flow.top, lid)
        else:
            patch = bordered(patch, Region.along(target[upper], -down), target[lower])
        if drooping:
            unit = float(inter_ocular_distance(motion.points))
            lashes = Region.along(target[upper][1:-1], -_LASHES * unit * downwards(target))
            patch = darkened(patch, flow.left, flow.top, lashes, _LASH_SHADE * drooping, _LASHES * unit / 3)
    upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
    before, after = motion.parted
    if after < before:
        # Lips that close cover what is behind them; lips that go elsewhere take it along, or it would show old lips.
        along = float(np.clip(_drawn_back(motion) / _BACK, 0, 1))
        behind = Flow(flow.left, flow.top, flow.cell, along * flow.backward)
        patch = lay_over(patch, frame, flow, Region.between(target[upper], target[lower]), behind)
    if before != after:
        patch = bordered(patch, Region.along(target[upper], -down), target[lower])
    return patch


def _lid(motion: FaceMotion, side: int, shut: float) -> Lid:
    """An upper lid where it was put, how much of it was folded away before, and how far its eye is shut."""
    points, target = motion.points[:, :2], motion.target
    fold, border = list(LID_FOLDS[side]), list(UPPER_LIDS[side])
    before, after = (float(np.linalg.norm(flat[border] - flat[fold], axis=1)[2:7].mean()) for flat in (points, target))
    lashes = target[border] + LASHES * (points[fold] - points[border])
    return Lid(target[fold], lashes, target[list(LOWER_LIDS[side])], hidden(before, after), shut)


def _apart(flat: Array, upper: list[int], lower: list[int]) -> float:
    """How far an eye is open, pixels: below 0 where the upper lid lies over the lower one."""
    return float(((flat[lower] - flat[upper]) @ downwards(flat)).mean())


def _pasted(frame: Frame, flow: Flow, patch: Array, changed: Array) -> tuple[Array, Array]:
    """The picture with the changed pixels of a part, and the mask of them in the whole."""
    x0, y0 = max(flow.left, 0), max(flow.top, 0)
    x1 = min(flow.left + patch.shape[1], frame.width)
    y1 = min(flow.top + patch.shape[0], frame.height)
    inside = (slice(y0 - flow.top, y1 - flow.top), slice(x0 - flow.left, x1 - flow.left))
    pixels, mask = frame.pixels.copy(), np.zeros(frame.pixels.shape[:2], bool)
    mask[y0:y1, x0:x1] = changed[inside]
    part = pixels[y0:y1, x0:x1]
    for colour in range(3):  # a mask for all three at once takes six times as long
        np.copyto(part[..., colour], patch[inside][..., colour], where=changed[inside])
    return pixels, mask


def edited_take(take: Take, wish: Wish) -> Take:
    """A performance with other weights: what `mien.edit` makes of a take.

    Frames in which the face was not seen stay so. Landmarks are left out, for they are those of the face as it was.

    Raises:
        UsageError: E_BASIS, the take's expression is not over ARKit's basis.
    """
    if take.state.expression.basis != ARKIT:
        name = take.state.expression.basis.name
        raise UsageError(take.source or "take", "E_BASIS", f"edits need arkit weights, got {name}", "convert it first")
    weights = take.state.expression.weights
    asked = np.where(take.valid[:, None], wish.of(weights), weights)
    before, after = Expression(weights, ARKIT), Expression(asked, ARKIT)
    turned = gaze_from_looks(after).rotation @ np.swapaxes(gaze_from_looks(before).rotation, -1, -2)
    gaze = Gaze(turned @ take.state.gaze.rotation)
    return replace(take, state=replace(take.state, expression=after, gaze=gaze), landmarks=None)
