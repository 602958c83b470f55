"""Reductions, windows and pooling gradients equal XLA's."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ms_func_ascend.operators.reduce import identity_of
from tests.support.ascend import both, check, check_many, element, module, tensor, typed, values

FLOATS = ["float32", "float16", "bfloat16", "float64"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
KINDS = {
    **{name: [*FLOATS, *INTS, "complex64", "bool"] for name in ("add", "multiply")},
    **{name: [*FLOATS, *INTS, "bool"] for name in ("maximum", "minimum")},
    **{name: [*INTS, "bool"] for name in ("and", "or", "xor")},
}
ROUGH = {"float16": 6e-3, "bfloat16": 5e-2, "float32": 5e-5}
INFINITE = {"float32": ("FF800000", "7F800000"), "float16": ("FC00", "7C00"),
            "bfloat16": ("FF80", "7F80"),
            "float64": ("FFF0000000000000", "7FF0000000000000")}  # fmt: skip


def commas(items: Any) -> str:
    return ", ".join(map(str, items))


def literal(value: Any, dtype: str) -> str:
    """A scalar in MLIR's text form."""
    if dtype == "bool":
        return "true" if value else "false"
    if dtype.startswith("complex"):
        return f"({float(value)}, 0.0)"
    if dtype in INFINITE:
        if np.isinf(value):
            return "0x" + INFINITE[dtype][value > 0]
        return str(float(value))
    return str(value if value >= 0 else int(np.array(value).astype(dtype)))


def reducer(kind: str, dtype: str) -> str:
    e = element(dtype)
    return f"""({{ ^bb0(%a: tensor<{e}>, %b: tensor<{e}>):
    %c = stablehlo.{kind} %a, %b : tensor<{e}>
    stablehlo.return %c : tensor<{e}> }})"""


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS, "complex64", "bool"])
@pytest.mark.parametrize("special", [False, True])
def test_reductions_along_any_dimensions(dtype: str, special: bool) -> None:
    x, init = values(dtype, (3, 7, 5), 1, special=special), np.array(3).astype(dtype)
    e = element(dtype)
    cases = {}
    for kind, dtypes in KINDS.items():
        if dtype not in dtypes or (special and kind in ("add", "multiply") and dtype in FLOATS):
            continue
        for dims in ((1,), (0, 2), (0, 1, 2), ()):
            shape = [n for d, n in enumerate(x.shape) if d not in dims]
            cases[f"{kind} {dims}"] = (
                f'"stablehlo.reduce"(%arg0, %{kind}) {reducer(kind, dtype)} '
                f"{{dimensions = array<i64{': ' if dims else ''}{commas(dims)}>}} : "
                f"({typed(x)}, tensor<{e}>) -> {tensor(shape, dtype)}",
                tensor(shape, dtype),
            )
        cases[f"{kind} from 3"] = (
            f'"stablehlo.reduce"(%arg0, %arg1) {reducer(kind, dtype)} '
            f"{{dimensions = array<i64: 1>}} : "
            f"({typed(x)}, tensor<{e}>) -> {tensor((3, 5), dtype)}",
            tensor((3, 5), dtype),
        )
    held = np.dtype("float32" if dtype == "bfloat16" else dtype)
    starts = "".join(
        f"  %{kind} = stablehlo.constant dense<{literal(identity_of(kind, held), dtype)}>"
        f" : tensor<{e}>\n"
        for kind, dtypes in KINDS.items()
        if dtype in dtypes
    )
    body = starts + "\n".join(f"  %r{k} = {text}" for k, (text, _) in enumerate(cases.values()))
    kinds = [kind for _, kind in cases.values()]
    returned = ", ".join(f"%r{k}" for k in range(len(kinds)))
    check(module(body, [x, init], kinds, returned), x, init, rtol=ROUGH.get(dtype))


def test_a_maximum_that_is_not_nan_needs_no_guard() -> None:
    x = values("int32", (4, 5), 1)
    body = """  %f = stablehlo.convert %arg0 : (tensor<4x5xi32>) -> tensor<4x5xf32>
  %i = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %r = stablehlo.reduce(%f init: %i) applies stablehlo.maximum across dimensions = [1]
    : (tensor<4x5xf32>, tensor<f32>) -> tensor<4xf32>"""
    graph = check(module(body, [x], ["tensor<4xf32>"], "%r"), x)
    assert graph.count() == {"Data": 1, "Cast": 1, "Const": 1, "ReduceMax": 1}


def argument(which: str, dtype: str, axis: int, x: np.ndarray, nan: bool = True) -> str:
    """A module with argmax or argmin as front ends write it: value, then lowest index."""
    e, n = element(dtype), x.shape[1 - axis]
    order = "GT" if which == "max" else "LT"
    start = identity_of("maximum" if which == "max" else "minimum", np.dtype(
        "float32" if dtype == "bfloat16" else dtype))  # fmt: skip
    first = "%g" if not nan else "%first"
    guard = (
        ""
        if not nan
        else f"""    %n = stablehlo.compare NE, %a, %a : (tensor<{e}>, tensor<{e}>) -> tensor<i1>
    %first = stablehlo.or %g, %n : tensor<i1>"""
    )
    kinds = [f"tensor<{n}x{e}>", f"tensor<{n}xi32>"]
    body = f"""  %io = stablehlo.iota dim = {axis} : {tensor(x.shape, "int32")}
  %i0 = stablehlo.constant dense<{literal(start, dtype)}> : tensor<{e}>
  %i1 = stablehlo.constant dense<0> : tensor<i32>
  %s:2 = "stablehlo.reduce"(%arg0, %io, %i0, %i1) ({{
    ^bb0(%a: tensor<{e}>, %i: tensor<i32>, %b: tensor<{e}>, %j: tensor<i32>):
    %g = stablehlo.compare {order}, %a, %b : (tensor<{e}>, tensor<{e}>) -> tensor<i1>
{guard}
    %q = stablehlo.compare EQ, %a, %b : (tensor<{e}>, tensor<{e}>) -> tensor<i1>
    %l = stablehlo.compare LT, %i, %j : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %t = stablehlo.and %q, %l : tensor<i1>
    %p = stablehlo.or {first}, %t : tensor<i1>
    %v = stablehlo.select {first}, %a, %b : tensor<i1>, tensor<{e}>
    %w = stablehlo.select %p, %i, %j : tensor<i1>, tensor<i32>
    stablehlo.return %v, %w : tensor<{e}>, tensor<i32> }}) {{dimensions = array<i64: {axis}>}}
    : ({typed(x)}, {tensor(x.shape, "int32")}, tensor<{e}>, tensor<i32>) -> ({commas(kinds)})"""
    return module(body, [x], kinds, "%s#0, %s#1")


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS])
@pytest.mark.parametrize("which", ["max", "min"])
def test_argmax_and_argmin_are_recognised(dtype: str, which: str) -> None:
    for axis in (0, 1):
        x = values(dtype, (6, 7), 5 + axis)
        graph = check(argument(which, dtype, axis, x), x)
        assert ("ArgMaxV2" if which == "max" else "ArgMin") in graph.count()


def test_an_argmax_without_care_for_nan_is_folded() -> None:
    """It does not decide as argmax does for NaN, so its own body runs, in log2(n) rounds."""
    x = values("float32", (6, 13), 5, special=False)
    graph = check(argument("max", "float32", 1, x, nan=False), x)
    assert "ArgMaxV2" not in graph.count()


@given(st.integers(1, 17))
@settings(max_examples=8)
def test_any_body_is_folded_by_halves(n: int) -> None:
    """Complex multiplication of pairs: no operator knows it."""
    x, y = values("float32", (n, 3), 1, special=False), values("float32", (n, 3), 2, special=False)
    body = f"""  %one = stablehlo.constant dense<1.0> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s:2 = "stablehlo.reduce"(%arg0, %arg1, %one, %zero) ({{
    ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>, %d: tensor<f32>):
    %ac = stablehlo.multiply %a, %c : tensor<f32>
    %bd = stablehlo.multiply %b, %d : tensor<f32>
    %ad = stablehlo.multiply %a, %d : tensor<f32>
    %bc = stablehlo.multiply %b, %c : tensor<f32>
    %re = stablehlo.subtract %ac, %bd : tensor<f32>
    %im = stablehlo.add %ad, %bc : tensor<f32>
    stablehlo.return %re, %im : tensor<f32>, tensor<f32> }}) {{dimensions = array<i64: 0>}}
    : ({typed(x)}, {typed(y)}, tensor<f32>, tensor<f32>) -> (tensor<3xf32>, tensor<3xf32>)"""
    check(module(body, [x, y], ["tensor<3xf32>"] * 2, "%s#0, %s#1"), x, y, rtol=1e-4)


NONE = ((0, 0),) * 4
WINDOWS = [
    ((1, 2, 2, 1), (1, 2, 2, 1), NONE, (1, 1, 1, 1), (1, 1, 1, 1)),
    ((1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (0, 1), (0, 0)), (1, 1, 1, 1), (1, 1, 1, 1)),
    ((1, 2, 2, 1), (1, 1, 1, 1), ((0, 0), (0, 1), (0, 1), (0, 0)), (1, 2, 1, 1), (1, 1, 2, 1)),
    ((1, 1, 6, 1), (1, 1, 1, 1), ((0, 0), (0, 0), (5, 0), (0, 0)), (1, 1, 1, 1), (1, 1, 1, 1)),
    ((1, 1, 6, 1), (1, 1, 1, 1), ((0, 0), (0, 0), (0, 5), (0, 0)), (1, 1, 1, 1), (1, 1, 1, 1)),
    ((2, 2, 2, 3), (1, 2, 1, 2), ((0, 1), (1, 0), (0, 0), (1, 1)), (1, 1, 1, 1), (1, 1, 1, 1)),
    ((1, 5, 5, 1), (1, 1, 1, 1), ((0, 0), (4, 4), (2, 2), (0, 0)), (1, 1, 1, 1), (1, 1, 1, 1)),
    ((1, 3, 1, 1), (1, 2, 1, 1), ((0, 0), (-1, 1), (0, 0), (0, 0)), (1, 1, 1, 1), (1, 1, 1, 1)),
]


def window_text(kind: str, dtype: str, x: np.ndarray, window: Any) -> tuple[str, str]:
    size, steps, pads, base, dilation = window
    shape = [
        ((x.shape[d] - 1) * base[d] + 1 + sum(pads[d]) - (size[d] - 1) * dilation[d] - 1)
        // steps[d] + 1
        for d in range(4)
    ]  # fmt: skip
    rows = commas(f"[{a}, {b}]" for a, b in pads)
    return (
        f'"stablehlo.reduce_window"(%arg0, %arg1) {reducer(kind, dtype)} '
        f"{{window_dimensions = array<i64: {commas(size)}>, "
        f"window_strides = array<i64: {commas(steps)}>, base_dilations = array<i64: "
        f"{commas(base)}>, window_dilations = array<i64: {commas(dilation)}>, "
        f"padding = dense<[{rows}]> : tensor<4x2xi64>}} : "
        f"({typed(x)}, tensor<{element(dtype)}>) -> {tensor(shape, dtype)}",
        tensor(shape, dtype),
    )


@pytest.mark.parametrize("dtype", [*FLOATS, "int32", "int8", "uint32", "bool"])
@pytest.mark.parametrize("kind", ["add", "maximum", "minimum", "multiply"])
def test_windows_of_every_form(kind: str, dtype: str) -> None:
    x = values(dtype, (2, 7, 6, 3), 1, special=kind in ("maximum", "minimum"))
    own = np.dtype("float32" if dtype == "bfloat16" else dtype)
    init = np.array(identity_of(kind, own)).astype(values(dtype, ()).dtype)
    cases = {str(w): window_text(kind, dtype, x, w) for w in WINDOWS}
    check_many(cases, x, init, rtol=ROUGH.get(dtype))


@pytest.mark.parametrize(("kind", "op"), [("maximum", "MaxPoolV3"), ("add", "AvgPoolV2"),
                                          ("minimum", "MaxPoolV3")])  # fmt: skip
def test_pooling_has_its_operator(kind: str, op: str) -> None:
    x = values("float32", (2, 7, 6, 3), 1, special=False)
    init = np.float32(identity_of(kind, np.dtype(np.float32)))
    text, out = window_text(kind, "float32", x, WINDOWS[1])
    graph = check_many({"window": (text, out)}, x, np.asarray(init))
    assert op in graph.count()
    (node, *_) = (n for n in graph.nodes if n.op == op)
    assert node.attrs["pads"] == [1, 1, 0, 1]
    assert node.layouts == {"x": "NHWC", "y": "NHWC"}
    assert "Transpose" not in graph.count()


def test_a_running_sum_has_its_operator() -> None:
    x = values("float32", (2, 7, 6, 3), 1, special=False)
    for window, reverse in ((WINDOWS[3], False), (WINDOWS[4], True)):
        text, out = window_text("add", "float32", x, window)
        graph = check_many({"window": (text, out)}, x, np.zeros((), np.float32))
        (node,) = (n for n in graph.nodes if n.op == "Cumsum")
        assert node.attr("reverse") is reverse


def scatter_text(dtype: str, x: np.ndarray, u: np.ndarray, window: Any, order: str = "GE") -> str:
    size, steps, pads = window
    e = element(dtype)
    rows = commas(f"[{a}, {b}]" for a, b in pads)
    zero = literal(0, dtype)
    body = f"""  %i = stablehlo.constant dense<{zero}> : tensor<{e}>
  %r = "stablehlo.select_and_scatter"(%arg0, %arg1, %i) ({{
    ^bb0(%a: tensor<{e}>, %b: tensor<{e}>):
    %c = stablehlo.compare {order}, %a, %b : (tensor<{e}>, tensor<{e}>) -> tensor<i1>
    stablehlo.return %c : tensor<i1> }}, {reducer("add", dtype)[1:]}
    {{window_dimensions = array<i64: {commas(size)}>, window_strides = array<i64: {commas(steps)}>,
    padding = dense<[{rows}]> : tensor<{len(size)}x2xi64>}}
    : ({typed(x)}, {typed(u)}, tensor<{e}>) -> {typed(x)}"""
    return module(body, [x, u], [typed(x)], "%r")


POOLS = [
    ((1, 2, 2, 1), (1, 2, 2, 1), NONE),
    ((1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (0, 1), (0, 0))),
    ((1, 3, 2, 1), (1, 1, 1, 1), ((0, 0), (1, 1), (0, 1), (0, 0))),
    ((2, 3), (1, 1), ((0, 0), (2, 2))),
]


@pytest.mark.parametrize("dtype", [*FLOATS, "int32"])
@pytest.mark.parametrize("window", POOLS)
def test_gradients_of_pooling(dtype: str, window: Any) -> None:
    """Distinct elements: which of several equal ones is chosen is up to the implementation."""
    size, steps, pads = window
    shape = (2, 7, 6, 3)[: len(size)]
    rng = np.random.default_rng(3)
    x = (rng.permutation(int(np.prod(shape))) - 100).reshape(shape).astype(values(dtype, ()).dtype)
    out = [(n + sum(p) - k) // s + 1 for n, p, k, s in zip(shape, pads, size, steps, strict=True)]
    u = values(dtype, out, 3, special=False)
    check(scatter_text(dtype, x, u, window), x, u, rtol=ROUGH.get(dtype))


def test_the_first_of_equal_elements_gets_the_gradient() -> None:
    """After relu whole windows are zero; the definition is a loop in row order."""
    size, steps, pads = window = ((3, 2), (1, 1), ((1, 1), (0, 1)))
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 3, (5, 4)).astype(np.int32)
    u = np.arange(1, 21, dtype=np.int32).reshape(5, 4)
    want = np.zeros_like(x)
    for at in np.ndindex(*u.shape):
        best: tuple[int, ...] | None = None
        for k in itertools.product(*map(range, size)):
            i = tuple(a * s + o - p for a, s, o, (p, _) in zip(at, steps, k, pads, strict=True))
            inside = all(0 <= v < n for v, n in zip(i, x.shape, strict=True))
            if inside and (best is None or x[best] < x[i]):
                best = i
        want[best] += u[at]
    _, got, _ = both(scatter_text("int32", x, u, window), x, u)
    np.testing.assert_array_equal(got[0], want)


@pytest.mark.parametrize("order", ["GE", "GT"])
def test_the_comparator_decides_between_equal_elements(order: str) -> None:
    """One that is not content with an equal element goes on to the last."""
    x = values("int32", (2, 8, 6, 3), 1, special=False).astype(np.float32) // 50
    u = values("float32", (2, 4, 3, 3), 2, special=False)
    check(scatter_text("float32", x, u, POOLS[0], order), x, u)


def test_reductions_of_nothing_give_the_start() -> None:
    x = np.zeros((0, 3), np.float32)
    body = """  %i = stablehlo.constant dense<1.5> : tensor<f32>
  %r = stablehlo.reduce(%arg0 init: %i) applies stablehlo.add across dimensions = [0]
    : (tensor<0x3xf32>, tensor<f32>) -> tensor<3xf32>"""
    check(module(body, [x], ["tensor<3xf32>"], "%r"), x)
