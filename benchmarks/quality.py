"""What the quality of a reading tells: blur, size, dark and cover, on validation faces of all packs.

Every face is read by the package's networks from the square round its labelled points. Cover is what the networks learn
with (`mien.data.augment.cover`: turned boxes and ellipses of grey, or of another picture); a face is covered when a
tenth, or a fifth, of its oval is hidden. Masks (all below the bridge of the nose, one grey) and sunglasses (dark
ellipses) are drawn here, and no network or table learned from them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from PIL import Image, ImageFilter
from rich.progress import track
from scipy.stats import rankdata

from mien.core.arrays import Array
from mien.core.face import Landmarks
from mien.core.geometry import Camera, apply_affine, invert_affine
from mien.core.image import Frame
from mien.core.points import EYE_LEFT, EYE_RIGHT, FACE_OVAL
from mien.core.quality import Quality
from mien.core.report import Report, Row
from mien.data.packs import FacesPack, read_photos
from mien.detect.expression import ExpressionReader
from mien.detect.landmarks import SIDE, PointRefiner, Sight
from mien.detect.pose import fit_head, head_pose
from mien.detect.quality import qualities
from mien.detect.shape import mean_face
from mien.imaging.warp import cut, face_square
from mien.metrics import inter_ocular_distance
from mien.runtime.session import OnnxSession
from mien.train.look import covered, inside
from mien.weights.catalog import card

FACES = 400
BLURS, SIZES, LIGHTS, SHARES = (2, 4, 8), (24, 16, 10), (0.5, 0.2, 0.1), (0.1, 0.2)
WHOLE = 50.0
"""Pixels between the irises at which faces are blurred, darkened and covered."""


class Reader:
    """What capture makes of a cut."""

    def __init__(self) -> None:
        self._landmarks = OnnxSession(card("landmarks"))
        self._refiner = PointRefiner(OnnxSession(card("refiner")))
        self._expression = ExpressionReader.shipped()

    def rate(self, pixels: Array, to_frame: Array, camera: Camera) -> Quality:
        """The quality of the face in a cut [128, 128]."""
        points, presence, features = self._landmarks(pixels[None, None])
        score = min(max(float(presence[0]), 0.0), 1.0)
        there = Landmarks(apply_affine(to_frame, points[0].astype(np.float64)), score)
        first = Sight(there, pixels, to_frame, points[0], features[0])
        _, sight = self._expression.read(self._refiner.refine(first))
        return qualities([sight], head_pose(fit_head(sight.landmarks.points[None], mean_face()), camera))[0]


def seen(
    pack: FacesPack, index: int, apart: float, blur: float = 0.0, light: float = 1.0
) -> tuple[Array, Array, Camera]:
    """The cut of a face with so many pixels between its irises, blurred by % of them; its map; its camera."""
    landmarks = np.asarray(pack.landmarks[index], np.float64)
    picture = Image.fromarray(pack.pictures.rgb(index))
    size = min(apart / float(inter_ocular_distance(landmarks)), 1.0)
    wanted = (max(round(picture.width * size), 1), max(round(picture.height * size), 1))
    small = picture.resize(wanted, Image.Resampling.LANCZOS)
    if blur:
        small = small.filter(ImageFilter.GaussianBlur(blur / 100 * apart))
    frame = Frame((np.asarray(small) * light).astype(np.uint8))
    square = face_square(landmarks * [wanted[0] / picture.width, wanted[1] / picture.height, size], SIDE)
    return cut(frame, square, SIDE).pixels, square, Camera.of_picture(frame.width, frame.height)


def masked(pixels: Array, points: Array, rng: np.random.Generator) -> Array:
    """A cut with one grey over all of the face below the bridge of the nose."""
    ring = points[[234, *FACE_OVAL[9:27], 454, 195], :2]
    return np.where(inside(ring), np.float32(rng.uniform(10, 245)), pixels)


def shaded(pixels: Array, points: Array, rng: np.random.Generator) -> Array:
    """A cut with a dark ellipse over each eye."""
    x, y = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    for eye in (EYE_LEFT, EYE_RIGHT):
        middle, reach = points[list(eye), :2].mean(0), 0.85 * float(np.ptp(points[list(eye), 0]))
        glass = ((x - middle[0]) / reach) ** 2 + ((y - middle[1]) / (0.75 * reach)) ** 2 < 1
        pixels = np.where(glass, np.float32(rng.uniform(5, 40)), pixels)
    return pixels


def area(clean: Array, spoilt: Array) -> float:
    """The share of pairs in which the spoilt one is above the clean one (area under the curve)."""
    ranks = rankdata(np.concatenate([clean, spoilt]))[len(clean) :]
    return float((ranks.mean() - (len(spoilt) + 1) / 2) / len(clean))


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Measure how quality falls.

    Args:
        data: Folder with the packs.
        limit: Faces; 400 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    packs, _ = read_photos(data)
    every = [(pack, int(index)) for pack in packs for index in pack.indices("val")]
    chosen = [every[k] for k in np.random.default_rng(0).permutation(len(every))[: limit or FACES]]
    reader = Reader()

    def rated(apart: float, blur: float = 0.0, light: float = 1.0) -> list[Quality]:
        return [reader.rate(*seen(pack, index, apart, blur, light)) for pack, index in chosen]

    clean = rated(WHOLE)
    rows = [
        Row("quality, median of faces as they are", _median(clean), "of 1"),
        *(
            Row(f"... blurred by {blur} % of the eyes' distance", _median(rated(WHOLE, blur)), "of 1")
            for blur in track(BLURS, "blur", transient=True)
        ),
        *(
            Row(f"... {apart} px between the irises", _median(rated(apart)), "of 1")
            for apart in track(SIZES, "size", transient=True)
        ),
        *(
            Row(f"... of {light:.0%} of the light", _median(rated(WHOLE, light=light)), "of 1")
            for light in track(LIGHTS, "light", transient=True)
        ),
    ]
    cuts, maps, cameras = zip(*(seen(pack, index, WHOLE) for pack, index in chosen), strict=True)
    points = np.array([labelled(pack, index) for pack, index in chosen])
    hidden, share = covered(np.array(cuts), points, seed=1)
    rng = np.random.default_rng(1)
    kinds: list[tuple[str, Sequence[Array], Array]] = [
        (f"covered by {least:.0%} or more", list(hidden), share >= least) for least in SHARES
    ]
    every_one = np.ones(len(chosen), bool)
    for what, draw in (("behind a mask", masked), ("behind sunglasses", shaded)):
        kinds.append((what, [draw(*one, rng) for one in zip(cuts, points, strict=True)], every_one))
    before = np.array([each.occlusion for each in clean])
    for what, pictures, some in track(kinds, "cover", transient=True):
        spoilt = [reader.rate(pictures[k], maps[k], cameras[k]) for k in np.flatnonzero(some).tolist()]
        rows.append(Row(f"... {what} ({len(spoilt)} faces)", _median(spoilt), "of 1"))
        after = np.array([each.occlusion for each in spoilt])
        rows.append(Row(f"occlusion tells faces {what}", area(before, after), "area under the curve", ">= 0.7"))
    rows.append(Row("occlusion above 0.5 of faces as they are", float((before > 0.5).mean()), "of 1"))
    notes = (f"{len(chosen)} validation faces, {WHOLE:.0f} px between the irises or as many as the picture has.",)
    publish(Report("Quality", command(data, limit), tuple(rows), notes), ledger)


def labelled(pack: FacesPack, index: int) -> Array:
    """[478, 3] the labelled points in pixels of the cut: the same at any size of the picture."""
    landmarks = np.asarray(pack.landmarks[index], np.float64)
    return apply_affine(invert_affine(face_square(landmarks, SIDE)), landmarks)


def _median(ratings: list[Quality]) -> float:
    return float(np.median([each.overall for each in ratings]))


if __name__ == "__main__":
    tyro.cli(main)
