"""StableHLO module -> a plain list of operations.

Calls are inlined, attributes become Python values, types become shapes and dtypes, and every
operation knows the line of the user's program it came from. Nothing after this file touches
MLIR. Attributes of the dialect are read from their text form, which is the same in all
versions of the bindings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from types import EllipsisType
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from ms_func.lowering.context import new_context


class Type(NamedTuple):
    """Shape and dtype; the dtype is None for what is not an array of a known element type."""

    shape: tuple[int, ...]
    dtype: np.dtype | None

    def __str__(self) -> str:
        name = "?" if self.dtype is None else self.dtype.name
        return f"{name}[{','.join(map(str, self.shape))}]"


class Value:
    """A value of the program: an argument of a block or a result of an operation.

    Attributes:
        number: what it is where that is one number everywhere, None where it is not, ... before
            anybody has asked.
    """

    __slots__ = ("number", "op", "type")

    def __init__(self, type: Type, op: Op | None = None) -> None:
        self.type, self.op = type, op
        self.number: float | EllipsisType | None = ...


@dataclass(slots=True, eq=False)
class Op:
    """One operation: name, operands, results, attributes, regions and source line."""

    name: str
    operands: list[Value]
    results: list[Value]
    attrs: dict[str, Any]
    regions: list[Block] = field(default_factory=list)
    loc: str = ""


@dataclass(slots=True, eq=False)
class Block:
    """A region's only block: its arguments, operations and the values it returns."""

    params: list[Value]
    ops: list[Op]
    results: list[Value]


@dataclass(slots=True, eq=False)
class Program:
    """The public `main` of a module, and the number of devices that it is the program of."""

    name: str
    body: Block
    ranks: int = 1


Mesh = tuple[dict[str, int], np.ndarray]
"""Sizes of the axes of a mesh by name, and its devices, one dimension per axis."""

_ELEMENTS = {
    "i1": np.bool_, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32,
    "f64": np.float64, "complex<f32>": np.complex64, "complex<f64>": np.complex128,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "ui8": np.uint8,
    "ui16": np.uint16, "ui32": np.uint32, "ui64": np.uint64, "i2": ml_dtypes.int2,
    "i4": ml_dtypes.int4, "ui2": ml_dtypes.uint2, "ui4": ml_dtypes.uint4,
}  # fmt: skip
_ELEMENTS |= {
    "f" + name[5:].upper().replace("_", ""): getattr(ml_dtypes, name)
    for name in dir(ml_dtypes)
    if name.startswith(("float8_", "float4_"))
}


def read(module: Any) -> Program:
    """Program of a StableHLO module with a public function `main`.

    Args:
        module: the module object, or its text or bytecode.

    Raises:
        ValueError: the module has no `main`, or a shape in it is not static.
    """
    module = as_module(module)
    functions, meshes = {}, {}
    for op in module.body.operations:
        operation = op.operation
        if operation.name == "sdy.mesh":
            name = ir.StringAttr(operation.attributes["sym_name"]).value
            meshes[name] = _mesh(str(operation.attributes["mesh"]))
        if operation.name == "func.func":
            functions[ir.StringAttr(operation.attributes["sym_name"]).value] = operation
    if "main" not in functions:
        raise ValueError("the module has no function `main`")
    attributes = module.operation.attributes
    name = ir.StringAttr(attributes["sym_name"]).value if "sym_name" in attributes else "main"
    reader = _Reader(functions, meshes)
    body = reader.block(functions["main"].regions[0].blocks[0], {})
    return Program(name, body, max(ranks(module), reader.ranks))


def as_module(module: Any) -> ir.Module:
    """A module object, parsed where it is text or bytecode."""
    return ir.Module.parse(module, _context()) if isinstance(module, str | bytes) else module


def ranks(module: ir.Module) -> int:
    """Number of devices that run a module together."""
    attributes = module.operation.attributes
    counts = [
        ir.IntegerAttr(attributes[name]).value if name in attributes else 1
        for name in ("mhlo.num_partitions", "mhlo.num_replicas")
    ]
    if min(counts) > 1:
        raise ValueError("the module has both partitions and replicas; use one of them")
    return max(counts)


@cache
def _context() -> ir.Context:
    """Context for modules that come as text or bytecode."""
    made = new_context()
    made.allow_unregistered_dialects = True  # XLA's own modules have `mhlo.copy`
    return made


class _Reader:
    """Walks blocks; `env` maps MLIR values to ours, with outer scopes copied in.

    Attributes:
        ranks: number of devices, as far as collectives name them.
        tuples: the elements of values that are tuples.
    """

    def __init__(
        self,
        functions: dict[str, ir.Operation],
        meshes: dict[str, tuple[dict[str, int], np.ndarray]],
    ) -> None:
        self.functions, self.meshes = functions, meshes
        self.types: dict[ir.Type, Type] = {}
        self.tuples: dict[ir.Value, list[Value]] = {}
        self.ranks = 1

    def type(self, t: ir.Type) -> Type:
        found = self.types.get(t)
        if found is None:
            found = self.types[t] = _type(t)
        return found

    def block(self, block: ir.Block, env: dict[ir.Value, Value]) -> Block:
        env = dict(env)
        params = [Value(self.type(a.type)) for a in block.arguments]
        env.update(zip(block.arguments, params, strict=True))
        ops: list[Op] = []
        results = self.body(block, env, ops)
        return Block(params, ops, results)

    def body(self, block: ir.Block, env: dict[ir.Value, Value], ops: list[Op]) -> list[Value]:
        """Read the operations of a block into `ops`; the values that it returns."""
        for view in block.operations:
            op = view.operation
            name = _SAME.get(op.name, op.name)
            if name == "stablehlo.get_tuple_element":
                index = ir.IntegerAttr(op.attributes["index"]).value
                env[op.results[0]] = self.tuples[op.operands[0]][index]
                continue
            operands = [env[v] for v in op.operands]
            if name in ("func.return", "stablehlo.return", "sdy.return"):
                return operands
            callee = _callee(op)
            if callee is not None:
                inner = self.functions[callee].regions[0].blocks[0]
                scope = dict(zip(inner.arguments, operands, strict=True))
                env.update(zip(op.results, self.body(inner, scope, ops), strict=True))
                continue
            attrs = _attributes(op)
            if isinstance(attrs.get("replica_groups"), str):
                attrs["replica_groups"] = _groups(attrs["replica_groups"], self.meshes)
            for listed in (attrs.get("replica_groups"), attrs.get("source_target_pairs")):
                if isinstance(listed, np.ndarray) and listed.size:
                    self.ranks = max(self.ranks, int(listed.max()) + 1)
            made = Op(name, operands, [], attrs, loc=_place(op.location))
            made.regions = [self.block(r.blocks[0], env) for r in op.regions if len(r.blocks)]
            self.give_results(op, made, env)
            ops.append(made)
        return []

    def give_results(self, op: ir.Operation, made: Op, env: dict[ir.Value, Value]) -> None:
        """Give an operation its results; the elements of a tuple are results of their own."""
        for r in op.results:
            tuple_type = r.type if isinstance(r.type, ir.TupleType) else None
            types = [r.type]
            if tuple_type is not None:
                types = [tuple_type.get_type(k) for k in range(tuple_type.num_types)]
            values = [Value(self.type(t), made) for t in types]
            made.results += values
            if tuple_type is not None:
                self.tuples[r] = values
            else:
                env[r] = values[0]
        if made.name == "chlo.top_k":  # a property of XLA's form that the bindings do not show
            made.attrs.setdefault("k", made.results[0].type.shape[-1])


_SAME = {"mhlo.erf": "chlo.erf", "mhlo.topk": "chlo.top_k"}
"""Operations of XLA's own modules that CHLO has as well."""


def main_types(module: ir.Module) -> tuple[list[Type], list[Type]]:
    """Types of the arguments and of the results of `main`."""
    for op in module.body.operations:
        attributes = op.operation.attributes
        if "sym_name" in attributes and ir.StringAttr(attributes["sym_name"]).value == "main":
            both = ir.FunctionType(ir.TypeAttr(attributes["function_type"]).value)
            return [_type(t) for t in both.inputs], [_type(t) for t in both.results]
    raise ValueError("the module has no function `main`")


def _callee(op: ir.Operation) -> str | None:
    if op.name in ("func.call", "call"):
        return ir.FlatSymbolRefAttr(op.attributes["callee"]).value
    if op.name == "stablehlo.composite":
        return ir.FlatSymbolRefAttr(op.attributes["decomposition"]).value
    return None


def _type(t: ir.Type) -> Type:
    if not isinstance(t, ir.RankedTensorType):
        return Type((), None)
    if not t.has_static_shape:
        raise ValueError(f"the module has a shape that is not static: {t}")
    element = _ELEMENTS.get(str(t.element_type))
    return Type(tuple(t.shape), None if element is None else np.dtype(element))


def _mesh(text: str) -> Mesh:
    """Axes of `#sdy.mesh<["x"=4, "y"=2], device_ids=[...]>`, and its devices along them."""
    sizes = {name: int(size) for name, size in re.findall(r'"([^"]*)"=(\d+)', text)}
    listed = re.search(r"device_ids=\[([\d, ]*)\]", text)
    count = int(np.prod(list(sizes.values()), dtype=np.int64))
    ids = [int(i) for i in listed[1].split(",")] if listed else list(range(count))
    return sizes, np.array(ids, np.int64).reshape(list(sizes.values()))


_AXIS = re.compile(r'axis_ref<name = "([^"]*)"(?:, sub_axis_info = [^(]*\((\d+)\)(\d+))?')


def _groups(text: str, meshes: dict[str, Mesh]) -> np.ndarray:
    """Groups of devices that `#stablehlo.replica_group_mesh_axes` stands for, one per row."""
    found = re.search(r"mesh = @(\w+)", text)
    if found is None or found[1] not in meshes:
        raise ValueError(f"groups of devices in an unknown form: {text}")
    wanted = [(name, int(pre or 1), int(size or 0)) for name, pre, size in _AXIS.findall(text)]
    return mesh_groups(*meshes[found[1]], wanted)


def mesh_groups(
    sizes: dict[str, int], ids: np.ndarray, wanted: list[tuple[str, int, int]]
) -> np.ndarray:
    """Groups of devices along axes of a mesh, one per row.

    Args:
        sizes: of the axes.
        ids: the devices, one dimension per axis.
        wanted: axes, major first: name, and 1 and 0 for all of it; or a factor of it, as the
            product of the factors before it and its size.
    """
    shape: list[int] = []
    places: dict[tuple[str, int, int], int] = {}
    for axis, n in sizes.items():
        held = 1
        for part in sorted(w for w in wanted if w[0] == axis):
            _, before, size = part
            size = size or n
            shape.append(before // held)
            places[part] = len(shape)
            shape.append(size)
            held = before * size
        shape.append(n // held)
    inner = [places[w] for w in wanted]
    outer = [d for d in range(len(shape)) if d not in inner]
    count = int(np.prod([shape[d] for d in inner], dtype=np.int64))
    return np.ascontiguousarray(ids.reshape(shape).transpose([*outer, *inner]).reshape(-1, count))


_FILE = re.compile(r'"([^"]*)":(\d+)')


def _place(location: ir.Location) -> str:
    """`file:line` of the innermost file in a location, or nothing."""
    found = _FILE.search(str(location))
    return f"{found[1]}:{found[2]}" if found else ""


def _attributes(op: ir.Operation) -> dict[str, Any]:
    values = {}
    for entry in op.attributes:
        name = entry if isinstance(entry, str) else entry.name
        try:
            attribute = op.attributes[name]
        except TypeError:  # the bindings have no class for complex constants
            values[name] = _constant_text(op)
        else:
            values[name] = _attribute(attribute)
    return values


def _attribute(attr: ir.Attribute) -> Any:
    for kind, convert in _CONVERT:
        if isinstance(attr, kind):
            return convert(attr)
    return _structured(str(attr))


def _elements(attr: ir.Attribute) -> np.ndarray:
    shaped = _type(attr.type)
    try:
        array = np.array(attr)
    except TypeError:
        return _parse_dense(str(attr), shaped)
    return array.reshape(shaped.shape).astype(shaped.dtype, copy=False)


_CONVERT = [
    (ir.BoolAttr, lambda a: a.value),
    (ir.IntegerAttr, lambda a: a.value),
    (ir.FloatAttr, lambda a: a.value),
    (ir.StringAttr, lambda a: a.value),
    (ir.FlatSymbolRefAttr, lambda a: a.value),
    (ir.DenseI64ArrayAttr, lambda a: [int(v) for v in a]),
    (ir.DenseI32ArrayAttr, lambda a: [int(v) for v in a]),
    (ir.DenseBoolArrayAttr, lambda a: [bool(v) for v in a]),
    (ir.ArrayAttr, lambda a: [_attribute(v) for v in a]),
    (ir.DenseElementsAttr, _elements),
]


_ENUM = re.compile(r"#(?:stablehlo|chlo)<\w+ (\w+)>$")
_FIELD = re.compile(r"(\w+) = (\[[^\]]*\]|-?\d+|\w+)")


def _structured(text: str) -> Any:
    """Value of a dialect attribute: the name of an enum case, or a dictionary of fields."""
    enum = _ENUM.match(text)
    if enum:
        return enum[1]
    if text.startswith("#stablehlo.conv<"):
        return _convolution_dims(text)
    if text.startswith("#stablehlo.replica_group_mesh_axes<"):
        return text
    if text.startswith("#stablehlo."):
        return {name: _number(value) for name, value in _FIELD.findall(text)}
    return text


def _number(text: str) -> Any:
    if text.startswith("["):
        return [int(v) for v in text[1:-1].split(",") if v.strip()]
    return int(text) if text.lstrip("-").isdigit() else text


def _convolution_dims(text: str) -> dict[str, tuple[int, int, list[int]]]:
    """`[b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1]`: two named dimensions and the spatial ones."""
    sides = re.findall(r"\[([^\]]*)\]", text)
    names = {"lhs": "bf", "rhs": "oi", "out": "bf"}
    dims = {}
    for (side, (one, two)), listed in zip(names.items(), sides, strict=True):
        order = [part.strip() for part in listed.split(",")]
        spatial = [order.index(str(k)) for k in range(len(order) - 2)]
        dims[side] = (order.index(one), order.index(two), spatial)
    return dims


def _constant_text(op: ir.Operation) -> np.ndarray:
    text: Any = op.get_asm()
    return _parse_dense(text[text.index("dense<") :], _type(op.results[0].type))


_TOKEN = re.compile(r"0x[0-9A-Fa-f]+|[-+]?[\d.]+(?:[eE][-+]?\d+)?|true|false|[-+]?(?:inf|nan)")


def _parse_dense(text: str, shaped: Type) -> np.ndarray:
    """Array of a `dense<...>` attribute in text form: hex blob, splat or nested lists."""
    body = text[text.index("<") + 1 : text.index("> :")]
    dtype, shape = shaped.dtype, shaped.shape
    assert dtype is not None
    count = int(np.prod(shape, dtype=np.int64))
    if body.startswith('"0x'):
        flat = np.frombuffer(bytes.fromhex(body[3:-1]), dtype)
    else:
        part = np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype
        flat = np.array([_scalar(token, part) for token in _TOKEN.findall(body)], part).view(dtype)
    if flat.size == 1 and count != 1:
        return np.full(shape, flat[0], dtype)
    return flat.reshape(shape)


def _scalar(token: str, dtype: np.dtype) -> Any:
    if token in ("true", "false"):
        return token == "true"
    if token.startswith("0x"):
        return np.array(int(token, 16), f"u{dtype.itemsize}").view(dtype)[()]
    if dtype.kind in "iu" or "int" in dtype.name:
        return dtype.type(int(token))
    return dtype.type(float(token))
