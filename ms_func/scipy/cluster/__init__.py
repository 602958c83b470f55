"""`scipy.cluster`: vector quantisation."""

from ms_func.scipy.cluster import vq as vq

__all__ = ["vq"]
__dir__ = __all__.copy
