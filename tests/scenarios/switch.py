"""A TCP forwarder between an SDK and a gateway: where it leads can be changed, what goes through it can be cut."""

import asyncio


class Switch:
    def __init__(self, host, port):
        self.target = (host, port)
        self.refusing = False
        self.pairs = set()

    async def start(self):
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    async def _accept(self, reader, writer):
        if self.refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, far_writer)
        self.pairs.add(pair)
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        self.pairs.discard(pair)

    async def _copy(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()

    def cut(self):
        """Everybody is thrown out, as by a broken network."""
        for pair in list(self.pairs):
            for writer in pair:
                writer.transport.abort()

    async def stop(self):
        self.server.close()
        self.cut()
