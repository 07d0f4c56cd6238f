"""Videos: MP4, Matroska/WebM and AVI to a stream of upright frames; `VideoWriter` is at home next door.

A video is never held in memory: frames come and go one by one. The file is opened by us and the demuxer is forced by
its first bytes, so no playlist, address or name pattern is ever followed. Times are the video's own.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from os import SEEK_END, fspath
from types import TracebackType
from typing import BinaryIO, Self, cast

import numpy as np
from av.container import InputContainer
from av.error import EOFError as EndOfStream
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.image import Frame
from mien.formats.bare import MAX_PIXELS, check_size
from mien.formats.containers import open_container, video_kind
from mien.formats.files import MediaKind, StrPath, open_regular
from mien.formats.video_writer import VideoWriter

__all__ = ["VideoReader", "VideoWriter"]

_MOST_READ_ERRORS = 100
"""Errors of the demuxer after which a video counts as ended."""


_ROUNDED = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""How FFmpeg is to make colours of brightness and differences; without being told it cuts what it should round."""


class VideoReader:
    """A video, read once from start to end; a context manager, and an iterable of its frames.

    Damaged packets are skipped and counted; the times of the frames around them stay right.

    Attributes:
        source: the path as given.
        width: of the upright picture, pixels.
        height: likewise.
        frame_rate: mean frames a second as the container says, or None.
        frame_count: how many frames the container says there are, or None; not always what is read.
        start_timecode: `HH:MM:SS:FF` of the first frame, or None.
        decoded: frames yielded so far.
        damaged: packets that gave no picture so far; complete, with those the file lacks, once the iteration ended.
        concealed: frames so far of which the decoder says that it guessed a part; they are among the `decoded`.

    Args:
        path: the file.
        max_pixels: the most pixels that a frame may have.
        max_frames: the most frames that it may have, or None for any number.
        exact: whether colours are rounded, for frames that are written again; else they are a level too dark, and read
            in two thirds of the time.

    Raises:
        InputError: at birth: what `open_regular` and `kind_of` raise; E_FORMAT for a photo; E_TRUNC without an index;
            E_NOVIDEO without a picture track or anything in it; E_CODEC; E_TOOBIG and E_ASPECT; E_CORRUPT when no
            frame can be decoded. While iterating: E_FORMAT when the size of the picture changes, E_TOOBIG when there
            are more frames than the container says and `max_frames` allows.
    """

    def __init__(
        self, path: StrPath, max_pixels: int = MAX_PIXELS, max_frames: int | None = None, exact: bool = False
    ) -> None:
        self.source = fspath(path)
        self._most, self._colours = max_frames, _ROUNDED if exact else None
        self.decoded = self.damaged = self.concealed = 0
        self._packets = 0
        with ExitStack() as stack:
            file = stack.enter_context(open_regular(path))
            kind = video_kind(file, self.source)
            cut = kind is MediaKind.MATROSKA and _is_cut_matroska(file)
            container = open_container(file, kind, self.source)
            stack.callback(container.close)
            stream = _picture_track(container, self.source, max_pixels)
            self.frame_count: int | None = stream.frames or None
            rate = stream.average_rate or stream.guessed_rate
            self.frame_rate: float | None = float(rate) if rate else None
            self.start_timecode = _timecode(container)
            self._promised = self._count_promised(kind, cut, container, stream)
            self._check_count(max(self.frame_count or 0, self._promised))
            # An AVI stamps frames in the order they are decoded, which with B-frames is not the order they are seen.
            self._clock = _Clock(None if kind is MediaKind.AVI else stream.time_base, self.frame_rate)
            # Only a frame knows how it is turned, and only decoding one shows that the video can be read.
            pictures = self._decode(container, stream)
            stack.callback(pictures.close)
            first = next(pictures, None)
            if first is None:
                raise self._nothing_decoded()
            check_size(first.width, first.height, self.source, max_pixels)
            turn = _Turn(first)
            self.width, self.height = (first.height, first.width) if turn.transposed else (first.width, first.height)
            self._frames = self._upright_frames(first, pictures, turn)
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; the frames not yet read are given up."""
        self._frames.close()
        self._open.close()

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order, each once: pixels [height, width, 3], seconds from the first frame, index from 0.

        A second loop goes on where the first one stopped.
        """
        return self._frames

    def _upright_frames(
        self, first: VideoFrame, pictures: Iterator[VideoFrame], turn: "_Turn"
    ) -> Generator[Frame, None, None]:
        reformatter = VideoReformatter()
        picture: VideoFrame | None = first
        while picture is not None:
            if (picture.width, picture.height) != (first.width, first.height):
                cause = f"resolution changes at frame {self.decoded}"
                raise InputError(self.source, "E_FORMAT", cause, "re-encode it at one resolution")
            try:
                pixels = reformatter.reformat(picture, format="rgb24", interpolation=self._colours).to_ndarray()
            except (FFmpegError, ValueError):
                self.damaged += 1
            else:
                time, index = self._clock.read(picture.pts), self.decoded
                self.decoded += 1
                self._check_count(self.decoded)
                self.concealed += picture.is_corrupt
                yield Frame(turn.upright(pixels), time, index)
            picture = next(pictures, None)
        self.damaged += max(0, self._promised - self._packets)

    def _decode(self, container: InputContainer, stream: VideoStream) -> Generator[VideoFrame, None, None]:
        """Every picture that can be had, past all damage."""
        for packet in self._demux(container, stream):
            ending = packet.dts is None and packet.pts is None and packet.size == 0
            if not ending:
                self._packets += 1
                if packet.size == 0:
                    self._clock.skip()
                    continue  # "as before" in an AVI; the decoder would take it for the end
            try:
                yield from packet.decode()
            except EndOfStream:
                return
            except FFmpegError:
                if not ending:
                    self.damaged += 1
                    self._clock.skip()

    def _demux(self, container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
        for _ in range(_MOST_READ_ERRORS):
            try:
                yield from container.demux(stream)
            except FFmpegError:
                continue
            return

    def _count_promised(self, kind: MediaKind, cut: bool, container: InputContainer, stream: VideoStream) -> int:
        """How many packets the container says it holds; 0 when it does not say."""
        if kind is MediaKind.MP4:
            # The demuxer's own list of samples: unlike the header's count, it knows what an edit list leaves out.
            return len(stream.index_entries)
        if kind is MediaKind.AVI:
            return stream.frames
        if not cut:
            return 0
        seconds = (container.duration or 0) / 1e6
        return max(1, round(seconds * (self.frame_rate or 0)))

    def _check_count(self, frames: int) -> None:
        if self._most is not None and frames > self._most:
            cause = (
                f"more than {self._most} frames" if frames == self.decoded else f"{frames} frames > limit {self._most}"
            )
            raise InputError(self.source, "E_TOOBIG", cause, "--max-frames raises it, or cut the video into parts")

    def _nothing_decoded(self) -> InputError:
        count = max(self._promised, self._packets, self.frame_count or 0)
        if count == 0:
            return InputError(self.source, "E_NOVIDEO", "the video holds no frames", "export it again")
        cause = f"0 of {count} frames decodable"
        return InputError(self.source, "E_CORRUPT", cause, "fetch or export it again")


class _Clock:
    """Seconds from the first frame, never running backwards; without a time base it counts frames."""

    def __init__(self, time_base: Fraction | None, frame_rate: float | None) -> None:
        self._base = time_base
        self._step = 1 / (frame_rate or 25.0)
        self._origin: Fraction | None = None
        self._next = self._last = 0.0

    def read(self, pts: int | None) -> float:
        """The time of the next frame, from its stamp; without one, a frame after the one before."""
        time = self._next
        if pts is not None and self._base is not None:
            if self._origin is None:
                self._origin = pts * self._base - Fraction(time)
            time = max(self._last, float(pts * self._base - self._origin))
        self._last, self._next = time, time + self._step
        return time

    def skip(self) -> None:
        """A frame was lost, or is the one before once more."""
        if self._next:
            self._next += self._step


class _Turn:
    """How a camera was held: the display matrix of a frame, as swapped axes and mirrorings."""

    def __init__(self, frame: VideoFrame) -> None:
        try:
            side_data = cast(Mapping[str, SideData], frame.side_data)  # PyAV's stub knows of one key only
            matrix = np.frombuffer(bytes(side_data["DISPLAYMATRIX"]), np.int32).tolist()
        except KeyError:
            matrix = [1, 0, 0, 0, 1]
        # Rows of the matrix: x' = a x + c y, y' = b x + d y, with x right and y down.
        a, b, _, c, d = matrix[:5]
        self.transposed = abs(b) > abs(a)
        self._mirrored_x, self._mirrored_y = (c < 0, b < 0) if self.transposed else (a < 0, d < 0)

    def upright(self, pixels: Array) -> Array:
        """`pixels` [h, w, 3] as they are to be seen, [H, W, 3]."""
        if self.transposed:
            pixels = pixels.transpose(1, 0, 2)
        if self._mirrored_x:
            pixels = pixels[:, ::-1]
        if self._mirrored_y:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


def _picture_track(container: InputContainer, source: str, max_pixels: int) -> VideoStream:
    """The first track of moving pictures, ready to decode; a cover picture is none."""
    tracks = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not tracks:
        raise InputError(source, "E_NOVIDEO", "no video stream", "it may hold sound only")
    stream = tracks[0]
    if stream.codec_context is None:
        raise InputError(source, "E_CODEC", "encrypted, or of a codec that is not supported", "re-encode it as H.264")
    check_size(stream.width, stream.height, source, max_pixels)
    # Threads make a decoder hide which frames it concealed (slices), or lose frames beside damaged ones (frames).
    stream.thread_type = "NONE"
    # A frame inside may be larger than the container says; it then counts as damaged.
    stream.codec_context.options = {"max_pixels": str(max_pixels)}
    return stream


def _timecode(container: InputContainer) -> str | None:
    for metadata in (*(stream.metadata for stream in container.streams), container.metadata):
        for name, value in metadata.items():
            if name.lower() == "timecode" and value:  # Matroska writes its names in capitals
                return value
    return None


def _is_cut_matroska(file: BinaryIO) -> bool:
    """Whether the segment of a Matroska file is longer than the file; leaves the file at its start."""
    end = file.seek(0, SEEK_END)
    file.seek(0)
    head = file.read(4096)
    file.seek(0)
    position, length = _element(head, 4)
    position, length = _element(head, position + length + 4)
    return position + length > end


def _element(head: bytes, position: int) -> tuple[int, int]:
    """Where the content of the element begins whose length stands at `position`, and that length; 0 for unknown."""
    if position >= len(head) or head[position] == 0:
        return position, 0
    width = 9 - head[position].bit_length()
    unknown = (1 << 7 * width) - 1
    length = int.from_bytes(head[position : position + width], "big") & unknown
    return position + width, 0 if length == unknown else length
