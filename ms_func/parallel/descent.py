"""Choices near others: the same search over some axes of the mesh while the rest stays.

With every axis of a mesh the choices of a node multiply, and tables with them. A mesh of which
two axes go together is one with fewer axes, and one axis alone, the others as they are, is a
mesh of one: both are searched in a moment. The first kind gives plans to start from, so that
none on a coarser mesh is cheaper; the second improves them until neither one axis nor several
can be moved to anything better (coordinate descent with exact steps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np

from ms_func.parallel.problem import Problem

Solver = Callable[[Problem], Sequence[int]]
"""Good choices of a problem."""


def descend(
    problem: Problem, start: Sequence[int], solve: Solver, late: Callable[[], bool]
) -> Iterator[list[int]]:
    """Choices of one smaller problem after the other, until none of the moves helps.

    Args:
        problem: what to minimise; without `places` nothing is known of axes.
        start: choices to start from, unless others on a coarser mesh are cheaper.
        solve: finds choices of the smaller problems on the way.
        late: whether to stop; coarser meshes are looked at in any case.
    """
    axes = 0 if not problem.places else problem.places[0].shape[1]
    best, price = list(start), problem.price(start)
    for groups in _groupings(axes):
        found = _within(problem, [_together(p, groups) for p in problem.places], solve)
        if found is not None:
            yield found
            if problem.price(found) < price:
                best, price = found, problem.price(found)
    moves = [free for size in range(1, axes) for free in combinations(range(axes), size)]
    waiting = list(moves)
    while waiting and not late():
        found = _within(problem, _beside(problem, best, waiting.pop(0)), solve)
        if found is not None:
            yield found
            if problem.price(found) < price * (1 - 1e-9):
                best, price, waiting = found, problem.price(found), list(moves)


def _groupings(axes: int) -> Iterator[list[tuple[int, ...]]]:
    """All axes as one, then every two of them."""
    if axes > 1:
        yield [tuple(range(axes))]
    if axes > 2:
        yield from ([pair] for pair in combinations(range(axes), 2))


def _together(places: np.ndarray, groups: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Numbers of the choices in which the axes of each group do the same."""
    same = [(places[:, list(g)] == places[:, [g[0]]]).all(1) for g in groups]
    return np.flatnonzero(np.all(same, axis=0))


def _beside(problem: Problem, choices: Sequence[int], free: Sequence[int]) -> list[np.ndarray]:
    """Numbers of the choices that differ from those taken in the free axes only."""
    axes = problem.places[0].shape[1]
    fixed = [a for a in range(axes) if a not in free]
    pairs = zip(problem.places, choices, strict=True)
    return [np.flatnonzero((p[:, fixed] == p[c, fixed]).all(1)) for p, c in pairs]


def _within(problem: Problem, keep: Sequence[np.ndarray], solve: Solver) -> list[int] | None:
    """Choices among those kept; None where a node keeps none."""
    if any(not len(k) for k in keep):
        return None
    edges = {(i, j): m[np.ix_(keep[i], keep[j])] for (i, j), m in problem.edges.items()}
    smaller = Problem([v[k] for v, k in zip(problem.nodes, keep, strict=True)], edges)
    return [int(k[c]) for k, c in zip(keep, solve(smaller), strict=True)]
