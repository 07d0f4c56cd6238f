"""A camera read: opened as wanted, its pictures as frames, and an end when it is gone."""

from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic, sleep

from av.container import InputContainer
from av.error import BlockingIOError as NothingYet
from av.error import FFmpegError
from av.packet import Packet
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from mien.cameras.asking import Refusal, try_open
from mien.cameras.system import Fault, System
from mien.cameras.wanted import CameraInfo, Size, Wanted
from mien.core.errors import InputError
from mien.core.image import Frame

PATIENCE = 5.0
"""Seconds without a picture after which a camera counts as gone."""

_POLL = 0.002
_RETRIED = (Fault.OTHER,)
"""Faults that asking for less may mend."""


class DeviceCamera:
    """A camera of the system.

    Attributes:
        source: what it is called.
        frame_rate: frames a second that it promises, or None; known once it gave a frame.
        remark: what it gives in place of what was wanted, or empty; likewise.
        dropped: frames that it gave and nobody was shown: none.

    Args:
        info: which one.
        system: how it is reached.
        wanted: what is asked of it.
        asked: whether the user asked for this size: only then another one is worth a remark.
        now: seconds on a clock that never runs backwards.
    """

    def __init__(
        self,
        info: CameraInfo,
        system: System,
        wanted: Wanted,
        asked: bool = False,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.source = info.name
        self.frame_rate: float | None = None
        self.remark = ""
        self.dropped = 0
        self._info, self._system, self._wanted, self._asked, self._now = info, system, wanted, asked, now

    def frames(self, stopped: Callable[[], bool]) -> Iterator[Frame]:
        """Its frames, each with the time at which it arrived, until `stopped` says so.

        Raises:
            InputError: it cannot be opened, or it is gone.
        """
        with closing(self._opened()) as container:
            if not container.streams.video:
                raise self._error(Fault.OTHER, "it gives no pictures")
            stream = container.streams.video[0]
            self._look_at(stream)
            reformatter = VideoReformatter()
            count = 0
            for arrived, packet in self._packets(container, stream, stopped):
                try:
                    pictures = packet.decode()
                except FFmpegError:  # a JPEG that USB has lost a part of; the next one is whole
                    continue
                for picture in pictures:
                    pixels = reformatter.reformat(picture, format="rgb24").to_ndarray()
                    yield Frame(pixels, arrived, count)
                    count += 1

    def _opened(self) -> InputContainer:
        said, attempt = "", 0
        last = Refusal(None, "")
        while (options := self._system.options(self._wanted, attempt, said)) is not None:
            opened = try_open(self._info.address, self._system.device, options)
            if not isinstance(opened, Refusal):
                return opened
            last, said, attempt = opened, opened.said, attempt + 1
            if self._system.fault(opened) not in _RETRIED:
                break
        raise self._refused(last)

    def _look_at(self, stream: VideoStream) -> None:
        rate = stream.average_rate or stream.guessed_rate
        self.frame_rate = float(rate) if rate and 1 <= rate <= 1000 else None
        given = Size(stream.width, stream.height)
        if self._asked and given != self._wanted.size:
            self.remark = f"gives {given} in place of {self._wanted.size}"

    def _packets(
        self, container: InputContainer, stream: VideoStream, stopped: Callable[[], bool]
    ) -> Iterator[tuple[float, "Packet[VideoStream]"]]:
        last = self._now()
        while not stopped():
            try:
                for packet in container.demux(stream):
                    if packet.size == 0:
                        raise self._error(Fault.MISSING, "it is gone")
                    last = self._now()
                    yield last, packet
                    if stopped():
                        return
            except NothingYet:
                if self._now() - last > PATIENCE:
                    raise self._error(Fault.OTHER, f"it gave no picture for {PATIENCE:g} s") from None
                sleep(_POLL)
            except FFmpegError as error:
                cause = f"it is gone: {error.strerror or type(error).__name__}"
                raise self._error(Fault.MISSING, cause) from error

    def _refused(self, refusal: Refusal) -> InputError:
        fault = self._system.fault(refusal)
        causes = {
            Fault.MISSING: f"is not there, or is no camera: {refusal.cause}",
            Fault.DENIED: "may not be used: permission denied",
            Fault.BUSY: "another program uses it",
        }
        return self._error(fault, causes.get(fault, f"does not open: {refusal.cause}"))

    def _error(self, fault: Fault, cause: str) -> InputError:
        return InputError(f"camera {self.source}", fault, cause, self._system.remedies[fault])
