"""`jax.interpreters.ad`: rules of differentiation of primitives of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.compat.rules import depending, instantiate_zeros, jvps, transposes
from ms_func.dtypes import is_inexact
from ms_func.ir.primitive import UndefinedPrimal, Zero
from ms_func.ir.types import typeof
from ms_func.numpy import add
from ms_func.tracing.tracer import Tracer
from ms_func.transforms.zeros import zeros

__all__ = [
    "JVPTracer", "UndefinedPrimal", "Zero", "add_jaxvals", "add_tangents", "defbilinear",
    "defjvp", "defjvp2", "deflinear", "deflinear2", "get_primitive_transpose",
    "instantiate_zeros", "is_undefined_primal", "primitive_jvps", "primitive_transposes",
    "zeros_like_aval",
]  # fmt: skip

Rule = Callable[..., Any]
primitive_jvps, primitive_transposes = jvps, transposes
zeros_like_aval = zeros


class _OfDerivatives(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            type(instance) is Tracer
            and is_inexact(instance.dtype)
            and instance.variable in depending(instance.recorder)
        )


class JVPTracer(metaclass=_OfDerivatives):
    """Class of traced numbers that depend on the arguments of the function under derivation."""


def is_undefined_primal(x: Any) -> bool:
    """Whether `x` stands for a linear operand in a transpose rule."""
    return type(x) is UndefinedPrimal


def get_primitive_transpose(p: Any) -> Rule:
    """Transpose rule of a primitive.

    Raises:
        NotImplementedError: it has none.
    """
    if p not in transposes:
        raise NotImplementedError(
            f"Transpose rule (for reverse-mode differentiation) for '{p}' not implemented"
        )
    return transposes[p]


def add_jaxvals(x: Any, y: Any) -> Any:
    """Sum of two values."""
    return add(x, y)


def add_tangents(x: Any, y: Any) -> Any:
    """Sum of two tangents."""
    if type(x) is Zero:
        return y
    return x if type(y) is Zero else add(x, y)


def defjvp(primitive: Any, *jvprules: Rule | None) -> None:
    """One rule for each operand: `rule(tangent, *primals, **params)`; None for no derivative."""

    def given(rule: Rule | None) -> Rule | None:
        return None if rule is None else lambda t, ans, *xs, **params: rule(t, *xs, **params)

    defjvp2(primitive, *map(given, jvprules))


def defjvp2(primitive: Any, *jvprules: Rule | None) -> None:
    """As `defjvp`, where each rule is `rule(tangent, answer, *primals, **params)`."""

    def jvp(primals: Any, tangents: Any, **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        total: Any = Zero(typeof(out).tangent)
        for rule, t in zip(jvprules, tangents, strict=True):
            if rule is not None and type(t) is not Zero:
                total = add_tangents(total, rule(t, out, *primals, **params))
        return out, total

    jvps[primitive] = jvp


def _linear_jvp(primitive: Any) -> Rule:
    def jvp(primals: Any, tangents: Any, **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        if all(type(t) is Zero for t in tangents):
            many = primitive.multiple_results
            return out, [Zero(typeof(x).tangent) for x in out] if many else Zero(
                typeof(out).tangent)  # fmt: skip
        return out, primitive.bind(*map(instantiate_zeros, tangents), **params)

    return jvp


def deflinear2(primitive: Any, transpose_rule: Rule) -> None:
    """The primitive is linear; `transpose_rule(cotangent, *operands, **params)`."""
    jvps[primitive] = _linear_jvp(primitive)

    def transpose(ct: Any, *operands: Any, **params: Any) -> Any:
        if type(ct) is Zero:
            return [None] * len(operands)
        return transpose_rule(ct, *operands, **params)

    transposes[primitive] = transpose


def deflinear(primitive: Any, transpose_rule: Rule) -> None:
    """The primitive is linear; `transpose_rule(cotangent, **params)`."""
    deflinear2(primitive, lambda ct, *_, **params: transpose_rule(ct, **params))


def defbilinear(prim: Any, lhs_rule: Rule, rhs_rule: Rule) -> None:
    """The primitive is linear in each of its two operands."""
    defjvp(prim, lambda t, x, y, **params: prim.bind(t, y, **params),
           lambda t, x, y, **params: prim.bind(x, t, **params))  # fmt: skip

    def transpose(ct: Any, x: Any, y: Any, **params: Any) -> Any:
        if is_undefined_primal(x):
            return (None if type(ct) is Zero else lhs_rule(ct, x, y, **params)), None
        return None, (None if type(ct) is Zero else rhs_rule(ct, x, y, **params))

    transposes[prim] = transpose
