"""The HTTP API is as deploy/openapi.yaml says, whatever it is asked."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import openapi
from stack import KEY

CHECKS = "status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method,ignored_auth"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode, phases", [("reply", "examples,coverage"), ("transport", "examples,fuzzing")])
def test_schemathesis_finds_nothing(stack, tmp_path, mode, phases):
    document = tmp_path / "openapi.yaml"
    document.write_text(yaml.safe_dump(openapi.strict(mode == "transport")))
    words = [Path(sys.executable).with_name("schemathesis"), "run", document, f"--url={stack.http('')}", f"--header=X-API-Key:{KEY}",
             f"--phases={phases}", "--max-examples=5", "--seed=1", "--generation-deterministic",
             f"--checks={CHECKS}", "--suppress-health-check=all", "--request-timeout=30", "--continue-on-failure", "--workers=1",
             "--generation-allow-x00=false",  # libwebsockets ends a connection whose request line has a NUL, without an answer
             "--no-color", "--warnings=off"]
    if mode == "transport":
        words += ["--header=X-Centrifugo-Error-Mode:transport"]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
