"""The boxes below the panel: Keras code, a configuration to share and apply, and the saved model."""

import types
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from jetlab import panel, training
from jetlab.config import RunConfig
from jetlab.panel import share
from tests.panel.by_label import labelled, texts

CONFIG = RunConfig(inputs=("a", "b"), layers=1, nodes=8, batch_size=64, learning_rate=1e-2, epochs=1, patience=0)


def gaussians(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return rng.normal(y[:, None], 1.0, (n, 2)).astype(np.float32), y, np.ones(n)


@pytest.fixture
def lab():
    data = training.Data(*gaussians(800, 1), *gaussians(400, 2))
    return panel.TrainingPanel(data, gaussians(400, 3), CONFIG)


def press(lab, label):
    labelled(lab.widget, label).click()
    return texts(lab.widget)


def apply(lab, text, box="code"):
    labelled(lab.widget, box).value = ""
    labelled(lab.widget, box).value = text
    return press(lab, "Apply")


def test_what_is_shared_is_applied_exactly_and_what_moved_is_said(lab):
    changed = replace(CONFIG, nodes=1024, learning_rate=5.0, layers=2, widths=(700, 3), train_size=800, dropout=0.123)
    assert "nodes per layer 8 → 1024" in apply(lab, share.to_text(changed))
    assert lab.config == changed
    assert "The controls show this configuration already" in press(lab, "Apply")
    assert "each layer its own on → off" in apply(lab, CONFIG.to_json(), "JSON")
    assert lab.config == CONFIG


def test_the_box_that_was_written_last_counts(lab):
    press(lab, "Share")
    json = labelled(lab.widget, "JSON")
    json.value = json.value.replace('"nodes": 8', '"nodes": 9')
    press(lab, "Apply")
    assert lab.config.nodes == 9
    assert share.from_text(labelled(lab.widget, "code").value) == lab.config
    apply(lab, share.to_text(CONFIG))
    assert lab.config == CONFIG
    json.value = ""
    press(lab, "Apply")
    assert lab.config == CONFIG


def test_what_the_panel_cannot_be_is_refused_and_can_be_changed_in_the_json(lab):
    lstm = RunConfig(model="lstm", nodes=1024, learning_rate=5.0, loss="mse")
    assert 'model is "lstm", but this panel trains "dense"' in apply(lab, share.to_text(lstm)).replace("&quot;", '"')
    assert lab.config == CONFIG
    assert 'loss is "mse"' in apply(lab, share.to_text(replace(CONFIG, loss="mse"))).replace("&quot;", '"')
    assert lab.config == CONFIG
    json = labelled(lab.widget, "JSON")
    json.value = json.value.replace('"mse"', '"binary_crossentropy"')
    assert "already" in press(lab, "Apply")


def test_a_text_that_was_cut_moves_nothing(lab):
    assert "⚠ The text is not complete" in apply(lab, share.to_text(replace(CONFIG, nodes=9))[:-3])
    assert lab.config == CONFIG


def test_a_configuration_is_applied_where_no_input_is_ticked(lab):
    for name in "ab":
        labelled(lab.widget, name).value = False
    assert "No input is ticked" in press(lab, "Share")
    assert "a off → on" in apply(lab, share.to_text(CONFIG))
    assert lab.config == CONFIG


def test_the_code_is_that_of_the_inputs_ticked_now(lab):
    labelled(lab.widget, "b").value = False
    said = press(lab, "Show")
    assert "keras.layers.Input((1,)" in said
    assert "keras.layers.Dense" in said


@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_a_model_that_cannot_be_written_is_explained(lab, tmp_path):
    assert "press Train first" in press(lab, "Save")
    lab.train(blocking=True)
    file = labelled(lab.widget, "file")
    (tmp_path / "folder.keras").mkdir()
    cases = [
        ("model.h5", "must end in .keras"),
        ("missing/model.keras", "cannot be written (No such file or directory): choose another folder"),
        ("folder.keras", "cannot be written (Is a directory)"),
    ]
    if Path("/dev/full").exists():  # on Linux only
        (tmp_path / "full.keras").symlink_to("/dev/full")
        cases.append(
            ("full.keras", "cannot be written (No space left on device): choose another folder or name, or ma")
        )
    for name, reason in cases:
        file.value = str(tmp_path / name)
        said = press(lab, "Save")
        assert reason in said
        assert "Traceback" not in said
    file.value = str(tmp_path / "model.keras")
    assert "load_model" in press(lab, "Save")
    x = gaussians(50, 4)[0]
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(training.predict(model, x), lab.runs[0].result.predict(x), atol=1e-6)


def saved(model, path="model.keras"):
    """What is said of saving a run's model."""
    run = types.SimpleNamespace(result=types.SimpleNamespace(model=model))
    made = share.Tools(lambda: CONFIG, lambda config: (2,), lambda config: [], lambda: [run])
    labelled(made.widget, "file").value = str(path)
    labelled(made.widget, "Save").click()
    return texts(made.widget)


def tools(error):
    """What is said of a model that cannot be saved for that reason."""

    def save(path):
        raise error

    return saved(types.SimpleNamespace(save=save))


@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_a_file_that_holds_another_model_is_noticed(tmp_path):
    model, other = (keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)]) for _ in range(2))
    other.set_weights([each + 1 for each in model.get_weights()])
    model.save = other.save
    assert "does not give back the model" in saved(model, tmp_path / "model.keras")


def test_full_memory_is_said_to_be_full_memory():
    assert "The memory is full: close other notebooks, and shut down kernels" in tools(MemoryError())


def test_a_fault_is_shown_with_its_traceback_folded():
    said = tools(KeyError("<layer>"))
    assert "a bug in jetlab, KeyError: &#x27;&lt;layer&gt;&#x27;" in said
    assert "<details><summary>details</summary><pre>Traceback" in said
    assert "in save" in said
