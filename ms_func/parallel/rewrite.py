"""Programs written anew before they are planned, so that there is more to choose from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ms_func.ir.function import Atom, Eqn, Function
from ms_func.ir.primitive import current
from ms_func.parallel.unfold import LAID_OPEN
from ms_func.transforms.passes import Rewriting, dce, simplify, with_functions

Rule = Callable[[Rewriting, Eqn, Sequence[Atom]], Atom | None]
"""What stands for the one result of an equation with these inputs; None: the equation stays."""


def rewritten(fn: Function, rule: Rule) -> Function:
    """`fn` with a rule applied to all its equations; the same object if none changes."""
    new = Rewriting()
    env: dict[Atom, Atom] = {}
    changed = False
    outer, current.interpreter = current.interpreter, new
    try:
        for eqn in fn.eqns:
            new.loc = eqn.loc
            inputs = [env.get(a, a) for a in eqn.inputs]
            found = rule(new, eqn, inputs)
            if found is not None:
                env[eqn.outputs[0]], changed = found, True
                continue
            params = eqn.params
            if eqn.primitive.name in LAID_OPEN:
                params = with_functions(params, lambda body: rewritten(body, rule))
                changed = changed or params is not eqn.params
            kept = new.record(Eqn(eqn.primitive, inputs, eqn.outputs, params, eqn.loc))
            env.update(zip(eqn.outputs, kept, strict=True))
    finally:
        current.interpreter = outer
    if not changed:
        return fn
    results = [env.get(a, a) for a in fn.results]
    return simplify(dce(Function(fn.name, fn.params, new.eqns, results, fn.consts)))
