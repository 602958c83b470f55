"""What `custom_jvp` and `custom_vjp` share: when a rule is recorded, and how it is called.

A rule is recorded together with the call, while the values it closes over are still being
traced. A rule that cannot be recorded then, because it calls the function it belongs to or
because what it sees depends on which tangents vanish, is recorded when a derivative asks
for it; until then the program holds a `Deferred` in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ms_func import tree
from ms_func.config import jax_rules
from ms_func.control_flow.identities import stop_gradient
from ms_func.dtypes import float0, is_inexact
from ms_func.errors import ArgumentTypeError, UnexpectedTracerError
from ms_func.ir.axes import Change, environment, in_environment, renamed
from ms_func.ir.function import Function
from ms_func.ir.host import Identity
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.cast import convert_element_type
from ms_func.tracing import leaks
from ms_func.tracing.arguments import (
    beside_doubles,
    leaf_types,
    normalize_argnums,
    parameters,
    signature,
)
from ms_func.tracing.policy import user_function
from ms_func.tracing.stage import Staged, stage
from ms_func.tracing.tracer import Staging, Tracer
from ms_func.transforms.partial_eval import Splitting
from ms_func.transforms.zeros import zeros

Mask = tuple[bool, ...]


class Deferred:
    """A rule that is recorded when it is needed, once for each case, such as which tangents live.

    Two are equal if they come from the same Python rule, called for the same structure,
    types and fixed arguments, under the same named axes.

    Attributes:
        axes: named axes in force where the rule belongs; it is recorded under them.
        axis_names_used: names of axes that the rule may refer to.
    """

    __slots__ = ("_made", "axes", "axis_names_used", "key", "make")

    def __init__(
        self,
        key: tuple[Any, ...],
        make: Callable[[Any], Any],
        names: frozenset[Any] | None = None,
    ) -> None:
        self.axes = environment()
        self.key = (*key, self.axes) if self.axes else key
        self.make = make
        self.axis_names_used = frozenset(a.name for a in self.axes) if names is None else names
        self._made: dict[Any, Any] = {}

    def recorded(self, case: Any) -> Any:
        """The rule recorded for a mask, or for whatever tells the cases apart."""
        if case not in self._made:
            with in_environment(self.axes):
                self._made[case] = self.make(case)
        return self._made[case]

    def with_axes_renamed(self, names: Mapping[Any, Any], change: Change | None) -> Deferred:
        """The rule with names of axes replaced in what is recorded; see `ir.axes.renamed`."""
        if change is None and self.axis_names_used.isdisjoint(names):
            return self
        used = frozenset(names.get(a, a) for a in self.axis_names_used)
        key = ("renamed", self, *names.items(), change)
        return Deferred(key, lambda case: _renamed(self.recorded(case), names, change), used)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Deferred) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return "deferred"


def _renamed(made: Any, names: Mapping[Any, Any], change: Change | None) -> Any:
    """What was recorded late, programs or tuples of them and of arrays, with names replaced."""
    if isinstance(made, Function):
        return renamed(made, names, change)
    if isinstance(made, Deferred):
        return made.with_axes_renamed(names, change)
    if isinstance(made, tuple):
        parts = [_renamed(part, names, change) for part in made]
        return type(made)(*parts) if hasattr(made, "_fields") else tuple(parts)
    return made


class SymbolicZero:
    """A tangent or cotangent known to be zero, as rules with `symbolic_zeros` see it.

    Attributes:
        aval: its type; `shape` and `dtype` are those of the type.

    Example:
        >>> from functools import partial
        >>> @ms.custom_jvp
        ... def product(x, y):
        ...     return x * y
        >>> @partial(product.defjvp, symbolic_zeros=True)
        ... def rule(primals, tangents):
        ...     (x, y), (tx, ty) = primals, tangents
        ...     print(type(ty).__name__, ty.shape)
        ...     return x * y, tx * y
        >>> float(ms.grad(product)(2.0, 3.0))
        SymbolicZero ()
        3.0
    """

    __slots__ = ("aval",)

    def __init__(self, aval: ArrayType) -> None:
        self.aval = aval

    @property
    def type(self) -> ArrayType:
        """The type."""
        return self.aval

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.aval.ndim

    def __repr__(self) -> str:
        return f"SymbolicZero({self.aval})"


# --- when -------------------------------------------------------------------------------------


class _Depth(threading.local):
    value = 0


_depth = _Depth()
_MAX_DEPTH = 4


@contextmanager
def inside_rule() -> Iterator[None]:
    """Mark that a rule is being recorded in this thread."""
    _depth.value += 1
    try:
        yield
    finally:
        _depth.value -= 1


def recording() -> bool:
    """Whether operations are being recorded rather than run."""
    return isinstance(current.interpreter, Staging | Splitting)


def record_now(captured: Sequence[Any]) -> bool:
    """Whether a rule should be recorded with the call.

    Inside another rule it is only if the function closes over traced values, and down to a
    depth that covers fourth derivatives: rules may call each other without end.
    """
    if _depth.value == 0:
        return True
    return _depth.value < _MAX_DEPTH and any(type(x) is Tracer for x in captured)


def without_tracers(staged: Staged, name: str) -> Staged:
    """A rule recorded late, which must not close over values of a trace that is not its own.

    Raises:
        UnexpectedTracerError: it does.
    """
    for x in staged.captured:
        if type(x) is Tracer:
            raise UnexpectedTracerError(
                f"the derivative rule of `{name}` closes over a traced value of type {x.type}, "
                "and is needed after that trace, for a higher derivative or because the rule "
                f"calls `{name}` itself\nfix: pass the value to `{name}` as an argument"
            )
    return staged


# --- arguments ----------------------------------------------------------------------------------


class Call(NamedTuple):
    """Arguments of one call, fixed ones apart.

    Attributes:
        fixed: arguments that are not differentiated, in the order of their positions.
        leaves: leaves of the others.
        in_tree: structure of the tuple of the others.
        types: types of the leaves.
        places: positions of the fixed arguments.
    """

    fixed: tuple[Any, ...]
    leaves: list[Any]
    in_tree: Any
    types: list[ArrayType]
    places: tuple[int, ...]

    def arguments(self, leaves: Sequence[Any]) -> list[Any]:
        """All arguments, in order, with other leaves."""
        args = list(tree.unflatten(self.in_tree, leaves))
        for place, value in zip(self.places, self.fixed, strict=True):
            args.insert(place, value)
        return args

    @property
    def active(self) -> Mask:
        """Which leaves can have a tangent."""
        return tuple(is_inexact(t.dtype) for t in self.types)

    def key(self) -> tuple[Any, ...]:
        """Structure, types and fixed arguments, to compare by."""
        return (self.in_tree, *self.types, *map(Identity, self.fixed))


leaks.internal.add(Call)


_signature = lru_cache(maxsize=1024)(signature)


def positional(fun: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """All arguments by position, defaults filled in.

    Raises:
        TypeError: keyword arguments that have no position.
    """
    known = _signature(fun)
    if known is None:
        if kwargs:
            raise ArgumentTypeError(
                f"the signature of `{name}` is not known; pass all arguments by position"
            )
        return args
    try:
        bound = known.bind(*args, **kwargs)
    except TypeError as error:
        raise _no_position(name, str(error)) from error
    bound.apply_defaults()
    if bound.kwargs:
        raise _no_position(name, f"keyword-only arguments {sorted(bound.kwargs)}")
    return bound.args


def _no_position(name: str, why: str) -> ArgumentTypeError:
    return ArgumentTypeError(
        f"The input arguments to `{name}`, a function with rules of its own, could not be resolved "
        f"to positional-only arguments. Binding failed with the error: {why}\n"
        "fix: make them positional parameters, or fix them with functools.partial"
    )


def fixed_places(fun: Any, argnums: Any, argnames: Any) -> tuple[int, ...]:
    """Positions of the arguments that are not differentiated."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    names = [argnames] if isinstance(argnames, str) else list(argnames)
    if names:
        known = [p.name for p in parameters(fun)]
        numbers += [known.index(n) for n in names]
    return tuple(numbers)


def _held(x: Any, name: str, what: str) -> Any:
    """A fixed argument: the rule does not differentiate by the values in it.

    Raises:
        UnexpectedTracerError: by JAX's rules one of custom_vjp may hold no traced values.
    """
    if not any(type(v) is Tracer for v in tree.leaves(x)):
        return x
    if what == "custom_vjp" and jax_rules():
        raise UnexpectedTracerError(
            f"Found a JAX Tracer object passed as an argument to a custom_vjp function, `{name}`, "
            "in a position indicated by nondiff_argnums as non-differentiable\n"
            "fix: make it an ordinary argument, with zeros as its cotangent"
        )
    return tree.map(lambda v: stop_gradient(v) if type(v) is Tracer else v, x)


def split_call(name: str, what: str, args: Sequence[Any], numbers: tuple[int, ...]) -> Call:
    """The arguments of a call, the fixed ones apart.

    Raises:
        TypeError: an argument that is not fixed is no array.
        ValueError: a fixed position is out of range.
        UnexpectedTracerError: a fixed argument may hold no traced values, and does.
    """
    places = tuple(sorted(normalize_argnums(numbers, len(args), f"{what} `{name}`")))
    fixed = tuple(_held(args[i], name, what) for i in places)
    leaves, in_tree = tree.flatten(tuple(a for i, a in enumerate(args) if i not in places))
    leaves = beside_doubles(leaves)
    return Call(fixed, leaves, in_tree, leaf_types(leaves, what, name), places)


def staged_call(
    fun: Callable[..., Any], name: str, what: str, args: Sequence[Any], numbers: tuple[int, ...]
) -> tuple[Call, Staged]:
    """The arguments of a call as by `split_call`, and the function recorded for them."""
    call, run = split_call(name, what, args, numbers), user_function(fun)
    staged = stage(
        lambda leaves: run(*call.arguments(leaves)),
        call.types, name=name, values=call.leaves, role="rule",
    )  # fmt: skip
    return call, staged


def no_tangent(t: ArrayType) -> np.ndarray:
    """The tangent of an integer or boolean value."""
    return np.zeros(t.shape, float0)


def as_tangent(x: Any, primal: ArrayType, complain: Callable[[ArrayType], Exception]) -> Any:
    """Tangent or cotangent `x` that a rule returned, checked and with zeros filled in."""
    if x is None or type(x) is SymbolicZero:
        return zeros(primal.tangent)
    got, wanted = typeof(x), primal.tangent
    if got.shape != wanted.shape:
        raise complain(got)
    if got.dtype != wanted.dtype:
        if not (got.weak_type and is_inexact(wanted.dtype)):
            raise complain(got)
        return convert_element_type(x, wanted.dtype, wanted.weak_type)
    return x


class Recorded(NamedTuple):
    """A rule recorded late: its program, and arrays for its first parameters."""

    fn: Function
    consts: tuple[Any, ...]
