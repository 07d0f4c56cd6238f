"""Every error that mien raises on purpose, one tree.

```
MienError                 code, source, cause, remedy; prints as `SOURCE: CODE: cause (remedy)`
├── InputError            one input cannot be read; the others go on            exit 1
├── NothingMatched        no input matched what was asked for                   exit 4
├── UsageError            a flag, a name or an option is wrong                  exit 2
├── ModelError            a weight file is missing, changed or unreadable       exit 3
├── StateError            a batch cannot be run, or not be gone on with         exit 3
└── OutputError           a result cannot be written                           exit 3
    └── OutputExists      there is one already, and nobody said --overwrite    exit 2
```

"No face in this picture" is a result, not an error: it is an empty `Capture`.
A record built with arrays of the wrong shape raises `ValueError`: that is a bug of the caller, not of an input.
"""

from typing import ClassVar


def printable(name: object) -> str:
    """`name` on one line: control characters, line breaks and undecodable bytes become escapes.

    >>> printable("a\\nb.jpg")
    'a\\\\nb.jpg'
    """
    text = str(name)
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


class MienError(Exception):
    """The root of the tree: says which source failed, a short code, the cause, and what to do about it."""

    exit_code: ClassVar[int] = 70

    def __init__(self, source: object, code: str, cause: str, remedy: str = "") -> None:
        self.source = printable(source)
        self.code = code
        self.cause = printable(cause)
        self.remedy = printable(remedy)
        super().__init__(str(self))

    def __str__(self) -> str:
        ending = f" ({self.remedy})" if self.remedy else ""
        return f"{self.source}: {self.code}: {self.cause}{ending}"

    def __reduce__(self) -> tuple[type["MienError"], tuple[str, str, str, str]]:
        """Survives the trip between worker processes, which rebuild an exception from its arguments."""
        return type(self), (self.source, self.code, self.cause, self.remedy)


class InputError(MienError):
    """One input cannot be read; a batch goes on without it."""

    exit_code = 1


class NothingMatched(MienError):
    """No input matched what was asked for."""

    exit_code = 4


class UsageError(MienError):
    """A flag, a name or an option is wrong; nothing was started."""

    exit_code = 2


class ModelError(MienError):
    """A weight file is missing, was changed, or does not load."""

    exit_code = 3


class StateError(MienError):
    """A batch cannot be run, or not be gone on with: its journal is in use, damaged, or of other options or weights."""

    exit_code = 3


class OutputError(MienError):
    """A result cannot be written: the folder is read-only, the disk is full."""

    exit_code = 3


class OutputExists(OutputError):
    """There is such a result already, and nobody said that it may be replaced: what was asked for is wrong, not the
    disk. Its code is E_EXISTS.
    """

    exit_code = 2
