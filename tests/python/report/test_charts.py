"""Charts: bars as wide as their shares, ticks round and around the values, points in place."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liid_cut.report.charts import Line, _ticks, bar, line_chart, table
from liid_cut.report.html import Html, embedded_json, join, number, percent, seconds, tag


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.booleans())
def test_ticks_enclose_the_values(a: float, b: float, whole: bool) -> None:
    low, high = min(a, b), max(a, b)
    ticks = _ticks(low, high, whole=whole)
    scale = max(high - low, abs(high), 1e-300)
    assert ticks[0] <= low + 1e-6 * scale
    assert ticks[-1] >= high - 1e-6 * scale
    assert 2 <= len(ticks) <= 7
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    if whole:
        assert all(float(tick).is_integer() for tick in ticks)


def test_bars_are_as_wide_as_their_shares() -> None:
    found = re.findall(
        r'x="([\d.]+)%" y="0" width="([\d.]+)%"[^>]*class="(\w+)"',
        bar((0.5, "after"), (0.25, "gap")),
    )
    assert found == [("0.00", "50.00", "after"), ("50.00", "25.00", "gap")]
    assert "rect" not in bar((0.0, "after"))


def test_points_follow_their_values() -> None:
    chart = line_chart("t", ["a", "b", "c"], [Line("x", [0, None, 10], "c1")], percent)
    points = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"[^>]*data-step="(\d)"', chart)
    assert [step for _, _, step in points] == ["0", "2"]
    (x0, y0), (x1, y1) = ((float(x), float(y)) for x, y, _ in points)
    assert x0 < x1
    assert y0 > y1


def test_table_is_named_and_has_headers() -> None:
    found = table("Sizes & more", ["Name", "#Count", ""], [["<b>", "1", bar((1, "after"))]])
    assert 'aria-label="Sizes &amp; more"' in found
    assert '<caption class="sr">Sizes &amp; more</caption>' in found
    assert '<th scope="row">&lt;b&gt;</th><td class="num">1</td>' in found
    assert '<th scope="col" class="num">Count</th>' in found


def test_text_is_escaped_markup_is_not() -> None:
    assert tag("p", "<i>", Html("<b>x</b>"), title='"<') == (
        '<p title="&quot;&lt;">&lt;i&gt;<b>x</b></p>'
    )
    assert join(["&", Html("&")]) == "&amp;&"
    assert Html("&") + "&" == "&&amp;"
    assert tag("p", class_=None, hidden=True, id=False) == "<p hidden></p>"


def test_json_cannot_end_its_element() -> None:
    found = embedded_json({"a": "</script>&\u2028", "b": [float("inf"), 1.5]})
    assert found == '{"a":"\\u003c/script\\u003e\\u0026\\u2028","b":[null,1.5]}'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1234, "1,234"),
        (-2.5, "\N{MINUS SIGN}2.5"),
        (1234.5678, "1,234.57"),
        (float("nan"), "unknown"),
        (float("inf"), "∞"),
    ],
)
def test_numbers(value: float, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(5e-6, "5 µs"), (0.0123, "12.3 ms"), (75.31, "75.3 s")]
)
def test_seconds(value: float, shown: str) -> None:
    assert seconds(value) == shown
