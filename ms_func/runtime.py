"""jaxlib's C++ extension module, which ships without types: the one place that imports it.

What is used of it: pytree registries, settings that belong to the key of the dispatch cache,
the dispatcher, DLPack. Everything about devices and programs is the XLA backend's.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # read when the extension is loaded

extension: Any = importlib.import_module("jaxlib._jax")
Config = extension.config.Config
pytree = extension.pytree


class Jax:
    """A real JAX in the same process. From its import on, its settings of the dispatcher hold.

    Attributes:
        here: whether it has been imported.
        arrival: what is to be done before it is.
    """

    def __init__(self) -> None:
        self.here = "jax" in sys.modules
        self.arrival: list[Callable[[], object]] = []

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """Find nothing, but see JAX coming: the protocol of `sys.meta_path`.

        Raises:
            ModuleNotFoundError: nobody wants it but the runtime, which asks for classes of JAX on
                its way to some results, and does without them.
        """
        if fullname != "jax":
            return
        if _importer().partition(".")[0] in ("ms_func", "ms_func_xla"):
            raise ModuleNotFoundError("No module named 'jax'", name="jax")
        if self.installed() and not self.here:
            self.here = True
            # The runtime notes for each array which Python frames made it, at a tenth of the time
            # of a small program and more on a deep stack. Nothing here reads that, but JAX does.
            extension.set_tracebacks_enabled(True)
            for act in self.arrival:
                act()

    @staticmethod
    def installed() -> bool:
        """Whether it could be imported."""
        return PathFinder.find_spec("jax") is not None

    def narrows(self) -> bool | None:
        """Whether the dispatcher makes 32 bits of Python's numbers; None where nobody can tell."""
        if not self.here:
            return False
        held = getattr(sys.modules.get("jax._src.config"), "enable_x64", None)
        return None if held is None else not held.value


def _importer() -> str:
    """Name of the module whose code asks for the import that is going on."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return "" if frame is None else frame.f_globals.get("__name__", "")


jax = Jax()
if not jax.here:
    extension.set_tracebacks_enabled(False)
    sys.meta_path.insert(0, jax)  # pyright: ignore[reportArgumentType]
