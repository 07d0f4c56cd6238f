"""What is asked of a camera, and what is known of one."""

import re
from dataclasses import dataclass
from typing import Self

from mien.core.errors import UsageError

MOST_SIDE = 16384


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Pixels of a camera's pictures, width by height."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`1280x720`. Raises `UsageError` for anything else."""
        found = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text)  # noqa: RUF001 - people copy it from pages
        if found is None or not all(1 <= int(side) <= MOST_SIDE for side in found.groups()):
            raise UsageError("--camera-size", "E_USAGE", f"{text!r} is no size", "say it as 1280x720")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


DEFAULT_SIZE, DEFAULT_RATE = Size(1280, 720), 30.0
"""What a camera is asked for unless the user says otherwise; it may give something else."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The pictures that are wished for.

    Args:
        size: of a picture.
        rate: pictures a second.
    """

    size: Size = DEFAULT_SIZE
    rate: float = DEFAULT_RATE


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera that the system knows.

    Args:
        index: the number by which it is named: on Linux that of /dev/videoN, elsewhere its place in the system's list.
        name: what the system calls it.
        address: what FFmpeg opens it by.
        sizes: of its pictures, the largest first, where it was asked; else empty.
        note: why it cannot be asked, or empty.
    """

    index: int
    name: str
    address: str
    sizes: tuple[Size, ...] = ()
    note: str = ""


def sizes_in(text: str, pattern: str) -> tuple[Size, ...]:
    """The sizes that a log names, each once, the largest first; `pattern` has the groups width and height."""
    found = {Size(int(width), int(height)) for width, height in re.findall(pattern, text)}
    return tuple(sorted(found, key=lambda size: (-size.width * size.height, -size.width)))
