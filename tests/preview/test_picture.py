import json
import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from made import made_reading
from PIL import Image
from portraits import blank, capturer, noise, placed

from mien.core.actions import action_rows
from mien.core.basis import ARKIT
from mien.core.image import Frame
from mien.core.live import Figures
from mien.preview.picture import WIDTH, Glimpse, mesh, message

FIGURES = Figures(12.34, 300, 7, 29.97, 14.26, 14.0, 21.0)


def parted(data: bytes) -> tuple[dict[str, Any], Image.Image]:
    """The JSON and the picture of a message, as the page takes it apart."""
    (text,) = struct.unpack_from(">I", data)
    (jpeg,) = struct.unpack_from(">I", data, 4 + text)
    assert len(data) == 8 + text + jpeg
    return json.loads(data[4 : 4 + text]), Image.open(BytesIO(data[8 + text :]))


def glimpse(frame: Frame, readings: list[Any] = []) -> Glimpse:  # noqa: B006 - never changed
    rows = {reading.face: action_rows(ARKIT)[:5] for reading in readings}
    return Glimpse(frame, readings, rows, FIGURES, "Test <Camera>")


@pytest.mark.parametrize(
    ("size", "sent"),
    [((1280, 720), (640, 360)), ((1920, 1080), (640, 360)), ((1000, 700), (640, 448)), ((240, 200), (240, 200))],
)
def test_the_picture_is_made_smaller_and_never_larger(size: tuple[int, int], sent: tuple[int, int]) -> None:
    about, picture = parted(message(glimpse(Frame(blank(*size, level=140)))))
    assert picture.size == sent == (about["width"], about["height"])
    assert sent[0] <= WIDTH
    assert about["camera"] == f"{size[0]} x {size[1]}"
    assert np.abs(np.asarray(picture, int) - 140).max() < 3


def test_the_picture_is_the_camera_s_own_neither_turned_nor_drawn_on() -> None:
    pixels = placed((120, 100))[0]
    before = pixels.copy()
    frame = Frame(pixels)
    (readings,) = [readings for _, readings in capturer().stream([frame])]
    _, picture = parted(message(glimpse(frame, readings)))
    assert np.abs(np.asarray(picture, int) - pixels).mean() < 4
    np.testing.assert_array_equal(pixels, before)


def test_points_lie_where_they_were_read() -> None:
    grown = np.asarray(Image.fromarray(placed((120, 100))[0]).resize((1280, 1066)))
    frame = Frame(grown)
    (readings,) = [readings for _, readings in capturer().stream([frame])]
    about, _ = parted(message(glimpse(frame, readings)))
    (face,) = about["faces"]
    points = np.array(face["points"]).reshape(478, 2)
    np.testing.assert_allclose(points, readings[0].landmarks.points[:, :2] / 2, atol=0.06)
    assert (len(face["axes"]), len(face["gaze"])) == (12, 8)
    assert np.array(face["axes"]).reshape(3, 2, 2)[1, 1, 1] > np.array(face["axes"]).reshape(3, 2, 2)[1, 0, 1]


def test_numbers_and_weights_are_those_of_the_reading() -> None:
    reading = made_reading(2)
    about, _ = parted(message(glimpse(Frame(noise(640, 480)), [reading])))
    assert (about["source"], about["seconds"], about["rate"]) == ("Test <Camera>", 12.3, 30.0)
    assert (about["latency"], about["dropped"], about["frames"]) == (14.3, 7, 300)
    (face,) = about["faces"]
    assert (face["number"], face["quality"]) == (2, round(reading.quality, 3))
    name, left, right = face["rows"][0]
    assert name == "eyeBlink"
    assert [left, right] == pytest.approx(
        [float(reading.state.expression[f"eyeBlink{side}"]) for side in ("Left", "Right")], abs=1e-3
    )


def test_what_lies_far_outside_is_kept_within_reason() -> None:
    far = made_reading(500_000)
    about, _ = parted(message(glimpse(Frame(blank(640, 480)), [far])))
    assert np.abs(about["faces"][0]["points"]).max() <= 8 * 320


def test_the_mesh_names_points_that_are_there() -> None:
    lines = json.loads(mesh())
    assert set(lines) == {"edges", "closed", "open"}
    assert len(lines["edges"]) > 1000
    places = [place for group in (lines["edges"], lines["closed"], lines["open"]) for chain in group for place in chain]
    assert 0 <= min(places) <= max(places) < 478
