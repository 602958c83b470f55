"""Programs of several devices: each collective against NumPy, whole programs against XLA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ms_func as ms
import ms_func.numpy as mnp
from ms_func import lax
from ms_func.errors import UnsupportedError
from ms_func.sharding import Mesh, NamedSharding, P
from ms_func_ascend import (
    Graph,
    Options,
    SimulationError,
    UnsupportedOnAscend,
    describe,
    export,
    from_bytes,
    read,
    simulate,
    simulate_ranks,
    to_bytes,
    translate,
)
from ms_func_ascend.__main__ import main
from ms_func_ascend.backend import ReferenceExecutable
from ms_func_ascend.partition import partition
from tests.support.air_checker import disagreements
from tests.support.ascend import assert_same, element, read_back, tensor, values

RNG = np.random.default_rng(7)


def ranks_of(text: str, count: int, **options: Any) -> list[Graph]:
    """The graph of each device, read back from its file."""
    each = [translate(text, Options(rank=r, **options)) for r in range(count)]
    return [read_back(to_bytes(g)) for g in each]


def per_device(
    op: str, x: np.ndarray, shape: tuple[int, ...], region: str = "", count: int = 4
) -> str:
    """A module that is already the program of each of `count` devices."""
    out = tensor(shape, x.dtype)
    body = ""
    if region:
        e = f"tensor<{element(x.dtype)}>"
        body = f""" ({{
        ^bb0(%a: {e}, %b: {e}):
          %c = stablehlo.{region} %a, %b : {e}
          stablehlo.return %c : {e} }})"""
    kind = tensor(x.shape, x.dtype)
    return f"""module @m attributes {{mhlo.num_partitions = {count} : i32}} {{
  func.func public @main(%x: {kind}) -> {out} {{
    %r = "stablehlo.{op[: op.index("<")]}"(%x) {op[op.index("<") :]}{body} : ({kind}) -> {out}
    return %r : {out} }} }}"""


def groups(rows: list[list[int]]) -> str:
    """Attribute with groups of devices."""
    return f"replica_groups = dense<{rows}> : tensor<{len(rows)}x{len(rows[0])}xi64>"


PAIRS = [[0, 2], [3, 1]]
"""Two groups; the second is not in the order of the numbers."""


def together(text: str, xs: list[np.ndarray], **options: Any) -> list[np.ndarray]:
    graphs = ranks_of(text, len(xs), **options)
    return [made[0] for made in simulate_ranks(graphs, [[x] for x in xs])]


FOLD = {
    "add": np.add, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}  # fmt: skip


@pytest.mark.parametrize("kind", FOLD)
@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int32", "uint32", "uint64", "float32", "bfloat16",
              "float64", "complex64"],
)  # fmt: skip
def test_all_reduce(kind: str, dtype: str) -> None:
    """Every kind of every dtype; NaN and the limits of integers among the values."""
    floating = dtype in ("float32", "bfloat16", "float64", "complex64")
    if (floating and kind in ("and", "or", "xor")) or (
        dtype == "complex64" and kind in ("maximum", "minimum")
    ):
        return
    xs = [values(dtype, (3, 2), seed, special=kind not in ("add", "multiply")) for seed in (0, 1)]
    op = f"all_reduce<{{{groups([[1, 0]])}}}>"
    got = together(per_device(op, xs[0], (3, 2), kind, count=2), xs)
    fold = FOLD[kind]
    if dtype == "bool":
        fold = {"add": np.logical_or, "multiply": np.logical_and}.get(kind, fold)
    with np.errstate(all="ignore"):
        want = fold(xs[1], xs[0]).astype(xs[0].dtype)
    for each in got:
        assert_same(each, want)


@pytest.mark.parametrize("dtype", ["bool", "int16", "uint32", "bfloat16", "complex64"])
@pytest.mark.parametrize("dim", [0, 1])
def test_data_movement(dtype: str, dim: int) -> None:
    """Gathering, exchanging and scattering along any dimension, groups in any order."""
    xs = [values(dtype, (4, 6), seed) for seed in range(4)]
    other = 1 - dim
    shape = tuple(n * 2 if d == dim else n for d, n in enumerate((4, 6)))
    gather = f"all_gather<{{all_gather_dim = {dim} : i64, {groups(PAIRS)}}}>"
    exchange = (
        f"all_to_all<{{split_dimension = {dim} : i64, concat_dimension = {other} : i64, "
        f"split_count = 2 : i64, {groups(PAIRS)}}}>"
    )
    moved = tuple(n // 2 if d == dim else n * 2 for d, n in enumerate((4, 6)))
    gathered = together(per_device(gather, xs[0], shape), xs)
    exchanged = together(per_device(exchange, xs[0], moved), xs)
    for row in PAIRS:
        for place, rank in enumerate(row):
            assert_same(gathered[rank], np.concatenate([xs[r] for r in row], dim))
            mine = [np.split(xs[r], 2, dim)[place] for r in row]
            assert_same(exchanged[rank], np.concatenate(mine, other))


def test_older_headers_exchange_with_counts() -> None:
    xs = [values("float32", (4, 2), seed) for seed in range(2)]
    op = ("all_to_all<{split_dimension = 0 : i64, concat_dimension = 0 : i64, "
          f"split_count = 2 : i64, {groups([[0, 1]])}}}>")  # fmt: skip
    text = per_device(op, xs[0], (4, 2), count=2)
    older = together(text, xs, target="v1.8.0")
    assert "HcomAllToAllV" in ranks_of(text, 2, target="v1.8.0")[0].count()
    for got, want in zip(older, together(text, xs), strict=True):
        assert_same(got, want)


@pytest.mark.parametrize("dtype", ["int8", "uint32", "float32", "float64"])
@pytest.mark.parametrize("kind", ["add", "maximum"])
@pytest.mark.parametrize("dim", [0, 1])
def test_reduce_scatter(dtype: str, kind: str, dim: int) -> None:
    xs = [values(dtype, (4, 6), seed, special=False) for seed in range(4)]
    shape = tuple(n // 2 if d == dim else n for d, n in enumerate((4, 6)))
    op = f"reduce_scatter<{{scatter_dimension = {dim} : i64, {groups(PAIRS)}}}>"
    got = together(per_device(op, xs[0], shape, kind), xs)
    for row in PAIRS:
        total = FOLD[kind](xs[row[0]], xs[row[1]])
        for piece, rank in zip(np.split(total, 2, dim), row, strict=True):
            assert_same(got[rank], piece)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bool"])
@pytest.mark.parametrize("pairs", [[(0, 1), (1, 2), (2, 3), (3, 0)], [(0, 2), (2, 0), (3, 3)],
                                   [(1, 0), (2, 1)]])  # fmt: skip
def test_permutations_give_zeros_where_nothing_arrives(
    dtype: str, pairs: list[tuple[int, int]]
) -> None:
    xs = [values(dtype, (2, 3), seed) for seed in range(4)]
    listed = [list(p) for p in pairs]
    attribute = f"dense<{listed}> : tensor<{len(pairs)}x2xi64>"
    op = f"collective_permute<{{source_target_pairs = {attribute}}}>"
    got = together(per_device(op, xs[0], (2, 3)), xs)
    for rank in range(4):
        source = next((s for s, t in pairs if t == rank), None)
        assert_same(got[rank], np.zeros_like(xs[0]) if source is None else xs[source])


def test_broadcasts_and_numbers_of_devices() -> None:
    xs = [values("float32", (3,), seed) for seed in range(4)]
    got = together(per_device(f"collective_broadcast<{{{groups([[2, 1]])}}}>", xs[0], (3,)), xs)
    for rank, want in enumerate([0 * xs[2], xs[2], xs[2], 0 * xs[2]]):
        assert_same(got[rank], np.zeros_like(want) if rank in (0, 3) else want)
    text = """module @m attributes {mhlo.num_replicas = 3 : i32} {
  func.func public @main(%x: tensor<12xf32>) -> tensor<4xf32> {
    %r = stablehlo.replica_id : tensor<ui32>
    %i = stablehlo.convert %r : (tensor<ui32>) -> tensor<i32>
    %c = stablehlo.constant dense<4> : tensor<i32>
    %s = stablehlo.multiply %i, %c : tensor<i32>
    %y = stablehlo.dynamic_slice %x, %s, sizes = [4]
      : (tensor<12xf32>, tensor<i32>) -> tensor<4xf32>
    return %y : tensor<4xf32> } }"""
    x = np.arange(12, dtype=np.float32)
    graphs = ranks_of(text, 3)
    for rank, (y,) in enumerate(simulate_ranks(graphs, [[x]] * 3)):
        np.testing.assert_array_equal(y, x[4 * rank : 4 * rank + 4])
    # The number of the device is a constant, and so is all that follows from it.
    assert graphs[1].count() == {"Data": 1, "Const": 1, "Slice": 1}


SUM = f"all_reduce<{{{groups([[0, 1]])}}}>"
TWO_SUMS = per_device(SUM, np.zeros(2, np.float32), (2,), "add", 2)


def test_collectives_wait_for_each_other_and_are_never_dropped() -> None:
    """All devices start them in one order: by control edges, to the results of the graph."""
    text = TWO_SUMS.replace(
        "return %r", '%q = "stablehlo.all_gather"(%x) <{all_gather_dim = 0 : i64, '
        f"{groups([[0, 1]])}}}> : (tensor<2xf32>) -> tensor<4xf32>\n"
        "    %z = stablehlo.slice %q [0:2] : (tensor<4xf32>) -> tensor<2xf32>\n"
        "    %u = stablehlo.subtract %z, %z : tensor<2xf32>\n    return %r",
    )  # fmt: skip
    graph = ranks_of(text.replace("return %r", "%v = stablehlo.add %r, %u : tensor<2xf32>\n"
                                  "    return %v"), 2)[0]  # fmt: skip
    first, second = [n for n in graph.nodes if n.ranks]
    assert second.after is first
    assert graph.last is second
    assert first.attrs["group"] == "hccl_world_group"
    assert "ranks=[0, 1]" in describe(graph)


def test_devices_that_do_not_agree_are_an_error() -> None:
    graphs = ranks_of(TWO_SUMS, 2)
    x = np.ones(2, np.float32)
    with pytest.raises(SimulationError, match="wait for others that do not come: 0 in HcomAllRed"):
        simulate(graphs[0], [x])
    lonely = translate(TWO_SUMS, Options(rank=1))
    next(n for n in lonely.nodes if n.ranks).attrs["reduction"] = "max"
    with pytest.raises(SimulationError, match="different reduction"):
        simulate_ranks([graphs[0], lonely], [[x], [x]])
    with pytest.raises(UnsupportedOnAscend, match="device 2 is in none of its groups"):
        translate(TWO_SUMS, Options(rank=2))


def test_devices_are_counted_where_the_module_does_not_say() -> None:
    """Text that is only a function: its collectives name the devices."""
    text = TWO_SUMS.replace(" attributes {mhlo.num_partitions = 2 : i32}", "")
    files = export(text)
    assert sorted(files) == ["rank0.air", "rank1.air", "ranks.json"]


def test_long_groups_have_short_names() -> None:
    rows = [list(range(0, 80, 2)), list(range(1, 80, 2))]
    text = per_device(f"all_reduce<{{{groups(rows)}}}>", np.zeros(2, np.float32), (2,), "add", 80)
    names = {
        next(n for n in translate(text, Options(rank=r)).nodes if n.ranks).attrs["group"]
        for r in (0, 2, 78, 1)
    }
    assert len(names) == 2
    assert all(len(name) < 100 for name in names)


# -- whole programs ------------------------------------------------------------------------

MESH = Mesh((4, 2), ("x", "y"))


def put(x: np.ndarray, *spec: Any) -> Any:
    return ms.device_put(x, NamedSharding(MESH, P(*spec)))


def normal(*shape: int) -> np.ndarray:
    return (RNG.standard_normal(shape) * 0.3).astype(np.float32)


def agree(f: Any, *arguments: Any) -> None:
    """Eight files that fit each other, run side by side, give what XLA gives on eight devices."""
    files, want = ms.export(f, *arguments, backend="ascend"), ms.jit(f)(*arguments)
    assert disagreements(files) == []
    graphs = [from_bytes(files[f"rank{r}.air"]) for r in range(8)]
    got = ReferenceExecutable(graphs, json.loads(files["ranks.json"])).run(
        [np.asarray(x) for x in ms.tree.leaves(arguments)]
    )
    for g, w in zip(got, ms.tree.leaves(want), strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-5, atol=2e-6)


def test_every_collective_of_lax() -> None:
    def f(v: Any) -> Any:
        return (
            lax.psum(v, "x"), lax.pmax(v, ("x", "y")), lax.all_gather(v, "y", axis=1),
            lax.psum_scatter(v, "x", scatter_dimension=1, tiled=True),
            lax.all_to_all(v, "x", 1, 0, tiled=True),
            lax.ppermute(v, "x", [(0, 1), (1, 2), (2, 0)]),
            lax.pbroadcast(v, "y", 1), v + lax.axis_index("x"),
            lax.psum(v, "x", axis_index_groups=[[0, 3], [2, 1]]),
        )  # fmt: skip

    run = ms.shard_map(f, mesh=MESH, in_specs=P("x", "y"), out_specs=P("x", "y"), check_vma=False)
    agree(run, normal(8, 16))


def loss(p: Any, x: Any, y: Any) -> Any:
    return mnp.mean((mnp.tanh(x @ p["w1"] + p["b"]) @ p["w2"] - y) ** 2)


def train(p: Any, x: Any, y: Any) -> Any:
    value, grads = ms.value_and_grad(loss)(p, x, y)
    return value, ms.tree.map(lambda a, g: a - 0.1 * g, p, grads)


WEIGHTS = {"w1": normal(16, 32), "b": normal(32), "w2": normal(32, 8)}


@pytest.mark.parametrize("tensor_parallel", [pytest.param(False, marks=pytest.mark.slow), True])
def test_training_steps(tensor_parallel: bool) -> None:
    """Data parallel, and tensor parallel besides: the partitioner puts the sums in."""
    y = "y" if tensor_parallel else None
    p = {"w1": put(WEIGHTS["w1"], None, y), "b": put(WEIGHTS["b"], y),
         "w2": put(WEIGHTS["w2"], y, None)}  # fmt: skip
    agree(train, p, put(normal(16, 16), "x"), put(normal(16, 8), "x"))


@pytest.mark.slow
def test_functions_that_xlas_modules_spell_otherwise() -> None:
    def f(x: Any) -> Any:
        square = x.T @ x + mnp.eye(4, dtype=np.float32)
        return lax.erf(x), lax.top_k(x, 2), mnp.linalg.cholesky(square), mnp.linalg.eigh(square)[0]

    agree(f, put(normal(16, 4), "x"))


def test_split_programs_keep_complex_numbers_and_the_users_lines() -> None:
    def f(x: Any) -> Any:
        turned = mnp.fft.fft(x, axis=1) * np.complex64(-1j)
        return mnp.tanh(turned.real) @ x.T

    x = put(normal(16, 8), "x")
    agree(f, x)
    module = ms.jit(f).lower(x).compiler_ir()
    graph = translate(partition(module).program)
    line = f"{__file__}:{f.__code__.co_firstlineno + 2}"
    assert {n.source for n in graph.nodes if n.op == "Tanh"} == {line}
    assert any(n.source == line for n in graph.nodes if n.op.startswith("Hcom"))


@pytest.mark.slow
def test_a_loop_with_a_split_body() -> None:
    def run(ws: Any, x: Any) -> Any:
        h, _ = lax.scan(lambda h, w: (mnp.tanh(h @ w), None), x, ws)
        return mnp.sum(h**2)

    agree(ms.grad(run), put(normal(3, 16, 16), None, None, "y"), put(normal(8, 16), "x"))


@pytest.mark.slow
def test_neighbours_exchange_rows_of_a_split_image() -> None:
    def run(k: Any, x: Any) -> Any:
        numbers = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=numbers)

    agree(run, put(normal(3, 3, 2, 4), None, None, None, "y"), put(normal(2, 8, 6, 2), None, "x"))


def test_a_plan_of_shard_becomes_a_file_for_each_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = ms.shard(ms.value_and_grad(loss), mesh=8)
    x, y = normal(64, 16), normal(64, 8)
    files = ms.export(step, WEIGHTS, x, y, backend="ascend", path=tmp_path / "step.air")
    assert sorted(files) == [*(f"rank{r}.air" for r in range(8)), "ranks.json"]
    assert disagreements(files) == []
    assert (tmp_path / "step_rank5.air").read_bytes() == files["rank5.air"]
    held = json.loads((tmp_path / "step_ranks.json").read_text())
    assert held["devices"] == 8
    graphs = [read(tmp_path / f"step_rank{r}.air") for r in range(8)]
    used = {n.attrs["group"]: list(n.ranks) for g in graphs for n in g.nodes if n.ranks}
    assert used
    assert held["groups"] == used
    arrays = ms.tree.leaves((WEIGHTS, x, y))
    cut = [
        [a[tuple(slice(b, b + n) for b, n in zip(start, d["piece"], strict=True))]
         for a, d in zip(arrays, held["arguments"], strict=True) for start in [d["starts"][r]]]
        for r in range(8)
    ]  # fmt: skip
    first = simulate_ranks(graphs, cut)[0][0]
    np.testing.assert_allclose(first, loss(WEIGHTS, x, y), rtol=1e-5)
    main(["run", str(tmp_path / "step_ranks.json")])  # all of them, on random arguments
    assert "float32[]" in capsys.readouterr().out


def test_one_process_drives_one_card() -> None:
    with pytest.raises(UnsupportedError, match="program of 8 devices, and one process drives"):
        ms.jit(lambda v: v + 1, backend="ascend")(put(normal(8, 2), "x"))


def test_layouts_that_do_not_divide_are_made_coarser() -> None:
    text = """module @m attributes {mhlo.num_partitions = 4 : i32} {
  sdy.mesh @mesh = <["x"=4]>
  func.func public @main(%x: tensor<6xf32> {sdy.sharding = #sdy.sharding<@mesh, [{"x"}]>})
      -> (tensor<6xf32> {sdy.sharding = #sdy.sharding<@mesh, [{"x"}]>}) {
    %y = stablehlo.exponential %x : tensor<6xf32>
    return %y : tensor<6xf32> } }"""
    split = partition(text)
    x = np.arange(6, dtype=np.float32)
    pieces = split.arguments[0].split(x)
    assert [len(p) for p in pieces] == [3, 3, 3, 3]
    np.testing.assert_array_equal(split.results[0].join(pieces), x)
