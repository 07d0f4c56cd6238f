from dataclasses import replace

import numpy as np
import pytest
from made import made_capture
from made_edits import edited, editor, portrait, reading, wish
from made_fits import face as made_points
from PIL import Image
from portraits import placed

from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.errors import InputError, UsageError
from mien.core.face import LANDMARKS, Expression, FaceReading, Landmarks
from mien.core.geometry import rotation_from_angles
from mien.core.image import Frame
from mien.core.looks import FULL_LOOK, gaze_from_looks
from mien.core.points import (
    EYE_LEFT,
    EYE_RIGHT,
    IRISES_LEFT,
    IRISES_RIGHT,
    LID_FOLDS,
    LOWER_INNER_LIP,
    UPPER_INNER_LIP,
    UPPER_LIDS,
)
from mien.imaging.lids import Lid, unfolded
from mien.imaging.openings import Region
from mien.imaging.sheets import LASHES
from mien.paint.parting import Parting
from mien.pipelines.edit import EditedFace, Editor, edited_take
from mien.rig.compact import MOVED, compact_model
from mien.rig.wishes import PRESETS, Wish, preset

EDITS = (
    ("mouthSmile=0",),
    ("jawOpen=0.7",),
    ("eyeBlink=1",),
    ("eyeLookOutLeft=0.8", "eyeLookInRight=0.8"),
    ("browInnerUp=0.9", "eyeWide=0.8"),
    ("mouthPucker=0.9", "cheekPuff=0.5"),
    ("AU04=1", "AU15=0.8"),
)
NAMES = [" ".join(each) for each in EDITS]


def changed(face: EditedFace) -> Array:
    return np.asarray((face.pixels != portrait().pixels).any(2))


def with_points(points: Array, pixels: Array | None = None) -> tuple[Frame, FaceReading]:
    landmarks = Landmarks(points, 1.0)
    frame = portrait() if pixels is None else Frame(pixels)
    return frame, replace(reading(), landmarks=landmarks)


def rig_points(scale: float = 400.0, yaw: float = 0.0, middle: tuple[float, float] = (120, 100)) -> Array:
    """What a reader would see of the mean face with the weights of the portrait."""
    shape = np.zeros(len(compact_model().identities))
    weights = reading().state.expression.weights.astype(np.float64)
    return made_points(shape, weights, rotation_from_angles(0.0, yaw, 0.0), scale, np.array([*middle, 0.0]))


# --- nothing asked ----------------------------------------------------------------------------------------------------


def test_without_a_change_the_picture_is_as_it_was() -> None:
    face = edited()
    np.testing.assert_array_equal(face.pixels, portrait().pixels)
    assert not face.mask.any()
    assert (face.folded, face.painted) == (0.0, False)
    np.testing.assert_array_equal(face.asked, face.now)
    np.testing.assert_array_equal(face.now, reading().state.expression.weights)


def test_what_is_so_already_changes_nothing() -> None:
    now = float(reading().state.expression["jawOpen"])
    face = editor().edit(portrait(), reading(), wish("jawOpen+=0").of(reading().state.expression.weights))
    np.testing.assert_array_equal(face.pixels, portrait().pixels)
    assert face.asked[ARKIT.index("jawOpen")] == np.float32(now)


def test_a_channel_that_no_rig_moves_moves_nothing() -> None:
    assert not changed(edited("tongueOut=1")).any()


# --- what is touched --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", EDITS, ids=NAMES)
def test_only_the_mask_is_touched(changes: tuple[str, ...]) -> None:
    face = edited(*changes)
    assert face.pixels.dtype == np.uint8
    assert face.pixels.shape == portrait().pixels.shape
    assert changed(face).any()
    assert not (changed(face) & ~face.mask).any()
    assert face.mask.mean() < 0.5
    assert (changed(face) & face.mask).sum() > 0.05 * face.mask.sum()


@pytest.mark.parametrize("changes", EDITS[:3], ids=NAMES[:3])
def test_inputs_stay_and_two_runs_are_equal_to_the_bit(changes: tuple[str, ...]) -> None:
    before = portrait().pixels.copy(), reading().landmarks.points.copy(), reading().state.expression.weights.copy()
    one, other = edited(*changes), edited(*changes)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.mask, other.mask)
    fresh = Editor().edit(portrait(), reading(), one.asked)
    np.testing.assert_array_equal(fresh.pixels, one.pixels)
    after = portrait().pixels, reading().landmarks.points, reading().state.expression.weights
    for kept, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(kept, now)


def test_a_picture_elsewhere_in_a_larger_one_is_edited_alike() -> None:
    """What lies round the face has no say: the same crop in a wider picture gives the same pixels."""
    wide = np.full((260, 320, 3), 7, np.uint8)
    wide[30:230, 40:280] = portrait().pixels
    frame, moved = with_points(reading().landmarks.points + np.array([40, 30, 0]), wide)
    alone = edited("browDown=0.8")
    asked = alone.asked
    face = editor().edit(frame, moved, asked)
    inside = face.pixels[30:230, 40:280]
    away = np.abs(inside.astype(int) - alone.pixels)
    assert (away > 2).mean() < 0.002
    rest = np.ones(face.mask.shape, bool)
    rest[30:230, 40:280] = False
    assert (face.pixels[rest & ~face.mask] == 7).all()


@pytest.mark.parametrize("change", ["jawOpen=0.6", "eyeBlink=1"])
@pytest.mark.parametrize("centre", [(20.0, 100.0), (120.0, 20.0), (215.0, 180.0)])
def test_a_face_across_the_border_is_edited_as_far_as_it_is_seen(centre: tuple[float, float], change: str) -> None:
    pixels = placed(centre)[0]
    points = reading().landmarks.points + np.array([centre[0] - 120, centre[1] - 100, 0])
    frame, moved = with_points(points, pixels)
    face = editor().edit(frame, moved, wish(change).of(moved.state.expression.weights))
    outside = (face.pixels != pixels).any(2) & ~face.mask
    assert not outside.any()
    assert face.mask.any()
    assert face.pixels.shape == pixels.shape


# --- how it looks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", MOVED)
def test_a_single_slider_folds_nothing(column: str) -> None:
    assert edited(f"{column}=0.6").folded < 0.001


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_folds_hardly_anything(name: str) -> None:
    asked = Wish(preset(name)).of(reading().state.expression.weights)
    face = editor().edit(portrait(), reading(), asked)
    assert face.folded < 0.01
    assert not (changed(face) & ~face.mask).any()


def test_skin_is_shaded_where_it_moves_and_eyes_and_surroundings_are_not() -> None:
    """Two edits of one motion, with and without what no motion can make."""
    shaded = edited("mouthSmile=0", "browDown=1")
    plain = Editor(shade=False).edit(portrait(), reading(), shaded.asked)
    np.testing.assert_array_equal(shaded.mask, plain.mask)
    away = np.abs(shaded.pixels.astype(int) - plain.pixels).max(2)
    assert away.max() > 3
    assert not away[~plain.mask].any()
    for ring in (EYE_LEFT, EYE_RIGHT):
        x, y = shaded.target[list(ring)].mean(0).astype(int)
        assert away[y, x] == 0


def test_a_small_change_is_a_small_change_of_shading() -> None:
    now = reading().state.expression.weights
    asked = now.copy()
    asked[ARKIT.index("browInnerUp")] += np.float32(0.003)
    face = editor().edit(portrait(), reading(), asked)
    assert np.abs(face.pixels.astype(int) - portrait().pixels).mean() < 0.3


def test_a_mouth_parts_as_is_told() -> None:
    asked = edited("jawOpen=0.8").asked
    whole, parted = (
        editor().edit(portrait(), reading(), asked, parts=Parting(seam, 1.0)).pixels
        for seam in (None, np.full(65, 0.5))
    )
    away = np.abs(whole.astype(int) - parted).max(2)
    assert away.max() > 20
    assert not away[~edited("jawOpen=0.8").mask].any()


def test_only_what_opens_is_painted() -> None:
    assert edited("jawOpen=0.8").painted
    assert not edited("eyeBlink=1").painted
    assert not edited("browInnerUp=1").painted
    motion_alone = Editor(paint=False, shade=False).edit(portrait(), reading(), edited("jawOpen=0.8").asked)
    assert not motion_alone.painted
    assert (motion_alone.pixels != edited("jawOpen=0.8").pixels).any()


def four_times() -> tuple[Frame, FaceReading]:
    """The portrait, enlarged."""
    large = np.asarray(Image.fromarray(portrait().pixels).resize((960, 800), Image.Resampling.BICUBIC))
    return with_points(reading().landmarks.points * 4, large)


def test_upper_teeth_that_the_photo_shows_stay_where_they_are() -> None:
    frame, face = four_times()
    upper, lower = face.landmarks.points[[13, 14], :2]
    opened = editor().edit(frame, face, wish("jawOpen=0.6").of(face.state.expression.weights))
    assert opened.target[14, 1] > lower[1] + 10
    top = max(upper[1], opened.target[13, 1])
    rows = slice(int(top + 0.25 * (lower[1] - top)), int(top + 0.6 * (lower[1] - top)))
    columns = slice(int(upper[0]) - 25, int(upper[0]) + 25)
    teeth = frame.pixels[rows, columns].astype(int)
    assert teeth.size > 300
    assert teeth.mean() > 120
    assert np.median(np.abs(opened.pixels[rows, columns] - teeth)) == 0


def test_a_mouth_that_shuts_shows_nothing_in_its_corners() -> None:
    """By motion alone the dark stays there in which her last teeth were."""
    frame, face = four_times()
    shut = np.zeros(len(ARKIT), np.float32)
    with_care, by_motion_alone = (one.edit(frame, face, shut) for one in (editor(), Editor(paint=False, shade=False)))
    assert not with_care.painted
    for corner in (78, 308):
        x, y = with_care.target[corner].astype(int)
        darkest = [one.pixels[y - 12 : y + 12, x - 20 : x + 20].mean(2).min() for one in (with_care, by_motion_alone)]
        assert darkest[0] > darkest[1] + 20


def test_what_an_open_mouth_shows_goes_along_with_lips_that_go_elsewhere() -> None:
    """Were it left behind, the lower lip as it was would be seen between the lips."""
    frame, seen = four_times()
    points = seen.landmarks.points.astype(np.float64)
    motion_alone = Editor(paint=False, shade=False, mend=False)
    now = seen.state.expression.weights
    face = motion_alone.edit(frame, seen, wish("mouthFrown=1", "mouthSmile=0").of(now))
    fell = float(np.median((face.target - points[:, :2])[list(LOWER_INNER_LIP), 1]))
    assert fell > 6
    before, after = seen_between(frame.pixels, points[:, :2]), seen_between(face.pixels, face.target)
    assert np.abs(after - before).mean() < 10, "teeth from lip to lip, as there were"


def seen_between(pixels: Array, points: Array) -> Array:
    """[9, 5, 3] what is seen between the lips, from the upper to the lower one, in the middle of the mouth."""
    upper, lower = (points[list(lips)][3:8] for lips in (UPPER_INNER_LIP, LOWER_INNER_LIP))
    places = upper + np.linspace(0.1, 0.9, 9)[:, None, None] * (lower - upper)
    x, y = np.moveaxis(places.astype(int), -1, 0)
    return np.asarray(pixels[y, x], np.float64)


def test_one_eye_is_closed_and_the_other_left() -> None:
    """The left one is at the picture's right."""
    face = edited("eyeBlinkLeft=1")
    middle = int(reading().landmarks.points[168, 0])
    top, bottom = np.sort(reading().landmarks.points[[159, 145], 1]).astype(int)
    eyes = slice(top - 3, bottom + 3)
    away = np.abs(face.pixels.astype(int) - portrait().pixels).sum(2)[eyes]
    assert away[:, middle + 5 :].sum() > 3 * away[:, : middle - 5].sum()
    left, right = ((374, 386), (145, 159))
    gap = {eye: np.linalg.norm(np.subtract(*face.target[list(eye)])) for eye in (left, right)}
    assert gap[left] < 0.5
    assert gap[right] > 2


def test_a_lid_brings_no_more_than_its_lashes_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lay above them stays with the fold, however bright: the lid between is the skin round the eye."""
    pixels, points = portrait().pixels.copy(), reading().landmarks.points[:, :2]
    size = 0, 0, pixels.shape[1], pixels.shape[0]
    for folds, lids in zip(LID_FOLDS, UPPER_LIDS, strict=True):
        fold, border = points[list(folds)], points[list(lids)]
        pixels[Region.between(fold, border + LASHES * (fold - border)).share(*size) > 0.5] = 250
    seen: list[Lid] = []

    def noting(patch: Array, left: int, top: int, lid: Lid) -> Array:
        seen.append(lid)
        return unfolded(patch, left, top, lid)

    asked = edited("eyeBlink=1").asked
    monkeypatch.setattr("mien.pipelines.edit.unfolded", noting)
    made = editor().edit(Frame(pixels), reading(), asked).pixels
    assert len(seen) == 2
    for lid in seen:
        above = lid.lashes - LASHES * (lid.lashes - lid.fold)
        assert made[Region.between(above, lid.lashes).share(*size) > 0.7].mean() < 205


def test_an_iris_stays_round_when_its_eye_opens() -> None:
    frame, seen = four_times()
    points = seen.landmarks.points
    face = editor().edit(frame, seen, wish("eyeWide=1").of(seen.state.expression.weights))
    for iris in (IRISES_LEFT, IRISES_RIGHT):
        middle = points[iris[0], :2]
        radius = np.linalg.norm(points[list(iris[1:]), :2] - middle, axis=1).mean()
        (x0, y0), (x1, y1) = (middle - 2 * radius).astype(int), (middle + 2 * radius).astype(int)
        before, after = (picture[y0:y1, x0:x1].astype(int).mean(2) for picture in (frame.pixels, face.pixels))
        half = slice(int(radius * 2), int(radius * 2.6))  # beside and below its middle, where it was seen
        assert np.abs(after - before)[half, half].mean() < 4, "the iris itself stays"


def test_a_lid_that_comes_down_is_skin_whatever_lay_in_its_fold() -> None:
    """With the fold black, as under lashes and paint, the lid is nearly as light as with the fold that she has."""
    large, points = four_times()[0].pixels, reading().landmarks.points * 4
    fold, border = (points[list(lines[1]), :2] for lines in (LID_FOLDS, UPPER_LIDS))
    strip = Region.between(fold, border + 0.3 * (fold - border)).share(0, 0, 960, 800) > 0.5
    dark = large.copy()
    dark[strip] = 10
    asked = wish("eyeBlink=1").of(reading().state.expression.weights)
    face, usual = (editor().edit(*with_points(points, pixels), asked) for pixels in (dark, large))
    above, below = (face.target[list(lines[1])] for lines in (LID_FOLDS, UPPER_LIDS))
    x, y = ((above + below) / 2)[3:6].astype(int).T
    lid, before = (one.pixels[y, x].mean() for one in (face, usual))
    assert strip.sum() > 400
    assert lid > 0.75 * before > 60


def test_a_small_wish_moves_less_than_a_large_one() -> None:
    small, large = (np.abs(edited(f"browInnerUp={w}").target - edited().target).max() for w in (0.2, 0.8))
    assert 0 < small < 0.5 * large


# --- what is refused --------------------------------------------------------------------------------------------------


def refused(points: Array) -> InputError:
    frame, made = with_points(points)
    asked = wish("jawOpen=0.5").of(made.state.expression.weights)
    before = frame.pixels.copy()
    with pytest.raises(InputError) as caught:
        editor().edit(frame, made, asked, "me.png")
    assert caught.value.source == "me.png"
    assert caught.value.remedy
    np.testing.assert_array_equal(frame.pixels, before)
    return caught.value


def test_a_face_that_the_rig_made_is_edited() -> None:
    frame, made = with_points(rig_points())
    assert editor().edit(frame, made, wish("jawOpen=0.5").of(made.state.expression.weights)).mask.any()


@pytest.mark.parametrize("yaw", [0.85, -0.85])
def test_a_face_that_is_turned_away_is_refused(yaw: float) -> None:
    error = refused(rig_points(yaw=yaw))
    assert error.code == "E_PROFILE"
    assert "40" in error.cause
    frame, made = with_points(rig_points(yaw=0.55 * np.sign(yaw)))
    assert editor().edit(frame, made, wish("jawOpen=0.5").of(made.state.expression.weights)).mask.any()


def test_a_face_that_is_too_small_is_refused() -> None:
    error = refused(rig_points(scale=150.0))
    assert error.code == "E_SMALL"
    assert "12" in error.cause
    frame, made = with_points(rig_points(scale=210.0))
    assert editor().edit(frame, made, wish("jawOpen=0.5").of(made.state.expression.weights)).mask.any()


@pytest.mark.parametrize("seed", range(4))
def test_points_that_no_rig_explains_are_refused(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 1, (LANDMARKS, 3)) * [1, 1, 0]
    assert refused(rig_points() + 2.5 * noise).code == "E_POSE"
    frame, made = with_points(rig_points() + 0.2 * noise)
    assert editor().edit(frame, made, wish("jawOpen=0.5").of(made.state.expression.weights)).mask.any()


def test_a_large_picture_is_edited_with_the_same_reading() -> None:
    """Four times as large: cells are larger, the motion is the same."""
    frame, made = with_points(reading().landmarks.points * 4, portrait().pixels.repeat(4, 0).repeat(4, 1))
    small = edited("mouthSmile=0.2")
    face = editor().edit(frame, made, small.asked)
    np.testing.assert_allclose(face.target / 4, small.target, atol=0.05)
    assert face.mask[::4, ::4].mean() == pytest.approx(small.mask.mean(), rel=0.15)


# --- takes ------------------------------------------------------------------------------------------------------------


def test_a_take_is_edited_where_the_face_was_seen() -> None:
    _, take = made_capture(frames=4).takes
    assert not take.valid[1]
    asked = Wish(preset("smile"), neutral=True)
    after = edited_take(take, asked)
    weights = take.state.expression.weights
    np.testing.assert_array_equal(after.state.expression.weights[1], weights[1])
    np.testing.assert_array_equal(after.state.gaze.rotation[1], take.state.gaze.rotation[1])
    seen = take.valid
    np.testing.assert_array_equal(after.state.expression.weights[seen], asked.of(weights[seen]))
    assert after.landmarks is None
    assert take.landmarks is not None
    for name in ("times", "frames", "valid", "box", "score", "quality"):
        np.testing.assert_array_equal(getattr(after, name), getattr(take, name))
    np.testing.assert_array_equal(after.state.pose.rotation, take.state.pose.rotation)
    assert (after.source, after.face, after.frame_rate) == (take.source, take.face, take.frame_rate)


def test_the_gaze_of_a_take_follows_its_looks() -> None:
    take = made_capture(faces=1).takes[0]
    calm = replace(take.state, expression=Expression(np.zeros((3, 52)), ARKIT))
    take = replace(take, state=calm)
    after = edited_take(take, wish("eyeLookOutLeft=0.5", "eyeLookUp=0.3"))
    turned = after.state.gaze.rotation @ np.swapaxes(take.state.gaze.rotation, -1, -2)
    np.testing.assert_allclose(turned, gaze_from_looks(after.state.expression).rotation, atol=1e-6)
    angle = np.arccos((np.trace(turned[0, 1]) - 1) / 2)
    assert angle == pytest.approx(0.3 * FULL_LOOK, abs=1e-5)
    stayed = edited_take(take, wish("jawOpen=0.5"))
    np.testing.assert_allclose(stayed.state.gaze.rotation, take.state.gaze.rotation, atol=1e-6)


def test_a_take_over_another_basis_is_refused() -> None:
    take = made_capture(faces=1).takes[0]
    other = replace(take, state=replace(take.state, expression=Expression(np.zeros((3, len(FACS))), FACS)))
    with pytest.raises(UsageError, match="facs") as caught:
        edited_take(other, Wish())
    assert caught.value.code == "E_BASIS"


def test_a_record_is_checked_at_birth() -> None:
    pixels, weights = np.zeros((4, 5, 3), np.uint8), np.zeros(52, np.float32)
    with pytest.raises(ValueError, match="mask"):
        EditedFace(pixels, np.zeros((5, 4), bool), weights, weights, np.zeros((478, 2)), 0.0)
    with pytest.raises(ValueError, match="target"):
        EditedFace(pixels, np.zeros((4, 5), bool), weights, weights, np.zeros((478, 3)), 0.0)
