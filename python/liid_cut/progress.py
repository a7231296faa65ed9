"""Progress of a running solve: a bar, or a call of the user's function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """What a progress function is called with, some 20 times a second."""

    components_done: int
    n_components: int
    cost: float
    """Cost of the best labelling so far."""
    lower_bound: float
    """Lower bound proven so far."""


Report = Callable[[int, int, float, float], None]


@contextmanager
def reporter(progress: Any) -> Iterator[Report | None]:
    """Turn the ``progress`` argument into what the core calls.

    None or False: nothing; True: a tqdm bar on standard error; a function: called with a
    :class:`Progress`. What the function raises stops the solve and is raised again.
    """
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with _bar() as report:
            yield report
    elif callable(progress):
        yield lambda *state: progress(Progress(*state))
    else:
        raise ValueError(f"progress is {progress!r}; it must be None, True or a function")


@contextmanager
def _bar() -> Iterator[Report]:
    from tqdm import tqdm

    with tqdm(desc="multiway cut", unit=" components") as bar:

        def report(done: int, total: int, cost: float, lower_bound: float) -> None:
            bar.total = total
            bar.n = done
            bar.set_postfix(cost=f"{cost:.6g}", gap=f"{cost - lower_bound:.3g}", refresh=False)
            bar.refresh()

        yield report
