"""Traffic past one measuring site: counts, flow, speed and occupancy over a window that starts at `observed_at`.

Speed and occupancy of one detector may come as datastreams of their own with the same timestamps: both are kept.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.domain.reading import Quantity, Reading
from models.sensor_kinds.kind import SensorKind


class TrafficFlow(Reading):
    """One window of one lane and vehicle class."""

    window_s: Annotated[int | None, Quantity("s"), Field(gt=0, le=86_400, description="Length of the counted window")] = None
    vehicle_count: Annotated[int | None, Quantity(""), Field(ge=0, le=100_000, description="Vehicles counted in the window")] = None
    flow_per_h: Annotated[float | None, Quantity("1/h"), Field(ge=0, le=50_000, description="Flow scaled to vehicles per hour")] = (
        None
    )
    speed_km_h: Annotated[float | None, Quantity("km/h"), Field(ge=0, le=300, description="Mean speed")] = None
    occupancy_ratio: Annotated[
        float | None,
        Quantity("1"),
        Field(ge=0, le=1, description="Share of time that the detector was covered, 0 to 1"),
    ] = None


TRAFFIC_FLOW = SensorKind(
    name="traffic_flow",
    title="Road traffic",
    thing_type="traffic_counter",
    reading_type=TrafficFlow,
    main_quantity="flow_per_h",
    expected_interval_s=900,
)
