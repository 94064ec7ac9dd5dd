"""The schema by itself, on a real PostgreSQL: migrations, cellcast.publish(), configuration, the commit function's
conditions, takeover, partitions. See seq_database.py for where it looks."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

psycopg = pytest.importorskip("psycopg")

from seq_database import CONFIG, conninfo, db, migrate, server  # noqa: E402, F401

MS_2024 = 1704067200000


def one(db, sql, *args):
    return db.execute(sql, args).fetchone()[0]


def until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def sqlstate(db, sql, *args):
    """-> SQLSTATE of what the statement was refused with, or None."""
    try:
        with db.transaction():
            db.execute(sql, args)
    except psycopg.Error as e:
        return e.sqlstate
    return None


# ---- migrations


@pytest.mark.parametrize("before", ["SELECT 1", "CREATE SCHEMA cellcast"], ids=["empty", "schema-is-there"])
def test_migrating_an_empty_database_many_times_at_once_does_it_once(server, before):
    name = server.make()
    try:
        conninfo = server.of(name)
        with psycopg.connect(conninfo) as c:
            c.execute(before)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(migrate, [conninfo] * 4))
        assert [a.returncode for a in answers] == [0] * 4, [a.stderr for a in answers]
        again = migrate(conninfo)
        assert again.returncode == 0 and "nothing to do" in again.stdout
        with psycopg.connect(conninfo) as c:
            numbers = [r[0] for r in c.execute("SELECT number FROM cellcast.migration ORDER BY number")]
            assert numbers[0] == 1 and numbers == sorted(set(numbers))
            assert one(c, "SELECT count(*) FROM cellcast.shard") == 64
    finally:
        server.drop(name)


@pytest.fixture
def nobody(server):
    """nobody(conninfo) -> connections of a role that was granted nothing: it has CONNECT, as everybody has."""
    role = "nobody_" + uuid.uuid4().hex[:12]
    server.admin.execute(f"CREATE ROLE {role} LOGIN")
    opened = []

    def connect(conninfo):
        opened.append(psycopg.connect(psycopg.conninfo.make_conninfo(conninfo, user=role), autocommit=True))
        return opened[-1]

    yield connect
    for c in opened:
        c.close()
    server.admin.execute(f"DROP ROLE {role}")


OLD_LOCKS = "SELECT pg_advisory_lock(7161110097), pg_advisory_lock(hashtext('cellcast.add_partition'))"


def test_a_role_without_rights_holds_up_no_migration(server, nobody):
    name = server.make_configured()
    try:
        with psycopg.connect(server.of(name)) as c:
            c.execute("DELETE FROM cellcast.migration WHERE number >= 37")
        nobody(server.of(name)).execute(OLD_LOCKS)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(migrate, server.of(name)).result(30)
        assert answer.returncode == 0 and "migration 37 to" in answer.stdout
    finally:
        server.drop(name)


def test_a_new_database_is_not_waited_for_for_ever(server, nobody):
    """The first migrations are as they were released: in them a partition wants the advisory lock."""
    name = server.make()
    try:
        nobody(server.of(name)).execute(OLD_LOCKS)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(migrate, server.of(name)).result(30)
        assert answer.returncode == 1 and "lock timeout" in answer.stderr
    finally:
        server.drop(name)


def test_a_server_without_logical_wal_is_refused_with_what_would_be_right():
    initdb = shutil.which("initdb") or next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
    if not initdb or os.getuid() != 0:
        pytest.skip("needs initdb and root, to start a server of its own")
    binaries = Path(initdb).parent
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)

        def as_postgres(command):
            return subprocess.run(["su", "postgres", "-c", command], check=True, capture_output=True, cwd="/")

        as_postgres(f"{binaries}/initdb -D {directory}/data -A trust --no-sync")
        options = f"-c wal_level=replica -c listen_addresses= -c unix_socket_directories={directory} -c shared_buffers=8MB"
        as_postgres(f'{binaries}/pg_ctl -D {directory}/data -w -l {directory}/log -o "{options}" start')
        try:
            answer = migrate(f"host={directory} user=postgres dbname=postgres")
        finally:
            as_postgres(f"{binaries}/pg_ctl -D {directory}/data -m immediate stop")
    assert answer.returncode == 1
    assert "wal_level is replica, but must be logical" in answer.stderr


@pytest.mark.parametrize("encoding", ["LATIN1", "LATIN2", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused_with_what_would_be_right(server, encoding):
    name = "cellcast_test_" + encoding.lower()
    server.admin.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        answer = migrate(server.of(name))
        assert answer.returncode == 1
        assert f"the encoding of this database is {encoding}, but must be UTF8" in answer.stderr and "CREATE DATABASE ..." in answer.stderr
    finally:
        server.drop(name)


NAMES = {"$chat:x": "SELECT cellcast.publish('$chat:x', '1')", "of an object": "SELECT cellcast.publish('$objects:x', '{}')",
         "with tags": "SELECT cellcast.publish('$chat:x', '1', '{\"a\":\"b\"}')",
         "an answer": "SELECT cellcast.publish('$chat:x', '1', NULL, ARRAY['chat:y@12'])"}


@pytest.mark.parametrize("migrated_before", [False, True], ids=["new", "migrated-before"])
def test_where_backslashes_in_quotes_are_escapes_names_are_read_all_the_same(server, migrated_before):
    """standard_conforming_strings, off: for who migrates, and for who publishes."""
    name = server.make()
    try:
        server.admin.execute(f"ALTER DATABASE {name} SET standard_conforming_strings = off")
        assert migrate(server.of(name)).returncode == 0
        with psycopg.connect(server.of(name), autocommit=True) as c:
            if migrated_before:  # by the releases before, which lost them in what is parsed at once
                body = one(c, "SELECT pg_get_functiondef('cellcast.plain_row(text, json, text)'::regprocedure)")
                assert "'^[$]?(" in body
                c.execute(body.replace("'^[$]?(", "'^$?("))
                c.execute("DELETE FROM cellcast.migration WHERE number = 38")
                assert migrate(server.of(name)).returncode == 0
            c.execute("SELECT cellcast.apply(%s)", [json.dumps(CONFIG)])
            c.execute("INSERT INTO cellcast.channel_head VALUES ('default/chat:y', 'default', 1, 1, 12, 11, 77)")
            for sql in NAMES.values():
                c.execute(sql)
            assert "'^[$]?(" in one(c, "SELECT pg_get_functiondef('cellcast.plain_row(text, json, text)'::regprocedure)")
            assert one(c, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'cellcast'::regnamespace "
                          "AND strpos(prosrc, chr(92) || '$') + strpos(prosrc, chr(92) || 'd') > 0") == 0
            c.execute("SELECT cellcast.add_partition(1)")
            c.execute("UPDATE cellcast.shard SET last_id = cellcast.id_floor(clock_timestamp())")
            assert c.execute("SELECT dropped, held FROM cellcast.drop_partitions('7 days')").fetchone() == (1, 0)
    finally:
        server.drop(name)


# ---- cellcast.publish


@pytest.mark.parametrize(
    "channel, full",
    [
        ("news", "default/news"),
        ("default/news", "default/news"),
        ("acme/news", "acme/news"),
        ("nobody/news", "default/nobody/news"),
        ("chat:room/5", "default/chat:room/5"),
        ("$chat:x", "default/$chat:x"),
        ("/news", "default//news"),
        ("x" * 255, "default/" + "x" * 255),
    ],
)
def test_publish_stores_the_full_name_and_its_shard(db, channel, full):
    db.execute("SELECT cellcast.publish(%s, '1')", [channel])
    row = db.execute("SELECT channel, tenant, shard FROM cellcast.outbox").fetchone()
    assert row == (full, full.split("/")[0], hashlib.md5(full.encode()).digest()[0] & 63)


def test_publish_carries_json_byte_for_byte(db):
    data = '{ "big":123456789012345678901234567890, "one": 1.0,\n "b":2,"a":1, "e":"\\u00e9\\/", "a":3 }'
    tags = '{"z":"1", "a":"2"}'
    db.execute("SELECT cellcast.publish('news', %s, %s, NULL, 'key')", [data, tags])
    row = db.execute("SELECT data, tags, key, format FROM cellcast.outbox").fetchone()
    assert row == (data.encode(), tags, "key", 0)


@pytest.mark.parametrize("types", ["%s, %s, %s", "%s, %s::json, %s", "%s, %s, %s::json", "%s::varchar, %s::varchar, %s::text", "channel => %s, data => %s, tags => %s"])
def test_json_and_text_are_carried_byte_for_byte_in_whatever_type_they_come(db, types):
    data, tags = '{ "b":1.0, "a" : [ ] }', '{"z":"1",  "a":"2"}'
    db.execute("SET LOCAL ROLE cellcast_publisher")
    db.execute(f"SELECT cellcast.publish({types})", ["news", data, tags])
    db.execute("RESET ROLE")
    assert db.execute("SELECT data, tags FROM cellcast.outbox").fetchone() == (data.encode(), tags)


@pytest.mark.parametrize("types", ["'news', jsonb_build_object('a', 1)", "'news', '{\"a\": 1}'::jsonb, tags => '{\"t\":\"1\"}'", "'news', '{\"a\": 1}', jsonb_build_object('t', '1')",
                                   "'news', '{\"a\": 1}', tags => json_build_object('t', '1'), idempotency_key => 'k'", "'news', (SELECT to_jsonb(r) FROM (SELECT 1 AS a) r)"])
def test_an_application_publishes_what_it_builds(db, types):
    db.execute("SET LOCAL ROLE cellcast_publisher")
    db.execute(f"SELECT cellcast.publish({types})")
    db.execute("RESET ROLE")
    assert json.loads(db.execute("SELECT data FROM cellcast.outbox").fetchone()[0]) == {"a": 1}


@pytest.mark.parametrize("channel", ["news", "acme/news", "chat:room/5", "$chat:x", "x" * 255])
def test_a_publication_without_tags_is_stored_like_one_with(db, channel):
    """One statement writes the first, and only the second takes every check by itself."""
    data = '{ "one": 1.0,\n "e":"\\u00e9\\/é" }'
    db.execute("SELECT cellcast.publish(%s, %s, NULL, NULL, 'key')", [channel, data])
    db.execute("SELECT cellcast.publish(%s, %s, '{}', NULL, 'key')", [channel, data])
    plain, tagged = db.execute("SELECT shard, tenant, channel, format, data, key, size - coalesce(length(tags), 0), after "
                               "FROM cellcast.outbox ORDER BY id").fetchall()
    assert plain == tagged and plain[4] == data.encode()


# What publish() would look up in the caller's path if it named it without a schema; each raises.
PLANTED = """
CREATE SCHEMA planted;
GRANT USAGE ON SCHEMA planted TO PUBLIC;
CREATE FUNCTION planted.raise(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE FUNCTION planted.raise(text, text) RETURNS text LANGUAGE sql AS $$ SELECT planted.raise($1) $$;
CREATE FUNCTION planted.same(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT planted.raise($1) IS NULL $$;
CREATE FUNCTION planted.same(bigint, bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT planted.raise('') IS NULL $$;
CREATE FUNCTION planted.same(integer, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT planted.raise('') IS NULL $$;
CREATE FUNCTION planted.length(text) RETURNS integer LANGUAGE sql AS $$ SELECT planted.raise($1)::integer $$;
CREATE FUNCTION planted.octet_length(text) RETURNS integer LANGUAGE sql AS $$ SELECT planted.raise($1)::integer $$;
CREATE FUNCTION planted.substr(text, integer) RETURNS text LANGUAGE sql AS $$ SELECT planted.raise($1) $$;
CREATE FUNCTION planted.split_part(text, text, integer) RETURNS text LANGUAGE sql AS $$ SELECT planted.raise($1) $$;
CREATE FUNCTION planted.md5(text) RETURNS text LANGUAGE sql AS $$ SELECT planted.raise($1) $$;
CREATE FUNCTION planted.convert_to(text, name) RETURNS bytea LANGUAGE sql AS $$ SELECT planted.raise($1)::bytea $$;
CREATE OPERATOR planted.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.raise);
CREATE OPERATOR planted.= (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.same);
CREATE OPERATOR planted.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = planted.same);
CREATE OPERATOR planted.> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = planted.same);
CREATE OPERATOR planted.<= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = planted.same);
CREATE OPERATOR planted.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.same);
CREATE DOMAIN planted.text AS integer;
"""


@pytest.mark.parametrize("more", ["", ", '{\"a\":\"b\"}'", ", NULL, ARRAY['chat:x@1']"])
def test_names_that_the_callers_path_holds_are_not_used(db, more):
    """It runs with the rights of the schema's owner."""
    db.execute("INSERT INTO cellcast.channel_head VALUES ('default/chat:x', 'default', 0, 1, 5, 0, 9)")
    db.execute(PLANTED)
    with db.transaction(force_rollback=True):
        db.execute("SET LOCAL search_path = planted, pg_catalog")
        db.execute("SET LOCAL ROLE cellcast_publisher")
        for channel in ("news", "acme/news", "chat:x"):
            if not channel.startswith("acme") or "ARRAY" not in more:
                db.execute(f"SELECT cellcast.publish('{channel}', '1'{more})")


def test_a_publish_that_is_rolled_back_leaves_nothing(db):
    with db.transaction(force_rollback=True):
        db.execute("SELECT cellcast.publish('news', '1')")
    assert one(db, "SELECT count(*) FROM cellcast.outbox") == 0


BIG = "x" * 65536
DEEP_OBJECT = '{"a":[{}, ' * 64 + "[]" + "]}" * 64
WRONG = {
    "a space in the name": ("ZC107", "SELECT cellcast.publish('a b', '1')"),
    "an empty name": ("ZC107", "SELECT cellcast.publish('acme/', '1')"),
    "a long name": ("ZC107", f"SELECT cellcast.publish('{'x' * 256}', '1')"),
    "no channel": ("ZC107", "SELECT cellcast.publish(NULL, '1')"),
    "no data": ("ZC107", "SELECT cellcast.publish('news', NULL)"),
    "no JSON": ("22P02", "SELECT cellcast.publish('news', '{')"),
    "too much data": ("ZC107", f"SELECT cellcast.publish('news', '\"{BIG}\"')"),
    "data that is nested too deep": ("ZC107", f"SELECT cellcast.publish('news', '{'[' * 129 + ']' * 129}')"),
    "objects nested too deep, with a tag": ("ZC107", f"SELECT cellcast.publish('news', '{DEEP_OBJECT}', '{{\"a\":\"b\"}}')"),
    "an ephemeral namespace": ("ZC108", "SELECT cellcast.publish('typing:a', '1')"),
    "a namespace that is not there": ("ZC102", "SELECT cellcast.publish('nope:news', '1')"),
    "another tenant's namespace": ("ZC102", "SELECT cellcast.publish('acme/chat:news', '1')"),
    "the reserved tenant": ("ZC103", "SELECT cellcast.publish('cellcast/canary-a-1', '1')"),
    "data that is no object": ("ZC107", "SELECT cellcast.publish('objects:x', '[1]')"),
    "data that is no object, with a tag": ("ZC107", "SELECT cellcast.publish('objects:x', '1', '{\"a\":\"b\"}')"),
    "tags that are no object": ("ZC107", "SELECT cellcast.publish('news', '1', '[1]')"),
    "a tag that is no string": ("ZC107", "SELECT cellcast.publish('news', '1', '{\"a\":1}')"),
    "tag id": ("ZC107", "SELECT cellcast.publish('news', '1', '{\"id\":\"1\"}')"),
    "tag after": ("ZC107", "SELECT cellcast.publish('news', '1', '{\"after\":\"1\"}')"),
    "nine references": ("ZC107", "SELECT cellcast.publish('news', '1', NULL, array_fill('news@1'::text, array[9]))"),
    "a reference without seq": ("ZC107", "SELECT cellcast.publish('news', '1', NULL, array['news'])"),
    "seq 0": ("ZC107", "SELECT cellcast.publish('news', '1', NULL, array['news@0'])"),
    "a seq out of range": ("ZC107", "SELECT cellcast.publish('news', '1', NULL, array['news@9999999999999999999'])"),
    "another tenant's publication": ("ZC107", "SELECT cellcast.publish('news', '1', NULL, array['acme/news@1'])"),
    "a publication that is not there": ("ZC107", "SELECT cellcast.publish('news', '1', NULL, array['news@1'])"),
    "an empty key": ("ZC107", "SELECT cellcast.publish('news', '1', NULL, NULL, '')"),
    "a long key": ("ZC107", f"SELECT cellcast.publish('news', '1', NULL, NULL, '{'x' * 256}')"),
}


@pytest.mark.parametrize("what", WRONG)
def test_publish_refuses(db, what):
    state, sql = WRONG[what]
    assert sqlstate(db, sql) == state
    assert one(db, "SELECT count(*) FROM cellcast.outbox") == 0


@pytest.mark.parametrize("data", [
    "[" * 128 + "]" * 128,
    '{"[{": "]}\\\\", "\\"[": ' * 64 + '["[\\"{", {}]' + "}" * 64,
    "[" + "[{}], " * 200 + '"' + "[" * 200 + '"]',
])
def test_as_deep_as_the_sequencer_takes_it_and_brackets_in_strings_are_none(db, data):
    db.execute("SELECT cellcast.publish('news', %s)", [data])
    db.execute("SELECT cellcast.publish('news', %s, '{\"a\":\"b\"}')", [data])
    assert one(db, "SELECT count(*) FROM cellcast.outbox") == 2


def test_a_namespace_of_objects_takes_objects(db):
    db.execute("SELECT cellcast.publish('objects:x', '{\"a\":1}')")
    db.execute("SELECT cellcast.publish('objects:x', '{}', '{\"a\":\"b\"}')")
    assert one(db, "SELECT count(*) FROM cellcast.outbox") == 2


def test_a_refusal_says_what_would_be_right(db):
    with pytest.raises(psycopg.Error) as e:
        db.execute("SELECT cellcast.publish('nope:news', '1')")
    assert "tenant default has no namespace 'nope'" in str(e.value)
    assert "cellcastctl apply" in e.value.diag.message_hint


def test_answers_are_stored_in_full_form(db):
    db.execute("INSERT INTO cellcast.channel_head VALUES ('default/news', 'default', 1, 1, 5, 4, 77)")
    db.execute("SELECT cellcast.publish('chat:x', '1', NULL, array['news@5', 'default/news@1'])")
    assert one(db, "SELECT after FROM cellcast.outbox") == "default/news@5 default/news@1"


def test_under_an_old_snapshot_the_sequencer_alone_judges_answers(db):
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        db.execute("SELECT cellcast.publish('news', '1', NULL, array['news@9'])")
    assert one(db, "SELECT after FROM cellcast.outbox") == "default/news@9"


def test_the_publisher_role_may_publish_and_nothing_else(db):
    with db.transaction(force_rollback=True):
        db.execute("SET LOCAL ROLE cellcast_publisher")
        db.execute("SELECT cellcast.publish('news', '1')")
        assert sqlstate(db, "SELECT * FROM cellcast.outbox") == "42501"
        assert sqlstate(db, "SELECT cellcast.epoch_bump()") == "42501"
        assert sqlstate(db, "SELECT cellcast.apply('{}')") == "42501"


def test_a_role_that_may_ask_for_the_configuration_needs_no_right_to_its_tables(db):
    with db.transaction(force_rollback=True):
        db.execute("CREATE ROLE asker NOLOGIN")
        db.execute("GRANT USAGE ON SCHEMA cellcast TO asker")
        db.execute("GRANT EXECUTE ON FUNCTION cellcast.config(), cellcast.weights(), cellcast.cell_confirms(text, bigint), "
                   "cellcast.cell_starts(text) TO asker")
        db.execute("SET LOCAL ROLE asker")
        assert one(db, "SELECT cellcast.config()")["lanes"] == []
        assert db.execute("SELECT * FROM cellcast.weights()").fetchall() == []
        db.execute("SELECT cellcast.cell_confirms('a', 1)")
        db.execute("SELECT cellcast.cell_starts('a')")
        assert not any(cell["name"] == "a" and "new" in cell for cell in one(db, "SELECT cellcast.config()")["cells"])
        assert sqlstate(db, "SELECT * FROM cellcast.tenant") == "42501"


def test_a_role_that_is_missing_is_told_with_what_an_administrator_can_do_and_granted_at_the_next_migration(server, conninfo):
    """As after a migration by a role that may not make it, or a dump that came to another server."""
    login = psycopg.conninfo.make_conninfo(conninfo, user="plain_owner")
    server.admin.execute("CREATE ROLE plain_owner LOGIN")
    server.admin.execute(f"GRANT {server.admin.info.user} TO plain_owner")
    server.admin.execute("ALTER ROLE cellcast_webhooks RENAME TO cellcast_webhooks_aside")
    try:
        answer = migrate(login)
        assert answer.returncode == 0 and "nothing to do" in answer.stdout
        assert answer.stderr == ("role cellcast_webhooks is missing, and plain_owner may not make it: let an administrator say "
                                 "CREATE ROLE cellcast_webhooks NOLOGIN; then --migrate again\n")
        server.admin.execute("CREATE ROLE cellcast_webhooks NOLOGIN")
        assert migrate(login).stderr == ""
        with psycopg.connect(conninfo) as c:
            c.execute("SET ROLE cellcast_webhooks")
            assert c.execute("SELECT * FROM cellcast.webhook_waiting()").fetchall() == []
    finally:
        with psycopg.connect(conninfo, autocommit=True) as c:
            if one(c, "SELECT count(*) FROM pg_roles WHERE rolname = 'cellcast_webhooks'"):
                c.execute("DROP OWNED BY cellcast_webhooks")
                c.execute("DROP ROLE cellcast_webhooks")
        server.admin.execute("ALTER ROLE cellcast_webhooks_aside RENAME TO cellcast_webhooks")
        server.admin.execute(f"REVOKE {server.admin.info.user} FROM plain_owner")
        server.admin.execute("DROP ROLE plain_owner")


def test_roles_that_were_granted_singly_go_on(db):
    """What the READMEs of relay and supervisor named before there were group roles."""
    with db.transaction(force_rollback=True):
        db.execute("CREATE ROLE single NOLOGIN")
        db.execute("GRANT USAGE ON SCHEMA cellcast TO single")
        db.execute("GRANT EXECUTE ON FUNCTION cellcast.config_version() TO single")
        db.execute("SET LOCAL ROLE single")
        assert one(db, "SELECT cellcast.config_version()") > 0
        assert sqlstate(db, "SELECT * FROM cellcast.config_state") == "42501"


# ---- configuration


def test_applying_the_same_again_changes_nothing(db):
    before = one(db, "SELECT cellcast.config()")
    version = one(db, "SELECT cellcast.apply(%s)", json.dumps(CONFIG))
    assert version == before["version"] == one(db, "SELECT cellcast.config_version()")
    assert one(db, "SELECT cellcast.config()") == before


def test_apply_replaces_the_whole_configuration_in_one_step(db):
    before = one(db, "SELECT cellcast.config_version()")
    new = {
        "cells": [{"name": "a"}],
        "tenants": [{"name": "default", "cells": ["a"], "namespaces": [{"name": "", "options": {"presence": True}}]}],
    }
    version = one(db, "SELECT cellcast.apply(%s)", json.dumps(new))
    assert version == before + 1
    assert one(db, "SELECT cellcast.config()") == {
        "version": version,
        "lanes": [],
        "cells": [{"name": "a", "topic": "cellcast.a", "partitions": 4, "new": True}],
        "tenants": [
            {"name": "cellcast", "cells": ["a"], "joining": [], "leaving": [], "options": {}},
            {"name": "default", "cells": ["a"], "joining": [], "leaving": [], "options": {}},
        ],
        "namespaces": [
            {"tenant": "cellcast", "name": "", "options": {}},
            {"tenant": "default", "name": "", "options": {"presence": True}},
        ],
        "api_keys": [],
    }


def test_a_cell_that_does_not_say_how_many_partitions_keeps_what_it_has(db):
    """Cells that were made when the default was 16, too."""
    db.execute("UPDATE cellcast.cell SET partitions = 16 WHERE name = 'a'")
    db.execute("SELECT cellcast.apply(%s)", [json.dumps(CONFIG)])
    assert one(db, "SELECT partitions FROM cellcast.cell WHERE name = 'a'") == 16


def test_a_cell_whose_topic_is_not_said_keeps_what_it_has(db):
    topic = "SELECT topic FROM cellcast.cell WHERE name = 'a'"
    assert one(db, topic) == "cellcast.a"
    db.execute("SELECT cellcast.apply(%s)", [json.dumps({**CONFIG, "cells": [{"name": "a", "topic": "prod.a"}, {"name": "b"}]})])
    assert one(db, topic) == "prod.a"
    version = one(db, "SELECT cellcast.apply(%s)", json.dumps({**CONFIG, "cells": [{"name": "a"}, {"name": "b"}]}))
    assert one(db, topic) == "prod.a"
    assert one(db, "SELECT cellcast.apply(%s)", json.dumps({**CONFIG, "cells": [{"name": "a", "topic": "cellcast.a"}, {"name": "b"}]})) == version + 1
    assert one(db, topic) == "cellcast.a"


def test_the_reserved_tenant_is_hosted_by_every_cell(db):
    tenants = {t["name"]: t["cells"] for t in one(db, "SELECT cellcast.config()")["tenants"]}
    assert tenants == {"cellcast": ["a", "b"], "default": ["a"], "acme": ["b"]}


def where(db, tenant="acme"):
    return dict(db.execute("SELECT cell, state FROM cellcast.tenant_cell WHERE tenant = %s", [tenant]).fetchall())


def move(db, *cells, tenant="acme"):
    return one(db, "SELECT cellcast.tenant_move(%s, %s)", tenant, list(cells))


def test_a_tenant_moves_when_the_new_cell_has_proved_itself_and_not_by_an_older_proof(db):
    db.execute("SELECT cellcast.cell_confirms('a', %s)", [one(db, "SELECT cellcast.config_version()")])
    version = move(db, "a")
    assert where(db) == {"a": "joining", "b": "live"}
    db.execute("SELECT cellcast.cell_confirms('b', %s)", [version])
    db.execute("SELECT cellcast.cell_confirms('a', %s)", [version - 1])
    assert where(db) == {"a": "joining", "b": "live"}
    assert one(db, "SELECT cellcast.tenant_map()").splitlines() == ["acme b", "default a"]
    db.execute("SELECT cellcast.cell_confirms('a', %s)", [version])
    assert where(db) == {"a": "live", "b": "leaving"}
    assert one(db, "SELECT cellcast.tenant_map()").splitlines() == ["acme a", "default a"]
    assert one(db, "SELECT cellcast.config_version()") == version + 1
    db.execute("SELECT cellcast.cell_left('a', 'acme')")  # of one that is live it means nothing
    db.execute("SELECT cellcast.cell_left('b', 'acme')")
    assert where(db) == {"a": "live"}
    assert one(db, "SELECT cellcast.tenant_where('acme')")["moving_to"] is None


def test_a_cell_is_new_until_its_supervisor_has_said_that_it_runs(db):
    version = one(db, "SELECT cellcast.cell_add('fresh')")
    def new():
        return {cell["name"]: cell.get("new", False) for cell in one(db, "SELECT cellcast.config()")["cells"]}["fresh"]
    assert new()
    db.execute("SELECT cellcast.cell_starts('nobody')")
    db.execute("SELECT cellcast.cell_starts('fresh')")
    assert not new()
    assert one(db, "SELECT cellcast.config_version()") == version + 1
    db.execute("SELECT cellcast.cell_starts('fresh')")
    assert one(db, "SELECT cellcast.config_version()") == version + 1


def test_a_move_that_is_taken_back_leaves_everything_as_it_was(db):
    version = move(db, "a")
    assert sqlstate(db, "SELECT cellcast.tenant_move('acme', '{a}')") == "ZC107"  # it is moving
    assert one(db, "SELECT cellcast.tenant_move_cancel('acme')")
    assert where(db) == {"b": "live"}
    db.execute("SELECT cellcast.cell_confirms('a', %s)", [version])  # too late
    assert where(db) == {"b": "live"} and not one(db, "SELECT cellcast.tenant_move_cancel('acme')")


def test_a_tenant_moves_back_before_it_has_left(db):
    db.execute("SELECT cellcast.cell_confirms('a', %s)", [move(db, "a")])
    assert where(db) == {"a": "live", "b": "leaving"}
    version = move(db, "b")
    assert where(db) == {"a": "live", "b": "joining"}
    assert one(db, "SELECT cellcast.tenant_move_cancel('acme')")
    assert where(db) == {"a": "live", "b": "leaving"}
    db.execute("SELECT cellcast.cell_confirms('b', %s)", [move(db, "b")])
    assert where(db) == {"a": "leaving", "b": "live"} and version


def test_a_tenant_gets_a_second_cell_and_gives_it_up(db):
    db.execute("SELECT cellcast.cell_confirms('a', %s)", [move(db, "a", "b")])
    assert where(db) == {"a": "live", "b": "live"}
    assert one(db, "SELECT cellcast.tenant_map()").splitlines() == ["acme a b", "default a"]
    move(db, "a")  # nobody has to join
    assert where(db) == {"a": "live", "b": "leaving"}


def test_other_cells_in_an_applied_file_are_a_move(db):
    other = json.loads(json.dumps(CONFIG))
    next(t for t in other["tenants"] if t["name"] == "acme")["cells"] = ["a"]
    version = one(db, "SELECT cellcast.apply(%s)", json.dumps(other))
    assert where(db) == {"a": "joining", "b": "live"}
    assert one(db, "SELECT cellcast.apply(%s)", json.dumps(other)) == version  # it is on its way
    one(db, "SELECT cellcast.apply(%s)", json.dumps(CONFIG))
    assert where(db) == {"b": "live"}


def test_what_cannot_move_is_refused(db):
    for tenant, cells in (("nobody", ["a"]), ("cellcast", ["a"]), ("acme", ["c"]), ("acme", [])):
        assert sqlstate(db, "SELECT cellcast.tenant_move(%s, %s)", tenant, cells) == "ZC107"
    assert where(db) == {"b": "live"}


@pytest.mark.parametrize(
    "change",
    [
        {"cells": [{"name": "a", "partitions": 3}]},
        {"cells": []},
        {"cells": [{"name": "A b"}]},
        {"tenants": [{"name": "cellcast", "cells": []}]},
        {"tenants": [{"name": "default", "cells": ["c"]}]},
        {"tenants": [{"name": "default", "cells": ["a"], "namespaces": [{"name": "a:b"}]}]},
        {"tenants": [{"name": "default", "cells": ["a"], "namespaces": [{"name": "", "options": []}]}]},
        {"tenants": []},
        {"api_keys": [{"sha256": "plain", "tenant": None}]},
        {"apikeys": []},
    ],
)
def test_a_wrong_configuration_changes_nothing(db, change):
    before = one(db, "SELECT cellcast.config()")
    assert sqlstate(db, "SELECT cellcast.apply(%s)", json.dumps(CONFIG | change)) is not None
    assert one(db, "SELECT cellcast.config()") == before


def test_a_change_by_hand_raises_the_version_too(db):
    before = one(db, "SELECT cellcast.config_version()")
    db.execute("UPDATE cellcast.tenant SET options = '{\"channel_limit\": 9}' WHERE name = 'default'")
    assert one(db, "SELECT cellcast.config_version()") == before + 1


# ---- leadership


TAKE = "SELECT * FROM cellcast.take_over(%s::smallint[], %s, %s::bigint[], %s)"


def take(db, shards=range(64), holder=1, force=True, synchronous=False, spared=()):
    """force: whoever is not spared by name is ended; otherwise everybody is spared."""
    columns = ("shard", "epoch", "term", "batch", "last_id", "undisturbed", "identity", "clock_ms")
    rows = db.execute(TAKE, [list(shards), holder, list(spared) if force else None, synchronous]).fetchall()
    return {row[0]: dict(zip(columns, row)) for row in rows}


def test_the_first_takeover_gets_every_shard(db):
    taken = take(db)
    assert sorted(taken) == list(range(64))
    assert {r["term"] for r in taken.values()} == {1}
    assert {r["epoch"] for r in taken.values()} == {one(db, "SELECT epoch FROM cellcast.log")}
    assert one(db, "SELECT count(DISTINCT pid) FROM cellcast.shard WHERE pid = pg_backend_pid()") == 1


def test_a_leader_that_lives_is_left_alone_unless_it_is_forced(db, conninfo):
    with psycopg.connect(conninfo, autocommit=True) as other:
        take(other, holder=1)
        assert take(db, holder=2, force=False) == {}
        assert len(take(db, holder=2, force=True)) == 64
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")


def test_whoever_was_heard_is_spared_and_the_others_are_not(db, conninfo):
    with psycopg.connect(conninfo, autocommit=True) as heard, psycopg.connect(conninfo, autocommit=True) as silent:
        take(heard, range(0, 10), holder=1)
        take(silent, range(10, 64), holder=2, spared=[1])
        assert sorted(take(db, holder=3, spared=[1, 5])) == list(range(10, 64))
        assert heard.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError):
            silent.execute("SELECT 1")


def test_one_who_is_spared_is_not_spared_when_its_backend_is_gone(db, conninfo):
    with psycopg.connect(conninfo, autocommit=True) as other:
        take(other, holder=1)
    until(lambda: len(take(db, holder=2, spared=[1])) == 64)


def test_of_two_standbys_that_come_at_once_one_gets_the_shards(db, conninfo):
    """Each spares the other; the second one waits for the first one's rows, and finds them taken."""
    with psycopg.connect(conninfo, autocommit=True) as dead, psycopg.connect(conninfo) as first:
        take(dead, holder=1)
        assert len(take(first, holder=2, spared=[3])) == 64
        with ThreadPoolExecutor() as pool, psycopg.connect(conninfo, autocommit=True) as watch:
            second = pool.submit(take, db, holder=3, spared=[2])
            until(lambda: one(watch, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s",
                              db.info.backend_pid))  # fmt: skip
            first.commit()
            assert second.result(10) == {}
        assert one(db, "SELECT count(*) FROM cellcast.shard WHERE holder = 2") == 64


def test_shards_that_are_handed_over_are_the_others_alone(db, conninfo):
    with psycopg.connect(conninfo, autocommit=True) as to, psycopg.connect(conninfo, autocommit=True) as third:
        before = take(db, holder=1)
        given = one(db, "SELECT cellcast.hand_over(%s::smallint[], 1, 2, %s)", list(range(8)), to.info.backend_pid)
        assert given == list(range(8))
        assert take(third, holder=3, force=False) == {}
        assert sorted(take(db, holder=1, force=False)) == list(range(8, 64))
        taken = take(to, range(8), holder=2, force=False)
        assert sorted(taken) == list(range(8))
        assert all(taken[n]["term"] > before[n]["term"] for n in taken)
        assert one(db, "SELECT cellcast.hand_over(%s::smallint[], 1, 2, %s)", list(range(8)), to.info.backend_pid) == []
        assert one(db, "SELECT cellcast.hand_over('{9}'::smallint[], 1, 2, 1)") == []


def test_what_a_dead_leader_held_is_free_and_disturbed(db, conninfo):
    with psycopg.connect(conninfo, autocommit=True) as other:
        take(other, range(0, 10), holder=1)
    taken = {}
    while len(taken) < 64:  # until the dead one's backend is gone
        taken = take(db, holder=2, force=False) | taken  # the first answer counts: afterwards it is its own
    assert not any(r["undisturbed"] for r in taken.values())
    again = take(db, holder=2, force=False)
    assert len(again) == 64 and all(r["undisturbed"] for r in again.values())


def test_a_process_takes_back_what_its_former_connection_held(db, conninfo):
    with psycopg.connect(conninfo, autocommit=True) as before:
        take(before, holder=7)
        taken = take(db, holder=7, force=False)
        assert len(taken) == 64 and all(r["undisturbed"] for r in taken.values())


def test_the_epoch_rises_once_when_the_server_is_another_one(db):
    epoch = take(db)[0]["epoch"]
    db.execute("UPDATE cellcast.log SET timeline = timeline + 1")
    raised = take(db)[0]["epoch"]
    assert raised > epoch
    assert take(db, holder=2)[5]["epoch"] == raised


def test_a_synchronous_failover_keeps_the_epoch_but_a_restored_copy_does_not(db):
    epoch = take(db)[0]["epoch"]
    db.execute("UPDATE cellcast.log SET timeline = timeline + 1")
    assert take(db, synchronous=True)[0]["epoch"] == epoch
    db.execute("UPDATE cellcast.log SET system_identifier = system_identifier + 1")
    assert take(db, synchronous=True)[0]["epoch"] > epoch


# ---- the commit function


class Writer:
    """As much of a sequencer as one batch needs."""

    SQL = (
        "SELECT cellcast.commit_batch(%s, %s::smallint[], %s, %s, %s, %s, %s::smallint[], %s, %s, %s, "
        "%s, %s::smallint[], %s, %s, %s::smallint[], %s, %s::text[], %s::text[], %s::text[], %s::text[], "
        "%s::bigint[], %s::bigint[], %s::bigint[])"
    )

    def __init__(self, db):
        self.db = db
        self.taken = take(db)
        self.epoch = self.taken[0]["epoch"]

    def id(self, shard, ms):
        return (ms - MS_2024) << 21 | shard << 15

    def commit(self, channel="default/news", seq=1, prev=0, id=None, key=None, row=None, **other):
        shard = hashlib.md5(channel.encode()).digest()[0] & 63
        state = self.taken[shard]
        if id is None:
            id = max(state["last_id"] + 1, self.id(shard, state["clock_ms"]))
        arguments = dict(
            epoch=self.epoch, shards=[shard], terms=[state["term"]], batches=[state["batch"]], last_ids=[id],
            h_channels=[channel], h_shards=[shard], prevs=[prev], h_seqs=[seq], h_ids=[id],
            channels=[channel], m_shards=[shard], seqs=[seq], ids=[id], formats=[0], data=[b"1"], tags=[None],
            infos=[None], afters=[None], keys=[key] if key else None, origins=[None if row else 5],
            counters=[None if row else seq], outbox=[row] if row else None,
        )  # fmt: skip
        answer = one(self.db, self.SQL, *(arguments | other).values())
        state["batch"] += 1
        state["last_id"] = id
        return answer

    def refused(self, **arguments):
        try:
            with self.db.transaction():
                self.commit(**arguments)
        except psycopg.Error as e:
            return e.sqlstate
        return None


@pytest.fixture
def writer(db):
    return Writer(db)


def test_a_batch_writes_message_head_shard_and_receipt(db, writer):
    now = writer.commit()
    message = db.execute(
        "SELECT channel, tenant, epoch, seq, data, origin, counter, (extract(epoch FROM created_at) * 1000)::bigint "
        "FROM cellcast.message"
    ).fetchone()
    assert message == ("default/news", "default", writer.epoch, 1, b"1", 5, 1, now)
    assert db.execute("SELECT seq, prev FROM cellcast.channel_head").fetchone() == (1, 0)
    assert one(db, "SELECT max(batch) FROM cellcast.shard") == 1
    assert db.execute("SELECT origin, low, high, counters, seqs FROM cellcast.receipt").fetchone() == (5, 1, 1, [1], [1])


@pytest.mark.parametrize("field", ["terms", "batches", "epoch"])
def test_who_is_not_the_leader_is_fenced(db, writer, field):
    wrong = writer.epoch + 1 if field == "epoch" else [99]
    assert writer.refused(**{field: wrong}) == "ZC001"
    assert writer.refused(shards=[], terms=[], batches=[], last_ids=[]) == "ZC001"
    assert one(db, "SELECT count(*) FROM cellcast.message") == 0


def test_a_former_leader_is_fenced(db, writer):
    take(db, holder=2)
    assert writer.refused() == "ZC001"


def test_a_raised_epoch_fences_and_begins_every_channel_anew(db, writer):
    writer.commit()
    epoch = one(db, "SELECT cellcast.epoch_bump()")
    assert writer.refused(seq=2, prev=1) == "ZC001"
    writer = Writer(db)
    assert writer.epoch == epoch
    assert writer.refused(seq=2, prev=1) == "ZC002"
    writer.commit()
    assert db.execute("SELECT epoch, seq FROM cellcast.channel_head").fetchone() == (epoch, 1)


def test_a_head_that_stands_elsewhere_ends_the_batch(db, writer):
    writer.commit()
    assert writer.refused(seq=1, prev=0) == "ZC002"
    assert writer.refused(seq=3, prev=2) == "ZC002"
    writer.commit(seq=2, prev=1)


def test_a_used_key_ends_the_batch_until_it_is_ten_minutes_old(db, writer):
    writer.commit(key="k")
    assert writer.refused(seq=2, prev=1, key="k") == "ZC004"
    db.execute("UPDATE cellcast.idempotency SET created_at = created_at - interval '10 minutes 1 second'")
    writer.commit(seq=2, prev=1, key="k")
    assert one(db, "SELECT seq FROM cellcast.idempotency") == 2


def test_a_row_of_the_outbox_is_moved_once(db, writer):
    row = one(db, "SELECT cellcast.publish('news', '1')")
    writer.commit(row=row)
    assert one(db, "SELECT count(*) FROM cellcast.outbox") == 0
    assert writer.refused(seq=2, prev=1, row=row) == "ZC003"
    assert one(db, "SELECT count(*) FROM cellcast.message") == 1


@pytest.mark.parametrize("ms", [MS_2024, 2_000_000_000_000, 3_900_000_000_000])
def test_no_batch_fails_for_a_missing_partition(db, writer, ms):
    """The database's clock has jumped: ids are of a day that no partition was made for."""
    shard = hashlib.md5(b"default/news").digest()[0] & 63
    writer.commit(id=writer.id(shard, ms) + 1)
    assert one(db, "SELECT count(*) FROM cellcast.message") == 1


def test_a_forced_takeover_ends_the_batch_that_is_under_way(db, conninfo):
    with psycopg.connect(conninfo, autocommit=True) as old:
        writer = Writer(old)
        old.execute("BEGIN")
        writer.commit()
        taken = take(db, holder=2, force=True)
        assert {r["batch"] for r in taken.values()} == {0}
        assert one(db, "SELECT count(*) FROM cellcast.message") == 0
        with pytest.raises(psycopg.OperationalError):
            old.execute("COMMIT")


def test_a_takeover_waits_for_whatever_still_holds_a_shard_and_counts_it(db, conninfo):
    with psycopg.connect(conninfo) as other, ThreadPoolExecutor(1) as pool:
        other.execute("UPDATE cellcast.shard SET batch = batch + 1 WHERE shard = 63")
        successor = pool.submit(take, db)
        with pytest.raises(TimeoutError):
            successor.result(0.3)
        other.commit()
        assert successor.result(10)[63]["batch"] == 1


# ---- beside a long transaction


def pages(db, sql, *args):
    plan = one(db, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *args)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def test_a_takeover_beside_a_long_transaction_walks_over_no_old_rows(db, conninfo):
    asks = [(TAKE, [list(range(64)), 1, [], False]), ("SELECT cellcast.free_shards(%s::smallint[], 2, null)", [list(range(64))]),
            ("SELECT cellcast.hand_over(%s::smallint[], 1, 1, pg_backend_pid())", [list(range(64))]), ("SELECT cellcast.sweep(1)", [])]
    take(db)
    db.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    before = [pages(db, sql, *args) for sql, args in asks]
    with psycopg.connect(conninfo) as dump:
        dump.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        dump.execute("SELECT count(*) FROM cellcast.cell")
        db.execute("DO $$ BEGIN FOR i IN 1 .. 300 LOOP UPDATE cellcast.shard SET batch = batch + 1, era = (batch + 1) >> 5; COMMIT; END LOOP; END $$")
        beside = [pages(db, sql, *args) for sql, args in asks]
    print(before, beside)
    for (sql, _), least, most in zip(asks, before, beside):
        assert most < 4 * least + 1000, f"{most} pages instead of {least}: {sql}"


# ---- partitions, sweeping


def partitions(db):
    sql = "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'cellcast.message'::regclass"
    return sorted(r[0] for r in db.execute(sql))


def test_partitions_are_made_ahead_once(db):
    before = partitions(db)
    assert one(db, "SELECT cellcast.add_partitions(5)") > 0
    assert one(db, "SELECT cellcast.add_partitions(5)") == 0
    assert len(partitions(db)) > len(before)


def test_a_partition_that_two_want_is_made_by_one_and_found_by_the_other(db, conninfo):
    with psycopg.connect(conninfo) as other, ThreadPoolExecutor(1) as pool:
        assert other.execute("SELECT cellcast.add_partition(3000)").fetchone()[0] is True
        second = pool.submit(one, db, "SELECT cellcast.add_partition(3000)")
        with pytest.raises(TimeoutError):
            second.result(0.3)
        other.commit()
        assert second.result(10) is False


def test_a_role_without_rights_holds_up_no_partition(db, conninfo, nobody):
    """Nor does one that reads: with an advisory lock of the same name, a new day waited for whoever held it."""
    stranger, reader = nobody(conninfo), psycopg.connect(conninfo)
    role = stranger.info.user
    db.execute(f"GRANT USAGE ON SCHEMA cellcast TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA cellcast TO {role}; "
               f"GRANT cellcast_publisher TO {role}")
    reader.execute(f"SET ROLE {role}")
    try:
        stranger.execute(OLD_LOCKS)
        reader.execute("SELECT count(*) FROM cellcast.message, cellcast.shard")  # and its transaction goes on
        reader.execute("SELECT cellcast.publish('news', '1')")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(one, db, "SELECT cellcast.add_partition(3000)").result(10) is True
        for table in ("message", "shard", "migration"):
            assert sqlstate(stranger, f"LOCK TABLE cellcast.{table} IN ROW SHARE MODE") == "42501"
            assert sqlstate(stranger, f"SELECT FROM cellcast.{table} FOR KEY SHARE") == "42501"
    finally:
        reader.close()
        db.execute(f"DROP OWNED BY {role}")


def test_who_wants_a_partition_waits_a_second_at_most(db, conninfo):
    with psycopg.connect(conninfo) as other:
        other.execute("LOCK TABLE ONLY cellcast.message IN SHARE UPDATE EXCLUSIVE MODE")
        began = time.monotonic()
        assert sqlstate(db, "SELECT cellcast.add_partition(3000)") == "55P03"
        assert 0.5 < time.monotonic() - began < 5
        assert sqlstate(db, "SELECT cellcast.add_partitions(2)") is None  # they are there: it asks for no lock


def drop(db, retention="7 days"):
    return db.execute("SELECT dropped, held FROM cellcast.drop_partitions(%s)", [retention]).fetchone()


def log_goes_on(db):
    """Up to now, by its newest id."""
    db.execute("UPDATE cellcast.shard SET last_id = cellcast.id_floor(clock_timestamp()) WHERE shard = 1")


def test_a_partition_goes_when_it_is_old_and_every_cells_relay_is_past_it(db, writer):
    shard = hashlib.md5(b"default/news").digest()[0] & 63
    old = writer.id(shard, MS_2024 + 1000)
    writer.commit(id=old)
    log_goes_on(db)
    name = "message_20240101"
    assert drop(db) == (0, 1) and name in partitions(db)  # cell a has not had it
    db.execute("INSERT INTO cellcast.relay_progress VALUES ('b', %s, %s)", [shard, old])
    assert drop(db) == (0, 1)
    db.execute("INSERT INTO cellcast.relay_progress VALUES ('a', %s, %s)", [shard, old - 1])
    assert drop(db) == (0, 1)
    db.execute("UPDATE cellcast.relay_progress SET id = %s WHERE cell = 'a'", [old])
    assert drop(db) == (1, 0) and name not in partitions(db)
    assert one(db, "SELECT seq FROM cellcast.channel_head") == 1  # heads outlive it


def test_a_clock_that_is_far_ahead_of_the_newest_id_drops_nothing(db, writer):
    shard = hashlib.md5(b"default/news").digest()[0] & 63
    old = writer.id(shard, MS_2024 + 1000)
    writer.commit(id=old)
    db.execute("INSERT INTO cellcast.relay_progress SELECT c, %s, %s FROM unnest(array['a', 'b']) c", [shard, old])
    assert drop(db) == (0, 0) and "message_20240101" in partitions(db)
    log_goes_on(db)
    assert drop(db) == (1, 0)


def test_a_young_partition_stays_whatever_the_relays_say(db, writer):
    writer.commit()
    db.execute("INSERT INTO cellcast.relay_progress SELECT c, s, 9223372036854775807 FROM unnest(array['a','b']) c, generate_series(0,63) s")
    before = partitions(db)
    assert drop(db) == (0, 0)
    assert partitions(db) == before


def age(db):
    """By the database's clock, of what is there."""
    for table in ("idempotency", "receipt"):
        db.execute(f"UPDATE cellcast.{table} SET created_at = created_at - interval '11 minutes'")


def test_a_clock_that_is_far_ahead_of_the_newest_id_makes_nobody_forget(db, writer):
    writer.commit(key="young")
    age(db)
    writer.commit(seq=2, prev=1)
    assert one(db, "SELECT cellcast.sweep(1000)") == 0
    assert one(db, "SELECT count(*) FROM cellcast.idempotency") == 1 and one(db, "SELECT count(*) FROM cellcast.receipt") == 2


def test_a_step_of_the_ids_behind_a_jump_makes_nobody_forget(db, writer):
    """The newest id has gone ahead by --clock-step; the sequencer says what was given when."""
    shard = hashlib.md5(b"default/news").digest()[0] & 63
    now = int(time.time() * 1000)
    writer.commit(key="young")
    age(db)
    writer.commit(seq=2, prev=1, id=writer.id(shard, now + 5 * 60000))
    ago = lambda minutes: writer.id(0, now - minutes * 60000)
    assert one(db, "SELECT cellcast.sweep(1000, %s, %s)", ago(10), ago(3)) == 0
    assert one(db, "SELECT count(*) FROM cellcast.idempotency") == 1 and one(db, "SELECT count(*) FROM cellcast.receipt") == 2
    assert one(db, "SELECT cellcast.sweep(1000, %s, %s)", ago(-1), ago(-1)) == 2


def test_used_up_keys_and_receipts_are_swept(db, writer):
    shard = hashlib.md5(b"default/news").digest()[0] & 63
    writer.commit(key="old", id=writer.id(shard, int(time.time() * 1000) - 11 * 60000))
    age(db)
    writer.commit(seq=2, prev=1, key="new")
    assert one(db, "SELECT cellcast.sweep(1000)") == 2
    assert one(db, "SELECT key FROM cellcast.idempotency") == "new"
    assert one(db, "SELECT high FROM cellcast.receipt") == 2


def test_what_a_removal_took_goes_when_every_cells_relay_is_past_it(db, writer):
    ids = []
    for seq, form in ((1, 0), (2, 0), (3, 4)):
        writer.commit(seq=seq, prev=seq - 1, formats=[form])
        ids.append(one(db, "SELECT max(id) FROM cellcast.message"))
    db.execute("UPDATE cellcast.history_floor SET at = at - interval '1 hour'")
    shard = hashlib.md5(b"default/news").digest()[0] & 63
    assert one(db, "SELECT cellcast.sweep_removed(1000)") == 0  # cell a has had nothing
    db.execute("INSERT INTO cellcast.relay_progress VALUES ('a', %s, %s)", [shard, ids[1]])
    assert one(db, "SELECT cellcast.sweep_removed(1000)") == 0
    db.execute("UPDATE cellcast.relay_progress SET id = %s", [ids[2]])
    assert [one(db, "SELECT cellcast.sweep_removed(1)") for _ in range(4)] == [1, 1, 0, 0]
    assert db.execute("SELECT seq FROM cellcast.message").fetchall() == [(3,)] and one(db, "SELECT swept FROM cellcast.history_floor")


# ---- the outbox


def test_one_tenants_million_rows_hide_nobodys(db):
    db.execute("SELECT cellcast.publish('flood' || (n % 50), '1') FROM generate_series(1, 3000) n")
    mine = one(db, "SELECT cellcast.publish('acme/news', '1')")
    read = "SELECT id, channel FROM cellcast.outbox_read(%s::smallint[], %s::bigint[], %s, %s)"
    rows = db.execute(read, [list(range(64)), [], 100, 1 << 30]).fetchall()
    assert len(rows) == 101 and mine in [r[0] for r in rows]
    few = db.execute(read, [list(range(64)), [], 100, 2000]).fetchall()
    assert len(few) == 4 and mine in [r[0] for r in few]  # by turns, within the bytes
    held = [r[0] for r in rows]
    assert db.execute(read, [list(range(64)), held, 100, 1 << 30]).fetchall() == []  # what is held counts
    shard = one(db, "SELECT shard FROM cellcast.outbox WHERE tenant = 'acme'")
    others = [s for s in range(64) if s != shard]
    assert mine not in [r[0] for r in db.execute(read, [others, [], 100, 1 << 30])]


def test_rows_behind_those_of_a_channel_that_is_late_are_read(db):
    db.execute("SELECT cellcast.publish('acme/flood', '1') FROM generate_series(1, 300)")
    mine = one(db, "SELECT cellcast.publish('acme/news', '1')")
    read = "SELECT id FROM cellcast.outbox_read(%s::smallint[], '{}', 100, 1 << 30, %s::text[])"
    assert mine not in [r[0] for r in db.execute(read, [list(range(64)), []])]
    assert [r[0] for r in db.execute(read, [list(range(64)), ["acme/flood"]])] == [mine]


def test_quotas_are_numbers_and_others_are_none(db):
    db.execute("UPDATE cellcast.tenant SET options = '{\"publish_rate\": 7, \"publish_bytes\": \"many\"}' WHERE name = 'acme'")
    db.execute("UPDATE cellcast.namespace SET options = '{\"publish_bytes\": 9}' WHERE tenant = 'acme' AND name = ''")
    assert sorted(db.execute("SELECT * FROM cellcast.publish_quotas()")) == [("acme", 7, 0), ("acme/", 0, 9)]


def test_a_buried_row_is_kept_with_its_reason(db):
    row = one(db, "SELECT cellcast.publish('news', '1', '{\"a\":\"b\"}')")
    db.execute("SELECT cellcast.outbox_bury(%s, 107, 'because')", [row])
    assert one(db, "SELECT count(*) FROM cellcast.outbox") == 0
    assert db.execute("SELECT id, channel, code, error FROM cellcast.outbox_dead").fetchone() == (row, "default/news", 107, "because")
