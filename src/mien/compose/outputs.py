"""Where results go: the files that a batch will write, checked before anything is read."""

import os
from collections.abc import Sequence
from pathlib import Path

from mien.compose.sources import holds_video
from mien.core.errors import InputError, UsageError

TAKES = (".json", ".npz")
TABLES = (".csv",)
STILLS = (".png", ".jpg", ".jpeg", ".webp")
CLIPS = (".mp4",)


def named(pattern: Path, source: Path) -> Path:
    """`pattern` with the source's name, without folder and ending, in the place of `{name}`."""
    return Path(str(pattern).replace("{name}", source.stem))


def overlay_named(pattern: Path, source: Path, is_video: bool) -> Path:
    """`named`; a pattern without ending gets the one that suits the source: .mp4 for a video, .png for a photo."""
    target = named(pattern, source)
    return target if pattern.suffix else target.with_name(target.name + (CLIPS if is_video else STILLS)[0])


def check_outputs(
    outputs: Sequence[Path], overlay: Path | None, sources: Sequence[Path], overwrite: bool = False
) -> list[Path]:
    """Every file that would be written; refuses what could not be, before anything is read.

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
        if not overwrite and os.path.isfile(target):
            raise UsageError(target, "E_EXISTS", "the file exists already", "--overwrite replaces it")
        taken[place] = source
    return [target for target, _ in targets]


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
        shared = pattern.suffix.lower() in TABLES and "{name}" not in str(pattern)
        targets += [(named(pattern, source), source) for source in (sources[:1] if shared else sources)]
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
