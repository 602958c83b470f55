"""Between NumPy arrays, other libraries' arrays and device buffers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from typing import Any, cast

import numpy as np

from ms_func import backend, config
from ms_func.backend import ArrayBackend
from ms_func.dtypes import float0, narrowed
from ms_func.errors import DeletedError, ForkError
from ms_func.ir.layout import Layout, read_layout
from ms_func.ir.types import ArrayType


@cache
def _host() -> ArrayBackend:
    """The backend that holds arrays.

    Raises:
        ForkError: its threads were left behind in the process that this one was forked from.
    """
    if config.forked.value:
        raise ForkError(
            "this process was forked after ms_func had been used, and the threads of its runtime "
            "do not survive that\nfix: start processes with "
            'multiprocessing.get_context("spawn"), or use ms_func in the children only'
        )
    return cast(ArrayBackend, backend.get("xla"))


def _in_forked_child() -> None:
    """Let everything that asks for the runtime fail instead of waiting for ever."""
    if _host.cache_info().currsize and _host().started:
        config.forked.set_global(True)
        _host.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)


def default_backend() -> ArrayBackend:
    """The backend that holds arrays and runs what nobody sent elsewhere."""
    return _host()


def layout_of(buffer: Any) -> Layout:
    """How the elements of a buffer lie in memory."""
    refuse_deleted((buffer,))  # the runtime would read memory that is no longer there
    return read_layout(str(buffer._pjrt_layout))


def put(value: Any, type: ArrayType | None = None, placement: Any = None) -> Any:
    """Buffer with the elements of `value`, copied.

    Args:
        value: NumPy array or Python scalar.
        type: type the buffer carries; that of `value` if None.
        placement: device or sharding; None places on the default device, free to move.

    Raises:
        OverflowError: a Python integer does not fit the dtype.
    """
    if type is None:
        value = np.asarray(value)
        type = ArrayType(value.shape, narrowed(value.dtype))
    elif value.__class__ in (int, float, complex, bool):
        value = scalar(value, type.dtype)
    if type.dtype.names is not None and type.dtype == float0:
        # Nothing to store; programs hold booleans in its place.
        return put(np.zeros(type.shape, np.bool_), None, placement)
    if type.key is not None:
        return relabel(_host().put(_key_words(value, type), placement, type.words), type)
    return _host().put(np.asarray(value, type.dtype), placement, type)


def _key_words(value: Any, type: ArrayType) -> np.ndarray:
    """Words of keys from an array of them, or from the words themselves."""
    value = np.ascontiguousarray(value)
    shape = type.words.shape
    return value if value.dtype == np.uint32 else value.view(np.uint32).reshape(shape)


def relabel(buffer: Any, type: ArrayType) -> Any:
    """The same memory under another type of the same words."""
    refuse_deleted((buffer,))  # the runtime would read memory that is no longer there
    return _host().relabel(buffer, type)


def scalar(value: Any, dtype: np.dtype) -> np.ndarray:
    """Rank-0 array of a Python number.

    Raises:
        OverflowError: a Python integer does not fit the dtype.
    """
    if value.__class__ is int and not fits(value, dtype):
        raise OverflowError(f"Python int {value} too large to convert to {dtype.name}")
    return np.asarray(value, dtype)


def fits(value: int, dtype: np.dtype) -> bool:
    """Whether an integer dtype has `value`; others take any."""
    if dtype.kind not in "iu":
        return True
    info = np.iinfo(dtype)
    return info.min <= value <= info.max


def move(buffer: Any, placement: Any) -> Any:
    """Buffer with the elements of another one on a device or sharding."""
    refuse_deleted((buffer,))
    return _host().move(buffer, placement)


def to_numpy(buffer: Any) -> np.ndarray:
    """Elements of a buffer as a read-only NumPy array; waits for them."""
    return _host().get(buffer)


def refuse_deleted(held: Iterable[Any]) -> None:
    """See that buffers still hold something.

    Raises:
        RuntimeError: one was donated or deleted.
    """
    for buffer in held:
        if buffer.is_deleted():
            raise DeletedError(
                f"Array has been deleted with shape={buffer.aval.str_short()}: it was donated to a "
                "jitted function or deleted by hand\nfix: do not use an argument after donating it"
            )


config.install()
