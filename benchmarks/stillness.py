"""How still capture holds a face that keeps still, and what that costs where it moves, beside MediaPipe's VIDEO mode.

- Still: one photo of each of London's test people, at its own size and at two fifths of it, repeated under a sensor's
  noise (variance 2.25 + 0.05 times the grey level, each pixel and colour by itself). Jitter is the deviation over time,
  after the first second: of points in the picture, % of the inter-ocular distance, and of weights.
- Lag: their neutral and smiling photos, laid over each other by steady points, in turn every second at 30 frames a
  second, under the same noise. Counted are the frames after the first one of a photo until a value has gone 90 % of the
  way between what was read, unsmoothed, at the end of one photo and over most of the other: points that move by 3 %
  or more, weights that change by 0.15 or more.
- Blinks: peaks of an unsmoothed eyeBlink curve in the driving clips that stand 0.35 or more above the higher of the two
  valleys beside them (within a second), and at half of that height last half a second or less. One is kept when the
  smoothed curve reaches 80 % of its height above the same valley, at most 2 frames away.

The filter's numbers were chosen on London's training people and on the clips of `CHOSEN_ON`; blinks of the others are
given apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from PIL import Image
from rich.progress import track
from scipy.signal import find_peaks
from teacher import Teacher

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import FaceReading
from mien.core.geometry import fit_similarity
from mien.core.image import Frame
from mien.core.points import STEADY
from mien.core.report import Report, Row
from mien.detect.smoothing import Smoother
from mien.formats.video import VideoReader
from mien.metrics import inter_ocular_distance
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice

TEST_PEOPLE = ("061", "067", "082", "091", "099", "104", "113", "119", "124", "129", "135", "140")
CHOSEN_ON = ("driving-d0", "driving-d3", "driving-d10", "driving-d19")
STILL, RATE = 120, 30
SETTLED = 30
SIZES = (1.0, 0.4)
PHASES = 3
LEAST_MOVE, LEAST_CHANGE = 0.03, 0.15
LEAST_PEAK, LONGEST_BLINK, KEPT, APART = 0.35, 0.5, 0.8, 2
BLINKS = ARKIT.indices(["eyeBlinkLeft", "eyeBlinkRight"])


@dataclass(frozen=True, slots=True)
class Track:
    """A face over time: times [T], points [T, 478, 2] in pixels, weights [T, 52]."""

    times: Array
    points: Array
    weights: Array


def noisy(pixels: Array, rng: np.random.Generator) -> Array:
    """The picture as a sensor gives it."""
    grey = pixels.astype(np.float32)
    noise = rng.standard_normal(grey.shape, np.float32) * np.sqrt(2.25 + 0.05 * grey)
    return np.asarray(np.clip(np.rint(grey + noise), 0, 255).astype(np.uint8))


def photo(data: Path, person: str, mood: str, size: float = 1.0) -> Array:
    with Image.open(data / "photos" / f"london-{person}-{mood}.jpg") as image:
        wanted = (round(image.width * size), round(image.height * size))
        return np.array(image.convert("RGB").resize(wanted, Image.Resampling.LANCZOS))


def in_turn(pictures: Sequence[Array], seed: int) -> list[Frame]:
    rng = np.random.default_rng(seed)
    return [Frame(noisy(pixels, rng), k / RATE, k) for k, pixels in enumerate(pictures)]


def ours(capturer: Capturer, frames: Sequence[Frame]) -> tuple[Track, Track]:
    """Smoothed, and as it was read; frames without the face are left out. Nothing but the smoother differs."""
    raw = [readings for _, readings in capturer.stream(frames)]
    smoother = Smoother()
    return tracked([smoother.smooth(readings) for readings in raw]), tracked(raw)


def tracked(stream: Sequence[Sequence[FaceReading]]) -> Track:
    seen = [readings[0] for readings in stream if readings]
    points = np.array([reading.landmarks.points[:, :2] for reading in seen])
    weights = np.array([reading.state.expression.weights for reading in seen], np.float64)
    return Track(np.array([reading.time for reading in seen]), points, weights)


def theirs(data: Path, frames: Sequence[Frame]) -> Track:
    with Teacher(data, blendshapes=True, video=True) as teacher:
        seen = [(frame.time, teacher.see(frame.pixels, frame.time)) for frame in frames]
    found = [(time, taught) for time, taught in seen if taught is not None]
    weights = np.array([taught.weights for _, taught in found], np.float64)
    return Track(np.array([time for time, _ in found]), np.array([t.points[:, :2] for _, t in found]), weights)


def jitter(track: Track) -> tuple[float, float]:
    """Of points, % of the inter-ocular distance, and of weights."""
    points, weights = track.points[SETTLED:], track.weights[SETTLED:]
    apart = float(np.mean([inter_ocular_distance(each) for each in points]))
    return 100 * float(np.sqrt(points.var(0).sum(-1)).mean()) / apart, float(weights.std(0).mean())


def smile(data: Path, person: str, capturer: Capturer) -> tuple[Array, Array]:
    """The neutral photo of a person, and the smiling one laid over it."""
    calm, happy = photo(data, person, "neutral"), photo(data, person, "smiling")
    points = [
        next(iter(capturer.stream([Frame(each)])))[1][0].landmarks.points[list(STEADY), :2] for each in (calm, happy)
    ]
    fit = fit_similarity(*points)
    back = np.concatenate([fit.scale * fit.rotation, fit.translation[:, None]], axis=1)
    size = (calm.shape[1], calm.shape[0])
    laid = Image.fromarray(happy).transform(
        size, Image.Transform.AFFINE, tuple(back.ravel().tolist()), Image.Resampling.BICUBIC
    )
    return calm, np.array(laid)


def lags(values: Array, raw: Array, least: float) -> list[int]:
    """Frames until each of the values [T, N, D] that changes by `least` has gone 90 % of the way, at every change."""
    found: list[int] = []
    for start in range(RATE, len(raw) - RATE + 1, RATE):
        before, after = np.median(raw[start - 10 : start], 0), np.median(raw[start + 5 : start + RATE], 0)
        way = after - before
        for place in np.flatnonzero(np.linalg.norm(way, axis=-1) >= least):
            gone = (values[start : start + RATE, place] - before[place]) @ way[place] / (way[place] @ way[place])
            there = np.flatnonzero(gone >= 0.9)
            found.append(int(there[0]) if len(there) else RATE)
    return found


def kept(smoothed: Track, raw: Track) -> list[bool]:
    """Of every blink of either eye, whether it is kept."""
    rate = 1 / float(np.median(np.diff(raw.times)))
    found = []
    for column in BLINKS:
        curve, smooth = raw.weights[:, column], smoothed.weights[:, column]
        peaks, about = find_peaks(
            curve, prominence=LEAST_PEAK, width=(None, LONGEST_BLINK * rate), wlen=2 * int(rate) + 1
        )
        for peak, height in zip(peaks, about["prominences"], strict=True):
            reached = smooth[max(peak - APART, 0) : peak + APART + 1].max() - (curve[peak] - height)
            found.append(bool(reached >= KEPT * height))
    return found


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Measure jitter at rest, lag at a change, and blinks kept.

    Args:
        data: Folder with photos, videos and models.
        limit: People; all twelve when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    people = TEST_PEOPLE[:limit]
    if not (data / "photos" / f"london-{people[0]}-neutral.jpg").exists():
        raise InputError(
            data / "photos", "E_NOTFILE", "holds no photos of London's people", "name the folder with --data"
        )
    largest = FaceChoice(largest=True)
    capturer = Capturer(CaptureOptions(face=largest, smooth=False))
    still: list[list[tuple[float, float]]] = []
    slow: list[tuple[list[int], ...]] = []
    for person in track(people, "people", transient=True):
        for size in SIZES:
            frames = in_turn([photo(data, person, "neutral", size)] * STILL, int(person))
            tracks = [*ours(capturer, frames), theirs(data, frames)]
            still.append([jitter(each) for each in tracks])
        pair = smile(data, person, capturer)
        frames = in_turn([pair[k // RATE % 2] for k in range(PHASES * RATE)], int(person))
        (smooth, raw), peer = ours(capturer, frames), theirs(data, frames)
        far = LEAST_MOVE * float(inter_ocular_distance(raw.points[0]))
        slow.append(
            (
                lags(smooth.points, raw.points, far),
                lags(smooth.weights[..., None], raw.weights[..., None], LEAST_CHANGE),
                lags(peer.points, peer.points, far),
                lags(peer.weights[..., None], peer.weights[..., None], LEAST_CHANGE),
            )
        )
    blinks: dict[str, list[bool]] = {}
    for file in track(sorted((data / "videos").glob("driving-*.mp4")), "clips", transient=True):
        with VideoReader(file) as video:
            clip = list(video)
        blinks[file.stem] = kept(*ours(capturer, clip))
    publish(report(np.array(still), slow, blinks, command(data, limit)), ledger)


def report(still: Array, slow: Sequence[tuple[list[int], ...]], blinks: dict[str, list[bool]], line: str) -> Report:
    """The figures.

    Args:
        still: [N, 3, 2] jitter of points and weights: smoothed, raw, MediaPipe's.
        slow: of each person, lags of our points and weights, and of MediaPipe's.
        blinks: of each clip, whether each blink is kept.
        line: the command.
    """
    ours_still, raw, peer = still.mean(0)
    lag = [np.concatenate([each[k] for each in slow]) for k in range(4)]
    unseen = [one for name, each in blinks.items() if name not in CHOSEN_ON for one in each]
    every = [one for each in blinks.values() for one in each]
    rows = []
    for k, what, unit in ((0, "points", "% of eyes' distance"), (1, "weights", "of 1")):
        bound, aim = f"<= {peer[k]:.3g}", f"<= {peer[k] / 2:.3g}"
        rows += [
            Row(f"jitter of a still face's {what}, smoothed", float(ours_still[k]), unit, bound, aim),
            Row(f"jitter of a still face's {what}, unsmoothed", float(raw[k]), unit),
            Row(f"jitter of a still face's {what}, MediaPipe", float(peer[k]), unit),
        ]
    for k, what in enumerate(
        ("points", "weights", "points, MediaPipe against itself", "weights, MediaPipe against itself")
    ):
        floor = "<= 2" if k < 2 else None
        rows.append(Row(f"frames until 90 % of a change: {what}, mean", float(lag[k].mean()), "frames", floor))
        rows.append(
            Row(f"frames until 90 % of a change: {what}, 95th percentile", float(np.percentile(lag[k], 95)), "frames")
        )
    rows += [
        Row("share of blinks kept, clips that nothing was chosen on", float(np.mean(unseen)), "of 1", ">= 0.95"),
        Row("share of blinks kept, all clips", float(np.mean(every)), "of 1", ">= 0.95"),
    ]
    notes = (
        f"{len(still)} still faces of {STILL} frames; {len(lag[0])} changes of points, {len(lag[1])} of weights; "
        f"{len(unseen)} blinks in clips that nothing was chosen on, {len(every)} in all, each eye by itself.",
        "MediaPipe smooths the points of a single face in VIDEO mode. Means over faces and over all 52 weights, those "
        "counted in that MediaPipe never moves.",
    )
    return Report("Stillness", line, tuple(rows), notes)


if __name__ == "__main__":
    tyro.cli(main)
