"""A camera read through FFmpeg's own test devices, which go the same way as a webcam."""

import errno
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from av.error import BlockingIOError as NothingYet
from av.error import OSError as DeviceError
from av.packet import Packet

from mien.cameras import device as device_module
from mien.cameras.asking import Options, Refusal, told, try_open
from mien.cameras.device import PATIENCE, DeviceCamera
from mien.cameras.linux import LINUX
from mien.cameras.system import PATIENT, System
from mien.cameras.wanted import CameraInfo, Size, Wanted
from mien.core.errors import InputError

PICTURES = "testsrc=size=160x120:rate=25"
"""A device without a camera: FFmpeg draws pictures, as fast as they are asked for."""


def drawing(*attempts: Options) -> System:
    """FFmpeg's own device in the place of v4l2."""
    return replace(
        LINUX,
        device="lavfi",
        options=lambda wanted, attempt, said: attempts[attempt] if attempt < len(attempts) else None,
    )


def camera(address: str, system: System | None = None, asked: bool = False, **more: Any) -> DeviceCamera:
    info = CameraInfo(0, "Test Camera", address)
    return DeviceCamera(info, system or drawing(PATIENT), Wanted(Size(160, 120), 25), asked, **more)


class Ticking:
    """A clock that goes on by a while whenever it is looked at."""

    def __init__(self, step: float) -> None:
        self.time, self._step = 100.0, step

    def __call__(self) -> float:
        self.time += self._step
        return self.time


def test_frames_come_as_rgb_with_the_time_of_their_arrival() -> None:
    reading = camera(PICTURES, now=Ticking(0.04))
    looks = iter([False] * 5 + [True])
    frames = list(islice(reading.frames(lambda: next(looks)), 5))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert {frame.pixels.shape for frame in frames} == {(120, 160, 3)}
    assert np.diff([frame.time for frame in frames]) == pytest.approx(0.04)
    assert np.ptp(frames[0].pixels) > 200
    assert (frames[0].pixels != frames[4].pixels).any()
    assert (reading.frame_rate, reading.remark, reading.dropped) == (25.0, "", 0)


def test_another_size_than_the_user_asked_for_is_remarked_on() -> None:
    for asked, remark in ((True, "gives 320x240 in place of 160x120"), (False, "")):
        reading = camera("testsrc=size=320x240:rate=25", asked=asked)
        next(reading.frames(lambda: False))
        assert reading.remark == remark


def test_less_is_asked_for_until_it_opens() -> None:
    said: list[str] = []

    def options(wanted: Wanted, attempt: int, before: str) -> Options:
        said.append(before)
        return [{"fflags": "nonsense"}, {"fflags": "more nonsense"}, PATIENT][attempt]

    reading = camera(PICTURES, replace(drawing(), options=options))
    assert next(reading.frames(lambda: False)).width == 160
    assert said[0] == ""
    assert 'Unable to parse "fflags" option value "nonsense"' in said[1]
    assert "more nonsense" in said[2]


def test_one_that_never_opens_says_why() -> None:
    with pytest.raises(
        InputError, match=r"camera Test Camera: E_CAMERA: does not open: Error processing filtergraph: Filter not found"
    ):
        next(camera("nothing", drawing(PATIENT, {})).frames(lambda: False))


@pytest.mark.parametrize(
    ("number", "code", "cause"),
    [
        (errno.EACCES, "E_DENIED", "may not be used: permission denied"),
        (errno.EBUSY, "E_BUSY", "another program uses it"),
        (errno.ENOENT, "E_NOCAMERA", "is not there, or is no camera: said"),
    ],
)
def test_what_asking_for_less_does_not_mend_is_said_at_once(
    number: int, code: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(address: str, device: str, options: Options) -> Refusal:
        asked.append(options)
        return Refusal(number, "first\nsaid\n")

    monkeypatch.setattr(device_module, "try_open", refuse)
    with pytest.raises(InputError) as caught:
        next(camera(PICTURES, LINUX).frames(lambda: False))
    assert len(asked) == 1
    assert (caught.value.code, caught.value.cause) == (code, cause)
    assert caught.value.remedy


def test_a_camera_that_ends_is_gone() -> None:
    reading = camera(f"{PICTURES}:duration=0.12")
    frames = reading.frames(lambda: False)
    assert len([next(frames) for _ in range(3)]) == 3
    with pytest.raises(InputError, match="camera Test Camera: E_NOCAMERA: it is gone"):
        next(frames)


class Hanging:
    """A camera that gives one picture, and then what a test says."""

    def __init__(self, then: Exception) -> None:
        opened = try_open(PICTURES, "lavfi", PATIENT)
        assert not isinstance(opened, Refusal)
        self._real, self._then, self.closed = opened, then, False
        self._packets = opened.demux(opened.streams.video[0])
        self._given = False
        self.streams = SimpleNamespace(video=[opened.streams.video[0]])

    def demux(self, stream: object) -> Iterator["Packet[Any]"]:
        if not self._given:
            self._given = True
            yield next(self._packets)
        raise self._then

    def close(self) -> None:
        self.closed = True
        self._real.close()


@pytest.mark.parametrize(
    ("then", "code", "cause"),
    [
        (NothingYet(errno.EAGAIN, "not yet"), "E_CAMERA", f"it gave no picture for {PATIENCE:g} s"),
        (DeviceError(errno.ENODEV, "No such device"), "E_NOCAMERA", "it is gone: No such device"),
    ],
)
def test_one_that_hangs_or_is_pulled_out_is_noticed_and_let_go(
    then: Exception, code: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = Hanging(then)
    monkeypatch.setattr(device_module, "try_open", lambda *arguments: hanging)
    monkeypatch.setattr(device_module, "sleep", lambda seconds: None)
    frames = camera(PICTURES, now=Ticking(0.5)).frames(lambda: False)
    assert next(frames).width == 160
    with pytest.raises(InputError) as caught:
        next(frames)
    assert (caught.value.code, caught.value.cause) == (code, cause)
    assert hanging.closed


def test_what_stops_while_nothing_comes_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = Hanging(NothingYet(errno.EAGAIN, "not yet"))
    looks = iter([False, False, False, True])
    monkeypatch.setattr(device_module, "try_open", lambda *arguments: hanging)
    monkeypatch.setattr(device_module, "sleep", lambda seconds: None)
    assert len(list(camera(PICTURES).frames(lambda: next(looks)))) == 1
    assert hanging.closed


def test_a_device_that_ffmpeg_does_not_know_is_a_refusal() -> None:
    answer = told("x", "no such device", {})
    assert answer.number is None
    assert "no such device" in answer.cause


@pytest.mark.skipif(sys.platform != "linux", reason="Video4Linux is Linux's")
def test_what_is_no_camera_is_refused_by_the_real_v4l2(tmp_path: Any) -> None:
    answer = told(str(tmp_path / "nothing"), "v4l2", {})
    assert LINUX.fault(answer).value == "E_NOCAMERA"
    assert answer.cause.endswith("No such file or directory")
