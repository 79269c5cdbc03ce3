"""The pictures of the live panel, each drawn on an Axes from what is known of a training so far.

They must be cheap: drawing and training share the machine. Curves that do not change are worked out once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jetlab import metrics, plots
from jetlab.config import ConfigError, RunConfig
from jetlab.models import Shape, objectives

#: Colours of the curves beside the network in training, whose own is plots.W: yardsticks take them in this order,
#: dashed, and runs that are laid over from the other end, solid. So many of each are told apart, and fit the legend.
BESIDE = (*plots.COLOURS[:5], plots.QCD)
MOST = len(BESIDE)

#: Inches of a view, and of its margins: left, right, bottom, top.
WIDTH, HEIGHT = 5.8, 4.3
MARGINS = (1.1, 0.2, 0.65, 0.5)


@dataclass
class Curve:
    """The ROC of a tagger on the validation jets, as it is drawn: `rejection` is 1/eB at `plots.EFFICIENCIES`."""

    label: str
    colour: str
    style: str
    rejection: NDArray[np.float64]


@dataclass
class Known:
    """What a panel knows of a training: what its pictures are drawn from.

    Attributes:
        config: what is trained.
        row: shape of one jet's inputs.
        y: labels of the validation jets, (n,).
        weight: their weights, (n,).
        history: loss, val_loss and the objective's numbers, one per epoch.
        before: the same of the run before.
        best_epoch: the epoch whose weights are kept, once the training is over.
        score: what the network says of the validation jets, (n,).
        auc: area under their ROC with its error, once the training is over.
        weights: the network's, as Keras gives them.
        yardsticks: taggers to compare with, drawn dashed.
        overlaid: earlier runs to compare with.
    """

    config: RunConfig
    row: Shape
    y: NDArray[Any]
    weight: NDArray[Any]
    history: dict[str, list[float]] = field(default_factory=dict)
    before: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    score: NDArray[np.float32] | None = None
    auc: metrics.Estimate | None = None
    weights: list[NDArray[Any]] | None = None
    yardsticks: Sequence[Curve] = ()
    overlaid: Sequence[Curve] = ()


def yardsticks(scores: Mapping[str, NDArray[Any]], y: NDArray[Any], weight: NDArray[Any]) -> list[Curve]:
    """Work out the ROCs of taggers to compare with, name -> scores (n,) of the validation jets, for `Known`.

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
    return [
        _curve(name, colour, "--", y, score, weight, metrics.evaluate(y, score, weight)["auc"])
        for colour, (name, score) in zip(BESIDE, scores.items(), strict=False)
    ]


def overlaid(runs: Sequence[Any], y: NDArray[Any], weight: NDArray[Any]) -> list[Curve]:
    """Work out the ROCs of at most MOST finished runs of a panel, the latest first, for `Known`."""
    return [
        _curve(f"{run.number}: {run.result.config.label}", colour, "-", y, run.score, weight, run.metrics["auc"])
        for colour, run in zip(reversed(BESIDE), reversed(runs), strict=False)
    ]


def loss(ax: Axes, known: Known, log: bool = False) -> None:
    """Training and validation loss, with the run before in grey."""
    _before(ax, known, "val_loss")
    plots.loss_curves(ax, known.history, known.best_epoch, log)
    ax.set_ylabel(f"loss ({objectives.get(known.config.loss).unit})")
    _width(ax, known)


def validation_auc(ax: Axes, known: Known) -> None:
    """Area under the ROC of the validation jets after each epoch, with the run before in grey."""
    _before(ax, known, "val_auc")
    values = known.history.get("val_auc", [])
    ax.plot(np.arange(1, len(values) + 1), values, color=plots.W, marker="o", markersize=4, label="validation")
    if known.best_epoch:
        ax.axvline(
            known.best_epoch, color=plots.QCD, linestyle=":", linewidth=2, label=f"best: epoch {known.best_epoch}"
        )
    ax.set(xlabel="epoch", ylabel="validation AUC")
    _width(ax, known)
    plots.whole_epochs(ax)
    ax.legend(fontsize=plots.FONT - 2, frameon=False, loc="lower right")


def scores(ax: Axes, known: Known) -> None:
    """How the network's scores of W and of QCD validation jets are spread."""
    ax.set_title("validation jets", fontsize=plots.FONT)
    if known.score is None:
        ax.set(xlabel="score (QCD 0, W 1)", ylabel="jets (normalised to unit area)", xlim=(0, 1))
        return
    plots.score_distributions(ax, known.y, known.score, known.weight)


def roc(ax: Axes, known: Known) -> None:
    """Rejection against efficiency of the validation jets: the network, the yardsticks and the runs laid over."""
    curves = [*known.yardsticks, *known.overlaid]
    if known.score is not None:
        curves.append(_curve("this network", plots.W, "-", known.y, known.score, known.weight, known.auc))
    for each in curves:
        ax.plot(
            plots.EFFICIENCIES, each.rejection, label=each.label, color=each.colour, linestyle=each.style, linewidth=2
        )
    plots.rejection_axes(ax)
    # Curves run below the names, which stay legible: small, and on white that shines through.
    size = plots.FONT - (3 if len(curves) <= 5 else 4)
    style: dict[str, Any] = {"fontsize": size, "labelspacing": 0.25, "framealpha": 0.8, "edgecolor": "none"}
    legend = ax.get_legend()
    assert legend is not None  # rejection_axes made it
    ax.legend(handles=legend.legend_handles, loc="upper right", borderpad=0.2, **style)
    ax.set_title("validation jets", fontsize=plots.FONT)


def network(ax: Axes, known: Known) -> None:
    """The network as columns of nodes, connections by sign and size of their weights."""
    plots.network.draw(ax, known.config, known.row, known.weights)


VIEWS: Mapping[str, Callable[[Axes, Known], None]] = {
    "loss": loss,
    "loss, logarithmic": lambda ax, known: loss(ax, known, log=True),
    "validation AUC": validation_auc,
    "scores": scores,
    "ROC": roc,
    "network": network,
}


def picture(names: Sequence[str], known: Known) -> bytes:
    """Draw the named views side by side, as PNG."""
    fig = plots.figure(ncols=len(names), width=WIDTH, height=HEIGHT, dpi=80)
    # Margins that are known halve the time to draw: a layout that is found draws everything once to measure it.
    left, right, bottom, top = MARGINS
    fig.set_layout_engine(None)
    fig.subplots_adjust(
        left=left / WIDTH / len(names),
        right=1 - right / WIDTH / len(names),
        bottom=bottom / HEIGHT,
        top=1 - top / HEIGHT,
        wspace=(left + right) / (WIDTH - left - right),
    )
    for ax, name in zip(fig.axes, names, strict=True):
        VIEWS[name](ax, known)
    return plots.png(fig)


def _curve(
    label: str,
    colour: str,
    style: str,
    y: NDArray[Any],
    score: NDArray[Any],
    weight: NDArray[Any],
    auc: metrics.Estimate | None,
) -> Curve:
    # While a network trains its AUC has no error: a bootstrap after each epoch would cost more than the epoch.
    shown = str(auc) if auc else f"{metrics.auc(y, score, weight):.3f}"
    background = metrics.background_efficiency(y, score, weight, plots.EFFICIENCIES)
    return Curve(f"{label} (AUC {shown})", colour, style, plots.inverse(background))


def _before(ax: Axes, known: Known, name: str) -> None:
    values = known.before.get(name)
    if values:
        # With markers, as the present curves: a run cut short after its first epoch is a point, of which no line shows.
        style: dict[str, Any] = {"color": "#bbbbbb", "marker": "o", "markersize": 4}
        ax.plot(range(1, len(values) + 1), values, label="validation, run before", **style)


def _width(ax: Axes, known: Known) -> None:
    """Room for the longer of the two runs."""
    epochs = max(len(history.get("val_loss", ())) for history in (known.history, known.before))
    ax.set_xlim(0.5, max(epochs, 5) + 0.5)
