"""Single sliders on photos, read by mien itself: of which channels `mien edit` can say what was reached.

The reader learned from whole expressions: of many channels that an edit moves alone it says nothing, whatever is seen.
"""

from pathlib import Path

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track
from sliders import FREE, faces
from teacher import Teacher

from mien.compose.edit_report import is_hardly_read
from mien.core.basis import ARKIT, action_name
from mien.core.errors import InputError
from mien.core.image import Frame
from mien.core.report import Report, Row
from mien.data.packs import read_photos
from mien.pipelines.capture import CaptureOptions, Capturer, FaceChoice
from mien.pipelines.edit import Editor
from mien.rig.compact import MOVED
from mien.rig.wishes import Change, Wish

PEOPLE, DOSE = 21, 0.6


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Edit calm validation faces, one channel at a time, and read them again.

    Args:
        data: Folder with the packs and MediaPipe's model.
        limit: So many faces; 21 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    chosen = faces(read_photos(data)[0], "val", limit or PEOPLE, Teacher(data))
    editor, capturer = Editor(), Capturer(CaptureOptions(face=FaceChoice(largest=True)))
    rows = []
    for action in track([each for each in ARKIT.actions if set(each) <= set(MOVED)], "sliders"):
        places, got = ARKIT.indices(action), []
        wish = Wish(tuple(Change(column, "+=", DOSE) for column in action))
        for face in chosen:
            now = face.reading.state.expression.weights
            if now[places].max() > FREE:
                continue
            try:
                edited = editor.edit(face.frame, face.reading, wish.of(now))
            except InputError:
                continue
            _, seen = next(iter(capturer.stream([Frame(edited.pixels)])))
            if seen:
                got.append(float((seen[0].state.expression.weights - now)[places].mean() / DOSE))
        said = ", said to be hardly read" if is_hardly_read(action[0]) else ""
        rows.append(Row(f"{action_name(action)}, {len(got)} faces{said}", float(np.mean(got)), "of asked"))
    publish(Report("Read back", command(data, limit), tuple(rows), ()), ledger)


if __name__ == "__main__":
    tyro.cli(main)
