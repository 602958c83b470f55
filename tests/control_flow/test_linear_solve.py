"""custom_linear_solve, custom_root, fixed_point against explicit solutions."""

from functools import partial

import numpy as np
import pytest

import ms_func as ms
from ms_func.control_flow.linear_solve import custom_linear_solve, custom_root, fixed_point
from ms_func.control_flow.while_loop import while_loop
from tests.support.operations import lax
from tests.support.staged import total

A = np.array([[3.0, 1.0], [0.5, 2.0]])
B = np.array([1.0, 2.0])


def entry(a, i, j):
    return lax.squeeze(lax.slice(a, (i, j), (i + 1, j + 1)), (0, 1))


def inverse(a, b):
    """Explicit solution of two equations."""
    p, q, r, s = (entry(a, i, j) for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)))
    x, y = (lax.squeeze(lax.slice(b, (i,), (i + 1,)), (0,)) for i in (0, 1))
    det = p * s - q * r
    return lax.concatenate(
        [lax.expand_dims(v, (0,)) for v in ((s * x - q * y) / det, (p * y - r * x) / det)], 0
    )


def solved(a, b, **options):
    """The same through a solver that derivatives must not look into."""

    def solve(matvec, b):
        matrix = ms.jacfwd(matvec)(b)
        return lax.stop_gradient(inverse(lax.stop_gradient(matrix), lax.stop_gradient(b)))

    return custom_linear_solve(lambda x: lax.dot(a, x), b, solve, solve, **options)


def losses():
    return [partial(cubes, f) for f in (solved, inverse)]


def cubes(f, a, b):
    return total(f(a, b) ** 3)


def test_values_and_derivatives_of_a_system():
    one, two = losses()
    np.testing.assert_allclose(ms.jit(solved)(A, B), np.linalg.solve(A, B))
    for order in (lambda f: ms.grad(f, (0, 1)), lambda f: ms.hessian(f, (0, 1)),
                  lambda f: ms.jacrev(ms.grad(f), (0, 1))):  # fmt: skip
        got, want = (ms.tree.leaves(order(f)(A, B)) for f in (one, two))
        for x, y in zip(got, want, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)
    ways = (A + 1, B * 2)
    np.testing.assert_allclose(ms.jvp(one, (A, B), ways), ms.jvp(two, (A, B), ways))


def test_vmap_of_a_system():
    one, two = losses()
    many, rights = np.stack([A, A + 1.0]), np.stack([B, B - 3])
    for axes, args in (((0, 0), (many, rights)), ((None, 0), (A, rights)), ((0, None), (many, B))):
        np.testing.assert_allclose(ms.vmap(solved, axes)(*args), ms.vmap(inverse, axes)(*args))
        np.testing.assert_allclose(ms.vmap(ms.grad(one), axes)(*args),
                                   ms.vmap(ms.grad(two), axes)(*args))  # fmt: skip


def test_symmetric_systems_need_no_transposed_solver():
    def f(a, b):
        return custom_linear_solve(lambda x: a * x, b, lambda _, b: b / a, symmetric=True)

    a, b = np.float64(4), np.float64(2)
    np.testing.assert_allclose(ms.grad(f, (0, 1))(a, b), [-2 / 16, 1 / 4])
    lone = lambda b: custom_linear_solve(lambda x: a * x, b, lambda _, b: b / a)  # noqa: E731
    np.testing.assert_allclose(ms.jvp(lone, (b,), (b,))[1], 0.5)
    with pytest.raises(TypeError, match="transpose_solve required"):
        ms.grad(lone)(b)


def test_trees_and_auxiliary_data():
    def f(a, b):
        solve = lambda matvec, b: (ms.tree.map(lambda x: x / a, b), {"steps": 3})  # noqa: E731
        matvec = lambda x: ms.tree.map(lambda v: a * v, x)  # noqa: E731
        return custom_linear_solve(matvec, b, solve, solve, has_aux=True)

    x, aux = f(2.0, {"u": 4.0, "v": (6.0,)})
    assert (float(x["u"]), float(x["v"][0]), int(aux["steps"])) == (2.0, 3.0, 3)
    slope = ms.grad(lambda a: f(a, {"u": 4.0, "v": (6.0,)})[0]["v"][0])(2.0)
    assert float(slope) == -1.5


@pytest.mark.parametrize(
    ("matvec", "solve", "back", "message"),
    [
        (lambda x: (x, x), lambda f, b: b, None, r"matvec\(\) output shapes must match b"),
        (lambda x: x, lambda f, b: (b, b), None, r"solve\(\) output shapes must match b"),
        (lambda x: x, lambda f, b: b, lambda f, b: (b, b), r"transpose_solve\(\) output shapes"),
    ],
)
def test_systems_that_are_wrong(matvec, solve, back, message):
    with pytest.raises(ValueError, match=message):
        custom_linear_solve(matvec, 1.0, solve, back)


def root_of(a):
    """Square root by Newton's method."""

    def newton(f, x):
        step = lambda x: x - f(x) / ms.grad(f)(x)  # noqa: E731
        return while_loop(lambda x: lax.abs(f(x)) > 1e-12, step, x)

    return custom_root(lambda x: x * x - a, np.float64(1), newton,
                       lambda g, y: y / g(np.float64(1)))  # fmt: skip


def test_roots_have_every_derivative():
    a = np.float64(3)
    np.testing.assert_allclose(root_of(a), np.sqrt(a))
    np.testing.assert_allclose(ms.grad(root_of)(a), 0.5 * a**-0.5)
    np.testing.assert_allclose(ms.jvp(root_of, (a,), (2.0,))[1], a**-0.5)
    for second in (ms.hessian, lambda f: ms.grad(ms.grad(f)), lambda f: ms.jacfwd(ms.jacfwd(f))):
        np.testing.assert_allclose(ms.jit(second(root_of))(a), -0.25 * a**-1.5)
    xs = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(ms.vmap(ms.grad(root_of))(xs), 0.5 * xs**-0.5)


def test_roots_refuse_other_structures():
    same = lambda f, x: x  # noqa: E731
    with pytest.raises(TypeError, match=r"f\(\) output pytree structure must match"):
        custom_root(lambda y: (y, y), 0.0, same, same)
    with pytest.raises(TypeError, match=r"solve\(\) output pytree structure must match"):
        custom_root(lambda y: y, 0.0, lambda f, x: (x, x), same)
    bad = lambda a: custom_root(lambda y: y - a, 0.0, lambda f, x: -f(x), lambda g, y: (y, y))  # noqa: E731
    with pytest.raises(TypeError, match=r"tangent_solve\(\) output pytree structure must match x"):
        ms.jvp(bad, (1.0,), (1.0,))


def test_fixed_points():
    def f(a):
        return fixed_point(lambda a, x: a * lax.cos(x), np.float64(1), a, tol=1e-14)

    a = np.float64(0.8)
    x = float(f(a))
    np.testing.assert_allclose(x, a * np.cos(x))
    np.testing.assert_allclose(ms.grad(f)(a), np.cos(x) / (1 + a * np.sin(x)), rtol=1e-9)
    h = 1e-4
    curve = (float(f(a + h)) - 2 * x + float(f(a - h))) / h**2
    np.testing.assert_allclose(ms.grad(ms.grad(f))(a), curve, rtol=1e-5)
