"""Proton-proton collisions from Pythia 8, as flat arrays of stable particles.

Pythia 8: arXiv:2203.11601. For the jets at 7 TeV: top pairs, or pairs of W, for merged hadronic W; QCD with more
high-pt jets than nature has, and weights that give nature's spectrum back.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import pythia8mc
from numpy.typing import NDArray

from jetlab.angles import wrap

Array = NDArray[Any]

MILLIBARN = 1e9  # in pb

COMMON = (
    "Print:quiet = on",
    "Random:setSeed = on",
    # What decays inside the tracker leaves displaced tracks; what decays later reaches the calorimeters whole.
    "ParticleDecays:limitCylinder = on",
    "ParticleDecays:xyMax = 1100.",
    "ParticleDecays:zMax = 2800.",
)


@dataclass(frozen=True)
class Process:
    """One Pythia process: its name, its settings, and which events are wanted.

    `wants_w`: those with a boosted hadronic W. `thinned`: few of those that count little beside the W. `mass_power`: a
    resonance has nature's spectrum of masses times mass to this power. `energy`: of the two beams together, GeV.
    `max_separation`: in eta, of the two partons that a collision scatters; wider ones are dropped.
    """

    name: str
    settings: tuple[str, ...]
    wants_w: bool = False
    thinned: bool = False
    mass_power: float = 0.0
    energy: float = 7000.0
    max_separation: float = math.inf


def _qcd(name: str, low: int, high: int, power: float, thinned: bool = False) -> Process:
    """QCD whose pThat spectrum is nature's times pThat to `power`."""
    return Process(
        name,
        (
            "HardQCD:all = on",
            f"PhaseSpace:pTHatMin = {low}.",
            f"PhaseSpace:pTHatMax = {high}.",
            "PhaseSpace:bias2Selection = on",
            f"PhaseSpace:bias2SelectionPow = {power}",
            f"PhaseSpace:bias2SelectionRef = {low}.",
        ),
        thinned=thinned,
    )


_HADRONIC_W = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")

TOP = Process(
    "ttbar", ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "PhaseSpace:pTHatMin = 100.", *_HADRONIC_W), wants_w=True
)
WW = Process("ww", ("WeakDoubleBoson:ffbar2WW = on", "PhaseSpace:pTHatMin = 150.", *_HADRONIC_W), wants_w=True)
#: The power brings the spectrum of the jets near that of the W, which weights compare them at.
QCD = _qcd("qcd", 110, 650, 3.0, thinned=True)
#: Jets of 30 to 300 GeV, evenly spread, to compare with real ones.
SOFT_QCD = _qcd("soft_qcd", 20, 500, 4.0)
MINIMUM_BIAS = Process("minimum_bias", ("SoftQCD:inelastic = on",))

NEUTRINOS = (12, 14, 16)
#: Pythia's status of what leaves the hard process.
OUTGOING = -23


class _WantBoostedW(pythia8mc.UserHooks):  # type: ignore[misc]  # Pythia has no types
    """Drops, before the costly shower and hadronisation, hard processes without a W that can fill a jet above 200 GeV.

    The cuts (W pt > 170 GeV, |eta| < 2.3, quarks within 0.85) are looser than the jet selection by several resolutions.
    """

    def canVetoProcessLevel(self) -> bool:
        return True

    def doVetoProcessLevel(self, process: pythia8mc.Event) -> bool:
        return not any(self._is_wanted(process, process[i]) for i in range(process.size()))

    def _is_wanted(self, process: pythia8mc.Event, particle: pythia8mc.Particle) -> bool:
        if particle.idAbs() != 24 or particle.pT() < 170 or abs(particle.eta()) > 2.3:
            return False
        first, second = (process[i].p() for i in (particle.daughter1(), particle.daughter2()))
        near: bool = pythia8mc.REtaPhi(first, second) < 0.85
        return near


class _WantCentral(pythia8mc.UserHooks):  # type: ignore[misc]  # Pythia has no types
    """Drops hard processes whose two partons lie far apart in eta, before the costly shower and hadronisation."""

    def __init__(self, max_separation: float) -> None:
        super().__init__()
        self._max_separation = max_separation

    def canVetoProcessLevel(self) -> bool:
        return True

    def doVetoProcessLevel(self, process: pythia8mc.Event) -> bool:
        first, second = (process[i].eta() for i in range(process.size()) if process[i].status() == -OUTGOING)
        far: bool = abs(first - second) > self._max_separation
        return far


class _RaiseMass(pythia8mc.UserHooks):  # type: ignore[misc]  # Pythia has no types
    """Makes heavy resonances more frequent than they are in nature."""

    def __init__(self, power: float) -> None:
        super().__init__()
        self._power = power

    def canBiasSelection(self) -> bool:
        return True

    def biasSelectionBy(self, _: pythia8mc.SigmaProcess, phase_space: pythia8mc.PhaseSpace, __: bool) -> float:
        weight: float = (phase_space.sHat() / 1e6) ** (self._power / 2)
        return weight


def _hook(process: Process) -> pythia8mc.UserHooks | None:
    """What steers the choice of events of a process."""
    if process.wants_w:
        return _WantBoostedW()
    if math.isfinite(process.max_separation):
        return _WantCentral(process.max_separation)
    return _RaiseMass(process.mass_power) if process.mass_power else None


@dataclass(frozen=True)
class Particles:
    """Stable visible particles of many collisions, flat: one array entry per particle, `event` from 0.

    Momenta in GeV, production points `x y z` in mm relative to their own collision, `vertex` 0 for the hard collision
    and 1, 2, ... for pile-up.
    """

    event: NDArray[np.int64]
    vertex: NDArray[np.int64]
    pid: NDArray[np.int64]
    charge: NDArray[np.float64]
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    energy: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]

    def take(self, index: Array) -> "Particles":
        """The particles at `index` (integers or mask)."""
        return Particles(**{name: values[index] for name, values in vars(self).items()})

    def with_(self, **changed: Array) -> "Particles":
        """A copy with some arrays replaced."""
        return Particles(**{**vars(self), **changed})

    def __len__(self) -> int:
        return len(self.pt)


def concatenate(parts: list[Particles]) -> Particles:
    """Several sets of particles as one; `event` is kept as it stands in each."""
    return Particles(**{name: np.concatenate([vars(p)[name] for p in parts]) for name in vars(parts[0])})


@dataclass(frozen=True)
class Collisions:
    """A batch of generated events: particles, pThat in GeV and weight (n_events,), the hadronic W, and the partons.

    `w` has one row per hadronic W: its event, id, pt, eta, phi, and the dR between its two quarks. `partons` has one
    row per outgoing parton of the hard process: its event, id, pt, eta, phi.
    """

    particles: Particles
    pthat: NDArray[np.float64]
    weight: NDArray[np.float64]
    w: dict[str, Array]
    partons: dict[str, Array]

    def __len__(self) -> int:
        return len(self.pthat)

    def take(self, chosen: NDArray[np.bool_]) -> "Collisions":
        """The chosen events (n_events,), numbered anew."""
        number = np.cumsum(chosen) - 1
        particles = self.particles.take(chosen[self.particles.event])

        def kept(rows: dict[str, Array]) -> dict[str, Array]:
            stay = chosen[rows["event"]]
            return {name: values[stay] for name, values in rows.items()} | {"event": number[rows["event"][stay]]}

        return Collisions(
            particles.with_(event=number[particles.event]),
            self.pthat[chosen],
            self.weight[chosen],
            kept(self.w),
            kept(self.partons),
        )


class Generator:
    """Pythia set up for one process and one seed."""

    def __init__(self, process: Process, seed: int, shower: tuple[str, ...] = ()) -> None:
        self._pythia = pythia8mc.Pythia("", False)
        for setting in (*COMMON, f"Beams:eCM = {process.energy}", *shower, *process.settings, f"Random:seed = {seed}"):
            if not self._pythia.readString(setting):
                raise RuntimeError(f"Pythia refuses the setting {setting!r} of process {process.name}.")
        # Pythia keeps only a reference: the hook must outlive this line.
        self._hook = _hook(process)
        if self._hook is not None:
            self._pythia.setUserHooksPtr(self._hook)
        if not self._pythia.init():
            raise RuntimeError(f"Pythia could not be initialised for process {process.name}.")

    def batches(self, events: int, size: int = 250) -> Iterator[Collisions]:
        """Generate `events` collisions, `size` at a time."""
        for batch in self.records(events, size):
            yield self._convert(batch)

    def records(self, events: int, size: int = 250) -> Iterator[ak.Array]:
        """Generate `events` collisions, `size` at a time, and give Pythia's own event records."""
        for start in range(0, events, size):
            yield self._pythia.nextBatch(min(size, events - start))

    @property
    def cross_section(self) -> float:
        """Cross section in pb of what has been generated so far, vetoed events left out."""
        picobarn: float = self._pythia.infoPython().sigmaGen() * MILLIBARN
        return picobarn

    def _convert(self, batch: ak.Array) -> Collisions:
        record = batch.prt
        quarks = np.abs(record.id[record.daughter1]) < 6
        particles = self.visible(record)
        pthat = np.sqrt(ak.to_numpy(batch.info.pT2Hat))
        weight = ak.to_numpy(batch.info.weights[:, 0])
        w = _hadronic_w(record[(np.abs(record.id) == 24) & quarks], record)
        return Collisions(particles, pthat, weight, w, _rows(record[record.status == OUTGOING]))

    def visible(self, record: ak.Array) -> Particles:
        """The visible stable particles of an event record."""
        return _visible(record, self._charge)

    def _charge(self, pid: Array) -> NDArray[np.float64]:
        kinds, inverse = np.unique(pid, return_inverse=True)
        return np.array([self._pythia.particleData.charge(int(kind)) for kind in kinds])[inverse]


def _visible(record: ak.Array, charge_of: Callable[[Array], Array]) -> Particles:
    pid = np.abs(record.id)
    visible = (record.status > 0) & ~((pid == NEUTRINOS[0]) | (pid == NEUTRINOS[1]) | (pid == NEUTRINOS[2]))
    chosen = record[visible]
    event = np.repeat(np.arange(len(chosen)), ak.num(chosen))
    flat = ak.flatten(chosen)
    px, py, pz, energy = (ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz", "e"))
    x, y, z = (ak.to_numpy(ak.fill_none(flat.vProd[name], 0.0)) for name in ("px", "py", "pz"))
    pid = ak.to_numpy(flat.id).astype(np.int64)
    pt, eta, phi = to_polar(px, py, pz)
    seen = np.abs(eta) < 5
    all_vertex = np.zeros(len(pid), dtype=np.int64)
    return Particles(event, all_vertex, pid, charge_of(pid), pt, eta, phi, energy, x, y, z).take(seen)


def _hadronic_w(w: ak.Array, record: ak.Array) -> dict[str, Array]:
    first, second = (_directions(ak.flatten(record[w[name]])) for name in ("daughter1", "daughter2"))
    dphi = wrap(first[2] - second[2])
    return _rows(w) | {"dr_quarks": np.hypot(first[1] - second[1], dphi)}


def _rows(particles: ak.Array) -> dict[str, Array]:
    """Particles, one list per event, one after the other."""
    flat = ak.flatten(particles)
    pt, eta, phi = _directions(flat)
    event = np.repeat(np.arange(len(particles)), ak.to_numpy(ak.num(particles)))
    return {"event": event, "id": ak.to_numpy(flat.id).astype(np.int64), "pt": pt, "eta": eta, "phi": phi}


def _directions(flat: ak.Array) -> tuple[Array, Array, Array]:
    return to_polar(*(ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz")))


def to_polar(px: Array, py: Array, pz: Array) -> tuple[Array, Array, Array]:
    """Transverse momentum, pseudorapidity and azimuth in [-pi, pi) of momentum components."""
    pt = np.maximum(np.hypot(px, py), 1e-9)
    phi = np.arctan2(py, px)
    return pt, np.arcsinh(pz / pt), np.where(phi >= np.pi, -np.pi, phi)
