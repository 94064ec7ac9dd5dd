"""publish call to SDK callback: 100 subscribers on 3 gateways, 100 messages/s; each hop by itself"""

import argparse
import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import requests

from prometheus import quantiles_ms
from sdk import Raw
from stack import CONFIGURATION, KEY, Stack

# hop: (whose page, histogram)
HOPS = {
    "commit": ("sequencer", "cellcast_sequencer_commit_seconds"),
    "publish": ("cell", "cellcast_gateway_publish_commit_seconds"),
    "relay_decode": ("relay", "cellcast_relay_decode_seconds"),
    "relay_visible": ("relay", "cellcast_relay_visible_seconds"),
    "relay_kafka_ack": ("relay", "cellcast_relay_kafka_seconds"),
    "kafka": ("cell", "cellcast_worker_hop_kafka_seconds"),
    "worker": ("cell", "cellcast_worker_hop_worker_seconds"),
    "gateway": ("cell", "cellcast_gateway_hop_gateway_seconds"),
    "commit_to_written": ("cell", "cellcast_gateway_commit_written_seconds"),
}


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run latency")
    for name, default in (("gateways", 3), ("subscribers", 100), ("rate", 100), ("seconds", 30), ("warmup", 5), ("channels", 1), ("partitions", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--flood", action="store_true", help="of ephemeral publishes beside it")
    parser.add_argument("--prefix", default="", help="of the channels: typing: is an ephemeral namespace")
    parser.add_argument("--kafka-profile", default="perf", choices=("perf", "test"))
    return parser.parse_args()


class Flood:
    """Ephemeral publishes as fast as two connections take them, to a channel with a subscriber on each gateway that reads none
    of them."""

    def __init__(self, stack, gateways):
        self.stack, self.taken, self.refused, self.stopping = stack, 0, 0, False
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.listen(gateways))
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(2)] + [threading.Thread(target=self.loop.run_forever)]
        self.since = time.monotonic()
        for t in self.threads:
            t.start()

    async def listen(self, gateways):
        self.people = [await Raw.open(self.stack.ws(g)) for g in range(1, gateways + 1)]
        for person in self.people:
            await person.connect()
            await person.ask({"id": 2, "subscribe": {"channel": "typing:flood"}})

    def run(self, n):
        body = json.dumps({"parallel": True, "commands": [{"publish": {"channel": "typing:flood", "data": "x" * 100}}] * 200})
        with requests.Session() as session:
            while not self.stopping:
                replies = session.post(self.stack.http("/api/batch"), body, headers={"X-API-Key": KEY}, timeout=10).json()["replies"]
                self.taken += sum("publish" in r for r in replies)
                self.refused += sum("error" in r for r in replies)

    def stop(self):
        self.stopping, seconds = True, time.monotonic() - self.since
        self.loop.call_soon_threadsafe(self.loop.stop)
        for t in self.threads:
            t.join()
        return {"taken_per_s": round(self.taken / seconds), "refused_per_s": round(self.refused / seconds)}


def pages(stack):
    fetch = lambda port: requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    return {"cell": fetch(stack.admin_port), "sequencer": fetch(stack.sequencer_admin), "relay": fetch(stack.relay_admin)}


def main():
    o = arguments()
    if o.partitions:
        CONFIGURATION["cells"][0]["partitions"] = o.partitions
    stack = Stack(gateways=o.gateways, kafka_profile=o.kafka_profile)
    try:
        stack.start()
        time.sleep(2)
        before = pages(stack)
        what = {"urls": [stack.ws(g) for g in range(1, o.gateways + 1)], "api": stack.http(), "key": KEY, "subscribers": o.subscribers,
                "rate": o.rate, "seconds": o.seconds, "warmup": o.warmup, "channels": o.channels, "prefix": o.prefix}
        flood = Flood(stack, o.gateways) if o.flood else None
        node = subprocess.run(["node", str(Path(__file__).parent / "latency.mjs"), json.dumps(what)], stdout=subprocess.PIPE, text=True, check=True)
        flooded = flood.stop() if flood else None
        time.sleep(1.5)  # children report their metrics each second
        after = pages(stack)
    finally:
        stack.stop()
    result = json.loads(node.stdout)
    result["hops"] = {hop: quantiles_ms(before[page], after[page], family) for hop, (page, family) in HOPS.items()}
    result["options"], result["flood"] = vars(o), flooded
    print(json.dumps(result))
    if result["failures"] or result["delivered"] != result["expected"]:
        sys.exit(f"delivered {result['delivered']} of {result['expected']}, {result['failures']} publishes failed")


main()
