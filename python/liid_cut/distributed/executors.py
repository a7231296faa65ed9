"""Units on the workers of a Dask cluster.

Dask runs a unit again when its worker dies, up to ``distributed.scheduler.allowed-failures`` times
(3 by default); that is safe, for a unit is a pure function whose block appears in one step.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from liid_cut.distributed.units import Done, Unit, run_unit

# Units that the scheduler knows of at a time.
_MOST_SUBMITTED = 4096
_SECONDS_BETWEEN_LOOKS = 2.0

_log = logging.getLogger(__name__)


class DaskExecutor:
    """Has units done by the workers of a client.

    Raises, while it runs
    ---------------------
    RuntimeError : a unit ended several workers.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Done]]:
        """Positions of units, and what they return, in the order in which they end."""
        from distributed import KilledWorker, as_completed

        run = uuid.uuid4().hex[:8]
        waiting = iter(enumerate(units))
        at: dict[str, int] = {}
        futures: dict[str, Any] = {}
        # Without a loop it would look for a default client.
        completed = as_completed(loop=self._client.loop, with_results=False)
        watch = _Watch(self._client)

        def submit() -> bool:
            for i, unit in waiting:
                key = f"liid_cut-{unit.name}-{run}"
                # As urgent as the unit: all inputs before the first unit would fill the workers.
                inputs = [self._client.compute(part, priority=-i) for part in unit.inputs]
                future = self._client.submit(
                    run_unit, _without_inputs(unit), *inputs, key=key, pure=False, priority=-i
                )
                at[key] = i
                futures[key] = future
                completed.add(future)
                return True
            return False

        try:
            while len(futures) < _MOST_SUBMITTED and submit():
                pass
            for future in completed:
                i = at.pop(future.key)
                try:
                    done = future.result()
                except KilledWorker as error:
                    raise RuntimeError(
                        f"unit {units[i].name} ended {error.allowed_failures + 1} workers, at last "
                        f"{error.last_worker.address}: it may need more memory than a worker has, "
                        "or machines fail; the workers' logs say more"
                    ) from None
                except OSError as error:
                    raise OSError(
                        error.errno,
                        f"{error.strerror or error} (a worker, in unit {units[i].name}; what is "
                        "done is kept if the run has a checkpoint)",
                        error.filename,
                    ) from None
                watch.look()
                del futures[future.key]
                submit()
                yield i, done
        finally:
            self._client.cancel(list(futures.values()))


class _Watch:
    """Says in the log when a worker leaves."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._workers = self._present()
        self._looked = time.monotonic()

    def look(self) -> None:
        """Compare with the workers of the last time, now and then."""
        if time.monotonic() - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        present = self._present()
        for worker in sorted(self._workers - present):
            _log.warning("worker %s has left; the units that it was at run again", worker)
        self._workers = present
        self._looked = time.monotonic()

    def _present(self) -> set[str]:
        return set(self._client.scheduler_info(n_workers=-1)["workers"])


def check_folder(client: Any, folder: Path) -> None:
    """Raise a ``ValueError`` where a worker does not see the folder, or there is no worker."""
    token = uuid.uuid4().hex
    path = folder / f".seen-{token}"
    path.write_text(token)
    try:
        seen = client.run(_sees, path, token)
    finally:
        path.unlink()
    if not seen:
        raise ValueError("client has no workers; start some, or wait for them")
    blind = sorted(worker for worker, sees in seen.items() if not sees)
    if blind:
        raise ValueError(
            f"checkpoint: worker {blind[0]} does not see the folder {folder} of the client; name "
            "one that all workers share, as the files that are read have to be"
        )


def _sees(path: Path, token: str) -> bool:
    try:
        return path.read_text() == token
    except OSError:
        return False


def _without_inputs(unit: Unit) -> Unit:
    """The unit as it is sent: a collection inside it would travel as a whole graph."""
    return Unit(unit.name, unit.function, unit.arguments, unit.store, unit.returns, (), unit.fresh)
