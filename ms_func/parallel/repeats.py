"""Choices under which parts of a program that are alike are treated alike.

Layers and steps of recurrences that are written one by one are copies of each other. Nodes with the
same choices and the same prices to neighbours that are alike, up to some distance, are taken as one
(colour refinement: Weisfeiler and Leman, 1968): what remains is as small as the program with one
layer, or a loop over its steps, and is searched in a moment. The less is alike, the better the
choices may be, and the larger the problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ms_func.parallel.problem import Problem

ROUNDS = 4
"""Distance up to which neighbours are looked at."""


def alike(problem: Problem) -> Iterator[list[int]]:
    """Numbers of classes of nodes, coarse ones first; none where nothing is known of choices."""
    if not problem.places:
        return
    classes = _numbered([id(p) for p in problem.places])
    prices = {pair: hash(table.tobytes()) for pair, table in problem.edges.items()}
    count = 0
    for _ in range(ROUNDS):
        if max(classes) + 1 in (count, len(classes)):  # nothing new, or nothing alike
            return
        count = max(classes) + 1
        yield classes
        seen: list[list[tuple[int, bool, int]]] = [[] for _ in classes]
        for (i, j), price in prices.items():
            seen[i].append((price, True, classes[j]))
            seen[j].append((price, False, classes[i]))
        classes = _numbered([(c, *sorted(s)) for c, s in zip(classes, seen, strict=True)])


def _numbered(keys: Sequence[object]) -> list[int]:
    """Equal numbers for equal keys."""
    number: dict[object, int] = {}
    return [number.setdefault(k, len(number)) for k in keys]


def tied(problem: Problem, classes: Sequence[int]) -> Problem:
    """The problem with one node for each class."""
    nodes = [np.zeros(0)] * (max(classes) + 1)
    places = list(nodes)
    for c, prices, place in zip(classes, problem.nodes, problem.places, strict=True):
        nodes[c] = nodes[c] + prices if nodes[c].size else prices
        places[c] = place
    found = Problem(nodes, places=places)
    for (i, j), table in problem.edges.items():
        found.add_edge(classes[i], classes[j], table)
    return found
