"""Converted functions in notebooks and in the debugger."""

from __future__ import annotations

import gc
import importlib.util
import io
import linecache
import pdb
import weakref
from typing import Any

import pytest

import ms_func as ms
from ms_func.errors import StagingError


class Notebook:
    """Cells run in one namespace, each under a name of its own that `linecache` knows."""

    def __init__(self) -> None:
        self.space: dict[str, Any] = {"__name__": "__main__", "ms": ms}
        self.count = 0

    def run(self, text: str) -> dict[str, Any]:
        self.count += 1
        name = f"<ipython-input-{self.count}-{hash(text) & 0xFFFFFF:06x}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), self.space)
        return self.space


def test_a_cell_changed_and_run_again():
    """Callers in other cells see the new function when they are compiled again."""
    notebook = Notebook()
    cell = "def f(x):\n    while x < {0}:\n        x = x * 2\n    return x\n"
    caller = "def g(x):\n    return f(x) if x > 0 else -1.0\nh = ms.jit(g)\n"
    for limit, wanted in ((10, 12), (50, 96), (10, 12)):
        notebook.run(cell.format(limit))
        space = notebook.run(caller)
        assert float(space["h"](3.0)) == wanted
        assert float(space["h"](-3.0)) == -1
        assert float(ms.grad(space["f"])(3.0)) == wanted / 3


def test_errors_name_the_cell_and_show_its_line():
    notebook = Notebook()
    space = notebook.run("def f(x):\n    if x > 0:\n        w = (x,)\n    else:\n        w = [x]\n"
                         "    return w\n")  # fmt: skip
    with pytest.raises(StagingError) as caught:
        ms.jit(space["f"])(1.0)
    said = str(caught.value)
    assert said.startswith("<ipython-input-1-")
    assert ">:2: MS102" in said
    assert "    if x > 0:" in said


def test_conversion_leaves_nothing_to_collect():
    """After a first one, which imports the converter: some of its modules leave what they tried."""
    text = """
def f(x, n):
    def inner(y):
        return [z for z in y if z > n] if n > 2 else y
    while x < n:
        x = x + 1
        if x > 5:
            break
    return inner([x])
"""
    book = Notebook()
    book.run(text)
    ms.convert(book.space["f"])
    book.run(text)
    while gc.collect():  # of earlier tests: what a weak table held is found a round later
        pass
    gc.disable()
    try:
        converted = ms.convert(book.space["f"])
        assert gc.collect() < 10
    finally:
        gc.enable()
    assert converted(0, 9) == []


def test_a_namespace_that_is_dropped_goes_with_its_converted_functions():
    book = Notebook()
    book.run("def f(x):\n    while x < 3:\n        x = x + 1\n    return x\nh = ms.jit(f)\n")
    assert float(book.space["h"](1.0)) == 3
    mark = book.space["mark"] = Notebook()
    alive = weakref.ref(mark)
    del book, mark
    while gc.collect():
        pass
    assert alive() is None


def test_the_debugger_stops_in_a_loop_that_is_recorded(tmp_path):
    """At the user's line, with the user's names, of which some are traced."""
    path = tmp_path / "debugged.py"
    path.write_text(
        "def f(x, n):\n"
        "    total = 0.0\n"
        "    for i in range(n):\n"
        "        if x > i:\n"
        "            total = total + x\n"
        "    return total\n"
    )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    said = io.StringIO()
    commands = io.StringIO(f"break {path}:5\ncontinue\np sorted(locals())\np total.shape\n"
                           "clear 1\ncontinue\n")  # fmt: skip
    debugger = pdb.Pdb(stdin=commands, stdout=said, nosigint=True, readrc=False)
    jitted = ms.jit(module.f)
    value: Any = debugger.runcall(jitted, 2.5, 4)
    assert float(value) == 7.5
    text = said.getvalue()
    assert "debugged.py(5)f()" in text
    assert "-> total = total + x" in text
    assert "'total'" in text
    assert "()" in text.split("-> total = total + x")[1]
