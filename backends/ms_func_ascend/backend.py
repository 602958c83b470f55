"""The two backends: one for an NPU, one for its reference interpreter.

Both translate a module to the bytes of AIR files, one for each device, and read those bytes
back; the graphs that run are the ones in the files.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ms_func.backend import CompileOptions, files
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func_ascend import air, cann
from ms_func_ascend.emitter import Options
from ms_func_ascend.graph import Graph
from ms_func_ascend.partition import Layout, Split, partition
from ms_func_ascend.simulate import simulate_ranks
from ms_func_ascend.translate import translate

_OWN = {f.name for f in fields(Options)}
DESCRIPTION = "ranks.json"
"""End of the name of the file that says how the files of several devices belong together."""


def _split(flags: dict[str, Any]) -> tuple[Options, dict[str, Any]]:
    """Options of the translation, and those of the compiler."""
    own = {k: v for k, v in flags.items() if k in _OWN}
    rest = {k: v for k, v in flags.items() if k not in _OWN}
    for name in rest.keys() - cann.SETTINGS:
        near = difflib.get_close_matches(name, [*_OWN, *cann.SETTINGS], 1)
        known = ", ".join(sorted(_OWN - {"rank", "ranks", "large_constant"} | cann.SETTINGS))
        raise ArgumentValueError(
            f"the Ascend backend has no option {name!r}\n"
            f"fix: {f'it is spelled {near[0]!r}' if near else f'take one of {known}'}"
        )
    return Options(**own), rest


def _for_files(flags: dict[str, Any]) -> Options:
    """Options of the translation, where nothing is compiled."""
    own, rest = _split(flags)
    for name in rest:
        raise ArgumentValueError(
            f"the option {name!r} is one of the compiler: a file does not hold it\nfix: leave it "
            "out, and give it to `atc` (`python -m ms_func_ascend atc FILE` prints the line)"
        )
    return own


def export(module: Any, path: str | Path | None = None, **flags: Any) -> bytes | dict[str, bytes]:
    """AIR file of a StableHLO module; one for each device of a module for several.

    Args:
        module: the module object, or its text or bytecode, with a public function `main`.
        path: where to write the file (`.air`); None writes nothing. Several files are written
            beside each other: `step_rank0.air`, ..., `step_ranks.json`.
        **flags: fields of `Options`.

    Returns:
        The bytes of the file; of several, a dictionary from the end of the name (`rank0.air`).

    Raises:
        UnsupportedOnAscend: operations without a translation; all of them are listed.

    Example:
        >>> text = '''func.func public @main(%x: tensor<2xf32>) -> tensor<2xf32> {
        ...   %y = stablehlo.tanh %x : tensor<2xf32>
        ...   return %y : tensor<2xf32> }'''
        >>> print(air.describe(air.from_bytes(export(text))))
        graph main
          arg0 = Data() index=0 -> float32[2]
          tanh = Tanh(arg0:0) -> float32[2]  # -:2
          return tanh:0 float32[2]
    """
    data = _files(module, _for_files(flags))
    if path is not None:
        for file, held in files(path, data).items():
            file.write_bytes(held)
    return data


def _files(module: Any, options: Options) -> bytes | dict[str, bytes]:
    split = partition(module)
    if split.program.ranks == 1:
        return air.to_bytes(translate(split.program, options))
    graphs = _graphs(split, options)
    made = {f"rank{rank}.air": air.to_bytes(g) for rank, g in enumerate(graphs)}
    return made | {DESCRIPTION: _text(_description(split, graphs)).encode()}


def _graphs(split: Split, options: Options) -> list[Graph]:
    count = split.program.ranks
    return [translate(split.program, replace(options, rank=rank)) for rank in range(count)]


def _text(described: dict[str, Any]) -> str:
    """JSON with a line for each group, argument and result."""
    lines = []
    for name, held in described.items():
        if isinstance(held, dict):
            rows = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in held.items()]
            text = "{\n" + ",\n".join(rows) + "\n }"
        elif isinstance(held, list):
            text = "[\n" + ",\n".join(f"  {json.dumps(v)}" for v in held) + "\n ]"
        else:
            text = json.dumps(held)
        lines.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _description(split: Split, graphs: Sequence[Graph]) -> dict[str, Any]:
    """What the machines that run the files must know: groups, and who holds what."""
    nodes = [n for g in graphs for one in g.walk() for n in one.nodes if n.ranks]
    groups = {n.attrs["group"]: list(n.ranks) for n in nodes}
    data, results = graphs[0].data, graphs[0].results
    return {
        "devices": len(graphs),
        "groups": dict(sorted(groups.items())),
        "arguments": [
            {"dtype": n.outputs[0].dtype.name, **asdict(where)}
            for n, where in zip(data, split.arguments, strict=True)
        ],
        "results": [
            {"dtype": t.dtype.name, **asdict(where)}
            for t, where in zip(results, split.results, strict=True)
        ],
    }


class AscendReference:
    """Runs translated programs in the NumPy interpreter: for tests and machines without a card."""

    name = "ascend-ref"

    def devices(self) -> list[str]:
        """The one device there is."""
        return ["ascend-ref:0"]

    def compile(self, module: Any, options: CompileOptions) -> ReferenceExecutable:
        """Translate a module; see `ms_func.backend.Backend`."""
        data = _files(module, _split(options.flags)[0])
        if isinstance(data, bytes):
            return ReferenceExecutable([air.from_bytes(data)])
        *graphs, described = data.values()
        return ReferenceExecutable([*map(air.from_bytes, graphs)], json.loads(described))

    def export(self, module: Any, options: CompileOptions) -> bytes | dict[str, bytes]:
        """Bytes of the AIR file of a module; for several devices of each, and a description."""
        return _files(module, _for_files(options.flags))

    def put(self, array: np.ndarray, placement: Any = None, type: Any = None) -> np.ndarray:
        """The array itself: buffers are NumPy arrays."""
        return np.asarray(array)

    def get(self, buffer: Any) -> np.ndarray:
        """Elements of a buffer."""
        return np.asarray(buffer)


class Ascend(AscendReference):
    """Compiles with CANN's `atc` and runs through pyACL.

    Flags of `CompileOptions`: the fields of `Options`, and `soc_version`, `precision`
    ("exact", "mixed" or "fp16"), `atc_options` (a list of further options), `keep_files`
    (a directory for the AIR and OM files) and `device_id`.
    """

    name = "ascend"

    def devices(self) -> list[str]:
        """NPUs that the runtime sees; none without CANN."""
        return [f"ascend:{k}" for k in range(cann.device_count())]

    def compile(self, module: Any, options: CompileOptions) -> Any:
        """Translate, compile and load a module.

        Raises:
            UnsupportedOnAscend: operations without a translation; all of them are listed.
            AscendUnavailable: CANN is missing here; the message says how to go on.
            AscendError: `atc` or the runtime failed.
        """
        own, settings = _split(options.flags)
        data = _files(module, own)
        if not isinstance(data, bytes):
            raise UnsupportedError(
                f"`{options.name}` is a program of {len(data) - 1} devices, and one process drives "
                "one NPU\nfix: write the files with ms_func.export(f, *args, backend='ascend', "
                f"path='{options.name}.air') and run one in each process, or run all of them here "
                "with backend='ascend-ref'"
            )
        return cann.compile(data, options.name, **settings)


class ReferenceExecutable:
    """Graphs that the interpreter runs, one for each device.

    Args:
        graphs: of the devices, in the order of their numbers.
        described: for several devices, the contents of the file `ranks.json`.
    """

    def __init__(self, graphs: Sequence[Graph], described: dict[str, Any] | None = None) -> None:
        self.graphs, self.described = list(graphs), described

    @classmethod
    def read(cls, path: str | Path) -> ReferenceExecutable:
        """Program of an AIR file, or of the files that a `..._ranks.json` describes."""
        path = Path(path)
        if path.suffix != ".json":
            return cls([air.read(path)])
        described = json.loads(path.read_text())
        stem = path.name.removesuffix(DESCRIPTION)
        names = [f"{stem}rank{rank}.air" for rank in range(described["devices"])]
        return cls([air.read(path.with_name(name)) for name in names], described)

    def random_arguments(self, seed: int = 0) -> list[np.ndarray]:
        """Arguments that fit: standard normal floats, small integers, coin flips."""
        rng = np.random.default_rng(seed)
        made = []
        for k, node in enumerate(sorted(self.graphs[0].data, key=lambda n: n.attrs["index"])):
            shape, dtype = node.outputs[0].shape, node.outputs[0].dtype
            if self.described is not None:
                shape = tuple(self.described["arguments"][k]["shape"])
            if dtype.kind in "iub":
                made.append(rng.integers(0, 2 if dtype.kind == "b" else 5, shape).astype(dtype))
            else:
                made.append(rng.standard_normal(shape).astype(dtype))
        return made

    def run(self, buffers: Sequence[Any]) -> list[np.ndarray]:
        """Results of the program for whole arrays."""
        arrays = [np.asarray(b) for b in buffers]
        if self.described is None:
            return simulate_ranks(self.graphs, [arrays])[0]
        ins, outs = (
            [_layout(entry) for entry in self.described[side]] for side in ("arguments", "results")
        )
        count = len(self.graphs)
        pieces = [where.split(x) for where, x in zip(ins, arrays, strict=True)]
        made = simulate_ranks(self.graphs, [[p[rank] for p in pieces] for rank in range(count)])
        return [where.join([m[k] for m in made]) for k, where in enumerate(outs)]


def _layout(entry: dict[str, Any]) -> Layout:
    starts = tuple(tuple(s) for s in entry["starts"])
    return Layout(tuple(entry["shape"]), tuple(entry["piece"]), starts)
