"""What is scanned: a run configuration of which some fields have a list of values or a range."""

import dataclasses
import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jetlab.config import INPUTS, INTEGERS, REALS, ConfigError, RunConfig
from jetlab.errors import JetlabError

#: Fields whose value is itself a list: choices of them are a list of lists.
_LISTS = ("inputs", "widths")
#: Fields that leave the compiled program as it is: points that differ in nothing else are trained one after the other.
_SAME_PROGRAM = ("learning_rate", "schedule", "patience", "train_size", "epochs")
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(RunConfig)}
#: Points of the largest grid; of more nobody sees the end.
MOST = 100_000


class ScanError(JetlabError, ValueError):
    """A scan cannot start or go on; the message says what to do."""


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included; with `log` as many in each power of ten."""

    low: float
    high: float
    log: bool = False


Choices = Range | tuple[Any, ...]


@dataclass(frozen=True)
class Space:
    """What is scanned: `knobs` by field, lists or ranges, around the `fixed` fields, each point with all the `seeds`.

    Every possible value is checked as RunConfig does; of a grid every point is. Raises ConfigError, which names the
    field.
    """

    fixed: Mapping[str, Any]
    knobs: Mapping[str, Choices]
    seeds: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        """Check every value, alone and in the points of the grid."""
        if not self.knobs:
            raise ConfigError('Nothing is scanned: give a list of values in one field at least, as "nodes": [16, 64].')
        for seed in self.seeds:
            RunConfig(seed=seed)
        for name, choices in self.knobs.items():
            if isinstance(choices, Range):
                _range(name, dataclasses.asdict(choices))
                continue
            for value in _listed(name, choices):
                # Alone first: of two impossible fields the message names the one that it is about.
                if name != "widths":
                    RunConfig(**{name: value})
        if self.size > MOST:
            raise ConfigError(f"The grid has {self.size:,} points; give shorter lists, at most {MOST:,} points in all.")
        for point in self.grid() if self.is_grid else self._corners():
            self.configs(point)

    @classmethod
    def of(cls, config: RunConfig | None = None, **knobs: Any) -> "Space":
        """Scan fields, lists or `Range`s, around a configuration; `seed` may be a list too. Raises ConfigError."""
        config = config or RunConfig()
        values = dataclasses.asdict(config)
        if config.inputs == INPUTS[config.model]:
            del values["inputs"]  # the model's own, also where the model is scanned
        return cls._read({**values, **{name: _plain(value) for name, value in knobs.items()}})

    @classmethod
    def from_json(cls, text: str) -> "Space":
        """Read a configuration as `RunConfig.from_json` does, in which any field may be a list or a range.

        A range is written {"low": 1e-4, "high": 1e-2, "log": true}. `inputs` and `widths` are lists themselves, and
        their choices a list of lists. Raises ConfigError, which names the field.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"The space is not JSON ({error}); paste the whole text.") from error
        if not isinstance(values, dict):
            raise ConfigError(f"The space is a JSON {type(values).__name__}; it must be an object, {{...}}.")
        return cls._read(values)

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> "Space":
        # Refuses unknown names, and says which known one is near.
        RunConfig.from_json(json.dumps({name: _DEFAULTS.get(name) for name in values}))
        fixed: dict[str, Any] = {}
        knobs: dict[str, Choices] = {}
        seeds: tuple[int, ...] = (RunConfig.seed,)
        for name, value in values.items():
            choices = _choices(name, value)
            if name == "seed":
                seeds = _seeds(value if choices is None else choices)
            elif choices is None:
                fixed[name] = value
            else:
                knobs[name] = choices
        return cls(fixed, knobs, seeds)

    def to_json(self) -> str:
        """JSON text for `from_json`, the same for equal spaces."""
        values = {name: value for name, value in self.fixed.items() if value != _DEFAULTS[name]}
        scanned = {
            name: dataclasses.asdict(choices) if isinstance(choices, Range) else choices
            for name, choices in self.knobs.items()
        }
        return json.dumps(values | scanned | {"seed": self.seeds}, sort_keys=True)

    @property
    def is_grid(self) -> bool:
        """Whether every knob is a list, so that all points can be trained."""
        return not any(isinstance(choices, Range) for choices in self.knobs.values())

    @property
    def size(self) -> int:
        """Points of the grid; 0 where there are ranges."""
        return math.prod(map(len, self._lists())) if self.is_grid else 0

    @property
    def judged_by(self) -> str:
        """What is to be small: the validation loss, or the width of regression where the loss itself is scanned."""
        return "val_width" if "loss" in self.knobs else "val_loss"

    def grid(self) -> Iterator[dict[str, Any]]:
        """The points, knob -> value: mixed, so that the first few cover the space, but one structure in a row."""
        inner = [name for name in self.knobs if name in _SAME_PROGRAM]
        outer = [name for name in self.knobs if name not in inner]
        lists = dict(zip(self.knobs, self._lists(), strict=True))
        structures = list(itertools.product(*(lists[name] for name in outer)))
        random.Random(0).shuffle(structures)
        for structure in structures:
            for rest in itertools.product(*(lists[name] for name in inner)):
                yield dict(zip((*outer, *inner), (*structure, *rest), strict=True))

    def configs(self, values: Mapping[str, Any]) -> tuple[RunConfig, ...]:
        """The runs of a point, one for each seed. Raises ConfigError."""
        return tuple(RunConfig(**{**self.fixed, **values, "seed": seed}) for seed in self.seeds)

    def _lists(self) -> list[tuple[Any, ...]]:
        return [() if isinstance(choices, Range) else choices for choices in self.knobs.values()]

    def _corners(self) -> Iterator[dict[str, Any]]:
        """One point for each value of each list, all other knobs at their first or lowest value."""
        first = {n: c.low if isinstance(c, Range) else c[0] for n, c in self.knobs.items()}
        first |= {n: int(v) for n, v in first.items() if n in INTEGERS and v is not None}
        for name, choices in self.knobs.items():
            for value in () if isinstance(choices, Range) else choices:
                yield first | {name: value}


def _plain(value: Any) -> Any:
    """Ranges, tuples and arrays of a call in the form that JSON has."""
    if isinstance(value, Range):
        return dataclasses.asdict(value)
    return value.tolist() if hasattr(value, "tolist") else list(value) if isinstance(value, tuple | range) else value


def _choices(name: str, value: Any) -> Choices | None:
    """What a field may be, or None where it has one value."""
    if isinstance(value, dict):
        return _range(name, value)
    if not isinstance(value, list | tuple):
        return None
    if name not in _LISTS:
        return tuple(value)
    if value and all(isinstance(each, list | tuple) for each in value):
        return tuple(map(tuple, value))
    return None


def _range(name: str, value: Mapping[str, Any]) -> Range:
    allowed = f'{name} is {dict(value)!r}; a range is {{"low": 1e-4, "high": 1e-2, "log": true}}, in which log is free.'
    if not {"low", "high"} <= set(value) <= {"low", "high", "log"} or not isinstance(value.get("log", False), bool):
        raise ConfigError(allowed)
    found = Range(**value)
    if name not in INTEGERS and name not in REALS:
        raise ConfigError(f"{name} is {dict(value)!r}, but only numbers have a range; give a list of values.")
    ends: list[dict[str, Any]] = [{name: found.low}, {name: found.high}]
    for end in ends:
        RunConfig(**end)
    if not found.low < found.high:
        raise ConfigError(f"{name} goes from {found.low} to {found.high}; low must be below high.")
    if found.log and found.low <= 0:
        raise ConfigError(f"{name} goes from {found.low}: a range with log begins above 0.")
    return found


def _listed(name: str, choices: tuple[Any, ...]) -> tuple[Any, ...]:
    if not choices:
        raise ConfigError(f"{name} is an empty list; give the values to try.")
    if twice := [value for number, value in enumerate(choices) if value in choices[:number]]:
        raise ConfigError(f"{name} has {twice[0]!r} twice; give each value once.")
    return choices


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, Range):
        return tuple(range(int(value.low), int(value.high) + 1))
    return tuple(_listed("seed", value if isinstance(value, tuple) else (value,)))
