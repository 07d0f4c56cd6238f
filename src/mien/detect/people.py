"""Who is who in one source: everybody that was seen, how they look, and who of them somebody is that appears.

What is remembered is remembered in memory, of this source alone, and of `MOST` people at most.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from mien.core.arrays import Array
from mien.detect.assignment import best_pairs
from mien.detect.path import Path

MOST = 64
"""People who are remembered; who was not seen for the longest time is forgotten first."""

VIEWS = 6
"""Looks that are remembered of a person."""

ALIKE = 0.55
"""Product of two looks from which they speak for one person rather than for two."""

_WEIGHT, _BOUND = 15.0, 6.0
_SURE = 1.5
_HERE = 1.0
_AS_BEFORE, _LEARNS = 0.8, 0.15


class Unknown(Enum):
    """What else may be said of somebody who appears."""

    NEW = "nobody that was seen before"
    UNSURE = "somebody who looks a little like one of them"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who appears.

    Args:
        look: [D] of length 1.
        box: [4] where.
        time: when, seconds.
        whole: whether neither the picture's border nor another face may hide some of it: whether its look is its own.
        patient: whether it may be left open for now who it is.
    """

    look: Array
    box: Array
    time: float
    whole: bool = True
    patient: bool = True


@dataclass(frozen=True, slots=True)
class _Person:
    """One of them: up to `VIEWS` looks, and the path, or None where places say nothing (after a cut)."""

    looks: tuple[Array, ...]
    path: Path | None
    seen: float
    away: bool = False


def odds(product: float) -> float:
    """Log odds that two looks are one person's, from their product."""
    return float(np.clip(_WEIGHT * (product - ALIKE), -_BOUND, _BOUND))


@dataclass(slots=True)
class People:
    """Everybody seen so far in a source."""

    _known: dict[int, _Person] = field(default_factory=dict)
    _numbered: int = 0

    def __len__(self) -> int:
        return len(self._known)

    def likeness(self, number: int, look: Array) -> float:
        """-1 to 1, the product of a look with the one of that person's that is most like it."""
        return float(max(known @ look for known in self._known[number].looks))

    def meet(self, arrival: Arrival) -> int:
        """The number of somebody new."""
        number, self._numbered = self._numbered, self._numbered + 1
        self._known[number] = _Person((arrival.look,), None, arrival.time)
        self._forget()
        return number

    def welcome(self, number: int, arrival: Arrival) -> None:
        """Somebody is back."""
        self._known[number] = replace(self._known[number], seen=arrival.time, away=False)

    def learn(self, number: int, look: Array, time: float) -> None:
        """How somebody looks who is followed."""
        person = self._known[number]
        products = [float(known @ look) for known in person.looks]
        nearest = int(np.argmax(products))
        if products[nearest] < _AS_BEFORE and len(products) < VIEWS:
            looks = (*person.looks, look)
        else:
            mixed = (1 - _LEARNS) * person.looks[nearest] + _LEARNS * look
            looks = tuple(mixed / np.linalg.norm(mixed) if k == nearest else one for k, one in enumerate(person.looks))
        self._known[number] = replace(person, looks=looks, seen=time)

    def lose(self, number: int, path: Path | None, time: float) -> None:
        """Somebody is out of sight; without a path, the picture changed so that places say nothing."""
        self._known[number] = replace(self._known[number], path=path, seen=time, away=True)

    def missed(self, time: float) -> float:
        """Seconds since somebody was last lost who is still out of sight; infinite when nobody is."""
        return min((time - person.seen for person in self._known.values() if person.away), default=math.inf)

    def recognise(self, arrivals: Sequence[Arrival]) -> list[int | Unknown]:
        """Who they are who appear at once: of those out of sight one each, or unknown."""
        away = [number for number, person in self._known.items() if person.away]
        places = np.array([[self._place(number, one) for number in away] for one in arrivals])
        looks = np.array([[odds(self.likeness(number, one.look)) for number in away] for one in arrivals])
        worth = (places + looks).reshape(len(arrivals), len(away))
        # Nobody is new as long as it may be somebody who cannot be seen well, or who was here a moment ago.
        found: list[int | Unknown] = [
            Unknown.UNSURE if one.patient and away and (not one.whole or place.max() >= _HERE) else Unknown.NEW
            for one, place in zip(arrivals, places, strict=True)
        ]
        for row, column in best_pairs(worth, -_SURE):
            rival = np.delete(worth[row], column).max(initial=-np.inf)
            clear = worth[row, column] >= _SURE and worth[row, column] - rival >= _SURE
            if clear or (not arrivals[row].patient and worth[row, column] > 0):
                found[row] = away[column]
            elif arrivals[row].patient:
                found[row] = Unknown.UNSURE
        return found

    def _place(self, number: int, arrival: Arrival) -> float:
        path = self._known[number].path
        return 0.0 if path is None else path.fit(arrival.box, arrival.time)

    def _forget(self) -> None:
        away = [number for number, person in self._known.items() if person.away]
        if len(self._known) > MOST and away:
            del self._known[min(away, key=lambda number: self._known[number].seen)]
