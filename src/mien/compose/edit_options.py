"""How an edit is made and marked, and the doses of a sweep."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from mien.core.errors import UsageError
from mien.formats.bare import MAX_PIXELS
from mien.pipelines.capture import MOST_PIXELS, FaceChoice
from mien.rig.wishes import Change

_FORM = re.compile(r"([A-Za-z]+\d*[A-Za-z]*):([-+]?[\d.]+):([-+]?[\d.]+):(\d{1,3})")


@dataclass(frozen=True, slots=True)
class EditOptions:
    """How an edit is made and marked. Every default is here."""

    face: FaceChoice = FaceChoice(largest=True)
    """Which faces are edited: all, largest, or a number. Faces are numbered by size, from 0."""
    keep_metadata: bool = False
    """Keep all of a photo's EXIF, its place and the camera's serial number, too."""
    max_pixels: int = MAX_PIXELS
    """The most pixels, width times height, that a photo may have."""
    provenance: bool = True
    """Sign into the result that it was edited, how, and by what."""
    certificate: Path | None = None
    """PEM file of your own certificate chain and key to sign with, in place of the key that mien makes."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_pixels <= MOST_PIXELS:
            cause = f"{self.max_pixels} is out of range"
            raise UsageError("--max-pixels", "E_USAGE", cause, f"allowed: 1 to {MOST_PIXELS}")


@dataclass(frozen=True, slots=True)
class Sweep:
    """Doses of a slider.

    Args:
        name: as of a `Change`.
        low: the first weight.
        high: the last.
        count: how many doses, 2 to 200.
    """

    name: str
    low: float
    high: float
    count: int

    def __post_init__(self) -> None:
        for dose in (self.low, self.high):
            Change(self.name, "=", dose)
        if not 2 <= self.count <= 200:
            raise UsageError("--sweep", "E_RANGE", f"{self.count} doses", "allowed: 2 to 200")

    @classmethod
    def parse(cls, text: str) -> Self:
        """`NAME:LOW:HIGH:COUNT`. Raises `UsageError` for anything else, and what `Change` raises."""
        form = _FORM.fullmatch(text)
        try:
            name, low, high, count = form.groups() if form else ("", "", "", "")
            return cls(name, float(low), float(high), int(count))
        except ValueError:
            remedy = "write NAME:LOW:HIGH:COUNT, mouthSmile:0:1:9 say"
            raise UsageError("--sweep", "E_USAGE", f"{text!r} is no sweep", remedy) from None

    def __str__(self) -> str:
        return f"{self.name}:{self.low:g}:{self.high:g}:{self.count}"

    @property
    def doses(self) -> tuple[float, ...]:
        """The weights, one after the other."""
        return tuple(float(dose) for dose in np.linspace(self.low, self.high, self.count))
