"""What webhooks are told from (schema/0028), on a real PostgreSQL: said is not happened, several cells, what goes with a tenant."""

import json
import threading

import pytest

psycopg = pytest.importorskip("psycopg")

from seq_database import CONFIG, conninfo, db, server  # noqa: E402, F401

CLIENT = "cellcast/client:default:c-1"
DETAIL = '{"user":"u","client":"c-1"}'


def configure(db, **options):
    """Tenant default has a webhook with these options."""
    config = json.loads(json.dumps(CONFIG))
    config["tenants"][0]["options"] = {"webhook_url": "http://app", **options}
    db.execute("SELECT cellcast.apply(%s)", [json.dumps(config)])
    return config


def tell(db, cell, **held):
    """held: subject=True or False -> how many events it was"""
    subjects = [name.replace("__", "/") if name != "client" else CLIENT for name in held]
    details = [DETAIL if s == CLIENT else None for s in subjects]
    return db.execute("SELECT cellcast.webhook_tell(%s, %s, %s::smallint[], %s)",
                      [cell, subjects, [int(h) for h in held.values()], details]).fetchone()[0]


def told(db):
    return [(name, json.loads(detail)) for name, detail in db.execute("SELECT name, detail FROM cellcast.webhook_event ORDER BY id")]


def held(db, cell):
    return [r[0] for r in db.execute("SELECT * FROM cellcast.webhook_held_page(%s, '', 100)", [cell])]


def test_what_is_said_again_is_no_event(db):
    configure(db)
    assert tell(db, "a", default__x=True, client=True) == 2
    assert tell(db, "a", default__x=True, client=True) == 0
    assert held(db, "a") == [CLIENT, "default/x"]
    assert tell(db, "a", default__x=False, client=False, default__y=False) == 2
    assert tell(db, "a", default__x=False) == 0
    assert told(db) == [("client_connected", json.loads(DETAIL)), ("channel_occupied", {"channel": "x"}),
                        ("client_disconnected", json.loads(DETAIL)), ("channel_vacated", {"channel": "x"})]
    assert held(db, "a") == []


def test_a_channel_of_two_cells_is_occupied_from_the_first_to_the_last(db):
    configure(db)
    assert [tell(db, "a", default__x=True), tell(db, "b", default__x=True), tell(db, "a", default__x=False)] == [1, 0, 0]
    assert (held(db, "a"), held(db, "b")) == ([], ["default/x"])
    assert tell(db, "b", default__x=False) == 1


def test_two_cells_that_speak_at_once_make_one_event_of_it(db, conninfo):
    configure(db)
    subjects = {f"default__{n}": True for n in range(200)}
    events = []

    def speak(cell, order):
        with psycopg.connect(conninfo, autocommit=True) as c:
            for value in (True, False, True):
                events.append(tell(c, cell, **{s: value for s in order}))

    both = [threading.Thread(target=speak, args=("a", list(subjects))), threading.Thread(target=speak, args=("b", list(subjects)[::-1]))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    names = [name for name, detail in told(db) if detail == {"channel": "7"}]
    assert names == [("channel_occupied", "channel_vacated")[n % 2] for n in range(len(names))] and len(names) % 2 == 1
    assert sum(events) == len(told(db)) and len(held(db, "a")) == len(held(db, "b")) == 100  # a page of each


def test_only_what_the_tenant_wants_to_know_is_kept(db):
    configure(db, webhook_events=["channel_vacated"])
    assert tell(db, "a", default__x=True, client=True, acme__x=True, nobody__x=True) == 0
    assert held(db, "a") == ["default/x"]
    assert tell(db, "a", default__x=False) == 1 and told(db) == [("channel_vacated", {"channel": "x"})]


def test_what_a_tenant_no_longer_wants_goes(db):
    configure(db)
    tell(db, "a", default__x=True, client=True, **{"default__~x": True})
    configure(db, webhook_events=["client_connected"])
    assert held(db, "a") == [CLIENT]
    db.execute("SELECT cellcast.apply(%s)", [json.dumps(CONFIG)])
    assert held(db, "a") == [] and told(db) == []


def test_a_cell_that_is_taken_out_has_nobody(db):
    config = configure(db)
    tell(db, "a", default__x=True)
    tell(db, "b", default__x=True, default__y=True)
    config["cells"], config["tenants"] = config["cells"][:1], config["tenants"][:1]
    config["api_keys"] = config["api_keys"][1:]
    db.execute("SELECT cellcast.apply(%s)", [json.dumps(config)])
    assert held(db, "a") == ["default/x"] and told(db)[-1] == ("channel_vacated", {"channel": "y"}) and len(told(db)) == 3


@pytest.mark.parametrize("options, left", [({"webhook_rows_max": 3}, 3), ({"webhook_age_max": "1h"}, 4), ({"webhook_age_max": 3600000}, 4),
                                           ({"webhook_age_max": "999999999d"}, 10), ({}, 10)])
def test_of_what_waits_so_much_is_kept_and_the_rest_is_counted(db, options, left):
    configure(db, **options)
    tell(db, "a", **{f"default__{n}": True for n in range(10)})
    db.execute("UPDATE cellcast.webhook_event SET at = at - interval '2 hours' WHERE id <= (SELECT min(id) + 5 FROM cellcast.webhook_event)")
    assert db.execute("SELECT cellcast.webhook_failed('default', 'status 500')").fetchone()[0] == 10 - left
    ids, dropped = zip(*db.execute("SELECT id, dropped FROM cellcast.webhook_read('default', 100)").fetchall())
    assert len(ids) == left and set(dropped) == {10 - left}
    assert db.execute("SELECT cellcast.webhook_taken('default', %s, %s)", [list(ids), 10 - left]).fetchone()[0] == left
    assert db.execute("SELECT cellcast.webhook_status()->0->>'dropped'").fetchone()[0] == "0"


def test_one_sends_until_its_time_is_over(db):
    lease = lambda holder, ms: db.execute("SELECT cellcast.webhook_lease(%s, %s)", [holder, ms]).fetchone()[0]
    assert lease(1, 60000) and lease(1, 60000) and not lease(2, 60000)
    db.execute("SELECT cellcast.webhook_release(2)")
    assert not lease(2, 60000)
    db.execute("SELECT cellcast.webhook_release(1)")
    assert lease(2, 0) and lease(1, 60000)
