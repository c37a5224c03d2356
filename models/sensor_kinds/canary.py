"""The canary: a reading that the system sends to itself every few seconds, through the whole line from MQTT to the API.

Its age at the API is the best single figure of whether everything works. It is not a city's data and never published.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.domain.reading import Quantity, Reading
from models.sensor_kinds.kind import SensorKind


class CanaryReading(Reading):
    """One canary."""

    sequence: Annotated[
        int | None, Quantity("", open_data=False), Field(ge=0, le=2_000_000_000, description="Counts the canaries of one process")
    ] = None


CANARY = SensorKind(
    name="canary",
    title="Canary",
    thing_type="canary",
    reading_type=CanaryReading,
    main_quantity="sequence",
    expected_interval_s=5,
)
