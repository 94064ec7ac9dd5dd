"""The page that the admin port shows, in Chromium. CELLCAST_PICTURE=FILE.png keeps what it looks like."""

import json
import os
import subprocess

import pytest

from sdk import JS, Person
from stack import wait_until


class Page:
    def __init__(self, url):
        picture = [os.environ["CELLCAST_PICTURE"]] if "CELLCAST_PICTURE" in os.environ else []
        self.process = subprocess.Popen(["node", "dashboard.mjs", url, *picture], cwd=JS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def look(self, top=""):
        self.process.stdin.write(top + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture
def page(stack):
    p = Page(f"http://127.0.0.1:{stack.admin_port}/")
    yield p
    p.close()


async def test_it_shows_what_goes_on(stack, page, channel):
    people = [await Person(stack.ws(gateway)).connect() for gateway in (1, 2, 3)]
    for person in people:
        await person.subscribe(channel)
    wait_until(lambda: page.look()["tiles"].get("connections") == "3", what="it shows the connections")
    for n in range(100):
        stack.publish(channel, n)
    shown = wait_until(lambda: (s := page.look())["tiles"]["deliveries a second"] not in ("0", "–") and s, what="it shows deliveries")
    assert (shown["title"], shown["cell"], shown["ready"], shown["why"]) == ("cell a", "Cell a", "ready", "")
    assert shown["tiles"]["subscriptions"] == "3" and shown["tiles"]["99 % from commit to socket, 30 s"].endswith("s")
    assert list(shown["hops"]) == ["commit", "relay", "Kafka", "worker", "gateway", "the whole way"]
    wait_until(lambda: all(time.endswith("s") for time in page.look()["hops"].values()), what="it shows how long a message takes")
    assert sorted(shown["processes"]) == ["gateway-1", "gateway-2", "gateway-3", "worker-1", "worker-2"]
    assert all(p["state"] == "up" and p["memory"].endswith("MiB") for p in shown["processes"].values())
    assert [shown["processes"][f"gateway-{n}"]["connections"] for n in (1, 2, 3)] == ["1", "1", "1"]
    assert shown["errors"] == []
    for person in people:
        await person.close()


async def test_it_shows_who_costs_most(stack, page, channel):
    people = [await Person(stack.ws(gateway)).connect() for gateway in (1, 2)]
    for person in people:
        await person.subscribe(channel)
    for n in range(50):
        stack.publish(channel, n)
    assert page.look()["top"] == [], "the gateways are asked only while somebody looks"
    row = wait_until(lambda: next((r for r in page.look("channels")["top"] if r["name"] == f"default/{channel}"), None), what="its channel is there")
    assert row["listeners"] == "2" and row["behind"] == "0" and float(row["deliveries/s"]) > 0 and row["bytes/s"] != "0"
    shown = wait_until(lambda: (s := page.look("tenants"))["top"] and "connections" in s["top"][0] and s, what="tenants are there")
    tenant, = (r for r in shown["top"] if r["name"] == "default")
    assert tenant["connections"] == "2" and tenant["of a core"].endswith("%")
    shown = wait_until(lambda: (s := page.look("connections"))["top"] and "channels" in s["top"][0] and s, what="connections are there")
    assert len(shown["top"]) == 2 and shown["answered"] == "" and shown["errors"] == []
    for person in people:
        await person.close()


def test_it_shows_a_process_that_was_killed(stack, page):
    wait_until(lambda: page.look()["processes"], what="it shows the processes")
    before = int(page.look()["processes"]["gateway-2"]["restarts"])
    stack.kill("gateway-2")
    shown = wait_until(lambda: (s := page.look())["processes"]["gateway-2"]["restarts"] == str(before + 1) and s, what="it shows the restart")
    assert "signal 9" in shown["processes"]["gateway-2"]["why"].lower() or "killed" in shown["processes"]["gateway-2"]["why"].lower()
    wait_until(lambda: page.look()["ready"] == "ready", what="it shows that all is well again")
    stack.wait_ready()


def test_it_says_why_the_cell_is_not_ready(stack, page):
    with stack.sql(autocommit=True) as db:
        db.execute("insert into cellcast.namespace (tenant, name) values ('default', 'x')")  # no gateway takes it
        try:
            shown = wait_until(lambda: (s := page.look())["why"] and s, what="it says why")
            assert shown["why"].startswith("config: gateway-1 refuses configuration ") and shown["errors"] == [], shown["why"]
        finally:
            db.execute("delete from cellcast.namespace where tenant = 'default' and name = 'x'")
    wait_until(lambda: page.look()["why"] == "", what="it shows that all is well again")
