"""All public operations under one name."""

from types import SimpleNamespace

from ms_func.primitives import (
    arithmetic,
    bits,
    compare,
    dot,
    elementwise,
    pieces,
    reduce,
    shape,
    slicing,
)

lax = SimpleNamespace()
for module in (arithmetic, bits, compare, dot, elementwise, pieces, reduce, shape, slicing):
    vars(lax).update({k: v for k, v in vars(module).items() if not k.startswith("_")})
