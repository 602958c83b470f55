"""Plans of networks written as users write them: what the search finds, and that it compiles so."""

from __future__ import annotations

import numpy
import pytest

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax, nn
from ms_func.sharding import Mesh, P
from tests.parallel.nets import adam, difference, shapes

FLAT, GRID, CUBE = Mesh((8,), ("a",)), Mesh((2, 4), ("a", "b")), Mesh((2, 2, 2), ("a", "b", "c"))


def step_of(loss):
    def step(state, *batch):
        params, m, v = state
        value, grads = ms.value_and_grad(loss)(params, *batch)
        return adam(params, grads, m, v), value

    return step


# --- a language model -------------------------------------------------------------------------


def layer_norm(x, gain, bias):
    mean = np.mean(x, -1, keepdims=True)
    return (x - mean) * lax.rsqrt(np.var(x, -1, keepdims=True) + 1e-5) * gain + bias


def attention(x, p, heads):
    b, t, d = x.shape
    parts = np.split(x @ p["qkv"] + p["qkv_bias"], 3, axis=-1)
    q, k, v = (y.reshape(b, t, heads, d // heads).transpose(0, 2, 1, 3) for y in parts)
    scores = q @ k.transpose(0, 1, 3, 2) * (heads / d) ** 0.5
    scores = np.where(np.tril(np.ones((t, t), bool)), scores, -1e9)
    out = (nn.softmax(scores, axis=-1) @ v).transpose(0, 2, 1, 3).reshape(b, t, d)
    return out @ p["out"]


def language_loss(p, tokens, targets):
    x = p["embedding"][tokens] + p["position"]
    for layer in p["layers"]:
        x = x + attention(layer_norm(x, layer["g1"], layer["b1"]), layer, 8)
        h = layer_norm(x, layer["g2"], layer["b2"])
        x = x + nn.gelu(h @ layer["w1"] + layer["c1"]) @ layer["w2"]
    logits = nn.log_softmax(x @ p["embedding"].T, axis=-1)
    return -np.mean(np.take_along_axis(logits, targets[..., None], axis=-1))


def language_model(layers=1, batch=8, length=64, width=128, words=1024):
    layer = {
        "qkv": shapes(width, 3 * width), "qkv_bias": shapes(3 * width), "out": shapes(width, width),
        "g1": shapes(width), "b1": shapes(width), "g2": shapes(width), "b2": shapes(width),
        "w1": shapes(width, 4 * width), "c1": shapes(4 * width), "w2": shapes(4 * width, width),
    }  # fmt: skip
    p = {"embedding": shapes(words, width), "position": shapes(length, width)}
    p["layers"] = [layer] * layers
    ids = ms.ShapeDtypeStruct((batch, length), "int32")
    return step_of(language_loss), ((p, p, p), ids, ids)


# --- convolutions and a wide classifier ---------------------------------------------------------


def image_loss(p, x, labels):
    for kernel in p["kernels"]:
        x = np.maximum(lax.conv_general_dilated(x, kernel, (1, 1), "SAME"), 0)[:, :, ::2, ::2]
    h = np.maximum(x.reshape(x.shape[0], -1) @ p["w1"], 0)
    return -np.mean(np.sum(nn.log_softmax(h @ p["w2"]) * nn.one_hot(labels, 16), -1))


def image_model():
    p = {"kernels": [shapes(64, 8, 3, 3), shapes(64, 64, 3, 3)], "w1": shapes(64 * 8 * 8, 2048),
         "w2": shapes(2048, 16)}  # fmt: skip
    labels = ms.ShapeDtypeStruct((64,), "int32")
    return step_of(image_loss), ((p, p, p), shapes(64, 8, 32, 32), labels)


# --- experts ----------------------------------------------------------------------------------


def expert_loss(p, x, t):
    gate = nn.softmax(x @ p["gate"], -1)
    h = np.maximum(np.einsum("bd,edf->ebf", x, p["w1"]), 0)
    y = np.einsum("ebd,be->bd", np.einsum("ebf,efd->ebd", h, p["w2"]), gate)
    return np.mean((y - t) ** 2)


def expert_model():
    p = {"gate": shapes(256, 8), "w1": shapes(8, 256, 512), "w2": shapes(8, 512, 256)}
    return step_of(expert_loss), ((p, p, p), shapes(256, 256), shapes(256, 256))


NETS = {"language": language_model, "images": image_model, "experts": expert_model}


def drawn(types):
    """Small random arrays, token numbers below 16."""
    rng = numpy.random.default_rng(0)

    def draw(t):
        if t.dtype.kind == "i":
            return rng.integers(0, 16, t.shape).astype(t.dtype)
        return numpy.abs(rng.standard_normal(t.shape) * 0.05).astype(t.dtype)

    return ms.tree.map(draw, types)


def donating(step, mesh, **options):
    return ms.jit(ms.shard(step, mesh=mesh, **options), donate_argnums=0)


@pytest.mark.parametrize(
    ("mesh", "objective"),
    [
        pytest.param(GRID, "communication", id="2x4-communication"),
        pytest.param(GRID, "time", id="2x4-time", marks=pytest.mark.slow),
        pytest.param(FLAT, "communication", id="8-communication", marks=pytest.mark.slow),
        pytest.param(FLAT, "time", id="8-time", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("name", sorted(NETS))
def test_the_compiled_step_sends_what_was_planned_and_computes_the_same(name, objective, mesh):
    step, types = NETS[name]()
    f = donating(step, mesh, objective=objective, search_seconds=60)
    plan = f.plan(*types)
    assert plan.solution.exact
    seen = plan.verify(f.lower(*types).compile())
    assert abs(seen.surplus) <= 0.005, str(seen)
    args = drawn(types)
    assert difference(ms.jit(step)(*args), f(*f.place(*args))) < 1e-4


def test_convolutions_are_split_by_batch_and_the_wide_classifier_by_columns():
    step, types = image_model()
    (params, _, _), x, _ = donating(step, FLAT, objective="communication").input_specs(*types)
    assert x == P("a")
    assert params["kernels"] == [P(), P()]
    assert "a" in params["w1"]


def test_experts_are_split():
    step, types = expert_model()
    (params, _, _), *_ = donating(step, FLAT, objective="communication").input_specs(*types)
    assert params["w1"] == params["w2"] == P("a")


def decode(cache, w, tokens, position):
    """One token for each of 16 sequences, the keys and values before it at hand."""
    k, v = cache
    x = w["embedding"][tokens]
    q, key, value = (np.reshape(x @ w[n], (16, 1, 8, 16)) for n in "qkv")
    k, v = (lax.dynamic_update_slice(c, y, (0, position, 0, 0)) for c, y in ((k, key), (v, value)))
    scores = np.einsum("bqhd,bkhd->bhqk", q, k) / 4
    scores = np.where(np.arange(128) <= position, scores, -1e9)
    x = x + np.einsum("bhqk,bkhd->bqhd", nn.softmax(scores, -1), v).reshape(16, 128) @ w["out"]
    return (k, v), np.argmax(x @ w["embedding"].T, -1)


@pytest.mark.parametrize("mesh", [FLAT, GRID])
def test_sequences_that_are_decoded_side_by_side_send_nothing(mesh):
    w = {n: shapes(128, 128) for n in ("q", "k", "v", "out")} | {"embedding": shapes(1024, 128)}
    cache = (shapes(16, 128, 8, 16),) * 2
    number = lambda *shape: ms.ShapeDtypeStruct(shape, "int32")  # noqa: E731
    types = (cache, w, number(16), number())
    f = donating(decode, mesh, objective="communication")
    plan = f.plan(*types)
    assert plan.wire_bytes == 0
    assert plan.redundancy < 1.01
    assert plan.verify(f.lower(*types).compile()).compiled == 0


def rotated(p, x, t):
    """Columns of a product are turned into rows: one exchange between all devices."""
    return np.mean((np.fft.fft(np.tanh(x @ p), axis=0).real - t) ** 2)


def test_a_mesh_of_more_axes_sends_no_more():
    types = (shapes(64, 64), shapes(4096, 64), shapes(4096, 64))
    f = ms.value_and_grad(rotated)
    sent = []
    for mesh in (FLAT, GRID, CUBE):
        g = ms.jit(ms.shard(f, mesh=mesh, objective="communication"))
        seen = g.plan(*types).verify(g.lower(*types).compile())
        assert seen.surplus == 0, str(seen)
        sent.append(seen.compiled)
    assert sent[0] >= sent[1] * 0.999
    assert sent[1] >= sent[2] * 0.999


def test_heads_are_split_in_attention():
    step, types = language_model(width=256)
    plan = donating(step, FLAT, objective="communication").plan(*types)
    graph, cut = plan.graph, []
    for i, node in graph.eqn_node.items():
        eqn = graph.eqns[i]
        if eqn.primitive.name == "dot_general" and eqn.outputs[0].type.shape == (8, 8, 64, 64):
            split = graph.nodes[node].choices[plan.solution.choices[node]]
            cut.append(split.outs[0].dims)
    assert cut
    assert set(cut) <= {
        ((0,), (), (), ()),
        ((), (0,), (), ()),
    }  # by batch or by heads, never inside


@pytest.mark.slow
def test_three_axes():
    step, types = expert_model()
    f = donating(step, CUBE, objective="communication", search_seconds=2)
    flat = donating(step, FLAT, objective="communication").plan(*types)
    plan = f.plan(*types)
    assert plan.wire_bytes <= flat.wire_bytes * 1.001
    args = drawn(types)
    assert difference(ms.jit(step)(*args), f(*f.place(*args))) < 1e-4
