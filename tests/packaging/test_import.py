"""What `import ms_func` pulls in, in a fresh process."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import ms_func
from ms_func.execution.operators import ArrayOperators
from ms_func.numpy import array_methods
from ms_func.tracing.tracer import Tracer


def fresh(code: str) -> str:
    """Output of `code` in a new interpreter that treats warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_tracebacks_of_arrays_are_there_for_jax_alone(tmp_path: Path) -> None:
    """The runtime notes them at a cost in every call; jax reads them, before us or after us."""
    Path(tmp_path, "jax.py").write_text("")
    state = "print(_jax.tracebacks_enabled())"
    first = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from jaxlib import _jax; "
    assert fresh(f"{first} import ms_func; {state}; import jax; {state}") == "False\nTrue"
    assert fresh(f"{first} import jax, ms_func; {state}") == "True"


def test_import_brings_no_heavy_package() -> None:
    loaded = fresh("import sys, ms_func; print(*sys.modules)").split()
    heavy = {"scipy", "jax", "matplotlib", "sklearn", "pandas", "torch", "IPython", "tqdm"}
    assert "numpy" in loaded
    assert heavy & {name.partition(".")[0] for name in loaded} == set()


def test_the_converter_is_imported_when_a_function_is_recorded() -> None:
    code = (
        "import sys, ms_func as ms; x = ms.numpy.ones(3); x + 1, x[1:], ms.numpy.median(x); "
        "print('ms_func.source' in sys.modules, ms.grad(lambda x: x if x > 0 else -x)(-1.0), "
        "'ms_func.source' in sys.modules)"
    )
    assert fresh(code) == "False -1.0 True"


def test_import_makes_no_device() -> None:
    """The number of devices can still be chosen, which ends when the first one is made."""
    code = (
        "import ms_func as ms; ms.config.update('num_cpu_devices', 3); "
        "ms.config.update('platform', 'cpu'); print(len(ms.devices()))"
    )
    assert fresh(code) == "3"


def test_device_count_from_environment_and_xla_flags() -> None:
    code = (
        "import os; os.environ.pop('MS_FUNC_NUM_CPU_DEVICES', None); "
        "os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=5'; "
        "import ms_func as ms; print(len(ms.devices('cpu')))"
    )
    assert fresh(code) == "5"


def test_version_is_that_of_the_distribution() -> None:
    assert ms_func.__version__ == version("ms_func")


@pytest.mark.parametrize("name", ["numpy"])
def test_listed_names_exist(name: str) -> None:
    module = importlib.import_module(f"ms_func.{name}")
    assert module.__all__
    assert [n for n in module.__all__ if not hasattr(module, n)] == []


def test_type_checkers_are_told_what_is_attached() -> None:
    """The operators and methods that exist, and no others."""
    told = {name for name in vars(ArrayOperators) if hasattr(Tracer, name)}
    assert (
        set(array_methods.table())
        - {"__array_priority__", "__copy__", "__deepcopy__", "nbytes", "itemsize", "flat"}
        <= told
    )
    extra = {n for n in vars(ArrayOperators) if not hasattr(ms_func.Array, n)}
    assert extra == set()


def test_no_slot_hides_a_method() -> None:
    attached = set(array_methods.table())
    assert attached.isdisjoint(Tracer.__slots__)
    assert attached.isdisjoint(ms_func.Array.__slots__)
