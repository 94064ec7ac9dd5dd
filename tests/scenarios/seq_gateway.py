"""A gateway as the sequencer sees one: seq_* of common/wire/messages.h over TCP, enough for scenarios."""

import os
import socket
import struct
import threading
import time

HELLO, WELCOME, PUBLISH, RESULT, BEAT = 1, 2, 3, 4, 5


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(data)) + data


def take_text(body, at):
    (n,) = struct.unpack_from("<I", body, at)
    return body[at + 4 : at + 4 + n].decode(), at + 4 + n


class Gateway:
    """One gateway process: keeps what is unanswered, and sends it again, in order, when it is let in anew."""

    def __init__(self, port, origin=None, connect=True):
        self.port = port
        self.origin = origin or int.from_bytes(os.urandom(8), "little")
        self.counter = 0
        self.unanswered = {}  # counter: arguments of publish
        self.results = {}  # counter: dict
        self.twice = 0  # results that came again
        self.shards = self.epoch = 0
        self.lock = threading.Condition()
        self.socket = None
        self.closed = False
        if connect:
            self.keeper = threading.Thread(target=self._keep, daemon=True)
            self.keeper.start()

    # ---- the link

    def _keep(self):
        while not self.closed:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=1.5)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._send(HELLO, struct.pack("<I", 1) + text("sim") + struct.pack("<Q", self.origin))
                threading.Thread(target=self._beat, args=[self.socket], daemon=True).start()
                self._read()
            except OSError:
                pass
            with self.lock:
                self.shards = 0
                self.socket = None
                self.lock.notify_all()
            time.sleep(0.05)

    def _beat(self, link):
        while not self.closed and self.socket is link:
            try:
                self._send(BEAT, struct.pack("<Q", 0))
            except OSError:
                return
            time.sleep(0.5)

    def _send(self, kind, body):
        link = self.socket
        if link is None:
            raise OSError("no link")
        frame = struct.pack("<IB", len(body) + 1, kind) + body
        with self.lock:
            link.sendall(frame)

    def _read(self):
        data = b""
        while True:
            more = self.socket.recv(1 << 16)
            if not more:
                return
            data += more
            while len(data) >= 4 and len(data) >= 4 + (n := struct.unpack_from("<I", data)[0]):
                self._frame(data[4], data[5 : 4 + n])
                data = data[4 + n :]

    def _frame(self, kind, body):
        if kind == WELCOME:
            _, at = take_text(body, 4)
            epoch, shards = struct.unpack_from("<QQ", body, at)
            with self.lock:
                again = not self.shards and shards
                self.epoch, self.shards = epoch, shards
                unanswered = list(self.unanswered.items()) if again else []
                for counter, arguments in unanswered:
                    self._publish(counter, 1, **arguments)
                self.lock.notify_all()
        elif kind == RESULT:
            counter, code, repeated, epoch, seq, id = struct.unpack_from("<QIBQQQ", body)
            why, _ = take_text(body, 37)
            with self.lock:
                self.twice += counter in self.results
                self.unanswered.pop(counter, None)
                self.results[counter] = dict(code=code, repeated=bool(repeated), epoch=epoch, seq=seq, id=id, text=why)
                self.lock.notify_all()

    def _publish(self, counter, retry, channel, data="1", shown=0, format=0, tags="", info="", after="", key=""):
        body = struct.pack("<QBQ", counter, retry, shown) + text(channel) + bytes([format])
        body += b"".join(text(t) for t in (data, tags, info, after, key)) + struct.pack("<Q", 0)
        self._send(PUBLISH, body)

    # ---- what tests call

    def ready(self, timeout=10):
        with self.lock:
            assert self.lock.wait_for(lambda: self.shards, timeout), "no welcome with shards"
        return self

    def send(self, channel, **arguments):
        """-> counter. Not sent now when there is no link: it will be."""
        with self.lock:
            self.counter += 1
            counter = self.counter
            self.unanswered[counter] = dict(channel=channel, **arguments)
            if self.shards:
                try:
                    self._publish(counter, 0, **self.unanswered[counter])
                except OSError:
                    pass
        return counter

    def again(self, counter, channel, **arguments):
        """The same publish once more, as after a lost answer."""
        with self.lock:
            self.results.pop(counter, None)
            self.unanswered[counter] = dict(channel=channel, **arguments)
            self._publish(counter, 1, **self.unanswered[counter])
        return self.result(counter)

    def result(self, counter, timeout=20):
        with self.lock:
            assert self.lock.wait_for(lambda: counter in self.results, timeout), f"no answer to {counter}"
            return self.results[counter]

    def publish(self, channel, **arguments):
        return self.result(self.send(channel, **arguments))

    def settle(self, timeout=60):
        with self.lock:
            assert self.lock.wait_for(lambda: not self.unanswered, timeout), f"{len(self.unanswered)} unanswered"

    def cut(self):
        link = self.socket
        if link:
            link.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.closed = True
        try:
            self.cut()
        except OSError:
            pass
