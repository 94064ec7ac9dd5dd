"""cellcast-gateway as a process between a fake sequencer, worker and supervisor, spoken to over real sockets.
usage: run.py GATEWAY [name_of_a_test ...]"""
import asyncio
import sys

import harness
import tests_bad_input  # noqa: F401
import tests_bodies  # noqa: F401
import tests_commands  # noqa: F401
import tests_http  # noqa: F401
import tests_links  # noqa: F401
import tests_recovery  # noqa: F401
import tests_streams  # noqa: F401

if __name__ == "__main__":
    sys.exit(1 if asyncio.run(harness.run(sys.argv[1], sys.argv[2:])) else 0)
