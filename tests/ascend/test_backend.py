"""The two backends through the contract that the core uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ms_func import backend
from ms_func.backend import Backend, CompileOptions, Executable
from ms_func_ascend import Ascend, AscendReference, export, from_bytes

TEXT = """func.func public @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.tanh %x : tensor<3xf32>
  return %y : tensor<3xf32> }"""
X = np.array([-1, 0, 2], np.float32)


@pytest.mark.parametrize("kind", [Ascend, AscendReference])
def test_the_contract_is_kept(kind: type) -> None:
    assert isinstance(kind(), Backend)


def test_entry_points_lead_here() -> None:
    assert isinstance(backend.get("ascend"), Ascend)
    assert isinstance(backend.get("ascend-ref"), AscendReference)


def test_the_reference_runs_numpy_arrays() -> None:
    held = AscendReference()
    program = held.compile(TEXT, CompileOptions())
    assert isinstance(program, Executable)
    (y,) = program.run([held.put(X)])
    np.testing.assert_allclose(held.get(y), np.tanh(X), rtol=1e-6)
    assert held.devices() == ["ascend-ref:0"]


def test_exports_are_the_same_bytes_everywhere(tmp_path: Path) -> None:
    data = export(TEXT, tmp_path / "f.air")
    assert (tmp_path / "f.air").read_bytes() == data
    assert Ascend().export(TEXT, CompileOptions()) == data
    assert AscendReference().export(TEXT, CompileOptions()) == data
    assert from_bytes(data).count() == {"Data": 1, "Tanh": 1}


def test_options_reach_the_translation() -> None:
    text = """func.func public @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.sign %x : tensor<3xf32>
  return %y : tensor<3xf32> }"""
    assert "IsNan" in from_bytes(export(text)).count()
    assert "IsNan" not in from_bytes(export(text, nan_exact=False)).count()
    flags = CompileOptions(flags={"nan_exact": False})
    assert AscendReference().export(text, flags) == export(text, nan_exact=False)
    with pytest.raises(TypeError, match="no option 'speed'"):
        export(text, speed=3)


def test_a_program_of_several_devices_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="split over 4 devices"):
        AscendReference().compile(TEXT, CompileOptions(num_partitions=4))
