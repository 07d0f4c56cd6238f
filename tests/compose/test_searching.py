"""Folders that cannot be searched, links that lead out of what was named, and names that no system takes."""

from pathlib import Path

import pytest
from portraits import capturer, write_photo

from mien.compose.captures import capture_batch
from mien.compose.naming import common_folder
from mien.compose.outputs import BatchOptions
from mien.compose.sources import expanded, opened
from mien.core.errors import InputError, NothingMatched


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.compose.captures.Capturer", lambda options: capturer())


def made(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def found(root: Path, pattern: str = "") -> list[str]:
    return [str(path.relative_to(root)) for path in expanded([root / pattern])]


# --- what may not be searched -----------------------------------------------------------------------------------------

MODES = {"neither listed nor entered": 0o000, "not listed": 0o300, "listed, not entered": 0o600}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("pattern", ["", "**", "**/*.png", "*/*.png", "*/b.png", "s*/*.png"])
def test_a_folder_that_may_not_be_searched_is_named_with_what_it_hides(
    unprivileged: Path, mode: int, pattern: str
) -> None:
    made(unprivileged, "a/b.png", "sub/b.png", "sub/deep/b.png", "z/b.png")
    (unprivileged / "sub").chmod(mode)
    hidden = [path for path in expanded([unprivileged / pattern]) if path.is_relative_to(unprivileged / "sub")]
    if (mode, pattern) == (0o300, "*/b.png"):
        assert hidden == [unprivileged / "sub" / "b.png"]
        return
    assert hidden
    for path in hidden:
        with pytest.raises(InputError, match="E_PERM: permission denied"), opened(path):
            pytest.fail("must not open")


def test_a_folder_that_is_named_itself_and_one_behind_it(unprivileged: Path) -> None:
    made(unprivileged, "sub/deep/b.png")
    (unprivileged / "sub").chmod(0)
    for named in (unprivileged / "sub", unprivileged / "sub" / "deep", unprivileged / "sub" / "deep" / "b.png"):
        assert expanded([named]) == [named]
        assert common_folder([named]) == (named if named == unprivileged / "sub" else named.parent)
        with pytest.raises(InputError, match="E_PERM"), opened(named):
            pytest.fail("must not open")


def test_it_costs_itself_alone(unprivileged: Path) -> None:
    write_photo(unprivileged / "b.png")
    (unprivileged / "a").mkdir(0)
    results = capture_batch(expanded([unprivileged]), BatchOptions((unprivileged / "t.csv",)))
    assert [done.error and done.error.code for done in results] == ["E_PERM", None]
    assert (unprivileged / "t.csv").exists()


def test_hidden_folders_are_not_even_asked(unprivileged: Path) -> None:
    made(unprivileged, "a.png", ".sub/b.png")
    (unprivileged / ".sub").chmod(0)
    for pattern in ("", "*.png", "**/*.png", "**"):
        assert found(unprivileged, pattern) == ["a.png"]


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["**/*.png", "**", "*", "*/*.png", "**/**/*.png", "*/../**/*.png"])
def test_a_pattern_follows_no_link_to_a_folder(tmp_path: Path, pattern: str) -> None:
    made(tmp_path, "in/sub/a.png", "out/b.png")
    (tmp_path / "in" / "away").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "sub" / "round").symlink_to(tmp_path / "in")
    assert {path.name for path in expanded([tmp_path / "in" / pattern])} == {"a.png"}


def test_a_link_that_is_named_is_followed(tmp_path: Path) -> None:
    made(tmp_path, "out/b.png")
    (tmp_path / "away").symlink_to(tmp_path / "out")
    for pattern in ("away", "away/*.png", "away/**/*.png"):
        assert [path.name for path in expanded([tmp_path / pattern])] == ["b.png"]


def test_a_pattern_takes_links_to_files_even_such_as_lead_nowhere(tmp_path: Path) -> None:
    made(tmp_path, "out/b.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "out" / "b.png")
    (tmp_path / "in" / "nowhere.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "in" / "loop.png").symlink_to("loop.png")
    assert found(tmp_path / "in", "*.png") == ["link.png", "loop.png", "nowhere.png"]
    assert found(tmp_path / "in", "**/*.png") == ["link.png", "loop.png", "nowhere.png"]


def test_stars_stand_for_folders_at_any_depth(tmp_path: Path) -> None:
    made(tmp_path, "a.png", "one/a.png", "one/two/a.png", "one/two/b.jpg", "one/notes.txt", ".one/a.png")
    assert found(tmp_path, "**/two/*") == ["one/two/a.png", "one/two/b.jpg"]
    assert found(tmp_path, "one/**/a.png") == ["one/a.png", "one/two/a.png"]
    assert found(tmp_path, "**") == ["a.png", "one/a.png", "one/two/a.png", "one/two/b.jpg"]
    assert found(tmp_path, ".*/*.png") == [".one/a.png"]
    assert found(tmp_path, "**/no*") == ["one/notes.txt"]
    for pattern in ("a.png/*", "a.png/**", "none/*.png", "**/none", "*/*/*/*"):
        with pytest.raises(NothingMatched):
            expanded([tmp_path / pattern])


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + "/a.png", "*" * 300, "x" * 300 + "/*.png"])
def test_a_name_that_is_too_long_is_no_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert common_folder([path]) == (tmp_path if name.startswith("*") else path.parent)
    if name.startswith("*"):
        with pytest.raises(NothingMatched):
            expanded([path])
        return
    for each in expanded([path]):
        with pytest.raises(InputError, match="E_NOTFILE: file name too long"), opened(each):
            pytest.fail("must not open")
    (done,) = capture_batch(expanded([path]), BatchOptions((tmp_path / "t.csv",)))
    assert done.error is not None
    assert done.error.code == "E_NOTFILE"
