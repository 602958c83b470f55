"""`jax.export`: what is written to bytes is the same function again."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import ms_func.numpy as jnp
from ms_func import as_jax, grad, jit, lax, nn
from ms_func.ir.sizes import size_at

Pair = namedtuple("Pair", ["left", "right"])


def _exported(jax):
    from jax import export

    c = jax.numpy.arange(3.0)

    def f(x, *, n):
        return {"a": [jax.numpy.sin(x["u"]) * n + c], "b": (None, x["u"].sum())}

    types = {"u": jax.ShapeDtypeStruct((3,), "float32")}
    made = export.export(jax.jit(f))(types, n=jax.ShapeDtypeStruct((), "int32"))
    return export.deserialize(made.serialize(vjp_order=1)), f


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
        assert [t.shape for t in again.in_avals] == [(3,), ()]


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


def _open(fun: Any, shapes: str | list[str], constraints: Any = ()) -> Any:
    """An exported function of arrays whose sizes have names, from bytes."""
    import jax
    from jax import export

    scope = export.SymbolicScope(constraints)
    specs = [shapes] if isinstance(shapes, str) else shapes
    args = [jax.ShapeDtypeStruct(export.symbolic_shape(s, scope=scope), "float32") for s in specs]
    return export.deserialize(export.export(jax.jit(fun))(*args).serialize(vjp_order=2))


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda jax, e, f: f.call({"u": np.ones(4, "f")}, n=1), ValueError, "Shape mismatch"),
        (lambda jax, e, f: f.call({"u": np.ones(3)}), ValueError, "same pytree structure"),
        (lambda jax, e, f: e.deserialize(b"no"), ValueError, "not written by"),
        (lambda jax, e, f: e.export(abs), ValueError, "result of jit"),
        (lambda jax, e, f: e.export(jax.jit(abs), platforms=["vax"]), ValueError, "platforms"),
        (
            lambda jax, e, f: _open(lambda x: 2 * x if len(x) > 50 else x, "a"),
            NotImplementedError,
            "a = 5",
        ),
        (lambda jax, e, f: _open(lambda x: sum(x), "a"), NotImplementedError, "not the same"),
        (
            lambda jax, e, f: _open(lambda x: x, "2*a").call(np.ones(3, "f")),
            ValueError,
            "Division had remainder 1",
        ),
        (
            lambda jax, e, f: _open(lambda x: x, "a + 1").call(np.ones(1, "f")),
            ValueError,
            "Expected value >= 1 for dimension variable 'a'",
        ),
        (
            lambda jax, e, f: _open(lambda x: x, "a, a").call(np.ones((2, 3), "f")),
            ValueError,
            "Found inconsistency",
        ),
        (
            lambda jax, e, f: _open(lambda x: x, "a").call(np.ones((2, 3), "f")),
            ValueError,
            "Rank mismatch",
        ),
        (lambda jax, e, f: _open(lambda x: x, "a").mlir_module(), NotImplementedError, "are names"),
        (
            lambda jax, e, f: _open(lambda x: x, "a, b", ["a >= 2*b"]).call(np.ones((3, 2), "f")),
            ValueError,
            "constraint",
        ),
        (lambda jax, e, f: e.symbolic_shape("a b"), ValueError, "syntax error"),
        (lambda jax, e, f: e.symbolic_shape("f(a)"), ValueError, "is no size"),
        (lambda jax, e, f: e.symbolic_shape(3), ValueError, "None or a string"),
        (
            lambda jax, e, f: e.symbolic_shape("a")[0] + e.symbolic_shape("a")[0],
            ValueError,
            "mixing of symbolic scopes",
        ),
        (
            lambda jax, e, f: e.symbolic_shape("a", constraints=["a == 3"]),
            NotImplementedError,
            "equation",
        ),
        (lambda jax, e, f: e.symbolic_shape("a", constraints=["a"]), ValueError, "must contain"),
        (lambda jax, e, f: e.symbolic_shape("a")[0] > 2, NotImplementedError, "inconclusive"),
        (lambda jax, e, f: range(e.symbolic_shape("a")[0]), NotImplementedError, "is a name"),
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


SHAPES: dict[str, tuple[Any, list[str], str]] = {
    "product": (lambda x: x @ np.ones((3, 4), "f"), ["a, 3"], "a, 4"),
    "one line": (lambda x: x.reshape(-1), ["a, b"], "a*b"),
    "joined": (lambda x, y: lax.concatenate([x, y], 0), ["a", "2*b"], "a + 2*b"),
    "part": (lambda x: x[1:], ["a"], "a - 1"),
    "padded": (lambda x: lax.pad(x, 0.0, [(1, 2, 0)]), ["a"], "a + 3"),
    "sum": (lambda x: x.sum(0), ["a, b"], "b"),
    "square": (lambda x: x[:, None] * x, ["a"], "a, a"),
    "rows": (lambda x: x.reshape(-1, 6), ["6*a"], "a, 6"),
    "no size": (lambda x: x.sum(), ["a"], ""),
}


@pytest.mark.parametrize("name", SHAPES)
def test_sizes_that_have_names(name):
    """The oracle is `eval_shape` at numbers that were not tried in finding the sizes."""
    fun, specs, expected = SHAPES[name]
    with as_jax() as jax:
        from jax import export

        scope = export.SymbolicScope(["a >= 2"])

        def structs(specs: list[str]) -> list[Any]:
            shapes = [export.symbolic_shape(s, scope=scope) for s in specs]
            return [jax.ShapeDtypeStruct(s, "float32") for s in shapes]

        found = jax.eval_shape(fun, *structs(specs))
        assert found.shape == export.symbolic_shape(expected, scope=scope)
        numbers = {"a": 5, "b": 7}

        def at(shape: Any) -> tuple[int, ...]:
            return tuple(size_at(d, numbers) for d in shape)

        fixed = [jax.ShapeDtypeStruct(at(s.shape), "float32") for s in structs(specs)]
        assert at(found.shape) == jax.eval_shape(fun, *fixed).shape


def test_a_size_after_a_stride_is_one_of_its_own():
    with as_jax() as jax:
        from jax import export

        a = jax.ShapeDtypeStruct(export.symbolic_shape("a"), "float32")
        one, two = jax.eval_shape(lambda x: (x[::2], x[::2] + 1), a)
        assert export.is_symbolic_dim(one.shape[0])
        assert one.shape == two.shape != a.shape


def test_arithmetic_of_sizes():
    with as_jax():
        from jax import export

        a, b = export.symbolic_shape("a, b", constraints=["a >= 2", "b <= 4"])
        assert (a + b - a, a * b // b, (6 * a + 3) // 3, a - a, 2 * a % 2) == (
            b,
            a,
            2 * a + 1,
            0,
            0,
        )
        words = [a + b, a * b - a * a, 1 - a, a // 2 + b, a * b * b + a * a * b, b - 2 * a]
        assert [str(s) for s in words] == [  # JAX puts higher degrees and later names first
            "b + a", "a*b - a^2", "- a + 1", "floordiv(a, 2) + b", "a*b^2 + a^2*b", "b - 2*a",
        ]  # fmt: skip
        assert str(export.symbolic_shape("b + 2*a*a - 3, floordiv(a, 2)")) == (
            "(2*a^2 + b - 3, floordiv(a, 2))"
        )
        assert (a >= 2, a < 2, a * b >= 2, b > 4, a + 3 > b) == (True, False, True, False, True)
        assert export.symbolic_shape("_, ..., 3", like=(a, 1, 2, 5)) == (a, 1, 2, 3)
        assert len({a, b, a + 0}) == 2


def _softmax(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


PROGRAMS: dict[str, tuple[Any, Any, list[str], str]] = {
    "mean": (lambda x: x.mean(0), lambda x: x.mean(0), ["a, b"], "b"),
    "spread": (lambda x: jnp.std(x), np.std, ["a, b"], ""),
    "root": (lambda x: x / x.shape[0] ** 0.5, lambda x: x / np.sqrt(len(x)), ["a"], "a"),
    "size as a value": (lambda x: x * jnp.arange(x.shape[0]) + x.size,
                        lambda x: x * np.arange(len(x)) + x.size, ["a"], "a"),
    "square": (lambda x: x @ x.T, lambda x: x @ x.T, ["a, 3"], "a, a"),
    "shared": (jnp.add, np.add, ["a", "a"], "a"),
    "joined": (lambda x, y: jnp.concatenate([x, y])[1:], lambda x, y: np.concatenate([x, y])[1:],
               ["a", "2*b"], "a + 2*b - 1"),
    "stride": (lambda x: x[::2], lambda x: x[::2], ["a"], "floordiv(a + 1, 2)"),
    "pairs": (lambda x: x.reshape(-1, 2).sum(1), lambda x: x.reshape(-1, 2).sum(1), ["2*a"], "a"),
    "loop": (lambda x: lax.scan(lambda c, y: (c + y, c + y), 0.0, x)[1], np.cumsum, ["a"], "a"),
    "attention": (
        lambda q, k: nn.softmax(jnp.where(jnp.tril(jnp.ones((len(q),) * 2)) > 0, q @ k.T, -9.0)),
        lambda q, k: _softmax(np.where(np.tri(len(q)) > 0, q @ k.T, -9.0)),
        ["t, 4", "t, 4"], "t, t"),
    "derivative": (grad(lambda x: (x**3).mean()), lambda x: 3 * x**2 / x.size, ["a, b"], "a, b"),
    "four names": (lambda x: x.reshape(-1), np.ravel, ["a, b, c, d"], "a*b*c*d"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_sizes_that_have_names(name):
    fun, oracle, specs, expected = PROGRAMS[name]
    with as_jax():
        from jax import export

        made = _open(fun, specs)
        scope = made.in_avals[0].shape[0].scope
        assert made.out_avals[0].shape == export.symbolic_shape(expected, scope=scope)
        for sizes in ((5, 3, 2, 4), (2, 4, 1, 3), (130, 7, 3, 1)):
            numbers = dict(zip("abcd", sizes, strict=True)) | {"t": sizes[0]}
            shapes = [tuple(size_at(d, numbers) for d in t.shape) for t in made.in_avals]
            args = [np.random.default_rng(0).normal(size=s).astype("f") for s in shapes]
            np.testing.assert_allclose(made.call(*args), oracle(*args), rtol=1e-4, atol=1e-4)


def test_sizes_have_names_though_a_function_of_another_name_was_recorded_for_some_before():
    """Equal programs are kept once, under the name that came first."""
    for n in (2, 3, 5, 8):
        jit(lambda x: jit(lambda y: jnp.sin(y) * 0.123)(x) - 4.56).trace(np.ones(n, "f"))
    with as_jax() as jax:

        @jax.jit
        def inner(y):
            return jnp.sin(y) * 0.123

        def outer(x):
            return inner(x) - 4.56

        x = np.arange(6, dtype="f")
        assert np.allclose(_open(outer, ["a"]).call(x), outer(x))


def test_transforms_of_programs_of_sizes_that_have_names():
    with as_jax() as jax:
        from jax import export

        made = _open(lambda x: (x**3).sum(), "a")
        x = np.array([1.0, 2, 3], "f")
        assert np.allclose(jax.jit(jax.grad(made.call))(x), 3 * x**2)
        assert np.allclose(jax.vmap(made.call)(np.stack([x, 2 * x])), [36, 288])
        pulled = made.vjp()
        assert [len(t.shape) for t in pulled.in_avals] == [1, 0]
        assert np.allclose(pulled.call(x, np.float32(2))[0], 6 * x**2)
        outer = _open(lambda x: made.call(x[1:]) + x[0], "b")
        assert float(outer.call(x)) == 36.0
        assert str(outer.in_avals[0].shape) == "(b,)"
        noise = export.export(jax.jit(lambda x: x + jax.random.normal(jax.random.key(0), x.shape)))
        open_noise = noise(jax.ShapeDtypeStruct(export.symbolic_shape("n, 2"), "float32"))
        again = export.deserialize(open_noise.serialize())
        drawn = jax.random.normal(jax.random.key(0), (3, 2))
        assert np.array_equal(again.call(np.zeros((3, 2), "f")), drawn)


def test_what_is_known_of_sizes():
    with as_jax():
        from jax import export

        a, b = export.symbolic_shape("a, b", constraints=["a >= 2*b", "b >= 4", "b <= 16"])
        assert a >= b
        assert a - 2 * b >= 0
        assert a >= 8
        assert (b // 4 >= 1, b // 4 <= 4, b % 3 <= 2, str(b % 3)) == (True, True, True, "mod(b, 3)")
        spec = "max(a, 3), max(a, b), min(b, 20), max(b, 5)"
        parts = export.symbolic_shape(spec, scope=a.scope)
        assert str(parts) == "(a, a, b, max(b, 5))"
        assert (parts[3] >= 5, parts[3] <= 16, parts[3] > 17) == (True, True, False)


def _by_itself(jax: Any) -> Any:
    """x**3 by a rule that calls the function, with a slope that is 5 at every order."""

    @jax.custom_jvp
    def f(x):
        return x**3

    @f.defjvp
    def rule(primals, tangents):
        return f(*primals), 5 * f(*primals) * tangents[0]

    return f


def _by_its_forward_rule(jax: Any) -> Any:
    @jax.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (f(x, y), (x, y)), lambda r, g: (3 * g * f(*r), 7 * g * r[0]))
    return lambda x: f(x, 2.0)


def _by_symbolic_zeros(jax: Any) -> Any:
    @jax.custom_vjp
    def f(x, y):
        return x * y

    def fwd(x, y):
        return f(x.value, y.value), (x.value, y.value)

    f.defvjp(fwd, lambda r, g: (3 * g * f(*r), 7 * g * r[0]), symbolic_zeros=True)
    return lambda x: f(x, 2.0)


def _by_a_root(jax: Any) -> Any:
    """The cube root of x."""

    def solve(f, y):
        return jax.lax.fori_loop(0, 40, lambda _, y: y - f(y) / (3 * y * y), y)

    return lambda x: jax.lax.custom_root(
        lambda y: y**3 - x, 1.5, solve, lambda g, y: y / g(np.float32(1))
    )


@pytest.mark.parametrize(
    "make", [_by_itself, _by_its_forward_rule, _by_symbolic_zeros, _by_a_root, lambda jax: nn.gelu]
)
def test_rules_of_ones_own_come_back_up_to_an_order(make):
    with as_jax() as jax:
        from jax import export

        f = make(jax)
        x = np.float32(1.25)
        again = export.deserialize(export.export(jax.jit(f))(x).serialize(vjp_order=3)).call
        for _ in range(4):
            np.testing.assert_allclose(again(x), f(x), rtol=1e-5, atol=1e-6)
            batch = jax.jit(jax.vmap(again))(np.array([1.25, 2], "f"))
            expected = [f(x), f(np.float32(2))]
            np.testing.assert_allclose(batch, expected, rtol=1e-5, atol=1e-6)
            f, again = jax.grad(f), jax.grad(again)


def test_rules_beyond_the_order_are_missed_when_they_are_needed():
    with as_jax() as jax:
        from jax import export

        x = np.float32(2)
        made = export.export(jax.jit(_by_itself(jax)))(x)
        slope = jax.grad(export.deserialize(made.serialize(vjp_order=1)).call)
        assert float(slope(x)) == 40.0
        assert float(jax.grad(slope)(x)) == 200.0
        with pytest.raises(NotImplementedError, match="vjp_order"):
            jax.grad(jax.grad(slope))(x)


def test_rules_of_programs_of_sizes_that_have_names():
    with as_jax() as jax:
        f, back = lambda x: nn.softmax(x) @ x, _open(lambda x: nn.softmax(x) @ x, "a").call
        x = np.array([1.0, 2, 3], "f")
        np.testing.assert_allclose(back(x), f(x), rtol=1e-6)
        np.testing.assert_allclose(jax.grad(back)(x), jax.grad(f)(x), rtol=1e-5)
        np.testing.assert_allclose(jax.hessian(back)(x), jax.hessian(f)(x), rtol=1e-4)


def test_a_function_with_a_rule_for_vmap():
    with as_jax() as jax:
        from jax import export

        @jax.custom_batching.custom_vmap
        def f(x):
            return 2 * x

        f.def_vmap(lambda size, batched, x: (20 * x, batched[0]))
        again = export.deserialize(export.export(jax.jit(f))(np.float32(1)).serialize())
        assert float(again.call(np.float32(3))) == 6.0
        with pytest.raises(NotImplementedError, match="a rule for vmap"):
            jax.vmap(again.call)(np.ones(2, "f"))
