"""Weights that count from a resting face: a file's, each face's own, or one that a session finds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from portraits import blank, capturer, clip_frames, placed, write_clip, write_photo

from mien.compose.batches import RunOptions, run_batch
from mien.compose.calibration import Calibrated, Calibration, calibrated_reading
from mien.compose.captures import capture, capture_batch
from mien.compose.done import Done, Steps
from mien.compose.neutral_files import save_resting_face, with_resting_face
from mien.compose.outputs import BatchOptions
from mien.compose.pace import Clock
from mien.compose.session import PROMPTS, Prompt
from mien.compose.sources import opened
from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.calm import LEAST_FRAMES, trusted_frames
from mien.core.errors import InputError, MienError, OutputExists, UsageError
from mien.core.face import Capture, Expression, Take
from mien.core.image import Frame
from mien.core.neutral import Neutral, calibrated_take, self_calibrated
from mien.core.resting import COUNTED, calibrated, resting_expression, uncalibrated
from mien.formats.registry import load, save
from mien.formats.tables import read_table
from mien.formats.video import VideoWriter
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice

AUTO = CaptureOptions(neutral=Neutral(is_auto=True))


def raw_weights(path: Path) -> Array:
    (take,) = capture(path).takes
    return take.state.expression.weights


def instant() -> Clock:
    """A machine that is always in time."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return Clock(lambda: now[0], sleep)


def pair_frames(count: int = 2) -> list[Frame]:
    picture = np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1)
    return [Frame(picture, k / 25, k) for k in range(count)]


# --- what is named ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["none", "auto", "me.jpg", "./auto", "a b/é.npz"])
def test_a_choice_says_what_it_was_told(text: str) -> None:
    neutral = Neutral.parse(text)
    assert str(neutral) == str(Path(text))
    assert neutral.asked == (text != "none")
    assert neutral.is_auto == (text == "auto")
    assert neutral.resting is None


def test_no_name_is_refused() -> None:
    with pytest.raises(UsageError, match="--neutral: E_USAGE: names no resting face"):
        Neutral.parse("")


def test_known_weights_are_part_of_what_it_is() -> None:
    """A journal goes on only with the same resting face, whatever the file's name."""
    one, other = (Neutral.of(resting_expression(np.full(52, level)), Path("me.jpg")) for level in (0.1, 0.2))
    assert str(one) != str(other)
    assert str(one).startswith("me.jpg ")
    assert one.resting is not None
    np.testing.assert_allclose(one.resting.weights[COUNTED], 0.1, atol=1e-7)
    with pytest.raises(ValueError, match="a resting face has 52 weights, got 3"):
        Neutral(weights=(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="is in no file"):
        Neutral(Path("me.jpg"), is_auto=True)


# --- a file -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["photo", "video", "json", "npz", "csv", "calibrated"])
def test_a_resting_face_comes_from_any_file_that_shows_it(kind: str, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "me.png")
    expected = resting_expression(raw_weights(photo)[0])
    file = tmp_path / f"me.{kind}"
    match kind:
        case "photo":
            file = photo
        case "video":
            file = write_clip(tmp_path / "me.mp4", 5)
            (take,) = capture(file, CaptureOptions(face=FaceChoice(largest=True))).takes
            trusted = trusted_frames(take.quality)  # coded coarsely, the last may not be
            expected = resting_expression(np.median(take.state.expression.weights[trusted], axis=0))
        case "calibrated":
            file = tmp_path / "me.npz"
            (take,) = capture(photo).takes
            save(Capture("x", 1, 1, (calibrated_take(take, expected),), 1), file)
        case _:
            save(capture(photo), file)
    neutral = with_resting_face(CaptureOptions(neutral=Neutral(file))).neutral
    assert neutral.resting is not None
    assert neutral.file == file
    np.testing.assert_allclose(neutral.resting.weights, expected.weights, atol=1e-4)


def test_a_file_without_a_face_is_refused(tmp_path: Path) -> None:
    nobody = write_photo(tmp_path / "nobody.png", blank())
    with pytest.raises(InputError, match=r"nobody.png: E_NOFACE: shows no face to count from"):
        capture(write_photo(tmp_path / "a.png"), CaptureOptions(neutral=Neutral(nobody)))
    with pytest.raises(InputError, match=r"gone.png: E_NOTFILE"):
        capture_batch([tmp_path / "a.png"], BatchOptions(), CaptureOptions(neutral=Neutral(tmp_path / "gone.png")))


def test_a_take_of_several_or_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    (take,) = capture(write_photo(tmp_path / "a.png")).takes
    save(Capture("x", 1, 1, (take, replace(take, face=1)), 1), tmp_path / "two.npz")
    units = replace(take, state=replace(take.state, expression=Expression(np.zeros((1, len(FACS))), FACS)))
    save(Capture("x", 1, 1, (units,), 1), tmp_path / "units.npz")
    for name, message in (("two.npz", "holds 2 faces"), ("units.npz", "E_BASIS: a resting face is told by arkit")):
        with pytest.raises(UsageError, match=message):
            with_resting_face(CaptureOptions(neutral=Neutral(tmp_path / name)))


def test_weights_count_from_it_and_the_take_keeps_it(tmp_path: Path) -> None:
    photo, clip = write_photo(tmp_path / "me.png"), write_clip(tmp_path / "c.mp4", 5)
    resting = resting_expression(raw_weights(photo)[0])
    options = CaptureOptions(neutral=Neutral(photo))
    outputs = tuple(tmp_path / name for name in ("t.json", "t.npz", "t.csv"))
    (done,) = capture_batch([clip], BatchOptions(outputs), options)
    assert (done.error, done.notes, done.frames) == (None, (), 5)
    expected = calibrated(Expression(raw_weights(clip), ARKIT), resting).weights
    for path, exact in ((outputs[0], 1e-5), (outputs[1], 1e-6)):
        (take,) = load(path).takes
        np.testing.assert_allclose(take.state.expression.weights, expected, atol=exact)
        assert take.identity.resting is not None
        np.testing.assert_allclose(take.identity.resting.weights, resting.weights, atol=1e-5)
        back = uncalibrated(take.state.expression, take.identity.resting).weights
        np.testing.assert_allclose(back, np.maximum(raw_weights(clip), resting.weights), atol=1e-4)
    (rows,) = read_table(outputs[2])
    np.testing.assert_allclose(rows.state.expression.weights, expected, atol=1e-4)
    (take,) = capture(clip, options).takes
    np.testing.assert_allclose(take.state.expression.weights, expected, atol=1e-6)
    (one,) = capture(photo, options).takes
    assert not one.state.expression.weights[:, COUNTED].any()


def test_several_people_at_once_need_a_number() -> None:
    neutral = Neutral.of(resting_expression(np.full(52, 0.1)))
    with pytest.raises(InputError, match=r"frames: E_SEVERAL: shows 2 faces at 0.00 s, .*--face N, or --face largest"):
        capture(pair_frames(), CaptureOptions(neutral=neutral))
    for choice, face in (("1", 1), ("largest", 0)):
        chosen = FaceChoice.parse(choice)
        (take,) = capture(pair_frames(), CaptureOptions(neutral=neutral, face=chosen)).takes
        (plain,) = capture(pair_frames(), CaptureOptions(face=chosen)).takes
        assert take.face == face
        assert take.identity.resting is not None
        expected = calibrated(plain.state.expression, take.identity.resting)
        np.testing.assert_allclose(take.state.expression.weights, expected.weights, atol=1e-6)


@pytest.mark.parametrize("session", [False, True])
def test_what_comes_live_is_not_lost_to_a_second_face(session: bool, tmp_path: Path) -> None:
    """It does not come again. Every face counts from the resting face, and that is noted."""
    write_photo(tmp_path / "me.png")
    clip = tmp_path / "pair.mp4"
    pair, alone = pair_frames(1)[0].pixels, pair_frames(1)[0].pixels.copy()
    alone[:, :240] = blank()
    with VideoWriter(clip, 480, 200, 4.0) as writer:
        for k in range(48):
            writer.write(alone if k < 44 else pair, k / 4)
    options = CaptureOptions(neutral=Neutral() if session else Neutral(tmp_path / "me.png"))
    batch = BatchOptions((tmp_path / "t.npz", tmp_path / "t.csv"), realtime=True, calibrate=session)
    (done,) = capture_batch([clip], batch, options, clock=instant())
    assert done.error is None
    assert [note.code for note in done.notes] == ["W_SHARED_NEUTRAL"]
    takes = load(tmp_path / "t.npz").takes
    assert len(takes) == 2
    assert all(take.identity.resting is not None for take in takes)
    assert (tmp_path / "t.csv").exists()


def test_one_after_the_other_is_noted() -> None:
    given = resting_expression(np.full(52, 0.1))
    ((frame, (reading,)),) = capturer().stream(clip_frames(1))
    both = Calibrated(Path("clip.mp4"), given)
    out = list(both.stream(iter([(frame, [reading]), (frame, []), (frame, [replace(reading, face=3)])])))
    assert [len(readings) for _, readings in out] == [1, 0, 1]
    assert [(note.code, note.cause.split(";")[0]) for note in both.notes] == [
        ("W_SHARED_NEUTRAL", "faces 0, 3 count from one resting face")
    ]
    np.testing.assert_array_equal(
        out[2][1][0].state.expression.weights, calibrated_reading(reading, given).state.expression.weights
    )


def test_worker_processes_do_the_same(tmp_path: Path) -> None:
    photo, clip = write_photo(tmp_path / "me.png"), write_clip(tmp_path / "c.mp4", 5)
    options, run = CaptureOptions(neutral=Neutral(photo)), RunOptions(workers=1, journal=tmp_path / "run")
    (done,) = run_batch([clip], BatchOptions((tmp_path / "w.npz",)), options, run)
    capture_batch([clip], BatchOptions((tmp_path / "t.npz",)), options)
    one, other = (load(tmp_path / name).takes[0].state.expression.weights for name in ("w.npz", "t.npz"))
    assert done.error is None
    np.testing.assert_array_equal(one, other)
    photo.unlink()
    write_photo(photo, placed((90, 90), 0.7, 20)[0])
    with pytest.raises(MienError, match="neutral"):
        run_batch([clip], BatchOptions((tmp_path / "w.npz",)), options, run)


# --- its own calm frames ----------------------------------------------------------------------------------------------


def test_a_video_counts_from_its_own_calm_frames(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mp4", 24)
    (plain,) = capture(clip).takes
    expected = self_calibrated(plain)
    assert expected.identity.resting is not None
    (direct,) = capture(clip, AUTO).takes
    np.testing.assert_array_equal(direct.state.expression.weights, expected.state.expression.weights)
    counted: list[object] = []
    steps = Steps(opened=lambda path, frames: counted.append(frames), frame=lambda: counted.append("frame"))
    outputs = (tmp_path / "t.npz", tmp_path / "t.csv")
    (done,) = capture_batch([clip], BatchOptions(outputs), AUTO, steps)
    assert (done.error, done.notes, done.frames) == (None, (), 24)
    assert counted == [48, *["frame"] * 48], "a video is read twice, and its bar says so"
    (take,) = load(outputs[0]).takes
    np.testing.assert_allclose(take.state.expression.weights, expected.state.expression.weights, atol=1e-6)
    assert take.identity.resting is not None
    np.testing.assert_allclose(take.identity.resting.weights, expected.identity.resting.weights, atol=1e-6)
    (rows,) = read_table(outputs[1])
    np.testing.assert_allclose(rows.state.expression.weights, expected.state.expression.weights, atol=1e-4)


def test_what_has_no_calm_frames_is_read_as_it_is_and_noted(tmp_path: Path) -> None:
    photo, clip = write_photo(tmp_path / "a.png"), write_clip(tmp_path / "c.mp4", LEAST_FRAMES - 2)
    done = capture_batch([photo, clip], BatchOptions((tmp_path / "{name}.npz",)), AUTO)
    assert [[note.code for note in each.notes] for each in done] == [["W_NEUTRAL"]] * 2
    assert "photo" in done[0].notes[0].cause
    assert "too few calm frames of face 0" in done[1].notes[0].cause
    for path in (photo, clip):
        (take,) = load(tmp_path / f"{path.stem}.npz").takes
        assert take.identity.resting is None
        np.testing.assert_allclose(take.state.expression.weights, raw_weights(path), atol=1e-6)


def test_what_is_read_once_cannot_be_read_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--neutral auto: E_USAGE: reads a source twice"):
        capture_batch([write_photo(tmp_path / "a.png")], BatchOptions(realtime=True), AUTO)


def test_a_calibrated_take_is_not_calibrated_again(tmp_path: Path) -> None:
    (take,) = capture(write_photo(tmp_path / "a.png")).takes
    once = calibrated_take(take, resting_expression(np.full(52, 0.1)))
    with pytest.raises(UsageError, match="counts from a resting face already"):
        calibrated_take(once, resting_expression(np.full(52, 0.1)))


# --- a session --------------------------------------------------------------------------------------------------------


def long_clip(path: Path, seconds: float, rate: float = 4.0) -> Path:
    """One picture at few frames a second: of a session's four seconds of rest a dozen frames are left."""
    pixels = placed((120, 100))[0]
    with VideoWriter(path, 240, 200, rate) as writer:
        for k in range(round(seconds * rate)):
            writer.write(pixels, k / rate)
    return path


def test_a_session_comes_first_and_all_that_follows_counts_from_it(tmp_path: Path) -> None:
    first, second = long_clip(tmp_path / "a.mp4", 11), long_clip(tmp_path / "b.mp4", 1)
    asked: list[Prompt] = []
    batch = BatchOptions(
        (tmp_path / "{name}.npz", tmp_path / "all.csv"),
        realtime=True,
        calibrate=True,
        save_neutral=tmp_path / "me.json",
    )
    warned: list[tuple[object, str, str]] = []
    steps = Steps(prompted=asked.append, warned=lambda *words: warned.append(words))
    done = capture_batch([first, second], batch, steps=steps, clock=instant())
    assert [each.error for each in done] == [None, None]
    assert asked == list(PROMPTS)
    assert [each.frames for each in done] == [44 - 41, 4], "nothing of the ten seconds is written"
    ((path, code, cause),) = warned
    assert (path, code) == (first, "W_NEUTRAL")
    assert cause.startswith("did not stand out from the resting face: 'Blink', 'Smile', 'Raise your brows', 'Open your")
    saved = with_resting_face(CaptureOptions(neutral=Neutral(tmp_path / "me.json"))).neutral.resting
    assert saved is not None
    np.testing.assert_allclose(saved.weights[COUNTED], raw_weights(first)[-1][COUNTED], atol=0.02)
    takes: list[Take] = [load(tmp_path / f"{name}.npz").takes[0] for name in "ab"]
    for take in takes:
        assert take.identity.resting is not None
        np.testing.assert_allclose(take.identity.resting.weights, saved.weights, atol=1e-5)
        assert take.state.expression.weights[:, COUNTED].max() < 0.05
    assert [len(rows) for rows in read_table(tmp_path / "all.csv")] == [each.frames for each in done]


def test_a_session_says_how_many_frames_it_took(tmp_path: Path) -> None:
    clip = long_clip(tmp_path / "a.mp4", 11)
    calibration = Calibration(CaptureOptions(), BatchOptions(realtime=True, calibrate=True))
    with opened(clip) as source:
        stream = capturer().stream(source.frames)
        calibrated = calibration.of(clip, source, capturer(), stream)
        left = list(calibrated.stream(stream))
    assert (calibrated.taken, len(left)) == (41, 44 - 41)
    with opened(clip) as source:
        stream = capturer().stream(source.frames)
        assert calibration.of(clip, source, capturer(), stream).taken == 0


def test_a_source_that_ends_before_its_session_fails(tmp_path: Path) -> None:
    clip = long_clip(tmp_path / "a.mp4", 3)
    batch = BatchOptions((tmp_path / "t.npz",), realtime=True, calibrate=True)
    (done,) = capture_batch([clip], batch, clock=instant())
    assert isinstance(done, Done)
    assert str(done.error).startswith(f"{clip}: E_NEUTRAL: ended before its ten seconds of calibration")
    assert not (tmp_path / "t.npz").exists()


def test_sessions_that_cannot_be_are_refused(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"--calibrate: E_USAGE: prompts a person.*add --realtime"):
        BatchOptions(calibrate=True)
    with pytest.raises(UsageError, match="--save-neutral: E_USAGE: keeps what --calibrate finds"):
        BatchOptions(save_neutral=tmp_path / "me.json")
    with pytest.raises(UsageError, match=r"--save-neutral does not write \.csv"):
        BatchOptions(realtime=True, calibrate=True, save_neutral=tmp_path / "me.csv")
    session = BatchOptions(realtime=True, calibrate=True, save_neutral=tmp_path / "me.json")
    with pytest.raises(UsageError, match="--calibrate: E_USAGE: finds a resting face, and --neutral names one"):
        capture_batch([photo], session, CaptureOptions(neutral=Neutral(photo)))
    save_resting_face(resting_expression(np.zeros(52)), tmp_path / "me.json")
    with pytest.raises(OutputExists, match="E_EXISTS"):
        capture_batch([photo], session)


def test_a_capturer_alone_reads_weights_as_they_are() -> None:
    """Calibration is of sources: what a capturer streams is what the networks say."""
    neutral = Neutral.of(resting_expression(np.full(52, 0.3)))
    ((_, (one,)),) = Capturer(CaptureOptions(neutral=neutral)).stream(clip_frames(1))
    ((_, (other,)),) = capturer().stream(clip_frames(1))
    np.testing.assert_array_equal(one.state.expression.weights, other.state.expression.weights)
