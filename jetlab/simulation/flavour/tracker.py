"""An ATLAS-like tracker: charged particles in, tracks with impact parameters, uncertainties and hits out.

What is modelled, because a flavour tagger feels it: nuclear interactions and conversions in the beam pipe and the pixel
layers, efficiency, curved tracks, resolutions that depend on the innermost layer hit, their tails, merged clusters and
losses in dense cores, fakes. Every number stands in `parameters` with its source.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.simulation.flavour.jets import Jets, nearest
from jetlab.simulation.generator import Array, Particles
from jetlab.simulation.parameters import Tracker

PION_MASS = 0.1396  # GeV
MOST_NEIGHBOURS = 6  # in a core, beyond which nothing gets worse
HADRONS = (130, 2112, 310, 3122)  # neutral ones that live long enough to reach the material
CURVATURE = 0.3e-3  # of charge 1 in 1 T at 1 GeV, 1/mm
SHRINKING_CONE = (0.239, -1.220, -0.0164)  # dR = a + exp(b + c pt/GeV), ATL-PHYS-PUB-2014-013


@dataclass(frozen=True)
class Tracks:
    """Tracks of jets, flat, sorted by jet: `jet` counts the jets of the batch.

    pt in GeV; perigee to the primary vertex: d0 and z0 in mm, phi and curvature (1/mm) there, positive to the left.
    `d0_error` and `z0_error` include the primary vertex. Numbers of hits as in `schema.FLAVOUR_TRACK`. `muon`: passes
    as one. `prompt`: of a particle from the hard collision's own vertex (simulation).
    """

    jet: NDArray[np.int64]
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    curvature: NDArray[np.float64]
    d0: NDArray[np.float64]
    z0: NDArray[np.float64]
    d0_error: NDArray[np.float64]
    z0_error: NDArray[np.float64]
    ninner: NDArray[np.int64]
    npixel: NDArray[np.int64]
    nshared: NDArray[np.int64]
    nstrips: NDArray[np.int64]
    muon: NDArray[np.bool_]
    prompt: NDArray[np.bool_]

    def take(self, index: Array) -> "Tracks":
        """The tracks at `index` (integers or mask)."""
        return Tracks(**{name: values[index] for name, values in vars(self).items()})

    def __len__(self) -> int:
        return len(self.pt)


def tracks_of_jets(
    particles: Particles, vertex_z: Array, jets: Jets, n_events: int, rng: np.random.Generator, d: Tracker
) -> Tracks:
    """Tracks within the shrinking cone of each jet, each given to the nearest.

    `vertex_z` (n_particles,): position of each particle's collision along the beam relative to the hard one, mm.
    """
    kind = np.abs(particles.pid)
    able = (particles.charge != 0) | np.isin(kind, (22, *HADRONS))
    able &= (particles.pt > d.min_pt) & (np.abs(particles.eta) < d.max_eta)
    particles, vertex_z = particles.take(able), vertex_z[able]
    axes = (jets.event, jets.eta, jets.phi)
    distance, jet = nearest((particles.event, particles.eta, particles.phi), axes, n_events)
    a, b, c = SHRINKING_CONE
    near = (jet >= 0) & (distance < a + np.exp(b + c * jets.pt[jet]))
    order = np.flatnonzero(near)[np.argsort(jet[near], kind="stable")]
    p, jet = _with_interactions(particles.take(order), jet[order], rng, d)
    # Secondaries belong to the vertex of what made them, which `p.vertex` numbers.
    z = np.zeros(len(p))
    pile_up = p.vertex > 0
    if pile_up.any():
        number = particles.event * 1000 + particles.vertex
        vertices, first = np.unique(number, return_index=True)
        wanted = (p.event * 1000 + p.vertex)[pile_up]
        z[pile_up] = vertex_z[first[np.searchsorted(vertices, wanted)]]
    charged = (p.charge != 0) & (p.pt > d.min_pt)
    neighbours, closest = _crowding(p.eta, p.phi, jet, charged, d)
    found = charged & (rng.random(len(p)) < _efficiency(p, neighbours, d))
    p, jet, z, neighbours, closest = p.take(found), jet[found], z[found], neighbours[found], closest[found]
    return _measured(p, jet, z, neighbours, closest, n_events, rng, d)


def _with_interactions(p: Particles, jet: Array, rng: np.random.Generator, d: Tracker) -> tuple[Particles, Array]:
    """The particles with what nuclear interactions and conversions make of some of them, sorted by jet."""
    kind = np.abs(p.pid)
    photon = kind == 22
    hadron = ~np.isin(kind, (11, 13, 22))
    radius = np.hypot(p.x, p.y)
    thickness = np.asarray(d.material) * np.cosh(p.eta)[:, None] * (radius[:, None] < np.asarray(d.layers))
    lengths = thickness * np.where(photon, 7 / 9, np.where(hadron, d.nuclear_share, 0.0))[:, None]
    passed = np.cumsum(lengths, axis=1)
    drawn = rng.exponential(size=len(p))
    hit = passed[:, -1] > drawn
    layer = np.argmax(passed > drawn[:, None], axis=1)[hit]
    parent, is_photon = p.take(hit), photon[hit]
    # Where the straight line of the parent crosses the layer.
    cos, sin = np.cos(parent.phi), np.sin(parent.phi)
    along = parent.x * cos + parent.y * sin
    beside = parent.y * cos - parent.x * sin
    path = np.sqrt(np.maximum(np.asarray(d.layers)[layer] ** 2 - beside**2, 0)) - along
    x, y, z = parent.x + path * cos, parent.y + path * sin, parent.z + path * np.sinh(parent.eta)

    count = np.where(is_photon, 2, 1 + rng.poisson(d.interaction_tracks, len(parent)))
    mother = np.repeat(np.arange(len(parent)), count)
    share = rng.exponential(size=len(mother))
    total = np.bincount(mother, weights=share, minlength=len(parent))
    # Neutral secondaries carry away a third.
    share = share / total[mother] * np.where(is_photon[mother], 1.0, 0.67)
    momentum = parent.pt[mother] * np.cosh(parent.eta[mother]) * share
    angle = np.where(is_photon[mother], 0.0, np.minimum(d.interaction_angle / momentum, 0.5))
    eta = parent.eta[mother] + angle * np.cosh(parent.eta[mother]) * rng.normal(size=len(mother))
    phi = wrap(parent.phi[mother] + angle * np.cosh(parent.eta[mother]) * rng.normal(size=len(mother)))
    charge = rng.choice([-1.0, 1.0], len(mother))
    # The two of a conversion have opposite charges.
    second = np.r_[False, mother[1:] == mother[:-1]] & is_photon[mother]
    charge[second] = -charge[np.flatnonzero(second) - 1]
    pt = momentum / np.cosh(eta)
    made = Particles(
        parent.event[mother],
        parent.vertex[mother],
        np.where(is_photon[mother], 11, 211) * charge.astype(np.int64),
        charge,
        pt,
        eta,
        phi,
        np.hypot(momentum, PION_MASS),
        x[mother],
        y[mother],
        z[mother],
    )
    whole = [np.concatenate([one[~hit], two]) for one, two in zip(vars(p).values(), vars(made).values(), strict=True)]
    jet = np.concatenate([jet[~hit], jet[hit][mother]])
    order = np.argsort(jet, kind="stable")
    return Particles(*whole).take(order), jet[order]


def _crowding(eta: Array, phi: Array, jet: Array, charged: Array, d: Tracker) -> tuple[Array, Array]:
    """Charged neighbours of each particle in its core, and the distance to the closest, in the jet it belongs to."""
    neighbours, closest = np.zeros(len(eta), dtype=np.int64), np.full(len(eta), np.inf)
    of = np.flatnonzero(charged)
    # A particle's neighbours in a jet lie near it in the order of eta.
    order = of[np.lexsort((eta[of], jet[of]))]
    reach = max(d.core_distance, d.shared_distance)
    for step in range(1, len(order)):
        one, two = order[:-step], order[step:]
        near = (jet[one] == jet[two]) & (eta[two] - eta[one] < reach)
        if not near.any():
            break
        one, two = one[near], two[near]
        distance = np.hypot(eta[two] - eta[one], wrap(phi[two] - phi[one]))
        for mine in (one, two):
            np.minimum.at(closest, mine, distance)
            np.add.at(neighbours, mine, (distance < d.core_distance).astype(np.int64))
    return np.minimum(neighbours, MOST_NEIGHBOURS), closest


def _efficiency(p: Particles, neighbours: Array, d: Tracker) -> Array:
    kind = np.abs(p.pid)
    forward = np.clip((np.abs(p.eta) - 1) / (d.max_eta - 1), 0, 1)
    efficiency = d.hadron_efficiency[0] + forward * (d.hadron_efficiency[1] - d.hadron_efficiency[0])
    efficiency = np.where(kind == 13, d.muon_efficiency, efficiency)
    efficiency = np.where(kind == 11, d.electron_efficiency, efficiency)
    efficiency = efficiency * (1 - d.core_loss * neighbours)
    whole: Array = efficiency * np.clip(1 - np.hypot(p.x, p.y) / d.max_radius, 0, 1)
    return whole


def perigee(x: Array, y: Array, z: Array, phi: Array, eta: Array, curvature: Array) -> tuple[Array, Array, Array]:
    """d0, z0 (mm) and phi where a helix through (x, y, z) in the direction phi, eta comes closest to the beam line.

    `curvature` in 1/mm is the change of phi along the track across the beam; d0 is positive where the beam line lies to
    the right of the track.
    """
    nx, ny = -np.sin(phi), np.cos(phi)
    centre_x, centre_y = x + nx / curvature, y + ny / curvature
    turn = np.sign(curvature)
    d0 = turn * np.hypot(centre_x, centre_y) - 1 / curvature
    phi0 = np.arctan2(-turn * centre_x, turn * centre_y)
    z0 = z - wrap(phi - phi0) / curvature * np.sinh(eta)
    return d0, z0, phi0


def _measured(
    p: Particles,
    jet: Array,
    vertex_z: Array,
    neighbours: Array,
    closest: Array,
    n_events: int,
    rng: np.random.Generator,
    d: Tracker,
) -> Tracks:
    """Tracks of the found particles, with fakes among them, relative to the measured primary vertex."""
    curvature = -np.sign(p.charge) * CURVATURE * d.field / p.pt
    d0, z0, phi = perigee(p.x, p.y, p.z + vertex_z, p.phi, p.eta, curvature)
    radius = np.hypot(p.x, p.y)
    sensors = np.asarray(d.layers[1:])
    hits = (radius[:, None] < sensors) & (rng.random((len(p), len(sensors))) < d.layer_efficiency)
    shared = (closest < d.shared_distance) & (rng.random(len(p)) < d.shared_share)
    nshared = np.where(shared, 1 + (closest < d.shared_distance / 2), 0)
    nstrips = rng.binomial(d.strip_hits, np.clip(1.15 - np.maximum(radius, sensors[-1]) / d.max_radius * 0.5, 0, 0.99))
    is_fake = rng.random(len(p)) < d.fake_share + d.fake_core * neighbours

    # A first hit farther out means a longer way back to the vertex.
    first = np.where(hits.any(axis=1), sensors[np.argmax(hits, axis=1)], 2 * sensors[-1])
    lever = (first / sensors[0]) ** 0.7
    angle = np.cosh(p.eta) ** 0.5
    d0_error = lever * np.hypot(d.d0_resolution[0], d.d0_resolution[1] / p.pt * angle)
    z0_error = lever * np.hypot(d.z0_resolution[0], d.z0_resolution[1] / p.pt * angle**3)
    spread = d.pull_width * np.where(shared, d.shared_resolution, 1.0)
    spread *= np.where(rng.random(len(p)) < d.tail_share, d.tail_width, 1.0)
    d0 = np.where(is_fake, d.fake_width[0] * rng.normal(size=len(p)), d0 + spread * d0_error * rng.normal(size=len(p)))
    z0 = np.where(is_fake, d.fake_width[1] * rng.normal(size=len(p)), z0 + spread * z0_error * rng.normal(size=len(p)))

    across, along = d.vertex_resolution
    vx, vy, vz = (width * rng.normal(size=n_events)[p.event] for width in (across, across, along))
    d0 = d0 + vx * np.sin(phi) - vy * np.cos(phi)
    z0 = z0 - vz + (vx * np.cos(phi) + vy * np.sin(phi)) * np.sinh(p.eta)
    width = np.hypot(d.pt_resolution[0] * angle, d.pt_resolution[1] * p.pt)
    scale = np.maximum(1 + width * rng.normal(size=len(p)), 0.2)
    kind = np.abs(p.pid)
    muon = (kind == 13) | ((kind == 211) & (rng.random(len(p)) < d.muon_fake))
    return Tracks(
        jet,
        p.pt * scale,
        p.eta,
        phi,
        curvature / scale,
        d0,
        z0,
        np.hypot(d0_error, across),
        np.hypot(z0_error, along),
        hits[:, :2].sum(axis=1),
        hits.sum(axis=1),
        nshared,
        nstrips,
        muon & (p.pt * scale > d.muon_min_pt),
        (p.vertex == 0) & (radius < 0.01) & ~is_fake,
    )
