"""How the tests of this folder say what an error must tell."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def refused(
    kind: type[Exception] | tuple[type[Exception], ...],
    *words: str,
    at: str = "here",
    named: bool = True,
) -> Iterator[None]:
    """The block raises `kind`, and the user is shown the line of their own code.

    Args:
        kind: class of the exception.
        *words: parts of its message.
        at: comment that ends the line of the calling test at which the user went wrong.
        named: whether the message itself names that line; else the traceback does.
    """
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    caller = frame.f_back.f_back
    assert caller is not None
    lines, first = inspect.getsourcelines(caller.f_code)
    (place,) = [first + i for i, line in enumerate(lines) if line.rstrip().endswith(f"# {at}")]
    with pytest.raises(kind) as caught:
        yield
    message = str(caught.value)
    for word in words:
        assert word in message
    if named:
        assert f"{caller.f_code.co_filename}:{place}:" in message
    shown = traceback.extract_tb(caught.value.__traceback__)
    assert (caller.f_code.co_filename, place) in {(f.filename, f.lineno) for f in shown}
