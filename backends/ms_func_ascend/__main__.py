"""`python -m ms_func_ascend`: look into AIR files, translate StableHLO, run in the interpreter."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ms_func.backend import files
from ms_func_ascend import air, cann
from ms_func_ascend.backend import ReferenceExecutable, export


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ms_func_ascend", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    describe = commands.add_parser("describe", help="list the operators of an AIR file")
    describe.add_argument("file", type=Path)
    translate = commands.add_parser("translate", help="StableHLO text or bytecode to an AIR file")
    translate.add_argument("source", type=Path)
    translate.add_argument("file", type=Path)
    run = commands.add_parser("run", help="run an AIR file, or all files of a ranks.json, in NumPy")
    run.add_argument("file", type=Path)
    run.add_argument("arrays", type=Path, nargs="*", help=".npy files; random where left out")
    line = commands.add_parser("atc", help="print the command that compiles an AIR file")
    line.add_argument("file", type=Path)
    line.add_argument("--soc-version", default="<soc_version>")
    line.add_argument("--precision", choices=sorted(cann.PRECISION), default="exact")
    options = parser.parse_args(arguments)
    text = _COMMANDS[options.command](options)
    try:
        print(text, flush=True)
    except BrokenPipeError:  # whoever reads it has seen enough; nothing is left to be flushed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _describe(options: argparse.Namespace) -> str:
    return air.describe(options.file)


def _translate(options: argparse.Namespace) -> str:
    data = export(options.source.read_bytes(), options.file)
    return "\n".join(
        f"{path}: {len(held)} bytes" for path, held in files(options.file, data).items()
    )


def _run(options: argparse.Namespace) -> str:
    program = ReferenceExecutable.read(options.file)
    given = [np.load(path) for path in options.arrays]
    results = program.run(given or program.random_arguments())
    return "\n".join(f"{r.dtype.name}{list(r.shape)}\n{r}" for r in results)


def _atc(options: argparse.Namespace) -> str:
    return " ".join(cann.atc_command(options.file, options.file.with_suffix(""),
                                     options.soc_version, options.precision))  # fmt: skip


_COMMANDS = {"describe": _describe, "translate": _translate, "run": _run, "atc": _atc}

if __name__ == "__main__":
    sys.exit(main())
