"""A video's length is no reason to need more memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from connections import python_path
from portraits import write_clip

SRC = Path(__file__).parents[1] / "src"

# The highest memory is the process's own since it started, so each length is measured in a fresh one. Only what the
# networks and decoders need is loaded before the clock starts.
PROGRAM = """
import json, resource, sys
from pathlib import Path
from mien.compose.captures import capture_batch
from mien.compose.outputs import BatchOptions
clip, out = map(Path, sys.argv[1:])
tables = (out / "t.csv", out / "t.parquet")
batch = BatchOptions(tables, out / "o.mp4", summary=out / "s.png", report=out / "r.html")
(done,) = capture_batch([clip], batch)
assert done.error is None, done.error
print(json.dumps([done.frames, done.seen, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def highest(folder: Path, count: int) -> float:
    """Peak memory in kilobytes of streaming a clip of so many frames to tables and what people look at."""
    folder.mkdir()
    clip = write_clip(folder / "clip.mp4", count)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(clip), str(folder)],
        env={**os.environ, "PYTHONPATH": python_path(SRC), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    frames, seen, peak = json.loads(run.stdout.splitlines()[-1])
    assert (frames, seen) == (count, count)
    return float(peak)


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
def test_ten_times_the_frames_need_no_more_memory(tmp_path: Path) -> None:
    # 225 more frames weigh 32 MB: to keep them would raise the peak by a quarter.
    short, long = highest(tmp_path / "short", 25), highest(tmp_path / "long", 250)
    assert long / short <= 1.10
