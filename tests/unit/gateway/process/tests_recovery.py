"""Recovery, holes, epochs, slow readers, pings."""
import asyncio
import json
import socket
import time

from client import Client
from harness import connect, eq, offsets, test


# ---- recovery

async def recover(client, channel, offset, epoch="1", **more):
    return await client.call(subscribe={"channel": channel, "recover": True, "offset": offset, "epoch": epoch, **more})


@test()
async def recovers_from_its_ring_with_the_first_publications_in_the_reply(c):
    keeper, client = await connect(c), await connect(c)
    await keeper.call(subscribe={"channel": "news"})
    for i in range(5):
        c.worker.append("default/news", data=str(i))
    await keeper.push()
    result = await recover(client, "news", 2)
    eq((result["recovered"], result["was_recovering"], result["offset"]), (True, True, 2))
    eq(offsets(result["publications"]), [3, 4, 5])
    eq(c.worker.reads, 0)
    result = await recover(await connect(c), "news", 5)
    eq((result["recovered"], result["offset"], result.get("publications")), (True, 5, None))
    c.worker.append("default/news", data="5")
    eq((await client.push())["pub"]["offset"], 6)


@test("--recovered-bytes=1000", "--ring-messages=64")
async def recovers_a_thousand_publications_by_pages(c):
    for i in range(1000):
        c.worker.append("default/news", data=json.dumps({"i": i}))
    client = await connect(c)
    result = await recover(client, "news", 10)
    eq((result["recovered"], result["offset"]), (True, 10))
    got = offsets(result["publications"])
    assert 5 < len(got) < 30
    c.worker.append("default/news", data="1")
    while len(got) < 991:
        got.append((await client.push())["pub"]["offset"])
    eq(got, list(range(11, 1002)))
    assert c.worker.reads < 100, c.worker.reads
    assert await client.silent()


@test("--pages-max=2", "--ring-messages=64")
async def a_connect_is_answered_though_its_channels_need_more_pages_than_there_are(c):
    channels = [f"news{i}" for i in range(5)]
    for channel in channels:
        for i in range(200):
            c.worker.append(f"default/{channel}", data=str(i))
    client = await Client.open(c.port)
    result = await client.call(connect={"subs": {channel: {"recover": True, "offset": 10, "epoch": "1"} for channel in channels}})
    got = {}
    for channel, sub in result["subs"].items():
        eq((sub["recovered"], sub["offset"]), (True, 10))
        got[channel] = offsets(sub.get("publications", []))
    while sum(map(len, got.values())) < 5 * 190:
        push = await client.push()
        got[push["channel"]].append(push["pub"]["offset"])
    eq(got, {channel: list(range(11, 201)) for channel in channels})


@test()
async def a_crowd_that_comes_back_together_reads_one_page(c):
    for i in range(20):
        c.worker.append("default/news", data=str(i))
    clients = [await connect(c) for _ in range(50)]
    for client in clients:
        client.send({"id": 7, "subscribe": {"channel": "news", "recover": True, "offset": 12, "epoch": "1"}})
    for client in clients:
        reply = (await client.next())["subscribe"]
        eq((reply["recovered"], offsets(reply["publications"])), (True, list(range(13, 21))))
    assert c.worker.reads <= 2, c.worker.reads


@test()
async def another_epoch_is_not_recovered_and_flag_2_says_112(c):
    for i in range(3):
        c.worker.append("default/news", data=str(i))
    client = await connect(c)
    result = await recover(client, "news", 1, epoch="AbCdEfGh")
    eq((result.get("recovered"), result["was_recovering"], result["offset"], result["epoch"]), (None, True, 3, "1"))
    eq(await recover(await connect(c), "news", 1, epoch="7", flag=3), 112)


@test()
async def what_is_past_the_retention_is_not_recovered(c):
    for i in range(20):
        c.worker.append("default/news", data=str(i))
    c.worker.channel("default/news").lost = 10
    client = await connect(c)
    result = await recover(client, "news", 5)
    eq((result.get("recovered"), result["offset"]), (None, 20))
    result = await recover(await connect(c), "news", 10)
    eq((result["recovered"], offsets(result["publications"])), (True, list(range(11, 21))))


@test()
async def an_offset_above_the_head_is_asked_for_and_what_comes_up_to_it_is_dropped(c):
    for i in range(3):
        c.worker.append("default/news", data=str(i))
    c.worker.channel("default/news").really = 5
    client, liar = await connect(c), await connect(c)
    result = await recover(client, "news", 5)
    eq((result["recovered"], result["offset"]), (True, 5))
    result = await recover(liar, "news", 99)
    eq((result.get("recovered"), result["offset"]), (None, 3))
    for i in range(3, 6):
        c.worker.append("default/news", data=str(i))
    eq((await client.push())["pub"]["offset"], 6)
    eq([(await liar.push())["pub"]["offset"] for _ in range(3)], [4, 5, 6])


@test()
async def a_hole_is_filled_before_delivery(c):
    clients = [await connect(c) for _ in range(5)]
    for client in clients:
        await client.call(subscribe={"channel": "news"})
    c.worker.append("default/news", data="1")
    for i in range(3):
        c.worker.append("default/news", data="1", quiet=True)
    c.worker.append("default/news", data="1", skip=3)
    for client in clients:
        eq([(await client.push())["pub"]["offset"] for _ in range(5)], [1, 2, 3, 4, 5])
    assert c.worker.reads <= 2, c.worker.reads


@test()
async def a_hole_that_cannot_be_filled_is_said_with_2500_and_three_of_them_end_the_connection(c):
    client = await connect(c)
    for n in range(3):
        await client.call(subscribe={"channel": "news"})
        c.worker.append("default/news", data="1", quiet=True)
        c.worker.channel("default/news").lost = c.worker.channel("default/news").head
        c.worker.append("default/news", data="1", skip=1)
        eq((await client.push())["unsubscribe"], {"code": 2500, "reason": "insufficient state"})
    eq(await client.close_code(), 3008)


@test()
async def a_page_that_cannot_be_read_is_asked_for_again_and_never_skipped(c):
    client = await connect(c)
    await client.call(subscribe={"channel": "news"})
    c.worker.away = True
    c.worker.append("default/news", data="1", quiet=True)
    c.worker.append("default/news", data="1", skip=1)
    assert await client.silent(0.6)
    c.worker.away = False
    eq([(await client.push())["pub"]["offset"] for _ in range(2)], [1, 2])


@test()
async def a_newer_epoch_unsubscribes_with_2500_and_is_not_recovered(c):
    client = await connect(c)
    await client.call(subscribe={"channel": "news"})
    c.worker.append("default/news", data="1")
    eq((await client.push())["pub"]["offset"], 1)
    c.worker.bump_epoch("default/news")
    c.worker.append("default/news", data="2")
    eq((await client.push())["unsubscribe"]["code"], 2500)
    result = await recover(client, "news", 1)
    eq((result.get("recovered"), result["epoch"], result["offset"]), (None, "2", 1))
    c.worker.append("default/news", epoch=1, data="old")
    c.worker.channel("default/news").rows.pop()
    c.worker.append("default/news", data="3")


@test()
async def a_namespace_without_recovery_tells_no_position(c):
    client = await connect(c)
    eq(await recover(client, "loose:x", 5), {"was_recovering": True})
    c.worker.append("default/loose:x", data="1")
    eq((await client.push())["pub"]["offset"], 1)


# ---- pings and slow readers

@test("--ping-interval=1s", "--pong-timeout=400ms")
async def pings_and_ends_those_who_do_not_answer(c):
    good, bad = await connect(c), await connect(c)
    bad.pongs = False
    code = asyncio.create_task(bad.close_code())
    reading = asyncio.create_task(good.line(10))
    await asyncio.sleep(2.8)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert 2 <= good.pings <= 3, good.pings
    eq((await code, bad.closed, bad.pings), (3012, (3012, "no pong"), 1))
    good.send_frame(b"{}")
    eq(await good.close_code(), 3501)  # an answer too many


@test("--ping-interval=1s", "--pong-timeout=500ms")
async def one_that_reads_nothing_costs_a_cursor_and_is_ended_by_the_missing_pong(c):
    slow, quick = await connect(c), await connect(c)
    for client in (slow, quick):
        await client.call(subscribe={"channel": "news"})
    slow.reader._transport.pause_reading()
    big = json.dumps("x" * 60000)
    got = []
    for i in range(200):
        c.worker.append("default/news", data=big)
        if i % 3 == 2:
            got += [(await quick.push())["pub"]["offset"] for _ in range(3)]
    got += [(await quick.push())["pub"]["offset"] for _ in range(2)]
    eq(got, list(range(1, 201)))
    await asyncio.sleep(1.1)
    assert c.supervisor.metrics["process_resident_memory_bytes"] < 60e6, c.supervisor.metrics["process_resident_memory_bytes"]
    await c.until(lambda: c.supervisor.metrics.get("gateway_no_pongs_total"), 8)


@test("--ping-interval=1s", "--pong-timeout=500ms", "--ring-bytes=128k")
async def a_slow_reader_goes_on_by_pages_and_misses_nothing(c):
    slow = await connect(c)
    await slow.call(subscribe={"channel": "news"})
    slow.reader._transport.pause_reading()
    data = json.dumps("x" * 20000)
    for i in range(600):
        c.worker.append("default/news", data=data)
        if i % 20 == 0:
            await asyncio.sleep(0.002)
    got = []
    slow.reader._transport.resume_reading()
    while len(got) < 600:
        got.append((await slow.push())["pub"]["offset"])
    eq(got, list(range(1, 601)))
    assert c.supervisor.metrics.get("gateway_refills_total", 1) > 0


@test("--ping-interval=1s", "--pong-timeout=500ms")
async def a_reader_that_takes_some_bytes_now_and_then_is_not_ended(c):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", c.port))
    slow = await Client.open(c.port, sock=sock)
    await slow.call(connect={})
    await slow.call(subscribe={"channel": "news"})
    slow.reader._transport.pause_reading()
    for i in range(100):
        c.worker.append("default/news", data=json.dumps("x" * 20000))
    raw = sock.dup()
    raw.setblocking(False)
    taken, end = b"", time.monotonic() + 4
    while time.monotonic() < end:
        await asyncio.sleep(0.05)
        try:
            taken += raw.recv(4096)
        except BlockingIOError:
            pass
    raw.close()
    c.metrics_then = dict(c.supervisor.metrics)
    eq(c.metrics_then.get("gateway_disconnects_total", 0), 0)
    slow.reader._buffer[:0] = taken  # what was read behind the reader's back comes first
    slow.reader._transport.resume_reading()
    eq([(await slow.push())["pub"]["offset"] for _ in range(100)], list(range(1, 101)))


@test()
async def a_slow_reader_of_a_conflating_namespace_gets_the_newest_and_a_quick_one_everything(c):
    slow, quick = await connect(c), await connect(c)
    for client in (slow, quick):
        await client.call(subscribe={"channel": "state:x"})
    slow.reader._transport.pause_reading()
    got, want = [], 600
    for i in range(want):
        c.worker.append("default/state:x", data=json.dumps("x" * 4000))
        if i % 5 == 4:
            got += [(await quick.push())["pub"]["offset"] for _ in range(5)]
    eq(got, list(range(1, want + 1)))
    slow.reader._transport.resume_reading()
    got = [(await slow.push())["pub"]["offset"]]
    while got[-1] < want:
        got.append((await slow.push())["pub"]["offset"])
    assert got == sorted(set(got)) and len(got) < want, got
    await asyncio.sleep(1.1)
    eq(c.supervisor.metrics["gateway_conflated_total"], want - len(got))
    eq(c.supervisor.metrics.get("gateway_pages_total", 0), 0)
