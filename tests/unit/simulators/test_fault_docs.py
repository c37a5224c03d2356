"""The page on simulation has each fault with its rates."""

from __future__ import annotations

from pathlib import Path

from simulators.faults import DEFAULT_RATES, EVERY_FAULT

PAGE = Path(__file__).parents[3] / "docs" / "simulation.md"


def test_the_table_of_faults_is_true() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    faults = {row[0].strip("`"): row for row in rows if len(row) == 6}
    assert set(faults) == set(EVERY_FAULT)
    for name, (_, _, rate, alone, *_) in faults.items():
        assert float(rate) == EVERY_FAULT[name], name
        assert float(alone or 0) == DEFAULT_RATES.get(name, 0.0), name
