"""What draws and what fills in pages: packages of the extra `report`, loaded when they are needed."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from mien.core.errors import UsageError, printable
from mien.formats.files import StrPath, replacing

_REMEDY = 'pip install "mien[report]"'


def check_charts(wanted: object) -> None:
    """Raises `UsageError` E_USAGE when matplotlib is not installed; `wanted` is the file that needs it."""
    try:
        import matplotlib  # noqa: F401 - only whether it can be
    except ImportError:
        raise UsageError(wanted, "E_USAGE", "a summary needs matplotlib, which is not installed", _REMEDY) from None


def check_pages(wanted: object) -> None:
    """Raises `UsageError` E_USAGE when jinja2 is not installed; `wanted` is the file that needs it."""
    try:
        import jinja2  # noqa: F401 - only whether it can be
    except ImportError:
        raise UsageError(wanted, "E_USAGE", "a report needs jinja2, which is not installed", _REMEDY) from None


def write_page(template: str, values: dict[str, object], path: StrPath, overwrite: bool) -> None:
    """Fills in a template and writes it as one file that needs no other.

    Every text in it is escaped. Its policy lets a browser run the script and the styles that it holds, show pictures
    that it holds, and load nothing.

    Args:
        template: name of a file in `templates`.
        values: what its placeholders stand for.
        path: the file.
        overwrite: whether a file that is there may be replaced.

    Raises:
        OutputError: E_EXISTS, or the disk refuses.
    """
    style, script = _text("style.css"), _text("page.js")
    shared = {"style": style, "script": script, "style_hash": _hash(style), "script_hash": _hash(script)}
    page: str = _environment().get_template(template).render(**shared, **values)
    with replacing(path, overwrite) as part:
        part.write_text(page, "utf-8", newline="\n")


@cache
def _environment() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    engine = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    engine.filters["printable"] = printable
    return engine


@cache
def _text(name: str) -> str:
    return files("mien.digest").joinpath("templates", name).read_text("utf-8")


def _hash(text: str) -> str:
    """As a policy names a script or style that may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
