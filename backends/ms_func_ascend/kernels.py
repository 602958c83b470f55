"""What each operator computes, in NumPy: the definitions that `simulate` runs.

A kernel is called as `kernel(node, *inputs)`; unfed optional inputs are None. It returns an
array, or a tuple for several outputs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func_ascend.graph import Node
from ms_func_ascend.prototypes import from_attribute_number

Array = np.ndarray
KERNELS: dict[str, Callable[..., Any]] = {}


def kernel(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the kernel of operators."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            KERNELS[name] = function
        return function

    return register


def _half(x: Array) -> bool:
    return x.dtype.itemsize == 2 and x.dtype.kind in "fV"


def _same(*xs: Array) -> None:
    if len({x.dtype for x in xs}) != 1:
        raise ValueError("operands of different dtypes")


# -- elementwise ---------------------------------------------------------------------------


def _floating(name: str, function: Callable[..., Any]) -> None:
    """16-bit floats are computed in float32 and rounded once."""

    def run(node: Node, *xs: Array) -> Array:
        _same(*xs)
        if _half(xs[0]):
            return np.asarray(function(*(x.astype(np.float32) for x in xs))).astype(xs[0].dtype)
        return np.asarray(function(*xs)).astype(xs[0].dtype, copy=False)

    KERNELS[name] = run


def _vectorized(function: Callable[..., float]) -> Callable[..., Array]:
    """A scalar function of Python floats on arrays, computed in double precision."""

    def run(*xs: Array) -> Array:
        wide = np.broadcast_arrays(*(x.astype(np.float64) for x in xs))
        flat = [
            function(*values) for values in zip(*(w.ravel().tolist() for w in wide), strict=True)
        ]
        return np.array(flat, np.float64).reshape(wide[0].shape)

    return run


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _finite_or_nan(function: Callable[[float], float]) -> Callable[[float], float]:
    def run(x: float) -> float:
        try:
            return function(x)
        except (ValueError, OverflowError):
            return math.nan

    return run


def _lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _digamma(x: float) -> float:
    """Recurrence up to 10, then the asymptotic series; reflection below zero."""
    if math.isnan(x) or x == -math.inf or (x <= 0 and x == math.floor(x)):
        return math.nan
    if x < 0:
        return _digamma(1 - x) - math.pi / math.tan(math.pi * x)
    total = 0.0
    while x < 10:
        total -= 1 / x
        x += 1
    if math.isinf(x):
        return math.inf
    y = 1 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))
    return total + math.log(x) - 0.5 / x - series


def _erfinv(x: float) -> float:
    """Root of erf by Newton's method from Giles' first approximation."""
    if math.isnan(x) or abs(x) > 1:
        return math.nan
    if abs(x) == 1:
        return math.copysign(math.inf, x)
    w = -math.log((1 - x) * (1 + x))
    y = math.copysign(math.sqrt(max(0.0, math.sqrt((4.3307 + w * -0.5) ** 2 + w / 0.147) - (
        4.3307 - w * 0.5))), x)  # fmt: skip
    for _ in range(60):
        error = math.erf(y) - x if abs(x) < 0.5 else (
            math.copysign(1, x) * ((1 - abs(x)) - math.erfc(abs(y)))
        )  # fmt: skip
        step = error * math.sqrt(math.pi) / 2 * math.exp(y * y)
        y -= max(-0.5, min(0.5, step))
        if abs(step) < 1e-15 * max(1.0, abs(y)):
            break
    return y


def _zeta(s: float, q: float) -> float:
    """Hurwitz zeta by Euler-Maclaurin summation."""
    if s == 1:
        return math.inf
    if s < 1 or math.isnan(s) or math.isnan(q):
        return math.nan
    if q <= 0:
        return math.inf if q == math.floor(q) else math.nan
    n = 12
    total = sum((q + k) ** -s for k in range(n))
    a = q + n
    total += a ** (1 - s) / (s - 1) + 0.5 * a**-s
    term = s * a ** (-s - 1)
    for k, b in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730), 1):
        total += b / math.factorial(2 * k) * term
        term *= (s + 2 * k - 1) * (s + 2 * k) / a**2
    return total


def _bessel(order: int) -> Callable[[float], float]:
    """exp(-|x|) I_order(x): power series for small arguments, asymptotic for large ones."""

    def run(x: float) -> float:
        a = abs(x)
        sign = -1.0 if order and x < 0 else 1.0
        if a < 30:
            term = total = (a / 2) ** order
            for k in range(1, 120):
                term *= (a / 2) ** 2 / (k * (k + order))
                total += term
            return sign * total * math.exp(-a)
        term = total = 1.0
        for k in range(1, 30):
            term *= -(4 * order * order - (2 * k - 1) ** 2) / (k * 8 * a)
            total += term
        return sign * total / math.sqrt(2 * math.pi * a)

    return run


def _unary_functions() -> dict[str, Callable[..., Any]]:
    vector = {
        "Erf": math.erf, "Erfc": math.erfc, "Lgamma": _finite_or_nan(_lgamma),
        "Digamma": _finite_or_nan(_digamma), "Erfinv": _finite_or_nan(_erfinv),
        "BesselI0e": _bessel(0), "BesselI1e": _bessel(1), "Zeta": _zeta,
    }  # fmt: skip
    return {
        "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Neg": np.negative,
        "Abs": np.abs, "Exp": np.exp, "Expm1": np.expm1, "Log": np.log, "Log1p": np.log1p,
        "Sqrt": np.sqrt, "Rsqrt": lambda x: 1 / np.sqrt(x), "Tanh": np.tanh,
        "Sigmoid": _sigmoid, "Sin": np.sin, "Cos": np.cos, "Tan": np.tan, "Asin": np.arcsin,
        "Acos": np.arccos, "Atan": np.arctan, "Sinh": np.sinh, "Cosh": np.cosh,
        "Asinh": np.arcsinh, "Acosh": np.arccosh, "Atanh": np.arctanh, "Atan2": np.arctan2,
        "Floor": np.floor, "Ceil": np.ceil, "Rint": np.rint, "Conj": np.conj,
        "NextAfter": np.nextafter, "Mod": np.fmod, "RealDiv": np.divide,
        "Maximum": _ignoring_nan(np.fmax), "Minimum": _ignoring_nan(np.fmin),
    } | {name: _vectorized(function) for name, function in vector.items()}  # fmt: skip


def _ignoring_nan(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda x, y: function(x, y)


for _name, _function in _unary_functions().items():
    _floating(_name, _function)


@kernel("Sign")
def _sign(node: Node, x: Array) -> Array:
    if x.dtype.kind == "c":
        size = np.abs(x)
        return np.where(size == 0, 0, x / np.where(size == 0, 1, size)).astype(x.dtype)
    return np.where(x > 0, 1, np.where(x < 0, -1, 0)).astype(x.dtype)


@kernel("Pow")
def _pow(node: Node, x: Array, y: Array) -> Array:
    _same(x, y)
    if _half(x):
        return np.power(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
    return np.power(x, y)


@kernel("TruncateDiv")
def _truncate_div(node: Node, x: Array, y: Array) -> Array:
    _same(x, y)
    if (y == 0).any():
        raise ZeroDivisionError("TruncateDiv by zero")
    if x.dtype.kind == "u":
        return x // y
    if ((y == -1) & (x == np.iinfo(x.dtype).min)).any():
        raise ZeroDivisionError("the quotient does not fit")
    quotient = x // y
    return (quotient + ((x % y != 0) & ((x < 0) != (y < 0)))).astype(x.dtype)


@kernel("TruncateMod")
def _truncate_mod(node: Node, x: Array, y: Array) -> Array:
    _same(x, y)
    if x.dtype.kind in "iu" and (y == 0).any():
        raise ZeroDivisionError("TruncateMod by zero")
    return np.fmod(x, y)


@kernel("ClipByValue")
def _clip(node: Node, x: Array, low: Array, high: Array) -> Array:
    _same(x, low, high)
    if any(bound.shape not in ((), x.shape) for bound in (low, high)):
        raise ValueError("a bound is neither a scalar nor of the shape of x")
    return np.where(x < low, low, np.where(x > high, high, np.where(x != x, low, x)))


def _comparison(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def run(node: Node, x: Array, y: Array) -> Array:
        _same(x, y)
        return function(x, y)

    return run


for _name, _function in {
    "Equal": np.equal, "NotEqual": np.not_equal, "Less": np.less, "LessEqual": np.less_equal,
    "Greater": np.greater, "GreaterEqual": np.greater_equal, "LogicalAnd": np.logical_and,
    "LogicalOr": np.logical_or, "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
}.items():  # fmt: skip
    KERNELS[_name] = _comparison(_function)

KERNELS["LogicalNot"] = lambda node, x: ~x
KERNELS["Invert"] = lambda node, x: ~x
KERNELS["IsNan"] = lambda node, x: x != x
KERNELS["IsInf"] = lambda node, x: np.isinf(x.astype(np.float64))
KERNELS["IsFinite"] = lambda node, x: np.isfinite(x.astype(np.float64))
KERNELS["Identity"] = KERNELS["TensorMove"] = lambda node, x: x
KERNELS["Const"] = lambda node: node.attrs["value"]
KERNELS["ComplexAbs"] = lambda node, x: np.abs(x)
KERNELS["Real"] = lambda node, x: x.real.copy()
KERNELS["Imag"] = lambda node, x: x.imag.copy()


@kernel("LeftShift", "RightShift")
def _shift(node: Node, x: Array, y: Array) -> Array:
    _same(x, y)
    amount = y & np.array(8 * x.dtype.itemsize - 1, x.dtype)
    return np.left_shift(x, amount) if node.op == "LeftShift" else np.right_shift(x, amount)


@kernel("PopulationCount")
def _population_count(node: Node, x: Array) -> Array:
    return np.bitwise_count(x.view(f"u{x.dtype.itemsize}")).astype(np.uint8)


@kernel("SelectV2", "Select")
def _select(node: Node, condition: Array, x: Array, y: Array) -> Array:
    _same(x, y)
    if node.op == "Select" and not condition.shape == x.shape == y.shape:
        raise ValueError("Select does not broadcast")
    return np.where(condition, x, y)


@kernel("Complex")
def _complex(node: Node, real: Array, imag: Array) -> Array:
    _same(real, imag)
    if real.shape != imag.shape:
        raise ValueError("parts of different shapes")
    out = np.empty(real.shape, f"c{2 * real.dtype.itemsize}")
    out.real, out.imag = real, imag
    return out


@kernel("Cast")
def _cast(node: Node, x: Array) -> Array:
    dtype = from_attribute_number(node.attrs["dst_type"])
    assert dtype is not None
    if dtype.kind == "b":
        return x != 0
    if dtype.kind in "iu" and x.dtype.kind in "fV":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        wide = np.trunc(x.astype(np.float64))
        fits = (wide >= low) & (wide < float(high) + 1)
        return np.where(fits, np.where(fits, wide, 0).astype(dtype), np.array(low, dtype))
    if dtype.kind in "iu" and x.dtype.kind in "iu":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        inside = np.array([low <= int(v) <= high for v in x.ravel()], bool).reshape(x.shape)
        return np.where(inside, x.astype(dtype), np.array(low, dtype))
    return x.astype(dtype)


@kernel("Bitcast")
def _bitcast(node: Node, x: Array) -> Array:
    dtype = node.attrs["type"]
    x = np.asarray(x, order="C")
    if dtype.itemsize == x.dtype.itemsize:
        return x.view(dtype)
    if dtype.itemsize < x.dtype.itemsize:
        return x.reshape(*x.shape, 1).view(dtype)
    return x.view(dtype).reshape(x.shape[:-1])


# -- shapes --------------------------------------------------------------------------------


@kernel("Reshape")
def _reshape(node: Node, x: Array, shape: Array) -> Array:
    return x.reshape([int(n) for n in shape])


@kernel("BroadcastTo")
def _broadcast_to(node: Node, x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, [int(n) for n in shape])


@kernel("Fill")
def _fill(node: Node, dims: Array, value: Array) -> Array:
    if value.shape not in ((), (1,)):
        raise ValueError("the value is not a scalar")
    return np.full([int(n) for n in dims], value.reshape(()), value.dtype)


@kernel("Tile")
def _tile(node: Node, x: Array, multiples: Array) -> Array:
    return np.tile(x, [int(n) for n in multiples])


@kernel("Transpose")
def _transpose(node: Node, x: Array, perm: Array) -> Array:
    return x.transpose([int(p) for p in perm])


@kernel("Slice")
def _slice(node: Node, x: Array, offsets: Array, size: Array) -> Array:
    cut = []
    for n, start, length in zip(x.shape, offsets.tolist(), size.tolist(), strict=True):
        if not 0 <= start <= start + length <= n:
            raise IndexError(f"slice of {length} from {start} out of {n}")
        cut.append(slice(start, start + length))
    return x[tuple(cut)]


@kernel("StridedSlice")
def _strided_slice(node: Node, x: Array, begin: Array, end: Array, strides: Array) -> Array:
    rows = zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)
    return x[tuple(slice(*row) for row in rows)]


@kernel("PadV2")
def _pad(node: Node, x: Array, paddings: Array, value: Array) -> Array:
    _same(x, value)
    widths = [(int(lo), int(hi)) for lo, hi in paddings]
    if any(w < 0 for pair in widths for w in pair):
        raise ValueError("negative padding")
    out = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value, x.dtype)
    out[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    return out


@kernel("ConcatV2")
def _concat(node: Node, *inputs: Array) -> Array:
    *xs, axis = inputs
    _same(*xs)
    return np.concatenate(xs, int(axis))


@kernel("Pack")
def _pack(node: Node, *xs: Array) -> Array:
    _same(*xs)
    return np.stack(xs, node.attr("axis"))


@kernel("ReverseV2")
def _reverse(node: Node, x: Array, axis: Array) -> Array:
    return np.flip(x, tuple(int(a) for a in axis))


@kernel("Range")
def _range(node: Node, start: Array, limit: Array, delta: Array) -> Array:
    return np.arange(start.item(), limit.item(), delta.item()).astype(start.dtype)


# -- gather, scatter, sort -----------------------------------------------------------------


def _in_range(index: Array, n: int) -> Array:
    if ((index < 0) | (index >= n)).any():
        raise IndexError(f"an index is out of range 0..{n - 1}")
    return index


@kernel("GatherV2")
def _gather(node: Node, x: Array, indices: Array, axis: Array) -> Array:
    return np.take(x, _in_range(indices, x.shape[int(axis)]), int(axis))


@kernel("GatherNd")
def _gather_nd(node: Node, x: Array, indices: Array) -> Array:
    columns = [_in_range(indices[..., k], x.shape[k]) for k in range(indices.shape[-1])]
    return x[tuple(columns)]


@kernel("GatherElements")
def _gather_elements(node: Node, x: Array, index: Array) -> Array:
    dim = node.attr("dim")
    return np.take_along_axis(x, _in_range(index, x.shape[dim]), dim)


def _scattering(function: Any) -> Callable[..., Array]:
    def run(node: Node, x: Array, indices: Array, updates: Array) -> Array:
        _same(x, updates)
        depth = indices.shape[-1]
        if updates.shape != indices.shape[:-1] + x.shape[depth:]:
            raise ValueError("updates do not have the shape of their places")
        columns = tuple(_in_range(indices[..., k], x.shape[k]) for k in range(depth))
        out = x.copy()
        if function is None:
            out[columns] = updates
        else:
            function.at(out, columns, updates)
        return out

    return run


KERNELS["TensorScatterUpdate"] = _scattering(None)
KERNELS["TensorScatterAdd"] = _scattering(np.add)
KERNELS["TensorScatterMax"] = _scattering(np.fmax)
KERNELS["TensorScatterMin"] = _scattering(np.fmin)


@kernel("ScatterElements")
def _scatter_elements(node: Node, data: Array, indices: Array, updates: Array) -> Array:
    _same(data, updates)
    axis, how = node.attr("axis"), node.attr("reduction")
    places = list(np.indices(indices.shape))
    places[axis] = _in_range(indices, data.shape[axis])
    out = data.copy()
    if how == "none":
        out[tuple(places)] = updates
    else:
        {"add": np.add, "mul": np.multiply}[how].at(out, tuple(places), updates)
    return out


@kernel("Sort")
def _sort(node: Node, x: Array) -> tuple[Array, Array]:
    if not node.attr("stable"):
        raise ValueError("the order of equal elements is not defined")
    if (x != x).any():
        raise ValueError("where NaN goes is not defined")
    axis = node.attr("axis")
    if node.attr("descending"):
        n = x.shape[axis]
        order = n - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    return np.take_along_axis(x, order, axis), order.astype(np.int32)


# -- reductions ----------------------------------------------------------------------------


def _axes(axes: Array) -> tuple[int, ...]:
    return tuple(int(a) for a in axes.reshape(-1))


def _reduction(function: Callable[..., Any]) -> Callable[..., Array]:
    def run(node: Node, x: Array, axes: Array) -> Array:
        made = function(x, axis=_axes(axes), keepdims=node.attr("keep_dims"))
        return np.asarray(made).astype(x.dtype)

    return run


def _sum(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    return np.sum(x, axis, None if x.dtype.kind in "fcV" else x.dtype, keepdims=keepdims)


def _prod(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    return np.prod(x, axis, None if x.dtype.kind in "fcV" else x.dtype, keepdims=keepdims)


KERNELS["ReduceSum"] = _reduction(_sum)
KERNELS["ReduceProd"] = _reduction(_prod)
KERNELS["ReduceMax"] = _reduction(np.fmax.reduce)
KERNELS["ReduceMin"] = _reduction(np.fmin.reduce)
KERNELS["ReduceAll"] = _reduction(np.all)
KERNELS["ReduceAny"] = _reduction(np.any)


@kernel("ArgMaxV2", "ArgMin")
def _arg_extreme(node: Node, x: Array, dimension: Array) -> Array:
    lowest = -np.inf if node.op == "ArgMaxV2" else np.inf
    held = x if x.dtype.kind in "iub" else np.where(x != x, np.array(lowest, x.dtype), x)
    find = np.argmax if node.op == "ArgMaxV2" else np.argmin
    return find(held, int(dimension)).astype(node.attr("dtype"))


@kernel("Cumsum", "Cumprod")
def _cumulative(node: Node, x: Array, axis: Array) -> Array:
    run = np.cumsum if node.op == "Cumsum" else np.cumprod
    a = int(axis)
    held = np.flip(x, a) if node.attr("reverse") else x
    made = run(held, a, dtype=x.dtype)
    if node.attr("exclusive"):
        neutral = np.full_like(np.take(made, [0], a), node.op == "Cumprod")
        made = np.concatenate([neutral, np.take(made, range(x.shape[a] - 1), a)], a)
    return np.flip(made, a) if node.attr("reverse") else made


# -- windows, products, convolutions -------------------------------------------------------


def _spatial(node: Node, name: str) -> list[int]:
    """The two spatial entries of a list attribute of four, by the data format."""
    values, layout = node.attr(name), node.attr("data_format")
    if len(values) != 4 or any(values[layout.index(c)] != 1 for c in "NC"):
        raise ValueError(f"{name} is {values}")
    return [values[layout.index(c)] for c in "HW"]


def _check_layout(node: Node, *ports: str) -> None:
    for port in ports:
        if node.layouts.get(port) != node.attr("data_format"):
            raise ValueError(f"port {port} has layout {node.layouts.get(port, 'ND')}")


@kernel("MaxPoolV3", "AvgPoolV2")
def _pool(node: Node, x: Array) -> Array:
    _check_layout(node, "x", "y")
    if node.attr("data_format") != "NCHW" or node.attr("padding_mode") != "CALCULATED":
        raise ValueError("only NCHW with calculated padding is defined here")
    size, step, pads = _spatial(node, "ksize"), _spatial(node, "strides"), node.attr("pads")
    largest = node.op == "MaxPoolV3"
    filler = (-np.inf if x.dtype.kind in "fV" else np.iinfo(x.dtype).min) if largest else 0
    held = np.full((*x.shape[:2], x.shape[2] + pads[0] + pads[1], x.shape[3] + pads[2] + pads[3]),
                   filler, x.dtype)  # fmt: skip
    held[:, :, pads[0] : pads[0] + x.shape[2], pads[2] : pads[2] + x.shape[3]] = x
    windows = np.lib.stride_tricks.sliding_window_view(held, size, (2, 3))
    windows = windows[:, :, :: step[0], :: step[1]]
    if largest:
        return np.fmax.reduce(windows, (-2, -1))
    if node.attr("exclusive"):
        raise ValueError("averages over the inside of the padding are not defined here")
    total = windows.sum((-2, -1), dtype=np.float32 if _half(x) else x.dtype)
    return (total / np.array(size[0] * size[1], total.dtype)).astype(x.dtype)


@kernel("SoftmaxV2", "LogSoftmaxV2")
def _softmax(node: Node, x: Array) -> Array:
    axes = tuple(node.attr("axes"))
    wide = x.astype(np.float32) if _half(x) else x
    shifted = wide - np.fmax.reduce(wide, axes, keepdims=True)
    total = np.exp(shifted).sum(axes, keepdims=True)
    made = np.exp(shifted) / total if node.op == "SoftmaxV2" else shifted - np.log(total)
    return made.astype(x.dtype)


@kernel("MatMulV2")
def _matmul(node: Node, x1: Array, x2: Array, bias: Array | None, offset: Array | None) -> Array:
    if x1.ndim != 2 or x2.ndim != 2:
        raise ValueError("MatMulV2 multiplies matrices")
    left = x1.T if node.attr("transpose_x1") else x1
    right = x2.T if node.attr("transpose_x2") else x2
    made = _product(left, right)
    return made if bias is None else made + bias


@kernel("BatchMatMulV2")
def _batch_matmul(
    node: Node, x1: Array, x2: Array, bias: Array | None, offset: Array | None
) -> Array:
    left = np.swapaxes(x1, -1, -2) if node.attr("adj_x1") else x1
    right = np.swapaxes(x2, -1, -2) if node.attr("adj_x2") else x2
    made = _product(left, right)
    return made if bias is None else made + bias


def _product(left: Array, right: Array) -> Array:
    """Matrix product: 16-bit floats accumulate in float32, int8 gives int32."""
    _same(left, right)
    if left.shape[-1] != right.shape[-2]:
        raise ValueError("inner dimensions differ")
    if _half(left):
        return np.matmul(left.astype(np.float32), right.astype(np.float32)).astype(left.dtype)
    if left.dtype == np.int8:
        return np.matmul(left.astype(np.int32), right.astype(np.int32))
    return np.matmul(left, right)


def _geometry(node: Node) -> tuple[list[int], list[int], list[int], int]:
    if node.attr("data_format") != "NCHW":
        raise ValueError("only NCHW is defined here")
    dilations = _spatial(node, "dilations")
    return _spatial(node, "strides"), node.attr("pads"), dilations, node.attr("groups")


def _padded(x: Array, pads: Sequence[int]) -> Array:
    return np.pad(x, ((0, 0), (0, 0), (pads[0], pads[1]), (pads[2], pads[3])))


def _out_size(n: int, k: int, stride: int, before: int, after: int, dilation: int) -> int:
    return (n + before + after - dilation * (k - 1) - 1) // stride + 1


def _out_shape(node: Node, x: Sequence[int], kernel_shape: Sequence[int]) -> tuple[int, int]:
    strides, pads, dilations, _ = _geometry(node)
    return (
        _out_size(x[2], kernel_shape[2], strides[0], pads[0], pads[1], dilations[0]),
        _out_size(x[3], kernel_shape[3], strides[1], pads[2], pads[3], dilations[1]),
    )


def _places(node: Node, kernel_shape: Sequence[int], out: Sequence[int]) -> Any:
    """For each position of the filter, where it lies on the padded image for all windows."""
    strides, _, dilations, _ = _geometry(node)
    for p, q in itertools.product(range(kernel_shape[2]), range(kernel_shape[3])):
        top, left = p * dilations[0], q * dilations[1]
        yield p, q, (
            slice(None), slice(None),
            slice(top, top + (out[0] - 1) * strides[0] + 1, strides[0]),
            slice(left, left + (out[1] - 1) * strides[1] + 1, strides[1]),
        )  # fmt: skip


@kernel("Conv2D")
def _conv(node: Node, x: Array, filter: Array, bias: Array | None, offset: Array | None) -> Array:
    _check_layout(node, "x", "filter", "y")
    _same(x, filter)
    _, pads, _, groups = _geometry(node)
    wide = np.int32 if x.dtype == np.int8 else np.float32
    if x.shape[1] != filter.shape[1] * groups or filter.shape[0] % groups:
        raise ValueError("the channels do not fit the groups")
    held, out = _padded(x, pads).astype(wide), _out_shape(node, x.shape, filter.shape)
    weights = filter.astype(wide).reshape(groups, -1, *filter.shape[1:])
    total = np.zeros((x.shape[0], groups, weights.shape[1], *out), wide)
    for p, q, where in _places(node, filter.shape, out):
        piece = held[where].reshape(x.shape[0], groups, -1, *out)
        total += np.einsum("ngchw,goc->ngohw", piece, weights[..., p, q])
    made = total.reshape(x.shape[0], filter.shape[0], *out)
    if bias is not None:
        made = made + bias.astype(wide).reshape(-1, 1, 1)
    return made.astype(np.int32 if wide is np.int32 else x.dtype)


@kernel("Conv2DBackpropInput")
def _conv_input(node: Node, input_size: Array, filter: Array, grad: Array) -> Array:
    """Transpose of `Conv2D` in its image: every window gives back what it has taken."""
    _check_layout(node, "filter", "out_backprop", "y")
    _same(filter, grad)
    _, pads, _, groups = _geometry(node)
    shape = [int(n) for n in input_size]
    out = _out_shape(node, shape, filter.shape)
    if grad.shape != (shape[0], filter.shape[0], *out):
        raise ValueError(f"the gradient of the result should be {out}")
    held = np.zeros((shape[0], groups, shape[1] // groups, shape[2] + pads[0] + pads[1],
                     shape[3] + pads[2] + pads[3]), np.float32)  # fmt: skip
    weights = filter.astype(np.float32).reshape(groups, -1, *filter.shape[1:])
    back = grad.astype(np.float32).reshape(shape[0], groups, -1, *out)
    for p, q, where in _places(node, filter.shape, out):
        held[(slice(None), *where)] += np.einsum("ngohw,goc->ngchw", back, weights[..., p, q])
    whole = held.reshape(*shape[:2], *held.shape[3:])
    made = whole[:, :, pads[0] : pads[0] + shape[2], pads[2] : pads[2] + shape[3]]
    return made.astype(grad.dtype)


@kernel("Conv2DBackpropFilter")
def _conv_filter(node: Node, x: Array, filter_size: Array, grad: Array) -> Array:
    """Transpose of `Conv2D` in its filter."""
    _check_layout(node, "x", "out_backprop", "y")
    _same(x, grad)
    _, pads, _, groups = _geometry(node)
    shape = [int(n) for n in filter_size]
    out = _out_shape(node, x.shape, shape)
    if grad.shape != (x.shape[0], shape[0], *out):
        raise ValueError(f"the gradient of the result should be {out}")
    held = _padded(x, pads).astype(np.float32)
    back = grad.astype(np.float32).reshape(x.shape[0], groups, -1, *out)
    made = np.zeros((groups, shape[0] // groups, *shape[1:]), np.float32)
    for p, q, where in _places(node, shape, out):
        piece = held[where].reshape(x.shape[0], groups, -1, *out)
        made[..., p, q] = np.einsum("ngohw,ngchw->goc", back, piece)
    return made.reshape(shape).astype(x.dtype)


@kernel("Cholesky")
def _cholesky(node: Node, x: Array) -> Array:
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return np.full_like(x, np.nan)


@kernel("SelfAdjointEig")
def _eigen(node: Node, x: Array) -> tuple[Array, Array]:
    values, vectors = np.linalg.eigh(x)
    return values.astype(x.dtype), vectors.astype(x.dtype)


@kernel("Svd")
def _svd(node: Node, x: Array) -> tuple[Array, Array, Array]:
    left, values, right = np.linalg.svd(x, full_matrices=node.attr("full_matrices"))
    return values.astype(x.dtype), left, np.conj(np.swapaxes(right, -1, -2))


@kernel("MatrixTriangularSolve")
def _triangular_solve(node: Node, matrix: Array, rhs: Array) -> Array:
    if node.attr("adjoint"):
        raise ValueError("adjoint is not defined here")
    half = np.tril(matrix) if node.attr("lower") else np.triu(matrix)
    return np.linalg.solve(half, rhs).astype(rhs.dtype)
