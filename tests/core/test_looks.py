"""Gaze told from eyeLook weights, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.basis import ARKIT, FACS
from mien.core.face import Expression, Gaze
from mien.core.geometry import rotation_from_angles
from mien.core.looks import FULL_LOOK, gaze_from_looks, looking, looks_from_gaze, turns


def looking_at(**weights: float) -> Expression:
    values = np.zeros(52, np.float32)
    for name, weight in weights.items():
        values[ARKIT.index(name)] = weight
    return Expression(values, ARKIT)


def forward(gaze: Gaze) -> np.ndarray:
    """Where each eye looks [2, 3]: a face's own forward is -z, towards the camera."""
    return np.asarray(gaze.rotation @ np.array([0.0, 0.0, -1.0]))


def test_a_look_turns_its_own_eye_its_own_way() -> None:
    # The subject's left lies at +x of the picture.
    assert forward(gaze_from_looks(looking_at(eyeLookOutLeft=1)))[0, 0] == pytest.approx(np.sin(FULL_LOOK))
    assert forward(gaze_from_looks(looking_at(eyeLookInRight=1)))[1, 0] == pytest.approx(np.sin(FULL_LOOK))
    assert forward(gaze_from_looks(looking_at(eyeLookUpLeft=1)))[0, 1] == pytest.approx(-np.sin(FULL_LOOK))
    np.testing.assert_allclose(gaze_from_looks(looking_at(eyeLookOutLeft=1)).rotation[1], np.eye(3))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4))
def test_weights_from_gaze_give_the_gaze_again(angles: list[float]) -> None:
    turns = np.array(angles).reshape(2, 2) * FULL_LOOK
    gaze = Gaze(np.stack([rotation_from_angles(pitch, yaw, 0) for pitch, yaw in turns]))
    weights = looks_from_gaze(gaze)
    assert weights.min() >= 0
    again = gaze_from_looks(Expression(weights, ARKIT))
    np.testing.assert_allclose(again.rotation, gaze.rotation, atol=1e-6)


def test_a_performance_keeps_its_axes_and_another_basis_is_refused() -> None:
    assert gaze_from_looks(Expression(np.zeros((7, 52)), ARKIT)).rotation.shape == (7, 2, 3, 3)
    with pytest.raises(ValueError, match="looks are told from arkit weights, got facs"):
        gaze_from_looks(Expression(np.zeros(len(FACS)), FACS))


def test_weights_without_looks_get_those_of_the_gaze() -> None:
    smile = looking_at(mouthSmileLeft=0.5)
    aside = gaze_from_looks(looking_at(eyeLookOutLeft=0.5, eyeLookInRight=0.5))
    told = looking(smile, aside)
    assert told["mouthSmileLeft"] == 0.5
    assert told["eyeLookOutLeft"] == pytest.approx(0.5, abs=1e-6)
    still = gaze_from_looks(smile)
    assert not turns(still)
    assert looking(smile, still) is smile
    own = looking_at(eyeLookUpLeft=0.1)
    assert looking(own, aside) is own  # what it says of the eyes itself is kept
    units = Expression(np.zeros(len(FACS)), FACS)
    assert looking(units, aside) is units
