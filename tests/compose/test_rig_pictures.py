import numpy as np
import pytest
from made_rig import STEPS, MadeRig

from mien.compose import rig_pictures
from mien.compose.rig_pictures import channel_picture, channels, sheet_picture
from mien.core.arrays import Array
from mien.core.basis import ARKIT, FACS
from mien.core.errors import UsageError
from mien.core.face import FaceState, Identity
from mien.imaging.portrait import BACKDROP

RIG = MadeRig()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles large enough to see something on, and quick."""
    monkeypatch.setattr(rig_pictures, "_SHOWN_SIDE", 96)
    monkeypatch.setattr(rig_pictures, "_SHEET_SIDE", 40)


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("jawOpen", ("jawOpen",)),
        ("mouthSmileRight", ("mouthSmileRight",)),
        ("mouthSmile", ("mouthSmileLeft", "mouthSmileRight")),
        ("eyeBlink", ("eyeBlinkLeft", "eyeBlinkRight")),
    ],
)
def test_a_name_stands_for_a_column_or_for_both_sides(name: str, expected: tuple[str, ...]) -> None:
    assert channels(RIG, name) == expected


def test_both_sides_are_told_from_letters_too() -> None:
    rig = MadeRig("facs", FACS, ("AU12L", "AU12R", "AU26", "AU01", "AU10L", "AU10R"))
    assert channels(rig, "AU12") == ("AU12L", "AU12R")
    assert channels(rig, "AU26") == ("AU26",)
    with pytest.raises(UsageError, match="no channel of this name"):
        channels(rig, "AU61")  # its sides swap with AU62 in a mirror: the eyes turn together


@pytest.mark.parametrize("name", ["jaw", "mouth", "eyeLookIn", "eyeLookOut"])
def test_two_actions_are_no_name(name: str) -> None:
    everything = MadeRig("all", ARKIT)
    everything.absent = ()
    with pytest.raises(UsageError, match="no channel of this name"):
        channels(everything, name)
    assert channels(everything, "eyeLookUp") == ("eyeLookUpLeft", "eyeLookUpRight")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mouthsmile", r"mouthsmile: E_USAGE: the made rig has no channel.*did you mean mouthSmile or"),
        ("jawOpn", r"did you mean jawOpen"),
        ("zzz", r"for example eyeBlinkLeft"),
    ],
)
def test_a_name_that_is_not_there_brings_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        channels(RIG, name)


def test_what_a_rig_does_not_move_is_said() -> None:
    for name in ("tongueOut", "mouthFrown"):
        with pytest.raises(UsageError, match="the made rig does not move it"):
            channels(RIG, name)


# --- one channel ------------------------------------------------------------------------------------------------------


def tiles(picture: Array, side: int = 96) -> list[Array]:
    """The three pictures of `rigs show`, told by the background in their upper corners."""
    rows, columns = np.nonzero((picture == np.array(BACKDROP)).all(2))
    top, left = int(rows.min()), int(columns.min())
    return [
        picture[top : top + side, left + k * (side + 6) : left + k * (side + 6) + side].astype(int) for k in range(3)
    ]


@pytest.mark.usefixtures("small")
def test_a_channel_is_shown_at_rest_driven_and_measured() -> None:
    at_rest, driven, heat = tiles(channel_picture(RIG, "jawOpen"))
    changed = np.abs(at_rest - driven).sum(2) > 20
    assert changed[60:].any()
    assert not changed[:40].any()
    coloured = np.ptp(heat, axis=2) > 60
    assert coloured[60:].mean() > 0.05
    assert not coloured[:40].any()


@pytest.mark.usefixtures("small")
def test_a_side_moves_its_own_side() -> None:
    middles = {}
    for name in ("mouthSmileLeft", "mouthSmile", "mouthSmileRight"):
        _, _, heat = tiles(channel_picture(RIG, name))
        middles[name] = np.nonzero(np.ptp(heat, axis=2) > 60)[1].mean()
    # The subject's left is on the right of the picture.
    assert middles["mouthSmileLeft"] - 5 > middles["mouthSmile"] > middles["mouthSmileRight"] + 5


@pytest.mark.usefixtures("small")
def test_the_weight_is_the_one_asked_for() -> None:
    _, half, _ = tiles(channel_picture(RIG, "jawOpen", 0.5))
    at_rest, whole, _ = tiles(channel_picture(RIG, "jawOpen"))
    assert 0 < np.abs(half - at_rest).sum() < np.abs(whole - at_rest).sum()
    still = tiles(channel_picture(RIG, "jawOpen", 0.0))
    np.testing.assert_array_equal(still[0], still[1])
    assert np.ptp(still[2], axis=2).max() < 30  # all grey


@pytest.mark.parametrize("weight", [11.0, -11.0, float("nan"), float("inf")])
def test_a_weight_beyond_all_measure_is_refused(weight: float) -> None:
    with pytest.raises(UsageError, match="--weight: E_USAGE"):
        channel_picture(RIG, "jawOpen", weight)


@pytest.mark.usefixtures("small")
def test_looks_turn_the_eyes() -> None:
    seen: list[Array] = []

    class Looking(MadeRig):
        def vertices(self, identity: Identity, state: FaceState) -> Array:
            seen.append(state.gaze.rotation)
            return super().vertices(identity, state)

    rig = Looking()
    rig.absent = ()
    at_rest, driven, _ = tiles(channel_picture(rig, "eyeLookDown"))
    assert np.abs(seen[-1] - np.eye(3)).max() > 0.1
    assert (at_rest != driven).any()


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_the_sheet_holds_every_channel() -> None:
    steps: list[tuple[int, int]] = []
    sheet = sheet_picture(RIG, lambda *step: steps.append(step))
    assert steps == [(k, 52) for k in range(1, 53)]
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == 8 * 46 + 6
    assert sheet.shape[0] > 7 * 46
    assert (sheet == np.array(BACKDROP)).all(2).sum() > 7 * 40  # the tiles of the rest pose and the six channels


def test_displacement_counts_what_can_be_seen() -> None:
    sitter = rig_pictures._sitter(RIG, 32)
    driven = sitter.driven(("jawOpen",), 1.0)
    assert rig_pictures._millimetres(sitter, driven).max() == pytest.approx(30.0, abs=0.01)
    lifted = sitter.still + np.where(np.arange(len(sitter.still)) == STEPS * STEPS, 1.0, 0.0)[:, None]
    assert rig_pictures._millimetres(sitter, lifted).max() == pytest.approx(1000 * np.sqrt(3), rel=1e-3)
