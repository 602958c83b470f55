"""Meshes, layouts, references and checks as code written for JAX meets them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from ms_func import as_jax


@pytest.fixture
def jax():
    with as_jax() as jax:
        yield jax


def mesh_of(jax, kind=None):
    kinds = None if kind is None else (kind,) * 2
    return jax.make_mesh((4, 2), ("x", "y"), axis_types=kinds or (jax.sharding.AxisType.Auto,) * 2)


def rows(jax, *spec):
    return jax.sharding.NamedSharding(mesh_of(jax), jax.P(*spec))


WHOLE = np.arange(16, dtype=np.float32).reshape(8, 2)


def test_a_mesh_never_changes(jax):
    mesh = mesh_of(jax)
    with pytest.raises(AttributeError, match="cannot assign to field 'axis_names'"):
        mesh.axis_names = ("a", "b")
    with pytest.raises(ValueError, match="read-only"):
        mesh.devices[0, 0] = None
    assert copy.deepcopy({"place": rows(jax, "x")})["place"] == rows(jax, "x")
    given = np.array(jax.devices())
    jax.sharding.Mesh(given, ("x",))
    given[0] = given[1]  # the array that was given stays the caller's
    with pytest.raises(TypeError, match="axis_types passed to Mesh must be of type"):
        jax.sharding.Mesh(given, ("x",), axis_types="a")


def test_axes_cut_by_hand_are_manual_in_the_mesh_in_force(jax):
    Auto, Manual = jax.sharding.AxisType.Auto, jax.sharding.AxisType.Manual
    seen = []

    def look(x):
        seen.append(jax.sharding.get_abstract_mesh().axis_types)
        seen.append((str(jax.typeof(x)), jax.typeof(x).manual_axis_type.varying))
        return x

    mesh, P = mesh_of(jax), jax.P
    jax.jit(jax.shard_map(look, mesh=mesh, in_specs=P("x"), out_specs=P("x"), axis_names={"x"}))(
        WHOLE
    )
    jax.shard_map(look, mesh=mesh, in_specs=P("x", "y"), out_specs=P("x", "y"))(WHOLE)
    assert seen == [
        (Manual, Auto), ("float32[2,2]{V:x}", {"x"}),
        (Manual, Manual), ("float32[2,1]{V:(x,y)}", {"x", "y"}),
    ]  # fmt: skip
    assert jax.sharding.get_abstract_mesh().empty
    with pytest.raises(TypeError, match="should be of type `frozenset` or `set`"):
        jax.shard_map(look, mesh=mesh, in_specs=P(), out_specs=P(), axis_names=["x"])(WHOLE)
    with pytest.raises(ValueError, match=r"axis_names=.* to be a subset of mesh.axis_names"):
        jax.shard_map(look, mesh=mesh, in_specs=P(), out_specs=P(), axis_names={"z"})(WHOLE)


def test_a_dimension_that_a_constraint_does_not_divide_is_left_to_the_compiler(jax):
    x, wsc = np.arange(7, dtype=np.float32), jax.lax.with_sharding_constraint
    assert (jax.jit(lambda x: wsc(x * 2, rows(jax, "x")))(x) == x * 2).all()
    with pytest.raises(ValueError, match="not divisible"):
        wsc(x, rows(jax, "x"))
    with pytest.raises(ValueError, match="One of with_sharding_constraint arguments"):
        jax.jit(lambda x: wsc(x, rows(jax, "x", "y")))(x)
    with pytest.raises(ValueError, match="One of device_put args is incompatible"):
        jax.device_put(x, rows(jax, "x", "y"))


def test_arrays_like_another_lie_where_that_was_put(jax):
    jnp, place = jax.numpy, rows(jax, "x")
    x = jax.device_put(WHOLE, place)
    assert jax.device_put(x, place) is x
    for make in (jnp.zeros_like, jnp.ones_like, jnp.empty_like, lambda v: jnp.full_like(v, 3)):
        assert make(x).sharding == place
        assert make(jax.device_put(WHOLE, jax.devices()[1])).devices() == {jax.devices()[1]}
        assert not make(jnp.ones(2)).committed
    assert jnp.zeros_like(x, shape=(3,)).sharding != place


def test_named_arguments_beside_no_layout(jax):
    assert jax.jit(lambda x, y: x + y, in_shardings=None)(1, y=2) == 3
    with pytest.raises(ValueError, match="does not support kwargs"):
        jax.jit(lambda x, y: x + y, in_shardings=(None, None))(1, y=2)


def test_arrays_made_of_pieces(jax):
    place, make = rows(jax, "x"), jax.make_array_from_callback
    with pytest.raises(ValueError, match="it must match the dtype of the addressable shards"):
        make((8, 2), place, lambda at: WHOLE[at], dtype="int32")
    with pytest.raises(ValueError, match="must have matching dtypes"):
        make((8, 2), place, lambda at: WHOLE[at].astype("i" if at[0].start else "f"))
    with pytest.raises(TypeError, match="not a valid JAX type"):
        make((8, 2), place, lambda at: WHOLE[at].tolist())
    with pytest.raises(TypeError, match="should be an instance of"):
        make((8, 2), jax.devices()[0], lambda at: WHOLE[at])
    pieces = [jax.device_put(WHOLE[at], d) for d, at in
              place.addressable_devices_indices_map((8, 2)).items()]  # fmt: skip
    build = jax.make_array_from_single_device_arrays
    assert (build((8, 2), place, pieces, dtype="float32") == WHOLE).all()
    with pytest.raises(ValueError, match="it must match the dtype"):
        build((8, 2), place, pieces, dtype="int32")
    tree = jax.make_array_from_process_local_data(place, {"a": WHOLE, "b": WHOLE[:, 0]})
    assert tree["a"].sharding == place
    np.testing.assert_array_equal(tree["b"], WHOLE[:, 0])


def test_devices_that_do_not_go_together(jax):
    one, other = (jax.device_put(WHOLE, d) for d in jax.devices()[:2])
    with pytest.raises(ValueError, match=r"with device ids \[0\] on platform CPU and another"):
        one + other
    small = jax.sharding.NamedSharding(jax.make_mesh((2,), ("x",)), jax.P("x"))
    with pytest.raises(ValueError, match="Received incompatible devices for jitted computation"):
        jax.jit(lambda x: x, in_shardings=rows(jax, "x"), out_shardings=small)(WHOLE)


def test_layouts_in_types(jax):
    Explicit, P = jax.sharding.AxisType.Explicit, jax.P
    mesh = mesh_of(jax, Explicit)
    x = jax.device_put(WHOLE, jax.sharding.NamedSharding(mesh, P("x", "y")))
    assert jax.typeof(x).sharding == jax.sharding.NamedSharding(mesh.abstract_mesh, P("x", "y"))
    same = jax.jit(lambda v: jax.sharding.reshard(v, jax.typeof(x).sharding))(WHOLE)
    assert same.sharding == x.sharding
    with jax.set_mesh(mesh):
        for f in (lambda v: jax.numpy.where(v > 3, WHOLE, 0), jax.numpy.tril, jax.numpy.triu):
            assert str(jax.typeof(jax.jit(f)(x))) == "float32[8@x,2@y]"
        seen = []

        def free(v):
            seen.append((jax.sharding.get_abstract_mesh().axis_types, str(jax.typeof(v))))
            return v @ v.T

        out = jax.sharding.auto_axes(free, out_sharding=P("x"))(x)
        assert str(jax.typeof(out)) == "float32[8@x,8]"
        assert seen == [((jax.sharding.AxisType.Auto,) * 2, "float32[8,2]")]
        moved = lambda v: jax.sharding.reshard(v, P("y"))  # noqa: E731
        with pytest.raises(TypeError, match=r"type float32\[8@x,2@y\] but .* float32\[8@y,2\]"):
            jax.lax.cond(True, lambda: x, lambda: moved(x))
        with pytest.raises(TypeError, match=r"carry v has type float32\[8@x,2@y\] but"):
            jax.lax.scan(lambda v, _: (moved(v), None), x, None, length=2)
        with pytest.raises(ValueError, match="ambiguous how the output should"):
            x.T @ x


def test_references_in_messages(jax):
    ref = jax.new_ref(jax.numpy.zeros(3))
    assert str(jax.typeof(ref)) == "Ref{float32[3]}"
    twice = r"only one reference to a mutable array .* of type Ref\{float32\[3\]\}"
    with pytest.raises(ValueError, match=twice):
        jax.jit(lambda a, b: a[...] + b[...])(ref, ref)
    with pytest.raises(ValueError, match="was both closed over and passed as the argument"):
        jax.jit(lambda a: a[...] + ref[...])(ref)
    with pytest.raises(ValueError, match="mutable array references cannot be returned"):
        jax.jit(lambda a: a)(ref)


def test_checks_of_indices_that_are_known(jax):
    from jax.experimental import checkify

    x = jax.numpy.arange(4.0)
    for index in (7, -9, (0, 7)):
        y = x if isinstance(index, int) else x[None]
        error, _ = checkify.checkify(lambda y, i=index: y[i], errors=checkify.index_checks)(y)
        assert "out-of-bounds indexing for array of shape" in error.get()
    assert jax.grad(lambda x: x[9])(x).tolist() == [0, 0, 0, 1]  # the nearest element was read
    assert jax.grad(lambda x: x[0, -9])(x[None]).tolist() == [[1, 0, 0, 0]]


def test_checks_of_users_that_nobody_asks_for_are_left_out(jax):
    from jax.experimental import checkify

    def f(x):
        checkify.check(x > 0, "must be positive")
        return jax.numpy.log(x)

    for g in (f, jax.jit(f)):
        error, _ = checkify.checkify(g, errors=checkify.float_checks)(jax.numpy.float32(-1))
        assert error.get() == "nan generated by primitive: log."
        error, _ = checkify.checkify(g)(jax.numpy.float32(-1))
        assert error.get().startswith("must be positive")


def test_programs_for_several_devices_are_exported_with_their_layouts(jax):
    from jax import export

    place = rows(jax, "x")
    double = jax.jit(lambda x, y: (2 * x, y), in_shardings=(place, None), out_shardings=place)
    made = export.export(double)(WHOLE, WHOLE)
    cut = jax.device_put(WHOLE, place)
    for e in (made, export.deserialize(made.serialize())):
        assert e.nr_devices == 8
        assert e.in_shardings_jax(mesh_of(jax)) == (place, None)
        assert e.out_shardings_jax(mesh_of(jax)) == (place, place)
        np.testing.assert_array_equal(e.call(cut, WHOLE)[0], 2 * WHOLE)
        np.testing.assert_array_equal(jax.jit(e.call)(cut, WHOLE)[0], 2 * WHOLE)
        with pytest.raises(ValueError, match="exported for 8 devices and is called in a context"):
            e.call(WHOLE, WHOLE)
    assert export.export(jax.jit(abs))(cut).nr_devices == 8
    plain = export.export(jax.jit(abs))(WHOLE)
    assert plain.nr_devices == 1
    assert plain.call(cut).sharding == place  # on as many as one likes


def test_sizes_beyond_their_constraints_are_told_by_these(jax):
    from jax import export

    (b,) = export.symbolic_shape("b", constraints=["b >= 8"])
    made = export.export(jax.jit(abs))(jax.ShapeDtypeStruct((b,), "float32"))
    with pytest.raises(ValueError, match=r"the symbolic shape constraint b>=8.*but found -4"):
        made.call(np.ones(4, np.float32))
    specs = export.symbolic_args_specs(np.ones((2, 3)), "b, ...")
    assert specs.dtype == "float32"  # that of the array which the program gets


def test_layouts_of_results_and_of_what_is_described(jax):
    place, other = rows(jax, "x"), rows(jax, "y")
    f = jax.jit(lambda x: (x, x.sum()), in_shardings=place, out_shardings=(other, None))
    shapes = (jax.eval_shape(f, WHOLE), f.eval_shape(WHOLE), f.trace(WHOLE).out_info)
    for big, small in shapes:
        assert big.sharding == other
        assert small.sharding is None
    described = jax.ShapeDtypeStruct(WHOLE.shape, "float32", sharding=other)
    with pytest.raises(ValueError, match="Sharding passed to jit does not match the sharding"):
        f.lower(described)


def test_mistakes_with_axes_and_settings(jax):
    P, jnp, mesh = jax.P, jax.numpy, mesh_of(jax)
    local = jax.shard_map(lambda x: x, mesh=mesh, in_specs=P("x"), out_specs=P("x"))
    with pytest.raises(ValueError, match="spmd_axis_name cannot appear in shard_map in_specs"):
        jax.vmap(local, spmd_axis_name="x")(np.ones((4, 8), np.float32))
    wsc = lambda x: jax.lax.with_sharding_constraint(x, rows(jax, "x"))  # noqa: E731
    with pytest.raises(ValueError, match="cannot appear in with_sharding_constraint spec"):
        jax.jit(jax.vmap(wsc, spmd_axis_name="x"))(np.ones((4, 8), np.float32))
    with pytest.raises(ValueError, match="shardings specification must be a tree prefix"):
        jax.lax.with_sharding_constraint({"a": 1, "b": 2}, {"a": rows(jax)})
    again = jax.shard_map(lambda x: jax.lax.pcast(x, "x", to="varying"), mesh=mesh,
                          in_specs=P("x"), out_specs=P("x"))  # fmt: skip
    with pytest.raises(ValueError, match="Unsupported pcast from=varying, to='varying'"):
        again(WHOLE)
    for shape in ((2, 3), ()):
        with pytest.raises(ValueError, match="search array must be one-dimensional"):
            assert 1 in jnp.ones(shape)
    assert 1 in jnp.ones(3)
    with pytest.raises(ValueError, match="new enum value must be in"):
        jax.config.update("jax_numpy_rank_promotion", "never")
    with pytest.raises(ValueError, match="default_device must be passed either a Device object"):
        jax.config.update("jax_default_device", "moon")
