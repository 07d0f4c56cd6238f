"""The tables: every row as printed, anatomically right, and inverses that are what they claim to be."""

import numpy as np
import pytest

from mien.core.basis import ARKIT, FACS, FEAFA, VRM, Basis
from mien.rig.maps import (
    COMMON,
    FACS_TABLES,
    FEAFA_TABLE,
    ICT,
    MIXED_PRESETS,
    PERFECT_SYNC_TABLE,
    VocabularyTable,
    recipe_weights,
    vrm_recipes,
)

TABLES = (COMMON, ICT, FEAFA_TABLE, PERFECT_SYNC_TABLE)
every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def says(table: VocabularyTable, channel: str) -> dict[str, float]:
    """What an ARKit channel at 1 is in the table's vocabulary."""
    row = table.forward[ARKIT.index(channel)]
    return {column: float(weight) for column, weight in zip(table.basis.columns, row, strict=True) if weight}


@pytest.mark.parametrize(
    ("channel", "unit"),
    [
        ("browInnerUp", "AU01"),
        ("browOuterUpLeft", "AU02L"),
        ("browDownRight", "AU04R"),
        ("cheekSquintLeft", "AU06L"),
        ("eyeSquintRight", "AU07R"),
        ("mouthSmileLeft", "AU12L"),
        ("mouthFrownRight", "AU15R"),
        ("mouthShrugLower", "AU17"),
        ("mouthPucker", "AU18"),
        ("jawForward", "AU29"),
        ("jawLeft", "AU30L"),
        ("eyeBlinkRight", "AU43R"),
    ],
)
def test_both_facs_tables_agree_where_the_printed_ones_do(channel: str, unit: str) -> None:
    assert says(COMMON, channel) == says(ICT, channel) == {unit: 1.0}


def test_the_two_tables_disagree_where_the_printed_ones_do() -> None:
    assert says(COMMON, "mouthUpperUpLeft") == {"AU10L": 1.0}
    assert says(ICT, "mouthUpperUpLeft") == {"AU11L": 1.0}
    assert says(COMMON, "mouthShrugUpper") == {}
    assert says(ICT, "mouthShrugUpper") == {"AU10L": 1.0, "AU10R": 1.0}
    assert says(COMMON, "mouthPressLeft") == {"AU23L": 1.0, "AU24L": 1.0}
    assert says(ICT, "mouthPressLeft") == {"AU24L": 1.0}
    assert says(COMMON, "jawOpen") == {"AU25": 1.0, "AU26": 1.0, "AU27": 1.0}
    assert says(ICT, "jawOpen") == {"AU27": 1.0}
    assert (says(COMMON, "cheekPuff"), says(ICT, "cheekPuff")) == ({"AU34": 1.0}, {"AU33": 1.0})
    assert (says(COMMON, "mouthClose"), says(ICT, "mouthClose")) == ({"AU08": 1.0}, {})
    assert (says(COMMON, "tongueOut"), says(ICT, "tongueOut")) == ({"AU19": 1.0}, {})
    assert next(iter(FACS_TABLES)) == "common"


@pytest.mark.parametrize("table", FACS_TABLES.values(), ids=FACS_TABLES)
def test_eyes_that_look_to_the_left_turn_the_left_one_out_and_the_right_one_in(table: VocabularyTable) -> None:
    assert says(table, "eyeLookOutLeft") == {"AU61L": 1.0}
    assert says(table, "eyeLookInRight") == {"AU61R": 1.0}
    assert says(table, "eyeLookInLeft") == {"AU62L": 1.0}
    assert says(table, "eyeLookOutRight") == {"AU62R": 1.0}
    assert says(table, "eyeLookUpLeft") == {"AU63L": 1.0}
    assert says(table, "eyeLookDownRight") == {"AU64R": 1.0}


def test_feafas_24_all_have_a_twin() -> None:
    assert (FEAFA_TABLE.forward.sum(0) == 1).all()
    assert says(FEAFA_TABLE, "browOuterUpLeft") == {"browRaiseLeft": 1.0}
    assert says(FEAFA_TABLE, "browInnerUp") == {}
    assert says(FEAFA_TABLE, "noseSneerRight") == {"noseWrinkle": 0.5}
    guess = FEAFA_TABLE.backward[:, ARKIT.index("browInnerUp")]
    assert {FEAFA.columns[k]: guess[k] for k in np.flatnonzero(guess)} == {"browRaiseLeft": 0.5, "browRaiseRight": 0.5}


@every_table
def test_a_table_says_the_same_of_a_face_in_a_mirror(table: VocabularyTable) -> None:
    for matrix, rows, columns in ((table.forward, ARKIT, table.basis), (table.backward, table.basis, ARKIT)):
        np.testing.assert_array_equal(matrix[rows.mirror][:, columns.mirror], matrix)


@every_table
def test_the_way_back_is_the_least_squares_inverse_and_the_guesses(table: VocabularyTable) -> None:
    inverse, forward = table.backward - table.guesses, table.forward
    np.testing.assert_allclose(forward @ inverse @ forward, forward, atol=1e-9)
    np.testing.assert_allclose(inverse @ forward @ inverse, inverse, atol=1e-9)
    np.testing.assert_allclose((forward @ inverse).T, forward @ inverse, atol=1e-9)


@every_table
def test_rows_name_every_column_once(table: VocabularyTable) -> None:
    targets = [target for row in table.rows if row.kind != "guess" for target in row.targets]
    assert len(set(targets)) == len(targets)
    assert set(targets) == {table.basis.columns[k] for k in np.flatnonzero(table.forward.any(0))}


def test_perfect_sync_is_only_spelled_otherwise() -> None:
    np.testing.assert_array_equal(PERFECT_SYNC_TABLE.forward, np.eye(52))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("AU12L mouthSmileLeft", "a row needs = or <"),
        ("AU12* = mouthSmile*\nAU12L = mouthSmileRight", "table mine makes a column twice"),
        ("AU25 > AU26 = jawOpen + mouthClose", "stages have one source"),
    ],
)
def test_a_line_that_is_no_row_is_refused(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        VocabularyTable("mine", FACS, text)


@pytest.mark.parametrize("text", ["AU12 = mouthSmileLeft", "AU12L = mouthSmile", "mouthSmileLeft < AU99"])
def test_a_row_of_unknown_columns_is_refused(text: str) -> None:
    with pytest.raises(KeyError, match="has no column"):
        VocabularyTable("mine", FACS, text)


def test_recipes_are_a_row_for_each_preset() -> None:
    recipes = recipe_weights()
    assert recipes.basis == ARKIT
    assert recipes.weights.shape == (len(VRM), 52)
    assert recipes.weights.min() >= 0
    assert recipes.weights.max() <= 1
    assert not recipes.weights[VRM.index("neutral")].any()
    assert all(recipes.weights[VRM.index(preset)].any() for preset in VRM.columns if preset != "neutral")


def test_recipes_are_the_same_in_a_mirror() -> None:
    weights = recipe_weights().weights
    np.testing.assert_array_equal(weights[VRM.mirror][:, ARKIT.mirror], weights)


def test_blink_and_look_lie_apart_from_the_other_presets() -> None:
    weights = recipe_weights().weights
    mixed = VRM.indices(MIXED_PRESETS)
    others = [VRM.index(preset) for preset in VRM.columns if preset.startswith(("blink", "look"))]
    assert not (weights[mixed].any(0) & weights[others].any(0)).any()
    assert np.linalg.cond(weights[mixed]) < 10


def test_a_look_to_the_left_turns_both_eyes_to_the_left() -> None:
    row = recipe_weights().weights[VRM.index("lookLeft")]
    assert {ARKIT.columns[k] for k in np.flatnonzero(row)} == {"eyeLookOutLeft", "eyeLookInRight"}


def test_letters_of_sides_follow_the_vocabulary() -> None:
    pair = Basis("pair", ("aLeft", "aRight"))
    table = VocabularyTable("pair", pair, "a* = mouthSmile*")
    assert [row.targets for row in table.rows] == [("aLeft",), ("aRight",)]
    assert [row.sources for row in table.rows] == [("mouthSmileLeft",), ("mouthSmileRight",)]


def test_recipes_name_channels_for_a_writer_of_avatars() -> None:
    recipes = vrm_recipes()
    assert tuple(recipe.preset for recipe in recipes) == VRM.columns
    rows = {recipe.preset: dict(recipe.channels) for recipe in recipes}
    assert rows["blink"] == {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
    assert rows["neutral"] == {}
    weights = recipe_weights().weights[VRM.index("aa")]
    assert {ARKIT.columns[k]: round(float(weights[k]), 6) for k in np.flatnonzero(weights)} == rows["aa"]
