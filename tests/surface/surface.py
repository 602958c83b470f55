"""The names and signatures of a library's public modules, as data, and what two of them differ in.

Runs in any Python: `python surface.py jax` prints the surface of the installed JAX as JSON.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import Any

DISTRIBUTIONS = (
    "bernoulli", "beta", "betabinom", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma",
    "gennorm", "geom", "gumbel_l", "gumbel_r", "laplace", "logistic", "multinomial",
    "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "t", "truncnorm", "uniform",
    "vonmises", "wrapcauchy",
)  # fmt: skip
MODULES = (
    "numpy", "numpy.linalg", "numpy.fft", "lax", "lax.linalg", "nn", "nn.initializers", "random",
    "scipy.special", "scipy.linalg", "scipy.sparse.linalg", "scipy.stats", "scipy.optimize",
    "scipy.integrate", "scipy.signal", "scipy.ndimage", "scipy.fft", "scipy.interpolate",
    "scipy.cluster.vq", "scipy.spatial.transform", "image", "tree", "tree_util",
    "ops", *(f"scipy.stats.{name}" for name in DISTRIBUTIONS),
)  # fmt: skip
_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "/", inspect.Parameter.POSITIONAL_OR_KEYWORD: "",
    inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.KEYWORD_ONLY: "k",
    inspect.Parameter.VAR_KEYWORD: "**",
}  # fmt: skip


def surface(library: str) -> dict[str, dict[str, Any]]:
    """Public names of each module; of functions, the parameters as `[name, kind, has default]`."""
    out = {}
    for name in MODULES:
        try:
            module = importlib.import_module(f"{library}.{name}")
        except ImportError:
            continue
        found = {}
        for n in dir(module):
            value = getattr(module, n, None)
            if not n.startswith("_") and not inspect.ismodule(value):
                found[n] = _parameters(value)
        out[name] = found
    return out


def _parameters(value: Any) -> Any:
    """Parameters of a function, None for everything else."""
    if not callable(value) or inspect.isclass(value):
        return None
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    listed = [p for p in signature.parameters.values() if not p.name.startswith("_")]
    return [[p.name, _KINDS[p.kind], p.default is not p.empty] for p in listed]


def differences(theirs: Any, ours: Any) -> list[str]:
    """Ways to call `theirs` that `ours` does not accept, by the parameters alone."""
    if theirs is None or ours is None:
        return []
    out = []
    named = {name for name, kind, _ in ours if kind in ("", "k")}
    takes_any = any(kind == "**" for _, kind, _ in ours)
    takes_many = any(kind == "*" for _, kind, _ in ours)
    places = [p for p in ours if p[1] in ("", "/")]
    i = 0
    for name, kind, optional in theirs:
        if kind in ("", "/"):
            if i >= len(places) and not takes_many:
                out.append(f"{name} is not taken by position {i}")
            elif kind == "" and i < len(places) and places[i][0] != name and places[i][1] == "":
                out.append(f"position {i} is {places[i][0]}, not {name}")
            if optional and i < len(places) and not places[i][2]:
                out.append(f"{name} has no default")
            i += 1
        if kind in ("", "k") and name not in named and not takes_any:
            out.append(f"{name} is not taken by name")
        if kind == "*" and not takes_many and len(places) < 2:
            out.append(f"*{name} is not taken")
    required = [n for n, kind, optional in places[i:] if not optional]
    many = any(kind == "*" for _, kind, _ in theirs)
    out.extend(f"{n} is required" for n in required if not many)
    return out


if __name__ == "__main__":
    print(json.dumps(surface(sys.argv[1]), indent=0, sort_keys=True))
