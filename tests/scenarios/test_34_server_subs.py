"""Subscriptions that the server makes: by token, by the tenant's option, by the application; with the unmodified SDKs."""

import asyncio
import json
import time

import pytest
from centrifuge import Client, ClientEventHandler

from sdk import JsPerson, Raw, token
from stack import CONFIGURATION, OPEN, wait_until

SECRET, KEY = "home-secret", "home-key"
HOME = {
    "name": "home",
    "cells": ["a"],
    "options": {"token_hmac_secret_key": SECRET, "subscribe_to_user_personal_channel": True,
                "user_personal_channel_namespace": "inbox", "channel_limit": 5},
    "namespaces": [{"name": "", "options": {}}, {"name": "inbox", "options": {}},
                   {"name": "open", "options": dict(OPEN, join_leave=False)}],
}


@pytest.fixture(scope="module")
def home(stack):
    """Tenant home, whose clients may not subscribe by themselves but in namespace open."""
    changed = json.loads(json.dumps(CONFIGURATION))
    changed["tenants"].append(HOME)
    changed["api_keys"].append({"key": KEY, "tenant": "home"})
    stack.configure(changed)
    wait_until(lambda: all(stack.api("info", {}, KEY, gateway=g).status_code == 200 for g in (1, 2, 3)), 20, "every gateway knows home")
    yield stack
    stack.configure(CONFIGURATION)


def ask(stack, method, key=KEY, **fields):
    answer = stack.api(method, fields, key).json()
    assert "error" not in answer, answer
    return answer["result"]


def publish(stack, channel, *numbers):
    for n in numbers:
        ask(stack, "publish", channel=channel, data={"n": n})


def ticket(user, **claims):
    return token(SECRET, sub=user, exp=int(time.time()) + 600, **claims)


def value(data):
    return json.loads(data) if isinstance(data, bytes) and data else data


class Listener(ClientEventHandler):
    """What a client of centrifuge-python is told of its server-side subscriptions."""

    def __init__(self):
        self.seen, self.codes = [], []

    async def on_subscribed(self, ctx):
        self.seen.append(("subscribed", ctx.channel, value(ctx.data) or None, ctx.recovered))

    async def on_unsubscribed(self, ctx):
        self.seen.append(("unsubscribed", ctx.channel))

    async def on_publication(self, ctx):
        self.seen.append(("publication", ctx.channel, value(ctx.pub.data)["n"], ctx.pub.offset))

    async def on_connecting(self, ctx):
        self.codes.append(ctx.code)

    async def on_disconnected(self, ctx):
        self.codes.append(ctx.code)


class Py:
    """One connection of each SDK, looked at the same way: seen() is [(event, channel, …)], codes() of connecting and disconnected."""

    options = {}

    async def open(self, url, ticket):
        self.listener = Listener()
        self.client = Client(url, events=self.listener, token=ticket, **self.options)
        await self.client.connect()
        return self

    def seen(self):
        return self.listener.seen

    def codes(self):
        return self.listener.codes

    async def close(self):
        await self.client.disconnect()


class PyProtobuf(Py):
    options = {"use_protobuf": True}


class Js:
    async def open(self, url, ticket):
        self.person = JsPerson()
        self.person.send(op="connect", url=url, options={"token": ticket})
        return self

    def seen(self):
        def of(e):
            match e["event"].removeprefix("server_"):
                case "subscribed":
                    return "subscribed", e["channel"], e.get("data"), e["recovered"]
                case "unsubscribed":
                    return "unsubscribed", e["channel"]
                case "publication":
                    return "publication", e["channel"], e["data"]["n"], e["offset"]

        return [of(e) for e in list(self.person.events) if e["event"].startswith("server_") and e["event"] != "server_subscribing"]

    def codes(self):
        return [e["code"] for e in list(self.person.events) if e["event"] in ("connecting", "disconnected")]

    async def close(self):
        self.person.close()


async def until(check, what, seconds=20):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"{what()}: not within {seconds} s"
        await asyncio.sleep(0.02)


async def sees(one, *wanted):
    await until(lambda: all(w in one.seen() for w in wanted), lambda: f"{wanted} in {one.seen()}, codes {one.codes()}")


@pytest.fixture(params=[Js, Py, PyProtobuf])
async def sdk(request):
    opened = []

    async def open_one(url, ticket):
        opened.append(await request.param().open(url, ticket))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


def numbers(one, channel):
    return [e[2] for e in one.seen() if e[:2] == ("publication", channel)]


async def test_token_and_option_subscribe(home, sdk, channel):
    one = await sdk(home.ws(tenant="home"), ticket("ann", subs={channel: {"data": {"hello": 1}}, f"{channel}-b": {}}))
    await sees(one, ("subscribed", channel, {"hello": 1}, False), ("subscribed", f"{channel}-b", None, False),
               ("subscribed", "inbox:#ann", None, False))
    for name in (channel, f"{channel}-b", "inbox:#ann"):
        before = ask(home, "publish", channel=name, data={"n": 1})["offset"]
        await sees(one, ("publication", name, 1, before))


async def test_channels_of_a_token_and_what_its_client_then_may_not(home, channel):
    js = JsPerson()
    js.send(op="connect", url=home.ws(tenant="home"), options={"token": ticket("ann", channels=[channel])})
    js.wait(lambda e: e["event"] == "server_subscribed" and e["channel"] == channel)
    js.send(op="subscribe", channel=channel)
    assert js.wait_event("unsubscribed")["code"] == 105
    js.close()


async def test_the_application_subscribes_all_connections_of_a_user(home, sdk, channel):
    people = [await sdk(home.ws(gateway, "home"), ticket(user)) for gateway, user in ((1, "bob"), (2, "bob"), (3, "eve"))]
    for one in people:
        await sees(one, ("subscribed", "inbox:#bob" if one is not people[2] else "inbox:#eve", None, False))
    publish(home, channel, 1, 2, 3)
    epoch = ask(home, "history", channel=channel)["epoch"]
    ask(home, "subscribe", user="bob", channel=channel, data={"x": 1}, recover_since={"offset": 1, "epoch": epoch})
    publish(home, channel, 4)
    for one in people[:2]:
        await sees(one, ("publication", channel, 4, 4))
        assert ("subscribed", channel, {"x": 1}, False) in one.seen()
        assert numbers(one, channel) == [2, 3, 4]
    ask(home, "unsubscribe", user="bob", channel=channel)
    for one in people[:2]:
        await sees(one, ("unsubscribed", channel))
    publish(home, channel, 5)
    publish(home, "inbox:#bob", 6)
    for one in people[:2]:
        await until(lambda: 6 in numbers(one, "inbox:#bob"), lambda: f"{one.seen()}")
        assert numbers(one, channel) == [2, 3, 4]
    assert all(e[1] == "inbox:#eve" for e in people[2].seen())


async def test_what_was_missed_over_a_killed_gateway_comes_once_and_in_order(home, sdk, channel):
    one = await sdk(home.ws(1, "home"), ticket("ann", channels=[channel]))
    await sees(one, ("subscribed", channel, None, False))
    publish(home, channel, *range(1, 11))
    await until(lambda: len(numbers(one, channel)) == 10, lambda: f"{one.seen()}")
    old = home.pid("gateway-1")
    home.kill("gateway-1")
    wait_until(lambda: home.pid("gateway-1") != old, 20, "it is seen to be gone")
    for n in range(11, 31):
        home.api("publish", {"channel": channel, "data": {"n": n}}, KEY, gateway=2)
    home.wait_back("gateway-1", old)
    await until(lambda: len(numbers(one, channel)) >= 30, lambda: f"{one.seen()[-5:]}", 30)
    publish(home, channel, 31)
    await sees(one, ("publication", channel, 31, 31), ("subscribed", channel, None, True))
    assert numbers(one, channel) == list(range(1, 32))
    home.wait_ready()


async def test_the_application_refreshes_and_ends(home):
    raw = await Raw.open(home.ws(tenant="home"))
    assert (await raw.connect(token=ticket("ann")))["connect"]["expires"]
    ask(home, "refresh", user="ann", expire_at=int(time.time()) + 3600, info={"role": 1})
    push = (await raw.receive())["push"]["refresh"]
    assert push["expires"] and 3500 < push["ttl"] <= 3600
    ask(home, "refresh", user="ann")
    assert (await raw.receive())["push"] == {"refresh": {}}
    ask(home, "refresh", user="ann", expired=True)
    assert (await raw.closed())[0] == 3005


async def test_an_sdk_comes_back_after_its_connection_was_expired(home, sdk):
    one = await sdk(home.ws(tenant="home"), ticket("kim"))
    await sees(one, ("subscribed", "inbox:#kim", None, False))
    ask(home, "refresh", user="kim", expired=True)
    await until(lambda: 3005 in one.codes(), lambda: f"{one.codes()}")
    await sees(one, ("subscribed", "inbox:#kim", None, True))


async def test_a_subscription_that_expires_ends_the_connection(home, channel):
    raw = await Raw.open(home.ws(tenant="home"))
    await raw.connect(token=ticket("ann"))
    ask(home, "subscribe", user="ann", channel=channel, expire_at=int(time.time()) - 24)  # a second of the grace is left
    assert await raw.closed() == (3006, "subscription expired")


async def test_more_channels_than_the_limit_end_the_connection(home, sdk, channel):
    one = await sdk(home.ws(tenant="home"), ticket("ann", channels=[f"{channel}-{i}" for i in range(5)]))  # and the personal one
    await until(lambda: one.codes()[-1:] == [3505], lambda: f"{one.codes()}")
    raw = await Raw.open(home.ws(tenant="home"))
    await raw.connect(token=ticket("lea", channels=[f"{channel}-{i}" for i in range(4)]))
    ask(home, "subscribe", user="lea", channel=channel)
    assert (await raw.closed())[0] == 3505


async def test_a_token_that_grants_other_channels_makes_its_client_connect_anew(home, channel):
    raw = await Raw.open(home.ws(tenant="home"))
    await raw.connect(token=ticket("ann", channels=[channel, f"{channel}-b"]))
    assert "refresh" in await raw.ask({"id": 2, "refresh": {"token": ticket("ann", subs={f"{channel}-b": {}, f"home/{channel}": {}})}})
    await raw.send({"id": 3, "refresh": {"token": ticket("ann", channels=[channel])}})
    assert (await raw.closed())[0] == 3010


async def test_a_key_reaches_nobody_of_another_tenant(home, channel):
    raw = await Raw.open(home.ws(tenant="home"))
    await raw.connect(token=ticket("ann"))
    assert home.api("subscribe", {"user": "ann", "channel": f"home/{channel}"}, "acme-key").json()["error"]["code"] == 103
    ask(home, "subscribe", "acme-key", user="ann", channel=channel)
    ask(home, "refresh", "acme-key", user="ann", expired=True)
    assert "ann" not in json.dumps(ask(home, "connections", "acme-key"))
    ask(home, "subscribe", user="ann", channel=channel)
    push = (await raw.receive())["push"]  # the first that it is told of
    assert push["channel"] == channel and push["subscribe"]["recoverable"]
    await raw.close()


async def test_operators_see_who_is_connected(home, sdk, channel):
    one, two = [await sdk(home.ws(gateway, "home"), ticket("zoe", channels=[channel])) for gateway in (1, 2)]
    for each in (one, two):
        await sees(each, ("subscribed", channel, None, False))
    all_of_zoe = ask(home, "connections", user="zoe")
    assert len(all_of_zoe["connections"]) == 2 and "next" not in all_of_zoe
    for each in all_of_zoe["connections"].values():
        assert each["app_name"] in ("js", "python") and each["user"] == "zoe" and "tenant" not in each
        assert set(each["state"]["channels"]) == {channel, "inbox:#zoe"}
    first = ask(home, "connections", user="zoe", limit=1)
    second = ask(home, "connections", user="zoe", limit=1, cursor=first["next"])
    assert {**first["connections"], **second["connections"]} == all_of_zoe["connections"] and "next" not in second
