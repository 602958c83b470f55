"""Transforms over the IR: the inverse of a function, and arithmetic in half precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import ms_func as ms
import ms_func.numpy as np
from ms_func import extend, lax

_INVERSES: dict[str, Callable[[Any], Any]] = {
    "exp": np.log, "log": np.exp, "tanh": np.arctanh, "sin": np.arcsin, "neg": lambda y: -y,
}  # fmt: skip
_WITH_CONSTANT: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda y, c: y - c, "sub": lambda y, c: y + c, "mul": lambda y, c: y / c,
    "div": lambda y, c: y * c,
}  # fmt: skip


def inverse(fun: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Inverse of a function that is a chain of invertible operations on its argument."""

    @wraps(fun)
    def inverted(y: Any) -> Any:
        fn = ms.make_ir(fun)(y)
        (value,), (result,) = fn.params, fn.results
        env: dict[Any, Any] = {result: y}
        for eqn in reversed(fn.eqns):
            if eqn.outputs[0] not in env:
                continue
            out, name = env[eqn.outputs[0]], eqn.primitive.name
            unknown, *others = sorted(eqn.inputs, key=lambda a: type(a) is extend.Literal)
            if name in _INVERSES:
                env[unknown] = _INVERSES[name](out)
            elif name in _WITH_CONSTANT and type(others[0]) is extend.Literal:
                assert eqn.inputs[0] is unknown or name in ("add", "mul")
                env[unknown] = _WITH_CONSTANT[name](out, others[0].value)
            else:
                raise extend.UnsupportedError(f"`{name}` has no inverse here", eqn.loc)
        return env[value]

    return inverted


@extend.as_transform
def halved_precision(fn: extend.Function) -> extend.Function:
    """Every floating result rounded to the precision of bfloat16."""

    def rounded(eqn: extend.Eqn, ins: list[Any]) -> list[Any] | None:
        if eqn.outputs[0].type.dtype.kind != "f":
            return None
        out = eqn.primitive.bind(*ins, **eqn.params)
        outs = out if eqn.primitive.multiple_results else [out]
        return [lax.reduce_precision(x, 8, 7) for x in outs]

    return extend.build(fn.name, fn.in_types, lambda *xs: extend.walk(fn, xs, rounded))
