import numpy as np
import pytest

from jetlab import trees
from jetlab.errors import ArgumentError


def jets(count=40, length=12, seed=1):
    """Jets of 1 to `length` particles, hardest first, padded."""
    rng = np.random.default_rng(seed)
    pt = -np.sort(-rng.exponential(10, (count, length)) - 0.1, axis=1)
    many = rng.integers(1, length + 1, count)
    present = np.arange(length) < many[:, None]
    eta, phi = rng.normal(0, 0.3, (2, count, length))
    return pt * present, (eta + 0.7) * present, (phi + 3.0) * present, many


def inside(found, jet):
    """The particles of each merged pair of one jet."""
    held = {node: frozenset([node]) for node in range(found.length)}
    for step in range(found.particles[jet] - 1):
        one, other = found.children[jet, step]
        held[found.length + step] = held[one] | held[other]
    return [held[found.length + step] for step in range(found.particles[jet] - 1)]


@pytest.mark.parametrize("algorithm", trees.POWERS)
def test_trees_are_those_of_fastjet(algorithm):
    fastjet = pytest.importorskip("fastjet", reason="FastJet is an extra")
    pt, eta, phi, many = jets()
    found = trees.cluster(pt, eta, phi, algorithm)
    kinds = {
        "kt": fastjet.kt_algorithm,
        "cambridge": fastjet.cambridge_algorithm,
        "anti_kt": fastjet.antikt_algorithm,
    }
    definition = fastjet.JetDefinition(kinds[algorithm], 1000.0)
    for jet, count in enumerate(many):
        particles = []
        for i in range(count):
            p, y, f = pt[jet, i], eta[jet, i], phi[jet, i]
            particle = fastjet.PseudoJet(p * np.cos(f), p * np.sin(f), p * np.sinh(y), p * np.cosh(y))
            particle.set_user_index(i)
            particles.append(particle)
        sequence = fastjet.ClusterSequence(particles, definition)
        (whole,) = sequence.inclusive_jets()
        wanted, waiting = [], [whole]
        while waiting:
            node, one, other = waiting.pop(), fastjet.PseudoJet(), fastjet.PseudoJet()
            if node.has_parents(one, other):
                wanted.append(frozenset(each.user_index() for each in node.constituents()))
                waiting += [one, other]
        assert set(inside(found, jet)) == set(wanted)
        if count > 1:
            mine = found.momenta[jet, found.length + count - 2]
            np.testing.assert_allclose(mine, (whole.px(), whole.py(), whole.pz(), whole.e()))


def test_distances_of_two_particles_are_those_of_the_definition():
    pt, eta, phi = [[4.0, 2.0]], [[0.0, 0.3]], [[3.1, -3.1]]
    square = 0.3**2 + (2 * np.pi - 6.2) ** 2
    for algorithm, scale in {"kt": 4.0, "cambridge": 1.0, "anti_kt": 1 / 16}.items():
        assert trees.cluster(pt, eta, phi, algorithm).distance[0, 0] == pytest.approx(scale * square)


def test_the_walk_takes_the_wider_branch_first_then_the_harder_particle():
    # Two close particles (0, 1), two further apart (2, 3), and one alone (4).
    pt = np.array([[5.0, 9.0, 1.0, 2.0, 3.0]])
    eta = np.array([[0.0, 0.01, 1.0, 1.2, -3.0]])
    found = trees.cluster(pt, eta, np.zeros((1, 5)))
    assert trees.depth_first(found).tolist() == [[3, 2, 1, 0, 4]]


def test_every_particle_is_visited_once_and_padding_comes_last():
    pt, eta, phi, many = jets(200)
    order = trees.depth_first(trees.cluster(pt, eta, phi, "anti_kt"))
    for row, count in zip(order, many, strict=True):
        assert sorted(row[:count]) == list(range(count))
        assert set(row[count:]) <= {-1}


def test_trees_do_not_depend_on_the_order_of_the_particles_or_the_chunk(monkeypatch):
    pt, eta, phi, _ = jets(50, 8)
    full = pt[:, -1] > 0
    pt, eta, phi = pt[full], eta[full], phi[full]
    turned = np.random.default_rng(2).permutation(8)
    first = trees.cluster(pt, eta, phi, "kt")
    monkeypatch.setattr(trees, "CHUNK", 3)
    second = trees.cluster(pt[:, turned], eta[:, turned], phi[:, turned], "kt")
    np.testing.assert_allclose(first.distance, second.distance)
    for jet in range(len(pt)):
        renamed = [frozenset(turned[list(each)].tolist()) for each in inside(second, jet)]
        assert [set(each) for each in inside(first, jet)] == [set(each) for each in renamed]
    orders = [trees.depth_first(each) for each in (first, second)]
    np.testing.assert_array_equal(orders[0], turned[orders[1]])


@pytest.mark.parametrize(
    ("pt", "algorithm", "message"),
    [
        ([[1.0, 2.0]], "siscone", "allowed are kt, cambridge, anti_kt"),
        ([[0.0, 2.0]], "kt", "each jet needs a particle"),
        ([[1.0, 0.0, 2.0]], "kt", "padding .* may only follow"),
    ],
)
def test_what_cannot_be_clustered_is_refused(pt, algorithm, message):
    with pytest.raises(ArgumentError, match=message):
        trees.cluster(pt, np.zeros_like(pt), np.zeros_like(pt), algorithm)


def test_prongs_are_the_two_parts_of_the_last_merging():
    pt, eta, phi, many = jets()
    found = trees.cluster(pt, eta, phi, "kt")
    part = trees.prongs(found)
    for jet, count in enumerate(many):
        assert (part[jet, :count] >= 0).all()
        assert (part[jet, count:] == -1).all()
        if count == 1:
            assert part[jet, 0] == 0
            continue
        children = found.children[jet, count - 2]
        held = {found.length + step: each for step, each in enumerate(inside(found, jet))}
        for number, child in enumerate(children):
            assert set(np.flatnonzero(part[jet] == number)) == set(held.get(child, {child}))
