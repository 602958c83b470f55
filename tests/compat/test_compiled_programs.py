"""What can be asked of compiled programs and recorded ones, and compiled programs as bytes."""

import pickle

import numpy as np
import pytest

import ms_func as ms


@pytest.fixture
def jax():
    with ms.as_jax() as module:
        yield module


def test_formats_tell_order_in_memory_and_devices(jax):
    from jax.experimental.layout import Format, Layout

    x = jax.device_put(np.ones((2, 3, 4), np.int8), jax.devices()[2])
    rows = Layout((0, 1, 2), ())
    assert x.format == Format(rows, x.sharding)
    compiled = jax.jit(lambda x, unused: {"a": x.T}).lower(x, 2.0).compile()
    ((first, second), named), out = compiled.input_formats, compiled.output_formats
    assert first == Format(rows, x.sharding)
    assert second.layout is None
    assert named == {}
    assert out == {"a": Format(rows, x.sharding)}
    assert jax.device_put(1, Format(None, x.sharding)).sharding == x.sharding
    described = jax.ShapeDtypeStruct((2,), "int8", sharding=Format(Layout.AUTO, x.sharding))
    assert described.sharding == described.format.sharding == x.sharding


def test_an_order_in_memory_other_than_by_rows_is_refused(jax):
    from jax.experimental.layout import Format, Layout

    by_columns = Format(Layout((1, 0)), jax.numpy.ones(()).sharding)
    with pytest.raises(NotImplementedError, match="row-major"):
        jax.device_put(np.ones((2, 3)), by_columns)
    with pytest.raises(NotImplementedError, match="row-major"):
        jax.jit(lambda x: x, out_shardings=by_columns)(np.ones((2, 3)))
    for wrong in ({"layout": 3}, {"sharding": 3}):
        with pytest.raises(TypeError, match="Invalid value received"):
            Format(**wrong)
    with pytest.raises(ValueError, match="sharding should be an instance"):
        jax.ShapeDtypeStruct((2,), "int8", sharding=3)


def test_layouts_are_read_from_the_spelling_of_the_runtime():
    from ms_func.ir.layout import Layout, read_layout

    assert read_layout("{}") == Layout((), ())
    assert read_layout("{0,2,1}") == Layout((1, 2, 0), ())
    assert read_layout("{1,0:T(8,128)(2,1)E(4)}") == Layout((0, 1), ((8, 128), (2, 1)), 4)


def scaled(jax, n):
    """A compiled function of `x` and a named argument that closes over an array and a key."""
    key, held = jax.random.key(3), jax.numpy.arange(n, dtype="float32")

    def f(x, *, y):
        return {"a": x * held + y, "b": (y, jax.random.normal(key, (2,)))}

    return f, jax.jit(f).lower(jax.numpy.ones(n), y=2.0).compile()


def test_a_compiled_program_survives_being_bytes(jax):
    from jax.experimental import serialize_executable

    f, compiled = scaled(jax, 3)
    data, in_tree, out_tree = serialize_executable.serialize(compiled)
    data = pickle.loads(pickle.dumps(data))
    loaded = serialize_executable.deserialize_and_load(data, in_tree, out_tree)
    assert isinstance(loaded, jax.stages.Compiled)
    x = np.float32([4, 5, 6])
    jax.tree.map(np.testing.assert_array_equal, loaded(x, y=3.0), f(x, y=3.0))
    assert loaded.in_avals == compiled.in_avals
    assert loaded.out_info == compiled.out_info
    assert loaded.input_formats == compiled.input_formats
    with pytest.raises(TypeError, match=r"compiled for float32\[3\].* called with float32\[4\]"):
        loaded(np.ones(4, "f"), y=3.0)
    with pytest.raises(TypeError, match="does not match the input pytree"):
        loaded(x, 3.0)


def test_a_program_in_bytes_runs_on_other_devices(jax):
    from jax.experimental import serialize_executable

    f, compiled = scaled(jax, 3)
    last = jax.devices()[-1]
    parts = serialize_executable.serialize(compiled)
    moved = serialize_executable.deserialize_and_load(*parts, execution_devices=[last])
    out = moved(np.ones(3, "f"), y=1.0)
    assert out["a"].devices() == {last}
    np.testing.assert_array_equal(out["a"], f(np.ones(3, "f"), y=1.0)["a"])
    with pytest.raises(ValueError, match="runs on 1 devices, got 2"):
        serialize_executable.deserialize_and_load(*parts, execution_devices=jax.devices()[:2])


def test_a_program_over_a_mesh_survives_being_bytes(jax):
    from jax.experimental import serialize_executable

    mesh = jax.make_mesh((4,), ("x",))
    rows = jax.NamedSharding(mesh, jax.P("x"))
    compiled = jax.jit(lambda x: x @ x.T, in_shardings=rows).lower(np.ones((8, 3), "f")).compile()
    loaded = serialize_executable.deserialize_and_load(*serialize_executable.serialize(compiled))
    x = np.arange(24, dtype="f").reshape(8, 3)
    out = loaded(x)
    np.testing.assert_array_equal(out, x @ x.T)
    assert out.sharding == compiled(x).sharding
    assert loaded.input_shardings == compiled.input_shardings


def test_a_program_that_calls_python_is_not_written(jax):
    from jax.experimental import serialize_executable

    def f(x):
        jax.debug.print("{}", x)
        return x

    with pytest.raises(NotImplementedError, match="calls Python"):
        serialize_executable.serialize(jax.jit(f).lower(1.0).compile())


def test_parts_of_recorded_programs_can_be_replaced(jax):
    recorded = jax.make_jaxpr(lambda x: jax.numpy.sin(x) * 2)(1.0)
    first, *rest = recorded.eqns
    other = recorded.jaxpr.replace(eqns=[first.replace(primitive=jax.lax.cos_p), *rest])
    assert jax.core.eval_jaxpr(other, [], 0.0) == [2.0]
    made = jax.extend.core.Jaxpr((), other.invars, other.outvars, other.eqns)
    assert isinstance(made, jax.extend.core.Jaxpr)
    assert jax.core.eval_jaxpr(made, [], 0.0) == [2.0]
    assert "cos" in made.pretty_print()


def test_recorded_programs_know_names_of_arguments_and_results(jax):
    def layer(x, *rest, y):
        return {"out": x["w"] + y + rest[0]}

    found = jax.make_jaxpr(layer)({"w": 1.0}, 3.0, y=2.0).jaxpr.debug_info
    assert found.func_name == "layer"
    assert found.func_filename == layer.__code__.co_filename
    assert found.func_lineno == layer.__code__.co_firstlineno
    assert found.arg_names == ("x['w']", "rest[0]", "y")
    assert found.result_paths == ("result['out']",)


def test_loops_and_calls_show_their_programs_by_the_names_of_jax(jax):
    lax = jax.lax
    scan = jax.make_jaxpr(lambda x: lax.scan(lambda c, a: (c + a, c), 0.0, x))(np.ones(3, "f"))
    loop = jax.make_jaxpr(lambda x: lax.while_loop(lambda c: c < 3, lambda c: c + x, x))(1)
    call = jax.make_jaxpr(jax.jit(lambda x: x + 1))(1)
    assert len(scan.eqns[-1].params["jaxpr"].invars) == 2
    assert [e.primitive.name for e in loop.eqns[-1].params["cond_jaxpr"].eqns] == ["lt"]
    assert [e.primitive.name for e in loop.eqns[-1].params["body_jaxpr"].eqns] == ["add"]
    assert [e.primitive.name for e in call.eqns[-1].params["jaxpr"].eqns] == ["add"]
    with pytest.raises(KeyError):
        call.eqns[-1].params["cond_jaxpr"]


def test_types_say_that_no_dimension_is_split(jax):
    x = jax.numpy.ones((2, 3))
    assert jax.typeof(x).sharding.is_fully_replicated
    assert jax.typeof(x).sharding.spec == jax.P(None, None)
    assert jax.typeof(x).sharding.mesh.empty
    with jax.set_mesh(jax.make_mesh((4,), ("x",))):
        assert jax.typeof(x).sharding.mesh.axis_names == ("x",)


def test_a_kind_of_device_is_part_of_an_abstract_mesh(jax):
    kind = jax.sharding.AbstractDevice("some kind", 2, "tpu")
    mesh = jax.sharding.AbstractMesh((2,), "x", abstract_device=kind)
    assert mesh.abstract_device is mesh.update(axis_names=("y",)).abstract_device is kind
    assert mesh != jax.sharding.AbstractMesh((2,), "x")


def test_a_layout_over_no_axes_leaves_arrays_where_they_are(jax):
    x = jax.numpy.arange(3.0)
    free = jax.typeof(x).sharding
    drawn = jax.jit(lambda k: jax.random.normal(k, (3,), out_sharding=free))(jax.random.key(0))
    np.testing.assert_array_equal(
        drawn, jax.random.normal(jax.random.key(0), (3,), out_sharding=free)
    )
    assert jax.device_put(x, free) is x
    assert jax.lax.with_sharding_constraint(x, free) is x


def test_equations_tell_where_they_came_from(jax):
    from jax.extend import source_info_util

    def layer(x):
        with jax.named_scope("outer"), jax.named_scope("inner"):
            return jax.numpy.nextafter(x, 7.25)  # a program that nobody else has recorded

    (eqn,) = jax.make_jaxpr(layer)(1.0).eqns
    assert str(eqn.source_info.name_stack) == "outer/inner"
    line = layer.__code__.co_firstlineno + 2
    assert f"{__file__}:{line}:" in source_info_util.summarize(eqn.source_info)


@pytest.mark.parametrize("under_jit", [False, True])
def test_a_function_that_is_several_branches_is_recorded_once(jax, under_jit):
    seen = []

    def double(x):
        seen.append(x)
        return x * 2

    def run(i, x):
        return jax.lax.switch(i, [double, lambda x: x, double], x)

    assert (jax.jit(run) if under_jit else run)(2, 3.0) == 6
    assert len(seen) == 1
    assert jax.lax.cond(np.bool_(False), double, double, 3.0) == 6
    assert len(seen) == 2
