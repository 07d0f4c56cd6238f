"""The bytes of a photo: checked by its header, freed of its metadata, decoded; what was taken out is handed over.

What a picture weighs is read from its header before anything is decoded, and metadata never reaches a decoder (`bare`).
The decoder is the one that the first bytes ask for; a name decides nothing when reading.
"""

import struct
from dataclasses import dataclass
from io import BytesIO

import simplejpeg
from PIL import Image, features
from PIL.AvifImagePlugin import AvifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from mien.core.errors import InputError
from mien.formats.bare import FETCH, MAX_PIXELS, Bare, strip_heif, strip_jpeg, strip_png, strip_webp, truncated
from mien.formats.files import MediaKind, kind_of
from mien.formats.jpeg_scans import has_every_pass, has_hole


@dataclass(frozen=True, slots=True)
class Opened:
    """A photo, decoded as it is stored: not turned upright, in its own mode.

    Args:
        kind: its format.
        bare: the file without metadata, and the metadata.
        image: the pixels.
        damage: what is wrong with them, where damage is allowed; else None.
    """

    kind: MediaKind
    bare: Bare
    image: Image.Image
    damage: InputError | None = None

    @property
    def orientation(self) -> int:
        """1 to 8, the EXIF orientation; 1 when there is none or it makes no sense."""
        return _orientation(self.exif) or 1

    @property
    def makes_sense(self) -> bool:
        """Whether its EXIF block, if there is one, can be read up to the orientation, and that exists."""
        return not self.exif or _orientation(self.exif) is not None

    @property
    def pictures(self) -> int:
        """How many the file holds; of an animation the first is taken."""
        return max(self.bare.pictures, getattr(self.image, "n_frames", 1))

    @property
    def exif(self) -> bytes:
        """The EXIF block from its byte order mark on, as it stands in the file; b"" when there is none."""
        return (self.bare.exif or self.image.info.get("exif", b"")).removeprefix(b"Exif\0\0")

    @property
    def profile(self) -> bytes:
        """The ICC profile, as it stands in the file; b"" when there is none."""
        return self.bare.profile or self.image.info.get("icc_profile") or b""


def open_image(data: bytes, source: object, max_pixels: int = MAX_PIXELS, allow_damaged: bool = False) -> Opened:
    """A photo file held in memory, decoded. Arguments and errors are those of `images.decode_photo`."""
    kind = kind_of(data[:64], source)
    if not kind.is_still:
        raise InputError(source, "E_FORMAT", f"a video ({kind.value}), not a photo", "read it as a video")
    strips = {MediaKind.JPEG: strip_jpeg, MediaKind.PNG: strip_png, MediaKind.WEBP: strip_webp}
    bare = strips.get(kind, strip_heif)(data, source, max_pixels)
    image = _decoded(kind, bare, len(data), source)
    damage = _jpeg_damage(image, bare, len(data), source) if kind is MediaKind.JPEG else None
    if damage is not None and not allow_damaged:
        raise damage
    return Opened(kind, bare, image, damage)


_DECODERS: dict[MediaKind, type[ImageFile]] = {
    MediaKind.JPEG: JpegImageFile,
    MediaKind.PNG: PngImageFile,
    MediaKind.WEBP: WebPImageFile,
    MediaKind.AVIF: AvifImageFile,
}
"""Asked directly, not through `Image.open`: no other format is tried, and its global limit with its warning does not
apply, for the size has been checked."""

_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    RuntimeError,
)
"""What Pillow's decoders raise when a file is not what it says."""


def _decoder(kind: MediaKind, source: object) -> type[ImageFile]:
    if kind is MediaKind.HEIC:
        try:
            from pillow_heif import HeifImageFile
        except ImportError:
            cause = "HEIC needs pillow-heif, which is not installed"
            raise InputError(source, "E_FORMAT", cause, 'pip install "mien[heif]", or save it as JPEG') from None
        decoder: type[ImageFile] = HeifImageFile
        return decoder
    if kind is MediaKind.AVIF and not features.check("avif"):
        raise InputError(source, "E_FORMAT", "this Pillow is built without AVIF", "save it as JPEG or PNG")
    return _DECODERS[kind]


def _decoded(kind: MediaKind, bare: Bare, size: int, source: object) -> Image.Image:
    decoder = _decoder(kind, source)
    try:
        image = decoder(BytesIO(bare.data))
        image.load()
    except Image.DecompressionBombError as error:
        raise InputError(source, "E_TOOBIG", "too many pixels for this format", "save a smaller copy") from error
    except _DECODER_ERRORS as error:
        if not bare.ended or "truncated" in str(error):
            raise truncated(source, size) from error
        raise InputError(source, "E_CORRUPT", f"corrupt data in the {kind.value}", FETCH) from error
    return image


def _jpeg_damage(image: Image.Image, bare: Bare, size: int, source: object) -> InputError | None:
    """What is wrong with a JPEG whose pixel data is broken or stops early.

    Pillow hides libjpeg's warnings and returns wrong pixels for nearly every damaged file. So it is decoded once more,
    at an eighth of its size, which reads every bit and is quick, by a decoder that takes them for errors. A JPEG that
    lacks only its end mark passes.
    """
    if not bare.ended:
        # A later pass of a progressive picture may be missing without a trace. Apart from that, bytes put after the
        # last one change the pixels when those had not all been there; two fillings, lest one equal what is missing.
        paddings = (Bare(bare.data[:-2] + filling * 64 + bare.data[-2:], ended=False) for filling in (b"\x55", b"\xaa"))
        pixels = image.tobytes()
        unfinished = bare.progressive and not has_every_pass(bare.data)
        if unfinished or any(_decoded(MediaKind.JPEG, p, size, source).tobytes() != pixels for p in paddings):
            return truncated(source, size)
    try:
        simplejpeg.decode_jpeg(bare.data, min_height=1, min_width=1, strict=True)
    except ValueError as error:
        if "nsupported" in str(error):
            return None  # a rare kind of JPEG that Pillow reads and this one does not: no second opinion
        if not bare.ended:
            return truncated(source, size)
        said = str(error).removeprefix("Corrupt JPEG data: ")
        return InputError(source, "E_CORRUPT", f"corrupt data in the JPEG: {said}", FETCH)
    if not bare.progressive and has_hole(bare.data):
        return InputError(source, "E_CORRUPT", "corrupt data in the JPEG: a block of it is zeros", FETCH)
    return None


def _orientation(exif: bytes) -> int | None:
    """1 to 8, the EXIF orientation, 1 when it says none; None when the block cannot be read, or it does not exist."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry)
            if tag == 0x0112:
                return int(value) if kind == 3 and 1 <= value <= 8 else None
    except struct.error:  # the block ends early
        return None
    return 1
