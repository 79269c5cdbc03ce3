"""Errors meant for the user have one base; everything else is a fault and keeps its traceback."""

import ast
import builtins
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import jetlab
from jetlab.errors import JetlabError

#: Raised for Python's own protocols or for faults that no user can mend, so not meant to be read by one.
FAULTS = {"AttributeError", "argparse.ArgumentTypeError", "RuntimeError"}


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(jetlab.__path__, "jetlab."):
        if module.name != "jetlab.__main__":
            yield module.name


def raised(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield ast.unparse(node.exc.func)


def test_every_error_that_jetlab_defines_is_a_jetlab_error() -> None:
    found = {
        thing
        for name in modules()
        for thing in vars(importlib.import_module(name)).values()
        if inspect.isclass(thing) and issubclass(thing, BaseException) and thing.__module__.startswith("jetlab")
    }
    assert len(found) > 10
    assert [error for error in found if not issubclass(error, JetlabError)] == []


def test_every_error_that_jetlab_raises_is_a_jetlab_error_or_a_fault() -> None:
    strangers = []
    for path in Path(jetlab.__path__[0]).rglob("*.py"):
        for name in raised(ast.parse(path.read_text(encoding="utf-8"))):
            if name.endswith("Error") and name not in FAULTS and hasattr(builtins, name):
                strangers.append(f"{path.name}: {name}")
    assert strangers == []
