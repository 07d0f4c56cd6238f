"""How fast the ICT rig is evaluated, beside the bare matrix product of the same sizes."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import rotation_from_angles
from mien.core.report import Report, Row
from mien.formats.registry import load
from mien.rig.ict import IctRig
from mien.rig.ict_files import DRIVERS

FRAMES, ROUNDS = 1000, 25
SETTLE = 0.02
"""Seconds between two measurements: threads of the last one that still spin would take a core from the next."""

RIG, TAKE = Path("rigs") / "ict-facekit.npz", Path("takes") / "alex_rom_3.csv"


def performance(weights: Array) -> FaceState:
    """Weights [T, 52] on a head that stays, with eyes that wander."""
    count = len(weights)
    random = np.random.default_rng(1)
    turns = [rotation_from_angles(pitch, yaw, 0) for pitch, yaw in random.uniform(-0.3, 0.3, (2 * count, 2))]
    pose = Pose(np.broadcast_to(np.eye(3), (count, 3, 3)), np.zeros((count, 3)))
    return FaceState(Expression(weights, ARKIT), pose, Gaze(np.reshape(turns, (count, 2, 3, 3))))


def seconds(action: Callable[[], object]) -> float:
    """Of one call, what it takes to give the memory of its result back not counted."""
    sleep(SETTLE)
    start = perf_counter()
    result = action()
    spent = perf_counter() - start
    del result
    return spent


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Time `IctRig.vertices` for a thousand frames, with every channel on and with a real take.

    Args:
        data: Folder with rigs and takes.
        limit: Frames; 1000 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    frames = limit or FRAMES
    loading = [seconds(lambda: IctRig.load(data / RIG)) for _ in range(5)]
    rig = IctRig.load(data / RIG)
    random = np.random.default_rng(0)
    shapes = rig.model.expressions.reshape(len(DRIVERS), -1).astype(np.float32)
    weights = random.random((frames, len(DRIVERS)), np.float32)
    dense = performance(random.random((frames, len(ARKIT)), np.float32))
    taken = load(data / TAKE).takes[0].state.expression.weights
    real = performance(np.resize(taken, (frames, len(ARKIT))))
    still, who = performance(np.zeros((1, len(ARKIT)), np.float32)), Identity(random.normal(size=rig.identities))
    runs: dict[str, Callable[[], object]] = {
        "bare": lambda: weights @ shapes,
        "dense": lambda: rig.vertices(Identity(), dense),
        "person": lambda: rig.vertices(who, dense),
        "real": lambda: rig.vertices(Identity(), real),
        "one": lambda: rig.vertices(Identity(), still),
    }
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in track(range(ROUNDS), "rounds", transient=True):
        for name, action in runs.items():
            spent[name].append(seconds(action))
    best = {name: min(times) for name, times in spent.items()}
    size = f"[{frames}, {len(DRIVERS)}] x [{len(DRIVERS)}, {shapes.shape[1]}]"
    rows = (
        Row(f"bare product {size}, float32", 1000 * best["bare"], "ms"),
        Row("ICT rig, all channels on, eyes turning", 1000 * best["dense"], "ms"),
        Row("bare product / rig, all channels on", best["bare"] / best["dense"], "x", ">= 0.8", ">= 1"),
        Row("the same, medians", float(np.median(spent["bare"]) / np.median(spent["dense"])), "x"),
        Row("bare product / rig, all channels on, a person of 60 weights", best["bare"] / best["person"], "x"),
        Row(f"bare product / rig, frames of {TAKE.name}", best["bare"] / best["real"], "x"),
        Row("one frame at rest", 1000 * best["one"], "ms"),
        Row("loading the file", 1000 * min(loading), "ms"),
    )
    notes = (
        f"Best of {ROUNDS} rounds in turn, same process and threads; both write a new array of the same size.",
        "The rig's time holds everything from an Identity and a FaceState to vertices: rest, eyes, product.",
    )
    publish(Report("ICT rig, speed", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
