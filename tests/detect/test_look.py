"""Cover is told by what faces do not look like."""

import io
from pathlib import Path

import numpy as np
import pytest
from portraits import placed, reader

from mien.core.arrays import Array
from mien.core.errors import ModelError
from mien.core.image import Frame
from mien.detect import look as module
from mien.detect.landmarks import Sight
from mien.detect.look import FEATURES, FaceLook, looks_of, regions, usual_look


def sight(pixels: Array) -> Sight:
    square = np.array([[0.9, 0, 62], [0, 0.9, 42]])
    return reader().read(Frame(pixels), square)


def masked(level: int) -> Array:
    """The portrait behind a mask of one grey, from the nose down."""
    pixels = placed((120, 100))[0].copy()
    pixels[108:156, 72:170] = level
    return pixels


def in_shades() -> Array:
    """The portrait behind dark glasses."""
    pixels = placed((120, 100))[0].copy()
    pixels[66:90, 78:118] = pixels[66:90, 122:162] = 12
    return pixels


def test_a_portrait_looks_as_faces_do() -> None:
    plain = sight(placed((120, 100))[0])
    assert usual_look().occlusion(plain.cut, plain.cut_points) == 0


@pytest.mark.parametrize(
    "pixels", [masked(30), masked(120), masked(235), in_shades()], ids=["dark", "grey", "white", "shades"]
)
def test_what_is_covered_is_guessed(pixels: Array) -> None:
    plain, hidden = sight(placed((120, 100))[0]), sight(pixels)
    # By the points of the bare face, where it was followed to, and by those that are read now.
    for points in (plain.cut_points, hidden.cut_points):
        assert usual_look().occlusion(hidden.cut, points) > 0.5


def test_of_many_faces_each_is_guessed_as_if_alone() -> None:
    seen = [sight(pixels) for pixels in (placed((120, 100))[0], masked(30), in_shades())]
    together = usual_look().occlusion(np.array([one.cut for one in seen]), np.array([one.cut_points for one in seen]))
    alone = [float(usual_look().occlusion(one.cut, one.cut_points)) for one in seen]
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.8, 40), (0.3, 100)])
def test_light_and_contrast_do_not_matter(gain: float, offset: float) -> None:
    plain = sight(placed((120, 100))[0])
    one, other = (
        looks_of(cut, plain.cut_points) for cut in (plain.cut, (gain * plain.cut + offset).astype(np.float32))
    )
    np.testing.assert_allclose(one, other, atol=0.25 * (1 - gain) + 0.05)
    assert abs(float(one.mean())) < 1e-5


def test_points_outside_the_cut_and_one_grey_are_no_trouble() -> None:
    points = np.random.default_rng(0).uniform(-300, 500, (478, 3))
    grey = np.full((128, 128), 90, np.float32)
    assert not looks_of(grey, points).any()
    assert 0 <= usual_look().occlusion(grey, points) <= 1


def test_the_shipped_look_is_whole() -> None:
    look = usual_look()
    product = look.directions @ look.directions.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=5e-3)
    assert look.usual < look.strange
    assert look.score(look.mean) < look.usual
    assert look.features(np.zeros((2, 3, 478))).shape == (2, 3, FEATURES)
    assert np.isfinite(look.features(np.zeros(478))).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros(4)}, r"mean must have shape \[478\]"),
        ({"spread": np.zeros(478)}, "spread must be above 0"),
        ({"slopes": np.zeros(3)}, r"slopes must have shape \[28\]"),
        ({"usual": 2.0}, "usual must lie below strange"),
    ],
)
def test_a_look_that_tells_nothing_is_refused(changes: dict[str, object], message: str) -> None:
    whole: dict[str, object] = {
        "mean": np.zeros(478), "directions": np.eye(478)[:3], "spread": np.ones(478), "slopes": np.ones(28),
        "usual": 1.0, "strange": 2.0,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        FaceLook(**{**whole, **changes})  # type: ignore[arg-type]


def test_a_changed_file_is_no_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bad = io.BytesIO()
    np.savez(bad, mean=np.zeros(478))
    monkeypatch.setattr(module, "read_weights", lambda card: bad.getvalue())
    with pytest.raises(ModelError, match=r"face-look.npz: E_MODEL: is no face look"):
        usual_look.__wrapped__()


def test_regions_are_where_they_are_called() -> None:
    shares = regions()
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    left, right, mouth = (set(np.flatnonzero(row)) for row in shares[:3])
    assert {263, 362} <= left
    assert {33, 133} <= right
    assert {61, 291, 0, 17} <= mouth
    assert not left & right
    assert not mouth & (left | right)
