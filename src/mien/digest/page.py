"""One page about one source: what was read, the strongest moments, curves, blinks, and a table of every channel."""

from dataclasses import dataclass
from pathlib import Path

from mien.core.basis import ARKIT, action_name
from mien.digest.blinks import LONGEST, RISE, WITHIN
from mien.digest.curves import Group, Tick, blinks_of, gaps_of, groups_of, ticks_of, times_of
from mien.digest.engine import write_page
from mien.digest.pictures import Shot, shot_of
from mien.digest.ranks import blinks_text, channel, clock, counted, more_faces, shown_faces, sides_text, strongest
from mien.digest.record import ACTIVE_FROM, POSE, FaceDigest, SourceDigest

_BARS = 10


@dataclass(frozen=True, slots=True)
class About:
    """How a page came about.

    Args:
        version: of mien.
        options: names and values of the options of capture.
        models: names and SHA-256 of the weight files.
    """

    version: str
    options: tuple[tuple[str, str], ...]
    models: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A weight of a photo's face: its action, side (`left`, `right`, `middle`) and value."""

    name: str
    kind: str
    weight: float


@dataclass(frozen=True, slots=True)
class Cells:
    """A row of the table of channels; times in seconds and in words."""

    name: str
    mean: float
    deviation: float
    most: float
    most_at: float
    most_at_text: str
    active: float


@dataclass(frozen=True, slots=True)
class FaceView:
    """What a page shows of one face."""

    number: int
    facts: tuple[tuple[str, str], ...]
    portrait: Shot
    moments: tuple[Shot, ...]
    groups: tuple[Group, ...]
    gaps: tuple[tuple[int, int], ...]
    blinks: tuple[int, ...]
    bars: tuple[Bar, ...]
    rows: tuple[Cells, ...]

    @property
    def data(self) -> list[list[list[int | None]]]:
        """The values of every row and line, in their order, for the script of the page."""
        return [[list(line.values) for line in row.lines] for group in self.groups for row in group.rows]


def write_report(
    digest: SourceDigest, about: About, path: Path, pictures: bool = True, overwrite: bool = False
) -> None:
    """Writes the page about a source.

    Args:
        digest: what was read.
        about: how.
        path: the file.
        pictures: whether it holds pictures of the faces.
        overwrite: whether a file that is there may be replaced.

    Raises:
        OutputError: E_EXISTS, or the disk refuses.
    """
    ticks: tuple[Tick, ...] = ticks_of(digest) if digest.is_video else ()
    values: dict[str, object] = {
        "digest": digest,
        "title": Path(digest.name).name,
        "about": about,
        "facts": _facts(digest),
        "faces": [_view(digest, face, pictures) for face in shown_faces(digest)],
        "more": more_faces(digest),
        "ticks": ticks,
        "times": times_of(digest) if digest.is_video else (),
        "active_from": ACTIVE_FROM,
        "blink": (RISE, WITHIN, LONGEST),
        "pictures": pictures,
    }
    write_page("source.html", values, path, overwrite)


def size_text(size: int) -> str:
    """Bytes as people read them."""
    if size < 1000:
        return counted(size, "byte")
    for unit, factor in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if size < 1000 * factor or unit == "GB":
            return f"{size / factor:.3g} {unit}" if size < 1000 * factor else f"{size / factor:,.0f} {unit}"
    raise ValueError(f"{size} is no size")


def _facts(digest: SourceDigest) -> tuple[tuple[str, str], ...]:
    facts = [("Picture", sides_text(digest))]
    if digest.size:
        facts.insert(0, ("File", size_text(digest.size)))
    if digest.is_video:
        facts.append(("Duration", clock(digest.end - digest.start)))
        rate = f", {digest.frame_rate:.4g} per second" if digest.frame_rate else ""
        facts.append(("Frames", f"{digest.frames:,}{rate}"))
        facts.append(("Frames without a face", f"{digest.without_face:,}"))
    facts.append(("Faces", f"{len(digest.faces) + digest.left_out:,}"))
    return tuple(facts)


def _view(digest: SourceDigest, face: FaceDigest, pictures: bool) -> FaceView:
    video = digest.is_video
    if video:
        facts = [
            ("Seen", f"in {face.frames:,} of {counted(digest.frames, 'frame')}"),
            ("From", f"{clock(face.first)} to {clock(face.last)}"),
            ("Blinks", blinks_text(face).removeprefix("blinks ")),
        ]
    else:
        facts = [(name.capitalize(), f"{face.mean[0, channel(name)]:+.0f}°") for name in POSE]
    facts.append(("Mean quality" if video else "Quality", f"{face.quality:.2f}"))
    return FaceView(
        face.face,
        tuple(facts),
        shot_of(face.portrait, pictures),
        tuple(shot_of(moment, pictures) for moment in face.moments) if video else (),
        groups_of(digest, face) if video else (),
        gaps_of(digest, face) if video else (),
        blinks_of(digest, face) if video else (),
        () if video else _bars(face),
        _rows(face),
    )


def _bars(face: FaceDigest) -> tuple[Bar, ...]:
    bars = []
    for row in strongest(face, _BARS):
        for column, kind in zip(row, ("left", "right") if len(row) == 2 else ("middle",), strict=True):
            bars.append(Bar(action_name(row), kind, float(face.statistics.most[ARKIT.index(column)])))
    return tuple(bars)


def _rows(face: FaceDigest) -> tuple[Cells, ...]:
    told = face.statistics
    arrays = (told.mean, told.deviation, told.most, told.most_at, told.active)
    numbers = zip(*(array.tolist() for array in arrays), strict=True)
    return tuple(
        Cells(column, mean, deviation, most, most_at, clock(most_at), active)
        for column, (mean, deviation, most, most_at, active) in zip(ARKIT.columns, numbers, strict=True)
    )
