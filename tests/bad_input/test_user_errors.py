"""Exceptions of the user's own code, and values used where they cannot be, while tracing."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax
from ms_func.errors import (
    ConcretizationTypeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnexpectedTracerError,
)
from tests.bad_input.refusal import refused

VECTOR = numpy.arange(3, dtype=numpy.float32)


class Mine(Exception):
    """An exception the library knows nothing about."""


def failing(fail: list[bool], error: BaseException) -> Callable:
    def f(x):
        y = np.sin(x) * 2
        if fail[0]:
            raise error
        return np.sum(y)

    return f


WRAPPERS = {
    "jit": ms.jit,
    "grad": ms.grad,
    "jit of grad": lambda f: ms.jit(ms.grad(f)),
    "grad of jit": lambda f: ms.grad(ms.jit(f)),
    "grad of grad": lambda f: ms.grad(lambda x: np.sum(ms.grad(f)(x))),
    "vmap": lambda f: lambda x: ms.vmap(f)(np.stack([x, x])),
    "jvp": lambda f: lambda x: ms.jvp(f, (x,), (x,)),
    "vjp": lambda f: lambda x: ms.vjp(f, x)[1](np.float32(1)),
    "hessian": ms.hessian,
    "make_jaxpr": ms.make_jaxpr,
    "eval_shape": lambda f: lambda x: ms.eval_shape(f, x),
    "scan": lambda f: lambda x: lax.scan(lambda c, _: (f(x) + c, None), np.float32(0), None, 3),
    "cond": lambda f: lambda x: lax.cond(x[0] > 0, f, np.sum, x),
    "while": lambda f: lambda x: lax.while_loop(lambda c: c < 1, lambda c: c + f(x), np.float32(0)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("error", [Mine("no"), KeyError("k"), KeyboardInterrupt()], ids=repr)
def test_exception_passes_through_and_the_function_works_later(wrap, error) -> None:
    fail = [True]
    f = wrap(failing(fail, error))
    with pytest.raises(type(error)) as caught:
        f(VECTOR)
    assert caught.value is error
    frames = traceback.extract_tb(error.__traceback__)
    assert frames[-1].filename == __file__
    assert frames[-1].line == "raise error"
    fail[0] = False
    f(VECTOR)


def test_exception_in_a_custom_rule() -> None:
    @ms.custom_jvp
    def f(x):
        return np.sin(x)

    @f.defjvp
    def rule(primals, tangents):
        raise Mine

    with pytest.raises(Mine):
        ms.grad(f)(1.0)
    assert float(f(0.0)) == 0.0


def test_if_on_a_traced_value() -> None:
    def f(x):
        if x > 0:  # here
            return x
        return -x

    with refused(TracerBoolConversionError, "if x > 0", "lax.cond", "fix:"):
        ms.jit(f, convert=False)(1.0)


def test_index_of_a_list() -> None:
    def f(i):
        return [1.0, 2.0][i]  # here

    with refused(TracerIntegerConversionError, "fix:"):
        ms.jit(f, convert=False)(1)


@pytest.mark.parametrize("kind", [int, float, complex])
def test_conversion_to_a_number(kind) -> None:
    def f(x):
        return kind(x)  # here

    with refused(ConcretizationTypeError, "fix:"):
        ms.jit(f, convert=False)(1.0)


def test_numpy_on_a_traced_value() -> None:
    def f(x):
        return numpy.asarray(x)  # here

    with refused(TracerArrayConversionError, "ms_func.numpy", "fix:"):
        ms.jit(f, convert=False)(1.0)
    assert ms.jit(f)(1.0) == 1.0


def test_shape_from_a_traced_value() -> None:
    def f(n):
        return np.zeros(n)  # here

    with refused(TypeError):
        ms.jit(f)(3)


def test_value_kept_beyond_its_trace() -> None:
    kept = []

    def f(x):
        kept.append(np.sin(x))
        return x

    ms.jit(f)(1.0)
    with refused(UnexpectedTracerError, "`f`", "side effect", "fix:"):
        kept[0] + 1  # here


def test_argument_that_is_no_array() -> None:
    with refused(TypeError, "set", "fix:"):
        ms.jit(lambda x: 1.0)({1, 2})  # here


def test_result_that_is_no_array() -> None:
    def f(x):
        return {"a": x, "b": object()}

    with refused(TypeError, "`f` returned", "object", "fix:"):
        ms.jit(f)(1.0)  # here


def test_static_argument_that_cannot_be_hashed() -> None:
    f = ms.jit(lambda x, n: x, static_argnums=1)
    with refused(ValueError, "Non-hashable static arguments", "list", named=False):
        f(1.0, [2])  # here
    assert float(f(1.0, 2)) == 1.0


def test_donated_array_used_again() -> None:
    x = np.arange(4.0)
    ms.jit(lambda x: x + 1, donate_argnums=0)(x)
    with pytest.raises(RuntimeError, match=r"deleted|donated"):
        numpy.asarray(x)


def test_deleted_array_used_again() -> None:
    x = np.arange(4.0)
    x.delete()
    with refused(RuntimeError, "has been deleted", "float32[4]", "fix:"):
        x * 2  # here


@pytest.mark.parametrize("dtype", [object, "datetime64[s]", "S3", "V8", numpy.longdouble])
def test_elements_that_are_no_numbers(dtype) -> None:
    with refused(TypeError, "numbers or Booleans", "fix:"):
        np.zeros(3, dtype)  # here


def test_loop_carry_that_changes_its_type() -> None:
    def body(carry, _):
        return carry.astype(np.float32) * 0.5, None

    with refused(TypeError, "int32", "float32"):
        lax.scan(body, np.int32(1), None, length=3)  # here


def test_branches_that_disagree() -> None:
    with refused(TypeError, "float32[3]", "float32[2]"):
        lax.cond(True, lambda x: x, lambda x: x[:2], np.asarray(VECTOR))  # here


def test_condition_that_is_no_scalar() -> None:
    with refused(TypeError, "scalar", "(3,)"):
        lax.cond(np.arange(3) > 1, lambda: 1.0, lambda: 2.0)  # here
