"""Printed form of a program; `parse` is its inverse.

    func @f(%0: f32[3], %1: i32[]) -> (f32[]) effects {} {
      %2: f32[3] = mul %0, 2.0:f32                              #1
      %3: i32[], %4: f32[3] = while %1, %2 {body: @b, cond: @c} #2
      %5: f32[] = reduce_sum %4 {axes: (0,)}                    #3
      return %5
    }

Variables are numbered in the order of definition and parameters of equations sorted by
name. Nested functions follow the one that is printed, each structure once. Then come the
table of locations and the constants. Printing what was parsed gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ms_func.dtypes import dtype_name, float0, is_inexact, issubdtype
from ms_func.ir.function import Atom, Eqn, Function, FunctionKey, Literal
from ms_func.ir.types import ArrayType


def to_text(fn: Function, *, locs: str = "table") -> str:
    """Text of `fn` and of the functions nested in it.

    Args:
        fn: the program.
        locs: "table" numbers the user's places and lists them at the end; "lines" writes file
            and line behind each equation as a comment; "none" leaves them out.

    Raises:
        ValueError: `locs` is another word.

    Example:
        >>> print(ms.extend.to_text(ms.make_ir(np.sin)(np.ones(2)), locs="none"))
        func @sin(%0: f32[2]) -> (f32[2]) effects {} {
          %1: f32[2] = sin %0
          return %1
        }
    """
    if locs not in ("table", "lines", "none"):
        raise ValueError(f"locs must be 'table', 'lines' or 'none', got {locs!r}")
    return _Printer(locs).module(fn)


def _shown(self: Function) -> str:
    return to_text(self, locs="lines")


Function.__repr__ = _shown


class ParamType(NamedTuple):
    """How values of a class are written as parameters of equations, and read back."""

    name: str
    write: Callable[[Any], str] | None
    read: Callable[..., Any]


param_types: dict[str, ParamType] = {}
_by_class: dict[type, ParamType] = {}


def register_param_type(
    cls: type,
    *,
    write: Callable[[Any], str] | None = None,
    read: Callable[[Any], Any] | None = None,
) -> type:
    """Let values of a class stand among the parameters of equations in the text form.

    Enums are written `Class.MEMBER`, named tuples and dataclasses `Class(field: value)`.

    Args:
        cls: the class.
        write: from a value to a string, for classes that are none of these, such as shardings.
        read: the inverse of `write`.

    Returns:
        The class, so that this serves as a decorator.

    Raises:
        ValueError: there is `write` without `read`.

    Example:
        >>> import enum
        >>> @ms.extend.register_param_type
        ... class Side(enum.Enum):
        ...     LEFT = 1
        ...     RIGHT = 2
        >>> Side.LEFT.name
        'LEFT'
    """
    if write is not None and read is None:
        raise ValueError(f"{cls.__name__} is written in its own way, so it needs `read` as well")
    kind = ParamType(cls.__name__, write, read or cls)
    param_types[kind.name] = _by_class[cls] = kind
    return cls


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")


def name_text(name: str) -> str:
    """A name as it is, or quoted where it would not read as one."""
    return name if _PLAIN.match(name) else json.dumps(name)


class _Printer:
    """Functions of one module, their names, places and constants."""

    def __init__(self, locs: str) -> None:
        self.locs = locs
        self.names: dict[FunctionKey, str] = {}
        self.waiting: list[Function] = []
        self.places: dict[str, int] = {}
        self.consts: dict[str, int] = {}
        self.meshes: dict[str, int] = {}

    def module(self, fn: Function) -> str:
        self.name(fn)
        parts = [self.function(f) for f in self.waiting]  # grows while nested ones are met
        tables = [f"loc #{n} = {place}" for place, n in self.places.items()]
        tables += [f"const @k{n}: {const}" for const, n in self.consts.items()]
        tables += [f"mesh @m{n} = {mesh}" for mesh, n in self.meshes.items()]
        return "\n".join([*parts, *tables])

    def name(self, fn: Function) -> str:
        """Name of a function in the module, which prints it later if it is new."""
        found = self.names.get(fn.key)
        if found is None:
            found, n, taken = fn.name, 0, set(self.names.values())
            while found in taken:
                n += 1
                found = f"{fn.name}_{n}"
            self.names[fn.key] = found
            self.waiting.append(fn)
        return "@" + name_text(found)

    def function(self, fn: Function) -> str:
        number: dict[Atom, int] = {v: i for i, v in enumerate(fn.params)}
        start = len(fn.params) - len(fn.consts)
        params = [f"%{i}: {self.type(v.type)}" for i, v in enumerate(fn.params)]
        for i, const in enumerate(fn.consts):
            params[start + i] += f" = {self.const(const, fn.params[start + i].type)}"
        results = ", ".join(self.type(t) for t in fn.out_types)
        effects = ", ".join(sorted(name_text(str(e)) for e in fn.effects))
        head = f"func {self.name(fn)}({', '.join(params)}) -> ({results}) effects {{{effects}}} {{"
        rows = [(self.equation(e, number), self.place(e)) for e in fn.eqns]
        width = min(72, max((len(text) for text, place in rows if place), default=0))
        lines = [f"  {text.ljust(width)} {place}" if place else f"  {text}" for text, place in rows]
        returned = ", ".join(self.atom(a, number) for a in fn.results)
        return "\n".join([head, *lines, f"  return {returned}".rstrip(), "}"])

    def equation(self, eqn: Eqn, number: dict[Atom, int]) -> str:
        operands = ", ".join(self.atom(a, number) for a in eqn.inputs)
        for v in eqn.outputs:
            number[v] = len(number)
        outputs = ", ".join(f"%{number[v]}: {self.type(v.type)}" for v in eqn.outputs)
        words = [f"{outputs} =" if outputs else "", name_text(eqn.primitive.name), operands]
        if eqn.params:
            words.append(self.mapping(eqn.params))
        return " ".join(w for w in words if w)

    def place(self, eqn: Eqn) -> str:
        """Mark of the user's place behind an equation, if there is one."""
        loc = eqn.loc
        if loc is None or self.locs == "none":
            return ""
        line, end_line, col, end_col = loc.span
        if self.locs == "lines":
            return f"# {loc.file.rsplit('/', 1)[-1]}:{line}"
        place = f"{json.dumps(loc.file)}:{line}:{col + 1}-{end_line}:{end_col + 1}"
        place += f" in {json.dumps(loc.function)}"
        return f"#{self.places.setdefault(place, len(self.places) + 1)}"

    def const(self, value: Any, type: ArrayType) -> str:
        text = f'{self.type(type)} = hex "{np.asarray(value).tobytes().hex()}"'
        return f"@k{self.consts.setdefault(text, len(self.consts))}"

    def type(self, type: ArrayType) -> str:
        text = (type if type.manual is None else type.update(manual=None)).text
        if type.explicit is not None:
            text += f"@m{self.meshes.setdefault(self.value(type.explicit.mesh), len(self.meshes))}"
        return text if type.manual is None else f"{text}@{self.value(type.manual)}"

    def atom(self, atom: Atom, number: dict[Atom, int]) -> str:
        return literal_text(atom) if isinstance(atom, Literal) else f"%{number[atom]}"

    def mapping(self, params: Mapping[str, Any]) -> str:
        rows = [f"{name_text(k)}: {self.value(v)}" for k, v in sorted(params.items())]
        return f"{{{', '.join(rows)}}}"

    def value(self, value: Any) -> str:
        """A parameter of an equation."""
        if isinstance(value, Function):
            return self.name(value)
        if type(value) is tuple:
            inner = ", ".join(map(self.value, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if isinstance(value, dict):
            return self.mapping(value)
        if isinstance(value, ArrayType):
            return self.type(value)
        return _plain_value(value) or self.registered(value)

    def registered(self, value: Any) -> str:
        """A value of a class that `register_param_type` knows, or at least its `repr`."""
        cls = type(value)
        kind = _by_class.get(cls)
        if kind is not None and kind.write is not None:
            return f"!{kind.name} {json.dumps(kind.write(value))}"
        if isinstance(value, enum.Enum):
            return f"!{cls.__name__}.{value.name}"
        fields = getattr(value, "_fields", None)
        if fields is None and dataclasses.is_dataclass(value):
            fields = [f.name for f in dataclasses.fields(value)]
        if fields is None:
            return f"!{cls.__name__} {json.dumps(str(value))}"
        rows = [f"{f}: {self.value(getattr(value, f))}" for f in fields]
        return f"!{cls.__name__}({', '.join(rows)})"


def _plain_value(value: Any) -> str:
    """Text of numbers, strings, bytes, dtypes and None; empty for anything else."""
    if isinstance(value, enum.Enum):
        return ""
    if value is None:
        return "none"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return float_text(np.float64(value))
    if isinstance(value, (complex, np.complexfloating)):
        return f"complex{_complex_text(np.complex128(value))}"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, bytes):
        return f'hex "{value.hex()}"'
    return dtype_name(value) if isinstance(value, np.dtype) else ""


def literal_text(literal: Literal) -> str:
    """A literal operand: its value, a colon and its type without the brackets of rank 0."""
    dtype = literal.type.dtype
    kind = dtype_name(dtype) + ("*" if literal.type.weak_type else "")
    if dtype == float0:
        return f"0:{kind}"
    value = literal.array[()]
    if dtype.kind == "b":
        text = "true" if value else "false"
    elif dtype.kind == "c":
        text = _complex_text(value)
    elif issubdtype(dtype, np.integer):
        text = str(int(value))
    else:
        assert is_inexact(dtype)
        text = float_text(value)
    return f"{text}:{kind}"


def _complex_text(value: Any) -> str:
    return f"({float_text(value.real)}, {float_text(value.imag)})"


def float_text(value: Any) -> str:
    """Shortest decimal that reads back as the same float; a NaN with its bits."""
    number = float(value)
    if number != number:
        bits = np.asarray(value).view(np.dtype(f"u{value.dtype.itemsize}"))
        return f"nan(0x{int(bits):0{2 * value.dtype.itemsize}x})"
    if number in (float("inf"), float("-inf")):
        return str(number)
    text = str(value)
    same = (
        re.fullmatch(r"-?[0-9.]+(e[-+]?[0-9]+)?", text) and value.dtype.type(float(text)) == value
    )
    text = text if same else repr(number)
    return text if any(c in text for c in ".e") else text + ".0"
