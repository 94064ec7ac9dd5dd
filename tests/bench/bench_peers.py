"""the workload of fanout against every peer that this machine can have: CPU and latency of each, and a table (--report FILE.html)"""

import argparse
import json
import sys

import report
from compare import Cellcast, Floor, alternate, median, ratio, well
from peers import ALL, Nchan


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run peers")
    for name, default in (("gateways", 3), ("connections", 2000), ("rate", 3), ("messages", 30), ("payload", 200), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--report", help="an HTML page")
    return parser.parse_args()


def row(name, runs):
    """Medians over the rounds."""
    of = lambda pick: median(runs[name], pick)
    return {"server": name, "cpu_us_per_delivery": of(lambda r: r["server_us"]),
            **{f"{kind}_{q}_ms": round(of(lambda r: r[kind][q] if r[kind] else 0) / 1000, 1)
               for kind in ("kernel", "last_subscriber_kernel") for q in ("p50", "p99")}}


def page(o, rows):
    bars = lambda axes: (axes.barh([r["server"] for r in rows], [r["cpu_us_per_delivery"] for r in rows]),
                         axes.set_xlabel("CPU µs per delivery"))
    return report.page("Fan-out, server by server", f"{o.connections} subscribers of one channel, {o.rate} messages/s of {o.payload} bytes; "
                       "alternating runs on one machine, medians. Latency: the publisher's stamp to the packet's arrival.",
                       report.table(list(rows[0]), [list(r.values()) for r in rows]), report.plot(bars))


def main():
    o = arguments()
    Nchan.workers = o.gateways
    servers = [Cellcast(o.gateways), Floor(o.gateways), *(peer for kind in ALL for peer in kind.if_there())]
    runs = alternate(servers, o.rounds, connections=o.connections, rate=o.rate, messages=o.messages, payload=o.payload)
    rows = [row(server.name, runs) for server in servers]
    ratios = {f"cpu_vs_{s.name}": ratio(runs, "cellcast", s.name, lambda r: r["server_us"]) for s in servers[1:]}
    if o.report:
        with open(o.report, "w") as file:
            file.write(page(o, rows))
    holds = well({"cellcast": runs["cellcast"], "floor": runs["floor"]})
    print(json.dumps({"bench": "peers", "options": vars(o), **ratios, "rows": rows,
                      "failures": {name: [r["failures"] for r in of] for name, of in runs.items()}, "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
