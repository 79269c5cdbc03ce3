"""Learning a jet energy scale: targets, inputs per jet and per candidate, flattened spectra.

All networks estimate log(pt_gen / pt_raw), the logarithm of the ideal correction, so that one which knows nothing yet,
and says 0, leaves the raw pt as it is.
"""

import awkward as ak
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab import jets
from jetlab.io import JetSample

Floats = NDArray[np.float64]
#: Spectra are made flat in this range (GeV) in so many bins of log(pt); jets beyond count like those at its ends.
FLAT_RANGE, FLAT_BINS = (220.0, 470.0), 15


def log_correction(sample: JetSample) -> Floats:
    """The target: log(pt_gen / pt_raw) of each jet, float64 (n_jets,)."""
    return np.log(_column(sample, "genjet_pt_ak7") / _column(sample, "jet_ptraw_ak7"))


def corrected(sample: JetSample, log_factor: ArrayLike) -> Floats:
    """Corrected pt in GeV: the raw one times exp of what a network says, both (n_jets,)."""
    return _column(sample, "jet_ptraw_ak7") * np.exp(np.asarray(log_factor, dtype=np.float64))


def flat_weights(sample: JetSample, train: NDArray[np.integer], pt_range: tuple[float, float] = FLAT_RANGE) -> Floats:
    """Weights with which W jets and QCD jets each have a flat spectrum in log(gen pt), float64 (n_jets,).

    Of a sample that does not say which jets are W, all are one class. `pt_range` is in GeV.

    What a network learns is pulled to where the jets of its training were many (the prior); a flat spectrum pulls
    nowhere. Learnt from the jets at the positions `train` alone, where each class has a mean of one; zero in bins
    where the training jets lack the class.
    """
    gen_pt = _column(sample, "genjet_pt_ak7")
    is_w = sample["jet_isW_ak7"] == 1 if "jet_isW_ak7" in sample.columns else np.zeros(len(sample), bool)
    edges = np.geomspace(*pt_range, FLAT_BINS + 1)
    number = np.clip(np.searchsorted(edges, gen_pt, side="right") - 1, 0, FLAT_BINS - 1)
    inside = (gen_pt >= edges[0]) & (gen_pt < edges[-1])
    weight = np.zeros(len(gen_pt))
    for chosen in (is_w, ~is_w):
        learnt = train[chosen[train]]
        # Jets beyond the range are many at one end and few at the other: they do not count, but weigh like their bin.
        content = np.bincount(number[learnt[inside[learnt]]], minlength=FLAT_BINS)
        by_bin = np.divide(1.0, content, out=np.zeros(FLAT_BINS), where=content > 0)
        if content.any():
            by_bin /= by_bin[number[learnt]].mean()
        weight[chosen] = by_bin[number[chosen]]
    return weight


def jet_inputs(sample: JetSample) -> Floats:
    """Log of raw pt (GeV), |eta|, rho (GeV), area, rho x area / raw pt: what L1L2L3 uses, float64 (n_jets, 5)."""
    raw, rho, area = (_column(sample, name) for name in ("jet_ptraw_ak7", "rho", "jet_area_ak7"))
    return np.stack([np.log(raw), np.abs(_column(sample, "jet_eta_ak7")), rho, area, rho * area / raw], axis=1)


def fractions(sample: JetSample) -> Floats:
    """Share of the candidates' pt that each class of `jets.CLASSES` carries, float64 (n_jets, 5)."""
    candidates = jets.constituents(sample)
    total = ak.to_numpy(ak.sum(candidates["pt"], axis=1)).astype(np.float64)
    sums = [ak.sum(candidates["pt"][candidates["id_class"] == i + 1], axis=1) for i in range(len(jets.CLASSES))]
    return np.stack([ak.to_numpy(each) / total for each in sums], axis=1)


def candidate_inputs(sample: JetSample, length: int = 70) -> NDArray[np.float32]:
    """The hardest candidates of each jet, float32 (n_jets, length, 9), zeros where a jet has fewer.

    Fraction of the jet's raw pt; its logarithm, |eta| and distance from the jet axis, brought to numbers of order one;
    and a column for each class of `jets.CLASSES` that is 1 or 0. Raises ValueError for a length below 1.
    """
    pt = sample["ak7pfcand_pt"]
    candidates = jets.constituents(sample)
    fraction = pt / sample["jet_ptraw_ak7"]
    columns = {
        "fraction": fraction,
        "log_fraction": np.log(fraction) / 3 + 2,
        "abs_eta": (np.abs(sample["ak7pfcand_eta"]) - 1.2) * 4,
        "dr": candidates["dr"] * 3,
        **{str(number + 1): candidates["id_class"] == number + 1 for number in range(len(jets.CLASSES))},
    }
    hardest = ak.zip(columns)[ak.argsort(pt, axis=1, ascending=False, stable=True)]
    return jets.pad(hardest, length)[0]


def _column(sample: JetSample, name: str) -> Floats:
    values: Floats = sample[name].astype(np.float64)
    return values
