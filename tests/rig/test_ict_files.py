import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_ict import files_of_model, indices_text, layout_of, made_ict, obj_text, write_folder

from mien.core.basis import ARKIT
from mien.core.errors import InputError, OutputError
from mien.formats.npz import read_members, write_members
from mien.formats.obj import read_obj_polygons
from mien.rig.ict_files import (
    DRIVERS,
    INDICES,
    NEUTRAL,
    PUBLISHED,
    PUBLISHED_SHA256,
    IctModel,
    read_ict,
    write_ict,
)

SHARED = Path(__file__).parents[3] / "shared" / "data" / "rigs"
MODEL = made_ict()
LAYOUT = layout_of(MODEL)


def same(one: IctModel, other: IctModel) -> bool:
    return one.regions == other.regions and all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)[:-1]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(MODEL, tmp_path / "FaceXModel")


@pytest.fixture
def shared() -> Path:
    if not SHARED.exists():
        pytest.skip("the ICT rig lies in ../shared, which is not here")
    return SHARED


def test_names_every_column_once_but_two() -> None:
    assert len(DRIVERS) == 53
    assert list(DRIVERS) == sorted(DRIVERS)
    driven = [ARKIT.columns[k] for k in DRIVERS.values()]
    assert set(ARKIT.columns) - set(driven) == {"tongueOut"}
    assert {column for column in driven if driven.count(column) == 2} == {"browInnerUp", "cheekPuff"}
    for shape, column in (("browDown_L", "browDownLeft"), ("eyeBlink_R", "eyeBlinkRight"), ("jawLeft", "jawLeft")):
        assert ARKIT.columns[DRIVERS[shape]] == column


def test_reads_the_folder_or_the_one_round_it(folder: Path) -> None:
    steps: list[str] = []
    model = read_ict(folder, LAYOUT, steps.append)
    assert same(model, MODEL)
    assert steps == [NEUTRAL, *(f"{shape}.obj" for shape in DRIVERS), *(f"identity00{k}.obj" for k in range(3))]
    assert same(read_ict(folder.parent, LAYOUT), MODEL)


def test_passes_over_what_newer_releases_add(folder: Path) -> None:
    for name in ("cheekRaiser_L.obj", "PupilDilate_R.obj", "ICTFaceModelMaterial.mtl", "identity100.obj", "notes"):
        (folder / name).write_text("not looked at")
    assert same(read_ict(folder, LAYOUT), MODEL)


def test_file_round_trip(tmp_path: Path) -> None:
    write_ict(MODEL, tmp_path / "a.npz")
    write_ict(MODEL, tmp_path / "b.npz")
    assert same(read_ict(tmp_path / "a.npz"), MODEL)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with pytest.raises(OutputError, match="E_EXISTS"):
        write_ict(MODEL, tmp_path / "a.npz")
    write_ict(MODEL, tmp_path / "a.npz", overwrite=True)


def test_sha256_knows_every_number_but_not_the_later_identities() -> None:
    whole = MODEL.sha256()
    assert not MODEL.is_published
    for field in ("neutral", "expressions", "identities", "quads", "uv", "landmarks68"):
        changed = getattr(MODEL, field).copy()
        changed.flat[-1] += 1 if changed.dtype.kind == "f" else -1
        assert dataclasses.replace(MODEL, **{field: changed}).sha256() != whole
    more = np.concatenate([MODEL.identities, MODEL.identities[:1]])
    longer = dataclasses.replace(MODEL, identities=more)
    assert longer.sha256(3) == MODEL.sha256(3) == whole
    assert longer.sha256(4) != whole


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (["jawOpen.obj"], "E_NOTFILE: jawOpen.obj is missing"),
        (["identity000.obj", "identity001.obj", "identity002.obj"], "E_NOTFILE: identity000.obj is missing"),
        (["identity001.obj", "eyeBlink_L.obj"], "E_NOTFILE: eyeBlink_L.obj, identity001.obj are missing"),
        ([INDICES], "E_NOTFILE: vertex_indices.json is missing"),
        (
            [NEUTRAL, INDICES, "jawOpen.obj", "jawLeft.obj"],
            "vertex_indices.json, generic_neutral_mesh.obj, jawLeft.obj and 1 more files are missing",
        ),
    ],
)
def test_says_which_files_are_missing(folder: Path, missing: list[str], message: str) -> None:
    for name in missing:
        (folder / name).unlink()
    with pytest.raises(InputError) as caught:
        read_ict(folder, LAYOUT)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "mien rigs fetch ict" in str(caught.value)


def with_line(text: str, line: int, new: str) -> str:
    lines = text.splitlines()
    lines[line - 1] = new
    return "\n".join(lines) + "\n"


GOOD = obj_text(MODEL, MODEL.expressions[0])
FEWER = dataclasses.replace(MODEL, quads=MODEL.quads[:-1], quads_uv=MODEL.quads_uv[:-1])
BROKEN: list[tuple[str, str, str]] = [
    ("jawOpen.obj", with_line(GOOD, 7, "v 1 2"), "jawOpen.obj: E_FORMAT: line 7: v needs 3 numbers"),
    ("jawOpen.obj", with_line(GOOD, 7, "v 1 2 nan"), "jawOpen.obj: E_FORMAT: line 7: a number is not finite"),
    ("jawOpen.obj", obj_text(FEWER, MODEL.expressions[0]), "jawOpen.obj: E_FORMAT: has other vertices or faces"),
    ("identity001.obj", GOOD.replace("vt", "v 0 0 0\nvt", 1), "identity001.obj: E_FORMAT: has other vertices"),
    ("identity001.obj", "<html>", "identity001.obj: E_FORMAT: no vertices"),
    ("identity001.obj", "", "identity001.obj: E_EMPTY"),
    ("identity002.obj", with_line(GOOD, 7, "v 1e30 0 0"), "E_FORMAT: identities holds numbers that are not finite"),
    (NEUTRAL, GOOD.replace("vt", "v 0 0 0\nvt", 1), f"{NEUTRAL}: E_FORMAT: has {len(MODEL.neutral) + 1} vertices"),
    (NEUTRAL, GOOD + "f 1/1 2/2 3/3 4/4 5/5\n", f"{NEUTRAL}: E_FORMAT: must be quads and triangles"),
    (NEUTRAL, GOOD + "f 1 2 3\n", f"{NEUTRAL}: E_FORMAT: must be quads and triangles"),
    (INDICES, "{", f"{INDICES}: E_FORMAT: Expecting property name"),
    (INDICES, "[]", f"{INDICES}: E_FORMAT: holds no idx_to_landmark_verts"),
    (INDICES, "{}", f"{INDICES}: E_FORMAT: holds no idx_to_landmark_verts"),
    (INDICES, '{"idx_to_landmark_verts": "all"}', f"{INDICES}: E_FORMAT: "),
    (INDICES, '{"idx_to_landmark_verts": [1, 2]}', f"{INDICES}: E_FORMAT: idx_to_landmark_verts must have shape [68]"),
    (INDICES, json.dumps({"idx_to_landmark_verts": [10**6] * 68}), "names vertices outside"),
    (INDICES, json.dumps({"idx_to_landmark_verts": [10**30] * 68}), f"{INDICES}: E_FORMAT: "),
    (INDICES, json.dumps({"idx_to_landmark_verts": [0.5] * 68}), "must hold whole numbers"),
    (INDICES, "[" * 100_000, f"{INDICES}: E_FORMAT: "),
]


@pytest.mark.parametrize(("name", "text", "message"), BROKEN, ids=range(len(BROKEN)))
def test_damaged_files_are_named(folder: Path, name: str, text: str, message: str) -> None:
    (folder / name).write_text(text, "ascii")
    with pytest.raises(InputError) as caught:
        read_ict(folder, LAYOUT)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def npz_with(tmp_path: Path, **changes: object) -> Path:
    write_ict(MODEL, tmp_path / "good.npz")
    members = read_members((tmp_path / "good.npz").read_bytes(), 2**28)
    changed = {**members, **{name: np.asarray(value) for name, value in changes.items() if value is not None}}
    write_members(tmp_path / "bad.npz", {name: a for name, a in changed.items() if changes.get(name, 1) is not None})
    return tmp_path / "bad.npz"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"neutral": None}, "neutral is missing"),
        ({"region_stop": None}, "region_stop is missing"),
        ({"neutral": np.zeros((3, 3))}, "expressions must have shape [53, 3, 3]"),
        ({"neutral": np.array(["a"])}, "not an ICT rig"),
        ({"quads": np.full_like(MODEL.quads, -1)}, "quads names rows outside"),
        ({"uv": np.zeros((3, 2))}, "quads_uv names rows outside 0..2"),
        ({"landmarks68": np.zeros(67, int)}, "landmarks68 must have shape [68]"),
        ({"expression_names": np.array(["a"] * 53)}, "expression_names are not the 53"),
        ({"region_stop": np.full(4, 10**6)}, "regions must lie within"),
        ({"region_stop": np.zeros(2, int)}, "not an ICT rig"),
        ({"region_names": np.array(["a", "b", "c", "d"])}, "regions need eyeball_left"),
        ({"expressions": np.full((53, len(MODEL.neutral), 3), np.inf)}, "expressions holds numbers that are not"),
    ],
)
def test_damaged_npz_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_ict(npz_with(tmp_path, **changes))
    assert message in str(caught.value)
    assert "bad.npz: E_FORMAT" in str(caught.value)


def test_cut_and_foreign_files_are_refused(tmp_path: Path) -> None:
    write_ict(MODEL, tmp_path / "whole.npz")
    data = (tmp_path / "whole.npz").read_bytes()
    for number, content in enumerate((data[:-30], data[: len(data) // 2], b"PK", b"not at all")):
        path = tmp_path / f"{number}.npz"
        path.write_bytes(content)
        with pytest.raises(InputError, match="E_FORMAT"):
            read_ict(path)
    with pytest.raises(InputError, match="E_NOTFILE"):
        read_ict(tmp_path / "nowhere.npz")


def test_inputs_are_not_changed(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    read_ict(folder, LAYOUT)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_files_of_a_model_are_the_whole_folder(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == set(files_of_model(MODEL))
    assert json.loads(indices_text(MODEL))["idx_to_landmark_verts"] == MODEL.landmarks68.tolist()


# --- the published one ------------------------------------------------------------------------------------------------


def test_published_numbers_are_pinned(shared: Path) -> None:
    model = read_ict(shared / "ict-facekit.npz")
    assert model.sha256() == PUBLISHED_SHA256
    assert model.is_published
    assert layout_of(model) == PUBLISHED


def test_published_files_give_the_pinned_numbers_bit_for_bit(shared: Path, tmp_path: Path) -> None:
    """The folder made of the two real files: their numbers, faces and landmarks are those of the pinned model."""
    sample, pinned = shared / "ict-sample", read_ict(shared / "ict-facekit.npz")
    for shape in DRIVERS:
        (tmp_path / f"{shape}.obj").symlink_to(sample / NEUTRAL)
    (tmp_path / "jawOpen.obj").unlink()
    shutil.copy(sample / "jawOpen.obj", tmp_path)
    for name in (NEUTRAL, INDICES):
        shutil.copy(sample / name, tmp_path)
    (tmp_path / "identity000.obj").symlink_to(sample / NEUTRAL)
    still = read_obj_polygons(sample / NEUTRAL)
    with pytest.MonkeyPatch.context() as patch:  # 52 of the files are one: it is read once
        real = read_obj_polygons
        patch.setattr(
            "mien.rig.ict_files.read_obj_polygons",
            lambda path: real(path) if path.name == "jawOpen.obj" else still,
        )
        model = read_ict(tmp_path)
    jaw = list(DRIVERS).index("jawOpen")
    assert model.expressions[jaw].tobytes() == pinned.expressions[jaw].tobytes()
    assert not model.expressions[:jaw].any()
    for field in ("neutral", "quads", "quads_uv", "uv", "landmarks68"):
        assert getattr(model, field).tobytes() == getattr(pinned, field).tobytes()
    assert not model.is_published
