"""`jax.experimental.serialize_executable`: compiled programs as bytes, for the same machine."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any

from ms_func import tree
from ms_func.api.stages import Compiled
from ms_func.errors import ArgumentTypeError, UnsupportedError
from ms_func.execution.array import ARRAYS, result_tree
from ms_func.execution.buffers import default_backend, put, to_numpy
from ms_func.execution.compile import Program
from ms_func.execution.placement import Placement, public
from ms_func.ir.types import typeof
from ms_func.runtime import extension

__all__ = ["deserialize_and_load", "serialize"]


class _Writer(pickle.Pickler):
    """Devices are written as their numbers."""

    def persistent_id(self, obj: Any) -> Any:
        return obj.id if isinstance(obj, extension.Device) else None


class _Reader(pickle.Unpickler):
    """The inverse, with the devices of this process."""

    def __init__(self, data: bytes, devices: dict[int, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self.devices = devices

    def persistent_load(self, pid: Any) -> Any:
        return self.devices[pid]


class Loaded(Compiled):
    """A compiled program that was read from bytes: it is called, and tells of its arguments."""

    def __init__(self, parts: dict[str, Any], program: Program, in_tree: Any, out_tree: Any):
        self._parts, self._program = parts, program
        self._in_tree, self.out_tree = in_tree, out_tree

    @property
    def in_tree(self) -> Any:
        """Structure of (positional, named) arguments."""
        return self._in_tree

    @property
    def donate_argnums(self) -> tuple[int, ...]:
        """No argument's memory is taken over."""
        return ()

    @property
    def _argument_types(self) -> tuple[Any, ...]:
        return self._parts["types"]

    def _arranged(self, values: Sequence[Any]) -> Any:
        return tree.unflatten(self._in_tree, list(values))

    @property
    def _out_types(self) -> tuple[Any, ...]:
        return self._parts["out_types"]

    @property
    def _captured_count(self) -> int:
        return len(self._parts["captured"])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program.

        Raises:
            TypeError: the arguments have another structure or other types than it was made for.
        """
        leaves, given = tree.flatten((args, kwargs))
        types, name = self._parts["types"], self._parts["name"]
        if given != self._in_tree:
            raise ArgumentTypeError(
                "Function compiled with input pytree does not match the input pytree it was "
                f"called with: `{name}` was compiled for {self._in_tree} and called with {given}"
            )
        found = tuple(map(typeof, leaves))
        if found != types:
            raise ArgumentTypeError(
                "Argument types differ from the types for which this computation was compiled: "
                f"`{name}` was compiled for {', '.join(map(str, types))} and called with "
                f"{', '.join(map(str, found))}"
            )
        buffers = [
            x.buffer if type(x) in ARRAYS else put(x, t)
            for x, t in zip(leaves, types, strict=True)
        ]  # fmt: skip
        out = self._program.run([*self._parts["captured"], *buffers])
        return result_tree(self.out_tree, self._out_types).unflatten(out)

    call = __call__


def serialize(compiled: Compiled) -> tuple[bytes, Any, Any]:
    """A compiled program as bytes, with the structures of its arguments and results.

    Args:
        compiled: result of `jit(f).lower(...).compile()`.

    Returns:
        What `deserialize_and_load` takes. The bytes are for the same kind of machine, the same
        number of devices and the same version of the library.

    Raises:
        NotImplementedError: the program calls Python.
    """
    program = compiled._program
    if program.calls_host:
        raise UnsupportedError(
            "a program that calls Python (a callback, debug.print) cannot be written to bytes\n"
            "fix: take the call out of the function"
        )
    executable, place = program.executable, program.placement
    traced = compiled._traced
    captured = traced.captured
    parts = {
        "name": traced.fun_name,
        "types": compiled._argument_types,
        "out_types": traced.ir.out_types,
        "captured": [(to_numpy(x.buffer), typeof(x)) for x in captured],
        "kept": program.kept,
        "devices": place.devices,
        "mesh": place.mesh,
        "committed": place.committed,
        "ins": [public(s) for s in place.in_shardings],
        "outs": [public(s) for s in executable.out_shardings],
        "program": default_backend().save(executable),
    }
    data = io.BytesIO()
    _Writer(data).dump(parts)
    return data.getvalue(), compiled.in_tree, compiled.out_tree


def deserialize_and_load(
    serialized: bytes, in_tree: Any, out_tree: Any, backend: Any = None,
    execution_devices: Sequence[Any] | None = None,
) -> Compiled:  # fmt: skip
    """The compiled program behind bytes of `serialize`. Never read bytes of unknown origin.

    Args:
        serialized: the bytes.
        in_tree: structure of (positional, named) arguments.
        out_tree: structure of the results.
        backend: accepted for compatibility.
        execution_devices: devices to run on instead, as many as it was compiled for.

    Raises:
        KeyError: a device that it was compiled for is not here.
    """
    held = default_backend()
    devices = {d.id: d for d in held.devices()}
    if execution_devices is not None:
        numbers = _numbers(serialized)
        if len(numbers) != len(execution_devices):
            raise ValueError(
                f"the program runs on {len(numbers)} devices, got {len(execution_devices)}"
            )
        devices |= dict(zip(numbers, execution_devices, strict=True))
    parts = _Reader(serialized, devices).load()
    ins, outs = parts["ins"], parts["outs"]
    ranks = [t.words.ndim for _, t in parts["captured"]] + [t.words.ndim for t in parts["types"]]
    place = Placement(
        parts["devices"],
        tuple(held.sharding(s, n) for s, n in zip(ins, ranks, strict=True)),
        parts["committed"],
        parts["mesh"],
    )
    executable = held.load(parts["program"], parts["devices"])
    types = parts["out_types"]
    places = [held.sharding(s, t.words.ndim) for s, t in zip(outs, types, strict=True)]
    executable.bind_types(types, places, parts["committed"])
    parts["captured"] = [held.relabel(put(words, t.words), t) for words, t in parts["captured"]]
    return Loaded(parts, Program(executable, place, parts["kept"]), in_tree, out_tree)


def _numbers(serialized: bytes) -> list[int]:
    """Numbers of the devices that a program was compiled for."""

    class Same(dict[int, int]):
        def __missing__(self, key: int) -> int:
            return key

    return list(_Reader(serialized, Same()).load()["devices"])
