import os
import sys
import threading

import numpy as np
import pytest
from made_lite import adder

from mien.core.errors import ModelError
from mien.runtime.litert import LiteSession

CONTENT = adder(4, 1.5)


def test_runs_a_network() -> None:
    session = LiteSession("adder", CONTENT)
    (answer,) = session(np.arange(4.0)[None])
    np.testing.assert_array_equal(answer, [[1.5, 2.5, 3.5, 4.5]])


def test_an_answer_is_not_changed_by_the_next_one() -> None:
    session = LiteSession("adder", CONTENT)
    (first,) = session(np.zeros((1, 4)))
    session(np.ones((1, 4)))
    np.testing.assert_array_equal(first, np.full((1, 4), 1.5, np.float32))


def test_threads_wait_for_each_other() -> None:
    session = LiteSession("adder", CONTENT)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(200):
            (answer,) = session(np.full((1, 4), number))
            if (answer != number + 1.5).any():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("content", [b"", b"nonsense" * 50, CONTENT[:200], CONTENT[:-100]], ids=range(4))
def test_no_network_is_one_line(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^broken: E_MODEL: is no network that LiteRT reads: ") as caught:
        LiteSession("broken", content)
    assert "\n" not in str(caught.value)


def test_nothing_is_written_past_python(capfd: pytest.CaptureFixture[str]) -> None:
    LiteSession("adder", CONTENT)
    os.write(2, b"still there")
    assert capfd.readouterr() == ("", "still there")


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "ai_edge_litert"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(ModelError, match=r'E_EXTRA: .* \(pip install "mien\[mediapipe\]"\)'):
        LiteSession("adder", CONTENT)
