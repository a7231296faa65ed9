"""The page in headless Chromium: keys, slider, phones, dark mode, contrast, no connection."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut import multiway_cut
from liid_cut.report import write_report

from .conftest import Reader
from .samples import NAMES, Sample, sample

HOSTILE = '<script>window.hit=1</script><img src="x" onerror="window.hit=1">'

# Elements with text of their own, their colour and the background that lies behind them.
CONTRASTS = """
const channels = (colour) => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const luminance = (rgb) => {
  const [r, g, b] = rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const found = [];
for (const element of document.querySelectorAll("body *")) {
  if (element.closest("script, svg, .sr, .skip") || !element.getClientRects().length) continue;
  if (![...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
  let behind = null;
  for (let e = element; e && !behind; e = e.parentElement) {
    const colour = channels(getComputedStyle(e).backgroundColor);
    if (colour[3] === 255) behind = colour;
  }
  if (element.matches(":disabled")) continue;
  const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(behind)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  found.push([Math.round(100 * ratio) / 100, element.outerHTML.slice(0, 120)]);
}
return found;
"""
NAMELESS = """
const label = (e) => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")
  || (e.labels && [...e.labels].map((l) => l.innerText).join("")) || e.innerText;
return [...document.querySelectorAll("button, a, input, select, [role], [tabindex='0']")]
  .filter((e) => !(label(e) || "").trim())
  .map((e) => e.outerHTML.slice(0, 120));
"""


@pytest.fixture(scope="module")
def data() -> Sample:
    return sample()


@pytest.fixture(scope="module")
def page(data: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pycocotools", reason="masks need pycocotools")
    path = tmp_path_factory.mktemp("report") / "report.html"
    result = type(data.result)(data.result)
    result.diagnostics = result.diagnostics | {"warnings": ["edges are few; raise delta"]}
    write_report(
        path,
        result,
        probs=data.probs,
        images=data.images(masks=True),
        truth=data.truth,
        label_names=NAMES,
        delta_path=data.path,
    )
    return path


@pytest.fixture
def reader(browser: Any, page: Path) -> Iterator[Reader]:
    opened = Reader(browser, page).open()
    yield opened
    assert opened.console() == []


def shown_labels(reader: Reader) -> dict[int, str]:
    """Label of every node drawn on the image, by the node's number."""
    titles = reader.run(
        "return [...document.querySelectorAll('.region[data-node]')]"
        ".map((e) => [Number(e.dataset.node), e.textContent])"
    )
    return {node: words.split(": ")[1] for node, words in titles}


def chosen_image(reader: Reader) -> str:
    return str(
        reader.run("return document.querySelector('.strip [aria-selected=true] b').textContent")
    )


def draw_all(reader: Reader) -> None:
    reader.run(
        "document.querySelectorAll('#viewer input[type=checkbox]').forEach((c) => c.click())"
    )


def expected(data: Sample, image: str, labels: Any) -> dict[int, str]:
    i = int(image.split("-")[1])
    return {u: NAMES[labels[u]] for u in range(8 * i, 8 * i + 8)}


def test_overlays_before_and_after(reader: Reader, data: Sample) -> None:
    draw_all(reader)
    image = chosen_image(reader)
    before, after = data.probs.argmax(axis=1), np.asarray(data.result)
    assert shown_labels(reader) == expected(data, image, after)
    assert shown_labels(reader) != expected(data, image, before)
    reader.run("document.querySelector('input[value=before]').click()")
    assert shown_labels(reader) == expected(data, image, before)
    assert "before the cut" in reader.text(".stage .caption")
    reader.run("document.querySelector('input[value=truth]').click()")
    assert "1 annotated object" in reader.text(".stage .caption")


def test_holding_a_key_shows_before(reader: Reader, data: Sample) -> None:
    from selenium.webdriver import ActionChains

    draw_all(reader)
    image = chosen_image(reader)
    ActionChains(reader.browser).key_down("b").perform()
    assert shown_labels(reader) == expected(data, image, data.probs.argmax(axis=1))
    ActionChains(reader.browser).key_up("b").perform()
    assert shown_labels(reader) == expected(data, image, np.asarray(data.result))


def test_overlapping_nodes_are_drawn_on_demand(reader: Reader, data: Sample) -> None:
    drawn = shown_labels(reader)
    foreground = {
        u
        for u, k in expected(data, chosen_image(reader), np.asarray(data.result)).items()
        if k != NAMES[0]
    }
    assert set(drawn) <= foreground
    reader.run("document.querySelectorAll('#viewer input[type=checkbox]')[0].click()")
    assert set(shown_labels(reader)) == foreground


def test_arrows_walk_the_images(reader: Reader, data: Sample) -> None:
    first = chosen_image(reader)
    reader.focus(".strip")
    reader.press("ARROW_RIGHT", "ARROW_RIGHT")
    third = chosen_image(reader)
    reader.press("ARROW_LEFT")
    second = chosen_image(reader)
    reader.press("END")
    last = chosen_image(reader)
    reader.press("ARROW_RIGHT")
    assert chosen_image(reader) == last
    reader.press("HOME")
    assert chosen_image(reader) == first
    assert len({first, second, third, last}) == 4
    assert reader.run("return document.activeElement.className") == "strip"


def test_nodes_are_chosen_by_key_and_by_click(reader: Reader) -> None:
    reader.focus(".picks")
    reader.press("HOME")
    first = reader.text("#viewer .why h3")
    reader.press("ARROW_DOWN")
    assert reader.text("#viewer .why h3") != first
    node = reader.run("return document.querySelector('.region.chosen')?.dataset.node ?? null")
    assert node is None or reader.text("#viewer .why h3") == f"Node {node}"
    reader.run("document.querySelector('.region').dispatchEvent(new MouseEvent('click'))")
    node = reader.run("return document.querySelector('.region.chosen').dataset.node")
    assert reader.text("#viewer .why h3") == f"Node {node}"


def test_slider_puts_another_cut_on_the_images(reader: Reader, data: Sample) -> None:
    draw_all(reader)
    image = chosen_image(reader)
    assert "the same labels as this result" in reader.text("#delta-value")
    reader.focus("#delta-input")
    reader.press("HOME")
    cut = data.path[0][1]
    assert shown_labels(reader) == expected(data, image, np.asarray(cut))
    assert reader.text("#delta-value").startswith("delta 0 · proven optimal · cost")
    assert "0 labels changed" in reader.text("#delta-value")
    assert reader.run("return document.querySelectorAll('.point.on').length") >= 2
    reader.press("ARROW_RIGHT", "ARROW_RIGHT", "ARROW_RIGHT")
    assert shown_labels(reader) == expected(data, image, np.asarray(data.path[3][1]))
    assert "Delta 2" in reader.text("#explorer thead")
    reader.press("ARROW_LEFT")
    assert shown_labels(reader) == expected(data, image, np.asarray(data.result))


def test_explanation_adds_up(reader: Reader, data: Sample) -> None:
    numbers = reader.run(
        "return [...document.querySelectorAll('#explorer .why tbody')[0].rows]"
        ".map((r) => [...r.querySelectorAll('td')]"
        ".map((c) => Number(c.innerText.replace('\\u2212', '-'))))"
    )
    terminal, edges, together = np.array(numbers)
    np.testing.assert_allclose(terminal + edges, together, atol=2e-3)
    np.testing.assert_allclose(together[1] - together[0], together[2], atol=2e-3)
    node = int(reader.text("#explorer .why h3").split()[1])
    assert reader.run(
        "return document.querySelectorAll('#explorer .why tbody')[1].rows.length"
    ) == np.count_nonzero(data.result.graph.toarray()[node])


def rows(reader: Reader) -> list[int]:
    found: list[int] = reader.run(
        "return [...document.querySelectorAll('#explorer .list tbody tr')]"
        ".map((r) => Number(r.dataset.node))"
    )
    return found


def test_changes_are_found_filtered_and_sorted(reader: Reader, data: Sample) -> None:
    before, after = data.probs.argmax(axis=1), np.asarray(data.result)
    changed = np.flatnonzero(before != after)
    assert set(rows(reader)) == set(changed)
    pick = (
        "const s = [...document.querySelectorAll('#explorer select')][arguments[0]];"
        "s.value = arguments[1]; s.dispatchEvent(new Event('change'))"
    )
    k = int(before[changed[0]])
    reader.run(pick, 0, str(k))
    assert set(rows(reader)) == set(changed[before[changed] == k])
    reader.run(pick, 0, "")
    reader.run(pick, 2, "right")
    assert set(rows(reader)) == {u for u in changed if data.truth[u] == after[u]}
    reader.run(pick, 2, "")
    reader.run(pick, 3, "node")
    assert rows(reader) == changed.tolist()
    reader.focus("#explorer input[type=search]")
    reader.press(str(changed[-1]))
    assert int(changed[-1]) in rows(reader)
    reader.press("x")
    assert rows(reader) == []
    assert "No changed node fits" in reader.text(".pager")


def test_arrows_walk_the_changes(reader: Reader) -> None:
    nodes = rows(reader)
    reader.focus("#explorer tbody button")
    reader.press("ARROW_DOWN", "ARROW_DOWN")
    assert reader.text("#explorer .why h3") == f"Node {nodes[2]}"
    assert reader.run("return document.activeElement.closest('tr').dataset.node") == str(nodes[2])


def test_tab_reaches_all_controls_in_order(reader: Reader) -> None:
    seen: list[str] = []
    for _ in range(200):
        reader.press("TAB")
        where = reader.run(
            "const e = document.activeElement;"
            "const seen = e.matches('.segments input') ? e.nextElementSibling : e;"
            "return [`${e.tagName}.${e.className}#${e.id}`, getComputedStyle(seen).outlineStyle]"
        )
        if where[0].startswith(("BODY", "HTML")):
            break
        seen.append(where[0])
        assert where[1] != "none", f"{where[0]} has the focus, and nobody sees it"
    assert seen[0] == "A.skip#"
    parts = ["UL.strip#", "INPUT.#", "UL.picks#", "SELECT.#", "BUTTON.#", "INPUT.#delta-input"]
    places = [seen.index(part) for part in parts]
    assert places == sorted(places)


def test_skip_link_leads_to_the_content(reader: Reader) -> None:
    reader.press("TAB")
    assert reader.text(":focus") == "Skip to the content"
    reader.press("ENTER")
    assert reader.run("return document.activeElement.id") == "content"


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_sideways_scrolling(browser: Any, page: Path, width: int) -> None:
    reader = Reader(browser, page).open(width, 740)
    assert reader.run("return innerWidth") == width
    scroll = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert reader.run(scroll) == 0
    assert reader.console() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser: Any, page: Path, scheme: str) -> None:
    reader = Reader(browser, page).open(prefers_color_scheme=scheme)
    found = reader.run(CONTRASTS)
    assert len(found) > 150
    assert [entry for entry in found if entry[0] < 4.5] == []
    background = reader.run("return getComputedStyle(document.body).backgroundColor")
    reader.run("document.querySelector('#theme').click()")
    other = reader.run("return getComputedStyle(document.body).backgroundColor")
    assert background != other
    assert [entry for entry in reader.run(CONTRASTS) if entry[0] < 4.5] == []


def test_everything_has_a_name_and_one_level_one_heading(reader: Reader) -> None:
    assert reader.run(NAMELESS) == []
    levels = reader.run(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map((e) => +e.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for role in ("listbox", "option"):
        assert reader.run(f"return document.querySelectorAll('[role={role}]').length") > 0
    active = reader.run(
        "return [...document.querySelectorAll('[aria-activedescendant]')]"
        ".map((e) => document.getElementById(e.getAttribute('aria-activedescendant')) !== null)"
    )
    assert active
    assert all(active)
    assert reader.run("return document.querySelectorAll('th:not([scope])').length") == 0
    assert reader.run("return document.querySelectorAll('table:not(:has(caption))').length") == 0


def test_motion_only_where_wanted(browser: Any, page: Path) -> None:
    script = "return getComputedStyle(document.documentElement).scrollBehavior"
    reader = Reader(browser, page)
    assert reader.open(prefers_reduced_motion="reduce").run(script) == "auto"
    assert reader.open(prefers_reduced_motion="no-preference").run(script) == "smooth"


def test_connections_are_refused(browser: Any, page: Path) -> None:
    reader = Reader(browser, page).open()
    script = (
        "const done = arguments[0];"
        "fetch('https://example.invalid').then(() => done('sent'), () => done('refused'))"
    )
    assert browser.execute_async_script(script) == "refused"
    assert any("Content Security Policy" in message for message in reader.console())


def test_hostile_names_are_text(browser: Any, data: Sample, tmp_path: Path) -> None:
    write_report(
        tmp_path / "r.html",
        data.result,
        probs=data.probs,
        images=data.images(prefix=HOSTILE),
        truth=data.truth,
        label_names=[HOSTILE + name for name in NAMES],
        node_names=[f"{HOSTILE}{u}" for u in range(48)],
        title=HOSTILE,
    )
    reader = Reader(browser, tmp_path / "r.html").open()
    assert reader.text("h1") == HOSTILE
    names = reader.run("return [...document.querySelectorAll('.strip li')].map((e) => e.title)")
    assert sorted(names) == [f"{HOSTILE}-{i}" for i in range(6)]
    assert HOSTILE in reader.text("#explorer .why")
    assert reader.run("return window.hit ?? 0") == 0
    assert reader.run("return document.querySelectorAll('img[onerror]').length") == 0
    assert reader.console() == []


def test_nodes_without_pictures(browser: Any, data: Sample, tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", data.result, probs=data.probs)
    reader = Reader(browser, tmp_path / "r.html").open(360, 740)
    assert len(rows(reader)) == (data.probs.argmax(axis=1) != np.asarray(data.result)).sum()
    assert reader.run("return document.documentElement.scrollWidth") == 360
    assert reader.console() == []


def test_printed_page_has_all_sections(reader: Reader) -> None:
    import base64

    printed = reader.browser.execute_cdp_cmd("Page.printToPDF", {})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    reader.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert reader.run("return getComputedStyle(document.querySelector('.top')).display") == "none"
    assert reader.run("return document.querySelector('#proof table').getClientRects().length") == 1


def test_result_is_one_of_the_cuts_and_one_button_away(
    browser: Any, data: Sample, tmp_path: Path
) -> None:
    others = [data.path[0], data.path[3]]
    write_report(tmp_path / "r.html", data.result, probs=data.probs, delta_path=others)
    reader = Reader(browser, tmp_path / "r.html").open()
    assert reader.text("#delta-value").startswith("delta 0.5")
    assert reader.run("return document.querySelector('#delta-reset').disabled")
    reader.focus("#delta-input")
    reader.press("END")
    assert reader.text("#delta-value").startswith("delta 2")
    reader.run("document.querySelector('#delta-reset').click()")
    assert "the same labels as this result" in reader.text("#delta-value")
    assert reader.console() == []


def test_pages_of_many_changes_and_a_tap_on_a_phone(browser: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probs = rng.random((400, 4))
    edges = np.stack([np.arange(399), np.arange(1, 400)], axis=1)
    result = multiway_cut(probs, graph=(edges, rng.random(399)))
    write_report(tmp_path / "r.html", result, probs=probs)
    reader = Reader(browser, tmp_path / "r.html").open(360, 740, prefers_reduced_motion="reduce")
    changed = set(np.flatnonzero(probs.argmax(axis=1) != np.asarray(result)))
    assert len(changed) > 100
    click = "[...document.querySelectorAll('.pager button')][arguments[0]].click()"
    seen = list(rows(reader))
    assert reader.text(".pager output") == f"1\N{EN DASH}20 of {len(changed)}"
    while not reader.run("return document.querySelectorAll('.pager button')[1].disabled"):
        reader.run(click, 1)
        seen += rows(reader)
    assert len(seen) == len(changed)
    assert set(seen) == changed
    reader.run(click, 0)
    assert rows(reader) == seen[-20 - len(seen) % 20 :][:20]

    top = "return document.querySelector('#explorer .why').getBoundingClientRect().top"
    assert reader.run(top) > 740
    row = browser.find_elements("css selector", "#explorer tbody tr")[1]
    row.click()
    assert reader.text("#explorer .why h3") == f"Node {rows(reader)[1]}"
    assert reader.run(top) < 740 / 2
    assert reader.console() == []
