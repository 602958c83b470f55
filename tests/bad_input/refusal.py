"""How the tests of this folder say what an error must tell."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def refused(kind: type[Exception], *words: str, at: str = "here") -> Iterator[None]:
    """The block raises `kind`; its message has `words` and names the line of the test that ends
    in the comment `at`, so the user is shown the line of their own code.
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
    for word in (f"{caller.f_code.co_filename}:{place}:", *words):
        assert word in message
