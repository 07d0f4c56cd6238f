"""Folders, tables and FEAFA become pictures with names, splits and weights; what does not fit is named by its line."""

from pathlib import Path

import numpy as np
import pytest

from mien.core.basis import ARKIT
from mien.core.errors import InputError, NothingMatched
from mien.data.albums import feafa_album, folder_album, table_album
from mien.data.feafa import FOLDS, TWINS
from mien.data.pack_writer import split_of


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def table(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


# --- a folder ---------------------------------------------------------------------------------------------------------


def test_subfolders_name_people_and_loose_pictures_are_their_own(tmp_path: Path) -> None:
    touch(tmp_path, "anna/2.JPG", "anna/1.png", "anna/summer/3.webp", "loose.jpeg", "other.jpg")
    touch(tmp_path, "notes.txt", "anna/clip.mp4", ".thumbs/1.jpg", "bert/.hidden.png")
    (tmp_path / "folder.jpg").mkdir()
    album = folder_album(tmp_path)
    assert [(str(photo.path.relative_to(tmp_path)), photo.person) for photo in album.photos] == [
        ("anna/1.png", "anna"),
        ("anna/2.JPG", "anna"),
        ("anna/summer/3.webp", "anna"),
        ("loose.jpeg", "loose.jpeg"),
        ("other.jpg", "other.jpg"),
    ]
    assert album.named == ()
    assert all(photo.weights is None and photo.label == "" for photo in album.photos)


def test_people_are_dealt_whole(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{person}/{k}.jpg" for person in range(40) for k in range(2)))
    album = folder_album(tmp_path)
    assert {photo.person: photo.split for photo in album.photos} == {str(k): split_of(str(k)) for k in range(40)}
    assert {photo.split for photo in album.photos} == {"train", "val"}
    for photo in album.photos:
        assert photo.split == split_of(photo.person)


def test_a_folder_without_pictures_and_none_at_all_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(NothingMatched, match="E_NOTHING: holds no picture"):
        folder_album(tmp_path)
    for gone in (tmp_path / "gone", tmp_path / "notes.txt"):
        with pytest.raises(InputError, match="E_NOTFILE: there is no such folder"):
            folder_album(gone)


# --- a table ----------------------------------------------------------------------------------------------------------


def test_a_table_gives_weights_by_name_in_any_order(tmp_path: Path) -> None:
    touch(tmp_path, "anna/1.jpg", "b.jpg")
    album = table_album(tmp_path, table(tmp_path, "jawOpen,path,eyeBlinkLeft\n0.5,anna/1.jpg,1\n-0.1,b.jpg,1.2\n"))
    assert album.named == ("eyeBlinkLeft", "jawOpen")
    assert [(photo.path, photo.person) for photo in album.photos] == [
        (tmp_path / "anna" / "1.jpg", "anna"),
        (tmp_path / "b.jpg", "b.jpg"),
    ]
    for photo, (jaw, blink) in zip(album.photos, [(0.5, 1), (-0.1, 1.2)], strict=True):
        assert photo.weights is not None
        expected = np.zeros(52, np.float32)
        expected[ARKIT.indices(["jawOpen", "eyeBlinkLeft"])] = jaw, blink
        np.testing.assert_array_equal(photo.weights, expected)


def test_a_table_may_say_who_where_and_what(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg", "x/4.jpg")
    rows = ["1.jpg,0,anna,val,neutral", "2.jpg,1,anna,,", "3.jpg,0,,train,", "x/4.jpg,0,,,happy"]
    album = table_album(tmp_path, table(tmp_path, "\n".join(["path,jawOpen,identity,split,label", *rows])))
    assert [(photo.person, photo.split, photo.label) for photo in album.photos] == [
        ("anna", "val", "neutral"),
        ("anna", "val", ""),
        ("3.jpg", "train", ""),
        ("x", split_of("x"), "happy"),
    ]


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    touch(tmp_path, "far/anna/1.jpg", "near/bert/2.jpg")
    text = f"path,jawOpen\n{tmp_path}/far/anna/1.jpg,0\n../near/bert/2.jpg,0\n"
    (tmp_path / "empty").mkdir()
    album = table_album(tmp_path / "empty", table(tmp_path, text))
    assert [photo.person for photo in album.photos] == ["anna", "bert"]
    assert all(photo.path.is_file() for photo in album.photos)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("file,jawOpen\n1.jpg,0\n", "line 1: columns are missing: path"),
        ("path\n1.jpg\n", "line 1: no column is named as one of ARKit's weights"),
        ("path,jawOpn\n1.jpg,0\n", "line 1, column 2: 'jawOpn' is no column of a table of labels"),
        ("path,jawOpen,jawOpen\n1.jpg,0,0\n", "line 1, column 3: the column 'jawOpen' comes twice"),
        ("path,jawOpen\n1.jpg,wide\n", "line 2, jawOpen: 'wide' is no number"),
        ("path,jawOpen\n1.jpg,\n", "line 2, jawOpen: '' is no number"),
        ("path,jawOpen\n1.jpg,0\n2.jpg,nan\n", "line 3, jawOpen: is not finite"),
        ("path,jawOpen\n1.jpg,50\n", "line 2, jawOpen: 50 lies outside -0.5 to 2"),
        ("path,jawOpen\n ,0\n", "line 2, path: is empty"),
        ("path,jawOpen\n1.jpg,0\n./1.jpg,0\n", "line 3, path: 1.jpg stands in line 2 already"),
        ("path,jawOpen,split\n1.jpg,0,test\n", "line 2, split: 'test' is neither train nor val"),
        (
            "path,jawOpen,identity,split\n1.jpg,0,anna,train\n2.jpg,0,anna,val\n",
            "line 3, split: 'anna' is in both splits, train and val",
        ),
        ("path,jawOpen\n1.jpg\n", "line 2 has 1 cells, the header 2: jawOpen is missing"),
    ],
)
def test_a_bad_table_is_named_by_its_line(text: str, cause: str, tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg", "2.jpg")
    file = table(tmp_path, text)
    with pytest.raises(InputError) as raised:
        table_album(tmp_path, file)
    assert str(raised.value).startswith(f"{file}: E_FORMAT: {cause}")
    assert "column path" in raised.value.remedy


def test_a_picture_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg")
    file = table(tmp_path, "path,jawOpen\n1.jpg,0\ngone.jpg,0\n")
    with pytest.raises(InputError, match="E_NOTFILE: line 3, path: there is no picture") as raised:
        table_album(tmp_path, file)
    assert raised.value.source == str(file)


def test_a_table_without_rows_and_no_table_are_named(tmp_path: Path) -> None:
    with pytest.raises(NothingMatched, match="names no picture"):
        table_album(tmp_path, table(tmp_path, "path,jawOpen\n"))
    with pytest.raises(InputError, match=r"gone\.csv: E_NOTFILE"):
        table_album(tmp_path, tmp_path / "gone.csv")
    with pytest.raises(InputError, match="E_NOTFILE: there is no such folder"):
        table_album(tmp_path / "gone", tmp_path / "labels.csv")


# --- FEAFA ------------------------------------------------------------------------------------------------------------


def label(folder: Path, video: str, number: int, values: list[float]) -> None:
    touch(folder, f"{video}/{number:08d}.jpg", f"{video}.output/{number:08d}.auw")
    (folder / f"{video}.output" / f"{number:08d}.auw").write_text(" ".join(map(str, values)))


def test_feafa_gives_the_twins_and_its_quiet_frames_are_neutral(tmp_path: Path) -> None:
    label(tmp_path, "PV001", 1, [0.0] * 24)
    label(tmp_path, "PV001", 2, [0.0] * 8 + [0.6] + [0.0] * 15)
    label(tmp_path, "PV009", 1, [0.04] * 24)
    album = feafa_album(tmp_path)
    assert album.named == TWINS
    assert [photo.person for photo in album.photos] == ["PV001", "PV001", "PV009"]
    assert [photo.label for photo in album.photos] == ["neutral", "", "neutral"]
    assert [photo.split for photo in album.photos] == [split_of(name) for name in ("PV001", "PV001", "PV009")]
    weights = album.photos[1].weights
    assert weights is not None
    assert weights[ARKIT.index("jawOpen")] == pytest.approx(0.6)
    assert np.count_nonzero(weights) == 1


@pytest.mark.parametrize("fold", [1, 2, 3])
def test_a_fold_says_who_validates(fold: int, tmp_path: Path) -> None:
    videos = ("PV001", "PV003", "PV008")
    for video in videos:
        label(tmp_path, video, 1, [0.0] * 24)
    album = feafa_album(tmp_path, fold)
    assert [photo.split for photo in album.photos] == ["val" if FOLDS[video] == fold else "train" for video in videos]


def test_feafa_elsewhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        feafa_album(tmp_path / "gone")
    label(tmp_path, "SN001", 1, [0.0] * 24)
    assert len(feafa_album(tmp_path).photos) == 1
    with pytest.raises(InputError, match="SN001: E_FORMAT: is in none of the three folds"):
        feafa_album(tmp_path, 1)
