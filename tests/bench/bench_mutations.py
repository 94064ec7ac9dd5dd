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
        if wrong := self.build():
            sys.exit(f"the copy does not build:\n{wrong}")

    def run(self, *command, timeout=900):
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=timeout, check=False,
                              env={**os.environ, "CELLCAST_BUILD": str(self.root / "build")})

    def build(self):
        """-> "", or what the compiler says"""
        done = self.run("ninja", "-C", "build")
        return done.stdout[-3000:] if done.returncode else ""

    def replace(self, mutation):
        for name, old, new in mutation["edits"]:
            text = (self.root / name).read_text()
            if text.count(old) != 1:
                sys.exit(f"{mutation['name']}: {name} has the text {text.count(old)} times, not once:\n{old}")
            (self.root / name).write_text(text.replace(old, new))

    def restore(self, mutation):
        for name, _, _ in mutation["edits"]:
            shutil.copy(REPO / name, self.root / name)

    def judges(self, mutation):
        """-> {what is to turn red: the command that runs it}"""
        found = {}
        if unit := mutation.get("unit"):
            found[unit] = ("meson", "test", "-C", "build", "--no-rebuild", "--print-errorlogs", unit)
        if nodes := mutation.get("scenarios"):
            found[" ".join(node.rpartition("::")[2] for node in nodes)] = (
                ".venv/bin/python", "-m", "pytest", "-c", "tests/scenarios/pytest.ini", "-x", "-p", "no:cacheprovider", *nodes)
        return found

    def test(self, command):
        """-> whether it passes, and what it says first of a failure."""
        done = self.run(*command)
        red = [line for line in done.stdout.splitlines() if line.startswith(("E  ", "FAIL", "ERROR")) or ":F:" in line or "Assertion" in line]
        return done.returncode == 0, (red or done.stdout.splitlines() or [""])[0].strip()

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)


def judged(copy, mutation):
    """-> [(judge, seconds, whether it stays green, what it says)]; one that does not build proves nothing."""
    copy.replace(mutation)
    found = []
    try:
        if wrong := copy.build():
            return [("the compiler", 0, True, wrong)]
        for judge, command in copy.judges(mutation).items():
            began = time.monotonic()
            passes, said = copy.test(command)
            found.append((judge, time.monotonic() - began, passes, said))
        return found
    finally:
        copy.restore(mutation)


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
            for judge, seconds, passes, said in judged(copy, m):
                report.append({"name": m["name"], "caught": not passes, "by": judge, "said": said[:200]})
                print(f"{'SURVIVED' if passes else 'caught  '} {seconds:5.0f} s  {m['name']}  by {judge}  {said[:120]}", file=sys.stderr, flush=True)
                survivors += [f"{m['name']} ({judge})"] * passes
    finally:
        if not o.keep:
            copy.close()
    print(json.dumps({"mutations": len(chosen), "judged": len(report), "caught": len(report) - len(survivors), "survivors": survivors,
                      "report": report}))
    if survivors:
        sys.exit(f"{len(survivors)} mutations were not noticed")


if __name__ == "__main__":
    main()
