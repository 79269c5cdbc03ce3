"""The pictures of the live panels, each drawn on an Axes from what is known of a training so far.

They must be cheap, because drawing and training share the machine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jetlab import metrics, plots
from jetlab.config import ConfigError, RunConfig
from jetlab.metrics import Estimate
from jetlab.models import Shape, objectives
from jetlab.panel.runs import Run
from jetlab.training.session import Config

#: Colours of the curves beside the network in training, whose own is plots.W: yardsticks take them in this order,
#: dashed, and ticked runs from the other end, solid. So many of each are told apart, and fit the legend.
BESIDE = (*plots.COLOURS[:5], plots.QCD)
MOST = len(BESIDE)

#: Inches of a view, and of its margins: left, right, bottom, top.
WIDTH, HEIGHT = 5.8, 4.3
MARGINS = (1.1, 0.2, 0.65, 0.5)
#: A legend over curves: on translucent white, so that both can be read.
FRAME: Any = {"framealpha": 0.8, "edgecolor": "none"}


@dataclass
class Known:
    """What a panel knows of a training: what its pictures are drawn from.

    Attributes:
        config: what is trained.
        row: shape of one jet's inputs.
        y: labels of the validation jets (n,), of taggers.
        weight: their weights, (n,).
        yardsticks: label -> scores (n,) of taggers to compare with, drawn dashed.
        beside: finished runs to compare with.
        history: loss, val_loss and other numbers, one per epoch.
        before: the same of the previous run.
        best_epoch: the epoch whose weights are kept, once the training is over.
        score: what the network predicts for the validation part; of taggers (n,).
        metrics: name -> value and error, once the training is over.
        weights: the network's, as Keras gives them.
    """

    config: Config
    row: Shape = ()
    y: Any = None
    weight: Any = None
    yardsticks: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    beside: Sequence[Run] = ()
    history: dict[str, list[float]] = field(default_factory=dict)
    before: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    score: Any = None
    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    weights: list[NDArray[Any]] | None = None

    def clear(self, history: dict[str, list[float]], before: dict[str, list[float]]) -> None:
        """Forget the network, and begin with these curves."""
        self.history, self.before = history, before
        self.best_epoch, self.score, self.metrics, self.weights = 0, None, {}, None


View = Callable[[Axes, Known], None]


def yardsticks(scores: Mapping[str, NDArray[Any]], y: NDArray[Any], weight: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Check and label taggers to compare with, name -> scores (n,) of the validation jets, for `Known`.

    Raises ConfigError for more than MOST of them, and for scores that are not those of the validation jets.
    """
    if len(scores) > MOST:
        raise ConfigError(
            f"There are {len(scores)} yardsticks ({', '.join(scores)}); at most {MOST} can be told apart. Give fewer."
        )
    for name, score in scores.items():
        if np.shape(score) != y.shape:
            raise ConfigError(
                f"The yardstick {name!r} has scores of shape {np.shape(score)}, but there are {len(y)} validation "
                "jets; give the scores of the validation jets, one per jet."
            )
    # Worked out once: a bootstrap for each drawing would cost more than the drawing.
    return {_named(name, metrics.evaluate(y, score, weight)["auc"]): score for name, score in scores.items()}


def before(ax: Axes, known: Known, name: str) -> None:
    """The numbers of this name of the previous run, in grey."""
    if values := known.before.get(name):
        # With markers: a run that was cut short after its first epoch is a single point, which a line does not show.
        style: dict[str, Any] = {"color": "#bbbbbb", "marker": "o", "markersize": 4}
        ax.plot(range(1, len(values) + 1), values, label="validation, previous run", **style)


def loss(ax: Axes, known: Known, log: bool = False) -> None:
    """Training and validation loss, with the previous run in grey."""
    before(ax, known, "val_loss")
    plots.loss_curves(ax, known.history, known.best_epoch or None, log)
    if isinstance(known.config, RunConfig):
        ax.set_ylabel(f"loss ({objectives.get(known.config.loss).unit})")
    _room(ax, known)


def metric(ax: Axes, known: Known, name: str, label: str, place: Any = "lower right") -> None:
    """A number of the validation part after each epoch, with the previous run in grey."""
    before(ax, known, name)
    values = known.history.get(name, [])
    ax.plot(np.arange(1, len(values) + 1), values, color=plots.W, marker="o", markersize=4, label="validation")
    if best := known.best_epoch:
        ax.axvline(best, color=plots.QCD, linestyle=":", linewidth=2, label=f"best: epoch {best}")
    ax.set(xlabel="epoch", ylabel=label)
    ax.legend(fontsize=plots.FONT - 2, loc=place, **FRAME)
    _room(ax, known)


def scores(ax: Axes, known: Known) -> None:
    """Distributions of the network's scores for W and for QCD validation jets."""
    ax.set_title("validation jets", fontsize=plots.FONT)
    if known.score is None:
        ax.set(xlabel="score (QCD 0, W 1)", ylabel="jets (normalised to unit area)", xlim=(0, 1))
        return
    plots.score_distributions(ax, known.y, known.score, known.weight)


def roc(ax: Axes, known: Known) -> None:
    """Rejection against efficiency of the validation jets: the network, the yardsticks and the ticked runs."""
    curves = [(*each, colour, "--") for colour, each in zip(BESIDE, known.yardsticks.items(), strict=False)]
    for colour, run in zip(reversed(BESIDE), reversed(known.beside), strict=False):
        curves.append((_named(f"{run.number}: {run.label}", run.metrics["auc"]), run.score, colour, "-"))
    if known.score is not None:
        # While a network trains its AUC has no error: a bootstrap after each epoch would cost more than the epoch.
        auc = known.metrics.get("auc") or f"{metrics.auc(known.y, known.score, known.weight):.3f}"
        curves.append((_named("this network", auc), known.score, plots.W, "-"))
    for label, score, colour, style in curves:
        background = metrics.background_efficiency(known.y, score, known.weight, plots.EFFICIENCIES)
        rejection = plots.inverse(background)
        ax.plot(plots.EFFICIENCIES, rejection, label=label, color=colour, linestyle=style, linewidth=2)
    plots.rejection_axes(ax)
    size = plots.FONT - (3 if len(curves) <= 5 else 4)
    legend = ax.get_legend()
    assert legend is not None  # rejection_axes made it
    ax.legend(
        handles=legend.legend_handles, loc="upper right", fontsize=size, labelspacing=0.25, borderpad=0.2, **FRAME
    )
    ax.set_title("validation jets", fontsize=plots.FONT)


def network(ax: Axes, known: Known) -> None:
    """The network as columns of nodes, connections by sign and size of their weights."""
    plots.network.draw(ax, known.config, known.row, known.weights)


#: What can be seen of any network, and of taggers.
LOSS: Mapping[str, View] = {"loss": loss, "loss, logarithmic": partial(loss, log=True)}
TAGGER: Mapping[str, View] = {
    **LOSS,
    "validation AUC": partial(metric, name="val_auc", label="validation AUC"),
    "scores": scores,
    "ROC": roc,
    "network": network,
}


def picture(views: Sequence[View], known: Known) -> bytes:
    """Draw views side by side, as PNG."""
    fig = plots.figure(ncols=len(views), width=WIDTH, height=HEIGHT, dpi=80)
    # Fixed margins halve the time to draw: an automatic layout draws everything once just to measure it.
    left, right, bottom, top = MARGINS
    fig.set_layout_engine(None)
    fig.subplots_adjust(
        left=left / WIDTH / len(views),
        right=1 - right / WIDTH / len(views),
        bottom=bottom / HEIGHT,
        top=1 - top / HEIGHT,
        wspace=(left + right) / (WIDTH - left - right),
    )
    for ax, draw in zip(fig.axes, views, strict=True):
        draw(ax, known)
    return plots.png(fig)


def _named(name: str, auc: Any) -> str:
    return f"{name} (AUC {auc})"


def _room(ax: Axes, known: Known) -> None:
    """Room for the longer of the two runs."""
    epochs = max(len(history.get("val_loss", ())) for history in (known.history, known.before))
    ax.set_xlim(0.5, max(epochs, 5) + 0.5)
    plots.whole_epochs(ax)
