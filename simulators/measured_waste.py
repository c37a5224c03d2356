"""Level sensors whose series look like those of real containers: see `simulators.usage` and `simulators.series_statistics`.

What differs from the demo's city: rates and weekdays by published figures, emptyings by interval and level instead of a fixed schedule, a
surface that is not level and shifts, sensors with jitter, readings every two to three hours.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from simulators.batch import Batch, Floats, Ints
from simulators.city_map import CityMap
from simulators.sensor_simulator import HOUR_S, CitySizes, SimulationSpan, generator, local_midnight_s
from simulators.usage import MEASURED_USAGE, FractionUsage
from simulators.waste import WasteSimulator

_STREAM = 11
_CYCLE_H = 5
"""Two reports in five hours, two and three hours apart."""
_WAITS = (0.5, 1.0, 1.0, 1.5)
_SUNDAY = 6


class MeasuredWaste(WasteSimulator):
    """All level sensors of a city that is used as measured; see `SensorSimulator`."""

    def __init__(self, city_map: CityMap, sizes: CitySizes, span: SimulationSpan, seed: int) -> None:
        super().__init__(city_map, sizes, span, seed)
        rng = generator(seed, _STREAM)
        n = len(self.containers)
        self._of: list[FractionUsage] = [MEASURED_USAGE.fractions[container.fraction] for container in self.containers]
        self._litres_per_day = self._capacity_l * self._trait("share_per_day") * rng.lognormal(0, self._trait("spread"))
        self._litres_per_deposit = self._capacity_l * self._trait("share_per_deposit")
        self._weekday_factor = np.array([usage.week for usage in self._of]).T.copy()
        self._day_spread = self._trait("day_spread")
        self._report_phase = rng.integers(0, _CYCLE_H, n)
        self._truck_hour = rng.integers(7, 15, n)
        self._heap: Floats = np.zeros(n)
        self._unreported: Floats = np.zeros(n)
        self._waits: Floats = self._trait("emptied_every_days") * rng.choice(_WAITS, n)
        self._last_emptied: Ints = np.zeros(n, np.int64)

    def hour(self, start_s: int) -> Batch:
        batch = super().hour(start_s)
        rng = generator(self._seed, _STREAM, start_s)
        n = len(self.containers)
        kept = 1 - 1 / MEASURED_USAGE.heap_hours
        self._heap = kept * self._heap + rng.normal(0, np.sqrt(1 - kept**2), n)
        error = MEASURED_USAGE.heap_at(batch.truth) * self._heap + rng.normal(0, MEASURED_USAGE.jitter, n)
        distance = np.clip(batch.values["distance_mm"] - error * (self._empty_mm - self._full_mm), 30.0, self._empty_mm + 40.0)
        self._unreported += batch.values["deposit_count"]
        hour = start_s // HOUR_S + self._report_phase
        reports = np.isin(hour % _CYCLE_H, (0, 2))
        values = {**batch.values, "distance_mm": distance, "deposit_count": self._unreported.copy()}
        self._unreported[reports] = 0
        since = (start_s - self.history_from_s) // HOUR_S + self._report_phase
        sequence = self._start_sequence + since // _CYCLE_H * 2 + (since % _CYCLE_H >= 2)
        sent = Batch(
            batch.device, batch.observed_at_us, batch.send_at_us, sequence, values, batch.truth, batch.fault, batch.damage, batch.repeated,
            batch.stated_at_us, batch.restarts,
        )  # fmt: skip
        return sent.take(reports)

    def _begin_day(self, start_s: int, day: date) -> None:
        self._day = day
        rng = generator(self._seed, _STREAM, 2, day.toordinal())
        n = len(self.containers)
        self._log_drift += rng.normal(0, MEASURED_USAGE.log_drift_per_day, n)
        self._day_factor = rng.lognormal(-(self._day_spread**2) / 2, self._day_spread)
        fill = self._litres / self._capacity_l + 0.4 * self._trait("share_per_day")  # as it will be when the truck comes
        since = day.toordinal() - self._last_emptied
        due = (since >= 0.95 * self._waits) | (fill > self._trait("emptied_at_once_above"))
        worth_it = fill > self._trait("emptied_above") * rng.uniform(0.4, 1.1, n)
        emptied = due & worth_it & (day.weekday() != _SUNDAY)
        self._truck_hour = np.where(emptied, np.clip(self._truck_hour + rng.integers(-2, 3, n), 6, 16), self._truck_hour)
        at_us = ((local_midnight_s(start_s) + self._truck_hour * HOUR_S + rng.uniform(0, HOUR_S, n)) * 1e6).astype(np.int64)
        self._emptied_at_us = np.where(emptied, at_us, -1)
        self._last_emptied = np.where(emptied, day.toordinal(), self._last_emptied)
        self._waits = np.where(emptied, self._trait("emptied_every_days") * rng.choice(_WAITS, n), self._waits)

    def _trait(self, name: str) -> Floats:
        return np.array([getattr(usage, name) for usage in self._of])
