"""Takes in another vocabulary: what stays, what is counted, and what is refused before anything is written."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import made_capture
from made_bridges import made_bridge

from mien.compose.conversions import ConvertOptions, basis_named, convert, convert_file, installed_bridge
from mien.core.basis import ARKIT, BASES, FACS, FEAFA, FLAME
from mien.core.errors import InputError, ModelError, UsageError
from mien.core.face import Capture, Expression, Identity
from mien.core.looks import gaze_from_looks
from mien.formats.registry import load, save
from mien.rig.bridge import Bridge
from mien.rig.convert import convert as convert_expression
from mien.rig.maps import ICT


@pytest.fixture(autouse=True)
def no_rigs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.rig.shelf.platformdirs.user_data_path", lambda name: tmp_path / "nothing")


def one_face(frames: int = 4) -> Capture:
    return made_capture(frames, faces=1)


def with_weight(capture: Capture, column: str, value: float) -> Capture:
    """The first take's second frame with another weight."""
    take = capture.takes[0]
    weights = take.state.expression.weights.copy()
    weights[1, take.state.expression.basis.index(column)] = value
    state = replace(take.state, expression=Expression(weights, take.state.expression.basis))
    return replace(capture, takes=(replace(take, state=state), *capture.takes[1:]))


@pytest.mark.parametrize("name", ["arkit", "facs", "feafa", "vrm", "perfectsync"])
def test_only_the_expression_changes(name: str) -> None:
    before = made_capture(5, faces=2)
    result = convert(before, name)
    assert result.basis == BASES[name]
    assert (result.capture.source, result.capture.frames) == (before.source, before.frames)
    for old, new in zip(before.takes, result.capture.takes, strict=True):
        expected = convert_expression(old.state.expression, BASES[name])
        np.testing.assert_array_equal(new.state.expression.weights, expected.weights)
        assert new.state.pose is old.state.pose
        assert new.state.gaze is old.state.gaze
        for kept in ("times", "frames", "valid", "box", "score", "quality", "landmarks"):
            np.testing.assert_array_equal(getattr(new, kept), getattr(old, kept))
        assert not new.state.expression.weights[~new.valid].any()


def test_the_other_table_is_followed_when_asked() -> None:
    capture = one_face()
    result = convert(capture, "facs", ConvertOptions(facs_table="ict"))
    expected = convert_expression(capture.takes[0].state.expression, FACS, ICT)
    np.testing.assert_array_equal(result.capture.takes[0].state.expression.weights, expected.weights)
    assert result.routes[0].lost == ("mouthClose", "mouthLeft", "mouthRight", "tongueOut")


def test_the_face_at_rest_is_converted_too() -> None:
    capture = one_face()
    resting = Expression(np.linspace(0, 0.3, 52), ARKIT)
    take = replace(capture.takes[0], identity=Identity(np.ones(3), resting))
    identity = convert(replace(capture, takes=(take,)), "feafa").capture.takes[0].identity
    assert identity.resting is not None
    assert identity.resting.basis == FEAFA
    np.testing.assert_array_equal(identity.resting.weights, convert_expression(resting, FEAFA).weights)
    np.testing.assert_array_equal(identity.shape, np.ones(3))


def test_weights_outside_are_kept_and_counted_or_clipped_and_counted() -> None:
    capture = with_weight(with_weight(one_face(), "mouthSmileLeft", 1.25), "browInnerUp", -0.25)
    kept, clipped = convert(capture, "facs"), convert(capture, "facs", ConvertOptions(clip=True))
    assert (kept.outside, kept.clipped) == (2, 0)
    assert (clipped.outside, clipped.clipped) == (0, 2)
    assert kept.capture.takes[0].state.expression["AU12L"][1] == np.float32(1.25)
    assert clipped.capture.takes[0].state.expression["AU12L"][1] == 1
    assert clipped.capture.takes[0].state.expression["AU01"][1] == 0


def test_mouth_and_jaw_are_swapped_before_anything_else() -> None:
    capture = one_face()
    before = capture.takes[0].state.expression
    swapped = convert(capture, "arkit", ConvertOptions(swap_mouth_jaw=True)).capture.takes[0].state.expression
    for left, right in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
        np.testing.assert_array_equal(swapped[left], before[right])
        np.testing.assert_array_equal(swapped[right], before[left])
    moved = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
    others = [k for k, column in enumerate(ARKIT.columns) if column not in moved]
    np.testing.assert_array_equal(swapped.weights[:, others], before.weights[:, others])
    with pytest.raises(UsageError, match=r"--swap-mouth-jaw is for ARKit's channels, the take is over facs"):
        convert(convert(capture, "facs").capture, "arkit", ConvertOptions(swap_mouth_jaw=True))


def test_flame_is_asked_for_only_where_it_is_needed() -> None:
    asked: list[bool] = []

    def bridge() -> Bridge:
        asked.append(True)
        return made_bridge()

    assert convert(one_face(), "facs", bridge=bridge).bridge is None
    assert not asked
    there = convert(one_face(), "flame", bridge=bridge)
    assert there.bridge is made_bridge()
    assert there.capture.takes[0].state.expression.basis == FLAME
    convert(there.capture, "flame", bridge=bridge)
    assert len(asked) == 1
    back = convert(there.capture, "facs", bridge=bridge)
    assert back.capture.takes[0].state.expression.basis == FACS
    assert len(asked) == 2


def test_flame_that_is_not_installed_is_said_with_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"flame: E_MODEL: this rig is not installed .*mien rigs import flame"):
        installed_bridge()


def test_an_unknown_vocabulary_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"klingon: E_USAGE: no vocabulary of this name \(use arkit, facs, "):
        convert(one_face(), "klingon")
    assert basis_named("facs") == FACS


def test_a_capture_without_faces_stays_one() -> None:
    result = convert(Capture("a.png", 10, 10, (), 1), "facs")
    assert result.capture.takes == ()
    assert result.routes == ()


@pytest.mark.parametrize(
    ("format", "name", "basis"),
    [("openface", "a.csv", "facs"), ("fex", "a.csv", "facs"), ("livelink", "a.csv", "arkit"), (None, "a.npz", "arkit")],
)
def test_each_format_gets_the_vocabulary_that_it_holds(
    tmp_path: Path, format: str | None, name: str, basis: str
) -> None:
    source, target = tmp_path / "t.npz", tmp_path / name
    save(one_face(), source)
    (result,) = convert_file(source, [target], format=format)
    assert result.basis.name == basis
    assert load(target).takes[0].state.expression.basis.name == basis


def test_one_run_writes_several_vocabularies(tmp_path: Path) -> None:
    source = tmp_path / "t.npz"
    save(one_face(), source)
    units, whole = tmp_path / "new" / "units.csv", tmp_path / "whole.json"
    results = convert_file(source, [units, whole], format="openface")
    assert [result.basis.name for result in results] == ["facs", "arkit"]
    assert load(units).takes[0].state.expression.basis == FACS
    assert load(whole).takes[0].state.expression.basis == ARKIT
    facs = tmp_path / "facs.npz"
    convert_file(source, [facs], to="facs")
    assert load(facs).takes[0].state.expression.basis == FACS


def test_one_face_of_several_is_chosen(tmp_path: Path) -> None:
    source, target = tmp_path / "t.npz", tmp_path / "a.csv"
    save(made_capture(4, faces=2), source)
    with pytest.raises(UsageError, match=r"livelink keeps one face, and t.npz holds 2 \(choose one with --face\)"):
        convert_file(source, [target], format="livelink")
    with pytest.raises(UsageError, match=r"holds no face 7 \(it holds 0, 1\)"):
        convert_file(source, [target], face=7)
    assert os.listdir(tmp_path) == ["t.npz"]
    convert_file(source, [target], to="feafa", face=1)
    assert [take.face for take in load(target, "table").takes] == [1]


@pytest.mark.parametrize(
    ("outputs", "words", "message"),
    [
        ([], {}, "no output is named"),
        (["t.npz"], {}, "is the source, which is never overwritten"),
        (["a.npz", "./a.npz"], {}, "is named twice"),
        (["there.json"], {}, "E_EXISTS"),
        (["a.xyz"], {}, "a capture is not kept as .xyz"),
        (["a"], {}, "a capture is not kept as a file without extension"),
        (["a.csv"], {"format": "openface", "to": "feafa"}, "openface holds facs, not feafa"),
        (["a.csv"], {"format": "paper"}, "no format of this name"),
        (["a.npz"], {"format": "openface"}, "no output is a openface"),
        (["a.npz"], {"to": "klingon"}, "no vocabulary of this name"),
    ],
)
def test_what_could_not_be_written_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: list[str], words: dict[str, str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save(one_face(), "t.npz")
    save(one_face(), "there.json")
    before = Path("t.npz").read_bytes()
    with pytest.raises(UsageError, match=message):
        convert_file(Path("t.npz"), [Path(name) for name in outputs], words.get("to"), words.get("format"))
    assert sorted(os.listdir()) == ["t.npz", "there.json"]
    assert Path("t.npz").read_bytes() == before


def test_a_source_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        convert_file(tmp_path / "none.npz", [tmp_path / "a.npz"])
    assert os.listdir(tmp_path) == []


def test_existing_files_are_replaced_when_asked(tmp_path: Path) -> None:
    source, target = tmp_path / "t.npz", tmp_path / "a.npz"
    save(one_face(), source)
    target.write_text("old")
    convert_file(source, [target], to="facs", overwrite=True)
    assert load(target).takes[0].state.expression.basis == FACS


def test_looks_are_told_from_the_gaze_where_the_old_vocabulary_has_none() -> None:
    capture = one_face()
    (take,) = capture.takes
    units = Expression(np.zeros((len(take), len(FACS))), FACS)
    gaze = gaze_from_looks(Expression(np.tile(np.eye(len(ARKIT))[ARKIT.index("eyeLookUpLeft")], (len(take), 1)), ARKIT))
    read = replace(capture, takes=(replace(take, state=replace(take.state, expression=units, gaze=gaze)),))
    told = convert(read, "arkit").capture.takes[0].state.expression
    np.testing.assert_allclose(told["eyeLookUpLeft"], 1, atol=1e-6)
    assert not told["eyeLookUpRight"].any()
    assert not convert(read, "feafa").capture.takes[0].state.expression.weights.any()
