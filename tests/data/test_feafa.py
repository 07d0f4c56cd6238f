"""FEAFA's layout, made by these tests: every frame is found with its picture, and every damage is named."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.basis import ARKIT, FEAFA
from mien.core.errors import InputError
from mien.core.face import Expression
from mien.data.feafa import FOLDS, TWINS, fold_split, in_arkit, read_auw, read_feafa
from mien.rig.convert import convert

GOOD = " ".join(["0"] * 23 + ["0.5"])
PLACES = len(FEAFA)


def label(folder: Path, video: str, number: int, text: str = GOOD, beside: bool = True, suffix: str = ".jpg") -> Path:
    """A label and an empty picture for it, in the sibling folder or among the labels."""
    output = folder / f"{video}.output"
    output.mkdir(parents=True, exist_ok=True)
    pictures = folder / video if beside else output
    pictures.mkdir(exist_ok=True)
    (pictures / f"{number:08d}{suffix}").touch()
    file = output / f"{number:08d}.auw"
    file.write_text(text)
    return file


def refused(file: Path, text: str | bytes) -> InputError:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as raised:
        read_auw(file)
    assert raised.value.source == str(file)
    assert "\n" not in str(raised.value)
    return raised.value


# --- one label --------------------------------------------------------------------------------------------------------


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    st.lists(st.floats(-0.5, 2.0, width=32), min_size=PLACES, max_size=PLACES),
    st.sampled_from([" ", "  ", "\t"]),
    st.sampled_from(["", "\n", "\r\n", " \n\n"]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], gap: str, end: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "00000001.auw"
    file.write_bytes((gap.join(map(repr, values)) + end).encode())
    np.testing.assert_array_equal(read_auw(file), values)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (" ".join(["0"] * 23), "line 1: has 23 values, 24 are needed"),
        (" ".join(["0"] * 25), "line 1: has 25 values, 24 are needed"),
        ("0.5", "line 1: has 1 value, 24 are needed"),
        ("\n\n" + " ".join(["0"] * 12), "line 3: has 12 values, 24 are needed"),
        ("nan " + GOOD[2:], "line 1, value 1 (eyeCloseLeft): is not finite"),
        (GOOD[:-3] + "inf", "line 1, value 24 (noseWrinkle): is not finite"),
        ("0 -0.6 " + GOOD[4:], "line 1, value 2 (eyeCloseRight): -0.6 lies outside -0.5 to 2"),
        ("0 0 2.01 " + GOOD[6:], "line 1, value 3 (lidRaiseLeft): 2.01 lies outside -0.5 to 2"),
        ("0 0 0 much " + GOOD[8:], "line 1, value 4 (lidRaiseRight): 'much' is no number"),
        ("0_1 " + GOOD[2:], "line 1, value 1 (eyeCloseLeft): '0_1' is no number"),
        ("0,5 " + GOOD[2:], "line 1, value 1 (eyeCloseLeft): '0,5' is no number"),
        (f"{GOOD}\n{GOOD}\n", "line 2: one line is all that a label has"),
        (" \n \n", "line 1: holds no number"),
        (GOOD.encode() + b"\n\xff\xd8", "line 2: byte"),
    ],
)
def test_a_bad_label_is_named_with_line_and_value(text: str | bytes, cause: str, tmp_path: Path) -> None:
    error = refused(tmp_path / "00000007.auw", text)
    assert error.code == "E_FORMAT"
    assert error.cause.startswith(cause)
    assert error.remedy == "a .auw file holds one line of 24 numbers"


def test_an_empty_and_a_missing_label_are_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "00000001.auw", b"").code == "E_EMPTY"
    with pytest.raises(InputError, match=r"00000002.auw: E_NOTFILE"):
        read_auw(tmp_path / "00000002.auw")


def test_a_file_that_is_much_too_large_is_not_read(tmp_path: Path) -> None:
    assert refused(tmp_path / "00000001.auw", b"0 " * 60_000).code == "E_TOOBIG"


# --- the folder -------------------------------------------------------------------------------------------------------


def test_frames_come_by_video_and_number_with_their_pictures(tmp_path: Path) -> None:
    for video, number in (("PV010", 3), ("PV002", 12), ("PV002", 2), ("PV002", 100)):
        label(tmp_path, video, number, f"{number / 1000} " + GOOD[2:])
    frames = read_feafa(tmp_path)
    assert [(frame.video, frame.number) for frame in frames] == [
        ("PV002", 2),
        ("PV002", 12),
        ("PV002", 100),
        ("PV010", 3),
    ]
    for frame in frames:
        assert frame.picture == tmp_path / frame.video / f"{frame.number:08d}.jpg"
        assert frame.weights.shape == (24,)
        assert frame.weights[0] == pytest.approx(frame.number / 1000)
        assert frame.weights[FEAFA.index("noseWrinkle")] == 0.5
        assert not frame.weights.flags.writeable


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".png", ".webp"])
@pytest.mark.parametrize("beside", [True, False])
def test_pictures_lie_beside_the_labels_or_among_them(beside: bool, suffix: str, tmp_path: Path) -> None:
    label(tmp_path, "PV001", 1, beside=beside, suffix=suffix)
    (frame,) = read_feafa(tmp_path)
    assert frame.picture.parent.name == ("PV001" if beside else "PV001.output")
    assert frame.picture.suffix == suffix


def test_the_sibling_folder_comes_first(tmp_path: Path) -> None:
    label(tmp_path, "PV001", 1, beside=False)
    label(tmp_path, "PV001", 1, beside=True)
    assert read_feafa(tmp_path)[0].picture == tmp_path / "PV001" / "00000001.jpg"


def test_a_label_without_its_picture_is_named(tmp_path: Path) -> None:
    label(tmp_path, "PV001", 1)
    file = label(tmp_path, "PV001", 2)
    (tmp_path / "PV001" / "00000002.jpg").rename(tmp_path / "PV001" / "2.jpg")
    with pytest.raises(InputError) as raised:
        read_feafa(tmp_path)
    assert str(raised.value).startswith(f"{file}: E_NOTFILE: line 1: the picture that it labels is not there")
    assert "put 00000002.jpg into" in raised.value.remedy


def test_a_bad_label_stops_the_reading_before_anything_is_returned(tmp_path: Path) -> None:
    label(tmp_path, "PV001", 1)
    file = label(tmp_path, "PV002", 1, "nonsense")
    with pytest.raises(InputError, match="line 1: has 1 value") as raised:
        read_feafa(tmp_path)
    assert raised.value.source == str(file)


@pytest.mark.parametrize("name", ["frame1.auw", "-0000001.auw", "٣.auw"])
def test_a_label_is_named_by_a_number(name: str, tmp_path: Path) -> None:
    label(tmp_path, "PV001", 1).rename(tmp_path / "PV001.output" / name)
    with pytest.raises(InputError, match="E_FORMAT: is not named by the number of a frame"):
        read_feafa(tmp_path)


def test_folders_of_another_layout_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"E_NOTFILE: holds no folder of labels \(\*\.output\)"):
        read_feafa(tmp_path)
    (tmp_path / "PV003.output").mkdir()
    with pytest.raises(InputError, match=r"PV003\.output: E_NOTFILE: holds no label"):
        read_feafa(tmp_path)


# --- folds ------------------------------------------------------------------------------------------------------------


def test_each_video_is_tested_in_one_of_three_folds() -> None:
    assert list(FOLDS) == [f"PV{video:03d}" for video in range(1, 128)]
    assert Counter(FOLDS.values()) == {1: 43, 2: 42, 3: 42}
    assert (FOLDS["PV001"], FOLDS["PV003"], FOLDS["PV008"], FOLDS["PV126"], FOLDS["PV127"]) == (1, 2, 3, 2, 2)


@pytest.mark.parametrize("video", ["PV001", "PV003", "PV008"])
def test_a_fold_trains_on_what_the_others_test(video: str) -> None:
    sides = [fold_split(video, fold) for fold in (1, 2, 3)]
    assert sides.count("val") == 1
    assert sides.index("val") + 1 == FOLDS[video]


@pytest.mark.parametrize("video", ["PV000", "PV128", "SN001"])
def test_a_video_of_no_fold_is_named(video: str) -> None:
    with pytest.raises(InputError, match=f"{video}: E_FORMAT: is in none of the three folds"):
        fold_split(video, 1)


# --- twins ------------------------------------------------------------------------------------------------------------


def test_the_twins_are_what_a_person_named() -> None:
    assert len(TWINS) == 27
    assert {"eyeBlinkLeft", "browDownRight", "jawOpen", "mouthUpperUpLeft", "noseSneerRight", "jawForward"} <= set(
        TWINS
    )
    unknown = {"browInnerUp", "mouthFrownLeft", "cheekSquintLeft", "eyeSquintRight", "eyeLookUpLeft", "tongueOut"}
    assert not unknown & set(TWINS), "a guess is no label"


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.floats(-0.5, 2.0, width=32), min_size=PLACES, max_size=PLACES))
def test_the_way_to_arkit_and_back_keeps_every_value(values: list[float]) -> None:
    arkit = in_arkit(np.array(values))
    back = convert(Expression(arkit, ARKIT), FEAFA).weights
    np.testing.assert_allclose(back, values, atol=1e-6)
    others = [k for k, column in enumerate(ARKIT.columns) if column not in TWINS]
    assert not arkit[others].any()


def test_sides_are_the_subjects() -> None:
    rows = np.eye(PLACES)
    arkit = in_arkit(rows)
    for column, twin in (("eyeCloseLeft", "eyeBlinkLeft"), ("jawSlideRight", "jawRight"), ("lipPucker", "mouthPucker")):
        assert arkit[FEAFA.index(column)].nonzero()[0].tolist() == [ARKIT.index(twin)]
    both = arkit[FEAFA.index("upperLipRaise")]
    assert both[ARKIT.indices(["mouthUpperUpLeft", "mouthUpperUpRight"])].tolist() == [1, 1]
    np.testing.assert_array_equal(in_arkit(rows[:, FEAFA.mirror]), arkit[:, ARKIT.mirror])
