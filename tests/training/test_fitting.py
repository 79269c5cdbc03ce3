"""Training: events, early stopping, stop, NaN, weights, seeds, bad data, the device line."""

import dataclasses
import subprocess
import sys
import threading
import types

import keras
import numpy as np
import pytest

from jetlab import backend, metrics, models, training
from jetlab.backend import device
from jetlab.config import RunConfig
from jetlab.training import (
    BatchEnd,
    Data,
    EpochEnd,
    Knobs,
    TrainBegin,
    TrainEnd,
    TrainingError,
    compilation,
    fitting,
    programs,
)

SMALL = RunConfig(layers=1, nodes=8, batch_size=50, epochs=3, learning_rate=0.01)


def jets(n, seed, separation=1.5):
    """Two normal inputs; the means of W and QCD differ in the first."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 2))
    x[:, 0] += separation * y
    return x, y, None


def data(n=400, n_validation=300, separation=1.5):
    return Data(*jets(n, 0, separation), *jets(n_validation, 1, separation))


@pytest.fixture(scope="module")
def trained():
    events = []
    return training.run(SMALL, data(), events.append), events


def test_events_come_in_order(trained):
    _, events = trained
    batches = [event for event in events if isinstance(event, BatchEnd)]
    epochs = [event for event in events if isinstance(event, EpochEnd)]
    assert batches[0].batch == 1
    places = [(event.epoch, event.batch) for event in batches]
    assert places == sorted(set(places))
    assert {(epoch, 8) for epoch in (1, 2, 3)} <= set(places)
    assert all((event.epochs, event.batches) == (3, 8) for event in batches)
    assert [event.epoch for event in epochs] == [1, 2, 3]
    for event in epochs:
        last = events[events.index(event) - 1]
        assert (type(last), last.epoch, last.batch, last.loss) == (BatchEnd, event.epoch, 8, event.loss)
    assert events[0] == TrainBegin(epochs=3, batches=8)
    assert type(events[-1]) is TrainEnd
    assert len(events) == len(batches) + len(epochs) + 2
    assert all(event.jets_per_second > 0 and event.seconds > 0 for event in epochs)


def test_result_is_what_the_events_said(trained):
    result, events = trained
    epochs = [event for event in events if isinstance(event, EpochEnd)]
    assert set(result.history) == {
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "val_auc",
        "learning_rate",
        "seconds",
    }
    for name in ("loss", "val_loss", "seconds"):
        assert result.history[name] == [getattr(event, name) for event in epochs]
    for name in ("accuracy", "val_accuracy", "val_auc"):
        assert result.history[name] == [event.metrics[name] for event in epochs]
    end = events[-1]
    assert (end.reason, end.best_epoch, end.device) == (result.reason, result.best_epoch, result.device)
    assert (end.message, end.seconds, end.jets_per_second) == (result.message, result.seconds, result.jets_per_second)
    assert result.reason == "finished"
    assert result.message.startswith("All 3 epochs are done; the model has the weights of epoch")
    assert result.config == SMALL


def test_it_learns_and_history_belongs_to_the_weights(trained):
    result, _ = trained
    x, y, _ = jets(300, 1)
    score = result.predict(x)
    assert score.shape == (300,)
    best = result.best_epoch - 1
    assert result.history["val_auc"][best] == pytest.approx(metrics.auc(y, score), abs=1e-6)
    assert result.history["val_accuracy"][best] == pytest.approx(metrics.accuracy(y, score), abs=1e-6)
    assert metrics.auc(y, score) > 0.8
    assert result.history["loss"][-1] < result.history["loss"][0]


def test_same_seed_gives_the_identical_curve(trained):
    result, _ = trained
    runs = [training.run(SMALL, data())]
    thread = threading.Thread(target=lambda: runs.append(training.run(SMALL, data())))
    thread.start()
    thread.join()
    assert len(runs) == 2
    for again in runs:
        for name in set(result.history) - {"seconds"}:
            assert again.history[name] == result.history[name]
    other = training.run(RunConfig(**{**vars(SMALL), "seed": 2}), data())
    assert other.history["loss"] != result.history["loss"]


def test_dropout_is_seeded_too():
    config = RunConfig(layers=1, nodes=8, dropout=0.5, batch_size=100, epochs=1)
    assert training.run(config, data()).history["loss"] == training.run(config, data()).history["loss"]


def test_validation_loss_is_keras_own():
    x, y, _ = jets(300, 1)
    weight = np.random.default_rng(2).uniform(0.1, 3, 300)
    part = Data(*jets(200, 0), x, y, weight)
    result = training.run(SMALL, part)
    loss, accuracy = result.model.evaluate(
        part.x_validation, part.y_validation, sample_weight=part.w_validation, verbose=0
    )
    best = result.best_epoch - 1
    assert result.history["val_loss"][best] == pytest.approx(loss, rel=1e-5)
    assert result.history["val_accuracy"][best] == pytest.approx(accuracy, rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "gaussian_nll"])
def test_regression_finds_the_line(loss):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    y = 0.5 * x[:, 0] - x[:, 1] + rng.normal(0, 0.1, 600)
    part = Data(x[:400], y[:400], None, x[400:], y[400:], None, regression=True)
    config = RunConfig(layers=0, batch_size=20, epochs=60, learning_rate=0.03, loss=loss, patience=0)
    result = training.run(config, part)
    assert set(result.history) == {"loss", "val_loss", "val_bias", "val_width", "learning_rate", "seconds"}
    difference = result.predict(x[400:].astype("f4")) - y[400:]
    best = result.best_epoch - 1
    assert result.history["val_bias"][best] == pytest.approx(np.median(difference), abs=0.005)
    assert abs(np.median(difference)) < 0.05
    assert result.history["val_width"][best] == pytest.approx(0.1, rel=0.25)
    if loss == "gaussian_nll":
        sigma = np.exp(training.outputs(result.model, x[400:])[:, 1] / 2)
        assert np.median(sigma) == pytest.approx(0.1, rel=0.35)


def test_a_network_that_puts_out_its_loss_learns_the_inputs_alone():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(3, 2, (900, 1)).astype("f4"), rng.uniform(0.5, 1.5, 900)
    inputs = keras.layers.Input((1,))
    # Half of the squared distance from what a bias learns: least at the weighted mean.
    far = keras.layers.Dense(1, kernel_initializer="ones", name="far")
    far.build((None, 1))
    far.kernel.trainable = False
    model = keras.Model(inputs, 0.5 * far(inputs) ** 2)
    part = training.Data.unlabelled(x, weight, np.arange(600), np.arange(600, 900))
    config = RunConfig(batch_size=100, epochs=40, learning_rate=0.1, schedule="cosine", loss="output", patience=0)
    result = training.fit(model, config, part)
    assert set(result.history) == {"loss", "val_loss", "learning_rate", "seconds"}
    assert -float(far.bias[0]) == pytest.approx(np.average(x[:600, 0], weights=weight[:600]), abs=0.05)
    best = result.history["val_loss"][result.best_epoch - 1]
    expected = 0.5 * np.mean(weight[600:] * (x[600:, 0] + float(far.bias[0])) ** 2)
    assert best == pytest.approx(expected, rel=1e-5)


def test_several_inputs_train_like_one():
    x, y, w = jets(300, 3)
    inputs = [keras.layers.Input((1,)), keras.layers.Input((1,))]
    joined = keras.layers.Concatenate()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")(joined))
    alone = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")]
    )
    config = RunConfig(batch_size=32, epochs=3, learning_rate=0.05)
    apart = (x[:, :1], x[:, 1:])
    first = training.fit(model, config, Data(apart, y, w, apart, y, w))
    second = training.fit(alone, config, Data(x, y, w, x, y, w))
    assert first.history["loss"] == pytest.approx(second.history["loss"], rel=1e-6)
    np.testing.assert_allclose(first.predict(apart), second.predict(x), rtol=1e-5)


def test_loss_and_data_must_agree_on_what_is_learnt():
    x, y, w = jets(50, 0)
    with pytest.raises(training.TrainingError, match="loss mse is for regression, but"):
        training.run(RunConfig(loss="mse", epochs=1), Data(x, y, w, x, y, w))
    with pytest.raises(training.TrainingError, match="labels 0 and 1, but"):
        training.run(RunConfig(epochs=1), Data(x, y, w, x, y, w, regression=True))
    with pytest.raises(training.TrainingError, match="labels 0 to 2, but the data are made with classes=2"):
        training.run(RunConfig(epochs=1, loss="sparse_categorical_crossentropy"), Data(x, y, w, x, y, w))
    y[:3] = 2
    with pytest.raises(training.TrainingError, match="labels 0 and 1, but the data are made with classes=3"):
        training.run(RunConfig(epochs=1), Data(x, y, w, x, y, w, classes=3))
    with pytest.raises(training.TrainingError, match="no jet of class 3"):
        Data(x, y, w, x, y, w, classes=4)
    with pytest.raises(training.TrainingError, match="targets are not all finite"):
        Data(x, y * np.nan, w, x, y, w, regression=True)


def test_inputs_that_the_data_do_not_have_are_refused():
    config = dataclasses.replace(SMALL, inputs=("jet_msd_ak7",), epochs=1)
    with pytest.raises(TrainingError, match=r"1 inputs \(jet_msd_ak7\), but the data have 2 columns; make the data"):
        training.run(config, data())
    x, y, w = jets(100, 0)
    part = Data(x[:, :1], y, w, x[:, :1], y, w)
    assert training.run(config, part).model.input_shape == (None, 1)


def test_weights_decide_what_is_learnt():
    # Without inputs that tell, the best score is the weighted fraction of W: 3 / (3 + 1).
    n = 200
    x, y = np.zeros((n, 1)), np.arange(n) % 2
    weight = np.where(y == 1, 1.5, 0.5)
    part = Data(x, y, weight, x, y, weight)
    result = training.run(RunConfig(layers=0, batch_size=50, epochs=25, patience=0, learning_rate=0.05), part)
    assert result.predict(x[:1])[0] == pytest.approx(0.75, abs=0.02)
    assert result.history["val_loss"][result.best_epoch - 1] == pytest.approx(0.5623, abs=1e-3)  # entropy of 3 : 1


def test_weights_are_used_as_they_are():
    x, y, _ = jets(100, 0)
    weight = np.linspace(0.1, 3, 100)
    part = Data(x, y, weight, x, y, None)
    np.testing.assert_allclose(part.w_train, weight, rtol=1e-6)
    np.testing.assert_array_equal(part.w_validation, 1)
    kept = np.random.default_rng(1).permutation(100)[:10]
    np.testing.assert_array_equal(part.first(10, seed=1).w_train, part.w_train[kept])
    arrays = [value for value in vars(part).values() if isinstance(value, np.ndarray)]
    assert len(arrays) == 6
    assert {value.dtype for value in arrays} == {np.dtype("f4")}


def overfitting():
    """Labels at random: the validation loss soon rises while the training loss falls."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 10))
    return Data(x[:100], np.arange(100) % 2, None, x[100:], np.arange(100) % 2, None)


def test_messages_count_one_epoch_in_the_singular():
    once = dataclasses.replace(SMALL, epochs=1)
    assert training.run(once, data(60, 60)).message.startswith("The only epoch is done; ")
    config = RunConfig(layers=1, nodes=64, batch_size=20, epochs=60, patience=1, learning_rate=0.01)
    assert training.run(config, overfitting()).message.startswith("Saturated: no better validation loss in 1 epoch; ")


def test_saturation_stops_and_restores_the_best_weights():
    part = overfitting()
    config = RunConfig(layers=1, nodes=64, batch_size=20, epochs=60, patience=3, learning_rate=0.01)
    result = training.run(config, part)
    losses = result.history["val_loss"]
    assert result.reason == "saturated"
    assert len(losses) == result.best_epoch + 3 < 60
    assert result.best_epoch == np.argmin(losses) + 1
    assert metrics.auc(part.y_validation, result.predict(part.x_validation)) == pytest.approx(
        result.history["val_auc"][result.best_epoch - 1], abs=1e-6
    )


def test_best_weights_also_when_the_epochs_run_out():
    part = overfitting()
    config = RunConfig(layers=1, nodes=64, batch_size=20, epochs=8, patience=0, learning_rate=0.05)
    result = training.run(config, part)
    assert result.reason == "finished"
    assert len(result.history["val_loss"]) == 8
    assert result.best_epoch < 8
    loss = result.model.evaluate(part.x_validation, part.y_validation, verbose=0)[0]
    assert loss == pytest.approx(min(result.history["val_loss"]), rel=1e-5)


def test_stop_acts_at_the_batch_and_leaves_the_best_so_far():
    stop, events = threading.Event(), []

    def on_event(event):
        events.append(event)
        if isinstance(event, BatchEnd) and (event.epoch, event.batch) == (2, 3):
            stop.set()

    part = data()
    result = training.run(SMALL, part, on_event, stop, Knobs(batches=1))
    assert result.reason == "stopped"
    assert result.message == "Stopped in batch 3 of epoch 2; the model has the weights of epoch 1, the best."
    assert [type(event) for event in events[-2:]] == [BatchEnd, TrainEnd]
    assert (events[-2].epoch, events[-2].batch) == (2, 3)
    assert (result.best_epoch, len(result.history["val_auc"])) == (1, 1)
    auc = metrics.auc(part.y_validation, result.predict(part.x_validation))
    assert auc == pytest.approx(result.history["val_auc"][0], abs=1e-6)


def test_knobs_step_through_the_batches():
    events = []
    training.run(SMALL, data(), events.append, knobs=Knobs(batches=1))
    places = [(event.epoch, event.batch) for event in events if isinstance(event, BatchEnd)]
    assert places == [(epoch, batch) for epoch in (1, 2, 3) for batch in range(1, 9)]


def test_knobs_change_the_learning_rate_while_it_trains():
    knobs, losses = Knobs(batches=4), []

    def on_event(event):
        if isinstance(event, EpochEnd):
            losses.append(event.loss)
            # A step of no length: from here on the weights stay, and every epoch has the same loss.
            knobs.learning_rate = 1e-30

    config = dataclasses.replace(SMALL, epochs=4)
    result = training.run(config, data(), on_event, knobs=knobs)
    assert losses[1] < losses[0] - 1e-3
    assert losses[2:] == pytest.approx([losses[1]] * 2, rel=1e-5)
    assert result.model.optimizer.learning_rate.numpy() == np.float32(1e-30)


def test_a_slice_takes_a_fraction_of_a_second(monkeypatch):
    clock, per_batch = [0.0], 0.001
    monkeypatch.setattr(fitting, "time", types.SimpleNamespace(perf_counter=lambda: clock[0]))
    real = programs.Program.train

    def timed(*args):
        done = real(*args)
        clock[0] += done.batches * per_batch
        return done

    monkeypatch.setattr(programs.Program, "train", timed)
    config = RunConfig(layers=1, nodes=4, batch_size=1, epochs=1)
    rng = np.random.default_rng(0)
    x, y, events = rng.normal(size=(1000, 2)), np.arange(1000) % 2, []
    training.run(config, Data(x, y, None, x[:9], y[:9], None), events.append)
    lengths = np.diff([0, *(event.batch for event in events if isinstance(event, BatchEnd))])
    assert lengths[:2].tolist() == [1, 1]
    assert lengths[2:-1] * per_batch == pytest.approx(fitting.SLICE_SECONDS, abs=2 * per_batch)
    assert 0 < lengths[-1] * per_batch <= fitting.SLICE_SECONDS


def test_stop_before_the_first_epoch_ended_leaves_a_usable_model():
    stop = threading.Event()
    stop.set()
    part = data()
    model = models.build(SMALL, 2)
    before = model.get_weights()
    result = training.fit(model, SMALL, part, stop=stop)
    assert (result.reason, result.best_epoch, result.jets_per_second) == ("stopped", 0, 0.0)
    assert result.history["loss"] == []
    assert np.isfinite(result.predict(part.x_validation)).all()
    assert any((a != b).any() for a, b in zip(before, result.model.get_weights(), strict=True))


def test_stop_works_from_another_thread():
    stop, first = threading.Event(), threading.Event()
    results = []
    config = RunConfig(layers=1, nodes=4, batch_size=1, epochs=1000, patience=0)

    def worker():
        results.append(training.run(config, data(), lambda event: first.set(), stop))

    thread = threading.Thread(target=worker)
    thread.start()
    assert first.wait(60)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert results[0].reason == "stopped"


def test_nan_loss_stops_with_a_remedy_and_restores_the_first_weights():
    part, model, events = data(), models.build(SMALL, 2), []
    first = model.get_weights()

    def poison(event):
        events.append(event)
        if isinstance(event, BatchEnd):
            model.set_weights([np.full_like(weight, np.nan) for weight in first])

    result = training.fit(model, SMALL, part, poison)
    assert [type(event) for event in events] == [TrainBegin, BatchEnd, BatchEnd, TrainEnd]
    assert (result.reason, result.best_epoch) == ("nan", 0)
    assert "loss became nan in batch 2 of epoch 1: lower the learning rate (now 0.01)" in result.message
    for kept, wanted in zip(result.model.get_weights(), first, strict=True):
        np.testing.assert_array_equal(kept, wanted)


def test_nan_keeps_the_best_weights_of_the_epochs_before():
    part, model = data(), models.build(SMALL, 2)

    def poison(event):
        if isinstance(event, EpochEnd) and event.epoch == 1:
            model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])

    result = training.fit(model, SMALL, part, poison)
    assert (result.reason, result.best_epoch) == ("nan", 1)
    assert "epoch 2" in result.message
    assert np.isfinite(result.predict(part.x_validation)).all()


def test_an_error_in_a_subscriber_is_not_swallowed():
    def broken(event):
        raise RuntimeError("a plot broke")

    with pytest.raises(RuntimeError, match="a plot broke"):
        training.run(SMALL, data(), broken)


def test_train_size_takes_the_first_of_a_seeded_permutation():
    part = data(400)
    small, large = part.first(50, seed=1), part.first(80, seed=1)
    np.testing.assert_array_equal(large.x_train[:50], small.x_train)
    assert not np.array_equal(part.x_train[:50], small.x_train)
    assert not np.array_equal(part.first(50, seed=2).x_train, small.x_train)
    assert part.first(None, 1) is part
    assert part.first(4000, 1) is part
    np.testing.assert_array_equal(small.x_validation, part.x_validation)
    events = []
    training.run(RunConfig(layers=0, batch_size=20, epochs=1, train_size=50), part, events.append)
    assert {event.batches for event in events if isinstance(event, BatchEnd)} == {3}
    assert [event.batch for event in events if isinstance(event, BatchEnd)][-1] == 3


def test_batches_larger_than_the_sample():
    events = []
    training.run(RunConfig(layers=0, batch_size=4096, epochs=1), data(100), events.append)
    assert [type(event) for event in events] == [TrainBegin, BatchEnd, EpochEnd, TrainEnd]


def test_no_hidden_layer_reaches_the_best_possible_auc():
    part = data(2000, 3000)
    result = training.run(RunConfig(layers=0, batch_size=64, epochs=5, learning_rate=0.05), part)
    best = metrics.auc(part.y_validation, part.x_validation[:, 0])
    assert max(result.history["val_auc"]) == pytest.approx(best, abs=0.005)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.zeros((3, 2))}, r"train part has inputs \(3, 2\), labels \(4,\)"),
        ({"x_train": np.zeros(4)}, "one row per jet"),
        ({"w_validation": np.ones(3)}, r"validation part .* weights \(3,\)"),
        ({"x_validation": np.array([[0.0], [np.nan], [1.0], [np.inf]])}, "2 of 4 validation jets"),
        ({"y_train": np.array([0, 1, 2, 3])}, "train labels must be 1"),
        ({"y_train": np.ones(4)}, "train part has no QCD jet"),
        ({"y_validation": np.zeros(4)}, "validation part has no W jet"),
        ({"w_train": np.array([1.0, -1.0, 1.0, 1.0])}, "train weights must be finite and not negative"),
        ({"w_train": np.array([0.0, 1.0, 0.0, 1.0])}, "no QCD jet with a weight"),
        ({"w_train": np.full(4, 6.5e-5)}, "train weights have a mean of 6.5e-05.*divide all weights by the mean"),
        ({"w_validation": np.full(4, 11.0)}, "validation weights have a mean of 11,"),
    ],
)
def test_bad_data_says_what_is_wrong(change, message):
    x, y = np.zeros((4, 1)), np.array([0, 1, 0, 1])
    good = {"x_train": x, "y_train": y, "w_train": None, "x_validation": x, "y_validation": y, "w_validation": None}
    Data(**good)
    with pytest.raises(TrainingError, match=message):
        Data(**{**good, **change})


def test_device_names_the_cpu_or_gpu(trained):
    result, _ = trained
    assert result.device == device()
    assert device().startswith(("CPU, ", "GPU "))


def test_device_says_where_a_gpu_cannot_be_used(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(backend.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(backend, "find_device", backend.find_device.__wrapped__)
    found, remedy = backend.find_device()
    assert found.startswith(f"CPU, {backend.cores()} core")
    assert "TensorFlow finds no CUDA" in remedy
    assert backend.device() == f"{found} ({remedy})"


@pytest.mark.parametrize("in_use", [False, True])
def test_device_sets_memory_growth_and_names_the_gpu(monkeypatch, in_use):
    import tensorflow as tf

    grown = []

    def grow(gpu, value):
        if in_use:
            raise RuntimeError("Physical devices cannot be modified after being initialized")
        grown.append((gpu, value))

    answer = subprocess.CompletedProcess([], 0, stdout="40960\n")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "second"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grow)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"device_name": "NVIDIA A100"})
    monkeypatch.setattr(backend.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(backend.subprocess, "run", lambda *args, **options: answer)
    monkeypatch.setattr(backend, "find_device", backend.find_device.__wrapped__)
    line = backend.device()
    assert line.startswith("GPU NVIDIA A100, 40 GB")
    assert ("restart the kernel" in line) == in_use
    assert grown == ([] if in_use else [("first", True), ("second", True)])


def test_memory_growth_comes_before_any_operation():
    code = (
        "from jetlab.backend import device\n"
        "assert device().startswith(('CPU', 'GPU'))\n"
        "from tensorflow.python.eager import context\n"
        "assert not context.context()._initialized\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1, 1, 1, 1, 1, 1, 1, 1]),
        ("cosine", [0.5 * (1 + np.cos(np.pi * epoch / 8)) for epoch in range(8)]),
        ("step", [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01]),
    ],
)
def test_the_learning_rate_follows_its_schedule_and_a_rate_chosen_on_the_fly_falls_as_well(schedule, factors):
    config, rates, knobs = dataclasses.replace(SMALL, schedule=schedule, epochs=8, patience=0), [], training.Knobs()
    model = models.build(config, training.shape(data().x_train))

    def on_event(event):
        if isinstance(event, training.EpochEnd):
            rates.append(float(model.optimizer.learning_rate))
            if event.epoch == 4:
                knobs.learning_rate = 0.3 * config.learning_rate

    result = training.fit(model, config, data(), on_event, knobs=knobs)
    expected = config.learning_rate * np.array(factors) * ([1.0] * 4 + [0.3] * 4)
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    np.testing.assert_allclose(result.history["learning_rate"], expected, rtol=1e-6)
    np.testing.assert_allclose([config.rate(epoch + 1) / config.learning_rate for epoch in range(8)], factors)


def test_parts_are_taken_by_position():
    x, y, w = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1]), np.array([1, 1, 1, 2, 2, 2.0])
    data = Data.of(x, y, w, np.array([3, 0]), np.array([5, 2, 4]))
    np.testing.assert_array_equal(data.x_train, x[[3, 0]])
    np.testing.assert_array_equal(data.y_validation, [1, 0, 0])
    np.testing.assert_array_equal(data.w_validation, [2, 1, 2])
    several = Data.of((x, x[:, :1]), y, w, np.array([1, 0]), np.array([5, 2]))
    assert [each.shape for each in several.x_validation] == [(2, 2), (2, 1)]


def test_wide_networks_are_asked_for_few_jets_at_a_time(trained, monkeypatch):
    result, _ = trained
    x = jets(300, 2)[0].astype("f4")
    assert compilation.at_a_time(result.model) == 2048
    whole = training.outputs(result.model, x)
    monkeypatch.setattr(compilation, "OUTPUT_NUMBERS", 8 * 7)  # seven jets: eight nodes are the widest layer
    assert compilation.at_a_time(result.model) == 7
    np.testing.assert_allclose(training.outputs(result.model, x), whole, atol=1e-6)
    monkeypatch.setattr(compilation, "OUTPUT_NUMBERS", 1)
    assert compilation.at_a_time(result.model) == 1
    again = training.run(SMALL, data()).history
    np.testing.assert_allclose(again["val_loss"], result.history["val_loss"], rtol=1e-4)
