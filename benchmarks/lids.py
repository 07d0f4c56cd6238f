"""Shut lids against real ones: an open eye of a clip is shut, and held against a frame where that person blinks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import tyro
from ledger import command, publish
from PIL import Image
from rich.progress import track

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import FaceReading
from mien.core.geometry import fit_similarity
from mien.core.image import Frame
from mien.core.points import LID_FOLDS, STEADY, UPPER_LIDS
from mien.core.report import Report, Row
from mien.data.packs import FacesPack, read_photos
from mien.imaging.openings import Region
from mien.metrics import inter_ocular_distance
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import EditedFace, Editor

BLINK = ARKIT.indices(["eyeBlinkLeft", "eyeBlinkRight"])
OPEN, SHUT = 0.25, 0.55
"""What the teacher says of both eyes of a frame at most, and at least."""

EACH, NEAR = 6, 0.2
"""Blinks of one person at most, and inter-ocular distances by which heads may have moved."""

ASKED = 0.8
"""Least weight that eyes are shut with: the teacher says little more of any."""

DARK = 8
"""Grey levels that are added before brightness is compared, for ratios of darks are noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Blink:
    """One person with open and with shut eyes, both as read."""

    frame: Frame
    reading: FaceReading
    shut: Frame
    shut_reading: FaceReading


def blinks(packs: list[FacesPack]) -> Iterator[Blink]:
    """Frames of people who are there with open and with shut eyes, in nearly one pose."""
    capturer = Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    for pack in packs:
        for person in np.unique(pack.identity):
            own = np.flatnonzero(pack.identity == person)
            weights = pack.weights[own][:, BLINK]
            wide, shut = own[weights.max(1) < OPEN], own[weights.min(1) > SHUT]
            if not len(wide):
                continue
            steady = pack.landmarks[:, list(STEADY), :2]
            for number in np.random.default_rng(1).permutation(shut)[:EACH]:
                away = np.linalg.norm(steady[wide] - steady[number], axis=2).mean(1)
                nearest = int(wide[away.argmin()])
                if away.min() > NEAR * float(inter_ocular_distance(pack.landmarks[nearest].astype(np.float64))):
                    continue
                frames = [Frame(pack.pictures.rgb(int(k))) for k in (nearest, number)]
                read = [next(iter(capturer.stream([frame])))[1] for frame in frames]
                if all(read):
                    yield Blink(frames[0], read[0][0], frames[1], read[1][0])


def differences(edited: EditedFace, blink: Blink) -> list[Array]:
    """Of each lid, the logarithms of its brightness beside the skin above it, less those of the real one."""
    height, width = edited.pixels.shape[:2]
    points = edited.target
    laid = fit_similarity(points[list(STEADY)], blink.shut_reading.landmarks.points[list(STEADY), :2])
    way = np.column_stack([laid.scale * laid.rotation, laid.translation])
    real = Image.fromarray(blink.shut.pixels).transform(
        (width, height), Image.Transform.AFFINE, tuple(way.ravel().tolist()), Image.Resampling.BICUBIC
    )
    found = []
    for fold, border in zip(LID_FOLDS, UPPER_LIDS, strict=True):
        above, below = points[list(fold)], points[list(border)]
        lid, skin = (
            Region.between(*lines).share(0, 0, width, height) > 0.5
            for lines in ((above, below), (2 * above - below, above))
        )
        if lid.any() and skin.any():
            shades = [np.log(picture.mean(2) + DARK) for picture in (edited.pixels, np.asarray(real))]
            found.append(np.subtract(*(shade[lid] - np.log(np.exp(shade[skin]).mean()) for shade in shades)))
    return found


def main(data: Path, ledger: bool = False) -> None:
    """Hold edited lids against real ones.

    Args:
        data: Folder with packs of frames alone, made by `mien data pack` of clips in which people blink.
        ledger: Write the figures into the ledger.

    Raises:
        InputError: nobody blinks in the packs.
    """
    pairs = list(blinks([pack for pack in read_photos(data)[0] if not pack.rendered]))
    if not pairs:
        raise InputError(data, "E_NOTHING", "nobody is there with open and with shut eyes in one pose", "add clips")
    editor = Editor()
    figures: dict[str, list[Array]] = {"unfolded": [], "stretched": []}
    for blink in track(pairs, "blinks", transient=True):
        now = blink.reading.state.expression.weights
        asked = now.copy()
        asked[BLINK] = np.maximum(blink.shut_reading.state.expression.weights[BLINK], ASKED)
        figures["unfolded"] += differences(editor.edit(blink.frame, blink.reading, asked), blink)
        with patch("mien.pipelines.edit.unfolded", lambda picture, *_: picture):
            figures["stretched"] += differences(editor.edit(blink.frame, blink.reading, asked), blink)
    rows = []
    for name, found in figures.items():
        error = float(np.mean([np.abs(each).mean() for each in found]))
        rows.append(Row(f"{name}: difference of brightness from a real lid", error, "of its logarithm"))
        rows.append(Row(f"{name}: too light, or too dark", float(np.mean([each.mean() for each in found])), "likewise"))
    notes = (
        f"{len(figures['unfolded'])} lids of {len(pairs)} pairs of frames; brightness beside the skin above the lid.",
    )
    publish(Report("Lids", command(data, None), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
