"""Functions inside primitives: recording them, and reshaping what a transform made of them.

Branches and loop bodies come out of staging with the outer values they captured, and out of
`jvp`, `partial_eval` and `batch` with results in the order that the transform likes. The
helpers here put parameters and results into the order that `cond`, `scan` and `while` keep,
without touching the equations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ms_func import config, tree
from ms_func.dtypes import join
from ms_func.errors import UnsupportedError
from ms_func.ir.axes import BATCH_AXIS, Axes, eqn_names, names_of
from ms_func.ir.function import Function, Literal, Var
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import Cost, Primitive, current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.batching import move_batch
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.collective import pvary_p
from ms_func.primitives.collective_places import axis_index_p
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.tracing.arguments import argument_paths, function_name
from ms_func.tracing.origins import Source
from ms_func.tracing.stage import Staged, canonical, stage
from ms_func.tracing.tracer import Tracer, build
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.zeros import zeros

Mask = tuple[bool, ...]

# --- recording ----------------------------------------------------------------------------


def stage_on_tree(
    fun: Callable[..., Any], in_tree: Any, types: Sequence[ArrayType], name: str | None = None,
    refs: str = "read", decided: frozenset[Any] = frozenset(), what: str = "",
) -> Staged:  # fmt: skip
    """Record `fun` called with the arguments that `in_tree` makes of tracers of `types`."""

    def names() -> list[str]:
        return argument_paths(fun, tree.unflatten(in_tree, [0] * in_tree.num_leaves), {})

    return stage(
        lambda xs: fun(*tree.unflatten(in_tree, xs)),
        types,
        name=name or function_name(fun),
        refs=refs,
        decided=decided,
        source=Source(what, fun, names) if what else None,
    )


def share_captured(staged: Sequence[Staged]) -> tuple[tuple[Function, ...], list[Any]]:
    """Functions that all take the union of what any of them captured, and these values."""
    merged: dict[int, Any] = {}
    for s in staged:
        merged.update((identity(x), x) for x in s.captured)
    values = list(merged.values())
    made = []
    for s in staged:
        n = len(s.captured)
        own = {identity(x): v for x, v in zip(s.captured, s.fn.params[:n], strict=True)}
        if list(own) == list(merged):
            made.append(s.fn)
            continue
        lead = [own.get(key) or Var(typeof(x)) for key, x in merged.items()]
        fn = Function(s.fn.name, [*lead, *s.fn.params[n:]], s.fn.eqns, s.fn.results)
        made.append(canonical(fn))
    return tuple(made), values


def identity(x: Any) -> int:
    """Equal for handles of the same captured value."""
    return id(x.variable) if type(x) is Tracer else id(x)


def described(fun: Any) -> str:
    """Name of a user function and where it is defined, for error messages."""
    code = getattr(inspect.unwrap(fun) if callable(fun) else fun, "__code__", None)
    where = f" at {code.co_filename}:{code.co_firstlineno}" if code is not None else ""
    return f"{function_name(fun)}{where}"


def values(outs: Sequence[Any]) -> list[Any]:
    """Results of a primitive or a program with arrays in place of bare literals."""
    return [broadcast_in_dim(x, (), ()) if type(x) is Literal else x for x in outs]


# --- types --------------------------------------------------------------------------------


def joined_type(a: ArrayType, b: ArrayType) -> ArrayType | None:
    """Type of both values, where one is weak promoted to it; None where they do not agree.

    Under `as_jax` a weak value of another dtype does not agree, nor one of another layout.
    """
    if a is b:
        return a
    strict = config.jax_rules()
    if strict and a.explicit != b.explicit:
        return None
    weak = (a.weak_type or b.weak_type) and not strict
    if a.shape != b.shape or not (a.dtype == b.dtype or weak):
        return None
    dtype, weak = join(a.dtype, a.weak_type, b.dtype, b.weak_type)
    manual = a.varying(a.vma | b.vma).manual
    return ArrayType(a.shape, dtype, weak, manual, a.layout_with(b))


def with_result_types(fn: Function, wanted: Sequence[ArrayType]) -> Function:
    """`fn` with its results converted to the wanted dtypes."""
    pairs = list(zip(fn.out_types, wanted, strict=True))
    if all(t.dtype == w.dtype and t.vma == w.vma for t, w in pairs):
        return fn

    def body(*args: Any) -> list[Any]:
        outs = current.interpreter.apply(fn, args)
        return [as_type(x, w) for x, w in zip(outs, wanted, strict=True)]

    return canonical(build(fn.name, fn.in_types, body))


def no_weaker(x: Any, wanted: ArrayType) -> Any:
    """`x`, not weakly typed where `wanted` is not."""
    if wanted.weak_type or not typeof(x).weak_type:
        return x
    return convert_element_type(x, wanted.dtype)


def as_type(x: Any, wanted: ArrayType) -> Any:
    """`x` converted to a dtype, and marked as differing along the axes of a region."""
    if typeof(x).dtype != wanted.dtype:
        x = convert_element_type(x, wanted.dtype, wanted.weak_type)
    more = wanted.vma - typeof(x).vma
    return pvary_p.bind(x, axes=Axes(sorted(more, key=str))) if more else x


def raised(xs: Sequence[Any], axes: frozenset[Any]) -> list[Any]:
    """Values that count as differing along more axes of a region.

    Whatever a value known only at run time decides about, such as which branch runs, differs
    along the axes that this value differs along, and so does what flows back from there.
    """
    return [as_type(x, typeof(x).varying(typeof(x).vma | axes)) for x in xs]


def cost_of(fn: Function) -> Cost:
    """Sum of the costs of the equations of `fn`."""
    total = (0.0, 0.0, 0.0)
    for eqn in fn.eqns:
        ins = [a.type for a in eqn.inputs]
        one = eqn.primitive.cost(ins, [v.type for v in eqn.outputs], **eqn.params)
        total = tuple(x + y for x, y in zip(total, one, strict=True))  # type: ignore[assignment]
    return Cost(*total)


# --- parameter and result lists ---------------------------------------------------------------


def reorder(fn: Function, params: Sequence[int], results: Sequence[int] | None = None) -> Function:
    """`fn` with its parameters in another order, and the chosen results."""
    chosen = fn.results if results is None else [fn.results[i] for i in results]
    return Function(fn.name, [fn.params[i] for i in params], fn.eqns, chosen)


def keep_results(fn: Function, keep: Mask) -> Function:
    """`fn` without the results that are not kept."""
    if all(keep):
        return fn
    key = ("keep_results", keep)
    if key not in fn.memo:
        chosen = [r for r, k in zip(fn.results, keep, strict=True) if k]
        fn.memo[key] = Function(fn.name, fn.params, fn.eqns, chosen)
    return fn.memo[key]


def split_list(xs: Sequence[Any], *sizes: int) -> list[list[Any]]:
    """`xs` cut into parts of the given sizes, and the rest."""
    parts, start = [], 0
    for n in sizes:
        parts.append(list(xs[start : start + n]))
        start += n
    return [*parts, list(xs[start:])]


def chosen(xs: Sequence[Any], mask: Sequence[bool]) -> list[Any]:
    """Elements where the mask is true."""
    return [x for x, m in zip(xs, mask, strict=True) if m]


def merged(mask: Sequence[bool], on_true: Sequence[Any], on_false: Sequence[Any]) -> list[Any]:
    """Inverse of choosing by a mask and by its complement."""
    yes, no = iter(on_true), iter(on_false)
    return [next(yes) if m else next(no) for m in mask]


# --- transforms with fixed result lists -----------------------------------------------------------


def dual(fn: Function, active: Mask, wanted: Mask) -> Function:
    """Derivative program whose tangent results are exactly the wanted ones, zeros filled in.

    Parameters: primals, active tangents. Results: results, wanted tangents.
    """
    made, nonzero = jvp(fn, active)
    if nonzero == wanted:
        return made
    key = ("dual", active, wanted)
    if key not in fn.memo:
        n = len(fn.results)

        def body(*args: Any) -> list[Any]:
            outs = current.interpreter.apply(made, args)
            dots = iter(outs[n:])
            full = [next(dots) if nz else None for nz in nonzero]
            return [
                *outs[:n],
                *(
                    zeros(t.tangent) if d is None else d
                    for d, t, w in zip(full, fn.out_types, wanted, strict=True)
                    if w
                ),
            ]

        fn.memo[key] = build(made.name, made.in_types, body)
    return fn.memo[key]


def split(fn: Function, unknown: Mask, forced: Mask) -> tuple[Function, Function, Mask]:
    """`partial_eval` that lets further results wait: those of `forced` count as unknown.

    Returns:
        `known`: known parameters -> known results, then residuals;
        `rest`: residuals, then unknown parameters -> unknown results; which are unknown.
    """
    known, rest, mask = partial_eval(fn, unknown)
    both = tuple(m or f for m, f in zip(mask, forced, strict=True))
    if both == mask:
        return known, rest, mask
    key = ("split", unknown, both)
    if key in fn.memo:
        return fn.memo[key]
    n_known = len(mask) - sum(mask)
    residuals = list(known.results[n_known:])
    n_residuals = len(residuals)
    params = list(rest.params[:n_residuals])
    place = {r: p for r, p in zip(residuals, params, strict=True) if type(r) is not Literal}
    first, last = iter(known.results[:n_known]), iter(rest.results)
    ready, waiting = [], []
    for was_unknown, now in zip(mask, both, strict=True):
        atom = next(last) if was_unknown else next(first)
        if not now:
            ready.append(atom)
        elif was_unknown or type(atom) is Literal:
            waiting.append(atom)
        else:
            if atom not in place:
                place[atom] = Var(atom.type)
                residuals.append(atom)
                params.append(place[atom])
            waiting.append(place[atom])
    fn.memo[key] = (
        Function(known.name, known.params, known.eqns, [*ready, *residuals]),
        Function(rest.name, [*params, *rest.params[n_residuals:]], rest.eqns, waiting),
        both,
    )
    return fn.memo[key]


def linear_apart(fn: Function, unknown: Mask) -> Function:
    """`fn` with those of its operations split that mix known and unknown values.

    An operation such as a loop over values and tangents computes both at once. Only apart can
    what is linear in the unknown parameters be transposed.
    """
    key = ("linear_apart", unknown)
    if key not in fn.memo:
        known, rest, mask = split(fn, unknown, (True,) * len(fn.results))
        n = len(mask) - sum(mask)

        def body(*args: Any) -> list[Any]:
            outs = current.interpreter.apply(known, chosen(args, [not u for u in unknown]))
            return current.interpreter.apply(rest, [*outs[n:], *chosen(args, unknown)])

        fn.memo[key] = build(fn.name, fn.in_types, body)
    return fn.memo[key]


def hoist(fn: Function, varies: Mask, n_stay: int) -> tuple[Function, Function, Mask]:
    """What depends only on parameters that do not vary, apart from the rest.

    Unlike `partial_eval` this moves whole equations and splits none.

    Args:
        fn: the body of a loop.
        varies: parameters that change from step to step; the others stand before them.
        n_stay: number of first results that the loop gives at each step, varying or not.

    Returns:
        `fixed`: parameters that do not vary -> results that do not, then what `step` needs;
        `step`: these values, then the varying parameters -> the first results, then the
        varying ones; which of the results after the first vary.
    """
    key = ("hoist", varies, n_stay)
    if key in fn.memo:
        return fn.memo[key]
    moving = {v for v, m in zip(fn.params, varies, strict=True) if m}
    before, inside = [], []
    for eqn in fn.eqns:
        stays = not moving.isdisjoint(eqn.inputs) or eqn.effects
        (inside if stays else before).append(eqn)
        if stays:
            moving.update(eqn.outputs)
    mask = tuple(a in moving for a in fn.results[n_stay:])
    changing = [a for a, m in zip(fn.results[n_stay:], mask, strict=True) if m]
    results = [*fn.results[:n_stay], *changing]
    used = {a for e in inside for a in e.inputs} | set(results)
    given = [v for v, m in zip(fn.params, varies, strict=True) if not m]
    made = [*given, *(v for e in before for v in e.outputs)]
    needed = [v for v in made if v in used]
    still = [a for a, m in zip(fn.results[n_stay:], mask, strict=True) if not m]
    first = Function(fn.name, given, before, [*still, *needed])
    loop = [v for v, m in zip(fn.params, varies, strict=True) if m]
    fn.memo[key] = first, Function(fn.name, [*needed, *loop], inside, results), mask
    return fn.memo[key]


def batch_to(
    fn: Function, size: int, dims: tuple[int | None, ...], wanted: Sequence[int | str | None]
) -> tuple[Function, tuple[int | None, ...]]:
    """`batch` whose results have their lanes exactly where wanted; "any" takes what comes.

    A wanted None is a promise that the result is the same for all lanes.
    """
    made, found = batch(fn, size, dims, ("any",) * len(fn.results))
    if all(w == "any" or w == d for w, d in zip(wanted, found, strict=True)):
        return made, found
    key = ("batch_to", size, dims, tuple(wanted))
    if key not in fn.memo:
        places = tuple(d if w == "any" else w for w, d in zip(wanted, found, strict=True))

        def body(*args: Any) -> list[Any]:
            outs = current.interpreter.apply(made, args)
            return [
                x if d == w else move_batch(x, d, w, size)  # type: ignore[arg-type]
                for x, d, w in zip(outs, found, places, strict=True)
            ]

        fn.memo[key] = build(made.name, made.in_types, body), places
    return fn.memo[key]


def same_in_all_lanes(fns: Sequence[Function], what: str, decides: str, apart: bool) -> None:
    """Raise where lanes that part ways would have to communicate on the way.

    By JAX's rules all lanes take part, those whose results are thrown away as well.

    Args:
        fns: branches or bodies that some lanes run and others do not.
        what: the operation.
        decides: what differs between the lanes.
        apart: whether the lanes are computed one after the other.

    Raises:
        UnsupportedError: a function has a collective over the lanes.
    """
    if config.jax_rules() and not apart:
        return
    if any(communicates(fn, frozenset({BATCH_AXIS})) for fn in fns):
        raise UnsupportedError(
            f"{what} has a collective over the lanes of a vmap inside, but its {decides} differs "
            "between these lanes, so that some would wait for others that never come\n"
            f"fix: make the {decides} the same for all lanes, for example with lax.pmax, or move "
            f"the collective out of the {what}"
        )


def same_on_all_devices(
    fns: Sequence[Function], axes: frozenset[Any], what: str, decides: str
) -> None:
    """The same for the devices of a region along `axes`.

    Raises:
        UnsupportedError: a function has a collective along one of the axes.
    """
    if any(communicates(fn, axes) for fn in fns):
        raise UnsupportedError(
            f"{what} has a collective along {', '.join(sorted(map(str, axes)))} inside, but its "
            f"{decides} may differ between the devices there, so that some would wait for others "
            f"that never come\nfix: make the {decides} the same on all devices, for example with "
            f"lax.pmax, or move the collective out of the {what}",
            user_loc(),
        )


def communicates(fn: Function, axes: frozenset[Any]) -> bool:
    """Whether a program has a collective along any of the axes.

    Asking for the own index is none, nor is marking a value.
    """
    if names_of(fn).isdisjoint(axes):
        return False
    for e in fn.eqns:
        if e.primitive in (axis_index_p, pvary_p) or eqn_names(e).isdisjoint(axes):
            continue
        inner = list(e.functions())
        if not inner or any(communicates(f, axes) for f in inner):
            return True
    return False


def apply_known(partial: Any, fn: Function, args: Sequence[Any]) -> list[Any]:
    """Apply a whole function in the known program of a partial evaluation."""
    outer, current.interpreter = current.interpreter, partial.known
    try:
        return partial.known.apply(fn, args)
    finally:
        current.interpreter = outer


def bind_known(partial: Any, primitive: Primitive, args: Sequence[Any], **params: Any) -> list[Any]:
    """Apply a primitive in the known program of a partial evaluation."""
    return partial.bind_known(primitive, tuple(args), params)
