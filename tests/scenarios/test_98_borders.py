"""Tenants' borders: an API key or a token of one tenant reads, writes, hears and ends nothing of another one, by any method or
verb, in any spelling. Each attempt is refused or finds nothing, and what it aimed at is as it was."""

import asyncio

import pytest

from sdk import Person, Raw, token
from stack import KEY, wait_until

ACME, DEFAULT = {"key": "acme-key"}, {"key": KEY}


@pytest.fixture
async def victim(stack, channel):
    """A client of tenant default that is subscribed to a channel in which one message stands."""
    person = await Person(stack.ws(1), token=token(sub="victim")).connect()
    recorder = await person.subscribe(channel)
    await asyncio.to_thread(stack.publish, channel, "secret")
    await recorder.wait_for(1)
    yield person, recorder
    await person.close()


def as_it_was(stack, channel):
    """Nobody wrote to it, nobody else listens."""
    assert [data for _, _, data in stack.rows(f"default/{channel}")] == ['"secret"']
    stats = stack.api("presence_stats", {"channel": channel}).json()["result"]
    assert stats == {"num_clients": 1, "num_users": 1}


CHANNEL_METHODS = {
    "publish": {"data": "forged"},
    "publish-with-key": {"data": "forged", "idempotency_key": "k"},
    "history": {"limit": 10},
    "presence": {},
    "presence_stats": {},
    "unsubscribe": {"user": "victim"},
    "subscribe": {"user": "victim"},
    "history_remove": {},
}


@pytest.mark.parametrize("name", CHANNEL_METHODS)
async def test_a_key_of_one_tenant_has_no_channel_of_another(stack, channel, victim, name):
    method, fields = name.split("-")[0], CHANNEL_METHODS[name]
    answer = await asyncio.to_thread(stack.api, method, {"channel": f"default/{channel}", **fields}, **ACME)
    assert answer.json() == {"error": {"code": 103, "message": "permission denied"}}
    spelt = await asyncio.to_thread(stack.api, method, {"channel": channel, **fields}, **ACME)  # its own of that name
    assert "secret" not in spelt.text and "victim" not in spelt.text
    assert victim[1].events == [] and victim[1].publications == ["secret"]
    await asyncio.to_thread(as_it_was, stack, channel)


async def test_nor_by_broadcast_or_in_a_batch(stack, channel, victim):
    mine, theirs = f"acme/{channel}", f"default/{channel}"
    answer = await asyncio.to_thread(stack.api, "broadcast", {"channels": [mine, theirs], "data": "forged"}, **ACME)
    first, second = answer.json()["result"]["responses"]
    assert "result" in first and second["error"]["code"] == 103
    commands = [{"publish": {"channel": theirs, "data": "forged"}}, {"history": {"channel": theirs, "limit": 1}},
                {"presence": {"channel": theirs}}, {"unsubscribe": {"channel": theirs, "user": "victim"}},
                {"subscribe": {"channel": theirs, "user": "victim"}}, {"history_remove": {"channel": theirs}}]
    answer = await asyncio.to_thread(stack.api, "batch", {"commands": commands}, **ACME)
    assert [reply["error"]["code"] for reply in answer.json()["replies"]] == [103] * len(commands)
    await asyncio.to_thread(as_it_was, stack, channel)


async def test_nor_by_what_a_publication_answers(stack, channel, victim):
    body = {"channel": f"acme/{channel}", "data": 1, "after": [f"default/{channel}@1"]}
    assert (await asyncio.to_thread(stack.api, "publish", body, **ACME)).json()["error"]["code"] in (103, 107)


@pytest.mark.parametrize("how", [{}, {"tenant": "default"}], ids=["own", "named"])
@pytest.mark.parametrize("method", ["disconnect", "unsubscribe", "refresh"])
async def test_a_key_ends_nobody_of_another_tenant(stack, channel, victim, method, how):
    how = {**how, "expired": True} if method == "refresh" else how
    client = (await asyncio.to_thread(stack.api, "presence", {"channel": channel})).json()["result"]["presence"]
    for who in ({"user": "victim"}, {"user": "victim", "client": next(iter(client))}):
        await asyncio.to_thread(stack.api, method, {**who, **how}, **ACME)
    await asyncio.to_thread(stack.publish, channel, "still there")
    await victim[1].wait_for(2)
    assert victim[1].events == []


async def test_a_key_sees_no_channel_and_counts_no_client_of_another_tenant(stack, channel, victim):
    for pattern in ("", "*", "default/*", f"default/{channel}", channel):
        answer = await asyncio.to_thread(stack.api, "channels", {"pattern": pattern}, **ACME)
        assert channel not in answer.text, pattern
    nodes = (await asyncio.to_thread(stack.api, "info", {}, **ACME)).json()["result"]["nodes"]
    assert sum(node["num_clients"] for node in nodes) == 0
    for user in ({}, {"user": "victim"}):
        answer = await asyncio.to_thread(stack.api, "connections", user, **ACME)
        assert answer.json() == {"result": {"connections": {}}}


async def test_a_wrong_key_and_none_are_refused_by_every_method(stack):
    for method in ("publish", "broadcast", "history", "presence", "presence_stats", "channels", "info", "disconnect", "unsubscribe",
                   "subscribe", "refresh", "connections", "history_remove", "rpc", "batch"):
        for key in ("wrong", ""):
            answer = await asyncio.to_thread(stack.api, method, {"channel": "x", "data": 1}, key=key)
            assert answer.status_code == 401, (method, key)


@pytest.fixture
async def intruder(stack):
    raw = await Raw.open(stack.ws(1, "acme"))
    assert "connect" in await raw.connect(token=token("acme-secret", sub="victim", tenant="acme"))
    yield raw
    await raw.close()


VERBS = {
    "subscribe": {},
    "subscribe-recover": {"recover": True, "offset": 0, "epoch": "1"},
    "publish": {"data": "forged"},
    "history": {"limit": 10},
    "presence": {},
    "presence_stats": {},
}


@pytest.mark.parametrize("name", VERBS)
async def test_a_client_of_one_tenant_has_no_channel_of_another(stack, channel, victim, intruder, name):
    verb, fields = name.split("-")[0], VERBS[name]
    reply = await intruder.ask({"id": 2, verb: {"channel": f"default/{channel}", **fields}})
    assert reply["error"]["code"] == 103
    spelt = await intruder.ask({"id": 3, verb: {"channel": channel, **fields}})  # its own of that name
    assert "secret" not in str(spelt) and "error" not in spelt
    await asyncio.to_thread(as_it_was, stack, channel)


@pytest.mark.parametrize("key", ["acme-secret", "test-secret"])
async def test_a_subscription_token_opens_no_channel_of_another_tenant(stack, channel, victim, intruder, key):
    for spelling in (f"default/${channel}", f"default/{channel}"):
        forged = token(key, sub="victim", channel=spelling, tenant="default")
        reply = await intruder.ask({"id": 4, "subscribe": {"channel": spelling, "token": forged}})
        assert reply["error"]["code"] == 103
    await asyncio.to_thread(as_it_was, stack, channel)


async def test_the_rpc_publishes_and_answers_nothing_of_another_tenant(stack, channel, victim, intruder):
    def rpc(id, **data):
        return {"id": id, "rpc": {"method": "cellcast.publish", "data": {"data": "forged", **data}}}

    assert (await intruder.ask(rpc(2, channel=f"default/{channel}")))["error"]["code"] == 103
    assert (await intruder.ask(rpc(3, channel=channel, after=[f"default/{channel}@1"])))["error"]["code"] == 107
    await asyncio.to_thread(as_it_was, stack, channel)


TOKENS = {
    "another key": ("test-secret", {"tenant": "acme"}),
    "another key, of its path": ("test-secret", {}),
    "a tenant that is none": ("acme-secret", {"tenant": "nobody"}),
    "the claim of another": ("acme-secret", {"tenant": "default"}),
    "the reserved one": ("acme-secret", {"tenant": "cellcast"}),
}


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_is_good_at_the_tenant_whose_key_signed_it(stack, name):
    key, claims = TOKENS[name]
    raw = await Raw.open(stack.ws(1, "acme"))
    await raw.send({"id": 1, "connect": {"token": token(key, sub="u", **claims)}})
    assert (await raw.closed())[0] == 3500


async def test_a_refresh_moves_nobody_to_another_tenant(stack, intruder):
    await intruder.send({"id": 2, "refresh": {"token": token(sub="victim", tenant="default")}})
    assert (await intruder.closed())[0] == 3500


async def test_what_is_published_in_one_is_not_heard_in_another(stack, channel, victim, intruder):
    assert "subscribe" in await intruder.ask({"id": 2, "subscribe": {"channel": channel}})
    await asyncio.to_thread(stack.publish, channel, "more secrets")
    await asyncio.to_thread(stack.publish, f"acme/{channel}", "own")
    await victim[1].wait_for(2)
    push = await intruder.receive()
    while "push" not in push or "pub" not in push["push"]:
        push = await intruder.receive()
    assert push["push"]["pub"]["data"] == "own"
    assert victim[1].publications == ["secret", "more secrets"]
    assert wait_until(lambda: len(stack.rows(f"acme/{channel}")) == 1, 10, "one of its own")
