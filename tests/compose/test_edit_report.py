"""What came of an edit: numbers that mean what they say, as JSON and as a picture."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_edits import edited, picture_editor, portrait, reading, wish

from mien.compose.edit_report import Measured, check_report, is_hardly_read, measured, write_report
from mien.core.basis import ARKIT
from mien.core.errors import OutputError, OutputExists, UsageError
from mien.core.face import FaceReading
from mien.core.image import Frame
from mien.formats.images import read_image
from mien.pipelines.edit import EditedFace

BOXES = np.array([reading().box])
FIELDS = {
    "face",
    "before",
    "asked",
    "reached",
    "hardly_read",
    "other_channels_mean_change",
    "identity_change_deviations",
    "pixels_in_the_mask",
    "pixels_that_may_change",
    "pixels_changed_elsewhere",
    "folded_share",
    "painted",
}


def found(face: EditedFace | None = None, seen: list[FaceReading] | None = None) -> Measured:
    """Of the portrait, as if it was read again as it was."""
    face = edited("browInnerUp=0.9") if face is None else face
    return measured(portrait(), Frame(face.pixels), face.mask, face, reading(), [reading()] if seen is None else seen)


def written(path: Path, *each: Measured) -> dict[str, Any]:
    write_report(path, each, portrait(), portrait(), np.repeat(BOXES, len(each), 0))
    document = json.loads(path.read_text("utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert isinstance(document, dict)
    return document


def test_what_is_read_again_is_what_it_says() -> None:
    one = found()
    np.testing.assert_array_equal(one.reached, one.now)
    assert (one.others, one.identity, one.outside, one.face) == (0, 0, 0, 0)
    assert one.inside == edited("browInnerUp=0.9").mask.sum()
    assert not one.painted


def test_only_channels_that_nobody_asked_for_are_others() -> None:
    state = reading().state
    weights = np.array(state.expression.weights)
    weights[ARKIT.index("browInnerUp")] += 0.5
    asked_alone = replace(reading(), state=replace(state, expression=replace(state.expression, weights=weights)))
    assert found(seen=[asked_alone]).others == pytest.approx(0, abs=1e-6)
    weights[ARKIT.index("jawOpen")] += 0.51
    other = replace(reading(), state=replace(state, expression=replace(state.expression, weights=weights)))
    assert found(seen=[other]).others == pytest.approx(0.51 / 51, rel=1e-3)


def test_another_person_is_said_to_be_another() -> None:
    points = np.array(reading().landmarks.points)
    points[:, 1] += 0.12 * (points[:, 1] - points[1, 1])
    other = replace(reading(), landmarks=replace(reading().landmarks, points=points))
    assert found(seen=[other]).identity > 0.2


def test_changes_outside_the_mask_are_counted() -> None:
    face = edited("browInnerUp=0.9")
    pixels = face.pixels.copy()
    pixels[0, :7] += 1
    told = measured(portrait(), Frame(pixels), face.mask, face, reading(), [reading()])
    assert (told.outside, told.may) == (7, int(face.mask.sum()))
    wider = face.mask.copy()
    wider[0, :3] = True
    told = measured(portrait(), Frame(pixels), wider, face, reading(), [reading()])
    assert (told.outside, told.may, told.inside) == (4, int(face.mask.sum()) + 3, int(face.mask.sum()))


@pytest.mark.parametrize("away", [None, (90.0, 0.0), (0.0, -150.0)])
def test_a_face_that_is_not_found_again(away: tuple[float, float] | None, tmp_path: Path) -> None:
    seen = []
    if away is not None:
        moved = replace(reading().landmarks, points=reading().landmarks.points + np.array([*away, 0]))
        seen = [replace(reading(), landmarks=moved)]
    one = found(seen=seen)
    assert one.reached is None
    assert np.isnan([one.others, one.identity]).all()
    (face,) = written(tmp_path / "r.json", one)["faces"]
    assert face["reached"] is None
    assert face["other_channels_mean_change"] is None
    assert face["identity_change_deviations"] is None
    assert face["pixels_changed_elsewhere"] == 0
    write_report(tmp_path / "r.png", [one], portrait(), portrait(), BOXES)


def test_the_nearest_face_is_the_edited_one() -> None:
    away = replace(reading().landmarks, points=reading().landmarks.points + np.array([100, 0, 0]))
    stranger = replace(reading(), face=1, landmarks=away)
    np.testing.assert_array_equal(found(seen=[stranger, reading()]).reached, reading().state.expression.weights)


def test_json_has_every_number_by_name(tmp_path: Path) -> None:
    one = found()
    document = written(tmp_path / "r.json", one, replace(one, face=3, painted=True))
    assert (document["schema"], document["basis"]) == (1, "arkit")
    first, second = document["faces"]
    assert first.keys() == FIELDS
    assert (first["face"], second["face"]) == (0, 3)
    assert (first["painted"], second["painted"]) == (False, True)
    assert one.reached is not None
    for name, weights in (("before", one.now), ("asked", one.asked), ("reached", one.reached)):
        assert tuple(first[name]) == ARKIT.columns
        np.testing.assert_allclose(list(first[name].values()), weights, atol=6e-5)
    assert first["asked"]["browInnerUp"] == 0.9


def test_channels_that_are_hardly_read_are_said_to_be(tmp_path: Path) -> None:
    assert [is_hardly_read(name) for name in ("eyeWideLeft", "jawForward", "cheekPuff")] == [True] * 3
    assert not any(
        map(is_hardly_read, ("jawOpen", "mouthSmileRight", "eyeBlinkLeft", "browInnerUp", "jawLeft", "noseSneerRight"))
    )
    (face,) = written(tmp_path / "r.json", found())["faces"]
    assert face["hardly_read"] == [name for name in ARKIT.columns if is_hardly_read(name)]


def test_a_picture_has_before_after_and_difference_a_row_for_each_face(tmp_path: Path) -> None:
    face = edited("browInnerUp=0.9")
    one = found(face)
    for count in (1, 2):
        path = tmp_path / f"{count}.png"
        write_report(path, [one] * count, portrait(), Frame(face.pixels), np.repeat(BOXES, count, 0))
        picture = read_image(path)
        assert 3 * 360 <= picture.width < 3 * 360 + 60
        assert count * 360 < picture.height < count * (360 + 160)
    calm, same = tmp_path / "calm.png", found(edited())
    write_report(calm, [same], portrait(), portrait(), BOXES)
    assert read_image(calm).width == picture.width


def test_what_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    for name in ("r.json", "r.png"):
        path = tmp_path / name
        path.write_bytes(b"mine")
        with pytest.raises(OutputExists):
            write_report(path, [found()], portrait(), portrait(), BOXES)
        assert path.read_bytes() == b"mine"
        write_report(path, [found()], portrait(), portrait(), BOXES, overwrite=True)
        assert path.read_bytes() != b"mine"


@pytest.mark.parametrize("name", ["r.txt", "r", "r.jpg", "r.json.gz", ".json"])
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="E_FORMAT"):
        check_report(tmp_path / name)
    check_report(tmp_path / "r.PNG")


def test_a_folder_that_is_not_there_or_a_folder_as_a_name(tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    with pytest.raises(OutputError, match="E_NOTFILE"):
        check_report(tmp_path / "r.json", overwrite=True)
    with pytest.raises(OutputError, match="E_NOTDIR"):
        check_report(tmp_path / "nowhere" / "r.json")


def test_two_readings_of_an_edit_agree() -> None:
    """The whole way: what the capturer finds in the result, twice."""
    picture = picture_editor().edited(portrait(), [reading()], wish("eyeBlink=1"))
    one, other = (picture_editor().measured(portrait(), picture)[0] for _ in range(2))
    np.testing.assert_array_equal(one.reached, other.reached)
    assert one.others < 0.1
    assert one.identity < 0.5
    assert one.outside == 0
