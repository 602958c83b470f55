"""What a figure is: a program both libraries run, how it is repeated, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.library import Library


class Program(NamedTuple):
    """One side of a figure, ready to be timed.

    Attributes:
        loop: `loop(n)` makes `n` calls and returns when their results are there.
        check: a number both libraries must agree on, so that both do the same work.
        operations: StableHLO operations of the lowered program, where that is a figure too.
        memory: bytes that the compiled program needs between arguments and results, likewise.
        reference: what is timed in place of the peer, where a program is compared with a part
            of itself.
    """

    loop: Callable[[int], object]
    check: float
    operations: int | None = None
    memory: int | None = None
    reference: Callable[[int], object] | None = None


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: how the row is asked for on the command line.
        title: what is timed, in words.
        make: builds the program on a library; None: a fresh process that imports it.
        must: the largest ratio to JAX that is acceptable, if any.
        aim: the ratio aimed at.
        must_operations: the same for the number of StableHLO operations.
        aim_operations: the same for the number of StableHLO operations.
        must_memory: the same for the memory of the compiled program.
        aim_memory: the same for the memory of the compiled program.
        own: whether the program is compared with its `reference` instead of the peer.
        block_ms: shortest time of one block of calls.
        processes: pairs of fresh processes that the blocks are shared among; the speed of a few
            microseconds of Python differs by some per cent from process to process.
    """

    name: str
    title: str
    make: Callable[[Library], Program] | None
    must: float | None = None
    aim: float | None = None
    must_operations: float | None = None
    aim_operations: float | None = None
    must_memory: float | None = None
    aim_memory: float | None = None
    own: bool = False
    block_ms: float = 40.0
    processes: int = 1
