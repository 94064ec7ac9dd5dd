"""The unmodified npm package over HTTP streams and Server-Sent Events: what it can do over a WebSocket it can do there, its
commands come to another gateway than its stream, and a gateway that dies costs it nothing."""

import time

import pytest
import requests

from sdk import JsPerson, token
from stack import wait_until

TRANSPORTS = ("http_stream", "sse")


def endpoints(stack, transport, gateway=None):
    return [{"transport": transport, "endpoint": stack.http(f"/connection/{transport}", gateway)}]


def connected(stack, transport, stream=None, commands=None, fresh_token=None, **options):
    """stream, commands: gateways; None: the cell's public port. fresh_token: says what it gets when it asks for one."""
    person = JsPerson()
    person.fresh_token = fresh_token
    person.send(op="connect", url=endpoints(stack, transport, stream), asks=fresh_token is not None,
                options={"emulationEndpoint": stack.http("/emulation", commands), **options})
    person.wait_event("connected")
    return person


def offsets(person, channel):
    return [p["offset"] for p in person.publications(channel)]


def arrived(person, channel, n):
    wait_until(lambda: len(person.publications(channel)) >= n, 20, f"{n} publications of {channel}")
    assert offsets(person, channel) == list(range(1, n + 1))


@pytest.mark.parametrize("transport, protocol", [("http_stream", "json"), ("http_stream", "protobuf"), ("sse", "json")])
def test_an_sdk_can_do_there_what_it_can_do_over_a_websocket(stack, transport, protocol, channel):
    person = connected(stack, transport, token=token(sub="42"), protocol=protocol)
    assert person.wait_event("connected")["transport"] == transport
    person.send(op="subscribe", channel=channel)
    person.wait_event("subscribed")
    for n in range(3):
        assert "error" not in person.call("publish", channel=channel, data={"n": n, "text": "a\nb & c%"})
    arrived(person, channel, 3)
    assert person.publications(channel)[2]["data"] == {"n": 2, "text": "a\nb & c%"}
    assert [p["data"]["n"] for p in person.call("history", channel=channel)["result"]["publications"]] == [0, 1, 2]
    assert [c["user"] for c in person.call("presence", channel=channel)["result"]["clients"].values()] == ["42"]
    assert person.call("presence_stats", channel=channel)["result"] == {"numClients": 1, "numUsers": 1}
    published = person.call("rpc", method="cellcast.publish", data={"channel": channel, "data": 4})
    assert published["result"]["data"]["offset"] == 4
    assert person.call("rpc", method="nothing", data={})["error"]["code"] == 108
    assert person.call("publish", channel="closed:x", data=1)["error"]["code"] == 103
    arrived(person, channel, 4)
    wait_until(lambda: stack.metric(f"gateway_{transport}_connections") == 1, 10, "it is counted by its transport")
    person.send(op="unsubscribe", channel=channel)
    assert person.wait_event("unsubscribed")["code"] == 0
    person.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_commands_may_come_to_any_gateway_of_the_cell(stack, transport, channel):
    before = stack.metric("supervisor_emulations_total")
    person = connected(stack, transport, stream=1, commands=2)
    person.send(op="subscribe", channel=channel)
    person.wait_event("subscribed")
    for n in range(20):
        assert "error" not in person.call("publish", channel=channel, data=n)
    arrived(person, channel, 20)
    wait_until(lambda: stack.metric("supervisor_emulations_total") >= before + 21, 10, "passed on by the supervisor")
    person.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_killed_gateway_costs_no_publication(stack, transport, channel):
    person = connected(stack, transport, stream=1, commands=2)
    person.send(op="subscribe", channel=channel)
    person.wait_event("subscribed")
    stack.publish(channel, 1)
    arrived(person, channel, 1)
    old = stack.pid("gateway-1")
    stack.kill("gateway-1")
    for n in range(2, 30):
        assert "result" in stack.api("publish", {"channel": channel, "data": n}, gateway=2).json()
    person.wait(lambda e: e["event"] == "subscribed" and e.get("recovered"), 30)
    arrived(person, channel, 29)
    assert "error" not in person.call("publish", channel=channel, data=30)
    arrived(person, channel, 30)
    person.close()
    stack.wait_back("gateway-1", old)
    stack.wait_ready()


def test_commands_for_a_gateway_that_has_gone_are_404(stack):
    body = {"session": "a", "node": "b0c6a1e2-0000-4000-8000-000000000000", "data": "{}"}
    for gateway in (None, 1, 2):
        assert requests.post(stack.http("/emulation", gateway), json=body, timeout=10).status_code == 404


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_token_is_refreshed(stack, transport):
    person = connected(stack, transport, stream=1, commands=2, token=token(sub="42", exp=int(time.time()) + 3),
                       fresh_token=lambda: token(sub="42", exp=int(time.time()) + 1000))
    person.wait_event("token")
    assert person.call("rpc", method="nothing", data={})["error"]["code"] == 108
    time.sleep(1)
    assert [e["event"] for e in person.events if e["event"] in ("connecting", "disconnected", "error")] == ["connecting"]
    person.close()


def test_an_operator_sees_the_transport_and_no_session(stack):
    person = connected(stack, "sse", token=token(sub="streamer"))
    clients = stack.api("connections", {"user": "streamer"}).json()["result"]["connections"]
    assert [c["transport"] for c in clients.values()] == ["sse"] and "session" not in str(clients)
    person.close()


def test_who_gets_no_websocket_falls_back(stack, channel):
    person = JsPerson()
    refused = {"transport": "websocket", "endpoint": stack.ws(tenant="nobody")}
    person.send(op="connect", url=[refused, *endpoints(stack, "http_stream"), *endpoints(stack, "sse")],
                options={"emulationEndpoint": stack.http("/emulation")})
    assert person.wait_event("connected", 30)["transport"] == "http_stream"
    person.send(op="subscribe", channel=channel)
    person.wait_event("subscribed")
    person.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_disconnect_says_whether_to_come_back(stack, transport):
    person = connected(stack, transport, token=token(sub=f"unwanted-{transport}"))
    stack.api("disconnect", {"user": f"unwanted-{transport}"})
    assert person.wait_event("disconnected")["code"] == 3503
    person.close()
