import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from portraits import blank, capturer, clip_frames, contents, placed, write_clip, write_photo

from mien.compose.captures import CaptureWarning, capture, capture_batch
from mien.compose.done import Done, Steps
from mien.compose.outputs import BatchOptions
from mien.core.errors import InputError, ModelError, UsageError
from mien.core.image import Frame
from mien.formats.images import read_image
from mien.formats.registry import load
from mien.formats.tables import read_table
from mien.formats.video import VideoReader, VideoWriter
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks of default options are loaded once for all tests of this file."""

    def capturer_for(options: CaptureOptions) -> Capturer:
        return capturer() if options == CaptureOptions() else Capturer(options)

    monkeypatch.setattr("mien.compose.captures.Capturer", capturer_for)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos and a short video, in a folder of their own."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    write_photo(tmp_path / "in" / "a.png")
    write_photo(tmp_path / "in" / "b.jpg", placed((100, 90), 0.8)[0])
    write_clip(tmp_path / "in" / "c.mp4", 5)
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@dataclass
class Log:
    """Every step of a batch, in order."""

    events: list[object] = field(default_factory=list)

    @property
    def steps(self) -> Steps:
        return Steps(
            lambda path, frames: self.events.append((path.name, frames)),
            lambda: self.events.append("frame"),
            lambda done: self.events.append(done),
        )


# --- one source -------------------------------------------------------------------------------------------------------


def test_a_path_an_array_a_frame_and_frames_are_captured(tmp_path: Path) -> None:
    pixels = placed((120, 100))[0]
    path = write_photo(tmp_path / "a.png")
    ways = [capture(path), capture(str(path)), capture(pixels), capture(Frame(pixels)), capture([Frame(pixels)])]
    assert [each.source for each in ways] == [str(path), str(path), "", "", ""]
    for each in ways:
        assert (each.width, each.height, each.frames, len(each.takes)) == (240, 200, 1, 1)
        np.testing.assert_array_equal(each.takes[0].state.expression.weights, ways[0].takes[0].state.expression.weights)


def test_grey_pixels_are_captured() -> None:
    (take,) = capture(placed((120, 100))[0][..., 1]).takes
    assert take.valid.tolist() == [True]


def test_a_video_is_captured_with_its_own_times(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "c.mp4", 240, 200, 25) as writer:
        for time, frame in zip((0.0, 0.04, 0.5, 0.58), clip_frames(4), strict=True):
            writer.write(frame.pixels, time)
    result = capture(tmp_path / "c.mp4")
    (take,) = result.takes
    assert take.times.tolist() == pytest.approx([0.0, 0.04, 0.5, 0.58], abs=1e-3)
    assert take.frames.tolist() == [0, 1, 2, 3]
    assert take.frame_rate is not None
    assert result.frames == 4


def test_no_face_is_a_result(tmp_path: Path) -> None:
    assert capture(blank()).takes == ()
    assert capture([]).takes == ()
    assert capture(write_photo(tmp_path / "a.png", blank())).frames == 1


def test_a_jpeg_named_png_is_captured(tmp_path: Path) -> None:
    os.rename(write_photo(tmp_path / "a.jpg"), tmp_path / "a.png")
    with pytest.warns(CaptureWarning, match=r"a\.png: format_mismatch: is named \.png, and is JPEG"):
        assert len(capture(tmp_path / "a.png").takes) == 1


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        capture(np.zeros((8, 8, 3)))
    with pytest.raises(InputError, match="E_NOTFILE"):
        capture(tmp_path / "missing.png")
    with pytest.raises(InputError, match="E_NOTFILE"):
        capture("http://127.0.0.1:9/a.png")


def test_a_generator_of_frames_is_asked_one_at_a_time() -> None:
    alive: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in clip_frames(3):
            alive.append(frame.index)
            yield frame

    assert capture(source()).frames == 3
    assert alive == [0, 1, 2]


# --- a batch ----------------------------------------------------------------------------------------------------------


def test_everything_is_written_and_the_sources_stay_as_they_are(folder: Path) -> None:
    before = contents(folder / "in")
    sources = [folder / "in" / name for name in ("a.png", "b.jpg")]
    outputs = tuple(folder / "out" / name for name in ("all.csv", "{name}.json", "{name}.npz", "{name}-own.csv"))
    results = capture_batch(sources, BatchOptions(outputs, folder / "out" / "{name}-o.png"))
    assert [(done.path, done.frames, done.faces, done.error, done.lost) for done in results] == [
        (source, 1, 1, None, 0) for source in sources
    ]
    assert sorted(os.listdir(folder / "out")) == sorted(
        ["all.csv"] + [f"{name}{ending}" for name in "ab" for ending in (".json", ".npz", "-own.csv", "-o.png")]
    )
    assert contents(folder / "in") == before
    assert [row["source"] for row in rows(folder / "out" / "all.csv")] == [str(source) for source in sources]
    assert [row["source"] for row in rows(folder / "out" / "b-own.csv")] == [str(sources[1])]
    for name, source in zip("ab", sources, strict=True):
        exact, rounded = (load(folder / "out" / f"{name}{ending}") for ending in (".npz", ".json"))
        assert exact.source == rounded.source == str(source)
        fresh = capture(source).takes[0].state.expression.weights
        np.testing.assert_array_equal(exact.takes[0].state.expression.weights, fresh)
        np.testing.assert_allclose(rounded.takes[0].state.expression.weights, fresh, rtol=1e-5)
        assert read_image(folder / "out" / f"{name}-o.png").width > read_image(source).width


def test_a_video_becomes_a_table_a_take_and_a_video(folder: Path) -> None:
    clip = folder / "in" / "c.mp4"
    before = contents(folder / "in")
    outputs = (folder / "out" / "t.csv", folder / "out" / "take.npz")
    (done,) = capture_batch([clip], BatchOptions(outputs, folder / "out" / "o.mp4"), CaptureOptions(landmarks=True))
    assert (done.frames, done.faces, done.seen, done.error) == (5, 1, 5, None)
    assert [reading.frame for reading in done.last] == [4]
    assert sorted(os.listdir(folder / "out")) == ["o.mp4", "t.csv", "take.npz"]
    with VideoReader(clip) as video:
        times = [frame.time for frame in video]
    table = rows(folder / "out" / "t.csv")
    assert [float(row["time_s"]) for row in table] == pytest.approx(times, abs=1e-6)
    assert [row["frame"] for row in table] == ["0", "1", "2", "3", "4"]
    assert "x_477" in table[0]
    (take,) = load(folder / "out" / "take.npz").takes
    assert take.times.tolist() == pytest.approx(times)
    with VideoReader(folder / "out" / "o.mp4") as video:
        assert [frame.time for frame in video] == pytest.approx(times, abs=1e-3)
    assert contents(folder / "in") == before


def test_a_bad_file_costs_itself_alone(folder: Path) -> None:
    (folder / "in" / "bad.jpg").write_bytes(b"this is text")
    (folder / "in" / "cut.jpg").write_bytes((folder / "in" / "b.jpg").read_bytes()[:900])
    names = ["a.png", "bad.jpg", "missing.png", "cut.jpg", "b.jpg"]
    outputs = (folder / "out" / "all.csv", folder / "out" / "{name}.json")
    log = Log()
    batch = BatchOptions(outputs, folder / "out" / "{name}-o.webp")
    results = capture_batch([folder / "in" / name for name in names], batch, steps=log.steps)
    codes = [done.error.code if done.error else None for done in results]
    assert codes == [None, "E_FORMAT", "E_NOTFILE", "E_TRUNC", None]
    for done, name in zip(results, names, strict=True):
        assert done.error is None or done.error.source == str(folder / "in" / name)
    good = {str(folder / "in" / name) for name in ("a.png", "b.jpg")}
    assert {take.source for take in read_table(folder / "out" / "all.csv")} == good
    assert sorted(os.listdir(folder / "out")) == ["a-o.webp", "a.json", "all.csv", "b-o.webp", "b.json"]
    assert [each for each in log.events if isinstance(each, Done)] == results


def test_only_bad_files_leave_no_table(folder: Path) -> None:
    outputs = (folder / "out" / "t.csv", folder / "out" / "u.csv")
    (done,) = capture_batch([folder / "missing.png"], BatchOptions(outputs))
    assert isinstance(done.error, InputError)
    assert os.listdir(folder / "out") == []


def test_a_picture_without_a_face_has_an_empty_take_and_no_row(folder: Path) -> None:
    write_photo(folder / "in" / "d.png", blank())
    outputs = (folder / "out" / "t.csv", folder / "out" / "t.json")
    (done,) = capture_batch([folder / "in" / "d.png"], BatchOptions(outputs, folder / "out" / "o.png"))
    assert (done.frames, done.faces, done.last, done.error) == (1, 0, (), None)
    assert rows(folder / "out" / "t.csv") == []
    assert load(folder / "out" / "t.json").takes == ()
    assert read_image(folder / "out" / "o.png").height == 200


def test_a_damaged_video_says_what_it_lost(folder: Path) -> None:
    clip = write_clip(folder / "in" / "long.mp4", 40)
    data = bytearray(clip.read_bytes())
    start, end = data.index(b"mdat") + 900, data.index(b"moov") - 4
    for place in np.random.default_rng(3).integers(start, end, 400).tolist():
        data[place] ^= 1 << place % 8
    clip.write_bytes(data)
    (done,) = capture_batch([clip], BatchOptions((folder / "out" / "t.csv",)))
    assert done.error is None
    assert done.lost + done.guessed > 0
    assert done.frames + done.lost == 40


def test_a_video_that_breaks_off_leaves_nothing_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(video: VideoReader) -> Iterator[Frame]:
        yield from clip_frames(2)
        raise InputError(video.source, "E_FORMAT", "resolution changes at frame 2")

    monkeypatch.setattr(VideoReader, "__iter__", broken)
    outputs = (folder / "out" / "{name}.json", folder / "out" / "{name}.csv")
    sources = [folder / "in" / "c.mp4"]
    (done,) = capture_batch(sources, BatchOptions(outputs, folder / "out" / "{name}-o.mp4"))
    assert done.error is not None
    assert done.error.code == "E_FORMAT"
    assert os.listdir(folder / "out") == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_being_stopped_leaves_nothing_half_written(folder: Path, error: type[BaseException]) -> None:
    count = iter(range(99))

    def stop() -> None:
        if next(count) == 3:
            raise error

    outputs = (folder / "out" / "t.csv", folder / "out" / "{name}.npz")
    with pytest.raises(error):
        capture_batch(
            [folder / "in" / "c.mp4"], BatchOptions(outputs, folder / "out" / "o.mp4"), steps=Steps(frame=stop)
        )
    assert os.listdir(folder / "out") == []


def test_a_source_that_is_written_to_meanwhile_is_refused(folder: Path) -> None:
    clip = folder / "in" / "c.mp4"

    def write_on() -> None:
        with clip.open("ab") as stream:
            stream.write(b"more")

    outputs = (folder / "out" / "t.csv", folder / "out" / "t.npz")
    (done,) = capture_batch([clip], BatchOptions(outputs), steps=Steps(frame=write_on))
    assert done.error is not None
    assert done.error.code == "E_CHANGED"
    assert os.listdir(folder / "out") == []


def test_of_a_photo_that_is_written_to_meanwhile_no_overlay_stays(folder: Path) -> None:
    photo = folder / "in" / "a.png"

    def write_on() -> None:
        with photo.open("ab") as stream:
            stream.write(b"more")

    batch = BatchOptions((folder / "out" / "t.npz",), folder / "out" / "o.png")
    (done,) = capture_batch([photo], batch, steps=Steps(frame=write_on))
    assert done.error is not None
    assert done.error.code == "E_CHANGED"
    assert os.listdir(folder / "out") == []


def test_what_a_killed_capture_left_half_written_goes_with_the_next(folder: Path) -> None:
    program = "import sys; from pathlib import Path; from mien.formats.leftovers import temporary_beside as beside\n" \
        "beside(Path(sys.argv[1])).touch()"  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program, str(folder / "out" / "t.csv")], check=True, env=environment)
    assert len(os.listdir(folder / "out")) == 1
    capture_batch([folder / "in" / "a.png"], BatchOptions((folder / "out" / "t.csv",)))
    assert os.listdir(folder / "out") == ["t.csv"]


def test_steps_are_told_in_order(folder: Path) -> None:
    log = Log()
    results = capture_batch([folder / "in" / name for name in ("a.png", "c.mp4")], BatchOptions(), steps=log.steps)
    assert log.events == [("a.png", 1), "frame", results[0], ("c.mp4", 5), *["frame"] * 5, results[1]]


def test_faces_are_chosen(folder: Path) -> None:
    pixels = np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1)
    pair = write_photo(folder / "in" / "pair.png", pixels)
    for choice, faces in (("all", 2), ("largest", 1), ("1", 1), ("5", 0)):
        (done,) = capture_batch([pair], BatchOptions(), CaptureOptions(face=FaceChoice.parse(choice)))
        assert done.faces == faces


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_existing_results_are_refused_before_anything_is_read(folder: Path) -> None:
    mine = folder / "out" / "b.json"
    mine.write_bytes(b"mine")
    log = Log()
    sources = [folder / "in" / "a.png", folder / "in" / "b.jpg"]
    outputs = (folder / "out" / "t.csv", folder / "out" / "{name}.json")
    with pytest.raises(UsageError, match=r"b\.json: E_EXISTS"):
        capture_batch(sources, BatchOptions(outputs), steps=log.steps)
    assert log.events == []
    assert contents(folder / "out").keys() == {"b.json"}
    assert mine.read_bytes() == b"mine"
    capture_batch(sources, BatchOptions(outputs, overwrite=True))
    assert len(load(mine).takes) == 1
    assert sorted(os.listdir(folder / "out")) == ["a.json", "b.json", "t.csv"]


@pytest.mark.parametrize(
    ("names", "overlay", "cause"),
    [
        (["a.png", "c.mp4"], "{name}-o.png", "the overlay of a video cannot be .png"),
        (["c.mp4", "a.png"], "{name}-o.mp4", "the overlay of a photo cannot be .mp4"),
        (["a.png"], "{name}.png", "never overwritten"),
    ],
)
def test_a_mistake_of_usage_starts_nothing(folder: Path, names: list[str], overlay: str, cause: str) -> None:
    before, log = contents(folder), Log()
    batch = BatchOptions((folder / "in" / "t.csv",), folder / "in" / overlay, overwrite=True)
    with pytest.raises(UsageError, match=cause):
        capture_batch([folder / "in" / name for name in names], batch, steps=log.steps)
    assert log.events == []
    assert contents(folder) == before


def test_a_changed_network_is_refused_before_anything_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(options: CaptureOptions) -> None:
        raise ModelError("finder.onnx", "E_MODEL", "changed")

    monkeypatch.setattr("mien.compose.captures.Capturer", refuse)
    with pytest.raises(ModelError):
        capture_batch([folder / "in" / "a.png"], BatchOptions((folder / "out" / "t.csv",)))
    assert os.listdir(folder / "out") == []
