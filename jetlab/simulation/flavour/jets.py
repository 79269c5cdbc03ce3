"""Jets of the flavour-tagging sample: clustered at generator level, smeared as a calorimeter would, and labelled."""

from dataclasses import dataclass

import awkward as ak
import numpy as np

from jetlab.angles import wrap
from jetlab.simulation.flavour.events import FLAVOURS, Events
from jetlab.simulation.generator import Array
from jetlab.simulation.parameters import Tracker
from jetlab.simulation.reconstruction import generator_jets

RADIUS = 0.4
PT_RANGE = (20.0, 1000.0)  # GeV
MAX_ETA = 2.5
LABEL_DISTANCE = 0.3  # dR of hadron and jet, arXiv:1907.05120
LEPTON_DISTANCE = 0.4  # dR within which a jet would be an electron or muon of a W
MIN_GENERATOR_PT = 12.0  # GeV


@dataclass(frozen=True)
class Jets:
    """Jets, flat, sorted by event: pt and energy in GeV, and the flavour with the hadron that gives it (NaN: none)."""

    event: Array
    pt: Array
    eta: Array
    phi: Array
    energy: Array
    flavour: Array
    hadron_pt: Array
    hadron_l3d: Array
    hadron_ctau: Array

    def __len__(self) -> int:
        return len(self.pt)


def jets(events: Events, rng: np.random.Generator, tracker: Tracker) -> Jets:
    """Anti-kT jets with R = 0.4 in the range of the sample, none of them a lepton of a W."""
    particles = events.particles
    seen = (np.abs(particles.pid) != 13) & (np.abs(particles.eta) < 3.5)  # muons leave little in a calorimeter
    found = generator_jets(particles.take(seen), events.number, RADIUS, MIN_GENERATOR_PT)
    event = np.repeat(np.arange(len(found)), ak.to_numpy(ak.num(found)))
    pt, eta, phi, energy = (ak.to_numpy(ak.flatten(found[name])) for name in ("pt", "eta", "phi", "E"))
    noise, stochastic, constant = tracker.jet_resolution
    width = np.sqrt((noise / pt) ** 2 + stochastic**2 / pt + constant**2)
    scale = np.maximum(1 + width * rng.normal(size=len(pt)), 0.1)
    angle = np.maximum(tracker.jet_direction[0] / np.sqrt(pt), tracker.jet_direction[1])
    eta = eta + angle * rng.normal(size=len(pt))
    phi = wrap(phi + angle * rng.normal(size=len(pt)))
    pt, energy = pt * scale, energy * scale
    lepton = events.leptons
    distance, _ = nearest((event, eta, phi), (lepton["event"], lepton["eta"], lepton["phi"]), events.number)
    kept = (pt > PT_RANGE[0]) & (pt < PT_RANGE[1]) & (np.abs(eta) < MAX_ETA) & (distance > LEPTON_DISTANCE)
    event, pt, eta, phi, energy = (each[kept] for each in (event, pt, eta, phi, energy))
    return Jets(event, pt, eta, phi, energy, *_flavours(events, event, eta, phi))


def _flavours(events: Events, event: Array, eta: Array, phi: Array) -> tuple[Array, ...]:
    """Flavour of each jet, b before c before tau, and pt, flight and proper time of what gives it."""
    flavour = np.zeros(len(event), dtype=np.int64)
    truth = [np.full(len(event), np.nan) for _ in range(3)]
    hadrons = events.hadrons
    for number in FLAVOURS:
        chosen = np.flatnonzero(hadrons.flavour == number)
        others = (hadrons.event[chosen], hadrons.eta[chosen], hadrons.phi[chosen])
        distance, index = nearest((event, eta, phi), others, events.number)
        new = (distance < LABEL_DISTANCE) & (flavour == 0)
        flavour[new] = number
        for values, source in zip(truth, (hadrons.pt, hadrons.l3d, hadrons.ctau), strict=True):
            values[new] = source[chosen][index[new]]
    return flavour, *truth


def nearest(mine: tuple[Array, Array, Array], others: tuple[Array, Array, Array], n_events: int) -> tuple[Array, Array]:
    """Distance in the eta-phi plane to the nearest of the same event's others, and its position (inf and -1: none).

    Both are given as event, eta and phi, each flat and the others sorted by event.
    """
    event, eta, phi = mine
    other_event, other_eta, other_phi = others
    count = np.bincount(other_event, minlength=n_events)
    first = np.cumsum(count) - count
    best, index = np.full(len(event), np.inf), np.full(len(event), -1)
    # As many passes as the fullest event has others.
    for slot in range(count.max(initial=0)):
        has = np.flatnonzero(count[event] > slot)
        other = first[event[has]] + slot
        distance = np.hypot(eta[has] - other_eta[other], wrap(phi[has] - other_phi[other]))
        nearer = distance < best[has]
        best[has[nearer]], index[has[nearer]] = distance[nearer], other[nearer]
    return best, index
