"""Do people keep their numbers who pass each other, hide each other, leave, come back, or change places at a cut?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from composed import HEIGHT, RATE, WIDTH, Figure, There, composed, from_clip, from_photos, rooms
from crossing_scripts import SCRIPTS
from ledger import command, publish
from PIL import Image, ImageDraw
from rich.progress import track

from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.detect.faces import FaceFinder
from mien.detect.follow import Followed, Follower
from mien.detect.landmarks import LandmarkReader
from mien.pipelines.capture import CaptureOptions
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

CASTS = {
    "dev": (("driving-d0", "driving-d6", "driving-d19"), ("001", "006", "011", "017", "022", "029", "034", "041")),
    "test": (
        ("driving-d3", "driving-d10", "single_face", "WolfgangLanger_Pexels"),
        ("061", "067", "082", "091", "099", "104", "113", "119", "124", "129", "135", "140"),
    ),
}
"""Clips and people of the London set: choices were made on the first, figures are of the second."""

BACKGROUNDS = 40

SEEN, MATCHES, ALONE = 0.7, 0.5, 0.3
"""Share of a face from which it is visible; overlap from which a box shows it, and up to which it does not."""


@dataclass
class Count:
    """What became of the numbers in a clip.

    Args:
        swaps: how often a number went from one person to another.
        numbers: how many there were.
        people: how many people could be seen.
        visible: faces that could be seen, over all frames.
        read: those of them that were read.
        own: those that were read under the number that its person had first.
        nobody: readings of nothing, or of a face that could hardly be seen.
    """

    swaps: int = 0
    numbers: int = 0
    people: int = 0
    visible: int = 0
    read: int = 0
    own: int = 0
    nobody: int = 0
    frames: list[Image.Image] = field(default_factory=list)

    @property
    def beyond(self) -> int:
        """Numbers more than there were people."""
        return max(self.numbers - self.people, 0)


def count(followed: Iterable[tuple[Frame, list[There], list[Followed]]], draw: bool = False) -> Count:
    """Holds the numbers against who is where."""
    found = Count()
    whose: dict[int, int] = {}
    first: dict[int, int] = {}
    numbers, people = set[int](), set[int]()
    for frame, there, seen in followed:
        boxes = np.array([one.box for one in there])
        clear = {one.person for one in there if one.visible >= SEEN}
        people |= clear
        found.visible += len(clear)
        read = set()
        for one in seen:
            numbers.add(one.face)
            overlaps = box_overlap(bounds(one.sight.landmarks.points), boxes)
            best = int(overlaps.argmax())
            person, others = there[best].person, np.delete(overlaps, best)
            if overlaps[best] < MATCHES or there[best].visible < SEEN:
                found.nobody += 1
                continue
            read.add(person)
            first.setdefault(person, one.face)
            found.own += first[person] == one.face
            if others.max(initial=0) <= ALONE:
                found.swaps += whose.get(one.face, person) != person
                whose[one.face] = person
        found.read += len(read & clear)
        if draw and frame.index % 5 == 0:
            found.frames.append(drawn(frame, there, seen))
    found.numbers, found.people = len(numbers), len(people)
    return found


def drawn(frame: Frame, there: Sequence[There], seen: Sequence[Followed]) -> Image.Image:
    """The frame with the true boxes (thin, with letters) and what was followed (points, with numbers)."""
    picture = Image.fromarray(frame.pixels)
    draw = ImageDraw.Draw(picture)
    for one in there:
        draw.rectangle(tuple(one.box.tolist()), outline="white" if one.visible >= SEEN else "grey")
        draw.text(tuple(one.box[:2].tolist()), "ABC"[one.person], fill="white", font_size=20)
    for face in seen:
        points = face.sight.landmarks.points[::4, :2]
        colour = ("yellow", "cyan", "magenta", "lime", "orange", "red")[face.face % 6]
        for x, y in points.tolist():
            draw.rectangle((x - 1, y - 1, x + 1, y + 1), fill=colour)
        x, y = bounds(face.sight.landmarks.points)[[2, 1]].tolist()
        draw.text((x + 4, y), str(face.face), fill=colour, font_size=34)
    draw.text((4, 4), f"{frame.time:.2f} s", fill="white", font_size=16)
    return picture.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.BOX)


def sheet(frames: Sequence[Image.Image]) -> Image.Image:
    """Frames side by side, six a row."""
    rows = -(-len(frames) // 6)
    whole = Image.new("RGB", (6 * WIDTH // 2, rows * HEIGHT // 2))
    for k, frame in enumerate(frames):
        whole.paste(frame, (k % 6 * WIDTH // 2, k // 6 * HEIGHT // 2))
    return whole


def figures_of(data: Path, cast: str) -> tuple[list[Figure], int]:
    """Everybody in a cast, and how many of them, from the first, are filmed rather than photographed."""
    clips, london = CASTS[cast]
    filmed = [from_clip(data / "videos" / f"{name}.mp4") for name in clips]
    files = [[data / "photos" / f"london-{who}-{mood}.jpg" for mood in ("neutral", "smiling")] for who in london]
    return [*filmed, *(from_photos(pair) for pair in files)], len(filmed)


def chosen(figures: Sequence[Figure], filmed: int, rng: np.random.Generator) -> list[Figure]:
    """Three people; of the first two one at least is filmed, for stills are easily known again."""
    first = int(rng.integers(filmed))
    others = rng.permutation(len(figures))
    three = [first, *others[others != first][:2].tolist()]
    three[:2] = rng.permutation(three[:2]).tolist()
    return [figures[k] for k in three]


def main(
    data: Path,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    cast: Literal["dev", "test"] = "test",
    limit: int | None = None,
    ledger: bool = False,
) -> None:
    """Count swapped numbers in composed clips of people who pass each other.

    Args:
        data: Folder with packs, photos and videos.
        output: Folder for sheets of frames with numbers, to be looked at.
        cast: Whose faces: dev or test.
        limit: Clips; all when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    figures, filmed = figures_of(data, cast)
    backgrounds = rooms(data, BACKGROUNDS)
    options = CaptureOptions()
    finder = FaceFinder(OnnxSession(card("finder")), options.least_score)
    reader = LandmarkReader(OnnxSession(card("landmarks")))
    rng = np.random.default_rng(0)
    counts: dict[str, Count] = {}
    for name, script in track(list(SCRIPTS.items())[:limit], "clips", transient=True):
        follower = Follower(finder, reader, options.max_faces, options.look_again, options.least_size)
        clip = composed(script(), chosen(figures, filmed, rng), backgrounds)
        counts[name] = count(((frame, there, follower.see(frame)) for frame, there in clip), output is not None)
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            sheet(counts[name].frames).save(output / f"{name.replace(',', '').replace(' ', '-')}.png")
    publish(Report("Crossings", command(data, limit, f"--cast {cast}"), *told(counts)), ledger)


def told(counts: dict[str, Count]) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The figures, all clips together and one by one, and what they mean."""
    every = list(counts.values())
    visible = sum(one.visible for one in every)
    rows = [
        Row("numbers that went from one person to another", sum(one.swaps for one in every), "times", "<= 0"),
        Row("numbers beyond the people", sum(one.beyond for one in every), "numbers", None, "<= 0"),
        Row("visible faces read", 100 * sum(one.read for one in every) / visible, "%"),
        Row("visible faces read under their first number", 100 * sum(one.own for one in every) / visible, "%"),
    ]
    for name, one in counts.items():
        rows.append(Row(f"{name}: visible faces read under their first number", 100 * one.own / one.visible, "%"))
        rows += [Row(f"{name}: numbers that went to another", one.swaps, "times")] if one.swaps else []
        rows += [Row(f"{name}: numbers beyond the people", one.beyond, "numbers")] if one.beyond else []
    return tuple(rows), (
        f"{len(every)} clips of two or three people at {WIDTH}x{HEIGHT}, {RATE:.0f} frames a second: heads and "
        "shoulders cut out of clips and photos of one person each, moved over photographs without people.",
        f"A face is visible when {SEEN:.0%} of its box is. A reading counts for a face when their boxes overlap by "
        f"{MATCHES:.0%}; whose a number is counts only where no other face's box overlaps it by more than {ALONE:.0%}.",
    )


if __name__ == "__main__":
    tyro.cli(main)
