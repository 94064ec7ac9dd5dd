"""What an SDK that speaks Protobuf has to be able to do, whichever it is: js and java drive the same tour (sdk.Program)."""

import asyncio
import time

from sdk import token


def ann(seconds):
    return token(sub="ann", exp=int(time.time()) + seconds)


def tour(stack, sdk, channel):
    """Connect, subscribe, publish, presence, history, rpc, and tokens that run out."""
    lives = iter([2, 600])
    sdk.connect_protobuf(stack.ws(1), ann(2), lambda: ann(next(lives, 600)))
    client = sdk.wait_event("connected")["client"]
    sdk.subscribe(channel)
    sdk.wait_event("subscribed")
    assert "error" not in sdk.call("publish", channel=channel, data={"n": 1, "text": "é"})
    (first,) = sdk.wait_for(1, channel)
    assert (first["data"], first["offset"], first["info"]["user"], first["info"]["client"]) == ({"n": 1, "text": "é"}, 1, "ann", client)
    assert int(first["tags"]["id"]) > 0
    members = sdk.call("presence", channel=channel)["result"]["clients"]
    assert [(key, info["user"]) for key, info in members.items()] == [(client, "ann")]
    stats = sdk.call("presence_stats", channel=channel)["result"]
    assert (stats["numClients"], stats["numUsers"]) == (1, 1)
    said = sdk.call("rpc", method="cellcast.publish", data={"channel": channel, "data": 2, "idempotency_key": channel})
    assert said["result"]["data"]["offset"] == 2
    assert [e["data"] for e in sdk.wait_for(2, channel)][1] == 2
    history = sdk.call("history", channel=channel, options={"limit": 10})["result"]
    assert [(p["data"], p["offset"]) for p in history["publications"]] == [({"n": 1, "text": "é"}, 1), (2, 2)]
    assert history["offset"] == 2
    assert sdk.call("history", channel="quiet:x")["error"]["code"] == 108
    assert sdk.call("rpc", method="cellcast.nothing", data={})["error"]["code"] == 104
    sdk.wait(lambda e: sdk.count("token") >= 2)  # so the first one was taken, and said to run out as well
    assert "error" not in sdk.call("publish", channel=channel, data=3)
    assert sdk.count("connected") == 1 and sdk.count("disconnected") == 0


async def publish_over_a_kill(stack, switch, channel, n):
    """n publications; in the middle gateway 1, behind the switch, is killed, and its clients come to gateway 2."""
    old = stack.pid("gateway-1")
    for i in range(n):
        if i == n // 3:
            switch.target = ("127.0.0.1", stack.slot_base + 2)
            stack.kill("gateway-1")
        await asyncio.to_thread(lambda: stack.api("publish", {"channel": channel, "data": i}, gateway=2).raise_for_status())
    await asyncio.to_thread(stack.wait_back, "gateway-1", old)


def check_all(publications, n):
    assert [p["data"] for p in publications] == list(range(n))
    assert [p["offset"] for p in publications] == list(range(1, n + 1))
