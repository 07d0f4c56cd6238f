"""Capture and edit joined: the faces of a picture are read, edited, and read again."""

from dataclasses import dataclass
from itertools import pairwise

from mien.compose.edit_report import Measured, measured
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
        faces: what became of each edited face, by number.
        readings: the faces as they were read.
    """

    frame: Frame
    faces: tuple[EditedFace, ...]
    readings: tuple[FaceReading, ...]

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
            which = "" if self.face.number is None else f" {self.face}"
            remedy = "use a picture that shows a face clearly, from about 20 px on"
            raise InputError(source, "E_NOFACE", f"no face{which} found", remedy)
        return readings

    def edited(
        self, frame: Frame, readings: list[FaceReading], wish: Wish, source: object = "picture"
    ) -> EditedPicture:
        """The picture with all the wishes fulfilled, face after face. Raises what `Editor.edit` raises."""
        faces = []
        for reading in readings:
            asked = wish.of(reading.state.expression.weights)
            faces.append(self._editor.edit(frame, reading, asked, source))
            frame = Frame(faces[-1].pixels, frame.time, frame.index)
        return EditedPicture(frame, tuple(faces), tuple(readings))

    def measured(self, before: Frame, edited: EditedPicture) -> tuple[Measured, ...]:
        """What came of it: every edited face is read again."""
        _, seen = next(iter(self._everyone.stream([edited.frame])))
        steps = [before, *(Frame(face.pixels) for face in edited.faces)]
        pairs = zip(pairwise(steps), edited.faces, edited.readings, strict=True)
        return tuple(measured(*step, face, reading, seen) for step, face, reading in pairs)
