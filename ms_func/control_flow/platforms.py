"""Code for one kind of device: the primitive `platform_index` decides when a program is lowered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.backend import platform_of
from ms_func.control_flow.cond import choose_branch
from ms_func.errors import UnsupportedError
from ms_func.execution.buffers import default_backend
from ms_func.execution.dispatch import bottom
from ms_func.ir.primitive import ZERO, NotSupported, Primitive, current, register
from ms_func.ir.types import ArrayType
from ms_func.tracing.policy import user_function
from ms_func.tracing.tracebacks import user_traceback

Platforms = tuple[str | None, ...]
"""The kind that each branch is for; None for the last one, if that is for all others."""


def _index(platform: str, platforms: Platforms) -> int:
    """Which branch a kind of device takes.

    Raises:
        UnsupportedError: there is none for it.
    """
    names = (platform, "gpu") if platform in ("cuda", "rocm") else (platform,)
    for i, name in enumerate(platforms):
        if name is None or name in names:
            return i
    raise UnsupportedError(
        f"platform_dependent has no function for {platform!r}, only for {list(platforms)}, "
        "and no default"
    )


def _lower(b: Any, eqn: Any) -> Any:
    platform = b.lowerer.platform or "cpu"
    if "/" in platform:
        raise UnsupportedError(
            f"platform_dependent has one answer for each of {platform}\nfix: lower for one of them",
            eqn.loc,
        )
    return b.constant(_index(platform, eqn.params["platforms"]), eqn.outputs[0].type)


platform_index_p = register(
    Primitive(
        "platform_index",
        abstract=lambda *, platforms: ArrayType((), "int32"),
        ref=lambda *, platforms: np.int32(_index("cpu", platforms)),
        lower=_lower,
        jvp=ZERO,
        transpose=NotSupported("platform_index has no operands"),
        batch=NotSupported("platform_index has no operands, so all lanes share its result"),
        shard=lambda ins, outs, *, platforms: "->",
    )
)


@user_traceback
def platform_dependent(
    *args: Any, default: Callable[..., Any] | None = None, **per_platform: Callable[..., Any]
) -> Any:
    """Result of the function for the kind of device the program is made for.

    Recorded, all functions are in the program, and their results must agree as those of `switch`;
    where it is lowered the others are left out.

    Args:
        *args: operands of all functions.
        default: function for kinds that are not named.
        **per_platform: functions by kind: `cpu`, `cuda`, `rocm`, `tpu`; `gpu` for both of cuda and
            rocm.

    Raises:
        NotImplementedError: there is no function for this kind and no default.

    Example:
        >>> f = lambda x: lax.platform_dependent(x, cpu=np.sin, tpu=np.cos, default=np.sin)
        >>> float(f(0.0))
        0.0
    """
    branches = dict(per_platform) if default is None else {**per_platform, None: default}
    functions, platforms = list(branches.values()), tuple(branches)
    if current.interpreter is bottom or len(functions) == 1:
        return functions[_index(platform_of(default_backend().default_device), platforms)](*args)
    index = platform_index_p.bind(platforms=platforms)
    names = tuple(f"the function for {name or 'the others'}" for name in platforms)
    converted = tuple(map(user_function, functions))
    return choose_branch("platform_dependent", index, converted, names, args)
