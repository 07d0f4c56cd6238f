import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_digests import ABOUT, made_digest, made_frame, made_photo, reading_of

from mien.core.basis import ARKIT, action_name
from mien.core.errors import InputError, OutputError, UsageError
from mien.digest.curves import blinks_of, gaps_of, groups_of, ticks_of
from mien.digest.engine import check_pages
from mien.digest.gather import Digester
from mien.digest.listing import MOST_ROWS, Entry, ListRow, read_entry, write_entry, write_listing
from mien.digest.page import size_text, write_report
from mien.digest.record import SourceDigest

HOSTILE = "<script>alert(1)</script>&\"'{{7*7}}.jpg"


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def page_of(digest: SourceDigest, path: Path, pictures: bool = True) -> str:
    write_report(digest, ABOUT, path, pictures)
    return path.read_text("utf-8")


def test_a_page_needs_nothing_else(tmp_path: Path) -> None:
    page = page_of(made_digest(frames=60, faces=2), tmp_path / "r.html")
    elements = Elements(page).found
    assert not {tag for tag, _ in elements} & {"link", "iframe", "object", "embed", "base", "form", "audio", "video"}
    for tag, attributes in elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            if name in ("src", "href", "srcset", "xlink:href", "action"):
                assert (tag, (value or "")[:23]) == ("img", "data:image/jpeg;base64,")
    (policy,) = [a["content"] or "" for _, a in elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert all(attributes.get("alt") for tag, attributes in elements if tag == "img")


def test_a_page_says_what_was_read(tmp_path: Path) -> None:
    page = page_of(made_digest(frames=300, unseen=range(10)), tmp_path / "r.html")
    for said in ("1.23 MB", "12.00 s", "300, 25 per second", "<dd>10</dd>", "6 blinks", "mien 0.0", "0" * 64,
                 "mouthSmileLeft", "eyes closed", "<th scope=\"row\">fit</th><td>False</td>"):  # fmt: skip
        assert said in page, said


@pytest.mark.parametrize("name", [HOSTILE, f"dir/{HOSTILE}", "a\nb\udcff\x07.mp4"])
def test_names_are_text(tmp_path: Path, name: str) -> None:
    digest = made_digest(name, 5)
    page = page_of(digest, tmp_path / "r.html")
    assert "<script>alert" not in page
    assert "49.jpg" not in page
    row = ListRow(name, "failed", f"E_FORMAT: {HOSTILE}", None)
    write_listing([row, ListRow(name, "done", "", Entry.of(digest, True))], ABOUT, tmp_path / "l.html")
    assert "<script>alert" not in (tmp_path / "l.html").read_text("utf-8")


def test_a_page_without_pictures_holds_none(tmp_path: Path) -> None:
    page = page_of(made_digest(frames=60), tmp_path / "r.html", pictures=False)
    tags = [tag for tag, _ in Elements(page).found]
    assert "img" not in tags
    assert "data:image" not in page
    assert 'id="points"' not in page
    assert tags.count("button") > 6


def test_a_photo_has_bars_and_no_curves(tmp_path: Path) -> None:
    page = page_of(made_photo(), tmp_path / "r.html")
    assert 'class="chart"' not in page
    assert re.findall(r'<span class="label">(\w+)', page) == ["mouthSmile", "mouthSmile", "jawOpen"]
    assert 'width="80.0"' in page


def test_nobody_is_a_page_too(tmp_path: Path) -> None:
    assert "No face was found." in page_of(made_digest(faces=0, frames=5), tmp_path / "a.html")
    assert "No face was found." in page_of(Digester("e.mp4", 0, True, None).digest(), tmp_path / "b.html")
    assert "chart" in page_of(made_digest(frames=1), tmp_path / "c.html")


def test_the_same_page_is_written_alike_and_replaces_nothing_unasked(tmp_path: Path) -> None:
    pages = [page_of(made_digest(frames=40), tmp_path / name) for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]
    with pytest.raises(OutputError, match="E_EXISTS"):
        page_of(made_photo(), tmp_path / "a.html")


def test_curves_break_where_nobody_was_seen_and_hold_their_values() -> None:
    digest = made_digest(frames=100, unseen=range(40, 50))
    (face,) = digest.faces
    groups = {group.name: group for group in groups_of(digest, face)}
    (smile,) = [row for row in groups["Mouth and jaw"].rows if row.name == "mouthSmile"]
    assert [(line.name, line.kind, line.band) for line in smile.lines] == [("L", "left", ""), ("R", "right", "")]
    assert smile.lines[0].path.count("M") == 2
    assert smile.lines[0].values[40:50] == (None,) * 10
    assert smile.lines[0].values[78] == 80
    assert gaps_of(digest, face) == ((800, 200),)
    assert blinks_of(digest, face) == (500, 1500)
    assert "jawOpen" in groups["Mouth and jaw"].still
    told = [name for group in groups.values() for name in (*(row.name for row in group.rows), *group.still)]
    assert sorted(told) == sorted([*map(action_name, ARKIT.actions), "head", "quality"])


def test_long_videos_have_bands(tmp_path: Path) -> None:
    digester = Digester("long.mp4", 0, True, 25.0)
    frame = made_frame()
    for k in range(1500):
        frame = type(frame)(frame.pixels, k / 25, k)
        digester.add(frame, [reading_of(0, k, {"jawOpen": 0.8 if k == 700 else 0.1 + 0.0001 * k})])
    digest = digester.digest()
    rows = [row for group in groups_of(digest, digest.faces[0]) for row in group.rows if row.name == "jawOpen"]
    assert rows[0].lines[0].band
    assert "mean of 2 frames" in page_of(digest, tmp_path / "r.html")


def test_ticks_are_round_times() -> None:
    ticks = ticks_of(made_digest(frames=100))
    assert [tick.text for tick in ticks] == ["0 s", "1 s", "2 s", "3 s", "4 s"]
    assert [tick.place for tick in ticks] == [0, 25, 50, 75, 100]
    assert ticks_of(made_photo()) == ()


def test_a_list_has_a_row_for_each_source(tmp_path: Path) -> None:
    rows = [
        ListRow("a.mp4", "done", "", Entry.of(made_digest(frames=30, faces=2), True)),
        ListRow("b.jpg", "failed", "E_TRUNC: ends early (fetch it again)", None),
        ListRow("c.jpg", "done", "", Entry.of(made_digest(faces=0, frames=3), True)),
    ]
    write_listing(rows, ABOUT, tmp_path / "l.html")
    page = (tmp_path / "l.html").read_text("utf-8")
    assert page.count("<img") == 1
    for said in ("3 sources", "E_TRUNC: ends early (fetch it again)", "no face found", "1.20 s", "mouthSmile 0.24"):
        assert said in page, said
    write_listing([rows[1]] * (MOST_ROWS + 2), ABOUT, tmp_path / "many.html")
    assert "and 2 more sources" in (tmp_path / "many.html").read_text("utf-8")


@pytest.mark.parametrize("with_picture", [True, False])
def test_what_is_listed_survives_being_kept(tmp_path: Path, with_picture: bool) -> None:
    entry = Entry.of(made_digest(frames=30), with_picture)
    assert bool(entry.picture) == with_picture
    write_entry(entry, tmp_path / "e.json")
    assert read_entry(tmp_path / "e.json") == entry
    for damage in (
        b"{}",
        b"[",
        b'{"duration": 3}',
        (tmp_path / "e.json").read_bytes().replace(b'"frames": 30', b'"frames": -1'),
    ):
        (tmp_path / "e.json").write_bytes(damage)
        with pytest.raises(InputError, match="is damaged"):
            read_entry(tmp_path / "e.json")


@pytest.mark.parametrize(
    ("size", "text"), [(1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (1_234_567, "1.23 MB"), (5e12, "5,000 GB")]
)
def test_sizes_are_read_as_people_read_them(size: float, text: str) -> None:
    assert size_text(int(size)) == text


def test_what_is_missing_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UsageError, match=r'r.html: E_USAGE: .* \(pip install "mien\[report\]"\)'):
        check_pages("r.html")
