"""`x.at[index]` and its methods: new arrays with some elements changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.control_flow.while_loop import while_loop
from ms_func.execution.array import Array
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import arithmetic, indexing, reductions
from ms_func.numpy.indexing import parse
from ms_func.numpy.promotion import ArrayLike, broadcast, convert, fill
from ms_func.numpy.updates import meaning_below, mode_name, update
from ms_func.primitives import compare
from ms_func.primitives.sharding import laid_out


class IndexUpdater:
    """`x.at`: takes an index and gives an `IndexRef`."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __getitem__(self, index: Any) -> IndexRef:
        return IndexRef(self.array, index)

    def __repr__(self) -> str:
        return f"IndexUpdater({self.array!r})"


class IndexRef:
    """`x.at[index]`: its methods give a new array with the named elements changed.

    Every method takes these keyword arguments:
        indices_are_sorted: promise that the indices increase.
        unique_indices: promise that no element is named twice.
        mode: what becomes of indices out of bounds: "drop" (the default for updates) leaves
            them out, "clip" moves them inside, "fill" reads `fill_value`,
            "promise_in_bounds" (the default for `get`) promises that there are none.

    Where elements are named twice, `set` keeps an unspecified one of the values, and the
    other methods apply all of them.
    """

    __slots__ = ("array", "index")

    def __init__(self, array: Any, index: Any) -> None:
        self.array = array
        self.index = index

    def __repr__(self) -> str:
        return f"IndexRef({self.array!r}, {self.index!r})"

    def get(
        self, *, indices_are_sorted: bool = False, unique_indices: bool = False,
        mode: Any = None, fill_value: Any = None, out_sharding: Any = None,
        wrap_negative_indices: bool = True,
    ) -> Array:  # fmt: skip
        """`x[index]`, with a choice of what is read out of bounds and of the layout."""
        if out_sharding is not None:
            return laid_out(
                out_sharding, self.get, indices_are_sorted=indices_are_sorted,
                unique_indices=unique_indices, mode=mode, fill_value=fill_value,
                wrap_negative_indices=wrap_negative_indices,
            )  # fmt: skip
        if mode is None:
            mode = "promise_in_bounds" if fill_value is None else "fill"
        mode = mode_name(mode)
        below = meaning_below(mode, wrap_negative_indices)
        return indexing.read(
            self.array, self.index, False, mode, fill_value, below,
            indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
        )  # fmt: skip

    def set(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] = values`."""
        return update(self.array, self.index, values, "set", **options)

    def add(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] += values`."""
        return update(self.array, self.index, values, "add", **options)

    def subtract(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] -= values`."""
        return update(self.array, self.index, values, "subtract", **options)

    def multiply(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] *= values`."""
        return update(self.array, self.index, values, "multiply", **options)

    mul = multiply

    def divide(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] /= values`; integers become floats, as of `/`."""
        factors = update(fill(1, typeof(self.array)), self.index, values, "multiply", **options)
        return arithmetic.divide(self.array, factors)

    def power(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] **= values`."""
        powers = update(fill(1, typeof(self.array)), self.index, values, "multiply", **options)
        return convert(arithmetic.power(self.array, powers), self.array.dtype)

    def min(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] = minimum(x[index], values)`."""
        return update(self.array, self.index, values, "min", **options)

    def max(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] = maximum(x[index], values)`."""
        return update(self.array, self.index, values, "max", **options)

    def apply(self, func: Callable[[Any], Any], **options: Any) -> Array:
        """New array with `x[index] = func(x[index])`, as often as each element is named.

        Args:
            func: elementwise function.
            **options: as of the other methods; `unique_indices` saves the search for repetitions.
        """
        read = {k: v for k, v in options.items() if k != "mode"}
        old = self.get(mode="clip", **read)
        new = broadcast(convert(func(old), self.array.dtype), typeof(old).shape)
        parts, _ = parse(self.array.type.shape, self.index, strict=False)
        if any(p.kind == "array" for p in parts) and not options.get("unique_indices"):
            named = IndexRef(fill(0, ArrayType(self.array.type.shape, np.int32)), self.index)
            times = IndexRef(named.add(1, **options), self.index).get(mode="clip", **read)
            new = repeated(func, new, times, 1)
        return self.set(new, **options)


def repeated(func: Callable[[Any], Any], x: Any, times: Any, done: int = 0) -> Any:
    """`func` applied to each element of `x` as often as `times` says, `done` of them already."""

    def more(state: Any) -> Any:
        k, y = state
        new = convert(func(y), typeof(y).dtype)
        return arithmetic.add(k, 1), compare.select(compare.gt(times, k), new, y)

    last = reductions.max(times, initial=0)
    return while_loop(lambda state: compare.lt(state[0], last), more, (np.int32(done), x))[1]
