import dataclasses
from pathlib import Path

import numpy as np
import pytest
from made_ict import EYE_CENTRE, EYE_RADIUS, centre_of, layout_of, made_ict, write_folder

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FEAFA
from mien.core.errors import InputError
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import rotation_from_angles
from mien.core.looks import gaze_from_looks
from mien.rig.eyes import fit_sphere
from mien.rig.ict import IctRig
from mien.rig.ict_files import DRIVERS, IctModel, Region, write_ict
from mien.rig.model import mesh

SHARED = Path(__file__).parents[3] / "shared" / "data" / "rigs" / "ict-facekit.npz"
MOVED = [column for column in ARKIT.columns if column != "tongueOut"]


def state(weights: Array, gaze: Array | None = None) -> FaceState:
    """A head that looks into the camera, [...] of `weights` [..., 52]."""
    leading = weights.shape[:-1]
    turns = np.broadcast_to(np.eye(3), (*leading, 2, 3, 3)) if gaze is None else gaze
    return FaceState(
        Expression(weights, ARKIT),
        Pose(np.broadcast_to(np.eye(3), (*leading, 3, 3)), np.zeros((*leading, 3))),
        Gaze(turns),
    )


def one(column: str, weight: float = 1.0) -> Array:
    return np.asarray(weight * np.eye(len(ARKIT), dtype=np.float32)[ARKIT.index(column)])


def shift(rig: IctRig, column: str) -> Array:
    """[V] how far each vertex goes when one column is driven to 1."""
    rest = rig.vertices(Identity(), state(np.zeros(52)))
    return np.asarray(np.linalg.norm(rig.vertices(Identity(), state(one(column))) - rest, axis=-1))


def spans(model: IctModel) -> dict[str, slice]:
    return {region.name: slice(region.start, region.stop) for region in model.regions}


@pytest.fixture(scope="module")
def rig() -> IctRig:
    return IctRig(made_ict())


@pytest.fixture(scope="module")
def ict() -> IctRig:
    if not SHARED.exists():
        pytest.skip("the ICT rig lies in ../shared, which is not here")
    return IctRig.load(SHARED)


# --- the made rig -----------------------------------------------------------------------------------------------------


def test_says_what_it_is(rig: IctRig) -> None:
    assert (rig.name, rig.basis, rig.absent, rig.identities) == ("ict", ARKIT, ("tongueOut",), 3)
    rest = rig.rest()
    assert list(rest.morph_names) == MOVED
    assert rest.morph_targets is not None
    assert rest.morph_targets.shape == (51, len(rig.model.neutral), 3)


def test_metres_and_our_axes_about_the_middle_of_the_eyes(rig: IctRig) -> None:
    vertices = rig.rest().vertices
    expected = (rig.model.neutral - [0, *EYE_CENTRE[1:]]) * [0.01, -0.01, -0.01]
    np.testing.assert_allclose(vertices, expected, atol=2e-6)
    assert vertices[spans(rig.model)["eyeball_left"], 0].mean() > 0.02  # the subject's left is at the right


def test_triangles_look_outwards(rig: IctRig) -> None:
    rest = rig.rest()
    assert rest.normals is not None
    np.testing.assert_array_less(rest.normals[:441, 2], 0)
    for name in ("eyeball_left", "eyeball_right"):
        span = spans(rig.model)[name]
        centre, _ = fit_sphere(rest.vertices[span])
        outward = ((rest.vertices[span] - centre) * rest.normals[span]).sum(1)
        np.testing.assert_array_less(0.8 * EYE_RADIUS / 100, outward)


def test_quads_are_cut_along_the_shorter_diagonal_and_triangles_kept_whole() -> None:
    made = made_ict()
    neutral = made.neutral.copy()
    neutral[0] -= [1.5, 1.5, 0]  # the first quad's diagonal 0-2 is now the longer one, whose two ends are 0 and 22
    rig = IctRig(dataclasses.replace(made, neutral=neutral))
    rest = rig.rest()
    edges = {frozenset(pair) for a, b, c in rest.triangles.tolist() for pair in ((a, b), (b, c), (c, a))}
    assert frozenset({1, 21}) in edges
    assert frozenset({0, 22}) not in edges
    quads = made.quads
    # 400 quads of the sheet, 2 x (2 x 8 triangles + 48 quads) of the balls, nothing of the films, roots of the lashes
    assert (quads[:, 2] == quads[:, 3]).sum() == 32
    balls = [row for row in rest.triangles.tolist() if min(row) >= 441 and max(row) < spans(made)["eyeball_right"].stop]
    assert len(balls) == 2 * (16 + 2 * 48)
    assert all(len(set(row)) == 3 for row in rest.triangles.tolist())
    np.testing.assert_array_equal(rest.uv_triangles, rest.triangles)  # its coordinates have no seams


def test_films_and_long_lashes_are_not_shown(rig: IctRig) -> None:
    regions = spans(rig.model)
    films = np.arange(regions["eyeball_right"].stop, regions["lashes"].start)
    assert len(films) == 12
    used = np.unique(rig.rest().triangles)
    assert not np.isin(films, used).any()
    assert not np.isin(np.arange(regions["lashes"].start + 3, regions["lashes"].start + 6), used).any()


def test_colours_tell_eyes_from_skin(rig: IctRig) -> None:
    colours, regions = rig.rest().colours, spans(rig.model)
    assert colours is not None
    for name in ("eyeball_left", "eyeball_right"):
        front, *_, back = colours[regions[name]]
        assert front.max() < 0.1 < 0.8 < back.min()
    skin = colours[regions["face"]]
    assert (skin == skin[0]).all()
    assert not np.isin(colours[regions["lashes"]], skin).any()


def test_every_channel_moves_its_own_place_and_its_partner_the_mirrored_one(rig: IctRig) -> None:
    neutral = rig.model.neutral
    mirrored = np.array([np.abs(neutral - vertex * [-1, 1, 1]).sum(1).argmin() for vertex in neutral])
    for shape, k in DRIVERS.items():
        column = ARKIT.columns[k]
        moves = shift(rig, column)
        most = neutral[moves.argmax(), :2]
        mirror_place = centre_of(shape) * [-1, 1]
        assert min(np.abs(most - centre_of(shape)).max(), np.abs(most - mirror_place).max()) < 0.6
        if shape.endswith("_L") and column.endswith("Left"):
            assert most[0] > 0
        partner = shift(rig, ARKIT.columns[ARKIT.mirror[k]])
        np.testing.assert_allclose(partner[:441], moves[mirrored][:441], atol=1e-6)


def test_one_weight_drives_both_halves_of_a_split_shape(rig: IctRig) -> None:
    for column in ("browInnerUp", "cheekPuff"):
        moved = rig.model.neutral[shift(rig, column) > 0.003][:, 0]
        assert moved.min() < -1 < 1 < moved.max()


def test_gaze_turns_the_eyeballs_and_nothing_else(rig: IctRig) -> None:
    regions = spans(rig.model)
    balls = np.zeros(len(rig.model.neutral), bool)
    for name in ("eyeball_left", "eyeball_right"):
        balls[regions[name]] = True
    turns = np.array([[rotation_from_angles(0.1, 0.4, 0), np.eye(3)], [np.eye(3), np.eye(3)]])
    moved = rig.vertices(Identity(), state(np.zeros((2, 52)), turns))
    np.testing.assert_array_equal(moved[0][~balls], moved[1][~balls])
    np.testing.assert_allclose(moved[0][regions["eyeball_right"]], moved[1][regions["eyeball_right"]], atol=1e-8)
    np.testing.assert_allclose(moved[1], rig.rest().vertices, atol=1e-8)
    pole = regions["eyeball_left"].start
    assert moved[0][pole, 0] < moved[1][pole, 0] - 0.004
    centre, radius = fit_sphere(moved[0][regions["eyeball_left"]])
    np.testing.assert_allclose(np.linalg.norm(moved[0][regions["eyeball_left"]] - centre, axis=1), radius, atol=1e-6)


def test_morph_targets_look_where_gaze_would(rig: IctRig) -> None:
    rest, regions = rig.rest(Identity(np.array([0.5, -0.5]))), spans(rig.model)
    assert rest.morph_targets is not None
    for column in (name for name in MOVED if name.startswith("eyeLook")):
        gaze = gaze_from_looks(Expression(one(column), ARKIT)).rotation
        turned = rig.vertices(Identity(np.array([0.5, -0.5])), state(one(column), gaze))
        by_target = rest.vertices + rest.morph_targets[rest.morph_names.index(column)]
        np.testing.assert_allclose(by_target, turned, atol=1e-6)
    blink = rest.morph_targets[rest.morph_names.index("eyeBlinkLeft")]
    assert (blink[regions["eyeball_left"]] == 0).all()


def test_rest_and_targets_give_the_vertices(rig: IctRig) -> None:
    identity = Identity(np.array([0.3, 1.0]))
    weights = np.random.default_rng(0).uniform(-0.2, 1.1, (4, 52)).astype(np.float32)
    for column in MOVED:
        if column.startswith("eyeLook"):
            weights[:, ARKIT.index(column)] = 0
    rest = rig.rest(identity)
    assert rest.morph_targets is not None
    by_target = rest.vertices + np.tensordot(weights[:, ARKIT.indices(rest.morph_names)], rest.morph_targets, 1)
    np.testing.assert_allclose(rig.vertices(identity, state(weights)), by_target, atol=1e-6)


def test_identity_changes_the_face_but_not_the_place_between_the_eyes(rig: IctRig) -> None:
    for shape in ([1.0], [0, 2.0], [1, -1, 1.5]):
        vertices, regions = rig.rest(Identity(np.array(shape))).vertices, spans(rig.model)
        assert np.abs(vertices - rig.rest().vertices).max() > 1e-3
        centres = [fit_sphere(vertices[regions[name]])[0] for name in ("eyeball_left", "eyeball_right")]
        np.testing.assert_allclose(np.mean(centres, axis=0), 0, atol=1e-6)
    with pytest.raises(ValueError, match="at most 3 weights"):
        rig.rest(Identity(np.zeros(4)))


def test_refuses_another_vocabulary(rig: IctRig) -> None:
    given = state(np.zeros(52))
    with pytest.raises(ValueError, match="driven by arkit weights, got feafa"):
        rig.vertices(Identity(), dataclasses.replace(given, expression=Expression(np.zeros(24), FEAFA)))


def test_tongue_moves_nothing(rig: IctRig) -> None:
    assert shift(rig, "tongueOut").max() == 0


def test_loads_from_folder_and_file_alike(tmp_path: Path) -> None:
    model = made_ict()
    write_ict(model, tmp_path / "ict.npz")
    rig = IctRig.load(tmp_path / "ict.npz")
    np.testing.assert_array_equal(rig.rest().vertices, IctRig(model).rest().vertices)
    assert layout_of(rig.model) == layout_of(model)
    with pytest.raises(InputError, match=r"ICT Face Model Light has 26719"):
        IctRig.load(write_folder(model, tmp_path / "FaceXModel"))


def test_eyes_must_have_a_size(tmp_path: Path) -> None:
    model = made_ict()
    with pytest.raises(ValueError, match="need eyeball_left and eyeball_right"):
        dataclasses.replace(model, regions=model.regions[:1])
    flat = [Region(r.name, r.start, r.start + 3) if "eyeball" in r.name else r for r in model.regions]
    flattened = dataclasses.replace(model, regions=tuple(flat))
    with pytest.raises(ValueError, match="fit no one sphere"):
        IctRig(flattened)
    write_ict(flattened, tmp_path / "flat.npz")
    with pytest.raises(InputError, match=r"flat\.npz: E_FORMAT: not an ICT rig: 3 points in a plane"):
        IctRig.load(tmp_path / "flat.npz")


# --- the real one -----------------------------------------------------------------------------------------------------


def places(ict: IctRig) -> dict[str, Array]:
    """Parts of the real face's surface, [9409] bool each, by nearness to its 68 points."""
    face = ict.rest().vertices
    points, skin = face[ict.landmarks68], face[:9409]

    def near(which: Array, reach: float = 0.012) -> Array:
        return np.asarray(np.linalg.norm(skin[:, None] - which, axis=2).min(1) < reach)

    return {
        "browRight": near(points[17:22]),
        "browLeft": near(points[22:27]),
        "eyeRight": near(points[36:42]),
        "eyeLeft": near(points[42:48]),
        "nose": near(points[[29, 30, 31, 35]]),
        "mouth": near(points[48:68]),
        "jaw": near(points[5:12]),
        "cheekRight": near((points[36] + points[48])[None] / 2, 0.02),
        "cheekLeft": near((points[45] + points[54])[None] / 2, 0.02),
    }


OWN = {
    "brow": ["brow"],
    "eyeSquint": ["eye", "cheek"],
    "eye": ["eye"],
    "jaw": ["jaw"],
    "mouth": ["mouth", "jaw", "cheek"],
}
OWN |= {"cheekSquint": ["cheek"], "cheek": ["cheek", "mouth"], "nose": ["nose", "cheek"]}
"""Where a channel may move the face most. Lips drag chin and cheeks along; a sneer ends beside the nose."""


def test_real_channels_move_their_own_region_and_side(ict: IctRig) -> None:
    parts = places(ict)
    for column in MOVED:
        moves = shift(ict, column)[:9409]
        most = max(parts, key=lambda part: float(moves[parts[part]].mean()))
        own = next(OWN[name] for name in sorted(OWN, key=len, reverse=True) if column.startswith(name))
        assert most.removesuffix("Left").removesuffix("Right") in own, f"{column} moves the {most} most"
        across = float(moves @ ict.rest().vertices[:9409, 0] / moves.sum())
        if column.endswith(("Left", "Right")) and not column.startswith(("jaw", "mouthLeft", "mouthRight")):
            assert (across > 0.005) if column.endswith("Left") else (across < -0.005), column
        else:
            assert abs(across) < 0.005


def test_real_partners_move_mirrored_vertices(ict: IctRig) -> None:
    skin = ict.rest().vertices[:9409]
    # The surface is its own mirror image to a tenth of a millimetre: sorted rows meet their twins.
    order = np.array([np.abs(skin - vertex * [-1, 1, 1]).sum(1).argmin() for vertex in skin[::20]])
    for k, column in enumerate(ARKIT.columns[:-1]):
        moves, partner = shift(ict, column)[:9409], shift(ict, ARKIT.columns[ARKIT.mirror[k]])[:9409]
        np.testing.assert_allclose(partner[order], moves[::20], atol=5e-4, err_msg=column)


def test_real_sides_and_sizes(ict: IctRig) -> None:
    rest = ict.rest()
    assert len(rest.vertices) == 26_719
    assert rest.uv is not None
    assert len(rest.uv) == 28_911
    assert ict.identities == 60
    jaw = rest.morph_targets[rest.morph_names.index("jawLeft")] if rest.morph_targets is not None else np.zeros((1, 3))
    assert jaw[np.abs(jaw[:, 0]).argmax(), 0] > 0.005
    eyes = np.linalg.norm(
        np.subtract(*[fit_sphere(rest.vertices[spans(ict.model)[f"eyeball_{s}"]])[0] for s in ("left", "right")])
    )
    assert 0.055 < eyes < 0.070
    moved = mesh(ict, Identity(np.ones(5)), state(one("jawOpen")))
    assert moved.normals is not None
    np.testing.assert_allclose(np.linalg.norm(moved.normals, axis=1), 1, atol=1e-9)
