"""Quotas: what a tenant may use, whatever gateway it comes by, and what becomes of what is above. Nothing here depends on how
quick the machine is: what a rate let pass is bounded by the time that really went by."""

import asyncio
import copy
import json
import subprocess
import time

import pytest

from sdk import Person, Raw
from stack import BUILD, CONFIGURATION, OPEN, wait_until

EPHEMERAL = dict({k: v for k, v in OPEN.items() if "history" not in k}, ephemeral=True)


@pytest.fixture(scope="module")
def quotas(stack):
    """A function that applies quotas of tenant `capped` and of its namespace '', and waits until all go by them."""

    def apply(tenant=None, namespace=None):
        configuration = copy.deepcopy(CONFIGURATION)
        configuration["tenants"].append({
            "name": "capped", "cells": ["a"],
            "options": {"token_hmac_secret_key": "capped-secret", "allow_anonymous_connect_without_token": True, **(tenant or {})},
            "namespaces": [{"name": "", "options": {**OPEN, **(namespace or {})}}, {"name": "typing", "options": EPHEMERAL},
                           {"name": "free", "options": OPEN}]})
        stack.settle(configuration, [("sequencer", "quotas_taken")])

    yield apply
    stack.settle(CONFIGURATION, [("sequencer", "quotas_taken")])


def table(stack, what):
    """Heads and rows of `cellcastctl top`."""
    done = subprocess.run([BUILD / "supervisor/cellcastctl", f"--admin=127.0.0.1:{stack.admin_port}", "top", what],
                          capture_output=True, text=True)
    return [line.split() for line in done.stdout.splitlines()]


def top(stack, tenant):
    """The tenant's row, by the table's heads."""
    heads, *rows = table(stack, "tenants")
    return next((dict(zip(heads, row)) for row in rows if row[-1] == tenant), None)


async def connected(stack, gateway):
    """-> a client of the tenant, or the code that it was disconnected with"""
    raw = await Raw.open(stack.ws(gateway, "capped"))
    await raw.send({"id": 1, "connect": {}})
    frame = asyncio.create_task(raw.receive())
    await asyncio.wait([frame])
    if frame.exception():
        return (await raw.closed())[0]
    return raw


async def until_connected(stack, gateway, wanted=True):
    """Tries until one is let in (or is not); others that were let in meanwhile leave at once."""
    end = time.monotonic() + 20
    while True:
        client = await connected(stack, gateway)
        if isinstance(client, Raw) == wanted:
            return client
        if isinstance(client, Raw):
            await client.close()
        assert time.monotonic() < end, client
        await asyncio.sleep(0.05)


async def test_connections_are_counted_over_the_cell(stack, quotas):
    await asyncio.to_thread(quotas, {"connection_limit": 4})
    refused = stack.metric("gateway_quota_connections_refused_total")
    held = [await until_connected(stack, gateway) for gateway in (1, 2, 3, 1)]
    for gateway in (1, 2, 3):
        assert await until_connected(stack, gateway, wanted=False) == 4011
    await asyncio.to_thread(wait_until, lambda: (top(stack, "capped") or {}).get("CONNECTIONS") == "4", 20, "top has them")
    other = await Person(stack.ws(1)).connect()  # another tenant is not touched
    await other.close()
    await held.pop().close()
    held.append(await until_connected(stack, 2))  # the place that was left, at another gateway
    await asyncio.to_thread(quotas, {"connection_limit": 5})
    held.append(await until_connected(stack, 3))
    for raw in held:
        await raw.close()
    await asyncio.to_thread(wait_until, lambda: stack.metric("gateway_quota_connections_refused_total") >= refused + 3, 10,
                            "they are counted")


async def test_clients_that_are_above_come_in_by_themselves_when_there_is_room(stack, quotas):
    await asyncio.to_thread(quotas, {"connection_limit": 1})
    first = await until_connected(stack, 1)
    person = Person(stack.ws(1, "capped"), min_reconnect_delay=0.05, max_reconnect_delay=0.2)
    await person.client.connect()
    refused = stack.metric("gateway_quota_connections_refused_total")
    await asyncio.to_thread(wait_until, lambda: stack.metric("gateway_quota_connections_refused_total") > refused, 20, "it tries again")
    await first.close()
    await person.client.ready(timeout=20)
    await person.close()


def test_publishes_above_the_tenants_rate_are_refused_whatever_gateway_they_come_by(stack, quotas, channel):
    quotas({"publish_rate": 10})
    refused = stack.metric("gateway_quota_publishes_refused_total")
    began = time.monotonic()
    answers = [stack.api("publish", {"channel": f"capped/{channel}-{n % 2}", "data": n}, gateway=1 + n % 3).json() for n in range(60)]
    took = time.monotonic() - began
    taken = [a for a in answers if "result" in a]
    assert 10 <= len(taken) <= 10 * (took + 1) + 2
    assert {a["error"]["code"] for a in answers if "error" in a} <= {131}
    assert sum(len(stack.rows(f"capped/{channel}-{n}")) for n in (0, 1)) == len(taken)
    if took < 3:  # else there was nothing above it
        wait_until(lambda: stack.metric("gateway_quota_publishes_refused_total") +
                   stack.metric("sequencer_refused_quota_total") > refused, 10, "it is counted")
    assert "result" in stack.api("publish", {"channel": channel, "data": 1}).json()  # another tenant is not touched


def test_a_channel_has_a_rate_and_bytes_of_its_own(stack, quotas, channel):
    quotas(None, {"publish_rate": 100, "publish_bytes": 1000})
    name = f"capped/{channel}"
    assert "result" in stack.api("publish", {"channel": name, "data": "x" * 60000}).json()  # paid for by the next minute
    answer = stack.api("publish", {"channel": name, "data": 1}).json()
    assert answer["error"]["code"] == 132
    assert "result" in stack.api("publish", {"channel": f"{name}-2", "data": 1}).json()
    assert "result" in stack.api("publish", {"channel": f"capped/free:{channel}", "data": 1}).json()
    quotas()
    wait_until(lambda: "result" in stack.api("publish", {"channel": name, "data": 1}).json(), 10, "the quota is gone")


async def test_what_sql_publishes_above_the_rate_waits_in_order_and_no_transaction_is_hurt(stack, quotas, channel):
    await asyncio.to_thread(quotas, None, {"publish_rate": 10})
    person = await Person(stack.ws(1, "capped")).connect()
    recorder = await person.subscribe(channel)
    began = time.monotonic()
    with stack.sql() as db:  # one transaction
        for n in range(30):
            db.execute("select cellcast.publish(%s, %s::json)", (f"capped/{channel}", json.dumps(n)))
        db.execute("select cellcast.publish(%s, '1')", (f"capped/free:{channel}",))
    await recorder.wait_for(30, seconds=60)
    assert time.monotonic() - began > 1.8
    assert recorder.publications == list(range(30)) and recorder.offsets == list(range(1, 31))
    last, free = stack.rows(f"capped/{channel}")[-1], stack.rows(f"capped/free:{channel}")[0]
    assert free[1] < last[1]  # it was published last and did not wait
    await person.close()


def test_rows_of_a_channel_that_waits_hide_no_other_channel_of_its_tenant(stack, quotas, channel):
    quotas(None, {"publish_rate": 10})
    with stack.sql() as db:  # more than the sequencer holds of a tenant
        db.execute("select cellcast.publish(%s, to_json(n)) from generate_series(1, 700) n", (f"capped/{channel}",))
        db.execute("select cellcast.publish(%s, '1')", (f"capped/free:{channel}",))
    wait_until(lambda: stack.rows(f"capped/free:{channel}"), 30, "the other channel's row is through")
    assert len(stack.rows(f"capped/{channel}")) < 700  # that takes 69 s
    quotas()
    wait_until(lambda: len(stack.rows(f"capped/{channel}")) == 700, 30, "the quota is gone")
    assert [data for _, _, data in stack.rows(f"capped/{channel}")] == [str(n) for n in range(1, 701)]


async def test_deliveries_above_the_budget_come_later_and_all_of_them(stack, quotas, channel):
    await asyncio.to_thread(quotas, {"delivery_rate": 200})
    people = [await Person(stack.ws(1, "capped")).connect() for _ in range(4)]
    recorders = [await person.subscribe(channel) for person in people]
    late = stack.metric("gateway_quota_deliveries_late_total")
    began = time.monotonic()
    with stack.sql() as db:
        db.execute("select cellcast.publish(%s, to_json(n)) from generate_series(1, 200) n", (f"capped/{channel}",))
    for recorder in recorders:
        await recorder.wait_for(200, seconds=60)
        assert recorder.publications == list(range(1, 201))
    assert time.monotonic() - began > 2  # 800 deliveries, 200 of them at once
    await asyncio.to_thread(wait_until, lambda: stack.metric("gateway_quota_deliveries_late_total") > late, 10, "it is counted")
    for person in people:
        await person.close()


async def test_ephemeral_ones_are_dropped_before_durable_ones_wait(stack, quotas, channel):
    await asyncio.to_thread(quotas, {"delivery_rate": 20})
    people = [await Person(stack.ws(1, "capped")).connect() for _ in range(4)]
    typing = [await person.subscribe(f"typing:{channel}") for person in people]
    durable = await people[0].subscribe(channel)
    dropped = stack.metric("gateway_quota_ephemeral_dropped_total")

    def flood():
        for n in range(20):
            stack.api("publish", {"channel": f"capped/typing:{channel}", "data": n})
        stack.api("publish", {"channel": f"capped/{channel}", "data": "kept"})
        wait_until(lambda: stack.metric("gateway_quota_ephemeral_dropped_total") > dropped, 10, "some are dropped")

    began = time.monotonic()
    await asyncio.to_thread(flood)
    await durable.wait_for(1)
    assert durable.publications == ["kept"]
    assert sum(len(r.publications) for r in typing) <= 20 * (time.monotonic() - began + 1) + 8
    for person in people:
        await person.close()


@pytest.mark.parametrize("what", ["channels", "tenants"])
def test_tables_over_all_gateways_have_as_many_columns_as_heads(stack, what):
    heads, *rows = table(stack, what)
    assert rows and {len(row) for row in rows} == {len(heads)}  # a canary's channel is at each gateway


def test_a_quota_of_the_wrong_kind_is_refused_with_its_place(stack, tmp_path):
    wrong = copy.deepcopy(CONFIGURATION)
    wrong["tenants"][0]["options"]["publish_rate"] = "many"
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    done = stack.tool(BUILD / "supervisor/cellcastctl", f"--postgres={stack.pg}", "apply", tmp_path / "wrong.json", check=False)
    assert done.returncode != 0 and "tenants[0].options.publish_rate" in done.stderr + done.stdout
