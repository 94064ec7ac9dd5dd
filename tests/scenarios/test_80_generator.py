"""The load generator counts right against a whole Cellcast, and says so when a server does not deliver."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from stack import KEY, wait_until

from compare import BENCH, Floor, generate  # noqa: E402


def against(stack, channel, **flags):
    return generate(server=f"127.0.0.1:{stack.port}", api=stack.http(), api_key=KEY, channel=channel, connections=200, linger="20s", **flags)


def test_everybody_gets_everything_and_whoever_was_cut_recovers(stack, channel):
    report = against(stack, f"quiet:{channel}-", processes=2, channels=4, subscriptions=2, messages=100, rate=50, drop_rate=20)
    assert report["ok"], report
    assert report["expected"] == 100 * 200 * 2 // 4 == report["deliveries"]["delivered"]
    assert report["connections"]["connected"] == 200 and report["published"]["acknowledged"] == 100
    assert report["connections"]["reconnects"] >= report["connections"]["cut"] > 0
    assert report["recovery"]["recovered"] >= 2 * report["connections"]["cut"]
    assert report["latency_us"]["last_subscriber_kernel"]["count"] == 100


@pytest.mark.parametrize("sdk", ("js", "go"))
def test_whom_a_killed_gateway_drops_is_back_and_counted(stack, channel, sdk):
    victim = stack.pid("gateway-2")

    def kill():
        time.sleep(1)
        os.kill(victim, signal.SIGKILL)
    report = generate(kill, server=f"127.0.0.1:{stack.port}", api=stack.http(gateway=1), api_key=KEY, channel=f"quiet:{channel}-", sdk=sdk,
                      connections=300, processes=2, channels=30, messages=400, rate=100, may_lose="true", linger="30s")
    assert report["ok"], report
    lost = report["connections"]["lost"]
    assert lost >= 50 and report["latency_us"]["storm"]["count"] == lost == report["recovery"]["recovered"]
    assert report["returning"]["tries"] >= lost == report["curve"]["back"][-1]
    stack.wait_back("gateway-2", victim)


def test_without_offsets_the_numbers_are_checked(stack, channel):
    for gateway in range(1, stack.gateways + 1):
        wait_until(lambda: "error" not in stack.api("publish", {"channel": f"typing:{channel}", "data": 1}, gateway=gateway).json(),
                   20, "its link to Kafka is up")
    report = against(stack, f"typing:{channel}-", messages=50, rate=50)
    assert report["ok"], report
    assert report["deliveries"]["delivered"] == 50 * 200


def test_a_message_that_a_server_leaves_out_is_missing():
    report = Floor(2).run(connections=50, messages=20, rate=100, linger="3s", skip=7)
    assert report["failures"] == ["missing", "holes"] and not report["ok"]
    assert report["missing"] == report["deliveries"]["holes"] > 0


def test_messages_that_came_between_two_looks_share_a_read():
    shared = {collect: Floor(1).run(connections=4, messages=300, rate=1000, processes=1, collect=collect)["deliveries"]["shared_reads"]
              for collect in ("0", "10ms")}
    assert 4 * 300 // 2 < shared["10ms"] and shared["0"] < shared["10ms"] // 2, shared


def test_a_client_that_never_connected_misses_everything():
    report = generate(server="127.0.0.1:1", connections=5, messages=3, subscribe_timeout="200ms", linger="200ms")
    assert "not_all_subscribed" in report["failures"] and report["missing"] == 15 == report["expected"]
    assert report["limits"] == ["server"]


def test_a_process_of_its_own_that_dies_ends_the_run():
    words = ["--server=127.0.0.1:1", "--connections=2", "--processes=2", "--messages=1", "--subscribe-timeout=60s"]
    bench = subprocess.Popen([BENCH, *words], stdout=subprocess.PIPE, text=True)
    children = Path(f"/proc/{bench.pid}/task/{bench.pid}/children")
    wait_until(lambda: len(children.read_text().split()) == 2, 10, "it has forked")
    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
    report = json.loads(bench.communicate(timeout=20)[0].splitlines()[-1])
    assert bench.returncode == 1 and "process_died" in report["failures"]


@pytest.mark.parametrize("flag, says", [
    ("--conections=3", "did you mean --connections?"), ("--rate=many", "a whole number from 1 to 1000000"),
    ("--dialect=mqtt", "right would be centrifuge"), ("--sdk=perl", "right would be js, go"), ("--subscriptions=2", "at most 1, as --channels"), ("--cpu=gateway", "NAME=PID+PID"),
])
def test_a_wrong_flag_is_refused_with_what_would_be_right(flag, says):
    done = subprocess.run([BENCH, flag], capture_output=True, text=True)
    assert done.returncode == 2 and says in done.stderr
