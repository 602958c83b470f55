"""The printed table of primitives and rules."""

from ms_func.ir.primitive import ZERO, Linear, NotSupported, Primitive
from ms_func.rules import counts, load, main, table


def test_every_primitive_has_a_row_and_no_slot_is_empty(capsys):
    assert main() == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0] for line in printed.splitlines() if line.strip()}
    assert set(load()) <= rows


def test_few_cells_are_not_supported():
    n = counts(load().values())
    assert n["empty"] == 0
    assert n["not supported"] < 0.05 * n["cells"]


def test_cells_tell_rules_markers_and_reasons_apart():
    no = NotSupported("p has no meaning")
    p = Primitive("p", lambda x: x, no, lambda b: b, Linear(0), ZERO, None, no)  # type: ignore[arg-type]
    header, row, _, note = table([p]).splitlines()
    cells = dict(zip(header.split(), row.split()[1:], strict=True))
    assert cells["abstract"] == cells["lower"] == "."
    assert cells["ref"] == cells["shard"] == "1"
    assert (cells["jvp"], cells["transpose"], cells["batch"]) == ("Linear(0)", "ZERO", "EMPTY")
    assert note.split(maxsplit=1) == ["1", "it has no meaning"]
