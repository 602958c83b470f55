"""Dtypes of results: the promotion lattice, written out."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp

B1, U1, U2, U4, U8 = "bool", "uint8", "uint16", "uint32", "uint64"
I1, I2, I4, I8 = "int8", "int16", "int32", "int64"
BF, F2, F4, F8, C8, CC = "bfloat16", "float16", "float32", "float64", "complex64", "complex128"
PI, PF, PC = "int*", "float*", "complex*"  # Python scalars

KINDS = [B1, U1, U2, U4, U8, I1, I2, I4, I8, BF, F2, F4, F8, C8, CC, PI, PF, PC]
TABLE = {
    B1: [B1, U1, U2, U4, U8, I1, I2, I4, I8, BF, F2, F4, F8, C8, CC, I4, F4, C8],
    U1: [U1, U1, U2, U4, U8, I2, I2, I4, I8, BF, F2, F4, F8, C8, CC, U1, F4, C8],
    U2: [U2, U2, U2, U4, U8, I4, I4, I4, I8, BF, F2, F4, F8, C8, CC, U2, F4, C8],
    U4: [U4, U4, U4, U4, U8, I8, I8, I8, I8, BF, F2, F4, F8, C8, CC, U4, F4, C8],
    U8: [U8, U8, U8, U8, U8, F4, F4, F4, F4, BF, F2, F4, F8, C8, CC, U8, F4, C8],
    I1: [I1, I2, I4, I8, F4, I1, I2, I4, I8, BF, F2, F4, F8, C8, CC, I1, F4, C8],
    I2: [I2, I2, I4, I8, F4, I2, I2, I4, I8, BF, F2, F4, F8, C8, CC, I2, F4, C8],
    I4: [I4, I4, I4, I8, F4, I4, I4, I4, I8, BF, F2, F4, F8, C8, CC, I4, F4, C8],
    I8: [I8, I8, I8, I8, F4, I8, I8, I8, I8, BF, F2, F4, F8, C8, CC, I8, F4, C8],
    BF: [BF, BF, BF, BF, BF, BF, BF, BF, BF, BF, F4, F4, F8, C8, CC, BF, BF, C8],
    F2: [F2, F2, F2, F2, F2, F2, F2, F2, F2, F4, F2, F4, F8, C8, CC, F2, F2, C8],
    F4: [F4, F4, F4, F4, F4, F4, F4, F4, F4, F4, F4, F4, F8, C8, CC, F4, F4, C8],
    F8: [F8, F8, F8, F8, F8, F8, F8, F8, F8, F8, F8, F8, F8, CC, CC, F8, F8, CC],
    C8: [C8, C8, C8, C8, C8, C8, C8, C8, C8, C8, C8, C8, CC, C8, CC, C8, C8, C8],
    CC: [CC, CC, CC, CC, CC, CC, CC, CC, CC, CC, CC, CC, CC, CC, CC, CC, CC, CC],
    PI: [I4, U1, U2, U4, U8, I1, I2, I4, I8, BF, F2, F4, F8, C8, CC, I4, F4, C8],
    PF: [F4, F4, F4, F4, F4, F4, F4, F4, F4, BF, F2, F4, F8, C8, CC, F4, F4, C8],
    PC: [C8, C8, C8, C8, C8, C8, C8, C8, C8, C8, C8, C8, CC, C8, CC, C8, C8, C8],
}
SCALARS = {PI: 1, PF: 1.0, PC: 1j}


def value(kind: str):
    if kind in SCALARS:
        return SCALARS[kind]
    return mnp.ones((2,), np.dtype(getattr(ml_dtypes, kind, kind)))


@pytest.mark.parametrize("left", KINDS)
def test_table(left):
    for right, want in zip(KINDS, TABLE[left], strict=True):
        got = ms.eval_shape(mnp.multiply, value(left), value(right)).dtype
        if left in SCALARS and right in SCALARS:
            got = mnp.multiply(value(left), value(right)).dtype
        assert got.name == want, (left, right)


@pytest.mark.parametrize("left", KINDS)
def test_promotion_commutes(left):
    for right in KINDS:
        assert TABLE[left][KINDS.index(right)] == TABLE[right][KINDS.index(left)]


def test_weak_results_stay_weak():
    x = mnp.arange(3)
    assert (x + 1.5).weak_type
    assert not (x + np.float32(1.5)).weak_type
    assert (mnp.asarray(1.0) * 2).weak_type
    assert not (mnp.float32(1) * 2).weak_type
    assert mnp.sin(1).weak_type
    assert not mnp.sin(x).weak_type
    assert not mnp.array([1.0]).weak_type


def test_two_small_float_formats_do_not_promote():
    x, y = mnp.ones(2, mnp.float8_e5m2), mnp.ones(2, mnp.float8_e4m3fn)
    with pytest.raises(TypeError, match="no common dtype"):
        x + y


@pytest.mark.parametrize(("dtype", "number"), [("uint8", 300), ("uint8", -1), ("int8", 128)])
def test_python_integer_out_of_range(dtype, number):
    with pytest.raises(OverflowError):
        mnp.zeros(2, dtype) + number


def test_python_scalar_does_not_become_an_equation():
    fn = ms.make_ir(lambda x: x * 2 + 1)(np.ones(3, np.float16))
    assert [e.primitive.name for e in fn.eqns] == ["mul", "add"]


def test_operands_of_one_type_pass_untouched():
    fn = ms.make_ir(lambda x, y: x * y + y)(np.ones(3, np.float32), np.ones(3, np.float32))
    assert [e.primitive.name for e in fn.eqns] == ["mul", "add"]


def test_sums_of_numbers_are_no_longer_weak():
    weak = mnp.asarray(2.5)
    assert weak.weak_type
    for f in (mnp.sum, mnp.prod, mnp.max, mnp.mean, mnp.std, mnp.median, mnp.cumsum, mnp.log2):
        assert not f(2.5 if f is not mnp.cumsum else mnp.stack([weak])).weak_type, f
        assert not f(mnp.stack([weak, weak])).weak_type, f


def test_what_is_computed_elementwise_stays_weak():
    weak = mnp.asarray(2.5)
    for f in (ms.nn.relu, ms.nn.softplus, mnp.sinc, lambda x: x.at[...].set(1)):
        assert f(weak).weak_type
    assert (ms.nn.relu(2.5) + mnp.ones(1, "bfloat16")).dtype == mnp.bfloat16


def test_whole_exponents_settle_the_dtype():
    assert not (2.0 ** mnp.arange(3)).weak_type
    assert (mnp.arange(3) ** 2.0).weak_type


def test_none_is_the_default_dtype():
    assert mnp.result_type("int8", None) == mnp.result_type(None) == np.float32
    with pytest.raises(TypeError, match="result_type takes arrays"):
        mnp.result_type("int8", object())


def test_arrays_of_lists_are_not_weak():
    assert not mnp.array([0.0, mnp.log(2.0)]).weak_type
    assert mnp.array([mnp.exp(0)], "int8").dtype == np.int8


def test_complex_numbers_of_weak_parts_are_weak():
    assert ms.lax.complex(1.0, 2.0).weak_type
    assert mnp.round(2.5 + 1j, 1).weak_type
    assert not ms.lax.complex(mnp.float32(1), 2.0).weak_type


def test_a_number_with_the_sign_of_an_array_is_not_weak():
    assert not mnp.copysign(0.5, mnp.ones(2)).weak_type
    assert mnp.copysign(0.5, -1.0).weak_type


@pytest.mark.parametrize("name", ["int1", "int2", "int4", "int8", "uint1", "uint2", "uint4"])
def test_short_integers_belong_to_the_categories_of_integers(name):
    signed = mnp.iinfo(name).min < 0
    for kind, belongs in [(np.integer, True), (np.signedinteger, signed), (np.inexact, False),
                          (np.unsignedinteger, not signed), (np.number, True)]:  # fmt: skip
        assert mnp.issubdtype(getattr(mnp, name), kind) == belongs


JOINED = [mnp.gradient, mnp.trapezoid, mnp.cov, mnp.corrcoef, ms.nn.elu, ms.nn.celu,
          ms.nn.leaky_relu, ms.nn.squareplus, mnp.hypot, mnp.vectorize(mnp.multiply)]  # fmt: skip


@pytest.mark.parametrize("function", JOINED)
def test_integers_beside_short_floats_take_their_dtype(function):
    whole = np.arange(1, 4)
    short = whole.astype(ml_dtypes.bfloat16)
    assert function(whole, short).dtype == function(short, whole).dtype == mnp.bfloat16


def test_vectorized_functions_see_weak_types():
    half = mnp.ones(3, "bfloat16")
    for signature in (None, "(n),()->(n)"):
        assert mnp.vectorize(mnp.multiply, signature=signature)(half, 0.5).dtype == mnp.bfloat16


@pytest.mark.parametrize("f", [
    lambda x, v: mnp.max(x, initial=v), lambda x, v: mnp.pad(x, 1, constant_values=v),
    lambda x, v: mnp.take(x, 9, fill_value=v),
    lambda x, v: x.at[9].get(mode="fill", fill_value=v),
])  # fmt: skip
def test_floats_beside_integers_saturate_in_programs_as_outside(f):
    x = mnp.arange(3, dtype=np.int8)
    for value, as_integer in ((np.inf, 127), (-np.inf, -128), (2.7, 2), (np.nan, 0)):
        want = f(x, as_integer)
        np.testing.assert_array_equal(f(x, value), want)
        np.testing.assert_array_equal(ms.jit(lambda x, v=value: f(x, v))(x), want)
