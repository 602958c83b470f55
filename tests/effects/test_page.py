"""The page about effects shows what happens."""

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "effects.md"


def test_blocks_give_what_they_show():
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    test = doctest.DocTestParser().get_doctest("".join(blocks), {}, "effects.md", None, 0)
    found = doctest.DocTestRunner().run(test)
    assert found.attempted > 10
    assert found.failed == 0
