"""LU and QR factors in LAPACK's packed form, for which Ascend has no operators.

They are programs like a user's, of one matrix, column by column; `program` stages one for a stack
of matrices. Rows and columns are picked by masks: all steps work on arrays of one size, and where
the matrices of a stack exchange different rows nothing is gathered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ms_func import lax, vmap
from ms_func import numpy as np
from ms_func.extend import ArrayType, build
from ms_func.lowering.lower import lower_function
from ms_func_ascend.reader import Program, read


@cache
def program(factor: Callable[..., Any], *stacks: ArrayType) -> Program:
    """Program of a factorisation, for stacks of operands of these types."""
    return read(lower_function(build(factor.__name__, stacks, vmap(factor))))


def lu(a: Any) -> tuple[Any, Any, Any]:
    """xGETRF: factors, rows exchanged with each (from 1), first step without a pivot (or 0)."""
    m, n = a.shape
    row, column, step = np.arange(m)[:, None], np.arange(n), np.arange(min(m, n))

    def eliminate(k: Any, state: Any) -> Any:
        x, exchanged, info = state
        size = abs(np.real(_at(x, k, 1))) + abs(np.imag(_at(x, k, 1)))
        best = lax.argmax(np.where(row[:, 0] < k, -1, size), 0, np.int32)
        chosen = np.where(row == best, x, 0).sum(0)
        x = np.where(row == k, chosen, np.where(row == best, _at(x, k, 0), x))
        pivot = _at(chosen, k, 0)
        factor = (_at(x, k, 1) / np.where(pivot == 0, 1, pivot))[:, None]
        rest = np.where(column == k, factor, x - factor * chosen)
        x = np.where((row > k) & (column >= k), rest, x)
        info = np.where((info == 0) & (pivot == 0), k + 1, info)
        return x, np.where(step == k, best + 1, exchanged), info

    return _loop(len(step), eliminate, (a, 0 * step, np.int32(0)))


def qr(a: Any) -> tuple[Any, Any]:
    """xGEQRF: R, and below it the vectors of the reflections `I - tau v v^H`; their `tau`.

    As xLARFG finds them: `beta = -sign(re alpha) |x|` takes the place of `alpha`,
    `tau = (beta - alpha) / beta`, `v = x / (alpha - beta)` with 1 for the first.
    """
    m, n = a.shape
    row, column, step = np.arange(m), np.arange(n), np.arange(min(m, n))

    def reflect(k: Any, state: Any) -> Any:
        x, taus = state
        whole = np.where(row < k, 0, _at(x, k, 1))
        largest = np.max(abs(whole))
        scale = np.where(largest == 0, 1, largest)  # so that no square leaves the range
        alpha, tail = _at(whole, k, 0) / scale, np.where(row > k, whole / scale, 0)
        rest = np.sum(abs(tail) ** 2)
        done = (rest == 0) & (np.imag(alpha) == 0)
        norm = np.sqrt(abs(alpha) ** 2 + rest)
        beta = np.where(np.real(alpha) < 0, norm, -norm)
        tau = np.where(done, 0, (beta - alpha) / np.where(done, 1, beta))
        v = np.where(row == k, 1, tail / np.where(done, 1, alpha - beta))
        packed = np.where(row > k, v, np.where((row == k) & ~done, beta * scale, _at(x, k, 1)))
        x = np.where(column > k, _reflected(x, v, np.conj(tau)), x)
        x = np.where(column == k, packed[:, None], x)
        return x, np.where(step == k, tau, taus)

    return _loop(len(step), reflect, (a, np.zeros(len(step), a.dtype)))


def q(a: Any, taus: Any) -> tuple[Any]:
    """xORGQR: the first columns of the product of the reflections, the last one applied first."""
    row, count = np.arange(a.shape[0]), taus.shape[0]

    def reflect(i: Any, x: Any) -> Any:
        k = count - 1 - i
        v = np.where(row > k, _at(a, k, 1), row == k)
        return _reflected(x, v, _at(taus, k, 0))

    return (_loop(count, reflect, np.eye(*a.shape, dtype=a.dtype)),)


def _loop(count: int, step: Callable[..., Any], start: Any) -> Any:
    """Every step; of an empty matrix, none is staged."""
    return lax.fori_loop(0, count, step, start) if count else start


def _at(x: Any, k: Any, axis: int) -> Any:
    return lax.dynamic_index_in_dim(x, k, axis, keepdims=False, allow_negative_indices=False)


def _reflected(x: Any, v: Any, tau: Any) -> Any:
    return x - v[:, None] * (tau * (np.conj(v) @ x))
