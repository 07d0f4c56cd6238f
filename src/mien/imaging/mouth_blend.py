"""A painted mouth into its photo, at the photo's own size: with a soft edge, the light beside it, the skin's grain."""

import numpy as np
from PIL import Image, ImageFilter

from mien.core.arrays import Array
from mien.core.geometry import apply_affine, bounds, invert_affine
from mien.imaging.grain import roughness, sown
from mien.imaging.mouth_patch import GROW, LEAST_GAP, MouthPatch, filled, resampled

_FEATHER = 0.7
"""Pixels of a patch over which what is painted gives way to the photo."""

_BAND, _SMOOTH = 3.0, 2.5
"""Pixels of a patch round the hole in which the photo takes on the light of what is painted, and how smooth that is."""

_SHOWN = 2 * LEAST_GAP
"""Pixels of a patch between the lips from which all that is painted is seen: a video must not jump."""

_SHARPEN = 40
"""Percent by which the edges of what is painted are raised: between two sizes they lose as much."""

_NEAR, _FAR = 5.0, 16.0
"""Pixels of a patch from the lips' border between which the skin's grain is measured."""

_MOST_GRAIN = 12.0
"""Grey levels: what is rougher is a beard."""


def compose(
    pixels: Array, painted: Array, patch: MouthPatch, kept: tuple[Array, ...] = (), grow: float = GROW
) -> Array:
    """The photo with the painted mouth in its hole, but for what is kept of it.

    Nothing changes farther from the opening than `reach(patch, grow)`, and nothing at all where lips are shut.

    Args:
        pixels: [H, W, 3] uint8.
        painted: [96, 128, 3] of 0 to 255, the patch with its hole painted.
        patch: where it lies.
        kept: outlines [N, 2] of what stays, pixels of the patch.
        grow: pixels of the patch by which the hole is larger than the opening.

    Returns:
        [H, W, 3] uint8, a new array.
    """
    mixed = pixels.copy()
    seen = float(np.clip((patch.gap - LEAST_GAP) / (_SHOWN - LEAST_GAP), 0, 1))
    box = _region(patch, pixels, grow)
    if seen == 0 or box is None:
        return mixed
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    to_patch = invert_affine(patch.to_frame)
    to_patch[:, 2] += to_patch[:, :2] @ [x0, y0]
    whole = Image.fromarray(np.clip(np.rint(painted), 0, 255).astype(np.uint8))
    new = Image.fromarray(resampled(np.asarray(whole), to_patch, width, height))
    new = new.filter(ImageFilter.UnsharpMask(max(patch.scale, 0.5), _SHARPEN, 0))
    old = pixels[y0:y1, x0:x1].astype(np.float32)
    ring = apply_affine(patch.to_frame, patch.inner) - [x0, y0]
    inside = _feathered(filled(ring, grow * patch.scale, width, height), _FEATHER * patch.scale)
    band = _feathered(filled(ring, (grow + _BAND / 2) * patch.scale, width, height), _BAND / 3 * patch.scale)
    for outline in kept:
        own = filled(apply_affine(patch.to_frame, outline) - [x0, y0], 0.0, width, height)
        spared = 1 - _feathered(own, _FEATHER * patch.scale)
        inside, band = inside * spared, band * spared
    fine = np.asarray(new, np.float32) + _grain(pixels, patch, np.asarray(new), ring, (x0, y0))
    filled_in = old + inside * (np.asarray(new, np.float32) - old)
    light = _smoothed(np.asarray(new, np.float32), patch.scale) - _smoothed(filled_in, patch.scale)
    change = inside * (fine - old) + (1 - inside) * band * light
    mixed[y0:y1, x0:x1] = np.clip(np.rint(old + seen * change), 0, 255).astype(np.uint8)
    return mixed


def reach(patch: MouthPatch, grow: float = GROW) -> float:
    """Pixels of the frame from the opening beyond which `compose` changes nothing."""
    return (grow + 2.5 * _BAND) * patch.scale + 3


def _region(patch: MouthPatch, pixels: Array, grow: float) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 of the part of the frame that changes; None where the frame does not show it."""
    away = reach(patch, grow)
    box = bounds(apply_affine(patch.to_frame, patch.inner)) + np.array([-away, -away, away, away])
    x0, y0 = np.maximum(np.floor(box[:2]).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(box[2:]).astype(int), pixels.shape[1::-1])
    return (int(x0), int(y0), int(x1), int(y1)) if x0 < x1 and y0 < y1 else None


def _feathered(cover: Array, radius: float) -> Array:
    """[h, w, 1] a cover with a soft edge, 0 where it is less than a grey level of its own."""
    grey = Image.fromarray(np.rint(cover * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(grey, np.float32)[..., None] / 255


def _smoothed(picture: Array, scale: float) -> Array:
    """[h, w, 3] float32 without what is finer than `_SMOOTH` pixels of a patch."""
    levels = Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    return np.asarray(levels.filter(ImageFilter.GaussianBlur(_SMOOTH * scale)), np.float32)


def _grain(pixels: Array, patch: MouthPatch, new: Array, ring: Array, corner: tuple[int, int]) -> Array:
    """[h, w, 1] the noise that what is painted lacks beside the skin round the mouth; the same for the same mouth."""
    height, width = new.shape[:2]
    own = roughness(new, filled(ring, 0.0, width, height) > 0.5)
    lacking = np.sqrt(max(_skin_grain(pixels, patch) ** 2 - own**2, 0.0))
    grey = np.asarray(Image.fromarray(new).convert("L"), np.float32)[..., None]
    dim = 0.35 + 0.65 * np.clip(grey / 160, 0, 1)  # the darks of a photo are smoother
    return np.asarray(sown(height, width, lacking, corner) * dim)


def _skin_grain(pixels: Array, patch: MouthPatch) -> float:
    """Deviation of the finest detail of the skin round a mouth, grey levels of 0 to `_MOST_GRAIN`."""
    lips = apply_affine(patch.to_frame, patch.outer)
    away = _FAR * patch.scale
    low = np.maximum(np.floor(bounds(lips)[:2] - away).astype(int), 0)
    high = np.minimum(np.ceil(bounds(lips)[2:] + away).astype(int), pixels.shape[1::-1])
    width, height = high - low
    if width <= 0 or height <= 0:
        return 0.0
    around = filled(lips - low, away, width, height) - filled(lips - low, _NEAR * patch.scale, width, height)
    part = np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]])
    return min(roughness(part, around > 0.5), _MOST_GRAIN)
