"""Recursive programs: a function that calls itself, run as one loop with a stack.

While the function is recorded, a call of itself is an application of `recur`, which stands for
the program that is being recorded. `run_recursive` turns the finished program into loops that
XLA can compile:

- where every call is the last thing that happens, into a `while` over the arguments;
- otherwise the program is cut at the calls into blocks, which a `while` runs one after another.
  The values that a block needs after a call wait in tables with one row for each call under
  way, and the number of rows is fixed beforehand.

Both are ordinary `while` loops, with every derivative and under every transform.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow.cond import cond_p
from ms_func.control_flow.loop_checkpoint import read, write
from ms_func.control_flow.while_bodies import Loop
from ms_func.control_flow.while_primitive import while_p
from ms_func.errors import UnsupportedError
from ms_func.ir.function import Atom, Eqn, Function, Literal, Var
from ms_func.ir.primitive import NotSupported, Primitive, current, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, sub
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import clamp, eq, ge, lt, select
from ms_func.primitives.effects import check
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import build
from ms_func.transforms.passes import dce
from ms_func.transforms.zeros import zeros

_INDEX = ArrayType((), np.dtype(np.int32))
_WHY = "it stands for a program that is still being recorded"

recur_p = register(
    Primitive(
        "recur",
        abstract=lambda *ins, number, types: list(types),
        ref=NotSupported(_WHY),
        lower=NotSupported(_WHY),
        jvp=NotSupported(_WHY),
        transpose=NotSupported(_WHY),
        batch=NotSupported(_WHY),
        shard=NotSupported(_WHY),
        multiple_results=True,
    )
)


def recurs(fn: Function, number: int) -> bool:
    """Whether a program, or one inside it, applies the `recur` of that number."""
    key = ("recurs", number)
    if key not in fn.memo:
        fn.memo[key] = any(_is_call(e, number) or _has_call(e, number) for e in fn.eqns)
    return fn.memo[key]


def _is_call(eqn: Eqn, number: int) -> bool:
    return eqn.primitive is recur_p and eqn.params["number"] == number


def _has_call(eqn: Eqn, number: int) -> bool:
    return any(recurs(f, number) for f in eqn.functions())


def run_recursive(
    fn: Function, number: int, consts: Sequence[Any], args: Sequence[Any], limit: int
) -> list[Any]:
    """Results of a recursive program.

    Args:
        fn: the program: (constants, arguments) -> results.
        number: which `recur` calls `fn`: with new arguments and the same constants.
        consts: values of the constants.
        args: first arguments.
        limit: number of calls that may be under way at once.

    Raises:
        RecursionError: when the program runs: there are more.
        NotImplementedError: a call stands in a `scan`, or is transformed.
    """
    fn = dce(fn)
    _check_places(fn, number)
    try:
        return _tail_calls(fn, number, consts, args)
    except _NotLast:
        return _Machine(fn, number, len(consts)).run(consts, args, limit)


def _check_places(fn: Function, number: int) -> None:
    for eqn in fn.eqns:
        if not _has_call(eqn, number):
            continue
        if eqn.primitive is not cond_p and eqn.primitive is not while_p:
            raise UnsupportedError(
                "a function calls itself inside a transform or a `scan` that is compiled "
                f"(`{eqn.primitive.name}`), which has no place for its stack\n"
                "fix: call it outside of the transform, or loop over a list of known length",
                eqn.loc,
            )
        for branch in eqn.functions():
            _check_places(branch, number)


# --- calls in last place ------------------------------------------------------------------------


class _NotLast(Exception):
    """Something happens after a call."""


def _tail_calls(fn: Function, number: int, consts: Sequence[Any], args: Sequence[Any]) -> list[Any]:
    """The recursion as a `while`: a step either calls again or has the results."""
    out_types, n = fn.out_types, len(args)

    def body(state: Sequence[Any]) -> list[Any]:
        own = state[1 : 1 + n]
        outs = _step(fn, number, [*consts, *own], range(len(out_types)), own)
        return [_as(x, t) for x, t in zip(outs, types, strict=True)]

    types = [ArrayType((), np.bool_), *(typeof(a) for a in args), *out_types]
    step = stage(body, types, name=fn.name)
    test = build("test", types, lambda again, *_: [again])
    start = [Literal(True, types[0]), *args, *(zeros(t) for t in out_types)]
    loop = Loop(test, step.fn, 0, len(step.captured))
    outs = while_p.bind(*step.captured, *start, **loop._asdict())
    return outs[1 + n :]


def _step(
    fn: Function, number: int, values: Sequence[Any], chosen: Sequence[int], own: Sequence[Any]
) -> list[Any]:
    """Whether to call again, with which arguments, and the results if not.

    Args:
        fn: the program or a branch of it.
        number: which `recur` is meant.
        values: its operands.
        chosen: positions in its results of the results of the whole.
        own: arguments of the call under way.
    """
    env: dict[Any, Any] = dict(zip(fn.params, values, strict=True))
    results = [fn.results[i] for i in chosen]
    for i, eqn in enumerate(fn.eqns):
        ins = [env.get(a, a) for a in eqn.inputs]
        if not _is_call(eqn, number) and not _has_call(eqn, number):
            _apply(eqn, ins, env)
            continue
        if any(r not in eqn.outputs for r in results) or any(e.effects for e in fn.eqns[i + 1 :]):
            raise _NotLast
        places = [list(eqn.outputs).index(r) for r in results]  # type: ignore[arg-type]
        if not _is_call(eqn, number):
            if eqn.primitive is not cond_p:
                raise _NotLast
            return _step_in_branches(eqn, number, ins, places, own)
        if places != list(range(len(eqn.outputs))):
            raise _NotLast
        return [_true(True), *ins, *(zeros(v.type) for v in eqn.outputs)]
    return [_true(False), *own, *(env.get(r, r) for r in results)]


def _true(value: bool) -> Literal:
    return Literal(value, ArrayType((), np.dtype(np.bool_)))


def _step_in_branches(
    eqn: Eqn, number: int, ins: Sequence[Any], places: Sequence[int], own: Sequence[Any]
) -> list[Any]:
    index, *operands = ins
    n = len(operands)
    types = [typeof(x) for x in (*operands, *own)]
    wanted = [*(typeof(x) for x in own), *(eqn.outputs[i].type for i in places)]

    def branch(f: Function) -> Function:
        def body(*xs: Any) -> list[Any]:
            again, *outs = _step(f, number, xs[:n], places, xs[n:])
            return [again, *(_as(x, t) for x, t in zip(outs, wanted, strict=True))]

        return build(f.name, types, body)

    return cond_p.bind(index, *operands, *own, branches=tuple(map(branch, eqn.params["branches"])))


def _apply(eqn: Eqn, ins: Sequence[Any], env: dict[Any, Any]) -> None:
    """Apply one equation and name its results."""
    trace = current.interpreter
    outer, trace.loc = trace.loc, eqn.loc
    try:
        out = eqn.primitive.bind(*ins, **eqn.params)
    finally:
        trace.loc = outer
    env.update(zip(eqn.outputs, out if eqn.primitive.multiple_results else [out], strict=True))


# --- blocks ---------------------------------------------------------------------------------------


class _Call(NamedTuple):
    args: Sequence[Atom]
    after: int


class _Branch(NamedTuple):
    which: Atom
    blocks: Sequence[int]


class _Jump(NamedTuple):
    block: int
    targets: Sequence[Var]
    values: Sequence[Atom]


class _Return(NamedTuple):
    values: Sequence[Atom]


class _Block:
    """Equations without calls, and how it goes on.

    Attributes:
        given: variables that hold the results of the call that returns to this block.
    """

    def __init__(self) -> None:
        self.eqns: list[Eqn] = []
        self.end: Any = None
        self.given: Sequence[Var] = ()
        self.live: set[Var] = set()

    def uses(self) -> list[Atom]:
        """What the last step of the block needs."""
        end = self.end
        if isinstance(end, _Call):
            return list(end.args)
        if isinstance(end, _Branch):
            return [end.which]
        return list(end.values)

    def followers(self) -> list[tuple[int, Sequence[Var]]]:
        """Blocks that may come next, each with variables that are set on the way."""
        end = self.end
        if isinstance(end, _Call):
            return [(end.after, ())]
        if isinstance(end, _Branch):
            return [(b, ()) for b in end.blocks]
        return [(end.block, end.targets)] if isinstance(end, _Jump) else []


class _Machine:
    """The blocks of a recursive program, and the loop that runs them."""

    def __init__(self, fn: Function, number: int, n_consts: int) -> None:
        self.number = number
        self.name = fn.name
        self.blocks: list[_Block] = []
        self.consts = list(fn.params[:n_consts])
        self.params = list(fn.params[n_consts:])
        self.out_types = fn.out_types
        last, results = self._cut(fn, {}, self._new())
        self.blocks[last].end = _Return(results)
        self._find_live()
        self.registers: list[ArrayType] = []
        self.place: dict[Var, int] = {}
        self._allot()
        after = {b.end.after for b in self.blocks if isinstance(b.end, _Call)}
        kept = set().union(*(self.blocks[i].live for i in after)).difference(self.consts)
        self.kept = sorted({self.place[v] for v in kept})

    def _allot(self) -> None:
        """Give each variable that lives from block to block a register.

        Those that are never needed at the same time share one: compilers take time, and programs
        too, for every value that goes through every block.
        """
        order = {v: i for i, v in enumerate(self._variables())}
        apart: dict[Var, set[Var]] = {v: set() for v in self.params}
        for together in (set(self.params), *map(self._needed_after, self.blocks)):
            for v in together.difference(self.consts):
                apart.setdefault(v, set()).update(together)
        for v in sorted(apart, key=lambda v: order[v]):
            taken = {self.place[u] for u in apart[v] if u in self.place}
            free = (i for i, t in enumerate(self.registers) if t is v.type and i not in taken)
            self.place[v] = next(free, len(self.registers))
            if self.place[v] == len(self.registers):
                self.registers.append(v.type)

    def _needed_after(self, block: _Block) -> set[Var]:
        """Variables that any of the blocks after this one needs."""
        return set().union(*(self.blocks[i].live for i, _ in block.followers()))

    def _variables(self) -> list[Var]:
        found: dict[Var, None] = dict.fromkeys((*self.consts, *self.params))
        for b in self.blocks:
            found.update(dict.fromkeys(b.given))
            for e in b.eqns:
                found.update(dict.fromkeys(e.outputs))
            if isinstance(b.end, _Jump):
                found.update(dict.fromkeys(b.end.targets))
        return list(found)

    def _new(self) -> int:
        self.blocks.append(_Block())
        return len(self.blocks) - 1

    def _cut(self, fn: Function, env: dict[Atom, Atom], at: int) -> tuple[int, list[Atom]]:
        """Cut the equations of `fn` into blocks from block `at` on: last block, results."""
        for e in fn.eqns:
            ins = [env.get(a, a) for a in e.inputs]
            outs = [Var(v.type) for v in e.outputs]
            env.update(zip(e.outputs, outs, strict=True))
            if _is_call(e, self.number):
                after = self._new()
                self.blocks[at].end = _Call(ins, after)
                self.blocks[after].given = outs
                at = after
            elif _has_call(e, self.number):
                cut = self._cut_loop if e.primitive is while_p else self._cut_branches
                at = cut(e, ins, outs, at)
            else:
                self.blocks[at].eqns.append(Eqn(e.primitive, ins, outs, e.params, e.loc))  # type: ignore[arg-type]
        return at, [env.get(r, r) for r in fn.results]

    def _cut_branches(self, eqn: Eqn, ins: Sequence[Atom], outs: Sequence[Var], at: int) -> int:
        index, *operands = ins
        branches = eqn.params["branches"]
        starts = [self._new() for _ in branches]
        self.blocks[at].end = _Branch(index, starts)
        after = self._new()
        for start, fn in zip(starts, branches, strict=True):
            last, results = self._cut(fn, dict(zip(fn.params, operands, strict=True)), start)
            self.blocks[last].end = _Jump(after, outs, results)
        return after

    def _cut_loop(self, eqn: Eqn, ins: Sequence[Atom], outs: Sequence[Var], at: int) -> int:
        """A `while`: a block for its test, which goes on in the body or after the loop."""
        loop = Loop(**eqn.params)
        tested, used, init = loop.cut(ins)
        carry = [Var(v.type) for v in outs]
        head = self._new()
        self.blocks[at].end = _Jump(head, carry, init)
        names: dict[Atom, Atom] = dict(zip(loop.cond.params, [*tested, *carry], strict=True))
        last, (more,) = self._cut(loop.cond, names, head)
        out, inside = self._new(), self._new()
        self.blocks[last].end = _Branch(more, [out, inside])
        names = dict(zip(loop.body.params, [*used, *carry], strict=True))
        last, results = self._cut(loop.body, names, inside)
        self.blocks[last].end = _Jump(head, carry, results)
        after = self._new()
        self.blocks[out].end = _Jump(after, outs, carry)
        return after

    def _find_live(self) -> None:
        """Variables that each block needs from before it."""
        changed = True
        while changed:
            changed = False
            for b in reversed(self.blocks):
                live = {a for a in b.uses() if type(a) is Var}
                for i, targets in b.followers():
                    live |= self.blocks[i].live - set(targets)
                for e in reversed(b.eqns):
                    live -= set(e.outputs)
                    live |= {a for a in e.inputs if type(a) is Var}
                live -= set(b.given)
                if live != b.live:
                    b.live, changed = live, True

    # --- running ----------------------------------------------------------------------------

    def run(self, consts: Sequence[Any], args: Sequence[Any], limit: int) -> list[Any]:
        """Results for the given constants and first arguments."""
        registers = [zeros(t) for t in self.registers]
        for v, x in zip(self.params, args, strict=True):
            registers[self.place[v]] = x
        rows = [self.registers[i] for i in self.kept]
        tables = [zeros(ArrayType((limit + 1, *t.shape), t.dtype)) for t in rows]
        returns = zeros(ArrayType((limit + 1,), np.int32))
        results = [zeros(t) for t in self.out_types]
        zero = Literal(0, _INDEX)
        start = [zero, zero, returns, *registers, *results, *tables]
        types = [typeof(x) for x in start]
        step = stage(lambda xs: self._step(consts, xs), types, name=self.name)
        test = build("test", types, lambda pc, sp, *_: [bitwise_and(ge(sp, 0), lt(sp, limit))])
        loop = Loop(test, step.fn, 0, len(step.captured))
        outs = while_p.bind(*step.captured, *start, **loop._asdict())
        check(
            lt(outs[1], 0), RecursionError,
            f"maximum recursion depth of {limit} exceeded while running `{self.name}`; "
            "ms_func.config.recursion_limit sets it",
        )  # fmt: skip
        n = 3 + len(registers)
        return outs[n : n + len(results)]

    def _step(self, consts: Sequence[Any], state: Sequence[Any]) -> list[Any]:
        """Run one block, then push or pop a frame if it calls or returns."""
        n, m = len(self.registers), len(self.out_types)
        pc, sp, returns = state[:3]
        registers, results = list(state[3 : 3 + n]), list(state[3 + n : 3 + n + m])
        tables = list(state[3 + n + m :])
        op, following, after, *rest = self._switch(pc, consts, registers, results)
        registers, called, results = (
            rest[:n],
            rest[n : n + len(self.params)],
            rest[-m:] if m else [],
        )
        calls, ends = eq(op, 1), eq(op, 2)
        tables = [write(t, registers[i], sp) for t, i in zip(tables, self.kept, strict=True)]
        returns = write(returns, after, sp)
        sp = sub(
            add(sp, convert_element_type(calls, np.int32)), convert_element_type(ends, np.int32)
        )
        for v, x in zip(self.params, called, strict=True):
            registers[self.place[v]] = select(calls, x, registers[self.place[v]])
        for t, i in zip(tables, self.kept, strict=True):
            registers[i] = select(ends, read(t, sp), registers[i])
        pc = select(ends, read(returns, sp), following)
        return [pc, sp, returns, *registers, *results, *tables]

    def _switch(self, pc: Any, consts: Any, registers: Any, results: Any) -> list[Any]:
        operands = [*consts, *registers, *results]
        types = [typeof(x) for x in operands]
        fns = tuple(
            build(f"{self.name}_{i}", types, self._code(b)) for i, b in enumerate(self.blocks)
        )
        return cond_p.bind(pc, *operands, branches=fns)

    def _code(self, block: _Block) -> Callable[..., list[Any]]:
        """A block as a function: what it does next, registers, arguments of a call, results."""

        def body(*operands: Any) -> list[Any]:
            c, n = len(self.consts), len(self.registers)
            registers, results = list(operands[c : c + n]), list(operands[c + n :])
            env: dict[Any, Any] = dict(zip(self.consts, operands, strict=False))
            env.update({v: registers[self.place[v]] for v in block.live.difference(self.consts)})
            env.update(zip(block.given, results, strict=False))
            for e in block.eqns:
                _apply(e, [env.get(a, a) for a in e.inputs], env)
            op, following, after = 0, 0, 0
            called: list[Any] = [zeros(v.type) for v in self.params]
            end = block.end
            if isinstance(end, _Call):
                op, after = 1, end.after
                called = [env.get(a, a) for a in end.args]
            elif isinstance(end, _Branch):
                following = self._target(end, env)
            elif isinstance(end, _Jump):
                following = end.block
                env.update(zip(end.targets, [env.get(a, a) for a in end.values], strict=True))
            else:
                op, results = 2, [env.get(a, a) for a in end.values]
            numbers = [_index(op), _index(following), _index(after)]
            for v in self._needed_after(block).difference(self.consts):
                registers[self.place[v]] = env[v]
            called = [_as(x, v.type) for x, v in zip(called, self.params, strict=True)]
            kept = [_as(x, t) for x, t in zip(registers, self.registers, strict=True)]
            results = [_as(x, t) for x, t in zip(results, self.out_types, strict=True)]
            return [*numbers, *kept, *called, *results]

        return body

    def _target(self, end: _Branch, env: dict[Any, Any]) -> Any:
        """Number of the block that a branch goes to; those of one branch are consecutive."""
        index = env.get(end.which, end.which)
        first, count = end.blocks[0], len(end.blocks)
        if typeof(index).dtype == np.bool_:
            return select(index, _index(end.blocks[1]), _index(first))
        return add(clamp(0, index, count - 1), _index(first))


def _index(x: Any) -> Any:
    return Literal(x, _INDEX) if isinstance(x, int) else x


def _as(x: Any, t: ArrayType) -> Any:
    return x if typeof(x).dtype == t.dtype else convert_element_type(x, t.dtype, t.weak_type)
