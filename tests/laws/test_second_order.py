"""Derivatives of every smooth public function outside `ms_func.numpy`, to second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as jnp
from tests.laws.second_order import MODULES, SMOOTH, exempt, public

STEP = 1e-5


def test_the_table_is_complete():
    names = set().union(*map(public, MODULES))
    assert names == set(SMOOTH) | exempt()
    assert not set(SMOOTH) & exempt()


@pytest.mark.slow
@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_to_second_order(name):
    _check(name)


@pytest.mark.parametrize("name", ["lax.div", "nn.glu", "scipy.special.xlogy"])
def test_some_derivatives_to_second_order(name):
    _check(name)


def test_a_wrong_derivative_is_seen(monkeypatch):
    @ms.custom_jvp
    def wrong(x):
        return jnp.sin(x)

    wrong.defjvp(lambda primals, tangents: (wrong(*primals), tangents[0] * primals[0]))
    monkeypatch.setitem(SMOOTH, "wrong", (wrong, (np.array([0.3]),)))
    with pytest.raises(AssertionError):
        _check("wrong")


def _check(name: str) -> None:
    """Along a line through the operands, in both modes and their four nestings.

    One program has the value and all derivatives; central differences of it judge them.
    """
    along = _on_a_line(*SMOOTH[name])
    modes = [_forward, ms.grad]
    first = [mode(along) for mode in modes]
    second = [mode(f) for f in first for mode in modes]
    program = ms.jit(lambda t: jnp.stack([along(t), *(f(t) for f in first + second)]))
    low, at, high = (np.asarray(program(np.float64(t))) for t in (-STEP, 0.0, STEP))
    slope = (high - low) / (2 * STEP)
    scale = 1e-5 * (1 + np.abs(at).max())
    np.testing.assert_allclose(at[1:3], slope[[0, 0]], rtol=1e-5, atol=scale)
    np.testing.assert_allclose(at[3:], slope[[1, 1, 1, 1]], rtol=1e-5, atol=scale)


def _forward(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t: ms.jvp(f, (t,), (np.float64(1.0),))[1]


def _on_a_line(call: Callable[..., Any], operands: tuple[np.ndarray, ...]) -> Callable[..., Any]:
    """The results, weighed and summed, as a function of how far the operands have moved."""
    rng = np.random.default_rng(0)
    steps = [rng.normal(size=np.shape(x)) for x in operands]

    def along(t: Any) -> Any:
        total = 0.0 * t
        for out in ms.tree.leaves(call(*(x + t * s for x, s in zip(operands, steps, strict=True)))):
            parts = (out.real, out.imag) if out.dtype.kind == "c" else (out,)
            for part in parts if out.dtype.kind in "fc" else ():
                weights = np.cos(1.0 + np.arange(part.size)).reshape(part.shape)
                total = total + jnp.sum(part * weights)
        return total

    return along
