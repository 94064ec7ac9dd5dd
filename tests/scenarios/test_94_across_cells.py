"""The API of any cell speaks for all of them: clients of another cell, and of a tenant that is in two; a cell that does not answer
is missed, and said to be. And what befalls a cell leaves the quiet tenant of the other one as it was."""

import asyncio
import os
import signal
import statistics
import threading
import time

import pytest

from cells import SECRET, Cells, nodes, publish
from compare import generate
from sdk import JsPerson, Person, Raw, token
from stack import KEY, wait_until
from test_77_returning import total

MOST = 20  # times that a message of a quiet tenant may take, of what it takes alone: a machine that has much to do, not a cell that waits


@pytest.fixture(scope="module")
def cells():
    cells = Cells()
    try:
        yield cells.start()
    finally:
        cells.stop()


@pytest.fixture(scope="module")
def connected(cells):
    """As soon as the sequencer has told both of each other."""
    for one in (cells.a, cells.b):
        wait_until(lambda: len(nodes(one, "both")) == 4, 30, "a call reaches the gateways of both cells")


async def person(cell, tenant, user):
    """By the first gateway of a cell itself."""
    url = f"ws://127.0.0.1:{cell.slot_base + 1}/t/{tenant}/connection/websocket"
    return await Person(url, token=token(SECRET, sub=user)).connect()


async def one_in_each(cells, channel):
    people = [await person(cells.a, "both", "ann"), await person(cells.b, "both", "bob")]
    for one in people:
        await one.subscribe(channel)
    return people


async def ask(cell, method, key=KEY, **params):
    answer = await asyncio.to_thread(cell.api, method, params, key=key, gateway=1)
    return answer.json(), answer.headers.get("X-Cellcast-Detail", "")


async def test_presence_is_everybodys_in_whichever_cell(cells, connected, channel):
    people = await one_in_each(cells, channel)
    for cell in (cells.a, cells.b):
        answer, _ = await ask(cell, "presence", channel=f"both/{channel}")
        assert sorted(info["user"] for info in answer["result"]["presence"].values()) == ["ann", "bob"]
        answer, _ = await ask(cell, "presence_stats", channel=f"both/{channel}")
        assert answer["result"] == {"num_clients": 2, "num_users": 2}
        answer, _ = await ask(cell, "channels", key="both-key", pattern=channel)
        assert answer["result"]["channels"] == {channel: {"num_clients": 2}}
        assert sum(node["num_clients"] for node in nodes(cell, "both").values()) == 2
        page, seen = {"next": ""}, []
        while "next" in page:
            answer, _ = await ask(cell, "presence", channel=f"both/{channel}", limit=1, cursor=page["next"])
            page = answer["result"]
            assert page["num_clients"] == 2
            seen += [info["user"] for info in page["presence"].values()]
        assert sorted(seen) == ["ann", "bob"]
    seen = await people[0].subs[channel].presence()  # an SDK sees the same
    assert sorted(info.user for info in seen.clients.values()) == ["ann", "bob"]
    assert (await people[1].subs[channel].presence_stats()).num_clients == 2
    for one in people:
        await one.close()


async def test_a_user_who_is_in_both_cells_is_one(cells, connected, channel):
    people = [await person(cell, "both", user) for cell in (cells.a, cells.b) for user in ("ann", "bob")]
    people.append(await person(cells.b, "both", "cid"))
    for one in people:
        await one.subscribe(channel)
    for cell in (cells.a, cells.b):
        answer, _ = await ask(cell, "presence_stats", channel=f"both/{channel}")
        assert answer["result"] == {"num_clients": 5, "num_users": 3}
        answer, _ = await ask(cell, "presence", channel=f"both/{channel}", limit=1)
        assert answer["result"]["num_users"] == 3 and "num_users_at_most" not in answer["result"]
    stats = await people[0].subs[channel].presence_stats()  # an SDK sees the same
    assert (stats.num_clients, stats.num_users) == (5, 3)
    for one in people:
        await one.close()


async def test_channels_of_both_cells_come_in_pages(cells, connected, channel):
    people, names = [], [f"{channel}-{i}" for i in range(5)]
    for i, name in enumerate(names):
        for cell in (cells.a, cells.b)[: 1 + i % 2]:
            people.append(await person(cell, "both", "ann"))
            await people[-1].subscribe(name)
    for cell in (cells.a, cells.b):
        seen, page = {}, {"next": ""}
        while "next" in page:
            answer, _ = await ask(cell, "channels", key="both-key", pattern=f"{channel}*", limit=2, cursor=page["next"])
            page = answer["result"]
            assert 0 < len(page["channels"]) <= 2
            seen.update(page["channels"])
        assert list(seen.items()) == [(name, {"num_clients": 1 + i % 2}) for i, name in enumerate(names)]
    for one in people:
        await one.close()


async def watchers(cells, channel):
    """One in each cell -> what they hear of others"""
    people = [await person(cell, "both", "watcher") for cell in (cells.a, cells.b)]
    return people, [await one.subscribe(channel, join_leave=True) for one in people]


async def hear(recorders, *events):
    """Each of the others' joins and leaves, in this order and no more."""
    def heard(recorder):
        return [event for event in recorder.events if event[1] != "watcher"]
    await asyncio.to_thread(wait_until, lambda: all(len(heard(r)) >= len(events) for r in recorders), 30, f"{events} are heard")
    assert [heard(r) for r in recorders] == [list(events)] * len(recorders)


async def test_joins_and_leaves_are_heard_in_both_cells(cells, connected, channel):
    people, recorders = await watchers(cells, channel)
    for cell, user in ((cells.a, "ann"), (cells.b, "bob")):
        one = await person(cell, "both", user)
        await one.subscribe(channel)
        await hear(recorders, ("join", user))
        await one.subs[channel].unsubscribe()
        await hear(recorders, ("join", user), ("leave", user))
        for recorder in recorders:
            recorder.events.clear()
        await one.close()
    for one in people:
        await one.close()


async def test_who_goes_over_to_the_other_cell_has_neither_left_nor_joined(cells, connected, channel):
    channel = f"lounge:{channel}"
    people, recorders = await watchers(cells, channel)
    ann = await person(cells.a, "both", "ann")
    await ann.subscribe(channel)
    await hear(recorders, ("join", "ann"))
    await asyncio.to_thread(wait_until, lambda: total(cells.b, "worker_presence_vacancies") == 0, 30, "nobody else's place is free")
    await ann.close()
    await asyncio.to_thread(wait_until, lambda: total(cells.b, "worker_presence_vacancies") == 1, 30, "cell b has heard of it")
    ann = await person(cells.b, "both", "ann")
    await ann.subscribe(channel)
    for cell in (cells.a, cells.b):
        answer, _ = await ask(cell, "presence", channel=f"both/{channel}")
        assert sorted(info["user"] for info in answer["result"]["presence"].values()) == ["ann", "watcher", "watcher"]
    await ann.subs[channel].unsubscribe()
    await hear(recorders, ("join", "ann"), ("leave", "ann"))
    for one in (ann, *people):
        await one.close()


async def test_a_client_of_another_cell_is_unsubscribed(cells, connected, channel):
    ann, bob = await one_in_each(cells, channel)
    far = await person(cells.b, "stays", "bob")  # of a tenant that cell a does not serve
    far_heard = await far.subscribe(channel)
    assert (await ask(cells.a, "unsubscribe", user="bob", tenant="both", channel=channel))[0] == {"result": {}}
    assert (await ask(cells.a, "unsubscribe", user="bob", tenant="stays", channel=channel))[0] == {"result": {}}
    for heard in (bob.recorders[channel], far_heard):
        end = time.monotonic() + 20
        while not heard.events:
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        assert ("unsubscribed", 2000) in heard.events
    assert ann.recorders[channel].events == []
    for one in (ann, bob, far):
        await one.close()


async def test_a_client_of_another_cell_is_disconnected_with_the_code_that_was_given(cells, connected):
    for tenant in ("both", "stays"):
        raw = await Raw.open(f"ws://127.0.0.1:{cells.b.slot_base + 1}/t/{tenant}/connection/websocket")
        await raw.connect(token=token(SECRET, sub="bob"))
        answer, _ = await ask(cells.a, "disconnect", user="bob", tenant=tenant, disconnect={"code": 4500, "reason": "enough"})
        assert answer == {"result": {}}
        assert await raw.closed() == (4500, "enough")


async def test_a_client_of_another_cell_is_listed_subscribed_and_refreshed(cells, connected, channel):
    raw = await Raw.open(f"ws://127.0.0.1:{cells.b.slot_base + 1}/t/both/connection/websocket")
    client = (await raw.connect(token=token(SECRET, sub="bob")))["connect"]["client"]
    near = await person(cells.a, "both", "ann")
    for cell in (cells.a, cells.b):
        answer, _ = await ask(cell, "connections", key="both-key")
        assert sorted(one["user"] for one in answer["result"]["connections"].values()) == ["ann", "bob"]
    assert (await ask(cells.a, "subscribe", key="both-key", user="bob", client=client, channel=channel))[0] == {"result": {}}
    assert (await raw.receive())["push"]["channel"] == channel
    assert (await ask(cells.a, "refresh", key="both-key", user="bob", expired=True))[0] == {"result": {}}
    assert (await raw.closed())[0] == 3005
    await near.close()


async def test_a_presence_of_a_tenant_that_is_elsewhere_is_told_from_there(cells, connected, channel):
    far = await person(cells.b, "stays", "bob")
    await far.subscribe(channel)
    answer, _ = await ask(cells.a, "presence_stats", channel=f"stays/{channel}")
    assert answer["result"] == {"num_clients": 1, "num_users": 1}
    await far.close()


def pids(cell):
    return [cell.pid("cell"), *(p["pid"] for p in cell.status()["processes"])]


class Stopped:
    """A cell whose processes stand still: it says and reads nothing."""

    def __init__(self, cell, channel=None):
        self.pids = pids(cell)

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


async def test_a_cell_that_does_not_answer_is_said_to_be_missing(cells, connected, channel):
    with Stopped(cells.b):
        for _ in range(2):  # while the sequencer still waits for it, and when it has given it up
            for method, params in (("disconnect", {"user": "u", "tenant": "both"}), ("presence_stats", {"channel": f"both/{channel}"})):
                answer, detail = await ask(cells.a, method, **params)
                assert answer["error"]["code"] == 100, (method, answer)
                assert "cell b" in detail
            answer, _ = await ask(cells.a, "info", key="both-key")  # is for seeing who is missing
            assert {node["name"][0] for node in answer["result"]["nodes"]} == {"a"} and answer["result"]["missing"] == ["b"]
            assert (await ask(cells.a, "disconnect", user="u", tenant="acme"))[0] == {"result": {}}  # whose tenant it is not
            await asyncio.sleep(2)
    await asyncio.to_thread(wait_until, lambda: len(nodes(cells.a, "both")) == 4, 30, "it is back")


async def test_a_cell_that_has_never_run_has_nobody_and_is_not_missed(cells, connected, channel):
    one = await person(cells.a, "ghost", "ann")
    heard = await one.subscribe(channel)
    for cell in (cells.a, cells.b):
        answer, _ = await ask(cell, "presence_stats", channel=f"ghost/{channel}")
        assert answer["result"] == {"num_clients": 1, "num_users": 1}
        answer, _ = await ask(cell, "info", key="ghost-key")
        assert "missing" not in answer["result"]
    assert (await ask(cells.b, "unsubscribe", user="ann", tenant="ghost", channel=channel))[0] == {"result": {}}
    await asyncio.to_thread(wait_until, lambda: ("unsubscribed", 2000) in heard.events, 20, "unsubscribed")
    await one.close()


def test_members_elsewhere_hear_that_a_cell_was_killed(cells, connected, channel):
    watcher, bob = JsPerson(), JsPerson()

    def joins():
        return [e for e in watcher.events if e["event"] == "join" and e["info"]["user"] == "bob"]

    try:
        for one, cell, user in ((watcher, cells.a, "watcher"), (bob, cells.b, "bob")):
            one.send(op="connect", url=f"ws://127.0.0.1:{cell.slot_base + 1}/t/both/connection/websocket",
                     options={"token": token(SECRET, sub=user)})
            one.send(op="subscribe", channel=channel, options={"joinLeave": True})
            one.wait_event("subscribed")
        wait_until(lambda: len(joins()) == 1, 30, "bob has joined")
        killed = cells.b.pid("cell")
        cells.b.kill("cell")
        cells.b.wait_back("cell", killed, 60)
        cells.b.wait_ready()
        wait_until(lambda: len(joins()) == 2, 60, "bob has joined under another name")
        watcher.wait(lambda e: e["event"] == "message" and e["data"]["presence"]["channel"] == channel, 60)
        there = watcher.call("presence", channel=channel)["result"]["clients"]  # which it takes as a hint to ask
        assert sorted(info["user"] for info in there.values()) == ["bob", "watcher"]
    finally:
        for one in (watcher, bob):
            one.process.kill()


# ---- a neighbour's trouble


class Flood:
    """500 subscribers of cell b, 25,000 deliveries a second."""

    def __init__(self, cell, channel):
        self.cell, self.channel, self.report = cell, channel, None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        self.report = generate(
            server=f"127.0.0.1:{self.cell.slot_base + 1}", path="/t/stays/connection/websocket", token=token(SECRET, sub="whale"),
            api=self.cell.http(gateway=1), api_key=KEY, channel=f"stays/flood-{self.channel}-", connections=500, messages=200, rate=50,
            may_lose="true", linger="5s")

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.thread.join()
        assert self.report["deliveries"]["delivered"] > 0, self.report


class Killed:
    def __init__(self, cell, channel):
        self.cell = cell

    def __enter__(self):
        self.pid = self.cell.pid("cell")
        os.kill(self.pid, signal.SIGKILL)

    def __exit__(self, *_):
        self.cell.wait_back("cell", self.pid)
        self.cell.wait_ready()


async def latencies(cells, one, channel, heard, seconds):
    """Of messages to the quiet tenant acme of cell a, by the API of cell a."""
    sent, end, first = [], time.monotonic() + seconds, len(heard.publications)
    while time.monotonic() < end:
        sent.append(time.time_ns())
        await asyncio.to_thread(publish, cells.a, f"acme/{channel}", len(sent))
        await asyncio.sleep(0.02)
    await heard.wait_for(first + len(sent), 60)
    assert heard.publications[first:] == list(range(1, len(sent) + 1))
    return [arrived - begun for arrived, begun in zip(heard.arrived_ns[first:], sent)]


@pytest.mark.parametrize("trouble", [Flood, Killed, Stopped], ids=["flooded", "killed", "cut-off"])
async def test_a_neighbours_trouble_is_not_felt(cells, channel, trouble):
    one = await person(cells.a, "acme", "quiet")
    heard = await one.subscribe(channel)
    alone = await latencies(cells, one, channel, heard, 2)
    with trouble(cells.b, channel):
        beside = await latencies(cells, one, channel, heard, 3)
    ratio = statistics.median(beside) / statistics.median(alone)
    assert ratio < MOST, f"{ratio:.1f} times"
    offsets = heard.offsets
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
    await one.close()
    cells.b.wait_ready()
