"""The picture of the feature space: the plane it lies on, and what is drawn there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.train.feature_picture import COLOURS, SIZE, Cloud, clouds, feature_picture, principal_plane
from mien.train.figures import TAUGHT, Group

CHECKED = settings(derandomize=True, deadline=None, max_examples=30)
SEEDS = st.integers(0, 2**32 - 1)
WORDS = ("neutral", "expressive")


def inked(picture: Array, colour: tuple[int, int, int]) -> int:
    return int((picture == np.array(colour, np.uint8)).all(2).sum())


class TestPrincipalPlane:
    @CHECKED
    @given(SEEDS, st.integers(4, 40))
    def test_it_holds_the_most_variance_that_a_plane_can(self, seed: int, count: int) -> None:
        rng = np.random.default_rng(seed)
        features = rng.normal(size=(count, 6))
        places, share = principal_plane(features, np.arange(count) < 2)
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        spectrum = np.sort(np.linalg.eigvalsh(np.cov(unit.T)))[::-1]
        np.testing.assert_allclose(places.var(0, ddof=1), spectrum[:2], atol=1e-9)
        np.testing.assert_allclose(share, spectrum[:2] / spectrum.sum(), atol=1e-9)
        np.testing.assert_allclose(places.mean(0), 0, atol=1e-9)

    @CHECKED
    @given(SEEDS)
    def test_a_turned_space_has_the_same_picture(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        features, appears = rng.normal(size=(20, 5)) * [5, 3, 1, 1, 1], np.arange(20) < 8
        turned = features @ np.linalg.qr(rng.normal(size=(5, 5)))[0]
        places = principal_plane(features, appears)[0]
        np.testing.assert_allclose(principal_plane(turned, appears)[0], places, atol=1e-6)
        gained = places[appears].mean(0) - places[~appears].mean(0)
        assert (gained >= 0).all()

    def test_features_without_a_spread_lie_in_one_place(self) -> None:
        places, share = principal_plane(np.ones((5, 4)), np.arange(5) < 2)
        np.testing.assert_allclose(places, 0, atol=1e-9)
        np.testing.assert_allclose(share.sum(), 0, atol=1e-9)


def made_cloud(count: int, appearing: int) -> Cloud:
    rng = np.random.default_rng(count)
    appears = np.arange(count) < appearing
    return Cloud("photos", "before", WORDS, rng.normal(size=(count, 8)) + 3 * appears[:, None], appears)


class TestPicture:
    def test_panels_stand_in_rows_and_columns(self) -> None:
        cloud = made_cloud(30, 12)
        one, four = feature_picture([(cloud,)]), feature_picture([(cloud, cloud)] * 2)
        assert one.shape[1] > SIZE[0]
        assert one.shape[0] > SIZE[1]
        assert four.shape[1] > 2 * SIZE[0]
        assert four.shape[0] > 2 * SIZE[1]
        assert inked(four, COLOURS[1]) == 4 * inked(one, COLOURS[1])

    def test_each_state_has_its_colour_and_more_faces_more_ink(self) -> None:
        picture = feature_picture([(made_cloud(30, 12),)])
        assert inked(picture, COLOURS[1]) > inked(feature_picture([(made_cloud(30, 2),)]), COLOURS[1]) > 0
        blues = [inked(feature_picture([(made_cloud(30, some),)]), COLOURS[0]) for some in (0, 30)]
        assert blues[0] > blues[1] > 0  # one is in the legend

    def test_too_few_faces_are_said_and_not_drawn(self) -> None:
        legend = inked(feature_picture([(made_cloud(0, 0),)]), COLOURS[1])
        assert inked(feature_picture([(made_cloud(2, 2),)]), COLOURS[1]) == legend
        assert inked(feature_picture([(made_cloud(3, 3),)]), COLOURS[1]) > legend

    def test_faces_that_lie_in_one_place_are_drawn(self) -> None:
        cloud = Cloud("photos", "after", WORDS, np.ones((6, 4)), np.arange(6) < 3)
        assert inked(feature_picture([(cloud,)]), COLOURS[1]) > 0


class TestClouds:
    @pytest.fixture
    def group(self) -> Group:
        rng = np.random.default_rng(0)
        weights = rng.random((9, len(ARKIT)))
        shows = np.array([1, 1, -1, 0, 0, -1, -1, 1, 0], np.int8)
        state = rng.integers(-1, 2, weights.shape).astype(np.int8)
        local, whole = rng.normal(size=(9, len(ARKIT), 4)), rng.normal(size=(9, 5))
        known = state != 0
        return Group(TAUGHT, np.arange(9), np.arange(9), weights, weights, known, state, shows, local, whole)

    def test_faces_that_are_neither_are_left_out(self, group: Group) -> None:
        (cloud,) = clouds(group, "before")
        assert (cloud.label, cloud.note, cloud.words) == (TAUGHT, "before", WORDS)
        np.testing.assert_array_equal(cloud.features, group.whole[[0, 1, 2, 5, 6, 7]])
        np.testing.assert_array_equal(cloud.appears, [True, True, False, False, False, True])

    def test_a_channel_has_a_panel_of_its_own_features(self, group: Group) -> None:
        _, cloud = clouds(group, "after", "jawOpen")
        k = ARKIT.index("jawOpen")
        decided = group.state[:, k] != 0
        assert cloud.words == ("no jawOpen", "jawOpen")
        np.testing.assert_array_equal(cloud.features, group.local[decided, k])
        np.testing.assert_array_equal(cloud.appears, group.state[decided, k] == 1)
