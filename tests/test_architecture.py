"""Which room may import which: the contracts in pyproject.toml, and what a process has loaded in the end.

And what tests may look at: a private name may be changed by whoever writes the module, without breaking a test.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LOADED = """
import importlib, pathlib, sys
paths = sorted(pathlib.Path("jetlab").rglob("[!_]*.py"))
names = [".".join(path.with_suffix("").parts) for path in paths]
core = [name for name in names if name.split(".")[1] not in ("plots", "panel")]
for name in core:
    importlib.import_module(name)
print(len(core), *sorted({"ipywidgets", "matplotlib", "tensorflow"} & set(sys.modules)))
for name in names:
    importlib.import_module(name)
print(len(names), *sorted({"matplotlib.pyplot", "tensorflow"} & set(sys.modules)))
"""


def test_a_room_imports_only_from_the_rooms_below_it(repository: Path) -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_core_knows_no_widgets_and_no_plots_and_nobody_pyplot(repository: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", LOADED]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    core, whole = (line.split() for line in done.stdout.splitlines())
    assert int(whole[0]) > int(core[0]) > 40
    assert (core[1:], whole[1:]) == ([], [])


#: Private by its name only: Jupyter asks any object for the one, and Python's own manual explains the other.
PUBLIC = ("_repr_mimebundle_", "os._exit")


def private_names(code: str) -> Iterator[str]:
    """Line and text of each private name that is read, replaced or imported, other than a class's own."""
    for node in ast.walk(ast.parse(code)):
        names: list[str] = []
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            names = [node.attr] if ast.unparse(node) not in PUBLIC else []
        elif isinstance(node, ast.ImportFrom):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("setattr", "getattr", "hasattr")):
            # getattr(thing, "_name"), which may be given as "package.thing._name" to pytest's setattr.
            given = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
            names = [str(each).rpartition(".")[2] for each in given]
        if any(name.startswith("_") and not name.startswith("__") and name not in PUBLIC for name in names):
            yield f"{node.lineno}: {ast.unparse(node)}"


def test_tests_look_at_no_private_names(repository: Path) -> None:
    folder = repository / "tests"
    files = [path for path in folder.rglob("*.py") if path.relative_to(folder).parts[0] != "browser"]
    assert len(files) > 40
    found = [f"{path.relative_to(folder)}:{each}" for path in files for each in private_names(path.read_text("utf-8"))]
    assert found == []


def test_private_names_are_found_in_code() -> None:
    private = [
        "panel._image.value",
        "panel._show()",
        "self.panel._image",
        "monkeypatch.setattr(module, '_name', 1)",
        "monkeypatch.setattr('package.module._name', 1)",
        "getattr(panel, '_image')",
        "from package.module import _name",
    ]
    public = [
        "self._image",
        "panel.__dict__",
        "panel._repr_mimebundle_()",
        "os._exit(0)",
        "setattr(panel, 'name', '_x')",
    ]
    assert [code for code in private + public if list(private_names(code))] == private
