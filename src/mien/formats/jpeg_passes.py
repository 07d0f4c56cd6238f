"""A progressive JPEG said anew in one pass, number by number, so that its blocks can be edited one by one.

jpeglib (extra `progressive`) reads the numbers and writes them; nothing is rounded, and so the pixels are the same.
It works in a process and a folder of its own: it is C, and leaves copies of pictures behind that it cannot read.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

EXTRA = 'pip install "mien[progressive]"'
"""What brings the reader of passes."""

_PROGRAM = """
import sys
import jpeglib
numbers = jpeglib.read_dct(sys.argv[1])
numbers.progressive_mode = False
numbers.markers = []  # libjpeg says the needed ones itself
numbers.write_dct(sys.argv[2])
"""

_PATIENCE = 60.0
"""Seconds: a hundred times what the largest photo takes."""


def can_join_passes() -> bool:
    """Whether the extra is installed."""
    return find_spec("jpeglib") is not None


def joined_passes(data: bytes) -> bytes | None:
    """The JPEG `data` in one pass; None where the extra is missing, or cannot read it.

    Whoever uses it compares the pixels: what the file says of its colours may be told another way.
    """
    if not can_join_passes():
        return None
    with TemporaryDirectory(prefix="mien-") as folder:
        several, one = Path(folder, "several.jpg"), Path(folder, "one.jpg")
        several.write_bytes(data)
        command = [sys.executable, "-c", _PROGRAM, str(several), str(one)]
        where = {**os.environ, "TMPDIR": folder, "TEMP": folder, "TMP": folder}
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE, env=where)
            return one.read_bytes()
        except (OSError, subprocess.SubprocessError):
            return None
