"""A video in, a video out: every frame with a face is edited, and the others are as they were."""

import os
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from made import made_capture
from made_edits import editor, move_in, wish
from portraits import blank, clip_frames, contents, placed, write_clip

from mien.compose.edit_options import EditOptions
from mien.compose.edit_video import edit_video
from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.errors import InputError, OutputExists, UsageError
from mien.core.face import Capture, Expression, FaceReading
from mien.core.image import Frame
from mien.formats.provenance import Standing, inspect
from mien.formats.sidecar import read_sidecar
from mien.formats.video import VideoReader
from mien.formats.video_writer import VideoWriter
from mien.paint.parting import Parting
from mien.pipelines.capture import FaceChoice
from mien.pipelines.edit import EditedFace
from mien.rig.wishes import Wish

UNSIGNED = EditOptions(provenance=False)
BROWS = wish("browInnerUp=1", "browOuterUp=1")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_in(tmp_path, monkeypatch)


def frames(path: str) -> list[Frame]:
    with VideoReader(path) as video:
        return list(video)


def write(name: str, pictures: list[Array], times: list[float] | None = None) -> Path:
    with VideoWriter(Path(name), 240, 200, 25.0) as writer:
        for k, picture in enumerate(pictures):
            writer.write(picture, k / 25 if times is None else times[k])
    return Path(name)


def track(weights: Array, times: Array, valid: Array | None = None) -> Capture:
    """One face over `times` [T] with `weights` [T, 52]."""
    (take,) = made_capture(len(times), 1, landmarks=False).takes
    expression = Expression(weights, ARKIT)
    seen = np.ones(len(times), bool) if valid is None else valid
    take = replace(take, state=replace(take.state, expression=expression), times=times, valid=seen)
    return Capture("clip.mp4", 640, 480, (take,), len(times))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Array]:
    """Less what was read, all weights that the editor is asked for, frame by frame."""
    log: list[Array] = []

    class Listening:
        def edit(
            self, frame: Frame, reading: FaceReading, wanted: Array, source: object, parts: object = None
        ) -> EditedFace:
            log.append(wanted - reading.state.expression.weights)
            return editor().edit(frame, reading, reading.state.expression.weights)

    monkeypatch.setattr("mien.compose.edit_video.Editor", Listening)
    monkeypatch.setattr("mien.compose.edit_video._AT_ONCE", 1)  # else it may be asked for the second frame first
    return log


# --- what is written --------------------------------------------------------------------------------------------------


def test_every_frame_is_edited_at_its_time() -> None:
    pictures = [frame.pixels for frame in clip_frames(4)]
    write("a.mp4", pictures, [0.0, 0.04, 0.5, 0.58])
    before, seen = contents(Path()), []
    done = edit_video("a.mp4", "b.mp4", BROWS, watch=lambda count, total: seen.append((count, total)))
    assert (done.frames, done.edited, done.left, done.why, done.lost, done.guessed) == (4, 4, 0, "", 0, 0)
    assert [count for count, _ in seen] == [1, 2, 3, 4]
    assert contents(Path())["a.mp4"] == before["a.mp4"]
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4", "b.mp4.mien.json"]
    was, now = frames("a.mp4"), frames("b.mp4")
    assert [frame.time for frame in now] == pytest.approx([frame.time for frame in was], abs=1e-3)
    for one, other in zip(was, now, strict=True):
        away = np.abs(one.pixels.astype(int) - other.pixels).max(2)
        assert (away > 40).sum() > 40, "brows"
        assert away[:10].max() < 30, "the backdrop: coded anew"
    verdict = inspect("b.mp4")
    assert verdict.standing is Standing.HERE
    assert verdict.actions == BROWS.words()
    assert read_sidecar("b.mp4.mien.json").claim.actions == BROWS.words()


def test_frames_without_a_face_are_as_they_were() -> None:
    face = placed((120, 100))[0]
    write("a.mp4", [face, face, blank(), blank(), face, face])
    done = edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    assert (done.frames, done.edited, done.left) == (6, 4, 0)
    now = frames("b.mp4")
    assert np.abs(now[2].pixels.astype(int) - blank()).max() < 6
    assert inspect("b.mp4").standing is Standing.UNKNOWN
    assert not read_sidecar("b.mp4.mien.json").provenance


def test_a_face_that_cannot_be_edited_is_left_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Picky:
        def edit(
            self, frame: Frame, reading: FaceReading, wanted: Array, source: object, parts: object = None
        ) -> EditedFace:
            if reading.frame in (1, 2):
                raise InputError(source, "E_PROFILE", "the face is turned away", "wait")
            return editor().edit(frame, reading, wanted, source)

    monkeypatch.setattr("mien.compose.edit_video.Editor", Picky)
    write_clip(Path("a.mp4"), 4)
    done = edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    assert (done.frames, done.edited, done.left, done.why) == (4, 2, 2, "the face is turned away")
    away = [
        np.abs(one.pixels.astype(int) - other.pixels).mean()
        for one, other in zip(frames("a.mp4"), frames("b.mp4"), strict=True)
    ]
    assert max(away[1:3]) < min(away[0], away[3])


def test_a_video_in_which_nobody_could_be_edited_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    class Never:
        def edit(
            self, frame: Frame, reading: FaceReading, wanted: Array, source: object, parts: object = None
        ) -> EditedFace:
            raise InputError(source, "E_PROFILE", "the face is turned away", "wait")

    monkeypatch.setattr("mien.compose.edit_video.Editor", Never)
    write_clip(Path("a.mp4"), 3)
    with pytest.raises(InputError, match="in any frame: the face is turned away") as caught:
        edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    assert (caught.value.code, caught.value.remedy) == ("E_PROFILE", "wait")
    assert os.listdir() == ["a.mp4"]


def test_a_take_that_was_added_is_part_of_what_is_signed() -> None:
    write_clip(Path("a.mp4"), 2)
    weights = np.zeros((3, 52))
    weights[:, ARKIT.index("browInnerUp")] = 0.8
    said = []
    for name, added in (("b.mp4", weights), ("c.mp4", weights), ("d.mp4", weights / 2)):
        edit_video("a.mp4", name, Wish(), track=track(added, np.array([0.0, 0.04, 0.08])))
        (action,) = inspect(name).actions
        assert action.startswith("the weights of a take of 3 moments were added, sha256 ")
        assert read_sidecar(f"{name}.mien.json").claim.actions == (action,)
        said.append(action)
    assert said[0] == said[1] != said[2]


def test_frames_keep_their_order_though_one_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    began = Event()

    class Uneven:
        def edit(
            self, frame: Frame, reading: FaceReading, wanted: Array, source: object, parts: object = None
        ) -> EditedFace:
            if reading.frame == 0:
                assert began.wait(60), "the next frame is begun meanwhile"
            if reading.frame == 1:
                began.set()
            return editor().edit(frame, reading, wanted, source)

    monkeypatch.setattr("mien.compose.edit_video.Editor", Uneven)
    pictures = [frame.pixels for frame in clip_frames(4)]
    for k, picture in enumerate(pictures):
        picture[-12:] = 60 * k
    write("a.mp4", pictures)
    edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    assert [round(float(frame.pixels[-8:].mean()) / 60) for frame in frames("b.mp4")] == [0, 1, 2, 3]


def test_how_mouths_part_is_decided_frame_after_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame is edited with what was decided about it, whichever is worked on first."""
    told: dict[int, object] = {}
    given: dict[int, object] = {}

    class Telling:
        def at(self, frame: Frame, reading: FaceReading) -> Parting:
            assert reading.frame == len(told)
            told[reading.frame] = parts = Parting(None, 0.5)
            return parts

    class Hearing:
        def edit(self, frame: Frame, reading: FaceReading, wanted: Array, source: object, parts: object) -> EditedFace:
            given[reading.frame] = parts
            return editor().edit(frame, reading, wanted, source)

    monkeypatch.setattr("mien.compose.edit_video.SteadyPartings", Telling)
    monkeypatch.setattr("mien.compose.edit_video.Editor", Hearing)
    write("a.mp4", [frame.pixels for frame in clip_frames(4)])
    edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    assert len(given) == 4
    assert all(given[k] is told[k] for k in given)


# --- a take as a track ------------------------------------------------------------------------------------------------


def test_a_take_is_added_moment_by_moment_from_its_first(asked: list[Array]) -> None:
    write_clip(Path("a.mp4"), 5)
    weights = np.zeros((3, 52))
    weights[:, ARKIT.index("jawOpen")] = [0, 0.4, 0.8]
    added = track(weights, 7 + np.array([0.0, 0.04, 0.12]))
    edit_video("a.mp4", "b.mp4", Wish(), UNSIGNED, track=added)
    jaw = [float(each[ARKIT.index("jawOpen")]) for each in asked]
    assert jaw == pytest.approx([0, 0.4, 0.6, 0.8, 0], abs=0.02), "and nothing beyond its end"
    rest = np.delete(np.array(asked), ARKIT.index("jawOpen"), axis=1)
    assert not rest.any()


def test_a_take_is_added_to_the_wish_and_stays_in_bounds(asked: list[Array]) -> None:
    write_clip(Path("a.mp4"), 3)
    added = track(np.full((3, 52), 0.9), np.array([0.0, 0.04, 0.08]))
    edit_video("a.mp4", "b.mp4", wish("jawOpen=0.5", intensity=0.5), UNSIGNED, track=added)
    assert len(asked) == 3
    assert all((each >= 0).all() for each in asked), "what is 1 stays 1"
    jaw = [float(each[ARKIT.index("jawOpen")]) for each in asked]
    assert all(0.45 + 0.1 < each < 0.45 + 0.25 for each in jaw)


def test_moments_in_which_nobody_was_seen_are_bridged(asked: list[Array]) -> None:
    write_clip(Path("a.mp4"), 3)
    weights = np.zeros((4, 52))
    weights[:, ARKIT.index("jawOpen")] = [1, 0.2, 1, 0.6]
    valid = np.array([False, True, False, True])
    edit_video("a.mp4", "b.mp4", Wish(), UNSIGNED, track=track(weights, np.arange(4) * 0.04, valid))
    jaw = [float(each[ARKIT.index("jawOpen")]) for each in asked]
    assert jaw == pytest.approx([0.2, 0.4, 0.6], abs=0.02)


def test_a_take_over_action_units_is_translated(asked: list[Array]) -> None:
    write_clip(Path("a.mp4"), 2)
    (take,) = made_capture(2, 1, landmarks=False).takes
    units = np.zeros((2, len(FACS)), np.float32)
    units[:, FACS.index("AU01")] = 0.5
    take = replace(take, state=replace(take.state, expression=Expression(units, FACS)))
    edit_video("a.mp4", "b.mp4", Wish(), UNSIGNED, track=Capture("t", 64, 48, (take,), 2))
    assert all(each[ARKIT.index("browInnerUp")] > 0.3 for each in asked)


@pytest.mark.parametrize(("moments", "faces"), [(1, 1), (3, 2), (3, 0)])
def test_a_take_that_cannot_be_added_is_refused_before_any_work(moments: int, faces: int, asked: list[Array]) -> None:
    write_clip(Path("a.mp4"), 2)
    with pytest.raises(UsageError, match=r"clip\.mp4: E_USAGE"):
        edit_video("a.mp4", "b.mp4", Wish(), UNSIGNED, track=made_capture(moments, faces))
    assert os.listdir() == ["a.mp4"]
    assert asked == []


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_face_of_no_such_number_is_named() -> None:
    write_clip(Path("a.mp4"), 2)
    with pytest.raises(InputError, match="E_NOFACE: no face 3 in any frame"):
        edit_video("a.mp4", "b.mp4", BROWS, replace(UNSIGNED, face=FaceChoice(number=3)))
    assert sorted(os.listdir()) == ["a.mp4"]


def test_what_lies_beside_the_face_keeps_its_brightness() -> None:
    write_clip(Path("a.mp4"), 3)
    edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    with VideoReader("a.mp4", exact=True) as film, VideoReader("b.mp4", exact=True) as made:
        for before, after in zip(film, made, strict=True):
            assert abs((after.pixels[:20].astype(int) - before.pixels[:20]).mean()) < 0.3


@pytest.mark.parametrize("options", [UNSIGNED, EditOptions()], ids=["unsigned", "signed"])
def test_a_video_without_a_face_leaves_nothing(options: EditOptions) -> None:
    write("a.mp4", [blank()] * 3)
    with pytest.raises(InputError) as caught:
        edit_video("a.mp4", "b.mp4", BROWS, options)
    assert (caught.value.source, caught.value.code) == ("a.mp4", "E_NOFACE")
    assert os.listdir() == ["a.mp4"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_stop_midway_leaves_what_was_there(error: type[BaseException]) -> None:
    write_clip(Path("a.mp4"), 4)
    Path("b.mp4").write_bytes(b"mine")
    before = contents(Path())

    def stop(count: int, total: int | None) -> None:
        if count == 2:
            raise error

    with pytest.raises(error):
        edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED, overwrite=True, watch=stop)
    assert contents(Path()) == before


@pytest.mark.parametrize("name", ["b.mp4", "b.mp4.mien.json"])
def test_what_is_there_is_kept(name: str, asked: list[Array]) -> None:
    write_clip(Path("a.mp4"), 2)
    Path(name).write_bytes(b"mine")
    before = contents(Path())
    with pytest.raises(OutputExists, match="E_EXISTS"):
        edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    assert contents(Path()) == before
    assert asked == []


def test_the_source_is_never_written_over(asked: list[Array]) -> None:
    write_clip(Path("a.mp4"), 2)
    Path("link.mp4").symlink_to("a.mp4")
    before = contents(Path())
    for name in ("a.mp4", "link.mp4"):
        with pytest.raises(UsageError, match="never overwritten"):
            edit_video("a.mp4", name, BROWS, UNSIGNED, overwrite=True)
    assert contents(Path()) == before


@pytest.mark.parametrize("name", ["b.avi", "b.png", "b"])
def test_another_ending_is_refused(name: str) -> None:
    write_clip(Path("a.mp4"), 2)
    with pytest.raises(UsageError, match="E_FORMAT"):
        edit_video("a.mp4", name, BROWS, UNSIGNED)
    assert os.listdir() == ["a.mp4"]


@pytest.mark.parametrize(("data", "code"), [(b"", "E_EMPTY"), (b"this is text", "E_FORMAT")])
def test_what_is_no_video(data: bytes, code: str) -> None:
    Path("a.mp4").write_bytes(data)
    with pytest.raises(InputError, match=f"a.mp4: {code}"):
        edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    assert os.listdir() == ["a.mp4"]
