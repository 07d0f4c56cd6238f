"""Edits of the portrait that `portraits` moves about: what reads and edits, loaded once."""

from functools import cache
from pathlib import Path

import pytest
from made_signed import identity
from portraits import placed

from mien.compose.edit_pictures import PictureEditor
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.formats.signing import signing_folder
from mien.pipelines.capture import FaceChoice
from mien.pipelines.edit import EditedFace, Editor
from mien.rig.wishes import Change, Wish


@cache
def picture_editor() -> PictureEditor:
    """For the largest face, with every option as it comes."""
    return PictureEditor()


@cache
def portrait() -> Frame:
    """The face at 240 x 200: she smiles with her teeth."""
    return Frame(placed((120, 100))[0])


@cache
def reading() -> FaceReading:
    """The face of `portrait`."""
    (found,) = picture_editor().read(portrait(), "portrait")
    return found


def wish(*changes: str, neutral: bool = False, intensity: float = 1.0) -> Wish:
    """Of changes as they are typed."""
    return Wish(tuple(Change.parse(change) for change in changes), neutral, intensity)


def edited(*changes: str, neutral: bool = False, intensity: float = 1.0) -> EditedFace:
    """What becomes of the face of `portrait`."""
    asked = wish(*changes, neutral=neutral, intensity=intensity)
    (face,) = picture_editor().edited(portrait(), [reading()], asked).faces
    return face


@cache
def editor() -> Editor:
    """Of faces that were read."""
    return Editor()


def move_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer with a key of its own, in an empty folder; what edits is loaded once."""

    def editor_for(face: FaceChoice) -> PictureEditor:
        return picture_editor() if face == FaceChoice(largest=True) else PictureEditor(face)

    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    assert signing_folder().is_relative_to(folder)
    signing_folder().mkdir(parents=True)
    key = signing_folder() / "identity.pem"
    key.write_bytes(identity().certificates + identity().key)
    key.chmod(0o600)
    monkeypatch.setattr("mien.compose.edits.PictureEditor", editor_for)
    monkeypatch.setattr("mien.compose.edit_sweep.PictureEditor", editor_for)
    monkeypatch.setattr("mien.compose.edit_video.Editor", editor)
    (folder / "p").mkdir()
    monkeypatch.chdir(folder / "p")
