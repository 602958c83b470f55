"""Which arguments of the user's function a traced value depends on, for error messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func import config
from ms_func.ir.function import Eqn, Var

_MOST_LINES = 5


class Source:
    """The user's function behind a recording.

    Attributes:
        what: who records it, as `jit` or `scan`.
        fun: the function.
        names: gives the name of each parameter of the recording.
        parameters: the variables of these.
    """

    __slots__ = ("fun", "names", "parameters", "what")

    def __init__(self, what: str, fun: Any, names: Callable[[], Sequence[str]]) -> None:
        self.what, self.fun, self.names = what, fun, names
        self.parameters: Sequence[Var] = ()

    def because(self, eqns: Sequence[Eqn], var: Var) -> str:
        """Why `var` has no value yet, in a line of its own that begins with a line break."""
        if (getattr(self.fun, "__module__", None) or "").startswith("ms_func."):
            return ""  # a body that a function of the library made around the user's
        used = _ancestors(eqns, var)
        named = zip(self.names(), self.parameters, strict=False)
        names = [name for name, v in named if v in used]
        where = (
            f"\nThe error occurred while tracing the function {_place(self.fun)} for {self.what}."
        )
        if names:
            return f"{where} {_depends(names)}"
        made = [e for e in eqns if any(v in used for v in e.outputs)]
        return f"{where} {_became(made)}" if made else where


def _depends(names: Sequence[str]) -> str:
    many = "s" if len(names) > 1 else ""
    listed = names[0] if not many else f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        "This concrete value was not available in Python because it depends on the "
        f"value{many} of the argument{many} {listed}."
    )


def _became(made: Sequence[Eqn]) -> str:
    lines = "".join(
        f"\n\n  operation {e.primitive.name} gives {', '.join(str(v.type) for v in e.outputs)}"
        f"\n    from line {e.loc}"
        for e in made[:_MOST_LINES]
    )
    kind = "JAX " if config.jax_rules() else ""
    more = "\n\nAdditional originating lines are not shown." if made[_MOST_LINES:] else ""
    return f"This value became a tracer due to {kind}operations on these lines:{lines}{more}"


def _ancestors(eqns: Sequence[Eqn], var: Var) -> set[Any]:
    """Variables that `var` is computed from, itself included."""
    found: set[Any] = {var}
    for eqn in reversed(eqns):
        if any(v in found for v in eqn.outputs):
            found.update(x for x in eqn.inputs if type(x) is Var)
    return found


def _place(fun: Any) -> str:
    while hasattr(fun, "__wrapped__"):
        fun = fun.__wrapped__
    code = getattr(fun, "__code__", None)
    name = getattr(fun, "__name__", type(fun).__name__)
    return name if code is None else f"{name} at {code.co_filename}:{code.co_firstlineno}"
