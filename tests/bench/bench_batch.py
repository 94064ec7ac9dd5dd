"""500 subscribers of one channel, 500 messages/s: CPU of the gateways per delivered message when several can go in one write"""

import sys

from workload import cpu_per_delivery

if __name__ == "__main__":
    sys.exit(cpu_per_delivery("batch", 0.25, 0.2, connections=500, rate=500, messages=5000))
