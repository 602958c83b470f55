"""Every case, in the order of the table."""

from benchmarks.case import Case
from benchmarks.cases import dispatch, kernels, loops, source, staging, steady

IMPORT = Case("import", "import in a fresh process", None, 0.55, 0.42)

CASES = [
    *staging.CASES, *dispatch.CASES, IMPORT, *steady.CASES, *kernels.CASES, *loops.CASES,
    *source.CASES,
]  # fmt: skip
