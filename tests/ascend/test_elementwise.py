"""Elementwise operations of every dtype, hard values included, equal XLA's results."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from ms_func_ascend import simulate, translate
from tests.support.ascend import check, check_many, module, one_op, tensor, typed, values

FLOATS = ["float32", "float16", "bfloat16", "float64"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
COMPLEX = ["complex64", "complex128"]
ALL = [*FLOATS, *INTS, *COMPLEX, "bool"]
SHAPE = (7, 9)

SMOOTH = ["exponential", "exponential_minus_one", "log", "log_plus_one", "sqrt", "rsqrt", "tanh",
          "logistic", "sine", "cosine", "tan"]  # fmt: skip
UNARY = {
    **dict.fromkeys(SMOOTH, FLOATS + COMPLEX),
    **dict.fromkeys(["floor", "ceil", "round_nearest_even", "round_nearest_afz", "cbrt"], FLOATS),
    "negate": FLOATS + INTS + COMPLEX,
    "abs": FLOATS + INTS[:4],
    "sign": FLOATS + INTS[:4] + COMPLEX,
    "not": [*INTS, "bool"],
    "popcnt": INTS,
    "count_leading_zeros": INTS,
}
BINARY = {
    **dict.fromkeys(["add", "multiply"], ALL),
    **dict.fromkeys(["subtract", "divide"], FLOATS + INTS + COMPLEX),
    "power": FLOATS + COMPLEX,
    "remainder": FLOATS + INTS,
    **{name: [*FLOATS, *INTS, "bool"] for name in ("maximum", "minimum")},
    **{name: [*INTS, "bool"] for name in ("and", "or", "xor")},
    **dict.fromkeys(["shift_left", "shift_right_logical", "shift_right_arithmetic"], INTS),
    "atan2": FLOATS,
}
CHLO = ["acos", "acosh", "asin", "asinh", "atan", "atanh", "sinh", "cosh", "tan", "erf", "erfc",
        "lgamma", "bessel_i1e", "square"]  # fmt: skip
TO_BOOL = ["is_inf", "is_pos_inf", "is_neg_inf"]


@pytest.mark.parametrize("dtype", ALL)
def test_operations_of_one_and_two_operands(dtype: str) -> None:
    x, y = values(dtype, SHAPE, 1), values(dtype, SHAPE, 2)
    kind = typed(x)
    cases = {}
    for name, dtypes in UNARY.items():
        if dtype in dtypes:
            cases[name] = f"stablehlo.{name} %arg0 : {kind}", kind
    for name, dtypes in BINARY.items():
        if dtype in dtypes:
            cases[name] = f"stablehlo.{name} %arg0, %arg1 : {kind}", kind
    if dtype in FLOATS:
        finite = tensor(SHAPE, "bool")
        cases["is_finite"] = f"stablehlo.is_finite %arg0 : ({kind}) -> {finite}", finite
    if dtype in COMPLEX:
        part = tensor(SHAPE, {"complex64": "float32", "complex128": "float64"}[dtype])
        for name in ("abs", "real", "imag"):
            cases[name] = f"stablehlo.{name} %arg0 : ({kind}) -> {part}", part
        cases["conj"] = f"chlo.conj %arg0 : {kind} -> {kind}", kind
    check_many(cases, x, y)


@pytest.mark.parametrize("dtype", INTS)
def test_integer_powers(dtype: str) -> None:
    """Modulo 2**width; exponents of 64 and more overflow and are left to the implementation."""
    x, y = values(dtype, SHAPE, 1), values("uint8", SHAPE, 2, special=False).astype(dtype)
    kind = typed(x)
    check_many({"power": (f"stablehlo.power %arg0, %arg1 : {kind}", kind)}, x, y)


def test_negative_integer_powers_are_truncated_reciprocals() -> None:
    x = np.array([1, 1, -1, -1, 2, -3, 0, 7], np.int32)
    y = np.array([-1, -2, -1, -2, -1, -3, -1, -9], np.int32)
    text = one_op(f"stablehlo.power %arg0, %arg1 : {typed(x)}", [x, y], typed(x))
    (got,) = simulate(translate(text), [x, y])
    np.testing.assert_array_equal(got, [1, 1, -1, 1, 0, 0, 0, 0])


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_functions(dtype: str) -> None:
    x = values(dtype, SHAPE, 1)
    kind, flags = typed(x), tensor(SHAPE, "bool")
    cases = {name: (f"chlo.{name} %arg0 : {kind} -> {kind}", kind) for name in CHLO}
    cases |= {name: (f"chlo.{name} %arg0 : {kind} -> {flags}", flags) for name in TO_BOOL}
    cases["erf_inv"] = f"chlo.erf_inv %arg0 : {kind} -> {kind}", kind
    cases["digamma"] = f"chlo.digamma %arg1 : {kind} -> {kind}", kind
    no_pole = np.where(x == 0, np.ones((), x.dtype), x)  # at 0 the versions of XLA differ
    check_many(cases, x, no_pole)


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-4), ("float64", 1e-9)])
def test_functions_of_two_arguments(dtype: str, rtol: float) -> None:
    x = (np.abs(values(dtype, (40,), 1, special=False)) * 3 + 1.1).astype(dtype)
    y = (np.abs(values(dtype, (40,), 2, special=False)) * 2 + 0.1).astype(dtype)
    x[0], y[0] = 40, 1e-30  # out of the range of floats
    n = np.floor(x)
    kind = typed(x)
    check_many(
        {
            "zeta": (f"chlo.zeta %arg0, %arg1 : {kind}, {kind} -> {kind}", kind),
            "polygamma": (f"chlo.polygamma %arg2, %arg1 : {kind}, {kind} -> {kind}", kind),
            "next_after": (f"chlo.next_after %arg0, %arg1 : {kind}, {kind} -> {kind}", kind),
        },
        x, y, n, rtol=rtol,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_next_number_in_every_direction(dtype: str) -> None:
    """Bit for bit: of zeros of both signs, infinities, the smallest and the largest numbers."""
    least = {"float16": 6e-8, "bfloat16": 1e-38, "float32": 2e-38}[dtype]
    hard = [0, -0.0, np.nan, np.inf, -np.inf, 1, -1, 0.5, -2.5, least, -least, 6e4, -6e4]
    x, y = (v.copy() for v in np.meshgrid(*[np.array(hard, dtype)] * 2))
    check(one_op(f"chlo.next_after %arg0, %arg1 : {typed(x)}, {typed(x)} -> {typed(x)}",
                 [x, y], typed(x)), x, y, rtol=1e-9)  # fmt: skip


def test_the_inverse_error_function_of_64_bits() -> None:
    x = np.concatenate([np.linspace(-1, 1, 201), 1 - np.logspace(-16, -1, 60),
                        np.logspace(-300, -1, 60), [np.nan, 2, -np.inf]])  # fmt: skip
    text = one_op(f"chlo.erf_inv %arg0 : {typed(x)} -> {typed(x)}", [x], typed(x))
    (got,) = simulate(translate(text), [x])
    np.testing.assert_allclose(got, scipy.special.erfinv(x), rtol=2e-15)


@pytest.mark.parametrize("dtype", ALL)
def test_comparisons(dtype: str) -> None:
    x, y = values(dtype, SHAPE, 1), values(dtype, SHAPE, 2)
    y[0] = x[0]
    flags = tensor(SHAPE, "bool")
    cases = {}
    for order in ("EQ", "NE") if dtype in COMPLEX else ("LT", "LE", "GT", "GE", "EQ", "NE"):
        for total in ("", ", TOTALORDER") if dtype in FLOATS else ("",):
            text = f"stablehlo.compare {order}, %arg0, %arg1{total}"
            cases[order + total] = f"{text} : ({typed(x)}, {typed(y)}) -> {flags}", flags
    check_many(cases, x, y)


@pytest.mark.parametrize("source", ALL)
def test_conversions_wrap_saturate_and_lose_nan_as_xla_does(source: str) -> None:
    x = values(source, (63,), 1)
    if source in FLOATS:
        limits = [300, -300, 1e9, -1e9, 3e9, -3e9, 1e19, -1e19, 2147483648.0, 0.5, -0.5, 255.7,
                  127.9, -128.9, 65535.5]  # fmt: skip
        with np.errstate(over="ignore"):
            x = np.concatenate([x, np.array(limits).astype(source)])
    cases = {}
    for target in ALL:
        kind = tensor(x.shape, target)
        cases[target] = f"stablehlo.convert %arg0 : ({typed(x)}) -> {kind}", kind
    check_many(cases, x)


@pytest.mark.parametrize("dtype", ALL)
def test_choices(dtype: str) -> None:
    x, y, z = (values(dtype, SHAPE, seed) for seed in (1, 2, 3))
    p, q = values("bool", SHAPE, 4), np.array(True)
    kind = typed(x)
    cases = {
        "select": (f"stablehlo.select %arg3, %arg0, %arg1 : {typed(p)}, {kind}", kind),
        "scalar": (f"stablehlo.select %arg4, %arg0, %arg1 : {typed(q)}, {kind}", kind),
    }
    if dtype not in [*COMPLEX, "bool"]:
        cases["clamp"] = f"stablehlo.clamp %arg1, %arg0, %arg2 : {kind}", kind
    with np.errstate(invalid="ignore"):
        low, high = np.minimum(y, z), np.maximum(y, z)
    check_many(cases, x, low, high, p, q)


@pytest.mark.parametrize("dtype", FLOATS + INTS)
def test_clamp_to_scalars(dtype: str) -> None:
    x = values(dtype, SHAPE, 1)
    low, high = np.array(1).astype(dtype), np.array(2).astype(dtype)
    kind = f"({typed(low)}, {typed(x)}, {typed(high)}) -> {typed(x)}"
    for bounds in ((low, high), (high, low)):  # of bounds that cross the upper one counts
        arguments = [bounds[0], x, bounds[1]]
        check(one_op(f"stablehlo.clamp %arg0, %arg1, %arg2 : {kind}", arguments, typed(x)),
              *arguments)  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
def test_reduced_precision(dtype: str) -> None:
    hard = [6e-5, 6.2e-5, -3e-5, 1e-38, 65504, 65520, 0.0001, 448, 464, 1e30]
    with np.errstate(over="ignore"):
        x = np.concatenate([values(dtype, (40,), 1), np.array(hard).astype(dtype)])
    kind = typed(x)
    cases = {}
    for e, m in ((5, 10), (8, 7), (4, 3), (5, 2), (8, 10), (11, 52), (2, 1)):
        cases[f"e{e}m{m}"] = f"stablehlo.reduce_precision %arg0, format = e{e}m{m} : {kind}", kind
    check_many(cases, x, rtol=1e-9)


WIDTHS = {1: ["int8", "uint8"], 2: ["int16", "uint16", "float16", "bfloat16"],
          4: ["int32", "uint32", "float32"], 8: ["int64", "uint64", "float64"]}  # fmt: skip


@pytest.mark.parametrize("source", [d for group in WIDTHS.values() for d in group])
def test_bits_as_another_dtype(source: str) -> None:
    own = np.dtype(source).itemsize if source != "bfloat16" else 2
    for width, targets in WIDTHS.items():
        x = values(source, (3, 4, width // own) if width > own else (3, 4), 5, special=False)
        shape = (3, 4) if width >= own else (3, 4, own // width)
        cases = {}
        for target in targets:
            kind = tensor(shape, target)
            cases[target] = f"stablehlo.bitcast_convert %arg0 : ({typed(x)}) -> {kind}", kind
        check_many(cases, x)


@settings(max_examples=8)
@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_integer_division_by_anything(x: int, y: int) -> None:
    one, two = np.array([x], np.int32), np.array([y], np.int32)
    kind = typed(one)
    check_many(
        {
            "divide": (f"stablehlo.divide %arg0, %arg1 : {kind}", kind),
            "remainder": (f"stablehlo.remainder %arg0, %arg1 : {kind}", kind),
        },
        one, two,
    )  # fmt: skip


@settings(max_examples=8)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_unsigned_division_of_64_bits(x: int, y: int) -> None:
    one, two = np.array([x], np.uint64), np.array([y], np.uint64)
    kind = typed(one)
    check_many(
        {
            "divide": (f"stablehlo.divide %arg0, %arg1 : {kind}", kind),
            "remainder": (f"stablehlo.remainder %arg0, %arg1 : {kind}", kind),
        },
        one, two,
    )  # fmt: skip


def test_division_by_a_constant_needs_no_guard() -> None:
    x = values("int32", (8,), 1)
    body = """  %c = stablehlo.constant dense<3> : tensor<8xi32>
  %r = stablehlo.divide %arg0, %c : tensor<8xi32>"""
    graph = check(module(body, [x], ["tensor<8xi32>"], "%r"), x)
    assert graph.count() == {"Data": 1, "Const": 1, "TruncateDiv": 1}


def test_relu_is_one_operator_and_spelled_out_it_keeps_nan_with_two() -> None:
    x = values("float32", (8,), 1)
    body = """  %c = stablehlo.constant dense<0.0> : tensor<8xf32>
  %r = stablehlo.maximum %arg0, %c : tensor<8xf32>"""
    text = module(body, [x], ["tensor<8xf32>"], "%r")
    assert check(text, x).count() == {"Data": 1, "Relu": 1}
    graph = check(text, x, fusions=False)
    assert graph.count() == {"Data": 1, "Const": 1, "Greater": 1, "SelectV2": 1}
    plain = np.nan_to_num(x)
    graph = check(text, plain, nan_exact=False, fusions=False)
    assert graph.count() == {"Data": 1, "Const": 1, "Maximum": 1}


def test_threefry_bits_are_xlas() -> None:
    """Twenty rounds of add, rotate, xor on 32-bit unsigned integers, modulo 2**32."""
    lines, x, y = [], "%arg0", "%arg1"
    for k, turn in enumerate([13, 15, 26, 6, 17, 29, 16, 24] * 2 + [13, 15, 26, 6]):
        lines.append(f"""  %l{k} = stablehlo.constant dense<{turn}> : tensor<5xui32>
  %m{k} = stablehlo.constant dense<{32 - turn}> : tensor<5xui32>
  %a{k} = stablehlo.add {x}, {y} : tensor<5xui32>
  %s{k} = stablehlo.shift_left {y}, %l{k} : tensor<5xui32>
  %t{k} = stablehlo.shift_right_logical {y}, %m{k} : tensor<5xui32>
  %o{k} = stablehlo.or %s{k}, %t{k} : tensor<5xui32>
  %x{k} = stablehlo.xor %o{k}, %a{k} : tensor<5xui32>""")
        x, y = f"%a{k}", f"%x{k}"
    rng = np.random.default_rng(0)
    one, two = (rng.integers(0, 2**32, 5, np.uint32) for _ in range(2))
    text = module("\n".join(lines), [one, two], ["tensor<5xui32>"] * 2, f"{x}, {y}")
    check(text, one, two)
