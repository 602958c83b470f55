"""Cases of references, which have no meaning but that of `transforms.discharge`."""

from __future__ import annotations

from tests.cases.case import Arg, Case

_CASE = [Case((Arg((3,)),), {}, ("float64",), smooth=False)]
CASES = {"new_ref": _CASE, "ref_get": _CASE, "ref_swap": _CASE, "freeze": _CASE}
