"""Programs from their printed form; see `text`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.dtypes import float0, parse_dtype
from ms_func.errors import IRError
from ms_func.ir.explicit import explicit_layout
from ms_func.ir.function import Atom, Eqn, Function, Literal, Var
from ms_func.ir.loc import Place
from ms_func.ir.primitive import Primitive, primitives
from ms_func.ir.text import param_types
from ms_func.ir.types import ArrayType, RefType

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+|\#(?![0-9])[^\n]*)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<nan>nan\(0x[0-9a-f]+\))
  | (?P<float>-?(?:inf\b|[0-9]+\.[0-9]*(?:e[-+]?[0-9]+)?|[0-9]+e[-+]?[0-9]+))
  | (?P<int>-?[0-9]+)
  | (?P<var>%[0-9]+)
  | (?P<mark>\#[0-9]+)
  | (?P<arrow>->)
  | (?P<name>key<[a-z]+>|[A-Za-z_][A-Za-z0-9_.\-]*)
  | (?P<sign>[@!(){}\[\],:;=*<>\-])
    """,
    re.VERBOSE,
)


def parse(text: str) -> Function:
    """Program whose printed form is `text`; the first function is the program.

    Args:
        text: what `to_text` gives, with locations or without.

    Returns:
        A program structurally equal to the one that was printed; it prints as the same bytes.

    Raises:
        IRError: the text is not a program; the message names the line.

    Example:
        >>> text = ms.extend.to_text(ms.make_ir(lambda x: 2 * x)(1.0), locs="none")
        >>> ms.extend.to_text(ms.extend.parse(text), locs="none") == text
        True
    """
    return _Parser(text).module()


class _Parser:
    """Tokens of a module, a position among them, and the functions found so far."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.starts: dict[str, int] = {}
        self.functions: dict[str, Function | None] = {}
        self.places: dict[str, Place] = {}
        self.consts: dict[str, np.ndarray] = {}
        self.meshes: dict[str, Any] = {}
        self.table: dict[str, Primitive] = primitives()

    # --- tokens ---

    def peek(self) -> str:
        """Text of the next token; empty at the end."""
        return self.tokens[self.at][1]

    def kind(self) -> str:
        """Kind of the next token."""
        return self.tokens[self.at][0]

    def line(self) -> int:
        """Line of the next token."""
        return self.tokens[self.at][2]

    def take(self, expected: str | None = None) -> str:
        """The next token, which must be `expected` if that is given."""
        found = self.peek()
        if expected is not None and found != expected:
            raise self.error(f"expected {expected!r}, found {found or 'the end'!r}")
        if not found:
            raise self.error("the text ends too early")
        self.at += 1
        return found

    def take_kind(self, kind: str) -> str:
        """The next token, which must be of a kind."""
        if self.kind() != kind:
            raise self.error(f"expected a {kind}, found {self.peek() or 'the end'!r}")
        return self.take()

    def accept(self, token: str) -> bool:
        """Whether the next token is `token`, which is then passed."""
        if self.peek() != token or self.kind() == "string":
            return False
        self.at += 1
        return True

    def error(self, message: str) -> IRError:
        """Error at the next token."""
        return IRError(f"line {self.line()}: {message}")

    def name(self) -> str:
        """A plain or quoted name."""
        return json.loads(self.take()) if self.kind() == "string" else self.take_kind("name")

    def listed(self, item: Callable[[], Any], end: str) -> list[Any]:
        """Items separated by commas up to `end`, which is passed; a last comma may follow."""
        found = []
        while not self.accept(end):
            found.append(item())
            if not self.accept(","):
                self.take(end)
                break
        return found

    # --- module ---

    def module(self) -> Function:
        first = None
        while self.peek():
            word = self.take()
            if word == "func":
                self.take("@")
                name = self.name()
                first = first or name
                if name in self.starts:
                    raise self.error(f"a second function @{name}")
                self.starts[name] = self.at
                self.skip_body()
            elif word == "loc":
                self.location()
            elif word == "const":
                self.const()
            elif word == "mesh":
                self.mesh()
            else:
                self.at -= 1
                raise self.error(f"expected func, loc, const or mesh, found {word!r}")
        if first is None:
            raise self.error("there is no function")
        return self.function(first)

    def skip_body(self) -> None:
        """Pass the rest of a function; it is read when all tables are known."""
        depth = 0
        while True:
            token = self.take()
            depth += {"{": 1, "}": -1}.get(token, 0)
            if token == "}" and depth == 0 and self.peek() != "{":
                return

    def location(self) -> None:
        mark = self.take_kind("mark")
        self.take("=")
        file = json.loads(self.take_kind("string"))
        numbers = []
        for separator in (":", ":", "-", ":"):
            self.take(separator) if separator != "-" else self.accept("-")
            numbers.append(abs(int(self.take_kind("int"))))
        line, col, end_line, end_col = numbers
        self.take("in")
        function = json.loads(self.take_kind("string"))
        self.places[mark] = Place(file, line, end_line, col - 1, end_col - 1, function)

    def const(self) -> None:
        self.take("@")
        name = self.name()
        self.take(":")
        kind = self.type()
        self.take("=")
        self.take("hex")
        data = bytes.fromhex(json.loads(self.take_kind("string")))
        if kind.dtype == float0:
            self.consts[name] = np.zeros(kind.shape, float0)
        else:
            self.consts[name] = np.frombuffer(data, kind.dtype).reshape(kind.shape)

    def mesh(self) -> None:
        self.take("@")
        name = self.name()
        self.take("=")
        self.meshes[name] = self.value()

    # --- functions ---

    def function(self, name: str) -> Function:
        """Function of that name, read where it stands if it has not been read."""
        if name in self.functions:
            found = self.functions[name]
            if found is None:
                raise self.error(f"@{name} contains itself")
            return found
        if name not in self.starts:
            raise self.error(f"there is no function @{name}")
        self.functions[name] = None
        back, self.at = self.at, self.starts[name]
        found = self.functions[name] = self.read_function(name)
        self.at = back
        return found

    def read_function(self, name: str) -> Function:
        env: dict[str, Var] = {}
        consts: list[np.ndarray] = []
        self.take("(")
        params = self.listed(lambda: self.parameter(env, consts), ")")
        self.take("->")
        self.take("(")
        types = self.listed(self.type, ")")
        self.take("effects")
        self.take("{")
        declared = set(self.listed(self.name, "}"))
        self.take("{")
        eqns = []
        while not self.accept("return"):
            eqns.append(self.equation(env))
        results = self.listed(lambda: self.atom(env), "}")
        found = Function(name, params, eqns, results, consts)
        if list(found.out_types) != types:
            raise self.error(f"@{name} returns {found.out_types}, but declares {tuple(types)}")
        if declared != set(map(str, found.effects)):
            raise self.error(f"the effects of @{name} are not {sorted(declared)}")
        return found

    def parameter(self, env: dict[str, Var], consts: list[np.ndarray]) -> Var:
        found = self.variable(env)
        if self.accept("="):
            self.take("@")
            name = self.name()
            if name not in self.consts:
                raise self.error(f"there is no constant @{name}")
            consts.append(self.consts[name])
        elif consts:
            raise self.error("parameters bound to constants must come last")
        return found

    def variable(self, env: dict[str, Var]) -> Var:
        """A definition: number and type."""
        name = self.take_kind("var")
        if name in env:
            raise self.error(f"{name} is defined twice")
        self.take(":")
        found = env[name] = Var(self.type())
        return found

    def equation(self, env: dict[str, Var]) -> Eqn:
        defined: dict[str, Var] = {}
        outputs: list[Var] = []
        while self.kind() == "var":
            outputs.append(self.variable(defined))
            if not self.accept(","):
                self.take("=")
        line, name = self.line(), self.name()
        primitive = self.table.get(name)
        if primitive is None:
            raise self.error(
                f"there is no primitive {name!r}\nfix: import the module that registers it first"
            )
        inputs: list[Atom] = []
        if self.line() == line and self.starts_atom():
            inputs.append(self.atom(env))
            while self.accept(","):
                inputs.append(self.atom(env))
        params = self.mapping() if self.accept("{") else {}
        loc: Any = None
        if self.kind() == "mark":
            loc = self.places.get(self.take())
        for name in defined:
            if name in env:
                raise self.error(f"{name} is defined twice")
        env.update(defined)
        return Eqn(primitive, inputs, outputs, params, loc)

    def starts_atom(self) -> bool:
        """Whether the next token begins an operand."""
        return self.kind() in ("var", "int", "float", "nan") or self.peek() in _ATOM_WORDS

    def atom(self, env: dict[str, Var]) -> Atom:
        if self.kind() != "var":
            return self.literal()
        name = self.take()
        if name not in env:
            self.at -= 1
            raise self.error(f"{name} is not defined before its use")
        return env[name]

    def literal(self) -> Literal:
        start = self.at
        parts = self.listed(self.take, ")") if self.accept("(") else [self.take()]
        self.take(":")
        dtype, weak = self.dtype(), self.accept("*")
        try:
            value = _number(parts, dtype)
        except ValueError as error:
            self.at = start
            raise self.error(str(error)) from None
        return Literal(value, ArrayType((), dtype, weak))

    # --- types and parameters ---

    def dtype(self) -> np.dtype:
        name = self.take_kind("name")
        try:
            return parse_dtype(name)
        except TypeError:
            raise self.error(f"{name!r} is not a dtype") from None

    def type(self) -> Any:
        if self.accept("ref"):
            self.take("<")
            inner = self.type()
            found = RefType(inner, self.name() if self.accept(";") else "")
            self.take(">")
            return found
        return self.shaped(self.dtype())

    def shaped(self, dtype: np.dtype) -> ArrayType:
        """Type whose dtype has been read."""
        weak = self.accept("*")
        self.take("[")
        dims = self.listed(self.dimension, "]")
        shape, axes = tuple(n for n, _ in dims), [a for _, a in dims]
        found = ArrayType(shape, dtype, weak)
        while self.accept("@"):
            if self.kind() == "name":
                found = found.update(explicit=explicit_layout(self.known_mesh(), axes))
            else:
                found = found.update(manual=self.value())
        return found

    def dimension(self) -> tuple[int, tuple[str, ...]]:
        """Size of a dimension, and the axes of a mesh that it is split along."""
        size = int(self.take_kind("int"))
        if not self.accept("@"):
            return size, ()
        return size, tuple(self.listed(self.name, ")") if self.accept("(") else [self.name()])

    def known_mesh(self) -> Any:
        name = self.name()
        if name not in self.meshes:
            raise self.error(f"there is no mesh @{name}")
        return self.meshes[name]

    def mapping(self) -> dict[str, Any]:
        """Entries of a dict whose opening brace has been passed."""
        return dict(self.listed(self.entry, "}"))

    def entry(self) -> tuple[str, Any]:
        name = self.name()
        self.take(":")
        return name, self.value()

    def value(self) -> Any:
        """A parameter of an equation."""
        kind, word = self.kind(), self.take()
        if kind == "string":
            return json.loads(word)
        if kind == "int":
            return int(word)
        if kind in ("float", "nan"):
            return float(_number([word], np.dtype(np.float64)))
        if kind == "sign":
            return self.composed(word)
        if word == "hex":
            return bytes.fromhex(json.loads(self.take_kind("string")))
        if word == "complex":
            self.take("(")
            return complex(_number(self.listed(self.take, ")"), np.dtype(np.complex128)))
        if word in _WORDS:
            return _WORDS[word]
        self.at -= 1
        dtype = self.dtype()
        return self.shaped(dtype) if self.peek() in ("*", "[") else dtype

    def composed(self, sign: str) -> Any:
        """A parameter that starts with a sign: function, tuple, dict or registered class."""
        if sign == "@":
            return self.function(self.name())
        if sign == "(":
            return tuple(self.listed(self.value, ")"))
        if sign == "{":
            return self.mapping()
        if sign == "!":
            return self.registered()
        self.at -= 1
        raise self.error(f"expected a parameter, found {sign!r}")

    def registered(self) -> Any:
        name, _, member = self.take_kind("name").partition(".")
        kind = param_types.get(name)
        if kind is None:
            raise self.error(
                f"values of {name} cannot be read\n"
                "fix: register the class with ms_func.ir.text.register_param_type"
            )
        if member:
            return kind.read[member]  # type: ignore[index]  # the enum class itself
        if self.accept("("):
            return kind.read(**dict(self.listed(self.entry, ")")))
        return kind.read(json.loads(self.take_kind("string")))


_ATOM_WORDS = ("(", "true", "false")
_WORDS = {"true": True, "false": False, "none": None}


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """Kind, text and line of each token, and an empty one at the end."""
    found, at, line = [], 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise IRError(f"line {line}: unexpected {text[at]!r}")
        kind = match.lastgroup or ""
        if kind != "space":
            found.append((kind, match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    return [*found, ("end", "", line)]


def _number(parts: list[str], dtype: np.dtype) -> Any:
    """Scalar of a dtype from its text, real and imaginary part if there are two."""
    if dtype == float0:
        return np.zeros((), float0)[()]
    if dtype.kind == "c":
        if len(parts) != 2:
            raise ValueError("a complex number has two parts")
        part = np.dtype(f"f{dtype.itemsize // 2}")
        pair = np.array([_number([p], part) for p in parts], part)
        return pair.view(dtype)[0]
    (text,) = parts
    if dtype.kind == "b":
        return np.bool_(_WORDS[text])
    if text.startswith("nan"):
        bits = np.array(int(text[4:-1], 16), np.dtype(f"u{dtype.itemsize}"))
        return bits.view(dtype)[()]
    return np.asarray(float(text) if any(c in text for c in ".en") else int(text)).astype(dtype)[()]
