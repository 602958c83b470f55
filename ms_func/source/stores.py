"""Simple statements: binding, storing, deleting."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from ms_func.source.expressions import Expressions, get_name
from ms_func.source.frames import Frame
from ms_func.source.nodes import (
    assign,
    constant,
    hook,
    is_simple,
    load,
    placed,
    store,
    taken_apart,
    text_tuple,
    thunk,
    unbound,
)
from ms_func.source.scoping import target_names

_IN_PLACE = {
    ast.Add: "iadd", ast.Sub: "isub", ast.Mult: "imul", ast.MatMult: "imatmul",
    ast.Div: "itruediv", ast.FloorDiv: "ifloordiv", ast.Mod: "imod", ast.Pow: "ipow",
    ast.LShift: "ilshift", ast.RShift: "irshift", ast.BitAnd: "iand", ast.BitOr: "ior",
    ast.BitXor: "ixor",
}  # fmt: skip


class Stores(Expressions):
    """Rewrites simple statements of one function.

    Attributes:
        frame: the function that is being generated.
        shown: names of generated functions and what to show in their place.
        shown_flags: names of flags and what to show in their place.
    """

    frame: Frame
    shown: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.shown_flags: dict[str, str] = {}
        self._temporaries = 0

    # --- names ------------------------------------------------------------------------------

    def fresh(self, what: str) -> str:
        """Name for a generated function or value."""
        name = f"__ms_{what}{len(self.shown)}"
        self.shown[name] = ""
        return name

    def temporary(self) -> str:
        """Name for a value needed a moment later."""
        self._temporaries += 1
        return f"__ms_t{self._temporaries}"

    def plain(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are ordinary variables here, sorted."""
        return sorted(self.variables.intersection(names))

    def must_exist(self, names: Iterable[str]) -> None:
        """`names` are about to be read as part of a state, bound or not."""
        if self.bound is not None:
            self.unsure |= self.local.intersection(names) - self.bound

    def shown_names(self, names: Iterable[str], at: Any) -> ast.Constant:
        """Names of a state for error messages."""
        return text_tuple((self.shown_flags.get(n) or _shown(n) for n in names), at)

    def bind(self, name: str) -> None:
        """`name` is bound from here on."""
        if self.bound is not None:
            self.bound |= {name}
        if not self.depth:
            self.sure |= {name}

    def unbind(self, name: str) -> None:
        """`name` is not bound from here on."""
        if self.bound is not None:
            self.bound -= {name}

    def bind_name(self, name: str, value: ast.expr, at: Any, out: list[ast.stmt]) -> None:
        """Bind `name` to a rewritten value."""
        written = self.written(name, value, at)
        out.append(assign(name, value, at) if written is None else placed(ast.Expr(written), at))
        self.bind(name)

    def delete_name(self, name: str, at: Any, out: list[ast.stmt]) -> None:
        """Unbind `name`."""
        writer = self.writer(name)
        if writer is not None:
            call = hook(writer.replace("set", "del"), at, thunk(load(name, at), at))
            out.append(placed(ast.Expr(call), at))
        elif name in self.cells:
            out.append(assign(name, constant(None, at), at))
            out.append(placed(ast.Delete([placed(ast.Name(name, ast.Del()), at)]), at))
        else:
            self.unsure.add(name)
            out.append(assign(name, unbound(at), at))
        self.unbind(name)

    # --- targets ----------------------------------------------------------------------------

    def assign_to(self, target: Any, value: ast.expr, out: list[ast.stmt]) -> None:
        """Bind or store a rewritten value; `value` is evaluated first."""
        if isinstance(target, ast.Name):
            self.bind_name(target.id, value, target, out)
        elif isinstance(target, (ast.Attribute, ast.Subscript)):
            self._store(target, value, out)
        else:
            after: list[ast.stmt] = []
            value = taken_apart(value, target)
            parts = [self.plain_target(x, after) for x in target.elts]
            apart = placed(ast.Tuple(parts, ast.Store()), target)
            out.append(placed(ast.Assign([apart], value), target))
            out += after

    def plain_target(self, target: Any, after: list[ast.stmt]) -> Any:
        """A target that Python may bind itself; what is left to do is added to `after`.

        Python binds and stores from left to right, so that names after a store wait for it.
        """
        if isinstance(target, ast.Name):
            if self.writer(target.id) is None and not after:
                self.bind(target.id)
                return target
        elif isinstance(target, ast.Starred):
            value = self.plain_target(target.value, after)
            return placed(ast.Starred(value, ast.Store()), target)
        short = self.temporary()
        self.assign_to(target, load(short, target), after)
        return store(short, target)

    def _store(self, target: Any, value: ast.expr, out: list[ast.stmt]) -> None:
        place_ = (
            [target.value] if isinstance(target, ast.Attribute) else [target.value, target.slice]
        )
        if not is_simple(value) and not all(map(is_simple, place_)):
            short = self.temporary()
            out.append(assign(short, value, target))
            value = load(short, target)
        get_name(target.value)
        call = self._stored(target, self.expr(target.value), None, value)
        out.append(placed(ast.Expr(call), target))

    def _stored(self, target: Any, owner: ast.expr, key: Any, value: ast.expr) -> ast.expr:
        if isinstance(target, ast.Attribute):
            name = constant(self.mangled(target.attr), target)
            return hook("setattr_", target, owner, name, value)
        if key is None:
            key = self.key(target.slice)
        return hook("setitem", target, owner, key, value)

    # --- statements -------------------------------------------------------------------------

    def simple(self, s: Any, out: list[ast.stmt]) -> None:
        """Rewrite a statement without blocks."""
        rule = _SIMPLE.get(type(s))
        if rule is not None:
            rule(self, s, out)
        else:
            out.append(s)

    def _assign(self, s: ast.Assign, out: list[ast.stmt]) -> None:
        stays = self.stays(s)
        get_name(s.value)
        value = s.value if stays else self.expr(s.value)
        first = s.targets[0]
        if len(s.targets) == 1:
            if stays and isinstance(first, ast.Name) and self.writer(first.id) is None:
                self.bind(first.id)
                out.append(s)
                return
            self.assign_to(first, value, out)
            return
        if all(isinstance(t, ast.Name) and self.writer(t.id) is None for t in s.targets):
            s.value = value
            out.append(s)
            for t in s.targets:
                self.bind(t.id)  # type: ignore[attr-defined]
            return
        short = self.temporary()
        out.append(assign(short, value, s))
        for t in s.targets:
            self.assign_to(t, load(short, s), out)

    def _annotated(self, s: ast.AnnAssign, out: list[ast.stmt]) -> None:
        if s.value is not None:
            self.assign_to(s.target, self.expr(s.value), out)

    def _augmented(self, s: ast.AugAssign, out: list[ast.stmt]) -> None:
        t: Any = s.target
        name = _IN_PLACE[type(s.op)]
        if isinstance(t, ast.Name):
            old = self.expr(load(t.id, t))
            self.bind_name(t.id, hook(name, s, old, self.expr(s.value)), s, out)
            return
        get_name(t.value)
        owner = self._once(self.expr(t.value), out)
        key: Any = None
        if isinstance(t, ast.Subscript):
            key = self._once(self.key(t.slice), out)
            old = hook("getitem", t, owner, key)
        else:
            old = placed(ast.Attribute(owner, t.attr, ast.Load()), t)
        value = hook(name, s, old, self.expr(s.value))
        out.append(placed(ast.Expr(self._stored(t, owner, key, value)), s))

    def _once(self, value: ast.expr, out: list[ast.stmt]) -> ast.expr:
        """`value`, evaluated now, for use in two places."""
        if isinstance(value, (ast.Constant, ast.Name)):
            return value
        short = self.temporary()
        out.append(assign(short, value, value))
        return load(short, value)

    def _delete(self, s: ast.Delete, out: list[ast.stmt]) -> None:
        for t in s.targets:
            self._delete_one(t, out)

    def _delete_one(self, t: Any, out: list[ast.stmt]) -> None:
        if isinstance(t, (ast.Tuple, ast.List)):
            for x in t.elts:
                self._delete_one(x, out)
        elif isinstance(t, ast.Attribute):
            name = constant(self.mangled(t.attr), t)
            out.append(placed(ast.Expr(hook("delattr_", t, self.expr(t.value), name)), t))
        elif isinstance(t, ast.Subscript):
            call = hook("delitem", t, self.expr(t.value), self.key(t.slice))
            out.append(placed(ast.Expr(call), t))
        elif t.id in self.cells and self.writer(t.id) is None:
            out.append(placed(ast.Delete([t]), t))
            self.unbind(t.id)
        else:
            read = self.expr(load(t.id, t))
            if not isinstance(read, ast.Name) or t.id not in self.local:
                out.append(placed(ast.Expr(read), t))
            self.delete_name(t.id, t, out)

    def _expression(self, s: ast.Expr, out: list[ast.stmt]) -> None:
        if not self.stays(s):
            s.value = self.expr(s.value)
        out.append(s)

    def _assert(self, s: ast.Assert, out: list[ast.stmt]) -> None:
        if __debug__:
            test = self.expr(s.test)
            message = constant(None, s) if s.msg is None else self.piece(s.msg)
            out.append(placed(ast.Expr(hook("assert_", s, test, message)), s))

    def _import(self, s: Any, out: list[ast.stmt]) -> None:
        for a in s.names:
            name = a.asname or a.name.partition(".")[0]
            if self.writer(name) is None:
                self.bind(name)
                out.append(_one_import(s, a))
                continue
            short = self.temporary()
            if isinstance(s, ast.Import) and a.asname is None and "." in a.name:
                out.append(_one_import(s, _alias(a.name.partition(".")[0], short, s)))
                loader = self.temporary()
                out.append(_one_import(s, _alias(a.name, loader, s)))
            else:
                out.append(_one_import(s, _alias(a.name, short, s)))
            self.bind_name(name, load(short, s), s, out)

    def _nothing(self, s: ast.stmt, out: list[ast.stmt]) -> None:
        pass

    def _type_alias(self, s: Any, out: list[ast.stmt]) -> None:
        for name in target_names(s.name):
            self.bind(name)
        out.append(s)


def _shown(name: str) -> str:
    """A name of the user's, or what a value made for the rewriting is."""
    return f"<{name[5:].rstrip('0123456789')}>" if name.startswith("__ms_") else name


def _alias(name: str, short: str, at: Any) -> ast.alias:
    return placed(ast.alias(name, short), at)


def _one_import(s: Any, alias: ast.alias) -> ast.stmt:
    if isinstance(s, ast.Import):
        return placed(ast.Import([alias]), s)
    return placed(ast.ImportFrom(s.module, [alias], s.level), s)


_SIMPLE: dict[type, Any] = {
    ast.Assign: Stores._assign,
    ast.AnnAssign: Stores._annotated,
    ast.AugAssign: Stores._augmented,
    ast.Delete: Stores._delete,
    ast.Expr: Stores._expression,
    ast.Assert: Stores._assert,
    ast.Import: Stores._import,
    ast.ImportFrom: Stores._import,
    ast.Global: Stores._nothing,
    ast.Nonlocal: Stores._nothing,
}
if hasattr(ast, "TypeAlias"):  # Python 3.12
    _SIMPLE[getattr(ast, "TypeAlias")] = Stores._type_alias  # noqa: B009
