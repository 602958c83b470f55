"""Cases of the counter-based random bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.case import Arg, Case


def _words(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.integers(0, 2**32, shape, dtype=np.uint64)


def _key(*lead: int) -> Arg:
    return Arg((*lead, 2), _words, "uint32")


def _case(*args: Arg, **params: Any) -> Case:
    return Case(args, params, ("uint32",), smooth=False)


CASES = {
    "threefry_bits": [
        *[_case(_key(), shape=(3,), width=w) for w in (8, 16, 32, 64)],
        _case(_key(), shape=(), width=32),
        _case(_key(2), shape=(2, 3), width=32),
    ],
    "threefry_split": [_case(_key(), shape=(3,)), _case(_key(2), shape=(2, 2))],
    "threefry_fold_in": [
        _case(_key(), Arg((), _words, "uint32")),
        _case(_key(3), Arg((3,), _words, "uint32")),
    ],
}
