"""One message to the page: what was seen and read in a frame, as a JPEG and the numbers that go with it.

The picture is as the camera gave it, only smaller. Mesh, axes and gaze travel as points: the page draws them, mirrored
or not, and they always belong to the picture that they lie on.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import Image

from mien.core.actions import ActionRow
from mien.core.arrays import Array
from mien.core.basis import action_name
from mien.core.face import FaceReading
from mien.core.geometry import Camera, angles_from_rotation
from mien.core.image import Frame
from mien.core.live import Figures
from mien.detect.shape import mean_face
from mien.imaging.draw import BROW_LINES, CLOSED_LINES, mesh_edges, rays

WIDTH = 640
"""Pixels across of the picture that is sent, at most."""

_QUALITY = 80
_REACH = 8.0
"""Sides of the picture beyond which nothing is drawn."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What the page shows at a time.

    Args:
        frame: the picture.
        readings: its faces.
        rows: the weights that are shown of each face, by its number.
        figures: how the camera is keeping up.
        source: what it is called.
    """

    frame: Frame
    readings: Sequence[FaceReading]
    rows: dict[int, tuple[ActionRow, ...]]
    figures: Figures
    source: str


def message(glimpse: Glimpse, focal_length: float | None = None) -> bytes:
    """The bytes of a glimpse: the length of the JSON (4 bytes, big-endian), the JSON, the length of the JPEG, the JPEG.

    Args:
        glimpse: what is shown.
        focal_length: of the camera in pixels, or None, as for capture.
    """
    frame = glimpse.frame
    scale = min(1.0, WIDTH / frame.width)
    picture = np.ascontiguousarray(_smaller(frame.pixels, scale))
    jpeg: bytes = simplejpeg.encode_jpeg(
        picture, quality=_QUALITY, colorspace="RGB", colorsubsampling="420", fastdct=True
    )
    camera = Camera.of_picture(frame.width, frame.height, focal_length)
    figures = glimpse.figures
    about = {
        "source": glimpse.source,
        "width": picture.shape[1],
        "height": picture.shape[0],
        "camera": f"{frame.width} x {frame.height}",
        "seconds": round(figures.seconds, 1),
        "rate": round(figures.rate, 1),
        "latency": round(figures.latency, 1),
        "frames": figures.frames,
        "dropped": figures.dropped,
        "faces": [_face(reading, glimpse.rows.get(reading.face, ()), camera, scale) for reading in glimpse.readings],
    }
    text = json.dumps(about, separators=(",", ":"), allow_nan=False).encode()
    return struct.pack(">I", len(text)) + text + struct.pack(">I", len(jpeg)) + jpeg


def mesh() -> bytes:
    """The lines between points that the page draws, as JSON: edges, rings that close, and brows that do not."""
    edges = mesh_edges(mean_face().triangles).tolist()
    return json.dumps({"edges": edges, "closed": CLOSED_LINES, "open": BROW_LINES}, separators=(",", ":")).encode()


def _smaller(pixels: Array, scale: float) -> Array:
    if scale == 1.0:
        return pixels
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    image = Image.fromarray(pixels)
    # A whole factor is averaged much faster than others.
    if pixels.shape[1] % size[0] == 0 and pixels.shape[0] % size[1] == 0:
        return np.asarray(image.reduce(pixels.shape[1] // size[0]))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.5))


def _face(reading: FaceReading, rows: Sequence[ActionRow], camera: Camera, scale: float) -> dict[str, object]:
    points = reading.landmarks.points[:, :2]
    axes, gaze = rays(reading, points, camera)
    pitch, yaw, roll = np.rad2deg(angles_from_rotation(reading.state.pose.facing())).tolist()
    expression = reading.state.expression
    limit = _REACH * max(camera.centre) * scale
    return {
        "number": reading.face,
        "quality": round(reading.quality, 3),
        "pitch": round(pitch, 1),
        "yaw": round(yaw, 1),
        "roll": round(roll, 1),
        "points": _placed(points, scale, limit),
        "axes": _placed(axes, scale, limit),
        "gaze": _placed(gaze[:, [0, -1]] if len(gaze) else gaze, scale, limit),
        "rows": [[action_name(row), *(round(float(expression[column]), 3) for column in row)] for row in rows],
    }


def _placed(points: Array, scale: float, limit: float) -> list[float]:
    """Flat x, y, x, y …, in tenths of a pixel of the picture that is sent."""
    return np.clip(points * scale, -limit, limit).round(1).ravel().tolist()
