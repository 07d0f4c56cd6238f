"""Every training by name: what it learns from, for how long, what it leaves behind. Each is one command."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mien.core.card import Figure, ModelCard
from mien.core.errors import UsageError
from mien.nets.landmarks import FEATURES, POINTS, SIDE
from mien.train.devices import chosen
from mien.train.edit_recipes import EDIT_RECIPES
from mien.train.eight_bits import QUICK
from mien.train.export import Signature, Story, export, rounded, write_recipe, write_story
from mien.train.finder import OPTIONS as FINDER_OPTIONS
from mien.train.finder import FinderTask
from mien.train.landmarks import OPTIONS as LANDMARK_OPTIONS
from mien.train.landmarks import LandmarkTask
from mien.train.lgml import OPTIONS as LGML_OPTIONS
from mien.train.lgml import LocalGlobalTask
from mien.train.loop import begin_from
from mien.train.recipe import Recipe, Report, trained_net
from mien.train.refiner import OPTIONS as REFINER_OPTIONS
from mien.train.refiner import RefinerTask
from mien.train.tables import SOURCES, TABLES, TEACHER, Table

_CUT = torch.full((1, 1, SIDE, SIDE), 120.0) + 40 * torch.sin(torch.arange(SIDE) / 5.0)
_CUTS = _CUT.repeat(3, 1, 1, 1)
_POINTS = torch.rand((3, POINTS, 3), generator=torch.Generator().manual_seed(1)) * SIDE
_FACES = {0: ("faces", 1)}
_PICTURE = torch.full((1, 1, 160, 224), 120.0) + 40 * torch.sin(torch.arange(224) / 5.0)


RECIPES: dict[str, Recipe] = {
    "finder": Recipe(
        FINDER_OPTIONS,
        lambda data, folder, width: FinderTask(data),
        lambda network: network,
        Signature((("luminance", _PICTURE),), ("score", "box", "points"), ({2: ("rows", 32), 3: ("columns", 32)},)),
        Story(
            purpose="Finds faces of 15 to 330 px in a whole picture: a score, a box and five points for each cell.",
            input="luminance [1, 1, H, W] of 0..255, H and W multiples of 32",
            output_basis=None,
            paper="our own; anchor-free, in the manner of FCOS",
            data=f"{SOURCES}; 495 whole pictures of public repositories and collages of generated faces (train only); "
            "faces pasted at 15-300 px into the faceless ones",
            weakness="profiles, faces turned by more than 45 degrees, heavy blur; the error by group is not known",
        ),
    ),
    "landmarks": Recipe(
        LANDMARK_OPTIONS,
        lambda data, folder, width: LandmarkTask(data, folder / "finder.pt"),
        trained_net,
        Signature((("luminance", _CUT),), ("points", "presence", "features")),
        Story(
            purpose="Reads 478 points of a face from an upright cut, and whether there is a face at all.",
            input=f"luminance [1, 1, {SIDE}, {SIDE}] of 0..255, the face's square upright with a margin of 1.3",
            output_basis=None,
            paper="our own; residual convolutions with a linear face model as the last layer",
            data=f"{SOURCES}; windows without faces of pictures of public repositories, and what the finder took for "
            f"faces in them; {TEACHER}",
            weakness="heads turned by more than 40 degrees (13.7 % IOD over the 7 such validation faces), faces below "
            "24 px, strong occlusion; by group only 24 portraits were measured (benchmarks/end_to_end.py): far "
            "too few to tell groups apart",
        ),
    ),
    "refiner": Recipe(
        REFINER_OPTIONS,
        lambda data, folder, width: RefinerTask(data, folder / "landmarks.pt"),
        lambda network: network,
        Signature(
            (
                ("luminance", _CUTS),
                ("points", _POINTS),
                ("features", torch.rand((3, FEATURES), generator=torch.Generator().manual_seed(2))),
            ),
            ("refined",),
            (_FACES,) * 3,
        ),
        Story(
            purpose="Moves the points of `landmarks` by what the cut shows where they are.",
            input=f"luminance [N, 1, {SIDE}, {SIDE}] of 0..255, points [N, 478, 3] and features [N, {FEATURES}] of "
            "`landmarks`",
            output_basis=None,
            paper="our own; after explicit shape regression (X. Cao et al. 2012)",
            data=f"{SOURCES}; renders of the ICT Face Model Light (MIT) under the skins of those photos, whose points "
            f"are known (mien data render); {TEACHER}",
            weakness="not better than `landmarks` where that has lost the face",
        ),
    ),
    "lgml": Recipe(
        LGML_OPTIONS,
        lambda data, folder, width: LocalGlobalTask(data, folder),
        lambda network: network,
        Signature(
            (("luminance", _CUTS), ("points", _POINTS)),
            ("weights", "moved"),
            (_FACES,) * 2,
        ),
        Story(
            purpose="Reads 52 ARKit weights off a cut and its landmarks, and moves the landmarks by what it saw.",
            input=f"luminance [N, 1, {SIDE}, {SIDE}] of 0..255, points [N, 478, 3] in pixels of the cut",
            output_basis="arkit",
            paper="A Local-Global Metric Learning Method for Facial Expression Animation (MIPR 2022), our reading",
            data=f"{SOURCES}; renders of the ICT Face Model Light (MIT) under the skins of those photos, whose weights "
            "are known (mien data render); photos of these that mien itself edited, for ten channels (mien data edit); "
            f"{TEACHER}, believed only in the channels that it moves, and for .3, "
            "stretched, in frowns, funnels and mouths to the side",
            weakness="channels that the teacher leaves dead are learned from renders, and ten of them from edits of "
            "photos by mien itself; tongueOut is always 0",
        ),
    ),
    **EDIT_RECIPES,
}
"""Networks, in the order in which they are trained: each looks through those before it."""


TOGETHER: dict[str, tuple[str, ...]] = {"edit": ("motion", "crease", "mouth")}
"""Networks that one word trains, one after the other: an edit needs all three, and none looks through another."""

ONE_LIGHT = frozenset({"crease", "texture", "baseline"})
"""Trainings that compare the shading of two pictures of a person: only packs are of use to them in each of which the
pictures of one person are in one light."""

MADE: dict[str, Table] = {**TABLES, **QUICK}
"""What is computed rather than trained, by the name of the card."""


def run(
    name: str,
    data: Path,
    folder: Path,
    changes: dict[str, Any],
    report: Report,
    progress: bool = True,
    *,
    rig: Path | None = None,
    start: Path | None = None,
    size: str = "cpu",
) -> ModelCard:
    """Trains `name`, exports it, and writes its card and recipe into `folder`; goes on where a kill left off.

    Args:
        name: a key of `RECIPES` or of `MADE`.
        data: folder of the packs.
        folder: where checkpoint, weights, card and recipe go.
        changes: options that differ from the recipe's.
        report: see `train`.
        progress: whether a bar is shown.
        rig: the ICT rig's file or folder, which only the compact rig is learned from.
        start: checkpoint of an earlier training of the same network, whose averaged weights this one starts from.

        size: `cpu`, or `gpu` for the larger network and the longer training that its recipe has for one.

    Raises:
        UsageError: there is no such training, size or device, or it lacks a rig.
        InputError: packs are missing, or a checkpoint belongs to other options.
    """
    if name not in MADE and name not in RECIPES:
        known = ", ".join((*MADE, *RECIPES, *TOGETHER))
        raise UsageError(name, "E_USAGE", "there is no such training", f"known are {known}")
    command = f"mien train {name} --data {shlex.quote(data.name)}"
    if name in MADE:
        if size != "cpu":
            raise UsageError(name, "E_USAGE", f"has no size {size!r}", "make it without --size")
        folder.mkdir(parents=True, exist_ok=True)
        return MADE[name].make(data, folder, command, rig)
    recipe = RECIPES[name]
    options = replace(recipe.sized(name, size), **changes)
    chosen(options.device)
    folder.mkdir(parents=True, exist_ok=True)
    if recipe.large is not None:
        command += f" --size {size}"
    stated = {"steps": options.steps, **changes}
    command += "".join(f" --{key} {stated[key]}" for key in ("steps", "batch", "rate", "seed") if key in stated)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)  # the weights that a network starts from come of the seed, too
        task = recipe.task(data, folder, options.width)
    if start is not None:
        command += f" --start {shlex.quote(start.name)}"
        begin_from(task.network, start)
    network = rounded(recipe.learn(task, options, folder / f"{name}.pt", report, progress))
    scores = task.score(network)
    difference = export(recipe.exported(network), recipe.signature, folder / f"{name}.onnx")
    figures = (
        *(Figure(row.what, round(row.value, 4), row.unit, f"{command} (its last validation)") for row in scores),
        Figure("torch against ONNX", float(f"{difference:.2g}"), "of the greatest output", command),
    )
    write_recipe(folder / f"{name}.json", options, command, tuple((row.what, row.value) for row in scores))
    return write_story(folder / f"{name}.onnx", recipe.story, command, figures)
