"""Proxies: the tenant's application is asked about its clients' events. Tenant `shop` has one; `stack`'s other tenants are those
that must not notice when it is slow or gone."""

import asyncio
import copy
import json
import time

import pytest
from centrifuge import ReplyError

from application import Application
from sdk import JsPerson, Person, Raw, token
from stack import CONFIGURATION, OPEN, wait_until

SECRET = "shop-secret"
EVENTS = ("connect", "refresh", "subscribe", "publish", "sub_refresh", "rpc")
ASKED = {"subscribe_proxy_enabled": True, "publish_proxy_enabled": True, "sub_refresh_proxy_enabled": True}


@pytest.fixture(scope="module")
def shop(stack):
    """The application of tenant `shop`, which is asked about everything."""
    application = Application().start()
    configuration = copy.deepcopy(CONFIGURATION)
    options = application.options(
        *EVENTS, token_hmac_secret_key=SECRET, proxy_http_headers=["X-Trace", "Cookie"], proxy_static_http_headers=["X-Secret: s3cret"],
        proxy_status_transforms=["404 error 1404 not found", "403 disconnect 4403 go away"], proxy_include_connection_meta=True,
        proxy_publish_timeout="2s", proxy_concurrency=4, proxy_queue=4)
    configuration["tenants"].append({
        "name": "shop", "cells": ["a"], "options": options,
        "namespaces": [{"name": "", "options": ASKED | {"presence": True}}, {"name": "open", "options": OPEN}]})
    stack.settle(configuration)
    yield application
    stack.settle(CONFIGURATION)
    application.stop()


@pytest.fixture(autouse=True)
def forgetful(shop):
    """It answers each scenario anew: everybody is `ann`."""
    shop.answers = {"connect": lambda question: {"result": {"user": "ann"}}}
    shop.asked.clear()
    yield
    shop.release()


async def ann(stack, gateway=None):
    raw = await Raw.open(stack.ws(gateway, "shop"))
    answer = await raw.connect()
    assert "connect" in answer, answer
    return raw


# -- each event, with the SDKs


def test_the_sdk_from_npm_connects_subscribes_publishes_and_calls_as_the_application_says(stack, shop):
    shop.answers |= {
        "connect": lambda q: {"result": {"user": "ann", "info": {"name": "Ann"}, "data": {"hello": q["data"]["who"]},
                                         "meta": {"plan": "gold"}}},
        "subscribe": lambda q: {"result": {"info": {"seat": 1}, "data": {"welcome": q["channel"]}}},
        "publish": lambda q: {"result": {"data": q["data"] | {"by": q["user"]}, "tags": {"checked": "yes"}}},
        "rpc": lambda q: {"result": {"data": {"sum": sum(q["data"])}}} if q["method"] == "sum" else
                         {"error": {"code": 1404, "message": "no such method"}},
    }
    js = JsPerson()
    try:
        js.send(op="connect", url=stack.ws(tenant="shop"), options={"data": {"who": "me"}, "headers": {"X-Trace": "t-1"}})
        assert js.wait_event("connected")["data"] == {"hello": "me"}
        js.send(op="subscribe", channel="orders")
        assert js.wait_event("subscribed")["data"] == {"welcome": "orders"}
        assert js.call("publish", channel="orders", data={"n": 1})["result"] == {}
        publication = js.wait_event("publication")
        assert publication["data"] == {"n": 1, "by": "ann"} and publication["tags"]["checked"] == "yes"
        assert publication["info"]["connInfo"] == {"name": "Ann"} and publication["info"]["chanInfo"] == {"seat": 1}
        assert js.call("rpc", method="sum", data=[1, 2])["result"] == {"data": {"sum": 3}}
        assert js.call("rpc", method="fly", data=None)["error"] == {"code": 1404, "message": "no such method"}
    finally:
        js.close()
    connect, headers = next((q, h) for event, q, h in shop.asked if event == "connect")
    assert headers["x-trace"] == "t-1" and headers["x-secret"] == "s3cret" and headers["content-type"] == "application/json"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert connect["transport"] == "websocket" and connect["protocol"] == "json" and connect["name"] == "js" and "user" not in connect
    for event in ("subscribe", "publish", "rpc"):
        question = shop.questions(event)[0]
        assert question["client"] == connect["client"] and question["user"] == "ann" and question["meta"] == {"plan": "gold"}


async def test_a_header_that_the_request_had_is_not_overridden_even_an_empty_one(stack, shop):
    for value in ("balancer", ""):
        raw = await Raw.open(stack.ws(tenant="shop"), additional_headers={"X-Trace": value})
        await raw.connect(headers={"X-Trace": "client"})
        assert shop.asked[-1][2]["x-trace"] == value
        await raw.close()


async def test_the_sdk_from_pypi_is_subscribed_by_the_application(stack, shop):
    shop.answers["connect"] = lambda q: {"result": {"user": "bob", "channels": ["open:news"]}}
    shop.answers["subscribe"] = lambda q: {"result": {}}
    person = await Person(stack.ws(tenant="shop")).connect()
    recorder = await person.subscribe("pypi")
    stack.publish("shop/pypi", {"n": 1})
    await recorder.wait_for(1)
    assert shop.questions("connect")[0]["name"] == "python"
    await person.close()


async def test_over_protobuf_payloads_that_are_no_json_go_as_base64(stack, shop):
    shop.answers["rpc"] = lambda q: {"result": {"data": {"got": q.get("data"), "b64": q.get("b64data")}}}
    person = await Person(stack.ws(tenant="shop"), use_protobuf=True).connect()
    assert json.loads((await person.client.rpc("m", b'{"n":1}')).data) == {"got": {"n": 1}, "b64": None}
    assert json.loads((await person.client.rpc("m", b"\x00\xff")).data) == {"got": None, "b64": "AP8="}
    assert [(q["protocol"], q["encoding"]) for q in shop.questions("rpc")] == [("protobuf", "json"), ("protobuf", "binary")]
    shop.answers["rpc"] = lambda q: {"error": {"code": 1001, "message": "not today"}}
    with pytest.raises(ReplyError) as refused:
        await person.client.rpc("m", b"1")
    assert refused.value.code == 1001
    await person.close()


async def test_a_token_goes_before_the_application_and_its_meta_is_told(stack, shop):
    raw = await Raw.open(stack.ws(tenant="shop"))
    answer = await raw.connect(token=token(SECRET, sub="carl", meta={"from": "token"}))
    assert "connect" in answer and not shop.questions("connect")
    assert "rpc" in await raw.ask({"id": 2, "rpc": {"method": "m", "data": {}}})
    assert shop.questions("rpc")[0]["user"] == "carl" and shop.questions("rpc")[0]["meta"] == {"from": "token"}
    await raw.close()


async def test_connections_and_subscriptions_go_on_as_long_as_the_application_says(stack, shop):
    shop.answers["connect"] = lambda q: {"result": {"user": "ann", "expire_at": int(time.time()) + 2}}
    shop.answers["refresh"] = lambda q: {"result": {"expire_at": int(time.time()) + 600}}
    shop.answers["subscribe"] = lambda q: {"result": {"expire_at": int(time.time()) + 2}}
    shop.answers["sub_refresh"] = lambda q: {"result": {"expired": True}}
    raw = await ann(stack)
    answer = await raw.ask({"id": 2, "subscribe": {"channel": "while"}})
    assert "expires" not in answer["subscribe"]
    while "push" not in (message := await raw.receive(20)):
        pass
    assert message["push"]["unsubscribe"]["code"] == 2501 and shop.questions("sub_refresh")[0]["channel"] == "while"
    await asyncio.to_thread(shop.wait_asked, "refresh")
    shop.answers["connect"] = lambda q: {"result": {"user": "ann", "expire_at": int(time.time()) + 2}}
    shop.answers["refresh"] = lambda q: {"result": {"expired": True}}
    other = await ann(stack)
    assert (await other.closed(20))[0] == 3005
    assert "rpc" in await raw.ask({"id": 3, "rpc": {"method": "m"}})  # the first one is there yet
    await raw.close()


# -- what applications do wrong


REFUSALS = {
    "its own error": ({"error": {"code": 1001, "message": "not today"}}, {"code": 1001, "message": "not today"}),
    "a temporary error": ({"error": {"code": 1002, "message": "later", "temporary": True}},
                          {"code": 1002, "message": "later", "temporary": True}),
    "a status that means something": ((404, b"<html>"), {"code": 1404, "message": "not found"}),
    "status 500": ((500, b'{"result":{}}'), {"code": 100, "message": "internal server error", "temporary": True}),
    "no JSON": ((200, b"ok"), {"code": 100, "message": "internal server error", "temporary": True}),
    "no answer in JSON": ({"ok": 1}, {"code": 100, "message": "internal server error", "temporary": True}),
    "a wrong type": ({"result": {"data": 1, "b64data": 2}}, {"code": 100, "message": "internal server error", "temporary": True}),
    "a megabyte": ({"result": {"data": "x" * 1_000_000}}, {"code": 100, "message": "internal server error", "temporary": True}),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_what_the_client_is_told_of_an_answer_that_refuses_or_is_none(stack, shop, name):
    body, error = REFUSALS[name]
    shop.answers["rpc"] = lambda q: body
    raw = await ann(stack)
    assert (await raw.ask({"id": 2, "rpc": {"method": "m"}})) == {"id": 2, "error": error}
    del shop.answers["rpc"]
    assert await raw.ask({"id": 3, "rpc": {"method": "m"}}) == {"id": 3, "rpc": {}}
    await raw.close()


@pytest.mark.parametrize("answer, code, reason", [({"disconnect": {"code": 4501, "reason": "banned"}}, 4501, "banned"),
                                                  ((403, b""), 4403, "go away")])
async def test_the_application_disconnects_at_every_event(stack, shop, answer, code, reason):
    for event, command in (("subscribe", {"subscribe": {"channel": "x"}}), ("publish", {"publish": {"channel": "x", "data": 1}}),
                           ("rpc", {"rpc": {"method": "m"}})):
        shop.answers[event] = lambda q: answer
        raw = await ann(stack)
        await raw.send({"id": 2, **command})
        assert await raw.closed() == (code, reason)
    shop.answers["connect"] = lambda q: answer
    raw = await Raw.open(stack.ws(tenant="shop"))
    await raw.send({"id": 1, "connect": {}})
    assert await raw.closed() == (code, reason)


# -- slow and dead ones


async def test_one_that_hangs_holds_up_its_own_clients_alone(stack, shop):
    """Many of its clients wait at one gateway for connect and rpc; who is there of another tenant is served meanwhile."""
    other = await Person(stack.ws(1)).connect()
    recorder = await other.subscribe("beside")
    first = await ann(stack, 1)
    before = stack.metric("gateway_proxy_refused_total")
    shop.hang()
    waiting = [await Raw.open(stack.ws(1, "shop")) for _ in range(24)]
    for raw in waiting:
        await raw.send({"id": 1, "connect": {}})
    await first.send({"id": 2, "rpc": {"method": "slow"}}, {"id": 3, "rpc": {"method": "behind"}})
    for n in range(20):  # the quiet neighbour: connected, delivered to, and new ones let in, while the others hang
        stack.publish("beside", n)
    await recorder.wait_for(20)
    newcomer = await Raw.open(stack.ws(1))
    assert "connect" in await newcomer.connect()
    codes = [(await raw.reply(1))["error"]["code"] for raw in waiting]
    # some were asked and not answered in time; of the others those waited, and were refused at once, that had no place
    assert set(codes) == {100, 111}
    assert (await first.reply(2))["error"]["code"] == 100
    wait_until(lambda: stack.metric("gateway_proxy_refused_total") > before, what="the refusals are counted")
    shop.release()
    behind = await first.reply(3, 20)
    assert "rpc" in behind or behind["error"]["code"] == 100
    again = await ann(stack, 1)
    for raw in (*waiting, first, newcomer, again):
        await raw.close()
    await other.close()


async def test_one_that_is_killed_is_asked_again_when_it_is_back(stack, shop):
    raw = await ann(stack)
    js = JsPerson()
    try:
        shop.stop()
        assert (await raw.ask({"id": 2, "rpc": {"method": "m"}}))["error"]["code"] == 100
        js.send(op="connect", url=stack.ws(tenant="shop"), options={"minReconnectDelay": 100, "maxReconnectDelay": 500})
        js.wait(lambda e: e["event"] == "error" and e.get("error", {}).get("code") == 100)
        shop.start()
        js.wait_event("connected", 30)
        assert "rpc" in await raw.ask({"id": 3, "rpc": {"method": "m"}})
    finally:
        js.close()
    await raw.close()


async def test_publishes_of_a_client_keep_their_order_however_long_each_takes(stack, shop):
    shop.answers["subscribe"] = lambda q: {"result": {}}
    shop.answers["publish"] = lambda q: time.sleep(0.05 if q["data"] % 2 else 0) or {"result": {}}
    raw = await ann(stack)
    await raw.ask({"id": 2, "subscribe": {"channel": "row"}})
    await raw.send(*({"id": 10 + n, "publish": {"channel": "row" if n % 3 else "open:row", "data": n}} for n in range(12)))
    got = []
    while len(got) < 8:
        message = await raw.receive()
        if "pub" in message.get("push", {}):
            got.append(message["push"]["pub"]["data"])
    assert got == [n for n in range(12) if n % 3]
    assert [q["data"] for q in shop.questions("publish")] == got
    await raw.close()


async def test_a_gateway_that_dies_while_the_application_thinks_loses_and_doubles_nothing(stack, shop):
    """The publish that was asked about is not made: its outcome is unknown to the client, and what it does again happens once."""
    shop.answers["publish"] = lambda q: {"result": {"idempotency_key": f"key-{q['data']}"}}
    raw = await ann(stack, 2)
    assert "publish" in await raw.ask({"id": 2, "publish": {"channel": "lost", "data": 1}})
    shop.hang()
    await raw.send({"id": 3, "publish": {"channel": "lost", "data": 2}})
    await asyncio.to_thread(shop.wait_asked, "publish", 2)
    pid = stack.pid("gateway-2")
    stack.kill("gateway-2")
    stack.wait_back("gateway-2", pid)
    shop.release()
    again = await ann(stack)
    for id, n in ((2, 2), (3, 2), (4, 1)):
        assert "publish" in await again.ask({"id": id, "publish": {"channel": "lost", "data": n}})
    assert [data for _, _, data in stack.rows("shop/lost")] == ["1", "2"]
    await again.close()
    stack.wait_ready()
