"""Print what of a peer's public names and signatures is missing or differs here.

    python -m tests.surface --peer /path/to/a/python/with/jax [--record]

`--record` writes the peer's names to `names.json`, which `test_surface.py` checks without it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.surface.surface import MODULES, differences, surface

HERE = Path(__file__).parent


def main() -> None:
    """Compare with the peer, or with the recorded names where none is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="a Python in which jax is installed")
    parser.add_argument("--record", action="store_true", help="write names.json")
    options = parser.parse_args()
    theirs = peer(options.peer) if options.peer else json.loads((HERE / "names.json").read_text())
    if options.record:
        (HERE / "names.json").write_text(compact(theirs))
    ours = surface("ms_func")
    for module in MODULES:
        report(module, theirs[module], ours.get(module, {}))


def peer(python: str) -> dict[str, Any]:
    """Surface of the peer's JAX."""
    script = str(HERE / "surface.py")
    done = subprocess.run([python, "-W", "ignore", script, "jax"], capture_output=True, check=True,
                          env={"JAX_PLATFORMS": "cpu", "PATH": "/usr/bin:/bin"})  # fmt: skip
    return json.loads(done.stdout)


def compact(names: dict[str, Any]) -> str:
    """JSON with one name on a line."""
    blocks = []
    for module, found in names.items():
        rows = ",\n".join(f"    {json.dumps(n)}: {json.dumps(p)}" for n, p in sorted(found.items()))
        blocks.append(f"  {json.dumps(module)}: {{\n{rows}\n  }}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def report(module: str, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Print one module."""
    missing = sorted(n for n in theirs if n not in ours)
    share = 100 * (1 - len(missing) / len(theirs))
    sys.stdout.write(f"{module}: {len(theirs) - len(missing)} of {len(theirs)} ({share:.0f} %)\n")
    if missing:
        sys.stdout.write(f"  missing: {' '.join(missing)}\n")
    for name in sorted(set(theirs) & set(ours)):
        for text in differences(theirs[name], ours[name]):
            sys.stdout.write(f"  {name}: {text}\n")


if __name__ == "__main__":
    main()
