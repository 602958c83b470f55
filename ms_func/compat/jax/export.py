"""`jax.export`: functions written to bytes and called again elsewhere.

What is written holds the program in the text form of the IR, so that it can be called on every
backend and differentiated and vectorised to any order, and beside it the portable StableHLO
artifact for other tools. The bytes are a format of ms_func: JAX does not read them, nor they its.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import ms_func
from ms_func import tree
from ms_func.api.jit_options import TARGETS
from ms_func.api.open_programs import OpenProgram, open_program
from ms_func.api.open_sizes import fixed, open_names
from ms_func.api.programs import apply
from ms_func.compat.places import Places, over
from ms_func.compat.rules import opened
from ms_func.control_flow.written_rules import with_rules
from ms_func.dtypes import key_of
from ms_func.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError
from ms_func.ir import parse, to_text
from ms_func.ir.effects import calls_host
from ms_func.ir.function import Function
from ms_func.ir.sizes import Scope, Size, parse_sizes, solved
from ms_func.ir.types import ArrayType, ShapeDtypeStruct, typeof

__all__ = ["DisabledSafetyCheck", "Exported", "SymbolicScope", "default_export_platform",
           "deserialize", "export", "is_symbolic_dim",
           "maximum_supported_calling_convention_version",
           "minimum_supported_calling_convention_version", "register_namedtuple_serialization",
           "register_pytree_node_serialization", "symbolic_args_specs",
           "symbolic_shape"]  # fmt: skip

minimum_supported_calling_convention_version = 9
maximum_supported_calling_convention_version = 10
_MAGIC = b"ms_func exported program 1\n"
_ORDER_OF_OPEN = 3
"""Programs for sizes with names are kept as text: derivatives by rules of one's own up to here."""


class DisabledSafetyCheck:
    """A check that export leaves out. Programs here have none of these checks to leave out."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def platform(cls) -> DisabledSafetyCheck:
        """That the program runs on the platforms it was exported for."""
        return cls("platform")

    @classmethod
    def custom_call(cls, target_name: str) -> DisabledSafetyCheck:
        """That a foreign function is known to be stable."""
        return cls(f"custom_call:{target_name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DisabledSafetyCheck) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"DisabledSafetyCheck({self.name!r})"


def default_export_platform() -> str:
    """The platform that programs are exported for by default."""
    found = ms_func.default_backend()
    return "cuda" if found == "gpu" else found


@dataclass(frozen=True)
class Exported:
    """A program with the structure of its arguments and results.

    Attributes:
        fun_name: name of the function.
        in_tree: structure of (positional, named) arguments.
        in_avals: types of the arrays of the arguments; `ShapeDtypeStruct`s where sizes have names.
        out_tree: structure of the result.
        out_avals: types of the arrays of the result.
        platforms: where it may be called.
        disabled_safety_checks: as given to `export`.
    """

    fun_name: str
    in_tree: Any
    in_avals: tuple[ArrayType | ShapeDtypeStruct, ...]
    out_tree: Any
    out_avals: tuple[ArrayType | ShapeDtypeStruct, ...]
    platforms: tuple[str, ...]
    disabled_safety_checks: tuple[DisabledSafetyCheck, ...]
    _program: Function | OpenProgram = field(repr=False)
    _vjp_order: int = field(default=10, repr=False)
    _places: Places | None = field(default=None, repr=False)

    calling_convention_version = maximum_supported_calling_convention_version
    ordered_effects: tuple[Any, ...] = ()
    unordered_effects: tuple[Any, ...] = ()
    uses_global_constants = False

    @property
    def module_kept_var_idx(self) -> tuple[int, ...]:
        """Numbers of the arrays that the module takes: all."""
        return tuple(range(len(self.in_avals)))

    @property
    def in_shardings_hlo(self) -> tuple[None, ...]:
        """Layouts asked for: none."""
        return (None,) * len(self.in_avals)

    @property
    def out_shardings_hlo(self) -> tuple[None, ...]:
        """Layouts asked for: none."""
        return (None,) * len(self.out_avals)

    @property
    def nr_devices(self) -> int:
        """Number of devices that it is for."""
        return 1 if self._places is None else self._places.devices

    def in_shardings_jax(self, mesh: Any) -> tuple[Any, ...]:
        """Layouts of the arrays of the arguments over a mesh; None where none was given."""
        return self.in_shardings_hlo if self._places is None else over(mesh, self._places.ins)

    def out_shardings_jax(self, mesh: Any) -> tuple[Any, ...]:
        """Layouts of the arrays of the result over a mesh; None where none was given."""
        return self.out_shardings_hlo if self._places is None else over(mesh, self._places.outs)

    @property
    def mlir_module_serialized(self) -> bytes:
        """The portable StableHLO artifact, for the platform in use."""
        return ms_func.export(lambda *xs: self._flat(xs), *self._fixed())

    def mlir_module(self) -> str:
        """The module as text."""
        traced = ms_func.jit(lambda *xs: self._flat(xs)).trace(*self._fixed())
        return traced.lower(lowering_platforms=self.platforms).as_text()

    def _fixed(self) -> list[Any]:
        """Types of the arrays of the arguments, all of whose sizes are numbers."""
        if isinstance(self._program, OpenProgram):
            names = sorted(open_names(list(self.in_avals)))
            raise UnsupportedError(
                f"StableHLO is made for sizes that are numbers, and {names} are names\n"
                "fix: export for numbers"
            )
        return [_struct(t) for t in self.in_avals]

    def serialize(self, vjp_order: int = 0) -> bytearray:
        """Bytes from which `deserialize` makes this again.

        Args:
            vjp_order: how often what is made may be differentiated in reverse.
        """
        parts = {
            "fun_name": self.fun_name, "in_tree": _written(self.in_tree),
            "out_tree": _written(self.out_tree), "platforms": self.platforms,
            "checks": [c.name for c in self.disabled_safety_checks], "vjp_order": vjp_order,
        }  # fmt: skip
        if self._places is not None:
            parts["places"] = self._places.written()
        if isinstance(self._program, OpenProgram):
            names = open_names(list(self.in_avals)).values()
            parts |= {
                "program": self._program.written(), "constraints": next(iter(names)).scope.texts,
                "in_avals": [*map(_written_aval, self.in_avals)],
                "out_avals": [*map(_written_aval, self.out_avals)],
            }  # fmt: skip
        else:
            parts["program"] = to_text(with_rules(self._program, vjp_order), locs="none")
        return bytearray(_MAGIC + json.dumps(parts).encode())

    def has_vjp(self) -> bool:
        """Whether it can be differentiated in reverse."""
        return self._vjp_order > 0

    def vjp(self) -> Exported:
        """The program of the cotangents of the arguments, from arguments and cotangents.

        Raises:
            ValueError: it was serialised without it.
        """
        if not self.has_vjp():
            raise ArgumentValueError(
                "no VJP is available: it was serialised with vjp_order=0\n"
                "fix: serialize(vjp_order=1)"
            )
        n = len(self.in_avals)

        def pulled(*args: Any) -> Any:
            return ms_func.vjp(lambda *xs: self._flat(xs), *args[:n])[1](list(args[n:]))

        cts = [_tangent(t) for t in self.out_avals]
        made = export(ms_func.jit(pulled), platforms=self.platforms)(
            *map(_struct, (*self.in_avals, *cts))
        )
        return _replaced(made, vjp_order=self._vjp_order - 1, name=f"{self.fun_name}_vjp")

    def _check_types(self, args: Any, kwargs: Any, leaves: Sequence[Any]) -> None:
        places = [tree.keystr(path[1:]) for path, _ in tree.leaves_with_path((args, kwargs))]
        for i, (x, wanted) in enumerate(zip(leaves, self.in_avals, strict=True)):
            found = typeof(x)
            where = f"{'args' if i < len(tree.leaves(args)) else 'kwargs'}{places[i]}"
            if len(found.shape) != len(wanted.shape):
                raise ArgumentValueError(
                    f"Rank mismatch for {where}: expected {wanted.shape} and called with "
                    f"{found.shape}, '{self.fun_name}' was exported for {wanted}"
                )
            pairs = zip(found.shape, wanted.shape, strict=True)
            if any(n != d and not isinstance(d, Size) for n, d in pairs):
                raise ArgumentValueError(
                    f"Shape mismatch for {where}.shape: expected {wanted.shape} and called with "
                    f"{found.shape}, '{self.fun_name}' was exported for {wanted}"
                )
            if not _fits(found, wanted):
                raise ArgumentValueError(
                    f"Dtype mismatch for {where}: expected {wanted.dtype} and called with "
                    f"{found.dtype}, '{self.fun_name}' was exported for {wanted}"
                )

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The result for arguments of the types it was exported for.

        Raises:
            ValueError: arguments have another structure, other types, or stand on a platform that
                it was not exported for.
        """
        leaves, in_tree = tree.flatten((args, kwargs))
        if in_tree != self.in_tree:
            raise ArgumentValueError(
                "The invocation args and kwargs must have the same pytree structure as when the "
                f"function '{self.fun_name}' was exported: it was {self.in_tree}, and is {in_tree}"
            )
        self._check_types(args, kwargs, leaves)
        if self._places is not None:
            self._places.check(self.fun_name, leaves)
        here = default_export_platform()
        if here not in self.platforms and not any(
            c == DisabledSafetyCheck.platform() for c in self.disabled_safety_checks
        ):
            raise ArgumentValueError(
                f"Function '{self.fun_name}' was exported for platforms '{self.platforms}' but it "
                f"is used on '{here}'"
            )
        values = [
            x if typeof(x).dtype == t.dtype else ms_func.numpy.asarray(x, t.dtype)
            for x, t in zip(leaves, self.in_avals, strict=True)
        ]
        return tree.unflatten(self.out_tree, self._flat(values))

    def _flat(self, args: Sequence[Any]) -> list[Any]:
        fn = self._program
        if isinstance(fn, OpenProgram):
            fn = fn.at(solved(self._lengths(args)))
        bare = Function(fn.name, fn.params, fn.eqns, fn.results)
        return apply(bare, [*args, *map(ms_func.numpy.asarray, fn.consts)])

    def _lengths(self, args: Sequence[Any]) -> list[tuple[Any, int, str]]:
        """Sizes with names, the lengths of arguments that they are, and their places."""
        places = [tree.keystr(p[1:]) for p, _ in tree.leaves_with_path(tree.unflatten(
            self.in_tree, args))]  # fmt: skip
        return [
            (d, n, f"args{place}.shape[{k}]")
            for x, aval, place in zip(args, self.in_avals, places, strict=True)
            for k, (n, d) in enumerate(zip(typeof(x).shape, aval.shape, strict=True))
            if isinstance(d, Size)
        ]


def _fits(found: ArrayType, wanted: Any) -> bool:
    kinds = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}
    return found.dtype == wanted.dtype or (
        found.weak_type and kinds[found.dtype.kind] <= kinds[wanted.dtype.kind]
    )


def _written_aval(t: Any) -> list[Any]:
    return [", ".join(map(str, t.shape)), str(t.dtype), t.weak_type]


def _read_aval(data: Sequence[Any], scope: Scope) -> ShapeDtypeStruct:
    return ShapeDtypeStruct(parse_sizes(data[0], scope), data[1], weak_type=data[2])


def _tangent(t: Any) -> Any:
    if isinstance(t, ArrayType):
        return t.tangent
    return t.update(dtype=ArrayType((), t.dtype).tangent.face)


def _struct(t: Any) -> Any:
    if isinstance(t, ShapeDtypeStruct):
        return t
    return ms_func.ShapeDtypeStruct(t.shape, t.face, weak_type=t.weak_type)


def _replaced(made: Exported, *, vjp_order: int, name: str) -> Exported:
    return Exported(name, made.in_tree, made.in_avals, made.out_tree, made.out_avals,
                    made.platforms, made.disabled_safety_checks, made._program,
                    vjp_order)  # fmt: skip


def _closed(traced: Any) -> Function:
    """The program with what the function closes over as its constants."""
    if calls_host(traced.ir):
        raise UnsupportedError(
            f"`{traced.fun_name}` calls Python while it runs (it prints, checks or has "
            "callbacks), and bytes cannot carry Python functions\n"
            "fix: leave these out of what is exported"
        )
    fn, captured = opened(traced.ir, traced.captured), traced.captured
    kinds = [key_of(np.dtype(typeof(x).dtype)) for x in captured]
    if any(kinds):
        fn = _of_words(fn, kinds)
    consts = [
        np.asarray(x if kind is None else ms_func.random.key_data(x))
        for x, kind in zip(captured, kinds, strict=True)
    ]
    return Function(fn.name, fn.params, fn.eqns, fn.results, consts)


def _of_words(fn: Function, kinds: Sequence[Any]) -> Function:
    """The same program, which takes words in place of the keys among its last parameters."""
    types = [v.type for v in fn.params]
    split = len(types) - len(kinds)

    def wrapped(*args: Any) -> Any:
        ends = [x if kind is None else ms_func.random.wrap_key_data(x, impl=kind.impl)
                for x, kind in zip(args[split:], kinds, strict=True)]  # fmt: skip
        return apply(fn, [*args[:split], *ends])

    words = [t if kind is None else ArrayType((*t.shape, kind.words), "uint32")
             for t, kind in zip(types[split:], kinds, strict=True)]  # fmt: skip
    return ms_func.make_ir(wrapped)(*map(_struct, [*types[:split], *words]))


def export(
    fun_jit: Any, *, platforms: Sequence[str] | None = None,
    disabled_checks: Sequence[DisabledSafetyCheck] = (), **options: Any,
) -> Callable[..., Exported]:  # fmt: skip
    """Function of arrays or `ShapeDtypeStruct`s that gives the program of `fun_jit` for them.

    Args:
        fun_jit: a function made by `jit`.
        platforms: where it may be called: of "cpu", "cuda", "rocm" and "tpu"; by default the
            platform in use.
        disabled_checks: kept, and given back.

    Raises:
        ValueError: `fun_jit` is no jitted function, or there is no such platform.
        NotImplementedError: the program calls Python, or its size depends on names of sizes.

    Example:
        >>> import ms_func as ms
        >>> exported = export(ms.jit(lambda x: 2 * x))(ms.ShapeDtypeStruct((), "float32"))
        >>> float(deserialize(exported.serialize()).call(3.0))
        6.0
    """
    if not hasattr(fun_jit, "trace"):
        raise ArgumentValueError(
            f"Function to be exported must be the result of `jit` but is: {fun_jit}"
        )
    if any(options.values()):
        raise UnsupportedError(f"export does not take {sorted(options)}")
    chosen = (default_export_platform(),) if platforms is None else tuple(platforms)
    unknown = [p for p in chosen if p not in TARGETS]
    if unknown or not chosen:
        raise ArgumentValueError(f"platforms are {TARGETS}, got {platforms}")

    def exported(*args: Any, **kwargs: Any) -> Exported:
        traced: Any = None

        def recorded(numbers: Mapping[str, int]) -> Function:
            nonlocal traced
            positional, named = fixed((args, kwargs), numbers) if numbers else (args, kwargs)
            traced = fun_jit.trace(*positional, **named)
            fn = _closed(traced)
            return with_rules(fn, _ORDER_OF_OPEN) if numbers else fn

        names = open_names((args, kwargs))
        program: Function | OpenProgram
        if names:
            program, ins, outs = open_program(recorded, names, fun_jit.__name__)
        else:
            program = recorded({})
            ins, outs = tuple(program.free_types), tuple(program.out_types)
        return Exported(traced.fun_name, traced.in_tree, ins, tree.structure(traced.out_info), outs,
                        chosen, tuple(disabled_checks), program,
                        _places=Places.of(traced))  # fmt: skip

    return exported


def deserialize(blob: bytes | bytearray) -> Exported:
    """What `Exported.serialize` wrote.

    Raises:
        ValueError: these are no such bytes.
    """
    data = bytes(blob)
    if not data.startswith(_MAGIC):
        raise ArgumentValueError(
            "these bytes were not written by Exported.serialize of ms_func; JAX's own format is "
            "not read"
        )
    parts = json.loads(data[len(_MAGIC) :])
    program, in_avals, out_avals = _read_program(parts)
    return Exported(
        parts["fun_name"], _read(parts["in_tree"]), in_avals, _read(parts["out_tree"]), out_avals,
        tuple(parts["platforms"]), tuple(map(DisabledSafetyCheck, parts["checks"])), program,
        parts["vjp_order"], Places.read(parts["places"]) if "places" in parts else None,
    )  # fmt: skip


def _read_program(parts: Any) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """The program, and the types of its arguments and results."""
    if "constraints" not in parts:
        fn = parse(parts["program"])
        return fn, tuple(fn.free_types), tuple(fn.out_types)
    scope = SymbolicScope(parts["constraints"])
    ins, outs = ([_read_aval(t, scope) for t in parts[k]] for k in ("in_avals", "out_avals"))
    return OpenProgram.read(parts["program"], scope), tuple(ins), tuple(outs)


# --- structures --------------------------------------------------------------------------------

_by_type: dict[type, tuple[str, Callable[[Any], bytes]]] = {}
_by_name: dict[str, tuple[type, Callable[[bytes], Any], Any]] = {}


def register_pytree_node_serialization(
    nodetype: type, *, serialized_name: str, serialize_auxdata: Callable[[Any], bytes],
    deserialize_auxdata: Callable[[bytes], Any],
    from_children: Callable[[Any, Any], Any] | None = None,
) -> type:  # fmt: skip
    """Let structures with nodes of a class, registered as a pytree, be written.

    Raises:
        ValueError: the class or the name is taken.
    """
    if nodetype in _by_type or serialized_name in _by_name:
        raise ArgumentValueError(
            f"Duplicate serialization registration for type `{nodetype}` or serialized_name "
            f"`{serialized_name}`: it is registered already"
        )
    _by_type[nodetype] = (serialized_name, serialize_auxdata)
    _by_name[serialized_name] = (nodetype, deserialize_auxdata, from_children)
    return nodetype


def register_namedtuple_serialization(nodetype: type, *, serialized_name: str) -> type:
    """Let structures with named tuples of a class be written."""
    if not issubclass(nodetype, tuple) or not hasattr(nodetype, "_fields"):
        raise ArgumentValueError(f"{nodetype} is no class of named tuples")
    return register_pytree_node_serialization(
        nodetype, serialized_name=serialized_name, serialize_auxdata=lambda aux: b"",
        deserialize_auxdata=lambda data: nodetype, from_children=lambda aux, xs: nodetype(*xs),
    )  # fmt: skip


def _written(treedef: Any) -> Any:
    """A structure as JSON."""
    node = treedef.node_data()
    if node is None:  # a leaf
        return "*"
    kind, aux = node
    if kind is type(None):
        return None
    children = [_written(c) for c in treedef.children()]
    if kind in (tuple, list):
        return [kind.__name__, children]
    if kind is dict:
        if not all(isinstance(k, str) for k in aux):
            raise ArgumentTypeError(f"only dicts with strings as keys are written, got {aux}")
        return ["dict", children, list(aux)]
    name_of = aux if isinstance(aux, type) and issubclass(aux, tuple) else kind
    if name_of not in _by_type:
        raise ArgumentValueError(
            f"Cannot serialize PyTreeDef containing an unregistered type `{name_of}`. Use "
            "`export.register_pytree_node_serialization` or "
            "`export.register_namedtuple_serialization`\n"
            "fix: export.register_pytree_node_serialization"
        )
    name, write = _by_type[name_of]
    return ["node", children, name, base64.b64encode(write(aux)).decode()]


def _read(data: Any) -> Any:
    return tree.structure(_skeleton(data))


def _skeleton(data: Any) -> Any:
    """A tree of a structure, of numbers."""
    if data is None:
        return None
    if data == "*":
        return 0
    children = [_skeleton(c) for c in data[1]]
    if data[0] == "dict":
        return dict(zip(data[2], children, strict=True))
    if data[0] != "node":
        return {"tuple": tuple, "list": list}[data[0]](children)
    if data[2] not in _by_name:
        raise ArgumentValueError(f"no class is registered under the name {data[2]!r}")
    kind, read, build = _by_name[data[2]]
    aux = read(base64.b64decode(data[3]))
    if build is not None:
        return build(aux, children)
    return kind.tree_unflatten(aux, children)  # type: ignore[attr-defined]


# --- names of sizes ----------------------------------------------------------------------------


class SymbolicScope(Scope):
    """Names of sizes that belong together, with their bounds; see `symbolic_shape`.

    Args:
        constraints_str: texts such as `"a >= 2"`, `"a >= b"`.

    Raises:
        ValueError: a constraint cannot be read, or no numbers meet it.
        NotImplementedError: a constraint is an equation.
    """

    def __init__(self, constraints_str: Sequence[str] = ()) -> None:
        if isinstance(constraints_str, str):
            raise ArgumentValueError(
                f"The symbolic constraints should be a sequence of strings. Got {constraints_str!r}"
            )
        super().__init__(constraints_str)


def is_symbolic_dim(p: Any) -> bool:
    """Whether a length is a name, or made of names."""
    return isinstance(p, Size)


def symbolic_shape(
    shape_spec: str | None, *, constraints: Sequence[str] = (),
    scope: SymbolicScope | None = None, like: Sequence[Any] | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """Sizes from a text such as `"a, 2*b, 3"`, for the shapes that `jax.eval_shape` takes.

    Args:
        shape_spec: names, numbers, sums and products of them; `_` and `...` stand for the sizes of
            `like`, and so does None.
        constraints: bounds of the names, such as `"a >= 2"`, `"a >= b + 1"`.
        scope: whose names they are; by default they are new ones.
        like: a shape.

    Raises:
        ValueError: the text cannot be read, or both constraints and a scope are given.
        NotImplementedError: a constraint is an equation.
    """
    if constraints and scope is not None:
        raise ArgumentValueError("Cannot specify both a `scope` and `constraints`.")
    spec = "..." if shape_spec is None else shape_spec
    if not isinstance(spec, str):
        raise ArgumentValueError(
            f"polymorphic shape spec should be None or a string. Found {shape_spec}."
        )
    return parse_sizes(spec, scope or SymbolicScope(constraints), like)


def symbolic_args_specs(
    args: Any, shapes_specs: Any, constraints: Sequence[str] = (),
    scope: SymbolicScope | None = None,
) -> Any:  # fmt: skip
    """As `symbolic_shape`, for the arrays of a tree; the names are shared."""
    specs = tree.broadcast_prefix(shapes_specs, args, lambda x: x is None or isinstance(x, str))
    leaves, structure = tree.flatten(args)
    names = scope or SymbolicScope(constraints)
    made = [
        ms_func.ShapeDtypeStruct(
            symbolic_shape(s, scope=names, like=x.shape),
            typeof(x).face if isinstance(x, np.ndarray) else x.dtype,
        )
        for x, s in zip(leaves, specs, strict=True)
    ]
    return tree.unflatten(structure, made)
