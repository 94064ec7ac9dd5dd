"""As much of the client protocol in Protobuf as the tests of bad input need: any command out, and in, replies with what is looked at."""
import json

RAW, TEXT, NUMBER = "raw", "text", "number"
SINCE = {"offset": (1, NUMBER), "epoch": (2, TEXT)}
CHANNEL = {"channel": (1, TEXT)}
COMMAND = {
    "id": (1, NUMBER),
    "connect": (4, {"token": (1, TEXT), "data": (2, RAW), "name": (4, TEXT), "version": (5, TEXT)}),
    "subscribe": (5, dict(CHANNEL, token=(2, TEXT), recover=(3, NUMBER), epoch=(6, TEXT), offset=(7, NUMBER), data=(8, RAW), delta=(12, TEXT),
                          flag=(14, NUMBER), type=(15, NUMBER))),
    "unsubscribe": (6, CHANNEL),
    "publish": (7, dict(CHANNEL, data=(2, RAW), type=(3, NUMBER))),
    "presence": (8, CHANNEL),
    "presence_stats": (9, CHANNEL),
    "history": (10, dict(CHANNEL, limit=(7, NUMBER), since=(8, SINCE), reverse=(9, NUMBER))),
    "ping": (11, {}),
    "send": (12, {"data": (1, RAW)}),
    "rpc": (13, {"data": (1, RAW), "method": (2, TEXT)}),
    "refresh": (14, {"token": (1, TEXT)}),
    "sub_refresh": (15, dict(CHANNEL, token=(2, TEXT), type=(3, NUMBER))),
}
REPLY = {
    1: ("id", NUMBER),
    2: ("error", {1: ("code", NUMBER), 2: ("message", TEXT), 3: ("temporary", NUMBER)}),
    4: ("push", {2: ("channel", TEXT)}),
    5: ("connect", {1: ("client", TEXT), 2: ("version", TEXT), 7: ("ping", NUMBER)}),
    **{number: (name, {}) for number, name in ((6, "subscribe"), (7, "unsubscribe"), (8, "publish"), (9, "presence"), (10, "presence_stats"),
                                               (11, "history"), (13, "rpc"), (14, "refresh"), (15, "sub_refresh"))},
}


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def delimited(body):
    return varint(len(body)) + body


def message(value, fields):
    out = b""
    for name, item in value.items():
        number, kind = fields[name]
        if kind == NUMBER:
            out += varint(number << 3) + varint(int(item))
        else:
            body = item.encode() if kind == TEXT else json.dumps(item).encode() if kind == RAW else message(item, kind)
            out += varint(number << 3 | 2) + delimited(body)
    return out


def command(value):
    return delimited(message(value, COMMAND))


def read_varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return n, at


def read(data, fields):
    value, at = {}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        n, at = read_varint(data, at)
        name, kind = fields.get(tag >> 3, ("", None))
        body, at = (data[at:at + n], at + n) if tag & 7 == 2 else (n, at)
        if kind is not None:
            value[name] = body if kind == NUMBER else body.decode() if kind == TEXT else read(body, kind)
    return value


def replies(frame):
    """The messages of a frame, each as JSON would have it."""
    at = 0
    while at < len(frame):
        n, at = read_varint(frame, at)
        yield json.dumps(read(frame[at:at + n], REPLY))
        at += n
