"""Programs of every primitive print and parse (law 13), and passes keep them (law 14)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ms_func  # noqa: F401 - registers all primitives
from ms_func.control_flow.rules import Deferred
from ms_func.dtypes import is_inexact
from ms_func.ir import evaluate, parse, to_text, verify
from ms_func.ir.primitive import NotSupported
from ms_func.ir.types import typeof
from ms_func.transforms.batch import batch
from ms_func.transforms.jvp import jvp
from ms_func.transforms.passes import simplify
from tests.cases.primitives import CASES, PRIMITIVES
from tests.primitives.test_rules import function

ON_REFERENCES = ("freeze", "new_ref", "ref_get", "ref_swap")
"""Programs with these stand in tests/refs."""
ROWS = [
    pytest.param(PRIMITIVES[name], case, id=f"{name}-{k}")
    for name, cases in sorted(CASES.items())
    if name not in ON_REFERENCES
    for k, case in enumerate(cases)
]


@pytest.mark.parametrize(("p", "case"), ROWS)
def test_law_13_printing_and_parsing_are_inverse(p: Any, case: Any):
    if any(isinstance(v, Deferred) for v in case.params.values()):
        return  # rules in Python, see tests/compat/test_export.py
    for dtype in case.dtypes:
        fn = function(p, case, case.arrays(dtype))
        verify(fn)
        text = to_text(fn)
        back = parse(text)
        verify(back)
        assert back == fn
        assert hash(back) == hash(fn)
        assert to_text(back) == text


@pytest.mark.parametrize(("p", "case"), ROWS)
def test_law_14_derived_programs_keep_their_meaning_when_simplified(p: Any, case: Any):
    if isinstance(p.ref, NotSupported):
        return
    arrays = case.arrays(case.widest)
    fn = function(p, case, arrays)
    derived = [(fn, arrays)]
    if not isinstance(p.jvp, NotSupported) and case.smooth:
        active = tuple(is_inexact(a.dtype) and i not in case.inactive for i, a in enumerate(arrays))
        made, _ = jvp(fn, active)
        derived.append(
            (made, [*arrays, *(a for a, live in zip(arrays, active, strict=True) if live)])
        )
    if not isinstance(p.batch, NotSupported) and case.batch_args is None and arrays:
        lanes = (0,) * len(arrays)
        made, _ = batch(fn, 2, lanes, ("any",) * len(fn.results))
        derived.append((made, [np.stack([a, a]) for a in arrays]))
    for made, args in derived:
        assert [typeof(a).dtype for a in args] == [t.dtype for t in made.in_types]
        verify(made)
        small = simplify(made)
        verify(small)
        assert small.out_types == made.out_types
        assert len(small.eqns) <= len(made.eqns)
        for a, b in zip(evaluate(made, *args), evaluate(small, *args), strict=True):
            if is_inexact(a.dtype) and a.dtype.kind in "fc":
                np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)
            else:
                np.testing.assert_array_equal(b, a)
