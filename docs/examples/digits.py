"""Train a perceptron and a small convolutional net on handwritten digits.

The data are the 1,797 images of 8 x 8 pixels that come with scikit-learn, real handwriting from
the UCI repository. Each net is trained with AdamW, tested on the fifth of the images that it
never saw, and must read 97 % of them.

    python docs/examples/digits.py                      # plots and accuracies
    python docs/examples/digits.py --devices 8          # each step split over 8 virtual devices
    python docs/examples/digits.py --export-ascend digits.air
"""

import argparse
import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy
from sklearn.datasets import load_digits
from tqdm import tqdm

import ms_func as ms
import ms_func.numpy as np
from ms_func import lax, nn, optim, random

BATCH = 128
CLASSES = 10

# --- the two nets: a function for the parameters, a function from images to logits -------------


def layer(key, *shape):
    """Weights scaled for relu, and biases."""
    fan_in = math.prod(shape[:-1])
    return {"w": random.normal(key, shape) * math.sqrt(2 / fan_in), "b": np.zeros(shape[-1])}


def mlp_init(key):
    sizes = [64, 256, 128, CLASSES]
    keys = random.split(key, len(sizes) - 1)
    return [layer(k, n, m) for k, n, m in zip(keys, sizes[:-1], sizes[1:], strict=True)]


def mlp(params, images):
    x = images.reshape(len(images), -1)
    for p in params[:-1]:
        x = nn.relu(x @ p["w"] + p["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


def conv_init(key):
    k1, k2, k3 = random.split(key, 3)
    return [layer(k1, 3, 3, 1, 16), layer(k2, 3, 3, 16, 32), layer(k3, 2 * 2 * 32, CLASSES)]


def conv(params, images):
    x = images[..., None]  # images, height, width, channels
    for p in params[:-1]:
        x = lax.conv_general_dilated(
            x, p["w"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = nn.relu(x + p["b"])
        x = lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return x.reshape(len(x), -1) @ params[-1]["w"] + params[-1]["b"]


MODELS = {"mlp": (mlp_init, mlp), "conv": (conv_init, conv)}

# --- training ----------------------------------------------------------------------------------


def make_step(model, optimizer):
    """One training step: `step((params, state), images, labels) -> ((params, state), loss)`."""

    def loss(params, images, labels):
        log_p = nn.log_softmax(model(params, images))
        return -np.mean(np.sum(log_p * nn.one_hot(labels, CLASSES), axis=1))

    def step(trained, images, labels):
        params, state = trained
        value, gradient = ms.value_and_grad(loss)(params, images, labels)
        updates, state = optimizer.update(gradient, state, params)
        return (optim.apply_updates(params, updates), state), value

    return step


def batches(rng, images, labels):
    """One epoch in random order, with a little noise so that no image is learnt by heart."""
    order = rng.permutation(len(images))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        noise = rng.standard_normal(images[chosen].shape, numpy.float32)
        yield images[chosen] + 0.1 * noise, labels[chosen]


def train(name, data, options):
    """Trained parameters and the loss of each step."""
    init, model = MODELS[name]
    images, labels = data
    optimizer = optim.adamw(2e-3, weight_decay=1e-3)
    params = init(random.key(options.seed))
    trained = params, optimizer.init(params)
    step = make_step(model, optimizer)
    if options.devices > 1:
        step = ms.shard(step, mesh=options.devices)
        print(step.plan(trained, images[:BATCH], labels[:BATCH]))
    step = ms.jit(step)
    rng = numpy.random.default_rng(options.seed)
    losses = []
    progress = tqdm(range(options.epochs), desc=name, unit="epoch")
    for _ in progress:
        for batch in batches(rng, images, labels):
            trained, value = step(trained, *batch)
            losses.append(value)
        progress.set_postfix(loss=f"{float(value):.4f}")
    return trained[0], [float(value) for value in losses]


# --- what came out -----------------------------------------------------------------------------


def plot_losses(losses):
    figure, axes = plt.subplots(figsize=(7, 4))
    for name, values in losses.items():
        axes.semilogy(values, label=name, linewidth=0.8)
    axes.set(xlabel="step", ylabel="cross-entropy", title="Loss while training")
    axes.legend()
    return figure


def plot_misread(images, labels, read):
    """The misread digits of each net, at most ten, with what was read and what was meant."""
    wrong = {name: numpy.flatnonzero(guesses != labels)[:10] for name, guesses in read.items()}
    columns = max(4, *map(len, wrong.values()))
    figure, rows = plt.subplots(len(read), columns, figsize=(columns, 1.6 * len(read)))
    for row, (name, guesses) in zip(rows, read.items(), strict=True):
        for place in row:
            place.axis("off")
        for place, i in zip(row, wrong[name], strict=False):
            place.imshow(images[i], cmap="gray_r")
            place.set_title(f"{name}: {guesses[i]}\nis {labels[i]}", fontsize=8)
    return figure


def export(logits, images, scores, path):
    """Write the trained nets for Ascend; the reference interpreter must read as XLA does."""
    ms.export(logits, images[:1], backend="ascend", path=path)
    simulated = ms.jit(logits, backend="ascend-ref")(images)
    for name, score in scores.items():
        numpy.testing.assert_allclose(simulated[name], score, rtol=1e-3, atol=1e-3)
    print(f"wrote {path}; the interpreter of its operators agrees with XLA")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--devices", type=int, default=1, help="split each step over so many")
    parser.add_argument("--out", type=Path, default=Path("digits"), help="folder for the plots")
    parser.add_argument("--export-ascend", type=Path, metavar="FILE", help="write both nets as AIR")
    return parser.parse_args()


def main():
    options = arguments()
    if options.devices > 1:
        ms.config.update("num_cpu_devices", options.devices)
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8) / 16).astype(numpy.float32)
    labels = labels.astype(numpy.int32)
    order = numpy.random.default_rng(options.seed).permutation(len(images))
    test, rest = order[: len(order) // 5], order[len(order) // 5 :]

    trained, losses = {}, {}
    for name in MODELS:
        trained[name], losses[name] = train(name, (images[rest], labels[rest]), options)

    def logits(images):
        return {name: MODELS[name][1](params, images) for name, params in trained.items()}

    scores = ms.jit(logits)(images[test])
    read = {name: numpy.argmax(score, axis=1) for name, score in scores.items()}
    if options.export_ascend:
        export(logits, images[test], scores, options.export_ascend)

    options.out.mkdir(parents=True, exist_ok=True)
    for name, figure in {
        "loss.png": plot_losses(losses),
        "misread.png": plot_misread(images[test], labels[test], read),
    }.items():
        figure.savefig(options.out / name, dpi=120, bbox_inches="tight")
    for name, guesses in read.items():
        accuracy = numpy.mean(guesses == labels[test])
        print(f"{name}: {accuracy:.1%} of {len(test)} held-out digits read")
        assert accuracy >= 0.97, f"{name} reads fewer than 97 % of the held-out digits"
    print(f"plots in {options.out}/")


if __name__ == "__main__":
    main()
