import sys
from pathlib import Path

import numpy as np
import pytest
from made_digests import made_digest, made_photo
from PIL import Image

from mien.core.arrays import Array
from mien.core.errors import OutputError, UsageError
from mien.digest.engine import check_charts
from mien.digest.gather import Digester
from mien.digest.ink import BLINK, GAP, LEFT, RIGHT
from mien.digest.record import SourceDigest
from mien.digest.summary import write_summary


def drawn(digest: SourceDigest, path: Path) -> Array:
    write_summary(digest, path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), np.int16)


def near(pixels: Array, colour: str, by: int = 12) -> Array:
    """[H, W] where a picture has a colour."""
    wanted = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
    return np.asarray(np.abs(pixels - wanted).max(2) <= by)


def test_a_video_is_drawn_over_time_with_its_gaps_and_blinks(tmp_path: Path) -> None:
    pixels = drawn(made_digest(frames=300, unseen=range(150, 225)), tmp_path / "s.png")
    assert pixels.shape[1] == 1400
    assert near(pixels, LEFT).sum() > 500
    assert near(pixels, RIGHT).sum() > 500
    assert near(pixels, BLINK, 40).sum() > 100
    columns = np.flatnonzero(near(pixels, GAP, 2).sum(0) > 60)
    # The curves lie between 2.35 and 12.35 inches; the third quarter of the time is shaded.
    assert columns.min() == pytest.approx(235 + 1000 * 0.5, abs=4)
    assert columns.max() == pytest.approx(235 + 1000 * 0.75, abs=4)


def test_every_face_has_its_panel_up_to_six(tmp_path: Path) -> None:
    heights = [drawn(made_photo(faces=n), tmp_path / f"{n}.png").shape[0] for n in (1, 2, 6, 9)]
    assert heights[0] < heights[1] < heights[2] == heights[3]
    heights = [drawn(made_digest(frames=10, faces=n), tmp_path / f"clip-{n}.png").shape[0] for n in (1, 2)]
    assert heights[0] < heights[1]


def test_a_photo_is_drawn_as_bars(tmp_path: Path) -> None:
    pixels = drawn(made_photo(faces=2), tmp_path / "p.png")
    left, right = (near(pixels, colour, 2) for colour in (LEFT, RIGHT))
    longest = [max(int(row.sum()) for row in side) for side in (left, right)]
    # The bars are 6.65 inches long at a weight of 1.
    assert longest[0] == pytest.approx(0.8 * 665, abs=12)
    assert longest[1] == pytest.approx(0.6 * 665, abs=12)


def test_nobody_and_nothing_are_drawn_too(tmp_path: Path) -> None:
    assert drawn(made_digest(faces=0, frames=10), tmp_path / "a.png").min() < 100
    assert drawn(Digester("empty.mp4", 0, True, 25.0).digest(), tmp_path / "b.png").min() < 100
    assert drawn(made_digest(frames=1), tmp_path / "c.png").min() < 100


@pytest.mark.parametrize(
    "name", ["$x_2$.mp4", "<script>.mp4", "\u8868\u60c5 😀.mp4", "a\nb\x07.mp4", "\udcff.mp4", "x" * 300]
)
def test_any_name_is_drawn(tmp_path: Path, name: str) -> None:
    assert drawn(made_digest(name, 5), tmp_path / "s.png").shape[1] == 1400


def test_the_same_is_drawn_alike(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_summary(made_digest(frames=40), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_picture_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "s.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="E_EXISTS"):
        write_summary(made_photo(), tmp_path / "s.png")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_what_is_missing_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r's.png: E_USAGE: .* \(pip install "mien\[report\]"\)'):
        check_charts("s.png")
