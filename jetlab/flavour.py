"""From a sample of flavour-tagging jets to what a tagger takes: classes, inputs, defaults, weights, hybrid training.

The steps of ATL-PHYS-PUB-2017-013 and arXiv:1907.05120. Classes are 0 light, 1 c, 2 b everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jetlab.errors import ArgumentError
from jetlab.io.sample import JetSample

CLASSES = ("light", "c", "b")
#: Flavour in the sample of each class; jets of taus belong to none.
FLAVOURS = (0, 4, 5)
#: Inputs by where they come from; one group after the other shows what more inputs give.
GROUPS: dict[str, tuple[str, ...]] = {
    "kinematics": ("jet_pt_ak7", "jet_abs_eta"),
    "ip2d": ("ip2d_bu", "ip2d_bc", "ip2d_cu"),
    "ip3d": ("ip3d_bu", "ip3d_bc", "ip3d_cu"),
    "sv": ("sv_mass", "sv_efrac", "sv_ntracks", "sv_npairs", "sv_l3d", "sv_lxy", "sv_significance", "sv_dr"),
    "jf": ("jf_mass", "jf_efrac", "jf_significance", "jf_nvertices", "jf_nsingle", "jf_ntracks", "jf_dr"),
    "muon": ("muon_pt", "muon_ptrel", "muon_dr", "muon_d0_significance"),
}
PT_EDGES = (20.0, 25.0, 30.0, 40.0, 50.0, 65.0, 85.0, 110.0, 140.0, 180.0, 230.0, 300.0, 400.0, 550.0, 750.0, 1000.0)
ETA_EDGES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
TTBAR = 0  # in jet_process_ak7
HYBRID_PT = 250.0  # GeV, below which top pairs are trained on and above which the Z', as in arXiv:2211.16345


def classes(sample: JetSample) -> np.ndarray:
    """Class of each jet, int64 (n_jets,): 0 light, 1 c, 2 b, and -1 for a jet of a tau."""
    flavour = sample["jet_flavour_ak7"]
    found = np.full(len(sample), -1, dtype=np.int64)
    for number, kind in enumerate(FLAVOURS):
        found[flavour == kind] = number
    return found


def inputs(sample: JetSample, groups: Sequence[str] = tuple(GROUPS)) -> tuple[np.ndarray, tuple[str, ...]]:
    """Inputs of these groups, float64 (n_jets, n_inputs), and their names; NaN where a jet has no such thing.

    Raises:
        ArgumentError: an unknown group, or none.
        MissingColumnError: a sample that has no such columns.
    """
    unknown = [group for group in groups if group not in GROUPS]
    if unknown or not groups:
        raise ArgumentError(f"inputs: groups are {list(groups)}, but can be of {', '.join(GROUPS)}, at least one.")
    names = tuple(name for group in groups for name in GROUPS[group])
    return np.stack([_column(sample, name) for name in names], axis=1), names


def _column(sample: JetSample, name: str) -> np.ndarray:
    if name == "jet_abs_eta":
        return np.abs(np.asarray(sample["jet_eta_ak7"], np.float64))
    if name.endswith("_cu"):
        # Of the logarithms log(p_b / p_u) and log(p_b / p_c) the difference is log(p_c / p_u).
        kind = name.removesuffix("_cu")
        return np.asarray(sample[f"{kind}_bu"] - sample[f"{kind}_bc"], np.float64)
    return np.asarray(sample[name], np.float64)


def of_groups(columns: Sequence[str], groups: Sequence[str]) -> np.ndarray:
    """Which of these columns, inputs and check variables alike, belong to the groups: bool (n_columns,).

    `columns` are names as `Defaults.names` gives them. Raises ArgumentError for an unknown group.
    """
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        raise ArgumentError(f"of_groups: groups are {list(groups)}, but can be of {', '.join(GROUPS)}.")
    wanted = {name for group in groups for name in GROUPS[group]}
    checks = {f"no_{name.rpartition('_')[0]}" for name in wanted} | {f"no_{name}" for name in wanted}
    return np.array([name in wanted or name in checks for name in columns])


@dataclass(frozen=True)
class Defaults:
    """What stands for a missing input, learnt from the training jets alone, and the check variables that say so.

    Attributes:
        value: of each input, float64 (n_inputs,).
        checks: positions of inputs that are missing for some training jets, one for each pattern of missing: inputs
            that are always missing together have one check variable.
    """

    value: np.ndarray
    checks: tuple[int, ...]

    @classmethod
    def mean(cls, x: np.ndarray) -> "Defaults":
        """The mean of those jets that have the input, of training jets x, float64 (n_jets, n_inputs), NaN for missing.

        Raises:
            ArgumentError: an input that no jet has, or infinity.
        """
        _check(x)
        return cls(np.nanmean(x, axis=0), _patterns(x))

    @classmethod
    def sentinel(cls, x: np.ndarray, widths: float = 10.0) -> "Defaults":
        """A value that lies `widths` standard deviations below the least of the jets that have the input; no checks.

        Raises:
            ArgumentError: as `mean`.
        """
        _check(x)
        return cls(np.nanmin(x, axis=0) - widths * np.nanstd(x, axis=0), ())

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Return x with values for NaN, then the check variables (1 missing, 0 not); float64 (n_jets, n + checks)."""
        missing = np.isnan(x)
        return np.concatenate([np.where(missing, self.value, x), missing[:, list(self.checks)]], axis=1)

    def names(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names of the columns that `apply` gives, of the inputs' names (n_inputs,)."""
        return (*names, *(f"no_{names[position].rpartition('_')[0] or names[position]}" for position in self.checks))


def _check(x: np.ndarray) -> None:
    if x.ndim != 2 or np.isinf(x).any() or np.isnan(x).all(axis=0).any():
        raise ArgumentError("Defaults need inputs (n_jets, n_inputs), finite or NaN, each of which some jet has.")


def _patterns(x: np.ndarray) -> tuple[int, ...]:
    missing = np.isnan(x)
    first: dict[bytes, int] = {}
    for position in range(x.shape[1]):
        if missing[:, position].any():
            first.setdefault(np.packbits(missing[:, position]).tobytes(), position)
    return tuple(first.values())


def reweight(
    pt: np.ndarray,
    eta: np.ndarray,
    label: np.ndarray,
    *,
    train: np.ndarray,
    pt_edges: Sequence[float] = PT_EDGES,
    eta_edges: Sequence[float] = ETA_EDGES,
    to: int = 2,
) -> np.ndarray:
    """Weigh jets so that all classes are spread in pt and |eta| as that of number `to` is: else these tell flavours.

    Learnt from the training jets alone and applied to all. Each class sums to the same over the training jets; the mean
    weight of these is one. In bins where the training jets lack a class, and outside the edges, weights are zero, as
    are those of labels below zero.

    Args:
        pt: transverse momentum in GeV, (n_jets,).
        eta: pseudorapidity, (n_jets,).
        label: class of each jet, from 0; negative: none, (n_jets,).
        train: positions of the training jets.
        pt_edges: edges of the bins in pt [GeV].
        eta_edges: edges of the bins in |eta|.
        to: the class whose spectrum the others get.

    Returns float64 weights, (n_jets,).

    Raises:
        ArgumentError: no bin that has training jets of all classes.
    """
    edges = (np.asarray(pt_edges), np.asarray(eta_edges))
    place = [np.digitize(values, each) - 1 for values, each in zip((pt, np.abs(eta)), edges, strict=True)]
    n_pt, n_eta = (len(each) - 1 for each in edges)
    inside = (label >= 0) & (place[0] >= 0) & (place[0] < n_pt) & (place[1] >= 0) & (place[1] < n_eta)
    bins = np.where(inside, place[0] * n_eta + place[1], 0)
    kinds = int(label.max()) + 1
    counted = np.zeros((kinds, n_pt * n_eta))
    chosen = train[inside[train]]
    np.add.at(counted, (label[chosen], bins[chosen]), 1.0)
    shared = (counted > 0).all(axis=0)
    if not shared.any():
        raise ArgumentError(
            "reweight: no bin in pt and |eta| has training jets of all classes; take more, or wider bins."
        )
    ratio = np.divide(counted[to], counted, out=np.zeros_like(counted), where=shared)
    weight = np.where(inside, ratio[np.maximum(label, 0), bins], 0.0)
    scaled: np.ndarray = weight / weight[train].mean()
    return scaled


def hybrid(sample: JetSample, pt: float = HYBRID_PT) -> np.ndarray:
    """Which jets the hybrid training takes, bool (n_jets,): of top pairs those below `pt` GeV, of the Z' others."""
    chosen: np.ndarray = (sample["jet_process_ak7"] == TTBAR) == (sample["jet_pt_ak7"] < pt)
    return chosen
