"""NanoAOD, the format of most CMS open data since 2016, and PFNano, which is NanoAOD with particle-flow candidates.

Every branch is described by the file itself (its title) and on
https://cms-nanoaod-integration.web.cern.ch/autoDoc (NanoAOD), https://github.com/cms-jet/PFNano and
https://opendata.cern.ch/docs/cms-guide-pfnano (candidates): `FatJetPFCands_jetIdx` and `FatJetPFCands_pFCandsIdx` link
`FatJet` to `PFCands`, `JetPFCands_*` link `Jet`; NanoAOD of version 15 says `FatJetPFCand_pfCandIdx` and `PFCand`.

Lengths are in cm there, but none is read; energies are in GeV. Ids of candidates are those of PDG: 211, 130, 22,
11, 13, and 1 and 2 for hadrons and photons of the forward calorimeter.
"""

from typing import Any, NamedTuple

import awkward as ak
import numpy as np
import uproot

from jetlab.angles import wrap
from jetlab.io.foreign import Branches, Format, Numbers, charge, energy, even_cuts, make
from jetlab.io.sample import DataError, JetSample

IS_LAST_COPY = 1 << 13  # bit of GenPart_statusFlags


class Kind(NamedTuple):
    """Names of what belongs to one kind of jets."""

    radius: float
    jets: str
    gen_jets: str
    gen_index: str


KINDS = (Kind(0.8, "FatJet", "GenJetAK8", "genJetAK8Idx"), Kind(0.4, "Jet", "GenJet", "genJetIdx"))


def _recognises(file: Any) -> bool:
    tree = file.get("Events") if isinstance(file, uproot.ReadOnlyDirectory) else None
    return isinstance(tree, uproot.TTree) and {"luminosityBlock", "nJet"} <= set(tree.keys(recursive=False))


def _read(file: Any, where: str, start: int, stop: int, radius: float | None) -> JetSample:
    """Read AK8 jets, or AK4 jets where radius is 0.4, of the events from `start` to `stop`.

    `jet_msd_ak7` is as NanoAOD has it: soft drop with beta 0, of PUPPI jets. Generator jets have a pt of 0 where none
    is matched. W, top and Higgs are labelled as the schema says, with this radius instead of 0.7.
    """
    branches = Branches(file["Events"], where, start, stop)
    kind = _kind(branches, where, radius)
    counts = ak.to_numpy(ak.num(branches[f"{kind.jets}_pt"]))
    event = np.repeat(np.arange(len(counts)), counts)

    def of_jet(name: str) -> Any:
        values = branches.first(f"{kind.jets}_{name}")
        return None if values is None else ak.to_numpy(ak.flatten(values))

    def of_event(*names: str) -> Any:
        values = branches.first(*names)
        return None if values is None else values[event]

    pt, eta, phi, mass = (ak.to_numpy(ak.flatten(branches[f"{kind.jets}_{x}"])) for x in ("pt", "eta", "phi", "mass"))
    phi = wrap(phi)
    e = energy(pt, eta, mass)
    columns = {
        **{name: branches[branch][event] for name, branch in (("run", "run"), ("lumi", "luminosityBlock"))},
        "event": branches["event"][event],
        "ijet": np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts),
        "met": of_event("MET_pt", "PFMET_pt", "PuppiMET_pt"),
        "sumet": of_event("MET_sumEt", "PFMET_sumEt", "PuppiMET_sumEt"),
        "rho": of_event("fixedGridRhoFastjetAll", "Rho_fixedGridRhoFastjetAll"),
        "genweight": of_event("genWeight"),
        "jet_pt_ak7": pt,
        "jet_eta_ak7": eta,
        "jet_phi_ak7": phi,
        "jet_E_ak7": e,
        "jet_area_ak7": of_jet("area"),
        "jet_msd_ak7": of_jet("msoftdrop"),
        "jet_flavour_ak7": of_jet("hadronFlavour"),
        "jet_parton_ak7": of_jet("partonFlavour"),
    }
    if columns["jet_parton_ak7"] is not None:
        columns["jet_isG_ak7"] = columns["jet_parton_ak7"] == 21
    if (factor := of_jet("rawFactor")) is not None:  # 1 - raw / corrected
        raw = 1 - factor.astype(float)
        columns |= {"jet_ptraw_ak7": pt * raw, "jet_Eraw_ak7": e * raw, "jet_jes_ak7": 1 / raw}
    if (tau1 := of_jet("tau1")) is not None:
        columns["jet_tau21_ak7"] = np.divide(of_jet("tau2"), tau1, out=np.zeros(len(tau1)), where=tau1 > 0)
    if (index := of_jet(kind.gen_index)) is not None:
        columns |= _gen_jets(branches, kind.gen_jets, index, event)
    if "GenPart_pdgId" in branches:
        columns |= _labels(branches, event, eta, phi, kind.radius)
    return make(columns, _candidates(branches, kind.jets, counts), where, FORMAT.name, kind.radius)


def _kind(branches: Branches, where: str, radius: float | None) -> Kind:
    there = [kind for kind in KINDS if f"{kind.jets}_pt" in branches and radius in (None, kind.radius)]
    if not there:
        raise DataError(f"{where} has no jets of radius {radius}: NanoAOD has 0.8 (FatJet) and 0.4 (Jet).")
    return there[0]


def _gen_jets(branches: Branches, name: str, index: Numbers, event: Numbers) -> dict[str, Numbers]:
    """Columns of the matched generator jets, zero where there is none."""
    jets = {x: branches[f"{name}_{x}"] for x in ("pt", "eta", "phi", "mass")}
    counts = ak.to_numpy(ak.num(jets["pt"]))
    matched = (index >= 0) & (index < counts[event])
    place = ((np.cumsum(counts) - counts)[event] + index)[matched]

    def of_jet(values: Numbers) -> Numbers:
        result = np.zeros(len(index), np.float64)
        result[matched] = values[place]
        return result

    pt, eta, phi, mass = (of_jet(ak.to_numpy(ak.flatten(values))) for values in jets.values())
    e = energy(pt, eta, mass)
    return {"genjet_pt_ak7": pt, "genjet_eta_ak7": eta, "genjet_phi_ak7": wrap(phi), "genjet_E_ak7": e}


def _candidates(branches: Branches, jets: str, counts: Numbers) -> dict[str, ak.Array]:
    """Candidates jet by jet, hardest first; none where the file has none.

    Fat jets, and narrow ones whose title says so, are made of candidates weighted by PUPPI. PFCands have their weights
    apart; the pt of PFCand (version 15) has it in already.
    """
    links = next(
        (
            names
            for names in (
                (f"{jets}PFCands_jetIdx", f"{jets}PFCands_pFCandsIdx", "PFCands"),
                (f"{jets}PFCand_jetIdx", f"{jets}PFCand_pfCandIdx", "PFCand"),
            )
            if names[0] in branches
        ),
        None,
    )
    if links is None:
        return {}
    of_jet, of_candidate = (branches[name] for name in links[:2])
    event = np.repeat(np.arange(len(counts)), ak.to_numpy(ak.num(of_jet)))
    of_jet, of_candidate = (ak.to_numpy(ak.flatten(values)).astype(np.int64) for values in (of_jet, of_candidate))
    pt = branches[f"{links[2]}_pt"]
    n_candidates = ak.to_numpy(ak.num(pt))
    real = (of_jet >= 0) & (of_jet < counts[event]) & (of_candidate >= 0) & (of_candidate < n_candidates[event])
    event, of_jet, of_candidate = event[real], of_jet[real], of_candidate[real]
    of_jet = (np.cumsum(counts) - counts)[event] + of_jet
    of_candidate = (np.cumsum(n_candidates) - n_candidates)[event] + of_candidate
    columns = {name: branches[f"{links[2]}_{name}"] for name in ("pt", "eta", "phi", "pdgId")}
    if f"{links[2]}_charge" in branches:
        columns["charge"] = branches[f"{links[2]}_charge"]
    table = {name: ak.to_numpy(ak.flatten(values))[of_candidate] for name, values in columns.items()}
    if "PFCands_puppiWeight" in branches and (jets == "FatJet" or "Puppi" in branches.title("nJet")):
        table["pt"] = table["pt"] * ak.to_numpy(ak.flatten(branches["PFCands_puppiWeight"]))[of_candidate]
    order = np.lexsort((-table["pt"], of_jet))
    order = order[table["pt"][order] > 0]
    per_jet = np.bincount(of_jet[order], minlength=counts.sum())
    table["phi"], table["id"] = wrap(table["phi"]), table.pop("pdgId")
    if "charge" not in table:
        table["charge"] = charge(table["id"])
    return {name: ak.unflatten(values[order], per_jet) for name, values in table.items()}


def _labels(branches: Branches, event: Numbers, eta: Numbers, phi: Numbers, radius: float) -> dict[str, Numbers]:
    """Whether the nearest W, top or Higgs of a jet's event lies in the jet, with all quarks of its decay."""
    particles = {
        name: branches[f"GenPart_{name}"] for name in ("pdgId", "eta", "phi", "genPartIdxMother", "statusFlags")
    }
    counts = ak.to_numpy(ak.num(particles["pdgId"]))
    of_event = np.repeat(np.arange(len(counts)), counts)
    pdg, p_eta, p_phi, mother, flags = (ak.to_numpy(ak.flatten(values)) for values in particles.values())
    mother = np.where(mother >= 0, mother + np.repeat(np.cumsum(counts) - counts, counts), -1).astype(np.int64)
    pdg = np.abs(pdg)
    quark = (pdg > 0) & (pdg < 6) & (mother >= 0)
    last = (flags & IS_LAST_COPY) != 0

    def distance(a: Numbers, b: Numbers) -> Numbers:
        dr: Numbers = np.hypot(p_eta[a] - p_eta[b], wrap(p_phi[a] - p_phi[b]))
        return dr

    def two_quarks(parents: Numbers, flavours: tuple[int, ...]) -> tuple[Numbers, Numbers]:
        """First and second quark that each parent decays to, -1 where it does otherwise."""
        daughters = np.flatnonzero(quark & np.isin(pdg, flavours))
        daughters = daughters[np.isin(mother[daughters], parents)]
        daughters = daughters[np.argsort(mother[daughters], kind="stable")]
        first = np.searchsorted(mother[daughters], parents)
        n = np.searchsorted(mother[daughters], parents, side="right") - first
        padded = np.append(daughters, [-1, -1])
        return np.where(n == 2, padded[first], -1), np.where(n == 2, padded[first + 1], -1)

    def only(children: Numbers, of: Numbers, parents: Numbers) -> Numbers:
        """The child of each parent, -1 where it has none or several; `of` says whose each child is."""
        order = np.argsort(of, kind="stable")
        first, end = (np.searchsorted(of[order], parents, side=side) for side in ("left", "right"))
        return np.where(end - first == 1, np.append(children[order], -1)[first], -1)

    def merged(parents: Numbers, spread: Numbers) -> Numbers:
        """1 where a jet's nearest parent lies within the radius, as do its quarks; else 0."""
        n = np.bincount(of_event[parents], minlength=len(counts))
        first = np.cumsum(n) - n
        nearest, found = np.full(len(event), radius), np.zeros(len(event), np.int32)
        for slot in range(n.max(initial=0)):
            jets = np.flatnonzero(n[event] > slot)
            parent = first[event[jets]] + slot
            away = np.hypot(eta[jets] - p_eta[parents[parent]], wrap(phi[jets] - p_phi[parents[parent]]))
            nearer = away < nearest[jets]
            nearest[jets[nearer]] = away[nearer]
            found[jets[nearer]] = spread[parent[nearer]] < radius
        return found

    bosons = {}
    for name, number, flavours in (("W", 24, (1, 2, 3, 4, 5)), ("H", 25, (5,))):
        parents = np.flatnonzero(last & (pdg == number))
        one, other = two_quarks(parents, flavours)
        bosons[name] = parents, np.where(one >= 0, distance(one, other), np.inf), one, other
    w, _, one, other = bosons["W"]
    tops = np.flatnonzero(last & (pdg == 6))
    top_of_w = mother[w]
    while np.any(copies := (top_of_w >= 0) & (pdg[top_of_w] == 24)):
        top_of_w = np.where(copies, mother[top_of_w], top_of_w)
    hadronic, bottoms = np.flatnonzero(one >= 0), np.flatnonzero(quark & (pdg == 5))
    b, its_w = only(bottoms, mother[bottoms], tops), only(hadronic, top_of_w[hadronic], tops)
    whole = (b >= 0) & (its_w >= 0)
    b, its_w = b[whole], its_w[whole]
    spread = np.full(len(tops), np.inf)
    spread[whole] = distance(np.stack([b, one[its_w], other[its_w]]), tops[whole]).max(axis=0)
    return {
        "jet_isW_ak7": merged(*bosons["W"][:2]),
        "jet_isH_ak7": merged(*bosons["H"][:2]),
        "jet_isTop_ak7": merged(tops, spread),
    }


FORMAT = Format(
    "NanoAOD or PFNano",
    "CMS open data of 2015 and later, https://opendata.cern.ch/search?q=NANOAOD; AK8 jets, or AK4 with radius 0.4",
    _recognises,
    lambda file, step: even_cuts(file["Events"].num_entries, step),
    _read,
)
