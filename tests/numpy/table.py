"""One table of all functions of `ms_func.numpy`: how to call each, on what, and how smooth it is.

`test_table.py` compares each with NumPy's function of the same name on random shapes, dtypes and
elements, and checks the derivatives of the smooth ones to second order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

BOOL, BF16, F16 = ("bool",), ("bfloat16",), ("float16",)
INTS = ("int8", "int32", "int64", "uint8", "uint32")
FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
HALF = BF16 + F16
REAL = INTS + FLOATS
ALL = BOOL + INTS + FLOATS + COMPLEX
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1.5, -2.5, 3.0])


class Draw:
    """Operands of one call, drawn from a seed."""

    def __init__(self, seed: int, dtype: str, special: bool, domain: tuple[float, float]) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
        self.special, self.domain = special, domain

    def pick(self, *choices: Any) -> Any:
        """One of some values."""
        return choices[self.rng.integers(len(choices))]

    def shape(self, low: int = 0, high: int = 3, empty: bool = True) -> tuple[int, ...]:
        """Sizes of an array of between `low` and `high` dimensions; now and then one is 0."""
        ndim = int(self.rng.integers(low, high + 1))
        least = 0 if empty and self.rng.random() < 0.15 else 1
        return tuple(int(n) for n in self.rng.integers(least, 5, ndim))

    def array(self, shape: tuple[int, ...] | None = None, dtype: Any = None) -> np.ndarray:
        """Elements of the dtype under test, or another."""
        shape = self.shape() if shape is None else shape
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        if dtype.kind == "b":
            return np.asarray(self.rng.integers(0, 2, shape), bool)
        low, high = self.domain
        if dtype.kind in "iu":
            low = max(int(np.ceil(low)), 0 if dtype.kind == "u" else -100)
            return np.asarray(self.rng.integers(low, max(int(high), low) + 1, shape), dtype)
        found = np.asarray(self.rng.uniform(low, high, shape))
        if self.special:
            found = np.where(self.rng.random(shape) < 0.4, self.rng.choice(SPECIAL, shape), found)
        if dtype.kind == "c":
            found = found + 1j * self.rng.uniform(low, high, shape)
        return np.asarray(found).astype(dtype)

    def distinct(self, shape: tuple[int, ...]) -> np.ndarray:
        """Different elements, for functions that order them."""
        n = int(np.prod(shape))
        return np.asarray(self.rng.permutation(n) - n // 2).reshape(shape).astype(self.dtype)

    def pair(self) -> tuple[np.ndarray, ...]:
        """Two arrays whose shapes broadcast."""
        full = self.shape()
        cut = [1 if self.rng.random() < 0.3 else n for n in full]
        short = tuple(cut[int(self.rng.integers(0, len(full) + 1)) :]) if full else ()
        both = self.array(full), self.array(short)
        return both if self.rng.random() < 0.5 else both[::-1]

    def axis(self, ndim: int) -> int:
        """A dimension, counted from either end."""
        return int(self.rng.integers(-ndim, ndim))

    def reduced(self, ndim: int) -> Any:
        """Dimensions of a reduction: None, one, or several."""
        kind = self.rng.integers(3) if ndim else 0
        if kind == 0:
            return None
        if kind == 1:
            return self.axis(ndim)
        order = self.rng.permutation(ndim)
        return tuple(int(d) for d in order[: self.rng.integers(1, ndim + 1)])

    def indices(self, n: int, shape: tuple[int, ...]) -> np.ndarray:
        """Places in a dimension, from either end."""
        return np.asarray(self.rng.integers(-n, n, shape), np.int32)


@dataclass(frozen=True)
class Entry:
    """A function.

    Attributes:
        make: draws positional arguments, or them and a dictionary of the others.
        dtypes: dtypes it is compared on.
        domain: interval of the elements.
        special: whether infinities, NaN and zeros of both signs are among them.
        tol: tolerance in units of the dtype's precision.
        smooth: whether it has two derivatives on the domain.
        signs: whether zeros must have the sign that NumPy gives them.
        wide: NumPy has no such function of short floats, or a less exact one: ask it in float64.
        alike: brings both results to one form, where order or dtype differ on purpose.
    """

    make: Callable[[Draw], Any]
    dtypes: tuple[str, ...] = REAL
    domain: tuple[float, float] = (-3.0, 3.0)
    special: bool = False
    tol: float = 64
    smooth: bool = False
    signs: bool = False
    wide: bool = False
    alike: Callable[[Any], Any] = lambda out: out


TABLE: dict[str, Entry] = {}


def _add(names: str, make: Callable[[Draw], Any], **fields: Any) -> None:
    for name in names.split():
        TABLE[name] = Entry(make, **fields)


def _one(d: Draw) -> tuple[Any, ...]:
    return (d.array(),)


def _two(d: Draw) -> tuple[Any, ...]:
    return d.pair()


# --- elementwise ------------------------------------------------------------------------------

_EDGES: dict[str, Any] = {"special": True, "signs": True}
_FC = FLOATS + COMPLEX
_add("absolute abs real imag isfinite isinf isnan isreal iscomplex logical_not", _one, dtypes=ALL,
     special=True)  # fmt: skip
_add("conj conjugate positive square", _one, dtypes=INTS + _FC, special=True)
_add("negative", _one, dtypes=INTS + _FC, **_EDGES)
_add("sign", _one, dtypes=REAL, **_EDGES)
_add("exp exp2 expm1 sin cos sinh cosh arctan atan arcsinh asinh", _one,
     dtypes=_FC + F16, **_EDGES, smooth=True, wide=True)  # fmt: skip


def _any_zero(out: Any) -> Any:
    """Complex numbers with their zeros unsigned: NumPy's follow C where the standard differs."""
    return out if np.asarray(out).dtype.kind != "c" else np.asarray(out) + 0


_add("tan tanh", _one, dtypes=_FC + F16, **_EDGES, smooth=True, wide=True, alike=_any_zero)
_add("reciprocal", _one, dtypes=_FC + F16, **_EDGES, wide=True, alike=_any_zero)
_add("sqrt log log2 log10", _one, dtypes=_FC + F16, **_EDGES, wide=True)
_add("log1p arcsin asin arccos acos arctanh atanh arccosh acosh", _one, dtypes=_FC + F16,
     **_EDGES, wide=True, tol=256)  # fmt: skip
_add("cbrt fabs floor ceil trunc rint fix deg2rad rad2deg radians degrees", _one,
     dtypes=FLOATS + F16, **_EDGES, wide=True)  # fmt: skip
_add("round around", lambda d: (d.array(), d.pick(0, 1, 2)), dtypes=FLOATS, special=True)
_add("sinc i0", _one, dtypes=FLOATS, wide=True, smooth=True, tol=512)
_add("spacing", _one, dtypes=FLOATS, domain=(0.5, 3))
_add("signbit isneginf isposinf", _one, dtypes=FLOATS, special=True)
_add("nan_to_num", lambda d: ((d.array(),), {"nan": 1.5, "posinf": d.pick(None, 7.0)}),
     dtypes=FLOATS, special=True)  # fmt: skip
_add("modf frexp", _one, dtypes=FLOATS, **_EDGES)
_add("angle", lambda d: (d.array(), d.pick(False, True)), dtypes=_FC)
_add("invert bitwise_not bitwise_invert", _one, dtypes=BOOL + INTS)
_add("bitwise_count", _one, dtypes=INTS)
_add("add multiply", _two, dtypes=ALL, special=True, smooth=True)
_add("subtract", _two, dtypes=INTS + _FC, special=True, smooth=True)
_add("equal not_equal", _two, dtypes=ALL, special=True)
_add("less less_equal greater greater_equal maximum minimum", _two, dtypes=BOOL + REAL,
     special=True)  # fmt: skip
_add("fmax fmin", _two, dtypes=REAL, special=True)
_add("divide true_divide", _two, dtypes=FLOATS, special=True)
_add("fmod remainder mod", _two, dtypes=FLOATS + INTS, special=True, signs=True)
_add("arctan2 atan2 hypot copysign nextafter heaviside logaddexp logaddexp2", _two, dtypes=FLOATS,
     special=True, signs=True, tol=256)  # fmt: skip
_add("power pow float_power", _two, dtypes=FLOATS, special=True, tol=2048)
_add("logical_and logical_or logical_xor", _two, dtypes=ALL, special=True)
_add("bitwise_and bitwise_or bitwise_xor", _two, dtypes=BOOL + INTS)
_add("gcd lcm", _two, dtypes=INTS, domain=(-20, 20))


def _whole_divisors(d: Draw) -> Any:
    x, y = d.pair()
    return x, np.where(y == 0, np.ones_like(y), y)


_add("floor_divide divmod", _whole_divisors, dtypes=REAL, domain=(-9, 9), signs=True)


def _shifts(d: Draw) -> Any:
    x = d.array()
    return x, np.asarray(d.rng.integers(0, 8 * d.dtype.itemsize - 1, x.shape), d.dtype)


_add("left_shift right_shift bitwise_left_shift bitwise_right_shift", _shifts, dtypes=INTS)
_add("ldexp", lambda d: (x := d.array(), np.asarray(d.rng.integers(-9, 9, x.shape), np.int32)),
     dtypes=FLOATS, special=True)  # fmt: skip
_add("isclose", lambda d: ((*d.pair(),), {"equal_nan": d.pick(False, True)}), dtypes=FLOATS,
     special=True)  # fmt: skip
_add("clip", lambda d: (d.array(), d.pick(0, 1), d.pick(None, 2)), dtypes=REAL, special=True)
_add("where", lambda d: (x := d.array(), d.array(x.shape), d.array(())), dtypes=ALL, special=True)
_add("select", lambda d: ([(x := d.array()) > 0, x < -1], [x, x * x], 7), dtypes=FLOATS)
_add(
    "piecewise", lambda d: (x := d.array(), [x < 0, x >= 1], [1.0, 2.0, 0.5]), dtypes=FLOATS + INTS
)
_add("interp", lambda d: (d.array((5,)), np.array([-2.0, 0, 1]), np.array([1.0, 3, 2])),
     dtypes=("float64",))  # fmt: skip
_add("unwrap", lambda d: (d.array((6,)),), dtypes=FLOATS, domain=(-9, 9))

# --- reductions ---------------------------------------------------------------------------------


def _reduced(d: Draw, low: int = 0, empty: bool = True) -> Any:
    x = d.array(d.shape(low, empty=empty))
    return (x,), {"axis": d.reduced(x.ndim), "keepdims": d.pick(False, True)}


def _masked(d: Draw) -> Any:
    (x,), options = _reduced(d)
    if d.rng.random() < 0.5:
        options["where"] = d.array(x.shape, bool)
    if d.rng.random() < 0.5:
        options["initial"] = 2
    return (x,), options


def _extremum(d: Draw) -> Any:
    (x,), options = _reduced(d, empty=False)
    if d.rng.random() < 0.5:
        options["initial"] = 1
        options["where"] = d.array(x.shape, bool)
    return (x,), options


def _where_only(d: Draw) -> Any:
    (x,), options = _reduced(d, empty=False)
    if d.rng.random() < 0.5:
        options["where"] = d.array(x.shape, bool) | (np.arange(x.size).reshape(x.shape) == 0)
        options["axis"] = None
    return (x,), options


def _finite_if_complex(out: Any) -> Any:
    """NaN for all that is not finite: complex products depend there on the order."""
    out = np.asarray(out)
    return out if out.dtype.kind != "c" else np.where(np.isfinite(out), out, np.nan + 0j)


_add("sum", _masked, dtypes=("int32", "int64", *_FC), smooth=True, special=True)
_add("prod", _masked, dtypes=("int32", "int64", *_FC), smooth=True, special=True,
     alike=_finite_if_complex)  # fmt: skip
_add("max min amax amin", _extremum, dtypes=REAL, special=True)
_add("all any", lambda d: _reduced(d), dtypes=ALL, special=True)
_add("mean", _where_only, dtypes=_FC + INTS, smooth=True)
_add("var std", lambda d: ((a := _where_only(d))[0], {**a[1], "ddof": 0}), dtypes=_FC, smooth=True)
_add("ptp", lambda d: _reduced(d, empty=False), dtypes=FLOATS)
_add("nansum nanprod", lambda d: _reduced(d), dtypes=FLOATS + ("int32",), special=True)
_add("nanmean", lambda d: _reduced(d, empty=False), dtypes=FLOATS, special=True)
_add("nanvar nanstd", lambda d: _reduced(d, empty=False), dtypes=FLOATS)
_add("nanmax nanmin", lambda d: _reduced(d, empty=False), dtypes=FLOATS, special=True)
_add("count_nonzero", lambda d: _reduced(d), dtypes=ALL, special=True)
_add("average", lambda d: ((x := d.array(d.shape(1, empty=False)),), {"axis": 0,
     "weights": np.linspace(1, 2, x.shape[0]).astype(x.dtype)}), dtypes=FLOATS)  # fmt: skip


def _along(d: Draw) -> Any:
    x = d.array(d.shape(1))
    return (x,), {"axis": d.axis(x.ndim)}


_add("cumsum cumprod", _along, dtypes=("int32", "int64", *_FC), special=True, smooth=True)
_add("nancumsum nancumprod", _along, dtypes=FLOATS, special=True)
_add("cumulative_sum cumulative_prod", lambda d: ((a := _along(d))[0], {**a[1],
     "include_initial": d.pick(False, True)}), dtypes=("int32", *FLOATS))  # fmt: skip
_add("diff", lambda d: ((a := _along(d))[0], {**a[1], "n": d.pick(0, 1, 2)}), dtypes=ALL)
_add("ediff1d", lambda d: (d.array(d.shape(1)),), dtypes=REAL)
_add("gradient", lambda d: (d.array((4, 5)),), dtypes=FLOATS, smooth=True)
_add("trapezoid", lambda d: (d.array((3, 4)),), dtypes=FLOATS, smooth=True)
_add("allclose array_equal array_equiv", lambda d: (x := d.array(), d.pick(x, x + 1)),
     dtypes=FLOATS, special=True)  # fmt: skip


def _quantiles(d: Draw) -> Any:
    x = d.array(d.shape(1, empty=False))
    q = np.asarray(d.rng.choice([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], d.pick((), (3,))), x.dtype)
    methods = ("linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "hazen",
               "averaged_inverted_cdf", "closest_observation", "weibull", "median_unbiased",
               "interpolated_inverted_cdf", "normal_unbiased")  # fmt: skip
    options = {"axis": d.pick(None, 0), "method": d.pick(*methods), "keepdims": d.pick(False, True)}
    return (x, q), options


def _percents(d: Draw) -> Any:
    (x, q), options = _quantiles(d)
    return (x, (q * 100).astype(q.dtype)), {**options, "method": "linear"}


_add("quantile", _quantiles, dtypes=("float64",))
_add("nanquantile", lambda d: ((a := _quantiles(d))[0], {**a[1], "method": "linear"}),
     dtypes=("float64",))  # fmt: skip
_add("percentile nanpercentile", _percents, dtypes=("float64",))
_add("median nanmedian", lambda d: _reduced(d, 1, empty=False), dtypes=FLOATS)
_add("cov corrcoef", lambda d: (d.array((3, 5)),), dtypes=_FC, smooth=True, tol=512)
_add(
    "histogram",
    lambda d: (d.array((20,)), d.pick(4, 7)),
    dtypes=FLOATS,
    alike=lambda out: (np.asarray(out[0], np.float64), out[1]),
)  # counts here are floats
_add("histogram_bin_edges", lambda d: (d.array((20,)), 5), dtypes=FLOATS)
_add("histogram2d", lambda d: (d.array((20,)), d.array((20,)), 4), dtypes=FLOATS)
_add("histogramdd", lambda d: (d.array((20, 2)), 3), dtypes=FLOATS)
_add("bincount", lambda d: ((d.array((9,)),), {"minlength": d.pick(0, 8)}),
     dtypes=("int32", "bool"), domain=(0, 6))  # fmt: skip
_add("digitize", lambda d: (d.array(), np.array([-1.0, 0, 2]), d.pick(False, True)),
     dtypes=("float64",))  # fmt: skip

# --- order ----------------------------------------------------------------------------------------

_add("sort", _along, dtypes=BOOL + REAL + HALF, special=True)
_add("argsort", lambda d: ((a := _along(d))[0], {**a[1], "kind": "stable"}),
     dtypes=BOOL + REAL, special=True)  # fmt: skip
_add("sort_complex", lambda d: (d.array((6,)),), dtypes=_FC)
_add("lexsort", lambda d: (d.array((2, 6)),), dtypes=("int32",))
_add("partition", lambda d: (d.distinct((7,)), 3), dtypes=FLOATS)
_add("argpartition", lambda d: (d.distinct((7,)), 3), dtypes=FLOATS)
_add("searchsorted", lambda d: (np.sort(d.array((6,))), d.array(), d.pick("left", "right")),
     dtypes=REAL)  # fmt: skip
_add("argmax argmin", lambda d: ((x := d.array(d.shape(1, empty=False)),),
     {"axis": d.pick(None, d.axis(x.ndim)), "keepdims": d.pick(False, True)}), dtypes=BOOL + REAL,
     special=True)  # fmt: skip
_add("nanargmax nanargmin", lambda d: ((d.array(d.shape(1, empty=False)),), {"axis": 0}),
     dtypes=FLOATS)  # fmt: skip
_add("nonzero argwhere flatnonzero", lambda d: (d.array(d.shape(1)),), dtypes=ALL, special=True)
_add("unique", lambda d: ((d.array(),), {"return_counts": True, "return_inverse": True,
     "return_index": True}), dtypes=BOOL + REAL)  # fmt: skip
_add("unique_values", _one, dtypes=INTS, alike=np.sort)
_add("unique_counts unique_inverse unique_all", _one, dtypes=INTS)
_add("union1d intersect1d setdiff1d setxor1d", lambda d: (d.array((5,)), d.array((4,))),
     dtypes=REAL)  # fmt: skip
_add("isin", lambda d: ((d.array(), d.array((3,))), {"invert": d.pick(False, True)}), dtypes=INTS)

# --- shape -----------------------------------------------------------------------------------


def _reshaped(d: Draw) -> Any:
    x = d.array()
    return x, d.pick((-1,), (x.size,), x.shape[::-1]) if x.size else x.shape[::-1]


_SHAPES: dict[str, Any] = {"dtypes": ("bool", "int8", "float32", "complex128")}
_add("reshape", _reshaped, **_SHAPES)
_add("ravel transpose permute_dims squeeze copy atleast_1d atleast_2d atleast_3d", _one, **_SHAPES)
TABLE["permute_dims"] = Entry(lambda d: (x := d.array(), tuple(d.rng.permutation(x.ndim))),
                              **_SHAPES)  # fmt: skip
_add("matrix_transpose", lambda d: (d.array(d.shape(2)),), **_SHAPES)
_add("swapaxes moveaxis", lambda d: (x := d.array(d.shape(1)), d.axis(x.ndim), d.axis(x.ndim)),
     **_SHAPES)  # fmt: skip
_add("rollaxis", lambda d: (x := d.array(d.shape(1)), d.axis(x.ndim)), **_SHAPES)
_add("flip", lambda d: ((x := d.array(),), {"axis": d.reduced(x.ndim)}), **_SHAPES)
_add("flipud", lambda d: (d.array(d.shape(1)),), **_SHAPES)
_add("fliplr", lambda d: (d.array(d.shape(2)),), **_SHAPES)
_add("rot90", lambda d: (d.array(d.shape(2)), d.pick(0, 1, 2, 3, -1)), **_SHAPES)
_add("roll", lambda d: ((x := d.array(d.shape(1)), d.pick(0, 1, -3, 7)),
     {"axis": d.pick(None, d.axis(x.ndim))}), **_SHAPES)  # fmt: skip
_add("expand_dims", lambda d: (x := d.array(), d.axis(x.ndim + 1)), **_SHAPES)
_add("broadcast_to", lambda d: (x := d.array(), (2, *x.shape)), **_SHAPES)
_add("broadcast_arrays", lambda d: (*d.pair(),), **_SHAPES)
_add("broadcast_shapes", lambda d: tuple(a.shape for a in d.pair()), dtypes=("bool",))
_add("tile", lambda d: (d.array(), d.pick(2, (2, 1), (1, 2, 3), 0)), **_SHAPES)
_add("repeat", lambda d: ((d.array(d.shape(1)), d.pick(0, 2, 3)), {"axis": d.pick(None, 0)}),
     **_SHAPES)  # fmt: skip
_add("resize", lambda d: (d.array(d.shape(1, empty=False)), (2, 4)), **_SHAPES)
_add("append", lambda d: (d.array(), d.array()), **_SHAPES)
_add("insert", lambda d: (d.array((5,)), d.pick(0, 2, -1, [1, 3]), d.array(())), **_SHAPES)
_add("delete", lambda d: (d.array((3, 4)), d.pick(0, -1, [0, 2], slice(0, 2)), d.pick(0, 1)),
     **_SHAPES)  # fmt: skip
_add("trim_zeros", lambda d: (np.pad(d.array((4,)), 2), d.pick("fb", "f", "b")), dtypes=INTS)
_add("concatenate concat", lambda d: (([d.array((2, 3)), d.array((2, 3))],), {"axis":
     d.pick(0, 1, -1, None)}),     **_SHAPES)  # fmt: skip
_add("stack", lambda d: ([x := d.array(), d.array(x.shape)], d.pick(0, -1)), **_SHAPES)
_add("vstack hstack dstack column_stack", lambda d: ([x := d.array(d.pick((3,), (2, 3))),
     d.array(x.shape)],), **_SHAPES)  # fmt: skip
_add("block", lambda d: ([[d.array((2, 2)), d.array((2, 1))], [d.array((1, 3))]],), **_SHAPES)
_add("split", lambda d: (d.array((6, 2)), d.pick(2, 3, [1, 4])), **_SHAPES)
_add("array_split", lambda d: (d.array((7, 2)), d.pick(3, 4)), **_SHAPES)
_add("vsplit", lambda d: (d.array((4, 2, 2)), 2), **_SHAPES)
_add("hsplit", lambda d: (d.array((2, 4, 2)), 2), **_SHAPES)
_add("dsplit", lambda d: (d.array((2, 2, 4)), 2), **_SHAPES)
_add("unstack", lambda d: ((d.array((3, 2)),), {"axis": d.pick(0, 1)}), **_SHAPES)


def _padded(d: Draw) -> Any:
    mode = d.pick("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum",
                  "mean", "minimum")  # fmt: skip
    return d.array((3, 4)), d.pick(1, 2, (0, 1), ((1, 2), (0, 3))), mode


_add("pad", _padded, dtypes=FLOATS)
_add("meshgrid", lambda d: ((d.array((2,)), d.array((3,))), {"indexing": d.pick("xy", "ij"),
     "sparse": d.pick(False, True)}), **_SHAPES)  # fmt: skip
_add("diag", lambda d: (d.array(d.pick((3,), (3, 4))), d.pick(0, 1, -2)), **_SHAPES)
_add("diagflat", lambda d: (d.array((2, 2)), d.pick(0, 1)), **_SHAPES)
_add("diagonal trace", lambda d: (d.array((3, 4, 2)), d.pick(0, 1, -2)), dtypes=("int32", *_FC))
_add("tril triu", lambda d: (d.array(d.shape(2)), d.pick(0, 1, -1)), **_SHAPES)
_add("fill_diagonal", lambda d: (d.array((3, 3)), 7), dtypes=FLOATS)
_add("vander", lambda d: ((d.array((3,)), 4), {"increasing": d.pick(False, True)}), dtypes=FLOATS)
_add("take", lambda d: ((x := d.array(d.shape(1, empty=False)), d.indices(x.shape[0], (2, 2))),
     {"axis": 0}), **_SHAPES)  # fmt: skip
_add("take_along_axis", lambda d: (d.array((3, 4)), d.indices(3, (2, 4)), 0), **_SHAPES)
_add("compress", lambda d: (np.array([True, False, True]), d.array((3, 4)), 0), **_SHAPES)
_add("extract", lambda d: ((x := d.array((3, 4))) != 0, x), **_SHAPES)
_add("choose", lambda d: (np.array([0, 1, 1]), [d.array((3,)), d.array((3,))]), **_SHAPES)
_add("put_along_axis", lambda d: (d.array((3, 4)), d.indices(3, (1, 4)), 7, 0), dtypes=FLOATS)
_add("put", lambda d: (d.array((3, 4)), d.indices(12, (3,)), 7), dtypes=FLOATS)
_add("place", lambda d: (x := d.array((3, 4)), x > 0, np.array([7, 8, 9], x.dtype)), dtypes=FLOATS)
_add("unravel_index", lambda d: (d.indices(12, (3,)) % 12, (3, 4)), dtypes=("int32",))
_add("ravel_multi_index", lambda d: ((np.array([0, 2]), np.array([3, 1])), (3, 4)),
     dtypes=("int32",))  # fmt: skip
_add("packbits", lambda d: ((d.array((3, 9)),), {"axis": d.pick(None, 1), "bitorder":
     d.pick("big", "little")}), dtypes=BOOL)  # fmt: skip
_add("unpackbits", lambda d: ((d.array((3,)),), {"count": d.pick(None, 5)}), dtypes=("uint8",),
     domain=(0, 255))  # fmt: skip
_add("apply_over_axes", lambda d: (np.sum, d.array((2, 3, 4)), (0, 2)), dtypes=FLOATS)

# --- products -----------------------------------------------------------------------------------

_LINEAR: dict[str, Any] = {"dtypes": ("int32", *_FC), "smooth": True, "tol": 256}


def _matmul(d: Draw) -> Any:
    left, right = d.pick(((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)),
                         ((4, 2, 3), (3, 2)), ((4, 1, 2, 3), (2, 3, 2)), ((0, 3), (3, 2)),
                         ((2, 0), (0, 3)))  # fmt: skip
    return d.array(left), d.array(right)


_add("matmul", _matmul, **_LINEAR)
_add("dot", lambda d: d.pick((d.array((2, 3)), d.array((4, 3, 2))), (d.array(()), d.array((2,)))),
     **_LINEAR)  # fmt: skip
_add("vdot inner", lambda d: (d.array((2, 3)), d.array((2, 3))), **_LINEAR)
_add("outer kron", lambda d: (d.array(d.shape(1, 1)), d.array(d.shape(1, 1))), **_LINEAR)
_add("tensordot", lambda d: (d.array((2, 3, 4)), d.array((4, 3, 2)), d.pick(1, ([1], [1]),
     ([2, 1], [0, 1]))), **_LINEAR)  # fmt: skip
_add("cross", lambda d: (d.array((4, 3)), d.array((3,))), **_LINEAR)
_add("vecdot", lambda d: (d.array((4, 3)), d.array((3,))), **_LINEAR)
_add("matvec", lambda d: (d.array((4, 3)), d.array((2, 3))), **_LINEAR)
_add("vecmat", lambda d: (d.array((2, 4)), d.array((4, 3))), **_LINEAR)
_add("convolve correlate", lambda d: (d.array((6,)), d.array((3,)), d.pick("full", "same",
     "valid")), dtypes=("int32", *_FC), smooth=True, tol=256)  # fmt: skip
_add("einsum", lambda d: d.pick(("ij,jk->ik", d.array((2, 3)), d.array((3, 4))),
     ("ii->i", d.array((3, 3))), ("...j,j", d.array((2, 3)), d.array((3,))),
     ("ij,jk,kl->il", d.array((2, 3)), d.array((3, 4)), d.array((4, 2)))), **_LINEAR)  # fmt: skip
_add("polyval", lambda d: (d.array((3,)), d.array((4,))), **_LINEAR)
_add("polyadd polysub polymul", lambda d: (d.array((3,)), d.array((2,))), dtypes=FLOATS)
_add("polyder polyint", lambda d: (d.array((4,)), d.pick(1, 2)), dtypes=FLOATS)
_add("poly", lambda d: (d.array((3,)),), dtypes=FLOATS, tol=512)
_add(
    "polydiv",
    lambda d: (d.array((4,)), d.array((2,)) + 4),
    dtypes=("float64",),
    tol=4096,
    alike=lambda out: (out[0], out[1][-1:]),
)  # leading zeros stay here
_add("polyfit", lambda d: (np.arange(6.0), d.array((6,)), 2), dtypes=("float64",), tol=1e6)

# --- linear algebra -------------------------------------------------------------------------------


def _square(d: Draw, n: int = 3) -> np.ndarray:
    lead = d.pick((), (2,))
    return (d.array((*lead, n, n)) + 5 * np.eye(n)).astype(d.dtype)


def _spd(d: Draw) -> np.ndarray:
    a = _square(d)
    return (a @ np.conj(np.swapaxes(a, -1, -2))).astype(d.dtype)


_MATRICES: dict[str, Any] = {"dtypes": _FC, "tol": 4096, "smooth": True}
_add("linalg.inv linalg.det", lambda d: (_square(d),), **_MATRICES)
_add("linalg.slogdet", lambda d: (_square(d),), **_MATRICES)
_add("linalg.cholesky linalg.eigvalsh", lambda d: (_spd(d),), **_MATRICES)
_add("linalg.solve", lambda d: (_square(d)[..., :, :], d.array((3, 2))), **_MATRICES)
_add("linalg.pinv", lambda d: (d.array((4, 3)),), dtypes=_FC, tol=1e5, smooth=True)
_add("linalg.svdvals", lambda d: (d.array((4, 3)),), **_MATRICES)
_add("linalg.matrix_rank", lambda d: (d.array((4, 3)),), dtypes=_FC)
_add("linalg.cond", lambda d: (_square(d),), dtypes=FLOATS, tol=1e5)
_add("linalg.matrix_power", lambda d: (_square(d), d.pick(0, 1, 3, -1)), dtypes=_FC, tol=4096)
_add("linalg.norm", lambda d: ((d.array((3, 4)), d.pick(None, 1, -1, 2, -2, np.inf, "fro", "nuc")),
     {"keepdims": d.pick(False, True)}), dtypes=_FC, tol=512)  # fmt: skip
_add("linalg.matrix_norm", lambda d: ((d.array((2, 3, 4)),), {"ord": d.pick("fro", 1, 2)}),
     dtypes=_FC, tol=512)  # fmt: skip
_add("linalg.vector_norm", lambda d: ((d.array((2, 3)),), {"ord": d.pick(1, 2, 3, np.inf),
     "axis": d.pick(None, 0)}), dtypes=_FC, tol=512)  # fmt: skip
_add("linalg.lstsq", lambda d: (d.array((4, 2)), d.array((4,)), None), dtypes=("float64",),
     tol=1e6)  # fmt: skip
_add("linalg.multi_dot", lambda d: ([d.array((2, 3)), d.array((3, 4)), d.array((4, 2))],),
     dtypes=_FC, tol=512)  # fmt: skip
_add("linalg.tensorinv", lambda d: (d.array((4, 2, 2)) + np.eye(4).reshape(4, 2, 2) * 5, 1),
     dtypes=("float64",), tol=4096)  # fmt: skip
_add("linalg.tensorsolve", lambda d: (d.array((4, 2, 2)) + np.eye(4).reshape(4, 2, 2) * 5,
     d.array((4,))), dtypes=("float64",), tol=4096)  # fmt: skip
_add("linalg.eigvals", lambda d: (np.diag(np.arange(1.0, 4)) + 0.1 * d.array((3, 3)),),
     dtypes=("float64",), tol=1e5, alike=lambda out: np.sort(np.real(out)))  # fmt: skip
_add("linalg.outer", lambda d: (d.array((3,)), d.array((2,))), **_LINEAR)
_add("linalg.matmul linalg.vecdot", lambda d: (d.array((3, 3)), d.array((3, 3))), **_LINEAR)
_add("linalg.cross", lambda d: (d.array((4, 3)), d.array((4, 3))), **_LINEAR)
_add("linalg.tensordot", lambda d: (d.array((2, 3)), d.array((3, 2))), dtypes=_FC, tol=256)
TABLE["linalg.tensordot"] = Entry(lambda d: ((d.array((2, 3)), d.array((3, 2))), {"axes": 1}),
                                  dtypes=_FC, tol=256)  # fmt: skip
_add("linalg.trace linalg.diagonal", lambda d: ((d.array((3, 4)),), {"offset": d.pick(0, 1)}),
     dtypes=_FC)  # fmt: skip
_add("linalg.matrix_transpose", lambda d: (d.array((3, 4)),), dtypes=_FC)

# --- Fourier transforms -------------------------------------------------------------------------

_FFT: dict[str, Any] = {"dtypes": _FC, "tol": 512, "smooth": True}


def _transformed(d: Draw) -> Any:
    options = {"n": d.pick(None, 3, 8), "axis": d.pick(-1, 0),
               "norm": d.pick(None, "ortho", "forward")}  # fmt: skip
    return (d.array((4, 5)),), options


_add("fft.fft fft.ifft fft.hfft fft.irfft", _transformed, **_FFT)
_add("fft.rfft fft.ihfft", _transformed, dtypes=FLOATS, tol=512, smooth=True)
_add("fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.irfft2 fft.irfftn", lambda d: (d.array((3, 4)),),
     **_FFT)  # fmt: skip
_add("fft.rfft2 fft.rfftn", lambda d: (d.array((3, 4)),), dtypes=FLOATS, tol=512, smooth=True)
_add("fft.fftshift fft.ifftshift", lambda d: ((x := d.array(d.shape(1)),), {"axes": d.pick(None,
     d.axis(x.ndim))}), dtypes=_FC)  # fmt: skip
_add("fft.fftfreq fft.rfftfreq", lambda d: (d.pick(1, 4, 7), d.pick(1.0, 0.5)), dtypes=BOOL)

# --- creation -------------------------------------------------------------------------------------

_add("arange", lambda d: d.pick((5,), (2, 9, 3), (0.0, 1.0, 0.25), (3, 0, -1), (0,)), dtypes=BOOL)
_add("linspace", lambda d: ((d.array(()), d.array((2,)), d.pick(0, 1, 5)), {"endpoint":
     d.pick(False, True)}), dtypes=FLOATS)  # fmt: skip
_add("logspace", lambda d: (0.0, 2.0, d.pick(1, 4)), dtypes=BOOL)
_add("geomspace", lambda d: (1.0, d.pick(8.0, 100.0), 4), dtypes=BOOL)
_add("eye", lambda d: (3, d.pick(None, 4), d.pick(0, 1, -1)), dtypes=BOOL)
_add("identity", lambda d: (d.pick(0, 3),), dtypes=BOOL)
_add("tri", lambda d: (3, d.pick(None, 4), d.pick(0, 1, -1)), dtypes=BOOL)
_add("zeros ones", lambda d: (d.shape(),), dtypes=BOOL)
_add("full", lambda d: (d.shape(), d.pick(1, 2.5, True)), dtypes=BOOL)
_add("zeros_like ones_like", _one, dtypes=ALL)
_add("full_like", lambda d: (d.array(), 1), dtypes=ALL)
_add("array asarray", _one, dtypes=ALL, special=True)
_add("indices", lambda d: (d.shape(1),), dtypes=BOOL)
_add("tril_indices triu_indices", lambda d: (3, d.pick(0, 1, -1), d.pick(None, 4)), dtypes=BOOL)
_add("tril_indices_from triu_indices_from diag_indices_from", lambda d: (d.array((3, 3)),),
     dtypes=FLOATS)  # fmt: skip
_add("diag_indices", lambda d: (d.pick(1, 3), d.pick(2, 3)), dtypes=BOOL)
_add("ix_", lambda d: (np.array([0, 2]), np.array([True, False, True])), dtypes=BOOL)
_add("hanning hamming blackman bartlett", lambda d: (d.pick(0, 1, 6, 7),), dtypes=BOOL, tol=1e3)
_add("kaiser", lambda d: (d.pick(1, 6), 4.0), dtypes=BOOL, tol=1e3)
_add(
    "roots",
    lambda d: (np.array([1.0, -6, 11, -6]),),
    dtypes=BOOL,
    tol=1e4,
    alike=lambda out: np.sort(np.real(out)),
)

NOT_COMPARED = frozenset(
    # values, dtypes and classes; files, text and other memory; functions that take functions
    [
        "ComplexWarning",
        "__array_namespace_info__",
        "array_repr",
        "array_str",
        "astype",
        "bfloat16",
        "bool",
        "bool_",
        "c_",
        "can_cast",
        "cdouble",
        "character",
        "complex128",
        "complex64",
        "complex_",
        "complexfloating",
        "csingle",
        "double",
        "dtype",
        "e",
        "einsum_path",
        "empty",
        "empty_like",
        "euler_gamma",
        "fft",
        "finfo",
        "flexible",
        "float0",
        "float16",
        "float32",
        "float4_e2m1fn",
        "float64",
        "float6_e2m3fn",
        "float6_e3m2fn",
        "float8_e3m4",
        "float8_e4m3",
        "float8_e4m3b11fnuz",
        "float8_e4m3fn",
        "float8_e4m3fnuz",
        "float8_e5m2",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
        "float_",
        "floating",
        "from_dlpack",
        "frombuffer",
        "fromfile",
        "fromfunction",
        "fromiter",
        "frompyfunc",
        "fromstring",
        "generic",
        "get_printoptions",
        "iinfo",
        "index_exp",
        "inexact",
        "inf",
        "int1",
        "int16",
        "int2",
        "int32",
        "int4",
        "int64",
        "int8",
        "int_",
        "integer",
        "iscomplexobj",
        "isdtype",
        "isrealobj",
        "isscalar",
        "issubdtype",
        "iterable",
        "linalg",
        "load",
        "mask_indices",
        "mgrid",
        "nan",
        "ndarray",
        "ndim",
        "newaxis",
        "number",
        "object_",
        "ogrid",
        "pi",
        "printoptions",
        "promote_types",
        "r_",
        "result_type",
        "s_",
        "save",
        "savez",
        "set_printoptions",
        "shape",
        "signedinteger",
        "single",
        "size",
        "ufunc",
        "uint",
        "uint1",
        "uint16",
        "uint2",
        "uint32",
        "uint4",
        "uint64",
        "uint8",
        "unsignedinteger",
        "vectorize",
        "apply_along_axis",
        "linalg.LinAlgError",
        "linalg.eig",
        "linalg.eigh",
        "linalg.qr",
        "linalg.svd",
    ]
)
"""Public names that the table leaves out; other tests of this folder know them."""
