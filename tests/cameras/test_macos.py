"""macOS's cameras, from listings as PyAV gives them and from what FFmpeg's avfoundation logs. No Mac was at hand."""

import av
import pytest
from av.device import DeviceInfo

from mien.cameras import macos
from mien.cameras.asking import Options, Refusal
from mien.cameras.macos import MACOS
from mien.cameras.system import Fault
from mien.cameras.wanted import CameraInfo, Size, Wanted

DEVICES = [
    DeviceInfo("0", "FaceTime HD Camera", False, ["video"]),
    DeviceInfo("1", "OBS Virtual Camera", False, ["video"]),
    DeviceInfo("2", "Capture screen 0", False, ["video"]),
    DeviceInfo("0", "MacBook Pro Microphone", False, ["audio"]),
]
MODES = """Selected video size (1x1) is not supported by the device
Supported modes:
  640x480@[15.000000 30.000030]fps
  1280x720@[1.000000 30.000000]fps
  1920x1080@[1.000000 60.000240]fps
"""


def listing(monkeypatch: pytest.MonkeyPatch, devices: list[DeviceInfo], said: str = "") -> list[str]:
    asked = []

    def told(address: str, device: str, options: Options) -> Refusal:
        assert (device, options["video_size"]) == ("avfoundation", "1x1")
        asked.append(address)
        return Refusal(5, said)

    def enumerate_input_devices(name: str) -> list[DeviceInfo]:
        assert name == "avfoundation"
        return devices

    monkeypatch.setattr(macos, "told", told)
    monkeypatch.setattr(av, "enumerate_input_devices", enumerate_input_devices)
    return asked


def test_cameras_are_listed_without_screens_and_microphones(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = listing(monkeypatch, DEVICES, MODES)
    sizes = (Size(1920, 1080), Size(1280, 720), Size(640, 480))
    assert macos.cameras(True) == [
        CameraInfo(0, "FaceTime HD Camera", "0:none", sizes),
        CameraInfo(1, "OBS Virtual Camera", "1:none", sizes),
    ]
    assert asked == ["0:none", "1:none"]
    assert [camera.sizes for camera in macos.cameras(False)] == [(), ()]
    assert len(asked) == 2


def test_where_ffmpeg_lacks_the_device_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def enumerate_input_devices(name: str) -> list[DeviceInfo]:
        raise ValueError("no such input format")

    monkeypatch.setattr(av, "enumerate_input_devices", enumerate_input_devices)
    assert macos.cameras(True) == []


@pytest.mark.parametrize(
    ("wanted", "size", "rate"),
    [
        (Wanted(Size(1280, 720), 25), "1280x720", "30"),
        (Wanted(Size(1200, 700), 30), "1280x720", "30"),
        (Wanted(Size(640, 480), 30), "640x480", "30"),
        (Wanted(Size(3840, 2160), 60), "1920x1080", "60.0002"),
    ],
)
def test_the_nearest_mode_is_asked_for_when_the_wanted_one_is_not_there(wanted: Wanted, size: str, rate: str) -> None:
    first = MACOS.options(wanted, 0, "")
    assert first is not None
    assert (first["video_size"], first["framerate"]) == (str(wanted.size), f"{wanted.rate:g}")
    assert "input_format" not in first  # an option of v4l2's that avfoundation refuses
    again = MACOS.options(wanted, 1, MODES)
    assert again is not None
    assert (again["video_size"], again["framerate"]) == (size, rate)
    assert MACOS.options(wanted, 2, MODES) is None
    assert MACOS.options(wanted, 1, "nothing of use") is None


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("Failed to create AV capture input device: Cannot use FaceTime HD Camera", Fault.DENIED),
        ("Failed to create AV capture input device: in use by another application", Fault.BUSY),
        ("Could not lock device for configuration", Fault.BUSY),
        ("Video device not found", Fault.MISSING),
        ("Invalid device index", Fault.MISSING),
        (MODES, Fault.OTHER),
        ("", Fault.OTHER),
    ],
)
def test_the_log_says_what_is_wrong(said: str, fault: Fault) -> None:
    assert MACOS.fault(Refusal(5, said)) is fault
    assert MACOS.remedies[fault]


def test_the_remedy_for_no_permission_names_the_setting() -> None:
    assert "System Settings > Privacy & Security > Camera" in MACOS.remedies[Fault.DENIED]
