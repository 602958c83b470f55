"""`jax.experimental.custom_partitioning`: functions with rules for their partition.

The rules say how XLA may split a function that it cannot look into. Here a program is split with
all of its operations in view, so the function is recorded as any other and the rules are not asked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ms_func.errors import ArgumentTypeError, ArgumentValueError

__all__ = ["BATCHING", "ArrayMapping", "CompoundFactor", "SdyShardingRule", "custom_partitioning"]

BATCHING = "…"
"""Stands for the leading dimensions of an operand."""


class CompoundFactor(tuple[str, ...]):
    """A dimension that is the product of several factors, major first."""

    __slots__ = ()

    def __new__(cls, *factors: str) -> CompoundFactor:
        """From the names of the factors.

        Raises:
            ValueError: there are fewer than two, or one is no name.
        """
        if len(factors) < 2:
            raise ArgumentValueError("A compound factor should contain at least two factors")
        if not all(isinstance(f, str) for f in factors):
            raise ArgumentValueError("Each element of CompoundFactor must be a str")
        return super().__new__(cls, factors)


class ArrayMapping(tuple[Any, ...]):
    """The factor, or compound factor, of each dimension of an array."""

    __slots__ = ()

    def __new__(cls, *dim_mappings: Any) -> ArrayMapping:
        """From the factors of the dimensions.

        Raises:
            ValueError: one is neither a name nor a `CompoundFactor`.
        """
        if not all(isinstance(d, (str, CompoundFactor)) for d in dim_mappings):
            raise ArgumentValueError("Each element of ArrayMapping must be a str or CompoundFactor")
        return super().__new__(cls, dim_mappings)


class SdyShardingRule:
    """Which dimensions of operands and results belong together.

    Args:
        operand_mappings, result_mappings: an `ArrayMapping` for each array.
        reduction_factors, need_replication_factors, permutation_factors: factors that results do
            not have, that may not be split, and whose order changes.
        **factor_sizes: sizes of factors that only stand in compound factors.
    """

    def __init__(
        self, operand_mappings: tuple[ArrayMapping, ...],
        result_mappings: tuple[ArrayMapping, ...], *, reduction_factors: tuple[str, ...] = (),
        need_replication_factors: tuple[str, ...] = (), permutation_factors: tuple[str, ...] = (),
        **factor_sizes: int,
    ) -> None:  # fmt: skip
        self.operand_mappings, self.result_mappings = operand_mappings, result_mappings
        self.reduction_factors = reduction_factors
        self.need_replication_factors = need_replication_factors
        self.permutation_factors = permutation_factors
        self.factor_sizes = factor_sizes


class custom_partitioning:
    """A function that brings rules for its partition.

    Args:
        fun: function of arrays.
        static_argnums: positions of arguments that are no arrays.
    """

    def __init__(self, fun: Callable[..., Any], static_argnums: Any = ()) -> None:
        self.fun, self.static_argnums = fun, static_argnums
        functools.update_wrapper(self, fun)
        self.partition: Callable[..., Any] | None = None

    def def_partition(
        self, partition: Callable[..., Any], infer_sharding_from_operands: Any = None,
        propagate_user_sharding: Any = None, decode_shardings: bool = True,
        sharding_rule: Any = None, *, reduction_factors: Any = (),
        need_replication_factors: Any = (), permutation_factors: Any = (), **factor_sizes: int,
    ) -> Callable[..., Any]:  # fmt: skip
        """Give the rules, which are kept and not asked. Returns `partition`."""
        if not callable(partition):
            raise ArgumentTypeError(f"partition must be a function, got {partition!r}")
        self.partition = partition
        return partition

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the function.

        Raises:
            AttributeError: no rules were given.
        """
        if self.partition is None:
            raise AttributeError(
                f"custom_partitioning {getattr(self.fun, '__name__', self.fun)!r} has no rules\n"
                "fix: call its def_partition first"
            )
        return self.fun(*args, **kwargs)
