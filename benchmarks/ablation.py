"""What local and global metric learning add to regression: the paper's ablation, over several seeds."""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
import tyro
from ledger import ROOT, command, publish
from matplotlib import pyplot
from rich.console import Console

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.report import Report, Row
from mien.data.tiles import EXPRESSIVE
from mien.metrics import class_distances
from mien.nets.local_global import LocalGlobalNet
from mien.nets.regions import READ
from mien.train.lgml import ABSENT, APPEARS, EXPRESSIVE_FROM, OPTIONS, VIEWS, LocalGlobalTask, Metrics
from mien.train.loop import train
from mien.train.seen import look

mpl.use("Agg")

KINDS = {
    "regression": Metrics(0, 0),
    "+ LML": Metrics(local=0.1, whole=0),
    "+ GML": Metrics(local=0, whole=0.1),
    "both": Metrics(),
}
SEEDS = (0, 1, 2)
STEPS, BATCH = 500, 64
WORKERS = 2
"""Trainings at once."""

_ACROSS = 3
"""Panels in a row of the plot."""

PLOT = ROOT / "docs" / "methods" / "local-global-ablation.png"


def measured(data: Path, folder: Path, metrics: Metrics, seed: int, steps: int) -> dict[str, float]:
    """The figures of one training from the views that are kept in `folder`, on one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    task = LocalGlobalTask(data, folder, metrics)
    options = replace(OPTIONS, steps=steps, seed=seed, batch=BATCH, score_every=steps)
    with tempfile.TemporaryDirectory() as scratch:
        network = train(task, options, Path(scratch) / "run.pt", lambda *_: None)
    figures = {row.what: row.value for row in task.score(network)}
    if not isinstance(network, LocalGlobalNet):
        raise TypeError("the task trains another network")
    local, whole = apartness(network, task)
    return figures | {"local features, between over within": local, "global features, between over within": whole}


def apartness(network: LocalGlobalNet, task: LocalGlobalTask) -> tuple[float, float]:
    """How much farther features lie apart between states than within: mean over channels, and of whole faces."""
    val, columns = task.looked.val, ARKIT.indices(READ)
    labels, known = (of(val, task.looked.true) for of in (task.teaching.weights, task.teaching.known))
    state = ((labels > APPEARS).astype(int) - (labels < ABSENT)) * (known > 0)
    expressive = (labels * (known > 0))[:, EXPRESSIVE].max(1) > EXPRESSIVE_FROM
    seen = []
    with torch.no_grad():
        for part in np.array_split(np.arange(len(val)), -(-len(val) // 256)):
            view = torch.from_numpy(val.view[part])[:, None].float()
            seen.append(network.read(view, torch.from_numpy(val.points[part]).float()))
    local, whole = (
        np.concatenate([np.asarray(getattr(one, name)[:, 0]) for one in seen]) for name in ("local", "whole")
    )
    neutral = np.asarray(val.neutral)
    kinds = np.where(neutral, -1, np.where(expressive, 1, 0))[:, None]
    channels = class_distances(local, state[:, columns], np.asarray(val.person)).ratio
    return float(np.nanmean(channels)), float(
        class_distances(whole[:, None], kinds, np.asarray(val.person)).ratio_to_absent[0]
    )


def main(data: Path, trained: Path, steps: int = STEPS, ledger: bool = False) -> None:
    """Train twelve networks and compare them.

    Args:
        data: Folder with the packs.
        trained: Folder for what the frozen networks see; they are its `landmarks` and `refiner`, or the package's own.
        steps: Batches that each network learns from.
        ledger: Also write the figures into benchmarks/ledger, and the plot into docs/methods.
    """
    look(data, trained, VIEWS)  # once, not once in each process
    found: dict[str, list[dict[str, float]]] = {}
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        runs = {
            kind: [pool.submit(measured, data, trained, metrics, seed, steps) for seed in SEEDS]
            for kind, metrics in KINDS.items()
        }
        for kind, trainings in runs.items():
            for training in trainings:
                found.setdefault(kind, []).append(training.result())
                Console(stderr=True).print(kind, found[kind][-1])
    figures = list(next(iter(found.values()))[0])
    table = {kind: np.array([[run[what] for what in figures] for run in runs]) for kind, runs in found.items()}
    rows = []
    for k, what in enumerate(figures):
        for kind, values in table.items():
            rows.append(Row(f"{what}, {kind}, mean of {len(SEEDS)} seeds", float(values[:, k].mean())))
            rows.append(Row(f"{what}, {kind}, greatest less least", float(np.ptp(values[:, k]))))
    notes = (
        f"{steps} batches of {BATCH} faces each, from the same kept views; figures on validation faces: renders of "
        "held-out identities, photos of unseen people with the teacher's labels as they are.",
        "Between over within: mean squared distance of unit features between states over that within them, other "
        "people only; local is the mean over channels (appears or not), global is neutral to expressive over "
        "neutral to neutral.",
        "Points are those that the network moved; their fit is that of the compact rig to some renders' points alone.",
    )
    publish(Report("Ablation of local-global metric learning", command(data, None, f"--steps {steps}"), tuple(rows),
                   notes), ledger)  # fmt: skip
    if ledger:
        plot(figures, table)


def plot(figures: list[str], table: dict[str, Array]) -> None:
    """A panel for each figure: every seed a dot, the mean a bar."""
    rows = -(-len(figures) // _ACROSS)
    figure, panels = pyplot.subplots(rows, _ACROSS, figsize=(3.2 * _ACROSS, 2.9 * rows))
    for k, (panel, what) in enumerate(zip(panels.flat, figures, strict=False)):
        for place, values in enumerate(table.values()):
            panel.hlines(values[:, k].mean(), place - 0.3, place + 0.3, color="black")
            panel.plot(np.full(len(values), place), values[:, k], "o", color="#0072B2", alpha=0.7)
        panel.set_xticks(range(len(table)), list(table), rotation=30, ha="right")
        panel.set_title(what, fontsize=9, wrap=True)
    figure.tight_layout()
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=110)


if __name__ == "__main__":
    tyro.cli(main)
