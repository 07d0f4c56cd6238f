import os
import random
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_failing import failing_disk
from made_films import CORNERS, FRAMES, corners, film, index_first, photo, quarters, slides
from made_hostile import sound
from portraits import clip_frames

from mien.core.errors import InputError, OutputError, UsageError
from mien.formats.video import VideoReader, VideoWriter


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    def save(data: bytes) -> Path:
        path = tmp_path / "a.mp4"
        path.write_bytes(data)
        return path

    return save


def refusal(path: Path | str) -> InputError:
    with pytest.raises(InputError) as caught, VideoReader(path) as video:
        for _ in video:
            pass
    return caught.value


def test_colours_are_rounded_where_they_are_to_be_exact(tmp_path: Path) -> None:
    """What FFmpeg makes of brightness and differences otherwise is a level too dark (ITU-R BT.601)."""
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        planes = np.concatenate(
            [np.full((size, 64), level, np.uint8) for size, level in ((48, 126), (12, 117), (12, 143))]
        )
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))
        container.mux(stream.encode(None))
    levels = []
    for exact in (False, True):
        with VideoReader(tmp_path / "a.mp4", exact=exact) as video:
            levels.append(np.mean([frame.pixels.mean((0, 1)) for frame in video], 0))
    grey, blue, red = (126 - 16) * 255 / 219, (117 - 128) * 255 / 224, (143 - 128) * 255 / 224
    true = np.array([grey + 1.402 * red, grey - 0.344 * blue - 0.714 * red, grey + 1.772 * blue])
    np.testing.assert_allclose(levels[1], true, atol=0.6)
    assert (levels[0] - true).mean() < -0.5


LONG = 400


@cache
def long_film(kind: str) -> bytes:
    """A video of 400 frames, too large to be read at once."""
    file, noise = BytesIO(), np.random.default_rng(0)
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream("mjpeg", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for _ in range(LONG):
            pixels = noise.integers(0, 256, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def read(path: Path) -> tuple[VideoReader, list[float]]:
    """The reader after the last frame, and the times of the frames; checks what holds for every video."""
    with VideoReader(path) as video:
        times = []
        for number, frame in enumerate(video):
            assert (frame.index, frame.width, frame.height) == (number, video.width, video.height)
            times.append(frame.time)
    assert video.decoded == len(times)
    assert times == sorted(times)
    assert times[0] == 0
    return video, times


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("mp4", "libx264"), ("matroska", "libx264"), ("avi", "mpeg4"), ("avi", "libx264"), ("webm", "libvpx")],
)
def test_reads_by_content_whatever_the_name(saved: Callable[[bytes], Path], kind: str, codec: str) -> None:
    video, times = read(saved(film(kind, codec)))
    assert (video.width, video.height, video.frame_rate) == (64, 48, 25.0)
    assert (video.decoded, video.damaged, video.concealed) == (FRAMES, 0, 0)
    assert video.frame_count in (FRAMES, None)
    assert times == pytest.approx(np.arange(FRAMES) / 25, abs=1e-3)


def test_fragments(saved: Callable[[bytes], Path]) -> None:
    video, _ = read(saved(film(early=True)))
    assert (video.decoded, video.damaged) == (FRAMES, 0)


@pytest.mark.parametrize("name", [b"bad\xff\xfe%d name.mp4", b"-a\n%03d.mp4", b"concat:a|b.mp4"])
def test_names_of_any_bytes(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(film())
    assert read(path)[0].decoded == FRAMES


@pytest.mark.parametrize(
    ("rotation", "mirrored", "seen"),
    [
        (0, False, [0, 1, 2, 3]),
        (90, False, [1, 3, 0, 2]),
        (180, False, [3, 2, 1, 0]),
        (-90, False, [2, 0, 3, 1]),
        (0, True, [1, 0, 3, 2]),
    ],
)
def test_the_display_matrix_is_applied_once(
    saved: Callable[[bytes], Path], rotation: int, mirrored: bool, seen: list[int]
) -> None:
    with VideoReader(saved(film(rotation=rotation, mirrored=mirrored))) as video:
        frame = next(iter(video))
    assert corners(frame.pixels) == seen
    assert (video.width, video.height) == ((48, 64) if rotation in (90, -90) else (64, 48))
    assert frame.pixels.flags.c_contiguous


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 40, 100, 400], [0, 0.04, 0.1, 0.4]),
        ([5000, 5040, 5100], [0, 0.04, 0.1]),
        ([-80, -40, 0, 40], [0, 0.04, 0.08, 0.12]),
        ([0, 40, 40, 80], [0, 0.04, 0.04, 0.08]),
    ],
)
def test_times_are_those_of_the_source(saved: Callable[[bytes], Path], stamps: list[int], times: list[float]) -> None:
    assert read(saved(slides([photo()] * len(stamps), stamps)))[1] == pytest.approx(times, abs=1e-9)


def test_missing_stamps_follow_the_frame_rate(saved: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = iter([None, 40, None, None, 50, 400])
    with VideoReader(saved(slides([photo()] * 6, [0, 40, 80, 120, 160, 200]))) as video:
        read_clock = video._clock.read
        monkeypatch.setattr(video._clock, "read", lambda _: read_clock(next(kept)))
        times = [frame.time for frame in video]
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.12, 0.4])


@pytest.mark.parametrize("kind", ["matroska", "mov"])
def test_timecode(saved: Callable[[bytes], Path], kind: str) -> None:
    file = BytesIO()
    with av.open(file, "w", format=kind) as container:
        container.metadata["timecode"] = "10:00:00:00"
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(quarters(), "rgb24")))
        container.mux(stream.encode(None))
    with VideoReader(saved(file.getvalue())) as video:
        assert video.start_timecode == "10:00:00:00"
    with VideoReader(saved(film())) as video:
        assert video.start_timecode is None


def test_it_is_a_stream(saved: Callable[[bytes], Path]) -> None:
    with VideoReader(saved(film())) as video:
        first = next(iter(video))
        rest = list(video)
    assert first.index == 0
    assert [frame.index for frame in rest] == list(range(1, FRAMES))
    assert list(video) == []


# --- damage -----------------------------------------------------------------------------------------------------------


def test_flipped_bits(saved: Callable[[bytes], Path]) -> None:
    data, chance = bytearray(film()), random.Random(3)
    start, end = data.index(b"mdat") + 900, data.index(b"moov") - 4
    for _ in range(300):
        data[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
    video, _ = read(saved(bytes(data)))
    assert video.decoded + video.damaged == FRAMES
    assert video.decoded > FRAMES // 2
    assert video.concealed > 0


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "libx264"), ("matroska", "libx264"), ("avi", "mpeg4")])
def test_cut_after_its_index(saved: Callable[[bytes], Path], kind: str, codec: str) -> None:
    data = index_first(film()) if kind == "mp4" else film(kind, codec)
    video, times = read(saved(data[: len(data) * 7 // 10]))
    assert 5 < video.decoded < FRAMES
    assert video.decoded + video.damaged == pytest.approx(FRAMES, abs=1)
    grid = np.array(times) * 25
    assert np.abs(grid - grid.round()).max() < 0.03


def test_cut_before_its_index(saved: Callable[[bytes], Path]) -> None:
    error = refusal(saved(film()[: len(film()) // 2]))
    assert (error.code, error.cause) == ("E_TRUNC", "video index missing (recording interrupted?)")


def test_zeroed_samples(saved: Callable[[bytes], Path]) -> None:
    data = film()
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    error = refusal(saved(data[:start] + bytes(end - start) + data[end:]))
    assert (error.code, error.cause) == ("E_CORRUPT", f"0 of {FRAMES} frames decodable")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["mp4", "matroska", "avi"]),
    place=st.floats(0, 1, exclude_max=True),
    put=st.binary(max_size=40),
    keep=st.floats(0, 1),
)
def test_nothing_but_a_refusal(tmp_path: Path, kind: str, place: float, put: bytes, keep: float) -> None:
    data = film(kind, "mpeg4")
    start = int(place * len(data))
    path = tmp_path / "a.mp4"
    path.write_bytes((data[:start] + put + data[start + len(put) :])[: int((1 - keep**4) * len(data))])
    with suppress(InputError), VideoReader(path, max_pixels=1_000_000) as video:
        assert sum(1 for _ in video) == video.decoded <= FRAMES


@pytest.mark.skipif(sys.platform != "linux", reason="knows a file by its descriptor in /proc")
@pytest.mark.parametrize(("kind", "begins"), [("mp4", True), ("matroska", True), ("avi", False)])
def test_a_disk_that_fails_midway(tmp_path: Path, kind: str, begins: bool, capfd: pytest.CaptureFixture[str]) -> None:
    path, count = tmp_path / "failing", 0
    path.write_bytes(index_first(long_film(kind)) if kind == "mp4" else long_film(kind))

    def read_on() -> None:
        nonlocal count
        with VideoReader(path) as video:
            for _ in video:
                count += 1

    with failing_disk(), pytest.raises(InputError) as caught:
        read_on()
    assert (caught.value.source, caught.value.code) == (str(path), "E_READ")
    assert "input/output error" in caught.value.cause
    assert 0 <= count < LONG
    assert (count > 0) == begins  # the index of an AVI lies behind its frames
    assert capfd.readouterr().err == ""  # PyAV prints errors that it drops
    assert read(path)[0].decoded == LONG


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "E_EMPTY", "0 bytes"),
        (b"this is text", "E_FORMAT", "not an image or a video"),
        (photo(), "E_FORMAT", "a still image (JPEG), not a video"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "E_FORMAT", "playlists are not read"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "E_FORMAT", "playlists are not read"),
        (b"\x1a\x45\xdf\xa3" + bytes(60), "E_CORRUPT", "the Matroska header cannot be read"),
        (film().replace(b"avc1", b"encv"), "E_CODEC", "codec"),
        (film().replace(b"avc1", b"xxxx"), "E_CODEC", "codec"),
    ],
)
def test_what_is_no_video(saved: Callable[[bytes], Path], data: bytes, code: str, words: str) -> None:
    error = refusal(saved(data))
    assert error.code == code
    assert words in error.cause
    assert error.remedy


@pytest.mark.parametrize("path", ["http://127.0.0.1:9/a.mp4", "concat:a.mp4|b.mp4", "subfile:,,start,0,end,9,,:a.mp4"])
def test_an_address_is_a_path_that_does_not_exist(path: str) -> None:
    assert refusal(path).code == "E_NOTFILE"


def test_sound_only(saved: Callable[[bytes], Path]) -> None:
    assert refusal(saved(sound())).code == "E_NOVIDEO"


def test_no_frames(saved: Callable[[bytes], Path]) -> None:
    error = refusal(saved(slides([], [], "avi")))
    assert (error.code, error.cause) == ("E_NOVIDEO", "the video holds no frames")


def test_a_change_of_resolution(saved: Callable[[bytes], Path]) -> None:
    error = refusal(saved(slides([photo(), photo(), photo(32, 32)], [0, 40, 80])))
    assert (error.code, error.cause) == ("E_FORMAT", "resolution changes at frame 2")


def test_size_is_capped(saved: Callable[[bytes], Path]) -> None:
    path = saved(film())
    with pytest.raises(InputError, match="E_TOOBIG"):
        VideoReader(path, max_pixels=64 * 48 - 1)
    large = photo().replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 20_000, 10_000))
    assert refusal(saved(slides([large], [0]))).code in ("E_TOOBIG", "E_CORRUPT")


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 47)])
def test_a_written_video_is_read_back(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, width, height, 30_000 / 1001) as writer:
        for _ in range(5):
            writer.write(quarters(width, height))
        assert not path.exists()
    with VideoReader(path) as video:
        frames = list(video)
    assert (video.width, video.height) == (64, 48)
    assert corners(frames[0].pixels) == [0, 1, 2, 3]
    assert np.abs(frames[2].pixels[:16, :16].astype(int) - CORNERS[0]).max() <= 4
    assert [frame.time for frame in frames] == pytest.approx(np.arange(5) * 1001 / 30_000)
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_written_times_are_kept(tmp_path: Path) -> None:
    times = [3.0, 3.04, 3.1, 3.1, 3.5]
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as writer:
        for time in times:
            writer.write(quarters(), time)
    assert read(tmp_path / "a.mp4")[1] == pytest.approx(np.array(times) - 3, abs=1e-4)


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as writer:  # noqa: PT012
        writer.write(quarters())
        raise RuntimeError
    with pytest.raises(ValueError, match="no frame"), VideoWriter(tmp_path / "a.mp4", 64, 48, 25):
        pass
    assert os.listdir(tmp_path) == []


def test_what_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="E_EXISTS"), VideoWriter(path, 64, 48, 25):
        pytest.fail("the block must not run")
    with pytest.raises(UsageError, match=r"end the name in \.mp4"):
        VideoWriter(tmp_path / "a.avi", 64, 48, 25)
    with pytest.raises(ValueError, match="above 0"):
        VideoWriter(path, 64, 48, float("nan"))
    with VideoWriter(path, 64, 48, 25, overwrite=True) as writer:
        with pytest.raises(ValueError, match="uint8 of shape"):
            writer.write(quarters(32, 32))
        with pytest.raises(ValueError, match="finite"):
            writer.write(quarters(), float("nan"))
        writer.write(quarters())
    assert read(path)[0].decoded == 1


def test_a_video_says_what_it_is(tmp_path: Path) -> None:
    for name, words in (("a.mp4", "generated by mien, « 生成 »"), ("bare.mp4", "")):
        with VideoWriter(tmp_path / name, 64, 48, 25, comment=words) as writer:
            writer.write(quarters())
        with av.open(tmp_path / name) as video:
            assert video.metadata.get("comment", "") == words


def test_the_same_pictures_are_the_same_bytes_however_busy_the_machine_is(tmp_path: Path) -> None:
    pictures = [frame.pixels for frame in clip_frames(40)]

    def written(number: int) -> bytes:
        path = tmp_path / f"{number}.mp4"
        with VideoWriter(path, 240, 200, 25.0) as writer:
            for picture in pictures:
                writer.write(picture)
        return path.read_bytes()

    with ThreadPoolExecutor(6) as crew:
        assert len(set(crew.map(written, range(30)))) == 1
