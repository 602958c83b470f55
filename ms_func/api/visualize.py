"""Which device holds which part of an array, drawn as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func import tree
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.sharding import Sharding
from ms_func.primitives.sharding import inspect_sharding_p
from ms_func.tracing.tracer import Tracer


def inspect_array_sharding(value: Any, *, callback: Callable[[Sharding], None]) -> None:
    """Call a function with the placement of each array of a tree.

    That of a traced value is told when the program has been compiled, once for each program.

    Args:
        value: arrays or traced values, or trees of them.
        callback: function of a sharding.

    Raises:
        UnsupportedError: when the program is compiled: it is one for several devices, and a value
            stands in a loop or a branch.

    Example:
        >>> import ms_func.numpy as np
        >>> inspect_array_sharding(np.ones(3), callback=lambda s: print(s.is_fully_replicated))
        True
        >>> @ms.jit
        ... def f(x):
        ...     ms.debug.inspect_array_sharding(2 * x, callback=lambda s: print(s.num_devices))
        >>> f(np.ones(3))
        1
    """
    for x in tree.leaves(value):
        if isinstance(x, Tracer):
            inspect_sharding_p.bind(x, tell=callback)
        elif isinstance(x, Array):
            callback(x.sharding)
        else:
            raise ArgumentTypeError(
                f"inspect_array_sharding takes arrays, got {type(x).__name__}\nfix: use asarray"
            )


def visualize_array_sharding(arr: Any, **kwargs: Any) -> None:
    """Print which device holds which part of an array of one or two dimensions.

    Args:
        arr: the array.
        **kwargs: see `visualize_sharding`.

    Example:
        >>> import ms_func.numpy as np
        >>> visualize_array_sharding(np.ones((2, 4)))
        ┌───────┐
        │ CPU 0 │
        └───────┘
    """
    inspect_array_sharding(
        arr, callback=lambda sharding: visualize_sharding(arr.shape, sharding, **kwargs)
    )


def visualize_sharding(
    shape: Sequence[int], sharding: Sharding, *, use_color: bool = True, scale: float = 1.0,
    min_width: int = 9, max_width: int = 80, color_map: Any = None,
) -> None:  # fmt: skip
    """Print which device holds which part of an array of that shape.

    Args:
        shape: of one or two dimensions; one of one dimension is drawn as a row.
        sharding: how it is placed.
        use_color: accepted; the drawing has no colors.
        scale: width of the drawing relative to that of its words.
        min_width: least width of a part in characters.
        max_width: accepted; a part is as wide as the names of its devices.
        color_map: accepted like `use_color`.

    Raises:
        ValueError: more than two dimensions, or none.

    Example:
        >>> place = ms.sharding.SingleDeviceSharding(ms.devices("cpu")[0])
        >>> ms.debug.visualize_sharding((4,), place)
        ┌───────┐
        │ CPU 0 │
        └───────┘
    """
    del use_color, max_width, color_map
    if not 1 <= len(shape) <= 2:
        raise ArgumentValueError(
            f"visualize_sharding draws arrays of one or two dimensions, got shape {tuple(shape)}"
        )
    parts = _parts(shape, sharding)
    rows, columns = ({place[k] for place in parts} for k in (0, 1))
    text = {place: f" {_names(devices)} " for place, devices in parts.items()}
    width = max(min_width - 2, *(max(len(t), round(scale * len(t))) for t in text.values()))
    table = [[text[i, j].center(width) for j in sorted(columns)] for i in sorted(rows)]
    print(_drawn(table, width))


def _parts(shape: Sequence[int], sharding: Sharding) -> dict[tuple[int, int], list[Any]]:
    """The devices of each part, by where it begins."""
    found: dict[tuple[int, int], list[Any]] = {}
    for device, index in sharding.devices_indices_map(tuple(shape)).items():
        starts = [s.start or 0 for s in index]
        place = (0, starts[0]) if len(starts) == 1 else (starts[0], starts[1])
        found.setdefault(place, []).append(device)
    return found


def _names(devices: Sequence[Any]) -> str:
    numbers = ",".join(str(n) for n in sorted(d.id for d in devices))
    return f"{devices[0].platform.upper()} {numbers}"


def _drawn(table: list[list[str]], width: int) -> str:
    columns = len(table[0])

    def line(left: str, middle: str, right: str) -> str:
        return left + middle.join(["─" * width] * columns) + right

    rows = [f"│{'│'.join(row)}│" for row in table]
    between = "\n" + line("├", "┼", "┤") + "\n"
    return "\n".join([line("┌", "┬", "┐"), between.join(rows), line("└", "┴", "┘")])
