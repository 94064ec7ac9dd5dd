"""PostgreSQL's wire between a sequencer and its server, held at a chosen point of a batch: the statement before it is sent,
the answer before it is read. What the sequencer does meanwhile, and what the server has done, is then known."""

import socket
import struct
import threading

import psycopg


ASKS = (80877103, 80877104)  # for SSL, for GSSAPI: the startup message comes after it


class Held:
    """One batch that stands at the point."""

    def __init__(self):
        self.reached, self.released = threading.Event(), threading.Event()


class PgProxy:
    """hold(point): the next batch stands there until .released is set. Points: "statement" (PostgreSQL has not seen it),
    "answer" (it is committed, the sequencer does not know)."""

    def __init__(self, conninfo):
        parts = psycopg.conninfo.conninfo_to_dict(conninfo)
        self.target = (parts["host"], int(parts["port"]))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.conninfo = psycopg.conninfo.make_conninfo(conninfo, host="127.0.0.1", port=self.port)
        self.held = {}
        self.pairs = set()
        self.refusing = False
        self.flowing = threading.Event()
        self.flowing.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, point):
        self.held[point] = Held()
        return self.held[point]

    def cut(self, refusing):
        """Every connection ends; refusing: new ones too."""
        self.refusing = refusing
        for pair in list(self.pairs):
            for end in pair:
                _shut(end)

    def swallow(self, nothing_passes=True):
        """Connections stay, new ones too, and nothing goes through in either way; afterwards what was held does."""
        self.flowing.clear() if nothing_passes else self.flowing.set()

    def close(self):
        self.swallow(False)
        for held in self.held.values():
            held.released.set()
        self.listener.close()
        self.cut(True)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                near.close()
                continue
            far = socket.create_connection(self.target)
            self.pairs.add((near, far))
            batches = {"sent": 0}
            threading.Thread(target=self._up, args=(near, far, batches), daemon=True).start()
            threading.Thread(target=self._down, args=(near, far, batches), daemon=True).start()

    def _stand(self, point):
        held = self.held.pop(point, None)
        if held:
            held.reached.set()
            held.released.wait(30)

    def _pass(self, end):
        more = _read(end)
        self.flowing.wait()
        return more

    def _up(self, near, far, batches):
        """A batch is known by its parameters: no other statement has so many."""
        data, started = b"", False
        while more := self._pass(near):
            data += more
            ready = b""
            while True:
                head = 0 if not started else 1
                if len(data) < head + 4:
                    break
                n = head + struct.unpack_from(">I", data, head)[0]
                if len(data) < n:
                    break
                message, data = data[:n], data[n:]
                started = started or struct.unpack_from(">I", message, 4)[0] not in ASKS
                if head and message[:1] == b"B" and _parameters(message) == 23:
                    _send(far, ready)
                    ready = b""
                    self._stand("statement")
                    batches["sent"] += 1
                ready += message
            _send(far, ready)
        _shut(far)

    def _down(self, near, far, batches):
        while more := self._pass(far):
            if batches["sent"] and "answer" in self.held and b"Z" in more:
                self._stand("answer")
            _send(near, more)
        _shut(near)


def _parameters(bind):
    at = bind.index(b"\0", 5) + 1  # portal
    at = bind.index(b"\0", at) + 1  # statement
    (formats,) = struct.unpack_from(">H", bind, at)
    return struct.unpack_from(">H", bind, at + 2 + 2 * formats)[0]


def _read(end):
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""


def _send(end, data):
    try:
        if data:
            end.sendall(data)
    except OSError:
        pass


def _shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
