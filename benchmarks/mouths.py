"""Open mouths of validation faces, cut out and painted again: to be looked at by eye, with the error and the time."""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from ledger import command, publish
from PIL import Image

from mien.core.arrays import Array
from mien.core.report import Report, Row
from mien.data.mouths import Mouths, read_mouths
from mien.formats.images import write_image
from mien.imaging.board import Tile, board
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH, MouthPatch, sharpness
from mien.paint.mouth import MouthPainter, crispness
from mien.runtime.session import OnnxSession
from mien.weights.catalog import cards

SHOWN, ACROSS = 48, 3
GAP = 2
"""Pixels between the three pictures of a tile."""

TALLEST, LOWEST = 80, 8
"""Rows of a patch that a tile shows."""


def chosen(mouths: Mouths, count: int) -> Array:
    """Numbers of mouths of every pack, as many of each as the other, from hardly to wide open."""
    names = np.unique(mouths.pack)
    picked = []
    for name in names:
        of_it = np.flatnonzero(mouths.pack == name)
        of_it = of_it[np.argsort(mouths.gap[of_it])]
        picked.append(of_it[np.unique(np.linspace(0, len(of_it) - 1, max(count // len(names), 1)).astype(int))])
    return np.concatenate(picked)


def tile(cut: Array, painted: Array, hole: Array, zoom: int) -> Array:
    """The mouth without what is in it, painted and as it was, side by side and `zoom` times as large."""
    without = (cut * (1 - hole[..., None])).astype(np.uint8)
    rows = slice(LOWEST, LOWEST + TALLEST)
    gap = np.full((TALLEST, GAP, 3), 255, np.uint8)
    row = np.concatenate([without[rows], gap, painted[rows], gap, cut[rows]], axis=1)
    large = Image.fromarray(row).resize((row.shape[1] * zoom, row.shape[0] * zoom), Image.Resampling.BICUBIC)
    return np.asarray(large)


def main(
    data: Path,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    weights: Path | None = None,
    limit: int = SHOWN,
    zoom: int = 3,
    own_sharpness: bool = False,
    ledger: bool = False,
) -> None:
    """Draw mouths cut out, painted, and as they were.

    Args:
        data: Folder with the packs.
        output: Picture to write; an older one is replaced.
        weights: Folder with mouth.onnx and its card; the package's when not given.
        limit: Mouths.
        zoom: How many times as large as a patch.
        own_sharpness: Ask for the photo's own sharpness rather than for what is asked for at run time.
        ledger: Write the figures into the ledger.
    """
    painter = MouthPainter.shipped() if weights is None else _painter(weights)
    mouths = read_mouths(data, "val")
    tiles, errors, times = [], [], []
    for k in chosen(mouths, limit):
        pixels, points, told = mouths.pictures[k], mouths.points[k].astype(np.float64), mouths.weights[k]
        patch = MouthPatch.of(points)
        cut, hole = patch.cut(pixels), patch.maps()[MAPS.index("hole")]
        begun = time.perf_counter()
        photo = painter.paint(pixels, points, told)
        times.append(time.perf_counter() - begun)
        asked = sharpness(cut, patch.inner) if own_sharpness else crispness(patch.scale)
        made = np.clip(painter.look(cut, patch, told, asked), 0, 255)
        errors.append(float((np.abs(made - cut).mean(2) * hole).sum() / hole.sum()))
        shown = made.astype(np.uint8) if own_sharpness else patch.cut(photo)
        tiles.append(Tile(f"{mouths.pack[k].removeprefix('faces-')} {k}", tile(cut, shown, hole, zoom)))
    size = (3 * WIDTH + 2 * GAP) * zoom, min(TALLEST, HEIGHT) * zoom
    write_image(board(tiles, ACROSS, "Mouths cut out, painted, and as they were", size), output, overwrite=True)
    rows = (
        Row("error in the hole", float(np.mean(errors)), "grey levels"),
        Row("time to paint", float(np.median(times)) * 1e3, "ms"),
    )
    publish(Report("Painted mouths", command(data, limit), rows), ledger)


def _painter(folder: Path) -> MouthPainter:
    (card,) = (card for card in cards(folder) if card.name == "mouth")
    return MouthPainter(OnnxSession(card, folder))


if __name__ == "__main__":
    tyro.cli(main)
