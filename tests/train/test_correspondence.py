"""A reader that sees the points at known places of a head leads to those places."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from made_packs import make_packs, mirror
from made_places import head, on_sheet

from mien.core.arrays import Array
from mien.core.face import Landmarks
from mien.core.image import Frame
from mien.core.points import INNER_LIPS, IRISES_LEFT, IRISES_RIGHT, OUTER_LIPS, SPARSE_68
from mien.data.packs import FacesPack, read_folder
from mien.data.renders import Rendered, Renderer
from mien.detect.landmarks import SIDE, Sight
from mien.detect.shape import mean_face
from mien.rig.places import Places
from mien.train import correspondence
from mien.train.correspondence import find_places

SIDES = np.flatnonzero(np.abs(mean_face().points[:, 0]) > 0.055)
STILL = np.setdiff1d(np.arange(468), [*INNER_LIPS, *OUTER_LIPS, *SIDES])
"""Points that are seen from the front and keep to no side of the mouth."""
PIXEL = 0.0015
"""Metres that a pixel of a render covers at most."""


class Knowing:
    """Stands for the landmark network: it reads the points of `places` off the face that was drawn last."""

    def __init__(self, places: Places, blind: tuple[int, ...] = (), noise: float = 0.0) -> None:
        self.places, self.blind, self.noise = places, list(blind), noise
        self.drawn: list[Rendered] = []
        self._rng = np.random.default_rng(0)

    def read(self, frame: Frame, to_frame: Array) -> Sight:
        assert (frame.pixels == self.drawn[-1].pixels).all()
        points = self.places.on(self.drawn[-1].placed)
        points += self._rng.normal(0, self.noise, points.shape)
        points[self.blind] = -50
        return Sight(Landmarks(points, 1.0), np.zeros((SIDE, SIDE)), to_frame, points, np.zeros(256))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[FacesPack]:
    return read_folder(make_packs(tmp_path_factory.mktemp("photos")))[0]


@pytest.fixture(autouse=True)
def _few_people() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correspondence, "PEOPLE", 9)
        patch.setattr(correspondence, "_LEAST", 3)
        yield


def found(reader: Knowing, photos: list[FacesPack], monkeypatch: pytest.MonkeyPatch) -> Places:
    class Watched(Renderer):
        def draw(self, *given: Any, **named: Any) -> Rendered:
            reader.drawn.append(super().draw(*given, **named))
            return reader.drawn[-1]

    monkeypatch.setattr(correspondence, "Renderer", Watched)
    return find_places(head(), mean_face().points, photos, reader)  # type: ignore[arg-type]


def at(places: Places) -> Array:
    """[478, 3] where the places are on the resting head."""
    return places.on(head().rest().vertices)


def test_known_places_are_found_whatever_the_first_guess(
    photos: list[FacesPack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader's points lie up to 5 mm from where the bent mean face has them."""
    points = mean_face().points
    wave = np.column_stack([0.004 * np.sin(60 * points[:, 0]), 0.004 * np.cos(40 * points[:, 1]), 0 * points[:, 2]])
    true = on_sheet(points + wave)
    reader = Knowing(true, noise=0.3)
    places = found(reader, photos, monkeypatch)
    assert len(reader.drawn) == 9
    assert not any(face.weights.any() for face in reader.drawn), "neutral faces"
    away = np.linalg.norm(at(places) - at(true), axis=1)
    assert away[STILL].max() < PIXEL
    assert np.linalg.norm(at(true)[STILL] - at(on_sheet(points))[STILL], axis=1).max() > 2 * PIXEL


def test_places_are_symmetric(photos: list[FacesPack], monkeypatch: pytest.MonkeyPatch) -> None:
    aside = on_sheet(mean_face().points + np.array([0.002, 0, 0]))
    points = at(found(Knowing(aside), photos, monkeypatch))
    np.testing.assert_allclose(points[STILL], (points * [-1, 1, 1])[mirror()][STILL], atol=1e-4)
    assert np.abs(points[STILL] - at(on_sheet(mean_face().points))[STILL]).max() < PIXEL


def test_what_the_reader_never_sees_keeps_its_first_guess(
    photos: list[FacesPack], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = (50, 280, 10)
    seen, blind = (at(found(Knowing(on_sheet(mean_face().points), which), photos, monkeypatch)) for which in ((), lost))
    first = at(on_sheet(mean_face().points))
    for point in lost:
        assert np.linalg.norm(blind[point] - first[point]) < 5e-3
        assert np.linalg.norm(seen[point] - first[point]) < PIXEL
    others = np.setdiff1d(STILL, lost)
    np.testing.assert_allclose(blind[others], seen[others], atol=1e-3)


def test_lips_keep_to_their_side_and_irises_to_the_eyes(
    photos: list[FacesPack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a reader that sees both lips at one place."""
    points = mean_face().points.copy()
    for ring in (INNER_LIPS, OUTER_LIPS):
        points[list(ring), 1] = points[[13, 14], 1].mean()
    places = found(Knowing(on_sheet(points)), photos, monkeypatch)
    rest = head().rest()
    assert rest.morph_targets is not None
    opened = places.on(rest.morph_targets[rest.morph_names.index("jawOpen")])[:, 1]
    lower = [ring[k] for ring in (INNER_LIPS, OUTER_LIPS) for k in range(1, 10)]
    upper = [ring[k] for ring in (INNER_LIPS, OUTER_LIPS) for k in range(11, 20)]
    assert opened[lower].min() > 0.015
    assert opened[upper].max() < 0.009
    regions = {region.name: region for region in head().model.regions}
    for name, iris in (("eyeball_left", IRISES_LEFT), ("eyeball_right", IRISES_RIGHT)):
        corners = places.corners[list(iris)]
        assert ((corners >= regions[name].start) & (corners < regions[name].stop)).all()
        assert np.isclose(places.shares[list(iris)].sum(1), 1).all()
        around = at(places)[list(iris)]
        middle = rest.vertices[regions[name].start : regions[name].stop].mean(0)
        np.testing.assert_allclose(around[0, :2], middle[:2], atol=1e-3)
        np.testing.assert_allclose(
            (around - around[0])[:, :2],
            (mean_face().points[list(iris)] - mean_face().points[iris[0]])[:, :2],
            atol=1e-6,
        )
        assert (around[:, 2] < middle[2]).all(), "on the front of the eyeball"


def test_the_bent_mean_meets_the_68_shared_points() -> None:
    skin = correspondence._Skin(head())
    bent = correspondence._bent(mean_face().points, head(), skin)
    np.testing.assert_allclose(bent[list(SPARSE_68)], skin.landmarks68, atol=5e-4)
    assert np.linalg.norm(bent - mean_face().points, axis=1).max() < 0.06


def test_pixels_are_looked_up_on_the_surface_that_was_drawn(photos: list[FacesPack]) -> None:
    skin, places = correspondence._Skin(head()), on_sheet(mean_face().points)
    face = next(Renderer(head(), places, photos, "train").stream(1, 3))
    under = skin.under(face.points, face.placed)
    shown = np.isfinite(under[:, 0])
    assert shown[STILL].mean() > 0.95
    away = np.linalg.norm(under - at(places), axis=1)
    assert np.median(away[STILL][shown[STILL]]) < PIXEL
    beside = skin.under(np.array([[-3.0, 5, 0], [1e4, 1e4, 0], [0.5, 0.5, 0]]), face.placed)
    assert np.isnan(beside).all()


def test_the_foremost_of_triangles_behind_each_other_is_hit() -> None:
    corners = np.array([[0, 0, 1.0], [1, 0, 1], [0, 1, 1]])
    vertices = np.concatenate([corners, corners - [0, 0, 2], corners + np.array([5, 5, -9])])
    triangles = np.arange(9).reshape(3, 3)
    found, shares = correspondence._in_front(vertices, triangles, np.array([0.2, 0.3]))
    assert found.tolist() == [3, 4, 5]
    np.testing.assert_allclose(shares @ vertices[found], [0.2, 0.3, -1])
