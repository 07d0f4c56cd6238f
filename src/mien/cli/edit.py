"""`mien edit`: another expression on a face of a photo or a video, measured and signed."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console

from mien.cli.terminal import bars, say
from mien.compose.damage import partly_read
from mien.compose.edit_options import EditOptions, Sweep
from mien.compose.edit_report import Measured, check_report, is_hardly_read, write_report
from mien.compose.edit_series import Series
from mien.compose.edit_series_report import series_line, write_series
from mien.compose.sources import holds_video
from mien.core.basis import ARKIT
from mien.core.errors import UsageError, printable
from mien.formats.registry import load
from mien.formats.sidecar import sidecar_path
from mien.rig.wishes import PRESETS, Change, Wish, preset, read_preset

_SHOWN = 8


@dataclass(frozen=True)
class Wanted:
    """What is wanted of the face."""

    set: Annotated[tyro.conf.UseAppendAction[tuple[Change, ...]], tyro.conf.arg(metavar="NAME=WEIGHT")] = ()
    """A weight, mouthSmile=0.7 say, or more of it, browInnerUp+=0.3; names of ARKit or FACS (AU12L=0.8). A name
    without Left and Right moves both sides. Say it again for further ones."""
    preset: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """A look by name (smile, big-smile, half-smile, frown, astonished, kiss, wink, asleep), or a JSON file of weights
    by name."""
    neutral: bool = False
    """Make the face calm first; where it looks stays."""
    intensity: float = 1.0
    """How much of the way is gone, 0 to 1.5."""
    add: Annotated[Path | None, tyro.conf.arg(metavar="TAKE")] = None
    """For a video: add the weights of a take (any that mien reads), moment by moment."""
    sweep: Annotated[str | None, tyro.conf.arg(metavar="NAME:LOW:HIGH:COUNT")] = None
    """For a photo: COUNT doses of one slider, mouthSmile:0:1:9 say, as a strip (.png, .jpg, .webp), or as .mp4."""

    def doses(self) -> Sweep | None:
        """The sweep, if one is wanted."""
        return None if self.sweep is None else Sweep.parse(self.sweep)

    def wish(self) -> Wish:
        """All of it as one wish."""
        chosen: tuple[Change, ...] = ()
        if self.preset is not None:
            chosen = preset(self.preset) if self.preset in PRESETS else read_preset(self.preset)
        return Wish((*chosen, *self.set), self.neutral, self.intensity)


@dataclass(frozen=True)
class Result:
    """Where it goes."""

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
    """The edited photo (.jpg, .png, .webp) or video (.mp4); never the source itself."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """What was asked and what is reached, read again: as .json, or as a .png with before, after and difference, and
    of a video or a sweep with curves."""
    overwrite: bool = False
    """Replace files that exist."""


def edit(
    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="PHOTO|VIDEO")]],
    result: tyro.conf.OmitArgPrefixes[Result],
    wanted: tyro.conf.OmitArgPrefixes[Wanted],
    options: tyro.conf.OmitArgPrefixes[EditOptions],
) -> int:
    """Change the expression of a face in a photo or a video; only the face is touched.

    Example: mien edit me.jpg --set mouthSmile=0.7 -o smile.jpg --report report.png

    Args:
        source: A photo (JPEG, PNG, WebP) or a video.
    """
    # What signs takes as long to load as all the rest; only an edit needs it.
    from mien.compose.edit_sweep import edit_sweep
    from mien.compose.edits import check_distinct, edit_photo

    wish, sweep = wanted.wish(), wanted.doses()
    check_distinct(source, result.output)
    video = holds_video(source)
    if os.path.getsize(source):  # of an empty file nobody knows what it was to be
        _check(video, wanted, wish, result, options)
    if result.report is not None:
        check_report(result.report, result.overwrite)
    results = (result.output, sidecar_path(result.output), *(() if result.report is None else (result.report,)))
    for role, file in (("the source", source), *_further(wanted, options)):
        for each in results:
            check_distinct(file, each, role)
    err = Console(stderr=True)
    if video:
        return _video(source, result, wanted, wish, options, err)
    if sweep is not None:
        asked = result.report is not None
        with bars(err) as progress:
            bar = progress.add_task(printable(result.output.name), total=sweep.count)
            step = partial(progress.advance, bar)
            dosed = edit_sweep(source, result.output, wish, sweep, options, result.overwrite, step, asked)
        also = _series_report(result, dosed.found, "doses", dosed.seal)
        for each in dosed.found:
            say(err, series_line(each, "doses"))
        for error in dosed.left:
            say(err, f"{printable(source)}: W_LEFT: a face was left as it is: {error.cause}", "yellow")
        say(err, f"{sweep.count} doses of {sweep.name}; wrote {printable(result.output)}{also}")
        return 0
    done = edit_photo(source, result.output, wish, options, overwrite=result.overwrite, measure=True)
    if result.report is not None:
        boxes = np.array([reading.box for reading in done.picture.readings])
        shown = done.measured, done.before, done.picture.frame, boxes
        write_report(result.report, *shown, result.overwrite, done.seal)
    for one in done.measured:
        say(err, _line(one))
    for error in done.picture.left:
        say(err, f"{printable(source)}: W_LEFT: a face was left as it is: {error.cause}", "yellow")
    if done.recoded:
        cause = f"coded anew as a whole ({done.recoded}): pixels beside the face are rounded once more"
        say(err, f"{printable(source)}: W_RECODED: {cause}", "yellow")
    also = "" if result.report is None else f" and {printable(result.report)}"
    say(err, f"wrote {printable(result.output)}{also}")
    return 0


def _further(wanted: Wanted, options: EditOptions) -> list[tuple[str, Path]]:
    """Files that are read beside the source, and what they are."""
    named = wanted.preset is not None and wanted.preset not in PRESETS
    files = (
        ("the file of --preset", Path(wanted.preset or "") if named else None),
        ("the take of --add", wanted.add),
        ("the file of --certificate", options.certificate),
    )
    return [(role, file) for role, file in files if file is not None]


def _check(video: bool, wanted: Wanted, wish: Wish, result: Result, options: EditOptions) -> None:
    """Refuses what does not go together, before anything is read."""
    if not (wish.changes or wish.neutral or wanted.add or wanted.sweep):
        raise UsageError("mien edit", "E_USAGE", "nothing is asked", "say --set NAME=WEIGHT, --preset or --neutral")
    if video:
        if wanted.sweep is not None:
            raise UsageError("--sweep", "E_USAGE", "doses are of a photo", "give a photo, or --set for a video")
    elif result.output.suffix.lower() == ".mp4" and wanted.sweep is None:
        cause = "a photo with one expression is no video"
        raise UsageError(result.output, "E_FORMAT", cause, "end the name in .jpg or .png, or ask for doses by --sweep")
    elif wanted.add is not None:
        raise UsageError("--add", "E_USAGE", "a take moves, and a photo does not", "give a video, or --set for a photo")
    if options.keep_metadata and (video or wanted.sweep is not None):
        cause = "what a photo says of itself goes into an edited photo alone"
        raise UsageError("--keep-metadata", "E_USAGE", cause, "leave it out")
    taken = [os.path.realpath(each) for each in (result.output, sidecar_path(result.output))]
    if result.report is not None and os.path.realpath(result.report) in taken:
        raise UsageError("--report", "E_USAGE", "has the name of a result", "give the report another name")


def _video(source: Path, result: Result, wanted: Wanted, wish: Wish, options: EditOptions, err: Console) -> int:
    from mien.compose.edit_video import edit_video

    track = None if wanted.add is None else load(wanted.add)
    with bars(err) as progress:
        bar = progress.add_task(printable(source.name), total=None)
        again = progress.add_task("read again", total=None, visible=False)
        done = edit_video(
            source,
            result.output,
            wish,
            options,
            track=track,
            overwrite=result.overwrite,
            measure=result.report is not None,
            watch=lambda done, total: progress.update(bar, completed=done, total=total),
            watch_again=lambda: progress.update(again, advance=1, visible=True, total=progress.tasks[bar].completed),
        )
    if done.lost or done.guessed:
        say(err, f"{printable(source)}: W_PARTIAL: {partly_read(done.frames, done.lost, done.guessed)}", "yellow")
    if done.left:
        say(
            err,
            f"{printable(source)}: W_LEFT: {done.left} faces in frames were left as they are ({done.why})",
            "yellow",
        )
    if done.silenced:
        say(err, f"{printable(source)}: W_SILENT: sound coded as {done.silenced} does not go into an MP4", "yellow")
    also = _series_report(result, done.found, "seconds", done.seal)
    for each in done.found:
        say(err, series_line(each, "seconds"))
    say(err, f"{done.edited} of {done.frames} frames edited; wrote {printable(result.output)}{also}")
    return 1 if done.lost or done.guessed else 0


def _series_report(result: Result, found: Sequence[Series], places: str, seal: Callable[[Path], None] | None) -> str:
    """Writes the report of several moments, if one is wanted, and says so."""
    if result.report is None:
        return ""
    write_series(result.report, found, places, result.overwrite, seal)
    return f" and {printable(result.report)}"


def _line(found: Measured) -> str:
    """What came of a face: `face 0: mouthSmileLeft .03 > .70, reached .62; ...`."""
    change = np.abs(found.asked - found.now)
    asked = [k for k in np.argsort(-change) if change[k] > 0]
    order = asked[:_SHOWN]
    if not order:
        return f"face {found.face}: nothing to change"
    words = []
    for k in order:
        got = "not found again" if found.reached is None else f"reached {found.reached[k]:.2f}"
        if found.reached is not None and is_hardly_read(ARKIT.columns[k]):
            got = "hardly read back"
        words.append(f"{ARKIT.columns[k]} {found.now[k]:.2f} to {found.asked[k]:.2f}, {got}")
    if len(asked) > _SHOWN:
        words.append(f"and {len(asked) - _SHOWN} more (--report lists all)")
    others = "" if found.reached is None else f"; other channels moved by {found.others:.3f}"
    return f"face {found.face}: {'; '.join(words)}{others}"
