"""Every public function says more than one line, and shows an example that runs.

`tests/docs/test_documents.py` runs the examples.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.surface.public import PUBLIC, bare

ALLOWED = set((Path(__file__).parent / "without_example.txt").read_text().split())
"""Names without an example when this test was written; none is added."""


@pytest.mark.parametrize("path", PUBLIC)
def test_public_functions_show_an_example(path: str) -> None:
    assert set(bare(path)) - ALLOWED == set()
