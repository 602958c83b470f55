"""What reverse mode would keep: the residuals of a function, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ms_func import tree
from ms_func.config import jax_rules
from ms_func.control_flow import bodies
from ms_func.control_flow.checkpoint import kept_p
from ms_func.dtypes import is_inexact
from ms_func.ir.function import Literal
from ms_func.ir.loc import Loc
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing.arguments import argument_paths, function_name
from ms_func.transforms.linearize import linearize
from ms_func.transforms.passes import simplify

_THE = {"a captured value": "a constant"}


class Residual(NamedTuple):
    """A value kept from the forward pass for the backward pass.

    Attributes:
        type: its type.
        source: the operation that computes it, or the argument it is.
        loc: the user's line, None for arguments.
    """

    type: ArrayType
    source: str
    loc: Loc | None

    def __str__(self) -> str:
        if jax_rules():
            return self._in_words_of_jax()
        where = "" if self.loc is None else f" at {self.loc}"
        return f"{self.type}, {self.type.nbytes} bytes, from {self.source}{where}"

    def _in_words_of_jax(self) -> str:
        kind = self.type.update(weak_type=False).text
        if self.loc is None:
            return f"{kind} from {_THE.get(self.source, f'the {self.source}')}"
        line, _, column, _ = self.loc.span
        named = self.source.startswith("named ")
        what = self.source if named else f"output of {self.source}"
        return f"{kind} {what} from {self.loc.file}:{line}:{column} ({self.loc.function})"


def saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Residual]:
    """Values that reverse mode through `f` keeps, largest first.

    By the rules of JAX in order of the program: what is captured, arguments, results of operations.

    Args:
        f: function of arrays or trees of arrays.
        *args: arguments; only their types matter.
        **kwargs: the same by keyword.

    Example:
        >>> from ms_func.primitives.elementwise import sin
        >>> [r.source for r in saved_residuals(lambda x: sin(x), 1.0)]
        ['cos']
    """
    leaves, in_tree = tree.flatten((args, kwargs))
    staged = bodies.stage_on_tree(
        lambda args, kwargs: f(*args, **kwargs),
        in_tree,
        [typeof(x) for x in leaves],
        function_name(f),
    )
    active = tuple(is_inexact(t.dtype) for t in staged.fn.in_types)
    primal = simplify(linearize(staged.fn, active)[0])
    producers: dict[Any, Any] = {v: e for e in primal.eqns for v in e.outputs}
    called = argument_paths(f, args, kwargs)
    names: dict[Any, str] = {
        v: f"argument {n}"
        for n, v in zip(called, primal.params[len(staged.captured) :], strict=True)
    }
    found: dict[Any, Residual] = {}
    for atom in dict.fromkeys(primal.results[len(staged.fn.results) :]):
        if type(atom) is Literal:
            continue
        eqn = producers.get(atom)
        if eqn is not None and eqn.primitive is kept_p:  # what a policy keeps, by its origin
            (atom,) = eqn.inputs
            eqn = producers.get(atom)
        source = names.get(atom, "a captured value") if eqn is None else _source(eqn)
        found[atom] = Residual(atom.type, source, None if eqn is None else eqn.loc)
    if jax_rules():
        return [found[v] for v in (*primal.params, *producers) if v in found]
    return sorted(found.values(), key=lambda r: -r.type.nbytes)


def _source(eqn: Any) -> str:
    """Name of an operation, or what the user called its result by `checkpoint_name`."""
    named = eqn.primitive.name == "name"
    return f"named {eqn.params['name']!r}" if named else eqn.primitive.name


def print_saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Print what `saved_residuals` returns, one value a line.

    Args:
        f: function of arrays or trees of arrays.
        *args: arguments; only their types matter.
        **kwargs: the same by keyword.

    Example:
        >>> from ms_func.ad_checkpoint import print_saved_residuals
        >>> print_saved_residuals(np.sin, np.float32(1.0))
        f32[], 4 bytes, from cos at ...
    """
    for residual in saved_residuals(f, *args, **kwargs):
        print(residual)
