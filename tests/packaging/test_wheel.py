"""The wheel holds the three packages whole and nothing else, and works away from the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SHELVES = {"ms_func": ROOT, "ms_func_xla": ROOT / "backends", "ms_func_ascend": ROOT / "backends"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the wheel and the source distribution."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def test_wheel_contains_only_the_packages(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {*SHELVES, "ms_func-" + wheel.name.split("-")[1] + ".dist-info"}


def test_wheel_contains_every_file_of_the_packages(wheel: Path) -> None:
    """Code and data alike: what git would track, less compiled files."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(path.relative_to(shelf))
        for package, shelf in SHELVES.items()
        for path in (shelf / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in inside if ".dist-info/" not in name} == expected
    assert "ms_func/py.typed" in inside


def test_wheel_carries_the_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [n for n in archive.namelist() if n.endswith("LICENSE")]
    assert archive.read(name) == (ROOT / "LICENSE").read_bytes()


def test_source_distribution_builds_the_same_packages(built: Path) -> None:
    (found,) = built.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tops = {name.partition("/")[0] for name in names}
    assert {"ms_func", "backends", "tests", "docs", "README.md", "LICENSE"} <= tops
    assert not any(top.startswith((".venv", "build", "dist")) for top in tops)
    assert "tests/conftest.py" in names


def test_wheel_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are borrowed from the running environment, so nothing is downloaded."""
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install = [python, "-m", "pip", "install", "--no-index", "--no-deps", "-q", wheel]
    subprocess.run(install, check=True, capture_output=True)
    code = f"""
import sys
sys.path.append({sysconfig.get_path("purelib")!r})
import ms_func as ms, ms_func.numpy as np
from importlib.metadata import entry_points
assert ms.__file__.startswith({str(home)!r}), ms.__file__
print(float(ms.jit(ms.grad(lambda x: np.sin(x) * x))(0.5)))
print(sorted({{e.name for e in entry_points(group="ms_func.backends")}}))
import ms_func_ascend
"""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    slope, backends = done.stdout.splitlines()
    assert float(slope) == pytest.approx(0.4794255 + 0.5 * 0.8775826, rel=1e-5)
    assert backends == "['ascend', 'ascend-ref', 'xla']"
