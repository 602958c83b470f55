"""Every sentence of the standard about special values, on all operands it speaks of."""

from __future__ import annotations

import numpy as np
import pytest

import ms_func.numpy as xp
from tests.array_api.special_values import Sentence, grid, sentences

pytest.importorskip("array_api_stubs")
from array_api_stubs._draft import elementwise_functions

CASES: dict[tuple[str, tuple[str, ...]], list[Sentence]] = {}
for _sentence in sentences(elementwise_functions):
    CASES.setdefault((_sentence.function, _sentence.names), []).append(_sentence)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}({','.join(case[1])})")
def test_special_values(case):
    name, names = case
    given = grid(names)
    columns = [np.array([g[n] for g in given]) for n in names]
    kinds = ["float32", "float64"]
    if names == ("a", "b"):
        columns = [np.array([complex(g["a"], g["b"]) for g in given])]
        kinds = ["complex64", "complex128"]
    for kind in kinds:
        arrays = [xp.asarray(c, dtype=getattr(xp, kind)) for c in columns]
        outs = np.asarray(getattr(xp, name)(*arrays)).tolist()
        for sentence in CASES[case]:
            fitting = [i for i, g in enumerate(given) if sentence.applies(g)]
            assert fitting, f"nothing fits: {sentence.text}"
            for i in fitting:
                assert sentence.holds(given[i], outs[i]), (given[i], outs[i], sentence.text)


def test_a_wrong_result_is_seen():
    text = "If ``x_i`` is ``-0``, the result is ``-0``."
    assert not Sentence("ceil", text).holds({"x_i": -0.0}, 0.0)
    text = "If ``a`` is ``+0`` and ``b`` is ``NaN``, the result is ``NaN + 0j``."
    assert not Sentence("exp", text).holds({"a": 0.0, "b": np.nan}, complex(np.nan, -0.0))
    with pytest.raises(AttributeError):
        Sentence("ceil", "If ``x_i`` is blue, the result is ``1``.").applies({"x_i": 0.0})
