"""Cases of the operations that carry functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.control_flow.bodies import batch_to
from ms_func.control_flow.checkpoint import kept_p
from ms_func.control_flow.custom_vjp_primitive import Rules
from ms_func.control_flow.custom_vmap import Vectorised
from ms_func.control_flow.rules import Deferred, Recorded
from ms_func.ir.function import Function
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType
from ms_func.primitives.arithmetic import add, mul, sub
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import lt
from ms_func.primitives.elementwise import cos, exp, sin
from ms_func.primitives.hyperbolic import tanh
from ms_func.primitives.reduce import reduce_sum
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.tracing.tracer import build
from ms_func.transforms.zeros import zeros
from tests.cases.case import FLOATS, INTEGERS, Arg, Case, of_shapes

_WIDE = ("float64",)


def program(name: str, shapes: Sequence[Any], body: Callable[..., list[Any]]) -> Function:
    """Program on float64 arrays of the given shapes; a type may stand in place of a shape."""
    types = [s if isinstance(s, ArrayType) else ArrayType(s, np.float64) for s in shapes]
    return build(name, types, body)


_INT = ArrayType((), np.int32)


def _index(count: int) -> Callable[..., Any]:
    return lambda rng, shape: rng.integers(-1, count + 1, shape)


def _branches() -> tuple[Function, ...]:
    shapes = [(3,), (2, 3)]
    total = lambda y: reduce_sum(y, axes=(0,))  # noqa: E731
    return (
        program("first", shapes, lambda x, y: [sin(x), mul(x, _row(y)), y]),
        program("second", shapes, lambda x, y: [mul(total(y), x), total(y), add(y, 1.0)]),
        program("third", shapes, lambda x, y: [x, exp(x), mul(y, y)]),
    )


def _row(y: Any) -> Any:
    """Sum of the rows times a function of it."""
    total = reduce_sum(y, axes=(0,))
    return mul(total, cos(total))


def _cond() -> list[Case]:
    branches = _branches()
    operands = (Arg((3,)), Arg((2, 3)))
    switch = Arg((), _index(3), "int32")
    pred = Arg((), lambda rng, shape: rng.integers(0, 2, shape), "bool")
    constant = program("constant", [()], lambda x: [x, x])
    changed = program("changed", [()], lambda x: [mul(x, x), sub(0.0, x)])
    return [
        Case((switch, *operands), {"branches": branches}, _WIDE, ulps=16),
        Case((pred, *operands), {"branches": branches[:2]}, _WIDE, ulps=16),
        Case((pred, Arg(())), {"branches": (constant, changed)}, _WIDE, ulps=16),
    ]


def _scan_params(body: Function, consts: int, carry: int, length: int, **more: Any) -> Any:
    return {"body": body, "num_consts": consts, "num_carry": carry, "length": length,
            "reverse": False, "unroll": 1, **more}  # fmt: skip


def _step(w: Any, c: Any, n: Any, x: Any) -> list[Any]:
    """A carry that is differentiated, one that counts, and two results."""
    scale = broadcast_in_dim(add(convert_element_type(n, np.float64), 1.0), (3,), ())
    new = add(sin(mul(c, w)), mul(x, scale))
    return [new, add(n, 1), mul(c, x), reduce_sum(new, axes=(0,))]


def _scan() -> list[Case]:
    body = program("step", [(3,), (3,), _INT, (3,)], _step)
    args = (Arg((3,)), Arg((3,)), Arg((), dtype="int32"), Arg((4, 3)))
    linear = program("linear", [(2,), (2,)], lambda c, x: [add(c, x), mul(c, 2.0)])
    swap = program("swap", [(), ()], lambda a, b: [b, sin(a)])
    return [
        Case(args, _scan_params(body, 1, 2, 4), _WIDE, ulps=16),
        Case(args, _scan_params(body, 1, 2, 4, reverse=True, unroll=3), _WIDE, ulps=16),
        Case((Arg((2,)), Arg((5, 2))), _scan_params(linear, 0, 1, 5, unroll=5), _WIDE, ulps=16),
        Case((Arg((2,)), Arg((0, 2))), _scan_params(linear, 0, 1, 0), _WIDE, ulps=16),
        Case((Arg(()), Arg(())), _scan_params(swap, 0, 2, 3), _WIDE, ulps=16),
    ]


def _while_params(cond: Function, body: Function, num_cond: int, num_body: int) -> dict[str, Any]:
    return {
        "cond": cond, "body": body, "num_cond": num_cond, "num_body": num_body, "slots": 4,
    }  # fmt: skip


def _while(smooth: bool = True) -> list[Case]:
    count = program("count", [_INT, _INT, (2,)], lambda stop, i, x: [lt(i, stop)])
    grow = program("grow", [(2,), _INT, (2,)], lambda w, i, x: [add(i, 1), sin(add(x, w))])
    stop = Arg((), lambda rng, shape: rng.integers(0, 5, shape), "int32")
    args = (stop, Arg((2,)), Arg((), lambda rng, shape: np.zeros(shape), "int32"), Arg((2,)))
    return [Case(args, _while_params(count, grow, 1, 1), _WIDE, ulps=16, smooth=smooth)]


def _reverse() -> dict[str, Any]:
    """A known loop k' = sin(c k) beside a linear one u' = k u + b."""
    known = program("known", [(), ()], lambda c, k: [sin(mul(c, k))])
    step = program("linear", [(), (2,), (), (2,)], lambda c, b, k, u: [
        add(mul(u, _wide(mul(k, c))), b)
    ])  # fmt: skip
    return {"known": known, "step": step, "num_consts": 1, "num_state": 1, "num_linear": 1,
            "slots": 4}  # fmt: skip


def _fixed(value: int) -> Arg:
    """A count: three steps, of which the states before all are kept."""
    return Arg((), lambda rng, shape: np.full(shape, value), "int32")


_COUNTS = (_fixed(3), _fixed(3), _fixed(1))


def _while_linear() -> list[Case]:
    args = (*_COUNTS, Arg(()), Arg((5,)), Arg((2,)), Arg((2,)))
    return [
        Case(args, {**_reverse(), "stacked": False}, _WIDE, ulps=16),
        Case(args, {**_reverse(), "stacked": True}, _WIDE, ulps=16, smooth=False),
    ]


def _while_back() -> list[Case]:
    """Derivatives suppose tables that a walk has filled; tests of loops check them."""
    args = (*_COUNTS, Arg(()), Arg((5,)), Arg((2,)))
    return [Case(args, _reverse(), _WIDE, ulps=16, smooth=False)]


def _while_back_dot() -> list[Case]:
    args = (*_COUNTS, Arg(()), Arg((5,)), Arg((2,)), Arg(()), Arg((5,)), Arg((2,)))
    params = {**_reverse(), "active_consts": (True,), "active_state": (True,)}
    return [Case(args, params, _WIDE, ulps=16, smooth=False)]


def _while_dot_back() -> list[Case]:
    args = (*_COUNTS, Arg(()), Arg((5,)), Arg((2,)), Arg((2,)), Arg((2,)))
    params = {**_reverse(), "active_consts": (True,), "active_state": (True,)}
    return [Case(args, params, _WIDE, ulps=16, smooth=False)]


def _apply(fn: Function, args: Sequence[Any]) -> list[Any]:
    """The equations of `fn`, recorded where this is called."""
    return current.interpreter.apply(fn, args)


def _custom_jvp() -> list[Case]:
    """Rules that are the true derivative, so that they agree with differences."""
    fn = program("f", [(), (2,)], lambda a, x: [mul(sin(x), _wide(a)), a])

    def rule(a: Any, x: Any, da: Any, dx: Any) -> list[Any]:
        out = mul(sin(x), _wide(a))
        return [out, a, add(mul(mul(cos(x), dx), _wide(a)), mul(sin(x), _wide(da))), da]

    recorded = program("rule", [(), (2,), (), (2,)], rule)
    late = Deferred(("case",), lambda mask: Recorded(_live(recorded, mask), ()))
    args = (Arg(()), Arg((2,)))
    return [
        Case(args, {"fn": fn, "rule": r, "num_captured": 0}, _WIDE, ulps=16)
        for r in (recorded, late)
    ]


def _wide(a: Any) -> Any:
    return broadcast_in_dim(a, (2,), ())


def _live(rule: Function, mask: tuple[bool, ...]) -> Function:
    """The rule without the tangents that vanish."""
    n = len(mask)
    dots = rule.in_types[n:]
    types = [*rule.in_types[:n], *(t for t, m in zip(dots, mask, strict=True) if m)]

    def body(*args: Any) -> list[Any]:
        rest = iter(args[n:])
        full = [next(rest) if m else zeros(t) for t, m in zip(dots, mask, strict=True)]
        return _apply(rule, [*args[:n], *full])

    return program("live", types, body)


def _custom_vjp() -> list[Case]:
    fn = program("f", [(), (2,)], lambda a, x: [mul(sin(x), _wide(a)), a])
    fwd = program("fwd", [(), (2,)], lambda a, x: [mul(sin(x), _wide(a)), a, a, x])
    late = Deferred(("case",), lambda mask: Rules(fwd, _backward(), ()))
    args = (Arg(()), Arg((2,)))
    return [
        Case(args, {"fn": fn, "rule": r, "num_captured": 0, "name": "f"}, _WIDE, ulps=16)
        for r in ((fwd, _backward()), late)
    ]


def _backward() -> Function:
    def rule(a: Any, x: Any, ct_out: Any, ct_a: Any) -> list[Any]:
        back = add(reduce_sum(mul(ct_out, sin(x)), axes=(0,)), ct_a)
        return [back, mul(mul(ct_out, cos(x)), _wide(a))]

    return program("bwd", [(), (2,), (2,), ()], rule)


def _custom_vjp_linear() -> list[Case]:
    types = (ArrayType((2,), np.dtype(np.float64)), ArrayType((), np.dtype(np.float64)))
    params = {"bwd": _backward(), "num_residuals": 2, "types": types, "name": "f"}
    return [Case((Arg(()), Arg((2,)), Arg(()), Arg((2,))), params, _WIDE, ulps=16)]


def _remat() -> list[Case]:
    def body(x: Any, y: Any) -> list[Any]:
        kept = kept_p.bind(sin(x))
        return [exp(mul(kept, y)), tanh(kept)]

    fn = program("f", [(3,), (3,)], body)
    params = {"fn": fn, "barrier": True, "prevent_cse": True}
    return [Case((Arg((3,)), Arg((3,))), params, _WIDE, ulps=16)]


def _linear_solve() -> list[Case]:
    """Division by a positive number, as a system of two equations."""
    matvec = program("matvec", [(), (2,)], lambda a, x: [mul(x, _wide(exp(a)))])
    solve = program("solve", [(), (2,)], lambda a, b: [mul(b, _wide(exp(sub(0.0, a))))])
    params = {"matvec": matvec, "vecmat": matvec, "solve": solve, "transpose_solve": solve,
              "num_consts": 1}  # fmt: skip
    return [Case((Arg(()), Arg((2,))), params, _WIDE, ulps=16)]


def _linear_call() -> list[Case]:
    """A product with a known positive number, which is its own transpose."""
    fn = program("scale", [(), (2,)], lambda a, x: [mul(x, _wide(exp(a)))])
    params = {"fn": fn, "fn_transpose": fn, "num_residuals": 1}
    return [Case((Arg(()), Arg((2,))), params, _WIDE, ulps=16)]


def _custom_vmap() -> list[Case]:
    """A rule that is the vectorised function."""
    fn = program("f", [(), (2,)], lambda a, x: [mul(sin(x), _wide(a))])

    def make(key: Any) -> Vectorised:
        size, lanes = key
        made, (dim,) = batch_to(fn, size, tuple(0 if m else None for m in lanes), (0,))
        return Vectorised(made, (dim is not None,), ())

    params = {"fn": fn, "rule": Deferred(("vmap",), make), "num_captured": 0}
    return [Case((Arg(()), Arg((2,))), params, _WIDE, ulps=16)]


CASES: dict[str, list[Case]] = {
    "cond": _cond(),
    "scan": _scan(),
    "while": _while(),
    "while_walk": _while(smooth=False),
    "while_linear": _while_linear(),
    "while_back": _while_back(),
    "while_back_dot": _while_back_dot(),
    "while_dot_back": _while_dot_back(),
    "call": [
        Case((Arg((3,)),), {"fn": program("f", [(3,)], lambda x: [sin(x), mul(x, x)]),
                            "name": "f", "inline": inline}, _WIDE, ulps=16)
        for inline in (False, True)
    ],
    "custom_jvp_call": _custom_jvp(),
    "custom_vjp_call": _custom_vjp(),
    "custom_vjp_linear": _custom_vjp_linear(),
    "custom_vmap_call": _custom_vmap(),
    "remat_call": _remat(),
    "linear_solve": _linear_solve(),
    "linear_call": _linear_call(),
    "stop_gradient": [of_shapes((2, 3), dtypes=FLOATS, smooth=False)],
    "name": [of_shapes((2, 3), dtypes=FLOATS + INTEGERS, params={"name": "here"})],
    "kept": [of_shapes((2, 3), dtypes=FLOATS + INTEGERS)],
    "optimization_barrier": [of_shapes((2, 3), (4,), dtypes=FLOATS + INTEGERS)],
}  # fmt: skip
