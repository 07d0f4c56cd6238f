import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mien.formats import leftovers
from mien.formats.leftovers import in_work, sweep, temporary_beside

DAY = 86_400.0
posix = pytest.mark.skipif(os.name != "posix", reason="there are no locks that the dead let go of")


def by_another(folder: Path, program: str) -> "subprocess.Popen[bytes]":
    """A process that names a file `mine` in a folder, and does something."""
    lines = ["from pathlib import Path", "from mien.formats.leftovers import in_work, temporary_beside"]
    lines += [f"mine = temporary_beside(Path({str(folder)!r}) / 'a.npz')", program]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def left_by_the_dead(folder: Path) -> Path:
    with by_another(folder, "mine.touch()") as process:
        process.communicate()
    assert process.returncode == 0
    (left,) = folder.iterdir()
    return left


def aged(path: Path, seconds: float = DAY) -> None:
    long_ago = time.time() - seconds
    os.utime(path, (long_ago, long_ago))


def elsewhere(monkeypatch: pytest.MonkeyPatch, **differs: Any) -> None:
    """Makes this process believe that it runs in another place."""
    place = replace(leftovers._Place.here(), **differs)
    monkeypatch.setattr(leftovers._Place, "here", lambda: place)


def test_names_are_new_and_keep_the_suffix(tmp_path: Path) -> None:
    names = {temporary_beside(tmp_path / "a.csv") for _ in range(9)}
    assert len(names) == 9
    assert {(name.parent, name.suffix) for name in names} == {(tmp_path, ".csv")}
    assert all(leftovers._NAME.fullmatch(name.name) for name in names)


def test_what_the_dead_left_is_removed_and_the_work_of_the_living_is_not(tmp_path: Path) -> None:
    left_by_the_dead(tmp_path)
    mine = temporary_beside(tmp_path / "a.npz")
    mine.touch()
    (tmp_path / ".mien-notes").touch()
    foreign = tmp_path / f".mien-{'0' * 8}-{'0' * 8}-1-999999-{'0' * 16}.csv"
    foreign.touch()
    aged(foreign)
    assert sweep([tmp_path, tmp_path / "missing"]) == 1
    assert set(tmp_path.iterdir()) == {mine, tmp_path / ".mien-notes", foreign}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="without /proc a zombie is not told from the living")
def test_what_was_left_by_who_is_dead_and_not_buried_is_removed(tmp_path: Path) -> None:
    process = by_another(tmp_path, "mine.touch()")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    os.kill(process.pid, 0)  # the system still knows it
    assert sweep([tmp_path]) == 1
    process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_another_users_process_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: int, number: int) -> None:
        raise PermissionError

    temporary_beside(tmp_path / "a").touch()
    monkeypatch.setattr(os, "kill", refuse)
    assert sweep([tmp_path]) == 0


def test_a_file_in_work_is_made_by_who_works_on_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with in_work(path):
        assert path.read_bytes() == b""
    with pytest.raises(FileExistsError), in_work(path):
        pytest.fail("the block must not run")
    (tmp_path / "b").symlink_to("c")
    with pytest.raises(FileExistsError), in_work(tmp_path / "b"):
        pytest.fail("the block must not run")


# --- containers and machines ------------------------------------------------------------------------------------------

SEEN_FROM: dict[str, tuple[dict[str, object], bool]] = {
    "another container": ({"machine": "0" * 8, "namespace": 7}, True),
    "after the next start": ({"system": "0" * 8}, True),
    "another machine of the same name": ({"machine": "0" * 8, "system": "0" * 8}, False),
}


@posix
@pytest.mark.parametrize(("differs", "swept"), SEEN_FROM.values(), ids=SEEN_FROM)
def test_what_was_left_is_swept_by_who_can_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: dict[str, object], swept: bool
) -> None:
    left = left_by_the_dead(tmp_path)
    elsewhere(monkeypatch, **differs)
    assert sweep([tmp_path]) == 0  # perhaps somebody is only about to lock it
    aged(left)
    assert sweep([tmp_path]) == swept
    assert left.exists() != swept


@posix
@pytest.mark.parametrize("differs", [differs for differs, _ in SEEN_FROM.values()], ids=SEEN_FROM)
@pytest.mark.parametrize("dead", [False, True])
def test_the_work_of_another_containers_living_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: dict[str, object], dead: bool
) -> None:
    """Its number means nothing here, or somebody else."""
    program = "with in_work(mine):\n    print('at work', flush=True)\n    input()"
    with by_another(tmp_path, program) as living:
        assert living.stdin is not None
        assert living.stdout is not None
        assert living.stdout.readline() == b"at work\n"
        (file,) = tmp_path.iterdir()
        aged(file)
        elsewhere(monkeypatch, **differs)
        monkeypatch.setattr(leftovers, "_lives", lambda process: not dead)
        assert sweep([tmp_path]) == 0
        assert file.exists()
        living.communicate(b"\n")


def test_the_name_of_a_host_alone_tells_no_machines_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    system, machine = tmp_path / "boot_id", tmp_path / "machine-id"
    monkeypatch.setattr(leftovers, "_SYSTEM", system)
    monkeypatch.setattr(leftovers, "_MACHINE", machine)
    bare = leftovers._Place.here()
    assert bare.machine == bare.system  # all that is known is the name
    system.write_text("one\n")
    one = leftovers._Place.here()
    assert one.machine == one.system != bare.system
    machine.write_text("a\n")
    known = leftovers._Place.here()
    assert (known.system, known.namespace) == (one.system, one.namespace)
    assert known.machine != one.machine
    system.write_text("two\n")
    assert leftovers._Place.here().machine == known.machine
    assert leftovers._Place.here().system != known.system
    node = platform.node()
    monkeypatch.setattr(platform, "node", lambda: node + "-2")
    assert leftovers._Place.here().machine != known.machine
