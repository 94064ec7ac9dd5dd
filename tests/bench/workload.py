"""The benchmarks that compare the gateways' CPU per delivery with the floor's and a peer's: they differ in their figures only."""

import argparse
import json

from apart import clients
from compare import Cellcast, Floor, alternate, median, ratio, well
from peers import Centrifuge


def options(bench, **defaults):
    parser = argparse.ArgumentParser(prog=f"tests/bench/run {bench}")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def cpu_per_delivery(bench, floor_most, peer_most, publishing=None, floor=Floor, **defaults):
    """defaults: options, which are flags of the generator; publishing: further ones; floor: whose sends are compared with. Prints the
    result -> exit code: 0 when both ratios hold (the peer's only where there is the peer; the floor's where a send() delivers as well,
    on loopback) and every run was well."""
    o = options(bench, gateways=3, rounds=3, payload=200, clients="loopback", **defaults)
    with clients(o.clients) as place:
        servers = [Cellcast(o.gateways, place), floor(o.gateways, place), *Centrifuge.if_there(place)]
        runs = alternate(servers, o.rounds, **{name: getattr(o, name) for name in (*defaults, "payload")}, **(publishing or {}))
    cost = lambda run: run["server_us"]
    floor, peer = ratio(runs, "cellcast", "floor", cost), ratio(runs, "cellcast", "centrifuge", cost)
    claims = [(peer, "cpu_vs_centrifuge", peer_most)] + [(floor, "cpu_vs_floor", floor_most)] * (o.clients == "loopback")
    holds = well(runs) and all(value is None or value <= most for value, _, most in claims)
    print(json.dumps({"bench": bench, "options": vars(o), "cpu_vs_floor": floor, "cpu_vs_centrifuge": peer,
                      "us": {name: median(of_server, cost) for name, of_server in runs.items()}, "runs": runs,
                      "claim": ", ".join(f"{name} <= {most}" for _, name, most in claims), "holds": holds}))
    return 0 if holds else 1
