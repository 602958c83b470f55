"""How arrays and programs live on an NVIDIA device: `pytest -m device`."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import ml_dtypes
import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.compat.jax import export
from ms_func.sharding import Mesh, NamedSharding, P

pytestmark = pytest.mark.device
RNG = np.random.default_rng(1)


@pytest.fixture
def x(device):
    return ms.device_put(np.arange(12, dtype=np.float32).reshape(3, 4), device)


@pytest.fixture
def mesh(device):
    return Mesh([device], ("i",))


def test_arrays_travel_between_host_and_device(x, device):
    cpu = ms.devices("cpu")[-1]
    there = ms.device_put(x, cpu)
    back = ms.device_put(there, device)
    assert (there.device, back.device) == (cpu, device)
    np.testing.assert_array_equal(back, x)
    for kind in ("bfloat16", "float8_e4m3fn", "int4", "complex128", "bool"):
        a = (np.arange(6) % 2).astype(getattr(ml_dtypes, kind, kind))
        np.testing.assert_array_equal(np.asarray(ms.device_put(a, device)), a)


def test_what_lies_there_is_not_copied(x, device):
    y = x + 1
    kept = ms.device_put(y, device)
    assert kept.unsafe_buffer_pointer() == y.unsafe_buffer_pointer()
    apart = ms.device_put(y, device, may_alias=False)
    assert apart.unsafe_buffer_pointer() != y.unsafe_buffer_pointer()
    np.testing.assert_array_equal(apart, y)


def test_donated_memory_is_used_again(x):
    y = x * 2
    before = y.unsafe_buffer_pointer()
    z = ms.jit(lambda a: a + 1, donate_argnums=0)(y)
    assert y.is_deleted()
    assert z.unsafe_buffer_pointer() == before


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "int8", "bool", "complex64", "float16"])
def test_memory_is_shared_with_torch(device, kind):
    torch = pytest.importorskip("torch")
    ours = ms.device_put(np.arange(6).reshape(2, 3) % 2, device).astype(kind)
    theirs = torch.from_dlpack(ours)
    assert theirs.data_ptr() == ours.unsafe_buffer_pointer()
    assert str(theirs.dtype) == f"torch.{kind}"
    back = mnp.from_dlpack(theirs)
    assert (back.dtype, back.shape, back.device) == (ours.dtype, (2, 3), device)
    assert back.unsafe_buffer_pointer() == ours.unsafe_buffer_pointer()
    np.testing.assert_array_equal(np.asarray(back), np.asarray(ours))


def test_what_torch_has_still_to_compute_is_waited_for(device):
    torch = pytest.importorskip("torch")
    where = "cpu" if device.platform == "cpu" else "cuda"
    a = torch.full((2000, 2000), 1 / 2000, device=where)
    b = a
    for _ in range(20):
        b = b @ a
    assert float(mnp.from_dlpack(b).sum()) == pytest.approx(2000, rel=1e-2)


def test_cuda_array_interface(x, device):
    if device.platform == "cpu":
        assert not hasattr(x, "__cuda_array_interface__")
        return
    told = x.__cuda_array_interface__
    assert told["shape"] == (3, 4)
    assert told["data"][0] == x.unsafe_buffer_pointer()


def test_programs_call_python(x):
    seen = []

    def double(a):
        return np.asarray(a) * 2

    @ms.jit
    def f(x):
        y = ms.pure_callback(double, ms.ShapeDtypeStruct(x.shape, x.dtype), x)
        ms.debug.callback(lambda i, s: seen.append((int(i), float(s))), 0, y.sum(), ordered=True)
        return lax.fori_loop(0, 3, lambda i, s: _told(seen, i, s), y)

    np.testing.assert_array_equal(f(x), np.asarray(x) * 2 + 3)
    ms.effects_barrier()
    assert seen == [(0, 132.0), (1, 132.0), (2, 144.0), (3, 156.0)]


def _told(seen, i, s):
    ms.debug.callback(lambda i, s: seen.append((int(i), float(s))), i + 1, s.sum(), ordered=True)
    return s + 1


def test_errors_in_python_functions_arrive(x):
    def fail(a):
        raise KeyError("no such key")

    f = ms.jit(lambda x: ms.pure_callback(fail, ms.ShapeDtypeStruct((), np.float32), x))
    with pytest.raises(Exception, match="no such key"):
        f(x).block_until_ready()


def test_compiled_ahead(x, device):
    compiled = ms.jit(lambda a: mnp.sin(a) @ a.T).lower(x).compile()
    np.testing.assert_allclose(compiled(x), np.sin(x) @ np.asarray(x).T, rtol=2e-2, atol=2e-2)
    assert compiled.memory_analysis().argument_size_in_bytes == 48
    assert compiled.cost_analysis()
    assert "HloModule" in compiled.as_text()


def test_exported_programs_run_here(x):
    data = export.export(ms.jit(lambda a: mnp.cumsum(a) * 2))(x).serialize()
    np.testing.assert_allclose(export.deserialize(data).call(x), np.cumsum(x) * 2)


def test_a_mesh_of_the_device(x, mesh):
    placed = ms.device_put(x, NamedSharding(mesh, P("i")))
    f = ms.jit(ms.shard_map(lambda a: lax.psum(a.sum(), "i"), mesh=mesh, in_specs=P("i"),
                            out_specs=P()))  # fmt: skip
    assert float(f(placed)) == 66
    assert float(ms.jit(mnp.sum)(placed)) == 66


def test_memory_of_the_host(x, mesh, device):
    kind = "unpinned_host" if device.platform == "cpu" else "pinned_host"
    place = NamedSharding(mesh, P(), memory_kind=kind)
    held = ms.device_put(x, place)
    assert held.sharding.memory_kind == kind
    np.testing.assert_array_equal(held, x)
    back = ms.device_put(held, NamedSharding(mesh, P(), memory_kind="device"))
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float8_e4m3fn", "int8", "float64"])
def test_products_in_every_precision(device, kind):
    a = RNG.integers(-2, 3, (16, 32)).astype(getattr(ml_dtypes, kind, kind))
    wide = "int32" if kind == "int8" else "float32"
    product = ms.jit(partial(lax.dot, preferred_element_type=np.dtype(wide)))
    got = product(ms.device_put(a, device), ms.device_put(a.T, device))
    np.testing.assert_array_equal(np.asarray(got), a.astype(wide) @ a.astype(wide).T)


def test_too_large_an_array_is_refused(device):
    with pytest.raises(RuntimeError, match=r"RESOURCE_EXHAUSTED|memory"):
        ms.device_put(np.float32(0), device) + ms.jit(mnp.zeros, static_argnums=0)(1 << 42)


def test_the_profiler_sees_the_device(x, tmp_path):
    with ms.profiler.trace(str(tmp_path)):
        (x @ x.T).block_until_ready()
    assert any(tmp_path.rglob("*.xplane.pb"))


DEFAULT = """
import ms_func as ms, ms_func.numpy as np
print(ms.default_backend(), ms.devices()[0].platform)
x = np.arange(3.0)
assert x.device == ms.devices()[0]
print(float(ms.grad(lambda x: (np.sin(x) ** 2).sum())(x)[1]))
print(ms.random.normal(ms.random.key(0), (2,)).device == x.device)
"""


def test_the_device_is_the_default_where_there_is_one(device):
    env = {k: v for k, v in os.environ.items() if k != "MS_FUNC_PLATFORM"}
    done = subprocess.run([sys.executable, "-c", DEFAULT], env=env, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    backend, _platform, slope, same = done.stdout.split()
    assert backend == ("cpu" if device.platform == "cpu" else "gpu")
    assert float(slope) == pytest.approx(np.sin(2.0), rel=1e-5)
    assert same == "True"
    assert not done.stderr  # nothing that the user did not ask for


BESIDE = """
import sys
{first}
{then}
import numpy
for _ in range(2):
    assert float(np.arange(3.0, dtype="float64").sum()) == float(jnp.arange(3.0).sum()) == 3
    assert ms.jit(lambda x: x + 1)(numpy.arange(3)).dtype == "int64"
    assert jax.jit(lambda x: x + 1)(numpy.arange(3)).dtype == "int32"
print(np.ones(2).device.platform, jnp.ones(2).device.platform)
"""
OURS = "import ms_func as ms, ms_func.numpy as np; assert (np.ones(3) + 1).tolist() == [2, 2, 2]"
THEIRS = "import jax, jax.numpy as jnp; assert (jnp.ones(3) + 1).tolist() == [2, 2, 2]"


@pytest.mark.parametrize(("first", "then"), [(OURS, THEIRS), (THEIRS, OURS)])
def test_jax_may_run_in_the_same_process(device, first, then):
    pytest.importorskip("jax")
    env = {k: v for k, v in os.environ.items() if k != "MS_FUNC_PLATFORM"}
    env["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    code = BESIDE.format(first=first, then=then)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours, theirs = done.stdout.split()
    assert ours == theirs


def test_reading_an_array_does_not_import_jax(device):
    code = (
        "import sys, ms_func as ms, ms_func.numpy as np; "
        "x = np.ones(3) + 1; assert x.tolist() == [2, 2, 2]; assert 'jax' not in sys.modules"
    )
    env = {k: v for k, v in os.environ.items() if k != "MS_FUNC_PLATFORM"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def test_programs_are_made_for_the_kind_of_device(x, device):
    def f(x):
        return lax.platform_dependent(x, cpu=lambda x: x, cuda=lambda x: x + 1)

    more = 0 if device.platform == "cpu" else 1
    np.testing.assert_array_equal(ms.jit(f)(x), np.asarray(x) + more)
    with ms.config.default_device(device):
        np.testing.assert_array_equal(f(x), np.asarray(x) + more)
