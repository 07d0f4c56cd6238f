import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.compose.naming import check_pattern, common_folder, foldered, named, page_named, picture_named
from mien.compose.outputs import BatchOptions, check_outputs
from mien.core.errors import UsageError

PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8)


def tree(folder: Path, *names: str) -> list[Path]:
    """Empty files of these names in a folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("pattern", "source", "name"),
    [
        ("out/{folder}/{name}.json", "in/a/b/x.png", "out/a/b/x.json"),
        ("out/{folder}/{name}.json", "in/x.png", "out/x.json"),
        ("{folder}/{name}/{name}.json", "in/a/x.png", "a/x/x.json"),
        ("{folder}/{name}.json", "in/x.png", "x.json"),
        ("{folder}/{name}.json", "in/{name}/{folder}.png", "{name}/{folder}.json"),
        ("{folder}/{name}.json", "in/a/../b/x.png", "b/x.json"),
    ],
)
def test_a_folder_takes_the_place_of_the_pattern(pattern: str, source: str, name: str) -> None:
    assert named(Path(pattern), Path(source), Path("in").absolute()) == Path(name)


@given(st.lists(PARTS, max_size=4), PARTS)
def test_results_stay_where_the_pattern_points(folders: list[str], stem: str) -> None:
    """Whatever sources are called, links of folders upwards included."""
    base = Path("/base")
    source = Path("/base", *folders, stem + ".png")
    inside = Path(os.path.abspath(source.parent)).is_relative_to(base)
    if not inside:
        with pytest.raises(UsageError, match="does not lie in"):
            named(Path("/out/{folder}/{name}.json"), source, base)
        return
    target = named(Path("/out/{folder}/{name}.json"), source, base)
    assert Path(os.path.abspath(target)).is_relative_to("/out")
    assert ".." not in target.parts[:-1]


def test_endings_keep_apart_what_has_one_name(tmp_path: Path) -> None:
    assert named(Path("o/{name}-{ext}.npz"), Path("in/IMG_1.MOV")) == Path("o/IMG_1-mov.npz")
    assert named(Path("{ext}/{name}.npz"), Path("{ext}.jpg")) == Path("jpg/{ext}.npz"), "names of files hold none"
    sources = [tmp_path / "IMG_1.jpg", tmp_path / "IMG_1.mov"]
    for source in sources:
        source.touch()
    with pytest.raises(UsageError, match=r"two results .* \(write o/\{name\}-\{ext\}\.npz\)"):
        check_outputs(BatchOptions((Path("o/{name}.npz"),)).arranged(sources), sources)
    found = check_outputs(BatchOptions((Path("o/{name}-{ext}.npz"),)).arranged(sources), sources)
    assert found == [Path("o/IMG_1-jpg.npz"), Path("o/IMG_1-mov.npz")]


def test_an_ending_that_is_left_out_is_added() -> None:
    assert picture_named(Path("o/{name}"), Path("a.b.mp4")) == Path("o/a.b.png")
    assert page_named(Path("o/{name}"), Path("a.b.mp4")) == Path("o/a.b.html")
    assert page_named(Path("o/{name}.html"), Path("a.mp4")) == Path("o/a.html")


def test_a_folder_is_relative_to_what_was_named(tmp_path: Path) -> None:
    a, b = tree(tmp_path, "in/deep/a.png", "in/deep/er/b.png")
    assert common_folder([tmp_path / "in"]) == tmp_path / "in"
    assert common_folder([tmp_path / "in" / "**" / "*.png"]) == tmp_path / "in"
    assert common_folder([tmp_path / "in" / "d?ep" / "a.png"]) == tmp_path / "in"
    assert common_folder([a, b]) == tmp_path / "in" / "deep"
    assert common_folder([a]) == tmp_path / "in" / "deep"
    assert common_folder([tmp_path / "in" / "deep", tmp_path / "more"]) == tmp_path
    assert common_folder([Path("x.png")]) == Path.cwd()


def test_a_folder_of_a_name_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    (source,) = tree(tmp_path, "in[1]/a[b].png")
    assert common_folder([source]) == tmp_path / "in[1]"


@pytest.mark.parametrize("pattern", ["out/{folder}-{name}.json", "out/{folder}.json", "x{folder}/{name}.json"])
def test_a_folder_stands_between_slashes(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"between slashes alone \(write .*\{folder\}/\{name\}"):
        check_pattern(Path(pattern))


def test_advice_is_a_good_pattern() -> None:
    for pattern in ("out/{name}.json", "{name}-o.mp4", "out/{folder}-{name}.json", "out/{folder}.json", "o/{folder}"):
        check_pattern(foldered(Path(pattern)))
    assert foldered(Path("out/{name}-o.json")) == Path("out/{folder}/{name}-o.json")


def test_one_name_in_two_folders_is_refused_with_advice_that_helps(tmp_path: Path) -> None:
    sources = tree(tmp_path, "in/a/x.png", "in/b/x.png")
    batch = BatchOptions((tmp_path / "out/{name}.json",)).arranged(sources)
    with pytest.raises(UsageError, match="two results would go to this file") as caught:
        check_outputs(batch, sources)
    advice = caught.value.remedy.removeprefix("write ")
    assert advice == str(tmp_path / "out/{folder}/{name}.json")
    batch = BatchOptions((Path(advice),)).arranged(sources)
    assert check_outputs(batch, sources) == [tmp_path / "out/a/x.json", tmp_path / "out/b/x.json"]


def test_a_table_of_a_folder_alone_is_refused(tmp_path: Path) -> None:
    sources = tree(tmp_path, "in/a/x.png", "in/a/y.png")
    with pytest.raises(UsageError, match="two results would go to this file"):
        check_outputs(BatchOptions((tmp_path / "{folder}/all.csv",)).arranged(sources), sources)


def test_a_page_of_one_is_about_it_and_a_page_of_several_lists_them(tmp_path: Path) -> None:
    sources = tree(tmp_path, "a.png", "b.png")
    one, page = BatchOptions(report=Path("p.html")), Path("p.html")
    assert not one.arranged(sources[:1]).listing
    assert one.arranged(sources).listing
    assert not BatchOptions(report=Path("{name}.html")).arranged(sources).listing
    assert check_outputs(one.arranged(sources), sources) == [page]


@pytest.mark.parametrize(
    ("batch", "cause"),
    [
        (BatchOptions(summary=Path("s.png")), "2 sources cannot share this file"),
        (BatchOptions(summary=Path("{name}.jpg")), "--summary does not write .jpg"),
        (BatchOptions(report=Path("r.pdf")), "--report does not write .pdf"),
        (BatchOptions(summary=Path("{name}.png"), overlay=Path("{name}.png")), "two results would go to this file"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, batch: BatchOptions, cause: str) -> None:
    sources = tree(tmp_path, "a.png", "b.png")
    with pytest.raises(UsageError, match=cause):
        check_outputs(batch.arranged(sources), sources)
