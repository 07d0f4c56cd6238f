"""Do people keep their numbers who pass each other, hide each other, leave, come back, or change places at a cut?"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tyro
from composed import HEIGHT, RATE, WIDTH, Actor, Figure, Shot, There, Way, composed, from_clip, from_photos, rooms
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

SEEN, MATCHES, ALONE = 0.7, 0.5, 0.3
"""Share of a face from which it counts as visible; overlap from which a box shows it; and up to which no other's does."""

Script = Callable[[float], tuple[Shot, ...]]


def _way(*marks: tuple[float, float, float]) -> Way:
    return Way(marks)


def _cross(size: float, other: float, rise: float = 0.0, pace: float = 1.0) -> tuple[Shot, ...]:
    back = Actor(0, other, _way((0, 0.2, 0.45 + rise), (0.6, 0.2, 0.45 + rise), (0.6 + 3 * pace, 0.8, 0.45 + rise)))
    front = Actor(1, size, _way((0, 0.8, 0.45), (0.6, 0.8, 0.45), (0.6 + 3 * pace, 0.2, 0.45)))
    return (Shot(1.6 + 3 * pace, 0, (back, front)),)


def _there_and_back(pace: float) -> tuple[Shot, ...]:
    back = Actor(0, 100, _way((0, 0.25, 0.45), (0.6, 0.25, 0.45), (0.6 + pace, 0.7, 0.45), (0.6 + 2 * pace, 0.25, 0.45)))
    front = Actor(1, 110, _way((0, 0.75, 0.5), (0.6, 0.75, 0.5), (0.6 + pace, 0.3, 0.5), (0.6 + 2 * pace, 0.75, 0.5)))
    return (Shot(1.6 + 2 * pace, 1, (back, front)),)


def _behind_for_long() -> tuple[Shot, ...]:
    """The one in front stops before the other, who goes on unseen, and goes back where they came from."""
    back = Actor(0, 90, _way((0, 0.5, 0.45), (3.5, 0.5, 0.45), (5, 0.2, 0.45), (6, 0.2, 0.45)))
    front = Actor(1, 120, _way((0, 0.85, 0.45), (0.6, 0.85, 0.45), (2, 0.5, 0.45), (3.5, 0.5, 0.45), (5, 0.85, 0.45)))
    return (Shot(6.5, 2, (back, front)),)


def _half_hidden() -> tuple[Shot, ...]:
    back = Actor(0, 110, _way((0, 0.3, 0.45), (5, 0.32, 0.45)))
    front = Actor(1, 110, _way((0, 0.8, 0.45), (0.8, 0.8, 0.45), (2, 0.4, 0.47), (3, 0.4, 0.47), (4.2, 0.8, 0.45)))
    return (Shot(5.0, 3, (back, front)),)


def _leaves_and_returns(away: float) -> tuple[Shot, ...]:
    stays = Actor(0, 100, _way((0, 0.6, 0.45), (away + 5, 0.65, 0.45)))
    goes = _way((0, 0.25, 0.45), (1, 0.25, 0.45), (2, -0.2, 0.45), (2.1, -0.2, 0.2), (2 + away, 1.2, 0.5), (3 + away, 0.88, 0.5))
    return (Shot(away + 4.5, 4, (stays, Actor(1, 90, goes))),)


def _both_leave_and_change_sides() -> tuple[Shot, ...]:
    def goes(side: float) -> Way:
        there, out = 0.5 + 0.25 * side, 0.5 + 0.75 * side
        return _way((0, there, 0.45), (1, there, 0.45), (2, out, 0.45), (5, out, -2), (5.1, 1 - out, 0.45), (6, 1 - there, 0.45))

    return (Shot(7.0, 5, (Actor(0, 100, goes(-1)), Actor(1, 100, goes(1)))),)


def _cut_changes_places() -> tuple[Shot, ...]:
    left, right = _way((0, 0.3, 0.45), (2, 0.32, 0.45)), _way((0, 0.7, 0.45), (2, 0.68, 0.45))
    return (
        Shot(2.0, 6, (Actor(0, 110, left), Actor(1, 110, right))),
        Shot(2.0, 7, (Actor(0, 110, right), Actor(1, 110, left))),
        Shot(2.0, 6, (Actor(0, 110, left), Actor(1, 110, right))),
    )


def _cuts_from_one_to_the_other() -> tuple[Shot, ...]:
    """A talk, one at a time in the picture, both in the same place."""
    place = _way((0, 0.5, 0.45), (2, 0.51, 0.45))
    return tuple(Shot(1.6, 8 + k % 2, (Actor(k % 2, 130, place),)) for k in range(4))


def _newcomer_in_the_old_place() -> tuple[Shot, ...]:
    leaves = _way((0, 0.5, 0.45), (1.2, 0.5, 0.45), (2, 1.2, 0.45), (5, 1.2, 0.45), (6, 0.8, 0.45))
    comes = _way((0, -0.2, 0.45), (2, -0.2, 0.45), (3, 0.5, 0.45))
    return (Shot(7.2, 10, (Actor(0, 110, leaves), Actor(1, 110, comes))),)


def _newcomer_walks_by() -> tuple[Shot, ...]:
    """Somebody new walks through the picture in front of the one who sits there."""
    sits = Actor(0, 90, _way((0, 0.5, 0.5), (6, 0.52, 0.5)))
    return (Shot(6.0, 11, (sits, Actor(1, 130, _way((0, -0.3, 0.4), (1.5, -0.3, 0.4), (4, 1.3, 0.4))))),)


def _two_before_a_third() -> tuple[Shot, ...]:
    sits = Actor(2, 80, _way((0, 0.5, 0.4), (6, 0.5, 0.4)))
    one = Actor(0, 100, _way((0, 0.15, 0.45), (0.8, 0.15, 0.45), (4, 0.85, 0.45)))
    other = Actor(1, 110, _way((0, 0.85, 0.5), (1.2, 0.85, 0.5), (4.6, 0.15, 0.5)))
    return (Shot(5.8, 12, (sits, one, other)),)


SCRIPTS: dict[str, Callable[[], tuple[Shot, ...]]] = {
    "cross, alike in size": lambda: _cross(105, 100),
    "cross, one far": lambda: _cross(120, 60),
    "cross, one face high, one low": lambda: _cross(105, 100, 0.13),
    "cross, quickly": lambda: _cross(110, 100, 0.03, 0.4),
    "there and back again": lambda: _there_and_back(1.8),
    "hidden for long": _behind_for_long,
    "half hidden": _half_hidden,
    "leaves for 3 s": lambda: _leaves_and_returns(3),
    "leaves for 6 s": lambda: _leaves_and_returns(6),
    "both leave, change sides": _both_leave_and_change_sides,
    "a cut changes places": _cut_changes_places,
    "cuts from one to the other": _cuts_from_one_to_the_other,
    "a newcomer in the old place": _newcomer_in_the_old_place,
    "a newcomer walks by": _newcomer_walks_by,
    "two pass before a third": _two_before_a_third,
}


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


def main(
    data: Path, output: Path | None = None, cast: str = "test", limit: int | None = None, ledger: bool = False
) -> None:
    """Count swapped numbers in composed clips of people who pass each other.

    Args:
        data: Folder with packs, photos and videos.
        output: Folder for sheets of frames with numbers, to be looked at.
        cast: Whose faces: dev or test.
        limit: Scripts.
        ledger: Also write the figures into benchmarks/ledger.
    """
    clips, london = CASTS[cast]
    figures = [from_clip(data / "videos" / f"{name}.mp4") for name in clips]
    figures += [
        from_photos([data / "photos" / f"london-{who}-{mood}.jpg" for mood in ("neutral", "smiling")]) for who in london
    ]
    backgrounds = rooms(data, 40)
    options = CaptureOptions()
    finder = FaceFinder(OnnxSession(card("finder")), options.least_score)
    reader = LandmarkReader(OnnxSession(card("landmarks")))
    counts: dict[str, Count] = {}
    rng = np.random.default_rng(0 if cast == "dev" else 1)
    for name, script in track(list(SCRIPTS.items())[:limit], "clips", transient=True):
        chosen: list[Figure] = [figures[k] for k in rng.permutation(len(figures))[:3]]

        def followed(
            script: Callable[[], tuple[Shot, ...]] = script, chosen: list[Figure] = chosen
        ) -> Iterator[tuple[Frame, list[There], list[Followed]]]:
            follower = Follower(finder, reader, options.max_faces, options.look_again, options.least_size)
            for frame, there in composed(script(), chosen, backgrounds):
                yield frame, there, follower.see(frame)

        counts[name] = count(followed(), output is not None)
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            sheet(counts[name].frames).save(output / f"{name.replace(',', '').replace(' ', '-')}.png")
    every = list(counts.values())
    visible = sum(one.visible for one in every)
    rows = [
        Row("numbers that went from one person to another", sum(one.swaps for one in every), "times", "<= 0"),
        Row("numbers beyond the people", sum(max(one.numbers - one.people, 0) for one in every), "numbers", None, "<= 0"),
        Row("visible faces read", 100 * sum(one.read for one in every) / visible, "%"),
        Row("visible faces read under their first number", 100 * sum(one.own for one in every) / visible, "%"),
        *(
            Row(f"{name}: swaps / numbers beyond / own number", one.swaps + 0.0, f"/ {one.numbers - one.people} / {100 * one.own / one.visible:.1f} %")
            for name, one in counts.items()
        ),
    ]
    notes = (
        f"{len(every)} clips of two or three people at {WIDTH}x{HEIGHT}, {RATE:.0f} a second, cut out of clips and photos of "
        "one person each and moved over photographed rooms and streets.",
        f"A face is visible when {SEEN:.0%} of its box is; hybrid readings of two faces that overlap are not counted.",
    )
    publish(Report("Crossings", command(data, limit, f"--cast {cast}"), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
