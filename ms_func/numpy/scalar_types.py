"""dtype names of the package: `float32` and its like make arrays when called.

Each is a class, equal to NumPy's scalar class of the same name wherever dtypes are compared.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from ms_func.numpy.creation import asarray


class ScalarType(type):
    """Class of the dtype names; calling one converts its argument to an array.

    Example:
        >>> float32(2)
        Array(2., dtype=float32)
    """

    dtype: np.dtype
    _scalar_dtype = True

    def __call__(cls, x: Any = 0) -> Any:
        """Array of `x` in this dtype; a text is read as NumPy reads it."""
        return asarray(x, dtype=cls.dtype)

    def __eq__(cls, other: object) -> bool:
        if other is cls:
            return True
        try:
            return other is not None and np.dtype(other) == cls.dtype  # type: ignore[call-overload]
        except TypeError:
            return False

    def __hash__(cls) -> int:
        return hash(cls.dtype.type)  # found in a table whose keys are scalar classes of NumPy

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.dtype.type)

    def __repr__(cls) -> str:
        return f"ms_func.numpy.{cls.__name__}"

    @property
    def __numpy_dtype__(cls) -> np.dtype:
        return cls.dtype


def _scalar_type(name: str) -> Any:
    dtype = np.dtype(getattr(ml_dtypes, name, None) or getattr(np, name))
    made = ScalarType(name, (), {"__module__": "ms_func.numpy", "dtype": dtype})
    made.__doc__ = f"The dtype {dtype.name}; calling it makes an array of that dtype."
    return made


bool_ = _scalar_type("bool_")
int1, int2, int4, int8, int16, int32, int64 = (
    _scalar_type(f"int{n}") for n in (1, 2, 4, 8, 16, 32, 64)
)
uint1, uint2, uint4, uint8, uint16, uint32, uint64 = (
    _scalar_type(f"uint{n}") for n in (1, 2, 4, 8, 16, 32, 64)
)
bfloat16, float16, float32, float64 = (
    _scalar_type(n) for n in ("bfloat16", "float16", "float32", "float64")
)
float8_e4m3fn, float8_e4m3fnuz, float8_e4m3b11fnuz, float8_e5m2, float8_e5m2fnuz = (
    _scalar_type(f"float8_{n}") for n in ("e4m3fn", "e4m3fnuz", "e4m3b11fnuz", "e5m2", "e5m2fnuz")
)
float8_e3m4, float8_e4m3, float8_e8m0fnu, float4_e2m1fn = (
    _scalar_type(n) for n in ("float8_e3m4", "float8_e4m3", "float8_e8m0fnu", "float4_e2m1fn")
)
float6_e2m3fn, float6_e3m2fn = _scalar_type("float6_e2m3fn"), _scalar_type("float6_e3m2fn")
complex64, complex128 = _scalar_type("complex64"), _scalar_type("complex128")
single, double, csingle, cdouble = float32, float64, complex64, complex128
int_, uint, float_, complex_ = int32, uint32, float32, complex64


class finfo:
    """Limits of a floating dtype, bfloat16 and the 8-bit floats included.

    Numbers are Python's, as the array API standard has it: they take the dtype of what they
    meet. Everything else that NumPy's `finfo` of that dtype knows is there too.

    Example:
        >>> finfo(float32).eps
        1.1920928955078125e-07
        >>> finfo(bfloat16).bits
        16
    """

    def __init__(self, dtype: Any) -> None:
        self._limits = ml_dtypes.finfo(_dtype_of(dtype))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._limits, name)
        return float(found) if isinstance(found, np.generic) else found

    def __reduce__(self) -> tuple[Any, ...]:
        return finfo, (self.dtype,)

    def __repr__(self) -> str:
        return repr(self._limits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


def iinfo(dtype: Any) -> Any:
    """Limits of an integer dtype, 2-bit and 4-bit ones included.

    Args:
        dtype: integer dtype, or an array or number of one.

    Returns:
        Object with `min`, `max`, `bits` and `dtype`.

    Raises:
        ValueError: the dtype is of floats.

    Example:
        >>> np.iinfo(np.int8).max, np.iinfo(np.int4).min
        (127, -8)
    """
    return ml_dtypes.iinfo(_dtype_of(dtype))


def _dtype_of(x: Any) -> np.dtype:
    """The dtype of an array, or a dtype itself."""
    if isinstance(x, (int, float, complex)):
        return asarray(x).dtype
    found = getattr(x, "dtype", x)
    return np.dtype(found)
