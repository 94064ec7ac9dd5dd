"""Hundreds of subscribers that cost little, in a process of their own: bare WebSockets that speak the client protocol, recover
by offset, come and go, and write down everything they are told. The checker judges it in the same process.

`Crowd` is the handle of the parent. What it asks: ("calm",), ("finish", rows), ("end",); what it is told in between:
("seen", channel, data, gateway, time) for publications whose data begins with PROBE, by watchers."""

import asyncio
import gc
import json
import multiprocessing
import pickle
import random
import time
from collections import Counter

import checker

PROBE = "probe "
STAMP = " @"  # data ends in it and the monotonic time at which it was published: watchers report how long it took
RECOVERABLE = 2500  # unsubscribe codes from here on mean: subscribe again, with recovery


class Track:
    """One subscription, over all reconnects."""

    def __init__(self, channel):
        self.channel, self.offsets, self.data, self.answers = channel, [], [], []
        self.epoch, self.position, self.until, self.wants_end, self.retry_at = None, None, None, False, None

    def observed(self):
        return checker.Observed(self.channel, self.offsets, self.data, answers=self.answers, until=self.until)

    def end(self):
        self.until = self.position or 0


class Person:
    def __init__(self, crowd, number, url, channels, watches=None):
        self.crowd, self.number, self.url, self.watches = crowd, number, url, watches
        self.tracks = {c: Track(c) for c in channels}
        self.done, self.told = [], checker.Told() if hasattr(checker, "Told") else None
        self.ws, self.connected, self.leaving, self.asked, self.id, self.away = None, False, False, {}, 0, 0
        self.heard, self.lost = time.monotonic(), None

    def note(self, text):
        """A line of the watchers' diary."""
        if self.watches is not None and self.crowd.diary:
            print(time.strftime("%T", time.gmtime()) + f"{time.time() % 1:.3f}"[1:], f"gateway {self.watches}", text, file=self.crowd.diary, flush=True)

    # -- what it says

    def command(self, what, verb, **fields):
        self.id += 1
        self.asked[self.id] = what
        return json.dumps({"id": self.id, verb: fields})

    def subscribe(self, track):
        track.retry_at = None
        since = {} if track.position is None else {"recover": True, "epoch": track.epoch, "offset": track.position}
        return self.command(("subscribe", track, track.position), "subscribe", channel=track.channel, **since)

    async def say(self, *commands):
        if self.ws and commands:
            try:
                await self.ws.send("\n".join(commands))
            except Exception:  # the reader sees it, too
                pass

    def publish(self, channel, data):
        return self.say(self.command(("publish", channel, data), "publish", channel=channel, data=data))

    # -- what it is told

    async def run(self):
        import websockets

        while not self.leaving:
            try:
                async with asyncio.timeout(6):
                    self.ws = await websockets.connect(self.url, ping_interval=None, open_timeout=None, close_timeout=0.1, max_size=None,
                                                       compression=None)
            except Exception as error:
                self.crowd.counts[f"connect failed: {type(error).__name__}"] += 1
                self.note(f"connect failed: {error!r}")
                await asyncio.sleep(random.uniform(0.05, 0.4))
                continue
            try:
                await self.session()
            except websockets.ConnectionClosed as closed:
                self.crowd.counts[f"closed {closed.rcvd.code if closed.rcvd else 'without a code'}"] += 1
                self.note(f"closed: {closed}")
            except OSError:
                pass
            finally:
                self.lost = self.lost or time.monotonic()
                self.connected = False
                self.ws.transport.abort()
                self.ws = None
            await asyncio.sleep(max(random.uniform(0.02, 0.2), self.away))
            self.away = 0

    async def session(self):
        self.asked, self.id, self.heard = {}, 0, time.monotonic()
        self.note("open")
        for channel, track in self.tracks.items():
            if track.wants_end:
                self.begin_anew(channel)
        await self.say(self.command(("connect",), "connect"), *(self.subscribe(t) for t in self.tracks.values()))
        while True:
            frame = await self.ws.recv()
            self.heard = time.monotonic()
            for line in frame.split("\n"):
                await self.hear(json.loads(line))

    async def hear(self, message):
        if self.leaving:
            return
        if push := message.get("push"):
            track = self.tracks.get(push["channel"])
            if pub := push.get("pub"):
                self.take(track, pub)
            elif what := push.get("unsubscribe"):
                self.crowd.counts[f"unsubscribed {what['code']}"] += 1
                if what["code"] < RECOVERABLE:
                    self.begin_anew(track.channel)
                await self.say(self.subscribe(self.tracks[track.channel]))
        elif id := message.get("id"):
            await self.answered(self.asked.pop(id), message)
        elif not message:
            await self.say("{}")

    async def answered(self, what, message):
        error = message.get("error")
        if error:
            self.crowd.counts[f"{what[0]} refused: {error['code']}"] += 1
            self.note(f"{what[0]} refused: {error['code']}")
        if what[0] == "connect":
            self.connected = not error
            if error:
                self.ws.transport.abort()
        elif what[0] == "publish" and not error:
            self.crowd.published.acknowledged(what[1], what[2], None)
        elif what[0] == "subscribe":
            track, asked = what[1], what[2]
            if error:
                track.retry_at = time.monotonic() + random.uniform(0.1, 0.5)
            else:
                self.subscribed(track, asked, message["subscribe"])
        elif what[0] == "unsubscribe":
            self.begin_anew(what[1].channel)
            await self.say(self.subscribe(self.tracks[what[1].channel]))

    def subscribed(self, track, asked, result):
        recovered, offset = result.get("recovered", False), result.get("offset", 0)
        if track.epoch and result["epoch"] != track.epoch:
            self.crowd.counts["another epoch"] += 1
        if recovered and offset != asked:
            self.crowd.faults.append(f"recovery: {track.channel} was asked for from {asked} and answered from {offset}")
        track.answers.append(checker.Answer(len(track.offsets), offset, asked, recovered))
        self.crowd.counts["subscribed" if asked is None else "recovered" if recovered else "not recovered"] += 1
        if self.lost and not any(what[0] == "subscribe" for what in self.asked.values()):
            self.crowd.reconnects.append((self.lost, (time.monotonic() - self.lost) * 1000))
            self.lost = None
        self.note(f"subscribed {track.channel} recovered={recovered} with={len(result.get('publications', ()))}")
        track.epoch, track.position = result["epoch"], offset
        if self.told:
            self.told.subscribed(f"default/{track.channel}")
        for pub in result.get("publications", ()):
            self.take(track, pub)

    def take(self, track, pub):
        offset, data = pub["offset"], self.crowd.text(pub["data"])
        track.offsets.append(offset)
        track.data.append(data)
        track.position = offset
        if self.told:
            self.told.publication(f"default/{track.channel}", offset, pub.get("tags"))
        self.crowd.delivered += 1
        if self.watches is not None and data.startswith(PROBE):
            self.crowd.pipe.send(("seen", track.channel, data, self.watches, time.monotonic()))
        elif self.watches is not None and (at := data.rfind(STAMP)) >= 0:
            stamp = float(data[at + len(STAMP):])
            self.crowd.arrivals.append((stamp, (time.monotonic() - stamp) * 1000))

    # -- coming and going

    def begin_anew(self, channel):
        self.tracks[channel].end()
        self.done.append(self.tracks[channel])
        self.tracks[channel] = Track(channel)

    async def tick(self, now, restless):
        if self.ws and now - self.heard > 37:
            self.crowd.counts["cut after silence" + (", a watcher" if self.watches is not None else "")] += 1
            self.ws.transport.abort()
        elif self.connected:
            await self.say(*(self.subscribe(t) for t in self.tracks.values() if t.retry_at and t.retry_at < now))
        if not restless or not self.connected or self.watches is not None:
            return
        dice = random.random()
        if dice < 0.012:
            self.away = random.choice((0, 0, 0.5, 5))
            self.ws.transport.abort()
        elif dice < 0.018:
            track = random.choice(list(self.tracks.values()))
            if track.position is not None and not track.retry_at and not track.wants_end:
                track.wants_end = True
                await self.say(self.command(("unsubscribe", track), "unsubscribe", channel=track.channel))
        elif dice < 0.021:
            self.leave()
            self.crowd.welcome(self.number)

    def leave(self):
        self.leaving = True
        for track in self.tracks.values():
            track.end()
        self.done += self.tracks.values()
        self.tracks = {}
        if self.ws:
            self.ws.transport.abort()


class CrowdProcess:
    def __init__(self, pipe, options):
        self.pipe, self.o = pipe, options
        self.random = random.Random(options["seed"])
        self.published, self.counts, self.faults, self.delivered = checker.Published(), Counter(), [], 0
        self.people, self.sdk, self.restless, self.tasks = [], [], True, set()
        self.diary = open(options["diary"], "w") if options.get("diary") else None
        self.texts = {}, {}
        self.late_ms = 0  # how long our own loop stood still at most: what it saw, it saw so much later
        self.arrivals, self.reconnects = [], []  # (when it was published, ms); (when it was lost, ms)

    def text(self, data):
        """The same string for everybody who is told it; two generations, so that it is no leak."""
        young, old = self.texts
        if data in young:
            return young[data]
        young[data] = old.get(data, data)
        if len(young) > 20000:
            self.texts = {}, young
        return young.get(data, data)

    def welcome(self, number):
        """Person number, on a gateway of its own choice: half of them over the public port."""
        urls = self.o["urls"]
        url = urls[0] if number % 2 else urls[1 + number // 2 % (len(urls) - 1)]
        self.join(Person(self, number, url, self.random.sample(self.o["channels"], self.o["channels_each"])))

    def join(self, person):
        self.people.append(person)
        task = asyncio.create_task(person.run())
        self.tasks.add(task)
        task.add_done_callback(self.ended)

    def ended(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.faults.append(f"wrong: a subscriber ended with {task.exception()!r}")

    async def ticking(self):
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.5)
            now = time.monotonic()
            self.late_ms = max(self.late_ms, (now - last - 0.5) * 1000)
            last = now
            for person in list(self.people):
                if not person.leaving:
                    await person.tick(now, self.restless and self.o.get("churn", True))

    async def publishing(self):
        """Publishes by clients: sent once, so an unanswered one is there once or not at all."""
        n = 0
        while self.restless:
            await asyncio.sleep(1 / self.o["rate"] if self.o["rate"] else 3600)
            people = [p for p in self.people if p.connected and not p.watches and not p.leaving]
            if people and self.restless:
                n += 1
                channel, data = self.random.choice(self.o["channels"]), f"client {n}"
                self.published.tried(channel, data)
                await self.random.choice(people).publish(channel, data)

    async def sdks(self):
        from sdk import JsPerson, Person as PythonPerson

        for n in range(self.o["python"]):
            try:
                person = await PythonPerson(self.o["urls"][0], min_reconnect_delay=0.05, max_reconnect_delay=0.5).connect()
                for channel in self.random.sample(self.o["channels"], 3):
                    await person.subscribe(channel)
                self.sdk.append(person)
            except Exception as error:
                self.faults.append(f"wrong: centrifuge-python could not begin: {error!r}")
        for n in range(self.o["javascript"]):
            person = JsPerson()
            person.send(op="connect", url=self.o["urls"][0], options={"minReconnectDelay": 50, "maxReconnectDelay": 500})
            person.channels = self.random.sample(self.o["channels"], 3)
            for channel in person.channels:
                person.send(op="subscribe", channel=channel)
            self.sdk.append(person)

    async def run(self):
        loop = asyncio.get_running_loop()
        asked = asyncio.Queue()
        loop.add_reader(self.pipe.fileno(), lambda: asked.put_nowait(self.pipe.recv()))
        for gateway, url in enumerate(self.o["urls"][1:], 1):
            self.join(Person(self, 0, url, self.o["channels"], watches=gateway))
        for n in range(1, self.o["subscribers"] + 1):
            self.welcome(n)
        await self.sdks()
        others = [asyncio.create_task(self.ticking()), asyncio.create_task(self.publishing())]
        while not all(t.position is not None for p in self.people for t in p.tracks.values()):
            await asyncio.sleep(0.05)
        self.pipe.send(("began",))
        while True:
            what, *more = await asked.get()
            if what == "calm":
                self.restless = False
                await asyncio.sleep(6)  # the longest that a publish may go unanswered
                self.pipe.send(("published", dict(self.published.tries), dict(self.published.acks)))
            elif what == "finish":
                answer = await self.finish(*more)
                self.pipe.send(("finished", answer))
            else:
                break
        for task in others:
            task.cancel()
        for person in self.people:
            person.leave()
        for person in self.sdk:
            if hasattr(person, "close") and hasattr(person, "process"):
                person.close()

    def sdk_observed(self):
        for person in self.sdk:
            if hasattr(person, "recorders"):
                for channel, r in person.recorders.items():
                    yield checker.Observed(channel, r.offsets, r.publications, r.recovered)
            else:
                for channel in person.channels:
                    of = [e for e in list(person.events) if e.get("channel") == channel]
                    pubs = [e for e in of if e["event"] == "publication"]
                    answers = [(e["wasRecovering"], e["recovered"]) for e in of if e["event"] == "subscribed"]
                    yield checker.Observed(channel, [e["offset"] for e in pubs], [e["data"] for e in pubs], answers)

    def behind(self, heads):
        """Who has not been told everything yet."""
        late = [f"subscriber {p.number} of {p.url}: {t.channel} at {t.position} of {heads[t.channel]}, connected={p.connected}"
                for p in self.people for t in p.tracks.values() if (t.position or 0) < heads[t.channel]]
        return late + [f"an SDK: {o.channel} at {o.offsets[-1:]} of {heads[o.channel]}" for o in self.sdk_observed()
                       if (o.offsets[-1] if o.offsets else 0) < heads[o.channel]]

    async def finish(self, path):
        with open(path, "rb") as file:
            rows = pickle.load(file)
        heads = {channel: max((seq for seq, _, _ in of), default=0) for channel, of in rows.items()}
        end = time.monotonic() + self.o["patience"]
        while (late := self.behind(heads)) and time.monotonic() < end:
            await asyncio.sleep(0.2)
        found = list(self.faults)
        observed = [t.observed() for p in self.people for t in (*p.done, *p.tracks.values())] + list(self.sdk_observed())
        truth = {channel: {seq: json.loads(text) for seq, _, text in of} for channel, of in rows.items()}
        for one in observed:
            found += checker.check_observed(one, rows[one.channel], truth[one.channel])
        for person in self.people:
            found += checker.check_causal(person.told) if person.told else ()
        return {"violations": found, "late": late, "delivered": self.delivered, "observed": len(observed), "counts": dict(self.counts),
                "arrivals": self.arrivals, "reconnects": self.reconnects, "late_ms": round(self.late_ms)}


def crowd_process(pipe, options):
    gc.disable()  # a full collection over millions of notes stands still for seconds, and what is seen meanwhile is seen late
    asyncio.run(CrowdProcess(pipe, options).run())


class Crowd:
    """options: urls (the public one, then each gateway's own), channels, channels_each, subscribers, rate (of publishes by
    clients), python, javascript (SDK clients), seed, patience (seconds), churn (False: they stay), diary (a file: what befell the
    watchers)."""

    def __init__(self, **options):
        context = multiprocessing.get_context("spawn")
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=crowd_process, args=(far, options), daemon=True)
        self.process.start()
        far.close()

    def hear(self, seconds):
        """The next thing told, or None."""
        return self.pipe.recv() if self.pipe.poll(seconds) else None

    def wait(self, name, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if (told := self.hear(left)) and told[0] == name:
                return told[1:]
        raise TimeoutError(f"the crowd did not say '{name}' in {seconds} s")

    def ask(self, *what):
        self.pipe.send(what)

    def close(self):
        try:
            self.ask("end")
            self.process.join(5)
        except OSError:
            pass
        self.process.kill()
