"""Protobuf bytes of the messages in an AIR file: encoder and decoder.

Messages are plain dictionaries from field name to value; `SCHEMA` says which number and
kind each field has. Three wire types occur: varint (0), length-delimited (2), 32-bit (5).
As in proto3, a scalar field with its zero value is left out, except in a oneof, where
being present is the information.
"""

from __future__ import annotations

import struct
from typing import Any

Message = dict[str, Any]

# field: (number, kind, form). Kinds: int (varint of a signed 64-bit number), bool, float,
# string, bytes, or the name of a message. Forms: "" one, "oneof" one that is written even
# when zero, "many" repeated, "map" a map from string to that message.
SCHEMA: dict[str, dict[str, tuple[int, str, str]]] = {
    "HloProto": {"hlo_module": (1, "bytes", "")},  # of XLA: the envelope of its dumps
    "ModelDef": {
        "name": (1, "string", ""), "version": (2, "int", ""), "custom_version": (3, "string", ""),
        "graph": (7, "GraphDef", "many"), "attr": (11, "AttrDef", "map"),
    },
    "GraphDef": {
        "name": (1, "string", ""), "input": (4, "string", "many"),
        "output": (5, "string", "many"), "op": (6, "OpDef", "many"),
        "attr": (11, "AttrDef", "map"),
    },
    "OpDef": {
        "name": (1, "string", ""), "type": (2, "string", ""), "input": (5, "string", "many"),
        "attr": (10, "AttrDef", "map"), "has_out_attr": (20, "bool", ""), "id": (21, "int", ""),
        "stream_id": (22, "int", ""), "input_name": (23, "string", "many"),
        "src_name": (24, "string", "many"), "src_index": (25, "int", "many"),
        "dst_name": (26, "string", "many"), "dst_index": (27, "int", "many"),
        "input_i": (28, "int", "many"), "output_i": (29, "int", "many"),
        "workspace": (30, "int", "many"), "workspace_bytes": (31, "int", "many"),
        "is_input_const": (32, "bool", "many"), "input_desc": (33, "TensorDescriptor", "many"),
        "output_desc": (34, "TensorDescriptor", "many"), "subgraph_name": (35, "string", "many"),
    },
    "TensorDescriptor": {
        "name": (1, "string", ""), "dtype": (2, "int", ""), "shape": (3, "ShapeDef", ""),
        "layout": (4, "string", ""), "attr": (5, "AttrDef", "map"),
        "has_out_attr": (9, "bool", ""), "size": (10, "int", ""), "weight_size": (11, "int", ""),
        "reuse_input": (12, "bool", ""), "output_tensor": (13, "bool", ""),
        "device_type": (14, "string", ""), "input_tensor": (15, "bool", ""),
        "real_dim_cnt": (16, "int", ""), "reuse_input_index": (17, "int", ""),
        "data_offset": (18, "int", ""), "cmps_size": (19, "int", ""),
        "cmps_tab": (20, "string", ""), "cmps_tab_offset": (21, "int", ""),
    },
    "ShapeDef": {"dim": (1, "int", "many")},
    "TensorDef": {"desc": (1, "TensorDescriptor", ""), "data": (2, "bytes", "")},
    "NamedAttrs": {"name": (1, "string", ""), "attr": (2, "AttrDef", "map")},
    "AttrDef": {
        "list": (1, "ListValue", "oneof"), "s": (2, "bytes", "oneof"), "i": (3, "int", "oneof"),
        "f": (4, "float", "oneof"), "b": (5, "bool", "oneof"), "bt": (7, "bytes", "oneof"),
        "func": (10, "NamedAttrs", "oneof"), "td": (11, "TensorDescriptor", "oneof"),
        "t": (12, "TensorDef", "oneof"), "g": (13, "GraphDef", "oneof"),
        "list_list_int": (14, "ListListInt", "oneof"), "dt": (15, "int", "oneof"),
        "list_list_float": (16, "ListListFloat", "oneof"), "expression": (17, "bytes", "oneof"),
    },
    "ListValue": {
        "s": (2, "bytes", "many"), "i": (3, "int", "many"), "f": (4, "float", "many"),
        "b": (5, "bool", "many"), "bt": (7, "bytes", "many"),
        "td": (8, "TensorDescriptor", "many"), "t": (9, "TensorDef", "many"),
        "g": (10, "GraphDef", "many"), "na": (11, "NamedAttrs", "many"),
        "dt": (12, "int", "many"), "val_type": (20, "int", ""),
    },
    "ListListInt": {"list_list_i": (1, "ListInt", "many")},
    "ListInt": {"list_i": (1, "int", "many")},
    "ListListFloat": {"list_list_f": (1, "ListFloat", "many")},
    "ListFloat": {"list_f": (1, "float", "many")},
}  # fmt: skip

_PACKED = ("int", "bool", "float")
_BY_NUMBER = {
    message: {number: (name, kind, form) for name, (number, kind, form) in fields.items()}
    for message, fields in SCHEMA.items()
}


_SHORT = [bytes([n]) for n in range(128)]


class WireError(ValueError):
    """Bytes that are not a message of the expected kind."""


def varint(value: int) -> bytes:
    """Base-128 bytes of an integer, low groups first; negative ones as 64-bit complements."""
    if 0 <= value < 128:
        return _SHORT[value]
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(message: str, value: Message) -> bytes:
    """Bytes of one message; fields in the order of their numbers.

    Raises:
        WireError: `value` has a field that the message does not have.
    """
    fields = SCHEMA[message]
    unknown = value.keys() - fields.keys()
    if unknown:
        raise WireError(f"{message} has no field {sorted(unknown)[0]!r}")
    ordered = sorted((*fields[name], name) for name in value)
    return b"".join(_field(number, kind, form, value[name]) for number, kind, form, name in ordered)


def _field(number: int, kind: str, form: str, value: Any) -> bytes:
    if form == "map":
        return b"".join(
            _delimited(number, _delimited(1, key.encode()) + _delimited(2, encode(kind, item)))
            for key, item in value.items()
        )
    if form == "many":
        if kind in _PACKED:
            return _delimited(number, b"".join(_scalar(kind, v) for v in value)) if value else b""
        return b"".join(_delimited(number, _body(kind, v)) for v in value)
    if kind in _PACKED:
        if not value and form != "oneof":
            return b""
        return varint(number << 3 | (5 if kind == "float" else 0)) + _scalar(kind, value)
    if kind in ("string", "bytes") and not value and form != "oneof":
        return b""
    return _delimited(number, _body(kind, value))


def _delimited(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def _scalar(kind: str, value: Any) -> bytes:
    return struct.pack("<f", value) if kind == "float" else varint(int(value))


def _body(kind: str, value: Any) -> bytes:
    if kind == "string":
        return value.encode()
    return bytes(value) if kind == "bytes" else encode(kind, value)


def decode(message: str, data: bytes | memoryview) -> Message:
    """Message from its bytes. Fields it does not know are skipped, as protobuf does.

    Repeated and map fields of the result are always there; others only where present.

    Raises:
        WireError: the bytes end too early or are no message.
    """
    fields = _BY_NUMBER[message]
    out: Message = {
        name: ({} if form == "map" else [])
        for name, _, form in fields.values()
        if form in ("map", "many")
    }
    data, place = memoryview(data), 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        wire = tag & 7
        raw, place = _read_raw(data, place, wire)
        known = fields.get(tag >> 3)
        if known is not None:
            _store(out, *known, wire, raw)
    return out


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise WireError("the bytes end inside a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, place
        shift += 7


def _read_raw(data: memoryview, place: int, wire: int) -> tuple[Any, int]:
    if wire == 0:
        return _read_varint(data, place)
    if wire == 2:
        size, place = _read_varint(data, place)
    elif wire in (1, 5):
        size = 8 if wire == 1 else 4
    else:
        raise WireError(f"wire type {wire} does not exist")
    if place + size > len(data):
        raise WireError("the bytes end inside a field")
    return data[place : place + size], place + size


def _store(out: Message, name: str, kind: str, form: str, wire: int, raw: Any) -> None:
    expected = {"float": (5, 2), "int": (0, 2), "bool": (0, 2)}.get(kind, (2,))
    if wire not in expected or (wire == 2 and kind in _PACKED and form != "many"):
        raise WireError(f"field {name!r} has wire type {wire}")
    if form == "map":
        key, item = _entry(kind, raw)
        out[name][key] = item
    elif form == "many":
        if kind in _PACKED and wire == 2:
            out[name].extend(_unpack(kind, raw))
        else:
            out[name].append(_value(kind, raw))
    else:
        if form == "oneof":
            out.clear()
        out[name] = _value(kind, raw)


def _entry(kind: str, raw: memoryview) -> tuple[str, Message]:
    key, item, place = "", memoryview(b""), 0
    while place < len(raw):
        tag, place = _read_varint(raw, place)
        part, place = _read_raw(raw, place, tag & 7)
        if tag == 0x0A:
            key = _text(part)
        elif tag == 0x12:
            item = part
    return key, decode(kind, item)


def _unpack(kind: str, raw: memoryview) -> list[Any]:
    if kind == "float":
        if len(raw) % 4:
            raise WireError("a list of floats ends inside one")
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    values, place = [], 0
    while place < len(raw):
        one, place = _read_varint(raw, place)
        values.append(_value(kind, one))
    return values


def _value(kind: str, raw: Any) -> Any:
    if kind == "int":
        return raw - (1 << 64) if raw >> 63 else raw
    if kind == "bool":
        return bool(raw)
    if kind == "float":
        return struct.unpack("<f", raw)[0]
    if kind == "string":
        return _text(raw)
    return bytes(raw) if kind == "bytes" else decode(kind, raw)


def _text(raw: memoryview) -> str:
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError:
        raise WireError(f"bytes that are no text: {bytes(raw[:20])!r}") from None
