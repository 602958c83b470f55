"""What grad, jvp, vjp and their relatives refuse."""

from __future__ import annotations

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from tests.bad_input.refusal import refused

VECTOR = numpy.arange(3, dtype=numpy.float32)


def square(x):
    return x * x


def loss(params, x):
    return np.sum(x @ params["w"] + params["b"])


@pytest.mark.parametrize("value", [3, True, numpy.int8(2), numpy.arange(3)], ids=repr)
def test_grad_of_an_integer(value) -> None:
    with refused(
        TypeError, "grad requires real- or complex-valued", "`square`", "fix:", "allow_int"
    ):
        ms.grad(square)(value)  # here


def test_grad_of_an_integer_leaf_in_a_tree() -> None:
    params = {"w": numpy.ones((2, 2), numpy.int32), "b": numpy.float32(0)}
    with refused(TypeError, "int32", "fix:"):
        ms.grad(loss)(params, numpy.ones((1, 2), numpy.float32))  # here


def test_grad_of_what_is_no_array() -> None:
    with refused(TypeError, "'two' of type <class 'str'>", "fix:"):
        ms.grad(square)("two")  # here


def test_grad_of_complex_without_promise() -> None:
    with refused(TypeError, "real-valued outputs", "holomorphic=True"):
        ms.grad(square)(1 + 2j)  # here


def test_holomorphic_of_real() -> None:
    with refused(TypeError, "holomorphic=True", "complex"):
        ms.grad(square, holomorphic=True)(1.0)  # here


def test_grad_of_a_vector_function() -> None:
    with refused(TypeError, "scalar-output", "shape: (3,)", ".sum()"):
        ms.grad(square)(VECTOR)  # here


def test_grad_of_one_element_that_is_no_scalar() -> None:
    with refused(TypeError, "scalar-output", "shape: (1,)"):
        ms.grad(square)(VECTOR[:1])  # here


@pytest.mark.parametrize("out", [(1.0, 2.0), None, {"a": 1.0}, []], ids=repr)
def test_grad_of_a_tree_function(out) -> None:
    def f(x):
        return ms.tree.map(lambda c: c * x, out)

    with refused(TypeError, "scalar-output", "has_aux=True"):
        ms.grad(f)(2.0)  # here


def test_grad_of_an_integer_function() -> None:
    def f(x):
        return np.argmax(x)

    with refused(TypeError, "real-valued outputs", "int32"):
        ms.grad(f)(VECTOR)  # here


def test_has_aux_without_pair() -> None:
    with refused(TypeError, "aux", "two-element tuple"):
        ms.value_and_grad(square, has_aux=True)(2.0)  # here


def test_argnums_beyond_the_arguments() -> None:
    with refused(TypeError, "argnums=2", "only 1 positional", "fix:"):
        ms.grad(square, argnums=2)(1.0)  # here


def test_argument_given_by_keyword() -> None:
    with refused(TypeError, "argnums=0", "fix:"):
        ms.grad(square)(x=1.0)  # here


def test_grad_of_no_function() -> None:
    with refused(TypeError, "Expected a callable", "float"):
        ms.grad(3.0)  # here


def test_nested_grad_names_the_inner_line() -> None:
    def outer(x):
        return ms.grad(lambda y: y * x * np.arange(2.0))(x)  # here

    with refused(TypeError, "scalar-output"):
        ms.jit(ms.grad(outer))(1.0)


def test_jvp_trees() -> None:
    with refused(TypeError, "jvp", "structure"):
        ms.jvp(square, (1.0,), (1.0, 2.0))  # here
    with refused(TypeError, "jvp", "structure", at="dict"):
        ms.jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},))  # dict


def test_jvp_shape_of_tangent() -> None:
    with refused(ValueError, "(3,)", "(4,)", "fix:"):
        ms.jvp(square, (VECTOR,), (numpy.ones(4, numpy.float32),))  # here


def test_jvp_dtype_of_tangent() -> None:
    with refused(TypeError, "float32", "float64"):
        ms.jvp(square, (VECTOR,), (numpy.ones(3, numpy.float64),))  # here


def test_jvp_without_tuples() -> None:
    with refused(TypeError, "jvp", "tuple"):
        ms.jvp(square, 1.0, 1.0)  # here


def test_vjp_tree_of_cotangent() -> None:
    _, pull = ms.vjp(lambda x: (x, 2 * x), 1.0)
    with refused(ValueError, "cotangent", "structure"):
        pull(1.0)  # here
    assert float(pull((1.0, 1.0))[0]) == 3.0


def test_vjp_shape_of_cotangent() -> None:
    _, pull = ms.vjp(square, VECTOR)
    with refused(ValueError, "argument to VJP function", "float32[4]", "float32[3]"):
        pull(numpy.ones(4, numpy.float32))  # here
    assert pull(numpy.ones(3, numpy.float32))[0].tolist() == [0.0, 2.0, 4.0]


def test_linearized_shape_of_tangent() -> None:
    _, push = ms.linearize(square, VECTOR)
    with refused(ValueError, "f32[3]"):
        push(numpy.ones(4, numpy.float32))  # here
    assert push(numpy.ones(3, numpy.float32)).tolist() == [0.0, 2.0, 4.0]


def test_vmap_of_different_lengths() -> None:
    with refused(ValueError, "inconsistent sizes", "3", "4"):
        ms.vmap(lambda x, y: x + y)(VECTOR, numpy.ones(4, numpy.float32))  # here


def test_vmap_over_a_scalar() -> None:
    with refused(ValueError, "axis 0", "its shape is ()", "in_axes"):
        ms.vmap(square)(1.0)  # here


def test_vmap_axis_out_of_range() -> None:
    with refused(ValueError, "axis 1", "(3,)"):
        ms.vmap(square, in_axes=1)(VECTOR)  # here


def test_vmap_axes_do_not_match_arguments() -> None:
    with refused(ValueError, "in_axes", "len(in_axes)=3", "len(args)=2"):
        ms.vmap(lambda x, y: x, in_axes=(0, 0, 0))(VECTOR, VECTOR)  # here
    with refused(ValueError, "in_axes", at="tree"):
        ms.vmap(lambda p: p["a"], in_axes=({"b": 0},))({"a": VECTOR})  # tree


def test_vmap_of_nothing_mapped() -> None:
    with refused(ValueError, "in_axes", "None"):
        ms.vmap(square, in_axes=None)(VECTOR)  # here


def test_vmap_out_axes() -> None:
    with refused(ValueError, "out_axes"):
        ms.vmap(square, out_axes=3)(VECTOR)  # here
    with refused(ValueError, "out_axes", at="none"):
        ms.vmap(square, out_axes=None)(VECTOR)  # none
