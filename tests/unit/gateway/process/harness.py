"""What the tests of the process share: each test is a sentence and has a cluster of its own (fake_cluster.py)."""
import asyncio
import base64
import hashlib
import hmac
import json
import time
import traceback

from client import Client, Refused
from fake_cluster import CONFIG, FakeCluster

TESTS = []


def test(*options, config=CONFIG):
    def add(function):
        TESTS.append((function.__name__, function, options, config))
        return function
    return add


def eq(got, wanted):
    assert got == wanted, f"got {repr(got)[:300]}, wanted {repr(wanted)[:300]}"


def token(secret="secret", **claims):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    text = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (text + b"." + part(hmac.new(secret.encode(), text, hashlib.sha256).digest())).decode()


async def connect(cluster, jwt=None, **open_args):
    client = await Client.open(cluster.port, **open_args)
    result = await client.call(connect={"token": jwt} if jwt else {})
    assert isinstance(result, dict), result
    client.id = result["client"]
    return client


async def refused(*args, **kw):
    try:
        await Client.open(*args, **kw)
    except Refused as e:
        return e.status
    raise AssertionError("was let in")


def offsets(items):
    return [item["offset"] for item in items]


async def run(gateway, names):
    failed = 0
    for name, function, options, config in TESTS:
        if names and name not in names:
            continue
        start = time.monotonic()
        try:
            async with FakeCluster(gateway, 0, ("--log-level=error", *options), config) as cluster:
                await asyncio.wait_for(function(cluster), 30)
            if cluster.supervisor.process.returncode != 0:
                raise AssertionError(f"ended with {cluster.supervisor.process.returncode}")
            print(f"ok   {name.replace('_', ' ')} ({time.monotonic() - start:.2f} s)", flush=True)
        except BaseException:
            failed += 1
            print(f"FAIL {name.replace('_', ' ')}\n{traceback.format_exc()}", flush=True)
    return failed
