"""Pile-up laid over jets and taken off again: against loops, closed forms and FastJet."""

import awkward as ak
import fastjet
import numpy as np
import pytest
import scipy.special
import vector

from jetlab import pile_up
from jetlab.errors import ArgumentError
from jetlab.io.readout import CELL_ETA, CELL_PHI, MAX_ETA, N_ETA, N_PHI, PIXELS, Crossings, Readout

vector.register_awkward()
CELLS = CELL_ETA * CELL_PHI
MIDDLE = pile_up.SIZE // 2


def collisions(n, tracks, cells, rng, at=None):
    """Collisions with so many tracks and cells each, anywhere, or within 0.5 of the cell `at`."""
    eta, phi = (rng.integers(0, n_of, n * cells) for n_of in (N_ETA, N_PHI))
    ceta, cphi = (rng.integers(0, n_of * PIXELS, n * tracks) for n_of in (N_ETA, N_PHI))
    if at:
        eta, phi = (rng.integers(-4, 5, n * cells) + place for place in at)
        ceta, cphi = (rng.integers(-16, 20, n * tracks) + place * PIXELS for place in at)
    # Powers of two, so that sums are exact.
    pt = [2.0 ** rng.integers(-2, 3, n * each) for each in (tracks, cells)]
    return Readout(np.full(n, tracks), np.full(n, cells), pt[0], ceta, cphi % (N_PHI * PIXELS), pt[1], eta, phi % N_PHI)


@pytest.fixture
def crossings():
    rng = np.random.default_rng(1)
    hard, soft = collisions(6, 20, 15, rng, at=(20, 3)), collisions(40, 12, 25, rng)
    axis = np.full(6, 20), np.full(6, 3)
    return Crossings(hard, soft, np.arange(6) % 2 == 0, np.arange(6), *axis, {})


def image(n=1):
    return np.zeros((n, pile_up.SIZE, pile_up.SIZE))


def bare(n=1, eta=0.0):
    """Jets without anything in them."""
    empty, flat = image(n), np.zeros(n)
    return pile_up.Jets(
        *[empty] * 4,
        np.zeros((n, 4)),
        np.zeros((n, pile_up.TRACKS, 4)),
        np.full(n, eta),
        flat.astype(int),
        flat,
        flat,
        empty,
        flat.astype(int),
        flat > 0,
    )


def directions(eta):
    """Eta and phi of an image's cells, each (SIZE, SIZE)."""
    step = np.arange(pile_up.SIZE) - MIDDLE
    return np.meshgrid(eta + step * CELL_ETA, step * CELL_PHI, indexing="ij")


def test_without_pile_up_all_that_is_there_is_the_truth(crossings):
    found = pile_up.overlay(crossings, 0, seed=1)
    np.testing.assert_array_equal(found.neutral, found.truth)
    assert not found.pile_up.any()
    np.testing.assert_array_equal(found.puppi[found.neutral > 0], 1)
    assert found.truth.sum() == crossings.hard.neutral_pt.sum()
    assert found.leading.sum() == crossings.hard.charged_pt.sum()
    np.testing.assert_array_equal(found.is_w, crossings.is_w)


def test_pile_up_adds_what_its_collisions_have(crossings):
    """A pool of one collision whose cells fill the ring in phi: turned and mirrored it stays what it is."""
    rows = np.array([20, N_ETA - 1 - 20])
    ring = np.repeat(rows, N_PHI), np.tile(np.arange(N_PHI), 2)
    none = np.zeros(0, np.int64)
    one = Readout(np.array([0]), np.array([2 * N_PHI]), none * 0.5, none, none, np.ones(2 * N_PHI), *ring)
    with_ring = Crossings(**vars(crossings) | {"minimum_bias": one})
    found = pile_up.overlay(with_ring, 30, seed=5)
    added = found.neutral - found.truth
    eta = crossings.jet_eta[0] - MIDDLE + np.arange(pile_up.SIZE)
    expected = found.n_pile_up[:, None, None] * np.isin(eta, rows)[:, None] * np.ones(pile_up.SIZE)
    np.testing.assert_array_equal(added, expected)


def test_number_of_pile_up_collisions_is_poisson(crossings):
    n = np.concatenate([pile_up.overlay(crossings, 20, seed).n_pile_up for seed in range(100)])
    assert n.mean() == pytest.approx(20, abs=4 * (20 / len(n)) ** 0.5)
    assert n.var() == pytest.approx(20, abs=4 * 20 * (2 / len(n)) ** 0.5)


def test_pile_up_lies_alike_in_phi_and_on_both_sides(crossings):
    """All pile-up comes from one collision with one track: where it goes is turned and mirrored evenly."""
    none = np.zeros(0, np.int64)
    where = np.array([20 * PIXELS]), np.array([3 * PIXELS])
    one = Readout(np.array([1]), np.array([0]), np.ones(1), *where, none * 0.5, none, none)
    found = pile_up.overlay(Crossings(**vars(crossings) | {"minimum_bias": one}), 4000, seed=2)
    row = found.pile_up[:, MIDDLE]
    mean = found.n_pile_up[:, None] / N_PHI / 2
    np.testing.assert_allclose(row, np.broadcast_to(mean, row.shape), atol=5 * mean.max() ** 0.5)
    # The mirror image is at row 27, the image's last.
    np.testing.assert_allclose(found.pile_up[:, -1], np.broadcast_to(mean, row.shape), atol=5 * mean.max() ** 0.5)


def test_same_seed_gives_the_same_jets_and_chunks_do_not_matter(crossings, monkeypatch):
    first, second = (pile_up.overlay(crossings, 10, seed=3) for _ in range(2))
    for name, values in vars(first).items():
        np.testing.assert_array_equal(values, vars(second)[name])
    monkeypatch.setattr(pile_up, "CHUNK", 2)
    third = pile_up.overlay(crossings, 10, seed=3)
    np.testing.assert_array_equal(third.truth, first.truth)
    np.testing.assert_array_equal(third.collision, first.collision)
    assert not np.array_equal(third.neutral, pile_up.overlay(crossings, 10, seed=4).neutral)


def test_chosen_collisions_and_pool_alone_are_used(crossings):
    found = pile_up.overlay(crossings, 5, seed=1, collisions=np.array([4, 1]), pool=np.array([7]))
    assert sorted(found.collision) == [1, 4]
    np.testing.assert_array_equal(found.is_w, found.collision % 2 == 0)
    alone = pile_up.overlay(crossings, 0, seed=1, collisions=np.array([4]))
    np.testing.assert_array_equal(found.truth[found.collision == 4], alone.truth)
    pt = crossings.minimum_bias.take(np.array([7])).neutral_pt
    added = found.neutral - found.truth
    assert set(np.unique(added % pt.min())) == {0.0}


@pytest.mark.parametrize(
    "wrong", [{"mean": -1}, {"mean": 3, "collisions": np.zeros(0, int)}, {"mean": 3, "pool": np.zeros(0, int)}]
)
def test_impossible_overlays_are_refused(crossings, wrong):
    with pytest.raises(ArgumentError):
        pile_up.overlay(crossings, seed=1, **wrong)


def test_pt_and_mass_are_those_of_fastjet(crossings):
    """One jet of all tracks and cells within 0.7 of the axis, summed by FastJet."""
    found = pile_up.overlay(crossings, 8, seed=6)
    pt, mass = pile_up.kinematics(found, found.neutral)
    readout = crossings.hard
    for number in range(len(found)):
        part = readout.take(np.array([number]))
        ceta = (part.charged_eta + 0.5) * CELL_ETA / PIXELS - MAX_ETA
        cphi = (part.charged_phi + 0.5) * CELL_PHI / PIXELS - np.pi
        deta = ceta - ((20 + 0.5) * CELL_ETA - MAX_ETA)
        dphi = (cphi - ((3 + 0.5) * CELL_PHI - np.pi) + np.pi) % (2 * np.pi) - np.pi
        near = np.hypot(deta, dphi) < 0.7
        eta, phi = directions(found.eta[number])
        inside = (found.neutral[number] > 0) & (np.hypot(eta - found.eta[number], phi) < 0.7)
        each = [
            np.concatenate(both)
            for both in (
                (part.charged_pt[near], found.neutral[number][inside]),
                (ceta[near], eta[inside]),
                (dphi[near], phi[inside]),
            )
        ]
        names = {"pt": each[0], "eta": each[1], "phi": each[2], "mass": np.zeros(len(each[0]))}
        vectors = ak.with_name(ak.zip(names), "Momentum4D")
        [whole] = fastjet.ClusterSequence(
            vectors, fastjet.JetDefinition(fastjet.cambridge_algorithm, 10.0)
        ).inclusive_jets()
        jet = vector.obj(px=whole.px, py=whole.py, pz=whole.pz, E=whole.E)
        assert pt[number] == pytest.approx(jet.pt, rel=1e-6)
        assert mass[number] == pytest.approx(jet.mass, rel=1e-5)


def test_two_cells_have_the_mass_of_two_massless_particles():
    cells = image()
    cells[0, MIDDLE + 2, MIDDLE], cells[0, MIDDLE, MIDDLE - 3] = 50.0, 80.0
    pt, mass = pile_up.kinematics(bare(eta=0.4), cells)
    assert mass[0] ** 2 == pytest.approx(2 * 50 * 80 * (np.cosh(2 * CELL_ETA) - np.cos(3 * CELL_PHI)))
    assert pt[0] ** 2 == pytest.approx(50**2 + 80**2 + 2 * 50 * 80 * np.cos(3 * CELL_PHI))


def test_cells_outside_the_jet_do_not_count():
    cells = image()
    cells[0][~pile_up.inside()] = 7.0
    pt, mass = pile_up.kinematics(bare(), cells)
    assert pt[0] == mass[0] == 0
    assert pile_up.inside().sum() * CELLS == pytest.approx(np.pi * 0.7**2, rel=0.05)


def test_area_subtraction_removes_even_pile_up_exactly():
    rng = np.random.default_rng(2)
    truth = rng.exponential(size=(5, pile_up.SIZE, pile_up.SIZE)) * (rng.random((5, pile_up.SIZE, pile_up.SIZE)) < 0.1)
    rho = np.array([0.0, 1.0, 10.0, 25.0, 60.0])
    seen = truth + rho[:, None, None] * CELLS
    jets = bare(5)
    for found, expected in zip(
        pile_up.kinematics(jets, pile_up.area_subtracted(seen, rho)), pile_up.kinematics(jets, truth), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_too_much_subtracted_gives_no_mass_rather_than_an_imaginary_one():
    cells = image()
    cells[0, MIDDLE, MIDDLE] = 5.0
    _, mass = pile_up.kinematics(bare(), pile_up.area_subtracted(cells, np.array([3.0])))
    assert mass[0] == 0


def test_density_of_even_pile_up_and_of_few_hard_jets():
    cells = np.full((3, N_ETA, N_PHI), 0.2)
    cells[1, 20:24, 5:9] += 50.0
    cells[2] = 0
    np.testing.assert_allclose(pile_up.density(cells), [0.2 / CELLS, 0.2 / CELLS, 0.0])


def test_density_by_a_loop():
    cells = np.random.default_rng(4).exponential(size=(2, N_ETA, N_PHI))
    for number in range(2):
        patches = [
            cells[number, i : i + 6, j : j + 8].sum() / (48 * CELLS)
            for i in range(0, N_ETA, 6)
            for j in range(0, N_PHI, 8)
        ]
        assert pile_up.density(cells)[number] == pytest.approx(np.median(patches))


def test_soft_killer_leaves_half_of_the_patches_empty():
    cells = np.random.default_rng(5).exponential(size=(4, N_ETA, N_PHI))
    threshold = pile_up.soft_killer_threshold(cells)
    left = np.where(cells < threshold[:, None, None], 0.0, cells)
    np.testing.assert_array_equal(left, pile_up.soft_killed(cells, threshold))
    filled = left.reshape(4, N_ETA // 4, 4, N_PHI // 4, 4).max(axis=(2, 4)) > 0
    np.testing.assert_array_equal(filled.mean(axis=(1, 2)), 0.5)


def test_alpha_by_a_loop_and_across_the_seam_of_phi():
    rng = np.random.default_rng(6)
    eta, phi = rng.uniform(-1, 1, 40), rng.uniform(-np.pi, np.pi, 40)
    charged = rng.exponential(size=25), rng.uniform(-1, 1, 25), rng.uniform(-np.pi, np.pi, 25)
    found = pile_up.shape_alpha(eta, phi, *charged)
    assert np.isneginf(found).any()
    for number in range(40):
        total = 0.0
        for pt, other_eta, other_phi in zip(*charged, strict=True):
            dphi = abs(phi[number] - other_phi)
            distance = np.hypot(eta[number] - other_eta, min(dphi, 2 * np.pi - dphi))
            if 0.02 < distance < 0.3:
                total += (pt / distance) ** 2
        assert np.exp(found[number]) == pytest.approx(total)
    [across] = pile_up.shape_alpha(np.zeros(1), np.array([3.1]), np.array([4.0]), np.zeros(1), np.array([-3.1]))
    assert across == pytest.approx(2 * np.log(4.0 / (2 * np.pi - 6.2)))


def test_puppi_weights_are_probabilities_of_chi_squared():
    """Alphas of pile-up with median 2 and a lower spread of 0.5; the weight of s spreads above is erf(s / sqrt 2)."""
    of_pile_up = np.array([2.0 - 0.5 * 2**0.5, 2.0, 30.0, -np.inf, -np.inf])
    spreads = np.array([-1.0, 0.0, 1.0, 2.0, 50.0])
    weights = pile_up.puppi_weights(2.0 + 0.5 * spreads, of_pile_up, np.full(5, 100.0), 40)
    np.testing.assert_allclose(weights, scipy.special.erf(np.maximum(spreads, 0) / 2**0.5), atol=1e-9)
    assert weights[-1] == 1.0


def test_puppi_drops_what_is_unlikely_or_soft():
    of_pile_up = np.array([1.5, 2.0, 2.5])
    alpha = np.array([-np.inf, 2.0 + 1e-3, 50.0, 50.0])
    pt = np.array([100.0, 100.0, 0.3799, 0.3801])
    np.testing.assert_allclose(pile_up.puppi_weights(alpha, of_pile_up, pt, 40), [0, 0, 0, 1])


def test_puppi_without_pile_up_leaves_all():
    np.testing.assert_array_equal(pile_up.puppi_weights(np.array([-np.inf, 3.0]), np.zeros(0), np.ones(2), 0), 1.0)


def test_puppi_keeps_what_is_near_the_leading_vertex_and_drops_what_is_not():
    """A hard jet of one side: a cell beside its tracks stays, one far from all tracks goes."""
    rng = np.random.default_rng(7)
    tracks = np.array([20 * PIXELS + 2] * 3), np.array([3 * PIXELS + 2, 3 * PIXELS + 3, 3 * PIXELS + 4])
    cells = np.array([20, 26]), np.array([4, 9])
    hard = Readout(np.array([3]), np.array([2]), np.full(3, 40.0), *tracks, np.full(2, 5.0), *cells)
    soft = collisions(50, 30, 0, rng)
    crossings = Crossings(hard, soft, np.array([False]), np.array([0]), np.array([20]), np.array([3]), {})
    found = pile_up.overlay(crossings, 40, seed=1)
    assert found.puppi[0, MIDDLE, MIDDLE + 1] > 0.95
    assert found.puppi[0, MIDDLE + 6, MIDDLE + 6] == 0


def test_listed_tracks_are_those_of_the_images(crossings):
    found = pile_up.overlay(crossings, 20, seed=8)
    pt, deta, dphi, own = np.moveaxis(found.tracks, -1, 0)
    column, row = (np.floor(d / cell + pile_up.SIZE / 2) for d, cell in ((deta, CELL_ETA), (dphi, CELL_PHI)))
    for kind, images in ((1, found.leading), (0, found.pile_up)):
        again = np.zeros_like(images)
        chosen = (pt > 0) & (own == kind)
        jet, _ = np.nonzero(chosen)
        np.add.at(again, (jet, column[chosen].astype(int), row[chosen].astype(int)), pt[chosen])
        np.testing.assert_array_equal(again, images)
    assert np.all(np.diff(own, axis=1) <= 0)


def test_of_too_many_tracks_the_softest_of_pile_up_are_left_out(crossings, monkeypatch):
    whole = pile_up.overlay(crossings, 20, seed=8).tracks
    monkeypatch.setattr(pile_up, "TRACKS", 22)
    np.testing.assert_array_equal(pile_up.overlay(crossings, 20, seed=8).tracks, whole[:, :22])


def test_images_have_three_channels(crossings):
    found = pile_up.overlay(crossings, 5, seed=1)
    images = pile_up.images(found)
    assert images.shape == (6, pile_up.SIZE, pile_up.SIZE, 3)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images[..., 2], found.neutral)
