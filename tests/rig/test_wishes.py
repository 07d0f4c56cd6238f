"""What is asked, in words: what they mean, and what is said of those that mean nothing."""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.errors import InputError, UsageError
from mien.rig.wishes import PRESETS, Change, Wish, channels, preset, read_preset

quiet = settings(derandomize=True, deadline=None, max_examples=60)
UNSHOWN = ("AU11L", "AU11R", "AU33")
"""Units that ARKit has no channel for."""
UNITS = tuple(name for name in FACS.columns if name not in UNSHOWN)
NAMES = st.sampled_from([*ARKIT.columns, *UNITS, "mouthSmile", "eyeBlink", "AU12", "AU1"])
CHANGES = st.one_of(
    st.builds(Change, NAMES, st.just("="), st.floats(0, 1)),
    st.builds(Change, NAMES, st.sampled_from(["+=", "-="]), st.floats(-1, 1)),
)
WEIGHTS = arrays.arrays(np.float32, (52,), elements=st.floats(0, 1, width=32))
ROUGH = arrays.arrays(np.float32, (52,), elements=st.floats(-1, 2, width=32))
CALM = np.zeros(len(ARKIT))


def of(weights: Array, *columns: str) -> list[float]:
    return [float(weights[..., ARKIT.index(column)]) for column in columns]


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ARKIT.columns)
def test_a_column_is_itself(column: str) -> None:
    assert channels(column) == {column: 1.0}


@pytest.mark.parametrize("name", ["mouthSmile", "browDown", "eyeBlink", "cheekSquint", "eyeLookUp", "noseSneer"])
def test_a_both_sides_name_is_its_left_and_right(name: str) -> None:
    assert channels(name) == {name + "Left": 1.0, name + "Right": 1.0}


@pytest.mark.parametrize("name", UNITS)
def test_every_action_unit_is_known_however_it_is_spelled(name: str) -> None:
    heard = channels(name)
    assert heard
    assert set(heard) <= set(ARKIT.columns)
    assert all(0 < share <= 1 for share in heard.values())
    if name not in ("AU25", "AU26"):
        assert max(heard.values()) == 1, "alone, a unit reaches all of what it does"
    assert channels(name.lower()) == heard
    assert channels(name.replace("AU0", "AU")) == heard


@pytest.mark.parametrize("name", [*UNSHOWN, "AU11", "au33"])
def test_a_unit_that_nothing_shows_is_refused_rather_than_signed(name: str) -> None:
    with pytest.raises(UsageError, match="no channel") as caught:
        Change.parse(f"{name}=0.5")
    assert caught.value.code == "E_NAME"


def test_a_jaw_goes_to_one_side() -> None:
    with pytest.raises(UsageError, match="say AU30L or AU30R"):
        channels("AU30")
    assert channels("AU30L") == {"jawLeft": 1.0}


def test_units_of_one_movement_reach_their_own_strength_and_the_larger_one_together() -> None:
    jaw = ARKIT.index("jawOpen")
    opened = {
        words: Wish(tuple(Change.parse(each) for each in words.split())).of(np.zeros(len(ARKIT)))[jaw]
        for words in ("AU25=1", "AU26=1", "AU27=1", "AU26=0.5", "AU25=1 AU26=1 AU27=1")
    }
    assert opened["AU25=1"] == pytest.approx(1 / 3)
    assert opened["AU26=1"] == pytest.approx(2 / 3)
    assert opened["AU27=1"] == opened["AU25=1 AU26=1 AU27=1"] == 1
    assert opened["AU26=0.5"] == pytest.approx(1 / 3)


def test_sides_of_a_unit() -> None:
    left, right, both = channels("AU12L"), channels("AU12R"), channels("AU12")
    assert left.keys() & right.keys() == set()
    assert both == {**left, **right}
    assert left["mouthSmileLeft"] > 0.9
    assert channels("au1") == channels("AU01")
    assert channels("au1")["browInnerUp"] > 0.9


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mouthSmil", "mouthSmile"),
        ("mouthsmileleft", "mouthSmileLeft"),
        ("MOUTHSMILE", "mouthSmile"),
        ("browUp", "brow"),
        ("jawopen", "jawOpen"),
        ("AU99", "AU"),
        ("tongue", "tongueOut"),
    ],
)
def test_a_name_that_nobody_knows_is_told_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        channels(name)
    assert caught.value.code == "E_NAME"
    assert caught.value.source == name
    assert caught.value.remedy.startswith("did you mean ")
    assert hint in caught.value.remedy


@pytest.mark.parametrize("name", ["jaw", "mouth", "eyeLookIn", "eyeLookOut"])
def test_what_is_not_the_same_on_either_side_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="E_NAME") as caught:
        channels(name)
    assert f"did you mean {name}?" not in str(caught.value)
    assert f" {name}," not in caught.value.remedy


def test_far_from_all_names_it_says_where_they_are() -> None:
    with pytest.raises(UsageError, match=r"E_NAME.*rigs sheet"):
        channels("xyzzyq")


# --- one change -------------------------------------------------------------------------------------------------------


@quiet
@given(CHANGES)
def test_a_change_is_read_as_it_is_written(change: Change) -> None:
    back = Change.parse(str(change))
    assert (back.name, back.way) == (change.name, change.way)
    assert back.amount == pytest.approx(change.amount, rel=1e-5)
    assert Change.parse(str(back)) == back


@pytest.mark.parametrize(
    ("text", "name", "way", "amount"),
    [
        ("mouthSmile=0.7", "mouthSmile", "=", 0.7),
        (" AU12L += .3 ", "AU12L", "+=", 0.3),
        ("jawOpen-=1", "jawOpen", "-=", 1),
        ("jawOpen+=-1", "jawOpen", "+=", -1),
        ("au1=1.", "au1", "=", 1),
        ("tongueOut=1e-1", "tongueOut", "=", 0.1),
    ],
)
def test_spellings(text: str, name: str, way: Literal["=", "+=", "-="], amount: float) -> None:
    assert Change.parse(text) == Change(name, way, amount)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(text, "E_USAGE") for text in ("", "mouthSmile", "mouthSmile=", "=0.7", "mouthSmile:0.7", "mouthSmile=a")],
        *[(text, "E_USAGE") for text in ("mouthSmile=0.7=0.7", "mouthSmile==1", "mouthSmile*=2", "mouthSmile=0,7")],
        *[(text, "E_USAGE") for text in ("mouthSmile=nan", "mouthSmile=inf", "mouth Smile=1", "mouthSmile=0x1")],
        *[(text, "E_USAGE") for text in ("m\xfcthSmile=1", "mouthSmile=1\n\n;jawOpen=1", "-" * 5000)],
        *[(text, "E_NAME") for text in ("smile=1", "mouthSmiles=1", "jaw=0.5", "AU99=1", "AU12X=1")],
        *[(text, "E_RANGE") for text in ("mouthSmile=1.01", "mouthSmile=-0.1", "jawOpen+=1.1", "jawOpen-=2")],
        *[(text, "E_RANGE") for text in ("mouthSmile=1e30", "mouthSmile=1e999", "jawOpen+=-1e999")],
    ],
)
def test_what_is_no_change(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        Change.parse(text)
    assert caught.value.code == code
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, -0.01, 1.01])
def test_an_amount_that_cannot_be_is_refused_without_a_text_too(amount: float) -> None:
    with pytest.raises(UsageError, match="E_RANGE"):
        Change("jawOpen", "=", amount)


@quiet
@given(CHANGES, WEIGHTS)
def test_a_change_touches_its_own_channels(change: Change, weights: Array) -> None:
    after = change.of(weights)
    touched = channels(change.name)
    rest = [k for k, column in enumerate(ARKIT.columns) if column not in touched]
    np.testing.assert_array_equal(after[rest], weights[rest])
    sign = {"=": 0, "+=": 1, "-=": -1}[change.way]
    for column, share in touched.items():
        place = ARKIT.index(column)
        expected = share * change.amount if not sign else float(weights[place]) + sign * share * change.amount
        assert after[place] == pytest.approx(expected, abs=1e-6)


# --- a wish -----------------------------------------------------------------------------------------------------------


@quiet
@given(ROUGH, st.lists(CHANGES, max_size=4), st.booleans(), st.floats(0, 1.5))
def test_a_wish_stays_in_bounds_and_leaves_what_nobody_asked(
    weights: Array, changes: list[Change], neutral: bool, intensity: float
) -> None:
    before = weights.copy()
    after = Wish(tuple(changes), neutral, intensity).of(weights)
    assert after.dtype == np.float32
    moved = after != weights
    assert ((after[moved] >= 0) & (after[moved] <= 1)).all()
    if not neutral:
        asked = {column for change in changes for column in channels(change.name)}
        rest = [k for k, column in enumerate(ARKIT.columns) if column not in asked]
        np.testing.assert_array_equal(after[rest], weights[rest])
    np.testing.assert_array_equal(weights, before)


@quiet
@given(ROUGH)
def test_no_wish_changes_nothing(weights: Array) -> None:
    np.testing.assert_array_equal(Wish().of(weights), weights)
    np.testing.assert_array_equal(Wish((Change("jawOpen", "+=", 0.0),)).of(weights), weights)


@quiet
@given(WEIGHTS, st.floats(0, 1))
def test_intensity_is_the_share_of_the_way(weights: Array, intensity: float) -> None:
    change = Change("mouthSmile", "=", 0.8)
    after = Wish((change,), intensity=intensity).of(weights)
    np.testing.assert_allclose(after, weights + intensity * (change.of(weights) - weights), atol=1e-6)


def test_more_than_the_whole_way_ends_at_the_bound() -> None:
    assert of(Wish((Change("jawOpen", "=", 0.9),), intensity=1.5).of(CALM), "jawOpen") == [1.0]
    assert of(Wish((Change("jawOpen", "=", 0.4),), intensity=1.5).of(CALM), "jawOpen") == [pytest.approx(0.6)]


def test_later_changes_see_what_earlier_ones_made() -> None:
    put, more = Change("jawOpen", "=", 0.5), Change("jawOpen", "+=", 0.25)
    assert of(Wish((put, more)).of(CALM), "jawOpen") == [0.75]
    assert of(Wish((more, put)).of(CALM), "jawOpen") == [0.5]
    both = Wish((Change("mouthSmile", "=", 0.5), Change("mouthSmileLeft", "=", 0.25)))
    assert of(both.of(CALM), "mouthSmileLeft", "mouthSmileRight") == [0.25, 0.5]


def test_a_wish_is_for_every_moment_of_a_take() -> None:
    weights = np.random.default_rng(0).uniform(0, 1, (7, 52))
    wish = Wish((Change("browDown", "+=", 0.3), Change("AU12L", "=", 0.4)), True, 0.7)
    np.testing.assert_array_equal(wish.of(weights), [wish.of(row) for row in weights])


def test_calm_keeps_the_gaze_and_is_before_the_changes() -> None:
    weights = np.full(52, 0.5)
    after = Wish((Change("jawOpen", "+=", 0.25),), neutral=True).of(weights)
    looks = [k for k, column in enumerate(ARKIT.columns) if column.startswith("eyeLook")]
    assert len(looks) == 8
    assert (after[looks] == 0.5).all()
    assert of(after, "jawOpen") == [0.25]
    assert after.sum() == pytest.approx(8 * 0.5 + 0.25)


@pytest.mark.parametrize("intensity", [-0.01, 1.51, math.nan, math.inf])
def test_an_intensity_that_cannot_be(intensity: float) -> None:
    with pytest.raises(UsageError, match="E_RANGE") as caught:
        Wish(intensity=intensity)
    assert caught.value.source == "--intensity"


def test_a_wish_in_words() -> None:
    assert Wish().words() == ()
    changes = (Change("mouthSmile", "=", 0.7), Change("AU04", "-=", 0.25))
    assert Wish(changes, True, 0.5).words() == ("neutral", "mouthSmile=0.7", "AU04-=0.25", "intensity 0.5")
    assert tuple(Change.parse(text) for text in Wish(changes).words()) == changes


# --- presets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "then"), [(0.2, 0.6), (0.6, 0.6), (0.9, 0.9)])
def test_at_least_leaves_what_is_more(now: float, then: float) -> None:
    weights = np.full(52, now, np.float32)
    wanted = Wish((Change.parse("mouthSmile>=0.6"),)).of(weights)
    assert wanted[ARKIT.index("mouthSmileLeft")] == pytest.approx(then)
    assert wanted[ARKIT.index("jawOpen")] == pytest.approx(now)
    assert str(Change.parse("mouthSmile>=0.6")) == "mouthSmile>=0.6"
    with pytest.raises(UsageError, match="E_RANGE"):
        Change.parse("mouthSmile>=-0.1")


def test_no_preset_takes_away_what_is_there() -> None:
    weights = np.full(52, 0.97, np.float32)
    for name in PRESETS:
        assert (Wish(preset(name)).of(weights) >= weights).all()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_one(name: str) -> None:
    changes = preset(name)
    assert {change.name: change.amount for change in changes} == dict(PRESETS[name])
    asked = Wish(changes).of(CALM)
    assert asked.max() >= 0.5
    assert asked.min() == 0
    assert not (asked[[ARKIT.index(column) for column in ARKIT.columns if column.startswith("eyeLook")]]).any()


def test_an_unknown_preset_is_told_the_nearest_and_all() -> None:
    with pytest.raises(UsageError) as caught:
        preset("smiel")
    assert caught.value.code == "E_NAME"
    assert caught.value.remedy.startswith("did you mean smile? ")
    assert all(name in caught.value.remedy for name in PRESETS)
    with pytest.raises(UsageError, match="E_NAME") as caught:
        preset("")
    assert caught.value.remedy.startswith("known: ")


def test_a_preset_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"mouthSmile": 0.7, "AU04": 0.25, "jawOpen": 0}')
    assert read_preset(path) == (
        Change("mouthSmile", "=", 0.7),
        Change("AU04", "=", 0.25),
        Change("jawOpen", "=", 0.0),
    )
    path.write_text("{}")
    assert read_preset(path) == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(text, "E_CONFIG") for text in ("no", "[]", "3", '{"mouthSmile": "a"}', '{"mouthSmile": null}')],
        *[(text, "E_CONFIG") for text in ('{"mouthSmile": NaN}', '{"mouthSmile": true}', '{"mouthSmile": [1]}')],
        *[(text, "E_CONFIG") for text in ('{"mouthSmile": 1', '{"a":' * 5000, '{"mouthSmile": 1e400}')],
        ('{"mouthSmil": 0.5}', "E_NAME"),
        ('{"mouthSmile": 1.5}', "E_RANGE"),
        ('{"mouthSmile": 1e30}', "E_RANGE"),
    ],
)
def test_what_is_no_preset_file(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_preset(path)
    assert caught.value.code == code


def test_bytes_that_are_no_text_are_no_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(UsageError, match="E_CONFIG"):
        read_preset(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="E_EMPTY"):
        read_preset(path)


def test_a_preset_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"E_NAME: no such preset"):
        read_preset(tmp_path / "missing.json")
    with pytest.raises(InputError, match="E_NOTFILE"):
        read_preset(tmp_path)
    assert read_preset("smile") == preset("smile")
