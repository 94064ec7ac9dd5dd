"""The disk is full: what can't be kept is not confirmed, nothing that was is lost, and once there is room, and who ended for want of
it is started again, all goes on."""

import asyncio
import contextlib
import os
import subprocess

import psycopg
import pytest

from stack import Stack, wait_until
from test_50_kill import Load, is_alive

MEGABYTE = 1 << 20


class Disk:
    """A file system of its own under a folder, which can be filled."""

    def __init__(self, folder, megabytes):
        self.folder, self.filler = folder, folder / "filler"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "cellcast-test", folder], check=True)

    def fill(self):
        with open(self.filler, "ab", buffering=0) as filler:
            for size in (MEGABYTE, 4096):
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError:
                    pass

    def free(self):
        self.filler.unlink()

    def close(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)
        with contextlib.suppress(OSError):  # unless something is kept in there
            self.folder.rmdir()
            self.folder.parent.rmdir()


def can_mount():
    return os.getuid() == 0 and subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="a file system of its own can only be mounted as root, with CAP_SYS_ADMIN")


@pytest.fixture
def tight(request):
    """A stack whose PostgreSQL, or broker, has a small disk of its own."""
    s = Stack(gateways=1, workers=1)
    disk = Disk(s.home / request.param, 500)
    try:
        s.start()
        yield s, disk
    finally:
        s.stop()
        disk.close()


def goes_through(stack, channel):
    try:
        return "offset" in stack.publish(channel, "?")
    except Exception:
        return False


# Take up what PostgreSQL had set aside before the disk was full: a table that cannot grow is an error, a log that cannot is a crash.
UNTIL_FULL = {"tables": "CREATE TABLE filler AS SELECT n FROM generate_series(1, 10000000) n",
              "log": "SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000)) FROM generate_series(1, 1000)"}


def write_until_full(stack, what):
    with pytest.raises(psycopg.Error), stack.sql(autocommit=True) as db:
        db.execute(UNTIL_FULL[what])


@pytest.mark.parametrize("what", UNTIL_FULL)
@pytest.mark.parametrize("tight", ["postgres"], indirect=True)
async def test_postgresql_has_no_room(tight, channel, what):
    stack, disk = tight
    load = Load(stack, channel)
    await load.start()
    await asyncio.sleep(1)
    disk.fill()
    await asyncio.to_thread(write_until_full, stack, what)
    await asyncio.to_thread(wait_until, lambda: not goes_through(stack, channel), 30, "a database without room confirms nothing")
    await asyncio.sleep(3)
    assert not await asyncio.to_thread(goes_through, stack, channel)
    disk.free()
    if what == "log":  # PostgreSQL ends when it can't write that it was recovered
        await asyncio.to_thread(stack.start_postgres)
    assert await load.finish() == []
    await asyncio.to_thread(stack.wait_ready)


@pytest.mark.parametrize("tight", ["kafka"], indirect=True)
async def test_the_broker_has_no_room(tight, channel):
    """Publishes go on: PostgreSQL is first, and has room. What it has is delivered when the broker has, too."""
    stack, disk = tight
    load = Load(stack, channel)
    broker = int((stack.home / "kafka/kafka.pid").read_text())
    await load.start()
    await asyncio.sleep(1)
    disk.fill()
    await asyncio.to_thread(wait_until, lambda: not is_alive(broker), 60, "a broker without room ends")
    assert await asyncio.to_thread(goes_through, stack, channel)
    disk.free()
    await asyncio.to_thread(stack.start_kafka)
    assert await load.finish() == []
    await asyncio.to_thread(stack.wait_ready)
