import struct
import zlib
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from made_hostile import chunk, encoded
from made_signed import CLAIM, identity
from PIL import ExifTags, Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from mien.core.arrays import Array
from mien.core.errors import InputError, UsageError
from mien.formats.files import MediaKind
from mien.formats.image_bytes import open_image
from mien.formats.images import as_stored, read_image, upright
from mien.formats.photo_file import _deep, decode_photo, encode_photo, reach, read_photo, write_photo
from mien.formats.provenance import Standing, inspect, sealing

KINDS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


@cache
def picture(width: int = 75, height: int = 52, channels: int = 3) -> Array:
    y, x = np.mgrid[:height, :width]
    planes = [128 + 100 * np.sin(x / (5 + c) + y / 9) for c in range(channels)]
    noise = np.random.default_rng(0).normal(0, 5, (height, width, channels))
    return (np.stack(planes, -1) + noise).clip(0, 255).astype(np.uint8)


def exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    block[ExifTags.Base.Make], block[ExifTags.Base.Orientation] = "Camera", orientation
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.BodySerialNumber] = "SN-123456"
    block.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.5)
    return block


@cache
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def edited(pixels: Array) -> tuple[Array, Array]:
    """A picture with a spot changed, and the mask [H, W] of the spot."""
    mask = np.zeros(pixels.shape[:2], bool)
    mask[20:30, 10:25] = True
    changed = pixels.copy()
    changed[mask] = 255 - changed[mask]
    return changed, mask


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_unchanged_the_compressed_pixels_are_the_very_same(kind: str, orientation: int) -> None:
    data = encoded(picture(), kind, exif=exif(orientation), icc_profile=profile())
    photo = decode_photo(data, "a")
    out = encode_photo(photo, photo.frame.pixels, KINDS[kind])
    again = decode_photo(out, "b")
    assert np.array_equal(again.frame.pixels, photo.frame.pixels)
    assert again.stored.orientation == orientation
    assert again.stored.profile == profile()
    if kind != "WEBP":
        assert again.stored.bare.data == photo.stored.bare.data
    else:
        assert out[out.index(b"VP8 ") :][:500] == data[data.index(b"VP8 ") :][:500]
    assert b"SN-123456" not in out
    assert ExifTags.IFD.GPSInfo not in Image.open(BytesIO(out)).getexif()
    whole = encode_photo(photo, photo.frame.pixels, KINDS[kind], keep_metadata=True)
    assert b"SN-123456" in whole
    assert ExifTags.IFD.GPSInfo in Image.open(BytesIO(whole)).getexif()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_outside_an_edit_nothing_changes(kind: str, orientation: int) -> None:
    photo = decode_photo(encoded(picture(), kind, exif=exif(orientation), icc_profile=profile()), "a")
    changed, mask = edited(photo.frame.pixels)
    out = encode_photo(photo, changed, KINDS[kind])
    again = decode_photo(out, "b")
    far = ~reach(photo, mask, KINDS[kind])
    assert 0.3 < far.mean() < 1
    assert np.array_equal(again.frame.pixels[far], photo.frame.pixels[far])
    limit = 0 if kind != "JPEG" else 25
    assert np.abs(again.frame.pixels.astype(int) - changed)[mask].mean() <= limit
    assert again.stored.profile == profile()
    assert b"SN-123456" not in out
    assert Image.open(BytesIO(out)).getexif()[ExifTags.Base.Make] == "Camera"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_as_stored_undoes_upright(orientation: int) -> None:
    for pixels in (picture(), picture()[..., 0]):
        assert np.array_equal(as_stored(upright(pixels, orientation), orientation), pixels)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("change", [True, False])
def test_alpha_is_kept_with_the_colours_under_it(kind: str, change: bool) -> None:
    pixels = picture(channels=4).copy()
    pixels[5:15, :, 3] = 0
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    photo = decode_photo(encoded(pixels, kind, exif=exif(6), **options), "a")
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, upright(pixels[..., 3], 6))
    after = edited(photo.frame.pixels)[0] if change else photo.frame.pixels
    for suffix in (".png", ".webp"):
        again = decode_photo(encode_photo(photo, after, suffix), "b")
        assert again.alpha is not None
        assert np.array_equal(again.alpha, photo.alpha)
        assert np.array_equal(again.frame.pixels, after)
    with pytest.raises(UsageError, match="transparent"):
        encode_photo(photo, after, ".jpg")


def test_a_palette_becomes_rgba() -> None:
    image = Image.fromarray(picture()).convert("P")
    photo = decode_photo(encoded(image, "PNG", transparency=3), "a")
    assert photo.alpha is not None
    assert set(np.unique(photo.alpha)) <= {0, 255}
    again = decode_photo(encode_photo(photo, edited(photo.frame.pixels)[0], ".png"), "b")
    assert again.stored.image.mode == "RGBA"
    assert again.alpha is not None
    assert np.array_equal(again.alpha, photo.alpha)
    assert decode_photo(encoded(image, "PNG"), "a").alpha is None


def test_sixteen_bits_stay_where_nothing_is_changed() -> None:
    grey = np.linspace(0, 65535, 52 * 75).reshape(52, 75).astype(np.uint16)
    photo = decode_photo(encoded(Image.fromarray(grey), "PNG"), "a")
    changed, mask = edited(photo.frame.pixels)
    out = encode_photo(photo, changed, ".png")
    assert out[24:26] == b"\x10\x02"
    again = decode_photo(out, "b")
    samples = _deep(again)
    assert samples is not None
    assert np.array_equal(samples[..., 0][~mask], grey[~mask])
    assert np.array_equal(samples[mask], changed[mask].astype(np.uint16) * 257)
    assert encode_photo(photo, photo.frame.pixels, ".png") == photo.stored.bare.data


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_other_jpegs_stay_close(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.formats.jpeg_passes.can_join_passes", lambda: False)
    data = encoded(Image.fromarray(picture()).convert(mode), "JPEG", progressive=mode == "RGB", quality=90)
    photo = decode_photo(data, "a")
    changed, mask = edited(photo.frame.pixels)
    assert reach(photo, mask, ".jpg").all()
    again = decode_photo(encode_photo(photo, changed, ".jpg"), "b")
    assert np.abs(again.frame.pixels.astype(int) - photo.frame.pixels)[:16].mean() < 4


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("turn", [1, 6])
def test_of_a_progressive_jpeg_the_other_blocks_stay(mode: str, subsampling: int, turn: int) -> None:
    whole = Image.fromarray(picture(150, 100)).convert(mode)
    data = encoded(whole, "JPEG", progressive=True, quality=83, subsampling=subsampling, exif=exif(turn))
    photo = decode_photo(data, "a")
    changed, mask = edited(photo.frame.pixels)
    may = reach(photo, mask, ".jpg")
    assert may[mask].all()
    assert may.mean() < 0.3
    out = encode_photo(photo, changed, ".jpg")
    again = decode_photo(out, "b")
    assert again.stored.image.mode == mode
    np.testing.assert_array_equal(again.frame.pixels[~may], photo.frame.pixels[~may])
    assert np.abs(again.frame.pixels[mask].astype(int) - photo.frame.pixels[mask]).mean() > 20
    assert encode_photo(photo, photo.frame.pixels, ".jpg").count(b"\xff\xda") > 3, "unchanged, as it came"


def test_a_progressive_jpeg_is_joined_once_and_only_if_its_pixels_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(picture(150, 100), "JPEG", progressive=True, quality=83)
    other = encoded(picture(150, 100) // 2, "JPEG", quality=83)
    asked: list[int] = []

    def joined(given: bytes) -> bytes:
        asked.append(len(given))
        return other

    monkeypatch.setattr("mien.formats.photo_file.joined_passes", joined)
    photo = decode_photo(data, "a")
    changed, mask = edited(photo.frame.pixels)
    encode_photo(photo, changed, ".jpg")
    assert reach(photo, mask, ".jpg").all(), "coded anew"
    assert len(asked) == 1


def test_pillows_own_limit_of_pixels_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    photo = decode_photo(encoded(picture(150, 100), "JPEG", progressive=True, quality=83), "a")
    changed, mask = edited(photo.frame.pixels)
    assert not reach(photo, mask, ".jpg").all()
    assert encode_photo(photo, changed, ".jpg")


def test_the_tables_stay() -> None:
    data = encoded(picture(), "JPEG", quality=37, subsampling=1)
    photo = decode_photo(data, "a")
    out = encode_photo(photo, edited(photo.frame.pixels)[0], ".jpg")
    with Image.open(BytesIO(data)) as one, Image.open(BytesIO(out)) as other:
        assert isinstance(one, JpegImageFile)
        assert isinstance(other, JpegImageFile)
        assert one.quantization == other.quantization
        assert one.layer == other.layer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", KINDS.values())
def test_into_another_format(kind: str, suffix: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(encoded(picture(), kind, exif=exif(8), icc_profile=profile()))
    photo = read_photo(source)
    changed, _ = edited(photo.frame.pixels)
    path = tmp_path / f"a{suffix}"
    write_photo(photo, changed, path, seal=sealing(CLAIM, identity(), photo.data))
    assert np.abs(read_image(path).pixels.astype(int) - changed).mean() < 9
    assert inspect(path, (identity(),)).standing is Standing.HERE
    assert b"SN-123456" not in path.read_bytes()
    again = read_photo(path)
    assert again.stored.profile == profile()
    assert again.stored.orientation == (8 if KINDS[kind] == suffix else 1)


def test_of_an_animation_the_first_picture() -> None:
    frames = [Image.fromarray(np.roll(picture(), i, 0)) for i in range(3)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    photo = decode_photo(data, "a")
    out = encode_photo(photo, photo.frame.pixels, ".webp")
    assert open_image(out, "b").kind is MediaKind.WEBP
    assert b"ANMF" not in out
    assert np.array_equal(decode_photo(out, "b").frame.pixels, photo.frame.pixels)


def test_what_is_refused(tmp_path: Path) -> None:
    photo = decode_photo(encoded(picture(), "PNG"), "a")
    with pytest.raises(ValueError, match="pixels must be uint8"):
        encode_photo(photo, photo.frame.pixels[:-1], ".png")
    with pytest.raises(UsageError, match="E_FORMAT"):
        write_photo(photo, photo.frame.pixels, tmp_path / "a.bmp")
    with pytest.raises(InputError):
        decode_photo(b"text", "a")
    assert list(tmp_path.iterdir()) == []


def profile_of(space: bytes) -> bytes:
    """A profile that says of which colours it is, and nothing else."""
    return struct.pack(">I4x4s4s4s4s12x4s92x", 132, b"\2\x40\0\0", b"mntr", space, b"XYZ ", b"acsp")


GREY, INKS = profile_of(b"GRAY"), profile_of(b"CMYK")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", KINDS.values())
def test_a_profile_of_grey_is_written_with_grey_alone(kind: str, suffix: str) -> None:
    data = encoded(Image.fromarray(picture()).convert("L" if kind != "WEBP" else "RGB"), kind, icc_profile=GREY)
    photo = decode_photo(data, "a")
    out = decode_photo(encode_photo(photo, edited(photo.frame.pixels)[0], suffix), "b").stored
    assert out.image.mode == ("L" if (kind, suffix) == ("JPEG", ".jpg") else "RGB")
    assert out.profile == (GREY if out.image.mode == "L" else b"")
    unchanged = decode_photo(encode_photo(photo, photo.frame.pixels, suffix), "b").stored
    own = KINDS[kind] == suffix
    assert unchanged.profile == (GREY if own else b"")
    assert unchanged.image.mode == (photo.stored.image.mode if own else "RGB")


def test_a_profile_of_inks_is_written_with_inks_alone() -> None:
    data = encoded(Image.fromarray(picture()).convert("CMYK"), "JPEG", icc_profile=INKS)
    photo = decode_photo(data, "a")
    out = decode_photo(encode_photo(photo, photo.frame.pixels, ".jpg"), "b").stored
    assert (out.image.mode, out.profile) == ("CMYK", INKS)
    for suffix, pixels in ((".jpg", edited(photo.frame.pixels)[0]), (".png", photo.frame.pixels)):
        out = decode_photo(encode_photo(photo, pixels, suffix), "b").stored
        assert (out.image.mode, out.profile) == ("RGB", b"")


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_one_grey_that_is_transparent(bits: int) -> None:
    levels = 2**bits
    grey = (np.arange(64 * 64).reshape(64, 64) * 16 + 3) % levels
    key = int(grey[3, 5])
    if bits == 16:
        rows = grey.astype(">u2").tobytes()
    else:
        places = np.arange(8 // bits)[::-1] * bits
        rows = (grey.reshape(-1, 8 // bits) << places).sum(1).astype(np.uint8).tobytes()
    stride = 64 * bits // 8
    packed = zlib.compress(b"".join(b"\0" + rows[i : i + stride] for i in range(0, len(rows), stride)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, bits, 0, 0, 0, 0))
    rest = chunk(b"tRNS", struct.pack(">H", key)) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    photo = decode_photo(b"\x89PNG\r\n\x1a\n" + header + rest, "a")
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha == 0, grey == key)
    assert np.array_equal(photo.frame.pixels[..., 0], np.round(grey * (255 / (levels - 1))))
    changed, _ = edited(photo.frame.pixels)
    for suffix in (".png", ".webp"):
        again = decode_photo(encode_photo(photo, changed, suffix), "b")
        assert again.alpha is not None
        assert np.array_equal(again.alpha, photo.alpha)
        assert np.array_equal(again.frame.pixels, changed)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def test_small_previews_of_a_jpeg_stay_behind() -> None:
    """A JFIF with a preview, JFXX of two kinds, and whatever else calls itself APP0."""
    data = encoded(picture(), "JPEG")
    preview = b"PREVIEW" * 3
    first = segment(0xE0, data[6:18] + b"\1\7" + preview)
    others = (b"JFXX\0\x10\xff\xd8" + preview, b"JFXX\0\x13\1\7" + preview, b"AVI1" + preview, b"JFIF\0\1")
    more = b"".join(segment(0xE0, other) for other in others)
    photo = decode_photo(data[:2] + first + more + data[20:], "a")
    assert photo.stored.bare.data == data
    assert np.array_equal(photo.frame.pixels, decode_photo(data, "a").frame.pixels)
    assert b"PREVIEW" not in encode_photo(photo, edited(photo.frame.pixels)[0], ".jpg")


def test_how_the_colours_of_a_jpeg_are_stored_stays() -> None:
    data = encoded(picture(), "JPEG", keep_rgb=True)
    assert b"Adobe" in data
    photo = decode_photo(data, "a")
    assert photo.stored.bare.data == data
    assert np.abs(photo.frame.pixels.astype(int) - picture()).mean() < 5


def test_a_huge_profile_is_left_out() -> None:
    data = encoded(picture(), "PNG", icc_profile=bytes(2**23))
    assert decode_photo(data, "a").stored.profile == b""
