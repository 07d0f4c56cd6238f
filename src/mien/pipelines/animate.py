"""A take drives a rig: what the face does, moment by moment, as surfaces and as pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mien.core.arrays import Array
from mien.core.basis import ARKIT, Basis
from mien.core.errors import InputError, UsageError
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose, Take
from mien.core.geometry import Mesh, rotation_from_angles
from mien.core.image import Frame
from mien.core.looks import gaze_from_looks, looking, turns
from mien.imaging.openness import openness
from mien.imaging.portrait import BACKDROP, Portrait
from mien.imaging.shade import Paint
from mien.rig.convert import Vocabulary, convert
from mien.rig.model import Rig, vertex_normals

DEFAULT_RATE = 25.0
"""Frames a second of a take that has no rate and too few frames to tell one from."""

MAX_SIDE = 4096
"""Pixels along a side of the largest picture that is made."""

MOST_STEPS = 1_000_000
"""Pictures of the longest video that is made: nine hours at 30 a second."""

_CHUNK = 32
"""Moments that a rig moves at once: memory does not grow with the take."""

_LEAST_MOTION = 1e-5

_EYES_OPEN = 0.75
"""The least openness of eyes: parts of them that lids cover at rest come to light when they turn."""


@dataclass(frozen=True, slots=True)
class AnimateOptions:
    """How a performance is shown. Of a GLB and of OBJ frames only `every`, `rate` and `still_head` matter.

    Raises:
        UsageError: E_USAGE: a value is out of range.
    """

    width: int = 640
    """Pixels of the picture."""
    height: int = 640
    """Pixels of the picture."""
    background: tuple[int, int, int] = BACKDROP
    """Red, green and blue behind the face, 0 to 255."""
    zoom: float = 1.0
    """How much larger than to fit the face is shown."""
    turn: float = 0.0
    """Degrees by which the viewer walks round the head, to the subject's left."""
    still_head: bool = False
    """Hold the head still; only the face and the eyes move."""
    rate: float | None = None
    """Pictures a second; the take's own when not given."""
    every: int = 1
    """Use every Nth frame of the take."""

    def __post_init__(self) -> None:
        sides = f"1 to {MAX_SIDE} pixels"
        checks = (
            ("width", 1 <= self.width <= MAX_SIDE, sides),
            ("height", 1 <= self.height <= MAX_SIDE, sides),
            ("background", all(0 <= level <= 255 for level in self.background), "three numbers of 0 to 255"),
            ("zoom", 0.05 <= self.zoom <= 20, "0.05 to 20"),
            ("turn", -360 <= self.turn <= 360, "-360 to 360 degrees"),
            ("rate", self.rate is None or 0.1 <= self.rate <= 1000, "0.1 to 1000 a second"),
            ("every", self.every >= 1, "1 or more"),
        )
        for name, good, allowed in checks:
            if not good:
                flag = "--" + name.replace("_", "-")
                raise UsageError(flag, "E_USAGE", f"{getattr(self, name)} is out of range", f"allowed: {allowed}")


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """A take as one rig can play it: a face at every moment.

    Args:
        rig: the face.
        identity: whose it is.
        state: [F]; of its pose the rotation counts, against the line of sight.
        times: [F] seconds, strictly rising from 0.
        frame_rate: moments a second.
    """

    rig: Rig
    identity: Identity
    state: FaceState
    times: Array
    frame_rate: float

    def __len__(self) -> int:
        return len(self.times)

    def at(self, moments: Array, times: Array, frame_rate: float) -> "Performance":
        """Some moments [F'], in any order, at other times [F']."""
        return replace(self, state=_state_at(self.state, moments), times=times, frame_rate=frame_rate)


def _state_at(state: FaceState, moments: Array) -> FaceState:
    return FaceState(
        Expression(state.expression.weights[moments], state.expression.basis),
        Pose(state.pose.rotation[moments], state.pose.translation[moments]),
        Gaze(state.gaze.rotation[moments]),
    )


def perform(
    take: Take,
    rig: Rig,
    options: AnimateOptions = AnimateOptions(),
    flame: Vocabulary | None = None,
    basis: Basis | None = None,
) -> Performance:
    """A take as a rig can play it.

    Where the face was not seen it holds still as it was last seen (before that, as it is first seen): a face that
    snapped to rest and back would show what nobody did. The take's identity is used where the rig has room for it.

    Args:
        take: over any basis that `rig.convert` knows.
        rig: any.
        options: `every`, `rate` and `still_head` matter here.
        flame: the bridge to the user's FLAME, for a rig or a take of that basis.
        basis: the vocabulary of the performance; the rig's own when not given.

    Raises:
        InputError: E_EMPTY: the face is seen in no frame.
        UsageError: E_USAGE: there is no way from the take's vocabulary to that one.
    """
    seen = np.flatnonzero(take.valid)
    if not len(seen):
        raise InputError(take.source or "take", "E_EMPTY", f"face {take.face} is seen in no frame", "name another take")
    fresh = np.flatnonzero(np.diff(take.times, prepend=-np.inf) > 0)[:: options.every]
    held = seen[np.maximum(np.searchsorted(seen, fresh, side="right") - 1, 0)]
    state = _state_at(take.state, held)
    wanted = rig.basis if basis is None else basis
    try:
        spoken = convert(state.expression, wanted, flame=flame)
    except ValueError as error:
        cause = f"the take is over {state.expression.basis.name}, the rig over {wanted.name}: {error}"
        raise UsageError(take.source or "take", "E_USAGE", cause, "bring it there with mien convert") from error
    rotation = np.broadcast_to(np.eye(3), (len(held), 3, 3)) if options.still_head else state.pose.facing()
    pose = Pose(rotation, np.zeros((len(held), 3)))
    times = take.times[fresh] - take.times[fresh[0]]
    rate = options.rate or _rate(take, times)
    moved = FaceState(looking(spoken, state.gaze), pose, _gaze(state.gaze, spoken))
    return Performance(rig, _identity(take, rig), moved, times, rate)


def _identity(take: Take, rig: Rig) -> Identity:
    """The take's identity weights are those of the compact rig; any other face is the rig's mean one."""
    fits = rig.name == "compact" and len(take.identity.shape) <= rig.identities
    return Identity(take.identity.shape) if fits else Identity()


def _gaze(gaze: Gaze, spoken: Expression) -> Gaze:
    """Where the eyes look; told from the eyeLook weights where the take's gaze never leaves the middle."""
    return gaze if turns(gaze) or spoken.basis != ARKIT else gaze_from_looks(spoken)


def _rate(take: Take, times: Array) -> float:
    """Moments a second; a take may count 60 frames a second and hold every second of them only."""
    if len(times) < 2:
        return take.frame_rate or DEFAULT_RATE
    step = float(np.median(np.diff(times)))
    return 1 / step if take.frame_rate is None else take.frame_rate / max(round(take.frame_rate * step), 1)


def paced(performance: Performance) -> Performance:
    """The same at even steps of its frame rate, each step the nearest moment: what videos and sequences play.

    Raises:
        UsageError: E_TOOBIG: that would be more than `MOST_STEPS`, as where the clock jumped while the take ran.
    """
    times, rate = performance.times, performance.frame_rate
    count = float(times[-1]) * rate
    if count > MOST_STEPS:
        cause = f"{times[-1]:.0f} s at {rate:g} a second are {count:.2g} pictures"
        raise UsageError("--rate", "E_TOOBIG", cause, f"at most {MOST_STEPS:,} are made: lower --rate, or cut the take")
    steps = np.arange(round(count) + 1) / rate
    moments = np.searchsorted((times[1:] + times[:-1]) / 2, steps, side="left")
    return performance.at(moments, steps, rate)


def surfaces(performance: Performance) -> Iterator[Mesh]:
    """The face at every moment, turned about the middle between the eyes, in the head's axes; with normals."""
    for mesh, rotation in _moved(performance):
        yield replace(mesh, vertices=mesh.vertices @ rotation.T, normals=mesh.normals @ rotation.T)


def pictures(
    performance: Performance, options: AnimateOptions = AnimateOptions(), texture: Array | None = None
) -> Iterator[Frame]:
    """The face at every moment as a picture, with its time.

    Args:
        performance: over the rig's own basis.
        options: how large, and from where.
        texture: [h, w, 3] uint8, laid on by the rig's uv, or None for the rig's colours.

    Raises:
        ValueError: a texture for a rig without uv.
    """
    rest = performance.rig.rest(performance.identity)
    size = options.width, options.height
    portrait = Portrait.of(rest.vertices, *size, zoom=options.zoom, background=options.background)
    paint = paint_of(performance.rig, performance.identity, texture)
    round_it = rotation_from_angles(0.0, np.deg2rad(options.turn), 0.0)
    held = _held(performance.state)
    pixels = np.empty((0, 0, 3), np.uint8)
    for index, (mesh, rotation) in enumerate(_moved(performance)):
        if not held[index]:
            pixels = portrait.picture(mesh, round_it @ rotation, paint)
        yield Frame(pixels, float(performance.times[index]), index)


def _held(state: FaceState) -> Array:
    """[F] whether a moment is the same as the one before it, and need not be drawn again."""
    arrays = (state.expression.weights, state.pose.rotation, state.gaze.rotation)
    same = [(array[1:] == array[:-1]).all(tuple(range(1, array.ndim))) for array in arrays]
    return np.concatenate([[False], np.logical_and.reduce(same)])


def _moved(performance: Performance) -> Iterator[tuple[Mesh, Array]]:
    """The face at every moment in the head's axes, with normals, and how the head is turned [3, 3]."""
    rest = replace(performance.rig.rest(performance.identity), morph_targets=None, morph_names=())
    for start in range(0, len(performance), _CHUNK):
        state = _state_at(performance.state, np.arange(start, min(start + _CHUNK, len(performance))))
        moved = performance.rig.vertices(performance.identity, state)
        for vertices, rotation in zip(moved, state.pose.rotation, strict=True):
            yield replace(rest, vertices=vertices, normals=vertex_normals(vertices, rest.triangles)), rotation


def paint_of(rig: Rig, identity: Identity = Identity(), texture: Array | None = None) -> Paint:
    """What a rig is made of: eyes that shine, and less light where its surface is folded.

    Eyeballs are what moves when nothing but the gaze does. Lids count as open as they are when shut.
    """
    weights = np.zeros((3, len(rig.basis)))
    if rig.basis == ARKIT:
        weights[2, ARKIT.indices(["eyeBlinkLeft", "eyeBlinkRight"])] = 1
    gazes = np.stack([np.eye(3), rotation_from_angles(0.2, 0.2, 0.0), np.eye(3)])
    state = FaceState(
        Expression(weights, rig.basis),
        Pose(np.broadcast_to(np.eye(3), (3, 3, 3)), np.zeros((3, 3))),
        Gaze(np.stack([gazes, gazes], axis=1)),
    )
    still, looking, blinking = rig.vertices(identity, state)
    eyes = np.abs(looking - still).max(1) > _LEAST_MOTION
    triangles = rig.rest(identity).triangles
    faces = (still, blinking) if weights.any() else (still,)
    open_to = [openness(face, triangles, vertex_normals(face, triangles)) for face in faces]
    lit = np.where(eyes, np.maximum(open_to[0], _EYES_OPEN), np.maximum(open_to[0], open_to[-1]))
    return Paint(texture, eyes.astype(np.float32), lit)
