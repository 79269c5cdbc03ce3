"""The CMS 2011 AK7 jet tuple: every column, its dtype, its unit and what it means, said once.

Everything that writes, reads or describes jets (`simulation`, `io`, the data README, lesson M1) takes the names from
here. Jets are AK7 (anti-kT, R = 0.7); those of other samples come under the same names, and `JetSample.radius` says
theirs. A *key* identifies an event: run, lumi and event number together, because event numbers alone repeat.
"""

from typing import NamedTuple

VERSION = 1
RADIUS = 0.7


class Column(NamedTuple):
    """One column: numpy dtype, unit (empty: dimensionless) and meaning; `optional`: NaN where there is none."""

    dtype: str
    unit: str
    meaning: str
    optional: bool = False


KEY = ("run", "lumi", "event")

EVENT = {
    "run": Column("i4", "", "run number (1 for simulation)"),
    "lumi": Column("i4", "", "luminosity section (chunk number for simulation)"),
    "event": Column("i8", "", "event number, unique only within run and lumi"),
    "met": Column("f4", "GeV", "missing transverse momentum"),
    "sumet": Column("f4", "GeV", "scalar sum of the candidates' transverse momenta"),
    "rho": Column("f4", "GeV", "median transverse momentum density per unit area, from pile-up and underlying event"),
    "pthat": Column("f4", "GeV", "transverse momentum of the hard parton scattering (simulation)"),
    "mcweight": Column("f4", "pb", "cross section divided by the number of events generated (simulation)"),
    "njet_ak7": Column("i4", "", "jets of this event in the sample"),
}

JET = {
    "jet_pt_ak7": Column("f4", "GeV", "corrected transverse momentum"),
    "jet_ptraw_ak7": Column("f4", "GeV", "transverse momentum before the jet energy correction"),
    "jet_eta_ak7": Column("f4", "", "pseudorapidity"),
    "jet_phi_ak7": Column("f4", "rad", "azimuth, in [-pi, pi)"),
    "jet_E_ak7": Column("f4", "GeV", "corrected energy"),
    "jet_Eraw_ak7": Column("f4", "GeV", "energy before the jet energy correction"),
    "jet_msd_ak7": Column("f4", "GeV", "soft-drop mass (zcut 0.1, beta 1, R0 0.7), times jet_jes_ak7"),
    "jet_area_ak7": Column("f4", "", "active area in the eta-phi plane"),
    "jet_jes_ak7": Column("f4", "", "jet energy correction: corrected over raw transverse momentum"),
    "jet_tau21_ak7": Column("f4", "", "N-subjettiness ratio tau2 / tau1 (beta 1)"),
    "jet_isW_ak7": Column("i4", "", "1: a hadronic W, merged in this jet; 0: not"),
    "jet_ncand_ak7": Column("i4", "", "number of particle-flow candidates"),
    "genjet_pt_ak7": Column("f4", "GeV", "matched generator jet: transverse momentum, 0: none (simulation)"),
    "genjet_eta_ak7": Column("f4", "", "matched generator jet: pseudorapidity (simulation)"),
    "genjet_phi_ak7": Column("f4", "rad", "matched generator jet: azimuth (simulation)"),
    "genjet_E_ak7": Column("f4", "GeV", "matched generator jet: energy (simulation)"),
}

CANDIDATE = {
    "ak7pfcand_pt": Column("f4", "GeV", "transverse momentum"),
    "ak7pfcand_eta": Column("f4", "", "pseudorapidity"),
    "ak7pfcand_phi": Column("f4", "rad", "azimuth, in [-pi, pi)"),
    "ak7pfcand_id": Column(
        "i4", "", "211 charged hadron, 130 neutral hadron, 22 photon, 11 electron, 13 muon; negative if the charge is"
    ),
    "ak7pfcand_charge": Column("i4", "", "electric charge"),
    "ak7pfcand_ijet": Column("i4", "", "which jet of its event the candidate belongs to, from 0"),
}

TRACK = {
    "track_pt": Column("f4", "GeV", "transverse momentum"),
    "track_eta": Column("f4", "", "pseudorapidity"),
    "track_phi": Column("f4", "rad", "azimuth, in [-pi, pi)"),
    "track_charge": Column("i4", "", "electric charge"),
    "track_d0": Column("f4", "mm", "signed transverse distance of closest approach to the primary vertex"),
    "track_d0err": Column("f4", "mm", "uncertainty of track_d0"),
    "track_dz": Column("f4", "mm", "longitudinal distance to the primary vertex"),
    "track_dzerr": Column("f4", "mm", "uncertainty of track_dz"),
}

#: What other people's files have besides.
OTHER = {
    "genweight": Column("f4", "", "the generator's weight of the event, on a scale of its own (simulation)"),
    "jet_isTop_ak7": Column("i4", "", "1: a hadronic top, merged in this jet; 0: not"),
    "jet_isH_ak7": Column("i4", "", "1: a Higgs that decays to two b quarks, merged in this jet; 0: not"),
    "jet_isG_ak7": Column("i4", "", "1: a gluon jet, by its parton flavour; 0: not"),
    "jet_flavour_ak7": Column("i4", "", "hadron flavour: 5 a b hadron, 4 a c hadron, 15 a tau, 0 none (simulation)"),
    "jet_parton_ak7": Column("i4", "", "parton flavour: PDG id of the parton, 21 a gluon, 0 none (simulation)"),
}

#: What the flavour-tagging sample has besides, for each jet; arXiv:1907.05120 and ATL-PHYS-PUB-2017-013 for the names.
FLAVOUR = {
    "jet_process_ak7": Column("i4", "", "0: from top pairs; from a Z' to 1: light quarks, 2: cc, 3: bb (simulation)"),
    "ip2d_bu": Column("f4", "", "log-likelihood ratio of b and light jets, from transverse impact parameters", True),
    "ip2d_bc": Column("f4", "", "log-likelihood ratio of b and c jets, from transverse impact parameters", True),
    "ip3d_bu": Column("f4", "", "log-likelihood ratio of b and light jets, from both impact parameters", True),
    "ip3d_bc": Column("f4", "", "log-likelihood ratio of b and c jets, from both impact parameters", True),
    "sv_mass": Column("f4", "GeV", "secondary vertex: invariant mass of its tracks as pions", True),
    "sv_efrac": Column("f4", "", "secondary vertex: energy of its tracks over that of all tracks of the jet", True),
    "sv_ntracks": Column("f4", "", "secondary vertex: number of tracks", True),
    "sv_npairs": Column("f4", "", "two-track vertices found on the way to it", True),
    "sv_l3d": Column("f4", "mm", "secondary vertex: distance to the primary vertex", True),
    "sv_lxy": Column("f4", "mm", "secondary vertex: distance to the primary vertex across the beam", True),
    "sv_significance": Column("f4", "", "sv_l3d over its uncertainty", True),
    "sv_dr": Column("f4", "", "secondary vertex: dR of its direction, seen from the primary vertex, and the jet", True),
    "jf_mass": Column("f4", "GeV", "decay chain: invariant mass of its tracks as pions", True),
    "jf_efrac": Column("f4", "", "decay chain: energy of its tracks over that of all tracks of the jet", True),
    "jf_significance": Column("f4", "", "decay chain: mean distance of its vertices over the uncertainty", True),
    "jf_nvertices": Column("f4", "", "decay chain: vertices of two tracks or more", True),
    "jf_nsingle": Column("f4", "", "decay chain: single tracks that cross the line of flight away from a vertex", True),
    "jf_ntracks": Column("f4", "", "decay chain: tracks in its vertices of two tracks or more", True),
    "jf_dr": Column("f4", "", "decay chain: dR of the sum of its tracks' momenta and the jet", True),
    "muon_pt": Column("f4", "GeV", "hardest muon in the jet: transverse momentum", True),
    "muon_ptrel": Column("f4", "GeV", "hardest muon in the jet: momentum across the jet's axis", True),
    "muon_dr": Column("f4", "", "hardest muon in the jet: dR to the jet", True),
    "muon_d0_significance": Column("f4", "", "hardest muon in the jet: signed d0 over its uncertainty", True),
    "hadron_pt": Column("f4", "GeV", "hadron or tau that gives the flavour: transverse momentum (simulation)", True),
    "hadron_l3d": Column("f4", "mm", "hadron or tau that gives the flavour: length of its flight (simulation)", True),
    "hadron_ctau": Column("f4", "mm", "hadron or tau that gives the flavour: proper time, times c (simulation)", True),
}

#: Of each track of a jet of that sample.
FLAVOUR_TRACK = {
    "track_ptfrac": Column("f4", "", "transverse momentum over that of the jet"),
    "track_dr": Column("f4", "", "dR to the jet"),
    "track_d0_significance": Column("f4", "", "d0 over its uncertainty; positive: crosses the axis ahead"),
    "track_z0_significance": Column("f4", "", "z0 over its uncertainty, with a sign as d0"),
    "track_ninner": Column("i1", "", "hits in the two innermost pixel layers"),
    "track_npixel": Column("i1", "", "hits in the four pixel layers"),
    "track_nshared": Column("i1", "", "pixel hits shared with another track"),
    "track_nstrips": Column("i1", "", "hits in the strips"),
}

#: The 31 columns of the original tuple, one row per candidate.
TUPLE = {**EVENT, **JET, **CANDIDATE}
#: Without these a jet file cannot be read; those of candidates only if it has candidates.
REQUIRED = (
    *KEY,
    "jet_pt_ak7",
    "jet_eta_ak7",
    "jet_phi_ak7",
    "jet_E_ak7",
    "ak7pfcand_pt",
    "ak7pfcand_eta",
    "ak7pfcand_phi",
    "ak7pfcand_ijet",
)
