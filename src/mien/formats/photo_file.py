"""A photo as an edit needs it: pixels to work on, and all that it takes to give it back as it came.

What comes back in its own format is stored the way it was, turned or not, and says so: nothing is decoded and encoded
anew that need not be.

- Nothing changed: the compressed pixels are those of the source, byte for byte, in every format.
- PNG: exact, with alpha. A palette becomes RGB or RGBA. 16-bit samples stay where nothing was changed; where something
  was, the edit's 8 bits are scaled. Grey of 16 bits with alpha is the exception: it becomes 8-bit RGBA.
- JPEG, baseline, as cameras write, and progressive where the extra `progressive` is installed, which makes it baseline:
  blocks that the edit does not touch are carried over, so their pixels stay the very same (`reach` says which); the
  others are coded in the file's own steps. Other JPEG (of inks, arithmetic) are encoded anew with the same tables and
  the same sampling of colours, which moves a fifth of all pixels, by 0.2 levels in the mean over the picture and by up
  to 23 (one progressive photo was tried): who needs them exact writes a PNG.
- WebP: without loss, so exact, and larger than it came.
- A colour profile stays wherever it fits the colours that are written: not where grey or inks become RGB.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from os import fspath
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from PIL import Image, JpegImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

from mien.core.arrays import Array
from mien.core.errors import UsageError
from mien.core.image import Frame
from mien.formats.bare import MAX_PIXELS, strip_jpeg
from mien.formats.exif import kept_exif, upright_exif
from mien.formats.files import MediaKind, StrPath, read_bytes, replacing
from mien.formats.image_bytes import Opened, open_image
from mien.formats.images import as_stored, check_picture, rgb, upright
from mien.formats.jpeg_blocks import JpegBlocks
from mien.formats.jpeg_passes import joined_passes
from mien.formats.photo_metadata import Metadata, colour_chunks, dress, undress_webp

_KINDS = {
    ".png": MediaKind.PNG,
    ".jpg": MediaKind.JPEG,
    ".jpeg": MediaKind.JPEG,
    ".webp": MediaKind.WEBP,
}


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFile:
    """A photo, read.

    Args:
        source: what it is called.
        data: the file.
        stored: the same, taken apart; turned as it is stored.
        frame: its picture, upright.
        alpha: [H, W] uint8, upright, 255 opaque; None when the file has none.
    """

    source: str
    data: bytes
    stored: Opened
    frame: Frame
    alpha: Array | None
    _parsed: list[JpegBlocks | None] = field(default_factory=list, repr=False)

    @property
    def blocks(self) -> JpegBlocks | None:
        """The blocks of a JPEG, of which some can be changed; None when it has to be coded anew as a whole, or is none.

        Found once: it takes a second of the largest, and may fail for want of a place to work.
        """
        if not self._parsed:
            self._parsed.append(_blocks(self) if self.kind is MediaKind.JPEG else None)
        return self._parsed[0]

    @property
    def kind(self) -> MediaKind:
        """Its format."""
        return self.stored.kind

    @property
    def sha256(self) -> str:
        """Of the file, 64 hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()


def read_photo(path: StrPath, max_pixels: int = MAX_PIXELS) -> PhotoFile:
    """The photo at `path`. Raises what `images.read_image` raises."""
    return decode_photo(read_bytes(path), fspath(path), max_pixels)


def decode_photo(data: bytes, source: str, max_pixels: int = MAX_PIXELS) -> PhotoFile:
    """A photo held in memory. Raises what `images.decode_image` raises."""
    stored = open_image(data, source, max_pixels)
    alpha = _alpha(stored)
    turn = stored.orientation
    frame = Frame(upright(rgb(stored.image, stored.profile), turn))
    return PhotoFile(source, data, stored, frame, None if alpha is None else upright(alpha, turn))


def check_photo(photo: PhotoFile, path: StrPath, overwrite: bool = False) -> None:
    """Refuses, before an edit is made, a name under which `write_photo` would not write it. Raises as it does."""
    check_picture(path, overwrite)
    if photo.alpha is not None and _KINDS[Path(path).suffix.lower()] is MediaKind.JPEG:
        cause = "the photo is transparent in places, which a JPEG cannot be"
        raise UsageError(path, "E_FORMAT", cause, "end the name in .png or .webp")


def write_photo(
    photo: PhotoFile,
    pixels: Array,
    path: StrPath,
    overwrite: bool = False,
    keep_metadata: bool = False,
    seal: Callable[[Path], None] | None = None,
) -> None:
    """Writes an edited photo: as it came where the format is the same, and by the suffix of `path` elsewhere.

    Args:
        photo: the photo as it was read.
        pixels: its picture after the edit, [H, W, 3] RGB uint8, upright; the size is that of `photo.frame`.
        path: the file; must end in .png, .jpg, .jpeg or .webp.
        overwrite: whether a file that is there already may be replaced.
        keep_metadata: whether the EXIF block stays whole; by default place, serial numbers, owner, maker's notes,
            remarks and preview go. XMP, IPTC and texts go either way, an ICC profile stays where it fits.
        seal: what is done to the finished file before it gets its name, as `provenance.sealing` makes.

    Raises:
        UsageError: E_FORMAT, another suffix, or a JPEG of a photo with alpha.
        OutputError: what `replacing` raises; the folder is then as it was.
        ValueError: the pixels have another shape or type.
    """
    check_photo(photo, path, overwrite)
    data = encode_photo(photo, pixels, Path(path).suffix, keep_metadata)
    with replacing(path, overwrite) as temporary:
        temporary.write_bytes(data)
        if seal is not None:
            seal(temporary)


def encode_photo(photo: PhotoFile, pixels: Array, suffix: str, keep_metadata: bool = False) -> bytes:
    """The file that `write_photo` writes, without a seal. Raises `UsageError` and `ValueError` as it does."""
    check_photo(photo, f"photo{suffix}", overwrite=True)
    if pixels.shape != photo.frame.pixels.shape or pixels.dtype != np.uint8:
        wanted = f"uint8 of shape {list(photo.frame.pixels.shape)}"
        raise ValueError(f"pixels must be {wanted}, got {pixels.dtype} {list(pixels.shape)}")
    kind = _KINDS[suffix.lower()]
    same = kind is photo.kind
    turn = photo.stored.orientation if same else 1
    unchanged = np.array_equal(pixels, photo.frame.pixels) and not getattr(photo.stored.image, "is_animated", False)
    metadata = _metadata(photo, kind, unchanged, keep_metadata)
    if same and unchanged:
        bare = undress_webp(photo.data) if kind is MediaKind.WEBP else photo.stored.bare.data
        return dress(kind, bare, metadata)
    before, after = (as_stored(each, turn) for each in (photo.frame.pixels, pixels))
    alpha = None if photo.alpha is None else as_stored(photo.alpha, turn)
    if kind is MediaKind.JPEG:
        return dress(kind, _jpeg(photo, before, after, same), metadata)
    deep = _deep(photo) if same and kind is MediaKind.PNG else None
    if deep is not None:
        return dress(kind, _deep_png(deep, before, after), metadata)
    image = Image.fromarray(after if alpha is None else np.dstack([after, alpha]))
    file = BytesIO()
    if kind is MediaKind.PNG:
        image.save(file, "PNG", compress_level=4)
    else:
        image.save(file, "WEBP", lossless=True, exact=True, method=2, exif=metadata.exif, icc_profile=metadata.profile)
        return file.getvalue()
    return dress(kind, file.getvalue(), metadata)


def reach(photo: PhotoFile, mask: Array, suffix: str) -> Array:
    """Where the written file may differ from the source, if only pixels within `mask` are changed.

    That is `mask` itself for PNG and WebP. For a JPEG it is the blocks that `mask` touches, of 8 or 16 pixels, and one
    pixel more where colours are stored coarser, for decoders blend them; everything, for a JPEG that is encoded anew.

    Args:
        photo: the photo as it was read.
        mask: [H, W] bool, upright.
        suffix: of the file to be written.

    Returns:
        [H, W] bool, upright.
    """
    if _KINDS[suffix.lower()] is not MediaKind.JPEG:
        return mask
    blocks = photo.blocks
    if blocks is None:
        return np.ones_like(mask)
    turn = photo.stored.orientation
    width, height = blocks.group
    stored = as_stored(mask, turn)
    rows, columns = stored.shape
    padded = np.pad(stored, ((0, -rows % height), (0, -columns % width)))
    coarse = padded.reshape(-(-rows // height), height, -1, width).any((1, 3))
    touched = coarse.repeat(height, 0).repeat(width, 1)[:rows, :columns]
    if (width, height) != (8, 8):
        around = np.pad(touched, 1)
        places = [(y, x) for y in range(3) for x in range(3)]
        touched = np.any([around[y : y + rows, x : x + columns] for y, x in places], axis=0)
    return upright(touched, turn)


def _metadata(photo: PhotoFile, kind: MediaKind, unchanged: bool, whole: bool) -> Metadata:
    same = kind is photo.kind
    turn = photo.stored.orientation if same else 1
    exif = photo.stored.exif
    exif = upright_exif(exif, turn) if whole else kept_exif(exif, turn)
    # A profile of grey or of inks says nothing of the RGB that such photos are made into; grey JPEGs alone stay grey.
    # Unchanged, its own pixels go out, and what it said of them.
    profile = photo.stored.profile
    written = b"GRAY" if same and kind is MediaKind.JPEG and photo.stored.image.mode == "L" else b"RGB "
    if profile[_SPACE] != written and not (same and unchanged):
        profile = b""
    return Metadata(exif, profile, colour_chunks(photo.data) if same and kind is MediaKind.PNG else b"")


_SPACE = slice(16, 20)
"""Where an ICC profile says which colours it is of."""


def _alpha(stored: Opened) -> Array | None:
    """[H, W] uint8, 255 opaque, as stored; None when the photo has none."""
    image = stored.image
    if not image.has_transparency_data:
        return None
    key = image.info.get("transparency")
    if image.mode in ("L", "I;16") and isinstance(key, int):
        # One grey of a PNG is transparent. Pillow overlooks it in 16 bits, and of 2 and 4 it scales the samples alone.
        key *= {2: 85, 4: 17}.get(stored.bare.data[24], 1)
        return np.where(np.asarray(image) == key, 0, 255).astype(np.uint8)
    return np.array(image.convert("RGBA").getchannel("A"))


def _jpeg(photo: PhotoFile, before: Array, after: Array, same: bool) -> bytes:
    image = Image.fromarray(after)
    options: dict[str, object] = {"quality": 95, "subsampling": 0}
    if same:
        if photo.blocks is not None:
            return photo.blocks.edited(before, after)
        stored = photo.stored.image
        if isinstance(stored, JpegImageFile) and stored.mode in ("L", "RGB"):
            sampling = JpegImagePlugin.get_sampling(stored) if stored.mode == "RGB" else -1
            image = image.convert(stored.mode)
            options = {"qtables": stored.quantization, "subsampling": max(sampling, 0)}
    file = BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def _blocks(photo: PhotoFile) -> JpegBlocks | None:
    bare = photo.stored.bare
    if not bare.progressive:
        return JpegBlocks.parse(bare.data)
    data = joined_passes(bare.data)
    if data is None:
        return None
    # Not by `Image.open`, whose own limit of pixels is not the one that was asked for.
    with JpegImageFile(BytesIO(data)) as image:
        if image.mode != photo.stored.image.mode or not np.array_equal(
            np.asarray(image), np.asarray(photo.stored.image)
        ):
            return None
    return JpegBlocks.parse(strip_jpeg(data, photo.source, photo.frame.width * photo.frame.height).data)


def _deep(photo: PhotoFile) -> Array | None:
    """The samples [H, W, 3 or 4] uint16 of a 16-bit PNG, as stored; None for any other."""
    if photo.data[24] != 16:
        return None
    decoder = av.CodecContext.create("png", "r")
    try:
        frames = [*decoder.decode(av.Packet(photo.stored.bare.data)), *decoder.decode(None)]
    except FFmpegError:
        return None
    if len(frames) != 1 or not isinstance(frames[0], av.VideoFrame):
        return None
    if frames[0].format.name not in ("gray16be", "rgb48be", "rgba64be"):
        return None
    samples = np.asarray(frames[0].to_ndarray())
    return samples if samples.ndim == 3 else np.repeat(samples[:, :, None], 3, 2)


def _deep_png(samples: Array, before: Array, after: Array) -> bytes:
    """A 16-bit PNG in which only the changed pixels are new."""
    changed = (before != after).any(2)
    samples = samples.astype(np.uint16)
    samples[changed, :3] = after[changed].astype(np.uint16) * 257
    height, width, depth = samples.shape
    rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    packed = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 6)
    header = struct.pack(">IIBBBBB", width, height, 16, 6 if depth == 4 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
