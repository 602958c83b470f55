"""Every public function says more than one line, and shows an example.

`tests/docs/test_documents.py` runs the examples, and checks that it finds them.
"""

from __future__ import annotations

import pytest

from tests.surface.public import PUBLIC, bare


@pytest.mark.parametrize("path", PUBLIC)
def test_public_functions_show_an_example(path: str) -> None:
    assert bare(path) == []
