"""Two flat ntuples that CMS released for machine learning: one row for each jet, its candidates in jagged branches.

- **JetNTuple**: AK4 jets of QCD, CERN open data record 12100 (DOI 10.7483/OPENDATA.CMS.RY2V.T797). Its branches are
  described there, in the titles of the branches, and where they are filled: JetAnalyzer.cc of
  https://github.com/cms-opendata-analyses/JetNTupleProducerTool. `PF_*` are all candidates within |deta|, |dphi| < 1;
  those with `PF_fromAK4Jet` are the jet's. `PF_id` is that of PDG.
- **HiggsToBB**: AK8 jets of Higgs to bb and QCD, record 12102 (DOI 10.7483/OPENDATA.CMS.JGJX.MS7Q), as ROOT (tree
  deepntuplizer/tree) and as HDF5 with up to 100 candidates, filled up with zeros. Described in the record, and written
  by FatJetInfoFiller.cc and PFCandidateFiller.cc of
  https://github.com/cms-opendata-analyses/HiggsToBBNtupleProducerTool. `pfcand_etarel` is counted away from the
  beam spot: its sign is that of the jet's eta.
"""

from typing import Any

import awkward as ak
import h5py
import numpy as np
import uproot

from jetlab.angles import wrap
from jetlab.io.foreign import Branches, Format, Numbers, charge, energy, event_cuts, make
from jetlab.io.sample import JetSample, run_starts

JET_TREES = ("AK4jets/jetTree", "jetTree")
HIGGS_TREES = ("deepntuplizer/tree", "tree")
HIGGS_EVENT = ("event_no", "npv", "rho", "ntrueInt")
#: Flags of candidates, and the |PDG id| that they mean.
HIGGS_IDS = {"isChargedHad": 211, "isNeutralHad": 130, "isGamma": 22, "isEl": 11, "isMu": 13}


def _tree(file: Any, names: tuple[str, ...], branches: set[str]) -> Any:
    """The table with these branches: a tree of that name, or the HDF5 file itself; None where it is not there."""
    if isinstance(file, h5py.File):
        return file if branches <= set(file) else None
    trees = (file[name] for name in names if name in file)
    return next((t for t in trees if isinstance(t, uproot.TTree) and branches <= set(t.keys(recursive=False))), None)


def _jet_tree(file: Any) -> Any:
    return None if isinstance(file, h5py.File) else _tree(file, JET_TREES, {"jetPt", "jetRawPt"})


def _higgs_tree(file: Any) -> Any:
    return _tree(file, HIGGS_TREES, {"fj_pt", "fj_sdmass"})


def _n_rows(table: Any, name: str) -> int:
    return len(table[name]) if isinstance(table, h5py.File) else int(table.num_entries)


def _jet_cuts(file: Any, step: int) -> list[int]:
    tree = _jet_tree(file)
    branches = Branches(tree, "the JetNTuple", 0, tree.num_entries)
    return event_cuts([branches[name] for name in ("run", "lumi", "event")], step)


def _read_jets(file: Any, where: str, start: int, stop: int, radius: float | None) -> JetSample:
    branches = Branches(_jet_tree(file), where, start, stop)
    pt, eta, phi, mass = (branches[f"jet{name}"] for name in ("Pt", "Eta", "Phi", "Mass"))
    raw_pt, gen_pt, gen_eta = branches["jetRawPt"], branches["genJetPt"], branches["genJetEta"]
    columns = {
        **{name: branches[name] for name in ("run", "lumi", "event")},
        "ijet": branches["jetPtOrder"],
        "rho": branches["rhoAll"],
        "pthat": branches["pthat"],
        "genweight": branches["eventWeight"],
        "jet_pt_ak7": pt,
        "jet_ptraw_ak7": raw_pt,
        "jet_eta_ak7": eta,
        "jet_phi_ak7": wrap(phi),
        "jet_E_ak7": energy(pt, eta, mass),
        "jet_Eraw_ak7": energy(raw_pt, eta, branches["jetRawMass"]),
        "jet_jes_ak7": pt / raw_pt,
        "jet_area_ak7": branches["jetArea"],
        "jet_flavour_ak7": branches["hadronFlav"],
        "jet_parton_ak7": branches["partonFlav"],
        "jet_isG_ak7": branches["partonFlav"] == 21,
        "genjet_pt_ak7": gen_pt,
        "genjet_eta_ak7": gen_eta,
        "genjet_phi_ak7": wrap(branches["genJetPhi"]),
        "genjet_E_ak7": energy(gen_pt, gen_eta, branches["genJetMass"]),
    }
    own = branches["PF_fromAK4Jet"] == 1
    ids = branches["PF_id"][own]
    candidates = {
        "pt": branches["PF_pT"][own],
        "eta": eta + branches["PF_dEta"][own],
        "phi": wrap(phi + branches["PF_dPhi"][own]),
        "id": ids,
        "charge": ak.unflatten(charge(ak.to_numpy(ak.flatten(ids))), ak.num(ids)),
    }
    return make(columns, candidates, where, JET_NTUPLE.name, 0.4)


def _higgs_keys(table: Any, start: int, stop: int) -> list[Numbers]:
    branches = Branches(table, "the HiggsToBB ntuple", start, stop)
    return [branches[name] for name in HIGGS_EVENT if name in branches or name == "event_no"]


def _higgs_cuts(file: Any, step: int) -> list[int]:
    table = _higgs_tree(file)
    return event_cuts(_higgs_keys(table, 0, _n_rows(table, "fj_pt")), step)


def _read_higgs(file: Any, where: str, start: int, stop: int, radius: float | None) -> JetSample:
    """Read rows; neighbours with equal event numbers make an event, which is numbered by its first row in the file.

    The file's own event numbers repeat, because it mixes samples and has no runs.
    """
    table = _higgs_tree(file)
    branches = Branches(table, where, start, stop)
    pt, eta, phi, mass = (branches[f"fj_{name}"] for name in ("pt", "eta", "phi", "mass"))
    first = np.flatnonzero(run_starts(_higgs_keys(table, start, stop)))
    of_event = np.searchsorted(first, np.arange(len(pt)), side="right") - 1
    is_bb = branches["fj_nbHadrons"] if "fj_isBB" not in branches else branches["fj_isBB"] * 2
    columns = {
        "run": np.ones(len(pt), int),
        "lumi": np.ones(len(pt), int),
        "event": start + first[of_event],
        "ijet": np.arange(len(pt)) - first[of_event],
        "rho": branches.first("rho"),
        "jet_pt_ak7": pt,
        "jet_eta_ak7": eta,
        "jet_phi_ak7": wrap(phi),
        "jet_E_ak7": energy(pt, eta, mass),
        "jet_msd_ak7": branches["fj_sdmass"],
        "jet_tau21_ak7": branches["fj_tau21"],
        "jet_isH_ak7": (branches["fj_isH"] > 0) & (is_bb >= 2),
        "jet_isW_ak7": branches.first("fj_isW"),
        "jet_isTop_ak7": branches.first("fj_isTop"),
        "jet_flavour_ak7": np.select([branches["fj_nbHadrons"] > 0, branches["fj_ncHadrons"] > 0], [5, 4], 0),
    }
    names = ("ptrel", "etarel", "phirel", "charge", *HIGGS_IDS)
    content = _jagged({name: branches[f"pfcand_{name}"] for name in names})
    flag = {name: ak.to_numpy(ak.flatten(content[name])) > 0 for name in HIGGS_IDS}
    charges = ak.to_numpy(ak.flatten(content["charge"])).astype(int)
    ids = np.select(list(flag.values()), list(HIGGS_IDS.values()), 0)
    counts = ak.num(content["ptrel"])
    candidates = {
        "pt": pt * content["ptrel"],
        "eta": eta + np.where(eta > 0, 1, -1) * content["etarel"],
        "phi": wrap(phi + content["phirel"]),
        "id": ak.unflatten(ids, counts),
        "charge": ak.unflatten(charges, counts),
    }
    return make(columns, candidates, where, HIGGS_TO_BB.name, 0.8)


def _jagged(columns: dict[str, Any]) -> dict[str, ak.Array]:
    """Padded columns without what fills them up, which has no pt; jagged ones as they are."""
    jagged = {name: ak.from_regular(ak.Array(values)) for name, values in columns.items()}
    real = jagged["ptrel"] > 0
    return {name: values[real] for name, values in jagged.items()}


JET_NTUPLE = Format(
    "JetNTuple",
    "CERN open data record 12100, https://opendata.cern.ch/record/12100",
    lambda file: _jet_tree(file) is not None,
    _jet_cuts,
    _read_jets,
)
HIGGS_TO_BB = Format(
    "HiggsToBB ntuple",
    "CERN open data record 12102, https://opendata.cern.ch/record/12102, as ROOT or HDF5",
    lambda file: _higgs_tree(file) is not None,
    _higgs_cuts,
    _read_higgs,
)
