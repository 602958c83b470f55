"""Calls of kernels that users bring, by the foreign-function interface of XLA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from ms_func.ir.types import ArrayType
from ms_func.lowering import context as mlir


def attribute(value: Any) -> ir.Attribute:
    """A parameter of a kernel: bool, integer, float, text, or an array or dict of them."""
    with mlir.context(), mlir.unknown_location():
        if isinstance(value, Mapping):
            return ir.DictAttr.get({k: attribute(v) for k, v in value.items()})
        if isinstance(value, str):
            return ir.StringAttr.get(value)
        if isinstance(value, (bool, np.bool_)):
            return ir.BoolAttr.get(bool(value))
        if isinstance(value, np.ndarray):
            return mlir.dense(value)
        scalar = np.asarray(value)
        element = mlir.element_type(scalar.dtype)
        if scalar.dtype.kind in "iu":
            return ir.IntegerAttr.get(element, int(value))
        if scalar.dtype.kind == "f":
            return ir.FloatAttr.get(element, float(value))
    raise TypeError(f"a foreign call takes no attribute of type {type(value).__name__}")


def layouts(types: Sequence[ArrayType], given: Sequence[Any] | None) -> ir.Attribute:
    """Order of the dimensions in memory, from the fastest; row-major where none is given."""
    rows = []
    for i, t in enumerate(types):
        chosen = None if given is None else given[i]
        slow_first = range(t.ndim) if chosen is None else tuple(chosen)
        order = ", ".join(map(str, [*slow_first][::-1]))
        rows.append(f"dense<[{order}]> : tensor<{t.ndim}xindex>")
    return mlir.parsed("[" + ", ".join(rows) + "]")


def call(
    b: Any, target: str, operands: Sequence[Any], ins: Sequence[ArrayType],
    outs: Sequence[ArrayType], attributes: Mapping[str, Any], in_layouts: Any, out_layouts: Any,
    side_effect: bool, aliases: Sequence[tuple[int, int]],
) -> list[Any]:  # fmt: skip
    """Apply the kernel registered under the name `target`."""
    made = {
        "call_target_name": ir.StringAttr.get(target, mlir.context()),
        "api_version": mlir.integer(4, 32),
        "has_side_effect": mlir.parsed("true" if side_effect else "false"),
        "backend_config": attribute(attributes),
        "operand_layouts": layouts(ins, in_layouts),
        "result_layouts": layouts(outs, out_layouts),
    }
    if aliases:
        rows = [
            f"#stablehlo.output_operand_alias<output_tuple_indices = "
            f"{[j] if len(outs) > 1 else []}, operand_index = {i}, operand_tuple_indices = []>"
            for i, j in aliases
        ]
        made["output_operand_aliases"] = mlir.parsed("[" + ", ".join(rows) + "]")
    found = b.op("stablehlo.custom_call", list(outs), list(operands), made)
    return [found] if len(outs) == 1 else list(found)
