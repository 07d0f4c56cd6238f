"""A photo's skin lies on the rig where the landmarks say, without its light, and no strange photo lends any."""

from functools import cache

import numpy as np
import pytest
from made_renders import PHOTO, Shown, face_in_photo, many_identities, photo_pack, plain_photo, sheet_places
from scipy import ndimage

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.data.packs import FacesPack
from mien.data.skins import Skins
from mien.detect.shape import mean_face
from mien.rig.ict import IctRig

CALM, OTHER = (200, 150, 120), (60, 90, 130)
"""Colours of a photo that lends its skin, and of one that does not."""

INNER = np.flatnonzero(
    (np.abs(mean_face().points[:468, 0]) < 0.045)
    & (mean_face().points[:468, 1] > -0.02)
    & (mean_face().points[:468, 1] < 0.05)
)
"""Landmarks well within the outline of the face."""


@cache
def rig() -> IctRig:
    return IctRig(many_identities())


def skins(*packs: FacesPack, split: str = "train") -> Skins:
    return Skins(rig(), sheet_places(), list(packs), split)


def drawn(pack: FacesPack, seed: int = 0, split: str = "train") -> Array:
    return skins(pack, split=split).draw(np.random.default_rng(seed))


def at_landmarks(colours: Array) -> Array:
    """[478, 3] what the landmarks' places on the rig look like."""
    return sheet_places().on(colours)


def showing(**weights: float) -> Array:
    row = np.zeros(len(ARKIT), np.float32)
    for name, weight in weights.items():
        row[ARKIT.index(name)] = weight
    return row


# --- whose ------------------------------------------------------------------------------------------------------------


STRANGE = {
    "turned to the right": ({"yaw": 0.5}, {}),
    "turned to the left": ({"yaw": -0.5}, {}),
    "open": ({}, {"jawOpen": 0.3}),
    "smiling on the left": ({}, {"mouthSmileLeft": 0.6}),
    "smiling on the right": ({}, {"mouthSmileRight": 0.6}),
    "winking with the left": ({}, {"eyeBlinkLeft": 0.7}),
    "winking with the right": ({}, {"eyeBlinkRight": 1.0}),
}
"""Turns and weights of faces that are not straight or not calm."""


def strange_pack(*calm: Array) -> FacesPack:
    """Photos of the strange faces, and after them `calm` photos of straight, calm ones."""
    landmarks = [face_in_photo(**turn) for turn, _ in STRANGE.values()] + [face_in_photo()] * len(calm)
    weights = [showing(**shown) for _, shown in STRANGE.values()] + [showing()] * len(calm)
    return photo_pack([plain_photo(OTHER)] * len(STRANGE) + list(calm), landmarks, np.stack(weights))


def asked(pack: FacesPack) -> list[int]:
    """Which of its photos were looked at, in order."""
    assert isinstance(pack.pictures, Shown)
    return pack.pictures.asked


def test_faces_turned_aside_or_moving_lend_no_skin() -> None:
    pack = strange_pack(plain_photo(CALM))
    source, rng = skins(pack), np.random.default_rng(0)
    for _ in range(60):
        source.draw(rng)
    drawn_of = [[*STRANGE, "calm"][number] for number in asked(pack)]
    assert set(drawn_of) == {"calm"}


def test_all_lend_their_skin_where_none_is_straight_and_calm() -> None:
    pack = strange_pack()
    source, rng = skins(pack), np.random.default_rng(0)
    for _ in range(60):
        np.testing.assert_allclose(np.median(source.draw(rng)[many_faces()], 0), OTHER)
    assert set(asked(pack)) == set(range(len(STRANGE)))


def test_a_tilted_head_is_straight() -> None:
    slight = showing(jawOpen=0.05, mouthSmileLeft=0.2, browInnerUp=1)
    turns = [(roll, yaw) for roll in (-1.5, -0.8, 0, 0.4, 3) for yaw in (-0.08, 0.08)]
    landmarks = [face_in_photo(yaw=yaw, roll=roll) for roll, yaw in turns]
    pack = photo_pack([plain_photo(CALM)] * len(turns), landmarks, np.tile(slight, (len(turns), 1)))
    aside = photo_pack([plain_photo(OTHER)], [face_in_photo(yaw=0.6)])
    source, rng = skins(pack, aside), np.random.default_rng(0)
    for _ in range(80):
        source.draw(rng)
    assert set(asked(pack)) == set(range(len(turns)))
    assert not asked(aside)


def many_faces() -> slice:
    """The vertices of the sheet."""
    face = rig().model.regions[0]
    assert face.name == "face"
    return slice(face.start, face.stop)


@pytest.mark.parametrize(("split", "numbers"), [("train", {0, 2}), ("val", {1, 3})])
def test_photos_of_the_other_split_lend_nothing(split: str, numbers: set[int]) -> None:
    packs = [
        photo_pack(
            [plain_photo((200, 30 * k, 90)) for k in range(4)], split=["train", "val", "train", "val"], name=name
        )
        for name in ("faces-one", "faces-two")
    ]
    source, rng = skins(*packs, split=split), np.random.default_rng(0)
    for _ in range(40):
        source.draw(rng)
    for pack in packs:
        assert set(asked(pack)) == numbers


def test_a_split_without_photos_is_said() -> None:
    pack = photo_pack([plain_photo(CALM)], name="faces-mine")
    with pytest.raises(InputError, match=r"^faces-mine: E_FORMAT: no photo of split val \(add a pack"):
        skins(pack, split="val")
    with pytest.raises(InputError, match=r"^packs: E_FORMAT: no photo of split train"):
        skins()


# --- how it lies ------------------------------------------------------------------------------------------------------


def test_a_photo_of_one_colour_gives_that_colour() -> None:
    photos = [(0, 0, 0), (255, 255, 255), (255, 0, 0), CALM, OTHER]
    pack = photo_pack([plain_photo(colour) for colour in photos])
    source, rng = skins(pack), np.random.default_rng(0)
    for _ in range(30):
        colours = source.draw(rng)
        assert colours.shape == (len(many_identities().neutral), 3)
        assert colours.min() >= 0
        assert colours.max() <= 255
        expected = np.tile(photos[asked(pack)[-1]], (len(INNER), 1))
        np.testing.assert_allclose(at_landmarks(colours)[INNER], expected, atol=1e-6)
    assert set(asked(pack)) == set(range(len(photos)))


def blotched(seed: int) -> Array:
    """Red and blue blotches of one brightness: nothing in it looks like light."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(PHOTO, PHOTO)), 14)
    red = 80 * noise / np.abs(noise).max()
    return np.stack([130 + red, np.full_like(red, 110), 130 - red], axis=2).round().astype(np.uint8)


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.05, -0.06, 0.5), (-0.1, 0.06, -0.9)])
def test_skin_lies_where_the_landmarks_say(turn: tuple[float, float, float]) -> None:
    photo, landmarks = blotched(1), face_in_photo(*turn)
    colours = at_landmarks(drawn(photo_pack([photo], [landmarks])))[INNER]
    columns, rows = np.floor(landmarks[INNER, :2]).astype(int).T
    expected = photo[rows, columns].astype(float)
    assert expected[:, 0].std() > 10
    away = np.abs(colours - expected)
    assert away.mean() < 4
    assert np.corrcoef(colours[:, 0], expected[:, 0])[0, 1] > 0.97
    mirrored = photo[rows, PHOTO - 1 - columns].astype(float)
    assert away.mean() < 0.3 * np.abs(colours - mirrored).mean(), "left is left"


def test_skin_fades_at_the_outline_into_its_usual_colour() -> None:
    colours = drawn(photo_pack([blotched(2)]))
    vertices = rig().rest().vertices[many_faces()]
    reds = colours[many_faces(), 0]
    below = vertices[:, 1] > mean_face().points[152, 1] + 0.005
    assert below.sum() > 50
    usual = np.unique(reds[below].round(6))
    assert len(usual) == 1, "beyond the chin there is one colour"
    departure = np.abs(at_landmarks(colours)[:, 0] - usual[0])
    outline = [152, 234, 454, 172, 397, 58, 288, 127, 356]
    assert departure[outline].max() < 0.5 * departure[INNER].max()
    assert departure[INNER].mean() > 3 * departure[outline].mean()


@pytest.mark.parametrize("grey", [30, 100, 170])
def test_eyes_have_colours_of_their_own_as_bright_as_the_photo(grey: int) -> None:
    """A dark photo has no gleaming eyes."""
    source, rng = skins(photo_pack([plain_photo((grey, grey, grey))])), np.random.default_rng(0)
    own = rig().rest().colours
    assert own is not None
    shares = []
    for _ in range(30):
        colours = source.draw(rng)
        for region in rig().model.regions:
            if region.name.startswith("eyeball"):
                span = slice(region.start, region.stop)
                share = colours[span] / own[span]
                assert np.ptp(share) < 1e-9, "lighter or darker as a whole"
                assert colours[span].max() < 1.4 * grey
        shares.append(share.mean() / grey)
    assert np.ptp(shares) > 0.3


def test_some_have_hair_and_some_have_none() -> None:
    source, rng = skins(photo_pack([plain_photo((0, 255, 0))])), np.random.default_rng(0)
    vertices = rig().rest().vertices
    top = np.flatnonzero(vertices[many_faces(), 1] < mean_face().points[10, 1] - 0.01)
    assert len(top) > 50
    bald, colours = 0, []
    for _ in range(60):
        scalp = source.draw(rng)[many_faces()][top]
        if (scalp == (0, 255, 0)).all():
            bald += 1
        else:
            assert not (scalp == (0, 255, 0)).all(1).any(), "hair everywhere or nowhere"
            assert scalp.std(0).min() > 1, "strands"
            colours.append(scalp.mean())
    assert 8 <= bald <= 30
    assert min(colours) < 45
    assert max(colours) > 100


def test_the_seed_decides() -> None:
    source = skins(photo_pack([blotched(seed) for seed in range(4)]))
    one, again, other = (source.draw(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


# --- without its light ------------------------------------------------------------------------------------------------


def unevenness(colours: Array) -> float:
    """How much brighter one cheek is than the other, as a logarithm."""
    bright = np.log(at_landmarks(colours)[INNER].mean(1))
    return float(np.polyfit(mean_face().points[INNER, 0] / 0.09, bright, 1)[0])


def lit_from_the_side(steep: float) -> Array:
    """A plain skin under light that grows by `steep` (a logarithm) from the left end of the face to the right."""
    across = (np.arange(PHOTO) - PHOTO / 2) / 150
    ramp = np.exp(steep * np.clip(across, -0.8, 0.8))[None, :, None]
    skin = np.array([130, 100, 85]) * np.broadcast_to(ramp, (PHOTO, PHOTO, 1))
    return np.asarray(np.clip(skin, 0, 255), np.uint8)


@pytest.mark.parametrize("steep", [-1.0, -0.5, 0.5, 1.0])
def test_light_from_one_side_is_taken_away(steep: float) -> None:
    photo = lit_from_the_side(steep)
    columns, rows = np.floor(face_in_photo()[INNER, :2]).astype(int).T
    bright = np.log(photo[rows, columns].mean(1))
    before = float(np.polyfit(mean_face().points[INNER, 0] / 0.09, bright, 1)[0])
    assert np.sign(before) == np.sign(steep)
    source = skins(photo_pack([photo]))
    after = np.array([unevenness(source.draw(np.random.default_rng(seed))) for seed in range(12)])
    assert (np.abs(after) < 0.85 * np.abs(before)).all()
    assert np.abs(after).mean() < 0.55 * np.abs(before)
    assert (after * before > -0.1 * before**2).all(), "not turned round"


def test_what_is_on_the_skin_stays() -> None:
    """A mole and rosy cheeks are no light."""
    photo = plain_photo((170, 130, 110)).copy()
    landmarks = face_in_photo()
    rows, columns = np.mgrid[:PHOTO, :PHOTO] + 0.5
    for landmark, colour in ((50, (60, 40, 30)), (280, (210, 130, 110))):
        away = np.hypot(columns - landmarks[landmark, 0], rows - landmarks[landmark, 1])
        photo[away < 8] = colour
    source = skins(photo_pack([photo]))
    for seed in range(4):
        colours = at_landmarks(source.draw(np.random.default_rng(seed)))
        np.testing.assert_allclose(colours[50], (60, 40, 30), atol=12)
        np.testing.assert_allclose(colours[280], (210, 130, 110), atol=12)
        np.testing.assert_allclose(colours[4], (170, 130, 110), atol=12)
