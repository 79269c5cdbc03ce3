"""Errors meant for the user have one base; everything else is a fault and keeps its traceback."""

import ast
import builtins
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import jetlab
from jetlab import errors
from jetlab.errors import JetlabError

#: Raised for Python's own protocols or for faults that no user can repair, so not meant to be read by one.
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
        if inspect.isclass(thing)
        and issubclass(thing, BaseException)
        and thing.__module__.startswith("jetlab")
        # One with a name of its own module's goes no further than that.
        and not thing.__name__.startswith("_")
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


def test_things_are_counted_in_the_singular_and_in_the_plural() -> None:
    counted = [errors.counted(number, "jet") for number in (0, 1, 2, 12_000)]
    assert counted == ["0 jets", "1 jet", "2 jets", "12,000 jets"]


def test_a_full_memory_is_told_with_what_to_do() -> None:
    told = errors.memory_full(MemoryError("Unable to allocate 7 GiB"), "take fewer jets")
    assert isinstance(told, JetlabError)
    assert isinstance(told, MemoryError)
    assert str(told) == (
        "The memory is full (Unable to allocate 7 GiB): take fewer jets, and shut down kernels that you do not need."
    )
    assert str(errors.memory_full(MemoryError(), "take fewer jets")).startswith("The memory is full: take fewer jets, ")
