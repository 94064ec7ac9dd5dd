"""one channel, 10,000 subscribers, 3 messages/s: CPU of the gateways per delivery, against send() in a loop and a peer"""

import sys

from workload import cpu_per_delivery

if __name__ == "__main__":
    sys.exit(cpu_per_delivery("fanout", 1.30, 0.5, connections=10000, rate=3, messages=45))
