"""Every rule of every primitive against its oracle, driven by the table in `tests/cases`.

The oracles: NumPy (the `ref` rule) for types and compiled code, central differences for
derivatives, the pairing <ct, J t> = <J^T ct, t> for transposes, a Python loop for batching,
and running the parts of a split separately for shard rules.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from ms_func.dtypes import is_inexact
from ms_func.execution.dispatch import bottom
from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Function, Literal
from ms_func.ir.notation import Rule, make_rule
from ms_func.ir.primitive import (
    NONLINEAR,
    UNFOLDED,
    ZERO,
    Cost,
    Linear,
    Multilinear,
    NotSupported,
    Primitive,
    current,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.cast import convert_element_type
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.jet import jet
from ms_func.transforms.jvp import jvp
from ms_func.transforms.linearize import vjp
from ms_func.transforms.passes import simplify
from tests.cases.case import Case
from tests.cases.primitives import CASES, PRIMITIVES

SLOTS = ("abstract", "ref", "lower", "jvp", "transpose", "batch", "shard", "cost", "jet")


def each_case(select: Callable[[Primitive, Case], bool] = lambda p, c: True) -> Any:
    """Parametrize over all cases that `select` accepts."""
    rows = [
        pytest.param(PRIMITIVES[name], case, id=f"{name}-{k}")
        for name, cases in sorted(CASES.items())
        for k, case in enumerate(cases)
        if select(PRIMITIVES[name], case)
    ]
    return pytest.mark.parametrize(("p", "case"), rows)


def function(p: Primitive, case: Case, arrays: Sequence[np.ndarray]) -> Function:
    """The program that applies the primitive once."""

    def body(*args: Any) -> list[Any]:
        out = p.bind(*args, **case.params)
        return out if p.multiple_results else [out]

    return build(p.name, [typeof(a) for a in arrays], body)


def reference(p: Primitive, case: Case, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Results by NumPy."""
    with np.errstate(all="ignore"):
        out = p.ref(*arrays, **case.params)  # type: ignore[operator]
    return [np.asarray(x) for x in (out if p.multiple_results else [out])]


def has_reference(p: Primitive, case: Case) -> bool:
    return not isinstance(p.ref, NotSupported)


def _splits(p: Primitive) -> bool:
    return p.shard is not UNFOLDED and not isinstance(p.shard, NotSupported)


# --- the table itself -------------------------------------------------------------------------


ELSEWHERE = {"callback": "tests/effects", "check": "tests/effects", "recur": "tests/source",
             "ffi_call": "tests/compat", "rng_uniform": "tests/lax", "platform_index": "tests/lax",
             "inspect_sharding": "tests/parallel"}  # fmt: skip
"""Operations that only have a meaning within a run or a recording, and where they are tested."""


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_a_primitive_has_cases_and_no_empty_rule(name: str):
    assert CASES.get(name) or name in ELSEWHERE, f"add cases of {name} to tests/cases"
    for slot in SLOTS:
        rule = getattr(PRIMITIVES[name], slot)
        assert rule is not None, f"rule {slot} of {name} is empty"
        if isinstance(rule, NotSupported):
            assert len(rule.reason) > 8, f"rule {slot} of {name} must say why it cannot exist"


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_what_is_called_not_linear_is_not(name: str):
    """An operation that is linear in operands, by its derivative rule, has a transpose."""
    p = PRIMITIVES[name]
    if isinstance(p.jvp, (Linear, Multilinear)):
        assert p.transpose is not NONLINEAR


def test_cases_are_of_primitives_that_exist():
    assert set(CASES) <= set(PRIMITIVES)


# --- types, compiled code, cost -----------------------------------------------------------------


@each_case(has_reference)
def test_types_are_those_of_the_reference(p: Primitive, case: Case):
    for dtype in case.dtypes:
        arrays = case.arrays(dtype)
        types = p.result_types(tuple(typeof(a) for a in arrays), case.params)
        outs = reference(p, case, arrays)
        assert [(x.shape, x.dtype) for x in outs] == [(t.shape, t.dtype) for t in types]
        cost = p.cost([typeof(a) for a in arrays], types, **case.params)
        assert isinstance(cost, Cost)
        assert all(np.isfinite(n) and n >= 0 for n in cost)


@pytest.mark.parametrize("dtypes", ["first", pytest.param("all", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sorted(CASES))
def test_compiled_code_agrees_with_the_reference(name: str, dtypes: str):
    """One program holds all cases and dtypes of a primitive, since compiling takes longest."""
    p = PRIMITIVES[name]
    if isinstance(p.lower, NotSupported) or isinstance(p.ref, NotSupported):
        pytest.skip("no compiled form or no reference")
    uses = [
        (case, dtype, arrays)
        for case in CASES[name]
        for dtype in (case.dtypes if dtypes == "all" else case.dtypes[:1])
        for arrays in [case.arrays(dtype), *([_edges(case, dtype)] if case.edges else [])]
    ]
    flat = [a for _, _, arrays in uses for a in arrays]

    def body(*args: Any) -> list[Any]:
        rest, outs = iter(args), []
        for case, _, arrays in uses:
            out = p.bind(*[next(rest) for _ in arrays], **case.params)
            outs.extend(out if p.multiple_results else [out])
        return outs

    got = iter(bottom.apply(build(name, [typeof(a) for a in flat], body), flat))
    for case, dtype, arrays in uses:
        for want in reference(p, case, arrays):
            assert_close(np.asarray(next(got)), want, case.ulps, f"{name} {dtype} {case.params}")


_EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, np.inf, -np.inf, np.nan, 3.0, -2.5, 1.5)


def _edges(case: Case, dtype: str) -> list[np.ndarray]:
    """Operands of all pairs of awkward values; a shape of its own."""
    kind = case.arrays(dtype)[0].dtype
    if kind.kind == "b":
        values = np.array([False, True])
    elif is_inexact(kind):
        values = np.array(_EDGES).astype(kind)
    else:
        info = ml_dtypes.iinfo(kind)
        values = np.array([0, 1, 2, 7, info.max, info.min, info.max - 1], kind)
        if info.min < 0:
            values = np.concatenate([values, np.array([-1, -2], kind)])
    grid = np.meshgrid(*[values] * len(case.args))
    return [g.reshape(-1) for g in grid]


def assert_close(got: np.ndarray, want: np.ndarray, ulps: float, message: str) -> None:
    """Equal integers, or floats within `ulps` units in the last place.

    A unit of a complex number is one of its magnitude; infinities and NaN must stand alike
    in both parts.
    """
    assert got.dtype == want.dtype, message
    assert got.shape == want.shape, message
    if not is_inexact(got.dtype):
        np.testing.assert_array_equal(got, want, err_msg=message)
        return
    info = ml_dtypes.finfo(np.zeros(0, got.dtype).real.dtype)
    with np.errstate(all="ignore"):
        size = np.abs(want.astype(np.complex128))
        unit = float(info.eps) * size + float(info.smallest_normal)
        for a, b in zip(_parts(got), _parts(want), strict=True):
            off = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b) / unit)
            ok = off <= ulps
            assert ok.all(), (
                f"{message}: got {a[~ok][:3]}, want {b[~ok][:3]} at {np.argwhere(~ok)[:3].tolist()}"
                f"; {np.sum(~ok)} of {ok.size} are off, by up to {np.nanmax(off)} ulps"
            )


def _parts(x: np.ndarray) -> list[np.ndarray]:
    if x.dtype.kind == "c":
        return [x.real.astype(np.float64), x.imag.astype(np.float64)]
    return [x.astype(np.float64)]


@each_case(lambda p, c: has_reference(p, c) and p.simplify is not None)
def test_simplifying_keeps_the_meaning(p: Primitive, case: Case):
    arrays = case.arrays(case.widest)
    made = simplify(function(p, case, arrays))
    for got, want in zip(evaluate(made, *arrays), reference(p, case, arrays), strict=True):
        np.testing.assert_array_equal(got, want)


# --- derivatives ------------------------------------------------------------------------------


def _is_smooth(p: Primitive, case: Case) -> bool:
    return case.smooth and has_reference(p, case) and not isinstance(p.jvp, NotSupported)


def _derivative_dtypes(case: Case) -> list[str]:
    return [d for d in ("float64", "complex128") if d in case.dtypes]


def _directions(rng: np.random.Generator, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Random direction for each inexact operand."""
    out = []
    for a in arrays:
        v = rng.uniform(-1, 1, a.shape)
        if a.dtype.kind == "c":
            v = v + 1j * rng.uniform(-1, 1, a.shape)
        out.append(v.astype(a.dtype))
    return out


def _move(
    arrays: Sequence[np.ndarray], active: Sequence[bool], way: Sequence[np.ndarray], by: float
) -> list[np.ndarray]:
    rest = iter(way)
    return [
        np.asarray(a + by * next(rest), a.dtype) if on else a
        for a, on in zip(arrays, active, strict=True)
    ]


def differences(
    f: Callable[[Sequence[np.ndarray]], list[np.ndarray]],
    arrays: Sequence[np.ndarray],
    active: Sequence[bool],
    way: Sequence[np.ndarray],
    h: float,
) -> list[Any]:
    """Derivative of `f` along `way` by central differences of fourth order."""
    near = [f(_move(arrays, active, way, s * h)) for s in (1, -1)]
    far = [f(_move(arrays, active, way, s * 2 * h)) for s in (1, -1)]
    return [
        (8 * (a - b) - (c - d)) / (12 * h) if is_inexact(a.dtype) else None
        for a, b, c, d in zip(*near, *far, strict=True)
    ]


def _subsets(case: Case, arrays: Sequence[np.ndarray]) -> list[tuple[bool, ...]]:
    """All operands that have tangents together, and each of them alone."""
    can = [is_inexact(a.dtype) and i not in case.inactive for i, a in enumerate(arrays)]
    alone = [tuple(i == k for i in range(len(can))) for k, on in enumerate(can) if on]
    together = tuple(can)
    return ([together] if any(can) and together not in alone else []) + alone[:4]


def _close(got: Any, want: Any) -> None:
    scale = max(1.0, float(np.max(np.abs(want), initial=0)))
    np.testing.assert_allclose(got, want, rtol=2e-7, atol=2e-7 * scale)


@each_case(_is_smooth)
def test_jvp_agrees_with_differences(p: Primitive, case: Case):
    for dtype in _derivative_dtypes(case):
        arrays = case.arrays(dtype)
        for active in _subsets(case, arrays):
            _check_jvp(p, case, arrays, active)


def _check_jvp(
    p: Primitive, case: Case, arrays: Sequence[np.ndarray], active: tuple[bool, ...]
) -> None:
    rng = np.random.default_rng(1)
    fn = function(p, case, arrays)
    made, nonzero = jvp(fn, active)
    way = _directions(rng, [a for a, on in zip(arrays, active, strict=True) if on])
    outs = evaluate(made, *arrays, *way)
    n = len(fn.results)
    for got, want in zip(outs[:n], reference(p, case, arrays), strict=True):
        _close(got, want)
    tangents = iter(outs[n:])
    numeric = differences(lambda xs: evaluate(fn, *xs), arrays, active, way, case.step)
    for live, want in zip(nonzero, numeric, strict=True):
        if live:
            _close(next(tangents), want)
        elif want is not None:
            _close(np.zeros_like(want), want)
    if case.orders < 2 or not any(nonzero):
        return
    everything = tuple(
        is_inexact(a.dtype) and i not in case.inactive for i, a in enumerate((*arrays, *way))
    )
    second, live_second = jvp(made, everything)
    point = [*arrays, *way]
    way2 = _directions(rng, [a for a, on in zip(point, everything, strict=True) if on])
    outs = iter(evaluate(second, *point, *way2)[len(made.results) :])
    numeric = differences(lambda xs: evaluate(made, *xs), point, everything, way2, case.step)
    for live, want in zip(live_second, numeric, strict=True):
        if live:
            _close(next(outs), want)
        elif want is not None:
            _close(np.zeros_like(want), want)


@each_case(lambda p, c: _is_smooth(p, c) and p.jvp is not ZERO)
def test_jet_agrees_with_nested_jvp(p: Primitive, case: Case):
    """Law 15: the terms of the series are those of nested derivatives by the curve's parameter."""
    for dtype in _derivative_dtypes(case):
        arrays = case.arrays(dtype)
        active = _subsets(case, arrays)
        if active:
            _check_jet(p, case, arrays, active[0], 3 if case.orders > 1 else 1)


def _check_jet(
    p: Primitive, case: Case, arrays: Sequence[np.ndarray], active: tuple[bool, ...], order: int
) -> None:
    rng = np.random.default_rng(3)
    fn = function(p, case, arrays)
    moving = [a for a, on in zip(arrays, active, strict=True) if on]
    terms = [[0.3 * v for v in row] for row in zip(
        *(_directions(rng, moving) for _ in range(order)), strict=True)]  # fmt: skip
    made, found = jet(fn, order, active)
    outs = iter(evaluate(made, *arrays, *(c for row in terms for c in row)))
    for got, want in zip([next(outs) for _ in fn.results], evaluate(fn, *arrays), strict=True):
        np.testing.assert_array_equal(got, want)
    rows = [[next(outs) for _ in range(order)] if f else None for f in found]
    for k, nested in enumerate(_nested(fn, arrays, active, terms, order), 1):
        for row, want in zip(rows, nested, strict=True):
            if row is None:
                assert want is None or not np.any(want)
            elif want is not None:
                _close(row[k - 1], want / math.factorial(k))


def _nested(fn: Function, arrays: Any, active: Any, terms: Any, order: int) -> list[list[Any]]:
    """Derivatives 1 to `order` along the curve by jvp of jvp, None for results without any."""
    types = [typeof(a) for a in arrays]
    flat = [c for row in terms for c in row]

    def along(t: Any, *values: Any) -> list[Any]:
        xs, rest = list(values[: len(types)]), iter(values[len(types) :])
        for i, on in enumerate(active):
            power = t if on else None
            for _ in range(order if on else 0):
                scaled = convert_element_type(power, xs[i].dtype)
                xs[i] = add(xs[i], mul(next(rest), scaled))
                power = mul(power, t)
        return current.interpreter.apply(fn, xs)

    made = build("along", [ArrayType((), np.dtype(np.float64)), *types, *map(typeof, flat)], along)
    n, none = len(fn.results), (False,) * (len(types) + len(flat))
    derivative, found = made, []
    live = [True] * n
    for _ in range(order):
        dual, nonzero = jvp(derivative, (True, *none))
        dots = iter(dual.results[len(derivative.results) :])
        kept = [next(dots) if nz else None for nz in nonzero]
        before = iter(k is not None for k in kept)
        live = [lv and next(before) for lv in live]
        results = [k for k in kept if k is not None]
        # A function of t alone: its own tangent is 1.
        one = Literal(1.0, ArrayType((), np.dtype(np.float64)))
        dual = Function(dual.name, dual.params, dual.eqns, results)

        def slope(*xs: Any, dual: Function = dual, one: Any = one) -> list[Any]:
            return current.interpreter.apply(dual, [*xs, one])

        derivative = build("slope", made.in_types, slope)
        outs = iter(evaluate(derivative, np.float64(0), *arrays, *flat))
        found.append([next(outs) if lv else None for lv in live])
    return found


@each_case(lambda p, c: _is_smooth(p, c) and p.jvp is not ZERO)
def test_transpose_is_adjoint_to_jvp(p: Primitive, case: Case):
    """Re <ct, J t> = Re <J^T ct, t>, with the pairing that is linear in both."""
    for dtype in _derivative_dtypes(case):
        arrays = case.arrays(dtype)
        for active in _subsets(case, arrays):
            rng = np.random.default_rng(2)
            fn = function(p, case, arrays)
            made, nonzero = jvp(fn, active)
            way = _directions(rng, [a for a, on in zip(arrays, active, strict=True) if on])
            tangents = iter(evaluate(made, *arrays, *way)[len(fn.results) :])
            cts = [
                _directions(rng, [np.zeros(t.shape, t.dtype)])[0] if is_inexact(t.dtype)
                else np.zeros(t.shape, t.tangent.dtype)
                for t in fn.out_types
            ]  # fmt: skip
            back = evaluate(vjp(fn, active), *arrays, *cts)[len(fn.results) :]
            left = sum(
                np.sum(ct * next(tangents)).real
                for ct, live in zip(cts, nonzero, strict=True) if live
            )  # fmt: skip
            right = sum(np.sum(c * v).real for c, v in zip(back, way, strict=True))
            assert all(c.dtype == v.dtype for c, v in zip(back, way, strict=True))
            np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9)


# --- batching ---------------------------------------------------------------------------------


@each_case(lambda p, c: has_reference(p, c) and not isinstance(p.batch, NotSupported))
@pytest.mark.parametrize(
    "size", [3, pytest.param(0, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.slow)]
)
def test_batching_agrees_with_a_loop(p: Primitive, case: Case, size: int):
    arrays = case.arrays(case.widest)
    may = range(len(arrays)) if case.batch_args is None else case.batch_args
    choices = [[None, *range(a.ndim + 1)] if i in may else [None] for i, a in enumerate(arrays)]
    every = [dims for dims in itertools.product(*choices) if any(d is not None for d in dims)]
    some = every if len(every) <= 24 else every[:: len(every) // 24 + 1]
    fn = function(p, case, arrays)
    for dims in some:
        _check_batch(p, case, fn, dims, size)


def _check_batch(
    p: Primitive, case: Case, fn: Function, dims: tuple[int | None, ...], size: int
) -> None:
    draws = [case.arrays(case.widest, str(lane)) for lane in range(size)]
    plain = case.arrays(case.widest, "shared")
    stacked = [
        a if d is None else np.moveaxis(_stack([xs[i] for xs in draws], a), 0, d)
        for i, (a, d) in enumerate(zip(plain, dims, strict=True))
    ]
    made, out_dims = batch(fn, size, dims, ("any",) * len(fn.results))
    outs = evaluate(made, *stacked)
    lanes = [
        reference(p, case, [a if d is None else xs[i]
                            for i, (a, d) in enumerate(zip(plain, dims, strict=True))])
        for xs in draws
    ]  # fmt: skip
    for k, (out, dim, t) in enumerate(zip(outs, out_dims, fn.out_types, strict=True)):
        if dim is None:
            assert out.shape == t.shape
            for lane in lanes:
                _same(out, lane[k], dims)
            continue
        assert out.shape == (*t.shape[:dim], size, *t.shape[dim:]), dims
        for n, lane in enumerate(lanes):
            _same(np.take(out, n, dim), lane[k], dims)


def _stack(arrays: Sequence[np.ndarray], like: np.ndarray) -> np.ndarray:
    return np.stack(arrays) if arrays else np.zeros((0, *like.shape), like.dtype)


def _same(got: np.ndarray, want: np.ndarray, dims: Any) -> None:
    if is_inexact(want.dtype):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12, err_msg=str(dims))
    else:
        np.testing.assert_array_equal(got, want, err_msg=str(dims))


# --- splitting --------------------------------------------------------------------------------

_JOIN = {
    "sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}  # fmt: skip


@each_case(lambda p, c: has_reference(p, c) and _splits(p))
def test_parts_of_a_split_make_the_whole(p: Primitive, case: Case):
    arrays = case.arrays(case.widest)
    types = tuple(typeof(a) for a in arrays)
    outs = p.result_types(types, case.params)
    rule = make_rule(p, types, outs, case.params)
    whole = reference(p, case, arrays)
    for factor, kind in enumerate(rule.kinds):
        alone = factor not in {h.factor for h in rule.halos}  # else pieces need their neighbours
        if alone and (kind == "plain" or kind in _JOIN) and _can_halve(rule, factor):
            _check_split(p, case, arrays, outs, rule, factor, whole)


def _can_halve(rule: Rule, factor: int) -> bool:
    """Whether halves of the factor are halves of every dimension it is in."""
    dims = [d for term in (*rule.ins, *rule.outs) for d in term if factor in d]
    return (
        rule.sizes[factor] % 2 == 0 and rule.sizes[factor] > 0 and all(d[0] == factor for d in dims)
    )


def _check_split(
    p: Primitive,
    case: Case,
    arrays: Sequence[np.ndarray],
    outs: Sequence[ArrayType],
    rule: Rule,
    factor: int,
    whole: Sequence[np.ndarray],
) -> None:
    kind = rule.kinds[factor]
    parts = []
    for half in range(2):
        mine = [_half(a, term, factor, half) for a, term in zip(arrays, rule.ins, strict=True)]
        if kind in ("sum", "prod") and half:
            nothing = np.zeros_like if kind == "sum" else np.ones_like
            mine = [nothing(a) if i in case.once else a for i, a in enumerate(mine)]
        kept = [
            ArrayType(_half(np.empty(t.shape), term, factor, half).shape, t.dtype)
            for t, term in zip(outs, rule.outs, strict=True)
        ]
        params = case.params
        if case.local is not None:
            params = case.local(params, [typeof(a) for a in mine], kept)
        found = p.ref(*mine, **params)  # type: ignore[operator]
        found = list(found) if p.multiple_results else [found]
        assert [x.shape for x in found] == [t.shape for t in kept]
        parts.append(found)
    for k, (want, term) in enumerate(zip(whole, rule.outs, strict=True)):
        at = [d for d, names in enumerate(term) if factor in names]
        one, two = parts[0][k], parts[1][k]
        got = np.concatenate([one, two], at[0]) if at else _JOIN[kind](one, two)
        _same(got, want, (str(rule), rule.names[factor]))


def _half(a: np.ndarray, term: Sequence[Sequence[int]], factor: int, half: int) -> np.ndarray:
    for d, names in enumerate(term):
        if factor in names:
            a = np.split(a, 2, d)[half]
    return a
