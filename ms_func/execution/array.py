"""`Array`: a value on one or several devices.

A slotted class around the runtime's buffer. The runtime's own array type is shared by the
whole process, so it is neither patched nor subclassed here. An array is a handle to an
immutable buffer. Operators and NumPy-like methods are attached by `ms_func.numpy`.
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ms_func import config, tree
from ms_func.dtypes import float0
from ms_func.execution import buffers, dlpack
from ms_func.execution.placement import public
from ms_func.execution.shards import Shard, shards_of
from ms_func.ir.layout import Format
from ms_func.ir.sharding import Sharding
from ms_func.ir.types import ArrayType
from ms_func.runtime import extension, pytree
from ms_func.tracing.complaints import ambiguous
from ms_func.tracing.tracer import Tracer

_new = object.__new__
_WRITABLE = 1
"""`inspect.BufferFlags.WRITABLE`."""
Buffer = extension.ArrayImpl
"""The runtime's own array type."""

if TYPE_CHECKING:
    from ms_func.execution.operators import ArrayOperators as _Operators
else:
    _Operators = object


class _ArrayMeta(type):
    """Traced values are instances of `Array` too, so that user code need not tell them apart."""

    def __instancecheck__(cls, x: Any) -> bool:
        kind = type(x)
        return kind is cls or (cls is Array and (kind is Tracer or kind is KeyArray))


def _read(path: str, doc: str) -> Any:
    """Property that reads an attribute of the buffer."""
    return property(attrgetter(f"buffer.{path}"), doc=doc)


class Array(_Operators, metaclass=_ArrayMeta):
    """An array on the devices of a backend, computed asynchronously.

    Made by `ms_func.numpy.array`, `device_put` and every operation, not by calling the class.
    Reading elements (`numpy.asarray`, `float`, printing) waits for them. Values that are traced
    are instances, too.

    Attributes:
        shape: length of each dimension.
        dtype: NumPy dtype of the elements.
        ndim: number of dimensions.
        size: number of elements.
        nbytes: bytes of all elements.
        weak_type: whether the dtype gives way to those of other operands.
        committed: whether the array stays on its devices, and operations go there.

    Example:
        >>> x = np.array([[1, 2, 3], [4, 5, 6]])
        >>> isinstance(x, ms.Array), x.shape, x.dtype.name, x.size
        (True, (2, 3), 'int32', 6)
        >>> x.sum(axis=0), x.T @ x[:, 0]
        (Array([5, 7, 9], dtype=int32), Array([17, 22, 27], dtype=int32))
        >>> ms.jit(lambda y: isinstance(y, ms.Array))(x)
        Array(True, dtype=bool)
    """

    __slots__ = ("__weakref__", "buffer")
    __array_priority__ = 100

    buffer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            "Array cannot be made by calling the class\n"
            "fix: use ms_func.numpy.array or ms_func.device_put"
        )

    # Attributes read through C: no Python frame on the hot path.
    type: ArrayType = _read("aval", "Shape, dtype and weak type, as programs have them.")
    aval = type
    shape: tuple[int, ...] = _read("aval.shape", "Size of each dimension.")
    dtype: np.dtype = _read("aval.face", "Type of the elements.")
    ndim: int = _read("aval.ndim", "Number of dimensions.")
    size: int = _read("aval.size", "Number of elements.")
    weak_type: bool = _read("aval.weak_type", "Whether the dtype gives way to that of others.")
    nbytes: int = _read("aval.nbytes", "Bytes of all elements.")
    committed: bool = _read("_committed", "Whether the device was chosen, so that it must stay.")

    @property
    def sharding(self) -> Sharding:
        """How the array lies on its devices."""
        return public(self.buffer._sharding)

    @property
    def format(self) -> Format:
        """How the elements lie in memory, and on which devices."""
        return Format(buffers.layout_of(self.buffer), self.sharding)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    # --- the value on the host -----------------------------------------------------------

    def _numpy(self) -> np.ndarray:
        """Elements as a read-only NumPy array; waits for them."""
        held = self._held()
        if self.type.key is not None:
            raise TypeError(
                f"{'JAX ' * config.jax_rules()}array with PRNGKey dtype cannot be converted to a "
                f"NumPy array or a Python value. It has the type {self.type}\n"
                "fix: use jax.random.key_data(arr) if you wish to extract the underlying integers"
            )
        return buffers.to_numpy(held)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        value = self._numpy()
        if dtype is not None and np.dtype(dtype) != value.dtype:
            if copy is False:
                raise ValueError(f"converting {value.dtype} to {dtype} needs a copy")
            return value.astype(dtype)
        return value.copy() if copy else value

    def __buffer__(self, flags: int, /) -> memoryview:
        """`memoryview(x)`, read-only, from Python 3.12 on; earlier ones leave it to C.

        Raises:
            BufferError: memory to write to is asked for, the array lies on several devices or no
                CPU, or Python has no letter for the dtype, as for bfloat16.
        """
        kind = self.type
        if flags & _WRITABLE or kind.key is not None or kind.dtype.kind not in "biufc":
            raise BufferError(
                f"{kind} has no memory that Python can {('read', 'write')[flags & _WRITABLE]}"
            )
        return memoryview(self.buffer)

    def _scalar(self, what: str) -> np.ndarray:
        if self.ndim:
            raise TypeError(
                "Only scalar arrays can be converted to Python scalars; got an array of shape "
                f"{self.shape} for a Python {what}"
            )
        return self._numpy().reshape(())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ambiguous(self.size)
        return bool(self._numpy().reshape(()))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        if self.ndim != 0 or self.dtype.kind not in "iu":
            raise TypeError(
                f"Only integer scalar arrays can be converted to a scalar index; got {self.type}"
            )
        return int(self._numpy())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    __hash__ = None  # type: ignore[assignment]  # no instance of `collections.abc.Hashable`

    def item(self, *args: int) -> bool | int | float | complex:
        """Python scalar of the one element, or of the element at the given place.

        Args:
            *args: place in the flat array, or an index for each dimension.

        Raises:
            ValueError: there are several elements and no place is given.
            IndexError: the place is out of bounds.
            TypeError: elements are keys.

        Example:
            >>> x = np.array([[1, 2], [3, 4]])
            >>> x.item(2), x.item(0, 1), np.array([0.5]).item()
            (3, 2, 0.5)
        """
        return self._numpy().item(*args)

    def tolist(self) -> Any:
        """Elements as nested Python lists; the number itself where there is no dimension.

        Example:
            >>> np.array([[1, 2], [3, 4]]).tolist(), np.array(0.5).tolist()
            ([[1, 2], [3, 4]], 0.5)
        """
        return self._numpy().tolist()

    def __bytes__(self) -> bytes:
        return self.tobytes()

    def tobytes(self, order: str = "C") -> bytes:
        r"""Bytes of the elements.

        Args:
            order: "C" writes the last index fastest, "F" the first.

        Example:
            >>> np.array([[1, 2], [3, 4]], "int8").tobytes("F")
            b'\x01\x03\x02\x04'
        """
        return self._numpy().tobytes(order)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        kind = f"dtype={self.dtype.name}" + ", weak_type=True" * self.weak_type
        if self.is_deleted():
            return f"Array(shape={self.shape}, {kind}, deleted)"
        if not self._is_readable():
            return f"Array(shape={self.shape}, {kind})"
        if self.type.key is not None:
            words = buffers.to_numpy(self.buffer)
            return f"Array({self.shape}, {kind}) overlaying:\n{words}"
        if not self.size:
            return f"Array([], shape={self.shape}, {kind})"
        text = np.array2string(self._numpy(), separator=", ", prefix="Array(", suffix=",")
        last = text.rpartition("\n")[2]
        fits = len(last) + len(kind) + 4 <= np.get_printoptions()["linewidth"]  # as JAX counts
        return f"Array({text},{' ' if fits else chr(10) + ' ' * 6}{kind})"

    def __str__(self) -> str:
        plain = self.type.key is None and self._is_readable()
        return str(self._numpy()) if plain else repr(self)

    def _is_readable(self) -> bool:
        """Whether all elements are in this process."""
        return self.is_fully_addressable or self.is_fully_replicated

    def __format__(self, spec: str) -> str:
        plain = self.ndim == 0 and self.type.key is None
        if spec and not plain:
            raise TypeError(f"unsupported format string passed to {type(self).__name__}.__format__")
        return format(self._numpy()[()] if plain else str(self), spec)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.type.key is not None:
            return _restore, (buffers.to_numpy(self.buffer), False, self.type.key)
        return _restore, (self._numpy(), self.weak_type)

    # --- exchange with other libraries -----------------------------------------------------

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None,
                   copy: bool | None = None) -> Any:  # fmt: skip
        """DLPack capsule of an array on one device; `copy` is as in the array API standard.

        Raises:
            BufferError: it lies on several devices, or `dl_device` is another one than its
                own and not the CPU, or is reached by a copy only and `copy` is False.
        """
        return dlpack.to_dlpack(self._held(), stream, copy, dl_device)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.dlpack_device(self.buffer)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Address, shape and type of an array on one CUDA device, for CuPy and Numba.

        Raises:
            AttributeError: it lies elsewhere.
        """
        return self._held().__cuda_array_interface__

    def unsafe_buffer_pointer(self) -> int:
        """Address of the elements on the device."""
        return self._held().unsafe_buffer_pointer()

    # --- the value on its devices ------------------------------------------------------------

    def devices(self) -> set[Any]:
        """Devices that hold a part of the array.

        Example:
            >>> np.ones(2).devices() == {ms.devices()[0]}
            True
        """
        self._held()
        return set(self.sharding.device_set)

    @property
    def device(self) -> Any:
        """The one device that holds the array, or its sharding where there are several."""
        held = self.devices()
        return next(iter(held)) if len(held) == 1 else self.sharding

    @property
    def addressable_shards(self) -> list[Shard]:
        """The pieces on the devices of this process, each with its device and its slices.

        Example:
            >>> [(piece.index, piece.data.shape) for piece in np.ones(3).addressable_shards]
            [((slice(None, None, None),), (3,))]
        """
        return shards_of(self._held(), self.sharding, wrap)

    @property
    def global_shards(self) -> list[Shard]:
        """The pieces on all devices; those of other processes are not at hand."""
        return self.addressable_shards

    def addressable_data(self, index: int) -> Array:
        """The piece of one device of this process, by number.

        Args:
            index: number of the device among those of this process.

        Returns:
            Array on that device.

        Example:
            >>> np.arange(3).addressable_data(0).tolist()
            [0, 1, 2]
        """
        pieces = self.addressable_shards  # all alike where each device holds the whole
        return pieces[0 if self.is_fully_replicated else index].data

    @property
    def is_fully_addressable(self) -> bool:
        """Whether this process holds every part."""
        return self.sharding.is_fully_addressable

    @property
    def is_fully_replicated(self) -> bool:
        """Whether every device holds the whole array."""
        return self.sharding.is_fully_replicated

    def block_until_ready(self) -> Array:
        """Wait until the elements are computed; errors of the computation are raised here.

        Returns:
            The array itself.

        Example:
            >>> x = (np.ones(3) * 2).block_until_ready()
            >>> x.is_ready()
            True
        """
        self._held().block_until_ready()
        return self

    def is_ready(self) -> bool:
        """Whether the elements are computed."""
        return self._held().is_ready()

    def _held(self) -> Any:
        """The buffer, which the runtime may be asked about only while it holds something.

        Raises:
            RuntimeError: it was donated or deleted.
        """
        buffers.refuse_deleted((self.buffer,))
        return self.buffer

    def is_deleted(self) -> bool:
        """Whether the memory was given up, by `delete` or by donation."""
        return self.buffer.is_deleted()

    def delete(self) -> None:
        """Give the memory up now; the elements cannot be read any more.

        Example:
            >>> x = np.ones(3)
            >>> x.delete()
            >>> x
            Array(shape=(3,), dtype=float32, deleted)
        """
        self.buffer.delete()

    def copy_to_host_async(self) -> None:
        """Start the transfer to the host, for a later read."""
        self._held()._copy_single_device_array_to_host_async()

    def on_device_size_in_bytes(self) -> int:
        """Bytes the array takes on its devices."""
        return self._held().on_device_size_in_bytes()


class KeyNumbers:
    """Numbers of the keys of an array, given when somebody looks; see `key_reuse`."""

    __slots__ = ("of",)

    def __init__(self, of: Any = None) -> None:
        self.of = of


class KeyArray(Array):
    """An array of random keys: a class of its own, by which the dispatcher tells it from words.

    Attributes:
        numbers: with `config.debug_key_reuse`, what tells its keys apart; see `key_reuse`.
    """

    __slots__ = ("numbers",)

    impl = property(attrgetter("buffer.aval.key.impl"))


ARRAYS = frozenset((Array, KeyArray))
"""Classes of values that have a buffer."""


def wrap(buffer: Any) -> Array:
    """Array around a buffer of the runtime."""
    array = _new(Array if buffer.aval.key is None else KeyArray)
    array.buffer = buffer
    return array


def handle(out: Any) -> Any:
    """Array around a buffer that does not hold keys; anything else as it is."""
    if type(out) is Buffer:
        array = _new(Array)
        array.buffer = out
        return array
    return out


def again(array: Array) -> Array:
    """Another handle of the same value."""
    made = wrap(array.buffer)
    if type(array) is KeyArray:
        made.numbers = numbers_of(array)  # type: ignore[attr-defined]
    return made


def numbers_of(keys: KeyArray) -> KeyNumbers:
    """What tells the keys of an array apart, shared by all handles of it."""
    found = getattr(keys, "numbers", None)
    if found is None:
        found = keys.numbers = KeyNumbers()
    return found


def on_host(x: Any) -> np.ndarray:
    """Elements as a NumPy array; keys as NumPy's values of their dtype."""
    if type(x) is not KeyArray:
        return np.asarray(x)
    words = np.ascontiguousarray(buffers.to_numpy(x.buffer))
    return words.view(x.type.dtype).reshape(x.shape)


tree.dispatch_registry.register_dataclass_node(Array, ["buffer"], [])
tree.dispatch_registry.register_dataclass_node(KeyArray, ["buffer"], ["impl"])


# --- structures of results --------------------------------------------------------------------
# The dispatcher puts results together by a structure over buffers. It is one node, whatever the
# structure over arrays: a callback for each array would cost more than the rest of the dispatch.


class _Result:
    """Node of a single array."""


class _Results:
    """Node of a tree of arrays, whose structure is the node's data."""


def _one(_: None, children: tuple[Any]) -> Array:
    array = _new(Array)
    (array.buffer,) = children
    return array


def _many(out_tree: Any, children: tuple[Any, ...]) -> Any:
    arrays = []
    for buffer in children:
        array = _new(Array)
        array.buffer = buffer
        arrays.append(array)
    return out_tree.unflatten(arrays)


class _Mixed:
    """Node of a tree of arrays some of which are keys, or `float0`, which NumPy holds."""


def _mixed(out_tree: Any, children: tuple[Any, ...]) -> Any:
    return out_tree.unflatten(
        np.zeros(b.aval.shape, float0) if b.aval.dtype == float0 else wrap(b) for b in children
    )


def _never(node: Any) -> Any:
    raise AssertionError("structures of results are only built from their parts")


_nodes = pytree.PyTreeRegistry()
_nodes.register_node(_Result, _never, _one)
_nodes.register_node(_Results, _never, _many)
_nodes.register_node(_Mixed, _never, _mixed)
_leaf = _nodes.flatten(0)[1]


@lru_cache(maxsize=4096)
def result_tree(out_tree: Any, types: tuple[ArrayType, ...]) -> Any:
    """Structure over buffers of results of the given structure over arrays, and types."""
    if any(t.dtype.names is not None for t in types):
        data: tuple[Any, Any] = (_Mixed, out_tree)
    else:
        data = (_Result, None) if out_tree == _ARRAY else (_Results, out_tree)
    leaves = [_leaf] * out_tree.num_leaves
    return pytree.PyTreeDef.from_node_data_and_children(_nodes, data, leaves)


_ARRAY = tree.structure(0)


def single_tree(types: tuple[ArrayType, ...]) -> Any:
    """Structure of the one result of a program whose caller makes the array, by `handle`.

    The buffer stands for itself: a frame of Python that is there anyway puts it in its handle
    faster than a callback.
    """
    return _leaf if types[0].dtype.names is None else result_tree(_ARRAY, types)


def _restore(value: np.ndarray, weak_type: bool, key: Any = None) -> Array:
    """Array from its pickled parts."""
    if key is not None:
        return wrap(buffers.put(value, ArrayType(value.shape[:-1], key)))
    return wrap(buffers.put(value, ArrayType(value.shape, value.dtype, weak_type)))
