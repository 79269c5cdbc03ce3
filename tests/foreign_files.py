"""Small files as other people write them: NanoAOD with candidates, JetNTuple, HiggsToBB (ROOT, HDF5), Top Tagging."""

import pickle
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import uproot

from jetlab.io.sample import JetSample


def mass(sample: JetSample, kind: str = "") -> np.ndarray:
    e, pt, eta = (sample[name].astype(float) for name in (f"jet_E{kind}_ak7", f"jet_pt{kind}_ak7", "jet_eta_ak7"))
    return np.sqrt(np.maximum(e**2 - (pt * np.cosh(eta)) ** 2, 0))


def pdg_id(sample: JetSample) -> ak.Array:
    """Of PDG an electron is 11 and a positron -11; the schema has the sign of the charge."""
    ids = sample["ak7pfcand_id"]
    return ak.where(abs(ids) < 20, -ids, ids)


def by_event(sample: JetSample, values: np.ndarray) -> ak.Array:
    return ak.unflatten(values, np.bincount(sample.event_index))


def write_pfnano(sample: JetSample, path: Path, change: dict[str, object] | None = None) -> None:
    """Fat jets with candidates, which are linked; narrow jets without; generated particles of events with one W.

    Candidates of PFCands come in falling order of pt over the whole event, with PUPPI weights of one half.
    """
    n_events = sample.event_index.max() + 1
    first = np.unique(sample.event_index, return_index=True)[1]
    counts = np.bincount(sample.event_index)
    gen_mass = np.full(len(sample), 10.0)
    jets = {
        **{f"FatJet_{name}": sample[f"jet_{name}_ak7"] for name in ("pt", "eta", "phi", "area")},
        "FatJet_mass": mass(sample),
        "FatJet_msoftdrop": sample["jet_msd_ak7"],
        "FatJet_rawFactor": 1 - 1 / sample["jet_jes_ak7"].astype(float),
        "FatJet_tau1": np.full(len(sample), 0.5),
        "FatJet_tau2": sample["jet_tau21_ak7"] / 2,
        "FatJet_hadronFlavour": np.where(sample["jet_isW_ak7"], 4, 0),
        # The last jet of each event has no partner.
        "FatJet_genJetAK8Idx": np.where(sample["ijet"] == counts[sample.event_index] - 1, -1, sample["ijet"]),
        **{f"GenJetAK8_{name}": sample[f"genjet_{name}_ak7"] for name in ("pt", "eta", "phi")},
        "GenJetAK8_mass": gen_mass,
        **{f"Jet_{name}": sample[f"jet_{name}_ak7"] for name in ("pt", "eta", "phi")},
        "Jet_mass": mass(sample),
    }
    tables = {name: by_event(sample, np.asarray(values)) for name, values in jets.items()}
    per_jet = ak.to_numpy(ak.num(sample["ak7pfcand_pt"]))
    owner = np.repeat(sample["ijet"], per_jet)
    event = np.repeat(sample.event_index, per_jet)
    flat = {name: ak.to_numpy(ak.flatten(sample[f"ak7pfcand_{name}"])) for name in ("pt", "eta", "phi", "id", "charge")}
    flat["id"] = ak.to_numpy(ak.flatten(pdg_id(sample)))
    order = np.lexsort((-flat["pt"], event))
    n = np.bincount(event, minlength=n_events)
    for name, key in (("pt", "pt"), ("eta", "eta"), ("phi", "phi"), ("pdgId", "id"), ("charge", "charge")):
        values = flat[key][order] * (2 if key == "pt" else 1)
        tables[f"PFCands_{name}"] = ak.unflatten(values, n)
    tables["PFCands_puppiWeight"] = ak.unflatten(np.full(len(event), 0.5, np.float32), n)
    tables["FatJetPFCands_jetIdx"] = ak.unflatten(owner[order], n)
    tables["FatJetPFCands_pFCandsIdx"] = ak.local_index(ak.unflatten(owner, n))
    is_w = ak.unflatten(sample["jet_isW_ak7"], counts)
    lead = {name: tables[f"FatJet_{name}"][:, 0] for name in ("eta", "phi")}
    # Top (0) to b (1) and W (2), W again (3), its quarks (4, 5); the W merged where the leading jet is said to be one.
    apart = np.where(ak.to_numpy(is_w[:, 0]) == 1, 0.1, 0.6)
    none = np.zeros(n_events)
    parts = {
        "pdgId": [6, 5, 24, 24, 2, -1],
        "genPartIdxMother": [-1, 0, 0, 2, 3, 3],
        "statusFlags": [1 << 13, 1 << 13, 0, 1 << 13, 1 << 13, 1 << 13],
        "eta": [none, none, none, none, apart, -apart],
        "phi": [none, none + 0.3, none, none, none, none],
    }
    for name, values in parts.items():
        base = ak.to_numpy(lead[name])[:, None] if name in lead else 0
        columns = np.stack([np.broadcast_to(value, n_events) for value in values], axis=1) + base
        tables[f"GenPart_{name}"] = ak.from_regular(ak.Array(columns))
    columns = {
        "run": sample["run"][first].astype(np.uint32),
        "luminosityBlock": sample["lumi"][first].astype(np.uint32),
        "event": sample["event"][first].astype(np.uint64) + 3_000_000_000,
        "fixedGridRhoFastjetAll": sample["rho"][first],
        "genWeight": np.ones(n_events, np.float32),
        "MET_pt": sample["met"][first],
        "MET_sumEt": sample["sumet"][first],
        **tables,
        **(change or {}),
    }
    _write(path, "Events", columns)


def write_jet_ntuple(sample: JetSample, path: Path, change: dict[str, object] | None = None) -> None:
    """Rows of jets, whose candidates are followed by one that is not the jet's own."""

    def relative(name: str, other: float, jets: np.ndarray | float = 0) -> ak.Array:
        own = sample[f"ak7pfcand_{name}"] - jets
        return ak.concatenate([own, ak.unflatten(np.full(len(sample), other, np.float32), 1)], axis=1)

    names = {"Pt": "pt", "Eta": "eta", "Phi": "phi", "RawPt": "ptraw", "Area": "area"}
    phi = relative("phi", 0.5, sample["jet_phi_ak7"])
    own = ak.ones_like(sample["ak7pfcand_id"])
    columns = {
        **{name: sample[name] for name in ("run", "lumi", "event", "pthat")},
        **{f"jet{name}": sample[f"jet_{column}_ak7"] for name, column in names.items()},
        "jetMass": mass(sample),
        "jetRawMass": mass(sample) / sample["jet_jes_ak7"],
        "jetPtOrder": sample["ijet"],
        "rhoAll": sample["rho"],
        "eventWeight": sample["mcweight"],
        "hadronFlav": np.where(sample["jet_isW_ak7"], 4, 0),
        "partonFlav": np.where(sample["jet_isW_ak7"], 4, 21),
        **{f"genJet{name}": sample[f"genjet_{name.lower()}_ak7"] for name in ("Pt", "Eta", "Phi")},
        "genJetMass": np.zeros(len(sample)),
        "PF_pT": relative("pt", 5),
        "PF_dEta": relative("eta", 0.9, sample["jet_eta_ak7"]),
        "PF_dPhi": (phi + np.pi) % (2 * np.pi) - np.pi,
        "PF_id": ak.concatenate([pdg_id(sample), ak.unflatten(np.full(len(sample), 22, np.int32), 1)], axis=1),
        "PF_fromAK4Jet": ak.concatenate([own, ak.unflatten(np.zeros(len(sample), np.int32), 1)], axis=1),
        **(change or {}),
    }
    _write(path, "AK4jets/jetTree", columns)


def higgs_columns(sample: JetSample) -> dict[str, ak.Array | np.ndarray]:
    pt, eta, phi = (sample[f"jet_{name}_ak7"] for name in ("pt", "eta", "phi"))
    signal = sample["jet_isW_ak7"]
    ids = abs(sample["ak7pfcand_id"])
    flags = {"isChargedHad": 211, "isNeutralHad": 130, "isGamma": 22, "isEl": 11, "isMu": 13}
    return {
        "event_no": sample["event"].astype(np.uint32),
        "npv": sample["lumi"].astype(np.float32),
        "rho": sample["rho"],
        **{f"fj_{name}": values for name, values in (("pt", pt), ("eta", eta), ("phi", phi), ("mass", mass(sample)))},
        "fj_sdmass": sample["jet_msd_ak7"],
        "fj_tau21": sample["jet_tau21_ak7"],
        "fj_isH": signal,
        "fj_isBB": signal,
        "fj_isQCD": 1 - signal,
        "fj_nbHadrons": 2 * signal,
        "fj_ncHadrons": 1 - signal,
        "pfcand_ptrel": sample["ak7pfcand_pt"] / pt,
        "pfcand_etarel": (sample["ak7pfcand_eta"] - eta) * np.where(eta > 0, 1, -1),
        "pfcand_phirel": (sample["ak7pfcand_phi"] - phi + np.pi) % (2 * np.pi) - np.pi,
        "pfcand_charge": ak.values_astype(sample["ak7pfcand_charge"], np.float32),
        **{f"pfcand_{name}": ak.values_astype(ids == number, np.float32) for name, number in flags.items()},
    }


def write_higgs_root(sample: JetSample, path: Path, change: dict[str, object] | None = None) -> None:
    _write(path, "deepntuplizer/tree", {**higgs_columns(sample), **(change or {})})


def write_higgs_hdf5(sample: JetSample, path: Path, change: dict[str, object] | None = None) -> None:
    """As PyTables does: a dataset for each column, candidates filled up with zeros to 100."""
    with h5py.File(path, "w") as file:
        for name, values in {**higgs_columns(sample), **(change or {})}.items():
            if values.ndim > 1:
                values = ak.to_numpy(ak.fill_none(ak.pad_none(values, 100, clip=True), 0))
            file[name] = values


def write_top_tagging(sample: JetSample, path: Path, change: dict[str, object] | None = None) -> None:
    """As pandas does, format="table": floats in one block, whole numbers in another, names as a pickle."""
    pt, eta, phi = (sample[f"ak7pfcand_{name}"] for name in ("pt", "eta", "phi"))
    momenta = [pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]
    padded = [ak.to_numpy(ak.fill_none(ak.pad_none(values, 200, clip=True), 0)) for values in momenta]
    content = np.stack(padded, axis=2).reshape(len(sample), 800)
    names = [f"{name}_{number}" for number in range(200) for name in ("E", "PX", "PY", "PZ")]
    names += ["truthE", "truthPX", "truthPY", "truthPZ"]
    columns = {
        "values_block_0": np.concatenate([content, np.zeros((len(sample), 4))], axis=1).astype("f4"),
        "values_block_1": np.stack([np.zeros(len(sample)), sample["jet_isW_ak7"]], axis=1).astype("i8"),
        **(change or {}),
    }
    types = [(name, values.dtype, values.shape[1:]) for name, values in columns.items()]
    table = np.zeros(len(sample), [("index", "i8"), *types])
    for name, values in columns.items():
        table[name] = values
    with h5py.File(path, "w") as file:
        file.create_group("table").attrs["pandas_type"] = b"frame_table"
        dataset = file.create_dataset("table/table", data=table)
        for name, kind in (("values_block_0", names), ("values_block_1", ["ttv", "is_signal_new"])):
            dataset.attrs[f"{name}_kind"] = np.bytes_(pickle.dumps(kind, 0))


def _write(path: Path, tree: str, columns: dict[str, object]) -> None:
    """A tree of one branch for each column that is not None, the jagged ones with counters as NanoAOD has them."""
    columns = {name: values for name, values in columns.items() if values is not None}
    groups: dict[str, dict[str, ak.Array]] = {}
    for name, values in columns.items():
        if values.ndim > 1:
            groups.setdefault(name.split("_")[0], {})[name.split("_", 1)[1]] = values
    flat = {name: np.asarray(values) for name, values in columns.items() if values.ndim == 1}
    with uproot.recreate(path) as file:
        columns = {**flat, **{name: ak.zip(values) for name, values in groups.items()}}
        types = {name: ak.type(ak.Array(values)).content for name, values in columns.items()}
        types |= {name: values.dtype for name, values in flat.items()}
        file.mktree(tree, types).extend(columns)
