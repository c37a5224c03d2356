"""Fetching NDW's files: what is registered is published once per change, and a file that cannot be had takes no other along."""

from __future__ import annotations

import gzip

import httpx

from ingest.pull.ndw import NdwPull
from simulators.encoders.ndw import bridge_opening, publication, site_measurements

AT = "2026-11-22T09:58:00Z"
TRAFFIC = publication("roa:MeasuredDataPublication", [site_measurements(name, AT, {1: ("flow", 60)}) for name in ("S1", "S2")], AT)
BRIDGES = publication("sit:SituationPublication", [bridge_opening("NLX", 1, AT, "2026-11-22T09:50:00Z")], AT)


class Kept:
    def __init__(self) -> None:
        self.topics: list[str] = []

    async def publish(self, mqtt_topic: str, payload: bytes) -> None:
        self.topics.append(mqtt_topic)

    async def drain(self) -> None:
        self.drained = len(self.topics)


async def wanted() -> set[str]:
    return {"S2", "NLX"}


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/traffic.xml.gz":
        if request.headers.get("If-None-Match") == '"1"':
            return httpx.Response(304)
        return httpx.Response(200, stream=httpx.ByteStream(gzip.compress(TRAFFIC)), headers={"ETag": '"1"'})
    if request.url.path == "/bridges.xml.gz":
        return httpx.Response(200, stream=httpx.ByteStream(gzip.compress(BRIDGES)))
    if request.url.path == "/torn.xml.gz":
        return httpx.Response(200, stream=httpx.ByteStream(gzip.compress(TRAFFIC)[:-9]), headers={"ETag": '"1"'})
    return httpx.Response(503)


async def test_registered_sites_and_bridges_are_published_and_unchanged_files_are_not_again() -> None:
    sink = Kept()
    urls = [f"http://ndw/{name}.xml.gz" for name in ("away", "torn", "traffic", "bridges")]
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        pull = NdwPull(client, sink, urls, wanted)
        first, second = await pull.once(), await pull.once()
    assert (first.published, first.unchanged, first.failed) == (2, 0, 2)
    assert (second.published, second.unchanged, second.failed) == (1, 1, 2)
    assert sink.topics == ["ndw/trafficspeed/S2", "ndw/bridges/NLX", "ndw/bridges/NLX"]
    assert sink.drained == 3
