"""Fitted forecast models, which of them serves, what forecasts rest on, and how they turned out."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current ADD COLUMN model_grade text NOT NULL DEFAULT 'fallback', ADD COLUMN evidence jsonb;
ALTER TABLE forecast_kept ADD COLUMN model_grade text NOT NULL DEFAULT 'fallback', ADD COLUMN evidence jsonb;

CREATE TABLE forecast_model (
    version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at timestamptz NOT NULL,
    content bytea NOT NULL,
    content_sha256 text NOT NULL UNIQUE,
    description jsonb NOT NULL,
    comparison text NOT NULL,
    not_worse boolean NOT NULL
);
COMMENT ON TABLE forecast_model IS 'Fitted forecast models: content is the artifact, description what is known about it.';
COMMENT ON COLUMN forecast_model.comparison IS 'How it did beside the model that served when it was fitted, as a sentence.';

CREATE TABLE forecast_model_taken (
    taken_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version bigint NOT NULL REFERENCES forecast_model,
    taken_at timestamptz NOT NULL,
    taken_by text NOT NULL,
    reason text NOT NULL
);
COMMENT ON TABLE forecast_model_taken IS 'Which model was taken to serve and why; the newest row is the one that serves.';

CREATE TABLE forecast_outcome (
    container_id text NOT NULL,
    cutoff timestamptz NOT NULL,
    horizon_hours integer NOT NULL,
    target_at timestamptz NOT NULL,
    forecaster text NOT NULL,
    forecaster_version text NOT NULL,
    model_grade text NOT NULL,
    fraction text NOT NULL,
    district text NOT NULL,
    level_observed double precision NOT NULL,
    absolute_error double precision NOT NULL,
    pinball double precision NOT NULL,
    inside double precision NOT NULL,
    width double precision NOT NULL,
    usual_rate_level double precision NOT NULL,
    usual_rate_pinball double precision NOT NULL,
    weekday_level double precision NOT NULL,
    weekday_pinball double precision NOT NULL,
    PRIMARY KEY (container_id, cutoff, horizon_hours)
);
COMMENT ON TABLE forecast_outcome IS 'How each nightly forecast turned out, with the collections that really happened laid over it.';
COMMENT ON COLUMN forecast_outcome.inside IS 'Of the 80 % interval: 1 inside, 0 outside, a tie with a bound counts half.';
CREATE INDEX forecast_outcome_by_target ON forecast_outcome (target_at);

CREATE TABLE forecast_score (
    target_day date NOT NULL,
    fraction text NOT NULL,
    horizon_hours integer NOT NULL,
    district text NOT NULL,
    forecaster text NOT NULL,
    forecaster_version text NOT NULL,
    cases integer NOT NULL,
    absolute_error double precision NOT NULL,
    pinball double precision NOT NULL,
    coverage double precision NOT NULL,
    width double precision NOT NULL,
    usual_rate_pinball double precision NOT NULL,
    weekday_pinball double precision NOT NULL,
    PRIMARY KEY (target_day, fraction, horizon_hours, district, forecaster, forecaster_version)
);
COMMENT ON TABLE forecast_score IS 'Means of forecast_outcome per UTC day of the target; losses, errors and widths as fractions of the capacity.';
"""

MIGRATION = Migration(version=3, name="forecast_models_and_scores", sql=_SQL, works_with=1)
