"""webhooks: 5,000 clients come, are dropped at once (all gateways killed), come back and go: events, rows, and what an event costs"""

import copy
import json
import os
import signal
import sys
import time
from collections import Counter

from compare import Cellcast, generate
from cpu import cpu_s, tree_cpu_s
from receiver import Receiver
from stack import CONFIGURATION, KEY, wait_until
from workload import options



class Told(Cellcast):
    """A stack whose tenant default has an endpoint, or has none."""

    def configure(self, receiver=None):
        configuration = copy.deepcopy(CONFIGURATION)
        if receiver:
            configuration["tenants"][0]["options"] |= {"webhook_url": receiver.url, "webhook_secret": receiver.secret}
        self.stack.configure(configuration)
        time.sleep(3)

    def cpu(self):
        """Of what is not killed: seconds by process."""
        postmaster = int((self.stack.home / "postgres/postmaster.pid").read_text().split()[0])
        return {"postgres": tree_cpu_s(postmaster), "sender": cpu_s(self.stack.pid("webhooks")),
                "workers": sum(cpu_s(int(pid)) for pid in self.pids("worker").split("+"))}

    def storm(self):
        time.sleep(4)
        for pid in self.pids("gateway").split("+"):
            os.kill(int(pid), signal.SIGKILL)

    def measure(self, name, o):
        """-> the generator's report, CPU seconds from before the first client until its last trace is told"""
        before = self.cpu()
        report = generate(self.storm, server=f"127.0.0.1:{self.stack.port}", api=self.stack.http(), api_key=KEY, channel=f"quiet:{name}-",
                          connections=o.connections, channels=o.channels, rate=10, messages=10 * o.seconds, linger="20s", may_lose="true",
                          connect_rate=1000)
        with self.stack.sql(autocommit=True) as db:
            gone = lambda: db.execute("select count(*) from cellcast.webhook_held").fetchone()[0] == 0
            wait_until(gone, 60, "everybody is gone", every=0.5)
        time.sleep(25 - 5 if name == "off" else 2)
        return report, {k: round(v - before[k], 2) for k, v in self.cpu().items()}


def main():
    o = options("webhooks", connections=5000, channels=500, gateways=3, seconds=20)
    server, receiver = Told(o.gateways), Receiver()
    try:
        server.start()
        server.stack.start_webhooks()
        wait_until(lambda: server.stack.pid("webhooks"), 10, "the sender runs")
        _, off = server.measure("off", o)
        server.configure(receiver)
        report, on = server.measure("on", o)
        with server.stack.sql() as db:
            rows = db.execute("select last_value from cellcast.webhook_event_id_seq").fetchone()[0]
    finally:
        server.stop()
    names = Counter(e["name"] for e in receiver.events)
    events, again = len(receiver.events), report["connections"]["lost"]
    figures = {"events": dict(names), "rows": rows, "batches": len(receiver.batches), "came_back": again,
               "cpu_s_off": off, "cpu_s_on": on,
               "us_per_event": {k: round((on[k] - off[k]) / max(1, events) * 1e6, 1) for k in on}}
    holds = (report["ok"] and names["client_connected"] == names["client_disconnected"] == o.connections + again
             and names["channel_occupied"] == names["channel_vacated"] == o.channels)
    print(json.dumps({"bench": "webhooks", "options": vars(o), **figures, "failures": report["failures"],
                      "claim": "each connection is told twice, each channel twice however often its subscribers came back", "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
