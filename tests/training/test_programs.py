"""Compiled epochs: the same numbers as Keras' own fit, kept between runs, chosen by network, no memory lost."""

import dataclasses
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from jetlab import backend, models, training
from jetlab.config import RunConfig
from jetlab.models import objectives
from jetlab.training import Data, EpochEnd, Knobs, compilation, programs

layers = keras.layers
TAGGING = objectives.get("binary_crossentropy")
CONFIG = RunConfig(batch_size=32, epochs=3, learning_rate=0.01, patience=0)


def data(shape, n=150, n_validation=40):
    rng = np.random.default_rng(0)
    y = np.arange(n + n_validation) % 2
    x = rng.normal(size=(n + n_validation, *shape)) + 0.5 * y.reshape(-1, *[1] * len(shape))
    w = rng.uniform(0.2, 2, n + n_validation)
    return Data(x[:n], y[:n], w[:n], x[n:], y[n:], w[n:])


def dense():
    inputs = layers.Input((6,))
    x = layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3))(inputs)
    x = layers.BatchNormalization()(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def maxout():
    inputs = layers.Input((6,))
    x = layers.Maximum()([layers.Dense(8)(inputs), layers.Dense(8)(inputs)])
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def convolutional():
    head = [layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([layers.Input((9, 9, 1)), layers.Conv2D(4, 3), layers.MaxPooling2D(), *head])


def recurrent():
    x = [layers.Input((5, 3)), layers.Masking(), layers.LSTM(6, return_sequences=True), layers.LSTM(4)]
    return keras.Sequential([*x, layers.Dense(1, activation="sigmoid")])


def deep_sets():
    inputs = layers.Input((5, 3))
    x = layers.GlobalAveragePooling1D()(layers.Dense(8, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def dropping():
    inputs = layers.Input((6,))
    x = layers.Dropout(0.3)(layers.Dense(8, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.GaussianNoise(0.2)(x)))


NETWORKS = [dense, maxout, convolutional, recurrent, deep_sets, dropping]


def copy_of(model):
    """The same network with the same weights, which will draw the same random numbers."""
    copy = keras.models.clone_model(model)
    for variable, value in zip(copy.variables, model.variables, strict=True):
        variable.assign(value)
    return copy


def fitted_by_keras(model, config, part):
    """Loss of every batch, weights at the end: one `train_on_batch` each, in the order of `Data.order`."""
    optimizer = keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": config.learning_rate}}
    )
    model.compile(
        optimizer, loss="binary_crossentropy", weighted_metrics=[keras.metrics.BinaryAccuracy(name="accuracy")]
    )
    losses, accuracies, epochs = [], [], []
    for epoch in range(1, config.epochs + 1):
        shuffled = part.order(config.seed, epoch)
        every = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
        history = model.fit(
            part.x_train[shuffled],
            part.y_train[shuffled],
            sample_weight=part.w_train[shuffled],
            batch_size=config.batch_size,
            shuffle=False,
            callbacks=[every],
            verbose=0,
        ).history
        epochs += history["loss"]
        accuracies += history["accuracy"]
    return losses, epochs, accuracies


# XLA takes long to compile convolutions, and jetlab never asks for it on a CPU; it draws other random numbers.
CASES = [(network, False) for network in NETWORKS]
CASES += [(network, True) for network in NETWORKS if network not in (convolutional, dropping)]


@pytest.mark.parametrize(("network", "xla"), CASES)
def test_every_batch_has_the_loss_of_model_fit(monkeypatch, network, xla):
    monkeypatch.setattr(programs, "wants_xla", lambda model, batch_size, steps: xla)
    config = dataclasses.replace(CONFIG, epochs=2)
    keras.utils.set_random_seed(3)
    model, part = network(), data(network().input_shape[1:])
    reference = copy_of(model)
    events = []
    result = training.fit(model, config, part, events.append, knobs=Knobs(batches=1))
    losses, epochs, accuracies = fitted_by_keras(reference, config, part)
    assert [event.loss for event in events if isinstance(event, training.BatchEnd)] == pytest.approx(losses, rel=2e-5)
    assert result.history["loss"] == pytest.approx(epochs, rel=2e-5)
    assert result.history["accuracy"] == pytest.approx(accuracies, rel=1e-5)
    if result.best_epoch == config.epochs:
        for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.fixture
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"], indirect=True)
@pytest.mark.usefixtures("policy")
def test_sixteen_bits_train_as_in_model_fit(monkeypatch, xla):
    monkeypatch.setattr(programs, "wants_xla", lambda model, batch_size, steps: xla)
    config, part = dataclasses.replace(CONFIG, layers=2, nodes=8), data((6,))
    model = models.build(config, (6,))
    assert model.layers[1].compute_dtype.endswith("float16")
    # The scores have more values than 16 bits leave between 0.5 and 1.
    assert model.layers[-1].compute_dtype == "float32"
    reference = copy_of(model)
    result = training.fit(model, config, part)
    assert result.history["loss"] == pytest.approx(fitted_by_keras(reference, config, part)[1], rel=2e-3)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_slices_of_any_length_give_the_same_numbers(monkeypatch, xla):
    monkeypatch.setattr(programs, "wants_xla", lambda model, batch_size, steps: xla)
    histories = []
    for batches in (1, 3, None):
        keras.utils.set_random_seed(3)
        result = training.fit(maxout(), CONFIG, data((6,)), knobs=Knobs(batches=batches))
        histories.append(result.history)
    for history in histories[1:]:
        for name in ("loss", "accuracy", "val_loss", "val_auc"):
            assert history[name] == pytest.approx(histories[0][name], rel=1e-6)


def plain_recurrent():
    return keras.Sequential([layers.Input((5, 3)), layers.LSTM(6), layers.Dense(1, activation="sigmoid")])


@pytest.mark.parametrize(
    ("network", "xla"),
    [(convolutional, False), (plain_recurrent, False), (plain_recurrent, True), (maxout, False), (maxout, True)],
)
def test_a_batch_in_parts_is_the_same_step(monkeypatch, network, xla):
    monkeypatch.setattr(programs, "wants_xla", lambda model, batch_size, steps: xla)
    histories, weights = [], []
    for parts in (1, 4):
        monkeypatch.setattr(programs, "wanted_parts", lambda model, batch_size, xla, parts=parts: parts)
        keras.utils.set_random_seed(3)
        model = network()
        result = training.fit(model, CONFIG, data(model.input_shape[1:]))
        histories.append(result.history)
        weights.append(model.get_weights())
    for name in ("loss", "accuracy", "val_loss", "val_auc"):
        assert histories[1][name] == pytest.approx(histories[0][name], rel=1e-5)
    for whole, parted in zip(*weights, strict=True):
        np.testing.assert_allclose(parted, whole, rtol=1e-3, atol=1e-5)


def test_a_batch_is_cut_into_parts_where_that_gives_the_same_step(monkeypatch):
    monkeypatch.setattr(compilation, "cores", lambda: 4)
    monkeypatch.setattr(compilation, "on_gpu", lambda: False)
    lstm = plain_recurrent()
    # At least 16 jets each, at most one part per core, all of one length, and only where XLA compiles.
    sizes = {1: 1, 16: 1, 32: 2, 48: 3, 64: 4, 1024: 4, 66: 3}
    assert {size: compilation.wanted_parts(lstm, size, True) for size in sizes} == sizes
    assert compilation.wanted_parts(lstm, 128, False) == 1
    assert {size: compilation.wanted_parts(convolutional(), size, False) for size in (32, 128, 512, 4096)} == {
        32: 1,
        128: 1,
        512: 4,
        4096: 8,
    }
    # At least 128 jets each, whether XLA compiles or not; one part per core.
    sizes = {1: 1, 128: 1, 192: 1, 256: 2, 1024: 4, 4096: 4}
    for xla in (True, False):
        assert {size: compilation.wanted_parts(maxout(), size, xla) for size in sizes} == sizes
    # Batch normalisation and a regulariser, dropout: these see the batch as a whole.
    assert compilation.wanted_parts(dense(), 4096, True) == 1
    dropping = keras.Sequential([layers.Input((5, 3)), layers.LSTM(4), layers.Dropout(0.5), layers.Dense(1)])
    assert compilation.wanted_parts(dropping, 128, True) == 1
    # The gradient of an embedding is sparse: a sum of parts would be another step.
    embedded = keras.Sequential([layers.Input((5,)), layers.Embedding(4, 3), layers.LSTM(4), layers.Dense(1)])
    assert compilation.wanted_parts(embedded, 128, True) == 1
    monkeypatch.setattr(compilation, "on_gpu", lambda: True)
    assert compilation.wanted_parts(lstm, 128, True) == 1


@pytest.mark.parametrize("optimizer", ["adadelta", "adamw", "nadam", "rmsprop", "sgd"])
def test_other_optimizers_agree_too(optimizer):
    config = dataclasses.replace(CONFIG, optimizer=optimizer, epochs=2)
    keras.utils.set_random_seed(3)
    model, part = maxout(), data((6,))
    reference = copy_of(model)
    _, epochs, _ = fitted_by_keras(reference, config, part)
    assert training.fit(model, config, part).history["loss"] == pytest.approx(epochs, rel=1e-4)


def test_the_optimizer_is_up_to_date_at_every_event():
    model, steps = maxout(), []

    def on_event(event):
        if isinstance(event, training.BatchEnd):
            steps.append((int(model.optimizer.iterations.numpy()), 5 * (event.epoch - 1) + event.batch))

    training.fit(model, CONFIG, data((6,)), on_event)
    assert steps[-1] == (15, 15)
    assert all(counted == expected for counted, expected in steps)


def test_frozen_layers_stay():
    model = maxout()
    model.layers[1].trainable = False
    before = model.layers[1].get_weights()
    training.fit(model, CONFIG, data((6,)))
    for kept, wanted in zip(model.layers[1].get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, wanted)


def test_dropout_drops_in_training_alone_and_differently_every_batch():
    inputs = layers.Input((1,))
    keras.utils.set_random_seed(3)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Dropout(0.5)(inputs)))
    model.set_weights([np.array([[1.0]]), np.zeros(1)])
    n = 4000
    x, y = np.full((n, 1), 3.0), np.arange(n) % 2
    # Steps of no length: of the input 3, kept half of the time and then doubled, the loss is log(1 + e^-+6) or log 2.
    config = dataclasses.replace(CONFIG, learning_rate=1e-12, batch_size=4)
    losses = []

    def on_event(event):
        if isinstance(event, training.BatchEnd):
            losses.append(event.loss * event.batch)

    history = training.fit(
        model, config, Data(x, y, None, x[:2], y[:2], None), on_event, knobs=Knobs(batches=1)
    ).history
    mean = 0.5 * np.log(2) + 0.5 * np.mean(np.log1p(np.exp([-6.0, 6.0])))
    # The loss of a jet has a standard deviation of 2.4; of 12,000 jets the mean is known to 0.022.
    assert np.mean(history["loss"]) == pytest.approx(mean, abs=0.08)
    # In a batch of four W or QCD each is kept or dropped: never the same ones throughout.
    each = np.diff(np.reshape(losses, (3, -1)), axis=1, prepend=0)
    assert len(np.unique(np.round(each, 2))) >= 9
    assert not np.array_equal(np.round(each[0], 2), np.round(each[1], 2))
    assert training.predict(model, x[:1])[0] == pytest.approx(1 / (1 + np.exp(-3)), rel=1e-5)


def compiled(model):
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    return model


def test_a_program_is_kept_for_the_same_structure_only():
    first = compiled(dense())
    program = programs.take(first, TAGGING, (6,), 32, 100)
    busy = programs.take(first, TAGGING, (6,), 32, 100)
    assert busy is not program  # a training in another thread must not share its weights
    programs.keep(program)
    other_rate = dense()
    other_rate.compile(keras.optimizers.Adam(0.5))
    other_rate.optimizer.build(other_rate.trainable_variables)
    assert programs.take(other_rate, TAGGING, (6,), 32, 100) is program
    programs.keep(program)
    assert programs.take(compiled(dense()), TAGGING, (6,), 64, 100) is not program
    assert programs.take(compiled(maxout()), TAGGING, (6,), 32, 100) is not program
    frozen = dense()
    frozen.layers[1].trainable = False
    assert programs.take(compiled(frozen), TAGGING, (6,), 32, 100) is not program
    assert programs.take(compiled(dense()), objectives.get("mse"), (6,), 32, 100) is not program
    assert programs.take(compiled(dense()), TAGGING, (6,), 32, 100) is program


def named(activation, name):
    head = layers.Dense(1, activation="sigmoid")
    return keras.Sequential([layers.Input((6,)), layers.Dense(8, activation=activation, name=name), head])


def relu(x):
    """Another function than Keras' of that name."""
    return keras.ops.square(x)


def squared(activation):
    inputs = layers.Input((6,))
    x = layers.Dense(8, activation=activation, name="relu")(inputs)
    x = x if activation else keras.ops.square(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


@pytest.mark.parametrize(
    ("before", "network", "equal"),
    [
        (lambda: named("relu", "relu"), lambda: named("tanh", "tanh"), lambda: named("tanh", "other")),
        (lambda: squared("relu"), lambda: squared(relu), lambda: squared(None)),
    ],
    ids=["names that are values", "a function that is called as Keras' own"],
)
def test_a_network_trains_as_itself_after_one_that_looks_alike(before, network, equal):
    def history(make):
        keras.utils.set_random_seed(3)
        return training.fit(make(), CONFIG, data((6,))).history["loss"]

    first, second = history(before), history(network)
    keras.utils.set_random_seed(3)
    assert second == pytest.approx(fitted_by_keras(equal(), CONFIG, data((6,)))[1], rel=2e-5)
    assert second != pytest.approx(first, rel=1e-3)


def test_a_layer_adapted_to_data_trains_as_adapted():
    plain = data((6,))
    x = 10 * plain.x_train + 3
    scaling = layers.Normalization()
    scaling.adapt(x)
    rest = (plain.y_train, plain.w_train, plain.x_validation, plain.y_validation, None)
    histories = []
    for inputs, before in (x, [scaling]), (scaling(x).numpy(), []):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([layers.Input((6,)), *before, layers.Dense(1, activation="sigmoid")])
        histories.append(training.fit(model, CONFIG, Data(inputs, *rest)).history["loss"])
    assert histories[0] == pytest.approx(histories[1], rel=1e-5)


def masked():
    inputs = layers.Input((4, 3))
    x = layers.LSTM(5)(layers.Masking()(inputs))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def sequential():
    return keras.Sequential([layers.Input((4, 3)), layers.Masking(), layers.LSTM(5), layers.Dense(1)])


@pytest.mark.parametrize("network", [masked, sequential])
def test_the_program_of_a_masked_network_is_found_again(network):
    first = compiled(network())
    program = programs.take(first, TAGGING, (4, 3), 32, 100)
    programs.keep(program)
    assert programs.take(compiled(network()), TAGGING, (4, 3), 32, 100) is program


def test_only_some_programs_are_kept():
    model, sizes = compiled(maxout()), range(1, programs.KEPT + 3)
    made = {size: programs.take(model, TAGGING, (6,), size, 10) for size in sizes}
    for program in made.values():
        programs.keep(program)
    found = [size for size in sizes if programs.take(model, TAGGING, (6,), size, 10) is made[size]]
    assert found == list(sizes)[2:]


class Twice(layers.Layer):
    def call(self, x):
        return 2 * x


def own_layer():
    return keras.Sequential([layers.Input((6,)), Twice(), layers.Dense(1, activation="sigmoid")])


def own_function():
    def steep(x):
        return keras.ops.sigmoid(3 * x)

    return keras.Sequential([layers.Input((6,)), layers.Dense(1, activation=steep)])


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = layers.Dense(1, activation="sigmoid")

    def call(self, x, training=False):
        return self.head(x)


def own_model():
    model = Own()
    model(np.zeros((1, 6), "f4"))
    return model


@pytest.mark.parametrize("network", [own_layer, own_function, own_model])
def test_own_code_trains_and_is_traced_every_time(network):
    model, losses = network(), []
    training.fit(model, CONFIG, data((6,)), lambda event: isinstance(event, EpochEnd) and losses.append(event.loss))
    assert losses[-1] < losses[0]
    program = programs.take(model, TAGGING, (6,), CONFIG.batch_size, 100)
    programs.keep(program)
    assert programs.take(model, TAGGING, (6,), CONFIG.batch_size, 100) is not program


def test_keeping_a_program_changes_nothing_that_is_random_afterwards():
    draws = []
    for _ in range(2):  # compiled the first time, kept the second
        keras.utils.set_random_seed(5)
        training.fit(maxout(), CONFIG, data((6,)))
        draws.append(layers.Dense(3, name="next"))
        draws[-1].build((None, 4))
    np.testing.assert_array_equal(draws[0].get_weights()[0], draws[1].get_weights()[0])


def test_what_xla_compiles():
    assert compilation.wants_xla(dense(), 128, compilation.XLA_STEPS)
    assert not compilation.wants_xla(dense(), 128, compilation.XLA_STEPS - 1)
    few = compilation.XLA_STEPS_RECURRENT
    both_ways = keras.Sequential([layers.Input((5, 3)), layers.Bidirectional(layers.LSTM(4)), layers.Dense(1)])
    for model in (recurrent(), both_ways):
        assert compilation.wants_xla(model, 128, few)
        assert not compilation.wants_xla(model, 128, few - 1)
    assert compilation.wants_xla(own_model(), 128, 10**6)
    # 5 constituents with 8 numbers each
    assert compilation.wants_xla(deep_sets(), compilation.XLA_WIDEST // 40, 10**6)
    assert compilation.wants_xla(deep_sets(), compilation.XLA_WIDEST // 40 + 1, 10**6) == backend.on_gpu()
    inputs = layers.Input((5, 3))
    _, hidden, carry = layers.LSTM(4, return_state=True)(inputs)
    assert compilation.wants_xla(keras.Model(inputs, layers.Add()([hidden, carry])), 128, few)
    nested = keras.Sequential([layers.Input((9, 9, 1)), convolutional()])
    for model in (convolutional(), nested):
        assert compilation.wants_xla(model, 1, 10**6) == backend.on_gpu()


@pytest.mark.parametrize(("widths", "wanted"), [((8, 8), True), ((8, 4), False), ((8,), True)])
def test_xla_does_not_compile_dropout_of_different_widths(widths, wanted):
    stack = [each for nodes in widths for each in (layers.Dense(nodes, "relu"), layers.Dropout(0.1))]
    model = keras.Sequential([layers.Input((6,)), *stack, layers.Dense(1, "sigmoid")])
    assert compilation.wants_xla(model, 128, 10**6) == (wanted or backend.on_gpu())


@pytest.mark.skipif(backend.on_gpu(), reason="a choice for CPUs")
@pytest.mark.parametrize("network", [models.particle_transformer, models.particle_net])
def test_xla_compiles_networks_of_pairs_for_many_jets_whatever_the_batch(network):
    given = {"coordinates": (0, 1), **models.PARTICLE_NET_LITE} if network is models.particle_net else {}
    model = network(32, 7, **given)
    for batch_size in (128, 512):
        enough = compilation.XLA_JETS // batch_size + 1
        assert compilation.wants_xla(model, batch_size, enough)
        assert not compilation.wants_xla(model, batch_size, enough - 1)


MEMORY = """
import gc, psutil, numpy as np
from jetlab import training
from jetlab.config import RunConfig
rng = np.random.default_rng(0)
x, y = rng.normal(size=(2000, 4)), np.arange(2000) % 2
part = training.Data(x, y, None, x, y, None)
resident = psutil.Process().memory_info
for run in range(13):
    if run == 3:
        gc.collect()
        before = resident().rss
    training.run(RunConfig(layers=2, nodes=32 + run, epochs=2, batch_size=10), part)
gc.collect()
print((resident().rss - before) / 2**20)
"""


def test_trainings_of_ever_new_structure_do_not_fill_the_memory():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 100  # MB for ten; the fit of Keras itself loses about as much


# Parts on two cores, of so few jets that jetlab's own loop runs over the constituents, and padding that differs.
COMPILED = """
import numpy as np
from jetlab import models, training
from jetlab.config import RunConfig
from jetlab.training import compilation
compilation.cores = lambda: 2
rng = np.random.default_rng(1)
x = rng.normal(size=(700, 6, 2)).astype("f4") * (np.arange(6)[:, None] >= rng.integers(0, 6, (700, 1, 1)))
data = training.Data(x, np.arange(700) % 2, None, x[:50], np.arange(50) % 2, None)
config = RunConfig("lstm", layers=1, nodes=3, batch_size=32, epochs=15, patience=0)
model = models.build(config, (6, 2))
assert (compilation.wants_xla(model, 32, 315), compilation.wanted_parts(model, 32, True)) == (True, 2)
training.fit(model, config, data)
"""


def test_a_program_is_compiled_once_whatever_the_padding_of_a_batch():
    """XLA compiles anew for each value of what it takes for a constant, such as the first place that all jets pad."""
    told = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "device_compiler=2"}
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, timeout=300, env=told)
    assert done.returncode == 0, done.stderr[-2000:]
    # A part on each of two cores, the step of the weights, and the outputs.
    assert 1 <= done.stderr.count("Compilation of XLA executable time") <= 4
