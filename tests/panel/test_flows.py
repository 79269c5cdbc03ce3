"""The panel of flows: what it trains is judged by density and by trees, and its marginals are drawn."""

from dataclasses import replace

import numpy as np
import pytest

from jetlab import training
from jetlab.config import ConfigError
from jetlab.errors import ArgumentError
from jetlab.metrics import generation
from jetlab.models import flows
from jetlab.panel import FlowPanel, Goal, words
from jetlab.panel.flows import Settings
from tests.panel.panels import column, control, end, picture, text

SMALL = Settings(transforms=2, nodes=8, epochs=2, batch_size=64, learning_rate=0.01)
LABELS = ("mass [GeV]", "particles")


def made(**options):
    rng = np.random.default_rng(1)
    x = np.stack([rng.normal(80, 10, 600), rng.poisson(40, 600) + rng.uniform(-0.5, 0.5, 600)], axis=1)
    unbounded = flows.Unbounded.fit(x, [(0, 200), (-0.5, 200.5)])
    data = training.Data.unlabelled(unbounded.apply(x), None, np.arange(400), np.arange(400, 600))
    return FlowPanel(data, unbounded, LABELS, **{"whole": [1], "config": SMALL} | options), x[400:]


@pytest.mark.parametrize("kind", ["RealNVP", "MAF"])
def test_a_flow_is_trained_judged_and_drawn(kind):
    panel, x = made(goal=Goal(-10.0, 10_000, "log_density"))
    try:
        control(panel, "flow").value = kind
        assert control(panel, "right").options == ("loss", "loss, logarithmic", *LABELS)
        before = picture(panel)
        panel.train(blocking=True)
        assert picture(panel) != before
        (run,) = panel.runs
        assert run.result.config == replace(SMALL, flow=kind) == panel.config
        assert f"{run.result.model.count_params():,} parameters" in text(panel)
        real = np.stack([x[:, 0], np.rint(x[:, 1])], axis=1)
        # As many examples as there are validation ones, in their units, and whole numbers where they are wanted.
        assert run.score.made.shape == real.shape
        assert (run.score.made[:, 1] == np.rint(run.score.made[:, 1])).all()
        assert run.score.made.mean(axis=0) == pytest.approx([80, 40], abs=8)
        assert run.metrics["log_density"].value == pytest.approx(-min(run.result.history["val_loss"]), abs=1e-4)
        auc = generation.two_sample_auc(real, run.score.made)
        assert run.metrics["classifier_auc"].value == pytest.approx(auc.value, abs=0.02)
        assert column(panel, "validation log p") == [str(run.metrics["log_density"])]
        assert "reached by run 1" in text(panel)
    finally:
        end(panel)


def test_settings_move_the_controls_and_differences_are_said():
    panel, _ = made()
    assert panel.use(replace(SMALL, transforms=3)) == ["transforms"]
    assert panel.config == replace(SMALL, transforms=3)
    assert words.differences([SMALL, replace(SMALL, transforms=3)]) == ["2 transforms", "3 transforms"]
    end(panel)


def test_what_is_impossible_is_refused():
    for values, said in (({"flow": "NICE"}, "allowed are RealNVP, MAF"), ({"nodes": 7}, "nodes is 7")):
        with pytest.raises(ConfigError, match=said):
            Settings(**values)
    data = training.Data.unlabelled(np.zeros((9, 3)), None, np.arange(5), np.arange(5, 9))
    unbounded = flows.Unbounded.fit(np.arange(6.0).reshape(2, 3))
    with pytest.raises(ArgumentError, match="2 labels for 3 features"):
        FlowPanel(data, unbounded, LABELS)
