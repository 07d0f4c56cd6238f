import builtins
import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from made_hostile import encoded, face
from PIL import Image

from mien.core.errors import InputError
from mien.formats.images import decode_photo


def heic(orientation: int = 1) -> bytes:
    """A HEIC of the face."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    pillow_heif.from_pillow(Image.fromarray(face())).save(file, quality=95, exif=exif.tobytes())
    return file.getvalue()


def avif(orientation: int = 1) -> bytes:
    """An AVIF of the face."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(face(), "AVIF", quality=95, exif=exif)


MAKERS = {"HEIC": heic, "AVIF": avif}


@pytest.mark.parametrize("kind", MAKERS)
def test_it_is_read(kind: str) -> None:
    photo = decode_photo(MAKERS[kind](), "a")
    assert np.abs(photo.frame.pixels.astype(int) - face()).mean() < 4
    assert photo.notes == ()


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_it_is_turned_once(kind: str, orientation: int) -> None:
    wanted = np.rot90(face(), {3: 2, 6: -1, 8: 1}[orientation])
    pixels = decode_photo(MAKERS[kind](orientation), "a").frame.pixels
    assert pixels.shape == wanted.shape
    assert np.abs(pixels.astype(int) - wanted).mean() < 4


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_it_is_refused(kind: str, share: float) -> None:
    data = MAKERS[kind]()
    with pytest.raises(InputError, match="E_TRUNC"):
        decode_photo(data[: int(len(data) * share)], "a")


@pytest.mark.parametrize("kind", MAKERS)
def test_its_size_is_read_from_the_header(kind: str) -> None:
    data = MAKERS[kind]().replace(struct.pack(">II", 240, 200), struct.pack(">II", 20_000, 20_000))
    with pytest.raises(InputError, match="E_TOOBIG: 400 MP > limit 50 MP"):
        decode_photo(data, "a")
    with pytest.raises(InputError, match="E_CORRUPT: the header says no size"):
        decode_photo(MAKERS[kind]().replace(b"ispe", b"xxxx"), "a")


@pytest.mark.parametrize("kind", MAKERS)
def test_what_follows_it_is_ignored(kind: str) -> None:
    data = MAKERS[kind]()
    assert (decode_photo(data + b"PK\3\4<html>", "a").frame.pixels == decode_photo(data, "a").frame.pixels).all()


@pytest.mark.parametrize("kind", MAKERS)
def test_zeros_are_refused(kind: str) -> None:
    data = MAKERS[kind]()
    start = data.index(b"mdat") + 4
    with pytest.raises(InputError, match="E_CORRUPT"):
        decode_photo(data[:start] + bytes(len(data) - start), "a")


def test_without_the_extra_it_says_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., object] = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == "pillow_heif":
            raise ImportError
        return real(name, *rest, **more)

    data = heic()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r'E_FORMAT: HEIC needs pillow-heif.*pip install "mien\[heif\]"'):
        decode_photo(data, "a")
