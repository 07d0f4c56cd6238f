"""A camera read from the command line: what is seen of it meanwhile, and how it is ended."""

import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from rich.console import Console

from mien.cli.ending import finishing
from mien.cli.live_view import LiveView, closing
from mien.cli.terminal import say
from mien.compose.batches import RunOptions
from mien.compose.cameras import CameraOptions, LiveCamera, feed_of
from mien.core.errors import UsageError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.pipelines.capture import CaptureOptions
from mien.preview.server import Preview


@dataclass(frozen=True)
class Watching:
    """How a camera can be watched in a browser."""

    preview: bool = False
    """Serve a page with the live picture, mirrored, and its bars, for browsers on this computer alone; its address is
    printed. Its button or the key q stops."""
    open_preview: bool = False
    """The same, and open it in the browser."""

    @property
    def wanted(self) -> bool:
        """Whether there is to be a page."""
        return self.preview or self.open_preview


def check_live(camera: CameraOptions, watching: Watching, running: RunOptions, sources: int) -> None:
    """Raises `UsageError` for options that do not go together."""
    if camera.camera is None:
        if watching.wanted:
            raise UsageError("--preview", "E_USAGE", "is for cameras", "add --camera")
        return
    if sources:
        cause = "files were named as well"
        raise UsageError("--camera", "E_USAGE", cause, "capture them apart; file:CLIP.mp4 plays one as a camera")
    if running.asked:
        cause = "is read in one process"
        raise UsageError("--camera", "E_USAGE", cause, "leave --workers, --journal and their like out")


@contextmanager
def live_session(
    camera: CameraOptions, watching: Watching, reading: CaptureOptions, err: Console
) -> Iterator[tuple[LiveCamera, Callable[[Frame, list[FaceReading]], None]]]:
    """A camera to be read, and who wants to see each frame; Ctrl-C and signals that end a program end it properly.

    Raises:
        InputError: there is no such camera.
    """
    live = LiveCamera(camera, feed_of(camera, reading.max_pixels))
    with ExitStack() as stack:
        stack.enter_context(finishing(live.stop))
        preview: Preview | None = None
        if watching.wanted:
            preview = stack.enter_context(Preview(live.title, reading.focal_length, live.figures, live.stop))
            say(err, f"preview: {preview.address}")
            if watching.open_preview:
                webbrowser.open(preview.address)
        view = stack.enter_context(LiveView(err, live))

        def show(frame: Frame, readings: list[FaceReading]) -> None:
            view.read(frame, readings)
            if preview is not None:
                preview.show(frame, readings)

        yield live, show
    figures = live.figures()
    if figures.frames:
        say(err, closing(figures))
