"""The functions of a `while`, and what the transforms make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.control_flow import bodies
from ms_func.control_flow.bodies import Mask, chosen, merged, split_list
from ms_func.ir.function import Function
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import select
from ms_func.primitives.reduce import reduce_or
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.jet import jet, wanted_series
from ms_func.transforms.jvp import jvp
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.passes import dce, prune, simplify, without_invariants


class Loop(NamedTuple):
    """The functions of a loop and how many constants each has.

    `cond` takes its constants and the carry, `body` its constants and the carry. `slots` is
    the number of states that reverse mode keeps; 0 lets their size decide.
    """

    cond: Function
    body: Function
    num_cond: int
    num_body: int
    slots: int = 0

    def cut(self, values: Sequence[Any]) -> list[list[Any]]:
        """Constants of the test, constants of the body, carry."""
        return split_list(values, self.num_cond, self.num_body)

    @property
    def has_effects(self) -> bool:
        """Whether its test or its body does something on the side."""
        return bool(self.cond.effects or self.body.effects)


def dual_loop(loop: Loop, consts: Mask, init: Mask) -> tuple[Loop, Mask]:
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
    memo[key] = loop._replace(cond=test, body=body, num_body=loop.num_body + sum(consts)), carry
    return memo[key]


def series_loop(loop: Loop, consts: Mask, init: Mask, order: int) -> tuple[Loop, Mask]:
    """The loop over values and their Taylor terms, and which carries have terms."""
    key = ("series_loop", loop, consts, init, order)
    memo = loop.body.memo
    if key in memo:
        return memo[key]
    carry = init
    while True:
        found = jet(loop.body, order, (*consts, *carry))[1]
        grown = tuple(a or b for a, b in zip(carry, found, strict=True))
        if grown == carry:
            break
        carry = grown
    made = wanted_series(loop.body, order, (*consts, *carry), carry)
    c, i, dc, di = split_list(range(len(made.params)), len(consts), len(carry), order * sum(consts))
    body = bodies.reorder(made, [*c, *dc, *i, *di])
    types = chosen(loop.body.in_types[len(consts) :], carry)
    test = _ignoring(loop.cond, [t.tangent for t in types for _ in range(order)])
    count = loop.num_body + order * sum(consts)
    memo[key] = loop._replace(cond=test, body=body, num_body=count), carry
    return memo[key]


def _ignoring(fn: Function, types: Sequence[ArrayType]) -> Function:
    """`fn` with further parameters at the end that it does not use."""
    return build(
        fn.name,
        [*fn.in_types, *types],
        lambda *args: current.interpreter.apply(fn, args[: len(fn.params)]),
    )


def unknown_carry(loop: Loop, consts: Mask, init: Mask) -> Mask:
    """Carries that become unknown at some step."""
    carry = init
    while True:
        mask = partial_eval(loop.body, (*consts, *carry))[2]
        grown = tuple(a or b for a, b in zip(carry, mask, strict=True))
        if grown == carry:
            return carry
        carry = grown


def test_needs(loop: Loop, unknown: Mask) -> bool:
    """Whether the test looks at an unknown carry."""
    keep = prune(loop.cond, (True,))[1]
    return any(k and u for k, u in zip(keep[loop.num_cond :], unknown, strict=True))


def known_loop(loop: Loop, consts: Mask, carry: Mask) -> Loop:
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
    n_consts = len(consts) - sum(consts)
    return loop._replace(cond=dce(test), body=body, num_body=n_consts)


def waiting_step(loop: Loop, consts: Mask, carry: Mask) -> Function:
    """Step of the carries that wait: (known consts, waiting consts, known carry, waiting)."""
    n = len(consts)
    order = [
        *(i for i, m in enumerate(consts) if not m),
        *(i for i, m in enumerate(consts) if m),
        *(n + i for i, m in enumerate(carry) if not m),
        *(n + i for i, m in enumerate(carry) if m),
    ]
    apart = known_apart(loop.body, (*consts, *carry), carry)
    return bodies.reorder(apart, order)


def known_apart(fn: Function, unknown: Mask, wanted: Mask) -> Function:
    """The wanted results of `fn`, those of its operations that mix known and unknown values split.

    An operation such as a loop over values and tangents computes both at once. Only apart can
    what is linear in the unknown parameters be transposed.
    """
    known, rest, mask = bodies.split(fn, unknown, wanted)
    n = len(mask) - sum(mask)

    def body(*args: Any) -> list[Any]:
        outs = current.interpreter.apply(known, chosen(args, [not u for u in unknown]))
        late = current.interpreter.apply(rest, [*outs[n:], *chosen(args, unknown)])
        return chosen(merged(mask, late, outs[:n]), wanted)

    return simplify(build(fn.name, fn.in_types, body))


def batched_carry(
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


def freezing(test: Function, body: Function, loop: Loop, checks: bool) -> Loop:
    """The loop over (which lanes go on, their carries); a lane that is done keeps its carry.

    With `checks` the body takes which lanes go on before its other operands.
    """
    key = ("freezing", test, loop.num_cond, checks)
    if key in body.memo:
        return body.memo[key]
    n_test, n_body = loop.num_cond, loop.num_body
    types = body.in_types[1:] if checks else body.in_types
    consts = [*test.in_types[:n_test], *types[:n_body]]
    carry = types[n_body:]
    (mask,) = test.out_types

    def step(*args: Any) -> list[Any]:
        c_test, c_body, (active,), old = split_list(args, n_test, n_body, 1)
        lead = [active] if checks else []
        new = current.interpreter.apply(body, [*lead, *c_body, *old])
        new = [_where(active, x, y) for x, y in zip(new, old, strict=True)]
        (more,) = current.interpreter.apply(test, [*c_test, *new])
        return [bitwise_and(active, more), *new]

    def any_lane(active: Any, *carry: Any) -> list[Any]:
        return [reduce_or(active, axes=(0,))]

    body.memo[key] = loop._replace(
        cond=build(test.name, [mask, *carry], any_lane),
        body=build(body.name, [*consts, mask, *carry], step),
        num_cond=0,
        num_body=n_test + n_body,
    )
    return body.memo[key]


def _where(mask: Any, x: Any, y: Any) -> Any:
    shape = typeof(x).shape
    return select(mask if len(shape) == 1 else broadcast_in_dim(mask, shape, (0,)), x, y)


def pruned_loop(used: Mask, **params: Any) -> tuple[Mask, Mask, dict[str, Any]]:
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
    made = loop._replace(
        cond=test,
        body=body,
        num_cond=sum(test_keep[: loop.num_cond]),
        num_body=sum(keep[: loop.num_body]),
    )
    return (*consts, *live), live, made._asdict()


def hoisted_loop(move: Any, inputs: Any, **params: Any) -> Any:
    """Values that follow from the constants of test or body become constants themselves."""
    loop = Loop(**params)
    test_consts, body_consts, carry = loop.cut(inputs)
    test = without_invariants(loop.cond, loop.num_cond)
    body = without_invariants(loop.body, loop.num_body)
    if test is None and body is None:
        return None
    if test is not None:
        test_consts += move(test[0], test_consts)
    if body is not None:
        body_consts += move(body[0], body_consts)
    made = loop._replace(
        cond=loop.cond if test is None else test[1],
        body=loop.body if body is None else body[1],
        num_cond=len(test_consts),
        num_body=len(body_consts),
    )
    return [*test_consts, *body_consts, *carry], made._asdict()


def _with_params(fn: Function, pruned: Function, keep: Mask) -> Function:
    """The pruned function with the chosen parameters of `fn`, needed or not."""
    return Function(fn.name, chosen(fn.params, keep), pruned.eqns, pruned.results)
