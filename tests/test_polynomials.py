"""Energy flow polynomials against their definition, and what must hold of them."""

import itertools

import numpy as np
import pytest

from jetlab import polynomials
from jetlab.errors import ArgumentError


@pytest.fixture
def jets():
    """Shares, eta and phi of 7 jets of up to 5 particles."""
    rng = np.random.default_rng(1)
    share = rng.uniform(size=(7, 5)) * (np.arange(5) < rng.integers(2, 6, size=(7, 1)))
    return share / share.sum(axis=1, keepdims=True), rng.normal(size=(7, 5)), rng.uniform(-4, 4, size=(7, 5))


def test_there_are_as_many_graphs_as_published():
    """Connected multigraphs by edges: arXiv:1712.07124, table 2."""
    found = polynomials.graphs(5)
    assert np.bincount([len(graph) for graph in found])[1:].tolist() == [1, 2, 5, 12, 33]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_they_equal_their_definition(jets, beta):
    share, eta, phi = jets
    wanted = polynomials.graphs(3)
    found = polynomials.energy_flow(share, eta, phi, wanted, beta)
    for jet, (z, y, f) in enumerate(zip(share, eta, phi, strict=True)):
        for column, graph in enumerate(wanted):
            total = 0.0
            for places in itertools.product(range(5), repeat=1 + max(max(edge) for edge in graph)):
                term = np.prod([z[place] for place in places])
                for one, other in graph:
                    a, b = places[one], places[other]
                    turn = abs(f[a] - f[b]) % (2 * np.pi)
                    term *= np.hypot(y[a] - y[b], min(turn, 2 * np.pi - turn)) ** beta
                total += term
            assert found[jet, column] == pytest.approx(total, rel=1e-9)


def test_a_particle_split_in_two_and_one_of_no_energy_change_nothing(jets):
    share, eta, phi = (np.pad(each, ((0, 0), (0, 2))) for each in jets)
    wanted = polynomials.graphs(4)
    before = polynomials.energy_flow(share, eta, phi, wanted)
    share[:, 5], eta[:, 5], phi[:, 5] = 0.3 * share[:, 0], eta[:, 0], phi[:, 0]
    share[:, 0] *= 0.7
    eta[:, 6], phi[:, 6] = 2.0, 1.0
    assert polynomials.energy_flow(share, eta, phi, wanted) == pytest.approx(before, rel=1e-9)


def test_two_prongs_have_the_mass_of_two_prongs():
    """With beta = 2 an edge is twice the squared mass over that of pt, for small angles."""
    share, eta = np.array([[0.6, 0.4]]), np.array([[0.1, -0.1]])
    found = polynomials.energy_flow(share, eta, np.zeros((1, 2)), [((0, 1),)], beta=2.0)
    assert found == pytest.approx(2 * 0.6 * 0.4 * 0.2**2)


def test_more_jets_than_a_chunk_are_the_same_jets(jets):
    many = [np.tile(each, (100, 1)) for each in jets]
    wanted = polynomials.graphs(2)
    found = polynomials.energy_flow(*many, wanted)
    assert found.shape == (700, 3)
    assert found[-7:] == pytest.approx(polynomials.energy_flow(*jets, wanted))


def test_a_graph_without_an_edge_is_refused():
    with pytest.raises(ArgumentError, match="degree 0"):
        polynomials.graphs(0)
