"""Photons and neutral hadrons out of calorimeter clusters and tracks, as CMS particle flow makes them.

arXiv:1706.04965, section 5.3. An ECAL cluster that no track enters is a photon; an HCAL cluster without tracks is a
neutral hadron. Where tracks enter, the calibrated energy in excess of their momenta is a photon first, up to the energy
in the ECAL, and a neutral hadron only after that: in jets, photons carry 25 % of the energy, and neutral hadrons leave
no more than 3 % in the ECAL.
"""

from dataclasses import dataclass

import numpy as np

from jetlab.angles import wrap
from jetlab.simulation.calorimeter import Clusters, ecal_response, hadronic_response, hcal_response, resolution
from jetlab.simulation.generator import Array
from jetlab.simulation.parameters import Detector

PHOTON, NEUTRAL_HADRON = 22, 130


@dataclass(frozen=True)
class Tracks:
    """Charged hadrons where they enter the calorimeters, flat: event, momentum (GeV), eta and phi there."""

    event: Array
    momentum: Array
    eta: Array
    phi: Array


@dataclass(frozen=True)
class Neutrals:
    """Neutral particles, flat: event, pid (22 or 130), energy (GeV), eta and phi."""

    event: Array
    pid: Array
    energy: Array
    eta: Array
    phi: Array


@dataclass(frozen=True)
class _Blocks:
    """What is linked: one entry for every HCAL cluster, then one for every ECAL cluster (tracks that enter no HCAL's).

    `ecal` and `hcal` are energies (GeV) before the calibration of hadrons, `momentum` the sum of the tracks'. `eta` and
    `phi` belong to the cluster that gives the block its place, `ecal_eta` and `ecal_phi` to the ECAL energy.
    """

    event: Array
    eta: Array
    phi: Array
    momentum: Array
    hcal: Array
    ecal: Array
    ecal_eta: Array
    ecal_phi: Array


def reconstruct(ecal: Clusters, hcal: Clusters, tracks: Tracks, d: Detector) -> Neutrals:
    """Photons and neutral hadrons of all events."""
    in_ecal = ecal.at(tracks.event, tracks.eta, tracks.phi)
    linked = np.zeros(len(ecal.energy), dtype=bool)
    linked[in_ecal[in_ecal >= 0]] = True
    free = ~linked & (ecal.energy > np.where(np.abs(ecal.eta) < d.ecal_cell[2], *d.ecal_seed))
    photons = (ecal.event[free], PHOTON, ecal.energy[free] + d.ecal_offset, ecal.eta[free], ecal.phi[free])

    blocks = _link(ecal, hcal, tracks, in_ecal)
    photon, hadron = _excess(blocks, d)
    extra = photon > d.excess_photon
    alone, energy = _without_tracks(blocks, d)
    found = (hadron > d.excess_neutral) | alone
    energy = np.where(alone, energy, hadron)
    parts = (
        photons,
        (blocks.event[extra], PHOTON, photon[extra], blocks.ecal_eta[extra], blocks.ecal_phi[extra]),
        (blocks.event[found], NEUTRAL_HADRON, energy[found], blocks.eta[found], blocks.phi[found]),
    )
    pid = np.concatenate([np.full(len(part[0]), part[1]) for part in parts])
    event, energy, eta, phi = (np.concatenate([part[i] for part in parts]) for i in (0, 2, 3, 4))
    return Neutrals(event, pid, energy, eta, phi)


def _link(ecal: Clusters, hcal: Clusters, tracks: Tracks, in_ecal: Array) -> _Blocks:
    """A track belongs to the HCAL cluster it enters, or else to its ECAL cluster, `in_ecal`."""
    n_hcal, n_ecal = len(hcal.energy), len(ecal.energy)
    n = n_hcal + n_ecal
    in_hcal = hcal.at(tracks.event, tracks.eta, tracks.phi)
    block = np.where(in_hcal >= 0, in_hcal, np.where(in_ecal >= 0, n_hcal + in_ecal, -1))
    linked = block >= 0
    momentum = np.bincount(block[linked], weights=tracks.momentum[linked], minlength=n)

    # An ECAL cluster with several tracks goes with the hardest, which is written last.
    owner = np.full(n_ecal, -1)
    order = np.argsort(tracks.momentum, kind="stable")
    order = order[in_ecal[order] >= 0]
    owner[in_ecal[order]] = block[order]
    owned = owner >= 0
    owner, energy = owner[owned], ecal.energy[owned]

    eta, phi = np.r_[hcal.eta, ecal.eta], np.r_[hcal.phi, ecal.phi]
    total = np.bincount(owner, weights=energy, minlength=n)
    weight = np.where(total > 0, total, 1.0)
    ecal_eta = np.bincount(owner, weights=energy * ecal.eta[owned], minlength=n) / weight
    turn = np.bincount(owner, weights=energy * wrap(ecal.phi[owned] - phi[owner]), minlength=n) / weight
    return _Blocks(
        event=np.r_[hcal.event, ecal.event],
        eta=eta,
        phi=phi,
        momentum=momentum,
        hcal=np.r_[hcal.energy, np.zeros(n_ecal)],
        ecal=total,
        ecal_eta=ecal_eta,
        ecal_phi=wrap(phi + turn),
    )


def _excess(blocks: _Blocks, d: Detector) -> tuple[Array, Array]:
    """Photon and neutral hadron energy (GeV) of the blocks with tracks whose calorimeter energy exceeds these."""
    scale = hadronic_response(np.maximum(np.maximum(blocks.momentum, blocks.ecal + blocks.hcal), d.groom_scale), d)
    of_ecal = 1 / (scale * ecal_response(blocks.eta, d))
    of_hcal = hadronic_response(np.asarray(d.calibration_energy), d) / (scale * hcal_response(blocks.eta, d))
    excess = of_ecal * blocks.ecal + of_hcal * blocks.hcal - blocks.momentum
    sigma = resolution(blocks.momentum, d.hadron_resolution)
    excess = np.where((blocks.momentum > 0) & (excess > d.excess_significance * sigma), excess, 0.0)
    photon = np.minimum(excess / of_ecal, blocks.ecal)
    return photon, excess - photon * of_ecal


def _without_tracks(blocks: _Blocks, d: Detector) -> tuple[Array, Array]:
    """Which blocks are HCAL clusters without tracks, and the energy (GeV) of a neutral hadron there."""
    in_barrel = np.abs(blocks.eta) < d.hcal_tower[2]
    alone = (blocks.momentum == 0) & (blocks.hcal > np.where(in_barrel, *d.hcal_seed))
    return alone, blocks.hcal + np.where(in_barrel, *d.hcal_offset)
