"""Recipe of the face finder: cells near a face's middle answer for it; the rest say no."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.geometry import box_overlap
from mien.core.report import Row
from mien.data.augment import compress, relight, speckle
from mien.data.canvases import Canvas, CanvasMaker, portraits
from mien.data.packs import read_photos
from mien.losses import box_distance, focal
from mien.nets.finder import REACH, STRIDES, FaceFinder
from mien.train.loop import TrainOptions, read_checkpoint

OPTIONS = TrainOptions(steps=8_000, batch=16, rate=2e-3, score_every=500)

VAL_CANVASES, VAL_ROOMS = 120, 80
"""Pictures that the network is scored on: with faces, and without."""


class Marked(NamedTuple):
    """A batch of B canvases with N cells each.

    Args:
        grey: [B, 1, 320, 320].
        target: [B, N] 1 where a cell answers for a face.
        care: [B, N] 0 where nothing is known.
        box: [B, N, 4] of the face a cell answers for.
        points: [B, N, 10] likewise.
    """

    grey: Tensor
    target: Tensor
    care: Tensor
    box: Tensor
    points: Tensor


class FinderTask:
    """Score, box and five points of every cell."""

    def __init__(self, data: Path) -> None:
        packs, scenes = read_photos(data)
        if scenes is None:
            raise InputError(data, "E_NOTFILE", "holds no scenes.npz", "the finder learns from whole pictures")
        self.maker = CanvasMaker(portraits(packs, "train"), scenes, "train")
        self.network: nn.Module = FaceFinder()
        held_out = CanvasMaker(portraits(packs, "val")[::7], scenes, "val")
        rng = np.random.default_rng(5)
        self.val = [
            held_out.composite(rng, [float(np.exp(rng.uniform(np.log(24), np.log(160)))) for _ in range(3)])
            for _ in range(VAL_CANVASES)
        ]
        self.val_rooms = [held_out.composite(rng, []) for _ in range(VAL_ROOMS)]

    def draw(self, batch: int, generator: Generator) -> Marked:
        """Fresh canvases, degraded."""
        rng = np.random.default_rng(int(torch.randint(2**40, (), generator=generator)))
        canvases = [self.maker.make(rng) for _ in range(batch)]
        marks = [mark(canvas) for canvas in canvases]
        grey = torch.from_numpy(np.stack([canvas.grey for canvas in canvases]))[:, None].float()
        grey = compress(speckle(relight(grey, generator), generator), generator)
        target, care, box, points = (torch.from_numpy(np.stack(parts)) for parts in zip(*marks, strict=True))
        return Marked(grey, target, care, box, points)

    def loss(self, sample: Marked) -> Tensor:
        """Focal score, generalised overlap of boxes, distance of points, each over the answering cells."""
        seen = self.network(sample.grey)
        answering = sample.target > 0.5
        count = answering.sum().clamp(min=1)
        score = focal(seen.score.float(), sample.target, sample.care) / count
        true = sample.box[answering]
        boxes = box_distance(seen.box[answering], true).sum() / count
        unit = (true[:, 2:] - true[:, :2]).amax(1, keepdim=True)
        points = ((seen.points[answering] - sample.points[answering]).abs() / unit).mean(1).sum() / count
        total: Tensor = 4 * score + boxes + 4 * points
        return total

    def score(self, network: nn.Module) -> tuple[Row, ...]:
        """Recall on held-out composites at a score of .5, and false faces in faceless pictures."""
        found, wanted = 0, 0
        for canvas in self.val:
            boxes = _answers(network, canvas.grey)
            wanted += len(canvas.boxes)
            found += sum(bool(len(boxes)) and float(box_overlap(b, boxes).max()) >= 0.5 for b in canvas.boxes)
        false = sum(len(_answers(network, canvas.grey)) > 0 for canvas in self.val_rooms)
        return (Row("recall", found / max(wanted, 1)), Row("rooms with a false face", float(false)))


def _answers(network: nn.Module, grey: Array) -> Array:
    with torch.no_grad():
        seen = network(torch.from_numpy(grey)[None, None].float())
    return np.asarray(seen.box[0][seen.score[0] > 0.5].float())


def trained_finder(checkpoint: Path) -> FaceFinder:
    """The averaged finder of a training's checkpoint, in evaluation mode, without gradients."""
    network = FaceFinder()
    network.load_state_dict(read_checkpoint(checkpoint)["average"])
    return network.eval().requires_grad_(False)


def mark(canvas: Canvas) -> tuple[Array, Array, Array, Array]:
    """What each of a canvas' cells should say: target [N], care [N], box [N, 4], points [N, 10]."""
    side = canvas.grey.shape[0]
    targets, cares, boxes, points = [], [], [], []
    for stride, (low, high) in zip(STRIDES, REACH, strict=True):
        axis = (np.arange(side // stride) + 0.5) * stride
        x, y = (part.ravel() for part in np.meshgrid(axis, axis))
        target, care = np.zeros(len(x), np.float32), np.ones(len(x), np.float32)
        box, point = np.zeros((len(x), 4), np.float32), np.zeros((len(x), 10), np.float32)
        for x0, y0, x1, y1 in canvas.ignored:
            care[(x > x0) & (x < x1) & (y > y0) & (y < y1)] = 0
        answered = []
        for face, five in zip(canvas.boxes, canvas.points, strict=True):
            middle, longest = (face[:2] + face[2:]) / 2, float((face[2:] - face[:2]).max())
            away = np.hypot(x - middle[0], y - middle[1])
            nearly = low * 0.8 <= longest < high * 1.25
            care[away < (0.45 if nearly else 0.3) * longest] = 0
            if low <= longest < high:
                answered.append((away <= max(0.18 * longest, away.min() + 1e-6), face, five))
        for near, face, five in answered:
            target[near], care[near], box[near], point[near] = 1, 1, face, five.ravel()
        targets.append(target)
        cares.append(care)
        boxes.append(box)
        points.append(point)
    return np.concatenate(targets), np.concatenate(cares), np.concatenate(boxes), np.concatenate(points)
