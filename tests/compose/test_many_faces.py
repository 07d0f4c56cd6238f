"""More faces than may be read at once: said with the source, in its record and in the terminal."""

import json
from pathlib import Path

import numpy as np
import pytest
from portraits import placed, write_clip, write_photo

from mien.compose.batches import RunOptions, run_batch
from mien.compose.captures import capture_batch
from mien.compose.done import Done
from mien.compose.items import MANY_FACES
from mien.compose.outputs import BatchOptions
from mien.pipelines.capture import CaptureOptions, FaceChoice


@pytest.fixture
def crowd(folder: Path) -> Path:
    """A photo of three."""
    faces = [placed((75, 80), size, 0, 150, 160)[0] for size in (0.7, 0.8, 0.75)]
    return write_photo(folder / "in" / "crowd.png", np.concatenate(faces, axis=1))


def codes(done: Done) -> list[str]:
    return [note.code for note in done.notes]


def test_the_note_says_how_many_are_read_and_how_to_read_more(crowd: Path) -> None:
    (done,) = capture_batch([crowd], BatchOptions(), CaptureOptions(max_faces=2))
    assert (done.faces, codes(done)) == (2, [MANY_FACES])
    assert done.notes[0].cause == "more faces were found than the 2 that are read at once; --max-faces allows more"


@pytest.mark.parametrize("options", [CaptureOptions(max_faces=3), CaptureOptions(face=FaceChoice(largest=True))])
def test_enough_is_not_too_many(crowd: Path, options: CaptureOptions) -> None:
    (done,) = capture_batch([crowd], BatchOptions(), options)
    assert codes(done) == []


def test_a_record_says_it_too(crowd: Path, folder: Path) -> None:
    alone = write_clip(folder / "in" / "alone.mp4", 3)
    run_batch([crowd, alone], BatchOptions(), CaptureOptions(max_faces=1), RunOptions(workers=1, journal=folder / "j"))
    record = [json.loads(line) for line in (folder / "j" / "record.jsonl").read_text("utf-8").splitlines()]
    assert [[note["code"] for note in each["notes"]] for each in record] == [[MANY_FACES], []]
