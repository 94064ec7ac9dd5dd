"""HTTP clients that applications have, as they are out of the box: the gateways and HAProxy in front of them understand all of them alike."""

import json
import subprocess

import cent
import pytest
import requests

from balancer import Balancer
from sdk import JAVA
from stack import KEY, Stack, wait_until

EXPECT = ["-H", "Expect: 100-continue", "--expect100-timeout", "60"]  # longer than curl may take

NODE_STREAM = """
const [api, key, body] = process.argv.slice(1);
for (let n = 0; n < 3; n++) {
  const stream = new ReadableStream({start(c) { c.enqueue(new TextEncoder().encode(body)); c.close(); }});
  const answer = await fetch(`${api}/publish`, {method: "POST", duplex: "half", headers: {"X-API-Key": key}, body: n ? stream : body});
  console.log(answer.status, await answer.text());
}
"""


@pytest.fixture(scope="module")
def cell():
    s = Stack(gateways=2, workers=1)
    try:
        s.start_without_cell()
        s.start_cell("--proxy-from=127.0.0.0/8")
        s.wait_ready()
        yield s
    finally:
        s.stop()


@pytest.fixture(scope="module", params=["gateway", "balancer"])
def api(request, cell):
    if request.param == "gateway":
        yield cell.http(gateway=1)
        return
    balancer = Balancer(cell.home, cell.slot_base + 20, f"127.0.0.1:{cell.port}").start()
    yield f"http://127.0.0.1:{balancer.port}/api"
    balancer.stop()


def body_of(channel, n=1, pad=0):
    return json.dumps({"channel": channel, "data": {"n": n, "pad": "x" * pad}})


def offsets(answers):
    """Of lines that are a status and a body."""
    found = []
    for line in answers.splitlines():
        status, body = line.split(" ", 1)
        assert status == "200", line
        found.append(json.loads(body)["result"]["offset"])
    return found


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def curl(api, body, *flags):
    body, status = run("curl", "-sS", "-m", "20", "-w", "\n%{http_code}", "-H", f"X-API-Key: {KEY}", "--data-binary", body, *flags, f"{api}/publish").split("\n")
    return f"{status} {body}"


def test_java_publishes(api, channel):
    answers = run("java", str(JAVA / "Publish.java"), api, KEY, body_of(channel))
    assert offsets(answers) == list(range(1, 8))


def test_node_publishes(api, channel):
    assert offsets(run("node", "--input-type=module", "-e", NODE_STREAM, api, KEY, body_of(channel))) == [1, 2, 3]


def test_python_publishes_what_it_generates(api, channel):
    with requests.Session() as session:
        for n in range(3):
            pieces = body_of(channel, n, pad=5000)
            answer = session.post(f"{api}/publish", data=(pieces[i:i + 1000].encode() for i in range(0, len(pieces), 1000)), headers={"X-API-Key": KEY}, timeout=20)
            assert (answer.status_code, answer.json()["result"]["offset"]) == (200, n + 1)
            assert session.head(api.removesuffix("/api") + "/health", timeout=20).status_code == 200


@pytest.mark.parametrize("flags", [["--http2"], ["--http1.0"], ["-H", "Transfer-Encoding: chunked"], EXPECT, [*EXPECT, "-H", "Transfer-Encoding: chunked"]],
                         ids=["http2", "http1.0", "chunked", "expect", "expect-chunked"])
def test_curl_publishes(api, channel, flags):
    assert offsets(curl(api, body_of(channel), *flags)) == [1]


def test_the_library_from_pypi_publishes_and_reads(api, channel):
    client = cent.Client(api, KEY)
    first = client.publish(cent.PublishRequest(channel=channel, data={"n": 1}, tags={"a": "b"}, idempotency_key="once"))
    assert client.publish(cent.PublishRequest(channel=channel, data={"n": 1}, idempotency_key="once")) == first
    answers = client.broadcast(cent.BroadcastRequest(channels=[channel, "nowhere:x"], data={"n": 2})).responses
    assert answers[0].result.offset == 2 and answers[1].error.code == 102
    replies = client.batch(cent.BatchRequest(requests=[cent.PublishRequest(channel=channel, data={"n": n}) for n in (3, 4)])).replies
    assert [reply.offset for reply in replies] == [3, 4]
    history = wait_until(lambda: (h := client.history(cent.HistoryRequest(channel=channel, limit=-1))).offset == 4 and h)  # it goes by way of Kafka
    assert [p.data["n"] for p in history.publications] == [1, 2, 3, 4] and history.offset == 4
    assert client.presence_stats(cent.PresenceStatsRequest(channel=channel)).num_clients == 0
    client.history_remove(cent.HistoryRemoveRequest(channel=channel))
    assert {node.version for node in client.info(cent.InfoRequest()).nodes}
    with pytest.raises(cent.CentApiResponseError) as refused:
        client.publish(cent.PublishRequest(channel="nowhere:x", data=1))
    assert refused.value.code == 102
    with pytest.raises(cent.CentUnauthorizedError):
        cent.Client(api, "wrong").info(cent.InfoRequest())


def test_curl_asks_for_the_head_alone(api):
    head = run("curl", "-sS", "-m", "20", "-I", api.removesuffix("/api") + "/health")
    assert head.startswith("HTTP/1.1 200") and "content-length: 2" in head
