"""Copies to hand out: nothing of the solutions leaks, every lesson stays whole, the same bytes come twice.

That the copies run to their end, with solutions and without, is shown where all lessons run (conftest.py).
"""

import ast
import builtins
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from jetlab import check, cli
from jetlab.classroom.release import NOTEBOOKS, ReleaseError, release

LESSONS = sorted(path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def solutions(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if "solution" in cell.metadata.get("tags", [])]


def answers(path: Path) -> set[str]:
    """Lines of the solutions that say what the answer is."""
    lines = {line for source in solutions(path) for line in source.splitlines()}
    return {line for line in lines if line.startswith("answer = ")}


def code(path: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    folders = {kept: tmp_path_factory.mktemp(f"solutions_{kept}") for kept in (True, False)}
    for kept, folder in folders.items():
        release(folder, kept)
    return folders


def test_no_solution_leaks(subtests: pytest.Subtests, copies: dict[bool, Path]) -> None:
    for lesson in LESSONS:
        with subtests.test(lesson=lesson.stem):
            name = lesson.relative_to(NOTEBOOKS)
            assert solutions(copies[False] / name) == []
            assert solutions(copies[True] / name) == solutions(lesson)
            left = code(copies[False] / name).splitlines()
            assert answers(lesson) & set(left) == set()
            assert left.count("answer = ...") == code(lesson).splitlines().count("answer = ...")


def test_a_copy_has_the_cells_that_were_tested(subtests: pytest.Subtests, copies: dict[bool, Path]) -> None:
    for lesson, kept in itertools.product(LESSONS, [True, False]):
        with subtests.test(lesson=lesson.stem, kept=kept):
            cells = nbformat.read(lesson, as_version=4).cells
            dropped = {"test"} if kept else {"test", "solution"}
            expected = [cell for cell in cells if dropped.isdisjoint(cell.metadata.get("tags", []))]
            written = nbformat.read(copies[kept] / lesson.relative_to(NOTEBOOKS), as_version=4).cells
            assert [(each.cell_type, each.source) for each in written] == [(c.cell_type, c.source) for c in expected]


def test_every_exercise_is_known_asked_once_and_solved_once(
    subtests: pytest.Subtests, copies: dict[bool, Path]
) -> None:
    for lesson in LESSONS:
        with subtests.test(lesson=lesson.stem):
            exercise = re.compile(r'check\.exercise\(\s*"([^"]+)"')
            asked = Counter(exercise.findall(code(copies[False] / lesson.relative_to(NOTEBOOKS))))
            solved = Counter(name for source in solutions(lesson) for name in exercise.findall(source))
            prefix = lesson.stem.partition("_")[0]
            prefix = f"M{int(prefix)}" if prefix.isdecimal() else prefix
            known = [name for name in check.exercises() if name.startswith(f"{prefix}.")]
            assert known
            assert asked == solved == Counter(known)


def test_solutions_are_folded(subtests: pytest.Subtests) -> None:
    for lesson in LESSONS:
        with subtests.test(lesson=lesson.stem):
            cells = nbformat.read(lesson, as_version=4).cells
            tagged = [cell for cell in cells if "solution" in cell.metadata.get("tags", [])]
            assert [cell.source for cell in tagged if not cell.metadata.get("jupyter", {}).get("source_hidden")] == []


def test_lessons_have_solutions_to_lose() -> None:
    assert all(answers(lesson) for lesson in LESSONS)


def test_copies_are_whole(subtests: pytest.Subtests, copies: dict[bool, Path]) -> None:
    for kept in [True, False]:
        with subtests.test(kept=kept):
            written = sorted(path.relative_to(copies[kept]) for path in copies[kept].rglob("*.ipynb"))
            assert written == [lesson.relative_to(NOTEBOOKS) for lesson in LESSONS]
            for name in written:
                notebook = nbformat.read(copies[kept] / name, as_version=nbformat.NO_CONVERT)
                nbformat.validate(notebook)
                assert not any(cell.get("outputs") for cell in notebook.cells)


def test_figures_go_along(subtests: pytest.Subtests, copies: dict[bool, Path]) -> None:
    for kept, lesson in itertools.product([True, False], LESSONS):
        with subtests.test(kept=kept, lesson=lesson.stem):
            name = lesson.relative_to(NOTEBOOKS)
            for cell in nbformat.read(copies[kept] / name, as_version=4).cells:
                for link in re.findall(r"!\[[^]]*\]\(([^):]+)\)", cell.source):
                    figure = lesson.parent / link
                    assert (copies[kept] / name.parent / link).read_bytes() == figure.read_bytes()


def test_no_cell_needs_what_only_a_solution_defines(subtests: pytest.Subtests, copies: dict[bool, Path]) -> None:
    for lesson in LESSONS:
        with subtests.test(lesson=lesson.stem):
            known = set(dir(builtins))
            for cell in nbformat.read(copies[False] / lesson.relative_to(NOTEBOOKS), as_version=4).cells:
                if cell.cell_type == "code":
                    nodes = list(ast.walk(ast.parse(cell.source)))
                    known |= set(defined(nodes))
                    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
                    assert used <= known


def defined(nodes: list[ast.AST]) -> Iterator[str]:
    """The names that code assigns, imports or defines."""
    for node in nodes:
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                yield node.id
            case ast.arg():
                yield node.arg
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.ExceptHandler(name=str()):
                yield node.name
            case ast.Import() | ast.ImportFrom():
                yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)


def test_cells_that_guard_the_lesson_are_dropped(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in ("x = 1", "assert x == 1", "x = 2")]
    cells[1].metadata.tags, cells[2].metadata.tags = ["test"], ["solution"]
    (tmp_path / "kit").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "kit" / "01_lesson.ipynb")
    for kept, left in ((True, ["x = 1", "x = 2"]), (False, ["x = 1"])):
        (copy,) = release(tmp_path / f"{kept}", kept, source=tmp_path / "kit")
        assert [cell.source for cell in nbformat.read(copy, as_version=4).cells] == left


def test_same_bytes_twice(tmp_path: Path, copies: dict[bool, Path]) -> None:
    release(tmp_path / "again", False)
    files = [path for path in (tmp_path / "again").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".ipynb", ".svg"}
    for file in files:
        assert file.read_bytes() == (copies[False] / file.relative_to(tmp_path / "again")).read_bytes()


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(ReleaseError, match=r"is not empty; name a new folder"):
        release(tmp_path, False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ReleaseError, match=r"mine.txt is a file"):
        release(tmp_path / "mine.txt", False)
    with pytest.raises(ReleaseError, match=r"within the kit's own lessons"):
        release(NOTEBOOKS / "copy", False)


def test_nothing_to_copy_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"There are no lessons"):
        release(tmp_path / "out", False, source=tmp_path / "empty")
    assert not (tmp_path / "out").exists()


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "handout"
    assert cli.main(["release", "--without-solutions", str(folder)]) == 0
    assert f"{len(LESSONS)} lessons without solutions" in capsys.readouterr().out
    assert cli.main(["release", "--with-solutions", str(folder)]) == 1
    assert "is not empty" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["release", str(folder)])
