"""Taylor mode: the truncated Taylor series of a program from those of its operands.

If x(t) = x_0 + x_1 t + ... + x_K t^K, then y(t) = p(x(t)) has such a series too. For an
operation that is linear in x it is the operation on each coefficient; for a product it is the
convolution of the coefficients. For every other one the derivative rule says
y'(t) = J(x(t), x'(t)), so that

    n y_n = coefficient n - 1 of J(x(t), x'(t)),

where J is a program again, of operations with series of their own. Coefficients are computed
when they are asked for, and the same operation on the same operands is one series, so
J may use y itself: from `exp' = exp` follows the recurrence n y_n = sum_j j x_j y_{n-j},
and from the derivatives of sin and cos the coupled one. No rule is needed beyond `jvp`;
operations with a shorter recurrence, such as division, state it as `jet`.

Coefficients, not derivatives, are what is computed: y_n is the n-th derivative over n!.

Reference:
    Griewank and Walther, "Evaluating Derivatives", chapter 13, SIAM 2008.
    Bettencourt, Johnson and Duvenaud, "Taylor-mode automatic differentiation for
    higher-order derivatives in JAX", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.dtypes import is_inexact
from ms_func.errors import UnsupportedError
from ms_func.ir.function import Eqn, Function, Literal, frozen_params
from ms_func.ir.primitive import (
    PIECEWISE_LINEAR,
    ZERO,
    Linear,
    Multilinear,
    NotSupported,
    Recurrence,
    Zero,
    current,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.ir.walk import walk
from ms_func.primitives.arithmetic import mul
from ms_func.primitives.families import literal
from ms_func.stopwatch import timed
from ms_func.tracing.tracer import build
from ms_func.transforms.jvp import apply_rule
from ms_func.transforms.passes import dce, without_effects
from ms_func.transforms.recorded import Code, worked_out
from ms_func.transforms.zeros import add, instantiate, is_live, nonzeros, with_zeros

Terms = Sequence[Any] | None
"""Coefficients 1 to K of a value, any of which may be `Zero`; None where all are."""


@timed("transform")
def jet(fn: Function, order: int, active: tuple[bool, ...]) -> tuple[Function, tuple[bool, ...]]:
    """Function of (parameters, terms of the active ones) giving (results, their terms).

    Args:
        fn: the program.
        order: number of terms K of every series.
        active: for each parameter, whether it has terms.

    Returns:
        The program of series, and for each result whether it has terms.

    Example:
        >>> program = ms.make_ir(lambda x: x * x)(0.0)
        >>> series, live = ms.extend.jet_program(program, 2, (True,))
        >>> [x.item() for x in ms.extend.apply(series, [3.0, 1.0, 0.0])], live
        ([9.0, 6.0, 1.0], (True,))
    """
    key = ("jet", order, active)
    if key not in fn.memo:
        found: list[bool] = []
        terms = [t.tangent for t, a in zip(fn.in_types, active, strict=True) if a]

        def body(*args: Any) -> list[Any]:
            rest = iter(args[len(fn.params) :])
            series = [[next(rest) for _ in range(order)] if a else None for a in active]
            outs, out_series = jet_walk(fn, args[: len(fn.params)], series, order)
            found.extend(s is not None for s in out_series)
            return [*outs, *(instantiate(c) for s in out_series if s is not None for c in s)]

        types = [*fn.in_types, *(t for t in terms for _ in range(order))]
        fn.memo[key] = build(f"jet_{fn.name}", types, body), tuple(found)
    return fn.memo[key]


def jet_walk(
    fn: Function, primals: Sequence[Any], series: Sequence[Terms], order: int
) -> tuple[list[Any], list[Terms]]:
    """Apply `fn` to values and their terms under the interpreter in force."""
    terms: dict[Any, Terms] = {
        v: s for v, s in zip(fn.params, series, strict=False) if s is not None
    }

    def rule(eqn: Eqn, ins: list[Any]) -> Sequence[Any] | None:
        if terms.keys().isdisjoint(eqn.inputs) or not eqn.outputs:
            return None
        outs, found = _equation(eqn, ins, [terms.get(a) for a in eqn.inputs], order)
        terms.update((v, s) for v, s in zip(eqn.outputs, found, strict=True) if s)
        return outs

    return walk(fn, primals, rule, "jet"), [terms.get(a) for a in fn.results]


def _equation(
    eqn: Eqn, ins: list[Any], series: Sequence[Terms], order: int
) -> tuple[Sequence[Any], Sequence[Terms]]:
    """Results of one equation and their terms."""
    types = tuple([typeof(x) for x in ins])
    live = tuple([None if s is None else tuple([type(c) is not Zero for c in s]) for s in series])
    known = worked_out("jet", eqn, types, (order, live), _code)
    if known is None:
        return _run(eqn, ins, series, order)
    code, out_live = known
    flat = [c for s in series if s is not None for c in s if type(c) is not Zero]
    outs = code.write([*ins, *flat], current.interpreter.loc)
    rest = iter(outs[len(eqn.outputs) :])
    return outs[: len(eqn.outputs)], [
        None
        if mask is None
        else [next(rest) if m else Zero(v.type.tangent) for m in mask]
        for v, mask in zip(eqn.outputs, out_live, strict=True)
    ]  # fmt: skip


def _code(eqn: Eqn, types: tuple[ArrayType, ...], rest: tuple[int, Any]) -> tuple[Code, Any]:
    """The series of an equation, worked out on tracers: code, and which terms are not zero."""
    order, live = rest
    masks: list[Any] = []

    def body(*args: Any) -> list[Any]:
        more = iter(args[len(types) :])
        series = [
            None if mask is None else [next(more) if m else Zero(t.tangent) for m in mask]
            for t, mask in zip(types, live, strict=True)
        ]
        outs, found = _run(eqn, list(args[: len(types)]), series, order)
        masks.extend(None if s is None else tuple(type(c) is not Zero for c in s) for s in found)
        return [*outs, *(c for s in found if s is not None for c in s if type(c) is not Zero)]

    flat = [t.tangent for t, mask in zip(types, live, strict=True) for m in mask or () if m]
    return Code(build(eqn.primitive.name, [*types, *flat], body)), tuple(masks)


def _run(
    eqn: Eqn, ins: list[Any], series: Sequence[Terms], order: int
) -> tuple[Sequence[Any], Sequence[Terms]]:
    """Results of one equation and their terms, by the rules of its primitive."""
    operands: list[Series] = [
        Constant(x) if s is None else Given(x, s) for x, s in zip(ins, series, strict=True)
    ]
    results = _Machine().apply(eqn, operands)
    # Terms first: a rule for whole series gives the values with them, and effects happen once.
    found = [[r.term(n) for n in range(order, 0, -1)][::-1] for r in results]
    outs = [r.term(0) for r in results]
    return outs, [None if all(type(c) is Zero for c in s) else s for s in found]


# --- series -----------------------------------------------------------------------------------


class Series:
    """Coefficients of a value, each computed when it is first asked for."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[int, Any] = {}

    def term(self, n: int) -> Any:
        """Coefficient n, `Zero` where it is known to vanish."""
        found = self.known.get(n)
        if found is None:
            found = self.known[n] = self.compute(n)
        return found

    __getitem__ = term

    def compute(self, n: int) -> Any:
        """Coefficient n, worked out."""
        raise NotImplementedError

    @property
    def first(self) -> Any:
        """Coefficient 0: the value itself."""
        return self.term(0)


class Constant(Series):
    """A value that does not depend on t."""

    __slots__ = ()

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.known[0] = value

    def compute(self, n: int) -> Any:
        """Zero beyond what is given."""
        return Zero(typeof(self.first).tangent)


class Given(Series):
    """A value with its terms."""

    __slots__ = ()

    def __init__(self, value: Any, terms: Sequence[Any]) -> None:
        super().__init__()
        self.known.update(enumerate([value, *terms]))

    def compute(self, n: int) -> Any:
        """Zero beyond what is given."""
        return Zero(typeof(self.first).tangent)


class Derivative(Series):
    """x'(t): coefficient n is (n + 1) x_{n+1}."""

    __slots__ = ("of",)

    def __init__(self, of: Series) -> None:
        super().__init__()
        self.of = of

    def compute(self, n: int) -> Any:
        """From the next coefficient of x."""
        x = self.of.term(n + 1)
        return x if n == 0 or type(x) is Zero else mul(x, literal(n + 1, x))


class _Result(Series):
    """One of the results of an application."""

    __slots__ = ("application", "index")

    def __init__(self, application: _Application, index: int) -> None:
        super().__init__()
        self.application = application
        self.index = index

    def compute(self, n: int) -> Any:
        """What the application gives."""
        return self.application.terms(n)[self.index]


class _Machine:
    """Applications of primitives to series; equal ones are one."""

    def __init__(self) -> None:
        self.seen: dict[Any, tuple[list[Series], Any]] = {}
        self.literals: dict[Any, Series] = {}

    def apply(self, eqn: Eqn, operands: list[Series]) -> list[Series]:
        """Series of the results of an equation."""
        key = (eqn.primitive, frozen_params(eqn.params), tuple(map(id, operands)))
        found = self.seen.get(key)
        if found is None:
            application = _Application(self, eqn, operands)
            results: list[Series]
            if eqn.primitive.jvp is ZERO or all(type(x) is Constant for x in operands):
                results = [Constant(x) for x in application.terms(0)]
            else:
                results = [_Result(application, i) for i in range(len(eqn.outputs))]
            application.results = results
            self.seen[key] = found = results, operands  # the operands keep their ids in use
        return found[0]

    def constant(self, value: Literal) -> Series:
        """Series of a literal, one for each value."""
        key = value.key()
        if key not in self.literals:
            self.literals[key] = Constant(value)
        return self.literals[key]

    def program(self, fn: Function, args: Sequence[Series]) -> list[Series]:
        """Series of the results of a program."""
        env: dict[Any, Series] = dict(zip(fn.params, args, strict=True))

        def of(atom: Any) -> Series:
            return self.constant(atom) if type(atom) is Literal else env[atom]

        for eqn in fn.eqns:
            env.update(zip(eqn.outputs, self.apply(eqn, [of(a) for a in eqn.inputs]), strict=True))
        return [of(a) for a in fn.results]


class _Application:
    """One equation on series."""

    def __init__(self, machine: _Machine, eqn: Eqn, operands: list[Series]) -> None:
        self.machine = machine
        self.eqn = eqn
        self.operands = operands
        self.results: list[Series] = []
        self.known: dict[int, list[Any]] = {}
        self.slopes: list[Series | None] | None = None

    def terms(self, n: int) -> list[Any]:
        """Coefficients n of all results."""
        if n not in self.known:
            self._work_out(n)
        return self.known[n]

    def _work_out(self, n: int) -> None:
        eqn, rule = self.eqn, self.eqn.primitive.jet
        if n == 0:
            self.known[0] = self._bind([instantiate(x.first) for x in self.operands])
        elif self._constant(n):
            self.known[n] = [Zero(v.type.tangent) for v in eqn.outputs]
        elif callable(rule) or type(rule) is NotSupported:
            self._whole(n)
        else:
            self.known[n] = self._term(n)

    def _term(self, n: int) -> list[Any]:
        eqn, p = self.eqn, self.eqn.primitive
        if type(p.jet) is Recurrence:
            return [p.jet.rule(n, self.operands, self.results[0], **eqn.params)]
        if p.jet is PIECEWISE_LINEAR:
            return self._tangents(n)
        if type(p.jvp) is Linear and self._fixed(p.jvp.argnums, n):
            return self._linear(p.jvp.argnums, n)
        if type(p.jvp) is Multilinear and self._fixed(p.jvp.argnums, n):
            return [self._product(p.jvp.argnums, n)]
        return self._by_jvp(n)

    def _bind(self, args: Sequence[Any]) -> list[Any]:
        out = self.eqn.primitive.bind(*args, **self.eqn.params)
        return list(out) if self.eqn.primitive.multiple_results else [out]

    def _constant(self, n: int) -> bool:
        return all(type(x.term(k)) is Zero for x in self.operands for k in range(1, n + 1))

    def _fixed(self, linear: tuple[int, ...], n: int) -> bool:
        """Whether the operands that the operation is not linear in have no terms."""
        others = [x for i, x in enumerate(self.operands) if i not in linear]
        return all(type(x.term(k)) is Zero for x in others for k in range(1, n + 1))

    def _linear(self, linear: tuple[int, ...], n: int) -> list[Any]:
        terms = [x.term(n) if i in linear else x.first for i, x in enumerate(self.operands)]
        if all(type(terms[i]) is Zero for i in linear):
            return [Zero(v.type.tangent) for v in self.eqn.outputs]
        return self._bind([instantiate(x) for x in terms])

    def _product(self, linear: tuple[int, ...], n: int) -> Any:
        """Sum over all ways to share n among the operands."""
        total: Any = Zero(self.eqn.outputs[0].type.tangent)
        for split in _compositions(n, len(linear)):
            share = dict(zip(linear, split, strict=True))
            args = [x.term(share.get(i, 0)) for i, x in enumerate(self.operands)]
            if not any(type(x) is Zero for x in args):
                total = add(total, self._bind(args)[0])
        return total

    def _tangents(self, n: int) -> list[Any]:
        """Tangents in the direction of the terms n."""
        dots = [x.term(n) for x in self.operands]
        moving = is_live(dots)
        types = tuple(typeof(x.first) for x in self.operands)
        program, nonzero = _jvp_program(self.eqn, types, moving)
        operands = [*(x.first for x in self.operands), *nonzeros(dots)]
        found = current.interpreter.apply(program, operands)
        return with_zeros(nonzero, found, [v.type for v in self.eqn.outputs])

    def _by_jvp(self, n: int) -> list[Any]:
        """From coefficient n - 1 of the derivative."""
        if self.slopes is None:
            self.slopes = self._derivative()
        found = []
        for slope, v in zip(self.slopes, self.eqn.outputs, strict=True):
            x = Zero(v.type.tangent) if slope is None else slope.term(n - 1)
            found.append(x if n == 1 or type(x) is Zero else mul(x, literal(1 / n, x)))
        return found

    def _derivative(self) -> list[Series | None]:
        """Series of the time derivative of each result, None where it is zero."""
        types = [typeof(x.first) for x in self.operands]
        moving = tuple(
            is_inexact(t.dtype) and not isinstance(x, Constant)
            for t, x in zip(types, self.operands, strict=True)
        )
        program, nonzero = _jvp_program(self.eqn, tuple(types), moving)
        dots: list[Series] = [
            Derivative(x) for x, m in zip(self.operands, moving, strict=True) if m
        ]
        found = iter(self.machine.program(program, [*self.operands, *dots]))
        return [next(found) if nz else None for nz in nonzero]

    def _whole(self, n: int) -> None:
        """Coefficients up to n by a rule for whole series."""
        p = self.eqn.primitive
        if type(p.jet) is NotSupported:
            raise UnsupportedError(
                f"`{p.name}` has no Taylor series: {p.jet.reason}\nfix: nest jvp in place of jet",
                self.eqn.loc,
            )
        series: list[Terms] = []
        for x in self.operands:
            terms = [x.term(k) for k in range(1, n + 1)]
            zero = all(type(c) is Zero for c in terms)
            series.append(None if zero else [instantiate(c) for c in terms])
        primals = [x.first for x in self.operands]
        outs, found = p.jet(primals, series, n, **self.eqn.params)
        rows = [
            [Zero(typeof(x).tangent)] * n if s is None else s
            for x, s in zip(outs, found, strict=True)
        ]
        self.known.setdefault(0, list(outs))
        for k in range(n):
            self.known.setdefault(k + 1, [row[k] for row in rows])


def _jvp_program(
    eqn: Eqn, types: tuple[ArrayType, ...], moving: tuple[bool, ...]
) -> tuple[Function, tuple[bool, ...]]:
    """The derivative rule of an equation as a program of operands and tangents."""
    nonzero: list[bool] = []
    many = eqn.primitive.multiple_results

    def body(*args: Any) -> list[Any]:
        dots = with_zeros(moving, args[len(types) :], types)
        tangent = apply_rule(eqn, args[: len(types)], dots)[1]
        tangents = tangent if many else [tangent]
        nonzero.extend(is_live(tangents))
        return nonzeros(tangents)

    tangents = [t.tangent for t, m in zip(types, moving, strict=True) if m]
    made = dce(build(eqn.primitive.name, [*types, *tangents], body))
    return without_effects(made) or made, tuple(nonzero)


def _compositions(n: int, parts: int) -> list[tuple[int, ...]]:
    """All tuples of `parts` natural numbers with sum n."""
    if parts == 1:
        return [(n,)]
    return [(k, *rest) for k in range(n + 1) for rest in _compositions(n - k, parts - 1)]


# --- for primitives that carry functions ---------------------------------------------------------


def wanted_series(
    fn: Function, order: int, active: tuple[bool, ...], wanted: tuple[bool, ...]
) -> Function:
    """Program of series whose results with terms are exactly the wanted ones, zeros filled in.

    Parameters: parameters of `fn`, terms of the active ones. Results: those of `fn`, terms
    of the wanted ones.
    """
    made, found = jet(fn, order, active)
    if found == wanted:
        return made
    key = ("wanted_series", order, active, wanted)
    if key not in fn.memo:
        n = len(fn.results)

        def body(*args: Any) -> list[Any]:
            outs = current.interpreter.apply(made, args)
            rest = iter(outs[n:])
            rows = [[next(rest) for _ in range(order)] if f else None for f in found]
            filled = [
                [instantiate(Zero(t.tangent))] * order if row is None else row
                for t, row, w in zip(fn.out_types, rows, wanted, strict=True)
                if w
            ]
            return [*outs[:n], *(c for row in filled for c in row)]

        fn.memo[key] = build(made.name, made.in_types, body)
    return fn.memo[key]


def in_rows(flat: Sequence[Any], mask: Sequence[bool], order: int) -> list[Terms]:
    """Terms one after the other, as one list for each result that has some."""
    rest = iter(flat)
    return [[next(rest) for _ in range(order)] if m else None for m in mask]
