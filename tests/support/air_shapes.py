"""Shapes of results by the definitions of the operators: what a loader would infer by itself.

`wrong_shapes` holds a node of an AIR file against the rule of its operator. Rules read the shapes
of the inputs, attributes, and inputs that are constants; None stands for what they do not say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Shape = tuple[int, ...]


class Misfit(Exception):
    """Inputs or attributes that an operator does not take."""


def need(holds: bool, what: str) -> None:
    if not holds:
        raise Misfit(what)


class At:
    """A node as rules see it.

    Args:
        shapes: of the inputs that are fed, by port.
        layouts: of all ports.
        values: integers of the inputs that are constants, by port.
        attrs: integers, booleans, texts and lists of integers, by name, defaults among them.
        made: the shapes of the results.
    """

    def __init__(
        self, shapes: dict[str, Shape], layouts: dict[str, str], values: dict[str, list[int]],
        attrs: dict[str, Any], made: list[Shape],
    ) -> None:  # fmt: skip
        self.shapes, self.layouts, self.values = shapes, layouts, values
        self.attrs, self.made = attrs, made

    def __getitem__(self, port: str) -> Shape:
        return self.shapes[port]

    @property
    def first(self) -> Shape:
        return next(iter(self.shapes.values()))

    def dynamic(self, port: str) -> list[Shape]:
        """Shapes of the tensors of a dynamic port."""
        return [s for name, s in self.shapes.items() if name[len(port) :].isdigit()
                and name.startswith(port)]  # fmt: skip

    def axes(self, values: Sequence[int], rank: int) -> list[int]:
        made = [v + rank if v < 0 else v for v in values]
        need(len(set(made)) == len(made) and all(0 <= v < rank for v in made), f"axes {values}")
        return made

    def axis(self, value: int, rank: int) -> int:
        return self.axes([value], rank)[0]


Rule = Callable[[At], Sequence[Shape | None]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def wrong_shapes(op: str, at: At) -> Iterator[str]:
    """What is wrong with the shapes of a node."""
    found = RULES.get(op)
    try:
        wanted = list(at.made) if found is None else found(at)
    except (Misfit, LookupError, ValueError, TypeError) as error:
        yield f"does not take {error!r}"
        return
    for k, (want, made) in enumerate(zip(wanted, at.made, strict=True)):
        if want is not None and tuple(want) != made:
            yield f"result {k} has shape {made}, not {tuple(want)}"


def broadcast(*shapes: Shape) -> Shape:
    """The shape that shapes broadcast to."""
    rank = max(map(len, shapes), default=0)
    made = []
    for sizes in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        need(len({*sizes} - {1}) < 2, f"{shapes}, which do not broadcast")
        made.append(next((n for n in sizes if n != 1), 1))
    return tuple(made)


# -- one result of the shape of the inputs -------------------------------------------------


@rule(
    "Abs", "Acos", "Acosh", "Add", "Asin", "Asinh", "Atan", "Atan2", "Atanh", "Axpy", "BesselI0e",
    "BesselI1e", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Cast", "Ceil", "ClipByValue", "Complex",
    "ComplexAbs", "Conj", "Cos", "Cosh", "Digamma", "Elu", "EluGrad", "Equal", "Erf", "Erfc",
    "Erfinv", "Exp", "Expm1", "Floor", "Gelu", "GeluGrad", "GeluGradV2", "GeluV2", "Greater",
    "GreaterEqual", "HardSwish", "Identity", "Imag", "Invert", "IsFinite", "IsInf", "IsNan",
    "LeakyRelu", "LeakyReluGrad", "LeftShift", "Less", "LessEqual", "Lgamma", "Log", "Log1p",
    "LogSoftmaxGrad", "LogSoftmaxV2", "LogicalAnd", "LogicalNot", "LogicalOr", "Maximum", "Minimum",
    "Mish", "Mod", "Mul", "Neg", "NextAfter", "NotEqual", "PopulationCount", "Pow", "Real",
    "RealDiv", "Relu", "Relu6", "Relu6Grad", "ReluGrad", "RightShift", "Rint", "Rsqrt", "SelectV2",
    "Selu", "Sigmoid", "SigmoidGrad", "Sign", "Sin", "Sinh", "SoftmaxGrad", "SoftmaxV2", "Softplus",
    "SoftplusGrad", "Softsign", "Sqrt", "Sub", "Swish", "SwishGrad", "Tan", "Tanh", "TanhGrad",
    "TruncateDiv", "TruncateMod", "Zeta",
)  # fmt: skip
def _elementwise(at: At) -> Sequence[Shape | None]:
    for name in ("axes", "axis"):
        at.axes(at.attrs.get(name, []), len(at.first))
    return [broadcast(*at.shapes.values())]


@rule("Select", "AdamApplyOne", "AdamApplyOneWithDecay")
def _alike(at: At) -> Sequence[Shape | None]:
    whole = [s for s in at.shapes.values() if s != ()]
    need(len({*whole}) < 2, f"{at.shapes}")
    return [at.first] * len(at.made)


@rule("RotaryPositionEmbedding")
def _rotary(at: At) -> Sequence[Shape | None]:
    x, cosine = at["x"], at["cos"]
    need(cosine == at["sin"] and cosine[-1:] == x[-1:], f"{at.shapes}")
    need(len(x) == 4 and x[3] % 2 == 0 and broadcast(x, cosine) == x, f"{at.shapes}")
    return [x]


@rule("Cumsum", "Cumprod", "ReverseV2", "Cholesky", "HcomAllReduce", "HcomAllToAll")
def _first(at: At) -> Sequence[Shape | None]:
    at.axes(at.values.get("axis", []), len(at.first))
    return [at.first]


# -- data movement -------------------------------------------------------------------------


@rule("Reshape")
def _reshape(at: At) -> Sequence[Shape | None]:
    shape = tuple(at.values["shape"])
    need(math.prod(shape) == math.prod(at["x"]), f"{at['x']} as {shape}")
    return [shape]


@rule("BroadcastTo", "Fill")
def _repeated(at: At) -> Sequence[Shape | None]:
    shape = tuple(at.values["shape" if "shape" in at.shapes else "dims"])
    held = at.shapes.get("x", at.shapes.get("value", ()))
    return [broadcast(held, shape)] if "x" in at.shapes else [shape]


@rule("Transpose")
def _transpose(at: At) -> Sequence[Shape | None]:
    perm = at.values["perm"]
    need(sorted(perm) == [*range(len(at["x"]))], f"order {perm}")
    need(len(perm) <= 8, "more than eight dimensions")
    return [tuple(at["x"][p] for p in perm)]


@rule("Slice")
def _slice(at: At) -> Sequence[Shape | None]:
    sizes = at.values["size"]
    starts = at.values.get("offsets", [0] * len(sizes))
    rows = zip(starts, sizes, at["x"], strict=True)
    need(all(a >= 0 and a + n <= whole for a, n, whole in rows), f"{starts} and {sizes}")
    return [tuple(sizes)]


@rule("StridedSlice")
def _strided(at: At) -> Sequence[Shape | None]:
    rows = [*zip(*(at.values[n] for n in ("begin", "end", "strides")), at["x"], strict=True)]
    need(all(0 <= a <= b <= n and s > 0 for a, b, s, n in rows), f"{rows}")
    return [tuple(len(range(a, b, s)) for a, b, s, _ in rows)]


@rule("PadV2")
def _pad(at: At) -> Sequence[Shape | None]:
    widths = at.values["paddings"]
    need(min(widths, default=0) >= 0 and at["paddings"] == (len(at["x"]), 2), f"{widths}")
    need(at["constant_values"] == (), "a value that is no number")
    return [tuple(n + sum(widths[2 * d : 2 * d + 2]) for d, n in enumerate(at["x"]))]


@rule("ConcatV2")
def _concat(at: At) -> Sequence[Shape | None]:
    xs = at.dynamic("x")
    axis = at.axis(at.values["concat_dim"][0], len(xs[0]))
    need(len({(*x[:axis], 0, *x[axis + 1 :]) for x in xs}) == 1, f"{xs} along {axis}")
    return [(*xs[0][:axis], sum(x[axis] for x in xs), *xs[0][axis + 1 :])]


@rule("Pack")
def _pack(at: At) -> Sequence[Shape | None]:
    xs = at.dynamic("x")
    need(len({*xs}) == 1 and at.attrs["axis"] == 0, f"{xs}")
    return [(len(xs), *xs[0])]


@rule("Range")
def _range(at: At) -> Sequence[Shape | None]:
    start, limit, step = (at.values[n][0] for n in ("start", "limit", "delta"))
    return [(len(range(start, limit, step)),)]


# -- indices -------------------------------------------------------------------------------


@rule("GatherV2")
def _gather(at: At) -> Sequence[Shape | None]:
    x, axis = at["x"], at.axis(at.values["axis"][0], len(at["x"]))
    known = at.values.get("indices", [])
    need(all(0 <= k < x[axis] for k in known), f"index {known} of {x[axis]}")
    return [(*x[:axis], *at["indices"], *x[axis + 1 :])]


@rule("GatherElements")
def _gather_elements(at: At) -> Sequence[Shape | None]:
    x, index, axis = at["x"], at["index"], at.axis(at.attrs["dim"], len(at["x"]))
    rows = zip(x, index, strict=True)
    need(all(k <= n for d, (n, k) in enumerate(rows) if d != axis), f"{index} of {x}")
    return [index]


@rule("TensorScatterUpdate", "TensorScatterAdd", "TensorScatterMax", "TensorScatterMin")
def _scatter(at: At) -> Sequence[Shape | None]:
    (*batch, count), x, updates = at["indices"], at.first, at["updates"]
    need(count <= len(x) and updates == (*batch, *x[count:]), f"{updates} at {at['indices']}")
    return [x]


@rule("ScatterElements")
def _scatter_elements(at: At) -> Sequence[Shape | None]:
    need(at["indices"] == at["updates"], f"{at['updates']} at {at['indices']}")
    return [at["data"]]


@rule("Sort")
def _sort(at: At) -> Sequence[Shape | None]:
    at.axis(at.attrs["axis"], len(at["x"]))
    return [at["x"], at["x"]]


# -- reductions and products ---------------------------------------------------------------


@rule("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceAny", "ReduceAll")
def _reduce(at: At) -> Sequence[Shape | None]:
    axes = at.axes(at.values["axes"], len(at["x"]))
    if at.attrs["keep_dims"]:
        return [tuple(1 if d in axes else n for d, n in enumerate(at["x"]))]
    return [tuple(n for d, n in enumerate(at["x"]) if d not in axes)]


@rule("ArgMaxV2", "ArgMin")
def _argument(at: At) -> Sequence[Shape | None]:
    axis = at.axis(at.values["dimension"][0], len(at["x"]))
    return [(*at["x"][:axis], *at["x"][axis + 1 :])]


@rule("MatMulV2", "BatchMatMulV2")
def _product(at: At) -> Sequence[Shape | None]:
    sides = []
    for k in (1, 2):
        *lead, rows, columns = at[f"x{k}"]
        turned = at.attrs.get(f"transpose_x{k}", at.attrs.get(f"adj_x{k}"))
        sides.append((tuple(lead), columns, rows) if turned else (tuple(lead), rows, columns))
    (one, m, k), (two, inner, n) = sides
    need(k == inner, f"{at.shapes}")
    need(at.shapes.get("bias", (n,)) == (n,), f"a bias of {at.shapes.get('bias')}")
    return [(*broadcast(one, two), m, n)]


@rule("MatrixTriangularSolve")
def _solve(at: At) -> Sequence[Shape | None]:
    (*lead, m, n), rhs = at["matrix"], at["rhs"]
    need(m == n and rhs[:-1] == (*lead, m), f"{at.shapes}")
    return [rhs]


@rule("SelfAdjointEig")
def _eigen(at: At) -> Sequence[Shape | None]:
    need(at["x"][-1] == at["x"][-2], f"{at['x']}")
    return [at["x"][:-1], at["x"]]


@rule("Svd")
def _svd(at: At) -> Sequence[Shape | None]:
    *lead, m, n = at["x"]
    k, full = min(m, n), at.attrs["full_matrices"]
    return [(*lead, k), (*lead, m, m if full else k), (*lead, n, n if full else k)]


# -- images --------------------------------------------------------------------------------


def _image(shape: Shape, layout: str) -> list[int]:
    """Batch (or results), channels, height and width."""
    return [shape[layout.index(c)] for c in "NCHW"]


def _window(at: At, image: Shape, kernel: Sequence[int], spread: Sequence[int]) -> list[int]:
    """Height and width of what windows make of an image [n, c, h, w]."""
    layout = at.attrs["data_format"]
    strides = [at.attrs["strides"][layout.index(c)] for c in "HW"]
    pads, made = at.attrs["pads"], []
    for d in range(2):
        low, high = pads[2 * d : 2 * d + 2]
        need(0 <= low <= 255 and 0 <= high <= 255 and strides[d] <= 63, f"{pads}, {strides}")
        reach = (kernel[d] - 1) * spread[d] + 1
        made.append((image[2 + d] + low + high - reach) // strides[d] + 1)
    return made


def _convolved(at: At, image: list[int], kernel: list[int]) -> list[int]:
    """Shape [n, c, h, w] of a convolution, both given as [n, c, h, w]."""
    layout, groups = at.attrs["data_format"], at.attrs["groups"]
    need(image[1] == kernel[1] * groups and kernel[0] % groups == 0, f"{image} and {kernel}")
    spread = at.attrs["dilations"]
    steps = [spread[layout.index(c)] for c in "HW"]
    return [image[0], kernel[0], *_window(at, tuple(image), kernel[2:], steps)]


_CONVOLUTION = {  # image, filter and result, as ports
    "Conv2D": ("x", "filter", "y"),
    "Conv2DBackpropInput": ("y", "filter", "out_backprop"),
    "Conv2DBackpropFilter": ("x", "y", "out_backprop"),
}


def _convolution(ports: tuple[str, str, str], sizes: str | None) -> Rule:
    """Forward or gradient: the same relation of three shapes, of which another is the result."""

    def check(at: At) -> Sequence[Shape | None]:
        shapes = at.shapes | {"y": at.made[0]}
        image, kernel, out = (_image(shapes[p], at.layouts[p]) for p in ports)
        need(at.layouts[ports[0]] == at.layouts[ports[2]] == at.attrs["data_format"],
             f"layouts {at.layouts}")  # fmt: skip
        need(at.shapes.get("bias", (out[1],)) == (out[1],), f"a bias of {at.shapes.get('bias')}")
        need(_convolved(at, image, kernel) == out, f"{image} by {kernel} as {out}")
        return [at.made[0] if sizes is None else tuple(at.values[sizes])]

    return check


for _name, _ports in _CONVOLUTION.items():
    _size = {"Conv2DBackpropInput": "input_size", "Conv2DBackpropFilter": "filter_size"}
    RULES[_name] = _convolution(_ports, _size.get(_name))


def _pooled(at: At, image: Shape, port: str) -> Shape:
    layout = at.attrs["data_format"]
    need(at.layouts[port] == layout, f"layout {at.layouts[port]} of {port}")
    size, held = at.attrs["ksize"], _image(image, layout)
    kernel = [size[layout.index(c)] for c in "HW"]
    need([size[layout.index(c)] for c in "NC"] == [1, 1], f"windows {size}")
    out = dict(zip("NCHW", [*held[:2], *_window(at, tuple(held), kernel, (1, 1))], strict=True))
    return tuple(out[c] for c in layout)


@rule("MaxPoolV3", "AvgPoolV2")
def _pool(at: At) -> Sequence[Shape | None]:
    return [_pooled(at, at["x"], "x")]


@rule("MaxPoolV3Grad")
def _maximum_gradient(at: At) -> Sequence[Shape | None]:
    out = _pooled(at, at["orig_input"], "orig_input")
    need(at["orig_output"] == at["grad"] == out, f"{at.shapes}, not {out}")
    return [at["orig_input"]]


@rule("AvgPoolV2Grad")
def _mean_gradient(at: At) -> Sequence[Shape | None]:
    shape = tuple(at.values["orig_input_shape"])
    need(_pooled(at, shape, "input_grad") == at["input_grad"], f"{at['input_grad']} of {shape}")
    return [shape]


# -- norms and attention -------------------------------------------------------------------


@rule("BNInfer", "BNTrainingReduce", "BNTrainingReduceGrad", "BNTrainingUpdateGrad",
      "BNTrainingUpdateV2")  # fmt: skip
def _batch_norm(at: At) -> Sequence[Shape | None]:
    channel = (at["x"][at.layouts["x"].index("C")],)
    for port, shape in at.shapes.items():
        need(shape == (at["x"] if port in ("x", "grads") else channel), f"{port} of {shape}")
    whole = len(at.made[0]) == 4
    return [at["x"], *[channel] * (len(at.made) - 1)] if whole else [channel] * len(at.made)


@rule("LayerNorm", "LayerNormV3", "LayerNormGradV3", "RmsNorm", "AddRmsNorm", "RmsNormGrad")
def _norm(at: At) -> Sequence[Shape | None]:
    x, gamma = at.shapes.get("x", at.shapes.get("x1", ())), at["gamma"]
    first = len(x) - len(gamma)
    need(gamma == x[first:] and at.attrs.get("begin_norm_axis", first) == first, f"{at.shapes}")
    rows = (*x[:first], *(1 for _ in gamma))
    for port in ("mean", "rstd", "dy", "beta", "x2"):
        wanted = {"mean": rows, "rstd": rows, "beta": gamma}.get(port, x)
        need(at.shapes.get(port, wanted) == wanted, f"{port} of {at.shapes.get(port)}")
    if "dy" in at.shapes:
        return [x, *[gamma] * (len(at.made) - 1)]
    return [x, rows, x] if "x2" in at.shapes else [x, *[rows] * (len(at.made) - 1)]


@rule("SwiGlu")
def _swiglu(at: At) -> Sequence[Shape | None]:
    axis = at.axis(at.attrs["dim"], len(at["x"]))
    need(at["x"][axis] % 2 == 0, f"{at['x']}")
    return [tuple(n // 2 if d == axis else n for d, n in enumerate(at["x"]))]


@rule("FlashAttentionScore", "FlashAttentionScoreGrad")
def _attention(at: At) -> Sequence[Shape | None]:
    layout = at.attrs["input_layout"]
    q, k, v = (dict(zip(layout, at[p], strict=True)) for p in ("query", "key", "value"))
    batch, heads, count, keys = q["B"], q["N"], q["S"], k["S"]
    need(k == v and k["B"] == batch and q["D"] == k["D"] <= 256, f"{at.shapes}")
    need(heads == at.attrs["head_num"] and heads % k["N"] == 0, f"{heads} heads for {k['N']}")
    mask = at.shapes.get("atten_mask", (1, 1, count, keys))
    need(mask in {(b, n, count, keys) for b, n in ((1, 1), (batch, 1), (batch, heads))},
         f"a mask of {mask}")  # fmt: skip
    shift = at.shapes.get("real_shift", at.shapes.get("pse_shift", (1, heads, count, keys)))
    need(shift in {(b, heads, count, keys) for b in (1, batch)}, f"a shift of {shift}")
    rows = (batch, heads, count, 8)
    if "dy" in at.shapes:
        need(at["softmax_max"] == at["softmax_sum"] == rows, f"{at.shapes}")
        need(at["dy"] == at["attention_in"] == at["query"], f"{at.shapes}")
        return [at["query"], at["key"], at["value"], None]
    return [rows, rows, None, at["query"]]
