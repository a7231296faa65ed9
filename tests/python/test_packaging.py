"""The installed package: its copy of HiGHS, its CMake package, its files, its imports."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

import liid_cut
from liid_cut import _core

CONSUMER = Path(__file__).parent / "consumer"
# Where the extension lies, and with it all that CMake installed. An editable install keeps the
# Python files elsewhere.
INSTALLED = Path(_core.__file__).parent

# Each solves a small problem with its own copy of HiGHS and checks the answer.
SOLVERS = {
    "highspy": """
import highspy
model = highspy.Highs()
model.silent()
x, y = model.addVariable(lb=0, ub=4), model.addVariable(lb=0, ub=4)
model.addConstr(x + 2 * y >= 6)
model.minimize(3 * x + 2 * y)
assert abs(model.getObjectiveValue() - 6) < 1e-9, model.getObjectiveValue()
""",
    "scipy": """
from scipy.optimize import linprog
solution = linprog([3, 2], A_ub=[[-1, -2]], b_ub=[-6], bounds=[(0, 4), (0, 4)], method="highs")
assert solution.status == 0 and abs(solution.fun - 6) < 1e-9, solution
""",
    # Three nodes, each torn between two of three terminals: CKR bound 3.75, optimum 4.
    "liid_cut": """
import numpy as np
import liid_cut
probs = np.array([[1.0, 1, 0], [1, 0, 1], [0, 1, 1]])
graph = np.array([[0, 1], [0, 2], [1, 2]]), np.full(3, 0.5)
result = liid_cut.multiway_cut(probs, graph=graph, method="ckr")
assert result.status == "optimal" and abs(result.cost - 4) < 1e-9, result
assert result.components["search_nodes"].sum() > 1, "solved without a linear program"
""",
}


def run(*command: str | Path, cwd: Path) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("order", list(permutations(SOLVERS)), ids="-".join)
def test_any_import_order_next_to_other_copies_of_highs(
    order: tuple[str, ...], tmp_path: Path
) -> None:
    # Twice: the last one imported must not have broken those before it.
    script = "\n".join(SOLVERS[name] for name in order + order)
    run(sys.executable, "-c", script, cwd=tmp_path)


# ---- the private copy of HiGHS


def dynamic_section(library: Path) -> dict[str, list[str]]:
    """Entries such as ``{"NEEDED": ["libc.so.6", ...]}`` of an ELF file."""
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf (Debian: binutils) is not installed")
    entries: dict[str, list[str]] = {}
    output = run(readelf, "--dynamic", "--wide", library, cwd=library.parent)
    for tag, value in re.findall(r"\((\w+)\).*\[(.*)\]", output):
        entries.setdefault(tag, []).append(value)
    return entries


def test_extension_loads_its_own_highs_from_its_own_folder() -> None:
    extension = dynamic_section(Path(_core.__file__))
    assert [name for name in extension["NEEDED"] if "highs" in name] == ["libliid_highs.so"]
    assert extension.get("RUNPATH", extension.get("RPATH")) == ["$ORIGIN"]


def test_vendored_highs_has_a_name_of_its_own() -> None:
    assert dynamic_section(INSTALLED / "libliid_highs.so")["SONAME"] == ["libliid_highs.so"]
    # HiGHS's licence asks that copies carry it.
    assert "HiGHS" in (INSTALLED / "libliid_highs.LICENSE.txt").read_text()


# ---- the CMake package


def configure(build: Path, version: str) -> subprocess.CompletedProcess[str]:
    """Configure the consumer project against the installed package."""
    for tool in ("cmake", "ninja", "c++"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    definitions = f"-DCMAKE_PREFIX_PATH={INSTALLED}", f"-DREQUESTED_VERSION={version}"
    return subprocess.run(
        ["cmake", "-S", CONSUMER, "-B", build, "-G", "Ninja", *definitions],
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_find_package_builds_and_runs_a_program(tmp_path: Path) -> None:
    configured = configure(tmp_path, liid_cut.__version__)
    assert configured.returncode == 0, configured.stderr
    run("cmake", "--build", ".", cwd=tmp_path)
    # The bound has no gap to the cost: branch and bound closed what the relaxation (3.75) leaves.
    assert run(tmp_path / "consumer", cwd=tmp_path) == "cost 4.000000 bound 4.000000\n"


@pytest.mark.parametrize("version", ["0.0.1", "999.0"])
def test_find_package_refuses_another_version(version: str, tmp_path: Path) -> None:
    configured = configure(tmp_path, version)
    assert configured.returncode != 0
    assert f'compatible with requested version "{version}"' in " ".join(configured.stderr.split())


def test_package_is_announced_to_other_scikit_build_projects() -> None:
    (entry,) = importlib.metadata.entry_points(group="cmake.prefix", name="liid_cut")
    assert entry.value == "liid_cut"


# ---- files and imports


@pytest.mark.parametrize("name", ["py.typed", "_core.pyi"])
def test_type_information_is_shipped(name: str) -> None:
    assert (Path(liid_cut.__file__).parent / name).is_file()


def test_public_headers_are_shipped() -> None:
    assert (INSTALLED / "include/liid_cut/solve.hpp").is_file()
    assert (INSTALLED / "include/liid_cut/verify.hpp").is_file()


def test_version_is_that_of_the_distribution() -> None:
    version = importlib.metadata.version("liid-cut")
    assert liid_cut.__version__ == version
    assert _core.__version__ == version


def modules_after(script: str, folder: Path) -> set[str]:
    """Modules that a fresh interpreter has loaded after running ``script``."""
    return set(
        run(sys.executable, "-c", f"{script}; import sys; print(*sys.modules)", cwd=folder).split()
    )


# What takes longest to import; `python -m benchmarks.import_time` measures it.
HEAVY = {"faiss", "highspy", "matplotlib", "pandas", "sklearn", "threadpoolctl", "torch", "tqdm"}
HEAVY_OF_SCIPY = {"scipy.optimize", "scipy.sparse", "scipy.special", "scipy.stats"}


def test_import_is_lazy(tmp_path: Path) -> None:
    assert {"liid_cut", "numpy"} <= (loaded := modules_after("import liid_cut", tmp_path))
    assert not loaded & (HEAVY | HEAVY_OF_SCIPY)


def test_a_cut_of_a_given_graph_loads_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    script = "import liid_cut; liid_cut.multiway_cut([[1, 0], [0, 1]], graph=([[0, 1]], [0.5]))"
    loaded = modules_after(script, tmp_path)
    assert not loaded & (HEAVY | {"scipy.stats"})
    assert loaded > HEAVY_OF_SCIPY - {"scipy.stats", "scipy.special"}  # the names are right


def test_names_that_load_late_are_public() -> None:
    from liid_cut.result import MultiwayCutResult

    assert liid_cut.MultiwayCutResult is MultiwayCutResult
    assert {"MultiwayCutResult", "MultiwayCutClassifier"} <= set(dir(liid_cut))
    with pytest.raises(AttributeError, match="module 'liid_cut' has no attribute 'multiway'"):
        liid_cut.multiway  # noqa: B018


# ---- what else is inside


def metadata(name: str) -> str:
    """A file of the distribution's metadata."""
    text = importlib.metadata.distribution("liid-cut").read_text(name)
    assert text is not None, f"no {name}"
    return text


def test_bill_of_materials_names_what_is_bundled() -> None:
    bill = json.loads(metadata("sboms/liid-cut.cdx.json"))
    assert bill["metadata"]["component"]["version"] == liid_cut.__version__
    parts = {part["name"]: part for part in bill["components"]}
    library = (INSTALLED / "libliid_highs.so").read_bytes()
    assert parts["HiGHS"]["hashes"][0]["content"] == hashlib.sha256(library).hexdigest()
    assert parts["HiGHS"]["properties"][1]["value"].encode() in library  # HiGHS's commit
    assert {part["name"] for part in parts["HiGHS"]["components"]} >= {"IPX", "pdqsort", "zstr"}
    required = importlib.metadata.requires("liid-cut") or []
    names = {re.split(r"[^\w-]", text)[0] for text in required if "extra ==" not in text}
    assert names == {name for name in parts if parts[name].get("scope") == "excluded"}
    assert names >= {"numpy", "scipy"}


def test_licences_of_all_that_is_bundled_are_shipped() -> None:
    text = metadata("licenses/licenses/THIRD-PARTY.txt")
    bill = json.loads(metadata("sboms/liid-cut.cdx.json"))
    bundled = [part for part in bill["components"] if part.get("scope") != "excluded"]
    for part in bundled + bundled[0]["components"]:
        assert f"  {part['name']}  " in text, part["name"]
    assert "MIT" in metadata("licenses/LICENSE")


def test_python_dash_m_is_the_command_line(tmp_path: Path) -> None:
    printed = run(sys.executable, "-m", "liid_cut", "--version", cwd=tmp_path)
    assert printed == f"liid-cut {liid_cut.__version__}\n"
