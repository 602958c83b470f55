"""`custom_vmap`: a function whose vectorised form is given instead of derived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any, NamedTuple

import numpy as np

from ms_func import tree
from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, split_list
from ms_func.control_flow.program_primitive import computed_by
from ms_func.control_flow.rules import (
    Deferred,
    Identity,
    inside_rule,
    positional,
    recording,
    split_call,
    without_tracers,
)
from ms_func.control_flow.scan import map as sequential_map
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.ir.function import Function
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import (
    Primitive,
    current,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import mul
from ms_func.primitives.basis import reduce_sum
from ms_func.primitives.batching import to_front
from ms_func.primitives.families import is_linear, literal
from ms_func.tracing.arguments import function_name
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.passes import simplify
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import is_live, nonzeros, with_zeros


class Vectorised(NamedTuple):
    """A rule recorded for one number of lanes and one choice of batched arguments.

    Attributes:
        fn: program of (constants, arguments with their lanes in front).
        batched: which results have lanes.
        consts: arrays for the constants.
    """

    fn: Function
    batched: Mask
    consts: tuple[Any, ...]


# --- rules --------------------------------------------------------------------------------------


def _batch(size: int, args: Any, dims: Any, *, rule: Any, num_captured: int, fn: Function) -> Any:
    if all(d is None for d in dims):  # only a collective inside tells the lanes apart
        made, found = batch(fn, size, tuple(dims), ("any",) * len(fn.results))
        return current.interpreter.apply(made, args), list(found)
    if any(d is not None for d in dims[:num_captured]):
        raise UnsupportedError(
            "a custom_vmap function closes over a value that differs between the lanes, of which "
            "its rule knows nothing\nfix: pass the value as an argument",
            user_loc(),
        )
    lanes = dims[num_captured:]
    made = rule.recorded((size, tuple(d is not None for d in lanes)))
    given = [
        x if d is None else to_front(x, d, size)
        for x, d in zip(args[num_captured:], lanes, strict=True)
    ]
    outs = current.interpreter.apply(made.fn, [*made.consts, *given])
    return outs, [0 if b else None for b in made.batched]


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, fn: Function, rule: Any, num_captured: int
) -> Any:
    """The function, and its tangent, which has a rule of its own: the tangent of the rule.

    They are two applications, so that reverse mode can run the first and transpose the second.
    """
    active = is_live(tangents)
    dots = nonzeros(tangents)
    if any(active[:num_captured]):
        made, nonzero = jvp(fn, active)
        both = current.interpreter.apply(made, [*primals, *dots])
        outs, found = both[: len(fn.results)], both[len(fn.results) :]
    else:
        tangent, nonzero = _tangent(fn, active)
        later = _tangent_rule(rule, active[num_captured:], nonzero, fn.in_types[num_captured:])
        outs = custom_vmap_p.bind(*primals, fn=fn, rule=rule, num_captured=num_captured)
        found = custom_vmap_p.bind(
            *primals, *dots, fn=tangent, rule=later, num_captured=num_captured
        )
    return outs, with_zeros(nonzero, found, fn.out_types)


def _tangent(fn: Function, active: Mask) -> tuple[Function, Mask]:
    """Program of the tangents alone, linear in those given, and which results have one."""
    made, nonzero = jvp(fn, active)
    key = ("tangent", active)
    if key not in fn.memo:
        n = len(fn.params)
        dots = made.results[len(fn.results) :]
        alone = simplify(Function(f"tangent_{fn.name}", made.params, made.eqns, dots))
        unknown = tuple(i >= n for i in range(len(made.params)))
        fn.memo[key] = bodies.linear_apart(alone, unknown)
    return fn.memo[key], nonzero


def _tangent_rule(
    rule: Deferred, active: Mask, nonzero: Mask, types: Sequence[ArrayType]
) -> Deferred:
    def make(key: Any) -> Vectorised:
        size, mask = key
        n = len(active)
        dots = iter(mask[n:])
        lanes = tuple(m or (a and next(dots)) for m, a in zip(mask[:n], active, strict=True))
        made = rule.recorded((size, lanes))
        k = len(made.consts)
        full = (*(False for _ in made.consts), *active)
        both = bodies.dual(made.fn, full, nonzero)
        both = Function(both.name, both.params, both.eqns, both.results[len(made.fn.results) :])
        apart = bodies.linear_apart(both, tuple(i >= len(full) for i in range(len(both.params))))
        given = [*types, *(t.tangent for t in bodies.chosen(types, active))]
        wanted = (*lanes, *bodies.chosen(lanes, active))

        def body(*args: Any) -> list[Any]:
            consts, rest = split_list(args, k)
            laid = [
                to_front(x, None, size) if w and not m else x
                for x, m, w in zip(rest, mask, wanted, strict=True)
            ]
            return current.interpreter.apply(apart, [*consts, *laid])

        types_in = [*map(typeof, made.consts), *_laid(given, mask, size)]
        batched = tuple(bodies.chosen(made.batched, nonzero))
        return Vectorised(build(both.name, types_in, body), batched, made.consts)

    return Deferred(("tangent", rule, active, nonzero), make)


def _laid(types: Sequence[ArrayType], lanes: Sequence[bool], size: int) -> list[ArrayType]:
    """Types of values some of which have their lanes in front."""
    return [t.with_dimension(0, size) if m else t for t, m in zip(types, lanes, strict=True)]


def _transpose(
    cts: Sequence[Any], *operands: Any, fn: Function, rule: Any, num_captured: int
) -> list[Any]:
    """The transposed function, whose rule is the transposed rule."""
    linear, live = tuple(is_linear(x) for x in operands), is_live(cts)
    made = transpose(bodies.keep_results(fn, live), linear)
    args = [x for x, lin in zip(operands, linear, strict=True) if not lin]
    args += bodies.chosen(cts, live)
    if any(linear[:num_captured]):
        outs = iter(current.interpreter.apply(made, args))
    else:
        later = _transposed_rule(
            rule, linear[num_captured:], live, fn.in_types[num_captured:], fn.out_types
        )
        outs = iter(custom_vmap_p.bind(*args, fn=made, rule=later, num_captured=num_captured))
    return [next(outs) if lin else None for lin in linear]


def _transposed_rule(
    rule: Deferred,
    linear: Mask,
    live: Mask,
    in_types: Sequence[ArrayType],
    out_types: Sequence[ArrayType],
) -> Deferred:
    """Cotangents of all lanes from the transposed rule, in which all linear operands have lanes."""

    def make(key: Any) -> Vectorised:
        size, mask = key
        others = iter(mask)
        lanes = tuple(lin or next(others) for lin in linear)
        ct_lanes = tuple(others)
        made = rule.recorded((size, lanes))
        kept = bodies.keep_results(made.fn, live)
        back = transpose(kept, (*(False for _ in made.consts), *linear))
        batched = bodies.chosen(made.batched, live)

        def body(*args: Any) -> list[Any]:
            given, cts = split_list(args, len(args) - len(ct_lanes))
            laid = [_fitted(c, m, b, size) for c, m, b in zip(cts, ct_lanes, batched, strict=True)]
            return current.interpreter.apply(back, [*given, *laid])

        known = [t for t, lin in zip(in_types, linear, strict=True) if not lin]
        known_lanes = [m for m, lin in zip(lanes, linear, strict=True) if not lin]
        tangents = [t.tangent for t in bodies.chosen(out_types, live)]
        types = [*map(typeof, made.consts), *_laid(known, known_lanes, size)]
        types += _laid(tangents, ct_lanes, size)
        fn = build(f"transpose_{made.fn.name}", types, body)
        return Vectorised(fn, (True,) * sum(linear), made.consts)

    return Deferred(("transpose", rule, linear, live), make)


def _fitted(ct: Any, has_lanes: bool, wants_lanes: bool, size: int) -> Any:
    """Cotangent of a result of the rule: one for each lane, or one that all lanes share."""
    if wants_lanes:
        return ct if has_lanes else to_front(ct, None, size)
    return reduce_sum(ct, (0,)) if has_lanes else mul(ct, literal(size, ct))


custom_vmap_p = register(
    Primitive(
        "custom_vmap_call",
        **computed_by("fn"),
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
    )
)


# --- what users call ----------------------------------------------------------------------------


class custom_vmap:
    """A function with a rule of its own for `vmap`.

    The rule serves the derivatives too: `vmap` of a derivative of the function is the
    derivative of the rule, in forward and in reverse mode. Reverse mode computes the function
    once more for its linear part; where that is dear, `custom_vjp` keeps what it needs.

    Example:
        >>> from ms_func.api.vectorize import vmap
        >>> @custom_vmap
        ... def double(x):
        ...     return 2 * x
        >>> @double.def_vmap
        ... def rule(axis_size, in_batched, x):
        ...     return 20 * x, in_batched[0]
        >>> vmap(double)(np.arange(3)).tolist()
        [0, 20, 40]
    """

    def __init__(self, fun: Callable[..., Any]) -> None:
        update_wrapper(self, fun, updated=())
        self.fun = fun
        self.rule: Callable[..., Any] | None = None

    def def_vmap(self, vmap_rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule: `(axis_size, in_batched, *args)` to `(result, out_batched)`.

        `in_batched` is a list with a tree of booleans for each argument: whether a leaf has
        lanes, which are then its first dimension. `out_batched` is such a tree of the result.

        Returns:
            `vmap_rule`, so that this works as a decorator.
        """
        self.rule = vmap_rule
        return vmap_rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Result of the function."""
        name = function_name(self.fun)
        if self.rule is None:
            raise AttributeError(
                f"No batching rule defined for custom_vmap function {name} using def_vmap."
            )
        args = positional(self.fun, name, args, kwargs)
        if not recording():
            return self.fun(*args)
        call = split_call(name, "custom_vmap", args, ())
        fun = user_function(self.fun)
        staged = stage(
            lambda leaves: fun(*call.arguments(leaves)),
            call.types,
            name=name,
            values=call.leaves,
            role="other",
        )
        rule = Deferred(
            (Identity(self.rule), staged.fn, *call.key()),
            lambda key: self._record(staged, call, name, *key),
        )
        outs = custom_vmap_p.bind(
            *staged.captured, *call.leaves, fn=staged.fn, rule=rule,
            num_captured=len(staged.captured),
        )  # fmt: skip
        return tree.unflatten(staged.out_tree, outs)

    def _record(self, staged: Staged, call: Any, name: str, size: int, lanes: Mask) -> Vectorised:
        types = [
            t.with_dimension(0, size) if m else t for t, m in zip(call.types, lanes, strict=True)
        ]
        found: list[bool] = []

        def run(tracers: list[Any]) -> list[Any]:
            batched = list(tree.unflatten(call.in_tree, lanes))
            rule = user_function(self.rule)
            out = rule(size, batched, *tree.unflatten(call.in_tree, tracers))
            if not isinstance(out, tuple | list) or len(out) != 2:
                raise ArgumentValueError(
                    f"the vmap rule of `{name}` must return a pair (result, out_batched), got {out}"
                )
            (outs, out_tree), (batched, spec) = map(tree.flatten, out)
            _check_result(function_name(self.rule), outs, out_tree, batched, spec, size)
            if out_tree != staged.out_tree:
                raise ArgumentValueError(
                    f"structure of output returned by custom vmap rule "
                    f"({function_name(self.rule)}) does not match that of original custom-vmapped "
                    f"function.\nOriginal output: {staged.out_tree}\nRule output: {out_tree}"
                )
            found.extend(map(bool, batched))
            return outs

        with inside_rule():
            made = without_tracers(stage(run, types, name=f"vmap_of_{name}"), name)
        return Vectorised(made.fn, tuple(found), tuple(made.captured))


def _check_result(
    rule: str, outs: list[Any], out_tree: Any, batched: list[Any], spec: Any, size: int
) -> None:
    """See that a rule says of each result whether it has lanes, and that those it names do."""
    if out_tree != spec:
        raise ArgumentValueError(
            "structure of output value and output batching specification returned by custom vmap "
            f"rule ({rule}) do not match.\nOutput values: {out_tree}\nBatching spec: {spec}"
        )
    for x, b in zip(outs, batched, strict=True):
        if b and np.shape(x)[:1] != (size,):
            raise ArgumentValueError(
                f"custom vmap rule ({rule}) says that a result of shape {np.shape(x)} has lanes, "
                f"whose number is {size}\nfix: return the lanes in the first dimension"
            )


def sequential_vmap(fun: Callable[..., Any]) -> custom_vmap:
    """`fun`, whose lanes `vmap` computes one after another.

    Args:
        fun: function of arrays or trees of arrays.

    Returns:
        A `custom_vmap` with that rule.

    Example:
        >>> @ms.custom_batching.sequential_vmap
        ... def f(x):
        ...     ms.debug.print("{}", x)
        ...     return 2 * x
        >>> ms.vmap(f)(np.array([1, 2])).tolist()
        1
        2
        [2, 4]
    """
    wrapped = custom_vmap(fun)

    def rule(axis_size: int, in_batched: list[Any], *args: Any) -> tuple[Any, Any]:
        leaves, treedef = tree.flatten(args)
        mask = tree.leaves(tuple(in_batched))

        def one(lane: list[Any]) -> Any:
            rest = iter(lane)
            full = [next(rest) if m else x for x, m in zip(leaves, mask, strict=True)]
            return user_function(fun)(*tree.unflatten(treedef, full))

        out = sequential_map(one, bodies.chosen(leaves, mask))
        return out, tree.map(lambda _: True, out)

    wrapped.def_vmap(rule)
    return wrapped
