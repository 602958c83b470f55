"""Words of errors that users of JAX 0.10.2, and their tests, know them by."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
import pytest

import ms_func as ms
from ms_func import as_jax, tree

X = np.arange(2.0, dtype="f")
ROWS = np.ones((2, 3), "f")


def _both(x, y, z):
    return x if x + y > 0 else z


def _rest(*args, **more):
    return bool(args[1] + more["k"])


def _made(x):
    return bool(ms.numpy.ones(()) > 0)


def _steps(x):
    yield x


def _over(j, *spec):
    mesh = j.sharding.Mesh(np.array(j.devices()[:2]).reshape(2, 1), ("x", "y"))
    return j.sharding.NamedSharding(mesh, j.P(*spec))


def _twice(j):
    f = j.custom_jvp(lambda x, *, scale=2.0: x * scale)
    f.defjvp(lambda p, t: (p[0], t[0]))
    return f


MESSAGES = {
    "generator": (
        lambda j: j.jit(_steps)(X), TypeError, "Expected a function, got a generator function: <",
    ),
    "generator, derivative": (
        lambda j: j.grad(_steps)(X), TypeError, "Expected a function, got a generator function: <",
    ),
    "sizes": (
        lambda j: j.vmap(lambda x, y: x)(X, ROWS[0]), ValueError,
        "vmap got inconsistent sizes for array axes to be mapped:\n"
        "  * one axis had size 2: axis 0 of argument x of type float32[2];\n"
        "  * one axis had size 3: axis 0 of argument y of type float32[3]",
    ),
    "most sizes": (
        lambda j: j.vmap(lambda x, y: x, (0, 1))({"a": X, "b": X}, ROWS), ValueError,
        "  * most axes (2 of them) had size 2, e.g. axis 0 of argument x['a'] of type float32[2];\n"
        "  * one axis had size 3: axis 1 of argument y of type float32[2,3]",
    ),
    "axis_size": (
        lambda j: j.vmap(lambda x: x, axis_size=3)(X), ValueError,
        "  * the `axis_size` argument was 3;\n  * one axis had size 2: axis 0 of argument x",
    ),
    "no axes": (
        lambda j: j.vmap(lambda: 1.0)(), ValueError, "got empty *args=() and **kwargs={}",
    ),
    "in_axes": (
        lambda j: j.vmap(lambda x: x, in_axes=({"a": 0},))({"b": X}), ValueError,
        "vmap in_axes specification must be a tree prefix of the corresponding value; \n"
        "  Mismatch details (1 found):\n"
        "  pytree structure error: different pytree metadata at key path\n    vmap in_axes[0]",
    ),
    "out_axes": (
        lambda j: j.vmap(lambda x: (x, x), out_axes=(0,))(X), ValueError,
        "different lengths of tuple at key path\n    vmap out_axes\n"
        "At that key path, the prefix pytree vmap out_axes has a subtree of type tuple of length "
        "1, but the full pytree has a subtree of the same type but of length 2.",
    ),
    "tree types": (
        lambda j: j.tree.map(lambda x, y: x, [1, [2]], [1, (2,)]), ValueError,
        "different types at key path\n    tree_map tree[1]\n"
        "At that key path, the prefix pytree tree_map tree has a subtree of type\n"
        "    <class 'list'>\nbut at the same key path the full pytree has a subtree of different "
        "type\n    <class 'tuple'>.",
    ),
    "tree keys": (
        lambda j: j.tree.map(lambda x, y: x, {"a": 1}, {"a": 1, "b": 2}), ValueError,
        "with 1 child keys\n    a\nbut at the same key path the full pytree has a subtree of the "
        "same type but with 2 child keys\n    a b\nso the symmetric difference on key sets is\n"
        "    b",
    ),
    "shardings": (
        lambda j: j.jit(lambda x: x, out_shardings=({"a": None},))(X), ValueError,
        "must be a tree prefix of the result",
    ),
    "device_put": (
        lambda j: j.device_put((1, 2), (None,)), ValueError,
        "device_put device specification must be a tree prefix of the corresponding value",
    ),
    "values": (
        lambda j: j.jit(_both)(1, 2, 3), TypeError,
        "because it depends on the values of the arguments x and y.",
    ),
    "part": (
        lambda j: j.jit(lambda d: bool(d["a"]))({"a": 1}), TypeError,
        "because it depends on the value of the argument d['a'].",
    ),
    "rest": (
        lambda j: j.jit(_rest)(1, 2, k=3), TypeError,
        "on the values of the arguments args[1] and more['k'].",
    ),
    "constants": (lambda j: j.jit(_made)(1), TypeError, "became a tracer due to JAX operations"),
    "step": (
        lambda j: j.lax.scan(lambda c, x: (c, bool(x)), 0, X), TypeError,
        "for scan. This concrete value was not available in Python because it depends on the value "
        "of the argument x.",
    ),
    "test": (
        lambda j: j.lax.while_loop(bool, lambda c: c, 1), TypeError, "Attempted boolean conversion",
    ),
    "recomputed": (
        lambda j: j.checkpoint(lambda x: float(x))(1.0), TypeError, "for checkpoint / remat.",
    ),
    "int": (
        lambda j: j.jit(lambda x: int(x))(1), TypeError,
        "The problem arose with the `int` function. If trying to convert the data type of a value",
    ),
    "tobytes": (
        lambda j: j.jit(lambda x: x.tobytes())(X), TypeError,
        "The tobytes() method was called on traced array with shape float32[2].",
    ),
    "sharding": (
        lambda j: j.jit(lambda x: x.sharding)(X), AttributeError,
        "The 'sharding' attribute is not available on traced array with shape float32[2].",
    ),
    "addressable_shards": (
        lambda j: j.jit(lambda x: x.addressable_shards)(X), TypeError,
        "The 'addressable_shards' attribute is not available on traced array",
    ),
    "slice": (
        lambda j: j.jit(lambda n: j.numpy.ones(3)[:n])(1), IndexError,
        "Slice entries must be static integers. Got slice(None, ",
    ),
    "overflow": (
        lambda j: j.jit(lambda x: x["a"])({"a": 2**31}), OverflowError,
        "whose argument path is x['a']. Got <class 'int'> with value 2147483648",
    ),
    "text": (
        lambda j: j.jit(lambda x: x)(np.array(["a"])), TypeError,
        "is of type <class 'numpy.ndarray'> and was passed to the function at path x.",
    ),
    "donate": (
        lambda j: j.jit(lambda x: x, donate_argnums=0, static_argnums=0), ValueError,
        "static_argnames and donate_argnames cannot intersect. Argument names {'x'} appear in both",
    ),
    "too many": (
        lambda j: j.jit(lambda x: x, donate_argnums=5), ValueError,
        "Jitted function has donate_argnums=(5,), but only accepts 1 positional arguments.",
    ),
    "grad of int": (
        lambda j: j.grad(lambda x: x)(1), TypeError,
        "but got int32. If you want to use Boolean- or integer-valued inputs, use vjp or set "
        "allow_int to True.",
    ),
    "grad to int": (
        lambda j: j.grad(lambda x: x.astype(int))(1.0), TypeError,
        "but got int32. For differentiation of functions with integer outputs, use jax.vjp",
    ),
    "grad to complex": (
        lambda j: j.jacrev(lambda x: x * 1j)(X), TypeError,
        "but got complex64. For holomorphic differentiation, pass holomorphic=True.",
    ),
    "jacfwd": (
        lambda j: j.jacfwd(lambda x: x)(1), TypeError,
        "jacfwd requires real-valued inputs (input dtype that is a sub-dtype of np.floating), but "
        "got int32. For holomorphic differentiation, pass holomorphic=True.",
    ),
    "tangent dtype": (
        lambda j: j.jvp(lambda x: x, (1.0,), (2,)), TypeError,
        "dtypes must be equal, or in case of int/bool primal dtype the tangent dtype must be "
        "float0.Got primal dtype float32 and so expected tangent dtype float32, but got tangent "
        "dtype int32 instead.",
    ),
    "tangent shape": (
        lambda j: j.jvp(lambda x: x, (1.0,), (X,)), ValueError,
        "jvp called with different primal and tangent shapes;Got primal shape () and tangent shape "
        "as (2,)",
    ),
    "linearized": (
        lambda j: j.linearize(lambda x: x, 1.0)[1](X), ValueError,
        "linearized function called on tangent values inconsistent with the original primal",
    ),
    "cotangents": (
        lambda j: j.vjp(lambda x: x, 1.0)[1](1.0, 2.0), TypeError,
        "was called with 2 arguments,\nbut functions returned by `jax.vjp` must be called with a "
        "single argument",
    ),
    "transpose": (
        lambda j: j.linear_transpose(j.numpy.sin, 1.0)(1.0), NotImplementedError,
        "Transpose rule (for reverse-mode differentiation) for 'sin' not implemented",
    ),
    "in_shardings": (
        lambda j: j.jit(lambda x, y: x, in_shardings=(None,))(X, X), ValueError,
        "pjit in_shardings specification must be a tree prefix of the positional arguments tuple",
    ),
    "kwargs": (
        lambda j: j.jit(lambda x: x, in_shardings=j.sharding.SingleDeviceSharding(j.devices()[0]))(
            x=X), ValueError, "pjit does not support kwargs when in_shardings is specified",
    ),
    "spec": (
        lambda j: j.jit(lambda x: x, in_shardings=j.P("x"))(X), RuntimeError,
        "jit requires a non-empty mesh in context if you are passing `PartitionSpec`s to "
        "in_shardings. You can define a context mesh via `jax.set_mesh(mesh)`.",
    ),
    "rank": (
        lambda j: j.jit(lambda x: x, in_shardings=_over(j, "x", "y"))(X), ValueError,
        "One of pjit arguments with pytree key path x is incompatible with its sharding annotation",
    ),
    "divisor": (
        lambda j: j.device_put(ROWS, _over(j, None, "x")), ValueError,
        "(full shape: (2, 3), per-dimension tiling factors: [1, 2] should evenly divide the shape)",
    ),
    "memory": (
        lambda j: _over(j).with_memory_kind("attic"), ValueError,
        "Could not find memory addressable by device cpu. Device cpu can address the following",
    ),
    "types of axes": (
        lambda j: j.sharding.Mesh(j.devices()[:2], "x", axis_types=(j.sharding.AxisType.Auto,) * 2),
        ValueError, "Number of axis names should match the number of axis_types. Got axis_names=",
    ),
    "set_mesh": (lambda j: j.set_mesh("x"), ValueError, "Expected mesh of type"),
    "set_mesh in jit": (
        lambda j: j.jit(lambda x: j.set_mesh(None))(X), ValueError,
        "`set_mesh` can only be used outside of `jax.jit`.",
    ),
    "no name": (
        lambda j: j.sharding.Mesh(j.devices()[:1], (None,)), ValueError, "names cannot be None",
    ),
    "fields": (
        lambda j: setattr(j.ShapeDtypeStruct((), "int32"), "shape", (2,)), RuntimeError,
        "Cannot reassign attributes (shape) of immutable ShapeDtypeStruct objects",
    ),
    "same device": (
        lambda j: j.make_array_from_single_device_arrays((4,), _over(j, "x"),
                                                         [j.numpy.ones(2)] * 2),
        ValueError, "must be from distinct devices, but got device IDs [0, 0]",
    ),
    "few pieces": (
        lambda j: j.make_array_from_single_device_arrays((4,), _over(j, "x"), [j.numpy.ones(2)]),
        ValueError, "Expected 2 per-device arrays",
    ),
    "devices": (
        lambda j: j.pmap(lambda x: x, devices=[])(X), ValueError, "must be non-empty, or None.",
    ),
    "nothing mapped": (
        lambda j: j.pmap(lambda x: x)(1.0), ValueError, "at least one argument with a mapped axis",
    ),
    "keys": (
        lambda j: j.random.key(0) + 1, TypeError, "add does not accept dtypes key<fry>, int32."
    ),
    "two keys": (
        lambda j: j.random.key(0) + j.random.key(1), TypeError,
        "add does not accept dtype key<fry> at position 0",
    ),
    "one key": (lambda j: -j.random.key(0), TypeError, "neg does not accept dtype key<fry>"),
    "key data": (
        lambda j: j.random.wrap_key_data(X), TypeError,
        "JAX encountered invalid PRNG key data: expected key_data.dtype = uint32; got dtype=",
    ),
    "index": (
        lambda j: j.numpy.ones(3)["a"], TypeError,
        "JAX does not support string indexing; got idx='a'",
    ),
    "mode": (
        lambda j: j.numpy.ones(3).at[0].set(1.0, mode="bad"), ValueError,
        'Unknown gather mode "bad"',
    ),
    "result": (
        lambda j: j.jit(lambda x: {"a": (x, "b")})(1.0), TypeError,
        "returned a value of type <class 'str'> at output component ['a'][1], which is not a valid "
        "JAX type",
    ),
    "structure of cotangents": (
        lambda j: j.vjp(lambda x: {"hi": x}, 1.0)[1]({"hi": (1.0,)}), ValueError,
        "  * out['hi'] was a pytree leaf in the original output, but a tuple",
    ),
    "device_put of a text": (
        lambda j: j.device_put("a"), TypeError,
        "Argument 'a' of type <class 'str'> is not a valid JAX type",
    ),
    "backend": (lambda j: j.jit(lambda x: x, backend="x")(1), RuntimeError, "Unknown backend"),
    "transposable": (
        lambda j: j.linear_transpose(lambda x: x.astype(int), X), TypeError,
        "but got [dtype('float32')] -> [dtype('int32')]",
    ),
    "no leading axis": (
        lambda j: j.lax.scan(lambda c, x: (c, x), 1.0, 1.0), ValueError,
        "scan got value with no leading axis to scan over: ",
    ),
    "traced length": (
        lambda j: j.jit(lambda n: j.lax.scan(lambda c, x: (c, x), 0, None, length=n))(3),
        TypeError, "The `length` argument to `scan` expects a concrete `int` value.",
    ),
    "axis of associative_scan": (
        lambda j: j.lax.associative_scan(j.numpy.add, ROWS, axis=2), ValueError,
        "axis 2 is out of bounds for array of dimension 2",
    ),
    "no predicate": (
        lambda j: j.lax.cond(None, abs, abs, 1.0), TypeError, "cond predicate is None",
    ),
    "static_argnums of checkpoint": (
        lambda j: j.checkpoint(lambda x: x, static_argnums=3)(1.0), ValueError,
        "the `static_argnums` argument to `jax.checkpoint` / `jax.remat` can only take integer "
        "values greater than or equal to `-len(args)` and less than `len(args)`",
    ),
    "keyword-only arguments of rules": (
        lambda j: _twice(j)(1.0, scale=2.0), TypeError,
        "could not be resolved to positional-only arguments. Binding failed with the error: ",
    ),
    "arguments of rules": (
        lambda j: _twice(j)(1.0, 2.0), TypeError,
        "Binding failed with the error: too many positional arguments",
    ),
    "unused values": (
        lambda j: j.debug.print("{}", 1, 2), ValueError,
        "Unused positional arguments to `jax.debug.print`: [2]",
    ),
    "unused names": (
        lambda j: j.debug.print("{x}", x=1, y=2), ValueError,
        "Unused keyword arguments to `jax.debug.print`: ['y']",
    ),
    "contracted sizes": (
        lambda j: ROWS @ j.numpy.asarray(ROWS), TypeError,
        "dot_general, requires contracting dimensions to have the same shape, got (2, 3) and ",
    ),
    "numbers of contracted dimensions": (
        lambda j: j.lax.dot_general(ROWS, ROWS, (((0, 1), (0,)), ((), ()))), TypeError,
        "dot_general requires contracting dimensions to have the same shape",
    ),
    "numbers of batch dimensions": (
        lambda j: j.lax.dot_general(ROWS, ROWS, (((1,), (1,)), ((0,), ()))), TypeError,
        "requires equal numbers of lhs_batch and rhs_batch dimensions, got lhs_batch (0,)",
    ),
    "dtype of places": (
        lambda j: j.lax.argmax(X, 0, np.float32), TypeError,
        "index_dtype must be an integer type, but got float32",
    ),
    "arrays of places": (
        lambda j: j.numpy.asarray(ROWS)[np.arange(2), np.arange(3)], ValueError,
        "Incompatible shapes for broadcasting: shapes=[(2,), (3,)]",
    ),
    "ranges as indices": (
        lambda j: j.numpy.asarray(ROWS)[range(2)], TypeError,
        "Using a non-tuple sequence for multidimensional indexing is not allowed",
    ),
    "keys as numbers": (
        lambda j: j.random.key(0) + 1, TypeError, "add does not accept dtypes key<fry>, int32.",
    ),
    "keys of samplers": (
        lambda j: j.random.beta(j.random.split(j.random.key(0)), 1.0, 2.0), ValueError,
        "beta accepts a single key, but was given a key array of shape (2,) != (). Use jax.vmap",
    ),
    "mean of normal vectors": (
        lambda j: j.random.multivariate_normal(j.random.key(0), 0.0, ROWS), ValueError,
        "multivariate_normal requires mean.ndim >= 1, got mean.ndim == 0",
    ),
    "covariance of normal vectors": (
        lambda j: j.random.multivariate_normal(j.random.key(0), X, ROWS), ValueError,
        "multivariate_normal requires cov.shape == (..., n, n) for n=2, but got cov.shape ==",
    ),
    "out of a ufunc": (
        lambda j: j.numpy.add(X, X, out=X), NotImplementedError, "out argument of <jnp.uf",
    ),
    "where of a ufunc": (
        lambda j: j.numpy.add(X, X, where=X > 0), NotImplementedError, "where argument of <jnp.uf",
    ),
    "at of a ufunc": (
        lambda j: j.numpy.add.at(X, 0, 1), NotImplementedError,
        "Because JAX arrays are immutable, jnp.ufunc.at() cannot operate inplace like np.",
    ),
    "reduction that has no identity": (
        lambda j: j.numpy.subtract.reduce(X, where=X > 0), ValueError,
        "reduction operation 'subtract' does not have an identity, so to use a where mask one",
    ),
    "reduction of nothing": (
        lambda j: j.numpy.subtract.reduce(X[:0]), ValueError,
        "zero-size array to reduction operation subtract which has no identity",
    ),
    "accumulation along all axes": (
        lambda j: j.numpy.add.accumulate(ROWS, axis=None), ValueError,
        "accumulate does not allow multiple axes",
    ),
    "ufuncs of one operand": (
        lambda j: j.numpy.negative.reduce(X), ValueError, "reduce only supported for binary ufuncs",
    ),
    "results of vectorize": (
        lambda j: j.numpy.vectorize(lambda x: (x, x), signature="(n)->(n)")(X), TypeError,
        "wrong number of output arguments: expected 1",
    ),
    "sizes of vectorize": (
        lambda j: j.numpy.vectorize(lambda x: x[:1], signature="(n)->(n)")(X), ValueError,
        "inconsistent size for core dimension 'n': 1 vs 2",
    ),
    "excluded from vectorize": (
        lambda j: j.numpy.vectorize(abs, excluded={-1})(X), ValueError,
        "excluded={-1} contains negative numbers",
    ),
    "axes of tensordot": (
        lambda j: j.numpy.tensordot(X, X, 1.5), TypeError,
        "tensordot axes argument must be an int, a pair of ints",
    ),
    "kinds of axes of tensordot": (
        lambda j: j.numpy.tensordot(X, X, ("bad", "axes")), TypeError,
        "tensordot requires both axes lists to be either ints, tuples or lists, got bad and axes",
    ),
    "sizes in dot": (
        lambda j: j.numpy.vdot(X, ROWS[0]), TypeError,
        "dot_general, requires contracting dimensions to have the same shape, got (2,) and (3,)",
    ),
    "terms of einsum": (
        lambda j: j.numpy.einsum("i,j,", X, X), ValueError,
        "Number of einsum subscripts, 3, must be equal to the number of operands, 2",
    ),
    "indices of Python": (
        lambda j: [1, 2][j.numpy.float32(1)], TypeError,
        "Only integer scalar arrays can be converted to a scalar index",
    ),
    "traced indices of Python": (
        lambda j: j.jit(lambda i: [1, 2][i])(1.0), TypeError,
        "Only integer scalar arrays can be converted to a scalar index",
    ),
    "classes": (
        lambda j: j.jit(j.nn.one_hot)(3, 5), TypeError,
        "arose in jax.nn.one_hot argument `num_classes`",
    ),
    "heads": (
        lambda j: j.nn.dot_product_attention(*(np.ones((1, 2, n, 4), "f") for n in (3, 2, 2))),
        ValueError,
        "The number of query heads must be a multiple of key/value heads, but got 3 vs 2",
    ),
    "directives": (
        lambda j: j.numpy.r_["a,b", X], ValueError, "could not understand directive 'a,b'",
    ),
    "out": (
        lambda j: j.numpy.nanmean(X, out=X), NotImplementedError,
        "The 'out' argument to jnp.nanmean is not supported.",
    ),
    "where": (
        lambda j: j.numpy.nansum(X, where=X), ValueError,
        "jnp.nansum: where must be None or a boolean array; got where.dtype=dtype('float32').",
    ),
    "mode of take": (
        lambda j: j.numpy.take(X, 0, mode="raise"), NotImplementedError,
        "The 'raise' mode to jnp.take is not supported.",
    ),
    "triangle of a vector": (
        lambda j: j.numpy.tril(X), ValueError, "Argument to jax.numpy.tril must be at least 2D",
    ),
    "dtype of std": (
        lambda j: j.numpy.std(X, dtype=int), ValueError, "dtype argument to jnp.std must be inex",
    ),
    "running sum of a number": (
        lambda j: j.numpy.cumulative_sum(1.0), ValueError, "must be non-scalar to take a cumulat",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_words_of_errors(name):
    call, kind, words = MESSAGES[name]
    with as_jax() as jax, pytest.raises(kind, match=re.escape(words)):
        call(jax)


def test_what_jit_returns_has_a_class():
    with as_jax() as jax:
        import jax.stages

        assert isinstance(jax.jit(abs), jax.stages.Wrapped)
        assert not isinstance(abs, jax.stages.Wrapped)


def test_keys_have_one_dtype():
    with as_jax() as jax:
        key = jax.random.key(0)
        assert jax.numpy.result_type(key, key) is key.dtype


def test_values_that_outlive_their_recording():
    kept = []
    with as_jax() as jax:
        jax.jit(kept.append)(X)
        with pytest.raises(TypeError, match=r"Encountered an unexpected tracer\..*float32\[2\]"):
            kept[0] + 1


def test_shardings_tell_their_memory():
    with as_jax() as jax:
        there = _over(jax, "x")
        assert there.memory_kind == jax.devices()[0].default_memory().kind
        assert there == there.with_memory_kind(there.memory_kind)
        assert repr(there).endswith(f"spec=P('x',), memory_kind={there.memory_kind})")
        assert repr(there.mesh).startswith("Mesh(axis_sizes=(2, 1), axis_names=('x', 'y'), ")
        assert jax.sharding.get_mesh().empty


def test_keys_of_defaultdict_are_sorted():
    given = defaultdict(list, b=1, a=2)
    assert tree.leaves(given) == [2, 1]
    assert tree.structure(given) == tree.structure(defaultdict(list, a=3, b=4))
    made = tree.map(lambda x: 10 * x, given)
    assert made == {"a": 20, "b": 10}
    assert made.default_factory is list


@pytest.mark.parametrize("ask", [
    ms.random.key_data, lambda k: k.is_ready(), lambda k: k.block_until_ready(),
    lambda k: ms.device_put(k, ms.devices()[0]), lambda k: k.on_device_size_in_bytes(),
])  # fmt: skip
def test_deleted_keys_are_not_looked_at(ask):
    key = ms.random.key(0)
    key.delete()
    with pytest.raises(RuntimeError, match="Array has been deleted"):
        ask(key)
