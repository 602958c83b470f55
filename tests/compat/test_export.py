"""`jax.export`: what is written to bytes is the same function again."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

from ms_func import as_jax

Pair = namedtuple("Pair", ["left", "right"])


def _exported(jax, vjp_order=1):
    from jax import export

    c = jax.numpy.arange(3.0)

    def f(x, *, n):
        return {"a": [jax.numpy.sin(x["u"]) * n + c], "b": (None, x["u"].sum())}

    types = {"u": jax.ShapeDtypeStruct((3,), "float32")}
    made = export.export(jax.jit(f))(types, n=jax.ShapeDtypeStruct((), "int32"))
    return export.deserialize(made.serialize(vjp_order=vjp_order)), f


def test_a_function_comes_back():
    with as_jax() as jax:
        again, f = _exported(jax)
        x = {"u": np.array([0.1, 0.2, 0.3], "float32")}
        for call in (again.call, jax.jit(again.call)):
            found, expected = call(x, n=2), f(x, n=2)
            assert jax.tree.structure(found) == jax.tree.structure(expected)
            jax.tree.map(np.testing.assert_allclose, found, expected)
        slope = jax.grad(lambda u: again.call({"u": u}, n=2)["a"][0].sum())(x["u"])
        assert np.allclose(slope, 2 * np.cos(x["u"]))
        rows = jax.vmap(lambda u: again.call({"u": u}, n=1)["b"][1])(np.ones((4, 3), "float32"))
        assert np.array_equal(rows, [3.0] * 4)
        assert again.mlir_module_serialized.startswith(b"ML\xefR")
        assert "stablehlo.sine" in again.mlir_module()
        assert [t.shape for t in again.in_avals] == [(), (3,)] or [
            t.shape for t in again.in_avals
        ] == [(3,), ()]


def test_derivatives_that_were_written():
    with as_jax() as jax:
        from jax import export

        made = export.export(jax.jit(lambda x: x**3))(jax.ShapeDtypeStruct((), "float32"))
        again = export.deserialize(made.serialize(vjp_order=1))
        first = again.vjp()
        assert float(first.call(np.float32(2), np.float32(1))[0]) == 12.0
        assert not first.has_vjp()
        with pytest.raises(ValueError, match="VJP"):
            first.vjp()


def test_classes_of_structures():
    with as_jax() as jax:
        from jax import export

        made = export.export(jax.jit(lambda x: Pair(x, 2 * x)))(np.float32(1))
        with pytest.raises(ValueError, match="Pair"):
            made.serialize()
        name = "test_classes_of_structures.Pair"
        export.register_namedtuple_serialization(Pair, serialized_name=name)
        assert export.deserialize(made.serialize()).call(np.float32(3)) == Pair(3.0, 6.0)


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda jax, e, f: f.call({"u": np.ones(4, "f")}, n=1), ValueError, "Shape mismatch"),
        (lambda jax, e, f: f.call({"u": np.ones(3)}), ValueError, "same pytree structure"),
        (lambda jax, e, f: e.deserialize(b"no"), ValueError, "not written by"),
        (lambda jax, e, f: e.export(abs), ValueError, "result of jit"),
        (lambda jax, e, f: e.export(jax.jit(abs), platforms=["vax"]), ValueError, "platforms"),
        (lambda jax, e, f: e.symbolic_shape("a, 2"), NotImplementedError, "names of sizes"),
        (
            lambda jax, e, f: e.export(jax.jit(lambda x: jax.debug.print("{}", x)))(1.0),
            NotImplementedError,
            "calls Python",
        ),
        (
            lambda jax, e, f: e.export(jax.jit(lambda x: x), platforms=["tpu"])(1.0).call(1.0),
            ValueError,
            "exported for platforms",
        ),
    ],
)
def test_refusals(use, error, message):
    with as_jax() as jax:
        from jax import export

        with pytest.raises(error, match=message):
            use(jax, export, _exported(jax)[0])


def test_sizes_that_are_numbers():
    with as_jax():
        from jax import export

        assert export.symbolic_shape("(3, 4)") == (3, 4)
        assert not export.is_symbolic_dim(3)
