"""A kept program goes to a network that calculates alike, and to no other, whatever the layers are called."""

import dataclasses
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlab import models
from jetlab.models import objectives
from jetlab.training import programs

layers = keras.layers
ACTIVATIONS = ["relu", "tanh", "sigmoid", "linear"]
INITIALIZERS = ["zeros", "ones", "glorot_uniform"]
PENALTIES = [None, "l1", "l2"]
COMMON = {"trainable": [True, False], "dtype": ["float32", "mixed_bfloat16", "float64"]}
#: Layer -> argument -> values of which a pair of networks may differ in one.
FLAT = {
    "Dense": {
        "units": [3, 4],
        "activation": ACTIVATIONS,
        "use_bias": [True, False],
        "kernel_initializer": INITIALIZERS,
        "bias_initializer": INITIALIZERS,
        "kernel_regularizer": PENALTIES,
        "activity_regularizer": PENALTIES,
        "kernel_constraint": [None, "non_neg", "unit_norm"],
    },
    "Activation": {"activation": ACTIVATIONS},
    "LeakyReLU": {"negative_slope": [0.1, 0.2]},
    "PReLU": {"alpha_initializer": INITIALIZERS},
    "Dropout": {"rate": [0.1, 0.2], "seed": [None, 0, 1]},
    "GaussianNoise": {"stddev": [0.1, 0.2]},
    "BatchNormalization": {"momentum": [0.9, 0.99], "epsilon": [1e-3, 1e-2], "center": [True, False]},
    "LayerNormalization": {"epsilon": [1e-3, 1e-2], "scale": [True, False]},
    "Rescaling": {"scale": [1.0, 2.0], "offset": [0.0, 1.0]},
}
SEQUENCES = {
    "LSTM": {
        "units": [3, 4],
        "activation": ACTIVATIONS,
        "recurrent_activation": ACTIVATIONS,
        "go_backwards": [False, True],
        "recurrent_dropout": [0.0, 0.1],
        "unit_forget_bias": [True, False],
    },
    "GRU": {"units": [3, 4], "reset_after": [True, False], "unroll": [True, False]},
    "GlobalAveragePooling1D": {"keepdims": [False]},
    "Flatten": {},
}
OPTIMIZERS = {
    "Adam": {"beta_1": [0.9, 0.8], "amsgrad": [False, True], "clipnorm": [None, 1.0], "use_ema": [False, True]},
    "SGD": {"momentum": [0.0, 0.9], "nesterov": [False, True], "weight_decay": [None, 0.1], "clipvalue": [None, 1.0]},
}
#: Values and words of configurations, names that Keras gives by itself, and any others.
WORDS = [*ACTIVATIONS, *INITIALIZERS, "adam", "l1", "l2", "null", "true", "0", "1", "name", "units", "keras", "Dense"]
WORDS += ["dense", "dense_1", "input_layer", "float32", "mixed_bfloat16", "keras.layers", "config", "function"]
ANY_NAME = st.sampled_from(WORDS) | st.from_regex(r"[a-z0-9][a-z0-9_]{0,8}", fullmatch=True)
NAMES = st.lists(ANY_NAME, min_size=16, unique=True)


@st.composite
def drawn(draw, table):
    """Name of an entry of such a table, with a value for each argument."""
    name = draw(st.sampled_from(sorted(table)))
    return name, {argument: draw(st.sampled_from(values)) for argument, values in table[name].items()}


@st.composite
def networks(draw):
    """What a network and its optimizer are, as plain values."""
    first = [draw(drawn(SEQUENCES))] if draw(st.booleans()) else []
    spec = {
        "functional": draw(st.booleans()),
        "masked": draw(st.booleans()),
        "inputs": draw(st.sampled_from([3, 4])),
        "layers": first + draw(st.lists(drawn(FLAT), min_size=1, max_size=4)),
        "optimizer": draw(drawn(OPTIMIZERS)),
        "loss": draw(st.sampled_from(["binary_crossentropy", "mse", "mae"])),
        "batch_size": draw(st.sampled_from([8, 16])),
    }
    spec["common"] = [{name: draw(st.sampled_from(values)) for name, values in COMMON.items()} for _ in spec["layers"]]
    # Where a layer's inputs come from: the one before, it joined to the one before that, or the other way round.
    spec["joined"] = [draw(st.sampled_from(["", "behind", "before"])) for _ in spec["layers"]]
    return spec


@st.composite
def pairs(draw):
    """Two networks that differ in one thing or in none, and whether they differ."""
    one = draw(networks())
    where = draw(st.sampled_from(["nothing", "functional", "inputs", "argument", "common", "optimizer", "loss"]))
    other = {**one}
    if where == "functional":
        other |= {"functional": not one["functional"], "joined": [""] * len(one["layers"])}
        one = {**one, "joined": other["joined"]}
    elif where == "inputs":
        other["inputs"] = 7 - one["inputs"]
    elif where == "loss":
        other["loss"] = draw(st.sampled_from([each for each in ("mse", "mae", "huber") if each != one["loss"]]))
    elif where == "optimizer":
        name, given_ = one["optimizer"]
        other["optimizer"] = name, {**given_, **draw(changed(given_, OPTIMIZERS[name]))}
    elif where != "nothing":
        number = draw(st.integers(0, len(one["layers"]) - 1))
        name, given_ = one["layers"][number]
        table = {**FLAT, **SEQUENCES}[name]
        if where == "common" or not any(len(values) > 1 for values in table.values()):
            old = one["common"][number]
            other["common"] = [*one["common"]]
            other["common"][number] = {**old, **draw(changed(old, COMMON))}
        else:
            other["layers"] = [*one["layers"]]
            other["layers"][number] = name, {**given_, **draw(changed(given_, table))}
    return one, other, where != "nothing"


@st.composite
def changed(draw, old, table):
    argument = draw(st.sampled_from([name for name, values in table.items() if len(values) > 1]))
    return {argument: draw(st.sampled_from([value for value in table[argument] if value != old[argument]]))}


def built(spec, names):
    """The network, compiled, of layers with these names."""
    names = iter(names)

    def called(layer, **arguments):
        return getattr(layers, layer)(**arguments, name=next(names))

    first = spec["layers"][0][0]
    inputs = layers.Input((5, spec["inputs"]) if first in SEQUENCES else (spec["inputs"],), name=next(names))
    chain = [called("Masking")] if first in ("LSTM", "GRU") and spec["masked"] else []
    chain += [
        called(layer, **arguments, **common)
        for (layer, arguments), common in zip(spec["layers"], spec["common"], strict=True)
    ]
    last = called("Dense", units=1, activation="sigmoid", dtype="float32")
    if not spec["functional"]:
        model = keras.Sequential([inputs, *chain, last], name=next(names))
    else:
        x, before = inputs, None
        joined = [""] * (len(chain) - len(spec["joined"])) + spec["joined"]
        for layer, how in zip(chain, joined, strict=True):
            if how and before is not None and len(before.shape) == len(x.shape) == 2:
                both = [x, before] if how == "behind" else [before, x]
                x, before = layer(called("Concatenate")(both)), x
            else:
                x, before = layer(x), x
        model = keras.Model(inputs, last(x), name=next(names))
    optimizer, arguments = spec["optimizer"]
    return compiled(model, getattr(keras.optimizers, optimizer)(**arguments))


def compiled(model, optimizer="adam"):
    model.compile(optimizer)
    model.optimizer.build(model.trainable_variables)
    return model


def taken(model, spec):
    return programs.take(model, objectives.get(spec["loss"]), model.input_shape[1:], spec["batch_size"], steps=10)


@settings(max_examples=50, deadline=None)
@given(pair=pairs(), names=NAMES, other_names=NAMES)
def test_a_program_is_taken_for_an_equal_network_and_for_no_other(pair, names, other_names):
    one, other, differ = pair
    program = taken(built(one, names), one)
    programs.keep(program)
    assert (taken(built(other, other_names), other) is program) != differ


def simple(activation="relu", name=None, **arguments):
    return keras.Sequential(
        [layers.Input((6,)), layers.Dense(8, activation=activation, name=name, **arguments), layers.Dense(1)]
    )


def take(model, row=(6,), loss="mse", batch_size=16):
    return programs.take(model, objectives.get(loss), row, batch_size, steps=10)


def test_names_that_are_values_do_not_hide_a_difference():
    program = take(compiled(simple("relu", "relu")))
    programs.keep(program)
    assert take(compiled(simple("tanh", "tanh"))) is not program
    assert take(compiled(simple("relu", "tanh"))) is program


def test_networks_with_the_layer_of_edgeconv_share_a_program():
    def network(channels):
        return compiled(models.particle_net(6, 4, (1, 2), k=2, blocks=((channels,),), head=3))

    program = take(network(5), row=(6, 4), loss="binary_crossentropy")
    programs.keep(program)
    assert take(network(7), row=(6, 4), loss="binary_crossentropy") is not program
    assert take(network(5), row=(6, 4), loss="binary_crossentropy") is program


def wired(first, second):
    """Two layers, of which the first or the second is subtracted, each called by the other's name or its own."""
    inputs = layers.Input((6,))
    both = {name: layers.Dense(3, activation=name, name=name)(inputs) for name in ("relu", "tanh")}
    return keras.Model(inputs, layers.Dense(1)(layers.Subtract()([both[first], both[second]])))


def inner(activation):
    within = simple(activation, "relu")
    inputs = layers.Input((6,))
    return keras.Model(inputs, layers.Dense(1)(within(inputs)))


def twice(times):
    """Layers called one or two times, on inputs in one or the other order."""
    inputs = layers.Input((6,))
    one, other = layers.Dense(6, name="0"), layers.Dense(6, name="1")
    x = one(inputs)
    for number in times:
        x = (one, other)[number](x)
    return keras.Model(inputs, layers.Dense(1)(x))


def operated(axis, keepdims=True):
    inputs = layers.Input((6,))
    return keras.Model(inputs, layers.Dense(1)(inputs - keras.ops.mean(inputs, axis=axis, keepdims=keepdims)))


def scaled(by):
    """More numbers than are written where an array is printed, and closer to each other."""
    return keras.Sequential([layers.Input((6,)), layers.Rescaling(by), layers.Dense(1)])


EXACT = np.ones(6), np.append(np.ones(5), 1 + 1e-12)


@pytest.mark.parametrize(
    ("network", "one", "other"),
    [
        (wired, ("relu", "tanh"), ("tanh", "relu")),
        (inner, ("relu",), ("tanh",)),
        (twice, ((1,),), ((0,),)),
        (twice, ((0, 1),), ((1, 0),)),
        (operated, (1,), (0,)),
        (scaled, (EXACT[0],), (EXACT[1],)),
    ],
)
def test_how_a_network_is_joined_decides(network, one, other):
    program = take(compiled(network(*one)))
    programs.keep(program)
    assert take(compiled(network(*other))) is not program
    assert take(compiled(network(*one))) is program


def test_the_rest_of_what_decides_a_program():
    program = take(compiled(simple()))
    programs.keep(program)
    assert take(compiled(simple()), batch_size=32) is not program
    assert take(compiled(simple()), loss="mae") is not program
    own = objectives.Objective(lambda y, output: output[:, 0], 1, "linear", (), objectives.get("mse").unit)
    assert programs.take(compiled(simple()), own, (6,), 16, steps=10) is not program
    keras.config.set_epsilon(1e-3)
    try:
        assert take(compiled(simple())) is not program
    finally:
        keras.config.set_epsilon(1e-7)
    assert take(compiled(simple())) is program


def test_inputs_of_open_length_have_a_program_for_each_length():
    def network():
        return compiled(keras.Sequential([layers.Input((None, 3)), layers.LSTM(4), layers.Dense(1)]))

    program = take(network(), row=(5, 3))
    programs.keep(program)
    assert take(network(), row=(7, 3)) is not program
    assert take(network(), row=(5, 3)) is program


def falling(rate):
    return keras.optimizers.schedules.ExponentialDecay(rate, 10, 0.9)


class Adam(keras.optimizers.Adam):
    """Called as Keras' own."""

    def update_step(self, gradient, variable, learning_rate):
        variable.assign_sub(gradient * learning_rate)


def sparing(name):
    optimizer = keras.optimizers.AdamW(0.1)
    optimizer.exclude_from_weight_decay(var_names=[name])
    return optimizer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: keras.optimizers.Adam(0.1), lambda: keras.optimizers.Adam(falling(0.1))),
        (lambda: keras.optimizers.Adam(falling(0.1)), lambda: keras.optimizers.Adam(falling(0.2))),
        (lambda: keras.optimizers.Adam(0.1), lambda: Adam(0.1)),
        (lambda: Adam(0.1), lambda: keras.optimizers.Adam(0.1)),
        (lambda: keras.optimizers.AdamW(0.1), lambda: sparing("bias")),
        (lambda: keras.optimizers.AdamW(0.1), lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1)),
        (lambda: keras.optimizers.Adam(0.1), lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))),
    ],
)
def test_another_optimizer_has_another_program(one, other):
    program = take(compiled(simple(), one()))
    programs.keep(program)
    assert take(compiled(simple(), other())) is not program


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda rate: keras.optimizers.Adam(rate, name=f"adam_{int(rate * 10)}"),
        lambda rate: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(rate)),
    ],
)
def test_rate_and_name_of_the_optimizer_do_not_matter(optimizer):
    program = take(compiled(simple(), optimizer(0.1)))
    programs.keep(program)
    assert take(compiled(simple(), optimizer(0.2))) is program


def relu(x):
    """Not Keras' own, though it is called so."""
    return keras.ops.square(x)


def adapted():
    scaling = layers.Normalization()
    scaling.adapt(np.arange(12.0).reshape(2, 6))
    return keras.Sequential([layers.Input((6,)), scaling, layers.Dense(1)])


def tied():
    """A layer that is in the network, and in the network within it."""
    inputs = layers.Input((6,))
    shared = layers.Dense(6)
    within = keras.Sequential([layers.Input((6,)), shared])
    return keras.Model(inputs, layers.Dense(1)(within(shared(inputs))))


def penalised_later():
    model = simple()
    model.layers[0].kernel.regularizer = keras.regularizers.L2(0.1)
    return model


def frozen_in_part():
    model = simple()
    model.layers[0].kernel.trainable = False
    return model


def uncast():
    return simple(autocast=False)


def rewired():
    model = simple()
    model.layers[0].call = lambda x: 2 * keras.ops.matmul(x, model.layers[0].kernel)
    return model


class Steep(layers.Layer):
    """Not to be described by its arguments, and without a configuration."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    "network",
    [
        lambda: simple(relu),
        lambda: simple(tf.nn.relu),
        lambda: simple(lambda x: keras.ops.square(x)),
        lambda: simple(kernel_regularizer=lambda kernel: keras.ops.sum(kernel)),
        lambda: keras.Sequential([layers.Input((6,)), layers.Lambda(relu), layers.Dense(1)]),
        lambda: keras.Sequential([layers.Input((6,)), Steep(relu), layers.Dense(1)]),
        adapted,
        tied,
        penalised_later,
        frozen_in_part,
        uncast,
        rewired,
    ],
)
def test_what_no_configuration_says_is_trained_as_it_is(network):
    plain = take(compiled(simple()))
    programs.keep(plain)
    model = compiled(network())
    program = take(model)
    assert program.model is model
    programs.keep(program)
    assert take(compiled(network())) is not program
    assert take(compiled(simple())) is plain


@pytest.mark.parametrize("comparison", [1, 2])
def test_two_threads_never_get_the_same_program(comparison):
    found, threads, compared = {}, {}, []

    class Gate(objectives.Objective):
        """Equal to all of its kind; in one comparison of the first thread the second goes ahead, if it can."""

        def __eq__(self, other):
            if threading.current_thread() is threads.get("first"):
                compared.append(other)
                if len(compared) == comparison:
                    start("second").join(2)
            return isinstance(other, Gate)

        __hash__ = objectives.Objective.__hash__

    def work(name):
        found[name] = programs.take(compiled(simple()), dataclasses.replace(objective), (6,), 16, steps=10)

    def start(name):
        threads[name] = threading.Thread(target=work, args=(name,))
        threads[name].start()
        return threads[name]

    objective = Gate(**vars(objectives.get("mse")))
    kept = programs.take(compiled(simple()), objective, (6,), 16, steps=10)
    programs.keep(kept)
    start("first").join(120)
    threads.get("second", threads["first"]).join(120)
    assert compared
    if "second" not in threads:
        start("second").join(120)
    assert found["first"] is not found["second"]
    assert kept in found.values()
