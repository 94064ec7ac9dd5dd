"""CPU of a busy gateway per delivery to 500 subscribers: each publication at once, or batched by batch_delay"""

import argparse
import asyncio
import json
import multiprocessing
import selectors
import sys
import time

from idle import cpu_seconds, open_many, subscribe_all
from stack import BUILD, REPO

sys.path.insert(0, str(REPO / "tests/unit/gateway/process"))
from fake_cluster import CONFIG, FakeCluster  # noqa: E402

DATA = json.dumps("x" * 100)
MODES = {"at_once": 0, "batched": "10ms"}


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run batching")
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--rates", type=int, nargs="+", default=[50, 500], help="publications a second")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def configuration(delay):
    config = json.loads(json.dumps(CONFIG))
    for namespace in config["namespaces"]:
        namespace["options"] = dict(namespace["options"], batch_delay=delay)
    return config


def read_everything(port, n, ready):
    """A process of its own: subscribers that read what comes, and do not look at it."""
    socks = open_many(port, n)
    subscribe_all(socks, "news")
    selector = selectors.DefaultSelector()
    for sock in socks:
        selector.register(sock, selectors.EVENT_READ)
    ready.set()
    while True:
        for key, _ in selector.select():
            if not key.fileobj.recv(1 << 18):
                return


async def publish(cluster, rate, seconds):
    """Publications at an even pace; what a late turn missed comes with the next one."""
    start, told = time.monotonic(), 0
    while (now := time.monotonic() - start) < seconds:
        while told < now * rate:
            cluster.worker.append("default/news", data=DATA)
            told += 1
        await asyncio.sleep(0.001)
    return told


async def run(a, delay, rate):
    options = ("--log-level=error", "--ping-interval=1h")
    async with FakeCluster(BUILD / "gateway/cellcast-gateway", 0, options, configuration(delay)) as cluster:
        ready = multiprocessing.Event()
        readers = multiprocessing.Process(target=read_everything, args=(cluster.port, a.subscribers, ready), daemon=True)
        readers.start()
        await asyncio.to_thread(ready.wait, 60)
        pid = cluster.supervisor.process.pid
        await publish(cluster, rate, 1)
        await asyncio.sleep(1.5)
        before, had = cpu_seconds(pid), dict(cluster.supervisor.metrics)

        def counted(name):
            return cluster.supervisor.metrics[name] - had[name]
        deliveries = await publish(cluster, rate, a.seconds) * a.subscribers
        await cluster.until(lambda: counted("gateway_deliveries_total") >= deliveries, 60)
        row = {"cpu_us": (cpu_seconds(pid) - before) / deliveries * 1e6, "writes": counted("gateway_writes_total") / deliveries}
        readers.kill()
        readers.join()
        return row


def main():
    a = arguments()
    rows = []
    for rate in a.rates:
        row = {"rate": rate}
        runs = {mode: [] for mode in MODES}
        for _ in range(a.rounds):  # by turns
            for mode, delay in MODES.items():
                runs[mode].append(asyncio.run(run(a, delay, rate)))
        for mode, its in runs.items():
            best = min(its, key=lambda r: r["cpu_us"])
            row[f"cpu_us_{mode}"], row[f"writes_per_delivery_{mode}"] = round(best["cpu_us"], 2), round(best["writes"], 3)
        row["cpu_vs_at_once"] = round(row["cpu_us_batched"] / row["cpu_us_at_once"], 3)
        rows.append(row)
        print(row, file=sys.stderr)
    holds = rows[-1]["cpu_vs_at_once"] < 1
    print(json.dumps({"bench": "batching", "subscribers": a.subscribers, "rows": rows,
                      "claim": "at the highest rate a batched delivery takes less CPU than one at once", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
