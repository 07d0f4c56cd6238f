"""What is said of a video of which a part could be read."""

from mien.compose.damage import damage, partly_read
from mien.compose.sources import Source


def test_frames_are_counted_in_words() -> None:
    assert partly_read(48, 2, 0) == "48 of 50 frames could be read"
    assert partly_read(50, 0, 38) == "50 of 50 frames could be read, 38 of them damaged"


def test_what_is_no_video_loses_nothing() -> None:
    assert damage(Source("a.png", iter(())), 1) == (0, 0)
