"""A real HAProxy with deploy/haproxy/haproxy.cfg in front of a cell, on ports of its own."""

import os
import shutil
import socket
import subprocess

from stack import BUILD, REPO, wait_until

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"


class Balancer:
    def __init__(self, home, listen, cell, **variables):
        """listen: port; cell: host:port; variables: of haproxy.cfg, without CELLCAST_ and in lower case."""
        self.port, self.socket = listen, home / f"haproxy-{listen}.sock"
        names = dict(bind=f"127.0.0.1:{listen}", cell=cell, admin_socket=self.socket, **variables)
        self.environment = {**os.environ, **{f"CELLCAST_{name.upper()}": str(value) for name, value in names.items()}}
        self.process = self.follower = None

    def start(self):
        self.process = subprocess.Popen([HAPROXY, "-db", "-f", REPO / "deploy/haproxy/haproxy.cfg"], env=self.environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.is_up("a"), 20, "the balancer leads to the cell")
        return self

    def stop(self):
        if self.follower:
            self.follower.terminate()
            self.follower.wait(20)
        self.process.terminate()
        self.process.wait(20)

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.socket))
            s.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: s.recv(65536), b"")).decode()

    def cells(self, *words):
        """deploy/haproxy/cells"""
        return subprocess.run([REPO / "deploy/haproxy/cells", *words], env=self.environment, capture_output=True, text=True, timeout=20)

    def follow(self, pg):
        """deploy/haproxy/follow, until stop(); waits until it has put the map in place."""
        env = dict(self.environment, CELLCAST_CTL=str(BUILD / "supervisor/cellcastctl"), CELLCAST_POSTGRES=pg)
        self.follower = subprocess.Popen([REPO / "deploy/haproxy/follow"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.tenants, 20, "the map is in place")

    def tenants(self):
        """-> {tenant: the cells that its clients are sent to}"""
        found = {}
        for line in self.ask("show map /dev/null").splitlines():
            if line.startswith("0x"):
                _, key, cell = line.split()
                found.setdefault(key.partition("/")[0], set()).add(cell)
        return found

    def statistics(self):
        """-> {server of the backend: {field: value}}"""
        head, *rows = self.ask("show stat cells -1 -1").lstrip("# ").strip().splitlines()
        table = [dict(zip(head.split(","), row.split(","))) for row in rows]
        return {row["svname"]: row for row in table if row["pxname"] == "cells"}

    def is_up(self, server):
        return self.statistics()[server]["status"].startswith("UP")
