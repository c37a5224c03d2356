"""Fetches NDW's files and publishes what concerns the city over MQTT, from where it goes the way of every sensor's messages.

Called by `stadspuls pull-ndw`. A file that has not changed is not published again; one that cannot be had is reported and fetched again at
the next round. Publishing twice stores nothing twice: a reading's identity is in the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx
import structlog

from ingest.pull.ndw_cut import MAX_FILE_BYTES, cut, unpacked
from models.domain.failures import UserError

FETCH_SECONDS = 60.0
_UNCHANGED = 304


class Sink(Protocol):
    """Where messages go: `publish` waits while too many are on their way, `drain` until the broker has all of them."""

    async def publish(self, topic: str, payload: bytes, /) -> None: ...

    async def drain(self) -> None: ...


@dataclass
class Round:
    """What one round over all files did."""

    published: int = 0
    unchanged: int = 0
    failed: int = 0


class NdwPull:
    """The files at `urls`. `wanted` says which sites and bridges are registered; asked every round, as the registry changes."""

    def __init__(
        self, client: httpx.AsyncClient, sink: Sink, urls: Sequence[str], wanted: Callable[[], Awaitable[Collection[str]]]
    ) -> None:
        self._client = client
        self._sink = sink
        self._urls = urls
        self._wanted = wanted
        self._tags: dict[str, dict[str, str]] = {}
        self._log = structlog.get_logger("ndw_pull")

    async def once(self) -> Round:
        """All files once; returns when the broker has every message."""
        done = Round()
        wanted = set(await self._wanted())
        for url in self._urls:
            try:
                document = await self._fetch(url)
                cuts = [] if document is None else await asyncio.to_thread(lambda data: list(cut(unpacked(data), wanted)), document)
            except (httpx.HTTPError, UserError) as error:
                self._tags.pop(url, None)
                done.failed += 1
                self._log.warning("ndw_file_failed", url=url, error=str(error) or type(error).__name__)
                continue
            done.unchanged += document is None
            for item in cuts:
                await self._sink.publish(item.mqtt_topic, item.payload)
            done.published += len(cuts)
        await self._sink.drain()
        return done

    async def _fetch(self, url: str) -> bytes | None:
        """The file's bytes; None when it is the one that was fetched before."""
        async with self._client.stream("GET", url, headers=self._tags.get(url, {}), timeout=FETCH_SECONDS) as response:
            if response.status_code == _UNCHANGED:
                return None
            response.raise_for_status()
            parts, size = [], 0
            async for part in response.aiter_raw():
                size += len(part)
                if size > MAX_FILE_BYTES:
                    raise UserError(f"the file has more than {MAX_FILE_BYTES} bytes")
                parts.append(part)
            asked = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
            self._tags[url] = {ask: response.headers[tag] for tag, ask in asked.items() if tag in response.headers}
        return b"".join(parts)
