"""Whole picture to faces: the finder at full size for small faces and at a third of it for large ones."""

import numpy as np

from mien.core.arrays import Array
from mien.core.face import Detection
from mien.core.geometry import box_overlap
from mien.core.image import Frame
from mien.imaging.warp import reduced, shrunk
from mien.runtime.session import OnnxSession

LONGEST = 640
"""Longer side that a picture is reduced to before faces of 15 px and more are sought in it."""

COARSE = 3
"""How much smaller the second look is: faces too large for the first fill less of it."""

_CELL = 32
_SAME = 0.4
_AGREES = 0.7


class FaceFinder:
    """Finds every face of a picture.

    Args:
        session: the finder's network.
        least_score: answers below it are dropped, 0 to 1.
        longest: longer side of the picture that the network sees.
    """

    def __init__(self, session: OnnxSession, least_score: float = 0.5, longest: int = LONGEST) -> None:
        self._session, self._least, self._longest = session, least_score, longest

    def find(self, frame: Frame, glance: bool = False) -> list[Detection]:
        """The faces of `frame`, largest first.

        Args:
            frame: the picture.
            glance: whether to look at it at half the size: in a third of the time, for faces twice as large.
        """
        grey, scale = shrunk(frame, self._longest // 2 if glance else self._longest)
        looks = [self._look(grey, scale)]
        if min(grey.shape) > 2 * _CELL:
            smaller, further = reduced(grey, max(max(grey.shape) // COARSE, _CELL))
            looks.append(self._look(smaller, scale * further))
        score, box, points = (np.concatenate(parts) for parts in zip(*looks, strict=True))
        found = []
        for group in same_faces(score, box):
            share = score[group] / score[group].sum()
            mean = share @ points[group]
            found.append(Detection(share @ box[group], float(score[group].max()), mean.reshape(5, 2)))
        return sorted(found, key=lambda face: -float((face.box[2:] - face.box[:2]).max()))

    def _look(self, grey: Array, scale: Array) -> tuple[Array, Array, Array]:
        """Score [N], box [N, 4] and points [N, 10] in frame pixels of the cells that say yes."""
        height, width = (-(-side // _CELL) * _CELL for side in grey.shape)
        padded = np.zeros((1, 1, height, width), np.float32)
        padded[0, 0, : grey.shape[0], : grey.shape[1]] = grey
        score, box, points = (output[0] for output in self._session(padded))
        sure = score >= self._least
        return np.clip(score[sure], 0, 1), box[sure] * np.tile(scale, 2), points[sure] * np.tile(scale, 5)


def same_faces(score: Array, box: Array) -> list[Array]:
    """Groups of indices of boxes [N, 4] that show one face, each led by its best, best group first.

    A box joins the first group whose leader it overlaps. Of those, the ones that nearly agree with the leader are kept:
    their mean is steadier than any one of them.
    """
    leaders: list[int] = []
    members: list[list[int]] = []
    for k in np.argsort(-score, kind="stable").tolist():
        overlaps = box_overlap(box[k], box[leaders]) if leaders else np.zeros(0)
        if not (overlaps >= _SAME).any():
            leaders.append(k)
            members.append([k])
        else:
            group = int(overlaps.argmax())
            if overlaps[group] >= _AGREES:
                members[group].append(k)
    return [np.array(group) for group in members]
