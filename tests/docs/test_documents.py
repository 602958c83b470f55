"""The documents say what is true: their code runs, and the files they name are there."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ms_func
import ms_func.numpy
from ms_func import lax
from ms_func_ascend import read
from tests.surface.public import PUBLIC, documented

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("b*/README.md")]


def blocks(path: Path, language: str) -> list[str]:
    """Fenced blocks of a document."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Output of a Python process in which warnings are errors."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["README", "docs/python_subset"])
def test_the_block_of_a_page_runs(name: str, tmp_path: Path) -> None:
    """As a file: Python shows no library the source of `python -c`."""
    (block,) = blocks(ROOT / f"{name}.md", "python")
    (tmp_path / "page.py").write_text(block)
    run(tmp_path / "page.py")


@pytest.mark.parametrize("name", ["arrays", "as_jax", "extending", "state"])
def test_code_of_guides_runs(name: str) -> None:
    run("-c", "\n".join(blocks(ROOT / "docs" / f"{name}.md", "python")))


def test_errors_by_number_give_what_they_show() -> None:
    """Each number that the package raises has its section, with examples of it."""
    page = (ROOT / "docs" / "errors.md").read_text()
    sections = dict(re.findall(r"^## (MS\d+): (.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    source = "".join(path.read_text() for path in (ROOT / "ms_func").rglob("*.py"))
    assert set(sections) == set(re.findall(r"\bMS\d{3}\b", source))
    for number, section in sections.items():
        assert re.search(rf"^ms_func\.errors\.\w+:.*\n?.*{number}", section, re.MULTILINE)
    shown = "".join(blocks(ROOT / "docs" / "errors.md", "python"))
    test = doctest.DocTestParser().get_doctest(shown, {}, "errors.md", None, 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0


def test_readme_has_two_commands() -> None:
    main_job, tests = blocks(ROOT / "README.md", "sh")
    assert "docs/examples/digits.py" in main_job
    assert "-m pytest" in tests


def test_code_in_the_primitive_guide_is_the_source() -> None:
    for block in blocks(ROOT / "docs" / "adding_a_primitive.md", "python"):
        first, _, code = block.partition("\n")
        source = (ROOT / first.removeprefix("# ")).read_text()
        for piece in code.split("\n\n\n"):
            assert piece.strip() in source


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_named_in_documents_exist(path: Path) -> None:
    """Paths in backticks, from the root or from the folder of the document or of the package."""
    bases = [ROOT, path.parent, ROOT / "ms_func"]
    named = re.findall(r"`([\w./-]+\.(?:py|md|toml|json))`", path.read_text())
    absent = [n for n in named if not any((base / n).exists() for base in bases)]
    assert absent == []


MODULES = sorted(
    ".".join(path.relative_to(shelf).with_suffix("").parts).removesuffix(".__init__")
    for shelf, package in [(ROOT, "ms_func"), (ROOT / "backends", "ms_func_xla"),
                           (ROOT / "backends", "ms_func_ascend")]
    for path in (shelf / package).rglob("*.py")
    if ">>> " in path.read_text()
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str) -> None:
    """Examples see what users see: `ms`, `np`, `lax`, and the names of the module itself."""
    module = importlib.import_module(name)
    public = {**vars(lax), **vars(ms_func.numpy), **vars(ms_func)}
    names = {"ms": ms_func, "np": ms_func.numpy, "lax": lax}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in Finder().find(module, name, globs={**public, **vars(module), **names}):
        runner.run(test)
    assert runner.failures == 0
    assert runner.tries > 0


class Finder(doctest.DocTestFinder):
    """Finds the examples of decorated functions, too."""

    def _from_module(self, module: ModuleType, object: object) -> bool:
        """Whether what a decorator wraps is defined in the module."""
        return super()._from_module(module, inspect.unwrap(object) if callable(object) else object)


def test_examples_of_public_functions_are_among_those_that_run() -> None:
    """Not hidden by a decorator, or made where no module of these holds it."""
    finder = Finder()
    run = {e.docstring for name in MODULES for e in finder.find(importlib.import_module(name))}
    shown = {
        f"{path}.{name}": x.__doc__
        for path in PUBLIC
        for name, x in documented(importlib.import_module(path)).items()
        if ">>> " in (x.__doc__ or "")
    }
    assert [name for name, text in shown.items() if text not in run] == []


EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples_run(path: Path, tmp_path: Path) -> None:
    """Examples end in assertions of their own."""
    run(path, cwd=tmp_path)


@pytest.mark.slow
def test_digits_makes_its_plots(tmp_path: Path) -> None:
    printed = run(ROOT / "docs" / "examples" / "digits.py", "--out", tmp_path / "plots")
    for name in ("loss.png", "misread.png"):
        assert (tmp_path / "plots" / name).read_bytes().startswith(b"\x89PNG")
    accuracies = re.findall(r"^(\w+): ([\d.]+)% of 359 held-out digits read", printed, re.MULTILINE)
    assert {name for name, _ in accuracies} == {"mlp", "conv"}
    assert all(float(percent) >= 97 for _, percent in accuracies)


@pytest.mark.slow
def test_digits_splits_over_eight_devices(tmp_path: Path) -> None:
    printed = run(ROOT / "docs" / "examples" / "digits.py", "--devices", "8", "--out", tmp_path)
    assert "8" in printed.splitlines()[0]


@pytest.mark.slow
def test_digits_exports_to_ascend(tmp_path: Path) -> None:
    script = ROOT / "docs" / "examples" / "digits.py"
    run(script, "--export-ascend", tmp_path / "digits.air", "--out", tmp_path)
    graph = read(tmp_path / "digits.air")
    assert {"Conv2D", "MatMulV2"} <= {node.op for node in graph.nodes}
