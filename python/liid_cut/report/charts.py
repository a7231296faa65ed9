"""Charts as inline SVG and as tables with bars: no library, readable without a script and in print.

A bar is an SVG as wide as its table cell, so that its text stays HTML at its own size. Colours are
classes of the page's style sheet, which knows light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from liid_cut.report.html import Html, tag

_WIDTH, _HEIGHT = 360, 190  # of a line chart's own units; it scales with its column
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 12, 34
_MOST_TICKS = 6


def bar(*parts: tuple[float, str]) -> Html:
    """A horizontal bar: shares (0..1) of the cell's width with a class each, left to right."""
    rects, x = [], 0.0
    for share, name in parts:
        width = max(share, 0.0)
        if width > 0:
            least = max(width, 0.004)  # a small value is still seen
            rects.append(
                tag("rect", x=_pct(x), y="0", width=_pct(least), height="100%", class_=name)
            )
        x += width
    return tag("svg", rects, class_="bar", aria_hidden="true", focusable="false")


def table(
    caption: str, head: Sequence[Any], rows: Sequence[Sequence[Any]], *, class_: str = ""
) -> Html:
    """A table in its own scrolling region; the first cell of a row is its header.

    Entries of ``head`` starting with ``"#"`` are right-aligned columns of numbers; an entry of
    ``""`` is a column of bars.
    """
    kinds = ["num" if h.startswith("#") else ("bars" if h == "" else None) for h in head]
    cells = [
        tag(
            "th",
            tag("span", "chart", class_="sr") if h == "" else h.removeprefix("#"),
            scope="col",
            class_=k,
        )
        for h, k in zip(head, kinds, strict=True)
    ]
    body = [
        tag(
            "tr",
            [
                tag("th", cell, scope="row", class_=kind)
                if i == 0
                else tag("td", cell, class_=kind)
                for i, (cell, kind) in enumerate(zip(row, kinds, strict=True))
            ],
        )
        for row in rows
    ]
    inner = tag(
        "table",
        tag("caption", caption, class_="sr"),
        tag("thead", tag("tr", cells)),
        tag("tbody", body),
        class_=class_ or None,
    )
    # The title stays in place where the table scrolls; screen readers have the caption.
    title = tag("p", caption, class_="title", aria_hidden="true")
    return title + tag(
        "div", inner, class_="scroll", role="region", aria_label=caption, tabindex="0"
    )


@dataclass(frozen=True)
class Line:
    """One series of a line chart; ``values`` None where there is none."""

    name: str
    values: Sequence[float | None]
    class_: str
    dashed: bool = False


def line_chart(
    title: str,
    xs: Sequence[str],
    lines: Sequence[Line],
    show: Callable[[float], str],
    *,
    whole: bool = False,
    follow: bool = True,
) -> Html:
    """Series over equally spaced steps named ``xs``.

    ``show`` formats values; ``whole`` keeps ticks to whole numbers; ``follow``: the steps are those
    of the slider, which marks its own.
    """
    values = [v for line in lines for v in line.values if v is not None]
    ticks = _ticks(min(values, default=0.0), max(values, default=1.0), whole=whole)
    low, high = ticks[0], ticks[-1]
    span_x, span_y = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x_of(i: int) -> float:
        return _LEFT + span_x * (i + 0.5) / max(len(xs), 1)

    def y_of(value: float) -> float:
        return _TOP + span_y * (high - value) / (high - low)

    marks = []
    for value in ticks:
        y = _at(y_of(value))
        marks.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        marks.append(tag("text", show(value), x=_LEFT - 6, y=y, class_="tick end"))
    step = -(-len(xs) // _MOST_TICKS)
    for i in range(0, len(xs), step):
        marks.append(tag("text", xs[i], x=_at(x_of(i)), y=_HEIGHT - 14, class_="tick middle"))
    for line in lines:
        points = [(i, v) for i, v in enumerate(line.values) if v is not None]
        d = "L".join(f"{_at(x_of(i))} {_at(y_of(v))}" for i, v in points)
        name = f"line {line.class_}" + (" dashed" if line.dashed else "")
        if d:
            marks.append(tag("path", d=f"M{d}", class_=name))
        marks += [
            tag(
                "circle",
                tag("title", f"{xs[i]}: {line.name} {show(v)}"),
                cx=_at(x_of(i)),
                cy=_at(y_of(v)),
                r="3.2",
                class_=f"point {line.class_}",
                data_step=i if follow else None,
            )
            for i, v in points
        ]
    return tag(
        "figure",
        tag("figcaption", title),
        tag(
            "svg",
            marks,
            viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
            class_="chart",
            role="img",
            aria_label=title,
        ),
    )


def _ticks(low: float, high: float, *, whole: bool) -> list[float]:
    """Three to six round values that enclose ``low`` to ``high``: steps of 1, 2 or 5 times 10^k."""
    span = high - low or (4.0 if whole else abs(high) or 1.0)
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * m for m in (1, 2, 5, 10) if power * m * 4 >= span * (1 - 1e-9))
    if whole:
        step = max(step, 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    return [step * i for i in range(first, last + 1)]


def _pct(share: float) -> str:
    return f"{100 * share:.2f}%"


def _at(value: float) -> str:
    return f"{value:.1f}"
