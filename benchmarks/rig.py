"""The compact rig: how closely it explains faces, predicts smiles, and reads renders whose weights are known."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro
from following import following_square
from ledger import command, publish
from rich.progress import track
from teacher import Taught, Teacher

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import Similarity, fit_similarity
from mien.core.image import Frame
from mien.core.points import OUTER_LIPS, STEADY
from mien.core.report import Report, Row
from mien.data.packs import FacesPack, read_photos
from mien.data.renders import Renderer
from mien.detect.expression import ExpressionReader
from mien.detect.landmarks import LandmarkReader
from mien.detect.shape import mean_face
from mien.formats.images import read_image
from mien.metrics import pearson
from mien.rig.compact import MOVED, CompactModel, compact_model
from mien.rig.fit import Fitter, TakeFitter
from mien.rig.ict import IctRig

TEST_PEOPLE = ("061", "067", "082", "091", "099", "104", "113", "119", "124", "129", "135", "140")
"""Of the London set: nobody ever trained on them."""

BORDER = 1 / 8
"""Share of the picture's width that a view's border adds on every side."""

MOST_PAIRS = 400
SEED = 77


def explained(fitter: Fitter, packs: Sequence[FacesPack], limit: int | None) -> Array:
    """[N] residuals of identity, expression and pose fitted to every validation face, % IOD."""
    faces = np.concatenate([pack.landmarks[pack.indices("val")[:limit]] for pack in packs]).astype(np.float64)
    return np.array([fitter.fit(face).residual for face in track(faces, "validation faces", transient=True)])


def other_photos(fitter: Fitter, pack: FacesPack, limit: int | None) -> Array:
    """[N] residuals on a photo of a person whose identity was fitted on another one."""
    chosen = pack.indices("val")
    people = pack.identity[chosen]
    pairs = [(a, b) for a, one in zip(chosen, people, strict=True) for b in chosen[people == one] if a != b]
    order = np.random.default_rng(0).permutation(len(pairs))[: min(limit or MOST_PAIRS, MOST_PAIRS)]
    residuals = []
    for first, second in track([pairs[k] for k in order], "other photos", transient=True):
        shape = fitter.fit(pack.landmarks[first].astype(np.float64)).shape
        residuals.append(fitter.fit(pack.landmarks[second].astype(np.float64), shape).residual)
    return np.array(residuals)


def four_views(teacher: Teacher, pixels: Array, mirror: Array) -> Taught:
    """What the teacher sees on the mean of four views: as is and with a border, both mirrored, as the packs' labels."""
    width = pixels.shape[1]
    points, weights = [], []
    for border in (0, round(BORDER * width)):
        padded = np.pad(pixels, ((border, border), (border, border), (0, 0)))
        for flipped in (False, True):
            seen = teacher.see(padded[:, ::-1] if flipped else padded)
            if seen is None:
                raise ValueError("the teacher lost a London face")
            at, said = seen.points.copy(), seen.weights
            if flipped:
                at[:, 0] = padded.shape[1] - at[:, 0]
                at, said = at[mirror], said[ARKIT.mirror]
            points.append(at - [border, border, 0])
            weights.append(said)
    return Taught(np.mean(points, 0), np.mean(weights, 0))


def steadily(source: Array, target: Array) -> Array:
    """`source` laid over `target` by the points that expression hardly moves."""
    steady = np.zeros(len(source))
    steady[list(STEADY)] = 1
    laid: Similarity = fit_similarity(source, target, steady)
    return np.asarray(laid.scale * source @ laid.rotation.T + laid.translation)


def smiles(data: Path, model: CompactModel, mirror: Array) -> tuple[Array, Array]:
    """[12, 478] errors of the predicted smiles of unseen people, and of predicting no motion, % IOD."""
    predicted, still = [], []
    with Teacher(data, blendshapes=True) as teacher:
        for person in track(TEST_PEOPLE, "London", transient=True):
            neutral, smiling = (
                four_views(teacher, read_image(data / "photos" / f"london-{person}-{mood}.jpg").pixels, mirror)
                for mood in ("neutral", "smiling")
            )
            before = steadily(neutral.points, model.mean.astype(np.float64))
            after = steadily(smiling.points, before)
            change = (smiling.weights - neutral.weights)[ARKIT.indices(MOVED)]
            moved = steadily(before + np.tensordot(change, model.expressions.astype(np.float64), 1), before)
            unit = np.linalg.norm(before[IRIS_RIGHT, :2] - before[IRIS_LEFT, :2])
            predicted.append(np.linalg.norm((moved - after)[:, :2], axis=1) / unit * 100)
            still.append(np.linalg.norm((before - after)[:, :2], axis=1) / unit * 100)
    return np.array(predicted), np.array(still)


def renders(fitter: Fitter, model: CompactModel, ict: Path, packs: list[FacesPack], count: int) -> tuple[Array, ...]:
    """Of renders read by our networks, [N, 52]: weights known; fitted as by `mien capture --fit`; fitted to the points
    alone; the expression network's. And the points' errors [N, 2], % IOD, against where a reader of photos would see
    them and against where they are. Identities and skins are those that no training had.
    """
    renderer = Renderer(IctRig.load(ict), model.ict, packs, "val")
    reader, head = LandmarkReader.shipped(), ExpressionReader.shipped()
    rng = np.random.default_rng(SEED)
    known, fitted, alone, guessed, errors = [], [], [], [], []
    for face in track(renderer.stream(count, SEED), "renders", total=count, transient=True):
        read, sight = head.read(reader.read(Frame(face.pixels), following_square(face.points, rng)))
        points = sight.landmarks.points
        known.append(face.weights)
        guessed.append(read.weights)
        alone.append(fitter.fit(points).weights)
        fitted.append(fitter.fit(points, expected=guessed[-1]).weights)
        unit = np.linalg.norm(face.points[IRIS_RIGHT, :2] - face.points[IRIS_LEFT, :2])
        true = np.stack([fitter.as_read(face.points), face.points])
        errors.append(np.linalg.norm((points - true)[..., :2], axis=2).mean(1) / unit * 100)
    return tuple(np.array(each) for each in (known, fitted, alone, guessed, errors))


def milliseconds(fitter: Fitter, pack: FacesPack) -> tuple[float, float]:
    """Median time of a fit: of a face that is new, and of one that is followed."""
    faces = pack.landmarks[pack.indices("val")[:60]].astype(np.float64)
    new, followed = [], []
    for face in faces:
        start = time.perf_counter()
        fitter.fit(face)
        new.append(time.perf_counter() - start)
        person = TakeFitter(fitter)
        person.see(face)
        start = time.perf_counter()
        person.see(face)
        followed.append(time.perf_counter() - start)
    return float(np.median(new)) * 1000, float(np.median(followed)) * 1000


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Measure the compact rig and its fit.

    Args:
        data: Folder with the packs (faces-*.npz), photos, models and rigs.
        limit: Faces of each kind; all of them (1,000 renders) when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    packs = read_photos(data)[0]
    model = compact_model()
    fitter = Fitter(model, mean_face().steadiness)
    wild = next(pack for pack in packs if "wild" in pack.name)
    alone, other = explained(fitter, packs, limit), other_photos(fitter, wild, limit)
    predicted, still = smiles(data, model, wild.mirror)
    lips = sorted({*OUTER_LIPS})
    known, fitted, by_points, guessed, errors = renders(
        fitter, model, data / "rigs" / "ict-facekit.npz", packs, limit or 1000
    )
    places = ARKIT.indices(MOVED)
    r, points, said = (pearson(each, known)[places] for each in (fitted, by_points, guessed))
    new, followed = milliseconds(fitter, wild)
    worst = ", ".join(f"{MOVED[k]} {r[k]:.2f}" for k in np.argsort(r)[:8])
    rows = (
        Row(f"identity, expression and pose on {len(alone)} validation faces", float(alone.mean()), "% IOD", "<= 1.0",
            "<= 0.6"),
        Row(f"identity from another photo of the person, {len(other)} pairs", float(other.mean()), "% IOD", "<= 2.0",
            "<= 1.3"),
        Row("predicted smiles of 12 unseen people, all points", float(predicted.mean()), "% IOD", "<= 1.35",
            "<= 1.08"),
        Row("predicted smiles, mouth ring", float(predicted[:, lips].mean()), "% IOD", "<= 2.3", "<= 1.84"),
        Row("predicting no motion, all points", float(still.mean()), "% IOD"),
        Row("predicting no motion, mouth ring", float(still[:, lips].mean()), "% IOD"),
        Row(f"fit of the landmarks of {len(known)} renders, 51 channels, mean", float(points.mean()), "r", ">= 0.65",
            ">= 0.85"),
        Row("the same, expecting what the expression network reads", float(r.mean()), "r"),
        Row("its mean absolute error of weights", float(np.abs(fitted - known)[:, places].mean()), "of 1"),
        Row("the expression network on the same renders, mean", float(said.mean()), "r"),
        Row("landmarks on renders", float(errors[:, 0].mean()), "% IOD"),
        Row("landmarks on renders, against where they are", float(errors[:, 1].mean()), "% IOD"),
        Row("fit of a followed face, median", followed, "ms", "<= 3", "<= 1"),
        Row("fit of a new face, median", new, "ms"),
    )  # fmt: skip
    notes = (
        "Landmarks of the first two rows are the teacher's labels (mean of four views): the rig is measured, not the "
        "network. Residuals are mean distances in the picture.",
        "Smiles: the teacher's weights of the neutral and the smiling photo, mean of four views; the neutral landmarks "
        "are moved by the difference; both are laid over each other by 21 steady points in three dimensions.",
        f"Renders: ICT identities ({SEED=}) along directions that no training had, skins of validation photos; read by "
        "our networks in squares with the jitter of following, each face fitted alone; the fit of `mien capture --fit` "
        "takes what the expression network read as what is expected where points leave weights open.",
        "Landmarks on renders: photos are labelled by a teacher whose points do more than turn when a head turns; what "
        "they do the compact rig learned, and points of renders are placed as if it had seen them.",
        f"Channels that the fit reads worst on renders: {worst}.",
    )
    publish(Report("Compact rig", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
