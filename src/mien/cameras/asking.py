"""FFmpeg's capture devices asked: what they log is how they answer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import av
from av import logging as av_logging
from av.container import InputContainer
from av.error import FFmpegError

OPENING = 10.0
"""Seconds in which a camera must give its first picture."""

Options = Mapping[str, str]

# PyAV's log level is one for the whole process.
_LOUD = Lock()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A camera that did not open: the system's error number, or None, and what FFmpeg logged."""

    number: int | None
    said: str

    @property
    def cause(self) -> str:
        """The last line of the log."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        return lines[-1] if lines else "no reason was given"


@contextmanager
def _heard() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg logs in this thread: level, who, message."""
    with _LOUD:
        before, skipping = av_logging.get_level(), av_logging.get_skip_repeated()
        av_logging.set_level(av_logging.INFO)
        av_logging.set_skip_repeated(False)
        try:
            with av_logging.Capture() as logged:
                yield logged
        finally:
            av_logging.set_skip_repeated(skipping)
            av_logging.set_level(before)


def try_open(address: str, device: str, options: Options) -> InputContainer | Refusal:
    """The opened camera, or why it did not open.

    Args:
        address: as FFmpeg takes it.
        device: FFmpeg's name of the way in: v4l2, avfoundation, dshow.
        options: FFmpeg's.
    """
    with _heard() as logged:
        try:
            return av.open(address, "r", format=device, options=dict(options), timeout=(OPENING, None))
        except FFmpegError as error:
            number, reason = error.errno, error.strerror or ""
        except ValueError as error:  # FFmpeg was built without this device
            number, reason = None, str(error)
    return Refusal(number, "".join(message for *_, message in logged) or reason)


def told(address: str, device: str, options: Options) -> Refusal:
    """What a camera says of itself when it is opened with options that make it do no more than that."""
    opened = try_open(address, device, options)
    if isinstance(opened, Refusal):
        return opened
    opened.close()
    return Refusal(None, "")
