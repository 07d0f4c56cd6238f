"""What a canvas says lies where it says it: boxes over faces, points on features, nothing where nothing is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_packs import OVAL
from PIL import Image, ImageDraw
from torch import nn

from mien.core.arrays import Array
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import bounds
from mien.data import canvases
from mien.data.canvases import CANVAS, LARGEST, SMALLEST, Canvas, CanvasMaker, Portrait, five_points, portraits
from mien.data.decoys import find_decoys
from mien.data.packs import FacesPack, ScenesPack
from mien.data.rooms import Rooms
from mien.data.tiles import TILE
from mien.detect.shape import mean_face
from mien.nets.finder import FaceFinder

Packs = tuple[list[FacesPack], ScenesPack]


@pytest.fixture(scope="module")
def maker(packs: Packs) -> CanvasMaker:
    return CanvasMaker(portraits(packs[0], "train"), packs[1], "train")


@pytest.fixture(scope="module")
def signs(packs: Packs) -> CanvasMaker:
    """White heads with black spots at the five points, before black rooms: the canvas itself tells where they lie."""
    landmarks = mean_face().points[:, :2] * 1200 + [150, 140]
    picture = Image.new("L", (300, 320), 0)
    pen = ImageDraw.Draw(picture)
    pen.polygon([tuple(place) for place in landmarks[list(OVAL)] - 0.5], 255)
    for x, y in five_points(landmarks) - 0.5:
        pen.ellipse((x - 7, y - 7, x + 7, y + 7), 0)
    grey = np.asarray(picture)
    made = CanvasMaker([Portrait(grey, landmarks, np.zeros(grey.shape, bool), False)], packs[1], "train")
    made.rooms = _Dark(packs[1], "train")
    return made


class _Dark(Rooms):
    """Rooms without light."""

    def window(self, rng: np.random.Generator, side: int) -> Array:
        return np.zeros((side, side), np.uint8)


def brightness(canvas: Canvas, box: Array) -> float:
    """Mean of the middle of a box."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 4
    (x0, y0), (x1, y1) = np.clip([centre - half, centre + half], 0, CANVAS).astype(int)
    return float(canvas.grey[y0 : y1 + 1, x0 : x1 + 1].mean())


class TestPortraits:
    def test_every_picture_of_the_split_comes_with_its_points(self, packs: Packs) -> None:
        found = portraits(packs[0], "val")
        assert len(found) == sum(len(pack.indices("val")) for pack in packs[0])
        assert [face.crowded for face in found] == [False] * 3 + [True] * 3, "others stand behind faces in the wild"
        for face in found:
            assert face.grey.shape == face.hidden.shape == (250, 250)
            assert face.landmarks.shape == (478, 2)
            assert 0 < face.hidden.mean() < 0.2

    def test_five_points_are_irises_nose_and_mouth(self) -> None:
        points = five_points(mean_face().points)
        np.testing.assert_array_equal(points[:2], mean_face().points[[IRIS_RIGHT, IRIS_LEFT], :2])
        assert points[0, 0] < points[2, 0] < points[1, 0]
        assert points[3, 0] < points[2, 0] < points[4, 0]
        assert points[1, 1] < points[2, 1] < points[4, 1]


class TestComposite:
    @pytest.mark.parametrize("size", [60.0, 100.0, 160.0])
    @pytest.mark.parametrize("seed", range(5))
    def test_the_box_is_round_the_pasted_head(self, signs: CanvasMaker, size: float, seed: int) -> None:
        canvas = signs.composite(np.random.default_rng(seed), [size])
        (box,) = canvas.boxes
        rows, columns = np.nonzero(canvas.grey > 70)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(seen, np.clip(box, 0, CANVAS), atol=0.07 * size + 2)
        assert (box[2:] - box[:2]).max() == pytest.approx(size, rel=0.25)
        assert len(canvas.ignored) == 0

    @pytest.mark.parametrize("seed", range(5))
    def test_points_lie_on_the_features(self, signs: CanvasMaker, seed: int) -> None:
        canvas = signs.composite(np.random.default_rng(seed), [150.0])
        (five,) = canvas.points
        around = brightness(canvas, canvas.boxes[0])
        for x, y in five:
            if 2 < x < CANVAS - 2 and 2 < y < CANVAS - 2:
                assert canvas.grey[int(y), int(x)] < 0.6 * around
        assert five[0, 0] < five[1, 0]
        assert five[3, 0] < five[4, 0]

    def test_faces_do_not_cover_each_other(self, maker: CanvasMaker) -> None:
        rng = np.random.default_rng(0)
        for _ in range(10):
            boxes = maker.composite(rng, [40.0, 50.0, 60.0, 30.0]).boxes
            for k, one in enumerate(boxes):
                for other in boxes[:k]:
                    assert (np.maximum(one[:2], other[:2]) > np.minimum(one[2:], other[2:])).any()

    def test_sizes_are_about_those_asked_for(self, maker: CanvasMaker) -> None:
        rng, asked = np.random.default_rng(1), [25.0, 45.0, 80.0]
        found = []
        for _ in range(12):
            boxes = maker.composite(rng, asked).boxes
            found += sorted((boxes[:, 2:] - boxes[:, :2]).max(1)) if len(boxes) == 3 else []
        ratios = np.array(found).reshape(-1, 3) / asked
        assert len(ratios) >= 4
        assert np.abs(ratios - 1).max() < 0.25

    def test_a_room_alone_has_no_face(self, maker: CanvasMaker) -> None:
        canvas = maker.composite(np.random.default_rng(2), [], canvas_side=64)
        assert canvas.grey.shape == (64, 64)
        assert len(canvas.boxes) == len(canvas.points) == len(canvas.ignored) == 0


class TestMake:
    def test_every_canvas_is_sound(self, maker: CanvasMaker) -> None:
        rng, faces = np.random.default_rng(3), 0
        for _ in range(60):
            canvas = maker.make(rng)
            assert canvas.grey.shape == (CANVAS, CANVAS)
            assert canvas.grey.dtype == np.uint8
            assert canvas.boxes.shape == (len(canvas.points), 4)
            assert canvas.points.shape[1:] == (5, 2)
            assert canvas.ignored.shape[1:] == (4,)
            for box, five in zip(canvas.boxes, canvas.points, strict=True):
                assert SMALLEST * 0.9 <= (box[2:] - box[:2]).max() <= LARGEST * 1.3
                shown = np.clip(np.minimum(box[2:], CANVAS) - np.maximum(box[:2], 0), 0, None).prod()
                assert shown > 0.55 * (box[2:] - box[:2]).prod()
                assert ((five > box[:2]) & (five < box[2:])).all()
                faces += 1
        assert faces > 60

    def test_the_generator_alone_decides(self, maker: CanvasMaker) -> None:
        for seed in range(8):
            one, same = (maker.make(np.random.default_rng(seed)) for _ in range(2))
            for name in ("grey", "boxes", "points", "ignored"):
                np.testing.assert_array_equal(getattr(one, name), getattr(same, name))

    def test_real_faces_lie_under_their_boxes(self, maker: CanvasMaker) -> None:
        """Drawn skin is brighter than every background."""
        rng = np.random.default_rng(4)
        for make in (maker._scene, maker._portrait):
            seen = [brightness(canvas, box) for canvas in (make(rng) for _ in range(15)) for box in canvas.boxes]
            assert len(seen) > 15
            assert np.mean(np.array(seen) > 145) > 0.95

    def test_nothing_is_known_along_the_border_of_a_collage(self, packs: Packs) -> None:
        scenes = packs[1]
        made = CanvasMaker(portraits(packs[0], "train"), scenes, "train")
        made.peopled = [scene for scene in made.peopled if scene[3] == "collage"]
        made.chances = np.ones(1)
        assert all(len(made._scene(np.random.default_rng(seed)).ignored) >= 4 for seed in range(5))

    def test_nothing_is_known_about_the_crowd_behind_a_face(self, packs: Packs) -> None:
        crowded = [face for face in portraits(packs[0], "train") if face.crowded]
        canvas = CanvasMaker(crowded, packs[1], "train")._portrait(np.random.default_rng(0))
        assert len(canvas.ignored) >= 4
        for part in canvas.ignored:
            for box in canvas.boxes[:1]:
                assert (np.maximum(part[:2], box[:2]) >= np.minimum(part[2:], box[2:])).any()


class TestMirror:
    def test_a_mirrored_canvas_says_what_it_shows(self, signs: CanvasMaker) -> None:
        canvas = signs.composite(np.random.default_rng(5), [120.0])
        there = canvases._mirrored(canvas)
        np.testing.assert_array_equal(there.grey, canvas.grey[:, ::-1])
        columns = np.nonzero(there.grey > 70)[1]
        box = np.clip(there.boxes[0], 0, CANVAS)
        np.testing.assert_allclose([columns.min(), columns.max() + 1], box[[0, 2]], atol=11)
        assert there.points[0, 0, 0] < there.points[0, 1, 0], "left and right have swapped"
        for (x, y), (was_x, was_y) in zip(there.points[0], canvas.points[0][[1, 0, 2, 4, 3]], strict=True):
            assert (x, y) == pytest.approx((CANVAS - was_x, was_y))

    def test_two_mirrors_are_none(self, maker: CanvasMaker) -> None:
        for seed in range(6):
            canvas = maker.make(np.random.default_rng(seed))
            back = canvases._mirrored(canvases._mirrored(canvas))
            for name in ("grey", "boxes", "points", "ignored"):
                np.testing.assert_allclose(getattr(back, name), getattr(canvas, name), atol=1e-9)


class TestClipped:
    def test_faces_that_hardly_show_are_unknown_and_those_outside_are_gone(self) -> None:
        boxes = np.array([[10.0, 10, 60, 60], [-40, 10, 20, 60], [400, 0, 450, 50], [100, 100, 110, 110]])
        five = np.repeat((boxes[:, None, :2] + boxes[:, None, 2:]) / 2, 5, axis=1)
        known = np.array([0.0, 0, 5, 5])
        canvas = canvases._clipped(np.zeros((CANVAS, CANVAS), np.uint8), boxes, five, [known])
        np.testing.assert_array_equal(canvas.boxes, boxes[:1])
        np.testing.assert_array_equal(canvas.points, five[:1])
        np.testing.assert_array_equal(canvas.ignored, [known, boxes[1], boxes[3]])

    def test_surroundings_leave_a_margin_round_the_face(self) -> None:
        box = np.array([100.0, 100, 140, 150])
        parts = canvases._round_about(box, (0, 0, 320, 320))
        np.testing.assert_allclose(parts[0], [0, 0, 55, 320])
        np.testing.assert_allclose(parts[1], [185, 0, 320, 320])
        np.testing.assert_allclose(parts[2], [0, 0, 320, 55])
        np.testing.assert_allclose(parts[3], [0, 195, 320, 320])


class TestDecoys:
    def test_what_a_finder_takes_for_faces_is_cut_from_its_picture(self, maker: CanvasMaker) -> None:
        torch.manual_seed(0)
        eager = FaceFinder().eval()
        with torch.no_grad():
            for module in eager.heads.modules():
                if isinstance(module, nn.Conv2d) and module.bias is not None:
                    module.bias[0] = 1.0  # it sees faces everywhere
        one, same = (find_decoys(eager, maker.rooms, np.random.default_rng(6), 3) for _ in range(2))
        assert one.shape == (9, TILE, TILE)
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, same)
        assert one.min() >= 1
        assert one.std((1, 2)).max() > 5

    def test_a_finder_that_is_never_wrong_leaves_none(self, maker: CanvasMaker) -> None:
        torch.manual_seed(0)
        assert find_decoys(FaceFinder().eval(), maker.rooms, np.random.default_rng(6), 2).shape == (0, TILE, TILE)


class TestNothingToMakeItOf:
    def test_no_face_and_no_room_are_named(self, packs: Packs, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no face in faces"):
            CanvasMaker([], packs[1], "train")
        with pytest.raises(InputError, match=r"no picture without faces in scenes\.npz of split test"):
            CanvasMaker(portraits(packs[0], "val"), packs[1], "test")


def test_bounds_of_the_oval_are_those_of_the_face() -> None:
    """What the heads above rely on."""
    points = mean_face().points
    np.testing.assert_allclose(bounds(points[list(OVAL)]), bounds(points), atol=1e-3)
