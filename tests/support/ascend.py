"""Programs translated to Ascend operators, run from the bytes of their file, against XLA."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from ms_func_ascend import Graph, Options, from_bytes, simulate, to_bytes, translate
from tests.support import xla
from tests.support.air_checker import complaints

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
MLIR = {
    "bool": "i1", "bfloat16": "bf16", "float16": "f16", "float32": "f32", "float64": "f64",
    "complex64": "complex<f32>", "complex128": "complex<f64>",
}  # fmt: skip


def element(dtype: Any) -> str:
    """MLIR name of a dtype: `i32`, `ui8`, `f32`, ..."""
    name = np.dtype(dtype).name
    return MLIR.get(name) or name.replace("uint", "ui").replace("int", "i")


def tensor(shape: Any, dtype: Any) -> str:
    """MLIR tensor type."""
    return f"tensor<{''.join(f'{n}x' for n in shape)}{element(dtype)}>"


def typed(array: np.ndarray) -> str:
    """MLIR tensor type of an array."""
    return tensor(array.shape, array.dtype)


def module(body: str, arguments: list[np.ndarray], results: list[str], returned: str) -> str:
    """A module whose `main` takes %0, %1, ... and returns `returned`."""
    params = ", ".join(f"%arg{k}: {typed(a)}" for k, a in enumerate(arguments))
    kinds = ", ".join(results)
    return (
        f"func.func public @main({params}) -> ({kinds}) {{\n{body}\n"
        f"  return {returned} : {kinds}\n}}"
    )


def one_op(text: str, arguments: list[np.ndarray], result: str) -> str:
    """A module of one operation named %r."""
    return module(f"  %r = {text}", arguments, [result], "%r")


def both(text: str, *arguments: np.ndarray, **options: Any) -> tuple[Graph, list, list]:
    """The graph read back from its file, its results, and XLA's."""
    graph = read_back(to_bytes(translate(text, Options(**options))))
    return graph, simulate(graph, arguments), xla.run(text, *arguments)


def read_back(data: bytes) -> Graph:
    """The graph of a file that the independent reader has nothing against."""
    assert not complaints(data), "\n".join(complaints(data))
    return from_bytes(data)


def check(text: str, *arguments: np.ndarray, rtol: float | None = None, **options: Any) -> Graph:
    """Translate, write, read, run; compare with XLA. Returns the graph."""
    graph, got, want = both(text, *arguments, **options)
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert_same(g, w, rtol)
    return graph


def check_many(
    cases: dict[str, tuple[str, str]], *arguments: np.ndarray, rtol: Any = None
) -> Graph:
    """Check many operations on the same arguments in one module: name -> (operation, type)."""
    body = "\n".join(f"  %r{k} = {text}" for k, (text, _) in enumerate(cases.values()))
    kinds = [kind for _, kind in cases.values()]
    text = module(body, list(arguments), kinds, ", ".join(f"%r{k}" for k in range(len(kinds))))
    graph, got, want = both(text, *arguments)
    wrong = []
    for name, g, w in zip(cases, got, want, strict=True):
        try:
            assert_same(g, w, rtol)
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)
    return graph


TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-5, "complex64": 4e-5,
             "float64": 1e-12, "complex128": 1e-12}  # fmt: skip


def assert_same(got: np.ndarray, want: np.ndarray, rtol: float | None = None) -> None:
    """Equal for integers and booleans, close for floats, NaN and infinities in the same places."""
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    if got.dtype.kind in "iub":
        np.testing.assert_array_equal(got, want)
        return
    rtol = rtol or TOLERANCE[got.dtype.name]
    wide = np.complex128 if got.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(got.astype(wide), want.astype(wide), rtol=rtol, atol=rtol)


def values(dtype: Any, shape: Any, seed: int = 0, special: bool = True) -> np.ndarray:
    """Random values, with the difficult ones of the dtype among them."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        low, high = (-9, 10) if dtype.kind == "i" else (0, 12)
        made = np.asarray(rng.integers(low, high, shape)).astype(dtype)
        limits = np.iinfo(dtype)
        hard = [0, 1, limits.min, limits.max, limits.max - 1, limits.min + 1]
    elif dtype.kind == "c":
        part = np.dtype(f"f{dtype.itemsize // 2}")
        real, imag = (values(part, shape, seed + k, False) for k in (0, 1))
        return (real + 1j * imag).astype(dtype)
    else:
        made = np.asarray(rng.standard_normal(shape)).astype(dtype)
        hard = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 0.5, -2.5, 1e4, -1e4]
    if special and made.size:
        flat = made.reshape(-1)
        places = rng.integers(0, flat.size, max(1, flat.size // 3))
        flat[places] = np.array(hard, dtype)[rng.integers(0, len(hard), places.size)]
    return made
