"""Matrix products: what they refuse, precision, and the operations their derivatives need."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.ir.types import typeof
from ms_func.primitives.dot import Precision, batch_matmul, canonical_precision
from ms_func.tracing.tracer import build
from ms_func.transforms.batch import batch
from ms_func.transforms.linearize import vjp

A, B = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)


def _program(f: Any, *args: Any) -> Any:
    return build("f", [typeof(a) for a in args], lambda *xs: [f(*xs)])


@pytest.mark.parametrize(
    ("numbers", "rhs"),
    [((((1,), (0,)), ((), ())), (3, 4)), ((((1,), (1,)), ((), ())), (4, 3)),
     ((((0,), (0,)), ((), ())), (2, 4)), ((((0,), (1,)), ((), ())), (4, 2))],
)  # fmt: skip
def test_gradients_of_a_matrix_product_need_no_transpose(numbers, rhs):
    fn = _program(lambda x, y: lax.dot_general(x, y, numbers), A, np.ones(rhs, np.float32))
    names = [e.primitive.name for e in vjp(fn, (True, True)).eqns]
    assert names == ["dot_general"] * 3


def test_batching_keeps_one_product_and_moves_nothing_where_one_operand_is_shared():
    fn = _program(lambda x, y: lax.dot(x, y), A, B)
    for dims in ((0, None), (2, None), (None, 1), (1, 2)):
        made, _ = batch(fn, 5, dims, ("any",))
        assert [e.primitive.name for e in made.eqns] == ["dot_general"]


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (None, None),
        ("highest", (Precision.HIGHEST,) * 2),
        ("tensorfloat32", (Precision.HIGH,) * 2),
        (Precision.DEFAULT, (Precision.DEFAULT,) * 2),
        ((None, "high"), (Precision(None), Precision.HIGH)),
        (("float32", None), (Precision.HIGHEST, Precision.DEFAULT)),
        ([Precision.HIGH, "default"], (Precision.HIGH, Precision.DEFAULT)),
    ],
)
def test_precision_by_value_name_or_pair(given, want):
    assert canonical_precision(given) == want


def test_precision_follows_its_operand_into_the_derivative():
    """lhs keeps its precision wherever it stands."""
    fn = _program(
        lambda x, y: lax.dot_general(x, y, (((1,), (0,)), ((), ())), ("highest", "default")), A, B
    )
    _, lhs, rhs = (e.params["precision"] for e in _by_operand(vjp(fn, (True, True))))
    assert lhs == (Precision.HIGHEST, Precision.DEFAULT)  # ct (lhs's place), rhs
    assert rhs == (Precision.HIGHEST, Precision.DEFAULT)  # lhs, ct (rhs's place)


def _by_operand(made: Any) -> list[Any]:
    """Equations of primal, cotangent of lhs, cotangent of rhs."""
    by_shape = {e.outputs[0].type.shape: e for e in made.eqns}
    return [by_shape[s] for s in ((2, 4), (2, 3), (3, 4))]


def test_sums_of_narrow_integers_in_a_wider_dtype():
    x = np.full((1, 300), 100, np.int8)
    got = lax.dot_general(x, x, (((1,), (1,)), ((), ())), preferred_element_type=np.int32)
    assert int(got[0, 0]) == 300 * 100 * 100


def test_half_precision_products_with_a_float32_result_are_exact():
    x = np.full((1, 257), 1, ml_dtypes.bfloat16)  # bfloat16 cannot count beyond 256
    got = lax.dot_general(x, x, (((1,), (1,)), ((), ())), preferred_element_type=np.float32)
    assert float(got[0, 0]) == 257
    back = ms.grad(lambda x: lax.dot_general(
        x, x, (((1,), (1,)), ((), ())), preferred_element_type=np.float32)[0, 0])(x)  # fmt: skip
    assert back.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(np.asarray(back, np.float32), np.full((1, 257), 2.0))


def test_complex_products_do_not_conjugate():
    x = np.array([1 + 2j, 3 - 1j])
    np.testing.assert_allclose(lax.dot(x, x), (x * x).sum())


def test_batch_matmul_and_dot_shapes():
    x, y = np.ones((5, 2, 3)), np.ones((5, 3, 4))
    assert batch_matmul(x, y).shape == (5, 2, 4)
    assert lax.dot(A, B[:, 0]).shape == (2,)
    assert lax.dot(A[0], B).shape == (4,)


def test_refusals():
    with pytest.raises(TypeError, match=r"Incompatible shapes for dot: got \(2, 3\) and \(2, 3\)"):
        lax.dot(A, A)
    with pytest.raises(TypeError, match="contracting dimensions to have the same shape"):
        lax.dot_general(A, B, (((0,), (0,)), ((), ())))
    with pytest.raises(TypeError, match="batch dimensions to have the same shape"):
        lax.dot_general(A, B, (((), ()), ((0,), (0,))))
    with pytest.raises(TypeError, match="disjoint from contracting"):
        lax.dot_general(A, A, (((0,), (0,)), ((0,), (0,))))
    with pytest.raises(TypeError, match="the same shape, and so equal numbers"):
        lax.dot_general(A, B, (((0, 1), (0,)), ((), ())))
    with pytest.raises(TypeError, match="must keep floats floating"):
        lax.dot_general(A, B, (((1,), (0,)), ((), ())), preferred_element_type=np.int32)
    with pytest.raises(ValueError, match="Precision argument must be one of"):
        lax.dot(A, B, precision="exact")
    with pytest.raises(TypeError, match="must be at least 2D"):
        batch_matmul(A[0], B)


def test_the_default_precision_is_a_setting():
    def precisions(f: Any) -> list[Any]:
        fn = _program(f, A, B)
        return [e.params["precision"] for e in fn.eqns]

    dot = lambda x, y: lax.dot(x, y)  # noqa: E731
    assert precisions(dot) == [None]
    with ms.default_matmul_precision("float32"):
        assert precisions(dot) == [(Precision.HIGHEST,) * 2]
        assert precisions(ms.numpy.matmul) == [(Precision.HIGHEST,) * 2]
        assert precisions(lambda x, y: lax.dot(x, y, precision="high")) == [(Precision.HIGH,) * 2]
        batched = ms.make_ir(ms.numpy.matmul)(np.ones((2, 2, 3)), np.ones((2, 3, 4)))
        assert "HIGHEST" in str(batched)
    assert "HIGHEST" not in str(ms.make_ir(ms.numpy.matmul)(np.ones((2, 2, 3)), np.ones((2, 3, 4))))
    assert precisions(dot) == [None]


def test_groups_of_rows_with_a_matrix_each():
    rng = np.random.default_rng(0)
    x, matrices, sizes = rng.normal(size=(7, 3)), rng.normal(size=(3, 3, 2)), np.array([2, 0, 4])
    want = np.concatenate([x[:2] @ matrices[0], x[2:6] @ matrices[2], np.zeros((1, 2))])
    np.testing.assert_allclose(lax.ragged_dot(x, matrices, sizes), want, rtol=1e-12)
    grad = ms.grad(lambda m: lax.reduce_sum(lax.ragged_dot(x, m, sizes), (0, 1)))(matrices)
    for g, part in enumerate((x[:2], x[2:2], x[2:6])):
        np.testing.assert_allclose(grad[g], np.repeat(part.sum(0)[:, None], 2, 1), rtol=1e-12)
    with pytest.raises(TypeError, match="group dimension size to be 2, got 3"):
        lax.ragged_dot(x, matrices, sizes[:2])
    with pytest.raises(TypeError, match="subtype of"):
        lax.ragged_dot(x, matrices, sizes / 2)
