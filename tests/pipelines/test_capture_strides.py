"""A stream of frames: how many are read together, how many wait, and what comes of sources that break off."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from portraits import blank, capturer, clip_frames, noise, placed

from mien.core.image import Frame
from mien.pipelines.capture import LIVE, ONE_CORE, TWO_CORES, CaptureOptions, Capturer, Stride

STRIDES = (LIVE, ONE_CORE, TWO_CORES, Stride(together=2, ahead=3))


def test_reading_while_the_next_frame_is_followed_changes_nothing() -> None:
    fitting, strides = Capturer(CaptureOptions(fit=True, smooth=False)), (TWO_CORES, ONE_CORE)
    one, other = ([reading for _, (reading,) in fitting.stream(clip_frames(6), stride)] for stride in strides)
    for ahead, after in zip(one, other, strict=True):
        np.testing.assert_array_equal(ahead.state.expression.weights, after.state.expression.weights)
        np.testing.assert_array_equal(ahead.landmarks.points, after.landmarks.points)
        assert (ahead.face, ahead.frame, ahead.quality) == (after.face, after.frame, after.quality)


def test_frames_read_together_are_read_as_each_by_itself() -> None:
    """To the last digits: a network sums several faces in another order than one."""
    one, other = ([reading for _, (reading,) in capturer().stream(clip_frames(6), s)] for s in (TWO_CORES, LIVE))
    for together, alone in zip(one, other, strict=True):
        np.testing.assert_allclose(together.state.expression.weights, alone.state.expression.weights, rtol=0, atol=1e-5)
        np.testing.assert_allclose(together.landmarks.points, alone.landmarks.points, rtol=0, atol=1e-3)
        assert (together.face, together.frame, together.time) == (alone.face, alone.frame, alone.time)


@pytest.mark.parametrize("stride", STRIDES)
def test_what_came_before_a_source_broke_off_is_read(stride: Stride) -> None:
    def source() -> Iterator[Frame]:
        yield from clip_frames(3)
        raise OSError("the cable was pulled")

    stream = capturer().stream(source(), stride)
    assert [next(stream)[0].index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="cable"):
        next(stream)


def test_whoever_stops_looking_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    stream = capturer().stream(clip_frames(5))
    next(stream)
    assert threading.active_count() == before + 1
    stream.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("stride", STRIDES)
def test_no_more_frames_are_taken_than_are_read_and_wait(stride: Stride) -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in clip_frames(5):
            taken.append(frame.index)
            yield frame

    stream = capturer().stream(source(), stride)
    assert taken == []
    for k in range(5):
        frame, readings = next(stream)
        assert taken == list(range(min((k // stride.together + 1 + stride.ahead) * stride.together, 5)))
        assert frame.index == k
        assert [(reading.frame, reading.time) for reading in readings] == [(k, k / 25)]
    assert next(stream, None) is None


def test_large_frames_are_not_kept_until_there_are_four() -> None:
    """Each of them may have a hundred megabytes."""
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for k in range(6):
            taken.append(k)
            yield Frame(np.zeros((2048, 4096, 3), np.uint8), k / 25, k)

    stream = capturer().stream(source(), TWO_CORES)
    assert next(stream)[0].index == 0
    assert taken == [0, 1]
    stream.close()


def test_every_frame_comes_out_face_or_not() -> None:
    pictures = [placed((120, 100))[0], blank(), noise(), placed((120, 100))[0]]
    frames = [Frame(picture, k / 25, k) for k, picture in enumerate(pictures)]
    out = list(capturer().stream(frames))
    assert all(one is frame for (one, _), frame in zip(out, frames, strict=True))
    assert [len(readings) for _, readings in out] == [1, 0, 0, 1]
