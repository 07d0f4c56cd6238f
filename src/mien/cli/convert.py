"""`mien convert`: a take in another vocabulary, in the file format of another program."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from rich.console import Console

from mien.cli.terminal import say
from mien.compose.conversions import Converted, ConvertOptions, convert_file
from mien.compose.naming import named
from mien.core.basis import ARKIT
from mien.core.errors import InputError, UsageError, printable
from mien.rig.bridge import Bridge

Vocabulary = Literal["arkit", "facs", "feafa", "vrm", "perfectsync", "flame"]
FormatName = Literal["take", "table", "livelink", "livelink-enum", "openface", "fex", "parquet"]

_NAMED = 12
"""Channels that a line names; of more it gives the number."""

_WELL = 0.5
"""Share of a channel's motion that FLAME must follow not to be named among what it hardly knows."""


@dataclass(frozen=True)
class ConvertOutput:
    """Where the result goes, and in which words."""

    output: Annotated[tyro.conf.UseAppendAction[tuple[Path, ...]], tyro.conf.arg(aliases=["-o"], metavar="FILE")] = ()
    """File to write: .json or .npz (a take), .csv (a table), .parquet. May be given several times. Several takes need a
    name with {name} in it: it stands for each take's name."""
    to: Vocabulary | None = None
    """Vocabulary of the result. Without it, the one that the format holds (openface and fex: facs; livelink: arkit),
    or the take's own."""
    format: FormatName | None = None
    """Format of the result where its extension does not say it: what a .csv is."""
    face: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Number of the one face to convert; 0 is the first."""
    overwrite: bool = False
    """Replace files that exist."""


def convert(
    takes: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="TAKE ...", help_behavior_hint="")]],
    output: tyro.conf.OmitArgPrefixes[ConvertOutput],
    conversion: tyro.conf.OmitArgPrefixes[ConvertOptions],
) -> int:
    """Put a take into another vocabulary (ARKit, FACS, FEAFA, VRM, Perfect Sync, FLAME) or another program's format.

    Example: mien convert take.npz -o units.csv --format openface

    Args:
        takes: What mien captured, or files of Live Link Face, OpenFace or py-feat.
    """
    err, said, failed = Console(stderr=True), set[str](), 0
    if not takes:
        raise UsageError("mien convert", "E_USAGE", "no take was named", "name what `mien capture -o` wrote")
    for path in output.output:
        if len(takes) > 1 and "{name}" not in str(path):
            example = path.with_name(f"{{name}}{path.suffix}")
            raise UsageError(path, "E_USAGE", f"{len(takes)} takes cannot share this file", f"write {example}")
    for take in takes:
        targets = [named(path, take) for path in output.output]
        try:
            results = convert_file(take, targets, output.to, output.format, output.face, output.overwrite, conversion)
        except InputError as error:  # costs itself alone
            say(err, str(error), "red")
            failed += 1
            continue
        for line in (line for result in results for line in _told(result)):
            if line not in said:
                say(err, line)
            said.add(line)
        written = ", ".join(printable(path) for path in targets)
        say(err, f"{_counted(results[0])}; wrote {written}")
    return 1 if failed else 0


def _counted(result: Converted) -> str:
    """How much there was: moments, whatever numbers their frames have."""
    takes = result.capture.takes
    faces, moments = len(takes), max((len(take) for take in takes), default=0)
    return f"{faces} face{'' if faces == 1 else 's'}, {moments} frame{'' if moments == 1 else 's'}"


def _told(result: Converted) -> list[str]:
    """What became of the old words: what is lost or mixed, what lay outside the range, how well FLAME follows."""
    lines = []
    for route in result.routes:
        way = f"{route.source.name} to {route.target.name}"
        if route.lost:
            lines.append(f"{way}: lost: {', '.join(route.lost)}")
        if len(route.shared) > _NAMED:
            lines.append(f"{way}: {len(route.shared)} channels are mixed with others (docs/vocabularies.md)")
        elif route.shared:
            lines.append(f"{way}: mixed with others: {', '.join(route.shared)}")
    nominal = f"{result.basis.low:g} to {result.basis.high:g}"
    if result.clipped:
        lines.append(f"{result.clipped} weights of {result.basis.name} lay outside {nominal} and were clipped")
    if result.outside:
        lines.append(f"{result.outside} weights of {result.basis.name} lie outside {nominal} and are kept")
    if result.format is not None and result.format.lacks:
        kept = "; of both sides the stronger is written"
        lines.append(f"{result.format.name} has no column for: {', '.join(result.format.lacks)}{kept}")
    if result.bridge is not None:
        lines.append(_error(result.bridge))
    return lines


def _error(bridge: Bridge) -> str:
    known = bridge.motion > 0
    left, moved = bridge.residual[known], bridge.motion[known]
    badly = [ARKIT.columns[k] for k in np.flatnonzero(known & (bridge.explained < _WELL))]
    line = f"flame follows {known.sum()} channels; {left.mean():.2f} of {moved.mean():.2f} mm are left of their motion"
    return f"{line}; hardly followed: {', '.join(badly)}" if badly else line
