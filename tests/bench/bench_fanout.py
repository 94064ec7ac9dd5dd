"""one channel, 10,000 subscribers, 3 messages/s: CPU of the gateways per delivery, against send() in a loop and a peer"""

import argparse
import json
import sys

from compare import Cellcast, Floor, alternate, ratio, well
from peers import Centrifuge

FLOOR_MOST, PEER_MOST = 1.30, 0.5  # issue 5


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run fanout")
    for name, default in (("gateways", 3), ("connections", 10000), ("rate", 3), ("messages", 45), ("payload", 200), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def main():
    o = arguments()
    servers = [Cellcast(o.gateways), Floor(o.gateways), *Centrifuge.if_there()]
    runs = alternate(servers, o.rounds, connections=o.connections, rate=o.rate, messages=o.messages, payload=o.payload)
    cpu = lambda run: run["server_us"]
    result = {"bench": "fanout", "options": vars(o), "cpu_vs_floor": ratio(runs, "cellcast", "floor", cpu),
              "cpu_vs_centrifuge": ratio(runs, "cellcast", "centrifuge", cpu), "runs": runs}
    result["holds"] = well(runs) and result["cpu_vs_floor"] <= FLOOR_MOST and (result["cpu_vs_centrifuge"] or 0) <= PEER_MOST
    print(json.dumps(result))
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
