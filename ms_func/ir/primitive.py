"""A primitive operation with all of its rules, and the interpreter that applies it.

A `Primitive` is a frozen record: everything the system knows about an operation stands in
one place. `bind` hands an application to the current interpreter: the eager one runs it,
a staging one records it, the reference one computes it with NumPy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from ms_func.errors import ShapeError
from ms_func.ir.explicit import choice, layout_rule
from ms_func.ir.types import ArrayType, special


class NotSupported(NamedTuple):
    """Stands in a rule's place and says why the rule cannot exist.

    Attributes:
        reason: the text of the error that asking for the rule gives.

    Example:
        >>> ms.extend.NotSupported("the order of samples has no derivative").reason
        'the order of samples has no derivative'
    """

    reason: str


class Linear:
    """jvp rule: the operation is linear in the operands `argnums` taken together.

    Args:
        *argnums: positions of these operands.

    Example:
        >>> lax.transpose_p.jvp.argnums
        (0,)
    """

    __slots__ = ("argnums",)

    def __init__(self, *argnums: int) -> None:
        self.argnums = argnums


class Multilinear:
    """jvp rule: the operation is linear in each operand of `argnums` separately.

    Args:
        *argnums: positions of these operands.

    Example:
        >>> lax.dot_general_p.jvp.argnums
        (0, 1)
    """

    __slots__ = ("argnums",)

    def __init__(self, *argnums: int) -> None:
        self.argnums = argnums


class _Marker:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


ZERO = _Marker("ZERO")
"""jvp rule: the derivative is zero everywhere it exists."""
ELEMENTWISE = _Marker("ELEMENTWISE")
"""batch and shard rule: every dimension is independent of the others."""
NONLINEAR = _Marker("NONLINEAR")
"""transpose rule: the operation is linear in no operand, so there is nothing to transpose."""
UNFOLDED = _Marker("UNFOLDED")
"""shard rule: the functions are planned as part of the program that the application stands in."""
DEFAULT = _Marker("DEFAULT")
"""partial rule: the equation is known if all of its inputs are."""
VIA_JVP = _Marker("VIA_JVP")
"""jet rule: the Taylor series follows from the derivative rule, see `transforms.jet`."""
PIECEWISE_LINEAR = _Marker("PIECEWISE_LINEAR")
"""jet rule: linear wherever it has a derivative, so that each coefficient of the result is the
tangent in the direction of that coefficient of the operands."""


class Recurrence:
    """jet rule: a formula for one coefficient of the only result.

    Args:
        rule: `rule(n, operands, out, **params)` gives coefficient n >= 1; `operands[i][k]` and
            `out[k]` are coefficients of operands and, below n, of the result. Any may be `Zero`.

    Example:
        >>> type(lax.mul_p.jet).__name__
        'Recurrence'
    """

    __slots__ = ("rule",)

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule


LANES = _Marker("LANES")
"""words rule: the operation moves elements as they are; words of keys move along as lanes."""
MADE = _Marker("MADE")
"""sums rule: a sum over an index that is cut is left open where a plan says so."""
PASSED = _Marker("PASSED")
"""sums rule: of a sum that is open the result is a sum that is open."""
SCALED = _Marker("SCALED")
"""sums rule: of a sum that is open times, or divided by, a number likewise."""
ADDED = _Marker("ADDED")
"""sums rule: two sums that are open are added up piece by piece."""
BY_FUNCTIONS = _Marker("BY_FUNCTIONS")
"""varying rule: `abstract` follows the types of the functions that the operation carries."""


class Unequal(Exception):
    """Operands that differ along other axes of a region than they should.

    Attributes:
        wanted: for each operand the axes along which it should count as differing.
    """

    def __init__(self, wanted: Sequence[frozenset[Any]]) -> None:
        self.wanted = wanted


def fitting(
    types: Sequence[ArrayType], wanted: Sequence[ArrayType], lead: Sequence[frozenset[Any]] = ()
) -> None:
    """Check operands against the parameters they stand for, in regions of manual computation.

    Args:
        types: types of operands.
        wanted: types of the parameters.
        lead: axes of operands before them, which are as they should be.

    Raises:
        Unequal: an operand differs between devices along fewer axes than its parameter.
        ShapeError: along more.
    """
    if all(t.manual is w.manual for t, w in zip(types, wanted, strict=True)):
        return
    for t, w in zip(types, wanted, strict=True):
        if t.vma - w.vma:
            extra = ", ".join(sorted(map(str, t.vma - w.vma)))
            raise ShapeError(
                f"a value of type {t}, which may differ along {extra}, stands where one of type "
                f"{w} is expected\nfix: combine it with lax.psum or lax.pmean first, or use "
                "check_vma=False"
            )
    if any(t.vma != w.vma for t, w in zip(types, wanted, strict=True)):
        raise Unequal([*lead, *(w.vma for w in wanted)])


class Zero:
    """A tangent or cotangent known to be zero; nothing is computed for it.

    Args:
        type: its type.

    Example:
        >>> zero = ms.extend.Zero(ms.typeof(np.ones(2)))
        >>> zero, ms.extend.instantiate(zero).tolist()
        (Zero(f32[2]), [0.0, 0.0])
    """

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        self.type = type

    aval = property(attrgetter("type"))

    def __repr__(self) -> str:
        return f"Zero({self.type})"


class UndefinedPrimal:
    """The place of a linear operand in a transpose rule: only its type is known.

    Args:
        type: its type.

    Example:
        >>> x = ms.extend.UndefinedPrimal(ms.typeof(np.ones(2)))
        >>> lax.neg_p.transpose(np.array([1.0, 2.0]), x)[0].tolist()
        [-1.0, -2.0]
    """

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        self.type = type

    aval = property(attrgetter("type"))

    def __repr__(self) -> str:
        return f"UndefinedPrimal({self.type})"


class Cost(NamedTuple):
    """Work of one application: floating-point operations, transcendental ones, bytes moved.

    Attributes:
        flops: number of operations.
        transcendentals: number of those such as `exp`.
        bytes: bytes read and written.

    Example:
        >>> kind = ms.typeof(np.ones(10))
        >>> lax.add_p.cost([kind, kind], [kind])
        Cost(flops=10.0, transcendentals=0.0, bytes=120.0)
    """

    flops: float
    transcendentals: float
    bytes: float


def default_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """One operation for each element of the result."""
    moved = sum(t.nbytes for t in ins) + sum(t.nbytes for t in outs)
    return Cost(float(sum(t.size for t in outs)), 0.0, float(moved))


class _Current(threading.local):
    """The interpreter in force in this thread. `execution` supplies the bottom one.

    An interpreter has two methods: `bind(primitive, args, params)` applies a primitive and gives
    a list if that has several results, `apply(fn, args)` a whole function; and `loc`, the user's
    line that it ascribes applications to.
    """

    interpreter: Any = None


current = _Current()

Rule = Callable[..., Any]

_registry: dict[str, Primitive] = {}


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Primitive:
    """One operation of the IR and its rules; docs/adding_a_primitive.md explains each slot.

    Attributes:
        name: name in the text form, unique.
        abstract: `(*types, **params)` to the type of the result, or a list of types.
        ref: `(*arrays, **params)` to NumPy arrays: the meaning, and the oracle of tests.
        lower: `(builder, eqn, *values)` to StableHLO value(s).
        jvp: `(primals, tangents, **params)` to `(out, tangent_out)`, or a marker.
        transpose: `(ct, *operands, **params)` to one cotangent or None per operand.
        batch: `(size, args, dims, **params)` to `(out, out_dim)`, or ELEMENTWISE.
        shard: `(in_types, out_types, **params)` to index notation, or ELEMENTWISE.
        cost: `(in_types, out_types, **params)` to `Cost`.
        jet: VIA_JVP; a `Recurrence`; or `(primals, series, order, **params)` to (results, their
            series), where a series is the list of coefficients 1 to `order`, or None if zero.
        partial: `(trace, args, params)`: known/unknown split; only control flow overrides it.
        effects: `(**params)` to the set of effects of one application.
        multiple_results: whether `bind` gives a list.
        implicit_broadcast: whether rank-0 operands may stand beside operands of rank n.
        accepts: dtypes of operands that `abstract` takes: a category of `families.ACCEPTS`.
        commutative: whether the two operands may change places without changing a bit.
        simplify: `(producer, *atoms, **params)` to an atom that equals the result, or None;
            `producer(atom)` is the equation that defines an atom, if any; the rule may bind
            primitives on atoms. Equal means the same bits, but for the sign of a zero.
        body: `(types of operands, **params)` to the function that an application computes; its
            equations may stand for the application once nothing more is derived from the program.
        transparent: whether these equations may stand for the application at any time.
        expand: `(types, **params)` to a function, and the arrays that its first parameters stand
            for: its equations take the place of an application before the program is compiled.
            Rules of such an operation are run for each application, and not remembered.
        prune: `(used, **params)` to (operands kept, results kept, new params), both masks: the
            smallest application that still gives the results marked in `used`; only for
            operations that carry functions.
        hoist: `(move, inputs, **params)` to (inputs, params) of an equal application that leaves
            less to repeat, or None; `move(fn, atoms)` computes a function before it. Only for
            operations that apply a function again and again.
        program: `(fn, donate, ins, outs)` to (program, layout per operand, layout per result),
            for operations that decide about the whole compiled program they stand in.
        words: `(types, *operands, **params)` to the result where keys are given as their words,
            or LANES; None where the operation takes no keys.
        refs: `transforms.discharge.Uses` to the results and, by position, what the references
            among the operands hold afterwards; for operations whose functions take references.
        sums: how sums stay open, of which each device holds a piece: MADE, PASSED, SCALED or ADDED.
        local: `(ins, outs, cuts, **params)` to the program of one device, a function of its
            pieces inside of a region of manual computation, where XLA's partitioner would gather
            or miscount what is cut; else None. `cuts` holds a `notation.Cut` by name of index.
        orders: `(*ranks of operands, **params)` to the order of dimensions in which a product reads
            each operand and, behind them, makes each result; None where it is the one they have.
        host: whether an application calls Python while the program runs.
        binds: `(**params)` to the names of axes that the functions of an application may refer
            to, because it brings these names into force.
        varying: `(axes, **params)` to the axes along which results may differ between the devices
            of a region of manual computation, from those of the operands; default: the same; or
            BY_FUNCTIONS.
        layout: `(primitive, in_types, out_types, params)` to the types of the results with their
            layouts, where types tell layouts; default: they follow from those of the operands by
            `shard`.
        types: memo of `result_types`.

    Example:
        >>> lax.sin_p.name, lax.sin_p.bind(0.0).item(), lax.sin_p.multiple_results
        ('sin', 0.0, False)
    """

    name: str
    abstract: Rule
    ref: Rule | NotSupported
    lower: Rule | NotSupported
    jvp: Any
    transpose: Any
    batch: Any
    shard: Any
    cost: Rule = default_cost
    jet: Any = VIA_JVP
    partial: Any = DEFAULT
    effects: Rule | None = None
    multiple_results: bool = False
    implicit_broadcast: bool = False
    accepts: str = "any"
    commutative: bool = False
    simplify: Rule | None = None
    body: Rule | None = None
    transparent: bool = False
    expand: Rule | None = None
    prune: Rule | None = None
    hoist: Rule | None = None
    program: Rule | None = None
    words: Any = None
    refs: Rule | None = None
    sums: Any = None
    local: Rule | None = None
    orders: Rule | None = None
    host: bool = False
    binds: Rule | None = None
    varying: Any = None
    layout: Rule | None = None
    types: dict[Any, tuple[ArrayType, ...]] = field(default_factory=dict, repr=False)

    # Spelling of JAX, where some primitives call a function that is no program yet; none does here.
    call_primitive = map_primitive = property(lambda self: False)

    def get_bind_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """Keywords for `bind` from the parameters of an equation: a copy of them."""
        return dict(params)

    def bind(self, *args: Any, **params: Any) -> Any:
        """Apply the primitive under the interpreter in force."""
        return current.interpreter.bind(self, args, params)

    def result_types(
        self, types: tuple[ArrayType, ...], params: dict[str, Any]
    ) -> tuple[ArrayType, ...]:
        """Types of the results, remembered for each combination of types and parameters."""
        key = (types, *params.items()) if params else types
        try:
            return self.types[key]
        except KeyError:
            pass
        if self.words is None and special.seen:
            self._refuse_keys(types, params)
        if any(t.explicit is not None for t in types):
            return self._explicit_types(types, params, (choice.free, key))
        if callable(self.varying) or any(t.manual is not None for t in types):
            found = self._varying_types(types, params)
        else:
            found = self._outs(types, params)
        if self.words is None and special.seen:
            self._refuse_keys(found, params)
        if len(self.types) > 8192:
            self.types.clear()
        self.types[key] = found
        return found

    def _refuse_keys(self, types: tuple[ArrayType, ...], params: dict[str, Any]) -> None:
        """Operations that carry programs take what these take; any other says so itself."""
        if any(t.key is not None for t in types) and not any(map(_carries, params.values())):
            i = next(i for i, t in enumerate(types) if t.key is not None)
            where = f" at position {i}" if len(types) > 1 else ""
            raise TypeError(
                f"{self.name} does not accept dtype {types[i].face.name}{where}: a key is no number"
            )

    def _outs(self, types: Sequence[ArrayType], params: dict[str, Any]) -> tuple[ArrayType, ...]:
        out = self.abstract(*types, **params)
        return tuple(out) if self.multiple_results else (out,)

    def _explicit_types(
        self, types: tuple[ArrayType, ...], params: dict[str, Any], key: Any
    ) -> tuple[ArrayType, ...]:
        """Types of the results where those of operands tell layouts, remembered under `key`."""
        found = self.types.get(key)
        if found is None:
            if self.varying is BY_FUNCTIONS:
                found = self._outs(types, params)
            else:
                found = self.result_types(tuple([t.whole for t in types]), params)
                found = (self.layout or layout_rule.rule)(self, types, found, params)
            self.types[key] = found
        return found

    def _varying_types(
        self, types: tuple[ArrayType, ...], params: dict[str, Any]
    ) -> tuple[ArrayType, ...]:
        """Types of the results where operands differ between the devices of a region.

        Raises:
            Unequal: operands differ along different axes.
        """
        if self.varying is BY_FUNCTIONS:
            return self._outs(types, params)
        axes: frozenset[Any] = frozenset().union(*[t.vma for t in types])
        if any(t.vma != axes for t in types):
            raise Unequal([axes] * len(types))
        found = self._outs([t.varying(frozenset()) for t in types], params)
        kept = axes if self.varying is None else self.varying(axes, **params)
        return tuple([t.varying(kept) for t in found])

    def __repr__(self) -> str:
        return self.name


def _carries(value: Any) -> bool:
    """Whether a parameter is a function of the IR, or a tuple of them."""
    return hasattr(value, "eqns") or (
        type(value) is tuple and any(hasattr(v, "eqns") for v in value)
    )


def register(primitive: Primitive) -> Primitive:
    """Enter a primitive in the table of all primitives; its name must be new.

    Args:
        primitive: the primitive.

    Returns:
        The primitive.

    Raises:
        ValueError: there is one of that name.

    Example:
        >>> ms.extend.register(lax.add_p)
        Traceback (most recent call last):
            ...
        ValueError: a primitive named 'add' is already registered
    """
    if primitive.name in _registry:
        raise ValueError(f"a primitive named {primitive.name!r} is already registered")
    _registry[primitive.name] = primitive
    return primitive


def named(name: str) -> Primitive:
    """The registered primitive of a name."""
    return _registry[name]


def primitives() -> dict[str, Primitive]:
    """All registered primitives by name.

    Returns:
        A dict, which is a copy.

    Example:
        >>> ms.extend.primitives()["add"] is lax.add_p
        True
    """
    return dict(_registry)
