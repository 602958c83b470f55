"""`cond` and `switch`: one of several functions runs, chosen by a value known at run time.

Every transform of a `cond` transforms its branches and gives their results a common shape:
tangents that one branch has all branches have, residuals of all branches share slots by
type, cotangents go to the union of the operands. Only a predicate that differs between the
lanes of a batch turns the choice into a selection among all branches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import config, tree
from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, merged
from ms_func.control_flow.branch_halves import Branches, split_branches
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.lanes import one_by_one, with_mask
from ms_func.control_flow.mismatch import Side, branches_differ, trees_differ
from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShapeError
from ms_func.ir.axes import names_of
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Function, Literal, Var
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import (
    BY_FUNCTIONS,
    UNFOLDED,
    Cost,
    Primitive,
    current,
    fitting,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.emit import TOKEN
from ms_func.primitives.arg_extrema import argmax
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import clamp, eq, ge, le, ne, select
from ms_func.primitives.families import is_linear
from ms_func.primitives.reduce import reduce_or
from ms_func.primitives.shape import broadcast_in_dim, reshape
from ms_func.primitives.slicing import dynamic_slice
from ms_func.tracing.arguments import beside_doubles, function_name, leaf_types
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged
from ms_func.tracing.tracebacks import user_traceback
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.discharge import Uses, discharged, with_finals
from ms_func.transforms.jet import in_rows, jet, wanted_series
from ms_func.transforms.jvp import jvp
from ms_func.transforms.passes import prune
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import is_live, nonzeros, with_zeros, zeros

# --- types, meaning, lowering ---------------------------------------------------------------


def _abstract(index: ArrayType, *types: ArrayType, branches: Branches) -> list[ArrayType]:
    for fn in branches:
        fitting(types, fn.in_types, [index.vma])
    if index.shape != () or not (index.dtype == np.bool_ or index.dtype == np.int32):
        raise ShapeError(f"cond takes a scalar index of dtype bool or int32, got {index}")
    out = []
    for column in zip(*(fn.out_types for fn in branches), strict=True):
        first = column[0]
        if any(t.shape != first.shape or t.dtype != first.dtype for t in column):
            raise ShapeError(f"cond takes branches with equal result types, got {list(column)}")
        laid = first.explicit if all(t.explicit == first.explicit for t in column) else None
        weak = all(t.weak_type for t in column)
        joined = ArrayType(first.shape, first.dtype, weak, explicit=laid)
        axes = index.vma.union(*(t.vma for t in column))
        out.append(joined.varying(axes) if axes else joined)
    return out


def _ref(index: np.ndarray, *arrays: np.ndarray, branches: Branches) -> list[np.ndarray]:
    return evaluate(branches[_clamped(int(index), branches)], *arrays)


def _clamped(index: int, branches: Branches) -> int:
    return min(max(index, 0), len(branches) - 1)


def _lower(b: Any, eqn: Any, index: Any, *values: Any) -> list[Any]:
    """`if` on a boolean, whose first region is the true branch, else `case`.

    Where the index is known by now, only its branch.
    """
    branches, kind = eqn.params["branches"], eqn.inputs[0].type
    known = b.known(index)
    if known is not None:
        return b.inline(branches[_clamped(known, branches)], values)
    boolean = kind.dtype == np.bool_
    if not boolean:  # `case` takes the last branch for any index outside, negative ones too
        index = b.op("stablehlo.maximum", [kind], [index, b.constant(0, kind)])
    name = "stablehlo.if" if boolean else "stablehlo.case"
    threads = bool(b.state(*branches))
    types = [*[v.type for v in eqn.outputs], *[TOKEN] * threads]
    made = b.operation(name, types, [index], regions=len(branches))
    for i, fn in enumerate(branches[::-1] if boolean else branches):
        b.region(made, i, [], lambda inner, fn=fn: inner.inline(fn, values), threads)
    return b.after(made, threads)


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, branches: Branches) -> Cost:
    """That of the most expensive branch."""
    return max((bodies.cost_of(fn) for fn in branches), key=lambda c: (c.flops, c.bytes))


# --- forward mode ---------------------------------------------------------------------------


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, branches: Branches) -> Any:
    active = is_live(tangents[1:])
    found = [jvp(fn, active)[1] for fn in branches]
    wanted = tuple(any(column) for column in zip(*found, strict=True))
    made = tuple(bodies.dual(fn, active, wanted) for fn in branches)
    outs = cond_p.bind(*primals, *nonzeros(tangents[1:]), branches=made)
    n = len(wanted)
    return outs[:n], with_zeros(wanted, outs[n:], branches[0].out_types)


def _jet(primals: Sequence[Any], series: Any, order: int, *, branches: Branches) -> Any:
    """Series of the branch taken; a result has one if it has in any branch."""
    active = tuple(s is not None for s in series[1:])
    found = [jet(fn, order, active)[1] for fn in branches]
    wanted = tuple(any(column) for column in zip(*found, strict=True))
    made = tuple(wanted_series(fn, order, active, wanted) for fn in branches)
    terms = [c for s in series[1:] if s is not None for c in s]
    outs = cond_p.bind(*primals, *terms, branches=made)
    n = len(wanted)
    return outs[:n], in_rows(outs[n:], wanted, order)


# --- partial evaluation -----------------------------------------------------------------------


def _partial(partial: Any, args: Any, params: dict[str, Any]) -> list[Any]:
    """Known parts of all branches as one `cond` now, the rest as another when the time comes.

    A residual that is an operand is passed on as it is; the others share slots by type, as
    many as the widest branch needs.
    """
    unknown = tuple(partial.is_unknown(a) for a in args)
    if unknown[0]:
        return partial.unknown.bind(cond_p, args, params)
    index, *operands = args
    first, rest, mask, forwarded = split_branches(params["branches"], unknown[1:])
    ready = chosen(operands, [not u for u in unknown[1:]])
    outs = bodies.bind_known(partial, cond_p, [index, *ready], branches=first)
    n = len(mask) - sum(mask)
    residuals = [*outs[n:], *(ready[i] for i in forwarded)]
    waiting = chosen(operands, unknown[1:])
    late = partial.unknown.bind(cond_p, (index, *residuals, *waiting), {"branches": rest})
    return merged(mask, late, outs[:n])


# --- reverse mode -----------------------------------------------------------------------------


def _transpose(cts: Sequence[Any], index: Any, *operands: Any, branches: Branches) -> list[Any]:
    linear = tuple(is_linear(x) for x in operands)
    live = is_live(cts)
    made = tuple(transpose(bodies.keep_results(fn, live), linear) for fn in branches)
    others = [x for x, lin in zip(operands, linear, strict=True) if not lin]
    outs = iter(cond_p.bind(index, *others, *chosen(cts, live), branches=made))
    return [None, *(next(outs) if lin else None for lin in linear)]


# --- batching -----------------------------------------------------------------------------------


def _batch(size: int, args: Any, dims: Any, *, branches: Branches) -> Any:
    index, *operands = args
    lane_dims = tuple(dims[1:])
    free = ("any",) * len(branches[0].results)
    if dims[0] is None:
        found = [batch(fn, size, lane_dims, free)[1] for fn in branches]
        wanted = [_common(column) for column in zip(*found, strict=True)]
        made = tuple(bodies.batch_to(fn, size, lane_dims, wanted)[0] for fn in branches)
        return cond_p.bind(index, *operands, branches=made), wanted
    masked = [with_mask(fn) if fn.effects else None for fn in branches]
    apart = any(fn.effects and m is None for fn, m in zip(branches, masked, strict=True))
    bodies.same_in_all_lanes(branches, "cond", "predicate", apart)
    if apart:
        return one_by_one(size, cond_p, args, dims, branches=branches)
    outs = [
        _masked_branch(size, fn, _taken(index, i, branches), operands, lane_dims, masked[i])
        for i, fn in enumerate(branches)
    ]
    shared = [
        k if k is not None and dims[k + 1] is None else None for k in _handed_through(branches)
    ]
    columns = zip(zip(*outs, strict=True), shared, strict=True)
    return (
        [_choose(index, column) if k is None else operands[k] for column, k in columns],
        [0 if k is None else None for k in shared],
    )


def _handed_through(branches: Branches) -> list[int | None]:
    """For each result the operand that it is in every branch, if that is so."""
    place = [{v: i for i, v in enumerate(fn.params)} for fn in branches]
    found = [
        {p.get(r) if type(r) is Var else None for p, r in zip(place, column, strict=True)}
        for column in zip(*(fn.results for fn in branches), strict=True)
    ]
    return [next(iter(ks)) if len(ks) == 1 else None for ks in found]


def _common(column: Sequence[int | None]) -> int | None:
    """Where a result's lanes lie in all branches: the one place found, or the front."""
    places = {d for d in column if d is not None}
    return None if not places else places.pop() if len(places) == 1 else 0


def _taken(index: Any, i: int, branches: Branches) -> Any:
    """Which lanes take branch `i`."""
    if typeof(index).dtype == np.bool_:
        return index if i else ne(index, True)
    if i == 0:
        return le(index, 0)
    return ge(index, i) if i == len(branches) - 1 else eq(index, i)


def _masked_branch(
    size: int, fn: Function, mask: Any, operands: Sequence[Any], dims: tuple[int | None, ...],
    masked: Function | None,
) -> list[Any]:  # fmt: skip
    """Results of a branch for all lanes, those that do not take it on borrowed operands.

    A lane outside the branch computes with the operands of a lane inside it, so it cannot
    meet a singularity or an endless loop of its own, and it sends no cotangent back. An
    operand that all lanes share stays shared; it sends a cotangent back if any lane took
    the branch. A branch with a loop or a call of Python is skipped if no lane takes it.
    A branch with a collective is computed as it is: what others get from a lane is its own.
    `masked` is a branch with checks that takes the mask as well.
    """
    own = not fn.eqns or size == 0 or bodies.communicates(fn, names_of(fn))
    some = None if own else reduce_or(mask, axes=(0,))
    guarded = list(operands) if own else _guarded(operands, dims, mask, some)
    if masked is not None:
        guarded, dims = [mask, *guarded], (0, *dims)
    made, _ = bodies.batch_to(masked or fn, size, dims, (0,) * len(fn.results))
    if own or not _must_skip(fn):
        return current.interpreter.apply(made, guarded)
    skip = build(f"skip_{fn.name}", made.in_types, lambda *_: [zeros(t) for t in made.out_types])
    return cond_p.bind(some, *guarded, branches=(skip, made))


def _guarded(operands: Sequence[Any], dims: Sequence[int | None], mask: Any, some: Any) -> Any:
    lane = argmax(mask, 0, np.int32)
    return [
        x if d is None and type(x) is Literal else _guard(x, d, mask, some, lane)
        for x, d in zip(operands, dims, strict=True)
    ]


def _guard(x: Any, dim: int | None, mask: Any, some: Any, lane: Any) -> Any:
    if dim is None:
        return select(some, x, stop_gradient(x))
    t = typeof(x)
    starts = [lane if d == dim else 0 for d in range(t.ndim)]
    sizes = [1 if d == dim else n for d, n in enumerate(t.shape)]
    other = dynamic_slice(stop_gradient(x), starts, sizes, allow_negative_indices=False)
    shape = [n for d, n in enumerate(t.shape) if d != dim]
    other = broadcast_in_dim(reshape(other, shape), t.shape, [d for d in range(t.ndim) if d != dim])
    return select(broadcast_in_dim(mask, t.shape, (dim,)), x, other)


def _must_skip(fn: Function) -> bool:
    """Whether running a branch that no lane takes could matter: loops may not end."""
    return any(
        e.primitive.name == "while" or e.primitive.host or any(map(_must_skip, e.functions()))
        for e in fn.eqns
    )


def _choose(index: Any, column: Sequence[Any]) -> Any:
    """Result of each lane from the results of all branches, lanes in front."""
    t = typeof(column[0])
    pick = index if t.ndim == 1 else broadcast_in_dim(index, t.shape, (0,))
    if typeof(index).dtype == np.bool_:
        return select(pick, column[1], column[0])
    out = column[-1]
    for i in range(len(column) - 2, -1, -1):
        out = select(le(pick, i), column[i], out)
    return out


def _prune(used: Mask, *, branches: Branches) -> tuple[Mask, Mask, dict[str, Any]]:
    """An operand lives if a branch needs it for a used result."""
    made = [prune(fn, used) for fn in branches]
    keep = tuple(any(column) for column in zip(*(k for _, k in made), strict=True))
    fns = tuple(
        Function(fn.name, chosen(fn.params, keep), pruned.eqns, pruned.results)
        for fn, (pruned, _) in zip(branches, made, strict=True)
    )
    return (True, *keep), used, {"branches": fns}


def _refs(uses: Uses) -> tuple[list[Any], dict[int, Any]]:
    """Every branch gives what the references hold that any branch writes to."""
    branches = uses.params["branches"]
    written = sorted({i for fn in branches for i in discharged(fn)[1]})
    made = tuple(with_finals(fn, written) for fn in branches)
    outs = cond_p.bind(*uses.operands, branches=made)
    n = len(branches[0].results)
    return outs[:n], {i + 1: x for i, x in zip(written, outs[n:], strict=True)}


cond_p = register(
    Primitive(
        "cond",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=_jvp,
        jet=_jet,
        transpose=_transpose,
        batch=_batch,
        shard=UNFOLDED,
        cost=_cost,
        partial=_partial,
        prune=_prune,
        varying=BY_FUNCTIONS,
        multiple_results=True,
        refs=_refs,
    )
)


# --- what users call ------------------------------------------------------------------------------


_NO_OPERAND = object()


@user_traceback
def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any,
    operand: Any = _NO_OPERAND,
) -> Any:  # fmt: skip
    """Result of `true_fun(*operands)` where `pred` is true, else of `false_fun(*operands)`.

    Called as `cond(pred, true_fun, false_fun, *operands)`. Only the branch chosen runs, and
    only it is differentiated. Under `vmap` a predicate that differs between the lanes makes
    both branches run, each lane keeping its own.

    Args:
        pred: scalar boolean, or a number, which counts as true unless it is zero.
        true_fun: function of the operands.
        false_fun: function of the operands; its result has the structure, shapes and dtypes
            of that of `true_fun`. Python scalars take the dtype of the other side.
        *operands: arrays or trees of arrays. Values that a branch closes over need not be
            operands. `operand=x` passes one operand, and the older form
            `cond(pred, true_operand, true_fun, false_operand, false_fun)` one per branch.

    Returns:
        What the branch returns, as arrays.

    Raises:
        TypeError: `pred` is no scalar, or the results of the branches do not agree.

    Example:
        >>> float(cond(True, lambda x: x + 1, lambda x: x - 1, 3.0))
        4.0
    """
    if not callable(true_fun) and len(operands) == 2 and callable(operands[1]):
        first, second = true_fun, operands[0]
        on_true, on_false = user_function(false_fun), user_function(operands[1])
        return _cond(pred, lambda x, _: on_true(x), lambda _, y: on_false(y), first, second)
    return _cond(pred, true_fun, false_fun, *operands, operand=operand)


def _cond(
    pred: Any, true_fun: Any, false_fun: Any, *operands: Any, operand: Any = _NO_OPERAND
) -> Any:
    if not (callable(true_fun) and callable(false_fun)):
        raise ArgumentTypeError("lax.cond: true_fun and false_fun arguments should be callable.")
    if operand is not _NO_OPERAND:
        if operands:
            raise ArgumentTypeError("cond: give the operands by position or as operand=, not both")
        operands = (operand,)
    index = _predicate(pred)
    names = ("false_fun", "true_fun")
    funs = user_function(false_fun), user_function(true_fun)
    return choose_branch("cond", index, funs, names, operands)


def _predicate(pred: Any) -> Any:
    """Scalar boolean of a predicate."""
    if callable(pred):
        raise ArgumentTypeError(f"Pred type must be either boolean or number, got {pred}.")
    if type(pred) in (bool, np.bool_):
        return bool(pred)
    if pred is None:
        raise ArgumentTypeError("cond predicate is None")
    try:
        t = typeof(pred)
    except TypeError:
        t = None
    if (
        t is None
        or not isinstance(getattr(pred, "shape", ()), tuple)
        or isinstance(pred, list | tuple)
    ):
        raise ArgumentTypeError(f"Pred must be a scalar, got {pred} of type {type(pred)}")
    if t.shape != ():
        raise ArgumentTypeError(
            f"Pred must be a scalar, got {pred} of shape {t.shape}.\n"
            "fix: reduce it with .any() or .all(), or choose by element with np.where"
        )
    if t.dtype == np.bool_:
        return pred
    if not issubdtype(t.dtype, np.number) or t.dtype.kind == "c":
        raise ArgumentTypeError(f"Pred type must be either boolean or number, got {t.dtype.name}.")
    return ne(pred, Literal(0, ArrayType((), t.dtype)))


@user_traceback
def switch(
    index: Any,
    branches: Sequence[Callable[..., Any]],
    *operands: Any,
    operand: Any = _NO_OPERAND,
) -> Any:
    """Result of `branches[index](*operands)`; an index out of range takes the nearest branch.

    Args:
        index: scalar integer.
        branches: functions of the operands whose results have equal structure and types.
        *operands: arrays or trees of arrays; see `cond`.

    Raises:
        TypeError: `index` is no scalar integer, or the results of the branches do not agree.
        ValueError: there is no branch.

    Example:
        >>> float(switch(2, [lambda x: x, lambda x: 2 * x, lambda x: 3 * x], 5.0))
        15.0
    """
    if not all(callable(f) for f in branches):
        raise ArgumentTypeError("lax.switch: branches argument should be a sequence of callables.")
    if operand is not _NO_OPERAND:
        if operands:
            raise ArgumentTypeError(
                "switch: give the operands by position or as operand=, not both"
            )
        operands = (operand,)
    branches = tuple(map(user_function, branches))
    checked = _branch_index(index, len(branches))
    if len(branches) == 1:
        return branches[0](*operands)
    names = tuple(f"branch {i}" for i in range(len(branches)))
    return choose_branch("switch", checked, branches, names, operands)


def _branch_index(index: Any, count: int) -> Any:
    """Index as int32, limited to the branches there are; a Python int where it is one."""
    try:
        t = typeof(index)
    except TypeError:
        raise ArgumentTypeError(f"Index type must be an integer, got {index}.") from None
    if t.shape != ():
        raise ArgumentTypeError(f"Branch index must be scalar, got {index} of shape {t.shape}.")
    if not issubdtype(t.dtype, np.integer):
        raise ArgumentTypeError(f"Index type must be an integer, got {index} as {t.dtype.name}")
    if count == 0:
        raise ArgumentValueError("Empty branch sequence")
    if isinstance(index, int | np.integer):
        return min(max(int(index), 0), count - 1)
    return convert_element_type(clamp(0, index, count - 1), np.int32)


def choose_branch(
    what: str, index: Any, funs: Sequence[Any], names: Sequence[str], operands: Any
) -> Any:
    """Record all branches, give their results common types, and apply the one chosen."""
    if config.disable_jit.value:
        return funs[int(np.clip(int(index), 0, len(funs) - 1))](*operands)
    leaves, in_tree = tree.flatten(operands)
    leaves = beside_doubles(leaves)
    types = leaf_types(leaves, what, function_name(funs[0]))
    decided = typeof(index).vma
    if decided:
        leaves = bodies.raised(leaves, decided)
        types = [t.varying(t.vma | decided) for t in types]
    recorded: dict[int, Staged] = {}  # a function that stands for several branches once
    for f in funs:
        if id(f) not in recorded:
            recorded[id(f)] = bodies.stage_on_tree(f, in_tree, types, refs="keep", decided=decided,
                                                  what=what)  # fmt: skip
    staged = [recorded[id(f)] for f in funs]
    order = (1, 0) if what == "cond" else range(len(funs))  # true_fun is spoken of first
    sides = [Side(names[i], funs[i], staged[i]) for i in order]
    joined = _joined_types(what, sides)
    fns, captured = bodies.share_captured(staged)
    if decided:
        bodies.same_on_all_devices(fns, decided, what, "predicate")
        joined = [t.varying(t.vma | decided) for t in joined]
    fns = tuple(bodies.with_result_types(fn, joined) for fn in fns)
    if type(index) in (bool, int):
        found = current.interpreter.apply(fns[int(index)], [*captured, *leaves])
        outs = [bodies.no_weaker(x, t) for x, t in zip(found, joined, strict=True)]
    else:
        outs = cond_p.bind(index, *captured, *leaves, branches=fns)
    return tree.unflatten(staged[0].out_tree, bodies.values(outs))


def _joined_types(what: str, sides: Sequence[Side]) -> list[ArrayType]:
    """Common type of each result over all branches."""
    first = sides[0]
    joined = list(first.staged.fn.out_types)
    for side in sides[1:]:
        if side.staged.out_tree != first.staged.out_tree:
            raise trees_differ(what, first, side, user_loc())
        found = [
            bodies.joined_type(a, b) for a, b in zip(joined, side.staged.fn.out_types, strict=True)
        ]
        joined = [t for t in found if t is not None]
        if len(joined) < len(found):
            raise branches_differ(what, first, side, user_loc())
    return joined
