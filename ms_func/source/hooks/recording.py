"""Running a user's function while it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.source.hooks import failures
from ms_func.source.hooks.journal import Frame
from ms_func.source.hooks.uneven import leaving


def recorded(call: Callable[[Any], Any], given: Any) -> Any:
    """`call(given)`, in a form that can leave the program.

    Where the recording fails, what it stored to lists, dictionaries, objects, globals and other
    variables is put back: nobody could use what stands for the arrays of a program that never was.
    An exception that the function itself raises is no failure: Python keeps what it stored before.
    """
    frame = Frame(None)
    try:
        with frame:
            return leaving(call(given))
    except Exception as error:
        if not failures.is_raised(error):
            frame.undo()
            frame.entries.clear()
        raise
    finally:
        frame.commit()
