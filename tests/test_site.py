"""The web site: every lesson is on it, the instructors' page agrees with the lessons, pages come out as meant."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jetlab import panel, training
from jetlab.config import RunConfig
from tests.lessons.test_notebooks_clean import LESSONS, NOTEBOOKS, lesson_id

DOCS = LESSONS.parent / "docs"
WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def instructors() -> str:
    return (DOCS / "instructors.md").read_text()


def minutes(path: Path) -> int:
    """What the lesson's header says."""
    return int(re.search(r"(\d+) minutes", nbformat.read(path, as_version=4).cells[0].source)[1])


def rows(text: str) -> list[tuple[str, str]]:
    """First two cells of the rows of Markdown tables."""
    return re.findall(r"^\| (.+?) \| (.+?) \|", text, re.M)


def test_every_lesson_is_in_one_table_of_contents(subtests: pytest.Subtests) -> None:
    for path in NOTEBOOKS:
        with subtests.test(path=path.stem):
            patterns = re.findall(r"^notebooks/\S+$", (DOCS / "index.md").read_text(), re.M)
            assert sum(path.relative_to(LESSONS.parent).with_suffix("").match(pattern) for pattern in patterns) == 1


def test_instructors_page_says_what_to_discuss_in_every_lesson(subtests: pytest.Subtests, instructors: str) -> None:
    for path in NOTEBOOKS:
        with subtests.test(path=path.stem):
            title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].removeprefix("# ")
            paragraph = re.search(rf"^\*\*{title}\.\*\*(.+?)\n\n", instructors, re.M | re.S)
            assert paragraph, f"no paragraph begins with **{title}.**"
            assert "*Stumbling:*" in paragraph[1]
            assert "*Discuss:*" in paragraph[1]


def test_minutes_of_the_plans_add_up(instructors: str) -> None:
    plans = [rows(table) for table in re.split(r"^### ", instructors, flags=re.M)[1:]]
    assert len(plans) == 3
    for plan in plans:
        *each, (name, total) = [(name, value.strip("*")) for name, value in plan if re.search(r"\d", value)]
        assert name == "**total**"
        assert sum(int(value) for _, value in each) == int(total)


def test_minutes_are_those_of_the_lessons(instructors: str) -> None:
    known = {lesson_id(path): minutes(path) for path in NOTEBOOKS}
    planned = [(name[:2], int(value)) for name, value in rows(instructors) if re.fullmatch(r"M\d [\w -]+", name)]
    at_home = [(name, int(value)) for name, value in re.findall(r"([PE]\d) \((\d+)", instructors)]
    assert {name for name, _ in planned} | {name for name, _ in at_home} >= set(known)
    assert [(name, value) for name, value in planned + at_home if value != known.get(name, value)] == []


def test_the_panel_of_the_instructors_page_can_be_made(instructors: str) -> None:
    rng = np.random.default_rng(1)
    scaled, y, weight, test = rng.normal(size=(90, 2)), np.tile([0, 1], 45), np.ones(90), np.arange(60, 90)
    data = training.Data(*(part[:30] for part in (scaled, y, weight)), *(part[30:60] for part in (scaled, y, weight)))
    known = {"data": data, "scaled": scaled, "y": y, "weight": weight, "test": test, "inputs": ("pt", "mass")}
    known |= {"panel": panel, "RunConfig": RunConfig}
    shown = eval(re.search(r"```python\n(panel\..+?)```", instructors, re.S)[1], known)
    assert shown.config == RunConfig(inputs=("pt", "mass"), layers=1, nodes=16, patience=3, epochs=20)


def test_readme_lists_the_lessons_that_are_there() -> None:
    listed = re.findall(r"^\| `(.+?)` \| .+? \| (\d*) \| (\w+) \|$", (LESSONS.parent / "README.md").read_text(), re.M)
    ready = {name: int(value) for name, value, state in listed if state == "ready"}
    assert ready == {path.relative_to(LESSONS).with_suffix("").as_posix(): minutes(path) for path in NOTEBOOKS}


def test_every_package_has_a_page_of_the_api() -> None:
    package = LESSONS.parent / "jetlab"
    folders = {".".join(init.parent.relative_to(package.parent).parts) for init in package.rglob("__init__.py")}
    assert {page.stem for page in (DOCS / "api").glob("jetlab*.md")} == folders


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Pages of a small site, built as the real one is: a lesson and a part of the API."""
    folder = tmp_path_factory.mktemp("site")
    shown = [
        new_output("stream", text="M1.01: right!\n"),
        new_output("display_data", WIDGET | {"text/plain": "Sliders", "image/png": PICTURE}),
        new_output("display_data", WIDGET | {"text/plain": "training:   0%|     | 0/5"}),
        new_output("display_data", WIDGET | {"text/plain": "VBox(children=())"}),
        new_output("display_data", WIDGET | {"text/plain": "M1.P1: no guess yet. Press a button."}),
        new_output("display_data", {"text/markdown": "[P1](pre/P1_x.ipynb)", "text/plain": "Markdown"}),
    ]
    cells = [
        new_markdown_cell("# M1 · Test\n\nThat $p_T$ and\n\n$$\\frac{\\mu}{2}$$"),
        new_code_cell("answer = ...", execution_count=1),
        new_code_cell("answer = 42", execution_count=2, metadata={"tags": ["solution"]}, outputs=shown[:1]),
        new_code_cell("config = fast(config)\nsliders", execution_count=3, outputs=shown[1:]),
        new_code_cell("assert guarded", execution_count=4, metadata={"tags": ["test"]}),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (folder / "docs" / "notebooks").mkdir(parents=True)
    (folder / "docs" / "api").mkdir()
    for name, short in (("01_test", True), ("02_full", False)):
        run = new_notebook(cells=cells, metadata=kernel | {"jetlab": {"short": short, "digest": "0"}})
        nbformat.write(run, folder / "docs" / "notebooks" / f"{name}.ipynb")
    (folder / "docs" / "api" / "jetlab.io.md").write_text((DOCS / "api" / "jetlab.io.md").read_text())
    (folder / "docs" / "index.md").write_text(
        "# Test\n\n```{toctree}\nnotebooks/01_test\nnotebooks/02_full\napi/jetlab.io\n```\n"
    )
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", str(DOCS)]
    command += [str(folder / "docs"), str(folder / "site")]
    environment = os.environ | {"JETLAB_HUB": "https://hub.our.org"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return {page.stem: html.unescape(page.read_text()) for page in (folder / "site").rglob("*.html")}


def test_solutions_are_folded(site: dict[str, str]) -> None:
    folded = re.search(r"<details.+?</details>", site["01_test"], re.S)[0]
    assert "Solution" in folded
    assert "42" in folded
    assert "M1.01: right!" in folded
    assert site["01_test"].count("<details") == 1


def test_guards_are_hidden(site: dict[str, str]) -> None:
    assert "guarded" not in site["01_test"]


def test_widgets_become_pictures(site: dict[str, str]) -> None:
    page = site["01_test"]
    assert len(re.findall(r'<img[^>]+src="../_images/', page)) == 1
    assert "widget-view" not in page
    assert "0/5" not in page
    assert "VBox" not in page
    assert page.count("a live panel stands here") == 1
    assert page.count("M1.P1: no guess yet.") == 1


def test_readers_are_told_of_the_short_run(site: dict[str, str]) -> None:
    assert site["01_test"].count("on this page come from a short run") == 1
    assert "on this page come from a short run" not in site["02_full"]


def test_a_site_with_short_runs_is_marked_as_a_preview(site: dict[str, str]) -> None:
    assert site["02_full"].count("A preview: the lessons' outputs") == 1


def test_the_map_of_lessons_leads_to_pages(site: dict[str, str]) -> None:
    assert 'href="pre/P1_x.html"' in site["01_test"]


def test_formulas_need_no_script(site: dict[str, str]) -> None:
    assert "<msub><mi>p</mi><mi>T</mi></msub>" in re.sub(r"\s+", "", site["01_test"])
    assert "<mfrac>" in site["01_test"]
    assert re.findall(r'<(?:script|link)[^>]+(?:src|href)="(https?:[^"]+)"', site["01_test"]) == []


@pytest.mark.parametrize(
    "link",
    [
        "https://mybinder.org/v2/gh/jetlab-hep/jetlab/main?urlpath=lab/tree/notebooks/01_test.ipynb",
        "https://colab.research.google.com/github/jetlab-hep/jetlab/blob/main/notebooks/01_test.ipynb",
        "https://hub.our.org/hub/user-redirect/git-pull?repo=https%3A//github.com/jetlab-hep/jetlab"
        "&urlpath=lab/tree/jetlab/notebooks/01_test.ipynb&branch=main",
    ],
)
def test_a_lesson_can_be_launched(link: str, site: dict[str, str]) -> None:
    assert f'href="{link}"' in site["01_test"]
    assert link not in site["jetlab.io"]


def test_api_has_every_module_of_its_package(site: dict[str, str]) -> None:
    modules = {f"jetlab.io.{path.stem}" for path in (LESSONS.parent / "jetlab" / "io").glob("[!_]*.py")}
    assert modules <= set(re.findall(r'id="module-([\w.]+)"', site["jetlab.io"]))
    assert 'id="jetlab.io.npy.read_npy"' in site["jetlab.io"]
