"""Collectives of a compiled program, read from XLA's text form.

Bytes are those that each device sends in a ring: all-reduce 2(n-1)/n of the value,
all-gather and reduce-scatter (n-1)/n of the full value, all-to-all (n-1)/n of what the
device holds, permute all of it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import NamedTuple

_BITS = {"pred": 8, "bf16": 16, "token": 0, "s4": 4, "u4": 4, "s2": 2, "u2": 2}
_KINDS = (
    "all-reduce", "all-gather", "reduce-scatter", "all-to-all", "ragged-all-to-all",
    "collective-permute", "collective-broadcast",
)  # fmt: skip
_LINE = re.compile(r"^\s*(?:ROOT\s+)?%?([\w.\-]+) = (.*?) ([a-z][a-z\-]*)\((.*)$")
_ARRAY = re.compile(r"\b([a-z]+\d*[a-z0-9]*)\[([\d,]*)\]")
_COMPUTATION = re.compile(r"^(ENTRY\s+)?%?([\w.\-]+) \(.*\{\s*$")


class Collective(NamedTuple):
    """One collective instruction.

    Attributes:
        kind: XLA's name, without the suffix of the asynchronous form.
        group: number of devices that take part together.
        bytes: size of the result on one device.
        times: how often it runs, where loops have a known trip count.
    """

    kind: str
    group: int
    bytes: int
    times: int

    @property
    def wire(self) -> float:
        """Bytes that each device sends in one run of the program."""
        n, b = self.group, self.bytes
        if n <= 1:
            return 0.0
        if self.kind == "all-reduce":
            one = 2 * (n - 1) / n * b
        elif self.kind == "reduce-scatter":
            one = (n - 1) * b
        elif self.kind == "collective-permute":
            one = b
        else:
            one = (n - 1) / n * b
        return one * self.times


def collectives(text: str, devices: int) -> list[Collective]:
    r"""Collectives of an optimised program.

    Args:
        text: the program in XLA's text form.
        devices: number of devices, the group where none is written.

    Example:
        >>> collectives("ENTRY %m () -> f32[4] {\n  %a = f32[4] all-reduce(%p), "
        ...             "replica_groups={{0,1},{2,3}}\n}", 4)[0].wire
        16.0
    """
    bodies, entry = _computations(text)
    found: list[Collective] = []
    times = _multiplicities(bodies, entry)
    for name, lines in bodies.items():
        for line in lines:
            match = _LINE.match(line)
            if match is None:
                continue
            kind = match.group(3).removesuffix("-start")
            if kind in _KINDS and times[name]:
                size = _size(match.group(2), match.group(3))
                found.append(Collective(kind, _group(line, kind, devices), size, times[name]))
    return found


def _computations(text: str) -> tuple[dict[str, list[str]], str]:
    """Lines of each computation, and the name of the entry."""
    bodies: dict[str, list[str]] = {}
    entry, lines = "", []
    for line in text.splitlines():
        match = _COMPUTATION.match(line)
        if match is not None:
            lines = bodies.setdefault(match.group(2), [])
            if match.group(1):
                entry = match.group(2)
        else:
            lines.append(line)
    return bodies, entry


def _multiplicities(bodies: dict[str, list[str]], entry: str) -> Counter[str]:
    """How often each computation runs; loops without a known trip count count once."""
    times: Counter[str] = Counter()
    todo = [(entry, 1)]
    while todo:
        name, n = todo.pop()
        times[name] += n
        for line in bodies.get(name, ()):
            trips = re.search(r'"known_trip_count":\{"n":"(\d+)"', line)
            factor = int(trips.group(1)) if trips else 1
            todo += [(called, n * factor) for called in _called(line) if called in bodies]
    return times


def _called(line: str) -> list[str]:
    """Computations that an instruction runs, but for those applied element by element."""
    found = re.findall(r"\b(?:body|calls|true_computation|false_computation)=%?([\w.\-]+)", line)
    for listed in re.findall(r"branch_computations=\{([^}]*)\}", line):
        found += [name.strip().lstrip("%") for name in listed.split(",")]
    if re.search(r" call\(", line):
        found += re.findall(r"to_apply=%?([\w.\-]+)", line)
    return found


def _size(types: str, opcode: str) -> int:
    """Bytes of the result; the asynchronous forms repeat the operand before it."""
    arrays = [(d, s) for d, s in _ARRAY.findall(types) if d != "token"]
    if opcode.endswith("-start") and opcode != "all-reduce-start" and len(arrays) > 1:
        arrays = arrays[len(arrays) // 2 :]
    return sum(_bits(d) * math.prod(map(int, filter(None, s.split(",")))) for d, s in arrays) // 8


def _bits(dtype: str) -> int:
    if dtype in _BITS:
        return _BITS[dtype]
    digits = re.search(r"\d+", dtype)
    return int(digits.group()) if digits else 0


def _group(line: str, kind: str, devices: int) -> int:
    """Devices in one group, in any of the spellings of replica groups."""
    if kind == "collective-permute":
        pairs = re.search(r"source_target_pairs=\{(.*?)\}\}", line)
        moved = re.findall(r"(\d+),(\d+)", pairs.group(1) if pairs else "")
        return 2 if any(a != b for a, b in moved) else 1
    text = line.partition("replica_groups=")[2]
    if not text or text.startswith("{}"):
        return devices
    if text.startswith("{{"):
        return len(text[2 : text.index("}")].split(","))
    if text.startswith("["):
        return int(text[1 : text.index("]")].split(",")[-1])
    mesh = dict(re.findall(r"'([^']+)'=(\d+)", text[: text.index("]")]))
    axes = re.search(r"\{((?:'[^']+'(?::\(\d+\)\d+)?,?\s*)+)\}", text)
    assert axes is not None, line
    sizes = []
    for name, part in re.findall(r"'([^']+)'(?::\(\d+\)(\d+))?", axes.group(1)):
        sizes.append(int(part) if part else int(mesh[name]))
    return math.prod(sizes)
