"""Going through a program equation by equation, with another meaning for some of them.

Transforms are walks: the interpreter in force runs or records what a rule makes of an equation,
and knows the user's line it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.loc import transformed
from ms_func.ir.primitive import current

Rule = Callable[[Eqn, list[Any]], Sequence[Any] | None]


def walk(fn: Function, args: Sequence[Any], rule: Rule, transform: str | None = None) -> list[Any]:
    """What the results of a program are by a rule for its equations.

    Args:
        fn: the program.
        args: a value for each parameter: arrays, traced values, or whatever `rule` makes of them;
            those that constants are bound to may be left out.
        rule: called with each equation and the values of its operands, in which literals are as
            they are; gives the values of its results, or None to apply the primitive.
        transform: what the scopes of the equations are marked with.
    """
    full = args if len(args) == len(fn.params) else [*args, *fn.consts]
    env: dict[Any, Any] = dict(zip(fn.params, full, strict=True))
    trace = current.interpreter
    outer_loc = trace.loc
    try:
        for eqn in fn.eqns:
            trace.loc = eqn.loc if transform is None else transformed(eqn.loc, transform)
            ins = [env[a] if type(a) is not Literal else a for a in eqn.inputs]
            outs = rule(eqn, ins)
            env.update(zip(eqn.outputs, eqn.bind(ins) if outs is None else outs, strict=True))
    finally:
        trace.loc = outer_loc
    return [env[a] if type(a) is not Literal else a for a in fn.results]
