from dataclasses import replace

import numpy as np
import pytest

from mien.core.arrays import Array
from mien.core.geometry import Camera, Mesh
from mien.imaging import shade
from mien.imaging.shade import PLAIN, Paint, render

CAMERA = Camera(100.0, np.array([16.0, 16.0]))
GROUND = (10, 20, 30)
AHEAD = (0.0, 0.0, -1.0)


def plate(normal: tuple[float, float, float] = AHEAD, grey: float = 0.5, shift: float = 0.0) -> Mesh:
    """A square of 20 pixels in the middle of 32, with uv from its lower left corner; light takes it for `normal`."""
    vertices = np.array([[shift - 0.1, -0.1, 1], [shift - 0.1, 0.1, 1], [shift + 0.1, 0.1, 1], [shift + 0.1, -0.1, 1]])
    unit = np.array(normal) / np.linalg.norm(normal)
    return Mesh(
        vertices,
        np.array([[0, 1, 2], [0, 2, 3]]),
        uv=np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]),
        normals=np.broadcast_to(unit, (4, 3)),
        colours=np.full((4, 3), grey),
    )


def ball(steps: int = 40) -> Mesh:
    """A ball that fills most of the picture."""
    tilt, round_it = np.meshgrid(
        np.linspace(0.001, np.pi - 0.001, steps), np.linspace(0, 2 * np.pi, steps, endpoint=False), indexing="ij"
    )
    normals = np.stack([np.sin(tilt) * np.cos(round_it), np.sin(tilt) * np.sin(round_it), -np.cos(tilt)], -1)
    normals = normals.reshape(-1, 3)
    here = (np.arange(steps - 1)[:, None] * steps + np.arange(steps)).ravel()
    turned = (np.arange(steps - 1)[:, None] * steps + (np.arange(steps) + 1) % steps).ravel()
    triangles = np.concatenate(
        [np.stack([here, turned, here + steps], 1), np.stack([turned, turned + steps, here + steps], 1)]
    )
    return Mesh(0.13 * normals + [0, 0, 1.2], triangles, normals=normals, colours=np.full((len(normals), 3), 0.6))


def level(mesh: Mesh, paint: Paint = PLAIN) -> Array:
    """The colour in the middle of the picture."""
    return np.asarray(render(mesh, CAMERA, 32, 32, GROUND, paint)[16, 16], int)


def test_a_plate_stands_before_its_background() -> None:
    picture = render(plate(), CAMERA, 32, 32, GROUND)
    assert picture.shape == (32, 32, 3)
    assert picture.dtype == np.uint8
    inside = np.zeros((32, 32), bool)
    inside[6:26, 6:26] = True
    assert (picture[~inside] == GROUND).all()
    assert (picture[inside] == picture[16, 16]).all()
    assert (picture[16, 16] > 60).all()


def test_an_edge_in_the_middle_of_a_pixel_is_half_of_both() -> None:
    whole = render(plate(), CAMERA, 32, 32, GROUND)
    cut = render(plate(shift=0.005), CAMERA, 32, 32, GROUND)
    linear = shade._linear_levels()
    mixed, expected = linear[cut[16, 6]], (linear[whole[16, 16]] + linear[np.array(GROUND)]) / 2
    np.testing.assert_allclose(mixed, expected, atol=0.01)


@pytest.mark.parametrize(
    ("brighter", "darker"), [((-1, -1, -1.5), (1, 1, -1.5)), (AHEAD, (0, 1, -0.2)), ((0, -1, -1), (0, 1, -1))]
)
def test_light_comes_from_above_and_the_left(
    brighter: tuple[float, float, float], darker: tuple[float, float, float]
) -> None:
    assert (level(plate(brighter)) > level(plate(darker))).all()


def test_no_side_is_black() -> None:
    assert (level(plate((0, 1, 0.5))) > 20).all()


def test_colour_is_the_surface_s() -> None:
    red = replace(plate(), colours=np.tile([0.8, 0.2, 0.2], (4, 1)))
    r, g, b = level(red)
    assert r > g + 60
    assert r > b + 60
    assert (level(plate(grey=0.7)) > level(plate(grey=0.4))).all()


def test_without_colours_it_is_clay() -> None:
    clay = replace(plate(), colours=np.tile(shade.CLAY, (4, 1)))
    np.testing.assert_array_equal(level(replace(plate(), colours=None)), level(clay))


def test_wet_things_have_a_highlight() -> None:
    dry, wet = (
        render(ball(), CAMERA, 32, 32, GROUND, Paint(gloss=gloss)).astype(int) for gloss in (None, np.ones(1600))
    )
    gain = (wet - dry).sum(2)
    row, column = np.unravel_index(gain.argmax(), gain.shape)
    assert gain.max() > 90
    assert row < 16
    assert column < 16
    assert (gain > 90).mean() < 0.1


def test_folds_are_darker_but_not_black() -> None:
    deep, half, bare = (level(plate(), Paint(openness=np.full(4, share))) for share in (0.0, 0.5, 1.0))
    assert (deep < half).all()
    assert (half < bare).all()
    assert (deep > 0.3 * bare).all()
    np.testing.assert_array_equal(bare, level(plate()))


def test_a_texture_lies_as_uv_say() -> None:
    colours = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 250]]], np.uint8)
    texture = np.repeat(np.repeat(colours, 8, axis=0), 8, axis=1)
    picture = render(plate(), CAMERA, 32, 32, GROUND, Paint(texture)).astype(int)
    for (row, column), channel in (((10, 10), 0), ((10, 21), 1), ((21, 10), 2)):
        assert picture[row, column].argmax() == channel
        assert picture[row, column].max() > 100
    assert picture[21, 21].min() > 100


def test_a_seam_gives_a_vertex_two_coordinates() -> None:
    texture = np.repeat(np.array([[[250, 0, 0], [0, 0, 250]]], np.uint8), 8, axis=1)
    corners = np.array([[0.1, 0.5], [0.9, 0.5]])
    seams = Mesh(plate().vertices, plate().triangles, corners, np.array([[0, 0, 0], [1, 1, 1]]), plate().normals)
    picture = render(seams, CAMERA, 32, 32, GROUND, Paint(texture)).astype(int)
    assert picture[22, 10].argmax() == 0  # the first triangle lies lower left
    assert picture[10, 22].argmax() == 2


def test_shading_a_pixel_once_is_like_shading_all_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = render(ball(), CAMERA, 32, 32, GROUND).astype(int)
    monkeypatch.setattr(shade, "_ALIKE", -1.0)
    careful = render(ball(), CAMERA, 32, 32, GROUND).astype(int)
    # Where it is shaded once, the sample lies a quarter of a pixel off.
    assert np.abs(quick - careful).max() <= 6
    assert np.abs(quick - careful).mean() < 1


def test_nothing_before_the_camera_is_background() -> None:
    behind = replace(plate(), vertices=plate().vertices * [1, 1, -1])
    assert (render(behind, CAMERA, 32, 32, GROUND) == GROUND).all()


def test_levels_go_to_linear_light_and_back() -> None:
    levels = np.arange(256)
    back = shade._encoded(shade._linear_levels()[levels])
    assert np.abs(back.astype(int) - levels).max() <= 1
    np.testing.assert_array_equal(shade._encoded(np.array([-1.0, 2.0])), [0, 255])


@pytest.mark.parametrize(
    ("mesh", "paint", "said"),
    [
        (replace(plate(), normals=None), Paint(), "normals"),
        (replace(plate(), uv=None), Paint(np.zeros((2, 2, 3), np.uint8)), "needs a mesh with uv"),
        (plate(), Paint(gloss=np.zeros(5)), r"gloss must have shape \[4\]"),
        (plate(), Paint(openness=np.zeros(3)), r"openness must have shape \[4\]"),
    ],
)
def test_refuses_what_cannot_be_shaded(mesh: Mesh, paint: Paint, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        render(mesh, CAMERA, 32, 32, GROUND, paint)


def test_a_texture_has_pixels() -> None:
    with pytest.raises(ValueError, match="must have pixels"):
        Paint(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="texture must have shape"):
        Paint(np.zeros((4, 4), np.uint8))
