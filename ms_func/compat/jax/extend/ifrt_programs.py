"""`jax.extend.ifrt_programs`: the runtime's classes of programs."""

from types import SimpleNamespace as _Namespace

from ms_func.runtime import extension as _extension

ifrt_programs = _Namespace(**vars(_extension.ifrt_programs))

__all__ = ["ifrt_programs"]
