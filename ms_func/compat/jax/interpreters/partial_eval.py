"""`jax.interpreters.partial_eval`: recording a flat function, with some arguments known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.api.programs import apply
from ms_func.compat.jax.extend.linear_util import WrappedFun
from ms_func.compat.rules import opened
from ms_func.ir.function import Function, Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import Tracer
from ms_func.transforms.passes import dce

__all__ = ["DynamicJaxprTracer", "JaxprTracer", "PartialVal", "dce_jaxpr",
           "trace_to_jaxpr_dynamic", "trace_to_jaxpr_nounits"]  # fmt: skip

DynamicJaxprTracer = JaxprTracer = Tracer
"""Classes of traced values, of which there is one here."""


class PartialVal(tuple[Any, Any]):
    """`(None, value)` of what is known, `(type, None)` of what is not."""

    __slots__ = ()

    def __new__(cls, pair: tuple[Any, Any]) -> PartialVal:
        """From the pair."""
        return super().__new__(cls, pair)

    @classmethod
    def known(cls, const: Any) -> PartialVal:
        """Something known."""
        return cls((None, const))

    @classmethod
    def unknown(cls, aval: ArrayType) -> PartialVal:
        """Something of which only the type is known."""
        return cls((aval, None))

    def is_known(self) -> bool:
        """Whether the value is known."""
        return self[0] is None

    def get_known(self) -> Any:
        """The value, or None."""
        return self[1]

    def get_aval(self) -> ArrayType:
        """The type."""
        return typeof(self[1]) if self[0] is None else self[0]


def trace_to_jaxpr_dynamic(
    fun: WrappedFun, in_avals: Sequence[ArrayType], **options: Any
) -> tuple[Function, list[ArrayType], list[Any]]:
    """Program of a flat function, the types of its results, and its constants.

    The constants are what the function closes over; they are its last parameters.
    """
    made = stage(lambda xs: list(fun.call_wrapped(*xs)), list(in_avals), name="traced")
    return opened(made.fn, made.captured), list(made.fn.out_types), list(made.captured)


def trace_to_jaxpr_nounits(
    fun: WrappedFun, pvals: Sequence[PartialVal], instantiate: Any = False
) -> tuple[Function, list[PartialVal], list[Any]]:
    """Run a flat function where only some arguments are known.

    Returns:
        The program recorded of the unknown arguments; for each result its value, where no unknown
        argument has a part in it, else its type; the constants of the program, its last
        parameters.
    """
    unknown = [pv.get_aval() for pv in pvals if not pv.is_known()]

    def call(tracers: list[Any]) -> list[Any]:
        rest = iter(tracers)
        return list(fun.call_wrapped(*[pv[1] if pv.is_known() else next(rest) for pv in pvals]))

    made = stage(call, unknown, name="traced", keep_constants=True)
    n = len(made.captured)
    seen = set(made.fn.params[n:])
    for eqn in made.fn.eqns:
        if any(a in seen for a in eqn.inputs if type(a) is not Literal):
            seen.update(eqn.outputs)
    free = [type(r) is Literal or r not in seen for r in made.fn.results]
    known = [r for r, k in zip(made.fn.results, free, strict=True) if k]
    plain = Function("known", made.fn.params, made.fn.eqns, known)
    values = iter(_known_values(plain, n, made.captured) if known else [])
    found = [
        PartialVal.known(next(values)) if k else PartialVal.unknown(r.type)
        for r, k in zip(made.fn.results, free, strict=True)
    ]
    for i, value in sorted(made.constants.items()):
        found.insert(i, PartialVal.known(value))
    return opened(made.fn, made.captured), found, list(made.captured)


def _known_values(fn: Function, n: int, captured: Sequence[Any]) -> list[Any]:
    """Results of a program that its parameters behind the first `n` have no part in."""
    kept = dce(fn)
    alone = Function(fn.name, kept.params[:n], kept.eqns, kept.results)
    return apply(alone, captured)


def dce_jaxpr(
    jaxpr: Function, used_outputs: Sequence[bool], instantiate: Any = False
) -> tuple[Function, list[bool]]:
    """The program of the results that are used, and which parameters it needs."""
    results = [r for r, used in zip(jaxpr.results, used_outputs, strict=True) if used]
    kept = dce(Function(jaxpr.name, jaxpr.params, jaxpr.eqns, results, jaxpr.consts))
    needed = {a for e in kept.eqns for a in e.inputs if type(a) is not Literal}
    needed.update(r for r in kept.results if type(r) is not Literal)
    return kept, [p in needed for p in kept.params]
