"""Functions applied as a unit instead of inlined, such as a nested `jit`.

Every transform of a call is a call of the transformed function, which is made once however
often the function is called. `call_like` gives these rules to any primitive with a parameter
`fn`; `call` is the plain one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.control_flow.program_primitive import computed_by
from ms_func.ir.function import Function
from ms_func.ir.primitive import (
    Primitive,
    register,
)
from ms_func.primitives.families import is_linear
from ms_func.transforms.batch import batch
from ms_func.transforms.discharge import Uses, discharged
from ms_func.transforms.jet import in_rows, jet
from ms_func.transforms.jvp import jvp
from ms_func.transforms.partial_eval import partial_eval
from ms_func.transforms.passes import prune
from ms_func.transforms.transpose import transpose
from ms_func.transforms.zeros import instantiate, is_live, nonzeros, with_zeros


def _prune(used: tuple[bool, ...], *, fn: Function, **params: Any) -> Any:
    made, operands = prune(fn, used)
    return operands, used, {**params, "fn": made}


class _Rules:
    """Transform rules of a call-like primitive: each applies it to a transformed function."""

    def __init__(self) -> None:
        self.primitive: Primitive

    def jvp(
        self, primals: Sequence[Any], tangents: Sequence[Any], *, fn: Function, **params: Any
    ) -> Any:
        made, nonzero = jvp(fn, is_live(tangents))
        outs = self.primitive.bind(*primals, *nonzeros(tangents), fn=made, **params)
        n = len(fn.results)
        return outs[:n], with_zeros(nonzero, outs[n:], fn.out_types)

    def jet(
        self, primals: Sequence[Any], series: Any, order: int, *, fn: Function, **params: Any
    ) -> Any:
        made, found = jet(fn, order, tuple(s is not None for s in series))
        terms = [c for s in series if s is not None for c in s]
        outs = self.primitive.bind(*primals, *terms, fn=made, **params)
        return outs[: len(fn.results)], in_rows(outs[len(fn.results) :], found, order)

    def transpose(
        self, cts: Sequence[Any], *operands: Any, fn: Function, **params: Any
    ) -> list[Any]:
        linear = tuple(is_linear(x) for x in operands)
        made = transpose(fn, linear)
        others = [x for x, lin in zip(operands, linear, strict=True) if not lin]
        outs = iter(self.primitive.bind(*others, *map(instantiate, cts), fn=made, **params))
        return [next(outs) if lin else None for lin in linear]

    def batch(self, size: int, args: Any, dims: Any, *, fn: Function, **params: Any) -> Any:
        made, out_dims = batch(fn, size, tuple(dims), ("any",) * len(fn.results))
        return self.primitive.bind(*args, fn=made, **params), out_dims

    def partial(self, split: Any, args: Any, params: dict[str, Any]) -> list[Any]:
        """Known part called now, the rest called on residuals when its inputs are known."""
        unknown = tuple(split.is_unknown(a) for a in args)
        known_fn, rest_fn, mask = partial_eval(params["fn"], unknown)
        ready = tuple(a for a, u in zip(args, unknown, strict=True) if not u)
        outs = split.bind_known(self.primitive, ready, {**params, "fn": known_fn})
        n = len(mask) - sum(mask)
        waiting = [a for a, u in zip(args, unknown, strict=True) if u]
        later = split.unknown.bind(self.primitive, (*outs[n:], *waiting), {**params, "fn": rest_fn})
        first, rest = iter(outs[:n]), iter(later)
        return [next(rest) if u else next(first) for u in mask]


def call_like(name: str, **slots: Any) -> Primitive:
    """Make and register a primitive that applies its parameter `fn` as a unit.

    Args:
        name: name in the IR.
        **slots: further slots of `Primitive`, and those that differ from what follows from `fn`.
    """
    rules = _Rules()
    rules.primitive = register(
        Primitive(
            name,
            **{
                **computed_by("fn"),
                "jvp": rules.jvp,
                "jet": rules.jet,
                "transpose": rules.transpose,
                "batch": rules.batch,
                "partial": rules.partial,
                "prune": _prune,
                **slots,
            },
        )
    )
    return rules.primitive


def _lower(b: Any, eqn: Any, *values: Any) -> Sequence[Any]:
    fn = eqn.params["fn"]
    if eqn.params["inline"]:
        return b.inline(fn, values)
    return b.call(fn, values, eqn.params["name"])


def _refs(uses: Uses) -> tuple[list[Any], dict[int, Any]]:
    fn = uses.params["fn"]
    made, written = discharged(fn)
    outs = call_p.bind(*uses.operands, **{**uses.params, "fn": made})
    n = len(fn.results)
    return outs[:n], dict(zip(written, outs[n:], strict=True))


call_p = call_like("call", lower=_lower, transparent=True, refs=_refs)


def call(fn: Function, *args: Any, name: str = "f", inline: bool = False) -> list[Any]:
    """Apply `fn` to flat operands as one equation."""
    return call_p.bind(*args, fn=fn, name=name, inline=inline)
