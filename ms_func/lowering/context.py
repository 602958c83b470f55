"""The MLIR context that all modules are built in, with types and attributes interned.

Building a type or an attribute through the bindings costs as much as building an
operation, so each is made once. One context serves all threads (MLIR contexts are
thread-safe); it lives as long as the process.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs import _jax_mlir_ext

from ms_func.dtypes import is_inexact
from ms_func.errors import UnsupportedError
from ms_func.ir.loc import Loc
from ms_func.ir.types import ArrayType, dtype_name, float0
from ms_func.once import once


@once
def context() -> ir.Context:
    """Return the process-wide MLIR context with StableHLO, CHLO and Shardy loaded."""
    return new_context()


def new_context() -> ir.Context:
    """A further context with these dialects, for modules that come from elsewhere."""
    # Not `mlir.dialects`, which makes a class of each operation: 20 ms, and none is used.
    from jaxlib.mlir._mlir_libs import _chlo, _mlirHlo, _sdy, _stablehlo

    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    made = ir.Context()
    made.append_dialect_registry(registry)
    made.load_all_available_dialects()
    for dialect in (_stablehlo, _chlo, _sdy):
        dialect.register_dialect(made)
    _mlirHlo.register_mhlo_dialect(made)  # XLA's own: loaded by a compilation, it could meet others
    return made


_SCALARS = {
    "bool": "i1", "bf16": "bf16", "float8_e4m3fn": "f8E4M3FN", "float8_e5m2": "f8E5M2",
    "float8_e4m3b11fnuz": "f8E4M3B11FNUZ", "float8_e4m3fnuz": "f8E4M3FNUZ",
    "float8_e5m2fnuz": "f8E5M2FNUZ", "float8_e3m4": "f8E3M4", "float8_e4m3": "f8E4M3",
    "float8_e8m0fnu": "f8E8M0FNU", "float4_e2m1fn": "f4E2M1FN",
    "c64": "complex<f32>", "c128": "complex<f64>", "float0": "i1",
}  # fmt: skip


_NUMPY_ONLY = ("i1", "u1", "float6_e2m3fn", "float6_e3m2fn")


@cache
def element_type(dtype: np.dtype) -> ir.Type:
    """MLIR type of one element: signless `i32` for signed, `ui32` for unsigned integers.

    Raises:
        UnsupportedError: XLA has no such type: NumPy knows it, arrays on devices do not.
    """
    name = dtype_name(dtype)
    if name in _NUMPY_ONLY:
        raise UnsupportedError(
            f"arrays of dtype {dtype.name} cannot be computed with: XLA has no such type\n"
            "fix: convert to a wider dtype first"
        )
    text = _SCALARS.get(name) or ("u" + "i" + name[1:] if name[0] == "u" else name)
    return ir.Type.parse(text, context())


@cache
def tensor_type(type: ArrayType) -> ir.Type:
    """MLIR tensor type of an array type (`float0` is held as booleans)."""
    return shaped_type(type.shape, type.dtype)


@cache
def shaped_type(shape: tuple[int, ...], dtype: np.dtype) -> ir.Type:
    """MLIR tensor type of a shape and a dtype."""
    with context():
        return ir.RankedTensorType.get(shape, element_type(dtype), loc=unknown_location())


@cache
def unknown_location() -> ir.Location:
    """Location of operations that no user line stands behind."""
    return ir.Location.unknown(context())


_locations: dict[Any, ir.Location] = {}


def location(loc: Loc | None, operation: str) -> ir.Location:
    """MLIR location of a user line, remembered while the process lives.

    In a scope that the user named, it carries the path of names with that of the operation.
    """
    if loc is None:
        return unknown_location()
    key = (loc, operation) if loc.scope else loc
    found = _locations.get(key)
    if found is None:
        line, _, col, _ = loc.span
        found = ir.Location.file(loc.file, line, col + 1, context())
        if loc.scope:
            found = ir.Location.name(loc.function, found, context())
            found = ir.Location.name(f"{loc.scope}/{operation}", found, context())
        if len(_locations) > 100_000:
            _locations.clear()
        _locations[key] = found
    return found


@cache
def int_array(values: tuple[int, ...]) -> ir.Attribute:
    """`array<i64: ...>`: shapes, axes, strides."""
    return ir.DenseI64ArrayAttr.get(list(values), context())


@cache
def bool_array(values: tuple[bool, ...]) -> ir.Attribute:
    """`array<i1: ...>`: window reversal and the like."""
    return ir.DenseBoolArrayAttr.get(list(values), context())


@cache
def integer(value: int, width: int = 64) -> ir.Attribute:
    """Integer attribute of the given width."""
    with context():
        return ir.IntegerAttr.get(ir.IntegerType.get_signless(width, context()), value)


@cache
def boolean(value: bool) -> ir.Attribute:
    """Boolean attribute."""
    return ir.BoolAttr.get(value, context())


@cache
def parsed(text: str) -> ir.Attribute:
    """Attribute written in MLIR's text form, such as `#stablehlo<comparison_direction LT>`."""
    return ir.Attribute.parse(text, context())


@cache
def int_matrix(rows: tuple[tuple[int, ...], ...]) -> ir.Attribute:
    """`dense<...> : tensor<n x m x i64>`: the padding of windows, replica groups."""
    array = np.asarray(rows, np.int64).reshape(len(rows), -1)
    with context():
        return ir.DenseIntElementsAttr.get(array, context=context())  # pyright: ignore[reportArgumentType, reportCallIssue]


@cache
def layouts(ranks: tuple[int, ...]) -> ir.Attribute:
    """Row-major layouts of arrays of some ranks, as custom calls want them spelled out."""
    rows = []
    for rank in ranks:
        order = ", ".join(str(d) for d in reversed(range(rank)))
        rows.append(f"dense<{f'[{order}]' if rank else ''}> : tensor<{rank}xindex>")
    return parsed(f"[{', '.join(rows)}]")


@cache
def splat(bits: bytes, dtype: np.dtype, shape: tuple[int, ...]) -> ir.Attribute:
    """Constant of `shape` whose elements all have the given bits."""
    kind = shaped_type(shape, dtype)
    value = np.frombuffer(bits, dtype)[0] if bits else False  # float0 has no bits
    with context(), unknown_location():
        if is_inexact(dtype) and dtype.kind != "c":
            return ir.DenseElementsAttr.get_splat(
                kind, ir.FloatAttr.get(element_type(dtype), float(value))
            ) if np.isfinite(float(value)) else _parsed_splat(value, dtype, kind)  # fmt: skip
        return _parsed_splat(value, dtype, kind)


def _parsed_splat(value: Any, dtype: np.dtype, kind: ir.Type) -> ir.Attribute:
    """Splat through the text form: integers, booleans, infinities, NaN.

    Complex numbers go as one element for all: the bindings do not know a parsed attribute
    of theirs.
    """
    if dtype.kind == "c":
        one = np.asarray([value], dtype)
        return ir.DenseElementsAttr.get(one, type=element_type(dtype), shape=kind.shape)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    if dtype.kind == "b":
        text = "true" if value else "false"
    elif dtype.kind in "iu" or dtype.name.startswith(("int", "uint")):
        text = str(int(value))
    elif dtype == float0:
        text = "false"
    else:
        text = _float_text(value)
    return ir.Attribute.parse(f"dense<{text}> : {kind}", context())


def _float_text(value: Any) -> str:
    """A float in MLIR's text form: hexadecimal bits when it is not finite."""
    value = np.asarray(value)
    if np.isfinite(value.astype(np.float64)):
        return f"{float(value):.17e}"
    bits = value.view({1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[value.itemsize])
    return f"0x{int(bits):0{2 * value.itemsize}X}"


def dense(array: np.ndarray) -> ir.Attribute:
    """Constant attribute with the elements of `array`."""
    array = np.asarray(array, order="C")  # keeps rank 0, unlike ascontiguousarray
    if array.dtype == float0:
        array = np.zeros(array.shape, np.bool_)
    if array.dtype == np.bool_:
        with context(), unknown_location():
            return ir.DenseElementsAttr.get(
                array,  # pyright: ignore[reportArgumentType]
                type=ir.IntegerType.get_signless(1),
                shape=array.shape,
            )
    element = element_type(array.dtype)
    if array.dtype == ml_dtypes.bfloat16:
        array = array.view(np.uint16)
    with context(), unknown_location():
        return ir.DenseElementsAttr.get(array, type=element, shape=array.shape)  # pyright: ignore[reportArgumentType]
