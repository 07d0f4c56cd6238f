"""The landmark network in eight bits: as good, smaller in its convolutions, the same on every run."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from made_packs import make_packs
from portraits import astronaut, finder, reader

from mien.core.arrays import Array
from mien.core.image import Frame
from mien.core.report import Row
from mien.detect.follow import Follower
from mien.detect.landmarks import SIDE
from mien.imaging.warp import cut, face_square
from mien.metrics import landmark_error
from mien.runtime.session import OnnxSession
from mien.train.eight_bits import NAME, in_eight_bits
from mien.train.recipes import MADE, RECIPES, run
from mien.weights.catalog import card, cards
from mien.weights.store import read_weights, verify


def silent(step: int, loss: float, rows: tuple[Row, ...]) -> None:
    raise AssertionError("nothing is learned")


def squares(count: int) -> list[Array]:
    """[1, 1, 128, 128] cuts of the astronaut's face, each a little elsewhere."""
    frame = Frame(astronaut())
    (followed,) = Follower(finder(), reader(), 1, None).see(frame)
    square = face_square(followed.sight.landmarks.points, SIDE)
    rng = np.random.default_rng(0)
    moved = [square + np.column_stack([np.zeros((2, 2)), rng.normal(0, 4, 2)]) for _ in range(count)]
    return [np.asarray(cut(frame, each, SIDE).pixels[None, None], np.float32) for each in moved]


@pytest.fixture(scope="module")
def pictures() -> list[Array]:
    return squares(6)


@pytest.fixture(scope="module")
def network() -> bytes:
    return read_weights(card("landmarks"))


@pytest.fixture(scope="module")
def quick(network: bytes, pictures: list[Array]) -> bytes:
    return in_eight_bits(network, pictures[:4])


def test_all_convolutions_but_the_first_and_the_last_have_eight_bits(quick: bytes) -> None:
    graph = onnx.load_model_from_string(quick).graph
    whole = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    in_bits = [node.input[1] in whole for node in convolutions]
    assert len(in_bits) > 10
    assert in_bits == [False, *[True] * (len(in_bits) - 2), False]


def test_the_file_is_smaller_and_the_same_on_every_run(network: bytes, quick: bytes, pictures: list[Array]) -> None:
    assert len(quick) < 0.8 * len(network)
    assert in_eight_bits(network, pictures[:4]) == quick


def test_no_name_of_a_machine_is_in_it(quick: bytes) -> None:
    assert b"/tmp" not in quick
    assert b"site-packages" not in quick


def test_points_hardly_move(pictures: list[Array]) -> None:
    """Those that ship, on a face that ranges were not taken from."""
    plain, quick = (OnnxSession(card(name)) for name in ("landmarks", NAME))
    for picture in pictures:
        before, after = (np.asarray(each(picture)[0][0]) for each in (plain, quick))
        assert landmark_error(after, before) < 0.6
        assert np.abs(np.asarray(plain(picture)[1]) - quick(picture)[1]).max() < 0.02


def test_the_command_makes_it_with_a_true_card(tmp_path: Path) -> None:
    data, folder = make_packs(tmp_path / "packs"), tmp_path / "out"
    about = run(NAME, data, folder, {}, silent, progress=False)
    assert [each.name for each in cards(folder)] == [NAME]
    verify(about, folder)
    assert about.recipe == "mien train landmarks-8bit --data packs"
    (figure,) = about.figures
    assert 0 < figure.value < 3
    assert figure.unit == "% IOD"
    assert np.isfinite(np.asarray(OnnxSession(about, folder)(np.full((1, 1, SIDE, SIDE), 90.0))[0])).all()


def test_what_is_made_is_not_trained() -> None:
    assert NAME in MADE
    assert not set(MADE) & set(RECIPES)
    verify(card(NAME))
