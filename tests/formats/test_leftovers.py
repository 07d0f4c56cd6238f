import os
import subprocess
import sys
from pathlib import Path

import pytest

from mien.formats.leftovers import sweep, temporary_beside


def test_names_are_new_and_keep_the_suffix(tmp_path: Path) -> None:
    names = {temporary_beside(tmp_path / "a.csv") for _ in range(9)}
    assert len(names) == 9
    assert {(name.parent, name.suffix) for name in names} == {(tmp_path, ".csv")}


def test_what_the_dead_left_is_removed_and_the_work_of_the_living_is_not(tmp_path: Path) -> None:
    program = f"from pathlib import Path; from mien.formats.leftovers import temporary_beside as beside\n" \
        f"beside(Path({str(tmp_path)!r}) / 'a.npz').touch(); beside(Path({str(tmp_path)!r}) / 'b').touch()"  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    mine = temporary_beside(tmp_path / "a.npz")
    mine.touch()
    (tmp_path / ".mien-notes").touch()
    elsewhere = tmp_path / f".mien-00000000-999999-{'0' * 16}.csv"
    elsewhere.touch()
    assert len(os.listdir(tmp_path)) == 5
    assert sweep([tmp_path, tmp_path / "missing"]) == 2
    assert set(tmp_path.iterdir()) == {mine, tmp_path / ".mien-notes", elsewhere}


def test_another_users_process_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: int, number: int) -> None:
        raise PermissionError

    temporary_beside(tmp_path / "a").touch()
    monkeypatch.setattr(os, "kill", refuse)
    assert sweep([tmp_path]) == 0
