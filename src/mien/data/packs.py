"""The training packs: pictures as one WebP stream beside their labels.

A faces pack holds one labelled face a picture; a scenes pack whole pictures with any number of faces. Both are NPZ
files whose `offsets` cut the stream `webp` into pictures. A teacher's landmarks lie in sixteenths of a pixel.
"""

import io
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import LANDMARKS

_REMEDY = "make one with the layout of docs/data.md"

SPLITS = ("train", "val")

_TRUTHS = ("rendered", "by_hand", "edited")


class Pictures:
    """A sequence of pictures decoded on demand from one WebP stream."""

    def __init__(self, stream: Array, offsets: Array) -> None:
        self._stream, self._offsets = stream, offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def open(self, index: int) -> Image.Image:
        """Picture `index` as RGB."""
        start, stop = self._offsets[index], self._offsets[index + 1]
        with Image.open(io.BytesIO(self._stream[start:stop].tobytes()), formats=("WEBP",)) as picture:
            return picture.convert("RGB")

    def rgb(self, index: int) -> Array:
        """[H, W, 3] uint8 of picture `index`."""
        return np.asarray(self.open(index))

    def grey(self, index: int) -> Array:
        """[H, W] uint8 luminance of picture `index`."""
        return np.asarray(self.open(index).convert("L"))


@dataclass(frozen=True)
class FacesPack:
    """One labelled face a picture.

    Args:
        name: of the file, without its ending.
        pictures: N pictures.
        landmarks: [N, 478, 3] pixels of the picture, centres at .5; z negative towards the camera.
        weights: [N, 52] the teacher's blendshapes in the columns of `ARKIT`; 0 where it has none (tongueOut).
        spread: [N] how far the teacher disagrees with itself, % of the inter-ocular distance.
        identity: [N] names; several pictures may share a person.
        split: [N] `train` or `val`.
        mirror: [478] index map of a horizontal flip.
        rendered: whether its faces are renders, whose labels are true, rather than photos that a teacher labelled.
        by_hand: whether people gave its weights, one by one, rather than a teacher.
        edited: whether its faces are photos that were edited, and its weights what was asked for.
        named: [52] bool, the columns of `ARKIT` for which it has weights at all.
        label: [N] a person's word for what a face shows, `neutral` say; empty where nobody said.
    """

    name: str
    pictures: Pictures
    landmarks: Array
    weights: Array
    spread: Array
    identity: Array
    split: Array
    mirror: Array
    rendered: bool = False
    by_hand: bool = False
    edited: bool = False
    named: Array = field(default_factory=lambda: np.ones(len(ARKIT), bool))
    label: Array = field(default_factory=lambda: np.zeros(0, "U1"))

    def __post_init__(self) -> None:
        if len(self.label) == 0:
            object.__setattr__(self, "label", np.full(len(self.weights), "", "U1"))

    def indices(self, split: str) -> Array:
        """Numbers of the pictures of a split."""
        return np.flatnonzero(self.split == split)


@dataclass(frozen=True)
class ScenesPack:
    """Whole pictures with the faces in them.

    Args:
        pictures: N pictures.
        boxes: N arrays [faces, 4], tight round the landmarks; they may leave the picture.
        points: N arrays [faces, 5, 2]: irises from left to right in the picture, nose tip, mouth corners likewise.
        kind: [N] `web` or `collage`.
        split: [N] `train` or `val`.
    """

    pictures: Pictures
    boxes: tuple[Array, ...]
    points: tuple[Array, ...]
    kind: Array
    split: Array

    def indices(self, split: str) -> Array:
        """Numbers of the pictures of a split."""
        return np.flatnonzero(self.split == split)


def _columns(file: Path, names: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Array]:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in (*names, *(name for name in optional if name in archive.files))}
    except FileNotFoundError:
        raise InputError(
            file, "E_NOTFILE", "there is no such pack", "name the folder of the packs with --data"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(file, "E_FORMAT", f"not a pack: {error}", _REMEDY) from None


def _check_shape(file: Path, name: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        cause = f"{name} must have shape {list(shape)}, got {list(array.shape)}"
        raise InputError(file, "E_FORMAT", cause, _REMEDY)


def read_faces(file: Path) -> FacesPack:
    """Reads a faces pack. Raises `InputError` when the file is missing or of another layout."""
    wanted = (
        "webp",
        "offsets",
        "landmarks",
        "blendshapes",
        "blendshape_names",
        "spread",
        "identity",
        "split",
        "mirror",
    )
    columns = _columns(file, wanted, optional=(*_TRUTHS, "label"))
    landmarks = columns["landmarks"].astype(np.float32) / 16
    count, names = len(columns["offsets"]) - 1, len(columns["blendshape_names"])
    _check_shape(file, "landmarks", landmarks, (count, LANDMARKS, 3))
    _check_shape(file, "blendshapes", columns["blendshapes"], (count, names))
    for name in ("spread", "identity", "split"):
        _check_shape(file, name, columns[name], (count,))
    _check_shape(file, "mirror", columns["mirror"], (LANDMARKS,))
    for name in _TRUTHS:
        truth = columns.setdefault(name, np.array(False))
        if truth.shape or truth.dtype != np.bool_:
            raise InputError(file, "E_FORMAT", f"{name} must be one truth value", _REMEDY)
    label = columns.get("label", np.full(count, "", "U1"))
    _check_shape(file, "label", label, (count,))
    weights = np.zeros((len(landmarks), len(ARKIT)), np.float32)
    named = np.zeros(len(ARKIT), bool)
    for place, name in enumerate(columns["blendshape_names"].tolist()):
        if name in ARKIT.columns:
            named[ARKIT.index(name)] = True
            weights[:, ARKIT.index(name)] = columns["blendshapes"][:, place]
    return FacesPack(
        file.stem,
        Pictures(columns["webp"], columns["offsets"]),
        landmarks,
        weights,
        columns["spread"].astype(np.float32),
        columns["identity"],
        columns["split"],
        columns["mirror"].astype(np.int64),
        bool(columns["rendered"]),
        bool(columns["by_hand"]),
        bool(columns["edited"]),
        named,
        label,
    )


def read_scenes(file: Path) -> ScenesPack:
    """Reads a scenes pack. Raises `InputError` when the file is missing or of another layout."""
    columns = _columns(file, ("webp", "offsets", "faces", "boxes", "points", "kind", "split"))
    for name in ("faces", "kind", "split"):
        _check_shape(file, name, columns[name], (len(columns["offsets"]) - 1,))
    ends = np.cumsum(columns["faces"])
    _check_shape(file, "boxes", columns["boxes"], (int(columns["faces"].sum()), 4))
    _check_shape(file, "points", columns["points"], (int(columns["faces"].sum()), 5, 2))
    return ScenesPack(
        Pictures(columns["webp"], columns["offsets"]),
        tuple(np.split(columns["boxes"], ends[:-1])),
        tuple(np.split(columns["points"], ends[:-1])),
        columns["kind"],
        columns["split"],
    )


def read_folder(folder: Path) -> tuple[list[FacesPack], ScenesPack | None]:
    """Every `faces-*.npz` of a folder, by name, and its `scenes.npz` if it has one.

    Raises:
        InputError: there is no faces pack in the folder.
    """
    faces = [read_faces(file) for file in sorted(folder.glob("faces-*.npz"))]
    if not faces:
        raise InputError(folder, "E_NOTFILE", "holds no faces-*.npz", "name the folder of the packs with --data")
    scenes = folder / "scenes.npz"
    return faces, read_scenes(scenes) if scenes.exists() else None


def read_photos(folder: Path) -> tuple[list[FacesPack], ScenesPack | None]:
    """What `read_folder` reads, without packs that were made: of renders, or of edited photos.

    Raises:
        InputError: there is no pack of photographed faces in the folder.
    """
    packs, scenes = read_folder(folder)
    photos = [pack for pack in packs if not (pack.rendered or pack.edited)]
    if not photos:
        raise InputError(folder, "E_NOTFILE", "holds made faces alone", "add packs of photographed faces")
    return photos, scenes
