"""A teacher is believed where it moves, and what it reads on neutral faces is taken off; true labels are let alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.data.tiles import EXPRESSIVE
from mien.train.seen import Looked, SeenFaces
from mien.train.teaching import FAINT, FAINT_WORTH, LEAST_DEVIATION, REST, Teaching, taught

CHECKED = settings(derandomize=True, deadline=None, max_examples=40)
PHOTOS, RENDERS, BY_HAND = 0, 1, 2
WEIGHED = ARKIT.indices(["jawOpen", "mouthSmileLeft"])
TONGUE, SMILE, BLINK, SNEER = ARKIT.indices(["tongueOut", "mouthSmileRight", "eyeBlinkLeft", "noseSneerLeft"])
FAINTLY = sorted(ARKIT.indices(list(FAINT)).tolist())
OTHERS = [k for k in range(len(ARKIT)) if k not in EXPRESSIVE]


def true_columns() -> Array:
    """[3, 52] of photos with a teacher's labels, renders, and photos of which people weighed two channels."""
    true = np.zeros((3, len(ARKIT)), bool)
    true[RENDERS] = True
    true[BY_HAND, WEIGHED] = True
    return true


def faces(weights: Array, pack: Array | int = PHOTOS, neutral: Array | bool = False, trust: float = 1.0) -> SeenFaces:
    """Faces [N, 52] of which nothing but the labels matters."""
    count = len(weights)
    return SeenFaces(
        np.zeros((count, 1, 1), np.uint8),
        np.zeros((count, 478, 3), np.float16),
        np.zeros((count, 478, 3), np.float16),
        np.asarray(weights, np.float32),
        np.full(count, trust, np.float32),
        np.broadcast_to(pack, (count,)),
        np.arange(count),
        np.broadcast_to(neutral, (count,)),
    )


def random_weights(seed: int, count: int = 40) -> Array:
    """[N, 52] of 0 to 1, some of them 0 and some 1."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.uniform(-0.3, 1.3, (count, len(ARKIT))), 0, 1).astype(np.float32)


def looked(train: SeenFaces, val: SeenFaces) -> Looked:
    names = ("faces-photos", "faces-renders", "faces-hand")
    return Looked(names, (False, True, False), (False,) * 3, true_columns(), np.arange(478), train, val)


def mixed(seed: int, count: int = 60) -> SeenFaces:
    """Faces of all packs, a third of each neutral."""
    return faces(random_weights(seed, count), np.arange(count) % 3, np.arange(count) // 3 % 3 == 0)


@pytest.fixture(scope="module")
def teaching() -> Teaching:
    return Teaching.of(looked(mixed(1), mixed(2)))


def test_whoever_has_a_true_column_is_no_teacher() -> None:
    assert taught(true_columns()).tolist() == [True, False, False]


class TestOf:
    def test_a_channel_is_active_where_the_teacher_moves_on_validation_photos(self) -> None:
        val = np.zeros((60, len(ARKIT)))
        pack = np.arange(60) % 3
        moving = np.sin(np.arange(60))
        val[:, SMILE] = np.where(pack == PHOTOS, moving * 0.2 + 0.4, 0)
        val[:, BLINK] = np.where(pack == PHOTOS, moving * 0.5 * LEAST_DEVIATION + 0.3, 0)
        val[:, SNEER] = np.where(pack != PHOTOS, moving * 0.3 + 0.4, 0)
        assert Teaching.of(looked(mixed(1), faces(val, pack))).active.tolist() == [SMILE]

    def test_the_middle_reading_on_neutral_photos_of_the_training_rests(self) -> None:
        train = mixed(3)
        chosen = (train.pack == PHOTOS) & train.neutral
        resting = Teaching.of(looked(train, mixed(4))).resting
        columns = list(EXPRESSIVE)
        np.testing.assert_allclose(resting[columns], np.median(train.weights[chosen][:, columns], 0))
        assert not resting[OTHERS].any(), "where the eyes look is no matter of rest"
        assert resting[columns].max() > 0.3

    @pytest.mark.parametrize("pack", [RENDERS, BY_HAND])
    def test_without_a_teacher_nothing_is_believed_and_nothing_rests(self, pack: int) -> None:
        alone = faces(random_weights(5), pack, neutral=True)
        teaching = Teaching.of(looked(alone, alone))
        assert len(teaching.active) == 0
        assert not teaching.resting.any()

    def test_without_neutral_photos_nothing_rests(self) -> None:
        train = mixed(6)
        calm = replace(train, neutral=train.neutral & (train.pack != PHOTOS))
        assert not Teaching.of(looked(calm, mixed(2))).resting.any()


class TestWeights:
    @CHECKED
    @given(st.integers(0, 2**32 - 1))
    def test_rest_is_taken_off_and_1_stays_1(self, seed: int) -> None:
        train = mixed(seed)
        teaching = Teaching.of(looked(replace(train, weights=train.weights * np.float32(0.9)), mixed(2)))
        rest = teaching.resting
        given_weights = np.stack([np.zeros(52), rest, (1 + rest) / 2, np.ones(52), rest / 2]).astype(np.float32)
        read = teaching.weights(faces(given_weights), true_columns())
        assert read.dtype == np.float32
        np.testing.assert_allclose(read[0], 0, atol=1e-6)
        np.testing.assert_allclose(read[1], 0, atol=1e-6)
        np.testing.assert_allclose(read[2], 0.5, atol=1e-5)
        np.testing.assert_allclose(read[3], 1, atol=1e-6)
        np.testing.assert_allclose(read[4], 0, atol=1e-6)
        any_weights = random_weights(seed)
        read = teaching.weights(faces(any_weights), true_columns())
        assert ((read >= 0) & (read <= any_weights + 1e-6)).all()
        np.testing.assert_allclose(read[:, OTHERS], any_weights[:, OTHERS], atol=1e-6)
        order = np.argsort(any_weights, 0)
        assert (np.diff(np.take_along_axis(read, order, 0), axis=0) >= -1e-6).all()

    def test_faint_readings_are_stretched_and_stay_below_1(self) -> None:
        resting = np.zeros(len(ARKIT), np.float32)
        given_weights = np.stack([np.full(len(ARKIT), level, np.float32) for level in (0, 0.1, 0.9)])
        read = Teaching(np.array([SMILE]), resting).weights(faces(given_weights), true_columns())
        for name, stretch in FAINT.items():
            np.testing.assert_allclose(read[:, ARKIT.index(name)], [0, 0.1 * stretch, 1], rtol=1e-5)
        np.testing.assert_allclose(read[:, SMILE], [0, 0.1, 0.9], rtol=1e-5)
        for name in FAINT:
            assert FAINT[name] == FAINT[ARKIT.columns[ARKIT.mirror[ARKIT.index(name)]]], "sides are alike"

    def test_a_channel_that_always_is_1_on_neutral_faces_tells_nothing(self) -> None:
        resting = np.zeros(len(ARKIT), np.float32)
        resting[SMILE] = 1
        read = Teaching(np.array([SMILE]), resting).weights(faces(random_weights(2)), true_columns())
        assert not read[:, SMILE].any()

    def test_what_a_neutral_face_shows_beyond_counts_less(self, teaching: Teaching) -> None:
        weights = random_weights(7)
        calm, plain = (teaching.weights(faces(weights, neutral=neutral), true_columns()) for neutral in (True, False))
        columns = list(EXPRESSIVE)
        np.testing.assert_allclose(calm[:, columns], REST * plain[:, columns], atol=1e-6)
        np.testing.assert_array_equal(calm[:, OTHERS], plain[:, OTHERS])

    @pytest.mark.parametrize("neutral", [True, False])
    @pytest.mark.parametrize("pack", [RENDERS, BY_HAND])
    def test_true_labels_are_untouched(self, pack: int, neutral: bool, teaching: Teaching) -> None:
        weights = random_weights(8)
        read = teaching.weights(faces(weights, pack, neutral), true_columns())
        np.testing.assert_array_equal(read, weights)

    def test_faces_of_several_packs_keep_their_order_and_what_was_given(self, teaching: Teaching) -> None:
        seen = mixed(9)
        before = seen.weights.copy()
        read = teaching.weights(seen, true_columns())
        np.testing.assert_array_equal(seen.weights, before)
        for k in range(len(seen)):
            alone = faces(before[k : k + 1], int(seen.pack[k]), bool(seen.neutral[k]))
            np.testing.assert_array_equal(read[k : k + 1], teaching.weights(alone, true_columns()))


class TestKnown:
    def teaching(self) -> Teaching:
        return Teaching(np.array([SMILE, BLINK]), np.zeros(len(ARKIT), np.float32))

    def known(self, pack: int, neutral: bool, trust: float = 1.0) -> Array:
        """[52] of one face."""
        return np.ravel(self.teaching().known(faces(random_weights(1, 1), pack, neutral, trust), true_columns()))

    def test_a_teacher_knows_what_it_moves(self) -> None:
        worth = self.known(PHOTOS, False)
        assert np.flatnonzero(worth).tolist() == sorted([SMILE, BLINK, *FAINTLY])
        assert (worth[[SMILE, BLINK]] == 1).all()
        np.testing.assert_allclose(worth[FAINTLY], FAINT_WORTH)

    def test_what_is_active_is_not_faint(self) -> None:
        every = Teaching(np.array(FAINTLY), np.zeros(len(ARKIT), np.float32))
        seen = faces(random_weights(3))
        assert (every.known(seen, true_columns())[:, FAINTLY] == 1).all()
        np.testing.assert_array_equal(every.weights(seen, true_columns())[:, FAINTLY], seen.weights[:, FAINTLY])

    def test_of_a_neutral_face_everything_is_known_but_the_tongue(self) -> None:
        assert np.flatnonzero(self.known(PHOTOS, True) == 0).tolist() == [TONGUE]

    @pytest.mark.parametrize("neutral", [True, False])
    def test_a_render_knows_everything_but_the_tongue(self, neutral: bool) -> None:
        assert np.flatnonzero(self.known(RENDERS, neutral) == 0).tolist() == [TONGUE]

    @pytest.mark.parametrize("neutral", [True, False])
    def test_people_know_what_they_weighed(self, neutral: bool) -> None:
        assert np.flatnonzero(self.known(BY_HAND, neutral)).tolist() == sorted(WEIGHED.tolist())

    @pytest.mark.parametrize("pack", [PHOTOS, RENDERS, BY_HAND])
    def test_what_is_known_is_worth_its_trust(self, pack: int) -> None:
        whole, half = self.known(pack, True), self.known(pack, True, 0.25)
        assert set(whole.tolist()) <= {0.0, 1.0}
        assert half.dtype == np.float32
        np.testing.assert_array_equal(half, 0.25 * whole)
