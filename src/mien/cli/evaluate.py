"""`mien evaluate`: what trained networks are worth on faces that they never learned from."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from mien.cli.terminal import say
from mien.core.basis import ARKIT
from mien.core.errors import UsageError
from mien.formats.files import check_replaceable, replacing
from mien.formats.images import check_picture, write_image
from mien.train.feature_picture import clouds, feature_picture
from mien.train.figures import Figures, Group, mean_measured


def evaluate_expression(
    data: Path,
    trained: Annotated[Path, tyro.conf.arg(metavar="FOLDER")],
    before: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None,
    channel: str | None = None,
    picture: Annotated[Path | None, tyro.conf.arg(metavar="PICTURE")] = None,
    table: Annotated[Path | None, tyro.conf.arg(name="csv", metavar="TABLE")] = None,
    limit: int | None = None,
    overwrite: bool = False,
) -> int:
    """Measure a trained expression network on the validation faces of packs.

    Needs the `train` extra: pip install "mien[train]". docs/evaluation.md explains each figure.

    Args:
        data: Folder with the packs (faces-*.npz).
        trained: Folder with lgml.pt, as `mien train lgml -o FOLDER` leaves it, and landmarks.pt and refiner.pt if it
            did not learn with the package's own.
        before: Such a folder whose features the picture shows first: of less, or of another training.
        channel: Channel whose local features the picture shows, too.
        picture: Write a picture of the feature space (.png, .jpg, .webp).
        table: Write every figure of every channel as a table (CSV).
        limit: At most so many validation faces of each pack, spread over it.
        overwrite: Replace files that exist.
    """
    _check(before, channel, picture, table, limit, overwrite)
    try:
        from mien.train.evaluation import evaluate, read_groups
    except ModuleNotFoundError as error:
        cause = f"evaluating needs {error.name}, which is not installed"
        raise UsageError("mien evaluate expression", "E_USAGE", cause, 'pip install "mien[train]"') from error
    console, err = Console(), Console(stderr=True)
    found = evaluate(data, trained, limit, progress=err.is_terminal)
    earlier = () if before is None else read_groups(data, before, limit, progress=err.is_terminal)
    if table is not None:
        _write_table(found.figures, table, overwrite)
        say(err, f"wrote {table}")
    if picture is not None:
        _write_picture(earlier, found.groups, channel, picture, overwrite)
        say(err, f"wrote {picture}")
    for figures in found.figures:
        console.print(_channels(figures))
        console.print(_summary(figures))
    return 0


def _check(
    before: Path | None,
    channel: str | None,
    picture: Path | None,
    table: Path | None,
    limit: int | None,
    overwrite: bool,
) -> None:
    """Whatever can be refused before minutes of work."""
    if limit is not None and limit < 1:
        raise UsageError("--limit", "E_USAGE", f"{limit} faces cannot be measured", "name 1 or more")
    if channel is not None and (channel not in ARKIT.columns or channel == "tongueOut"):
        raise UsageError(
            "--channel", "E_USAGE", f"{channel} is none that the network reads", "name one of ARKit's, jawOpen say"
        )
    if picture is None and (before is not None or channel is not None):
        flag = "--before" if before is not None else "--channel"
        raise UsageError(flag, "E_USAGE", "is for the picture alone", "name one with --picture")
    if picture is not None:
        check_picture(picture, overwrite)
    if table is not None:
        check_replaceable(table, overwrite)


def _channels(figures: Figures) -> Table:
    """A line for each channel that was measured, and one for their means."""
    names = [name for name, _ in figures.columns]
    title = Text(f"{figures.group}, {figures.faces} face" + "s" * (figures.faces != 1))
    heads = [Column(name, justify="right", no_wrap=True) for name in names]
    # 80 columns take all of it.
    table = Table(Column("channel", no_wrap=True), *heads, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.title, table.title_justify = title, "left"
    for k, channel in enumerate(ARKIT.columns):
        values = [float(column[k]) for _, column in figures.columns]
        if not all(map(math.isnan, values)):
            table.add_row(channel, *map(_shown, values))
    table.add_section()
    table.add_row("mean", *(_shown(mean_measured(column)) for _, column in figures.columns))
    return table


def _summary(figures: Figures) -> Table:
    table = Table(Column("figure"), Column("value", justify="right", no_wrap=True), box=SIMPLE_HEAD, pad_edge=False)
    for row in figures.rows:
        table.add_row(row.what, _shown(row.value))
    return table


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _write_table(figures: Sequence[Figures], file: Path, overwrite: bool) -> None:
    """A line for each group and channel, `mean` and `global feature` among them; empty where nothing was measured."""
    with (
        replacing(file, overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        lines = csv.writer(stream)
        lines.writerow(["group", "faces", "channel", *(name for name, _ in figures[0].columns)])
        for found in figures:
            start = [found.group, found.faces]
            for k, channel in enumerate(ARKIT.columns):
                lines.writerow([*start, channel, *(_cell(float(column[k])) for _, column in found.columns)])
            lines.writerow([*start, "mean", *(_cell(mean_measured(column)) for _, column in found.columns)])
            whole = (_cell(found.whole) if name == "apart" else "" for name, _ in found.columns)
            lines.writerow([*start, "global feature", *whole])


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _write_picture(
    earlier: Sequence[Group], groups: Sequence[Group], channel: str | None, file: Path, overwrite: bool
) -> None:
    """Groups, and their channel, from top to bottom; before and after from left to right."""
    after = [cloud for group in groups for cloud in clouds(group, "after" if earlier else "trained", channel)]
    first = [cloud for group in earlier for cloud in clouds(group, "before", channel)]
    rows = list(zip(first, after, strict=True)) if earlier else [(cloud,) for cloud in after]
    write_image(feature_picture(rows), file, overwrite, "features of validation faces on their principal plane")
