"""The npm package deploy/causal-js does what its README says, and holds what it names."""

import json
import subprocess
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def test_the_package_passes_its_tests():
    done = subprocess.run(["node", "--test", "tests/deploy/causal.test.mjs"], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr


def test_what_would_be_published_is_complete_and_loads():
    package = REPO / "deploy/causal-js"
    done = subprocess.run(["npm", "pack", "--dry-run", "--json", "--offline"], cwd=package, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert {f["path"] for f in json.loads(done.stdout)[0]["files"]} == {"package.json", "README.md", "index.js", "index.d.ts"}
    assert json.loads((package / "package.json").read_text())["version"] == (REPO / "VERSION").read_text().strip()
    done = subprocess.run(["node", "--input-type=module", "-e", "import { CausalStream, idOf } from './deploy/causal-js/index.js'; "
                           "if (!new CausalStream().stats || idOf({}) !== undefined) process.exit(1)"], cwd=REPO, timeout=60)
    assert done.returncode == 0
