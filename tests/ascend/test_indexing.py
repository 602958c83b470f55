"""Gathers, scatters and sorts of every geometry equal XLA's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ms_func as ms
import ms_func.numpy as mnp
from ms_func_ascend import UnsupportedOnAscend, simulate, translate
from tests.support.ascend import check, element, module, one_op, read_back, tensor, typed, values

FLOATS = ["float32", "float16", "bfloat16", "float64"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
ALL = [*FLOATS, *INTS, "complex64", "complex128", "bool"]
ROUGH = {"bfloat16": 5e-2, "float16": 1e-2, "float32": 1e-4, "complex64": 1e-4}
HUGE = {"uint32": 2**31 + 5, "int64": -(2**40)}


def listed(items: Any) -> str:
    return "[" + ", ".join(map(str, items)) + "]"


@st.composite
def geometries(draw: Any) -> dict[str, Any]:
    """An operand, index vectors and windows with dimension numbers of every kind."""
    rank = draw(st.integers(1, 4))
    shape = [draw(st.integers(1, 4)) for _ in range(rank)]
    order = list(draw(st.permutations(range(rank))))
    batching = sorted(order[: draw(st.sampled_from([0, 0, 1, 2]))]) if rank > 2 else []
    rest = [d for d in range(rank) if d not in batching]
    mapped = list(draw(st.permutations(rest)))[: draw(st.integers(1, len(rest)))]
    sizes = [1 if d in batching else draw(st.sampled_from([1, n, draw(st.integers(1, n))]))
             for d, n in enumerate(shape)]  # fmt: skip
    collapsed = [d for d in rest if sizes[d] == 1 and draw(st.booleans())]
    batch: list[tuple[int, int]] = [(n, -1) for n in draw(st.lists(st.integers(1, 3), max_size=2))]
    for d in batching:
        batch.insert(draw(st.integers(0, len(batch))), (shape[d], d))
    vector = draw(st.integers(0, len(batch)))
    extents = [n for n, _ in batch]
    index_shape = [*extents[:vector], len(mapped), *extents[vector:]]
    places = {d: k for k, (_, d) in enumerate(batch) if d >= 0}
    kept = [d for d in range(rank) if d not in collapsed and d not in batching]
    total = len(batch) + len(kept)
    offset = sorted(draw(st.permutations(range(total)))[: len(kept)])
    own, outer = iter(kept), iter(extents)
    return {
        "shape": shape, "index_shape": index_shape, "sizes": sizes, "mapped": mapped,
        "collapsed": collapsed, "batching": batching, "vector": vector, "offset": offset,
        "index_batching": [places[d] + (places[d] >= vector) for d in batching],
        "out": [sizes[next(own)] if p in offset else next(outer) for p in range(total)],
        "dtype": draw(st.sampled_from(ALL)),
        "index": draw(st.sampled_from(["int32", "int64", "int8", "uint8", "uint32"])),
        "seed": draw(st.integers(0, 99)),
        "kind": draw(st.sampled_from(["assign", "add", "maximum", "minimum", "multiply"])),
    }  # fmt: skip


def indices(case: dict[str, Any]) -> np.ndarray:
    """Index vectors, some out of range on both sides."""
    rng = np.random.default_rng(case["seed"])
    low = -2 if case["index"][0] == "i" else 0
    made = rng.integers(low, 6, case["index_shape"]).astype(case["index"])
    if made.size and case["index"] in HUGE:
        made.reshape(-1)[0] = HUGE[case["index"]]
    return made


@given(geometries())
@settings(max_examples=20)
def test_gathers_of_every_geometry(case: dict[str, Any]) -> None:
    check_gather(case)


@given(geometries())
@settings(max_examples=25)
def test_scatters_of_every_geometry(case: dict[str, Any]) -> None:
    check_scatter(case)


@pytest.mark.slow
@given(geometries())
@settings(max_examples=300)
def test_many_gathers_and_scatters(case: dict[str, Any]) -> None:
    check_gather(case)
    check_scatter(case)


def check_gather(case: dict[str, Any]) -> None:
    x, index = values(case["dtype"], case["shape"], case["seed"]), indices(case)
    out = tensor(case["out"], case["dtype"])
    numbers = (
        f"offset_dims = {listed(case['offset'])}, "
        f"collapsed_slice_dims = {listed(case['collapsed'])}, "
        f"operand_batching_dims = {listed(case['batching'])}, "
        f"start_indices_batching_dims = {listed(case['index_batching'])}, "
        f"start_index_map = {listed(case['mapped'])}, index_vector_dim = {case['vector']}"
    )
    text = (
        f'"stablehlo.gather"(%arg0, %arg1) {{dimension_numbers = #stablehlo.gather<{numbers}>, '
        f"slice_sizes = array<i64: {listed(case['sizes'])[1:-1]}>, indices_are_sorted = false}} "
        f": ({typed(x)}, {typed(index)}) -> {out}"
    )
    check(one_op(text, [x, index], out), x, index)


def scatter_text(
    case: dict[str, Any], x: np.ndarray, index: np.ndarray, update: np.ndarray, body: str,
    unique: bool = False,
) -> str:  # fmt: skip
    e = element(case["dtype"])
    numbers = (
        f"update_window_dims = {listed(case['offset'])}, "
        f"inserted_window_dims = {listed(case['collapsed'])}, "
        f"input_batching_dims = {listed(case['batching'])}, "
        f"scatter_indices_batching_dims = {listed(case['index_batching'])}, "
        f"scatter_dims_to_operand_dims = {listed(case['mapped'])}, "
        f"index_vector_dim = {case['vector']}"
    )
    line = f"    %c = {body} : tensor<{e}>\n" if body else ""
    return (
        f'"stablehlo.scatter"(%arg0, %arg1, %arg2) ({{ ^bb0(%a: tensor<{e}>, %b: tensor<{e}>):\n'
        f"{line}    stablehlo.return {'%c' if body else '%b'} : tensor<{e}> }}) "
        f"{{scatter_dimension_numbers = #stablehlo.scatter<{numbers}>, "
        f"indices_are_sorted = false, unique_indices = {str(unique).lower()}}} "
        f": ({typed(x)}, {typed(index)}, {typed(update)}) -> {typed(x)}"
    )


def check_scatter(case: dict[str, Any]) -> None:
    dtype, kind = case["dtype"], case["kind"]
    if dtype.startswith("complex") and kind in ("maximum", "minimum"):
        kind = "add"
    ordered = kind in ("maximum", "minimum", "assign")
    x, index = values(dtype, case["shape"], case["seed"], special=ordered), indices(case)
    update = values(dtype, case["out"], case["seed"] + 1000, special=ordered)
    if kind == "assign":  # equal updates: which of several wins is not defined
        update[...] = values(dtype, (1,), case["seed"], special=False)[0]
    body = "" if kind == "assign" else f"stablehlo.{kind} %a, %b"
    text = scatter_text(case, x, index, update, body)
    check(one_op(text, [x, index, update], typed(x)), x, index, update, rtol=ROUGH.get(dtype))


ROWS = {"offset": [1], "collapsed": [0], "batching": [], "index_batching": [], "mapped": [0],
        "vector": 1}  # fmt: skip


def test_a_row_look_up_and_its_gradient_have_their_operators() -> None:
    x, index = values("float32", (9, 4), 1, special=False), np.array([[3], [0], [8]], np.int32)
    text = f"""stablehlo.constant dense<[[3], [0], [8]]> : tensor<3x1xi32>
  %s = "stablehlo.gather"(%arg0, %r) {{dimension_numbers = #stablehlo.gather<offset_dims = [1],
    collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>,
    slice_sizes = array<i64: 1, 4>}} : ({typed(x)}, {typed(index)}) -> tensor<3x4xf32>"""
    whole = one_op(text, [x], "tensor<3x4xf32>").replace("return %r", "return %s")
    assert check(whole, x).count() == {"Data": 1, "Const": 2, "GatherV2": 1}
    update = values("float32", (3, 4), 2, special=False)
    text = scatter_text(ROWS | {"dtype": "float32"}, x, index, update, "stablehlo.add %a, %b")
    graph = check(one_op(text, [x, index, update], typed(x)), x, index, update)
    assert graph.count()["TensorScatterAdd"] == 1


@pytest.mark.parametrize("unique", [True, False])
def test_scatters_with_bodies_of_their_own(unique: bool) -> None:
    case = ROWS | {"dtype": "int32"}
    x, index = values("int32", (9, 4), 1), np.array([[3], [0], [8], [11]], np.int32)
    update = values("int32", (4, 4), 2)
    for body in ("stablehlo.xor %a, %b", "stablehlo.subtract %b, %a"):
        text = scatter_text(case, x, index, update, body, unique)
        check(one_op(text, [x, index, update], typed(x)), x, index, update)


def test_a_long_scatter_with_a_body_of_its_own_is_refused_with_advice() -> None:
    case = ROWS | {"dtype": "int32"}
    x, index = values("int32", (9, 4), 1), np.zeros((100, 1), np.int32)
    update = values("int32", (100, 4), 2)
    text = scatter_text(case, x, index, update, "stablehlo.xor %a, %b")
    with pytest.raises(UnsupportedOnAscend, match="unique_indices=True"):
        translate(one_op(text, [x, index, update], typed(x)))


def sort_text(operands: list[np.ndarray], comparator: str, dim: int) -> str:
    kinds = [typed(x) for x in operands]
    arguments = ", ".join(f"%arg{k}" for k in range(len(operands)))
    params = ", ".join(
        f"%{side}{k}: tensor<{element(x.dtype)}>" for k, x in enumerate(operands) for side in "lr"
    )
    body = f"""  %s:{len(operands)} = "stablehlo.sort"({arguments}) ({{ ^bb0({params}):
{comparator}
    stablehlo.return %p : tensor<i1> }}) {{dimension = {dim} : i64, is_stable = true}}
    : ({", ".join(kinds)}) -> ({", ".join(kinds)})"""
    returned = ", ".join(f"%s#{k}" for k in range(len(operands)))
    return module(body, operands, kinds, returned)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS, "bool"])
@pytest.mark.parametrize("order", ["LT", "GT"])
def test_sorts_of_every_dtype(dtype: str, order: str) -> None:
    x, payload, e = values(dtype, (6, 7), 3), values("int32", (6, 7), 4), element(dtype)
    total = ", TOTALORDER" if dtype in FLOATS else ""
    line = f"    %p = stablehlo.compare {order}, %l0, %r0{total} : (tensor<{e}>, tensor<{e}>) -> "
    for dim in (0, 1):
        check(sort_text([x, payload], line + "tensor<i1>", dim), x, payload)
    check(sort_text([x], line + "tensor<i1>", 1), x)


def test_sorts_that_treat_all_zeros_and_nan_alike() -> None:
    """How NumPy-like front ends compare: zeros and NaN are made canonical first."""
    x, place = values("float32", (40,), 1), np.arange(40, dtype=np.int32)
    lines = [
        f"""    %z{side} = stablehlo.constant dense<0.0> : tensor<f32>
    %e{side} = stablehlo.compare EQ, %{side}0, %z{side} : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %c{side} = stablehlo.select %e{side}, %z{side}, %{side}0 : tensor<i1>, tensor<f32>
    %n{side} = stablehlo.constant dense<0x7FC00000> : tensor<f32>
    %d{side} = stablehlo.compare NE, %{side}0, %{side}0 : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %k{side} = stablehlo.select %d{side}, %n{side}, %c{side} : tensor<i1>, tensor<f32>"""
        for side in "lr"
    ]
    lines.append(
        "    %p = stablehlo.compare LT, %kl, %kr, TOTALORDER : "
        "(tensor<f32>, tensor<f32>) -> tensor<i1>"
    )
    check(sort_text([x, place], "\n".join(lines), 0), x, place)


def test_sorts_by_several_keys() -> None:
    """First by an integer up, then by a float down; a third operand comes along."""
    x, y = values("int32", (30,), 1, special=False) % 3, values("float32", (30,), 2)
    place = np.arange(30, dtype=np.int32)
    comparator = """
    %a = stablehlo.compare LT, %l0, %r0 : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %b = stablehlo.compare EQ, %l0, %r0 : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %c = stablehlo.compare GT, %l1, %r1, TOTALORDER : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %d = stablehlo.and %b, %c : tensor<i1>
    %p = stablehlo.or %a, %d : tensor<i1>"""
    graph = check(sort_text([x, y, place], comparator, 0), x, y, place)
    assert graph.count()["Sort"] == 2


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_are_sorted_by_their_parts(dtype: str) -> None:
    rng = np.random.default_rng(5)
    z = (rng.integers(0, 3, (3, 8)) - 1j * rng.integers(0, 3, (3, 8))).astype(dtype)
    graph = read_back(ms.export(lambda z: (mnp.sort(z), mnp.argsort(z, 0)), z, backend="ascend"))
    values, places = simulate(graph, [z])
    np.testing.assert_array_equal(values, np.sort(z))
    np.testing.assert_array_equal(places, np.argsort(z, 0, kind="stable"))


def test_a_comparator_that_is_no_order_is_refused() -> None:
    x = values("float32", (5,), 1)
    comparator = """    %s = stablehlo.add %l0, %r0 : tensor<f32>
    %p = stablehlo.compare LT, %s, %r0 : (tensor<f32>, tensor<f32>) -> tensor<i1>"""
    with pytest.raises(UnsupportedOnAscend, match="not an order"):
        translate(sort_text([x], comparator, 0))


@pytest.mark.parametrize("dtype", FLOATS + INTS)
def test_largest_elements_first_among_equals(dtype: str) -> None:
    x = values(dtype, (5, 9), 3)
    kinds = [tensor((5, 4), dtype), "tensor<5x4xi32>"]
    body = f"  %v:2 = chlo.top_k(%arg0, k = 4) : {typed(x)} -> ({kinds[0]}, {kinds[1]})"
    check(module(body, [x], kinds, "%v#0, %v#1"), x)


def test_an_integer_sort_is_one_operator() -> None:
    x = values("int32", (5, 9), 3)
    line = "    %p = stablehlo.compare LT, %l0, %r0 : (tensor<i32>, tensor<i32>) -> tensor<i1>"
    assert check(sort_text([x], line, 1), x).count() == {"Data": 1, "Sort": 1}
