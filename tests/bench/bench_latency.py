"""publish call to SDK callback: 100 subscribers on 3 gateways, 100 messages/s; each hop by itself"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import requests

from prometheus import quantiles_ms
from stack import KEY, Stack

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
    for name, default in (("gateways", 3), ("subscribers", 100), ("rate", 100), ("seconds", 30), ("warmup", 5), ("channels", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--prefix", default="", help="of the channels: typing: is an ephemeral namespace")
    parser.add_argument("--kafka-profile", default="perf", choices=("perf", "test"))
    return parser.parse_args()


def pages(stack):
    fetch = lambda port: requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    return {"cell": fetch(stack.admin_port), "sequencer": fetch(stack.sequencer_admin), "relay": fetch(stack.relay_admin)}


def main():
    o = arguments()
    stack = Stack(gateways=o.gateways, kafka_profile=o.kafka_profile)
    try:
        stack.start()
        time.sleep(2)
        before = pages(stack)
        what = {"urls": [stack.ws(g) for g in range(1, o.gateways + 1)], "api": stack.http(), "key": KEY, "subscribers": o.subscribers,
                "rate": o.rate, "seconds": o.seconds, "warmup": o.warmup, "channels": o.channels, "prefix": o.prefix}
        node = subprocess.run(["node", str(Path(__file__).parent / "latency.mjs"), json.dumps(what)], stdout=subprocess.PIPE, text=True, check=True)
        time.sleep(1.5)  # children report their metrics each second
        after = pages(stack)
    finally:
        stack.stop()
    result = json.loads(node.stdout)
    result["hops"] = {hop: quantiles_ms(before[page], after[page], family) for hop, (page, family) in HOPS.items()}
    result["options"] = vars(o)
    print(json.dumps(result))
    if result["failures"] or result["delivered"] != result["expected"]:
        sys.exit(f"delivered {result['delivered']} of {result['expected']}, {result['failures']} publishes failed")


main()
