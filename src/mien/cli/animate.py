"""`mien animate`: a take drives a 3D face, as a GLB, a video, or numbered pictures or surfaces."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from mien.cli.terminal import bars, say
from mien.compose.animations import FrameKind, check_target, face_of
from mien.compose.animations import animate as write_animation
from mien.compose.conversions import installed_bridge
from mien.core.basis import FLAME
from mien.core.errors import printable
from mien.core.face import Take
from mien.formats.images import read_image
from mien.formats.registry import load
from mien.pipelines.animate import AnimateOptions
from mien.rig.bridge import Bridge
from mien.rig.model import Rig
from mien.rig.shelf import rig_named


@dataclass(frozen=True)
class Performer:
    """Who plays what, and where it goes."""

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE|FOLDER")]
    """Write a 3D face with its animation (.glb), a video (.mp4), or numbered pictures into a folder (a name without
    ending)."""
    rig: Annotated[str, tyro.conf.arg(metavar="NAME|PATH")] = "compact"
    """The face: a name that `mien rigs` lists, or the path of a rig."""
    face: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Which face of the take, where it holds several."""
    frames: Annotated[FrameKind | None, tyro.conf.arg(metavar="png|obj")] = None
    """What a folder gets: png pictures (when not given), or obj surfaces, one file for each frame."""
    texture: Annotated[Path | None, tyro.conf.arg(metavar="PICTURE")] = None
    """A picture that is laid on the face by the rig's texture coordinates."""
    overwrite: bool = False
    """Replace results that exist."""


def animate(
    take: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="TAKE")]],
    performer: tyro.conf.OmitArgPrefixes[Performer],
    view: tyro.conf.OmitArgPrefixes[AnimateOptions],
) -> int:
    """Drive a 3D face with a take.

    Example: mien animate take.json --rig ict -o face.mp4

    Args:
        take: What `mien capture` or another program wrote: .json, .npz, or a table such as Live Link Face's .csv.
    """
    check_target(performer.output, performer.frames)
    chosen = face_of(load(take), performer.face, take)
    rig = rig_named(performer.rig)
    texture = None if performer.texture is None else read_image(performer.texture).pixels
    err = Console(stderr=True)
    with bars(err) as progress:
        bar = progress.add_task(printable(performer.output.name), total=None)
        done = write_animation(
            chosen,
            rig,
            performer.output,
            view,
            frames=performer.frames,
            texture=texture,
            bridge=_bridge(rig, chosen),
            overwrite=performer.overwrite,
            watch=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    counted = f"{done.moments} frame{'s' if done.moments != 1 else ''}, {done.seconds:.1f} s"
    line = f"{rig.name} rig, {counted}; wrote {printable(performer.output)}"
    say(err, line)
    return 0


def _bridge(rig: Rig, take: Take) -> Bridge | None:
    """What joins ARKit and the user's FLAME, where either side speaks FLAME."""
    if FLAME not in (rig.basis, take.state.expression.basis):
        return None
    return installed_bridge(rig if rig.basis == FLAME else None)
