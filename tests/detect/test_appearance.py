from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from portraits import clip_frames, finder, placed, reader

from mien.core.arrays import Array
from mien.core.errors import ModelError
from mien.core.face import Landmarks
from mien.core.image import Frame
from mien.detect import appearance
from mien.detect.appearance import SKIN, TRAITS, Appearance, shipped_appearance, traits
from mien.detect.follow import Follower
from mien.detect.landmarker import Seen
from mien.detect.landmarks import SIDE, Sight
from mien.detect.shape import mean_face
from mien.formats.images import read_image
from mien.weights.catalog import card

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos"
PEOPLE = ("061", "067", "082", "091", "099", "104", "113", "119", "124", "129", "135", "140")


def seen(pixels: Array) -> Seen:
    (one,) = Follower(finder(), reader(), 1, None).see(Frame(pixels))
    return one.sight


def look(pixels: Array) -> Array:
    return shipped_appearance().describe(seen(pixels))


def test_a_look_is_a_direction() -> None:
    described = look(placed((120, 100))[0])
    assert described.shape == (48,)
    assert np.linalg.norm(described) == pytest.approx(1)


def test_a_face_looks_like_itself_smaller_askew_and_in_another_light() -> None:
    plain = placed((120, 100))[0]
    here = look(plain)
    assert here @ look(placed((90, 110), 0.6)[0]) > 0.8
    assert here @ look(placed((120, 100), 1.0, 20)[0]) > 0.85
    assert here @ look((plain * 0.6).astype(np.uint8)) > 0.85
    from_the_left = plain * np.linspace(1.0, 0.5, plain.shape[1])[:, None]
    assert here @ look(from_the_left.astype(np.uint8)) > 0.85


def test_a_face_looks_like_itself_from_frame_to_frame() -> None:
    frames = clip_frames(8)
    looks = np.array([look(frame.pixels) for frame in frames])
    assert (looks @ looks.T).min() > 0.8


def test_traits_know_neither_brightness_nor_contrast_nor_a_light_from_one_side() -> None:
    rng = np.random.default_rng(0)
    points = mean_face().points * 900 + [SIDE / 2, SIDE / 2 - 10, 0]
    cut = np.exp(rng.normal(4, 0.3, (8, 8)).repeat(16, 0).repeat(16, 1)).astype(np.float32)
    first = traits(cut, points)
    assert first.shape == (TRAITS,)
    np.testing.assert_allclose(first[SKIN:], 0, atol=1e-5)  # it is the mean face
    lit = np.exp(1.3 * np.log(cut + 20) + 0.2) - 20
    assert first[:SKIN] @ traits(lit.astype(np.float32), points)[:SKIN] > 0.999


@pytest.mark.parametrize("level", [0.0, 255.0])
def test_where_nothing_is_to_be_seen_nothing_is_said_but_finite(level: float) -> None:
    points = np.full((478, 3), 500.0)
    empty = Sight(Landmarks(points, 0.0), np.full((SIDE, SIDE), level, np.float32), np.eye(2, 3), points, np.zeros(256))
    assert np.isfinite(shipped_appearance().describe(empty)).all()


def test_an_appearance_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="directions must have shape"):
        Appearance(np.zeros(TRAITS), np.zeros((3, 48)))


def test_a_file_without_directions_is_no_appearance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", mean=np.zeros(TRAITS))
    monkeypatch.setattr(appearance, "read_weights", lambda about: (tmp_path / "a.npz").read_bytes())
    shipped_appearance.cache_clear()
    with pytest.raises(ModelError, match=r"appearance.npz: E_MODEL: describes no appearance"):
        shipped_appearance()


def test_its_card_says_that_it_is_no_face_recognition() -> None:
    about = card("appearance")
    assert "In memory only" in about.purpose
    assert "no face recognition" in about.weakness
    assert about.size < 200_000


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photos lie in ../shared, which is not here")
def test_people_are_told_apart_however_they_smile() -> None:
    looks = np.array(
        [
            [look(read_image(PHOTOS / f"london-{who}-{mood}.jpg").pixels) for mood in ("neutral", "smiling")]
            for who in PEOPLE[:6]
        ]
    )
    own = [float(one[0] @ one[1]) for one in looks]
    others = [float(one[0] @ other[1]) for one, other in combinations(looks, 2)]
    assert min(own) > 0.75
    assert max(others) < min(own)
