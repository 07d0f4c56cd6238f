"""Pages that mien writes, opened as files in a real Chromium: nothing is asked for, everything works."""

from pathlib import Path
from typing import Any

import pytest
from browsers import found_chromium, needs_node, node
from made_digests import ABOUT, made_digest, made_photo

from mien.core.basis import ARKIT
from mien.digest.listing import Entry, ListRow, write_listing
from mien.digest.page import write_report

NAME = "<script>alert(1)<b>.mp4"


@pytest.fixture(scope="module")
def chromium() -> str:
    """The path of a Chromium that starts."""
    return found_chromium()


def seen(page: Path, chromium: str, *how: str) -> Any:
    """What tests/browser/report.mjs found out about a page."""
    return node("report.mjs", chromium, str(page), str(page.parent), *how, folder=page.parent)


def stands(found: Any, title: str) -> None:
    """Asserts what holds for every page: no fault, no request, no overflow, light and dark, whole pictures."""
    assert found["faults"] == []
    assert found["requests"] == []
    for view in found["views"].values():
        assert view["overflow"] == 0
        assert (view["broken"], view["nameless"], view["scripts"]) == (0, 0, 0)
        assert (view["heading"], view["title"]) == (title, f"{title} \N{EN DASH} mien")
    views = found["views"]
    assert views["wide"]["ground"] == views["dark"]["ink"].replace("236, 239, 244", "246, 247, 249")
    assert views["wide"]["ground"] != views["dark"]["ground"]


def numbers(cells: list[str]) -> list[float]:
    return [float(cell) for cell in cells]


@needs_node
def test_a_page_about_a_video_is_read_pointed_at_and_sorted(chromium: str, tmp_path: Path) -> None:
    digest = made_digest(f"in/{NAME}", frames=300, faces=2, unseen=range(100, 150))
    write_report(digest, ABOUT, tmp_path / "r.html")
    found = seen(tmp_path / "r.html", chromium)
    stands(found, NAME)
    hover = found["hover"]
    # Half-way is frame 150: the cursor stands there, and reads the blink that the curve shows.
    assert hover["shown"] == "block"
    assert hover["share"] == pytest.approx(0.5, abs=0.01)
    assert float(hover["time"].removesuffix(" s")) == pytest.approx(6.0, abs=0.05)
    place = int(hover["now"])
    mean = digest.faces[0].mean[place, ARKIT.indices(("eyeBlinkLeft", "eyeBlinkRight"))]
    assert hover["row"] == [f"L {mean[0]:.2f}", f"R {mean[1]:.2f}"]
    assert (found["home"]["now"], found["right"]["now"], found["end"]["now"]) == ("0", "1", "299")
    assert found["home"]["near"] == ["first seen"]
    assert found["end"]["share"] == pytest.approx(299 / 300, abs=0.002)
    assert found["points"] == ["hidden", "visible"]
    # The last picture belongs to the second face; its cursor is its own.
    assert found["last"] in {moment.name for moment in digest.faces[1].moments}
    first, second = found["sorts"]["max"]
    assert (first["order"], second["order"]) == ("descending", "ascending")
    assert numbers(first["cells"]) == sorted(numbers(first["cells"]), reverse=True)
    assert numbers(second["cells"]) == sorted(numbers(second["cells"]))
    assert set(first["names"][:2]) == {"eyeBlinkLeft", "eyeBlinkRight"}
    assert sorted(first["names"]) == sorted(ARKIT.columns)
    assert found["sorts"]["channel"][0]["names"] == list(ARKIT.columns)
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


@needs_node
def test_a_list_is_read_and_sorted(chromium: str, tmp_path: Path) -> None:
    rows = [
        ListRow(f"a/long/path/that/has/no/space/{NAME}", "done", "", Entry.of(made_digest(frames=300), True)),
        ListRow("b.jpg", "failed", f"E_FORMAT: not an image; starts with '{NAME}' (save it as PNG)", None),
        ListRow("c.jpg", "done", "", Entry.of(made_photo(faces=3), True)),
    ]
    write_listing(rows, ABOUT, tmp_path / "l.html")
    found = seen(tmp_path / "l.html", chromium)
    stands(found, "3 sources")
    assert [row["cells"] for row in found["sorts"]["faces"]] == [["3", "1", "-1"], ["-1", "1", "3"]]
    assert found["sorts"]["source"][0]["names"] == [row.name for row in rows]


@needs_node
def test_the_policy_bites(chromium: str, tmp_path: Path) -> None:
    """A page into which something was smuggled runs and loads none of it."""
    write_report(made_photo(), ABOUT, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    evil = "<script>alert(1)</script><img alt='x' src='https://example.invalid/x.png' onerror='alert(2)'>"
    (tmp_path / "evil.html").write_text(page.replace("<main>", f"<main>{evil}"), "utf-8")
    found = seen(tmp_path / "evil.html", chromium, "brief")
    # Playwright tells of requests that are made, and of these that the policy let none out.
    assert found["requests"] == found["blocked"] != []
    assert any("Content Security Policy" in fault for fault in found["faults"])
    assert not any(fault.startswith("dialog") for fault in found["faults"])
