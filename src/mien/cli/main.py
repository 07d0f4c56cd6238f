"""The command line: one subcommand a file, every flag generated from a signature or an Options record."""

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn

import tyro
from rich.console import Console

from mien.cameras.wanted import Size
from mien.cli.animate import animate
from mien.cli.cameras import list_cameras
from mien.cli.capture import capture
from mien.cli.convert import convert
from mien.cli.data import render_pack
from mien.cli.data_edit import edit_pack
from mien.cli.data_pack import pack_pictures
from mien.cli.edit import edit
from mien.cli.ending import INTERRUPTED, Ends
from mien.cli.evaluate import evaluate_expression
from mien.cli.models import add_file, fetch_file, list_models, show_model, verify_models
from mien.cli.rig_pictures import show_channel, show_sheet
from mien.cli.rig_vrm import write_vrm
from mien.cli.rigs import fetch_rig, import_rig, list_rigs
from mien.cli.terminal import ReaderGone, say, speaking
from mien.cli.train import train
from mien.cli.verify import verify
from mien.compose.batches import Allowance
from mien.core.errors import MienError
from mien.core.neutral import Neutral
from mien.formats.stream import Destination
from mien.pipelines.capture import FaceChoice
from mien.rig.wishes import Change

_models = tyro.extras.SubcommandApp()
_models.command(name="list", is_default=True)(list_models)
_models.command(name="show")(show_model)
_models.command(name="verify")(verify_models)
_models.command(name="add")(add_file)
_models.command(name="fetch")(fetch_file)

_rigs = tyro.extras.SubcommandApp()
_rigs.command(name="list", is_default=True)(list_rigs)
_rigs.command(name="import")(import_rig)
_rigs.command(name="fetch")(fetch_rig)
_rigs.command(name="show")(show_channel)
_rigs.command(name="sheet")(show_sheet)
_rigs.command(name="vrm")(write_vrm)

_data = tyro.extras.SubcommandApp()
_data.command(name="render")(render_pack)
_data.command(name="pack")(pack_pictures)
_data.command(name="edit")(edit_pack)

_evaluate = tyro.extras.SubcommandApp()
_evaluate.command(name="expression")(evaluate_expression)

_app = tyro.extras.SubcommandApp()
_app.command(name="capture")(capture)
_app.command(name="cameras")(list_cameras)
_app.command(name="convert")(convert)
_app.command(name="animate")(animate)
_app.command(name="edit")(edit)
_app.command(name="verify")(verify)
_app.command(
    _models, name="models", help="The networks and tables that ship, and others: list, show, verify, add, fetch."
)
_app.command(_rigs, name="rigs", help="3D faces to drive: list, import, fetch, show, sheet, vrm.")
_app.command(_data, name="data", help="Training packs that mien makes itself.")
_app.command(name="train")(train)
_app.command(_evaluate, name="evaluate", help="What trained networks are worth on faces that they never learned from.")

_ABOUT = "Reads the expression on a face, offline, with networks of its own."

OUR_BUG = 70

_registry = tyro.constructors.ConstructorRegistry()


def _one_word(
    kind: type[FaceChoice] | type[Destination] | type[Change] | type[Allowance] | type[Size] | type[Neutral],
    metavar: str,
) -> None:
    """Makes one word of the command line a value of `kind` by its `parse`."""

    @_registry.primitive_rule
    def _(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[Any] | None:
        if info.type is not kind:
            return None
        return tyro.constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar=metavar,
            instance_from_str=lambda words: kind.parse(words[0]),
            is_instance=lambda value: isinstance(value, kind),
            str_from_instance=lambda value: [str(value)],
        )


_one_word(FaceChoice, "all|largest|N")
_one_word(Neutral, "FILE|auto")
_one_word(Destination, "ADDRESS")
_one_word(Change, "NAME=WEIGHT")
_one_word(Allowance, "N|N%")
_one_word(Size, "WxH")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits: 0 done, 1 inputs failed, 2 usage, 3 environment, 4 nothing matched, 70 our bug."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name or a degree sign that the locale lacks is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    with speaking(), Ends() as ends:
        return ends.code(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    if list(sys.argv[1:] if arguments is None else arguments) == ["--version"]:
        Console().print(f"mien {version('mien')}", highlight=False)
        return 0
    try:
        words = None if arguments is None else list(arguments)
        return int(_app.cli(prog="mien", description=_ABOUT, args=words, registry=_registry))
    except MienError as error:
        say(Console(stderr=True), str(error), "red")
        return error.exit_code
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: finished files are kept, unfinished ones were removed")
        return INTERRUPTED
    except ReaderGone:
        # The reader of our output has gone: nothing more can be said, and Python must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:
        if isinstance(stop.__context__, ReaderGone):  # rich has met it first, and turned our output away already
            return 0
        return stop.code if isinstance(stop.code, int) else 0
    except Exception:
        return _report_bug()


def _report_bug() -> int:
    with tempfile.NamedTemporaryFile("w", prefix="mien-", suffix=".log", delete=False) as log:
        log.write(traceback.format_exc())
    message = f"mien: E_BUG: this is a fault of ours; please send {log.name}"
    say(Console(stderr=True), message, "red")
    return OUR_BUG
