"""How much damage in photos and videos is noticed, and whether whole ones are ever refused."""

import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import av
import tyro
from av.error import FFmpegError
from ledger import command, publish
from PIL import Image

from mien.core.errors import InputError
from mien.core.report import Report, Row
from mien.formats.images import decode_image
from mien.formats.video import VideoReader

COUNT = 200
CLIP = "driving-d19.mp4"

Damage = Callable[[bytearray, int], None]


def zero(data: bytearray, place: int) -> None:
    data[place : place + 512] = bytes(512)


def drop(data: bytearray, place: int) -> None:
    del data[place : place + 512]


def flip(data: bytearray, place: int) -> None:
    data[place] ^= 1 << place % 8


KINDS: tuple[tuple[str, dict[str, object], bytes], ...] = (
    ("JPEG", {"quality": 88}, b"\xff\xda"),
    ("JPEG, progressive", {"quality": 88, "progressive": True}, b"\xff\xda"),
    ("PNG", {}, b"IDAT"),
)
FLOORS = {("JPEG", "512"): ">= 0.99", ("JPEG, progressive", "512"): ">= 0.6", ("PNG", "512"): ">= 0.995"}


def is_refused(data: bytes) -> bool:
    """Whether a photo is not read."""
    try:
        decode_image(data, "a")
    except InputError:
        return True
    return False


def photos(folder: Path, count: int) -> list[Row]:
    """Rows about photos that are damaged inside, cut, and whole."""
    files = sorted(folder.glob("*.jpg"))
    rows, chance, whole = [], random.Random(0), [is_refused(file.read_bytes()) for file in files]
    for name, options, mark in KINDS:
        noticed: dict[str, list[bool]] = {"512": [], "bit": [], "cut": []}
        for k in range(count):
            # At a size that no file has, so that each comes out of the encoder anew.
            side = chance.randrange(200, 500)
            file = BytesIO()
            Image.open(files[k % len(files)]).convert("RGB").resize((side, side)).save(
                file, name.split(",")[0], **options
            )
            data = file.getvalue()
            whole.append(is_refused(data))
            place = chance.randrange(data.index(mark) + 20, len(data) - 540)
            ways: tuple[tuple[str, Damage], ...] = (("512", zero if k % 2 else drop), ("bit", flip))
            for what, damage in ways:
                damaged = bytearray(data)
                damage(damaged, place)
                noticed[what].append(is_refused(bytes(damaged)))
            noticed["cut"].append(is_refused(data[: chance.randrange(1, len(data) - 16)]))
        words = {"512": "512 bytes zeroed or dropped", "bit": "one bit turned over", "cut": "cut anywhere"}
        for what, found in noticed.items():
            floor = ">= 1" if what == "cut" else FLOORS.get((name, what))
            rows.append(Row(f"{name}, {words[what]}: refused", sum(found) / len(found), "share", floor))
    rows.append(Row(f"whole photos refused, of {len(whole)}", sum(whole), "", "<= 0"))
    return rows


def careful(path: Path) -> int:
    """Frames that a loop over packets gets out of a video which goes on after every error."""
    frames = 0
    try:
        opened = av.open(path)
    except FFmpegError:
        return 0
    with opened as container:
        packets = container.demux(container.streams.video[0])
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:
                continue
            if packet is None:
                return frames
            with suppress(FFmpegError):
                frames += len(packet.decode())


def spoiled(sound: bytes, way: int, chance: random.Random) -> bytes:
    """A video with 300 bits turned over, with 20 blocks of zeros, or cut short."""
    data = bytearray(sound)
    start = sound.index(b"mdat") + 64
    end = min(start + len(sound) * 3 // 4, len(sound) - 512)
    if way == 2:
        return sound[: chance.randrange(end // 4, len(sound))]
    for _ in range((300, 20)[way]):
        (flip, zero)[way](data, chance.randrange(start, end))
    return bytes(data)


def videos(clip: Path, count: int) -> list[Row]:
    """Rows about a video that is damaged inside or cut short."""
    with VideoReader(clip) as video:
        promised = sum(1 for _ in video)
    sound, chance = clip.read_bytes(), random.Random(0)
    enough = told = lossy = refused = 0
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.mp4"
        for k in range(count):
            path.write_bytes(spoiled(sound, k % 3, chance))
            got, said = 0, False
            try:
                with VideoReader(path) as video:
                    got = sum(1 for _ in video)
                    said = video.damaged + video.concealed > 0
            except InputError:
                refused, said = refused + 1, True
            loop = careful(path)
            enough += got >= loop
            lossy += got < promised
            told += got < promised and said
    return [
        Row(f"damaged videos, of {count}, that give no fewer frames than a careful loop", enough, "", f">= {count}"),
        Row(f"of {lossy} that lost frames ({refused} of them all): said", told, "", f">= {lossy}"),
    ]


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Damage photos and videos, and see whether it is noticed.

    Args:
        data: Folder with photos and videos.
        limit: So many of each kind; 200 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    count = limit or COUNT
    rows = photos(data / "photos", count) + videos(data / "videos" / CLIP, count // 4)
    notes = ("Of a JPEG nothing but the bits of the picture is damaged; headers are what tests damage.",)
    publish(Report("Damage", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
