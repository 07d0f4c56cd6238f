"""The residual learns what people do beyond the rig; a killed training goes on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from made_packs import mirror
from made_trainings import assert_goes_on, one_thread
from made_twice import marks_that_drop, pairs_pack

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import LANDMARKS
from mien.core.points import OUTER_LIPS
from mien.data.followed import Followed
from mien.data.packs import read_faces
from mien.imaging.face_layout import FaceLayout
from mien.nets.motion import MotionNet
from mien.train.loop import TrainOptions, train
from mien.train.motion import MotionTask, by_skin, foreseen, told
from mien.train.teaching import LEAST_DEVIATION
from mien.weights.store import verify


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pairs_pack(tmp_path_factory.mktemp("twice"))


def test_lips_that_drop_further_are_learned(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = MotionTask(data)
    before = {row.what: row.value for row in task.score(task.network.eval())}
    options = TrainOptions(steps=120, batch=32, rate=3e-3, score_every=120, bfloat16=False)
    network = train(task, options, tmp_path / "motion.pt", lambda *_: None, progress=False)
    after = {row.what: row.value for row in task.score(network)}
    assert before["rig, turn, residual: lips"] == before["rig: lips"] == after["rig: lips"]
    assert after["rig, turn, residual: lips"] < 0.8 * min(after["rig: lips"], after["rig, turn: lips"])


def test_a_killed_training_goes_on_and_ships(data: Path, tmp_path: Path) -> None:
    def made(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return folder

    folder, card = assert_goes_on("motion", data, made)
    verify(card, folder)
    assert card.output_basis is None


def test_a_folder_without_anybody_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nobody is there twice"):
        MotionTask(pairs_pack(tmp_path / "generated", name="faces-synthetic"))


def followed(seed: int, slope: Array, people: int = 300, each: int = 3, chance: float = 0.0) -> Followed:
    """Changes of people whose skin follows `slope` [52, 956], and chance."""
    rng = np.random.default_rng(seed)
    change = rng.uniform(-1, 1, (people * each, len(ARKIT)))
    further = change @ slope + rng.normal(size=(len(change), slope.shape[1])) * chance
    return Followed(change, further.reshape(-1, LANDMARKS, 2), np.repeat(np.arange(people), each))


def even_of(slope: Array) -> Array:
    """The same of the mirrored face."""
    places = slope.reshape(len(ARKIT), LANDMARKS, 2)[ARKIT.mirror][:, mirror()]
    return np.asarray((places * [-1.0, 1.0]).reshape(slope.shape))


def even(seed: int) -> Array:
    """[52, 956] by how much skin goes with weights, alike on both sides."""
    slope = np.random.default_rng(seed).normal(size=(len(ARKIT), 2 * LANDMARKS)) * 0.01
    return np.asarray((slope + even_of(slope)) / 2)


def test_skin_is_learned_through_much_chance_and_alike_on_both_sides() -> None:
    slope, counted = even(1), np.ones(len(ARKIT))
    found = by_skin(followed(2, slope, chance=0.05), counted, mirror())
    rest = by_skin(followed(2, slope * 0, chance=0.05), counted, mirror())
    assert np.corrcoef(found.ravel(), slope.ravel())[0, 1] > 0.9
    assert np.abs(rest).mean() < 0.35 * np.abs(found).mean()
    np.testing.assert_allclose(even_of(found), found, atol=1e-6)
    assert foreseen(followed(3, slope), found, counted) > 0.7
    assert -0.05 < foreseen(followed(4, slope * 0, chance=0.05), rest, counted) < 0.01


def test_skin_that_drops_when_people_smile_is_learned(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FaceLayout, "brightness", marks_that_drop(read_faces(data / "faces-twice.npz")))
    task = MotionTask(data)
    net = task.network.net
    assert isinstance(net, MotionNet)
    change = torch.zeros((1, len(ARKIT)))
    change[:, ARKIT.indices(["mouthSmileLeft", "mouthSmileRight"])] = 0.5
    _, further = net(torch.zeros((1, LANDMARKS, 2)), torch.zeros_like(change), change)
    cheeks = further[0, [50, 280], 1]
    assert (cheeks > 0.02).all()
    assert not further[0, list(OUTER_LIPS)].any()
    learned = {row.what: row.value for row in task.score(task.network.eval())}
    assert learned["skin: foreseen of what it does beyond its points"] > 0.5


def test_people_count_alike_however_many_photos_there_are_of_them() -> None:
    slope, counted = even(5), np.ones(len(ARKIT))
    few = followed(6, slope, people=60, each=2, chance=0.05)
    again = Followed(*(np.concatenate([x, x[:2], x[:2]]) for x in (few.change, few.further, few.person)))
    np.testing.assert_allclose(by_skin(again, counted, mirror()), by_skin(few, counted, mirror()), atol=1e-6)


def test_weights_that_do_not_count_move_no_skin() -> None:
    looks = [name.startswith("eyeLook") for name in ARKIT.columns]
    skin = by_skin(followed(7, even(7), people=30), 1.0 - np.array(looks), mirror())
    assert not skin[looks].any()
    assert skin[np.logical_not(looks)].any()


def test_weights_that_photos_hardly_show_are_left_to_the_rig(data: Path) -> None:
    weights = torch.zeros(100, len(ARKIT))
    weights[::2, ARKIT.index("mouthSmileLeft")] = 1.0
    weights[::2, ARKIT.index("jawForward")] = LEAST_DEVIATION
    known = told(weights)
    assert known[ARKIT.indices(["mouthSmileLeft", "mouthSmileRight"])].all()
    assert known.sum() == 2
    net = MotionTask(data).network.net
    assert isinstance(net, MotionNet)
    points, change = torch.zeros((1, LANDMARKS, 2)), torch.zeros((1, len(ARKIT)))
    change[:, ARKIT.index("jawForward")] = 1.0
    torch.nn.init.normal_(net.field.weight)
    torch.nn.init.normal_(net.skin)
    with torch.no_grad():
        assert not any(part.any() for part in net(points, change * 0, change))
        change[:, ARKIT.index("mouthSmileLeft")] = 1.0
        assert all(part.any() for part in net(points, change * 0, change))
