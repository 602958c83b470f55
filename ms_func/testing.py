"""Checks of derivatives against differences, for users' functions and primitives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.api.compile import jit, make_ir
from ms_func.api.linearize import jvp, vjp
from ms_func.api.vectorize import vmap
from ms_func.dtypes import float0, is_inexact
from ms_func.errors import ArgumentValueError
from ms_func.ir import parse, to_text, verify
from ms_func.ir.primitive import ZERO, NotSupported, Primitive
from ms_func.ir.types import typeof

__all__ = ["check_grads", "check_jvp", "check_primitive", "check_vjp"]
__dir__ = __all__.copy

_STEPS = {"float16": 1e-2, "bfloat16": 1e-1, "float32": 1e-3, "float64": 1e-6}
_TOLERANCES = {"float16": 1e-1, "bfloat16": 2e-1, "float32": 2e-2, "float64": 1e-5}


def _floating(x: Any) -> str:
    """Name of the real dtype behind a leaf; double where nothing is differentiable."""
    dtype = np.asarray(x).dtype
    if dtype.kind == "c":
        return f"float{dtype.itemsize * 4}"
    return dtype.name if is_inexact(dtype) else "float64"


def _coarsest(args: Any, table: dict[str, float]) -> float:
    return max((table.get(_floating(x), 1e-2) for x in tree.leaves(args)), default=1e-6)


def _on_host(args: Sequence[Any]) -> tuple[Any, ...]:
    """Arguments as NumPy arrays; Python numbers at the dtype they stand for."""
    return tree.map(lambda x: np.asarray(x, typeof(x).dtype), tuple(args))


def _random_like(rng: np.random.Generator, x: Any) -> np.ndarray:
    """Random direction of the shape and dtype of a leaf; float0 for discrete ones."""
    x = np.asarray(x)
    if not is_inexact(x.dtype):
        return np.zeros(x.shape, float0)
    out = rng.standard_normal(x.shape)
    if x.dtype.kind == "c":
        out = out + 1j * rng.standard_normal(x.shape)
    return np.asarray(out).astype(x.dtype)


def _moved(x: Any, direction: Any, step: float) -> np.ndarray:
    x = np.asarray(x)
    if not is_inexact(x.dtype):
        return x
    return (x + step * np.asarray(direction)).astype(x.dtype)


def _difference(f: Callable[..., Any], args: Any, directions: Any, step: float) -> Any:
    """Central difference of `f` along directions."""
    up, down = (
        f(*tree.map(lambda x, d: _moved(x, d, s), args, directions))  # noqa: B023
        for s in (step, -step)
    )
    return tree.map(lambda a, b: _slope(np.asarray(a), np.asarray(b), step), up, down)


def _slope(up: np.ndarray, down: np.ndarray, step: float) -> np.ndarray:
    return (up - down) / (2 * step) if is_inexact(up.dtype) else up


def _close(got: Any, expected: Any, atol: float, rtol: float, what: str) -> None:
    pairs = zip(tree.leaves(got), tree.leaves(expected), strict=True)
    for a, b in pairs:
        a, b = np.asarray(a), np.asarray(b)
        if is_inexact(a.dtype):
            np.testing.assert_allclose(
                a.astype(np.complex128), b.astype(np.complex128), atol=atol, rtol=rtol,
                err_msg=what,
            )  # fmt: skip


def _inner(a: Any, b: Any) -> float:
    """Real part of the bilinear pairing of two trees."""
    total = 0.0
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        x, y = np.asarray(x), np.asarray(y)
        if is_inexact(x.dtype) and is_inexact(y.dtype):
            total += float(np.real(np.sum(x.astype(np.complex128) * y.astype(np.complex128))))
    return total


def check_jvp(
    f: Callable[..., Any],
    f_jvp: Callable[..., Any],
    args: Sequence[Any],
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    err_msg: str = "",
) -> None:
    """Check a forward derivative against central differences along a random direction.

    Args:
        f: function of trees of arrays.
        f_jvp: from (primals, tangents) to (value, tangent).
        args: the point.
        atol: absolute tolerance; by dtype if None.
        rtol: relative tolerance; by dtype if None.
        eps: step of the difference; by dtype if None.
        err_msg: head of the message.

    Raises:
        AssertionError: values or tangents differ.

    Example:
        >>> f = lambda x: x * x
        >>> check_jvp(f, partial(jvp, f), (3.0,))
    """
    args = _on_host(args)
    rng = np.random.default_rng(0)
    directions = tree.map(partial(_random_like, rng), args)
    tolerance = _coarsest(args, _TOLERANCES)
    atol, rtol = (tolerance if t is None else t for t in (atol, rtol))
    value, tangent = f_jvp(args, directions)
    _close(value, f(*args), atol, rtol, f"{err_msg} value of jvp")
    step = _coarsest(args, _STEPS) if eps is None else eps
    _close(tangent, _difference(f, args, directions, step), atol, rtol, f"{err_msg} jvp tangent")


def check_vjp(
    f: Callable[..., Any],
    f_vjp: Callable[..., Any],
    args: Sequence[Any],
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    err_msg: str = "",
) -> None:
    """Check a reverse derivative against central differences by a random pairing.

    Args:
        f: function of trees of arrays.
        f_vjp: `f_vjp(*args)` gives (value, function of a cotangent).
        args: the point.
        atol: absolute tolerance; by dtype if None.
        rtol: relative tolerance; by dtype if None.
        eps: step of the difference; by dtype if None.
        err_msg: head of the message.

    Raises:
        AssertionError: values or pairings differ.

    Example:
        >>> f = lambda x: x * x
        >>> check_vjp(f, partial(vjp, f), (3.0,))
    """
    args = _on_host(args)
    rng = np.random.default_rng(0)
    tolerance = _coarsest(args, _TOLERANCES)
    atol, rtol = (tolerance if t is None else t for t in (atol, rtol))
    value, pull = f_vjp(*args)
    _close(value, f(*args), atol, rtol, f"{err_msg} value of vjp")
    directions = tree.map(partial(_random_like, rng), args)
    step = _coarsest(args, _STEPS) if eps is None else eps
    tangent = _difference(f, args, directions, step)
    cotangent = tree.map(partial(_random_like, rng), value)
    np.testing.assert_allclose(
        _inner(pull(cotangent), directions), _inner(cotangent, tangent), atol=atol, rtol=rtol,
        err_msg=f"{err_msg} vjp pairing",
    )  # fmt: skip


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Check the derivatives of `f` against central differences, up to an order.

    Args:
        f: function of trees of arrays.
        args: the point.
        order: highest order of derivative.
        modes: "fwd", "rev" or both; at order 2 every nesting of them is checked.
        atol: absolute tolerance; by dtype if None.
        rtol: relative tolerance; by dtype if None.
        eps: step of the differences; by dtype if None.

    Raises:
        AssertionError: a derivative differs.

    Example:
        >>> check_grads(lambda x: x * x, (3.0,), order=2)
    """
    args = _on_host(args)
    for mode in modes:
        if mode == "fwd":
            check_jvp(f, partial(jvp, f), args, atol, rtol, eps, f"order {order} forward:")
        elif mode == "rev":
            check_vjp(f, partial(vjp, f), args, atol, rtol, eps, f"order {order} reverse:")
        else:
            raise ArgumentValueError(f"modes are 'fwd' and 'rev', got {mode!r}")
    if order <= 1:
        return
    if "fwd" in modes:
        rng = np.random.default_rng(1)
        directions = tree.map(partial(_random_like, rng), args)
        check_grads(lambda *xs: jvp(f, xs, directions)[1], args, order - 1, modes, atol, rtol, eps)
    if "rev" in modes:
        rng = np.random.default_rng(1)
        cotangent = tree.map(partial(_random_like, rng), f(*args))
        check_grads(lambda *xs: vjp(f, *xs)[1](cotangent), args, order - 1, modes, atol, rtol, eps)


def check_primitive(
    p: Primitive, *args: Any, rtol: float = 1e-9, atol: float = 1e-9, **params: Any
) -> None:
    """Check each rule of a primitive against its oracle, on the given operands.

    The compiled program against `ref`, derivatives to second order against differences where
    there are any, batching along every dimension against a loop, and the text form. Use double
    precision, and operands where the function has derivatives.

    Args:
        p: the primitive.
        *args: NumPy arrays.
        rtol: relative tolerance of values.
        atol: absolute tolerance of values.
        **params: parameters of the primitive.

    Raises:
        AssertionError: a rule disagrees.

    Example:
        >>> from ms_func.primitives.elementwise import sin_p
        >>> check_primitive(sin_p, np.array([0.5, 1.0], np.float64))
    """
    arrays = [np.asarray(a) for a in args]

    def run(*xs: Any) -> list[Any]:
        out = p.bind(*xs, **params)
        return list(out) if p.multiple_results else [out]

    assert callable(p.ref), f"{p.name} has no reference"
    want = p.ref(*arrays, **params)
    want = [np.asarray(x) for x in (want if p.multiple_results else [want])]
    for how, got in (("eager", run(*arrays)), ("jit", jit(run)(*arrays))):
        for a, b in zip(got, want, strict=True):
            assert typeof(a).shape == b.shape, f"{how} {p.name}: shape {typeof(a)} for {b.shape}"
            np.testing.assert_allclose(np.asarray(a), b, rtol, atol, err_msg=f"{how} {p.name}")
    fn = make_ir(run)(*arrays)
    verify(fn)
    assert parse(to_text(fn)) == fn, f"{p.name} does not print and parse"
    if p.jvp is not ZERO and not isinstance(p.jvp, NotSupported):
        check_grads(run, arrays, 2, atol=1e-4, rtol=1e-4)
    if not isinstance(p.batch, NotSupported):
        _check_batching(p.name, run, arrays, rtol, atol)


def _check_batching(name: str, run: Any, arrays: Sequence[Any], rtol: float, atol: float) -> None:
    """`vmap` along each dimension of each operand, and of all, against a loop."""
    choices = [[None, *range(a.ndim + 1)] for a in arrays]
    for dims in itertools.product(*choices):
        if all(d is None for d in dims):
            continue
        lanes = [
            a if d is None else np.stack([a, a * 0.5 if is_inexact(a.dtype) else a], d)
            for a, d in zip(arrays, dims, strict=True)
        ]
        got = vmap(run, dims)(*lanes)
        for k in range(2):
            one = [x if d is None else x.take(k, d) for x, d in zip(lanes, dims, strict=True)]
            for a, b in zip(got, run(*one), strict=True):
                message = f"vmap of {name} over {dims}"
                np.testing.assert_allclose(np.asarray(a)[k], b, rtol, atol, err_msg=message)
