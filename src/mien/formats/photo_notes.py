"""What is worth knowing about a photo that is read all the same: a table of code, test and message."""

from collections.abc import Callable
from dataclasses import dataclass

from mien.formats.files import MediaKind
from mien.formats.image_bytes import Opened

LEAST_SIDE = 32
"""Pixels along the shorter side of the smallest picture that can hold a face."""

DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Note:
    """What was noticed: a code for programs, and words for people."""

    code: str
    cause: str


def _is_transparent(photo: Opened) -> bool:
    return "A" in photo.image.getbands() and photo.image.getchannel("A").getextrema() == (0, 0)


_CHECKS: tuple[tuple[str, Callable[[Opened], bool], Callable[[Opened], str]], ...] = (
    (
        DAMAGED,
        lambda photo: photo.damage is not None,
        lambda photo: f"read in spite of damage: {photo.damage.cause if photo.damage else ''}",
    ),
    (
        "missing_eoi",
        lambda photo: not photo.bare.ended and photo.damage is None,
        lambda photo: "the end mark is missing, the picture is whole",
    ),
    (
        "exif_invalid",
        lambda photo: not photo.makes_sense,
        lambda photo: "the EXIF block makes no sense and is ignored",
    ),
    (
        "transparent",
        _is_transparent,
        lambda photo: "every pixel is transparent; the colours under it are read",
    ),
    (
        "animated",
        lambda photo: photo.pictures > 1,
        lambda photo: f"holds {photo.pictures} pictures, of which the first is read; save it as a video",
    ),
    (
        "W_SMALL",
        lambda photo: min(photo.image.size) < LEAST_SIDE,
        lambda photo: f"{photo.image.width} x {photo.image.height} px are too few to hold a face (min {LEAST_SIDE} px)",
    ),
)

_NAMES: dict[MediaKind, frozenset[str]] = {
    MediaKind.JPEG: frozenset((".jpg", ".jpeg", ".jpe", ".jfif")),
    MediaKind.PNG: frozenset((".png", ".apng")),
    MediaKind.WEBP: frozenset((".webp",)),
    MediaKind.AVIF: frozenset((".avif",)),
    MediaKind.HEIC: frozenset((".heic", ".heif", ".hif")),
    MediaKind.MP4: frozenset((".mp4", ".m4v", ".mov", ".qt", ".3gp")),
    MediaKind.MATROSKA: frozenset((".mkv", ".webm", ".mka")),
    MediaKind.AVI: frozenset((".avi",)),
}
_KNOWN = frozenset().union(*_NAMES.values())


def photo_notes(photo: Opened) -> tuple[Note, ...]:
    """What is noticed about a decoded photo, but for its name."""
    return tuple(Note(code, said(photo)) for code, applies, said in _CHECKS if applies(photo))


def name_notes(kind: MediaKind, suffix: str) -> tuple[Note, ...]:
    """What is noticed about the name of a file of this kind: a suffix that stands for another."""
    suffix = suffix.lower()
    if suffix in _NAMES[kind] or suffix not in _KNOWN:
        return ()
    return (Note("format_mismatch", f"is named {suffix}, and is {kind.value}"),)
