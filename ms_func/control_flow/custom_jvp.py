"""`custom_jvp`: a function whose derivative is given instead of derived.

A `custom_jvp_call` holds the function and its rule, a program of (captured values,
arguments, tangents) -> (results, tangents of the results). Forward mode replaces the call by
the rule; everything else sees the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

from ms_func import tree
from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import split_list
from ms_func.control_flow.program_primitive import computed_by
from ms_func.control_flow.rules import (
    Call,
    Deferred,
    Identity,
    Mask,
    Recorded,
    SymbolicZero,
    as_tangent,
    fixed_places,
    inside_rule,
    no_tangent,
    positional,
    record_now,
    recording,
    staged_call,
    without_tracers,
)
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, ShapeError
from ms_func.ir.function import Function
from ms_func.ir.primitive import (
    Primitive,
    Zero,
    current,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.families import is_linear
from ms_func.tracing.arguments import function_name
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged, stage
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp_walk
from ms_func.transforms.passes import prune
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import add, instantiate, is_live, nonzeros, with_zeros, zeros

# --- rules --------------------------------------------------------------------------------------


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, fn: Function, rule: Any, num_captured: int
) -> Any:
    captured, args = split_list(primals, num_captured)
    captured_dots, dots = split_list(tangents, num_captured)
    if not any(is_live(dots)):  # what is closed over is differentiated as it is written
        return jvp_walk(fn, primals, tangents)
    if isinstance(rule, Deferred):
        recorded = rule.recorded(is_live(dots))
        made, lead = recorded.fn, list(recorded.consts)
        dots = nonzeros(dots)
    else:
        made, lead = rule, captured
        dots = [instantiate(t) for t in dots if is_inexact(t.type.dtype)]
    outs = current.interpreter.apply(made, [*lead, *args, *dots])
    n = len(fn.results)
    inexact = [is_inexact(t.dtype) for t in fn.out_types]
    out_dots = with_zeros(inexact, outs[n:], fn.out_types)
    if any(is_live(captured_dots)):
        more = _captured_tangents(fn, rule, captured, captured_dots, args, dots)
        out_dots = [
            t if type(m) is Zero else add(t, m) for t, m in zip(out_dots, more, strict=True)
        ]
    return outs[:n], out_dots


def _captured_tangents(
    fn: Function, rule: Any, captured: Any, captured_dots: Any, args: Any, dots: Any
) -> list[Any]:
    """Tangents of the results by way of what the function closes over.

    The rule covers the arguments alone; for the rest its results are differentiated as they
    are written.
    """
    n = len(fn.results)
    source, operands = (fn, args) if isinstance(rule, Deferred) else (rule, [*args, *dots])
    used = tuple(i < n for i in range(len(source.results)))
    made, keep = prune(source, used)
    primals = bodies.chosen([*captured, *operands], keep)
    none = [Zero(typeof(x).tangent) for x in operands]
    return jvp_walk(made, primals, bodies.chosen([*captured_dots, *none], keep))[1]


def _transpose(cts: Sequence[Any], *operands: Any, fn: Function, **params: Any) -> list[Any]:
    linear, live = tuple(is_linear(x) for x in operands), is_live(cts)
    made = transpose(bodies.keep_results(fn, live), linear)
    others = [x for x, lin in zip(operands, linear, strict=True) if not lin]
    outs = iter(current.interpreter.apply(made, [*others, *bodies.chosen(cts, live)]))
    return [next(outs) if lin else None for lin in linear]


def _batch(size: int, args: Any, dims: Any, *, fn: Function, rule: Any, num_captured: int) -> Any:
    dims = tuple(dims)
    inexact = [is_inexact(t.dtype) for t in fn.out_types]
    if isinstance(rule, Deferred):
        wanted: tuple[int | None, ...] = (0,) * len(fn.results)
        lanes = dims[num_captured:]
        rule = _batched_later(rule, size, lanes, wanted, inexact)
    else:
        active = [is_inexact(t.dtype) for t in fn.in_types[num_captured:]]
        rule_dims = (*dims, *bodies.chosen(dims[num_captured:], active))
        wanted = _batched_results(fn, rule, size, dims, rule_dims, inexact)
        places = (*wanted, *bodies.chosen(wanted, inexact))
        rule = bodies.batch_to(rule, size, rule_dims, places)[0]
    made = bodies.batch_to(fn, size, dims, wanted)[0]
    outs = custom_jvp_p.bind(*args, fn=made, rule=rule, num_captured=num_captured)
    return outs, list(wanted)


def _batched_results(
    fn: Function, rule: Function, size: int, dims: Any, rule_dims: Any, inexact: Sequence[bool]
) -> tuple[int | None, ...]:
    """Results that differ between the lanes, in the function, the rule or the tangent."""
    n = len(fn.results)
    own = batch(fn, size, dims, ("any",) * n)[1]
    by_rule = batch(rule, size, rule_dims, ("any",) * len(rule.results))[1]
    dots = iter(by_rule[n:])
    found = zip(own, by_rule[:n], [next(dots) if x else None for x in inexact], strict=True)
    return tuple(0 if any(d is not None for d in column) else None for column in found)


def _batched_later(
    rule: Deferred, size: int, lanes: Any, wanted: Any, inexact: Sequence[bool]
) -> Deferred:
    def make(mask: Mask) -> Recorded:
        fn, consts = rule.recorded(mask)
        dims = (*(None for _ in consts), *lanes, *bodies.chosen(lanes, mask))
        places = (*wanted, *bodies.chosen(wanted, inexact))
        return Recorded(bodies.batch_to(fn, size, dims, places)[0], consts)

    return Deferred(("batch", rule, size, lanes, wanted), make)


custom_jvp_p = register(
    Primitive(
        "custom_jvp_call",
        **computed_by("fn"),
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
    )
)


# --- what users call ----------------------------------------------------------------------------


class custom_jvp:
    """A function with a forward derivative of its own, from which reverse mode follows.

    Args:
        fun: function of arrays or trees of arrays.
        nondiff_argnums: positions of arguments that are not differentiated, which may be
            anything; the rule gets them first.
        nondiff_argnames: the same by name.

    Example:
        >>> from ms_func.api.differentiate import grad
        >>> @custom_jvp
        ... def twice(x):
        ...     return 2 * x
        >>> @twice.defjvp
        ... def twice_jvp(primals, tangents):
        ...     (x,), (dx,) = primals, tangents
        ...     return twice(x), 5 * dx
        >>> float(grad(twice)(1.0))
        5.0
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None:
        update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff_argnums = fixed_places(fun, nondiff_argnums, nondiff_argnames)
        self.jvp: Callable[..., Any] | None = None
        self.symbolic_zeros = False

    def defjvp(self, jvp: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Set the rule `jvp(*fixed, primals, tangents)` giving `(result, tangent)`.

        Args:
            jvp: the rule; linear in the tangents.
            symbolic_zeros: let the rule see tangents that vanish as `SymbolicZero`, instead of
                as arrays of zeros, and return such.

        Returns:
            `jvp`, so that this works as a decorator.
        """
        self.jvp = jvp
        self.symbolic_zeros = symbolic_zeros
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Set one rule per argument: `(tangent, result, *args)` to a tangent of the result.

        None stands for an argument that the result does not depend on.
        """
        if self.nondiff_argnums:
            raise ArgumentTypeError("Can't use ``defjvps`` with ``nondiff_argnums``.")

        def jvp(primals: Any, tangents: Any) -> Any:
            out = self(*primals)
            terms = [
                rule(t, out, *primals)
                for rule, t in zip(jvps, tangents, strict=True)
                if rule is not None
            ]
            if not terms:
                return out, tree.map(lambda x: zeros(typeof(x).tangent), out)
            return out, tree.map(_sum, *terms)

        self.defjvp(jvp)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Result of the function; the rule is recorded beside it where a program is recorded."""
        name = function_name(self.fun)
        if self.jvp is None:
            raise AttributeError(
                f"No JVP defined for custom_jvp function {name} using defjvp.\n"
                f"fix: give the rule with @{name}.defjvp"
            )
        args = positional(self.fun, name, args, kwargs)
        if not recording():
            return self.fun(*args)
        call, staged = staged_call(self.fun, name, "custom_jvp", args, self.nondiff_argnums)
        fn, rule, captured = self._with_rule(staged, call, name)
        outs = custom_jvp_p.bind(
            *captured, *call.leaves, fn=fn, rule=rule, num_captured=len(captured)
        )
        return tree.unflatten(staged.out_tree, outs)

    def _with_rule(self, staged: Staged, call: Call, name: str) -> tuple[Function, Any, list[Any]]:
        """The function and its rule over common captured values, the rule deferred if it must."""
        if not self.symbolic_zeros and record_now(staged.captured):
            try:
                rule = self._record(staged, call, name, call.active, call.leaves)
            except Exception:  # the rule is to blame only if a derivative asks for it
                pass
            else:
                (fn, made), captured = bodies.share_captured([staged, rule])
                return fn, made, captured

        def make(mask: Mask) -> Recorded:
            if not self.symbolic_zeros:
                mask = call.active
            late = without_tracers(self._record(staged, call, name, mask, None), name)
            return Recorded(late.fn, tuple(late.captured))

        key = (Identity(self.jvp), staged.fn, *call.key())
        rule = Deferred(key, make if self.symbolic_zeros else _all_live(make, call.active))
        return staged.fn, rule, staged.captured

    def _record(
        self, staged: Staged, call: Call, name: str, live: Mask, values: Sequence[Any] | None
    ) -> Staged:
        """Program of the rule for the tangents that are live."""
        dots = [t.tangent for t, m in zip(call.types, live, strict=True) if m]
        n = len(call.types)

        def run(tracers: list[Any]) -> list[Any]:
            rest = iter(tracers[n:])
            tangents = [
                next(rest) if m else self._zero(t) for t, m in zip(call.types, live, strict=True)
            ]
            out = user_function(self.jvp)(
                *call.fixed,
                tree.unflatten(call.in_tree, tracers[:n]),
                tree.unflatten(call.in_tree, tangents),
            )
            return self._checked(out, staged, name)

        known = None if values is None else [*values, *[None] * len(dots)]
        with inside_rule():
            return stage(run, [*call.types, *dots], name=f"jvp_of_{name}", values=known,
                         role="rule")  # fmt: skip

    def _zero(self, t: ArrayType) -> Any:
        if self.symbolic_zeros:
            return SymbolicZero(t.tangent)
        return zeros(t.tangent) if is_inexact(t.dtype) else no_tangent(t)

    def _checked(self, out: Any, staged: Staged, name: str) -> list[Any]:
        """Flat results and tangents of the rule.

        Raises:
            TypeError: it returned no pair, or structures or types do not fit.
        """
        who = f"Custom JVP rule {function_name(self.jvp)} for function {name} must produce"
        primals, tangents = _flat_pair(out, who, staged.out_tree)
        types = staged.fn.out_types
        for x, t in zip(primals, types, strict=True):
            got = typeof(x)
            if got.shape != t.shape or got.dtype != t.dtype:
                raise ArgumentTypeError(
                    f"{who} a pair whose first element has the types of the function's result, "
                    f"but got {got} for {t}."
                )
        return [
            *primals,
            *(
                as_tangent(x, t, lambda got, t=t: _wrong_tangent(got, t))
                for x, t in zip(tangents, types, strict=True)
                if is_inexact(t.dtype)
            ),
        ]


def _flat_pair(out: Any, who: str, wanted: Any) -> tuple[list[Any], list[Any]]:
    """Leaves of the primals and of the tangents that a rule returned, both of one structure."""
    if not isinstance(out, tuple | list) or len(out) != 2:
        raise ArgumentTypeError(
            f"{who} a pair (list or tuple of length two) representing primal and tangent outputs, "
            f"but got {out}.\nfix: end the rule with `return result, tangent_of_the_result`"
        )
    primals, primal_tree = tree.flatten(out[0])
    tangents, tangent_tree = tree.flatten(out[1], is_leaf=lambda x: type(x) is SymbolicZero)
    if primal_tree != tangent_tree:
        raise ArgumentTypeError(
            f"{who} primal and tangent outputs with equal container (pytree) structures, but got "
            f"{primal_tree} and {tangent_tree} respectively."
        )
    if primal_tree != wanted:
        raise ArgumentTypeError(
            f"{who} a pair whose first element has the structure of the function's result, "
            f"{wanted}, but got {primal_tree}."
        )
    return primals, tangents


def _wrong_tangent(got: ArrayType, primal: ArrayType) -> Exception:
    return ShapeError(
        "Custom JVP rule must produce primal and tangent outputs with corresponding shapes and "
        f"dtypes. Expected {primal.tangent} (tangent type of {primal}) but got {got}.\n"
        "fix: give the tangent the shape and dtype of the result"
    )


def _sum(first: Any, *rest: Any) -> Any:
    for x in rest:
        first = add(first, x)
    return first


def _all_live(make: Callable[[Mask], Recorded], active: Mask) -> Callable[[Mask], Recorded]:
    """Rule recorded for all tangents, called with the live ones: zeros are filled in."""

    def with_zeros(mask: Mask) -> Recorded:
        full, consts = make(active)
        if mask == active:
            return Recorded(full, consts)
        n = len(consts) + len(mask)
        types = [*full.in_types[:n]]
        dots = iter(full.in_types[n:])
        pairs = [(next(dots), m) for a, m in zip(active, mask, strict=True) if a]
        types += [t for t, m in pairs if m]

        def body(*args: Any) -> list[Any]:
            rest = iter(args[n:])
            tangents = [next(rest) if m else zeros(t) for t, m in pairs]
            return current.interpreter.apply(full, [*args[:n], *tangents])

        return Recorded(bodies.build(full.name, types, body), consts)

    return with_zeros
