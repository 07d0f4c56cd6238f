"""A user's own pictures with what is known of each: who it is, in which split, and weights where people gave them.

A folder alone names people by its subfolders; a table (`path`, and columns named as ARKit's) or FEAFA's labels give
weights as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError, NothingMatched
from mien.data.feafa import TWINS, fold_split, in_arkit, read_feafa
from mien.data.pack_writer import split_of
from mien.data.packs import SPLITS
from mien.data.portraits import PICTURE_SUFFIXES
from mien.formats.columns import Choice, Sheet, meant, read_sheet, refuse, require, weight_range

NEUTRAL = "neutral"
"""The label of a face that shows nothing."""

_STILL = 0.05
_PATH, _ABOUT = "path", ("identity", "split", "label")
_REMEDY = "give a table with a column path, and one column or more named as ARKit's weights"


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A picture file and what is known of it.

    Args:
        path: the file.
        person: who it shows.
        split: `train` or `val`.
        label: a person's word for what the face shows, or nothing.
        weights: [52] ARKit's, given by a person; None where nobody gave any.
    """

    path: Path
    person: str
    split: str
    label: str = ""
    weights: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """Pictures that become one pack.

    Args:
        photos: one or more.
        named: the columns of `ARKIT` that people gave weights for; none when a teacher has to give them.
    """

    photos: tuple[Photo, ...]
    named: tuple[str, ...] = ()


def folder_album(folder: Path) -> Album:
    """The pictures below a folder, by name. The subfolder of `folder` names the person; a loose picture is its own.

    Hidden files and folders are passed over, and links to folders are not followed.

    Raises:
        InputError: E_NOTFILE: there is no such folder.
        NothingMatched: it holds no picture.
    """
    _check_folder(folder)
    found = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    inner = sorted(path.relative_to(folder) for path in found if not path.is_dir())
    shown = [path for path in inner if not any(part.startswith(".") for part in path.parts)]
    if not shown:
        known = " ".join(sorted(PICTURE_SUFFIXES))
        raise NothingMatched(folder, "E_NOTHING", "holds no picture", f"looked for {known}")
    return Album(tuple(Photo(folder / path, _person(path), split_of(_person(path))) for path in shown))


def table_album(folder: Path, table: Path) -> Album:
    """The pictures that a table names, with the weights it gives.

    Its columns are found by name, in any order: `path`, of a picture in `folder`; any of ARKit's columns, each with a
    number in every row; and if they are there `identity` (where it is empty: the subfolder, as `folder_album` does it),
    `split` (where it is empty: the person's in other rows, or as `split_of` deals) and `label`.

    Raises:
        InputError: E_NOTFILE: there is no such folder or picture; E_FORMAT: the table is of another kind, or a cell is
            wrong, a picture comes twice or a person is in both splits: with the line.
        NothingMatched: the table has no rows.
    """
    _check_folder(folder)
    sheet = read_sheet(table, _choice, _REMEDY)
    if len(sheet) == 0:
        raise NothingMatched(table, "E_NOTHING", "names no picture", "write a row for each")
    named = sheet.choice.numbers
    try:
        weights = sheet.check(named, weight_range(ARKIT))
        photos = _described(folder, sheet)
        _check_once(photos, sheet)
        _check_sides(photos, sheet)
    except ValueError as error:
        raise InputError(table, "E_FORMAT", str(error), _REMEDY) from None
    for photo, line in zip(photos, sheet.lines.tolist(), strict=True):
        if not photo.path.is_file():
            cause = f"line {line}, {_PATH}: there is no picture {photo.path}"
            raise InputError(table, "E_NOTFILE", cause, f"paths start in {folder}")
    places = ARKIT.indices(named)
    return Album(tuple(_with_weights(photo, places, row) for photo, row in zip(photos, weights, strict=True)), named)


def feafa_album(folder: Path, fold: int | None = None) -> Album:
    """The frames of FEAFA (`mien.data.feafa`): their weights are those that ARKit names too.

    A frame is labelled neutral where a person saw none of the 24 move.

    Args:
        folder: of the published layout.
        fold: 1 to 3, whose tested videos are `val`; without it, about every tenth video is.

    Raises:
        InputError: what `read_feafa` and `fold_split` raise.
    """
    _check_folder(folder)
    frames = read_feafa(folder)
    photos = tuple(
        Photo(
            frame.picture,
            frame.video,
            split_of(frame.video) if fold is None else fold_split(frame.video, fold),
            NEUTRAL if frame.weights.max() < _STILL else "",
            in_arkit(frame.weights),
        )
        for frame in frames
    )
    return Album(photos, TWINS)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(folder, "E_NOTFILE", "there is no such folder", "give the folder of the pictures")


def _person(inside: Path) -> str:
    """Who a picture shows, by its path from the folder: the subfolder, or the picture itself.

    Of a picture that lies elsewhere it is the folder it is in.
    """
    elsewhere = inside.is_absolute() or ".." in inside.parts
    return inside.parent.name if elsewhere else inside.parts[0]


def _choice(found: tuple[str, ...]) -> Choice:
    """Which columns of a table are read. Raises `ValueError` for columns that are missing or unknown."""
    require(found, [_PATH])
    refuse([name for name in found if name not in {_PATH, *_ABOUT, *ARKIT.columns}], found, "a table of labels")
    named = tuple(column for column in ARKIT.columns if column in found)
    if not named:
        raise ValueError("line 1: no column is named as one of ARKit's weights, jawOpen say")
    return Choice(named, (_PATH, *(name for name in _ABOUT if name in found)))


def _described(folder: Path, sheet: Sheet) -> list[Photo]:
    """The pictures of a table, without their weights. Raises `ValueError`: the place and the fault of a cell."""
    texts = {name: [meant(cell).strip() for cell in sheet.text(name)] for name in sheet.choice.texts}
    empty = [""] * len(sheet)
    identity, split, label = (texts.get(name, empty) for name in _ABOUT)
    for row, path in enumerate(texts[_PATH]):
        if not path:
            raise sheet.wrong(row, _PATH, "is empty")
        if split[row] not in ("", *SPLITS):
            raise sheet.wrong(row, "split", f"{split[row]!r:.40} is neither train nor val")
    paths = [Path(path) for path in texts[_PATH]]
    people = [name or _person(path) for name, path in zip(identity, paths, strict=True)]
    chosen = {person: side for person, side in zip(people, split, strict=True) if side}
    sides = [side or chosen.get(person) or split_of(person) for person, side in zip(people, split, strict=True)]
    return [
        Photo(folder / path, person, side, word)
        for path, person, side, word in zip(paths, people, sides, label, strict=True)
    ]


def _check_once(photos: Sequence[Photo], sheet: Sheet) -> None:
    seen: dict[Path, int] = {}
    for row, photo in enumerate(photos):
        if photo.path in seen:
            raise sheet.wrong(row, _PATH, f"{photo.path.name} stands in line {sheet.lines[seen[photo.path]]} already")
        seen[photo.path] = row


def _check_sides(photos: Sequence[Photo], sheet: Sheet) -> None:
    """Nobody is in both splits: what is chosen on `val` must not have been learned."""
    splits: dict[str, str] = {}
    for row, photo in enumerate(photos):
        if splits.setdefault(photo.person, photo.split) != photo.split:
            raise sheet.wrong(row, "split", f"{photo.person!r:.40} is in both splits, train and val")


def _with_weights(photo: Photo, places: Array, row: Array) -> Photo:
    weights = np.zeros(len(ARKIT), np.float32)
    weights[places] = row
    return replace(photo, weights=weights)
