"""Sphinx: the README, the instructors' page, the lessons as they ran and the API. `make site` builds it."""

import json
import os
import pkgutil
import re
import sys
from pathlib import Path

import numpy.typing
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import stringify_annotation

import jetlab

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for lesson_page and mathml

project = "jetlab"
author = "jetlab developers"
copyright = "jetlab developers"
release = jetlab.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
default_role = "literal"

nb_execution_mode = "off"
nb_custom_formats = {".ipynb": "lesson_page.read"}
nb_ipywidgets_js = {}
nb_render_markdown_format = "gfm"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "ignore-module-all": True}
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

html_math_renderer = "mathml"
html_theme = "sphinx_book_theme"
html_title = "jetlab"
html_static_path = ["static"]
html_css_files = ["jetlab.css"]
html_theme_options = {
    "repository_url": "https://github.com/jetlab-hep/jetlab",
    "repository_branch": "main",
    "use_repository_button": True,
    "navbar_persistent": [],
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        # An nbgitpuller link to your hub: JETLAB_HUB=https://... make site
        "jupyterhub_url": os.environ.get("JETLAB_HUB", "https://hub.example.org"),
        "notebook_interface": "jupyterlab",
    },
}

PAGE = """## {0}

```{{eval-rst}}
.. automodule:: {0}
```
"""


def _modules(package: str) -> list[str]:
    """Names of the modules of `package`, its own first; those of the top level without their subpackages."""
    folder = HERE.parent.joinpath(*package.split("."))
    found = [module.name for module in pkgutil.iter_modules([str(folder)]) if not module.ispkg]
    return [package, *(f"{package}.{name}" for name in found if not name.startswith("_"))]


def _mark_preview(app: Sphinx, config: Config) -> None:
    """Say on every page of a site whose lessons ran in the short mode that it is not the real one."""
    runs = [json.loads(run.read_text()) for run in Path(app.srcdir, "notebooks").rglob("*.ipynb")]
    if any(run["metadata"].get("jetlab", {}).get("short") for run in runs):
        config.html_theme_options["announcement"] = "A preview: the lessons' outputs come from short runs."


def _list_modules(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add to pages what is made: the modules of each package, the names by lesson, the validation of the simulation."""
    import names  # beside this file, as are validation, lesson_page and mathml
    import validation

    if docname == "validation":
        source[0] += validation.page(HERE)

    if docname == "api/lessons":
        source[0] += "\n" + names.table(HERE.parent / "notebooks")
    if docname.startswith("api/jetlab"):
        source[0] += "\n" + "\n".join(map(PAGE.format, _modules(docname.removeprefix("api/"))))


def _plain_text(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are read as they are, |eta| and all; only their sections and backticks mean something."""
    lines[:] = [re.sub(r"([|*\\]|_\b)", r"\\\1", line) for line in lines]


def _short_types(
    app: Sphinx, what: str, name: str, obj: object, options: object, arguments: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """Numpy's types by the names that the code gives them, not all that these stand for."""
    arraylike = stringify_annotation(numpy.typing.ArrayLike, "smart")
    texts = (text and text.replace(arraylike, "ArrayLike") for text in (arguments, result))
    short = [
        text and re.sub(r"~numpy\.ndarray\[tuple\[.+?\], ~numpy\.dtype\[(.+?)\]\]", r"NDArray[\1]", text)
        for text in texts
    ]
    return short[0], short[1]


def setup(app: Sphinx) -> None:
    """Connect what is ours to Sphinx."""
    app.connect("config-inited", _mark_preview)
    app.connect("source-read", _list_modules)
    app.connect("autodoc-process-signature", _short_types)
    app.connect("autodoc-process-docstring", _plain_text, priority=400)  # before napoleon reads the sections
