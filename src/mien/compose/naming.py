"""The names of results: patterns in which `{name}`, `{ext}` and `{folder}` stand for a source's."""

import os
import re
from collections.abc import Sequence
from glob import has_magic
from pathlib import Path

from mien.core.errors import UsageError

NAME, EXT, FOLDER = "{name}", "{ext}", "{folder}"

CLIPS, STILLS = (".mp4",), (".png", ".jpg", ".jpeg", ".webp")


def named(pattern: Path, source: Path, base: Path | None = None) -> Path:
    """A pattern with what its placeholders stand for.

    Args:
        pattern: `{name}` in it stands for the source's name, without folder and ending; `{ext}` for its ending, in
            small letters and without the dot; `{folder}`, which is a part of the path by itself, for the source's
            folder within `base`. Neither leads out of where the pattern points.
        source: the photo or video.
        base: an absolute folder that holds the source; needed for `{folder}` only.

    Raises:
        UsageError: the source does not lie in `base`.
    """
    parts: list[str] = []
    for part in pattern.parts:
        parts += _within(source, base) if part == FOLDER else [_filled(part, source)]
    return Path(*parts)


def _filled(part: str, source: Path) -> str:
    """A part of a pattern, with what its placeholders stand for; they are not looked for in names of files."""
    said = {NAME: source.stem, EXT: source.suffix[1:].lower()}
    return re.sub("|".join(map(re.escape, said)), lambda found: said[found[0]], part)


def overlay_named(pattern: Path, source: Path, is_video: bool, base: Path | None = None) -> Path:
    """`named`; a pattern without ending gets the one that suits the source: .mp4 for a video, .png for a photo."""
    return _ended(pattern, named(pattern, source, base), (CLIPS if is_video else STILLS)[0])


def picture_named(pattern: Path, source: Path, base: Path | None = None) -> Path:
    """`named`; a pattern without ending gets .png."""
    return _ended(pattern, named(pattern, source, base), STILLS[0])


def page_named(pattern: Path, source: Path, base: Path | None = None) -> Path:
    """`named`; a pattern without ending gets .html."""
    return _ended(pattern, named(pattern, source, base), ".html")


def _ended(pattern: Path, target: Path, ending: str) -> Path:
    return target if pattern.suffix else target.with_name(target.name + ending)


def is_pattern(path: Path) -> bool:
    """Whether a name holds a placeholder, and so stands for a file of each source."""
    return NAME in str(path) or EXT in str(path) or FOLDER in path.parts


def check_pattern(path: Path) -> None:
    """Raises `UsageError` when `{folder}` stands elsewhere than between slashes."""
    if any(FOLDER in part for part in (*(p for p in path.parts[:-1] if p != FOLDER), *path.parts[-1:])):
        cause = "{folder} stands for folders, and so between slashes alone"
        raise UsageError(path, "E_USAGE", cause, f"write {foldered(path)}")


def foldered(path: Path) -> Path:
    """A pattern like `path` that keeps apart what lies in several folders: for advice."""
    stem = path.name.replace(FOLDER, "").strip("-_ .") or NAME
    name = stem if NAME in stem else f"{NAME}{path.suffix}"
    return Path(*(part for part in path.parts[:-1] if FOLDER not in part), FOLDER, name)


def extended(path: Path) -> Path:
    """A pattern like `path` that keeps apart what has one name and several endings: for advice."""
    return path if EXT in path.name else path.with_name(path.name.replace(NAME, f"{NAME}-{EXT}"))


def common_folder(places: Sequence[Path]) -> Path:
    """The innermost folder that holds everything that was named, absolute: what `{folder}` is relative to.

    Args:
        places: files, folders, or patterns as `clips/**/*.mp4`, which count by their fixed beginning. A folder that is
            named alone is the answer, so that files that are added to it later move no result.

    Raises:
        UsageError: there is none, for they lie on several drives.
    """
    folders = [os.path.abspath(_fixed(place)) for place in places]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:
        cause = "stands for nothing, for the sources lie on several drives"
        raise UsageError(FOLDER, "E_USAGE", cause, "capture each drive by itself") from None


def _fixed(place: Path) -> Path:
    """The folder that something named lies in; itself for a folder."""
    if os.path.isdir(place):
        return place
    if not os.path.lexists(place):
        magic = [k for k, part in enumerate(place.parts) if has_magic(part)]
        if magic:
            return Path(*place.parts[: magic[0]])
    return place.parent


def _within(source: Path, base: Path | None) -> tuple[str, ...]:
    """The folders between `base` and a source."""
    if base is None:
        raise ValueError("{folder} needs a base")
    folder = Path(os.path.abspath(source.parent))
    if not folder.is_relative_to(base):
        raise UsageError(source, "E_USAGE", f"does not lie in {base}, which {FOLDER} is relative to")
    return folder.relative_to(base).parts
