"""Frames to an MP4, all or nothing."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from os import fspath
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from mien.core.arrays import Array
from mien.core.errors import UsageError
from mien.formats.files import StrPath, replacing
from mien.formats.sound import Sound

_TICKS = 90_000
"""Ticks of the written clock in a second; a frame at 24, 25, 30, 50, 60 or 29.97 a second lasts a whole number."""


class VideoWriter:
    """An H.264 MP4 (yuv420p, BT.709) that appears at its path when the `with` block ends without an error.

    Odd sizes grow by one pixel, right and below, that repeats the edge: the format has no others.

    Args:
        path: where the video goes; must end in .mp4.
        width: of the pictures, pixels.
        height: likewise.
        frame_rate: frames a second, for frames written without a time.
        overwrite: whether a file that is there already may be replaced.
        comment: what the file says about itself, in its metadata.
        seal: what is done to the finished file before it gets its name, as `provenance.sealing` makes.
        sound: what is heard, from the first picture on and no longer than the pictures, or None.

    Raises:
        UsageError: E_FORMAT, the path does not end in .mp4.
        OutputError: what `replacing` raises, on entering and on leaving.
        ValueError: a size or rate not above 0; on leaving, when no frame was written.
    """

    def __init__(
        self,
        path: StrPath,
        width: int,
        height: int,
        frame_rate: float,
        overwrite: bool = False,
        comment: str = "",
        seal: Callable[[Path], None] | None = None,
        sound: Sound | None = None,
    ) -> None:
        if not (width > 0 and height > 0 and math.isfinite(frame_rate) and frame_rate > 0):
            raise ValueError(f"width, height and frame_rate must be above 0, got {width}, {height}, {frame_rate}")
        if Path(path).suffix.lower() != ".mp4":
            raise UsageError(path, "E_FORMAT", "videos are written as MP4 only", "end the name in .mp4")
        self.path = fspath(path)
        self.width, self.height = width, height
        self.frame_rate = frame_rate
        self._overwrite = overwrite
        self._comment = comment
        self._seal = seal
        self._sound = sound
        self._written = 0
        self._origin = 0.0
        self._last_tick = -1
        self._reformatter = VideoReformatter()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self.path, self._overwrite))
            stack.enter_context(self._sealed(temporary))
            # A file object, not a name: FFmpeg would read patterns and protocols into a name.
            file = stack.enter_context(temporary.open("wb"))
            self._container = av.open(file, "w", format="mp4")
            stack.push(self._finish)
            if self._comment:
                self._container.metadata["comment"] = self._comment
            rate = Fraction(self.frame_rate).limit_denominator(1001)
            # Without its macroblock tree: with it, x264 gives other bytes now and then where processors have AVX-512.
            options = {"crf": "18", "preset": "veryfast", "x264-params": "mbtree=0"}
            self._stream = self._container.add_stream("libx264", rate=rate, options=options)
            self._stream.width, self._stream.height = self.width + self.width % 2, self.height + self.height % 2
            self._stream.pix_fmt = "yuv420p"
            coder = self._stream.codec_context
            coder.time_base = Fraction(1, _TICKS)
            coder.colorspace, coder.color_range = int(Colorspace.ITU709), int(ColorRange.MPEG)
            coder.color_primaries, coder.color_trc = int(ColorPrimaries.BT709), int(ColorTrc.BT709)
            if self._sound is not None:
                self._sound.join(self._container)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, pixels: Array, time: float | None = None) -> None:
        """Append one picture.

        Args:
            pixels: [height, width, 3] RGB uint8.
            time: seconds on any clock, later than that of the picture before; None for the frame rate's own pace.

        Raises:
            ValueError: another shape or type, or a time that is not finite.
        """
        if pixels.shape != (self.height, self.width, 3) or pixels.dtype != np.uint8:
            wanted = f"uint8 of shape [{self.height}, {self.width}, 3]"
            raise ValueError(f"pixels must be {wanted}, got {pixels.dtype} {list(pixels.shape)}")
        if time is not None and not math.isfinite(time):
            raise ValueError("time must be finite")
        if time is not None and self._written == 0:
            self._origin = time
        seconds = self._written / self.frame_rate if time is None else time - self._origin
        self._last_tick = max(self._last_tick + 1, round(seconds * _TICKS))
        if self.height % 2 or self.width % 2:
            pixels = np.pad(pixels, ((0, self.height % 2), (0, self.width % 2), (0, 0)), "edge")
        rgb = VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), "rgb24")
        frame = self._reformatter.reformat(
            rgb, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = self._last_tick, Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(frame))
        self._written += 1
        self._hear(self._last_tick / _TICKS)

    def _hear(self, time: float) -> None:
        """Writes what sounds before a time."""
        if self._sound is not None:
            for packet in self._sound.until(time):
                self._container.mux(packet)

    @contextmanager
    def _sealed(self, temporary: Path) -> Iterator[None]:
        """Seals the file once it is written and closed, when nothing went wrong."""
        yield
        if self._seal is not None:
            self._seal(temporary)

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            with suppress(FFmpegError, OSError, ValueError):  # the file is about to be thrown away
                self._container.close()
            return
        if self._written == 0:
            self._container.close()
            raise ValueError(f"no frame was written to {self.path}")
        self._container.mux(self._stream.encode(None))
        self._hear(self._last_tick / _TICKS + 1 / self.frame_rate)
        self._container.close()
