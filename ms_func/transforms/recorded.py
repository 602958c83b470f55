"""What a transform makes of one equation, worked out once and written down again and again.

The derivative of `sin` on f32[3] is the same few equations wherever it is asked for. So the
rule of a primitive runs when it first meets operands of given types, on a program of that
one equation, and the program it gives is kept as `Code`: rows of primitives whose operands
are numbers of slots. From then on transforms put their results together from code, without
running rules and without inferring types.

This holds for applications whose parameters are data. Where they hold functions or objects
of other kinds, a rule may depend on more than types, and runs each time; so do the rules of
operations that are expanded, which users attach one by one.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from ms_func.ir.function import Eqn, Function, Literal, Var, frozen_params
from ms_func.ir.loc import Loc
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType
from ms_func.tracing.tracer import Staging, Tracer


class Code:
    """The equations of a function over numbered slots.

    Attributes:
        literals: values of the slots that follow those of the arguments.
        rows: primitive, getter of its operands from the slots, parameters, types of results;
            the results fill the next slots.
        results: slot of each result.
    """

    __slots__ = ("literals", "results", "rows")

    def __init__(self, fn: Function) -> None:
        slot: dict[Any, int] = {v: i for i, v in enumerate(fn.params)}
        self.literals: list[Literal] = []
        atoms = [a for e in fn.eqns for a in e.inputs]
        for a in [*atoms, *fn.results]:
            if type(a) is Literal and a not in slot:
                slot[a] = len(slot)
                self.literals.append(a)
        self.rows: list[tuple[Any, ...]] = []
        for e in fn.eqns:
            getter = _getter([slot[a] for a in e.inputs])
            self.rows.append((e.primitive, getter, e.params, tuple([v.type for v in e.outputs])))
            for v in e.outputs:
                slot[v] = len(slot)
        self.results = [slot[a] for a in fn.results]

    def write(self, args: Sequence[Any], loc: Loc | None) -> list[Any]:
        """Results on values of the interpreter in force, which records or runs the rows."""
        trace = current.interpreter
        if type(trace) is not Staging:
            return self._run(args)
        slots: list[Any] = [
            a.variable if type(a) is Tracer and a.recorder is trace else trace.atom(a) for a in args
        ]
        slots += self.literals
        record = trace.eqns.append
        for primitive, operands, params, types in self.rows:
            outputs = [Var(types[0])] if len(types) == 1 else [Var(t) for t in types]
            record(Eqn(primitive, operands(slots), outputs, params, loc))
            slots += outputs
        found: list[Any] = []
        for i in self.results:
            atom = slots[i]
            found.append(Tracer(trace, atom) if type(atom) is Var else atom)
        return found

    def _run(self, args: Sequence[Any]) -> list[Any]:
        slots: list[Any] = [*args, *self.literals]
        for primitive, operands, params, _ in self.rows:
            out = primitive.bind(*operands(slots), **params)
            slots += out if primitive.multiple_results else [out]
        return [slots[i] for i in self.results]


def _getter(numbers: list[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Function from the slots to the tuple of operands."""
    if len(numbers) > 1:
        return itemgetter(*numbers)
    if not numbers:
        return lambda slots: ()
    (only,) = numbers
    return lambda slots: (slots[only],)


_known: dict[Any, Any] = {}
_LIMIT = 16384


def worked_out(
    kind: str,
    eqn: Eqn,
    types: tuple[ArrayType, ...],
    rest: Any,
    make: Callable[[Eqn, tuple[ArrayType, ...], Any], Any],
) -> Any:
    """What `make` gives for an equation on operands of some types; None if it is to run each time.

    Args:
        kind: which transform.
        eqn: the equation; only its primitive and parameters count.
        types: types of the values it meets.
        rest: what else the result depends on, hashable.
        make: function of `eqn`, `types` and `rest`.
    """
    params = eqn.params
    key = (kind, eqn.primitive, types, rest)
    if params:
        key = (*key, *frozen_params(params))
    try:
        return _known[key]
    except KeyError:
        pass
    free = eqn.primitive.expand is None and all(map(_is_data, params.values()))
    found = make(eqn, types, rest) if free else None
    if len(_known) > _LIMIT:
        _known.clear()
    _known[key] = found
    return found


def _is_data(value: Any) -> bool:
    """Whether a parameter is plain data through and through."""
    if isinstance(value, tuple):
        return all(map(_is_data, value))
    if value is None or isinstance(
        value, (bool, int, float, complex, str, bytes, np.dtype, enum.Enum)
    ):
        return True
    if dataclasses.is_dataclass(value):
        return all(_is_data(getattr(value, f.name)) for f in dataclasses.fields(value))
    return False
