"""One call of each function of the standard, drawn at random: operands, then keyword arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
REAL, INEXACT, NUMERIC = INTS + FLOATS, FLOATS + COMPLEX, INTS + FLOATS + COMPLEX
BOOL, BITS, ALL = ("bool",), ("bool", *INTS), ("bool", *NUMERIC)
Call = tuple[list[Any], dict[str, Any]]


class Draw:
    """Source of operands."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def pick(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))

    def shape(self, low: int = 0, high: int = 3, empty: bool = True) -> tuple[int, ...]:
        least = 0 if empty and self.rng.random() < 0.15 else 1
        return tuple(self.number(least, 5) for _ in range(self.number(low, high + 1)))

    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Two shapes that broadcast."""
        full = self.shape()
        cut = tuple(1 if self.rng.random() < 0.3 else n for n in full)
        return self.pick((full, s := cut[self.number(0, len(full) + 1) :]), (s, full))

    def array(
        self, dtype: str, shape: tuple[int, ...] | None = None, edges: bool = False
    ) -> np.ndarray:
        """Small numbers, or with `edges` also the largest ones, infinities and NaN."""
        shape, rng = self.shape() if shape is None else shape, self.rng
        if dtype == "bool":
            return np.asarray(rng.integers(0, 2, shape), bool)
        if dtype in INTS:
            info = np.iinfo(dtype)
            small = rng.integers(max(info.min, -5), 6, shape).astype(dtype)
            far = rng.choice(np.array([info.min, info.max, info.max // 3], dtype), shape)
            return np.where((rng.random(shape) < 0.5) & edges, far, small).astype(dtype)
        found = np.asarray(rng.standard_normal(shape))
        if edges:
            special = rng.choice([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e8], shape)
            found = np.where(rng.random(shape) < 0.3, special, found)
        if dtype in COMPLEX:
            found = np.asarray(rng.standard_normal(shape)) + 1j * rng.standard_normal(shape)
        return np.asarray(found).astype(dtype)

    def some(self, dtypes: tuple[str, ...], *shape: Any, edges: bool = False) -> np.ndarray:
        """Array of one of several dtypes, of between so many dimensions."""
        return self.array(self.pick(*dtypes), self.shape(*shape), edges)

    def axis(self, x: np.ndarray) -> int:
        return self.number(-x.ndim, x.ndim)

    def axes(self, x: np.ndarray) -> Any:
        several = self.rng.permutation(x.ndim)[: self.number(0, x.ndim + 1)]
        return self.pick(None, *([self.axis(x), tuple(map(int, several))] if x.ndim else ()))


CALLS: dict[str, Callable[[Draw], Call]] = {}


def _add(names: str, make: Callable[[Draw], Call]) -> None:
    CALLS.update(dict.fromkeys(names.split(), make))


def _one(dtypes: tuple[str, ...]) -> Callable[[Draw], Call]:
    return lambda d: ([d.some(dtypes, edges=True)], {})


def _two(dtypes: tuple[str, ...], edges: bool = True) -> Callable[[Draw], Call]:
    def make(d: Draw) -> Call:
        kind = d.pick(*dtypes)
        kinds = (kind, d.pick(kind, *dtypes))
        return [d.array(k, s, edges) for k, s in zip(kinds, d.shapes(), strict=True)], {}

    return make


# --- elementwise ----------------------------------------------------------------------------------

_add("abs negative positive sign square round real", _one(NUMERIC))
_add("conj imag", _one(COMPLEX))
_add("acos acosh asin asinh atan atanh cos cosh exp expm1 log log1p log2 log10 sin sinh sqrt tan "
     "tanh reciprocal", _one(INEXACT))  # fmt: skip
_add("ceil floor trunc", _one(REAL))
_add("isfinite isinf isnan", _one(NUMERIC))
_add("signbit", _one(FLOATS))
_add("bitwise_invert", _one(BITS))
_add("logical_not", _one(BOOL))
_add("add subtract multiply", _two(NUMERIC))
_add("equal not_equal", _two(ALL))
_add("less less_equal greater greater_equal maximum minimum", _two(REAL))
_add("divide pow", _two(INEXACT, edges=False))
_add("atan2 hypot copysign nextafter", _two(FLOATS))
_add("logaddexp floor_divide remainder", _two(FLOATS, edges=False))
_add("logical_and logical_or logical_xor", _two(BOOL))
_add("bitwise_and bitwise_or bitwise_xor", _two(BITS))


def _shifts(d: Draw) -> Call:
    kind = d.pick(*INTS)
    full, short = d.shapes()
    most = 8 * np.dtype(kind).itemsize
    return [d.array(kind, full, True), d.rng.integers(0, most, short).astype(kind)], {}


_add("bitwise_left_shift bitwise_right_shift", _shifts)


def _clip(d: Draw) -> Call:
    x = d.some(REAL, edges=True)
    low, high = np.sort(d.array(x.dtype.name, (2,)))
    return [x, d.pick(None, low.item(), np.asarray(low)), d.pick(None, high.item())], {}


_add("clip", _clip)

# --- creation -------------------------------------------------------------------------------------


def _dtype(d: Draw, dtypes: tuple[str, ...]) -> dict[str, Any]:
    return {"dtype": d.pick(*dtypes)} if d.rng.random() < 0.7 else {}


_add("zeros ones", lambda d: ([d.pick(d.shape(), d.number(0, 5))], _dtype(d, ALL)))
_add("full", lambda d: ([d.shape(), d.pick(True, 3, -2, 2.5, 1j)], {}))
_add("zeros_like ones_like", lambda d: ([d.some(ALL)], _dtype(d, ALL)))
_add("full_like", lambda d: ([d.some(REAL), d.pick(1, 3)], _dtype(d, FLOATS)))
_add("eye", lambda d: ([d.number(0, 6), d.pick(None, d.number(0, 6))],
                       {"k": d.number(-7, 8), **_dtype(d, NUMERIC)}))  # fmt: skip
_add("arange", lambda d: ([d.number(-20, 20), d.number(-20, 20), d.pick(1, -1, 3, -4)],
                          _dtype(d, ("int8", "int64", *FLOATS))))  # fmt: skip
_add("linspace", lambda d: ([d.number(-9, 9), 10 * d.rng.normal(), d.number(0, 20)],
                            {"endpoint": d.pick(True, False), **_dtype(d, FLOATS)}))  # fmt: skip
_add("tril triu", lambda d: ([d.some(ALL, 2, 4)], {"k": d.number(-6, 7)}))


def _meshgrid(d: Draw) -> Call:
    kind = d.pick(*ALL)
    rows = [d.array(kind, d.shape(1, 1)) for _ in range(d.number(1, 4))]
    return rows, {"indexing": d.pick("xy", "ij")}


_add("meshgrid", _meshgrid)

# --- manipulation, searching, sorting, sets -------------------------------------------------------


def _along(
    names: str, dtypes: tuple[str, ...], *, least: int = 1, empty: bool = True, edges: bool = False,
    **more: Callable[[Draw], Any],
) -> None:  # fmt: skip
    def make(d: Draw) -> Call:
        x = d.some(dtypes, least, 3, empty, edges=edges)
        return [x], {"axis": d.axis(x)} | {k: v(d) for k, v in more.items()}

    _add(names, make)


def _flag(d: Draw) -> bool:
    return d.pick(True, False)


def _concat(d: Draw) -> Call:
    x = d.some(ALL, 1, 3)
    return [[x, x[:0], x]], {"axis": d.pick(0, -x.ndim)}


def _stack(d: Draw) -> Call:
    x = d.some(ALL)
    return [[x] * d.number(1, 4)], {"axis": d.number(-x.ndim - 1, x.ndim + 1)}


def _squeeze(d: Draw) -> Call:
    shape = (1, *(d.pick(1, 2) for _ in range(d.number(0, 4))))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return [d.array(d.pick(*ALL), shape), d.pick(0, ones)], {}


def _roll(d: Draw) -> Call:
    x = d.some(ALL)
    every = tuple(range(x.ndim))
    shifts = tuple(d.number(-9, 9) for _ in every)
    along = [(shifts, every)] if every else []
    by, axis = d.pick((d.number(-9, 9), None), *along)
    return [x, by], {"axis": axis}


def _repeat(d: Draw) -> Call:
    x = d.some(ALL, 1, 3)
    axis = d.pick(None, d.axis(x))
    n = x.size if axis is None else x.shape[axis]
    return [x, d.pick(d.number(0, 4), d.rng.integers(0, 4, n))], {"axis": axis}


def _take_along_axis(d: Draw) -> Call:
    x = d.some(ALL, 1, 3, False)
    axis = d.axis(x)
    shape = list(x.shape)
    shape[axis] = d.number(1, 5)
    return [x, d.rng.integers(-x.shape[axis], x.shape[axis], shape)], {"axis": axis}


def _take(d: Draw) -> Call:
    x = d.some(ALL, 1, 3, False)
    axis = d.axis(x)
    return [x, d.rng.integers(-x.shape[axis], x.shape[axis], 3)], {"axis": axis}


def _where(d: Draw) -> Call:
    (a, b), kind = d.shapes(), d.pick(*ALL)
    return [d.array("bool", a), d.array(kind, b), d.array(kind, ())], {}


def _searchsorted(d: Draw) -> Call:
    kind = d.pick(*REAL)
    edges = np.sort(d.array(kind, d.shape(1, 1, False)))
    return [edges, d.array(kind)], {"side": d.pick("left", "right")}


_add("broadcast_to", lambda d: ([d.array(d.pick(*ALL), (s := d.shape(0, 4))[-1:]), s], {}))
_add("broadcast_arrays", lambda d: ([d.array("float32", s) for s in d.shapes()], {}))
_add("concat", _concat)
_add("stack", _stack)
_add("expand_dims", lambda d: ([x := d.some(ALL)], {"axis": d.number(-x.ndim - 1, x.ndim + 1)}))
_add("squeeze", _squeeze)
_add("flip", lambda d: ([x := d.some(ALL)], {"axis": d.axes(x)}))
_add("roll", _roll)
_add("moveaxis", lambda d: ([x := d.some(ALL, 1, 4), d.axis(x), d.axis(x)], {}))
_add("permute_dims",
     lambda d: ([x := d.some(ALL), tuple(map(int, d.rng.permutation(x.ndim)))], {}))  # fmt: skip
_add("reshape", lambda d: ([x := d.some(ALL), d.pick((x.size,), (1, x.size, 1))], {}))
_add("repeat", _repeat)
_add("tile", lambda d: ([d.some(ALL), tuple(d.number(0, 4) for _ in range(d.number(0, 5)))], {}))
_along("unstack", ALL)
_add("matrix_transpose", lambda d: ([d.some(ALL, 2, 4)], {}))
_along("argmax argmin", REAL, empty=False, keepdims=_flag)
_add("nonzero", lambda d: ([d.some(ALL, 1, 4)], {}))
_add("count_nonzero", lambda d: ([x := d.some(ALL)], {"axis": d.axes(x), "keepdims": _flag(d)}))
_add("where", _where)
_add("searchsorted", _searchsorted)
_add("take", _take)
_add("take_along_axis", _take_along_axis)
_along("sort argsort", REAL, descending=_flag)
_add("unique_all unique_counts unique_inverse unique_values", lambda d: ([d.some(ALL)], {}))

# --- statistics -----------------------------------------------------------------------------------


def _reduced(names: str, dtypes: tuple[str, ...], empty: bool = True) -> None:
    def make(d: Draw) -> Call:
        x = d.some(dtypes, 0, 3, empty)
        return [x], {"axis": d.axes(x), "keepdims": _flag(d)}

    _add(names, make)


_reduced("sum prod", NUMERIC)
_reduced("mean", INEXACT, empty=False)
_reduced("std var", FLOATS, empty=False)
_reduced("max min", REAL, empty=False)
_reduced("all any", ALL)
_along("cumulative_sum cumulative_prod", NUMERIC, include_initial=_flag)
_along("diff", NUMERIC, empty=False, n=lambda d: d.number(0, 3))

# --- linear algebra and Fourier transforms --------------------------------------------------------


def _matmul(d: Draw) -> Call:
    (a, b), kind = d.shapes(), d.pick(*NUMERIC)
    n, m, k = (d.number(0, 4) for _ in range(3))
    left, right = d.pick(((n,), (*b, n, k)), ((*a, m, n), (n,)), ((*a, m, n), (*b, n, k)))
    return [d.array(kind, left), d.array(kind, right)], {}


def _tensordot(d: Draw) -> Call:
    kind, shape = d.pick(*NUMERIC), d.shape()
    n = d.number(0, len(shape) + 1)
    y = d.array(kind, shape[len(shape) - n :] + d.shape(0, 2))
    lasts = tuple(range(len(shape) - n, len(shape)))
    return [d.array(kind, shape), y], {"axes": d.pick(n, (lasts, tuple(range(n))))}


def _vectors(d: Draw, n: int) -> list[np.ndarray]:
    kind = d.pick(*NUMERIC)
    return [d.array(kind, (*s, n)) for s in d.shapes()]


def _square(d: Draw) -> np.ndarray:
    n, kind = d.number(1, 4), d.pick(*INEXACT)
    return d.array(kind, (*d.shape(0, 1), n, n)) + 3 * np.eye(n, dtype=kind)


_ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)


def _vector_norm(d: Draw) -> Call:
    x = d.some(INEXACT, 1, 3, False)
    orders = (2, 1, 0, math.inf, -math.inf, 3, -1, -2.5)
    return [x], {"axis": d.axes(x), "keepdims": _flag(d), "ord": d.pick(*orders)}


def _solve(d: Draw) -> Call:
    n, kind = d.number(1, 4), d.pick(*INEXACT)
    x = d.array(kind, (n, n)) + 3 * np.eye(n, dtype=kind)
    return [x, d.array(kind, d.pick((n,), (n, 2)))], {}


def _fft(names: str, dtypes: tuple[str, ...]) -> None:
    _along(names, dtypes, empty=False, norm=lambda d: d.pick("backward", "ortho", "forward"),
           n=lambda d: d.number(2, 7))  # fmt: skip


def _fftn(names: str, dtypes: tuple[str, ...]) -> None:
    def make(d: Draw) -> Call:
        x = d.some(dtypes, 1, 3, False)
        axes = tuple(map(int, d.rng.permutation(x.ndim)[: d.number(1, x.ndim + 1)]))
        sizes = {"s": tuple(d.number(2, 6) for _ in axes)}
        return [x], {"axes": axes} | d.pick(sizes, {} if x.shape[axes[-1]] > 1 else sizes)

    _add(names, make)


_add("matmul", _matmul)
_add("tensordot", _tensordot)
_add("vecdot", lambda d: (_vectors(d, d.number(0, 4)), {}))
_add("linalg.cross", lambda d: (_vectors(d, 3), {}))
_add("linalg.det linalg.inv linalg.slogdet", lambda d: ([_square(d)], {}))
_add("linalg.matrix_power", lambda d: ([_square(d), d.number(-2, 5)], {}))
_add("linalg.matrix_norm", lambda d: ([d.some(INEXACT, 2, 4, False)],
                                      {"ord": d.pick(*_ORDERS), "keepdims": _flag(d)}))  # fmt: skip
_add("linalg.matrix_rank linalg.svdvals", lambda d: ([d.some(INEXACT, 2, 3, False)], {}))
_add("linalg.pinv", lambda d: ([_square(d)], {}))
_add("linalg.eigvalsh", lambda d: ([(m := _square(d)) + np.conj(np.swapaxes(m, -1, -2))], {}))
_add("linalg.diagonal", lambda d: ([d.some(ALL, 2, 4)], {"offset": d.number(-5, 6)}))
_add("linalg.trace", lambda d: ([d.some(NUMERIC, 2, 4)], {"offset": d.number(-5, 6)}))
_add("linalg.outer", lambda d: ([d.array(k := d.pick(*NUMERIC), (3,)), d.array(k, (2,))], {}))
_add("linalg.vector_norm", _vector_norm)
_add("linalg.solve", _solve)
_fft("fft.fft fft.ifft", COMPLEX)
_fft("fft.rfft fft.ihfft", FLOATS)
_fft("fft.irfft fft.hfft", COMPLEX)
_fftn("fft.fftn fft.ifftn", COMPLEX)
_fftn("fft.rfftn", FLOATS)
_fftn("fft.irfftn", COMPLEX)
_add("fft.fftfreq fft.rfftfreq",
     lambda d: ([d.number(1, 9)], {"d": d.pick(1.0, 0.5), **_dtype(d, FLOATS)}))  # fmt: skip
_add("fft.fftshift fft.ifftshift", lambda d: ([x := d.some(COMPLEX, 1)], {"axes": d.axes(x)}))
