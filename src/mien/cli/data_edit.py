"""`mien data edit`: photos with a movement that their teacher does not read, as a pack to train on."""

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from mien.cli.data import check_drawn
from mien.cli.terminal import bars, say
from mien.core.errors import NothingMatched, UsageError, printable
from mien.formats.files import check_replaceable, replacing

_VALIDATION = 16
"""One face for validation for so many that are trained on."""


def edit_pack(
    data: Path,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    count: int = 8_000,
    seed: int = 1,
    overwrite: bool = False,
) -> int:
    """Edit photos along channels that a teacher leaves dead, as a faces pack to train `lgml` on.

    Each photo is used once at most; whose teacher sees such a channel move already is left out.

    Args:
        data: Folder with the packs (faces-*.npz) of photos.
        output: Pack to write, faces-edited.npz beside the others say.
        count: Faces for training; one for validation is made for each 16, of the photos for validation.
        seed: Where every random number comes from.
        overwrite: Replace the file if it exists.
    """
    from mien.compose.edited_faces import TOLD, edited_faces
    from mien.data.pack_writer import PackWriter
    from mien.data.packs import read_photos
    from mien.pipelines.edit import Editor

    if output.suffix != ".npz":
        raise UsageError("--output", "E_USAGE", f"{printable(output)} is no name of a pack", "end it in .npz")
    check_drawn(count, seed)
    check_replaceable(output, overwrite)
    packs, _ = read_photos(data)
    editor, writer = Editor(), PackWriter(packs[0].mirror, TOLD, edited=True)
    wanted = {"train": count, "val": max(count // _VALIDATION, 1)}
    made = dict.fromkeys(wanted, 0)
    err = Console(stderr=True)
    with replacing(output, overwrite) as temporary, bars(err) as progress:
        bar = progress.add_task("faces", total=sum(wanted.values()))
        for number, (split, faces) in enumerate(wanted.items()):
            for face in edited_faces(packs, split, faces, editor, seed + 1_000_000 * number):
                writer.add(face)
                made[split] += 1
                progress.advance(bar)
        if not made["train"]:
            cause = "no photo to train on shows a face that can be edited"
            raise NothingMatched(data, "E_NOTHING", cause, "add packs of faces that look into the camera")
        writer.write(temporary)
    say(err, f"{made['train']} faces to train on, {made['val']} to validate; wrote {printable(output)}")
    return 0
