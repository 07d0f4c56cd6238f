"""Labelled faces on their way into a faces pack (docs/data.md): what `mien.data.packs` reads."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mien.core.arrays import Array, frozen_array
from mien.core.basis import ARKIT
from mien.core.face import LANDMARKS
from mien.core.image import Frame
from mien.data.packs import SPLITS
from mien.formats.npz import write_members

POINT_SCALE = 16
"""Steps of a pixel in which a pack keeps points."""

VALIDATION = 10
"""About one person of so many is kept for validation where nobody says who."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFace:
    """One picture with one face, and what is known of it.

    Args:
        pixels: [H, W, 3] uint8.
        points: [478, 3] in pixels of the picture; z in the same scale, negative towards the camera.
        weights: [52] ARKit's.
        person: who it is.
        split: `train` or `val`.
        label: a person's word for what the face shows, or nothing.
        spread: how far several views of the picture disagree on the points, % of the inter-ocular distance; 0 when
            unknown.
    """

    pixels: Array
    points: Array
    weights: Array
    person: str
    split: str
    label: str = ""
    spread: float = 0.0

    def __post_init__(self) -> None:
        Frame(self.pixels)  # its checks
        object.__setattr__(self, "points", frozen_array(self.points, "points", (LANDMARKS, 3)))
        object.__setattr__(self, "weights", frozen_array(self.weights, "weights", (len(ARKIT),), np.float32))
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {self.split!r}")
        if not (np.isfinite(self.spread) and self.spread >= 0):
            raise ValueError(f"spread must be 0 or more, got {self.spread}")


class PackWriter:
    """Gathers faces, each as the WebP that the pack will hold, and writes them.

    Args:
        mirror: [478] index map of a horizontal flip.
        named: the columns of `ARKIT` for which the faces have weights; the pack says nothing of the others.
        rendered: whether the faces are renders, whose labels are true by construction.
        by_hand: whether people gave the weights.
        edited: whether the faces are photos that were edited, and the weights what was asked for.
    """

    def __init__(
        self,
        mirror: Array,
        named: tuple[str, ...] = ARKIT.columns,
        rendered: bool = False,
        by_hand: bool = False,
        edited: bool = False,
    ) -> None:
        self._mirror, self._named = frozen_array(mirror, "mirror", (LANDMARKS,), np.int64), named
        self._places = ARKIT.indices(named)
        self._rendered, self._by_hand, self._edited = rendered, by_hand, edited
        self._stream: list[bytes] = []
        self._points: list[Array] = []
        self._weights: list[Array] = []
        self._about: list[tuple[str, str, str, float]] = []

    def add(self, face: LabelledFace) -> None:
        """Adds one face. Points beyond 2,047 px are kept at that border: a pack cannot say more."""
        encoded = io.BytesIO()
        Image.fromarray(face.pixels).save(encoded, "WEBP", quality=90, method=2)
        self._stream.append(encoded.getvalue())
        steps = np.clip(np.round(face.points * POINT_SCALE), -32768, 32767)
        self._points.append(steps.astype(np.int16))
        self._weights.append(face.weights[self._places].astype(np.float16))
        self._about.append((face.person, face.split, face.label, face.spread))

    def write(self, file: Path) -> None:
        """Writes the pack; the same faces in the same order give the same bytes.

        Args:
            file: ends in `.npz`.

        Raises:
            ValueError: no face was added.
        """
        if not self._stream:
            raise ValueError("a pack holds one face or more")
        people, splits, labels, spreads = zip(*self._about, strict=True)
        write_members(
            file,
            {
                "webp": np.frombuffer(b"".join(self._stream), np.uint8),
                "offsets": np.cumsum([0, *(len(data) for data in self._stream)]),
                "landmarks": np.array(self._points),
                "blendshapes": np.array(self._weights),
                "blendshape_names": np.array(self._named),
                "spread": np.array(spreads, np.float32),
                "identity": np.array(people),
                "split": np.array(splits),
                "label": np.array(labels),
                "mirror": self._mirror,
                "rendered": np.array(self._rendered),
                "by_hand": np.array(self._by_hand),
                "edited": np.array(self._edited),
            },
        )


def split_of(person: str) -> str:
    """`val` for about one name in `VALIDATION`, else `train`; nobody changes sides when further people come."""
    digest = hashlib.sha256(person.encode("utf-8", "surrogateescape")).digest()
    return "val" if int.from_bytes(digest[:8], "big") % VALIDATION == 0 else "train"


def mirror_map(points: Array) -> Array:
    """[478] where each point of a symmetrical face [478, 3], with x to the right, comes to lie in a mirror.

    Raises:
        ValueError: the points are not symmetrical.
    """
    away = np.linalg.norm((points * [-1, 1, 1])[:, None] - points[None], axis=-1)
    order = np.asarray(away.argmin(1))
    if not (order[order] == np.arange(len(points))).all():
        raise ValueError("the points of the face are not symmetrical")
    return order
