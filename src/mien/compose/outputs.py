"""Where results go: the files that a batch will write, checked before anything is read."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.compose.sources import holds_video
from mien.core.errors import InputError, UsageError
from mien.formats.stream import Destination

TAKES = (".json", ".npz")
TABLES = (".csv",)
STILLS = (".png", ".jpg", ".jpeg", ".webp")
CLIPS = (".mp4",)


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What a batch leaves behind.

    Args:
        outputs: files to write, `.json` or `.npz` takes and `.csv` tables; `{name}` stands for the source's name.
        overlay: picture or video to write with the readings drawn on it, or None.
        overwrite: whether existing files are replaced.
        realtime: whether frames are read at the pace of their own times, and dropped when they come too late.
        streams: receivers that get every moment over UDP; they need `realtime`, or they would be flooded.
        calibrate: whether the first ten seconds are a session that finds the resting face; it needs `realtime`.
        save_neutral: a take (.json, .npz) to keep that face in, or None.
    """

    outputs: tuple[Path, ...] = ()
    overlay: Path | None = None
    overwrite: bool = False
    realtime: bool = False
    streams: tuple[Destination, ...] = ()
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


def named(pattern: Path, source: Path) -> Path:
    """`pattern` with the source's name, without folder and ending, in the place of `{name}`."""
    return Path(str(pattern).replace("{name}", source.stem))


def overlay_named(pattern: Path, source: Path, is_video: bool) -> Path:
    """`named`; a pattern without ending gets the one that suits the source: .mp4 for a video, .png for a photo."""
    target = named(pattern, source)
    return target if pattern.suffix else target.with_name(target.name + (CLIPS if is_video else STILLS)[0])


def check_outputs(
    outputs: Sequence[Path],
    overlay: Path | None,
    sources: Sequence[Path],
    overwrite: bool = False,
    ours: Callable[[Path], bool] = lambda target: False,
) -> list[Path]:
    """Every file that would be written; refuses what could not be, before anything is read.

    Args:
        outputs: names of takes and tables, with `{name}` or without.
        overlay: name of a picture or video, or None.
        sources: what is to be captured.
        overwrite: whether existing files may be replaced.
        ours: whether a file that is there is known, as written by the run that is gone on with.

    Raises:
        UsageError: an ending is unknown, two results would go to one file, a source or (without `overwrite`) an
            existing file would be overwritten, or the overlay of a photo would be a video.
    """
    for path in outputs:
        _check_ending(path, (*TAKES, *TABLES), "-o")
    if overlay is not None and overlay.suffix:
        _check_ending(overlay, (*STILLS, *CLIPS), "--overlay")
    _check_shared((*outputs, *((overlay,) if overlay else ())), sources)
    inputs = {os.path.realpath(source) for source in sources}
    taken: dict[str, Path] = {}
    targets = _targets(outputs, overlay, sources)
    for target, source in targets:
        place = os.path.realpath(target)
        if place in inputs:
            raise UsageError(target, "E_USAGE", "is one of the sources, which are never overwritten")
        if place in taken:
            both = f"two results would go to this file, of {taken[place]} and of {source}"
            raise UsageError(target, "E_USAGE", both, "capture them one by one, to different files")
        if not overwrite and os.path.isfile(target) and not ours(target):
            raise UsageError(target, "E_EXISTS", "the file exists already", "--overwrite replaces it")
        taken[place] = source
    return [target for target, _ in targets]


def own_targets(outputs: Sequence[Path], overlay: Path | None, source: Path) -> list[Path]:
    """The files that are written for one source alone, once `check_outputs` has let them pass."""
    own = [named(pattern, source) for pattern in outputs if not is_shared(pattern)]
    return own if overlay is None else [*own, _overlay_target(overlay, source)]


def is_shared(output: Path) -> bool:
    """Whether an output is a table that takes the rows of every source."""
    return output.suffix.lower() in TABLES and "{name}" not in str(output)


def _check_ending(path: Path, endings: Sequence[str], flag: str) -> None:
    if path.suffix.lower() not in endings:
        cause = f"{flag} does not write {path.suffix or 'a name without ending'}"
        further = "; `mien convert` and `mien animate` write further formats from a take" if flag == "-o" else ""
        raise UsageError(path, "E_USAGE", cause, f"known: {' '.join(endings)}{further}")


def _check_shared(patterns: Sequence[Path], sources: Sequence[Path]) -> None:
    for path in patterns:
        if len(sources) > 1 and path.suffix.lower() not in TABLES and "{name}" not in str(path):
            example = path.with_name(f"{{name}}{path.suffix}")
            cause = f"{len(sources)} sources cannot share this file"
            raise UsageError(path, "E_USAGE", cause, f"write {example}")


def _targets(outputs: Sequence[Path], overlay: Path | None, sources: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Every file that would be written, with its (first) source."""
    targets = []
    for pattern in outputs:
        first = sources[:1] if is_shared(pattern) else sources
        targets += [(named(pattern, source), source) for source in first]
    if overlay is None:
        return targets
    return targets + [(_overlay_target(overlay, source), source) for source in sources]


def _overlay_target(overlay: Path, source: Path) -> Path:
    try:
        is_video = holds_video(source)
    except InputError:  # said when its turn comes
        return overlay_named(overlay, source, False)
    target = overlay_named(overlay, source, is_video)
    if is_video != (target.suffix.lower() in CLIPS):
        what, wanted = ("a video", ".mp4") if is_video else ("a photo", ".png")
        cause = f"the overlay of {what} cannot be {target.suffix}"
        raise UsageError(target, "E_USAGE", cause, f"name a {wanted}, or a name without ending")
    return target
