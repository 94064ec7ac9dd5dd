"""One-way transports, as a program without an SDK speaks them: what the server subscribes it to, in bare pushes."""

import json

import pytest
import requests
import websockets

from sdk import token
from stack import wait_until

STREAMS = ("uni_http_stream", "uni_sse")


class Listener:
    """The answer to one request, line by line."""

    def __init__(self, stack, name, request, gateway=None):
        url = stack.http(f"/connection/{name}", gateway)
        if name == "uni_sse":
            self.answer = requests.get(url, params={"cf_connect": json.dumps(request)}, stream=True, timeout=20)
        else:
            self.answer = requests.post(url, json=request, stream=True, timeout=20)
        assert self.answer.status_code == 200, self.answer.text
        self.lines = self.answer.iter_lines(chunk_size=1)

    def next(self):
        """The next push; pings are passed over."""
        while True:
            line = next(self.lines).decode().removeprefix("data: ")
            if line not in ("", "{}"):
                return json.loads(line)

    def close(self):
        self.answer.close()


@pytest.mark.parametrize("name", STREAMS)
def test_a_listener_hears_the_channels_of_its_token(stack, name, channel):
    listener = Listener(stack, name, {"token": token(sub="42", channels=[channel])})
    connect = listener.next()["connect"]
    assert connect["subs"][channel]["recoverable"] and "pong" not in connect and len(connect["session"]) == 36
    for n in range(3):
        stack.publish(channel, {"n": n})
    heard = [listener.next() for _ in range(3)]
    assert [(p["channel"], p["pub"]["offset"], p["pub"]["data"]) for p in heard] == [(channel, n + 1, {"n": n}) for n in range(3)]
    listener.close()
    # It comes back elsewhere and says where it was.
    stack.publish(channel, {"n": 3})
    again = Listener(stack, name, {"token": token(sub="42", channels=[channel]),
                                   "subs": {channel: {"recover": True, "offset": 3, "epoch": connect["subs"][channel]["epoch"]}}}, gateway=2)
    sub = again.next()["connect"]["subs"][channel]
    missed = sub.get("publications") or [again.next()["pub"]]  # what it missed is in the reply, or follows
    assert sub["recovered"] and [p["offset"] for p in missed] == [4]
    again.close()


@pytest.mark.parametrize("name", STREAMS)
def test_a_listener_names_channels_that_it_may_have(stack, name, channel):
    listener = Listener(stack, name, {"subs": {channel: {}, "closed:x": {}}})
    assert list(listener.next()["connect"]["subs"]) == [channel]
    stack.publish(channel, 1)
    assert listener.next()["pub"]["data"] == 1
    listener.close()


@pytest.mark.parametrize("name", STREAMS)
def test_the_end_of_a_listener_is_a_disconnect(stack, name):
    user = f"unwanted-{name}"
    listener = Listener(stack, name, {"token": token(sub=user)})
    listener.next()
    stack.api("disconnect", {"user": user})
    assert listener.next() == {"disconnect": {"code": 3503, "reason": "force disconnect"}}
    with pytest.raises(StopIteration):
        listener.next()
    for bad, code in (({"token": token(sub="1", exp=1)}, 3005), ({"token": "nonsense"}, 3500)):
        assert Listener(stack, name, bad).next()["disconnect"]["code"] == code


async def test_a_websocket_may_be_one_way(stack, channel):
    url = stack.ws().replace("/connection/websocket", "/connection/uni_websocket")
    async with websockets.connect(url, ping_interval=None) as socket:
        await socket.send(json.dumps({"token": token(sub="42", channels=[channel])}))
        assert channel in json.loads(await socket.recv())["connect"]["subs"]
        for n in range(3):
            stack.publish(channel, n)
        assert [json.loads(await socket.recv())["pub"]["data"] for _ in range(3)] == [0, 1, 2]
    async with websockets.connect(url, ping_interval=None) as socket:
        await socket.send(json.dumps({"token": token(sub="1", exp=1)}))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd.code == 3005


def test_connections_are_counted_by_transport(stack, channel):
    listener = Listener(stack, "uni_sse", {})
    listener.next()
    wait_until(lambda: any(line.startswith("cellcast_gateway_uni_sse_connections{") and float(line.split()[-1]) >= 1
                           for line in stack.metrics().splitlines()), 10, "a one-way connection is counted")
    listener.close()
