"""What is said where the plugin for CUDA is missing or does not fit; `tests/device` runs it."""

from __future__ import annotations

import jaxlib
import pytest

import ms_func as ms
from ms_func_xla import cuda


@pytest.mark.parametrize(
    ("library", "why"), [(None, "not installed"), ("xla_cuda_plugin.so", "not of jaxlib's version")]
)
def test_a_plugin_that_cannot_be_used(monkeypatch, library, why):
    monkeypatch.setattr(cuda, "_plugin", lambda: library)
    monkeypatch.setattr(cuda, "_extension", lambda: None)
    with pytest.raises(RuntimeError, match=f"{why}(.|\n)*fix: pip install .*{jaxlib.__version__}"):
        ms.devices("cuda")


def test_it_is_not_used_where_it_does_not_fit(monkeypatch):
    monkeypatch.setattr(cuda, "_plugin", lambda: "xla_cuda_plugin.so")
    monkeypatch.setattr(cuda.glob, "glob", lambda pattern: ["/dev/nvidia0"])
    for module in (None, cuda):
        monkeypatch.setattr(cuda, "_extension", lambda module=module: module)
        assert cuda.available.__wrapped__() == (module is not None)
