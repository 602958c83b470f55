"""What is done while recording, and may be taken back."""

from __future__ import annotations

from typing import Any

from ms_func.ir.primitive import current
from ms_func.source.hooks.heap.journal import Frame


class Again(BaseException):
    """A recording has to start anew, for more is known now.

    Attributes:
        root: the call of a recursive function that is recorded; None, it is the function that is
            transformed.
        wider: what else become parameters of that call: Python's "numbers", "arrays", or nothing.
        complaint: what is wrong where that does not help; None, the outermost recording has to
            start anew, which helps.
    """

    def __init__(
        self, root: Any = None, wider: str = "", complaint: Exception | None = None
    ) -> None:
        self.root, self.wider, self.complaint = root, wider, complaint


class Trial:
    """Steps run as in Python while recording, which may be taken back.

    Attributes:
        frame: the journal of their stores.
    """

    def __init__(self) -> None:
        self.trace = current.interpreter
        self.mark = len(self.trace.eqns)
        self.frame = Frame(None)
        self._links = len(self.trace.links.order) if self.trace.links is not None else 0
        self._eqns: list[Any] = []
        self._finals: dict[Any, Any] = {}

    def __enter__(self) -> Trial:
        self.frame.__enter__()
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self.frame.__exit__()
        if kind is not None:  # they happened, as far as who handles the exception is concerned
            self.frame.commit()

    def rewind(self) -> None:
        """Take the steps back: their stores and what they recorded."""
        self._eqns = self.trace.eqns[self.mark :]
        self._finals = self.frame.finals()
        self.frame.undo()
        del self.trace.eqns[self.mark :]
        self.trace.results.clear()
        self._made = self._cut()

    def _cut(self) -> list[Any]:
        links = self.trace.links
        return [] if links is None else links.cut(self._links)

    def replay(self) -> None:
        """Do the steps that were taken back, forgetting what was recorded since."""
        self.trace.eqns[self.mark :] = self._eqns
        self._cut()
        for one in self._made:
            self.trace.links.add(one)
        for key, (location, _) in self.frame.entries.items():
            location.write(self._finals[key])
