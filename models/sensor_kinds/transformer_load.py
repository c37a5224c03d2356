"""Load of a transformer in the electricity grid: what flows through it, how warm its oil is, at which voltage it delivers.

Power may be negative: solar roofs feed back. `load_ratio` is the device's own figure against its rated power and goes over 1.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.domain.reading import Quantity, Reading
from models.sensor_kinds.kind import SensorKind


class TransformerLoad(Reading):
    """One report of the meter on a transformer's low-voltage side."""

    load_ratio: Annotated[
        float | None, Quantity("1"), Field(ge=0, le=5, description="Apparent power against the rated power, 1 = fully loaded")
    ] = None
    apparent_power_kva: Annotated[float | None, Quantity("kVA"), Field(ge=0, le=100_000, description="Apparent power")] = None
    active_power_kw: Annotated[
        float | None,
        Quantity("kW"),
        Field(ge=-100_000, le=100_000, description="Active power; negative when the neighbourhood feeds back"),
    ] = None
    reactive_power_kvar: Annotated[
        float | None, Quantity("kvar"), Field(ge=-100_000, le=100_000, description="Reactive power; negative when capacitive")
    ] = None
    current_a: Annotated[float | None, Quantity("A"), Field(ge=0, le=20_000, description="Current of the most loaded phase")] = None
    voltage_v: Annotated[
        float | None, Quantity("V"), Field(ge=0, le=50_000, description="Voltage between phase and neutral, mean of the phases")
    ] = None
    frequency_hz: Annotated[float | None, Quantity("Hz"), Field(ge=40, le=70, description="Frequency of the grid")] = None
    oil_temperature_c: Annotated[
        float | None, Quantity("Cel"), Field(ge=-60, le=250, description="Temperature of the oil at the top of the tank")
    ] = None


TRANSFORMER_LOAD = SensorKind(
    name="transformer_load",
    title="Load of transformers",
    thing_type="transformer",
    reading_type=TransformerLoad,
    main_quantity="load_ratio",
    expected_interval_s=300,
)
