"""What deploy/application.md shows does what the page says."""

import asyncio
import re
import subprocess

import psycopg
import pytest

from sdk import JS, Person
from stack import BUILD, KEY, REPO, SECRET, wait_until

BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (REPO / "deploy/application.md").read_text(), re.S)


def block(language, word=""):
    return next(text for of, text in BLOCKS if of == language and word in text)


@pytest.fixture
def tokens():
    space = {}
    exec(block("python").replace("local-secret", SECRET), space)
    return space


@pytest.fixture
def application(stack):
    """The database connection of an application whose role was granted what the page says."""
    with stack.sql(autocommit=True) as owner:
        owner.execute("set search_path = public")  # else its own, since it is called as schema cellcast is
        owner.execute("create role app login")
        owner.execute("create table orders (id text primary key, state text); grant all on orders to app")
        owner.execute(block("sql", "grant"))
        with psycopg.connect(stack.pg, user="app") as db:
            yield owner, db
        owner.execute("drop table orders; drop function if exists order_changed; revoke cellcast_publisher from app; drop role app")


async def test_a_trigger_publishes_what_the_transaction_did_and_nothing_of_one_that_was_rolled_back(stack, channel, application):
    owner, db = application
    owner.execute(block("sql", "trigger").replace("'orders:'", f"'{channel}.'"))
    person = await Person(stack.ws()).connect()
    recorder = await person.subscribe(f"{channel}.42")
    db.execute("insert into orders values ('42', 'ghost')")
    db.rollback()
    db.execute("insert into orders values ('42', 'new')")
    db.execute("update orders set state = 'paid'")
    db.commit()
    await recorder.wait_for(2)
    assert recorder.publications == [{"state": "new"}, {"state": "paid"}]
    await person.close()


async def test_tokens_sdk_and_api_as_shown(stack, channel, tokens, tmp_path):
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    script = tmp_path / "follow.mjs"
    script.write_text(block("js") + "import WebSocket from 'ws'; globalThis.WebSocket ??= WebSocket;\n"
                      "const [url, token, channel] = process.argv.slice(2);\n"
                      "follow(url, async () => token, channel, (data, offset) => { console.log(JSON.stringify(data), offset); process.exit(0); });")
    client = subprocess.Popen(["node", script, stack.ws(), tokens["connection_token"](42), channel], stdout=subprocess.PIPE, text=True)
    try:
        def there():
            return [c["user"] for c in stack.api("presence", {"channel": channel}).json()["result"]["presence"].values()] == ["42"]
        await asyncio.to_thread(wait_until, there, 20, "the client of the page is subscribed")
        call = block("sh", "curl").replace("local-key", KEY).replace("127.0.0.1:8000", f"127.0.0.1:{stack.port}").replace("orders:42", channel)
        done = await asyncio.to_thread(subprocess.run, ["bash", "-c", call], capture_output=True, text=True)
        assert '"offset":1' in done.stdout, done.stdout + done.stderr
        said, _ = await asyncio.to_thread(client.communicate, timeout=20)
        assert said.split() == ['{"state":"paid"}', "1"]
    finally:
        client.kill()


async def test_a_token_for_a_subscription_as_shown(stack, channel, tokens):
    person = await Person(stack.ws(), token=tokens["connection_token"](42)).connect()
    recorder = await person.subscribe(f"${channel}", token=tokens["subscription_token"](42, f"${channel}"))
    stack.publish(f"${channel}", 1)
    await recorder.wait_for(1)
    await person.close()


def test_the_configuration_shown_is_accepted(stack, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(block("json"))
    done = stack.tool(BUILD / "supervisor/cellcastctl", "--postgres=host=127.0.0.1 port=1", "apply", path, check=False)
    assert "--postgres says where the database is" in done.stderr and "not applied" not in done.stderr
