"""The tree of errors: what each prints, what it exits with, and that it survives the trip between processes."""

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.errors import (
    InputError,
    MienError,
    ModelError,
    NothingMatched,
    OutputError,
    OutputExists,
    StateError,
    UsageError,
    printable,
)

CHECKED = settings(derandomize=True, deadline=None, max_examples=50)
EXIT_CODES: list[tuple[type[MienError], int]] = [
    (MienError, 70),
    (InputError, 1),
    (NothingMatched, 4),
    (UsageError, 2),
    (ModelError, 3),
    (OutputError, 3),
    (StateError, 3),
    (OutputExists, 2),
]


@pytest.mark.parametrize(("kind", "code"), EXIT_CODES)
def test_each_error_has_its_exit_code(kind: type[MienError], code: int) -> None:
    assert issubclass(kind, MienError)
    assert kind.exit_code == code
    assert kind("a.jpg", "broken", "it is cut short").exit_code == code


def test_no_error_of_the_tree_is_missing_here() -> None:
    def below(kind: type[MienError]) -> set[type[MienError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    ours = {kind for kind in below(MienError) if kind.__module__ == "mien.core.errors"}
    assert ours == {kind for kind, _ in EXIT_CODES}


def test_message_names_source_code_cause_and_remedy() -> None:
    error = InputError("a.jpg", "truncated", "the file ends early", "copy it again")
    assert str(error) == "a.jpg: truncated: the file ends early (copy it again)"
    assert error.args == (str(error),)
    assert (error.source, error.code, error.cause, error.remedy) == (
        "a.jpg",
        "truncated",
        "the file ends early",
        "copy it again",
    )


def test_message_without_a_remedy_has_no_brackets() -> None:
    assert str(UsageError("--edit", "unknown", "there is no AU99")) == "--edit: unknown: there is no AU99"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.jpg", "a\\nb.jpg"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("café 😀.png", "café 😀.png"),
        ("\udce9.jpg", "\\udce9.jpg"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        (7, "7"),
    ],
)
def test_printable_escapes_only_what_cannot_be_shown(name: object, shown: str) -> None:
    assert printable(name) == shown


@CHECKED
@given(st.text(st.characters(exclude_categories=())))
def test_printable_gives_one_encodable_line_and_is_idempotent(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")
    assert printable(shown) == shown


@CHECKED
@given(
    st.sampled_from([kind for kind, _ in EXIT_CODES]),
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.text(max_size=8),
    st.text(max_size=8),
    st.text(max_size=8),
)
def test_errors_survive_pickling_and_copying(
    kind: type[MienError], source: str, code: str, cause: str, remedy: str
) -> None:
    error = kind(source, code, cause, remedy)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
