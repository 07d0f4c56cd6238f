"""Conversion: mirrors, linearity, batches, exact round trips, what is lost, and that nothing is clipped."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS, FEAFA, FLAME, PERFECT_SYNC, VRM, Basis
from mien.core.face import Expression
from mien.rig.convert import convert, route
from mien.rig.maps import COMMON, ICT, MIXED_PRESETS, VocabularyTable, recipe_weights

CHECKED = settings(derandomize=True, deadline=None, max_examples=40)
NAMED = (ARKIT, FACS, FEAFA, VRM, PERFECT_SYNC)
LINEAR = (ARKIT, FEAFA, PERFECT_SYNC)
"""Vocabularies that are reached by a matrix alone."""
PAIRS = list(product(NAMED, NAMED, (COMMON, ICT)))
every_pair = pytest.mark.parametrize(("source", "target", "table"), PAIRS, ids=lambda value: value.name)


def faces(basis: Basis, low: float = -0.5, high: float = 2.0, rows: int = 3) -> st.SearchStrategy[Expression]:
    """Expressions [rows, K], as far out as real recordings are let in."""
    numbers = st.floats(low, high, width=32).map(lambda number: round(number, 3))
    return arrays(np.float64, (rows, len(basis)), elements=numbers).map(lambda weights: Expression(weights, basis))


def made(basis: Basis, rows: int = 20, seed: int = 0) -> Expression:
    return Expression(np.random.default_rng(seed).uniform(-0.3, 1.4, (rows, len(basis))), basis)


def close(a: Array, b: Array) -> None:
    np.testing.assert_allclose(a, b, atol=2e-6)


@every_pair
def test_a_mirrored_face_converts_to_the_mirrored_words(source: Basis, target: Basis, table: VocabularyTable) -> None:
    face = made(source)
    close(convert(face.mirrored(), target, table).weights, convert(face, target, table).mirrored().weights)


@every_pair
def test_a_frame_alone_converts_like_one_among_many(source: Basis, target: Basis, table: VocabularyTable) -> None:
    face = made(source, 12)
    whole = convert(face, target, table).weights
    folded = convert(Expression(face.weights.reshape(3, 4, -1), source), target, table).weights
    close(folded.reshape(12, -1), whole)
    for k in (0, 7):
        alone = convert(Expression(face.weights[k], source), target, table)
        assert alone.weights.shape == (len(target),)
        close(alone.weights, whole[k])


@every_pair
def test_a_face_at_rest_stays_at_rest(source: Basis, target: Basis, table: VocabularyTable) -> None:
    assert not convert(Expression(np.zeros((2, len(source))), source), target, table).weights.any()
    assert convert(Expression(np.zeros((0, len(source))), source), target, table).weights.shape == (0, len(target))


@every_pair
def test_arkit_is_the_hub(source: Basis, target: Basis, table: VocabularyTable) -> None:
    face = made(source)
    through = convert(convert(face, ARKIT, table), target, table)
    if source == target:
        assert convert(face, target, table) is face
    else:
        close(convert(face, target, table).weights, through.weights)


@every_pair
def test_exact_and_spread_columns_come_back(source: Basis, target: Basis, table: VocabularyTable) -> None:
    way = route(source, target, table)
    face = made(source)
    if VRM in (source, target):  # presets cannot say what a negative weight is
        face = Expression(np.maximum(face.weights, 0), source)
    back = convert(convert(face, target, table), source, table)
    for column in (*way.exact, *way.spread):
        close(back[column], face[column])


@every_pair
def test_every_column_has_one_fate(source: Basis, target: Basis, table: VocabularyTable) -> None:
    way = route(source, target, table)
    told = [*way.exact, *way.spread, *way.shared, *way.lost]
    assert sorted(told) == sorted(source.columns)
    assert way.legs[0] == source.name
    assert way.legs[-1] == target.name


@every_pair
def test_lost_columns_leave_no_trace(source: Basis, target: Basis, table: VocabularyTable) -> None:
    way = route(source, target, table)
    face = made(source)
    silent = face.weights.copy()
    silent[:, source.indices(way.lost)] = 0
    close(convert(Expression(silent, source), target, table).weights, convert(face, target, table).weights)


@pytest.mark.parametrize(("source", "target"), list(product(NAMED, LINEAR)), ids=lambda basis: basis.name)
@CHECKED
@given(st.data())
def test_conversion_by_a_matrix_is_linear(source: Basis, target: Basis, data: st.DataObject) -> None:
    one, two = data.draw(faces(source)), data.draw(faces(source))
    both = Expression(2 * one.weights - two.weights, source)
    expected = 2 * convert(one, target).weights - convert(two, target).weights
    np.testing.assert_allclose(convert(both, target).weights, expected, atol=1e-5)


@CHECKED
@given(faces(ARKIT))
def test_perfect_sync_keeps_every_bit(face: Expression) -> None:
    there = convert(face, PERFECT_SYNC)
    np.testing.assert_array_equal(there.weights, face.weights)
    np.testing.assert_array_equal(there["JawOpen"], face["jawOpen"])
    np.testing.assert_array_equal(convert(there, ARKIT).weights, face.weights)


@CHECKED
@given(faces(ARKIT, low=-2, high=3))
def test_nothing_is_clipped(face: Expression) -> None:
    for target, table in ((FACS, COMMON), (FACS, ICT), (FEAFA, COMMON)):
        way = route(ARKIT, target, table)
        columns = ARKIT.indices(way.exact)
        back = convert(convert(face, target, table), ARKIT, table)
        np.testing.assert_array_equal(back.weights[:, columns], face.weights[:, columns])


@CHECKED
@given(faces(ARKIT, low=-1, high=2))
def test_the_jaw_opens_in_three_stages_that_sum_to_it(face: Expression) -> None:
    there = convert(face, FACS)
    stages = np.stack([there["AU25"], there["AU26"], there["AU27"]])
    np.testing.assert_allclose(stages.mean(0), face["jawOpen"], atol=1e-6)
    order = np.argsort(face["jawOpen"])
    assert (np.diff(stages[:, order], axis=1) >= 0).all()
    assert ((stages[1] >= 0) & (stages[1] <= 1)).all()
    np.testing.assert_allclose(convert(there, ARKIT)["jawOpen"], face["jawOpen"], atol=1e-6)


@pytest.mark.parametrize(
    ("jaw", "stages"),
    [
        (0.0, (0, 0, 0)),
        (1 / 6, (0.5, 0, 0)),
        (1 / 3, (1, 0, 0)),
        (0.5, (1, 0.5, 0)),
        (1.0, (1, 1, 1)),
        (1.05, (1, 1, 1.15)),
        (-0.1, (-0.3, 0, 0)),
    ],
)
def test_stages_of_the_jaw(jaw: float, stages: tuple[float, float, float]) -> None:
    weights = np.zeros(52)
    weights[ARKIT.index("jawOpen")] = jaw
    there = convert(Expression(weights, ARKIT), FACS)
    close(np.array([there["AU25"], there["AU26"], there["AU27"]]), np.array(stages))


def test_columns_of_one_channel_give_it_their_mean_and_channels_of_one_column_all_get_it() -> None:
    weights = np.zeros(len(FACS))
    weights[FACS.indices(["AU23L", "AU24L", "AU28"])] = 0.2, 0.6, 0.5
    face = convert(Expression(weights, FACS), ARKIT)
    close(face["mouthPressLeft"], np.array(0.4))
    close(np.array([face["mouthRollUpper"], face["mouthRollLower"]]), np.array([0.5, 0.5]))


def test_what_a_facs_reader_will_miss() -> None:
    common, ict = route(ARKIT, FACS), route(ARKIT, FACS, ICT)
    assert common.lost == ("mouthLeft", "mouthRight", "mouthShrugUpper")
    assert ict.lost == ("mouthClose", "mouthLeft", "mouthRight", "tongueOut")
    assert common.shared == ict.shared == ("mouthRollLower", "mouthRollUpper")
    assert common.spread == ("jawOpen", "mouthPressLeft", "mouthPressRight")
    assert len(common.exact) == 44
    assert route(FACS, ARKIT).lost == ("AU11L", "AU11R", "AU33")
    assert route(FEAFA, FACS).legs == ("feafa", "arkit", "facs")


@CHECKED
@given(faces(VRM, low=0, high=2))
def test_presets_come_back_from_the_faces_that_they_make(face: Expression) -> None:
    arkit = convert(face, ARKIT)
    np.testing.assert_allclose(arkit.weights, face.weights @ recipe_weights().weights, atol=1e-5)
    back = convert(arkit, VRM)
    for preset in (*MIXED_PRESETS, "lookUp", "lookDown", "lookLeft", "lookRight"):
        np.testing.assert_allclose(back[preset], face[preset], atol=1e-4)
    for side in ("Left", "Right"):
        close(back["blink"] + back[f"blink{side}"], face["blink"] + face[f"blink{side}"])
    assert not back["neutral"].any()


@CHECKED
@given(faces(ARKIT))
def test_presets_fit_no_worse_than_their_neighbours(face: Expression) -> None:
    recipes = recipe_weights().weights.astype(np.float64)[VRM.indices(MIXED_PRESETS)]
    amounts = convert(face, VRM).weights[:, VRM.indices(MIXED_PRESETS)].astype(np.float64)
    assert amounts.min() >= 0
    slopes = (amounts @ recipes - face.weights) @ recipes.T  # of half the squared error
    assert slopes.min() > -1e-4  # nothing to gain by more of any preset
    assert np.abs(slopes[amounts > 1e-3]).max(initial=0) < 1e-4  # nor by less


@CHECKED
@given(faces(ARKIT), st.floats(0.1, 4))
def test_presets_grow_with_the_face(face: Expression, factor: float) -> None:
    larger = convert(Expression(face.weights * factor, ARKIT), VRM)
    np.testing.assert_allclose(larger.weights, convert(face, VRM).weights * factor, atol=1e-4)


def test_a_common_blink_is_both_eyes_and_a_wink_the_rest() -> None:
    weights = np.zeros(52)
    weights[ARKIT.indices(["eyeBlinkLeft", "eyeBlinkRight"])] = 0.9, 0.2
    face = convert(Expression(weights, ARKIT), VRM)
    close(np.array([face["blink"], face["blinkLeft"], face["blinkRight"]]), np.array([0.2, 0.7, 0]))


def test_flame_needs_its_bridge() -> None:
    face = made(ARKIT)
    with pytest.raises(ValueError, match="flame needs a bridge"):
        convert(face, FLAME)
    with pytest.raises(ValueError, match="flame needs a bridge"):
        route(FLAME, ARKIT)


def test_a_basis_of_nobodys_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is known of the basis mine"):
        convert(made(ARKIT), Basis("mine", ("a",)))
    with pytest.raises(ValueError, match="nothing is known of the basis mine"):
        route(Basis("mine", ("a",)), FACS)
