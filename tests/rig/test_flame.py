from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_flame import HEAD, LEFT_BALL, RIGHT_BALL, made_flame

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FLAME
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import rotation_from_angles
from mien.rig.flame import FlameRig, rotation_from_axis
from mien.rig.flame_file import FlameModel
from mien.rig.model import mesh

MODEL = made_flame()
RIG = FlameRig(MODEL)
UNBENT = replace(MODEL, pose_directions=np.zeros_like(MODEL.pose_directions))
"""The model without offsets for the pose, whose vertices only turn."""
HALF_TURN = np.diag([1.0, -1.0, -1.0])
STILL = np.eye(3)
JAW = ("jawPitch", "jawYaw", "jawRoll")


def state(weights: Array | None = None, left: Array = STILL, right: Array = STILL) -> FaceState:
    """A face state, by default at rest; its leading axes are those of the weights."""
    weights = np.zeros(len(FLAME)) if weights is None else weights
    leading = weights.shape[:-1]
    eyes = np.stack(np.broadcast_arrays(left, right), -3)
    return FaceState(
        Expression(weights, FLAME),
        Pose(np.broadcast_to(STILL, (*leading, 3, 3)), np.zeros((*leading, 3))),
        Gaze(np.broadcast_to(eyes, (*leading, 2, 3, 3))),
    )


def weights(**columns: float) -> Array:
    values = np.zeros(len(FLAME))
    values[FLAME.indices(list(columns))] = list(columns.values())
    return values


def random_state(seed: int, *leading: int) -> FaceState:
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, (*leading, len(FLAME)))
    values[..., FLAME.indices(JAW)] *= 0.3
    turns = [rotation_from_angles(*angles) for angles in random.uniform(-0.5, 0.5, (2 * int(np.prod(leading)), 3))]
    eyes = np.reshape(turns, (*leading, 2, 3, 3))
    return state(values, eyes[..., 0, :, :], eyes[..., 1, :, :])


def literal(model: FlameModel, identity: Array, moment: FaceState) -> Array:
    """[5023, 3] in FLAME's axes: the papers' equations joint by joint and vertex by vertex, float64."""
    values = moment.expression.weights.astype(np.float64)
    psi, jaw = values[:100], values[100:]
    shaped = model.template.astype(np.float64)
    for k, weight in enumerate(identity):
        shaped = shaped + weight * model.shape_directions[:, :, k]
    joints = [sum(w * v for w, v in zip(row, shaped, strict=True) if w) for row in model.joint_regressor]
    eyes = [HALF_TURN @ each @ HALF_TURN for each in moment.gaze.rotation]
    rotations = [STILL, STILL, turn_about(jaw), *eyes]
    posed = shaped
    for k in range(model.expression_directions.shape[2]):
        posed = posed + psi[k] * model.expression_directions[:, :, k]
    column = 0
    for rotation in rotations[1:]:
        for entry in (rotation - STILL).ravel():
            posed = posed + entry * model.pose_directions[:, :, column]
            column += 1
    world: list[Array] = []
    for k, parent in enumerate(model.parents):
        local = np.eye(4)
        local[:3, :3] = rotations[k]
        local[:3, 3] = joints[k] - (joints[parent] if parent >= 0 else 0)
        world.append(world[parent] @ local if parent >= 0 else local)
    skinned = np.zeros((len(posed), 3))
    for vertex, row in enumerate(model.skinning):
        for k, weight in enumerate(row):
            if weight:
                moved = world[k][:3, :3] @ (posed[vertex] - joints[k]) + world[k][:3, 3]
                skinned[vertex] += weight * moved
    return np.asarray(skinned - (joints[3] + joints[4]) / 2)


def turn_about(axis: Array) -> Array:
    """A rotation by the series of the matrix exponential."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    total, term = np.eye(3), np.eye(3)
    for k in range(1, 30):
        term = term @ cross / k
        total = total + term
    return total


# --- the equations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_vertices_are_those_of_the_equations_spelled_out(seed: int) -> None:
    identity = np.random.default_rng(seed).normal(0, 1, 12 - seed)
    moment = random_state(seed)
    wanted = literal(MODEL, identity.astype(np.float32), moment) @ HALF_TURN
    found = RIG.vertices(Identity(identity), moment)
    assert found.shape == (5023, 3)
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < 1e-6  # a thousandth of a millimetre


def test_at_rest_there_is_the_template() -> None:
    rest = RIG.rest()
    centre = (MODEL.joint_regressor[3:] @ MODEL.template).mean(0)
    assert np.allclose(rest.vertices, (MODEL.template - centre) @ HALF_TURN, atol=1e-7)
    assert np.array_equal(RIG.vertices(Identity(), state()), rest.vertices)


def test_the_face_looks_into_the_camera_from_between_its_eyes() -> None:
    rest = RIG.rest()
    left, right = (rest.vertices[ball].mean(0) for ball in (LEFT_BALL, RIGHT_BALL))
    assert left[0] > 0.02
    assert np.allclose(left + right, 0, atol=1e-6)
    assert rest.vertices[MODEL.template[:, 1].argmin(), 1] > 0.05  # the neck is down, where y grows
    assert rest.vertices[:HEAD, 2].min() < 0 < rest.vertices[:HEAD, 2].mean()  # the back lies behind the eyes


def test_identity_moves_head_and_origin_together() -> None:
    shape = np.array([1.5, -2, 0.5])
    rest = RIG.rest(Identity(shape))
    balls = (rest.vertices[LEFT_BALL].mean(0) + rest.vertices[RIGHT_BALL].mean(0)) / 2
    assert np.allclose(balls, 0, atol=1e-6)
    direction = MODEL.shape_directions[..., :3] @ shape
    centre = (MODEL.joint_regressor[3:] @ direction).mean(0)
    difference = (rest.vertices - RIG.rest().vertices) @ HALF_TURN
    assert np.allclose(difference, direction - centre, atol=1e-6)
    assert np.allclose(RIG.rest(Identity(np.r_[shape, np.zeros(9)])).vertices, rest.vertices, atol=1e-7)


def test_psi_is_linear_and_what_the_morph_targets_say() -> None:
    rest = RIG.rest(Identity(np.array([0.5])))
    assert rest.morph_targets is not None
    assert rest.morph_names == FLAME.columns[:10]
    psi = np.random.default_rng(2).normal(0, 1, 10)
    values = np.r_[psi, np.zeros(93)]
    found = RIG.vertices(Identity(np.array([0.5])), state(values))
    assert np.allclose(found, rest.vertices + np.tensordot(psi, rest.morph_targets, 1), atol=1e-6)


def test_what_the_file_has_not_is_absent_and_moves_nothing() -> None:
    assert RIG.absent == FLAME.columns[10:100]
    assert RIG.identities == 12
    assert FlameRig(made_flame(2, 100)).absent == ()
    values = np.zeros((len(RIG.absent), len(FLAME)))
    values[np.arange(len(values)), FLAME.indices(RIG.absent)] = 3
    assert (RIG.vertices(Identity(), state(values)) == RIG.rest().vertices).all()
    values = np.eye(len(FLAME))[[k for k, name in enumerate(FLAME.columns) if name not in RIG.absent]] * 0.1
    moved = np.abs(RIG.vertices(Identity(), state(values)) - RIG.rest().vertices).max((1, 2))
    assert (moved > 1e-4).all()


# --- the jaw and the eyes ---------------------------------------------------------------------------------------------


def test_jaw_turns_its_own_rigidly_and_leaves_the_rest() -> None:
    rig = FlameRig(UNBENT)
    rest = rig.rest().vertices
    axis = np.array([0.3, -0.1, 0.05])
    found = rig.vertices(Identity(), state(weights(**dict(zip(JAW, axis, strict=True)))))
    share = MODEL.skinning[:, 2]
    own, free = share == 1, share == 0
    assert own.sum() > 100
    assert np.array_equal(found[free], rest[free])
    joint = MODEL.joint_regressor[2] @ MODEL.template - (MODEL.joint_regressor[3:] @ MODEL.template).mean(0)
    turned = (turn_about(axis) @ (rest[own] @ HALF_TURN - joint).T).T + joint
    assert np.allclose(found[own], turned @ HALF_TURN, atol=1e-6)
    between = (share > 0) & (share < 1)
    arc = np.linalg.norm(turned @ HALF_TURN - rest[own], axis=1).max()
    assert (np.linalg.norm(found - rest, axis=1)[between] < arc).all()


@pytest.mark.parametrize(
    ("column", "axis", "sign"),
    [("jawPitch", 1, 1), ("jawYaw", 0, 1)],  # opens: down; to the subject's left: right in the picture
)
def test_jaw_turns_the_way_its_name_says(column: str, axis: int, sign: int) -> None:
    rig = FlameRig(UNBENT)
    chin = (MODEL.skinning[:, 2] == 1) & (MODEL.template[:, 2] > 0.05)
    found = rig.vertices(Identity(), state(weights(**{column: 0.2})))
    assert (sign * (found - rig.rest().vertices)[chin, axis] > 0.005).all()


@pytest.mark.parametrize(("side", "ball", "other"), [(0, LEFT_BALL, RIGHT_BALL), (1, RIGHT_BALL, LEFT_BALL)])
def test_gaze_turns_one_eyeball_about_its_middle(side: int, ball: slice, other: slice) -> None:
    rig = FlameRig(UNBENT)
    rest = rig.rest().vertices
    turn = rotation_from_angles(0.2, -0.4, 0.1)
    found = rig.vertices(Identity(), state(None, *((turn, STILL) if side == 0 else (STILL, turn))))
    middle = rest[ball].mean(0)
    assert np.allclose(found[ball], (rest[ball] - middle) @ turn.T + middle, atol=1e-6)
    assert np.array_equal(found[:HEAD], rest[:HEAD])
    assert np.array_equal(found[other], rest[other])


@pytest.mark.parametrize(("angles", "axis", "sign"), [((0.3, 0, 0), 1, 1), ((0, 0.3, 0), 0, -1)])
def test_positive_gaze_looks_down_and_to_the_subjects_right(
    angles: tuple[float, float, float], axis: int, sign: int
) -> None:
    rig = FlameRig(UNBENT)
    dark = (rig.rest().colours == np.array([0.25, 0.20, 0.16])).all(1)  # type: ignore[union-attr]
    turn = rotation_from_angles(*angles)
    moved = (rig.vertices(Identity(), state(None, turn, turn)) - rig.rest().vertices)[dark]
    assert dark.sum() > 10
    assert (sign * moved[:, axis] > 0.002).all()


@settings(derandomize=True, deadline=None, max_examples=20)
@given(axis=st.lists(st.floats(-4, 4), min_size=3, max_size=3), small=st.sampled_from([1, 1e-3, 1e-9, 0]))
def test_rodrigues_formula(axis: list[float], small: float) -> None:
    vector = np.array(axis) * small
    found = rotation_from_axis(vector)
    assert np.allclose(found, turn_about(vector), atol=1e-7)
    assert np.allclose(found @ vector, vector)
    assert np.allclose(found @ rotation_from_axis(-vector), np.eye(3))


@settings(derandomize=True, deadline=None, max_examples=8)
@given(angles=st.lists(st.floats(-0.4, 0.4), min_size=3, max_size=3), seed=st.integers(0, 99))
def test_a_turned_model_gives_the_turned_face(angles: list[float], seed: int) -> None:
    """The rig has no favourite axes but the ones that it promises: turning everything in turns what comes out."""
    turn = rotation_from_angles(*angles)
    turned = replace(
        UNBENT,
        template=UNBENT.template @ turn.T,
        shape_directions=np.einsum("ij,vjk->vik", turn, UNBENT.shape_directions),
        expression_directions=np.einsum("ij,vjk->vik", turn, UNBENT.expression_directions),
    )
    here, moment = HALF_TURN @ turn @ HALF_TURN, random_state(seed)
    values = moment.expression.weights.astype(np.float64)
    values[FLAME.indices(JAW)] = turn @ values[FLAME.indices(JAW)]
    gaze = here @ moment.gaze.rotation @ here.T
    identity = Identity(np.random.default_rng(seed).normal(0, 1, 5))
    found = FlameRig(turned).vertices(identity, state(values, *gaze))
    assert np.allclose(found, FlameRig(UNBENT).vertices(identity, moment) @ here.T, atol=2e-6)


@pytest.mark.parametrize("scale", [0.8, 1.25])
def test_a_larger_model_gives_a_larger_face(scale: float) -> None:
    names = ("template", "shape_directions", "expression_directions", "pose_directions")
    larger = replace(MODEL, **{name: scale * getattr(MODEL, name) for name in names})
    found = FlameRig(larger).vertices(Identity(np.array([1.0])), random_state(4))
    assert np.allclose(found, scale * RIG.vertices(Identity(np.array([1.0])), random_state(4)), atol=1e-6)


# --- many moments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leading", [(0,), (1,), (7,), (65,), (2, 3)])
def test_many_moments_are_as_one_by_one(leading: tuple[int, ...]) -> None:
    moments, identity = random_state(3, *leading), Identity(np.array([1, -1]))
    found = RIG.vertices(identity, moments)
    assert found.shape == (*leading, 5023, 3)
    for place in list(np.ndindex(*leading))[:: max(1, int(np.prod(leading)) // 7)]:
        one = FaceState(
            Expression(moments.expression.weights[place], FLAME),
            Pose(moments.pose.rotation[place], moments.pose.translation[place]),
            Gaze(moments.gaze.rotation[place]),
        )
        assert np.allclose(RIG.vertices(identity, one), found[place], atol=1e-6)


def test_the_mesh_of_a_moment_is_posed_and_closed_round_the_eyes() -> None:
    moment = random_state(5)
    placed = FaceState(moment.expression, Pose(rotation_from_angles(0.1, 0.2, 0.3), np.array([0, 0, 0.6])), moment.gaze)
    shown = mesh(RIG, Identity(np.array([0.5])), placed)
    assert shown.normals is not None
    assert np.allclose(np.linalg.norm(shown.normals, axis=1), 1)
    assert shown.vertices[:, 2].mean() == pytest.approx(0.65, abs=0.05)


def test_normals_look_outward_and_the_surface_is_complete() -> None:
    rest = RIG.rest()
    assert rest.triangles.shape == (9976, 3)
    assert rest.uv is None
    assert rest.normals is not None
    for part in (slice(HEAD), LEFT_BALL, RIGHT_BALL):
        outward = rest.vertices[part] - rest.vertices[part].mean(0)
        assert ((outward * rest.normals[part]).sum(1) > 0).mean() > 0.99
    assert rest.colours is not None
    assert not (rest.colours[LEFT_BALL] == rest.colours[0]).all(1).any()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: RIG.rest(Identity(np.zeros(13))), "identity has 13 weights, FLAME here has 12 directions"),
        (lambda: RIG.vertices(Identity(np.zeros(13)), state()), "identity has 13 weights"),
        (
            lambda: RIG.vertices(
                Identity(),
                FaceState(Expression(np.zeros(52), ARKIT), Pose(STILL, np.zeros(3)), Gaze(np.stack([STILL, STILL]))),
            ),
            "FLAME is driven by its own basis, got arkit",
        ),
    ],
)
def test_what_does_not_belong_to_it_is_refused(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
