"""Formulas as MathML, which browsers draw themselves: pages need no script from elsewhere."""

from html import escape

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)


def _mathml(node: nodes.Element, block: bool) -> str:
    try:
        return tex2mathml(node.astext(), as_block=block)
    except MathError as error:
        LOGGER.warning("the formula %s cannot be drawn: %s", node.astext(), error, location=node)
        return f"<code>{escape(node.astext())}</code>"


def _inline(writer: nodes.NodeVisitor, node: nodes.math) -> None:
    writer.body.append(_mathml(node, block=False))
    raise nodes.SkipNode


def _block(writer: nodes.NodeVisitor, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="formula">{_mathml(node, block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Offer the renderer; called by Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
