"""A TCP link between a service and a server that can become a black hole: nothing passes, nothing is closed, nobody is told."""

from __future__ import annotations

import asyncio
import contextlib

from deploy.local.ports import LOOPBACK

CHUNK = 65_536


class TcpLink:
    """Listens on a free port and passes everything on to `target_port`; `open` cleared makes it a black hole."""

    def __init__(self, target_port: int) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.port = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.open.wait()
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
            directions = [
                asyncio.ensure_future(self._pass(reader, there_writer)),
                asyncio.ensure_future(self._pass(there_reader, writer)),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for direction in directions:
                    direction.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
                there_writer.close()
        except OSError:
            pass  # the server is away: the client sees a closed connection
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self.open.wait()
                writer.write(data)
                await writer.drain()
