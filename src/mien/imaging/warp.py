"""Cuts a square from a picture for a network, and says where to cut: the one resampler that networks see through.

`sample_affine` equals torch's and ONNX's `grid_sample` (bilinear, zeros outside, corners not aligned), so a network
sees at run time what it saw while it learned. A square that is much larger than its cut is first reduced by a whole
factor with a box filter, of every other row where it is four or more.
"""

import numpy as np
from PIL import Image

from mien.core.arrays import Array
from mien.core.geometry import affine_scale, bounds, compose_affine, square_to_frame
from mien.core.image import Crop, Frame

MARGIN = 1.3
"""Side of a face's square over the longer side of its points' bounds, once the square is turned upright."""

_EYE_CORNERS_RIGHT, _EYE_CORNERS_LEFT = (33, 133), (362, 263)
_FOREHEAD, _CHIN = 10, 152


def upright_angle(eyes: Array, down: Array) -> float:
    """How far a face is turned in the picture, radians clockwise.

    Both directions vote by their length, so that a profile, whose eyes coincide, is told by its height.

    Args:
        eyes: [2] from the subject's right eye to the left.
        down: [2] from the upper to the lower end of the face.
    """
    x, y = eyes[0] + down[1] / 2, eyes[1] - down[0] / 2
    return float(np.arctan2(y, x))


def face_square(points: Array, pixels: int) -> Array:
    """The map from an upright square cut of `pixels` round a face to the frame, [2, 3].

    Args:
        points: [478, 2 or 3] landmarks in the frame.
        pixels: side of the cut.
    """
    flat = points[:, :2]
    eyes = flat[_EYE_CORNERS_LEFT, :].mean(0) - flat[_EYE_CORNERS_RIGHT, :].mean(0)
    angle = upright_angle(eyes, flat[_CHIN] - flat[_FOREHEAD])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = flat @ turn
    least, most = np.split(bounds(upright), 2)
    side = max(float((most - least).max()) * MARGIN, 1.0)
    return square_to_frame(turn @ ((least + most) / 2), side, angle, pixels)


def detection_square(box: Array, points: Array, pixels: int) -> Array:
    """The map from an upright square cut of `pixels` round a found face to the frame, [2, 3].

    Args:
        box: [4] x0, y0, x1, y1.
        points: [5, 2] irises (the subject's right first), nose tip, mouth corners.
        pixels: side of the cut.
    """
    eyes, mouth = points[1] - points[0], points[3:5].mean(0) - points[0:2].mean(0)
    side = max(float((box[2:] - box[:2]).max()) * MARGIN, 1.0)
    return square_to_frame((box[:2] + box[2:]) / 2, side, upright_angle(eyes, 2 * mouth), pixels)


def sample_affine(picture: Array, to_picture: Array, side: int) -> Array:
    """[side, side] float32: `picture` [H, W] sampled bilinearly where `to_picture` [2, 3] takes a cut's pixel centres.

    Outside the picture lies 0.
    """
    height, width = picture.shape
    steps = np.arange(side, dtype=np.float32) + np.float32(0.5)
    (a, b, tx), (c, d, ty) = to_picture.astype(np.float32)
    x = (a * steps + tx)[None, :] + (b * steps)[:, None] - np.float32(0.5)
    y = (c * steps + ty)[None, :] + (d * steps)[:, None] - np.float32(0.5)
    np.clip(x, -1, width, out=x)
    np.clip(y, -1, height, out=y)
    left, top = np.floor(x), np.floor(y)
    x -= left
    y -= top
    # One pixel of zeros on the near sides and two on the far ones: every neighbour of a clipped coordinate exists.
    padded = np.zeros((height + 3, width + 3), np.float32)
    padded[1 : height + 1, 1 : width + 1] = picture
    place = (top.astype(np.intp) + 1) * (width + 3) + (left.astype(np.intp) + 1)
    flat = padded.ravel()
    # Every place exists, so none is clipped: "clip" only spares numpy a copy.
    upper, right, lower, lower_right = (flat.take(place + step, mode="clip") for step in (0, 1, width + 3, width + 4))
    for near, far in ((upper, right), (lower, lower_right)):
        far -= near
        far *= x
        near += far
    lower -= upper
    lower *= y
    upper += lower
    return np.asarray(upper)


def cut(frame: Frame, to_frame: Array, side: int) -> Crop:
    """The square that `to_frame` names, in luminance, `side` pixels wide."""
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64)
    reached = corners @ to_frame[:, :2].T + to_frame[:, 2]
    factor = max(int(affine_scale(to_frame)), 1)
    x0, y0 = np.maximum(np.floor(reached.min(0)).astype(int) - factor - 1, 0)
    x1, y1 = np.minimum(np.ceil(reached.max(0)).astype(int) + factor + 1, (frame.width, frame.height))
    if x0 >= x1 or y0 >= y1:
        return Crop(np.zeros((side, side), np.float32), to_frame)
    # A reduction by four or more averages enough pixels that every other row will do, in half of the time.
    step = 2 if factor >= 4 else 1
    down = factor // step
    grey = Image.fromarray(np.ascontiguousarray(frame.pixels[y0:y1:step, x0:x1])).convert("L")
    if factor > 1:
        grey = grey.reduce((factor, down))
    # Row k of those taken has its centre at step * k + .5 of the frame, and at k + .5 of what was taken.
    rise = (step - 1) / 2
    from_frame = np.array([[1 / factor, 0, -x0 / factor], [0, 1 / (step * down), (rise - y0) / (step * down)]])
    pixels = sample_affine(np.asarray(grey), compose_affine(from_frame, to_frame), side)
    return Crop(pixels, to_frame)


def luminance(frame: Frame) -> Array:
    """The whole picture in luminance, [H, W] uint8."""
    return np.asarray(Image.fromarray(frame.pixels).convert("L"))


def shrunk(frame: Frame, longest: int) -> tuple[Array, Array]:
    """The whole picture in luminance as `reduced` gives it; of a much larger one every other row or fewer are seen.

    Two rows and more for each that is left average enough: colours need not be weighed in all of them.
    """
    ratio = max(frame.width, frame.height) / longest
    step = int(ratio / 2)
    if step < 2:
        return reduced(luminance(frame), longest)
    size = np.array([frame.width, frame.height])
    wanted = np.maximum(np.rint(size / ratio), 1).astype(int)
    rows = Image.fromarray(np.ascontiguousarray(frame.pixels[step // 2 :: step])).convert("L")
    small = rows.resize((int(wanted[0]), int(wanted[1])), Image.Resampling.BILINEAR)
    return np.asarray(small), size / wanted


def reduced(grey: Array, longest: int) -> tuple[Array, Array]:
    """A picture [H, W] uint8 averaged down until its longer side is `longest`, and how much that is along x and y, [2].

    A picture that is no longer stays as it is.
    """
    height, width = grey.shape
    size = np.array([width, height])
    if size.max() <= longest:
        return grey, np.ones(2)
    wanted = np.maximum(np.rint(size * (longest / size.max())), 1).astype(int)
    small = Image.fromarray(grey).resize((int(wanted[0]), int(wanted[1])), Image.Resampling.BILINEAR)
    return np.asarray(small), size / wanted
