"""Overlays of faces and clips, to be looked at by eye: no figure sees what an eye sees."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.progress import track

from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.formats.images import read_image, write_image
from mien.formats.video import VideoReader
from mien.imaging.draw import draw_overlay
from mien.pipelines.capture import Capturer

PEOPLE = ("061", "067", "082", "091")
MOODS = ("neutral", "smiling")
FROM_A_VIDEO = 3

Named = tuple[str, Frame, list[FaceReading]]


def stills(data: Path, capturer: Capturer) -> Iterator[Named]:
    """The astronaut, the group, and four people twice."""
    # Only this script needs scikit-image, and only for its portrait.
    from skimage.data import astronaut

    portrait = astronaut()  # type: ignore[no-untyped-call]
    yield "astronaut", *next(capturer.stream([Frame(np.ascontiguousarray(portrait))]))
    names = ["multi_face", *(f"london-{person}-{mood}" for person in PEOPLE for mood in MOODS)]
    for name in names:
        yield name, *next(capturer.stream([read_image(data / "photos" / f"{name}.jpg")]))


def moments(file: Path, capturer: Capturer) -> Iterator[Named]:
    """Frames spread over a video, each followed up to from the first."""
    with VideoReader(file) as video:
        count = video.frame_count or FROM_A_VIDEO
        wanted = {count * (2 * place + 1) // (2 * FROM_A_VIDEO) for place in range(FROM_A_VIDEO)}
        for frame, readings in capturer.stream(video):
            if frame.index in wanted:
                yield f"{file.stem}-{frame.index:04d}", frame, readings
            if frame.index >= max(wanted):
                return


def main(data: Path, output: Annotated[Path, tyro.conf.arg(aliases=["-o"])], limit: int | None = None) -> None:
    """Write overlays of photos and video frames.

    Args:
        data: Folder with photos and videos.
        output: Folder for the pictures, made when it is not there; older ones of the same name are replaced.
        limit: Videos; all of them when not given.
    """
    output.mkdir(parents=True, exist_ok=True)
    capturer = Capturer()
    videos = sorted(file for file in (data / "videos").iterdir() if file.suffix in (".mp4", ".mov"))[:limit]
    sources = [stills(data, capturer), *(moments(file, capturer) for file in videos)]
    for source in track(sources, "drawing", transient=True):
        for name, frame, readings in source:
            drawn = draw_overlay(frame, readings, capturer.shape.triangles, capturer.camera(frame))
            write_image(drawn, output / f"{name}.png", overwrite=True)
    print(f"wrote {output}")


if __name__ == "__main__":
    tyro.cli(main)
