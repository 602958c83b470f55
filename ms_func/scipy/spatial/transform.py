"""Rotations in three dimensions, as unit quaternions, and interpolation between them.

`Rotation` and `Slerp` are trees of arrays: they pass through `jit`, `grad` and `vmap` as they are.
Formulas divide by angles and lengths only where these are safely positive, so that derivatives are
right at the identity too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as onp

from ms_func import numpy as np
from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy.linalg import eigh
from ms_func.random import normal
from ms_func.scipy.operands import of_shapes

__all__ = ["Rotation", "Slerp"]
__dir__ = __all__.copy


class Rotation(NamedTuple):
    """One rotation, or a sequence of them.

    Attributes:
        quat: unit quaternions `[4]` or `[n, 4]`, the scalar part last.

    Example:
        >>> quarter = Rotation.from_rotvec(np.array([0.0, 0.0, math.pi / 2]))
        >>> np.allclose(quarter.apply(np.array([1.0, 0.0, 0.0])), np.array([0.0, 1.0, 0.0]),
        ...             atol=1e-6)
        Array(True, dtype=bool)

    Reference:
        J. Diebel, "Representing attitude", Stanford University, 2006.
    """

    quat: Any

    # --- from other forms -----------------------------------------------------------------------

    @classmethod
    def concatenate(cls, rotations: Sequence[Rotation]) -> Rotation:
        """One sequence of all rotations of some sequences.

        Args:
            rotations: rotations, single ones too.

        Example:
            >>> one = Rotation.identity()
            >>> len(Rotation.concatenate([one, one]))
            2
        """
        return cls(np.concatenate([np.atleast_2d(r.quat) for r in rotations]))

    @classmethod
    def from_euler(cls, seq: str, angles: Any, degrees: bool = False) -> Rotation:
        """From angles about axes.

        Args:
            seq: one to three axes, two neighbours not equal: "X", "Y", "Z" turn with the body
                (intrinsic), "x", "y", "z" do not (extrinsic).
            angles: `[len(seq)]` or `[n, len(seq)]`; for one axis also a number.
            degrees: whether the angles are in degrees.

        Raises:
            ValueError: there are no such axes, or the shape does not fit them.

        Example:
            >>> turn = Rotation.from_euler("z", 90.0, degrees=True)
            >>> print(np.array_str(abs(turn.apply(np.array([1.0, 0.0, 0.0]))), precision=3,
            ...                    suppress_small=True))
            [0. 1. 0.]
        """
        axes, extrinsic = _axes(seq)
        (given,) = of_shapes("Rotation.from_euler", angles)
        if given.ndim == 0:
            given = given[None]
        if given.shape[-1] != len(axes):
            raise ArgumentValueError(
                f"`angles` of shape {given.shape} does not fit the {len(axes)} axes of {seq!r}"
            )
        half = (np.deg2rad(given) if degrees else given) / 2
        total: Any = None
        for i, axis in enumerate(axes):
            unit = onp.eye(4)[axis]
            turn = np.sin(half[..., i, None]) * np.asarray(unit[:3], half.dtype)
            one = np.concatenate([turn, np.cos(half[..., i, None])], axis=-1)
            if total is None:
                total = one
            else:
                total = _product(one, total) if extrinsic else _product(total, one)
        return cls(total)

    @classmethod
    def from_matrix(cls, matrix: Any) -> Rotation:
        """From orthogonal matrices `[3, 3]` or `[n, 3, 3]` of determinant 1, which is not checked.

        Args:
            matrix: what the unit vectors are turned into, as columns.

        Raises:
            ValueError: the shape is another one.

        Reference:
            Shepperd, Journal of Guidance and Control 1 (1978): from the largest of the four squares
            of the components.

        Example:
            >>> print(abs(Rotation.from_matrix(np.eye(3)).as_quat()))
            [0. 0. 0. 1.]
        """
        (m,) = of_shapes("Rotation.from_matrix", matrix)
        _check_last("matrix", m, (3, 3))
        return cls(_from_matrix(m))

    @classmethod
    def from_mrp(cls, mrp: Any) -> Rotation:
        """From modified Rodrigues parameters: axis times tan(angle / 4).

        Args:
            mrp: `[3]` or `[n, 3]`.

        Raises:
            ValueError: the shape is another one.

        Example:
            >>> print(f"{Rotation.from_mrp(np.array([0.0, 0.0, 1.0])).magnitude():.4f}")  # pi
            3.1416
        """
        (p,) = of_shapes("Rotation.from_mrp", mrp)
        _check_last("mrp", p, (3,))
        square = np.sum(p * p, -1, keepdims=True)
        return cls(np.concatenate([2 * p, 1 - square], axis=-1) / (1 + square))

    @classmethod
    def from_quat(cls, quat: Any) -> Rotation:
        """From quaternions, the scalar part last, of any length but 0.

        Args:
            quat: `[4]` or `[n, 4]`; they are normalised.

        Raises:
            ValueError: the shape is another one.

        Example:
            >>> print(Rotation.from_quat(np.array([0.0, 0.0, 0.0, 2.0])).as_quat())
            [0. 0. 0. 1.]
        """
        (q,) = of_shapes("Rotation.from_quat", quat)
        _check_last("quat", q, (4,))
        return cls(_normalized(q))

    @classmethod
    def from_rotvec(cls, rotvec: Any, degrees: bool = False) -> Rotation:
        """From rotation vectors: axis times angle; differentiable at 0 too.

        Args:
            rotvec: `[3]` or `[n, 3]`.
            degrees: whether the angles are in degrees.

        Raises:
            ValueError: the shape is another one.

        Example:
            >>> half = Rotation.from_rotvec(np.array([0.0, 180.0, 0.0]), degrees=True)
            >>> print(np.array_str(half.as_quat(), precision=3, suppress_small=True))
            [ 0.  1.  0. -0.]
        """
        (v,) = of_shapes("Rotation.from_rotvec", rotvec)
        _check_last("rotvec", v, (3,))
        v = np.deg2rad(v) if degrees else v
        square = np.sum(v * v, -1, keepdims=True)
        small = square < 1e-6
        angle = np.sqrt(np.where(small, 1, square))
        near = 0.5 - square / 48 + square * square / 3840
        factor = np.where(small, near, np.sin(angle / 2) / angle)
        cosine = np.where(small, 1 - square / 8 + square * square / 384, np.cos(angle / 2))
        return cls(np.concatenate([v * factor, cosine], axis=-1))

    @classmethod
    def identity(cls, num: int | None = None, dtype: Any = float) -> Rotation:
        """The rotation that leaves everything where it is; a sequence of `num` of them.

        Args:
            num: length of the sequence; None for a single one.
            dtype: floating; the default float dtype by default.

        Example:
            >>> len(Rotation.identity(3))
            3
        """
        one = np.asarray(onp.array([0.0, 0.0, 0.0, 1.0]), canonicalize_dtype(dtype))
        return cls(one if num is None else np.tile(one, (num, 1)))

    @classmethod
    def random(cls, random_key: Any, num: int | None = None) -> Rotation:
        """A rotation drawn from the uniform distribution; a sequence of `num` of them.

        Args:
            random_key: key of `ms_func.random`.
            num: length of the sequence; None for a single one.

        Example:
            >>> len(Rotation.random(ms.random.key(0), 5))
            5
        """
        return cls(_normalized(normal(random_key, (4,) if num is None else (num, 4))))

    # --- to other forms -------------------------------------------------------------------------

    def as_euler(self, seq: str, degrees: bool = False) -> Array:
        """Angles about three axes, `[3]` or `[n, 3]`, as `from_euler` takes them.

        Where the first and the third axis are parallel, the third angle is 0.

        Args:
            seq: three axes.
            degrees: whether to give degrees.

        Raises:
            ValueError: there are no such axes.

        Reference:
            Bernardes, Viollet, PLOS ONE 17 (2022).

        Example:
            >>> turn = Rotation.from_euler("xyz", np.array([10.0, 20.0, 30.0]), degrees=True)
            >>> print(np.array_str(turn.as_euler("xyz", degrees=True), precision=2))
            [10. 20. 30.]
        """
        if len(seq) != 3:
            raise ArgumentValueError(f"Expected 3 axes, got {seq}.")
        axes, extrinsic = _axes(seq)
        found = _euler(self.quat, axes, extrinsic)
        return np.rad2deg(found) if degrees else found

    def as_matrix(self) -> Array:
        """Orthogonal matrices `[3, 3]` or `[n, 3, 3]`; their columns are the unit vectors, turned.

        Example:
            >>> print(Rotation.identity().as_matrix())
            [[1. 0. 0.]
             [0. 1. 0.]
             [0. 0. 1.]]
        """
        x, y, z, w = (self.quat[..., i] for i in range(4))
        rows = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    def as_mrp(self) -> Array:
        """Modified Rodrigues parameters `[3]` or `[n, 3]`, of length at most 1.

        Example:
            >>> turn = Rotation.from_mrp(np.array([0.0, 0.0, 0.5]))
            >>> print(np.array_str(turn.as_mrp(), precision=3))
            [0.  0.  0.5]
        """
        q = _canonical(self.quat)
        return q[..., :3] / (1 + q[..., 3:])

    def as_quat(self, canonical: bool = False, scalar_first: bool = False) -> Array:
        """Quaternions `[4]` or `[n, 4]`.

        Args:
            canonical: of the two for a rotation, take the one whose scalar part is positive or,
                where it is 0, whose first part that is not 0 is.
            scalar_first: whether the scalar part comes first instead of last.

        Example:
            >>> turn = Rotation.from_quat(np.array([0.0, 0.0, 0.0, -1.0]))
            >>> print(turn.as_quat(scalar_first=True), abs(turn.as_quat(canonical=True)))
            [-1.  0.  0.  0.] [0. 0. 0. 1.]
        """
        q = _canonical(self.quat) if canonical else self.quat
        return np.roll(q, 1, axis=-1) if scalar_first else q

    def as_rotvec(self, degrees: bool = False) -> Array:
        """Rotation vectors `[3]` or `[n, 3]`, of an angle from 0 to pi.

        Args:
            degrees: whether the angles are in degrees.

        Example:
            >>> turn = Rotation.from_euler("x", 270.0, degrees=True)
            >>> print(np.array_str(turn.as_rotvec(degrees=True), precision=1))
            [-90.  -0.  -0.]
        """
        q = _canonical(self.quat)
        v, w = q[..., :3], q[..., 3:]
        square = np.sum(v * v, -1, keepdims=True)
        small = square < 1e-6
        length = np.sqrt(np.where(small, 1, square))
        near = (2 - 2 * square / (3 * w * w)) / np.where(small, w, 1)
        factor = np.where(small, near, 2 * np.arctan2(length, w) / length)
        found = v * factor
        return np.rad2deg(found) if degrees else found

    def magnitude(self) -> Array:
        """Angles from 0 to pi, `[]` or `[n]`.

        Example:
            >>> print(f"{Rotation.from_euler('x', 270.0, degrees=True).magnitude():.4f}")
            1.5708
        """
        square = np.sum(np.square(self.quat[..., :3]), -1)
        some = square > 0
        length = np.where(some, np.sqrt(np.where(some, square, 1)), 0)
        return 2 * np.arctan2(length, np.abs(self.quat[..., 3]))

    # --- operations -----------------------------------------------------------------------------

    def apply(self, vectors: Any, inverse: bool = False) -> Array:
        """Turned vectors; one rotation turns all, one vector is turned by all.

        Args:
            vectors: `[3]` or `[n, 3]`.
            inverse: whether to turn back.

        Returns:
            Array of the shape of `vectors`; of a sequence `[n, 3]`.

        Raises:
            ValueError: the shapes do not fit.

        Example:
            >>> turns = Rotation.identity(2)
            >>> print(turns.apply(np.array([1.0, 2.0, 3.0])))
            [[1. 2. 3.]
             [1. 2. 3.]]
        """
        (v,) = of_shapes("Rotation.apply", vectors)
        _check_last("vectors", v, (3,))
        m = self.as_matrix()
        return np.einsum("...ji,...j->...i" if inverse else "...ij,...j->...i", m, v)

    def inv(self) -> Rotation:
        """The inverse: the rotation back.

        Example:
            >>> turn = Rotation.from_euler("x", 0.5)
            >>> print(np.array_str(abs((turn.inv() * turn).as_quat()), precision=3))
            [0. 0. 0. 1.]
        """
        return type(self)(self.quat * np.asarray(onp.array([-1, -1, -1, 1]), self.quat.dtype))

    def mean(self, weights: Any = None) -> Rotation:
        """The rotation with the least weighted sum of squared distances (of matrices).

        Args:
            weights: `[n]`, equal by default.

        Raises:
            ValueError: the weights are not as many as the rotations.

        Reference:
            Markley et al., Journal of Guidance, Control, and Dynamics 30 (2007).

        Example:
            >>> turns = Rotation.from_euler("x", np.array([[0.0], [1.0]]))
            >>> print(f"{turns.mean().magnitude():.3f}")
            0.500
        """
        quats = self.quat.reshape(-1, 4)
        (w,) = of_shapes("Rotation.mean", np.ones(len(quats)) if weights is None else weights)
        if w.shape != (quats.shape[0],):
            raise ArgumentValueError(
                "Expected `weights` to have number of values equal to number of rotations, got "
                f"{w.shape[0] if w.ndim else 1} values and {quats.shape[0]} rotations."
            )
        return type(self)(
            eigh(np.einsum("n,ni,nj->ij", w.astype(quats.dtype), quats, quats))[1][:, -1]
        )

    @property
    def single(self) -> bool:
        """Whether this is one rotation, not a sequence.

        Example:
            >>> Rotation.identity().single, Rotation.identity(1).single
            (True, False)
        """
        return self.quat.ndim == 1

    def __mul__(self, other: Any) -> Rotation:  # type: ignore[override]
        """First `other`, then this one; a sequence with one rotation or one as long."""
        if not isinstance(other, Rotation):
            return NotImplemented
        return type(self)(_product(self.quat, other.quat))

    def __getitem__(self, indexer: Any) -> Rotation:  # type: ignore[override]
        """Rotations of a sequence."""
        if self.single:
            raise ArgumentTypeError("Single rotation is not subscriptable.")
        return type(self)(self.quat[indexer])

    def __len__(self) -> int:
        if self.single:
            raise ArgumentTypeError("Single rotation has no len().")
        return self.quat.shape[0]


class Slerp(NamedTuple):
    """Rotations between given ones: from each to the next about one axis, at a constant rate.

    Attributes:
        times: times of the given rotations `[n]`.
        timedelta: their differences.
        rotations: the given rotations but the last.
        rotvecs: rotation vectors to the next one.

    Example:
        >>> two = Rotation.from_euler("z", np.array([[0.0], [1.0]]))
        >>> print(f"{Slerp.init(np.array([0.0, 2.0]), two)(0.5).magnitude():.3f}")
        0.250

    Reference:
        K. Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """

    times: Any
    timedelta: Any
    rotations: Any
    rotvecs: Any

    @classmethod
    def init(cls, times: Any, rotations: Rotation) -> Slerp:
        """Prepare the interpolation.

        Args:
            times: times in increasing order `[n]`.
            rotations: a sequence of n rotations, at least 2.

        Returns:
            The interpolation: call it with times `[m]` or a number.

        Raises:
            ValueError: they do not fit each other.

        Example:
            >>> two = Rotation.from_euler("z", np.array([[0.0], [1.0]]))
            >>> between = Slerp.init(np.array([0.0, 2.0]), two)
            >>> print(np.array_str(between(np.array([1.0, 3.0])).magnitude(), precision=3))
            [0.5 1.5]
        """
        if rotations.single or len(rotations) < 2:
            raise ArgumentValueError("`rotations` must be a sequence of at least 2 rotations.")
        (t,) = of_shapes("Slerp.init", times)
        if t.shape != (len(rotations),):
            raise ArgumentValueError(
                "Expected number of rotations to be equal to number of timestamps given, got "
                f"{len(rotations)} rotations and {t.shape[0] if t.ndim else 1} timestamps."
            )
        first, second = (Rotation(rotations.quat[part]) for part in (slice(-1), slice(1, None)))
        return cls(t, np.diff(t), first, (first.inv() * second).as_rotvec())

    def __call__(self, times: Any) -> Rotation:
        """The rotations at times `[m]` or `[]`; before the first and after the last it goes on."""
        (t,) = of_shapes("Slerp", times)
        i = np.clip(np.searchsorted(self.times, t, side="right") - 1, 0, len(self.rotations) - 1)
        share = (t - self.times[i]) / self.timedelta[i]
        return self.rotations[i] * Rotation.from_rotvec(self.rotvecs[i] * share[..., None])


# --- formulas -------------------------------------------------------------------------------------


def _check_last(name: str, x: Any, shape: tuple[int, ...]) -> None:
    if x.shape[-len(shape) :] != shape:
        raise ArgumentValueError(
            f"Expected `{name}` to have shape {shape} or (N, {', '.join(map(str, shape))}), got "
            f"{x.shape}."
        )


def _axes(seq: str) -> tuple[list[int], bool]:
    """Numbers of the axes, and whether they stand still.

    Raises:
        ValueError: the name is none of these.
    """
    if not 1 <= len(seq) <= 3:
        raise ArgumentValueError(
            f"Expected axis specification to be a non-empty string of upto 3 characters, got {seq}"
        )
    extrinsic = set(seq) <= set("xyz")
    if not extrinsic and not set(seq) <= set("XYZ"):
        raise ArgumentValueError(
            f"Expected axes from `seq` to be from ['x', 'y', 'z'] or ['X', 'Y', 'Z'], got {seq}"
        )
    if any(a == b for a, b in pairwise(seq)):
        raise ArgumentValueError(f"Expected consecutive axes to be different, got {seq}")
    return ["xyz".index(c) for c in seq.lower()], extrinsic


def _normalized(q: Any) -> Any:
    return q / np.sqrt(np.sum(q * q, -1, keepdims=True))


def _product(p: Any, q: Any) -> Any:
    """Hamilton's product."""
    u, v, a, b = p[..., :3], q[..., :3], p[..., 3:], q[..., 3:]
    vector = a * v + b * u + np.cross(u, v)
    return np.concatenate([vector, a * b - np.sum(u * v, -1, keepdims=True)], axis=-1)


def _canonical(q: Any) -> Any:
    x, y, z, w = (q[..., i : i + 1] for i in range(4))
    first = np.where(w != 0, w, np.where(x != 0, x, np.where(y != 0, y, z)))
    return np.where(first < 0, -q, q)


def _from_matrix(m: Any) -> Any:
    """Quaternion of the candidate with the largest divisor."""
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    squares = np.stack([*(m[..., i, i] for i in range(3)), trace], axis=-1)
    rows = []
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        parts: list[Any] = [None] * 4
        parts[i] = 1 - trace + 2 * m[..., i, i]
        parts[j] = m[..., j, i] + m[..., i, j]
        parts[k] = m[..., k, i] + m[..., i, k]
        parts[3] = m[..., k, j] - m[..., j, k]
        rows.append(np.stack(parts, axis=-1))
    last = [m[..., (i + 2) % 3, (i + 1) % 3] - m[..., (i + 1) % 3, (i + 2) % 3] for i in range(3)]
    rows.append(np.stack([*last, 1 + trace], axis=-1))
    found, choice = rows[3], np.argmax(squares, axis=-1)[..., None]
    for i in range(3):
        found = np.where(choice == i, rows[i], found)
    return _normalized(found)


def _euler(q: Any, axes: list[int], extrinsic: bool) -> Any:
    i, j, k = axes if extrinsic else axes[::-1]
    symmetric = i == k
    k = 3 - i - j if symmetric else k
    sign = (i - j) * (j - k) * (k - i) // 2
    qi, qj, qk, w = q[..., i], q[..., j], q[..., k] * sign, q[..., 3]
    a, b, c, d = (w, qi, qj, qk) if symmetric else (w - qj, qi + qk, qj + w, qk - qi)
    middle = 2 * np.arctan2(np.hypot(c, d), np.hypot(a, b))
    low, high = np.abs(middle) <= 1e-7, np.abs(middle - math.pi) <= 1e-7
    total = np.arctan2(np.where(high, 0, b), np.where(high, 1, a))
    apart = np.arctan2(np.where(low, 0, d), np.where(low, 1, c))
    free = low | high
    outer, inner = total - apart, total + apart
    inner = inner if symmetric else inner * sign
    first, third = (outer, inner) if extrinsic else (inner, outer)
    alone = np.where(low, 2 * total, (-2 if extrinsic else 2) * apart)
    if not (symmetric or extrinsic):
        alone = alone * sign
    middle = middle if symmetric else middle - math.pi / 2
    found = np.stack([np.where(free, alone, first), middle, np.where(free, 0, third)], axis=-1)
    return found - 2 * math.pi * np.round(found / (2 * math.pi))
