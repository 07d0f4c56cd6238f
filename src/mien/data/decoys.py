"""Decoys: what a trained finder takes for faces where there are none. The landmark network learns to refuse them."""

import numpy as np
import torch
from torch import nn

from mien.core.arrays import Array
from mien.core.image import Frame
from mien.data.rooms import Rooms
from mien.data.tiles import FACE, TILE, around
from mien.imaging.warp import cut, detection_square

LEAST_SCORE = 0.08
"""The finder's doubts count as well: at run time only what passes half is asked about."""

SIDE = 320
"""Pixels along the side of a picture that is searched."""

_MOST_A_ROOM = 3


def find_decoys(finder: nn.Module, rooms: Rooms, rng: np.random.Generator, count: int) -> Array:
    """[N, 256, 256] uint8 tiles round everything that `finder` sees in `count` pictures without faces.

    Args:
        finder: a trained `FaceFinder`, in evaluation mode.
        rooms: where the pictures come from.
        rng: decides which.
        count: how many are searched.
    """
    tiles = []
    for _ in range(count):
        grey = rooms.window(rng, SIDE)
        with torch.no_grad():
            seen = finder(torch.from_numpy(grey.copy())[None, None].float())
        score = seen.score[0].numpy()
        frame = Frame(np.repeat(grey[..., None], 3, 2))
        for k in np.argsort(-score)[: _MOST_A_ROOM * 4 : 4]:
            if score[k] < LEAST_SCORE:
                break
            square = detection_square(seen.box[0, k].numpy(), seen.points[0, k].view(5, 2).numpy(), FACE)
            tiles.append(np.maximum(np.rint(cut(frame, around(square), TILE).pixels), 1).astype(np.uint8))
    return np.array(tiles, np.uint8).reshape(-1, TILE, TILE)
