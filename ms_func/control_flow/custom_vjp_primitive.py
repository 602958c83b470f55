"""The primitives of `custom_vjp`: a function whose reverse derivative is given.

A `custom_vjp_call` holds the function and two programs: the forward rule (captured,
arguments) -> (results, residuals), and the backward rule (captured, residuals, cotangents of
the results) -> cotangents of the arguments. Forward mode runs the forward rule and records a
`custom_vjp_linear`: a linear operation known by its transpose, the backward rule. Where its
own value is asked for, that is where forward mode is, the backward rule is transposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import split_list
from ms_func.control_flow.program_primitive import by_program, computed_by
from ms_func.control_flow.rules import (
    Deferred,
    Mask,
)
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, UnsupportedError
from ms_func.ir.function import Function, Literal
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import (
    Primitive,
    Zero,
    current,
    register,
)
from ms_func.ir.types import ArrayType
from ms_func.primitives.families import is_linear
from ms_func.primitives.reduce import reduce_sum
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.physical import physical
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import instantiate, is_live, nonzeros


class Rules(NamedTuple):
    """Forward and backward rule recorded late, and arrays for their first parameters."""

    fwd: Function
    bwd: Any
    consts: tuple[Any, ...]


# --- the call ---------------------------------------------------------------------------------


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, fn: Function, rule: Any,
    num_captured: int, name: str,
) -> Any:  # fmt: skip
    captured, args = split_list(primals, num_captured)
    captured_dots, dots = split_list(tangents, num_captured)
    if any(is_live(captured_dots)):
        if any(is_live(dots)) or _reads(fn, is_live(captured_dots)):
            raise _closed_over(name, captured_dots)
        outs = custom_vjp_p.bind(*primals, fn=fn, rule=rule, num_captured=num_captured, name=name)
        return outs, [Zero(t.tangent) for t in fn.out_types]
    if isinstance(rule, Deferred):
        fwd, bwd, consts = rule.recorded(is_live(dots))
        captured = list(consts)
    else:
        fwd, bwd = rule
    outs = current.interpreter.apply(fwd, [*captured, *args])
    values, residuals = split_list(outs, len(fn.results))
    live = [instantiate(t) for t in dots if is_inexact(t.type.dtype)]
    types = tuple(t.tangent for t in fn.out_types if is_inexact(t.dtype))
    known = [*captured, *residuals]
    found = iter(
        custom_vjp_linear_p.bind(
            *known, *live, bwd=bwd, num_residuals=len(known), types=types, name=name
        )
    )
    return values, [next(found) if is_inexact(t.dtype) else Zero(t.tangent) for t in fn.out_types]


def _reads(fn: Function, mask: Mask) -> bool:
    """Whether a function uses one of its first parameters, and not its rules alone."""
    used = {id(v) for e in fn.eqns for v in e.inputs} | {id(v) for v in fn.results}
    return any(id(v) in used for v, m in zip(fn.params, mask, strict=False) if m)


def _closed_over(name: str, dots: Sequence[Any]) -> Exception:
    kinds = ", ".join(str(t.type) for t in nonzeros(dots))
    return UnsupportedError(
        f"custom_vjp function `{name}` was differentiated with respect to a value it closes over "
        f"({kinds}); its rule covers the arguments alone\n"
        f"fix: pass the value to `{name}` as an argument, or use stop_gradient on it",
        user_loc(),
    )


def _transpose(cts: Sequence[Any], *operands: Any, fn: Function, **params: Any) -> list[Any]:
    linear, live = tuple(is_linear(x) for x in operands), is_live(cts)
    made = transpose(bodies.keep_results(fn, live), linear)
    others = [x for x, lin in zip(operands, linear, strict=True) if not lin]
    outs = iter(current.interpreter.apply(made, [*others, *bodies.chosen(cts, live)]))
    return [next(outs) if lin else None for lin in linear]


def _batch(
    size: int, args: Any, dims: Any, *, fn: Function, rule: Any, num_captured: int, name: str
) -> Any:
    dims = tuple(dims)
    n = len(fn.results)
    if isinstance(rule, Deferred):
        wanted: tuple[int | None, ...] = (0,) * n
        rule = _batched_later(rule, size, dims[num_captured:], wanted, fn, num_captured)
    else:
        fwd, bwd = rule
        own = batch(fn, size, dims, ("any",) * n)[1]
        ruled = batch(fwd, size, dims, ("any",) * len(fwd.results))[1][:n]
        wanted = tuple(
            None if a is None and b is None else 0 for a, b in zip(own, ruled, strict=True)
        )
        rule = _batched_rules(fwd, bwd, size, dims[:num_captured], dims, wanted, fn, num_captured)
    made = bodies.batch_to(fn, size, dims, wanted)[0]
    outs = custom_vjp_p.bind(*args, fn=made, rule=rule, num_captured=num_captured, name=name)
    return outs, list(wanted)


def _batched_rules(
    fwd: Function, bwd: Any, size: int, lead: Any, dims: Any, wanted: Any, fn: Function, n: int
) -> tuple[Function, Any]:
    """Both rules for all lanes; `lead` are the lanes of what the rules capture."""
    free = ("any",) * (len(fwd.results) - len(wanted))
    made, places = bodies.batch_to(fwd, size, dims, (*wanted, *free))
    residuals = places[len(wanted) :]
    ct_dims = tuple(w for w, t in zip(wanted, fn.out_types, strict=True) if is_inexact(t.dtype))
    grads = tuple(
        d for d, t in zip(dims[len(lead) :], fn.in_types[n:], strict=True) if is_inexact(t.dtype)
    )
    if isinstance(bwd, Deferred):
        return made, _batched_bwd_later(bwd, size, (*lead, *residuals), ct_dims, grads)
    return made, _batched_bwd(bwd, size, (*lead, *residuals, *ct_dims), grads)


def _batched_bwd(bwd: Function, size: int, dims: Any, grads: Any) -> Function:
    """Backward rule for all lanes; the cotangent of an argument that they share is summed."""
    made, found = batch(bwd, size, dims, ("any",) * len(bwd.results))

    def body(*args: Any) -> list[Any]:
        outs = current.interpreter.apply(made, args)
        summed = [
            reduce_sum(x, axes=(d,)) if w is None and d is not None else x
            for x, d, w in zip(outs, found, grads, strict=True)
        ]
        return [
            x if w is None or w == d else bodies.move_batch(x, d, w, size)
            for x, d, w in zip(summed, found, grads, strict=True)
        ]

    return build(made.name, made.in_types, body)


def _batched_later(
    rule: Deferred, size: int, lanes: Any, wanted: Any, fn: Function, n: int
) -> Deferred:
    def make(mask: Mask) -> Rules:
        fwd, bwd, consts = rule.recorded(mask)
        lead = (None,) * len(consts)
        made = _batched_rules(fwd, bwd, size, lead, (*lead, *lanes), wanted, fn, n)
        return Rules(*made, consts)

    return Deferred(("batch", rule, size, lanes, wanted), make)


def _batched_bwd_later(bwd: Deferred, size: int, known: Any, ct_dims: Any, grads: Any) -> Deferred:
    def make(mask: Mask) -> Function:
        dims = (*known, *bodies.chosen(ct_dims, mask))
        return _batched_bwd(bwd.recorded(mask), size, dims, grads)

    return Deferred(("batch", bwd, size, known, ct_dims, grads), make)


custom_vjp_p = register(
    Primitive(
        "custom_vjp_call",
        **computed_by("fn"),
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
    )
)


# --- its linear part ------------------------------------------------------------------------------


def _linear_abstract(*operands: ArrayType, types: Any, **params: Any) -> list[ArrayType]:
    return list(types)


def _linear_transpose(
    cts: Sequence[Any], *operands: Any, bwd: Any, num_residuals: int, types: Any, name: str
) -> list[Any]:
    """The backward rule."""
    known, dots = split_list(operands, num_residuals)
    if isinstance(bwd, Deferred):
        live = is_live(cts)
        bwd, cts = bwd.recorded(live), bodies.chosen(cts, live)
    grads = current.interpreter.apply(bwd, [*known, *map(instantiate, cts)])
    return [None] * len(known) + [
        g if is_linear(d) else None for g, d in zip(grads, dots, strict=True)
    ]


def _forward(bwd: Any, num_residuals: int, types: Sequence[ArrayType], name: str) -> Function:
    """Program (known, tangents) -> tangents, by transposing the backward rule.

    Raises:
        TypeError: the backward rule is not linear in the cotangents.
    """
    fn = bwd.recorded((True,) * len(types)) if isinstance(bwd, Deferred) else bwd
    if "forward" not in fn.memo:
        linear = (False,) * num_residuals + (True,) * len(types)
        try:
            made = transpose(fn, linear) if _is_linear_program(fn, num_residuals) else None
        except Exception:  # an operation of two cotangents, or one that has no transpose
            made = None
        if made is None:
            raise ArgumentTypeError(
                "can't apply forward-mode autodiff (jvp) to a custom_vjp function: the backward "
                f"rule of `{name}` is not linear in the cotangents, so it cannot be transposed\n"
                "fix: use reverse mode, or define the rule with custom_jvp"
            )
        fn.memo["forward"] = made
    return fn.memo["forward"]


_ADDITIVE = ("add", "sub", "select", "concatenate", "pad", "dynamic_update_slice")


def _is_linear_program(fn: Function, known: int) -> bool:
    """Whether no equation joins a value that depends on a cotangent with one that does not.

    What is left are operations linear in one operand, which `transpose` knows or refuses.
    """
    linear = set(fn.params[known:])
    for eqn in fn.eqns:
        own = [a for a in eqn.inputs if a in linear]
        if not own:
            continue
        linear.update(eqn.outputs)
        if eqn.primitive.name in _ADDITIVE:
            rest = eqn.inputs[1:] if eqn.primitive.name == "select" else eqn.inputs
            if any(
                a not in linear and not _is_zero(a) and a.type.dtype.kind in "fcV" for a in rest
            ):
                return False
    return all(r in linear or _is_zero(r) or _is_zeros(fn, r) for r in fn.results)


def _is_zero(atom: Any) -> bool:
    return type(atom) is Literal and not atom.value


def _is_zeros(fn: Function, atom: Any) -> bool:
    """Whether a result is an array of zeros."""
    for eqn in fn.eqns:
        if atom in eqn.outputs:
            return eqn.primitive.name == "broadcast_in_dim" and _is_zero(eqn.inputs[0])
    return False


def _linear_on_words(kinds: Sequence[ArrayType], /, *values: Any, **params: Any) -> Any:
    """The program itself: keys may be among the residuals."""
    return current.interpreter.apply(physical(_forward(**params)), values)


custom_vjp_linear_p = register(
    Primitive(
        "custom_vjp_linear",
        **{
            **by_program(lambda _, **params: _forward(**params)),
            "abstract": _linear_abstract,  # known before the program is
            "transpose": _linear_transpose,
            "words": _linear_on_words,
        },
    )
)
