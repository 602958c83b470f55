"""StableHLO program -> graph of Ascend operators.

Walks the operations in order and asks the rule of each for tensors. Operations without a
translation do not stop the walk: they are collected and refused together, each with its
line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ms_func.errors import UnsupportedError
from ms_func_ascend.emitter import Emitter, Options, Unsupported
from ms_func_ascend.fuse import fuse
from ms_func_ascend.graph import Graph, GraphError, Node, Tensor, check_graph
from ms_func_ascend.operators import RULES
from ms_func_ascend.partition import partition
from ms_func_ascend.prototypes import NAME_OF
from ms_func_ascend.reader import Block, Op, Program, Value
from ms_func_ascend.recognise import recognise
from ms_func_ascend.simplify import simplify


@dataclass(frozen=True)
class Refusal:
    """One operation that has no translation.

    Attributes:
        operation: its StableHLO name.
        type: dtype and shape of its first operand or result.
        source: `file:line`, or empty.
        reason: what is missing.
        fix: the nearest rewrite, or empty.
    """

    operation: str
    type: str
    source: str
    reason: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.source}: " if self.source else ""
        fix = f"; fix: {self.fix}" if self.fix else ""
        return f"{place}{self.operation} {self.type}: {self.reason}{fix}"


class UnsupportedOnAscend(UnsupportedError):
    """A program uses operations that have no translation to Ascend operators.

    Attributes:
        refusals: all of them.

    Example:
        `jit(lambda x: x.astype('float8_e4m3fn'), backend='ascend')`: no Ascend dtype;
        use bfloat16.
    """

    def __init__(self, name: str, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        count = len(refusals)
        what = "1 operation" if count == 1 else f"{count} operations"
        listed = "\n".join(f"  {r}" for r in refusals)
        super().__init__(f"{what} of `{name}` cannot be translated to Ascend operators:\n{listed}")


def translate(module: Any, options: Options | None = None) -> Graph:
    """Graph of a StableHLO module.

    Args:
        module: the module object (`jaxlib.mlir.ir.Module`), or its text or bytecode, with a
            public function `main` of static shapes. One with layouts for several devices is
            partitioned, and the graph is that of the device `options.rank`.
        options: how to translate.

    Returns:
        A graph whose arguments and results are those of `main`, in order.

    Raises:
        UnsupportedOnAscend: operations without a translation, all of them.

    Example:
        >>> text = ms.jit(lambda x: ms.nn.softmax(x)).lower(np.ones((2, 3))).as_text()
        >>> [node.op for node in translate(text).nodes]
        ['Data', 'SoftmaxV2']
        >>> "SoftmaxV2" in [node.op for node in translate(text, Options(fusions=False)).nodes]
        False
    """
    options = options or Options()
    program = module if isinstance(module, Program) else partition(module).program
    options = replace(options, ranks=max(options.ranks, program.ranks))
    graph = Graph(_graph_name(program.name), options.target)
    program.body = simplify(program.body)
    if options.fusions:
        program.body = recognise(program.body, options)
    refusals: list[Refusal] = []
    with np.errstate(all="ignore"):  # constants are folded, NaN and infinities among them
        Translator(graph, options, refusals).run(program)
    if refusals:
        raise UnsupportedOnAscend(program.name, refusals)
    for one in list(graph.walk()):
        one.chain()
        one.prune()
    if options.fusions:
        fuse(graph)
    _number_subgraphs(graph)
    check_graph(graph)
    return graph


def _graph_name(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name) or "main"


def _number_subgraphs(graph: Graph) -> None:
    """Give every graph of a file a name of its own."""
    for n, one in enumerate(graph.walk()):
        if n:
            one.name = f"{graph.name}_{one.name}_{n}"


class Translator:
    """Translates the operations of one graph; sub-graphs have their own.

    Attributes:
        e: emitter of the graph.
        env: tensor of every value; compact ones broadcast to the type of their value.
    """

    def __init__(self, graph: Graph, options: Options, refusals: list[Refusal]) -> None:
        self.e = Emitter(graph, options)
        self.graph, self.options, self.refusals = graph, options, refusals
        self.env: dict[Value, Tensor] = {}
        self._spread = False  # inside the body of a reduction, run on whole arrays

    def run(self, program: Program) -> None:
        """Translate a whole program into the graph."""
        for value in program.body.params:
            self.env[value] = self._argument(value)
        results = self.block_results(program.body)
        self.graph.results = [self._result(x) for x in results]

    def _argument(self, value: Value) -> Tensor:
        shape, dtype = value.type
        if dtype not in NAME_OF:
            self._refuse("argument", str(value.type), "", f"Ascend has no dtype {dtype}", "")
            return _stand_in(shape, dtype)
        assert dtype is not None
        return self.graph.parameter(shape, dtype)

    def _result(self, x: Tensor) -> Tensor:
        """A result with an operator of its own: not an argument or constant itself."""
        if x.node.op not in ("Data", "Const"):
            return x
        self.e.stem = "result"
        if x.dtype.kind == "c":  # `Identity` does not take complex numbers
            return self.e.one("Reshape", [x, self.e.ints(x.shape)], x.shape, x.dtype)
        return self.e.one("Identity", [x], x.shape, x.dtype)

    def block_results(self, block: Block) -> list[Tensor]:
        """Translate the operations of a block; its results at full shape."""
        for op in block.ops:
            self._translate(op)
        return [self.full(v) for v in block.results]

    def compact(self, value: Value) -> Tensor:
        """Tensor of a value, possibly broadcast later."""
        found = self.env.get(value)
        if found is None and _cheap(value):
            assert value.op is not None
            self._translate(value.op)
            found = self.env[value]
        assert found is not None, value.type
        return found

    def full(self, value: Value) -> Tensor:
        """Tensor of a value at the shape of its type."""
        x = self.compact(value)
        return x if self._spread else self.e.broadcast_to(x, value.type.shape)

    def _translate(self, op: Op) -> None:
        self.e.stem = op.name.split(".")[-1]
        self.e.source = op.loc
        try:
            made = self._apply(op)
        except Unsupported as error:
            self._refuse(op.name, _type_of(op), op.loc, error.reason, error.fix)
            made = [_stand_in(*r.type) for r in op.results]
        except GraphError as error:
            self._refuse(op.name, _type_of(op), op.loc, str(error), "")
            made = [_stand_in(*r.type) for r in op.results]
        self.env.update(zip(op.results, made, strict=True))

    def _apply(self, op: Op) -> list[Tensor]:
        rule = RULES.get(op.name)
        if rule is None:
            raise Unsupported("there is no translation", _HINTS.get(op.name.split(".")[-1], ""))
        missing = [r.type.dtype for r in op.results if r.type.dtype not in NAME_OF]
        if missing:
            raise Unsupported(f"Ascend has no dtype {missing[0]}", "use bfloat16 or int8")
        if self._spread and not rule.compact:
            raise Unsupported("not elementwise, in the body of a reduction, scatter or sort")
        if not self._spread and all(0 in r.type.shape for r in op.results) and op.results:
            return [self.e.const(np.zeros(r.type.shape, r.type.dtype)) for r in op.results]
        fetch = self.compact if rule.compact else self.full
        made = rule.emit(self, op, *(fetch(v) for v in op.operands))
        made = [made] if isinstance(made, Tensor) else list(made)
        for x, r in zip(made, op.results, strict=True):
            assert x.dtype == r.type.dtype, (op.name, x, r.type)
            assert self._spread or _broadcasts(x.shape, r.type.shape), (op.name, x, r.type)
        return made

    def _refuse(self, operation: str, type: str, source: str, reason: str, fix: str) -> None:
        self.refusals.append(Refusal(operation, type, source, reason, fix))

    def inline(self, block: Block, xs: Sequence[Tensor]) -> list[Tensor]:
        """A body of scalars run on whole arrays, elementwise."""
        inner = Translator(self.graph, self.options, self.refusals)
        inner.e, inner.env, inner._spread = self.e, dict(self.env), True
        inner.env.update(zip(block.params, xs, strict=True))
        stem, source = self.e.stem, self.e.source
        before = len(self.refusals)
        made = inner.block_results(block)
        self.e.stem, self.e.source = stem, source
        if len(self.refusals) > before:
            reason = self.refusals.pop()
            del self.refusals[before:]
            raise Unsupported(f"its body has {reason.operation}: {reason.reason}", reason.fix)
        return made

    def run_inline(self, program: Program, xs: Sequence[Tensor]) -> list[Tensor]:
        """A whole program with `xs` as its arguments, translated in place."""
        inner = Translator(self.graph, self.options, self.refusals)
        inner.e = self.e
        inner.env.update(zip(program.body.params, xs, strict=True))
        stem, source = self.e.stem, self.e.source
        made = inner.block_results(program.body)
        self.e.stem, self.e.source = stem, source
        return made

    def captured(self, blocks: Sequence[Block]) -> list[Value]:
        """Values that blocks use and do not define; constants are made again inside."""
        free = (value for block in blocks for value in _free(block, set()))
        return list(dict.fromkeys(value for value in free if not _cheap(value)))

    def subgraph(
        self,
        role: str,
        block: Block,
        types: Sequence[tuple[tuple[int, ...], np.dtype]],
        captured: Sequence[Value],
        results: Callable[[Translator], list[Tensor]],
    ) -> Graph:
        """Graph of a region; its arguments are the block's, then the captured values.

        What has no elements is neither argument nor result: it is known.
        """
        stem, source = self.e.stem, self.e.source
        graph = Graph(f"{stem}_{role}", self.options.target)
        inner = Translator(graph, self.options, self.refusals)
        given = [
            inner.e.const(np.zeros(shape, dtype)) if 0 in shape else graph.parameter(shape, dtype)
            for shape, dtype in types
        ]
        inner.env.update(zip([*block.params, *captured], given, strict=True))
        graph.results = [inner._result(x) for x in results(inner) if 0 not in x.shape]
        self.e.stem, self.e.source = stem, source
        return graph


def _broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return not shape or (
        len(shape) == len(wanted) and all(n in (1, m) for n, m in zip(shape, wanted, strict=True))
    )


def _type_of(op: Op) -> str:
    values = op.operands or op.results
    return ", ".join(str(v.type) for v in values[:2])


def _stand_in(shape: tuple[int, ...], dtype: np.dtype | None) -> Tensor:
    """Tensor of a refused operation, so that the rest can be looked at as well."""
    held = dtype if dtype in NAME_OF else np.dtype(np.float32)
    assert held is not None
    return Node("refused", "Refused", [], [], {}, [(shape, held)], ["y"]).outputs[0]


_STATIC = "make the shape a static argument"
_HINTS = {
    **dict.fromkeys(
        ("dynamic_reshape", "dynamic_broadcast_in_dim", "dynamic_pad", "dynamic_gather",
         "dynamic_iota", "dynamic_conv", "real_dynamic_slice", "set_dimension_size"), _STATIC),
    **dict.fromkeys(
        ("infeed", "outfeed", "send", "recv", "create_token", "after_all"),
        "return the value instead"),
    "batch_norm_training": "write it with means and variances",
    "batch_norm_grad": "write it with means and variances",
    "uniform_quantize": "use int8 with a scale of your own",
    "uniform_dequantize": "use int8 with a scale of your own",
}  # fmt: skip
"""Nearest rewrites of operations without a rule."""

_CHEAP = ("stablehlo.broadcast_in_dim", "stablehlo.reshape", "stablehlo.convert")


def _cheap(value: Value) -> bool:
    """Whether a value is a constant, or one reshaped, that a sub-graph had better make itself."""
    op = value.op
    if op is None:
        return False
    if op.name in ("stablehlo.constant", "stablehlo.iota"):
        return True
    return op.name in _CHEAP and _cheap(op.operands[0])


def _free(block: Block, bound: set[Value]) -> Iterator[Value]:
    """Values used in a block and defined outside of it, in order of use."""
    bound = bound | set(block.params)
    for op in block.ops:
        yield from (v for v in op.operands if v not in bound)
        for inner in op.regions:
            yield from _free(inner, bound)
        bound |= set(op.results)
    yield from (v for v in block.results if v not in bound)
