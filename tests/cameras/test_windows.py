"""Windows' cameras, from listings as PyAV gives them and from what FFmpeg's dshow logs. No Windows was at hand."""

import av
import pytest
from av.device import DeviceInfo

from mien.cameras import windows
from mien.cameras.asking import Options, Refusal
from mien.cameras.system import Fault
from mien.cameras.wanted import CameraInfo, Size, Wanted
from mien.cameras.windows import WINDOWS

UNIQUE = r"@device_pnp_\\?\usb#vid_046d&pid_0825#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\global"
DEVICES = [
    DeviceInfo("@device_cm_microphone", "Microphone", False, ["audio"]),
    DeviceInfo(UNIQUE, "HD Webcam: C525", False, ["video"]),
    DeviceInfo("@device_sw_obs", "OBS Virtual Camera", False, ["video"]),
]
OPTIONS = """DirectShow video device options (from video devices)
 Pin "Capture" (alternative pin name "0")
  pixel_format=yuyv422  min s=640x480 fps=5 max s=640x480 fps=30
  vcodec=mjpeg  min s=1280x720 fps=5 max s=1280x720 fps=30
"""


def listing(monkeypatch: pytest.MonkeyPatch, devices: list[DeviceInfo]) -> None:
    def told(address: str, device: str, options: Options) -> Refusal:
        assert (device, options) == ("dshow", {"list_options": "true"})
        return Refusal(None, OPTIONS if UNIQUE in address else "")

    monkeypatch.setattr(windows, "told", told)
    monkeypatch.setattr(av, "enumerate_input_devices", lambda name: devices if name == "dshow" else [])


def test_cameras_are_listed_by_names_that_hold_no_colon(monkeypatch: pytest.MonkeyPatch) -> None:
    listing(monkeypatch, DEVICES)
    found = windows.cameras(True)
    assert found == [
        CameraInfo(0, "HD Webcam: C525", f"video={UNIQUE}", (Size(1280, 720), Size(640, 480))),
        CameraInfo(1, "OBS Virtual Camera", "video=@device_sw_obs"),
    ]
    assert all(":" not in camera.address for camera in found)


def test_where_ffmpeg_lacks_the_device_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def enumerate_input_devices(name: str) -> list[DeviceInfo]:
        raise ValueError("no such input format")

    monkeypatch.setattr(av, "enumerate_input_devices", enumerate_input_devices)
    assert windows.cameras(True) == []


def test_less_and_less_is_asked_and_there_is_room_for_frames() -> None:
    asked = [WINDOWS.options(Wanted(Size(1280, 720), 30), attempt, "") for attempt in range(4)]
    assert asked[3] is None
    assert [each and ("video_size" in each, "framerate" in each) for each in asked[:3]] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert all(each and int(each["rtbufsize"]) > 2 * 1280 * 720 * 3 for each in asked[:3])


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("Could not run graph (sometimes caused by a device already in use by other application)", Fault.BUSY),
        ("Could not find video device with name [x] among source devices of type video.", Fault.MISSING),
        ("Could not enumerate video devices (or none found).", Fault.MISSING),
        ("Access is denied.", Fault.DENIED),
        ("Could not set video options", Fault.OTHER),
    ],
)
def test_the_log_says_what_is_wrong(said: str, fault: Fault) -> None:
    assert WINDOWS.fault(Refusal(5, said)) is fault
    assert WINDOWS.remedies[fault]
