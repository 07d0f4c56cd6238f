"""The rig in the package: what it holds, that every channel moves its own place, that left and right are alike."""

import io
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest
from compact_face import ANGLES, CHECKED, IRISES, TWINS, flipped, one, rest, rig, state, targets
from hypothesis import given
from hypothesis import strategies as st
from portraits import mirror

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.errors import ModelError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT, LANDMARKS, Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import rotation_from_angles
from mien.core.looks import gaze_from_looks
from mien.core.points import EYE_RIGHT, INNER_LIPS, IRISES_LEFT, IRISES_RIGHT, OUTER_LIPS
from mien.rig import compact
from mien.rig.compact import EYEBALL, MOVED, TURNS, CompactModel, compact_model, turn_features
from mien.rig.model import mesh
from mien.rig.places import Places
from mien.weights.catalog import card

# --- what it holds ----------------------------------------------------------------------------------------------------


def test_it_is_small_and_says_what_it_is() -> None:
    assert card("compact-rig").size < 2_000_000
    assert card("compact-rig").output_basis == "arkit"
    assert (rig().name, rig().basis, rig().absent) == ("compact", ARKIT, ("tongueOut",))
    assert rig().identities >= 40
    assert compact_model().identities.shape == (rig().identities, LANDMARKS, 3)


def test_there_is_a_target_for_every_column_but_the_tongue_in_the_order_of_the_basis() -> None:
    assert [column for column in ARKIT.columns if column != "tongueOut"] == list(MOVED) == list(rest().morph_names)
    assert targets().shape == (51, len(rest().vertices), 3)
    assert np.abs(targets()).max((1, 2)).min() > 1e-3, "none is empty"


def test_the_first_vertices_are_the_landmarks() -> None:
    model, shape = compact_model(), np.random.default_rng(1).normal(size=rig().identities)
    np.testing.assert_allclose(rest().vertices[:LANDMARKS], model.mean, atol=1e-7)
    moved = rig().vertices(Identity(shape), state(0.5 * one("jawOpen")))[:LANDMARKS]
    expected = model.mean + np.tensordot(shape, model.identities, 1) + 0.5 * model.expressions[MOVED.index("jawOpen")]
    still = np.setdiff1d(np.arange(LANDMARKS), IRISES)
    np.testing.assert_allclose(moved[still], expected[still], atol=1e-6)


def test_it_has_the_size_of_an_adult_and_looks_into_the_camera() -> None:
    points = compact_model().mean
    assert np.linalg.norm(points[IRIS_RIGHT] - points[IRIS_LEFT]) == pytest.approx(0.063, abs=0.002)
    assert points[IRIS_RIGHT, 0] < 0 < points[IRIS_LEFT, 0]
    np.testing.assert_allclose(points[[33, 133, 362, 263]].mean(0), 0, atol=2e-3)
    assert points[10, 1] < points[1, 1] < points[152, 1]
    assert points[4, 2] < points[[234, 454], 2].min()


def test_the_mouth_at_rest_is_closed_and_the_eyes_are_open() -> None:
    points = compact_model().mean
    for upper, lower in ((13, 14), (82, 87), (312, 317)):
        assert abs(points[lower, 1] - points[upper, 1]) < 1e-3
    for upper, lower in ((159, 145), (386, 374)):
        assert points[lower, 1] - points[upper, 1] > 5e-3


def test_identity_directions_lose_strength_and_stand_apart() -> None:
    directions = compact_model().identities.reshape(rig().identities, -1).astype(np.float64)
    sizes = np.linalg.norm(directions, axis=1)
    assert (np.diff(sizes) < 1e-5).all()
    cosines = directions @ directions.T / sizes / sizes[:, None]
    np.testing.assert_allclose(cosines, np.eye(len(sizes)), atol=1e-3)


def test_the_file_comes_back_as_it_was_made_to_its_precision() -> None:
    model = compact_model()
    back = CompactModel.of_members(model.members())
    for field in fields(CompactModel):
        if field.name != "ict":
            ours, theirs = getattr(model, field.name), getattr(back, field.name)
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(back.ict.corners, model.ict.corners)
    np.testing.assert_allclose(back.ict.shares, model.ict.shares, atol=1e-7)
    offsets = np.random.default_rng(0).normal(0, 0.01, model.expressions.shape)
    other = CompactModel(model.mean, model.identities, offsets, model.turns, model.triangles, model.ict)
    again = CompactModel.of_members(other.members())
    assert np.abs(again.expressions - offsets).max() < 2e-5, "a fiftieth of a millimetre, of motions of 4 cm"


def test_half_precision_is_finer_than_a_hundredth_of_a_millimetre() -> None:
    """For offsets of up to 2 cm: numbers there stand 1.5e-5 apart."""
    offsets = np.linspace(-0.02, 0.02, 10_001)
    assert np.abs(offsets.astype(np.float16) - offsets).max() < 1e-5


def test_it_is_read_once_and_frozen() -> None:
    assert compact_model() is compact_model()
    with pytest.raises(ValueError, match="read-only"):
        compact_model().mean[0] = 0


# --- damaged ----------------------------------------------------------------------------------------------------------


def spoiled() -> Iterator[tuple[str, Array | None]]:
    whole = compact_model().members()
    for name, array in whole.items():
        yield name, None
        yield name, array[:-1] if name not in ("identities", "triangles") else array[:, 1:]
    yield "ict_shares", whole["ict_shares"] * 2
    yield "ict_corners", whole["ict_corners"] - 100_000
    yield "mean", np.where(np.arange(3) == 1, np.nan, whole["mean"])


@pytest.mark.parametrize(("name", "array"), [*spoiled()], ids=lambda value: value if isinstance(value, str) else "")
def test_a_file_that_is_no_rig_is_refused_by_name(
    name: str, array: Array | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {key: value for key, value in compact_model().members().items() if key != name}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **(members if array is None else {**members, name: array}))
    monkeypatch.setattr(compact, "read_weights", lambda card: file.getvalue())
    with pytest.raises(ModelError, match=r"compact-rig.npz: E_MODEL: is no compact rig: .*reinstall mien"):
        compact_model.__wrapped__()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mean", (468, 3)),
        ("identities", (478, 3)),
        ("expressions", (52, 478, 3)),
        ("turns", (4, 478, 3)),
        ("triangles", (9, 4)),
    ],
)
def test_the_model_checks_its_arrays(name: str, shape: tuple[int, ...]) -> None:
    arrays = {field.name: getattr(compact_model(), field.name) for field in fields(CompactModel)}
    with pytest.raises(ValueError, match=f"{name} must have shape"):
        CompactModel(**{**arrays, name: np.zeros(shape)})


def test_another_basis_and_too_long_a_shape_are_refused() -> None:
    weights = np.zeros(len(FACS))
    other = FaceState(Expression(weights, FACS), *(getattr(state(np.zeros(52)), part) for part in ("pose", "gaze")))
    with pytest.raises(ValueError, match="driven by arkit weights, got facs"):
        rig().vertices(Identity(), other)
    long = Identity(np.zeros(rig().identities + 1))
    with pytest.raises(ValueError, match=f"at most {rig().identities} weights"):
        rig().rest(long)
    with pytest.raises(ValueError, match=f"at most {rig().identities} weights"):
        rig().vertices(long, state(np.zeros(52)))


# --- left and right ---------------------------------------------------------------------------------------------------


def test_left_and_right_are_alike() -> None:
    model = compact_model()
    np.testing.assert_allclose(flipped(model.mean), model.mean, atol=1e-7)
    np.testing.assert_allclose(flipped(model.expressions), model.expressions[TWINS], atol=1e-7)
    signs = np.array([-1, 1, 1, 1, -1])[:, None, None]  # yaw and its product with pitch change their sign
    np.testing.assert_allclose(flipped(model.turns) * signs, model.turns, atol=1e-7)


@CHECKED
@given(st.integers(0, 10_000))
def test_mirrored_weights_and_looks_give_the_mirrored_face(seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(0, 1, len(ARKIT))
    expression = Expression(weights, ARKIT)
    face, twin = (
        rig().vertices(Identity(), state(each.weights, gaze_from_looks(each)))[:LANDMARKS]
        for each in (expression, expression.mirrored())
    )
    np.testing.assert_allclose(twin, flipped(face), atol=1e-6)


def test_every_identity_direction_is_even_or_odd() -> None:
    """So that a face in the mirror has the same shape but for the signs of some of its weights."""
    for direction in compact_model().identities:
        away = [np.abs(flipped(direction) - sign * direction).max() for sign in (1, -1)]
        assert min(away) < 1e-5
        assert max(away) > 1e-5


# --- every channel in its place ---------------------------------------------------------------------------------------

RIGHT = {
    "brow": (70, 63, 105, 66, 107, 46, 53, 52, 65, 55),
    "eye": EYE_RIGHT,
    "iris": IRISES_RIGHT,
    "cheek": (50, 101, 36, 205, 187, 207, 147, 117, 118, 123),
    "nose": (98, 64, 48, 115, 220, 45, 129),
}
MIDDLE = {
    "mouth": (*INNER_LIPS, *OUTER_LIPS),
    "jaw": (152, 148, 176, 149, 377, 400, 378, 175, 171, 396, 199, 200, 208, 428),
}
OWN = {
    "brow": ("brow",),
    "eyeLook": ("iris",),
    "eye": ("eye",),
    "jaw": ("jaw",),
    "mouth": ("mouth",),
    "cheekSquint": ("cheek",),
    "cheekPuff": ("mouth", "cheek"),
    "nose": ("nose", "cheek"),
}
"""Where a channel may move the face most: air between the teeth moves the lips, a sneer the fold beside the nose."""
CHIN = ("mouthFrown", "mouthRollLower", "mouthShrugLower", "mouthLowerDown")
"""What the lower lip does, the skin of the chin below it does, too."""


def regions() -> dict[str, Array]:
    named = {name: np.array(points) for name, points in MIDDLE.items()}
    for name, points in RIGHT.items():
        named |= {f"{name}Right": np.array(points), f"{name}Left": mirror()[list(points)]}
    return named


def moves(column: str) -> Array:
    """[478] metres that each landmark goes when one column is driven to 1, and the eyes look where it says."""
    weights = one(column)
    moved = rig().vertices(Identity(), state(weights, gaze_from_looks(Expression(weights, ARKIT))))
    return np.asarray(np.linalg.norm((moved - rest().vertices)[:LANDMARKS], axis=1))


@pytest.mark.parametrize("column", MOVED)
def test_a_channel_moves_its_own_region_most(column: str) -> None:
    distance, parts = moves(column), regions()
    most = max(parts, key=lambda part: float(distance[parts[part]].mean()))
    own = OWN[next(name for name in sorted(OWN, key=len, reverse=True) if column.startswith(name))]
    allowed = (*own, "jaw") if column.startswith(CHIN) else own
    part = most.removesuffix("Left").removesuffix("Right")
    assert part in allowed, f"{column} moves the {most} most"
    if column.endswith(("Left", "Right")) and most != part:
        assert most.endswith("Left") == column.endswith("Left"), f"{column} moves the {most} most"


@pytest.mark.parametrize("column", MOVED)
def test_its_partner_moves_the_mirrored_points(column: str) -> None:
    partner = ARKIT.columns[ARKIT.mirror[ARKIT.index(column)]]
    np.testing.assert_allclose(moves(partner)[mirror()], moves(column), atol=1e-6)
    across = float(moves(column) @ compact_model().mean[:, 0] / moves(column).sum())
    if column == partner:
        assert abs(across) < 1e-5
    elif not column.startswith(("jaw", "mouthLeft", "mouthRight")):
        assert (across > 0.004) == column.endswith("Left")
        assert (across < -0.004) == column.endswith("Right")


def shift(column: str, point: int) -> Array:
    """[3] metres that a landmark goes under a weight of 1."""
    return np.asarray(compact_model().expressions[MOVED.index(column), point])


@pytest.mark.parametrize(
    ("column", "point", "way"),
    [
        ("jawOpen", 152, (0, 1, 0)),
        ("jawLeft", 152, (1, 0, 0)),
        ("jawRight", 152, (-1, 0, 0)),
        ("jawForward", 152, (0, 0, -1)),
        ("mouthLeft", 14, (1, 0, 0)),
        ("mouthRight", 14, (-1, 0, 0)),
        ("mouthSmileLeft", 291, (1, -1, 0)),
        ("mouthSmileRight", 61, (-1, -1, 0)),
        ("mouthFrownLeft", 291, (0, 1, 0)),
        ("mouthPucker", 291, (-1, 0, -1)),
        ("mouthStretchLeft", 291, (1, 0, 0)),
        ("mouthUpperUpLeft", 270, (0, -1, 0)),
        ("mouthLowerDownLeft", 321, (0, 1, 0)),
        ("mouthClose", 14, (0, -1, 0)),
        ("browDownLeft", 334, (0, 1, 0)),
        ("browOuterUpLeft", 293, (0, -1, 0)),
        ("browInnerUp", 107, (0, -1, 0)),
        ("eyeBlinkLeft", 386, (0, 1, 0)),
        ("eyeWideLeft", 386, (0, -1, 0)),
        ("eyeSquintLeft", 374, (0, -1, 0)),
        ("cheekPuff", 205, (0, 0, -1)),
        ("noseSneerLeft", 371, (0, -1, 0)),
    ],
)
def test_a_channel_moves_its_place_the_right_way(column: str, point: int, way: tuple[int, ...]) -> None:
    step, wanted = shift(column, point), np.array(way)
    assert float(step @ wanted) / np.linalg.norm(wanted) > 5e-4
    assert (step * wanted >= 0).all()


def test_a_blink_closes_the_eye() -> None:
    closed = compact_model().mean + compact_model().expressions[MOVED.index("eyeBlinkRight")]
    opened = compact_model().mean
    gap, was = (face[145, 1] - face[159, 1] for face in (closed, opened))
    assert abs(gap) < 0.25 * was


def test_an_opened_jaw_whose_mouth_closes_shuts_the_lips() -> None:
    """What mouthClose is for: 1 of it takes back what jawOpen does to the lips, most of it at least."""
    both = compact_model().mean + sum(
        compact_model().expressions[MOVED.index(name)] for name in ("jawOpen", "mouthClose")
    )
    opened = compact_model().mean + compact_model().expressions[MOVED.index("jawOpen")]
    assert opened[14, 1] - opened[13, 1] > 0.025
    assert abs(both[14, 1] - both[13, 1]) < 0.3 * (opened[14, 1] - opened[13, 1])


# --- motion -----------------------------------------------------------------------------------------------------------


@CHECKED
@given(st.tuples(ANGLES, ANGLES, ANGLES, ANGLES))
def test_gaze_turns_the_irises_about_their_eyes_and_nothing_else(angles: tuple[float, ...]) -> None:
    up, side, other_up, other_side = angles
    rotations = np.stack([rotation_from_angles(up, side, 0), rotation_from_angles(other_up, other_side, 0)])
    weights = np.random.default_rng(2).uniform(0, 1, 52)
    ahead = rig().vertices(Identity(), state(weights))
    moved = rig().vertices(Identity(), state(weights, Gaze(rotations)))
    base = rest().vertices
    turned = np.abs(moved - ahead).max(1) > 0
    assert set(np.flatnonzero(turned[:LANDMARKS]).tolist()) <= set(IRISES.tolist())
    for iris, rotation in ((IRISES_LEFT, rotations[0]), (IRISES_RIGHT, rotations[1])):
        ring = list(iris)
        centre = base[ring[0]] + [0, 0, EYEBALL]
        np.testing.assert_allclose(moved[ring], (base[ring] - centre) @ rotation.T + centre, atol=1e-6)


def test_only_what_is_coloured_as_iris_turns() -> None:
    angles = np.broadcast_to(rotation_from_angles(0.3, 0.2, 0), (2, 3, 3))
    turned = np.abs(rig().vertices(Identity(), state(np.zeros(52), Gaze(angles))) - rest().vertices).max(1) > 0
    colours = rest().colours
    assert colours is not None
    dark = colours[LANDMARKS:].max(1) < 0.35
    not_mouth = colours[LANDMARKS:, 0] != 0.25
    np.testing.assert_array_equal(turned[LANDMARKS:], dark & not_mouth)


@pytest.mark.parametrize("column", MOVED)
def test_a_morph_target_is_the_way_to_its_weight_of_one(column: str) -> None:
    """And the eyeLook ones hold the turn of the irises, for files that know no gaze."""
    weights = one(column)
    moved = rig().vertices(Identity(), state(weights, gaze_from_looks(Expression(weights, ARKIT))))
    target = targets()[MOVED.index(column)]
    np.testing.assert_allclose(rest().vertices + target, moved, atol=1e-6)
    assert (np.abs(target[IRISES]).max() > 1e-3) == column.startswith("eyeLook")


@CHECKED
@given(st.integers(0, 10_000))
def test_many_moments_are_those_moments_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 1, (2, 3, 52))
    rotations = np.array([rotation_from_angles(*angles) for angles in rng.uniform(-0.4, 0.4, (12, 3))])
    looks, who = Gaze(rotations.reshape(2, 3, 2, 3, 3)), Identity(rng.normal(size=7))
    together = rig().vertices(who, state(weights, looks))
    assert together.shape == (2, 3, len(rest().vertices), 3)
    for row in np.ndindex(2, 3):
        alone = rig().vertices(who, state(weights[row], Gaze(looks.rotation[row])))
        np.testing.assert_allclose(together[row], alone, atol=1e-6)


@CHECKED
@given(st.integers(0, 10_000), st.floats(-2, 2))
def test_identity_and_expression_are_sums(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    shape, weights = rng.normal(size=rig().identities), rng.uniform(0, 1, 52)
    weights[ARKIT.index("tongueOut")] = 0.7
    both = rig().vertices(Identity(factor * shape), state(weights))
    still = np.setdiff1d(np.arange(len(both)), IRISES)
    who = rig().vertices(Identity(shape), state(np.zeros(52))) - rest().vertices
    what = rig().vertices(Identity(), state(weights)) - rest().vertices
    np.testing.assert_allclose(both[still], (rest().vertices + factor * who + what)[still], atol=2e-6)
    np.testing.assert_allclose(rig().vertices(Identity(), state(one("tongueOut"))), rest().vertices, atol=1e-8)


def test_a_short_shape_is_one_that_ends_in_noughts() -> None:
    short = rig().rest(Identity(np.array([1.0, -2.0]))).vertices
    long = rig().rest(Identity(np.array([1.0, -2.0, *np.zeros(rig().identities - 2)]))).vertices
    np.testing.assert_allclose(short, long, atol=1e-7)


def test_a_posed_mesh_has_the_rigs_surface() -> None:
    pose = Pose(rotation_from_angles(0.1, 0.5, -0.2), np.array([0.1, 0.0, 0.8]))
    moment = FaceState(Expression(one("jawOpen"), ARKIT), pose, state(np.zeros(52)).gaze)
    made = mesh(rig(), Identity(), moment)
    plain = rig().vertices(Identity(), moment)
    np.testing.assert_allclose(made.vertices, plain @ pose.rotation.T + pose.translation, atol=1e-6)
    np.testing.assert_array_equal(made.triangles, rest().triangles)


# --- turns ------------------------------------------------------------------------------------------------------------


@CHECKED
@given(ANGLES, ANGLES, st.floats(-3, 3))
def test_how_a_head_is_turned_does_not_depend_on_its_roll(pitch: float, yaw: float, roll: float) -> None:
    features = turn_features(rotation_from_angles(pitch, yaw, roll))
    assert features.shape == (TURNS,)
    sines = np.array([-np.sin(yaw), np.sin(pitch) * np.cos(yaw)])
    np.testing.assert_allclose(features[:2], sines, atol=1e-12)
    np.testing.assert_allclose(features[2:], [sines[0] ** 2, sines[1] ** 2, sines[0] * sines[1]], atol=1e-12)
    np.testing.assert_allclose(turn_features(np.eye(3)), 0)


def test_places_on_ict_are_in_the_file() -> None:
    places = compact_model().ict
    assert isinstance(places, Places)
    assert places.corners.max() < 26_719
    assert (places.shares > -1e-6).all()
