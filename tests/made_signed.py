"""Small pictures and a film of every format that is signed, and identities to sign them with."""

from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from mien.core.arrays import Array
from mien.formats.claim import Claim, ModelUsed
from mien.formats.provenance import sign
from mien.formats.signing import SigningIdentity, own_identity
from mien.formats.video import VideoWriter

FORMATS = (".jpg", ".png", ".webp", ".mp4")
CLAIM = Claim(("mouthSmileLeft = 0.7", "jawOpen + 0.2"), "a" * 64, (ModelUsed("mouth", "b" * 64),))


def identity(name: str = "mine") -> SigningIdentity:
    """The same for the same name, of a computer of its own."""
    return _made(name)


@cache
def _made(name: str) -> SigningIdentity:
    with TemporaryDirectory() as folder:
        return own_identity(Path(folder) / name)


def grain(width: int = 40, height: int = 24, seed: int = 0, channels: int = 3) -> Array:
    """[H, W, channels] uint8, coarse noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, channels), np.uint8)
    return noise.repeat(8, 0).repeat(8, 1)[:height, :width]


@cache
def plain(suffix: str) -> bytes:
    """A small file of that format, without a statement."""
    if suffix == ".mp4":
        with TemporaryDirectory() as folder:
            path = Path(folder) / "a.mp4"
            with VideoWriter(path, 32, 32, 25.0) as writer:
                for seed in range(3):
                    writer.write(grain(32, 32, seed))
            return path.read_bytes()
    file = BytesIO()
    Image.fromarray(grain()).save(file, {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[suffix])
    return file.getvalue()


@cache
def signed(suffix: str, source: bool = True, name: str = "mine") -> bytes:
    """The same with a statement: an edit of itself, or made from nothing."""
    return signed_from(suffix, plain(suffix) if source else None, name)


def signed_from(suffix: str, source: bytes | None, name: str = "mine") -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(plain(suffix))
        sign(path, CLAIM, identity(name), source)
        assert [each.name for each in Path(folder).iterdir()] == [path.name]
        return path.read_bytes()
