"""jaxlib's C++ extension module, which ships without types: the one place that imports it.

What is used of it: pytree registries, settings that belong to the key of the dispatch cache,
the dispatcher, DLPack. Everything about devices and programs is the XLA backend's.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import PathFinder
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # read when the extension is loaded

extension: Any = importlib.import_module("jaxlib._jax")
Config = extension.config.Config
pytree = extension.pytree


class _ForJax:
    """Finds nothing: turns Python tracebacks of arrays on again where jax is about to be imported.

    The runtime notes for each array which Python frames made it, at a tenth of the time of a
    small program and more on a deep stack. Nothing here reads that, but jax does, and the
    setting is one of the whole process.
    """

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname == "jax" and PathFinder.find_spec("jax") is not None:
            extension.set_tracebacks_enabled(True)


if "jax" not in sys.modules:
    extension.set_tracebacks_enabled(False)
    sys.meta_path.insert(0, _ForJax())
