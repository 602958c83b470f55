"""Random programs over all primitives that have cases, control flow included.

Each step applies a primitive as one of its cases in `tests/cases` does, with one operand made
of an earlier value: brought to the operand's shape and into its domain by smooth functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ms_func import lax
from ms_func.dtypes import is_inexact
from ms_func.ir import ArrayType
from ms_func.ir.primitive import NotSupported, Primitive
from ms_func.ir.types import typeof
from tests.cases.case import Case
from tests.cases.primitives import CASES, PRIMITIVES
from tests.support.programs import Program, Step

F64 = np.dtype(np.float64)
LARGEST = 24
FACTORS = ("cholesky", "eigh", "lu", "qr", "svd", "triangular_solve")
"""Whose cases ask for one order only because differences of more are dear."""


def _usable(p: Primitive, case: Case) -> bool:
    """Whether three derivatives exist, and nothing happens beside the computation."""
    if p.effects is not None or p.host or "float64" not in case.dtypes:
        return False
    if case.orders < 2 and p.name not in FACTORS:
        return False
    if isinstance(p.ref, NotSupported) or isinstance(p.jvp, NotSupported) or not case.smooth:
        return False
    if isinstance(p.batch, NotSupported) or case.batch_args is not None:
        return False
    return bool(_fed(case)) and sum(int(np.prod(a.shape)) for a in case.args) <= 200


def _fed(case: Case) -> list[int]:
    """Operands that an earlier value may stand in for."""
    return [
        i
        for i, a in enumerate(case.args)
        if a.dtype in (None, "float64") and i not in case.inactive
    ]


POOL = {
    name: [c for c in cases if _usable(PRIMITIVES[name], c)]
    for name, cases in CASES.items()
    if name != "sharding_constraint" and any(_usable(PRIMITIVES[name], c) for c in cases)
}
"""Usable cases of each primitive."""


def flat(x: Any) -> Any:
    return lax.reshape(x, (typeof(x).size,))


def fitted(x: Any, shape: tuple[int, ...]) -> Any:
    """The elements of `x`, repeated or cut to a shape."""
    n, x = int(np.prod(shape)), flat(x)
    have = typeof(x).size
    if have == 0:
        return lax.broadcast_in_dim(np.float64(0.3), shape, ())
    if have < n:
        x = lax.concatenate([x] * -(-n // have), 0)
    return lax.reshape(lax.slice(x, (0,), (n,)), shape)


def applied(p: Primitive, case: Case, which: int, value: Any) -> Any:
    """Result of the primitive with an earlier value in the place of one operand."""
    args = case.arrays("float64", p.name)
    arg = case.args[which]
    if isinstance(arg.domain, tuple):
        lo, hi = arg.domain
        inside = lax.logistic(fitted(value, arg.shape))
        args[which] = lax.add(lax.mul(inside, 0.8 * (hi - lo)), lo + 0.1 * (hi - lo))
    else:  # what makes the operand special, such as being triangular, survives a factor
        factor = lax.reshape(lax.tanh(fitted(value, (1,))), ())
        args[which] = lax.mul(args[which], lax.add(lax.mul(factor, 0.05), 1.0))
    out = p.bind(*args, **case.params)
    outs = [x for x in (out if p.multiple_results else [out]) if is_inexact(typeof(x).dtype)]
    total = None
    for x in outs:
        x = lax.real(x) if typeof(x).dtype.kind == "c" else x
        x = lax.asinh(lax.convert_element_type(x, F64))
        part = fitted(x, (min(max(typeof(x).size, 1), LARGEST),))
        total = part if total is None else lax.concatenate([total, part], 0)
    return fitted(value, (1,)) if total is None else total


def _step(p: Primitive, case: Case, which: int) -> Callable[[Any], Any]:
    return lambda x: applied(p, case, which, x)


@st.composite
def all_programs(draw: Any, shape: tuple[int, ...] = (2, 2, 2), max_steps: int = 3) -> Program:
    """Programs of one argument and one result of one shape, over every primitive."""
    steps: list[Step] = []
    for k in range(draw(st.integers(1, max_steps))):
        name = draw(st.sampled_from(sorted(POOL)))
        number = draw(st.integers(0, len(POOL[name]) - 1))
        case = POOL[name][number]
        which = draw(st.sampled_from(_fed(case)))
        steps.append(
            Step(f"{name}-{number}.{which}", _step(PRIMITIVES[name], case, which),
                 (draw(st.integers(0, k)),))
        )  # fmt: skip
    n = len(steps)
    steps.append(Step("both", lambda x, y: lax.add(fitted(x, shape), lax.mul(y, 0.5)), (n, 0)))
    return Program([ArrayType(shape, F64)], steps, [n + 1])
