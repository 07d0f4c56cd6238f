"""ONNX Runtime, which from 1.29 on reports to its makers what it runs, from its import on, unless told not to.

mien opens no connection that nobody asked for. So ONNX Runtime is imported here alone, when the first network is
loaded, with its own way of opting out set; nothing is sent then, and nothing kept about the user.
"""

import os
from functools import cache
from threading import Lock
from typing import Any

OPT_OUT = "ORT_DISABLE_TELEMETRY"
"""Environment variable that ONNX Runtime looks at once, as it is imported, and then never again."""

_FIRST = Lock()


def engine() -> Any:
    """ONNX Runtime, silent, unless the program had imported it by itself before."""
    with _FIRST:
        return _imported()


def quantisation() -> Any:
    """ONNX Runtime's tools that make whole numbers of a network's; they need the package `onnx` beside it."""
    engine()
    import onnxruntime.quantization

    return onnxruntime.quantization


@cache
def _imported() -> Any:
    before = os.environ.get(OPT_OUT)
    os.environ[OPT_OUT] = "1"
    try:
        import onnxruntime
    finally:
        if before is None:
            del os.environ[OPT_OUT]
        else:
            os.environ[OPT_OUT] = before
    # What Windows collects goes by this; elsewhere it quietens one that was imported before, as far as that goes.
    onnxruntime.disable_telemetry_events()
    return onnxruntime
