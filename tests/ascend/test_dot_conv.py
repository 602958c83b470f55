"""Matrix products and convolutions of every form equal XLA's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ascend import check, one_op, tensor, typed, values

DTYPES = ["float32", "float16", "bfloat16", "float64", "int8", "int16", "int32", "int64", "uint8",
          "uint16", "uint32", "uint64", "complex64", "complex128", "bool"]  # fmt: skip
ROUGH = {"bfloat16": 3e-2, "float16": 6e-3, "float32": 5e-5, "complex64": 1e-4}


def listed(items: Any) -> str:
    return "[" + ", ".join(map(str, items)) + "]"


@st.composite
def dots(draw: Any) -> dict[str, Any]:
    """Two operands whose batch, contracting and free dimensions lie in any order."""
    sizes = st.lists(st.integers(1, 4), max_size=2)
    batch, shared, left, right = (draw(sizes) for _ in range(4))

    def laid_out(free: list[int]) -> tuple[list[int], list[int], list[int]]:
        tags = [("b", k) for k in range(len(batch))] + [("c", k) for k in range(len(shared))]
        tags = list(draw(st.permutations(tags + [("f", 0)] * len(free))))
        rest = iter(free)
        shape = [{"b": batch, "c": shared}[a][k] if a != "f" else next(rest) for a, k in tags]
        where = [[tags.index((a, k)) for k in range(n)]
                 for a, n in (("b", len(batch)), ("c", len(shared)))]  # fmt: skip
        return shape, where[0], where[1]

    return {"lhs": laid_out(left), "rhs": laid_out(right), "out": batch + left + right}


@given(dots(), st.sampled_from(DTYPES))
@settings(max_examples=20)
def test_products_of_every_form(case: dict[str, Any], dtype: str) -> None:
    check_product(case, dtype)


@pytest.mark.slow
@given(dots(), st.sampled_from(DTYPES))
@settings(max_examples=300)
def test_many_products(case: dict[str, Any], dtype: str) -> None:
    check_product(case, dtype)


@pytest.mark.parametrize("dtype", ["float64", "int64", "complex128"])
def test_large_products_without_a_kernel_are_formed_in_parts(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ms_func_ascend.operators.dot.PRODUCT_LIMIT", 20)
    case = {"lhs": ([2, 3, 7], [0], [2]), "rhs": ([7, 2, 4], [1], [0]), "out": [2, 3, 4]}
    check_product(case, dtype)


def check_product(case: dict[str, Any], dtype: str) -> None:
    (left, lb, lc), (right, rb, rc) = case["lhs"], case["rhs"]
    x, y = values(dtype, left, 1, special=False), values(dtype, right, 2, special=False)
    out = tensor(case["out"], dtype)
    text = (
        f"stablehlo.dot_general %arg0, %arg1, batching_dims = {listed(lb)} x {listed(rb)}, "
        f"contracting_dims = {listed(lc)} x {listed(rc)} : ({typed(x)}, {typed(y)}) -> {out}"
    )
    check(one_op(text, [x, y], out), x, y, rtol=ROUGH.get(dtype))


@pytest.mark.parametrize(("source", "target"), [("int8", "int32"), ("bfloat16", "float32"),
                                                ("float16", "float32")])  # fmt: skip
def test_products_with_a_wider_result(source: str, target: str) -> None:
    x, y = values(source, (5, 6), 1, special=False), values(source, (6, 7), 2, special=False)
    out = tensor((5, 7), target)
    text = (f"stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [0] : "
            f"({typed(x)}, {typed(y)}) -> {out}")  # fmt: skip
    check(one_op(text, [x, y], out), x, y)


@pytest.mark.parametrize(("perm", "contract"), [("[1, 0]", "[0] x [0]"), ("[1, 0]", "[1] x [0]")])
def test_transposes_become_flags(perm: str, contract: str) -> None:
    x, y = values("float32", (6, 6), 1, special=False), values("float32", (6, 6), 2, special=False)
    kind = typed(x)
    body = f"""stablehlo.transpose %arg0, dims = {perm} : ({kind}) -> {kind}
  %s = stablehlo.dot_general %r, %arg1, contracting_dims = {contract}
    : ({kind}, {kind}) -> {kind}"""
    text = one_op(body, [x, y], kind).replace("return %r", "return %s")
    assert check(text, x, y).count() == {"Data": 2, "MatMulV2": 1}


@st.composite
def convolutions(draw: Any) -> dict[str, Any]:
    """Convolutions with strides, padding, dilations, groups and layouts of every kind."""
    rank = draw(st.sampled_from([1, 2, 2, 2, 3, 0]))
    small = st.integers(1, 2)
    dilation = st.tuples(*[small] * rank) if draw(st.booleans()) else st.just((1,) * rank)
    groups = draw(st.sampled_from([1, 1, 1, 2]))
    batch_groups = draw(st.sampled_from([1, 1, 2])) if groups == 1 else 1
    channels, kernels, rows = draw(small), draw(small) * groups * batch_groups, draw(small)
    size = draw(st.tuples(*[st.integers(3, 7)] * rank))
    kernel = draw(st.tuples(*[st.integers(1, 4)] * rank))
    case = {
        "strides": draw(st.tuples(*[small] * rank)),
        "pads": draw(st.tuples(*[st.tuples(st.integers(-1, 3), st.integers(-1, 3))] * rank)),
        "lhs_dilation": draw(dilation), "rhs_dilation": draw(dilation),
        "reverse": draw(st.tuples(*[st.booleans()] * rank)),
        "groups": groups, "batch_groups": batch_groups,
    }  # fmt: skip
    out = []
    for d in range(rank):
        n = (size[d] - 1) * case["lhs_dilation"][d] + 1 + sum(case["pads"][d])
        k = (kernel[d] - 1) * case["rhs_dilation"][d] + 1
        out.append(max(0, (n - k) // case["strides"][d] + 1) if n >= k else 0)
    spatial = [str(d) for d in range(rank)]
    for side, names in (("lhs", "bf"), ("rhs", "oi"), ("out", "bf")):
        case[side] = draw(st.permutations([*names, *spatial]))
    sizes = {
        "lhs": {"b": rows * batch_groups, "f": channels * groups}
        | dict(zip(spatial, size, strict=True)),
        "rhs": {"o": kernels, "i": channels, **dict(zip(spatial, kernel, strict=True))},
        "out": {"b": rows, "f": kernels, **dict(zip(spatial, out, strict=True))},
    }  # fmt: skip
    case["shapes"] = {side: [sizes[side][c] for c in case[side]] for side in sizes}
    return case


def convolution_text(case: dict[str, Any], dtype: str) -> tuple[str, Any, Any]:
    target = {"int8": "int32"}.get(dtype, dtype)
    shapes = case["shapes"]
    x = values(dtype, shapes["lhs"], 1, special=False)
    y = values(dtype, shapes["rhs"], 2, special=False)
    kind = tensor(shapes["out"], target)
    pads = listed(map(listed, case["pads"]))
    names = [listed(case[side]) for side in ("lhs", "rhs", "out")]
    text = (
        f"stablehlo.convolution(%arg0, %arg1) dim_numbers = {names[0]}x{names[1]}->{names[2]}, "
        f"window = {{stride = {listed(case['strides'])}, pad = {pads}, "
        f"lhs_dilate = {listed(case['lhs_dilation'])}, "
        f"rhs_dilate = {listed(case['rhs_dilation'])}, "
        f"reverse = {listed(case['reverse']).lower()}}} "
        f"{{batch_group_count = {case['batch_groups']} : i64, "
        f"feature_group_count = {case['groups']} : i64}} : ({typed(x)}, {typed(y)}) -> {kind}"
    )
    return one_op(text, [x, y], kind), x, y


FOR_CONVOLUTIONS = ["float32"] * 4 + DTYPES[1:4] + ["int32", "complex64", "int8"]


@given(convolutions(), st.sampled_from(FOR_CONVOLUTIONS))
@settings(max_examples=20)
def test_convolutions_of_every_form(case: dict[str, Any], dtype: str) -> None:
    check_convolution(case, dtype)


@pytest.mark.slow
@given(convolutions(), st.sampled_from(FOR_CONVOLUTIONS))
@settings(max_examples=300)
def test_many_convolutions(case: dict[str, Any], dtype: str) -> None:
    check_convolution(case, dtype)


def check_convolution(case: dict[str, Any], dtype: str) -> None:
    if 0 in case["shapes"]["out"]:
        return
    text, x, y = convolution_text(case, dtype)
    check(text, x, y, rtol=ROUGH.get(dtype))


NHWC = {"lhs": ["b", "0", "1", "f"], "rhs": ["0", "1", "i", "o"], "out": ["b", "0", "1", "f"]}
BASE = {"strides": (1, 1), "pads": ((1, 1), (1, 1)), "lhs_dilation": (1, 1),
        "rhs_dilation": (1, 1), "reverse": (False, False), "groups": 1,
        "batch_groups": 1}  # fmt: skip


def test_a_forward_convolution_is_conv2d() -> None:
    case = BASE | NHWC | {"strides": (2, 2), "shapes": {
        "lhs": [4, 8, 8, 3], "rhs": [3, 3, 3, 5], "out": [4, 4, 4, 5]}}  # fmt: skip
    text, x, y = convolution_text(case, "float32")
    graph = check(text, x, y)
    (node,) = (n for n in graph.nodes if n.op == "Conv2D")
    assert node.attrs == {"strides": [1, 2, 2, 1], "pads": [1, 1, 1, 1]}
    assert node.layouts == {"x": "NHWC", "filter": "HWCN", "y": "NHWC"}
    assert graph.count() == {"Data": 2, "Conv2D": 1}
    (node,) = (n for n in check(text, x, y, fusions=False).nodes if n.op == "Conv2D")
    assert node.attrs == {"strides": [1, 1, 2, 2], "pads": [1, 1, 1, 1], "data_format": "NCHW"}
    assert node.layouts == {"x": "NCHW", "filter": "NCHW", "y": "NCHW"}


@pytest.mark.parametrize(("dtype", "strides"), [("float32", (1, 1)), ("bfloat16", (1, 2))])
def test_a_filter_longer_than_the_operator_takes(dtype: str, strides: tuple[int, int]) -> None:
    """The sum over its pieces, formed in float32."""
    case = BASE | NHWC | {"strides": strides, "pads": ((0, 0), (2, 1)), "shapes": {
        "lhs": [1, 3, 600, 2], "rhs": [2, 280, 2, 2],
        "out": [1, 2, 323 // strides[1] + 1, 2]}}  # fmt: skip
    text, x, y = convolution_text(case, dtype)
    graph = check(text, x, y, rtol=ROUGH.get(dtype, 2e-4))
    assert graph.count()["Conv2D"] == 2


def test_the_gradient_of_the_filter_has_its_operator() -> None:
    """Batch and features of the image exchanged, the filter the size of the result."""
    case = BASE | {
        "lhs": ["f", "0", "1", "b"], "rhs": ["i", "0", "1", "o"], "out": ["0", "1", "b", "f"],
        "rhs_dilation": (2, 2), "pads": ((0, 1), (0, 1)),
        "shapes": {"lhs": [4, 8, 8, 3], "rhs": [4, 4, 4, 5], "out": [3, 3, 3, 5]},
    }  # fmt: skip
    text, x, y = convolution_text(case, "float32")
    graph = check(text, x, y)
    (node,) = (n for n in graph.nodes if n.op == "Conv2DBackpropFilter")
    assert node.attr("strides") == [1, 2, 2, 1]
    assert node.inputs[1].node.attrs["value"].tolist() == [3, 3, 3, 5]
    assert "Transpose" not in graph.count()


@pytest.mark.parametrize("groups", [1, 2])
def test_the_gradient_of_the_image_has_its_operator(groups: int) -> None:
    """A dilated image and a filter turned around: no zeros are inserted, nothing is turned."""
    x = values("float32", (4, 4, 4, 4 * groups), 1, special=False)
    k = values("float32", (3, 3, 3 * groups, 4), 2, special=False)
    out = tensor((4, 8, 8, 3 * groups), "float32")
    body = f"""stablehlo.reverse %arg1, dims = [0, 1] : {typed(k)}
  %s = stablehlo.convolution(%arg0, %r) dim_numbers = [b, 0, 1, f]x[0, 1, o, i]->[b, 0, 1, f],
    window = {{stride = [1, 1], pad = [[2, 1], [2, 1]], lhs_dilate = [2, 2], rhs_dilate = [1, 1],
    reverse = [false, false]}} {{batch_group_count = 1 : i64, feature_group_count = {groups} : i64}}
    : ({typed(x)}, {typed(k)}) -> {out}"""
    graph = check(one_op(body, [x, k], out).replace("return %r", "return %s"), x, k)
    assert graph.count()["Conv2DBackpropInput"] == 1
    assert not {"PadV2", "ReverseV2"} & set(graph.count())


def test_depthwise_convolutions_use_groups() -> None:
    case = BASE | NHWC | {"groups": 6, "shapes": {
        "lhs": [2, 5, 5, 6], "rhs": [3, 3, 1, 12], "out": [2, 5, 5, 12]}}  # fmt: skip
    text, x, y = convolution_text(case, "float32")
    (node,) = (n for n in check(text, x, y).nodes if n.op == "Conv2D")
    assert node.attrs["groups"] == 6
