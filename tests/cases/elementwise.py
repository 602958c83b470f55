"""Cases of the elementwise operations."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from tests.cases.case import (
    ANY,
    BOOL,
    COMPLEX,
    FLOATS,
    INTEGERS,
    NUMBERS,
    REALS,
    SIGNED,
    Arg,
    Case,
)

_SHAPE = (2, 3, 4)


def _named(name: str) -> np.dtype:
    return np.dtype(getattr(ml_dtypes, name, name))


def _of(shapes: list[Any], domains: list[Any], edges: bool = False, **fields: Any) -> list[Case]:
    """Cases of one operation; the first of them with its edges."""
    return [
        Case(
            tuple(Arg(shape, domain) for shape, domain in zip(row, domains, strict=True)),
            edges=edges and k == 0, **fields,
        )
        for k, row in enumerate(shapes)
    ]  # fmt: skip


def _one(lo: float, hi: float, **fields: Any) -> list[Case]:
    """Cases of an operation of one operand with elements in an interval."""
    return _of([(_SHAPE,), ((),)], [(lo, hi)], **fields)


def _two(x: tuple[float, float], y: tuple[float, float], **fields: Any) -> list[Case]:
    """Cases of an operation of two operands, either of which may be a scalar."""
    return _of([(_SHAPE, _SHAPE), ((), _SHAPE), (_SHAPE, ()), ((), ())], [x, y], **fields)


def _separate(rng: Any, shape: tuple[int, ...]) -> Any:
    """Values apart from those of the other operand, so that no two are near a tie."""
    return rng.choice([-1.5, -0.9, 0.4, 1.1], shape)


_STEPS = [-1.7, -0.7, -0.3, 0.6, 1.4]


def _steps(rng: Any, shape: tuple[int, ...]) -> Any:
    """Values away from whole numbers, halves and zero, where rounding and signs jump."""
    return rng.choice(_STEPS, shape) + rng.uniform(-0.05, 0.05, shape)


def _complex_steps(rng: Any, shape: tuple[int, ...]) -> Any:
    return _steps(rng, shape) + 1j * rng.uniform(0.3, 1, shape)


_APART: list[Case] = [
    Case((Arg(_SHAPE), Arg(_SHAPE, _separate)), dtypes=ANY, edges=True, step=1e-5)
]
_ORDER = [*_two((-2, 2), (-2, 2), dtypes=INTEGERS + BOOL, edges=True)]
_BITS = _two((-2, 2), (-2, 2), dtypes=INTEGERS + BOOL, edges=True)
_SHIFT = _two((-2, 8), (0, 4), dtypes=INTEGERS, edges=True)
_DTYPES = ("bool", "int8", "int32", "int64", "uint8", "uint32", "float16", "bfloat16", "float32",
           "float64", "complex64", "complex128")  # fmt: skip


def _smooth(lo: float, hi: float, **fields: Any) -> list[Case]:
    """Cases of a function of real and complex numbers, edges in the reals only."""
    ulps = fields.pop("ulps", 4)
    return [
        *_one(lo, hi, dtypes=FLOATS, ulps=ulps, edges=True, **fields),
        *_one(lo, hi, dtypes=COMPLEX, ulps=4 * ulps, **fields),
    ]


def _converted() -> list[Case]:
    return [
        Case((Arg((7,)),), {"new_dtype": _named(name), "weak_type": False}, dtypes=ANY,
             edges=True, smooth=name in ("float64", "complex128"))
        for name in _DTYPES
    ]  # fmt: skip


def _few(*domains: tuple[float, float], **fields: Any) -> list[Case]:
    """Cases of functions whose compiled form is long: all dtypes once, scalars once."""
    scalars = [Arg((), domains[0]), *(Arg(_SHAPE, d) for d in domains[1:])]
    return [
        Case(tuple(Arg(_SHAPE, d) for d in domains), dtypes=FLOATS, **fields),
        Case(tuple(scalars), dtypes=("float64",), **fields),
    ]


_INCOMPLETE = [
    *_few((0.5, 6), (0.2, 7), ulps=1024, orders=1),
    Case((Arg(_SHAPE, (11, 30)), Arg(_SHAPE, (9, 40))), dtypes=("float64", "float32"), ulps=1024,
         orders=1),
]  # fmt: skip

CASES: dict[str, list[Case]] = {
    "neg": _one(-2, 2, dtypes=NUMBERS, edges=True),
    "add": _two((-2, 2), (-2, 2), dtypes=ANY, edges=True, ulps=1),
    "sub": _two((-2, 2), (-2, 2), dtypes=NUMBERS, edges=True, ulps=1),
    "mul": _two((-2, 2), (-2, 2), dtypes=FLOATS + INTEGERS + BOOL, edges=True, ulps=1)
    + _two((-2, 2), (-2, 2), dtypes=COMPLEX, ulps=4),
    "div": _two((-2, 2), (0.5, 2), dtypes=FLOATS + INTEGERS, edges=True, ulps=1)
    + _two((-2, 2), (0.5, 2), dtypes=COMPLEX, ulps=8),
    "rem": _two((1.1, 1.9), (0.3, 0.36), dtypes=REALS, edges=True, ulps=1, step=1e-5),
    "mod": _two((1.1, 1.9), (0.3, 0.36), dtypes=REALS, edges=True, ulps=1, step=1e-5),
    "floor_div": _two((1.1, 1.9), (0.3, 0.36), dtypes=REALS, edges=True, step=1e-5),
    "max": _APART + _ORDER,
    "min": _APART + _ORDER,
    "pow": _two((0.5, 2), (-2, 2), dtypes=FLOATS, edges=True, ulps=8)
    + _two((0.5, 2), (-2, 2), dtypes=COMPLEX, ulps=64),
    "integer_pow": [
        Case((Arg(_SHAPE, (0.5, 2)),), {"y": n}, dtypes=FLOATS, ulps=8, edges=True)
        for n in (-3, -1, 0, 3, 7)
    ]
    + [Case((Arg(_SHAPE),), {"y": n}, dtypes=INTEGERS, edges=True) for n in (0, 3, 4)]
    + [Case((Arg(_SHAPE, (0.5, 2)),), {"y": n}, dtypes=COMPLEX, ulps=32) for n in (-2, 0, 3)],
    "log": _smooth(0.5, 2),
    "exp": _smooth(-2, 2),
    "exp2": _smooth(-2, 2),
    "expm1": _smooth(-2, 2),
    "log1p": _smooth(-0.5, 2, ulps=256),  # XLA's own is that far off in double precision
    "sqrt": _smooth(0.5, 2),
    "rsqrt": _smooth(0.5, 2),
    "cbrt": _one(0.5, 2, ulps=4, edges=True) + _one(-2, -0.5, ulps=4),
    "sin": _smooth(-2, 2),
    "cos": _smooth(-2, 2),
    "tan": _smooth(-1, 1),
    "asin": _smooth(-0.8, 0.8),
    "acos": _smooth(-0.8, 0.8),
    "atan": _smooth(-0.8, 0.8),
    "atan2": _two((0.5, 2), (0.5, 2), ulps=4, edges=True),
    "sinh": _smooth(-2, 2),
    "cosh": _smooth(-2, 2),
    "tanh": _smooth(-2, 2),
    "asinh": _smooth(-0.8, 0.8),
    "acosh": _smooth(1.5, 3),
    "atanh": _smooth(-0.8, 0.8, ulps=256),
    "logistic": _smooth(-2, 2),
    "erf": _one(-2, 2, ulps=4, edges=True),
    "erfc": _one(-2, 2, ulps=8, edges=True),
    "erf_inv": _one(-0.9, 0.9, ulps=16, edges=True),
    "abs": [
        Case((Arg(_SHAPE, _steps),), dtypes=FLOATS + SIGNED, edges=True),
        Case((Arg(_SHAPE, (0, 3)),), dtypes=INTEGERS, edges=True),
        Case((Arg(_SHAPE, _complex_steps),), dtypes=COMPLEX, ulps=4),
    ],
    "sign": [
        Case((Arg(_SHAPE, _steps),), dtypes=FLOATS + SIGNED, edges=True),
        Case((Arg(_SHAPE, (0, 3)),), dtypes=INTEGERS, edges=True),
        Case((Arg(_SHAPE, _complex_steps),), dtypes=COMPLEX, ulps=4),
    ],
    "floor": [Case((Arg(_SHAPE, _steps),), edges=True)],
    "ceil": [Case((Arg(_SHAPE, _steps),), edges=True)],
    "round_nearest_afz": [Case((Arg(_SHAPE, _steps),), edges=True)],
    "round_nearest_even": [Case((Arg(_SHAPE, _steps),), edges=True)],
    "lgamma": _one(2.5, 6, ulps=64),
    "digamma": _one(2, 6, ulps=64),
    "polygamma": [
        Case((Arg(m, lambda rng, shape: rng.integers(1, 4, shape)), Arg(x, (0.7, 4))),
             ulps=128, inactive=(0,))
        for m, x in ((_SHAPE, _SHAPE), ((), _SHAPE), (_SHAPE, ()))
    ],
    "zeta": _two((1.5, 4), (0.7, 4), ulps=64),
    "igamma": _INCOMPLETE,
    "igammac": _INCOMPLETE,
    "igamma_grad_a": _few((1.5, 6), (0.5, 5), ulps=2048, smooth=False),
    "random_gamma_grad": _few((0.5, 6), (0.5, 6), ulps=2048, smooth=False),
    "betainc": _few((0.5, 6), (0.5, 6), (0.1, 0.9), ulps=512, inactive=(0, 1)),
    "bessel_i0e": _one(-3, 3, ulps=8, step=1e-4) + _one(7, 20, ulps=8),
    "bessel_i1e": _one(0.1, 3, ulps=64) + _one(-20, -7, ulps=64),
    "nextafter": _two((-2, 2), (-2, 2), edges=True, smooth=False),
    "is_finite": _one(-2, 2, edges=True),
    **dict.fromkeys(("eq", "ne"), _two((-1, 1), (-1, 1), dtypes=ANY, edges=True)),
    **dict.fromkeys(
        ("lt", "le", "gt", "ge"), _two((-1, 1), (-1, 1), dtypes=REALS + BOOL, edges=True)
    ),
    "select": [
        Case((Arg(p, dtype="bool"), Arg(a), Arg(b)), dtypes=ANY)
        for p in (_SHAPE, ())
        for a in (_SHAPE, ())
        for b in (_SHAPE, ())
    ],
    "clamp": [
        Case((Arg(lo, (-1, -0.9)), Arg(x, _steps), Arg(hi, (1, 1.1))), dtypes=REALS, step=1e-5)
        for lo in (_SHAPE, ())
        for x in (_SHAPE, ())
        for hi in (_SHAPE, ())
    ] + [Case((Arg(_SHAPE), Arg(_SHAPE), Arg(_SHAPE)), dtypes=REALS, smooth=False, edges=True)],
    "convert": _converted(),
    "bitcast_convert": [
        Case((Arg((3, 2)),), {"new_dtype": _named(new)}, dtypes=old, smooth=False)
        for old, new in (
            (("float32", "int32", "uint32"), "uint32"),
            (("float32", "int32", "uint32"), "float32"),
            (("float16", "bfloat16", "int16"), "float32"),
            (("int32",), "uint16"),
            (("float64", "int64"), "int8"),
            (("float64",), "bfloat16"),
        )
    ],
    "reduce_precision": [
        Case((Arg(_SHAPE),), {"exponent_bits": e, "mantissa_bits": m}, edges=True, smooth=False)
        for e, m in ((5, 10), (8, 7), (8, 23), (4, 3), (11, 52))
    ],
    "real": _one(-2, 2, dtypes=COMPLEX, edges=True),
    "imag": _one(-2, 2, dtypes=COMPLEX, edges=True),
    "complex": _two((-2, 2), (-2, 2), dtypes=("float64", "float32"), edges=True),
    "conj": _one(-2, 2, dtypes=COMPLEX, edges=True),
    **dict.fromkeys(("and", "or", "xor"), _BITS),
    "not": _one(-2, 2, dtypes=INTEGERS + BOOL, edges=True),
    **dict.fromkeys(("shift_left", "shift_right_logical", "shift_right_arithmetic"), _SHIFT),
    "population_count": _one(-2, 9, dtypes=INTEGERS, edges=True),
    "clz": _one(-2, 9, dtypes=INTEGERS, edges=True),
}  # fmt: skip
