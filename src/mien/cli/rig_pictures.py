"""`mien rigs show` and `mien rigs sheet`: what the channels of a rig do, as pictures."""

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from mien.cli.terminal import bars, say
from mien.compose.animations import GENERATED
from mien.compose.rig_pictures import channel_picture, sheet_picture
from mien.core.arrays import Array
from mien.core.errors import printable
from mien.formats.files import make_folder
from mien.formats.images import check_picture, write_image
from mien.rig.shelf import rig_named

RigName = Annotated[str, tyro.conf.arg(metavar="NAME|PATH")]
Picture = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="PICTURE")]


def show_channel(
    channel: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="CHANNEL")]],
    output: Picture,
    rig: RigName = "compact",
    weight: float = 1.0,
    overwrite: bool = False,
) -> int:
    """Pictures one channel of a rig: at rest, driven, and how far each place of the face moves.

    Example: mien rigs show jawOpen --rig ict -o jaw.png

    Args:
        channel: As the rig's vocabulary names it; `mouthSmile` stands for its Left and Right.
        output: Write the picture (.png, .jpg, .webp).
        rig: A name that `mien rigs` lists, or the path of a rig.
        weight: What the channel is driven to.
        overwrite: Replace a picture that exists.
    """
    check_picture(output, overwrite)
    chosen = rig_named(rig)
    _write(channel_picture(chosen, channel, weight), output, overwrite, f"{chosen.name} rig, {channel} {weight:g}")
    return 0


def show_sheet(output: Picture, rig: RigName = "compact", overwrite: bool = False) -> int:
    """Pictures every channel of a rig at 1, on one sheet.

    Args:
        output: Write the picture (.png, .jpg, .webp).
        rig: A name that `mien rigs` lists, or the path of a rig.
        overwrite: Replace a picture that exists.
    """
    check_picture(output, overwrite)
    chosen = rig_named(rig)
    err = Console(stderr=True)
    with bars(err) as progress:
        bar = progress.add_task("channels", total=None)
        sheet = sheet_picture(chosen, lambda done, total: progress.update(bar, completed=done, total=total))
    _write(sheet, output, overwrite, f"{chosen.name} rig, every channel at 1")
    return 0


def _write(picture: Array, output: Path, overwrite: bool, about: str) -> None:
    make_folder(output.parent)
    write_image(picture, output, overwrite, f"{GENERATED}: {about}")
    say(Console(stderr=True), f"wrote {printable(output)}")
