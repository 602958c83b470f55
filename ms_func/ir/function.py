"""The IR: closed first-order functions in A-normal form.

A `Function` has parameters, equations in order, and results; it refers to nothing outside
itself. Equations apply primitives to variables and literals. Functions are immutable once
built; transforms build new ones. `ir.text` gives them their `repr`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, final

import numpy as np

from ms_func.ir.loc import NOWHERE, Loc
from ms_func.ir.primitive import Primitive
from ms_func.ir.types import ArrayType, special, typeof


@final
class Var:
    """A value with a type, defined once: by a parameter list or by an equation.

    Attributes:
        type: its type, an `ArrayType`.

    Example:
        >>> program = ms.make_ir(np.sin)(np.ones(2))
        >>> program.params[0], program.eqns[0].inputs[0] is program.params[0]
        (Var(f32[2]), True)
    """

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        self.type = type

    aval = property(attrgetter("type"))

    def __repr__(self) -> str:
        return f"Var({self.type})"


@final
class Literal:
    """A scalar constant, held by value.

    Attributes:
        value: the number.
        type: its type, of rank 0.

    Example:
        >>> ms.make_ir(lambda x: 2 * x)(np.ones(2)).eqns[0].inputs[0]
        Literal(2.0, f32[])
    """

    __slots__ = ("_key", "type", "value")

    aval = property(attrgetter("type"))

    def __init__(self, value: Any, type: ArrayType) -> None:
        self.value = value
        self.type = type
        self._key: tuple[bytes, ArrayType] | None = None

    @property
    def array(self) -> np.ndarray:
        """The value in its dtype; what that is too narrow for is infinite there."""
        with np.errstate(over="ignore"):  # -1e9 in float16
            return np.asarray(self.value, self.type.dtype)

    @property
    def val(self) -> Any:
        """The value as an operand of this type: what walks the equations may give it to `bind`."""
        number = self.array[()]
        if self.type.weak_type and typeof(plain := number.item()) == self.type:
            return plain
        return number

    def key(self) -> tuple[bytes, ArrayType]:
        """Value and type such that equal keys mean equal bits (so -0.0 differs from 0.0)."""
        if self._key is None:
            self._key = (self.array.tobytes(), self.type)
        return self._key

    def __repr__(self) -> str:
        return f"Literal({self.value}, {self.type})"


Atom = Var | Literal


class Eqn:
    """One application of a primitive.

    Attributes:
        primitive: the primitive.
        inputs: operands, each a `Var` or a `Literal`.
        outputs: results, each a `Var`.
        params: parameters by name.
        loc: the user's line.

    Example:
        >>> (eqn,) = ms.make_ir(lambda x: lax.reduce_sum(x, (0,)))(np.ones(2)).eqns
        >>> eqn.primitive.name, eqn.params, eqn.outputs[0].type
        ('reduce_sum', {'axes': (0,)}, f32[])
    """

    __slots__ = ("inputs", "loc", "outputs", "params", "primitive")

    def __init__(
        self,
        primitive: Primitive,
        inputs: Sequence[Atom],
        outputs: Sequence[Var],
        params: dict[str, Any],
        loc: Loc | None,
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.outputs = outputs
        self.params = params
        self.loc = loc

    invars = property(attrgetter("inputs"))
    outvars = property(attrgetter("outputs"))

    @property
    def effects(self) -> frozenset[Any]:
        """Effects of this application; nested functions count."""
        own = self.primitive.effects
        found = own(**self.params) if own is not None else frozenset()
        for fn in self.functions():
            found |= fn.effects
        return found

    @property
    def source_info(self) -> Any:
        """Where it came from; `name_stack` is the path of names around it."""
        return self.loc or NOWHERE

    def functions(self) -> Iterator[Function]:
        """Functions among the parameters."""
        for value in self.params.values():
            if type(value) is Function:
                yield value
            elif type(value) is tuple:
                yield from (v for v in value if type(v) is Function)

    def bind(self, operands: Sequence[Any]) -> Sequence[Any]:
        """Results of the same application on other operands; several, whatever the primitive."""
        out = self.primitive.bind(*operands, **self.params)
        return out if self.primitive.multiple_results else (out,)

    def replace(
        self, invars: Any = None, outvars: Any = None, primitive: Any = None, params: Any = None,
        loc: Loc | None = None, **unused: Any,
    ) -> Eqn:  # fmt: skip
        """The same application with some parts replaced; what has no counterpart is ignored."""
        return Eqn(
            primitive or self.primitive,
            self.inputs if invars is None else tuple(invars),
            self.outputs if outvars is None else tuple(outvars),
            self.params if params is None else params,
            loc or self.loc,
        )

    def body(self) -> Function | None:
        """The program that the application computes, if it is made of one."""
        rule = self.primitive.body
        found = None if rule is None else rule([a.type for a in self.inputs], **self.params)
        return None if found is None or found.consts else found

    def __repr__(self) -> str:
        return f"Eqn({self.primitive.name})"


class Function:
    """A closed program: `results` computed from `params` by `eqns` in order.

    `consts` binds the last parameters to arrays: set by `close_constants` for printing and
    export, empty otherwise. `key` is a structural identity, blind to names and locations.

    Example:
        >>> program = ms.make_ir(lambda x: np.sin(x) + 1)(0.0)
        >>> [eqn.primitive.name for eqn in program.eqns], program.in_types, program.out_types
        (['sin', 'add'], (f32*[],), (f32*[],))
        >>> program.key == ms.make_ir(lambda y: np.sin(y) + 1)(2.0).key
        True
    """

    __slots__ = ("__weakref__", "_effects", "_key", "_plain", "consts", "eqns", "memo", "name",
                 "params", "results")  # fmt: skip

    def __init__(
        self,
        name: str,
        params: Sequence[Var],
        eqns: Sequence[Eqn],
        results: Sequence[Atom],
        consts: Sequence[Any] = (),
    ) -> None:
        self.name = name
        self.params = tuple(params)
        self.eqns = tuple(eqns)
        self.results = tuple(results)
        self.consts = tuple(consts)
        self.memo: dict[Any, Any] = {}
        self._key: FunctionKey | None = None
        self._effects: frozenset[Any] | None = None
        self._plain: bool | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing, here or in nested functions, is a key, a reference or to be expanded."""
        if self._plain is None:
            self._plain = not special.seen or _is_plain(self)
        return self._plain

    @property
    def in_types(self) -> tuple[ArrayType, ...]:
        """Types of the parameters."""
        return tuple(v.type for v in self.params)

    @property
    def free_types(self) -> tuple[ArrayType, ...]:
        """Types of the parameters that no constant is bound to."""
        return self.in_types[: len(self.params) - len(self.consts)]

    @property
    def out_types(self) -> tuple[ArrayType, ...]:
        """Types of the results."""
        return tuple(v.type for v in self.results)

    # Spelling of JAX, where a program with its constants is one more object around it.
    in_avals = free_types
    out_avals = out_types
    literals = property(attrgetter("consts"))

    @property
    def jaxpr(self) -> Function:
        """This program."""
        return self

    @property
    def invars(self) -> tuple[Var, ...]:
        """Parameters that no constant is bound to."""
        return self.params[: len(self.params) - self._closed_over]

    @property
    def constvars(self) -> tuple[Var, ...]:
        """Parameters that constants are bound to."""
        return self.params[len(self.params) - self._closed_over :]

    @property
    def _closed_over(self) -> int:
        return self.memo.get("constvars", len(self.consts))

    @property
    def outvars(self) -> tuple[Atom, ...]:
        """Results."""
        return self.results

    @property
    def debug_info(self) -> Any:
        """Names of the function, its arguments and its results, if those were kept."""
        return self.memo.get("debug_info")

    def replace(
        self, constvars: Any = None, invars: Any = None, outvars: Any = None, eqns: Any = None,
        debug_info: Any = None, **unused: Any,
    ) -> Function:  # fmt: skip
        """The same program with some parts replaced; what has no counterpart is ignored."""
        closed_over = self.constvars if constvars is None else tuple(constvars)
        free = self.invars if invars is None else tuple(invars)
        found = Function(
            self.name,
            (*free, *closed_over),
            self.eqns if eqns is None else eqns,
            self.results if outvars is None else outvars,
            self.consts if constvars is None else (),
        )
        found.memo["constvars"] = len(closed_over)
        found.memo["debug_info"] = debug_info or self.debug_info
        return found

    def pretty_print(self, **unused: Any) -> str:
        """The program as text."""
        return repr(self)

    @property
    def effects(self) -> frozenset[Any]:
        """Union of the effects of the equations."""
        if self._effects is None:
            self._effects = frozenset().union(*(e.effects for e in self.eqns))
        return self._effects

    @property
    def key(self) -> FunctionKey:
        """Structural identity: equal for functions that compute the same in the same way."""
        if self._key is None:
            self._key = FunctionKey(_structure(self))
        return self._key

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Function) and self.key == other.key)

    def __hash__(self) -> int:
        return self.key.hash


def _is_plain(fn: Function) -> bool:
    for v in fn.params:
        if not v.type.plain:
            return False
    for e in fn.eqns:
        if e.primitive.expand is not None:
            return False
        for v in e.outputs:
            if not v.type.plain:
                return False
        for value in e.params.values():
            if type(value) is Function:
                if not value.plain:
                    return False
            elif (
                type(value) is tuple
                and value
                and type(value[0]) is Function
                and not all(f.plain for f in value if type(f) is Function)
            ):
                return False
    return True


class FunctionKey:
    """Structure of a function as nested tuples, its hash computed once."""

    __slots__ = ("hash", "structure")

    def __init__(self, structure: tuple[Any, ...]) -> None:
        self.structure = structure
        self.hash = hash(structure)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, FunctionKey)
            and self.hash == other.hash
            and self.structure == other.structure
        )

    def __hash__(self) -> int:
        return self.hash


def _structure(fn: Function) -> tuple[Any, ...]:
    """Number variables in definition order and list every equation by those numbers.

    Result types follow from primitives, operands and parameters, so only parameter types
    are listed. Lines do not count, names that the user gave to stretches of the program do.
    """
    number: dict[Any, int] = {}
    for v in fn.params:
        number[v] = len(number)
    rows: list[Any] = [fn.in_types]
    for e in fn.eqns:
        ins = [number[a] if type(a) is not Literal else a.key() for a in e.inputs]
        rows.append((e.primitive, *ins, *frozen_params(e.params)))
        if e.loc is not None and e.loc.scope:
            rows.append(e.loc.scope)
        for v in e.outputs:
            number[v] = len(number)
    rows.append(tuple(number[a] if type(a) is not Literal else a.key() for a in fn.results))
    if fn.consts:
        rows.append(tuple((c.dtype, c.shape, np.asarray(c).tobytes()) for c in fn.consts))
    return tuple(rows)


def frozen_params(params: dict[str, Any]) -> tuple[Any, ...]:
    """Names and values, sorted, such that equal keys mean equal parameters (-0.0 is not 0.0)."""
    if not params:
        return ()
    items = sorted(params.items()) if len(params) > 1 else params.items()
    return tuple([x for name, value in items for x in (name, _frozen(value))])


_EXACT = frozenset((int, bool, str, bytes, type(None)))
"""Types whose values are equal only if they are the same."""


def _frozen(value: Any) -> Any:
    """A parameter with its floats, which compare by value and not by bits, spelled out."""
    kind = type(value)
    if kind is float or kind is complex:
        return (kind, repr(value))
    if kind is tuple:
        return value if _EXACT.issuperset(map(type, value)) else tuple([_frozen(x) for x in value])
    if kind is dict:
        return frozen_params(value)
    return value
