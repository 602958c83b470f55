"""What the operations of a family share: elementwise ones of one, two or more operands.

A member states its NumPy meaning, its derivative and its StableHLO name; result types,
tangents, transposes, batching, splitting and cost follow from the family.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact, issubdtype
from ms_func.errors import ShapeError
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import (
    ELEMENTWISE,
    NONLINEAR,
    VIA_JVP,
    ZERO,
    Cost,
    NotSupported,
    Primitive,
    UndefinedPrimal,
    register,
)
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.emit import stablehlo
from ms_func.primitives.basis import broadcast_in_dim_p, reduce_sum_p

Dtype = np.dtype

ACCEPTS: dict[str, Callable[[Dtype], bool]] = {
    "any": lambda d: True,
    "bool": lambda d: d.kind == "b",
    "integer": lambda d: issubdtype(d, np.integer),
    "bits": lambda d: d.kind == "b" or issubdtype(d, np.integer),
    "floating": lambda d: is_inexact(d) and d.kind != "c",
    "inexact": is_inexact,
    "complex": lambda d: d.kind == "c",
    "parts": lambda d: d in (np.float32, np.float64),
    "real": lambda d: d.kind not in "cb",
    "number": lambda d: d.kind != "b",
    "ordered": lambda d: d.kind != "c",
    "signed": lambda d: d.kind not in "bu",
}
"""Categories of dtypes by name."""
_KINDS = {
    "integer": "subtypes of integer", "bits": "subtypes of integer, bool",
    "floating": "subtypes of floating", "inexact": "subtypes of floating, complexfloating",
    "complex": "subtypes of complexfloating", "parts": "float32, float64",
    "real": "subtypes of integer, floating",
    "number": "subtypes of integer, floating, complexfloating",
    "ordered": "subtypes of integer, floating, bool",
    "signed": "subtypes of floating, complexfloating, signedinteger",
}  # fmt: skip
"""What error messages call these categories."""


def check_dtype(name: str, accepts: str, dtype: Dtype, position: int | None = None) -> None:
    """Raise TypeError where `name` is not defined on `dtype`, there being several operands."""
    if not ACCEPTS[accepts](dtype):
        where = "" if position is None else f" at position {position}"
        raise ShapeError(
            f"{name} does not accept dtype {dtype.name}{where}. Accepted dtypes{where} are "
            f"{_KINDS.get(accepts, accepts)}\n"
            "fix: convert the operand first, for example with .astype('float32')"
        )


def literal(value: Any, like: Any) -> Literal:
    """Scalar `value` with the dtype and the weakness of `like`."""
    kind = typeof(like)
    return Literal(value, ArrayType((), kind.dtype, kind.weak_type))


def unary(
    name: str,
    *,
    ref: Callable[..., Any],
    lower: str | Callable[..., Any],
    jvp: Any = ZERO,
    transpose: Any = None,
    accepts: str = "inexact",
    result: Callable[[Dtype], Dtype] | None = None,
    transcendental: bool = True,
    simplify: Any = None,
    jet: Any = VIA_JVP,
    sums: Any = None,
) -> Primitive:
    """Make and register an elementwise primitive of one operand.

    Args:
        name: name in the IR.
        ref: NumPy function.
        lower: StableHLO or CHLO operation, or a lowering rule.
        jvp: rule; without one the derivative is zero. See `arithmetic.smooth`.
        transpose: rule, for operations that are linear.
        accepts: category of dtypes.
        result: dtype of the result from that of the operand, if it differs.
        transcendental: whether one element costs a transcendental function.
        simplify: rule, see `Primitive`.
        jet: rule; sums: rule, see `Primitive`.
    """

    def abstract(x: ArrayType, **params: Any) -> ArrayType:
        check_dtype(name, accepts, x.dtype)
        if result is None:
            return x if x.manual is None else x.update(manual=None)
        return ArrayType(x.shape, result(x.dtype), x.weak_type)

    return _elementwise(
        name, abstract, ref, lower, transpose, transcendental, accepts=accepts, jvp=jvp,
        simplify=simplify, jet=jet, sums=sums,
    )  # fmt: skip


class _Formulas:
    """What `complex_forms` supplies: it is written with the operations that are lowered by it."""

    real: Callable[[str, ArrayType], Function]
    direct: Callable[[str, ArrayType], Function | None]
    reflected: Callable[[str, ArrayType], tuple[Function, Function]]


formulas = _Formulas()


def formula(name: str, operation: str | None) -> Callable[..., Any]:
    """Lowering rule: the operation on real numbers, formulas of `complex_forms` on complex ones.

    Without an operation, real numbers have a formula too.
    """
    plain = None if operation is None else stablehlo(operation)

    def lower(b: Any, eqn: Any, x: Any) -> Any:
        kind = ArrayType(eqn.outputs[0].type.shape, eqn.inputs[0].type.dtype)
        if kind.dtype.kind != "c" and plain is not None:
            return plain(b, eqn, x)
        if kind.dtype.kind != "c":
            return in_float32(b, kind, [x], lambda k: formulas.real(name, k))
        fn = formulas.direct(name, kind)
        if fn is not None:
            return b.inline(fn, [x])[0]
        before, after = formulas.reflected(name, kind)
        (folded,) = b.inline(before, [x])
        return b.inline(after, [x, b.op(f"chlo.{name}", [kind], [folded])])[0]

    return lower


def as_float32(
    b: Any, kind: ArrayType, values: Sequence[Any], emit: Callable[[ArrayType, Sequence[Any]], Any]
) -> Any:
    """What `emit` makes of values of one type; shorter floats are computed as float32."""
    if kind.dtype.itemsize >= 4 or not is_inexact(kind.dtype):
        return emit(kind, values)
    wide = ArrayType(kind.shape, np.float32)
    return b.convert(emit(wide, [b.convert(v, wide) for v in values]), kind)


def in_float32(
    b: Any, kind: ArrayType, values: Sequence[Any], program: Callable[[ArrayType], Any]
) -> Any:
    """A program on operands of one type; shorter floats are computed as float32."""
    return as_float32(b, kind, values, lambda k, xs: b.inline(program(k), xs)[0])


def nary(
    name: str,
    *,
    ref: Callable[..., Any],
    lower: str | Callable[..., Any],
    jvp: Any,
    transpose: Any = None,
    accepts: str = "any",
    result: Dtype | None = None,
    transcendental: bool = False,
    commutative: bool = False,
    simplify: Any = None,
    jet: Any = VIA_JVP,
    words: Any = None,
    sums: Any = None,
    layout: Any = None,
) -> Primitive:
    """Make and register an elementwise primitive of several operands of one dtype.

    Rank-0 operands may stand beside operands of one common shape. Arguments as for `unary`;
    `result` is the dtype of the result where it is not that of the operands, `commutative`
    says that its two operands may change places, `words` is what it does with keys.
    """

    def abstract(*types: ArrayType, **params: Any) -> ArrayType:
        first = types[0]
        for t in types[1:]:
            if t is not first:
                return join_types(name, accepts, types, result)
        check_dtype(name, accepts, first.dtype, 0)
        if result is not None:
            return ArrayType(first.shape, result, False)
        return first

    return _elementwise(
        name, abstract, ref, lower, transpose, transcendental, accepts=accepts, jvp=jvp,
        simplify=simplify, jet=jet, sums=sums, commutative=commutative, words=words,
        layout=layout,
    )  # fmt: skip


def _elementwise(
    name: str, abstract: Callable[..., ArrayType], ref: Callable[..., Any], lower: Any,
    transpose: Any, transcendental: bool, **rules: Any,
) -> Primitive:  # fmt: skip
    """Register a primitive with the rules that all of a family share, and `rules`."""
    return register(
        Primitive(
            name,
            abstract=abstract,
            ref=_typed(ref, abstract),
            lower=stablehlo(lower) if isinstance(lower, str) else lower,
            transpose=transpose or NONLINEAR,
            batch=ELEMENTWISE,
            shard=ELEMENTWISE,
            cost=_elementwise_cost(transcendental),
            implicit_broadcast=True,
            **rules,
        )
    )


def join_types(
    name: str, accepts: str, types: Sequence[ArrayType], result: Dtype | None
) -> ArrayType:
    """Result type of operands whose types differ: in rank 0, weakness, or by mistake."""
    check_dtypes(name, accepts, types)
    return ArrayType(
        common_shape(name, types),
        types[0].dtype if result is None else result,
        result is None and all(t.weak_type for t in types),
    )


def check_dtypes(name: str, accepts: str, types: Sequence[ArrayType]) -> None:
    """Raise TypeError where operands differ in dtype, or `name` is not defined on one of them."""
    for i, t in enumerate(types):
        check_dtype(name, accepts, t.dtype, i)
    if any(t.dtype != types[0].dtype for t in types):
        got = ", ".join(t.face.name for t in types)
        raise ShapeError(
            f"lax.{name} requires arguments to have the same dtypes, got {got}\n"
            "fix: convert one with .astype, or use ms_func.numpy, which promotes"
        )


def common_shape(name: str, types: Sequence[ArrayType]) -> tuple[int, ...]:
    """The one shape of all operands that are not rank 0."""
    shape: tuple[int, ...] = ()
    for t in types:
        if t.shape == shape or not t.shape:
            continue
        if shape:
            got = ", ".join(str(t.shape) for t in types)
            ranks = {t.ndim for t in types}
            why = (
                f"{name} got incompatible shapes for broadcasting: {got}"
                if len(ranks) == 1
                else f"{name}: arrays must have the same number of dimensions, got {ranks}: {got}"
            )
            raise ShapeError(f"{why}\nfix: broadcast them, or use ms_func.numpy, which does")
        shape = t.shape
    return shape


_ORDER = {bool: 0, int: 1, float: 2, complex: 3}
_ORDER_OF_KIND = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}


def operands(*args: Any) -> Sequence[Any]:
    """Operands of an elementwise function: scalars adapted, dimensions of size 1 repeated.

    Python scalars become literals of the others' dtype where it is of their kind or a higher
    one; a float beside integers stays a float, so that the operation refuses it.
    """
    like: ArrayType | None = None
    scalars = uneven = False
    for a in args:
        if type(a) in _ORDER:
            scalars = True
            continue
        t = typeof(a)
        if like is None:
            like = t
        elif t is not like and t.shape != like.shape and t.shape and like.shape:
            uneven = True
    if like is None:
        return args
    if scalars:
        scalar, kind = ArrayType((), like.dtype, like.weak_type), _ORDER_OF_KIND[like.dtype.kind]
        args = tuple([Literal(a, scalar) if _ORDER.get(type(a), 9) <= kind else a for a in args])
    return _stretched(args) if uneven else args


def _stretched(args: Sequence[Any]) -> Sequence[Any]:
    """Operands of one rank at the shape that their dimensions of size 1 are repeated to."""
    shapes = [typeof(a).shape for a in args]
    if len({len(s) for s in shapes if s}) > 1:
        return args
    sizes = zip(*[s for s in shapes if s], strict=True)
    shape = tuple([next((n for n in dims if n != 1), 1) for dims in sizes])
    whole = tuple(range(len(shape)))
    return [
        a if not s or s == shape or any(n not in (1, m) for n, m in zip(s, shape, strict=True))
        else broadcast_in_dim_p.bind(a, shape=shape, broadcast_dimensions=whole)
        for a, s in zip(args, shapes, strict=True)
    ]  # fmt: skip


def unbroadcast(ct: Any, operand: Any) -> Any:
    """Cotangent of an operand that may have been a scalar beside an array."""
    target = operand.type.shape
    if target == typeof(ct).shape:
        return ct
    return reduce_sum_p.bind(ct, axes=tuple(range(typeof(ct).ndim)))


def spread(t: Any, out: Any) -> Any:
    """Tangent of a scalar that may stand beside an array, at the shape of the result `out`."""
    shape = typeof(out).shape
    if typeof(t).shape == shape:
        return t
    return broadcast_in_dim_p.bind(t, shape=shape, broadcast_dimensions=())


def is_linear(operand: Any) -> bool:
    """Whether a transpose rule must produce a cotangent for this operand."""
    return type(operand) is UndefinedPrimal


# --- for simplify rules -----------------------------------------------------------------------


def made_by(producer: Any, primitive: Primitive, x: Any) -> Any:
    """Operands of the application of `primitive` that defines the atom `x`, or None."""
    eqn = producer(x)
    return eqn.inputs if eqn is not None and eqn.primitive is primitive else None


def same_operands(producer: Any, x: Any, y: Any) -> Any:
    """Simplification of an idempotent operation: one value with itself is that value."""
    return x if x is y else None


_constants: dict[Any, Literal] = {}


def fold(primitive: Primitive, *literals: Literal, **params: Any) -> Literal:
    """Literal that an operation gives on literals; for operations that round correctly."""
    key = (primitive, *[x.key() for x in literals], *params.items())
    found = _constants.get(key)
    if found is None:
        (out,) = primitive.result_types(tuple([x.type for x in literals]), params)
        arrays = [x.array for x in literals]
        assert not isinstance(primitive.ref, NotSupported)
        found = Literal(primitive.ref(*arrays, **params)[()], out)
        if len(_constants) > 4096:
            _constants.clear()
        _constants[key] = found
    return found


def _typed(ref: Callable[..., Any], abstract: Callable[..., ArrayType]) -> Callable[..., Any]:
    """Reference rule whose result has the dtype that the type rule promises."""

    def typed(*arrays: Any, **params: Any) -> Any:
        arrays = tuple(np.asarray(a) for a in arrays)
        out = abstract(*(ArrayType(a.shape, a.dtype) for a in arrays), **params)
        with np.errstate(all="ignore"):
            return np.asarray(ref(*arrays, **params)).astype(out.dtype, copy=False)

    return typed


def _elementwise_cost(transcendental: bool) -> Callable[..., Cost]:
    def cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
        n = float(outs[0].size)
        moved = float(sum(t.nbytes for t in ins) + outs[0].nbytes)
        return Cost(0.0, n, moved) if transcendental else Cost(n, 0.0, moved)

    return cost
