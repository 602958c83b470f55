"""How source conversion takes part in tracing without being imported by it.

Whoever stages a function of the user's asks `user_function` for the form to run on tracers; an
error about a traced value asks `why_native` what kept a function from being converted. A function
is run by `recorded`, which gives what it returns in a form that can leave the program, and puts
back what it stored if the recording fails. `number` gives what is to be differentiated: the one
number among what data chose. The package `source` fills the slots; it is a quarter of what there is
to import, and imported when a function is recorded for the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import CodeType
from typing import Any

from ms_func import config
from ms_func.errors import ArgumentValueError


class _Slots:
    """What `source` supplies."""

    convert: Callable[[Any], Any]
    why_native: Callable[[CodeType], str | None]
    recorded: Callable[[Callable[[Any], Any], Any], Any]
    number: Callable[[Any, str], Any]

    def __getattr__(self, name: str) -> Any:
        import_module("ms_func.source")
        return object.__getattribute__(self, name)


slots = _Slots()


def user_function(f: Any, mode: Any = "auto") -> Any:
    """The form of a user's function to run on tracers.

    Args:
        f: anything callable.
        mode: "auto" leaves it to the policy in force, `config.convert`; True and False set the
            policy for `f` and whatever it calls.

    Raises:
        ValueError: `mode` is none of these.
    """
    if mode == "auto":
        return slots.convert(f)
    if mode is not True and mode is not False:
        raise ArgumentValueError(f"convert must be 'auto', True or False, got {mode!r}")
    with config.convert(mode):
        made = slots.convert(f)

    def run(*args: Any, **kwargs: Any) -> Any:
        with config.convert(mode):
            return made(*args, **kwargs)

    return run


def why_native(code: CodeType) -> str | None:
    """Why the function with this code object could not be converted; None if it could."""
    return slots.why_native(code)
