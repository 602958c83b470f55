"""Rotations against SciPy's, and laws of their derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation as Known
from scipy.spatial.transform import Slerp as KnownSlerp

import ms_func as ms
from ms_func.scipy.spatial.transform import Rotation, Slerp

RNG = np.random.default_rng(8)
QUATS = RNG.normal(size=(12, 4))
OURS, THEIRS = Rotation.from_quat(QUATS), Known.from_quat(QUATS)
ORDERS = ["".join(s) for s in itertools.product("xyz", repeat=3) if s[0] != s[1] != s[2]]


def close(got, want, atol=1e-12):
    np.testing.assert_allclose(got, want, atol=atol)


def test_forms():
    close(OURS.as_quat(canonical=True), THEIRS.as_quat(canonical=True))
    close(OURS.as_quat(scalar_first=True), THEIRS.as_quat(scalar_first=True))
    for name in ("quat", "matrix", "rotvec", "mrp"):
        form = getattr(THEIRS, f"as_{name}")()
        close(getattr(OURS, f"as_{name}")(), form)
        back = getattr(Rotation, f"from_{name}")(form)
        close(back.as_quat(canonical=True), THEIRS.as_quat(canonical=True))
    close(OURS.as_rotvec(degrees=True), THEIRS.as_rotvec(degrees=True))
    close(OURS.magnitude(), THEIRS.magnitude())


def test_half_turns():
    """The scalar part is 0, and each of the others in turn."""
    for axis in np.eye(3):
        matrix = 2 * np.outer(axis, axis) - np.eye(3)
        close(np.abs(Rotation.from_matrix(matrix).quat[:3]), axis)
        close(Rotation.from_rotvec(np.pi * axis).as_matrix(), matrix, 1e-12)


@pytest.mark.parametrize("intrinsic", [False, True])
def test_euler_angles(intrinsic):
    angles = RNG.normal(size=(5, 3)) * 2
    for seq in (s.upper() if intrinsic else s for s in ORDERS):
        close(Rotation.from_euler(seq, angles).as_matrix(), Known.from_euler(seq, angles)
              .as_matrix())  # fmt: skip
        close(OURS.as_euler(seq), THEIRS.as_euler(seq), 1e-10)


@pytest.mark.filterwarnings("ignore:Gimbal lock")
@pytest.mark.parametrize("seq", ["xyz", "ZYX", "zxz", "YXY"])
def test_euler_angles_of_parallel_axes(seq):
    for middle in (0, np.pi, np.pi / 2, -np.pi / 2):
        known = Known.from_euler(seq, [0.3, middle, -0.7])
        got = Rotation.from_quat(known.as_quat()).as_euler(seq)
        close(Known.from_euler(seq, got).as_matrix(), known.as_matrix(), 1e-7)
        close(np.cos(got), np.cos(known.as_euler(seq)), 1e-7)


def test_fewer_axes_and_degrees():
    close(Rotation.from_euler("y", 30.0, degrees=True).as_rotvec(), [0, np.pi / 6, 0], 1e-6)
    close(Rotation.from_euler("zx", np.ones(2)).quat, Known.from_euler("zx", np.ones(2)).as_quat(),
          1e-6)  # fmt: skip


def test_operations():
    close((OURS * OURS[::-1]).quat, (THEIRS * THEIRS[::-1]).as_quat())
    close((OURS[0] * OURS).quat, (THEIRS[0] * THEIRS).as_quat())
    close((OURS * OURS.inv()).magnitude(), 0, 1e-7)
    vectors, weights = RNG.normal(size=(12, 3)), RNG.uniform(size=12)
    for inverse in (False, True):
        close(OURS.apply(vectors, inverse), THEIRS.apply(vectors, inverse=inverse))
        close(OURS[3].apply(vectors, inverse), THEIRS[3].apply(vectors, inverse=inverse))
    close(OURS.mean().as_matrix(), THEIRS.mean().as_matrix(), 1e-10)
    close(OURS.mean(weights).as_matrix(), THEIRS.mean(weights).as_matrix(), 1e-10)
    assert len(Rotation.concatenate([OURS, OURS[:2], OURS[0]])) == 15


def test_made_rotations():
    close(Rotation.identity().as_matrix(), np.eye(3))
    assert Rotation.identity(3, np.float64).quat.shape == (3, 4)
    many = Rotation.random(ms.random.key(0), 4000).as_matrix()
    close(np.asarray(many).mean(0), np.zeros((3, 3)), 0.05)  # uniform: no direction stands out
    assert Rotation.random(ms.random.key(1)).single


def test_transforms():
    @ms.jit
    def turn(r, v):
        return r.inv().apply(v)

    v = RNG.normal(size=3)
    close(turn(OURS, v), THEIRS.inv().apply(v))
    each = ms.vmap(lambda r: r.apply(v))(OURS)
    close(each, THEIRS.apply(v))


def test_derivatives_at_the_identity():
    zero = np.zeros(3)
    generators = np.zeros((3, 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        generators[j, k, i], generators[k, j, i] = -1, 1
    close(ms.jacrev(lambda v: Rotation.from_rotvec(v).as_matrix())(zero), generators)
    close(ms.jacfwd(lambda v: Rotation.from_rotvec(v).as_rotvec())(zero), np.eye(3))
    close(ms.hessian(lambda v: Rotation.from_rotvec(v).as_matrix()[0, 0])(zero),
          np.diag([0.0, -1.0, -1.0]))  # fmt: skip


def test_slerp():
    times = np.sort(RNG.uniform(size=12))
    ours, theirs = Slerp.init(times, OURS), KnownSlerp(times, THEIRS)
    t = np.linspace(times[0], times[-1], 30)
    close(ours(t).as_matrix(), theirs(t).as_matrix(), 1e-10)
    close(ours(t[7]).as_matrix(), theirs(t[7]).as_matrix(), 1e-10)
    close(ms.jit(lambda s, t: s(t).quat)(ours, t), ours(t).quat)


def test_bad_input():
    for make, match in (
        (lambda: Rotation.from_euler("xx", np.ones(2)), "consecutive axes to be different"),
        (lambda: Rotation.from_euler("xY", np.ones(2)), "axes from `seq`"),
        (lambda: Rotation.from_euler("xyzx", np.ones(4)), "upto 3 characters"),
        (lambda: Rotation.from_euler("xyz", np.ones(2)), "does not fit the 3 axes"),
        (lambda: OURS.as_euler("xy"), "Expected 3 axes"),
        (lambda: Rotation.from_quat(np.ones(3)), "Expected `quat`"),
        (lambda: OURS.apply(np.ones(2)), "Expected `vectors`"),
        (lambda: OURS.mean(np.ones(2)), "Expected `weights`"),
        (lambda: Slerp.init(np.ones(1), OURS[0]), "at least 2 rotations"),
        (lambda: Slerp.init(np.ones(2), OURS), "12 rotations and 2 timestamps"),
    ):
        with pytest.raises(ValueError, match=match):
            make()
    for make, match in (
        (lambda: len(OURS[0]), "Single rotation has no len"),
        (lambda: OURS[0][0], "not subscriptable"),
        (lambda: OURS * 2.0, "unsupported operand"),
    ):
        with pytest.raises(TypeError, match=match):
            make()
