"""The refiner starts from no change, and turns, grows and moves with the face."""

import math
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_eyes import drawn_face
from torch import Generator, Tensor

from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.nets.landmarks import FEATURES, POINTS, SIDE
from mien.nets.refiner import UNIT, Refiner
from mien.train.export import TOLERANCE, export, rounded
from mien.train.recipes import RECIPES

CHECKED = settings(derandomize=True, deadline=None, max_examples=12)
SEEDS = st.integers(0, 2**32 - 1)
CENTRE = 12
"""The sample that lies on the point itself, the middle of the grid."""


@pytest.fixture(scope="module", autouse=True)
def _only_looked_at() -> Iterator[None]:
    with torch.no_grad():
        yield


def fresh(seed: int = 0) -> Refiner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Refiner().eval()


def bold(seed: int = 0) -> Refiner:
    """One that moves points by pixels, as by what it sees beside each and as by all that it sees."""
    refiner = fresh(seed)
    generator = Generator().manual_seed(seed)
    refiner.push.copy_(torch.randn(refiner.push.shape, generator=generator) * 0.004)
    refiner.move.weight.copy_(torch.randn(refiner.move.weight.shape, generator=generator) * 0.002)
    return refiner


def features(count: int = 1, seed: int = 0) -> Tensor:
    return torch.rand((count, FEATURES), generator=Generator().manual_seed(seed))


def scene(places: Tensor) -> Tensor:
    """[...] smooth luminance of a made face at places [..., 2] of its own."""
    x, y = places.unbind(-1)
    return 128 + 45 * torch.sin(x / 7 + 0.4) * torch.cos(y / 8 - 1) + 30 * torch.sin((x - 2 * y) / 19)


def taken(turn: float, scale: float, shift: Tensor, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """A cut [1, 1, 128, 128] of the scene, points [1, 478, 3] of a face in it, and the turn [2, 2]."""
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    face = drawn_face(UNIT, 0)
    face[:468] += torch.randn((468, 3), generator=Generator().manual_seed(seed))
    line = torch.arange(SIDE) + 0.5
    pixels = torch.cartesian_prod(line, line).flip(1)
    cut = scene((pixels - SIDE / 2 - shift) @ rotation / scale).view(1, 1, SIDE, SIDE)
    flat = face[:, :2] @ rotation.T * scale + SIDE / 2 + shift
    return cut, torch.cat([flat, face[:, 2:] * scale], 1)[None], rotation


class TestStart:
    def test_a_new_one_hardly_moves_anything(self) -> None:
        cut, points, _ = taken(0.1, 1.0, torch.zeros(2))
        new, learned = (
            float((refiner(cut, points, features()) - points).norm(dim=2).mean()) for refiner in (fresh(), bold())
        )
        assert new < 0.03 * UNIT
        assert learned > 2 * new

    def test_a_new_one_pushes_nothing_by_what_lies_beside_a_point(self) -> None:
        refiner = fresh()
        assert float(refiner.push.abs().max()) == 0
        refiner.move.weight.zero_()
        cut, points, _ = taken(0.1, 1.0, torch.zeros(2))
        assert torch.equal(refiner(cut, points, features()), points)

    def test_shapes_of_a_batch_whose_faces_do_not_know_each_other(self) -> None:
        made = [taken(0.1 * k, 0.8, torch.zeros(2), k) for k in range(3)]
        cut, points = (torch.cat([each[part] for each in made]) for part in (0, 1))
        refiner, seen = bold(), features(3)
        moved = refiner(cut, points, seen)
        assert moved.shape == (3, POINTS, 3)
        alone = torch.cat([refiner(cut[k : k + 1], points[k : k + 1], seen[k : k + 1]) for k in range(3)])
        torch.testing.assert_close(moved, alone, atol=1e-3, rtol=0)


class TestFaceFrame:
    @CHECKED
    @given(SEEDS, st.floats(-math.pi, math.pi), st.floats(0.6, 0.85), st.floats(-1, 1), st.floats(-1, 1))
    def test_what_it_does_turns_grows_and_moves_with_the_face(
        self, seed: int, turn: float, scale: float, x: float, y: float
    ) -> None:
        """Wherever the face lies in the cut, as long as all that is sampled lies in it, too."""
        shift = torch.tensor([x, y]) * (62 - 66 * scale)
        refiner, seen = bold(seed % 4), features(1, seed)
        upright, straight, _ = taken(0.0, 0.8, torch.zeros(2), seed)
        cut, points, rotation = taken(turn, scale, shift, seed)
        wanted = (refiner(upright, straight, seen) - straight)[0] / 0.8
        found = (refiner(cut, points, seen) - points)[0] / scale
        found = torch.cat([found[:, :2] @ rotation, found[:, 2:]], 1)
        size = float(wanted.norm(dim=1).mean())
        assert size > 0.5
        # Smooth as it is, the picture is sampled at other pixels.
        assert float((found - wanted).norm(dim=1).mean()) < 0.05 * size

    @pytest.mark.parametrize("turn", [0.0, 0.5, -2.0])
    def test_a_sample_lies_where_the_face_says(self, turn: float) -> None:
        """One detector of one point looks at the point itself, and pushes it across the face by what it sees."""
        refiner = fresh()
        refiner.move.weight.zero_()
        refiner.detect.zero_()
        refiner.bias.zero_()
        refiner.detect[7, CENTRE, 0] = 1
        refiner.push[7, 0, 0] = 0.1
        assert refiner.offsets[CENTRE].tolist() == [0, 0]
        cut, points, rotation = taken(turn, 0.9, torch.zeros(2))
        moved = refiner(cut, points, features()) - points
        axis = points[0, IRIS_LEFT, :2] - points[0, IRIS_RIGHT, :2]
        assert float(moved[0, [k for k in range(POINTS) if k != 7]].abs().max()) == 0
        across = moved[0, 7, :2] @ rotation
        assert abs(float(across[1])) < 1e-4
        assert float(moved[0, 7, 2]) == 0
        brightness = float(moved[0, 7, :2] @ axis / axis.norm() / (0.1 * axis.norm()))
        there = points[0, 7, :2]
        x, y = (int(value) for value in there.floor())
        assert float(cut[0, 0, y, x]) > 128, "what is darker than the mean is not detected"
        cut[0, 0, y - 1 : y + 2, x - 1 : x + 2] += 60
        brighter = refiner(cut, points, features()) - points
        assert brightness > 0
        assert float((brighter[0, 7, :2] @ rotation)[0]) > float(across[0]) * 1.2

    def test_light_and_contrast_change_little(self) -> None:
        cut, points, _ = taken(0.3, 0.8, torch.zeros(2))
        refiner = bold()
        moved = refiner(cut, points, features()) - points
        dimmed = refiner(cut * 0.7 + 20, points, features()) - points
        assert float((moved - dimmed).norm(dim=2).mean()) < 0.1 * float(moved.norm(dim=2).mean())

    @pytest.mark.parametrize("collapsed", [0.0, 1e-3])
    def test_a_face_without_size_breaks_nothing(self, collapsed: float) -> None:
        cut, points, _ = taken(0, 1, torch.zeros(2))
        refiner = bold()
        tiny = points.mean(1, keepdim=True) + (points - points.mean(1, keepdim=True)) * collapsed
        assert torch.isfinite(refiner(cut, tiny, features())).all()
        assert torch.isfinite(refiner(torch.full_like(cut, 9.0), points + 300, features())).all()


class TestExport:
    def test_the_exported_file_answers_as_torch_does(self, tmp_path: Path) -> None:
        """On faces in their cuts, too, not only on what the export checks itself with."""
        refiner, file = rounded(bold()), tmp_path / "refiner.onnx"
        with torch.enable_grad():
            assert export(refiner, RECIPES["refiner"].signature, file) <= TOLERANCE
        session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
        for seed in range(4):
            cut, points, _ = taken(0.2 * seed, 0.8, torch.zeros(2), seed)
            seen = features(1, seed)
            feed = {"luminance": cut.numpy(), "points": points.numpy(), "features": seen.numpy()}
            (refined,) = session.run(["refined"], feed)
            torch.testing.assert_close(torch.from_numpy(refined), refiner(cut, points, seen), atol=2e-3, rtol=0)
