import json
import os
import pickle
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hostile import Runs
from made_flame import (
    HEAD,
    LEFT_BALL,
    RIGHT_BALL,
    ROOT,
    made_flame,
    official,
    write_npz,
    write_pickle,
    write_safetensors,
)

from mien.core.arrays import Array
from mien.core.errors import InputError, OutputError
from mien.formats.npz import read_members, write_members
from mien.rig.flame import FlameRig
from mien.rig.flame_file import FlameModel, import_flame, read_flame

SMALL = made_flame(100, 50)
"""In the layout that DECA's and EMOCA's codes use."""
NAMES = FlameModel.__slots__
Arrays = dict[str, Array]


def equal(one: FlameModel, other: FlameModel) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in NAMES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flame")


@pytest.fixture(scope="module")
def flame2020(folder: Path) -> Path:
    """FLAME 2020 as its project hands it out: written by Python 2, 400 directions, 53 MB."""
    return write_pickle(folder / "generic_model.pkl", official(made_flame(300, 100)))


@pytest.fixture(scope="module")
def ours(folder: Path) -> Path:
    path = folder / "ours.npz"
    import_flame(write_npz(folder / "small.npz", official(SMALL)), path)
    return path


# --- every form that a model comes in ---------------------------------------------------------------------------------


def test_flame_2020_is_imported_from_its_pickle(flame2020: Path, folder: Path) -> None:
    before = flame2020.read_bytes()
    target = folder / "flame.npz"
    model = import_flame(flame2020, target)
    assert equal(model, made_flame(300, 100))
    assert flame2020.read_bytes() == before
    start = time.process_time()
    rig = FlameRig.load(target)
    assert time.process_time() - start < 2.0
    assert equal(rig.model, model)
    assert rig.identities == 300
    assert rig.absent == ()


def test_flame_2023_as_python_3_pickles_it(tmp_path: Path) -> None:
    arrays = official(SMALL)
    table = arrays["kintree_table"].astype(np.int64)
    table[0, 0] = -1
    path = tmp_path / "flame2023.pkl"
    path.write_bytes(pickle.dumps(arrays | {"kintree_table": table, "f": arrays["f"].astype(np.int64)}, 4))
    assert equal(read_flame(path), SMALL)


@pytest.mark.parametrize("write", [write_npz, write_safetensors], ids=["npz", "safetensors"])
def test_arrays_without_a_pickle(tmp_path: Path, write: Callable[[Path, Arrays], Path]) -> None:
    path = tmp_path / f"flame.{write.__name__.removeprefix('write_')}"
    assert equal(read_flame(write(path, official(SMALL))), SMALL)


def test_the_buffers_of_torch_ports(tmp_path: Path) -> None:
    arrays = {name: array.astype(np.float32) for name, array in official(SMALL).items()}
    ported = {
        "v_template": arrays["v_template"],
        "shapedirs": arrays["shapedirs"][..., :100],
        "expr_dirs": arrays["shapedirs"][..., 100:],
        "posedirs": arrays["posedirs"].reshape(-1, 36).T,
        "J_regressor": arrays["J_regressor"],
        "parents": np.array([-1, 0, 1, 1, 1]),
        "lbs_weights": arrays["weights"],
        "faces_tensor": official(SMALL)["f"].astype(np.int64),
        "landmark_embedding": np.zeros(3, np.float32),
    }
    assert equal(read_flame(write_safetensors(tmp_path / "a.safetensors", ported)), SMALL)


def test_eyeballs_are_told_from_the_weights() -> None:
    left, right = SMALL.eyeballs
    assert np.array_equal(left, np.r_[LEFT_BALL])
    assert np.array_equal(right, np.r_[RIGHT_BALL])
    assert left[0] == HEAD == 3931
    assert right[-1] == 5022


# --- our own file -----------------------------------------------------------------------------------------------------


def test_our_file_is_read_back_and_says_whose_it_is(ours: Path) -> None:
    assert equal(read_flame(ours), SMALL)
    members = read_members(ours.read_bytes(), 2**29)
    assert "FLAME's licence goes on to hold" in str(members["licence"])
    assert all(member.dtype.kind in "fiU" for member in members.values())


def test_importing_again_gives_the_same_bytes(ours: Path, tmp_path: Path) -> None:
    import_flame(ours, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == ours.read_bytes()


def test_a_file_that_is_there_stays_unless_asked(ours: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.npz"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match="E_EXISTS"):
        import_flame(ours, target)
    assert target.read_bytes() == b"mine"
    import_flame(ours, target, overwrite=True)
    assert target.read_bytes() == ours.read_bytes()
    assert os.listdir(tmp_path) == ["a.npz"]


def test_after_a_refusal_nothing_is_left(tmp_path: Path) -> None:
    source = tmp_path / "a.pkl"
    source.write_bytes(pickle.dumps(Runs(str(tmp_path / "canary"))))
    with pytest.raises(
        InputError, match=r"a\.pkl: E_PICKLE: asks for builtins\.exec \(a FLAME model holds arrays only"
    ):
        import_flame(source, tmp_path / "b.npz")
    assert os.listdir(tmp_path) == ["a.pkl"]


# --- what is no model says why ----------------------------------------------------------------------------------------

OFFICIAL = official(SMALL)


def changed(key: str, change: Callable[[Array], Array]) -> Arrays:
    return OFFICIAL | {key: change(OFFICIAL[key])}


def put(place: tuple[int, ...], number: float) -> Callable[[Array], Array]:
    def change(array: Array) -> Array:
        array = array.copy()
        array[place] = number
        return array

    return change


WRONG: list[tuple[Arrays, str]] = [
    ({}, "v_template is missing"),
    *(({key: OFFICIAL[key] for key in OFFICIAL if key != left}, f"{left} is missing") for left in OFFICIAL),
    (changed("v_template", lambda a: a[:-1]), r"template must have shape \[5023, 3\], got \[5022, 3\]"),
    (changed("v_template", put((7, 1), np.nan)), "template holds numbers that are not finite"),
    (changed("v_template", lambda a: 100 * a), "left eye 620 cm to the left of the right one, not 3 to 10"),
    (changed("v_template", lambda a: a * [-1, 1, 1]), "left eye -6.2 cm"),
    (changed("shapedirs", lambda a: a[..., :149]), "shapedirs has 149 directions, not 400"),
    (changed("shapedirs", lambda a: a[..., 0]), r"shapedirs must have shape \[5023, 3, n\]"),
    (changed("shapedirs", put((0, 0, 120), np.inf)), "expression_directions holds numbers that are not finite"),
    (changed("shapedirs", lambda a: a[:5022]), r"shape_directions must have shape \[5023, 3, n\]"),
    (OFFICIAL | {"expr_dirs": np.zeros((5023, 3, 101))}, "expression_directions has 101, at most 100"),
    (changed("posedirs", lambda a: a[..., :27]), r"pose_directions must have shape \[5023, 3, 36\]"),
    (changed("posedirs", lambda a: a.reshape(-1, 36)), r"pose_directions must have shape"),
    (changed("J_regressor", lambda a: a[:4]), r"joint_regressor must have shape \[5, 5023\]"),
    (changed("J_regressor", lambda a: a * [[1], [1], [2], [1], [1]]), "joint_regressor must sum .* row 2 sums to 2"),
    (changed("kintree_table", lambda a: a[:, [0, 1, 2, 4, 3]] * 0), r"parents must be \[-1, 0, 1, 1, 1\], got \[0"),
    (changed("kintree_table", lambda a: np.zeros((2, 24))), r"parents must have shape \[5\], got \[24\]"),
    (changed("kintree_table", lambda a: a[0] + 0.5), "parents must hold whole numbers"),
    (changed("kintree_table", lambda a: a[:0]), "parents must have shape"),
    (changed("weights", put((9, 1), 0.0)), "skinning must sum to 1 in every row, row 9 sums to"),
    (changed("weights", lambda a: a[:, :4]), r"skinning must have shape \[5023, 5\]"),
    (changed("f", lambda a: a[:9000]), r"triangles must have shape \[9976, 3\]"),
    (changed("f", put((5, 0), 5023)), "triangles name vertices outside"),
    (changed("f", put((5, 0), ROOT)), "triangles name vertices outside"),
    (changed("f", lambda a: a + 0.5), "triangles must hold whole numbers"),
]


@pytest.mark.parametrize(("arrays", "says"), WRONG, ids=[says[:40] for _, says in WRONG])
def test_arrays_that_are_no_model_say_what_is_wrong(arrays: Arrays, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FlameModel.from_official(arrays)


def cause(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_flame(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return f"{caught.value.code}: {caught.value.cause}"


def test_the_error_names_the_file(tmp_path: Path) -> None:
    lean = {key: OFFICIAL[key] for key in ("v_template", "f", "kintree_table")}
    assert cause(write_npz(tmp_path / "a.npz", lean)) == "E_FLAME: is no FLAME model: shapedirs is missing"
    assert "shapedirs is missing" in cause(write_safetensors(tmp_path / "a.safetensors", lean))
    assert "shapedirs is missing" in cause(write_pickle(tmp_path / "a.pkl", OFFICIAL, leave_out=["shapedirs"]))


def test_files_that_cannot_be_models(tmp_path: Path) -> None:
    (tmp_path / "a.obj").touch()
    assert cause(tmp_path / "a.obj") == "E_FLAME: the name does not say what kind of file it is"
    assert cause(tmp_path / "missing.npz") == "E_NOTFILE: no such file"
    for suffix in ("pkl", "npz", "safetensors"):
        folder, empty, noise = (tmp_path / f"{name}.{suffix}" for name in ("folder", "empty", "noise"))
        folder.mkdir()
        assert cause(folder) == "E_NOTFILE: a directory, not a file"
        empty.touch()
        assert cause(empty).startswith("E_EMPTY")
        noise.write_bytes(np.random.default_rng(0).bytes(1000))
        assert cause(noise).startswith(("E_FLAME: is no FLAME model: not a whole", "E_PICKLE: is no whole pickle"))
    np.savez(tmp_path / "objects.npz", v_template=np.array([Runs(str(tmp_path / "canary"))], dtype=object))
    assert "pickled objects, which are never loaded" in cause(tmp_path / "objects.npz")
    assert not (tmp_path / "canary").exists()


def test_our_file_with_a_member_gone(ours: Path, tmp_path: Path) -> None:
    members = read_members(ours.read_bytes(), 2**29)
    path = tmp_path / "a.npz"
    write_members(path, {name: member for name, member in members.items() if name != "skinning"})
    assert cause(path) == "E_FLAME: is no FLAME model: skinning is missing"


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b"not json",
        json.dumps({"f": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}}).encode(),
        json.dumps({"f": {"dtype": "F64", "shape": [1], "data_offsets": [-8, 0]}}).encode(),
        json.dumps({"f": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode(),
    ],
)
def test_hostile_safetensors(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(2))
    assert cause(path).startswith("E_FLAME: is no FLAME model: ")
    path.write_bytes(struct.pack("<Q", 2**60) + header)
    assert cause(path).startswith("E_FLAME: is no FLAME model: not a whole safetensors file")


def test_without_safetensors_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_safetensors(tmp_path / "a.safetensors", {"f": np.zeros(3)})
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(InputError, match=r'E_EXTRA: safetensors is not installed \(pip install "mien\[flame\]"\)'):
        read_flame(path)
