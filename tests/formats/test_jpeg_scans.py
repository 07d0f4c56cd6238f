from contextlib import suppress
from io import BytesIO

import pytest
from made_hostile import face, jpeg
from PIL import Image

from mien.core.errors import InputError
from mien.formats.images import decode_photo
from mien.formats.jpeg_scans import has_every_pass, has_hole


def test_a_whole_picture_has_every_pass_and_one_without_its_last_has_not() -> None:
    data = jpeg(True)
    assert has_every_pass(data)
    starts = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    assert len(starts) > 5
    for start in starts:
        assert not has_every_pass(data[:start])
    assert not has_every_pass(jpeg())  # no progressive one
    assert not has_every_pass(b"\xff\xd8")


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_missing_end_alone_is_let_through_and_noted(mode: str) -> None:
    file = BytesIO()
    Image.fromarray(face()).convert(mode).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    whole, open_ended = decode_photo(data, "a"), decode_photo(data[:-2], "a")
    assert (whole.frame.pixels == open_ended.frame.pixels).all()
    assert [note.code for note in open_ended.notes] == ["missing_eoi"]


def test_a_picture_cut_anywhere_else_is_refused() -> None:
    data = jpeg(True)
    for share in range(40, 100):
        with pytest.raises(InputError, match="E_TRUNC"):
            decode_photo(data[: len(data) * share // 100], "a")
    whole = decode_photo(data, "a").frame.pixels
    for short in range(3, 40):  # the last bits may be filling
        with suppress(InputError):
            assert (decode_photo(data[:-short], "a").frame.pixels == whole).all()


def saved(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("optimize", [False, True])
def test_a_flat_picture_has_no_hole(mode: str, optimize: bool) -> None:
    for shade in ("black", "white", "red"):
        flat = Image.new("RGB", (2000, 1500), shade).convert(mode)
        data = saved(flat, optimize=optimize)
        assert not has_hole(data)
        assert decode_photo(data, "a").notes == ()
    half = Image.new("RGB", (2000, 1500))
    half.paste(Image.fromarray(face()).resize((1000, 1500)), (1000, 0))
    assert not has_hole(saved(half.convert(mode), optimize=optimize))


def test_a_block_of_zeros_is_a_hole() -> None:
    data = jpeg()
    place = data.index(b"\xff\xda") + 1000
    spoiled = data[:place] + bytes(512) + data[place + 512 :]
    assert has_hole(spoiled)
    assert not has_hole(data)
    with pytest.raises(InputError, match="E_CORRUPT"):
        decode_photo(spoiled, "a")
