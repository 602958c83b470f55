"""Cases of convolutions: every layout, stride, dilation, padding and grouping."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.ir.types import ArrayType
from ms_func.primitives.conv_layout import conv_dimension_numbers
from ms_func.primitives.dot import Precision
from tests.cases.case import Arg, Case

_DTYPES = ("float64", "float32", "bfloat16", "complex128", "int32")
_DOMAIN = (0.5, 2.0)  # of one sign, so that sums lose no digits


def _local(params: dict[str, Any], ins: list[ArrayType], outs: list[ArrayType]) -> dict[str, Any]:
    """Group counts of a part, which has half of the groups where they are what is cut."""
    lhs, rhs, _ = params["dimension_numbers"]
    groups = ins[0].shape[lhs[1]] // ins[1].shape[rhs[1]]
    made = {**params, "feature_group_count": groups}
    if params["batch_group_count"] > 1:
        made["batch_group_count"] = (
            ins[0].shape[lhs[0]] // outs[0].shape[params["dimension_numbers"].out_spec[0]]
        )
    return made  # fmt: skip


def _case(
    layout: tuple[str, str, str], lhs: tuple[int, ...], rhs: tuple[int, ...], *,
    strides: tuple[int, ...], padding: tuple[tuple[int, int], ...], precision: Any = None,
    lhs_dilation: tuple[int, ...] | None = None, rhs_dilation: tuple[int, ...] | None = None,
    groups: int = 1, lots: int = 1, preferred: str | None = None, **fields: Any,
) -> Case:  # fmt: skip
    ones = (1,) * len(strides)
    params = {
        "window_strides": strides, "padding": padding, "lhs_dilation": lhs_dilation or ones,
        "rhs_dilation": rhs_dilation or ones, "feature_group_count": groups,
        "dimension_numbers": conv_dimension_numbers(lhs, rhs, layout),
        "batch_group_count": lots, "precision": precision,
        "preferred_element_type": None if preferred is None else np.dtype(preferred),
    }  # fmt: skip
    fields = {"dtypes": _DTYPES, "ulps": 64, "local": _local, **fields}
    return Case((Arg(lhs, _DOMAIN), Arg(rhs, _DOMAIN)), params, **fields)


_NCHW, _NHWC = ("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC")
_NCH, _NHC = ("NCH", "OIH", "NCH"), ("NHC", "HIO", "NHC")

CASES: dict[str, list[Case]] = {
    "conv_general_dilated": [
        _case(_NCHW, (2, 2, 4, 5), (4, 2, 3, 2), strides=(1, 1), padding=((1, 1), (0, 1))),
        _case(_NHWC, (2, 5, 4, 2), (3, 2, 2, 4), strides=(2, 1), padding=((0, 0), (0, 0))),
        _case(
            ("CHNW", "IWOH", "WNHC"), (2, 5, 2, 6), (2, 2, 4, 3), strides=(2, 3),
            padding=((1, -1), (2, 0)), lhs_dilation=(2, 1), rhs_dilation=(1, 2),
        ),
        _case(_NCH, (2, 4, 7), (6, 2, 3), strides=(2,), padding=((1, 1),), groups=2),
        _case(
            _NHC, (2, 7, 4), (3, 2, 6), strides=(1,), padding=((-1, 2),), groups=2,
            rhs_dilation=(2,),
        ),
        _case(_NHWC, (4, 4, 3, 3), (2, 2, 3, 4), strides=(1, 2), padding=((0, 1), (0, 1)), lots=2),
        _case(
            ("HCNW", "OWHI", "HNWC"), (4, 2, 4, 3), (6, 2, 2, 2), strides=(1, 2),
            padding=((0, 1), (1, 0)), lots=2, lhs_dilation=(1, 2),
        ),
        _case(("NC", "OI", "NC"), (3, 2), (4, 2), strides=(), padding=()),
        _case(
            ("NCHWD", "OIHWD", "NCHWD"), (1, 2, 3, 4, 2), (2, 2, 2, 2, 1), strides=(1, 2, 1),
            padding=((0, 1), (1, 0), (0, 0)), precision=(Precision.HIGHEST, Precision.HIGH),
        ),
        _case(_NCH, (2, 2, 2), (2, 2, 5), strides=(1,), padding=((0, 0),)),
        _case(_NCH, (2, 2, 9), (2, 2, 2), strides=(4,), padding=((0, 0),)),
        _case(_NCH, (0, 2, 4), (2, 2, 2), strides=(1,), padding=((0, 0),)),
        _case(
            _NCH, (2, 2, 5), (2, 2, 2), strides=(1,), padding=((0, 0),), preferred="float64",
            dtypes=("float64", "float32"),
        ),
        _case(
            _NCH, (2, 2, 5), (2, 2, 2), strides=(1,), padding=((0, 0),), preferred="int32",
            dtypes=("int8", "uint8"),
        ),
    ],
}  # fmt: skip
