"""The drawn figures of the lessons: as their scripts draw them, readable, shown with alt text, and true."""

import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import awkward as ak
import nbformat
import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from scipy.signal import correlate2d

from jetlab import jets
from tests.lessons.test_notebooks_clean import LESSONS, NOTEBOOKS, lesson_id

SCRIPTS = LESSONS.parent / "docs" / "figures"
FIGURES = sorted((LESSONS / "figures").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"
#: Of a lesson's page, in pixels.
TEXT, COLUMN = 14, (700, 800)
Box = tuple[float, float, float, float]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    subprocess.run([sys.executable, str(SCRIPTS), str(folder)], cwd=LESSONS.parent, check=True, timeout=120)
    return folder


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import one of the scripts."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == SCRIPTS:
            del sys.modules[name]


def test_the_stored_figures_are_what_the_scripts_draw(drawn: Path) -> None:
    assert {path.name for path in FIGURES} == {path.name for path in drawn.iterdir()}, "make figures"
    changed = [path.name for path in FIGURES if path.read_bytes() != (drawn / path.name).read_bytes()]
    assert changed == [], "make figures"


def test_there_are_the_figures_that_the_lessons_need() -> None:
    assert len(FIGURES) >= 12


@pytest.fixture(params=FIGURES, ids=lambda path: path.stem)
def figure(request: pytest.FixtureRequest) -> ElementTree.Element:
    return ElementTree.parse(request.param).getroot()


def test_a_figure_says_what_it_shows(figure: ElementTree.Element) -> None:
    title, description = figure.find(f"{SVG}title"), figure.find(f"{SVG}desc")
    assert figure.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert len(title.text) > 10
    assert len(description.text) > 60


def test_no_text_is_smaller_than_that_of_the_page(figure: ElementTree.Element) -> None:
    width = float(figure.get("width"))
    assert COLUMN[0] <= width <= COLUMN[1]
    assert figure.get("viewBox") == f"0 0 {figure.get('width')} {figure.get('height')}"
    assert min(float(each.get("font-size", 99)) for each in figure.iter()) >= TEXT


def test_texts_stay_on_the_card_and_apart(figure: ElementTree.Element) -> None:
    boxes = {(number, "".join(text.itertext())): box(text) for number, text in enumerate(figure.iter(f"{SVG}text"))}
    width, height = float(figure.get("width")), float(figure.get("height"))
    assert [text for text, (x1, y1, x2, y2) in boxes.items() if min(x1, y1, width - x2, height - y2) < 2] == []
    pairs = combinations(boxes.items(), 2)
    assert [(one, other) for (one, a), (other, b) in pairs if overlap(a, b)] == []


def box(text: ElementTree.Element) -> Box:
    """Left, top, right, bottom of a text in DejaVu Sans, the widest of the fonts that a page may take."""
    x, y = float(text.get("x")), float(text.get("y"))
    properties = FontProperties(family="DejaVu Sans", weight=text.get("font-weight", "normal"))
    extent = TextPath((0, 0), "".join(text.itertext()), float(text.get("font-size", 16)), prop=properties).get_extents()
    start = {"start": 0, "middle": extent.width / 2, "end": extent.width}[text.get("text-anchor", "start")]
    if text.get("transform"):
        return x - extent.y1, y + start - extent.width, x - extent.y0, y + start
    return x - start, y - extent.y1, x - start + extent.width, y - extent.y0


def overlap(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) + 1 and min(a[3], b[3]) > max(a[1], b[1]) + 1


def test_nothing_is_fetched_and_nothing_runs(figure: ElementTree.Element) -> None:
    tags = {each.tag.removeprefix(SVG) for each in figure.iter()}
    assert tags <= {"svg", "title", "desc", "rect", "circle", "line", "path", "polyline", "polygon", "text"}


def test_each_figure_is_shown_in_a_lesson_with_alt_text_and_caption(subtests: pytest.Subtests) -> None:
    shown = []
    for lesson in NOTEBOOKS:
        for cell in nbformat.read(lesson, as_version=4).cells:
            for alt, link in re.findall(r"!\[([^]]*)\]\(([^)]+\.svg)\)", cell.source):
                with subtests.test(lesson=lesson.stem, figure=link):
                    path = (lesson.parent / link).resolve()
                    assert path in FIGURES
                    assert len(alt) > 40
                    assert re.search(r"\)\n\n\*.{40,}\*$", cell.source, re.S), "a caption in italics below the figure"
                    shown.append(path)
    assert set(shown) == set(FIGURES)


def test_the_map_has_all_lessons() -> None:
    figure = ElementTree.parse(LESSONS / "figures" / "lesson_map.svg").getroot()
    texts = [text.text for text in figure.iter(f"{SVG}text")]
    drawn = sorted(text for text in texts if re.fullmatch(r"[A-Z]\d", text))
    assert drawn == sorted(map(lesson_id, NOTEBOOKS)), "add the lesson to docs/figures/lesson_map.py"
    said = figure.find(f"{SVG}desc").text
    for lesson in NOTEBOOKS:
        name, title = re.match(r"# (\w\d) · (.+)", nbformat.read(lesson, as_version=4).cells[0].source).groups()
        assert f"{name} {title}" in said


def test_two_quarks_open_by_twice_the_mass_over_pt(script: Callable[[str], ModuleType]) -> None:
    figure, pt = script("w_merging"), np.array([100.0, 300.0, 3000.0])
    narrowest = figure.opening(pt, 0)
    assert np.allclose(narrowest, 2 * np.arcsin(figure.MASS / np.hypot(pt, figure.MASS)))
    assert narrowest[-1] == pytest.approx(2 * figure.MASS / pt[-1], rel=1e-3)
    assert np.all(figure.opening(pt, 0.68) > narrowest)


def test_the_area_under_the_roc_is_the_chance_to_order_a_pair(script: Callable[[str], ModuleType]) -> None:
    figure = script("roc")
    w, qcd = figure.histograms()
    kept_w, kept_qcd = figure.kept(w), figure.kept(qcd)
    assert kept_w[0] == kept_qcd[0] == 1
    area = np.sum((kept_qcd[:-1] - kept_qcd[1:]) * (kept_w[:-1] + kept_w[1:]) / 2) + kept_qcd[-1] * kept_w[-1] / 2
    below = np.concatenate([[0], np.cumsum(qcd)[:-1]])
    assert area == pytest.approx(np.sum(w * (below + qcd / 2)) / w.sum() / qcd.sum())
    assert f"{area:.3f}" in figure.draw().svg()


def test_the_convolution_is_one(script: Callable[[str], ModuleType]) -> None:
    figure = script("convolution")
    expected = correlate2d(figure.IMAGE, figure.KERNEL, "valid")
    assert np.array_equal(figure.convolved(), expected)
    assert figure.pooling(expected)[0, 1] == expected[:2, 2:].max()


def test_the_gradients_are_those_of_the_loss(script: Callable[[str], ModuleType]) -> None:
    figure = script("backpropagation")
    weights = np.concatenate([figure.W1.ravel(), figure.W2])

    def loss(flat: np.ndarray) -> float:
        return -np.log(figure.forward(flat[:4].reshape(2, 2), flat[4:])[3])

    *_, first, second = figure.backward(figure.W1, figure.W2)
    steps = 1e-6 * np.eye(len(weights))
    numeric = [(loss(weights + step) - loss(weights - step)) / 2e-6 for step in steps]
    assert np.allclose([*first.ravel(), *second], numeric, atol=1e-6)


def test_descent_goes_down_a_real_loss(script: Callable[[str], ModuleType]) -> None:
    figure = script("mini_batches")
    x, y = figure.jets()
    bottom = figure.lowest(x, y)
    assert all(figure.loss(x, y, bottom + step) > figure.loss(x, y, bottom) for step in 0.01 * np.eye(2))
    whole = [figure.loss(x, y, weights) for weights in figure.descend(x, y, figure.JETS)]
    assert whole == sorted(whole, reverse=True)
    ends = {size: figure.descend(x, y, size)[-1] for size in figure.BATCHES}
    left = {size: figure.loss(x, y, end) - figure.loss(x, y, bottom) for size, end in ends.items()}
    assert left[16] < left[1] < left[256]


def test_two_thirds_of_the_jets_are_within_the_resolution(script: Callable[[str], ModuleType]) -> None:
    figure = script("closure_resolution")
    shares = figure.contents(1.0, 0.06)
    inside = np.abs((figure.EDGES[1:] + figure.EDGES[:-1]) / 2 - 1) < 0.06
    assert shares.sum() == pytest.approx(1, abs=1e-6)
    assert shares[inside].sum() == pytest.approx(0.683, abs=0.001)


def test_padding_is_that_of_the_lessons(script: Callable[[str], ModuleType]) -> None:
    figure = script("padding")
    expected, mask = jets.pad(ak.zip({"pt": ak.Array(list(map(list, figure.JETS)))}), figure.LENGTH)
    array, real = figure.padded()
    assert np.array_equal(array, expected[:, :, 0])
    assert np.array_equal(real, mask)


def test_no_weights_are_left_unlike(script: Callable[[str], ModuleType]) -> None:
    w, qcd = script("weights").spectra()
    assert w.sum() == pytest.approx(qcd.sum())
    assert np.all(np.diff(w / qcd) > 0)
