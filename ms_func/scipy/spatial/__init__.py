"""`scipy.spatial`: rotations."""

from ms_func.scipy.spatial import transform as transform

__all__ = ["transform"]
__dir__ = __all__.copy
