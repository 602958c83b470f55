"""Memory shared with other libraries by DLPack, on CPU and CUDA."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ms_func.dtypes import named
from ms_func.errors import ArgumentTypeError
from ms_func.execution.buffers import default_backend, put, to_numpy
from ms_func.ir.types import ArrayType
from ms_func.runtime import extension

_CPU, _CUDA = 1, 2


def dlpack_device(buffer: Any) -> tuple[int, int]:
    """DLPack's device type (1 CPU, 2 CUDA) and ordinal."""
    held = buffer._sharding.device_set
    if len(held) != 1:
        raise BufferError(f"DLPack is for arrays on one device; this one lies on {len(held)}")
    (device,) = held
    return (_CPU, device.id) if device.platform == "cpu" else (_CUDA, device.local_hardware_id)


def to_dlpack(
    buffer: Any, stream: Any = None, copy: bool | None = None, dl_device: Any = None
) -> Any:
    """DLPack capsule of a buffer on one device, without copy unless one is asked for."""
    own = dlpack_device(buffer)
    if dl_device is not None and tuple(int(v) for v in dl_device) != own:
        if int(dl_device[0]) != _CPU:
            raise BufferError(f"an array on DLPack device {own} cannot be exported to {dl_device}")
        if copy is False and own[0] != _CPU:
            raise BufferError(f"exporting from DLPack device {own} to the CPU needs a copy")
        copy = copy or own[0] != _CPU
    if copy:
        host = default_backend()
        buffer = host.put(to_numpy(buffer), host.devices("cpu")[0], buffer.aval)
        stream = None  # of the device that the elements were copied from
    return extension.buffer_to_dlpack_managed_tensor(buffer, stream=stream)


def from_dlpack(x: Any, copy: bool | None = None) -> Any:
    """Buffer that shares the memory of another library's array where its layout allows.

    Raises:
        BufferError: it does not, as with gaps between elements, and `copy` is False.
    """
    if not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise ArgumentTypeError(
            "The array passed to from_dlpack must have __dlpack__ and __dlpack_device__ methods, "
            f"got {type(x)}"
        )
    kind, ordinal = x.__dlpack_device__()
    host = default_backend()
    if kind != _CPU:
        device = host.devices("cuda")[ordinal]
        # What the other library has still to compute is waited for on this stream.
        stream = device.get_stream_for_external_ready_events()
        return _shared(x.__dlpack__(stream=stream), device, stream)
    device = host.devices("cpu")[0]
    try:
        return _shared(x.__dlpack__(), device, None)
    except (BufferError, RuntimeError) as error:  # gaps, reversed order, or read-only memory
        if copy is False:
            raise BufferError(f"from_dlpack: a copy is needed, but copy=False: {error}") from error
        return put(np.from_dlpack(x), placement=device)


def _shared(capsule: Any, device: Any, stream: int | None) -> Any:
    kind = _described(capsule)  # of a capsule that nobody has taken yet
    made = extension.dlpack_managed_tensor_to_buffer(capsule, device, stream)
    return default_backend().label(made, kind, device)


class _Tensor(ctypes.Structure):
    """Begin of a DLPack capsule: `DLTensor`."""

    _fields_ = (
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
    )  # fmt: skip


_FAMILIES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex"}
_NAMES = {
    6: "bool", 7: "float8_e3m4", 8: "float8_e4m3", 9: "float8_e4m3b11fnuz", 10: "float8_e4m3fn",
    11: "float8_e4m3fnuz", 12: "float8_e5m2", 13: "float8_e5m2fnuz", 14: "float8_e8m0fnu",
    17: "float4_e2m1fn",
}  # fmt: skip
"""Codes of DLPack's types: families by their width, and single types."""

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


def _described(capsule: Any) -> ArrayType:
    """Shape and dtype of the array behind a capsule, wherever its memory lies.

    Reference:
        DLPack 1.1, `dlpack.h`.
    """
    t = _Tensor.from_address(_pointer(capsule, b"dltensor"))
    family = _FAMILIES.get(t.code)
    name = f"{family}{t.bits}" if family else _NAMES.get(t.code)
    if name is None or t.lanes != 1:
        raise BufferError(f"from_dlpack: no dtype for DLPack's type {t.code, t.bits, t.lanes}")
    return ArrayType(tuple(t.shape[: t.ndim]), named(name))
