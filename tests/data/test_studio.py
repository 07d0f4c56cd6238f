"""A studio lights and takes faces as it says, and its camera keeps them from being burnt out."""

from dataclasses import replace

import numpy as np
import pytest
from made_renders import BARE, NOTHING, drawn, made_rig, photo_pack, plain, plain_photo, scenes_pack, sheet_places

from mien.core.arrays import Array
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.data.lights import Light, harmonics, lamps, near_lamps, soft
from mien.data.renders import CALM, SIDE, UNSEEN, Rendered, Renderer, Studio
from mien.imaging.raster import rasterise


def at_points(face: Rendered) -> Array:
    """[P] brightness of the picture at the landmarks of the skin."""
    columns, rows = np.clip(np.floor(face.points[:468, :2]), 0, SIDE - 1).astype(int).T
    return np.asarray(face.pixels[rows, columns].mean(1))


def angles(studio: Studio, count: int = 4) -> float:
    """How far heads turn in a studio: the mean of 1 - cos."""
    maker, rig = plain(studio), made_rig()
    for seed in range(count):
        drawn(maker, seed)
    return float(np.mean([1 - np.trace(state.pose.rotation) / 3 for state in rig.states]))


def test_calm_faces_look_into_the_camera_and_those_of_a_test_turn_furthest() -> None:
    calm, usual, unseen = (angles(studio) for studio in (CALM, Studio(), UNSEEN))
    assert calm < 0.3 * usual
    assert usual < unseen


def test_a_bent_face_is_of_another_shape_and_its_points_go_with_it() -> None:
    straight, bent = plain(CALM), plain(replace(CALM, bend=0.002))
    one, other = straight.person(np.random.default_rng(3), "one"), bent.person(np.random.default_rng(3), "other")
    assert not one.bend.any()
    assert 0.001 < np.abs(other.bend).max() < 0.03
    beside = replace(one, bend=np.full((1, 3), [0.01, 0, 0]))
    still, moved, away = (
        straight.draw(np.random.default_rng(5), who, NOTHING).points[:468, :2]
        for who in (one, replace(one, bend=other.bend), beside)
    )
    assert 0.2 < np.linalg.norm(moved - still, axis=1).mean() < 20
    np.testing.assert_allclose((away - still)[:, 0], (away - still)[:, 0].mean(), rtol=0.1)
    assert (away - still)[:, 0].mean() > 5


def test_a_picture_of_another_size_shows_the_same_face_as_large_in_it() -> None:
    whole, half = (drawn(plain(replace(CALM, side=side)), 4) for side in (SIDE, SIDE // 2))
    assert (whole.pixels.shape, half.pixels.shape) == ((SIDE, SIDE, 3), (SIDE // 2, SIDE // 2, 3))
    np.testing.assert_allclose(half.points * 2, whole.points, atol=1e-6)
    small, large = half.pixels.mean(2), whole.pixels.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean((1, 3, 4))
    face = slice(SIDE // 8, 3 * SIDE // 8)  # backdrops are drawn pixel by pixel, and differ
    assert np.abs(small - large)[face, face].mean() < 12


def test_waves_bend_both_sides_mostly_alike() -> None:
    maker = plain(replace(CALM, bend=0.002))
    rest = maker._rest
    mirrored = np.argmin(np.linalg.norm(rest[:, None] * [-1, 1, 1] - rest[None], axis=2), axis=1)
    alike, apart = [], []
    for seed in range(6):
        bend = maker.person(np.random.default_rng(seed), "someone").bend
        there = bend[mirrored] * [-1, 1, 1]
        alike.append(np.linalg.norm(bend + there))
        apart.append(np.linalg.norm(bend - there))
    assert np.mean(apart) < 0.6 * np.mean(alike)


def test_faces_are_as_far_and_as_large_as_the_studio_says() -> None:
    sizes = []
    for distance, zoom in (((0.4, 0.5), (1.0, 1.1)), ((1.5, 2.0), (1.0, 1.1)), ((1.5, 2.0), (1.5, 1.6))):
        maker = plain(replace(CALM, distance=distance, zoom=zoom))
        faces = [drawn(maker, seed) for seed in range(3)]
        for face in faces:
            assert distance[0] - 0.02 < sheet_places().on(face.placed)[[33, 263], 2].mean() < distance[1] + 0.02
        sizes.append(np.mean([np.ptp(face.points[:, 1]) for face in faces]))
    near, far, larger = sizes
    assert far == pytest.approx(near, rel=0.15), "a face further away fills as much of the picture"
    assert larger == pytest.approx(far * 1.55 / 1.05, rel=0.1)


def test_the_studio_lights_the_face_with_one_of_its_lights() -> None:
    asked: list[str] = []

    def from_one_side(name: str, x: float) -> Light:
        def light(rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
            asked.append(name)
            assert np.abs(vertices).max() < 0.4
            length = np.linalg.norm(normals, axis=1)
            assert np.allclose(length[length > 0], 1)
            facing = np.clip(normals @ [x, 0, -0.3], 0, None)[:, None]
            return 0.1 + facing * np.ones(3), np.zeros_like(vertices)

        return light

    studio = replace(CALM, lights=(from_one_side("left", -1), from_one_side("right", 1)))
    maker = plain(studio)
    for seed in range(8):
        face = drawn(maker, seed)
        bright = at_points(face)
        left, right = bright[[50, 205]].mean(), bright[[280, 425]].mean()
        assert (left > 1.1 * right) if asked[-1] == "left" else (right > 1.1 * left)
    assert set(asked) == {"left", "right"}


def test_shine_is_added_to_the_skin() -> None:
    def shiny(rng: np.random.Generator, vertices: Array, normals: Array) -> tuple[Array, Array]:
        return np.full_like(vertices, 0.5), np.where(vertices[:, 1:2] > 0.02, 60.0, 0.0) * np.ones(3)

    bright = at_points(drawn(plain(replace(CALM, lights=(shiny,))), 0))
    assert bright[[17, 152]].min() > bright[[9, 151]].max() + 30


@pytest.mark.parametrize("colour", [(60, 42, 34), (236, 208, 190)])
@pytest.mark.parametrize("light", [lamps, harmonics, near_lamps, soft])
def test_a_camera_exposes_for_the_face(light: Light, colour: tuple[int, int, int]) -> None:
    """Neither burnt out nor black, whatever the light and the skin."""
    maker = plain(replace(BARE, lights=(light,)), colour)
    bright = np.array([np.percentile(at_points(drawn(maker, seed)), 90) for seed in range(6)])
    assert (bright < 250).mean() > 0.8
    assert (bright > 90).mean() > 0.8
    assert 130 < np.median(bright) < 200
    assert bright.std() > 5, "more or less"


def test_what_is_hidden_does_not_count_for_the_exposure() -> None:
    maker = plain()
    rng = np.random.default_rng(0)
    person = maker.person(rng, "somebody")
    one = maker.draw(np.random.default_rng(1), person, NOTHING)
    triangles = made_rig().rest().triangles
    seen = np.unique(triangles[rasterise(one.placed, triangles, SIDE, SIDE).triangle])
    hidden = np.setdiff1d(np.arange(len(person.colours)), seen)
    assert len(hidden) > 20
    colours = person.colours.copy()
    colours[hidden] = 1e6
    other = maker.draw(np.random.default_rng(1), replace(person, colours=colours), NOTHING)
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_glasses_are_worn_by_their_share_and_hide_nothing_but_the_eyes() -> None:
    without, worn = (drawn(plain(replace(CALM, glasses=share)), 3) for share in (0.0, 1.0))
    np.testing.assert_array_equal(without.points, worn.points)
    rows, columns = np.nonzero((without.pixels != worn.pixels).any(2))
    assert len(rows) > 100
    unit = np.linalg.norm(worn.points[IRIS_RIGHT, :2] - worn.points[IRIS_LEFT, :2])
    middle = (worn.points[IRIS_RIGHT, :2] + worn.points[IRIS_LEFT, :2]) / 2
    assert np.abs(rows + 0.5 - middle[1]).max() < 0.7 * unit
    assert np.abs(columns + 0.5 - middle[0]).max() < 1.3 * unit


def test_a_share_wears_glasses_and_calm_faces_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.data.renders.glasses", lambda rng, picture, points: np.zeros_like(picture))
    assert not any(drawn(plain(CALM), seed).pixels.max() == 0 for seed in range(4))
    wearing = [drawn(plain(Studio(glasses=0.4)), seed).pixels.max() == 0 for seed in range(14)]
    assert 0 < sum(wearing) < 10


def test_faces_stand_before_rooms_without_faces() -> None:
    green, red, blue = (np.full((40, 40, 3), colour, np.uint8) for colour in ((0, 200, 0), (200, 0, 0), (0, 0, 200)))
    scenes = scenes_pack([green, red, blue], [0, 2, 0], ["train", "train", "val"])
    maker = Renderer(made_rig(), sheet_places(), [photo_pack([plain_photo((150, 120, 100))])], "train", CALM, scenes)
    corners = [tuple(drawn(maker, seed).pixels[0, 0].tolist()) for seed in range(12)]
    assert corners.count((0, 200, 0)) >= 3
    assert (200, 0, 0) not in corners
    assert (0, 0, 200) not in corners
    assert len(set(corners)) > 2, "slopes come in between"
