"""What decides how a network and its optimizer calculate, as a text: two that have it in common may share a program.

The text has every argument, how the layers are joined and what kind the variables are. It lacks the names of the
layers, the values of the variables and the learning rate, which is one of them.
"""

import json
import sys
from typing import TYPE_CHECKING, Any

from jetlab.backend import load_keras

if TYPE_CHECKING:
    import keras

#: Where code is whose configurations say all.
_KNOWN = ("keras.", "jetlab.models.")
#: What Keras writes for values that JSON does not know, all of it there to be compared.
_VALUES = ("__bytes__", "__ellipsis__", "__numpy__", "__slice__", "__tensor__")


class _UnknownError(Exception):
    """A configuration holds something of which Keras does not say all."""


def network(model: "keras.Model") -> str:
    """Text that is equal for networks that calculate alike, whatever their layers are called.

    Empty where a configuration does not say all: for a model with code that is neither Keras' nor jetlab's own, or with
    layers that were adapted to data.
    """
    keras = load_keras()
    layers = model._flatten_layers()
    if any(_is_own(layer) for layer in layers):
        return ""
    try:
        found = {
            "class": type(model).__name__,
            "config": _graph(model.get_config()),
            # What a layer can be given that its configuration leaves out.
            "layers": [(layer.autocast, layer.supports_masking, layer.dtype_policy.name) for layer in layers],
            "variables": [_kind(variable) for variable in model.variables],
            "globals": (keras.config.epsilon(), keras.config.floatx()),
        }
        return json.dumps(found)
    except (_UnknownError, NotImplementedError, TypeError):
        # Keras raises NotImplementedError for operations that it cannot describe, JSON TypeError for odd arguments.
        return ""


def optimizer(given: "keras.Optimizer") -> str:
    """Text that is equal for optimizers that differ in nothing but name and learning rate.

    Empty for one with code of its own, or that spares some variables the weight decay, which no configuration says.
    """
    if getattr(given, "_exclude_from_weight_decay", None) or getattr(given, "_exclude_from_weight_decay_pattern", None):
        return ""
    try:
        return json.dumps(_plain(load_keras().saving.serialize_keras_object(given), {}))
    except (_UnknownError, NotImplementedError, TypeError):
        return ""


def _is_own(layer: "keras.Layer") -> bool:
    """Whether a layer does what its class and configuration do not say."""
    # By its name alone a function `relu` of one's own is taken for Keras' by the configuration.
    parts = [] if isinstance(layer, load_keras().Model) else vars(layer).values()
    modules = [type(layer).__module__, *(getattr(part, "__module__", None) or "" for part in parts if callable(part))]
    # Adapted, a layer has constants that are no variables.
    return hasattr(layer, "adapt") or not all(module.startswith(_KNOWN) for module in modules)


def _kind(variable: "keras.Variable") -> Any:
    """What a variable is besides its value; a layer's penalty set after it was built counts only where it is here."""
    serialize = load_keras().saving.serialize_keras_object
    rules = [_plain(serialize(rule), {}) for rule in (variable.regularizer, variable.constraint)]
    return (list(variable.shape), variable.dtype, variable.trainable, *rules)


def _graph(config: dict[str, Any]) -> dict[str, Any]:
    """Configuration of a Sequential or Functional model, whose layers are named by their places."""
    places = {layer.get("name"): place for place, layer in enumerate(config["layers"])}

    def referred(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: referred(each) for name, each in value.items()}
        if value and isinstance(value[0], str):
            return [places[value[0]], *value[1:]]
        return [referred(each) for each in value]

    ends = ("input_layers", "output_layers")
    rest = {name: _plain(value, places) for name, value in config.items() if name not in ("name", *ends)}
    return rest | {name: referred(config[name]) for name in ends if name in config}


def _plain(value: Any, places: dict[str, int]) -> Any:
    """A part of a configuration without names; raises _UnknownError for what neither Keras nor jetlab made."""
    if isinstance(value, list | tuple):
        return [_plain(each, places) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        layer, *which = value["config"]["keras_history"]
        return {**value, "config": {**value["config"], "keras_history": [places[layer], *which]}}
    if "class_name" not in value or value["class_name"] in _VALUES:
        return {name: _plain(each, places) for name, each in value.items()}
    keras = load_keras()
    found = getattr(sys.modules.get(value.get("module", "")), value["class_name"], None)
    # A class of jetlab's is made where it is needed, and Keras knows it by the name that it was registered under.
    found = found or keras.saving.get_registered_object(value.get("registered_name"))
    if not isinstance(found, type) or not found.__module__.startswith(_KNOWN):
        raise _UnknownError(value["class_name"])
    config, optimizers = dict(value["config"]), keras.optimizers
    # Only of these is the name a mere name; a dtype policy's says what it is.
    if issubclass(found, keras.Operation | optimizers.Optimizer | optimizers.schedules.LearningRateSchedule):
        config.pop("name", None)
    # A schedule in its place is no variable, but part of the program.
    if issubclass(found, optimizers.Optimizer) and isinstance(config.get("learning_rate"), float):
        del config["learning_rate"]
    config = _graph(config) if issubclass(found, keras.Model) else _plain(config, places)
    # How a network within the network was once compiled plays no part.
    rest = {name: each for name, each in value.items() if name not in ("name", "config", "compile_config")}
    return {name: _plain(each, places) for name, each in rest.items()} | {"config": config}
