"""A reader that some sources kill, hang or confuse: what workers of batches run in tests, found by their processes."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from mien.compose.done import Done
from mien.compose.outputs import BatchOptions
from mien.compose.workers import Task
from mien.core.errors import InputError, ModelError, OutputError
from mien.formats.files import sha256_of
from mien.formats.photo_notes import Note
from mien.formats.tables import header
from mien.pipelines.capture import CaptureOptions


class Reader:
    """Loads no network: what happens stands in the name of the source."""

    def __init__(self, batch: BatchOptions, options: CaptureOptions) -> None:
        pass

    def __call__(self, task: Task) -> Done:
        try:
            return _read(task)
        except InputError as error:
            return Done(task.path, error=error)


class Stillborn:
    """Dies before it is ready."""

    def __init__(self, batch: BatchOptions, options: CaptureOptions) -> None:
        os._exit(5)

    def __call__(self, task: Task) -> Done:
        return Done(task.path)


class Faulty(Stillborn):
    """Meets a fault of ours before it is ready."""

    def __init__(self, batch: BatchOptions, options: CaptureOptions) -> None:
        raise RuntimeError("an unforeseen turn")


class Unfit(Stillborn):
    """Finds its weights missing."""

    def __init__(self, batch: BatchOptions, options: CaptureOptions) -> None:
        raise ModelError("finder.onnx", "E_MODEL", "is missing")


class Talkative(Reader):
    """Answers at such length that the answer does not fit into a pipe at once."""

    def __call__(self, task: Task) -> Done:
        return Done(task.path, notes=(Note("long", "x" * 1_000_000),))


def _read(task: Task) -> Done:
    name = task.path.name
    if "poison" in name or ("hiccup" in name and _first_time(task.path)):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "topples" or ("topples" in name and _first_time(task.path)):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if "leaves" in name:
        os._exit(3)
    if "hangs" in name:
        time.sleep(60)
    if "bug" in name:
        raise RuntimeError("an unforeseen turn")
    if "full" in name:
        raise OutputError(task.path, "E_DISKFULL", "the disk is full")
    for part in task.parts:
        cells = ",".join([name, *["0"] * (len(header()) - 1)])
        part.write_text(",".join(header()) + "\n" + cells + "\n", "utf-8")
    rows = " ".join(sha256_of(part) for part in task.parts)
    return replace(Done(task.path, 1, 1, 1), sha256=sha256_of(task.path), rows=rows)


def _first_time(path: Path) -> bool:
    mark = path.with_suffix(".mark")
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
