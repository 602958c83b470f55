"""Array: NumPy's view of it, exchange, lifetime."""

import copy
import pickle
import sys
from collections.abc import Hashable

import numpy as np
import pytest

import ms_func as ms


@pytest.fixture
def x():
    return ms.device_put(np.arange(6, dtype=np.float32).reshape(2, 3))


def test_attributes(x):
    assert (x.shape, x.dtype, x.ndim, x.size, x.nbytes) == ((2, 3), np.float32, 2, 6, 24)
    assert len(x) == 2
    assert x.devices() == {ms.devices()[0]}
    assert not x.weak_type


def test_numpy_sees_the_elements(x):
    host = np.asarray(x)
    np.testing.assert_array_equal(host, np.arange(6).reshape(2, 3))
    assert not host.flags.writeable
    assert np.array(x, np.int64).dtype == np.int64
    np.testing.assert_array_equal(np.from_dlpack(x), host)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs C before __buffer__ (PEP 688)")
def test_python_reads_the_memory(x):
    view = memoryview(x)
    assert view.readonly
    assert view.tobytes() == x.tobytes()
    assert view.shape == (2, 3)
    for other in (x.astype("bfloat16"), x.astype("int4"), ms.random.key(0)):
        with pytest.raises(BufferError):
            memoryview(other)
    assert np.asarray(x.astype("bfloat16")).dtype == "bfloat16"
    with pytest.raises(BufferError, match="write"):
        x.__buffer__(1)
    x.delete()
    with pytest.raises(BufferError, match=r"deleted|null"):  # jaxlib's words on some Pythons
        memoryview(x)


def test_reading_elements_looks_for_no_other_library(x, monkeypatch):
    """The runtime's own conversion would import an installed jax."""
    asked = []

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            asked.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    made = x + 1
    assert float(made[1, 2]) == 6.0
    assert np.asarray(made).sum() == 21
    assert "jax" not in asked


def test_the_array_does_not_follow_its_source():
    source = np.zeros(1024, np.float32)
    a = ms.device_put(source)
    source[:] = 1
    assert not np.asarray(a).any()


def test_python_scalars():
    assert float(ms.device_put(2.5)) == 2.5
    assert int(ms.device_put(3)) == 3
    assert complex(ms.device_put(1j)) == 1j
    assert [10, 20, 30][ms.device_put(1)] == 20
    assert bool(ms.device_put(True)) is True
    assert ms.device_put(np.float32([7])).item() == 7.0
    with pytest.raises(TypeError, match="scalar"):
        float(ms.device_put(np.ones(2)))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(ms.device_put(np.ones(2)))
    with pytest.raises(TypeError, match="index"):
        [1, 2][ms.device_put(1.0)]


def test_len_and_hash():
    with pytest.raises(TypeError, match="unsized"):
        len(ms.device_put(1.0))
    with pytest.raises(TypeError, match="unhashable"):
        hash(ms.device_put(1.0))
    with pytest.raises(TypeError, match="unhashable"):
        ms.jit(hash)(1.0)
    seen = []
    ms.jit(lambda x: seen.append(isinstance(x, Hashable)))(1.0)  # libraries ask before they hash
    assert [isinstance(ms.device_put(1.0), Hashable), *seen] == [False, False]


def test_copies_and_pickles(x):
    for other in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(other, x)
        assert other.type is x.type


def test_printing(x):
    assert repr(ms.device_put(np.float32([1, 2]))) == "Array([1., 2.], dtype=float32)"
    assert str(ms.device_put(np.int32([1, 2]))) == "[1 2]"
    assert f"{ms.device_put(np.float32(1.5)):.2f}" == "1.50"


def test_class_cannot_be_called():
    with pytest.raises(TypeError, match="device_put"):
        ms.Array([1, 2])


def test_traced_values_are_instances():
    seen = []
    ms.jit(lambda x: seen.append(isinstance(x, ms.Array)) or x)(1.0)
    assert seen == [True]
    assert isinstance(ms.device_put(1.0), ms.Array)
    assert not isinstance(np.ones(2), ms.Array)


def test_deleted_arrays_say_so(x):
    x.delete()
    assert x.is_deleted()
    assert "deleted" in repr(x)
    on_another = ms.jit(lambda v: v, device=ms.devices()[-1])
    for read in (np.asarray, on_another):
        with pytest.raises(RuntimeError, match="deleted"):
            read(x)


def test_device_put_and_get_keep_trees():
    tree = {"a": [1, 2.0], "b": (np.int8([3]), None)}
    placed = ms.device_put(tree)
    assert placed["b"][0].dtype == np.int8
    back = ms.device_get(placed)
    assert isinstance(back["a"][0], np.ndarray)
    assert back["b"][1] is None


def test_device_put_commits():
    device = ms.devices()[-1]
    a = ms.device_put(np.ones(3), device)
    assert a.devices() == {device}
    assert (a + 1).devices() == {device}
    assert ms.jit(lambda x: x * 2)(a).devices() == {device}


def test_the_default_device_may_be_a_platform():
    with ms.default_device("cpu"):
        assert ms.jit(lambda: ms.numpy.zeros(2))().devices() == {ms.devices("cpu")[0]}
        assert ms.device_put(1.0).devices() == {ms.devices("cpu")[0]}
    with (
        pytest.raises(ValueError, match="either a Device object"),
        ms.default_device("moon"),
    ):
        pass


@pytest.mark.parametrize(
    "place", [ms.device_put, ms.reshard, lambda x, where: ms.numpy.zeros(2, device=where)]
)
def test_places_are_devices_or_shardings(place):
    with pytest.raises(ValueError, match="no mesh is in force"):
        place(np.ones(2), ms.P("x"))
    with pytest.raises(ValueError, match="Received invalid value: 3"):
        place(np.ones(2), 3)
    device = ms.devices()[-1]
    assert place(np.ones(2), device).devices() == {device}


def test_a_device_that_is_a_layout_holds_in_traced_programs():
    lanes = ms.NamedSharding(ms.Mesh((len(ms.devices()),), ("x",)), ms.P("x"))
    made = ms.jit(lambda: ms.numpy.zeros(len(ms.devices()), device=lanes))()
    assert made.sharding.spec == lanes.spec


def test_operands_on_different_devices_are_refused():
    if ms.device_count() < 2:
        pytest.skip("needs two devices")
    a, b = (ms.device_put(np.ones(3), d) for d in ms.devices()[:2])
    with pytest.raises(ValueError, match="incompatible devices"):
        a + b
    free = ms.device_put(np.ones(3))
    assert (b + free).devices() == b.devices()
    assert (free + b).devices() == b.devices()


def test_strings_and_objects_are_refused():
    for bad in ("text", object(), np.array(["a"])):
        with pytest.raises(TypeError):
            ms.device_put(bad)


def test_what_lies_at_the_device_is_not_copied():
    free = ms.device_put(np.ones(3, np.float32)) + 1
    key = ms.random.key(3)
    for x in (free, key):
        kept = ms.device_put(x, ms.devices()[0])
        assert kept.committed
        assert not x.committed
        assert kept.unsafe_buffer_pointer() == x.unsafe_buffer_pointer()
        apart = ms.device_put(x, ms.devices()[0], may_alias=False)
        assert apart.unsafe_buffer_pointer() != x.unsafe_buffer_pointer()
        assert apart.dtype == x.dtype
        assert not ms.device_put(x, may_alias=False).committed
    assert ms.random.key_data(apart).tolist() == ms.random.key_data(key).tolist()


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float16", "bool"])
def test_dtypes_that_numpy_does_not_share(kind):
    x = ms.numpy.ones((2, 3), kind)
    back = ms.numpy.from_dlpack(x)
    assert (back.dtype, back.shape) == (x.dtype, (2, 3))
    assert back.unsafe_buffer_pointer() == x.unsafe_buffer_pointer()
    assert not hasattr(x, "__cuda_array_interface__")
