"""`mien data`: packs for training that mien makes itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from rich.console import Console

from mien.cli.terminal import bars
from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError, UsageError
from mien.formats.files import replacing
from mien.formats.registry import load
from mien.rig.compact import compact_model
from mien.rig.ict import IctRig
from mien.rig.shelf import rig_named

if TYPE_CHECKING:
    from mien.data.packs import FacesPack, ScenesPack
    from mien.data.renders import Rendered

_VALIDATION = 20
"""One face for validation for so many that are trained on."""


def render_pack(
    data: Path,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    count: int = 11_000,
    seed: int = 1,
    takes: tuple[Path, ...] = (),
    without: tuple[str, ...] = (),
    ict: Path | None = None,
    still: bool = False,
    overwrite: bool = False,
) -> int:
    """Render faces whose weights and points are known, as a faces pack to train on.

    Needs the `train` extra: pip install "mien[train]".

    Args:
        data: Folder with the packs (faces-*.npz) whose photos lend their skin.
        output: Pack to write, faces-renders.npz beside the others say.
        count: Faces for training; one for validation is made for each 20.
        seed: Where every random number comes from.
        takes: Performances (any take that mien reads) whose expressions faces show, beside what the photos show.
        without: Packs (faces-official, say) whose photos lend no skin, so that renders can be tested on skins that were
            never trained on.
        ict: The ICT rig's .npz or folder; the imported one when not given.
        still: All faces of one person are in one pose, place and light: pairs for `mien train crease`.
        overwrite: Replace the file if it exists.
    """
    try:
        from mien.data.renders import SITTING, STILL, Renderer, Studio, write_pack
    except ModuleNotFoundError as error:
        cause = f"rendering packs needs {error.name}, which is not installed"
        raise UsageError("mien data render", "E_USAGE", cause, 'pip install "mien[train]"') from error
    check_drawn(count, seed)
    rig = rig_named("ict") if ict is None else IctRig.load(ict)
    if not isinstance(rig, IctRig):
        raise UsageError("--ict", "E_USAGE", "is no ICT rig", "name ICT's .npz or folder")
    packs, scenes = _lenders(data, without)
    performed = _performances(takes)
    places, further = compact_model().ict, max(count // _VALIDATION, 1)
    err = Console(stderr=True)
    with bars(err) as progress:
        bar = progress.add_task("faces", total=count + further)

        def watched(faces: "Iterator[Rendered]") -> "Iterator[Rendered]":
            """The same faces, counted by the bar."""
            for face in faces:
                yield face
                progress.advance(bar)

        def drawn(split: str, studio: Studio, performed: Array | None, number: int, seed: int) -> "Iterator[Rendered]":
            """The faces of a split."""
            renderer = Renderer(rig, places, packs, split, STILL if still else studio, scenes, performed)
            return watched(renderer.stream(number, seed, still))

        parts = {
            "train": drawn("train", SITTING, performed, count, seed),
            "val": drawn("val", Studio(), None, further, seed + 1_000_000),
        }
        with replacing(output, overwrite) as temporary:
            write_pack(temporary, parts, packs[0].mirror)
    err.print(f"{count} faces to train on, {further} to validate; wrote {output}", markup=False, highlight=False)
    return 0


def check_drawn(count: int, seed: int) -> None:
    """Refuses a pack of fewer faces than one, and a seed that is none. Raises `UsageError`."""
    if count < 1:
        raise UsageError("--count", "E_USAGE", f"{count} faces make no pack", "ask for 1 or more")
    if seed < 0:
        raise UsageError("--seed", "E_USAGE", f"{seed} is below 0", "give 0 or more")


def _lenders(data: Path, without: tuple[str, ...]) -> "tuple[list[FacesPack], ScenesPack | None]":
    """The packs of photos in the folder `data` less those named, and its scenes."""
    from mien.data.packs import read_photos

    photos, scenes = read_photos(data)
    names = [pack.name for pack in photos]
    for name in without:
        if name not in names:
            raise UsageError("--without", "E_USAGE", f"{name} is no pack of photos", f"there are {', '.join(names)}")
    packs = [pack for pack in photos if pack.name not in without]
    if not packs:
        raise UsageError("--without", "E_USAGE", "leaves no pack of photos", "name fewer packs")
    return packs, scenes


def _performances(files: tuple[Path, ...]) -> Array | None:
    """[N, 52] ARKit weights of all takes, within 0 and 1; None without files."""
    rows = []
    for file in files:
        for take in load(file).takes:
            expression = take.state.expression
            if expression.basis != ARKIT:
                cause = f"holds {expression.basis.name} weights"
                raise InputError(
                    file, "E_FORMAT", cause, f"mien convert {file} --to arkit -o FILE makes ARKit's of them"
                )
            rows.append(np.clip(expression.weights[take.valid], 0, 1))
    return np.concatenate(rows) if rows else None
