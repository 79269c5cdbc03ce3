"""The figure and the table of the page `validation`, from benchmarks/results/validation.json."""

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib.figure import Figure

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "validation.json"
CLASSES = ("charged_hadron", "photon", "neutral_hadron")
COLOURS = dict(zip(CLASSES, ("#0072b2", "#e69f00", "#009e73"), strict=True))  # Okabe and Ito's, safe for all eyes
RESPONSE = """
CMS gives a resolution of 15 to 20 % at 30 GeV, about 10 % at 100 GeV and 5 % at 1 TeV, and a raw response near 0.95 for
central jets (arXiv:1607.03663). The simulation is better than that at low pt: it has no fake tracks, no pile-up of
other bunch crossings and no badly calibrated channels.
"""
Row = dict[str, Any]


def page(folder: Path) -> str:
    """Markdown of the figure, written into `folder`, and of the table."""
    rows = json.loads(RESULT.read_text(encoding="utf-8"))["rows"]
    draw(rows).savefig(folder / "validation.svg", metadata={"Date": None})
    head = "| quantity | pt / GeV | \\|eta\\| | real | simulated |\n|---|---|---|---|---|\n"
    measured = "".join(
        f"| {_words(r['quantity'])} | {r['pt_low']:.0f} to {r['pt_high']:.0f} | {_eta(r)} "
        f"| {r['real']:.3f} ± {r['real_error']:.3f} | {r['simulated']:.3f} ± {r['simulated_error']:.3f} |\n"
        for r in rows
        if "real" in r
    )
    spectra = "".join(
        f"| {_words(r['quantity'])} | {_eta(r)} | {r['chi2_ndf']:.2f} |\n" for r in rows if "chi2_ndf" in r
    )
    response = "".join(
        f"| {_words(r['quantity'])} | {r['pt_low']:.0f} to {r['pt_high']:.0f} | {_eta(r)} "
        f"| {r['simulated']:.3f} ± {r['simulated_error']:.3f} |\n"
        for r in rows
        if r["quantity"] in ("raw_response", "resolution")
    )
    head_of_response = "| quantity | generator pt / GeV | \\|eta\\| | simulated |\n|---|---|---|---|\n"
    figure = "![Composition and multiplicity of real and simulated jets against pt](validation.svg)\n\n"
    head_of_spectra = "| spectrum | \\|eta\\| | chi2 / ndf |\n|---|---|---|\n"
    parts = (figure + head + measured, head_of_spectra + spectra, RESPONSE, head_of_response + response)
    return "\n" + "\n".join(parts)


def draw(rows: list[Row]) -> Figure:
    """Shares of the pt and numbers of candidates by class, against jet pt, in both ranges of |eta|."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, eta_high in enumerate((1.3, 2.0)):
        for line, quantity in enumerate(("fraction", "multiplicity")):
            ax = axes[line, column]
            for name in CLASSES:
                chosen = [
                    r
                    for r in rows
                    if r["quantity"] == f"{name}_{quantity}"
                    and r["eta_high"] == eta_high
                    and r["pt_high"] - r["pt_low"] < 250
                ]
                centre = [(r["pt_low"] * r["pt_high"]) ** 0.5 for r in chosen]
                low_high = [[c - r["pt_low"] for c, r in zip(centre, chosen, strict=True)]]
                low_high.append([r["pt_high"] - c for c, r in zip(centre, chosen, strict=True)])
                real, error = ([r[key] for r in chosen] for key in ("real", "real_error"))
                colour, label = COLOURS[name], f"{_words(name)}s"
                ax.errorbar(centre, real, error, low_high, fmt="o", color=colour, label=label)
                ax.plot(centre, [r["simulated"] for r in chosen], "--", color=colour)
            ax.set_xscale("log")
            ax.set_xticks([30, 60, 100, 200, 300], ["30", "60", "100", "200", "300"])
            ax.minorticks_off()
            ax.set_ylim(0, {"fraction": 0.95, "multiplicity": 28}[quantity])
        axes[0, column].set_title(f"|η| from {0 if eta_high == 1.3 else 1.3:g} to {eta_high:g}")
        axes[1, column].set_xlabel("jet pt / GeV")
    axes[0, 0].set_ylabel("share of the jet's pt")
    axes[1, 0].set_ylabel("candidates in a jet")
    axes[0, 0].legend(ncols=3, fontsize="small", loc="upper center")
    return figure


def _words(name: str) -> str:
    return name.replace("_", " ")


def _eta(row: Row) -> str:
    return "0 to 1.3" if row["eta_high"] == 1.3 else "1.3 to 2"
