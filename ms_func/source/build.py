"""From a syntax tree back to a function with the user's globals, cells, file and names."""

from __future__ import annotations
import __future__

import ast
from collections.abc import Sequence
from functools import WRAPPER_ASSIGNMENTS
from types import CellType, CodeType, FunctionType
from typing import Any

HOOKS = "__ms__"
"""Name of the cell through which converted code reaches the run-time hooks."""

_FACTORY = "__ms_factory__"
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag


def bare(node: Any) -> Any:
    """A definition or lambda, changed to one without what is evaluated outside of it.

    That is decorators, defaults, annotations and parameters of types, which may be code themselves.
    """
    args = node.args
    args.defaults, args.kw_defaults = [], [None] * len(args.kwonlyargs)
    for a in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
        if a is not None:
            a.annotation = None
    if isinstance(node, ast.FunctionDef):
        node.decorator_list, node.returns = [], None
        if "type_params" in node._fields:
            node.type_params = []  # pyright: ignore[reportAttributeAccessIssue]
    return node


def compile_function(
    node: ast.FunctionDef | ast.Lambda, like: CodeType, class_name: str | None,
    names: dict[str, str] | None = None, shift: int = 0, imports: Sequence[str] = (),
) -> CodeType:  # fmt: skip
    """Code object of `node`, compiled where the names that are free in `like` are free.

    Args:
        node: a definition or lambda that is `bare`.
        like: code object of the original: file, free names, qualified name, `__future__` flags.
        class_name: class whose name private names are mangled with.
        names: names of generated functions and the user's names to show in their place.
        shift: number of lines of the file before those that `node` knows of.
        imports: names that the file imports, which may make a difference to instructions.
    """
    at: dict[str, Any] = {
        "lineno": node.lineno,
        "col_offset": 0,
        "end_lineno": node.lineno,
        "end_col_offset": 0,
    }
    inner: Any = ast.Return(node, **at) if isinstance(node, ast.Lambda) else node
    free = dict.fromkeys((HOOKS, *like.co_freevars))
    arguments = ast.arguments([], [ast.arg(n, **at) for n in free], None, [], [], None, [])
    body: list[Any] = [inner]
    if not isinstance(node, ast.Lambda) and node.name not in like.co_freevars:
        body.insert(0, ast.Global([node.name], **at))  # inside, the name is not the factory's
    outer: Any = ast.FunctionDef(_FACTORY, arguments, body, [], None, None, **at)
    if hasattr(node, "type_params") or "type_params" in ast.FunctionDef._fields:
        outer.type_params = []
    if class_name is not None:
        outer = ast.ClassDef(class_name, [], [], [outer], [], **at)
        if "type_params" in ast.ClassDef._fields:
            outer.type_params = []
    imported = [ast.Import([ast.alias(name, **at)], **at) for name in imports if name != "*"]
    module = compile(
        ast.Module([*imported, outer], []), like.co_filename, "exec", flags=like.co_flags & _FUTURE,
        dont_inherit=True,
    )  # fmt: skip
    around = module if class_name is None else _first(module)
    made = _first(_first(around))
    return _settled(made, made.co_qualname, like.co_qualname, names or {}, like.co_name, shift)


def _first(code: CodeType) -> CodeType:
    """The first code object inside another one."""
    return next(c for c in code.co_consts if isinstance(c, CodeType))


def _settled(
    code: CodeType, old: str, new: str, names: dict[str, str], owner: str, shift: int
) -> CodeType:
    """`code` and those inside it under the names, and at the lines, that the user knows."""
    shown = names.get(code.co_name)
    qualname = code.co_qualname
    if qualname.startswith(old):
        qualname = new + qualname[len(old) :]
    if shown is None:
        name = code.co_name
    elif shown:  # a definition whose binding is a cell
        name, qualname = shown, qualname.replace(code.co_name, shown)
    else:  # a piece of the function around it
        name, qualname = owner, qualname.rpartition(".<locals>.")[0]
    old_here, owner = code.co_qualname, owner if shown == "" else name
    consts = tuple(
        [
            _settled(c, old_here, qualname, names, owner, shift) if type(c) is CodeType else c
            for c in code.co_consts
        ]
    )
    line = code.co_firstlineno + shift
    return code.replace(co_name=name, co_qualname=qualname, co_consts=consts, co_firstlineno=line)


def cell_places(code: CodeType, like: CodeType) -> tuple[int, ...]:
    """Where each cell of converted code stands among those of the original; -1 for the hooks."""
    return tuple(-1 if n == HOOKS else like.co_freevars.index(n) for n in code.co_freevars)


def instantiate(
    code: CodeType, places: Sequence[int], f: FunctionType, hooks: CellType
) -> FunctionType:
    """Function of `code` with the globals, cells, defaults and attributes that `f` has now."""
    cells = f.__closure__
    closure = (
        (hooks,) * len(places)
        if cells is None
        else tuple([hooks if i < 0 else cells[i] for i in places])
    )
    made = FunctionType(code, f.__globals__, f.__name__, f.__defaults__, closure)
    if f.__kwdefaults__:
        made.__kwdefaults__ = f.__kwdefaults__
    if f.__dict__:
        made.__dict__.update(f.__dict__)
    return made


def dress(made: FunctionType, f: FunctionType) -> FunctionType:
    """`made` with what tools ask a function for: its names, documentation and annotations."""
    for attribute in WRAPPER_ASSIGNMENTS:
        setattr(made, attribute, getattr(f, attribute))
    return made


def same_code(a: CodeType, b: CodeType) -> bool:
    """Whether two code objects do the same, whatever their places in the file."""
    return (
        a.co_code == b.co_code
        and a.co_names == b.co_names
        and _same_constants(a.co_consts, b.co_consts)
    )


def _same_constants(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(a) == len(b) and all(
        same_code(x, y)
        if isinstance(x, CodeType) and isinstance(y, CodeType)
        else type(x) is type(y) and repr(x) == repr(y)
        for x, y in zip(a, b, strict=True)
    )
