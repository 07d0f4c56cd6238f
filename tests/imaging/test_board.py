import numpy as np
import pytest

from mien.core.arrays import Array
from mien.imaging.board import Tile, board, cut_square, heat
from mien.imaging.draw import PANEL


def tile(level: int, label: str = "jawOpen", note: str = "") -> Tile:
    return Tile(label, np.full((80, 100, 3), level, np.uint8), note)


def found(picture: Array, level: int) -> tuple[int, int]:
    """Upper left corner of the area of one grey level."""
    rows, columns = np.nonzero((picture == level).all(2))
    assert len(rows) >= 80 * 100
    return int(rows.min()), int(columns.min())


def test_tiles_are_read_like_text() -> None:
    picture = board([tile(50 + k) for k in range(5)], 2, "all", (100, 80))
    places = [found(picture, 50 + k) for k in range(5)]
    assert places == sorted(places)
    assert places[0][1] == places[2][1] == places[4][1] < places[1][1] == places[3][1]
    assert picture.dtype == np.uint8


def test_fewer_tiles_than_columns_make_a_narrower_board() -> None:
    assert board([tile(50)], 8, "one", (100, 80)).shape[1] < 130


def test_labels_and_notes_are_written() -> None:
    bare, labelled, noted = (board([t], 1, "", (100, 80)) for t in (tile(9, ""), tile(9), tile(9, "", "3.2 mm")))
    assert (bare != labelled).any()
    assert (noted != labelled).any()
    assert (bare != board([tile(9, "")], 1, "title", (100, 80))).any()


def test_a_tile_without_picture_keeps_its_place() -> None:
    picture = board([Tile("tongueOut", None, "absent"), tile(77)], 2, "", (100, 80))
    row, column = found(picture, 77)
    left = picture[row + 5 : row + 75, column - 80 : column - 30]
    assert (left == PANEL).all()


def test_a_scale_explains_the_colours() -> None:
    without = board([tile(9)] * 3, 3, "", (100, 80))
    with_scale = board([tile(9)] * 3, 3, "", (100, 80), 12.5)
    assert with_scale.shape[0] > without.shape[0]
    foot = with_scale[without.shape[0] :].reshape(-1, 3).astype(int)
    for share in (0.2, 0.5, 0.9):
        colour = 255 * heat(np.array([share]))[0]
        assert np.abs(foot - colour).sum(1).min() < 12
    assert (board([tile(9)] * 3, 3, "", (100, 80), 99.0) != with_scale).any()


def test_heat_goes_from_grey_to_something_else() -> None:
    colours = heat(np.linspace(0, 1, 50))
    assert colours.shape == (50, 3)
    assert colours.min() >= 0
    assert colours.max() <= 1
    assert np.ptp(colours[0]) < 0.05
    assert np.abs(np.diff(colours, axis=0)).sum(1).min() > 0.001
    assert colours[-1].mean() == pytest.approx(0.25, abs=0.1)


def test_a_title_of_several_lines_has_room() -> None:
    one, three = (board([tile(50)], 1, title, (100, 80)) for title in ("a", "a\nb\nc"))
    more = three.shape[0] - one.shape[0]
    assert more >= 2 * 11
    assert one.shape[1] == three.shape[1]
    np.testing.assert_array_equal(three[-90:], one[-90:])
    written = (three[: three.shape[0] - 110] != PANEL).any((1, 2))
    assert np.diff(np.flatnonzero(np.diff(written.astype(int)) == 1)).size >= 2, "lines apart from each other"
    assert not written[0]


def test_a_square_is_cut_round_a_box() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    cut = cut_square(pixels, np.array([30.0, 20, 50, 30]), 1.0, 20)
    np.testing.assert_array_equal(cut, pixels[15:35, 30:50])
    wide = cut_square(pixels, np.array([30.0, 20, 50, 30]), 2.0, 40)
    np.testing.assert_array_equal(wide, pixels[5:45, 20:60])
    assert cut_square(pixels, np.array([30.0, 20, 50, 30]), 1.5, 7).shape == (7, 7, 3)


def test_beyond_the_picture_a_square_is_black() -> None:
    pixels = np.full((60, 90, 3), 200, np.uint8)
    cut = cut_square(pixels, np.array([-10.0, -10, 10, 10]), 1.0, 20)
    assert (cut[10:, 10:] == 200).all()
    assert not cut[:10].any()
    assert not cut[:, :10].any()


@pytest.mark.parametrize("box", [(5.0, 5, 5, 5), (5, 5, 5.2, 5.1), (-500, -500, -400, -400)])
def test_a_square_of_nothing_is_a_picture(box: tuple[float, ...]) -> None:
    assert cut_square(np.zeros((60, 90, 3), np.uint8), np.array(box), 1.5, 9).shape == (9, 9, 3)
