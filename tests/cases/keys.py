"""Cases of keys, of what is drawn from them, and of the backend's own generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.dtypes import RBG, THREEFRY, KeyDtype
from ms_func.primitives.keys import numpy_keys
from tests.cases.case import Arg, Case


def _words(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.integers(0, 2**32, shape, dtype=np.uint64)


def _key(*lead: int, kind: KeyDtype = THREEFRY) -> Arg:
    def keys(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        return numpy_keys(_words(rng, (*shape, kind.words)).astype(np.uint32), kind)

    return Arg(lead, keys, kind)


def _case(*args: Arg, **params: Any) -> Case:
    return Case(args, params, ("uint32",), smooth=False)


_UINT32 = "uint32"
CASES = {
    "random_wrap": [
        _case(Arg((2,), _words, _UINT32), impl="threefry2x32"),
        _case(Arg((3, 4), _words, _UINT32), impl="rbg"),
    ],
    "random_unwrap": [_case(_key()), _case(_key(2, 3)), _case(_key(3, kind=RBG))],
    "random_clone": [_case(_key()), _case(_key(3))],
    "random_seed": [
        _case(Arg((), _words, _UINT32), impl="threefry2x32"),
        _case(Arg((3,), (-9, 9), "int64"), impl="threefry2x32"),
        _case(Arg((2,), (-9, 9), "int8"), impl="unsafe_rbg"),
    ],
    "random_bits": [
        *[_case(_key(), shape=(3,), width=w) for w in (8, 16, 32, 64)],
        _case(_key(), shape=(), width=32),
        _case(_key(2), shape=(2, 3), width=32),
    ],
    "random_split": [_case(_key(), shape=(3,)), _case(_key(2), shape=(2, 2))],
    "random_fold_in": [
        _case(_key(), Arg((), _words, _UINT32)),
        _case(_key(3), Arg((3,), _words, _UINT32)),
    ],
    "rng_bit_generator": [
        _case(Arg((4,), _words, _UINT32), shape=(3,), dtype=np.dtype(np.uint32), algorithm=0),
        _case(Arg((2, 4), _words, _UINT32), shape=(2,), dtype=np.dtype(np.uint8), algorithm=2),
    ],
}
