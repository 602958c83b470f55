"""Checks that a program keeps the rules of the IR; run after every pass in tests."""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from ms_func.errors import IRError
from ms_func.ir.function import Eqn, Function, Literal, Var
from ms_func.ir.primitive import Unequal
from ms_func.ir.types import TYPES, ArrayType, RefType


def verify(fn: Function, *, locs: bool = False) -> None:
    """Check `fn` and the functions nested in it.

    Every variable is defined once and before its use, nothing from outside is referred to,
    the results of each equation have the types that its primitive gives, parameters of
    equations can be hashed, constants and literals fit their types, no reference is returned or
    passed to one function twice, and the declared effects are those of the equations.

    Args:
        fn: the program.
        locs: whether every equation must know the user's place it came from.

    Raises:
        IRError: what is wrong, in which function and at which equation.

    Example:
        >>> ms.extend.verify(ms.make_ir(np.sin)(1.0))  # nothing, where all is well
    """
    _verify(fn, locs, set())


def _verify(fn: Function, locs: bool, done: set[int]) -> None:
    if id(fn) in done:
        return
    done.add(id(fn))
    defined: set[Any] = set()
    for i, v in enumerate(fn.params):
        _define(defined, v, f"`{fn.name}`, parameter {i}")
    _check_consts(fn)
    for i, eqn in enumerate(fn.eqns):
        where = f"`{fn.name}`, equation {i} ({eqn.primitive.name})"
        for nested in eqn.functions():
            _verify(nested, locs, done)
        _check_equation(eqn, where, defined, locs)
        for v in eqn.outputs:
            _define(defined, v, where)
    for i, a in enumerate(fn.results):
        _check_atom(a, defined, f"`{fn.name}`, result {i}")
        if type(a.type) is RefType:
            raise IRError(f"`{fn.name}`, result {i} is a reference, which cannot be returned")
    effects = frozenset().union(*(e.effects for e in fn.eqns))
    if fn.effects != effects:
        raise IRError(f"`{fn.name}` declares the effects {set(fn.effects)}, not {set(effects)}")


def _define(defined: set[Any], v: Any, where: str) -> None:
    if type(v) is not Var or type(v.type) not in TYPES:
        raise IRError(f"{where} defines {v!r}, which is not a typed variable")
    if v in defined:
        raise IRError(f"{where} defines a variable of type {v.type} for the second time")
    defined.add(v)


def _check_atom(atom: Any, defined: set[Any], where: str) -> None:
    if type(atom) is Literal:
        _check_literal(atom, where)
    elif type(atom) is not Var:
        raise IRError(f"{where} is {atom!r}, neither a variable nor a literal")
    elif atom not in defined:
        raise IRError(
            f"{where} is a variable of type {atom.type} not defined before, in this function"
        )


def _check_literal(atom: Literal, where: str) -> None:
    if atom.type.shape:
        raise IRError(f"{where} is a literal of type {atom.type}; literals have rank 0")
    try:
        atom.key()
    except (TypeError, ValueError, OverflowError) as error:
        raise IRError(f"{where} is no literal of type {atom.type}: {error}") from None


def _check_equation(eqn: Eqn, where: str, defined: set[Any], locs: bool) -> None:
    for i, a in enumerate(eqn.inputs):
        _check_atom(a, defined, f"{where}, operand {i}")
    for name, value in eqn.params.items():
        _check_param(value, f"{where}, parameter {name}")
    refs = [a for a in eqn.inputs if type(a.type) is RefType]
    if len(set(refs)) < len(refs) and eqn.primitive.name != "while":
        raise IRError(f"{where} takes a reference twice")
    promised = _promised(eqn, where)
    found = [v.type for v in eqn.outputs]
    if len(found) != len(promised) or any(a is not b for a, b in zip(found, promised, strict=True)):
        raise IRError(f"{where} has results of types {found}, but its rule gives {promised}")
    if locs and eqn.loc is None:
        raise IRError(f"{where} does not know where it came from")


def _promised(eqn: Eqn, where: str) -> list[ArrayType]:
    """Types that the type rule gives, asked anew."""
    rule: Callable[..., Any] = eqn.primitive.abstract
    types = [a.type for a in eqn.inputs]
    axes = frozenset().union(*(t.vma for t in types))
    try:
        if axes or callable(
            eqn.primitive.varying
        ):  # numbers are the same everywhere and fit any place
            types = [a.type.varying(axes) if type(a) is Literal else a.type for a in eqn.inputs]
            return list(eqn.primitive.result_types(tuple(types), eqn.params))
        out = rule(*types, **eqn.params)
    except (TypeError, ValueError, Unequal) as error:
        raise IRError(f"{where} does not fit its operands: {error}") from error
    return list(out) if eqn.primitive.multiple_results else [out]


def _check_param(value: Any, where: str) -> None:
    if isinstance(value, (np.ndarray, FunctionType, MethodType, BuiltinFunctionType)):
        raise IRError(f"{where} is {value!r}; arrays and Python functions cannot be parameters")
    try:
        hash(value)
    except TypeError:
        raise IRError(f"{where} is {value!r}, which cannot be hashed") from None


def _check_consts(fn: Function) -> None:
    bound = fn.params[len(fn.params) - len(fn.consts) :]
    for v, c in zip(bound, fn.consts, strict=True):
        if c.shape != v.type.shape or c.dtype != v.type.dtype:
            raise IRError(
                f"`{fn.name}` binds a parameter of type {v.type} to a constant of "
                f"type {ArrayType(c.shape, c.dtype)}"
            )
