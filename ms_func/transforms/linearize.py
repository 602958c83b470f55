"""Value and linear derivative of a program, and reverse mode from them.

`linearize` is forward mode under an interpreter that separates what the tangents touch
from what they do not (Radul et al., "You Only Linearize Once", POPL 2023): one walk gives
the primal program with residuals, and a linear program from tangents to tangents. Reverse
mode transposes the linear program. In `vjp_walk` both halves are recorded into one program,
so residuals are ordinary values and nothing is stored on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.ir.function import Function
from ms_func.ir.primitive import Zero, current
from ms_func.tracing.tracer import Staging, Tracer, build
from ms_func.transforms.jvp import jvp_walk
from ms_func.transforms.partial_eval import Splitting
from ms_func.transforms.transpose import backward
from ms_func.transforms.zeros import instantiate, zeros


def linearize_walk(
    fn: Function, primals: Sequence[Any], active: Sequence[bool]
) -> tuple[list[Any], Splitting, list[Any], list[Any]]:
    """Apply `fn` in the recording in force, its derivative in a second one.

    Returns:
        results; the split recordings; tangent parameters; tangents of the results, each a
        tracer of the linear recording or Zero.
    """
    split = Splitting(current.interpreter, f"linear_{fn.name}")
    with split:
        dots = [
            split.unknown.parameter(t.tangent) if a else Zero(t.tangent)
            for t, a in zip(fn.in_types, active, strict=True)
        ]
        outs, out_dots = jvp_walk(fn, primals, dots)
    return outs, split, [d for d in dots if type(d) is not Zero], out_dots


def linearize(
    fn: Function, active: tuple[bool, ...]
) -> tuple[Function, Function, tuple[bool, ...]]:
    """Primal program with residuals, linear program, and which results have a tangent.

    `primal`: parameters -> results, then residuals.
    `linear`: residuals, then active tangents -> tangents that are not zero.
    """
    key = ("linearize", active)
    if key in fn.memo:
        return fn.memo[key]
    trace = Staging(f"primal_{fn.name}")
    with trace:
        params = [trace.parameter(t) for t in fn.in_types]
        outs, split, dots, out_dots = linearize_walk(fn, params, active)
        nonzero = tuple(type(t) is not Zero for t in out_dots)
        linear, residuals = split.unknown.finish(dots, [t for t in out_dots if type(t) is not Zero])
        primal, _ = trace.finish(params, [*outs, *residuals])
    fn.memo[key] = primal, linear, nonzero
    return fn.memo[key]


def vjp_walk(
    fn: Function, primals: Sequence[Any], active: Sequence[bool], seed: Any
) -> tuple[list[Any], list[Any]]:
    """Results of `fn` and cotangents of its active parameters, under the recording in force.

    Args:
        fn: the program.
        primals: values of its parameters.
        active: which parameters to differentiate by.
        seed: function from the results to their cotangents (Zero allowed).
    """
    outs, split, dots, out_dots = linearize_walk(fn, primals, active)
    split.unknown.alive = False
    linear = split.unknown
    known = {var: value for value, var in linear.captured.values()}
    cotangents, results = [], []
    for ct, t in zip(seed(outs), out_dots, strict=True):
        if type(ct) is not Zero and type(t) is Tracer and t.trace is linear:
            cotangents.append(ct)
            results.append(t.var)
    cts = backward(linear.eqns, results, cotangents, known)
    grads = [instantiate(cts[d.var]) if d.var in cts else zeros(d.type) for d in dots]
    return outs, grads


def vjp(fn: Function, active: tuple[bool, ...]) -> Function:
    """Function of (parameters, cotangents of results) giving (results, cotangents of active)."""
    key = ("vjp", active)
    if key not in fn.memo:
        n = len(fn.params)

        def body(*args: Any) -> list[Any]:
            outs, grads = vjp_walk(fn, args[:n], active, lambda _: args[n:])
            return [*outs, *grads]

        types = [*fn.in_types, *(t.tangent for t in fn.out_types)]
        fn.memo[key] = build(f"vjp_{fn.name}", types, body)
    return fn.memo[key]
