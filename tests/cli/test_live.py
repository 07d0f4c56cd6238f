"""`mien capture --camera`, with videos in the place of cameras, and `mien cameras`."""

import os
import re
import signal
import subprocess
import sys
import time
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from connections import python_path
from made import made_reading
from portraits import blank, capturer, contents, placed, write_photo
from receivers import Receiver, live_link_packet
from rich.console import Console

from mien.cameras.linux import LINUX
from mien.cameras.wanted import CameraInfo, Size
from mien.cli import cameras as cameras_module
from mien.cli.ending import ENDING
from mien.cli.live_view import LiveView, closing, kept_up
from mien.cli.main import run
from mien.compose import cameras as live_module
from mien.compose.cameras import CameraOptions, LiveCamera
from mien.compose.played import PlayedCamera
from mien.core.errors import InputError
from mien.core.image import Frame
from mien.core.live import Figures
from mien.formats.registry import load
from mien.formats.video import VideoWriter
from mien.pipelines.capture import CaptureOptions, Capturer

SRC = Path(__file__).parents[2] / "src"
Captured = pytest.CaptureFixture[str]

CLOSING = r"\d+ frames? read in [\d.]+ s, \d+ dropped \(\d+%\); latency \d+ ms \(median\), \d+ ms \(95 %\)"


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Works in a folder with a video, loads the networks once, and leaves signals as they were."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    def capturer_for(options: CaptureOptions) -> Capturer:
        return capturer() if options == CaptureOptions() else Capturer(options)

    monkeypatch.setattr("mien.compose.captures.Capturer", capturer_for)
    monkeypatch.chdir(tmp_path)
    with VideoWriter("c.mp4", 240, 200, 25.0) as writer:  # hardly moves: it is followed even where frames are dropped
        for k in range(12):
            writer.write(placed((120, 100), 1.0, 0.5 * k)[0], k / 25)
    yield
    assert signal.getsignal(signal.SIGINT) is before[1]
    signal.signal(signal.SIGTERM, before[0])


def test_a_video_is_read_as_a_camera(capsys: Captured) -> None:
    before = contents(Path())
    assert (
        run(["capture", "--camera", "file:c.mp4", "-o", "{name}.npz", "-o", "t.csv", "--overlay", "{name}-seen"]) == 0
    )
    said = capsys.readouterr()
    assert said.out == ""
    first, last = said.err.splitlines()
    assert re.fullmatch(CLOSING, first)
    assert re.fullmatch(r"1 of 1 sources read, 1 face, seen in .*; wrote \{name\}.npz, t.csv, \{name\}-seen", last)
    assert sorted(os.listdir()) == ["c-seen.mp4", "c.mp4", "c.npz", "t.csv"]
    assert contents(Path())["c.mp4"] == before["c.mp4"]
    (take,) = load(Path("c.npz")).takes
    assert (take.source, take.frame_rate, take.times[0], take.frames[0]) == ("file:c.mp4", 25.0, 0, 0)
    assert len(take) + int(re.findall(r"(\d+) dropped", first)[0]) <= 12


def test_without_outputs_the_last_face_is_shown(capsys: Captured) -> None:
    assert run(["capture", "--camera", "loop:c.mp4", "--duration", "0.3"]) == 0
    said = capsys.readouterr()
    assert "pitch yaw roll" in said.out
    assert re.fullmatch(CLOSING, said.err.strip())


def test_receivers_get_what_a_camera_sees_without_more_ado(capsys: Captured) -> None:
    with Receiver() as live_link:
        address = f"livelink://127.0.0.1:{live_link.port}"
        assert run(["capture", "--camera", "file:c.mp4", "--stream", address, "-o", "t.npz"]) == 0
        packets = live_link.datagrams()
    (take,) = load(Path("t.npz")).takes
    assert len(packets) == int(take.valid.sum()) > 0
    assert live_link_packet(packets[0]).subject == "mien-0"
    assert capsys.readouterr().err.strip().endswith(f"; streamed to {address}")


def test_ctrl_c_ends_a_camera_properly_and_a_second_one_at_once(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = LiveCamera.read
    count = iter(range(1000))

    def interrupted(camera: LiveCamera, frame: Frame) -> None:
        played(camera, frame)
        if next(count) == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(LiveCamera, "read", interrupted)
    assert run(["capture", "--camera", "loop:c.mp4", "-o", "t.npz", "--overlay", "o.mp4"]) == 0
    assert len(load(Path("t.npz")).takes[0]) == 2
    assert "; wrote t.npz, o.mp4" in capsys.readouterr().err
    before = contents(Path())

    def impatient(camera: LiveCamera, frame: Frame) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(LiveCamera, "read", impatient)
    assert run(["capture", "--camera", "loop:c.mp4", "-o", "u.npz", "--overlay", "p.mp4"]) == 130
    assert contents(Path()) == before
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("number", ENDING)
def test_what_ends_the_program_ends_a_camera_properly(
    number: int, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = LiveCamera.read
    count = iter(range(1000))

    def ended(camera: LiveCamera, frame: Frame) -> None:
        played(camera, frame)
        if next(count) == 1:
            signal.raise_signal(number)
            signal.raise_signal(number)  # `timeout` and terminals that close send two

    monkeypatch.setattr(LiveCamera, "read", ended)
    assert run(["capture", "--camera", "loop:c.mp4", "-o", "t.npz", "-o", "t.csv"]) == 128 + number
    assert len(load(Path("t.npz")).takes[0]) == 2
    assert len(Path("t.csv").read_text().splitlines()) == 1 + 2
    assert "; wrote t.npz, t.csv" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["c.mp4", "t.csv", "t.npz"]


@pytest.mark.parametrize("number", ENDING)
def test_a_camera_that_has_shown_nothing_yet_ends_with_the_code_of_the_signal(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: PlayedCamera, stopped: Callable[[], bool]) -> Iterator[Frame]:
        interrupt_main(signal.Signals(number))
        while not stopped():
            time.sleep(0.01)
        yield from ()

    monkeypatch.setattr(PlayedCamera, "frames", silent)
    assert run(["capture", "--camera", "loop:c.mp4", "-o", "t.npz"]) == 128 + number
    assert os.listdir() == ["c.mp4"]


IN_A_TERMINAL = "import os; os.open(os.ttyname(0), os.O_RDWR); from mien.cli.main import main; main()"


@pytest.mark.skipif(sys.platform != "linux", reason="makes a terminal as Linux does")
def test_a_terminal_that_closes_costs_nothing(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    line = [sys.executable, "-W", "error", "-c", IN_A_TERMINAL, "capture", "--camera", "loop:c.mp4"]
    environment = {**os.environ, "PYTHONPATH": python_path(SRC), "OMP_NUM_THREADS": "1", "TERM": "xterm"}
    program = subprocess.Popen(
        [*line, "-o", "t.npz", "-o", "t.csv"],
        cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        seen, deadline = b"", time.monotonic() + 60
        while b"face 0" not in seen and time.monotonic() < deadline:
            seen += os.read(ours, 1 << 16)
        os.close(ours)
        assert program.wait(timeout=60) == 129
    finally:
        program.kill()
        program.wait()
    assert sorted(os.listdir(tmp_path)) == ["c.mp4", "t.csv", "t.npz"]
    assert load(tmp_path / "t.npz").takes[0].valid.any()


def test_somebody_who_walks_by_costs_nothing(capsys: Captured) -> None:
    """A resting face is one person's; what comes live does not come again."""
    one = placed((100, 100), 0.6)[0]
    with VideoWriter("two.mp4", 480, 200, 25.0) as writer:
        for k in range(60):
            by = np.concatenate([one if 20 <= k < 50 else blank(), placed((120, 100), 1.1)[0]], axis=1)
            writer.write(by, k / 25)
    write_photo(Path("me.png"))
    words = ["capture", "--camera", "file:two.mp4", "--look-again", "0.1", "--neutral", "me.png", "-o", "t.npz"]
    assert run(words) == 0
    said = capsys.readouterr().err
    assert "two.mp4: W_SHARED_NEUTRAL: faces 0, 1 count from one resting face; --face N or largest chooses\n" in said
    takes = load(Path("t.npz")).takes
    assert len(takes) == 2
    assert all(take.identity.resting is not None for take in takes)


def test_a_camera_that_vanishes_is_partial_and_keeps_what_was_read(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    playing = PlayedCamera.frames

    def vanishing(self: PlayedCamera, stopped: Callable[[], bool]) -> Iterator[Frame]:
        yield from playing(self, stopped)
        raise InputError("camera", "E_NOCAMERA", "it is gone: No such device", "plug it in")

    monkeypatch.setattr(PlayedCamera, "frames", vanishing)
    assert run(["capture", "--camera", "file:c.mp4", "-o", "t.npz"]) == 1
    said = capsys.readouterr().err
    assert "c.mp4: W_PARTIAL: E_NOCAMERA: it is gone: No such device; what was read until then is kept\n" in said
    assert "; wrote t.npz" in said
    assert load(Path("t.npz")).takes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.png", "--camera", "0"], "--camera: E_USAGE: files were named as well"),
        (["--camera", "0", "--workers", "2"], "--camera: E_USAGE: is read in one process"),
        (["a.png", "--preview"], "--preview: E_USAGE: is for cameras (add --camera)"),
        (["a.png", "--duration", "3"], "--duration: E_USAGE: is for cameras (add --camera)"),
        (["--camera", "0", "--duration", "0"], "--duration: E_USAGE: 0.0 is out of range"),
        (["--camera", "0", "--camera-rate", "0"], "--camera-rate: E_USAGE: 0.0 is out of range"),
        (["--camera", "0", "--camera-size", "big"], "--camera-size: E_USAGE: 'big' is no size (say it as 1280x720)"),
        (["--camera", "file:c.mp4", "--overlay", "o.png"], "o.png: E_USAGE: the overlay of a video cannot be .png"),
        ([], "mien capture: E_USAGE: no source was named"),
    ],
    ids=str,
)
def test_wrong_usage_is_2_and_says_what_to_do(words: list[str], said: str, capsys: Captured) -> None:
    assert run(["capture", *words]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir() == ["c.mp4"]


def test_what_cannot_be_played_is_one_line_and_1(capsys: Captured) -> None:
    write_photo(Path("a.png"))
    for name, code in (("nothing.mp4", "E_NOTFILE"), ("a.png", "E_FORMAT")):
        assert run(["capture", "--camera", f"file:{name}", "-o", "t.csv"]) == 1
        first, *_ = capsys.readouterr().err.splitlines()
        assert first.startswith(f"{name}: {code}: ")
    assert sorted(os.listdir()) == ["a.png", "c.mp4"]


# --- mien cameras -----------------------------------------------------------------------------------------------------

FOUND = [
    CameraInfo(0, "[red]USB\x1b Camera", "/dev/video0", tuple(Size(1280 - k, 720 - k) for k in range(8))),
    CameraInfo(2, "Other", "/dev/video2", note="no permission"),
]


def test_cameras_are_listed(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(cameras_module, "this_system", lambda: replace(LINUX, cameras=lambda sizes: FOUND))
    assert run(["cameras"]) == 0
    said = capsys.readouterr().out
    assert "[red]USB\\x1b Camera" in said
    assert "1280x720" in said
    assert "and 2 more" in said
    assert "no permission" in said


def test_no_camera_is_4_and_says_what_to_do(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    none = replace(LINUX, cameras=lambda sizes: [])
    monkeypatch.setattr(cameras_module, "this_system", lambda: none)
    monkeypatch.setattr(live_module, "this_system", lambda: none)
    assert run(["cameras"]) == 4
    assert capsys.readouterr().err.startswith("cameras: E_NOCAMERA: no camera was found (plug it in")
    assert run(["capture", "--camera", "0", "-o", "t.csv"]) == 1
    assert capsys.readouterr().err.startswith("camera 0: E_NOCAMERA: no camera was found (plug it in")
    assert os.listdir() == ["c.mp4"]


# --- what the terminal shows ------------------------------------------------------------------------------------------


def viewed(terminal: bool) -> tuple[LiveView, StringIO]:
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, color_system=None)
    camera = LiveCamera(CameraOptions("file:[b]clip.mp4"))
    return LiveView(console, camera), out


def test_bars_of_both_sides_pose_and_quality_are_drawn() -> None:
    view, out = viewed(terminal=True)
    reading = made_reading(1)
    view.read(Frame(blank(640, 480), 0.5, 1), [reading])
    Console(file=out, width=100, color_system=None).print(view.picture())
    text = out.getvalue()
    assert "[b]clip.mp4  640x480" in text
    assert f"quality {reading.quality:.2f}" in text
    assert "face 1" in text
    assert "pitch" in text
    assert text.count("█") > 20
    assert any(re.search(r"L .* \d\.\d\d +R .* \d\.\d\d", line) for line in text.splitlines())
    assert "Ctrl-C" in text


def test_no_face_and_many_are_said() -> None:
    view, _ = viewed(terminal=True)
    for readings, said in (([], "no face in sight"), ([made_reading(k) for k in range(5)], "and 2 more")):
        view.read(Frame(blank(640, 480)), readings)
        out = StringIO()
        Console(file=out, width=100).print(view.picture())
        assert said in out.getvalue()


def test_a_terminal_gets_bars_that_leave_nothing_behind() -> None:
    view, out = viewed(terminal=True)
    with view:
        view.read(Frame(blank(640, 480), 30.0), [made_reading()])
    assert "frames/s" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")


def test_no_terminal_gets_a_line_now_and_then() -> None:
    view, out = viewed(terminal=False)
    with view:
        for k in range(360):
            view.read(Frame(blank(64, 48), k / 30, k), [made_reading()] if k > 200 else [])
    assert out.getvalue().splitlines() == [
        "5 s: no face, 0 frames/s, latency 0 ms, 0 dropped",
        "10 s: 1 face, 0 frames/s, latency 0 ms, 0 dropped",
    ]


def test_the_figures_in_words() -> None:
    figures = Figures(10.04, 285, 15, 28.7, 14.4, 13.6, 21.5)
    assert kept_up(figures) == "29 frames/s, latency 14 ms, 15 dropped"
    assert closing(figures) == "285 frames read in 10.0 s, 15 dropped (5%); latency 14 ms (median), 22 ms (95 %)"
    assert closing(Figures()) == "0 frames read in 0.0 s, 0 dropped; latency 0 ms (median), 0 ms (95 %)"
