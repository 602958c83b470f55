"""Applying derived programs to values: what all transforms of the public interface share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import current
from ms_func.primitives.shape import broadcast_in_dim
from ms_func.tracing.stage import Staged
from ms_func.transforms.jvp import jvp
from ms_func.transforms.passes import simplify
from ms_func.transforms.zeros import zeros

ArgNums = int | Sequence[int]


def apply(fn: Function, args: Sequence[Any]) -> list[Any]:
    """Run a program or record its equations; results are never bare literals.

    Args:
        fn: the program.
        args: one value for each of its parameters: arrays, numbers or traced values.

    Returns:
        List of results.

    Example:
        >>> program = ms.make_ir(lambda x: np.sin(x) * 2)(0.0)
        >>> ms.extend.apply(program, [0.0])
        [Array(0., dtype=float32, weak_type=True)]
    """
    return [as_value(x) for x in current.interpreter.apply(fn, args)]


def as_value(x: Any) -> Any:
    """An array in place of a literal."""
    return broadcast_in_dim(x, (), ()) if type(x) is Literal else x


def check_written(staged: Staged, active: Sequence[bool]) -> None:
    """Refuse derivatives that would flow into references from outside, which have none.

    Raises:
        ValueError: a value that depends on a differentiated argument is written to one.
    """
    nonzero = jvp(staged.fn, tuple(active))[1][staged.own :]
    for ref, dependent in zip(staged.writes, nonzero, strict=True):
        if dependent:
            raise written_without_tangent(staged.fn.name, ref)


def written_without_tangent(name: str, ref: Any) -> Exception:
    """Describe a derivative that would be lost in a reference."""
    return ArgumentValueError(
        f"`{name}` writes a differentiated value to a reference of type {ref.type} from outside, "
        "which has no derivative\n"
        "fix: write stop_gradient(value), or make the reference an argument and use jvp"
    )


def zero_value(type: Any) -> Any:
    """An array of zeros."""
    return as_value(zeros(type))


def simplified(fn: Function) -> Function:
    """`fn` after the standard passes, worked out once."""
    found = fn.memo.get("simplified")
    if found is None:
        found = fn.memo["simplified"] = simplify(fn)
    return found


def with_aux(out: Any, has_aux: bool, what: str, name: str) -> Any:
    """Result of a user function that was promised to be a pair.

    Raises:
        TypeError: it is none.
    """
    if has_aux and (not isinstance(out, (tuple, list)) or len(out) != 2):
        raise ArgumentTypeError(
            f"{what} of `{name}`: expected function with aux output to return a two-element "
            f"tuple, but got type {type(out)} with value {out!r}; it holds the value and auxiliary "
            "data"
        )
    return tuple(out) if has_aux else out


def pick(parts: Sequence[Any], argnums: ArgNums) -> Any:
    """A tuple of results per argument, or the only one where `argnums` is a number."""
    return tuple(parts) if isinstance(argnums, (tuple, list)) else parts[0]
