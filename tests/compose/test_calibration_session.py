"""Ten seconds before a camera."""

from dataclasses import replace

import numpy as np
import pytest
from made import made_reading

from mien.compose.session import PROMPTS, CalibrationSession, Prompt
from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import StateError
from mien.core.face import Expression, FaceReading
from mien.core.resting import COUNTED

RATE = 30
REST = np.where(np.arange(52) % 3 == 0, 0.2, 0.0)


def shown(time: float, weights: Array) -> FaceReading:
    reading = made_reading()
    return replace(reading, time=time, state=replace(reading.state, expression=Expression(weights, ARKIT)))


def obedient(time: float) -> Array:
    """Does half a second late what the prompts ask for, and blinks once while it rests."""
    weights, begins = REST.copy(), 0.0
    for prompt in PROMPTS:
        if begins + 0.5 <= time < begins + prompt.seconds:
            weights[list(ARKIT.indices(prompt.columns))] = 0.7
        begins += prompt.seconds
    if 2.0 <= time < 2.15:
        weights[ARKIT.indices(["eyeBlinkLeft", "eyeBlinkRight"])] = 0.9
    return weights


def test_prompts_take_ten_seconds() -> None:
    assert sum(prompt.seconds for prompt in PROMPTS) == 10
    assert PROMPTS[0].seconds == 4
    assert all(column in ARKIT.columns for prompt in PROMPTS for column in prompt.columns)


def test_a_session_asks_and_tells() -> None:
    asked: list[tuple[float, Prompt]] = []
    now = 0.0
    session = CalibrationSession(lambda prompt: asked.append((now, prompt)))
    rng = np.random.default_rng(0)
    for k in range(12 * RATE):
        now = 3.0 + k / RATE
        if session.done:
            break
        assert session.done is False
        weights = np.clip(obedient(k / RATE) + rng.normal(0, 0.01, 52), 0, 1)
        session.see(now, shown(now, weights))
    assert [prompt for _, prompt in asked] == list(PROMPTS)
    np.testing.assert_allclose([time for time, _ in asked], [3, 7, 8.5, 10, 11.5], atol=1.1 / RATE)
    assert now == pytest.approx(13, abs=1.1 / RATE)
    np.testing.assert_allclose(session.resting.weights[COUNTED], REST[COUNTED], atol=0.01)
    assert session.unshown == ()


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 4])
def test_what_does_not_stand_out_from_the_resting_face_is_told(kept: int) -> None:
    """Who smiled while the resting face was asked for has no resting face, and their smile does not show any more."""
    held = REST.copy()
    if kept:
        held[list(ARKIT.indices(PROMPTS[kept].columns))] = 0.65
    session = CalibrationSession()
    with pytest.raises(StateError, match="not known yet"):
        _ = session.unshown
    for k in range(12 * RATE):
        session.see(k / RATE, shown(k / RATE, np.maximum(obedient(k / RATE), held)))
    assert session.done
    assert session.unshown == ((PROMPTS[kept],) if kept else ())


def test_who_only_holds_still_shows_nothing() -> None:
    session = CalibrationSession()
    for k in range(12 * RATE):
        session.see(k / RATE, shown(k / RATE, REST + 0.02 * (k % 2)) if k < 6 * RATE else None)
    assert session.unshown == PROMPTS[1:]


def test_it_waits_for_a_face_and_asks_again_when_it_goes() -> None:
    asked: list[Prompt] = []
    session = CalibrationSession(asked.append)
    session.see(0.0, None)
    session.see(5.0, None)
    assert asked == []
    session.see(6.0, shown(6.0, REST))
    for k in range(1, 5 * RATE):
        session.see(6 + k / RATE, None)
    assert asked == [PROMPTS[0]] * 2
    with pytest.raises(StateError, match="not known yet"):
        _ = session.resting
    for k in range(5 * RATE, 9 * RATE):
        session.see(6 + k / RATE, shown(6 + k / RATE, REST))
    assert asked == [*[PROMPTS[0]] * 2, PROMPTS[1]]
    np.testing.assert_allclose(session.resting.weights[COUNTED], REST[COUNTED], atol=1e-6)


def test_a_stream_that_halts_does_not_hang_it() -> None:
    session = CalibrationSession()
    for k in range(4 * RATE):
        session.see(k / RATE, shown(k / RATE, REST))
    session.see(1000.0, shown(1000.0, REST))
    assert session.done
