"""Bad input of every kind gets its error and harms nobody."""

import json
import subprocess
import time

import psycopg
import pytest
import websockets

from sdk import Person, Raw, token
from stack import BUILD, KEY

import requests

CONNECT = {"id": 1, "connect": {}}

# What is sent in one frame each, and how the connection ends (protocol.md 3, 4, 9).
ENDINGS = {
    "no JSON": (["nonsense"], 3501),
    "half a JSON": (['{"id":1,"connect":{}'], 3501),
    "an empty frame": ([""], 3501),
    "an empty line between commands": (['{"id":1,"connect":{}}\n\n{"id":2,"rpc":{}}'], 3501),
    "not UTF-8 in the text": (['{"id":1,"connect":{"name":"\ud800"}}'.encode("utf-8", "surrogatepass").decode("latin1")], None),
    "another command before connect": (['{"id":1,"subscribe":{"channel":"c"}}'], 3501),
    "a pong before connect": (["{}"], 3501),
    "a second connect": (['{"id":1,"connect":{}}', '{"id":2,"connect":{}}'], 3501),
    "an unexpected pong": (['{"id":1,"connect":{}}', "{}"], 3501),
    "an unknown command": (['{"id":1,"connect":{}}', '{"id":2,"fly":{}}'], 3501),
    "a ping by the client": (['{"id":1,"connect":{}}', '{"id":2,"ping":{}}'], 3501),
    "subscribe without a channel": (['{"id":1,"connect":{}}', '{"id":2,"subscribe":{}}'], 3501),
    "publish without a channel": (['{"id":1,"connect":{}}', '{"id":2,"publish":{"data":1}}'], 3501),
    "history without a channel": (['{"id":1,"connect":{}}', '{"id":2,"history":{}}'], 3501),
    "presence without a channel": (['{"id":1,"connect":{}}', '{"id":2,"presence":{}}'], 3501),
    "unsubscribe without a channel": (['{"id":1,"connect":{}}', '{"id":2,"unsubscribe":{}}'], 3501),
    "send, which nobody handles": (['{"id":1,"connect":{}}', '{"send":{"data":1}}'], 3508),
    "a token of another key": ([json.dumps({"id": 1, "connect": {"token": token("wrong", sub="u")}})], 3500),
    "a token that is none": (['{"id":1,"connect":{"token":"a.b.c"}}'], 3500),
    "a token with alg none": ([json.dumps({"id": 1, "connect": {"token": token("", "none", sub="u")}})], 3500),
    "a subscription token to connect": ([json.dumps({"id": 1, "connect": {"token": token(sub="u", channel="c")}})], 3500),
    "an id that is no number": (['{"id":"x","connect":{}}'], 3501),
    "nesting without end": (['{"id":1,"connect":{"data":' + "[" * 5000 + "]" * 5000 + "}}"], 3501),
}


@pytest.mark.parametrize("name", [n for n, (_, code) in ENDINGS.items() if code])
async def test_the_connection_ends_with_the_code(stack, name):
    frames, code = ENDINGS[name]
    raw = await Raw.open(stack.ws())
    for frame in frames:
        await raw.socket.send(frame)
    got, reason = await raw.closed()
    assert got == code and reason


async def test_a_frame_that_is_too_large_is_closed_with_1009(stack):
    raw = await Raw.open(stack.ws())
    await raw.connect()
    try:
        await raw.socket.send('{"id":2,"publish":{"channel":"c","data":"' + "x" * (1 << 20) + '"}}')
    except websockets.ConnectionClosed:
        pass
    code, _ = await raw.closed()
    assert code == 1009


# Replies with an error; the connection goes on.
REPLIES = {
    "an unknown namespace": ({"subscribe": {"channel": "nope:x"}}, 102),
    "a namespace that is closed": ({"subscribe": {"channel": "closed:x"}}, 103),
    "a private channel without a token": ({"subscribe": {"channel": "$secret"}}, 103),
    "a channel that is too long": ({"subscribe": {"channel": "x" * 256}}, 107),
    "a channel with a space": ({"subscribe": {"channel": "a b"}}, 107),
    "a channel of another tenant": ({"subscribe": {"channel": "acme/x"}}, 103),
    "publishing where it is closed": ({"publish": {"channel": "closed:x", "data": 1}}, 103),
    "publishing to an unknown namespace": ({"publish": {"channel": "nope:x", "data": 1}}, 102),
    "publishing nothing": ({"publish": {"channel": "x"}}, 107),
    "a payload over the limit": ({"publish": {"channel": "x", "data": "y" * 65536}}, 107),
    "history where it is off": ({"history": {"channel": "quiet:x"}}, 108),
    "history backwards from nowhere": ({"history": {"channel": "x", "limit": 1, "reverse": True, "since": {"offset": 0, "epoch": ""}}}, 107),
    "presence where it is off": ({"presence": {"channel": "quiet:x"}}, 108),
    "presence_stats where it is off": ({"presence_stats": {"channel": "quiet:x"}}, 108),
    "an rpc where no application answers any": ({"rpc": {"method": "fly"}}, 108),
    "an unknown method of ours": ({"rpc": {"method": "cellcast.fly"}}, 104),
    "after that is no reference": ({"rpc": {"method": "cellcast.publish", "data": {"channel": "x", "data": 1, "after": ["y"]}}}, 107),
    "after that does not exist yet": ({"rpc": {"method": "cellcast.publish", "data": {"channel": "x", "data": 1, "after": ["future@5"]}}}, 107),
}


@pytest.mark.parametrize("name", REPLIES)
async def test_the_reply_is_the_error(stack, name):
    command, code = REPLIES[name]
    raw = await Raw.open(stack.ws())
    await raw.connect()
    reply = await raw.ask({"id": 2, **command})
    assert reply.get("error", {}).get("code") == code, reply
    assert reply["error"]["message"]
    assert "unsubscribe" in await raw.ask({"id": 3, "unsubscribe": {"channel": "still-alive"}})
    await raw.close()


# Extensions that are not built, declined as protocol.md 18 says: (command, error) or (command, what the result lacks).
DECLINED = {
    "channel compaction": ({"subscribe": {"channel": "declined-1", "flag": 1}}, "id"),
    "a map": ({"subscribe": {"channel": "declined-2", "type": 1, "phase": 2, "limit": 100}}, 103),
    "a map of clients": ({"subscribe": {"channel": "declined-3", "type": 2, "phase": 2}}, 103),
    "a map of users": ({"subscribe": {"channel": "declined-4", "type": 3, "phase": 1, "cursor": "x"}}, 103),
    "a shared poll": ({"subscribe": {"channel": "declined-5", "type": 4}}, 103),
    "tracking of a shared poll": ({"sub_refresh": {"channel": "declined-6", "type": 1, "track": [{"items": [{"key": "k"}]}]}}, 108),
    "its end": ({"sub_refresh": {"channel": "declined-6", "type": 2, "untrack": ["k"]}}, 108),
    "deltas where none are allowed": ({"subscribe": {"channel": "declined-7", "delta": "fossil"}}, "delta"),
    "a tags filter where none is allowed": ({"subscribe": {"channel": "declined-8", "tf": {"key": "k", "cmp": "ex"}}}, 107),
    "publishing to a map": ({"publish": {"channel": "declined-9", "type": 1, "key": "k", "data": 1}}, 108),
}


@pytest.mark.parametrize("name", DECLINED)
async def test_an_extension_that_is_not_built_is_declined(stack, name):
    command, wanted = DECLINED[name]
    raw = await Raw.open(stack.ws())
    await raw.connect()
    reply = await raw.ask({"id": 2, **command})
    if isinstance(wanted, int):
        assert reply.get("error", {}).get("code") == wanted, reply
    else:
        assert wanted not in reply["subscribe"], reply
        await raw.ask({"id": 3, "publish": {"channel": command["subscribe"]["channel"], "data": 1}})
    await raw.close()


async def test_a_dictionary_that_is_offered_is_not_taken(stack):
    raw = await Raw.open(stack.ws())
    result = (await raw.connect(flag=1, dict="abc", profile="p"))["connect"]
    assert not {"flag", "dict"} & set(result), result
    await raw.close()


async def test_subscribing_twice_is_105_and_too_often_106(stack):
    raw = await Raw.open(stack.ws())
    await raw.connect()
    for n in range(128):
        assert "subscribe" in await raw.ask({"id": 2 + n, "subscribe": {"channel": f"limit-{n}"}})
    assert (await raw.ask({"id": 200, "subscribe": {"channel": "limit-0"}}))["error"]["code"] == 105
    assert (await raw.ask({"id": 201, "subscribe": {"channel": "limit-x"}}))["error"]["code"] == 106
    await raw.close()


async def test_tokens_expire_and_are_refreshed(stack):
    now = int(time.time())
    raw = await Raw.open(stack.ws())
    reply = await raw.connect(token=token(sub="u", exp=now - 10))
    assert reply["error"]["code"] == 109
    raw = await Raw.open(stack.ws())
    reply = (await raw.connect(token=token(sub="u", exp=now + 60)))["connect"]
    assert reply["expires"] is True and 50 <= reply["ttl"] <= 60
    reply = (await raw.ask({"id": 2, "refresh": {"token": token(sub="u", exp=now + 600)}}))["refresh"]
    assert reply["expires"] is True and 590 <= reply["ttl"] <= 600
    await raw.send({"id": 3, "refresh": {"token": token(sub="somebody else", exp=now + 600)}})
    assert (await raw.closed())[0] == 3500


async def test_private_channels_need_their_own_token(stack):
    raw = await Raw.open(stack.ws())
    await raw.connect(token=token(sub="u"))
    assert "subscribe" in await raw.ask({"id": 2, "subscribe": {"channel": "$p", "token": token(sub="u", channel="$p")}})
    reply = await raw.ask({"id": 3, "subscribe": {"channel": "$q", "token": token("wrong", sub="u", channel="$q")}})
    assert reply["error"]["code"] == 103
    reply = await raw.ask({"id": 4, "subscribe": {"channel": "$q", "token": token(sub="u", channel="$q", exp=1)}})
    assert reply["error"]["code"] == 109
    await raw.send({"id": 5, "subscribe": {"channel": "$q", "token": token(sub="u", channel="$p")}})
    assert (await raw.closed())[0] == 3500


async def test_who_may_what_in_a_namespace_for_members(stack):
    anonymous, user = await Raw.open(stack.ws()), await Raw.open(stack.ws())
    await anonymous.connect()
    await user.connect(token=token(sub="u"))
    assert (await anonymous.ask({"id": 2, "subscribe": {"channel": "members:x"}}))["error"]["code"] == 103
    for id, command in enumerate(({"publish": {"channel": "members:x", "data": 1}}, {"history": {"channel": "members:x"}},
                                  {"presence": {"channel": "members:x"}}), 2):
        assert (await user.ask({"id": id, **command}))["error"]["code"] == 103
    assert "subscribe" in await user.ask({"id": 10, "subscribe": {"channel": "members:x"}})
    for id, command in enumerate(({"publish": {"channel": "members:x", "data": 1}}, {"history": {"channel": "members:x"}},
                                  {"presence": {"channel": "members:x"}}), 12):
        assert "error" not in await user.ask({"id": id, **command})
    await anonymous.close()
    await user.close()


@pytest.mark.parametrize("origin, status", [("http://evil.example", 403), ("http://localhost:3000", 101), (None, 101)])
async def test_origins(stack, origin, status):
    try:
        raw = await Raw.open(stack.ws(), origin=origin)
        await raw.close()
        got = 101
    except websockets.InvalidStatus as refused:
        got = refused.response.status_code
    assert got == status


def test_the_api_answers_as_specified(stack):
    url = stack.http("/api/publish")
    assert requests.post(url, data="{}").status_code == 401
    assert requests.post(url, data="{}", headers={"X-API-Key": "wrong"}).status_code == 401
    assert requests.get(url, headers={"X-API-Key": KEY}).status_code == 405
    assert requests.post(url, data="{", headers={"X-API-Key": KEY}).status_code == 400
    assert requests.post(url, data='{"channel":"x","data":1,"tags":[1]}', headers={"X-API-Key": KEY}).status_code == 400
    assert requests.post(stack.http("/api/fly"), data="{}", headers={"X-API-Key": KEY}).status_code == 404
    assert requests.post(url + f"?api_key={KEY}", data='{"channel":"x","data":1}').json()["result"]["offset"] > 0
    ok = requests.post(stack.http("/api"), data='{"method":"publish","params":{"channel":"x","data":1}}', headers={"Authorization": f"apikey {KEY}"})
    assert ok.json()["result"]["offset"] > 0


API_ERRORS = [
    ("publish", '{"data":1}', 107), ("publish", '{"channel":"x"}', 107), ("publish", '{"channel":"nope:x","data":1}', 102),
    ("publish", '{"channel":"x","b64data":"***"}', 107), ("publish", '{"channel":"a b","data":1}', 107),
    ("publish", json.dumps({"channel": "x", "data": "y" * 65536}), 107),
    ("publish", '{"channel":"x","data":1,"tags":{"id":"mine"}}', 107),
    ("publish", '{"channel":"x","data":1,"after":["never@1"]}', 107),
    ("history", '{"channel":"quiet:x","limit":1}', 108), ("presence", '{"channel":"quiet:x"}', 108), ("history", '{"channel":""}', 107),
    ("rpc", '{"method":"fly"}', 104),
]


@pytest.mark.parametrize("method, body, code", API_ERRORS)
def test_api_errors(stack, method, body, code):
    answer = stack.api(method, body).json()
    assert answer["error"]["code"] == code and answer["error"]["message"], answer


SQL_ERRORS = [
    ("select cellcast.publish('nope:x', '1')", "namespace"),
    ("select cellcast.publish('a b', '1')", "channel"),
    ("select cellcast.publish('', '1')", "channel"),
    ("select cellcast.publish('x', json_build_array(repeat('y', 2000000)))", "65536"),
    ("""select cellcast.publish('x', '1', tags => '{"id":"1"}')""", "tags"),
    ("""select cellcast.publish('x', '1', tags => '{"n":1}')""", "tags"),
    ("select cellcast.publish('x', '1', after => array['x'])", "after"),
    ("select cellcast.publish('x', null)", "data"),
]


@pytest.mark.parametrize("statement, word", SQL_ERRORS)
def test_sql_errors_are_raised_in_the_transaction(stack, statement, word):
    with stack.sql() as db:
        with pytest.raises(psycopg.Error) as refused:
            db.execute(statement)
        assert word in str(refused.value)


FLAGS = [
    ("sequencer/cellcast-sequencer", ["--lisen=x"], "--listen"),
    ("sequencer/cellcast-sequencer", ["--listen"], "value"),
    ("sequencer/relay/cellcast-relay", ["--outstanding-max=many"], "outstanding-max"),
    ("supervisor/cellcast-supervisor", ["--gateways=-1"], "gateways"),
    ("supervisor/cellcast-supervisor", ["--config=/does/not/exist"], "/does/not/exist"),
    ("gateway/cellcast-gateway", ["--ping-interval=soon"], "ping-interval"),
    ("fanout-worker/cellcast-fanout-worker", ["stray"], "stray"),
    ("supervisor/cellcastctl", ["appply", "x"], "apply"),
]


@pytest.mark.parametrize("program, words, hint", FLAGS)
def test_bad_options_are_refused_with_a_hint(program, words, hint):
    done = subprocess.run([str(BUILD / program), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode not in (0, -11, -6) and hint in done.stderr, done


@pytest.mark.parametrize("program", ["sequencer/cellcast-sequencer", "sequencer/relay/cellcast-relay", "supervisor/cellcast-supervisor",
                                     "gateway/cellcast-gateway", "fanout-worker/cellcast-fanout-worker", "supervisor/cellcastctl"])
def test_help_names_every_program(program):
    done = subprocess.run([str(BUILD / program), "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and program.split("/")[-1] in done.stdout and "--postgres" in done.stdout or "gateway" in program


@pytest.mark.parametrize("change, word", [
    ({"tenants": [{"name": "BAD NAME", "cells": ["a"]}]}, "BAD NAME"),
    ({"tenants": [{"name": "default", "cells": ["nowhere"]}]}, "nowhere"),
    ({"tenants": [{"name": "default", "cells": ["a"], "namespaces": [{"name": "", "options": {"presense": True}}]}]}, "presence"),
    ({"tenants": [{"name": "default", "cells": ["a"], "namespaces": [{"name": "", "options": {"presence": "perhaps"}}]}]}, "presence"),
])
def test_a_broken_configuration_changes_nothing(stack, change, word):
    before = stack.tool(BUILD / "supervisor/cellcastctl", f"--postgres={stack.pg}", "config").stdout
    path = stack.home / "broken.json"
    path.write_text(json.dumps({"cells": [{"name": "a"}], **change}))
    done = stack.tool(BUILD / "supervisor/cellcastctl", f"--postgres={stack.pg}", "apply", path, check=False)
    assert done.returncode != 0 and word in done.stderr, done
    assert stack.tool(BUILD / "supervisor/cellcastctl", f"--postgres={stack.pg}", "config").stdout == before


async def test_after_all_that_everybody_else_is_served(stack, channel):
    person = await Person(stack.ws()).connect()
    recorder = await person.subscribe(channel)
    stack.publish(channel, "fine")
    await recorder.wait_for(1)
    await person.close()
