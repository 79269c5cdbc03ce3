"""How configurations differ, and what became of a learning rate, in words."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from jetlab.config import INPUTS, RunConfig, short_name
from jetlab.errors import counted
from jetlab.panel.controls import FIELDS
from jetlab.training import Result
from jetlab.training.session import Config

#: Field of a configuration -> its value in words; for other fields the value alone is enough.
_WORDS: dict[str, Callable[[Any], str]] = {
    "model": lambda model: model.replace("_", " "),
    "layers": lambda n: counted(n, "layer"),
    "nodes": lambda n: counted(n, "node"),
    "widths": lambda nodes: f"nodes {'-'.join(map(str, nodes))}",
    "dropout": lambda fraction: f"dropout {fraction:g}" if fraction else "no dropout",
    "batch_size": lambda n: f"batch size {n}",
    "learning_rate": lambda rate: f"learning rate {rate:.3g}",
    "schedule": {
        "constant": "constant learning rate",
        "cosine": "learning rate falling along a cosine",
        "step": "learning rate falling in steps",
    }.__getitem__,
    "epochs": lambda n: counted(n, "epoch"),
    "patience": lambda n: f"patience {n}" if n else "no early stopping",
    "seed": lambda n: f"seed {n}",
    "train_size": lambda n: "all training jets" if n is None else counted(n, "training jet"),
    "loss": lambda name: f"loss {name}",
    "length": lambda n: counted(n, "constituent"),
    "order_by": lambda name: "random order" if name == "random" else f"ordered by {name}",
    "bidirectional": lambda both: "bidirectional" if both else "one direction",
    "pf_id": {"embedding": "class embedded", "one_hot": "class one-hot"}.__getitem__,
    "image_size": lambda n: f"{n} × {n} pixels",
    # Of the network of 2017.
    "events": lambda n: counted(n, "event"),
    "bins": lambda n: f"{n} bins",
    "hidden": lambda n: f"hidden {n}",
    "rotated": lambda turned: "turned to the seed" if turned else "not turned",
    # Of networks on clouds.
    "k": lambda n: counted(n, "neighbour"),
    "blocks": lambda n: counted(n, "block"),
    "width": lambda n: f"width {n}",
    "heads": lambda n: counted(n, "head"),
    # Of taggers without the mass.
    "kind": {
        "disco": "distance correlation",
        "moments": "correlations of moments",
        "adversary": "adversary",
    }.__getitem__,
    "strength": lambda strength: f"strength {strength:g}" if strength else "no penalty",
    # Of networks against pile-up.
    "filters": lambda n: counted(n, "filter"),
    "size": lambda n: f"{n} × {n} cells",
    # Of normalising flows.
    "transforms": lambda n: counted(n, "transform"),
    # Of flavour taggers.
    "maxout": lambda used: "Maxout layers" if used else "dense layers",
    "ip2d": {True: "IP2D", False: "no IP2D"}.__getitem__,
    "ip3d": {True: "IP3D", False: "no IP3D"}.__getitem__,
    "sv": {True: "vertex", False: "no vertex"}.__getitem__,
    "jf": {True: "decay chain", False: "no decay chain"}.__getitem__,
    "muon": {True: "muon", False: "no muon"}.__getitem__,
}


def differences(configs: Sequence[Config]) -> list[str]:
    """Say for each configuration how it differs from the others, such as "batch size 32, relu".

    Only fields are named that are not equal in all of them, and that act on the configuration's model; inputs are not
    named where they are the model's own. One configuration alone, and equal ones, differ in nothing: "".
    """
    fields = [field.name for field in dataclasses.fields(configs[0])] if configs else []
    differing = [name for name in fields if len({_value(config, name) for config in configs}) > 1]
    return [", ".join(_words(config, name) for name in differing if _acts(config, name)) for config in configs]


def rate_changes(result: Result) -> dict[int, float]:
    """Epochs, counted from 1, from which on the learning rate was not the configured one, and that rate.

    What the configured schedule does from epoch to epoch is no change.
    """
    config, changes = result.config, {}
    rate, planned = config.learning_rate, config.learning_rate
    for epoch, used in enumerate(result.history.get("learning_rate", ()), start=1):
        # A rate that was changed then follows the schedule, or stays: neither is another change. The optimizer
        # keeps rates in single precision.
        followed = rate * config.rate(epoch) / planned
        if not any(math.isclose(used, expected, rel_tol=1e-4) for expected in (followed, rate)):
            changes[epoch] = used
        rate, planned = used, config.rate(epoch)
    return changes


def rate_words(result: Result) -> list[str]:
    """Where the learning rate was changed, in words."""
    return [f"learning rate {rate:.3g} from epoch {epoch}" for epoch, rate in rate_changes(result).items()]


def _value(config: Config, name: str) -> Any:
    if not isinstance(config, RunConfig):
        return getattr(config, name)
    own = name == "inputs" and config.inputs == INPUTS[config.model]
    return None if own or (name == "nodes" and config.widths) else getattr(config, name)


def _acts(config: Config, name: str) -> bool:
    """Whether a field makes a difference to a configuration's model."""
    if not isinstance(config, RunConfig):
        return name not in getattr(config, "idle", ())
    if name in ("nodes", "widths"):
        return bool(config.widths) == (name == "widths")
    models = FIELDS[name].models if name in FIELDS else ()
    return not models or config.model in models


def _words(config: Config, name: str) -> str:
    value = getattr(config, name)
    if name == "inputs":
        return _inputs(config)
    if name == "nodes" and isinstance(config, RunConfig) and config.model == "cnn":
        return counted(value, "filter")
    return _WORDS.get(name, str)(value)


def _inputs(config: RunConfig) -> str:
    """Inputs by name; of many, what is left out of or added to the model's own."""
    own = INPUTS[config.model]
    if config.inputs == own:
        return "default inputs"
    lacking = [name for name in own if name not in config.inputs]
    more = [name for name in config.inputs if name not in own]
    changes = {"without": lacking, "with": more}
    if len(config.inputs) <= 4 or not lacking + more:
        changes = {"inputs": list(config.inputs)}
    return " ".join(f"{word} {' + '.join(map(short_name, names))}" for word, names in changes.items() if names)
