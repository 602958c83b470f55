"""The alias: what `import jax` gives, 64-bit narrowing, and that nothing else is disturbed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from types import ModuleType

import numpy as np
import pytest

import ms_func
from ms_func import as_jax, config


def test_imports_of_all_forms_give_one_set_of_modules():
    with as_jax() as jax:
        import jax.experimental.mesh_utils
        import jax.numpy as jnp
        import jax.scipy.linalg
        from jax import lax, random
        from jax.nn import initializers
        from jax.tree_util import tree_map

        assert jax.numpy is jnp
        assert jax.lax is lax
        assert jax.random is random
        assert jax.nn.initializers is initializers
        assert float(jax.grad(lambda x: jnp.sin(x) * 2)(0.0)) == 2.0
        assert tree_map(lambda x: x + 1, {"a": 1}) == {"a": 2}
        assert isinstance(jnp.ones(2), jax.Array)
    assert not any(n == "jax" or n.startswith("jax.") for n in sys.modules)


def test_names_that_come_late_are_listed_and_imported():
    with as_jax() as jax:
        names = {}
        exec("from jax.nn import *", names)
        assert {"relu", "avg_pool"} <= set(names)
        assert not {"losses", "Any"} & {*names, *dir(jax.nn)}  # ours, and none of JAX
        for module in (jax, jax.nn, jax.debug, jax.numpy, jax.lax):
            assert [n for n in dir(module) if not hasattr(module, n)] == []
        assert "breakpoint" in dir(jax.debug)
        assert not {"ode", "optim", "Any", "Callable", "bound", "context"} & set(dir(jax))


def test_modules_are_the_same_in_every_block():
    with as_jax() as first:
        pass
    with as_jax() as second:
        assert first is second
        assert first.numpy is second.numpy


def test_private_names_are_refused_and_say_so():
    with as_jax():
        import jax._src.compiler as private

        with pytest.raises(AttributeError, match="private to JAX"):
            _ = private.compile_or_get_cached
        with pytest.raises(ImportError, match="cannot import name"):
            from jax._src.core import get_axis_env  # noqa: F401
        with pytest.raises(ModuleNotFoundError, match="covers"):
            import jax.no_such_module  # noqa: F401


def test_python_control_flow_is_an_error_as_in_jax_unless_asked_for():
    def f(x):
        if x > 0:
            return x
        return -x

    with as_jax() as jax, pytest.raises(jax.errors.TracerBoolConversionError):
        jax.jit(f)(-2.0)
    with as_jax(convert=True) as jax:
        assert float(jax.jit(f)(-3.0)) == 3.0
    assert float(ms_func.jit(f)(-4.0)) == 4.0


def test_public_names_of_private_modules_of_the_same_name():
    with as_jax():
        from jax._src.flatten_util import ravel_pytree

        assert ravel_pytree is ms_func.flatten_util.ravel_pytree


def test_unknown_names_are_attribute_errors():
    with as_jax() as jax:
        assert not hasattr(jax, "no_such_thing")
        assert not hasattr(jax.numpy, "no_such_thing")
        with pytest.raises(AttributeError, match="Unrecognized config option"):
            jax.config.update("jax_no_such_flag", 1)


@pytest.mark.parametrize("kind", ["float64", "int64", "uint64", "complex128"])
def test_arrays_of_64_bits_are_narrowed_inside_and_kept_outside(kind):
    x = np.ones(3, kind)
    half = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}

    def results(jnp, jit):
        f = jit(lambda v: v + 1)
        return [jnp.asarray(x), jnp.add(x, x), f(x), f(x), jnp.stack([x, x]), x + jnp.ones(3, kind)]

    with as_jax() as jax, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {r.dtype.name for r in results(jax.numpy, jax.jit)} == {half[kind]}
        assert jax.dtypes.canonicalize_dtype(kind).name == half[kind]
        with jax.enable_x64(True):
            assert {r.dtype.name for r in results(jax.numpy, jax.jit)} == {kind}
    assert {r.dtype.name for r in results(ms_func.numpy, ms_func.jit)} == {kind}


def test_default_dtypes_follow_the_switch():
    def kinds(jnp, jit):
        values = [jnp.zeros(1), jnp.arange(2), jnp.array(1j), jnp.array([1.0]), jnp.sin(1),
                  jnp.arange(2) * 1.5, jit(lambda x: x)(2.0), jit(lambda x: x)(2)]  # fmt: skip
        return [v.dtype.name for v in values]

    narrow = ["float32", "int32", "complex64", *["float32"] * 4, "int32"]
    wide = ["float64", "int64", "complex128", *["float64"] * 4, "int64"]
    with as_jax() as jax:
        assert kinds(jax.numpy, jax.jit) == narrow
        with jax.enable_x64(True):
            assert kinds(jax.numpy, jax.jit) == wide
        assert kinds(jax.numpy, jax.jit) == narrow
    assert kinds(ms_func.numpy, ms_func.jit) == narrow


def test_asking_for_64_bits_warns_that_they_are_not_there():
    with as_jax() as jax:
        with pytest.warns(UserWarning, match="Explicitly requested dtype float64"):
            assert jax.numpy.zeros(2, np.float64).dtype == np.float32
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert jax.numpy.zeros(2, float).dtype == np.float32


def test_the_switch_is_kept_from_block_to_block_and_unknown_outside():
    with as_jax() as jax:
        jax.config.update("jax_enable_x64", True)
        assert jax.config.jax_enable_x64 is True
        assert jax.config.read("jax_enable_x64") is True
    assert config.x64.value is None
    assert ms_func.numpy.zeros(1).dtype == np.float32
    with as_jax() as jax:
        assert jax.numpy.zeros(1).dtype == np.float64
        jax.config.update("jax_enable_x64", False)


def test_flags_that_nothing_honours_are_refused():
    with as_jax() as jax:
        jax.config.update("jax_no_execution", False)
        with pytest.raises(NotImplementedError, match="jax_no_execution"):
            jax.config.update("jax_no_execution", True)
        with pytest.raises(NotImplementedError), jax.thread_guard(True):
            pass


def test_rank_promotion():
    with as_jax() as jax:
        a, b = jax.numpy.ones((2, 3)), jax.numpy.ones(3)
        assert (a + b).shape == (2, 3)
        with jax.numpy_rank_promotion("raise"), pytest.raises(ValueError, match="rank_promotion"):
            a + b
        with jax.numpy_rank_promotion("warn"), pytest.warns(UserWarning, match="rank promotion"):
            a + b
        with jax.numpy_rank_promotion("raise"):
            assert (a + 1.0).shape == (2, 3)


def test_strict_dtype_promotion():
    with as_jax() as jax:
        a, b = jax.numpy.ones(3, "int32"), jax.numpy.ones(3, "float32")
        with jax.numpy_dtype_promotion("strict"):
            assert (b + 1.0).dtype == np.float32
            assert (a + 1).dtype == np.int32
            with pytest.raises(jax.dtypes.TypePromotionError, match="strict"):
                a + b
        assert (a + b).dtype == np.float32


def test_errors_are_caught_by_their_names_in_jax():
    with as_jax() as jax:
        with pytest.raises(jax.errors.TracerBoolConversionError):
            jax.jit(lambda x: bool(x))(1.0)
        with pytest.raises(jax.errors.JAXTypeError):
            jax.jit(lambda x: np.asarray(x))(1.0)
        with pytest.raises(jax.errors.ConcretizationTypeError):
            jax.jit(lambda n: jax.numpy.zeros(n))(3)


def _run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_jax_that_was_imported_comes_back(tmp_path, monkeypatch):
    """A stand-in package called `jax`, and a library on top of it, as two worlds."""
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text("name = 'real'\nArray = type('A', (), {})\n")
    (tmp_path / "user_of_jax.py").write_text(
        "import jax\nname = getattr(jax, 'name', 'alias')\nArray = jax.Array\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:" + ":".join(sys.path))
    out = _run("""
        import jax, user_of_jax, ms_func
        print(jax.name, user_of_jax.name)
        with ms_func.as_jax():
            import jax as inner, user_of_jax as used
            print(inner is jax, used.name, used.Array is ms_func.Array)
        import jax as again, user_of_jax as outer
        print(again is jax, outer is user_of_jax, outer.name)
        with ms_func.as_jax():
            import user_of_jax as second
            print(second is used)
    """)
    assert out.splitlines() == ["real real", "False alias True", "True True real", "True"]


def test_without_a_real_jax_libraries_stay_importable(tmp_path, monkeypatch):
    (tmp_path / "only_user.py").write_text("import jax\nf = jax.grad\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:" + ":".join(sys.path))
    out = _run("""
        import sys, ms_func
        with ms_func.as_jax():
            import only_user
        print("jax" in sys.modules, sys.modules["only_user"] is only_user)
        try:
            import jax
        except ModuleNotFoundError:
            print("no jax outside")
    """)
    assert out.splitlines() == ["False True", "no jax outside"]


def test_install_lasts():
    out = _run("""
        import ms_func
        ms_func.as_jax().install()
        import jax.numpy as jnp
        from jax import jit
        print(jit(jnp.sin)(0.0), jnp.zeros(1, float).dtype)
    """)
    assert out.strip() == "0.0 float32"


def test_nothing_of_the_library_imports_the_alias_modules():
    out = _run("""
        import sys, ms_func
        print([n for n in sys.modules if n.startswith("ms_func.compat.jax")])
    """)
    assert out.strip() == "[]"


def test_every_module_that_stands_in_can_be_imported():
    """Whatever stands below `ms_func.compat.jax` is found by the hook under its name in JAX."""
    import pkgutil

    from ms_func.compat import jax as extras

    names = [
        m.name.removeprefix("ms_func.compat.")
        for m in pkgutil.walk_packages(extras.__path__, "ms_func.compat.jax.")
    ]
    assert names
    with as_jax():
        for name in names:
            made = __import__(name, fromlist=["_"])
            assert isinstance(made, ModuleType)
            assert made.__name__ == name


def test_custom_gradient_with_a_rule_that_closes_over_values():
    @ms_func.custom_gradient
    def f(x, y):
        s = ms_func.numpy.sin(x)
        return s * y, lambda g: (g * y * 10, g * s)

    gx, gy = ms_func.grad(f, (0, 1))(0.5, 3.0)
    assert np.allclose(gx, 30.0)
    assert np.allclose(gy, np.sin(0.5))
    assert np.allclose(f(0.5, 3.0), 3 * np.sin(0.5))
    rows = ms_func.vmap(ms_func.grad(f), (0, None))(np.arange(3.0, dtype="float32"), 2.0)
    assert np.allclose(rows, 20.0)


def test_operations_at_once_inside_jit():
    seen = []

    @ms_func.jit
    def f(x):
        with ms_func.ensure_compile_time_eval():
            seen.append(ms_func.numpy.arange(4).sum())
            y = x + seen[0]
        return y * 1

    assert float(f(1.0)) == 7.0
    assert isinstance(seen[0].item(), int)


def test_a_profile_is_written(tmp_path):
    with as_jax() as jax:
        with jax.profiler.trace(str(tmp_path)), jax.profiler.TraceAnnotation("step"):
            jax.numpy.ones(3).block_until_ready()
        assert list(tmp_path.rglob("*.xplane.pb"))
        with pytest.raises(RuntimeError, match="No profile"):
            jax.profiler.stop_trace()
        assert jax.profiler.annotate_function(lambda x: x + 1)(2) == 3


def test_listeners_hear_events():
    with as_jax() as jax:
        heard = []
        jax.monitoring.register_event_listener(lambda e, **kw: heard.append((e, kw)))
        jax.monitoring.record_event("/done", n=1)
        jax.monitoring.clear_event_listeners()
        jax.monitoring.record_event("/done")
        assert heard == [("/done", {"n": 1})]


@pytest.mark.parametrize("name", ["segment_sum", "segment_prod", "segment_max", "segment_min"])
@pytest.mark.parametrize("ids", [[0, 0, 1, 3, 3, 3], [5, 0, -1, 1, 1, 0]])
def test_segments_against_a_loop(name, ids):
    x = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
    start, join = {
        "segment_sum": (0, np.add), "segment_prod": (1, np.multiply),
        "segment_max": (-np.inf, np.maximum), "segment_min": (np.inf, np.minimum),
    }[name]  # fmt: skip
    expected = np.full((5, 2), start, "float32")
    for row, i in zip(x, ids, strict=True):
        if 0 <= i < 5:
            expected[i] = join(expected[i], row)
    f = getattr(ms_func.ops, name)
    assert np.allclose(f(x, np.array(ids), 5), expected)
    assert np.allclose(ms_func.jit(f, static_argnums=2)(x, np.array(ids), 5), expected)
    assert np.allclose(f(x, np.array(ids), 5, bucket_size=4), expected)
    assert f(x, np.array(ids)).shape == (max(ids) + 1, 2)


def test_named_scopes_are_seen_in_the_compiled_program():
    def f(x):
        with ms_func.named_scope("outer"), ms_func.named_scope("inner"):
            y = ms_func.numpy.sin(x)
        return named(y) * 2

    named = ms_func.named_call(lambda y: ms_func.numpy.exp(y), name="grow")
    lowered = ms_func.jit(ms_func.grad(f)).lower(1.0)
    text = lowered.as_text(debug_info=True)
    assert '"jvp(outer)/inner/sin"' in text
    assert '"jvp(outer)/inner/cos"' in text  # derivatives belong to what they are derived from
    assert '"jvp(grow)/exp"' in text
    assert 'op_name="jvp(outer)/inner/cos"' in lowered.compile().as_text()
    other = ms_func.named_scope("other")(lambda x: named(ms_func.numpy.sin(x)) * 2)
    text = ms_func.jit(ms_func.grad(other)).lower(1.0).as_text(debug_info=True)
    assert '"jvp(other)/cos"' in text  # not those of the program alike
    with pytest.raises(TypeError, match="must be a string"):
        ms_func.named_scope(3)


def test_names_of_private_modules_are_no_modules():
    with as_jax(), pytest.raises(ImportError, match="cannot import name"):
        from jax._src.literals import LiteralArray  # noqa: F401


def test_trees_are_compared_as_libraries_ask_for():
    with as_jax() as jax:
        from jax._src.public_test_util import check_close

        x = jax.numpy.ones(3, "bfloat16")
        check_close((x, 1), (x * 1.01, 1))
        check_close(np.ones(2), np.ones(2) + 1e-3, atol={"float32": 0.0, "float64": 1e-3})
        for other in ((x[:2], 1), (x * 1.1, 1), (x, 2)):
            with pytest.raises(AssertionError):
                check_close((x, 1), other)


def test_metadata_of_the_package_are_found():
    from importlib import metadata

    with as_jax() as jax:
        assert metadata.version("jax") == jax.__version__
        assert metadata.version("numpy") == np.__version__


def test_types_of_ones_own_are_defined_but_not_used():
    with as_jax():
        from jax.experimental import hijax

        class Pair(hijax.HiPrimitive):
            pass

        hijax.register_hitype(int, lambda x: hijax.HiType())
        with pytest.raises(NotImplementedError, match="make_pair"):
            Pair("make_pair").bind(1.0)


def test_an_entrance_that_fails_leaves_nothing_behind(monkeypatch):
    def broken(name):
        raise RuntimeError(name)

    width, finders = config.x64.value, list(sys.meta_path)
    with monkeypatch.context() as patch:
        patch.setattr("importlib.import_module", broken)
        with pytest.raises(RuntimeError), as_jax():
            pass
    assert config.x64.value == width
    assert sys.meta_path == finders


def test_modules_are_pickled_by_name():
    import pickle

    with as_jax() as jax:
        assert pickle.loads(pickle.dumps(jax.numpy)) is jax.numpy


def test_the_state_of_a_group_of_processes_is_that_of_one():
    with as_jax() as jax:
        state = jax._src.distributed.global_state
        assert (state.client, state.process_id, state.num_processes) == (None, 0, 1)
