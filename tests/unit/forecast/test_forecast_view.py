"""A forecast as people read it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from stadspuls.forecast_view import HEADINGS, as_json, as_row, as_text, picture, view_of
from tests.unit.fill_forecast.test_overlay import steady

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def test_the_line_has_level_time_to_80_with_its_spread_and_the_grade() -> None:
    row = dict(zip(HEADINGS, as_row(view_of(steady()), AMSTERDAM), strict=True))
    assert row["level"] == "20 %"
    assert row["80 % full (1 in 10 … 9 in 10)"] == "Thu 05 Mar 05:00 (Wed 04 Mar 05:00 … Sun 08 Mar 05:00)"
    assert row["data"] == "good"


def test_the_text_holds_the_sentence_and_what_lies_beyond_the_horizon_is_said_to_be_later() -> None:
    text = as_text(view_of(steady(level=0.0, slow=0.01)), AMSTERDAM)
    assert "a test" in text
    assert "later" in text


def test_the_picture_rises_and_marks_the_days() -> None:
    lines = picture(steady(), AMSTERDAM)
    assert len(lines) == 12
    bars = [line[7:] for line in lines[:10]]
    assert bars[0].count(" ") > bars[-1].count(" ")
    assert "Wed" in lines[10]


def test_json_gives_times_and_probabilities() -> None:
    data = as_json(view_of(steady()))
    assert data["time_to_80_percent"] == {
        "p10": "2026-03-04T04:00:00+00:00",
        "p50": "2026-03-05T04:00:00+00:00",
        "p90": "2026-03-08T04:00:00+00:00",
    }
    assert data["overflow_probability_24h"] == 0.0
