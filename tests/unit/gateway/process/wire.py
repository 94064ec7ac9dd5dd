"""The messages of common/wire/messages.h, read from that very file: pack("seq_result", counter=1, ...) and unpack."""
import os
import re
import struct

HEADER = os.path.join(os.path.dirname(__file__), "../../../../common/wire/messages.h")
SIZES = {"u8": "<B", "u32": "<I", "u64": "<Q"}


def _tables(text):
    text = re.sub(r"\\\n", " ", text)
    tables = {}
    for name, body in re.findall(r"#define (\w+)_FIELDS\(F\)(.*)", text):
        fields = re.findall(r"F\((u8|u32|u64|str), (\w+),", body)
        alias = re.match(r"\s*(\w+)_FIELDS\(F\)\s*$", body)
        tables[name.lower()] = tables[alias.group(1).lower()] if alias else fields
    return tables


def _types(text):
    return {name: int(value) for name, value in re.findall(r"\b((?:SEQ|FAN|CTL)_[A-Z_]+) = (\d+)", text)}


with open(HEADER) as file:
    _text = file.read()
TABLES = _tables(_text)
TYPES = _types(_text)


def pack(name, **values):
    out = b""
    for kind, field in TABLES[name]:
        value = values.pop(field, b"" if kind == "str" else 0)
        if kind == "str":
            value = value.encode() if isinstance(value, str) else value
            out += struct.pack("<I", len(value)) + value
        else:
            out += struct.pack(SIZES[kind], int(value))
    assert not values, f"{name} has no {list(values)}"
    return out


def _take(name, data, at):
    values = {}
    for kind, field in TABLES[name]:
        if kind == "str":
            (n,) = struct.unpack_from("<I", data, at)
            values[field] = data[at + 4:at + 4 + n]
            assert len(values[field]) == n
            at += 4 + n
        else:
            (values[field],) = struct.unpack_from(SIZES[kind], data, at)
            at += struct.calcsize(SIZES[kind])
    return values, at


def unpack(name, data):
    return _take(name, data, 0)[0]


def unpack_behind(name, behind, data):
    """-> what stands behind the first one in the same frame"""
    return _take(behind, data, _take(name, data, 0)[1])[0]


def unpack_list(name, data):
    at, items = 0, []
    while at < len(data):
        item, at = _take(name, data, at)
        items.append(item)
    return items


def frame(name, **values):
    body = pack(name, **values)
    return struct.pack("<IB", len(body) + 1, TYPES[name.upper()]) + body


async def read_frame(reader):
    """-> (type, body)"""
    (n,) = struct.unpack("<I", await reader.readexactly(4))
    data = await reader.readexactly(n)
    return data[0], data[1:]
