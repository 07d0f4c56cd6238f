"""What came of an edit over the moments of a video and the doses of a sweep, as numbers and as a report."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_edits import editor, move_in, portrait, wish
from portraits import blank, clip_frames, placed, write_photo

from mien.compose import edit_series
from mien.compose.edit_cuts import SIDE
from mien.compose.edit_options import EditOptions, Sweep
from mien.compose.edit_series import EditLog, Series
from mien.compose.edit_series_report import series_line, write_series
from mien.compose.edit_sweep import edit_sweep
from mien.compose.edit_video import VideoEdit, edit_video
from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import OutputExists, UsageError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.formats.images import read_image
from mien.formats.video import VideoReader
from mien.formats.video_writer import VideoWriter
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import EditedFace
from mien.rig.wishes import Wish

UNSIGNED = EditOptions(provenance=False)
BROWS = wish("browInnerUp=1", "browOuterUp=1")
INNER = ARKIT.index("browInnerUp")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_in(tmp_path, monkeypatch)


def write(name: str, pictures: list[Array]) -> None:
    with VideoWriter(Path(name), pictures[0].shape[1], pictures[0].shape[0], 25.0) as writer:
        for k, picture in enumerate(pictures):
            writer.write(picture, k / 25)


def measured(pictures: list[Array], asked: Wish = BROWS, options: EditOptions = UNSIGNED) -> VideoEdit:
    write("a.mp4", pictures)
    return edit_video("a.mp4", "b.mp4", asked, options, measure=True, overwrite=True)


def read(name: str) -> list[Array]:
    """The weights of the one face in each frame of a video, as it is captured without smoothing."""
    with VideoReader(name, exact=True) as video:
        seen = [readings for _, readings in Capturer(CaptureOptions(smooth=False)).stream(video)]
    return [readings[0].state.expression.weights for readings in seen]


def series(**changes: Any) -> Series:
    """Four moments of a made face: browInnerUp is asked to rise and does by half."""
    now = np.zeros((4, 52), np.float32)
    asked = now.copy()
    asked[:, INNER] = [0, 0.4, 0.8, 0.8]
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    samples = tuple(edit_series.Sample(k / 25, picture, picture + 9) for k in range(4))
    whole = Series(0, np.arange(4) / 25, now, asked, asked / 2, 0.1, 0, 0.002, 3, samples)
    return replace(whole, **changes)


# --- videos -----------------------------------------------------------------------------------------------------------


def test_reached_is_what_the_written_video_shows() -> None:
    steps: list[int] = []
    write("a.mp4", [frame.pixels for frame in clip_frames(4)])
    done = edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED, measure=True, watch_again=lambda: steps.append(1))
    (found,) = done.found
    assert len(steps) == 4
    np.testing.assert_allclose(found.places, [0, 0.04, 0.08, 0.12], atol=1e-3)
    np.testing.assert_array_equal(found.now, read("a.mp4"))
    np.testing.assert_array_equal(found.reached, read("b.mp4"))
    assert (found.asked[:, INNER] == 1).all()
    assert [ARKIT.columns[k] for k in np.flatnonzero(found.wanted)] == [
        "browInnerUp",
        "browOuterUpLeft",
        "browOuterUpRight",
    ]
    assert found.reached[:, INNER].mean() > found.now[:, INNER].mean() + 0.2
    assert (found.outside, found.painted) == (0, 0)
    assert 0 < found.others < 0.1
    assert 0 < found.identity < 1


def test_what_was_painted_and_folded_and_where_faces_were_put(monkeypatch: pytest.MonkeyPatch) -> None:
    class Telling:
        def edit(
            self, frame: Frame, reading: FaceReading, wanted: Array, source: object, parts: object = None
        ) -> EditedFace:
            done = editor().edit(frame, reading, wanted, source)
            told = replace(done, folded=0.01 * (reading.frame + 1), painted=reading.frame != 1)
            # It says that the face was put elsewhere in the last frame, and there none is found.
            return replace(told, target=done.target + (0 if reading.frame < 2 else 400))

    monkeypatch.setattr("mien.compose.edit_video.Editor", Telling)
    (found,) = measured([portrait().pixels] * 3).found
    assert (found.painted, found.folded) == (2, 0.03)
    assert np.isfinite(found.reached).all(1).tolist() == [True, True, False]


def test_pixels_changed_elsewhere_are_counted_once_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless:
        def edit(
            self, frame: Frame, reading: FaceReading, wanted: Array, source: object, parts: object = None
        ) -> EditedFace:
            done = editor().edit(frame, reading, wanted, source)
            pixels = done.pixels.copy()
            pixels[:2, :5] ^= 1
            return replace(done, pixels=pixels)

    monkeypatch.setattr("mien.compose.edit_video.Editor", Careless)
    three = np.concatenate([placed((75, 80), size, 0, 150, 160)[0] for size in (0.85, 0.7, 0.8)], axis=1)
    for pictures, faces in (([portrait().pixels] * 2, 1), ([three[:, :450]] * 2, 3)):
        found = measured(pictures, options=replace(UNSIGNED, face=FaceChoice())).found
        assert len(found) == faces
        assert sum(one.outside for one in found) == 20, "however many faces: an odd number of times turned over"
        Path("a.mp4").unlink()


def test_without_being_asked_nothing_is_read_again() -> None:
    write("a.mp4", [portrait().pixels] * 2)
    done = edit_video("a.mp4", "b.mp4", BROWS, UNSIGNED)
    assert (done.found, done.seal) == ((), None)


def test_frames_without_a_face_are_no_moments() -> None:
    face = portrait().pixels
    (found,) = measured([face, face, blank(), blank(), face]).found
    np.testing.assert_allclose(found.places, [0, 0.04, 0.16], atol=1e-3)
    assert np.isfinite(found.reached).all()


def test_each_face_has_its_own() -> None:
    pair = np.concatenate([placed((75, 80), size, 0, 150, 160)[0] for size in (0.85, 0.7)], axis=1)
    found = measured([pair] * 3, options=replace(UNSIGNED, face=FaceChoice())).found
    assert [one.face for one in found] == [0, 1]
    assert all(len(one.places) == 3 and np.isfinite(one.reached).all() for one in found)
    assert (found[0].samples[0].before != found[1].samples[0].before).any()


def test_a_face_that_the_result_hides_was_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hiding:
        def edit(
            self, frame: Frame, reading: FaceReading, wanted: Array, source: object, parts: object = None
        ) -> EditedFace:
            done = editor().edit(frame, reading, wanted, source)
            hidden = np.full_like(done.pixels, 128) if reading.frame == 1 else done.pixels
            return replace(done, pixels=hidden)

    monkeypatch.setattr("mien.compose.edit_video.Editor", Hiding)
    (found,) = measured([portrait().pixels] * 3).found
    assert np.isfinite(found.reached).all(1).tolist() == [True, False, True]
    assert found.outside > 10_000, "and that more changed than may is counted"
    assert np.isfinite([found.others, found.identity]).all()


def test_a_few_samples_are_kept_of_however_many_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_series, "MOST_SAMPLES", 3)
    (found,) = measured([frame.pixels for frame in clip_frames(8)]).found
    assert len(found.places) == 8
    assert [round(25 * sample.place) for sample in found.samples] == [0, 4]
    for sample in found.samples:
        assert sample.before.shape == sample.after.shape == (SIDE, SIDE, 3)
        assert (np.abs(sample.before.astype(int) - sample.after) > 40).any()


def test_nothing_logged_is_nothing_found() -> None:
    write("b.mp4", [blank()] * 2)
    assert EditLog().read_again("b.mp4") == ()


# --- doses ------------------------------------------------------------------------------------------------------------


def test_doses_are_read_one_by_one() -> None:
    write_photo(Path("a.png"), portrait().pixels)
    done = edit_sweep("a.png", "s.png", Wish(), Sweep("browInnerUp", 0, 1, 3), UNSIGNED, measure=True)
    (found,) = done.found
    np.testing.assert_allclose(found.places, [0, 0.5, 1])
    np.testing.assert_allclose(found.asked[:, INNER], [0, 0.5, 1])
    assert (np.diff(found.reached[:, INNER]) > 0.05).all()
    assert (found.outside, len(found.samples), done.seal) == (0, 3, None)
    assert edit_sweep("a.png", "t.png", Wish(), Sweep("browInnerUp", 0, 1, 2), UNSIGNED).found == ()


def test_of_many_doses_few_are_kept_to_be_looked_at() -> None:
    write_photo(Path("a.png"), portrait().pixels)
    (found,) = edit_sweep("a.png", "s.png", Wish(), Sweep("eyeBlink", 0, 1, 26), UNSIGNED, measure=True).found
    assert len(found.places) == 26
    assert [round(25 * sample.place) for sample in found.samples] == list(range(0, 26, 3))


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_others_are_what_nobody_asked_for_in_that_moment() -> None:
    assert series().others == 0
    reached = series().reached.copy()
    reached[0, INNER] = 0.52  # in the first moment it was not asked to move
    assert series(reached=reached).others == pytest.approx(0.52 / (4 * 51 + 1))
    reached[1] = np.nan
    assert series(reached=reached).others == pytest.approx(0.52 / (3 * 51 + 1))
    assert np.isnan(series(reached=np.full((4, 52), np.nan)).others)


def test_a_line_says_what_was_asked_and_reached_on_average() -> None:
    assert series_line(series(), "seconds") == (
        "face 0 in 4 moments: browInnerUp asked +0.50, reached +0.25, off by 0.25; other channels moved by 0.000"
    )
    assert series_line(series(asked=series().now), "doses").startswith("face 0 in 4 doses: nothing to change")
    lost = series_line(series(reached=np.full((4, 52), np.nan)), "seconds")
    assert lost == "face 0 in 4 moments: not found again"


def test_of_a_channel_that_is_hardly_read_nothing_is_claimed() -> None:
    asked = 0 * series().asked
    asked[:, ARKIT.index("eyeWideLeft")] = 0.5
    said = series_line(series(asked=asked, reached=0 * asked), "seconds")
    assert said.startswith("face 0 in 4 moments: eyeWideLeft asked +0.50, hardly read back; ")


def test_what_was_asked_is_said_of_the_moments_in_which_it_was_read() -> None:
    reached = series().reached.copy()
    reached[2:] = np.nan
    said = series_line(series(reached=reached), "seconds")
    assert said.startswith("face 0 in 4 moments, found again in 2: browInnerUp asked +0.20, reached +0.10, off by 0.10")


def test_what_goes_up_and_down_does_not_cancel() -> None:
    asked = series().asked.copy()
    asked[:, INNER] = [0.5, -0.5, 0.5, -0.5]
    assert "asked +0.00, reached +0.00, off by 0.50" in series_line(series(asked=asked, reached=0 * asked), "seconds")


# --- reports ----------------------------------------------------------------------------------------------------------


def test_json_has_every_moment_of_every_channel_that_was_asked_for() -> None:
    reached = series().reached.copy()
    reached[3] = np.nan
    write_series("r.json", [series(reached=reached), series(face=7)], "seconds")
    document = json.loads(Path("r.json").read_text("utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert (document["schema"], document["basis"]) == (1, "arkit")
    first, second = document["faces"]
    assert (first["face"], second["face"]) == (0, 7)
    assert first["seconds"] == [0, 0.04, 0.08, 0.12]
    assert first["channels"] == {
        "browInnerUp": {
            "before": [0, 0, 0, 0],
            "asked": [0, 0.4, 0.8, 0.8],
            "reached": [0, 0.2, 0.4, None],
            "mean_error": 0.2,
        }
    }
    numbers = {key: value for key, value in first.items() if key not in ("face", "seconds", "channels")}
    assert numbers == {
        "found_again": 3,
        "other_channels_mean_change": 0,
        "identity_change_deviations": 0.1,
        "pixels_changed_elsewhere": 0,
        "largest_folded_share": 0.002,
        "painted": 3,
    }
    write_series("d.json", [series()], "doses")
    assert "doses" in json.loads(Path("d.json").read_text("utf-8"))["faces"][0]


@pytest.mark.parametrize(
    ("count", "rows"), [(1, 4), (2, 8), (5, 12)], ids=["one face", "two faces", "more than are shown"]
)
def test_a_picture_has_moments_and_curves_of_each_face(count: int, rows: int) -> None:
    write_series("r.png", [series(face=k) for k in range(count)], "seconds")
    picture = read_image("r.png")
    assert 3 * SIDE <= picture.width < 3 * SIDE + 60
    assert rows * SIDE < picture.height < rows * (SIDE + 60) + 200


def test_a_picture_of_what_nobody_found_again_or_moved() -> None:
    lost = series(reached=np.full((4, 52), np.nan), samples=(), identity=float("nan"))
    write_series("r.png", [lost, series(asked=series().now)], "doses")
    assert read_image("r.png").width >= 3 * SIDE
    write_series("none.png", [series(asked=series().now, samples=())], "doses")
    assert read_image("none.png").height > 0


def test_what_is_there_is_kept_and_other_endings_are_refused() -> None:
    for name in ("r.json", "r.png"):
        Path(name).write_bytes(b"mine")
        with pytest.raises(OutputExists):
            write_series(name, [series()], "seconds")
        assert Path(name).read_bytes() == b"mine"
        write_series(name, [series()], "seconds", overwrite=True)
        assert Path(name).read_bytes() != b"mine"
    with pytest.raises(UsageError, match="E_FORMAT"):
        write_series("r.csv", [series()], "seconds")
