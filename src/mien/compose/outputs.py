"""Where results go: the files that a batch will write, checked before anything is read."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mien.compose.naming import (
    CLIPS,
    NAME,
    STILLS,
    check_pattern,
    common_folder,
    extended,
    foldered,
    is_pattern,
    named,
    overlay_named,
    page_named,
    picture_named,
)
from mien.compose.sources import holds_video
from mien.core.errors import InputError, UsageError
from mien.digest.engine import check_charts, check_pages
from mien.formats.parquet import check_arrow
from mien.formats.stream import Destination

TAKES = (".json", ".npz")
PARQUET = ".parquet"
TABLES = (".csv", PARQUET)
PICTURES, PAGES = (".png",), (".html",)
LISTED = ".json"
"""Ending of the part that a source adds to a page that lists all; those of tables end as the tables."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What a batch leaves behind.

    Args:
        outputs: files to write, `.json` or `.npz` takes and `.csv` or `.parquet` tables; `{name}` stands for the
            source's name, `{ext}` for its ending, `{folder}` for its folder.
        overlay: picture or video to write with the readings drawn on it, or None.
        overwrite: whether existing files are replaced.
        realtime: whether frames are read at the pace of their own times, and dropped when they come too late.
        streams: receivers that get every moment over UDP; they need `realtime`, or they would be flooded.
        summary: picture to write of what was read over time, or None.
        report: page to write about what was read, or None.
        report_pictures: whether pages hold pictures of faces.
        base: absolute folder that `{folder}` is relative to; None for the one that all sources have in common.
        listing: whether the report is one page that lists all sources, rather than a page about one; `arranged` says.
        calibrate: whether the first ten seconds are a session that finds the resting face; it needs `realtime`.
        save_neutral: a take (.json, .npz) to keep that face in, or None.
    """

    outputs: tuple[Path, ...] = ()
    overlay: Path | None = None
    overwrite: bool = False
    realtime: bool = False
    streams: tuple[Destination, ...] = ()
    summary: Path | None = None
    report: Path | None = None
    report_pictures: bool = True
    base: Path | None = None
    listing: bool = False
    calibrate: bool = False
    save_neutral: Path | None = None

    def __post_init__(self) -> None:
        if self.calibrate and not self.realtime:
            cause = "prompts a person, who needs the time to follow"
            raise UsageError("--calibrate", "E_USAGE", cause, "add --realtime")
        if self.save_neutral is not None:
            if not self.calibrate:
                cause = "keeps what --calibrate finds"
                raise UsageError("--save-neutral", "E_USAGE", cause, "add --calibrate, or capture a photo with -o")
            _check_ending(self.save_neutral, TAKES, "--save-neutral")
        if self.streams and not self.realtime:
            cause = "a receiver would get a video's frames as fast as they are read"
            raise UsageError(f"--stream {self.streams[0]}", "E_USAGE", cause, "add --realtime")

    def arranged(self, sources: Sequence[Path]) -> "BatchOptions":
        """The same once it is known what is read. Raises `UsageError`: the sources have no folder in common."""
        base = self.base or (common_folder(sources) if sources else None)
        listing = self.report is not None and not is_pattern(self.report) and len(sources) > 1
        return replace(self, base=base, listing=listing)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every name that was given for results."""
        return (*self.outputs, *(path for path in (self.overlay, self.summary, self.report) if path is not None))

    @property
    def tables(self) -> tuple[Path, ...]:
        """Those of the outputs that take the rows of every source."""
        return tuple(path for path in self.outputs if is_shared(path))

    @property
    def parts(self) -> tuple[str, ...]:
        """Endings of what a source adds to what several share, one for each kind."""
        endings = dict.fromkeys(path.suffix.lower() for path in self.tables)
        return (*endings, LISTED) if self.listing else tuple(endings)


def check_outputs(
    batch: BatchOptions,
    sources: Sequence[Path],
    ours: Callable[[Path], bool] = lambda target: False,
    live: bool = False,
) -> list[Path]:
    """Every file that would be written; refuses what could not be, before anything is read.

    Args:
        batch: what is to be left behind, `arranged` for the sources.
        sources: what is to be captured.
        ours: whether a file that is there is known, as written by the run that is gone on with.
        live: whether the source is a camera, whose overlay is a video.

    Raises:
        UsageError: an ending is unknown, or needs a package that is missing; two results would go to one file; a source
            or (without `overwrite`) an existing file would be overwritten; or the overlay of a photo would be a video.
    """
    for path in batch.outputs:
        _check_ending(path, (*TAKES, *TABLES), "-o")
    for flag, single, endings in (
        ("--overlay", batch.overlay, (*STILLS, *CLIPS)),
        ("--summary", batch.summary, PICTURES),
        ("--report", batch.report, PAGES),
    ):
        if single is not None and single.suffix:
            _check_ending(single, endings, flag)
    for path in batch.files:
        check_pattern(path)
    _check_shared(batch, sources)
    _check_packages(batch)
    inputs = {os.path.realpath(source) for source in sources}
    taken: dict[str, Path] = {}
    targets = list(_targets(batch, sources, live))
    for target, source, pattern in targets:
        place = os.path.realpath(target)
        if place in inputs:
            raise UsageError(target, "E_USAGE", "is one of the sources, which are never overwritten")
        if place in taken:
            both = f"two results would go to this file, of {taken[place]} and of {source}"
            raise UsageError(target, "E_USAGE", both, _apart(pattern, taken[place], source))
        if not batch.overwrite and os.path.isfile(target) and not ours(target):
            raise UsageError(target, "E_EXISTS", "the file exists already", "--overwrite replaces it")
        taken[place] = source
    return [target for target, _, _ in targets]


def own_targets(batch: BatchOptions, source: Path) -> list[Path]:
    """The files that are written for one source alone, once `check_outputs` has let them pass."""
    own = [named(pattern, source, batch.base) for pattern in batch.outputs if not is_shared(pattern)]
    if batch.overlay is not None:
        own.append(_overlay_target(batch.overlay, source, batch.base))
    if batch.summary is not None:
        own.append(picture_named(batch.summary, source, batch.base))
    if batch.report is not None and not batch.listing:
        own.append(page_named(batch.report, source, batch.base))
    return own


def is_shared(output: Path) -> bool:
    """Whether an output is a table that takes the rows of every source."""
    return output.suffix.lower() in TABLES and not is_pattern(output)


def _check_ending(path: Path, endings: Sequence[str], flag: str) -> None:
    if path.suffix.lower() not in endings:
        cause = f"{flag} does not write {path.suffix or 'a name without ending'}"
        further = "; `mien convert` and `mien animate` write further formats from a take" if flag == "-o" else ""
        raise UsageError(path, "E_USAGE", cause, f"known: {' '.join(endings)}{further}")


def _check_packages(batch: BatchOptions) -> None:
    """Said now: an hour later it would be too late."""
    for path in batch.outputs:
        if path.suffix.lower() == PARQUET:
            check_arrow(path)
    if batch.summary is not None:
        check_charts(batch.summary)
    if batch.report is not None:
        check_pages(batch.report)


def _check_shared(batch: BatchOptions, sources: Sequence[Path]) -> None:
    for path in batch.files:
        if len(sources) > 1 and not is_shared(path) and not is_pattern(path) and path is not batch.report:
            example = path.with_name(f"{NAME}{path.suffix}")
            cause = f"{len(sources)} sources cannot share this file"
            raise UsageError(path, "E_USAGE", cause, f"write {example}")


def _targets(batch: BatchOptions, sources: Sequence[Path], live: bool) -> Iterator[tuple[Path, Path, Path]]:
    """Every file that would be written, with its (first) source and its pattern."""
    base = batch.base
    for pattern in batch.outputs:
        first = sources[:1] if is_shared(pattern) else sources
        yield from ((named(pattern, source, base), source, pattern) for source in first)
    if batch.overlay is not None:
        yield from ((_overlay_target(batch.overlay, source, base, live), source, batch.overlay) for source in sources)
    if batch.summary is not None:
        yield from ((picture_named(batch.summary, source, base), source, batch.summary) for source in sources)
    if batch.report is not None:
        first = sources[:1] if batch.listing else sources
        yield from ((page_named(batch.report, source, base), source, batch.report) for source in first)


def _apart(pattern: Path, one: Path, other: Path) -> str:
    """What keeps the results of two sources apart."""
    if is_pattern(pattern) and foldered(pattern) != pattern and one.parent != other.parent:
        return f"write {foldered(pattern)}"
    if extended(pattern) != pattern and one.suffix.lower() != other.suffix.lower():
        return f"write {extended(pattern)}"
    return "capture them one by one, to different files"


def _overlay_target(overlay: Path, source: Path, base: Path | None, live: bool = False) -> Path:
    try:
        is_video = live or holds_video(source)
    except InputError:  # said when its turn comes
        return overlay_named(overlay, source, False, base)
    target = overlay_named(overlay, source, is_video, base)
    if is_video != (target.suffix.lower() in CLIPS):
        what, wanted = ("a video", ".mp4") if is_video else ("a photo", ".png")
        cause = f"the overlay of {what} cannot be {target.suffix}"
        raise UsageError(target, "E_USAGE", cause, f"name a {wanted}, or a name without ending")
    return target
