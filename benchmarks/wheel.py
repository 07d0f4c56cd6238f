"""How large is what a user downloads?"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import tyro
from ledger import ROOT, command, publish

from mien.core.report import Report, Row

MEGABYTE = 1e6


def main(ledger: bool = False) -> None:
    """Build the wheel into a temporary folder and weigh it.

    Args:
        ledger: Also write the figures into benchmarks/ledger.
    """
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--quiet", "--wheel-dir", folder]
        subprocess.run(line, check=True)
        (file,) = Path(folder).glob("*.whl")
        size = file.stat().st_size
        with zipfile.ZipFile(file) as archive:
            members = [(member.filename, member.compress_size) for member in archive.infolist()]
    weights = [(name, packed) for name, packed in members if name.endswith((".onnx", ".npz"))]
    rows = [
        Row("wheel", size / MEGABYTE, "MB", "<= 30", "<= 12"),
        *(Row(f"of it {Path(name).name}", packed / MEGABYTE, "MB") for name, packed in weights),
        Row("of it everything else", (size - sum(packed for _, packed in weights)) / MEGABYTE, "MB"),
    ]
    notes = () if weights else ("There are no weights in it.",)
    publish(Report("Wheel", command(), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
