"""The same picture gives the same bytes, today and tomorrow, on one core and on four."""

from pathlib import Path

import numpy as np
import pytest
from portraits import clip_frames, placed, write_clip, write_photo

from mien.compose.captures import capture_batch
from mien.compose.outputs import BatchOptions
from mien.core.arrays import Array
from mien.core.image import Frame
from mien.pipelines.capture import CaptureOptions, Capturer
from mien.runtime import session
from mien.runtime.session import OnnxSession


def table(folder: Path, name: str) -> bytes:
    batch = BatchOptions((folder / name,))
    results = capture_batch([folder / "a.png", folder / "clip.mp4"], batch, CaptureOptions(landmarks=True))
    assert [done.error for done in results] == [None, None]
    return (folder / name).read_bytes()


def test_a_second_run_gives_the_same_table(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    write_clip(tmp_path / "clip.mp4", 12)
    first = table(tmp_path, "one.csv")
    assert first.count(b"\n") == 1 + 1 + 12
    assert table(tmp_path, "two.csv") == first


def read(threads: int, monkeypatch: pytest.MonkeyPatch) -> list[Array]:
    """Every number that is read with so many threads on every network, whatever the cores there are."""
    asked: list[int] = []

    def cores() -> int:
        asked.append(threads)
        return threads

    with monkeypatch.context() as patch:
        patch.setattr(session, "MOST_THREADS", threads)
        patch.setattr(session, "available_cores", cores)
        patch.setattr(OnnxSession.__init__, "__defaults__", (None, threads))
        capturer = Capturer(threads=threads)
    assert len(asked) == 4  # finder, landmarks, refiner, expression
    two = Frame(np.concatenate([placed((120, 100))[0], placed((120, 100), 0.8)[0]], axis=1))
    found: list[Array] = []
    for frames in ([two], clip_frames(4)):
        for _, readings in capturer.stream(frames):
            for one in readings:
                state = one.state
                found += [state.expression.weights, state.pose.rotation, state.gaze.rotation, one.landmarks.points]
    assert len(found) == 4 * (2 + 4)
    return found


def test_threads_do_not_change_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    one = read(1, monkeypatch)
    for threads in (2, 4):
        for a, b in zip(one, read(threads, monkeypatch), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
