"""Taylor mode under the field's name; no code of its own."""

from ms_func.api.jet import jet as jet

__all__ = ["jet"]
__dir__ = __all__.copy
