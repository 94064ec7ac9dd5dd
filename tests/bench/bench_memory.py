"""what idle connections, subscriptions, channels cost in a gateway's memory, beside bare libwebsockets; and after a peak"""

import argparse
import asyncio
import json
import subprocess
import sys
import time

from idle import anonymous_bytes, close_all, open_many, say, subscribe_all
from stack import BUILD, REPO

sys.path.insert(0, str(REPO / "tests/unit/gateway/process"))
from fake_cluster import CONFIG, FakeCluster  # noqa: E402

CHANNEL_NAME = "room:{:07d}"
MOST = {"bytes_per_connection": 1024, "bytes_per_subscription": 96, "bytes_per_channel": 300, "after_peak_ratio": 1.1}
OPEN = {"allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True}


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run memory")
    parser.add_argument("--connections", type=int, default=6000)
    parser.add_argument("--subscriptions", type=int, default=10, help="further ones of each connection")
    parser.add_argument("--channels", type=int, default=5, help="of each connection for itself alone")
    parser.add_argument("--settle", type=int, default=60, help="s after the peak")
    return parser.parse_args()


def configuration():
    config = json.loads(json.dumps(CONFIG))
    config["tenants"][0]["options"]["channel_limit"] = 1000
    config["namespaces"] = [{"tenant": "default", "name": name, "options": OPEN} for name in ("", "room")]
    config["namespaces"] += [{"tenant": "cellcast", "name": "", "options": {}}]
    return config


def subscribe(*channels):
    return [{"id": 10 + i, "subscribe": {"channel": channel}} for i, channel in enumerate(channels)]


def lws_bytes_per_connection(n):
    bare = BUILD / "tests/unit/gateway/bench_gateway_bare_ws"
    program = subprocess.Popen([bare], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = int(program.stdout.readline())
        warm = open_many(port, n // 2)
        before = anonymous_bytes(program.pid)
        socks = open_many(port, n)
        cost = (anonymous_bytes(program.pid) - before) / n
        close_all(warm + socks)
        return cost
    finally:
        program.stdin.close()
        program.wait()


class Meter:
    """What has been added to the gateway's memory since the last look."""

    def __init__(self, pid):
        self.pid, self.last = pid, anonymous_bytes(pid)

    def grown(self):
        time.sleep(0.5)
        before, self.last = self.last, anonymous_bytes(self.pid)
        return self.last - before


class Clients:
    """n clients, and what they have done one after the other. first: number of the first one, for the names of channels."""

    def __init__(self, port, n, a, first=0):
        self.a, self.first, self.socks = a, first, open_many(port, n)
        subscribe_all(self.socks, "lobby")

    def subscribe_more(self):
        say(self.socks, lambda i: subscribe(*(f"shared-{k}" for k in range(self.a.subscriptions))))

    def subscribe_alone(self):
        mine = self.a.channels
        say(self.socks, lambda i: subscribe(*(CHANNEL_NAME.format((self.first + i) * mine + k) for k in range(mine))))


def measure(a, port, pid):
    n = a.connections
    stay = Clients(port, n // 2, a, first=n)
    stay.subscribe_more()
    stay.subscribe_alone()
    meter = Meter(pid)
    baseline = meter.last
    peak = Clients(port, n, a)
    row = {"bytes_per_connection": meter.grown() / n}
    peak.subscribe_more()
    row["bytes_per_subscription"] = meter.grown() / (n * a.subscriptions)
    peak.subscribe_alone()
    name = len("default/" + CHANNEL_NAME.format(0))
    row["bytes_per_channel"] = meter.grown() / (n * a.channels) - name
    close_all(peak.socks)
    time.sleep(a.settle)
    row["after_peak_ratio"] = anonymous_bytes(pid) / baseline
    row["baseline_bytes"], row["peak_bytes"] = baseline, meter.last
    close_all(stay.socks)
    return row


async def gateway(a):
    # Nobody is pinged: these clients never read again.
    options = ("--log-level=error", "--ping-interval=1h", "--connect-rate=0", "--strangers-max=20000")
    async with FakeCluster(BUILD / "gateway/cellcast-gateway", 0, options, configuration()) as cluster:
        return await asyncio.to_thread(measure, a, cluster.port, cluster.supervisor.process.pid)


def main():
    a = arguments()
    lws = lws_bytes_per_connection(a.connections)
    row = asyncio.run(gateway(a))
    row["bytes_per_connection"] -= lws
    failed = [name for name, most in MOST.items() if row[name] > most]
    print(json.dumps({"bench": "memory", "connections": a.connections, "lws_bytes_per_connection": round(lws),
                      **{name: round(value, 3 if "ratio" in name else None) for name, value in row.items()},
                      "most": MOST, "failed": failed, "holds": not failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
