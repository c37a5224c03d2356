"""Scores of stored forecasts as a table: the forecaster beside what a planner would use instead. Levels in points (per cent of full)."""

from __future__ import annotations

from models.domain.forecast_score import ForecastScore

HEADINGS = (
    "fraction",
    "horizon",
    "district",
    "model",
    "cases",
    "MAE",
    "pinball",
    "usual rate",
    "weekday pattern",
    "80 % covers",
    "width",
)
COVERAGE_LIMITS = (0.75, 0.85)


def as_row(score: ForecastScore) -> tuple[str, ...]:
    """One line, in the order of HEADINGS."""
    model = "all" if score.forecaster == "*" else f"{score.forecaster} {score.forecaster_version}"
    return (
        _all(score.fraction),
        f"{score.horizon_hours} h" if score.horizon_hours else "all",
        _all(score.district),
        model,
        str(score.cases),
        *(f"{100 * value:.2f}" for value in (score.absolute_error, score.pinball, score.usual_rate_pinball, score.weekday_pinball)),
        f"{100 * score.coverage:.1f} %",
        f"{100 * score.width:.1f}",
    )


def remarks(scores: list[ForecastScore], least_cases: int = 200) -> list[str]:
    """A sentence for each row with enough cases whose coverage has left its limits, or whose forecaster a baseline beats."""
    found = []
    for score in scores:
        if score.cases < least_cases:
            continue
        where = ", ".join(part for part in as_row(score)[:3] if part != "all") or "altogether"
        if not COVERAGE_LIMITS[0] <= score.coverage <= COVERAGE_LIMITS[1]:
            found.append(f"{where}: the 80 % interval covers {100 * score.coverage:.1f} %, outside 75–85 %")
        for name, loss in (("usual rate", score.usual_rate_pinball), ("weekday pattern", score.weekday_pinball)):
            if loss < score.pinball:
                found.append(f"{where}: the {name} beats the forecaster ({100 * loss:.2f} against {100 * score.pinball:.2f})")
    return found


def _all(value: str) -> str:
    return "all" if value == "*" else value
