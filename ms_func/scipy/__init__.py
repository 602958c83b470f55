"""Functions under the names of SciPy; a submodule is imported when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ms_func.scipy import linalg as linalg
    from ms_func.scipy import optimize as optimize
    from ms_func.scipy import sparse as sparse
    from ms_func.scipy import special as special
    from ms_func.scipy import stats as stats

_SUBMODULES = frozenset({"linalg", "optimize", "sparse", "special", "stats"})


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_SUBMODULES)
