"""Printing and parsing are inverse (law 13)."""

import enum
import math
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest

from ms_func.control_flow.call import call
from ms_func.errors import IRError
from ms_func.ir import ArrayType, Eqn, Function, Literal, Var, evaluate, parse, to_text
from ms_func.ir.loc import Place
from ms_func.ir.primitive import ZERO, NotSupported, Primitive, _registry, register
from ms_func.ir.text import literal_text, register_param_type
from ms_func.ir.types import Varying
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.elementwise import exp, sin
from ms_func.primitives.shape import broadcast_in_dim, iota, transpose
from ms_func.tracing.tracer import build

F32 = ArrayType((3,), np.float32)


def _anything(*types, **params):
    return params["out"]


anything_p = Primitive(
    "test_anything", _anything, NotSupported(""), NotSupported(""), ZERO, None, None, None,
    effects=lambda **params: frozenset(params.get("does", ())), multiple_results=True,
)  # fmt: skip


@pytest.fixture(autouse=True)
def registered():
    """The test primitive, in the table only while these tests run."""
    register(anything_p)
    yield
    del _registry[anything_p.name]


def _with_params(**params):
    """Function of one equation with the given parameters and no results."""
    x = Var(F32)
    return Function("f", [x], [Eqn(anything_p, [x], [], {"out": (), **params}, None)], [x])


def assert_round_trip(fn):
    text = to_text(fn)
    back = parse(text)
    assert back == fn
    assert hash(back) == hash(fn)
    assert to_text(back) == text
    return back


def test_the_form_is_the_one_that_the_documentation_shows():
    fn = build("f", [F32], lambda x: [mul(sin(x), 2.0), iota("int32", 2)])
    assert to_text(fn, locs="none") == (
        "func @f(%0: f32[3]) -> (f32[3], i32[2]) effects {} {\n"
        "  %1: f32[3] = sin %0\n"
        "  %2: f32[3] = mul %1, 2.0:f32\n"
        "  %3: i32[2] = iota {dimension: 0, dtype: i32, shape: (2,)}\n"
        "  return %2, %3\n"
        "}"
    )
    back = assert_round_trip(fn)
    x = np.float32([1, 2, 3])
    np.testing.assert_array_equal(evaluate(back, x)[0], evaluate(fn, x)[0])


def test_nested_functions_stand_once_however_often_they_are_called():
    inner = build("g", [F32], lambda x: [exp(x)])
    same = build("other_name", [F32], lambda x: [exp(x)])
    different = build("g", [F32], lambda x: [add(x, x)])

    def body(x):
        for fn in (inner, same, different):
            (x,) = call(fn, x)
        return [x]

    text = to_text(build("f", [F32], body), locs="none")
    assert text.count("func ") == 3
    assert text.count("fn: @g,") == 2
    assert text.count("fn: @g_1,") == 1
    assert_round_trip(build("f", [F32], body))


def test_a_function_nested_in_a_nested_function():
    one = build("one", [F32], lambda x: [exp(x)])
    two = build("two", [F32], lambda x: call(one, x))
    assert_round_trip(build("f", [F32], lambda x: call(two, call(one, x)[0])))


def test_names_that_are_no_identifiers_are_quoted():
    fn = build("<lambda> é", [F32], lambda x: [x])
    assert assert_round_trip(fn).name == "<lambda> é"


def test_places_are_a_table_and_come_back():
    fn = build("f", [F32], lambda x: [sin(sin(x)), exp(x)])
    back = assert_round_trip(fn)
    assert all(type(e.loc) is Place for e in back.eqns)
    for mine, read in zip(fn.eqns, back.eqns, strict=True):
        assert read.loc.span == mine.loc.span
        assert read.loc.file == mine.loc.file == __file__
        assert read.loc.function == mine.loc.function
        assert read.loc.excerpt() == mine.loc.excerpt()
        assert str(read.loc) == str(mine.loc)
    assert "sin(x)" in back.eqns[0].loc.excerpt()
    bare = to_text(fn, locs="none")
    assert "loc" not in bare
    assert parse(bare) == fn
    assert to_text(parse(bare)) == bare


def test_repr_shows_lines_in_the_margin_and_parses():
    fn = build("f", [F32], lambda x: [sin(x)])
    assert f"# test_text.py:{fn.eqns[0].loc.line}" in repr(fn)
    assert parse(repr(fn)) == fn


def test_constants_keep_their_bits():
    arrays = [
        np.array([[1.5, -0.0], [np.nan, np.inf]]),
        np.array([1, 2, 3], ml_dtypes.int4),
        np.array([True, False]),
        np.array([1 + 2j], np.complex64),
        np.array([0.1, 3], ml_dtypes.bfloat16),
        np.zeros((0, 2), np.float32),
    ]
    params = [Var(ArrayType(a.shape, a.dtype)) for a in arrays]
    x = Var(F32)
    fn = Function("f", [x, *params], [], [*params, x], arrays)
    back = assert_round_trip(fn)
    for mine, read in zip(arrays, back.consts, strict=True):
        assert read.dtype == mine.dtype
        assert read.shape == mine.shape
        assert read.tobytes() == mine.tobytes()


FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1e-30,
    3e38,
    1e20,
    1 / 3,
    math.inf,
    -math.inf,
    math.nan,
    5e-324,
]
DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn,
          ml_dtypes.float8_e5m2, ml_dtypes.float4_e2m1fn]  # fmt: skip


def _reads_back(value, kind):
    literal = Literal(value, kind)
    fn = Function("f", [], [], [literal])
    assert assert_round_trip(fn).results[0].key() == literal.key(), literal_text(literal)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weak", [False, True])
def test_float_literals_keep_their_bits(dtype, weak):
    for value in FLOATS:
        with np.errstate(all="ignore"):
            _reads_back(np.asarray(value).astype(dtype)[()], ArrayType((), dtype, weak))


def test_nan_payloads_and_signs_are_kept():
    for bits in (0x7FC00000, 0xFFC00000, 0x7FC00123, 0x7F800001):
        _reads_back(np.uint32(bits).view(np.float32), ArrayType((), np.float32))
    _reads_back(np.uint16(0x7FC1).view(ml_dtypes.bfloat16), ArrayType((), ml_dtypes.bfloat16))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(True, bool), (False, bool), (-7, ml_dtypes.int4), (15, ml_dtypes.uint4), (-128, np.int8),
     (2**63, np.uint64), (-(2**63), np.int64), (complex(-0.0, math.inf), np.complex64),
     (complex(math.nan, 0.1), np.complex128)],
)  # fmt: skip
def test_other_literals_keep_their_bits(value, dtype):
    _reads_back(np.asarray(value).astype(dtype)[()], ArrayType((), dtype))


def test_literals_that_differ_in_a_bit_print_differently():
    kind = ArrayType((), np.float32)
    texts = {literal_text(Literal(v, kind)) for v in (0.0, -0.0, 1.0, np.float32(1.0000001))}
    assert len(texts) == 4


class Mode(enum.Enum):
    CLIP = 1
    FILL = 2


class Numbers(NamedTuple):
    dims: tuple
    mode: Mode


class Opaque:
    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Opaque) and other.text == self.text

    def __hash__(self):
        return hash(self.text)

    def __str__(self):
        return self.text


register_param_type(Mode)
register_param_type(Numbers)
register_param_type(Opaque, write=lambda x: x.text, read=Opaque)


@pytest.mark.parametrize(
    "value",
    [0, -3, True, False, None, 0.5, -0.0, math.inf, 1e100, 2.0, 1 + 2j, "", 'a "b" \n é',
     b"\x00\xff", ArrayType((2, 3), np.float32), ArrayType((), np.int8, True), (), (1,),
     (1, (2, "x"), None), np.dtype("float32"),
     np.dtype(ml_dtypes.bfloat16), Mode.FILL,
     Numbers((1, 2), Mode.CLIP), (Numbers((), Mode.CLIP), Opaque("P")), Opaque('"')],
)  # fmt: skip
def test_parameters_of_every_kind(value):
    back = assert_round_trip(_with_params(value=value))
    read = back.eqns[0].params["value"]
    assert read == value
    assert type(read) is type(value)
    assert repr(read) == repr(value) or isinstance(value, Opaque | tuple)


def test_a_nan_parameter():
    assert math.isnan(assert_round_trip(_with_params(x=math.nan)).eqns[0].params["x"])


def test_dicts_as_parameters():
    fn = _with_params(value={"b": 1, "a b": (2,)})
    back = parse(to_text(fn))
    assert back.eqns[0].params["value"] == {"b": 1, "a b": (2,)}
    assert to_text(back) == to_text(fn)


def test_parameters_that_differ_in_a_bit_make_different_functions():
    fns = [_with_params(x=v) for v in (0.0, -0.0, (0.0,), (-0.0,), 0, 1, 1.0, "1.0")]
    assert len({f.key for f in fns}) == len(fns)


def test_types_of_manual_regions():
    kind = ArrayType((8, 4), np.float32, manual=Varying(frozenset(("x", "y"))))
    v = Var(kind)
    back = assert_round_trip(Function("f", [v], [], [v]))
    assert back.in_types[0] is kind


def test_effects_and_equations_without_results():
    fn = _with_params(does=())
    assert "effects {}" in to_text(fn)
    x = Var(F32)
    eqn = Eqn(anything_p, [x], [], {"out": (), "does": ("print", "a b")}, None)
    fn = Function("f", [x], [eqn], [])
    text = to_text(fn)
    assert 'effects {"a b", print}' in text
    assert "\n  test_anything %0 {" in text
    assert "\n  return\n" in text
    assert_round_trip(fn)


def test_an_equation_without_operands_before_one_with_results():
    fn = build("f", [], lambda: [exp(broadcast_in_dim(1.0, (2,), ())), iota("uint8", 2)])
    assert_round_trip(fn)


def test_names_and_places_do_not_matter_for_equality():
    one = build("f", [F32], lambda x: [transpose(convert_element_type(x, "int8"), (0,))])
    two = build("g", [F32], lambda y: [convert_element_type(y, "int8")])
    assert one == two
    assert hash(one) == hash(two)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: there is no function"),
        ("func @f(", "line 1: the text ends too early"),
        ("hello", "line 1: expected func, loc, const or mesh, found 'hello'"),
        ("func @f() -> () effects {} {\n  return\n", "the text ends too early"),
        ("func @f() -> () effects {} {\n  return %0\n}", "line 2: %0 is not defined before"),
        ("func @f(%0: f32[], %0: f32[]) -> () effects {} {\n  return\n}", "%0 is defined twice"),
        ("func @f(%0: f33[]) -> () effects {} {\n  return\n}", "'f33' is not a dtype"),
        ("func @f(%0: f32[]) -> () effects {} {\n  return %0\n}", "but declares ()"),
        ("func @f() -> () effects {print} {\n  return\n}", "the effects of @f are not ['print']"),
        ("func @f(%0: f32[]) -> () effects {} {\n  %1: f32[] = sine %0\n  return\n}",
         "line 2: there is no primitive 'sine'"),
        ("func @f() -> () effects {} {\n  call {fn: @g}\n  return\n}", "there is no function @g"),
        ("func @f() -> () effects {} {\n  call {fn: @f}\n  return\n}", "@f contains itself"),
        ("func @f(%0: f32[] = @k0) -> () effects {} {\n  return\n}", "there is no constant @k0"),
        ("func @f() -> () effects {} {\n  call {m: !Unknown \"x\"}\n  return\n}",
         "values of Unknown cannot be read"),
        ("func @f() -> () effects {} { ; }", "line 1: expected a name, found ';'"),
    ],
)  # fmt: skip
def test_what_is_no_program_is_refused_with_its_line(text, message):
    with pytest.raises(IRError) as caught:
        parse(text)
    assert message in str(caught.value)
