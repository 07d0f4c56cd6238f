"""Vocabularies: Apple's 52 in Apple's order, and what a mirror does to them."""

import pickle
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.basis import ARKIT, BASES, FACS, FEAFA, FLAME, PERFECT_SYNC, VRM, Basis

CHECKED = settings(derandomize=True, deadline=None, max_examples=50)
APPLES_ORDER = """
eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
jawForward jawLeft jawRight jawOpen
mouthClose mouthFunnel mouthPucker mouthLeft mouthRight mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight
mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower
mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight
browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight
cheekPuff cheekSquintLeft cheekSquintRight
noseSneerLeft noseSneerRight
tongueOut
"""
APPLE = APPLES_ORDER.split()


def swapped(column: str) -> str:
    return column.replace("Left", "?").replace("Right", "Left").replace("?", "Right")


def test_arkit_is_apples_52_in_apples_order() -> None:
    assert len(ARKIT) == 52
    assert list(ARKIT.columns) == APPLE
    assert (ARKIT.name, ARKIT.low, ARKIT.high) == ("arkit", 0.0, 1.0)
    assert BASES["arkit"] is ARKIT


def test_every_basis_is_found_by_its_own_name() -> None:
    assert all(name == basis.name for name, basis in BASES.items())


def test_mirror_swaps_left_and_right_and_nothing_else() -> None:
    assert [ARKIT.columns[k] for k in ARKIT.mirror] == [swapped(column) for column in ARKIT.columns]
    assert int((ARKIT.mirror != np.arange(52)).sum()) == 40


@pytest.mark.parametrize(
    ("basis", "columns", "swapping"),
    [(FACS, 55, 42), (FEAFA, 24, 14), (VRM, 18, 4), (PERFECT_SYNC, 52, 40), (FLAME, 103, 0)],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_vocabulary_has_its_columns_and_its_pairs(basis: Basis, columns: int, swapping: int) -> None:
    assert len(basis) == columns
    assert int((basis.mirror != np.arange(columns)).sum()) == swapping
    assert BASES[basis.name] is basis


def mirrored(basis: Basis, column: str) -> str:
    return basis.columns[int(basis.mirror[basis.index(column)])]


def test_action_units_of_one_side_swap_and_a_look_to_the_left_becomes_one_to_the_right() -> None:
    assert mirrored(FACS, "AU12L") == "AU12R"
    assert mirrored(FACS, "AU30L") == "AU30R"
    assert mirrored(FACS, "AU61L") == "AU62R"
    assert mirrored(FACS, "AU61R") == "AU62L"
    assert mirrored(FACS, "AU63L") == "AU63R"
    assert mirrored(FACS, "AU17") == "AU17"


def test_feafas_24_stand_in_the_order_of_its_files() -> None:
    assert FEAFA.columns[:4] == ("eyeCloseLeft", "eyeCloseRight", "lidRaiseLeft", "lidRaiseRight")
    assert FEAFA.columns[8:13] == (
        "jawDrop",
        "jawSlideLeft",
        "jawSlideRight",
        "lipCornerPullLeft",
        "lipCornerPullRight",
    )
    assert FEAFA.columns[-3:] == ("lipPucker", "cheeksPuff", "noseWrinkle")


def test_perfect_sync_is_arkit_with_a_capital() -> None:
    assert [column[0].lower() + column[1:] for column in PERFECT_SYNC.columns] == list(ARKIT.columns)
    assert PERFECT_SYNC.columns[17] == "JawOpen"


def test_vrm_holds_the_presets_of_its_standard() -> None:
    assert set(VRM.columns) == {
        *("happy", "angry", "sad", "relaxed", "surprised", "neutral"),
        *("aa", "ih", "ou", "ee", "oh"),
        *("blink", "blinkLeft", "blinkRight", "lookUp", "lookDown", "lookLeft", "lookRight"),
    }
    assert mirrored(VRM, "lookLeft") == "lookRight"
    assert mirrored(VRM, "blink") == "blink"


def test_flame_ends_with_the_jaw() -> None:
    assert FLAME.columns[0] == "psi000"
    assert FLAME.columns[99:] == ("psi099", "jawPitch", "jawYaw", "jawRoll")
    assert FLAME.low < 0


@pytest.mark.parametrize("basis", BASES.values(), ids=BASES)
def test_mirror_is_its_own_inverse(basis: Basis) -> None:
    assert (basis.mirror[basis.mirror] == np.arange(len(basis))).all()
    with pytest.raises(ValueError, match="read-only"):
        basis.mirror[0] = 1


@CHECKED
@given(st.sets(st.sampled_from(APPLE), min_size=1), st.randoms(use_true_random=False))
def test_mirror_of_any_choice_of_columns_is_an_involution(chosen: set[str], random: Random) -> None:
    columns = sorted(chosen)
    random.shuffle(columns)
    basis = Basis("some", tuple(columns))
    assert (basis.mirror[basis.mirror] == np.arange(len(columns))).all()
    for column, k in zip(columns, basis.mirror, strict=True):
        assert columns[k] == (swapped(column) if swapped(column) in chosen else column)


def test_index_finds_every_column() -> None:
    assert [ARKIT.index(column) for column in APPLE] == list(range(52))
    assert ARKIT.indices(["tongueOut", "eyeBlinkLeft"]).tolist() == [51, 0]
    assert ARKIT.indices([]).shape == (0,)


def test_unknown_column_is_named_together_with_the_basis() -> None:
    with pytest.raises(KeyError, match="basis arkit has no column mouthSmile"):
        ARKIT.index("mouthSmile")
    with pytest.raises(KeyError, match="_neutral"):
        ARKIT.indices(["jawOpen", "_neutral"])


def test_duplicate_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="basis mine names a column twice"):
        Basis("mine", ("AU1", "AU2", "AU1"))


def test_mirror_pair_of_a_missing_column_is_refused() -> None:
    with pytest.raises(ValueError, match="basis mine mirrors AU4R, which is not one of its columns"):
        Basis("mine", ("AU4L",), mirror_names=(("AU4L", "AU4R"),))


@pytest.mark.parametrize("pairs", [(("a", "b"), ("b", "c")), (("a", "b"), ("b", "a")), (("a", "a"),)])
def test_column_in_two_mirror_pairs_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValueError, match="basis mine mirrors a column twice"):
        Basis("mine", ("a", "b", "c"), mirror_names=pairs)


def test_mirror_pairs_may_be_given() -> None:
    basis = Basis("mine", ("AU4L", "AU12", "AU4R"), mirror_names=(("AU4L", "AU4R"),))
    assert basis.mirror.tolist() == [2, 1, 0]
    assert Basis("plain", ("eyeLeft", "eyeRight"), mirror_names=()).mirror.tolist() == [0, 1]


def test_bases_are_values() -> None:
    assert Basis("arkit", tuple(APPLE)) == ARKIT
    assert hash(Basis("arkit", tuple(APPLE))) == hash(ARKIT)
    assert Basis("arkit", tuple(APPLE[::-1])) != ARKIT
    _ = ARKIT.mirror
    assert pickle.loads(pickle.dumps(ARKIT)) == ARKIT
