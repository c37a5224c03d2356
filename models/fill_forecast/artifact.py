"""A fitted model as bytes: what is known about it as JSON, and scikit-learn's own objects, nothing of ours, in one zip file.

`pack` is deterministic: the same model gives the same bytes and so the same hash. `unpack` refuses, with a sentence, what was made under another
scikit-learn, what has been changed, and what holds anything but estimators and arrays (a pickle could else run any program).
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from dataclasses import asdict
from typing import Literal, get_args

import numpy as np
import sklearn
from pydantic import ValidationError

from models.domain.failures import UserError
from models.domain.forecast_model import ModelDescription
from models.fill_forecast.deposit_volume import VolumePrior
from models.fill_forecast.empirical import FittedEmpiricalInflow
from models.fill_forecast.inflow_cases import FEATURES
from models.fill_forecast.inflow_model import Regressors
from models.fill_forecast.served_inflow import NAME, VERSION, ServedInflow

_DESCRIPTION, _OWN_PAST, _ESTIMATORS = "description.json", "own_past.json", "estimators.pickle"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_HIST = "sklearn.ensemble._hist_gradient_boosting"
_ALLOWED = {
    (f"{_HIST}.gradient_boosting", "HistGradientBoostingRegressor"), (f"{_HIST}.binning", "_BinMapper"),
    (f"{_HIST}.predictor", "TreePredictor"), ("sklearn._loss.loss", "PinballLoss"), ("sklearn._loss._loss", "CyPinballLoss"),
    ("sklearn._loss.link", "IdentityLink"), ("sklearn._loss.link", "Interval"), ("numpy", "ndarray"), ("numpy", "dtype"),
    ("numpy._core.multiarray", "scalar"), ("numpy._core.multiarray", "_reconstruct"), ("numpy.random._pcg64", "PCG64"),
    ("numpy.random._pickle", "__generator_ctor"), ("numpy.random._pickle", "__bit_generator_ctor"),
    ("numpy.random.bit_generator", "SeedSequence"), ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"),
}  # fmt: skip
"""All that the pickle of these estimators names: nothing that runs a program or opens a file."""
_LARGEST_BYTES = 200_000_000


Refusal = Literal["changed", "unknown_form", "scikit_learn", "features"]
REFUSALS: tuple[Refusal, ...] = get_args(Refusal)
"""Why an artifact cannot serve: the closed list, labels of metrics."""


class ArtifactRefused(UserError):
    """The artifact cannot serve here; its text says why and what to do."""

    def __init__(self, reason: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


def pack(model: ServedInflow) -> bytes:
    """The model as an artifact."""
    own_past = {
        "pools": {fraction: values.tolist() for fraction, values in model.own_past.pools.items()},
        "level_errors": model.own_past.level_errors,
        "factors": model.own_past.factors,
        "volumes": {name: asdict(prior) for name, prior in model.own_past.volumes.items()},
        "weeks": {fraction: values.tolist() for fraction, values in model.own_past.weeks.items()},
    }
    parts = {
        _DESCRIPTION: json.dumps(model.description.model_dump(mode="json"), indent=1, sort_keys=True).encode(),
        _OWN_PAST: json.dumps(own_past, sort_keys=True).encode(),
        _ESTIMATORS: _pickled(model.regressors),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """The hash under which an artifact is known."""
    return hashlib.sha256(content).hexdigest()


def describe(content: bytes) -> ModelDescription:
    """What is known about an artifact, without loading its estimators. Raises `ArtifactRefused` for what is none."""
    return ModelDescription.model_validate_json(_part(content, _DESCRIPTION))


def unpack(content: bytes, *, expected_sha256: str, version: str = "") -> ServedInflow:
    """The model of an artifact, named `version`. Raises `ArtifactRefused`."""
    name = f"forecast model {version}" if version else "the forecast model"
    if sha256(content) != expected_sha256:
        raise ArtifactRefused(
            "changed", f"{name} is not what was stored: its hash is another one. Serve the former one (`stadspuls model back`)"
        )
    try:
        description = describe(content)
    except ValidationError as error:
        raise ArtifactRefused(
            "unknown_form", f"{name} has a description that this release does not know: fit a new one (`stadspuls model fit`)"
        ) from error
    if description.scikit_learn != sklearn.__version__:
        raise ArtifactRefused(
            "scikit_learn",
            f"{name} was fitted under scikit-learn {description.scikit_learn}, this is {sklearn.__version__}: "
            "fit a new one (`stadspuls model fit`)",
        )
    if (description.forecaster, description.forecaster_version) != (NAME, VERSION) or description.features != FEATURES:
        raise ArtifactRefused(
            "features", f"{name} was fitted on other features than this release computes: fit a new one (`stadspuls model fit`)"
        )
    kept = json.loads(_part(content, _OWN_PAST))
    own_past = FittedEmpiricalInflow(
        {fraction: np.array(values) for fraction, values in kept["pools"].items()},
        {fraction: tuple(values) for fraction, values in kept["level_errors"].items()},
        {name: (low, high) for name, (low, high) in kept["factors"].items()},
        {name: VolumePrior(**values) for name, values in kept.get("volumes", {}).items()},  # none before deposits were looked at
        {fraction: np.array(values) for fraction, values in kept.get("weeks", {}).items()},  # none before new containers had hours
    )
    regressors = _unpickled(_part(content, _ESTIMATORS), name)
    if regressors and len(regressors) != len(description.quantiles):
        raise ArtifactRefused(
            "unknown_form", f"{name} holds {len(regressors)} regressions for {len(description.quantiles)} quantiles: fit a new one"
        )
    return ServedInflow(description, own_past, regressors, version)


def _part(content: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            if file.getinfo(name).file_size > _LARGEST_BYTES:
                raise ArtifactRefused("unknown_form", f"the forecast model's {name} is larger than {_LARGEST_BYTES} bytes")
            return file.read(name)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ArtifactRefused("unknown_form", "this is no forecast model: fit one (`stadspuls model fit`)") from error


def _pickled(regressors: Regressors) -> bytes:
    # Through a second round: an object that was just fitted shares parts otherwise than one that was loaded, and would give other bytes.
    once = pickle.dumps(list(regressors), protocol=4)
    return pickle.dumps(pickle.loads(once), protocol=4)


def _unpickled(content: bytes, name: str) -> Regressors:
    try:
        return tuple(_EstimatorsOnly(io.BytesIO(content)).load())
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError, ValueError) as error:
        raise ArtifactRefused(
            "unknown_form", f"{name} cannot be loaded ({error}): fit a new one (`stadspuls model fit`)"
        ) from error


class _EstimatorsOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which no estimator needs")
        return super().find_class(module, name)
