"""Two cells of one cluster behind HAProxy, tenants that are in one of them or in both, and people who watch one of them move."""

import asyncio
import copy
import subprocess
import threading
import time

from balancer import Balancer
from checker import Observed, Published, check
from sdk import Person, token
from stack import BUILD, CONFIGURATION, KEY, OPEN, Neighbour, Stack, wait_until

TENANTS = {"acme": ["a"], "both": ["a", "b"], "stays": ["b"], "ghost": ["a", "dead"]}
SECRET = "acme-secret"  # of each of them


def configuration():
    """Cell `dead` has never had a supervisor."""
    c = copy.deepcopy(CONFIGURATION)
    c["cells"] = [{"name": "a"}, {"name": "b"}, {"name": "dead"}]
    acme = c["tenants"].pop()
    acme["namespaces"].append({"name": "lounge", "options": dict(OPEN, join_leave_linger="60s")})
    c["tenants"] += [dict(acme, name=name, cells=cells) for name, cells in TENANTS.items()]
    c["api_keys"] = [{"key": KEY, "tenant": None}] + [{"key": f"{name}-key", "tenant": name} for name in TENANTS]
    return c


def publish(cell, channel, data, **fields):
    """By a gateway's own port, which takes no PROXY header -> offset"""
    return cell.api("publish", {"channel": channel, "data": data, **fields}, gateway=1).json()["result"]["offset"]


def nodes(cell, tenant):
    """Gateways of every cell that serves the tenant, as this one's API tells them -> {name: its node}"""
    return {node["name"]: node for node in cell.api("info", {}, key=f"{tenant}-key", gateway=1).json()["result"]["nodes"]}


def clients(cell, tenant):
    return sum(node["num_clients"] for name, node in nodes(cell, tenant).items() if name.startswith(f"{cell.cell}-"))


class Cells:
    """a: the stack; b: its neighbour; balancer: leads each tenant's clients to its cell."""

    def __init__(self, options=(), **stack):
        self.options = ("--proxy-from=127.0.0.0/8", *options)
        self.a = Stack(**{"gateways": 2, "workers": 1, "ports": 80, **stack})
        self.a.secret = self.a.home / "secret"
        self.a.secret.write_text("what the cells share with the sequencer\n")
        self.b = Neighbour(self.a)
        self.balancer = Balancer(self.a.home, self.a.slot_base + 20, f"127.0.0.1:{self.a.port}")

    def start(self):
        self.a.start_without_cell()
        self.a.configure(configuration())
        self.a.start_cell(*self.options)
        self.b.start(*self.options)
        self.a.wait_ready()
        self.balancer.start()
        assert self.balancer.cells("add", "b", f"127.0.0.1:{self.b.port}").returncode == 0
        wait_until(lambda: self.balancer.is_up("b"), 20, "the balancer leads to b")
        self.balancer.follow(self.a.pg)
        return self

    def stop(self):
        self.balancer.stop()
        self.b.stop()
        self.a.stop()

    def ctl(self, *words):
        return subprocess.run([BUILD / "supervisor/cellcastctl", f"--postgres={self.a.pg}", *words], capture_output=True, text=True,
                              timeout=120)

    def states(self, tenant):
        """-> {cell: live, joining or leaving}"""
        with self.a.sql() as db:
            return dict(db.execute("select cell, state from cellcast.tenant_cell where tenant = %s", (tenant,)).fetchall())

    async def person(self, tenant):
        url = f"ws://127.0.0.1:{self.balancer.port}/t/{tenant}/connection/websocket"
        return await Person(url, token=token(SECRET, sub="u"), min_reconnect_delay=0.05, max_reconnect_delay=1).connect()

    async def violations_during(self, act, tenant, people=6, channels=2):
        """act() while people with an SDK listen to a stream of messages -> what the checker found"""
        names = [f"{tenant}/room-{n}-{time.monotonic_ns()}" for n in range(channels)]
        listeners = [await self.person(tenant) for _ in range(people)]
        heard = [(name, await one.subscribe(name.partition("/")[2])) for one in listeners for name in names]
        stream = Stream([self.a, self.b], names)
        try:
            await asyncio.to_thread(act)
            await asyncio.sleep(0.5)
        finally:
            published = await asyncio.to_thread(stream.end)
        rows = {name: self.a.rows(name) for name in names}
        for name, recorder in heard:
            await recorder.wait_for(len(rows[name]), 30)
        await asyncio.sleep(0.2)  # for a repeat
        for one in listeners:
            await one.close()
        assert all(rows.values()) and not stream.refused, stream.refused[:3]
        return check(published, rows, [Observed(name, r.offsets, r.publications, r.recovered) for name, r in heard])


class Stream:
    """Messages to some channels in turn, over the API of each cell in turn: any cell takes any tenant's."""

    def __init__(self, cells, channels, every=0.01):
        self.cells, self.channels, self.every = cells, channels, every
        self.published, self.n, self.refused = Published(), 0, []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(self.every):
            channel, cell = self.channels[self.n % len(self.channels)], self.cells[self.n % len(self.cells)]
            self.published.tried(channel, self.n)
            try:
                self.published.acknowledged(channel, self.n, publish(cell, channel, self.n, idempotency_key=str(self.n)))
                self.n += 1
            except Exception as error:  # tried again with its key
                self.refused.append(repr(error))

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.published
