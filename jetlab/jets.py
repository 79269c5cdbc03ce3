"""From a sample of jets to what a network takes: matching, ordering, padding, scaling, reweighting, splitting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from jetlab.angles import wrap
from jetlab.errors import ArgumentError, counted
from jetlab.io.sample import DataError, JetSample, look_up
from jetlab.io.schema import KEY

#: |PDG id| of particle-flow candidates in the order of their class numbers 1, 2, ...; 0 is padding.
CLASSES = (211, 130, 22, 11, 13)
PT_EDGES = (*range(200, 300, 10), *range(300, 501, 20))
ETA_EDGES = tuple(0.25 * i for i in range(9))
#: Rows that are scaled in one go, in float64.
ROWS_AT_ONCE = 1 << 16


def delta_phi(a: Any, b: Any) -> Any:
    """Return a - b wrapped into [-pi, pi), float64 radians; of numbers, numpy or jagged awkward arrays."""
    return wrap(a - b)


def delta_r(eta_a: Any, phi_a: Any, eta_b: Any, phi_b: Any) -> Any:
    """Return the distance in the eta-phi plane, phi wrapped; numbers, numpy or jagged awkward arrays."""
    return np.hypot(eta_a - eta_b, delta_phi(phi_a, phi_b))


def match_tracks(sample: JetSample, radius: float | None = None) -> JetSample:
    """Give each jet the tracks of its event that lie within `radius` of it, by default the jets' own.

    A track goes to the nearest jet of the same run, lumi and event if that is closer than `radius`; of two equally near
    jets to the one of lower ijet; else (or if its event has no jet) to none. A jet may end up without tracks.

    Returns a sample whose jets carry jagged track_* columns, shape (n_jets, var), tracks in the order of the file.

    Raises:
        DataError: the sample has no tracks.
    """
    if sample.tracks is None:
        raise DataError(
            f"{sample!r} has no tracks to match: take a ROOT file with a tree tracks, as catalog.load('jets')."
        )
    tracks = {name: ak.to_numpy(sample.tracks[name]) for name in sample.tracks.fields}
    nearest = _nearest_jet(sample, tracks, sample.radius if radius is None else radius)
    kept = np.flatnonzero(nearest >= 0)
    kept = kept[np.argsort(nearest[kept], kind="stable")]
    counts = np.bincount(nearest[kept], minlength=len(sample))
    matched = {name: ak.unflatten(values[kept], counts) for name, values in tracks.items() if name not in KEY}
    columns = {name: sample.jets[name] for name in sample.columns}
    return JetSample(ak.zip({**columns, **matched}, depth_limit=1), sample.tracks, sample.provenance)


def _nearest_jet(sample: JetSample, tracks: dict[str, np.ndarray], radius: float) -> np.ndarray:
    """Return for each track the position of its jet in the sample, -1 for none, int64, shape (n_tracks,)."""
    order = np.lexsort((sample["ijet"], sample.event_index))
    per_event = np.bincount(sample.event_index)
    first_jet = np.cumsum(per_event) - per_event
    heads = order[first_jet]
    event = look_up([tracks[name] for name in KEY], [sample[name][heads] for name in KEY])
    n_jets = np.where(event >= 0, per_event[event], 0)
    eta, phi = sample["jet_eta_ak7"].astype(float), sample["jet_phi_ak7"].astype(float)
    nearest = np.full(len(event), -1)
    smallest = np.full(len(event), float(radius))
    # one pass per jet of an event, over all events at once: as many passes as the fullest event has jets
    for slot in range(per_event.max(initial=0)):
        track = np.flatnonzero(n_jets > slot)
        jet = order[first_jet[event[track]] + slot]
        distance = delta_r(tracks["track_eta"][track], tracks["track_phi"][track], eta[jet], phi[jet])
        nearer = distance < smallest[track]
        nearest[track[nearer]] = jet[nearer]
        smallest[track[nearer]] = distance[nearer]
    return nearest


def constituents(sample: JetSample, kind: str = "ak7pfcand") -> ak.Array:
    """Return candidates (kind "ak7pfcand") or matched tracks ("track") relative to their jet's axis.

    Returns a jagged record array, shape (n_jets, var), of pt [GeV], log_pt (log of pt over the jet's corrected pt),
    log_pt_gev (log of pt in GeV), deta, dphi (wrapped), dr, charge; and for candidates id_class: 0 is kept for
    padding, 1 charged hadron, 2 neutral hadron, 3 photon, 4 electron, 5 muon, 6 anything else; for tracks d0 and dz
    [mm] over their uncertainties. Candidates of a sample that lacks charges or ids have no charge or id_class.

    Raises:
        MissingColumnError: the sample has no such columns, as when tracks are not matched yet.
    """
    pt, eta, phi = (sample[f"{kind}_{name}"] for name in ("pt", "eta", "phi"))
    deta = eta - sample["jet_eta_ak7"]
    dphi = delta_phi(phi, sample["jet_phi_ak7"])
    columns = {
        "pt": pt,
        "log_pt": np.log(pt / sample["jet_pt_ak7"]),
        "log_pt_gev": np.log(pt),
        "deta": deta,
        "dphi": dphi,
        "dr": np.hypot(deta, dphi),
    }
    if kind == "track" or "ak7pfcand_charge" in sample.columns:
        columns["charge"] = sample[f"{kind}_charge"]
    if kind == "track":
        columns["d0_significance"] = sample["track_d0"] / sample["track_d0err"]
        columns["dz_significance"] = sample["track_dz"] / sample["track_dzerr"]
    elif "ak7pfcand_id" in sample.columns:
        columns["id_class"] = id_class(sample[f"{kind}_id"])
    return ak.zip(columns)


def id_class(ids: ak.Array) -> ak.Array:
    """Return 1 ... 5 for |id| 211, 130, 22, 11, 13 and 6 for others, int32, in the shape of the jagged `ids`."""
    flat = np.abs(ak.to_numpy(ak.flatten(ids)))
    classes = np.full(len(flat), len(CLASSES) + 1, np.int32)
    for number, pdg in enumerate(CLASSES, start=1):
        classes[flat == pdg] = number
    return ak.unflatten(classes, ak.num(ids))


def order(constituents: ak.Array, by: str = "pt", seed: int = 0) -> ak.Array:
    """Sort jagged records by falling "pt", or by rising "dr", the distance to the jet axis; equals keep their order.

    "random" shuffles each jet's records, the same again for the same `seed`.

    Raises:
        ArgumentError: another `by`.
    """
    if by == "random":
        key = np.random.default_rng(seed).random(len(ak.flatten(constituents, axis=1)))
        return constituents[ak.argsort(ak.unflatten(key, ak.num(constituents)), axis=1)]
    if by not in ("pt", "dr"):
        raise ArgumentError(
            f"order: by is '{by}', but can be 'pt' (hardest first), 'dr' (innermost first) or 'random'."
        )
    return constituents[ak.argsort(constituents[by], axis=1, ascending=by == "dr", stable=True)]


def pad(jagged: ak.Array, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut or fill with zeros each jet's list to `length` entries.

    Args:
        jagged: numbers, shape (n_jets, var), or records of n_features fields.
        length: entries per jet, at least 1; the first ones are kept, so `order` before.

    Returns values, shape (n_jets, length) in the dtype of `jagged` or, for records, (n_jets, length, n_features) in
    float32; and mask, bool, shape (n_jets, length), True where there is a constituent.

    Raises:
        ArgumentError: a length below 1.
    """
    if length < 1:
        raise ArgumentError(f"pad: length is {length}, but must be at least 1.")
    kept = jagged[:, :length]
    mask = np.arange(length) < ak.to_numpy(ak.num(kept, axis=1))[:, np.newaxis]
    flat = ak.flatten(kept, axis=1)
    if jagged.fields:
        content = np.stack([ak.to_numpy(flat[name]) for name in jagged.fields], axis=-1).astype(np.float32)
    else:
        content = ak.to_numpy(flat)
    values = np.zeros((*mask.shape, *content.shape[1:]), content.dtype)
    values[mask] = content
    return values, mask


@dataclass(frozen=True)
class Scaling:
    """Shift and width that bring each feature to mean 0 and width 1: fit on the training part only.

    Attributes:
        mean: mean of each feature, float64, shape (n_features,).
        width: standard deviation of each feature, 1 where a feature is constant, float64, shape (n_features,).
    """

    mean: np.ndarray
    width: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, mask: np.ndarray | None = None) -> "Scaling":
        """Measure mean and width of each feature of x, shape (..., n_features), where `mask`, shape (...), is True.

        Raises:
            ArgumentError: nothing to fit to, or a feature that is NaN or infinite.
        """
        rows = x.reshape(-1, x.shape[-1]) if mask is None else x[mask]
        if len(rows) == 0 or not np.isfinite(rows).all():
            raise ArgumentError("Scaling.fit needs at least one row, and only finite numbers: look at the inputs.")
        # One feature after the other: all of them in float64 would fill a multiple of the inputs.
        columns = (column.astype(np.float64) for column in rows.T)
        mean, width = np.array([(column.mean(), column.std()) for column in columns]).T
        return cls(mean, np.where(width > 0, width, 1.0))

    def apply(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Return (x - mean) / width in float32, in the shape of x; zero where `mask` is False."""
        rows = x.reshape(-1, x.shape[-1])
        scaled = np.empty(rows.shape, np.float32)
        for first in range(0, len(rows), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            scaled[some] = (rows[some] - self.mean) / self.width
        if mask is not None:
            scaled[~mask.reshape(-1)] = 0
        return scaled.reshape(x.shape)


def reweight(
    pt: np.ndarray,
    eta: np.ndarray,
    is_w: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    train: np.ndarray,
    pt_edges: Sequence[float] = PT_EDGES,
    eta_edges: Sequence[float] = ETA_EDGES,
) -> np.ndarray:
    """Weigh QCD jets so that in pt and |eta| they are spread as the W jets are: else a network learns the spectrum.

    Learnt from the training jets alone, and applied to all: QCD weights are scaled by W total / QCD total of their bin,
    so that both classes sum to the same; then all weights by one factor, so that their mean is one. Bins where the
    training jets lack a class can teach nothing but pt and eta: there, and outside the edges, all weights are zero.

    Args:
        pt: transverse momentum in GeV, shape (n_jets,).
        eta: pseudorapidity, shape (n_jets,).
        is_w: 1 or True for W jets, shape (n_jets,).
        weight: weights to begin with (mcweight), not negative; None: all one.
        train: positions of the training jets, as `split` gives them.
        pt_edges: edges of the bins in pt [GeV].
        eta_edges: edges of the bins in |eta|.

    Returns float64 weights, shape (n_jets,).

    Raises:
        ArgumentError: negative weights, or no bin that has training jets of both classes.
    """
    is_w = np.asarray(is_w).astype(bool)
    weight = np.ones(len(is_w)) if weight is None else np.asarray(weight, float)
    if np.any(weight < 0):
        raise ArgumentError("reweight: some weights are negative, but a bin's shape needs weights of zero or more.")
    pt_bin, pt_inside = _bin(np.asarray(pt), pt_edges)
    eta_bin, eta_inside = _bin(np.abs(eta), eta_edges)
    inside = pt_inside & eta_inside
    n_bins = (len(pt_edges) - 1) * (len(eta_edges) - 1)
    number = np.where(inside, pt_bin * (len(eta_edges) - 1) + eta_bin, 0)
    w_total, qcd_total = (np.bincount(number[train], (weight * (inside & c))[train], n_bins) for c in (is_w, ~is_w))
    shared = (w_total > 0) & (qcd_total > 0)
    if not shared.any():
        raise ArgumentError(
            "reweight: no bin in pt and |eta| has training jets of both classes; take more jets or wider bins."
        )
    ratio = np.divide(w_total, qcd_total, out=np.zeros(n_bins), where=shared)
    weight = weight * (inside & shared[number]) * np.where(is_w, 1.0, ratio[number])
    scaled: np.ndarray = weight / weight[train].mean()
    return scaled


def _bin(values: np.ndarray, edges: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return bin numbers and whether a value is in any bin; the last bin includes its upper edge, as in numpy."""
    number = np.searchsorted(edges, values, side="right") - 1
    number = np.where(values == edges[-1], len(edges) - 2, number)
    return number, (number >= 0) & (number < len(edges) - 1)


def split(
    event_index: np.ndarray, fractions: Sequence[float] = (0.6, 0.2, 0.2), seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Deal jets out to training, validation and test so that no event is in two parts: its jets know of each other.

    Args:
        event_index: number of each jet's event (`JetSample.event_index`), shape (n_jets,).
        fractions: of the jets, one per part, above 0 and summing to 1; met to within one event.
        seed: the same seed gives the same parts.

    Returns positions of the jets of each part, int64, in random order (so that the first n are a fair sample).

    Raises:
        ArgumentError: fractions that are not above 0 or do not sum to 1, or a part that stays empty.
    """
    if min(fractions) <= 0 or not np.isclose(sum(fractions), 1.0):
        raise ArgumentError(f"split: fractions are {tuple(fractions)}, but must be above 0 and sum to 1.")
    rng = np.random.default_rng(seed)
    _, event, jets_per_event = np.unique(event_index, return_inverse=True, return_counts=True)
    shuffled = rng.permutation(len(jets_per_event))
    jets_before = np.cumsum(jets_per_event[shuffled]) - jets_per_event[shuffled]
    edges = np.cumsum(fractions)[:-1] * len(event_index)
    part_of_event = np.empty(len(jets_per_event), int)
    part_of_event[shuffled] = np.searchsorted(edges, jets_before, side="right")
    jets = rng.permutation(len(event_index))
    part = part_of_event[event[jets]]
    parts = tuple(jets[part == number] for number in range(len(fractions)))
    if any(len(positions) == 0 for positions in parts):
        raise ArgumentError(
            f"split: {counted(len(jets_per_event), 'event')} cannot be dealt out to parts of {tuple(fractions)}: "
            "take more."
        )
    return parts
