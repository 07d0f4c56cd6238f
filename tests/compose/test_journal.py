import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mien.compose.done import Done, Status, Written
from mien.compose.journal import Journal, Terms, content_of
from mien.core.errors import InputError, StateError
from mien.formats.files import sha256_of

TERMS = Terms((("least_score", "0.5"),), (("finder", "ab" * 32),))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    return path


def file_of(folder: Path) -> Path:
    return folder / "j" / "journal.jsonl"


def test_what_is_finished_is_known_to_the_next_run(tmp_path: Path, source: Path) -> None:
    result = tmp_path / "a.npz"
    error = InputError(source, "E_TRUNC", "cut", "fetch")
    done = Done(source, 3, 2, 1, (), 1, 4, 5, None, sha256_of(source), rows="")
    with Journal(tmp_path / "j", TERMS) as journal:
        assert journal.settled(source, ()) is None
        journal.begin(result)
        result.write_bytes(b"take")
        assert journal.may_replace(result)
        done = replace(done, written=(Written(result, sha256_of(result)),))
        journal.finish(done)
    with Journal(tmp_path / "j", TERMS) as journal:
        assert journal.settled(source, ()) == done
        assert journal.settled(source, (".csv",)) is None  # there are no rows
        assert journal.may_replace(result)
        assert journal.wrote(result)
        assert not journal.wrote(source)
        result.write_bytes(b"mine")
        assert not journal.may_replace(result)
        result.unlink()
        assert journal.settled(source, ()) is None
        journal.finish(Done(source, error=error, sha256=sha256_of(source)))
    with Journal(tmp_path / "j", TERMS) as journal:
        settled = journal.settled(source, (".csv",))
        assert settled is not None
        assert (settled.status, str(settled.error)) == (Status.FAILED, str(error))
        source.write_bytes(b"another")
        assert journal.settled(source, (".csv",)) is None


@pytest.mark.parametrize(
    ("code", "remedy", "again"),
    [
        ("E_READ", "check the disk or the share it lies on", True),
        ("E_PERM", "allow this user to read it", True),
        ("E_CHANGED", "try again once it is complete", True),
        ("E_TIMEOUT", "--time-limit allows more", True),
        ("E_BUG", "please report it", True),
        ("E_FORMAT", 'pip install "mien[heif]", or save it as JPEG', True),
        ("E_FORMAT", "save it as PNG", False),
        ("E_CORRUPT", "fetch or export it again", False),
        ("E_POISON", "look at it apart; --restart tries again", False),
    ],
)
def test_what_may_go_otherwise_is_tried_again(
    tmp_path: Path, source: Path, code: str, remedy: str, again: bool
) -> None:
    with Journal(tmp_path / "j", TERMS) as journal:
        journal.finish(Done(source, error=InputError(source, code, "why", remedy), sha256=sha256_of(source)))
        assert (journal.settled(source, ()) is None) == again


def test_a_run_that_begins_nothing_leaves_the_journal_as_it_was(tmp_path: Path, source: Path) -> None:
    other = Terms((("least_score", "0.4"),), TERMS.models)
    with Journal(tmp_path / "j", other):
        pass
    assert not file_of(tmp_path).exists()
    with Journal(tmp_path / "j", TERMS) as journal:
        journal.finish(Done(source, sha256=sha256_of(source)))
    before = file_of(tmp_path).read_bytes()
    with Journal(tmp_path / "j", other, restart=True):
        pass
    assert file_of(tmp_path).read_bytes() == before
    with pytest.raises(ValueError, match="not open"):
        journal.begin(source)


def test_rows_must_be_there_and_whole(tmp_path: Path, source: Path) -> None:
    with Journal(tmp_path / "j", TERMS) as journal:
        journal.part_of(source).write_text("rows")
        journal.finish(Done(source, sha256=sha256_of(source), rows=sha256_of(journal.part_of(source))))
        assert journal.settled(source, (".csv",)) is not None
        journal.part_of(source).write_text("row")
        assert journal.settled(source, (".csv",)) is None


def test_deaths_are_counted_by_content_over_runs(tmp_path: Path, source: Path) -> None:
    with Journal(tmp_path / "j", TERMS) as journal:
        assert journal.died(source, content_of(source)) == 1
    with Journal(tmp_path / "j", TERMS) as journal:
        assert journal.died(source, content_of(source)) == 2
        assert journal.died(source, "other") == 1
        assert content_of(tmp_path / "missing") == ""
    with Journal(tmp_path / "j", TERMS, restart=True) as journal:
        assert journal.died(source, content_of(source)) == 1


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", TERMS):
        with pytest.raises(StateError, match="E_LOCKED"), Journal(tmp_path / "j", TERMS):
            pytest.fail("the block must not run")
        with Journal(tmp_path / "other", TERMS):
            pass
    with Journal(tmp_path / "j", TERMS):
        pass


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_a_line_that_was_cut_short_is_dropped_and_said(tmp_path: Path, source: Path, cut: int) -> None:
    with Journal(tmp_path / "j", TERMS) as journal:
        journal.finish(Done(source, sha256=sha256_of(source)))
        journal.finish(Done(tmp_path / "b", sha256="0" * 64))
    data = file_of(tmp_path).read_bytes()
    last = data.rindex(b"\n", 0, -1) + 1
    file_of(tmp_path).write_bytes(data[:cut] if cut < 0 else data[: last + cut])
    with Journal(tmp_path / "j", TERMS) as journal:
        assert journal.notes == ["the last line of the journal was cut short and is dropped"]
        assert journal.settled(source, ()) is not None
        journal.finish(Done(tmp_path / "b", sha256="0" * 64))
    with Journal(tmp_path / "j", TERMS) as journal:
        assert journal.notes == []


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "no JSON": (lambda data: data.replace(b'{"kind": "item"', b'{"kind" "item"'), "line 2 of the journal is damaged"),
    "a zeroed block": (lambda data: data[:-30] + bytes(29) + b"\n", "line 2 of the journal is damaged"),
    "a kind of line to come": (lambda data: data.replace(b'"item"', b'"dream"'), "'dream' is no kind of line"),
    "a member of another type": (lambda data: data.replace(b'"frames": 0', b'"frames": -1'), "frames must be a whole"),
    "a missing member": (lambda data: data.replace(b'"rows"', b'"lines"'), "rows is missing"),
    "an older version": (lambda data: data.replace(b'"version": "', b'"version": "0'), "was begun with version 0"),
    "a newer schema": (lambda data: data.replace(b"mien.batch/1", b"mien.batch/2"), "schema mien.batch/2"),
    "other options": (lambda data: data.replace(b'"0.5"', b'"0.4"'), "was begun with least_score 0.4, now 0.5"),
    "other weights": (lambda data: data.replace(b"abab", b"cdcd"), "was begun with finder cdcd"),
    "no terms": (lambda data: data.split(b"\n", 1)[1], "its first line is damaged"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_journal_is_refused_and_can_be_given_up(tmp_path: Path, source: Path, name: str) -> None:
    damage, cause = DAMAGE[name]
    with Journal(tmp_path / "j", TERMS) as journal:
        journal.finish(Done(source, sha256=sha256_of(source)))
    before = file_of(tmp_path).read_bytes()
    file_of(tmp_path).write_bytes(damage(before))
    assert file_of(tmp_path).read_bytes() != before
    with pytest.raises(StateError) as caught, Journal(tmp_path / "j", TERMS):
        pytest.fail("the block must not run")
    assert caught.value.code == "E_STATE"
    assert cause in caught.value.cause
    assert "--restart begins anew" in caught.value.remedy
    assert file_of(tmp_path).read_bytes() == damage(before)
    with Journal(tmp_path / "j", TERMS, restart=True) as journal:
        assert journal.settled(source, ()) is None


def test_a_restart_may_replace_what_was_written(tmp_path: Path, source: Path) -> None:
    result = tmp_path / "a.npz"
    result.write_bytes(b"take")
    with Journal(tmp_path / "j", TERMS) as journal:
        journal.finish(Done(source, sha256=sha256_of(source), written=(Written(result, sha256_of(result)),)))
    for _ in range(2):
        with Journal(tmp_path / "j", TERMS, restart=True) as journal:
            assert journal.settled(source, ()) is None
            assert journal.may_replace(result)


def test_every_line_is_json(tmp_path: Path, source: Path) -> None:
    with Journal(tmp_path / "j", TERMS) as journal:
        journal.begin(tmp_path / "t.csv")
        (tmp_path / "t.csv").write_text("")
        journal.wrote_table(tmp_path / "t.csv")
        journal.died(source, "")
        journal.finish(Done(source, error=InputError(source, "E_A", "b"), sha256="c"))
    kinds = [json.loads(line)["kind"] for line in file_of(tmp_path).read_text("ascii").splitlines()]
    assert kinds == ["terms", "begun", "table", "died", "item"]
