"""Tiny synthetic samples for tests: right in form (several jets per event, phi wrap, pT sums), wrong in physics."""

import struct
from pathlib import Path

import awkward as ak
import numpy as np

from jetlab.io import schema
from jetlab.io.sample import JetSample


def wrap(phi: np.ndarray) -> np.ndarray:
    """Return angles in [-pi, pi) as float32."""
    phi = ((phi + np.pi) % (2 * np.pi) - np.pi).astype(np.float32)
    return np.where(phi >= np.float32(np.pi), -np.float32(np.pi), phi)


def make_sample(n_events: int = 50, seed: int = 0, n_tracks: int = 60) -> JetSample:
    """Return a full-schema sample of `n_events` events with 1 to 3 jets each and `n_tracks` tracks per event.

    The vector sum of the candidates' pT times jet_jes_ak7 is jet_pt_ak7; candidates come sorted by pT; half of the jets
    are 'W', narrower and with a mass near 80 GeV; a fifth lie across phi = +-pi.
    """
    rng = np.random.default_rng(seed)
    per_event = rng.integers(1, 4, n_events)
    of_event = np.repeat(np.arange(n_events), per_event)
    n_jets = len(of_event)
    ijet = np.arange(n_jets) - np.repeat(np.cumsum(per_event) - per_event, per_event)
    is_w = rng.integers(0, 2, n_jets)
    phi0 = np.where(rng.random(n_jets) < 0.2, np.pi, rng.uniform(-np.pi, np.pi, n_jets)) + ijet * 2.0
    eta0 = rng.uniform(-2, 2, n_jets)

    counts = rng.integers(5, 60, n_jets)
    of_jet = np.repeat(np.arange(n_jets), counts)
    pt = rng.exponential(6.0, counts.sum()) + 0.3
    order = np.lexsort((-pt, of_jet))
    pt = pt[order].astype(np.float32)
    width = np.where(is_w == 1, 0.12, 0.2)[of_jet]
    eta = (eta0[of_jet] + rng.normal(0, width)).astype(np.float32)
    phi = wrap(phi0[of_jet] + rng.normal(0, width))
    ids = rng.choice([211, -211, 22, 130, 11, -13], counts.sum(), p=[0.3, 0.3, 0.25, 0.1, 0.03, 0.02])
    charge = np.where(np.isin(ids, [22, 130]), 0, np.sign(ids))

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(of_jet, values.astype(float), n_jets)

    px, py, pz = total(pt * np.cos(phi, dtype=float)), total(pt * np.sin(phi, dtype=float)), total(pt * np.sinh(eta))
    energy = total(pt * np.cosh(eta, dtype=float))
    raw = np.hypot(px, py)
    jes = rng.uniform(1.0, 1.2, n_jets)
    numbers = {
        "run": np.ones(n_jets),
        "lumi": 1 + of_event // 20,
        "event": of_event % 20,  # repeats between lumi sections, as real event numbers may
        "met": rng.exponential(20, n_events)[of_event],
        "sumet": rng.uniform(300, 900, n_events)[of_event],
        "rho": rng.uniform(2, 12, n_events)[of_event],
        "pthat": rng.uniform(120, 600, n_events)[of_event],
        "mcweight": rng.exponential(1e-3, n_events)[of_event],
        "njet_ak7": per_event[of_event],
        "jet_pt_ak7": raw * jes,
        "jet_ptraw_ak7": raw,
        "jet_eta_ak7": np.arcsinh(pz / raw),
        "jet_phi_ak7": wrap(np.arctan2(py, px)),
        "jet_E_ak7": energy * jes,
        "jet_Eraw_ak7": energy,
        "jet_msd_ak7": np.where(is_w == 1, rng.normal(80, 8, n_jets), rng.exponential(30, n_jets)),
        "jet_area_ak7": rng.normal(1.54, 0.05, n_jets),
        "jet_jes_ak7": jes,
        "jet_tau21_ak7": np.clip(np.where(is_w == 1, 0.35, 0.6) + rng.normal(0, 0.12, n_jets), 0.01, 1),
        "jet_isW_ak7": is_w,
        "jet_ncand_ak7": counts,
        "genjet_pt_ak7": raw * rng.normal(1.1, 0.1, n_jets),
        "genjet_eta_ak7": eta0,
        "genjet_phi_ak7": wrap(phi0),
        "genjet_E_ak7": energy * 1.1,
    }
    columns = {name: values.astype(schema.TUPLE[name].dtype) for name, values in numbers.items()}
    columns["ijet"] = ijet.astype(np.int32)
    candidates = {"pt": pt, "eta": eta, "phi": phi, "id": ids, "charge": charge}
    jagged = {
        f"ak7pfcand_{name}": ak.unflatten(values.astype(schema.CANDIDATE[f"ak7pfcand_{name}"].dtype), counts)
        for name, values in candidates.items()
    }
    return JetSample(
        ak.zip({**columns, **jagged}, depth_limit=1),
        _tracks(columns, n_events, n_tracks, rng),
        {"source": "make_sample", "seed": seed},
    )


def _tracks(jets: dict[str, np.ndarray], n_events: int, n_tracks: int, rng: np.random.Generator) -> ak.Array:
    """Scatter half of an event's tracks around one of its jets, the other half anywhere."""
    first = np.unique(jets["lumi"] * 100 + jets["event"], return_index=True)[1]
    n = n_events * n_tracks
    near = np.repeat(first, n_tracks) + rng.integers(0, np.repeat(jets["njet_ak7"][first], n_tracks))
    anywhere = rng.random(n) < 0.5
    eta = np.where(anywhere, rng.uniform(-2.5, 2.5, n), jets["jet_eta_ak7"][near] + rng.normal(0, 0.25, n))
    phi = np.where(anywhere, rng.uniform(-np.pi, np.pi, n), jets["jet_phi_ak7"][near] + rng.normal(0, 0.25, n))
    numbers = {
        **{name: jets[name][near] for name in schema.KEY},
        "track_pt": rng.exponential(4.0, n) + 0.5,
        "track_eta": eta,
        "track_phi": wrap(phi),
        "track_charge": rng.choice([-1, 1], n),
        "track_d0": rng.normal(0, 0.05, n),
        "track_d0err": rng.uniform(0.01, 0.05, n),
        "track_dz": rng.normal(0, 0.1, n),
        "track_dzerr": rng.uniform(0.02, 0.1, n),
    }
    specs = {**schema.EVENT, **schema.TRACK}
    return ak.zip({name: values.astype(specs[name].dtype) for name, values in numbers.items()}, depth_limit=1)


#: Columns of the earliest tuples of CMS 2011 data, in their order, as letters of `struct`.
EARLY_COLUMNS = {
    **dict.fromkeys(("run", "lumi", "event", "njet_ak7"), "i"),
    **dict.fromkeys((f"jet_{name}_ak7" for name in ("pt", "eta", "phi", "E", "area", "jes")), "d"),
    **dict.fromkeys((f"ak7pfcand_{name}" for name in ("pt", "eta", "phi")), "d"),
    **dict.fromkeys((f"ak7pfcand_{name}" for name in ("id", "charge", "ijet")), "i"),
}


def c2numpy_header(columns: dict[str, str], rows: int) -> bytes:
    """Return how c2numpy begins a file: .npy version 1.0, filled up with blanks to 16 bytes, and no line end."""
    names = ", ".join(f"('{name}', '{'<f8' if letter == 'd' else '<i4'}')" for name, letter in columns.items())
    text = f"{{'descr': [{names}], 'fortran_order': False, 'shape': ({rows},), }}"
    text += " " * (16 - (10 + len(text)) % 16)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("ascii")


def write_c2numpy(path: Path, rows: list[dict[str, float]], columns: dict[str, str] = EARLY_COLUMNS) -> None:
    """Write a file as c2numpy does, byte for byte, without numpy: a row for each candidate, its jet's columns too."""
    form = "<" + "".join(columns.values())
    packed = [struct.pack(form, *(row[name] for name in columns)) for row in rows]
    path.write_bytes(c2numpy_header(columns, len(rows)) + b"".join(packed))


def scored_jets() -> tuple[np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Labels and weights (3000,), and the scores of a good tagger trained twice and of a worse one."""
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], 1500)
    truth = rng.normal(1.2 * y)
    good = [truth + rng.normal(0, 0.2, len(y)) for _ in range(2)]
    worse = [truth + rng.normal(0, 1.0, len(y)) for _ in range(2)]
    score = [1 / (1 + np.exp(-values)) for values in (*good, *worse)]
    return y, rng.uniform(0.5, 1.5, len(y)), score[:2], score[2:]
