"""FAISS's number of threads, and the warning about its slow BLAS."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Kernels of OpenBLAS for CPUs without AVX; what it falls back to on a CPU that it does not know.
_WITHOUT_AVX = ("prescott", "barcelona", "core2", "penryn", "nehalem", "dunnington", "opteron")
_WITH_AVX512 = ("skylakex", "cooperlake", "sapphirerapids")
_warned = False


@contextmanager
def faiss_threads(n_threads: int) -> Iterator[None]:
    """Run FAISS on this many threads, then give the user's number back."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(n_threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def slow_blas() -> str | None:
    """What is wrong with FAISS's BLAS and what helps; None if nothing is.

    The wheels of faiss-cpu carry an OpenBLAS of 2021, which takes newer CPUs for ones without AVX
    and multiplies matrices several times slower than they could. NumPy's newer copy knows them.
    """
    import faiss  # noqa: F401  - its BLAS is listed once it is loaded
    from threadpoolctl import threadpool_info

    blas = {
        "faiss" if "faiss" in library["filepath"] else "numpy": library["architecture"].lower()
        for library in threadpool_info()
        if library["internal_api"] == "openblas"
        and ("faiss" in library["filepath"] or "numpy" in library["filepath"])
    }
    ours, theirs = blas.get("numpy"), blas.get("faiss")
    if theirs not in _WITHOUT_AVX or ours is None or ours in _WITHOUT_AVX:
        return None
    core = "SkylakeX" if ours in _WITH_AVX512 else "Haswell"
    return (
        f"FAISS's BLAS takes this CPU for an old one ({theirs}; NumPy's says {ours}), which makes "
        f"its matrix products several times slower; set OPENBLAS_CORETYPE={core} in the "
        "environment before Python starts"
    )


def warn_once_of_slow_blas() -> str | None:
    """Warn at the first call of the process; returns what :func:`slow_blas` says."""
    global _warned
    problem = slow_blas()
    if problem is not None and not _warned:
        _warned = True
        warnings.warn(problem, RuntimeWarning, stacklevel=2)
    return problem
