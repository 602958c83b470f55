"""Every test of this folder leaves the library as usable as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ms_func as ms
import ms_func.numpy as np


@pytest.fixture(autouse=True)
def usable_afterwards() -> Iterator[None]:
    yield
    assert float(np.sin(np.float32(0.0)) + 1) == 1.0  # operations run: nothing is being recorded
    assert float(ms.jit(ms.grad(lambda x: x * x))(3.0)) == 6.0
    assert ms.vmap(lambda x: x + 1)(np.arange(3)).tolist() == [1, 2, 3]
