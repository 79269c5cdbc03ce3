"""Challenges: jets that participants get without labels, and labels that only the board has.

A challenge is a folder of two files, `jets.h5` to hand out and `labels.h5` to keep. One half of the jets, drawn at
random, is public: what is measured on it is shown at once. The other is private until the teacher ends the challenge.
"""

import re
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
from numpy.typing import NDArray

from jetlab import catalog, io, jets, shipped
from jetlab.check import held_back
from jetlab.errors import JetlabError
from jetlab.io.sample import JetSample
from jetlab.io.schema import KEY
from jetlab.metrics import Estimate, comparison, evaluate

JETS, LABELS = "jets.h5", "labels.h5"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
HALVES = ("public", "private")
#: What is shown of an entry.
FIGURES = ("auc", "rejection_50")
#: What a jet is known by in an experiment. All else tells of the simulation, or of the other jets of its event.
_MEASURED = tuple(
    f"jet_{name}_ak7" for name in ("pt", "ptraw", "eta", "phi", "E", "Eraw", "msd", "area", "jes", "tau21", "ncand")
)
#: Bootstrap samples behind an uncertainty: it is known to 7 %, and a hundred entries at once need not wait long.
REPLICAS = 100
#: Uncertainties of this difference of two entries are taken as no difference.
SIGNIFICANT = 2.0


class ChallengeError(JetlabError, ValueError):
    """A challenge cannot be made or read; the message names the folder and says what to do."""


@dataclass(frozen=True)
class Challenge:
    """A challenge as the board has it.

    Attributes:
        name: how participants call it.
        jets: the file that they get.
        y: labels (n,), 1 for W and 0 for QCD, in the order of the file.
        weight: of each jet (n,), with which QCD jets are spread in pt and eta as W jets are.
        public: whether a jet (n,) is of the public half.
        rehearsal: whether the jets come with the kit, labels and all.
    """

    name: str
    jets: Path
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    public: NDArray[np.bool_]
    rehearsal: bool
    _differences: dict[tuple[str, int, int], Estimate] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Return the number of jets."""
        return len(self.y)

    def measure(self, scores: NDArray[np.float64]) -> dict[str, dict[str, Estimate]]:
        """FIGURES of scores (n,) on each of HALVES, as `metrics.evaluate` gives them."""
        found = {}
        for half in HALVES:
            part = self._part(half)
            measured = evaluate(self.y[part], scores[part], self.weight[part], REPLICAS)
            found[half] = {name: measured[name] for name in FIGURES}
        return found

    def difference(
        self, half: str, first: tuple[int, NDArray[np.float64]], other: tuple[int, NDArray[np.float64]]
    ) -> Estimate:
        """AUC of the first entry minus that of the other on the same jets of a half; entries are (number, scores)."""
        key = (half, first[0], other[0])
        if key not in self._differences:
            part = self._part(half)
            self._differences[key] = comparison.auc_difference(
                self.y[part], [first[1][part]], [other[1][part]], self.weight[part]
            )
        return self._differences[key]

    def _part(self, half: str) -> NDArray[np.bool_]:
        return self.public if half == "public" else ~self.public


def make(folder: Path, name: str, jets: int, seed: int | None, workers: int) -> Challenge:
    """Simulate the jets of a challenge and write its two files; about 14 jets a second and core.

    Whoever knows the seed can simulate the labels as well, so by default it is drawn, and kept with the labels. Raises
    ChallengeError for a folder in use and as `simulate_jets`.
    """
    from jetlab.simulation import simulate_jets  # an extra that only who makes challenges needs

    _check(folder, name)
    seed = secrets.randbelow(2**31) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="jetlab-challenge-") as scratch:
        sample = io.read(simulate_jets(jets, seed, workers, Path(scratch) / "jets.root"))
        return _write(sample, folder, name, rehearsal=False, seed=seed)


def rehearse(folder: Path, name: str) -> Challenge:
    """Write a challenge of shipped jets, those that no lesson trains with. It needs no simulation, and keeps no secret.

    Raises ChallengeError for a folder in use.
    """
    _check(folder, name)
    sample = catalog.load("jets")
    unseen = np.setdiff1d(np.arange(len(sample)), held_back.opened(sample))
    return _write(sample[unseen], folder, name, rehearsal=True, seed=held_back.SEED)


def read(folder: Path) -> Challenge:
    """The challenge of a folder that `make` or `rehearse` wrote. Raises ChallengeError."""
    labels, handed_out = folder / LABELS, folder / JETS
    if not labels.is_file() or not handed_out.is_file():
        raise ChallengeError(
            f"{folder} has no {JETS} and {LABELS}: make them by `jetlab board make-challenge {folder}`."
        )
    try:
        with h5py.File(labels) as file:
            y, weight, public = (file[name][:] for name in ("y", "weight", "public"))
            return Challenge(str(file.attrs["name"]), handed_out, y, weight, public, bool(file.attrs["rehearsal"]))
    except (OSError, KeyError) as error:
        raise ChallengeError(f"{labels} cannot be read ({error}): make the challenge again.") from error


def _check(folder: Path, name: str) -> None:
    if not NAME.fullmatch(name):
        raise ChallengeError(
            f"A challenge cannot be called {name!r}: take up to 40 letters, digits, spaces, dots, _ and -, as W-tagger."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ChallengeError(f"{folder} is in use: name a new or an empty folder.")


def _write(sample: JetSample, folder: Path, name: str, rehearsal: bool, seed: int) -> Challenge:
    """Both files, the jets in a random order and under new numbers, so that nothing but themselves tells them apart."""
    rng = np.random.default_rng([seed, 22])
    sample = sample[rng.permutation(len(sample))]
    y = (sample["jet_isW_ak7"] == 1).astype(np.float64)
    everything = np.arange(len(sample))
    weight = jets.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], y, sample["mcweight"], train=everything)
    public = rng.random(len(sample)) < 0.5
    candidates = [column for column in sample.columns if column.startswith("ak7pfcand_")]
    kept = {column: sample.jets[column] for column in (*_MEASURED, *candidates)}
    numbers = {"run": np.ones_like(everything), "lumi": np.ones_like(everything), "event": everything}
    assert tuple(numbers) == KEY
    numbers["ijet"] = np.zeros_like(everything)
    of = "shipped jets, whose labels are public" if rehearsal else "simulated jets"
    folder.mkdir(parents=True, exist_ok=True)
    bare = JetSample(ak.zip({**numbers, **kept}, depth_limit=1), None, {"made_by": f"challenge {name} of {of}"})
    io.write_hdf5(bare, folder / JETS)
    with h5py.File(folder / LABELS, "x") as file:
        file.attrs.update({"name": name, "rehearsal": rehearsal, "seed": seed})
        for column, values in {"y": y, "weight": weight, "public": public}.items():
            file[column] = values
    (folder / LABELS).chmod(0o600)
    return read(folder)


def advice(challenge: Challenge) -> str:
    """What to say of a challenge to whoever serves it."""
    if challenge.rehearsal:
        return (
            f"{challenge.name} is a rehearsal: the labels of its jets come with the kit, so nobody can win it fairly.\n"
            f"For one, simulate jets: `jetlab board make-challenge DIR --jets 10000`. To install what that needs, "
            f"{shipped.install('simulation')}."
        )
    return f"{challenge.name}: keep {LABELS} to yourself, and the seed in it; {JETS} is what participants get."
