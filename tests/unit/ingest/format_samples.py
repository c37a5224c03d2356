"""A valid message of each form that is neither our own JSON nor a device's bytes, written from the published layouts.

All were measured at 2026-11-22 10:00 UTC (1795341600), or in the minutes before it.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

AT_S = 1_795_341_600


class Sample(NamedTuple):
    """A message and how its sender must be registered for it to be read."""

    mqtt_topic: str
    payload: bytes
    device_model: str
    kind: str
    channels: tuple[str, ...] = ("",)

    @property
    def sensor_id(self) -> str:
        levels = self.mqtt_topic.split("/")
        return ":".join((levels[1], *levels[3:])) if levels[0] == "sparkplug" else levels[-1]


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


SENML_PACK = [
    {"bn": "urn:dev:mac:24e124fffe0001:", "bt": AT_S, "bver": 10, "n": "distance", "u": "m", "v": 0.84},
    {"n": "temperature", "u": "Cel", "v": -2.5},
    {"n": "battery", "u": "%", "v": 92},
    {"n": "tilted", "vb": False},
    {"n": "distance", "u": "m", "t": -600, "v": 0.9},
]
LWM2M_PACK = [
    {"bn": "/3435/0/", "bt": AT_S, "n": "2", "u": "%", "v": 62},
    {"n": "13", "vb": False},
    {"n": "6042", "v": 4},
]

# RFC 8949 by hand: [{-2: "urn:dev:x:", -3: 1795341600, 0: "distance", 1: "m", 2: 0.84 as a double}, {0: "tilted", 4: false}]
SENML_CBOR = bytes.fromhex(
    "82" + "a5 21 6a" + b"urn:dev:x:".hex() + f"22 1a {AT_S:08x}" + "00 68" + b"distance".hex() + "01 61 6d"
    "02 fb 3feae147ae147ae1" + "a2 00 66" + b"tilted".hex() + "04 f4"
)

SAMPLES: list[Sample] = [
    Sample("senml/senml-cbor", SENML_CBOR, "senml", "container_fill"),
    Sample("senml/senml-1", as_json(SENML_PACK), "senml", "container_fill"),
    Sample("lwm2m/lwm2m-1", as_json(LWM2M_PACK), "lwm2m_3435", "container_fill"),
]

WASTE_CONTAINER = {
    "id": "urn:ngsi-ld:WasteContainer:almere:42",
    "type": "WasteContainer",
    "fillingLevel": {"type": "Property", "value": 0.62, "observedAt": "2026-11-22T10:00:00Z"},
    "temperature": {"type": "Property", "value": 8.5, "unitCode": "CEL", "observedAt": "2026-11-22T10:00:00Z"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5.2, 52.3]}},
    "storedWasteKind": {"type": "Property", "value": ["paper"]},
    "@context": ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"],
}
TRAFFIC_FLOW_OBSERVED = {
    "id": "TrafficFlowObserved-Valladolid-osm-60821110",
    "type": "TrafficFlowObserved",
    "laneId": 1,
    "dateObservedFrom": "2026-11-22T09:50:00Z",
    "dateObservedTo": "2026-11-22T09:55:00Z",
    "averageHeadwayTime": 0.5,
    "intensity": 197,
    "occupancy": 0.76,
    "averageVehicleSpeed": 52.6,
    "averageVehicleLength": 9.87,
    "reversedLane": False,
    "laneDirection": "forward",
}
NOTIFICATION = {
    "metadata": {"Content-Type": "application/json"},
    "body": {"id": "urn:ngsi-ld:Notification:1", "type": "Notification", "subscriptionId": "urn:x", "data": [WASTE_CONTAINER]},
}
ENEVO = {
    "fillLevels": [
        {"time": "2026-11-22T10:00:00.000Z", "fillLevel": 62, "site": 7, "containerSlot": 11, "confidence": 98, "frozen": False},
        {"time": "2026-11-22T10:00:00.000Z", "fillLevel": 5, "site": 7, "containerSlot": 12, "confidence": 40, "frozen": False},
    ]
}
SIDCON = {
    "Filling": 62, "LimitFull": 100, "LimitNearFull": 80, "TotalNrPressStrokes": 4711, "SuccessfulTransactionsSinceReset": 812,
    "BatteryVoltage": 12.7, "VolumeCorrectionFactor": 1, "DumpLocationId": 42, "ContainerName": "C-042", "Fraction": "REST",
    "CommunicationDateTime": "2026-11-22T11:00:00",
}  # fmt: skip
DEPOSITS = [
    {"DumpLocationNr": 42, "RegMoment": "22-11-2026 10:58", "Successful": True},
    {"DumpLocationNr": 42, "RegMoment": "22-11-2026 10:58", "Successful": True},
    {"DumpLocationNr": 43, "RegMoment": "22-11-2026 10:58", "Successful": False},
]
WEIGHINGS: dict[str, Any] = {
    "Fields": ["SystemId", "Seq", "Date", "Time", "ContIds", "FirstWeight", "SecondWeight", "NettWeight"],
    "Records": [
        ["K7", 1, "22-11-2026", "10:40:10", "C-042", 1240, 810, 430],
        ["K7", 2, "22-11-2026", "10:45", "C-043", 905, 800, None],
    ],
}

SAMPLES += [
    Sample("ngsi-ld/broker-1", as_json(WASTE_CONTAINER), "ngsi_ld", "container_fill", (str(WASTE_CONTAINER["id"]),)),
    Sample("ngsi-ld/broker-2", as_json(NOTIFICATION), "ngsi_ld", "container_fill", (str(WASTE_CONTAINER["id"]),)),
    Sample("ngsi-ld/broker-3", as_json([TRAFFIC_FLOW_OBSERVED]), "ngsi_ld", "traffic_flow", (str(TRAFFIC_FLOW_OBSERVED["id"]),)),
    Sample("vendor/enevo/enevo-1", as_json(ENEVO), "enevo", "container_fill", ("11", "12")),
    Sample("vendor/sidcon/sidcon-1", as_json(SIDCON), "sidcon", "container_fill"),
    Sample("vendor/deposits/deposits-1", as_json(DEPOSITS), "deposits", "container_fill", ("42", "43")),
    Sample("vendor/weighings/crane-1", as_json(WEIGHINGS), "weighings", "container_fill", ("C-042", "C-043")),
    Sample("vendor/bintel/bintel-1", as_json({"fill-percent": 0.62, "time": "2026-11-22T10:00:00Z"}), "bintel", "container_fill"),
    Sample(
        "vendor/smartclean/sc-1",
        as_json({"v": {"p": 38, "d": 840}, "time": "2026-11-22T10:00:00Z"}),
        "smartclean",
        "container_fill",
    ),
    Sample(
        "vendor/thingsboard/tb-1",
        as_json({"ts": AT_S * 1000, "values": {"batteryLevel": 77, "fullLevel": 91}}),
        "thingsboard",
        "container_fill",
    ),
]

NDW_SITE = "RWS04_T_0258_ID_265"
NDW_TRAFFIC = f"""<?xml version="1.0" encoding="UTF-8"?>
<mc:messageContainer xmlns:mc="http://datex2.eu/schema/3/messageContainer" xmlns:roa="http://datex2.eu/schema/3/roadTrafficData"
  xmlns:com="http://datex2.eu/schema/3/common" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <mc:payload xsi:type="roa:MeasuredDataPublication" lang="nl">
    <com:publicationTime>2026-11-22T09:59:12Z</com:publicationTime>
    <roa:measurementSiteTableReference id="NDW01_MT" version="1024" targetClass="roa:MeasurementSiteTable"/>
    <roa:siteMeasurements>
      <roa:measurementSiteReference id="{NDW_SITE}" version="1" targetClass="roa:MeasurementSite"/>
      <roa:measurementTimeDefault timePrecision="minute">
        <com:timeMeaning>beginTime</com:timeMeaning><com:timeValue>2026-11-22T09:58:00Z</com:timeValue>
      </roa:measurementTimeDefault>
      <roa:physicalQuantity xsi:type="roa:SinglePhysicalQuantity" index="1">
        <roa:basicData xsi:type="roa:TrafficFlow">
          <roa:vehicleFlow><com:vehicleFlowRate>180</com:vehicleFlowRate></roa:vehicleFlow>
        </roa:basicData>
      </roa:physicalQuantity>
      <roa:physicalQuantity xsi:type="roa:SinglePhysicalQuantity" index="3">
        <roa:basicData xsi:type="roa:TrafficSpeed">
          <roa:averageVehicleSpeed numberOfInputValuesUsed="3"><com:speed>95.5</com:speed></roa:averageVehicleSpeed>
        </roa:basicData>
      </roa:physicalQuantity>
    </roa:siteMeasurements>
  </mc:payload>
</mc:messageContainer>""".encode()
NDW_BRIDGE = b"""<mc:messageContainer xmlns:mc="http://datex2.eu/schema/3/messageContainer" xmlns:sit="http://datex2.eu/schema/3/situation"
  xmlns:com="http://datex2.eu/schema/3/common" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <mc:payload xsi:type="sit:SituationPublication"><sit:situation id="RWS05_NLIJM0233Y5126800143_3157135">
    <sit:situationRecord xsi:type="sit:GeneralNetworkManagement" id="RWS05_NLIJM0233Y5126800143_3157135_01" version="2">
      <sit:situationRecordVersionTime>2026-11-22T09:55:04Z</sit:situationRecordVersionTime>
      <sit:probabilityOfOccurrence>certain</sit:probabilityOfOccurrence>
      <sit:validity><com:validityStatus>active</com:validityStatus><com:validityTimeSpecification>
        <com:overallStartTime>2026-11-22T09:50:00Z</com:overallStartTime><com:overallEndTime>2026-11-22T09:55:00Z</com:overallEndTime>
      </com:validityTimeSpecification></sit:validity>
      <sit:generalNetworkManagementType>bridgeSwingInOperation</sit:generalNetworkManagementType>
    </sit:situationRecord></sit:situation></mc:payload></mc:messageContainer>"""

SAMPLES += [
    Sample(f"ndw/trafficspeed/{NDW_SITE}", NDW_TRAFFIC, "ndw_trafficspeed", "traffic_flow", ("1", "3")),
    Sample("ndw/bridges/NLIJM0233Y5126800143", NDW_BRIDGE, "ndw_bridge_openings", "bridge_state"),
]

# Payload {1: 1795341600000 ms, 2: Metric {1: "distance_mm", 3: the same time, 4: Double, 13: 840.0}, 3: seq 7}
SPARKPLUG = bytes.fromhex("08808acb95a034 121f 0a0b" + b"distance_mm".hex() + "18808acb95a034 200a 690000000000408a40 1807")

SAMPLES += [Sample("sparkplug/almere/DDATA/gateway-1/bin-42", SPARKPLUG, "sparkplug_b", "container_fill")]
