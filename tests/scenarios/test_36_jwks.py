"""JWK sets: public keys of a tenant's tokens, fetched by the supervisor, rotated while clients are connected."""

import asyncio
import copy
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest

from sdk import JsPerson, Raw
from signing import Key
from stack import CONFIGURATION, OPEN, wait_until


class Keys:
    """A server of a JWK set, and who signs with its keys."""

    def __init__(self, folder):
        self.folder, self.keys, self.shown, self.port = folder, {}, [], 0
        self.start()

    def start(self):
        owner = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"keys": [owner.keys[kid].public() for kid in owner.shown]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Door)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def make(self, kid, algorithm):
        self.keys[kid] = Key(self.folder, kid, algorithm)
        self.shown.append(kid)

    def token(self, kid, **claims):
        return self.keys[kid].token(sub="u", **claims)


@pytest.fixture(scope="module")
def keys(stack, tmp_path_factory):
    k = Keys(tmp_path_factory.mktemp("keys"))
    for kid, algorithm in (("rsa-1", "RS256"), ("ec-1", "ES256"), ("ed-1", "EdDSA")):
        k.make(kid, algorithm)
    configuration = copy.deepcopy(CONFIGURATION)
    configuration["tenants"].append({
        "name": "keys", "cells": ["a"], "options": {"token_jwks_public_endpoint": f"http://127.0.0.1:{k.port}/jwks"},
        "namespaces": [{"name": "", "options": OPEN}]})
    stack.settle(configuration)
    wait_until(lambda: taken(stack) >= stack.gateways, what="every gateway has the keys")
    yield k
    stack.settle(CONFIGURATION)
    k.stop()


def taken(stack):
    return len(re.findall(r"event=jwks_taken .*keys=[1-9]", (stack.log / "cell.log").read_text(errors="replace")))


async def connect(stack, token):
    raw = await Raw.open(stack.ws(tenant="keys"))
    await raw.send({"id": 1, "connect": {"token": token}})
    try:
        return raw, await raw.reply(1)
    except Exception:
        return raw, await raw.closed()


async def test_the_kid_says_which_key_and_the_key_which_algorithm(stack, keys):
    for kid in ("rsa-1", "ec-1", "ed-1"):
        raw, answer = await connect(stack, keys.token(kid))
        assert "connect" in answer, (kid, answer)
        subscribed = await raw.ask({"id": 2, "subscribe": {"channel": "$private", "token": keys.token(kid, channel="$private")}})
        assert "subscribe" in subscribed, subscribed
        await raw.close()
    forged = keys.keys["ec-1"].token({"kid": "ed-1"}, sub="u")
    hmac = jwt.encode({"sub": "u"}, keys.keys["rsa-1"].public()["n"], algorithm="HS256", headers={"kid": "rsa-1"})
    nameless = keys.keys["rsa-1"].token({"kid": None}, sub="u")
    for token in (forged, hmac, nameless):
        raw = await Raw.open(stack.ws(tenant="keys"))
        await raw.send({"id": 1, "connect": {"token": token}})
        assert await raw.closed() == (3500, "invalid token")


async def test_keys_rotate_while_clients_are_connected(stack, keys):
    """A client whose token is of a key that has just come waits for a moment; who is connected notices nothing."""
    before, answer = await connect(stack, keys.token("rsa-1"))
    assert "connect" in answer
    keys.make("rsa-2", "RS256")  # overlap: both are shown
    js = JsPerson()
    try:
        js.send(op="connect", url=stack.ws(tenant="keys"),
                options={"token": keys.token("rsa-2"), "minReconnectDelay": 200, "maxReconnectDelay": 1000})
        js.wait_event("connected", 40)
        raw, answer = await connect(stack, keys.token("rsa-1"))
        assert "connect" in answer
        await raw.close()
        keys.shown.remove("rsa-1")
        keys.make("rsa-3", "RS256")
        codes = set()

        async def gone():
            raw, answer = await connect(stack, keys.token("rsa-1"))
            codes.add(answer.get("error", {}).get("code"))
            await raw.close()
            return answer.get("error", {}).get("code")

        end = time.monotonic() + 40
        while await gone() != 109:  # remembered signatures of it are forgotten with it; a fresh token is what helps
            other, _ = await connect(stack, keys.token("rsa-3"))  # what makes the supervisor look again
            await other.close()
            assert time.monotonic() < end, codes
            await asyncio.sleep(0.3)
        assert codes <= {None, 100, 109}
        assert "rpc" in str(await before.ask({"id": 5, "rpc": {"method": "cellcast.focus", "data": {"focus": True}}}))
        assert not [e for e in js.events if e["event"] == "disconnected"]
    finally:
        js.close()
    await before.close()


async def test_while_the_endpoint_is_down_the_old_keys_stay_also_over_a_restart(stack, keys):
    keys.stop()
    keys.make("never-seen", "ES256")

    async def unknown_is_temporary():
        raw, answer = await connect(stack, keys.token("never-seen"))
        await raw.close()
        assert "connect" in answer or answer["error"]["code"] == 100, answer
        return "connect" not in answer

    end = time.monotonic() + 40
    while stack.metric("supervisor_jwks_stale") != 1:  # asked for a key that is not there, it finds nobody
        assert await unknown_is_temporary()
        assert time.monotonic() < end
        await asyncio.sleep(0.3)
    raw, answer = await connect(stack, keys.token("ec-1"))
    assert "connect" in answer
    await raw.close()
    pid = stack.pid("cell")
    stack.kill("cell")
    wait_until(lambda: stack.pid("cell") != pid and stack.is_ready(), 60, "the cell is back")
    raw, answer = await connect(stack, keys.token("ec-1"))
    assert "connect" in answer, answer
    await raw.close()
    keys.start()
    end = time.monotonic() + 60
    while await unknown_is_temporary():  # until the supervisor has looked again
        assert time.monotonic() < end
        await asyncio.sleep(0.3)
    wait_until(lambda: stack.metric("supervisor_jwks_stale") == 0, 60, "the keys are fetched again")
