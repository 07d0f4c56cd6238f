"""The sound of a video, carried over to another as it is coded."""

from collections.abc import Iterator
from contextlib import ExitStack
from os import fspath
from types import TracebackType
from typing import Self

from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from mien.formats.containers import open_container, video_kind
from mien.formats.files import StrPath, open_regular

_CARRIED = {"aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"}
"""What an MP4 holds and players play."""


class Sound:
    """The first sound track of a video, packet by packet; a context manager.

    Args:
        path: the video.

    Attributes:
        codec: what it is coded as, "an unknown format" where FFmpeg does not know it; "" when the video is silent.
        carried: whether it can be carried over.

    Raises:
        InputError: the video cannot be opened.
    """

    def __init__(self, path: StrPath) -> None:
        source = fspath(path)
        with ExitStack() as stack:
            file = stack.enter_context(open_regular(path))
            container = open_container(file, video_kind(file, source), source)
            stack.callback(container.close)
            self._stream: AudioStream | None = next(iter(container.streams.audio), None)
            self.codec = "" if self._stream is None else _codec(self._stream)
            self.carried = self.codec in _CARRIED
            picture = next(iter(container.streams.video), None)
            start = None if picture is None or picture.time_base is None else picture.start_time
            self._origin = 0.0 if picture is None or start is None else float(start * (picture.time_base or 0))
            self._packets = iter(container.demux(self._stream)) if self._stream is not None else iter(())
            self._open = stack.pop_all()
        self._track: AudioStream | None = None
        self._next: Packet[AudioStream] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def join(self, container: OutputContainer) -> None:
        """Gives a video that is being written, and of which nothing is written yet, a track for it."""
        if self._stream is not None:
            self._track = container.add_stream_from_template(self._stream)

    def until(self, time: float) -> "Iterator[Packet[AudioStream]]":
        """What sounds before a time, seconds from the first picture, ready to be written; each packet once.

        A track that is damaged ends there: pictures matter more.
        """
        while (packet := self._peek()) is not None and self._track is not None:
            base = float(packet.time_base)
            start = int(self._origin / base)
            if packet.pts is None or (packet.pts - start) * base >= time:
                return
            self._next = None
            if packet.pts >= start:
                packet.pts -= start
                packet.dts = packet.pts
                packet.stream = self._track
                yield packet

    def _peek(self) -> "Packet[AudioStream] | None":
        if self._next is None:
            try:
                self._next = next((packet for packet in self._packets if packet.size and packet.pts is not None), None)
            except FFmpegError:
                self._packets = iter(())
        return self._next


def _codec(stream: AudioStream) -> str:
    # PyAV promises a context, and gives none where FFmpeg has no decoder.
    known: AudioCodecContext | None = stream.codec_context
    return "an unknown format" if known is None else known.codec.canonical_name
