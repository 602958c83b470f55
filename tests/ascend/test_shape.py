"""Operations that move elements equal XLA's, for every dtype."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ascend import check, check_many, module, one_op, tensor, typed, values

FLOATS = ["float32", "float16", "bfloat16", "float64"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
ALL = [*FLOATS, *INTS, "complex64", "complex128", "bool"]
PADS = [
    ((1, 0, 2), (0, 3, 1), (0, 0, 0)),
    ((0, -1, 2), (-1, 0, 0), (0, 0, 0)),
    ((0, 1, 0), (2, 0, 1), (1, 0, 3)),
    ((0, -2, 0), (-3, 0, 1), (2, 1, 0)),
    ((-1, -1, -4), (-1, -1, -4), (3, 3, 3)),
    ((-4, 2, 0), (4, -6, 0), (0, 1, 0)),
]


def commas(items: object) -> str:
    return ", ".join(map(str, items))  # type: ignore[call-overload]


@pytest.mark.parametrize("dtype", ALL)
def test_every_dtype_moves(dtype: str) -> None:
    x, y, fill = values(dtype, (3, 4, 5), 1), values(dtype, (3, 2, 5), 2), np.array(1).astype(dtype)
    kind = typed(x)

    def t(*shape: int) -> str:
        return tensor(shape, dtype)

    cases = {
        "reshape": (f"stablehlo.reshape %arg0 : ({kind}) -> {t(5, 12)}", t(5, 12)),
        "transpose": (
            f"stablehlo.transpose %arg0, dims = [2, 0, 1] : ({kind}) -> {t(5, 3, 4)}", t(5, 3, 4)),
        "broadcast": (
            f"stablehlo.broadcast_in_dim %arg0, dims = [0, 2, 3] : ({kind}) -> {t(3, 2, 4, 5)}",
            t(3, 2, 4, 5)),
        "slice": (
            f"stablehlo.slice %arg0 [0:2, 1:4, 0:5] : ({kind}) -> {t(2, 3, 5)}", t(2, 3, 5)),
        "strided": (
            f"stablehlo.slice %arg0 [0:3:2, 1:4:2, 0:5:3] : ({kind}) -> {t(2, 2, 2)}",
            t(2, 2, 2)),
        "reverse": (f"stablehlo.reverse %arg0, dims = [0, 2] : {kind}", kind),
        "concatenate": (
            f"stablehlo.concatenate %arg0, %arg1, %arg0, dim = 1 : "
            f"({kind}, {typed(y)}, {kind}) -> {t(3, 10, 5)}", t(3, 10, 5)),
    }  # fmt: skip
    for low, high, interior in PADS:
        shape = [
            n + (n - 1) * i + a + b for n, a, b, i in zip(x.shape, low, high, interior, strict=True)
        ]
        cases[f"pad {low} {high} {interior}"] = (
            f"stablehlo.pad %arg0, %arg2, low = [{commas(low)}], high = [{commas(high)}], "
            f"interior = [{commas(interior)}] : ({kind}, {t()}) -> {t(*shape)}",
            t(*shape),
        )
    if dtype != "bool":
        cases["iota"] = f"stablehlo.iota dim = 1 : {t(3, 4)}", t(3, 4)
    check_many(cases, x, y, fill)


STARTS = [(0, 0, 0), (1, 2, 3), (5, -3, 1), (2, 2, 2)]


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("start", STARTS)
def test_dynamic_slices_stay_inside(dtype: str, start: tuple[int, ...]) -> None:
    _check_dynamic(dtype, "int32", start)


@pytest.mark.parametrize("index", ["int8", "int64", "uint8", "uint32", "uint64"])
@pytest.mark.parametrize("start", STARTS)
def test_dynamic_slices_take_any_index(index: str, start: tuple[int, ...]) -> None:
    _check_dynamic("float32", index, start)


def _check_dynamic(dtype: str, index: str, start: tuple[int, ...]) -> None:
    x = values(dtype, (3, 4, 5), 1)
    places = [np.array(s, np.int64).astype(index) for s in start]
    kind, one = typed(x), typed(places[0])
    cut = tensor((2, 3, 1), dtype)
    cases = {
        "slice": (
            f"stablehlo.dynamic_slice %arg0, %arg1, %arg2, %arg3, sizes = [2, 3, 1] : "
            f"({kind}, {one}, {one}, {one}) -> {cut}", cut)
    }  # fmt: skip
    updates = [values(dtype, s, 7) for s in ((2, 3, 1), (3, 1, 5), (1, 4, 5), (3, 4, 5))]
    for k, update in enumerate(updates):
        cases[f"update {update.shape}"] = (
            f"stablehlo.dynamic_update_slice %arg0, %arg{4 + k}, %arg1, %arg2, %arg3 : "
            f"({kind}, {typed(update)}, {one}, {one}, {one}) -> {kind}",
            kind,
        )
    check_many(cases, x, *places, *updates)


def test_constant_places_become_plain_slices() -> None:
    x, u = values("float32", (6, 5), 1), values("float32", (2, 5), 2)
    body = f"""  %c = stablehlo.constant dense<3> : tensor<i32>
  %z = stablehlo.constant dense<0> : tensor<i32>
  %r = stablehlo.dynamic_update_slice %arg0, %arg1, %c, %z
    : ({typed(x)}, {typed(u)}, tensor<i32>, tensor<i32>) -> {typed(x)}
  %q = stablehlo.dynamic_slice %arg0, %c, %z, sizes = [2, 2]
    : ({typed(x)}, tensor<i32>, tensor<i32>) -> tensor<2x2xf32>"""
    text = module(body, [x, u], [typed(x), "tensor<2x2xf32>"], "%r, %q")
    assert set(check(text, x, u).count()) == {"Data", "Const", "Slice", "ConcatV2"}


@settings(max_examples=8)
@given(st.permutations(range(6)))
def test_transposes_of_many_dimensions(perm: list[int]) -> None:
    """The device transposes eight dimensions; those that stay together are merged."""
    groups = [[0], [1], [2], [3, 4], [5, 6], [7, 8, 9]]
    order = [d for k in perm for d in groups[k]]
    shape = (2, 3, 1, 2, 2, 1, 2, 2, 1, 3)
    x = values("float32", shape, 1)
    out = tensor([shape[d] for d in order], "float32")
    text = f"stablehlo.transpose %arg0, dims = [{commas(order)}] : ({typed(x)}) -> {out}"
    check(one_op(text, [x], out), x)


@pytest.mark.parametrize(
    "perm", [[8, 7, 6, 5, 4, 3, 2, 1, 0], [3, 8, 1, 11, 7, 10, 6, 5, 9, 4, 2, 0]]
)
def test_transposes_of_too_many_dimensions_take_several_steps(perm: list[int]) -> None:
    x = values("float32", (2,) * len(perm), 1)
    text = f"stablehlo.transpose %arg0, dims = [{commas(perm)}] : ({typed(x)}) -> {typed(x)}"
    graph = check(one_op(text, [x], typed(x)), x)
    made = [len(n.outputs[0].shape) for n in graph.nodes if n.op == "Transpose"]
    assert len(made) > 1
    assert max(made) <= 8


def test_broadcasts_into_elementwise_operations_are_not_materialised() -> None:
    """x + bias and x / sum: no BroadcastTo; a broadcast that is a result needs one."""
    x, b = values("float32", (4, 5), 1, special=False), values("float32", (5,), 2, special=False)
    body = f"""  %b = stablehlo.broadcast_in_dim %arg1, dims = [1] : (tensor<5xf32>) -> {typed(x)}
  %s = stablehlo.add %arg0, %b : {typed(x)}
  %t = stablehlo.multiply %b, %b : {typed(x)}
  %r = stablehlo.divide %s, %t : {typed(x)}"""
    graph = check(module(body, [x, b], [typed(x)], "%r"), x, b)
    assert graph.count() == {
        "Data": 2, "Const": 1, "Reshape": 1, "Add": 1, "Mul": 1, "RealDiv": 1}  # fmt: skip
    (product,) = (n for n in graph.nodes if n.op == "Mul")
    assert product.outputs[0].shape == (1, 5)
    graph = check(module(body, [x, b], [typed(x)] * 2, "%r, %b"), x, b)
    assert graph.count()["BroadcastTo"] == 1


def test_large_splats_are_filled_and_large_iotas_counted() -> None:
    body = """  %c = stablehlo.constant dense<2.5> : tensor<40x50xf32>
  %i = stablehlo.iota dim = 0 : tensor<40000xi32>
  %j = stablehlo.iota dim = 0 : tensor<40000xi8>"""
    kinds = ["tensor<40x50xf32>", "tensor<40000xi32>", "tensor<40000xi8>"]
    graph = check(module(body, [], kinds, "%c, %i, %j"))
    assert {"Fill", "Range"} <= set(graph.count())


@pytest.mark.parametrize("dtype", ["float32", "bool", "complex64"])
def test_tensors_without_elements(dtype: str) -> None:
    x, y = np.zeros((0, 3), dtype), values(dtype, (2, 3), 1)
    both, back = tensor((2, 3), dtype), tensor((3, 0), dtype)
    empty = np.zeros((), dtype)
    cases = {
        "concatenate": (
            f"stablehlo.concatenate %arg0, %arg1, dim = 0 : ({typed(x)}, {typed(y)}) -> {both}",
            both),
        "transpose": (f"stablehlo.transpose %arg0, dims = [1, 0] : ({typed(x)}) -> {back}", back),
        "pad": (
            f"stablehlo.pad %arg0, %arg2, low = [1, 0], high = [1, 0], interior = [0, 0] : "
            f"({typed(x)}, {typed(empty)}) -> {both}", both),
    }  # fmt: skip
    check_many(cases, x, y, empty)


def test_an_argument_returned_goes_through_an_operator() -> None:
    x, z = values("float32", (3,), 1), values("complex64", (3,), 1)
    body = "  %c = stablehlo.constant dense<1.0> : tensor<3xf32>"
    text = module(body, [x, z], [typed(x), typed(z), "tensor<3xf32>"], "%arg0, %arg1, %c")
    graph = check(text, x, z)
    assert {t.node.op for t in graph.results} == {"Identity", "Reshape"}
