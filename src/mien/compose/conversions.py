"""A take in another vocabulary: what `mien convert` and `mien.convert` are made of."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from mien.core.basis import ARKIT, BASES, FLAME, PERFECT_SYNC, Basis
from mien.core.errors import ModelError, UsageError
from mien.core.face import Capture, Expression, Take
from mien.core.looks import looking
from mien.formats.files import make_folder
from mien.formats.registry import FORMATS, Format, format_of, load, save
from mien.rig.bridge import Bridge, remembered
from mien.rig.convert import Route, route
from mien.rig.convert import convert as convert_expression
from mien.rig.maps import FACS_TABLES
from mien.rig.model import Rig
from mien.rig.shelf import rig_named, rigs_folder

FacsTableName = Literal["common", "ict"]

_SWAPS = (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"))


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How a take is put into another vocabulary."""

    facs_table: FacsTableName = "common"
    """Which public table of ARKit and FACS is followed; docs/vocabularies.md says where they disagree."""
    clip: bool = False
    """Clip weights to the vocabulary's range, and say how many were; without it they are kept as they are."""
    swap_mouth_jaw: bool = False
    """First swap left and right of jawLeft/Right and mouthLeft/Right, which some recorders write wrongly."""


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """A capture in another vocabulary, and what became of the old one.

    Args:
        capture: every take over the new basis.
        basis: which.
        routes: one for each vocabulary that the takes were in.
        outside: weights that leave the basis' nominal range and are kept.
        clipped: weights that left it and were clipped.
        bridge: to FLAME, where it was used; it knows its own error.
        format: in which it was written, which may lack columns; None where it was not.
    """

    capture: Capture
    basis: Basis
    routes: tuple[Route, ...]
    outside: int
    clipped: int
    bridge: Bridge | None
    format: Format | None = None


def installed_bridge(flame: Rig | None = None) -> Bridge:
    """The bridge to the FLAME that the user has imported, learnt once from ICT where that is installed, else from ours.

    It is kept beside the rigs.

    Args:
        flame: another FLAME than the imported one.

    Raises:
        ModelError: FLAME is not installed, a rig is damaged, or the two do not lie over each other.
        OutputError: the folder of the rigs takes no file.
    """
    flame = rig_named("flame") if flame is None else flame
    make_folder(rigs_folder())
    try:
        reference = rig_named("ict")
    except ModelError:
        reference = rig_named("compact")
    try:
        return remembered(flame, reference, rigs_folder())
    except ValueError as error:
        raise ModelError("flame", "E_MODEL", str(error), "import an unchanged FLAME model") from error


def convert(
    capture: Capture,
    basis: str,
    options: ConvertOptions = ConvertOptions(),
    bridge: Callable[[], Bridge] = installed_bridge,
) -> Converted:
    """Every take of `capture` over the basis of this name; poses, gaze, times and landmarks stay as they are.

    ARKit told from a vocabulary without looks gets them from the gaze, where that was measured.

    Args:
        capture: over any bases.
        basis: `arkit`, `facs`, `feafa`, `vrm`, `perfectsync` or `flame`.
        options: the table, and what is done to weights.
        bridge: gives the bridge to the user's FLAME, asked only where FLAME is left or reached.

    Raises:
        UsageError: E_USAGE: no such basis, or a swap of channels that the take does not have.
        ModelError: FLAME is meant and not installed.
    """
    target = basis_named(basis)
    sources = tuple(dict.fromkeys(take.state.expression.basis for take in capture.takes))
    resting = [take.identity.resting.basis for take in capture.takes if take.identity.resting is not None]
    crosses = any((source == FLAME) != (target == FLAME) for source in (*sources, *resting))
    flame = bridge() if crosses else None
    table = FACS_TABLES[options.facs_table]
    takes: list[Take] = []
    outside = clipped = 0
    for take in capture.takes:
        expression = _swapped(take.state.expression, take.source) if options.swap_mouth_jaw else take.state.expression
        spoken = convert_expression(expression, target, table, flame)
        weights = (spoken if expression.basis == target else looking(spoken, take.state.gaze)).weights
        beyond = int(((weights < target.low) | (weights > target.high))[take.valid].sum())
        if options.clip:
            weights, clipped = np.clip(weights, target.low, target.high), clipped + beyond
        else:
            outside += beyond
        identity = take.identity
        if identity.resting is not None:
            identity = replace(identity, resting=convert_expression(identity.resting, target, table, flame))
        state = replace(take.state, expression=Expression(weights, target))
        takes.append(replace(take, state=state, identity=identity))
    routes = tuple(route(source, target, table, flame) for source in sources)
    return Converted(replace(capture, takes=tuple(takes)), target, routes, outside, clipped, flame)


def basis_named(name: str) -> Basis:
    """The basis of this name. Raises `UsageError` that names all of them."""
    if name not in BASES:
        raise UsageError(name, "E_USAGE", "no vocabulary of this name", f"use {', '.join(BASES)}")
    return BASES[name]


def _swapped(expression: Expression, source: str) -> Expression:
    if expression.basis not in (ARKIT, PERFECT_SYNC):
        cause = f"--swap-mouth-jaw is for ARKit's channels, the take is over {expression.basis.name}"
        raise UsageError(source, "E_USAGE", cause, "leave it out")
    order = np.arange(len(ARKIT))
    for left, right in _SWAPS:
        order[[ARKIT.index(left), ARKIT.index(right)]] = ARKIT.index(right), ARKIT.index(left)
    return Expression(expression.weights[..., order], expression.basis)


@dataclass(frozen=True, slots=True)
class Target:
    """A file to write.

    Args:
        path: where.
        format: how.
        basis: over which vocabulary; None keeps that of the take.
    """

    path: Path
    format: Format
    basis: Basis | None


def convert_file(
    source: Path,
    outputs: Sequence[Path],
    to: str | None = None,
    format: str | None = None,
    face: int | None = None,
    overwrite: bool = False,
    options: ConvertOptions = ConvertOptions(),
    bridge: Callable[[], Bridge] = installed_bridge,
) -> list[Converted]:
    """Reads a capture in any format, and writes it to each output in the vocabulary that it is to have.

    Args:
        source: the file; never changed.
        outputs: the files to write.
        to: name of the vocabulary; without it each output gets the one that its format holds, or the take's own.
        format: name of the format of those outputs whose extension it has; the others follow their extension.
        face: number of the one face that is wanted.
        overwrite: whether existing files are replaced.
        options: as of `convert`.
        bridge: as of `convert`.

    Returns:
        What became of each output, in order.

    Raises:
        UsageError: nothing was written: a name is unknown, a format does not hold the vocabulary or that many faces,
            there is no such face, or an output is the source, another output, or exists.
        InputError: the source cannot be read.
        ModelError: FLAME is meant and not installed.
        OutputError: a result does not fit its format, or the disk refuses.
    """
    targets = _targets(source, outputs, to, format, overwrite)
    capture = load(source)
    if face is not None:
        kept = tuple(take for take in capture.takes if take.face == face)
        if not kept:
            seen = ", ".join(str(take.face) for take in capture.takes) or "none"
            raise UsageError(source, "E_USAGE", f"holds no face {face}", f"it holds {seen}")
        capture = replace(capture, takes=kept)
    for target in targets:
        if target.format.single and len(capture.takes) > 1:
            cause = f"{target.format.name} keeps one face, and {source.name} holds {len(capture.takes)}"
            raise UsageError(target.path, "E_USAGE", cause, "choose one with --face")
    results = [replace(_over(capture, target.basis, options, bridge), format=target.format) for target in targets]
    for target, result in zip(targets, results, strict=True):
        make_folder(target.path.parent)
        save(result.capture, target.path, overwrite, target.format.name)
    return results


def _over(capture: Capture, basis: Basis | None, options: ConvertOptions, bridge: Callable[[], Bridge]) -> Converted:
    bases = list(dict.fromkeys(take.state.expression.basis for take in capture.takes))
    if basis is None and len(bases) > 1:
        names = ", ".join(each.name for each in bases)
        raise UsageError(capture.source, "E_USAGE", f"its faces are over {names}", "say which with --to")
    return convert(capture, (basis or (bases or [ARKIT])[0]).name, options, bridge)


def _targets(
    source: Path, outputs: Sequence[Path], to: str | None, format: str | None, overwrite: bool
) -> list[Target]:
    """Every output with its format and vocabulary; refuses what could not be written before anything is read."""
    if not outputs:
        raise UsageError(source, "E_USAGE", "no output is named", "add -o FILE")
    if format is not None and format not in FORMATS:
        raise UsageError(format, "E_USAGE", "no format of this name", f"use {', '.join(FORMATS)}")
    wanted = None if to is None else basis_named(to)
    taken = {os.path.realpath(source): "is the source, which is never overwritten"}
    targets = []
    for path in outputs:
        place = os.path.realpath(path)
        if place in taken:
            raise UsageError(path, "E_USAGE", taken[place], "name another file")
        taken[place] = "is named twice"
        if not overwrite and path.is_file():
            raise UsageError(path, "E_EXISTS", "the file exists already", "--overwrite replaces it")
        chosen = _format(path, format)
        basis = wanted if wanted is not None or chosen.basis is None else BASES[chosen.basis]
        if chosen.basis is not None and basis is not None and basis.name != chosen.basis:
            cause = f"{chosen.name} holds {chosen.basis}, not {basis.name}"
            raise UsageError(path, "E_USAGE", cause, f"leave out --to, or choose --to {chosen.basis}")
        targets.append(Target(path, chosen, basis))
    if format is not None and all(target.format.name != format for target in targets):
        cause = f"no output is a {format}"
        raise UsageError(outputs[0], "E_USAGE", cause, f"name a file {' or '.join(FORMATS[format].extensions)}")
    return targets


def _format(path: Path, name: str | None) -> Format:
    """The format of this name where the extension is one of its own, else the first of the extension."""
    fits = name is not None and path.suffix.lower() in FORMATS[name].extensions
    return format_of(path, name if fits else None)
