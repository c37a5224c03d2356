"""A simulation that lives in a folder: which city it is, how far it has sent, its ledger, and its truth.

`open_simulation` begins one or goes on with the one that is there. What is remembered is only the settings and a position in the
stream: the city's state is worked out again from the seed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.domain.failures import UserError
from models.sensor_kinds import kind_by_name
from simulators.city import SimulatedCity
from simulators.faults import DEFAULT_RATES
from simulators.ledger import PublisherLedger, ledger_from_json, replace_file
from simulators.sensor_simulator import CitySizes, as_utc_text
from simulators.stream import CityStream
from simulators.truth import DAY_S, TruthWriter
from simulators.waste import WasteSimulator

STATE_FILE = "simulation.json"
LEDGER_FILE = "ledger.json"
REGISTRY_FOLDER = "registry"
TRUTH_FOLDER = "truth"


@dataclass(frozen=True)
class SimulationSettings:
    """All that decides on the bytes. `now` is when the simulation began: its history ends a day before."""

    seed: int = 1
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    sizes: CitySizes = field(default_factory=CitySizes)
    faults: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_RATES))

    def as_json(self) -> dict[str, Any]:
        return {"seed": self.seed, "now": self.now.isoformat(), "sizes": asdict(self.sizes), "faults": dict(self.faults)}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream: so many messages of the hour from `hour_s` are sent, and everything before it."""

    hour_s: int
    sent: int = 0


@dataclass
class Simulation:
    """A simulation in its folder. `position` is sent for certain; up to `intent` something may have been sent when the
    process ended without saying so."""

    folder: Path
    settings: SimulationSettings
    city: SimulatedCity
    stream: CityStream
    truth: TruthWriter
    ledger: PublisherLedger
    position: Position
    intent: Position
    _confirmed: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._confirmed = self.ledger.as_json()

    @property
    def history_is_sent(self) -> bool:
        return self.position.hour_s >= self.stream.history_to_s

    def write_registry(self) -> list[Path]:
        """The registry files of the city, in the simulation's folder."""
        return self.city.write_registry(self.folder / REGISTRY_FOLDER, self.stream.swaps)

    def expected_history_messages(self) -> int:
        """About how many messages the history has: for progress."""
        total = 0.0
        for simulator in self.stream.simulators:
            kind = kind_by_name(simulator.kind)
            if kind is not None:
                total += len(simulator.devices) * (self.stream.history_to_s - simulator.history_from_s) / kind.expected_interval_s
        return round(total)

    def intend(self, until: Position) -> None:
        """Writes down what is about to be sent, beside what is confirmed so far."""
        self.intent = until
        state = {
            **self.settings.as_json(),
            "position": asdict(self.position),
            "intent": asdict(self.intent),
            "ledger": self._confirmed,
        }
        replace_file(self.folder / STATE_FILE, json.dumps(state) + "\n")

    def confirm(self, until: Position) -> None:
        """Everything up to there is with the broker and booked. It is written down by the next `intend` or `save`."""
        self.position = self.intent = until
        self._confirmed = self.ledger.as_json()

    def save(self) -> None:
        """Writes state and ledger as they are confirmed."""
        self.intend(self.position)
        self.write_ledger()

    def write_ledger(self) -> None:
        about = {
            "simulated": True,
            **self.settings.as_json(),
            "history_from": as_utc_text(self.stream.history_from_s),
            "history_to": as_utc_text(self.stream.history_to_s),
            "history_is_sent": self.history_is_sent,
            "sent_until_hour": as_utc_text(self.position.hour_s),
        }
        self.ledger.write(self.folder / LEDGER_FILE, about)

    def flush_truth(self) -> None:
        """Writes the truth of everything made so far."""
        self.truth.flush(
            [item for simulator in self.stream.simulators if isinstance(simulator, WasteSimulator) for item in simulator.emptyings]
        )


def open_simulation(folder: Path, settings: SimulationSettings, *, stated: frozenset[str] = frozenset()) -> Simulation:
    """The simulation in `folder`, where it stopped; a new one with `settings` where there is none.

    `stated` names the settings that the user gave. Raises `UserError` if one of them differs from the simulation that is there.
    """
    stored = _read_state(folder)
    if stored is None:
        city = SimulatedCity(settings.seed, settings.now, settings.sizes)
        truth = TruthWriter(folder / TRUTH_FOLDER)
        stream = CityStream(city, settings.faults, truth)
        start = Position(stream.history_from_s)
        return Simulation(folder, settings, city, stream, truth, PublisherLedger(), start, start)
    kept, position, intent, ledger = stored
    for name in sorted(stated):
        if kept.as_json()[name] != settings.as_json()[name]:
            raise UserError(
                f"{folder} holds a simulation with {name} {kept.as_json()[name]}, not {settings.as_json()[name]}: leave the option out to go on "
                "with it, or give another --output"
            )
    city = SimulatedCity(kept.seed, kept.now, kept.sizes)
    truth = TruthWriter(folder / TRUTH_FOLDER)
    stream = CityStream(city, kept.faults, truth)
    stream.skip_to(position.hour_s, truth_from_s=position.hour_s // DAY_S * DAY_S)
    return Simulation(folder, kept, city, stream, truth, ledger, position, intent)


def _read_state(folder: Path) -> tuple[SimulationSettings, Position, Position, PublisherLedger] | None:
    path = folder / STATE_FILE
    if not path.exists():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        settings = SimulationSettings(
            state["seed"], datetime.fromisoformat(state["now"]), CitySizes(**state["sizes"]), dict(state["faults"])
        )
        return settings, Position(**state["position"]), Position(**state["intent"]), ledger_from_json(state["ledger"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not the state of a simulation ({error}): remove the folder to begin again") from error
