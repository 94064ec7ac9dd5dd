"""10,000 channels of 10 subscribers each: CPU of the gateways per delivery, against send() in a loop and a peer"""

import sys

from compare import Floor
from workload import cpu_per_delivery


class FloorOfOne(Floor):
    """As many deliveries a second over as many sockets, of one channel: what sends alone cost."""

    def run(self, connections, messages, rate, subscriptions=1, channels=1, **flags):
        deliveries, seconds = rate * connections * subscriptions // channels, messages / rate
        per_ms = 1000 * connections // deliveries
        return super().run(connections=connections, messages=round(seconds * 1000 / per_ms), rate=1, per=f"{per_ms}ms", **flags)


if __name__ == "__main__":
    sys.exit(cpu_per_delivery("channels", 3.0, 0.8, floor=FloorOfOne, connections=10000, channels=10000, subscriptions=10, rate=500,
                              messages=5000))
