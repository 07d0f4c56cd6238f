"""What the people of `crossings.py` do: pass each other, hide each other, leave, come back, change places at a cut."""

from collections.abc import Callable

from composed import Actor, Shot, Way


def _way(*marks: tuple[float, float, float]) -> Way:
    return Way(marks)


def _cross(size: float, other: float, rise: float = 0.0, pace: float = 1.0) -> tuple[Shot, ...]:
    back = Actor(0, other, _way((0, 0.2, 0.45 + rise), (0.6, 0.2, 0.45 + rise), (0.6 + 3 * pace, 0.8, 0.45 + rise)))
    front = Actor(1, size, _way((0, 0.8, 0.45), (0.6, 0.8, 0.45), (0.6 + 3 * pace, 0.2, 0.45)))
    return (Shot(1.6 + 3 * pace, 0, (back, front)),)


def _there_and_back(pace: float) -> tuple[Shot, ...]:
    back = Actor(
        0, 100, _way((0, 0.25, 0.45), (0.6, 0.25, 0.45), (0.6 + pace, 0.7, 0.45), (0.6 + 2 * pace, 0.25, 0.45))
    )
    front = Actor(1, 110, _way((0, 0.75, 0.5), (0.6, 0.75, 0.5), (0.6 + pace, 0.3, 0.5), (0.6 + 2 * pace, 0.75, 0.5)))
    return (Shot(1.6 + 2 * pace, 1, (back, front)),)


def _behind_for_long() -> tuple[Shot, ...]:
    """The one in front stops before the other, who goes on unseen, and goes back where they came from."""
    back = Actor(0, 90, _way((0, 0.5, 0.45), (3.5, 0.5, 0.45), (5, 0.2, 0.45), (6, 0.2, 0.45)))
    front = Actor(1, 120, _way((0, 0.85, 0.45), (0.6, 0.85, 0.45), (2, 0.5, 0.45), (3.5, 0.5, 0.45), (5, 0.85, 0.45)))
    return (Shot(6.5, 2, (back, front)),)


def _half_hidden() -> tuple[Shot, ...]:
    back = Actor(0, 110, _way((0, 0.3, 0.45), (5, 0.32, 0.45)))
    front = Actor(1, 110, _way((0, 0.8, 0.45), (0.8, 0.8, 0.45), (2, 0.4, 0.47), (3, 0.4, 0.47), (4.2, 0.8, 0.45)))
    return (Shot(5.0, 3, (back, front)),)


def _leaves_and_returns(away: float) -> tuple[Shot, ...]:
    stays = Actor(0, 100, _way((0, 0.6, 0.45), (away + 5, 0.65, 0.45)))
    goes = _way(
        (0, 0.25, 0.45), (1, 0.25, 0.45), (2, -0.2, 0.45), (2.1, -0.2, 0.2), (2 + away, 1.2, 0.5), (3 + away, 0.88, 0.5)
    )
    return (Shot(away + 4.5, 4, (stays, Actor(1, 90, goes))),)


def _both_leave_and_change_sides() -> tuple[Shot, ...]:
    def goes(side: float) -> Way:
        there, out = 0.5 + 0.25 * side, 0.5 + 0.75 * side
        return _way(
            (0, there, 0.45), (1, there, 0.45), (2, out, 0.45), (5, out, -2), (5.1, 1 - out, 0.45), (6, 1 - there, 0.45)
        )

    return (Shot(7.0, 5, (Actor(0, 100, goes(-1)), Actor(1, 100, goes(1)))),)


def _cut_changes_places() -> tuple[Shot, ...]:
    left, right = _way((0, 0.3, 0.45), (2, 0.32, 0.45)), _way((0, 0.7, 0.45), (2, 0.68, 0.45))
    return (
        Shot(2.0, 6, (Actor(0, 110, left), Actor(1, 110, right))),
        Shot(2.0, 7, (Actor(0, 110, right), Actor(1, 110, left))),
        Shot(2.0, 6, (Actor(0, 110, left), Actor(1, 110, right))),
    )


def _cuts_from_one_to_the_other() -> tuple[Shot, ...]:
    """A talk, one at a time in the picture, both in the same place."""
    place = _way((0, 0.5, 0.45), (2, 0.51, 0.45))
    return tuple(Shot(1.6, 8 + k % 2, (Actor(k % 2, 130, place),)) for k in range(4))


def _newcomer_in_the_old_place() -> tuple[Shot, ...]:
    leaves = _way((0, 0.5, 0.45), (1.2, 0.5, 0.45), (2, 1.2, 0.45), (5, 1.2, 0.45), (6, 0.8, 0.45))
    comes = _way((0, -0.2, 0.45), (2, -0.2, 0.45), (3, 0.5, 0.45))
    return (Shot(7.2, 10, (Actor(0, 110, leaves), Actor(1, 110, comes))),)


def _newcomer_walks_by() -> tuple[Shot, ...]:
    """Somebody new walks through the picture in front of the one who sits there."""
    sits = Actor(0, 90, _way((0, 0.5, 0.5), (6, 0.52, 0.5)))
    return (Shot(6.0, 11, (sits, Actor(1, 130, _way((0, -0.3, 0.4), (1.5, -0.3, 0.4), (4, 1.3, 0.4))))),)


def _two_before_a_third() -> tuple[Shot, ...]:
    sits = Actor(2, 80, _way((0, 0.5, 0.4), (6, 0.5, 0.4)))
    one = Actor(0, 100, _way((0, 0.15, 0.45), (0.8, 0.15, 0.45), (4, 0.85, 0.45)))
    other = Actor(1, 110, _way((0, 0.85, 0.5), (1.2, 0.85, 0.5), (4.6, 0.15, 0.5)))
    return (Shot(5.8, 12, (sits, one, other)),)


SCRIPTS: dict[str, Callable[[], tuple[Shot, ...]]] = {
    "cross, alike in size": lambda: _cross(105, 100),
    "cross, one far": lambda: _cross(120, 60),
    "cross, one face high, one low": lambda: _cross(105, 100, 0.13),
    "cross, quickly": lambda: _cross(110, 100, 0.03, 0.4),
    "there and back again": lambda: _there_and_back(1.8),
    "hidden for long": _behind_for_long,
    "half hidden": _half_hidden,
    "leaves for 3 s": lambda: _leaves_and_returns(3),
    "leaves for 6 s": lambda: _leaves_and_returns(6),
    "both leave, change sides": _both_leave_and_change_sides,
    "a cut changes places": _cut_changes_places,
    "cuts from one to the other": _cuts_from_one_to_the_other,
    "a newcomer in the old place": _newcomer_in_the_old_place,
    "a newcomer walks by": _newcomer_walks_by,
    "two pass before a third": _two_before_a_third,
}
