"""Whether simulated jets are made of what real ones are made of: CMS jets of 2011 against a simulation of that run.

The real file is the one of the DS@HEP 2017 hands-on (`catalog.load("cms2011_jets")`): run 160578, jets of 30 to 300
GeV, charged hadrons of pile-up not subtracted.
"""

import itertools
from dataclasses import dataclass

import awkward as ak
import numpy as np

from jetlab.angles import wrap
from jetlab.io.sample import JetSample
from jetlab.simulation.chunk import Chunk, Conditions
from jetlab.simulation.correction import Correction
from jetlab.simulation.farm import stack
from jetlab.simulation.generator import Array

#: The mean number of pile-up collisions of that run is not public: this one gives its charged multiplicity.
RUN_160578 = Conditions(
    mean_pile_up=3.6,
    subtract_charged=False,
    min_pt=20.0,
    kept_raw_pt=(20.0, 400.0),
    gen_pt_edges=(25.0, 32.0, 40.0, 50.0, 65.0, 90.0, 130.0, 200.0, 320.0, 500.0),
)
PT_EDGES = (30.0, 60.0, 100.0, 300.0)  # GeV
ETA_EDGES = (0.0, 1.3, 2.0)
#: Simulated jets get the real jets' spectrum in these bins (GeV): triggers, not nature, decide it.
SPECTRUM_EDGES = (30.0, 37.0, 45.0, 60.0, 80.0, 100.0, 140.0, 300.0)
GEN_PT_EDGES = (35.0, 50.0, 75.0, 125.0, 200.0, 400.0)  # GeV, of response and resolution
CANDIDATE_EDGES = (0.5, 0.8, 1.2, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 40.0, 100.0)  # GeV
CLASSES = {"charged_hadron": 211, "photon": 22, "neutral_hadron": 130}


@dataclass(frozen=True)
class JetTable:
    """Quantities of jets, each (n_jets,): `pt` (GeV, corrected), `eta`, `weight`, and those compared by name.

    `spectra` holds for each class of candidates how many of each jet fall into the bins of CANDIDATE_EDGES.
    """

    pt: Array
    eta: Array
    weight: Array
    quantities: dict[str, Array]
    spectra: dict[str, Array]


def of_sample(sample: JetSample) -> JetTable:
    """The table of jets that were read from a file; the last one, which the end of the file may cut, is left out."""
    jets = sample.jets[:-1]
    column = {name: ak.to_numpy(jets[f"jet_{name}_ak7"]).astype(float) for name in ("pt", "eta", "phi", "jes", "area")}
    candidates = {name: jets[f"ak7pfcand_{name}"] for name in ("pt", "eta", "phi", "id")}
    jet = np.repeat(np.arange(len(jets)), ak.to_numpy(ak.num(candidates["pt"])))
    flat = {name: ak.to_numpy(ak.flatten(values)).astype(float) for name, values in candidates.items()}
    return _table(column, flat, jet, np.ones(len(jets)))


def of_chunks(chunks: list[Chunk]) -> JetTable:
    """The table of simulated jets, corrected by a correction of their own.

    Raises:
        CalibrationError: too few jets for that.
    """
    correction = Correction.derive(
        **stack([chunk.calibration for chunk in chunks]), gen_pt_edges=RUN_160578.gen_pt_edges
    )
    first = np.cumsum([0] + [len(chunk.jets["pt"]) for chunk in chunks])
    jets = stack([chunk.jets for chunk in chunks])
    candidates = stack([chunk.candidates for chunk in chunks])
    jet = np.concatenate([chunk.candidates["jet"] + start for chunk, start in zip(chunks, first, strict=False)])
    jes = correction.jes(jets["pt"], jets["eta"], jets["area"], jets["rho"])
    column = {"pt": jets["pt"] * jes, "jes": jes} | {name: jets[name] for name in ("eta", "phi", "area")}
    return _table(column, candidates, jet, jets["weight"])


def response(chunks: list[Chunk]) -> list[dict[str, float | str]]:
    """Rows of the raw median response, and the resolution after correction, of simulated jets in bins of generator pt.

    The resolution is half the central 68 % of the response over its median. Rows have quantity, pt_low, pt_high,
    eta_high, simulated and simulated_error.
    """
    jets = stack([chunk.calibration for chunk in chunks])
    correction = Correction.derive(**jets, gen_pt_edges=RUN_160578.gen_pt_edges)
    raw = jets["pt_raw"] / jets["gen_pt"]
    corrected = raw * correction.jes(jets["pt_raw"], jets["eta"], jets["area"], jets["rho"])
    rows: list[dict[str, float | str]] = []
    for eta_low, eta_high in _pairs(ETA_EDGES):
        for low, high in _pairs(GEN_PT_EDGES):
            eta = np.abs(jets["eta"])
            chosen = (jets["gen_pt"] >= low) & (jets["gen_pt"] < high) & (eta >= eta_low) & (eta < eta_high)
            bins: dict[str, float | str] = {"pt_low": low, "pt_high": high, "eta_high": eta_high}
            n = int(chosen.sum())
            for name, values in (("raw_response", raw[chosen]), ("resolution", corrected[chosen])):
                p16, median, p84 = np.percentile(values, [16, 50, 84])
                width = (p84 - p16) / 2 / median
                # Standard errors of median and width of a Gaussian.
                value, error = (
                    (median, 1.25 * width / n**0.5) if name == "raw_response" else (width, 0.9 * width / n**0.5)
                )
                rows.append({"quantity": name, **bins, "simulated": float(value), "simulated_error": float(error)})
    return rows


def _table(jets: dict[str, Array], candidates: dict[str, Array], jet: Array, weight: Array) -> JetTable:
    n, pt = len(jets["pt"]), candidates["pt"]

    def total(values: Array) -> Array:
        return np.bincount(jet, weights=values, minlength=n)

    whole = total(pt)
    distance = np.hypot(candidates["eta"] - jets["eta"][jet], wrap(candidates["phi"] - jets["phi"][jet]))
    quantities = {
        "jes": jets["jes"],
        "area": jets["area"],
        "radius": total(pt * distance) / whole,
        "pt_dispersion": np.sqrt(total(pt**2)) / whole,
    }
    spectra = {}
    for name, pid in CLASSES.items():
        of_class = np.abs(candidates["id"]) == pid
        fraction = total(pt * of_class) / whole
        quantities |= {f"{name}_fraction": fraction, f"{name}_multiplicity": total(of_class.astype(float))}
        quantities[f"{name}_fraction_above_half"] = (fraction > 0.5).astype(float)
        spectra[name] = np.stack(
            [total((of_class & (pt >= low) & (pt < high)).astype(float)) for low, high in _pairs(CANDIDATE_EDGES)],
            axis=1,
        )
    return JetTable(jets["pt"], jets["eta"], weight, quantities, spectra)


def _pairs(edges: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(itertools.pairwise(edges))


def compare(real: JetTable, simulated: JetTable) -> list[dict[str, float | str]]:
    """One row for each quantity and bin of pt (GeV) and |eta|, and for each class's spectrum in each bin of |eta|.

    Rows have quantity, pt_low, pt_high, eta_high, real, real_error, simulated, simulated_error; those of the spectra
    chi2_ndf in place of the last four.
    """
    rows: list[dict[str, float | str]] = []
    for eta_low, eta_high in _pairs(ETA_EDGES):
        for low, high in (*_pairs(PT_EDGES), (PT_EDGES[0], PT_EDGES[-1])):
            bins: dict[str, float | str] = {"pt_low": low, "pt_high": high, "eta_high": eta_high}
            chosen = [_chosen(table, low, high, eta_low, eta_high) for table in (real, simulated)]
            weight = _reweighted(real.pt[chosen[0]], simulated.pt[chosen[1]], simulated.weight[chosen[1]])
            for name, values in real.quantities.items():
                one, one_error = _mean(values[chosen[0]], np.ones(int(chosen[0].sum())))
                two, two_error = _mean(simulated.quantities[name][chosen[1]], weight)
                rows.append(
                    {"quantity": name, **bins, "real": one, "real_error": one_error}
                    | {"simulated": two, "simulated_error": two_error}
                )
        for name, counts in real.spectra.items():
            chi2 = _chi2_ndf(counts[chosen[0]], simulated.spectra[name][chosen[1]], weight)
            rows.append({"quantity": f"{name}_spectrum", **bins, "chi2_ndf": chi2})
    return rows


def _chosen(table: JetTable, pt_low: float, pt_high: float, eta_low: float, eta_high: float) -> Array:
    eta = np.abs(table.eta)
    return (table.pt >= pt_low) & (table.pt < pt_high) & (eta >= eta_low) & (eta < eta_high)


def _reweighted(real_pt: Array, pt: Array, weight: Array) -> Array:
    """Weights with which simulated jets have the spectrum of the real ones."""
    wanted = np.histogram(real_pt, SPECTRUM_EDGES)[0]
    found = np.histogram(pt, SPECTRUM_EDGES, weights=weight)[0]
    ratio = np.divide(wanted, found, out=np.zeros(len(wanted)), where=found > 0)
    matched: Array = weight * ratio[np.clip(np.digitize(pt, SPECTRUM_EDGES) - 1, 0, len(ratio) - 1)]
    return matched


def _mean(values: Array, weight: Array) -> tuple[float, float]:
    """Weighted mean and its standard error."""
    mean = np.average(values, weights=weight)
    error = np.sqrt(np.sum((weight * (values - mean)) ** 2)) / np.sum(weight)
    return float(mean), float(error)


def _chi2_ndf(real: Array, simulated: Array, weight: Array) -> float:
    """Chi squared per bin of the mean counts per jet, with errors over jets: candidates of one jet belong together."""
    chi2 = []
    for i in range(real.shape[1]):
        if np.sum(real[:, i] > 0) < 5:  # too few jets for an error
            continue
        one, one_error = _mean(real[:, i], np.ones(len(real)))
        two, two_error = _mean(simulated[:, i], weight)
        chi2.append((one - two) ** 2 / (one_error**2 + two_error**2))
    return float(np.mean(chi2))
