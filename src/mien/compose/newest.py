"""The newest frame, handed from one thread to another: what is not taken in time is replaced, and counted."""

from threading import Condition

from mien.core.errors import InputError
from mien.core.image import Frame


class Newest:
    """Room for one frame. One thread puts, another takes; neither ever waits for the other to catch up.

    Attributes:
        dropped: frames that were replaced before anybody took them.
        error: why no more will come, or None.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.error: InputError | None = None
        self._frame: Frame | None = None
        self._closed = False
        self._change = Condition()

    def put(self, frame: Frame) -> None:
        """Puts a frame in the place of the one that may still be there."""
        with self._change:
            self.dropped += self._frame is not None
            self._frame = frame
            self._change.notify_all()

    def close(self, error: InputError | None = None) -> None:
        """No more will come."""
        with self._change:
            self._closed, self.error = True, error
            self._change.notify_all()

    @property
    def ended(self) -> bool:
        """Whether there is nothing to take, and never will be."""
        with self._change:
            return self._closed and self._frame is None

    def wait(self, seconds: float) -> bool:
        """Whether there is a frame, or the end, within some seconds."""
        with self._change:
            return self._change.wait_for(lambda: self._frame is not None or self._closed, seconds)

    def take(self, seconds: float) -> Frame | None:
        """The frame that is there, or comes within some seconds; None when none does."""
        with self._change:
            self._change.wait_for(lambda: self._frame is not None or self._closed, seconds)
            frame, self._frame = self._frame, None
            return frame
