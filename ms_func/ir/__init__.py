"""The language every transform speaks: types, primitives, functions."""

from ms_func.ir.evaluate import evaluate
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.parse import parse
from ms_func.ir.primitive import Primitive
from ms_func.ir.text import to_text
from ms_func.ir.types import ArrayType
from ms_func.ir.verify import verify

__all__ = [
    "ArrayType",
    "Eqn",
    "Function",
    "Literal",
    "Primitive",
    "Var",
    "evaluate",
    "parse",
    "to_text",
    "verify",
]
