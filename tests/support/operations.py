"""All public operations under one name."""

from types import SimpleNamespace

from ms_func.primitives import arithmetic, compare, elementwise, pieces, reduce, shape

lax = SimpleNamespace()
for module in (arithmetic, compare, elementwise, pieces, reduce, shape):
    vars(lax).update({k: v for k, v in vars(module).items() if not k.startswith("_")})
