"""HTML that cannot forget to escape: text goes in as ``str``, markup is :class:`Html`."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable
from typing import Any


class Html(str):
    """Markup. A plain ``str`` is text, and is escaped where it meets markup."""

    __slots__ = ()

    def __add__(self, other: str) -> Html:
        return Html(str(self) + text(other))


def text(value: Any) -> Html:
    """``value`` as markup: escaped, unless it is markup."""
    if isinstance(value, Html):
        return value
    if isinstance(value, str):
        return Html(html.escape(value, quote=True))
    if value is None:
        return Html("")
    return join(value)


def join(parts: Iterable[Any]) -> Html:
    """Parts one after the other."""
    return Html("".join(map(text, parts)))


def tag(name: str, /, *content: Any, **attributes: Any) -> Html:
    """An element. ``class_`` is ``class``, underscores are hyphens; None and False are left out."""
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{html.escape(str(value), quote=True)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in {"meta", "input", "rect", "line", "path", "circle"} and not content:
        return Html(f"<{name}{shown}/>")
    return Html(f"<{name}{shown}>{join(content)}</{name}>")


def embedded_json(value: Any) -> Html:
    """JSON for a ``<script type="application/json">``; nothing in it can end that element."""
    dumped = json.dumps(_finite(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return Html(dumped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float, digits: int = 6) -> str:
    """A number for people: thousands separated, a true minus sign."""
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else ("∞" if value > 0 else "\N{MINUS SIGN}∞")
    if value == int(value) and abs(value) < 1e15:
        shown = f"{int(value):,}"
    else:
        shown = f"{value:,.{digits}g}"
    return shown.replace("-", "\N{MINUS SIGN}") if shown.startswith("-") else shown


def percent(share: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{share:.1%}" if math.isfinite(share) else "unknown"


def seconds(value: float) -> str:
    """A duration for people."""
    if value < 1e-3:
        return f"{value * 1e6:.0f} µs"
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:,.3g} s"
