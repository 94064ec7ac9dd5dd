"""Two sequencers: who leads is taken over for silence, never for slowness; a leader that was stopped writes nothing and
answers nothing wrong; shards move while publishers go on."""

import asyncio
import json
import random
import signal
import subprocess
import time

import pytest
import requests

psycopg = pytest.importorskip("psycopg")

from seq_database import Sequencer, conninfo, db, free_port, server  # noqa: E402, F401
from seq_gateway import Gateway  # noqa: E402
from seq_proxy import PgProxy  # noqa: E402
from stack import BUILD, Stack  # noqa: E402
from test_11_sequencer import block_shards, check_log, one, rows, wait_for_messages  # noqa: E402
from test_50_kill import Load  # noqa: E402

ALL = (1 << 64) - 1
AIM = 3.0  # seconds that a takeover may take


@pytest.fixture
def opened():
    """What a test opens is closed with it."""
    things = []
    yield things
    for thing in reversed(things):
        thing.close()


@pytest.fixture
def proxy(conninfo, opened):
    opened.append(PgProxy(conninfo))
    return opened[-1]


@pytest.fixture
def pair(conninfo, proxy, tmp_path, opened):
    """pair(*options, second=(…)) -> two sequencers, each the other one's peer, the first of which leads; the first one's
    PostgreSQL is behind the proxy (both: the second one's too)."""

    def pair(*options, second=None, both=False):
        ports = [free_port(), free_port()]
        peers = "--peers=" + ",".join(f"127.0.0.1:{port}" for port in ports)  # its own among them
        made = []
        for n, port in enumerate(ports):
            more = second if n and second is not None else options
            made.append(Sequencer(conninfo if n and not both else proxy.conninfo, tmp_path / f"{n}.log", peers, *more, port=port,
                                  name=["first", "second"][n]))  # fmt: skip
            opened.append(made[-1])
            made[-1].wait(lambda: "took_over" in made[0].log.read_text())
        for s in made:
            s.ready()
        return made

    return pair


@pytest.fixture
def connect(opened):
    def connect(sequencer, **named):
        opened.append(Gateway(sequencer.port, **named))
        return opened[-1]

    return connect


def phase(s):
    return json.loads(s.get("/ready")[1] or "{}").get("phase")


def leads(first, beside):
    """Who stands by asks PostgreSQL once in a while, and is `taking` for as long as that takes."""
    beside.wait(lambda: phase(beside) == "standing_by")
    assert phase(first) == "leading"


def shards(s):
    return json.loads(s.get("/shards")[1])


# ---- who leads


def test_one_that_starts_beside_a_leader_stands_by_and_says_that_it_is_ready(pair, connect):
    first, second = pair()
    leads(first, beside=second)
    assert first.metric("takeovers_total") == 1 and first.metric("fenced_total") == 0
    assert shards(second)["led"] == "" and [p["shards"] for p in shards(second)["peers"]] == ["0-63"]
    assert connect(first).ready().publish("default/news")["seq"] == 1
    first.kill()
    first.start()
    first.ready()
    second.wait(lambda: {phase(first), phase(second)} == {"leading", "standing_by"})  # it may be back before it was replaced


def cut_off(first, proxy):
    proxy.cut(refusing=True)


FAULTS = {
    "killed": lambda first, proxy: first.kill(),
    "stopped": lambda first, proxy: first.kill(signal.SIGSTOP),
    "without PostgreSQL": cut_off,
    "cut off without a word": lambda first, proxy: proxy.swallow(),
    "ended": lambda first, proxy: first.kill(signal.SIGTERM),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_standby_takes_over_within_the_aim(pair, connect, proxy, db, fault):
    first, second = pair()
    old, new = connect(first).ready(), connect(second)
    for n in range(20):
        old.send(f"default/c{n % 5}")
    old.settle()
    began = time.monotonic()
    FAULTS[fault](first, proxy)
    new.ready()
    took = time.monotonic() - began
    print(f"takeover {fault}: {took * 1000:.0f} ms")
    assert took < AIM and new.shards == ALL
    assert new.publish("default/c0")["seq"] == 5
    check_log(db, [old, new])


def test_a_leader_whose_commit_takes_long_is_slow_not_dead(pair, connect, db):
    first, second = pair()
    g = connect(first).ready()
    g.publish("default/news")
    with block_shards(db.info.dsn):
        counter = g.send("default/news")
        time.sleep(10)
    assert g.result(counter)["seq"] == 2
    leads(first, beside=second)
    assert first.metric("clock_jumps_total") == 0
    assert second.metric("takeovers_total") == 0 and second.metric("peers_silent_total") == 0


def test_a_database_that_answers_nobody_is_no_reason_to_take_over(pair, connect, proxy, db):
    """The same silence as that of a leader that is cut off, but the standby is in it as well."""
    first, second = pair(both=True)
    g = connect(first).ready()
    g.publish("default/news")
    counters = []
    for _ in range(2):  # the second time right behind the first one's end
        proxy.swallow()
        counters.append(g.send("default/news"))
        time.sleep(3)
        proxy.swallow(False)
        assert g.result(counters[-1])["seq"] == 1 + len(counters)
    time.sleep(1)
    leads(first, beside=second)
    assert first.metric("takeovers_total") == 1 and second.metric("takeovers_total") == 0
    assert first.metric("cut_off_total") == second.metric("cut_off_total") == 0
    check_log(db, [g])


def test_a_leader_that_was_cut_off_in_the_middle_of_a_batch_comes_back_as_a_standby(pair, connect, proxy, db):
    first, second = pair()
    old = connect(first).ready()
    assert old.publish("default/news", data="0")["seq"] == 1
    held = proxy.hold("answer")
    counter = old.send("default/news", data="1")
    assert held.reached.wait(10)
    proxy.swallow()
    more = [old.send("default/news", data=str(n)) for n in range(2, 30)]
    new = connect(second, origin=old.origin).ready()
    new.counter = old.counter
    results = [new.again(c, "default/news", data=str(n)) for n, c in enumerate([counter, *more], 1)]
    assert [r["seq"] for r in results] == list(range(2, 31)) and results[0]["repeated"]
    held.released.set()
    proxy.swallow(False)
    first.wait(lambda: phase(first) == "standing_by")
    assert first.metric("cut_off_total") == 1 and first.metric("peers") == 1
    assert not [r for r in old.results.values() if r["code"]]
    assert new.publish("default/news", data="30")["seq"] == 31
    check_log(db)


@pytest.mark.parametrize("away", (False, True), ids=("its link breaks late", "PostgreSQL comes back late"))
def test_what_can_be_looked_for_no_more_is_not_committed_again(conninfo, proxy, connect, db, opened, tmp_path, away):
    one_alone = Sequencer(proxy.conninfo, tmp_path / "alone.log", "--unsure-max=1s", port=free_port(), name="alone")
    opened.append(one_alone)
    gateway = connect(one_alone).ready()
    assert gateway.publish("default/news", data="0")["seq"] == 1
    held = proxy.hold("answer")
    counter = gateway.send("default/news", data="1")
    assert held.reached.wait(10)
    gateway.unanswered.pop(counter)  # it has told its client that the outcome is unknown
    db.execute("DELETE FROM cellcast.receipt")  # as the sweep does after 3 minutes, for which it may have been stopped
    if away:
        proxy.cut(refusing=True)
        one_alone.wait(lambda: phase(one_alone) == "away")
        assert one_alone.metric("forgotten_total") == 0
    time.sleep(1.2)
    if not away:
        proxy.cut(refusing=False)
    held.released.set()
    proxy.refusing = False
    one_alone.wait(lambda: one_alone.metric("forgotten_total") == 1)
    assert gateway.publish("default/news", data="2")["seq"] == 3
    check_log(db)


def test_a_takeover_whose_answer_was_lost_does_not_hide_who_led_before_it(pair, connect, proxy, db, conninfo):
    first, second = pair("--outage-grace=60s")
    old = connect(first).ready()
    assert old.publish("default/news", data="0")["seq"] == 1
    holder = one(db, "SELECT DISTINCT holder FROM cellcast.shard")
    proxy.cut(refusing=True)
    first.wait(lambda: phase(first) == "away")
    old.shards = ALL  # it would not send now; one that had not heard of it yet would
    counter = old.send("default/news", data="1")
    new = connect(second, origin=old.origin).ready()
    assert new.again(counter, "default/news", data="1")["seq"] == 2
    second.kill()
    with psycopg.connect(conninfo, autocommit=True) as lost:  # as the first one's own connection, which breaks before the answer is there
        lost.execute("SELECT count(*) FROM cellcast.take_over(array(SELECT shard FROM cellcast.shard), %s, '{}', false)", [holder])
    proxy.refusing = False
    result = old.result(counter)
    assert (result["seq"], result["repeated"]) == (2, True)
    assert rows(db, "SELECT seq FROM cellcast.message WHERE channel = 'default/news' ORDER BY seq") == [(1,), (2,)]
    check_log(db)


def test_a_standby_that_was_stopped_itself_takes_nobody_for_dead(pair, connect):
    first, second = pair()
    for _ in range(2):
        second.kill(signal.SIGSTOP)
        time.sleep(2)
        second.kill(signal.SIGCONT)
        second.ready()
    leads(first, beside=second)
    assert first.metric("fenced_total") == 0


# ---- fencing


POINTS = {
    "before the statement is sent": ("statement", "late"),
    "the statement is on its way": ("statement", "early"),
    "before its answer": ("answer", "late"),
    "between the commit and the answer to the gateway": ("answer", "early"),
}


@pytest.mark.parametrize("point", POINTS)
def test_stopped_at_any_step_of_a_batch_it_writes_nothing_more_and_answers_nothing_wrong(pair, connect, proxy, db, point):
    where, release = POINTS[point]
    first, second = pair()
    old = connect(first).ready()
    assert old.publish("default/news", data="0")["seq"] == 1
    held = proxy.hold(where)
    counter = old.send("default/news", data="1")
    assert held.reached.wait(10)
    first.kill(signal.SIGSTOP)
    more = [old.send("default/news", data=str(n)) for n in range(2, 30)]  # lie in its socket
    if release == "early":  # the kernel carries it while the process stands still
        held.released.set()
    new = connect(second, origin=old.origin).ready()
    new.counter = old.counter
    results = {c: new.again(c, "default/news", data=str(n)) for n, c in enumerate([counter, *more], 1)}
    assert [r["seq"] for r in results.values()] == list(range(2, 31))
    assert results[counter]["repeated"] is (where == "answer" or release == "early")
    first.kill(signal.SIGCONT)
    held.released.set()
    first.wait(lambda: phase(first) == "standing_by")
    time.sleep(0.3)
    assert one(db, "SELECT count(*) FROM cellcast.message") == 30
    for c in old.results.keys() & results.keys():
        assert old.results[c]["code"] or old.results[c]["seq"] == results[c]["seq"]
    assert not [c for c in old.results if old.results[c]["code"]]  # a refusal would be a lie: it was published
    last = new.publish("default/news", data="30")
    assert last["seq"] == 31, last
    assert phase(second) == "leading" and phase(first) != "leading"
    check_log(db)


# ---- sets of shards


def test_sets_of_shards_stand_by_for_each_other(pair, connect, db):
    """Each leads half; whoever is left leads all."""
    first, second = pair()
    move(second, "32-63")
    a, b = connect(first), connect(second)
    first.wait(lambda: (a.shards, b.shards) == (ALL >> 32, ALL - (ALL >> 32)))
    for n in range(40):
        g = a if one(db, "SELECT cellcast.channel_shard(%s)", f"default/c{n}") < 32 else b
        assert g.publish(f"default/c{n}")["seq"] == 1
    db.execute("SELECT cellcast.publish('c' || n, '1') FROM generate_series(0, 39) n")
    wait_for_messages(db, 80)
    first.kill()
    second.wait(lambda: b.shards == ALL, AIM)
    for n in range(40):
        assert b.publish(f"default/c{n}")["seq"] == 3
    check_log(db)


def move(sequencer, ranges, check=True):
    return subprocess.run([BUILD / "supervisor/cellcastctl", "shards", f"127.0.0.1:{sequencer.admin_port}", ranges], check=check,
                          capture_output=True, text=True)  # fmt: skip


def test_moved_to_and_fro_under_load_nothing_is_lost_doubled_or_refused(pair, connect, db):
    first, second = pair()
    a, b = connect(first).ready(), connect(second)
    place = {f"default/c{n}": one(db, "SELECT cellcast.channel_shard(%s)", f"default/c{n}") for n in range(12)}
    sent = []
    for round in range(6):
        ranges = ["0-31", "16-63", "0-63", "3,5,7-50"][round % 4]
        for n in range(100):
            channel = random.choice(list(place))
            g = next((g for g in (a, b) if g.shards >> place[channel] & 1), None)
            if g:
                sent.append((g, g.send(channel)))
            if n == 50:
                move([second, first][round % 2], ranges)
            if n % 10 == 0:
                db.execute("SELECT cellcast.publish(%s, '1')", [channel.split("/")[1]])
    # What met a leader that had just given its shard away is dropped, unanswered: a real gateway sends it to the next one.
    first.wait(lambda: one(db, "SELECT count(*) FROM cellcast.outbox") == 0)
    time.sleep(0.5)
    codes = {g.results[c]["code"] for g, c in sent if c in g.results}
    assert codes == {0}
    assert one(db, "SELECT count(*) FROM cellcast.message WHERE origin IS NULL") == 60
    assert first.metric("fenced_total") == second.metric("fenced_total") == 0
    assert first.metric("batches_failed_total") == second.metric("batches_failed_total") == 0  # no head of an earlier time
    assert first.metric("handed_over_total") > 0 < second.metric("handed_over_total")
    check_log(db, counters=False)  # these gateways send to one sequencer each, late what was dropped


def test_what_waits_for_a_leader_that_gives_its_shards_away_goes_to_the_next_one(pair, connect, db):
    first, second = pair()
    a = connect(first).ready()
    with block_shards(db.info.dsn):
        flying = []
        for _ in range(2):  # batches in flight, at most
            flying.append(a.send("default/news"))
            first.wait(lambda: first.metric("in_flight") == len(flying))
        waiting = [a.send("default/news") for _ in range(8)]
        first.wait(lambda: first.metric("waiting") == 8)
        requests.post(f"http://127.0.0.1:{second.admin_port}/shards?take=0-63", timeout=5)
        first.wait(lambda: shards(first)["led"] == "")
        with a.lock:
            a.shards = ALL  # as one that has not read its welcome yet
        waiting += [a.send("default/news") for _ in range(3)]
        time.sleep(0.3)
        assert shards(second)["led"] == "" and not a.results
    assert [a.result(c)["seq"] for c in flying] == [1, 2]
    b = connect(second, origin=a.origin).ready()
    assert [b.again(c, "default/news")["seq"] for c in waiting] == list(range(3, 14))
    assert set(a.results) == set(flying)  # nothing was refused
    assert first.metric("forgotten_total") == 11
    check_log(db)


def test_what_is_no_list_of_shards_is_refused(pair):
    first, _ = pair()
    for wrong in ("64", "3-1", "a", ""):
        assert move(first, wrong, check=False).returncode != 0


# ---- the whole way


@pytest.fixture(scope="module")
def two():
    """A Cellcast with two sequencers."""
    s = Stack(gateways=2, workers=1, sequencers=2)
    try:
        yield s.start()
    finally:
        s.stop()


async def test_leaders_die_stop_and_give_shards_away_and_nobody_sees_more_than_a_pause(two, channel):
    admins = [f"127.0.0.1:{two.sequencer_ports(n)[1]}" for n in (1, 2)]

    def shards_move(to, ranges):
        two.tool(BUILD / "supervisor/cellcastctl", "shards", admins[to], ranges)

    load = Load(two, channel)
    await load.start(subscribers=10)
    for step in range(2):
        await asyncio.to_thread(shards_move, 1 - step, "0-31")
        await asyncio.sleep(0.3)
        await asyncio.to_thread(shards_move, step, "20-63")
    await asyncio.to_thread(shards_move, 0, "0-63")
    await asyncio.sleep(0.5)
    two.kill("sequencer", signal.SIGSTOP)
    await asyncio.sleep(4)
    two.kill("sequencer", signal.SIGCONT)
    await asyncio.sleep(1)
    old = two.pid("sequencer-2")
    two.kill("sequencer-2")
    await asyncio.to_thread(two.wait_back, "sequencer-2", old)
    await asyncio.sleep(1)
    assert await load.finish() == []
    await asyncio.to_thread(two.wait_ready)


def test_a_publisher_waits_for_the_takeover_and_gets_its_one_result(two, channel):
    two.wait_ready()
    leader = "sequencer" if two.publish(channel, 0) and led_by_first(two) else "sequencer-2"
    for n in range(1, 3):
        two.kill(leader, signal.SIGSTOP if n == 1 else signal.SIGKILL)
        began = time.monotonic()
        assert two.publish(channel, n)["offset"] == n + 1
        assert time.monotonic() - began < AIM + 1
        if n == 1:
            two.kill(leader, signal.SIGCONT)
        leader = "sequencer" if leader == "sequencer-2" else "sequencer-2"
        time.sleep(1)
    assert [data for _, _, data in two.rows(f"default/{channel}")] == ["0", "1", "2"]


def led_by_first(two):
    return requests.get(f"http://127.0.0.1:{two.sequencer_admin}/shards", timeout=5).json()["led"] == "0-63"


def test_what_came_in_for_shards_that_were_given_away_is_forgotten_when_they_come_back(pair, connect, proxy, db):
    """It lay in the socket when they went, and was taken in while nobody knew who led: the other one has published it."""
    first, second = pair("--outage-grace=30s", second=["--shards=32-63"])
    channel = next(f"default/c{n}" for n in range(999) if channel_shard(db, f"default/c{n}") >= 32)
    requests.post(f"http://127.0.0.1:{second.admin_port}/shards?take=32-63", timeout=5)
    first.wait(lambda: shards(first)["led"] == "0-31" and shards(second)["led"] == "32-63")
    late, g = connect(first), None
    proxy.cut(refusing=True)
    first.wait(lambda: phase(first) == "away")
    first.wait(lambda: late.socket)
    time.sleep(0.3)
    late._publish(1, 0, channel=channel)
    g = connect(second, origin=late.origin).ready()
    g._publish(1, 1, channel=channel)
    assert g.result(1)["seq"] == 1
    second.kill()
    proxy.refusing = False
    first.wait(lambda: shards(first)["led"] == "0-63")
    with late.lock:
        late.unanswered[1] = dict(channel=channel)
    assert late.result(1)["seq"] == 1 and late.results[1]["repeated"]
    time.sleep(0.5)
    assert one(db, "SELECT count(*) FROM cellcast.message WHERE channel = %s", channel) == 1
    check_log(db)


def channel_shard(db, channel):
    return one(db, "SELECT cellcast.channel_shard(%s)", channel)
