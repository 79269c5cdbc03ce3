"""Turns a lesson as it ran into a page: solutions folded, a picture where JupyterLab shows widgets."""

import re

import nbformat

WIDGET = "application/vnd.jupyter.widget-view+json"
SHORT = """```{note}
The outputs on this page come from a short run, with less data and fewer epochs than the lesson takes when you run it.
The text speaks of the full run: some numbers here are worse.
```"""
LIVE = (
    "<p><em>In JupyterLab a live panel stands here; it needs a running kernel. The rocket above opens one, and "
    '<a href="../index.html">the first page</a> has a film of a panel.</em></p>'
)


def read(text: str) -> nbformat.NotebookNode:
    """Read an executed notebook (JSON) as the site shows it; called by myst-nb for each lesson."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "test" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata.tags = [*cell.metadata.tags, "hide-cell"]
            cell.metadata["mystnb"] = {"code_prompt_show": "Solution", "code_prompt_hide": "Solution"}
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_still, cell.outputs) if output is not None]
    shortened = any(re.search(r"\bfast(_mode)?\(", cell.source) for cell in notebook.cells if cell.cell_type == "code")
    if shortened and notebook.metadata.get("jetlab", {}).get("short"):
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(SHORT))
    return notebook


def _still(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """The output without widgets: its picture or words if it has any, else a line for a panel; no progress bars."""
    data = output.get("data", {})
    if "text/markdown" in data:  # the map of the lessons
        data["text/markdown"] = re.sub(r"\]\((\S+)\.ipynb\)", r"](\1.html)", data["text/markdown"])
    if WIDGET not in data:
        return output
    if "%|" in data.get("text/plain", ""):  # tqdm's bar
        return None
    if "no guess yet" in data.get("text/plain", ""):  # the buttons of a prediction
        return nbformat.v4.new_output("stream", text=data["text/plain"] + "\n")
    picture = {"image/png": data["image/png"]} if "image/png" in data else {"text/html": LIVE}
    return nbformat.v4.new_output("display_data", picture)
