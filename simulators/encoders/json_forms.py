"""JSON of others, from their published forms: NGSI-LD entities of the Smart Data Models, Enevo's levels, Sidcon's controllers, deposits
and crane weights. The device's datastream is the entity, slot or container that the form speaks of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from simulators.batch import Batch, Device

_DUTCH_TIME = ZoneInfo("Europe/Amsterdam")
Row = Mapping[str, float]
Form = Callable[[Device, datetime, int, Row], Any]
"""From a device, the moment in UTC, its sequence number and its values to the document that is sent."""


class JsonFormEncoder:
    """A document per reading; see `Encoder`."""

    def __init__(self, form: Form, decimals: Mapping[str, int]) -> None:
        self._form = form
        self.decimals = decimals

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        columns = {name: batch.values[name].tolist() for name in self.decimals}
        rows = zip(batch.device.tolist(), batch.observed_at_us.tolist(), batch.sequence.tolist(), strict=True)
        documents = []
        for place, (device, at_us, sequence) in enumerate(rows):
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
            values = {name: column[place] for name, column in columns.items()}
            documents.append(self._form(devices[device], at, sequence, values))
        return [json.dumps(document, separators=(",", ":")).encode() for document in documents]


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _waste_container(device: Device, at: datetime, sequence: int, values: Row) -> Any:
    return {
        "id": device.datastream,
        "type": "WasteContainer",
        "fillingLevel": {"type": "Property", "value": round(values["reported_fill_ratio"], 2), "observedAt": _iso(at)},
        "temperature": {"type": "Property", "value": round(values["temperature_c"], 1), "unitCode": "CEL", "observedAt": _iso(at)},
        "status": {"type": "Property", "value": "ok"},
    }


def _traffic_flow_observed(device: Device, at: datetime, sequence: int, values: Row) -> Any:
    return {
        "id": device.datastream,
        "type": "TrafficFlowObserved",
        "dateObservedFrom": _iso(at),
        "dateObservedTo": _iso(at + timedelta(seconds=values["window_s"])),
        "intensity": round(values["vehicle_count"]),
        "averageVehicleSpeed": round(values["speed_km_h"], 1),
    }


def _enevo(device: Device, at: datetime, sequence: int, values: Row) -> Any:
    level = {
        "time": _iso(at),
        "fillLevel": round(values["reported_fill_ratio"] * 100),
        "site": 7,
        "containerSlot": device.datastream,
    }
    return {"fillLevels": [{**level, "confidence": 95, "frozen": False}]}


def _sidcon(device: Device, at: datetime, sequence: int, values: Row) -> Any:
    return {
        "ContainerName": device.datastream,
        "Filling": round(values["reported_fill_ratio"] * 100),
        "LimitFull": 100,
        "BatteryVoltage": round(values["battery_v"], 2),
        "SuccessfulTransactionsSinceReset": sequence,
        "CommunicationDateTime": at.astimezone(_DUTCH_TIME).replace(tzinfo=None).isoformat(timespec="seconds"),
    }


def _deposits(device: Device, at: datetime, sequence: int, values: Row) -> Any:
    """A row per deposit, and one turn of the lid that did not succeed."""
    row = {"DumpLocationNr": device.datastream, "RegMoment": f"{at.astimezone(_DUTCH_TIME):%d-%m-%Y %H:%M}"}
    return [*({**row, "Successful": True} for _ in range(round(values["deposit_count"]))), {**row, "Successful": False}]


def _weighing(device: Device, at: datetime, sequence: int, values: Row) -> Any:
    local = at.astimezone(_DUTCH_TIME)
    net = round(values["weight_kg"])
    return {
        "Fields": ["SystemId", "Seq", "Date", "Time", "NoOfCont", "ContIds", "FirstWeight", "SecondWeight", "NettWeight"],
        "Records": [["K7", sequence, f"{local:%d-%m-%Y}", f"{local:%H:%M:%S}", 1, device.datastream, net + 810, 810, net]],
    }


JSON_FORMS: Mapping[tuple[str, str], tuple[Form, Mapping[str, int]]] = {
    ("ngsi_ld", "container_fill"): (_waste_container, {"reported_fill_ratio": 2, "temperature_c": 1}),
    ("ngsi_ld", "traffic_flow"): (_traffic_flow_observed, {"window_s": 0, "vehicle_count": 0, "speed_km_h": 1}),
    ("enevo", "container_fill"): (_enevo, {"reported_fill_ratio": 2}),
    ("sidcon", "container_fill"): (_sidcon, {"reported_fill_ratio": 2, "battery_v": 2}),
    ("deposits", "container_fill"): (_deposits, {"deposit_count": 0}),
    ("weighings", "container_fill"): (_weighing, {"weight_kg": 0}),
}
"""Device model and kind → the form, and what it reports how finely."""
