"""What compose's `migrate` runs at each `up`: deploy/configure, on a database of its own; and how one is rid of it all."""

import json
import os
import re
import subprocess

import psycopg
import pytest

from seq_database import conninfo, server  # noqa: F401
from stack import BUILD, REPO

DEMO = {"api_keys": [], "cells": [{"name": "a"}], "tenants": [{"name": "default", "cells": ["a"], "options": {"connection_limit": 1}}]}
MINE = {"api_keys": [], "cells": [{"name": "a"}], "tenants": [{"name": "default", "cells": ["a"], "options": {"connection_limit": 2}}]}


class Up:
    def __init__(self, conninfo, folder):
        self.env = {**os.environ, "PATH": f"{BUILD / 'sequencer'}:{BUILD / 'supervisor'}:{os.environ['PATH']}",
                    "CELLCAST_POSTGRES": conninfo, "DEMO": str(folder / "demo.json")}
        (folder / "demo.json").write_text(json.dumps(DEMO))
        self.mine = folder / "mine.json"
        self.mine.write_text(json.dumps(MINE))

    def run(self, *words, **env):
        return subprocess.run(words, env={**self.env, **env}, capture_output=True, text=True, timeout=60)

    def up(self, *cells, **env):
        return self.run(REPO / "deploy/configure", *cells, **env)

    def limit(self):
        config = json.loads(self.run("cellcastctl", "config").stdout)
        return next(t["options"].get("connection_limit") for t in config["tenants"] if t["name"] == "default")

    def cells(self):
        return [c["name"] for c in json.loads(self.run("cellcastctl", "config").stdout)["cells"]]


@pytest.fixture
def host(server, tmp_path):
    name = server.make()
    yield Up(server.of(name), tmp_path)
    server.drop(name)


def test_the_demo_is_put_in_place_once_and_what_was_applied_stays(host):
    assert "applied" in host.up().stdout and host.limit() == 1
    host.run("cellcastctl", "apply", host.mine)
    again = host.up()
    assert (again.returncode, host.limit()) == (0, 2) and "there is a configuration already: left as it is" in again.stdout


RICH = {
    "cells": [{"name": "a", "partitions": 8}, {"name": "b", "topic": "of.b"}],
    "tenants": [{"name": "acme", "cells": ["b"], "options": {"token_hmac_secret_key": "s", "weight": 5},
                 "namespaces": [{"name": "", "options": {"presence": True}}, {"name": "chat", "options": {"history_limit": 3, "history_ttl": "5m"}}]},
                {"name": "default", "cells": ["a", "b"]}],
    "api_keys": [{"key": "one", "tenant": "acme"}, {"key": "all", "tenant": None}],
}


def test_what_is_exported_can_be_applied_and_changes_nothing(host, tmp_path):
    host.mine.write_text(json.dumps(RICH))
    done = host.up(CONFIGURATION=str(host.mine))
    assert done.returncode == 0, done.stdout + done.stderr
    before, exported = host.run("cellcastctl", "config").stdout, host.run("cellcastctl", "export")
    file = json.loads(exported.stdout)
    assert [t["name"] for t in file["tenants"]] == ["acme", "default"] and "key" not in str(file["api_keys"])
    host.mine.write_text(json.dumps({**RICH, "tenants": [{"name": "default", "cells": ["a", "b"]}], "api_keys": []}))
    host.run("cellcastctl", "apply", host.mine)
    assert "acme" not in host.run("cellcastctl", "config").stdout
    host.mine.write_text(exported.stdout)
    done = host.run("cellcastctl", "apply", host.mine)
    assert done.returncode == 0, done.stderr
    after = host.run("cellcastctl", "config").stdout
    assert {**json.loads(before), "version": 0} == {**json.loads(after), "version": 0}


def test_a_file_that_is_named_is_applied_each_time(host):
    host.up(CONFIGURATION=str(host.mine))
    assert host.limit() == 2
    host.mine.write_text(json.dumps(DEMO))
    host.up(CONFIGURATION=str(host.mine))
    assert host.limit() == 1
    host.mine.write_text("{")
    broken = host.up(CONFIGURATION=str(host.mine))
    assert broken.returncode != 0 and "is not applied" in broken.stderr and host.limit() == 1


def test_further_cells_are_there_and_stay(host):
    host.up("b")
    assert host.up("b").returncode == 0 and host.cells() == ["a", "b"]
    assert host.up().returncode == 0 and host.cells() == ["a", "b"]


def test_where_postgresql_does_not_answer_nothing_is_said_to_be_there(host):
    done = host.run("cellcastctl", "apply", "--if-none", host.mine, CELLCAST_POSTGRES="host=127.0.0.1 port=1 connect_timeout=2")
    assert done.returncode == 1 and "already" not in done.stdout and "postgres" in done.stderr


def test_what_bare_metal_md_says_of_taking_it_away_leaves_nothing(conninfo):
    page = (REPO / "deploy/bare-metal.md").read_text().partition("## Taking it away")[2]
    with psycopg.connect(conninfo, autocommit=True) as db:
        for statement in re.search(r"```sql\n(.*?)```", page, re.S)[1].split(";"):
            if statement.strip():
                db.execute(statement)
        left = db.execute("""select (select count(*) from pg_namespace where nspname = 'cellcast'), (select count(*) from pg_publication),
            (select count(*) from pg_replication_slots where database = current_database())""").fetchone()
        assert left == (0, 0, 0)
