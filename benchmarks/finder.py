"""Does the face finder find them all, at every size, and nothing else?"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track

from mien.core.arrays import Array
from mien.core.errors import UsageError
from mien.core.geometry import bounds, box_overlap
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.data.canvases import CanvasMaker, portraits
from mien.data.packs import FacesPack, ScenesPack, read_folder
from mien.data.tiles import faceless_window
from mien.detect.faces import LONGEST, FaceFinder
from mien.detect.follow import Follower
from mien.detect.landmarks import LandmarkReader
from mien.runtime.session import OnnxSession
from mien.weights.catalog import card

BANDS = (
    (24, 32, ">= 0.80", ">= 0.90"),
    (32, 48, ">= 0.93", ">= 0.97"),
    (48, 96, ">= 0.98", ">= 0.99"),
    (96, 300, ">= 0.99", ">= 1.00"),
)
"""Longer side of the faces in pixels, with the floor and the aim of the share that is found."""

COMPOSITES = 300
FACELESS = 400
SAME = 0.5
MOST_FACES = 20

Labelled = Iterable[tuple[Frame, Array]]
"""Pictures with the boxes [N, 4] of their faces."""


def matched(found: Array, true: Array) -> int:
    """How many boxes `true` [N, 4] have one of `found` [M, 4] to themselves: best overlap first, each used once."""
    if len(found) == 0 or len(true) == 0:
        return 0
    overlap = np.array([box_overlap(box, found) for box in true])
    count = 0
    while overlap.max() >= SAME:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[row], overlap[:, column] = -1, -1
        count += 1
    return count


def clipped(boxes: Array, frame: Frame) -> Array:
    """Boxes [N, 4] cut at the picture's edges, where nobody can say how a face goes on."""
    size = np.array([frame.width, frame.height, frame.width, frame.height])
    return np.clip(boxes.reshape(-1, 4), 0, size)


def tally(finder: FaceFinder, pictures: Labelled) -> tuple[int, int, int]:
    """How many faces were found, how many there are, how many answers were given."""
    hits = faces = answers = 0
    for frame, true in pictures:
        found = clipped(np.array([detection.box for detection in finder.find(frame)]), frame)
        hits += matched(found, clipped(true, frame))
        faces, answers = faces + len(true), answers + len(found)
    return hits, faces, answers


def web(scenes: ScenesPack, limit: int | None) -> Iterator[tuple[Frame, Array]]:
    """Validation scenes that are no collages."""
    chosen = [index for index in scenes.indices("val") if scenes.kind[index] == "web"][:limit]
    return ((Frame(scenes.pictures.rgb(index)), scenes.boxes[index]) for index in chosen)


def wild(packs: list[FacesPack], limit: int | None) -> Iterator[tuple[Frame, Array]]:
    """Whole news photographs with the one labelled face of each."""
    for pack in packs:
        if "wild" in pack.name:
            for index in track(pack.indices("val")[:limit], pack.name, transient=True):
                yield Frame(pack.pictures.rgb(index)), bounds(pack.landmarks[index])[None]


def composites(maker: CanvasMaker, least: int, most: int, count: int) -> Iterator[tuple[Frame, Array]]:
    """Rooms with one to three faces of a band of sizes pasted in, as large as a picture is when the finder sees it."""
    rng = np.random.default_rng(least)
    for _ in track(range(count), f"{least} to {most} px", transient=True):
        sizes = np.exp(rng.uniform(np.log(least), np.log(most), int(rng.integers(1, 4))))
        canvas = maker.composite(rng, sizes.tolist(), LONGEST)
        yield grey_frame(canvas.grey), canvas.boxes


def faceless(scenes: ScenesPack, count: int) -> Iterator[Frame]:
    """Validation scenes without a face, whole, then windows beside the faces of any but the collages."""
    rng = np.random.default_rng(3)
    usable = [i for i in scenes.indices("val") if scenes.kind[i] == "web" or len(scenes.boxes[i]) == 0]
    empty = [index for index in usable if len(scenes.boxes[index]) == 0][:count]
    yield from (Frame(scenes.pictures.rgb(index)) for index in empty)
    left = count - len(empty)
    while left > 0:
        index = usable[rng.integers(len(usable))]
        window = faceless_window(scenes.pictures.grey(index), scenes.boxes[index], rng)
        if window is not None:
            left -= 1
            yield grey_frame(np.asarray(window))


def grey_frame(grey: Array) -> Frame:
    """A frame of luminance [H, W]."""
    return Frame(np.repeat(grey[..., None], 3, 2))


def false_rows(finder: FaceFinder, reader: LandmarkReader, scenes: ScenesPack, count: int) -> list[Row]:
    """Faces seen where there is none, by the finder alone and by capture, whose landmark network must agree."""
    raw = confirmed = 0
    for frame in track(faceless(scenes, count), "faceless", total=count, transient=True):
        raw += len(finder.find(frame))
        confirmed += len(Follower(finder, reader, MOST_FACES, None).see(frame))
    where = f"on {count} faceless pictures and windows"
    return [
        Row(f"false faces of capture {where}", confirmed, "faces", "<= 3", "<= 0"),
        Row(f"false faces of the finder alone {where}", raw, "faces"),
    ]


def recall(name: str, hits: int, faces: int, floor: str | None = None, aim: str | None = None) -> Row:
    """The share of the faces that was found."""
    return Row(f"recall, {name}: {hits} of {faces}", hits / faces if faces else float("nan"), "", floor, aim)


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Measure the face finder on validation pictures.

    Args:
        data: Folder with the packs (faces-*.npz, scenes.npz).
        limit: Pictures of each kind; all of them when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    packs, scenes = read_folder(data)
    if scenes is None:
        raise UsageError(data, "E_USAGE", "holds no scenes.npz", "the finder is measured on its pictures")
    finder = FaceFinder(OnnxSession(card("finder")))
    web_hits, web_faces, web_answers = tally(finder, web(scenes, limit))
    wild_hits, wild_faces, _ = tally(finder, wild(packs, limit))
    rows = [
        recall("web and wild", web_hits + wild_hits, web_faces + wild_faces, ">= 0.97", ">= 0.99"),
        recall("web scenes", web_hits, web_faces),
        recall("wild pictures", wild_hits, wild_faces),
    ]
    precision = web_hits / web_answers if web_answers else float("nan")
    rows.append(Row(f"precision, web scenes: {web_hits} of {web_answers} answers", precision))
    maker = CanvasMaker(portraits(packs, "val"), scenes, "val")
    for least, most, floor, aim in BANDS:
        hits, faces, _ = tally(finder, composites(maker, least, most, limit or COMPOSITES))
        rows.append(recall(f"composites, {least} to {most} px", hits, faces, floor, aim))
    reader = LandmarkReader.shipped()
    rows += false_rows(finder, reader, scenes, limit or FACELESS)
    notes = (
        f"Found: overlap (intersection over union) of {SAME} or more, each answer used once, boxes cut at the edges.",
        f"Composites: {limit or COMPOSITES} a band, {LONGEST} px wide; one to three faces in a faceless room.",
        "Wild pictures count the labelled face only; others may stand behind it. The teacher labelled the scenes: a "
        "face that it missed lowers the precision.",
        "Composites are made by the code that makes training's, of faces and rooms that it never saw; the validation "
        "scenes hold few rooms, so composites and faceless windows repeat them.",
        "Capture reports a face when the landmark network confirms what the finder found.",
    )
    publish(Report("Face finder", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
