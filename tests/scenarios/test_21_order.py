"""Once and in order, under many publishers at a time."""

import asyncio
import json
import random
import threading

from sdk import Person


async def test_1000_messages_on_50_channels_from_20_publishers_arrive_once_and_in_order(stack):
    channels = [f"many-{n}" for n in range(50)]
    subscribers = []
    for n in range(100):
        person = await Person(stack.ws(1 + n % stack.gateways)).connect()
        for channel in random.sample(channels, 5):
            await person.subscribe(channel)
        subscribers.append(person)
    acknowledged = {channel: {} for channel in channels}
    failures = []

    def publisher(number):
        try:
            with stack.sql(autocommit=True) as db:
                for i in range(50):
                    channel, data = random.choice(channels), f"{number}-{i}"
                    if i % 2:
                        acknowledged[channel][data] = stack.publish(channel, data)["offset"]
                    else:
                        db.execute("select cellcast.publish(%s, %s)", (channel, json.dumps(data)))
                        acknowledged[channel][data] = None
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=publisher, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    await asyncio.to_thread(lambda: [thread.join() for thread in threads])
    assert not failures
    for person in subscribers:
        for channel, recorder in person.recorders.items():
            await recorder.wait_for(len(acknowledged[channel]), 30)
    for channel in channels:
        committed = [(seq, json.loads(data)) for seq, _, data in stack.rows(f"default/{channel}")]
        assert [seq for seq, _ in committed] == list(range(1, len(acknowledged[channel]) + 1))
        for data, offset in acknowledged[channel].items():
            assert offset is None or committed[offset - 1][1] == data
        for person in subscribers:
            if recorder := person.recorders.get(channel):
                assert list(zip(recorder.offsets, recorder.publications)) == committed
    for person in subscribers:
        await person.close()


async def test_one_publisher_keeps_its_order(stack, channel):
    listener, speaker = await Person(stack.ws(1)).connect(), await Person(stack.ws(2)).connect()
    recorder = await listener.subscribe(channel)
    await asyncio.gather(*(speaker.client.publish(channel, n) for n in range(300)))
    await recorder.wait_for(300)
    assert recorder.publications == list(range(300))
    await listener.close()
    await speaker.close()
