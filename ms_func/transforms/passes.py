"""Passes: programs to equal, smaller programs.

`simplify` is the one that every derived program goes through. It is one walk of value
numbering over the equations in order, each offered first to the `simplify` rule of its
primitive, between two sweeps for dead code:

    y1 = mul x 1       the rule of mul says: y1 is x
    y2 = sin x         recorded
    y3 = sin y1        is sin x by now: the same number as y2, so y3 is y2

An equation that does not change is kept as the object it is, and a function none of whose
equations changes as well, so simplifying twice costs nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import float0
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Atom, Eqn, Function, Literal, Var, frozen_params
from ms_func.ir.loc import Loc
from ms_func.ir.primitive import NotSupported, Primitive, Unequal, current
from ms_func.ir.types import ArrayType
from ms_func.primitives.shape import broadcast_in_dim_p
from ms_func.stopwatch import timed
from ms_func.tracing import known
from ms_func.tracing.tracer import leveled, marking

__all__ = [
    "const_fold", "cse", "dce", "dedupe_functions", "hoist_invariants", "inline", "prune",
    "simplify",
]  # fmt: skip
__dir__ = __all__.copy

# --- dead code --------------------------------------------------------------------------------


def dce(fn: Function) -> Function:
    """`fn` without the equations that no result and no effect depends on.

    Args:
        fn: program.

    Returns:
        Program of the same parameters; `prune` removes those as well.

    Example:
        >>> fn = ms.make_ir(lambda x: (np.sin(x), np.cos(x)))(1.0)
        >>> fn = Function(fn.name, fn.params, fn.eqns, fn.results[:1], fn.consts)
        >>> [e.primitive.name for e in fn.eqns], [e.primitive.name for e in dce(fn).eqns]
        (['sin', 'cos'], ['sin'])
    """
    found = fn.memo.get("dce")
    if found is None:
        found = with_equations(fn, live_equations(fn.eqns, fn.results), fn.results)
        fn.memo["dce"] = found.memo["dce"] = found
    return found


def live_equations(eqns: Sequence[Eqn], results: Iterable[Atom]) -> list[Eqn]:
    """Equations that `results` depend on or that have an effect, in order."""
    needed: set[Atom] = set(results)
    found: list[Eqn] = []
    for eqn in reversed(eqns):
        outputs = eqn.outputs
        if len(outputs) == 1:
            live = outputs[0] in needed
        else:
            used = tuple([v in needed for v in outputs])
            live = True in used
            if False in used and eqn.primitive.prune is not None:
                eqn = _pruned(eqn, used)
        if live or has_effects(eqn):
            needed.update(eqn.inputs)
            found.append(eqn)
    found.reverse()
    return found


def has_effects(eqn: Eqn) -> bool:
    """Whether an equation must stay, once and in its place."""
    if eqn.primitive.effects is None and not eqn.params:
        return False
    return bool(eqn.effects)


def without_effects(fn: Function) -> Function | None:
    """`fn` for computing its results a second time: without what it does on the side.

    None where that cannot be, because a result depends on what an effect gave.
    """
    if not fn.effects:
        return fn
    if "without_effects" not in fn.memo:
        eqns = [_quiet(e) for e in live_equations(fn.eqns, fn.results) if e.outputs or e.params]
        made = None
        if None not in eqns:
            kept = live_equations([e for e in eqns if e is not None and e.outputs], fn.results)
            made = Function(fn.name, fn.params, kept, fn.results, fn.consts)
        fn.memo["without_effects"] = None if made is None or made.effects else made
    return fn.memo["without_effects"]


def _quiet(eqn: Eqn) -> Eqn | None:
    """The equation with quiet functions in place of those among its parameters."""
    if not eqn.outputs or not has_effects(eqn):
        return eqn
    if None in map(without_effects, eqn.functions()):
        return None
    params = with_functions(eqn.params, without_effects)
    return Eqn(eqn.primitive, eqn.inputs, eqn.outputs, params, eqn.loc)


def _pruned(eqn: Eqn, used: tuple[bool, ...]) -> Eqn:
    """The equation without results that are not used and operands that only these need."""
    rule = eqn.primitive.prune
    assert rule is not None
    operands, results, params = rule(used, **eqn.params)
    inputs = [a for a, keep in zip(eqn.inputs, operands, strict=True) if keep]
    outputs = [v for v, keep in zip(eqn.outputs, results, strict=True) if keep]
    if len(inputs) == len(eqn.inputs) and len(outputs) == len(eqn.outputs):
        return eqn
    return Eqn(eqn.primitive, inputs, outputs, params, eqn.loc)


def prune(fn: Function, used: tuple[bool, ...]) -> tuple[Function, tuple[bool, ...]]:
    """`fn` restricted to the results marked in `used`, and which of its parameters that needs.

    What `prune` rules of primitives that carry functions are made of. Effects stay.

    Args:
        fn: program.
        used: for each result, whether it is wanted.

    Returns:
        Program of the parameters that are left, and for each of those of `fn` whether it is.

    Example:
        >>> fn = ms.make_ir(lambda x, y: (np.sin(x), np.cos(y)))(1.0, 2.0)
        >>> smaller, kept = prune(fn, (False, True))
        >>> [e.primitive.name for e in smaller.eqns], kept
        (['cos'], (False, True))
    """
    key = ("prune", used)
    if key not in fn.memo:
        results = [a for a, u in zip(fn.results, used, strict=True) if u]
        eqns = live_equations(fn.eqns, results)
        needed = {a for e in eqns for a in e.inputs} | set(results)
        keep = tuple(v in needed for v in fn.params)
        params = [v for v, k in zip(fn.params, keep, strict=True) if k]
        fn.memo[key] = Function(fn.name, params, eqns, results), keep
    return fn.memo[key]


# --- value numbering and simplification -------------------------------------------------------


def cse(fn: Function) -> Function:
    """`fn` with equal applications computed once; those with effects are left as they are.

    Args:
        fn: program.

    Returns:
        Program of the same parameters and results.

    Example:
        >>> fn = ms.make_ir(lambda x: np.sin(x) * np.sin(x))(1.0)
        >>> [e.primitive.name for e in fn.eqns], [e.primitive.name for e in cse(fn).eqns]
        (['sin', 'sin', 'mul'], ['sin', 'mul'])
    """
    return _rewritten(fn, rules=False)


@timed("transform")
def simplify(fn: Function) -> Function:
    """`fn` smaller: simplified by the rules of its primitives, equal values computed once.

    Nested functions are simplified as well. Results keep their types; their values keep
    their bits, but for the sign of a zero, the choice among NaNs, and products of constants,
    which are rounded once where they were rounded twice.

    Args:
        fn: program.

    Returns:
        Program of the same parameters and results; the object `fn` where nothing changes.

    Example:
        >>> fn = ms.make_ir(lambda x: np.sin(x * 1.0))(1.0)
        >>> [e.primitive.name for e in fn.eqns], [e.primitive.name for e in simplify(fn).eqns]
        (['mul', 'sin'], ['sin'])
    """
    found = fn.memo.get("simplify")
    if found is None:
        found = dce(_rewritten(dce(fn), rules=True))
        fn.memo["simplify"] = found.memo["simplify"] = found
    return found


class Rewriting:
    """Interpreter over the atoms of one function: records what no rule and no table replaces.

    Attributes:
        eqns: equations of the new program.
        producers: the equation that defines a variable.
        repeated: the literal that a variable repeats over its shape.
        known: results by primitive, operands and parameters.
        loc: place given to equations that rules make.
    """

    __slots__ = ("eqns", "known", "loc", "producers", "repeated")

    def __init__(self) -> None:
        self.eqns: list[Eqn] = []
        self.producers: dict[Any, Eqn] = {}
        self.known: dict[Any, Sequence[Atom]] = {}
        self.repeated: dict[Any, Literal] = {}
        self.loc: Loc | None = None

    def bind(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Atom(s) equal to the application of `primitive` to atoms."""
        try:
            types = primitive.result_types(tuple([a.type for a in args]), params)
        except Unequal as unequal:
            types, listed = leveled(primitive, args, params, unequal.wanted, self.marked)
            args = tuple(listed)
        found = self.replacement(primitive, args, params, types)
        if found is None:
            outputs = [Var(t) for t in types]
            found = self.record(Eqn(primitive, args, outputs, params, self.loc))
        return found if primitive.multiple_results else found[0]

    def marked(self, atom: Atom, axes: frozenset[Any]) -> Atom:
        """An atom that counts as differing along more axes of a region than it does."""
        more = axes - atom.type.vma
        if not more or type(atom) is Literal:
            return atom
        return self.record(marking(atom, more, self.loc))[0]

    def replacement(
        self,
        primitive: Primitive,
        args: Sequence[Atom],
        params: dict[str, Any],
        types: Sequence[ArrayType],
    ) -> Sequence[Atom] | None:
        """What the rule of the primitive makes of an application, if anything."""
        rule = primitive.simplify
        if rule is None:
            return None
        found = rule(self.producers.get, *args, **params)
        if found is None:
            return None
        if not primitive.multiple_results:
            found = (found,)
        for x, t in zip(found, types, strict=True):
            if x.type is not t:  # such as a scalar operand where the result is an array
                return None
        return found

    def record(self, eqn: Eqn) -> Sequence[Atom]:
        """Results of an equation: of an equal one recorded before, or its own, recorded now."""
        primitive, args, params, outputs = eqn.primitive, eqn.inputs, eqn.params, eqn.outputs
        if (primitive.effects is not None or params) and has_effects(eqn):
            self.eqns.append(eqn)
            return outputs
        key: list[Any] = [primitive, *[a.key() if type(a) is Literal else a for a in args]]
        if params:
            key += frozen_params(params)
        found = self.known.setdefault(tuple(key), outputs)
        if found is not outputs:
            return found
        if primitive.commutative:
            self.known[primitive, key[2], key[1]] = outputs
        elif primitive is broadcast_in_dim_p and type(args[0]) is Literal:
            self.repeated[outputs[0]] = args[0]
        self.eqns.append(eqn)
        for v in outputs:
            self.producers[v] = eqn
        return outputs

    def spread_literals(self, args: Sequence[Atom]) -> Sequence[Atom]:
        """Operands of an elementwise operation with scalars in place of repeated literals.

        At least one operand keeps the full shape.
        """
        repeated = self.repeated
        if any(a.type.shape and a not in repeated for a in args):
            return [repeated.get(a, a) for a in args]
        return args


def _rewritten(fn: Function, rules: bool) -> Function:
    """`fn` after one walk through `Rewriting`, with simplified nested functions if by rules."""
    new = Rewriting()
    env: dict[Atom, Atom] = {}
    outer, current.interpreter = current.interpreter, new
    try:
        for eqn in fn.eqns:
            new.loc = eqn.loc
            found = _rewrite(new, eqn, env) if rules else _renumber(new, eqn, env)
            if found is not eqn.outputs:
                env.update(zip(eqn.outputs, found, strict=True))
    finally:
        current.interpreter = outer
    return with_equations(fn, new.eqns, [env.get(a, a) for a in fn.results])


def _renumber(new: Rewriting, eqn: Eqn, env: dict[Atom, Atom]) -> Sequence[Atom]:
    """Record an equation on the atoms that its operands have become."""
    if not env.keys().isdisjoint(eqn.inputs):
        inputs = [env.get(a, a) for a in eqn.inputs]
        eqn = Eqn(eqn.primitive, inputs, eqn.outputs, eqn.params, eqn.loc)
    return new.record(eqn)


def _rewrite(new: Rewriting, eqn: Eqn, env: dict[Atom, Atom]) -> Sequence[Atom]:
    """What an equation becomes by the rules, or the equation recorded."""
    primitive, inputs, params = eqn.primitive, eqn.inputs, eqn.params
    if env and not env.keys().isdisjoint(inputs):
        inputs = [env.get(a, a) for a in inputs]
    if primitive.implicit_broadcast and not new.repeated.keys().isdisjoint(inputs):
        inputs = new.spread_literals(inputs)
    if primitive.simplify is not None:
        found = new.replacement(primitive, inputs, params, [v.type for v in eqn.outputs])
        if found is not None:
            return found
    if params:
        params = with_functions(params, simplify)
    if inputs is not eqn.inputs or params is not eqn.params:
        eqn = Eqn(primitive, inputs, eqn.outputs, params, eqn.loc)
    return new.record(eqn)


def _quieted(eqn: Eqn) -> Eqn | None:
    """An equation without its effects, where its results do not depend on them."""
    found = _quiet(eqn)
    return None if found is None or found.effects else found


known.quieted = _quieted


def with_functions(params: dict[str, Any], change: Callable[[Function], Any]) -> dict[str, Any]:
    """Parameters with the functions among them changed; the same object if none changes."""
    changed = {}
    for name, value in params.items():
        if type(value) is Function:
            made: Any = change(value)
        elif type(value) is tuple and value and type(value[0]) is Function:
            made = tuple([change(f) if type(f) is Function else f for f in value])
            if all(map(operator.is_, made, value)):
                continue
        else:
            continue
        if made is not value:
            changed[name] = made
    return {**params, **changed} if changed else params


def with_equations(fn: Function, eqns: Sequence[Eqn], results: Sequence[Atom]) -> Function:
    """`fn` with other equations and results; the same object where none differs."""
    same = len(eqns) == len(fn.eqns) and all(map(operator.is_, eqns, fn.eqns))
    if same and all(map(operator.is_, results, fn.results)):
        return fn
    return Function(fn.name, fn.params, eqns, results, fn.consts)


# --- loops ------------------------------------------------------------------------------------


def hoist_invariants(fn: Function) -> Function:
    """`fn` with what each step of a loop would compute alike computed once before the loop.

    Goes to every depth, so that what no loop around it changes leaves all of them. Equations
    with effects or with functions of their own stay: those might not end where the loop
    makes no step. So does what only lays a value out otherwise, or repeats it.

    Derivatives are taken of such programs: reverse mode then adds up, step by step, what a part
    of a weight gets, and lays it into the whole once.

    Args:
        fn: program.

    Returns:
        Program of the same parameters and results.

    Example:
        >>> from ms_func import lax
        >>> fn = ms.make_ir(lambda x: lax.fori_loop(0, 3, lambda i, c: c + np.sin(x), 0.0))(1.0)
        >>> "sin" in [e.primitive.name for e in hoist_invariants(fn).eqns]
        True
    """
    found = fn.memo.get("hoist_invariants")
    if found is None:
        found = _hoisted(fn)
        fn.memo["hoist_invariants"] = found.memo["hoist_invariants"] = found
    return found


def _hoisted(fn: Function) -> Function:
    eqns: list[Eqn] = []
    for eqn in fn.eqns:
        params = with_functions(eqn.params, hoist_invariants)
        inputs, rule = eqn.inputs, eqn.primitive.hoist
        if rule is not None:

            def move(body: Function, atoms: Sequence[Atom]) -> list[Atom]:
                return _copied(body, atoms, eqns)

            found = rule(move, inputs, **params)
            if found is not None:
                inputs, params = found
        same = inputs is eqn.inputs and params is eqn.params
        eqns.append(eqn if same else Eqn(eqn.primitive, inputs, eqn.outputs, params, eqn.loc))
    return with_equations(fn, eqns, fn.results)


def without_invariants(fn: Function, fixed: int) -> tuple[Function, Function] | None:
    """`fn` in two: what its first `fixed` parameters, which stay the same, decide, and the rest.

    What `hoist` rules are made of.

    Returns:
        `before`: fixed parameters -> values; `step`: fixed parameters, these values, other
        parameters -> results. None where there is nothing to gain.
    """
    key = ("without_invariants", fixed)
    if key not in fn.memo:
        fn.memo[key] = _without_invariants(fn, fixed)
    return fn.memo[key]


def _without_invariants(fn: Function, fixed: int) -> tuple[Function, Function] | None:
    given, others = fn.params[:fixed], fn.params[fixed:]
    still: set[Atom] = set(given)
    ready, inside = [], []
    for eqn in fn.eqns:
        operands = [a for a in eqn.inputs if type(a) is Var]
        moves = operands and still.issuperset(operands)
        if moves and not has_effects(eqn) and not any(eqn.functions()):
            ready.append(eqn)
            still.update(eqn.outputs)
        else:
            inside.append(eqn)
    before, again = _worth_keeping(ready, {a for e in inside for a in e.inputs} | set(fn.results))
    inside = [*again, *inside]
    made = {v for e in inside for v in e.outputs}
    used = {a for e in inside for a in e.inputs} | set(fn.results)
    values = [v for e in before for v in e.outputs if v in used and v not in made]
    if not values:
        return None
    step = Function(fn.name, [*given, *values, *others], inside, fn.results)
    return dce(Function(f"before_{fn.name}", given, before, values)), step


def _worth_keeping(eqns: Sequence[Eqn], used: set[Atom]) -> tuple[list[Eqn], list[Eqn]]:
    """Equations to compute once, and those whose results every step is to make for itself."""
    before: list[Eqn] = []
    again: list[Eqn] = []
    for eqn in reversed(eqns):
        if _costs_more_to_keep(eqn) and not used.isdisjoint(eqn.outputs):
            again.append(eqn)
            used.update(eqn.inputs)
        before.append(eqn)
    return before[::-1], again[::-1]


_LAID_OUT = frozenset(("broadcast_in_dim", "reshape", "rev", "transpose"))
"""What compilers do on the way, where a result is read."""


def _costs_more_to_keep(eqn: Eqn) -> bool:
    """Whether results are operands laid out otherwise, or larger than these and soon made."""
    if eqn.primitive.name in _LAID_OUT:
        return True
    outs = [v.type for v in eqn.outputs]
    held = sum(a.type.nbytes for a in {*eqn.inputs} if type(a) is Var)
    if sum(t.nbytes for t in outs) <= held:
        return False
    cost = eqn.primitive.cost([a.type for a in eqn.inputs], outs, **eqn.params)
    return cost.flops + 10 * cost.transcendentals <= 4 * sum(t.size for t in outs)


def dedupe_functions(fn: Function) -> Function:
    """`fn` whose nested functions of equal structure are one object, lowered and derived once.

    Args:
        fn: program.

    Returns:
        Program of the same parameters and results.

    Example:
        >>> fn = ms.make_ir(lambda x: (ms.jit(np.sin)(x), ms.jit(lambda y: np.sin(y))(x)))(1.0)
        >>> one, two = (e.params["fn"] for e in dedupe_functions(fn).eqns)
        >>> one is two
        True
    """
    found = fn.memo.get("dedupe_functions")
    if found is None:
        found = _deduped(fn, {})
        fn.memo["dedupe_functions"] = found.memo["dedupe_functions"] = found
    return found


def _deduped(fn: Function, known: dict[Any, Function]) -> Function:
    eqns = []
    for eqn in fn.eqns:
        params = with_functions(eqn.params, lambda f: known.setdefault(f.key, _deduped(f, known)))
        same = params is eqn.params
        eqns.append(eqn if same else Eqn(eqn.primitive, eqn.inputs, eqn.outputs, params, eqn.loc))
    return with_equations(fn, eqns, fn.results)


# --- calls and constants ----------------------------------------------------------------------


def _called(eqn: Eqn) -> Function | None:
    """The function that an equation calls, if it may always stand in place of the call."""
    return eqn.body() if eqn.primitive.transparent else None


def inline(fn: Function, callee: Callable[[Eqn], Function | None] = _called) -> Function:
    """`fn` with the equations of called functions in place of the calls, at every depth.

    Args:
        fn: program.
        callee: the function that stands for an equation, None for one that stays; by default that
            of calls that may always go.

    Returns:
        Program of the same parameters and results.

    Example:
        >>> fn = ms.make_ir(lambda x: ms.jit(np.sin)(x))(1.0)
        >>> [e.primitive.name for e in fn.eqns], [e.primitive.name for e in inline(fn).eqns]
        (['call'], ['sin'])
    """
    bodies = [callee(e) for e in fn.eqns]
    if not any(bodies):
        return fn
    env: dict[Atom, Atom] = {}
    eqns: list[Eqn] = []
    for eqn, body in zip(fn.eqns, bodies, strict=True):
        inputs = [env.get(a, a) for a in eqn.inputs]
        if body is None:
            eqns.append(Eqn(eqn.primitive, inputs, eqn.outputs, eqn.params, eqn.loc))
        else:
            body = inline(body, callee)
            env.update(zip(eqn.outputs, _copied(body, inputs, eqns), strict=True))
    return Function(fn.name, fn.params, eqns, [env.get(a, a) for a in fn.results], fn.consts)


def _copied(body: Function, args: Sequence[Atom], eqns: list[Eqn]) -> list[Atom]:
    """Results of `body` on `args`, its equations appended to `eqns` with fresh variables."""
    env: dict[Atom, Atom] = dict(zip(body.params, args, strict=True))
    for e in body.eqns:
        outputs = [Var(v.type) for v in e.outputs]
        eqns.append(Eqn(e.primitive, [env.get(a, a) for a in e.inputs], outputs, e.params, e.loc))
        env.update(zip(e.outputs, outputs, strict=True))
    return [env.get(a, a) for a in body.results]


def const_fold(fn: Function, limit: int = 1024) -> Function:
    """`fn` with what depends on constants alone computed now, by the NumPy rules.

    Scalars become literals; arrays of at most `limit` elements become constants of the
    function. Equal to rounding, since NumPy and a backend may round `exp` differently.

    Args:
        fn: program.
        limit: number of elements of the largest array that is computed.

    Returns:
        Program of the same parameters and results.

    Example:
        >>> from ms_func import lax
        >>> fn = ms.make_ir(lambda x: x * lax.neg(lax.full((), 2.0)))(1.0)
        >>> [e.primitive.name for e in const_fold(fn).eqns]
        ['mul']
    """
    known: dict[Atom, np.ndarray] = {}
    start = len(fn.params) - len(fn.consts)
    known.update((v, np.asarray(c)) for v, c in zip(fn.params[start:], fn.consts, strict=True))
    given = set(known)
    eqns = [e for e in fn.eqns if not _folded(e, known, limit)]
    if len(eqns) == len(fn.eqns):
        return fn
    atoms: dict[Atom, Atom] = {
        v: Literal(x[()], v.type) for v, x in known.items() if not x.shape and v not in given
    }
    eqns = [
        Eqn(e.primitive, [atoms.get(a, a) for a in e.inputs], e.outputs, e.params, e.loc)
        for e in eqns
    ]
    results = [atoms.get(a, a) for a in fn.results]
    used = {a for e in eqns for a in e.inputs} | set(results)
    new: list[Any] = [v for v in known if v in used and v not in given]
    return Function(
        fn.name, [*fn.params, *new], eqns, results, [*fn.consts, *(known[v] for v in new)]
    )


def _folded(eqn: Eqn, known: dict[Atom, np.ndarray], limit: int) -> bool:
    """Compute an equation whose operands are known; whether that was done."""
    if any(type(a) is Var and a not in known for a in eqn.inputs):
        return False
    if isinstance(eqn.primitive.ref, NotSupported) or has_effects(eqn):
        return False
    if any(v.type.size > limit or v.type.dtype == float0 for v in eqn.outputs):
        return False
    args = {a: known[a] for a in eqn.inputs if type(a) is Var}
    body = Function("constant", list(args), [eqn], eqn.outputs)
    known.update(zip(eqn.outputs, evaluate(body, *args.values()), strict=True))
    return True
