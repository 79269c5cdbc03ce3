"""The course for nbgrader: marked as its schema wants, solutions only between its marks, points for what is right."""

import ast
import re
from pathlib import Path

import jsonschema
import nbformat
import pytest

from jetlab import check, cli
from jetlab.check import tasks
from jetlab.check.grading import NotSolvedError
from jetlab.classroom import for_grading
from jetlab.classroom.grading import BEGIN, END, Course
from jetlab.classroom.release import NOTEBOOKS, ReleaseError

#: The schema of nbgrader 0.9 (nbgrader/nbgraderformat/v3.json, BSD-3), without its descriptions. Nbgrader itself is not
#: installed with the tests, since it switches extensions of its own on in JupyterLab.
SCHEMA = {
    "type": "object",
    "properties": {
        "schema_version": {"type": "integer", "minimum": 3, "maximum": 3},
        "grade": {"type": "boolean"},
        "locked": {"type": "boolean"},
        "solution": {"type": "boolean"},
        "task": {"type": "boolean"},
        "grade_id": {"type": "string", "pattern": r"^[a-zA-Z0-9_\-]*$"},
        "points": {"type": "number", "minimum": 0},
        "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
        "cell_type": {"type": "string", "enum": ["raw", "code", "markdown"]},
    },
    "required": ["schema_version", "grade", "locked", "solution"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return for_grading(tmp_path_factory.mktemp("course"))


def cells(lesson: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(lesson, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    return notebook.cells


def cleared(source: str) -> str:
    """As nbgrader hands it out."""
    return re.sub(rf"{BEGIN}\n.*\n{END}", "# Your answer goes in place of the three dots.", source, flags=re.DOTALL)


def test_every_cell_is_marked_as_nbgrader_wants(subtests: pytest.Subtests, course: Course) -> None:
    graded, points = [], 0
    for lesson in course.lessons:
        with subtests.test(lesson=lesson.stem):
            marked = [cell for cell in cells(lesson) if "nbgrader" in cell.metadata]
            for cell in marked:
                jsonschema.validate(cell.metadata.nbgrader, SCHEMA)
            ids = [cell.metadata.nbgrader.grade_id for cell in marked]
            assert len(set(ids)) == len(ids)
            for answer, grade in zip(marked[::2], marked[1::2], strict=True):
                own, graders = answer.metadata.nbgrader, grade.metadata.nbgrader
                assert (own.solution, own.grade, own.locked) == (True, False, False)
                assert (graders.solution, graders.grade, graders.locked) == (False, True, True)
                assert graders.grade_id == f"{own.grade_id}-grade"
                graded.append(own.grade_id.replace("-", "."))
                points += graders.points
    assert sorted([*graded, *course.left_out]) == sorted([*check.exercises(), *tasks.names()])
    assert len(course.left_out) < 10
    assert points == course.points


def test_solutions_stand_between_nbgraders_marks_only(subtests: pytest.Subtests, course: Course) -> None:
    by_name = {lesson.name: lesson for lesson in NOTEBOOKS.rglob("*.ipynb")}
    for lesson in course.lessons:
        with subtests.test(lesson=lesson.stem):
            original = cells(by_name[lesson.name])
            kept = [c for c in original if not {"solution", "test"} & set(c.metadata.get("tags", []))]
            written = [c for c in cells(lesson) if not c.metadata.get("nbgrader", {}).get("grade")]
            for before, after in zip(kept, written, strict=True):
                source = after.source
                if "nbgrader" in after.metadata:
                    assert source.count(BEGIN) == source.count(END) == 1
                    ast.parse(source)
                    source = re.sub(rf"{BEGIN}\n.*\n{END}\n", "", after.source, flags=re.DOTALL)
                    ast.parse(cleared(after.source))
                assert source == before.source.replace("](../figures/", "](figures/")


def test_a_right_answer_gets_its_point_and_dots_get_none(tmp_path: Path, capsys) -> None:
    answer = nbformat.v4.new_code_cell('answer = ...\ncheck.exercise("P2.02", answer)')
    solution = nbformat.v4.new_code_cell('x = 0.25\nanswer = x\ncheck.exercise("P2.02", answer)')
    solution.metadata.tags = ["solution"]
    (tmp_path / "kit").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from jetlab import check"), answer, solution])
    nbformat.write(notebook, tmp_path / "kit" / "P2_lesson.ipynb")
    course = for_grading(tmp_path / "course", source=tmp_path / "kit")
    assert course.lessons == [tmp_path / "course" / "source" / "P2" / "P2_lesson.ipynb"]
    assert (course.points, course.left_out) == (1, [])
    *lesson, grade = (cell.source for cell in cells(course.lessons[0]))
    assert grade == 'check.grade("P2.02", answer)'
    solved, unanswered = {}, {}
    for source in lesson:
        exec(source, solved)
        exec(cleared(source), unanswered)
    exec(grade, solved)
    assert capsys.readouterr().out.splitlines()[-1] == "P2.02: right!"
    with pytest.raises(NotSolvedError, match=r"P2.02: not answered yet"):
        exec(grade, unanswered)
    with pytest.raises(NotSolvedError, match=r"P2.02: hint: "):
        check.grade("P2.02", 0.5)


def test_build_tasks_are_graded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([tasks.Report("hint: too many parameters."), tasks.Report(tasks.REACHED)])
    monkeypatch.setattr(tasks, "judge", lambda *_: next(said))
    with pytest.raises(NotSolvedError, match="too many parameters"):
        check.grade("M2.B1", "network")
    check.grade("M2.B1", "network")


def test_figures_and_settings_go_along(course: Course) -> None:
    shown = 0
    for lesson in course.lessons:
        for cell in cells(lesson):
            for link in re.findall(r"!\[[^]]*\]\(([^):]+)\)", cell.source):
                assert (lesson.parent / link).is_file()
                shown += 1
    assert shown > 10
    settings = (course.lessons[0].parents[2] / "nbgrader_config.py").read_text()
    ast.parse(settings)
    assert "code_stub" in settings


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["release", "--for-grading", str(tmp_path / "course")]) == 0
    said = capsys.readouterr().out
    assert "17 lessons for nbgrader" in said
    assert "M2.05" in said
    assert cli.main(["release", "--for-grading", str(tmp_path / "course")]) == 1
    assert "is not empty" in capsys.readouterr().err
    with pytest.raises(ReleaseError, match="within the kit's own lessons"):
        for_grading(NOTEBOOKS / "course")
