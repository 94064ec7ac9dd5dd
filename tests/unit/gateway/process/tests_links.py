"""Links to worker and sequencer, canary, drain."""
import asyncio
import json
import time

from client import http
from fake_cluster import CONFIG, FakeWorker, now_us
from harness import connect, eq, test
import wire


# ---- links

@test()
async def the_workers_link_comes_back_and_nothing_is_lost(c):
    client = await connect(c)
    await client.call(subscribe={"channel": "chat:x"})
    c.worker.append("default/chat:x", data="1")
    eq((await client.push())["pub"]["offset"], 1)
    c.worker.presence.clear()
    c.worker.cut()
    for i in range(5):
        c.worker.append("default/chat:x", data="2")
    eq([(await client.push())["pub"]["offset"] for _ in range(5)], [2, 3, 4, 5, 6])
    await c.until(lambda: c.worker.heard[-1] != "FAN_HELLO" and "FAN_SYNCED" in c.worker.heard[3:])
    eq(list(c.worker.presence["default/chat:x"]), [client.id])
    eq(c.worker.presence["default/chat:x"][client.id]["silent"], 1)
    assert await client.silent()


@test()
async def an_ephemeral_channel_is_subscribed_anew_and_goes_on(c):
    client = await connect(c)
    eq(await client.call(subscribe={"channel": "typing:x"}), {})
    c.worker.pass_by("default/typing:x", "1")
    eq((await client.push())["pub"], {"data": 1})
    c.worker.passing.clear()
    c.worker.cut()
    await c.until(lambda: "default/typing:x" in c.worker.passing)
    c.worker.pass_by("default/typing:x", "2")
    eq((await client.push())["pub"], {"data": 2})
    assert await client.silent()


@test("--kafka=127.0.0.1:9")
async def without_a_broker_an_ephemeral_publish_is_refused_and_a_durable_one_is_not(c):
    client = await connect(c)
    start = time.monotonic()
    eq(await client.call(publish={"channel": "typing:x", "data": 1}), 100)
    assert time.monotonic() - start < 3
    eq(await client.call(publish={"channel": "news", "data": 1}), {})


@test()
async def channels_move_to_another_worker_with_a_new_map(c):
    client = await connect(c)
    await client.call(subscribe={"channel": "news"})
    c.worker.append("default/news", data="1")
    eq((await client.push())["pub"]["offset"], 1)
    second = FakeWorker()
    second.channels = c.worker.channels
    await second.serve(c.dir + "/worker-2.sock")
    c.supervisor.map(2, {1: c.path, 2: c.dir + "/worker-2.sock"}, [2] * 4)
    await c.until(lambda: "FAN_SUBSCRIBE" in second.heard)
    await c.until(lambda: "FAN_UNSUBSCRIBE" in c.worker.heard)
    second.append("default/news", data="2")
    eq((await client.push())["pub"]["offset"], 2)
    second.server.close()


@test()
async def a_map_that_is_not_newer_changes_nothing(c):
    client = await connect(c)
    await client.call(subscribe={"channel": "news"})
    second = FakeWorker()
    second.channels = c.worker.channels
    await second.serve(c.dir + "/worker-2.sock")
    workers = {1: c.path, 2: c.dir + "/worker-2.sock"}
    c.supervisor.map(3, workers, [2] * 4)
    await c.until(lambda: "FAN_UNSUBSCRIBE" in c.worker.heard)
    c.supervisor.map(2, workers, [1] * 4)
    c.supervisor.map(3, workers, [1] * 4)
    c.supervisor.map(4, workers, [2] * 4)
    await c.until(lambda: c.worker.heard.count("FAN_SYNCED") == 3)  # of generations 1, 3 and 4
    eq((second.heard.count("FAN_SUBSCRIBE"), second.heard.count("FAN_UNSUBSCRIBE")), (1, 0))
    second.append("default/news", data="1")
    eq((await client.push())["pub"]["offset"], 1)
    second.server.close()


@test()
async def a_channel_with_a_lane_is_its_lanes_workers_and_no_other_is_told_anew(c):
    client = await connect(c)
    for channel in ("news", "hot"):
        await client.call(subscribe={"channel": channel})
    second = FakeWorker()
    second.channels = c.worker.channels
    await second.serve(c.dir + "/worker-2.sock")
    c.supervisor.map(2, {1: c.path, 2: c.dir + "/worker-2.sock"}, [1] * 4 + [2], {"default/hot": 1})
    await c.until(lambda: "FAN_SUBSCRIBE" in second.heard)
    await c.until(lambda: "FAN_UNSUBSCRIBE" in c.worker.heard)
    eq((second.heard.count("FAN_SUBSCRIBE"), c.worker.heard.count("FAN_UNSUBSCRIBE")), (1, 1))
    second.append("default/hot", data="1")
    eq((await client.push())["pub"]["offset"], 1)
    c.worker.append("default/news", data="2")
    eq((await client.push())["pub"]["offset"], 1)
    c.supervisor.map(3, {1: c.path, 2: c.dir + "/worker-2.sock"}, [1] * 4)
    await c.until(lambda: "FAN_UNSUBSCRIBE" in second.heard)
    c.worker.append("default/hot", data="3")
    eq((await client.push())["pub"]["offset"], 2)
    second.server.close()


@test()
async def a_disowned_channel_is_told_again(c):
    client = await connect(c)
    real, c.worker.on_fan_subscribe = c.worker.on_fan_subscribe, None
    tries = []

    def disown(writer, m):
        tries.append(m)
        writer.write(wire.frame("fan_not_mine", channel=m["channel"], generation=2))
        if len(tries) == 2:
            c.worker.on_fan_subscribe = real
    c.worker.on_fan_subscribe = disown
    result = await client.call(subscribe={"channel": "news"})
    eq((result["epoch"], len(tries)), ("1", 2))


@test(config=dict(CONFIG, tenants=[dict(CONFIG["tenants"][0], options=dict(CONFIG["tenants"][0]["options"], webhook_url="http://app"))] + CONFIG["tenants"][1:]))
async def a_disowned_client_is_told_again(c):
    real, tries = c.worker.on_fan_presence_set, []

    def disown(writer, m):
        tries.append(m)
        if len(tries) < 3:
            writer.write(wire.frame("fan_not_mine", channel=m["channel"], generation=2))
        else:
            real(writer, m)
    c.worker.on_fan_presence_set = disown
    client = await connect(c)
    await c.until(lambda: f"cellcast/client:default:{client.id}" in c.worker.presence)
    eq([m["silent"] for m in tries], [0, 1, 1])


@test()
async def unanswered_publishes_are_sent_again_in_order_before_anything_new(c):
    client = await connect(c)
    c.sequencer.mute = True
    for i in range(5):
        client.send({"id": 10 + i, "publish": {"channel": "news", "data": i}})
    await c.until(lambda: len(c.sequencer.seen) == 5)
    c.sequencer.mute = False
    c.sequencer.cut()
    client.send({"id": 15, "publish": {"channel": "news", "data": 5}})
    eq([(await client.next())["id"] for _ in range(6)], [10, 11, 12, 13, 14, 15])
    eq([int(row["data"]) for row in c.worker.channel("default/news").rows], [0, 1, 2, 3, 4, 5])
    eq([m["retry"] for m in c.sequencer.seen][:10], [0] * 5 + [1] * 5)
    counters = [m["counter"] for m in c.sequencer.seen]
    eq(counters[:5], counters[5:10])


@test()
async def a_publish_goes_to_whoever_leads_now_and_a_refusal_of_the_former_leader_is_not_believed(c):
    client = await connect(c)
    c.sequencer.mute = c.standby.mute = True
    client.send({"id": 10, "publish": {"channel": "news", "data": 1}})
    await c.until(lambda: c.sequencer.seen)
    c.standby.lead(2 ** 64 - 1)
    await c.until(lambda: c.standby.seen)
    eq((c.standby.seen[0]["retry"], c.standby.seen[0]["counter"]), (1, c.sequencer.seen[0]["counter"]))
    c.sequencer.refuse = 100
    c.sequencer.answer(c.sequencer.links[0], c.sequencer.seen[0])
    c.sequencer.lead(0)
    assert await client.silent()
    c.standby.answer(c.standby.links[0], c.standby.seen[0])
    eq((await client.next())["id"], 10)
    eq([int(row["data"]) for row in c.worker.channel("default/news").rows], [1])


@test()
async def a_standby_that_is_away_is_no_fault_of_the_gateway(c):
    c.standby.server.close()
    c.standby.cut()
    client = await connect(c)
    eq((await client.call(publish={"channel": "news", "data": 1})), {})
    await asyncio.sleep(1.2)
    assert c.supervisor.status["ready"]


@test("--publish-timeout=300ms", "--publishes-max=3")
async def a_publish_without_a_result_is_100_in_time_and_too_many_of_them_are_111(c):
    client = await connect(c)
    c.sequencer.mute = True
    for i in range(4):
        client.send({"id": 10 + i, "publish": {"channel": "news", "data": i}})
    reply = await client.next()
    eq((reply["id"], reply["error"]["code"]), (13, 111))
    for i in range(3):
        reply = await client.next()
        eq((reply["id"], reply["error"]), (10 + i, {"code": 100, "message": "internal server error", "temporary": True}))
    c.sequencer.mute = False
    c.sequencer.refuse = 111
    eq(await client.call(publish={"channel": "news", "data": 1}), 111)


@test("--commands-max=10")
async def one_that_sends_faster_than_it_is_answered_is_not_read_for_a_while_and_loses_nothing(c):
    client = await connect(c)
    c.sequencer.mute = True
    data = json.dumps({"n": 0, "x": "y" * 500})
    for i in range(2000):
        client.send('{"id":%d,"publish":{"channel":"news","data":%s}}' % (10 + i, data.replace(": 0", f": {i}")))
    await asyncio.sleep(0.3)
    eq(len(c.sequencer.seen), 10)
    c.sequencer.mute = False
    c.sequencer.cut()
    eq([(await client.next())["id"] for _ in range(2000)], list(range(10, 2010)))
    eq([json.loads(row["data"])["n"] for row in c.worker.channel("default/news").rows], list(range(2000)))
    assert await client.silent()


@test("--ask-timeout=300ms")
async def reads_fail_with_100_while_the_worker_is_away(c):
    client = await connect(c)
    c.worker.server.close()
    c.worker.cut()
    await asyncio.sleep(0.05)
    eq(await client.call(history={"channel": "news", "limit": 5}), 100)
    eq(await client.call(presence={"channel": "news"}), 100)
    eq((await http(c.port, "GET", "/ready"))[0], 200)  # all gateways share this fault
    await c.until(lambda: c.supervisor.status["why"] == b"worker not linked")


# ---- supervisor

@test()
async def says_which_configuration_it_goes_by_and_which_it_refuses(c):
    await c.until(lambda: c.supervisor.held == {"version": 1, "refused": 0, "why": b""})
    c.supervisor.configure(dict(CONFIG, version=2, namespaces=[{"tenant": "default", "name": "x"}]))
    await c.until(lambda: c.supervisor.held["refused"] == 2)
    assert c.supervisor.held["version"] == 1 and b'namespace "x": a name is empty, or two to 64' in c.supervisor.held["why"], c.supervisor.held
    assert c.supervisor.status["ready"]
    c.supervisor.configure(dict(CONFIG, version=3))
    await c.until(lambda: c.supervisor.held == {"version": 3, "refused": 0, "why": b""})


@test()
async def reports_the_canary_with_its_stamps(c):
    listen = wire.pack("ctl_channel", channel="cellcast/canary-a-1")
    c.supervisor.say("ctl_canary", listen=listen)
    await c.until(lambda: "FAN_SUBSCRIBE" in c.worker.heard)
    await asyncio.sleep(0.05)
    c.supervisor.say("ctl_canary", channel="cellcast/canary-a-1", data='{"n":1}')
    await c.until(lambda: c.supervisor.seen)
    m = c.supervisor.seen[0]
    p = wire.unpack("publication", m["publication"])
    eq((m["channel"], p["data"], p["seq"]), (b"cellcast/canary-a-1", b'{"n":1}', 1))
    assert p["committed_us"] <= p["sent_us"] <= m["seen_us"] <= now_us()


@test()
async def drains_in_waves_with_3001_and_ends_with_status_0(c):
    clients = [await connect(c) for _ in range(20)]
    c.sequencer.mute = True
    clients[0].send({"id": 9, "publish": {"channel": "news", "data": 1}})
    await c.until(lambda: c.sequencer.seen)
    c.supervisor.say("ctl_drain", seconds=1)
    await c.until(lambda: c.supervisor.status["draining"])
    start = time.monotonic()

    async def answer():
        await asyncio.sleep(0.3)
        c.sequencer.mute = False
        c.sequencer.cut()
    task = asyncio.create_task(answer())
    reply = await clients[0].next()
    eq((reply["id"], reply["publish"]), (9, {}))
    codes = await asyncio.gather(*(client.close_code() for client in clients))
    eq((set(codes), clients[5].closed), ({3001}, (3001, "shutdown")))
    await task
    while c.supervisor.process.poll() is None:
        assert time.monotonic() - start < 4
        await asyncio.sleep(0.02)
    eq(c.supervisor.process.returncode, 0)
    eq(c.port, c.supervisor.slot.getsockname()[1])
    (await asyncio.open_connection("127.0.0.1", c.port))[1].close()  # waits for the next process


@test()
async def is_cleared_at_the_pace_it_is_told_and_takes_clients_again(c):
    clients = [await connect(c) for _ in range(10)]
    c.supervisor.say("ctl_pace", clear=1, rate=10000)
    codes = await asyncio.gather(*(client.close_code() for client in clients))
    eq(set(codes), {3001})
    eq((await http(c.port, "GET", "/ready"))[0], 503)
    eq((c.supervisor.status["ready"], c.supervisor.status["draining"]), (1, 0))
    c.supervisor.say("ctl_pace", clear=0, rate=0)
    client = await connect(c)
    await asyncio.sleep(0.5)
    await client.call(subscribe={"channel": "news"})
    eq((await http(c.port, "GET", "/ready"))[0], 200)


# ---- the loop

@test()
async def a_process_that_has_just_started_does_not_say_that_it_lags(c):
    assert c.supervisor.status and c.supervisor.worst_lag_ms < 30_000  # it was the machine's uptime, fading
