"""The registered sensor simulators. Registration is this tuple, nothing else."""

from __future__ import annotations

from simulators.bridges import BridgeSimulator
from simulators.sensor_simulator import SensorSimulatorFactory
from simulators.traffic import TrafficSimulator
from simulators.transformers import TransformerSimulator
from simulators.waste import WasteSimulator

SENSOR_SIMULATORS: tuple[SensorSimulatorFactory, ...] = (
    WasteSimulator,
    TrafficSimulator,
    BridgeSimulator,
    TransformerSimulator,
)
