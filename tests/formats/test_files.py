import errno
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

import pytest

from mien.core.errors import InputError, OutputError
from mien.formats.files import MediaKind, kind_of, make_folder, open_regular, read_bytes, replacing, sha256_of


def code_of(path: object) -> str:
    with pytest.raises(InputError) as caught:
        read_bytes(path)  # type: ignore[arg-type]  # some of them are no paths on purpose
    return caught.value.code


def names_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_reads_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert read_bytes(path) == b"abc"
    with open_regular(path) as file:
        assert file.read() == b"abc"


def test_reads_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    assert read_bytes(tmp_path / "b") == b"abc"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    paths = [tmp_path, tmp_path / "missing", tmp_path / "pipe.jpg", "/dev/null", tmp_path / "dangling"]
    paths += [tmp_path / "loop", tmp_path / "pipe.jpg" / "inside", tmp_path / ("x" * 300), "a\0b"]
    paths += ["http://127.0.0.1:9/a.mp4", "concat:a.mp4|b.mp4", "subfile:,,:a.mp4"]
    assert {code_of(path) for path in paths} == {"E_NOTFILE"}


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert code_of(tmp_path / "a") == "E_PERM"


def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "open", fail)
    assert code_of(tmp_path / "a") == "E_READ"


@pytest.mark.skipif(sys.platform != "linux", reason="a file that is there and cannot be read lies in /proc")
def test_a_disk_that_fails_while_a_file_is_read() -> None:
    def everything(file: BufferedReader) -> object:
        return file.read()

    reads: list[Callable[[BufferedReader], object]] = [everything, lambda file: file.read(9), BufferedReader.readline]
    for read in reads:
        cause = "/proc/self/mem: E_READ: cannot be read: input/output error"
        with open_regular("/proc/self/mem") as file, pytest.raises(InputError, match=cause):
            read(file)
    with pytest.raises(InputError, match="E_READ"):
        sha256_of("/proc/self/mem")


def test_a_place_before_the_beginning_is_a_mistake_of_who_asks(tmp_path: Path) -> None:
    """As zipfile makes it of a file that is too short, and mends."""
    path = tmp_path / "a"
    path.write_bytes(b"broken")
    with open_regular(path) as file:
        with pytest.raises(OSError, match="Invalid argument"):
            file.seek(-22, os.SEEK_END)
        assert not zipfile.is_zipfile(file)


@pytest.mark.skipif(sys.platform != "linux", reason="a file that is there and cannot be read lies in /proc")
def test_a_source_that_cannot_be_read_is_no_result_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="E_READ"), replacing(tmp_path / "a", overwrite=False):
        sha256_of("/proc/self/mem")
    assert names_in(tmp_path) == []


def test_a_folder_for_results_is_made_and_swept(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_folder(folder)
    (folder / "kept").touch()
    left = subprocess.run(
        [sys.executable, "-c", "from pathlib import Path; import mien.formats.leftovers as l; "
         f"l.temporary_beside(Path({str(folder)!r}) / 'x.csv').touch()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert left.returncode == 0
    assert len(names_in(folder)) == 2
    make_folder(folder)
    assert names_in(folder) == ["kept"]


def test_empty_and_large_files(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"E_EMPTY: file is empty \(0 bytes\)"):
        read_bytes(path)
    path.write_bytes(b"abcd")
    assert read_bytes(path, limit=4) == b"abcd"
    with pytest.raises(InputError, match="E_TOOBIG"):
        read_bytes(path, limit=3)


@pytest.mark.parametrize("claimed", [2, 9])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claimed: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abcd")
    true = os.fstat

    def lie(descriptor: int) -> os.stat_result:
        fields = list(true(descriptor))
        fields[stat.ST_SIZE] = claimed
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", lie)
    assert code_of(path) == "E_CHANGED"


@pytest.mark.parametrize("name", [b"bad\xff\xfename.jpg", b"new\nline", b"-rf %d =1+1 \"'", "😀".encode()])
def test_names_of_any_bytes(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"abc")
    assert read_bytes(path) == b"abc"
    path.write_bytes(b"")
    with pytest.raises(InputError) as caught:
        read_bytes(path)
    assert "\n" not in str(caught.value)
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("head", "code", "words"),
    [
        (b"this is no picture", "E_FORMAT", "not an image or a video; starts with 'this is no pictu'"),
        (b"\x1b[2J\x00", "E_FORMAT", r"starts with '\x1b[2J\x00'"),
        (b"\n <!DOCTYPE html><html>", "E_FORMAT", "HTML page (failed download?)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "E_LFS", "content was never fetched"),
        (b"#EXTM3U\nhttp://127.0.0.1/a.ts", "E_FORMAT", "playlists are not read"),
        (b"ffconcat version 1.0\n", "E_FORMAT", "playlists are not read"),
        (b"v=0\r\no=- 0 0 IN IP4", "E_FORMAT", "playlists are not read"),
        (b"%!PS-Adobe", "E_FORMAT", "drawings and documents are not read"),
        (b"<svg xmlns='", "E_FORMAT", "drawings and documents are not read"),
        (b"PK\x03\x04\x2d\0", "E_FORMAT", "a take, or an archive"),
        (b'{\n "schema": "mien.capture/1"', "E_FORMAT", "a take, or an archive"),
        (b"GIF89a\1\0\1\0", "E_FORMAT", "GIF is not read"),
        (b"II*\0\x08", "E_FORMAT", "TIFF is not read"),
        (b"", "E_EMPTY", "0 bytes"),
    ],
)
def test_what_is_not_read_is_named(head: bytes, code: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        kind_of(head, "a.jpg")
    assert caught.value.code == code
    assert words in caught.value.cause


def test_kinds_by_their_first_bytes() -> None:
    heads = {
        b"\xff\xd8\xff\xe0": MediaKind.JPEG,
        b"\x89PNG\r\n\x1a\n": MediaKind.PNG,
        b"RIFF\0\0\0\0WEBPVP8 ": MediaKind.WEBP,
        b"RIFF\0\0\0\0AVI LIST": MediaKind.AVI,
        b"\0\0\0\x20ftypisom": MediaKind.MP4,
        b"\x1a\x45\xdf\xa3\x9f": MediaKind.MATROSKA,
        b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf": MediaKind.HEIC,
        b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf": MediaKind.HEIC,
        b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf": MediaKind.AVIF,
        b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B": MediaKind.AVIF,
    }
    assert {head: kind_of(head, "a") for head in heads} == heads
    stills = [MediaKind.JPEG, MediaKind.PNG, MediaKind.WEBP, MediaKind.AVIF, MediaKind.HEIC]
    assert [kind for kind in MediaKind if kind.is_still] == stills


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with replacing(path, overwrite=False) as part:
        assert part.parent == tmp_path
        assert part.suffix == ".png"
        part.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["a.png"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    for failure in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(failure), replacing(path, overwrite=True) as part:  # noqa: PT012
            part.write_bytes(b"half")
            raise failure
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.png"]


def test_overwriting_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"E_EXISTS.*--overwrite replaces it"), replacing(path, overwrite=False):
        pytest.fail("the block must not run")
    with replacing(path, overwrite=True) as part:
        part.write_bytes(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_that_comes_into_being_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(OutputError, match="E_EXISTS"), replacing(path, overwrite=False) as part:  # noqa: PT012
        part.write_bytes(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "E_DISKFULL"),
        (errno.EDQUOT, "E_DISKFULL"),
        (errno.EACCES, "E_PERM"),
        (errno.EROFS, "E_PERM"),
        (errno.EIO, "E_WRITE"),
    ],
)
def test_refusals_of_the_system_are_named(tmp_path: Path, number: int, code: str) -> None:
    with pytest.raises(OutputError) as caught, replacing(tmp_path / "a", overwrite=False):
        raise OSError(number, os.strerror(number))
    assert caught.value.code == code
    assert caught.value.remedy
    assert names_in(tmp_path) == []


def test_places_that_take_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cases = {tmp_path / "no" / "a": "E_NOTDIR", tmp_path / "file" / "a": "E_NOTDIR", tmp_path: "E_NOTFILE"}
    for path, code in {**cases, Path("/dev/null"): "E_NOTFILE"}.items():
        with pytest.raises(OutputError) as caught, replacing(path, overwrite=True):
            pytest.fail("the block must not run")
        assert caught.value.code == code
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
