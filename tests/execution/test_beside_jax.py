"""A JAX in the same process: here a package that sets what JAX sets when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CONFIG = """
from jaxlib._jax import config, jax_jit

class State:
    value = False
    holder = config.Config("jax_enable_x64", False, include_in_jit_key=True)

enable_x64 = State()
jax_jit.set_enable_x64_state(State.holder)
jax_jit.set_disable_jit_state(config.Config("jax_disable_jit", False))
jax_jit.set_post_hook_state(config.Config("jax_post_hook", None))
"""
PROGRAM = """
import numpy

def look(ms, np):
    wide = numpy.arange(3.0)
    f = ms.jit(lambda x: x * 2)
    g = ms.jit(lambda x, c: x * c)
    for _ in range(3):
        assert f(wide).dtype == "float64" and f(wide.astype("f")).dtype == "float32"
        assert f(numpy.arange(3)).dtype == "int64" and f(numpy.int64(2 ** 40)) == 2 ** 41
        assert g(np.ones(3, "f"), 0.5).tolist() == [0.5] * 3 and g(wide, 0.1)[1] == 0.1
        assert (np.ones(3) + 1).tolist() == [2, 2, 2] and (np.ones(3) * 0.5).dtype == "float32"
        assert (np.asarray(wide) * 0.1)[1] == 0.1 and np.add(wide, wide).dtype == "float64"
        assert np.sum(wide.astype("f")).dtype == "float32" and np.sum(wide).dtype == "float64"
        assert np.asarray(numpy.int64(2 ** 40)) == 2 ** 40

{first}
{then}
look(ms, np)
"""
OURS = "import ms_func as ms, ms_func.numpy as np; look(ms, np)"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "jax" / "_src").mkdir(parents=True)
    (tmp_path / "jax" / "__init__.py").write_text("from jax._src import config")
    (tmp_path / "jax" / "_src" / "__init__.py").touch()
    (tmp_path / "jax" / "_src" / "config.py").write_text(CONFIG)

    def ended(code):
        path = os.pathsep.join([str(tmp_path), *sys.path])
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": path}, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr

    return ended


@pytest.mark.parametrize(("first", "then"), [(OURS, "import jax"), ("import jax", OURS)])
def test_its_settings_do_not_narrow_our_arrays(run, first, then):
    run(PROGRAM.format(first=first, then=then))


@pytest.mark.parametrize("imported_first", [True, False])
def test_its_settings_stay_its_own(run, imported_first):
    lines = ["import jax", "import ms_func.numpy as np; np.ones(3) + 1"]
    seen = (
        "from jaxlib import xla_client; import numpy; x = np.ones(3).buffer; "
        "b = xla_client.batched_device_put("
        "x.aval, x._sharding, [numpy.arange(3.0)], [*x._sharding.device_set]); "
        "assert b.on_device_size_in_bytes() == 12"
    )
    run("\n".join([*(lines if imported_first else lines[::-1]), seen]))


def test_the_runtime_does_not_import_it(run):
    run(
        "import sys, numpy, ms_func as ms, ms_func.numpy as np\n"
        "assert numpy.asarray(np.ones(3, 'bfloat16')).sum() == 3\n"
        "assert np.from_dlpack(numpy.ones(3)).sum() == 3\n"
        "assert 'jax' not in sys.modules\n"
        "import jax"
    )
