"""What a terminal shows of a camera while it is read: bars that move, or a line now and then where nothing can."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from mien.compose.cameras import LiveCamera
from mien.core.actions import ActionRow, FacesUsed
from mien.core.basis import ARKIT, action_name
from mien.core.errors import printable
from mien.core.face import FaceReading
from mien.core.geometry import angles_from_rotation
from mien.core.image import Frame
from mien.core.live import Figures

_REFRESHES = 12
"""Times a second that bars are drawn: as smooth as it takes, and no more of a core than it must be."""

_LINES_EVERY = 5.0
"""Seconds between lines where there is no terminal."""

_ROWS, _FACES, _BAR, _NAME = 10, 3, 20, 16
_COLOURS = ("bright_cyan", "bright_magenta", "bright_green")
_EIGHTHS = " ▏▎▍▌▋▊▉█"


class LiveView:
    """The view, as a context manager; `read` is called with every frame, and only keeps it.

    Args:
        console: where to.
        camera: whose figures are shown.
        ends: how the user ends it, as it is said.
    """

    def __init__(
        self, console: Console, camera: LiveCamera, ends: str = "Ctrl-C ends it and writes everything"
    ) -> None:
        self._console, self._camera, self._ends = console, camera, ends
        self._readings: Sequence[FaceReading] = ()
        self._size = ""
        self._used = FacesUsed(ARKIT, _ROWS)
        self._rows: dict[int, tuple[ActionRow, ...]] = {}
        self._said = 0.0
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(
                console=console, get_renderable=self.picture, refresh_per_second=_REFRESHES, transient=True
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def read(self, frame: Frame, readings: list[FaceReading]) -> None:
        """One more frame."""
        self._readings, self._size = tuple(readings), f"{frame.width}x{frame.height}"
        self._rows = self._used.see(readings[:_FACES])
        if self._live is None and frame.time - self._said >= _LINES_EVERY:
            self._said = frame.time
            self._console.print(
                f"{frame.time:.0f} s: {self._faces()}, {kept_up(self._camera.figures())}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip

    def picture(self) -> Text:
        """Everything, as it is now; drawn by another thread than `read` is called in.

        One text, for a table of as many cells takes several times as long to lay out, a dozen times a second.
        """
        figures, readings = self._camera.figures(), self._readings
        text = Text(no_wrap=True, overflow="crop")
        text.append(f"{printable(self._camera.title)}  {self._size}  {figures.seconds:.0f} s", "bold")
        text.append(f"   {kept_up(figures)}\n")
        for reading in readings[:_FACES]:
            self._add_face(text, reading)
        if not readings:
            text.append("no face in sight\n", "dim")
        elif len(readings) > _FACES:
            text.append(f"and {len(readings) - _FACES} more\n", "dim")
        return text.append(self._ends, "dim")

    def _faces(self) -> str:
        count = len(self._readings)
        return "no face" if not count else f"{count} face{'s' * (count > 1)}"

    def _add_face(self, text: Text, reading: FaceReading) -> None:
        pitch, yaw, roll = np.rad2deg(angles_from_rotation(reading.state.pose.facing())).round() + 0.0
        colour = _COLOURS[reading.face % len(_COLOURS)]
        text.append(f"\nface {reading.face}", f"bold {colour}")
        pose = f"pitch {pitch:+.0f}°  yaw {yaw:+.0f}°  roll {roll:+.0f}°"
        text.append(f"   quality {reading.quality:.2f}   {pose}\n", "dim")
        expression = reading.state.expression
        for row in self._rows.get(reading.face, ()):
            text.append(action_name(row).ljust(_NAME))
            for mark, column in zip("LR" if len(row) > 1 else " ", row, strict=True):
                weight = float(expression[column])
                text.append(f" {mark} ", "dim").append(self._bar(weight), f"{colour} on grey19")
                text.append(f" {weight:4.2f} ", "dim")
            text.append("\n")

    def _bar(self, weight: float) -> str:
        filled = float(np.clip(weight, 0, 1)) * _BAR
        if not self._console.encoding.startswith("utf"):
            return ("#" * round(filled)).ljust(_BAR)
        whole = int(filled)
        return ("█" * whole + _EIGHTHS[int((filled - whole) * 8)]).ljust(_BAR)[:_BAR]


def kept_up(figures: Figures) -> str:
    """How a camera is keeping up, in a line."""
    return f"{figures.rate:.0f} frames/s, latency {figures.latency:.0f} ms, {figures.dropped} dropped"


def closing(figures: Figures) -> str:
    """How it kept up from the first frame to the last, in a line."""
    came = figures.frames + figures.dropped
    share = f" ({figures.dropped / came:.0%})" if came else ""
    return (
        f"{figures.frames} frames read in {figures.seconds:.1f} s, {figures.dropped} dropped{share}; latency "
        f"{figures.median:.0f} ms (median), {figures.worst:.0f} ms (95 %)"
    )
