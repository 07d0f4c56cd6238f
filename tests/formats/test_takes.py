import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_capture, made_reading
from made_bases import made_over

from mien.core.basis import ARKIT, BASES, Basis
from mien.core.errors import InputError, OutputError, UsageError
from mien.core.face import Capture, Expression, Identity, Take
from mien.core.image import Frame
from mien.formats import takes
from mien.formats.takes import read_capture, write_capture
from mien.pipelines.gather import Gather

ARRAYS = ("times", "frames", "valid", "box", "score", "quality", "landmarks")
FEW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
CAPTURES = st.builds(
    made_capture,
    frames=st.integers(0, 4),
    faces=st.integers(0, 3),
    landmarks=st.booleans(),
    seed=st.integers(0, 2**32),
)


def arrays_of(take: Take) -> dict[str, Any]:
    found = {name: getattr(take, name) for name in ARRAYS if getattr(take, name) is not None}
    found["weights"] = take.state.expression.weights
    found["rotation"] = take.state.pose.rotation
    found["translation"] = take.state.pose.translation
    found["gaze"] = take.state.gaze.rotation
    found["shape"] = take.identity.shape
    if take.identity.resting is not None:
        found["resting"] = take.identity.resting.weights
    return found


def about(capture: Capture) -> list[object]:
    takes = [(t.source, t.face, t.frame_rate, t.start_timecode, t.state.expression.basis) for t in capture.takes]
    return [capture.source, capture.width, capture.height, capture.frames, takes]


def rich_capture(resting: bool = True) -> Capture:
    capture = made_capture()
    rest = Expression(np.linspace(0, 0.3, 52), ARKIT) if resting else None
    identity = Identity(np.array([0.25, -1.5]), rest)
    takes = tuple(replace(t, identity=identity, start_timecode="01:00:00:12") for t in capture.takes)
    return replace(capture, source='a "face"\n\udcff 😀.mp4', takes=takes)


def round_trip(capture: Capture, path: Path) -> Capture:
    write_capture(capture, path, overwrite=True)
    return read_capture(path)


@FEW
@given(CAPTURES)
def test_npz_keeps_every_bit(tmp_path: Path, capture: Capture) -> None:
    again = round_trip(capture, tmp_path / "take.npz")
    assert about(again) == about(capture)
    for old, new in zip(capture.takes, again.takes, strict=True):
        for name, array in arrays_of(old).items():
            found = arrays_of(new)[name]
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)
        assert arrays_of(new).keys() == arrays_of(old).keys()


@FEW
@given(CAPTURES)
def test_json_keeps_all_but_the_rounding(tmp_path: Path, capture: Capture) -> None:
    again = round_trip(capture, tmp_path / "take.json")
    assert about(again) == about(capture)
    pixels = {"box": 0.0051, "landmarks": 0.0051, "times": 6e-7}
    for old, new in zip(capture.takes, again.takes, strict=True):
        assert arrays_of(new).keys() == arrays_of(old).keys()
        for name, array in arrays_of(old).items():
            relative = 0 if name in pixels else 6e-6
            np.testing.assert_allclose(arrays_of(new)[name], array, rtol=relative, atol=pixels.get(name, 0))


@FEW
@given(CAPTURES)
def test_rounding_happens_once(tmp_path: Path, capture: Capture) -> None:
    once, twice = tmp_path / "once.json", tmp_path / "twice.json"
    write_capture(capture, once, overwrite=True)
    write_capture(read_capture(once), twice, overwrite=True)
    assert once.read_bytes() == twice.read_bytes()


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("name", BASES)
def test_keeps_every_basis(tmp_path: Path, suffix: str, name: str) -> None:
    capture = made_over(BASES[name])
    resting = capture.takes[0].state.expression
    rest = Identity(np.zeros(0), Expression(resting.weights[0], resting.basis))
    capture = replace(capture, takes=tuple(replace(take, identity=rest) for take in capture.takes))
    again = round_trip(capture, tmp_path / f"take{suffix}")
    assert about(again) == about(capture)
    for old, new in zip(capture.takes, again.takes, strict=True):
        np.testing.assert_allclose(new.state.expression.weights, old.state.expression.weights, rtol=6e-6)
        assert new.identity.resting is not None
        assert new.identity.resting.basis == BASES[name]


@pytest.mark.parametrize("suffix", [".json", ".npz", ".JSON"])
@pytest.mark.parametrize("resting", [True, False])
def test_keeps_identity_timecode_and_strange_names(tmp_path: Path, suffix: str, resting: bool) -> None:
    capture = rich_capture(resting)
    again = round_trip(capture, tmp_path / f"take{suffix}")
    assert about(again) == about(capture)
    assert again.takes[0].start_timecode == "01:00:00:12"
    np.testing.assert_array_equal(again.takes[0].identity.shape, [0.25, -1.5])
    assert (again.takes[0].identity.resting is not None) == resting


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_invalid_frames_stay_invalid(tmp_path: Path, suffix: str) -> None:
    again = round_trip(made_capture(), tmp_path / f"take{suffix}")
    assert again.takes[1].valid.tolist() == [True, False, True]


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_the_same_capture_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    write_capture(made_capture(), one)
    write_capture(made_capture(), two)
    assert one.read_bytes() == two.read_bytes()


def test_long_times_keep_their_frame(tmp_path: Path) -> None:
    capture = made_capture(2, 1, landmarks=False)
    late = replace(capture, takes=(replace(capture.takes[0], times=np.array([36000.0, 36000.016667])),))
    assert round_trip(late, tmp_path / "late.json").takes[0].times[1] == 36000.016667


def test_numpy_reads_the_npz(tmp_path: Path) -> None:
    capture = made_capture()
    write_capture(capture, tmp_path / "take.npz")
    with np.load(tmp_path / "take.npz", allow_pickle=False) as stored:
        assert json.loads(str(stored["header"]))["schema"] == "mien.capture/1"
        np.testing.assert_array_equal(stored["take1.box"], capture.takes[1].box)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    document = json_document(tmp_path)
    for take in document["takes"]:
        take["columns"].reverse()
        take["weights"] = [row[::-1] for row in take["weights"]]
    again = read_json(tmp_path, document)
    np.testing.assert_allclose(again.takes[0].state.expression.weights, expected_weights(), rtol=1e-5)


def expected_weights() -> Any:
    return made_capture(landmarks=False).takes[0].state.expression.weights


def json_document(folder: Path) -> dict[str, Any]:
    write_capture(made_capture(landmarks=False), folder / "whole.json", overwrite=True)
    document: dict[str, Any] = json.loads((folder / "whole.json").read_text())
    return document


def read_json(folder: Path, document: object) -> Capture:
    path = folder / "changed.json"
    path.write_text(json.dumps(document))
    return read_capture(path)


def take0(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["takes"][0][key] = value

    return change


def top(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document[key] = value

    return change


def cell(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["takes"][0][key][0][0] = value

    return change


SOURCES_OF_GRIEF: list[tuple[Callable[[dict[str, Any]], object], str, str]] = [
    (top("schema", "mien.capture/2"), "E_FORMAT", "newer mien"),
    (top("schema", "mien.capture/0"), "E_FORMAT", "no schema mien.capture/0"),
    (top("schema", "other/1"), "E_FORMAT", "schema must be"),
    (top("schema", 1), "E_FORMAT", "schema must be"),
    (lambda d: d.pop("schema"), "E_FORMAT", "schema must be"),
    (top("takes", {}), "E_FORMAT|E_CONFIG", "takes must be a list"),
    (top("takes", [1]), "E_FORMAT|E_CONFIG", "takes must be a list"),
    (top("width", "640"), "E_CONFIG", "width must be a whole number"),
    (top("width", float("nan")), "E_CONFIG", "width must be a whole number"),
    (top("frames", -1), "E_CONFIG", "frames must be a whole number"),
    (top("frames", True), "E_CONFIG", "frames must be a whole number"),
    (top("source", None), "E_CONFIG", "source must be a text"),
    (top("colour", "blue"), "E_CONFIG", "colour is not a key"),
    (lambda d: d.pop("height"), "E_CONFIG", "height is missing"),
    (take0("basis", "own"), "E_CONFIG", r"takes\[0\].basis must be one of arkit, facs, .*, got 'own'"),
    (take0("basis", ["arkit"]), "E_CONFIG", r"takes\[0\].basis must be one of"),
    (take0("columns", ["smile"] * 52), "E_CONFIG", r"takes\[0\].columns names smile"),
    (take0("columns", ["jawOpen"] * 52), "E_CONFIG", r"takes\[0\].columns must name each"),
    (take0("columns", "jawOpen"), "E_CONFIG", r"takes\[0\].columns must be a list"),
    (take0("weights", [[0.0] * 51] * 3), "E_CONFIG", r"takes\[0\].weights must have shape \[3, 52\], got \[3, 51\]"),
    (take0("weights", [[0.0] * 52, [0.0]]), "E_CONFIG", r"takes\[0\].weights must be a regular array"),
    (take0("weights", {"jawOpen": 1}), "E_CONFIG", r"takes\[0\].weights must hold numbers only"),
    (take0("weights", None), "E_CONFIG", r"takes\[0\].weights must hold numbers only"),
    (take0("weights", [10**400, 1.5]), "E_CONFIG", r"takes\[0\].weights must"),
    (cell("weights", float("nan")), "E_CONFIG", r"takes\[0\].weights holds nan, allowed are -100 to 100"),
    (cell("weights", float("inf")), "E_CONFIG", r"takes\[0\].weights holds inf"),
    (cell("weights", 1e30), "E_CONFIG", r"takes\[0\].weights holds 1e\+30"),
    (cell("weights", "1"), "E_CONFIG", r"takes\[0\].weights must"),
    (take0("times", [0, 1, 0.5]), "E_CONFIG", r"takes\[0\]: times must not run backwards"),
    (take0("times", "now"), "E_CONFIG", r"takes\[0\].times must hold numbers only"),
    (take0("frames", [0, 1.5, 2]), "E_CONFIG", r"takes\[0\].frames must hold whole numbers only"),
    (take0("valid", [1, 1, 1]), "E_CONFIG", r"takes\[0\].valid must hold true or false only"),
    (take0("score", [1, 1, 7]), "E_CONFIG", r"takes\[0\].score holds 7, allowed are 0 to 1"),
    (take0("rotation", [[[0.0] * 3] * 3] * 3), "E_CONFIG", r"takes\[0\]: rotation holds a matrix that is no rotation"),
    (take0("landmarks", [[[0.0] * 3] * 3] * 3), "E_CONFIG", r"takes\[0\].landmarks must have shape \[3, 478, 3\]"),
    (take0("lanmarks", None), "E_CONFIG", r"takes\[0\].lanmarks is not a key"),
    (take0("face", 0.5), "E_CONFIG", r"takes\[0\].face must be a whole number"),
    (take0("frame_rate", 0), "E_CONFIG", r"takes\[0\].frame_rate must be a number above 0"),
    (take0("frame_rate", "25"), "E_CONFIG", r"takes\[0\].frame_rate must be a number above 0"),
    (take0("frame_rate", 10**400), "E_CONFIG", r"takes\[0\].frame_rate must be a number above 0"),
    (take0("start_timecode", 7), "E_CONFIG", r"takes\[0\].start_timecode must be a text"),
    (take0("identity_resting", [0.0]), "E_CONFIG", r"takes\[0\].identity_basis must be one of"),
    (lambda d: d["takes"][0].pop("gaze"), "E_CONFIG", r"takes\[0\].gaze is missing"),
]


@pytest.mark.parametrize(("change", "code", "cause"), SOURCES_OF_GRIEF)
def test_names_the_wrong_key(tmp_path: Path, change: Callable[[dict[str, Any]], object], code: str, cause: str) -> None:
    document = json_document(tmp_path)
    change(document)
    with pytest.raises(InputError, match=cause) as caught:
        read_json(tmp_path, document)
    assert re.fullmatch(code, caught.value.code)


NO_JSON = [b"\xff\xfe{", b"[]", b"3", b"null", b"[" * 100_000, b"hello", b'{"a": 1, "a": 2}', b"1" * 5000, b"{} {}"]


@pytest.mark.parametrize("content", NO_JSON)
def test_refuses_what_is_no_json_of_ours(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_capture(path)
    assert caught.value.code == "E_FORMAT"


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_refuses_every_truncation(tmp_path: Path, suffix: str) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    write_capture(made_capture(1, 1, landmarks=False), whole)
    data = whole.read_bytes().rstrip()
    for size in range(1, len(data), max(1, len(data) // 60)):
        cut.write_bytes(data[:size])
        with pytest.raises(InputError) as caught:
            read_capture(cut)
        assert caught.value.code == "E_FORMAT"


def test_unknown_extension(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"E_USAGE: a capture is not kept as \.pkl"):
        write_capture(made_capture(), tmp_path / "take.pkl")
    with pytest.raises(UsageError, match=r"use \.json or \.npz"):
        read_capture(tmp_path / "take")


def test_never_overwrites_unasked(tmp_path: Path) -> None:
    path = tmp_path / "take.json"
    path.write_text("mine")
    with pytest.raises(OutputError, match="E_EXISTS"):
        write_capture(made_capture(), path)
    assert path.read_text() == "mine"


def test_refuses_to_write_what_it_would_not_read(tmp_path: Path) -> None:
    capture = made_capture(landmarks=False)
    take = capture.takes[0]
    wild = replace(take, state=replace(take.state, expression=Expression(np.full((3, 52), 1e30), ARKIT)))
    with pytest.raises(OutputError, match=r"E_FORMAT: takes\[0\]\.weights holds 1e\+30"):
        write_capture(replace(capture, takes=(wild,)), tmp_path / "take.json")
    own = replace(take, state=replace(take.state, expression=Expression(np.zeros((3, 1)), Basis("own", ("smile",)))))
    with pytest.raises(OutputError, match=r"takes\[0\]\.basis: own is none of arkit"):
        write_capture(replace(capture, takes=(own,)), tmp_path / "take.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_frame_is_a_line(tmp_path: Path) -> None:
    write_capture(made_capture(3, 1), tmp_path / "take.json")
    lines = (tmp_path / "take.json").read_text().splitlines()
    assert len(lines) < 70
    assert sum(line.startswith("    [") for line in lines) == 3 * 6


def test_hours_of_a_face_stay_within_what_is_read(tmp_path: Path) -> None:
    """And what is written at all is: a session of hours must not end in a file that nobody opens."""
    sizes = {}
    for suffix in (".json", ".npz"):
        for frames in (10, 60):
            path = tmp_path / f"{frames}{suffix}"
            write_capture(made_capture(frames, 1), path)
            sizes[suffix, frames] = path.stat().st_size
    an_hour = {suffix: (sizes[suffix, 60] - sizes[suffix, 10]) / 50 * 30 * 3600 for suffix in (".json", ".npz")}
    assert 5 * an_hour[".json"] < takes.JSON_LIMIT
    assert 20 * an_hour[".npz"] < takes.NPZ_LIMIT


def test_a_crowd_is_read_again_however_few_of_its_rows_show_a_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every face has a row for every frame: unseen ones unpack to far more than they take."""
    monkeypatch.setattr(takes, "UNPACKED_LIMIT", 4 << 20)
    monkeypatch.setattr(takes, "_GROWTH", 1)
    gather = Gather("crowd")
    for k in range(100):
        gather.add(Frame(np.zeros((4, 4, 3), np.uint8), k / 25, k), [made_reading(k // 3, k)] if k < 90 else [])
    crowd = gather.capture()
    rows = sum(len(take) for take in crowd.takes)
    assert rows * 6_000 > 4 * takes.UNPACKED_LIMIT
    again = round_trip(crowd, tmp_path / "crowd.npz")
    for old, new in zip(crowd.takes, again.takes, strict=True):
        assert old.landmarks is not None
        assert new.landmarks is not None
        assert new.landmarks.tobytes() == old.landmarks.tobytes()
