"""`jax.experimental.pallas`: kernels for one kind of device, which are not there.

Libraries import it for kernels that they call on TPUs or GPUs only, beside the same function in
plain operations. So the names are there, and what would make or run a kernel is refused.
"""

from __future__ import annotations

from typing import Any

from ms_func.errors import UnsupportedError

_NAMES = """
BlockDim BlockSpec Blocked BoundedSlice Buffered CompilerParams CostEstimate Element GridSpec
Indirect MemoryRef Slice Squeezed broadcast_to core_map debug_check debug_print delay empty
empty_like empty_ref_like estimate_cost get_global kernel loop multiple_of num_programs pallas_call
program_id reciprocal run_scoped run_state semaphore semaphore_read semaphore_signal semaphore_wait
squeezed when with_scoped
"""


def refusals(module: str, names: str) -> dict[str, type]:
    """A class for each name; making an instance of it, or calling it as a function, is refused."""

    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(
            f"{module}.{cls.__name__}: kernels written in Pallas cannot be compiled here\n"
            "fix: use the form of the function that consists of ordinary operations"
        )

    return {n: type(n, (), {"__new__": new, "__module__": module}) for n in names.split()}


_refused = refusals("jax.experimental.pallas", _NAMES)
__all__ = ["align_to", "cdiv", "ds", "dslice", "next_power_of_2", *_refused]  # pyright: ignore[reportUnsupportedDunderAll]
globals().update(_refused)


def cdiv(a: Any, b: Any) -> Any:
    """`a / b`, rounded up."""
    return -(-a // b)


def align_to(x: int, a: int) -> int:
    """The least multiple of `a` that is not below `x`."""
    return cdiv(x, a) * a


def next_power_of_2(x: int) -> int:
    """The least power of two that is not below `x`.

    Raises:
        ValueError: `x` is negative.
    """
    if x < 0:
        raise ValueError("`next_power_of_2` requires a non-negative integer.")
    return 1 if x == 0 else 2 ** (x - 1).bit_length()


def ds(start: Any, size: int) -> slice:
    """The indices `start` to `start + size`."""
    return slice(start, start + size)


dslice = ds
