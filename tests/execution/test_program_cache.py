"""Compiled programs are forgotten when told to, and before the process runs out of memory maps."""

from __future__ import annotations

import gc

import pytest

import ms_func as ms
from ms_func.execution import program_cache
from ms_func.execution.program_cache import MemoryMaps
from ms_func.once import once


@pytest.fixture
def proc(tmp_path):
    """What Linux says of a process that may have 10,000 maps."""
    (tmp_path / "sys" / "vm").mkdir(parents=True)
    (tmp_path / "sys" / "vm" / "max_map_count").write_text("10000\n")
    (tmp_path / "self").mkdir()

    def has(count):
        (tmp_path / "self" / "maps").write_text("7f00-7f01 r-xp\n" * count)
        return str(tmp_path)

    return has


def test_the_half_not_asked_for_goes_when_most_maps_are_taken(proc, monkeypatch):
    monkeypatch.setattr(program_cache, "_programs", type(program_cache._programs)())
    monkeypatch.setattr(program_cache, "maps", MemoryMaps(proc(100)))
    for i in range(100):
        program_cache.keep(i, str(i))
    assert program_cache.find(0) == "0"
    proc(7600)
    program_cache.maps.wait = 4
    for i in range(100, 104):
        program_cache.keep(i, str(i))
    gone = [i for i in range(104) if program_cache.find(i) is None]
    assert gone == list(range(1, 53))  # the first was asked for


def test_more_may_be_forgotten_than_there_are(monkeypatch):
    monkeypatch.setattr(program_cache, "_programs", type(program_cache._programs)(a=1, b=2))
    program_cache.forget(5)  # another thread has forgotten some since they were counted
    assert not program_cache._programs


def test_what_is_made_once_is_made_for_each_choice_of_arguments():
    made = once(lambda name, suffix="": [name + suffix])
    assert made("a") is made("a") == ["a"]
    assert made(name="a") is made(name="a")
    assert made(name="b") == ["b"]
    assert made("a", suffix="!") == ["a!"]


def test_maps_are_counted_seldom_while_there_are_few(proc):
    maps = MemoryMaps(proc(100))
    maps.granted = 200_000
    maps.wait = 1
    maps.another()
    assert maps.wait == (150_000 - 100) // 128


def test_a_system_without_such_a_limit(tmp_path):
    maps = MemoryMaps(str(tmp_path))
    assert maps.granted is None
    for _ in range(20):
        maps.another()


@pytest.mark.skipif(program_cache.maps.granted is None, reason="no limit on memory maps here")
def test_many_programs_do_not_take_more_and_more_maps(monkeypatch):
    float(ms.jit(lambda x: x + 0.5)(2.0))  # the runtime starts its threads
    gc.collect()
    maps = MemoryMaps()
    before = maps._count()
    maps.granted, maps.wait = 4 * (before + 60) // 3, 1
    monkeypatch.setattr(program_cache, "maps", maps)
    functions = [ms.jit(lambda x, i=i: x * (i + 0.123) - i) for i in range(60)]
    for i, f in enumerate(functions):
        assert abs(float(f(2.0)) - (2 * (i + 0.123) - i)) < 1e-5
    assert maps._count() < before + 120  # each holds three or more
    assert float(functions[0](2.0)) == pytest.approx(0.246)


def test_cleared_caches_record_and_compile_again():
    seen = []

    @ms.jit
    def f(x):
        seen.append(x)
        return x + 1

    assert float(f(1.0)) == float(f(1.0)) == 2.0
    assert len(seen) == 1
    ms.clear_caches()
    assert float(f(1.0)) == 2.0
    assert len(seen) == 2
