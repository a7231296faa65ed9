"""The site builds without a warning, needs no network, and documents every public name."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the site needs the extra docs")
pytest.importorskip("torch", reason="the reference of liid_mil needs the extra mil")

from sphinx.util.inventory import InventoryFile

ROOT = Path(__file__).parents[3]
# What a page loads: scripts, styles, fonts, pictures, frames; not the links that a reader follows.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|embed|object)\b[^>]*?\s(?:src|data|srcset)="([^"]+)"
      |<link\b[^>]*?\shref="([^"]+)"
      |(?:@import\s+|url\()["']?([^"')]+)""",
    re.VERBOSE,
)
PACKAGES = (
    *("liid_cut", "liid_cut.coupling", "liid_cut.distributed", "liid_cut.planning"),
    "liid_cut.report",
    *("liid_mil", "liid_mil.cam", "liid_mil.export", "liid_mil.losses", "liid_mil.metrics"),
    *("liid_mil.models", "liid_mil.readers", "liid_mil.segmentation"),
)
# Public by name, and no more than a table that the text around them shows.
TABLES = {"liid_mil.export.FORMATS", "liid_mil.readers.FORMATS", "liid_mil.models.BACKBONES"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E"]
    command += ["-c", "docs", "-d", str(out / "doctrees"), "-b", "html", ".", str(out / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_pages_load_nothing_from_the_network(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 40
    for page in pages:
        for found in LOADED.findall(page.read_text(encoding="utf-8")):
            url = "".join(found)
            assert not re.match(r"(https?:)?//", url), f"{page.relative_to(site)} loads {url}"


def test_formulas_are_in_the_pages(site: Path) -> None:
    text = (site / "docs/method/problem.html").read_text(encoding="utf-8")
    assert text.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') >= 3


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented(site: Path, package: str) -> None:
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    known = {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}
    module = importlib.import_module(package)
    names = [*module.__all__, *(["MultiwayCutClassifier"] if package == "liid_cut" else [])]
    missing = []
    for name in names:
        home = getattr(getattr(module, name), "__module__", package)
        places = {f"{place}.{name}" for place in (package, package.split(".")[0], home)}
        if name != "__version__" and not places & (known | TABLES):
            missing.append(name)
    assert not missing


def test_commands_are_those_of_the_parsers(site: Path) -> None:
    text = (site / "docs/reference/commands.html").read_text(encoding="utf-8")
    for command in ("liid-cut-solve", "liid-mil-run", "liid-mil-export"):
        assert f'id="{command}"' in text
    assert "--max-per-image" in text


def test_links_lead_somewhere(site: Path) -> None:
    anchors = {}
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        anchors[page.resolve()] = set(re.findall(r'\bid="([^"]+)"', text))
    for page in anchors:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'<a\b[^>]*?\shref="([^"]+)"', text):
            if re.match(r"[a-z]+:", link) or link.startswith("//"):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{page.relative_to(site)} links to {link}"
            if anchor and target in anchors and "genindex" not in target.name:
                assert anchor in anchors[target], f"{page.relative_to(site)} links to {link}"
