"""The same bits on two compilers, at -O2 and -O3, with and without AVX512 and FMA, on 1-8 threads.

    python -m benchmarks.reproducibility [--builds NAME ...] [--keep DIR] [--page]

Builds the package once for every row of `BUILDS` (about a minute and a half of CPU time each; needs
what pyproject.toml asks to build with, g++ and clang++), hashes what it returns on fixed inputs
(`benchmarks.bits`) as the CPU is and with the run-time choices of NumPy, OpenBLAS and libm held
back, and writes REPRODUCIBILITY.md and results/reproducibility.json. Run it where liid_cut is not
installed: an editable install wins over the builds, which is refused. The exit code is 1 if a case
differs that `MAY_DIFFER` does not name.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import generators, records
from benchmarks.deep_features import write_deep_features
from benchmarks.instances import REPOSITORY

PAGE = REPOSITORY / "benchmarks" / "REPRODUCIBILITY.md"
RESULTS = REPOSITORY / "benchmarks" / "results" / "reproducibility.json"


class Build(NamedTuple):
    """One way to compile: the compiler, its level of optimisation, and further flags."""

    compiler: str
    level: str
    flags: str = ""


# LIID_ONE_TARGET: no choice at run time; every function is compiled for the given CPU.
BUILDS = {
    "g++ -O3": Build("g++", "-O3"),
    "g++ -O2": Build("g++", "-O2"),
    "clang++ -O3": Build("clang++", "-O3"),
    "clang++ -O2": Build("clang++", "-O2"),
    "g++ -O3, SSE2 alone": Build("g++", "-O3", "-DLIID_ONE_TARGET -march=x86-64"),
    "g++ -O3, all AVX2 and FMA": Build("g++", "-O3", "-DLIID_ONE_TARGET -march=x86-64-v3"),
    "g++ -O3, all AVX512": Build(
        "g++", "-O3", "-DLIID_ONE_TARGET -march=x86-64-v4 -mprefer-vector-width=512"
    ),
    "clang++ -O3, all AVX512": Build(
        "clang++", "-O3", "-march=x86-64-v4 -mprefer-vector-width=512"
    ),
}
REFERENCE = "g++ -O3"
NATIVE, NO_AVX512, NO_FMA = "this CPU", "AVX512 hidden", "AVX2 and FMA hidden"
CPUS = (NATIVE, NO_AVX512, NO_FMA)
# Cases whose bits another CPU may change, and why. The page prints it; anything else is an error.
MAY_DIFFER: dict[str, str] = {}
EXPLANATION = """\
`all AVX512` and its like: the whole core compiled for such a CPU. In the other builds by g++ the
inner loops are compiled three times (SSE2, AVX2, AVX512), and the loader chooses by the CPU, which
nothing hides; clang's have SSE2 alone. `hidden`: `NPY_DISABLE_CPU_FEATURES`, `OPENBLAS_CORETYPE`
and glibc's `hwcaps` keep NumPy, its BLAS and libm from using the instructions.

Why: the core is compiled without fused multiply-add (`-ffp-contract=off`) and sums in lanes of a
fixed number; it calls nothing of libm but what is exact or correctly rounded (square roots, powers
of two). Products by a BLAS only choose candidates; their cosines are computed again by the core.
Logarithms and exponentials of weights go through extended precision. `delta="auto"` chooses among
half powers of two, so that a last bit could at most tip a tie."""


def write_inputs(path: Path) -> None:
    """Make the inputs of every case, seeded, and write them to one ``.npz`` file."""
    graphs = {
        "triangle": generators.triangle(),
        "simplex-grid": generators.simplex_grid(6),
        "potts-grid": generators.potts_grid(14, 14, 5, seed=1),
        "gadgets": generators.gadgets(150, 5, seed=2),
        "regular": generators.random_regular(40, 3, 4, seed=3),
    }
    arrays: dict[str, Any] = {}
    for name, made in graphs.items():
        arrays |= {f"{name}/{field}": value for field, value in made._asdict().items()}
    proposed = generators.proposals(60, n_classes=8, d=96, seed=4)
    arrays |= {f"proposals/{field}": value for field, value in proposed._asdict().items()}
    corners = np.random.default_rng(5).random((400, 2, 2)).cumsum(axis=1) * 100
    arrays["boxes"] = corners.reshape(400, 4)
    arrays["scores"] = np.random.default_rng(6).random(400)
    with tempfile.TemporaryDirectory() as folder:
        wide = Path(folder, "wide.npy")
        write_deep_features(wide, 3000, 512, seed=7, decay=1.2)
        arrays["wide"] = np.load(wide)
    np.savez(path, **arrays)


class Run(NamedTuple):
    """One row of the page: a build, the CPU that it believes to have, and a number of threads."""

    build: str
    cpu: str
    threads: int


def runs(builds: Sequence[str]) -> list[Run]:
    """All threads and CPUs for the reference; both ends of threads for the others."""
    every = [Run(REFERENCE, NATIVE, threads) for threads in range(1, 9)]
    every += [Run(REFERENCE, cpu, threads) for cpu in (NO_AVX512, NO_FMA) for threads in (1, 8)]
    for build in builds:
        if build != REFERENCE:
            every += [Run(build, NATIVE, threads) for threads in (1, 8)]
            every.append(Run(build, NO_FMA, 1))
    return every


def masks(cpu: str) -> dict[str, str]:
    """Environment variables that hold back what libraries choose by CPU when they start."""
    if cpu == NATIVE:
        return {}
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    wide = ("AVX512", "X86_V4")
    hidden = [
        name
        for name in __cpu_dispatch__
        if __cpu_features__.get(name) and (cpu == NO_FMA or name.startswith(wide))
    ]
    avx512 = "-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD"
    return {
        "NPY_DISABLE_CPU_FEATURES": " ".join(hidden),
        "OPENBLAS_CORETYPE": "Haswell" if cpu == NO_AVX512 else "Nehalem",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps="
        + (avx512 if cpu == NO_AVX512 else avx512 + ",-AVX2,-FMA,-FMA4"),
    }


def build(name: str, folder: Path) -> Path:
    """Compile one row of `BUILDS`; returns the folder that holds the package."""
    made = folder / name.replace(" ", "").replace(",", "_")
    if (made / "liid_cut").is_dir():
        return made
    chosen = BUILDS[name]
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    command += ["--target", str(made), "-C", f"build-dir={folder}/objects-{made.name}"]
    command += ["-C", f"cmake.define.CMAKE_CXX_COMPILER={chosen.compiler}"]
    command += ["-C", f"cmake.define.CMAKE_CXX_FLAGS_RELEASE={chosen.level} -DNDEBUG"]
    command += ["-C", f"cmake.define.CMAKE_CXX_FLAGS={chosen.flags}", str(REPOSITORY)]
    subprocess.run(command, check=True)
    return made


def measure(run: Run, package: Path, inputs: Path) -> dict[str, str]:
    """Digests of one run, by case."""
    command = [sys.executable, "-m", "benchmarks.bits", str(inputs)]
    command += ["--threads", str(run.threads), "--package", str(package)]
    environment = os.environ | masks(run.cpu) | {"PYTHONPATH": str(package)}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{run}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def differing(found: dict[str, str], reference: dict[str, str]) -> list[str]:
    """Cases whose digest is another one."""
    return sorted(name for name in reference if found.get(name) != reference[name])


def unexpected(rows: list[dict[str, Any]]) -> list[str]:
    """Cases that differ in some run and that `MAY_DIFFER` does not name."""
    reference = rows[0]["digests"]
    return sorted(
        {
            name
            for row in rows
            for name in differing(row["digests"], reference)
            if name not in MAY_DIFFER
        }
    )


def page(record: dict[str, Any]) -> str:
    """REPRODUCIBILITY.md from the measured rows."""
    rows = record["data"]["rows"]
    reference = rows[0]["digests"]
    groups = sorted({name.split(":")[0] for name in reference})
    table = [("build", "CPU", "threads", *groups)]
    for row in rows:
        other = differing(row["digests"], reference)
        cells = []
        for group in groups:
            names = [name for name in reference if name.startswith(f"{group}:")]
            bad = [name.split(": ")[1] for name in names if name in other]
            cells.append(f"**differ: {', '.join(bad)}**" if bad else f"{len(names)} same")
        table.append((row["build"], row["cpu"], str(row["threads"]), *cells))
    digests = [("case", "SHA-256, first 64 bits"), *sorted(reference.items())]
    why = [f"- `{name}`: {reason}" for name, reason in sorted(MAY_DIFFER.items())]
    env = record["environment"]
    introduction = (
        f"Written by `{record['command']}` on {record['date']} ({env['machine']}, "
        f"{record['data']['cpu']}, Python {env['python']}, NumPy {env['numpy']}, SciPy "
        f"{env['scipy']}). Every row is a fresh process. A cell says of how many results every bit "
        "is that of the first row: labels, cost, bound, messages, proofs and components of a cut, "
        "ids and similarities of a neighbour table."
    )
    parts = [
        "# The same bits",
        introduction,
        records.markdown_table(table),
        EXPLANATION,
        "## What may differ",
        "\n".join(why) if why else "Nothing does.",
        "## Digests",
        "Of the first row, to compare another machine with.",
        records.markdown_table(digests),
    ]
    return "\n\n".join(parts) + "\n"


def cpu_name() -> str:
    """Model name of this machine's CPU."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"


def main(arguments: list[str] | None = None) -> int:
    """Build, run, compare, write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reproducibility")
    parser.add_argument("--builds", nargs="+", choices=BUILDS, default=list(BUILDS))
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep builds there, and reuse them"
    )
    parser.add_argument("--page", action="store_true", help="only write the page from the results")
    options = parser.parse_args(arguments)
    if not options.page:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (options.keep or Path(temporary)).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            inputs = folder / "inputs.npz"
            write_inputs(inputs)
            rows: list[dict[str, Any]] = []
            for run in runs(options.builds):
                digests = measure(run, build(run.build, folder), inputs)
                rows.append({**run._asdict(), "digests": digests})
                other = differing(digests, rows[0]["digests"])
                print(f"{run.build}, {run.cpu}, {run.threads}:", other or "same", flush=True)
        records.write(
            RESULTS,
            records.command_line("benchmarks.reproducibility"),
            {"cpu": cpu_name(), "rows": rows},
        )
    record = records.read(RESULTS)
    PAGE.write_text(page(record))
    bad = unexpected(record["data"]["rows"])
    if bad:
        print("bits differ:", *bad, sep="\n  ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
