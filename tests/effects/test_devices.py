"""Effects of programs over several devices happen once, with whole values."""

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import debug, lax
from ms_func.experimental import io_callback
from ms_func.primitives.effects import check


def program(x):
    debug.print("start {}", x)
    y = lax.cond(x.sum() > 0, lambda x: (debug.print("up {}", x.sum()), x)[1], lambda x: -x, x)

    def body(c):
        debug.print("loop {}", c.max())
        return c * 2

    y = lax.while_loop(lambda c: c.max() < 20, body, y)
    check(y.max() < 40, ValueError, "too big {}", y.max())
    kind = ms.ShapeDtypeStruct(y.shape, y.dtype)
    z = ms.pure_callback(np.sin, kind, y, vmap_method="expand_dims")
    w = io_callback(lambda v: v * 2, kind, z)
    debug.print("end {}", w.shape)
    return y + w, y


@pytest.fixture(scope="module")
def split():
    if len(ms.devices()) < 8:
        pytest.skip("needs eight devices")
    mesh = ms.Mesh(np.array(ms.devices()[:8]), ("d",))
    return mesh, ms.NamedSharding(mesh, ms.P("d"))


def test_once_in_order_with_whole_values(split, capsys):
    _, rows = split
    x = np.arange(8, dtype=np.float32)
    want = ms.jit(program)(x)
    lines = capsys.readouterr().out
    assert lines.startswith(
        "start [0. 1. 2. 3. 4. 5. 6. 7.]\nup 28.0\nloop 7.0\nloop 14.0\nend (8,)"
    )
    found = ms.jit(program)(ms.device_put(x, rows))
    captured = capsys.readouterr()
    assert captured.out == lines
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_layouts_asked_for_hold(split, capsys):
    _, rows = split
    f = ms.jit(program, in_shardings=rows, out_shardings=(rows, rows))
    a, b = f(np.arange(8, dtype=np.float32))
    assert a.sharding == rows
    assert b.sharding == rows
    gradient = ms.jit(ms.grad(lambda x: (debug.print("g {}", x.sum()), (x * x).sum())[1]))
    capsys.readouterr()
    assert gradient(ms.device_put(np.ones(8, np.float32), rows)).sharding == rows
    assert capsys.readouterr().out == "g 8.0\n"


def test_failures(split):
    _, rows = split
    f = ms.jit(program)
    for _ in range(2):
        with pytest.raises(ValueError, match="too big 50"):
            f(ms.device_put(np.full(8, 50, np.float32), rows))
    f(ms.device_put(np.arange(8, dtype=np.float32), rows))


def test_planned_programs(split, capsys):
    mesh, _ = split

    def f(x):
        y = x @ x.T
        debug.print("trace {}", mnp.trace(y))
        return lax.scan(lambda c, r: (c + r, debug.print("row {}", r[0])), y[0], y[1:3])[0]

    x = np.eye(16, dtype=np.float32)
    want = f(x)
    lines = capsys.readouterr().out
    np.testing.assert_allclose(ms.shard(f, mesh=mesh)(x), want)
    assert capsys.readouterr().out == lines


def test_every_device_of_a_manual_region(split, capsys):
    mesh, _ = split

    def piece(x):
        debug.print("piece {}", x)
        check(x[0] < 7.5, ValueError, "big {}", x)
        y = ms.pure_callback(np.sin, ms.ShapeDtypeStruct(x.shape, x.dtype), x)
        return y + lax.psum(x, "d")

    def whole(x):
        debug.print("before")
        y = ms.shard_map(piece, mesh=mesh, in_specs=ms.P("d"), out_specs=ms.P("d"))(x)
        debug.print("after")
        return y

    x = np.arange(8, dtype=np.float32)
    np.testing.assert_allclose(ms.jit(whole)(x), np.sin(x) + x.sum(), rtol=1e-6)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "before"
    assert lines[-1] == "after"
    assert sorted(lines[1:-1]) == [f"piece [{i}.]" for i in range(8)]
    with pytest.raises(ValueError, match="big"):
        ms.jit(whole)(x + 1)
