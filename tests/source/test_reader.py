"""The source of a function is found exactly, or not at all."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import linecache
import os
import subprocess
import sys
import textwrap
import warnings
import zipfile
from typing import Any

import numpy as np
import pytest

import ms_func as ms
from ms_func.errors import TracerBoolConversionError, UnsupportedError
from ms_func.source import convert, reader

ONE, TWO = (lambda x: 1 if x > 0 else 2), (lambda x: 3 if x > 0 else 4)
NESTED = lambda x: lambda y: x if y > x else y  # noqa: E731
SPREAD = [
    lambda
    x,
    y=2: x
    if x > y
    else y
]  # fmt: skip


def test_lambdas_on_one_line_are_told_apart():
    assert [float(ms.jit(f)(1.0)) for f in (ONE, TWO)] == [1, 3]
    a, b, c = [lambda x: x if x > 0 else 0, lambda x: x if x < 0 else 0, lambda x: x or 7]
    assert [float(ms.jit(f)(-2.0)) for f in (a, b, c)] == [0, -2, -2]


def test_lambda_in_a_lambda_and_over_several_lines():
    assert float(ms.jit(NESTED(2.0))(3.0)) == 2
    assert float(ms.jit(lambda x: NESTED(x)(5.0))(1.0)) == 1
    assert float(ms.jit(SPREAD[0])(1.0)) == 2


def test_a_lambda_of_which_python_left_out_a_part():
    f = lambda x: (np.sin(x) if x > 0 else x) if True else 0.0  # noqa: E731
    g, h = lambda x: x if 1 else 3, lambda x: 2 * x if False else abs(x or 1.0)
    assert [float(ms.jit(k)(-2.0)) for k in (f, g, h)] == [-2, -2, 2]
    assert "ifexp" in ms.converted_source(f)


def test_equal_lambdas_with_other_cells():
    fs = [lambda x, k=k: x * k if x > 0 else x for k in range(3)]
    assert [float(ms.jit(f)(1.0)) for f in fs] == [0, 1, 2]


def doubled(times: int) -> Any:
    def wrap(f: Any) -> Any:
        return lambda *args: times * f(*args)

    return wrap


@doubled(2)
@doubled(
    3,
)
def decorated(x):
    if x > 0:
        return x
    return -x


def test_decorators_are_not_applied_again():
    assert float(ms.jit(decorated)(-1.0)) == 6


@ms.jit
@ms.grad
def decorated_by_transforms(x):
    text = """
def decorated_by_transforms(x):
    return 0
"""
    if x > 0:
        return x * len(text) * 0 + x * x
    return x


def test_decorated_by_transforms_and_text_at_the_margin():
    assert float(decorated_by_transforms(3.0)) == 6
    assert float(decorated_by_transforms(-3.0)) == 1


class Model:
    __scale = 3.0

    def __call__(self, x):
        return self.__scale * x if x > 0 else self.__other(x)

    def __other(self, x):
        if x < -1:
            return x * 2
        return x

    @staticmethod
    def still(x):
        return x if x > 0 else 0.0

    @classmethod
    def made(cls, x):
        return cls.still(x) if x < 5 else 5.0

    class Inner:
        __scale = 7.0

        def f(self, x):
            return self.__scale if x > 0 else x


def test_methods_and_private_names():
    m = Model()
    assert [float(ms.jit(m)(x)) for x in (1.0, -0.5, -2.0)] == [3, -0.5, -4]
    assert float(ms.jit(Model.still)(-1.0)) == 0
    assert float(ms.jit(Model.made)(9.0)) == 5
    assert float(ms.jit(Model.Inner().f)(1.0)) == 7


def test_one_line_definitions():
    def f(x): return x if x > 0 else -x  # fmt: skip

    if True: g = lambda x: f(x) if x else 1.0  # fmt: skip  # noqa: E701, E731

    assert float(ms.jit(f)(-2.0)) == 2
    assert float(ms.jit(g)(-2.0)) == 2


def cell(text: str, name: str = "<ipython-input-1-abc>") -> dict[str, Any]:
    """Run a notebook cell: its source is in `linecache` only."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), space)
    return space


def test_notebook_cells():
    space = cell(
        "def f(x):\n    if x > 0:\n        return x\n    return -x\ng = lambda x: x or 2.0\n"
    )
    assert float(ms.jit(space["f"])(-2.0)) == 2
    assert float(ms.jit(space["g"])(0.0)) == 2


def test_a_cell_run_again_under_another_name_has_its_own_source():
    old = cell("def f(x):\n    return 1.0 if x > 0 else 2.0\n", "/tmp/ipykernel_1/11.py")
    new = cell("def f(x):\n    return 3.0 if x > 0 else 4.0\n", "/tmp/ipykernel_1/22.py")
    assert [float(ms.jit(s["f"])(1.0)) for s in (old, new)] == [1, 3]


def test_what_is_known_of_functions_goes_when_they_go():
    """Nor is it forgotten before, however many there are: it may be that they are marked."""

    def known() -> int:
        gc.collect()
        return len(convert._known)

    def use() -> None:
        f = cell("def f(x):\n    return [v if v > 0 else -v for v in (x, -x)]\n")["f"]
        converted = ms.convert(f)
        del f
        assert [float(v) for v in ms.make_ir(converted)(-1.0) and converted(-1.0)] == [1, 1]

    use()
    before = known()
    for _ in range(20):
        use()
    assert known() == before


def without_source() -> Any:
    space: dict[str, Any] = {}
    exec("def f(x):\n    if x > 0:\n        return x\n    return -x\n", space)
    return space["f"]


@pytest.mark.parametrize("other", [None, "def g(x):\n", "def f(x):\n    return x or 3.0\n"])
def test_without_source_python_traces_and_the_error_says_why(other, monkeypatch):
    """Also where `linecache` knows another text by the same name."""
    if other is None:
        monkeypatch.delitem(linecache.cache, "<string>", raising=False)
    else:
        entry = (len(other), None, other.splitlines(keepends=True), "<string>")
        monkeypatch.setitem(linecache.cache, "<string>", entry)
    f = without_source()
    assert float(f(-1.0)) == 1
    with pytest.raises(TracerBoolConversionError, match="MS104 `f` was not converted") as caught:
        ms.jit(f)(1.0)
    assert "source of <string> cannot be read" in str(caught.value)
    with pytest.raises(UnsupportedError, match="MS104 `f` cannot be converted"):
        ms.jit(f, convert=True)(1.0)
    with pytest.raises(UnsupportedError, match="cannot be converted"):
        ms.convert(f)
    with pytest.raises(UnsupportedError, match="cannot be converted"):
        ms.converted_source(f)


def module(path: Any, text: str) -> Any:
    path.write_text(textwrap.dedent(text))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_a_file_changed_after_it_was_loaded_is_not_believed(tmp_path):
    path = tmp_path / "changing.py"
    old = module(path, "def f(x):\n    return x + 1 if x > 0 else x\n")
    path.write_text("def f(x):\n    return x - 10 if x > 0 else x\n")
    linecache.checkcache(str(path))
    with pytest.raises(UnsupportedError, match="has changed since `f` was loaded"):
        ms.convert(old.f)
    new = module(path, "def f(x):\n    return x - 10 if x > 0 else x\n")  # pyc files know sizes
    assert float(ms.jit(new.f)(3.0)) == -7


def test_a_file_changed_and_loaded_again(tmp_path):
    path = tmp_path / "reloaded.py"
    for k in (1, 22, 333):
        f = module(path, f"\n\ndef f(x):\n    return {k}.0 if x > 0 else 0.0\n").f
        assert float(ms.jit(f)(1.0)) == k


def test_a_file_written_after_the_start_may_call_what_it_imports(tmp_path):
    """Python compiles `name.f()` otherwise where the file imports the name."""
    text = """
        import math
        from math import pi as half
        import os.path

        def f(x):
            half.real
            return math.cos(x) if x > half.conjugate() else os.path.join("a").count("a") * x
        """
    f = module(tmp_path / "calling.py", text).f
    assert float(ms.jit(f)(3.0)) == 3
    assert "ifexp" in ms.converted_source(f)


def test_modules_in_a_zip(tmp_path, monkeypatch):
    name = f"zipped_{os.getpid()}"
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as z:
        z.writestr(f"{name}.py", "def f(x):\n    return x if x > 0 else -x\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib.zip"))
    assert float(ms.jit(importlib.import_module(name).f)(-4.0)) == 4


def test_a_script_run_from_a_relative_path(tmp_path):
    (tmp_path / "script.py").write_text(
        "import os, ms_func as ms\n"
        "def f(x):\n    while x < 10:\n        x = x * 2\n    return x\n"
        "os.chdir('/')\nprint(float(ms.jit(f)(1.0)))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path if p)}
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=env, text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "16.0"


def test_the_text_of_a_command(tmp_path):
    """`python -c`, also where asserts are left out; text that was run by `exec` is another."""
    text = (
        "import ms_func as ms\n"
        "def f(x):\n    while x < 10:\n        x = x * 2\n    return x\n"
        "space = {'__name__': '__main__'}\n"
        "exec('def f(x):\\n    return x if x > 0 else 7 * x', space)\n"
        "print(float(ms.jit(f)(1.0)), float(ms.jit(lambda x: 3.0 if x > 0 else x)(1.0)))\n"
        "try:\n    ms.jit(space['f'])(1.0)\n"
        "except TypeError as error:\n    print('MS104' in str(error))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path if p)}
    done = subprocess.run([sys.executable, "-O", "-c", text, "an", "argument"], cwd=tmp_path,
                          env=env, text=True, capture_output=True, check=True)  # fmt: skip
    assert done.stdout.split() == ["16.0", "3.0", "True"]


def test_missing_columns_leave_only_what_is_certain():
    a, _ = (lambda x: 1 if x else 2), (lambda x: 3 if x else 4)
    with pytest.raises(reader.SourceMissing):
        reader.read(a.__code__.replace(co_linetable=b""), globals())


def test_functions_read_once_are_found_by_their_code():
    def f(x):
        return x if x > 0 else -x

    first = convert.for_call(f)
    assert convert.for_call(f).__code__ is first.__code__
    assert convert.for_call(first) is first


def test_what_python_warned_of_is_said_once(tmp_path):
    with warnings.catch_warnings(action="ignore"):  # a sequence without meaning, a jump like that
        f = module(tmp_path / "warned.py", """
            def f(x):
                '\\d'
                try:
                    x = -x if x > 0 else x
                finally:
                    return x
        """).f  # fmt: skip
    assert float(ms.jit(f)(3.0)) == -3
    assert "return x" in ms.converted_source(f)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="functions have no type parameters")
def test_parameters_of_types_are_no_part_of_the_function(tmp_path):
    f = module(tmp_path / "generic.py", """
        def f[T](x: T, y: T = 2.0) -> T:
            return x * y if x > 0 else x
    """).f  # fmt: skip
    assert float(ms.jit(f)(3.0)) == 6


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")
def test_annotations_may_name_what_is_not_there(tmp_path):
    f = module(tmp_path / "later.py", """
        def f(x: Missing, flag: Missing = True, n: Missing = 2.0) -> Missing:
            return x * n if x > 0 and flag else x
    """).f  # fmt: skip
    assert float(ms.convert(f)(3.0)) == 6
    assert float(ms.jit(f, static_argnames="flag")(3.0, flag=False)) == 3
    assert float(ms.grad(ms.checkpoint(f, static_argnums=1))(3.0, True)) == 2
    held = ms.custom_vjp(f, nondiff_argnames=("flag",))
    held.defvjp(lambda x, flag, n: (f(x, flag, n), n), lambda flag, n, g: (g * n, g * 0))
    assert float(ms.grad(held)(3.0)) == 2
