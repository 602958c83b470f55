"""Collectives read from compiled programs: every spelling of groups, loops, asynchronous forms."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func as ms
from ms_func import lax
from ms_func.parallel.hlo import collectives
from ms_func.sharding import Mesh, NamedSharding, P

MESH = Mesh((2, 4), ("a", "b"))


def entry(*lines):
    return "\n".join(["ENTRY %main (p: f32[4]) -> f32[4] {", *(f"  {x}" for x in lines), "}"])


@pytest.mark.parametrize(
    ("groups", "size"),
    [
        ("replica_groups={{0,1},{2,3},{4,5},{6,7}}", 2),
        ("replica_groups={{0,1,2,3},{4,5,6,7}}, use_global_device_ids=true", 4),
        ("replica_groups=[4,2]<=[8]", 2),
        ("replica_groups=[2,4]<=[4,2]T(1,0), use_global_device_ids=true", 4),
        ("replica_groups=mesh['axis_0'=2,'axis_1'=4] {'axis_1'}", 4),
        ("replica_groups=mesh['axis_0'=2,'axis_1'=4] {'axis_0','axis_1'}", 8),
        ("replica_groups=mesh['x'=4,'y'=1,'z'=2], device_ids=([2,4]T(1,0)) {'x'}", 4),
        ("replica_groups={}", 8),
        ("", 8),
    ],
)
def test_spellings_of_groups(groups, size):
    (found,) = collectives(entry(f"%r = f32[1024]{{0}} all-reduce(%p), {groups}, to_apply=%add"), 8)
    assert (found.kind, found.group, found.bytes, found.times) == ("all-reduce", size, 4096, 1)
    assert found.wire == 2 * (size - 1) / size * 4096


def test_kinds_and_their_bytes():
    four = "replica_groups={{0,1,2,3}}"
    text = entry(
        f"%a = (f32[8]{{0}}, bf16[4,4]{{1,0}}) all-reduce(%p, %q), {four}",
        f"%b = f32[64]{{0}} all-gather(%p), {four}, dimensions={{0}}",
        f"%c = f32[16]{{0}} reduce-scatter(%p), {four}, dimensions={{0}}",
        f"%d = (f32[2]{{0}}, f32[2]{{0}}, f32[4]{{0}}) all-to-all(%p, %p, %p), {four}",
        "%e = f32[8]{0} collective-permute(%p), source_target_pairs={{0,1},{1,0}}",
        "%f = f32[8]{0} collective-permute(%p), source_target_pairs={{0,0},{1,1}}",
        f"%g = (f32[16]{{0}}, f32[64]{{0}}) all-gather-start(%p), {four}",
        "%h = f32[64]{0} all-gather-done(%g)",
        "%i = pred[8]{0} all-reduce(%p), replica_groups={{0},{1}}",
    )
    found = {c.kind + str(k): c.wire for k, c in enumerate(collectives(text, 4))}
    assert found == {
        "all-reduce0": 1.5 * (32 + 32),
        "all-gather1": 0.75 * 256,
        "reduce-scatter2": 3 * 64,
        "all-to-all3": 0.75 * 32,
        "collective-permute4": 32,
        "collective-permute5": 0,
        "all-gather6": 0.75 * 256,
        "all-reduce7": 0,
    }


def test_loops_and_calls_multiply():
    text = "\n".join(
        [
            "%body (p: f32[4]) -> f32[4] {",
            "  %r = f32[4]{0} all-reduce(%p), replica_groups={{0,1}}",
            "}",
            entry(
                "%w = f32[4]{0} while(%p), condition=%c, body=%body, "
                'backend_config={"known_trip_count":{"n":"5"}}',
                "%k = f32[4]{0} call(%p), to_apply=%body",
            ),
        ]
    )
    assert sum(c.wire for c in collectives(text, 2)) == (5 + 1) * 16
    assert [c.times for c in collectives(text, 2)] == [6]


def test_a_compiled_loop():
    """By hand: each of 3 trips adds up [16, 16] float32 over 4 devices."""

    def on(*entries):
        return NamedSharding(MESH, P(*entries))

    def body(c, _):
        c = lax.with_sharding_constraint(c, on(None, "b"))
        c = lax.dot_general(c, c, (((1,), (0,)), ((), ())))
        return lax.with_sharding_constraint(c, on()), None

    f = ms.jit(lambda x: lax.scan(body, x, None, length=3)[0])
    compiled = f.lower(np.ones((16, 16), np.float32)).compile()
    sent = sum(c.wire for c in collectives(compiled.as_text(), 8) if c.group == 4)
    assert sent % (0.75 * 1024) == 0
    assert sent >= 3 * 0.75 * 1024
