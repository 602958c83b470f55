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
    """`x.at`: `x.at[index]` gives an `IndexRef`, whose methods update elements of `x`.

    Nothing is changed in place: each method gives a new array. Under `jit` the compiler writes
    into the memory of the old one where nobody needs it any more.

    Example:
        >>> x = np.array([1.0, 2.0, 3.0])
        >>> x.at[1:].set(0), x.at[0].add(10)
        (Array([1., 0., 0.], dtype=float32), Array([11.,  2.,  3.], dtype=float32))
        >>> x
        Array([1., 2., 3.], dtype=float32)
    """

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
        out_sharding: sharding of the result.
        wrap_negative_indices: whether negative indices count from the end; else they are out of
            bounds.

    Values are converted to the dtype of `x`, with a `FutureWarning` where that loses something.
    Where elements are named twice, `set` keeps an unspecified one of the values, and the
    other methods apply all of them.

    Raises:
        ValueError: values do not broadcast to what the index names, or there is no such mode.
        IndexError: there are more indices than dimensions.

    Example:
        >>> x = np.array([1.0, 2.0, 3.0])
        >>> x.at[np.array([0, 0, 2])].add(1)
        Array([3., 2., 4.], dtype=float32)
        >>> x.at[np.array([0, 7])].set(9), x.at[np.array([0, 7])].set(9, mode="clip")
        (Array([9., 2., 3.], dtype=float32), Array([9., 2., 9.], dtype=float32))
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
        """`x[index]`, with a choice of what is read out of bounds and of the layout.

        Args:
            indices_are_sorted: promise that the indices increase.
            unique_indices: promise that no element is named twice.
            mode: out of bounds, "clip" reads the nearest element, "fill" reads `fill_value`;
                "promise_in_bounds" (the default) the nearest one, too.
            fill_value: read with the mode "fill"; by default NaN, the smallest signed, the largest
                unsigned integer, or True.
            out_sharding: sharding of the result.
            wrap_negative_indices: whether negative indices count from the end.

        Raises:
            ValueError: there is no such mode.

        Example:
            >>> x = np.array([1.0, 2.0, 3.0])
            >>> i = np.array([0, -1, 7])
            >>> x.at[i].get(), x.at[i].get(mode="fill")
            (Array([1., 3., 3.], dtype=float32), Array([ 1.,  3., nan], dtype=float32))
            >>> x.at[i].get(mode="fill", fill_value=0)
            Array([1., 3., 0.], dtype=float32)
        """
        if out_sharding is not None:
            return laid_out(
                out_sharding, self.get, indices_are_sorted=indices_are_sorted,
                unique_indices=unique_indices, mode=mode, fill_value=fill_value,
                wrap_negative_indices=wrap_negative_indices,
            )  # fmt: skip
        if mode is None:
            mode = "promise_in_bounds"
        mode = mode_name(mode)
        nearest = mode == "promise_in_bounds"  # where that is broken
        below = meaning_below("clip" if nearest else mode, wrap_negative_indices)
        return indexing.read(
            self.array, self.index, False, mode, fill_value, below,
            indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
        )  # fmt: skip

    def set(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] = values`.

        Args:
            values: array or number that broadcasts to what the index names.
            **options: as of the class.

        Example:
            >>> np.zeros((2, 3)).at[:, 1].set(np.array([5, 6]))
            Array([[0., 5., 0.],
                   [0., 6., 0.]], dtype=float32)
        """
        return update(self.array, self.index, values, "set", **options)

    def add(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] += values`, as often as each element is named.

        Args:
            values: array or number that broadcasts to what the index names.
            **options: as of the class.

        Example:
            >>> np.array([1.0, 2.0, 3.0]).at[np.array([0, 0, 2])].add(np.array([10, 20, 30]))
            Array([31.,  2., 33.], dtype=float32)
        """
        return update(self.array, self.index, values, "add", **options)

    def subtract(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] -= values`, as often as each element is named.

        Args:
            values: array or number that broadcasts to what the index names.
            **options: as of the class.

        Example:
            >>> np.array([1.0, 2.0, 3.0]).at[1:].subtract(1)
            Array([1., 1., 2.], dtype=float32)
        """
        return update(self.array, self.index, values, "subtract", **options)

    def multiply(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] *= values`, as often as each element is named. Also `mul`.

        Args:
            values: array or number that broadcasts to what the index names.
            **options: as of the class.

        Example:
            >>> np.array([1.0, 2.0, 3.0]).at[np.array([1, 1])].multiply(10)
            Array([  1., 200.,   3.], dtype=float32)
        """
        return update(self.array, self.index, values, "multiply", **options)

    mul = multiply

    def divide(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] /= values`; integers become floats, as of `/`.

        Args:
            values: array or number that broadcasts to what the index names.
            **options: as of the class.

        Example:
            >>> np.array([1.0, 2.0, 3.0]).at[1].divide(4)
            Array([1. , 0.5, 3. ], dtype=float32)
        """
        factors = update(fill(1, typeof(self.array)), self.index, values, "multiply", **options)
        return arithmetic.divide(self.array, factors)

    def power(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] **= values`, as often as each element is named.

        Args:
            values: array or number that broadcasts to what the index names.
            **options: as of the class.

        Example:
            >>> np.array([1.0, 2.0, 3.0]).at[1:].power(2)
            Array([1., 4., 9.], dtype=float32)
        """
        powers = update(fill(1, typeof(self.array)), self.index, values, "multiply", **options)
        return convert(arithmetic.power(self.array, powers), self.array.dtype)

    def min(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] = minimum(x[index], values)`.

        Args:
            values: array or number that broadcasts to what the index names.
            **options: as of the class.

        Example:
            >>> np.array([1.0, 2.0, 3.0]).at[1:].min(2.5)
            Array([1. , 2. , 2.5], dtype=float32)
        """
        return update(self.array, self.index, values, "min", **options)

    def max(self, values: ArrayLike, **options: Any) -> Array:
        """New array with `x[index] = maximum(x[index], values)`.

        Args:
            values: array or number that broadcasts to what the index names.
            **options: as of the class.

        Example:
            >>> np.array([1.0, 2.0, 3.0]).at[np.array([0, 0])].max(np.array([5, 4]))
            Array([5., 2., 3.], dtype=float32)
        """
        return update(self.array, self.index, values, "max", **options)

    def apply(self, func: Callable[[Any], Any], **options: Any) -> Array:
        """New array with `x[index] = func(x[index])`, as often as each element is named.

        Args:
            func: elementwise function.
            **options: as of the other methods; `unique_indices` saves the search for repetitions.

        Example:
            >>> np.array([1.0, 2.0, 3.0]).at[np.array([0, 2, 2])].apply(lambda v: v + 10)
            Array([11.,  2., 23.], dtype=float32)
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
