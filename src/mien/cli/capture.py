"""`mien capture`: photos, folders and videos to takes, tables and pictures."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from rich.text import Text

from mien.cli.live import Watching, check_live, live_session
from mien.cli.terminal import bars, say
from mien.compose.batches import RunOptions, run_batch
from mien.compose.cameras import CameraOptions
from mien.compose.captures import capture_batch
from mien.compose.damage import partly_read
from mien.compose.done import Done, Status, Steps
from mien.compose.naming import common_folder
from mien.compose.outputs import BatchOptions
from mien.compose.session import Prompt
from mien.compose.sources import expanded, passed_over
from mien.compose.streams import Streamed
from mien.core.errors import printable
from mien.core.face import FaceReading
from mien.core.geometry import angles_from_rotation
from mien.formats.stream import Destination
from mien.pipelines.capture import CaptureOptions, FaceChoice

_SHOWN_FACES = 6
_SHOWN_WEIGHTS = 5
_MANY = 2
"""Sources above which what went wrong is counted as well: lines that tell of it may have scrolled away."""


@dataclass(frozen=True)
class Output:
    """Where the result goes. Without any, it is shown in the terminal."""

    output: Annotated[tyro.conf.UseAppendAction[tuple[Path, ...]], tyro.conf.arg(aliases=["-o"], metavar="FILE")] = ()
    """Write a take (.json, .npz) or a table (.csv, .parquet: one row per face and frame). Several sources need a name
    with {name} in it for takes: it stands for each source's name, {ext} for its ending (jpg), and {folder} for its
    folder within what is named here, as in out/{folder}/{name}.json."""
    overlay: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write the picture (.png, .jpg, .webp) or video (.mp4) with mesh, head axes, gaze and weights drawn on it."""
    summary: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write one picture (.png): of a video the strongest channels over time, blinks, head pose and quality; of a photo
    the strongest weights. Needs the extra report."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write one page (.html) that needs no network: pictures of the strongest moments, curves, blinks, a table of every
    channel. Several sources get a page each by {name}; without it, one page lists them. Needs the extra report."""
    report_pictures: bool = True
    """Whether pages hold pictures of the faces."""
    overwrite: bool = False
    """Replace files that exist."""
    realtime: bool = False
    """Read a video at the pace of its own times, and drop frames that come too late."""
    stream: Annotated[tyro.conf.UseAppendAction[tuple[Destination, ...]], tyro.conf.arg(metavar="ADDRESS")] = ()
    """With --realtime or --camera, send each moment over UDP to vmc://HOST[:39539], livelink://HOST[:11111] or
    ifacialmocap://HOST[:49983], to this address and nowhere else. Live Link gets every face, the others the largest."""
    calibrate: bool = False
    """With --realtime, ask the person for ten seconds (hold still; blink, smile, raise the brows, open the mouth) and
    count the weights of all that follows from their resting face. Nothing of the ten seconds is written or sent."""
    save_neutral: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Keep the resting face that --calibrate finds in a take (.json, .npz), for --neutral."""


def capture(
    sources: tyro.conf.Positional[
        Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PHOTO|FOLDER|VIDEO ...", help_behavior_hint="")]
    ],
    output: tyro.conf.OmitArgPrefixes[Output],
    reading: tyro.conf.OmitArgPrefixes[CaptureOptions],
    camera: tyro.conf.OmitArgPrefixes[CameraOptions],
    watching: tyro.conf.OmitArgPrefixes[Watching],
    running: tyro.conf.OmitArgPrefixes[RunOptions],
) -> int:
    """Read the faces of photos, videos or a webcam: 52 ARKit weights, head pose, gaze and 478 landmarks.

    Example: mien capture portrait.jpg -o take.json -o table.csv --overlay picture.png

    A webcam: mien capture --camera 0 --stream vmc://127.0.0.1:39539

    Args:
        sources: Photos (JPEG, PNG, WebP, AVIF, HEIC), videos (MP4, MOV, MKV, WebM, AVI), folders of them, or patterns
            as '*.jpg'.
    """
    check_live(camera, watching, running, len(sources))
    live = camera.camera is not None
    files = [] if live else expanded(sources)
    batch = BatchOptions(
        tuple(output.output),
        output.overlay,
        output.overwrite,
        output.realtime or live,
        tuple(output.stream),
        output.summary,
        output.report,
        output.report_pictures,
        None if live else common_folder(sources),
        calibrate=output.calibrate,
        save_neutral=output.save_neutral,
    )
    quiet = bool(batch.files or batch.streams)
    out, err = Console(), Console(stderr=True)
    others = passed_over(() if live else sources)
    if others:
        kinds = " ".join(sorted(others))
        say(
            err, f"W_KINDS: {_count(others.total(), 'file')} of kinds that are not read passed over ({kinds})", "yellow"
        )
    if live:
        with live_session(camera, watching, reading, err) as (session, show):
            watch = _Watch(bars(err), 1, out, err, quiet, reading.face)
            steps = replace(watch.steps, read=show, done=lambda done: None)
            results = capture_batch((), batch, reading, steps, camera=session)
        for done in results:  # once the bars are gone; what was dropped has been said
            watch.done(replace(done, dropped=0))
        return _summary(results, 0, batch, reading.allow_damaged, err)
    with bars(err) as progress:
        watch = _Watch(progress, len(files), out, err, quiet, reading.face)
        steps = watch.steps
        if running.asked:
            results = run_batch(files, batch, reading, running, steps)
        else:
            results = capture_batch(files, batch, reading, steps)
    return _summary(results, watch.taken_over, batch, reading.allow_damaged, err)


class _Watch:
    """Turns the steps of a batch into bars and lines."""

    def __init__(
        self, progress: Progress, sources: int, out: Console, err: Console, quiet: bool, choice: FaceChoice
    ) -> None:
        self._progress, self._out, self._err, self._quiet, self._choice = progress, out, err, quiet, choice
        self._all: TaskID | None = progress.add_task("sources", total=sources) if sources > 1 else None
        self._one: TaskID | None = None
        self.taken_over = 0

    @property
    def steps(self) -> Steps:
        """What is told of a batch goes to this one."""
        return Steps(self.opened, self.frame, self.done, self.kept, self.streamed, self.warned, prompted=self.prompted)

    def opened(self, path: Path, frames: int | None) -> None:
        """A video gets a bar of its own."""
        if frames != 1:
            self._one = self._progress.add_task(printable(path.name), total=frames)

    def frame(self) -> None:
        """One frame further."""
        if self._one is not None:
            self._progress.advance(self._one)

    def done(self, done: Done) -> None:
        """Says what became of a source."""
        if self._one is not None:
            self._progress.remove_task(self._one)
            self._one = None
        if self._all is not None:
            self._progress.advance(self._all)
        self._fell_short(done)
        if done.error is not None:
            return
        for note in done.notes:
            self.warned(done.path, note.code, note.cause)
        if done.dropped:
            counted = f"{done.dropped} of {_count(done.frames + done.dropped, 'frame')} came too late and were dropped"
            self.warned(done.path, "W_LATE", counted)
        if done.faces == 0:
            missing = (
                "no face found" if self._choice.number is None else f"no face {self._choice} found; 0 is the first"
            )
            say(self._err, f"{printable(done.path)}: {missing}")
        elif not self._quiet:
            self._out.print(_faces_table(done))

    def _fell_short(self, done: Done) -> None:
        """Says what keeps a source from being done."""
        if done.error is not None:
            say(self._err, str(done.error), "red")
        elif done.lost or done.guessed:
            self.warned(done.path, "W_PARTIAL", partly_read(done.frames, done.lost, done.guessed))

    def streamed(self, stream: Streamed) -> None:
        """Says what a receiver did not get as it was read."""
        if stream.failed:
            counted = f"{stream.failed} of {_count(stream.sent + stream.failed, 'datagram')} could not be delivered"
            self.warned(stream.destination, "W_SEND", f"{counted} ({stream.cause}; does the receiver listen?)")
        if stream.clipped:
            counted = f"{_count(stream.clipped, 'value')} outside 0..1 were clipped for the stream"
            self.warned(stream.destination, "W_CLIPPED", counted)

    def kept(self, done: Done) -> None:
        """Counts a source that an earlier run has done, and says again what kept it from that."""
        self.taken_over += 1
        self._fell_short(done)
        if self._all is not None:
            self._progress.advance(self._all)

    def prompted(self, prompt: Prompt) -> None:
        """Asks the person before the camera for something."""
        say(self._err, f"{prompt.text} ({prompt.seconds:g} s)", "bold cyan")

    def warned(self, source: object, code: str, cause: str) -> None:
        """Says what should be known."""
        line = f"{printable(source)}: {code}: {cause}"
        say(self._err, line, "yellow")


def _faces_table(done: Done) -> Table:
    """The strongest weights of each face, for reading in a terminal."""
    when = "" if done.frames == 1 else f", the last of {done.frames} frames"
    title = Text(f"{printable(done.path)}{when}")  # a text, for a name may look like markup
    table = Table("face", "pitch yaw roll", "strongest weights", title=title, title_justify="left")
    for reading in done.last[:_SHOWN_FACES]:
        angles = np.rad2deg(angles_from_rotation(reading.state.pose.facing()))
        table.add_row(str(reading.face), " ".join(f"{angle:+.0f}°" for angle in angles), _strongest(reading))
    if len(done.last) > _SHOWN_FACES:
        table.add_row("…", "", f"and {len(done.last) - _SHOWN_FACES} more")
    return table


def _strongest(reading: FaceReading) -> str:
    expression = reading.state.expression
    order = np.argsort(-expression.weights)[:_SHOWN_WEIGHTS]
    return "  ".join(f"{expression.basis.columns[k]} {expression.weights[k]:.2f}" for k in order)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _summary(results: list[Done], taken_over: int, batch: BatchOptions, allow_damaged: bool, err: Console) -> int:
    """Says what was written and what failed; 1 when an input failed or, unless that is allowed, lost a part."""
    count = {status: sum(done.status is status for done in results) for status in Status}
    good = count[Status.DONE] + count[Status.PARTIAL]
    if batch.files or batch.streams or len(results) > 1:
        faces = sum(done.faces for done in results)
        frames = sum(done.frames for done in results)
        written = ", ".join(printable(path) for path in batch.files)
        seen = sum(done.seen for done in results)
        counted = f"{_count(faces, 'face')}, seen in {seen} of {_count(frames, 'frame')}"
        ending = f"; wrote {written}" if written and good else ""
        ending += f"; streamed to {', '.join(str(each) for each in batch.streams)}" if batch.streams and good else ""
        earlier = f" ({taken_over} settled in an earlier run)" if taken_over else ""
        say(err, f"{good} of {len(results)} sources read{earlier}, {counted}{ending}")
    named = ((Status.PARTIAL, "partial"), (Status.FAILED, "failed"), (Status.POISON, "in quarantine"))
    bad = [f"{count[status]} {word}" for status, word in (*named, (Status.UNREAD, "not read")) if count[status]]
    if len(results) > _MANY and bad:
        say(err, ", ".join(bad))
    whole = count[Status.DONE] + (count[Status.PARTIAL] if allow_damaged else 0)
    return 0 if whole == len(results) else 1
