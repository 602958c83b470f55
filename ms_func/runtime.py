"""jaxlib's C++ extension module, which ships without types: the one place that imports it.

What is used of it: pytree registries, settings that belong to the key of the dispatch cache,
the dispatcher, DLPack. Everything about devices and programs is the XLA backend's.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # read when the extension is loaded

extension: Any = importlib.import_module("jaxlib._jax")
Config = extension.config.Config
pytree = extension.pytree
