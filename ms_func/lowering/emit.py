"""Typed builders for StableHLO operations: what the `lower` rules of primitives call.

Operations go through `ir.Operation.create` with cached types and attributes, about 1.3
microseconds each; the generated builder classes of the dialects cost three times that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
from jaxlib.mlir import ir

from ms_func.ir.function import Eqn, Function, Literal
from ms_func.ir.types import ArrayType
from ms_func.lowering import context as mlir

Value = ir.Value
_create = ir.Operation.create

TOKEN = ArrayType((), np.dtype(np.uint32))
"""Type of the state of the host; see `Builder.token`."""


class Builder:
    """Appends operations at one insertion point.

    `op` makes any StableHLO operation from result types, operands and attributes; the
    other methods are the few operations nearly every rule needs. `call` and `region`
    build nested functions.

    Attributes:
        token: state of the host in programs that call Python: the number of the run at first,
            then what the last call gave. Each call takes it, so that calls keep their order.
    """

    __slots__ = ("_constants", "functions", "ip", "loc", "lowerer", "token")

    def __init__(self, ip: ir.InsertionPoint, lowerer: Any) -> None:
        self.ip = ip
        self.loc = mlir.unknown_location()
        self.lowerer = lowerer
        self.token: Any = None
        self._constants: dict[Any, Value] = {}

    def op(
        self,
        name: str,
        types: Sequence[ArrayType],
        operands: Sequence[Value],
        attributes: dict[str, ir.Attribute] | None = None,
        regions: int = 0,
    ) -> Any:
        """Append operation `name`; its single result, or the list of its results."""
        made = _create(
            name,
            results=[mlir.tensor_type(t) for t in types],
            operands=operands,
            attributes=attributes,
            regions=regions,
            loc=self.loc,
            ip=self.ip,
        )
        results = made.results
        return results[0] if len(types) == 1 else list(results)

    def unary(self, name: str, eqn: Eqn, x: Value) -> Value:
        """Operation of one operand whose result has the type of the equation's result."""
        return _create(
            name, results=[mlir.tensor_type(eqn.outputs[0].type)], operands=[x], loc=self.loc,
            ip=self.ip,
        ).result  # fmt: skip

    def constant(self, value: Any, type: ArrayType) -> Value:
        """Scalar `value` repeated over the shape of `type`; one operation per block."""
        bits = Literal(value, type).array.tobytes()
        key = (bits, type.dtype, type.shape)
        found = self._constants.get(key)
        if found is None:
            attribute = mlir.splat(bits, type.dtype, type.shape)
            found = self._constants[key] = _create(
                "stablehlo.constant",
                results=[mlir.shaped_type(type.shape, type.dtype)],
                operands=[],
                attributes={"value": attribute},
                loc=mlir.unknown_location(),
                ip=self.ip,
            ).result
        return found

    def array_constant(self, array: np.ndarray) -> Value:
        """Constant with the elements of `array`."""
        array = np.asarray(array)
        return _create(
            "stablehlo.constant",
            results=[mlir.shaped_type(array.shape, array.dtype)],
            operands=[],
            attributes={"value": mlir.dense(array)},
            loc=self.loc,
            ip=self.ip,
        ).result

    def broadcast(self, x: Value, type: ArrayType, dims: tuple[int, ...]) -> Value:
        """`x` with its dimension i laid along dimension `dims[i]` of `type`."""
        attributes = {"broadcast_dimensions": mlir.int_array(dims)}
        return self.op("stablehlo.broadcast_in_dim", [type], [x], attributes)

    def convert(self, x: Value, type: ArrayType) -> Value:
        """`x` converted to the dtype of `type`."""
        return self.op("stablehlo.convert", [type], [x])

    def reshape(self, x: Value, type: ArrayType) -> Value:
        """`x` with the shape of `type`."""
        return self.op("stablehlo.reshape", [type], [x])

    def full_shape(self, eqn: Eqn, values: Sequence[Value]) -> list[Value]:
        """Operands of an elementwise equation, rank-0 ones broadcast to the result's shape."""
        shape = eqn.outputs[0].type.shape
        out = []
        for atom, value in zip(eqn.inputs, values, strict=True):
            if atom.type.shape != shape and type(atom) is not Literal:
                value = self.broadcast(value, ArrayType(shape, atom.type.dtype), ())
            out.append(value)  # the constant of a literal has the full shape already
        return out

    def known(self, value: Value) -> int | None:
        """A scalar of integers or a boolean that is a constant of the program; else None."""
        made = value.owner  # a block, if it is one of its arguments
        if isinstance(made, ir.Block) or made.name != "stablehlo.constant":
            return None
        return int(ir.DenseIntElementsAttr(made.attributes["value"])[0])

    def region(
        self,
        operation: ir.Operation,
        index: int,
        types: Sequence[ArrayType],
        body: Callable[..., Sequence[Value]],
        threads: bool = False,
    ) -> None:
        """Fill region `index` of `operation`: a block with arguments, `body`, a return.

        With `threads` the last argument, if there are any, is the token, and so is the last
        value returned: the one that `body` leaves.
        """
        block = operation.regions[index].blocks.append(
            *[mlir.tensor_type(t) for t in types],
            arg_locs=[mlir.unknown_location()] * len(types),
        )
        inner = Builder(ir.InsertionPoint(block), self.lowerer)
        inner.loc, inner.token = self.loc, self.token
        args = list(block.arguments)
        if threads and args:
            inner.token = args.pop()
        results = body(inner, *args)
        if threads:
            results = [*results, inner.token]
        _create("stablehlo.return", results=[], operands=list(results), loc=self.loc, ip=inner.ip)

    def after(self, operation: ir.Operation, threads: bool) -> list[Value]:
        """Results of an operation whose regions are filled, the token taken off them."""
        results: list[Value] = list(operation.results)
        if threads:
            self.token = results.pop()
        return results

    def nested(
        self, name: str, end: str, types: Sequence[ArrayType], operands: Sequence[Value],
        attributes: dict[str, ir.Attribute], ins: Sequence[ArrayType],
        body: Callable[..., Sequence[Value]],
    ) -> list[Value]:  # fmt: skip
        """Append an operation with one region, and give its results.

        Args:
            name: the operation.
            end: operation that ends the region.
            types: types of the results.
            operands: values.
            attributes: of the operation.
            ins: types of the arguments of the region.
            body: `(builder, *arguments)` to what the region returns.
        """
        made = self.operation(name, types, operands, attributes)
        block = made.regions[0].blocks.append(
            *[mlir.tensor_type(t) for t in ins], arg_locs=[mlir.unknown_location()] * len(ins)
        )
        inner = Builder(ir.InsertionPoint(block), self.lowerer)
        inner.loc = self.loc
        results = body(inner, *block.arguments)
        _create(end, results=[], operands=list(results), loc=self.loc, ip=inner.ip)
        return list(made.results)

    def reducer(self, operation: ir.Operation, name: str, dtype: np.dtype) -> None:
        """Fill region 0 with the scalar computation `name` of two operands."""
        scalar = ArrayType((), dtype)
        self.region(operation, 0, [scalar, scalar], lambda b, x, y: [b.op(name, [scalar], [x, y])])

    def operation(
        self, name: str, types: Sequence[ArrayType], operands: Sequence[Value],
        attributes: dict[str, ir.Attribute] | None = None, regions: int = 1,
    ) -> ir.Operation:  # fmt: skip
        """Append an operation with regions still to be filled, and return it itself."""
        return _create(
            name, results=[mlir.tensor_type(t) for t in types], operands=operands,
            attributes=attributes, regions=regions, loc=self.loc, ip=self.ip,
        )  # fmt: skip

    def copied(
        self,
        key: Any,
        types: Sequence[ArrayType],
        operands: Sequence[Value],
        make: Callable[..., ir.Operation],
    ) -> ir.Operation:
        """Append an operation with regions that was built before under the same key.

        A copy costs a third of building the regions again.

        Args:
            key: what the operation depends on, besides the operands.
            types: types of the operands.
            operands: values of these types.
            make: `(builder, *values)` to the operation; called once for each key. Its regions
                may use nothing from outside.
        """
        found = _templates.get(key)
        if found is None:
            with _template_lock:
                found = _templates.get(key)
                if found is None:
                    found = _templates[key] = _template(types, make, self.lowerer)
        copy = found.operation.clone(self.ip)
        copy.location = self.loc
        places = copy.operands
        for i, value in enumerate(operands):
            places[i] = value
        return copy

    def host_call(
        self, entry: Callable[..., Any], operands: Sequence[Value], ranks: Sequence[int],
        types: Sequence[ArrayType], ordered: bool,
    ) -> list[Value]:  # fmt: skip
        """Call a Python function while the program runs.

        Args:
            entry: from the state of the host and arrays to a tuple of the state and arrays.
            operands: the arrays.
            ranks: ranks of the operands.
            types: types of the results.
            ordered: whether it must happen, after the calls before and before those behind.
        """
        place = "gpu" if self.lowerer.platform == "cuda" else "cpu"
        attributes = {
            "call_target_name": mlir.parsed(f'"xla_ffi_python_{place}_callback"'),
            "api_version": mlir.integer(4, 32),
            "backend_config": mlir.parsed(f"{{index = {self.lowerer.add_host(entry)} : ui64}}"),
            "has_side_effect": mlir.boolean(ordered),
            "operand_layouts": mlir.layouts((0, *ranks)),
            "result_layouts": mlir.layouts((0, *[t.ndim for t in types])),
        }
        attributes.update(self.lowerer.one_device(1 + len(types)))
        operands = [self.lowerer.whole(self, x) for x in operands]
        made = self.operation(
            "stablehlo.custom_call", [TOKEN, *types], [self.token, *operands], attributes, regions=0
        )
        if ordered:
            self.token = made.results[0]
        results: list[Value] = list(made.results)
        return results[1:]

    def state(self, *fns: Function) -> list[Value]:
        """The token, if one of the functions calls Python for an effect; else nothing.

        Operations with regions carry it in and out: `[*values, *b.state(fn)]`.
        """
        return [self.token] if any(e.host for fn in fns for e in fn.effects) else []

    def inline(self, fn: Function, values: Sequence[Value]) -> list[Value]:
        """Lower the equations of `fn` here, with `values` as its parameters."""
        return self.lowerer.inline(self, fn, values)

    def call(self, fn: Function, values: Sequence[Value], name: str | None = None) -> list[Value]:
        """Call `fn` as a function of the module, lowered once however often it is called."""
        return self.lowerer.call(self, fn, values, name)

    def called(
        self, symbol: str, types: Sequence[ArrayType], operands: Sequence[Value],
        attributes: dict[str, ir.Attribute],
    ) -> list[Value]:  # fmt: skip
        """Results of a function of the module, of the given types."""
        callee = ir.FlatSymbolRefAttr.get(symbol, mlir.context())
        made = self.operation(
            "func.call", types, operands, {"callee": callee, **attributes}, regions=0
        )
        return list(made.results)

    def apart(
        self, name: str, ins: Sequence[ArrayType], outs: Sequence[ArrayType],
        body: Callable[..., Sequence[Value]], operands: Sequence[Value],
    ) -> list[Value]:  # fmt: skip
        """What `body` makes of the operands, kept out of the fusions of what uses it.

        XLA on CPU computes a producer again within each fusion that reads it; a long chain of
        small ones then grows beyond bounds. The body stands in a function that is not inlined:
        one for all calls of the same name and types. Elsewhere it is laid out here.
        """
        lowerer = self.lowerer
        if lowerer.platform != "cpu" or lowerer.num_partitions > 1:
            return list(body(self, *operands))
        key = (name, *ins, *outs)
        symbol = lowerer.defined.get(key)
        if symbol is None:
            symbol = lowerer.defined[key] = lowerer.fresh(name)
            with mlir.context(), mlir.unknown_location():
                lowerer.function(symbol, ins, outs, body)
        kept = {"mhlo.frontend_attributes": mlir.parsed('{inlineable = "false"}')}
        return self.called(symbol, outs, operands, kept)


_templates: dict[Any, _Template] = {}
_template_lock = RLock()
_shelf: list[Any] = []
_SHELF_LIMIT = 4096


class _Template(NamedTuple):
    """An operation to copy, and the module it lives in, which must not go before it."""

    operation: ir.Operation
    module: ir.Module


def _template(
    types: Sequence[ArrayType], make: Callable[..., ir.Operation], lowerer: Any
) -> _Template:
    """Operation on operands of its own in a module that nothing else is made of."""
    if not _shelf or len(_templates) > _SHELF_LIMIT:
        _templates.clear()
        _shelf[:] = _new_shelf()
    module, block = _shelf
    values = [block.add_argument(mlir.tensor_type(t), mlir.unknown_location()) for t in types]
    return _Template(make(Builder(ir.InsertionPoint(block), lowerer), *values), module)


def _new_shelf() -> tuple[ir.Module, ir.Block]:
    with mlir.context(), mlir.unknown_location():
        module = ir.Module.create()
        holder = _create(
            "func.func", regions=1, ip=ir.InsertionPoint(module.body),
            attributes={"sym_name": ir.StringAttr.get("templates"),
                        "function_type": ir.TypeAttr.get(ir.FunctionType.get([], []))},
        )  # fmt: skip
        return module, holder.regions[0].blocks.append()


def stablehlo(name: str) -> Callable[..., Value]:
    """Lowering rule: the StableHLO (or CHLO) operation `name` on full-shape operands."""
    full = name if "." in name else f"stablehlo.{name}"

    def lower(b: Builder, eqn: Eqn, *values: Value) -> Value:
        out = eqn.outputs[0].type
        if any(a.type.shape != out.shape for a in eqn.inputs):
            values = tuple(b.full_shape(eqn, values))
        return b.op(full, [out], values)

    return lower
