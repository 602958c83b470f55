"""Printed programs that people read, compared with files beside this one.

A file changes only in the commit that means to change it: run the tests once with the
environment variable MS_FUNC_UPDATE_GOLDEN set, and read the difference.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func import numpy as jnp
from ms_func.ir import parse, to_text, verify

HERE = Path(__file__).parent
F32 = np.float32


def mlp_loss(params, x, y):
    (w1, b1), (w2, b2) = params
    h = jnp.tanh(x @ w1 + b1)
    return jnp.mean((h @ w2 + b2 - y) ** 2)


PARAMS = [(np.zeros((4, 8), F32), np.zeros(8, F32)), (np.zeros((8, 1), F32), np.zeros(1, F32))]
BATCH = (np.zeros((16, 4), F32), np.zeros((16, 1), F32))


def rnn(w, xs):
    h, _ = lax.scan(lambda h, x: (jnp.tanh(w * h + x), None), jnp.zeros(3, F32), xs)
    return jnp.sum(h)


def branches(x):
    return lax.cond(x > 0, lambda x: jnp.sin(x) * x, lambda x: x * 2.0, x)


PROGRAMS = {
    "mlp_gradient": lambda: ms.make_ir(ms.grad(mlp_loss))(PARAMS, *BATCH),
    "per_example_gradient": lambda: ms.make_ir(ms.vmap(ms.grad(lambda x: jnp.sum(x**3))))(
        np.zeros((5, 2), F32)
    ),
    "scan_gradient": lambda: ms.make_ir(ms.grad(rnn))(np.zeros(3, F32), np.zeros((7, 3), F32)),
    "cond_jvp": lambda: ms.make_ir(lambda x: ms.jvp(branches, (x,), (x,)))(F32(1)),
    "nested_jit": lambda: ms.make_ir(lambda x: ms.jit(jnp.sin)(ms.jit(jnp.sin)(x)))(F32(1)),
    "third_derivative": lambda: ms.make_ir(ms.grad(ms.grad(ms.grad(jnp.tanh))))(F32(1)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_printed_program(name):
    ms.clear_caches()  # equal functions bear the name of the first that was recorded
    fn = PROGRAMS[name]()
    verify(fn)
    text = to_text(fn, locs="none") + "\n"
    path = HERE / f"{name}.txt"
    if os.environ.get("MS_FUNC_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
    assert parse(text) == fn
