"""What an edit takes and what it leaves alone: a large photo, a video, still pixels, folds, and the seal."""

import tempfile
import time
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from PIL import Image
from rich.progress import track

from mien.compose.edit_options import EditOptions
from mien.compose.edit_video import edit_video
from mien.compose.edits import edit_photo
from mien.core.errors import InputError
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.data.packs import read_photos
from mien.formats.images import read_image
from mien.formats.provenance import Standing, inspect
from mien.formats.video_writer import VideoWriter
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import Editor
from mien.rig.wishes import Change, Wish

SIDE = 3464
"""Pixels along a side of a photo of 12 megapixels."""
FRAMES = 60
SLIDERS = (
    *("mouthSmile", "jawOpen", "browInnerUp", "browDown", "eyeBlink", "eyeWide", "mouthPucker", "mouthFrown"),
    *("mouthFunnel", "mouthUpperUp", "mouthStretch", "cheekPuff", "noseSneer"),
)
WISH = Wish((Change.parse("mouthSmile=0.6"), Change.parse("jawOpen=0.25")))


def photo(data: Path, folder: Path) -> float:
    """Seconds from a 12-megapixel JPEG to an edited one, signed."""
    small = Image.fromarray(read_image(data / "photos" / "london-104-neutral.jpg").pixels)
    grain = np.random.default_rng(0).normal(0, 3, (SIDE, SIDE, 3))
    large = np.clip(np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) + grain, 0, 255)
    source = folder / "large.jpg"
    Image.fromarray(large.astype(np.uint8)).save(source, quality=92)
    edit_photo(source, folder / "warm.jpg", WISH)
    begun = time.perf_counter()
    edit_photo(source, folder / "edited.jpg", WISH)
    return time.perf_counter() - begun


def video(data: Path, folder: Path) -> float:
    """Frames a second of a 720p video, file to file."""
    still = read_image(data / "photos" / "london-104-neutral.jpg")
    canvas = np.full((720, 1280, 3), 90, np.uint8)
    canvas[23:698, 302:977] = still.pixels
    source = folder / "clip.mp4"
    with VideoWriter(source, 1280, 720, 30.0) as writer:
        for k in range(FRAMES):
            writer.write(np.roll(canvas, k % 20, axis=1))
    begun = time.perf_counter()
    done = edit_video(source, folder / "edited.mp4", WISH)
    return done.frames / (time.perf_counter() - begun)


def untouched(data: Path, count: int) -> tuple[float, float, int, int, int]:
    """Mean and worst fold-over of single sliders at .6, pixels changed outside masks, and by all-zero edits; edits."""
    capturer, editor = Capturer(CaptureOptions(face=FaceChoice(largest=True))), Editor()
    folds, outside, zero = [], 0, 0
    for pack in read_photos(data)[0]:
        for index in track(pack.indices("val")[: -(-count // 3)], pack.name, transient=True):
            frame = Frame(pack.pictures.rgb(int(index)))
            _, readings = next(iter(capturer.stream([frame])))
            for reading in readings:
                now = reading.state.expression.weights
                try:
                    for name in SLIDERS:
                        edited = editor.edit(frame, reading, Wish((Change(name, "+=", 0.6),)).of(now))
                        folds.append(edited.folded)
                        outside += int(((edited.pixels != frame.pixels).any(2) & ~edited.mask).sum())
                    zero += int((editor.edit(frame, reading, Wish().of(now)).pixels != frame.pixels).sum())
                except InputError:
                    continue
    return float(np.mean(folds)), float(np.max(folds)), outside, zero, len(folds)


def sealed(data: Path, folder: Path) -> tuple[float, float]:
    """Shares of signed files that are found whole, and of those with a flipped bit that are found changed."""
    source = data / "photos" / "london-104-neutral.jpg"
    whole, told, flips = 0, 0, 0
    for suffix in (".jpg", ".png", ".webp"):
        output = folder / f"sealed{suffix}"
        edit_photo(source, output, WISH, EditOptions())
        whole += inspect(output).standing is Standing.HERE
        content = output.read_bytes()
        for place in np.random.default_rng(1).integers(0, len(content), 40):
            changed = bytearray(content)
            changed[place] ^= 1
            flipped = folder / f"flipped{suffix}"
            flipped.write_bytes(changed)
            try:
                told += inspect(flipped).standing is not Standing.HERE
            except InputError:
                told += 1
            flips += 1
    return whole / 3, told / flips


def main(data: Path, count: int = 60, ledger: bool = False) -> None:
    """Measure what an edit takes and what it leaves alone.

    Args:
        data: folder with the packs and `photos`.
        count: validation photos for folds and still pixels.
        ledger: append the report to the ledger.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        seconds, rate = photo(data, folder), video(data, folder)
        whole, told = sealed(data, folder)
    mean, worst, outside, zero, edits = untouched(data, count)
    rows = (
        Row("12 MP JPEG to JPEG, whole edit, signed", seconds, "s", "<= 2.5", "<= 0.8"),
        Row("720p video", rate, "frames/s", ">= 8", ">= 30"),
        Row("manifests found valid", whole, "of all", ">= 1", ">= 1"),
        Row("flipped bits detected", told, "of all", ">= 1", ">= 1"),
        Row(f"folded over, mean of {edits} edits", 100 * mean, "%", "<= 0.1", "<= 0"),
        Row("folded over, worst edit", 100 * worst, "%"),
        Row("pixels changed outside the mask", outside, "", "<= 0", "<= 0"),
        Row("values changed by edits of nothing", zero, "", "<= 0", "<= 0"),
    )
    publish(Report("What an edit takes and leaves alone", command(data, None, f"--count {count}"), rows), ledger)


if __name__ == "__main__":
    tyro.cli(main)
