"""Artifacts: deterministic, and refused with a sentence when they do not fit."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.fill_forecast.artifact import ArtifactRefused, describe, pack, sha256, unpack
from models.fill_forecast.history import DAY
from tests.unit.fill_forecast.fitted import CUTOFF, fitted, histories

pytestmark = pytest.mark.lengthy


def _with(content: bytes, **parts: bytes) -> bytes:
    """The artifact with some of its files replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name.split(".")[0], old.read(name)))
    return buffer.getvalue()


def _described(**changes: object) -> bytes:
    content = pack(fitted().model)
    return _with(content, description=json.dumps(describe(content).model_dump(mode="json") | changes).encode())


def test_what_is_unpacked_forecasts_the_same_and_packs_to_the_same_bytes() -> None:
    content = pack(fitted().model)
    loaded = unpack(content, expected_sha256=sha256(content))
    assert pack(loaded) == content
    assert loaded.description == fitted().model.description
    assert loaded.own_past.weeks.keys() == fitted().model.own_past.weeks.keys() > {"*"}, "hours for new containers"
    for history in histories()[:4]:
        first = fitted().model.forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
        assert loaded.forecast(history, cutoff=CUTOFF, known_at=CUTOFF) == first


def test_a_model_from_before_new_containers_had_hours_serves_as_it_did() -> None:
    content = pack(fitted().model)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        kept = json.loads(file.read("own_past.json"))
    del kept["weeks"]
    before = _with(content, own_past=json.dumps(kept).encode())
    loaded = unpack(before, expected_sha256=sha256(before))
    new = histories()[0].since(CUTOFF - 3 * DAY)
    now, then = (model.forecast(new, cutoff=CUTOFF, known_at=CUTOFF) for model in (fitted().model, loaded))
    assert now is not None
    assert then is not None
    assert then.day_profile == ()
    assert len(now.day_profile) == 24


def test_a_model_that_was_fitted_with_offsets_keeps_them() -> None:
    """As before December 2026: its lower and upper quantiles lie further out by a tenth of their width."""
    offsets = dict.fromkeys(fitted().model.description.weights, (-0.1, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1))
    assert fitted().model.description.offsets == {}
    content = _described(offsets=offsets, forecaster_version="2")
    loaded = unpack(content, expected_sha256=sha256(content))
    for history in histories()[:2]:
        with_them, without = (
            np.array(made.inflow_quantiles)
            for model in (loaded, fitted().model)
            if (made := model.forecast(history, cutoff=CUTOFF, known_at=CUTOFF)) is not None
        )
        assert (with_them[-1] > without[-1]).all()
        assert with_them[4] == pytest.approx(without[4])


@pytest.mark.parametrize(
    ("changes", "reason", "sentence"),
    [
        ({"scikit_learn": "0.99.1"}, "scikit_learn", r"fitted under scikit-learn 0\.99\.1, this is .*: fit a new one"),
        ({"features": ["level_last"]}, "features", "other features than this release computes"),
        ({"forecaster_version": "0"}, "features", "other features than this release computes"),
        ({"surprise": 1}, "unknown_form", "does not know: fit a new one"),
        ({"quantiles": [0.5]}, "unknown_form", "9 regressions for 1 quantiles"),
    ],
)
def test_an_artifact_that_does_not_fit_is_refused_with_a_sentence(changes: dict[str, object], reason: str, sentence: str) -> None:
    content = _described(**changes)
    with pytest.raises(ArtifactRefused, match=sentence) as refused:
        unpack(content, expected_sha256=sha256(content), version="3-12345678")
    assert refused.value.reason == reason


def test_a_changed_artifact_is_refused() -> None:
    content = pack(fitted().model)
    with pytest.raises(ArtifactRefused, match="not what was stored"):
        unpack(content + b" ", expected_sha256=sha256(content))


class _Harmful:
    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._file,)


def test_a_pickle_that_would_run_something_is_refused_and_does_not_run(tmp_path: Path) -> None:
    file = tmp_path / "ran"
    content = _with(pack(fitted().model), estimators=pickle.dumps([_Harmful(file)]))
    with pytest.raises(ArtifactRefused, match="which no estimator needs"):
        unpack(content, expected_sha256=sha256(content))
    assert not file.exists()


def test_what_is_no_artifact_at_all_is_refused() -> None:
    with pytest.raises(ArtifactRefused, match="no forecast model"):
        describe(b"nothing")
