"""`mien train`: every network of the package can be learned again with one command."""

from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from mien.core.errors import UsageError
from mien.core.report import Row

Size = Literal["cpu", "gpu"]
Device = Literal["cpu", "cuda", "auto"]


def train(
    name: tyro.conf.Positional[str],
    data: Path,
    lit: Path | None = None,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("trained"),
    steps: int | None = None,
    batch: int | None = None,
    rate: float | None = None,
    seed: int | None = None,
    threads: int | None = None,
    ict: Path | None = None,
    start: Path | None = None,
    size: Size = "cpu",
    device: Device = "cpu",
) -> int:
    """Train a network and export it with its card. Stop it whenever you like: the same command goes on.

    Needs the `train` extra: pip install "mien[train]".

    Args:
        name: What to train: face-shape, face-look, compact-rig, appearance, finder, landmarks, landmarks-8bit, refiner,
            lgml, edit (which is motion, crease and mouth, one after the other), mouth, motion, crease, and two that
            experiment, texture and baseline. In the same output folder, landmarks needs finder, and refiner landmarks;
            landmarks-8bit and lgml look through the folder's landmarks (lgml and refiner), or through the package's if
            it holds none.
        data: Folder with the packs (faces-*.npz, scenes.npz).
        lit: Folder with the packs for crease, texture and baseline, in each of which the pictures of one person are in
            one light; that of --data when not given.
        output: Folder for checkpoint, ONNX file, card and recipe.
        steps: Batches to learn from; the recipe's own number when not given.
        batch: Samples a batch.
        rate: Highest learning rate.
        seed: Where every random number comes from.
        threads: CPU threads.
        ict: The ICT rig's .npz or folder, for compact-rig; the imported one when not given.
        start: Checkpoint (.pt) of an earlier training of the same network to start from.
        size: cpu makes networks of the size that ships, whose cards say how long those learned; gpu wider ones that
            learn longer, of mouth, motion, crease, texture, baseline.
        device: Where to learn; auto takes a GPU where there is one.
    """
    try:
        from mien.data.packs import read_folder
        from mien.train.recipes import ONE_LIGHT, TOGETHER, run
    except ModuleNotFoundError as error:
        remedy = 'pip install "mien[train]"'
        cause = f"training needs {error.name}, which is not installed"
        raise UsageError("mien train", "E_USAGE", cause, remedy) from error
    console = Console(stderr=True)

    def report(step: int, loss: float, rows: tuple[Row, ...]) -> None:
        """A line for each look at the validation pictures."""
        figures = "  ".join(f"{row.what} {row.value:.4g}" for row in rows)
        console.print(f"step {step}  loss {loss:.4f}  {figures}")

    given: dict[str, int | float | str | None] = {
        "steps": steps,
        "batch": batch,
        "rate": rate,
        "seed": seed,
        "threads": threads,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    if device != "cpu":
        changes["device"] = device
    names = TOGETHER.get(name, (name,))
    if start is not None and len(names) > 1:
        raise UsageError(
            "--start", "E_USAGE", f"is a checkpoint of one network, and {name} is {len(names)}", "name one"
        )
    folders = dict.fromkeys(names, data)
    if lit is not None:
        read_folder(lit)  # what lacks is said before hours of other trainings
        told = ONE_LIGHT.intersection(names)
        if not told:
            remedy = f"leave it out, or train edit, {' or '.join(sorted(ONE_LIGHT))}"
            raise UsageError("--lit", "E_USAGE", f"is of no use to {name}", remedy)
        folders |= dict.fromkeys(told, lit)
    for each, folder in folders.items():
        card = run(each, folder, output, changes, report, rig=ict, start=start, size=size)
        console.print(f"wrote {output / card.file} ({card.size / 1e6:.1f} MB)")
    return 0
