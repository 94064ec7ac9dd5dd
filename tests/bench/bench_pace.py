"""--rates publications/s (100,1000), to channels of --members each, with the sequencer at each of --batch_rates (0: no bound, 250): CPU for one, by process, and latency"""

import json
import sys
import time

import requests

from compare import generate
from cpu import cpu_s, tree_cpu_s
from groups import cell_groups, less
from prometheus import value
from stack import KEY, Stack, wait_until
from workload import options

WARM_S = 8  # Kafka's compiler


class Path:
    """The whole durable path, with a sequencer of another pace each time."""

    def __init__(self, o):
        self.o, self.runs = o, 0
        self.stack = Stack(gateways=o.gateways, workers=o.workers, kafka_profile="perf")

    def start(self):
        self.stack.start()
        self.measure(1000, 0, WARM_S)

    def set_pace(self, batch_rate):
        self.stack.end("sequencer")
        self.stack.start_sequencer(f"--batch-rate={batch_rate}")
        wait_until(self.stack.is_ready, 30, "the sequencer leads")

    def cpu(self):
        s = self.stack
        postmaster = int((s.home / "postgres/postmaster.pid").read_text().split()[0])
        return {"sequencer": cpu_s(s.pid("sequencer")), "relay": cpu_s(s.pid("relay")), "postgres": tree_cpu_s(postmaster),
                "kafka": cpu_s(int((s.home / "kafka/kafka.pid").read_text())), **cell_groups(s).cpu()}

    def batches(self):
        page = requests.get(f"http://127.0.0.1:{self.stack.sequencer_admin}/metrics", timeout=5).text
        return value(page, "cellcast_sequencer_batches_total")

    def measure(self, rate, batch_rate, seconds):
        self.runs += 1
        used = {}

        def between():
            time.sleep(1)
            before, batches, at = self.cpu(), self.batches(), time.monotonic()
            time.sleep(seconds - 2)
            took = time.monotonic() - at
            used.update({name: s / took for name, s in less(self.cpu(), before).items()})
            used["batches"] = (self.batches() - batches) / took

        report = generate(between, server=f"127.0.0.1:{self.stack.port}", api=self.stack.http(), api_key=KEY,
                          channel=f"quiet:pace{self.runs}-", connections=self.o.connections, channels=self.o.connections // self.o.members,
                          rate=rate, messages=rate * seconds, publishers=self.o.publishers)
        batches, latency = used.pop("batches"), report["latency_us"]["kernel"]
        row = {"rate": rate, "batch_rate": batch_rate, "ok": report["ok"], "batches_per_s": round(batches), "cores": round(sum(used.values()), 3),
               "us_per_publication": round(sum(used.values()) / rate * 1e6),
               "by_process": {name: round(s / rate * 1e6) for name, s in used.items()},
               "p50_ms": latency["p50"] / 1000, "p99_ms": latency["p99"] / 1000, "failures": report["failures"]}
        print(row, file=sys.stderr, flush=True)
        return row


def main():
    o = options("pace", rates="100,1000", batch_rates="0,250", connections=2000, members=10, gateways=5, workers=2, publishers=16, seconds=12, rounds=1)
    path, rows = Path(o), []
    path.start()
    try:
        for _ in range(o.rounds):
            for batch_rate in o.batch_rates.split(","):
                path.set_pace(batch_rate)
                rows += [path.measure(int(rate), int(batch_rate), o.seconds) for rate in o.rates.split(",")]
    finally:
        path.stack.stop()
    print(json.dumps({"bench": "pace", "options": vars(o), "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
