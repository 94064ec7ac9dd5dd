"""one cell's topic taken away: delivery of the other cell meanwhile, and the time to catch up"""

import argparse
import asyncio
import copy
import json
import sys
import threading
import time

import requests

from kafka_help import Topics
from sdk import Person
from stack import CONFIGURATION, Stack, wait_until


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run parking")
    for name, default in (("rate", 200), ("seconds", 20), ("messages", 50000), ("channels", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def relay(stack, name):
    text = requests.get(f"http://127.0.0.1:{stack.relay_admin}/metrics", timeout=5).text
    return float(next(line for line in text.splitlines() if line.startswith(f"cellcast_relay_{name}{{")).rsplit(" ", 1)[1])


def publish(stack, o, seconds):
    with stack.sql(autocommit=True) as db:
        begun = time.monotonic()
        for n in range(o.rate * seconds):
            time.sleep(max(0, begun + n / o.rate - time.monotonic()))
            db.execute("select cellcast.publish('watched', to_json(%s::bigint))", (time.time_ns(),))


async def phase(stack, o, recorder, seconds):
    first = len(recorder.publications)
    await asyncio.to_thread(publish, stack, o, seconds)
    await recorder.wait_for(first + o.rate * seconds, 60)
    ms = sorted((at - int(data)) / 1e6 for at, data in zip(recorder.arrived_ns[first:], recorder.publications[first:]))
    return {"p50_ms": round(ms[len(ms) // 2], 2), "p99_ms": round(ms[int(len(ms) * 0.99)], 2), "max_ms": round(ms[-1], 2)}


def fill(stack, o):
    """Messages that the parked cell will lack."""
    with stack.sql(autocommit=True) as db:
        for part in range(0, o.messages, 1000):
            db.execute("select cellcast.publish('backlog-' || n %% %s, to_json(repeat('x', 200))) from generate_series(1, %s) n",
                       (o.channels, min(1000, o.messages - part)))
        wait_until(lambda: db.execute("select count(*) from cellcast.outbox").fetchone()[0] == 0, 300, "the outbox is empty", 0.5)


async def measure(stack, o):
    topics, topic = Topics(stack.kafka), "cellcast.b"
    person = await Person(stack.ws()).connect()
    recorder = await person.subscribe("watched")
    await phase(stack, o, recorder, 3)
    result = {"both": await phase(stack, o, recorder, o.seconds)}
    gone = threading.Thread(target=topics.make_wrong, args=(topic,))
    gone.start()
    result["topic_gone"] = await phase(stack, o, recorder, o.seconds)
    gone.join()
    result["parked"] = relay(stack, "cells_parked")
    await asyncio.to_thread(fill, stack, o)  # a cell that was not parked by then has filled the bounds
    result["parked_by_backlog"] = relay(stack, "cells_parked")
    if result["parked_by_backlog"] != 1:
        print(stack.last_words(), file=sys.stderr)
    before = relay(stack, "caught_up_total")
    await asyncio.to_thread(topics.delete, topic)
    await asyncio.to_thread(wait_until, lambda: topics.partitions(topic) == 16, 60, "the relay has made it again", 0.02)
    begun = time.monotonic()
    beside = asyncio.create_task(phase(stack, o, recorder, o.seconds))
    await asyncio.to_thread(wait_until, lambda: relay(stack, "cells_parked") == 0, 600, "it has rejoined", 0.02)
    seconds = time.monotonic() - begun
    result["catching_up"] = await beside
    caught = relay(stack, "caught_up_total") - before
    result |= {"caught_up": int(caught), "catch_up_s": round(seconds, 2), "caught_up_per_s": round(caught / seconds)}
    await person.close()
    return result


def main():
    o = arguments()
    stack = Stack(gateways=1, workers=1, kafka_profile="perf")
    configuration = copy.deepcopy(CONFIGURATION)
    configuration["cells"].append({"name": "b"})
    configuration["tenants"][0]["cells"].append("b")
    try:
        stack.start()
        stack.configure(configuration)
        wait_until(lambda: Topics(stack.kafka).partitions("cellcast.b") == 16, 20)
        time.sleep(2)
        result = asyncio.run(measure(stack, o))
    finally:
        stack.stop()
    print(json.dumps(result | {"options": vars(o)}))
    if result["parked_by_backlog"] != 1 or result["caught_up"] < o.messages:
        sys.exit("the cell was not parked, or was not caught up")
    if result["topic_gone"]["p99_ms"] > max(2 * result["both"]["p99_ms"], result["both"]["p99_ms"] + 20):
        sys.exit("the neighbour has paid")


main()
