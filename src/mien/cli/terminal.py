"""How every command speaks: a bar for long work, a line that is printed as it is."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def bars(console: Console) -> Progress:
    """A place for progress bars, on a terminal only; it leaves nothing behind. Names may look like markup."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def say(console: Console, line: object, style: str | None = None) -> None:
    """One line, neither wrapped nor read as markup."""
    console.print(str(line), style=style, markup=False, highlight=False, soft_wrap=True)
