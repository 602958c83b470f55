"""Recursive programs: a function that calls itself, run as one loop with a stack.

While the function is recorded, a call of itself is an application of `recur`, which stands for
the program that is being recorded. `run_recursive` turns the finished program into loops that
XLA can compile:

- where every call is the last thing that happens, into a `while` over the arguments;
- otherwise the program is cut at the calls into blocks, which a `while` runs one after another.
  The values that a block needs after a call wait in tables with one row for each call under
  way, and the number of rows is fixed beforehand.

Both are ordinary `while` loops, with every derivative and under every transform.

The blocks are also a small form for programs without end to their copies: where a function calls
another twice and this one the next, XLA would lay out twice as much at each level. What is called
from several places is then cut into blocks of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.control_flow.blocks import Block, Blocks, Branch, Call, Jump, Return, Tail
from ms_func.control_flow.cond import cond_p
from ms_func.control_flow.copies import copies, depth, laid_out, repeated
from ms_func.control_flow.loop_checkpoint import read, write
from ms_func.control_flow.recur import has_call, is_call
from ms_func.control_flow.scan_primitive import scan_p
from ms_func.control_flow.while_bodies import Loop
from ms_func.control_flow.while_primitive import while_p
from ms_func.errors import UnsupportedError
from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.primitive import current
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
        NotImplementedError: a call is transformed.
    """
    fn, shared = _prepared(fn)
    _check_places(fn, number)
    try:
        return _tail_calls(fn, number, consts, args)
    except _NotLast:
        return _Machine(fn, number, len(consts), shared).run(consts, args, limit)


def run_shared(fn: Function, consts: Sequence[Any], args: Sequence[Any]) -> list[Any]:
    """Results of a program that may call functions from so many places that copies had no end.

    Args:
        fn: the program: (constants, arguments) -> results.
        consts: values of the constants.
        args: arguments.
    """
    fn, shared = _prepared(fn)
    operands = [*consts, *args]
    if not shared:
        return current.interpreter.apply(fn, operands)
    return _Machine(fn, None, len(operands), shared).run(operands, (), depth(fn, shared))


def _prepared(fn: Function) -> tuple[Function, frozenset[Function]]:
    """A program and its functions that are to have blocks of their own; all others are laid out."""
    fn = dce(fn)
    shared = repeated(fn) if copies(fn) else frozenset()
    return (fn, shared) if shared else (laid_out(fn), shared)


def _check_places(fn: Function, number: int) -> None:
    for eqn in fn.eqns:
        if not has_call(eqn, number):
            continue
        if eqn.primitive not in (cond_p, while_p, scan_p):
            raise UnsupportedError(
                f"a function calls itself inside a transform (`{eqn.primitive.name}`), which has "
                "no place for its stack\nfix: call it outside of the transform",
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
        if not is_call(eqn, number) and not has_call(eqn, number):
            _apply(eqn, ins, env)
            continue
        if any(r not in eqn.outputs for r in results) or any(e.effects for e in fn.eqns[i + 1 :]):
            raise _NotLast
        places = [list(eqn.outputs).index(r) for r in results]  # type: ignore[arg-type]
        if not is_call(eqn, number):
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


class _Machine(Blocks):
    """The blocks of a program, and the loop that runs them."""

    def run(self, consts: Sequence[Any], args: Sequence[Any], limit: int) -> list[Any]:
        """Results for the given constants and first arguments."""
        registers = [zeros(t) for t in self.registers]
        for v, x in zip(self.main.params, args, strict=True):
            registers[self.place[v]] = x
        rows = [self.registers[i] for i in self.kept]
        tables = [zeros(ArrayType((limit + 1, *t.shape), t.dtype)) for t in rows]
        returns = zeros(ArrayType((limit + 1,), np.int32))
        results = [zeros(t) for t in self.results]
        zero = Literal(0, _INDEX)
        start = [zero, zero, returns, *registers, *results, *tables]
        types = [typeof(x) for x in start]
        step = stage(lambda xs: self._step(consts, xs), types, name=self.name)
        test = build("test", types, lambda pc, sp, *_: [bitwise_and(ge(sp, 0), lt(sp, limit))])
        loop = Loop(test, step.fn, 0, len(step.captured))
        outs = while_p.bind(*step.captured, *start, **loop._asdict())
        if self.number is not None:
            check(
                lt(outs[1], 0), RecursionError,
                f"maximum recursion depth of {limit} exceeded while running `{self.name}`; "
                "ms_func.config.recursion_limit sets it",
            )  # fmt: skip
        n = 3 + len(registers)
        return [outs[n + i] for i in self.main.outs]

    def _step(self, consts: Sequence[Any], state: Sequence[Any]) -> list[Any]:
        """Run one block, then push or pop a frame if it calls or returns."""
        n, m = len(self.registers), len(self.results)
        pc, sp, returns = state[:3]
        registers, results = list(state[3 : 3 + n]), list(state[3 + n : 3 + n + m])
        tables = list(state[3 + n + m :])
        op, following, after, *rest = self._switch(pc, consts, registers, results)
        registers, results, rows = rest[:n], rest[n : n + m], rest[n + m :]
        calls, ends = eq(op, 1), eq(op, 2)
        tables = [write(t, x, sp) for t, x in zip(tables, rows, strict=True)]
        returns = write(returns, after, sp)
        sp = sub(
            add(sp, convert_element_type(calls, np.int32)), convert_element_type(ends, np.int32)
        )
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

    def _code(self, block: Block) -> Callable[..., list[Any]]:
        """A block as a function: what it does next, registers, results, the row of its frame."""

        def body(*operands: Any) -> list[Any]:
            c, n = len(self.consts), len(self.registers)
            registers, results = list(operands[c : c + n]), list(operands[c + n :])
            env: dict[Any, Any] = dict(zip(self.consts, operands, strict=False))
            env.update({v: registers[self.place[v]] for v in block.live.difference(self.consts)})
            env.update({v: results[i] for v, i in block.given.items()})
            for e in block.eqns:
                _apply(e, [env.get(a, a) for a in e.inputs], env)
            op, following, after = 0, 0, 0
            end = block.end
            if isinstance(end, Branch):
                following = self._target(end, env)
            elif isinstance(end, Jump):
                following = end.block
                env.update(zip(end.targets, [env.get(a, a) for a in end.values], strict=True))
            for v in self.needed_after(block).difference(self.consts):
                registers[self.place[v]] = env[v]
            rows = [registers[i] for i in self.kept]
            if isinstance(end, Call | Tail):
                following = end.routine.start
                op, after = (1, end.after) if isinstance(end, Call) else (0, 0)
                for v, a in zip(end.routine.params, end.args, strict=True):
                    registers[self.place[v]] = env.get(a, a)
            elif isinstance(end, Return):
                op = 2
                for i, a in zip(end.routine.outs, end.values, strict=True):
                    results[i] = env.get(a, a)
            numbers = [_index(op), _index(following), _index(after)]
            kept = [_as(x, t) for x, t in zip(registers, self.registers, strict=True)]
            left = [_as(x, t) for x, t in zip(results, self.results, strict=True)]
            rows = [_as(x, self.registers[i]) for x, i in zip(rows, self.kept, strict=True)]
            return [*numbers, *kept, *left, *rows]

        return body

    def _target(self, end: Branch, env: dict[Any, Any]) -> Any:
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
