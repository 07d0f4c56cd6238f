"""Linux's cameras, from made-up kernels and what FFmpeg's v4l2 logs of devices."""

import errno
from pathlib import Path

import pytest

from mien.cameras import linux
from mien.cameras.asking import Options, Refusal
from mien.cameras.linux import LINUX
from mien.cameras.system import Fault
from mien.cameras.wanted import CameraInfo, Size, Wanted

# A webcam's answer to list_formats, as FFmpeg writes it: in pieces, one for every size.
WEBCAM = (
    "Compressed:       mjpeg :          Motion-JPEG : 1920x1080 1280x720 640x480\n"
    "Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 320x240 1280x720\n"
)
STEPWISE = "Raw       :     yuv420p :     Planar YUV 4:2:0 : {48-1920, 2}x{48-1080, 2}\n"
NO_CAPTURE = Refusal(errno.ENODEV, "Not a video capture device.\n")


def kernel(folder: Path, names: dict[str, str]) -> Path:
    for node, name in names.items():
        (folder / node).mkdir()
        (folder / node / "name").write_text(name + "\n")
    return folder


def answering(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Refusal]) -> None:
    def told(address: str, device: str, options: Options) -> Refusal:
        assert (device, options) == ("v4l2", {"list_formats": "all"})
        return answers[address]

    monkeypatch.setattr(linux, "told", told)


def test_cameras_are_told_from_their_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"video0": "USB Camera: USB Camera", "video1": "USB Camera: USB Camera", "video10": "Loopback"}
    names |= {"video2": "Tuner", "v4l-subdev0": "lens"}
    answering(
        monkeypatch,
        {
            "/dev/video0": Refusal(None, WEBCAM),
            "/dev/video1": Refusal(None, ""),  # metadata: opened, and without a format for pictures
            "/dev/video2": NO_CAPTURE,
            "/dev/video10": Refusal(None, STEPWISE),
        },
    )
    sizes = (Size(1920, 1080), Size(1280, 720), Size(640, 480), Size(320, 240))
    assert linux.cameras(True, kernel(tmp_path, names)) == [
        CameraInfo(0, "USB Camera: USB Camera", "/dev/video0", sizes),
        CameraInfo(10, "Loopback", "/dev/video10"),
    ]  # fmt: skip


def test_a_camera_that_may_not_be_used_is_listed_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {"/dev/video0": Refusal(errno.EACCES, "Cannot open video device: Permission denied")})
    assert linux.cameras(True, kernel(tmp_path, {"video0": "USB Camera"})) == [
        CameraInfo(0, "USB Camera", "/dev/video0", note="no permission")
    ]


def test_without_a_kernel_list_there_is_none(tmp_path: Path) -> None:
    assert linux.cameras(True, tmp_path / "nowhere") == []


def test_jpegs_are_asked_for_when_raw_pictures_would_be_too_slow() -> None:
    heavy, light = Wanted(Size(1280, 720), 30), Wanted(Size(640, 480), 30)
    first = LINUX.options(heavy, 0, "")
    assert first is not None
    assert first["input_format"] == "mjpeg"
    assert (first["video_size"], first["framerate"]) == ("1280x720", "30")
    raw = LINUX.options(light, 0, "")
    assert raw is not None
    assert "input_format" not in raw
    for wanted, count in ((heavy, 4), (light, 3)):
        asked = [LINUX.options(wanted, attempt, "") for attempt in range(6)]
        assert [each is not None for each in asked] == [True] * count + [False] * (6 - count)
        assert all(each["fflags"] == "+4" for each in asked if each)
        sizes = [len(each) for each in asked if each]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.ENOENT, Fault.MISSING),
        (errno.ENODEV, Fault.MISSING),
        (errno.ENOTTY, Fault.MISSING),
        (errno.EACCES, Fault.DENIED),
        (errno.EPERM, Fault.DENIED),
        (errno.EBUSY, Fault.BUSY),
        (errno.EINVAL, Fault.OTHER),
        (None, Fault.OTHER),
    ],
)
def test_the_error_number_says_what_is_wrong(number: int | None, fault: Fault) -> None:
    assert LINUX.fault(Refusal(number, "said")) is fault
    assert LINUX.remedies[fault]


def test_the_remedy_for_no_permission_names_the_group() -> None:
    assert "usermod -aG video" in LINUX.remedies[Fault.DENIED]


def test_paths_of_devices_are_taken_as_they_are() -> None:
    assert LINUX.at_path("/dev/v4l/by-id/usb-camera") == "/dev/v4l/by-id/usb-camera"
    assert LINUX.at_path("camera.mp4") is None
