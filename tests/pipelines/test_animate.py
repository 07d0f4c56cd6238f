from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_capture
from made_rig import EYES, STEPS, MadeRig, made_state

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS, PERFECT_SYNC, Basis
from mien.core.errors import InputError, UsageError
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose, Take
from mien.core.geometry import Mesh, angles_from_rotation, rotation_from_angles
from mien.core.looks import gaze_from_looks
from mien.imaging.portrait import Portrait
from mien.imaging.shade import Paint
from mien.pipelines import animate
from mien.pipelines.animate import DEFAULT_RATE, AnimateOptions, paced, paint_of, perform, pictures, surfaces

RIG = MadeRig()
SMALL = AnimateOptions(width=64, height=64)
quiet = settings(derandomize=True, deadline=None, max_examples=50)


def take_of(
    weights: list[dict[str, float]],
    times: list[float] | None = None,
    valid: list[bool] | None = None,
    rate: float | None = 10.0,
) -> Take:
    """A take that does nothing but what `weights` say, 10 frames a second."""
    count = len(weights)
    return Take(
        made_state(weights),
        times=np.arange(count) / 10 if times is None else np.array(times),
        frames=np.arange(count),
        valid=np.ones(count, bool) if valid is None else np.array(valid),
        box=np.zeros((count, 4)),
        score=np.ones(count),
        quality=np.ones(count),
        source="made.json",
        frame_rate=rate,
    )


def jaw(take_or_performance: Take | animate.Performance) -> list[float]:
    return [round(weight, 3) for weight in take_or_performance.state.expression["jawOpen"].tolist()]


# --- perform ----------------------------------------------------------------------------------------------------------


def test_a_take_in_the_rig_s_words_is_played_as_it_is() -> None:
    performance = perform(made_capture(4, 1).takes[0], RIG)
    take = made_capture(4, 1).takes[0]
    np.testing.assert_array_equal(performance.state.expression.weights, take.state.expression.weights)
    np.testing.assert_array_equal(performance.state.gaze.rotation, take.state.gaze.rotation)
    np.testing.assert_allclose(performance.state.pose.rotation, take.state.pose.facing())
    np.testing.assert_allclose(performance.times, take.times - take.times[0])
    assert performance.frame_rate == take.frame_rate


def test_where_the_face_was_not_seen_it_holds_still() -> None:
    weights = [{"jawOpen": x} for x in (0.1, 0.2, 0.3, 0.4, 0.5)]
    take = take_of(weights, valid=[False, True, False, False, True])
    assert jaw(perform(take, RIG)) == [0.2, 0.2, 0.2, 0.2, 0.5]


def test_a_face_that_is_never_seen_is_refused() -> None:
    with pytest.raises(InputError, match=r"made\.json: E_EMPTY: face 0 is seen in no frame"):
        perform(take_of([{}, {}], valid=[False, False]), RIG)
    with pytest.raises(InputError, match="E_EMPTY"):
        perform(take_of([]), RIG)


def test_times_start_at_0_and_rise() -> None:
    take = take_of([{"jawOpen": x / 10} for x in range(5)], times=[3.0, 3.1, 3.1, 3.2, 3.3])
    performance = perform(take, RIG)
    np.testing.assert_allclose(performance.times, [0, 0.1, 0.2, 0.3])
    assert jaw(performance) == [0, 0.1, 0.3, 0.4]


def test_every_nth_frame() -> None:
    performance = perform(take_of([{"jawOpen": x / 10} for x in range(7)]), RIG, AnimateOptions(every=3))
    assert jaw(performance) == [0, 0.3, 0.6]
    assert performance.frame_rate == pytest.approx(10 / 3)


@pytest.mark.parametrize(
    ("times", "given", "asked", "expected"),
    [
        ([0, 1 / 30, 2 / 30, 3 / 30], 60.0, None, 30.0),  # Live Link counts in 60ths and writes every second one
        ([0, 0.033, 0.067, 0.1], 30.0, None, 30.0),
        ([0, 0.05, 0.1], None, None, 20.0),
        ([0.0], None, None, DEFAULT_RATE),
        ([0.0], 24.0, None, 24.0),
        ([0, 0.05, 0.1], 20.0, 12.5, 12.5),
    ],
)
def test_the_rate_is_that_of_the_frames(
    times: list[float], given: float | None, asked: float | None, expected: float
) -> None:
    take = take_of([{}] * len(times), times=times, rate=given)
    assert perform(take, RIG, AnimateOptions(rate=asked)).frame_rate == pytest.approx(expected, rel=1e-3)


def test_a_head_can_be_held_still() -> None:
    take = made_capture(3, 1).takes[0]
    held = perform(take, RIG, AnimateOptions(still_head=True)).state.pose.rotation
    np.testing.assert_array_equal(held, np.broadcast_to(np.eye(3), (3, 3, 3)))


def test_eyes_follow_the_weights_where_no_gaze_was_measured() -> None:
    take = take_of([{"eyeLookUpLeft": 1, "eyeLookUpRight": 1}])
    expected = gaze_from_looks(take.state.expression).rotation
    np.testing.assert_array_equal(perform(take, RIG).state.gaze.rotation, expected)
    measured = made_capture(1, 1).takes[0]
    np.testing.assert_array_equal(perform(measured, RIG).state.gaze.rotation, measured.state.gaze.rotation)


def test_the_looks_follow_the_gaze_where_the_take_has_no_word_for_them() -> None:
    take = take_of([{"jawOpen": 0.5}, {"jawOpen": 0.5}])
    aside = rotation_from_angles(0.0, 0.3, 0.0)  # to the subject's right
    gaze = Gaze(np.stack([np.stack([np.eye(3)] * 2), np.stack([aside] * 2)]))
    told = perform(replace(take, state=replace(take.state, gaze=gaze)), RIG).state
    assert told.expression["eyeLookInLeft"].tolist() == pytest.approx([0, 0.3 / np.deg2rad(30)], abs=1e-6)
    assert told.expression["eyeLookOutRight"][1] == told.expression["eyeLookInLeft"][1]
    np.testing.assert_array_equal(told.expression["jawOpen"], take.state.expression["jawOpen"])
    np.testing.assert_array_equal(told.gaze.rotation, gaze.rotation)


def test_other_vocabularies_are_converted() -> None:
    take = take_of([{"jawOpen": 0.4}])
    state = replace(take.state, expression=Expression(take.state.expression.weights, PERFECT_SYNC))
    performance = perform(replace(take, state=state), RIG)
    assert performance.state.expression.basis == ARKIT
    assert jaw(performance) == [0.4]
    spoken = perform(take, RIG, basis=FACS).state.expression
    assert spoken.basis == FACS
    assert spoken.weights.max() > 0


def test_a_vocabulary_that_leads_nowhere_is_refused() -> None:
    strange = Basis("strange", ARKIT.columns)
    take = take_of([{}])
    state = replace(take.state, expression=Expression(take.state.expression.weights, strange))
    with pytest.raises(
        UsageError, match=r"made\.json: E_USAGE: the take is over strange, the rig over arkit.*mien convert"
    ):
        perform(replace(take, state=state), RIG)


@pytest.mark.parametrize(
    ("name", "shape", "kept"), [("compact", (1.0, 2.0), 2), ("compact", (1.0, 2.0, 3.0), 0), ("ict", (1.0,), 0)]
)
def test_identity_is_kept_where_it_means_the_same(name: str, shape: tuple[float, ...], kept: int) -> None:
    take = replace(take_of([{}]), identity=Identity(np.array(shape)))
    assert len(perform(take, MadeRig(name)).identity.shape) == kept


# --- even steps -------------------------------------------------------------------------------------------------------


@quiet
@given(st.lists(st.floats(0.01, 1.0), min_size=0, max_size=12), st.floats(1.0, 50.0))
def test_every_step_shows_the_nearest_moment(gaps: list[float], rate: float) -> None:
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    take = take_of([{"jawOpen": k / 100} for k in range(len(times))], times=times.tolist())
    even = paced(perform(take, RIG, AnimateOptions(rate=rate)))
    assert len(even) == round(times[-1] * rate) + 1
    np.testing.assert_allclose(even.times, np.arange(len(even)) / rate)
    shown = np.round(even.state.expression["jawOpen"] * 100).astype(int)
    away = np.abs(times[shown] - even.times)
    nearest = np.abs(times[:, None] - even.times).min(0)
    np.testing.assert_allclose(away, nearest, atol=1e-12)


def test_even_frames_stay_what_they_are() -> None:
    take = made_capture(9, 1).takes[0]
    even = paced(perform(take, RIG))
    np.testing.assert_array_equal(even.state.expression.weights, take.state.expression.weights)


def test_a_clock_that_jumps_makes_no_endless_video() -> None:
    take = take_of([{}, {}], times=[0, 1e9], rate=30.0)
    with pytest.raises(UsageError, match="E_TOOBIG: 1000000000 s"):
        paced(perform(take, RIG, AnimateOptions(rate=30.0)))


# --- surfaces ---------------------------------------------------------------------------------------------------------


def test_surfaces_do_what_the_rig_does() -> None:
    take = take_of([{}, {"jawOpen": 1.0}])
    rest, opened = surfaces(perform(take, RIG))
    expected = RIG.vertices(Identity(), take.state)
    np.testing.assert_allclose(rest.vertices, expected[0], atol=1e-9)
    np.testing.assert_allclose(opened.vertices, expected[1], atol=1e-9)
    assert opened.morph_targets is None
    assert opened.normals is not None
    np.testing.assert_allclose(np.linalg.norm(opened.normals, axis=1), 1)


def test_surfaces_turn_with_the_head() -> None:
    turn = rotation_from_angles(0.1, 0.4, -0.2)
    take = take_of([{}])
    state = replace(take.state, pose=Pose(turn[None], np.array([[0.0, 0.0, 1.0]])))
    (turned,) = surfaces(perform(replace(take, state=state), RIG))
    (straight,) = surfaces(perform(take, RIG))
    np.testing.assert_allclose(turned.vertices, straight.vertices @ turn.T, atol=1e-9)


def test_long_takes_are_moved_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Counting(MadeRig):
        def vertices(self, identity: Identity, state: FaceState) -> Array:
            asked.append(state.leading[0])
            return super().vertices(identity, state)

    monkeypatch.setattr(animate, "_CHUNK", 4)
    take = take_of([{"jawOpen": k / 10} for k in range(10)])
    whole = [mesh.vertices for mesh in surfaces(perform(take, Counting()))]
    assert asked == [4, 4, 2]
    np.testing.assert_allclose(whole, RIG.vertices(Identity(), take.state), atol=1e-9)


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_pictures_have_their_size_and_time() -> None:
    frames = list(pictures(perform(take_of([{}, {"jawOpen": 1}]), RIG), AnimateOptions(width=50, height=70)))
    assert [frame.pixels.shape for frame in frames] == [(70, 50, 3)] * 2
    assert [frame.index for frame in frames] == [0, 1]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1])
    assert (frames[0].pixels != frames[1].pixels).any()


def test_a_moment_that_is_held_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    picture = Portrait.picture

    def counted(portrait: Portrait, mesh: Mesh, rotation: Array, paint: Paint) -> Array:
        drawn.append(len(mesh.vertices))
        return picture(portrait, mesh, rotation, paint)

    monkeypatch.setattr(Portrait, "picture", counted)
    take = take_of([{"jawOpen": x} for x in (0.1, 0.1, 0.4, 0.4, 0.1)])
    frames = list(pictures(perform(take, RIG), SMALL))
    assert len(frames) == 5
    assert len(drawn) == 3
    np.testing.assert_array_equal(frames[0].pixels, frames[1].pixels)
    np.testing.assert_array_equal(frames[0].pixels, frames[4].pixels)
    assert (frames[1].pixels != frames[2].pixels).any()


def test_the_viewer_walks_to_the_subject_s_left() -> None:
    performance = perform(take_of([{}]), RIG)
    left = replace(
        performance,
        state=replace(performance.state, pose=Pose(rotation_from_angles(0.0, 0.5, 0)[None], np.zeros((1, 3)))),
    )
    (walked,) = pictures(performance, AnimateOptions(width=64, height=64, turn=float(np.rad2deg(0.5))))
    (turned,) = pictures(left, SMALL)
    np.testing.assert_array_equal(walked.pixels, turned.pixels)


def test_background_and_texture_are_used() -> None:
    performance = perform(take_of([{}]), RIG)
    texture = np.broadcast_to(np.array([0, 0, 250], np.uint8), (4, 4, 3))
    (painted,) = pictures(performance, replace(SMALL, background=(1, 2, 3)), texture)
    assert tuple(painted.pixels[0, 0]) == (1, 2, 3)
    assert painted.pixels[50, 32].argmax() == 2


def test_eyes_are_wet_and_the_rest_is_not() -> None:
    paint = paint_of(RIG)
    assert paint.gloss is not None
    assert paint.openness is not None
    skin, eyes = paint.gloss[: STEPS * STEPS], paint.gloss[STEPS * STEPS :]
    assert (skin == 0).all()
    # The middle of an eye turns about itself when it rolls; every ring round it moves.
    assert eyes.mean() > 0.9
    assert paint.openness[STEPS * STEPS :].min() >= 0.75
    assert ((paint.openness >= 0) & (paint.openness <= 1)).all()


def test_a_rig_over_another_vocabulary_is_painted_too() -> None:
    strange = Basis("strange", tuple("abcdef"))
    paint = paint_of(MadeRig("strange", strange, strange.columns))
    ours = paint_of(RIG)
    assert paint.gloss is not None
    assert ours.gloss is not None
    np.testing.assert_allclose(paint.gloss, ours.gloss)


def test_gaze_turns_the_eyes_in_the_picture() -> None:
    take = take_of([{}])
    aside = rotation_from_angles(0.0, 0.5, 0.0)
    state = replace(take.state, gaze=Gaze(np.stack([aside, aside])[None]))
    (ahead,), (turned,) = surfaces(perform(take, RIG)), surfaces(perform(replace(take, state=state), RIG))
    moved = np.abs(ahead.vertices - turned.vertices).max(1) > 1e-6
    assert not moved[: STEPS * STEPS].any()
    tip = turned.vertices[STEPS * STEPS :][: len(turned.vertices[STEPS * STEPS :]) // 2].mean(0) - EYES[0]
    assert angles_from_rotation(aside)[1] > 0
    assert tip[0] < 0  # positive yaw turns to the subject's right, at negative x


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 0}, "--width: E_USAGE: 0 is out of range"),
        ({"height": 100_000}, "--height: E_USAGE: 100000"),
        ({"background": (0, 0, 256)}, "--background"),
        ({"zoom": float("nan")}, "--zoom: E_USAGE: nan"),
        ({"turn": 400.0}, "--turn"),
        ({"rate": 0.0}, "--rate"),
        ({"every": 0}, "--every"),
    ],
)
def test_options_out_of_range_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(AnimateOptions(), **change)
