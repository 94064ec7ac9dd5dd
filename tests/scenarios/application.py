"""A tenant's application as its backend sees it: a small HTTP server on a thread that is asked about clients' events. What it
answers to each is a function that a scenario sets; what it was asked stays to be looked at."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Application:
    def __init__(self, port=0):
        self.port = port
        self.answers = {}  # event: function of the question -> body (dict), or (status, bytes)
        self.asked = []  # (event, question, headers)
        self.hanging = threading.Event()  # set: nobody is answered
        self.released = threading.Event()
        self.server = None
        self.sockets = set()

    def start(self):
        application = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                application.sockets.add(self.connection)

            def do_POST(self):
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                application.answer(self, self.path.strip("/"), question)

            def log_message(self, *words):
                pass

        ThreadingHTTPServer.request_queue_size = 128
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Door)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def answer(self, door, event, question):
        self.asked.append((event, question, {name.lower(): value for name, value in door.headers.items()}))
        if self.hanging.is_set():
            self.released.wait(60)
        answer = self.answers.get(event, lambda question: {"result": {}})(question)
        status, body = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
        try:
            door.send_response(status)
            door.send_header("Content-Length", str(len(body)))
            door.end_headers()
            door.wfile.write(body)
        except OSError:
            door.close_connection = True  # the gateway waited no longer

    def hang(self):
        self.released.clear()
        self.hanging.set()

    def release(self):
        self.hanging.clear()
        self.released.set()

    def stop(self):
        """As if killed: nobody listens any more."""
        self.release()
        self.server.shutdown()
        self.server.server_close()
        for kept in list(self.sockets):  # connections that wait for the next question
            try:
                kept.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets.clear()

    def url(self, event):
        return f"http://127.0.0.1:{self.port}/{event}"

    def options(self, *events, **more):
        """The tenant's options that name it."""
        return {f"proxy_{event}_endpoint": self.url(event) for event in events} | more

    def questions(self, event):
        return [question for asked, question, _ in self.asked if asked == event]

    def wait_asked(self, event, n=1, seconds=20):
        end = time.monotonic() + seconds
        while len(self.questions(event)) < n:
            assert time.monotonic() < end, f"{event}: asked {len(self.questions(event))} of {n} times"
            time.sleep(0.02)
        return self.questions(event)
