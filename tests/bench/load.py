"""Publishers that write down what they tried, what was acknowledged and what they rolled back: by SQL, with rollbacks and
savepoints; by the API, with idempotency keys and the same key again after an unknown outcome, some with `after`."""

import http.client
import json
import random
import threading
import time
from collections import Counter, deque

from checker import Published
from lean import STAMP
from stack import KEY

RETRY_FOR = 45  # seconds; a key is not tried again after a minute (design)
TEMPORARY = {100, 111}


def api_ports(stack):
    """The cell's and each gateway's own."""
    return [stack.port] + [stack.slot_base + n for n in range(1, stack.gateways + 1)]


class Api:
    """One connection to the HTTP API that is kept while it works."""

    def __init__(self, ports, timeout=6):
        self.ports, self.timeout, self.connection = ports, timeout, None

    def call(self, method, body):
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", random.choice(self.ports), timeout=self.timeout)
            self.connection.request("POST", f"/api/{method}", json.dumps(body), {"X-API-Key": KEY})
            response = self.connection.getresponse()
            text = response.read()
            if response.status != 200:
                raise OSError(f"status {response.status}")
            return json.loads(text)
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


class Load:
    """rate: messages a second, all publishers together; half by SQL, half by the API. batch: messages of one transaction or call
    of /api/batch; stamped: data says when it was published (lean.py's STAMP)."""

    def __init__(self, stack, channels, rate, seed, sql=3, api=4, batch=1, stamped=False):
        self.batch, self.stamped, self.acked = batch, stamped, []  # acked: (stamp, messages)
        self.stack, self.channels, self.published = stack, channels, Published()
        self.references, self.acknowledged = 0, deque(maxlen=200)
        self.counts, self.faults, self.publish_ms = Counter(), [], []
        self.stopping, self.prefix, self.threads = threading.Event(), f"{seed}", []
        self.ports = api_ports(stack)
        ways = (self._sql, self._api) if batch == 1 else (self._sql_batch, self._api_batch)
        for way, name, n in zip(ways, ("sql", "api"), (sql, api)):
            pace = rate / (2 if sql and api else 1) / max(n, 1) / batch
            self.threads += [threading.Thread(target=self._run, args=(way, f"{name} {i}", pace), daemon=True) for i in range(n)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(RETRY_FOR + 30)
            if thread.is_alive():
                self.faults.append("stuck: a publisher does not end")

    def _run(self, work, name, rate):
        dice, n, kept = random.Random(f"{self.prefix} {name}"), 0, {}
        due = time.monotonic() + dice.random() / rate
        self.stopping.wait(max(0, due - time.monotonic()))
        while not self.stopping.is_set():
            try:
                n += work(dice, name, n, kept)
            except Exception as error:
                self.faults.append(f"wrong: publisher {name} got {error!r}")
                time.sleep(0.1)
            due = max(due, time.monotonic() - 1) + 1 / rate
            self.stopping.wait(max(0, due - time.monotonic()))
        for resource in kept.values():
            resource.close()

    def data(self, name, n, stamp):
        return f"{name} {n}{STAMP}{stamp:.6f}" if self.stamped else f"{name} {n}"

    # -- by SQL

    def _sql(self, dice, name, n, kept):
        """One transaction. -> messages that it named"""
        import psycopg

        plan, committing = [], False
        kind = dice.choices(("one", "many", "savepoint", "rollback"), (6, 2, 1, 1))[0]
        began = time.monotonic()
        try:
            if "db" not in kept or kept["db"].closed:
                kept["db"] = self.stack.sql(connect_timeout=3)
            db = kept["db"]
            for i in range(1 if kind == "one" else 3):
                channel, data = dice.choice(self.channels), f"{name} {n + i}"
                plan.append((channel, data))
                rolled = kind == "savepoint" and i == 1
                if rolled:
                    db.execute("savepoint s")
                    self.published.rolled_back(channel, data)
                else:
                    self.published.tried(channel, data)
                db.execute("select cellcast.publish(%s, to_json(%s::text))", (channel, data))
                if rolled:
                    db.execute("rollback to savepoint s")
            if kind == "rollback":
                for channel, data in plan:
                    self.published.rolled_back(channel, data)
                db.rollback()
                self.counts["rolled back"] += len(plan)
            else:
                committing = True
                db.commit()
                self.publish_ms.append((began, (time.monotonic() - began) * 1000))
                for channel, data in plan:
                    if data not in self.published.rolled[channel]:
                        self.published.acknowledged(channel, data, None)
                        self.counts["by sql"] += 1
        except psycopg.Error as error:
            self.counts[f"sql: {type(error).__name__}"] += 1
            if not committing:
                for channel, data in plan:
                    self.published.rolled_back(channel, data)
            if "db" in kept:
                kept.pop("db").close()
            self.stopping.wait(0.1)
        return max(1, len(plan))

    # -- by the API

    def _api(self, dice, name, n, kept):
        stamp = time.monotonic()
        channel, data = dice.choice(self.channels), self.data(name, n, stamp)
        body = {"channel": channel, "data": data, "idempotency_key": data}
        recent = [r for r in list(self.acknowledged)[-20:] if r[0] != channel]
        after = dice.sample(recent, min(len(recent), 2)) if dice.random() < 0.3 else []
        if after:
            body["after"] = [f"{c}@{seq}" for c, seq in after]
        self.published.tried(channel, data)
        offset = self.publish(kept.setdefault("api", Api(self.ports)), body)
        if offset is not None:
            self.acked.append((stamp, 1))
            if after:
                self.references += 1
            self.acknowledged.append((channel, offset))
        return 1

    # -- many at once, for high rates

    def _plan(self, dice, name, n, stamp):
        plan = [(dice.choice(self.channels), self.data(name, n + i, stamp)) for i in range(self.batch)]
        for channel, data in plan:
            self.published.tried(channel, data)
        return plan

    def _sql_batch(self, dice, name, n, kept):
        import psycopg

        stamp = time.monotonic()
        plan = self._plan(dice, name, n, stamp)
        try:
            if "db" not in kept or kept["db"].closed:
                kept["db"] = self.stack.sql(connect_timeout=3)
            kept["db"].execute("select count(cellcast.publish(c, to_json(d))) from unnest(%s::text[], %s::text[]) t(c, d)",
                               ([c for c, _ in plan], [d for _, d in plan]))
            kept["db"].commit()
            self.publish_ms.append((stamp, (time.monotonic() - stamp) * 1000))
            for channel, data in plan:
                self.published.acknowledged(channel, data, None)
            self.acked.append((stamp, len(plan)))
            self.counts["by sql"] += len(plan)
        except psycopg.Error as error:  # the outcome is unknown
            self.counts[f"sql: {type(error).__name__}"] += 1
            if "db" in kept:
                kept.pop("db").close()
            self.stopping.wait(0.1)
        return len(plan)

    def _api_batch(self, dice, name, n, kept):
        stamp = time.monotonic()
        plan, api = self._plan(dice, name, n, stamp), kept.setdefault("api", Api(self.ports))
        left = plan
        while left and time.monotonic() - stamp < RETRY_FOR:
            try:
                replies = api.call("batch", {"commands": [{"publish": {"channel": c, "data": d, "idempotency_key": d}} for c, d in left]})["replies"]
            except Exception as error:
                self.counts[f"api: {type(error).__name__}"] += 1
                time.sleep(0.05)
                continue
            again = []
            for (channel, data), reply in zip(left, replies):
                if "publish" in reply:
                    self.published.acknowledged(channel, data, reply["publish"]["offset"])
                    self.acked.append((stamp, 1))
                    self.counts["by api"] += 1
                elif reply["error"]["code"] in TEMPORARY:
                    self.counts[f"api: error {reply['error']['code']}"] += 1
                    again.append((channel, data))
                else:
                    self.faults.append(f"wrong: the API refused {data!r} with {reply}")
            if again:
                time.sleep(0.1)
            left = again
        self.publish_ms.append((stamp, (time.monotonic() - stamp) * 1000))
        return len(plan)

    def publish(self, api, body):
        """Until it is acknowledged. -> offset; None: it was given up, and may be there or not"""
        began = time.monotonic()
        while time.monotonic() - began < RETRY_FOR:
            try:
                answer = api.call("publish", body)
            except Exception as error:
                self.counts[f"api: {type(error).__name__}"] += 1
                time.sleep(0.05)
                continue
            if error := answer.get("error"):
                self.counts[f"api: error {error['code']}"] += 1
                if error["code"] not in TEMPORARY:
                    self.faults.append(f"wrong: the API refused {body} with {error}")
                    return None
                time.sleep(0.1)
                continue
            offset = answer["result"]["offset"]
            self.published.acknowledged(body["channel"], body["data"], offset)
            self.publish_ms.append((began, (time.monotonic() - began) * 1000))
            self.counts["by api"] += 1
            return offset
        self.counts["api: given up"] += 1
        return None


def settle(stack, channels, seconds=90):
    """All that was committed, once nothing is on its way any more: neither rows of the outbox, nor publishes that their gateway
    sends again. -> {channel: [(seq, id, data)]}"""
    before, end, waiting = None, time.monotonic() + seconds, None
    while time.monotonic() < end:
        with stack.sql() as db:
            waiting = db.execute("select count(*) from cellcast.outbox").fetchone()[0]
            rows = {c: [] for c in channels}
            for channel, *row in db.execute("select channel, seq, id, convert_from(data, 'UTF8') from cellcast.message "
                                            "where channel = any(%s) order by channel, epoch, seq", ([f"default/{c}" for c in channels],)):
                rows[channel.partition("/")[2]].append(tuple(row))
        if rows == before and not waiting:
            return rows
        before = rows
        time.sleep(1)
    raise AssertionError(f"{waiting} rows of the outbox wait, and new rows keep coming")
