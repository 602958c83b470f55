"""Count which names of JAX the alias lacks.

    python -m tests.surface.alias_names NAMES.txt

NAMES.txt has one dotted name a line, such as `jax.numpy.add`; what follows it on the line does
not count, nor do lines that start with `#`. Prints the missing names by module and the total.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections import defaultdict
from pathlib import Path

from ms_func import as_jax


def present(name: str) -> bool:
    """Whether a dotted name leads to something, by modules first and attributes then."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def main() -> None:
    """Print the table."""
    lines = Path(sys.argv[1]).read_text().splitlines()
    names = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    missing: dict[str, list[str]] = defaultdict(list)
    with as_jax(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            if not present(name):
                module, _, last = name.rpartition(".")
                missing[module].append(last)
    for module, lacking in sorted(missing.items()):
        print(f"{module}: {' '.join(lacking)}")
    lost = sum(map(len, missing.values()))
    print(f"{len(names) - lost} of {len(names)} names present, {lost} missing")


if __name__ == "__main__":
    main()
