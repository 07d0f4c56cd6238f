"""What is measured of faces that were read: each figure from the entries that count, and from no others."""

import numpy as np
import pytest

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.metrics import class_distances, pearson
from mien.train.figures import TRUE, Figures, Group, Motion, figures_of, mean_measured

COUNT, K = 40, len(ARKIT)
TONGUE = ARKIT.index("tongueOut")


def made_group(rng: np.random.Generator, weights: Array, labels: Array, known: Array) -> Group:
    state = ((labels > 0.6).astype(np.int8) - (labels < 0.3)) * known
    shows = np.where(np.arange(COUNT) % 2, 1, -1).astype(np.int8)
    local, whole = rng.normal(size=(COUNT, K, 4)), rng.normal(size=(COUNT, 6))
    person = np.arange(COUNT) // 3
    return Group(TRUE, np.arange(COUNT), person, weights, labels, known, state, shows, local, whole)


def still(rng: np.random.Generator) -> Motion:
    """Faces that are read alike from wherever they are seen; none of the second half was moved."""
    weights = rng.random((COUNT, K))
    trembling = np.tile(weights, (8, 1, 1))
    trembling[:, COUNT // 2 :] = np.nan
    return Motion(weights, weights[:, ARKIT.mirror], trembling)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_whoever_reads_the_labels_is_without_fault(rng: np.random.Generator) -> None:
    labels, known = rng.random((COUNT, K)), np.ones((COUNT, K), bool)
    group = made_group(rng, labels, labels, known)
    found = figures_of(group, still(rng))
    for figure, wanted in ((found.r, 1), (found.icc, 1), (found.error, 0), (found.active, 0)):
        np.testing.assert_allclose(figure, wanted, atol=1e-9)
    moving = np.arange(K) != TONGUE
    np.testing.assert_allclose(found.mirror[moving], 0)
    np.testing.assert_allclose(found.jitter[moving], 0, atol=1e-12)
    assert np.isnan([found.mirror[TONGUE], found.jitter[TONGUE]]).all()
    assert found.faces == COUNT


def test_only_known_labels_count(rng: np.random.Generator) -> None:
    weights, labels = rng.random((2, COUNT, K))
    known = rng.random((COUNT, K)) < 0.6
    known[:, 5], known[:, 6] = False, np.arange(COUNT) == 7
    found = figures_of(made_group(rng, weights, labels, known), still(rng))
    rows = known[:, 0]
    assert found.r[0] == pytest.approx(float(pearson(weights[rows], labels[rows])[0]))
    assert found.error[6] == pytest.approx(abs(weights[7, 6] - labels[7, 6]))
    assert np.isnan([found.r[5], found.icc[5], found.error[5], found.active[5], found.apart[5]]).all()
    assert np.isnan([found.r[6], found.icc[6]]).all()  # one face correlates with nothing
    weights[~known] = 9
    again = figures_of(made_group(np.random.default_rng(0), weights, labels, known), still(rng))
    for name in ("r", "error", "active", "icc"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_what_moves_is_measured_where_it_was_moved(rng: np.random.Generator) -> None:
    motion = still(rng)
    views = motion.trembling + rng.normal(0, 0.1, motion.trembling.shape)
    labels, known = rng.random((COUNT, K)), np.ones((COUNT, K), bool)
    group = made_group(rng, labels, labels, known)
    found = figures_of(group, Motion(motion.straight, motion.straight, views))
    moving = np.arange(K) != TONGUE
    np.testing.assert_allclose(found.jitter[moving], views[:, : COUNT // 2].std(0, ddof=1).mean(0)[moving])
    assert 0.07 < mean_measured(found.jitter) < 0.12
    smile = ARKIT.indices(["mouthSmileLeft", "mouthSmileRight"])
    apart = np.abs(motion.straight[:, smile[0]] - motion.straight[:, smile[1]]).mean()
    np.testing.assert_allclose(found.mirror[smile], apart)
    nobody = figures_of(group, Motion(motion.straight, motion.straight, np.full_like(views, np.nan)))
    assert np.isnan(nobody.jitter).all()
    assert np.isnan(mean_measured(nobody.jitter))


def test_distances_are_those_of_the_features(rng: np.random.Generator) -> None:
    labels, known = rng.random((COUNT, K)), np.ones((COUNT, K), bool)
    group = made_group(rng, labels, labels, known)
    found = figures_of(group, still(rng))
    np.testing.assert_array_equal(found.apart, class_distances(group.local, group.state, group.person).ratio)
    whole = class_distances(group.whole[:, None], group.shows[:, None], group.person)
    assert found.whole == float(whole.between[0] / whole.absent[0])


def test_every_figure_is_reported_once_as_the_mean_of_what_was_measured() -> None:
    columns = [np.full(K, np.nan) for _ in range(7)]
    for value, column in enumerate(columns):
        column[value], column[value + 1] = value, value + 1
    columns[4][20] = np.inf
    r, error, active, icc, apart, mirror, jitter = columns
    found = Figures(TRUE, 3, r, error, active, icc, apart, mirror, jitter, whole=9.0)
    assert [name for name, _ in found.columns] == ["r", "error", "active", "icc", "apart", "mirror", "jitter"]
    assert [row.value for row in found.rows] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 9.0]
    assert len({row.what for row in found.rows}) == 8


def test_a_part_of_a_group_is_the_chosen_faces(rng: np.random.Generator) -> None:
    labels, known = rng.random((COUNT, K)), np.ones((COUNT, K), bool)
    group, motion = made_group(rng, labels, labels, known), still(rng)
    chosen = np.arange(COUNT) % 5 == 1
    part, moved = group.only(chosen, "some"), motion.only(chosen)
    assert part.name == "some"
    np.testing.assert_array_equal(part.rows, np.flatnonzero(chosen))
    np.testing.assert_array_equal(part.local, group.local[chosen])
    np.testing.assert_array_equal(moved.trembling, motion.trembling[:, chosen])
    np.testing.assert_array_equal(moved.mirrored, motion.mirrored[chosen])
