"""Every training by name: what it learns from, for how long, what it leaves behind. Each is one command."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mien.core.basis import ARKIT
from mien.core.card import Figure, ModelCard
from mien.core.errors import UsageError
from mien.core.report import Row
from mien.imaging import face_layout
from mien.imaging.face_cut import SIDE as SIDE_OF_FACE
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH
from mien.nets.landmarks import FEATURES, POINTS, SIDE
from mien.train.crease import LARGE as CREASE_LARGE
from mien.train.crease import OPTIONS as CREASE_OPTIONS
from mien.train.crease import CreaseTask
from mien.train.devices import chosen
from mien.train.duel import Duel, contest
from mien.train.export import Signature, Story, export, rounded, write_recipe, write_story
from mien.train.finder import OPTIONS as FINDER_OPTIONS
from mien.train.finder import FinderTask
from mien.train.landmarks import OPTIONS as LANDMARK_OPTIONS
from mien.train.landmarks import LandmarkTask
from mien.train.lgml import OPTIONS as LGML_OPTIONS
from mien.train.lgml import LocalGlobalTask
from mien.train.loop import Task, TrainOptions, begin_from, train
from mien.train.motion import LARGE as MOTION_LARGE
from mien.train.motion import OPTIONS as MOTION_OPTIONS
from mien.train.motion import MotionTask
from mien.train.mouth import LARGE as MOUTH_LARGE
from mien.train.mouth import OPTIONS as MOUTH_OPTIONS
from mien.train.mouth import MouthTask
from mien.train.refiner import OPTIONS as REFINER_OPTIONS
from mien.train.refiner import RefinerTask
from mien.train.tables import SOURCES, TABLES, TEACHER
from mien.train.texture import LARGE as TEXTURE_LARGE
from mien.train.texture import OPTIONS as TEXTURE_OPTIONS
from mien.train.texture import TextureTask

Report = Callable[[int, float, tuple[Row, ...]], None]
"""Is told the step, the mean loss and the scores: see `train`."""


@dataclass(frozen=True)
class Recipe:
    """A training.

    Args:
        options: for how long, on two cores of a CPU: what the shipped weights were learned with.
        task: makes the task from the folder of the packs, the folder of the results, and how many times as wide its
            network is to be.
        exported: the part of the trained network that ships.
        signature: how it looks from outside.
        story: for its card.
        learn: the loop that trains it.
        large: what a GPU should be given instead; None where the network has one size.
    """

    options: TrainOptions
    task: Callable[[Path, Path, int], Task[Any] | Duel[Any]]
    exported: Callable[[nn.Module], nn.Module]
    signature: Signature
    story: Story
    learn: Callable[[Any, TrainOptions, Path, Report, bool], nn.Module] = train
    large: TrainOptions | None = None

    def sized(self, name: str, size: str) -> TrainOptions:
        """The options of a size, `cpu` or `gpu`. Raises `UsageError` when the training `name` has no such size."""
        found = {"cpu": self.options, "gpu": self.large}.get(size)
        if found is None:
            remedy = "name cpu or gpu" if self.large else "train it without --size"
            raise UsageError(name, "E_USAGE", f"has no size {size!r}", remedy)
        return found


def _net(network: nn.Module) -> nn.Module:
    return network.net  # type: ignore[return-value]


_CUT = torch.full((1, 1, SIDE, SIDE), 120.0) + 40 * torch.sin(torch.arange(SIDE) / 5.0)
_ROLLED = face_layout.HEIGHT, face_layout.WIDTH
_FACE = Signature(
    (
        ("picture", torch.rand((1, 3, SIDE_OF_FACE, SIDE_OF_FACE), generator=torch.Generator().manual_seed(1)) * 255),
        ("asked", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(2))),
        ("change", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(3)) - 0.5),
    ),
    ("colour", "keep"),
)
_PICTURE = torch.full((1, 1, 160, 224), 120.0) + 40 * torch.sin(torch.arange(224) / 5.0)


def _texture(how: str) -> Story:
    """Of the two networks that differ in the motion step alone."""
    return Story(
        purpose=f"Lays colours by a mask over a face that is asked for other weights, {how}: an experiment.",
        input=f"picture [1, 3, {SIDE_OF_FACE}, {SIDE_OF_FACE}] of 0..255 of `FaceCut`, weights asked [1, 52] of arkit, "
        "and their change [1, 52]",
        output_basis=None,
        paper="Self-supervised Deformation Modeling for Facial Expression Editing (S. Athar et al. 2019), our reading "
        "of its texture step, and GANimation (A. Pumarola et al. 2018), whose losses these are",
        data=f"{SOURCES}; no true answer: what is asked of a face is what another one shows, or a recorded take; "
        f"{TEACHER}",
        weakness="an experiment, not used by any edit: far smaller and shorter trained than either paper's, on cuts of "
        f"{SIDE_OF_FACE} px; lids and gaze are left alone; the error by group is not known",
    )


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
        _net,
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
                ("luminance", _CUT),
                ("points", torch.rand((1, POINTS, 3), generator=torch.Generator().manual_seed(1)) * SIDE),
                ("features", torch.rand((1, FEATURES), generator=torch.Generator().manual_seed(2))),
            ),
            ("refined",),
        ),
        Story(
            purpose="Moves the points of `landmarks` by what the cut shows where they are.",
            input=f"luminance [1, 1, {SIDE}, {SIDE}] of 0..255, points [1, 478, 3] and features [1, {FEATURES}] of "
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
            (
                ("luminance", _CUT),
                ("points", torch.rand((1, POINTS, 3), generator=torch.Generator().manual_seed(1)) * SIDE),
            ),
            ("weights", "moved"),
        ),
        Story(
            purpose="Reads 52 ARKit weights off a cut and its landmarks, and moves the landmarks by what it saw.",
            input=f"luminance [1, 1, {SIDE}, {SIDE}] of 0..255, points [1, 478, 3] in pixels of the cut",
            output_basis="arkit",
            paper="A Local-Global Metric Learning Method for Facial Expression Animation (MIPR 2022), our reading",
            data=f"{SOURCES}; renders of the ICT Face Model Light (MIT) under the skins of those photos, whose weights "
            f"are known (mien data render); {TEACHER}, believed only in the channels that it moves",
            weakness="channels that the teacher leaves dead are learned from renders alone; tongueOut is always 0",
        ),
    ),
    "mouth": Recipe(
        MOUTH_OPTIONS,
        lambda data, folder, width: MouthTask(data, width=width),
        lambda network: network,
        Signature(
            (
                ("picture", torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1)) * 255),
                ("maps", torch.rand((1, len(MAPS), HEIGHT, WIDTH), generator=torch.Generator().manual_seed(2))),
                ("weights", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(3))),
                ("sharpness", torch.tensor([[1.0]])),
            ),
            ("painted",),
        ),
        Story(
            purpose="Paints teeth, the dark between them and the tongue where an edit opens a mouth.",
            input=f"picture [1, 3, {HEIGHT}, {WIDTH}] of 0..255, maps [1, {len(MAPS)}, {HEIGHT}, {WIDTH}] of "
            "`MouthPatch.maps`, weights [1, 52] of arkit, sharpness [1, 1] (-2 blurred to 2 crisp)",
            output_basis=None,
            paper="Self-supervised Deformation Modeling for Facial Expression Editing (S. Athar et al. 2020), our "
            "reading of its texture step; with a critic",
            data=f"the open and sharp mouths among {SOURCES}; frames of five clips of LivePortrait's examples (MIT "
            "repository, origin of the clips unstated: used to train, never redistributed), made a pack by mien data "
            f"pack; {TEACHER}",
            weakness="invents teeth: they are not the person's own; wide open mouths are few in the data and come out "
            "soft, in blocks where they are asked for crisp; teeth turn mauve on very dark skin; tongues that stick "
            "out are not painted; the error by group is not known",
        ),
        contest,
        MOUTH_LARGE,
    ),
    "motion": Recipe(
        MOTION_OPTIONS,
        lambda data, folder, width: MotionTask(data, width),
        _net,
        Signature(
            (
                ("points", torch.rand((1, POINTS, 2), generator=torch.Generator().manual_seed(1))),
                ("now", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(2))),
                ("change", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(3)) - 0.5),
            ),
            ("field",),
        ),
        Story(
            purpose="Says what the compact rig misses of a face's motion when its weights change.",
            input="points [1, 478, 2] in the head's plane, inter-ocular distances; weights now [1, 52] of arkit, and "
            "their change [1, 52]",
            output_basis=None,
            paper="Self-supervised Deformation Modeling for Facial Expression Editing (S. Athar et al. 2020), our "
            "reading of its motion step: a residual on a rig's motion that cannot fold",
            data=f"photos of people who are there twice or more (10,164 pairs of 918 people) among {SOURCES}: all of "
            "them news photographs, for generated faces are left out and officials are there once; "
            f"{TEACHER}",
            weakness="learned from pairs of news photos that differ in pose and lens: what a teacher's points do when "
            "a head turns was told apart only as far as its turn explains it; single channels at strong doses are "
            "rare in them; on the twelve London test people it brings lips nearer to the real smile and costs "
            "likeness of pixels (SSIM .7689 to .7668), on the eight that chose how much of it is done it gained both; "
            "the error by group is not known",
        ),
        large=MOTION_LARGE,
    ),
    "crease": Recipe(
        CREASE_OPTIONS,
        lambda data, folder, width: CreaseTask(data, width),
        lambda network: network,
        Signature(
            (
                ("brightness", torch.rand((1, 1, *_ROLLED), generator=torch.Generator().manual_seed(1)) + 4),
                ("maps", torch.rand((1, len(face_layout.MAPS), *_ROLLED), generator=torch.Generator().manual_seed(2))),
                ("change", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(3))),
            ),
            ("gain",),
        ),
        Story(
            purpose="Says how an edit changes the shading of a face: folds beside the nose, cheeks, forehead, brow.",
            input=f"brightness [1, 1, {_ROLLED[0]}, {_ROLLED[1]}] (logarithm) and maps [1, {len(face_layout.MAPS)}, "
            f"{_ROLLED[0]}, {_ROLLED[1]}] on `FaceLayout`, change [1, 52] of arkit's weights",
            output_basis=None,
            paper="Expressive expression mapping with ratio images (Z. Liu, Y. Shan, Z. Zhang 2001), learned rather "
            "than copied; the texture step of S. Athar et al. 2020, in our reading",
            data="frames of four clips of LivePortrait's examples (MIT repository, origin of the clips unstated: used "
            "to train, never redistributed), six people of the Face Research Lab London Set, calm and smiling (CC BY "
            "4.0, L. DeBruine and B. Jones 2017), made packs by mien data pack; 4,000 renders of the ICT Face Model "
            f"Light (MIT), made by mien data render --still under the skins of {SOURCES}; {TEACHER}. Validated on the "
            "fifth clip, two further people of that set, and renders of other identities and skins",
            weakness="ten real people: what folds where is an average of theirs, too weak rather than too strong, and "
            "little is known of foreheads; lines are finer than its layout; how much of it is done was chosen on the "
            "two validation people's smiles and by eye on validation photos; the error by group is not known",
        ),
        large=CREASE_LARGE,
    ),
    "texture": Recipe(
        TEXTURE_OPTIONS,
        lambda data, folder, width: TextureTask(data, True, width),
        lambda network: network,
        _FACE,
        _texture("after the rig's motion step"),
        contest,
        TEXTURE_LARGE,
    ),
    "baseline": Recipe(
        TEXTURE_OPTIONS,
        lambda data, folder, width: TextureTask(data, False, width),
        lambda network: network,
        _FACE,
        _texture("with the motion step off"),
        contest,
        TEXTURE_LARGE,
    ),
}
"""Networks, in the order in which they are trained: each looks through those before it."""


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
        name: a key of `RECIPES` or of `TABLES`.
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
    if name not in TABLES and name not in RECIPES:
        known = ", ".join((*TABLES, *RECIPES))
        raise UsageError(name, "E_USAGE", "there is no such training", f"known are {known}")
    command = f"mien train {name} --data {shlex.quote(data.name)}"
    if name in TABLES:
        if size != "cpu":
            raise UsageError(name, "E_USAGE", f"has no size {size!r}", "make it without --size")
        folder.mkdir(parents=True, exist_ok=True)
        return TABLES[name].make(data, folder, command, rig)
    recipe = RECIPES[name]
    options = replace(recipe.sized(name, size), **changes)
    chosen(options.device)
    folder.mkdir(parents=True, exist_ok=True)
    if size != "cpu":
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
