"""The Keras code of a run configuration: what to write in order to build and fit the same network without jetlab.

Run, the code makes the network of `jetlab.models` with the very weights it begins with. `keras.Model.fit` takes the
jets in another order than `jetlab.training`, so the trained weights differ as those of two seeds do.
"""

import textwrap
from typing import Any

from jetlab.config import RunConfig
from jetlab.models import objectives
from jetlab.models.networks import N_CLASSES, Layer, Shape, describe

#: What the code calls the optimizers of `config.OPTIMIZERS`.
OPTIMIZERS = {
    "adam": "Adam",
    "adamw": "AdamW",
    "nadam": "Nadam",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adadelta": "Adadelta",
}
#: Arguments that are written without their names.
PLACED = ("shape", "units", "filters", "kernel_size", "input_dim", "output_dim", "rate", "layer")
#: Layer -> its line, where it is not just called on x.
LINES = {
    "input": "inputs = x = {call}",
    "image": "inputs = x = {call}",
    "features": "features = {call}",
    "mask": "x = {call}(features)  # rows of zeros are padding",
    "id_class": "id_class = {call}",
    "embedding": "embedding = {call}",
    "joined": "x = {call}([x, embedding(id_class)])",
    "sum": """# The sum over constituents, divided by the number of places; padding counts as 0.
present = keras.ops.any(keras.ops.not_equal(features, 0.0), axis=-1, keepdims=True)
x = keras.ops.mean(x * keras.ops.cast(present, "float32"), axis=1)""",
}
#: Columns of a comment: what a screen at 125 % shows without scrolling.
WIDTH = 88

GAUSSIAN_NLL = '''
def gaussian_nll(y, output):
    """How unlikely y is, for a normal distribution of that mean and log variance."""
    mean, log_variance = output[:, 0], output[:, 1]
    residual = keras.ops.reshape(y, (-1,)) - mean
    return 0.5 * (log_variance + residual**2 * keras.ops.exp(-log_variance))


'''
#: Schedule -> learning rate as a function of the fraction of the epochs done: the numbers of `RunConfig.rate`.
RATES = {
    "cosine": "{rate!r} * (1 + math.cos(math.pi * done)) / 2",
    "step": "{rate!r} / 10 ** ((done >= 0.5) + (done >= 0.75))",
}


def code(config: RunConfig, row: int | Shape) -> str:
    """Runnable Keras code of a configuration: `model_code`, and after it `fit_code`.

    Args:
        config: the run to write down.
        row: shape of one jet's inputs as `models.build` takes it, a tuple of shapes where there are several.

    The model part runs as it is; the fit part wants arrays x_train, y_train, w_train and x_validation, y_validation,
    w_validation, as a `training.Data` has them, which a comment describes.
    """
    return f"{model_code(config, row)}\n{fit_code(config, row)}"


def model_code(config: RunConfig, row: int | Shape) -> str:
    """The imports, the seed and the network, layer by layer, as a variable `model`."""
    imports = [
        *(["import math", ""] if config.schedule == "cosine" else []),
        "import keras",
        *(["import numpy as np"] if config.train_size is not None else []),
    ]
    layers = describe(config, row)
    names = {layer.name for layer in layers}
    inputs = "[features, id_class]" if "id_class" in names else "features" if "features" in names else "inputs"
    model = f'model = keras.Model({inputs}, x, name="{config.model}")'
    seed = f"keras.utils.set_random_seed({config.seed})"
    return "\n".join([*imports, "", seed, "", *map(_line, layers), model, ""])


def fit_code(config: RunConfig, row: int | Shape) -> str:
    """What x, y and w are, `model.compile` and `model.fit`; follows `model_code`."""
    classes = objectives.get(config.loss).classes
    shapes = [layer.shape for layer in describe(config, row) if layer.kind == "Input"]
    functions = [GAUSSIAN_NLL] if config.loss == "gaussian_nll" else []
    functions += [_rate(config)] if config.schedule in RATES else []
    lines = [line for function in functions for line in ["", *function.strip().splitlines(), ""]]
    lines += [""] if functions else []
    lines += _comment(_arrays(config, shapes))
    if config.train_size is not None:
        kept = "tuple(each[kept] for each in x_train)" if len(shapes) > 1 else "x_train[kept]"
        lines += [
            f"kept = np.random.default_rng({config.seed}).permutation(len(y_train))[:{config.train_size}]",
            f"x_train = {kept}",
            "y_train, w_train = y_train[kept], w_train[kept]",
        ]
    loss = config.loss if config.loss == "gaussian_nll" else f'"{config.loss}"'
    metrics = {0: "", 2: '"accuracy", keras.metrics.AUC(name="auc")'}.get(classes, '"accuracy"')
    # Even without early stopping the weights of the best epoch are taken back.
    patience = config.patience or config.epochs
    falls = config.schedule in RATES
    lines += [
        "",
        "model.compile(",
        f"    optimizer=keras.optimizers.{OPTIMIZERS[config.optimizer]}(learning_rate={config.learning_rate!r}),",
        f"    loss={loss},",
        f"    weighted_metrics=[{metrics}],",
        ")",
        f"stop = keras.callbacks.EarlyStopping(patience={patience}, restore_best_weights=True)",
        *(["fall = keras.callbacks.LearningRateScheduler(rate)"] if falls else []),
        "history = model.fit(",
        "    x_train,",
        "    y_train,",
        "    sample_weight=w_train,",
        "    validation_data=(x_validation, y_validation, w_validation),",
        f"    batch_size={config.batch_size},",
        f"    epochs={config.epochs},",
        f"    callbacks=[stop{', fall' if falls else ''}],",
        ")",
    ]
    return "\n".join([*lines, ""])


def _rate(config: RunConfig) -> str:
    """The function of the learning rate against the epoch, which Keras counts from 0."""
    formula = RATES[config.schedule].format(rate=config.learning_rate)
    return f'''
def rate(epoch):
    """Learning rate of an epoch, counted from 0."""
    done = epoch / {config.epochs}
    return {formula}
'''


def _line(layer: Layer) -> str:
    """What makes a layer and calls it, and before that the line for the layer in it, where there is one."""
    inner = [f"layer = {_call(each)}\n" for each in layer.arguments.values() if isinstance(each, Layer)]
    return "".join([*inner, LINES.get(layer.name, "x = {call}(x)").format(call=_call(layer))])


def _call(layer: Layer) -> str:
    # The data type need not be written: it is the one that Keras takes where nobody has set another.
    written = {name: _value(value) for name, value in layer.arguments.items() if name != "dtype"}
    arguments = [value if name in PLACED else f"{name}={value}" for name, value in written.items()]
    return f"keras.layers.{layer.kind}({', '.join([*arguments, f'name={_value(layer.name)}'])})"


def _value(value: Any) -> str:
    if isinstance(value, Layer):
        return "layer"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _arrays(config: RunConfig, shapes: list[tuple[int, ...]]) -> list[str]:
    """What the arrays of the fit are, a sentence each."""
    sizes = [f"(n, {', '.join(map(str, shape))})" for shape in shapes]
    names = [_printable(name) for name in config.inputs]
    if config.model == "dense":
        x = [f"x_train {sizes[0]}: {', '.join(names)}, each scaled to mean 0 and width 1"]
    elif config.model == "cnn":
        what = "fraction of the jet's pt in each pixel, over the standard deviation of a channel's pixels"
        x = [f"x_train {sizes[0]}: {what}; channels: {', '.join(names)}"]
    else:
        x = _sequences(config, shapes, sizes)
    labels = {0: "what is to be predicted", 2: "1 for W, 0 for QCD"}
    y = labels.get(objectives.get(config.loss).classes, "0 for light, 1 for c, 2 for b")
    w = "weights of the jets, with mean 1"
    others = "x_validation, y_validation, w_validation: the same of other jets, scaled alike"
    return [*x, f"y_train (n,): {y}", f"w_train (n,): {w}", others]


def _sequences(config: RunConfig, shapes: list[tuple[int, ...]], sizes: list[str]) -> list[str]:
    apart = len(shapes) > 1
    numbers = [_printable(name) for name in config.inputs if name != "id_class"]
    if "id_class" in config.inputs and not apart:
        numbers.append("id_class as a 1 among zeros")
    listed = ", ".join(numbers) or "1"
    scaled = ", numbers scaled to mean 0 and width 1" if numbers else ""
    kept = {"pt": "of largest pt", "dr": "nearest to the jet's axis", "random": "taken at random"}[config.order_by]
    if config.model in ("lstm", "gru"):
        kept += {"pt": ", the hardest last", "dr": ", the nearest last", "random": ""}[config.order_by]
    features = f"{sizes[0]}: {listed} of the {shapes[0][0]} constituents {kept}{scaled}; zeros for padding"
    if not apart:
        return [f"x_train {features}"]
    classes = f"id_class {sizes[1]}: kind of particle, 1 to {N_CLASSES - 1}, 0 for padding"
    return ["x_train: a tuple (features, id_class)", f"features {features}", classes]


def _printable(name: str) -> str:
    """A name that cannot end the comment it stands in, whatever characters it has."""
    return name if name.isprintable() else ascii(name)


def _comment(sentences: list[str]) -> list[str]:
    wrap = textwrap.TextWrapper(WIDTH, "# ", "#   ", break_long_words=False, break_on_hyphens=False)
    return [line for sentence in sentences for line in wrap.wrap(sentence)]
