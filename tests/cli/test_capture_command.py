import csv
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from portraits import blank, capturer, contents, placed, write_clip, write_photo
from receivers import Receiver, float32, ifacialmocap_line, live_link_packet, osc_messages

from mien.cli.main import run
from mien.compose.pace import Clock, Pace
from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.geometry import angles_from_rotation
from mien.formats.ifacialmocap import NAMES as MOCAP_NAMES
from mien.formats.registry import load
from mien.formats.video import VideoWriter
from mien.pipelines.capture import CaptureOptions, Capturer

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Works in a folder with one portrait, loads the networks once, and leaves SIGTERM as it was."""
    before = signal.getsignal(signal.SIGTERM)

    def capturer_for(options: CaptureOptions) -> Capturer:
        return capturer() if options == CaptureOptions() else Capturer(options)

    monkeypatch.setattr("mien.compose.captures.Capturer", capturer_for)
    monkeypatch.chdir(tmp_path)
    write_photo(Path("a.png"))
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_portrait_is_shown(capsys: Captured) -> None:
    assert run(["capture", "a.png"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "a.png" in said.out
    assert "pitch yaw roll" in said.out
    assert any(column in said.out for column in ARKIT.columns)
    assert os.listdir() == ["a.png"]


def test_results_are_written_and_said(capsys: Captured) -> None:
    before = contents(Path())
    assert run(["capture", "a.png", "-o", "t.json", "--output", "t.csv", "--overlay", "o.png"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "1 of 1 sources read, 1 face, seen in 1 of 1 frame; wrote t.json, t.csv, o.png\n"
    assert sorted(os.listdir()) == ["a.png", "o.png", "t.csv", "t.json"]
    assert contents(Path())["a.png"] == before["a.png"]
    assert load(Path("t.json")).source == "a.png"


def test_no_face_is_said_and_no_failure(capsys: Captured) -> None:
    write_photo(Path("blank.png"), blank())
    assert run(["capture", "blank.png"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "blank.png: no face found\n")


def test_a_text_named_jpg_costs_itself_alone(capsys: Captured) -> None:
    Path("text.jpg").write_text("this is no picture")
    assert run(["capture", "text.jpg", "a.png", "-o", "{name}.json"]) == 1
    said = capsys.readouterr()
    first, last = said.err.splitlines()
    assert first.startswith("text.jpg: E_FORMAT: not an image or a video; starts with 'this is no pictu'")
    assert last == "1 of 2 sources read, 1 face, seen in 1 of 1 frame; wrote {name}.json"
    assert sorted(os.listdir()) == ["a.json", "a.png", "text.jpg"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, "E_NOTFILE"),
        (lambda path: path.write_bytes(b""), "E_EMPTY"),
        (lambda path: path.write_bytes(b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n"), "E_FORMAT"),
        (lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "E_LFS"),
        (os.mkfifo, "E_NOTFILE"),
        (lambda path: path.symlink_to(path), "E_NOTFILE"),
        (lambda path: path.symlink_to("nowhere"), "E_NOTFILE"),
    ],
    ids=["missing", "empty", "playlist", "lfs", "pipe", "ring", "dangling"],
)
def test_what_cannot_be_read_is_one_line_and_1(make: object, code: str, capsys: Captured) -> None:
    assert callable(make)
    make(Path("b.jpg"))
    assert run(["capture", "b.jpg"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"b.jpg: {code}: ")


def test_an_address_is_a_file_that_does_not_exist(capsys: Captured) -> None:
    assert run(["capture", "http://127.0.0.1:9/a.png"]) == 1
    assert "E_NOTFILE: no such file (check the path; addresses are not fetched)" in capsys.readouterr().err


def test_a_name_that_is_too_long_is_a_file_that_does_not_exist(capsys: Captured) -> None:
    assert run(["capture", "x" * 300]) == 1
    assert "xxx: E_NOTFILE: file name too long" in capsys.readouterr().err


NAMES = ["two\nlines.png", "é 😀.png", "-rf.png", "--help.png", "[red]x[b].png", "%d {name}.png", "=1+1.png", "a b.png"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_name(name: str, capsys: Captured) -> None:
    os.rename("a.png", name)
    assert run(["capture", "-o", "t.csv", "-o", "t.json", "--", name]) == 0
    assert capsys.readouterr().err.count("\n") == 1
    assert load(Path("t.json")).source == name
    assert run(["capture", "--", name]) == 0
    assert name.replace("\n", "\\n") in capsys.readouterr().out


def test_a_path_that_looks_like_markup_is_a_path(capsys: Captured) -> None:
    os.mkdir("q[")
    write_photo(Path("q[/red].png"))
    assert run(["capture", "q[/red].png"]) == 0
    assert "q[/red].png" in capsys.readouterr().out


def test_a_name_that_is_no_unicode(capsys: Captured) -> None:
    name = os.fsdecode(b"bad\xff\xfe.png")
    os.rename("a.png", name)
    assert run(["capture", name]) == 0
    assert "bad\\udcff\\udcfe.png" in capsys.readouterr().out
    Path(os.fsdecode(b"text\xff.png")).write_text("text")
    assert run(["capture", os.fsdecode(b"text\xff.png")]) == 1
    assert capsys.readouterr().err.startswith("text\\udcff.png: E_FORMAT: ")


@pytest.mark.skipif(sys.platform != "linux", reason="a file that is there and cannot be read lies in /proc")
def test_what_the_system_refuses_to_read_costs_itself_alone(capsys: Captured) -> None:
    Path("aa.jpg").symlink_to("/proc/self/mem")
    write_photo(Path("b.png"))
    assert run(["capture", "a.png", "aa.jpg", "b.png", "-o", "t.csv"]) == 1
    error, *counted = capsys.readouterr().err.splitlines()
    assert error == "aa.jpg: E_READ: cannot be read: input/output error (check the disk or the share it lies on)"
    assert counted == ["2 of 3 sources read, 2 faces, seen in 2 of 2 frames; wrote t.csv", "1 failed"]
    with open("t.csv", newline="", encoding="utf-8") as table:
        assert [row["source"] for row in csv.DictReader(table)] == ["a.png", "b.png"]


def test_a_folder_is_searched_and_one_without_pictures_is_4(capsys: Captured) -> None:
    for folder in ("photos/deep", "empty"):
        os.makedirs(folder)
    write_photo(Path("photos/deep/b.jpg"))
    write_photo(Path("photos/a.png"), blank())
    assert run(["capture", "photos", "-o", "all.csv"]) == 0
    first, last = capsys.readouterr().err.splitlines()
    assert first == f"{Path('photos/a.png')}: no face found"
    assert last == "2 of 2 sources read, 1 face, seen in 1 of 2 frames; wrote all.csv"
    assert run(["capture", "empty"]) == 4
    assert capsys.readouterr().err.startswith("empty: E_NOTHING: holds no photo and no video")


def test_existing_files_are_kept_unless_told(capsys: Captured) -> None:
    Path("t.json").write_text("mine")
    assert run(["capture", "a.png", "-o", "t.json"]) == 2
    assert capsys.readouterr().err == "t.json: E_EXISTS: the file exists already (--overwrite replaces it)\n"
    assert Path("t.json").read_text() == "mine"
    assert run(["capture", "a.png", "-o", "t.json", "--overwrite"]) == 0
    assert len(load(Path("t.json")).takes) == 1


def test_a_source_is_never_overwritten(capsys: Captured) -> None:
    before = contents(Path())
    assert run(["capture", "a.png", "--overlay", "a.png", "--overwrite"]) == 2
    assert "is one of the sources, which are never overwritten" in capsys.readouterr().err
    assert contents(Path()) == before


def test_a_video_is_shown_by_its_last_face_and_written_whole(capsys: Captured) -> None:
    write_clip(Path("c.mp4"), 4)
    assert run(["capture", "c.mp4"]) == 0
    assert "c.mp4, the last of 4 frames" in " ".join(capsys.readouterr().out.split())
    assert run(["capture", "c.mp4", "-o", "c.npz", "--overlay", "o.mp4"]) == 0
    assert capsys.readouterr().err == "1 of 1 sources read, 1 face, seen in 4 of 4 frames; wrote c.npz, o.mp4\n"
    assert load(Path("c.npz")).takes[0].frames.tolist() == [0, 1, 2, 3]


def test_lost_frames_are_said_on_one_line_and_1(capsys: Captured) -> None:
    clip = write_clip(Path("two\nlines.mp4"), 40)
    data = bytearray(clip.read_bytes())
    start, end = data.index(b"mdat") + 900, data.index(b"moov") - 4
    for place in np.random.default_rng(3).integers(start, end, 400).tolist():
        data[place] ^= 1 << place % 8
    clip.write_bytes(data)
    assert run(["capture", "two\nlines.mp4", "-o", "t.csv"]) == 1
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("two\\nlines.mp4: W_PARTIAL: ")
    assert " of 40 frames could be read" in first


def test_flags_reach_the_capture(capsys: Captured) -> None:
    pair = np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1)
    write_photo(Path("pair.png"), pair)
    flags = ["--face", "1", "--landmarks", "--focal-length", "700", "--least-score", "0.4", "--look-again", "2"]
    assert run(["capture", "pair.png", "-o", "t.csv", "-o", "t.json", *flags]) == 0
    assert "1 face, seen in 1 of 1 frame" in capsys.readouterr().err
    (take,) = load(Path("t.json")).takes
    assert take.face == 1
    assert take.box[0, 2] < 240
    assert Path("t.csv").read_text().splitlines()[0].endswith("y_477")


def test_a_fit_explains_the_face_and_keeps_who_it_is(capsys: Captured) -> None:
    assert run(["capture", "a.png", "-o", "plain.json"]) == 0
    assert run(["capture", "a.png", "--fit", "-o", "fitted.json", "-o", "fitted.npz", "-o", "fitted.csv"]) == 0
    assert "1 face, seen in 1 of 1 frame; wrote fitted.json, fitted.npz, fitted.csv" in capsys.readouterr().err
    (plain,), (fitted,), (again,) = (load(Path(name)).takes for name in ("plain.json", "fitted.json", "fitted.npz"))
    assert (plain.identity.shape.shape, fitted.identity.shape.shape) == ((0,), (60,))
    np.testing.assert_allclose(again.identity.shape, fitted.identity.shape, atol=1e-5)
    assert (plain.state.expression.weights != fitted.state.expression.weights).any()
    np.testing.assert_allclose(fitted.state.pose.rotation, plain.state.pose.rotation, atol=1e-6)
    assert run(["capture", "a.png", "--fit"]) == 0
    assert "pitch yaw roll" in capsys.readouterr().out


def test_many_faces_are_shown_in_short(capsys: Captured) -> None:
    row = np.concatenate([placed((75, 80), 0.8, 0, 150, 160)[0]] * 4, axis=1)
    write_photo(Path("crowd.png"), np.concatenate([row] * 2, axis=0))
    assert run(["capture", "crowd.png"]) == 0
    assert "and 2 more" in capsys.readouterr().out


def test_control_characters_never_reach_the_terminal(capsys: Captured) -> None:
    name = "\x1b[31mred\x07.png"
    os.rename("a.png", name)
    Path("\x1b[2J.jpg").write_text("text")
    assert run(["capture", name, "\x1b[2J.jpg"]) == 1
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert "\x1b" not in text
        assert "\x07" not in text


# --- batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_gone_on_with(capsys: Captured) -> None:
    os.mkdir("in")
    os.rename("a.png", "in/a.png")
    Path("in/text.jpg").write_text("this is no picture")
    write_photo(Path("in/z.png"), blank())
    words = ["capture", "in", "-o", "t.csv", "-o", "{name}.json", "--workers", "1", "--journal", "j"]
    assert run(words) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-2:] == [
        "2 of 3 sources read, 1 face, seen in 1 of 2 frames; wrote t.csv, {name}.json",
        "1 failed",
    ]
    assert sum(line.startswith("in/text.jpg: E_FORMAT: ") for line in said.err.splitlines()) == 1
    assert "in/z.png: no face found" in said.err
    assert sorted(os.listdir()) == ["a.json", "in", "j", "t.csv", "z.json"]
    assert run(words) == 1
    assert capsys.readouterr().err.splitlines() == [
        next(line for line in said.err.splitlines() if line.startswith("in/text.jpg: E_FORMAT: ")),
        "2 of 3 sources read (3 settled in an earlier run), 1 face, seen in 1 of 2 frames; wrote t.csv, {name}.json",
        "1 failed",
    ]
    assert run([*words, "--face", "largest"]) == 3
    assert "E_STATE: was begun with face all, now largest (--restart begins anew" in capsys.readouterr().err
    assert run([*words, "--max-failures", "0", "--restart"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("1 failed")


def test_wrong_flags_of_a_batch_are_2(capsys: Captured) -> None:
    for flags in (["--workers", "0"], ["--max-failures", "some"], ["--restart"], ["--workers", "2", "--realtime"]):
        assert run(["capture", "a.png", *flags]) == 2
        assert capsys.readouterr().err.strip()
    assert os.listdir() == ["a.png"]


# --- streams ----------------------------------------------------------------------------------------------------------


def write_calm_clip(path: Path, count: int) -> None:
    """A face that hardly moves: it is followed even where a slow machine drops frames."""
    with VideoWriter(path, 240, 200, 25.0) as writer:
        for k in range(count):
            writer.write(placed((120, 100), 1.0, 2.0 * k)[0], k / 25)


def test_receivers_read_back_exactly_what_was_sent(capsys: Captured) -> None:
    write_calm_clip(Path("c.mp4"), 6)
    with Receiver() as vmc, Receiver() as live_link, Receiver() as mocap:
        streams = [
            f"vmc://127.0.0.1:{vmc.port}",
            f"livelink://localhost:{live_link.port}",
            f"ifacialmocap://127.0.0.1:{mocap.port}",
        ]
        flags = [word for stream in streams for word in ("--stream", stream)]
        assert run(["capture", "c.mp4", "--realtime", *flags, "-o", "t.npz"]) == 0
        bundles, packets, lines = vmc.datagrams(), live_link.datagrams(), mocap.datagrams()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].endswith(f"; wrote t.npz; streamed to {', '.join(streams)}")
    (take,) = load(Path("t.npz")).takes  # what was captured: a slow machine may have dropped frames of the six
    assert take.valid.all()
    count, weights = len(take), take.state.expression.weights
    sent = [[message for part in bundles[k : k + 3] for message in osc_messages(part)] for k in range(0, 3 * count, 3)]
    assert len(bundles) == 3 * len(packets) == 3 * len(lines) == 3 * count
    for row, messages in enumerate(sent):
        assert messages[0] == ("/VMC/Ext/OK", (1,))
        assert messages[1] == ("/VMC/Ext/T", (float32(take.times[row]),))
        assert messages[-1] == ("/VMC/Ext/Blend/Apply", ())
        values = [numbers for address, numbers in messages if address == "/VMC/Ext/Blend/Val"]
        assert values == [
            (name[0].upper() + name[1:], float(take.state.expression[name][row])) for name in ARKIT.columns
        ]
        bones = {numbers[0]: numbers[4:] for address, numbers in messages if address == "/VMC/Ext/Bone/Pos"}
        left, right = take.state.gaze.rotation[row]
        for name, rotation in (("Head", take.state.pose.facing()[row]), ("LeftEye", left), ("RightEye", right)):
            np.testing.assert_allclose(as_matrix(bones[name]), rotation, atol=1e-6)
    for row, datagram in enumerate(packets):
        packet = live_link_packet(datagram)
        assert (packet.subject, packet.rate) == ("mien-0", (25, 1))
        assert (packet.frame + packet.subframe) / 25 == pytest.approx(take.times[row], abs=1e-6)
        rotations = np.stack([take.state.pose.facing()[row], *take.state.gaze.rotation[row]])
        angles = angles_from_rotation(rotations)[:, [1, 0, 2]].ravel()
        np.testing.assert_array_equal(packet.values, np.array([*weights[row], *angles], np.float32))
    for row, datagram in enumerate(lines):
        said_of = ifacialmocap_line(datagram).values
        assert [said_of[name] for name in MOCAP_NAMES] == np.rint(100 * np.clip(weights[row], 0, 1)).tolist()


def as_matrix(numbers: tuple[str | int | float, ...]) -> Array:
    """The usual formula, of a quaternion x y z w."""
    x, y, z, w = (float(number) for number in numbers)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_a_photo_is_one_moment_and_two_faces_are_two_subjects(capsys: Captured) -> None:
    pair = np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1)
    write_photo(Path("pair.png"), pair)
    with Receiver() as live_link, Receiver() as vmc:
        streams = [f"--stream=livelink://127.0.0.1:{live_link.port}", f"--stream=vmc://127.0.0.1:{vmc.port}"]
        assert run(["capture", "pair.png", "--realtime", *streams, "-o", "t.npz"]) == 0
        assert [live_link_packet(one).subject for one in live_link.datagrams()] == ["mien-0", "mien-1"]
        sent = [message for datagram in vmc.datagrams() for message in osc_messages(datagram)]
        assert run(["capture", "pair.png", "--realtime", streams[0], "--face", "1"]) == 0
        assert [live_link_packet(one).subject for one in live_link.datagrams()] == ["mien-1"]
    largest = max(load(Path("t.npz")).takes, key=lambda take: float(take.box[0, 2] - take.box[0, 0]))
    values = [numbers[1] for address, numbers in sent if address == "/VMC/Ext/Blend/Val"]
    assert values == largest.state.expression.weights[0].tolist()


def test_streaming_needs_realtime(capsys: Captured) -> None:
    with Receiver() as receiver:
        assert run(["capture", "a.png", "--stream", f"vmc://127.0.0.1:{receiver.port}"]) == 2
        assert receiver.datagrams() == []
    assert "E_USAGE: a receiver would get a video's frames as fast as they are read (add --realtime)" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "address", ["osc://127.0.0.1", "vmc://127.0.0.1:99999", "127.0.0.1:39539", "vmc://nowhere.invalid"]
)
def test_a_wrong_receiver_is_2_and_nothing_is_read_or_written(
    address: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*arguments: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    before = contents(Path())
    assert run(["capture", "a.png", "--realtime", "--stream", address, "-o", "new/t.json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"--stream {address}")
    assert contents(Path()) == before
    assert not Path("new").exists()


def test_a_receiver_that_does_not_listen_is_said_once_and_no_failure(capsys: Captured) -> None:
    with Receiver() as gone:
        port = gone.port
    write_calm_clip(Path("c.mp4"), 4)
    assert run(["capture", "c.mp4", "--realtime", "--stream", f"vmc://127.0.0.1:{port}", "-o", "t.npz"]) == 0
    said = capsys.readouterr().err
    if sys.platform == "linux":
        assert said.count(f"vmc://127.0.0.1:{port}: W_SEND: ") == 1
        assert "could not be delivered (Connection refused; does the receiver listen?)" in said
    assert len(load(Path("t.npz")).takes) == 1


def test_late_frames_are_said_and_no_failure(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(k / 10 for k in range(1000))
    monkeypatch.setattr("mien.compose.items.Pace", lambda clock: Pace(Clock(lambda: next(now), lambda seconds: None)))
    write_calm_clip(Path("c.mp4"), 12)
    assert run(["capture", "c.mp4", "--realtime", "-o", "t.npz"]) == 0
    first, last = capsys.readouterr().err.splitlines()
    (take,) = load(Path("t.npz")).takes
    assert 0 < len(take) < 12
    assert first == f"c.mp4: W_LATE: {12 - len(take)} of 12 frames came too late and were dropped"
    assert (
        last
        == f"1 of 1 sources read, 1 face, seen in {len(take)} of {len(take)} frame{'s' * (len(take) > 1)}; wrote t.npz"
    )
    assert take.times.tolist() == pytest.approx((take.frames / 25).tolist(), abs=1e-3)


def test_what_a_protocol_cannot_say_is_said(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.compose.streams.encode_ifacialmocap", lambda moment: (b"", 3))
    with Receiver() as receiver:
        address = f"ifacialmocap://127.0.0.1:{receiver.port}"
        assert run(["capture", "a.png", "--realtime", "--stream", address]) == 0
    assert f"{address}: W_CLIPPED: 3 values outside 0..1 were clipped for the stream" in capsys.readouterr().err


def test_a_picture_a_page_and_a_table_are_written_and_said(capsys: Captured) -> None:
    words = ["--summary", "s", "--report", "r", "-o", "t.parquet", "--no-report-pictures"]
    assert run(["capture", "a.png", *words]) == 0
    said = capsys.readouterr()
    assert said.err == "1 of 1 sources read, 1 face, seen in 1 of 1 frame; wrote t.parquet, s, r\n"
    assert sorted(os.listdir()) == ["a.png", "r.html", "s.png", "t.parquet"]
    assert "<img" not in Path("r.html").read_text("utf-8")


def test_one_name_in_two_folders_needs_its_folder(capsys: Captured) -> None:
    for folder in ("in/x", "in/y"):
        os.makedirs(folder)
        write_photo(Path(folder, "b.png"))
    assert run(["capture", "in", "-o", "out/{name}.json"]) == 2
    assert "write out/{folder}/{name}.json" in capsys.readouterr().err
    assert not Path("out").exists()
    assert run(["capture", "in", "-o", "out/{folder}/{name}.json"]) == 0
    assert sorted(map(str, Path("out").rglob("*.json"))) == ["out/x/b.json", "out/y/b.json"]


def test_a_plain_capture_loads_neither_plots_nor_templates() -> None:
    program = (
        "import sys\nfrom mien.cli.main import run\nassert run(['capture', 'a.png', '-o', 't.csv']) == 0\n"
        "print(sorted({'matplotlib', 'jinja2', 'pyarrow'} & set(sys.modules)))"
    )
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(source)}, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"


def test_flags_of_rest_and_trust_are_understood(capsys: Captured) -> None:
    write_clip(Path("c.mp4"), 5)
    assert run(["capture", "a.png", "c.mp4", "--neutral", "a.png", "--no-smooth", "-o", "{name}.npz"]) == 0
    for name in ("a", "c"):
        assert load(Path(f"{name}.npz")).takes[0].identity.resting is not None
    capsys.readouterr()
    assert run(["capture", "a.png", "--neutral", "auto"]) == 0
    assert "a.png: W_NEUTRAL: not calibrated: a photo has no calm frames" in capsys.readouterr().err
    assert run(["capture", "a.png", "--min-quality", "1"]) == 0
    assert "a.png: no face found" in capsys.readouterr().err
    assert run(["capture", "a.png", "--min-quality", "1.5"]) == 2
    assert "--min-quality: E_USAGE: 1.5 is out of range (allowed: 0 to 1)" in capsys.readouterr().err
    assert run(["capture", "a.png", "--neutral", "nowhere.png"]) == 1
    assert "nowhere.png: E_NOTFILE" in capsys.readouterr().err


def test_a_session_prompts_and_its_end_is_waited_for(capsys: Captured) -> None:
    write_clip(Path("c.mp4"), 4)
    assert run(["capture", "c.mp4", "--calibrate"]) == 2
    assert "--calibrate: E_USAGE: prompts a person, who needs the time to follow (add --realtime)" in (
        capsys.readouterr().err
    )
    assert run(["capture", "c.mp4", "--realtime", "--calibrate", "-o", "t.npz"]) == 1
    said = capsys.readouterr().err
    assert "Hold still, with a neutral face (4 s)" in said
    assert "c.mp4: E_NEUTRAL: ended before its ten seconds of calibration" in said
    assert not Path("t.npz").exists()
