"""A resting face in a file: a photo, a video or a take that shows it, and what a session found."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.compose.animations import face_of
from mien.compose.sources import opened
from mien.core.basis import ARKIT
from mien.core.errors import InputError, UsageError
from mien.core.face import Capture, Expression, FaceState, Gaze, Identity, Pose, Take
from mien.core.neutral import FaceWeights, Neutral, resting_face
from mien.formats.registry import EXTENSIONS, load, save
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice


def with_resting_face(options: CaptureOptions) -> CaptureOptions:
    """The same options with the weights of the resting face that their `neutral` names a file of.

    Of several faces in a photo or a video the largest counts.

    Raises:
        InputError: the file cannot be read, or E_NOFACE: it shows no face.
        UsageError: a take of several faces, or not over ARKit's weights.
        ModelError: a weight file is missing or was changed.
    """
    neutral = options.neutral
    if neutral.file is None or neutral.weights is not None:
        return options
    file = neutral.file
    resting = _of_take(file) if file.suffix.lower() in EXTENSIONS else _of_media(file, options)
    return replace(options, neutral=Neutral.of(resting, file))


def _of_take(file: Path) -> Expression:
    """A take's resting face: the one that it counts from, else the middle of its frames."""
    take = face_of(load(file), None, file)
    if take.state.expression.basis != ARKIT:
        cause = f"a resting face is told by arkit weights, these are {take.state.expression.basis.name}"
        raise UsageError(file, "E_BASIS", cause, "name a take over arkit")
    if take.identity.resting is not None:
        return take.identity.resting
    seen = take.valid
    return _known(resting_face(take.state.expression.weights[seen], take.quality[seen]), file)


def _of_media(file: Path, options: CaptureOptions) -> Expression:
    weights = FaceWeights()
    with opened(file, options.max_pixels, options.allow_damaged, options.max_frames) as source:
        alone = Capturer(replace(options, face=FaceChoice(largest=True), neutral=Neutral()))
        for _, readings in alone.stream(source.frames):
            weights.add(readings)
    return _known(weights.most_seen(), file)


def _known(resting: Expression | None, file: Path) -> Expression:
    if resting is None:
        raise InputError(file, "E_NOFACE", "shows no face to count from", "name a picture of the resting face")
    return resting


def save_resting_face(resting: Expression, file: Path, overwrite: bool = False) -> None:
    """Writes a resting face as a take of one frame, for `--neutral`. Raises as `mien.save`."""
    state = FaceState(
        Expression(resting.weights[None], ARKIT),
        Pose(np.eye(3)[None], np.zeros((1, 3))),
        Gaze(np.tile(np.eye(3), (1, 2, 1, 1))),
    )
    one = np.ones(1)
    take = Take(state, np.zeros(1), np.zeros(1), one, np.zeros((1, 4)), one, one, Identity(), source="--calibrate")
    save(Capture("--calibrate", 0, 0, (take,), 1), file, overwrite)
