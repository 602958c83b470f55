"""What every Ascend operator looks like: its ports, attributes, dtypes and first version.

The table (`prototypes.json`) holds the operators this package writes. Dtypes have two
numberings: one in the tensor descriptors of a file, another in attributes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

_NUMPY = {
    "BOOL": np.dtype(np.bool_), "INT8": np.dtype(np.int8), "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32), "INT64": np.dtype(np.int64), "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16), "UINT32": np.dtype(np.uint32), "UINT64": np.dtype(np.uint64),
    "FLOAT16": np.dtype(np.float16), "BF16": BFLOAT16, "FLOAT": np.dtype(np.float32),
    "DOUBLE": np.dtype(np.float64), "COMPLEX64": np.dtype(np.complex64),
    "COMPLEX128": np.dtype(np.complex128),
}  # fmt: skip
NAME_OF = {dtype: name for name, dtype in _NUMPY.items()}
"""Ascend name of a NumPy dtype; a dtype that is not a key does not exist on Ascend."""


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of an operator.

    Attributes:
        name: its name; tensors of a dynamic port `x` are called `x0`, `x1`, ...
        kind: `required`, `optional` or `dynamic` (any number of tensors).
        dtypes: what it accepts.
        symbol: ports of the same symbol have the same dtype; None where there is none.
        promote: the dtype is the promotion of the ports with these symbols.
    """

    name: str
    kind: str
    dtypes: frozenset[np.dtype]
    symbol: str | None = None
    promote: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an operator; `type` as the prototype spells it (`ListInt`, ...)."""

    name: str
    type: str
    required: bool
    default: Any = None


@dataclass(frozen=True, slots=True)
class Prototype:
    """Signature of one operator; `since` is the first version that has this signature."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    attributes: dict[str, Attribute]
    graphs: tuple[tuple[str, str], ...]
    since: tuple[int, ...]

    def input(self, name: str) -> Port:
        """The input port of that name."""
        return next(p for p in self.inputs if p.name == name)


@cache
def _data() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("prototypes.json").read_text())


@cache
def lookup(op: str) -> Prototype | None:
    """Prototype of operator `op`, or None where the table has none."""
    record = _data()["operators"].get(op)
    if record is None:
        return None
    attributes = {a[0]: Attribute(*a[:3], *map(_default, a[3:])) for a in record["attrs"]}
    return Prototype(
        op,
        tuple(_port(*p) for p in record["inputs"]),
        tuple(_port(*p) for p in record["outputs"]),
        attributes,
        tuple((name, kind) for name, kind in record.get("graphs", ())),
        version(record["signature_since"]),
    )


def _port(
    name: str, kind: str, dtypes: str, symbol: str | None = None, promote: list[str] | None = None
) -> Port:
    return Port(
        name, kind, frozenset(_NUMPY[d] for d in dtypes.split()), symbol, tuple(promote or ())
    )


def _default(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("DT_"):
        return _NUMPY[value[3:]]
    return value


def is_version(text: str) -> bool:
    """Whether `text` is `latest` or has the form of a version."""
    return text == "latest" or re.fullmatch(r"v?\d+(\.\d+)*(-\w+)?", text) is not None


def version(text: str) -> tuple[int, ...]:
    """`v1.2.0` and `v0.5.0-beta` as numbers that compare; `latest` is above all of them."""
    if text == "latest":
        return (10**6,)
    return tuple(int(part) for part in text.lstrip("v").split("-")[0].split("."))


def available(op: str, target: str) -> bool:
    """Whether operator `op` exists in the headers of version `target`."""
    prototype = lookup(op)
    return prototype is not None and prototype.since <= version(target)


@cache
def accepts(op: str, port: str, dtype: np.dtype) -> bool:
    """Whether input `port` of operator `op` takes tensors of `dtype`."""
    prototype = lookup(op)
    return prototype is not None and dtype in prototype.input(port).dtypes


@cache
def file_number(dtype: np.dtype) -> int:
    """Number of `dtype` in a tensor descriptor."""
    return _data()["dtypes"][NAME_OF[dtype]][0]


@cache
def attribute_number(dtype: np.dtype) -> int:
    """Number of `dtype` in an attribute."""
    return _data()["dtypes"][NAME_OF[dtype]][1]


@cache
def from_file_number(number: int) -> np.dtype | None:
    """Dtype with that number in a tensor descriptor; None for undefined or unknown ones."""
    numbers = {pair[0]: name for name, pair in _data()["dtypes"].items()}
    return _NUMPY[numbers[number]] if number in numbers else None


@cache
def from_attribute_number(number: int) -> np.dtype | None:
    """Dtype with that number in an attribute; None for unknown ones."""
    numbers = {pair[1]: name for name, pair in _data()["dtypes"].items()}
    return _NUMPY[numbers[number]] if number in numbers else None
