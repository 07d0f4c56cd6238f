"""Photos: JPEG, PNG, WebP, AVIF and (with an extra) HEIC to upright RGB pixels, and back, but for the last two.

Of the metadata only the orientation is heeded, and the profile of inks, without which nobody knows their colours;
`photo_file` is for who gives a photo back as it came.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from os import fspath
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from mien.core.arrays import Array
from mien.core.errors import UsageError
from mien.core.image import Frame
from mien.formats.bare import MAX_PIXELS
from mien.formats.files import StrPath, check_replaceable, read_bytes, replacing
from mien.formats.image_bytes import open_image
from mien.formats.photo_notes import Note, photo_notes


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo, read.

    Args:
        frame: its picture, upright, time 0, index 0.
        notes: what is worth knowing about the file.
    """

    frame: Frame
    notes: tuple[Note, ...] = ()


def read_photo(path: StrPath, max_pixels: int = MAX_PIXELS, allow_damaged: bool = False) -> Photo:
    """The photo at `path`, and what was noticed about it.

    Raises:
        InputError: what `read_bytes` and `decode_photo` raise.
    """
    return decode_photo(read_bytes(path), fspath(path), max_pixels, allow_damaged)


def read_image(path: StrPath, max_pixels: int = MAX_PIXELS) -> Frame:
    """The photo at `path`, upright: pixels [H, W, 3] RGB uint8, time 0, index 0.

    Raises:
        InputError: what `read_bytes` and `decode_image` raise.
    """
    return decode_image(read_bytes(path), fspath(path), max_pixels)


def decode_image(data: bytes, source: object, max_pixels: int = MAX_PIXELS) -> Frame:
    """The picture of `decode_photo` alone, of a file without damage."""
    return decode_photo(data, source, max_pixels).frame


def decode_photo(data: bytes, source: object, max_pixels: int = MAX_PIXELS, allow_damaged: bool = False) -> Photo:
    """A photo file held in memory, as an upright picture: pixels [H, W, 3] RGB uint8, time 0, index 0.

    The EXIF orientation is applied once; an orientation that does not exist is ignored. 16-bit samples are scaled to
    8 bit, never clipped. Inks (CMYK) become sRGB as their profile says. Alpha is dropped and the colour under it kept.
    Of an animation it is the first picture.

    Args:
        data: the content of the file.
        source: what to call it in a message.
        max_pixels: the most pixels it may have, width times height.
        allow_damaged: whether a JPEG of which a part is missing or wrong is read as far as it goes, and noted as such.

    Raises:
        InputError: E_FORMAT, E_LFS or E_EMPTY for what is no photo; E_TOOBIG and E_ASPECT from the header, before
            decoding; E_TRUNC, E_CORRUPT.
    """
    photo = open_image(data, source, max_pixels, allow_damaged)
    return Photo(Frame(upright(rgb(photo.image, photo.profile), photo.orientation)), photo_notes(photo))


def write_image(
    pixels: Array,
    path: StrPath,
    overwrite: bool = False,
    comment: str = "",
    seal: Callable[[Path], None] | None = None,
) -> None:
    """Write `pixels` [H, W, 3] RGB uint8 as PNG (exact), JPEG or WebP (close), by the suffix of `path`.

    Args:
        pixels: the picture.
        path: the file.
        overwrite: whether a file that is there already may be replaced.
        comment: what the file says about itself: as the text `Comment` of a PNG, as EXIF's description elsewhere.
        seal: what is done to the finished file before it gets its name, as `provenance.sealing` makes.

    Raises:
        UsageError: E_FORMAT, the suffix is none of .png, .jpg, .jpeg, .webp.
        OutputError: what `replacing` raises; the folder is then as it was.
        ValueError: the pixels have another shape or type.
    """
    check_picture(path, overwrite)
    image = Image.fromarray(np.ascontiguousarray(Frame(pixels).pixels))
    name, options = _ENCODINGS[Path(path).suffix.lower()]
    with replacing(path, overwrite) as temporary:
        image.save(temporary, format=name, **options, **_remark(name, comment))
        if seal is not None:
            seal(temporary)


def check_picture(path: StrPath, overwrite: bool = False) -> None:
    """Refuses, before a picture is made, a name under which `write_image` would not write it. Raises as it does."""
    suffix = Path(path).suffix.lower()
    if suffix not in _ENCODINGS:
        known = ", ".join(_ENCODINGS)
        cause = f"pictures are not written as '{suffix}'" if suffix else "does not say which kind of picture to write"
        raise UsageError(path, "E_FORMAT", cause, f"end the name in one of {known}")
    check_replaceable(Path(path), overwrite)


def _remark(name: str, comment: str) -> dict[str, PngInfo | Image.Exif]:
    """What Pillow's encoder is given for a file to carry a comment."""
    if not comment:
        return {}
    if name == "PNG":
        text = PngInfo()
        text.add_text("Comment", comment)
        return {"pnginfo": text}
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = comment
    return {"exif": exif}


_ENCODINGS: dict[str, tuple[str, dict[str, int]]] = {
    ".png": ("PNG", {"compress_level": 4}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
}


def rgb(image: Image.Image, profile: bytes = b"") -> Array:
    """[H, W, 3] uint8 of any picture that the decoders make; `profile`, an ICC profile, counts where it is of inks."""
    if image.mode.startswith("I"):  # 16-bit grey, which `convert` would clip at 255
        grey = np.asarray(image).astype(np.uint32)
        return np.repeat(((grey + 128) // 257).astype(np.uint8)[:, :, None], 3, axis=2)
    shown = _printed(image, profile) if image.mode == "CMYK" and profile[16:20] == b"CMYK" else None
    return np.asarray(shown or image.convert("RGB"))


def _printed(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Inks as they look on paper, in sRGB; None where the profile is broken."""
    try:
        return ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def upright(pixels: Array, orientation: int) -> Array:
    """`pixels` [H, W] or [H, W, 3] turned and mirrored as EXIF `orientation` asks."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def as_stored(pixels: Array, orientation: int) -> Array:
    """What `upright` undoes: upright `pixels` [H, W] or [H, W, 3] as a file with that EXIF orientation holds them."""
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels)
