"""A progressive JPEG said anew in one pass, number by number, so that its blocks can be edited one by one.

jpeglib (extra `progressive`) reads the numbers and writes them; nothing is rounded, and so the pixels are the same.
It is C, wants files, and leaves copies of pictures behind that it cannot read: so a process of its own has it, with a
folder of its own, which goes with it even when we are killed meanwhile.
"""

import subprocess
import sys
from importlib.util import find_spec

EXTRA = 'pip install "mien[progressive]"'
"""What brings the reader of passes."""

_PROGRAM = """
import os, sys, tempfile
import jpeglib
data = sys.stdin.buffer.read()
with tempfile.TemporaryDirectory(prefix="mien-") as folder:
    tempfile.tempdir = folder
    several, one = os.path.join(folder, "several.jpg"), os.path.join(folder, "one.jpg")
    with open(several, "wb") as file:
        file.write(data)
    numbers = jpeglib.read_dct(several)
    numbers.progressive_mode = False
    numbers.markers = []  # libjpeg says the needed ones itself
    numbers.write_dct(one)
    with open(one, "rb") as file:
        joined = file.read()
sys.stdout.buffer.write(joined)
"""

_PATIENCE = 60.0
"""Seconds: thirty times what a photo of 50 megapixels takes."""


def can_join_passes() -> bool:
    """Whether the extra is installed."""
    return find_spec("jpeglib") is not None


def joined_passes(data: bytes) -> bytes | None:
    """The JPEG `data` in one pass; None where the extra is missing, cannot read it, or finds no place to work.

    Whoever uses it compares the pixels: what the file says of its colours may be told another way.
    """
    if not can_join_passes() or not sys.executable:
        return None
    # Without -P the folder that we were called in would be searched for modules, among the photos of strangers.
    command = [sys.executable, "-P", "-c", _PROGRAM]
    try:
        return subprocess.run(command, input=data, check=True, capture_output=True, timeout=_PATIENCE).stdout
    except (OSError, subprocess.SubprocessError):
        return None
