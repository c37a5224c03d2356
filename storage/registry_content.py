"""What a registry holds, by key, and where each item was read: what files are parsed into, checks look at and the database keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.domain.failures import UserError
from models.domain.registry import (
    Assignment,
    ContainerGeometry,
    Depot,
    DisposalSite,
    DomainType,
    FixedCollection,
    MapFeature,
    Sensor,
    Thing,
    Truck,
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, where. `place` None: in what was registered before."""

    place: Place | None
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else f"registered before: {self.reason}"


class RegistryMistakes(UserError):
    """The files have mistakes; nothing was imported. `mistakes` has them all, the text as many as fit a screen."""

    SHOWN = 50

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda item: (item.place is None, item.place or Place("", 0)))
        lines = [str(item) for item in self.mistakes[: self.SHOWN]]
        if len(self.mistakes) > self.SHOWN:
            lines.append(f"and {len(self.mistakes) - self.SHOWN} more")
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__("\n".join([f"nothing was imported, the files have {count}:", *lines]))


@dataclass(frozen=True, slots=True)
class Section:
    """One sort of item: its domain type, which is also its table's columns, and the fields that identify it."""

    name: str
    table: str
    domain_type: type[DomainType]
    key_fields: tuple[str, ...]
    title: str

    def key(self, item: DomainType) -> tuple[Any, ...]:
        return tuple([getattr(item, name) for name in self.key_fields])


# In an order that foreign keys allow.
SECTIONS: tuple[Section, ...] = (
    Section("things", "thing", Thing, ("thing_id",), "things"),
    Section("geometries", "container_geometry", ContainerGeometry, ("thing_id", "valid_from"), "geometries"),
    Section("sensors", "sensor", Sensor, ("sensor_id",), "sensors"),
    Section("assignments", "assignment", Assignment, ("sensor_id", "channel", "valid_from"), "assignments"),
    Section("depots", "depot", Depot, ("depot_id",), "depots"),
    Section("disposal_sites", "disposal_site", DisposalSite, ("disposal_site_id",), "disposal sites"),
    Section("trucks", "truck", Truck, ("truck_id",), "trucks"),
    Section("fixed_collections", "fixed_collection", FixedCollection, ("container_id",), "lines of the fixed schedule"),
    Section("map_features", "map_feature", MapFeature, ("feature_id",), "map features"),
)
_SECTION_OF: Mapping[type[DomainType], Section] = {section.domain_type: section for section in SECTIONS}


@dataclass
class RegistryContent:
    """Items by section and key, with the place of each that came from a file."""

    items: dict[str, dict[tuple[Any, ...], Any]] = field(default_factory=lambda: {section.name: {} for section in SECTIONS})
    places: dict[tuple[str, tuple[Any, ...]], Place] = field(default_factory=dict)

    def add(self, item: DomainType, place: Place) -> Mistake | None:
        """Adds an item of a file; the same key twice is a mistake, unless it is a sensor that says the same again."""
        section = _SECTION_OF[type(item)]
        key = section.key(item)
        known = self.items[section.name].get(key)
        if known is not None:
            first = self.places[section.name, key]
            if isinstance(item, Sensor):
                if known == item:
                    return None
                return Mistake(place, f"sensor {item.sensor_id} has another device_model, kind or accepts_history_from in {first}")
            return Mistake(place, f"{' '.join(_shown(part) for part in key)} stands in {first} already")
        self.items[section.name][key] = item
        self.places[section.name, key] = place
        return None

    def place_of(self, item: DomainType) -> Place | None:
        """Where the item was read; None for one that was registered before."""
        section = _SECTION_OF[type(item)]
        return self.places.get((section.name, section.key(item)))

    def merged_over(self, older: RegistryContent) -> RegistryContent:
        """These items, and those of `older` that are not among them."""
        return RegistryContent({name: {**older.items[name], **mine} for name, mine in self.items.items()}, dict(self.places))

    def things(self) -> dict[str, Thing]:
        return {key[0]: item for key, item in self.items["things"].items()}

    def each(self, section: str) -> Iterator[Any]:
        return iter(self.items[section].values())


def _shown(part: object) -> str:
    return part.isoformat() if isinstance(part, datetime) else str(part)
