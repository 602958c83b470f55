"""Primitives: one elementwise, one with every rule written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

import ms_func.numpy as np
from ms_func import extend, lax

# --- x sin(x), from its derivative alone -------------------------------------------------------

chirp_p = extend.elementwise(
    "waves_chirp",
    ref=lambda x: x * numpy.sin(x),
    derivative=lambda x, y: np.sin(x) + x * np.cos(x),
    lower=extend.lower_as(lambda x: x * np.sin(x)),
)


def chirp(x: Any) -> Any:
    """Elementwise `x sin(x)`."""
    return chirp_p.bind(x)


# --- product of the circulant matrix of c with x ------------------------------------------------


def _abstract(c: Any, x: Any, *, adjoint: bool) -> Any:
    if c.ndim != 1 or c.shape != x.shape or c.dtype != x.dtype:
        raise extend.ShapeError(
            f"circulant takes two vectors of one length and dtype, got {c}, {x}"
        )
    return extend.ArrayType(x.shape, x.dtype)


def _ref(c: numpy.ndarray, x: numpy.ndarray, *, adjoint: bool) -> numpy.ndarray:
    """y_i = sum_j c_{i-j} x_j, or c_{j-i} for the adjoint."""
    n = len(c)
    rows = [[c[(j - i if adjoint else i - j) % n] for j in range(n)] for i in range(n)]
    return numpy.asarray(rows, c.dtype).reshape(n, n) @ x


def _matrix(c: Any, adjoint: bool) -> Any:
    return c[_places(c.shape[0], adjoint)]


def _places(n: int, adjoint: bool) -> Any:
    """Which element of c stands where; computed, since rules hold no arrays."""
    i, j = lax.broadcasted_iota(int, (n, n), 0), lax.broadcasted_iota(int, (n, n), 1)
    return (j - i if adjoint else i - j) % max(n, 1)


def _transpose(ct: Any, c: Any, x: Any, *, adjoint: bool) -> list[Any]:
    """By x the other of matrix and adjoint; by c a correlation, which is a circulant again."""
    if type(x) is extend.UndefinedPrimal:
        return [None, circulant_p.bind(c, ct, adjoint=not adjoint)]
    if adjoint:
        return [circulant_p.bind(ct, x, adjoint=True), None]
    return [circulant_p.bind(x, ct, adjoint=True), None]


def _batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, adjoint: bool) -> Any:
    c, x = (
        np.broadcast_to(a, (size, *a.shape)) if d is None else extend.to_front(a, d, size)
        for a, d in zip(args, dims, strict=True)
    )
    rows = c[:, _places(c.shape[1], adjoint)]
    return lax.dot_general(rows, x, (((2,), (1,)), ((0,), (0,)))), 0


circulant_p = extend.register(
    extend.Primitive(
        "waves_circulant",
        abstract=_abstract,
        ref=_ref,
        lower=extend.lower_as(lambda c, x, adjoint: _matrix(c, adjoint) @ x),
        jvp=extend.Multilinear(0, 1),
        transpose=_transpose,
        batch=_batch,
        shard=lambda ins, outs, adjoint: "i, i -> i; i: whole",
        cost=lambda ins, outs, adjoint: extend.Cost(
            2.0 * ins[0].size ** 2, 0.0, float(sum(t.nbytes for t in (*ins, *outs)))
        ),
    )
)


def circulant(c: Any, x: Any) -> Any:
    """Product of the matrix whose columns are the rotations of `c` with `x`."""
    return circulant_p.bind(c, x, adjoint=False)


# --- a primitive with two results, a parameter and no derivative by choice ------------------------

ramp_p = extend.register(
    extend.Primitive(
        "waves_ramp",
        abstract=lambda x, *, steps: [x, extend.ArrayType(x.shape, numpy.int32)],
        ref=lambda x, *, steps: [
            numpy.floor(x * steps) / steps, numpy.floor(x * steps).astype(numpy.int32)
        ],
        lower=extend.lower_as(lambda x, steps: [
            np.floor(x * steps) / steps, np.floor(x * steps).astype(np.int32)
        ]),
        jvp=extend.ZERO,
        transpose=extend.NONLINEAR,
        batch=lambda size, args, dims, *, steps: (
            ramp_p.bind(*args, steps=steps), [dims[0], dims[0]]
        ),
        shard=extend.NotSupported("nobody splits a ramp"),
        multiple_results=True,
    )
)  # fmt: skip


def ramp(x: Any, steps: int) -> Any:
    """`x` rounded down to multiples of `1 / steps`, and which one it is."""
    return tuple(ramp_p.bind(x, steps=steps))
