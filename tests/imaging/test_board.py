import numpy as np
import pytest

from mien.core.arrays import Array
from mien.imaging.board import Tile, board, heat
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
