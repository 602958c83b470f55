"""Primitives made in the way of JAX: a name first, rules attached to it one by one.

`ms_func` describes a primitive by one frozen record. This one is such a record whose rules look up,
when they are asked for, what was attached by `def_impl`, `def_abstract_eval` and the tables of
`jax.interpreters`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

import ms_func
from ms_func.api.programs import apply
from ms_func.backend import platform_of
from ms_func.execution.buffers import default_backend
from ms_func.execution.dispatch import bottom
from ms_func.ir import primitive as base
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import NotSupported, current
from ms_func.ir.types import special, typeof
from ms_func.tracing.stage import stage
from ms_func.tracing.tracer import Staging
from ms_func.transforms.zeros import instantiate

Rule = Callable[..., Any]


class Table(dict[Any, Any]):
    """Rules by primitive. Of a primitive of the library itself it gives that one's own rule."""

    def __init__(self, slot: str) -> None:
        super().__init__()
        self.slot = slot

    def __missing__(self, primitive: Any) -> Any:
        found = getattr(primitive, self.slot, None)
        if type(primitive) is Primitive or not callable(found):
            raise KeyError(primitive)
        return found

    def __contains__(self, primitive: object) -> bool:
        if super().__contains__(primitive):
            return True
        return type(primitive) is not Primitive and callable(getattr(primitive, self.slot, None))


jvps = Table("jvp")
transposes = Table("transpose")
batchers = Table("batch")
axis_batchers = Table("no_such_slot")
fancy_batchers = Table("no_such_slot")
lowerings: dict[tuple[Any, str | None], Any] = {}


class _Programs(type):
    """A program that closes over nothing is also one with its constants, none."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return type(instance) is Function or type.__instancecheck__(cls, instance)


class ClosedJaxpr(metaclass=_Programs):
    """A recorded program and what it closes over.

    Attributes:
        jaxpr: the program; its last parameters are for the constants.
        consts: arrays or traced values.
    """

    def __init__(self, jaxpr: Function, consts: Sequence[Any] = ()) -> None:
        self.jaxpr, self.consts = jaxpr, list(consts)

    in_avals = property(lambda self: [v.type for v in self.jaxpr.invars])
    out_avals = property(lambda self: list(self.jaxpr.out_types))
    eqns = property(lambda self: self.jaxpr.eqns)
    effects = property(lambda self: self.jaxpr.effects)
    literals = property(lambda self: self.consts)

    def replace(self, **changes: Any) -> ClosedJaxpr:
        """With another program or other constants."""
        return ClosedJaxpr(**{"jaxpr": self.jaxpr, "consts": self.consts, **changes})

    def __call__(self, *args: Any) -> list[Any]:
        """Results for the given arguments."""
        return apply(self.jaxpr, [*args, *self.consts])

    def __repr__(self) -> str:
        return repr(self.jaxpr)


def opened(fn: Function, captured: Sequence[Any]) -> Function:
    """A recorded program, the parameters for what it closes over last and marked as such."""
    n = len(captured)
    eqns = [
        e.replace(params=_Params(e.params)) if _NAMES.keys() & e.params.keys() else e
        for e in fn.eqns
    ]
    found = Function(fn.name, [*fn.params[n:], *fn.params[:n]], eqns, fn.results)
    found.memo["constvars"] = n
    return found


_NAMES = {"fn": ("jaxpr", "call_jaxpr"), "body": ("jaxpr", "body_jaxpr"), "cond": ("cond_jaxpr",)}
"""Names of the programs among the parameters of an equation, and those that they have in JAX."""


class _Params(dict[str, Any]):
    """Parameters of an equation, where a program also goes by the name it has in JAX."""

    def __missing__(self, name: str) -> Any:
        for own, others in _NAMES.items():
            if name in others and own in self:
                return opened(self[own], ())
        raise KeyError(name)


def closed(fn: Function, captured: Sequence[Any]) -> ClosedJaxpr:
    """A recorded program with what it closes over."""
    return ClosedJaxpr(opened(fn, captured), captured)


class LowerFun(NamedTuple):
    """A lowering rule that computes a primitive by other operations."""

    fun: Rule
    multiple_results: bool


class AxisData(NamedTuple):
    """What a batching rule is told of the batch dimension."""

    name: Any
    size: int
    spmd_name: Any = None
    explicit_mesh_axis: Any = None


class Primitive(base.Primitive):
    """A primitive of JAX's kind.

    Example:
        >>> import ms_func as ms
        >>> twice_p = Primitive("twice")
        >>> _ = twice_p.def_impl(lambda x: 2 * x)
        >>> twice_p.bind(3)
        6
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, abstract=self._abstract, ref=NotSupported("no NumPy rule"),
                         lower=NotSupported("it is expanded"), jvp=self._jvp,
                         transpose=self._transpose, batch=self._batch,
                         shard=NotSupported("it is expanded"), expand=self._expand)  # fmt: skip
        if type(self).__dict__.get("multiple_results", False):  # said by a class, as in JAX
            object.__setattr__(self, "multiple_results", True)
        special.seen = True  # programs may hold what is not final

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def def_impl(self, impl: Rule) -> Rule:
        """What an application outside of any transform does."""
        self.impl = impl
        return impl

    def def_abstract_eval(self, rule: Rule) -> Rule:
        """Types of the results from those of the operands."""
        self.abstract_eval = rule
        return rule

    def def_effectful_abstract_eval(self, rule: Rule) -> Rule:
        """As `def_abstract_eval`, of a rule that also gives effects.

        Raises:
            NotImplementedError: when it gives one.
        """

        def types(*args: Any, **params: Any) -> Any:
            found, effects = rule(*args, **params)
            if effects:
                raise NotImplementedError(f"{self.name} has effects of JAX's kinds: {effects}")
            return found

        self.abstract_eval = types
        return rule

    def bind(self, *args: Any, **params: Any) -> Any:
        """Apply the primitive under the interpreter in force."""
        if current.interpreter is bottom:
            impl = getattr(self, "impl", None)
            if impl is None:
                raise NotImplementedError(f"Evaluation rule for '{self.name}' not implemented")
            return impl(*args, **params)
        return current.interpreter.bind(self, args, params)

    def _abstract(self, *types: Any, **params: Any) -> Any:
        rule = self.__dict__.get("abstract_eval")
        if rule is None and hasattr(type(self), "abstract_eval"):  # a method, which gives effects
            self.def_effectful_abstract_eval(self.abstract_eval)
            rule = self.abstract_eval
        if rule is None:
            raise NotImplementedError(f"Abstract evaluation for '{self.name}' not implemented")
        return rule(*types, **params)

    def _expand(self, types: Sequence[Any], **params: Any) -> tuple[Function, list[Any]]:
        rule = self._rule_of_lowering()

        def call(tracers: list[Any]) -> list[Any]:
            found = rule.fun(*tracers, **params)
            return list(found) if rule.multiple_results else [found]

        made = stage(call, list(types), name=self.name)
        return made.fn, made.captured

    def _rule_of_lowering(self) -> LowerFun:
        """What was registered for the platform in use, or for all.

        Raises:
            NotImplementedError: nothing was, or a rule that emits MLIR.
        """
        platform = platform_of(default_backend().default_device)
        rule = lowerings.get((self, platform)) or lowerings.get((self, None))
        if rule is None:
            raise NotImplementedError(
                f"MLIR translation rule for primitive '{self.name}' not found for platform "
                f"{platform}"
            )
        return rule if type(rule) is LowerFun else self._on_host()

    def _on_host(self) -> LowerFun:
        """A call of what an application does outside of transforms, while the program runs.

        This is for a rule that emits MLIR, which is written against the inside of JAX.

        Raises:
            NotImplementedError: that would be to compile the application again.
        """
        impl = getattr(self, "impl", None)
        if impl is None or getattr(impl, "func", impl) is apply_primitive:
            raise NotImplementedError(
                f"the lowering rule of '{self.name}' is written against the inside of JAX\n"
                "fix: register mlir.lower_fun(f), where f computes it by other operations"
            )
        many = self.multiple_results

        def call(*operands: Any, **params: Any) -> Any:
            types = self.result_types(tuple(typeof(x) for x in operands), params)
            structs = [ms_func.ShapeDtypeStruct(t.shape, t.dtype) for t in types]

            def on_host(*arrays: Any) -> Any:
                return impl(*map(ms_func.numpy.asarray, arrays), **params)

            return ms_func.pure_callback(on_host, structs if many else structs[0], *operands)

        return LowerFun(call, many)

    def _jvp(self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        rule = jvps.get(self)
        if rule is None:
            raise NotImplementedError(f"Differentiation rule for '{self.name}' not implemented")
        return rule(_values(primals), _values(tangents), **params)

    def _transpose(self, ct: Any, *operands: Any, **params: Any) -> Any:
        rule = transposes.get(self)
        if rule is None:
            raise NotImplementedError(
                f"Transpose rule (for reverse-mode differentiation) for '{self.name}' not "
                "implemented"
            )
        found = rule(ct, *_values(operands), **params)
        return [None] * len(operands) if isinstance(found, (base.Zero, type)) else found

    def _batch(self, size: int, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
        args, dims = tuple(_values(args)), tuple(dims)
        rule = batchers.get(self)
        if rule is not None:
            return rule(args, dims, **params)
        rule = fancy_batchers.get(self)
        if rule is not None:
            return rule(AxisData(None, size), args, dims, **params)
        rule = axis_batchers.get(self)
        if rule is None:
            raise NotImplementedError(f"Batching rule for '{self.name}' not implemented")
        return rule(size, None, None, args, dims, **params)


def _values(operands: Sequence[Any]) -> list[Any]:
    """Operands with numbers in place of the literals of programs."""
    return [
        x if type(x) is not Literal
        else x.value if x.type.weak_type
        else np.asarray(x.value, x.type.dtype)
        for x in operands
    ]  # fmt: skip


_depending: WeakKeyDictionary[Staging, tuple[int, set[Any]]] = WeakKeyDictionary()


def depending(trace: Staging) -> set[Any]:
    """Variables of a recording that do not follow from what comes in from around it alone."""
    at, outside = _depending.get(trace, (0, set()))
    outside.update(v for _, v in trace.captured.values())
    for eqn in trace.eqns[at:]:
        if all(type(a) is Literal or a in outside for a in eqn.inputs):
            outside.update(eqn.outputs)
    _depending[trace] = len(trace.eqns), outside
    return _Others(outside)


class _Others(set[Any]):
    """All variables but those given."""

    def __contains__(self, v: object) -> bool:
        return not super().__contains__(v)


def apply_primitive(prim: Any, *args: Any, **params: Any) -> Any:
    """An application of a primitive, compiled; what `def_impl` is given for most primitives."""
    return ms_func.jit(lambda *xs: prim.bind(*xs, **params))(*args)


def instantiate_zeros(x: Any) -> Any:
    """An array in place of a tangent known to be zero."""
    return instantiate(x)
