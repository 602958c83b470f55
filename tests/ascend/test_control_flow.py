"""while, if and case run as sub-graphs with what they capture; calls are inlined."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.ascend import check, module, typed, values

X = values("float32", (3,), 1, special=False)
KIND = "tensor<3xf32>"


def loop(body: str, cond: str = "%limit") -> str:
    """i counts up to the limit while x changes by `body`, which defines %next."""
    return f"""  %zero = stablehlo.constant dense<0> : tensor<i32>
  %limit = stablehlo.constant dense<5> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %s:2 = stablehlo.while(%i = %zero, %x = %arg0) : tensor<i32>, {KIND}
    cond {{
      %c = stablehlo.compare LT, %i, {cond} : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    }} do {{
      %n = stablehlo.add %i, %one : tensor<i32>
{body}
      stablehlo.return %n, %next : tensor<i32>, {KIND}
    }}"""


def test_a_loop_that_captures() -> None:
    """An outer value is carried along; outer constants are made again inside."""
    y = values("float32", (3,), 2, special=False)
    body = loop(f"""      %two = stablehlo.constant dense<2.0> : {KIND}
      %d = stablehlo.multiply %x, %two : {KIND}
      %next = stablehlo.add %d, %arg1 : {KIND}""")
    graph = check(module(body, [X, y], ["tensor<i32>", KIND], "%s#0, %s#1"), X, y)
    (node,) = (n for n in graph.nodes if n.op == "While")
    assert len(node.inputs) == 3  # i, x and the captured argument; the limit is a constant
    cond, body_graph = node.graphs
    assert len(cond.results) == 1
    assert len(body_graph.results) == 3
    assert body_graph.results[2].node.op in ("Identity", "Data")


def test_a_limit_known_at_run_time() -> None:
    limit = np.array(4, np.int32)
    body = loop(f"      %next = stablehlo.add %x, %x : {KIND}", "%arg1")
    text = module(body, [X, limit], ["tensor<i32>", KIND], "%s#0, %s#1")
    check(text, X, limit)
    check(text, X, np.array(-1, np.int32))


def test_loops_in_branches_in_loops() -> None:
    inner = f"""      %k = stablehlo.constant dense<2> : tensor<i32>
      %p = stablehlo.compare GT, %i, %k : (tensor<i32>, tensor<i32>) -> tensor<i1>
      %next = "stablehlo.if"(%p) ({{
        %t:2 = stablehlo.while(%j = %zero, %v = %x) : tensor<i32>, {KIND}
          cond {{
            %e = stablehlo.compare LT, %j, %i : (tensor<i32>, tensor<i32>) -> tensor<i1>
            stablehlo.return %e : tensor<i1>
          }} do {{
            %m = stablehlo.add %j, %one : tensor<i32>
            %w = stablehlo.subtract %v, %arg1 : {KIND}
            stablehlo.return %m, %w : tensor<i32>, {KIND}
          }}
        stablehlo.return %t#1 : {KIND}
      }}, {{
        %u = stablehlo.add %x, %x : {KIND}
        stablehlo.return %u : {KIND}
      }}) : (tensor<i1>) -> {KIND}"""
    y = values("float32", (3,), 2, special=False)
    graph = check(module(loop(inner), [X, y], ["tensor<i32>", KIND], "%s#0, %s#1"), X, y)
    assert graph.count()["While"] == 2
    assert graph.count()["If"] == 1
    names = [g.name for g in graph.walk()]
    assert len(set(names)) == len(names) == 7


@pytest.mark.parametrize("taken", [True, False])
def test_branches(taken: bool) -> None:
    p = np.array(taken)
    body = f"""  %r:2 = "stablehlo.if"(%arg0) ({{
    %a = stablehlo.tanh %arg1 : {KIND}
    stablehlo.return %a, %arg1 : {KIND}, {KIND}
  }}, {{
    %c = stablehlo.constant dense<7.0> : {KIND}
    stablehlo.return %c, %c : {KIND}, {KIND}
  }}) : (tensor<i1>) -> ({KIND}, {KIND})"""
    check(module(body, [p, X], [KIND, KIND], "%r#0, %r#1"), p, X)


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 3, 2**31 - 1])
def test_an_index_outside_the_branches_takes_the_last(index: int) -> None:
    i = np.array(index, np.int32)
    branches = ", ".join(
        f"""{{
    %c = stablehlo.constant dense<{k}.0> : {KIND}
    %a = stablehlo.add %arg1, %c : {KIND}
    stablehlo.return %a : {KIND} }}"""
        for k in range(3)
    )
    body = f'  %r = "stablehlo.case"(%arg0) ({branches}) : (tensor<i32>) -> {KIND}'
    check(module(body, [i, X], [KIND], "%r"), i, X)


def test_broadcast_values_are_carried_at_full_shape() -> None:
    """A loop's carried value has the shape of its type, however small its start is."""
    body = f"""  %z = stablehlo.constant dense<0.0> : {KIND}
  %n = stablehlo.constant dense<3.0> : tensor<f32>
  %s = stablehlo.while(%x = %z) : {KIND}
    cond {{
      %i = stablehlo.constant dense<0.0> : tensor<f32>
      %m = stablehlo.reduce(%x init: %i) applies stablehlo.add across dimensions = [0]
        : ({KIND}, tensor<f32>) -> tensor<f32>
      %c = stablehlo.compare LT, %m, %n : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    }} do {{
      %y = stablehlo.abs %arg0 : {KIND}
      %w = stablehlo.add %x, %y : {KIND}
      stablehlo.return %w : {KIND}
    }}"""
    check(module(body, [X], [KIND], "%s"), X)


@pytest.mark.parametrize("taken", [True, False])
def test_what_has_no_elements_does_not_go_through(taken: bool) -> None:
    """It is neither an argument nor a result of the sub-graphs, and still a result of the node."""
    none = np.zeros((0, 3), np.float32)
    kinds = [typed(none), KIND]
    body = f"""  %r:2 = "stablehlo.if"(%arg0) ({{
    %a = stablehlo.tanh %arg1 : {kinds[0]}
    stablehlo.return %a, %arg2 : {kinds[0]}, {KIND}
  }}, {{
    %b = stablehlo.abs %arg2 : {KIND}
    stablehlo.return %arg1, %b : {kinds[0]}, {KIND}
  }}) : (tensor<i1>) -> ({kinds[0]}, {KIND})
  %s:2 = stablehlo.while(%x = %r#0, %y = %r#1) : {kinds[0]}, {KIND}
    cond {{
      %i = stablehlo.constant dense<-9.0> : tensor<f32>
      %n = stablehlo.constant dense<3.0> : tensor<f32>
      %m = stablehlo.reduce(%y init: %i) applies stablehlo.maximum across dimensions = [0]
        : ({KIND}, tensor<f32>) -> tensor<f32>
      %c = stablehlo.compare LT, %m, %n : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    }} do {{
      %o = stablehlo.constant dense<1.0> : {KIND}
      %w = stablehlo.add %y, %o : {KIND}
      stablehlo.return %x, %w : {kinds[0]}, {KIND}
    }}"""
    p = np.array(taken)
    graph = check(module(body, [p, none, X], kinds, "%s#0, %s#1"), p, none, X)
    assert [len(n.outputs) for n in graph.nodes if n.op in ("If", "While")] == [1, 1]


def test_calls_and_composites_are_inlined() -> None:
    text = f"""func.func private @twice(%x: {KIND}) -> {KIND} {{
  %r = stablehlo.add %x, %x : {KIND}
  return %r : {KIND}
}}
func.func private @four(%x: {KIND}) -> {KIND} {{
  %a = call @twice(%x) : ({KIND}) -> {KIND}
  %b = func.call @twice(%a) : ({KIND}) -> {KIND}
  return %b : {KIND}
}}
func.func public @main(%arg0: {KIND}) -> {KIND} {{
  %a = call @four(%arg0) : ({KIND}) -> {KIND}
  %b = stablehlo.composite "own.name" %a {{decomposition = @twice}} : ({KIND}) -> {KIND}
  return %b : {KIND}
}}"""
    assert check(text, X).count() == {"Data": 1, "Add": 3}


def test_a_mapped_body_runs_on_whole_arrays() -> None:
    body = f"""  %r = "stablehlo.map"(%arg0, %arg0) ({{ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = stablehlo.multiply %a, %b : tensor<f32>
    stablehlo.return %c : tensor<f32> }}) {{dimensions = array<i64: 0>}}
    : ({typed(X)}, {typed(X)}) -> {KIND}"""
    assert check(module(body, [X], [KIND], "%r"), X).count() == {"Data": 1, "Mul": 1}


def test_a_barrier_costs_nothing() -> None:
    body = f"""  %a:2 = stablehlo.optimization_barrier %arg0, %arg0 : {KIND}, {KIND}
  %r = stablehlo.add %a#0, %a#1 : {KIND}"""
    assert check(module(body, [X], [KIND], "%r"), X).count() == {"Data": 1, "Add": 1}
