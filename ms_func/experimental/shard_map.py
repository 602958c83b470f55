"""`shard_map` with the signature it had under `jax.experimental`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.api.shard_map import shard_map as _shard_map
from ms_func.errors import ArgumentValueError

__all__ = ["shard_map"]
__dir__ = __all__.copy


def shard_map(
    f: Callable[..., Any],
    mesh: Any,
    in_specs: Any,
    out_specs: Any,
    check_rep: bool = True,
    auto: Any = frozenset(),
) -> Callable[..., Any]:
    """`ms_func.shard_map`, with the axes left to the compiler (`auto`) named instead of the others.

    Args:
        f: function of pieces.
        mesh: the mesh.
        in_specs: how arguments are cut into pieces.
        out_specs: how results are put together.
        check_rep: `check_vma` of `ms_func.shard_map`.
        auto: axes of the mesh that are left to the compiler.

    Raises:
        ValueError: as `ms_func.shard_map`; or `auto` names all axes or unknown ones.

    Returns:
        Function of whole arrays.

    Example:
        >>> from ms_func.experimental.shard_map import shard_map
        >>> mesh = ms.make_mesh((1,), ("x",))
        >>> sums = shard_map(lambda v: lax.psum(v.sum(), "x"), mesh, ms.P("x"), ms.P())
        >>> sums(np.arange(4)).item()
        6
    """
    left = frozenset(auto)
    names = frozenset(mesh.axis_names)
    if not left <= names or (left and left == names):
        raise ArgumentValueError(
            f"shard_map: auto {set(left)} must be some of the axes {set(names)}"
        )
    return _shard_map(
        f, mesh=mesh, in_specs=in_specs, out_specs=out_specs, axis_names=names - left,
        check_vma=check_rep,
    )  # fmt: skip
