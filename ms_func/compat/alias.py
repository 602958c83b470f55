"""`as_jax()`: code that says `import jax` gets this library.

An import hook answers for `jax` and its public sub-modules with modules of our own. Each holds
the public names of the `ms_func` module of the same path and, on top, those of the module of
that path in `ms_func.compat.jax`. Modules of a real jax, and of libraries that were imported on
top of it, step aside while a block runs and come back after it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution
from threading import RLock
from types import ModuleType, TracebackType
from typing import Any

from ms_func import config, runtime

__all__ = ["as_jax"]

_OWN, _EXTRA = "ms_func", "ms_func.compat.jax"
_NAMES = """
ad_checkpoint api_util cloud_tpu_init core custom_batching custom_derivatives debug distributed
dlpack dtypes errors example_libraries example_libraries.optimizers example_libraries.stax
experimental experimental.array_serialization experimental.array_serialization.serialization
experimental.checkify experimental.colocated_python experimental.colocated_python.func
experimental.colocated_python.serialization experimental.compilation_cache
experimental.compilation_cache.compilation_cache experimental.compute_on
experimental.custom_partitioning experimental.hijax experimental.jet experimental.key_reuse
experimental.layout experimental.mesh_utils experimental.multihost_utils experimental.ode
experimental.pallas experimental.pallas.ops experimental.pallas.ops.tpu
experimental.pallas.ops.tpu.splash_attention
experimental.pallas.ops.tpu.splash_attention.splash_attention_kernel
experimental.pallas.ops.tpu.splash_attention.splash_attention_mask experimental.pallas.tpu
experimental.pallas.triton
experimental.pjit experimental.random experimental.rnn experimental.scheduling_groups
experimental.serialize_executable experimental.shard_alike experimental.shard_map
experimental.sparse experimental.sparse.ad experimental.sparse.api experimental.sparse.bcoo
experimental.sparse.bcsr experimental.sparse.coo experimental.sparse.csr experimental.sparse.linalg
experimental.sparse.random experimental.sparse.transform experimental.sparse.util
experimental.topologies experimental.xla_metadata export extend extend.backend extend.core
extend.core.primitives extend.ifrt_programs extend.linear_util extend.random
extend.source_info_util ffi flatten_util image interpreters interpreters.ad interpreters.batching
interpreters.mlir
interpreters.partial_eval interpreters.pxla interpreters.xla lax lax.linalg lib monitoring nn
nn.initializers numpy numpy.fft numpy.linalg ops profiler random ref scipy scipy.cluster
scipy.cluster.vq scipy.fft scipy.integrate scipy.interpolate scipy.linalg scipy.ndimage
scipy.optimize scipy.signal scipy.sparse scipy.sparse.linalg scipy.spatial scipy.spatial.transform
scipy.special scipy.stats scipy.stats.bernoulli scipy.stats.beta scipy.stats.betabinom
scipy.stats.binom scipy.stats.cauchy scipy.stats.chi2 scipy.stats.dirichlet scipy.stats.expon
scipy.stats.gamma scipy.stats.gennorm scipy.stats.geom scipy.stats.gumbel_l scipy.stats.gumbel_r
scipy.stats.laplace scipy.stats.logistic scipy.stats.multinomial scipy.stats.multivariate_normal
scipy.stats.nbinom scipy.stats.norm scipy.stats.pareto scipy.stats.poisson scipy.stats.t
scipy.stats.truncnorm scipy.stats.uniform scipy.stats.vonmises scipy.stats.wrapcauchy sharding
stages test_util tree tree_util typing version
"""
_MODULES = frozenset(_NAMES.split())
"""Public modules of JAX, below `jax`."""
_children: dict[str, set[str]] = {}
for _path in _MODULES:
    _children.setdefault(_path.rpartition(".")[0], set()).add(_path.rpartition(".")[2])


_PRIVATE_PACKAGES = frozenset((
    "_src", "_src.debugger", "_src.export", "_src.image", "_src.interpreters", "_src.lax",
    "_src.lax.control_flow", "_src.lib", "_src.lib.mlir", "_src.lib.mlir.dialects", "_src.nn",
    "_src.numpy", "_src.ops", "_src.pallas", "_src.random", "_src.scipy", "_src.state",
    "_src.third_party",
))  # fmt: skip


def _is_package(path: str) -> bool:
    """Whether modules may stand below; not below a private module, whose names are none."""
    return not path.startswith("_src.") or path in _PRIVATE_PACKAGES


class AliasModule(ModuleType):
    """A module of the name `jax...`: names of ours, and sub-modules made when asked for."""

    def __init__(self, path: str, sources: list[ModuleType]) -> None:
        super().__init__(_full(path), sources[0].__doc__)
        if _is_package(path):
            self.__path__ = []
        self._alias_path = path
        self._alias_sources = sources
        for source in reversed(sources):
            self.__dict__.update(_public(source))
        for child in () if path else _children[""]:  # `jax.export` is a module, and no function
            self.__dict__.pop(child, None)

    def __getattr__(self, name: str) -> Any:
        if name in _children.get(self._alias_path, ()):
            found = module(f"{self._alias_path}.{name}".lstrip("."))
            if found is not None:
                setattr(self, name, found)
                return found
        if name == "__all__":  # of `from ... import *`
            return [n for n in dir(self) if not n.startswith("_")]
        if self._alias_path == "" and name == "_src":
            return module("_src")
        if self._alias_path == "_src" and _stands_for(f"_src.{name}"):
            return module(_public_path(f"_src.{name}"))
        for source in self._alias_sources:
            if name.startswith("__") or (name[0] == "_" and not _extra(source)):
                continue  # ours, and none of JAX
            found = getattr(source, name, _MISSING)
            if found is not _MISSING and not isinstance(found, ModuleType):
                return found
        why = "" if not self.__name__.startswith("jax._src") else _PRIVATE
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}{why}")

    def __reduce__(self) -> Any:
        return importlib.import_module, (self.__name__,)

    def __dir__(self) -> list[str]:
        hidden = {"_alias_path", "_alias_sources"}
        listing = [s for s in self._alias_sources if "__dir__" in vars(s)]  # of names made later
        late = {n for s in listing for n in dir(s) if hasattr(self, n)}
        return sorted((set(self.__dict__) | _children.get(self._alias_path, set()) | late) - hidden)


def _stands_for(path: str) -> bool:
    """Whether something of ours stands behind a private module."""
    return _public_path(path) != path or _source(f"{_EXTRA}.{path}") is not None


def _extra(source: ModuleType) -> bool:
    """Whether a module was written for the alias, so that its private names are those of JAX."""
    return source.__name__.startswith(_EXTRA)


_MISSING = object()
_PRIVATE = (
    ": it is private to JAX, and ms_func.as_jax() gives public names only\n"
    "fix: use the public name, or a version of the library that does"
)


def _full(path: str) -> str:
    return f"jax.{path}" if path else "jax"


def _public(source: ModuleType) -> dict[str, Any]:
    """Names a module offers: those of its `__all__`, else all without underscore; no modules."""
    names = getattr(source, "__all__", None)
    if names is None:
        names = [n for n, x in vars(source).items() if n[0] != "_" and not _is_tool(n, x)]
    found = {n: vars(source)[n] for n in names if n in vars(source)}  # the others when asked for
    found.update((n, x) for n, x in vars(source).items() if n.startswith("__version"))
    return {n: x for n, x in found.items() if not isinstance(x, ModuleType)}


_TOOLS = frozenset(("__future__", "collections.abc", "contextlib", "types", "typing"))


def _is_tool(name: str, x: Any) -> bool:
    """Whether a module imported an object to be written with it, such as `Any`."""
    return getattr(x, "__module__", "") in _TOOLS and getattr(x, "__name__", name) == name


_made: dict[str, AliasModule | None] = {}
_lock = RLock()


def module(path: str) -> AliasModule | None:
    """The stand-in for `jax.<path>`, made once; None if nothing of ours stands behind it."""
    with _lock:
        if path not in _made:
            if path.partition(".")[0] == "_src":
                private = _source(f"{_EXTRA}.{path}") or ModuleType(_full(path))
                _made[path] = AliasModule(path, [private])
                return _made[path]
            sources = [_source(f"{root}.{path}".rstrip(".")) for root in (_EXTRA, _OWN)]
            there = [s for s in sources if s is not None]
            _made[path] = AliasModule(path, there) if there and (there[0] is sources[0] or path
                          in _MODULES) else None  # fmt: skip
        return _made[path]


def _source(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        parent, _, last = name.rpartition(".")  # `scipy.stats.norm` may be an object, not a file
        holder = sys.modules.get(parent)
        found = getattr(holder, last, None)
        return found if isinstance(found, ModuleType) else None


class _Metadata(Distribution):
    """The distribution `jax`, of the version whose names are given."""

    def read_text(self, filename: str) -> str | None:
        """The one file that there is."""
        if filename != "METADATA":
            return None
        version = importlib.import_module(f"{_EXTRA}.version").__version__
        return f"Metadata-Version: 2.1\nName: jax\nVersion: {version}\n"

    def locate_file(self, path: Any) -> Any:
        """No file of it exists."""
        return path


class _Hook(MetaPathFinder, Loader):
    """Finder and loader of `jax` and `jax.*`; it stands first on `sys.meta_path`."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "jax" and not fullname.startswith("jax."):
            return None
        inner = _public_path(fullname[4:])
        known = inner in _MODULES or inner.partition(".")[0] in ("", "_src")
        found = module(inner) if known else None
        if found is None:
            raise ModuleNotFoundError(_why(fullname), name=fullname)
        return ModuleSpec(fullname, self, is_package=_is_package(inner))

    def find_distributions(self, context: Any = None) -> Iterable[Distribution]:
        """What `importlib.metadata` is to know of jax: libraries ask for its version."""
        return [_Metadata()] if getattr(context, "name", None) == "jax" else []

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return module(_public_path(spec.name[4:]))

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the module was filled when it was made."""


def _public_path(path: str) -> str:
    """A path as it is; of a private module named like a public one, the path of the public one.

    Other private modules are there but empty: many libraries import one for a single use.
    """
    inner = path.removeprefix("_src.")
    return inner if inner in _MODULES and module(inner) is not None else path


def _why(name: str) -> str:
    return (
        f"No module named {name!r} under ms_func.as_jax()\n"
        "fix: docs/as_jax.md lists what the alias covers"
    )


# --- two worlds of modules -------------------------------------------------------------------


def _is_jax(name: str) -> bool:
    return name == "jax" or name.startswith("jax.")


def _stands_on(package: str, own: bool) -> bool:
    """Whether a module of a package holds a module or an object of the alias, or of a real jax."""
    for name, mod in list(sys.modules.items()):
        if name.partition(".")[0] != package or mod is None:
            continue
        for value in list(getattr(mod, "__dict__", {}).values()):
            made = isinstance(value, AliasModule) or _of_ours(value)
            if own and made:
                return True
            if not own and not made and _of_jax(value):
                return True
    return False


def _origin(value: Any) -> str:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return name if isinstance(name, str) else ""


def _of_jax(value: Any) -> bool:
    try:
        return _is_jax(_origin(value))
    except Exception:  # an object of another library may refuse to be asked
        return False


def _of_ours(value: Any) -> bool:
    try:
        return _origin(value).partition(".")[0] == _OWN
    except Exception:
        return False


def _take(packages: set[str]) -> dict[str, ModuleType]:
    """Take all modules of some packages out of `sys.modules`."""
    names = [n for n in sys.modules if n.partition(".")[0] in packages]
    return {n: sys.modules.pop(n) for n in names}


_KEPT = frozenset(("ms_func", "ms_func_xla", "ms_func_ascend", "jaxlib", "numpy", "ml_dtypes"))


class _World:
    """What `sys.modules` holds of the alias and of those who use it, and of a real jax."""

    def __init__(self) -> None:
        self.depth = 0
        self.hook = _Hook()
        self.outside: dict[str, ModuleType] = {}
        self.inside: dict[str, ModuleType] = {}
        self.before: set[str] = set()
        self.width: bool | None = None
        self.convert: Any = None

    def enter(self, convert: bool) -> None:
        with _lock:
            self.depth += 1
            if self.depth > 1:
                return
            self.outside = _take({"jax"} | self._users(own=False))
            self.before = {n.partition(".")[0] for n in sys.modules}
            for name, mod in self.inside.items():
                sys.modules.setdefault(name, mod)
            sys.meta_path.insert(0, self.hook)
            self.width, self.convert = config.x64.value, config.convert.value
            config.x64.set(_jax_x64)
            if not convert:
                config.convert.set(False)

    def leave(self) -> None:
        global _jax_x64
        with _lock:
            self.depth -= 1
            if self.depth:
                return
            _jax_x64 = bool(config.x64.value)
            config.x64.set(self.width)
            config.convert.set(self.convert)
            sys.meta_path.remove(self.hook)
            self.inside = _take({"jax"})
            if self.outside or runtime.jax.installed():
                self.inside |= _take(self._users(own=True))
            sys.modules.update(self.outside)
            self.outside = {}

    def _users(self, own: bool) -> set[str]:
        """Packages that were imported on top of the alias, or of a real jax."""
        if not own and "jax" not in sys.modules:
            return set()
        packages = {n.partition(".")[0] for n in sys.modules} - _KEPT - {"jax", "__main__"}
        if own:
            packages -= self.before
        return {p for p in packages if _stands_on(p, own)}


_world = _World()
_jax_x64 = False
"""`jax_enable_x64` of the alias, kept from one block to the next."""


class as_jax(AbstractContextManager[ModuleType]):
    """Under this, `import jax` gives ms_func: its names, with JAX's 64-bit switch.

    A context manager; `with as_jax() as jax:` also gives the module. `install()` does the same
    for the rest of the process. It is process-wide, like `sys.modules`. Inside, 64-bit dtypes
    are narrowed as by JAX until `jax.config.update("jax_enable_x64", True)`.

    Libraries imported inside keep what they imported when the block ends. Functions that they
    define run with 64-bit dtypes narrowed only inside a block, so call them inside.

    Args:
        convert: whether Python's own control flow works on traced values, as elsewhere in
            ms_func. By default it is the error that it is in JAX.

    Raises:
        ModuleNotFoundError: inside, on importing a module of JAX that nothing here stands for.
        AttributeError: inside, on using a name that is private to JAX.

    Example:
        >>> with as_jax():
        ...     import jax
        ...     import jax.numpy as jnp
        ...     print(jax.grad(lambda x: jnp.sin(x))(0.0))
        1.0
    """

    def __init__(self, *, convert: bool = False) -> None:
        self.convert = convert

    def __enter__(self) -> ModuleType:
        _world.enter(self.convert)
        try:
            return importlib.import_module("jax")
        except BaseException:  # what was half entered would change code outside of the block
            _world.leave()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        _world.leave()

    def install(self) -> ModuleType:
        """Enter for the rest of the process, or until `uninstall`; returns the module `jax`."""
        return self.__enter__()

    def uninstall(self) -> None:
        """Leave what `install` entered."""
        _world.leave()
