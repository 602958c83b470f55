"""Programs with references as programs on the values they hold.

The walk keeps for each reference the value it holds at that point:

    r = new_ref x              r holds x
    y = ref_get r              y is what r holds
    o = ref_swap r, v          o is what r held, r holds v
    ... = scan ..., r, ...     the loop carries what r holds, if its body writes to r

References among the parameters become parameters for what they hold at the start, and what
they hold at the end becomes a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.references import discharge as slot
from ms_func.ir.references import freeze_p, new_ref_p, ref_get_p, ref_swap_p
from ms_func.ir.types import RefType, typeof
from ms_func.ir.walk import walk
from ms_func.primitives.cast import convert_element_type
from ms_func.tracing.tracer import Tracer, build
from ms_func.transforms.passes import with_functions


class Cell:
    """A reference while a program is walked through.

    Attributes:
        value: what it holds; None after `freeze`.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def discharged(fn: Function) -> tuple[Function, tuple[int, ...]]:
    """`fn` on values, and the positions of the references written among its parameters.

    What these hold at the end are the last results of the program.
    """
    found = fn.memo.get("discharged")
    if found is None:
        found = fn.memo["discharged"] = _discharged(fn) if has_refs(fn) else (fn, ())
    return found


def with_finals(fn: Function, wanted: Sequence[int]) -> Function:
    """`fn` on values with what the wanted parameters hold at the end as its last results."""
    made, written = discharged(fn)
    if tuple(wanted) == written:
        return made
    n = len(made.results) - len(written)
    final = dict(zip(written, made.results[n:], strict=True))
    finals = [final.get(i, made.params[i]) for i in wanted]
    return Function(made.name, made.params, made.eqns, [*made.results[:n], *finals], made.consts)


def has_refs(fn: Function) -> bool:
    """Whether a value anywhere in `fn` is a reference."""
    if fn.plain:
        return False
    found = fn.memo.get("has_refs")
    if found is None:
        found = fn.memo["has_refs"] = any(type(v.type) is RefType for v in fn.params) or any(
            e.primitive is new_ref_p or (bool(e.params) and any(map(has_refs, e.functions())))
            for e in fn.eqns
        )
    return found


def _discharged(fn: Function) -> tuple[Function, tuple[int, ...]]:
    places = [i for i, v in enumerate(fn.params) if type(v.type) is RefType]
    written: list[int] = []

    def body(*args: Any) -> list[Any]:
        cells = [Cell(args[i]) for i in places]
        values = list(args)
        for i, cell in zip(places, cells, strict=True):
            values[i] = cell
        results = walk(fn, values, _equation)
        finals = [
            args[i] if c.value is None else c.value for i, c in zip(places, cells, strict=True)
        ]
        changed = [not _same(x, args[i]) for i, x in zip(places, finals, strict=True)]
        written.extend(i for i, c in zip(places, changed, strict=True) if c)
        return [*results, *(x for x, c in zip(finals, changed, strict=True) if c)]

    types = [t.inner if type(t) is RefType else t for t in fn.in_types]
    made = build(fn.name, types, body)
    if fn.consts:
        made = Function(made.name, made.params, made.eqns, made.results, fn.consts)
    return made, tuple(written)


def _same(x: Any, y: Any) -> bool:
    return x is y or (type(x) is Tracer and type(y) is Tracer and x.variable is y.variable)


def _equation(eqn: Eqn, ins: Sequence[Any]) -> Sequence[Any]:
    """Results of one equation on values and cells; it moves what cells hold."""
    p = eqn.primitive
    if p is new_ref_p:
        return [Cell(_strong(ins[0]))]
    if p is ref_get_p:
        return [_value(eqn, ins[0])]
    if p is ref_swap_p:
        old = _value(eqn, ins[0])
        ins[0].value = _strong(ins[1])
        return [old]
    if p is freeze_p:
        old, ins[0].value = _value(eqn, ins[0]), None
        return [old]
    cells = [i for i, x in enumerate(ins) if type(x) is Cell]
    if cells:
        return _through(eqn, ins, cells)
    params = with_functions(eqn.params, lambda f: discharged(f)[0])
    out = p.bind(*ins, **params)
    return out if p.multiple_results else (out,)


def _value(eqn: Eqn, cell: Cell) -> Any:
    if cell.value is None:
        raise ArgumentValueError(
            f"a reference of type {eqn.inputs[0].type} was used after freeze, which ended its "
            "life\nfix: use the array that freeze returned",
            eqn.loc,
        )
    return cell.value


def _strong(x: Any) -> Any:
    """A value of a strong type, as references hold it."""
    t = typeof(x)
    return convert_element_type(x, t.dtype) if t.weak_type or type(x) is Literal else x


class Uses(NamedTuple):
    """An operation that carries programs, with cells among its operands, on values.

    What `refs` rules of primitives get and what they work on.

    Attributes:
        operands: values of the operands, of cells what they hold.
        cells: for the position of each cell among them, the first position of the same cell.
        params: parameters of the operation.
    """

    operands: Sequence[Any]
    cells: dict[int, int]
    params: dict[str, Any]


def _through(eqn: Eqn, ins: Sequence[Any], cells: Sequence[int]) -> Sequence[Any]:
    rule = eqn.primitive.refs
    if rule is None:
        raise UnsupportedError(
            f"`{eqn.primitive.name}` does not take references\n"
            "fix: read the reference before, ref[...], and write to it afterwards",
            eqn.loc,
        )
    first = {id(ins[i]): i for i in reversed(cells)}
    same = {i: first[id(ins[i])] for i in cells}
    if len(first) < len(cells) and eqn.primitive.name != "while":  # test and body may share one
        raise ArgumentValueError(
            "only one reference to a mutable array may be passed as an argument to a function, but "
            f"a mutable array reference of type {eqn.inputs[cells[0]].type} is passed twice to "
            f"one in `{eqn.primitive.name}`, or was both closed over and passed as the argument\n"
            "fix: pass it once",
            eqn.loc,
        )
    values = [_value(eqn, x) if type(x) is Cell else x for x in ins]
    outs, finals = rule(Uses(values, same, eqn.params))
    for i, value in finals.items():
        ins[i].value = value
    return outs


slot.rule = discharged
