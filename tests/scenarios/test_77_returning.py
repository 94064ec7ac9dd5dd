"""Returning is the cheap path: a token that the cell has checked is not checked again, and what was missed is looked up once
a channel, however many ask."""

import json
import re
import time

import pytest

from idle import close_all, frame, open_many, read_frame, say
from sdk import token
from stack import CONFIGURATION, wait_until

CLIENTS = 60


def total(stack, name, process=None):
    """Of that process alone (gateway-2, worker-1), or of all."""
    return sum(float(v) for labels, v in re.findall(rf"^cellcast_{name}{{(.*)}} (\S+)$", stack.metrics(), re.M)
               if process is None or f'process="{process}"' in labels)


def settled(stack, name, want, process):
    """Gateways tell their metrics each second."""
    wait_until(lambda: total(stack, name, process) == want, 30, f"{name} of {process} is {want}")


def tokens_of(n, **claims):
    return [token(sub=f"user-{i}", exp=4000000000, **claims) for i in range(n)]


def enter(stack, gateway, tokens):
    socks = open_many(stack.slot_base + gateway, len(tokens))
    say(socks, lambda i: [{"id": 1, "connect": {"token": tokens[i]}}])
    return socks


def test_who_returns_after_a_kill_costs_no_signature(stack):
    tokens = tokens_of(CLIENTS, channel_of=stack.port)
    socks = enter(stack, 1, tokens)
    checked, remembered = (total(stack, f"gateway_tokens_{what}_total", "gateway-2") for what in ("checked", "remembered"))
    old = stack.pid("gateway-1")
    stack.kill("gateway-1")
    close_all(socks)
    socks = enter(stack, 2, tokens)
    settled(stack, "gateway_tokens_remembered_total", remembered + CLIENTS, "gateway-2")
    assert total(stack, "gateway_tokens_checked_total", "gateway-2") == checked
    close_all(socks)
    stack.wait_back("gateway-1", old)
    stack.wait_ready()
    # The one that replaces it has the cell's memory, too.
    socks = enter(stack, 1, tokens)
    settled(stack, "gateway_tokens_remembered_total", CLIENTS, "gateway-1")
    assert total(stack, "gateway_tokens_checked_total", "gateway-1") == 0
    close_all(socks)


def opens(stack, gateway, one):
    (sock,) = open_many(stack.slot_base + gateway, 1)
    try:
        say([sock], lambda i: [{"id": 1, "connect": {"token": one}}])
        return True
    except (EOFError, AssertionError):  # closed with 3500
        return False
    finally:
        close_all([sock])


def with_keys(stack, **options):
    changed = json.loads(json.dumps(CONFIGURATION))
    changed["tenants"][0]["options"].update(options)
    stack.configure(changed)


def test_a_changed_key_ends_what_is_remembered_unless_it_is_still_good(stack):
    (mine,) = tokens_of(1)
    (new,) = tokens_of(1, secret="another")
    assert opens(stack, 1, mine) and opens(stack, 2, mine)
    try:
        with_keys(stack, token_hmac_secret_key="another", token_hmac_previous_secret_key="test-secret")
        wait_until(lambda: opens(stack, 2, new), 20, "the new key is there")
        assert opens(stack, 2, mine)
        with_keys(stack, token_hmac_secret_key="another")
        wait_until(lambda: not opens(stack, 2, mine), 20, "the previous one is gone")
        assert opens(stack, 2, new)
    finally:
        with_keys(stack)
    wait_until(lambda: opens(stack, 2, mine), 20, "the old key is back")


# -- history

CHANNELS, PUBLICATIONS, MEMBERS = 60, 40, 12


def publish_all(stack, name):
    with stack.sql(autocommit=True) as sql:
        for _ in range(PUBLICATIONS):
            sql.execute("select cellcast.publish(format('%s-%%s', n), '{}'::json) from generate_series(1, %s) n" % (name, CHANNELS))
        count = "select count(*) from cellcast.message where channel like %s"
        wait_until(lambda: sql.execute(count, (f"default/{name}-%",)).fetchone()[0] == CHANNELS * PUBLICATIONS, 30, "all are committed")
        return sql.execute("select epoch::text from cellcast.message where channel = %s limit 1", (f"default/{name}-1",)).fetchone()[0]


def begin_cold(stack, *options):
    """A cell in which nothing is in memory: supervisor, gateways and workers are killed. -> queries of its workers so far"""
    stack.kill("cell")
    stack.end("cell")
    stack.start_cell(*options)
    stack.wait_ready()
    time.sleep(2.5)  # what the canaries ask for is counted, too
    return total(stack, "worker_queries_total")


def come_back(stack, name, epoch):
    """Members of every channel, each with an offset of his own, at once and over all gateways. Each gets what it lacks."""
    people = [(channel, 2 + 3 * member) for member in range(MEMBERS) for channel in range(1, CHANNELS + 1)]
    socks = open_many(stack.port, len(people))
    for sock, (channel, offset) in zip(socks, people):
        command = {"id": 2, "subscribe": {"channel": f"{name}-{channel}", "recover": True, "epoch": epoch, "offset": offset}}
        sock.sendall(frame(("\n".join(json.dumps(c) for c in ({"id": 1, "connect": {}}, command))).encode()))
    for sock, (_, offset) in zip(socks, people):
        text, last = b"", b'"offset":%d' % PUBLICATIONS
        while last + b"}" not in text and last + b"," not in text:
            text += read_frame(sock)[1] + b"\n"
        assert b'"recovered":true' in text, text
        offsets = [int(n) for n in re.findall(rb'"offset":(\d+)', text)]
        assert offsets[-(PUBLICATIONS - offset):] == list(range(offset + 1, PUBLICATIONS + 1)), offsets
    close_all(socks)


@pytest.mark.parametrize("rings", ["from_kafka", "from_postgres"])
def test_a_cold_cell_asks_for_each_channel_a_bounded_number_of_times(stack, rings):
    name = f"cold-{rings}"
    epoch = publish_all(stack, name)
    nothing = ["--worker-option=tail-records=0", "--worker-option=hot-window=0"] if rings == "from_postgres" else []
    try:
        before = begin_cold(stack, *nothing)
        come_back(stack, name, epoch)
        time.sleep(2.5)  # workers tell their metrics each second
        queries = total(stack, "worker_queries_total") - before
        # Where Kafka's tail does not reach back, a channel costs one page, however many ask, and at most one question for its head
        # (those of a turn go together). Besides, a sweep.
        pages = CHANNELS * 2 if nothing else 0
        assert queries <= pages + 4 * stack.workers, queries
    finally:
        if nothing:
            begin_cold(stack)
