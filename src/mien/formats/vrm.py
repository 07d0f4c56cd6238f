"""The expressions of a VRM avatar: which morph targets each of its presets and custom expressions moves.

VRM 1.0 keeps them in glTF's JSON under `extensions.VRMC_vrm.expressions`: `preset` has 18 names of its own, `custom`
any others. Perfect Sync, a habit of VTuber software and not part of VRM, puts the 52 of ARKit there. VRM 0.x kept both
in `extensions.VRM.blendShapeMaster`, with other names, and weights of 0 to 100; that is read too.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mien.core.basis import ARKIT, PERFECT_SYNC, VRM
from mien.core.errors import InputError
from mien.formats.files import StrPath, read_bytes, replacing
from mien.formats.glb_reader import GLB_LIMIT, glb_chunks
from mien.formats.json_object import JsonObject

OVERRIDES = ("none", "block", "blend")
"""What an expression may do to blinking, gaze or lip movement that the application makes by itself."""

_OLD_PRESETS = {
    **{"joy": "happy", "angry": "angry", "sorrow": "sad", "fun": "relaxed"},
    **{"a": "aa", "i": "ih", "u": "ou", "e": "ee", "o": "oh"},
    **{"blink": "blink", "blink_l": "blinkLeft", "blink_r": "blinkRight"},
    **{"lookup": "lookUp", "lookdown": "lookDown", "lookleft": "lookLeft", "lookright": "lookRight"},
    "neutral": "neutral",
}
"""Presets of VRM 0.x in lower case, by what VRM 1.0 calls them; it had none for surprise."""

_PERFECT_SYNC = {column.lower(): column for column in PERFECT_SYNC.columns}


@dataclass(frozen=True, slots=True)
class MorphBind:
    """A morph target that an expression moves.

    Args:
        index: its number among the targets of the mesh.
        weight: how far it goes when the expression is at 1, 0 to 1.
        node: the node with the mesh, or None where a file does not say (VRM 0.x names the mesh instead).
    """

    index: int
    weight: float
    node: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ValueError(f"the weight of a morph target must lie in 0..1, got {self.weight}")


@dataclass(frozen=True, slots=True)
class VrmExpression:
    """One expression of an avatar.

    Args:
        name: a preset of VRM 1.0, one of Perfect Sync (`JawOpen`), or any other.
        binds: the morph targets that it moves.
        is_binary: whether it only knows on (above 0.5) and off.
        override_blink: `none`, `block` or `blend`: what it does to automatic blinking.
        override_look_at: likewise, to the gaze.
        override_mouth: likewise, to the lips.
    """

    name: str
    binds: tuple[MorphBind, ...]
    is_binary: bool = False
    override_blink: str = "none"
    override_look_at: str = "none"
    override_mouth: str = "none"

    def __post_init__(self) -> None:
        for override in (self.override_blink, self.override_look_at, self.override_mouth):
            if override not in OVERRIDES:
                raise ValueError(f"an override must be {', '.join(OVERRIDES)}, got {override:.40}")


@dataclass(frozen=True, slots=True)
class VrmExpressions:
    """The expressions of an avatar: those of VRM's 18 presets that it has, and its own; names are distinct."""

    preset: tuple[VrmExpression, ...]
    custom: tuple[VrmExpression, ...]

    def __post_init__(self) -> None:
        names = [expression.name for expression in (*self.preset, *self.custom)]
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise ValueError(f"the expression {name:.60} comes twice")
            seen.add(name)
        for expressions, known in ((self.preset, True), (self.custom, False)):
            if strange := [one.name for one in expressions if (one.name in VRM.columns) != known]:
                raise ValueError(f"{strange[0]:.60} {'is no' if known else 'is a'} preset of VRM 1.0")


@dataclass(frozen=True, slots=True)
class PresetRecipe:
    """What a preset is made of: ARKit channels and how far each goes, 0 to 1."""

    preset: str
    channels: tuple[tuple[str, float], ...]


def vrm_name(name: str) -> str:
    """The name of an expression as VRM 1.0 and Perfect Sync spell it.

    VRM 0.x's presets become those of 1.0, whatever their case; ARKit's 52 start with a capital; others stay.

    >>> [vrm_name(name) for name in ("Joy", "Blink_L", "jawOpen", "tailWag")]
    ['happy', 'blinkLeft', 'JawOpen', 'tailWag']
    """
    if name in VRM.columns:
        return name
    lower = name.lower()
    return _OLD_PRESETS.get(lower) or _PERFECT_SYNC.get(lower, name)


def bind_expressions(morph_names: Sequence[str], recipes: Sequence[PresetRecipe], node: int = 0) -> VrmExpressions:
    """The expressions of a mesh whose morph targets are ARKit's.

    Presets follow their recipes, by the channels that the mesh has; one of which it has no channel is left out. Custom
    are all 52 of Perfect Sync, since software looks for every one of them: what the mesh lacks moves nothing.

    Args:
        morph_names: names of the mesh's targets, as ARKit or Perfect Sync spells them; others are left alone.
        recipes: what the presets are made of.
        node: number of the node with the mesh.

    Raises:
        ValueError: a recipe for no preset, of no ARKit channel, with a weight outside 0..1, or for one preset twice.
    """
    places = {vrm_name(name): index for index, name in reversed(list(enumerate(morph_names)))}
    preset: list[VrmExpression] = []
    for recipe in sorted(recipes, key=lambda recipe: VRM.index(recipe.preset) if recipe.preset in VRM.columns else -1):
        if strange := [channel for channel, _ in recipe.channels if channel not in ARKIT.columns]:
            raise ValueError(f"the recipe for {recipe.preset} names {strange[0]}, which ARKit does not have")
        steps = [(places.get(vrm_name(channel)), weight) for channel, weight in recipe.channels]
        binds = tuple(MorphBind(index, weight, node) for index, weight in steps if index is not None)
        if binds or not recipe.channels:
            preset.append(VrmExpression(recipe.preset, binds))
    custom = (
        VrmExpression(name, (MorphBind(places[name], 1.0, node),) if name in places else ())
        for name in PERFECT_SYNC.columns
    )
    return VrmExpressions(tuple(preset), tuple(custom))


def write_vrm_expressions(expressions: VrmExpressions, path: StrPath, overwrite: bool = False) -> None:
    """Writes the JSON that belongs into a VRM 1.0 avatar: glTF's `extensionsUsed` and `extensions.VRMC_vrm`.

    Raises:
        OutputError: E_EXISTS: the file is there already; or the disk refuses.
        ValueError: a bind names no node.
    """
    groups = {
        group: {one.name: _written(one) for one in members}
        for group, members in (("preset", expressions.preset), ("custom", expressions.custom))
    }
    extension = {"specVersion": "1.0", "expressions": groups}
    document = {"extensionsUsed": ["VRMC_vrm"], "extensions": {"VRMC_vrm": extension}}
    text = json.dumps(document, indent=1) + "\n"
    with replacing(path, overwrite) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def _written(expression: VrmExpression) -> dict[str, object]:
    if any(bind.node is None for bind in expression.binds):
        raise ValueError(f"{expression.name}: a bind of VRM 1.0 needs its node")
    return {
        "isBinary": expression.is_binary,
        "morphTargetBinds": [
            {"node": bind.node, "index": bind.index, "weight": bind.weight} for bind in expression.binds
        ],
        "overrideBlink": expression.override_blink,
        "overrideLookAt": expression.override_look_at,
        "overrideMouth": expression.override_mouth,
    }


def read_vrm_expressions(path: StrPath) -> VrmExpressions:
    """The expressions of an avatar: a `.vrm` file of either version, or its JSON, whole or from the extension on.

    Names come as VRM 1.0 and Perfect Sync spell them. What expressions do to colours and textures is passed over.

    Raises:
        InputError: E_FORMAT: no VRM, or broken; says where. Or what `read_bytes` raises.
    """
    data = read_bytes(path, GLB_LIMIT)
    try:
        document = glb_chunks(data)[0] if data.startswith(b"glTF") else JsonObject.parse(data)
        return _read(document)
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), "give a VRM avatar, or the JSON of its expressions") from None


def _read(document: JsonObject) -> VrmExpressions:
    extensions = document.child("extensions")
    if "VRMC_vrm" in extensions or "expressions" in document:
        extension = extensions.child("VRMC_vrm") if "VRMC_vrm" in extensions else document
        groups = extension.child("expressions")
        preset, custom = (list(_new(groups.child(group))) for group in ("preset", "custom"))
    elif "VRM" in extensions or "blendShapeMaster" in document:
        extension = extensions.child("VRM") if "VRM" in extensions else document
        old = list(_old(extension.child("blendShapeMaster"), document))
        preset = [one for one in old if one.name in VRM.columns]
        custom = [one for one in old if one.name not in VRM.columns]
    else:
        raise ValueError("holds no expressions of VRM")
    return VrmExpressions(tuple(preset), tuple(custom))


def _new(group: JsonObject) -> Iterator[VrmExpression]:
    for name in group:
        about = group.child(name)
        binds = tuple(
            _bind(bind, bind.number("weight"), bind.whole("node")) for bind in about.objects("morphTargetBinds")
        )
        overrides = (about.text(key, "none") for key in ("overrideBlink", "overrideLookAt", "overrideMouth"))
        yield VrmExpression(_PERFECT_SYNC.get(name.lower(), name), binds, about.flag("isBinary", False), *overrides)


def _old(master: JsonObject, document: JsonObject) -> Iterator[VrmExpression]:
    """VRM 0.x binds a target of a mesh; the node is the first that shows it, where the file has nodes."""
    nodes: dict[int, int] = {}
    for number, node in enumerate(document.objects("nodes")):
        if "mesh" in node:
            nodes.setdefault(node.whole("mesh"), number)
    for group in master.objects("blendShapeGroups"):
        preset = group.text("presetName", "unknown")
        name = group.text("name", "") if preset.lower() not in _OLD_PRESETS else preset
        binds = tuple(
            _bind(bind, bind.number("weight") / 100, nodes.get(bind.whole("mesh"))) for bind in group.objects("binds")
        )
        yield VrmExpression(vrm_name(name), binds, group.flag("isBinary", False))


def _bind(about: JsonObject, weight: float, node: int | None) -> MorphBind:
    try:
        return MorphBind(about.whole("index"), weight, node)
    except ValueError as error:
        raise ValueError(f"{about.where}: {error}") from None
