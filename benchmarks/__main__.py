"""`python -m benchmarks`: run the figures and print one table (README.md tells more)."""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.cases import CASES
from benchmarks.compare import Side, compare, versions
from benchmarks.table import growth, header, markdown, row


def arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", help="names of cases, or beginnings; default: all")
    parser.add_argument(
        "--peer", metavar="PYTHON", help="Python interpreter that has JAX installed"
    )
    parser.add_argument(
        "--peer-library",
        default="jax",
        choices=["jax", "ms_func"],
        help="what runs in the peer; ms_func shows the noise of the comparison itself",
    )
    parser.add_argument("--blocks", type=int, default=11, help="blocks timed on each side")
    parser.add_argument(
        "--platform", default="cpu", choices=["cpu", "cuda"],
        help="where both sides run; on cuda the clock's time is taken",
    )  # fmt: skip
    parser.add_argument("--core", type=int, default=0, help="core that both sides run on")
    parser.add_argument("--json", metavar="FILE", help="also write one JSON line for each row")
    parser.add_argument("--markdown", metavar="FILE", help="also write the table for a document")
    return parser.parse_args()


def main() -> int:
    """Run the chosen cases; the exit status tells whether every `must` holds."""
    options = arguments()
    chosen = [
        c for c in CASES if not options.cases or any(c.name.startswith(n) for n in options.cases)
    ]
    if not chosen:
        print(f"no such case; there are {', '.join(c.name for c in CASES)}", file=sys.stderr)
        return 2
    sides = [Side("ms_func", sys.executable, options.core, options.platform)]
    if options.peer:
        sides.append(Side(options.peer_library, options.peer, options.core, options.platform))
    print(versions(sides))
    print(header())
    results = []
    try:
        for case in chosen:
            result = compare(case, sides, options.blocks)
            results.append(result)
            print(row(result), flush=True)
    finally:
        for side in sides:
            side.close()
    print(growth(results))
    command = "python -m benchmarks NAME --peer PYTHON"
    clock = "CPU" if options.platform == "cpu" else "Wall-clock"
    print(f"\n{clock} time of one call on one core; ratio of medians. One row alone: {command}")
    if options.json:
        with open(options.json, "w") as file:
            file.writelines(json.dumps(r.as_dict()) + "\n" for r in results)
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(markdown(results) + "\n")
    return int(any(r.verdict.startswith("MISSED") for r in results))


if __name__ == "__main__":
    sys.exit(main())
