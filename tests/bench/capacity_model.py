"""From what one gateway costs to what a cell needs. deploy/capacity.md tells it in words."""

import math
from dataclasses import dataclass


@dataclass
class Costs:
    """Of one gateway."""

    delivery_us: float  # CPU for one message to one subscriber
    idle_ms: float  # CPU in a second without traffic
    path_ms: float  # from the publisher to a subscriber who has no others before him


def last_ms(costs, subscribers, gateways, cores, beside_us=0.0):
    """From the publisher to the last subscriber of one channel. A gateway is one thread; beside_us: CPU for a delivery of what
    shares the cores with them, such as clients on the same machine."""
    longest = max(costs.delivery_us / min(gateways, cores), (costs.delivery_us + beside_us) / cores)
    return costs.path_ms + subscribers * longest / 1000


def cpu_ms(costs, gateways, deliveries):
    """CPU of all gateways in a second with so many deliveries."""
    return gateways * costs.idle_ms + deliveries * costs.delivery_us / 1000


def gateways_within(costs, subscribers, within_ms, margin=1.4):
    """Gateways, with a core each, that have reached the last subscriber of one channel in that time. margin: how far off the
    worst of what was measured is."""
    return math.ceil(margin * subscribers * costs.delivery_us / 1000 / (within_ms - costs.path_ms))
