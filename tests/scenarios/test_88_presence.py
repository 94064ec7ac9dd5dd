"""Who is there: joins and leaves that linger, that are too many, lists that are too long (decision 0018); and who does not look."""

import asyncio
import time

from sdk import JsPerson, Person, Raw, token
from stack import wait_until
from test_77_returning import total

CROWD = 150


class Watcher:
    """Somebody who wants joins and leaves: ("join", client, user), ("leave", …) and ("counts", clients, users), in order."""

    def __init__(self, raw, channel):
        self.raw, self.channel, self.seen = raw, channel, []

    @classmethod
    async def open(cls, stack, channel, gateway=1, **subscribe):
        raw = await Raw.open(stack.ws(gateway))
        await raw.connect(token=token(sub="watcher"))
        watcher = cls(raw, channel)
        await raw.send({"id": 2, "subscribe": {"channel": channel, "join_leave": True, **subscribe}})
        while (message := await raw.receive()).get("id") != 2:
            watcher.take(message)
        return watcher

    def take(self, message):
        push = message.get("push", {})
        for kind in ("join", "leave"):
            if kind in push and push[kind]["info"]["user"] != "watcher":
                self.seen.append((kind, push[kind]["info"]["client"], push[kind]["info"]["user"]))
        if "message" in push:
            told = push["message"]["data"]["presence"]
            assert (push["channel"], told["channel"]) == (self.channel, self.channel)
            self.seen.append(("counts", told["num_clients"], told["num_users"]))

    async def until(self, check, seconds=40):
        while not check(self.seen):
            message = await self.raw.receive(seconds)
            self.take(message)
            if not message:  # a ping
                await self.raw.send({})
        return self.seen


async def enter(stack, channel, user, gateway):
    """-> the socket of somebody who is subscribed, and his client"""
    raw = await Raw.open(stack.ws(gateway))
    client = (await raw.connect(token=token(sub=user)))["connect"]["client"]
    assert "subscribe" in await raw.ask({"id": 2, "subscribe": {"channel": channel}})
    return raw, client


def joined(client):
    return lambda seen: any(kind == "join" and who == client for kind, who, _ in seen)


async def stats(stack, channel):
    return (await asyncio.to_thread(stack.api, "presence_stats", {"channel": channel})).json()["result"]


async def test_a_page_that_is_loaded_again_has_neither_left_nor_joined(stack, channel):
    room = f"lounge:{channel}"
    watcher = await Watcher.open(stack, room)
    ann, first = await enter(stack, room, "ann", 2)
    await watcher.until(joined(first))
    await ann.close()
    ann, second = await enter(stack, room, "ann", 3)
    bob, bobs = await enter(stack, room, "bob", 2)
    await watcher.until(joined(bobs))
    there = lambda: stack.api("presence", {"channel": room}).json()["result"]["presence"]
    await asyncio.to_thread(wait_until, lambda: there()[first]["client"] == second, 10, "the new page has the old one's place")
    assert there()[bobs]["client"] == bobs and len(there()) == 3
    await ann.close()
    await watcher.until(lambda seen: seen[-1][0] == "leave")
    # Not one more: what joined has left, under the name with which it joined.
    assert watcher.seen == [("join", first, "ann"), ("join", bobs, "bob"), ("leave", first, "ann")]
    assert await stats(stack, room) == {"num_clients": 2, "num_users": 2}
    await bob.close()
    await watcher.raw.close()


async def test_clients_of_a_killed_gateway_come_back_without_a_flood(stack, channel):
    room = f"inn:{channel}"
    watcher = await Watcher.open(stack, room)
    people = [await enter(stack, room, f"user-{i}", 2) for i in range(CROWD)]
    await watcher.until(lambda seen: len(seen) == CROWD)
    followed = total(stack, "worker_presence_followed_total")
    old = stack.pid("gateway-2")
    links_lost = lambda: (stack.log / "cell.log").read_text().count("event=gateway_lost")
    before = links_lost()
    stack.kill("gateway-2")
    await asyncio.to_thread(wait_until, lambda: links_lost() == before + stack.workers, 20, "the workers have seen it")
    back = [await enter(stack, room, f"user-{i}", 3) for i in range(CROWD)]
    late, lates = await enter(stack, room, "late", 3)
    await watcher.until(joined(lates))
    assert watcher.seen[CROWD:] == [("join", lates, "late")]
    assert await stats(stack, room) == {"num_clients": CROWD + 2, "num_users": CROWD + 2}
    await asyncio.to_thread(wait_until, lambda: total(stack, "worker_presence_followed_total") == followed + CROWD, 30,
                            "all of them have taken their places again")
    for raw, _ in people + back + [(late, lates), (watcher.raw, None)]:
        await raw.close()
    await asyncio.to_thread(stack.wait_back, "gateway-2", old)
    await asyncio.to_thread(stack.wait_ready)


async def test_a_room_too_large_for_joins_has_counts_and_pages(stack, channel):
    room = f"hall:{channel}"  # 10 pushes a second, so none above 10 members; 10 clients in an answer
    watcher = await Watcher.open(stack, room)
    sdk = Person(stack.ws(1), token=token(sub="watcher"))
    await (await sdk.connect()).subscribe(room, join_leave=True)
    missed = total(stack, "worker_joins_missed_total")
    people = [await enter(stack, room, f"user-{i}", 1 + i % 3) for i in range(30)]
    await watcher.until(lambda seen: seen and seen[-1] == ("counts", 32, 31))
    joins = [who for kind, who, _ in watcher.seen if kind == "join"]
    assert len(joins) < 10 and len(set(joins)) == len(joins)
    await asyncio.to_thread(wait_until, lambda: total(stack, "worker_joins_missed_total") >= missed + 30 - len(joins), 10, "counted")
    # A list is too long for one answer, and says so; pages show everybody once.
    raw, _ = people[0]
    assert (await raw.ask({"id": 5, "presence": {"channel": room}}))["error"]["code"] == 130
    assert stack.api("presence", {"channel": room}).json()["error"]["code"] == 130
    there, cursor = {}, None
    while cursor != "":
        ask = {"channel": room, "cursor": cursor}
        page = (await raw.ask({"id": 6, "rpc": {"method": "cellcast.presence", "data": ask}}))["rpc"]["data"]
        assert page == stack.api("presence", dict(ask, limit=10)).json()["result"]
        assert len(page["presence"]) <= 10 and not there.keys() & page["presence"].keys()
        there.update(page["presence"])
        cursor = page.get("next", "")
    assert {client for _, client in people} < there.keys() and len(there) == page["num_clients"] == 32
    # An SDK goes on; it is told of messages only if it asks.
    stack.publish(room, "still here")
    await sdk.recorders[room].wait_for(1)
    for raw, _ in people:
        await raw.close()
    await sdk.close()
    await watcher.raw.close()


def test_out_of_focus_a_client_is_told_of_heads_and_in_focus_it_gets_what_it_missed(stack, channel):
    person = JsPerson()
    try:
        person.send(op="connect", url=stack.ws(1))
        person.send(op="subscribe", channel=channel)
        person.wait_event("subscribed")
        assert "error" not in person.call("rpc", method="cellcast.focus", data={"focus": False})
        began = time.monotonic()
        for n in range(1, 41):
            stack.publish(channel, n)
        head = person.wait(lambda e: e["event"] == "message" and e["data"]["head"]["offset"] == 40, 30)
        heads = [e for e in person.events if e["event"] == "message"]
        assert head["data"]["head"]["channel"] == channel and len(heads) <= time.monotonic() - began + 2
        assert not person.publications(channel)
        assert "error" not in person.call("rpc", method="cellcast.focus", data={"focus": True})
        person.wait(lambda e: e["event"] == "publication" and e["offset"] == 40, 30)
        assert [e["data"] for e in person.publications(channel)] == list(range(1, 41))
    finally:
        person.process.kill()
