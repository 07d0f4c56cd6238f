"""`mien rigs vrm`: what a rig's channels are called in a VRM avatar."""

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from mien.cli.terminal import say
from mien.core.basis import ARKIT
from mien.core.errors import UsageError, printable
from mien.formats.files import make_folder
from mien.formats.vrm import bind_expressions, write_vrm_expressions
from mien.rig.maps import vrm_recipes
from mien.rig.shelf import rig_named


def write_vrm(
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")],
    rig: Annotated[str, tyro.conf.arg(metavar="NAME|PATH")] = "compact",
    node: int = 0,
    overwrite: bool = False,
) -> int:
    """Writes VRM 1.0's expressions for a rig: presets by our recipes, and the 52 of Perfect Sync.

    They bind the morph targets of the GLB that `mien animate` writes, for whoever makes an avatar of it.

    Example: mien rigs vrm -o expressions.json

    Args:
        output: Write the JSON (.json) with glTF's extension VRMC_vrm.
        rig: A name that `mien rigs` lists, or the path of a rig.
        node: Number of the avatar's node that holds the mesh.
        overwrite: Replace a file that exists.
    """
    if output.suffix.lower() != ".json":
        raise UsageError(output, "E_USAGE", "VRM expressions are JSON", "name a file that ends in .json")
    if node < 0:
        raise UsageError("--node", "E_USAGE", f"{node} is no number of a node", "glTF counts nodes from 0")
    chosen = rig_named(rig)
    if chosen.basis != ARKIT:
        cause = f"the {chosen.name} rig has no ARKit channels, of which presets are made"
        raise UsageError("--rig", "E_USAGE", cause, "use compact or ict")
    make_folder(output.parent)
    expressions = bind_expressions(chosen.rest().morph_names, vrm_recipes(), node)
    write_vrm_expressions(expressions, output, overwrite)
    counted = f"{len(expressions.preset)} presets, {len(expressions.custom)} custom expressions"
    line = f"{chosen.name} rig, {counted}; wrote {printable(output)}"
    say(Console(stderr=True), line)
    return 0
