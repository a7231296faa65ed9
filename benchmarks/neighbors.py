"""Measures neighbour searches, ours and others, on the same features in the same run.

    python -m benchmarks.neighbors                                   # 10,000 x 512, a minute
    python -m benchmarks.neighbors --rows 50000 --columns 2048
    python -m benchmarks.neighbors --features FILE.npz               # array feats
    python -m benchmarks.neighbors --rows 200000 --columns 2048 --dtype float16 --only liid-auto
    python -m benchmarks.neighbors --rows 1000000 --columns 256 --dtype float16 --only liid-cut

Every search runs in a fresh process without OPENBLAS_* variables (but for those that its row
names), on all cores. CPU seconds are user + system of all threads, from the features in memory (or
mapped, ``--mapped``) to the neighbours.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.deep_features import energy, write_deep_features
from benchmarks.instances import REPOSITORY

K = 3
ORACLE_ROWS = 500
SKYLAKE = {"OPENBLAS_CORETYPE": "SkylakeX"}
Found = tuple[np.ndarray, dict[str, Any]]


# ---- the searches: features (n, d) and options to ids (n, >= K), self left out, and remarks


def liid(neighbors: str) -> Callable[[np.ndarray, argparse.Namespace], Found]:
    """Our own, by its setting."""

    def search(feats: np.ndarray, options: argparse.Namespace) -> Found:
        import liid_cut

        table = liid_cut.find_neighbors(
            feats,
            K,
            neighbors=neighbors,
            max_memory=options.max_memory,
            target_recall=options.target,
        )
        return table.ids, {"remark": table.report["reason"], "method": table.report["method"]}

    return search


def liid_cut_whole(feats: np.ndarray, options: argparse.Namespace) -> Found:
    """``neighbors="auto"`` inside the whole `multiway_cut`, 21 labels."""
    import liid_cut

    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.full(21, 0.3), size=len(feats)).astype(np.float32)
    kept: list[Any] = []

    def search(*arguments: Any) -> Any:
        kept.append(original(*arguments))
        return kept[0]

    original, liid_cut.problem.search = liid_cut.problem.search, search
    result = liid_cut.multiway_cut(
        probs, feats, delta=0.5, max_memory=options.max_memory, target_recall=options.target
    )
    report = result.diagnostics["neighbors"]
    remark = f"{report['reason']}; cut {result.status}, {result.timings}"
    return kept[0].ids, {"remark": remark, "method": report["method"]}


def without_self(ids: np.ndarray) -> np.ndarray:
    """Drop each row's own id, wherever it stands."""
    others = ids != np.arange(len(ids))[:, None]
    order = np.argsort(~others, axis=1, kind="stable")[:, :K]
    return np.take_along_axis(ids, order, axis=1)


def unit(feats: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32."""
    rows = np.asarray(feats, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def faiss_flat(feats: np.ndarray, options: argparse.Namespace) -> Found:
    """FAISS's exact search."""
    import faiss

    index = faiss.IndexFlatIP(feats.shape[1])
    rows = unit(feats)
    index.add(rows)
    return without_self(index.search(rows, K + 1)[1]), {}


def torch_topk(feats: np.ndarray, options: argparse.Namespace) -> Found:
    """Products and top-k by torch, in blocks."""
    import torch

    rows = torch.from_numpy(unit(feats))
    blocks = [(rows[i : i + 1024] @ rows.T).topk(K + 1).indices for i in range(0, len(rows), 1024)]
    return without_self(torch.cat(blocks).numpy()), {}


def sklearn_brute(feats: np.ndarray, options: argparse.Namespace) -> Found:
    """scikit-learn's brute force; Euclidean on unit rows, its fastest way to the same order."""
    from sklearn.neighbors import NearestNeighbors

    rows = unit(feats)
    found = NearestNeighbors(n_neighbors=K + 1, algorithm="brute").fit(rows).kneighbors(rows)
    return without_self(found[1]), {}


def hnswlib_graph(feats: np.ndarray, options: argparse.Namespace) -> Found:
    """Hnswlib with the settings of its README (M 16, ef_construction 200), ef 100."""
    import hnswlib

    index = hnswlib.Index(space="ip", dim=feats.shape[1])
    index.init_index(max_elements=len(feats), ef_construction=200, M=16)
    rows = unit(feats)
    index.add_items(rows)
    index.set_ef(100)
    return without_self(index.knn_query(rows, k=K + 1)[0].astype(np.int64)), {}


def pynndescent_graph(feats: np.ndarray, options: argparse.Namespace) -> Found:
    """pynndescent, default settings, 10 neighbours searched; compilation included."""
    from pynndescent import NNDescent

    index = NNDescent(unit(feats), metric="dot", n_neighbors=10, random_state=0)
    return without_self(index.neighbor_graph[0].astype(np.int64)), {}


# The function, and the module that is loaded before the clock starts.
SEARCHES: dict[str, tuple[Callable[..., Found], str]] = {
    "faiss-flat": (faiss_flat, "faiss"),
    "faiss-flat SkylakeX": (faiss_flat, "faiss"),
    "torch-topk": (torch_topk, "torch"),
    "sklearn-brute": (sklearn_brute, "sklearn.neighbors"),
    "hnswlib": (hnswlib_graph, "hnswlib"),
    "pynndescent": (pynndescent_graph, "pynndescent"),
    "liid-exact": (liid("exact"), "liid_cut"),
    "liid-certified": (liid("certified"), "liid_cut"),
    "liid-pca": (liid("pca"), "liid_cut"),
    "liid-auto": (liid("auto"), "liid_cut"),
    "liid-torch": (liid("torch:cpu"), "liid_cut"),
    "liid-cut": (liid_cut_whole, "liid_cut"),
}
DEFAULT = [name for name in SEARCHES if name not in ("liid-torch", "liid-cut")]
HEADER = [
    "search",
    "CPU s",
    "x liid-exact",
    "wall s",
    "peak MiB",
    "recall@3",
    "as liid-exact",
    "remark",
]


# ---- one search in this process


def memory_mib(field: str) -> float:
    """A field of this process's memory status: VmHWM, RssAnon, ..."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


def run_here(name: str, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure a search; ids go to ``ids.npy`` beside the features."""
    feats = np.load(path, mmap_mode="r")
    if not options.mapped:
        feats = np.array(feats)
    search, module = SEARCHES[name]
    importlib.import_module(module)
    before = os.times()
    start = time.perf_counter()
    ids, facts = search(feats, options)
    wall = time.perf_counter() - start
    after = os.times()
    np.save(path.with_name(f"{name.replace(' ', '-')}-ids.npy"), ids[:, :K])
    cpu = after.user - before.user + after.system - before.system
    return {"cpu_s": cpu, "wall_s": wall, "peak_mib": memory_mib("VmHWM"), **facts}


def product_speed(library: str) -> dict[str, float]:
    """Multiply-adds a second of CPU, single precision, one thread, 2048 columns."""
    n, d = 1024, 2048
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((n, d), dtype=np.float32) for _ in range(2))
    if library == "numpy":
        out = np.empty((n, n), dtype=np.float32)
        call: Callable[[], Any] = lambda: np.dot(x, y.T, out=out)  # noqa: E731
    elif library == "torch":
        import torch

        a, b = torch.from_numpy(x), torch.from_numpy(y)
        call = lambda: a @ b.T  # noqa: E731
    else:
        import faiss

        index = faiss.IndexFlatIP(d)
        index.add(y)
        call = lambda: index.search(x, 1)  # noqa: E731
    call()
    times = []
    for _ in range(7):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return {"gflops": 2 * n * n * d / min(times) / 1e9}


# ---- all of them, each apart


def run_apart(arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """A child's line of JSON, or ``{"remark": why not}``."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.neighbors", *arguments],
        cwd=REPOSITORY,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    last = child.stdout.strip().rpartition("\n")[2]
    if child.returncode or not last.startswith("{"):
        return {"remark": f"failed: {child.stderr.strip().rpartition(chr(10))[2]}"}
    result: dict[str, Any] = json.loads(last)
    return result


def oracle(feats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some rows and their neighbours by brute force in double, ties to the lower row."""
    n = len(feats)
    rows = np.sort(np.random.default_rng(7).choice(n, min(n, ORACLE_ROWS), replace=False))
    x = np.asarray(feats[rows], dtype=np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    ids = np.full((len(rows), K), -1, dtype=np.int64)
    values = np.full((len(rows), K), -np.inf)
    for start in range(0, n, 8192):
        y = np.asarray(feats[start : start + 8192], dtype=np.float64)
        products = x @ (y / np.linalg.norm(y, axis=1, keepdims=True)).T
        columns = np.arange(start, start + len(y))
        products[rows[:, None] == columns] = -np.inf
        values = np.hstack([values, products])
        ids = np.hstack([ids, np.broadcast_to(columns, products.shape)])
        order = np.argsort(-values, axis=1, kind="stable")[:, :K]
        values, ids = (np.take_along_axis(table, order, axis=1) for table in (values, ids))
    return rows, ids


def versions() -> str:
    """Versions of what takes part."""
    found = []
    names = ("numpy", "faiss-cpu", "torch", "scikit-learn", "hnswlib", "pynndescent")
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def features_file(options: argparse.Namespace, folder: Path) -> Path:
    """The features as an ``.npy`` file, generated or taken from the user's ``.npz``."""
    if options.features is None:
        name = f"{options.rows}x{options.columns}-{options.dtype}-{options.decay:g}"
        path = folder / name / "feats.npy"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_deep_features(
                path, options.rows, options.columns, decay=options.decay, dtype=options.dtype
            )
        return path
    path = folder / Path(options.features).stem / "feats.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    with np.load(options.features, allow_pickle=False) as data:
        np.save(path, data["feats"])
    return path


def report(options: argparse.Namespace, folder: Path) -> None:
    """Run everything and print tables."""
    path = features_file(options, folder)
    feats = np.load(path, mmap_mode="r")
    shares = " / ".join(f"{share:.1%}" for share in energy(feats, (128, 256, 512)))
    print(f"Features: {feats.shape[0]} x {feats.shape[1]} {feats.dtype}; energy in 128 / 256 / 512")
    print(f"principal directions: {shares}. {os.cpu_count()} cores; {versions()}.\n")

    print("| products, one call | GFLOP per CPU s |\n|---|---|")
    speeds = {}
    for library, environment in (
        ("numpy", {}),
        ("torch", {}),
        ("faiss", {}),
        ("faiss", SKYLAKE),
    ):
        name = " ".join([library, *environment.values()])
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        found = run_apart(["--speed", library], environment | one_thread)
        speeds[name] = found.get("gflops", 0.0)
        print(f"| {name} | {speeds[name]:.0f} |")

    rows, truth = oracle(feats)
    print("\n| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER), flush=True)
    exact: dict[str, Any] = {}
    names = options.only or DEFAULT
    for name in sorted(names, key=lambda name: name != "liid-exact"):
        found = run_apart(
            ["--child", name, "--path", str(path), "--target", str(options.target)]
            + (["--mapped"] if options.mapped else [])
            + (["--max-memory", options.max_memory] if options.max_memory else []),
            SKYLAKE if name.endswith("SkylakeX") else {},
        )
        if "cpu_s" not in found:
            print(f"| {name} | - | - | - | - | - | - | {found['remark']} |", flush=True)
            continue
        ids = np.load(path.with_name(f"{name.replace(' ', '-')}-ids.npy"))
        if name == "liid-exact":
            exact = {"ids": ids, **found}
        hits = (truth[:, :, None] == ids[rows][:, None, :]).any(axis=2).mean()
        same = f"{(ids == exact['ids']).all(axis=1).mean():.4%}" if exact else "-"
        ratio = f"{found['cpu_s'] / exact['cpu_s']:.2f}" if exact else "-"
        remark = found.get("remark", "")
        if name == "liid-exact":
            flops = feats.shape[0] ** 2 * feats.shape[1]
            reached = flops / found["cpu_s"] / 1e9
            remark = f"{reached:.0f} GFLOP per CPU s, {reached / speeds['numpy']:.0%} of NumPy's"
        cells = [
            name,
            f"{found['cpu_s']:.2f}",
            ratio,
            f"{found['wall_s']:.1f}",
            f"{found['peak_mib']:.0f}",
            f"{hits:.4f}",
            same,
            remark,
        ]
        print("| " + " | ".join(cells) + " |", flush=True)
    if exact and not (exact["ids"][rows] == truth).all():
        print("\nCONTRADICTION: liid-exact differs from brute force in double")
        sys.exit(1)


def main() -> None:
    """Parse the command line; measure, or be one of the children."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.neighbors", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--decay", type=float, default=0.6, help="of the generated spectrum")
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float32")
    parser.add_argument("--features", help=".npz file with feats (n, d), instead")
    parser.add_argument("--only", nargs="+", choices=list(SEARCHES))
    parser.add_argument("--mapped", action="store_true", help="leave the features on disk")
    parser.add_argument("--max-memory", help="of our searches, for example '1 GiB'")
    parser.add_argument("--target", type=float, default=0.999, help="recall asked of our searches")
    parser.add_argument("--folder", help="keep generated features here; default: a temporary one")
    parser.add_argument("--child", choices=list(SEARCHES), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--speed", choices=("numpy", "torch", "faiss"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.speed:
        print(json.dumps(product_speed(options.speed)))
    elif options.child:
        print(json.dumps(run_here(options.child, options.path, options)))
    elif options.folder:
        report(options, Path(options.folder))
    else:
        with tempfile.TemporaryDirectory() as folder:
            report(options, Path(folder))


if __name__ == "__main__":
    main()
