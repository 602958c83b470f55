"""The printed table of primitives and rules."""

from ms_func.ir.primitive import ZERO, Linear, NotSupported, Primitive
from ms_func.rules import load, main, table


def test_every_primitive_has_a_row_and_no_slot_is_empty(capsys):
    assert main() == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0] for line in printed.splitlines() if line.strip()}
    assert set(load()) <= rows


def test_cells_tell_rules_markers_and_reasons_apart():
    p = Primitive("p", lambda x: x, NotSupported("no meaning"), lambda b: b, Linear(0, 2), ZERO, None,
                  NotSupported("no meaning"))  # fmt: skip
    header, row, _, note = table([p]).splitlines()
    cells = dict(zip(header.split(), row.split()[1:], strict=False))
    assert cells["abstract"] == "."
    assert cells["ref"] == cells["shard"] == "1"
    assert "Linear(0, 2)" in row
    assert "EMPTY" in row
    assert note.split(maxsplit=1) == ["1", "no meaning"]
