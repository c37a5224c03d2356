"""One container in two worlds: as it was, and as it would have been had the shadow plans been driven. Pure.

What flowed in is read from the observed levels (`inflow_curve`: the sawtooth opened up, the usual rate where the level stood at full) and is
the same in both worlds; only the emptyings differ. A container of the shadow world starts at the level it really had when shadow mode
began, and is left at the level that its emptyings usually leave. On a day without a shadow plan the shadow world follows the real emptyings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.legal_interval import KnownFrom, LastCollection
from models.domain.shadow import ShadowVisit
from models.fill_forecast.history import DAY, HOUR, FloatArray, History
from models.fill_forecast.inflow import InflowCurve, inflow_curve
from models.fill_forecast.suspects import FULL
from processors.plan.calendar import moment

RESTART_DAYS = 7
"""After so many days without a shadow plan the shadow world begins anew, from the real levels."""
LONGEST_GAP_S = DAY
READ_UNTIL_S = 6 * HOUR
STEP_S = 300.0


@dataclass(frozen=True, eq=False)
class TwoWorlds:
    """`emptied` and `shadow_emptied` are moments in seconds since 1970, rising; before `begins` both worlds are one."""

    curve: InflowCurve
    begins: float
    emptied: FloatArray
    shadow_emptied: FloatArray

    def real(self, at: FloatArray) -> FloatArray:
        """The observed level, falling at once when it was emptied."""
        curve, steps = self.curve, self.curve.emptyings
        times = np.concatenate([curve.times, self.emptied - 1e-3, self.emptied + 1e-3])
        levels = np.concatenate([curve.levels, curve.levels[steps.last_before], curve.levels[steps.first_after]])
        order = np.argsort(times, kind="stable")
        found: FloatArray = np.interp(at, times[order], levels[order])
        return found

    def shadow(self, at: FloatArray) -> FloatArray:
        """The level of the shadow world; over 1 where more came in than it holds."""
        curve = self.curve
        inflow = np.interp(at, curve.times, curve.cumulative)
        start = min(self.begins, float(curve.times[-1]))
        starts = np.append(start, self.shadow_emptied)
        left = np.append(self.real(np.array([start])), np.full(len(self.shadow_emptied), curve.left.level))
        base = left - np.interp(starts, curve.times, curve.cumulative)
        last = np.searchsorted(self.shadow_emptied, at, side="right")
        level: FloatArray = np.where(at < self.begins, self.real(at), np.maximum(0.0, base[last] + inflow))
        return level

    def is_read(self, begin: float, end: float) -> bool:
        """Whether the container was read all the time: no day-long gap, and until six hours before the end at the least."""
        times = self.curve.times
        if not len(times) or times[0] > begin or times[-1] < end - READ_UNTIL_S:
            return False
        first, last = np.searchsorted(times, begin, side="right") - 1, np.searchsorted(times, end, side="left")
        gaps = np.diff(times[first : last + 1])
        return bool(np.all(gaps <= LONGEST_GAP_S))


def two_worlds(history: History, visits: Sequence[ShadowVisit], zone: ZoneInfo) -> TwoWorlds:
    """Of a history with at least one reading, and the container's days in shadow mode, in order."""
    curve = inflow_curve(history)
    emptied = _emptied(curve, history.collections)
    run = newest_run(visits)
    if not run:
        return TwoWorlds(curve, float("inf"), emptied, emptied)
    begins = moment(run[0].plan_date, 0, zone).timestamp()
    covered = [
        (moment(v.plan_date, 0, zone).timestamp(), moment(v.plan_date + timedelta(days=1), 0, zone).timestamp()) for v in run
    ]
    followed = [at for at in emptied if at >= begins and not any(start <= at < end for start, end in covered)]
    planned = [visit.collected_at.timestamp() for visit in run if visit.collected_at is not None]
    return TwoWorlds(curve, begins, emptied, np.array(sorted([*followed, *planned])))


def newest_run(visits: Sequence[ShadowVisit]) -> list[ShadowVisit]:
    """The newest days in shadow mode that follow each other without a week's pause."""
    run: list[ShadowVisit] = []
    for visit in visits:
        if run and (visit.plan_date - run[-1].plan_date).days > RESTART_DAYS:
            run = []
        run.append(visit)
    return run


def shadow_collection(last: LastCollection | None, visits: Sequence[ShadowVisit], zone: ZoneInfo) -> LastCollection | None:
    """The last collection of a container in the shadow world: by its newest shadow plan that came to it, else the real one from before its
    run began. A real one after that did not happen there: what it had waited by then is not known, and counts from the beginning."""
    run = newest_run(visits)
    if not run:
        return last
    came = [visit.collected_at for visit in run if visit.collected_at is not None]
    if came:
        on = max(came).astimezone(zone).date()
        return LastCollection(container_id=run[0].container_id, on=on, known_from=KnownFrom.SHADOW)
    began = run[0].plan_date
    return last if last is None or last.on <= began else last.model_copy(update={"on": began})


def day_span(day: date, zone: ZoneInfo) -> tuple[float, float]:
    """Begin and end of a local day, in seconds since 1970."""
    return moment(day, 0, zone).timestamp(), moment(day + timedelta(days=1), 0, zone).timestamp()


def full_hours(levels: FloatArray, seconds: float) -> float:
    """Hours at full of levels on an even grid over so many seconds."""
    return float((levels >= FULL).mean()) * seconds / 3600


def grid(begin: float, end: float) -> FloatArray:
    """The moments at which a day is looked at."""
    return np.arange(begin, end, STEP_S)


def shadow_level(worlds: TwoWorlds, at: datetime) -> float:
    """The level of the shadow world at a moment, 0 to 1."""
    return float(np.clip(worlds.shadow(np.array([at.timestamp()]))[0], 0.0, 1.0))


def _emptied(curve: InflowCurve, reported: FloatArray) -> FloatArray:
    """When each emptying of the signal was: as a crew said where it did, else in the middle between the two readings."""
    befores, afters = curve.times[curve.emptyings.last_before], curve.times[curve.emptyings.first_after]
    moments = (befores + afters) / 2
    for index, (before, after) in enumerate(zip(befores, afters, strict=True)):
        said = reported[(reported >= before) & (reported <= after)]
        if len(said):
            moments[index] = said[0]
    return moments
