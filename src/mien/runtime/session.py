"""A card to a callable on arrays: the only place where ONNX Runtime is met and a device is chosen."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.card import ModelCard
from mien.core.errors import ModelError
from mien.runtime.engine import engine
from mien.weights.store import read_weights

MOST_THREADS = 2
"""Our networks are small: more threads than this wait for each other, and all but the finder are quickest with one."""


class OnnxSession:
    """One network, loaded once and called often.

    Args:
        card: whose weights; they are hashed before they are used.
        folder: where the file lies; None for the package's own.
        threads: how many work on one call, up to `MOST_THREADS` and the cores that there are.

    Raises:
        ModelError: the file is missing, was changed, or is no network.
    """

    def __init__(self, card: ModelCard, folder: Path | None = None, threads: int = 1) -> None:
        onnxruntime = engine()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(threads, MOST_THREADS, available_cores())
        options.inter_op_num_threads = 1
        # Threads that spin on after a run would take a core from the next network, and from whoever called us.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        weights = read_weights(card, folder)
        try:
            self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen private types
            cause = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(card.file, "E_MODEL", f"is no network that this ONNX Runtime reads: {cause}") from error
        self.card = card
        self._inputs = [value.name for value in self._session.get_inputs()]

    def __call__(self, *inputs: Array) -> Sequence[Array]:
        """The network's outputs for float32 `inputs`, in the order of its signature."""
        feed = {name: np.ascontiguousarray(value, np.float32) for name, value in zip(self._inputs, inputs, strict=True)}
        outputs: Sequence[Array] = self._session.run(None, feed)
        return outputs


def available_cores() -> int:
    """Cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1
