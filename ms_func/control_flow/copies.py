"""Functions that a program calls from several places, of which XLA makes a copy for each."""

from __future__ import annotations

from collections import Counter

from ms_func.control_flow.call import call_p
from ms_func.ir.function import Eqn, Function
from ms_func.transforms.passes import inline, with_equations, with_functions

_LARGE, _TIMES = 1024, 4


def copies(fn: Function) -> bool:
    """Whether a program is much larger with copies of its functions where they are called."""
    size = _size(fn)
    return size > _LARGE and size > _TIMES * sum(len(f.eqns) for f in functions(fn))


def _size(fn: Function) -> int:
    """Number of equations with copies of all functions where they are called."""
    found = fn.memo.get("size")
    if found is None:
        found = fn.memo["size"] = sum(1 + sum(map(_size, eqn.functions())) for eqn in fn.eqns)
    return found


def laid_out(fn: Function) -> Function:
    """A program with copies of the functions that may be laid out."""
    found = fn.memo.get("laid_out")
    if found is None:
        whole = inline(fn, lambda e: e.params["fn"] if _may_go(e) else None)
        found = with_equations(whole, [*map(_laid_out, whole.eqns)], whole.results)
        fn.memo["laid_out"] = found
    return found


def _laid_out(eqn: Eqn) -> Eqn:
    params = with_functions(eqn.params, laid_out)
    if params is eqn.params:
        return eqn
    return Eqn(eqn.primitive, eqn.inputs, eqn.outputs, params, eqn.loc)


def _may_go(eqn: Eqn) -> bool:
    return eqn.primitive is call_p and eqn.params["inline"]


def functions(fn: Function) -> list[Function]:
    """A program and all functions in it, each once, callers before those that they call."""
    found: dict[int, Function] = {}

    def visit(f: Function) -> None:
        if id(f) not in found:
            for inner in [g for eqn in f.eqns for g in eqn.functions()]:
                visit(inner)
            found[id(f)] = f

    visit(fn)
    return [*found.values()][::-1]


def repeated(fn: Function) -> frozenset[Function]:
    """Functions that are called from several places, and those that call one of them."""
    listed = functions(fn)
    sites = Counter(f for g in listed for e in g.eqns if (f := called(e)) is not None)
    found = {f for f, n in sites.items() if n > 1}
    reaching: set[int] = set()
    for f in reversed(listed):
        if any(called(e) in found or id(g) in reaching for e in f.eqns for g in e.functions()):
            reaching.add(id(f))
            if f in sites:
                found.add(f)
    return frozenset(found)


def called(eqn: Eqn) -> Function | None:
    """The function that an equation calls."""
    return eqn.params["fn"] if eqn.primitive is call_p else None


def depth(fn: Function, shared: frozenset[Function]) -> int:
    """How many calls of these functions may be under way at once."""
    found: dict[int, int] = {}
    for f in reversed(functions(fn)):
        below = [found[id(g)] + (called(e) in shared) for e in f.eqns for g in e.functions()]
        found[id(f)] = max(below, default=0)
    return found[id(fn)] + 1
