"""A tenant's endpoint: takes what is POSTed to it, verifies signatures, and fails when it is told to."""

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stack import wait_until


class Receiver:
    """mode: "take"; "refuse": 500; "chatter": takes, and answers more than anybody wants; "hang": no answer while it lasts. Events are kept once each, by their id, in order of arrival."""

    def __init__(self, secret="webhook-secret"):
        self.secret, self.mode = secret, "take"
        self.batches, self.events, self.refused, self.dropped = [], [], 0, 0
        self._ids, self._lock = set(), threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take(dict(self.headers), body)
                self.send_response(status)
                answer = b"x" * 100_000 if receiver.mode == "chatter" else b""
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def signature(self, body, secret=None):
        return hmac.new((secret or self.secret).encode(), body, hashlib.sha256).hexdigest()

    def take(self, headers, body):
        while self.mode == "hang":
            time.sleep(0.05)
        with self._lock:
            if self.mode == "refuse":
                self.refused += 1
                return 500
            if headers.get("X-Cellcast-Signature") != self.signature(body):
                return 401
            batch = json.loads(body)
            assert abs(batch["time_ms"] - time.time() * 1000) < 300_000
            self.batches.append((headers, body))
            self.dropped += batch["dropped"]
            for event in batch["events"]:
                if event["id"] not in self._ids:
                    self._ids.add(event["id"])
                    self.events.append(event)
            return 200

    def of(self, **fields):
        """Names of the events whose members are these, in order: of(channel="news")"""
        return [e["name"] for e in list(self.events) if all(e.get(k) == v for k, v in fields.items())]

    def wait(self, names, seconds=40, **fields):
        """Until exactly these have come, in this order."""
        wait_until(lambda: self.of(**fields) == names, seconds, f"{names} of {fields}, not {self.of(**fields)}")

    def close(self):
        self.mode = "take"
        self.server.shutdown()
        self.server.server_close()
