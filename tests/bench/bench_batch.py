"""500 subscribers of one channel, 500 messages/s: CPU of the gateways per delivered message when several can go in one write"""

import sys

from workload import cpu_per_delivery

# Each by itself, so that it is the server who puts them together, and enough publishers that waiting for commits delays none.
ONE_BY_ONE = {"publishers": 8, "batch_max": 1}

if __name__ == "__main__":
    sys.exit(cpu_per_delivery("batch", 0.25, 0.2, ONE_BY_ONE, connections=500, rate=500, messages=2500))
