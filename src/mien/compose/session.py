"""Ten seconds before a camera: a person shows their resting face, and then that other expressions stand out from it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.core.basis import ARKIT
from mien.core.calm import LEAST_FRAMES
from mien.core.errors import StateError
from mien.core.face import Expression, FaceReading
from mien.core.neutral import resting_face


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing that a person is asked to do.

    Args:
        text: how it is asked.
        seconds: how long it takes.
        columns: of `ARKIT`, one of which must move; none for keeping still.
    """

    text: str
    seconds: float
    columns: tuple[str, ...] = ()


PROMPTS = (
    Prompt("Hold still, with a neutral face", 4.0),
    Prompt("Blink", 1.5, ("eyeBlinkLeft", "eyeBlinkRight")),
    Prompt("Smile", 1.5, ("mouthSmileLeft", "mouthSmileRight")),
    Prompt("Raise your brows", 1.5, ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")),
    Prompt("Open your mouth", 1.5, ("jawOpen",)),
)
"""What is asked, in this order: ten seconds."""

_REACTION = 0.5
"""Seconds of the first prompt in which people still come to rest."""

_STANDS_OUT = 0.15
"""How far above rest a weight must come to show an expression: far more than noise does, less than a faint smile."""


class CalibrationSession:
    """Takes in the readings of one face, prompts, and tells its resting face, and what did not stand out from it.

    Time is that of the readings. It begins with the first of them; if the face was hardly seen while it should rest,
    that is asked for again.

    Args:
        prompted: called with each prompt as its time comes.
    """

    def __init__(self, prompted: Callable[[Prompt], None] = lambda prompt: None) -> None:
        self._prompted = prompted
        self._asked = -1
        self._since = 0.0
        self._weights: list[Expression] = []
        self._quality: list[float] = []
        self._most = np.zeros(len(ARKIT), np.float32)
        self._resting: Expression | None = None

    @property
    def done(self) -> bool:
        """Whether all was asked."""
        return self._asked == len(PROMPTS)

    def see(self, time: float, reading: FaceReading | None) -> None:
        """What was read at `time`, seconds that do not run backwards; None when the face was not seen."""
        if self._asked < 0:
            if reading is None:
                return
            self._ask(0, time)
        while not self.done and time - self._since >= PROMPTS[self._asked].seconds:
            self._next()
        if self.done or reading is None:
            return
        weights = reading.state.expression.weights
        if self._asked > 0:
            self._most = np.maximum(self._most, weights)
        elif time - self._since >= _REACTION:
            self._weights.append(reading.state.expression)
            self._quality.append(reading.quality)

    def _next(self) -> None:
        end = self._since + PROMPTS[self._asked].seconds
        if self._asked == 0:
            if len(self._weights) < LEAST_FRAMES:
                self._weights.clear()
                self._quality.clear()
                self._ask(0, end)
                return
            weights = np.array([each.weights for each in self._weights])
            self._resting = resting_face(weights, np.array(self._quality))
        self._ask(self._asked + 1, end)

    def _ask(self, number: int, since: float) -> None:
        self._asked, self._since = number, since
        if not self.done:
            self._prompted(PROMPTS[number])

    @property
    def resting(self) -> Expression:
        """The resting face. Raises `StateError` before it is known."""
        if self._resting is None:
            raise StateError("--calibrate", "E_NEUTRAL", "the resting face is not known yet", "let the session end")
        return self._resting

    @property
    def unshown(self) -> tuple[Prompt, ...]:
        """What was asked for and did not stand out from the resting face: either that was none, or this is not read.

        Raises:
            StateError: the resting face is not known yet.
        """
        rise = self._most - self.resting.weights
        return tuple(
            prompt for prompt in PROMPTS if prompt.columns and rise[ARKIT.indices(prompt.columns)].max() < _STANDS_OUT
        )
