"""Short trainings, killed and gone on with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from mien.core.card import ModelCard
from mien.core.report import Row
from mien.train.recipes import run

SHORT: dict[str, Any] = {"steps": 4, "batch": 8, "threads": 1, "score_every": 1, "save_every": 0.0}
"""Four steps, each of which is scored and kept."""


class Killed(Exception):
    """Stands for a kill."""


@contextmanager
def one_thread() -> Iterator[None]:
    """What runs in the block shares its cores with other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def losses_of(
    name: str, data: Path, folder: Path, last: int | None = None
) -> tuple[dict[int, tuple[float, ...]], ModelCard | None]:
    """Loss and scores at each step of a training; its card, unless it is killed before step `last` is kept."""
    said: dict[int, tuple[float, ...]] = {}

    def report(step: int, loss: float, rows: tuple[Row, ...]) -> None:
        if step == last:
            raise Killed
        said[step] = (loss, *(row.value for row in rows))

    if last is None:
        return said, run(name, data, folder, SHORT, report, progress=False)
    with pytest.raises(Killed):
        run(name, data, folder, SHORT, report, progress=False)
    return said, None


def assert_goes_on(name: str, data: Path, made: Callable[[str], Path], last: int = 3) -> tuple[Path, ModelCard]:
    """A training killed before step `last` is kept, and begun again, says what an undisturbed one says.

    Args:
        name: of the training.
        data: folder of the packs.
        made: makes a folder with the checkpoints that the training needs.
        last: the step that is lost.

    Returns:
        Folder and card of the undisturbed one.
    """
    whole, other = made("whole"), made("killed")
    said, card = losses_of(name, data, whole)
    assert list(said) == [1, 2, 3, 4]
    assert len({loss for loss, *_ in said.values()}) == 4
    before, _ = losses_of(name, data, other, last)
    assert torch.load(other / f"{name}.pt", weights_only=True)["step"] == last - 1
    assert not (other / f"{name}.onnx").exists()
    after, again = losses_of(name, data, other)
    assert list(after) == list(range(last, 5))
    assert before | after == said
    assert card is not None
    assert again is not None
    assert again.sha256 == card.sha256
    return whole, card
