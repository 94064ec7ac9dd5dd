"""Other servers that cellcast-bench compares with, each with its own dialect; one that this machine cannot have is left out, and
that is said. All on 127.0.0.1 (the engine where its clients want it), in memory, as their documents configure them."""

import resource
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from apart import LOOPBACK
from compare import generate
from stack import BUILD, KEY, free_ports, wait_until

PEERS = Path(__file__).parent / "peers"


class Peer:
    """What is alike: made or got by peers/build, one process (and its children), which listens on a port of its own."""

    name, offset = "", 0  # offset: of the port, so that none is another's
    flags = {}

    def __init__(self, program, place=LOOPBACK):
        self.program, self.port, self.process, self.runs, self.place = program, free_ports(100) + self.offset, None, 0, place
        self.home = tempfile.TemporaryDirectory(prefix=f"cellcast-{self.name}-")

    @classmethod
    def if_there(cls, *how):
        """-> [] or [it]"""
        done = subprocess.run([PEERS / "build", cls.name, BUILD / "peers" / cls.name], stdout=subprocess.PIPE, text=True)
        if done.returncode == 3:
            print(f"runs go on without {cls.name}", file=sys.stderr)
            return []
        done.check_returncode()
        return [cls(done.stdout.strip(), *how)]

    def command(self):
        raise NotImplementedError

    def start(self):
        self.process = subprocess.Popen(self.command(), cwd=self.home.name)
        wait_until(self.answers, 20, f"{self.name} answers", 0.1)

    def answers(self):
        socket.create_connection((self.place.host, self.port), 1).close()
        return True

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
        self.home.cleanup()

    def fill_in(self, template, **values):
        """-> path of the configuration, with @NAME@s replaced."""
        text = (PEERS / self.name / template).read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        path = Path(self.home.name) / template
        path.write_text(text)
        return path

    def api(self):
        return f"http://{self.place.host}:{self.port}/api"

    def run(self, **flags):
        self.runs += 1
        return generate(place=self.place, server=f"{self.place.host}:{self.port}", api=self.api(), api_key=KEY, channel=f"quiet:run{self.runs}-",
                        cpu=f"server={self.process.pid}", **self.flags, **flags)


class Centrifuge(Peer):
    """The engine of Centrifugo in one Go process, which takes all cores; memory broker with history."""

    name, offset = "centrifuge", 98

    def command(self):
        return [self.program, f"--listen={self.place.host}:{self.port}", f"--api-key={KEY}"]


class SocketIo(Peer):
    """One Node process."""

    name, offset, flags = "socketio", 97, {"dialect": "socketio"}

    def command(self):
        return ["node", self.program, str(self.port), KEY]


class Nchan(Peer):
    """A worker process of nginx per gateway; a message is the data alone."""

    name, offset, flags = "nchan", 96, {"dialect": "nchan", "route": "plain"}
    workers = 3

    def command(self):
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return [self.program, "-p", self.home.name, "-c", self.fill_in("nginx.conf", PORT=self.port, WORKERS=self.workers, FILES=files)]

    def api(self):
        return f"http://127.0.0.1:{self.port}/pub"


class Nats(Peer):
    """nats-server's WebSocket; publishing by its own protocol."""

    name, offset, flags = "nats", 95, {"dialect": "nats", "route": "nats"}

    def command(self):
        return [self.program, "-c", self.fill_in("nats.conf", PORT=self.port - 1, WEBSOCKET=self.port)]

    def api(self):
        return f"127.0.0.1:{self.port - 1}"


ALL = (Centrifuge, SocketIo, Nchan, Nats)
