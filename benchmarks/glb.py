"""The longer real take on the ICT rig as a GLB: its size, what the validator says of it, whether it reads back."""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from ledger import ROOT, command, publish

from mien.compose.animations import animate, face_of
from mien.core.report import Report, Row
from mien.formats.glb_reader import read_glb
from mien.formats.registry import load
from mien.pipelines.animate import AnimateOptions
from mien.rig.ict import IctRig

VALIDATE = ROOT / "tests" / "browser" / "validate.mjs"


def validated(path: Path) -> Any:
    """What gltf-validator says of a file; it comes with `scripts/browser-tools`."""
    done = subprocess.run(["node", str(VALIDATE), str(path)], capture_output=True, check=True)
    return json.loads(done.stdout)["issues"]


def main(data: Path, ledger: bool = False) -> None:
    """Measure the GLB of a real take.

    Args:
        data: Folder with takes and rigs.
        ledger: Also write the figures into benchmarks/ledger.
    """
    takes = [(path, face_of(load(path), None, path)) for path in sorted((data / "takes").glob("*.csv"))]
    path, take = max(takes, key=lambda one: len(one[1]))
    rig = IctRig.load(data / "rigs" / "ict-facekit.npz")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "face.glb"
        start = time.perf_counter()
        animate(take, rig, target, AnimateOptions())
        seconds = time.perf_counter() - start
        issues, size, scene = validated(target), target.stat().st_size, read_glb(target)
    assert scene.weights is not None
    kept = [take.state.expression.basis.index(name) for name in scene.mesh.morph_names]
    difference = float(np.abs(scene.weights - take.state.expression.weights[:, kept]).max())
    rows = (
        Row(f"GLB of {path.name}, {len(take)} frames on ICT", size / 2**20, "MiB", "<= 25"),
        Row("errors of gltf-validator", issues["numErrors"], "", "<= 0"),
        Row("warnings of gltf-validator", issues["numWarnings"], "", "<= 0"),
        Row("its remarks (uv without a texture)", issues["numInfos"], ""),
        Row("greatest difference of a weight read back", difference, "of 1"),
        Row("time to evaluate and write", seconds, "s"),
    )
    publish(Report("GLB", command(data), rows, ("The validator is the npm package gltf-validator.",)), ledger)


if __name__ == "__main__":
    tyro.cli(main)
