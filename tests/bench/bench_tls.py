"""what a TLS handshake costs a gateway: CPU of a full one, and of one that resumes a session begun at another gateway"""

import argparse
import json
import subprocess
import sys

from stack import BUILD

PROGRAM = BUILD / "tests/unit/gateway/bench_gateway_tls"
# How much cheaper a resumed one is at least. In 1.3 it exchanges keys anew (forward secrecy), and saves the signature alone.
CLAIMS = {("ec", "1.2"): 2, ("ec", "1.3"): 1.1, ("rsa", "1.2"): 4, ("rsa", "1.3"): 2}


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run tls")
    parser.add_argument("--handshakes", type=int, default=1000)
    a = parser.parse_args()
    rows = []
    for (key, version), least in CLAIMS.items():
        done = subprocess.run([PROGRAM, key, version, str(a.handshakes)], capture_output=True, text=True, check=True)
        row = {"key": key, "version": version, **json.loads(done.stdout)}
        row["full_per_cpu_second"] = round(1e6 / row["full_us"])
        row["resumed_per_cpu_second"] = round(1e6 / row["resumed_us"])
        row["ratio"] = round(row["full_us"] / row["resumed_us"], 2)
        row["holds"] = row["ratio"] >= least
        rows.append(row)
        print(row, file=sys.stderr)
    holds = all(row["holds"] for row in rows)
    claims = {f"{key} {version}": least for (key, version), least in CLAIMS.items()}
    print(json.dumps({"bench": "tls", "handshakes": a.handshakes, "rows": rows, "claim": f"full over resumed is at least {claims}",
                      "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
