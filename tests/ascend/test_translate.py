"""What is refused, how it is said, and what the emitted graphs look like."""

from __future__ import annotations

import numpy as np
import pytest

from ms_func.errors import UnsupportedError
from ms_func.lowering.context import context
from ms_func_ascend import Graph, GraphError, Options, UnsupportedOnAscend, describe, translate
from ms_func_ascend.emitter import Emitter
from tests.support.ascend import check, module, typed, values

MANY = """func.func public @main(%x: tensor<4xf32>, %y: tensor<3xf32>) -> tensor<4xf32> {
  %0 = stablehlo.tanh %x : tensor<4xf32> loc("model.py":3:5)
  %1 = stablehlo.convert %0 : (tensor<4xf32>) -> tensor<4xf8E4M3FN> loc("model.py":4:5)
  %2 = stablehlo.custom_call @my_kernel(%0) : (tensor<4xf32>) -> tensor<4xf32> loc("model.py":9:1)
  %3 = stablehlo.convert %1 : (tensor<4xf8E4M3FN>) -> tensor<4xf32> loc("model.py":5:5)
  %4 = stablehlo.add %2, %3 : tensor<4xf32> loc("model.py":6:5)
  return %4 : tensor<4xf32> }"""


def test_all_operations_without_translation_are_named_at_once() -> None:
    with pytest.raises(UnsupportedOnAscend) as caught:
        translate(MANY)
    refusals = caught.value.refusals
    assert [(r.operation, r.source) for r in refusals] == [
        ("stablehlo.convert", "model.py:4"),
        ("stablehlo.custom_call", "model.py:9"),
    ]
    text = str(caught.value)
    assert "2 operations of `main`" in text
    assert "model.py:4: stablehlo.convert float32[4]: Ascend has no dtype float8_e4m3fn" in text
    assert "fix: use bfloat16 or int8" in text
    assert "'my_kernel'" in text
    assert isinstance(caught.value, UnsupportedError)
    assert isinstance(caught.value, NotImplementedError)


def test_refusals_inside_regions_are_found() -> None:
    text = """func.func public @main(%p: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %r = "stablehlo.if"(%p) ({
    %a = stablehlo.custom_call @one(%x) : (tensor<2xf32>) -> tensor<2xf32>
    stablehlo.return %a : tensor<2xf32>
  }, {
    %a = stablehlo.custom_call @two(%x) : (tensor<2xf32>) -> tensor<2xf32>
    stablehlo.return %a : tensor<2xf32>
  }) : (tensor<i1>) -> tensor<2xf32>
  return %r : tensor<2xf32> }"""
    with pytest.raises(UnsupportedOnAscend) as caught:
        translate(text)
    assert [r.reason.split("'")[1] for r in caught.value.refusals] == ["one", "two"]


def test_a_body_that_cannot_run_on_whole_arrays_is_refused_by_its_reduction() -> None:
    text = """func.func public @main(%x: tensor<4xf32>) -> tensor<f32> {
  %i = stablehlo.constant dense<0.0> : tensor<f32>
  %r = "stablehlo.reduce"(%x, %i) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = stablehlo.custom_call @mix(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    stablehlo.return %c : tensor<f32> }) {dimensions = array<i64: 0>}
    : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %r : tensor<f32> }"""
    with pytest.raises(UnsupportedOnAscend, match=r"its body has stablehlo\.custom_call"):
        translate(text)


def test_arguments_without_a_dtype_are_refused() -> None:
    text = """func.func public @main(%x: tensor<2xi4>) -> tensor<2xi4> {
  return %x : tensor<2xi4> }"""
    with pytest.raises(UnsupportedOnAscend, match="argument int4"):
        translate(text)


def test_shapes_must_be_static_and_main_must_be_there() -> None:
    with pytest.raises(ValueError, match="not static"):
        translate("func.func public @main(%x: tensor<?xf32>) { return }")
    with pytest.raises(ValueError, match="no function `main`"):
        translate("func.func public @other() { return }")


def test_a_target_version_is_held() -> None:
    x = values("int32", (2,), 1)
    text = module("  %r = stablehlo.shift_left %arg0, %arg0 : tensor<2xi32>", [x],
                  ["tensor<2xi32>"], "%r")  # fmt: skip
    with pytest.raises(UnsupportedOnAscend, match=r"later version than v1\.0\.0"):
        translate(text, Options(target="v1.0.0"))
    translate(text)


def test_modules_are_taken_as_object_text_and_bytecode(tmp_path: object) -> None:
    import io

    from jaxlib.mlir import ir

    x = values("float32", (2,), 1)
    text = module("  %r = stablehlo.tanh %arg0 : tensor<2xf32>", [x], ["tensor<2xf32>"], "%r")
    parsed = ir.Module.parse(text, context())
    stream = io.BytesIO()
    parsed.operation.write_bytecode(stream)
    forms = (text, parsed, stream.getvalue())
    assert len({describe(translate(form)) for form in forms}) == 1


def test_constants_of_every_dtype_are_read() -> None:
    """Splats, lists, hexadecimal bits, complex pairs; large ones as hexadecimal blobs."""
    large = np.arange(300, dtype=np.float32).astype(np.float16)
    from jaxlib.mlir import ir

    with context(), ir.Location.unknown():
        blob = str(ir.DenseElementsAttr.get(large, type=ir.F16Type.get(), shape=[300]))
    constants = [
        ("dense<[1.5, -2.5]> : tensor<2xbf16>", "tensor<2xbf16>"),
        ("dense<0x7FC0> : tensor<2xbf16>", "tensor<2xbf16>"),
        ("dense<[(1.0, 2.0), (-3.0, 0.5)]> : tensor<2xcomplex<f32>>", "tensor<2xcomplex<f32>>"),
        ("dense<(1.0, 2.0)> : tensor<2xcomplex<f64>>", "tensor<2xcomplex<f64>>"),
        ("dense<[true, false, true]> : tensor<3xi1>", "tensor<3xi1>"),
        ("dense<true> : tensor<3xi1>", "tensor<3xi1>"),
        ("dense<[-1, 127]> : tensor<2xi8>", "tensor<2xi8>"),
        ("dense<18446744073709551615> : tensor<2xui64>", "tensor<2xui64>"),
        ("dense<[0x7FC00000, 0xFF800000]> : tensor<2xf32>", "tensor<2xf32>"),
        ("dense<[1.0e-40, 3.0]> : tensor<2xf32>", "tensor<2xf32>"),
        (blob, "tensor<300xf16>"),
    ]
    body = "\n".join(f"  %c{k} = stablehlo.constant {c}" for k, (c, _) in enumerate(constants))
    returned = ", ".join(f"%c{k}" for k in range(len(constants)))
    check(module(body, [], [kind for _, kind in constants], returned))


def test_equal_nodes_are_made_once() -> None:
    x = values("float32", (4,), 1)
    body = """  %a = stablehlo.tanh %arg0 : tensor<4xf32>
  %b = stablehlo.tanh %arg0 : tensor<4xf32>
  %r = stablehlo.add %a, %b : tensor<4xf32>"""
    graph = check(module(body, [x], ["tensor<4xf32>"], "%r"), x)
    assert graph.count() == {"Data": 1, "Tanh": 1, "Add": 1}


def test_nodes_are_named_after_operations_and_know_their_line() -> None:
    x = values("float32", (4,), 1)
    body = '  %r = stablehlo.tanh %arg0 : tensor<4xf32> loc("net.py":12:3)'
    (_, tanh) = translate(module(body, [x], ["tensor<4xf32>"], "%r")).nodes
    assert tanh.name == "tanh"
    assert tanh.source == "net.py:12"


def test_known_numbers_are_not_guarded_against_nan() -> None:
    emitter = Emitter(Graph("g"), Options())
    x = emitter.graph.parameter((3,), np.dtype(np.float32))
    i = emitter.graph.parameter((3,), np.dtype(np.int32))
    assert emitter.may_be_nan(x)
    assert not emitter.may_be_nan(i)
    assert not emitter.may_be_nan(emitter.cast(i, x.dtype))
    assert not emitter.may_be_nan(emitter.const(np.ones(3, np.float32)))
    assert emitter.may_be_nan(emitter.const(np.array([np.nan], np.float32)))
    assert not emitter.may_be_nan(emitter.broadcast_to(emitter.const(np.float32(2)), (50, 50)))


def test_an_operator_that_refuses_its_operands_is_reported_with_the_operation() -> None:
    """Complex numbers have no angle between them."""
    x = values("complex64", (4,), 1)
    body = f"  %r = stablehlo.atan2 %arg0, %arg0 : {typed(x)}"
    with pytest.raises(UnsupportedOnAscend, match="Atan2 has no kernel for complex64"):
        translate(module(body, [x], [typed(x)], "%r"))
    assert not issubclass(UnsupportedOnAscend, GraphError)


def test_refusals_name_the_nearest_rewrite() -> None:
    text = """func.func public @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %t = stablehlo.create_token : !stablehlo.token
  %r:2 = "stablehlo.recv"(%t) {channel_handle = #stablehlo.channel_handle<handle = 1, type = 3>,
    is_host_transfer = true} : (!stablehlo.token) -> (tensor<4xf32>, !stablehlo.token)
  return %r#0 : tensor<4xf32> }"""
    with pytest.raises(UnsupportedOnAscend, match="return the value instead"):
        translate(text)


def test_names_are_ascii_whatever_the_function_is_called() -> None:
    text = """module @"mo\\C3\\A9 <lambda>" {
  func.func public @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %r = stablehlo.tanh %x : tensor<2xf32>
  return %r : tensor<2xf32> } }"""
    assert translate(text).name.isascii()
