"""A package that defines primitives and transforms by public names: both work everywhere."""

from __future__ import annotations

import ast
from pathlib import Path

import ml_dtypes
import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import extend, lax
from ms_func.experimental.jet import jet
from ms_func.test_util import check_grads, check_primitive
from tests.bad_input.refusal import refused
from tests.extension.waves import (
    chirp,
    circulant,
    circulant_p,
    halved_precision,
    inverse,
    ramp,
    ramp_p,
)
from tests.extension.waves.operations import chirp_p

RNG = numpy.random.default_rng(0)
C, X = RNG.uniform(-1, 1, 5), RNG.uniform(-1, 1, 5)


def matrix(c):
    return numpy.stack([numpy.roll(c, k) for k in range(len(c))], 1)


def test_the_package_uses_public_names_only():
    allowed = {"ms_func", "ms_func.numpy", "ms_func.extend", "ms_func.lax", "numpy"}
    for path in (Path(__file__).parent / "waves").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            outside = [n for n in names if n.startswith(("ms_func", "jaxlib", "jax"))]
            assert set(outside) <= allowed


# --- primitives -----------------------------------------------------------------------------


def test_every_rule_agrees_with_its_oracle():
    check_primitive(chirp_p, X)
    check_primitive(circulant_p, C, X, adjoint=False)
    check_primitive(circulant_p, C, X, adjoint=True)
    check_primitive(ramp_p, X, steps=4)


def test_values():
    numpy.testing.assert_allclose(circulant(C, X), matrix(C) @ X, rtol=1e-12)
    numpy.testing.assert_allclose(ms.jit(circulant)(C, X), matrix(C) @ X, rtol=1e-12)
    rounded, number = ms.jit(ramp, static_argnums=1)(X, 4)
    numpy.testing.assert_allclose(rounded, numpy.floor(4 * X) / 4)
    assert number.dtype == numpy.int32


def test_derivatives_of_every_order_and_their_nestings():
    f = lambda c, x: np.sum(chirp(circulant(c, np.sin(x))))  # noqa: E731
    check_grads(f, (C, X), 2)
    numpy.testing.assert_allclose(ms.jacrev(circulant, 1)(C, X), matrix(C), atol=1e-12)
    numpy.testing.assert_allclose(ms.jacfwd(circulant, 1)(C, X), matrix(C), atol=1e-12)
    hessian = ms.jit(ms.hessian(f))(C, X)
    numpy.testing.assert_allclose(hessian, hessian.T, atol=1e-10)
    numpy.testing.assert_allclose(hessian, ms.jacrev(ms.jacrev(f))(C, X), rtol=1e-9, atol=1e-10)
    _, (first, second) = jet(lambda t: f(C, X * t), (numpy.float64(1),), ([1.0, 0.0],))
    g = lambda t: f(C, X * t)  # noqa: E731
    one = numpy.float64(1)
    numpy.testing.assert_allclose(first, ms.grad(g)(one), rtol=1e-9)
    numpy.testing.assert_allclose(second, ms.grad(ms.grad(g))(one), rtol=1e-9)


def test_loops_batches_and_checkpoints():
    step = lambda x, _: (chirp(circulant(C, x)), None)  # noqa: E731
    f = lambda x: np.sum(lax.scan(ms.checkpoint(step), x, None, length=3)[0])  # noqa: E731
    check_grads(f, (X,), 2)
    xs = RNG.uniform(-1, 1, (3, 5))
    want = numpy.stack([ms.grad(f)(x) for x in xs])
    numpy.testing.assert_allclose(ms.vmap(ms.grad(f))(xs), want, rtol=1e-9)


def test_programs_print_and_parse():
    fn = ms.make_ir(ms.grad(lambda x: np.sum(circulant(C, chirp(x)))))(X)
    text = extend.to_text(fn)
    assert "waves_circulant" in text
    assert "{adjoint: " in text
    assert extend.parse(text) == fn
    extend.verify(fn)


def test_refusals_name_the_operation_and_the_line():
    with refused(TypeError, "circulant takes two vectors", "f64[5]", "f64[4]"):
        circulant(C, X[:4])  # here
    with pytest.raises(ValueError, match="already registered"):
        extend.register(circulant_p)


# --- transforms -----------------------------------------------------------------------------


def test_inverse():
    f = lambda x: np.exp(np.tanh(x * 2.0) + 1.0) / 3.0  # noqa: E731
    y = ms.jit(f)(0.3)
    for g in (inverse(f), ms.jit(inverse(f))):
        assert float(g(y)) == pytest.approx(0.3, rel=1e-5)
    slope = ms.grad(inverse(f))(y)
    assert float(slope) == pytest.approx(1 / float(ms.grad(f)(0.3)), rel=1e-4)
    assert ms.vmap(inverse(f))(np.stack([y, y])).shape == (2,)
    with pytest.raises(NotImplementedError, match="`max` has no inverse here"):
        inverse(lambda x: np.maximum(x, 1.0))(2.0)


def test_a_transform_of_programs_nests_with_the_others():
    f = lambda x: {"y": np.sin(x) * 3.0, "n": np.sum(x)}  # noqa: E731
    x = X.astype(numpy.float32)
    half = lambda v: numpy.asarray(v).astype(ml_dtypes.bfloat16).astype(numpy.float32)  # noqa: E731
    want = half(half(numpy.sin(x)) * numpy.float32(3))
    for g in (halved_precision(f), ms.jit(halved_precision(f)), halved_precision(ms.jit(f))):
        numpy.testing.assert_allclose(g(x)["y"], want, rtol=1e-6)
    total = lambda x: np.sum(halved_precision(f)(x)["y"])  # noqa: E731
    numpy.testing.assert_allclose(ms.grad(total)(x), 3 * numpy.cos(x), rtol=2e-2)
    rows = ms.vmap(halved_precision(f))(numpy.stack([x, x]))
    numpy.testing.assert_allclose(rows["y"][1], want, rtol=1e-6)
    assert halved_precision(lambda x, *, k: x * k)(x, k=2.0).shape == x.shape


def test_a_transform_that_changes_the_signature_is_refused():
    lost = extend.as_transform(lambda fn: extend.build("g", fn.in_types, lambda *xs: []))
    with pytest.raises(TypeError, match="a transform keeps both"):
        lost(np.sin)(1.0)


def test_walk_gives_equations_another_meaning():
    fn = ms.make_ir(lambda x: np.sin(x) + np.cos(x))(1.0)
    swap = {"sin": np.cos, "cos": np.sin}

    def rule(eqn, ins):
        name = eqn.primitive.name
        return [swap[name](*ins)] if name in swap else None

    (out,) = extend.walk(fn, [0.5], rule)
    assert float(out) == pytest.approx(numpy.sin(0.5) + numpy.cos(0.5), rel=1e-6)
    counted = []
    extend.walk(fn, [0.5], lambda eqn, ins: counted.append(eqn.primitive.name))
    assert sorted(counted) == ["add", "cos", "sin"]


def test_rules_may_close_over_arrays():
    c = np.array([1.0, 2.0, 3.0])
    weighted_p = extend.elementwise(
        "ext_weighted", ref=lambda x: x * numpy.asarray(c, x.dtype),
        derivative=lambda x, y: c + 0 * x, lower=extend.lower_as(lambda x: x * c),
    )  # fmt: skip
    x = numpy.ones((2, 3), "float32")
    found = ms.jit(ms.grad(lambda x: ms.vmap(weighted_p.bind)(x).sum()))(x)
    numpy.testing.assert_allclose(found, numpy.broadcast_to(c, (2, 3)))
    program = ms.make_ir(ms.grad(lambda x: weighted_p.bind(x).sum()))(x[0])
    assert extend.parse(extend.to_text(program)) == program


def test_rules_may_not_close_over_traced_values():
    def outer(c):
        p = extend.elementwise("ext_traced", ref=lambda x: x, derivative=lambda x, y: c * x,
                               lower=extend.lower_as(lambda x: x))  # fmt: skip
        return ms.grad(lambda x: p.bind(x))(1.0)

    with pytest.raises(NotImplementedError, match="values from outside"):
        ms.jit(outer)(2.0)
