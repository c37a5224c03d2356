"""One container that cannot be forecast holds up no other, and is told; a failure of all is raised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow, FittedEmpiricalInflow
from models.fill_forecast.history import DAY, History, moment
from processors.forecast.computing import Computed, compute
from processors.forecast.serving import ServingModel
from tests.unit.fill_forecast.signals import START, sawtooth

CUTOFF = START + 20 * DAY


class FailsFor:
    """A forecaster that cannot cope with some containers."""

    def __init__(self, *container_ids: str) -> None:
        self._fails = container_ids
        self._sound = FittedEmpiricalInflow(pools={})

    def forecast(self, history: History, **asked: Any) -> InflowForecast | None:
        if history.container_id in self._fails:
            raise IndexError("index -1 is out of bounds")
        return self._sound.forecast(history, **asked)


@cache
def histories() -> tuple[History, ...]:
    made = [sawtooth(seed, days=20, interval_hours=6, container_id=f"c-{seed}").history for seed in range(3)]
    return (*made, replace(made[0], container_id="c-unread", times=np.empty(0), levels=np.empty(0)))


def computed(forecaster: FailsFor | FittedEmpiricalInflow, chosen: Sequence[History]) -> list[Computed]:
    return compute(ServingModel(stale_days=60), forecaster, chosen, moment(CUTOFF), moment(CUTOFF))


def failures() -> float:
    return REGISTRY.get_sample_value("stadspuls_forecasts_failed_total") or 0.0


def test_the_others_are_forecast_as_ever_and_the_one_that_failed_is_named_and_counted() -> None:
    before = failures()
    with capture_logs() as logged:
        found = computed(FailsFor("c-1"), histories())
    sound = [item for item in computed(FailsFor(), histories()) if item.forecast.container_id != "c-1"]
    assert found == sound
    assert [item.forecast.container_id for item in found] == ["c-0", "c-2"], "a container that was never read has no forecast"
    assert failures() == before + 1
    (told,) = [entry for entry in logged if entry["event"] == "forecast_failed"]
    assert told["container"] == "c-1"
    assert "out of bounds" in told["reason"]


def test_one_alone_that_fails_is_counted_too() -> None:
    before = failures()
    assert computed(FailsFor("c-1"), histories()[1:2]) == []
    assert failures() == before + 1


def test_what_fails_for_every_container_is_raised() -> None:
    before = failures()
    with pytest.raises(IndexError):
        computed(FailsFor("c-0", "c-1", "c-2"), histories()[:3])
    assert failures() == before, "no container is to blame"


def test_nothing_fails_where_nothing_does() -> None:
    before = failures()
    fitted = EmpiricalInflow().fit(histories(), cutoff=CUTOFF, known_at=CUTOFF)
    assert len(computed(fitted, histories())) == 3
    assert failures() == before
