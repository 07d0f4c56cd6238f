import os
from pathlib import Path

import numpy as np
import pytest
from made import made_reading
from portraits import blank, capturer

from mien.compose.naming import named, overlay_named
from mien.compose.outputs import BatchOptions, check_outputs
from mien.compose.sinks import (
    VIDEO_COLUMNS,
    ClipSink,
    Sink,
    StillSink,
    TakeSink,
    sinks_for,
)
from mien.compose.sources import Source
from mien.compose.table_sink import TableSink, open_table
from mien.core.basis import ARKIT
from mien.core.errors import MienError, OutputError, UsageError
from mien.core.image import Frame
from mien.formats.images import read_image
from mien.formats.registry import load
from mien.formats.tables import read_table
from mien.formats.video import VideoReader

CLIP = Source("clip.mp4", [], True, 25.0, 3, "01:00:00:00")
PHOTO = Source("photo.png", [])


def frames(count: int, step: float = 0.04, width: int = 160) -> list[Frame]:
    return [Frame(blank(width, 120), k * step, k) for k in range(count)]


def fed(sink: Sink, count: int = 3) -> None:
    with sink as taking:
        for frame in frames(count):
            taking.add(frame, [made_reading(0, frame.index)])


def stopped_midway(sink: Sink) -> None:
    def stop_midway() -> None:
        with sink as taking:
            taking.add(frames(1)[0], [made_reading()])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop_midway()


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "source", "name"),
    [
        ("out/{name}.json", "in/a.b.png", "out/a.b.json"),
        ("{name}/{name}.csv", "x.mp4", "x/x.csv"),
        ("all.csv", "x.mp4", "all.csv"),
        ("{name}.json", "-é 😀.jpg", "-é 😀.json"),
        ("{name}.json", "no ending", "no ending.json"),
        ("{Name}{}.json", "x.png", "{Name}{}.json"),
        ("{name}.json", "{name}.png", "{name}.json"),
    ],
)
def test_a_name_takes_the_place_of_the_pattern(pattern: str, source: str, name: str) -> None:
    assert named(Path(pattern), Path(source)) == Path(name)


# --- what is refused before anything is read --------------------------------------------------------------------------


def refusal(
    folder: Path, outputs: list[str], overlay: str | None, sources: list[str], overwrite: bool = False
) -> MienError:
    with pytest.raises(MienError) as caught:
        check_outputs(
            BatchOptions(
                tuple(folder / each for each in outputs), folder / overlay if overlay else None, overwrite=overwrite
            ),
            [folder / each for each in sources],
        )
    return caught.value


@pytest.mark.parametrize(
    ("outputs", "overlay", "sources", "cause"),
    [
        (["a.txt"], None, ["a.png"], "-o does not write .txt"),
        (["a"], None, ["a.png"], "-o does not write a name without ending"),
        (["a.mp4"], None, ["a.png"], "-o does not write .mp4"),
        ([], "o.json", ["a.png"], "--overlay does not write .json"),
        ([], "o.gif", ["a.png"], "--overlay does not write .gif"),
        (["a.json"], None, ["a.png", "b.png"], "2 sources cannot share this file"),
        ([], "o.png", ["a.png", "b.png", "c.png"], "3 sources cannot share this file"),
        ([], "a.png", ["a.png"], "is one of the sources, which are never overwritten"),
        ([], "{name}.png", ["a.png", "b.png"], "is one of the sources, which are never overwritten"),
        ([], "x/../b.png", ["b.png"], "is one of the sources, which are never overwritten"),
        (["{name}.json"], None, ["a.png", "sub/a.jpg"], "two results would go to this file"),
        (["{name}.csv"], None, ["a.png", "a.png"], "two results would go to this file"),
        (["a.json", "{name}.json"], None, ["a.png"], "two results would go to this file"),
        (["a.csv", "a.csv"], None, ["a.png"], "two results would go to this file"),
    ],
)
def test_what_cannot_be_written_is_a_mistake_of_usage(
    tmp_path: Path, outputs: list[str], overlay: str | None, sources: list[str], cause: str
) -> None:
    error = refusal(tmp_path, outputs, overlay, sources, overwrite=True)
    assert (type(error), error.code, error.cause[: len(cause)]) == (UsageError, "E_USAGE", cause)
    assert os.listdir(tmp_path) == []


def test_a_link_to_a_source_is_the_source(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    assert "never overwritten" in refusal(tmp_path, [], "link.png", ["a.png"], overwrite=True).cause
    assert "never overwritten" in refusal(tmp_path, [], "a.png", ["link.png"], overwrite=True).cause


def test_links_that_lead_nowhere_or_round_are_no_bug(tmp_path: Path) -> None:
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "nothing")
    check_outputs(BatchOptions((tmp_path / "a.csv",)), [tmp_path / "round.png", tmp_path / "nowhere.png"])


def test_what_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    for name in ("a.json", "b.csv", "o.png"):
        (tmp_path / name).write_bytes(b"mine")
    for outputs, overlay in ((["{name}.json"], None), (["b.csv"], None), ([], "o.png")):
        error = refusal(tmp_path, outputs, overlay, ["a.jpg"])
        assert (type(error), error.code) == (UsageError, "E_EXISTS")
        assert "--overwrite" in error.remedy
    batch = BatchOptions((tmp_path / "{name}.json", tmp_path / "b.csv"), tmp_path / "o.png", overwrite=True)
    check_outputs(batch, [tmp_path / "a.jpg"])
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"mine"}


@pytest.mark.parametrize(
    ("source", "is_video", "target"),
    [("in/a.png", False, "o/a.png"), ("in/b.mp4", True, "o/b.mp4"), ("in/c.d.jpg", False, "o/c.d.png")],
)
def test_an_overlay_without_ending_takes_the_one_that_suits(source: str, is_video: bool, target: str) -> None:
    assert overlay_named(Path("o/{name}"), Path(source), is_video) == Path(target)


@pytest.mark.parametrize(
    ("overlay", "head", "what"),
    [
        ("o.mp4", b"\x89PNG\r\n\x1a\n", "a photo cannot be .mp4"),
        ("o.png", b"\0\0\0\x18ftypisom", "a video cannot be .png"),
    ],
)
def test_an_overlay_is_of_the_kind_of_its_source(tmp_path: Path, overlay: str, head: bytes, what: str) -> None:
    (tmp_path / "a.dat").write_bytes(head + bytes(64))
    error = refusal(tmp_path, [], overlay, ["a.dat"])
    assert (type(error), error.code) == (UsageError, "E_USAGE")
    assert what in error.cause


def test_what_cannot_be_read_is_not_refused_here(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"hello")
    check_outputs(BatchOptions(overlay=tmp_path / "{name}-o.mp4"), [tmp_path / "a.png", tmp_path / "missing.png"])


# --- sinks ------------------------------------------------------------------------------------------------------------


def test_every_result_has_its_sink(tmp_path: Path) -> None:
    outputs = tuple(tmp_path / name for name in ("a.json", "t.csv", "b.npz"))
    still, moving = (BatchOptions(outputs, tmp_path / name) for name in ("o.png", "o.mp4"))
    with open_table(tmp_path / "t.csv", False, False) as table:
        clip = sinks_for(tmp_path / "c.mp4", CLIP, moving, [table], capturer())
        photo = sinks_for(tmp_path / "p.png", PHOTO, still, [table], capturer())
        bare = sinks_for(tmp_path / "p.png", PHOTO, BatchOptions(), [], capturer())
    assert [type(sink) for sink in clip] == [TableSink, TakeSink, TakeSink, ClipSink]
    assert [type(sink) for sink in photo] == [TableSink, TakeSink, TakeSink, StillSink]
    assert bare == []


def test_a_table_takes_the_rows_of_several_sources(tmp_path: Path) -> None:
    with open_table(tmp_path / "t.csv", True, False) as table:
        fed(TableSink(table, CLIP), 3)
        fed(TableSink(table, PHOTO), 1)
    takes = read_table(tmp_path / "t.csv")
    assert [(take.source, len(take)) for take in takes] == [("clip.mp4", 3), ("photo.png", 1)]
    assert takes[0].landmarks is not None


@pytest.mark.parametrize("name", ["a.json", "a.npz"])
def test_a_take_is_written_at_the_end(tmp_path: Path, name: str) -> None:
    with TakeSink(tmp_path / name, CLIP, False) as sink:
        for frame in frames(3):
            sink.add(frame, [made_reading(0, frame.index)])
            assert os.listdir(tmp_path) == []
    capture = load(tmp_path / name)
    assert (capture.source, capture.width, capture.height, capture.frames) == ("clip.mp4", 160, 120, 3)
    assert (capture.takes[0].frame_rate, capture.takes[0].start_timecode) == (25.0, "01:00:00:00")
    np.testing.assert_allclose(
        capture.takes[0].state.expression.weights[1], made_reading(0, 1).state.expression.weights, rtol=1e-5
    )


@pytest.mark.parametrize("name", ["o.png", "o.jpg", "o.jpeg", "o.webp"])
def test_a_photo_is_drawn_on(tmp_path: Path, name: str) -> None:
    fed(StillSink(tmp_path / name, capturer(), False), 1)
    drawn = read_image(tmp_path / name).pixels
    assert drawn.shape[0] == 120
    assert drawn.shape[1] > 160
    assert os.listdir(tmp_path) == [name]


def test_a_video_is_drawn_on_and_keeps_its_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.2, 0.24]
    with ClipSink(tmp_path / "o.mp4", CLIP, capturer(), False) as sink:
        for k, time in enumerate(times):
            sink.add(Frame(blank(161, 121), time, k), [made_reading(0, k)] if k else [])
    with VideoReader(tmp_path / "o.mp4") as video:
        drawn = list(video)
    assert [frame.time for frame in drawn] == pytest.approx(times, abs=1e-3)
    assert drawn[0].height == 122
    assert drawn[0].width > 161
    assert np.abs(drawn[0].pixels.astype(int) - drawn[3].pixels).max() > 50


def test_a_source_that_names_no_rate_gets_one(tmp_path: Path) -> None:
    fed(ClipSink(tmp_path / "o.mp4", Source("x.avi", [], True), capturer(), False))
    with VideoReader(tmp_path / "o.mp4") as video:
        assert len(list(video)) == 3


def test_after_a_failure_nothing_is_left(tmp_path: Path) -> None:
    stopped_midway(TakeSink(tmp_path / "a.json", CLIP, False))
    stopped_midway(ClipSink(tmp_path / "o.mp4", CLIP, capturer(), False))
    assert os.listdir(tmp_path) == []
    (tmp_path / "o.mp4").write_bytes(b"mine")
    stopped_midway(ClipSink(tmp_path / "o.mp4", CLIP, capturer(), True))
    assert (tmp_path / "o.mp4").read_bytes() == b"mine"


def test_a_sink_without_frames_leaves_nothing(tmp_path: Path) -> None:
    fed(ClipSink(tmp_path / "o.mp4", CLIP, capturer(), False), 0)
    fed(StillSink(tmp_path / "o.png", capturer(), False), 0)
    assert os.listdir(tmp_path) == []


def test_a_sink_replaces_nothing_unasked(tmp_path: Path) -> None:
    for name in ("a.json", "o.png", "o.mp4"):
        (tmp_path / name).write_bytes(b"mine")
    sinks: list[Sink] = [
        TakeSink(tmp_path / "a.json", CLIP, False),
        StillSink(tmp_path / "o.png", capturer(), False),
        ClipSink(tmp_path / "o.mp4", CLIP, capturer(), False),
    ]
    for sink in sinks:
        with pytest.raises(OutputError, match="E_EXISTS"):
            fed(sink, 1)
    assert sorted(os.listdir(tmp_path)) == ["a.json", "o.mp4", "o.png"]
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"mine"}


def test_a_video_shows_known_weights_each_once() -> None:
    assert set(VIDEO_COLUMNS) <= set(ARKIT.columns)
    assert len(set(VIDEO_COLUMNS)) == len(VIDEO_COLUMNS)
