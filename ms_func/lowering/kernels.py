"""Linear algebra by kernels: LAPACK's drivers on CPU, and what cuSOLVER has of them on CUDA.

The runtime brings typed kernels; they are registered, and SciPy's LAPACK bound to those of the
CPU, when the first program needs one. Options are LAPACK's on every platform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from jaxlib import lapack, xla_client
from jaxlib.mlir import ir

from ms_func.ir.types import ArrayType
from ms_func.lowering import context as mlir

_CUDA = {
    "potrf": "cusolver_potrf_ffi", "getrf": "cusolver_getrf_ffi", "geqrf": "cusolver_geqrf_ffi",
    "orgqr": "cusolver_orgqr_ffi", "ungqr": "cusolver_orgqr_ffi", "syevd": "cusolver_syevd_ffi",
    "heevd": "cusolver_syevd_ffi", "sytrd": "cusolver_sytrd_ffi", "hetrd": "cusolver_sytrd_ffi",
    "gesvd": "cusolver_gesvd_ffi", "gesvdj": "cusolver_gesvdj_ffi", "gtsv": "cusparse_gtsv2_ffi",
    "geev": "cuhybrid_eig_real", "geqp3": "cuhybrid_geqp3", "pivots": "cu_lu_pivots_to_permutation",
}  # fmt: skip
"""Kernels for CUDA by the name of LAPACK's driver, or of what LAPACK has none for.

Hybrid ones call MAGMA, or LAPACK on the host.
"""


def kind(b: Any) -> str:
    """Kind of device that a program is compiled for: "cpu", "cuda" or another."""
    return b.lowerer.platform or "cpu"


def has(b: Any, name: str) -> bool:
    """Whether there is a kernel for LAPACK's driver `name`."""
    return kind(b) == "cpu" or (kind(b) == "cuda" and name in _CUDA)


@cache
def _register(platform: str) -> None:
    modules = ("lapack",) if platform == "cpu" else ("gpu_solver", "gpu_sparse", "gpu_linalg")
    for module in (import_module(f"jaxlib.{m}") for m in modules):
        for device, rows in module.registrations().items():
            for name, capsule, api in rows:
                xla_client.register_custom_call_target(
                    name, capsule, platform=device, api_version=api
                )
        for name in module.batch_partitionable_targets():
            xla_client.register_custom_call_as_batch_partitionable(name)
        if platform == "cuda" and hasattr(module, "initialize_hybrid_kernels"):
            module.initialize_hybrid_kernels()


@cache
def target(name: str, dtype: np.dtype, platform: str = "cpu") -> str:
    """Name of a kernel for a dtype, ready to be called."""
    _register(platform)
    if platform == "cpu":
        return lapack.prepare_lapack_call(f"{name}_ffi", dtype)
    return "cuhybrid_eig_comp" if name == "geev" and dtype.kind == "c" else _CUDA[name]


@cache
def _layout(rank: int, matrix: bool) -> str:
    """Column-major matrices in the last two dimensions, the others row-major."""
    order = [*range(rank)][::-1]
    if matrix:
        order[:2] = [rank - 2, rank - 1]
    return (
        f"dense<[{', '.join(map(str, order))}]> : tensor<{rank}xindex>"
        if rank
        else ("dense<> : tensor<0xindex>")
    )


def _option(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value} : i32"
    return f"{ord(value)} : ui8" if len(value) == 1 else f'"{value}"'


def _for_cuda(name: str, options: Mapping[str, str | int]) -> dict[str, str | int]:
    """Options of a driver as the kernels for CUDA take them."""
    if name in ("geev", "geqp3"):
        sides = {k.removeprefix("compute_"): v == "V" for k, v in options.items()}
        return {**sides, "magma": "auto"}
    found = {k: v for k, v in options.items() if k not in ("uplo", "mode")}
    if "uplo" in options:
        found["lower"] = options["uplo"] == "L"
    if name in ("syevd", "heevd"):
        found["algorithm"] = chr(0)  # the kernel chooses by size
    return found


def _split(ins: Sequence[ArrayType], outs: Sequence[ArrayType], lead: int) -> dict[str, Any]:
    """Attributes that let the partitioner split a call by its first `lead` dimensions.

    Reference:
        Shardy, "sdy.op_sharding_rule".
    """
    sizes: dict[str, int] = {}

    def factor(d: int, size: int) -> str:
        k = d if d < lead else max(lead, len(sizes))
        name = chr(ord("i") + k) if k < 18 else f"z_{k - 17}"  # i ... z, z_1 ...
        sizes[name] = size
        return name

    sides = (
        ", ".join(f"[{', '.join(map(factor, range(t.ndim), t.shape))}]" for t in side)
        for side in (ins, outs)
    )
    text = ")->(".join(sides)
    listed = ", ".join(f"{name}={size}" for name, size in sizes.items())
    return {
        "mhlo.frontend_attributes": mlir.parsed(f'{{num_batch_dims = "{lead}"}}'),
        "sdy.sharding_rule": mlir.parsed(f"#sdy.op_sharding_rule<({text}) {{{listed}}}, custom>"),
    }


def call(
    b: Any, name: str, operands: Sequence[Any], ins: Sequence[ArrayType],
    outs: Sequence[ArrayType], options: Mapping[str, str | int | bool], vectors: Sequence[int] = (),
    alias: tuple[int, int] | None = (0, 0),
) -> list[Any]:  # fmt: skip
    """Apply a driver to the matrices in the last two dimensions.

    Args:
        b: builder.
        name: driver without its prefix, such as "potrf".
        operands: MLIR values.
        ins: their types.
        outs: types of the results.
        options: options by name: characters, 32-bit integers, or bools.
        vectors: results that hold vectors or scalars, not matrices; the same for operands
            after the first by -1 minus their position.
        alias: (result, operand) that share memory.

    Returns:
        The results.
    """
    sized = (
        [(t, -1 - i not in vectors) for i, t in enumerate(ins)],
        [(t, i not in vectors) for i, t in enumerate(outs)],
    )
    layouts = ["[" + ", ".join(_layout(t.ndim, m) for t, m in row) + "]" for row in sized]
    platform = kind(b)
    given = options if platform == "cpu" else _for_cuda(name, options)
    config = ", ".join(f"{k} = {_option(v)}" for k, v in given.items())
    attributes = {
        "call_target_name": ir.StringAttr.get(target(name, ins[0].dtype, platform), mlir.context()),
        "api_version": mlir.integer(4, 32),
        "backend_config": mlir.parsed("{" + config + "}"),
        "operand_layouts": mlir.parsed(layouts[0]),
        "result_layouts": mlir.parsed(layouts[1]),
    }
    lead = max(t.ndim - 1 - matrix for t, matrix in sized[0])
    if lead and b.lowerer.num_partitions > 1:
        attributes.update(_split(ins, outs, lead))
    if alias is not None:
        out = f"[{alias[0]}]" if len(outs) > 1 else "[]"
        attributes["output_operand_aliases"] = mlir.parsed(
            f"[#stablehlo.output_operand_alias<output_tuple_indices = {out}, "
            f"operand_index = {alias[1]}, operand_tuple_indices = []>]"
        )
    made = b.op("stablehlo.custom_call", list(outs), list(operands), attributes)
    return [made] if len(outs) == 1 else list(made)
