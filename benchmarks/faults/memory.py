"""Every allocation of a solve made to fail in turn, alone or with all after it.

Input: small instances that reach every stage; ``failing_malloc.c``, compiled here and loaded by
LD_PRELOAD. Each solve runs in a forked child, so that a crash is one entry of the table. Every
result is verified, and held against the one of an undisturbed solve; blocks that are alive are
counted before and after, up to four times, and a growth that repeats each time is a leak.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.faults import Row

SOURCE = Path(__file__).with_name("failing_malloc.c")
NEVER = 1 << 40
sample = 1  # further thinning of the allocations that fail, for a machine that has no time


def compiled(folder: str) -> str:
    """The library, compiled."""
    library = str(Path(folder, "failing_malloc.so"))
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", library, str(SOURCE), "-ldl"], check=True
    )
    return library


def rows(quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(folder)
        for name in CASES:
            for mode in ("once", "ever after"):
                step = 97 if quick else CASES[name][1] * sample
                command = [sys.executable, "-m", "benchmarks.faults.memory", name, mode, str(step)]
                child = subprocess.run(
                    command,
                    env=os.environ | {"LD_PRELOAD": library, "OMP_NUM_THREADS": "1"},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if child.returncode:
                    yield Row("memory", name, failures=[child.stderr[-500:]])
                    continue
                found = json.loads(child.stdout.splitlines()[-1])
                yield Row("memory", found.pop("fault"), **found)


def _case(instance: Callable[[], Any], method: str, n_jobs: int) -> Callable[[], Any]:
    def prepared() -> Any:
        from liid_cut import solve, verify

        inst = instance()
        problem = inst.problem()
        return (
            lambda: solve(problem, method=method, n_jobs=n_jobs),
            lambda result: verify(result, inst.probs, inst.graph),
        )

    return prepared


def _constrained() -> Any:
    from constrained import links, tagged_images

    from liid_cut import make_problem, solve, verify

    inst, coverage = tagged_images(5, seed=0)
    given = {"coverage": coverage, "cannot_link": links(len(inst.probs), 3, seed=0)}
    problem = make_problem(inst.probs, graph=inst.graph, **given)
    return (
        lambda: solve(problem, n_jobs=1),
        lambda result: verify(result, inst.probs, inst.graph, **given),
    )


def _named(name: str, *arguments: Any) -> Callable[[], Any]:
    def made() -> Any:
        import hard_instances
        import instances

        found = getattr(instances, name, None) or getattr(hard_instances, name)
        return found(*arguments) if callable(found) else found

    return made


def _union() -> Any:
    from instances import star, triangle, union

    return union(triangle(), star(), triangle())


# What it reaches: (how to solve and verify it, every how many allocations one fails).
CASES: dict[str, tuple[Callable[[], Any], int]] = {
    "reductions": (_case(_named("star"), "auto", 1), 1),
    "dual ascent, expansion, persistency": (_case(_named("grid", 5, 4, 0), "auto", 2), 1),
    "search by dual ascent, 2 threads": (_case(_union, "auto", 2), 1),
    "LP and cycle cuts": (_case(_named("necklace", 4), "auto", 1), 1),
    "LP of each component, 2 threads": (_case(_union, "ckr", 2), 1),
    "LP, branch and bound": (_case(_named("SMALL"), "ckr", 1), 3),
    "nested proofs, LP, cuts, branch and bound": (_case(_named("NESTED_WITH_CUTS"), "auto", 1), 97),
    "enumeration": (_case(_named("triangle"), "brute_force", 1), 1),
    "constraints": (_constrained, 7),
}


class _Faults:
    """The preloaded library, around every call of the core that the solve makes."""

    def __init__(self) -> None:
        from liid_cut import _core

        self.library = ctypes.CDLL(None)
        self.library.fault_arm.argtypes = [ctypes.c_long, ctypes.c_int]
        self.library.fault_count.restype = ctypes.c_long
        self.library.fault_live.restype = ctypes.c_long
        self.core, self.real = _core, _core.solve
        self.before = 0

    def count(self, job: Callable[[], Any]) -> int:
        """Allocations of a call that goes well."""
        self.attempt(job, NEVER, False)
        return self.before

    def attempt(self, job: Callable[[], Any], number: int, forever: bool) -> Any:
        """What the call returns or raises when allocation ``number`` of the core fails."""
        self.before = 0

        def armed(*arguments: Any, **settings: Any) -> Any:
            left = number - self.before
            if left <= 0 and forever:
                left = 1
            self.library.fault_arm(max(left, 0), forever)
            try:
                return self.real(*arguments, **settings)
            finally:
                self.library.fault_disarm()
                self.before += self.library.fault_count()

        self.core.solve = armed
        try:
            return job()
        except Exception as error:  # whatever it is, the table shows it
            return error
        finally:
            self.core.solve = self.real

    def leaks(self, job: Callable[[], Any], number: int, forever: bool) -> bool:
        """Whether blocks stay behind, again and again, that Python's collector does not free."""
        gc.collect()
        before = self.library.fault_live()
        for _ in range(4):  # the ends of threads come and go by a block
            self.attempt(job, number, forever)
            gc.collect()
            now = self.library.fault_live()
            if now <= before:
                return False
            before = now
        return True


def _try_all(name: str, forever: bool, step: int) -> dict[str, Any]:
    solve, check = CASES[name][0]()
    faults = _Faults()
    reference = solve()
    total = faults.count(solve)
    row = Row("memory", f"{name}: {'allocation n and all after it' if forever else 'allocation n'}")
    if total == 0:
        row.failures.append("no allocation of the core was seen")
    in_highs = 0
    number = 1
    while number <= total:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _child(write, faults, solve, check, reference, range(number, total + 1, step), forever)
        os.close(write)
        for line in os.fdopen(read):
            kind, at, what = json.loads(line)
            number = at
            if kind == "outcome":
                row.outcomes[what] += 1
            elif kind == "leak in HiGHS":
                in_highs += 1
            elif kind != "start":
                row.failures.append(f"allocation {at}: {what}")
        _, status = os.waitpid(child, 0)
        if status:
            row.outcomes["crash"] += 1
            row.failures.append(f"allocation {number}: the process ended with {status}")
        number += step
    if not row.outcomes["MemoryError"] + row.outcomes["memory_limit"]:
        row.failures.append("no allocation that failed was felt")
    row.note = f"{total} allocations" + (f", every {step}th" if step > 1 else "")
    if in_highs:
        row.note += f"; {in_highs} of those inside HiGHS leave blocks of HiGHS behind"
    return {k: getattr(row, k) for k in ("fault", "outcomes", "failures", "note")}


def _child(
    write: int,
    faults: _Faults,
    solve: Callable[[], Any],
    check: Callable[[Any], Any],
    reference: Any,
    numbers: range,
    forever: bool,
) -> None:
    def tell(kind: str, at: int, what: str = "") -> None:
        os.write(write, (json.dumps([kind, at, what]) + "\n").encode())

    for i, number in enumerate(numbers):
        tell("start", number)
        found = faults.attempt(solve, number, forever)
        in_highs = faults.library.fault_in_highs()
        if isinstance(found, MemoryError):
            tell("outcome", number, "MemoryError")
        elif isinstance(found, BaseException):
            tell("outcome", number, type(found).__name__)
            tell("failure", number, repr(found))
        else:
            tell("outcome", number, found.status)
            if not check(found):
                tell("failure", number, f"false claims: {check(found).problems[:2]}")
            if found.status not in ("optimal", "memory_limit"):
                tell("failure", number, f"status {found.status}")
        del found
        if faults.leaks(solve, number, forever):
            tell("leak in HiGHS" if in_highs else "failure", number, "leaves blocks behind")
        if i % 50 == 0 and (solve().labels != reference.labels).any():
            tell("failure", number, "the next solve differs")
    if (solve().labels != reference.labels).any():
        tell("failure", numbers[-1], "the next solve differs")
    os._exit(0)


if __name__ == "__main__":
    print(json.dumps(_try_all(sys.argv[1], sys.argv[2] == "ever after", int(sys.argv[3]))))
