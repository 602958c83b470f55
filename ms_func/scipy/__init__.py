"""Functions under the names of SciPy; a submodule is imported when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ms_func.scipy import cluster as cluster
    from ms_func.scipy import fft as fft
    from ms_func.scipy import integrate as integrate
    from ms_func.scipy import interpolate as interpolate
    from ms_func.scipy import linalg as linalg
    from ms_func.scipy import ndimage as ndimage
    from ms_func.scipy import optimize as optimize
    from ms_func.scipy import signal as signal
    from ms_func.scipy import sparse as sparse
    from ms_func.scipy import spatial as spatial
    from ms_func.scipy import special as special
    from ms_func.scipy import stats as stats

__all__ = [
    "cluster", "fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal",
    "sparse", "spatial", "special", "stats",
]  # fmt: skip
__dir__ = __all__.copy


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
