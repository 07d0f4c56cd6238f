"""Capture and edit joined: the faces of a picture are read, edited, and read again."""

from dataclasses import dataclass

import numpy as np

from mien.compose.edit_report import Measured, measured
from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import EditedFace, Editor
from mien.rig.wishes import Wish


@dataclass(frozen=True, slots=True, eq=False)
class EditedPicture:
    """A picture with edited faces.

    Args:
        frame: the picture as it is now.
        faces: what became of each edited face, by number; one at least.
        readings: the same faces as they were read.
        left: why faces were left as they are, where all were to be edited.
    """

    frame: Frame
    faces: tuple[EditedFace, ...]
    readings: tuple[FaceReading, ...]
    left: tuple[InputError, ...] = ()

    @property
    def mask(self) -> Array:
        """[H, W] bool, where any face may have changed."""
        return np.asarray(np.any([face.mask for face in self.faces], axis=0))

    @property
    def painted(self) -> bool:
        """Whether a network made up pixels."""
        return any(face.painted for face in self.faces)


class PictureEditor:
    """Reads and edits the faces of pictures: capture and edit, loaded once.

    Args:
        face: which faces.

    Raises:
        ModelError: a weight file is missing or was changed.
    """

    def __init__(self, face: FaceChoice = FaceChoice(largest=True)) -> None:
        self.face = face
        self._capturer = Capturer(CaptureOptions(face=face))
        self._everyone = Capturer(CaptureOptions())
        self._editor = Editor()

    def read(self, frame: Frame, source: object) -> list[FaceReading]:
        """The faces to be edited. Raises `InputError` E_NOFACE when there is none."""
        _, readings = next(iter(self._capturer.stream([frame])))
        if not readings:
            raise self._nobody(frame, source)
        return readings

    def _nobody(self, frame: Frame, source: object) -> InputError:
        """That there is no face, or not this one."""
        remedy = "use a picture that shows a face clearly, upright and not in profile, from about 20 px on"
        if self.face.number is not None:
            _, everyone = next(iter(self._everyone.stream([frame])))
            if everyone:
                numbers = "it has number 0" if len(everyone) == 1 else f"they have numbers 0 to {len(everyone) - 1}"
                cause = f"no face {self.face}: there {'is' if len(everyone) == 1 else 'are'} {len(everyone)}"
                return InputError(source, "E_NOFACE", cause, numbers)
        return InputError(source, "E_NOFACE", "no face found", remedy)

    def edited(
        self, frame: Frame, readings: list[FaceReading], wish: Wish, source: object = "picture"
    ) -> EditedPicture:
        """The picture with all the wishes fulfilled, face after face.

        Where all faces are to be edited, one that cannot be (it is small, or turned away) is left as it is.

        Raises:
            InputError: what `Editor.edit` raises: of the one face, or of the last where none can be edited.
        """
        faces, edited, left = [], [], []
        for reading in readings:
            asked = wish.of(reading.state.expression.weights)
            try:
                faces.append(self._editor.edit(frame, reading, asked, source))
            except InputError as error:
                left.append(error)
                continue
            edited.append(reading)
            frame = Frame(faces[-1].pixels, frame.time, frame.index)
        if not faces:
            raise left[-1]
        return EditedPicture(frame, tuple(faces), tuple(edited), tuple(left))

    def measured(
        self, before: Frame, edited: EditedPicture, written: Frame | None = None, may: Array | None = None
    ) -> tuple[Measured, ...]:
        """What came of it: every edited face is read again.

        Args:
            before: the picture before.
            edited: what was made of it.
            written: the result as it is read back from its file; without it, what was made.
            may: [H, W] bool, where a file may differ from the picture; without it, where faces were edited.
        """
        after = edited.frame if written is None else written
        _, seen = next(iter(self._everyone.stream([after])))
        within = edited.mask if may is None else may
        pairs = zip(edited.faces, edited.readings, strict=True)
        return tuple(measured(before, after, within, face, reading, seen) for face, reading in pairs)
