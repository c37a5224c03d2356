"""DATEX II version 3 as NDW publishes it: measured data of sites by the minute and bridge openings. From the published layout, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from simulators.batch import Batch, Device

_NAMESPACES = (
    'xmlns:mc="http://datex2.eu/schema/3/messageContainer" xmlns:roa="http://datex2.eu/schema/3/roadTrafficData" '
    'xmlns:com="http://datex2.eu/schema/3/common" xmlns:sit="http://datex2.eu/schema/3/situation" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


def publication(kind: str, inner: Sequence[str], at: str) -> bytes:
    """A whole file: `kind` is roa:MeasuredDataPublication or sit:SituationPublication."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<mc:messageContainer {_NAMESPACES}>'
        f'<mc:payload xsi:type="{kind}" lang="nl"><com:publicationTime>{at}</com:publicationTime>{"".join(inner)}</mc:payload>'
        "</mc:messageContainer>"
    ).encode()


def site_measurements(site: str, at: str, values: Mapping[int, tuple[str, float]]) -> str:
    """One minute of one site; `values` are flow (vehicles per hour) or speed (km/h) by index."""
    quantities = "".join(_quantity(index, *value) for index, value in values.items())
    return (
        f'<roa:siteMeasurements><roa:measurementSiteReference id="{site}" version="1" targetClass="roa:MeasurementSite"/>'
        f'<roa:measurementTimeDefault timePrecision="minute"><com:timeMeaning>beginTime</com:timeMeaning><com:timeValue>{at}</com:timeValue>'
        f"</roa:measurementTimeDefault>{quantities}</roa:siteMeasurements>"
    )


def _quantity(index: int, what: str, value: float) -> str:
    if what == "flow":
        data = f"<roa:vehicleFlow><com:vehicleFlowRate>{value:g}</com:vehicleFlowRate></roa:vehicleFlow>"
    else:
        data = f'<roa:averageVehicleSpeed numberOfInputValuesUsed="3"><com:speed>{value:g}</com:speed></roa:averageVehicleSpeed>'
    kind = "TrafficFlow" if what == "flow" else "TrafficSpeed"
    return (
        f'<roa:physicalQuantity xsi:type="roa:SinglePhysicalQuantity" index="{index}"><roa:basicData xsi:type="roa:{kind}">{data}'
        "</roa:basicData></roa:physicalQuantity>"
    )


def bridge_opening(bridge: str, number: int, version_at: str, begin: str, end: str = "", *, probability: str = "certain") -> str:
    """A situation with one version of one opening."""
    ends = f"<com:overallEndTime>{end}</com:overallEndTime>" if end else ""
    return (
        f'<sit:situation id="RWS05_{bridge}_{number}"><sit:situationRecord xsi:type="sit:GeneralNetworkManagement" '
        f'id="RWS05_{bridge}_{number}_01" version="1"><sit:situationRecordVersionTime>{version_at}</sit:situationRecordVersionTime>'
        f"<sit:probabilityOfOccurrence>{probability}</sit:probabilityOfOccurrence><sit:validity><com:validityStatus>active"
        f"</com:validityStatus><com:validityTimeSpecification><com:overallStartTime>{begin}</com:overallStartTime>{ends}"
        "</com:validityTimeSpecification></sit:validity>"
        "<sit:generalNetworkManagementType>bridgeSwingInOperation</sit:generalNetworkManagementType></sit:situationRecord></sit:situation>"
    )


def _text(at_us: int, later_s: int = 0) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us, seconds=later_s)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


class NdwTrafficEncoder:
    """A message per site and minute with its flow as index 1; see `Encoder`."""

    decimals: Mapping[str, int] = {"flow_per_h": 0, "window_s": 0}

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        payloads = []
        for device, at_us, flow in zip(
            batch.device.tolist(), batch.observed_at_us.tolist(), batch.values["flow_per_h"].tolist(), strict=True
        ):
            site = site_measurements(devices[device].sensor_id, _text(at_us), {1: ("flow", flow)})
            payloads.append(publication("roa:MeasuredDataPublication", [site], _text(at_us, 75)))
        return payloads


class NdwBridgeEncoder:
    """A message per change: a road that closes is an opening without an end; see `Encoder`."""

    decimals: Mapping[str, int] = {"road_closed": -1}

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        payloads = []
        columns = (
            batch.device.tolist(),
            batch.observed_at_us.tolist(),
            batch.sequence.tolist(),
            batch.values["road_closed"].tolist(),
        )
        for device, at_us, sequence, closed in zip(*columns, strict=True):
            begin, end = (_text(at_us), "") if closed else (_text(at_us, -240), _text(at_us))
            record = bridge_opening(devices[device].sensor_id, sequence, _text(at_us, 1), begin, end)
            payloads.append(publication("sit:SituationPublication", [record], _text(at_us, 1)))
        return payloads
