"""Which names a function binds, reads, and shares with functions inside it.

One walk over each expression; results are kept by node, because the flow analysis asks again.
"""

from __future__ import annotations

import ast
import functools
import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ms_func.source.nodes import is_plain, parts_of
from ms_func.source.resolver import EMPTY, Resolver, Set

_CONSUMERS = {"all", "any", "dict", "frozenset", "list", "max", "min", "next", "set", "sorted",
              "sum", "tuple"}  # fmt: skip
"""Builtins that use up a generator or call a function before they return."""
_EAGER = (
    functools.reduce, math.prod, math.fsum, deque, Counter, heapq.nlargest, heapq.nsmallest
)  # fmt: skip
"""Others in the standard library."""

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Uses(NamedTuple):
    """Names that a piece of code reads and binds in the function it stands in.

    Attributes:
        hooked: whether there is anything in it that conversion might change, names aside.
        indexed: whether there is an element by a constant, or something else that counts where
            anything does.
    """

    reads: Set
    binds: Set
    hooked: bool
    indexed: bool


class Names:
    """Names of one function.

    Attributes:
        reads: names read, here or by functions inside.
        binds: names bound here, by whatever means.
        captured: names that functions inside use at a time we do not know.
        late: names bound by `:=` in a place that becomes a function of its own.
        globals: names declared global.
        nonlocals: names declared nonlocal.
        generator: whether a `yield` makes it a generator.
        unbinds: whether there is a `del`, or a handler whose name ends with it.
        dynamic: a call that looks at the local names themselves, such as `locals()`.
        compound: whether there are statements with blocks in them.
        guessed: whether `resolver` was believed, which may not know all names around it.
        inner: names of the functions inside, however deep.
    """

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.inner: dict[ast.AST, Names] = {}
        self.reads: set[str] = set()
        self.binds: set[str] = set()
        self.captured: set[str] = set()
        self.late: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.generator = False
        self.unbinds = False
        self.dynamic: ast.Call | None = None
        self.compound = False
        self.guessed = False
        self.of: dict[ast.AST, Uses] = {}
        self.immediate: set[ast.AST] = set()
        self._hidden: Set = EMPTY
        self._piece = 0
        self._reads: set[str] = set()
        self._binds: set[str] = set()
        self._hooked = False
        self._indexed = False

    # --- entry ------------------------------------------------------------------------------

    def uses(self, node: ast.AST) -> Uses:
        """Reads and binds of one expression or simple statement."""
        found = self.of.get(node)
        if found is None:
            self._reads, self._binds, self._hooked, self._indexed = set(), set(), False, False
            self.visit(node)
            self.reads |= self._reads
            self.binds |= self._binds
            read, bound = frozenset(self._reads), frozenset(self._binds)
            found = Uses(read, bound, self._hooked, self._indexed)
            self.of[node] = found
        return found

    def block(self, stmts: Iterable[ast.stmt]) -> None:
        """Collect the names of statements."""
        for s in stmts:
            self.statement(s)

    def statement(self, s: ast.stmt) -> None:
        """Collect the names of one statement and of the blocks in it."""
        parts = _COMPOUND.get(type(s))
        if parts is None:
            self.uses(s)
            return
        self.compound = True
        for field in parts:
            value = getattr(s, field)
            if isinstance(value, list):
                for x in value:
                    if isinstance(x, ast.stmt):
                        self.statement(x)
                    elif isinstance(x, ast.ExceptHandler):
                        self._handler(x)
                    else:
                        self.uses(x)
            elif value is not None:
                self.uses(value)

    def _handler(self, h: ast.ExceptHandler) -> None:
        if h.type is not None:
            self.uses(h.type)
        if h.name is not None:
            self.binds.add(h.name)
            self.unbinds = True
        self.block(h.body)

    # --- walk -------------------------------------------------------------------------------

    def visit(self, node: Any) -> None:
        """Add the names of `node` to the piece at hand."""
        kind = type(node)
        special = _SPECIAL.get(kind)
        if special is not None:
            special(self, node)
            return
        for field in parts_of(kind):
            value = getattr(node, field, None)
            if type(value) is list:
                for x in value:
                    if isinstance(x, ast.AST):
                        self.visit(x)
            elif isinstance(value, ast.AST):
                self.visit(value)

    def _name(self, node: ast.Name) -> None:
        if node.id in self._hidden:
            return
        if type(node.ctx) is ast.Load:
            self._reads.add(node.id)
        else:
            self._binds.add(node.id)

    def _nothing(self, node: ast.AST) -> None:
        pass

    def _walrus(self, node: ast.NamedExpr) -> None:
        name = node.target.id
        self._hooked = True
        self._binds.add(name)
        if self._piece:
            self.late.add(name)
        self.visit(node.value)

    def _pieces(self, first: Sequence[ast.expr], later: Sequence[ast.expr]) -> None:
        self._hooked = True
        for x in first:
            self.visit(x)
        self._piece += 1
        for x in later:
            self.visit(x)
        self._piece -= 1

    def _boolean(self, node: ast.BoolOp) -> None:
        self._pieces(node.values[:1], node.values[1:])

    def _conditional(self, node: ast.IfExp) -> None:
        self._pieces([node.test], [node.body, node.orelse])

    def _comparison(self, node: ast.Compare) -> None:
        if len(node.ops) == 1:
            left, right = node.left, node.comparators[0]
            by_value = not isinstance(node.ops[0], _NOT_BY_VALUE)
            if not (by_value and (is_plain(left) or is_plain(right))):
                self._hooked = True
            self.visit(left)
            self.visit(right)
        else:
            self._pieces([node.left, node.comparators[0]], node.comparators[1:])

    def _unary(self, node: ast.UnaryOp) -> None:
        self._hooked = self._hooked or type(node.op) is ast.Not
        self.visit(node.operand)

    def _element(self, node: ast.Subscript) -> None:
        stored = isinstance(node.ctx, ast.Store)
        key = node.slice
        whole = type(key) is ast.Constant and type(key.value) not in (int, str)  # of arrays alone
        self._hooked = self._hooked or stored or not whole
        self._indexed = True
        if any(map(_may_take_part, [*getattr(node.slice, "elts", [node.slice])])):
            self.resolver.marks.add("parts")
        self.visit(node.value)
        self.visit(node.slice)

    def _operation(self, node: ast.BinOp) -> None:
        if type(node.op) is ast.Sub:  # mostly of numbers: no reason to convert a function
            self._indexed = self._indexed or may_be_of_sets(node)
        else:
            self._hooked = self._hooked or may_be_of_sets(node) or is_format(node)
        self.visit(node.left)
        self.visit(node.right)

    def _dictionary(self, node: ast.Dict) -> None:
        self._hooked = self._hooked or not all(type(k) is ast.Constant for k in node.keys)
        for x in (*node.keys, *node.values):
            if x is not None:
                self.visit(x)

    def _set(self, node: ast.Set) -> None:
        self._hooked = self._hooked or not all(type(x) is ast.Constant for x in node.elts)
        for x in node.elts:
            self.visit(x)

    def _starred(self, node: ast.Starred) -> None:
        self._hooked = self._hooked or type(node.ctx) is ast.Load
        self.visit(node.value)

    def _assignment(self, node: ast.Assign) -> None:
        if not isinstance(node.value, (ast.Tuple, ast.List)):
            self._hooked = self._hooked or any(
                isinstance(t, (ast.Tuple, ast.List)) for t in node.targets
            )
        for x in (node.value, *node.targets):
            self.visit(x)

    def _text(self, node: ast.JoinedStr) -> None:
        self._hooked = True
        for x in node.values:
            self.visit(x)

    def _assertion(self, node: ast.Assert) -> None:
        self._pieces([node.test], [] if node.msg is None else [node.msg])

    def _call(self, node: ast.Call) -> None:
        f = node.func
        if not self._hooked:
            self._hooked = not self._believed(self.resolver.is_native, f)
        if isinstance(f, ast.Attribute) and f.attr == "append":
            self.resolver.marks.add("parts")
        if isinstance(f, ast.Name) and f.id in _DYNAMIC:
            none = not node.args and not node.keywords
            if none or f.id in ("exec", "eval"):
                self.dynamic = self.dynamic or node
        values = [*node.args, *(k.value for k in node.keywords)]
        if any(isinstance(x, (ast.Lambda, ast.GeneratorExp)) for x in values):
            named = isinstance(f, ast.Name) and f.id in _CONSUMERS and f.id not in self.binds
            joined = isinstance(f, ast.Attribute) and (
                isinstance(f.value, ast.Constant) or f.attr == "extend"
            )
            if named or joined or self._runs_now(f) or self._believed(self._uses_up, f):
                self.immediate.update(values)
        ours = self.resolver.is_ours
        if isinstance(f, ast.Call) and self._believed(ours, f.func):  # grad(lambda w: ...)(w)
            self.immediate.update(f.args)
        self.visit(f)
        for x in values:
            self.visit(x)

    def _believed(self, says: Callable[[ast.expr], bool], f: ast.expr) -> bool:
        root = f
        while isinstance(root, ast.Attribute):
            root = root.value
        found = isinstance(root, ast.Name) and root.id not in self._hidden and says(f)
        self.guessed = self.guessed or found
        return found

    def _uses_up(self, f: ast.expr) -> bool:
        """Whether `f` is a function of the standard library that uses up what it is given."""
        found = self.resolver.value(f)
        return any(found is g for g in _EAGER)

    def _runs_now(self, f: ast.expr) -> bool:
        """Whether `f` is an operation of the library that calls its arguments at once."""
        name = f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")
        return name in _AT_ONCE and self._believed(self.resolver.is_ours, f)

    def _yield(self, node: Any) -> None:
        self.generator = True
        if node.value is not None:
            self.visit(node.value)

    def _lambda(self, node: ast.Lambda) -> None:
        self._hooked = True
        self._defaults(node.args)
        self._inner(free_names(node, self), deferred=node not in self.immediate)

    def _defaults(self, args: ast.arguments) -> None:
        for x in (*args.defaults, *args.kw_defaults):
            if x is not None:
                self.visit(x)

    def _inner(self, free: Iterable[str], deferred: bool) -> None:
        found = [n for n in free if n not in self._hidden]
        self._reads.update(found)
        if deferred:
            self.captured.update(found)

    def _function(self, node: Any) -> None:
        self._binds.add(node.name)
        for x in node.decorator_list:
            self.visit(x)
        self._defaults(node.args)
        for a in all_arguments(node.args):
            if a.annotation is not None:
                self.visit(a.annotation)
        if node.returns is not None:
            self.visit(node.returns)
        self._inner(free_names(node, self), deferred=True)

    def _class(self, node: ast.ClassDef) -> None:
        self._binds.add(node.name)
        for x in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.visit(x)
        body = Names(self.resolver)
        body.block(node.body)
        self.inner.update(body.inner)
        self._inner((body.reads - body.binds) | body.captured | body.nonlocals, deferred=True)

    def _comprehension(self, node: Any) -> None:
        self._hooked = True
        self.visit(node.generators[0].iter)
        targets: set[str] = set()
        for g in node.generators:
            targets |= target_names(g.target)
        hidden, self._hidden = self._hidden, self._hidden | targets
        before, self._reads, self._binds = (self._reads, self._binds), set(), set()
        self._piece += 1
        for i, g in enumerate(node.generators):
            if i:
                self.visit(g.iter)
            if g.ifs:
                self.resolver.marks.add("parts")
            for x in g.ifs:
                self.visit(x)
        for field in ("key", "value", "elt"):
            if hasattr(node, field):
                self.visit(getattr(node, field))
        self._piece -= 1
        if type(node) is ast.GeneratorExp and node not in self.immediate:
            self.captured |= self._reads | self._binds
        before[0].update(self._reads)
        before[1].update(self._binds)
        self._reads, self._binds = before
        self._hidden = hidden

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._reads.add(node.target.id)
        self.visit(node.target)
        self.visit(node.value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def _delete(self, node: ast.Delete) -> None:
        self.unbinds = True
        for t in node.targets:
            self.visit(t)
            if isinstance(t, ast.Name):
                self._reads.add(t.id)

    def _import(self, node: Any) -> None:
        for a in node.names:
            self._binds.add(a.asname or a.name.partition(".")[0])

    def _global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocals.update(node.names)
        self._reads.update(node.names)


_AT_ONCE = {"associative_scan", "cond", "fori_loop", "map", "scan", "switch", "tree_map",
            "while_loop"}  # fmt: skip
_NOT_BY_VALUE = (ast.In, ast.NotIn, ast.Is, ast.IsNot)
_DYNAMIC = {"dir", "eval", "exec", "locals", "vars"}
_COMPOUND: dict[type, tuple[str, ...]] = {
    ast.If: ("test", "body", "orelse"),
    ast.While: ("test", "body", "orelse"),
    ast.For: ("iter", "target", "body", "orelse"),
    ast.With: ("items", "body"),
    ast.Try: ("body", "handlers", "orelse", "finalbody"),
    ast.TryStar: ("body", "handlers", "orelse", "finalbody"),
    ast.AsyncFor: ("iter", "target", "body", "orelse"),
    ast.AsyncWith: ("items", "body"),
}
_SPECIAL: dict[type, Any] = {
    ast.Name: Names._name,
    ast.Constant: Names._nothing,
    ast.NamedExpr: Names._walrus,
    ast.BoolOp: Names._boolean,
    ast.IfExp: Names._conditional,
    ast.Compare: Names._comparison,
    ast.UnaryOp: Names._unary,
    ast.Subscript: Names._element,
    ast.JoinedStr: Names._text,
    ast.BinOp: Names._operation,
    ast.Dict: Names._dictionary,
    ast.Set: Names._set,
    ast.Starred: Names._starred,
    ast.Assign: Names._assignment,
    ast.Assert: Names._assertion,
    ast.Call: Names._call,
    ast.Yield: Names._yield,
    ast.YieldFrom: Names._yield,
    ast.Await: Names._yield,
    ast.Lambda: Names._lambda,
    ast.FunctionDef: Names._function,
    ast.AsyncFunctionDef: Names._function,
    ast.ClassDef: Names._class,
    ast.AugAssign: Names._augmented,
    ast.AnnAssign: Names._annotated,
    ast.Delete: Names._delete,
    ast.Import: Names._import,
    ast.ImportFrom: Names._import,
    ast.Global: Names._global,
    ast.Nonlocal: Names._nonlocal,
    **dict.fromkeys(_COMPREHENSIONS, Names._comprehension),
}


def _may_take_part(key: ast.expr) -> bool:
    """Whether an index may be a mask, or a slice whose bounds data decide."""
    if isinstance(key, ast.Slice):
        return any(not isinstance(x, ast.Constant | None) for x in (key.lower, key.upper))
    return not isinstance(key, (ast.Constant, ast.UnaryOp)) or (
        isinstance(key, ast.UnaryOp) and isinstance(key.op, ast.Invert)
    )


def is_format(node: ast.BinOp) -> bool:
    """Whether it is `%` of a text that is written down."""
    of_text = isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
    return of_text and type(node.op) is ast.Mod


def may_be_of_sets(node: ast.BinOp) -> bool:
    """Whether an operator may be one of sets or dictionaries: of other operands it is native."""
    return type(node.op) in SET_OPERATORS and not (_is_no_set(node.left) or _is_no_set(node.right))


def _is_no_set(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return True
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.BinOp) and type(node.op) not in SET_OPERATORS
    )


SET_OPERATORS: dict[type, str] = {
    ast.BitOr: "bitor", ast.BitAnd: "bitand", ast.Sub: "bitsub", ast.BitXor: "bitxor",
}  # fmt: skip
"""Operators of sets, and the hooks for them."""


def all_arguments(args: ast.arguments) -> list[ast.arg]:
    """All parameters in the order of `co_varnames`."""
    found = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return found + [a for a in (args.vararg, args.kwarg) if a is not None]


def target_names(node: ast.AST) -> set[str]:
    """Names that an assignment target binds."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, (ast.Tuple, ast.List)):
        return {n for x in node.elts for n in target_names(x)}
    return target_names(node.value) if isinstance(node, ast.Starred) else set()


def names_of(node: Any, resolver: Resolver) -> Names:
    """Names of the function `node`; its parameters count as bound."""
    names = Names(resolver)
    names.binds.update(a.arg for a in all_arguments(node.args))
    if isinstance(node, ast.Lambda):
        names.uses(node.body)
    else:
        names.block(node.body)
    return names


def free_names(node: Any, around: Names) -> set[str]:
    """Names that the function `node` takes from the functions around it, or globals."""
    inner = around.inner[node] = names_of(node, around.resolver)
    around.inner.update(inner.inner)
    around.immediate |= inner.immediate
    local = inner.binds - inner.globals - inner.nonlocals
    return (inner.reads - local - inner.globals) | inner.nonlocals


def deleted(stmts: Sequence[ast.stmt]) -> Set:
    """Names that `del` statements, or the ends of handlers, unbind."""
    found: set[str] = set()
    for s in stmts:
        for node in ast.walk(s):
            if isinstance(node, ast.Name) and type(node.ctx) is ast.Del:
                found.add(node.id)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                found.add(node.name)
    return frozenset(found)
