"""Programs whose expressions are to be found as operators: translated, run, counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ms_func as ms
from ms_func_ascend import Graph, Options, simulate, to_bytes, translate
from tests.support.ascend import read_back

Cases = dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...], dict[str, int]]]
"""Function, arguments and how often each operator that computes anything is expected."""


def slope(f: Callable[..., Any]) -> Callable[..., Any]:
    """The result, and the gradient of its sum weighted by numbers of its own."""

    def run(*arguments: Any) -> Any:
        y, back = ms.vjp(f, *arguments)
        weights = np.cos(np.arange(y.size)).astype(y.dtype).reshape(y.shape)
        return y, back(weights)

    return run


def graph_of(f: Callable[..., Any], *arguments: np.ndarray, **options: Any) -> Graph:
    module = ms.jit(f).trace(*arguments).closed().compiler_ir()
    return read_back(to_bytes(translate(module, Options(**options))))


def computing(graph: Graph) -> dict[str, int]:
    """How often each operator occurs that computes anything."""
    return {op: n for op, n in graph.count().items() if op not in ("Data", "Const")}


def check_found(cases: Cases) -> None:
    """Found, and equal to XLA: all of them in one program there; each alone for its operators."""
    flat = [a for _, arguments, _ in cases.values() for a in arguments]

    def everything(*held: np.ndarray) -> list[Any]:
        given = iter(held)
        return [f(*[next(given) for _ in arguments]) for f, arguments, _ in cases.values()]

    wanted = ms.jit(everything)(*flat)
    for (name, (f, arguments, operators)), want in zip(cases.items(), wanted, strict=True):
        graph = graph_of(f, *arguments)
        assert computing(graph) == operators, name
        results = simulate(graph, arguments)
        for got, value in zip(results, ms.tree.leaves(want), strict=True):
            np.testing.assert_allclose(got, value, rtol=2e-5, atol=3e-6, err_msg=name)
