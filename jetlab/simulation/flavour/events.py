"""Collisions at 13 TeV for flavour tagging, and the hadrons and leptons in them that decide a jet's flavour."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import awkward as ak
import numpy as np

from jetlab.simulation.generator import MINIMUM_BIAS, Array, Generator, Particles, Process, to_polar

ENERGY = 13_000.0  # GeV
MIN_HADRON_PT = 5.0  # GeV, of what decides a flavour, arXiv:1907.05120
MIN_LEPTON_PT = 10.0  # GeV, of leptons from W that jets are not made of

#: One W of each pair decays to a c quark: c jets are rare otherwise. Those of W are the same jets in any top pair.
TTBAR = Process("ttbar", ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onPosIfAny = 4"), energy=ENERGY)


def _z_prime(name: str, quarks: str) -> Process:
    """A wide Z' whose jets are spread nearly evenly over pt: its mass is made even, from 60 to 2,800 GeV."""
    return Process(
        name,
        (
            "NewGaugeBoson:ffbar2gmZZprime = on",
            "Zprime:gmZmode = 3",
            "32:m0 = 2000.",
            "32:mMin = 60.",
            "32:mMax = 2800.",
            "32:doForceWidth = on",
            "32:mWidth = 2000.",
            "PhaseSpace:mHatMin = 60.",
            "PhaseSpace:mHatMax = 2800.",
            "32:onMode = off",
            f"32:onIfAny = {quarks}",
        ),
        mass_power=2.4,
        energy=ENERGY,
    )


LIGHT = _z_prime("zprime_light", "1 2 3")
CHARM = _z_prime("zprime_cc", "4")
BOTTOM = _z_prime("zprime_bb", "5")
#: In the order of the numbers in the column jet_process_ak7.
PROCESSES = (TTBAR, LIGHT, CHARM, BOTTOM)
PILE_UP = replace(MINIMUM_BIAS, energy=ENERGY)

#: Hadrons that decay weakly, by |PDG id|: a jet is theirs however they came about.
B_HADRONS = (511, 521, 531, 541, 5122, 5132, 5232, 5332)
C_HADRONS = (411, 421, 431, 4122, 4132, 4232, 4332)
#: The flavours that decide before others, and their number in the sample.
FLAVOURS = {5: B_HADRONS, 4: C_HADRONS, 15: (15,)}


@dataclass(frozen=True)
class Hadrons:
    """Hadrons and taus that can decide a flavour, flat, sorted by event.

    `flavour` 5, 4 or 15; pt in GeV; `l3d` the length of the flight, `ctau` the proper time times c, mm.
    """

    event: Array
    flavour: Array
    pt: Array
    eta: Array
    phi: Array
    l3d: Array
    ctau: Array


@dataclass(frozen=True)
class Events:
    """A batch of hard collisions: visible particles without the leptons of W, and what decides flavours."""

    number: int
    particles: Particles
    hadrons: Hadrons
    #: Charged leptons of W: event, eta, phi.
    leptons: dict[str, Array]


def generate(generator: Generator, events: int, size: int = 250) -> Iterator[Events]:
    """Generate `events` collisions, `size` at a time."""
    for batch in generator.records(events, size):
        record = batch.prt
        final = record[record.status > 0]
        kind = np.abs(final.id)
        # Pythia's codes from 81 on: what hadronisation and decays make.
        prompt = ((kind == 11) | (kind == 13)) & (final.status < 80)
        leptons = _polar(final[prompt])
        hard = leptons["pt"] > MIN_LEPTON_PT
        yield Events(
            len(record),
            generator.visible(final[~prompt]),
            _hadrons(record),
            {name: leptons[name][hard] for name in ("event", "eta", "phi")},
        )


def _hadrons(record: ak.Array) -> Hadrons:
    kind = np.abs(record.id)
    number = ak.num(kind)
    flat = ak.to_numpy(ak.flatten(kind))
    flavour = np.zeros(len(flat), dtype=np.int64)
    for value, kinds in FLAVOURS.items():
        flavour[np.isin(flat, kinds)] = value
    flavour = ak.unflatten(flavour, number)
    chosen = flavour > 0
    flavour, found = flavour[chosen], record[chosen]
    # A tau that radiates comes again as a tau.
    decays = (found.daughter1 > 0) & (np.abs(record.id[found.daughter1]) != 15)
    flavour, found = flavour[decays], found[decays]
    column = _polar(found)
    daughter = found.daughter1
    start, end = ak.flatten(found.vProd), [ak.flatten(record.vProd[name][daughter]) for name in ("px", "py", "pz")]
    flight = [
        ak.to_numpy(ak.fill_none(one, 0.0)) - ak.to_numpy(ak.fill_none(start[name], 0.0))
        for one, name in zip(end, ("px", "py", "pz"), strict=True)
    ]
    l3d = np.sqrt(sum(component**2 for component in flight))
    momentum = column["pt"] * np.cosh(column["eta"])
    ctau = l3d * ak.to_numpy(ak.flatten(found.m)) / momentum
    hard = column["pt"] > MIN_HADRON_PT
    values = (column["event"], ak.to_numpy(ak.flatten(flavour)), column["pt"], column["eta"], column["phi"], l3d, ctau)
    return Hadrons(*(each[hard] for each in values))


def _polar(jagged: ak.Array) -> dict[str, Array]:
    """Event, pt, eta and phi of particles given as one list per event."""
    event = np.repeat(np.arange(len(jagged)), ak.to_numpy(ak.num(jagged)))
    flat = ak.flatten(jagged)
    pt, eta, phi = to_polar(*(ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz")))
    return {"event": event, "pt": pt, "eta": eta, "phi": phi}
