import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scenes import made_scene

from mien.core.basis import ARKIT, PERFECT_SYNC, VRM
from mien.core.errors import InputError, OutputError
from mien.formats.glb import write_glb
from mien.formats.vrm import (
    MorphBind,
    PresetRecipe,
    VrmExpression,
    VrmExpressions,
    bind_expressions,
    read_vrm_expressions,
    vrm_name,
    write_vrm_expressions,
)

RECIPES = (
    PresetRecipe("blink", (("eyeBlinkLeft", 1.0), ("eyeBlinkRight", 1.0))),
    PresetRecipe("aa", (("jawOpen", 0.6), ("tongueOut", 0.2))),
    PresetRecipe("happy", (("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.8))),
    PresetRecipe("neutral", ()),
    PresetRecipe("oh", (("mouthFunnel", 1.0),)),
)
MESH = ("eyeBlinkLeft", "eyeBlinkRight", "other", "jawOpen", "MouthSmileLeft", "mouthSmileRight")


def test_presets_follow_their_recipes_by_what_the_mesh_has() -> None:
    bound = bind_expressions(MESH, RECIPES, node=4)
    presets = {expression.name: expression.binds for expression in bound.preset}
    assert presets == {
        "happy": (MorphBind(4, 0.8, 4), MorphBind(5, 0.8, 4)),
        "aa": (MorphBind(3, 0.6, 4),),
        "blink": (MorphBind(0, 1.0, 4), MorphBind(1, 1.0, 4)),
        "neutral": (),
    }
    assert list(presets) == [name for name in VRM.columns if name in presets]


def test_custom_are_the_52_of_perfect_sync_and_move_their_own_target() -> None:
    bound = bind_expressions(MESH, RECIPES)
    assert tuple(expression.name for expression in bound.custom) == PERFECT_SYNC.columns
    moved = {expression.name: expression.binds for expression in bound.custom if expression.binds}
    places = {"EyeBlinkLeft": 0, "EyeBlinkRight": 1, "JawOpen": 3, "MouthSmileLeft": 4, "MouthSmileRight": 5}
    assert moved == {name: (MorphBind(place, 1.0, 0),) for name, place in places.items()}
    everything = bind_expressions(ARKIT.columns, RECIPES)
    assert [expression.binds for expression in everything.custom] == [(MorphBind(k, 1.0, 0),) for k in range(52)]
    assert len(everything.preset) == len(RECIPES)


def test_the_file_has_the_fields_of_the_specification(tmp_path: Path) -> None:
    write_vrm_expressions(bind_expressions(MESH, RECIPES, 2), tmp_path / "face.json")
    document = json.loads((tmp_path / "face.json").read_text())
    assert document["extensionsUsed"] == ["VRMC_vrm"]
    extension = document["extensions"]["VRMC_vrm"]
    assert extension["specVersion"] == "1.0"
    assert extension["expressions"]["preset"]["aa"] == {
        "isBinary": False,
        "morphTargetBinds": [{"node": 2, "index": 3, "weight": 0.6}],
        "overrideBlink": "none",
        "overrideLookAt": "none",
        "overrideMouth": "none",
    }
    assert len(extension["expressions"]["custom"]) == 52


BINDS = st.lists(st.builds(MorphBind, st.integers(0, 500), st.floats(0, 1), st.integers(0, 50)), max_size=4).map(tuple)
OVERRIDE = st.sampled_from(["none", "block", "blend"])


def expressions(names: list[str]) -> st.SearchStrategy[tuple[VrmExpression, ...]]:
    made = st.builds(VrmExpression, st.sampled_from(names), BINDS, st.booleans(), OVERRIDE, OVERRIDE, OVERRIDE)
    return st.lists(made, unique_by=lambda expression: expression.name, max_size=5).map(tuple)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    preset=expressions(list(VRM.columns)), custom=expressions([*PERFECT_SYNC.columns[:9], "tailWag", "Ärger", "Joy"])
)
def test_expressions_come_back(
    preset: tuple[VrmExpression, ...], custom: tuple[VrmExpression, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("vrm") / "face.json"
    written = VrmExpressions(preset, custom)
    write_vrm_expressions(written, path)
    assert read_vrm_expressions(path) == written


def test_every_name_is_known_in_every_spelling() -> None:
    old = [*("Joy", "Angry", "Sorrow", "Fun", "A", "I", "U", "E", "O", "Blink", "Blink_L", "Blink_R")]
    old += [*("LookUp", "LookDown", "LookLeft", "LookRight", "Neutral")]
    assert {vrm_name(name) for name in old} == {*VRM.columns} - {"surprised"}
    assert [vrm_name(name.lower()) for name in old] == [vrm_name(name) for name in old]
    assert [vrm_name(name) for name in VRM.columns] == list(VRM.columns)
    assert [vrm_name(name) for name in ARKIT.columns] == list(PERFECT_SYNC.columns)
    assert [vrm_name(name) for name in PERFECT_SYNC.columns] == list(PERFECT_SYNC.columns)
    assert vrm_name("Surprised") == "Surprised"


OLD: dict[str, Any] = {
    "nodes": [{"name": "root"}, {"mesh": 3}, {"mesh": 3}],
    "extensions": {
        "VRM": {
            "blendShapeMaster": {
                "blendShapeGroups": [
                    {"name": "Joy", "presetName": "joy", "binds": [{"mesh": 3, "index": 5, "weight": 75}]},
                    {"name": "Blink_L", "presetName": "blink_l", "isBinary": True, "binds": []},
                    {"name": "jawOpen", "presetName": "unknown", "binds": [{"mesh": 9, "index": 1, "weight": 100}]},
                    {"name": "A", "presetName": "unknown"},
                    {"name": "tailWag"},
                ]
            }
        }
    },
}


def test_an_avatar_of_version_0_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(OLD))
    read = read_vrm_expressions(tmp_path / "old.json")
    assert read.preset == (
        VrmExpression("happy", (MorphBind(5, 0.75, 1),)),
        VrmExpression("blinkLeft", (), True),
        VrmExpression("aa", ()),
    )
    assert read.custom == (VrmExpression("JawOpen", (MorphBind(1, 1.0, None),)), VrmExpression("tailWag", ()))
    with pytest.raises(ValueError, match=r"JawOpen: a bind of VRM 1\.0 needs its node"):
        write_vrm_expressions(read, tmp_path / "new.json")


def test_the_extension_alone_and_a_whole_avatar_are_read(tmp_path: Path) -> None:
    written = bind_expressions(MESH, RECIPES)
    write_vrm_expressions(written, tmp_path / "whole.json")
    document = json.loads((tmp_path / "whole.json").read_text())
    (tmp_path / "part.json").write_text(json.dumps(document["extensions"]["VRMC_vrm"]))
    assert read_vrm_expressions(tmp_path / "part.json") == written
    (tmp_path / "old.json").write_text(json.dumps(OLD["extensions"]["VRM"]))
    assert read_vrm_expressions(tmp_path / "old.json").preset[0].binds == (MorphBind(5, 0.75, None),)
    # A .vrm is a GLB with the extension in its JSON.
    write_glb(made_scene(), tmp_path / "face.vrm")
    data = (tmp_path / "face.vrm").read_bytes()
    size = int.from_bytes(data[12:16], "little")
    text = json.dumps(json.loads(data[20 : 20 + size]) | document).encode()
    rest = data[20 + size :]
    head = b"glTF" + (2).to_bytes(4, "little") + (20 + len(text) + len(rest)).to_bytes(4, "little")
    (tmp_path / "face.vrm").write_bytes(head + len(text).to_bytes(4, "little") + b"JSON" + text + rest)
    assert read_vrm_expressions(tmp_path / "face.vrm") == written


def new(**expression: object) -> dict[str, Any]:
    return {"expressions": {"preset": {"happy": expression}}}


def bind(**change: object) -> dict[str, Any]:
    return new(morphTargetBinds=[{"node": 0, "index": 0, "weight": 1} | change])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "holds no expressions of VRM"),
        ({"extensions": {"VRMC_vrm": {"expressions": []}}}, r"extensions\.VRMC_vrm\.expressions must be an object"),
        ({"expressions": {"preset": {"joyful": {}}}}, "joyful is no preset of VRM 1.0"),
        ({"expressions": {"custom": {"happy": {}}}}, "happy is a preset of VRM 1.0"),
        ({"expressions": {"custom": {"jawOpen": {}, "JawOpen": {}}}}, "JawOpen comes twice"),
        ({"expressions": {"custom": {"x": 1}}}, r"expressions\.custom\.x must be an object"),
        (new(isBinary=1), r"happy\.isBinary must be true or false"),
        (new(overrideBlink="maybe"), "must be none, block, blend, got maybe"),
        (bind(weight=1.5), r"morphTargetBinds\[0\]: the weight of a morph target must lie in 0\.\.1, got 1\.5"),
        (bind(index=-1), r"morphTargetBinds\[0\]\.index must be a whole number"),
        (bind(node="head"), r"morphTargetBinds\[0\]\.node must be a whole number"),
        (new(morphTargetBinds=[{"node": 0, "index": 0}]), r"weight is missing"),
        ({"blendShapeMaster": {"blendShapeGroups": [{"name": "Joy"}, {"presetName": "joy"}]}}, "happy comes twice"),
        ({"blendShapeMaster": {"blendShapeGroups": [{"binds": [{"index": 0, "weight": 1}]}]}}, "mesh is missing"),
    ],
)
def test_a_broken_avatar_says_where(document: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "face.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=message) as caught:
        read_vrm_expressions(path)
    assert str(caught.value).startswith(f"{path}: E_FORMAT: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"[" * 10**5, b"glTF" + b"\0" * 40, b"\xff", b"{", b'"joy"'])
def test_what_is_no_document_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "face.vrm").write_bytes(data)
    with pytest.raises(InputError, match="E_FORMAT"):
        read_vrm_expressions(tmp_path / "face.vrm")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (PresetRecipe("joy", (("jawOpen", 1.0),)), "joy is no preset"),
        (PresetRecipe("aa", (("JawOpen", 1.0),)), "names JawOpen, which ARKit does not have"),
        (PresetRecipe("oh", (("jawOpen", 1.1),)), r"must lie in 0\.\.1"),
        (PresetRecipe("happy", (("jawOpen", 1.0),)), "happy comes twice"),
    ],
)
def test_a_recipe_must_make_sense(recipe: PresetRecipe, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bind_expressions(MESH, (*RECIPES, recipe))


def test_a_file_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "face.json"
    path.write_text("mine")
    with pytest.raises(OutputError, match="E_EXISTS"):
        write_vrm_expressions(bind_expressions(MESH, RECIPES), path)
    assert path.read_text() == "mine"
    write_vrm_expressions(bind_expressions(MESH, RECIPES), path, overwrite=True)
    assert path.read_text().startswith("{")
