import os
import socket
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import av
import c2pa
import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_hostile import encoded, face
from made_signed import CLAIM, FORMATS, grain, identity, plain, signed, signed_from
from PIL import Image

from mien.core.errors import InputError, OutputError
from mien.formats.claim import Claim
from mien.formats.images import read_image, write_image
from mien.formats.ingredient import Ingredient
from mien.formats.provenance import Standing, Verdict, inspect, sealing, sign
from mien.formats.video import VideoReader, VideoWriter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signed")


def verdict(folder: Path, suffix: str, data: bytes, *names: str) -> Verdict:
    path = folder / f"a{suffix}"
    path.write_bytes(data)
    return inspect(path, tuple(identity(name) for name in names or ("mine",)))


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("source", [True, False])
def test_made_here(folder: Path, suffix: str, source: bool) -> None:
    found = verdict(folder, suffix, signed(suffix, source))
    assert found.standing is Standing.HERE, found
    assert found.actions == CLAIM.actions
    assert found.by_mien
    assert found.tool == f"mien {CLAIM.version}"
    assert found.generative
    assert found.history == 0


@pytest.mark.parametrize("suffix", FORMATS)
def test_of_another_signer(folder: Path, suffix: str) -> None:
    found = verdict(folder, suffix, signed(suffix, name="theirs"))
    assert found.standing is Standing.ELSEWHERE
    assert found.by_mien
    assert found.signer == "mien local key"
    assert verdict(folder, suffix, signed(suffix, name="theirs"), "mine", "theirs").standing is Standing.HERE


@pytest.mark.parametrize("suffix", FORMATS)
def test_without_a_statement(folder: Path, suffix: str) -> None:
    assert verdict(folder, suffix, plain(suffix)) == Verdict(Standing.UNKNOWN)


@pytest.mark.parametrize("suffix", FORMATS)
def test_pixels_stay(folder: Path, suffix: str) -> None:
    path, bare = folder / f"pixels{suffix}", folder / f"bare{suffix}"
    path.write_bytes(signed(suffix))
    bare.write_bytes(plain(suffix))
    if suffix == ".mp4":
        with VideoReader(path) as one, VideoReader(bare) as other:
            pairs = [(a.pixels, b.pixels) for a, b in zip(one, other, strict=True)]
    else:
        pairs = [(read_image(path).pixels, read_image(bare).pixels)]
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_nothing_changed_and_moved_only(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(grain(), path, seal=sealing(Claim((), "c" * 64, generative=False), identity(), plain(".png")))
    found = inspect(path, (identity(),))
    assert (found.standing, found.actions, found.generative) == (Standing.HERE, (), False)


def test_a_generative_edit_without_words_is_marked_all_the_same(tmp_path: Path) -> None:
    """A take added to a video, say: nothing was asked for in words, and yet a mouth was painted."""
    path = tmp_path / "a.png"
    write_image(grain(), path, seal=sealing(Claim((), "c" * 64), identity(), plain(".png")))
    found = inspect(path, (identity(),))
    assert (found.standing, found.actions, found.generative) == (Standing.HERE, ("c2pa.edited",), True)


def test_what_is_not_looked_at_is_said(folder: Path) -> None:
    found = verdict(folder, ".mkv", b"\x1a\x45\xdf\xa3" + bytes(60))
    assert found == Verdict(Standing.UNKNOWN, cause="Matroska files are not looked into")
    found = verdict(folder, ".jpg", referring("http://127.0.0.1:9/a.c2pa"))
    assert found == Verdict(Standing.UNKNOWN, cause="its statement lies at an address, which is not asked")


def test_text_of_an_edit_is_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(grain(), path, seal=sealing(Claim(("a\nb", "bad\udcff", "« 生成 »")), identity()))
    assert inspect(path, (identity(),)).actions == ("a\\nb", "bad\\udcff", "« 生成 »")


# --- what is noticed --------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    suffix=st.sampled_from(FORMATS), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), again=st.booleans()
)
def test_one_changed_bit_anywhere_is_noticed(folder: Path, suffix: str, share: float, bit: int, again: bool) -> None:
    data = bytearray(history(suffix) if again else signed(suffix))
    data[int(share * len(data))] ^= 1 << bit
    try:
        found = verdict(folder, suffix, bytes(data))
    except InputError:
        return
    assert found.standing in (Standing.CHANGED, Standing.UNKNOWN)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("part", [b"jumb", b"c2cs", b"cpad", b"c2pa.assertions", b"c2ma"])
def test_parts_that_the_signature_leaves_out(folder: Path, suffix: str, part: bytes) -> None:
    whole = signed(suffix)
    for offset in (-4, -3, -2, -1, 1, 4, 10, 15, 16, 30):
        data = bytearray(whole)
        place = whole.index(part) + offset
        data[place] ^= 1
        try:
            standing = verdict(folder, suffix, bytes(data)).standing
        except InputError:
            continue
        assert standing in (Standing.CHANGED, Standing.UNKNOWN), (part, offset)


def test_the_head_of_a_video(folder: Path) -> None:
    data = bytearray(signed(".mp4"))
    for place in range(8, int.from_bytes(data[:4], "big")):
        data[place] ^= 1
        assert verdict(folder, ".mp4", bytes(data)).standing is Standing.CHANGED
        data[place] ^= 1


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_statement_put_on_another_file(folder: Path, suffix: str) -> None:
    """Cut off or lengthened, the file is no longer the one that was signed."""
    data = signed(suffix)
    for other in (data + b"more", data[: len(data) * 9 // 10]):
        assert verdict(folder, suffix, other).standing is Standing.CHANGED


# --- statements that were there before --------------------------------------------------------------------------------


def history(suffix: str) -> bytes:
    return signed_from(suffix, signed(suffix, name="theirs"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_sources_own_statement_is_carried_along(folder: Path, suffix: str) -> None:
    found = verdict(folder, suffix, history(suffix))
    assert (found.standing, found.history) == (Standing.HERE, 1)
    again = verdict(folder, suffix, signed_from(suffix, history(suffix)))
    assert (again.standing, again.history) == (Standing.HERE, 2)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_source_that_was_tampered_with_is_carried_along_too(folder: Path, suffix: str) -> None:
    source = bytearray(signed(suffix, name="theirs"))
    source[40 if suffix == ".webp" else -30] ^= 1
    found = verdict(folder, suffix, signed_from(suffix, bytes(source)))
    assert (found.standing, found.history, found.actions) == (Standing.HERE, 1, CLAIM.actions)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_statement_that_cannot_be_read_is_not_dropped_in_silence(folder: Path, suffix: str) -> None:
    source = bytearray(signed(suffix, name="theirs"))
    place = source.index(b"c2pa.claim.v2")
    source[place - 20 : place - 4] = bytes(16)
    found = verdict(folder, suffix, signed_from(suffix, bytes(source)))
    assert (found.standing, found.history) == (Standing.HERE, 0)
    assert found.actions == ("the source carried a statement that cannot be read", *CLAIM.actions)


# --- what statements of cameras say -----------------------------------------------------------------------------------


PLACE = {
    "@context": {"exif": "http://ns.adobe.com/exif/1.0/"},
    "exif:GPSLatitude": "52,31.2N",
    "exif:SerialNumber": "SN-123456",
}
SECRETS = {"cawg.metadata", "stds.exif", "stds.iptc", "c2pa.metadata", "com.camera.notes", "com.camera.notes__1"}


def photographed(
    data: bytes, mime: str, source: bytes | None = None, name: str = "theirs", tool: str = "camera"
) -> bytes:
    """A file with a statement such as a camera signs: where, with which device, a thumbnail, and notes of its own."""
    one = identity(name)
    key = c2pa.C2paSignerInfo(one.algorithm, one.certificates, one.key, None)
    first: dict[str, object] = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["one"]}}
    if source is None:
        term = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
        first = {"action": "c2pa.created", "digitalSourceType": term}
    parts = [{"label": label.removesuffix("__1"), "kind": "Json", "data": PLACE} for label in sorted(SECRETS)]
    mining = {"entries": {"cawg.ai_training": {"use": "notAllowed"}}}
    statement = {
        "claim_generator_info": [{"name": tool}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [first]}},
            {"label": "cawg.training-mining", "kind": "Json", "data": mining},
            *parts,
        ],
    }
    settings = {"version": 1, "builder": {"thumbnail": {"enabled": mime != "video/mp4"}}}
    result = BytesIO()
    with (
        c2pa.Context.from_dict(settings, signer=c2pa.Signer.from_info(key)) as context,
        c2pa.Builder(statement, context=context) as builder,
    ):
        if source is not None:
            builder.add_ingredient({"relationship": "parentOf", "label": "one"}, mime, BytesIO(source))
        builder.sign(mime, BytesIO(data), result)
    return result.getvalue()


def still(kind: str) -> tuple[bytes, str]:
    """A photo of a face in that format, and the format's name."""
    if kind == "HEIC":
        file = BytesIO()
        pillow_heif.from_pillow(Image.fromarray(face())).save(file)
        return file.getvalue(), "image/heic"
    return encoded(face(), kind), f"image/{kind.lower()}"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIC"])
def test_place_serial_number_and_thumbnail_stay_behind(folder: Path, kind: str) -> None:
    source = photographed(*still(kind))
    assert source.count(b"SN-123456") == len(SECRETS)
    data = signed_from(".png", source)
    assert b"SN-123456" not in data
    assert b"52,31.2N" not in data
    assert b"\xff\xd8\xff" not in data
    assert b"notAllowed" in data
    found = verdict(folder, ".png", data)
    thumbnails = 0 if kind in ("AVIF", "HEIC") else 1  # of these two the library makes none
    assert (found.standing, found.history, found.redacted) == (Standing.HERE, 1, len(SECRETS) + thumbnails), found
    assert found.actions == CLAIM.actions


def test_of_a_video_too(folder: Path) -> None:
    source = photographed(plain(".mp4"), "video/mp4")
    data = signed_from(".mp4", source)
    assert b"SN-123456" in source
    assert b"SN-123456" not in data
    found = verdict(folder, ".mp4", data)
    assert (found.standing, found.history, found.redacted) == (Standing.HERE, 1, len(SECRETS))


def test_of_every_earlier_statement(folder: Path) -> None:
    """A photo edited by another program, and the result of mien edited by another and by mien again."""
    photo, mime = still("JPEG")
    data = signed_from(".jpg", photographed(photo, mime, photographed(photo, mime)))
    found = verdict(folder, ".jpg", data)
    assert (found.standing, found.history) == (Standing.HERE, 2)
    again = signed_from(".jpg", photographed(photo, mime, data))
    found = verdict(folder, ".jpg", again)
    assert (found.standing, found.history) == (Standing.HERE, 4)
    for each in (data, again):
        assert b"SN-123456" not in each
        assert each.count(b"\xff\xd8\xff") == 1


def test_of_a_source_that_was_tampered_with(folder: Path) -> None:
    source = bytearray(photographed(*still("JPEG")))
    source[-30] ^= 1
    data = signed_from(".jpg", bytes(source))
    assert b"SN-123456" not in data
    assert (verdict(folder, ".jpg", data).standing, verdict(folder, ".jpg", data).history) == (Standing.HERE, 1)


def test_all_of_it_stays_if_that_is_wanted(tmp_path: Path) -> None:
    source, path = photographed(*still("JPEG")), tmp_path / "a.jpg"
    write_image(grain(), path, seal=sealing(CLAIM, identity(), source, keep_metadata=True))
    data = path.read_bytes()
    assert data.count(b"SN-123456") == len(SECRETS)
    assert data.count(b"\xff\xd8\xff") == 2
    found = inspect(path, (identity(),))
    assert (found.standing, found.history, found.redacted) == (Standing.HERE, 1, 0)


def test_a_statement_of_which_nothing_can_be_taken_out_stays_behind_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ingredient, "private_parts", lambda self: ("self#jumbf=/c2pa/none/c2pa.assertions/none",))
    data = signed_from(".jpg", photographed(*still("JPEG")))
    assert b"SN-123456" not in data
    found = verdict(folder, ".jpg", data)
    assert (found.standing, found.history) == (Standing.HERE, 0)
    assert found.actions == ("the source carried a statement that cannot be read", *CLAIM.actions)


def test_another_program_with_the_same_certificate(folder: Path) -> None:
    """It is intact, and not mien's: its form cannot be held against it, nor is it vouched for."""
    for kind, suffix in (("JPEG", ".jpg"), ("AVIF", ".avif")):
        found = verdict(folder, suffix, photographed(*still(kind), name="mine"))
        assert (found.standing, found.by_mien, found.tool) == (Standing.ELSEWHERE, False, "camera"), found


def test_a_format_that_mien_does_not_sign(folder: Path, tmp_path: Path) -> None:
    found = verdict(folder, ".avif", photographed(*still("AVIF"), name="mine", tool="mien"))
    assert (found.standing, found.cause) == (Standing.CHANGED, "AVIF is none of the formats that mien signs")
    path = tmp_path / "a.avif"
    path.write_bytes(still("AVIF")[0])
    with pytest.raises(OutputError, match="E_SIGN"):
        sign(path, CLAIM, identity(), still("AVIF")[0])
    assert path.read_bytes() == still("AVIF")[0]


def test_no_thumbnail_and_no_name(tmp_path: Path) -> None:
    path = tmp_path / "Erika Mustermann.jpg"
    write_image(grain(640, 480), path, seal=sealing(CLAIM, identity(), plain(".jpg")))
    data = path.read_bytes()
    assert b"thumbnail" not in data
    assert b"Mustermann" not in data
    assert data.count(b"\xff\xd8\xff") == 1


# --- where and how ----------------------------------------------------------------------------------------------------


def referring(address: str) -> bytes:
    """A JPEG whose statement lies elsewhere, as the file says."""
    key = c2pa.C2paSignerInfo(identity().algorithm, identity().certificates, identity().key, None)
    settings = {"version": 1, "builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": False}}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
    }
    statement = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]}
    result = BytesIO()
    with (
        c2pa.Context.from_dict(settings, signer=c2pa.Signer.from_info(key)) as context,
        c2pa.Builder(statement, context=context) as builder,
    ):
        builder.set_no_embed()
        builder.set_remote_url(address)
        builder.sign("image/jpeg", BytesIO(plain(".jpg")), result)
    return result.getvalue()


def test_no_network_is_asked(tmp_path: Path) -> None:
    """A statement that lies at an address is not fetched; left to itself the library would."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        source = referring(f"http://127.0.0.1:{server.getsockname()[1]}/a.c2pa")
        path, result = tmp_path / "source.jpg", tmp_path / "result.jpg"
        path.write_bytes(source)
        result.write_bytes(plain(".jpg"))
        sign(result, CLAIM, identity(), source)
        assert inspect(result, (identity(),)).standing is Standing.HERE
        assert inspect(path, (identity(),)).standing is Standing.UNKNOWN
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        server.settimeout(20)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: server.accept()[0].close())
            with pytest.raises(c2pa.C2paError):
                c2pa.Reader("image/jpeg", BytesIO(source))
            waiting.result()


def failing(path: Path) -> None:
    raise OutputError(path, "E_SIGN", "no")


def test_a_sealed_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    seen = []

    def watching(path: Path) -> None:
        sealing(CLAIM, identity(), plain(".png"))(path)
        seen.append(sorted(os.listdir(tmp_path)))

    write_image(grain(), tmp_path / "a.png", seal=watching)
    assert len(seen[0]) == 1
    assert seen[0] != ["a.png"]

    with pytest.raises(OutputError, match="E_SIGN"):
        write_image(grain(), tmp_path / "b.png", seal=failing)
    with (
        pytest.raises(OutputError, match="E_SIGN"),
        VideoWriter(tmp_path / "b.mp4", 32, 32, 25.0, seal=failing) as video,
    ):
        video.write(grain(32, 32))
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_video_is_sealed_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 32, 32, 25.0, seal=sealing(CLAIM, identity(), plain(".mp4"))) as writer:
        writer.write(grain(32, 32))
        assert not path.exists()
    assert inspect(path, (identity(),)).standing is Standing.HERE
    with (
        pytest.raises(ValueError, match="no frame"),
        VideoWriter(tmp_path / "b.mp4", 32, 32, 25.0, seal=failing),
    ):
        pass
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_a_source_of_another_format(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(grain(32, 32), "rgb24")))
        container.mux(stream.encode(None))
    path = tmp_path / "a.mp4"
    path.write_bytes(plain(".mp4"))
    sign(path, CLAIM, identity(), film)
    assert inspect(path, (identity(),)).standing is Standing.HERE
    assert inspect(film).standing is Standing.UNKNOWN


def test_what_cannot_be_signed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0garbage")
    with pytest.raises(OutputError, match="--no-provenance") as caught:
        sign(path, CLAIM, identity())
    assert caught.value.code == "E_SIGN"
    assert os.listdir(tmp_path) == ["a.jpg"]
    path.write_bytes(plain(".jpg"))
    with pytest.raises(InputError):
        sign(path, CLAIM, identity(), tmp_path / "missing.jpg")
    assert path.read_bytes() == plain(".jpg")


def test_a_claim_is_checked() -> None:
    with pytest.raises(ValueError, match="64 hexadecimal"):
        Claim((), "abc")


@settings(max_examples=60, deadline=None)
@given(suffix=st.sampled_from(FORMATS), place=st.floats(0, 1), put=st.binary(max_size=60))
def test_hostile_files_give_a_verdict_or_a_refusal(folder: Path, suffix: str, place: float, put: bytes) -> None:
    data = signed(suffix)
    start = int(place * len(data))
    try:
        found = verdict(folder, suffix, data[:start] + put + data[start + len(put) :])
    except InputError:
        return
    assert isinstance(found, Verdict)
