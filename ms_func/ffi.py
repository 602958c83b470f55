"""Kernels in other languages, compiled against XLA's foreign-function interface.

>>> import numpy, ms_func as ms
>>> from ms_func import ffi
>>> root = ffi.ffi_call("my_root", ms.ShapeDtypeStruct((3,), "float32"))  # once it is registered
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.control_flow.foreign import ffi_call_p, frozen
from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError
from ms_func.ir.types import ArrayType, typeof

__all__ = ["ffi_call", "include_dir", "pycapsule", "register_ffi_target",
           "register_ffi_target_as_batch_partitionable"]  # fmt: skip
__dir__ = __all__.copy

_METHODS = (None, "sequential", "sequential_unrolled", "expand_dims", "broadcast_all",
            "legacy_vectorized")  # fmt: skip


def include_dir() -> str:
    """Folder of the header files that a kernel is compiled against.

    Example:
        >>> import pathlib
        >>> pathlib.Path(ms.ffi.include_dir(), "xla", "ffi", "api", "ffi.h").exists()
        True
    """
    return str(importlib.import_module("jaxlib").__path__[0]) + "/include"


def pycapsule(funcptr: Any) -> Any:
    """A function pointer of `ctypes` in the form in which kernels are registered.

    Args:
        funcptr: function of a library loaded by `ctypes`.

    Returns:
        A capsule of Python's C interface.

    Example:
        >>> import ctypes
        >>> type(ms.ffi.pycapsule(ctypes.pythonapi.Py_IncRef)).__name__
        'PyCapsule'
    """
    wrap = ctypes.pythonapi.PyCapsule_New
    wrap.restype = ctypes.py_object
    wrap.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    return wrap(ctypes.cast(funcptr, ctypes.c_void_p), None, None)


def register_ffi_target(
    name: str, fn: Any, platform: str = "cpu", api_version: int = 1, **kwargs: Any
) -> None:
    """Make a kernel known by a name.

    Args:
        name: the name.
        fn: a capsule with the function (see `pycapsule`), or a dict of them by stage.
        platform: "cpu" or "cuda".
        api_version: 1 for the typed interface.
        **kwargs: handed to the runtime.

    Raises:
        TypeError: `fn` is no capsule.

    Example:
        >>> from jaxlib.cpu import _lapack  # has kernels; one's own come by `pycapsule`
        >>> kernel = _lapack.registrations()["lapack_spotrf_ffi"]
        >>> ms.ffi.register_ffi_target("my_cholesky", kernel, platform="cpu")
    """
    target = {"cpu": "Host", "gpu": "CUDA", "cuda": "CUDA"}.get(platform, platform)
    importlib.import_module("jaxlib.xla_client").register_custom_call_target(
        name, fn, platform=target, api_version=api_version, **kwargs
    )


def register_ffi_target_as_batch_partitionable(name: str) -> None:
    """Let the partitioner split the calls of a kernel by their leading dimensions.

    How many these are stands in the attribute `num_batch_dims` of a call.

    Args:
        name: name under which the kernel is registered.

    Example:
        >>> ms.ffi.register_ffi_target_as_batch_partitionable("my_cholesky")
    """
    register = importlib.import_module("jaxlib.xla_client")
    register.register_custom_call_as_batch_partitionable(name)


def ffi_call(
    target_name: str, result_shape_dtypes: Any, *, has_side_effect: bool = False,
    vmap_method: str | None = None, input_layouts: Sequence[Any] | None = None,
    output_layouts: Any = None, input_output_aliases: dict[int, int] | None = None,
    custom_call_api_version: int = 4, legacy_backend_config: str | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """Function that calls a kernel.

    Args:
        target_name: name under which the kernel is registered.
        result_shape_dtypes: object with `shape` and `dtype` for the result, or a sequence.
        has_side_effect: whether it is called although nobody uses its results.
        vmap_method: what `vmap` does: "sequential" calls once for each lane, the default;
            "expand_dims" and "broadcast_all" call once with a leading dimension on all operands.
        input_layouts: for each operand the order of its dimensions in memory, the slowest first;
            None for row-major.
        output_layouts: the same for results.
        input_output_aliases: operand to result that may share memory.
        custom_call_api_version: only 4, the typed interface.
        legacy_backend_config: not supported.

    Returns:
        `call(*operands, **attributes)`; attributes are numbers, texts, arrays or dicts.

    Raises:
        NotImplementedError: another version of the interface is asked for.
        ValueError: there is no such `vmap_method`.

    Example:
        >>> root = ms.ffi.ffi_call("my_root", ms.ShapeDtypeStruct((3,), np.float32))
        >>> ms.eval_shape(root, np.ones(3))  # to run it, register a kernel of that name
        ShapeDtypeStruct(shape=(3,), dtype=float32)
    """
    if custom_call_api_version != 4 or legacy_backend_config is not None:
        raise UnsupportedError("ffi_call speaks version 4 of the interface of XLA only")
    if vmap_method not in _METHODS:
        raise ArgumentValueError(f"ffi_call has no vmap_method {vmap_method!r}")
    many = isinstance(result_shape_dtypes, (list, tuple))
    types = tuple([_type(r) for r in (result_shape_dtypes if many else [result_shape_dtypes])])
    outs = output_layouts if many or output_layouts is None else [output_layouts]

    def call(*args: Any, **attributes: Any) -> Any:
        for x in args:
            typeof(x)
        found = ffi_call_p.bind(
            *args, target=target_name, types=types, attributes=frozen(attributes),
            in_layouts=_layouts(input_layouts), out_layouts=_layouts(outs),
            side_effect=bool(has_side_effect), vmap_method=vmap_method,
            aliases=tuple(sorted((input_output_aliases or {}).items())),
        )  # fmt: skip
        if not many:
            return found[0]
        return tuple(found) if isinstance(result_shape_dtypes, tuple) else list(found)

    return call


def _layouts(given: Sequence[Any] | None) -> tuple[Any, ...] | None:
    if given is None:
        return None
    orders = [getattr(x, "major_to_minor", x) for x in given]
    return tuple(None if x is None else tuple(map(int, x)) for x in orders)


def _type(x: Any) -> ArrayType:
    try:
        return ArrayType(tuple(x.shape), canonicalize_dtype(np.dtype(x.dtype)))
    except AttributeError:
        raise ArgumentTypeError(
            f"ffi_call needs objects with shape and dtype for its results, got {x!r}"
        ) from None
