"""The code of Markdown pages, found and run as a reader would: in order, in one folder.

Input: a page. Fences of ``python`` and ``sh`` are run, those of other languages are written to
files; a page's Python shares one namespace, and all happens in the folder that the caller gives.
HTML comments, which no reader sees, go before a fence:

- ``<!-- file: NAME -->``: its text is written to that file, in place of running it;
- ``<!-- output -->``: its text is what the commands before it print; ``...`` stands for anything;
- ``<!-- not run: REASON -->``: it is neither run nor written.

A fence of plain ``text`` without a comment is no code. Any other fence without one is an error, so
that no snippet escapes.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(
    r"^(?P<ticks>`{3,})(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=ticks) *$", re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"<!-- (?P<name>file|output|not run)(?:: (?P<value>[^>]*?))? -->\s*\Z")
_RUN = {"python", "sh"}
_NO_CODE = {"text", "mermaid"}
_SECONDS = 900  # a net for what hangs


@dataclass(frozen=True)
class Snippet:
    """A fence: its language, text and line, and the comment before it, such as ("file", "a.py")."""

    language: str
    code: str
    line: int
    comment: str = ""
    value: str = ""


def snippets_of(text: str) -> Iterator[Snippet]:
    """The fences of a page that are code or its output. Raises ``ValueError`` for a bad one."""
    for fence in _FENCE.finditer(text):
        language = fence["language"].strip()
        if language.startswith("{") or "<!--" in language:
            continue  # a directive of the site
        line = text.count("\n", 0, fence.start()) + 2
        comment = _COMMENT.search(text, 0, fence.start())
        name, value = (comment["name"], comment["value"] or "") if comment else ("", "")
        if name in ("file", "not run") and not value:
            raise ValueError(f"line {line}: the comment {name!r} says nothing more")
        if not name and language not in _RUN | _NO_CODE:
            raise ValueError(f"line {line}: {language!r} is not run; say `file:` or `not run:`")
        if name or language in _RUN:
            yield Snippet(language, fence["code"], line, name, value)


def run_page(page: Path, folder: Path, before: Path | None = None) -> int:
    """Run a page's snippets in ``folder``; returns how many. Raises what goes wrong.

    ``before``: a Python file that runs first, as if it stood at the head of the page.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    count = 0
    with contextlib.chdir(folder):
        if before is not None:
            exec(compile(before.read_text(encoding="utf-8"), before, "exec"), namespace)
        for snippet in snippets_of(page.read_text(encoding="utf-8")):
            where = f"{page}:{snippet.line}"
            if snippet.comment == "not run":
                continue
            count += 1
            if snippet.comment == "output":
                _compare(where, snippet.code, printed)
                printed = ""
            elif snippet.comment == "file":
                path = Path(snippet.value)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(snippet.code, encoding="utf-8")
            elif snippet.language == "python":
                printed = _run_python(where, snippet, namespace)
            else:
                printed = _run_shell(where, snippet.code)
    return count


def _run_python(where: str, snippet: Snippet, namespace: dict[str, Any]) -> str:
    out = io.StringIO()
    padded = "\n" * (snippet.line - 1) + snippet.code  # so that tracebacks name the page's lines
    with contextlib.redirect_stdout(out):
        exec(compile(padded, where.rsplit(":", 1)[0], "exec"), namespace)
    return out.getvalue()


def _run_shell(where: str, code: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise AssertionError(
            f"{where}: exit code {done.returncode}\n{code}\n{done.stdout}\n{done.stderr}"
        )
    return done.stdout


def _compare(where: str, expected: str, printed: str) -> None:
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if not doctest.OutputChecker().check_output(expected, printed, options):
        raise AssertionError(f"{where}: expected\n{expected}\nbut printed was\n{printed}")
