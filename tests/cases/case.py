"""How to describe a use of a primitive, so that the generic tests can check all of its rules.

A family's file in this folder has a dictionary `CASES` from names of primitives to lists of
`Case`. `tests/primitives/test_rules.py` takes it from there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ml_dtypes
import numpy as np

BOOL = ("bool",)
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
FLOATS = ("float64", "float32", "float16", "bfloat16")
COMPLEX = ("complex128", "complex64")
REALS = FLOATS + INTEGERS
NUMBERS = FLOATS + COMPLEX + INTEGERS
ANY = NUMBERS + BOOL

Domain = tuple[float, float] | Callable[[np.random.Generator, tuple[int, ...]], Any]


@dataclass(frozen=True)
class Arg:
    """One operand.

    Attributes:
        shape: its shape.
        domain: interval of its elements, or a function of (generator, shape) giving them.
        dtype: its dtype where that is fixed, keys included; None takes the dtype under test.
    """

    shape: tuple[int, ...] = ()
    domain: Domain = (-2.0, 2.0)
    dtype: Any = None


@dataclass(frozen=True)
class Case:
    """One use of a primitive.

    Attributes:
        args: the operands.
        params: parameters of the primitive.
        dtypes: dtypes under test; derivatives are checked in float64 and complex128 only.
        smooth: whether the function has derivatives at all points of the domain.
        orders: how many orders of derivatives are compared with differences.
        ulps: how far compiled results may be from the reference, in units of the last place.
        step: length of the step that differences are taken over.
        edges: whether compiled results must agree on infinities, NaN and zeros of either sign.
        local: `(params, in_types, out_types)` to the parameters of one part of a split
            application, where they depend on shapes.
        once: operands that only one part of a split sum or product gets, the others get zeros
            or ones.
        inactive: operands by which the function has no derivative.
        batch_args: which operands may be batched; all where None.
    """

    args: tuple[Arg, ...]
    params: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = FLOATS
    smooth: bool = True
    orders: int = 2
    ulps: float = 0
    step: float = 1e-3
    edges: bool = False
    local: Callable[..., dict[str, Any]] | None = None
    once: tuple[int, ...] = ()
    inactive: tuple[int, ...] = ()
    batch_args: tuple[int, ...] | None = None

    def arrays(self, dtype: str, name: str = "") -> list[np.ndarray]:
        """Operands for the given dtype under test; the same ones each time."""
        shapes = [a.shape for a in self.args]
        rng = np.random.default_rng(zlib.crc32(f"{name} {shapes} {dtype}".encode()))
        return [sample(rng, a, np.dtype(_dtype(a.dtype or dtype))) for a in self.args]

    @property
    def widest(self) -> str:
        """The dtype to check rules with: float64 where it is among those under test."""
        return "float64" if "float64" in self.dtypes else self.dtypes[0]


def _dtype(name: Any) -> Any:
    return getattr(ml_dtypes, name, name) if isinstance(name, str) else name


def sample(rng: np.random.Generator, arg: Arg, dtype: np.dtype) -> np.ndarray:
    """Elements of one operand."""
    if callable(arg.domain):
        return np.asarray(arg.domain(rng, arg.shape)).astype(dtype)
    lo, hi = arg.domain
    if dtype.kind == "b":
        return rng.integers(0, 2, arg.shape).astype(bool)
    if dtype.kind == "u":
        return rng.integers(max(int(lo), 0), max(int(hi), 1) + 4, arg.shape).astype(dtype)
    if dtype.kind == "i":
        return rng.integers(int(np.ceil(lo)), int(hi) + 4, arg.shape).astype(dtype)
    real = rng.uniform(lo, hi, arg.shape)
    if dtype.kind == "c":
        real = real + 1j * rng.uniform(lo, hi, arg.shape)
    return real.astype(dtype)


def of_shapes(*shapes: Sequence[int], **fields: Any) -> Case:
    """Case whose operands have the given shapes and elements between -2 and 2."""
    return Case(tuple(Arg(tuple(s)) for s in shapes), **fields)


def vary(cases: Sequence[Case]) -> list[Case]:
    """All dtypes for the first case, float64 and one more for the others: compiling is slow."""
    first, *others = cases
    few = [d for d in ("float64", "float32", "int32") if d in first.dtypes][:2]
    return [first, *(replace(c, dtypes=tuple(d for d in few if d in c.dtypes)) for c in others)]
