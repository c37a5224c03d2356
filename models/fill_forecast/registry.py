"""The registered forecasters. Registration is this tuple, nothing else."""

from __future__ import annotations

from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.forecaster import Forecaster

FORECASTERS: tuple[Forecaster, ...] = (EmpiricalInflow(),)
