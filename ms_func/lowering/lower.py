"""ir.Function -> StableHLO module: one walk, one rule per equation.

Nested functions become private functions of the module, lowered once and called; the
`lower` rules of primitives do the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from jaxlib.mlir import ir

from ms_func import config
from ms_func.errors import ShardingError, UnsupportedError
from ms_func.ir.effects import calls_host
from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.primitive import NotSupported
from ms_func.ir.sharding import UNCONSTRAINED, NamedSharding, PartitionSpec
from ms_func.ir.types import ArrayType
from ms_func.lowering import context as mlir
from ms_func.lowering.emit import TOKEN, Builder, Value
from ms_func.lowering.manual import Manual
from ms_func.lowering.runs import Piece, pieces
from ms_func.lowering.shardings import device_order, mesh_text, meshes_of, sharding_text
from ms_func.stopwatch import timed


@timed("lower")
def lower_function(
    fn: Function,
    donate: Sequence[int] = (),
    *,
    name: str = "main",
    in_shardings: Sequence[Any] | None = None,
    out_shardings: Sequence[Any] | None = None,
    devices: Sequence[Any] = (),
    num_partitions: int | None = None,
    platform: str | None = None,
    host: list[Any] | None = None,
) -> ir.Module:
    """Lower a function to a module with a public function `main`.

    Args:
        fn: the program; nested functions are lowered as private functions.
        name: name of the module.
        donate: positions of parameters whose buffers the program may overwrite.
        in_shardings: `NamedSharding` per parameter, or None where free.
        out_shardings: the same per result.
        devices: devices that one run of the program spans, in the order of partitions.
        num_partitions: their number, where the devices themselves are not known.
        platform: kind of device it is for ("cpu", "cuda"), where a few operations have a
            better form on one kind; None gives the form that suits all.
        host: gets the Python functions that the program calls, in the order it numbers them.
            Such a program takes the number of the run as one more parameter and gives the state
            of the host as one more result, behind the others; so do the lists of shardings.
    """
    num_partitions = max(1, len(devices)) if num_partitions is None else num_partitions
    # Programs are typed: what rules write down is not narrowed for users without 64-bit dtypes.
    widths = nullcontext() if config.x64.value is None else config.x64(None)
    with mlir.context(), mlir.unknown_location(), widths:
        module = ir.Module.create()
        attributes = module.operation.attributes
        attributes["sym_name"] = ir.StringAttr.get(_identifier(name))
        attributes["mhlo.num_partitions"] = mlir.integer(num_partitions, 32)
        attributes["mhlo.num_replicas"] = mlir.integer(1, 32)
        lowerer = _Lowerer(module, devices, num_partitions, platform, [] if host is None else host)
        state = [TOKEN] if calls_host(fn) else []
        for mesh in meshes_of(fn) if num_partitions > 1 else ():
            lowerer.mesh_symbol(mesh)
        ins, outs = (
            lowerer.sharding_texts([*types, *state], shardings)
            for types, shardings in ((fn.free_types, in_shardings), (fn.out_types, out_shardings))
        )
        main = lowerer.define(fn, "main", public=True)
        aliases = alias_pairs(fn, donate)
        donors = {i for i, j in aliases.items() if num_partitions > 1 and ins[i] != outs[j]}
        _annotate(main, "arg_attrs", ins, aliases, donors)
        _annotate(main, "res_attrs", outs, {}, set())
    return module


class _Lowerer:
    """The module under construction and the functions it already holds."""

    def __init__(
        self, module: ir.Module, devices: Sequence[Any], num_partitions: int,
        platform: str | None, host: list[Any],
    ) -> None:  # fmt: skip
        self.module = module
        self.host = host
        self._one_device = ""
        self.platform = platform
        self.ip = ir.InsertionPoint(module.body)
        self.names: set[str] = set()
        self.defined: dict[Any, str] = {}
        self.devices = devices
        self.num_partitions = num_partitions
        self.meshes: dict[Any, str] = {}
        self.manual: Manual | None = None

    def sharding_text(self, sharding: NamedSharding, ndim: int) -> str | None:
        """Attribute of a layout, its mesh added to the module; None on a single device."""
        if self.num_partitions == 1:
            return None
        return sharding_text(self.mesh_symbol(sharding.mesh), sharding, ndim)

    def mesh_symbol(self, mesh: Any) -> str:
        """Name of a mesh in the module, added where it is new."""
        symbol = self.meshes.get(mesh)
        if symbol is None:
            symbol = self.meshes[mesh] = self.fresh("mesh")
            text = mesh_text(symbol, mesh, self.devices)
            first = ir.InsertionPoint.at_block_begin(self.module.body)
            first.insert(ir.Operation.parse(text, context=mlir.context()))
        return symbol

    @contextmanager
    def manual_region(self, mesh: Any, axes: Sequence[Any], loc: Any) -> Iterator[None]:
        """Lower what follows as the program of one device of `mesh`, manual along `axes`.

        Raises:
            ShardingError: the module is for another number of devices.
        """
        if mesh.size != self.num_partitions:
            raise ShardingError(
                f"a region over {mesh} needs {mesh.size} devices, but the program it stands in is "
                f"compiled for {self.num_partitions}\n"
                "fix: run it on the devices of the mesh (a backend without several devices cannot)",
                loc,
            )
        outer = self.manual
        order = device_order(mesh, self.devices)
        own = frozenset(axes) | (outer.axes if outer is not None else frozenset())
        self.manual = Manual(mesh, own, order)
        try:
            yield
        finally:
            self.manual = outer

    def sharding_texts(
        self, types: Sequence[ArrayType], shardings: Sequence[Any] | None
    ) -> list[str | None]:
        """Attribute per value, None where the layout is free."""
        if shardings is None:
            return [None] * len(types)
        return [
            None if s is None else self.sharding_text(s, t.ndim)
            for t, s in zip(types, shardings, strict=True)
        ]

    def add_host(self, entry: Any) -> int:
        """Number of a Python function that the program calls."""
        self.host.append(entry)
        return len(self.host) - 1

    def one_device(self, count: int) -> dict[str, ir.Attribute]:
        """Attribute that lets an operation with `count` results run on the first device alone."""
        if self.num_partitions == 1 or self.manual is not None:
            return {}
        if not self._one_device:
            self._one_device = self.fresh("first")
            text = f"sdy.mesh @{self._one_device} = <[], device_ids=[0]>"
            first = ir.InsertionPoint.at_block_begin(self.module.body)
            first.insert(ir.Operation.parse(text, context=mlir.context()))
        each = ", ".join([f"<@{self._one_device}, []>"] * count)
        return {"sdy.sharding": mlir.parsed(f"#sdy.sharding_per_value<[{each}]>")}

    def whole(self, builder: Builder, value: Value, dims: Sequence[int] | None = None) -> Value:
        """A value brought together on every device, before one of them looks at all of it.

        With `dims`, only these dimensions; the others stay as they are.
        """
        if self.num_partitions == 1 or not self.meshes or self.manual is not None:
            return value
        mesh = next(iter(self.meshes))
        rank = ir.RankedTensorType(value.type).rank
        every = range(rank) if dims is None else dims
        spec = PartitionSpec(*[None if d in every else UNCONSTRAINED for d in range(rank)])
        text = self.sharding_text(NamedSharding(mesh, spec), rank)
        return self._constrained(builder, value, text)

    def laid_out(self, builder: Builder, value: Value, held: Any) -> Value:
        """A value in the layout that its type tells; along other axes it is left open."""
        if self.num_partitions == 1:
            return value
        rank = ir.RankedTensorType(value.type).rank
        more = len(held.mesh.explicit_axes) < len(held.mesh.axis_names)
        text = sharding_text(self.mesh_symbol(held.mesh), held, rank, more)
        return self._constrained(builder, value, text)

    def _constrained(self, builder: Builder, value: Value, text: str | None) -> Value:
        return ir.Operation.create(
            "sdy.sharding_constraint", results=[value.type], operands=[value],
            attributes={"sharding": mlir.parsed(text)}, loc=builder.loc, ip=builder.ip,
        ).result  # fmt: skip

    def define(self, fn: Function, name: str, public: bool = False) -> ir.Operation:
        """Add `fn` as a function of the module and return its operation."""
        state = [TOKEN] if calls_host(fn) else []

        def body(builder: Builder, *values: Value) -> list[Value]:
            if not state:
                return self.inline(builder, fn, values)
            builder.token = values[-1]
            return [*self.inline(builder, fn, values[:-1]), builder.token]

        ins, outs = (*fn.free_types, *state), (*fn.out_types, *state)
        return self.function(name, ins, outs, body, public)

    def function(
        self, name: str, ins: Sequence[ArrayType], outs: Sequence[ArrayType],
        body: Callable[..., list[Value]], public: bool = False,
    ) -> ir.Operation:  # fmt: skip
        """Add a function whose results `body` makes of a builder and the parameters."""
        self.names.add(name)
        types = [mlir.tensor_type(t) for t in ins]
        made = ir.FunctionType.get(types, [mlir.tensor_type(t) for t in outs])
        operation = ir.Operation.create(
            "func.func",
            attributes={
                "sym_name": ir.StringAttr.get(name),
                "function_type": ir.TypeAttr.get(made),
                "sym_visibility": ir.StringAttr.get("public" if public else "private"),
            },
            regions=1,
            loc=mlir.unknown_location(),
            ip=self.ip,
        )
        unknown = [mlir.unknown_location()] * len(types)
        block = operation.regions[0].blocks.append(*types, arg_locs=unknown)
        builder = Builder(ir.InsertionPoint(block), self)
        results = body(builder, *block.arguments)
        ir.Operation.create("func.return", operands=results, loc=builder.loc, ip=builder.ip)
        return operation

    def call(
        self, builder: Builder, fn: Function, values: Sequence[Value], name: str | None
    ) -> list[Value]:
        """Call `fn`, defining it first where this module does not have it yet."""
        key = fn.key if self.manual is None else (fn.key, *self.manual.key())
        symbol = self.defined.get(key)
        if symbol is None:
            symbol = self.defined[key] = self.fresh(_identifier(name or fn.name))
            with mlir.context(), mlir.unknown_location():
                self.define(fn, symbol)
        state = [builder.token] if calls_host(fn) else []
        types = (*fn.out_types, TOKEN) if state else fn.out_types
        results = builder.called(symbol, types, [*values, *state], {})
        if state:
            builder.token = results.pop()
        return results

    def fresh(self, name: str) -> str:
        """A name that no symbol of the module has yet, like the given one."""
        name, n = (f"{name}_0" if name == "main" else name), 0
        candidate = name
        while candidate in self.names:
            n += 1
            candidate = f"{name}_{n}"
        self.names.add(candidate)
        return candidate

    def inline(self, builder: Builder, fn: Function, values: Sequence[Value]) -> list[Value]:
        """Lower every equation of `fn` at the builder's place."""
        env: dict[Any, Value] = dict(zip(fn.params, values, strict=False))
        for var, const in zip(fn.params[len(values) :], fn.consts, strict=True):
            env[var] = builder.array_constant(const)
        for piece in self._pieces(fn):
            if piece.alone:
                self._apart(builder, piece, env)
            else:
                self._equations(builder, piece.eqns, env)
        return [
            env[a] if type(a) is not Literal else builder.constant(a.value, a.type)
            for a in fn.results
        ]

    def _pieces(self, fn: Function) -> list[Piece]:
        apart = self.platform == "cpu" and self.num_partitions == 1
        return pieces(fn) if apart else [Piece(fn.eqns)]

    def _apart(self, builder: Builder, piece: Piece, env: dict[Any, Value]) -> None:
        """Lower equations as a function that is not inlined."""

        def body(inner: Builder, *values: Value) -> list[Value]:
            known = dict(zip(piece.ins, values, strict=True))
            self._equations(inner, piece.eqns, known)
            return [known[v] for v in piece.outs]

        ins, outs = ([v.type for v in side] for side in (piece.ins, piece.outs))
        values = builder.apart(self.fresh("piece"), ins, outs, body, [env[v] for v in piece.ins])
        env.update(zip(piece.outs, values, strict=True))

    def _equations(self, builder: Builder, eqns: Sequence[Eqn], env: dict[Any, Value]) -> None:
        """Lower equations one by one at the builder's place."""
        for eqn in eqns:
            builder.loc = mlir.location(eqn.loc, eqn.primitive.name)
            operands = [
                env[a] if type(a) is not Literal else _literal(builder, eqn, a) for a in eqn.inputs
            ]
            rule = eqn.primitive.lower
            if isinstance(rule, NotSupported):
                raise _unsupported(eqn, rule)
            out = rule(builder, eqn, *operands)
            results = out if eqn.primitive.multiple_results else [out]
            for v, x in zip(eqn.outputs, results, strict=True):
                held = v.type.explicit
                env[v] = x if held is None else self.laid_out(builder, x, held)


def _literal(builder: Builder, eqn: Eqn, atom: Literal) -> Value:
    """Constant for a literal operand, at full shape at once where the rule is elementwise."""
    if eqn.primitive.implicit_broadcast:
        type = ArrayType(eqn.outputs[0].type.shape, atom.type.dtype)
        return builder.constant(atom.value, type)
    return builder.constant(atom.value, atom.type)


def _unsupported(eqn: Eqn, rule: NotSupported) -> Exception:
    return UnsupportedError(f"`{eqn.primitive.name}` cannot be compiled: {rule.reason}", eqn.loc)


def alias_pairs(fn: Function, donate: Sequence[int]) -> dict[int, int]:
    """Pair each donated parameter with a result of the same shape and dtype."""
    free: dict[Any, list[int]] = {}
    for i, t in enumerate(fn.out_types):
        free.setdefault((t.shape, t.dtype), []).append(i)
    pairs = {}
    for i in donate:
        t = fn.params[i].type
        waiting = free.get((t.shape, t.dtype))
        if waiting:
            pairs[i] = waiting.pop(0)
    return pairs


def _annotate(
    main: ir.Operation,
    slot: str,
    shardings: Sequence[str | None],
    aliases: dict[int, int],
    donors: set[int],
) -> None:
    """Attach sharding and donation attributes to parameters or results of `main`.

    Donors are split in another way than the result they may become, as far as is known; XLA
    then finds out by itself whether it can use their memory.
    """
    rows = []
    for i, text in enumerate(shardings):
        row = {}
        if text is not None:
            row["sdy.sharding"] = mlir.parsed(text)
        if i in donors:
            row["jax.buffer_donor"] = mlir.boolean(True)
        elif i in aliases:
            row["tf.aliasing_output"] = mlir.integer(aliases[i], 32)
        rows.append(ir.DictAttr.get(row))
    if any(len(row) for row in rows):
        main.attributes[slot] = ir.ArrayAttr.get(rows)


def _identifier(name: str) -> str:
    """`name` with everything that a symbol may not hold replaced."""
    cleaned = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    return cleaned if cleaned and not cleaned[0].isdigit() else f"f_{cleaned}"
