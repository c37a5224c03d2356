"""How full a waste container is: underground level sensors, deposit counters and weighings of one container.

Measured are the distance from the sensor down to the waste, deposits and weight; `fill_ratio` is derived from the distance
and the geometry that was valid then, or taken over from devices that report nothing but a level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from models.domain.reading import Quantity, Reading
from models.domain.registry import ContainerGeometry
from models.sensor_kinds.kind import SensorKind


class ContainerFill(Reading):
    """One report of a container's sensor."""

    distance_mm: Annotated[
        float | None, Quantity("mm"), Field(ge=0, le=20_000, description="Distance from the sensor down to the waste")
    ] = None
    reported_fill_ratio: Annotated[
        float | None, Quantity("1"), Field(ge=0, le=1, description="Level as the device itself states it, 0 to 1")
    ] = None
    deposit_count: Annotated[
        int | None, Quantity(""), Field(ge=0, le=1_000_000, description="Deposits since the previous report")
    ] = None
    weight_kg: Annotated[float | None, Quantity("kg"), Field(ge=0, le=50_000, description="Net weight of the content")] = None
    temperature_c: Annotated[
        float | None, Quantity("Cel"), Field(ge=-60, le=200, description="Temperature inside the container")
    ] = None
    tilted: Annotated[bool | None, Quantity(""), Field(description="The sensor is out of its position")] = None
    battery_v: Annotated[float | None, Quantity("V"), Field(ge=0, le=60, description="Battery voltage")] = None
    battery_ratio: Annotated[float | None, Quantity("1"), Field(ge=0, le=1, description="Battery charge, 0 to 1")] = None
    fill_ratio: Annotated[
        float | None,
        Quantity("1", derived=True),
        Field(ge=0, le=1, description="How full the container is, 0 to 1, from distance and geometry"),
    ] = None


def derive_fill_ratio(measured: Mapping[str, Any], geometry: ContainerGeometry | None) -> Mapping[str, Any]:
    """From the distance and the container's geometry; the device's own level counts only where there is no distance."""
    distance_mm = measured.get("distance_mm")
    if distance_mm is None:
        return {"fill_ratio": measured.get("reported_fill_ratio")}
    if geometry is None or type(distance_mm) not in (int, float):
        return {}
    return {"fill_ratio": geometry.fill_ratio(distance_mm)}


CONTAINER_FILL = SensorKind(
    name="container_fill",
    title="Fill level of waste containers",
    thing_type="container",
    reading_type=ContainerFill,
    main_quantity="fill_ratio",
    expected_interval_s=3600,
    derive=derive_fill_ratio,
)
