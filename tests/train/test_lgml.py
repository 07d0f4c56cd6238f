"""Batches hold people and neutral faces, mirrored with their labels; what nobody knows is not learned from."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_eyes import save_eyes
from made_packs import BY_HAND, EACH, TRAIN, VAL, faces_columns, make_people, save_pack
from made_trainings import assert_goes_on, one_thread
from torch import Generator, Tensor, nn

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.data.tiles import EXPRESSIVE
from mien.losses import global_metric, local_metric
from mien.metrics import inter_ocular_distance, pearson
from mien.nets.landmarks import SIDE
from mien.nets.local_global import GLOBAL, LOCAL, Seen
from mien.nets.regions import READ
from mien.train import lgml
from mien.train.lgml import (
    ABSENT,
    APPEARS,
    CALM_RENDERED_SHARE,
    EDITED_SHARE,
    NEUTRAL_SHARE,
    PEOPLE_SHARE,
    RENDERED_SHARE,
    Batch,
    LocalGlobalTask,
    Metrics,
)
from mien.train.seen import Looked, SeenFaces, ViewCounts
from mien.weights.store import verify

COLUMNS = ARKIT.indices(READ)
HAND, RENDERS, WILD = range(3)
BATCH = 40
SWAPPED = torch.from_numpy(ARKIT.mirror.copy())
RIGHT = torch.zeros(BATCH, dtype=torch.long)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_people(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_eyes(tmp_path_factory.mktemp("eyes"))


@pytest.fixture(scope="module")
def make(people: Path, eyes: Path) -> Callable[[Metrics], LocalGlobalTask]:
    def made(metrics: Metrics) -> LocalGlobalTask:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return LocalGlobalTask(people, eyes, metrics, views=ViewCounts(2, 2))

    return made


@pytest.fixture(scope="module")
def task(make: Callable[[Metrics], LocalGlobalTask]) -> LocalGlobalTask:
    return make(Metrics())


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views as they were seen: neither lit anew nor trembling."""
    monkeypatch.setattr(lgml, "_relit", lambda view, generator: view.float())
    monkeypatch.setattr(lgml, "_TREMBLE", 0.0)
    monkeypatch.setattr(lgml, "_DRIFT", 0.0)


def draw(task: LocalGlobalTask, count: int = BATCH, seed: int = 1) -> Batch:
    with torch.no_grad():
        return task.draw(count, Generator().manual_seed(seed))


def loss_at(task: LocalGlobalTask, sample: Batch) -> float:
    """Of the network as it is."""
    with torch.no_grad():
        task.network.eval()
        return float(task.loss(sample))


def rows_of(sample: Batch, train: SeenFaces) -> list[int]:
    """Which views those of a batch are."""
    rows = []
    for view in sample.view[:, 0].numpy():
        away = np.abs(np.asarray(train.view, np.float32) - view).max((1, 2))
        assert away.min() == 0
        rows.append(int(away.argmin()))
    return rows


class TestDraw:
    def test_the_generator_alone_decides(self, task: LocalGlobalTask) -> None:
        one, same, other = (draw(task, seed=seed) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one.view, other.view)

    @pytest.mark.parametrize("count", [1, 5, 8, 33])
    def test_a_batch_has_its_size(self, count: int, task: LocalGlobalTask) -> None:
        sample = draw(task, count)
        assert sample.view.shape == (count, 1, SIDE, SIDE)
        assert sample.points.shape == sample.true.shape == (count, 478, 3)
        assert sample.weights.shape == sample.known.shape == (count, len(ARKIT))
        assert sample.strength.shape == sample.neutral.shape == sample.person.shape == sample.trust.shape == (count,)
        assert np.isfinite(loss_at(task, sample))

    def test_it_holds_several_faces_of_a_person_and_neutral_ones(self, task: LocalGlobalTask) -> None:
        calm = int(BATCH * NEUTRAL_SHARE)
        for seed in range(5):
            sample = draw(task, seed=seed)
            person = sample.person[: BATCH - calm].tolist()
            for start in range(0, BATCH - calm, PEOPLE_SHARE):
                assert len(set(person[start : start + PEOPLE_SHARE])) == 1
            assert len(set(person)) > 3
            assert sample.neutral[BATCH - calm :].all()
            assert calm < int(sample.neutral.sum()) < BATCH

    def test_faces_of_a_person_are_not_one_and_the_same(self, task: LocalGlobalTask, still: None) -> None:
        rows = rows_of(draw(task), task.looked.train)
        tiles = [row % (3 * TRAIN) for row in rows[:32]]
        pairs = [set(tiles[k : k + PEOPLE_SHARE]) for k in range(0, 32, PEOPLE_SHARE)]
        assert sum(len(pair) > 1 for pair in pairs) >= len(pairs) / 2

    def test_half_of_the_people_are_renders_and_packs_share_the_rest(self, task: LocalGlobalTask, still: None) -> None:
        """All packs are of one size; drawn without the neutral faces, which are added."""
        calm = int(400 * NEUTRAL_SHARE)
        person = torch.cat([draw(task, 400, seed).person[: 400 - calm] for seed in range(6)])
        pack_of = dict(zip(task.looked.train.person.tolist(), task.looked.train.pack.tolist(), strict=True))
        packs = np.array([pack_of[who] for who in person.tolist()])
        shares = [float((packs == k).mean()) for k in (HAND, RENDERS, WILD)]
        assert shares == pytest.approx([(1 - RENDERED_SHARE) / 2, RENDERED_SHARE, (1 - RENDERED_SHARE) / 2], abs=0.06)

    def test_edited_photos_are_few_however_many_there_are(self, task: LocalGlobalTask) -> None:
        train = task.looked.train
        drawn = lgml._People(replace(task.looked, edited=(True, False, False)))
        rows = drawn.draw(8000, Generator().manual_seed(1))[: 8000 - int(8000 * NEUTRAL_SHARE)].numpy()
        shares = [float((np.asarray(train.pack)[rows] == k).mean()) for k in (HAND, RENDERS, WILD)]
        assert shares == pytest.approx([EDITED_SHARE, RENDERED_SHARE, 1 - EDITED_SHARE - RENDERED_SHARE], abs=0.04)

    def test_calm_faces_are_photos_and_renders_however_many_there_are_of_each(self, task: LocalGlobalTask) -> None:
        train, calm = task.looked.train, int(400 * NEUTRAL_SHARE)
        resting = np.flatnonzero(np.asarray(train.neutral) & (np.asarray(train.pack) == WILD))
        kept = np.setdiff1d(np.arange(len(train)), resting[1:])  # a single calm photo
        fewer = SeenFaces(*(np.asarray(getattr(train, name))[kept] for name in SeenFaces.__annotations__))
        rows = lgml._People(replace(task.looked, train=fewer)).draw(400, Generator().manual_seed(1))[-calm:].numpy()
        assert fewer.neutral[rows].all()
        assert (fewer.pack[rows] == RENDERS).sum() == round(calm * CALM_RENDERED_SHARE)

    def test_points_and_labels_are_those_of_the_view(self, task: LocalGlobalTask, still: None) -> None:
        sample, train = draw(task), task.looked.train
        weights = task.teaching.weights(train, task.looked.true)
        known = task.teaching.known(train, task.looked.true)
        rows = rows_of(sample, train)
        assert len(set(rows)) > 10
        np.testing.assert_array_equal(sample.weights, weights[rows])
        np.testing.assert_array_equal(sample.known, known[rows])
        np.testing.assert_array_equal(sample.points, train.points[rows].astype(np.float32))
        np.testing.assert_array_equal(sample.true, train.true[rows].astype(np.float32))
        np.testing.assert_array_equal(sample.trust, train.trust[rows])
        np.testing.assert_array_equal(sample.person, train.person[rows])
        np.testing.assert_array_equal(sample.neutral, train.neutral[rows])

    def test_strength_is_what_is_known_of_an_expression(self, task: LocalGlobalTask, still: None) -> None:
        sample, train = draw(task), task.looked.train
        weights = task.teaching.weights(train, task.looked.true)
        known = task.teaching.known(train, task.looked.true) > 0
        shown = (weights * known)[:, list(EXPRESSIVE)]
        wanted = np.where(shown.max(1) > 0.3, shown.sum(1), 0)
        rows = rows_of(sample, train)
        np.testing.assert_allclose(sample.strength, wanted[rows], rtol=1e-5)
        assert float(sample.strength.max()) > 1
        rendered = np.array([train.pack[row] == RENDERS for row in rows]) & sample.neutral.numpy()
        assert not sample.strength[rendered].any()

    def test_every_look_is_another(self, task: LocalGlobalTask) -> None:
        """Light and noise change, what is seen does not."""
        one, other = (draw(task, seed=seed) for seed in (3, 3))
        assert torch.equal(one.view, other.view)
        points = torch.zeros((3, 478, 3))
        astray = lgml._astray(points, Generator().manual_seed(1))
        assert not torch.equal(astray, lgml._astray(points, Generator().manual_seed(2)))
        assert 0.1 < float(astray.std()) < 1
        assert float(astray.mean(1).abs().max()) > 0.05, "all of a face's together, too"
        seen = torch.from_numpy(np.array(task.looked.train.view[:8]))[:, None]
        lit = lgml._relit(seen, Generator().manual_seed(1))
        assert not torch.equal(lit, lgml._relit(seen, Generator().manual_seed(2)))
        for before, after in zip(seen, lit, strict=True):
            assert float(torch.corrcoef(torch.stack([before.flatten().float(), after.flatten()]))[0, 1]) > 0.9

    def test_light_falls_slowly_off_over_a_view(self) -> None:
        grey = torch.full((50, 1, SIDE, SIDE), 90, dtype=torch.uint8)
        lit = lgml._relit(grey, Generator().manual_seed(2))
        assert float(lit.min()) > 10
        assert float(lit.max()) <= 255
        steps = torch.cat([lit.diff(dim=2).abs().flatten(), lit.diff(dim=3).abs().flatten()])
        assert float(steps.max()) < 6
        sides = (lit[..., :40].mean((1, 2, 3)) / lit[..., -40:].mean((1, 2, 3))).log()
        assert 0.1 < float(sides.std()) < 0.6

    def test_without_neutral_faces_there_are_none(self, eyes: Path, tmp_path: Path) -> None:
        save_pack(tmp_path / "faces-wild.npz", faces_columns("wild", 2))
        folder = save_eyes(tmp_path / "eyes")
        task = LocalGlobalTask(tmp_path, folder, views=ViewCounts(1, 1))
        sample = draw(task, 12)
        assert len(sample.person) == 12
        assert not sample.neutral.any()
        assert np.isfinite(loss_at(task, sample))
        assert [row.what for row in task.score(task.network.eval())] == ["photos r", "photos % IOD"]


class TestLoss:
    def test_what_nobody_knows_enters_neither_loss_nor_state(self, task: LocalGlobalTask) -> None:
        sample = draw(task)
        unknown = sample.known == 0
        assert 0.1 < float(unknown.float().mean()) < 0.9
        other = sample._replace(weights=torch.where(unknown, torch.rand(unknown.shape), sample.weights))
        assert loss_at(task, other) == loss_at(task, sample)
        assert not task._state(other, RIGHT)[unknown[:, COLUMNS]].any()
        known = sample._replace(weights=torch.where(unknown, sample.weights, 1 - sample.weights))
        assert loss_at(task, known) != loss_at(task, sample)

    def test_people_who_weighed_five_channels_teach_five(self, task: LocalGlobalTask) -> None:
        hand = np.flatnonzero(np.asarray(task.looked.train.pack) == HAND)
        known = task.teaching.known(task.looked.train, task.looked.true)[hand] > 0
        assert {ARKIT.columns[k] for k in np.flatnonzero(known.any(0))} == set(BY_HAND)

    def test_a_channel_appears_or_not_or_is_undecided(self, task: LocalGlobalTask) -> None:
        sample = draw(task)
        weights = torch.linspace(0, 1, sample.weights.numel()).view_as(sample.weights)
        sample = sample._replace(weights=weights, known=torch.ones_like(weights) * 0.2)
        state, weights = task._state(sample, RIGHT), weights[:, COLUMNS]
        assert (state[weights > APPEARS] == 1).all()
        assert (state[weights < ABSENT] == -1).all()
        assert not state[(weights > ABSENT) & (weights < APPEARS)].any()

    def test_the_state_of_a_side_is_that_of_its_channels(self, task: LocalGlobalTask) -> None:
        sample = draw(task)
        swapped = sample._replace(weights=sample.weights[:, SWAPPED], known=sample.known[:, SWAPPED])
        assert torch.equal(task._state(sample, 1 - RIGHT), task._state(swapped, RIGHT))
        assert not torch.equal(task._state(sample, 1 - RIGHT), task._state(sample, RIGHT))
        mixed = torch.arange(BATCH) % 2
        both = task._state(sample, RIGHT), task._state(sample, 1 - RIGHT)
        assert torch.equal(task._state(sample, mixed), torch.where(mixed[:, None] == 1, both[1], both[0]))

    def test_it_is_regression_and_points_and_what_metrics_count(
        self, make: Callable[[Metrics], LocalGlobalTask]
    ) -> None:
        plain, sample = make(Metrics(0, 0)), draw(make(Metrics(0, 0)))
        side = torch.arange(BATCH) % 2
        with torch.no_grad():
            plain.network.eval()
            seen = plain._net.read(sample.view, sample.points)
            assert seen.local.shape == (BATCH, 2, len(READ), LOCAL)
            assert seen.whole.shape == (BATCH, 2, GLOBAL)
            one = torch.arange(BATCH), side
            local = float(local_metric(seen.local[one], plain._state(sample, side), sample.person))
            whole = float(global_metric(seen.whole[one], sample.strength, sample.neutral, sample.person))
            points = float(plain._misplaced(seen.points, sample))
            away = ((plain._net.joined(seen) - sample.weights) / plain._unit).square() * sample.known
        assert local > 0
        assert whole > 0
        regression = loss_at(plain, sample)
        assert regression == pytest.approx(float(away.sum() / sample.known.sum()) + lgml.MISPLACED * points, rel=1e-4)
        for metrics in (Metrics(0.5, 0), Metrics(0, 0.5), Metrics(2, 3)):
            expected = regression + metrics.local * local + metrics.whole * whole
            assert loss_at(make(metrics), sample) == pytest.approx(expected, rel=1e-4)

    def test_points_cost_what_they_are_off_and_nothing_where_they_are_true(self, task: LocalGlobalTask) -> None:
        sample = draw(task)
        right = float(task._misplaced(sample.true, sample))
        assert right == pytest.approx(0, abs=1e-3)
        near, far = (float(task._misplaced(sample.true + off, sample)) for off in (0.5, 2.0))
        assert right < near < far
        trusted = sample._replace(trust=torch.where(torch.arange(BATCH) < 5, 1.0, 0.0))
        first = sample._replace(**{name: getattr(sample, name)[:5] for name in ("true", "trust")})
        off = sample.true + torch.rand(sample.true.shape, generator=Generator().manual_seed(1))
        few = first._replace(trust=torch.ones(5))
        assert float(task._misplaced(off, trusted)) == pytest.approx(float(task._misplaced(off[:5], few)), rel=1e-4)

    def test_channels_that_hardly_move_count_more_but_not_without_end(self, task: LocalGlobalTask) -> None:
        labels = task.teaching.weights(task.looked.train, task.looked.true)
        known = task.teaching.known(task.looked.train, task.looked.true) > 0
        labels, known = (np.concatenate([of, of[:, ARKIT.mirror]]) for of in (labels, known))
        spread = np.array([labels[known[:, k], k].std() if known[:, k].any() else 0 for k in range(len(ARKIT))])
        np.testing.assert_allclose(task._unit, np.maximum(spread, lgml._LEAST), rtol=1e-4)

    def test_learning_lowers_it(self, make: Callable[[Metrics], LocalGlobalTask]) -> None:
        task = make(Metrics())
        sample, optimiser = draw(task, 24, 9), torch.optim.AdamW(task.network.parameters(), lr=1e-3)
        before = loss_at(task, sample)
        task.network.train()
        for _ in range(25):
            optimiser.zero_grad()
            task.loss(sample).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        assert loss_at(task, sample) < 0.8 * before


class Told(nn.Module):
    """Says what it was told to, face after face."""

    def __init__(self, weights: Array) -> None:
        super().__init__()
        self.left = list(torch.from_numpy(weights))

    def forward(self, view: Tensor, points: Tensor) -> Seen:
        return Seen(torch.stack([self.left.pop(0) for _ in view]), points)


class TestScore:
    def scores(self, task: LocalGlobalTask, weights: Array) -> dict[str, float]:
        return {row.what: row.value for row in task.score(Told(np.array(weights, np.float32)))}

    def test_the_truth_scores_best(self, task: LocalGlobalTask) -> None:
        val = task.looked.val
        found = self.scores(task, val.weights)
        assert list(found) == [
            *("renders r", "renders error", "renders % IOD", "renders, fit of points, r"),
            *("photos r", "photos % IOD", "edited or labelled by hand, r", "rest against the teacher's"),
        ]
        assert found["renders r"] == pytest.approx(1, abs=1e-4)
        assert found["renders error"] == 0
        assert found["photos r"] == pytest.approx(1, abs=1e-4)
        assert found["edited or labelled by hand, r"] == pytest.approx(1, abs=1e-4)
        assert found["rest against the teacher's"] == pytest.approx(1, abs=1e-5)

    def test_renders_count_with_the_truth_and_photos_with_the_teacher(self, task: LocalGlobalTask) -> None:
        val = task.looked.val
        pack = np.asarray(val.pack)
        noise = np.random.default_rng(1).uniform(0, 1, val.weights.shape).astype(np.float32)
        best = self.scores(task, val.weights)
        for k, changed in ((HAND, {"edited or labelled by hand, r"}), (RENDERS, {"renders r", "renders error"})):
            found = self.scores(task, np.where(pack[:, None] == k, noise, val.weights))
            assert {what for what in best if abs(found[what] - best[what]) > 1e-3} == changed
        found = self.scores(task, np.where(pack[:, None] == WILD, noise, val.weights))
        photos = pack == WILD
        r = pearson(noise[photos], np.asarray(val.weights)[photos])[task.teaching.active]
        assert found["photos r"] == pytest.approx(float(r.mean()), abs=1e-5)
        assert found["renders error"] == 0

    def test_points_count_as_far_as_they_are_off(self, task: LocalGlobalTask) -> None:
        val = task.looked.val
        unit = inter_ocular_distance(val.true.astype(np.float32))
        off = val.true.astype(np.float32)
        off[..., 0] += (0.03 * unit)[:, None]
        np.testing.assert_allclose(lgml._distances(off, val), 3, rtol=1e-3)

    def test_rest_is_what_neutral_photos_show(self, task: LocalGlobalTask) -> None:
        val = task.looked.val
        calm = np.asarray(val.neutral) & (np.asarray(val.pack) == WILD)
        assert calm.sum() == VAL // EACH
        halved = np.where(calm[:, None], 0.5 * np.asarray(val.weights), val.weights)
        assert self.scores(task, halved)["rest against the teacher's"] == pytest.approx(0.5, rel=1e-3)
        looking = np.array(val.weights)
        looking[:, [k for k in range(len(ARKIT)) if k not in EXPRESSIVE]] = 0.77
        assert self.scores(task, looking)["rest against the teacher's"] == pytest.approx(1, rel=1e-3)

    def test_weights_are_those_of_every_face_in_order(self, task: LocalGlobalTask) -> None:
        val = task.looked.val
        network = task.network.eval()
        weights, moved = task.seen_by(network, val)
        assert weights.shape == (3 * VAL, len(ARKIT))
        assert moved.shape == (3 * VAL, 478, 3)
        with torch.no_grad():
            view, points = (torch.tensor(np.asarray(of[-1:], np.float32)) for of in (val.view, val.points))
            last = network(view[:, None], points)
        np.testing.assert_allclose(weights[-1:], last.weights, atol=1e-5)
        np.testing.assert_allclose(moved[-1:], last.points, atol=1e-3)

    def test_many_faces_are_read_in_parts(self, task: LocalGlobalTask) -> None:
        val = task.looked.val
        many = SeenFaces(*(np.repeat(np.asarray(getattr(val, name)), 90, 0) for name in SeenFaces.__annotations__))
        told = np.random.default_rng(2).uniform(0, 1, (len(many), 52)).astype(np.float32)
        np.testing.assert_array_equal(task.seen_by(Told(told), many)[0], told)


def test_people_of_another_number_of_faces_are_drawn_alike(task: LocalGlobalTask) -> None:
    """Who has more pictures is not drawn more often."""
    train = task.looked.train
    first = np.asarray(train.person)[np.asarray(train.pack) == WILD].min()
    kept = np.flatnonzero((train.pack == WILD) & ((train.person != first) | (np.arange(len(train)) < 3 * TRAIN)))
    fewer = SeenFaces(*(np.asarray(getattr(train, name))[kept] for name in SeenFaces.__annotations__))
    looked: Looked = replace(task.looked, train=fewer)
    counts = np.bincount(fewer.person)
    assert counts[first] == EACH
    assert set(counts[counts > 0].tolist()) == {EACH, 2 * EACH}
    rows = lgml._People(looked).draw(4000, Generator().manual_seed(1))[: 4000 - int(4000 * NEUTRAL_SHARE)]
    drawn = np.bincount(fewer.person[rows.numpy()])
    assert drawn[drawn > 0] == pytest.approx(len(rows) / 3, rel=0.15)


def test_a_killed_training_goes_on_and_leaves_all_that_ships(people: Path, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in people.iterdir()}
    folder, card = assert_goes_on("lgml", people, lambda name: save_eyes(tmp_path / name))
    verify(card, folder)
    assert card.output_basis == "arkit"
    recipe = json.loads((folder / "lgml.json").read_text())
    assert recipe["options"]["steps"] == 4
    assert recipe["validation"].keys() >= {"renders r", "photos r", "rest against the teacher's"}
    assert {figure.what for figure in card.figures} >= {"renders error", "torch against ONNX"}
    assert {file.name: file.read_bytes() for file in people.iterdir()} == before
