"""A stream of readings becomes takes, in little memory and to the bit."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from made import made_reading
from portraits import blank

from mien.core.arrays import Array
from mien.core.face import FaceReading, Identity, Landmarks, Take
from mien.core.geometry import bounds
from mien.core.image import Frame
from mien.pipelines.gather import Gather

PIXELS = blank(8, 8)


def gathered(seen: list[list[FaceReading]]) -> tuple[Take, ...]:
    gather = Gather("made", 25.0)
    for k, readings in enumerate(seen):
        gather.add(Frame(PIXELS, k / 25, k), readings)
    capture = gather.capture()
    assert capture.frames == len(seen)
    assert gather.capture().takes == (), "what was given away is let go of"
    return capture.takes


def expected(readings: list[FaceReading | None]) -> dict[str, Array]:
    """What a take holds, row by row."""
    names = ("weights", "rotation", "translation", "gaze", "box", "score", "quality", "points")
    rows: dict[str, list[object]] = {name: [] for name in names}
    for one in readings:
        rows["weights"].append(np.zeros(52) if one is None else one.state.expression.weights)
        rows["rotation"].append(np.eye(3) if one is None else one.state.pose.rotation)
        rows["translation"].append(np.zeros(3) if one is None else one.state.pose.translation)
        rows["gaze"].append(np.array([np.eye(3)] * 2) if one is None else one.state.gaze.rotation)
        rows["box"].append(np.zeros(4) if one is None else bounds(one.landmarks.points))
        rows["score"].append(0 if one is None else one.landmarks.score)
        rows["quality"].append(0 if one is None else one.quality)
        rows["points"].append(np.zeros((478, 3)) if one is None else one.landmarks.points)
    return {name: np.array(values) for name, values in rows.items()}


@pytest.mark.parametrize("unseen", [set(), {0}, {5, 6, 7}, set(range(39)), {39}], ids=str)
def test_every_frame_has_its_row_to_the_bit(unseen: set[int]) -> None:
    shape = Identity(np.array([0.5, -1.0]))
    readings = [None if k in unseen else replace(made_reading(3, k), identity=shape) for k in range(40)]
    other = made_reading(1, 0)
    seen = [[one for one in (other, reading) if one is not None] for reading in readings]
    beside, take = gathered(seen)
    assert (beside.face, take.face, take.source, take.frame_rate) == (1, 3, "made", 25.0)
    assert take.valid.tolist() == [k not in unseen for k in range(40)]
    assert take.frames.tolist() == list(range(40))
    assert take.identity.shape.tolist() == [0.5, -1.0]
    assert take.landmarks is not None
    found = {
        "weights": take.state.expression.weights,
        "rotation": take.state.pose.rotation,
        "translation": take.state.pose.translation,
        "gaze": take.state.gaze.rotation,
        "box": take.box,
        "score": take.score,
        "quality": take.quality,
        "points": take.landmarks,
    }
    for name, rows in expected(readings).items():
        np.testing.assert_array_equal(found[name], rows.astype(found[name].dtype))
        assert not found[name].flags.writeable


def test_a_frame_of_a_face_takes_six_kilobytes_and_none_where_it_is_not_seen() -> None:
    frames, faces = 400, 4
    tracemalloc.start()
    try:
        gather = Gather("made")
        pool = [[made_reading(face, k) for k in range(4)] for face in range(faces)]
        before, _ = tracemalloc.get_traced_memory()
        for k in range(frames):
            # Each reading is a new one, as a camera's is, and every face is there for a quarter of the time.
            one = pool[k * faces // frames][k % 4]
            points = Landmarks(one.landmarks.points + 0.0, one.landmarks.score)
            gather.add(Frame(PIXELS, k / 25, k), [replace(one, landmarks=points)])
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        capture = gather.capture()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held - before < frames * 7_200, "6.2 kB, and an eighth that is kept free to grow into"
    dense = sum(len(take) for take in capture.takes) * 6_300
    assert peak - before < dense + frames / faces * 7_200, "beside takes, one face at a time is still held as it came"


def test_a_face_that_is_always_seen_is_held_once() -> None:
    gather, frames = Gather("made"), 400
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for k in range(frames):
            gather.add(Frame(PIXELS, k / 25, k), [made_reading(0, k % 5)])
        capture = gather.capture()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(capture.takes[0]) == frames
    assert peak - before < frames * 8_700
