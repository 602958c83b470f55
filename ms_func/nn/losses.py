"""Losses of single examples: a mean over a batch is up to the caller.

Names and arguments are those of optax.
"""

from __future__ import annotations

from typing import Any

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.nn.activations import log_sigmoid
from ms_func.nn.normalization import log_softmax, logsumexp
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import logic, manipulation, reductions, searching, taking
from ms_func.numpy.axes import axis_index
from ms_func.numpy.promotion import ArrayLike, inexact, operand, promote
from ms_func.numpy.reductions import Axis

__all__ = [
    "cosine_distance", "cosine_similarity", "hinge_loss", "huber_loss", "kl_divergence",
    "l2_loss", "log_cosh", "sigmoid_binary_cross_entropy", "smooth_labels",
    "softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels", "squared_error",
]  # fmt: skip
__dir__ = __all__.copy


def _same(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Operands of one floating dtype and one shape, so that no loss broadcasts by accident.

    Raises:
        ValueError: the shapes differ.
    """
    a, b = inexact(name, a), inexact(name, b)
    if typeof(a).shape != typeof(b).shape:
        raise ArgumentValueError(
            f"{name} needs operands of one shape, got {typeof(a).shape} and {typeof(b).shape}\n"
            "fix: reshape one, or broadcast it on purpose with np.broadcast_to"
        )
    return promote(name, a, b)


def squared_error(predictions: ArrayLike, targets: ArrayLike | None = None) -> Array:
    """`(predictions - targets)**2`, elementwise.

    Args:
        predictions: real array; integers become floats.
        targets: array of the same shape; None stands for zeros.

    Raises:
        ValueError: the shapes differ: no loss broadcasts by accident.

    Example:
        >>> print(squared_error(np.array([1.0, 4.0]), np.array([1.0, 2.0])))
        [0. 4.]
    """
    return ar.square(_distance("squared_error", predictions, targets))


def l2_loss(predictions: ArrayLike, targets: ArrayLike | None = None) -> Array:
    """Half of `squared_error`, whose derivative is the distance.

    Args:
        predictions: real array; integers become floats.
        targets: array of the same shape; None stands for zeros.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> print(l2_loss(np.array([1.0, 4.0]), np.array([1.0, 2.0])))
        [0. 2.]
    """
    return ar.multiply(0.5, ar.square(_distance("l2_loss", predictions, targets)))


def _distance(name: str, predictions: Any, targets: Any) -> Any:
    if targets is None:
        return inexact(name, predictions)
    return ar.subtract(*_same(name, predictions, targets))


def huber_loss(
    predictions: ArrayLike, targets: ArrayLike | None = None, delta: float = 1.0
) -> Array:
    """`l2_loss` up to a distance of `delta`, above that a straight line.

    Args:
        predictions: real array; integers become floats.
        targets: array of the same shape; None stands for zeros.
        delta: where the line begins; it is also its slope.

    Raises:
        ValueError: the shapes differ.

    Reference:
        P. J. Huber, Annals of Mathematical Statistics 35 (1964).

    Example:
        >>> print(huber_loss(np.array([1.0, 3.0])))
        [0.5 2.5]
    """
    far = el.abs(_distance("huber_loss", predictions, targets))
    near = ar.minimum(far, delta)
    return ar.add(ar.multiply(0.5, ar.square(near)), ar.multiply(delta, ar.subtract(far, near)))


def log_cosh(predictions: ArrayLike, targets: ArrayLike | None = None) -> Array:
    """`log(cosh(predictions - targets))`, without overflow.

    Args:
        predictions: real array; integers become floats.
        targets: array of the same shape; None stands for zeros.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> print(np.array_str(log_cosh(np.array([0.0, 1000.0])), precision=3))
        [  0.    999.307]
    """
    x = _distance("log_cosh", predictions, targets)
    return ar.subtract(el.logaddexp(x, ar.negative(x)), 0.6931471805599453)


def hinge_loss(predictor_outputs: ArrayLike, targets: ArrayLike) -> Array:
    """`max(0, 1 - predictor_outputs * targets)`, for targets of -1 and 1.

    Args:
        predictor_outputs: real array.
        targets: array of the same shape.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> print(hinge_loss(np.array([2.0, 0.5, -1.0]), np.array([1.0, 1.0, 1.0])))
        [0.  0.5 2. ]
    """
    return ar.maximum(0, ar.subtract(1, ar.multiply(*_same("hinge_loss", predictor_outputs,
                                                           targets))))  # fmt: skip


def sigmoid_binary_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Array:
    """`-labels log(sigmoid(logits)) - (1 - labels) log(1 - sigmoid(logits))`, elementwise.

    Args:
        logits: real array.
        labels: probabilities of the same shape.

    Returns:
        Array of that shape, accurate for large logits.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> print(f"{sigmoid_binary_cross_entropy(0.0, 1.0):.4f}")
        0.6931
    """
    x, p = _same("sigmoid_binary_cross_entropy", logits, labels)
    on = ar.multiply(p, log_sigmoid(x))
    off = ar.multiply(ar.subtract(1, p), log_sigmoid(ar.negative(x)))
    return ar.negative(ar.add(on, off))


def softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    """`-sum(labels * log(softmax(logits)))` along a dimension.

    Args:
        logits: scores of the classes.
        labels: probabilities of the classes, of the shape of `logits`; where they are 0, a logit
            of minus infinity adds 0.
        axis: dimension of the classes.
        where: classes that count.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> print(f"{softmax_cross_entropy(np.zeros(4), np.array([0.0, 1.0, 0.0, 0.0])):.4f}")
        1.3863
    """
    x, p = _same("softmax_cross_entropy", logits, labels)
    logs = log_softmax(x, axis, where)
    absent = searching.where(logic.equal(p, 0), 0, logs)
    return ar.negative(reductions.sum(ar.multiply(p, absent), axis, where=where))


def softmax_cross_entropy_with_integer_labels(
    logits: ArrayLike, labels: ArrayLike, axis: int = -1, where: ArrayLike | None = None
) -> Array:
    """`-log(softmax(logits))` of the class that `labels` names.

    Args:
        logits: scores of the classes.
        labels: integers, of the shape of `logits` without `axis`.
        axis: dimension of the classes.
        where: classes that count.

    Raises:
        TypeError: `labels` are no integers.
        ValueError: the shapes do not fit.

    Example:
        >>> loss = softmax_cross_entropy_with_integer_labels(np.zeros((2, 4)), np.array([1, 3]))
        >>> [f"{x:.4f}" for x in loss.tolist()]
        ['1.3863', '1.3863']
    """
    name = "softmax_cross_entropy_with_integer_labels"
    x, index = inexact(name, logits), operand(name, labels)
    if typeof(index).dtype.kind not in "iu":
        raise ArgumentTypeError(f"{name} needs integer labels, got {typeof(index).dtype}")
    place = axis_index(axis, typeof(x).ndim)
    wanted = typeof(x).shape[:place] + typeof(x).shape[place + 1 :]
    if typeof(index).shape != wanted:
        raise ArgumentValueError(
            f"{name} needs labels of shape {wanted} for logits of shape {typeof(x).shape}, got "
            f"{typeof(index).shape}"
        )
    chosen = taking.take_along_axis(x, manipulation.expand_dims(index, place), place)
    total = logsumexp(x, place, where=where)
    return ar.subtract(total, manipulation.squeeze(chosen, place))


def kl_divergence(log_predictions: ArrayLike, targets: ArrayLike, axis: Axis = -1) -> Array:
    """`sum(targets * (log(targets) - log_predictions))` along a dimension; 0 log(0) is 0.

    Args:
        log_predictions: logarithms of probabilities.
        targets: probabilities of the same shape.
        axis: dimension of the classes.

    Raises:
        ValueError: the shapes differ, or there is no such dimension.

    Reference:
        S. Kullback and R. A. Leibler, Annals of Mathematical Statistics 22 (1951).

    Example:
        >>> even = np.log(np.array([0.5, 0.5]))
        >>> print(f"{kl_divergence(even, np.array([1.0, 0.0])):.4f}")  # log(2)
        0.6931
    """
    logs, p = _same("kl_divergence", log_predictions, targets)
    some = logic.greater(p, 0)
    own = el.log(searching.where(some, p, 1))
    terms = searching.where(some, ar.multiply(p, ar.subtract(own, logs)), 0)
    return reductions.sum(terms, axis)


def cosine_similarity(
    predictions: ArrayLike, targets: ArrayLike, epsilon: float = 0.0, axis: Axis = -1
) -> Array:
    """Cosine of the angle between two vectors along a dimension.

    Args:
        predictions: real array.
        targets: array of the same shape.
        epsilon: lengths count as much at least.
        axis: dimension of the vectors.

    Returns:
        Array without that dimension. Vectors of length 0 give 0, with a derivative of 0.

    Raises:
        ValueError: the shapes differ, or there is no such dimension.

    Example:
        >>> rows = np.array([[1.0, 0.0], [0.0, 2.0]])
        >>> print(cosine_similarity(rows, np.array([[4.0, 0.0], [5.0, 0.0]])))
        [1. 0.]
    """
    a, b = _same("cosine_similarity", predictions, targets)
    units = [_unit(x, epsilon, axis) for x in (a, b)]
    return reductions.sum(ar.multiply(*units), axis)


def _unit(x: Any, epsilon: float, axis: Axis) -> Any:
    square = reductions.sum(ar.square(x), axis, keepdims=True)
    some = logic.greater(square, 0)
    length = ar.maximum(el.sqrt(searching.where(some, square, 1)), epsilon)
    return searching.where(some, ar.divide(x, length), 0)


def cosine_distance(
    predictions: ArrayLike, targets: ArrayLike, epsilon: float = 0.0, axis: Axis = -1
) -> Array:
    """`1 - cosine_similarity`: from 0 for vectors of one direction to 2 for opposite ones.

    Args:
        predictions: real array.
        targets: array of the same shape.
        epsilon: lengths count as much at least.
        axis: dimension of the vectors.

    Raises:
        ValueError: the shapes differ, or there is no such dimension.

    Example:
        >>> cosine_distance(np.array([1.0, 0.0]), np.array([-3.0, 0.0])).item()
        2.0
    """
    return ar.subtract(1, cosine_similarity(predictions, targets, epsilon, axis))


def smooth_labels(labels: ArrayLike, alpha: float) -> Array:
    """Part `1 - alpha` of the labels, and part `alpha` spread evenly over the last dimension.

    Args:
        labels: probabilities `[..., classes]`.
        alpha: from 0 to 1.

    Reference:
        Mueller et al., "When does label smoothing help?", NeurIPS 2019.

    Example:
        >>> print(smooth_labels(np.array([1.0, 0.0]), 0.5))
        [0.75 0.25]
    """
    p = inexact("smooth_labels", labels)
    return ar.add(ar.multiply(1 - alpha, p), alpha / typeof(p).shape[-1])
