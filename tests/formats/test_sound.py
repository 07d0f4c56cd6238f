from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from made_signed import grain

from mien.formats.sound import Sound
from mien.formats.video import VideoReader

FORMATS = {"mp4": ("libx264", "aac"), "matroska": ("libx264", "flac")}


def spoken(kind: str) -> bytes:
    """Two frames of a video, with sound."""
    file = BytesIO()
    with av.open(file, "w", format=kind) as container:
        video, heard = FORMATS[kind]
        picture = container.add_stream(video, rate=25)
        assert isinstance(picture, av.VideoStream)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        sound = container.add_stream(heard, rate=44_100)
        assert isinstance(sound, av.AudioStream)
        for _ in range(2):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(grain(32, 32), "rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), format="s16", layout="mono")
        frame.sample_rate = 44_100
        container.mux(sound.encode(frame))
        container.mux([*picture.encode(None), *sound.encode(None)])
    return file.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_what_an_mp4_holds_is_carried(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(spoken(kind))
    with Sound(path) as sound:
        assert (sound.codec, sound.carried) == (FORMATS[kind][1], True)


def test_a_format_that_nobody_knows_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(spoken("matroska").replace(b"A_FLAC", b"A_NONE"))
    with Sound(path) as sound:
        assert (sound.codec, sound.carried) == ("an unknown format", False)
    with VideoReader(path) as video:
        assert len(list(video)) == 2
