"""Each training, run for two steps on drawn faces, leaves everything that ships; its parts mark what they should."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_packs import faces_columns, make_packs, save_pack
from made_pairs import make_pairs
from made_twice import pairs_pack
from torch import Generator

from mien.core.arrays import Array
from mien.core.card import ModelCard
from mien.core.errors import InputError, UsageError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.core.geometry import fit_similarity
from mien.core.points import EYE_LEFT, EYE_RIGHT, INNER_LIPS
from mien.core.report import Row
from mien.data import tiles
from mien.data.canvases import CANVAS, Canvas
from mien.data.packs import ScenesPack
from mien.detect.shape import FaceShape, mean_face
from mien.nets.finder import STRIDES
from mien.nets.landmarks import SIDE
from mien.rig.compact import compact_model
from mien.train import finder, landmarks
from mien.train.export import Signature
from mien.train.finder import mark
from mien.train.recipes import MADE, RECIPES, run
from mien.train.shape import IRIS_DISTANCE, learn_shape, triangulate
from mien.train.tables import SHAPE
from mien.weights.catalog import cards
from mien.weights.store import verify

ONE_SIZE = Signature(RECIPES["finder"].signature.inputs, RECIPES["finder"].signature.outputs)
KNOWN = f"known are {', '.join((*MADE, *RECIPES))}"
TINY: dict[str, Any] = {"steps": 2, "batch": 8, "threads": 1}


def silent(step: int, loss: float, rows: tuple[Row, ...]) -> None:
    pass


def few_tiles(scenes: ScenesPack, split: str, rng: np.random.Generator, count: int) -> Array:
    return tiles.faceless_tiles(scenes, split, rng, min(count, 20))


@pytest.fixture(scope="module", autouse=True)
def _sized_down() -> Iterator[None]:
    """Fewer pictures to look for faces in, and a finder for one size of picture, which exports much faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landmarks, "faceless_tiles", few_tiles)
        patch.setattr(landmarks, "DECOY_ROOMS", 3)
        patch.setattr(finder, "VAL_CANVASES", 6)
        patch.setattr(finder, "VAL_ROOMS", 3)
        patch.setitem(RECIPES, "finder", replace(RECIPES["finder"], signature=ONE_SIZE))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_packs(tmp_path_factory.mktemp("drawn packs"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder called as `data` is, of people who keep still: from others neither creases nor edits can be learned."""
    folder = tmp_path_factory.mktemp("still people") / "drawn packs0"
    folder.mkdir()
    return make_pairs(folder)


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder called as `data` is, of people who are there several times."""
    return pairs_pack(tmp_path_factory.mktemp("people") / "drawn packs0")


@pytest.fixture(scope="module")
def trained(
    data: Path, pairs: Path, twice: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, ModelCard], list[str]]:
    """The folder in which everything was trained, the cards, and what was reported."""
    folder, made, said = tmp_path_factory.mktemp("trained") / "here", {}, []
    for name in (SHAPE, *RECIPES):

        def report(step: int, loss: float, rows: tuple[Row, ...], name: str = name) -> None:
            assert np.isfinite(loss)
            assert all(np.isfinite(row.value) for row in rows)
            said.append(f"{name} {step}")

        packs = {"crease": pairs, "texture": pairs, "baseline": pairs, "motion": twice}.get(name, data)
        made[name] = run(name, packs, folder, TINY, report, progress=False)
    return folder, made, said


@pytest.fixture(scope="module")
def learned(data: Path) -> tuple[Array, Array, Array]:
    return learn_shape(data)


@pytest.fixture(scope="module")
def task(data: Path, trained: tuple[Path, dict[str, ModelCard], list[str]]) -> landmarks.LandmarkTask:
    return landmarks.LandmarkTask(data, trained[0] / "finder.pt")


class TestRun:
    @pytest.mark.parametrize("name", RECIPES)
    def test_a_training_leaves_weights_card_recipe_and_checkpoint(
        self, name: str, trained: tuple[Path, dict[str, ModelCard], list[str]]
    ) -> None:
        folder, made, said = trained
        for ending in ("onnx", "toml", "json", "pt"):
            assert (folder / f"{name}.{ending}").is_file()
        verify(made[name], folder)
        size = " --size cpu" if RECIPES[name].large is not None else ""
        assert made[name].recipe == f"mien train {name} --data 'drawn packs0'{size} --steps 2 --batch 8"
        assert {figure.what for figure in made[name].figures} >= {"torch against ONNX"}
        assert len(made[name].figures) > 1
        assert f"{name} 2" in said
        recipe = json.loads((folder / f"{name}.json").read_text())
        assert recipe["options"]["steps"] == 2
        assert recipe["command"] == made[name].recipe

    def test_the_face_shape_is_a_table_with_a_card(self, trained: tuple[Path, dict[str, ModelCard], list[str]]) -> None:
        folder, made, _ = trained
        verify(made[SHAPE], folder)
        with np.load(folder / f"{SHAPE}.npz") as archive:
            shape = FaceShape(archive["points"], archive["steadiness"], archive["triangles"])
        assert shape.triangles.max() < 468
        assert not list(folder.glob(f"{SHAPE}.pt"))

    def test_the_cards_are_those_of_the_folder(self, trained: tuple[Path, dict[str, ModelCard], list[str]]) -> None:
        folder, made, _ = trained
        assert {card.name: card for card in cards(folder)} == made
        assert {name for name, card in made.items() if card.output_basis == "arkit"} == {"lgml"}
        assert not list(folder.glob("*.partial"))

    def test_other_options_are_refused(self, data: Path, trained: tuple[Path, dict[str, ModelCard], list[str]]) -> None:
        with pytest.raises(InputError, match="other options") as raised:
            run("refiner", data, trained[0], {**TINY, "steps": 3}, silent, progress=False)
        assert raised.value.code == "E_STATE"

    def test_the_seed_decides_from_the_first_weights_on(
        self, data: Path, trained: tuple[Path, dict[str, ModelCard], list[str]], tmp_path: Path
    ) -> None:
        (tmp_path / "landmarks.pt").write_bytes((trained[0] / "landmarks.pt").read_bytes())
        torch.manual_seed(1234)
        before = torch.random.get_rng_state()
        run("refiner", data, tmp_path, TINY, silent, progress=False)
        assert torch.equal(before, torch.random.get_rng_state()), "the caller's generator is left alone"
        one, other = (torch.load(folder / "refiner.pt", weights_only=True) for folder in (tmp_path, trained[0]))
        assert all(torch.equal(one["average"][key], other["average"][key]) for key in other["average"])

    def test_a_gpu_is_given_a_wider_network(self, twice: Path, tmp_path: Path) -> None:
        """On any device: a size is no device."""
        card = run("motion", twice, tmp_path, TINY, silent, progress=False, size="gpu")
        assert card.recipe == "mien train motion --data 'drawn packs0' --size gpu --steps 2 --batch 8"
        state = torch.load(tmp_path / "motion.pt", weights_only=True)
        assert (state["options"]["width"], state["average"]["net.ask.weight"].shape[0]) == (4, 4 * 96)
        with pytest.raises(InputError, match="other options"):
            run("motion", twice, tmp_path, TINY, silent, progress=False)

    @pytest.mark.parametrize("name", [SHAPE, "finder", "lgml"])
    def test_a_training_of_one_size_says_so(self, name: str, data: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=f"{name}: E_USAGE: has no size 'gpu'"):
            run(name, data, tmp_path / "out", TINY, silent, progress=False, size="gpu")
        assert not (tmp_path / "out").exists()

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_a_missing_gpu_is_named_before_anything_is_made(self, data: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--device: E_USAGE: torch finds no GPU"):
            run("mouth", data, tmp_path / "out", {**TINY, "device": "cuda"}, silent, progress=False)
        assert not (tmp_path / "out").exists()

    def test_an_unknown_name_is_refused_before_anything_is_made(self, data: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=KNOWN):
            run("moustache", data, tmp_path / "out", {}, silent)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("name", [SHAPE, *RECIPES])
    def test_missing_packs_are_named(
        self, name: str, trained: tuple[Path, dict[str, ModelCard], list[str]], tmp_path: Path
    ) -> None:
        (tmp_path / "landmarks.pt").write_bytes((trained[0] / "landmarks.pt").read_bytes())
        with pytest.raises(InputError, match=r"holds no faces-\*\.npz"):
            run(name, tmp_path / "nowhere", tmp_path, TINY, silent, progress=False)

    @pytest.mark.parametrize("name", ["finder", "landmarks"])
    def test_missing_scenes_are_named(self, name: str, tmp_path: Path) -> None:
        save_pack(tmp_path / "faces-wild.npz", faces_columns("wild", 0))
        with pytest.raises(InputError, match=r"holds no scenes\.npz"):
            run(name, tmp_path, tmp_path, TINY, silent, progress=False)

    def test_a_training_may_start_from_the_weights_of_another(
        self, data: Path, trained: tuple[Path, dict[str, ModelCard], list[str]], tmp_path: Path
    ) -> None:
        """With a rate of nothing it stays there, whatever the seed; without a start it does not."""
        (tmp_path / "landmarks.pt").write_bytes((trained[0] / "landmarks.pt").read_bytes())
        start, options = trained[0] / "refiner.pt", {**TINY, "seed": 5, "rate": 1e-12}
        before = start.read_bytes()
        card = run("refiner", data, tmp_path, options, silent, progress=False, start=start)
        assert card.recipe.endswith("--steps 2 --batch 8 --rate 1e-12 --seed 5 --start refiner.pt")
        first, last = (torch.load(file, weights_only=True) for file in (start, tmp_path / "refiner.pt"))
        for name, weights in first["average"].items():
            assert torch.allclose(last["network"][name].float(), weights.float(), atol=1e-6), name
        assert start.read_bytes() == before

    @pytest.mark.parametrize("start", ["finder.pt", "landmarks.pt"])
    def test_a_start_of_another_network_is_refused(
        self, start: str, data: Path, trained: tuple[Path, dict[str, ModelCard], list[str]], tmp_path: Path
    ) -> None:
        (tmp_path / "landmarks.pt").write_bytes((trained[0] / "landmarks.pt").read_bytes())
        with pytest.raises(InputError, match="this checkpoint does not fit the network") as raised:
            run("refiner", data, tmp_path, TINY, silent, progress=False, start=trained[0] / start)
        assert (raised.value.code, raised.value.source) == ("E_STATE", str(trained[0] / start))
        assert not (tmp_path / "refiner.pt").exists()

    def test_a_damaged_checkpoint_is_named(self, data: Path, tmp_path: Path) -> None:
        (tmp_path / "landmarks.pt").write_bytes(b"PK half of it")
        with pytest.raises(InputError, match="E_STATE: the checkpoint is damaged"):
            run("refiner", data, tmp_path, TINY, silent, progress=False)

    def test_the_refiner_needs_a_trained_landmark_network(self, data: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="run `mien train landmarks` with the same output folder first"):
            run("refiner", data, tmp_path, TINY, silent, progress=False)

    def test_lgml_with_a_refiner_needs_its_landmark_network(
        self, data: Path, trained: tuple[Path, dict[str, ModelCard], list[str]], tmp_path: Path
    ) -> None:
        (tmp_path / "refiner.pt").write_bytes((trained[0] / "refiner.pt").read_bytes())
        with pytest.raises(InputError, match="run `mien train landmarks` with the same output folder first"):
            run("lgml", data, tmp_path, TINY, silent, progress=False)

    def test_lgml_needs_a_trained_refiner(
        self, data: Path, trained: tuple[Path, dict[str, ModelCard], list[str]], tmp_path: Path
    ) -> None:
        (tmp_path / "landmarks.pt").write_bytes((trained[0] / "landmarks.pt").read_bytes())
        with pytest.raises(InputError, match="run `mien train refiner` with the same output folder first"):
            run("lgml", data, tmp_path, TINY, silent, progress=False)


class TestShape:
    def test_the_proportions_of_the_drawn_faces_come_back(self, learned: tuple[Array, Array, Array]) -> None:
        points, true = learned[0], mean_face().points
        fit = fit_similarity(points, true, learned[1])
        away = np.linalg.norm(fit.scale * points @ fit.rotation.T + fit.translation - true, axis=1)
        assert fit.scale == pytest.approx(1, abs=0.03)
        assert np.median(away) < 0.03 * IRIS_DISTANCE
        assert away.max() < 0.2 * IRIS_DISTANCE, "the mouths of the drawn faces stand open"

    def test_it_is_symmetric_upright_and_of_the_size_of_a_head(self, learned: tuple[Array, Array, Array]) -> None:
        points = learned[0]
        assert np.linalg.norm(points[IRIS_RIGHT] - points[IRIS_LEFT]) == pytest.approx(IRIS_DISTANCE)
        np.testing.assert_allclose(points[IRIS_RIGHT, 1:], points[IRIS_LEFT, 1:], atol=1e-6)
        np.testing.assert_allclose(points[[33, 133, 362, 263]].mean(0), 0, atol=1e-9)
        assert points[IRIS_RIGHT, 0] < 0 < points[IRIS_LEFT, 0]
        assert points[10, 1] < 0 < points[152, 1]
        assert points[4, 2] < 0, "the nose points at the camera"

    def test_steady_is_what_does_not_move(self, learned: tuple[Array, Array, Array]) -> None:
        steadiness = learned[1]
        assert steadiness.mean() == pytest.approx(1)
        assert (steadiness[468:] == 0).all()
        assert steadiness[[17, 14, 152]].max() < steadiness[[6, 168, 4]].min()

    def test_triangles_face_outwards_and_leave_the_eyes_open(self, learned: tuple[Array, Array, Array]) -> None:
        points, _, triangles = learned
        a, b, c = (points[triangles[:, k], :2] for k in range(3))
        turns = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        assert (turns < 0).all(), "counter-clockwise with y up"
        assert triangles.max() < 468
        pupil = points[IRIS_RIGHT, :2]
        corners = points[triangles, :2] - pupil
        following = np.roll(corners, -1, axis=1)
        sides = corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0]
        assert not ((sides > 0).all(1) | (sides < 0).all(1)).any()


def borders(triangles: Array) -> list[list[int]]:
    """The rings of vertices at which a surface ends."""
    edges = {(a, b) for a, b in triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).tolist()}
    onward = {a: b for a, b in edges if (b, a) not in edges}
    rings = []
    while onward:
        start, at = onward.popitem()
        ring = [start]
        while at != start:
            ring.append(at)
            at = onward.pop(at)
        rings.append(ring)
    return rings


class TestTriangulate:
    RINGS = EYE_RIGHT, EYE_LEFT, INNER_LIPS

    def test_the_openings_are_those_of_eyes_and_lips_to_the_corners(self) -> None:
        for triangles in (mean_face().triangles, compact_model().triangles, triangulate(mean_face().points)):
            found = [set(ring) for ring in borders(triangles)]
            assert len(found) == 4
            assert all(set(ring) in found for ring in self.RINGS)

    def test_an_opened_mouth_has_no_web_in_its_corners(self) -> None:
        """Where the lips part, Delaunay's shorter edges would lead from the one to the other."""
        for gap in (-2e-3, 2e-3, 8e-3, 20e-3):
            points = mean_face().points.copy()
            points[list(INNER_LIPS[1:10]), 1] += gap * np.sin(np.linspace(0.2, np.pi - 0.2, 9))
            triangles = triangulate(points)
            edges = {frozenset(edge) for edge in triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).tolist()}
            assert all(frozenset(edge) in edges for edge in pairwise((*INNER_LIPS, INNER_LIPS[0])))
            a, b, c = (points[triangles[:, k], :2] for k in range(3))
            turns = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
            assert (turns < 0).all()

    def test_the_skin_is_covered_once(self) -> None:
        points = mean_face().points[:, :2]
        triangles = mean_face().triangles
        rings = borders(triangles)

        def area(ring: Array) -> float:
            x, y = points[ring, 0], points[ring, 1]
            return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2

        whole = [area(np.array(ring)) for ring in rings]
        covered = sum(area(triangle) for triangle in triangles)
        assert covered == pytest.approx(2 * max(whole) - sum(whole), rel=1e-6)


class TestMark:
    def canvas(self, boxes: list[list[float]], ignored: list[list[float]]) -> Canvas:
        faces = np.array(boxes, np.float64).reshape(-1, 4)
        five = np.repeat((faces[:, None, :2] + faces[:, None, 2:]) / 2, 5, axis=1)
        five += np.arange(10).reshape(5, 2)
        empty = np.zeros((CANVAS, CANVAS), np.uint8)
        return Canvas(empty, faces, five, np.array(ignored, np.float64).reshape(-1, 4))

    def test_there_is_an_answer_for_each_cell(self) -> None:
        cells = sum((CANVAS // stride) ** 2 for stride in STRIDES)
        target, care, box, points = mark(self.canvas([], []))
        assert (target.shape, care.shape, box.shape, points.shape) == ((cells,), (cells,), (cells, 4), (cells, 10))
        assert target.sum() == 0
        assert (care == 1).all()

    @pytest.mark.parametrize("size", [16.0, 30, 43, 44, 60, 99, 100, 200, 300])
    def test_cells_near_its_middle_answer_for_a_face(self, size: float) -> None:
        face = [150 - size / 2, 160 - size / 2, 150 + size / 2, 160 + size / 2]
        canvas = self.canvas([face], [])
        target, care, box, points = mark(canvas)
        answering = target == 1
        assert 1 <= answering.sum() <= 40
        assert (care[answering] == 1).all()
        np.testing.assert_allclose(box[answering], np.tile(face, (int(answering.sum()), 1)))
        np.testing.assert_allclose(points[answering], np.tile(canvas.points[0].ravel(), (int(answering.sum()), 1)))
        first, second = (CANVAS // STRIDES[0]) ** 2, (CANVAS // STRIDES[1]) ** 2
        which = {int(k >= first) + int(k >= first + second) for k in np.flatnonzero(answering)}
        assert which == {0 if size < 44 else 1 if size < 100 else 2}, "one map answers"

    def test_what_is_ignored_does_not_count_unless_it_is_a_known_face(self) -> None:
        target, care, _, _ = mark(self.canvas([[100, 100, 180, 180]], [[0, 0, 200, 200]]))
        first = care[: (CANVAS // 8) ** 2].reshape(CANVAS // 8, CANVAS // 8)
        assert (first[:10, :10] == 0).all()
        assert (first[26:, 26:] == 1).all()
        assert (care[target == 1] == 1).all()


class TestTasks:
    def test_the_draws_of_the_finder_are_decided_by_the_generator(self, data: Path) -> None:
        task = finder.FinderTask(data)
        one, same, other = (task.draw(4, Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one.grey, other.grey)
        assert one.grey.shape == (4, 1, CANVAS, CANVAS)
        assert torch.isfinite(task.loss(one))

    def test_the_draws_of_the_landmarks_hold_faces_where_they_say(self, task: landmarks.LandmarkTask) -> None:
        one, same = (task.draw(50, Generator().manual_seed(1)) for _ in range(2))
        assert torch.equal(one.cuts, same.cuts)
        assert torch.equal(one.points, same.points)
        assert one.cuts.shape == (50, 1, SIDE, SIDE)
        assert (one.faces.start, one.faces.stop) == (2, 43)
        assert len(one.points) == len(one.weights) == len(one.trust) == 41
        assert ((one.trust > 0) & (one.trust <= 1)).all()
        middle = one.points[..., :2].mean(1)
        assert float((middle - SIDE / 2).abs().max()) < SIDE / 3
        assert torch.isfinite(task.loss(one))

    def test_the_landmark_network_starts_from_the_faces_it_will_see(self, task: landmarks.LandmarkTask) -> None:
        drawn = task.draw(50, Generator().manual_seed(1)).points
        mean = task.network.net.face.bias.detach().view(-1, 3) * SIDE
        assert float((mean[:, :2] - drawn[..., :2].mean(0)).norm(dim=1).mean()) < 6
        directions = task.network.net.face.weight.detach() * SIDE
        left = (drawn - mean).flatten(1)
        fitted = left @ torch.linalg.pinv(directions).T @ directions.T
        assert float((left - fitted).square().mean()) < 0.01 * float(left.square().mean())

    def test_false_faces_of_the_finder_are_learned_as_such(
        self, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        decoys = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, tiles.TILE, tiles.TILE), np.uint8) + 1
        monkeypatch.setattr(landmarks, "trained_finder", lambda file: None)
        monkeypatch.setattr(landmarks.LandmarkTask, "_start", lambda self: None)
        (tmp_path / "finder.pt").touch()
        for found, count in ((decoys, 40), (decoys[:0], 20)):
            monkeypatch.setattr(landmarks, "find_decoys", lambda *_, found=found: found)
            faceless = landmarks.LandmarkTask(data, tmp_path / "finder.pt").faceless
            assert len(faceless) == count
            if count == 40:
                np.testing.assert_array_equal(faceless[20:, 0, 0], np.arange(20) % 3 + 1)
