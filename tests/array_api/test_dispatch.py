"""Other people's libraries take our arrays and give them back, through the standard alone."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import ms_func.numpy as xp


def test_the_compatibility_layer_knows_the_namespace():
    compat = pytest.importorskip("array_api_compat")
    x = xp.ones((2, 3))
    assert compat.is_array_api_obj(x)
    assert compat.array_namespace(x, xp.zeros(2)) is xp
    assert compat.size(x) == 6
    assert compat.to_device(x, compat.device(x)).shape == (2, 3)
    with pytest.raises(TypeError, match="Multiple namespaces"):
        compat.array_namespace(x, np.ones(2))


SCIPY = """
import os; os.environ["SCIPY_ARRAY_API"] = "1"
import numpy as np, scipy.cluster.vq, scipy.fft, scipy.integrate, scipy.signal, scipy.special
import scipy.stats, scipy.ndimage
import ms_func as ms, ms_func.numpy as xp
v = np.array([0.1, 0.2, 0.3, 0.7])
x = np.array([[1.0, 2.0, 4.0], [4.0, 5.0, 7.0]])
for f in (
    scipy.special.erf, scipy.special.logsumexp, scipy.special.softmax, scipy.stats.zscore,
    scipy.stats.skew, lambda v: scipy.stats.ttest_1samp(v, 0.0).pvalue, scipy.stats.gmean,
    lambda v: scipy.stats.pearsonr(v, v * v).statistic, scipy.fft.fft, scipy.fft.rfft,
    scipy.signal.detrend, lambda v: scipy.signal.convolve(v, v), scipy.integrate.trapezoid,
    scipy.cluster.vq.whiten, lambda v: scipy.ndimage.gaussian_filter(v, 1.0),
):
    a = x if f is scipy.cluster.vq.whiten else v
    got = f(xp.asarray(a, dtype=xp.float64))
    assert type(got) is ms.Array, f
    np.testing.assert_allclose(got, f(a), rtol=1e-6, atol=1e-8)
print("done")
"""

SKLEARN = """
import os; os.environ["SCIPY_ARRAY_API"] = "1"
import numpy as np, sklearn
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import MinMaxScaler, StandardScaler
import ms_func as ms, ms_func.numpy as xp
rng = np.random.default_rng(0)
x, w = rng.standard_normal((40, 5)), rng.standard_normal(5)
y, c = x @ w, (x @ w > 0).astype(np.int32)
sklearn.set_config(array_api_dispatch=True)
def ours(a): return xp.asarray(a, dtype=getattr(xp, a.dtype.name))
for f in (
    lambda x, y, c: abs(PCA(2, svd_solver="full").fit_transform(x)),
    lambda x, y, c: Ridge(solver="svd").fit(x, y).predict(x),
    lambda x, y, c: StandardScaler().fit_transform(x),
    lambda x, y, c: MinMaxScaler().fit_transform(x),
    lambda x, y, c: LinearDiscriminantAnalysis().fit(x, c).predict(x),
):
    got = f(ours(x), ours(y), ours(c))
    assert type(got) is ms.Array
    np.testing.assert_allclose(got, f(x, y, c), rtol=1e-6, atol=1e-8)
assert accuracy_score(ours(c), ours(c)) == r2_score(ours(y), ours(y)) == 1.0
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("library", "program"), [("scipy", SCIPY), ("sklearn", SKLEARN)])
def test_functions_of_other_libraries(library, program):
    """In a process of its own: SciPy reads its setting when it is imported."""
    pytest.importorskip(library)
    pytest.importorskip("array_api_compat")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          env=environment, check=False)  # fmt: skip
    assert done.stdout == "done\n", done.stderr[-2000:]
