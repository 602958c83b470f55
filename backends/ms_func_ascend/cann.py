"""The way from an AIR file to results on a machine with CANN: `atc`, then pyACL.

Nothing here has been run on hardware. Paths, options and calls follow CANN's documentation;
the tests run them against a stand-in for `atc` and for the `acl` module.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func_ascend.prototypes import from_attribute_number

PRECISION = {
    "exact": "must_keep_origin_dtype",
    "mixed": "allow_fp32_to_fp16",
    "fp16": "force_fp16",
}
"""`atc` computes float32 graphs in float16 unless it is told otherwise, so it always is."""

SETTINGS = frozenset({"soc_version", "precision", "atc_options", "keep_files", "device_id"})
"""Keyword arguments of `compile`."""

_HOMES = ("ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH")
_REPEATED_INIT = 100002


class AscendError(RuntimeError):
    """`atc` or the Ascend runtime failed."""


class AscendUnavailable(AscendError):
    """What running on an NPU needs is missing on this machine.

    Example:
        `jit(f, backend='ascend')(x)` on a laptop; export the program instead, or use
        `backend='ascend-ref'`.
    """


def find_atc() -> Path | None:
    """The `atc` program: in the toolkit's directory, or on the search path."""
    for variable in _HOMES:
        home = os.environ.get(variable)
        if home and Path(home, "bin", "atc").is_file():
            return Path(home, "bin", "atc")
    found = shutil.which("atc")
    return Path(found) if found else None


def has_acl() -> bool:
    """Whether the Python module of the runtime can be imported."""
    return importlib.util.find_spec("acl") is not None


def atc_command(
    model: str | Path,
    output: str | Path,
    soc_version: str,
    precision: str = "exact",
    atc: str | Path = "atc",
    atc_options: Sequence[str] = (),
) -> list[str]:
    """The command that compiles an AIR file.

    Args:
        model: path of the AIR file.
        output: path of the OM file without its suffix.
        soc_version: the chip: "Ascend" and the Name column of `npu-smi info`.
        precision: "exact" keeps every dtype, "mixed" lets matrix units compute float32 in
            float16, "fp16" computes everything in float16.
        atc: the program.
        atc_options: further options.

    Raises:
        ArgumentValueError: another precision, or options that are no list of words.
    """
    if precision not in PRECISION:
        raise ArgumentValueError(
            f"precision is {precision!r}\nfix: take one of {', '.join(sorted(PRECISION))}"
        )
    if isinstance(atc_options, str):
        raise ArgumentValueError(
            f"atc_options is the text {atc_options!r}, not a list of options\n"
            f"fix: atc_options={shlex.split(atc_options)!r}"
        )
    return [
        str(atc), "--framework=1", f"--model={model}", f"--output={output}",
        f"--soc_version={soc_version}", f"--precision_mode={PRECISION[precision]}", *atc_options,
    ]  # fmt: skip


def missing() -> list[str]:
    """What running on an NPU needs and this machine lacks."""
    lacking = []
    if find_atc() is None:
        places = " nor ".join(f"${v}/bin" for v in _HOMES)
        lacking.append(f"the `atc` compiler (neither on PATH nor in {places})")
    if not has_acl():
        lacking.append("the Python module `acl` (pyACL)")
    return lacking


def unavailable(name: str, **settings: Any) -> AscendUnavailable:
    """The error that says what is missing and how to go on."""
    soc = settings.get("soc_version") or "<soc_version>"
    file = "".join(c if c.isalnum() else "_" for c in name).strip("_") or "main"
    command = atc_command(f"{file}.air", file, soc, settings.get("precision", "exact"),
                          atc_options=settings.get("atc_options", ()))  # fmt: skip
    lacking = "\n".join(f"  - {item}" for item in missing())
    line = " ".join(c if c.endswith("<soc_version>") else shlex.quote(c) for c in command)
    return AscendUnavailable(
        f"`{name}` was translated, but it cannot run on an NPU here; missing:\n{lacking}\n"
        f"fix: write the file with ms_func.export(f, *args, backend='ascend', path='{file}.air'), "
        f"take it to a machine with CANN and compile it there:\n  {line}\n"
        "or run the translated graph here, in NumPy, with backend='ascend-ref'"
    )


def compile(data: bytes, name: str = "main", **settings: Any) -> OmExecutable:
    """Compile the bytes of an AIR file for this machine's NPU and load it.

    Args:
        data: the file.
        name: name of the program, for messages and files.
        **settings: `soc_version`, `precision`, `atc_options`, `keep_files`, `device_id`.

    Raises:
        AscendUnavailable: CANN is not installed here.
        AscendError: `atc` failed; its output is in the message.
    """
    if missing():
        raise unavailable(name, **settings)
    return OmExecutable(_compiled(data, name, settings), settings.get("device_id", 0))


def _compiled(data: bytes, name: str, settings: dict[str, Any]) -> Path:
    """OM file of an AIR file, from the cache where it has been compiled before."""
    atc = find_atc()
    assert atc is not None
    soc = settings.get("soc_version") or _soc_name()
    precision, more = settings.get("precision", "exact"), tuple(settings.get("atc_options", ()))
    key = hashlib.sha256(data + repr((soc, precision, more, str(atc.resolve()))).encode())
    stem = f"{''.join(c if c.isalnum() else '_' for c in name)}_{key.hexdigest()[:16]}"
    folder = Path(settings.get("keep_files") or _cache_folder())
    folder.mkdir(parents=True, exist_ok=True)
    found = _om_file(folder, stem)
    if found is not None:
        return found
    air = folder / f"{stem}.air"
    air.write_bytes(data)
    with tempfile.TemporaryDirectory(dir=folder) as work:  # what fails leaves nothing to be found
        command = atc_command(air, Path(work, stem), soc, precision, atc, more)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = _om_file(Path(work), stem)
        if done.returncode == 0 and found is not None:
            return found.replace(folder / found.name)
    tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
    command = atc_command(air, folder / stem, soc, precision, atc, more)
    raise AscendError(
        f"atc failed on `{name}` (exit status {done.returncode}):\n{tail}\n"
        f"command: {shlex.join(command)}\n"
        "fix: details are in ~/ascend/log; ASCEND_SLOG_PRINT_TO_STDOUT=1 prints them"
    )


def _om_file(folder: Path, stem: str) -> Path | None:
    """The compiled file; newer versions put the platform into its name."""
    exact = folder / f"{stem}.om"
    return exact if exact.is_file() else next(iter(sorted(folder.glob(f"{stem}_*.om"))), None)


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ms_func" / "ascend"


def _acl() -> Any:
    return importlib.import_module("acl")


def _soc_name() -> str:
    name = _acl().get_soc_name()
    return name[0] if isinstance(name, tuple) else name


def device_count() -> int:
    """Number of NPUs the runtime sees; 0 without the runtime."""
    if not has_acl():
        return 0
    count = _acl().rt.get_device_count()
    return int(count[0] if isinstance(count, tuple) else count)


def _value(returned: Any, what: str) -> Any:
    """Result of a call of the runtime: a status alone or last in a tuple; 0 is success."""
    *values, status = returned if isinstance(returned, tuple) else (returned,)
    if status != 0:
        raise AscendError(f"acl.{what} failed with code {status}")
    return values[0] if len(values) == 1 else tuple(values)


class OmExecutable:
    """A compiled program on an NPU: one context, the model loaded once, freed at exit."""

    def __init__(self, path: Path, device: int) -> None:
        self.acl, self.device = _acl(), device
        status = self.acl.init()
        status = status[-1] if isinstance(status, tuple) else status
        if status not in (0, _REPEATED_INIT):
            raise AscendError(f"acl.init failed with code {status}")
        rt, mdl = self.acl.rt, self.acl.mdl
        with ExitStack() as held:
            _value(rt.set_device(device), "rt.set_device")
            held.callback(rt.reset_device, device)
            self.context = _value(rt.create_context(device), "rt.create_context")
            held.callback(rt.destroy_context, self.context)
            self.model = _value(mdl.load_from_file(str(path)), "mdl.load_from_file")
            held.callback(mdl.unload, self.model)
            self.desc = mdl.create_desc()
            held.callback(mdl.destroy_desc, self.desc)
            _value(mdl.get_desc(self.desc, self.model), "mdl.get_desc")
            self._held = held.pop_all()
        atexit.register(self.close)

    def run(self, buffers: Sequence[Any]) -> list[np.ndarray]:
        """Results of the program for arrays."""
        mdl = self.acl.mdl
        _value(self.acl.rt.set_context(self.context), "rt.set_context")
        count = mdl.get_num_inputs(self.desc)
        if count != len(buffers):
            raise AscendError(f"the compiled program takes {count} arguments, not {len(buffers)}")
        with ExitStack() as held:
            inputs = self._dataset(held, "input", count)
            for (pointer, size), array in zip(inputs[1], buffers, strict=True):
                self._upload(pointer, size, np.ascontiguousarray(array))
            outputs = self._dataset(held, "output", mdl.get_num_outputs(self.desc))
            _value(mdl.execute(self.model, inputs[0], outputs[0]), "mdl.execute")
            return [self._download(k, *where) for k, where in enumerate(outputs[1])]

    def _dataset(self, held: ExitStack, side: str, count: int) -> tuple[Any, list[Any]]:
        """Buffers of the sizes that the model reports, and the set that holds them."""
        acl, mdl = self.acl, self.acl.mdl
        dataset = mdl.create_dataset()
        held.callback(mdl.destroy_dataset, dataset)
        places = []
        for k in range(count):
            size = getattr(mdl, f"get_{side}_size_by_index")(self.desc, k)
            pointer = _value(acl.rt.malloc(size, 0), "rt.malloc")
            held.callback(acl.rt.free, pointer)
            buffer = acl.create_data_buffer(pointer, size)
            held.callback(acl.destroy_data_buffer, buffer)
            _value(mdl.add_dataset_buffer(dataset, buffer), "mdl.add_dataset_buffer")
            places.append((pointer, size))
        return dataset, places

    def _upload(self, pointer: Any, size: int, array: np.ndarray) -> None:
        data = array.tobytes()
        if len(data) > size:
            raise AscendError(f"an argument of {len(data)} bytes; the program takes {size}")
        source = self.acl.util.bytes_to_ptr(data)
        _value(self.acl.rt.memcpy(pointer, size, source, len(data), 1), "rt.memcpy")

    def _download(self, index: int, pointer: Any, size: int) -> np.ndarray:
        acl, mdl = self.acl, self.acl.mdl
        shape = _value(mdl.get_output_dims(self.desc, index), "mdl.get_output_dims")["dims"]
        dtype = from_attribute_number(mdl.get_output_data_type(self.desc, index))
        if dtype is None:
            raise AscendError(f"result {index} has a dtype that NumPy does not have")
        host = bytes(size)
        target = acl.util.bytes_to_ptr(host)
        _value(acl.rt.memcpy(target, size, pointer, size, 2), "rt.memcpy")
        data = acl.util.ptr_to_bytes(target, size)
        length = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(data, dtype, length).reshape(shape).copy()

    def close(self) -> None:
        """Unload the program and give the device back."""
        self._held.close()
