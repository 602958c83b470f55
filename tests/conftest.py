"""Settings that must be in force before `ms_func` makes its first device."""

from __future__ import annotations

import os

# Eight virtual devices, so that sharding is tested on any machine; the CPU also where a GPU is.
os.environ.setdefault("MS_FUNC_NUM_CPU_DEVICES", "8")
os.environ.setdefault("MS_FUNC_PLATFORM", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ms_func_xla import client

# The same examples in every run: a failure is found again. No deadline: machines differ.
settings.register_profile(
    "ms_func",
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("ms_func")


OF_MEANING = frozenset((
    "array_api", "ascend", "bad_input", "collectives", "compat", "control_flow", "docs", "effects",
    "extension", "laws", "nn", "ode", "optim", "parallel", "refs", "scipy", "source", "sparse",
    "transforms",
))  # fmt: skip
OF_NUMBERS = frozenset(("test_accuracy.py", "test_special.py"))
"""Folders of tests of what programs mean, and files in them about the last digits of functions.

LLVM need not optimise what XLA has made of the former, which saves a third of their time; the
numbers of functions are tested as users get them.
"""


@pytest.fixture(autouse=True, scope="module")
def machine_code(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compile quickly where numbers are not the matter, unless MS_FUNC_TEST_OPTIMIZED is set."""
    parts = request.path.relative_to(Path(__file__).parent).parts
    quick = parts[0] in OF_MEANING and parts[-1] not in OF_NUMBERS
    if not quick or os.environ.get("MS_FUNC_TEST_OPTIMIZED"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_xla_options", _quickly)
        yield


_options = client._xla_options


def _quickly(devices: Any, options: Any) -> Any:
    made = _options(devices, options)
    kept = dict(made.env_option_overrides)
    made.env_option_overrides = [*{"xla_backend_optimization_level": 0, **kept}.items()]
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Tests of one file run in one process (`pytest -n`), where they share compiled programs."""
    option = config.option
    if getattr(option, "numprocesses", None) and option.dist == "no":
        option.dist = "worksteal"
