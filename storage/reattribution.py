"""What a stored reading would be under the registry as it is now: another thing, another derived value, or nobody's. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.domain.registry import ContainerGeometry, SensorContext
from models.sensor_kinds import SensorKind
from storage.registry_history import RegistryPast


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where a reading belongs, with its derived quantities in the kind's order. `thing_id` None: the sensor was nowhere then."""

    thing_id: str | None
    datastream_id: str | None
    derived: tuple[Any, ...]


class Reattribution:
    """Attributes readings of one kind anew, from what was measured."""

    def __init__(self, kind: SensorKind, contexts: Mapping[str, SensorContext], past: RegistryPast) -> None:
        self._kind = kind
        self._contexts = contexts
        self._past = past
        quantities = kind.reading_type.quantities()
        self.measured = tuple(name for name, quantity in quantities.items() if not quantity.derived)
        self.derived = tuple(name for name, quantity in quantities.items() if quantity.derived)
        self._geometries: dict[str, list[ContainerGeometry]] = defaultdict(list)
        for geometry in {item for context in contexts.values() for item in context.geometries}:
            self._geometries[geometry.thing_id].append(geometry)

    def attribute(
        self, datastream_id: str, thing_id: str, observed_at: datetime, registry_version: int, measured: Mapping[str, Any]
    ) -> Attribution:
        """A reading that no assignment of its version explains stays where it is; its derived values still follow the geometry."""
        then = self._past.assignment(datastream_id, observed_at, registry_version)
        if then is not None:
            now = self._contexts[then.sensor_id].assignment_at(observed_at, then.channel)
            if now is None:
                return Attribution(None, None, ())
            thing_id, datastream_id = now.thing_id, now.datastream_id
        return Attribution(thing_id, datastream_id, self._derived(thing_id, observed_at, measured))

    def _derived(self, thing_id: str, observed_at: datetime, measured: Mapping[str, Any]) -> tuple[Any, ...]:
        if self._kind.derive is None or not self.derived:
            return ()
        geometry = next(
            (
                item
                for item in self._geometries.get(thing_id, ())
                if item.valid_from <= observed_at and (item.valid_to is None or observed_at < item.valid_to)
            ),
            None,
        )
        found = self._kind.derive(measured, geometry)
        return tuple([found.get(name) for name in self.derived])
