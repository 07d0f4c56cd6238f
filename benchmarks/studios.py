"""What light, lens and bends cost the expression network: renders of validation identities, one thing changed at once.

The training's studio and, beside it, the same with one thing as the studio of the test has it (`lgml.py`), under the
skins of validation photos. It tells what training lacks, and is no figure of how good the network is.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro
from following import following_square
from ledger import command, publish
from rich.progress import track

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.data.lights import gleaming, near_lamps
from mien.data.packs import read_folder
from mien.data.renders import SIDE, SITTING, UNSEEN, Renderer, Studio
from mien.detect.expression import ExpressionReader
from mien.detect.landmarks import LandmarkReader
from mien.metrics import pearson
from mien.rig.compact import MOVED, compact_model
from mien.rig.ict import IctRig

SEED = 4242
OTHER_SKINS = "faces-official"
"""The pack that lends no skin to training, and none here."""

CHANNELS = ("eyeWideLeft", "eyeWideRight", "cheekSquintLeft", "cheekSquintRight", "jawForward")
_PLACES = ARKIT.indices(MOVED)


def dull(rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
    """Near lamps as the test's, on skin that does not shine."""
    light, shine = near_lamps(rng, vertices, normals)
    return light, np.zeros_like(shine)


def studios() -> dict[str, Studio]:
    """What is compared, by name."""
    usual = replace(SITTING, side=SIDE)
    return {
        "as in training": usual,
        "every lamp gleams": replace(usual, lights=(gleaming,)),
        "near lamps that shine": replace(usual, lights=(near_lamps,)),
        "near lamps, no shine": replace(usual, lights=(dull,)),
        "another lens": replace(usual, distance=UNSEEN.distance, zoom=UNSEEN.zoom),
        "turned as in the test": replace(usual, turn=UNSEEN.turn),
        "nobody is bent": replace(usual, bend=0.0),
    }


def main(data: Path, names: Sequence[str] = (), limit: int | None = None, ledger: bool = False) -> None:
    """Read renders under every studio.

    Args:
        data: Folder with the packs (faces-*.npz), scenes and rigs.
        names: Studios; all when not given.
        limit: Renders of each; 600 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    packs, scenes = read_folder(data)
    skins = [pack for pack in packs if not pack.rendered and pack.name != OTHER_SKINS]
    rig, count = IctRig.load(data / "rigs" / "ict-facekit.npz"), limit or 600
    reader, head = LandmarkReader.shipped(), ExpressionReader.shipped()
    rows = []
    for name, studio in studios().items():
        if names and name not in names:
            continue
        renderer = Renderer(rig, compact_model().ict, skins, "val", studio, scenes)
        rng, true, read = np.random.default_rng(SEED), [], []
        for face in track(renderer.stream(count, SEED), name, total=count, transient=True):
            seen = reader.read(Frame(face.pixels), following_square(face.points, rng))
            true.append(face.weights)
            read.append(head.read(seen)[0].weights)
        r = pearson(np.array(read), np.array(true))
        rows.append(Row(f"{name}: 51 channels, mean", float(r[_PLACES].mean()), "r"))
        rows += [Row(f"{name}: {channel}", float(r[ARKIT.index(channel)]), "r") for channel in CHANNELS]
    notes = (
        f"{count} renders each ({SEED=}): ICT identities along held-out directions, skins of validation photos, 288 "
        "px; all as in training (SITTING) but for what the name says.",
    )
    publish(Report("Studios", command(data, limit), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
