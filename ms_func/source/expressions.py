"""Expressions: what decides or calls becomes a call of a hook, the rest stays as it is."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from typing import Any

from ms_func.source.build import HOOKS
from ms_func.source.flow import holds_yield
from ms_func.source.nodes import (
    LOAD,
    constant,
    hook,
    hook_itself,
    is_plain,
    load,
    parts_of,
    placed,
    taken_apart,
    thunk,
)
from ms_func.source.resolver import EMPTY, Resolver, Set
from ms_func.source.scoping import SET_OPERATORS, Names, is_format, may_be_of_sets, target_names

_PLAIN_BUILTINS = (
    object, super, isinstance, issubclass, callable, id, slice,
    property, staticmethod, classmethod, globals,
)  # fmt: skip


_ASK = (isinstance, issubclass, callable)
"""What is asked of each object that data may have chosen."""


def get_name(node: Any) -> None:
    """Note that parts of arrays among the values of an expression may get a name."""
    if isinstance(node, ast.Subscript):
        node.named = True  # type: ignore[attr-defined]
    for x in getattr(node, "elts", ()):
        get_name(x)


class Expressions:
    """Rewrites expressions of one function.

    Attributes:
        names: names of the function.
        resolver: what global names stand for.
        local: names bound in the function, other than global and nonlocal ones.
        cells: those of them that must stay cells in converted code.
        variables: the others of them.
        touched: whether anything may have been rewritten in place.
        bound: names certainly bound here; None where control cannot come.
        depth: number of generated functions around this place.
        unsure: names that must hold UNBOUND until they are bound.
        sure: names bound outside of generated functions, so that no data decided it.
        unbinding: variables that inner functions share and that a statement unbinds.
        doubted: variables of functions around this one that may have no value when it runs.
        loose: those that have one, but may hold `Unsure` because data decide that elsewhere.
        jumped: names certainly bound where control gets without a jump; they may hold `Unsure`
            because the ways that jump come this way, too.
        class_name: class for private names.
    """

    names: Names
    resolver: Resolver
    local: Set
    cells: Set
    variables: Set
    bound: Set | None
    depth: int
    unsure: set[str]
    sure: Set
    unbinding: Set
    doubted: Set
    loose: Set
    jumped: Set
    class_name: str | None
    first_argument: str | None

    def __init__(self) -> None:
        self._hidden: Set = frozenset()
        self._piece = 0
        self._deferred = 0
        self._in_lambda = 0
        self._chain = 0
        self.touched = False

    # --- entry ------------------------------------------------------------------------------

    def expr(self, node: Any) -> Any:
        """The rewritten expression; the tree given is used up."""
        rule = _RULES.get(type(node))
        if rule is not None:
            return rule(self, node)
        return self.parts(node)

    def whole(self, node: Any) -> Any:
        """The rewritten form of an expression whose names are known; itself if it stays."""
        return node if self.stays(node) else self.expr(node)

    def stays(self, node: Any) -> bool:
        """Whether nothing in a statement, or an expression of one, needs a hook."""
        found, bound = self.names.of.get(node), self.bound
        if found is None or found.hooked or (found.indexed and self.converts):
            stays = False
        else:
            stays = (bound is None or self.local & found.reads <= bound) and not (
                (self.jumped | self.doubted | self.loose) & found.reads
            )
        self.touched = self.touched or not stays
        return stays

    @functools.cached_property
    def converts(self) -> bool:
        """Whether the function is certainly converted, whatever its elements by constants are."""
        return self.names.compound or any(found.hooked for found in self.names.of.values())

    def parts(self, node: Any) -> Any:
        """`node` with its parts rewritten."""
        for field in parts_of(type(node)):
            value = getattr(node, field, None)
            if type(value) is list:
                setattr(node, field, [self.expr(x) if isinstance(x, ast.AST) else x for x in value])
            elif isinstance(value, ast.expr):
                setattr(node, field, self.expr(value))
        return node

    def _is_global(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id not in self._hidden

    # --- names ------------------------------------------------------------------------------

    def _name(self, node: ast.Name) -> ast.expr:
        name = node.id
        known = self.bound is None or name in self.bound
        if name in self._hidden:
            return node
        doubted, loose = self.inherited() if self._deferred else (self.doubted, self.loose)
        if name in doubted:
            return hook("bound_free", node, node, constant(name, node))
        if name in loose:
            return hook("held", node, node)
        if name not in self.local or self._deferred:
            return node
        if known:
            return hook("held", node, node) if name in self.jumped else node
        if name in self.cells and (self.depth or self._piece):
            return hook("bound_cell", node, thunk(load(name, node), node), constant(name, node))
        if name not in self.cells:
            self.unsure.add(name)
        return hook("bound", node, node, constant(name, node))

    def inherited(self, name: str | None = None) -> tuple[Set, Set]:
        """What a function made here, of this name, inherits as `doubted` and as `loose`."""
        unbound = EMPTY if self.bound is None else self.cells - self.bound - {name}
        doubted = self.doubted | unbound | self.unbinding
        own = {name} if not self.depth else EMPTY
        return doubted, (self.loose | (self.cells - self.sure - own)) - doubted

    def writer(self, name: str, piece: bool = False) -> str | None:
        """Hook that binds `name` here; None where plain binding will do."""
        if name in self.names.globals:
            return "set_global"
        if name in self.names.nonlocals or (name in self.cells and (self.depth or piece)):
            return "set_cell"
        return None

    def written(self, name: str, value: ast.expr, at: Any, piece: bool = False) -> ast.expr | None:
        """Expression that binds `name` through a hook, where that is needed."""
        writer = self.writer(name, piece)
        if writer is None:
            return None
        return hook(writer, at, thunk(load(name, at), at), value)

    def _walrus(self, node: ast.NamedExpr) -> ast.expr:
        value = self.expr(node.value)
        name = node.target.id
        if not self._in_lambda:
            found = self.written(name, value, node, piece=self._piece > 0)
            if found is not None:
                return found
            if not self._piece and self.bound is not None and not self._hidden:
                self.bound |= {name}
        node.value = value
        return node

    # --- decisions --------------------------------------------------------------------------

    def piece(self, node: ast.expr) -> ast.Lambda:
        """`node` as a function without parameters."""
        self._piece += 1
        body = self.expr(node)
        self._piece -= 1
        return thunk(body, node)

    def _stays(self, nodes: Sequence[ast.expr]) -> bool:
        """Whether these cannot move into a function: they yield, or bind a lambda's name."""
        if self.names.generator and any(map(holds_yield, nodes)):
            return True
        return self._in_lambda > 0 and any(
            isinstance(x, ast.NamedExpr) for n in nodes for x in ast.walk(n)
        )

    def decided(self, test: ast.expr, what: str) -> ast.expr:
        """`test` where Python itself decides."""
        if self.resolver.is_static(test):
            return self.expr(test)
        return hook("truth", test, self.expr(test), constant(what, test))

    def _conditional(self, node: ast.IfExp) -> ast.expr:
        if self.resolver.is_static(node.test) or self._stays([node.body, node.orelse]):
            node.test = self.decided(node.test, "yield")
            node.body, node.orelse = self.expr(node.body), self.expr(node.orelse)
            return node
        test = self.expr(node.test)
        return hook("ifexp", node, test, self.piece(node.body), self.piece(node.orelse))

    def _boolean(self, node: ast.BoolOp) -> ast.expr:
        if all(map(self.resolver.is_static, node.values[:-1])):
            return self.parts(node)
        if self._stays(node.values[1:]):
            first = [self.decided(x, "yield") for x in node.values[:-1]]
            node.values = [*first, self.expr(node.values[-1])]
            return node
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        head = self.expr(node.values[0])
        self._piece += 1
        tails = [self.expr(x) for x in node.values[1:]]
        self._piece -= 1
        found = tails.pop()
        for x in reversed([head, *tails]):
            found = hook(name, node, x, thunk(found, found))
        return found

    def _not(self, node: ast.UnaryOp) -> ast.expr:
        if not isinstance(node.op, ast.Not) or self.resolver.is_static(node.operand):
            return self.parts(node)
        return hook("not_", node, self.expr(node.operand))

    def _comparison(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) > 1 and self._stays(node.comparators[1:]):
            return self.parts(node)
        return self._compared(node, self.expr(node.left), node.ops, node.comparators)

    def _compared(
        self, node: ast.Compare, left: ast.expr, ops: Sequence[ast.cmpop],
        right: Sequence[ast.expr],
    ) -> ast.expr:  # fmt: skip
        if len(ops) == 1:
            return _one_comparison(node, left, ops[0], self.expr(right[0]))
        if self._is_settled(left) and self._is_settled(right[0]):
            first = _one_comparison(node, left, ops[0], right[0])
            self._piece += 1
            rest = self._compared(node, right[0], ops[1:], right[1:])
            self._piece -= 1
            return hook("and_", node, first, thunk(rest, node))
        self._chain += 1
        a, b = f"__ms_a{self._chain}", f"__ms_b{self._chain}"
        second = self.expr(right[0])
        first = _one_comparison(node, load(a, node), ops[0], load(b, node))
        self._piece += 1
        rest = self._compared(node, load(b, node), ops[1:], right[1:])
        self._piece -= 1
        self._chain -= 1
        both = hook("and_", node, first, thunk(rest, node))
        return placed(ast.Call(thunk(both, node, a, b), [left, second], []), node)

    def _is_settled(self, node: ast.expr) -> bool:
        """Whether `node` gives the same whenever it is evaluated: a constant, a variable of ours.

        It is one that no comparison can bind, and that is certainly bound.
        """
        if isinstance(node, ast.Constant):
            return True
        return isinstance(node, ast.Name) and (
            node.id in self._hidden or (node.id in self.variables and node.id in (self.bound or ()))
        )

    # --- calls and elements -----------------------------------------------------------------

    def _call(self, node: ast.Call) -> ast.expr:
        f = node.func
        if isinstance(f, ast.Name) and f.id == "super" and not node.args:
            return self._super(node)
        native = self._native(f) and not any(isinstance(x, ast.Starred) for x in node.args)
        for asks in _ASK if native else ():
            if self.resolver.value(f) is asks:
                node.func = hook_itself(f"{asks.__name__}_", node)
        for x in () if native else node.args:
            get_name(x)
        takes = "parts" in self.resolver.marks and self.resolver.is_native(f)
        self.parts(node)
        if native and not (takes and _may_be_given_parts(node)):
            return node
        args = [node.func, *node.args]
        name = "native" if native else "call"
        return placed(ast.Call(hook_itself(name, node), args, node.keywords), node)

    def _starred(self, node: ast.Starred) -> ast.expr:
        node.value = hook("spread", node, self.expr(node.value))
        return node

    def _native(self, f: ast.expr) -> bool:
        """Whether the call hook has nothing to do for `f`."""
        if isinstance(f, ast.Attribute) and isinstance(f.value, (ast.Constant, ast.JoinedStr)):
            return f.attr not in ("join", "format")  # which show their arguments
        root: Any = f
        while isinstance(root, ast.Attribute):
            root = root.value
        if not self._is_global(root):
            return False
        if root.id == HOOKS:
            return True
        found = self.resolver.value(f)
        if isinstance(found, type) and issubclass(found, BaseException):
            return found.__module__ == "builtins"
        return self.resolver.is_native(f) or any(found is x for x in _PLAIN_BUILTINS)

    def _super(self, node: ast.Call) -> ast.expr:
        """`super()` looks at the frame it is called in; generated functions spell it out."""
        if (self.depth or self._piece) and self.first_argument and not self._in_lambda:
            node.args = [load("__class__", node), load(self.first_argument, node)]
        return node

    def _element(self, node: ast.Subscript) -> ast.expr:
        unnamed = not getattr(node, "named", False)
        if unnamed and _is_fixed(node.slice) and not _is_of_container(node):
            return self.parts(node)
        return hook("getitem", node, self.expr(node.value), self.key(node.slice))

    def _operation(self, node: ast.BinOp) -> ast.expr:
        """`a | b`, `a - b`, ..., which may be those of sets, `text % b`; others are native."""
        if is_format(node):
            return hook("percent", node, self.expr(node.left), self.expr(node.right))
        if not may_be_of_sets(node):
            return self.parts(node)
        name = SET_OPERATORS[type(node.op)]
        return hook(name, node, self.expr(node.left), self.expr(node.right))

    def _set(self, node: ast.Set) -> ast.expr:
        """`{a, b}`."""
        if all(type(x) is ast.Constant for x in node.elts):
            return node
        return hook("set_of", node, placed(ast.List([self.expr(x) for x in node.elts], LOAD), node))

    def _dictionary(self, node: ast.Dict) -> ast.expr:
        """`{**a, k: v}`."""
        if all(type(k) is ast.Constant for k in node.keys):
            return self.parts(node)
        parts = [
            self.expr(v) if k is None
            else placed(ast.Tuple([self.expr(k), self.expr(v)], LOAD), node)
            for k, v in zip(node.keys, node.values, strict=True)
        ]  # fmt: skip
        return hook("merged", node, *parts)

    def key(self, node: ast.expr) -> ast.expr:
        """An index as a value, slices included."""
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return hook("slice_", node, *(
                constant(None, node) if x is None else self.expr(x) for x in parts
            ))  # fmt: skip
        if isinstance(node, ast.Tuple):
            node.elts = [self.key(x) for x in node.elts]
            return node
        return self.expr(node)

    def _text(self, node: ast.JoinedStr) -> ast.expr:
        """An f-string, and what it is made of: its traced values are put in at run time."""
        values: list[ast.expr] = []
        frame = tuple([self._text_part(x, values, node) for x in node.values])
        if not values:
            return node
        names = [f"__ms_v{i}" for i in range(len(values))]
        given = placed(ast.Tuple(values, LOAD), node)
        return hook("text", node, thunk(node, node, *names), given, constant(frame, node))

    def _text_part(self, part: Any, values: list[ast.expr], at: ast.JoinedStr) -> Any:
        """A part for the hook, see there; its value goes to `values`, a name takes its place."""
        if not isinstance(part, ast.FormattedValue):
            return part.value
        conversion = "" if part.conversion < 0 else chr(part.conversion)
        i = len(values)
        values.append(self.expr(part.value))
        part.value = load(f"__ms_v{i}", at)
        spec: Any = part.format_spec
        if spec is None or all(isinstance(x, ast.Constant) for x in spec.values):
            return i, conversion, "".join(x.value for x in spec.values) if spec else ""
        values.append(self.expr(spec))
        made = placed(ast.FormattedValue(load(f"__ms_v{i + 1}", at), -1, None), at)
        part.format_spec = placed(ast.JoinedStr([made]), at)
        return i, conversion, i + 1

    # --- scopes -----------------------------------------------------------------------------

    def _lambda(self, node: ast.Lambda) -> ast.expr:
        args = node.args
        args.defaults = [self.expr(x) for x in args.defaults]
        args.kw_defaults = [x if x is None else self.expr(x) for x in args.kw_defaults]
        hidden = self._hidden
        inner = self.names.inner[node]
        self._hidden = hidden | inner.binds
        deferred = node not in self.names.immediate
        generator, self.names.generator = self.names.generator, inner.generator
        self._deferred += deferred
        self._in_lambda += 1
        node.body = self.expr(node.body)
        self._in_lambda -= 1
        self._deferred -= deferred
        self.names.generator = generator
        self._hidden = hidden
        return node

    def _comprehension(self, node: Any) -> ast.expr:
        kind: type = type(node)
        deferred = kind is ast.GeneratorExp and node not in self.names.immediate
        if self._decides(node):
            if kind in (ast.ListComp, ast.GeneratorExp):
                is_list = None if deferred else kind is ast.ListComp
                return self._sifted(node, node.generators, is_list)
            is_set = kind is ast.SetComp
            one = node.elt if is_set else placed(ast.Tuple([node.key, node.value], LOAD), node)
            listed = placed(ast.ListComp(one, node.generators), node)
            name = "set_of" if is_set else "dict_of"
            return hook(name, node, self._sifted(listed, node.generators, True))
        first = node.generators[0]
        first.iter = hook("items", first.iter, self.expr(first.iter))
        hidden = self._hidden
        for g in node.generators:
            self._hidden = self._hidden | target_names(g.target)
        self._deferred += deferred
        for g in node.generators:
            if g is not first:
                g.iter = self.expr(g.iter)
            g.ifs = [self.decided(x, "comprehension") for x in g.ifs]
        for field in ("key", "value", "elt"):
            if hasattr(node, field):
                setattr(node, field, self.expr(getattr(node, field)))
        self._deferred -= deferred
        self._hidden = hidden
        return hook("generator", node, node) if deferred else node

    def _decides(self, node: Any) -> bool:
        """Whether data may decide on a comprehension, whose parts can become functions."""
        kind = type(node)
        if any(g.is_async or _names(g.target) is None for g in node.generators):
            return False
        later = [g.iter for g in node.generators[1:]]
        tests = [x for g in node.generators for x in g.ifs]
        made = (node.key, node.value) if kind is ast.DictComp else (node.elt,)
        parts = [x for part in (*made, *tests, *later) for x in ast.walk(part)]
        if self._stays([*made, *tests, *later]):
            return False
        now = self.names.immediate
        return not any(isinstance(x, _LATER) and x not in now for x in parts)

    def _sifted(self, node: Any, generators: Sequence[Any], is_list: bool | None) -> ast.expr:
        """`for` parts one in another: the elements of an outer one are comprehensions.

        `is_list` is None for a generator expression that may be used up later.
        """
        g, *inner = generators
        names: Any = _names(g.target)
        iterable = self.expr(g.iter)
        hidden = self._hidden
        self._deferred += is_list is None
        self._hidden = hidden | frozenset(names)
        self._piece += bool(inner)
        element = thunk(self._sifted(node, inner, is_list), node) if inner else None
        self._piece -= bool(inner)
        element = self.piece(node.elt) if element is None else element
        test = None
        if g.ifs:
            whole = placed(ast.BoolOp(ast.And(), g.ifs), node) if len(g.ifs) > 1 else g.ifs[0]
            test = self.piece(whole)
        self._hidden = hidden
        self._deferred -= is_list is None
        made = [_of_item(x, g.target, node) for x in (element, test)]
        name = "nested" if inner else "comprehension"
        return hook(name, node, constant(is_list, node), iterable, *made)

    def mangled(self, name: str) -> str:
        """Attribute `name` as it is called inside the class."""
        if self.class_name is None or not name.startswith("__") or name.endswith("__"):
            return name
        return f"_{self.class_name.lstrip('_')}{name}" if self.class_name.strip("_") else name


_LATER = (ast.Lambda, ast.Yield, ast.YieldFrom, ast.Await, ast.GeneratorExp)
"""What may look at the names of a comprehension later."""


def _names(target: ast.expr) -> list[str] | None:
    """Names that a `for` of a comprehension binds; None where its target has other parts."""
    if isinstance(target, ast.Name):
        return [target.id]
    if not isinstance(target, (ast.Tuple, ast.List)):
        return None
    found: list[str] = []
    for x in target.elts:
        own = _names(x.value if isinstance(x, ast.Starred) else x)
        if own is None:
            return None
        found += own
    return found


def _of_item(f: ast.Lambda | None, target: ast.expr, at: Any) -> ast.expr:
    """A part of a comprehension as a function of the item."""
    return constant(None, at) if f is None else _unpacked(f.body, target, at)


def _unpacked(body: ast.expr, target: Any, at: Any, depth: int = 0) -> ast.expr:
    """`lambda target: body`, for a target that may be a tuple."""
    if isinstance(target, ast.Name):
        return thunk(body, at, target.id)
    parts = target.elts
    given = taken_apart(load("__ms_item", at), target, "gathered")
    if any(isinstance(x, ast.Starred) for x in parts):
        parts = [x.value if isinstance(x, ast.Starred) else x for x in parts]
    names = [
        x.id if isinstance(x, ast.Name) else f"__ms_item{depth}_{i}" for i, x in enumerate(parts)
    ]
    for name, x in zip(names, parts, strict=True):
        if not isinstance(x, ast.Name):
            f = _unpacked(body, x, at, depth + 1)
            body = placed(ast.Call(f, [load(name, at)], []), at)
    item = placed(ast.Starred(given, LOAD), at)
    return thunk(placed(ast.Call(thunk(body, at, *names), [item], []), at), at, "__ms_item")


def _may_be_given_parts(node: ast.Call) -> bool:
    return any(not isinstance(x, (ast.Constant, ast.Lambda)) for x in node.args)


def _is_fixed(key: ast.expr) -> bool:
    """Whether an index is written down."""
    if isinstance(key, ast.UnaryOp):
        return _is_fixed(key.operand)
    if isinstance(key, ast.Slice):
        return all(x is None or _is_fixed(x) for x in (key.lower, key.upper, key.step))
    if isinstance(key, ast.Tuple):
        return all(map(_is_fixed, key.elts))
    return isinstance(key, (ast.Constant, ast.Starred))


def _is_of_container(node: ast.Subscript) -> bool:
    """Whether a fixed index may be one of a list or dictionary: an integer, a text or a slice."""
    if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        return False
    key = node.slice.operand if isinstance(node.slice, ast.UnaryOp) else node.slice
    return isinstance(key, ast.Slice) or (
        isinstance(key, ast.Constant) and type(key.value) in (int, str)
    )


def _one_comparison(at: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.expr:
    if isinstance(op, ast.In):
        return hook("contains", at, left, right)
    if isinstance(op, ast.NotIn):
        return hook("not_", at, hook("contains", at, left, right))
    if isinstance(op, ast.Is):
        return hook("is_", at, left, right)
    if isinstance(op, ast.IsNot):
        return hook("not_", at, hook("is_", at, left, right))
    if is_plain(left) or is_plain(right):
        return placed(ast.Compare(left, [op], [right]), at)
    return hook(_COMPARISONS[type(op)], at, left, right)


_COMPARISONS: dict[type, str] = {
    ast.Eq: "eq_", ast.NotEq: "ne_", ast.Lt: "lt_", ast.LtE: "le_", ast.Gt: "gt_", ast.GtE: "ge_",
}  # fmt: skip


_RULES: dict[type, Callable[[Any, Any], ast.expr]] = {
    ast.Name: Expressions._name,
    ast.Constant: lambda self, node: node,
    ast.NamedExpr: Expressions._walrus,
    ast.IfExp: Expressions._conditional,
    ast.BoolOp: Expressions._boolean,
    ast.UnaryOp: Expressions._not,
    ast.Compare: Expressions._comparison,
    ast.Call: Expressions._call,
    ast.Starred: Expressions._starred,
    ast.Subscript: Expressions._element,
    ast.JoinedStr: Expressions._text,
    ast.BinOp: Expressions._operation,
    ast.Set: Expressions._set,
    ast.Dict: Expressions._dictionary,
    ast.Lambda: Expressions._lambda,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.DictComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
}
