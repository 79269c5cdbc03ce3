"""Which chunks a simulation consists of: every one has its own name, seed and luminosity section."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .generator import QCD, SIGNAL, Process

#: How many of 20 QCD chunks go to each pThat bin: many jets at every pt, no bin with a few jets of huge weight.
QCD_SHARES = (6, 10, 3, 1)


@dataclass(frozen=True)
class Task:
    """One chunk: its process and its number among the chunks of that process."""

    process: Process
    number: int

    @property
    def name(self) -> str:
        """What its file is called and its seed derives from."""
        return f"{self.process.name}-{self.number:05d}"

    def file(self, parts: Path) -> Path:
        """Where it is kept when finished."""
        return parts / f"{self.name}.npz"

    @property
    def lumi(self) -> int:
        """Luminosity section, distinct for every chunk of every process."""
        processes = (SIGNAL, *QCD)
        return self.number * len(processes) + processes.index(self.process) + 1

    @property
    def kind(self) -> str:
        """The class of jets it is for: "ttbar" or "qcd"."""
        return "ttbar" if self.process.wants_w else "qcd"


def plan(chunks: dict[str, int]) -> list[Task]:
    """The first chunks of each kind; QCD chunks take turns over the pThat bins, by their shares."""
    turns = [b for _, b in sorted((i / share, b) for b, share in enumerate(QCD_SHARES) for i in range(share))]
    counts = np.bincount(np.resize(turns, chunks["qcd"]), minlength=len(QCD))
    tasks = [Task(SIGNAL, i) for i in range(chunks["ttbar"])]
    return tasks + [Task(QCD[b], i) for b in range(len(QCD)) for i in range(counts[b])]


def seed_of(seed: int, name: str) -> int:
    """Seed of the part `name` of the run with that seed."""
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0])
