"""The two backends through the contract that the core uses."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import backend
from ms_func.backend import Backend, CompileOptions, Executable
from ms_func_ascend import Ascend, AscendReference, export, from_bytes, simulate
from ms_func_ascend.__main__ import main

TEXT = """func.func public @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.tanh %x : tensor<3xf32>
  return %y : tensor<3xf32> }"""
X = np.array([-1, 0, 2], np.float32)
ROOT = Path(__file__).resolve().parents[2]


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


@pytest.mark.parametrize(("options", "words"), [
    ({"fusoins": False}, "fix: it is spelled 'fusions'"),
    ({"speed": 3}, "fix: take one of atc_options, device_id, exact_casts"),
    ({"fusions": "no"}, "'fusions' is True or False, not 'no'"),
    ({"target": "v0.1.0"}, 'give "latest" or one from "v0.3.0" on'),
    ({"target": "newest"}, "is no version of the operator headers"),
])  # fmt: skip
def test_options_are_those_that_there_are(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        ms.export(mnp.tanh, X, backend="ascend", options=options)
    for name in ("ascend", "ascend-ref"):
        with pytest.raises(ValueError, match=re.escape(words)):
            ms.jit(lambda x: x + 1, backend=name, compiler_options=options)(X)


def test_options_of_a_jitted_function_reach_the_backend() -> None:
    wide = lambda x: x.astype(np.int8)  # noqa: E731
    plain = ms.jit(wide, backend="ascend-ref", compiler_options={"exact_casts": False})
    big = np.array([1, 300], np.int32)
    assert ms.jit(wide, backend="ascend-ref")(big).tolist() == [1, 44]
    assert plain(big).tolist() == [1, -128]  # the least helpful that a cast out of range may do
    told = {"soc_version": "Ascend910B3", "precision": "mixed", "atc_options": ["--log=error"]}
    line = r"soc_version=Ascend910B3 --precision_mode=allow_fp32\w+ --log=error"
    with pytest.raises(RuntimeError, match=line):
        ms.jit(mnp.tanh, backend="ascend", compiler_options=told)(X)
    with pytest.raises(ValueError, match="'precision' is one of the compiler"):
        ms.export(mnp.tanh, X, backend="ascend", options={"precision": "mixed"})
    with pytest.raises(ValueError, match="no option 'speed'"):
        export(TEXT, speed=3)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, file, array = tmp_path / "f.mlir", tmp_path / "f.air", tmp_path / "x.npy"
    source.write_text(TEXT)
    np.save(array, X)
    main(["translate", str(source), str(file)])
    main(["describe", str(file)])
    main(["run", str(file), str(array)])
    main(["run", str(file)])
    main(["atc", str(file), "--soc-version", "Ascend910A"])
    printed = capsys.readouterr().out
    assert "tanh = Tanh(arg0:0) -> float32[3]" in printed
    assert "[-0.7615942  0.         0.9640276]" in printed
    assert f"--model={file} --output={tmp_path / 'f'} --soc_version=Ascend910A" in printed


def test_a_listing_may_be_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by `describe | head`: whoever reads has gone, and nothing is raised, now or on closing."""
    export(TEXT, tmp_path / "f.air")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        assert main(["describe", str(tmp_path / "f.air")]) == 0


def test_code_in_the_documents_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of the Ascend page; the backend of the guide, on a program of ms_func."""
    monkeypatch.chdir(tmp_path)
    held: dict[str, Any] = {}
    for piece in re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/ascend.md").read_text(), re.DOTALL
    ):
        exec(piece, held)
    assert len(list(tmp_path.glob("step_rank*.air"))) == 8
    guide = (ROOT / "backends/README.md").read_text()
    names: dict[str, Any] = {}
    for piece in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(piece, names)
    module = ms.jit(lambda x: x * 2 + 1).trace(X).closed().compiler_ir()
    made = names["Interpreter"]().compile(module, CompileOptions())
    np.testing.assert_array_equal(made.run([X])[0], X * 2 + 1)
    assert isinstance(names["Interpreter"](), Backend)


@pytest.mark.parametrize("shape", [(1,), (3,), (8,), (9,), (6, 6)])
def test_arrays_of_booleans_in_the_program(shape: tuple[int, ...]) -> None:
    mask = np.arange(np.prod(shape)).reshape(shape) % 3 == 0
    x = np.ones(shape, np.float32)
    data = ms.export(lambda x: mnp.where(mask, x, 0), x, backend="ascend")
    (got,) = simulate(from_bytes(data), [x])
    np.testing.assert_array_equal(got, mask.astype(np.float32))
