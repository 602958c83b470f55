"""Arrays as parameters of equations: equal where their bits are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ms_func.dtypes import dtype_name, parse_dtype
from ms_func.ir.text import register_param_type


class Constant:
    """Elements of an array as a parameter of an equation; equal where the bits are."""

    __slots__ = ("_key", "array", "weak_type")

    def __init__(self, array: Any, weak_type: bool = False) -> None:
        self.array = np.array(array)  # a copy: the one given may be written to later
        self.array.flags.writeable = False
        self.weak_type = weak_type
        self._key = (self.array.dtype, self.array.shape, weak_type, self.array.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _write(held: Constant) -> str:
    a = held.array
    return json.dumps([dtype_name(a.dtype), list(a.shape), held.weak_type, a.tobytes().hex()])


def _read(text: str) -> Constant:
    name, shape, weak_type, data = json.loads(text)
    flat = np.frombuffer(bytes.fromhex(data), parse_dtype(name))
    return Constant(flat.reshape(shape), weak_type)


register_param_type(Constant, write=_write, read=_read)
