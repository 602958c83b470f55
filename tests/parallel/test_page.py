"""The page about sharding runs."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sharding.md"


def test_the_code_of_the_page_runs(capsys):
    names = {"__name__": "page"}  # later blocks go on from earlier ones
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        exec(compile(block, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "optimal" in printed
    assert "predicted 0.875 MiB, compiled 0.875 MiB" in printed
