"""Decoys: what a trained finder takes for faces where there are none. The landmark network learns to refuse them."""

import numpy as np
import torch
from torch import nn

from mien.core.arrays import Array
from mien.core.image import Frame
from mien.data.canvases import CanvasMaker
from mien.data.tiles import FACE, TILE, around
from mien.imaging.warp import cut, detection_square

LEAST_SCORE = 0.08
"""The finder's doubts count as well: at run time only what passes half is asked about."""

_MOST_A_ROOM = 3


def find_decoys(finder: nn.Module, maker: CanvasMaker, rng: np.random.Generator, rooms: int) -> Array:
    """[N, 256, 256] uint8 tiles round everything that `finder` sees in `rooms` pictures without faces.

    Args:
        finder: a trained `FaceFinder`, in evaluation mode.
        maker: of the pictures.
        rng: decides which.
        rooms: how many pictures are searched.
    """
    tiles = []
    for _ in range(rooms):
        grey = maker.composite(rng, []).grey
        with torch.no_grad():
            seen = finder(torch.from_numpy(grey)[None, None].float())
        score = seen.score[0].numpy()
        frame = Frame(np.repeat(grey[..., None], 3, 2))
        for k in np.argsort(-score)[: _MOST_A_ROOM * 4 : 4]:
            if score[k] < LEAST_SCORE:
                break
            square = detection_square(seen.box[0, k].numpy(), seen.points[0, k].view(5, 2).numpy(), FACE)
            tiles.append(np.maximum(np.rint(cut(frame, around(square), TILE).pixels), 1).astype(np.uint8))
    return np.array(tiles, np.uint8).reshape(-1, TILE, TILE)
