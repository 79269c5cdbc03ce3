"""The form of a lesson, which docs/developers.md describes: predict, build, decide, and no plumbing."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from jetlab import check
from jetlab.check import predictions, tasks

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
#: Lessons that have the form; the list grows until it has all.
CONVERTED = (
    "00_welcome",
    "pre/P1_fitting_functions",
    "pre/P2_neural_networks",
    "pre/P3_images_and_sequences",
    "01_open_data",
    "02_dense_tagger",
    "03_cnn_tagger",
    "04_lstm_tagger",
    "05_comparing_taggers",
    "06_jet_energy_scale",
    "07_hit_to_track",
    "08_flavour_tagging",
    "extras/E1_representations",
    "extras/E2_decorrelation",
    "extras/E3_pile_up",
    "extras/E4_generation",
    "extras/E5_anomalies",
)
#: Minutes of reading (words a minute) and of each thing to do; what the cells themselves take is added to that.
WORDS, MINUTES = 200, {"exercise": 5, "build": 10, "predict": 1, "panel": 10}
LONGEST_RUN = 10


class Lesson:
    """A lesson's cells by kind."""

    def __init__(self, name: str) -> None:
        self.path = LESSONS / f"{name}.ipynb"
        prefix = self.path.stem.partition("_")[0]
        self.prefix = f"M{int(prefix)}" if prefix.isdecimal() else prefix
        self.cells = nbformat.read(self.path, as_version=4).cells
        self.code = [cell for cell in self.cells if cell.cell_type == "code"]
        self.text = [cell.source for cell in self.cells if cell.cell_type == "markdown"]

    def tagged(self, tag: str) -> list[nbformat.NotebookNode]:
        return [cell for cell in self.code if tag in cell.metadata.get("tags", [])]

    def asked(self, what: str) -> list[str]:
        """Names in the calls of `check.exercise`, `predict` and so on, without solutions, in their order."""
        cells = [cell.source for cell in self.code if cell not in self.tagged("solution")]
        return [name for source in cells for name in re.findall(rf'check\.{what}\(\s*"([^"]+)"', source)]

    def known(self, names: list[str]) -> list[str]:
        return [name for name in names if name.startswith(f"{self.prefix}.")]


@pytest.fixture(params=CONVERTED)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return Lesson(request.param)


def test_it_begins_with_the_doctor_and_ends_with_progress(lesson: Lesson) -> None:
    assert lesson.cells[1].source == "import jetlab\n\njetlab.doctor()"
    assert lesson.cells[-1].source == "check.progress()"


def test_sections(lesson: Lesson) -> None:
    head, end = lesson.text[0], lesson.text[-1]
    assert re.search(r"^\*\d+ minutes.* You need: .*Next:\s+\[.+\]\(.+\.ipynb\)", head, re.M | re.S)
    assert "After this lesson you can\n\n- " in head
    assert "docs/glossary.md" in head
    assert re.match(r"## What we saw\n\n- ", end)
    parts = ["<summary><b>Questions to discuss</b></summary>", "**Try next:**", "**Next lesson:** [", "**Sources:**"]
    assert [end.index(part) for part in parts] == sorted(end.index(part) for part in parts)
    assert end.count("<details>") == end.count("</details>") == 1


def test_links_lead_somewhere(lesson: Lesson) -> None:
    for text in lesson.text:
        for target in re.findall(r"\]\(([^)#]+)", text):
            if target.startswith("https://github.com/jetlab-hep/jetlab/blob/main/"):
                assert (LESSONS.parent / target.split("/blob/main/")[1]).is_file(), target
            elif not target.startswith("https://"):
                assert (lesson.path.parent / target).is_file(), target


def test_cells_fit_into_a_window(lesson: Lesson) -> None:
    long = [cell.id for cell in lesson.code if len(cell.source.splitlines()) > 20]
    assert long == []
    wide = [cell.id for cell in lesson.code if max(map(len, cell.source.splitlines())) > 96]
    assert wide == []


def test_ids_follow_one_scheme(lesson: Lesson) -> None:
    """Cells keep the id that they were made with; new ones are named after lesson and content, figures after theirs."""
    named = re.compile(rf"\d\d-[0-9a-f]{{8}}|(fig|{lesson.prefix.lower()})-[a-z0-9]+(-[a-z0-9]+)*")
    assert [cell.id for cell in lesson.cells if not named.fullmatch(cell.id)] == []


def test_asserts_stand_in_cells_that_are_not_handed_out(lesson: Lesson) -> None:
    guards = lesson.tagged("test")
    assert guards
    assert [cell.id for cell in lesson.code if ("assert " in cell.source) != (cell in guards)] == []
    assert [cell.id for cell in guards if not cell.metadata.jupyter.source_hidden] == []


def test_nothing_later_needs_what_a_guard_defines(lesson: Lesson) -> None:
    for cell in lesson.tagged("test"):
        assert re.findall(r"^\w+ = |^import |^from |^def ", cell.source, re.M) == []


def test_all_is_asked_once_and_in_order(lesson: Lesson) -> None:
    assert lesson.asked("exercise") == lesson.known(check.exercises())
    assert lesson.asked("predict") == lesson.known(predictions.names())
    assert lesson.asked("build") == lesson.known(tasks.names())


def test_there_is_something_to_predict_and_to_build(lesson: Lesson) -> None:
    assert len(lesson.asked("predict")) >= 3
    assert len(lesson.asked("build")) >= 1


def test_a_guess_is_asked_for_before_it_is_answered(lesson: Lesson) -> None:
    calls = re.findall(r'check\.(predict|reveal)\(\s*"([^"]+)"', "\n".join(cell.source for cell in lesson.code))
    for name in lesson.known(predictions.names()):
        assert [what for what, asked in calls if asked == name] == ["predict", "reveal"]
        assert f"### Prediction {name}\n" in "\n".join(lesson.text)


def test_build_tasks_begin_blank_and_have_a_solution(lesson: Lesson) -> None:
    for name in lesson.known(tasks.names()):
        blank, solution = (
            [cell.source for cell in cells if f'check.build("{name}"' in cell.source]
            for cells in ([c for c in lesson.code if c not in lesson.tagged("solution")], lesson.tagged("solution"))
        )
        assert len(solution) == 1
        assert re.fullmatch(rf'(\w+) = \.\.\.\n\ncheck\.build\("{re.escape(name)}", \1\)', *blank)
        assert f"## Build {name}: " in "\n".join(lesson.text)


def words(lesson: Lesson) -> Iterator[str]:
    for text in lesson.text:
        yield from re.findall(r"\w[\w'’.]*", text)


def test_minutes_are_counted(lesson: Lesson) -> None:
    doing = sum(minutes * len(lesson.asked(what)) for what, minutes in MINUTES.items() if what != "panel")
    shown = re.compile(r"panel\.\w+Panel(\.of)?\(")
    panels = sum(bool(shown.search(cell.source)) for cell in lesson.code if cell not in lesson.tagged("solution"))
    least = len(list(words(lesson))) / WORDS + doing + MINUTES["panel"] * panels
    stated = int(re.search(r"(\d+) minutes", lesson.text[0])[1])
    assert stated % 5 == 0
    assert least <= stated <= least + LONGEST_RUN + 5
