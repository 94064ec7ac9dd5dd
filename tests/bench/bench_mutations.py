"""known faults are put into a copy of the sources, one at a time: each has to turn its test red

Each mutation takes one safeguard away. A test that stays green without it proves nothing. The copy is built once; each
mutation rebuilds what it touches, runs the tests that are to catch it, and is taken back."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mutations import MUTATIONS

REPO = Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run mutations")
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--keep", action="store_true", help="leave the copy")
    return parser.parse_args()


class Copy:
    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="cellcast-mutations-", dir="/var/tmp"))
        self.root.chmod(0o755)
        files = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, check=True).stdout.split(b"\0")
        for name in filter(None, map(os.fsdecode, files)):
            if (REPO / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPO / name, self.root / name)
        for name in (".venv", "tests/scenarios/js/node_modules"):
            (self.root / name).symlink_to(REPO / name)
        self.run("meson", "setup", "build", "-Dbuildtype=release")
        self.build()

    def run(self, *command, timeout=900):
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=timeout, check=False,
                              env={**os.environ, "CELLCAST_BUILD": str(self.root / "build")})

    def build(self):
        done = self.run("ninja", "-C", "build")
        if done.returncode:
            sys.exit(f"the copy does not build:\n{done.stdout[-3000:]}")

    def replace(self, mutation):
        for name, old, new in mutation["edits"]:
            text = (self.root / name).read_text()
            if text.count(old) != 1:
                sys.exit(f"{mutation['name']}: {name} has the text {text.count(old)} times, not once:\n{old}")
            (self.root / name).write_text(text.replace(old, new))

    def restore(self, mutation):
        for name, _, _ in mutation["edits"]:
            shutil.copy(REPO / name, self.root / name)

    def test(self, mutation):
        """-> whether it passes, and its last line."""
        if unit := mutation.get("unit"):
            done = self.run("meson", "test", "-C", "build", "--no-rebuild", "--print-errorlogs", *unit.split())
        else:
            done = self.run(".venv/bin/python", "-m", "pytest", "-c", "tests/scenarios/pytest.ini", "-x", "-p", "no:cacheprovider",
                            *mutation["scenarios"])
        red = [line for line in done.stdout.splitlines() if line.startswith(("E  ", "FAILED", "ERROR")) or ":F:" in line or "Assertion" in line]
        return done.returncode == 0, (red or done.stdout.splitlines() or [""])[0].strip()

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)


def main():
    o = arguments()
    chosen = [m for m in MUTATIONS if o.only in m["name"]]
    if o.list:
        for m in chosen:
            print(m["name"])
        return
    copy = Copy()
    survivors, report = [], []
    try:
        for m in chosen:
            began = time.monotonic()
            copy.replace(m)
            copy.build()
            passes, last = copy.test(m)
            copy.restore(m)
            report.append({"name": m["name"], "caught": not passes, "by": m.get("unit") or m["scenarios"], "said": last[:200]})
            print(f"{'SURVIVED' if passes else 'caught  '} {time.monotonic() - began:5.0f} s  {m['name']}  {last[:120]}", file=sys.stderr)
            survivors += [m["name"]] * passes
    finally:
        if not o.keep:
            copy.close()
    print(json.dumps({"mutations": len(report), "caught": len(report) - len(survivors), "survivors": survivors, "report": report}))
    if survivors:
        sys.exit(f"{len(survivors)} mutations were not noticed")


if __name__ == "__main__":
    main()
