from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from mien.formats.exif import kept_exif, upright_exif

SECRETS = ("SN-123456", "Erika", "REMARK", "MAKERNOTE", "UNIQUE")


def block(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Camera", orientation
    exif[ExifTags.Base.Copyright], exif[ExifTags.Base.HostComputer] = "a photographer", "Erika's phone"
    exif[ExifTags.Base.XPAuthor] = "Erika".encode("utf-16-le")
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.ExposureTime], details[ExifTags.Base.ISOSpeedRatings] = 0.01, 400
    details[ExifTags.Base.DateTimeOriginal], details[ExifTags.Base.LensModel] = "2024:05:01 12:00:00", "50 mm"
    details[ExifTags.Base.BodySerialNumber] = details[ExifTags.Base.LensSerialNumber] = "SN-123456"
    details[ExifTags.Base.CameraOwnerName], details[ExifTags.Base.UserComment] = "Erika", b"REMARK"
    details[ExifTags.Base.MakerNote], details[ExifTags.Base.ImageUniqueID] = b"MAKERNOTE", "UNIQUE"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.5)
    return exif.tobytes().removeprefix(b"Exif\0\0")


def read(exif: bytes) -> Image.Exif:
    found = Image.Exif()
    found.load(b"Exif\0\0" + exif)
    return found


def test_what_describes_the_picture_stays() -> None:
    kept = read(kept_exif(block()))
    details = kept.get_ifd(ExifTags.IFD.Exif)
    assert kept[ExifTags.Base.Make] == "Camera"
    assert kept[ExifTags.Base.Copyright] == "a photographer"
    assert float(details[ExifTags.Base.ExposureTime]) == 0.01
    assert details[ExifTags.Base.DateTimeOriginal] == "2024:05:01 12:00:00"
    assert details[ExifTags.Base.LensModel] == "50 mm"
    assert ExifTags.Base.Orientation not in kept


def test_who_and_where_goes() -> None:
    kept = kept_exif(block())
    assert not any(secret.encode() in kept for secret in SECRETS)
    assert "Erika".encode("utf-16-le") not in kept
    assert dict(read(kept).get_ifd(ExifTags.IFD.GPSInfo)) == {}
    assert any(secret.encode() in block() for secret in SECRETS)


def test_orientation_is_told_anew() -> None:
    assert read(kept_exif(block(), 8))[ExifTags.Base.Orientation] == 8
    assert read(kept_exif(b"", 3))[ExifTags.Base.Orientation] == 3
    assert kept_exif(b"") == b""


def test_a_whole_block_changes_its_orientation_only() -> None:
    whole = upright_exif(block(6))
    assert ExifTags.Base.Orientation in read(whole)
    assert read(whole)[ExifTags.Base.Orientation] == 1
    assert b"SN-123456" in whole
    assert len(whole) == len(block())
    assert upright_exif(b"garbage") == b""


@given(st.binary(max_size=80), st.integers(0, 400))
def test_damaged_blocks_do_no_harm(put: bytes, place: int) -> None:
    data = block()
    damaged = data[:place] + put + data[place + len(put) :]
    for kept in (kept_exif(damaged), upright_exif(damaged), kept_exif(put), kept_exif(damaged[:place])):
        assert kept_exif(kept) == kept or kept == upright_exif(damaged)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for order in (b"II*\0", b"MM\0*"):
        kept_exif(order + data)
        upright_exif(order + data)
