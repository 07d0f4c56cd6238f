from contextlib import suppress
from io import BytesIO

import pytest
from made_hostile import face, jpeg
from PIL import Image

from mien.core.errors import InputError
from mien.formats.images import decode_photo
from mien.formats.jpeg_scans import has_every_pass


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
