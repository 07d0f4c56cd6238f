import os
import random
import struct
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_hostile import encoded
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from mien.core.arrays import Array
from mien.core.errors import InputError, OutputError, UsageError
from mien.formats import photo_file
from mien.formats.images import decode_image, read_image, write_image

NOISE = np.random.default_rng(0)


@cache
def picture(width: int = 96, height: int = 64) -> Array:
    """[H, W, 3]: smooth with some grain, so that a compressed file is neither tiny nor noise."""
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([128 + 100 * np.sin(x / 17 + y / 31), 128 + 100 * np.cos(x / 23), x * 255 / width], -1)
    return (smooth + NOISE.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)


@cache
def jpeg(progressive: bool = False) -> bytes:
    return encoded(picture(320, 240), "JPEG", quality=85, progressive=progressive)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))


def refusal(data: bytes, **options: int) -> InputError:
    with pytest.raises(InputError) as caught:
        decode_image(data, "a.jpg", **options)
    return caught.value


def same(data: bytes, pixels: Array) -> bool:
    return np.array_equal(decode_image(data, "a").pixels, pixels)


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_reads_by_content_whatever_the_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "wrong.name"
    path.write_bytes(encoded(picture(), kind, quality=95))
    frame = read_image(path)
    assert (frame.width, frame.height, frame.time, frame.index) == (96, 64, 0.0, 0)
    assert np.abs(frame.pixels.astype(int) - picture()).mean() < 5


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"bad\xff\xfename.jpg")
    path.write_bytes(jpeg())
    assert read_image(path).width == 320


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied_once(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = encoded(picture(), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    plain = decode_image(encoded(picture(), kind, **({"lossless": True} if kind == "WEBP" else {})), "a").pixels
    turns = {
        2: np.fliplr(plain),
        3: np.rot90(plain, 2),
        4: np.flipud(plain),
        5: plain.transpose(1, 0, 2),
        6: np.rot90(plain, -1),
        7: np.rot90(plain.transpose(1, 0, 2), 2),
        8: np.rot90(plain),
    }
    assert same(stored, turns.get(orientation, plain))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"", b"Exif\0\0MM\0*\0\0\0\x08"]
)
def test_broken_exif_is_ignored(exif: bytes) -> None:
    assert same(encoded(picture(), "JPEG", exif=exif), decode_image(encoded(picture(), "JPEG"), "a").pixels)


def test_an_orientation_that_does_not_exist_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    assert same(encoded(picture(), "PNG", exif=exif), picture())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.fromarray(picture()).convert("P" if mode == "PA" else mode)
    options = {"transparency": 3} if mode == "PA" else {}
    assert same(encoded(image, "PNG", **options), np.asarray(image.convert("RGB")))


def test_the_colour_under_alpha_is_kept() -> None:
    transparent = np.dstack([picture(), np.zeros(picture().shape[:2], np.uint8)])
    assert same(encoded(transparent, "PNG"), picture())
    assert same(encoded(transparent, "WEBP", lossless=True, exact=True), picture())


def test_cmyk() -> None:
    grey = Image.new("CMYK", (32, 32), (0, 0, 0, 100))
    assert np.abs(decode_image(encoded(grey, "JPEG"), "a").pixels.astype(int) - 155).max() <= 2


def inks(corners: Array) -> bytes:
    """An ICC profile of four inks; the 16 mixtures of none and all of each look like `corners` [16, 3] in Lab."""
    lab = corners * (255 / 100, 1, 1) + (0, 128, 128)
    identity = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    line = bytes(range(256))
    table = b"mft1" + bytes((0, 0, 0, 0, 4, 3, 2, 0)) + identity + line * 4 + lab.astype(np.uint8).tobytes() + line * 3
    white = struct.pack(">3i", 63190, 65536, 54061)
    start = 128 + 4 + 2 * 12
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", start, len(table), b"wtpt", start + len(table), 20)
    kinds = struct.pack(">4s4s4s4s", b"\2\x40\0\0", b"prtr", b"CMYK", b"Lab ")
    head = struct.pack(">I4x16s12x4s28x12s48x", start + len(table) + 20, kinds, b"acsp", white)
    return head + tags + table + b"XYZ " + bytes(4) + white


@cache
def red_ink() -> bytes:
    """Of inks whose first is bright red on white paper, and every mixture black."""
    corners = np.zeros((16, 3))
    corners[0], corners[8] = (100, 0, 0), (53, 80, 67)
    return inks(corners)


def test_inks_look_as_their_profile_says() -> None:
    for amounts, colour in (((0, 0, 0, 0), 255), ((255, 0, 0, 0), (255, 0, 0)), ((255, 255, 0, 0), 0)):
        data = encoded(Image.new("CMYK", (32, 32), amounts), "JPEG", icc_profile=red_ink())
        assert np.abs(decode_image(data, "a").pixels.astype(int) - colour).max() <= 8
        assert np.array_equal(photo_file.decode_photo(data, "a").frame.pixels, decode_image(data, "a").pixels)


def test_a_profile_of_other_colours_is_not_heeded() -> None:
    """Only inks need theirs; and what is broken, or not of inks, says nothing of them."""
    rgb_profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = Image.new("CMYK", (32, 32), (0, 90, 0, 0))
    for profile in (rgb_profile, b"garbage", red_ink()[:200]):
        assert same(encoded(plain, "JPEG", icc_profile=profile), decode_image(encoded(plain, "JPEG"), "a").pixels)
    assert same(encoded(picture(), "PNG", icc_profile=red_ink()), picture())


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, 2000), put=st.binary(min_size=1, max_size=40), keep=st.floats(0, 1))
def test_a_broken_profile_of_inks_does_no_harm(place: int, put: bytes, keep: float) -> None:
    image = Image.new("CMYK", (16, 16), (0, 90, 0, 0))
    profile = red_ink()[:place] + put + red_ink()[place + len(put) :]
    profile = profile[: max(1, int(keep * len(profile)))]
    assert decode_image(encoded(image, "JPEG", icc_profile=profile), "a").pixels.shape == (16, 16, 3)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    grey = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    pixels = decode_image(encoded(Image.fromarray(grey), "PNG"), "a").pixels
    assert np.array_equal(pixels[..., 0], np.round(grey / 257))
    rows = b"".join(b"\0" + np.repeat(row[:, None], 3, 1).astype(">u2").tobytes() for row in grey)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0))
    colour = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert np.abs(decode_image(colour, "a").pixels.astype(int) - np.round(grey / 257)[..., None]).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_picture(kind: str) -> None:
    more = [Image.new("RGB", (96, 64), shade) for shade in ("red", "blue")]
    data = encoded(Image.fromarray(picture()), kind, save_all=True, append_images=more, lossless=True)
    assert same(data, picture())


def test_small_pictures() -> None:
    assert decode_image(encoded(picture(1, 1), "PNG"), "a").pixels.shape == (1, 1, 3)
    assert decode_image(encoded(picture(8, 8), "JPEG"), "a").pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_follows_the_end_is_ignored(kind: str) -> None:
    data = encoded(picture(), kind)
    assert same(data + b"PK\3\4<html>\xff\xd8\xff\xd9", decode_image(data, "a").pixels)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (png_header(20_000, 20_000), "400 MP > limit 50 MP"),
        (png_header(11_000, 11_000), "121 MP > limit 50 MP"),
        (png_header(100_000, 100_000), "10000 MP > limit 50 MP"),
        (png_header(2_000_000_000, 2_000_000_000), "4000000000000 MP > limit 50 MP"),
        (jpeg().replace(struct.pack(">HH", 240, 320), struct.pack(">HH", 65500, 65500)), "4290.2 MP > limit 50 MP"),
        (b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f" + struct.pack("<I", 9459 | 9459 << 14) + bytes(9), "89.5 MP > "),
        (b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\xff\xff" * 2 + bytes(8), "281474976.7 MP > limit"),
        (png_header(16_385, 200), "a side of 16385 px > limit 16384 px"),
    ],
)
def test_size_is_read_from_the_header(data: bytes, cause: str) -> None:
    error = refusal(data)
    assert error.code == "E_TOOBIG"
    assert cause in error.cause


def test_the_limit_can_be_moved() -> None:
    data = encoded(picture(), "PNG")
    assert refusal(data, max_pixels=96 * 64 - 1).remedy == "--max-pixels raises it"
    assert decode_image(data, "a", max_pixels=96 * 64).width == 96


def test_the_limit_of_pillow_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above its own limit Pillow warns, and above twice that it refuses; ours is the one that a user can move."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 96 * 64 // 3)
    assert same(encoded(picture(), "PNG"), picture())
    assert decode_image(encoded(picture(), "JPEG"), "a").width == 96


@pytest.mark.parametrize(("width", "height"), [(1, 60_000), (60_000, 1), (101, 1)])
def test_strips(width: int, height: int) -> None:
    assert refusal(png_header(width, height)).code == "E_ASPECT"


def test_no_width() -> None:
    error = refusal(png_header(0, 0))
    assert (error.code, error.cause) == ("E_FORMAT", "zero width or height")


def test_empty_foreign_and_moving_files() -> None:
    assert refusal(b"").code == "E_EMPTY"
    assert "starts with 'this is'" in refusal(b"this is").cause
    assert refusal(random.Random(0).randbytes(200)).code == "E_FORMAT"
    assert "a video (MP4), not a photo" in refusal(b"\0\0\0\x20ftypisom").cause
    assert refusal(encoded(picture(), "GIF")).code == "E_FORMAT"
    assert refusal(encoded(Image.new("F", (8, 8), float("nan")), "TIFF")).code == "E_FORMAT"


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [100, 0.5, 0.97, -40])
def test_jpeg_cut(progressive: bool, size: float) -> None:
    data = jpeg(progressive)
    error = refusal(data[: int(size * len(data)) if isinstance(size, float) else size])
    assert error.code == "E_TRUNC"
    assert "bytes, image incomplete" in error.cause


def test_jpeg_that_lacks_only_its_end_mark() -> None:
    assert same(jpeg()[:-2], decode_image(jpeg(), "a").pixels)


@pytest.mark.parametrize("damage", ["zeros", "dropped", "third", "flips"])
def test_jpeg_damaged_inside(damage: str) -> None:
    """Pillow alone accepts nearly all of these."""
    whole, chance = jpeg(), random.Random(1)
    start = whole.rindex(b"\xff\xda") + 20
    for _ in range(8):
        data, place = bytearray(whole), chance.randrange(start, len(whole) - 520)
        if damage == "zeros":
            data[place : place + 512] = bytes(512)
        elif damage == "dropped":
            del data[place : place + 512]
        elif damage == "third":
            data[len(data) // 3 : 2 * len(data) // 3] = bytes(2 * len(data) // 3 - len(data) // 3)
        else:
            for _ in range(200):
                data[chance.randrange(start, len(whole) - 2)] ^= 1 << chance.randrange(8)
        assert refusal(bytes(data)).code in ("E_CORRUPT", "E_TRUNC")


def test_png_cut_or_changed() -> None:
    data = encoded(picture(), "PNG")
    assert refusal(data[: len(data) // 2]).code == "E_TRUNC"
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    error = refusal(bytes(changed))
    assert (error.code, error.cause) == ("E_CORRUPT", "checksum mismatch in the IDAT chunk")
    assert same(data[:-12], picture())
    short = data[:33] + chunk(b"IDAT", zlib.compress(bytes(96))) + chunk(b"IEND", b"")
    assert refusal(short).code == "E_TRUNC"
    assert refusal(data[:33] + chunk(b"IDAT", b"no zlib") + chunk(b"IEND", b"")).code == "E_CORRUPT"
    assert refusal(data[:8] + data[33:]).code == "E_CORRUPT"


def test_webp_cut_or_changed() -> None:
    data = encoded(picture(), "WEBP")
    assert refusal(data[: len(data) // 2]).code == "E_TRUNC"
    assert refusal(data[:20] + bytes(len(data) - 20)).code in ("E_CORRUPT", "E_FORMAT")


def test_metadata_never_reaches_the_decoder() -> None:
    """Chunks that inflate to 64 MB, which Pillow refuses with a `ValueError`."""
    data = encoded(picture(), "PNG")
    bomb = zlib.compress(bytes(64 * 2**20))
    text, profile = chunk(b"zTXt", b"a\0\0" + bomb), chunk(b"iCCP", b"a\0\0" + bomb)
    assert same(data[:33] + text + profile + chunk(b"acTL", b"\0") + data[33:], picture())
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "x" * 2**21, zip=True)
    assert same(encoded(picture(), "PNG", pnginfo=info), picture())


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP"]), share=st.floats(0, 1, exclude_max=True))
def test_cut_anywhere_a_picture_is_right_or_refused(kind: str, share: float) -> None:
    data = encoded(picture(), kind)
    try:
        pixels = decode_image(data[: int(share * len(data))], "a").pixels
    except InputError:
        return
    assert np.array_equal(pixels, decode_image(data, "a").pixels)


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP"]),
    place=st.floats(0, 1, exclude_max=True),
    put=st.binary(max_size=40),
)
def test_changed_anywhere_nothing_but_a_refusal(kind: str, place: float, put: bytes) -> None:
    data = encoded(picture(), kind)
    start = int(place**3 * len(data))  # mostly in the headers
    with suppress(InputError):
        decode_image(data[:start] + put + data[start + len(put) :], "a", max_pixels=1_000_000)


# --- writing ----------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(width=st.integers(1, 40), height=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_png_keeps_every_pixel(tmp_path_factory: pytest.TempPathFactory, width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path = tmp_path_factory.mktemp("round") / "a.png"
    write_image(pixels, path)
    assert np.array_equal(read_image(path).pixels, pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".webp"])
def test_jpeg_and_webp_stay_close(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(picture()[:, ::-1], path)
    assert np.abs(read_image(path).pixels.astype(int) - picture()[:, ::-1]).mean() < 6


def test_what_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"end the name in one of \.png"):
        write_image(picture(), tmp_path / "a.bmp")
    with pytest.raises(ValueError, match="uint8"):
        write_image(picture().astype(float), tmp_path / "a.png")
    write_image(picture(), tmp_path / "a.png")
    with pytest.raises(OutputError, match="E_EXISTS"):
        write_image(picture(), tmp_path / "a.png")
    write_image(picture(), tmp_path / "a.png", overwrite=True)
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_picture_says_what_it_is(tmp_path: Path, suffix: str) -> None:
    path, words = tmp_path / f"a{suffix}", "generated by mien, « 生成 »"
    write_image(picture(), path, comment=words)
    with Image.open(path) as image:
        said = image.info["Comment"] if suffix == ".png" else image.getexif()[ExifTags.Base.ImageDescription]
    assert said == words if suffix == ".png" else said.startswith("generated by mien, ")
    bare = tmp_path / f"bare{suffix}"
    write_image(picture(), bare)
    assert b"generated" not in bare.read_bytes()
    assert (read_image(path).pixels == read_image(bare).pixels).all()
