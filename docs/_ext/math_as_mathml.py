"""Formulas as MathML, which browsers show by themselves: no script, no font, no network.

Input: the math nodes of a page. Output: what docutils's own converter makes of their LaTeX. A
formula that it cannot read is a warning, and so an error of ``nox -s docs``.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)


def _write(writer: Any, node: nodes.Element, *, block: bool) -> None:
    text = node.astext()
    try:
        formula = tex2mathml(text, as_block=block)
    except MathError as error:
        _LOGGER.warning("formula %r: %s", text, error, location=node)
        formula = f"<code>{writer.encode(text)}</code>"
    writer.body.append(f'<div class="math">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def _inline(writer: Any, node: nodes.Element) -> None:
    _write(writer, node, block=False)


def _block(writer: Any, node: nodes.Element) -> None:
    _write(writer, node, block=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
