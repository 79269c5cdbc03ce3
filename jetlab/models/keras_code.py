"""The Keras code of a run configuration: what to write in order to build and fit the same network without jetlab.

Run, the code makes the network of `jetlab.models` with the very weights it begins with. `keras.Model.fit` takes the
jets in another order than `jetlab.training`, so the trained weights differ as those of two seeds do.
"""

import textwrap
from collections.abc import Iterator

from jetlab.config import RunConfig
from jetlab.models import objectives
from jetlab.models.networks import EMBEDDING, HEAD_NODES, N_CLASSES, Shape, starts_at_zero

#: What the code calls the optimizers of `config.OPTIMIZERS`.
OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "nadam": "Nadam", "sgd": "SGD", "rmsprop": "RMSprop"}
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
    shapes = _shapes(row)
    write = {"dense": _dense, "cnn": _cnn, "deep_sets": _deep_sets}.get(config.model, _recurrent)
    imports = [
        *(["import math", ""] if config.schedule == "cosine" else []),
        "import keras",
        *(["import numpy as np"] if config.train_size is not None else []),
    ]
    objective = objectives.get(config.loss)
    start = ', kernel_initializer="zeros"' if starts_at_zero(config) else ""
    output = f'{objective.outputs}, activation="{objective.activation}"{start}, name="output"'
    last = f"x = keras.layers.Dense({output})(x)"
    names = "[features, id_class]" if len(shapes) > 1 else "features" if _is_set(config) else "inputs"
    model = f'model = keras.Model({names}, x, name="{config.model}")'
    seed = f"keras.utils.set_random_seed({config.seed})"
    return "\n".join([*imports, "", seed, "", *write(config, shapes), last, model, ""])


def fit_code(config: RunConfig, row: int | Shape) -> str:
    """What x, y and w are, `model.compile` and `model.fit`; follows `model_code`."""
    binary = objectives.get(config.loss).classifies
    several = len(_shapes(row)) > 1
    functions = [GAUSSIAN_NLL] if config.loss == "gaussian_nll" else []
    functions += [_rate(config)] if config.schedule in RATES else []
    lines = [line for function in functions for line in ["", *function.strip().splitlines(), ""]]
    lines += [""] if functions else []
    lines += _comment(_arrays(config, _shapes(row)))
    if config.train_size is not None:
        kept = "tuple(each[kept] for each in x_train)" if several else "x_train[kept]"
        lines += [
            f"kept = np.random.default_rng({config.seed}).permutation(len(y_train))[:{config.train_size}]",
            f"x_train = {kept}",
            "y_train, w_train = y_train[kept], w_train[kept]",
        ]
    loss = config.loss if config.loss == "gaussian_nll" else f'"{config.loss}"'
    metrics = '"accuracy", keras.metrics.AUC(name="auc")' if binary else ""
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


def _dense(config: RunConfig, shapes: tuple[tuple[int, ...], ...]) -> Iterator[str]:
    yield f'inputs = x = keras.layers.Input({shapes[0]}, name="input")'
    for number, nodes in enumerate(config.layer_nodes, start=1):
        yield _hidden(config, nodes, f"hidden_{number}")
        yield from _dropout(config, number)


def _cnn(config: RunConfig, shapes: tuple[tuple[int, ...], ...]) -> Iterator[str]:
    yield f'inputs = x = keras.layers.Input({shapes[0]}, name="image")'
    for i in range(config.layers):
        options = f'padding="same", activation="{config.activation}", name="convolution_{i + 1}"'
        yield f"x = keras.layers.Conv2D({config.nodes << i}, 3, {options})(x)"
        if shapes[0][0] >> i >= 2:
            yield f'x = keras.layers.MaxPooling2D(name="pooling_{i + 1}")(x)'
        yield from _dropout(config, i + 1)
    yield 'x = keras.layers.Flatten(name="flatten")(x)'
    yield f'x = keras.layers.Dense({HEAD_NODES}, activation="{config.activation}", name="head")(x)'


def _recurrent(config: RunConfig, shapes: tuple[tuple[int, ...], ...]) -> Iterator[str]:
    yield from _constituents(shapes)
    cell = config.model.upper()
    for number in range(1, config.layers + 1):
        whole = ", return_sequences=True" if number < config.layers else ""
        layer = f'keras.layers.{cell}({config.nodes}{whole}, name="{config.model}_{number}")'
        if config.bidirectional:
            yield f"layer = {layer}"
            layer = f'keras.layers.Bidirectional(layer, name="bidirectional_{number}")'
        yield f"x = {layer}(x)"
        yield from _dropout(config, number)
    if config.layers == 0:
        yield 'x = keras.layers.GlobalAveragePooling1D(name="mean")(x)'


def _deep_sets(config: RunConfig, shapes: tuple[tuple[int, ...], ...]) -> Iterator[str]:
    yield from _constituents(shapes)
    for number in range(1, config.layers + 1):
        yield _hidden(config, config.nodes, f"each_{number}")
    yield "# The sum over constituents, divided by the number of places; padding counts as 0."
    yield "present = keras.ops.any(keras.ops.not_equal(features, 0.0), axis=-1, keepdims=True)"
    yield 'x = keras.ops.mean(x * keras.ops.cast(present, "float32"), axis=1)'
    for number in range(1, config.layers + 1):
        yield _hidden(config, config.nodes, f"hidden_{number}")
        yield from _dropout(config, number)


def _constituents(shapes: tuple[tuple[int, ...], ...]) -> Iterator[str]:
    yield f'features = keras.layers.Input({shapes[0]}, name="features")'
    yield 'x = keras.layers.Masking(name="mask")(features)  # rows of zeros are padding'
    if len(shapes) > 1:
        yield f'id_class = keras.layers.Input({shapes[1]}, name="id_class")'
        yield f'embedding = keras.layers.Embedding({N_CLASSES}, {EMBEDDING}, mask_zero=True, name="embedding")'
        yield 'x = keras.layers.Concatenate(name="joined")([x, embedding(id_class)])'


def _hidden(config: RunConfig, nodes: int, name: str) -> str:
    return f'x = keras.layers.Dense({nodes}, activation="{config.activation}", name="{name}")(x)'


def _dropout(config: RunConfig, number: int) -> Iterator[str]:
    if config.dropout:
        yield f'x = keras.layers.Dropout({config.dropout!r}, name="dropout_{number}")(x)'


def _is_set(config: RunConfig) -> bool:
    return config.model not in ("dense", "cnn")


def _shapes(row: int | Shape) -> tuple[tuple[int, ...], ...]:
    if isinstance(row, int):
        return ((row,),)
    return tuple(map(tuple, row)) if isinstance(row[0], tuple | list) else (tuple(row),)


def _arrays(config: RunConfig, shapes: tuple[tuple[int, ...], ...]) -> list[str]:
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
    y = "1 for W, 0 for QCD" if objectives.get(config.loss).classifies else "what is to be predicted"
    w = "weights of the jets, with mean 1"
    others = "x_validation, y_validation, w_validation: the same of other jets, scaled alike"
    return [*x, f"y_train (n,): {y}", f"w_train (n,): {w}", others]


def _sequences(config: RunConfig, shapes: tuple[tuple[int, ...], ...], sizes: list[str]) -> list[str]:
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
    """A name that cannot end the comment it stands in, whoever thought of it."""
    return name if name.isprintable() else ascii(name)


def _comment(sentences: list[str]) -> list[str]:
    indents = {"initial_indent": "# ", "subsequent_indent": "#   "}
    wrap = textwrap.TextWrapper(WIDTH, **indents, break_long_words=False, break_on_hyphens=False)
    return [line for sentence in sentences for line in wrap.wrap(sentence)]
