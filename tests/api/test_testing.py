"""check_grads accepts right derivatives and refuses wrong ones; ravel_pytree goes both ways."""

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func.flatten_util import ravel_pytree
from ms_func.test_util import check_grads


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_right_derivatives_pass(dtype):
    x = np.array([0.3, 0.7]).astype(dtype)
    check_grads(lambda x, n: mnp.sin(x) * x * n, (x, 3), order=2)


@pytest.mark.parametrize("modes", [["fwd"], ["rev"]])
@pytest.mark.parametrize("order", [1, 2])
def test_wrong_derivatives_fail(modes, order):
    @ms.custom_jvp
    def f(x):
        return mnp.sin(x)

    slope = (
        (lambda x: 1.1 * mnp.cos(x)) if order == 1 else (lambda x: ms.lax.stop_gradient(mnp.cos(x)))
    )
    f.defjvp(lambda primals, tangents: (f(*primals), slope(*primals) * tangents[0]))
    if order == 2:
        check_grads(f, (np.float64(0.5),), order=1, modes=modes)
    with pytest.raises(AssertionError):
        check_grads(f, (np.float64(0.5),), order=order, modes=modes)


def test_ravel_and_back():
    t = {"a": np.arange(6.0).reshape(2, 3), "b": [np.float32(7), np.zeros(0)]}
    flat, unravel = ravel_pytree(t)
    np.testing.assert_array_equal(flat, [0, 1, 2, 3, 4, 5, 7])
    back = unravel(flat * 2)
    np.testing.assert_array_equal(back["a"], t["a"] * 2)
    assert back["b"][0].dtype == np.float32
    with pytest.raises(ValueError, match="shape"):
        unravel(np.zeros(3))
    grads = ms.grad(lambda v: unravel(v)["a"].sum())(flat)
    np.testing.assert_array_equal(grads, [1, 1, 1, 1, 1, 1, 0])
