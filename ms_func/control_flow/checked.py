"""`checkify` on programs: checks become results.

A checked program gives, behind its results, an error code and values for messages. The code is
0 if nothing failed, else the number of the place (`Site`) that failed first, from 1. Every
place keeps its values apart from those of others, so putting programs together renumbers
codes and chooses nothing. Loops carry code and values from step to step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.control_flow.automatic_checks import INDEX, Finding, Site, any_of, findings
from ms_func.control_flow.bodies import split_list
from ms_func.control_flow.call import call_p
from ms_func.control_flow.checkpoint import remat_p
from ms_func.control_flow.cond import cond_p
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.scan_primitive import scan_p
from ms_func.control_flow.while_bodies import Loop
from ms_func.control_flow.while_primitive import while_p
from ms_func.control_flow.while_reverse import while_walk_p
from ms_func.errors import FailedCheckError, UnsupportedError
from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.ir.walk import walk
from ms_func.primitives.arg_extrema import argmax
from ms_func.primitives.arithmetic import add
from ms_func.primitives.axis_slices import dynamic_index_in_dim
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import eq, ne, select
from ms_func.primitives.host_calls import check_p
from ms_func.primitives.shape import broadcast_in_dim, reshape
from ms_func.tracing.tracer import build
from ms_func.transforms.passes import with_functions, without_effects
from ms_func.transforms.zeros import zeros

Sites = tuple[Site, ...]
Errors = frozenset[Any]

NONE = Literal(0, INDEX)


def checked(fn: Function, errors: Errors) -> tuple[Function, Sites]:
    """`fn` with its checks of the given classes as results, and the places they come from.

    Results are those of `fn`, then code and values if there is any place.
    """
    drops = jax_rules() and FailedCheckError not in errors
    key = ("checked", errors, drops)
    if key not in fn.memo:
        sites: list[Site] = []

        def body(*args: Any) -> list[Any]:
            found = _Walk(errors, drops)
            outs = found.apply(fn, args)
            sites.extend(found.sites)
            return [*outs, found.code, *found.values] if sites else outs

        made = build(fn.name, fn.in_types, body)
        fn.memo[key] = (made if sites or drops else fn), tuple(sites)
    return fn.memo[key]


class _Walk:
    """Applies a program and collects its checks.

    Attributes:
        drops: whether conditions of users are left out, where nobody asks for them.
        code: number of the first place that failed so far, or 0.
        sites: places so far.
        values: values for the messages of all of them, in order.
    """

    def __init__(self, errors: Errors, drops: bool = False) -> None:
        self.errors, self.drops = errors, drops
        self.code: Any = NONE
        self.sites: list[Site] = []
        self.values: list[Any] = []

    def apply(self, fn: Function, args: Sequence[Any]) -> list[Any]:
        """Results of `fn`."""
        return walk(fn, args, self.equation)

    def equation(self, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
        """Results of one equation."""
        if eqn.primitive is check_p:
            if FailedCheckError not in self.errors:
                return [] if self.drops else eqn.bind(ins)
            self.add(_user_check(eqn, ins))
            return []
        if any(True for _ in eqn.functions()):
            return _RULES.get(eqn.primitive, _beside)(self, eqn, ins)
        outs = eqn.bind(ins)
        for finding in findings(self.errors, eqn, ins, outs):
            self.add(finding)
        return outs

    def add(self, found: Finding) -> None:
        """Take a condition in, behind the others."""
        self.sites.append(found.site)
        self.values.extend(map(stop_gradient, found.values))
        number = Literal(len(self.sites), INDEX)
        self.code = select(bitwise_and(eq(self.code, NONE), found.fails), number, self.code)

    def embed(self, sites: Sites, outs: Sequence[Any]) -> None:
        """Take in the code and the values of a program with places of its own."""
        code, *values = outs
        shift = Literal(len(self.sites), INDEX)
        moved = select(eq(code, NONE), NONE, add(code, shift))
        self.code = select(eq(self.code, NONE), moved, self.code)
        self.sites.extend(sites)
        self.values.extend(values)


def _types(sites: Sequence[Site]) -> list[ArrayType]:
    """Types of code and values."""
    return [INDEX, *(t for s in sites for t in s.types)]


# --- checks of users ----------------------------------------------------------------------------


def _user_check(eqn: Eqn, ins: Sequence[Any]) -> Finding:
    """A check; of a batch of lanes the first that fails."""
    function, lanes = eqn.params["function"], eqn.params["lanes"]
    ok, *values = ins
    if not lanes:
        fails = ne(ok, True)
    else:
        sizes = tuple(n for n, _ in lanes)
        count = int(np.prod(sizes))
        ok, *values = (
            _all_lanes(x, sizes, [mask[i] for _, mask in lanes], count) for i, x in enumerate(ins)
        )
        failing = ne(ok, True)
        fails = any_of(failing)
        if count:
            lane = argmax(failing, 0, np.int32)
            values = [dynamic_index_in_dim(x, lane, 0, keepdims=False) for x in values]
        else:
            values = [zeros(ArrayType(typeof(x).shape[1:], typeof(x).dtype)) for x in values]
    types = tuple(ArrayType(typeof(x).shape, typeof(x).dtype) for x in values)
    return Finding(fails, Site(FailedCheckError, function, types), values)


def _all_lanes(x: Any, sizes: tuple[int, ...], mask: Sequence[bool], count: int) -> Any:
    """An operand with one leading dimension over all lanes."""
    shape = typeof(x).shape
    own = shape[sum(mask) :]
    dims = [i for i, m in enumerate(mask) if m]
    dims += range(len(sizes), len(sizes) + len(own))
    return reshape(broadcast_in_dim(x, (*sizes, *own), dims), (count, *own))


# --- operations that carry programs ---------------------------------------------------------------


def _cond(walk: _Walk, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    """Each branch leaves the values of the others zero."""
    found = [checked(fn, walk.errors) for fn in eqn.params["branches"]]
    sites = tuple(s for _, own in found for s in own)
    if not sites:
        return eqn.bind(ins)
    n = len(eqn.outputs)
    made, start = [], 0
    for fn, own in found:
        made.append(_widened(fn, n, own, start, sites))
        start += len(own)
    outs = cond_p.bind(*ins, branches=tuple(made))
    walk.embed(sites, outs[n:])
    return outs[:n]


def _widened(fn: Function, n: int, own: Sites, start: int, sites: Sites) -> Function:
    """A checked branch whose places are part of those of all branches, from `start` on."""

    def body(*args: Any) -> list[Any]:
        outs = current.interpreter.apply(fn, args)
        walk = _Walk(frozenset())
        for before in sites[:start]:
            walk.sites.append(before)
            walk.values.extend(map(zeros, before.types))
        if own:
            walk.embed(own, outs[n:])
        rest = sites[start + len(own) :]
        return [*outs[:n], walk.code, *walk.values, *(zeros(t) for s in rest for t in s.types)]

    return build(fn.name, fn.in_types, body)


def _joined(state: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """Code and values of a loop after a step that gave `new`: the first failure stays."""
    clear = eq(state[0], NONE)
    return [_choose(clear, x, y) for x, y in zip(new, state, strict=True)]


def _choose(pred: Any, x: Any, y: Any) -> Any:
    shape = typeof(y).shape
    return select(broadcast_in_dim(pred, shape, ()) if shape else pred, x, y)


def _scan(walk: _Walk, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    p = eqn.params
    body, sites = checked(p["body"], walk.errors)
    if not sites:
        return eqn.bind(ins)
    n_const, n_carry, n = p["num_consts"], p["num_carry"], len(eqn.outputs)
    state = _types(sites)
    const_types, carry_types, x_types = split_list(body.in_types, n_const, n_carry)

    def step(*args: Any) -> list[Any]:
        consts, carry, before, xs = split_list(args, n_const, n_carry, len(state))
        outs = current.interpreter.apply(body, [*consts, *carry, *xs])
        results, new = split_list(outs, n)
        return [*results[:n_carry], *_joined(before, new), *results[n_carry:]]

    made = build(body.name, [*const_types, *carry_types, *state, *x_types], step)
    consts, carry, xs = split_list(ins, n_const, n_carry)
    outs = scan_p.bind(
        *consts, *carry, *map(zeros, state), *xs,
        **{**p, "body": made, "num_carry": n_carry + len(state)},
    )  # fmt: skip
    carry, end, ys = split_list(outs, n_carry, len(state))
    walk.embed(sites, end)
    return [*carry, *ys]


def _while(walk: _Walk, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    """A test with checks is looked at before the loop and behind each step."""
    loop = Loop(**eqn.params)
    body, body_sites = checked(loop.body, walk.errors)
    test, test_sites = checked(loop.cond, walk.errors)
    if not body_sites and not test_sites:
        return eqn.bind(ins)
    n = len(eqn.outputs)
    looked = _repeated(test)
    sites = (*body_sites, *test_sites)
    state = _types(sites)
    test_types, carry_types = split_list(loop.cond.in_types, loop.num_cond)
    body_types = list(loop.body.in_types[: loop.num_body])
    test_consts, body_consts, init = loop.cut(ins)
    if test_sites:
        walk.embed(test_sites, current.interpreter.apply(looked, [*test_consts, *init])[1:])

    def step(*args: Any) -> list[Any]:
        c_test, c_body, carry, before = split_list(args, loop.num_cond, loop.num_body, n)
        outs = current.interpreter.apply(body, [*c_body, *carry])
        inner = _Walk(walk.errors, walk.drops)
        if body_sites:
            inner.embed(body_sites, outs[n:])
        if test_sites:
            inner.embed(test_sites, current.interpreter.apply(looked, [*c_test, *outs[:n]])[1:])
        return [*outs[:n], *_joined(before, [inner.code, *inner.values])]

    quiet = without_checks(loop.cond)
    made = Loop(
        build("test", [*test_types, *carry_types, *state],
              lambda *xs: current.interpreter.apply(quiet, xs[: len(quiet.params)])),
        build("step", [*test_types, *body_types, *carry_types, *state], step),
        loop.num_cond, loop.num_cond + loop.num_body, loop.slots,
    )  # fmt: skip
    outs = while_p.bind(
        *test_consts, *test_consts, *body_consts, *init, *map(zeros, state), **made._asdict()
    )
    walk.embed(sites, outs[n:])
    return outs[:n]


def _call(walk: _Walk, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    fn, sites = checked(eqn.params["fn"], walk.errors)
    if not sites:
        return eqn.bind(ins)
    outs = eqn.primitive.bind(*ins, **{**eqn.params, "fn": fn})
    n = len(eqn.outputs)
    walk.embed(sites, outs[n:])
    return outs[:n]


def _beside(walk: _Walk, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    """An operation with rules of its own stays, and its program is looked at beside it.

    The compiler merges what is computed twice, but for loops.
    """
    program = _program_of(eqn)
    fn, sites = (program, ()) if program is None else checked(program, walk.errors)
    if fn is None or not sites:
        return eqn.bind(ins)
    outs = eqn.primitive.bind(*ins, **with_functions(eqn.params, without_checks))
    watched = current.interpreter.apply(_repeated(fn), list(map(stop_gradient, ins)))
    walk.embed(sites, watched[len(eqn.outputs) :])
    return outs


def _program_of(eqn: Eqn) -> Function | None:
    """The program that an operation computes on its operands."""
    return eqn.body() or eqn.params.get("fn")


def _walked(walk: _Walk, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    """A loop that keeps states for reverse mode, as the loops it is made of."""
    program = eqn.body()
    assert program is not None
    fn, sites = checked(program, walk.errors)
    if not sites:
        return eqn.bind(ins)
    outs = current.interpreter.apply(fn, ins)
    n = len(eqn.outputs)
    walk.embed(sites, outs[n:])
    return outs[:n]


def _repeated(fn: Function) -> Function:
    """A program that is computed beside another one that does what there is to do."""
    found = without_effects(fn)
    if found is None:
        raise UnsupportedError(
            f"`{fn.name}` has checks that depend on results of io_callback, at a place where they "
            "would have to be computed twice\nfix: take io_callback out of custom derivatives and "
            "tests of loops"
        )
    return found


def without_checks(fn: Function) -> Function:
    """`fn` without its checks."""
    if not any(e.name == "check" for e in fn.effects):
        return fn
    if "without_checks" not in fn.memo:
        eqns = [
            Eqn(e.primitive, e.inputs, e.outputs, with_functions(e.params, without_checks), e.loc)
            for e in fn.eqns
            if e.primitive is not check_p
        ]
        fn.memo["without_checks"] = Function(fn.name, fn.params, eqns, fn.results, fn.consts)
    return fn.memo["without_checks"]


_RULES: dict[Any, Callable[[_Walk, Eqn, Sequence[Any]], Sequence[Any]]] = {
    cond_p: _cond,
    scan_p: _scan,
    while_p: _while,
    call_p: _call,
    remat_p: _call,
    while_walk_p: _walked,
}
