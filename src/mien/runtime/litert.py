"""A TensorFlow Lite network to a callable on arrays, by LiteRT: for MediaPipe's networks, which are not mien's."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np

from mien.core.arrays import Array
from mien.core.errors import ModelError

Network = Callable[[Array], Sequence[Array]]
"""A network of one input: its outputs, in the order of its signature."""

_EXTRA = 'pip install "mien[mediapipe]"'


class LiteSession:
    """One network, loaded once and called often; calls from several threads wait for each other.

    One thread works on a call: a second one gains nothing on networks so small.

    Args:
        name: what a message calls it.
        content: the file, whose origin has been checked.

    Raises:
        ModelError: E_EXTRA: LiteRT is not installed; E_MODEL: the content is no network that it reads.
    """

    def __init__(self, name: str, content: bytes) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ModelError(name, "E_EXTRA", "LiteRT, which runs it, is not installed", _EXTRA) from error
        try:
            with _quiet():
                self._interpreter: Any = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            cause = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(name, "E_MODEL", f"is no network that LiteRT reads: {cause}") from error
        (given,) = self._interpreter.get_input_details()
        self._input = int(given["index"])
        self._outputs = [int(output["index"]) for output in self._interpreter.get_output_details()]
        self._lock = Lock()

    def __call__(self, value: Array) -> list[Array]:
        """The network's outputs for its one float32 input, in the order of its signature."""
        with self._lock:
            self._interpreter.set_tensor(self._input, np.ascontiguousarray(value, np.float32))
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(output) for output in self._outputs]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps from the terminal what LiteRT writes there, past Python, about its own workings."""
    sys.stderr.flush()
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no standard error, so nothing is to be kept from it
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
