"""The search for NaN and infinity, on request: where in the program did it come up?

The results of each program are looked at. Where one holds what is searched for, the program
is evaluated again, equation by equation by the NumPy rules, on the same operands, until an
equation gives it. Equations of derivatives carry the line that they are the derivative of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import is_inexact
from ms_func.errors import NonFiniteError, UnsupportedError
from ms_func.execution.buffers import to_numpy
from ms_func.execution.compile import final_form
from ms_func.ir.evaluate import evaluate, watching
from ms_func.ir.function import Function
from ms_func.ir.loc import Loc
from ms_func.ir.primitive import Primitive


def run(program: Any, fn: Function, buffers: Sequence[Any], name: str) -> list[Any]:
    """Results of a compiled program, looked at.

    Args:
        program: to run; it computes `fn`.
        fn: what is evaluated again to find the equation.
        buffers: operands.
        name: name of the program.

    Raises:
        FloatingPointError: a result holds NaN or infinity, as searched for.
    """
    if not config.searching():
        return program.run(buffers)
    values = [np.array(to_numpy(b)) for b in buffers]  # now: some may be donated
    outs = program.run(buffers)
    for buffer in outs:
        found = _kind_of(to_numpy(buffer))
        if found is not None:
            raise _located(fn, values, found, name)
    return outs


def _kind_of(x: Any) -> str | None:
    """What is searched for and an array holds: "nan", "inf" or neither."""
    x = np.asarray(x)
    if not is_inexact(x.dtype):
        return None
    if x.dtype.kind == "V" or x.dtype.itemsize < 2:  # NumPy does not know it
        x = x.astype(np.float32)
    with np.errstate(all="ignore"):
        if config.debug_nans.value and np.isnan(x).any():
            return "nan"
        return "inf" if config.debug_infs.value and np.isinf(x).any() else None


def _located(fn: Function, values: Sequence[np.ndarray], kind: str, name: str) -> Exception:
    """The error for the first equation that gives what was found in a result."""

    def look(
        primitive: Primitive, ins: Sequence[Any], outs: Sequence[Any], loc: Loc | None
    ) -> None:
        if any(_kind_of(x) == kind for x in outs):
            raise _error(primitive.name, kind, loc, any(_kind_of(x) == kind for x in ins))

    try:
        with watching(look):
            evaluate(final_form.rule(fn), *values)
    except NonFiniteError as error:
        return error
    except UnsupportedError:  # an operation that has no NumPy rule, or must not happen twice
        pass
    return NonFiniteError(
        f"invalid value ({kind}) encountered in {name}\n"
        "It was not met again when the operations were evaluated one by one."
    )


def _error(name: str, kind: str, loc: Loc | None, before: bool) -> Exception:
    text = f"invalid value ({kind}) encountered in {name}"
    if before:
        text += f"\nOne of its operands is {kind} already: so it came with the arguments."
    return NonFiniteError(text, loc)
