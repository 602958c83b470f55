"""Libraries written for JAX, unmodified, under the alias: they import, and optimisers descend.

They are not installed by the tests: `pip install -e .[compat]` brings what they need beside JAX,
`pip install --no-deps optax chex jaxopt` the libraries (their metadata asks for jax).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

import ms_func

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
LIBRARIES = ("optax", "chex", "jaxopt")
MISSING = [name for name in LIBRARIES if find_spec(name) is None]
needs = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def jax() -> Iterator[ModuleType]:
    with ms_func.as_jax() as module:
        yield module


def _modules(library: str) -> list[str]:
    spec = find_spec(library)
    assert spec is not None
    walked = pkgutil.walk_packages(spec.submodule_search_locations, f"{library}.", lambda _: None)
    tests = ("_test", "test_util", "test_utils")
    return [library, *(m.name for m in walked if not m.name.endswith(tests))]


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_module_imports(jax, library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = _modules(library)
        for name in names:
            importlib.import_module(name)
    assert len(names) > 10


# --- optax -----------------------------------------------------------------------------------

RATES = {
    "adadelta": 30.0, "adafactor": 0.05, "adagrad": 0.5, "fromage": 0.1, "lamb": 0.05,
    "lars": 20.0, "lion": 0.02, "novograd": 0.1, "sign_sgd": 0.02, "signum": 0.02, "sm3": 0.2,
    "polyak_sgd": 1.0, "optimistic_gradient_descent": 0.05, "sgd": 0.05, "noisy_sgd": 0.05,
    "rprop": 0.01, "lbfgs": None, "cocob": 1.0, "dadapt_adamw": 1.0, "prodigy": 1.0, "momo": 0.5,
    "momo_adam": 0.1, "muon": 0.05, "dpsgd": 0.05, "schedule_free_sgd": 0.5, "galore": 0.05,
    "schedule_free_adamw": 0.05, "madgrad": 0.05, "ademamix": 0.05, "simplified_ademamix": 0.002,
    "sophia": 0.05, "adopt": 0.05, "acprop": 0.05,
}  # fmt: skip
"""Learning rates; all others take 0.05. None: the optimiser finds its own."""


def _factories() -> dict[str, Any]:
    """Optimisers of `optax` and `optax.contrib`: what takes a learning rate first, and lbfgs."""
    if MISSING:
        return {}
    with ms_func.as_jax(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optax = importlib.import_module("optax")
        contrib = importlib.import_module("optax.contrib")
    found = {}
    for module in (optax, contrib):
        for name, value in vars(module).items():
            if name.startswith(("_", "scale_by")) or not inspect.isfunction(value):
                continue
            first = next(iter(inspect.signature(value).parameters), "")
            if first.endswith("learning_rate") and "Transformation" in str(
                inspect.signature(value).return_annotation
            ):
                found[name] = value
    return found


FACTORIES = _factories()


def _optimizer(name: str) -> Any:
    rate = RATES.get(name, 0.05)
    more: dict[str, Any] = {
        "noisy_sgd": {"eta": 1e-4},
        "dpsgd": {"l2_norm_clip": 10.0, "noise_multiplier": 0.01, "seed": 0},
        "sm3": {"momentum": 0.5},
        "galore": {"rank": 2},
    }.get(name, {})
    return FACTORIES[name](rate, **more)


def _problem(jax: ModuleType) -> tuple[Any, Any, Any]:
    """A least-squares problem, where it is to be solved from, and its loss."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 8)).astype("float32")
    y = (x @ rng.normal(size=(8, 4)) + 0.5).astype("float32")
    start = {"w": np.full((8, 4), 0.1, "float32"), "b": np.full(4, 0.1, "float32")}

    def loss(params, data):
        return jax.numpy.mean((data[0] @ params["w"] + params["b"] - data[1]) ** 2)

    return loss, start, (x, y)


def _step(jax: ModuleType, name: str, loss: Any) -> tuple[Any, Any]:
    import optax

    opt = optax.with_extra_args_support(_optimizer(name))

    def step(params, state, data):
        def at(p):
            return loss(p, data)

        value, grads = jax.value_and_grad(at)(params)
        given = jax.tree.map(lambda g: g[None], grads) if name == "dpsgd" else grads
        asked = {"value": value, "grad": grads, "value_fn": at}
        if name == "sophia":
            asked = {"obj_fn": at}
        updates, state = opt.update(given, state, params, **asked)
        return optax.apply_updates(params, updates), state

    return opt.init, step


@needs
def test_all_optimisers_are_found(jax):
    assert len(FACTORIES) >= 40
    assert {"adam", "lbfgs", "muon", "prodigy", "sophia"} <= set(FACTORIES)


@needs
@pytest.mark.parametrize("name", FACTORIES)
def test_an_optimiser_descends(jax, name):
    """Three steps one by one; thirty under jit; under vmap and shard the same as under jit."""
    loss, start, data = _problem(jax)
    init, step = _step(jax, name, loss)
    start = jax.tree.map(jax.numpy.asarray, start)
    first = float(loss(start, data))

    params, state = start, init(start)
    for _ in range(3):
        params, state = step(params, state, data)
    early = jax.tree.map(np.asarray, params)
    assert jax.tree.all(jax.tree.map(lambda a: bool(np.isfinite(a).all()), early))

    params, state = start, init(start)
    compiled = jax.jit(step)
    for i in range(30):
        params, state = compiled(params, state, data)
        if i == 2:
            _close(jax, params, early)
    assert float(loss(params, data)) < 0.9 * first

    rows = jax.tree.map(lambda a: jax.numpy.stack([a, a, a]), start)
    many, states = rows, jax.vmap(init)(rows)
    batched = jax.jit(jax.vmap(step, (0, 0, None)))
    for _ in range(3):
        many, states = batched(many, states, data)
    _close(jax, jax.tree.map(lambda a: a[1], many), early)

    split, state = start, init(start)
    sharded = ms_func.shard(step, ms_func.make_mesh((8,), ("d",)))
    for _ in range(3):
        split, state = sharded(split, state, data)
    _close(jax, split, early)


def _close(jax: ModuleType, found: Any, expected: Any) -> None:
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.allclose(a, b, rtol=2e-3, atol=2e-3)


# --- others, where they are installed ----------------------------------------------------------


def test_linear_solves_and_their_derivatives(jax):
    lineax = pytest.importorskip("lineax", reason="lineax is not installed")
    a, b = np.array([[2.0, 1.0], [1.0, 3.0]], "float32"), np.array([1.0, 2.0], "float32")

    def solved(a):
        return lineax.linear_solve(lineax.MatrixLinearOperator(a), jax.numpy.asarray(b)).value

    assert np.allclose(solved(jax.numpy.asarray(a)), np.linalg.solve(a, b), atol=1e-5)
    found = jax.jit(jax.grad(lambda a: solved(a).sum()))(jax.numpy.asarray(a))
    adjoint = np.linalg.solve(a.T, np.ones(2))
    assert np.allclose(found, -np.outer(adjoint, np.linalg.solve(a, b)), atol=1e-4)


def test_roots_and_their_derivatives(jax):
    optimistix = pytest.importorskip("optimistix", reason="optimistix is not installed")

    def root(a):
        solver = optimistix.Newton(1e-5, 1e-5)
        return optimistix.root_find(lambda y, a: y**2 - a, solver, jax.numpy.array(1.0), a).value

    assert np.isclose(root(2.0), np.sqrt(2))
    assert np.isclose(jax.grad(root)(2.0), 0.5 / np.sqrt(2), atol=1e-4)


def test_differential_equations_and_their_derivatives(jax):
    diffrax = pytest.importorskip("diffrax", reason="diffrax is not installed")

    def end(rate):
        controller = diffrax.PIDController(rtol=1e-5, atol=1e-7)
        term = diffrax.ODETerm(lambda t, y, args: -args * y)
        return diffrax.diffeqsolve(term, diffrax.Tsit5(), 0.0, 1.0, 0.1, jax.numpy.array(1.0),
                                   args=rate, stepsize_controller=controller).ys[0]  # fmt: skip

    assert np.isclose(end(1.5), np.exp(-1.5), rtol=1e-3)
    assert np.isclose(jax.grad(end)(1.5), -np.exp(-1.5), rtol=1e-2)


def test_modules_of_flax_learn(jax):
    nnx = pytest.importorskip("flax.nnx", reason="flax is not installed")
    optax = pytest.importorskip("optax", reason="optax is not installed")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 3)).astype("float32")
    y = x @ np.array([[1.0], [2.0], [-1.0]], "float32")

    class Network(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first, self.norm = nnx.Linear(3, 16, rngs=rngs), nnx.BatchNorm(16, rngs=rngs)
            self.last = nnx.Linear(16, 1, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.last(nnx.relu(self.norm(self.first(x))))

    model = Network(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)

    @nnx.jit
    def step(model: Any, optimizer: Any) -> Any:
        value, grads = nnx.value_and_grad(lambda m: ((m(x) - y) ** 2).mean())(model)
        optimizer.update(model, grads)
        return value

    losses = [float(step(model, optimizer)) for _ in range(60)]
    assert losses[-1] < 0.2 * losses[0]


def test_distributions_of_tensorflow_probability(jax):
    substrates = pytest.importorskip(
        "tensorflow_probability.substrates", reason="tensorflow_probability is not installed"
    )
    assert substrates is not None
    tfp = importlib.import_module("tensorflow_probability.substrates.jax")
    tfd, x = tfp.distributions, np.linspace(0.2, 3.0, 5).astype("float32")

    def density(a, x):
        return tfd.TransformedDistribution(tfd.Normal(a, 1.0), tfp.bijectors.Exp()).log_prob(x)

    expected = stats.lognorm(1.0, scale=np.exp(0.4)).logpdf(x)
    assert np.allclose(jax.jit(density)(0.4, x), expected, rtol=1e-4)
    slope = jax.grad(lambda a: density(a, x).sum())(0.4)
    assert np.isclose(slope, (np.log(x) - 0.4).sum(), rtol=1e-4)
    rows = jax.vmap(density, (0, None))(jax.numpy.array([0.4, 0.5]), x)
    assert np.allclose(rows[0], expected, rtol=1e-4)


def test_chains_of_tensorflow_probability_have_the_moments_of_their_target(jax):
    pytest.importorskip(
        "tensorflow_probability.substrates", reason="tensorflow_probability is not installed"
    )
    tfp = importlib.import_module("tensorflow_probability.substrates.jax")
    mean, covariance = np.array([1.0, -1.0], "float32"), np.array([[1, 0.5], [0.5, 2]], "float32")
    target = tfp.distributions.MultivariateNormalFullCovariance(mean, covariance)
    for kernel in (
        tfp.mcmc.HamiltonianMonteCarlo(target.log_prob, 0.4, 5),
        tfp.mcmc.NoUTurnSampler(target.log_prob, 0.4),
    ):

        def run(key, kernel=kernel):
            return tfp.mcmc.sample_chain(
                400, jax.numpy.zeros((8, 2)), kernel=kernel, num_burnin_steps=100,
                trace_fn=None, seed=key,
            )  # fmt: skip

        draws = np.asarray(jax.jit(run)(jax.random.PRNGKey(0))).reshape(-1, 2)
        assert np.allclose(draws.mean(0), mean, atol=0.25)
        assert np.allclose(np.cov(draws.T), covariance, atol=0.4)


def test_distributions_of_distrax(jax):
    distrax = pytest.importorskip("distrax", reason="distrax is not installed")
    logits = jax.numpy.array([0.3, -0.2, 0.1])
    found = distrax.Categorical(logits).log_prob(jax.numpy.array([0, 2]))
    expected = np.asarray(logits) - np.log(np.exp(logits).sum())
    assert np.allclose(found, expected[[0, 2]], atol=1e-6)
    slope = jax.grad(lambda a: distrax.Categorical(a).log_prob(1))(logits)
    assert np.allclose(slope, np.eye(3)[1] - np.exp(expected), atol=1e-6)


def test_models_of_keras_learn(jax, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="keras is not installed")
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(128, 8)).astype("float32")
    model = keras.Sequential([
        keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
        keras.layers.BatchNormalization(), keras.layers.Dense(1),
    ])  # fmt: skip
    assert model.output_shape == (None, 1)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    losses = model.fit(x, x.sum(1), epochs=8, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert model.predict(x[:3], verbose=0).shape == (3, 1)
