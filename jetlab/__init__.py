"""jetlab: deep learning for jets at the LHC, to be learnt in notebooks.

`import jetlab` is instant: a submodule, as in `jetlab.io` or `jetlab.training`, is loaded when first asked for, and
TensorFlow only once a network is built. It also sets how many threads the libraries start (`jetlab.threads`), so import
jetlab first. `jetlab.doctor()` shows whether this machine is ready for the lessons.
"""

import importlib
import pkgutil
from typing import Any

from jetlab import threads

__version__ = "0.1.0"

_SUBMODULES = frozenset(module.name for module in pkgutil.iter_modules(__path__))

threads.configure()


def __getattr__(name: str) -> Any:
    if name == "doctor":
        return importlib.import_module("jetlab.diagnosis").doctor
    if name in _SUBMODULES:
        return importlib.import_module(f"jetlab.{name}")
    raise AttributeError(f"module 'jetlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, "doctor"})
