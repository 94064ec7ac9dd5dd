"""Other servers that cellcast-bench compares with; each is left out, and that is said, where it cannot be built."""

import subprocess
import sys
from pathlib import Path

import requests

from compare import generate
from stack import BUILD, KEY, free_ports, wait_until

PEERS = Path(__file__).parent / "peers"


class Centrifuge:
    """The engine of Centrifugo in one Go process, which takes both cores; memory broker with history."""

    name = "centrifuge"

    def __init__(self, program):
        self.program, self.port, self.process, self.runs = program, free_ports(100) + 98, None, 0

    @classmethod
    def if_there(cls):
        """-> [] or [it]"""
        done = subprocess.run([PEERS / "build", cls.name, BUILD / "peers"], stdout=subprocess.PIPE, text=True)
        if done.returncode == 3:
            print("runs go on without centrifuge", file=sys.stderr)
            return []
        done.check_returncode()
        return [cls(done.stdout.strip())]

    def start(self):
        self.process = subprocess.Popen([self.program, f"--listen=127.0.0.1:{self.port}", f"--api-key={KEY}"])
        wait_until(self.answers, 20, "the centrifuge server answers", 0.1)

    def answers(self):
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/api/publish", timeout=1).status_code == 401
        except requests.ConnectionError:
            return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)

    def run(self, **flags):
        self.runs += 1
        return generate(server=f"127.0.0.1:{self.port}", api=f"http://127.0.0.1:{self.port}/api", api_key=KEY,
                        channel=f"quiet:run{self.runs}-", cpu=f"server={self.process.pid}", **flags)
