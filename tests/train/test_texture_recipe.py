"""The texture step learns from what people show next, with motion before it and without; it goes on after a kill."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pairs import EACH, make_pairs
from made_trainings import assert_goes_on, one_thread
from torch import Generator, Tensor, nn

from mien.core.basis import ARKIT
from mien.imaging.face_cut import EYES, SIDE
from mien.train import texture
from mien.train.texture import Asked, TextureTask, warped
from mien.weights.store import verify


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Few faces are scored."""
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(texture, "_SCORED", 3)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("drawn faces"))


@pytest.fixture(scope="module")
def alone(data: Path) -> TextureTask:
    torch.manual_seed(0)
    return TextureTask(data, motion=False)


@pytest.fixture(scope="module")
def after(data: Path) -> TextureTask:
    torch.manual_seed(0)
    return TextureTask(data, motion=True)


def draw(task: TextureTask, count: int, seed: int = 1) -> Asked:
    with torch.no_grad():
        return task.draw(count, Generator().manual_seed(seed))


class Says(nn.Module):
    """Paints one colour over a share of everything."""

    def __init__(self, colour: float, keep: float) -> None:
        super().__init__()
        self.colour, self.keep = colour, keep

    def forward(self, picture: Tensor, asked: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full_like(picture, self.colour), torch.full_like(picture[:, :1], self.keep)


class TestWarped:
    @settings(derandomize=True, deadline=None, max_examples=15)
    @given(st.integers(-5, 5), st.integers(-5, 5), st.integers(0, 99))
    def test_whole_pixels_are_shifted_as_they_are(self, dx: int, dy: int, seed: int) -> None:
        picture = torch.rand((2, 3, 20, 24), generator=Generator().manual_seed(seed)) * 255
        moved = warped(picture, torch.tensor([float(dx), float(dy)]).expand(2, 20, 24, 2))
        torch.testing.assert_close(
            moved[:, :, 6:-6, 6:-6], picture[:, :, 6 + dy : 14 + dy, 6 + dx : 18 + dx], atol=1e-2, rtol=0
        )

    def test_beyond_the_border_the_picture_goes_on(self) -> None:
        picture = torch.arange(8.0).expand(1, 1, 8, 8).contiguous()
        assert float(warped(picture, torch.full((1, 8, 8, 2), 50.0)).min()) == pytest.approx(7)


class TestDraw:
    def test_the_generator_alone_decides(self, after: TextureTask) -> None:
        one, same, other = (draw(after, 4, seed) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one.picture, other.picture)

    def test_both_ask_the_same_of_the_same_faces(self, alone: TextureTask, after: TextureTask) -> None:
        one, other = draw(alone, 6), draw(after, 6)
        for column in ("picture", "shown", "now", "asked"):
            assert torch.equal(getattr(one, column), getattr(other, column)), column
        assert not one.ahead.any()
        assert not one.back.any()
        assert other.ahead.any()

    def test_what_is_shown_is_the_same_person_as_asked_for(self, alone: TextureTask) -> None:
        faces = alone.faces
        sample = alone._sample(faces, np.arange(4), np.array([False, True, False, True]))
        for k in range(4):
            one, other = int(faces.first[k]), int(faces.second[k])
            assert one // EACH == other // EACH
            pixels, _, weights = (faces.mirrored if k % 2 else faces.plain)(other)
            np.testing.assert_array_equal(sample.shown[k].numpy(), pixels.transpose(2, 0, 1))
            np.testing.assert_array_equal(sample.asked[k].numpy(), weights)

    def test_the_motion_opens_the_mouth_and_takes_it_back(self, after: TextureTask) -> None:
        _, points, now = after.faces.plain(0)
        assert after._motion is not None
        jaw = ARKIT.index("jawOpen")
        wide = np.where(np.arange(52) == jaw, np.minimum(now + 0.5, 1.0), now)
        there, again = after._motion.flows(points, now, wide)
        x, y = points[152, :2].astype(int)
        lowered = float(-there[y - 1, x, 1])
        assert 0.04 * EYES < lowered < 0.5 * EYES, "the chin comes from above"
        rise = float(again[min(y + round(lowered), SIDE) - 2, x, 1])
        assert rise == pytest.approx(lowered, rel=0.3)

    def test_there_and_back_is_nearly_the_face(self, after: TextureTask) -> None:
        sample = draw(after, 8)
        there = warped(sample.picture, sample.ahead)
        back = warped(there, sample.back)
        moved, left = ((x - sample.picture).abs().mean() for x in (there, back))
        assert float(left) < 0.6 * float(moved)


class TestLoss:
    def test_one_that_keeps_everything_pays_what_is_seen_of_it(
        self, alone: TextureTask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sample = draw(alone, 4)
        monkeypatch.setattr(alone, "network", Says(0.0, 1.0))
        with torch.no_grad():
            answer = torch.cat([sample.picture, torch.ones_like(sample.picture[:, :1])], 1)
            torch.manual_seed(3)
            loss = float(alone.loss(sample, answer, judged=True))
            torch.manual_seed(3)
            (read,) = alone._reader.glance(sample.square[:1], sample.picture[:1])
            away = (read - sample.asked[:1])[:, alone._columns] / alone._unit
            left = float(((sample.picture - sample.shown) / 127.5).square().mean())
            expected = texture.SHOWN * left - texture.JUDGED * float(alone.critic(sample.picture).mean())
        assert loss == pytest.approx(expected + texture.READ * float(away.square().mean()), rel=1e-4)

    def test_paint_costs_there_and_back_and_its_area(self, alone: TextureTask, monkeypatch: pytest.MonkeyPatch) -> None:
        sample = draw(alone, 4)
        for part in ("SHOWN", "JUDGED", "READ", "SAME"):
            monkeypatch.setattr(texture, part, 0.0)
        monkeypatch.setattr(alone, "network", Says(200.0, 0.25))
        with torch.no_grad():
            answer = alone.answer(sample)
            torch.testing.assert_close(answer[:, :3], 0.25 * sample.picture + 150, atol=1e-3, rtol=0)
            loss = float(alone.loss(sample, answer, judged=True))
            again = 0.25 * answer[:2, :3] + 150
            cycle = float((again - sample.picture[:2]).abs().mean()) / 127.5
        assert loss == pytest.approx(texture.CYCLE * cycle + 2 * texture.AREA * 0.75, rel=1e-4)

    def test_asking_for_nothing_should_change_nothing(
        self, alone: TextureTask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sample = draw(alone, 8)
        for part in ("SHOWN", "JUDGED", "READ", "CYCLE", "AREA", "EVEN"):
            monkeypatch.setattr(texture, part, 0.0)
        with torch.no_grad():
            answer = alone.answer(sample)
            monkeypatch.setattr(alone, "network", Says(0.0, 1.0))
            assert float(alone.loss(sample, answer, judged=True)) == pytest.approx(0, abs=1e-6)
            monkeypatch.setattr(alone, "network", Says(0.0, 0.5))
            half = texture.SAME * float(sample.picture[:2].mean()) / 2 / 127.5
            assert float(alone.loss(sample, answer, judged=True)) == pytest.approx(half, rel=1e-4)

    def test_the_motion_step_comes_before_the_paint(self, after: TextureTask, monkeypatch: pytest.MonkeyPatch) -> None:
        sample = draw(after, 3)
        monkeypatch.setattr(after, "network", Says(0.0, 1.0))
        torch.testing.assert_close(after.answer(sample)[:, :3], warped(sample.picture, sample.ahead))

    @pytest.mark.parametrize("which", ["alone", "after"])
    def test_both_networks_get_gradients(self, which: str, request: pytest.FixtureRequest) -> None:
        task: TextureTask = request.getfixturevalue(which)
        sample = draw(task, 4)
        answer = task.answer(sample)
        task.loss(sample, answer, judged=True).backward()  # type: ignore[no-untyped-call]
        task.critic_loss(sample, answer.detach()).backward()  # type: ignore[no-untyped-call]
        for network in (task.network, task.critic):
            assert any(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())
            network.zero_grad()

    @pytest.mark.parametrize("counts", ["SHOWN", "READ"])
    def test_learning_brings_faces_nearer_to_what_is_shown_or_read(
        self, counts: str, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for part in ("SHOWN", "JUDGED", "READ", "CYCLE", "SAME", "AREA", "EVEN"):
            monkeypatch.setattr(texture, part, float(part == counts))
        torch.manual_seed(2)
        task = TextureTask(data, motion=False)
        drawn = draw(task, 4)
        # Far from what the faces are now: of a small change a few steps would say nothing.
        sample = drawn._replace(
            shown=drawn.picture * 0.5, asked=torch.rand((4, 52), generator=Generator().manual_seed(5))
        )
        optimiser, said = torch.optim.Adam(task.network.parameters(), 2e-3), []
        for _ in range(10):
            torch.manual_seed(0)
            loss = task.loss(sample, task.answer(sample), judged=True)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            said.append(float(loss.detach()))
        assert said[-1] < 0.97 * said[0]


def test_without_paint_nothing_arrives_but_by_motion(alone: TextureTask, after: TextureTask) -> None:
    still = {row.what: row.value for row in alone.score(Says(0.0, 1.0))}
    assert still == {"left of the difference": 1.0, "arrived": 0.0, "painted": 0.0, "there and back": 0.0}
    moved = {row.what: row.value for row in after.score(Says(0.0, 1.0))}
    assert moved["arrived"] != 0
    assert moved["left of the difference"] != 1
    assert moved["there and back"] > 0
    assert {row.what: row.value for row in alone.score(Says(90.0, 0.25))}["painted"] == pytest.approx(0.75)


def test_a_killed_training_goes_on_and_leaves_all_that_an_experiment_needs(data: Path, tmp_path: Path) -> None:
    """The third of four steps is lost. The baseline goes the same way."""

    def made(folder: str) -> Path:
        (tmp_path / folder).mkdir()
        return tmp_path / folder

    folder, card = assert_goes_on("texture", data, made)
    verify(card, folder)
    told = {"left of the difference", "arrived", "painted", "there and back", "torch against ONNX"}
    assert {figure.what for figure in card.figures} == told
    (parity,) = (figure.value for figure in card.figures if figure.what == "torch against ONNX")
    assert 0 < parity < 1e-4
