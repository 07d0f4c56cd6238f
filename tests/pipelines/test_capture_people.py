"""Two people cross in a clip, one leaves and comes back: each has one take, and can be asked for by number."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from mien.core.arrays import Array
from mien.core.face import Capture
from mien.core.geometry import bounds
from mien.core.image import Frame
from mien.formats.images import read_image
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.gather import Gather

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos"
WIDTH, HEIGHT, RATE, FRAMES = 480, 200, 12.5, 66
LEAVES, RETURNS = 40, 54

pytestmark = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photos lie in ../shared, which is not here")


@cache
def head(who: str, mood: str, height: int) -> Image.Image:
    """Somebody's head, cut out with soft edges; `height` pixels from the hair to the chin."""
    photo = Image.fromarray(read_image(PHOTOS / f"london-{who}-{mood}.jpg").pixels)
    ((_, (reading,)),) = Capturer(CaptureOptions(face=FaceChoice(largest=True))).stream([Frame(np.array(photo))])
    x0, y0, x1, y1 = bounds(reading.landmarks.points).tolist()
    wide, high = x1 - x0, y1 - y0
    oval = (x0 - 0.1 * wide, y0 - 0.3 * high, x1 + 0.1 * wide, y1 + 0.08 * high)
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).ellipse(oval, fill=255)
    photo.putalpha(mask.filter(ImageFilter.GaussianBlur(4)))
    whole = photo.crop(tuple(round(side) for side in oval))
    return whole.resize((round(whole.width * height / whole.height), height), Image.Resampling.LANCZOS)


def places(step: int) -> tuple[float, float | None]:
    """Where the two are, as shares of the width: they cross; then the second leaves, and returns on the other side."""
    gone = min(step / 30, 1.0)
    second = 0.82 - 0.64 * gone
    return 0.18 + 0.64 * gone, second if step < LEAVES else None if step < RETURNS else 0.5


@cache
def clip() -> tuple[Frame, ...]:
    frames = []
    for step in range(FRAMES):
        canvas = Image.new("RGB", (WIDTH, HEIGHT), (70, 90, 110))
        mood = "smiling" if step > 20 else "neutral"
        for who, share, height in zip(("067", "113"), places(step), (120, 110), strict=True):
            if share is not None:
                picture = head(who, mood, height)
                canvas.paste(picture, (round(share * WIDTH - picture.width / 2), 100 - height // 2), picture)
        frames.append(Frame(np.array(canvas), step / RATE, step))
    return tuple(frames)


def captured(face: str) -> Capture:
    gather = Gather("clip", RATE)
    for frame, readings in Capturer(CaptureOptions(face=FaceChoice.parse(face))).stream(clip()):
        gather.add(frame, readings)
    return gather.capture()


def middles(box: Array) -> Array:
    return np.asarray((box[:, 0] + box[:, 2]) / 2 / WIDTH)


def test_each_has_one_take_and_it_is_theirs_throughout() -> None:
    takes = captured("all").takes
    assert [take.face for take in takes] == [0, 1]
    for which, take in enumerate(takes):
        there = np.array([places(step)[which] is not None for step in range(FRAMES)])
        assert not take.valid[~there].any()
        assert take.valid[there].mean() > 0.75
        wanted = np.array([places(step)[which] or 0.0 for step in range(FRAMES)])
        away = np.abs(middles(take.box) - wanted)[take.valid]
        assert np.median(away) < 0.02
        assert away.max() < 0.12
    assert takes[1].valid[RETURNS + 6 :].all()


@pytest.mark.parametrize("number", [0, 1])
def test_one_of_them_by_number_is_the_same_one(number: int) -> None:
    both, (one,) = captured("all").takes, captured(str(number)).takes
    assert one.face == number
    np.testing.assert_array_equal(one.valid, both[number].valid)
    # Read by itself, and not together with the other: the same but for the last digits.
    np.testing.assert_allclose(one.box, both[number].box, rtol=0, atol=1e-3)
