"""Fusions: found where they belong, left alone at a near miss, and never change a result."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ms_func_ascend import Graph
from tests.support.ascend import check, module, tensor, typed, values


def fused_and_plain(text: str, *arguments: np.ndarray) -> Graph:
    """Check with and without fusions; the graph with them."""
    check(text, *arguments, fusions=False)
    return check(text, *arguments)


# -- pooling -------------------------------------------------------------------------------


def tree(shape: tuple[int, ...], starts: list[tuple[int, ...]], steps: tuple[int, ...],
         out: tuple[int, ...], kind: str = "maximum") -> tuple[str, str]:  # fmt: skip
    """A chain of maxima over slices of %arg0, result %m<last>."""
    lines, kept = [], tensor(out, "float32")
    for k, start in enumerate(starts):
        bounds = ", ".join(
            f"{a}:{a + (m - 1) * s + 1}:{s}" for a, m, s in zip(start, out, steps, strict=True)
        )
        lines.append(f"  %s{k} = stablehlo.slice %arg0 [{bounds}] : "
                     f"({tensor(shape, 'float32')}) -> {kept}")  # fmt: skip
    last = "%s0"
    for k in range(1, len(starts)):
        lines.append(f"  %m{k} = stablehlo.{kind} {last}, %s{k} : {kept}")
        last = f"%m{k}"
    return "\n".join(lines), last


@given(st.integers(2, 3), st.integers(2, 3), st.integers(1, 3), st.integers(0, 1), st.booleans(),
       st.randoms(use_true_random=False))  # fmt: skip
@settings(max_examples=8)
def test_trees_of_slices_are_pooling(
    high: int, wide: int, step: int, start: int, summed: bool, random: object
) -> None:
    """Any window, step and first place; slices in any order."""
    shape = (2, 8, 9, 3)
    out = (2, (8 - start - high) // step + 1, (9 - wide) // step + 1, 3)
    starts = [(0, start + i, j, 0) for i, j in itertools.product(range(high), range(wide))]
    random.shuffle(starts)  # type: ignore[attr-defined]
    kind = "add" if summed else "maximum"
    x = values("float32", shape, 1, special=not summed)
    body, last = tree(shape, starts, (1, step, step, 1), out, kind)
    graph = fused_and_plain(module(body, [x], [tensor(out, "float32")], last), x)
    assert graph.count()["AvgPoolV2" if summed else "MaxPoolV3"] >= 1
    assert "StridedSlice" not in graph.count()


FULL = [(0, i, j, 0) for i in range(2) for j in range(2)]


@pytest.mark.parametrize("starts", [FULL[:3], [*FULL[:3], FULL[0]], [*FULL[:3], (0, 2, 1, 0)],
                                    [(0, i, 0, 0) for i in range(4)]])  # fmt: skip
def test_an_incomplete_window_is_left_alone(starts: list[tuple[int, ...]]) -> None:
    """A corner missing, one twice, one elsewhere, or a single dimension."""
    x = values("float32", (1, 6, 6, 2), 1)
    body, last = tree(x.shape, starts, (1, 2, 2, 1), (1, 2, 2, 2))
    text = module(body, [x], [tensor((1, 2, 2, 2), "float32")], last)
    assert "MaxPoolV3" not in fused_and_plain(text, x).count()


def test_a_window_whose_parts_are_used_is_left_alone() -> None:
    x = values("float32", (1, 6, 6, 2), 1)
    body, last = tree(x.shape, FULL, (1, 2, 2, 1), (1, 2, 2, 2))
    kind = tensor((1, 2, 2, 2), "float32")
    text = module(body, [x], [kind, kind], f"{last}, %m1")
    assert "MaxPoolV3" not in fused_and_plain(text, x).count()


# -- softmax -------------------------------------------------------------------------------


def softmax(shape: tuple[int, ...], axis: int, logs: bool, form: str, dims: str | None = None,
            sum_axis: int | None = None) -> str:  # fmt: skip
    """Softmax of %arg0 in parts: laid back directly, or by a reshape that keeps the dimension."""
    kind, rest = tensor(shape, "float32"), tuple(n for d, n in enumerate(shape) if d != axis)
    own = ", ".join(str(d) for d in range(len(shape)) if d != axis) if dims is None else dims
    low = tensor(rest, "float32")

    def back(name: str) -> str:
        if form == "direct":
            return f"stablehlo.broadcast_in_dim {name}, dims = [{own}] : ({low}) -> {kind}"
        held = tensor([1 if d == axis else n for d, n in enumerate(shape)], "float32")
        every = ", ".join(map(str, range(len(shape))))
        return (f"stablehlo.reshape {name} : ({low}) -> {held}\n"
                f"  {name}w = stablehlo.broadcast_in_dim {name}k, dims = [{every}] : "
                f"({held}) -> {kind}")  # fmt: skip

    suffix = "w" if form == "direct" else "k"
    guard = f"""  %ninf = stablehlo.constant dense<0xFF800000> : {low}
  %g = stablehlo.maximum %ninf, %m : {low}
""" if form == "guarded" else ""  # fmt: skip
    top = "%g" if guard else "%m"
    summed = axis if sum_axis is None else sum_axis
    return f"""  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %m = stablehlo.reduce(%arg0 init: %low) applies stablehlo.maximum across dimensions = [{axis}]
    : ({kind}, tensor<f32>) -> {low}
{guard}  {top}{suffix} = {back(top)}
  %d = stablehlo.subtract %arg0, {top}w : {kind}
  %e = stablehlo.exponential %d : {kind}
  %t = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [{summed}]
    : ({kind}, tensor<f32>) -> {low}
{f"  %l = stablehlo.log %t : {low}" if logs else ""}
  {"%l" if logs else "%t"}{suffix} = {back("%l" if logs else "%t")}
  %r = {"stablehlo.subtract %d, %lw" if logs else "stablehlo.divide %e, %tw"} : {kind}"""


@pytest.mark.parametrize("logs", [False, True])
@pytest.mark.parametrize("form", ["direct", "keep", "guarded"])
@pytest.mark.parametrize(("shape", "axis"), [((5, 7), 1), ((5, 7), 0), ((4, 4), 1), ((4, 4), 0),
                                             ((2, 3, 4), 1)])  # fmt: skip
def test_softmax_in_parts(shape: tuple[int, ...], axis: int, form: str, logs: bool) -> None:
    x = values("float32", shape, 1, special=False)
    x.reshape(-1)[0] = -np.inf
    graph = fused_and_plain(module(softmax(shape, axis, logs, form), [x], [typed(x)], "%r"), x)
    assert graph.count() == {"Data": 1, "LogSoftmaxV2" if logs else "SoftmaxV2": 1}
    assert graph.nodes[1].attr("axes") in ([axis], [-1] if axis == len(shape) - 1 else [axis])


@pytest.mark.parametrize("logs", [False, True])
def test_softmax_laid_back_along_another_axis_is_left_alone(logs: bool) -> None:
    """On a square array the row maxima may be laid along the rows: not a softmax."""
    x = values("float32", (4, 4), 1, special=False)
    body = softmax((4, 4), 1, logs, "direct", dims="1")
    graph = fused_and_plain(module(body, [x], [typed(x)], "%r"), x)
    assert not {"SoftmaxV2", "LogSoftmaxV2"} & set(graph.count())


def test_softmax_over_another_axis_than_the_maximum_is_left_alone() -> None:
    x = values("float32", (4, 4), 1, special=False)
    body = softmax((4, 4), 1, False, "direct", sum_axis=0)
    assert "SoftmaxV2" not in fused_and_plain(module(body, [x], [typed(x)], "%r"), x).count()


def test_softmax_whose_parts_are_used_is_left_alone() -> None:
    x = values("float32", (5, 7), 1, special=False)
    text = module(softmax((5, 7), 1, False, "direct"), [x], [typed(x), typed(x)], "%r, %e")
    assert "SoftmaxV2" not in fused_and_plain(text, x).count()


def test_nan_poisons_its_row_only() -> None:
    x = values("float32", (3, 5), 1, special=False)
    x[1, 2] = np.nan
    fused_and_plain(module(softmax((3, 5), 1, False, "direct"), [x], [typed(x)], "%r"), x)


# -- biases --------------------------------------------------------------------------------


def dense(dims: str, bias: str = "%arg2") -> str:
    return f"""  %p = stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [0]
    : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = stablehlo.broadcast_in_dim {bias}, dims = [{dims}] : (tensor<4xf32>) -> tensor<4x4xf32>
  %r = stablehlo.add %b, %p : tensor<4x4xf32>"""


X, W = values("float32", (4, 4), 1, special=False), values("float32", (4, 4), 2, special=False)
B = values("float32", (4,), 3, special=False)


def test_a_bias_goes_into_the_product() -> None:
    graph = fused_and_plain(module(dense("1"), [X, W, B], [typed(X)], "%r"), X, W, B)
    assert graph.count() == {"Data": 3, "MatMulV2": 1}
    constant = "  %c = stablehlo.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>\n"
    text = module(constant + dense("1", "%c"), [X, W], [typed(X)], "%r")
    assert fused_and_plain(text, X, W).count() == {"Data": 2, "Const": 1, "MatMulV2": 1}


def test_a_bias_along_the_rows_or_of_a_product_in_use_stays() -> None:
    graph = fused_and_plain(module(dense("0"), [X, W, B], [typed(X)], "%r"), X, W, B)
    assert graph.count()["Add"] == 1
    text = module(dense("1"), [X, W, B], [typed(X), typed(X)], "%r, %p")
    assert fused_and_plain(text, X, W, B).count()["Add"] == 1


@pytest.mark.parametrize("dims", [3, 1])
def test_a_bias_goes_into_a_convolution_if_it_runs_along_the_channels(dims: int) -> None:
    x = values("float32", (2, 6, 6, 3), 1, special=False)
    k = values("float32", (3, 3, 3, 6), 2, special=False)
    b = values("float32", (6,), 3, special=False)
    out = tensor((2, 6, 6, 6), "float32")
    body = f"""  %p = stablehlo.convolution(%arg0, %arg1)
    dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
    window = {{stride = [1, 1], pad = [[1, 1], [1, 1]], lhs_dilate = [1, 1], rhs_dilate = [1, 1],
    reverse = [false, false]}} {{batch_group_count = 1 : i64, feature_group_count = 1 : i64}}
    : ({typed(x)}, {typed(k)}) -> {out}
  %b = stablehlo.broadcast_in_dim %arg2, dims = [{dims}] : (tensor<6xf32>) -> {out}
  %r = stablehlo.add %p, %b : {out}"""
    count = fused_and_plain(module(body, [x, k, b], [out], "%r"), x, k, b).count()
    assert ("Add" in count) is (dims == 1)
    assert count["Conv2D"] == 1
