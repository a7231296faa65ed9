"""``write_report``: one self-contained HTML page of a result.

The page's content security policy forbids every connection; its own style sheet and script are
allowed by their hashes. The same input gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from liid_cut.inputs import as_bytes, as_positive_int
from liid_cut.npz import FilePath, check_writable, replacing
from liid_cut.report import sections
from liid_cut.report.changes import find_changes
from liid_cut.report.html import Html, embedded_json, tag
from liid_cut.report.images import ReportImage
from liid_cut.report.inputs import ReportData, collect
from liid_cut.report.payload import Payload, make_payload
from liid_cut.result import MultiwayCutResult

_SCRIPTS = ("dom.js", "state.js", "viewer.js", "changes.js", "main.js")


def write_report(
    path: FilePath,
    result: MultiwayCutResult,
    *,
    probs: Any = None,
    allowed: Any = None,
    images: Iterable[ReportImage] | None = None,
    crops: Any = None,
    label_names: Sequence[str] | None = None,
    node_names: Sequence[str] | None = None,
    truth: Any = None,
    delta_path: Iterable[Any] | None = None,
    margins: Any = None,
    facts: Mapping[str, str | float] | None = None,
    title: str = "Multi-way cut",
    max_images: int = 24,
    max_changes: int = 1000,
    max_bytes: int | str = "8 MB",
) -> None:
    """Write an HTML page that shows a result: no server, no network, one file.

    Parameters
    ----------
    path : file to write; an older file there is replaced at the end.
    result : of :func:`liid_cut.multiway_cut`, n nodes and K+1 labels.
    probs : (n, K+1) as in the solve. Without it the page cannot tell what the cut changed.
    allowed : (n, K+1) bool as in the solve; the labels before the cut respect it.
    images : images with their nodes and boxes; pictures are loaded only where they are shown.
    crops : a picture a node instead: uint8 (n, h, w) or (n, h, w, 3), or a function of the node.
    label_names, node_names : K+1 and n names; by default their numbers.
    truth : (n,) integers, the true labels; -1 where unknown.
    delta_path : cuts of the same nodes by growing delta: objects with ``delta``, ``labels``,
        ``cost``, ``lower_bound`` and ``status``, or pairs of a delta and a result.
    margins : (n,) floats, how sure each label is; by default :func:`liid_cut.cut_margins`.
    facts : further figures for the headline.
    title : heading of the page.
    max_images, max_changes : images and changed nodes that the page shows; the figures are of all.
    max_bytes : of all pictures together as they are in the page; a number, or ``"20 MB"``.

    Raises
    ------
    ValueError, TypeError : an argument does not fit the result; the message names it.
    ImportError : there are pictures, and Pillow is missing.
    OSError : the folder is missing or cannot be written to.
    """
    check_writable(path)
    data = collect(
        result,
        probs=probs,
        allowed=allowed,
        images=images,
        crops=crops,
        label_names=label_names,
        node_names=node_names,
        truth=truth,
        delta_path=delta_path,
        margins=margins,
        facts=facts,
        title=title,
    )
    payload = make_payload(
        data,
        find_changes(data),
        max_images=as_positive_int("max_images", max_images),
        max_changes=as_positive_int("max_changes", max_changes),
        max_bytes=as_bytes("max_bytes", max_bytes),
    )
    page = _page(data, payload)
    with replacing(path) as file:
        file.write(page.encode())


def _page(data: ReportData, payload: Payload) -> str:
    style = _asset("report.css")
    script = '"use strict";\n(() => {\n' + "\n".join(map(_asset, _SCRIPTS)) + "})();\n"
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", data.title),
        tag("style", Html(style)),
    )
    parts = _sections(data, payload)
    links = [tag("li", tag("a", name, href=f"#{id_}")) for id_, name, content in parts if content]
    body = tag(
        "body",
        tag("a", "Skip to the content", href="#content", class_="skip"),
        tag(
            "header",
            tag("span", "liid-cut", class_="brand"),
            tag("nav", tag("ul", links), aria_label="Sections"),
            tag("button", "Theme", type="button", id="theme", class_="needs-script"),
            class_="top",
        ),
        tag(
            "main",
            sections.headline(data),
            sections.warnings_section(data),
            tag("noscript", tag("p", "Images, changes and the slider need JavaScript.")),
            [content for _, _, content in parts],
            id="content",
            tabindex="-1",
        ),
        tag("script", embedded_json(payload.content), type="application/json", id="data"),
        tag("script", Html(script)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _sections(data: ReportData, payload: Payload) -> list[tuple[str, str, Html]]:
    """Anchor, name and content of each section; the content is empty where there is nothing."""
    images = changes = Html("")
    if payload.n_images:
        images = sections.section("images", "Images", tag("div", id="viewer"))
    if payload.n_listed:
        intro = (
            "A label changes where the edges that it saves outweigh the probability that it costs. "
            "Choose a node to see which neighbours did it."
        )
        changes = sections.section(
            "changes", "What the cut changed", tag("div", id="explorer"), intro=intro
        )
    return [
        ("images", "Images", images),
        ("changes", "Changes", changes),
        ("delta", "Delta", sections.delta_section(data)),
        ("labels", "Labels", sections.labels_section(data)),
        ("confidence", "Confidence", sections.margins_section(data)),
        ("proof", "Proof", sections.proof_section(data)),
        ("about", "About", sections.about_section(data, payload.notes)),
    ]


def _asset(name: str) -> str:
    return files("liid_cut.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")
    return f"sha256-{digest}"
