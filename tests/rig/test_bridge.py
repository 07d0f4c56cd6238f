"""The bridge to FLAME: learnt between rigs of known truth, with its error said, remembered, and part of conversion."""

from pathlib import Path

import numpy as np
import pytest
from made_bridges import CHANNELS, LinearRig, cut_of, flame_rig, made_bridge, reference_rig, state_of, truth

from mien.core.basis import ARKIT, FACS, FLAME
from mien.core.face import Expression, Identity
from mien.rig.bridge import Bridge, arkit_targets, digest, remembered
from mien.rig.convert import convert, route
from mien.rig.ict import IctRig

ICT = Path(__file__).parents[3] / "shared" / "data" / "rigs" / "ict-facekit.npz"
ICT_FACE = 9409
"""Vertices of its skin, which come first."""
MOVED = ARKIT.indices(CHANNELS)
STILL = np.setdiff1d(np.arange(52), MOVED)


def performance(rows: int = 40) -> Expression:
    weights = np.zeros((rows, 52))
    weights[:, MOVED] = np.random.default_rng(1).uniform(0, 1, (rows, len(MOVED)))
    return Expression(weights, ARKIT)


def test_the_truth_between_two_rigs_is_found() -> None:
    bridge = made_bridge()
    np.testing.assert_allclose(bridge.matrix, truth(), atol=0.06)
    assert bridge.explained[MOVED].min() > 0.999
    assert bridge.residual[MOVED].max() < 0.05
    assert bridge.motion[MOVED].min() > 0.5


def test_what_the_reference_does_not_move_stays_out() -> None:
    bridge = made_bridge()
    for values in (bridge.matrix, bridge.motion, bridge.residual, bridge.explained):
        assert not values[STILL].any()
    assert not bridge.matrix[:, FLAME.indices(flame_rig().absent)].any()


def test_the_residual_is_that_of_the_driven_model() -> None:
    bridge, flame = made_bridge(), flame_rig()
    there = flame.vertices(Identity(), state_of(bridge.matrix[MOVED])) - flame.rest().vertices
    wanted = flame.vertices(Identity(), state_of(truth()[MOVED])) - flame.rest().vertices
    assert 1e3 * np.sqrt(((there - wanted) ** 2).sum(-1).mean()) < 0.1


def test_a_turned_and_scaled_reference_is_laid_over_first() -> None:
    bridge = Bridge.learn(flame_rig(), reference_rig(turn=0.04, scale=1.04))
    assert bridge.explained[MOVED].min() > 0.97
    assert bridge.matrix[ARKIT.index("jawOpen"), FLAME.index("jawPitch")] == pytest.approx(0.3, abs=0.03)


def test_a_motion_that_flame_cannot_make_is_owned_up_to() -> None:
    rest = reference_rig().rest()
    random = np.random.default_rng(0)
    spikes = random.normal(0, 1e-3, rest.vertices.shape)
    assert rest.morph_targets is not None
    smooth = rest.morph_targets[rest.morph_names.index("jawOpen")]
    rig = LinearRig(
        rest.vertices,
        rest.triangles,
        {"jawOpen": smooth, "cheekPuff": spikes},
        np.zeros((0, *spikes.shape)),
        ARKIT,
    )
    bridge = Bridge.learn(flame_rig(), rig)
    puff = ARKIT.index("cheekPuff")
    assert bridge.explained[puff] < 0.2
    assert bridge.residual[puff] > 0.8 * bridge.motion[puff]
    assert bridge.explained[ARKIT.index("jawOpen")] > 0.99


def test_performances_go_to_flame_and_come_back() -> None:
    face = performance()
    there = convert(face, FLAME, flame=made_bridge())
    assert there.basis == FLAME
    np.testing.assert_allclose(there.weights, face.weights @ made_bridge().matrix, atol=1e-5)
    back = convert(there, ARKIT, flame=made_bridge())
    np.testing.assert_allclose(back.weights, face.weights, atol=0.02)
    assert back.weights.min() >= 0
    twice = convert(convert(face, FACS), FLAME, flame=made_bridge())
    np.testing.assert_allclose(twice.weights, there.weights, atol=1e-4)


def test_the_route_to_flame_names_what_it_cannot_say() -> None:
    way = route(ARKIT, FLAME, flame=made_bridge())
    assert set(way.lost) == {ARKIT.columns[k] for k in STILL}
    assert way.legs == ("arkit", "flame")
    assert route(FACS, FLAME, flame=made_bridge()).legs == ("facs", "arkit", "flame")


def test_a_frame_alone_is_heard_like_one_among_many() -> None:
    coefficients = made_bridge().said(performance().weights.astype(np.float64))
    whole = made_bridge().heard(coefficients)
    np.testing.assert_allclose(made_bridge().heard(coefficients[7]), whole[7], atol=1e-9)
    assert made_bridge().heard(coefficients.reshape(4, 10, -1)).shape == (4, 10, 52)


def test_flame_at_rest_with_targets_named_like_arkit() -> None:
    flame, identity = flame_rig(), Identity(np.array([0.5, -1.0]))
    mesh = arkit_targets(made_bridge(), flame, identity)
    assert sorted(mesh.morph_names) == sorted(CHANNELS)
    assert mesh.morph_targets is not None
    rest = flame.rest(identity).vertices
    np.testing.assert_allclose(mesh.vertices, rest, atol=1e-6)
    wanted = flame.vertices(identity, state_of(truth()[ARKIT.index("jawOpen")]))
    found = mesh.vertices + mesh.morph_targets[mesh.morph_names.index("jawOpen")]
    np.testing.assert_allclose(found, wanted, atol=2e-4)


@pytest.mark.skipif(not ICT.is_file(), reason=f"needs {ICT.name}, which does not come with the package")
def test_the_face_of_another_person_is_laid_over_ict() -> None:
    ict = IctRig.load(ICT)
    person = np.random.default_rng(5).normal(0, 0.7, 20)
    bridge = Bridge.learn(cut_of(ict, ICT_FACE, person, 30), ict)
    known = bridge.motion > 0
    assert known.sum() == 51
    assert bridge.residual[known].mean() < 0.05 * bridge.motion[known].mean()
    assert np.median(bridge.explained[known]) > 0.99
    assert bridge.explained[known].min() > 0.95


def test_rigs_of_other_bases_are_refused() -> None:
    with pytest.raises(ValueError, match="a bridge joins flame and arkit, got arkit and arkit"):
        Bridge.learn(reference_rig(), reference_rig())


def test_a_reference_that_does_not_move_or_lies_elsewhere_is_refused() -> None:
    rest = reference_rig().rest()
    nothing = np.zeros((0, *rest.vertices.shape))
    with pytest.raises(ValueError, match="the reference rig moves nothing"):
        Bridge.learn(flame_rig(), LinearRig(rest.vertices, rest.triangles, {}, nothing, ARKIT))
    inside_out = LinearRig(
        rest.vertices, rest.triangles[:, ::-1], {"jawOpen": np.ones_like(rest.vertices)}, nothing, ARKIT
    )
    with pytest.raises(ValueError, match="do not look the same way"):
        Bridge.learn(flame_rig(), inside_out)


def test_a_bridge_is_remembered_and_a_damaged_one_learnt_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flame, reference = flame_rig(), reference_rig()
    learnt: list[Bridge] = []

    def learn(flame: LinearRig, reference: LinearRig) -> Bridge:
        learnt.append(made_bridge())
        return made_bridge()

    monkeypatch.setattr(Bridge, "learn", learn)
    first = remembered(flame, reference, tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.name == f"bridge-{digest(flame)}-{digest(reference)}.npz"
    again = remembered(flame, reference, tmp_path)
    assert len(learnt) == 1
    for name in ("matrix", "gram", "motion", "residual", "explained"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    file.write_bytes(file.read_bytes()[:-200])
    remembered(flame, reference, tmp_path)
    assert len(learnt) == 2
    remembered(flame, reference, tmp_path)
    assert len(learnt) == 2


def test_rigs_are_told_apart_by_their_surfaces() -> None:
    assert digest(reference_rig()) == digest(reference_rig())
    assert len({digest(flame_rig()), digest(reference_rig()), digest(reference_rig(scale=1.01))}) == 3


def test_a_bridge_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="matrix must have shape"):
        Bridge("a", "b", np.zeros((51, 103)), np.zeros((103, 103)), np.zeros(52), np.zeros(52), np.zeros(52))
