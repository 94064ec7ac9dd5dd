"""1, 2 and 4 cells (--cells=1,2,4), each with the same work: CPU for a delivery, by process; --everywhere=1: each tenant is in all of them"""

import contextlib
import json
import os
import signal
import sys
import time

from compare import median
from cpu import cpu_s, tree_cpu_s
from groups import cell_groups, less
from noise import Generator
from prometheus import value
from stack import CONFIGURATION, OPEN, Neighbour, Stack, wait_until
from workload import options

LINEAR = 0.15  # CPU of k cells for k times the work, by that of one: off by at most
OWN = ("server", "worker", "supervisor")  # processes of a cell; the others are shared
SETTLE_S = 3
OFF_BY = 0.1  # deliveries that the gateways counted, of those that should be


def tenant(cell, cells):
    return {"name": f"t-{cell}", "cells": cells, "options": {"allow_anonymous_connect_without_token": True},
            "namespaces": [{"name": "", "options": dict(OPEN, presence=False, join_leave=False)}]}


class Work:
    """What one cell has to do, as Generator takes a place."""

    def __init__(self, cell):
        self.cell = cell

    def servers(self):
        return f"127.0.0.1:{self.cell.port}"

    def api(self):
        return self.cell.http()

    def path(self, tenant):
        return f"/t/{tenant}/connection/websocket"

    def channel(self, tenant):
        return f"{tenant}/{time.monotonic_ns()}-"


class Cells:
    """A stack to which cells are added."""

    def __init__(self, o):
        self.o, self.stack = o, Stack(gateways=o.gateways, workers=o.workers, kafka_profile="perf", ports=40 + Neighbour.NEIGHBOUR_PORTS * 8)
        self.all = []

    def start(self):
        self.stack.start_without_cell()

    def stop(self):
        for cell in self.all[1:]:
            cell.stop()
        self.stack.stop()

    def grow(self, n):
        """To n cells, with a tenant each."""
        names = [chr(ord("a") + i) for i in range(n)]
        self.stack.configure({**CONFIGURATION, "cells": [{"name": name} for name in names],
                              "tenants": CONFIGURATION["tenants"] + [tenant(name, names if self.o.everywhere else [name]) for name in names]})
        while len(self.all) < n:
            nth = len(self.all)
            self.all.append(Neighbour(self.stack, names[nth], self.o.gateways, self.o.workers, nth) if nth else self.stack)
            self.all[-1].start_cell()
        for cell in self.all:
            wait_until(cell.is_ready, 60, f"{cell.cell} is ready")

    def deliveries(self):
        return sum(value(cell.metrics(), "cellcast_gateway_deliveries_total") for cell in self.all)

    def cpu(self):
        s = self.stack
        postmaster = int((s.home / "postgres/postmaster.pid").read_text().split()[0])
        used = {"sequencer": cpu_s(s.pid("sequencer")), "relay": cpu_s(s.pid("relay")), "postgres": tree_cpu_s(postmaster),
                "kafka": cpu_s(int((s.home / "kafka/kafka.pid").read_text()))}
        for cell in self.all:
            for name, cpu in cell_groups(cell).cpu().items():
                used[name] = used.get(name, 0) + cpu
        return used

    @contextlib.contextmanager
    def working(self):
        makers = []
        try:
            for cell in self.all:
                makers.append(Generator(Work(cell), f"t-{cell.cell}", self.o.rate, connections=self.o.connections, channels=self.o.channels))
            for maker in makers:
                maker.wait()
            yield
        finally:
            for maker in makers:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(maker.pid, signal.SIGKILL)
                maker.end()

    def used_in(self, seconds):
        """-> ms of CPU in a second, by process; deliveries in a second"""
        time.sleep(SETTLE_S)
        before, delivered, at = self.cpu(), self.deliveries(), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - at
        per_second = {name: round(used / took * 1000, 2) for name, used in less(self.cpu(), before).items()}
        return per_second, (self.deliveries() - delivered) / took

    def measure(self, n):
        self.grow(n)
        idle, _ = self.used_in(self.o.idle)
        with self.working():
            busy, delivered = self.used_in(self.o.seconds)
        expected = n * self.o.rate * self.o.connections / self.o.channels
        us = {name: round(ms / expected * 1000, 2) for name, ms in busy.items()}
        row = {"cells": n, "idle_ms_per_s": idle, "busy_ms_per_s": busy, "us_per_delivery": us, "us": round(sum(us.values()), 2),
               "own_us": round(sum(us[name] for name in OWN), 2), "idle_ms": round(sum(idle.values()), 1),
               "deliveries_per_s": round(delivered), "ok": abs(delivered / expected - 1) < OFF_BY}
        print(row, file=sys.stderr, flush=True)
        return row


def rounds(o):
    for _ in range(o.rounds):
        cells = Cells(o)
        cells.start()
        try:
            cells.measure(1)  # Kafka is slow at first
            yield [cells.measure(int(n)) for n in o.cells.split(",")]
        finally:
            cells.stop()


def main():
    o = options("cells", cells="1,2,4", connections=1000, channels=10, rate=100, gateways=1, workers=1, seconds=12, idle=5, rounds=1, everywhere=0)
    rows = list(zip(*rounds(o)))  # of one number of cells each
    table = [{"cells": of[0]["cells"], "us_per_delivery": median(of, lambda r: r["us"]), "own_us_per_delivery": median(of, lambda r: r["own_us"]),
              "idle_ms_per_s": median(of, lambda r: r["idle_ms"]),
              "by_process_us": {name: median(of, lambda r: r["us_per_delivery"][name]) for name in of[0]["us_per_delivery"]},
              "by_process_idle_ms": {name: median(of, lambda r: r["idle_ms_per_s"][name]) for name in of[0]["idle_ms_per_s"]}} for of in rows]
    for row in table:
        row["ratio"] = round(row["us_per_delivery"] / table[0]["us_per_delivery"], 3)
        row["own_ratio"] = round(row["own_us_per_delivery"] / table[0]["own_us_per_delivery"], 3)
    holds = (all(r["ok"] for of in rows for r in of)
             and all(row["ratio"] <= 1 + LINEAR and abs(row["own_ratio"] - 1) <= LINEAR for row in table))
    print(json.dumps({"bench": "cells", "options": vars(o), "cells": table,
                      "claim": f"ratio <= {1 + LINEAR}, own_ratio within {LINEAR} of 1", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
