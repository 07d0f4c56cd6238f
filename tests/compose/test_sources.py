import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from portraits import blank, clip_frames, noise, placed, write_clip, write_photo

from mien.compose.sources import SUFFIXES, expanded, frames_of, holds_video, opened
from mien.core.arrays import Array
from mien.core.errors import InputError, NothingMatched, UsageError
from mien.core.image import Frame


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


# --- what paths name --------------------------------------------------------------------------------------------------


def test_a_folder_is_its_photos_and_videos_at_any_depth_sorted(tmp_path: Path) -> None:
    filled(tmp_path, "b.png", "a.JPG", "sub/deep/c.webp", "sub/a.mp4", "notes.txt", "b.png.bak", "mov", "e.gif")
    assert [str(path.relative_to(tmp_path)) for path in expanded([tmp_path])] == [
        "a.JPG", "b.png", "sub/a.mp4", "sub/deep/c.webp",
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_known_ending_is_found(tmp_path: Path, suffix: str) -> None:
    filled(tmp_path, f"a{suffix}", f"B{suffix.upper()}")
    assert [path.name for path in expanded([tmp_path])] == [f"B{suffix.upper()}", f"a{suffix}"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    filled(tmp_path, ".a.png", "._b.png", ".thumbnails/c.png", "sub/.cache/deep/d.png", "e.png")
    assert [path.name for path in expanded([tmp_path])] == ["e.png"]


def test_a_hidden_folder_that_is_named_itself_is_searched(tmp_path: Path) -> None:
    filled(tmp_path, ".private/a.png")
    assert [path.name for path in expanded([tmp_path / ".private"])] == ["a.png"]


def test_links_to_folders_are_not_followed_and_links_to_files_are(tmp_path: Path) -> None:
    filled(tmp_path, "in/a.png", "out/b.png")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "round.png").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "out" / "b.png")
    assert [path.name for path in expanded([tmp_path / "in"])] == ["a.png", "link.png"]


def test_a_folder_with_the_name_of_a_photo_is_a_folder(tmp_path: Path) -> None:
    filled(tmp_path, "album.png/a.jpg")
    assert [path.name for path in expanded([tmp_path])] == ["a.jpg"]


def test_named_files_stay_as_they_are_whatever_they_are_called(tmp_path: Path) -> None:
    filled(tmp_path, "folder/z.png", "folder/a.png")
    named = [tmp_path / "no such file", tmp_path / "notes.txt", tmp_path / ".hidden", tmp_path / "folder"]
    assert expanded(named) == [*named[:3], tmp_path / "folder" / "a.png", tmp_path / "folder" / "z.png"]


def test_a_pattern_is_what_it_matches_and_a_name_is_itself(tmp_path: Path) -> None:
    filled(tmp_path, "b.png", "a.png", "sub/deep/c.png", "[ab].png", "notes.txt", ".hidden.png")

    def names(pattern: str) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in expanded([tmp_path / pattern])]

    assert names("*.png") == ["[ab].png", "a.png", "b.png"]
    assert names("?.png") == ["a.png", "b.png"]
    assert names("[ab].png") == ["[ab].png"]
    assert names("**/*.png") == ["[ab].png", "a.png", "b.png", "sub/deep/c.png"]
    assert names("su*") == ["sub/deep/c.png"]
    assert names("*.txt") == ["notes.txt"]
    with pytest.raises(NothingMatched, match="E_NOTHING"):
        names("*.jpg")


@pytest.mark.parametrize("names", [(), ("notes.txt",), (".a.png",), ("sub/.b/c.mp4",)])
def test_folders_without_any_are_said_by_name(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(NothingMatched, match=r"E_NOTHING: holds no photo and no video .looked for .*\.mp4") as caught:
        expanded([filled(tmp_path, *names)])
    assert caught.value.source == str(tmp_path)
    assert caught.value.exit_code == 4


def test_naming_nothing_is_a_mistake_of_usage() -> None:
    with pytest.raises(UsageError, match="no source was named"):
        expanded([])


# --- opening ----------------------------------------------------------------------------------------------------------


def test_a_photo_is_one_frame(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png")
    with opened(path) as source:
        (frame,) = source.frames
    assert (source.name, source.is_video, source.frame_rate, source.reader) == (str(path), False, None, None)
    np.testing.assert_array_equal(frame.pixels, placed((120, 100))[0])
    assert not holds_video(path)


def test_a_video_is_its_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 4)
    with opened(path) as source:
        frames = list(source.frames)
    assert (source.is_video, source.frame_rate, source.frame_count) == (True, 25.0, 4)
    assert source.reader is not None
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert holds_video(path)


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    os.rename(write_photo(tmp_path / "a.jpg"), tmp_path / "a.png")
    os.rename(write_photo(tmp_path / "b.png"), tmp_path / "b.mp4")
    os.rename(write_clip(tmp_path / "c.mp4", 2), tmp_path / "c.jpg")
    kinds = []
    for name in ("a.png", "b.mp4", "c.jpg"):
        with opened(tmp_path / name) as source:
            kinds.append((source.is_video, len(list(source.frames))))
    assert kinds == [(False, 1), (False, 1), (True, 2)]


@pytest.mark.parametrize(("content", "code"), [(b"", "E_EMPTY"), (b"hello", "E_FORMAT"), (b"\xff\xd8\xff", "E_TRUNC")])
def test_what_is_neither_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught, opened(path):
        pytest.fail("must not open")
    assert (caught.value.code, caught.value.source) == (code, str(path))


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "missing.jpg", tmp_path, tmp_path / "pipe.jpg"):
        with pytest.raises(InputError, match="E_NOTFILE"), opened(path):
            pytest.fail("must not open")


def test_the_file_is_let_go_after_an_error(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 3)

    def stop_midway() -> None:
        with opened(path) as source:
            next(iter(source.frames))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop_midway()
    open_files = [os.path.realpath(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")]
    assert str(path) not in open_files


# --- pixels and frames ------------------------------------------------------------------------------------------------


def test_pixels_are_a_frame() -> None:
    pixels = noise(12, 9)
    (frame,) = frames_of(pixels)
    np.testing.assert_array_equal(frame.pixels, pixels)
    assert (frame.width, frame.height, frame.time, frame.index) == (12, 9, 0.0, 0)


def test_grey_is_three_times_itself() -> None:
    grey = noise(12, 9)[..., 0]
    (frame,) = frames_of(grey)
    np.testing.assert_array_equal(frame.pixels, np.stack([grey] * 3, axis=2))


def test_a_view_is_taken_too() -> None:
    pixels = noise(20, 20)[::2, ::-1]
    (frame,) = frames_of(pixels)
    np.testing.assert_array_equal(frame.pixels, pixels)


def test_a_frame_and_frames_come_through() -> None:
    frames = clip_frames(3)
    assert list(frames_of(frames[0])) == [frames[0]]
    assert list(frames_of(frames)) == frames
    assert list(frames_of(tuple(frames))) == frames
    assert list(frames_of([])) == []


def test_of_a_generator_only_the_first_is_asked_ahead() -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in clip_frames(4):
            taken.append(frame.index)
            yield frame

    frames = iter(frames_of(source()))
    assert taken == [0]
    assert next(frames).index == 0
    assert taken == [0]
    assert [frame.index for frame in frames] == [1, 2, 3]


BAD: dict[str, Array] = {
    "floats": np.zeros((8, 8, 3)),
    "16 bit": np.zeros((8, 8, 3), np.uint16),
    "alpha": np.zeros((8, 8, 4), np.uint8),
    "one channel": np.zeros((8, 8, 1), np.uint8),
    "channels first": np.zeros((3, 8, 8), np.uint8),
    "a batch": np.zeros((2, 8, 8, 3), np.uint8),
    "a row": np.zeros(8, np.uint8),
    "bools": np.zeros((8, 8), bool),
    "a scalar": np.array(3, np.uint8),
}


@pytest.mark.parametrize("name", BAD)
def test_other_arrays_are_refused_with_what_they_are(name: str) -> None:
    with pytest.raises(UsageError, match=r"array: E_USAGE: pixels must be uint8 \[H, W, 3\] RGB") as caught:
        frames_of(BAD[name])
    assert f"got {BAD[name].dtype} {list(BAD[name].shape)}" in caught.value.cause


@pytest.mark.parametrize("source", [3, None, 2.5, object()])
def test_what_is_no_source_is_refused(source: object) -> None:
    with pytest.raises(UsageError, match="is no path, array, frame or sequence of frames"):
        frames_of(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [[blank(8, 8)], ["a.png"], b"bytes", {"frame": 1}])
def test_a_sequence_of_something_else_is_refused(source: object) -> None:
    with pytest.raises(UsageError, match=r"a sequence must hold mien.Frame records"):
        frames_of(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 0, 3), (0, 4)])
def test_no_pixels_are_a_mistake(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="H and W above 0"):
        frames_of(np.zeros(shape, np.uint8))
