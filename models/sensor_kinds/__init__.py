"""The registered kinds of sensor. Registration is this tuple, nothing else."""

from __future__ import annotations

from models.sensor_kinds.bridge_state import BRIDGE_STATE
from models.sensor_kinds.canary import CANARY
from models.sensor_kinds.container_fill import CONTAINER_FILL
from models.sensor_kinds.kind import Column, SensorKind
from models.sensor_kinds.traffic_flow import TRAFFIC_FLOW
from models.sensor_kinds.transformer_load import TRANSFORMER_LOAD

SENSOR_KINDS: tuple[SensorKind, ...] = (
    CONTAINER_FILL,
    TRAFFIC_FLOW,
    BRIDGE_STATE,
    TRANSFORMER_LOAD,
    CANARY,
)

__all__ = ["SENSOR_KINDS", "Column", "SensorKind", "kind_by_name"]


def kind_by_name(name: str) -> SensorKind | None:
    """The registered kind of this name, or None."""
    return next((kind for kind in SENSOR_KINDS if kind.name == name), None)
