"""How a run is laid out: the steps of each stage, whatever runs them."""

from __future__ import annotations

from dataclasses import dataclass

from liid_cut.planning.parts import Part


@dataclass(frozen=True)
class Layout:
    """The steps of every stage.

    Attributes
    ----------
    method, reason : the neighbour method, and why.
    stages : name to steps.
    process : bytes of a process before it has done anything.
    blocks : sizes of what is handed out, by name.
    assumptions : sentences.
    directions_wanted, directions : principal coordinates that ``"pca"`` needs for its recall, and
        those that fit; 0 for other methods.
    client : bytes of the client of a distributed run; 0: there is none.
    problem : why the run will not start; empty: it will.
    """

    method: str
    reason: str
    stages: dict[str, list[Part]]
    process: float
    blocks: dict[str, int]
    assumptions: tuple[str, ...]
    directions_wanted: int = 0
    directions: int = 0
    client: float = 0.0
    problem: str = ""
