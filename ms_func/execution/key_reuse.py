"""Random keys used twice, on request (`config.debug_key_reuse`): both lines are named.

Every key has a number, which arrays of keys remember. Before a program runs, it is walked
through with these numbers in place of keys: what moves keys moves the numbers, what makes
keys makes new ones, and a number that is drawn from or split a second time is an error.
Where a program chooses keys by values known only at run time, what it chooses counts as new.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func import config
from ms_func.errors import KeyReuseError
from ms_func.execution.array import ARRAYS, KeyArray, numbers_of
from ms_func.execution.array import KeyNumbers as Numbers
from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import LANES, NotSupported
from ms_func.ir.references import discharge
from ms_func.ir.types import ArrayType

_numbers = itertools.count(1)
_used: dict[int, tuple[Any, Any]] = {}
_SMALL = 256
"""Values of so many elements at most are followed, because they may be indices of keys."""


def _new(t: ArrayType) -> Numbers:
    return Numbers(
        np.fromiter(itertools.islice(_numbers, t.size), np.int64, t.size).reshape(t.shape)
    )


def _given(keys: KeyArray) -> Numbers:
    """Numbers of an array of keys, given to it now if it has none."""
    found = numbers_of(keys)
    if found.of is None:
        found.of = _new(keys.type).of
    return found


def _all(x: Numbers) -> set[int]:
    """The numbers as a set."""
    return set(np.ravel(x.of).tolist())


def active(fn: Function) -> bool:
    """Whether `fn` is to be looked at."""
    return not fn.plain and config.debug_key_reuse.value


def check(fn: Function, args: Sequence[Any], at_once: bool = False) -> list[Any]:
    """Walk through a program that is about to run.

    Args:
        fn: the program.
        args: its operands: arrays, or numbers.
        at_once: whether all of it stands in the user's current line.

    Returns:
        For each result that is an array of keys its numbers, for others anything else.

    Raises:
        KeyReuseError: a key is used for the second time.
    """
    plain, _ = discharge.rule(fn)
    walk = _Walk(dict(_used), user_loc() if at_once else None)
    outs = walk.function(plain, [_start(a) for a in args])
    _used.update(walk.used)
    return outs[: len(fn.results)]


def look(fn: Function, args: Sequence[Any]) -> None:
    """Walk through a program that others will be derived from, where uses may have fallen together.

    Raises:
        KeyReuseError: it uses a key twice.
    """
    if not active(fn):
        return
    plain, _ = discharge.rule(fn)
    start = [
        _new(v.type) if v.type.key is not None and type(x) is not KeyArray else _start(x)
        for v, x in zip(plain.params, args, strict=True)
    ]
    _Walk(dict(_used), None).function(plain, start)


def _start(x: Any) -> Any:
    if type(x) is KeyArray:
        return _given(x)
    if type(x) in ARRAYS:
        small = x.size <= _SMALL and x.dtype.kind in "iub" and not x.is_deleted()
        return np.asarray(x) if small else None
    return np.asarray(x) if isinstance(x, (bool, int, np.integer, np.ndarray)) else None


def label(results: Sequence[Any], found: Sequence[Any]) -> None:
    """Let arrays of keys remember their numbers."""
    for x, numbers in zip(results, found, strict=False):
        if type(x) is KeyArray and type(numbers) is Numbers:
            x.numbers = numbers


class _Walk:
    """One walk through a program.

    Attributes:
        used: for the number of each key used so far, where and for what.
        loc: the line that everything is ascribed to; None takes that of the equation.
        again: whether what is computed was computed before, for a backward pass.
    """

    def __init__(self, used: dict[int, tuple[Any, Any]], loc: Any) -> None:
        self.used, self.loc, self.again = used, loc, False

    def function(self, fn: Function, args: Sequence[Any]) -> list[Any]:
        """Numbers, or known values, or None for the results of `fn`."""
        env: dict[Any, Any] = dict(zip(fn.params, args, strict=False))
        for eqn in fn.eqns:
            ins = [np.asarray(a.value) if type(a) is Literal else env.get(a) for a in eqn.inputs]
            env.update(zip(eqn.outputs, self.equation(eqn, ins), strict=True))
        return [np.asarray(a.value) if type(a) is Literal else env.get(a) for a in fn.results]

    def equation(self, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
        """The same for one equation."""
        p = eqn.primitive
        if p.name in ("random_bits", "random_split"):
            self.use(eqn, ins[0])
            return self.made(eqn)
        special = getattr(self, f"_{p.name}", None)
        if special is not None:
            return special(eqn, ins)
        body = eqn.body()
        if body is not None:
            return self.function(body, ins)
        if any(True for _ in eqn.functions()):
            return self.made(eqn)
        keys = [x for x in ins if type(x) is Numbers]
        if keys and p.words is not LANES:
            return self.made(eqn)
        return self.evaluated(eqn, ins)

    def made(self, eqn: Eqn) -> list[Any]:
        """New numbers for results that are keys."""
        return [_new(v.type) if v.type.key is not None else None for v in eqn.outputs]

    def evaluated(self, eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
        """What an operation makes of numbers and known values."""
        rule = eqn.primitive.ref
        moves = any(type(x) is Numbers for x in ins)
        size = sum(v.type.size for v in eqn.outputs)
        if any(x is None for x in ins) or isinstance(rule, NotSupported) or eqn.effects:
            return self.made(eqn)
        if not moves and (size > _SMALL or any(v.type.key is not None for v in eqn.outputs)):
            return self.made(eqn)  # keys made of words are new ones
        arrays = [
            x.of if type(x) is Numbers else np.asarray(x, a.type.dtype)
            for x, a in zip(ins, eqn.inputs, strict=True)
        ]
        with np.errstate(all="ignore"):
            out = rule(*arrays, **eqn.params)
        outs = out if eqn.primitive.multiple_results else (out,)
        return [
            Numbers(np.asarray(x)) if v.type.key is not None else np.asarray(x)
            for x, v in zip(outs, eqn.outputs, strict=True)
        ]

    def use(self, eqn: Eqn, keys: Any) -> None:
        """Use keys up.

        Raises:
            KeyReuseError: one was used before, or stands twice among them.
        """
        if type(keys) is not Numbers:
            return
        loc = self.loc or eqn.loc
        now = loc, (eqn.primitive, *eqn.params.items())
        seen: set[int] = set()
        for n in np.ravel(keys.of).tolist():
            before = now if n in seen else self.used.get(n)
            if before is not None and not (self.again and before == now):
                raise reused(before[0], loc)
            seen.add(n)
        self.used.update(dict.fromkeys(seen, now))

    def _remat_call(self, eqn: Eqn, ins: Sequence[Any]) -> list[Any]:
        outer, self.again = self.again, True
        try:
            return self.function(eqn.params["fn"], ins)
        finally:
            self.again = outer

    def _cond(self, eqn: Eqn, ins: Sequence[Any]) -> list[Any]:
        before, after, found = self.used, dict(self.used), []
        for fn in eqn.params["branches"]:
            self.used = dict(before)
            found.append(self.function(fn, ins[1:]))
            after.update(self.used)
        self.used = after
        return [
            column[0]
            if all(type(x) is Numbers and np.array_equal(x.of, column[0].of) for x in column)
            else new
            for column, new in zip(zip(*found, strict=True), self.made(eqn), strict=True)
        ]

    def _scan(self, eqn: Eqn, ins: Sequence[Any]) -> list[Any]:
        p = eqn.params
        n, m = p["num_consts"], p["num_consts"] + p["num_carry"]
        body = p["body"]
        rows = [
            _new(v.type) if type(x) is Numbers else None
            for x, v in zip(ins[m:], body.params[m:], strict=True)
        ]
        steps = p["length"] > 1
        outs = self.step(body, ins[:n], ins[n:m], rows, steps) if p["length"] else []
        for row, x in zip(rows, ins[m:], strict=True):
            if type(row) is Numbers and not _all(row).isdisjoint(self.used):
                first = next(self.used[i] for i in _all(row) if i in self.used)
                self.used.update(dict.fromkeys(_all(x), first))
        made = self.made(eqn)
        return [*_kept(ins[n:m], outs, made), *made[m - n :]]

    def _while(self, eqn: Eqn, ins: Sequence[Any]) -> list[Any]:
        p = eqn.params
        n, m = p["num_cond"], p["num_cond"] + p["num_body"]
        self.step(p["cond"], ins[:n], ins[m:], (), True, carries=False)
        outs = self.step(p["body"], ins[n:m], ins[m:], (), True)
        return _kept(ins[m:], outs, self.made(eqn))

    def step(
        self, fn: Function, consts: Sequence[Any], carry: Sequence[Any], rows: Sequence[Any],
        repeated: bool, carries: bool = True,
    ) -> list[Any]:  # fmt: skip
        """Results of a step of a loop, which must not use up what the next step uses again."""
        before = set(self.used)
        start = [x if type(x) is Numbers else None for x in carry]
        outs = self.function(fn, [*consts, *start, *rows])
        used = set(self.used) - before
        again = set().union(*(_all(x) for x in consts if type(x) is Numbers))
        later = outs[: len(start)] if carries else start
        again |= set().union(*(_all(x) for x in later if type(x) is Numbers))
        for i in used & again if repeated else ():
            raise reused(self.used[i][0], self.used[i][0], "in the next step of the loop")
        return outs


def _kept(start: Sequence[Any], end: Sequence[Any], made: Sequence[Any]) -> list[Any]:
    """Numbers after a loop: those before it where no step changes them."""
    return [
        a if type(a) is Numbers and type(b) is Numbers and np.array_equal(a.of, b.of) else new
        for a, b, new in itertools.zip_longest(start, end[: len(start)], made[: len(start)])
    ]


def reused(first: Any, loc: Any, how: str = "") -> KeyReuseError:
    """The error for a key used at `first` and again at `loc`."""
    where = f"first at {first}" if first is not None else "before"
    then = how or (f"again at {loc}" if loc is not None else "again")
    return KeyReuseError(
        f"MS150 random key used twice: {where}, {then}\n"
        "Both uses give related numbers.\n"
        "fix: split the key, key, sub = random.split(key), and use each part once; "
        "random.clone(key) marks a repetition that is meant",
        loc,
    )
