"""`while_loop` and `fori_loop`: loops whose number of steps may be known only at run time.

A `while` has constants of its test, constants of its body, and a carry. Forward mode pairs
each carry that can get a tangent with it; the test sees the values alone. A test that
differs between the lanes of a batch keeps the loop going while any lane does, and lanes that
are done keep the carry they ended with.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func import config, tree
from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, is_live, merged, split_list
from ms_func.control_flow.carry import common_carry
from ms_func.control_flow.scan import scan
from ms_func.dtypes import issubdtype
from ms_func.errors import ConcretizationTypeError, ShapeError, UnsupportedError
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Function
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import Cost, NotSupported, Primitive, Zero, current, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, bitwise_and
from ms_func.primitives.batching import to_front
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import lt, select
from ms_func.primitives.reduce import reduce_or
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.tracing.arguments import function_name, leaf_types
from ms_func.tracing.stage import Staged
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.passes import dce, prune
from ms_func.transforms.zeros import instantiate

BOOL = ArrayType((), np.dtype(np.bool_))


class Loop(NamedTuple):
    """The functions of a loop and how many constants each has.

    `cond` takes its constants and the carry, `body` its constants and the carry.
    """

    cond: Function
    body: Function
    num_cond: int
    num_body: int

    def cut(self, values: Sequence[Any]) -> list[list[Any]]:
        """Constants of the test, constants of the body, carry."""
        return split_list(values, self.num_cond, self.num_body)


# --- types, meaning, lowering ---------------------------------------------------------------


def _abstract(*types: ArrayType, **params: Any) -> list[ArrayType]:
    loop = Loop(**params)
    test_consts, body_consts, carry = loop.cut(types)
    if loop.cond.out_types[0].shape != () or loop.cond.out_types[0].dtype != np.bool_:
        raise ShapeError(f"the test of a loop gives a boolean, got {loop.cond.out_types[0]}")
    for fn, given in ((loop.cond, [*test_consts, *carry]), (loop.body, [*body_consts, *carry])):
        for t, wanted in zip(given, fn.in_types, strict=True):
            if t.shape != wanted.shape or t.dtype != wanted.dtype:
                raise ShapeError(f"`{fn.name}` of a loop takes {wanted}, got {t}")
    return [
        ArrayType(t.shape, t.dtype, t.weak_type and i.weak_type)
        for t, i in zip(loop.body.out_types, carry, strict=True)
    ]


def _ref(*arrays: np.ndarray, **params: Any) -> list[np.ndarray]:
    loop = Loop(**params)
    test_consts, body_consts, carry = loop.cut(arrays)
    while evaluate(loop.cond, *test_consts, *carry)[0]:
        carry = evaluate(loop.body, *body_consts, *carry)
    return carry


def _lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    loop = Loop(**eqn.params)
    test_consts, body_consts, carry = loop.cut(values)
    types = [v.type for v in eqn.outputs]
    made = b.operation("stablehlo.while", types, carry, regions=2)
    b.region(made, 0, types, lambda inner, *c: inner.inline(loop.cond, [*test_consts, *c]))
    b.region(made, 1, types, lambda inner, *c: inner.inline(loop.body, [*body_consts, *c]))
    return list(made.results)


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """That of one step, for want of a number of steps."""
    loop = Loop(**params)
    pairs = zip(bodies.cost_of(loop.cond), bodies.cost_of(loop.body), strict=True)
    return Cost(*(x + y for x, y in pairs))


# --- forward mode -----------------------------------------------------------------------------


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    loop = Loop(**params)
    test_consts, body_consts, init = loop.cut(primals)
    _, const_dots, init_dots = loop.cut(tangents)
    made, active = _dual_loop(loop, is_live(const_dots), is_live(init_dots))
    dots = [instantiate(t) for t in chosen(init_dots, active)]
    const_dots = [t for t in const_dots if type(t) is not Zero]
    outs = while_p.bind(*test_consts, *body_consts, *const_dots, *init, *dots, **made._asdict())
    n, rest = len(init), iter(outs[len(init) :])
    return outs[:n], [
        next(rest) if live else Zero(typeof(x).tangent)
        for live, x in zip(active, outs[:n], strict=True)
    ]


def _dual_loop(loop: Loop, consts: Mask, init: Mask) -> tuple[Loop, Mask]:
    """The loop over values and tangents, and which carries have tangents."""
    key = ("dual_loop", loop, consts, init)
    memo = loop.body.memo
    if key in memo:
        return memo[key]
    carry = init
    while True:
        nonzero = jvp(loop.body, (*consts, *carry))[1]
        grown = tuple(a or b for a, b in zip(carry, nonzero, strict=True))
        if grown == carry:
            break
        carry = grown
    made = bodies.dual(loop.body, (*consts, *carry), carry)
    c, i, dc, di = split_list(range(len(made.params)), len(consts), len(carry), sum(consts))
    body = bodies.reorder(made, [*c, *dc, *i, *di])
    dots = [t.tangent for t in chosen(loop.body.in_types[len(consts) :], carry)]
    test = _ignoring(loop.cond, dots)
    memo[key] = Loop(test, body, loop.num_cond, loop.num_body + sum(consts)), carry
    return memo[key]


def _ignoring(fn: Function, types: Sequence[ArrayType]) -> Function:
    """`fn` with further parameters at the end that it does not use."""
    return build(
        fn.name,
        [*fn.in_types, *types],
        lambda *args: current.interpreter.apply(fn, args[: len(fn.params)]),
    )


# --- partial evaluation -----------------------------------------------------------------------


def _partial(partial: Any, args: Any, params: dict[str, Any]) -> list[Any]:
    """Carries that no unknown reaches are computed now; the whole loop runs again later.

    The number of steps is not known while compiling, so nothing can be kept per step.
    """
    loop = Loop(**params)
    unknown = tuple(partial.is_unknown(a) for a in args)
    test_mask, body_mask, init_mask = (tuple(m) for m in loop.cut(unknown))
    carry = _unknown_carry(loop, body_mask, init_mask)
    late = lambda: partial.unknown.bind(while_p, tuple(args), params)  # noqa: E731
    if all(carry) or any(test_mask) or _test_needs(loop, carry):
        return late()
    known = _known_loop(loop, body_mask, carry)
    test_consts, body_consts, init = loop.cut(args)
    ready = chosen(body_consts, [not m for m in body_mask])
    start = chosen(init, [not m for m in carry])
    outs = bodies.bind_known(partial, while_p, [*test_consts, *ready, *start], **known._asdict())
    return merged(carry, chosen(late(), carry), outs)


def _unknown_carry(loop: Loop, consts: Mask, init: Mask) -> Mask:
    """Carries that become unknown at some step."""
    carry = init
    while True:
        mask = partial_eval(loop.body, (*consts, *carry))[2]
        grown = tuple(a or b for a, b in zip(carry, mask, strict=True))
        if grown == carry:
            return carry
        carry = grown


def _test_needs(loop: Loop, unknown: Mask) -> bool:
    """Whether the test looks at an unknown carry."""
    keep = prune(loop.cond, (True,))[1]
    return any(k and u for k, u in zip(keep[loop.num_cond :], unknown, strict=True))


def _known_loop(loop: Loop, consts: Mask, carry: Mask) -> Loop:
    """The loop over the known carries alone."""
    known, _, mask = partial_eval(loop.body, (*consts, *carry))
    waiting = [m or u for m, u in zip(mask, carry, strict=True)]
    ready = [i for i, _ in enumerate(carry) if not mask[i]]
    results = [known.results[ready.index(i)] for i, w in enumerate(waiting) if not w]
    body = dce(Function(known.name, known.params, known.eqns, results))
    kept = [*range(loop.num_cond), *(loop.num_cond + i for i, u in enumerate(carry) if not u)]
    test = Function(
        loop.cond.name, [loop.cond.params[i] for i in kept], loop.cond.eqns, loop.cond.results
    )
    return Loop(dce(test), body, loop.num_cond, len(consts) - sum(consts))


def _transpose(cts: Sequence[Any], *operands: Any, **params: Any) -> list[Any]:
    raise UnsupportedError(
        "Reverse-mode differentiation does not work for a while_loop, or a fori_loop whose "
        "bounds are known only at run time: the number of steps to keep values for is unknown "
        "while the program is compiled\n"
        "fix: use fori_loop with Python ints as bounds, or scan; forward mode (jvp, jacfwd) "
        "works through any loop"
    )


# --- batching -----------------------------------------------------------------------------------


def _batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
    loop = Loop(**params)
    test_dims, body_dims, init_dims = (tuple(d) for d in loop.cut(dims))
    carry = _batched_carry(loop, size, body_dims, init_dims)
    test, (pred_dim,) = bodies.batch_to(loop.cond, size, (*test_dims, *carry), ("any",))
    test_consts, body_consts, init = loop.cut(args)
    if pred_dim is not None:
        carry = (0,) * len(carry)
    start = [
        x if c is None else to_front(x, d, size)
        for x, d, c in zip(init, init_dims, carry, strict=True)
    ]
    body = bodies.batch_to(loop.body, size, (*body_dims, *carry), carry)[0]
    if pred_dim is None:
        made = Loop(test, body, loop.num_cond, loop.num_body)
        return while_p.bind(*test_consts, *body_consts, *start, **made._asdict()), list(carry)
    test = bodies.batch_to(loop.cond, size, (*test_dims, *carry), (0,))[0]
    (active,) = current.interpreter.apply(test, [*test_consts, *start])
    made = _freezing(test, body, loop)
    consts = [*test_consts, *body_consts]
    outs = while_p.bind(*consts, active, *start, **made._asdict())
    return outs[1:], list(carry)


def _batched_carry(
    loop: Loop, size: int, consts: tuple[int | None, ...], init: tuple[int | None, ...]
) -> tuple[int | None, ...]:
    """Carries that differ between the lanes at some step."""
    carry: tuple[int | None, ...] = tuple(None if d is None else 0 for d in init)
    free = ("any",) * len(carry)
    while True:
        found = batch(loop.body, size, (*consts, *carry), free)[1]
        grown = tuple(c if d is None else 0 for c, d in zip(carry, found, strict=True))
        if grown == carry:
            return carry
        carry = grown


def _freezing(test: Function, body: Function, loop: Loop) -> Loop:
    """The loop over (which lanes go on, their carries); a lane that is done keeps its carry."""
    key = ("freezing", test, loop.num_cond)
    if key in body.memo:
        return body.memo[key]
    n_test, n_body = loop.num_cond, loop.num_body
    consts = [*test.in_types[:n_test], *body.in_types[:n_body]]
    carry = body.in_types[n_body:]
    (mask,) = test.out_types

    def step(*args: Any) -> list[Any]:
        c_test, c_body, (active,), old = split_list(args, n_test, n_body, 1)
        new = current.interpreter.apply(body, [*c_body, *old])
        new = [_where(active, x, y) for x, y in zip(new, old, strict=True)]
        (more,) = current.interpreter.apply(test, [*c_test, *new])
        return [bitwise_and(active, more), *new]

    def any_lane(active: Any, *carry: Any) -> list[Any]:
        return [reduce_or(active, axes=(0,))]

    body.memo[key] = Loop(
        build(test.name, [mask, *carry], any_lane),
        build(body.name, [*consts, mask, *carry], step),
        0,
        n_test + n_body,
    )
    return body.memo[key]


def _where(mask: Any, x: Any, y: Any) -> Any:
    shape = typeof(x).shape
    return select(mask if len(shape) == 1 else broadcast_in_dim(mask, shape, (0,)), x, y)


# --- dead carries -------------------------------------------------------------------------------


def _prune(used: Mask, **params: Any) -> tuple[Mask, Mask, dict[str, Any]]:
    """A carry lives if it is used, or the test or a living carry needs it."""
    loop = Loop(**params)
    test, test_keep = prune(loop.cond, (True,))
    live = tuple(u or k for u, k in zip(used, test_keep[loop.num_cond :], strict=True))
    while True:
        body, keep = prune(loop.body, live)
        grown = tuple(a or b for a, b in zip(live, keep[loop.num_body :], strict=True))
        if grown == live:
            break
        live = grown
    body = _with_params(loop.body, body, (*keep[: loop.num_body], *live))
    test = _with_params(loop.cond, test, (*test_keep[: loop.num_cond], *live))
    consts = (*test_keep[: loop.num_cond], *keep[: loop.num_body])
    made = Loop(test, body, sum(test_keep[: loop.num_cond]), sum(keep[: loop.num_body]))
    return (*consts, *live), live, made._asdict()


def _with_params(fn: Function, pruned: Function, keep: Mask) -> Function:
    """The pruned function with the chosen parameters of `fn`, needed or not."""
    return Function(fn.name, chosen(fn.params, keep), pruned.eqns, pruned.results)


while_p = register(
    Primitive(
        "while",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
        shard=NotSupported("test and body are planned as part of the caller's graph"),
        cost=_cost,
        partial=_partial,
        prune=_prune,
        multiple_results=True,
    )
)


# --- what users call ----------------------------------------------------------------------------


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any
) -> Any:
    """Apply `body_fun` to a carry for as long as `cond_fun` of it is true.

    Args:
        cond_fun: function of the carry giving a scalar boolean.
        body_fun: function of the carry giving a carry of the same structure, shapes, dtypes.
        init_val: first carry: array or tree of arrays. A Python scalar takes the dtype that
            the body returns.

    Returns:
        The carry for which `cond_fun` was false.

    Raises:
        TypeError: the test is no scalar boolean, or the carry changes structure or types.

    Example:
        >>> int(while_loop(lambda x: x < 100, lambda x: 2 * x, 3))
        192
    """
    if not (callable(cond_fun) and callable(body_fun)):
        raise TypeError("lax.while_loop: body_fun and cond_fun arguments should be callable.")
    leaves, carry_tree = tree.flatten(init_val)
    leaf_types(leaves, "while_loop", function_name(body_fun))
    if config.disable_jit.value:
        return _run_in_python(cond_fun, body_fun, init_val)
    body, leaves = common_carry(
        "while_loop",
        body_fun,
        leaves,
        carry_tree,
        lambda types: bodies.stage_on_tree(body_fun, one_argument(carry_tree), types),
        lambda staged: (staged.out_tree, staged.fn.out_types),
    )
    types = [typeof(x) for x in leaves]
    test = bodies.stage_on_tree(cond_fun, one_argument(carry_tree), types)
    _check_test(test)
    outs = while_p.bind(
        *test.captured, *body.captured, *leaves,
        cond=test.fn, body=body.fn, num_cond=len(test.captured), num_body=len(body.captured),
    )  # fmt: skip
    return tree.unflatten(carry_tree, outs)


def one_argument(arg_tree: Any) -> Any:
    """Structure of a tuple with one argument of structure `arg_tree`."""
    return tree.structure((tree.unflatten(arg_tree, [0] * arg_tree.num_leaves),))


def _run_in_python(cond_fun: Any, body_fun: Any, value: Any) -> Any:
    while cond_fun(value):
        value = body_fun(value)
    return value


def _check_test(test: Staged) -> None:
    if test.out_tree != tree.structure(0):
        raise ShapeError(
            f"cond_fun must return a boolean scalar, but got pytree {test.out_tree}.", user_loc(3)
        )
    (t,) = test.fn.out_types
    if t.shape != () or t.dtype != np.bool_:
        raise ShapeError(
            f"cond_fun must return a boolean scalar, but got output type(s) [{t}].\n"
            "fix: compare, for example x > 0, or reduce with .any() or .all()",
            user_loc(3),
        )


def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    unroll: int | bool | None = None,
) -> Any:
    """Apply `body_fun(i, carry)` for `i` from `lower` to `upper - 1`.

    Bounds that are known while tracing make it a `scan`, through which reverse mode works;
    others make it a `while_loop`.

    Args:
        lower: first index.
        upper: index behind the last one; no step is made if it is not above `lower`.
        body_fun: function of an index and the carry giving the new carry.
        init_val: first carry: array or tree of arrays.
        unroll: steps to lay out in one iteration of the loop; only with known bounds.

    Returns:
        The last carry.

    Example:
        >>> int(fori_loop(1, 5, lambda i, x: i * x, 1))
        24
    """
    if not callable(body_fun):
        raise TypeError("lax.fori_loop: body_fun argument should be callable.")
    dtype = _index_dtype(lower, upper)
    known = _static(lower), _static(upper)
    if known[0] is not None and known[1] is not None:
        length = max(known[1] - known[0], 0)
        if config.disable_jit.value and length == 0:
            return init_val

        def step(carry: Any, _: None) -> Any:
            i, value = carry
            return (add(i, 1), body_fun(i, value)), None

        first = np.asarray(known[0], dtype)[()]
        loop = scan(step, (first, init_val), length=length, unroll=1 if unroll is None else unroll)
        return loop[0][1]
    if unroll is not None and unroll is not False and unroll != 1:
        raise ValueError(
            "Can only use `unroll` in `fori_loop` if the loop bounds are statically known."
        )
    start, stop = (convert_element_type(x, dtype) for x in (lower, upper))

    def body(carry: Any) -> Any:
        i, value = carry
        return add(i, 1), body_fun(i, value)

    return while_loop(lambda carry: lt(carry[0], stop), body, (start, init_val))[1]


def _static(bound: Any) -> int | None:
    """Python int of a bound that is known while tracing."""
    try:
        return operator.index(bound)
    except (TypeError, ConcretizationTypeError):
        return None


def _index_dtype(lower: Any, upper: Any) -> np.dtype:
    """The one integer dtype of both bounds; a Python int takes that of the other.

    Raises:
        TypeError: a bound is no integer, or their dtypes differ.
    """
    low, high = typeof(lower), typeof(upper)
    for t in (low, high):
        if not issubdtype(t.dtype, np.integer) or t.shape != ():
            raise TypeError(
                "lower and upper arguments to fori_loop must be scalar integers of equal types, "
                f"got {low.dtype.name}{list(low.shape)} and {high.dtype.name}{list(high.shape)}"
            )
    if low.dtype != high.dtype and not (low.weak_type or high.weak_type):
        raise TypeError(
            "lower and upper arguments to fori_loop must have equal types, got "
            f"{low.dtype.name} and {high.dtype.name}"
        )
    return high.dtype if low.weak_type else low.dtype
