"""The bytes of messages, computed by hand from the protobuf encoding."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ms_func_ascend.wire import SCHEMA, WireError, decode, encode, varint


@pytest.mark.parametrize(
    ("number", "data"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (-1, "ffffffffffffffffff01"),
        (2**63 - 1, "ffffffffffffffff7f"),
        (-(2**63), "80808080808080808001"),
    ],
)
def test_numbers(number: int, data: str) -> None:
    assert varint(number).hex() == data


@pytest.mark.parametrize(
    ("message", "value", "data"),
    [
        ("ShapeDef", {"dim": [2, 300, -1]}, "0a0d02ac02ffffffffffffffffff01"),
        ("ShapeDef", {"dim": []}, ""),
        ("TensorDescriptor", {"name": "x", "dtype": 1, "layout": "ND"}, "0a0178100122024e44"),
        ("TensorDescriptor", {"name": "", "dtype": 0, "shape": {"dim": []}}, "1a00"),
        # zero is written where being there is the information
        ("AttrDef", {"i": 0}, "1800"),
        ("AttrDef", {"b": False}, "2800"),
        ("AttrDef", {"f": 0.0}, "2500000000"),
        ("AttrDef", {"f": 1.0}, "250000803f"),
        ("AttrDef", {"s": b""}, "1200"),
        ("AttrDef", {"dt": 27}, "781b"),
        # list fields are packed, val_type has number 20: tag 160 in two bytes
        ("AttrDef", {"list": {"i": [1, 2], "val_type": 2}}, "0a071a020102a00102"),
        ("AttrDef", {"list": {"s": [b"a", b""], "val_type": 1}}, "0a081201611200a00101"),
        ("AttrDef", {"list": {"i": [], "val_type": 2}}, "0a03a00102"),
        ("AttrDef", {"list": {"f": [1.0], "val_type": 3}}, "0a0922040000803fa00103"),
        ("AttrDef", {"list_list_int": {"list_list_i": [{"list_i": [1]}]}}, "72050a030a0101"),
        # a map entry holds its key as field 1 and its value as field 2
        ("NamedAttrs", {"attr": {"k": {"i": 5}}}, "12070a016b12021805"),
        # numbers of 16 and more take two bytes of tag
        ("OpDef", {"subgraph_name": ["g"]}, "9a020167"),
        ("OpDef", {"input": ["a:0", ""]}, "2a03613a302a00"),
    ],
)
def test_messages(message: str, value: dict[str, Any], data: str) -> None:
    assert encode(message, value).hex() == data
    assert encode(message, decode(message, bytes.fromhex(data))).hex() == data


def test_unknown_fields_are_skipped() -> None:
    """Numbers 99 with every wire type, around a field that is known."""
    noise = "98065a" + "9906" + "00" * 8 + "9a06026162" + "9d0600000000"
    assert decode("NamedAttrs", bytes.fromhex(noise + "0a0178" + noise))["name"] == "x"


def test_unpacked_lists_are_read_too() -> None:
    assert decode("ShapeDef", bytes.fromhex("08020803"))["dim"] == [2, 3]


@pytest.mark.parametrize("data", ["0a", "0a05616263", "08", "0b", "80" * 11, "9d0600", "1a0161ff"])
def test_broken_bytes_are_refused(data: str) -> None:
    with pytest.raises(WireError):
        decode("NamedAttrs", bytes.fromhex(data))


def test_a_field_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(WireError, match="no field 'nonsense'"):
        encode("OpDef", {"nonsense": 1})
    with pytest.raises(WireError, match="wire type"):
        decode("OpDef", bytes.fromhex("0801"))  # the name as a number


_TEXT = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=6)
_INT = st.integers(-(2**63), 2**63 - 1)
_FLOAT = st.floats(width=32, allow_nan=False)
_SCALARS = {"int": _INT, "bool": st.booleans(), "float": _FLOAT, "string": _TEXT,
            "bytes": st.binary(max_size=6)}  # fmt: skip


def messages(name: str, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Messages with every field or none, nested `depth` deep."""
    fields = {}
    for field, (_, kind, form) in SCHEMA[name].items():
        if kind in _SCALARS:
            one = _SCALARS[kind]
        elif depth:
            one = messages(kind, depth - 1)
        else:
            continue
        if form == "many":
            one = st.lists(one, max_size=2)
        elif form == "map":
            one = st.dictionaries(_TEXT, one, max_size=2)
        fields[field] = one
    if name == "AttrDef":  # one of them
        return st.one_of([st.fixed_dictionaries({f: s}) for f, s in fields.items()])
    return st.fixed_dictionaries({}, optional=fields)


@given(messages("OpDef", 2))
def test_decoding_inverts_encoding(value: dict[str, Any]) -> None:
    data = encode("OpDef", value)
    assert encode("OpDef", decode("OpDef", data)) == data


_TYPES = {"int": "TYPE_INT64", "bool": "TYPE_BOOL", "float": "TYPE_FLOAT",
          "string": "TYPE_STRING", "bytes": "TYPE_BYTES"}  # fmt: skip


def _protobuf_class() -> Any:
    """`ModelDef` of Google's protobuf library, its descriptor built from our schema."""
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
    from google.protobuf import descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="air.proto", package="air", syntax="proto3")
    field_type = descriptor_pb2.FieldDescriptorProto
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        oneof = any(form == "oneof" for _, _, form in fields.values())
        if oneof:
            message.oneof_decl.add(name="value")
        for field, (number, kind, form) in fields.items():
            made = message.field.add(name=field, number=number)
            made.label = field_type.LABEL_REPEATED if form in ("many", "map") else (
                field_type.LABEL_OPTIONAL)  # fmt: skip
            if form == "map":
                entry = message.nested_type.add(name=_camel(field) + "Entry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, label=field_type.LABEL_OPTIONAL,
                                type=field_type.TYPE_STRING)  # fmt: skip
                entry.field.add(name="value", number=2, label=field_type.LABEL_OPTIONAL,
                                type=field_type.TYPE_MESSAGE, type_name=f".air.{kind}")  # fmt: skip
                made.type, made.type_name = field_type.TYPE_MESSAGE, f".air.{name}.{entry.name}"
            elif kind in _TYPES:
                made.type = getattr(field_type, _TYPES[kind])
            else:
                made.type, made.type_name = field_type.TYPE_MESSAGE, f".air.{kind}"
            if form == "oneof":
                made.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("air.OpDef"))


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


@given(messages("OpDef", 2))
def test_googles_library_reads_and_writes_the_same(value: dict[str, Any]) -> None:
    message = _protobuf_class()()
    data = encode("OpDef", value)
    message.ParseFromString(data)
    again = message.SerializeToString(deterministic=True)
    assert _sorted(decode("OpDef", again)) == _sorted(decode("OpDef", data))


def _sorted(value: Any) -> Any:
    """Maps without order; protobuf sorts them by key."""
    if isinstance(value, dict):
        return {k: _sorted(value[k]) for k in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list) else value


def test_floats_are_little_endian() -> None:
    assert encode("ListFloat", {"list_f": [0.5]}) == b"\x0a\x04" + struct.pack("<f", 0.5)
