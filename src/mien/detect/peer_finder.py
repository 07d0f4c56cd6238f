"""Whole picture to faces as MediaPipe's short-range detector finds them: one look at 128 pixels, answers blended.

The numbers are those of MediaPipe's published graph: `face_detector_graph.cc` and the calculators it names.
"""

import numpy as np

from mien.core.arrays import Array
from mien.core.face import Detection
from mien.core.geometry import box_overlap
from mien.core.image import Frame
from mien.imaging.fixed_point import sample_fixed
from mien.runtime.litert import Network

SIDE = 128
"""Pixels along the side of the picture that the network sees; a frame that is not square lies in it on black."""

_GRIDS = ((16, 2), (8, 6))
"""Cells along a side, and answers of each cell."""

_SAME = 0.3
_STEEPEST = 100.0
_EYE_RIGHT, _EYE_LEFT, _NOSE, _MOUTH = range(4)
"""Of its six points those that a `Detection` has; it knows no mouth corners, so the middle stands for both."""


class PeerFinder:
    """Finds every face of a picture that is large enough in it.

    Args:
        session: MediaPipe's face detector.
        least_score: answers below it are dropped, 0 to 1.
    """

    def __init__(self, session: Network, least_score: float = 0.5) -> None:
        self._session, self._least = session, least_score
        self._anchors = anchors()

    def find(self, frame: Frame, glance: bool = False) -> list[Detection]:
        """The faces of `frame`, largest first. It always looks but once, so a glance is no quicker."""
        longest = max(frame.width, frame.height)
        scale, corner = longest / SIDE, np.array([frame.width - longest, frame.height - longest]) / 2
        to_frame = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
        pixels = sample_fixed(frame.pixels, to_frame, SIDE, zeros_outside=True)
        places, logits = self._session((pixels.astype(np.float32) / 127.5 - 1)[None])
        score = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(np.float64), -_STEEPEST, _STEEPEST)))
        sure = score >= self._least
        box, points = self._decoded(places[0][sure].astype(np.float64), self._anchors[sure])
        found = []
        for best, blended_box, blended_points in blended(score[sure], box, points):
            in_frame = blended_points * longest + corner
            five = in_frame[[_EYE_RIGHT, _EYE_LEFT, _NOSE, _MOUTH, _MOUTH]]
            found.append(Detection(blended_box * longest + np.tile(corner, 2), best, five))
        return sorted(found, key=lambda face: -float((face.box[2:] - face.box[:2]).max()))

    def _decoded(self, places: Array, anchor: Array) -> tuple[Array, Array]:
        """Boxes [N, 4] and points [N, 6, 2] as shares of the square, of what the network says about anchors [N, 2]."""
        middle, half = places[:, :2] / SIDE + anchor, places[:, 2:4] / SIDE / 2
        points = places[:, 4:].reshape(-1, 6, 2) / SIDE + anchor[:, None]
        return np.concatenate([middle - half, middle + half], 1), points


def anchors() -> Array:
    """[896, 2] middles of the cells that the answers are told from, as shares of the square, in their order."""
    found = []
    for cells, answers in _GRIDS:
        middles = (np.arange(cells) + 0.5) / cells
        down, across = np.meshgrid(middles, middles, indexing="ij")
        found.append(np.repeat(np.stack([across, down], -1).reshape(-1, 2), answers, axis=0))
    return np.concatenate(found)


def blended(score: Array, box: Array, points: Array) -> list[tuple[float, Array, Array]]:
    """One answer a face, of answers by score [N], box [N, 4] and points [N, 6, 2]; best first.

    Every answer that overlaps the best one left is part of its face: box and points are their mean, weighted by score.
    """
    found = []
    order = np.argsort(-score, kind="stable")
    while len(order):
        near = box_overlap(box[order[0]], box[order]) > _SAME
        near[0] = True  # even a box without an area is part of itself
        group = order[near]
        share = score[group] / score[group].sum()
        found.append((float(score[group[0]]), share @ box[group], np.einsum("n,nkc->kc", share, points[group])))
        order = order[~near]
    return found
