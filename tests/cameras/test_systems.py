import sys
from dataclasses import replace

import pytest

from mien.cameras.linux import LINUX
from mien.cameras.macos import MACOS
from mien.cameras.system import System
from mien.cameras.systems import camera_named, known_cameras, this_system
from mien.cameras.wanted import CameraInfo, Size
from mien.cameras.windows import WINDOWS
from mien.core.errors import InputError, NothingMatched, UsageError

CAMERAS = [
    CameraInfo(0, "Integrated Camera", "/dev/video0"),
    CameraInfo(2, "USB Camera", "/dev/video2"),
    CameraInfo(4, "USB Camera", "/dev/video4"),
    CameraInfo(6, "USB Camera HD", "/dev/video6"),
]


def system(cameras: list[CameraInfo]) -> System:
    return replace(LINUX, cameras=lambda sizes: cameras)


@pytest.mark.parametrize(
    ("name", "index"),
    [("0", 0), ("6", 6), ("Integrated Camera", 0), ("integrated", 0), ("/dev/video4", 4), ("usb camera hd", 6)],
)
def test_a_camera_is_found_by_number_name_part_of_it_and_path(name: str, index: int) -> None:
    assert camera_named(name, system(CAMERAS)).index == index


def test_a_device_that_is_not_listed_may_be_named_by_its_path() -> None:
    found = camera_named("/dev/v4l/by-id/cam", system(CAMERAS))
    assert (found.name, found.address) == ("/dev/v4l/by-id/cam", "/dev/v4l/by-id/cam")


def test_no_such_camera_says_what_there_is() -> None:
    with pytest.raises(InputError) as caught:
        camera_named("1", system(CAMERAS))
    assert str(caught.value).startswith(
        "camera 1: E_NOCAMERA: there is no such camera; found: 0 (Integrated Camera), 2 (USB Camera)"
    )
    assert caught.value.remedy


def test_several_of_one_name_are_to_be_told_apart() -> None:
    with pytest.raises(InputError, match=r"several cameras are called so: 2, 4 \(name one by its number\)"):
        camera_named("USB Camera", system(CAMERAS))


def test_none_at_all_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"camera 0: E_NOCAMERA: no camera was found \(plug it in"):
        camera_named("0", system([]))
    with pytest.raises(NothingMatched, match=r"cameras: E_NOCAMERA: no camera was found \(plug it in"):
        known_cameras(system([]))
    assert known_cameras(system(CAMERAS)) == CAMERAS


@pytest.mark.parametrize(
    ("platform", "expected"), [("linux", LINUX), ("darwin", MACOS), ("win32", WINDOWS), ("freebsd14", LINUX)]
)
def test_every_platform_has_a_way(platform: str, expected: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert this_system() is expected


@pytest.mark.parametrize("text", ["", "1280", "0x720", "1280x0", "1280x720x3", "-1x5", "99999x1", "ax b"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--camera-size: E_USAGE"):
        Size.parse(text)


def test_a_size_is_read_and_written() -> None:
    assert Size.parse("1280x720") == Size.parse("1280X720") == Size(1280, 720)
    assert str(Size(1280, 720)) == "1280x720"
