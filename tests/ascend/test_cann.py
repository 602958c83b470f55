"""The way to a card: what is missing is said; `atc` and the runtime are called rightly.

No card is needed: stand-ins for the `atc` program and for the `acl` module check the calls.
"""

from __future__ import annotations

import shutil
import sys
import types
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ms_func.backend import CompileOptions
from ms_func_ascend import (
    Ascend,
    AscendError,
    AscendUnavailable,
    cann,
    from_bytes,
    simulate,
)

TEXT = """func.func public @main(%x: tensor<2x3xf32>, %i: tensor<i32>)
    -> (tensor<2x3xf32>, tensor<i32>) {
  %y = stablehlo.tanh %x : tensor<2x3xf32>
  %j = stablehlo.add %i, %i : tensor<i32>
  return %y, %j : tensor<2x3xf32>, tensor<i32> }"""
LINE = ("atc --framework=1 --model=step.air --output=step --soc_version=<soc_version> "
        "--precision_mode=must_keep_origin_dtype")  # fmt: skip


@pytest.fixture
def no_cann(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "acl", None)


@pytest.mark.usefixtures("no_cann")
def test_without_cann_the_way_is_shown() -> None:
    with pytest.raises(AscendUnavailable) as caught:
        Ascend().compile(TEXT, CompileOptions("step"))
    text = str(caught.value)
    assert "the `atc` compiler" in text
    assert "`acl`" in text
    assert LINE in text
    assert "path='step.air'" in text
    assert "backend='ascend-ref'" in text
    assert Ascend().devices() == []


@pytest.mark.usefixtures("no_cann")
def test_the_shown_command_has_the_settings_asked_for() -> None:
    flags = {"soc_version": "Ascend910B3", "precision": "mixed", "atc_options": ["--log=error"]}
    with pytest.raises(AscendUnavailable, match="--soc_version=Ascend910B3 "
                       "--precision_mode=allow_fp32_to_fp16 --log=error"):  # fmt: skip
        Ascend().compile(TEXT, CompileOptions("step", flags=flags))


def test_the_precision_is_always_given() -> None:
    """Left alone, `atc` computes float32 in float16."""
    for precision, mode in cann.PRECISION.items():
        assert f"--precision_mode={mode}" in cann.atc_command("f.air", "f", "Ascend910", precision)
    with pytest.raises(ValueError, match=r"precision is 'double'[^$]*fix: take one of exact, fp16"):
        cann.atc_command("f.air", "f", "Ascend910", "double")


def test_options_are_a_list_of_words() -> None:
    with pytest.raises(ValueError, match=r"fix: atc_options=\['--log=error', '--x=1'\]"):
        cann.atc_command("f.air", "f", "Ascend910", atc_options="--log=error --x=1")


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="no option 'speed'"):
        Ascend().compile(TEXT, CompileOptions("step", flags={"speed": 1}))


ATC = """#!{python}
import sys
options = dict(a.lstrip("-").split("=", 1) for a in sys.argv[1:])
assert options["framework"] == "1", options
with open(options["output"] + "{suffix}.om", "wb") as f:
    f.write(open(options["model"], "rb").read())
with open(options["model"] + ".log", "a") as f:
    f.write(" ".join(sys.argv[1:]) + "\\n")
print("E10001: something about the graph")
sys.exit({status})
"""


def fake_toolkit(folder: Path, suffix: str = "", status: int = 0) -> Path:
    """A toolkit whose `atc` copies the AIR file to the OM file."""
    program = folder / "bin" / "atc"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(ATC.format(python=sys.executable, suffix=suffix, status=status))
    program.chmod(0o755)
    return folder


class FakeAcl(types.ModuleType):
    """The runtime's module over the interpreter: device memory is a table of byte arrays."""

    def __init__(self) -> None:
        super().__init__("acl")
        self.__spec__ = types.SimpleNamespace(name="acl")  # type: ignore[assignment]
        self.memory: dict[int, bytearray] = {}
        self.sets: dict[int, list[int]] = {}
        self.calls: list[str] = []
        self.fail: str | None = None
        self.rt, self.mdl, self.util = (types.SimpleNamespace() for _ in range(3))
        for owner, names in (
            (self.rt, ("set_device", "create_context", "set_context", "malloc", "free", "memcpy",
                       "destroy_context", "reset_device", "get_device_count")),
            (self.mdl, ("load_from_file", "create_desc", "get_desc", "get_num_inputs",
                        "get_num_outputs", "get_input_size_by_index", "get_output_size_by_index",
                        "get_output_dims", "get_output_data_type", "create_dataset",
                        "add_dataset_buffer", "destroy_dataset", "execute", "unload",
                        "destroy_desc")),
            (self.util, ("bytes_to_ptr", "ptr_to_bytes")),
        ):  # fmt: skip
            for name in names:
                setattr(owner, name, self._logged(name))

    def _logged(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            self.calls.append(name)
            if name == self.fail:
                return 507011
            return getattr(self, f"_{name}")(*args)

        return call

    def init(self) -> int:
        return 0

    def get_soc_name(self) -> str:
        return "Ascend910B4"

    def create_data_buffer(self, pointer: int, size: int) -> int:
        return pointer

    def destroy_data_buffer(self, buffer: int) -> int:
        return 0

    def _store(self, size: int) -> int:
        self.memory[len(self.memory) + 1] = bytearray(size)
        return len(self.memory)

    def _get_device_count(self) -> tuple[int, int]:
        return 2, 0

    def _set_device(self, device: int) -> int:
        return 0

    def _create_context(self, device: int) -> tuple[str, int]:
        return "context", 0

    def _set_context(self, context: str) -> int:
        return 0

    def _destroy_context(self, context: str) -> int:
        return 0

    def _reset_device(self, device: int) -> int:
        return 0

    def _malloc(self, size: int, policy: int) -> tuple[int, int]:
        return self._store(size), 0

    def _free(self, pointer: int) -> int:
        self.memory[pointer] = bytearray()
        return 0

    def _memcpy(self, to: int, room: int, source: int, size: int, kind: int) -> int:
        assert kind in (1, 2)
        assert room >= size
        self.memory[to][:size] = self.memory[source][:size]
        return 0

    def _bytes_to_ptr(self, data: bytes) -> int:
        pointer = self._store(len(data))
        self.memory[pointer][:] = data
        return pointer

    def _ptr_to_bytes(self, pointer: int, size: int) -> bytes:
        return bytes(self.memory[pointer][:size])

    def _load_from_file(self, path: str) -> tuple[int, int]:
        self.graph = from_bytes(Path(path).read_bytes())
        return 1, 0

    def _create_desc(self) -> str:
        return "description"

    def _get_desc(self, desc: str, model: int) -> int:
        return 0

    def _get_num_inputs(self, desc: str) -> int:
        return len(self.graph.data)

    def _get_num_outputs(self, desc: str) -> int:
        return len(self.graph.results)

    def _get_input_size_by_index(self, desc: str, k: int) -> int:
        return self._size(self.graph.data[k].outputs[0]) + 32  # padded, as devices do

    def _get_output_size_by_index(self, desc: str, k: int) -> int:
        return self._size(self.graph.results[k]) + 32

    def _size(self, t: Any) -> int:
        return int(np.prod(t.shape, dtype=int)) * t.dtype.itemsize

    def _get_output_dims(self, desc: str, k: int) -> tuple[dict[str, Any], int]:
        return {"dims": list(self.graph.results[k].shape)}, 0

    def _get_output_data_type(self, desc: str, k: int) -> int:
        return {"float32": 0, "int32": 3}[self.graph.results[k].dtype.name]

    def _create_dataset(self) -> int:
        self.sets[len(self.sets)] = []
        return len(self.sets) - 1

    def _add_dataset_buffer(self, dataset: int, buffer: int) -> tuple[int, int]:
        self.sets[dataset].append(buffer)
        return dataset, 0

    def _destroy_dataset(self, dataset: int) -> int:
        return 0

    def _execute(self, model: int, inputs: int, outputs: int) -> int:
        arrays = []
        for node, pointer in zip(self.graph.data, self.sets[inputs], strict=True):
            t = node.outputs[0]
            flat = np.frombuffer(self.memory[pointer][: self._size(t)], t.dtype)
            arrays.append(flat.reshape(t.shape))
        for made, pointer in zip(simulate(self.graph, arrays), self.sets[outputs], strict=True):
            self.memory[pointer][: made.nbytes] = made.tobytes()
        return 0

    def _unload(self, model: int) -> int:
        return 0

    def _destroy_desc(self, desc: str) -> int:
        return 0


@pytest.fixture
def acl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAcl:
    module = FakeAcl()
    monkeypatch.setitem(sys.modules, "acl", module)
    monkeypatch.setenv("ASCEND_TOOLKIT_HOME", str(fake_toolkit(tmp_path / "toolkit")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return module


PAIRS = [("set_device", "reset_device"), ("create_context", "destroy_context"),
         ("load_from_file", "unload"), ("create_desc", "destroy_desc"), ("malloc", "free"),
         ("create_dataset", "destroy_dataset")]  # fmt: skip
"""Calls of the runtime that take something, and those that give it back."""

X, I = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3), np.array(21, np.int32)


@pytest.mark.parametrize("suffix", ["", "_linux_aarch64"])
def test_a_program_is_compiled_loaded_and_run(acl: FakeAcl, tmp_path: Path, suffix: str) -> None:
    fake_toolkit(tmp_path / "toolkit", suffix)
    program = Ascend().compile(TEXT, CompileOptions("step"))
    y, j = program.run([X, I])
    np.testing.assert_allclose(y, np.tanh(X), rtol=1e-6)
    assert j.dtype == np.int32
    assert j == 42
    program.run([X, I])
    program.close()
    program.close()  # at exit again: nothing is freed twice
    assert acl.calls.count("unload") == 1
    assert acl.calls.count("malloc") == acl.calls.count("free") == 8
    assert Ascend().devices() == ["ascend:0", "ascend:1"]


def test_a_compiled_file_is_used_again(acl: FakeAcl, tmp_path: Path) -> None:
    for _ in range(2):
        Ascend().compile(TEXT, CompileOptions("step")).close()
    other = {"soc_version": "Ascend310P3", "precision": "fp16"}
    Ascend().compile(TEXT, CompileOptions("step", flags=other)).close()
    lines = [f.read_text().splitlines() for f in (tmp_path / "cache").rglob("*.log")]
    assert sorted(len(one) for one in lines) == [1, 1]
    text = "\n".join(line for one in lines for line in one)
    assert "--soc_version=Ascend910B4 --precision_mode=must_keep_origin_dtype" in text
    assert "--soc_version=Ascend310P3 --precision_mode=force_fp16" in text


def test_files_can_be_kept(acl: FakeAcl, tmp_path: Path) -> None:
    flags = {"keep_files": str(tmp_path / "kept")}
    Ascend().compile(TEXT, CompileOptions("step", flags=flags)).close()
    assert {f.suffix for f in (tmp_path / "kept").iterdir()} == {".air", ".om", ".log"}


def test_a_failing_compiler_is_quoted(acl: FakeAcl, tmp_path: Path) -> None:
    fake_toolkit(tmp_path / "toolkit", status=3)
    for _ in range(2):  # the file that a failing `atc` leaves is not taken the next time
        with pytest.raises(AscendError, match="E10001: something about the graph") as caught:
            Ascend().compile(TEXT, CompileOptions("step"))
        assert "exit status 3" in str(caught.value)
        assert not isinstance(caught.value, AscendUnavailable)


@pytest.mark.parametrize(
    "call", ["set_device", "create_context", "load_from_file", "get_desc", "malloc", "execute"]
)
def test_a_failing_runtime_names_the_call_and_keeps_nothing(acl: FakeAcl, call: str) -> None:
    def run() -> None:
        with closing(Ascend().compile(TEXT, CompileOptions("step"))) as program:
            program.run([X, I])

    acl.fail = call
    with pytest.raises(AscendError, match=rf"{call} failed with code 507011"):
        run()
    for taken, given in PAIRS:
        assert acl.calls.count(taken) - (call == taken) == acl.calls.count(given), taken


def test_arguments_are_counted_and_measured(acl: FakeAcl) -> None:
    program = Ascend().compile(TEXT, CompileOptions("step"))
    with pytest.raises(AscendError, match="takes 2 arguments, not 1"):
        program.run([X])
    with pytest.raises(AscendError, match="argument of 8000 bytes"):
        program.run([np.zeros(2000, np.float32), I])
    program.close()


@pytest.mark.usefixtures("no_cann")
def test_a_function_without_a_name_gets_a_file_name() -> None:
    with pytest.raises(AscendUnavailable, match=r"--model=lambda\.air --output=lambda "):
        Ascend().compile(TEXT, CompileOptions("<lambda>"))
