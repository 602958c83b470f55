"""Tracers and the interpreter that records what is done to them.

`Staging` is the one tracing interpreter: every application of a primitive while it is in
force becomes an equation. Values from outside (arrays, tracers of an enclosing staging)
become captured operands, so what is recorded is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import is_inexact
from ms_func.errors import (
    ConcretizationTypeError,
    LocatedError,
    ShardingTypeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnsupportedError,
    located,
)
from ms_func.ir.axes import Axes
from ms_func.ir.constant import Constant
from ms_func.ir.explicit import chosen
from ms_func.ir.function import Atom, Eqn, Function, Literal, Var
from ms_func.ir.loc import Loc, user_loc
from ms_func.ir.primitive import Primitive, UndefinedPrimal, Unequal, current, named
from ms_func.ir.types import ArrayType, typeof
from ms_func.tracing import known
from ms_func.tracing.complaints import (
    BOOL_FIX,
    FLOAT_FIX,
    INT_FIX,
    ambiguous,
    escaped,
    no_attribute,
    no_buffer,
    opening,
    remedy,
)
from ms_func.tracing.origins import Source

_SCALARS = (bool, int, float, complex)
_WIDE = {np.dtype(np.int64): "i", np.dtype(np.float64): "f", np.dtype(np.complex128): "c"}


_NO_AXES: frozenset[Any] = frozenset()


class Tracer:
    """Stands for an array while a program is recorded.

    A tracer is a handle: `variable` names its value in the recorded program, and assigning to
    elements rebinds it. Operators and methods are attached by `ms_func.numpy`.
    """

    __slots__ = ("__weakref__", "recorder", "type", "variable")

    def __init__(self, trace: Staging, var: Var) -> None:
        self.recorder = trace
        self.variable = var
        self.type: ArrayType = var.type

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return self.type.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.type.face

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.type.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.type.size

    @property
    def weak_type(self) -> bool:
        """Whether the dtype gives way to that of another operand."""
        return self.type.weak_type

    @property
    def aval(self) -> ArrayType:
        """The type, under the name that libraries written for JAX use."""
        return self.type

    _trace = property(attrgetter("recorder"))

    def __bool__(self) -> bool:
        if self.type.size != 1:
            raise ambiguous(self.type.size)
        return bool(self._value(TracerBoolConversionError, "a Python truth value", BOOL_FIX))

    def __int__(self) -> int:
        return int(self._value(ConcretizationTypeError, "a Python int", INT_FIX))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(
                f"Only integer scalar arrays can be converted to a scalar index; got {self.type}"
            )
        value = self._value(TracerIntegerConversionError, "a Python index", INT_FIX)
        return value.__index__()

    def __float__(self) -> float:
        return float(self._number("a Python float"))

    def __complex__(self) -> complex:
        return complex(self._number("a Python complex"))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        value = known.without_derivative(self.recorder, self.variable)
        if value is not None:
            return np.asarray(value).__array__(*args, **kwargs)
        raise TracerArrayConversionError(
            f"{opening(TracerArrayConversionError, self.type)}NumPy was called on a traced value "
            f"of type {self.type}, whose elements are not known while the program is recorded"
            f"{self._because()}\n"
            "fix: use the function of the same name from ms_func.numpy",
            user_loc(),
        )

    def __getattr__(self, name: str) -> Any:
        value = None
        if name in _OF_KNOWN:
            value = known.without_derivative(self.recorder, self.variable)
        if value is None:
            raise no_attribute(name, self.type)
        return getattr(value, name)

    def item(self, *args: Any) -> Any:
        """Python scalar of the one element; only where the value is known."""
        return self._number("a Python scalar").item(*args)

    def tolist(self) -> Any:
        """Elements as nested Python lists; only where the value is known."""
        return self._value(ConcretizationTypeError, "a Python list", INT_FIX).tolist()

    def __reduce__(self) -> Any:
        value = known.without_derivative(self.recorder, self.variable)
        if value is None:
            deed = "The error occurred in the __reduce__ method, which may indicate an attempt to "
            raise no_buffer(self.type, "pickled", deed + "serialize/pickle a traced value.")
        return value.__reduce__()

    def __len__(self) -> int:
        if not self.type.shape:
            raise TypeError("len() of unsized object")
        return self.type.shape[0]

    __hash__ = None  # type: ignore[assignment]  # no instance of `collections.abc.Hashable`

    def __repr__(self) -> str:
        if self.recorder.strict:
            self._value(ConcretizationTypeError, "text", INT_FIX)
        value = known.without_derivative(self.recorder, self.variable)
        return f"Traced<{self.type}>" if value is None else repr(value)

    def __format__(self, spec: str) -> str:
        value = known.without_derivative(self.recorder, self.variable) if spec else None
        return object.__format__(self, spec) if value is None else format(value, spec)

    def _number(self, use: str) -> np.ndarray:
        """Value for use as a Python number. That of a float would go without its derivative."""
        if is_inexact(self.dtype):
            fixed = known.without_derivative(self.recorder, self.variable)
            if fixed is not None:
                return np.asarray(fixed)
            if not self.recorder.role and self.recorder.asked(self.variable) is None:
                return self._value(ConcretizationTypeError, use, FLOAT_FIX)
            loc = user_loc(3)
            raise ConcretizationTypeError(
                f"{opening(ConcretizationTypeError, self.type, use)}a traced value ({self.type}, "
                f"traced in `{self.recorder.name}`) was used as "
                f"{use}, which has no derivative{self._because()}{remedy(loc, FLOAT_FIX)}",
                loc,
            )
        return self._value(ConcretizationTypeError, use, INT_FIX)

    def _value(self, error: type[LocatedError], use: str, fix: str) -> np.ndarray:
        """Value of this tracer where it is at hand, for use as a Python scalar."""
        value = self.recorder.asked(self.variable)
        if value is None:
            loc = user_loc(3)
            raise error(
                f"{opening(error, self.type, use)}a value known only at run time ({self.type}, "
                f"traced in `{self.recorder.name}`) was used as {use}{self._because()}"
                f"{remedy(loc, fix)}",
                loc,
            )
        return np.asarray(value)

    def _because(self) -> str:
        """Which arguments this depends on, where they have names."""
        source = self.recorder.source
        return "" if source is None else source.because(self.recorder.eqns, self.variable)


_OF_KNOWN = frozenset((
    "addressable_shards", "block_until_ready", "committed", "global_shards",
    "is_fully_addressable", "is_fully_replicated",
))  # fmt: skip
"""What arrays have and traced values have where they are known."""


def _of_arrays(name: str) -> Callable[..., Any]:
    """A method of arrays about their memory, which a traced value has where it is known.

    Raises:
        ConcretizationTypeError: it is not.
    """

    def method(self: Tracer, *args: Any, **options: Any) -> Any:
        value = known.without_derivative(self.recorder, self.variable)
        if value is None and name == "copy_to_host_async" and config.jax_rules():
            raise no_attribute(name, self.type)
        if value is None:
            deed = f"The {name}() method was called on traced array with shape "
            raise no_buffer(self.type, f"asked for `{name}`", f"{deed}{self.type.str_short()}.")
        return getattr(value, name)(*args, **options)

    method.__name__ = name
    return method


for _name in ("addressable_data", "copy_to_host_async", "delete", "devices", "is_deleted",
              "is_ready", "on_device_size_in_bytes", "tobytes", "unsafe_buffer_pointer",
              "__dlpack__", "__dlpack_device__"):  # fmt: skip
    setattr(Tracer, _name, _of_arrays(_name))


class _Speculating(threading.local):
    value = False


_speculating = _Speculating()


@contextmanager
def speculation() -> Iterator[None]:
    """Recordings made inside are given up where something needs to know a value.

    Their traced values must not pass for text either, as in `params[f"layer{i}"]`.
    """
    outer, _speculating.value = _speculating.value, True
    try:
        yield
    finally:
        _speculating.value = outer


class Staging:
    """Records applications of primitives as equations of one function.

    Attributes:
        name: name of the function being recorded, for errors and the text form.
        eqns: equations so far.
        loc: place given to new equations; None means the user's current line.
        values: arrays known for some variables, where tracing has values at hand.
        spliced: variables of other functions whose equations were taken over as they are.
        handles: see `handle`.
        strict: whether traced values refuse to be shown; see `speculation`.
        decided: axes of a region of manual computation along which devices may not all run this:
            what comes from outside counts as differing along them.
        border: whether this records a region of manual computation, outside of which nothing
            differs between devices.
        wide: kinds of number ("i", "f", "c") that come in from outside at double width.
        links: objects of the user's that stand for one of several; see `source.hooks.aliases`.
        role: whose recording this is: of a "derivative", of the "lanes" of a batch, of a custom
            "rule", which stands for a derivative, or of any "other" transform that runs its
            function at once; "" for programs that run later, such as those of `jit` and `scan`.
        at_once: whether all recordings around this one run their functions at once, too.
        known: what was found out about variables; see `tracing.known`.
        results: what functions behind a cache gave; see `source.caches`.
        source: the user's function behind this, and names of its arguments, where given.
    """

    __slots__ = (
        "__weakref__", "alive", "at_once", "border", "captured", "decided", "eqns", "handles",
        "known", "links", "loc", "name", "outer", "results", "role", "source", "spliced", "strict",
        "values", "wide",
    )  # fmt: skip

    def __init__(
        self, name: str, decided: frozenset[Any] = _NO_AXES, border: bool = False, role: str = ""
    ) -> None:
        self.name = name
        self.role = role
        self.at_once = False
        self.known: known.Knowledge | None = None
        self.decided = decided
        self.border = border
        self.eqns: list[Eqn] = []
        self.captured: dict[int, tuple[Any, Var]] = {}
        self.spliced: set[Any] = set()
        self.handles: dict[Var, Tracer] = {}
        self.loc: Loc | None = None
        self.values: dict[Var, Any] | None = None
        self.alive = True
        self.strict = _speculating.value
        self.wide = ""
        self.outer: Any = None
        self.links: Any = None
        self.results: dict[Any, Any] = {}
        self.source: Source | None = None

    @property
    def main(self) -> Staging:
        """This recording, under the name by which libraries written for JAX compare them."""
        return self

    def __enter__(self) -> Staging:
        outer = self.outer = current.interpreter
        if type(outer) is Staging and outer.decided and not self.border:
            self.decided |= outer.decided
        if self.role:
            bottom = type(current).interpreter
            self.at_once = outer is bottom or (type(outer) is Staging and outer.at_once)
        current.interpreter = self
        config.tracing.set_local(True)
        return self

    def __exit__(self, *exc: object) -> None:
        current.interpreter = self.outer
        config.tracing.set_local(self.outer is not type(current).interpreter)
        self.alive = False
        self.results.clear()

    def parameter(self, type: ArrayType) -> Tracer:
        """New variable that stands for an input."""
        if type.dtype in _WIDE:
            self.wide += _WIDE[type.dtype]
        return Tracer(self, Var(type))

    def bind(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Record one equation and return tracers for its results."""
        inputs = [
            a.variable if type(a) is Tracer and a.recorder is self else self.atom(a) for a in args
        ]
        try:
            types = primitive.result_types(tuple([a.type for a in inputs]), params)
        except Unequal as unequal:
            types, inputs = leveled(primitive, inputs, params, unequal.wanted, self.marked)
        except ShardingTypeError as error:
            if self.loc is None:
                raise _with_place(error, None) from None
            with chosen():  # a transform goes through the program
                types = primitive.result_types(tuple([a.type for a in inputs]), params)
        except (TypeError, ValueError) as error:
            raise _with_place(error, self.loc) from None
        if not primitive.multiple_results:
            out = Var(types[0])
            self.eqns.append(Eqn(primitive, inputs, (out,), params, self.loc or user_loc()))
            return Tracer(self, out)
        outputs = [Var(t) for t in types]
        self.eqns.append(Eqn(primitive, inputs, outputs, params, self.loc or user_loc()))
        return [Tracer(self, v) for v in outputs]

    def marked(self, atom: Atom, axes: frozenset[Any]) -> Atom:
        """An atom that counts as differing along more axes of a region than it does."""
        more = axes - atom.type.vma
        if not more or type(atom) is Literal:
            return atom
        for value, var in () if self.border else self.captured.values():
            if var is atom and type(value) is Tracer and value.recorder.alive:
                return self.capture(self._marked_outside(value, axes))
        eqn = marking(atom, more, self.loc or user_loc())
        self.eqns.append(eqn)
        return eqn.outputs[0]

    def atom(self, x: Any) -> Atom:
        """Variable or literal for a value: own, captured from outside, or a scalar."""
        kind = type(x)
        if kind is Tracer:
            if x.recorder is self:
                return x.variable
            if x.recorder.alive:
                return self.capture(x)
            return self.atom(outlived(x))
        if kind is Literal:
            return x
        if kind in _SCALARS or isinstance(x, np.generic):
            return Literal(x, typeof(x))
        if kind is np.ndarray and x.ndim == 0:
            return Literal(x[()], typeof(x))
        if getattr(x, "tracer", None) is not None:  # a reference of this recording or an outer one
            return self.atom(x.tracer)
        if kind is UndefinedPrimal:
            raise UnsupportedError(
                "the function is not linear in its arguments: this operation combines two values "
                "that depend on them\nfix: transpose linear functions only; for others use vjp",
                self.loc,
            )
        typeof(x)  # raises on what is not an array
        return self.capture(x)

    def capture(self, x: Any) -> Var:
        """Variable that stands for the outer value `x`, one for each distinct value."""
        if type(x) is not Tracer:
            found = self.captured.get(id(x))
            if found is None:
                found = self.captured[id(x)] = (x, Var(typeof(x)))
                self.wide += _WIDE.get(found[1].type.dtype, "")
            return found[1]
        found = self.captured.get(id(x.variable))
        if found is None:
            held = x.recorder.handle(x.variable)
            if self.decided:
                held = self._marked_outside(held, x.type.vma | self.decided)
            found = self.captured[id(x.variable)] = (held, Var(held.type))
        return found[1]

    def _marked_outside(self, x: Tracer, axes: frozenset[Any]) -> Tracer:
        """A value from outside that counts as differing along `axes`, marked out there."""
        outer = self.outer if type(self.outer) is Staging else x.recorder
        atom = outer.marked(outer.atom(x), axes)
        assert type(atom) is Var
        return outer.handle(atom)

    def handle(self, var: Var) -> Tracer:
        """The one handle of a variable that recordings inside this one keep.

        It is not the user's, which assignments to elements rebind.
        """
        found = self.handles.get(var)
        if found is None:
            found = self.handles[var] = Tracer(self, var)
        return found

    def apply(self, fn: Function, args: Sequence[Any]) -> list[Any]:
        """Record the equations of `fn` with `args` in place of its parameters."""
        env: dict[Atom, Atom] = {}
        for v, x in zip(fn.params, args, strict=False):
            a = self.atom(x)
            env[v] = a if a.type.manual is v.type.manual else self._fitting(a, v.type)
        for var, const in zip(fn.params[len(args) :], fn.consts, strict=True):
            env[var] = self.atom(const)
        own = [v for e in fn.eqns for v in e.outputs]
        defined = not self.spliced.isdisjoint(own)  # the same function, applied before
        if defined:
            env.update((v, Var(v.type)) for v in own)
        else:
            self.spliced.update(own)
        append, get, renamed = self.eqns.append, env.get, env.keys()
        for e in fn.eqns:
            if defined or not renamed.isdisjoint(e.inputs):
                inputs, outputs = [get(a, a) for a in e.inputs], [get(v, v) for v in e.outputs]
                e = Eqn(e.primitive, inputs, outputs, e.params, e.loc)  # pyright: ignore[reportArgumentType]
            append(e)
        return [self._handle(get(a, a)) for a in fn.results]

    def _fitting(self, atom: Atom, type: ArrayType) -> Atom:
        """An atom for a parameter of a program that keeps account of what differs along axes."""
        if atom.type.vma <= type.vma or isinstance(atom, Literal):
            return self.marked(atom, type.vma)
        extra = ", ".join(sorted(map(str, atom.type.vma - type.vma)))
        raise UnsupportedError(
            f"a value that may differ along {extra} stands where one is expected that does not: "
            f"{atom.type} for {type}\n"
            "fix: combine it with lax.psum or lax.pmean first, or use check_vma=False",
            self.loc,
        )

    def _handle(self, atom: Atom) -> Any:
        return atom if type(atom) is Literal else Tracer(self, atom)  # type: ignore[arg-type]

    def finish(
        self, params: Sequence[Tracer], results: Sequence[Any]
    ) -> tuple[Function, list[Any]]:
        """Close the recording: the function, and the outer values it captured.

        Captured values come first in the parameter list of the function.
        """
        atoms = [self.atom(r) for r in results]
        captured = list(self.captured.values())
        variables = [v for _, v in captured] + [p.variable for p in params]
        return Function(self.name, variables, self.eqns, atoms), [x for x, _ in captured]

    def asked(self, var: Var) -> Any:
        """As `value_of`, and the value of what depends on constants alone."""
        found = self.value_of(var)
        return known.constant(self, var) if found is None else found

    def value_of(self, var: Var) -> Any:
        """Array for a variable if the inputs are at hand, else None."""
        return None if self.values is None else known.at_hand(self, var)


def wide_kinds(trace: Any) -> str:
    """Kinds of number that come into a recording, or one around it, at double width."""
    found = ""
    while type(trace) is Staging:
        found += trace.wide
        trace = trace.outer
    return found


def leveled(
    primitive: Primitive,
    inputs: Sequence[Atom],
    params: dict[str, Any],
    wanted: Sequence[frozenset[Any]],
    mark: Callable[[Atom, frozenset[Any]], Atom],
) -> tuple[tuple[ArrayType, ...], list[Atom]]:
    """Result types, and operands marked as differing along the axes that they should.

    Numbers are the same everywhere and fit any place, so they stay as they are.
    """
    marked = [mark(a, axes) for a, axes in zip(inputs, wanted, strict=True)]
    types = [
        a.type.varying(axes) if type(a) is Literal else a.type
        for a, axes in zip(marked, wanted, strict=True)
    ]
    return primitive.result_types(tuple(types), params), marked


def marking(atom: Atom, more: frozenset[Any], loc: Loc | None) -> Eqn:
    """The equation that marks a value as differing along more axes of a region."""
    out = Var(atom.type.varying(atom.type.vma | more))
    return Eqn(named("pvary"), [atom], [out], {"axes": Axes(sorted(more, key=str))}, loc)


def _with_place(error: Exception, loc: Loc | None) -> Exception:
    """The error of a type rule at the line of `loc`, where a transform knows it, or the user's."""
    if isinstance(error, LocatedError):
        return error if loc is None else type(error)(error.message, loc)
    return type(error)(located(str(error), loc or user_loc(3)))


def outlived(x: Tracer) -> Any:
    """The value that a traced value of a recording that has ended stands for.

    Raises:
        UnexpectedTracerError: it was lost with the recording.
    """
    found = known.outliving(x)
    if found is None:
        raise escaped(x)
    return found


def build(name: str, types: Sequence[ArrayType], body: Callable[..., Sequence[Any]]) -> Function:
    """Function of parameters of the given types, recorded from `body`.

    Arrays that `body` takes from outside stand in the function by value.

    Args:
        name: name of the function.
        types: types of its parameters.
        body: function of traced values that gives a sequence of results.

    Raises:
        NotImplementedError: it takes a traced value from outside.

    Example:
        >>> kind = ms.typeof(np.ones(2))
        >>> program = ms.extend.build("double", [kind], lambda x: [2 * x])
        >>> program.name, len(program.eqns), program.out_types
        ('double', 1, (f32[2],))
    """
    trace = Staging(name)
    with trace, chosen():  # of the library's own code no user can say how it is laid out
        params = [trace.parameter(t) for t in types]
        fn, captured = trace.finish(params, body(*params))
    return by_value(fn, captured) if captured else fn


def by_value(fn: Function, captured: Sequence[Any]) -> Function:
    """`fn` with its first parameters replaced by constants of the arrays they stand for."""
    other = [typeof(x) for x in captured if type(x) is Tracer or not typeof(x).plain]
    if other:
        raise UnsupportedError(
            f"`{fn.name}` uses values from outside it, of types {', '.join(map(str, other))}, that "
            "are traced or keys\nfix: pass them as operands"
        )
    with Staging(fn.name) as trace:
        kept = [(np.asarray(x, t.dtype), t.weak_type) for x in captured for t in (typeof(x),)]
        held = [named("constant").bind(value=Constant(x, weak)) for x, weak in kept]
        params = [trace.parameter(t) for t in fn.in_types[len(captured) :]]
        return trace.finish(params, trace.apply(fn, [*held, *params]))[0]
