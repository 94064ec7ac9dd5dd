"""50,000 sockets dropped at once (--clients, --kill gateways|cell, --sdk js|go|no-jitter|every-second): when everybody is back"""

import argparse
import json
import sys

from storm import GATES, Cell, Engines, Floor, stack_without_cell, storm_of

T95_S, T100_S, ATTEMPTS, QUIET_RATIO, PEER_SHARE = 5, 10, 1.5, 2, 0.5  # issue 6
GATEWAY_MAX = 20000  # --connections-max, as long as nobody says otherwise


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run storm")
    parser.add_argument("--clients", type=int, default=50000, help="that are dropped; those of one gateway more are there")
    parser.add_argument("--gateways", type=int, default=5)
    parser.add_argument("--kill", choices=("gateways", "cell"), default="gateways", help="all but one, or everything")
    parser.add_argument("--sdk", default="js")
    parser.add_argument("--rate", type=int, default=1000, help="publications/s, over channels of --members")
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--gate", choices=GATES, default="on", help="off: whoever comes is taken at once")
    parser.add_argument("--tls", action="store_true", help="of the clients that are dropped; they resume their sessions; no peer then")
    parser.add_argument("--cell-option", action="append", default=[], help="a flag of the supervisor, without its dashes")
    parser.add_argument("--floor", action="store_true", help="the same clients against plain sockets as well: what the machine gives")
    parser.add_argument("--no-peer", action="store_true", help="not the Centrifuge engine over Redis as well")
    o = parser.parse_args()
    if dialled(o) > o.gateways * GATEWAY_MAX:
        parser.error(f"{dialled(o)} connections are more than {o.gateways} gateways of {GATEWAY_MAX} take: more --gateways")
    return o


def dialled(o):
    """Those of the gateway that is not killed are among them."""
    return o.clients * o.gateways // (o.gateways - 1) if o.kill == "gateways" else o.clients


def holds(ours, peer):
    return (ours["not_back"] == ours["lost"] == ours["repeated"] == ours["not_recovered"] == 0
            and ours["t95_s"] < T95_S and ours["t100_s"] < T100_S and ours["attempts_per_client"] <= ATTEMPTS
            and (ours["quiet_p99_ratio"] is None or ours["quiet_p99_ratio"] <= QUIET_RATIO)
            and (not peer or not peer["t100_s"] or ours["t100_s"] < PEER_SHARE * peer["t100_s"]))


def main():
    o = arguments()
    connections = dialled(o)
    how = dict(rate=o.rate, members=o.members, sdk=o.sdk)
    with stack_without_cell(o.gateways) as stack:
        ours = storm_of(Cell(stack, o.kill, GATES[o.gate] + [f"--{option}" for option in o.cell_option], tls=o.tls), connections,
                        **how)
        print(f"cellcast: {ours}", file=sys.stderr)
        floor = storm_of(Floor(stack, o.clients, o.rate), o.clients, **how) if o.floor else None
        print(f"floor: {floor}", file=sys.stderr)
    engines = Engines.if_there(o.gateways) if o.kill == "gateways" and not o.tls and not o.no_peer else []
    peer = storm_of(engines[0], connections, **how) if engines else None
    well = holds(ours, peer)
    print(json.dumps({"bench": "storm", "options": vars(o), "connections": connections, **ours, "floor": floor, "centrifuge": peer,
                      "claim": f"lost, repeated 0; t95_s < {T95_S}, t100_s < {T100_S}, attempts_per_client <= {ATTEMPTS}, "
                               f"quiet_p99_ratio <= {QUIET_RATIO}, t100_s < {PEER_SHARE} of centrifuge's", "holds": well}))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
