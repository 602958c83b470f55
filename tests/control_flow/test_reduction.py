"""Reductions and windows by any function, against Python loops."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest

from ms_func import lax
from ms_func.control_flow.reduction import reduce, reduce_window
from ms_func.ir.evaluate import Reference
from ms_func.ir.function import Function
from ms_func.ir.types import typeof
from ms_func.tracing.tracer import build

X = np.random.default_rng(0).integers(1, 6, (3, 4)).astype(np.float32)


def primitives_of(call: Any, *args: Any) -> list[str]:
    fn: Function = build("f", [typeof(a) for a in args], lambda *xs: [call(*xs)])
    return [e.primitive.name for e in fn.eqns]


@pytest.mark.parametrize(
    ("computation", "init", "name"),
    [
        (lax.add, 0, "reduce_sum"),
        (lambda x, y: lax.add(y, x), 0.0, "reduce_sum"),
        (lax.mul, 1, "reduce_prod"),
        (lax.max, -np.inf, "reduce_max"),
        (lax.min, np.inf, "reduce_min"),
    ],
)
def test_known_functions_become_reductions_of_their_own(computation, init, name):
    assert primitives_of(lambda x: reduce(x, init, computation, (1,)), X) == [name]
    got = reduce(X, init, computation, (1,))
    want = [functools.reduce(lambda x, y: np.asarray(computation(x, y)), row) for row in X]
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("computation", "init"), [(lax.bitwise_and, -1), (lax.bitwise_or, 0), (lax.bitwise_xor, 0)]
)
def test_bits(computation, init):
    x = X.astype(np.int32)
    want = [functools.reduce(lambda p, q: np.asarray(computation(p, q)), row) for row in x]
    np.testing.assert_array_equal(reduce(x, init, computation, (1,)), want)


def test_an_initial_value_that_is_no_identity_takes_part_once():
    np.testing.assert_array_equal(reduce(X, 10, lax.add, (0,)), X.sum(0) + 10)
    np.testing.assert_array_equal(reduce(X, 3, lax.max, (0,)), np.maximum(X.max(0), 3))


def test_sums_of_booleans_are_logic():
    flags = X > 3
    got = reduce(flags, False, lax.bitwise_or, (1,))
    np.testing.assert_array_equal(got, flags.any(1))


def test_several_operands_in_a_tree():
    def best(a: Any, b: Any) -> Any:
        keep = lax.ge(a["key"], b["key"])
        return {k: lax.select(keep, a[k], b[k]) for k in a}

    index = np.arange(12, dtype=np.int32).reshape(3, 4)
    keys = np.random.default_rng(1).permutation(12).reshape(3, 4).astype(np.float32)
    got = reduce({"key": keys, "at": index}, {"key": -np.inf, "at": -1}, best, (0, 1))
    assert float(got["key"]) == 11
    assert int(got["at"]) == index.reshape(-1)[keys.argmax()]


def test_windows_of_known_functions_are_their_own_primitives():
    pool = lambda x: reduce_window(x, -np.inf, lax.max, (2, 2), (1, 2))  # noqa: E731
    assert primitives_of(pool, X) == ["reduce_window_max"]
    want = [[X[i : i + 2, j : j + 2].max() for j in (0, 2)] for i in range(2)]
    np.testing.assert_array_equal(pool(X), want)


@pytest.mark.parametrize("padding", ["VALID", "SAME", "SAME_LOWER", ((1, 2), (0, 1))])
def test_windows_of_products(padding):
    """The initial value stands in the padding."""
    got = reduce_window(X, 1.0, lax.mul, (2, 3), (1, 2), padding)
    pads = {"VALID": ((0, 0), (0, 0)), "SAME": ((0, 1), (0, 1)), "SAME_LOWER": ((1, 0), (1, 0))}
    padded = np.pad(X, pads.get(padding, padding) if isinstance(padding, str) else padding,
                    constant_values=1)  # fmt: skip
    rows, columns = padded.shape[0] - 1, (padded.shape[1] - 3) // 2 + 1
    want = np.zeros((rows, columns))
    for i, j in itertools.product(range(rows), range(columns)):
        want[i, j] = padded[i : i + 2, 2 * j : 2 * j + 3].prod()
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_structures_and_types_must_agree():
    with pytest.raises(ValueError, match="same tree structure"):
        reduce((X, X), 0.0, lax.add, (0,))
    with pytest.raises(TypeError, match="dtype of its operand"):
        reduce(X, np.int32(0), lax.add, (0,))
    with pytest.raises(TypeError, match="must return scalars like those"):
        reduce(X, 0.0, lambda x, y: lax.lt(x, y), (0,))
    with pytest.raises(ValueError, match="duplicate value"):
        reduce(X, 0.0, lax.add, (0, 0))
    with pytest.raises(NotImplementedError, match="from outside"):
        reduce(X, 0.0, lambda x, y: lax.add(lax.add(x, y), lax.reduce_sum(X, (0, 1))[...]), (0,))


@pytest.mark.parametrize("computation", [lax.add, lambda x, y: x * y + 1])
def test_over_no_dimensions_nothing_is_combined(computation):
    np.testing.assert_array_equal(reduce(X, np.float32(5), computation, ()), X)
    with Reference():
        np.testing.assert_array_equal(reduce(X, np.float32(5), computation, ()), X)
