"""Every snippet of README.md and of the site runs and prints what the page says."""

from __future__ import annotations

import doctest
import inspect
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from documentation.snippets import run_page, snippets_of

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What a page's reader has beforehand: a script that makes files and names, run before the page.
INPUTS = Path(__file__).parent / "inputs"


def name_of(page: Path) -> str:
    """The page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_snippets_run(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if not any(s.comment != "not run" for s in snippets_of(text)):
        pytest.skip("nothing to run")
    if "liid_mil" in text or "liid-mil" in text:
        pytest.importorskip("torch", reason="the page needs the extra mil")
    if "```cmake" in text and shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    before = INPUTS / f"{name_of(page).removesuffix('.md').replace('/', '_').lower()}.py"
    assert run_page(page, tmp_path, before if before.exists() else None) > 0


def documented(module: str) -> list[Any]:
    """Public functions and classes of a module."""
    names = import_module(module).__all__
    return [getattr(import_module(module), name) for name in names if name != "__version__"]


def test_examples_of_docstrings_run() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    count = 0
    for it in documented("liid_cut"):
        if inspect.isroutine(it) or inspect.isclass(it):
            for example in finder.find(it, it.__name__, globs={}):
                result = doctest.DocTestRunner().run(example)
                assert result.failed == 0, it
                count += result.attempted
    assert count >= 15


# ---- the runner itself


def run_text(text: str, folder: Path) -> int:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return run_page(page, folder)


def test_python_shares_names_and_folder_with_shell(tmp_path: Path) -> None:
    text = """
<!-- file: a.txt -->
```yaml
one
```
```python
text = open("a.txt").read().strip()
```
```python
open("b.txt", "w").write(text + " two")
```
```sh
cat b.txt
```
<!-- output -->
```text
one ...
```
"""
    assert run_text(text, tmp_path) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```sh\nfalse\n```\n", "exit code 1"),
        ("```sh\necho one\n```\n<!-- output -->\n```text\ntwo\n```\n", "(?s)expected\ntwo.*one"),
        ("```python\nassert 1 == 2, 'unequal'\n```\n", "unequal"),
    ],
)
def test_a_snippet_that_fails_is_found(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=message):
        run_text(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n```yaml\na: 1\n```\n", "line 3: 'yaml' is not run"),
        ("```\ncode\n```\n", "line 2: '' is not run"),
        ("<!-- not run -->\n```sh\ntrue\n```\n", "line 3: the comment 'not run' says nothing"),
    ],
)
def test_a_snippet_that_nobody_runs_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        run_text(text, tmp_path)


def test_a_snippet_may_be_left_out_with_its_reason(tmp_path: Path) -> None:
    assert run_text("<!-- not run: needs a GPU -->\n```sh\nfalse\n```\n", tmp_path) == 0
