"""A photo in, a photo out: what is changed, what is kept, what is said of it, and what is refused."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from made_edits import move_in, picture_editor, portrait, wish
from made_signed import identity
from PIL import Image
from portraits import blank, contents, placed, write_photo

from mien.compose import edits
from mien.compose.edit_options import EditOptions
from mien.compose.edits import PhotoEdit, check_distinct, claimed, edit_photo
from mien.core.arrays import Array
from mien.core.errors import InputError, OutputError, OutputExists, UsageError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.formats.files import sha256_of
from mien.formats.images import read_image
from mien.formats.leftovers import temporary_beside
from mien.formats.photo_file import PhotoFile, reach, read_photo
from mien.formats.photo_file import write_photo as write_whole
from mien.formats.provenance import Seal, Standing, inspect
from mien.formats.sidecar import read_sidecar, sidecar_path
from mien.formats.signing import signing_folder
from mien.pipelines.capture import FaceChoice
from mien.pipelines.edit import EditedFace, Editor
from mien.rig.wishes import Wish
from mien.weights.catalog import card

SUFFIXES = (".jpg", ".png", ".webp")
UNSIGNED = EditOptions(provenance=False)
ASKED = wish("browInnerUp=0.9", "eyeBlinkLeft=1")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_in(tmp_path, monkeypatch)


def source(name: str = "a.png") -> Path:
    return write_photo(Path(name), portrait().pixels)


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_only_the_face_is_touched_in_every_format(suffix: str) -> None:
    photo = source(f"a{suffix}")
    before = contents(Path())
    done = edit_photo(photo, f"b{suffix}", ASKED, UNSIGNED)
    assert sorted(os.listdir()) == [f"a{suffix}", f"b{suffix}", f"b{suffix}.mien.json"]
    assert contents(Path())[f"a{suffix}"] == before[f"a{suffix}"]
    out, was = read_image(f"b{suffix}").pixels, done.before.pixels
    np.testing.assert_array_equal(was, read_image(photo).pixels)
    (face,) = done.picture.faces
    changed = (out != was).any(2)
    assert changed.any()
    assert not (changed & ~reach(read_photo(photo), face.mask, suffix)).any()
    if suffix == ".jpg":
        assert np.abs(out.astype(int) - done.picture.frame.pixels)[face.mask].mean() < 4
    else:
        np.testing.assert_array_equal(out, done.picture.frame.pixels)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_asked_gives_the_same_pixels(suffix: str) -> None:
    photo = source(f"a{suffix}")
    done = edit_photo(photo, f"b{suffix}", Wish(), measure=True)
    np.testing.assert_array_equal(read_image(f"b{suffix}").pixels, read_image(photo).pixels)
    assert not done.picture.faces[0].mask.any()
    (found,) = done.measured
    assert (found.outside, found.inside) == (0, 0)
    assert found.others == pytest.approx(0, abs=1e-6)
    assert found.identity == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_alpha_is_kept_to_the_bit(suffix: str) -> None:
    alpha = np.random.default_rng(0).integers(0, 256, (200, 240, 1), np.uint8)
    with_alpha = np.concatenate([portrait().pixels, alpha], 2)
    Image.fromarray(with_alpha).save(f"a{suffix}", lossless=True, exact=True)  # both are WebP's
    edit_photo(f"a{suffix}", f"b{suffix}", ASKED, UNSIGNED)
    with Image.open(f"b{suffix}") as image:
        out = np.array(image)
    np.testing.assert_array_equal(out[..., 3:], alpha)
    assert (out[..., :3] != portrait().pixels).any()
    with pytest.raises(UsageError, match=r"c\.jpg: E_FORMAT"):
        edit_photo(f"a{suffix}", "c.jpg", ASKED, UNSIGNED)
    assert not Path("c.jpg").exists()


def test_a_photo_that_is_stored_turned_is_edited_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(portrait().pixels)).save("a.png", exif=exif)
    done = edit_photo("a.png", "b.png", ASKED, UNSIGNED)
    np.testing.assert_array_equal(done.before.pixels, portrait().pixels)
    np.testing.assert_array_equal(read_image("b.png").pixels, done.picture.frame.pixels)


def test_a_grey_photo_is_edited() -> None:
    Image.fromarray(portrait().pixels[..., 1]).save("a.jpg", quality=95)
    done = edit_photo("a.jpg", "b.jpg", ASKED, UNSIGNED)
    assert (read_image("b.jpg").pixels != done.before.pixels).any()


def test_what_is_chosen_is_edited() -> None:
    pair = np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1)
    write_photo(Path("pair.png"), pair)
    for choice, sides in (("largest", {1}), ("1", {0}), ("all", {0, 1})):
        options = replace(UNSIGNED, face=FaceChoice.parse(choice))
        done = edit_photo("pair.png", "out.png", ASKED, options, overwrite=True, measure=True)
        halves = [done.picture.frame.pixels[:, :240], done.picture.frame.pixels[:, 240:]]
        changed = {k for k, half in enumerate(halves) if (half != pair[:, 240 * k : 240 * k + 240]).any()}
        assert changed == sides
        assert len(done.picture.faces) == len(done.measured) == len(sides)
        assert [found.outside for found in done.measured] == [0] * len(sides)
        assert all(found.reached is not None for found in done.measured)
    assert not (done.picture.faces[0].mask & done.picture.faces[1].mask).any()


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_result_says_that_it_was_made_here(suffix: str) -> None:
    photo = source(f"a{suffix}")
    edit_photo(photo, f"b{suffix}", ASKED)
    verdict = inspect(f"b{suffix}")
    assert verdict.standing is Standing.HERE, verdict
    assert verdict.actions == ASKED.words() == ("browInnerUp=0.9", "eyeBlinkLeft=1")
    assert not verdict.generative
    said = read_sidecar(sidecar_path(f"b{suffix}"))
    assert said.provenance
    assert said.output_sha256 == sha256_of(f"b{suffix}")
    assert said.claim.source_sha256 == sha256_of(photo)
    assert (said.source, said.output) == (f"a{suffix}", f"b{suffix}")
    assert said.claim.actions == ASKED.words()
    assert "mouth" not in [model.name for model in said.claim.models]


def test_painted_pixels_are_said() -> None:
    done = edit_photo(source(), "b.png", wish("jawOpen=0.9"))
    assert done.picture.painted
    assert inspect("b.png").generative
    said = read_sidecar(sidecar_path("b.png"))
    assert said.claim.generative
    models = {model.name: model.sha256 for model in said.claim.models}
    assert models["mouth"] == card("mouth").sha256
    assert {"finder", "landmarks-8bit", "motion", "compact-rig"} <= models.keys()


def test_without_provenance_the_sidecar_says_so() -> None:
    edit_photo(source(), "b.png", ASKED, UNSIGNED)
    assert inspect("b.png").standing is Standing.UNKNOWN
    said = read_sidecar(sidecar_path("b.png"))
    assert not said.provenance
    assert said.claim.actions == ASKED.words()


def test_without_provenance_no_key_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    photo = source()
    edit_photo(photo, "b.png", Wish(), UNSIGNED)
    assert not (tmp_path / "nobody").exists()
    edit_photo(photo, "c.png", Wish())
    assert (signing_folder() / "identity.pem").exists()


def test_a_certificate_of_ones_own_signs(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.pem"
    theirs.write_bytes(identity("theirs").certificates + identity("theirs").key)
    edit_photo(source(), "b.png", ASKED, EditOptions(certificate=theirs))
    assert inspect("b.png").standing is Standing.ELSEWHERE
    assert inspect("b.png", (identity("theirs"),)).standing is Standing.HERE


def test_a_bad_certificate_costs_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "PictureEditor", unwanted)
    (tmp_path / "bad.pem").write_text("no certificate")
    source()
    before = contents(Path())
    with pytest.raises(InputError):
        edit_photo("a.png", "b.png", ASKED, EditOptions(certificate=tmp_path / "bad.pem"))
    assert contents(Path()) == before


def test_an_edit_of_an_edit_carries_its_history() -> None:
    edit_photo(source(), "b.png", wish("browInnerUp=0.5"))
    edit_photo("b.png", "c.png", wish("eyeBlinkLeft=1"))
    verdict = inspect("c.png")
    assert (verdict.standing, verdict.history) == (Standing.HERE, 1)
    assert read_sidecar(sidecar_path("c.png")).claim.source_sha256 == sha256_of("b.png")


def test_a_claim_names_no_path() -> None:
    said = claimed("a" * 64, wish("jawOpen=0.5", neutral=True), painted=False)
    assert said.actions == ("neutral", "jawOpen=0.5")
    assert not said.generative
    assert len(claimed("a" * 64, Wish(), painted=True).models) == len(said.models) + 1


def test_what_is_reached_is_measured() -> None:
    done = edit_photo(source(), "b.png", wish("eyeBlink=1"), UNSIGNED, measure=True)
    (found,) = done.measured
    assert found.reached is not None
    moved = np.argsort(-np.abs(found.asked - found.now))[:2]
    assert (found.reached[moved] > found.now[moved] + 0.15).all()
    assert found.outside == 0
    assert found.inside == int(done.picture.faces[0].mask.sum())
    assert edit_photo("a.png", "c.png", wish("eyeBlink=1"), UNSIGNED).measured == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_changed_is_counted_in_the_file_itself(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes a pixel too many is found out."""
    photo = source(f"a{suffix}")
    done = edit_photo(photo, f"b{suffix}", ASKED, UNSIGNED, measure=True)
    (found,) = done.measured
    assert (found.outside, done.recoded) == (0, "")
    assert 0 < found.inside <= found.may < done.before.pixels[..., 0].size
    usual = write_whole

    def careless(
        written: PhotoFile, pixels: Array, path: Path, overwrite: bool, keep_metadata: bool, seal: Seal | None
    ) -> None:
        spoiled = pixels.copy()
        spoiled[-20:, :20] = 0
        usual(written, spoiled, path, overwrite, keep_metadata, seal)

    monkeypatch.setattr(edits, "write_photo", careless)
    (spoiled,) = edit_photo(photo, f"c{suffix}", ASKED, UNSIGNED, measure=True).measured
    assert spoiled.outside > 100


def test_a_jpeg_that_is_coded_anew_is_said_to_be() -> None:
    Image.fromarray(portrait().pixels).convert("CMYK").save("a.jpg", quality=90)
    done = edit_photo("a.jpg", "b.jpg", ASKED, UNSIGNED, measure=True)
    assert done.recoded == "as this JPEG is made"
    assert done.measured[0].may == done.before.pixels[..., 0].size
    assert not edit_photo("a.jpg", "b.png", ASKED, UNSIGNED).recoded


def test_a_progressive_jpeg_is_coded_anew_where_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(portrait().pixels).save("a.jpg", quality=90, progressive=True)
    done = edit_photo("a.jpg", "b.jpg", ASKED, UNSIGNED, measure=True)
    assert (done.recoded, done.measured[0].outside) == ("", 0)
    assert done.measured[0].may < done.before.pixels[..., 0].size / 2
    for module in ("mien.compose.edits", "mien.formats.jpeg_passes"):
        monkeypatch.setattr(f"{module}.can_join_passes", lambda: False)
    done = edit_photo("a.jpg", "c.jpg", ASKED, UNSIGNED, measure=True)
    assert done.recoded == 'a progressive JPEG; pip install "mien[progressive]" spares that'
    assert done.measured[0].may == done.before.pixels[..., 0].size


def test_of_all_faces_those_that_cannot_be_edited_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1)
    write_photo(Path("pair.png"), pair)
    usual = Editor.edit

    def picky(
        self: Editor, frame: Frame, reading: FaceReading, asked: Array, source: object, parts: object = None
    ) -> EditedFace:
        if reading.face >= refused:
            raise InputError(source, "E_SMALL", "the face is too small", "use a larger picture")
        return usual(self, frame, reading, asked, source)

    monkeypatch.setattr(Editor, "edit", picky)
    everyone = replace(UNSIGNED, face=FaceChoice.parse("all"))
    refused = 1
    done = edit_photo("pair.png", "out.png", ASKED, everyone, measure=True)
    assert [error.code for error in done.picture.left] == ["E_SMALL"]
    assert len(done.picture.faces) == len(done.picture.readings) == len(done.measured) == 1
    np.testing.assert_array_equal(done.picture.frame.pixels[:, :200], pair[:, :200])
    refused = 0
    with pytest.raises(InputError, match="E_SMALL"):
        edit_photo("pair.png", "none.png", ASKED, everyone)
    assert not Path("none.png").exists()


def test_a_larger_photo_is_read_where_that_is_allowed() -> None:
    photo = source()
    with pytest.raises(InputError, match="E_TOOBIG"):
        edit_photo(photo, "b.png", ASKED, replace(UNSIGNED, max_pixels=1000))
    edit_photo(photo, "b.png", ASKED, replace(UNSIGNED, max_pixels=240 * 200), measure=True)
    for wrong in (0, 2**28 + 1):
        with pytest.raises(UsageError, match="--max-pixels"):
            EditOptions(max_pixels=wrong)


def test_what_a_killed_edit_left_is_cleared_away() -> None:
    photo = source()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    dead = temporary_beside(Path("b.png").absolute())
    dead = dead.with_name(dead.name.replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
    dead.write_bytes(b"half")
    edit_photo(photo, "b.png", ASKED, UNSIGNED)
    assert not dead.exists()


# --- what is refused --------------------------------------------------------------------------------------------------


def unwanted(*arguments: object, **options: object) -> NoReturn:
    raise AssertionError("nothing should have started")


def other_name(path: Path) -> Path:
    return path


def linked(path: Path) -> Path:
    Path("link.png").symlink_to(path)
    return Path("link.png")


def hard_linked(path: Path) -> Path:
    os.link(path, "hard.png")
    return Path("hard.png")


def roundabout(path: Path) -> Path:
    return Path("..") / "p" / path


@pytest.mark.parametrize("way", [other_name, linked, hard_linked, roundabout])
def test_the_source_is_never_written_over(way: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "PictureEditor", unwanted)
    photo = source()
    output = way(photo)
    before = contents(Path())
    for one, other in ((photo, output), (output, photo)):
        with pytest.raises(UsageError, match="E_USAGE: is the source"):
            edit_photo(one, other, ASKED, overwrite=True)
    assert contents(Path()) == before
    check_distinct(photo, "elsewhere.png")


@pytest.mark.parametrize("name", ["b.png", "b.png.mien.json"])
def test_what_is_there_is_kept_unless_it_may_be_replaced(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = source()
    Path(name).write_bytes(b"mine")
    before = contents(Path())
    with monkeypatch.context() as nothing:
        nothing.setattr(edits, "PictureEditor", unwanted)
        with pytest.raises(OutputExists, match="E_EXISTS"):
            edit_photo(photo, "b.png", ASKED, UNSIGNED)
    assert contents(Path()) == before
    edit_photo(photo, "b.png", ASKED, UNSIGNED, overwrite=True)
    assert read_sidecar("b.png.mien.json").output_sha256 == sha256_of("b.png")


@pytest.mark.parametrize("name", ["b.gif", "b", "b.mp4", "b.json", ".png"])
def test_another_ending_is_refused_before_any_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "PictureEditor", unwanted)
    photo = source()
    with pytest.raises(UsageError, match="E_FORMAT"):
        edit_photo(photo, name, ASKED)
    assert os.listdir() == ["a.png"]


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "E_EMPTY"), (b"this is text", "E_FORMAT"), (b"version https://git-lfs.github.com/spec/v1\n", "E_LFS")],
)
def test_what_is_no_photo(data: bytes, code: str) -> None:
    Path("a.png").write_bytes(data)
    with pytest.raises(InputError, match=f"a.png: {code}"):
        edit_photo("a.png", "b.png", ASKED)
    assert os.listdir() == ["a.png"]


def test_a_photo_that_is_not_there_or_cut() -> None:
    with pytest.raises(InputError, match="E_NOTFILE"):
        edit_photo("a.png", "b.png", ASKED)
    data = source("a.jpg").read_bytes()
    Path("a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="E_TRUNC"):
        edit_photo("a.jpg", "b.jpg", ASKED)
    assert os.listdir() == ["a.jpg"]


def test_no_face_is_said_and_nothing_written() -> None:
    write_photo(Path("a.png"), blank())
    with pytest.raises(InputError) as caught:
        edit_photo("a.png", "b.png", ASKED)
    assert (caught.value.source, caught.value.code) == ("a.png", "E_NOFACE")
    source("b.png")
    with pytest.raises(InputError, match=r"E_NOFACE: no face 3: there is 1 \(it has number 0\)"):
        edit_photo("b.png", "c.png", ASKED, EditOptions(face=FaceChoice.parse("3")))
    assert sorted(os.listdir()) == ["a.png", "b.png"]


def test_a_face_too_small_to_edit_is_said_and_nothing_written() -> None:
    small = np.asarray(Image.fromarray(portrait().pixels).resize((60, 50), Image.Resampling.LANCZOS))
    write_photo(Path("a.png"), np.pad(small, ((60, 60), (60, 60), (0, 0)), mode="edge"))
    with pytest.raises(InputError, match=r"a\.png: E_(SMALL|NOFACE)"):
        edit_photo("a.png", "b.png", ASKED)
    assert os.listdir() == ["a.png"]


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("odd")])
@pytest.mark.parametrize("old", [True, False])
def test_a_failure_leaves_nothing_half_written(
    error: BaseException, old: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = source()
    if old:
        Path("b.png").write_bytes(b"mine")
        Path("b.png.mien.json").write_bytes(b"mine")
    before = contents(Path())

    def broken(path: Path, data: bytes) -> NoReturn:
        with path.open("wb") as file:
            file.write(data[:100])
        raise error

    expected = OutputError if isinstance(error, OSError) else type(error)
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", broken)
        with pytest.raises(expected):
            edit_photo(photo, "b.png", ASKED, UNSIGNED, overwrite=True)
    assert contents(Path()) == before


def test_what_cannot_be_signed_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object) -> Callable[[Path], None]:
        def seal(path: Path) -> NoReturn:
            raise OutputError(path, "E_SIGN", "cannot be signed")

        return seal

    monkeypatch.setattr(edits, "sealed", failing)
    photo = source()
    with pytest.raises(OutputError, match="E_SIGN"):
        edit_photo(photo, "b.png", ASKED)
    assert os.listdir() == ["a.png"]


# --- one picture ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Frame:
    return Frame(np.concatenate([placed((100, 100), 0.6)[0], placed((120, 100), 1.1)[0]], axis=1), 1.5, 7)


def test_a_frame_keeps_its_time(pair: Frame) -> None:
    editor = picture_editor()
    readings = editor.read(pair, "pair")
    after = editor.edited(pair, readings, ASKED).frame
    assert (after.time, after.index) == (1.5, 7)


def test_a_done_edit_is_what_was_written() -> None:
    done = edit_photo(source(), "b.png", ASKED, UNSIGNED)
    assert isinstance(done, PhotoEdit)
    np.testing.assert_array_equal(done.picture.faces[-1].pixels, done.picture.frame.pixels)
    assert len(done.picture.readings) == 1
