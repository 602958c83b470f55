"""A program with calls, cut at them into blocks that a loop can run one after another."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import compress
from typing import Any, NamedTuple

from ms_func.control_flow.cond import cond_p
from ms_func.control_flow.copies import called, functions
from ms_func.control_flow.recur import has_call, is_call
from ms_func.control_flow.scan_as_while import as_while
from ms_func.control_flow.scan_primitive import scan_p
from ms_func.control_flow.while_bodies import Loop
from ms_func.control_flow.while_primitive import while_p
from ms_func.ir.function import Atom, Eqn, Function, Literal, Var
from ms_func.ir.types import ArrayType


class Routine:
    """A function of which there are blocks.

    Attributes:
        start: its first block.
        params: what each call gives it.
        calls: what it is given, call by call.
        outs: which result registers it leaves its results in.
    """

    def __init__(self, start: int, params: Sequence[Var], outs: Sequence[int]) -> None:
        self.start = start
        self.params = list(params)
        self.calls: list[list[Any]] = []
        self.outs = outs

    def fix(self, known: Container[Any]) -> dict[Atom, Atom]:
        """Take out the parameters for which all calls give one known value; what it is."""
        found: dict[Atom, Atom] = {}
        for v, column in zip(self.params, zip(*self.calls, strict=True), strict=True):
            if len({*column}) == 1 and (type(column[0]) is Literal or column[0] in known):
                found[v] = column[0]
        changing = [v not in found for v in self.params]
        for values in (self.params, *self.calls):
            values[:] = compress(values, changing)
        return found


class Call(NamedTuple):
    """The block calls a routine, which returns to block `after`."""

    routine: Routine
    args: Sequence[Atom]
    after: int


class Tail(NamedTuple):
    """A call whose results are those of the function that makes it."""

    routine: Routine
    args: Sequence[Atom]


class Branch(NamedTuple):
    """The block goes on in one of several."""

    which: Atom
    blocks: Sequence[int]


class Jump(NamedTuple):
    """The block goes on in another one, which finds the values under names of its own."""

    block: int
    targets: Sequence[Var]
    values: Sequence[Atom]


class Return(NamedTuple):
    """The block ends a routine."""

    routine: Routine
    values: Sequence[Atom]


class Block:
    """Equations without calls, and how it goes on.

    Attributes:
        given: variables that hold the results of the call that returns to this block, by register.
    """

    def __init__(self) -> None:
        self.eqns: list[Eqn] = []
        self.end: Any = None
        self.given: dict[Var, int] = {}
        self.live: set[Var] = set()

    def uses(self) -> list[Atom]:
        """What the last step of the block needs."""
        end = self.end
        if isinstance(end, Call | Tail):
            return list(end.args)
        if isinstance(end, Branch):
            return [end.which]
        return list(end.values)

    def followers(self) -> list[tuple[int, Sequence[Var]]]:
        """Blocks that may come next, each with variables that are set on the way."""
        end = self.end
        if isinstance(end, Call):
            return [(end.after, ())]
        if isinstance(end, Branch):
            return [(b, ()) for b in end.blocks]
        return [(end.block, end.targets)] if isinstance(end, Jump) else []


class Blocks:
    """The blocks of a program that calls itself, or others from several places.

    Args:
        fn: the program: (constants, arguments) -> results.
        number: which `recur` calls it.
        n_consts: number of constants.
        shared: functions that are cut into blocks of their own.
    """

    def __init__(
        self, fn: Function, number: int | None, n_consts: int, shared: frozenset[Function]
    ) -> None:  # fmt: skip
        self.number = number
        self.name = fn.name
        self.blocks: list[Block] = []
        self.consts = list(fn.params[:n_consts])
        self.shared = shared
        self.results: list[ArrayType] = []
        self.routines: dict[Function | None, Routine] = {}
        self.main = self._routine(None, fn, fn.params[n_consts:])
        self._cut_routine(self.main, fn, {})
        known = set(self.consts)
        for f in functions(fn):
            if f in shared and f in self.routines:
                routine = self.routines[f]
                self._cut_routine(routine, f, routine.fix(known))
        self._shorten()
        self._find_live()
        self.registers: list[ArrayType] = []
        self.place: dict[Var, int] = {}
        self._allot()
        after = {b.end.after for b in self.blocks if isinstance(b.end, Call)}
        kept = set().union(*(self.blocks[i].live for i in after)).difference(self.consts)
        self.kept = sorted({self.place[v] for v in kept})

    def _routine(self, key: Function | None, fn: Function, params: Sequence[Var]) -> Routine:
        """The entry for a function, whose blocks follow."""
        made = Routine(self._new(), params, self._places(fn.out_types))
        self.routines[key] = made
        return made

    def _places(self, types: Sequence[ArrayType]) -> list[int]:
        """Registers for results of these types, the first of each that are there."""
        found: list[int] = []
        for t in types:
            free = (i for i, r in enumerate(self.results) if r is t and i not in found)
            found.append(next(free, len(self.results)))
            if found[-1] == len(self.results):
                self.results.append(t)
        return found

    def _cut_routine(self, routine: Routine, fn: Function, env: dict[Atom, Atom]) -> None:
        last, results = self._cut(fn, env, routine.start)
        self.blocks[last].end = Return(routine, results)

    def _allot(self) -> None:
        """Give each variable that lives from block to block a register.

        Those that are never needed at the same time share one: compilers take time, and programs
        too, for every value that goes through every block.
        """
        order = {v: i for i, v in enumerate(self._variables())}
        given = [set(r.params) for r in self.routines.values()]
        apart: dict[Var, set[Var]] = {v: set() for v in self._params()}
        for together in (*given, *map(self.needed_after, self.blocks)):
            for v in together.difference(self.consts):
                apart.setdefault(v, set()).update(together)
        for v in sorted(apart, key=lambda v: order[v]):
            taken = {self.place[u] for u in apart[v] if u in self.place}
            free = (i for i, t in enumerate(self.registers) if t is v.type and i not in taken)
            self.place[v] = next(free, len(self.registers))
            if self.place[v] == len(self.registers):
                self.registers.append(v.type)

    def _params(self) -> list[Var]:
        return [v for r in self.routines.values() for v in r.params]

    def needed_after(self, block: Block) -> set[Var]:
        """Variables that any of the blocks after this one needs."""
        return set().union(*(self.blocks[i].live for i, _ in block.followers()))

    def _variables(self) -> list[Var]:
        found: dict[Var, None] = dict.fromkeys((*self.consts, *self._params()))
        for b in self.blocks:
            found.update(dict.fromkeys(b.given))
            for e in b.eqns:
                found.update(dict.fromkeys(e.outputs))
            if isinstance(b.end, Jump):
                found.update(dict.fromkeys(b.end.targets))
        return list(found)

    def _new(self) -> int:
        self.blocks.append(Block())
        return len(self.blocks) - 1

    def _cut(self, fn: Function, env: dict[Atom, Atom], at: int) -> tuple[int, list[Atom]]:
        """Cut the equations of `fn` into blocks from block `at` on: last block, results."""
        for e in fn.eqns:
            ins = [env.get(a, a) for a in e.inputs]
            outs = [Var(v.type) for v in e.outputs]
            env.update(zip(e.outputs, outs, strict=True))
            routine = self._routine_of(e)
            if routine is not None:
                after = self._new()
                self.blocks[at].end = Call(routine, ins, after)
                routine.calls.append(ins)
                self.blocks[after].given = dict(zip(outs, routine.outs, strict=True))
                at = after
            elif e.primitive is scan_p and self._has_call(e):
                loop = as_while(e)
                at, results = self._cut(loop, dict(zip(loop.params, ins, strict=True)), at)
                env.update(zip(e.outputs, results, strict=True))
            elif self._has_call(e):
                cut = self._cut_loop if e.primitive is while_p else self._cut_branches
                at = cut(e, ins, outs, at)
            else:
                self.blocks[at].eqns.append(Eqn(e.primitive, ins, outs, e.params, e.loc))  # type: ignore[arg-type]
        return at, [env.get(r, r) for r in fn.results]

    def _routine_of(self, eqn: Eqn) -> Routine | None:
        """What an equation calls."""
        if self.number is not None and is_call(eqn, self.number):
            return self.main
        fn = called(eqn)
        if fn is None or fn not in self.shared:
            return None
        return self.routines.get(fn) or self._routine(fn, fn, fn.params)

    def _has_call(self, eqn: Eqn) -> bool:
        """Whether something inside of an equation is cut."""
        if self.number is not None and has_call(eqn, self.number):
            return True
        return eqn.primitive in (cond_p, while_p, scan_p) and any(map(self._calls, eqn.functions()))

    def _calls(self, fn: Function) -> bool:
        return any(called(e) in self.shared or self._has_call(e) for e in fn.eqns)

    def _cut_branches(self, eqn: Eqn, ins: Sequence[Atom], outs: Sequence[Var], at: int) -> int:
        index, *operands = ins
        branches = eqn.params["branches"]
        starts = [self._new() for _ in branches]
        self.blocks[at].end = Branch(index, starts)
        after = self._new()
        for start, fn in zip(starts, branches, strict=True):
            last, results = self._cut(fn, dict(zip(fn.params, operands, strict=True)), start)
            self.blocks[last].end = Jump(after, outs, results)
        return after

    def _cut_loop(self, eqn: Eqn, ins: Sequence[Atom], outs: Sequence[Var], at: int) -> int:
        """A `while`: a block for its test, which goes on in the body or after the loop."""
        loop = Loop(**eqn.params)
        tested, used, init = loop.cut(ins)
        carry = [Var(v.type) for v in outs]
        head = self._new()
        self.blocks[at].end = Jump(head, carry, init)
        names: dict[Atom, Atom] = dict(zip(loop.cond.params, [*tested, *carry], strict=True))
        last, (more,) = self._cut(loop.cond, names, head)
        out, inside = self._new(), self._new()
        self.blocks[last].end = Branch(more, [out, inside])
        names = dict(zip(loop.body.params, [*used, *carry], strict=True))
        last, results = self._cut(loop.body, names, inside)
        self.blocks[last].end = Jump(head, carry, results)
        after = self._new()
        self.blocks[out].end = Jump(after, outs, carry)
        return after

    def _shorten(self) -> None:
        """Leave out blocks in which nothing is computed."""
        for b in reversed(self.blocks):
            while isinstance(b.end, Jump) and self._returns(b.end.block):
                values: dict[Any, Any] = dict(zip(b.end.targets, b.end.values, strict=True))
                last = self.blocks[b.end.block].end
                b.end = Return(last.routine, [values.get(v, v) for v in last.values])
        for b in self.blocks:
            if isinstance(b.end, Call) and self._returns(b.end.after):
                after = self.blocks[b.end.after]
                here = [after.given.get(v, -1) for v in after.end.values]
                if here == b.end.routine.outs == after.end.routine.outs:
                    b.end = Tail(b.end.routine, b.end.args)
        self._renumber()

    def _returns(self, block: int) -> bool:
        return not self.blocks[block].eqns and isinstance(self.blocks[block].end, Return)

    def _renumber(self) -> None:
        """Number the blocks that are reached anew, in the same order."""
        reached, waiting = set[int](), [r.start for r in self.routines.values()]
        while waiting:
            i = waiting.pop()
            if i not in reached:
                reached.add(i)
                waiting += [j for j, _ in self.blocks[i].followers()]
        place = {old: new for new, old in enumerate(sorted(reached))}
        self.blocks = [self.blocks[i] for i in sorted(reached)]
        for r in self.routines.values():
            r.start = place[r.start]
        for b in self.blocks:
            if isinstance(b.end, Call):
                b.end = b.end._replace(after=place[b.end.after])
            elif isinstance(b.end, Branch):
                b.end = b.end._replace(blocks=[place[i] for i in b.end.blocks])
            elif isinstance(b.end, Jump):
                b.end = b.end._replace(block=place[b.end.block])

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
