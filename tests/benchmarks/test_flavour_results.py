"""The committed results of benchmarks/flavour.py have the form that M8 prints, and bear out what is said of them.

No code is tested here: a test fails when results are committed that lack something or that the words no longer fit.
"""

import itertools

import pytest

from jetlab import catalog
from jetlab.metrics import flavour as rates

TAGGERS = ("IP3D", "BDT", "DL1", "tracks")
PLACES = (("ttbar", "nominal"), ("zprime", "nominal"), ("ttbar", "alternative"), ("zprime", "alternative"))


@pytest.fixture(scope="module")
def found() -> dict:
    return catalog.results("flavour")


def test_every_tagger_is_on_every_sample_at_every_efficiency(found: dict) -> None:
    rows = {(row["tagger"], row["sample"], row["simulation"], row["efficiency"]): row for row in found["rows"]}
    wanted = itertools.product(TAGGERS, PLACES, rates.B_EFFICIENCIES)
    assert set(rows) >= {(tagger, *place, efficiency) for tagger, place, efficiency in wanted}
    for (tagger, *_), row in rows.items():
        assert row["seeds"] == (1 if tagger == "IP3D" else 3)
        assert row["light_rejection"] > row["c_rejection"] > 1
        assert 0 < row["c_rejection_err"] < 0.3 * row["c_rejection"]


def test_they_are_of_the_full_sample_and_say_where_they_were_made(found: dict) -> None:
    assert found["sample"]["jets"] >= 600_000
    assert "--variation alternative" in found["alternative"]["made_by"]
    assert {"processor", "versions"} <= set(found["machine"])


def test_rejections_are_of_the_published_order(found: dict) -> None:
    wanted = ("ttbar", "nominal", 0.77)
    at = {r["tagger"]: r for r in found["rows"] if (r["sample"], r["simulation"], r["efficiency"]) == wanted}
    assert 10 < at["IP3D"]["light_rejection"] < 32
    assert 70 < at["BDT"]["light_rejection"] < 150


@pytest.mark.parametrize(("sample", "light", "c"), [("ttbar", 1.8, 1.2), ("zprime", 2.5, 1.3)])
def test_tracks_gain_in_light_and_c_rejection_as_the_lesson_says(
    found: dict, sample: str, light: float, c: float
) -> None:
    gains = {(row["tagger"], row["sample"], row["simulation"]): row for row in found["above_bdt"]}
    tracks, dl1 = (gains[tagger, sample, "nominal"] for tagger in ("tracks", "DL1"))
    for name, expected in (("light", light), ("c", c)):
        assert tracks[f"{name}_ratio"] > 1 + 2 * tracks[f"{name}_ratio_err"]
        assert tracks[f"{name}_ratio"] == pytest.approx(expected, rel=0.05)
    assert dl1["light_ratio"] > 1 + 2 * dl1["light_ratio_err"]
    assert dl1["c_ratio"] == pytest.approx(1, abs=0.03)
