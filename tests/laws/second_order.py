"""How each public function outside `ms_func.numpy` is differentiated, or why it is not.

`test_second_order.py` checks that no public name is missing, and that each smooth function has the
derivatives of finite differences to second order, in both modes.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import ms_func as ms
import ms_func.numpy as jnp
from ms_func import lax

DISTRIBUTIONS = (
    "bernoulli", "beta", "betabinom", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma",
    "gennorm", "geom", "gumbel_l", "gumbel_r", "laplace", "logistic", "multinomial",
    "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "t", "truncnorm", "uniform",
    "vonmises", "wrapcauchy",
)  # fmt: skip
MODULES = (
    "lax", "lax.linalg", "nn", "scipy.special", "scipy.linalg", "scipy.stats", "scipy.signal",
    "scipy.ndimage", "scipy.fft", "scipy.integrate", "scipy.interpolate", "scipy.optimize",
    "image", *(f"scipy.stats.{name}" for name in DISTRIBUTIONS),
)  # fmt: skip
Case = tuple[Callable[..., Any], tuple[np.ndarray, ...]]
SMOOTH: dict[str, Case] = {}
"""By full name: a function of arrays that applies the named one, and the arrays."""


def public(module: str) -> set[str]:
    """Full names of the functions of a module, its primitives aside."""
    found = importlib.import_module(f"ms_func.{module}")
    if ".stats." in module:
        names = {n for n, x in vars(found).items()
                 if getattr(x, "__module__", "") == found.__name__}  # fmt: skip
    else:
        names = set(getattr(found, "__all__", dir(found)))
    return {
        f"{module}.{n}"
        for n in names
        if inspect.isroutine(getattr(found, n)) or hasattr(getattr(found, n), "__wrapped__")
        if not n.startswith("_")
    }


def of(name: str) -> Any:
    """The function of a full name."""
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(f"ms_func.{module}"), last)


def draw(*shape: int, low: float = -0.9, high: float = 0.9, seed: int = 0) -> np.ndarray:
    """Numbers between two bounds, well apart from 0 and from each other."""
    n = int(np.prod(shape))
    order = np.random.default_rng(seed + n).permutation(n)
    return (low + (high - low) * (order + 0.4) / max(n, 1)).reshape(shape)


def _add(names: str, *arrays: np.ndarray, call: Any = None, **options: Any) -> None:
    """Enter functions of one module: `call(f, *arrays)`, else `f(*arrays, **options)`."""
    module, _, lasts = names.partition(": ")
    for last in lasts.split():
        name = f"{module}.{last}"

        def run(*xs: Any, _name: str = name) -> Any:
            return call(of(_name), *xs) if call else of(_name)(*xs, **options)

        SMOOTH[name] = run, arrays


X, Y, UNIT = draw(2, 3), draw(2, 3, low=-0.8, seed=1), draw(2, 3, low=0.15, high=0.85)
BIG, V, W = draw(2, 3, low=1.2, high=3.0), draw(3), draw(3, seed=2)
SQUARE = draw(3, 3, seed=3)
SPD = SQUARE @ SQUARE.T + 2 * np.eye(3)
REGULAR = SQUARE + 2 * np.eye(3)
ROWS = np.array([[0], [2]])

# --- lax --------------------------------------------------------------------------------------

_add("lax: abs acos asin asinh atan atanh bessel_i0e bessel_i1e cbrt conj cos cosh erf erf_inv "
     "erfc exp exp2 expm1 logistic neg sin sinh square tan tanh sign ceil floor "
     "round", X)  # fmt: skip
_add("lax: real", X, Y, call=lambda f, x, y: f(lax.complex(x, y) ** 2))
_add("lax: imag", X, Y, call=lambda f, x, y: f(lax.complex(x, y) ** 2))
_add("lax: complex", X, Y, call=lambda f, x, y: lax.real(f(x, y) ** 3))
_add("lax: acosh digamma lgamma log log1p reciprocal rsqrt sqrt", BIG)
_add("lax: add atan2 max min mul sub", X, Y)
_add("lax: div", X, BIG)
_add("lax: rem", X, BIG)
_add("lax: pow", UNIT, Y)
_add("lax: integer_pow", X, call=lambda f, x: f(x, 3))
_add("lax: polygamma", BIG, call=lambda f, x: f(np.float64(1), x))
_add("lax: zeta", BIG, call=lambda f, x: f(np.full((2, 3), 2.5), x))
_add("lax: betainc", UNIT, call=lambda f, x: f(np.full((2, 3), 1.5), np.full((2, 3), 2.5), x))
_add("lax: igamma igammac", BIG, call=lambda f, x: f(np.full((2, 3), 1.5), x))
_add("lax: clamp", X, call=lambda f, x: f(-0.5, x, 0.5))
_add("lax: select", X, Y, call=lambda f, x, y: f(np.eye(2, 3, dtype=bool), x, y))
_add("lax: select_n", X, Y, call=lambda f, x, y: f(np.eye(2, 3, dtype=bool), x**2, y))
_add("lax: associative_scan", X, call=lambda f, x: f(jnp.multiply, x, axis=1))
_add("lax: cumsum cumprod cummax cummin cumlogsumexp", X, axis=1)
_add("lax: batch_matmul", draw(2, 2, 3), draw(2, 3, 2, seed=1))
_add("lax: dot", X, draw(3, 2))
_add("lax: dot_general", X, Y, dimension_numbers=(((1,), (1,)), ((0,), (0,))))
_add("lax: ragged_dot", draw(4, 3), draw(2, 3, 2), call=lambda f, x, y: f(x, y, np.array([1, 3])))
_add("lax: ragged_dot_general", draw(4, 3), draw(2, 3, 2), call=lambda f, x, y: f(
    x, y, np.array([1, 3]), ms.lax.RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), [0], [0])
))  # fmt: skip
_IMAGE, _KERNEL = draw(1, 2, 4, 3), draw(2, 2, 2, 2)
_add("lax: conv conv_general_dilated", _IMAGE, _KERNEL, window_strides=(1, 1), padding="SAME")
_add("lax: conv_with_general_padding", _IMAGE, _KERNEL, window_strides=(1, 1), padding="SAME",
     lhs_dilation=(1, 1), rhs_dilation=(1, 1))  # fmt: skip
_add("lax: conv_transpose", draw(1, 3, 2), draw(2, 2, 2), strides=(2,), padding="SAME",
     dimension_numbers=("NHC", "HIO", "NHC"))  # fmt: skip
_add("lax: conv_general_dilated_local", draw(1, 2, 4), draw(2, 4, 3), window_strides=(1,),
     padding="VALID", filter_shape=(2,))  # fmt: skip
_add("lax: conv_general_dilated_patches", _IMAGE, filter_shape=(2, 2), window_strides=(1, 1),
     padding="SAME")  # fmt: skip
_add("lax: broadcast", X, sizes=(2,))
_add("lax: broadcast_in_dim", X, shape=(2, 2, 3), broadcast_dimensions=(0, 2))
_add("lax: broadcast_to_rank", X, rank=3)
_add("lax: broadcast_like", V, call=lambda f, v: f(v, np.zeros((2, 3))))
_add("lax: collapse", X, start_dimension=0)
_add("lax: concatenate stack", X, Y, call=lambda f, x, y: f([x, y * x], 1))
_add("lax: convert_element_type", X, new_dtype="float64")
_add("lax: dynamic_index_in_dim index_in_dim", X, call=lambda f, x: f(x, 1, 1))
_add("lax: dynamic_slice", X, start_indices=(1, 1), slice_sizes=(1, 2))
_add("lax: dynamic_slice_in_dim slice_in_dim", X, call=lambda f, x: f(x, 0, 1))
_add("lax: dynamic_update_index_in_dim dynamic_update_slice_in_dim", X, V, call=lambda f, x, v:
     f(x, v[None], 1, 0))  # fmt: skip
_add("lax: dynamic_update_slice", X, V, call=lambda f, x, v: f(x, v[None], (1, 0)))
_add("lax: expand_dims", X, dimensions=(1,))
_add("lax: squeeze", X[None], dimensions=(0,))
_add("lax: fft", X, call=lambda f, x: jnp.abs(f(x + 0j, "fft", (3,))) ** 2)
_add("lax: full_like", V[0], call=lambda f, v: f(np.zeros(2), v))
_add("lax: full", V[0], call=lambda f, v: f((2,), v))
_GATHER = lax.GatherDimensionNumbers((1,), (0,), (0,))
_SCATTER = lax.ScatterDimensionNumbers((1,), (0,), (0,))
_add("lax: gather", draw(3, 2), call=lambda f, x: f(x, ROWS, _GATHER, (1, 2)))
_add("lax: scatter scatter_add scatter_max scatter_min scatter_sub", draw(3, 2), draw(2, 2),
     call=lambda f, x, u: f(x, ROWS, u, _SCATTER, unique_indices=True))  # fmt: skip
_add("lax: scatter_mul", draw(3, 2), draw(2, 2), call=lambda f, x, u: f(
    x, ROWS, u, _SCATTER, unique_indices=True))  # fmt: skip
_add("lax: scatter_apply", draw(3, 2), call=lambda f, x: f(
    x, ROWS, jnp.sin, _SCATTER, update_shape=(2, 2), unique_indices=True))  # fmt: skip
_add("lax: index_take", draw(3, 2), call=lambda f, x: f(x, (np.array([0, 2]),), (0,)))
_add("lax: pad", X, V[0], call=lambda f, x, v: f(x, v, ((1, 0, 1), (0, -1, 0))))
_add("lax: reduce_max reduce_min reduce_prod reduce_sum", X, axes=(1,))
_add("lax: reduce", X, call=lambda f, x: f(x, 1.0, lax.mul, (1,)))
_add("lax: reduce_window", draw(2, 4), call=lambda f, x: f(x, 0.0, lax.add, (1, 2), (1, 1), "SAME"))
_add("lax: reduce_precision", X, exponent_bits=11, mantissa_bits=52)
_add("lax: reshape", X, new_sizes=(3, 2))
_add("lax: rev", X, dimensions=(1,))
_add("lax: slice", X, start_indices=(0, 1), limit_indices=(2, 3))
_add("lax: sort", X)
_add("lax: sort_key_val", X, Y, call=lambda f, x, y: f(x, y * x))
_add("lax: split", X, sizes=(1, 2), axis=1)
_add("lax: unstack", X)
_add("lax: tile", X, reps=(1, 2))
_add("lax: top_k approx_max_k approx_min_k", X, call=lambda f, x: f(x, 2)[0])
_add("lax: transpose", X, permutation=(1, 0))
_add("lax: optimization_barrier stage", X, call=lambda f, x: f(x**3))
_add("lax: cond", V, call=lambda f, v: f(v[0] > 9, jnp.sin, jnp.exp, v))
_add("lax: switch", V, call=lambda f, v: f(1, [jnp.sin, jnp.exp], v))
_add("lax: scan", V, call=lambda f, v: f(lambda c, x: (c * x, jnp.sin(c)), v[0], v))
_add("lax: map", V, call=lambda f, v: f(jnp.sin, v))
_add("lax: fori_loop", V, call=lambda f, v: f(0, 3, lambda i, c: jnp.sin(c) * v, v))
_add("lax: while_loop", V, call=lambda f, v: f(
    lambda c: c[0] < 3, lambda c: (c[0] + 1, jnp.sin(c[1]) * v), (0, v))[1])  # fmt: skip
_add("lax: custom_linear_solve", REGULAR, V, call=lambda f, a, v: f(
    lambda x: a @ x, v, lambda _, b: jnp.linalg.solve(a, b),
    lambda _, b: jnp.linalg.solve(a.T, b)))  # fmt: skip
_add("lax: custom_root", BIG[0], call=lambda f, v: f(
    lambda x: x * x - v, np.ones(3), lambda g, x: lax.fori_loop(
        0, 9, lambda i, x: x - g(x) / (2 * x), x),
    lambda g, y: y / g(np.ones(3))))  # fmt: skip
_add("lax: composite", X, call=lambda f, x: f(jnp.sin, "of.sine")(x))
_add("lax: platform_dependent", X, call=lambda f, x: f(x, default=jnp.sin))

# --- factorizations -----------------------------------------------------------------------------


def _sizes(outs: Any) -> Any:
    """Magnitudes: vectors are determined up to their phase."""
    return [jnp.abs(o) for o in ms.tree.leaves(outs) if jnp.issubdtype(o.dtype, jnp.inexact)]


_sym = lambda x: (x + x.T) / 2  # noqa: E731
_add("lax.linalg: cholesky", SPD)
_add("lax.linalg: eigh", SPD, call=lambda f, a: _sizes(f(_sym(a))))
_add("lax.linalg: lu", REGULAR, call=lambda f, a: f(a)[0])
_add("lax.linalg: qr", REGULAR, call=lambda f, a: f(a, full_matrices=False))
_add("lax.linalg: svd", draw(4, 3), call=lambda f, a: _sizes(f(a, full_matrices=False)))
_add("lax.linalg: symmetric_product", X, SPD[:2, :2], call=lambda f, a, c: f(
    a, _sym(c), symmetrize_output=True))  # fmt: skip
_add("lax.linalg: householder_product", draw(4, 3), V)
_add("lax.linalg: triangular_solve", REGULAR, draw(3, 2), left_side=True, lower=True)
_add("lax.linalg: tridiagonal_solve", V, W + 3, draw(3, seed=5), draw(3, 2), call=lambda f, a, b, c,
     x: f(a * np.array([0, 1, 1]), b, c * np.array([1, 1, 0]), x))  # fmt: skip

# --- nn -----------------------------------------------------------------------------------------

_add("nn: celu elu gelu hard_sigmoid hard_silu hard_swish hard_tanh identity leaky_relu "
     "log_sigmoid log_softmax logmeanexp logsumexp mish relu relu6 selu sigmoid silu soft_sign "
     "softmax softplus sparse_plus sparse_sigmoid squareplus standardize swish "
     "tanh", X)  # fmt: skip
_add("nn: log1mexp", UNIT)
_add("nn: glu", draw(2, 4))
_add("nn: layer_norm", X, V, W, call=lambda f, x, w, b: f(x, w, b))
_add("nn: rms_norm", X, V, call=lambda f, x, w: f(x, w))
_add("nn: group_norm", draw(2, 4), draw(4), call=lambda f, x, w: f(x, 2, w, w))
_add("nn: batch_norm", X, V, W, call=lambda f, x, w, b: f(x, w, b))
_POOLED = draw(1, 4, 2)
_add("nn: avg_pool max_pool min_pool", _POOLED, window_shape=(2,))
_add("nn: conv", draw(1, 4, 2), draw(2, 2, 2))
_add("nn: conv_transpose", draw(1, 3, 2), draw(2, 2, 2))
_add("nn: dot_product_attention", *(draw(1, 3, 1, 2, seed=i) for i in range(3)))

# --- scipy ----------------------------------------------------------------------------------------

_add("scipy.special: dawsn erf erfc erfcx erfinv expit fresnel i0 i0e i1 i1e log_ndtr log_softmax "
     "logsumexp ndtr softmax", X)  # fmt: skip
_add("scipy.special: wofz", X, Y, call=lambda f, x, y: (w := f(x + 1j * y)).real + w.imag)
_add("scipy.special: beta betaln boxcox boxcox1p kl_div rel_entr xlog1py xlogy poch", UNIT, BIG)
_add("scipy.special: comb", UNIT + 3, BIG)
_add("scipy.special: digamma entr exp1 expi factorial gamma gammaln loggamma spence", BIG)
_add("scipy.special: logit ndtri sici", UNIT)
_add("scipy.special: betainc", UNIT, call=lambda f, x: f(1.5, 2.5, x))
_add("scipy.special: gammainc gammaincc", BIG, call=lambda f, x: f(1.5, x))
_add("scipy.special: hyp1f1", X, call=lambda f, x: f(1.5, 2.5, x))
_add("scipy.special: hyp2f1", X / 2, call=lambda f, x: f(1.5, 0.5, 2.5, x))
_add("scipy.special: multigammaln", BIG, call=lambda f, x: f(x, 2))
_add("scipy.special: owens_t", X, Y)
_add("scipy.special: expn polygamma", BIG, call=lambda f, x: f(2, x))
_add("scipy.special: zeta", BIG, call=lambda f, x: f(2.5, x))
_add("scipy.special: bessel_jn", BIG, call=lambda f, x: f(x, v=2, n_iter=20))
_add("scipy.special: lpmn", UNIT[0], call=lambda f, x: f(3, 3, x)[0] + f(3, 3, x)[1])
_add("scipy.special: lpmn_values", UNIT[0], call=lambda f, x: f(3, 3, x, True))
_add("scipy.special: sph_harm_y", BIG[0], V, call=lambda f, t, p: (
    w := f(np.array([2]), np.array([1]), t, p, n_max=2)).real + w.imag)  # fmt: skip

_add("scipy.linalg: det inv expm cholesky", SPD)
_add("scipy.linalg: cho_factor", SPD, call=lambda f, a: jnp.triu(f(a)[0]))
_add("scipy.linalg: cho_solve", REGULAR, V, call=lambda f, a, b: f((a, True), b))
_add("scipy.linalg: lu_factor", REGULAR, call=lambda f, a: f(a)[0])
_add("scipy.linalg: lu_solve", REGULAR, V, call=lambda f, a, b: f((a, np.array([0, 2, 2])), b))
_add("scipy.linalg: lu", REGULAR, call=lambda f, a: f(a, permute_l=True))
_add("scipy.linalg: qr", REGULAR, mode="economic")
_add("scipy.linalg: qr_multiply", REGULAR, X, call=lambda f, a, c: f(a, c)[0])
_add("scipy.linalg: svd", draw(4, 3), call=lambda f, a: f(a, compute_uv=False))
_add("scipy.linalg: eigh", SPD, call=lambda f, a: _sizes(f(_sym(a))))
_add("scipy.linalg: solve solve_triangular", REGULAR, V)
_add("scipy.linalg: polar", REGULAR, method="svd")
_add("lax.linalg: qdwh", REGULAR, call=lambda f, a: f(a)[:2])
_add("scipy.linalg: sqrtm", SPD, call=lambda f, a: f(_sym(a)).real)
_add("scipy.linalg: solve_sylvester", REGULAR, SPD, SQUARE)
_add("scipy.linalg: expm_frechet", SQUARE, SPD)
_add("scipy.linalg: block_diag", X, SQUARE)
_add("scipy.linalg: toeplitz hankel", V, W)
_add("scipy.linalg: circulant fiedler", V)
_add("scipy.linalg: companion fiedler_companion", V + 2)
_add("scipy.linalg: convolution_matrix", V, n=4)
_add("scipy.linalg: leslie", V, W[:2])

_add("scipy.stats: sem", X)
_add("scipy.signal: convolve convolve2d correlate correlate2d fftconvolve", X, Y)
_add("scipy.signal: detrend", draw(6))
_add("scipy.signal: csd", draw(8), draw(8, seed=1), call=lambda f, x, y: jnp.abs(
    f(x, y, nperseg=4)[1]) ** 2)  # fmt: skip
_add("scipy.signal: welch", draw(8), call=lambda f, x: f(x, nperseg=4)[1])
_add("scipy.signal: stft", draw(8), call=lambda f, x: jnp.abs(f(x, nperseg=4)[2]) ** 2)
_add("scipy.signal: istft", draw(3, 5), call=lambda f, z: f(z + 0j, nperseg=4)[1])
_add("scipy.ndimage: map_coordinates", draw(3, 4), draw(2, 3, low=0.2, high=1.9), order=1)
_add("scipy.fft: dct idct dctn idctn", X)
_add("scipy.integrate: trapezoid", X, Y)
_add("image: resize", draw(2, 3), shape=(3, 5), method="cubic")
_add("image: scale_and_translate", draw(2, 3), V[:2] + 1.5, W[:2], call=lambda f, x, s, t: f(
    x, (3, 4), (0, 1), s, t, "linear"))  # fmt: skip

# --- distributions --------------------------------------------------------------------------------

# points, and parameters with which the density is smooth in both
_CONTINUOUS: dict[str, tuple[np.ndarray, tuple[float, ...]]] = {
    "beta": (UNIT, (1.5, 2.5)), "cauchy": (X, ()), "chi2": (BIG, (3.0,)), "expon": (BIG, ()),
    "gamma": (BIG, (1.5,)), "gennorm": (BIG, (1.5,)), "gumbel_l": (X, ()), "gumbel_r": (X, ()),
    "laplace": (X, ()), "logistic": (X, ()), "norm": (X, ()), "pareto": (BIG, (1.5,)),
    "t": (X, (3.0,)), "truncnorm": (X, (-1.0, 2.0)), "uniform": (UNIT, ()), "vonmises": (X, (1.2,)),
    "wrapcauchy": (BIG, (0.3,)),
}  # fmt: skip
_DISCRETE: dict[str, tuple[float, ...]] = {
    "bernoulli": (0.3,), "betabinom": (5.0, 1.5, 2.5), "binom": (5.0, 0.3), "geom": (0.3,),
    "nbinom": (5.0, 0.3), "poisson": (2.0,),
}  # fmt: skip
_COUNTS = np.array([1.0, 2.0, 3.0])
_add("scipy.stats.poisson: entropy", np.array([0.3, 2.0, 40.0]))
for _name, (_points, _parameters) in _CONTINUOUS.items():
    _module = f"scipy.stats.{_name}"
    for _last in sorted(n.rpartition(".")[2] for n in public(_module)):
        _at = UNIT if _last in ("ppf", "isf") else _points
        _add(f"{_module}: {_last}", _at, call=lambda f, x, _p=_parameters: f(x, *_p))
for _name, _parameters in _DISCRETE.items():
    _module = f"scipy.stats.{_name}"
    _last_one = np.float64(_parameters[-1])
    for _last in ("pmf", "logpmf", "cdf"):
        if f"{_module}.{_last}" in public(_module):
            _add(f"{_module}: {_last}", np.asarray(_last_one), call=lambda f, p, _n=_name, _q=
                 _parameters[:-1]: f(np.array([0.0, 1.0, 1.0]) if _n == "bernoulli" else _COUNTS,
                 *_q, p))  # fmt: skip
_add("scipy.stats.dirichlet: pdf logpdf", BIG[0], call=lambda f, a: f(np.array([0.2, 0.3, 0.5]), a))
_add("scipy.stats.multinomial: pmf logpmf", UNIT[0], call=lambda f, p: f(
    np.array([1.0, 2, 1]), 4.0, p / p.sum()))  # fmt: skip
_add("scipy.stats.multivariate_normal: pdf logpdf", V, W, SPD, call=lambda f, x, m, c: f(
    x, m, _sym(c)))  # fmt: skip

# --- the others -----------------------------------------------------------------------------------

EXEMPT: dict[str, str] = {
    "the result is of integers, booleans, shapes, types, or constant": (
        "lax: after_all argmax argmin bitcast_convert_type bitwise_and bitwise_not bitwise_or "
        "bitwise_xor broadcast_shapes broadcasted_iota clz conv_dimension_numbers "
        "conv_general_permutations conv_general_shape_tuple conv_shape_tuple "
        "conv_transpose_shape_tuple create_token dtype empty eq ge gt iota is_finite le lt mulhi "
        "ne nextafter padtype_to_pads population_count reduce_and reduce_or reduce_xor "
        "reduce_window_shape_tuple shape_as_value shift_left shift_right_arithmetic "
        "shift_right_logical stop_gradient; lax.linalg: lu_pivots_to_permutation; "
        "nn: get_scaled_dot_general_config one_hot; scipy.special: bernoulli gammasgn; "
        "scipy.stats: mode rankdata; scipy.stats.bernoulli: ppf; scipy.linalg: dft hadamard "
        "helmert hilbert invhilbert invpascal pascal"
    ),
    "between the lanes of a mapped axis or a mesh, see tests/collectives": (
        "lax: all_gather all_to_all axis_index axis_size pbroadcast pcast pmax pmean pmin ppermute "
        "pshuffle psum psum_scatter pswapaxes pvary ragged_all_to_all "
        "with_sharding_constraint"
    ),
    "the operands are rounded to a few bits": (
        "lax: scaled_dot; nn: scaled_dot_general scaled_matmul"
    ),
    "has a first derivative only, and says so": "lax.linalg: eig",
    "has no derivative, and says so": (
        "lax: igamma_grad_a random_gamma_grad; lax.linalg: cholesky_update hessenberg ormqr schur "
        "tridiagonal; scipy.linalg: eigh_tridiagonal funm hessenberg rsf2csf schur; "
        "scipy.optimize: minimize"
    ),
}
"""The other functions, by the reason why none is checked."""


def exempt() -> set[str]:
    """Full names of the functions that `EXEMPT` lists."""
    found = set()
    for group in "; ".join(EXEMPT.values()).split("; "):
        module, _, names = group.partition(": ")
        found |= {f"{module}.{name}" for name in names.split()}
    return found
