"""Programs whose rules of `custom_jvp` and `custom_vjp` can be written as text.

A `Deferred` rule is Python that runs when a derivative asks for it, which text cannot hold. It is
recorded before, for tangents none of which vanishes, and so are the rules that it needs itself,
up to the order of derivative that is wanted. Those beyond are read back as rules that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ms_func.control_flow.custom_jvp import custom_jvp_p
from ms_func.control_flow.custom_vjp_primitive import custom_vjp_linear_p, custom_vjp_p
from ms_func.control_flow.rules import Deferred
from ms_func.dtypes import is_inexact
from ms_func.errors import UnsupportedError
from ms_func.ir.function import Eqn, Function
from ms_func.ir.primitive import Primitive, current
from ms_func.ir.text import register_param_type
from ms_func.ir.types import ArrayType
from ms_func.tracing.tracer import build
from ms_func.transforms.passes import with_functions

_Params = dict[str, Any]


def with_rules(fn: Function, order: int) -> Function:
    """`fn` with the rules in place that its derivatives up to an order ask for.

    A rule that cannot be recorded stays as it is: it is to blame only if a derivative needs it.
    """
    key = ("with_rules", order)
    if key not in fn.memo:
        eqns = [_with_rules(e, order) for e in fn.eqns]
        same = all(a is b for a, b in zip(eqns, fn.eqns, strict=True))
        fn.memo[key] = fn if same else Function(fn.name, fn.params, eqns, fn.results, fn.consts)
    return fn.memo[key]


def _with_rules(eqn: Eqn, order: int) -> Eqn:
    params = with_functions(eqn.params, lambda f: with_rules(f, order))
    record = _RECORD.get(eqn.primitive)
    if record is not None and order > 0:
        with suppress(Exception):  # as when the call was recorded
            params = with_functions(record(params, eqn.inputs), lambda f: with_rules(f, order - 1))
    if params is eqn.params:
        return eqn
    return Eqn(eqn.primitive, eqn.inputs, eqn.outputs, params, eqn.loc)


def _jvp(params: _Params, inputs: Sequence[Any]) -> _Params:
    rule, n = params["rule"], params["num_captured"]
    if not isinstance(rule, Deferred):
        return params
    types = [a.type for a in inputs]
    active = tuple(is_inexact(t.dtype) for t in types[n:])
    made, consts = rule.recorded(active)
    return {**params, "rule": _over(made, consts, types[:n])}


def _vjp(params: _Params, inputs: Sequence[Any]) -> _Params:
    rule, n = params["rule"], params["num_captured"]
    if not isinstance(rule, Deferred):
        return params
    types = [a.type for a in inputs]
    fwd, bwd, consts = rule.recorded(tuple(is_inexact(t.dtype) for t in types[n:]))
    if isinstance(bwd, Deferred):
        cts = [t for t in params["fn"].out_types if is_inexact(t.dtype)]
        bwd = bwd.recorded((True,) * len(cts))
    lead = types[:n]
    return {**params, "rule": (_over(fwd, consts, lead), _over(bwd, consts, lead))}


def _linear(params: _Params, inputs: Sequence[Any]) -> _Params:
    bwd = params["bwd"]
    if not isinstance(bwd, Deferred):
        return params
    return {**params, "bwd": bwd.recorded((True,) * len(params["types"]))}


_RECORD: dict[Primitive, Callable[[_Params, Sequence[Any]], _Params]] = {
    custom_jvp_p: _jvp,
    custom_vjp_p: _vjp,
    custom_vjp_linear_p: _linear,
}


def _over(fn: Function, consts: Sequence[Any], lead: Sequence[ArrayType]) -> Function:
    """`fn` with its first parameters fixed to arrays, behind parameters that it does not read."""
    types = [*lead, *fn.in_types[len(consts) :]]

    def body(*args: Any) -> list[Any]:
        return current.interpreter.apply(fn, [*consts, *args[len(lead) :]])

    return build(fn.name, types, body)


def _lost(text: str) -> Deferred:
    """The rule that stands for one that was not written."""

    def make(case: Any) -> Any:
        raise UnsupportedError(
            "a derivative (or a rule for vmap) that was given in Python is needed, and the program "
            "was read from text, which does not hold it\n"
            "fix: write the program for higher derivatives: serialize(vjp_order=...)"
        )

    return Deferred(("lost",), make)


register_param_type(Deferred, write=lambda _: "rule", read=_lost)
