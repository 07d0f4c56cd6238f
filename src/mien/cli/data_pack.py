"""`mien data pack`: a user's own pictures as a pack to train on."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from mien.cli.teachers import TAUGHT, open_teacher, own_eye
from mien.cli.terminal import bars, say
from mien.core.arrays import Array
from mien.core.errors import InputError, NothingMatched, UsageError, printable
from mien.core.image import Frame
from mien.data.albums import Album, Photo, feafa_album, folder_album, table_album
from mien.data.pack_writer import LabelledFace, PackWriter, mirror_map
from mien.data.packs import SPLITS
from mien.data.portraits import Eye, four_views, portrait
from mien.detect.faces import FaceFinder
from mien.detect.shape import mean_face
from mien.formats.files import check_replaceable, replacing
from mien.formats.images import read_image
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

_NAMED = 10
"""Pictures without a face that the closing line names; of more it says how many there are."""


def pack_pictures(
    folder: tyro.conf.Positional[Path],
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    teacher: Path | None = None,
    table: Path | None = None,
    feafa: bool = False,
    fold: Literal[1, 2, 3] | None = None,
    overwrite: bool = False,
) -> int:
    """Make a faces pack of your own pictures, for `mien train`.

    Of each picture the largest face is kept. Weights are the teacher's, or a person's where --table or --feafa gives
    them; points are the teacher's, or our own network's without one. About every tenth person is kept for validation.

    Args:
        folder: The pictures. FOLDER/anna/*.jpg are anna's; loose pictures are each of another person.
        output: Pack to write; training reads those named faces-*.npz.
        teacher: MediaPipe's face_landmarker.task, which gives points, and weights where no person did.
        table: CSV with a column path and columns of weights named as ARKit's (jawOpen); perhaps identity, split, label.
        feafa: FOLDER is FEAFA or FEAFA+ as published, PV001.output/00000001.auw and so on.
        fold: Validate on the videos that this fold of FEAFA tests.
        overwrite: Replace the file if it exists.
    """
    if table is not None and feafa:
        raise UsageError("--feafa", "E_USAGE", "FEAFA has its own labels", "leave --table or --feafa out")
    if fold is not None and not feafa:
        raise UsageError("--fold", "E_USAGE", "only FEAFA has folds", "add --feafa, or leave --fold out")
    if output.suffix != ".npz":
        raise UsageError("--output", "E_USAGE", f"{output} is no name of a pack", "end it in .npz")
    by_hand = feafa or table is not None
    if teacher is None and not by_hand:
        cause = "nobody says what the faces of these pictures do"
        remedy = "name MediaPipe's face_landmarker.task with --teacher, or give weights with --table or --feafa"
        raise UsageError("--teacher", "E_USAGE", cause, remedy)
    check_replaceable(output, overwrite)
    album = _album(folder, table, feafa, fold)
    mirror = mirror_map(mean_face().points)
    writer = PackWriter(mirror, album.named if by_hand else TAUGHT, by_hand=by_hand)
    finder = FaceFinder(OnnxSession(card("finder")))
    err = Console(stderr=True)
    with replacing(output, overwrite) as temporary:
        with nullcontext(own_eye(finder)) if teacher is None else open_teacher(teacher) as see:
            done = _packed(album, _Looking(finder, see, mirror), writer, err)
        if not done.kept:
            cause = f"none of {_count(len(album.photos), 'picture')} shows a face that can be read"
            raise NothingMatched(folder, "E_NOTHING", cause, "give pictures of upright faces, sharp and not too small")
        writer.write(temporary)
    say(err, f"{done.told(folder)}; wrote {printable(output)}")
    for split in SPLITS:
        if not any(photo.split == split for photo in done.kept):
            say(err, f"{output}: W_SPLIT: no face is of {split} (column split of --table says who is)", "yellow")
    return 1 if done.unread else 0


def _album(folder: Path, table: Path | None, feafa: bool, fold: int | None) -> Album:
    if feafa:
        return feafa_album(folder, fold)
    return folder_album(folder) if table is None else table_album(folder, table)


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of the pictures."""

    kept: tuple[Photo, ...]
    faceless: tuple[Path, ...]
    unread: int

    def told(self, folder: Path) -> str:
        """In one line."""
        people = len({photo.person for photo in self.kept})
        trained = sum(photo.split == "train" for photo in self.kept)
        line = (
            f"{_count(len(self.kept), 'face')} of {people} {'person' if people == 1 else 'people'}, "
            f"{trained} to train on, {len(self.kept) - trained} to validate"
        )
        if self.faceless:
            names = [printable(path.relative_to(folder) if path.is_relative_to(folder) else path)
                     for path in self.faceless[:_NAMED]]  # fmt: skip
            more = f" and {len(self.faceless) - _NAMED} more" if len(self.faceless) > _NAMED else ""
            line += f"; no face found in {_count(len(self.faceless), 'picture')}: {', '.join(names)}{more}"
        if self.unread:
            line += f"; {_count(self.unread, 'picture')} could not be read"
        return line


@dataclass(frozen=True, slots=True)
class _Looking:
    """How a picture is looked at: the finder cuts the face out, the eye sees it in four views."""

    finder: FaceFinder
    eye: Eye
    mirror: Array

    def at(self, photo: Photo, frame: Frame) -> LabelledFace | None:
        """The largest face of a picture that all four views show, or None."""
        found = self.finder.find(frame)
        cut = portrait(frame, found[0].box if found else None)
        seen = four_views(self.eye, cut, self.mirror)
        if seen is None:
            return None
        weights = seen.look.weights if photo.weights is None else photo.weights
        about = (photo.person, photo.split, photo.label, seen.spread)
        return LabelledFace(cut.pixels, seen.look.points, weights, *about)


def _packed(album: Album, looking: _Looking, writer: PackWriter, err: Console) -> _Done:
    """Adds every face to `writer`; what cannot be read is said and counted, and the others go on."""
    kept: list[Photo] = []
    faceless: list[Path] = []
    unread = 0
    with bars(err) as progress:
        for photo in progress.track(album.photos, description="pictures"):
            try:
                face = looking.at(photo, read_image(photo.path))
            except InputError as error:
                say(err, error, "red")
                unread += 1
                continue
            if face is None:
                faceless.append(photo.path)
            else:
                writer.add(face)
                kept.append(photo)
    return _Done(tuple(kept), tuple(faceless), unread)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
