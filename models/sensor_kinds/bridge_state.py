"""State of a bridge (the structure): whether its road is closed for ships, and how it moves and is loaded.

`road_closed`, never "open": Dutch traffic data calls a bridge open when ships pass and the road is closed.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.domain.reading import Quantity, Reading
from models.sensor_kinds.kind import SensorKind


class BridgeState(Reading):
    """One report of one sensor position on a bridge. With `window_s`, strain and inclination are the mean of a window that starts
    at `observed_at`, beside its lowest and highest value and its standard deviation."""

    road_closed: Annotated[
        bool | None, Quantity(""), Field(description="The road over the bridge is closed, as when ships pass")
    ] = None
    inclination_deg: Annotated[
        float | None, Quantity("deg"), Field(ge=-180, le=180, description="Inclination against the position at rest")
    ] = None
    inclination_x_deg: Annotated[
        float | None, Quantity("deg"), Field(ge=-360, le=360, description="Angle about the sensor's x axis")
    ] = None
    inclination_y_deg: Annotated[
        float | None, Quantity("deg"), Field(ge=-360, le=360, description="Angle about the sensor's y axis")
    ] = None
    inclination_z_deg: Annotated[
        float | None, Quantity("deg"), Field(ge=-360, le=360, description="Angle about the sensor's z axis")
    ] = None
    tilt_alarm: Annotated[bool | None, Quantity(""), Field(description="The device says that an angle is over its threshold")] = (
        None
    )
    strain_um_m: Annotated[float | None, Quantity("um/m"), Field(ge=-100_000, le=100_000, description="Strain")] = None
    window_s: Annotated[int | None, Quantity("s"), Field(gt=0, le=86_400, description="Length of the measured window")] = None
    sample_count: Annotated[int | None, Quantity(""), Field(ge=0, le=100_000_000, description="Samples in the window")] = None
    strain_min_um_m: Annotated[
        float | None, Quantity("um/m"), Field(ge=-100_000, le=100_000, description="Lowest strain in the window")
    ] = None
    strain_max_um_m: Annotated[
        float | None, Quantity("um/m"), Field(ge=-100_000, le=100_000, description="Highest strain in the window")
    ] = None
    strain_std_um_m: Annotated[
        float | None, Quantity("um/m"), Field(ge=0, le=100_000, description="Standard deviation of strain in the window")
    ] = None
    inclination_min_deg: Annotated[
        float | None, Quantity("deg"), Field(ge=-180, le=180, description="Lowest inclination in the window")
    ] = None
    inclination_max_deg: Annotated[
        float | None, Quantity("deg"), Field(ge=-180, le=180, description="Highest inclination in the window")
    ] = None
    inclination_std_deg: Annotated[
        float | None, Quantity("deg"), Field(ge=0, le=180, description="Standard deviation of inclination in the window")
    ] = None
    displacement_mm: Annotated[
        float | None, Quantity("mm"), Field(ge=-10_000, le=10_000, description="Displacement of a joint")
    ] = None
    vibration_rms_mm_s: Annotated[
        float | None, Quantity("mm/s"), Field(ge=0, le=10_000, description="Vibration velocity, root mean square")
    ] = None
    temperature_c: Annotated[float | None, Quantity("Cel"), Field(ge=-60, le=120, description="Temperature of the structure")] = (
        None
    )
    battery_ratio: Annotated[float | None, Quantity("1"), Field(ge=0, le=1, description="Battery charge, 0 to 1")] = None


BRIDGE_STATE = SensorKind(
    name="bridge_state",
    title="State of bridges",
    thing_type="bridge",
    reading_type=BridgeState,
    main_quantity="road_closed",
    expected_interval_s=60,
)
